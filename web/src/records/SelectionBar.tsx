import { countText } from '../model/formats.ts';
import { Button, Progress } from '@mantine/core';
import {
  IconDownload,
  IconGitMerge,
  IconListDetails,
  IconPencil,
  IconShare2,
  IconTrash,
  IconX,
} from '@tabler/icons-react';
import { lazy, Suspense, useRef, useState } from 'react';
import { useStore } from 'zustand';
import type { GridStore } from '../grid/store.ts';
import { rightsOf } from '../model/permissions.ts';
import { useMay } from '../model/store.ts';
import type { ColumnValue, Model, ModelField, ModelObject } from '../model/types.ts';
import { toPatch, type FieldValue, type Link } from '../model/values.ts';
import { remembering, undoStep, type Step } from '../undo/undo.ts';
import { announce, announceFailure, offerToTakeBack } from './announce.tsx';
import { deleteSome, linkMany, updateMany } from './changes.ts';
import classes from './records.module.css';
import { hasLists } from './lists.ts';
import { idsOfAll } from './selectionIds.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

const ShareDialog = lazy(() =>
  import('../sharing/ShareDialog.tsx').then(({ ShareDialog: Dialog }) => ({ default: Dialog })),
);
const MergeDialog = lazy(async () => ({ default: (await import('../merge/MergeDialog.tsx')).MergeDialog }));
const ExportDialog = lazy(async () => ({ default: (await import('../exports/ExportDialog.tsx')).ExportDialog }));
const ListDialog = lazy(async () => ({ default: (await import('./ListDialog.tsx')).ListDialog }));
const BulkEditDialog = lazy(async () => ({ default: (await import('./BulkEditDialog.tsx')).BulkEditDialog }));

interface SelectionBarProps {
  model: Model;
  object: ModelObject;
  /** The columns that show. */
  fields: ModelField[];
  grid: GridStore;
  /** What the table shows: all that match can be selected, also what is not read. */
  filter: { [key: string]: ColumnValue } | null;
  orderBy: string[];
  total: number | null;
  /** How many are read, and can be selected one by one. */
  loaded: number;
  /** The few that one sees go at once. */
  onDelete: (ids: string[]) => Promise<void>;
  /** What is shown is not what is kept any more. */
  onChanged: () => void;
}

/** Up to so many are deleted by one request, and are gone from the screen before it is answered. */
const AT_ONCE = 500;

const MERGED_AT_MOST = 9;

const counted = (count: number) => countText(count);

