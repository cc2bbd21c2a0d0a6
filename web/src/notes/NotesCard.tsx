import { ActionIcon, Menu } from '@mantine/core';
import { IconDots, IconLinkOff, IconNotes, IconPlus, IconTrash } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { lazy, Suspense, useCallback, useEffect, useState } from 'react';
import { request } from '../api/client.ts';
import { toFailure, type Failure } from '../api/failure.ts';
import { formatInstant, formatRelative } from '../model/dates.ts';
import { throughDocument } from '../model/documents.ts';
import { labelField, type RelatedList } from '../model/lookup.ts';
import { rightsOf } from '../model/permissions.ts';
import { plainText } from '../model/plainText.ts';
import type { Model, ModelField, RecordRow } from '../model/types.ts';
import { isParts, readValue, recordLabel } from '../model/values.ts';
import { announceFailure, offerUndo } from '../records/announce.tsx';
import { createRecord, deleteRecords } from '../records/changes.ts';
import { ReadFailure } from '../records/ReadFailure.tsx';
import record from '../records/RecordView.module.css';
import { useLiveObjects } from '../records/useLiveObject.ts';
import { remembering, type Step } from '../undo/undo.ts';
import classes from './notes.module.css';
import { t } from '../language/t.ts';
import { usePrinting } from '../print/printing.ts';

const RichText = lazy(async () => ({ default: (await import('../texts/RichText.tsx')).RichText }));

const A_PAGE = 20;

interface Joined {
  join: string;
  row: RecordRow;
}

/** The notes of a record, the latest first: read, written and begun where they stand. */
export function NotesCard({ model, list, id }: { model: Model; list: RelatedList; id: string }) {
  const { holder, relation, through } = list;
  const object = through?.target ?? holder;
  const title = labelField(object);
  const body = object.fields.find((field) => field.type === 'RICH_TEXT' && field.isActive && !field.isSystem);
  const named = (name: string) => object.fields.find((field) => field.name === name && field.isActive);
  const [notes, setNotes] = useState<Joined[] | null>(null);
  const [count, setCount] = useState(A_PAGE);
  const [hasMore, setHasMore] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [open, setOpen] = useState<{ id: string; isNew: boolean } | null>(null);
  const fields = [title, body, named('createdAt'), named('createdBy'), named('updatedAt')].filter(
    (field) => field !== undefined,
  );
  const key = fields.map((field) => field.id).join();

  const read = useCallback(async () => {
    if (!through) return;
    try {
      const { list: page } = await request(throughDocument(model, holder, through.relation.name, object, fields), {
        first: count,
        filter: { [relation.columnName]: { equalTo: id } },
        orderBy: ['CREATED_AT_DESC', 'ID_DESC'],
      });
      setNotes(
        page.nodes.flatMap((join) => {
          const row = join[through.relation.name] as RecordRow | null;
          return row ? [{ join: join.id, row }] : [];
        }),
      );
      setHasMore(page.pageInfo.hasNextPage);
      setFailure(null);
    } catch (cause) {
      setFailure(toFailure(cause));
    }
    // eslint-disable-next-line react-hooks/exhaustive-deps -- key stands for the fields, and they for the model.
  }, [key, holder.id, relation.columnName, id, count]);
  useEffect(() => void read(), [read]);
  useLiveObjects([holder.id, object.id], () => void read());

  if (!through) return null;
  const mayCreate = rightsOf(object).canCreate && rightsOf(holder).canCreate && title?.columns.length === 1;
  const create = async (name: string): Promise<boolean> => {
    const step: Step = { label: t('new note'), requestIds: [] };
    try {
      await remembering(step, async () => {
        const row = await createRecord(model, object, [], { [title!.columns[0]!.name]: name }, step);
        await createRecord(
          model,
          holder,
          [],
          { [through.relation.columnName]: row.id, [relation.columnName]: id },
          step,
        );
        await read();
        setOpen({ id: row.id, isNew: true });
      });
      return true;
    } catch (cause) {
      announceFailure(t('Note not created'), cause);
      return false;
    }
  };
  const unlink = async (join: string) => {
    try {
      await deleteRecords(holder, [join]);
    } catch (cause) {
      announceFailure(t('Link not removed'), cause);
    }
    await read();
  };
  const remove = async (note: string) => {
    try {
      offerUndo(object, 1, await deleteRecords(object, [note]), () => void read());
    } catch (cause) {
      announceFailure(t('Note not deleted'), cause);
    }
    await read();
  };
  if (!mayCreate && notes?.length === 0) return null;
  return (
    <section className={record.block} aria-label={list.label} data-empty={notes?.length === 0 || undefined}>
      <div className={record.blockHead}>
        <IconNotes size={15} stroke={1.75} aria-hidden />
        <h2 className={record.blockTitle}>{list.label}</h2>
        {notes && notes.length > 0 ? (
          <span className={record.count}>{hasMore ? `${notes.length}+` : notes.length}</span>
        ) : null}
      </div>
      {mayCreate ? <NewNote onCreate={create} /> : null}
      {failure ? <ReadFailure what={t('Notes')} failure={failure} onRetry={() => void read()} /> : null}
      {notes === null && !failure ? (
        <div className={record.boneRow}>
          <span className={record.bone} style={{ width: '60%' }} />
        </div>
      ) : null}
      {notes?.map(({ join, row }) => (
        <Note
          key={row.id}
          model={model}
          list={list}
          row={row}
          body={body}
          isOpen={open?.id === row.id}
          isNew={open?.id === row.id && open.isNew}
          onOpen={(isOpen) => {
            setOpen(isOpen ? { id: row.id, isNew: false } : null);
            if (!isOpen) void read();
          }}
          onDelete={rightsOf(object).canDelete ? () => void remove(row.id) : undefined}
          onUnlink={rightsOf(holder).canDelete ? () => void unlink(join) : undefined}
        />
      ))}
      {hasMore ? (
        <button type="button" className={classes.more} onClick={() => setCount(count + A_PAGE)}>
          {t('Show more')}
        </button>
      ) : null}
    </section>
  );
}

