import { Button, Checkbox, CloseButton, Group, Select, Skeleton, Table, TextInput } from '@mantine/core';
import { modals } from '@mantine/modals';
import { IconRestore, IconSearch, IconTrash, IconTrashX, IconX } from '@tabler/icons-react';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { lazy, Suspense, useCallback, useEffect, useState } from 'react';
import { toFailure, type Failure } from '../api/failure.ts';
import { Message } from '../app/Message.tsx';
import { usePageActions } from '../find/pageActions.ts';
import { ObjectIcon } from '../fields/ObjectIcon.tsx';
import { formatInstant, formatRelative } from '../model/dates.ts';
import { objectNamed } from '../model/lookup.ts';
import { useModel } from '../model/store.ts';
import type { Model, ModelObject } from '../model/types.ts';
import { announceFailure, offerToTakeBack } from '../records/announce.tsx';
import { deleteRecords } from '../records/changes.ts';
import { PageHeader } from '../records/PageHeader.tsx';
import records from '../records/records.module.css';
import { useLiveObjects } from '../records/useLiveObject.ts';
import { destroy, readTrash, restore, TRASH_PAGE, type TrashEntry } from './calls.ts';
import classes from './trash.module.css';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

const RestoreDialog = lazy(async () => ({ default: (await import('./RestoreDialog.tsx')).RestoreDialog }));

const SETTLE_MS = 200;
const DAY_MS = 86_400_000;

const keptFor = (entry: TrashEntry): string => {
  const days = Math.max(0, Math.ceil((new Date(entry.destroyedAt).getTime() - Date.now()) / DAY_MS));
  return days === 1 ? t('1 day') : t('{days} days', { days });
};
const countOf = (count: number): string => (count === 1 ? t('1 record') : t('{count} records', { count }));

/** What went along with a record, beneath it: it comes back with it. */
function Companions({ model, entry }: { model: Model; entry: TrashEntry }) {
  const counts = Object.entries(entry.wentAlong).flatMap(([name, count]) => {
    const of = objectNamed(model, name);
    return of ? [`${count} ${inSentence(count === 1 ? of.labelSingular : of.labelPlural)}`] : [];
  });
  return counts.length === 0 ? null : (
    <div className={classes.along}>{t('with {counts}', { counts: counts.join(', ') })}</div>
  );
}

