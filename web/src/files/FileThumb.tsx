import { useEffect, useState } from 'react';
import { FileIcon } from './FileIcon.tsx';
import classes from './files.module.css';
import { askLinks, kindOf, type StoredFile } from './files.ts';

/** Larger pictures are not fetched to be shown as small as this. */
const SMALL_BYTES = 500_000;

/** A small picture is shown as it is, everything else as what it is. */
export function FileThumb({ file }: { file: StoredFile }) {
  const isPicture = kindOf(file.type) === 'image' && file.size <= SMALL_BYTES;
  const [url, setUrl] = useState<string | null>(null);
  useEffect(() => {
    if (!isPicture) return;
    let isWanted = true;
    askLinks([file.id])
      .then((links) => {
        if (isWanted) setUrl(links.get(file.id)?.url ?? null);
      })
      // The icon says enough.
      .catch(() => undefined);
    return () => {
      isWanted = false;
    };
  }, [file.id, isPicture]);
  return (
    <span className={classes.thumb}>
      {url ? <img src={url} alt="" loading="lazy" onError={() => setUrl(null)} /> : <FileIcon type={file.type} />}
    </span>
  );
}