/** What can be done with the records that are selected. Whatever their number, one undoes it at once. */
export function SelectionBar(props: SelectionBarProps) {
  const { model, object, fields, grid, filter, orderBy, total, loaded, onDelete, onChanged } = props;
  const selected = useStore(grid, (state) => state.selected);
  const isAll = useStore(grid, (state) => state.isAll);
  const [merging, setMerging] = useState<string[] | null>(null);
  const [sharing, setSharing] = useState<string[] | null>(null);
  const [editing, setEditing] = useState(false);
  const [exporting, setExporting] = useState(false);
  const [listing, setListing] = useState(false);
  const mayKeepLists = useMay('DATA_MODEL');
  const mayExport = useMay('EXPORT_CSV');
  const [busy, setBusy] = useState<{ what: string; done: number; of: number } | null>(null);
  const stopped = useRef(false);
  const count = isAll ? (total ?? selected.size) : selected.size;
  if (count === 0 && !busy && !merging) return null;
  const rights = rightsOf(object);
  const named = (number: number) => (number === 1 ? inSentence(object.labelSingular) : inSentence(object.labelPlural));

  /** Runs something over all that is selected, with a bar that tells how far it is, and as one step. */
  const run = async (
    what: string,
    label: (number: number) => string,
    work: (ids: string[], step: Step, onProgress: (done: number) => boolean) => Promise<number>,
  ) => {
    stopped.current = false;
    setBusy({ what, done: 0, of: count });
    const step: Step = { label: label(count), requestIds: [] };
    try {
      const done = await remembering(step, async () => {
        const ids = isAll ? await idsOfAll(model, object, filter, orderBy, () => !stopped.current) : [...selected];
        if (!ids) return 0;
        return work(ids, step, (number) => {
          setBusy({ what, done: number, of: ids.length });
          return !stopped.current;
        });
      });
      grid.setSelected([]);
      if (done > 0) offerToTakeBack(label(done), () => undoStep(step, onChanged));
    } catch (cause) {
      announceFailure(t('{what} stopped', { what }), cause);
      if (step.requestIds.length > 0)
        offerToTakeBack(t('Some were changed before that'), () => undoStep(step, onChanged));
    }
    setBusy(null);
    onChanged();
  };

  const edit = (field: ModelField, value: FieldValue) => {
    setEditing(false);
    void run(
      t('Changing {label}', { label: field.label }),
      (number) =>
        t('{label} of {number} {number2} changed', {
          label: field.label,
          number: counted(number),
          number2: named(number),
        }),
      async (ids, step, onProgress) => {
        const left = await updateMany(object, ids, toPatch(field, value), step, onProgress);
        if (left.length > 0)
          announce(
            t('{count} {count2} not changed', { count: counted(left.length), count2: named(left.length) }),
            t('A rule does not allow this value there, or your role may not change them.'),
          );
        return ids.length - left.length;
      },
    );
  };

  const list = (field: ModelField, links: Link[], areLinked: boolean) => {
    setListing(false);
    const to = links.map((link) => link.label).join(', ');
    void run(
      areLinked ? t('Adding to {to}', { to }) : t('Taking off {to}', { to }),
      (number) =>
        areLinked
          ? t('{number} {number2} added to {to}', { number: counted(number), number2: named(number), to })
          : t('{number} {number2} taken off {to}', { number: counted(number), number2: named(number), to }),
      async (ids, step, onProgress) => {
        const others = links.map((link) => link.id);
        const done = await linkMany(object, field, ids, others, areLinked, step, onProgress);
        if (done === 0)
          announce(areLinked ? t('They are there already') : t('They were not there'), t('Nothing was changed.'));
        return links.length > 1 && done > 0 ? ids.length : done;
      },
    );
  };

  const remove = () => {
    if (!isAll && selected.size <= AT_ONCE) {
      void onDelete([...selected]);
      return;
    }
    void run(
      t('Deleting'),
      (number) => t('{number} {number2} deleted', { number: counted(number), number2: named(number) }),
      (ids, step, onProgress) => deleteSome(object, ids, step, onProgress),
    );
  };

  return (
    <div className={classes.selection} role="region" aria-label={t('Selection')}>
      {busy ? (
        <>
          <span className={classes.selectionCount} role="status">
            {t('{what}: {done} of {of}', { what: busy.what, done: counted(busy.done), of: counted(busy.of) })}
          </span>
          <Progress value={(100 * busy.done) / Math.max(1, busy.of)} w={120} aria-label={busy.what} />
          <Button variant="subtle" color="gray" onClick={() => (stopped.current = true)}>
            {t('Stop')}
          </Button>
        </>
      ) : (
        <>
          <span className={classes.selectionCount}>
            {isAll
              ? t('All {count} {count2} selected', { count: counted(count), count2: named(count) })
              : t('{count} {count2} selected', { count: counted(count), count2: named(count) })}
          </span>
          {!isAll && total !== null && total > loaded && selected.size >= loaded ? (
            <Button variant="subtle" onClick={() => grid.setSelected(selected, true)}>
              {t('Select all {total}', { total: counted(total) })}
            </Button>
          ) : null}
          {rights.canUpdate ? (
            <Button variant="light" leftSection={<IconPencil size={14} />} onClick={() => setEditing(true)}>
              {t('Edit')}
            </Button>
          ) : null}
          {rights.canUpdate && !isAll ? (
            <Button variant="light" leftSection={<IconShare2 size={14} />} onClick={() => setSharing([...selected])}>
              {t('Share')}
            </Button>
          ) : null}
          {rights.canUpdate && (mayKeepLists || hasLists(model, object)) ? (
            <Button variant="light" leftSection={<IconListDetails size={14} />} onClick={() => setListing(true)}>
              {t('Add to list')}
            </Button>
          ) : null}
          {mayExport ? (
            <Button variant="light" leftSection={<IconDownload size={14} />} onClick={() => setExporting(true)}>
              {t('Export')}
            </Button>
          ) : null}
          {rights.canUpdate && rights.canDelete && !isAll && count >= 2 && count <= MERGED_AT_MOST ? (
            <Button variant="light" leftSection={<IconGitMerge size={14} />} onClick={() => setMerging([...selected])}>
              {t('Merge')}
            </Button>
          ) : null}
          {rights.canDelete ? (
            <Button variant="light" color="red" leftSection={<IconTrash size={14} />} onClick={remove}>
              {t('Delete')}
            </Button>
          ) : null}
          <Button variant="subtle" color="gray" leftSection={<IconX size={14} />} onClick={() => grid.setSelected([])}>
            {t('Clear')}
          </Button>
        </>
      )}
      <Suspense fallback={null}>
        {merging ? (
          <MergeDialog
            model={model}
            object={object}
            ids={merging}
            onClose={() => setMerging(null)}
            onMerged={(survivorId) => {
              grid.setSelected([survivorId]);
              onChanged();
            }}
            onUndone={onChanged}
          />
        ) : null}
        {sharing ? <ShareDialog object={object} ids={sharing} onClose={() => setSharing(null)} /> : null}
        {exporting ? (
          <ExportDialog
            object={object}
            fields={fields}
            filter={filter}
            orderBy={orderBy}
            ids={isAll ? undefined : [...selected]}
            onClose={() => setExporting(false)}
          />
        ) : null}
        {listing ? (
          <ListDialog model={model} object={object} count={count} onClose={() => setListing(false)} onSubmit={list} />
        ) : null}
        {editing ? (
          <BulkEditDialog
            model={model}
            object={object}
            count={count}
            onClose={() => setEditing(false)}
            onSubmit={edit}
          />
        ) : null}
      </Suspense>
    </div>
  );
}
