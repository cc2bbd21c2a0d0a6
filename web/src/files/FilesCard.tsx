import { ActionIcon, Button, Tooltip } from '@mantine/core';
import { IconPaperclip, IconUpload } from '@tabler/icons-react';
import { lazy, Suspense, useCallback, useEffect, useRef, useState } from 'react';
import { request } from '../api/client.ts';
import { toFailure } from '../api/failure.ts';
import { listDocument } from '../model/documents.ts';
import { labelField, relatedLists, type RelatedList } from '../model/lookup.ts';
import { rightsOf } from '../model/permissions.ts';
import { useMay } from '../model/store.ts';
import type { ColumnValue, Model, ModelField, ModelObject, RecordRow } from '../model/types.ts';
import { readValue } from '../model/values.ts';
import { announceFailure, offerUndo } from '../records/announce.tsx';
import { createRecord, deleteRecords, saveEdits } from '../records/changes.ts';
import unread from '../records/ReadFailure.module.css';
import record from '../records/RecordView.module.css';
import { useLiveObjects } from '../records/useLiveObject.ts';
import { useSession } from '../session/session.ts';
import { FileRow } from './FileRow.tsx';
import classes from './files.module.css';
import { filesOf, type StoredFile } from './files.ts';
import { fileField, isFilesList } from './filesList.ts';
import { NoFilesYet } from './NoFilesYet.tsx';
import { UploadList } from './UploadList.tsx';
import { useDroppedFiles } from './useDroppedFiles.ts';
import { useUploads } from './uploads.ts';
import { t } from '../language/t.ts';

const FilePreview = lazy(async () => ({ default: (await import('./FilePreview.tsx')).FilePreview }));

const A_PAGE = 50;

const named = (holder: ModelObject, name: string): ModelField | undefined =>
  holder.fields.find((field) => field.name === name && field.isActive);

/** The files of a record, and the place on its page where files are dropped. */
export function FilesCard({ model, object, id }: { model: Model; object: ModelObject; id: string }) {
  const list = relatedLists(model, object).find(isFilesList);
  const file = list && fileField(list.holder);
  const mayModel = useMay('DATA_MODEL');
  if (!list && mayModel && object.isCustom && !object.isJunction) {
    const isThere = model.objects.some((each) => !each.isCustom && each.isActive && each.nameSingular === 'attachment');
    return isThere ? <NoFilesYet object={object} /> : null;
  }
  return list && file ? <Files key={id} model={model} list={list} file={file} id={id} /> : null;
}

interface FilesProps {
  model: Model;
  list: RelatedList;
  file: ModelField;
  id: string;
}