/** What was deleted, of all objects or of one, and its two ways out. */
export function TrashPage() {
  const model = useModel();
  const { object, q, by } = useSearch({ from: '/trash' });
  const navigate = useNavigate({ from: '/trash' });
  const [typed, setTyped] = useState(q ?? '');
  const [entries, setEntries] = useState<TrashEntry[] | null>(null);
  const [hasMore, setHasMore] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [busy, setBusy] = useState(false);
  const [stuck, setStuck] = useState<{ object: ModelObject; ids: string[] }[]>([]);

  const read = useCallback(
    async (last?: TrashEntry) => {
      try {
        const found = await readTrash({ object, search: q, by }, last);
        setEntries((before) => (last && before ? [...before, ...found] : found));
        setHasMore(found.length === TRASH_PAGE);
        setFailure(null);
      } catch (cause) {
        setFailure(toFailure(cause));
      }
    },
    [object, q, by],
  );
  useEffect(() => {
    setChosen(new Set());
    void read();
  }, [read]);
  useEffect(() => {
    if (typed === (q ?? '')) return undefined;
    const timer = setTimeout(
      () => void navigate({ search: (before) => ({ ...before, q: typed || undefined }), replace: true }),
      SETTLE_MS,
    );
    return () => clearTimeout(timer);
  }, [typed, q, navigate]);
  useLiveObjects(
    model.objects.map(({ id }) => id),
    () => void read(),
  );

  const selected = (entries ?? []).filter(({ id }) => chosen.has(id));
  const grouped = (list: TrashEntry[]): { object: ModelObject; ids: string[] }[] =>
    [...Map.groupBy(list, ({ objectName }) => objectName)].flatMap(([name, each]) => {
      const found = objectNamed(model, name);
      return found ? [{ object: found, ids: each.map(({ recordId }) => recordId) }] : [];
    });

  const bringBack = async (list: TrashEntry[]) => {
    setBusy(true);
    const left: { object: ModelObject; ids: string[] }[] = [];
    const done: { object: ModelObject; ids: string[] }[] = [];
    try {
      for (const group of grouped(list)) {
        const answer = await restore(group.object.nameSingular, group.ids);
        const stays = new Set(answer.left.map(({ recordId }) => recordId));
        if (stays.size > 0) left.push({ object: group.object, ids: [...stays] });
        const back = group.ids.filter((id) => !stays.has(id));
        if (answer.restored > 0) done.push({ object: group.object, ids: back });
      }
    } catch (cause) {
      announceFailure(t('Not restored'), cause);
    }
    const count = done.reduce((sum, { ids }) => sum + ids.length, 0);
    if (count > 0)
      offerToTakeBack(t('{count} restored', { count: countOf(count) }), async () => {
        try {
          for (const group of done) await deleteRecords(group.object, group.ids);
        } catch (cause) {
          announceFailure(t('Not deleted again'), cause);
        }
        await read();
      });
    setStuck(left);
    setChosen(new Set());
    setBusy(false);
    await read();
  };
  const empty = (list: TrashEntry[], title: string) =>
    modals.openConfirmModal({
      title,
      children: t('Nobody can bring them back then. What they were stays in the history of changes.'),
      labels: { confirm: t('Delete for good'), cancel: t('Keep them') },
      confirmProps: { color: 'red' },
      onConfirm: () => void destroyAll(list),
    });
  const destroyAll = async (list: TrashEntry[]) => {
    setBusy(true);
    try {
      for (const group of grouped(list)) await destroy(group.object.nameSingular, group.ids);
    } catch (cause) {
      announceFailure(t('Not deleted for good'), cause);
    }
    setChosen(new Set());
    setBusy(false);
    await read();
  };

  const isFiltered = object !== undefined || q !== undefined || by !== undefined;
  const all = entries ?? [];
  const mayDestroyAll = selected.length > 0 && selected.every(({ mayDestroy }) => mayDestroy);
  const mayRestoreAll = selected.length > 0 && selected.every(({ mayRestore }) => mayRestore);
  const [first] = stuck;
  const forGood = () => empty(selected, t('Delete {count} for good?', { count: countOf(selected.length) }));
  const said = t('{count} selected', { count: countOf(selected.length) });
  usePageActions(
    selected.length === 0
      ? []
      : [
          ...(mayRestoreAll
            ? [
                {
                  id: 'trash-restore',
                  label: t('Restore these'),
                  icon: <IconRestore size={16} />,
                  run: () => void bringBack(selected),
                },
              ]
            : []),
          ...(mayDestroyAll
            ? [{ id: 'trash-destroy', label: t('Delete these for good'), icon: <IconTrashX size={16} />, run: forGood }]
            : []),
          {
            id: 'trash-clear',
            label: t('Select none'),
            icon: <IconX size={16} />,
            run: () => setChosen(new Set()),
          },
        ],
    'selection',
    said,
  );

  return (
    <>
      <PageHeader icon={<IconTrash size={17} stroke={1.75} aria-hidden />} title={t('Trash')} />
      <div className={classes.tools} role="search">
        <TextInput
          className={classes.find}
          size="xs"
          aria-label={t('Find in the trash')}
          placeholder={t('Find by name')}
          leftSection={<IconSearch size={14} aria-hidden />}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
        <Select
          className={classes.object}
          size="xs"
          aria-label={t('Object')}
          placeholder={t('All objects')}
          clearable
          searchable
          data={model.objects
            .filter(({ isActive, isJunction }) => isActive && !isJunction)
            .map((each) => ({ value: each.nameSingular, label: each.labelPlural }))}
          value={object ?? null}
          onChange={(name) => void navigate({ search: (before) => ({ ...before, object: name ?? undefined }) })}
        />
        {by !== undefined ? (
          <span className={records.filterChip}>
            <span className={records.filterButton}>
              <span className={records.filterOperator}>{t('deleted by')} </span>
              <b>{by}</b>
            </span>
            <CloseButton
              size="sm"
              aria-label={t('Deleted by {by}: remove the filter', { by })}
              onClick={() => void navigate({ search: (before) => ({ ...before, by: undefined }) })}
            />
          </span>
        ) : null}
      </div>
      {failure ? (
        <Message
          tone="alert"
          title={t('The trash could not be read')}
          actions={<Button onClick={() => void read()}>{t('Try again')}</Button>}
        >
          {[failure.message, failure.hint].filter(Boolean).join(' ')}
        </Message>
      ) : null}
      {!entries && !failure ? (
        <div className={classes.list}>
          <Skeleton height={160} mt="md" />
        </div>
      ) : null}
      {entries && all.length === 0 && !failure ? (
        <Message
          icon={<IconTrash size={22} stroke={1.5} />}
          title={isFiltered ? t('Nothing like this is in the trash') : t('The trash is empty')}
        >
          {isFiltered
            ? t('Try fewer words, or another object.')
            : t('Records that are deleted stay here for a while, with all that they were, and can be restored.')}
        </Message>
      ) : null}
      {all.length > 0 ? (
        <div className={classes.list} tabIndex={0} role="region" aria-label={t('Deleted records')}>
          <Table highlightOnHover stickyHeader>
            <Table.Thead>
              <Table.Tr>
                <Table.Th w={34}>
                  <Checkbox
                    size="xs"
                    aria-label={t('Select all')}
                    checked={selected.length === all.length}
                    indeterminate={selected.length > 0 && selected.length < all.length}
                    onChange={(event) => setChosen(new Set(event.currentTarget.checked ? all.map(({ id }) => id) : []))}
                  />
                </Table.Th>
                <Table.Th>{t('Record')}</Table.Th>
                <Table.Th className={classes.wide}>{t('Deleted by')}</Table.Th>
                <Table.Th className={classes.wide}>{t('When')}</Table.Th>
                <Table.Th>{t('Kept for')}</Table.Th>
                <Table.Th>
                  <span className="visually-hidden">{t('Actions')}</span>
                </Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {all.map((entry) => {
                const of = objectNamed(model, entry.objectName);
                const name = entry.label || t('Untitled');
                return (
                  <Table.Tr key={entry.id} aria-selected={chosen.has(entry.id)}>
                    <Table.Td>
                      <Checkbox
                        size="xs"
                        aria-label={t('Select {name}', { name })}
                        checked={chosen.has(entry.id)}
                        onChange={() => {
                          const next = new Set(chosen);
                          if (!next.delete(entry.id)) next.add(entry.id);
                          setChosen(next);
                        }}
                      />
                    </Table.Td>
                    <Table.Td>
                      <span className={classes.what}>
                        <ObjectIcon name={of?.icon ?? null} color={of?.color ?? null} />
                        <span className={classes.label}>{name}</span>
                        <span className={`${classes.dim} ${classes.wide}`}>{of?.labelSingular}</span>
                      </span>
                      <Companions model={model} entry={entry} />
                    </Table.Td>
                    <Table.Td className={classes.wide}>
                      {entry.deletedByName ? (
                        <button
                          type="button"
                          className={classes.by}
                          title={t('Only what {deletedByName} deleted', { deletedByName: entry.deletedByName })}
                          onClick={() =>
                            void navigate({ search: (before) => ({ ...before, by: entry.deletedByName ?? undefined }) })
                          }
                        >
                          {entry.deletedByName}
                        </button>
                      ) : (
                        '–'
                      )}
                    </Table.Td>
                    <Table.Td className={classes.wide}>
                      <time dateTime={entry.deletedAt} title={formatInstant(entry.deletedAt)}>
                        {formatRelative(entry.deletedAt)}
                      </time>
                    </Table.Td>
                    <Table.Td>{keptFor(entry)}</Table.Td>
                    <Table.Td>
                      {entry.mayRestore ? (
                        <Group justify="flex-end">
                          <Button
                            size="compact-sm"
                            variant="default"
                            disabled={busy}
                            aria-label={t('Restore {name}', { name })}
                            onClick={() => void bringBack([entry])}
                          >
                            {t('Restore')}
                          </Button>
                        </Group>
                      ) : null}
                    </Table.Td>
                  </Table.Tr>
                );
              })}
            </Table.Tbody>
          </Table>
          {hasMore ? (
            <div className={classes.more}>
              <Button variant="default" onClick={() => void read(all.at(-1))}>
                {t('Show more')}
              </Button>
            </div>
          ) : null}
        </div>
      ) : null}
      {selected.length > 0 ? (
        <div className={records.selection} role="region" aria-label={t('Selection')}>
          <span className={records.selectionCount}>{said}</span>
          {mayRestoreAll ? (
            <Button variant="light" loading={busy} onClick={() => void bringBack(selected)}>
              {t('Restore')}
            </Button>
          ) : null}
          {mayDestroyAll ? (
            <Button variant="light" color="red" leftSection={<IconTrashX size={14} />} onClick={forGood}>
              {t('Delete for good')}
            </Button>
          ) : null}
          <Button variant="subtle" color="gray" onClick={() => setChosen(new Set())}>
            {t('Clear')}
          </Button>
        </div>
      ) : null}
      {first ? (
        <Suspense fallback={null}>
          <RestoreDialog
            key={first.object.id}
            model={model}
            object={first.object}
            ids={first.ids}
            onClose={() => setStuck(stuck.slice(1))}
            onRestored={() => void read()}
          />
        </Suspense>
      ) : null}
    </>
  );
}
