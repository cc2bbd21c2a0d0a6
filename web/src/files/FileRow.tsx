import { ActionIcon, Menu } from '@mantine/core';
import { IconCheck, IconDots, IconDownload, IconEye, IconLink, IconPencil, IconTrash } from '@tabler/icons-react';
import { useState, type KeyboardEvent } from 'react';
import { FieldDisplay } from '../fields/FieldDisplay.tsx';
import { formatInstant, formatRelative } from '../model/dates.ts';
import type { Model, ModelField, RecordRow } from '../model/types.ts';
import { readValue } from '../model/values.ts';
import { announceDone, announceFailure } from '../records/announce.tsx';
import { FileThumb } from './FileThumb.tsx';
import classes from './files.module.css';
import { download, fileAddress, formatSize, type StoredFile } from './files.ts';
import { t } from '../language/t.ts';

interface FileRowProps {
  model: Model;
  row: RecordRow;
  file: StoredFile;
  category: ModelField | undefined;
  mayChange: boolean;
  mayDelete: boolean;
  onOpen: () => void;
  onRename: (name: string) => void;
  onCategory: (value: string | null) => void;
  onDelete: () => void;
}

/** A file of a record: what it is, who brought it, and what can be done with it. */
export function FileRow(props: FileRowProps) {
  const { model, row, file, category, mayChange, mayDelete, onOpen, onRename, onCategory, onDelete } = props;
  const [renaming, setRenaming] = useState(false);
  const value = category ? readValue(model, category, row) : null;
  const created = typeof row['createdAt'] === 'string' ? row['createdAt'] : null;
  const by = typeof row['createdByName'] === 'string' ? row['createdByName'] : null;
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(window.location.origin + fileAddress(file.id));
      announceDone(t('Link copied. It opens for whoever may see this record.'));
    } catch (cause) {
      announceFailure(t('Link not copied'), cause);
    }
  };
  return (
    <li className={classes.row}>
      <FileThumb file={file} />
      <span className={classes.what}>
        {renaming ? (
          <NameInput
            name={file.name}
            onDone={(name) => {
              setRenaming(false);
              if (name !== null && name !== file.name) onRename(name);
            }}
          />
        ) : (
          <button type="button" className={classes.name} onClick={onOpen} title={file.name} data-told>
            {file.name}
          </button>
        )}
        <span className={classes.about}>
          {category && value !== null ? <FieldDisplay field={category} value={value} /> : null}
          <span>{formatSize(file.size)}</span>
          {created ? (
            <time dateTime={created} title={formatInstant(created)}>
              {formatRelative(created)}
            </time>
          ) : null}
          {by ? <span className={classes.by}>{by}</span> : null}
        </span>
      </span>
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" aria-label={t('More about {name}', { name: file.name })}>
            <IconDots size={16} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<IconEye size={15} />} onClick={onOpen}>
            {t('Look at it')}
          </Menu.Item>
          <Menu.Item
            leftSection={<IconDownload size={15} />}
            onClick={() =>
              void download(file.id).catch((cause: unknown) => announceFailure(t('Not downloaded'), cause))
            }
          >
            {t('Download')}
          </Menu.Item>
          <Menu.Item leftSection={<IconLink size={15} />} onClick={() => void copy()}>
            {t('Copy link')}
          </Menu.Item>
          {mayChange ? (
            <Menu.Item leftSection={<IconPencil size={15} />} onClick={() => setRenaming(true)}>
              {t('Rename')}
            </Menu.Item>
          ) : null}
          {mayChange && category?.options?.length ? (
            <>
              <Menu.Divider />
              <Menu.Label>{category.label}</Menu.Label>
              {category.options.map((option) => (
                <Menu.Item
                  key={option.value}
                  leftSection={option.value === value ? <IconCheck size={15} /> : <span className={classes.noCheck} />}
                  onClick={() => onCategory(option.value === value ? null : option.value)}
                >
                  {option.label}
                </Menu.Item>
              ))}
            </>
          ) : null}
          {mayDelete ? (
            <>
              <Menu.Divider />
              <Menu.Item color="red" leftSection={<IconTrash size={15} />} onClick={onDelete}>
                {t('Delete')}
              </Menu.Item>
            </>
          ) : null}
        </Menu.Dropdown>
      </Menu>
    </li>
  );
}

/** Enter renames, Escape does not. What stands before the ending is chosen: that is what people change. */
function NameInput({ name, onDone }: { name: string; onDone: (name: string | null) => void }) {
  const [text, setText] = useState(name);
  const finish = (wanted: string | null) => onDone(wanted?.trim() ? wanted.trim() : null);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === 'Enter') finish(text);
    else if (event.key === 'Escape') finish(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <input
      className={classes.rename}
      value={text}
      aria-label={t('Name of {name}', { name })}
      maxLength={255}
      autoComplete="off"
      spellCheck={false}
      ref={(input) => {
        if (!input || document.activeElement === input) return;
        // The menu gives the focus back to its button when it has closed.
        setTimeout(() => {
          input.focus();
          input.setSelectionRange(0, name.lastIndexOf('.') > 0 ? name.lastIndexOf('.') : name.length);
        }, 50);
      }}
      onChange={(event) => setText(event.currentTarget.value)}
      onKeyDown={onKeyDown}
      onBlur={(event) => {
        if (event.relatedTarget !== null) finish(text);
      }}
    />
  );
}