/** A title is enough to begin with: Enter makes the note, and one goes on in its text. */
function NewNote({ onCreate }: { onCreate: (title: string) => Promise<boolean> }) {
  const [text, setText] = useState('');
  return (
    <form
      className={classes.new}
      onSubmit={async (event) => {
        event.preventDefault();
        if (text.trim() === '') return;
        setText('');
        if (!(await onCreate(text.trim()))) setText(text);
      }}
    >
      <IconPlus size={16} stroke={1.75} aria-hidden />
      <input
        value={text}
        aria-label={t('New note')}
        placeholder={t('Write a note: begin with its title')}
        autoComplete="off"
        onChange={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') setText('');
        }}
      />
    </form>
  );
}

interface NoteProps {
  model: Model;
  list: RelatedList;
  row: RecordRow;
  body: ModelField | undefined;
  isOpen: boolean;
  isNew: boolean;
  onOpen: (isOpen: boolean) => void;
  onDelete: (() => void) | undefined;
  onUnlink: (() => void) | undefined;
}

function Note({ model, list, row, body, isOpen, isNew, onOpen, onDelete, onUnlink }: NoteProps) {
  const object = list.through?.target ?? list.holder;
  const label = recordLabel(model, object, row) || t('Untitled');
  const value = body ? readValue(model, body, row) : null;
  const text = isParts(value) ? String(value['markdown'] ?? '') : '';
  const writer = object.fields.find(({ name }) => name === 'createdBy');
  const by = writer ? readValue(model, writer, row) : null;
  const madeAt = row['createdAt'];
  const isPrinting = usePrinting((state) => state.isPrinting);
  return (
    <article className={classes.note} data-open={isOpen || undefined}>
      <div className={classes.head}>
        <Link
          to="/objects/$namePlural/$id"
          params={{ namePlural: object.namePlural, id: row.id }}
          className={classes.title}
        >
          {label}
        </Link>
        <span className={classes.meta}>
          {isParts(by) && typeof by['name'] === 'string' ? `${by['name']}, ` : ''}
          {typeof madeAt === 'string' ? (
            <time dateTime={madeAt} title={formatInstant(madeAt)}>
              {formatRelative(madeAt)}
            </time>
          ) : null}
        </span>
        {onDelete || onUnlink ? (
          <Menu position="bottom-end" withinPortal>
            <Menu.Target>
              <ActionIcon variant="subtle" color="gray" size={24} aria-label={t('More about {label}', { label })}>
                <IconDots size={15} />
              </ActionIcon>
            </Menu.Target>
            <Menu.Dropdown>
              {onUnlink ? (
                <Menu.Item leftSection={<IconLinkOff size={15} />} onClick={onUnlink}>
                  {t('Take off this record')}
                </Menu.Item>
              ) : null}
              {onDelete ? (
                <Menu.Item color="red" leftSection={<IconTrash size={15} />} onClick={onDelete}>
                  {t('Delete')}
                </Menu.Item>
              ) : null}
            </Menu.Dropdown>
          </Menu>
        ) : null}
      </div>
      {body && isOpen ? (
        <>
          <Suspense fallback={<p className={classes.excerpt}>{plainText(text)}</p>}>
            <RichText
              model={model}
              object={object}
              field={body}
              id={row.id}
              text={text}
              readOnly={!rightsOf(object).canUpdate || body.isWithheld === true}
              autoFocus={isNew}
            />
          </Suspense>
          <button type="button" className={classes.more} onClick={() => onOpen(false)}>
            {t('Close')}
          </button>
        </>
      ) : body ? (
        <button
          type="button"
          className={classes.excerpt}
          data-told
          aria-label={t('Read and write {label}', { label })}
          onClick={() => onOpen(true)}
        >
          {(isPrinting ? plainText(text) : plainText(text).slice(0, 320)) || t('No text yet')}
        </button>
      ) : null}
    </article>
  );
}
