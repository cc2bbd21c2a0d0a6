import { countText } from '../model/formats.ts';
import { Button, Progress } from '@mantine/core';
import {
  IconDownload,
  IconGitMerge,
  IconListDetails,
  IconPencil,
  IconShare2,
  IconStar,
  IconTrash,
  IconUserPlus,
  IconX,
} from '@tabler/icons-react';
import { lazy, Suspense, useState } from 'react';
import { useStore } from 'zustand';
import { FIELD_TYPES } from '../fields/fieldTypes.tsx';
import { usePageActions, type PageAction } from '../find/pageActions.ts';
import type { GridStore } from '../grid/store.ts';
import { rightsOf } from '../model/permissions.ts';
import { useMay } from '../model/store.ts';
import type { ColumnValue, Model, ModelField, ModelObject } from '../model/types.ts';
import { toPatch, type FieldValue, type Link } from '../model/values.ts';
import { useFavour } from '../views/useFavour.ts';
import { remembering, undoStep, type Step } from '../undo/undo.ts';
import { announce, announceFailure, offerToTakeBack } from './announce.tsx';
import { bulkEditable } from './bulkEditable.ts';
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
/** Favourites are a list that one reads through. */
const FAVOURED_AT_MOST = 20;

const counted = (count: number) => countText(count);

