import { useEffect, useRef, useState } from 'react';

const hasFiles = (transfer: DataTransfer | null): boolean => transfer?.types.includes('Files') === true;

/** Where something else takes files, such as a dialog or the editor of a field, they are its own. */
const isTaken = (event: Event): boolean =>
  event.target instanceof Element && event.target.closest('[data-takes-files], [role="dialog"]') !== null;

/** Files that are dropped anywhere on the page, or pasted outside of a text; true while some are held over it. */
export function useDroppedFiles(isWanted: boolean, onFiles: (files: File[]) => void): boolean {
  const [isOver, setIsOver] = useState(false);
  const latest = useRef(onFiles);
  useEffect(() => {
    latest.current = onFiles;
  });
  useEffect(() => {
    if (!isWanted) return;
    const over = (event: DragEvent) => {
      if (!hasFiles(event.dataTransfer) || isTaken(event)) return;
      // Without this the browser would leave the page to show the file.
      event.preventDefault();
      setIsOver(true);
    };
    const leave = (event: DragEvent) => {
      if (event.relatedTarget === null) setIsOver(false);
    };
    const take = (event: DragEvent) => {
      setIsOver(false);
      if (!hasFiles(event.dataTransfer) || isTaken(event) || event.defaultPrevented) return;
      event.preventDefault();
      latest.current([...(event.dataTransfer?.files ?? [])]);
    };
    const paste = (event: ClipboardEvent) => {
      const target = event.target as HTMLElement;
      const files = [...(event.clipboardData?.files ?? [])];
      if (files.length === 0 || event.defaultPrevented || isTaken(event)) return;
      if (/^(input|textarea)$/i.test(target.tagName) || target.isContentEditable) return;
      event.preventDefault();
      latest.current(files);
    };
    document.addEventListener('dragover', over);
    document.addEventListener('dragleave', leave);
    document.addEventListener('drop', take);
    document.addEventListener('paste', paste);
    return () => {
      document.removeEventListener('dragover', over);
      document.removeEventListener('dragleave', leave);
      document.removeEventListener('drop', take);
      document.removeEventListener('paste', paste);
    };
  }, [isWanted]);
  return isOver;
}