function Files({ model, list, file, id }: FilesProps) {
  const { holder, relation } = list;
  const name = labelField(holder);
  const category = named(holder, 'category');
  const [rows, setRows] = useState<RecordRow[] | null>(null);
  const [count, setCount] = useState(A_PAGE);
  const [hasMore, setHasMore] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const [shown, setShown] = useState<number | null>(null);
  const chooser = useRef<HTMLInputElement>(null);
  const isLooking = useSession((state) => Boolean(state.identity?.seeing));
  const mayUpload = useMay('UPLOAD_FILE') && rightsOf(holder).canCreate && !isLooking;

  const asked = [name, file, category, named(holder, 'createdAt'), named(holder, 'createdBy')].filter(
    (field) => field !== undefined,
  );
  const key = asked.map((field) => field.id).join();
  const read = useCallback(async () => {
    try {
      const { list: page } = await request(listDocument(model, holder, asked), {
        first: count,
        filter: { [relation.columnName]: { equalTo: id } },
        orderBy: ['CREATED_AT_DESC', 'ID_DESC'],
      });
      setRows(page.nodes);
      setHasMore(page.pageInfo.hasNextPage);
      setProblem(null);
    } catch (cause) {
      setProblem(toFailure(cause).message);
    }
    // eslint-disable-next-line react-hooks/exhaustive-deps -- key stands for the fields, and they for the model.
  }, [key, holder.id, relation.columnName, id, count]);
  useEffect(() => void read(), [read]);
  useLiveObjects([holder.id], () => void read());

  const attach = async (stored: StoredFile) => {
    const values: { [column: string]: ColumnValue } = {
      [relation.columnName]: id,
      [file.columns[0]!.name]: [{ id: stored.id }],
      ...(name?.type === 'TEXT' && { [name.columns[0]!.name]: stored.name }),
    };
    await createRecord(model, holder, [], values);
    await read();
  };
  const { uploads, add, again, drop } = useUploads(attach);
  const isOver = useDroppedFiles(mayUpload, add);

  const all = (rows ?? []).flatMap((row) =>
    filesOf(readValue(model, file, row))
      .slice(0, 1)
      .map((stored) => ({ row, stored })),
  );
  const rename = async (row: RecordRow, stored: StoredFile, wanted: string) => {
    try {
      await saveEdits(model, holder, row, [
        ...(name?.type === 'TEXT' ? [{ field: name, value: wanted }] : []),
        { field: file, value: [{ ...stored, name: wanted }] },
      ]);
    } catch (cause) {
      announceFailure(t('{name} not renamed', { name: stored.name }), cause);
    }
    await read();
  };
  const categorise = async (row: RecordRow, value: string | null) => {
    if (!category) return;
    try {
      await saveEdits(model, holder, row, [{ field: category, value }]);
    } catch (cause) {
      announceFailure(t('Category not changed'), cause);
    }
    await read();
  };
  const remove = async (row: RecordRow, stored: StoredFile) => {
    try {
      offerUndo(holder, 1, await deleteRecords(holder, [row.id]), () => void read());
    } catch (cause) {
      announceFailure(t('{name} not deleted', { name: stored.name }), cause);
    }
    await read();
  };

  if (!mayUpload && rows?.length === 0) return null;
  return (
    <section className={record.block} aria-label={t('Files')} data-empty={rows?.length === 0 || undefined}>
      <div className={record.blockHead}>
        <IconPaperclip size={15} stroke={1.75} aria-hidden />
        <h2 className={record.blockTitle}>{t('Files')}</h2>
        {all.length > 0 ? <span className={record.count}>{hasMore ? `${all.length}+` : all.length}</span> : null}
        {mayUpload ? (
          <Tooltip label={t('Upload files')}>
            <ActionIcon
              variant="subtle"
              color="gray"
              size="sm"
              ml="auto"
              aria-label={t('Upload files')}
              onClick={() => chooser.current?.click()}
            >
              <IconUpload size={15} />
            </ActionIcon>
          </Tooltip>
        ) : null}
      </div>
      {mayUpload ? (
        <input
          ref={chooser}
          type="file"
          multiple
          hidden
          aria-label={t('Files to upload')}
          onChange={(event) => {
            add([...(event.currentTarget.files ?? [])]);
            event.currentTarget.value = '';
          }}
        />
      ) : null}
      <UploadList uploads={uploads} onAgain={again} onDrop={drop} />
      {problem ? (
        <div className={unread.readFailure} role="alert">
          <span>{t('The files could not be read: {problem}', { problem })}</span>
          <Button size="compact-xs" variant="subtle" onClick={() => void read()}>
            {t('Try again')}
          </Button>
        </div>
      ) : null}
      {rows === null && !problem ? (
        <div className={record.boneRow}>
          <span className={record.bone} style={{ width: '60%' }} />
        </div>
      ) : null}
      {rows?.length === 0 && uploads.length === 0 ? (
        <p className={record.quiet}>
          {mayUpload
            ? t('Drop files anywhere on this page, paste a picture, or choose them by the arrow.')
            : t('None yet.')}
        </p>
      ) : null}
      {all.length > 0 ? (
        <ul className={classes.files}>
          {all.map(({ row, stored }, index) => (
            <FileRow
              key={row.id}
              model={model}
              row={row}
              file={stored}
              category={category}
              mayChange={rightsOf(holder).canUpdate && !isLooking}
              mayDelete={rightsOf(holder).canDelete && !isLooking}
              onOpen={() => setShown(index)}
              onRename={(wanted) => void rename(row, stored, wanted)}
              onCategory={(value) => void categorise(row, value)}
              onDelete={() => void remove(row, stored)}
            />
          ))}
        </ul>
      ) : null}
      {hasMore ? (
        <Button size="compact-sm" variant="subtle" onClick={() => setCount(count + A_PAGE)}>
          {t('Show more')}
        </Button>
      ) : null}
      {isOver ? (
        <div className={classes.drop} aria-hidden>
          <span className={classes.dropText}>
            <IconUpload size={22} /> {t('Drop to add them to the files of this record')}
          </span>
        </div>
      ) : null}
      {shown !== null && all[shown] ? (
        <Suspense fallback={null}>
          <FilePreview
            files={all.map(({ stored }) => stored)}
            at={shown}
            onMove={setShown}
            onClose={() => setShown(null)}
          />
        </Suspense>
      ) : null}
    </section>
  );
}