/** What can be done with the records that are selected. Whatever their number, one undoes it at once. */
export function SelectionBar(props: SelectionBarProps) {
  const { model, object, fields, grid, filter, orderBy, total, loaded, onDelete, onChanged } = props;
  const selected = useStore(grid, (state) => state.selected);
  const isAll = useStore(grid, (state) => state.isAll);
  const [merging, setMerging] = useState<string[] | null>(null);
  const [sharing, setSharing] = useState<string[] | null>(null);
  /** The field that is chosen already, or none yet. */
  const [editing, setEditing] = useState<{ field: ModelField | null } | null>(null);
  const [exporting, setExporting] = useState(false);
  const [listing, setListing] = useState(false);
  const mayKeepLists = useMay('DATA_MODEL');
  const mayExport = useMay('EXPORT_CSV');
  const { favour } = useFavour(object);
  const [busy, setBusy] = useState<{ what: string; done: number; of: number; stop: AbortController } | null>(null);
  const count = isAll ? (total ?? selected.size) : selected.size;
  const rights = rightsOf(object);
  const named = (number: number) => (number === 1 ? inSentence(object.labelSingular) : inSentence(object.labelPlural));

  /** Runs something over all that is selected, with a bar that tells how far it is, and as one step. */
  const run = async (
    what: string,
    label: (number: number) => string,
    work: (ids: string[], step: Step, onProgress: (done: number) => boolean) => Promise<number>,
  ) => {
    const stop = new AbortController();
    setBusy({ what, done: 0, of: count, stop });
    const step: Step = { label: label(count), requestIds: [] };
    try {
      const done = await remembering(step, async () => {
        const ids = isAll ? await idsOfAll(model, object, filter, orderBy, () => !stop.signal.aborted) : [...selected];
        if (!ids) return 0;
        return work(ids, step, (number) => {
          setBusy({ what, done: number, of: ids.length, stop });
          return !stop.signal.aborted;
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
    setEditing(null);
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

  /** What has a button here, and stands in the command menu by a longer name. */
  const doing: (PageAction & { short: string; isDangerous?: boolean })[] = [
    ...(rights.canUpdate
      ? [
          {
            id: 'edit',
            short: t('Edit'),
            label: t('Edit a field of these'),
            icon: <IconPencil size={14} />,
            run: () => setEditing({ field: null }),
          },
        ]
      : []),
    ...(rights.canUpdate && !isAll
      ? [
          {
            id: 'share',
            short: t('Share'),
            label: t('Share these'),
            icon: <IconShare2 size={14} />,
            run: () => setSharing([...selected]),
          },
        ]
      : []),
    ...(rights.canUpdate && (mayKeepLists || hasLists(model, object))
      ? [
          {
            id: 'list',
            short: t('Add to list'),
            label: t('Add these to a list'),
            icon: <IconListDetails size={14} />,
            run: () => setListing(true),
          },
        ]
      : []),
    ...(mayExport
      ? [
          {
            id: 'export',
            short: t('Export'),
            label: t('Export these'),
            icon: <IconDownload size={14} />,
            run: () => setExporting(true),
          },
        ]
      : []),
    ...(rights.canUpdate && rights.canDelete && !isAll && count >= 2 && count <= MERGED_AT_MOST
      ? [
          {
            id: 'merge',
            short: t('Merge'),
            label: t('Merge these into one'),
            icon: <IconGitMerge size={14} />,
            run: () => setMerging([...selected]),
          },
        ]
      : []),
    ...(rights.canDelete
      ? [
          {
            id: 'delete',
            short: t('Delete'),
            label: t('Delete these'),
            icon: <IconTrash size={14} />,
            isDangerous: true,
            run: remove,
          },
        ]
      : []),
  ];
  const said = isAll
    ? t('All {count} {count2} selected', { count: counted(count), count2: named(count) })
    : t('{count} {count2} selected', { count: counted(count), count2: named(count) });
  const changes = rights.canUpdate ? bulkEditable(object) : [];
  const changing = (field: ModelField): PageAction => {
    const TypeIcon = FIELD_TYPES[field.type].icon;
    const isMember = field.type === 'MEMBER';
    return {
      id: `field-${field.name}`,
      label: isMember ? t('Assign: {label}…', { label: field.label }) : t('Change {label}…', { label: field.label }),
      icon: isMember ? <IconUserPlus size={16} /> : <TypeIcon size={16} />,
      isMinor: !isMember && field.type !== 'SELECT',
      run: () => setEditing({ field }),
    };
  };
  usePageActions(
    count === 0 || busy
      ? []
      : [
          ...doing.filter(({ isDangerous }) => !isDangerous),
          ...changes.map(changing),
          ...(favour && !isAll && count <= FAVOURED_AT_MOST
            ? [
                {
                  id: 'favour',
                  label: t('Add these to favourites'),
                  icon: <IconStar size={16} />,
                  run: () => favour([...selected]),
                },
              ]
            : []),
          ...doing.filter(({ isDangerous }) => isDangerous),
          { id: 'clear', label: t('Select none'), icon: <IconX size={16} />, run: () => grid.setSelected([]) },
        ].map((action) => ({ ...action, id: `selection-${action.id}` })),
    'selection',
    said,
  );
  if (count === 0 && !busy && !merging) return null;

  return (
    <div className={classes.selection} role="region" aria-label={t('Selection')}>
      {busy ? (
        <>
          <span className={classes.selectionCount} role="status">
            {t('{what}: {done} of {of}', { what: busy.what, done: counted(busy.done), of: counted(busy.of) })}
          </span>
          <Progress value={(100 * busy.done) / Math.max(1, busy.of)} w={120} aria-label={busy.what} />
          <Button variant="subtle" color="gray" onClick={() => busy.stop.abort()}>
            {t('Stop')}
          </Button>
        </>
      ) : (
        <>
          <span className={classes.selectionCount}>{said}</span>
          {!isAll && total !== null && total > loaded && selected.size >= loaded ? (
            <Button variant="subtle" onClick={() => grid.setSelected(selected, true)}>
              {t('Select all {total}', { total: counted(total) })}
            </Button>
          ) : null}
          {doing.map(({ id, short, icon, isDangerous, run: start }) => (
            <Button
              key={id}
              variant="light"
              {...(isDangerous ? { color: 'red' } : {})}
              leftSection={icon}
              onClick={start}
            >
              {short}
            </Button>
          ))}
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
            start={editing.field}
            onClose={() => setEditing(null)}
            onSubmit={edit}
          />
        ) : null}
      </Suspense>
    </div>
  );
}
