import { ActionIcon } from '@mantine/core';
import { IconPlus, IconX } from '@tabler/icons-react';
import { useEffect, useRef, useState, type ClipboardEvent, type DragEvent, type KeyboardEvent } from 'react';
import { EditorNote } from '../fields/EditorNote.tsx';
import type { FieldEditorProps } from '../fields/editorProps.ts';
import fields from '../fields/fields.module.css';
import type { Move } from '../grid/types.ts';
import { FileIcon } from './FileIcon.tsx';
import classes from './files.module.css';
import { filesOf, formatSize, type StoredFile } from './files.ts';
import { UploadList } from './UploadList.tsx';
import { useUploads } from './uploads.ts';
import { t } from '../language/t.ts';

/** The files of a field: chosen, dropped or pasted, renamed and taken out. Each change is saved as it is made. */
export function FilesEditor({ field, value, problem, onSave, done }: FieldEditorProps) {
  const [files, setFiles] = useState(() => filesOf(value));
  const latest = useRef(files);
  const chooser = useRef<HTMLInputElement>(null);
  const addButton = useRef<HTMLButtonElement>(null);
  const box = useRef<HTMLDivElement>(null);
  const most = field.settings?.maxNumberOfValues ?? Infinity;

  const save = (next: StoredFile[]) => {
    latest.current = next;
    setFiles(next);
    onSave(next.length > 0 ? next : null);
  };
  const { uploads, isBusy, add, again, drop } = useUploads((file) => save([...latest.current, file]));
  const room = most - files.length - uploads.length;
  const [refused, setRefused] = useState<string | null>(null);
  const take = (given: File[]) => {
    setRefused(
      given.length > room ? t('{most, plural, one {At most # file.} other {At most # files.}}', { most }) : null,
    );
    add(given.slice(0, Math.max(0, room)));
  };

  useEffect(() => {
    (addButton.current ?? box.current)?.focus({ preventScroll: true });
  }, []);

  const finish = (move: Move) => {
    // What is on its way is waited for; whoever does not want it stops it.
    if (!isBusy) done(move);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    event.stopPropagation();
    if (event.key === 'Escape') finish('stay');
    else if (event.key === 'Enter' && !(event.target instanceof HTMLButtonElement)) finish('stay');
    else return;
    event.preventDefault();
  };
  const rename = (file: StoredFile, name: string) => {
    if (name.trim() !== '' && name !== file.name)
      save(latest.current.map((each) => (each.id === file.id ? { ...each, name: name.trim() } : each)));
  };

  return (
    <div
      ref={box}
      className={fields.stack}
      data-wide
      data-takes-files
      tabIndex={-1}
      role="group"
      aria-label={field.label}
      onKeyDown={onKeyDown}
      onBlur={(event) => {
        // The window that chooses files takes the focus, too.
        if (document.hasFocus() && event.relatedTarget !== null && !event.currentTarget.contains(event.relatedTarget))
          finish('stay');
      }}
      onDragOver={(event: DragEvent) => event.preventDefault()}
      onDrop={(event: DragEvent) => {
        event.preventDefault();
        take([...event.dataTransfer.files]);
      }}
      onPaste={(event: ClipboardEvent) => {
        if (event.clipboardData.files.length === 0) return;
        event.preventDefault();
        take([...event.clipboardData.files]);
      }}
    >
      {files.map((file) => (
        <div key={file.id} className={fields.listItem}>
          <FileIcon type={file.type} size={16} />
          <input
            className={fields.input}
            defaultValue={file.name}
            aria-label={t('Name of {name}', { name: file.name })}
            maxLength={255}
            autoComplete="off"
            spellCheck={false}
            onBlur={(event) => rename(file, event.currentTarget.value)}
          />
          <span className={classes.size}>{formatSize(file.size)}</span>
          <ActionIcon
            variant="subtle"
            color="gray"
            size="sm"
            aria-label={t('Remove {name}', { name: file.name })}
            onMouseDown={(event) => event.preventDefault()}
            onClick={() => save(latest.current.filter((each) => each.id !== file.id))}
          >
            <IconX size={13} />
          </ActionIcon>
        </div>
      ))}
      <UploadList uploads={uploads} onAgain={again} onDrop={drop} />
      {room > 0 ? (
        <button ref={addButton} type="button" className={fields.addItem} onClick={() => chooser.current?.click()}>
          <IconPlus size={13} aria-hidden /> {t('{most, plural, one {Add a file} other {Add files}}', { most })}
        </button>
      ) : null}
      <input
        ref={chooser}
        type="file"
        multiple={most > 1}
        hidden
        aria-label={t('Files for {label}', { label: field.label })}
        onChange={(event) => {
          take([...(event.currentTarget.files ?? [])]);
          event.currentTarget.value = '';
          box.current?.focus();
        }}
      />
      <EditorNote field={field} reason={refused ?? problem ?? null} />
    </div>
  );
}
