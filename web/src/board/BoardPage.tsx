import { countText } from '../model/formats.ts';
import { Button } from '@mantine/core';
import { IconLayoutKanban } from '@tabler/icons-react';
import { useNavigate } from '@tanstack/react-router';
import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useStore } from 'zustand';
import type { Failure } from '../api/failure.ts';
import { onReturn } from '../api/connection.ts';
import { useCreate } from '../app/commandStore.ts';
import { Message } from '../app/Message.tsx';
import { usePhone } from '../app/phone.ts';
import { settle } from '../app/settled.ts';
import { fieldsToAsk } from '../fields/rules.ts';
import { localDay } from '../model/dates.ts';
import { toGraphQLFilter } from '../model/filterTree.ts';
import type { Clause } from '../model/filters.ts';
import { labelField } from '../model/lookup.ts';
import { parseValue } from '../model/parse.ts';
import { rightsOf } from '../model/permissions.ts';
import { orderBy } from '../model/sorting.ts';
import { isEditable } from '../model/text.ts';
import type { ColumnValue, RecordRow } from '../model/types.ts';
import { recordLabel, toPatch } from '../model/values.ts';
import { onShown } from '../offline/pending.ts';
import { announce, announceFailure, offerUndo } from '../records/announce.tsx';
import { createRecord, deleteRecords } from '../records/changes.ts';
import { shownFields } from '../records/columnLayout.ts';
import type { FormStart } from '../records/CreateModal.tsx';
import { dependencies } from '../records/dependencies.ts';
import { rememberList, takeOpened } from '../records/recordSequence.ts';
import { reasonOf, type Edit } from '../records/refusals.ts';
import { useLiveObjects } from '../records/useLiveObject.ts';
import { ViewFrame, type ViewPageProps } from '../records/ViewFrame.tsx';
import { toFailure } from '../api/failure.ts';
import { useSession } from '../session/session.ts';
import { groupField } from '../views/layoutFields.ts';
import type { ViewOptions } from '../views/savedViews.ts';
import classes from './board.module.css';
import type { CardActions } from './BoardCard.tsx';
import { BoardColumn, type ColumnActions } from './BoardColumn.tsx';
import { boardKeys } from './boardKeys.ts';
import { BoardSkeleton } from './BoardSkeleton.tsx';
import { createBoardStore, positionOf, type Place } from './boardStore.ts';
import { startDrag, type DropZone } from './cardDrag.ts';
import { cardFields } from './cardLines.tsx';
import { ClosedColumn } from './ClosedColumn.tsx';
import type { BoardColumn as Column } from './columns.ts';
import { askedField } from './askedField.ts';
import { sumText } from './sumText.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

const MoveAsk = lazy(async () => ({ default: (await import('./MoveAsk.tsx')).MoveAsk }));
const RecordInHand = lazy(async () => ({ default: (await import('../records/RecordInHand.tsx')).RecordInHand }));
const CreateModal = lazy(async () => ({ default: (await import('../records/CreateModal.tsx')).CreateModal }));

interface Asking {
  row: RecordRow;
  to: Place;
  failure: Failure;
}

interface Creating {
  values: { [name: string]: ColumnValue };
  start: FormStart | undefined;
}

const without = (list: string[] | undefined, key: string): string[] | undefined => {
  const left = list?.filter((each) => each !== key) ?? [];
  return left.length > 0 ? left : undefined;
};

export function BoardPage(props: ViewPageProps) {
  const { model, object, shown, show, within } = props;
  const { filters, sorts, options, layout } = shown;
  const phone = usePhone();
  const navigate = useNavigate();
  const me = useSession((state) => state.identity?.member?.id ?? null);
  const [store] = useState(createBoardStore);
  const [zones] = useState(() => new Map<string, DropZone>());
  const [reveal] = useState(() => new Map<string, (index: number) => void>());
  const scroller = useRef<HTMLDivElement>(null);
  // Not all of it: cards that are under way do not concern the page.
  const columns = useStore(store, (state) => state.columns);
  const cards = useStore(store, (state) => state.cards);
  const status = useStore(store, (state) => state.status);
  const failure = useStore(store, (state) => state.failure);
  const [asking, setAsking] = useState<Asking | null>(null);
  const [creating, setCreating] = useState<Creating | null>(null);
  const [said, setSaid] = useState('');
  // Who comes back from a record goes on at its card.
  const [cameFrom] = useState(() => (within ? undefined : takeOpened(object)));
  const [inHand, setInHand] = useState<string | null>(cameFrom ?? null);
  const [at, setAt] = useState(0);
  const isLifted = useRef(false);

  const group = groupField(object, shown.group);
  const rights = rightsOf(object);
  const position = object.fields.find((field) => field.type === 'POSITION' && field.isActive) ?? null;
  const isMovable = rights.canUpdate && group !== undefined && isEditable(group);
  const isArranged = sorts.length === 0 && position !== null && !position.isWithheld;
  const fields = useMemo(
    () => cardFields(object, shownFields(object, layout), options, group),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- of the options the size of the cards alone
    [object, layout, options.cardSize, group],
  );

  useEffect(() => {
    if (status === 'ready' || status === 'failed') requestAnimationFrame(() => setTimeout(settle));
  }, [status]);

  const today = localDay(new Date());
  const filterKey = useMemo(
    () => JSON.stringify(toGraphQLFilter(model, object, filters, new Date(), me)),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- what "today" is changes with the day
    [model, object, filters, me, today],
  );
  const order = (sorts.length > 0 || !position ? orderBy(object, sorts) : ['POSITION_ASC', 'ID_DESC']).join();
  const hidden = useMemo(() => new Set(options.hiddenColumns), [options.hiddenColumns]);
  const collapsed = useMemo(() => new Set(options.collapsedColumns), [options.collapsedColumns]);
  const closed = useMemo(() => [...hidden, ...collapsed], [hidden, collapsed]);
  const latestClosed = useRef(closed);
  useEffect(() => {
    latestClosed.current = closed;
  });
  const boundsKey = JSON.stringify(options.bounds ?? null);
  const summaryKey = JSON.stringify(options.summary ?? null);
  const fieldKey = fields.map(({ id, type }) => `${id}:${type}`).join();
  const groupKey = JSON.stringify([group?.id, group?.type, group?.options]);
  const load = useCallback(() => {
    if (!group) return;
    void store.load(
      {
        model,
        object,
        fields,
        group,
        bucket: shown.bucket,
        bounds: (JSON.parse(boundsKey) as number[] | null) ?? undefined,
        summary: (JSON.parse(summaryKey) as ViewOptions['summary'] | null) ?? undefined,
        filter: JSON.parse(filterKey) as Clause | null,
        orderBy: order.split(','),
        position: isMovable && isArranged ? position : null,
      },
      latestClosed.current,
    );
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the keys stand for what they are made of
  }, [
    store,
    object.id,
    fieldKey,
    groupKey,
    shown.bucket,
    boundsKey,
    summaryKey,
    filterKey,
    order,
    isMovable,
    isArranged,
  ]);
  useEffect(load, [load]);
  useEffect(() => onShown(store.follow), [store]);
  useEffect(
    () =>
      onReturn(() => {
        if (store.getState().status === 'failed') load();
      }),
    [store, load],
  );
  useEffect(() => {
    if (status === 'ready') void store.open(columns.map(({ key }) => key).filter((key) => !closed.includes(key)));
  }, [store, status, columns, closed]);

  useLiveObjects(
    useMemo(
      () => [object.id, ...dependencies(model, object, [...fields, ...(group ? [group] : [])])],
      [model, object, fields, group],
    ),
    (changes) => void store.refresh(changes),
  );

  const visible = useMemo(() => columns.filter(({ key }) => !hidden.has(key)), [columns, hidden]);
  const open = useMemo(() => visible.filter(({ key }) => !collapsed.has(key)), [visible, collapsed]);
  const sums = useMemo(
    () =>
      new Map(
        columns.map(({ key }) => [
          key,
          sumText(object, (JSON.parse(summaryKey) as ViewOptions['summary'] | null) ?? undefined, cards[key], cards),
        ]),
      ),
    [columns, object, summaryKey, cards],
  );
  const total = columns.reduce((sum, { key }) => sum + (cards[key]?.count ?? 0), 0);
  const loaded = useMemo(() => open.flatMap(({ key }) => cards[key]?.rows.map(({ id }) => id) ?? []), [open, cards]);
  useEffect(() => rememberList(object, loaded, total), [object, loaded, total]);
  const first = loaded[0] ?? null;
  const hand = inHand !== null && loaded.includes(inHand) ? inHand : first;
  const handColumn = hand === null ? undefined : open.find(({ key }) => cards[key]?.rows.some(({ id }) => id === hand));
  const taken = inHand === null ? null : store.find(inHand);

  const set = (next: { [option in keyof ViewOptions]: ViewOptions[option] | undefined }) =>
    show({
      options: Object.fromEntries(Object.entries({ ...options, ...next }).filter(([, value]) => value !== undefined)),
    });

  const labelOf = useCallback(
    (id: string): string => {
      const found = store.find(id);
      return (found && recordLabel(model, object, found.row)) || t('Untitled');
    },
    [store, model, object],
  );
  const focusCard = useCallback((id: string, tries = 12) => {
    const card = document.querySelector<HTMLElement>(`[data-card="${id}"]:not([data-ghost])`);
    if (card) card.focus({ preventScroll: tries === 12 });
    else if (tries > 0) requestAnimationFrame(() => focusCard(id, tries - 1));
  }, []);

  const isThere = cameFrom !== undefined && loaded.includes(cameFrom);
  useEffect(() => {
    const { activeElement } = document;
    if (isThere && (activeElement === document.body || activeElement?.id === 'main')) focusCard(cameFrom);
  }, [isThere, cameFrom, focusCard]);

  const tell = useCallback(
    (id: string, to: Place) => {
      const state = store.getState();
      const column = state.columns.find(({ key }) => key === to.column);
      setSaid(
        t('{id} is {index} of {count} in {label} now.', {
          id: labelOf(id),
          index: to.index + 1,
          count: state.cards[to.column]?.count ?? 0,
          label: column?.label ?? '',
        }),
      );
    },
    [store, labelOf],
  );

  const move = useCallback(
    async (id: string, to: Place, more: Edit[] = []): Promise<Failure | null> => {
      const { columns: all, query } = store.getState();
      const column = all.find(({ key }) => key === to.column);
      const found = store.find(id);
      if (!column || !found || !query) return null;
      const isOther = found.place.column !== to.column;
      if (isOther && column.valueFor(null) === undefined) {
        announce(
          t('{id} not moved', { id: labelOf(id) }),
          t('What would make it one of “{label}” cannot be told. Edit the field itself.', { label: column.label }),
        );
        return null;
      }
      if (!isOther && !query.position) {
        announce(
          t('{id} not moved', { id: labelOf(id) }),
          t('Cards lie in the order of the view. Without its sorting you arrange them yourself.'),
        );
        return null;
      }
      const outcome = await store.move(id, to, more);
      if (!outcome) {
        tell(id, to);
        return null;
      }
      if (more.length > 0) return outcome;
      setSaid(t('{id} is where it was. {outcome}', { id: labelOf(id), outcome: reasonOf(outcome) }));
      if (askedField(object, query.group, outcome)) setAsking({ row: found.row, to, failure: outcome });
      else announceFailure(t('{id} not moved', { id: labelOf(id) }), outcome);
      return outcome;
    },
    [store, object, labelOf, tell],
  );
  const latestMove = useRef(move);
  useEffect(() => {
    latestMove.current = move;
  });

  const remove = useCallback(
    async (id: string) => {
      const putBack = store.remove(id);
      try {
        const step = await deleteRecords(object, [id]);
        offerUndo(object, 1, step, putBack);
      } catch (cause) {
        putBack();
        announceFailure(t('{labelSingular} not deleted', { labelSingular: object.labelSingular }), cause);
      }
    },
    [store, object],
  );

  const actions = useMemo<CardActions>(
    () => ({
      onPointerDown: (event, id) => {
        if (!isMovable) return;
        startDrag(event.nativeEvent, event.currentTarget, id, {
          store,
          scroller: () => scroller.current,
          zones: () => zones.values(),
          onDrop: (card, to) => void latestMove.current(card, to),
        });
      },
      onFocus: setInHand,
      onMoveTo: isMovable
        ? (id, column) => {
            setInHand(id);
            void latestMove.current(id, { column, index: 0 }).then(() => focusCard(id));
          }
        : null,
      onDelete: rights.canDelete ? (id) => void remove(id) : null,
    }),
    [isMovable, store, zones, focusCard, rights.canDelete, remove],
  );

  const label = labelField(object);
  const valuesIn = (column: Column): { [name: string]: ColumnValue } => {
    const value = column.valueFor(null);
    const top = store.getState().cards[column.key]?.rows[0];
    const { query } = store.getState();
    return {
      ...within,
      ...(group && isEditable(group) && value !== undefined && value !== null ? toPatch(group, value) : {}),
      ...(query?.position && top ? toPatch(query.position, Math.ceil(positionOf(query, top)) - 1) : {}),
    };
  };
  const readBack = [...fields, ...(group ? [group] : []), ...(position ? [position] : [])];
  const create = async (column: Column, name: string): Promise<boolean> => {
    if (!label) return false;
    const values = valuesIn(column);
    const parsed = parseValue(label, name, null);
    const start = (cause: Failure | null): FormStart => ({
      field: label,
      value: 'value' in parsed ? parsed.value : null,
      failure: cause,
    });
    if ('reason' in parsed || fieldsToAsk(model, object, Object.keys(values)).length > 0) {
      setCreating({ values, start: start(null) });
      return false;
    }
    try {
      const row = await createRecord(model, object, readBack, { ...values, ...toPatch(label, parsed.value) });
      store.insert(column.key, row);
      setInHand(row.id);
      return true;
    } catch (cause) {
      setCreating({ values, start: start(toFailure(cause)) });
      return false;
    }
  };
  const isCreatable = (column: Column) =>
    rights.canCreate && label !== undefined && isEditable(label) && column.valueFor(null) !== undefined;

  const doing: ColumnActions = {
    onLimit: (key, limit) => {
      const { [key]: _, ...others } = options.limits ?? {};
      const limits = limit === undefined ? others : { ...others, [key]: limit };
      set({ limits: Object.keys(limits).length > 0 ? limits : undefined });
    },
    onCollapse: (key) => set({ collapsedColumns: [...(options.collapsedColumns ?? []), key] }),
    onHide: (key) => set({ hiddenColumns: [...(options.hiddenColumns ?? []), key] }),
    onCreate: async (key, name) => {
      const column = columns.find((each) => each.key === key);
      return column ? create(column, name) : false;
    },
  };
  const latestDoing = useRef(doing);
  useEffect(() => {
    latestDoing.current = doing;
  });
  const columnActions = useMemo<ColumnActions>(
    () => ({
      onLimit: (key, limit) => latestDoing.current.onLimit(key, limit),
      onCollapse: (key) => latestDoing.current.onCollapse(key),
      onHide: (key) => latestDoing.current.onHide(key),
      onCreate: (key, name) => latestDoing.current.onCreate(key, name),
    }),
    [],
  );

  const startCreating = useCallback(() => setCreating({ values: within ?? {}, start: undefined }), [within]);
  const createAsked = useCreate((state) => state.objectId === object.id && !within);
  useEffect(() => {
    if (!createAsked) return;
    useCreate.setState({ objectId: null });
    if (rights.canCreate) startCreating();
  }, [createAsked, rights.canCreate, startCreating]);

  const onKeyDown = boardKeys({
    store,
    open,
    cards,
    isMovable,
    isLifted,
    zones,
    reveal,
    labelOf,
    focusCard,
    say: setSaid,
    move,
  });

  const goTo = (index: number) => {
    const key = visible[index]?.key;
    if (key !== undefined) zones.get(key)?.element.scrollIntoView({ inline: 'start', block: 'nearest' });
  };

  const lower = inSentence(object.labelPlural);
  const isReady = columns.length > 0;
  return (
    <ViewFrame {...props} note={isReady ? countText(total) : ''} onCreate={rights.canCreate ? startCreating : null}>
      {!group ? (
        <Message icon={<IconLayoutKanban size={22} />} title={t('Nothing to make columns of')}>
          {t('A board has a column for each option, person or date. Add such a field to the {lower} first.', { lower })}
        </Message>
      ) : status === 'failed' ? (
        <Message
          tone="alert"
          title={t('The {lower} could not be read', { lower })}
          actions={<Button onClick={load}>{t('Try again')}</Button>}
        >
          {failure ? reasonOf(failure) : null}
        </Message>
      ) : !isReady ? (
        <BoardSkeleton />
      ) : status === 'ready' && total === 0 && filters.length > 0 && !within ? (
        <Message
          title={t('No {lower} match', { lower })}
          actions={
            <Button variant="default" onClick={() => show({ filters: [] })}>
              {t('Clear the filters')}
            </Button>
          }
        >
          {t('Nothing fits all of these filters at once.')}
        </Message>
      ) : (
        <>
          {phone ? (
            <nav className={classes.segments} aria-label={t('Columns')}>
              {visible.map(({ key, label: name }, index) => (
                <button
                  key={key}
                  type="button"
                  aria-current={index === at}
                  onClick={() => goTo(index)}
                  ref={(button) => {
                    if (index === at) button?.scrollIntoView({ block: 'nearest', inline: 'center' });
                  }}
                >
                  {name} <span className={classes.count}>{countText(cards[key]?.count ?? 0)}</span>
                </button>
              ))}
            </nav>
          ) : null}
          <div
            ref={scroller}
            className={classes.board}
            role="group"
            aria-label={t('Board of {lower} by {label}', { lower, label: inSentence(group.label) })}
            aria-busy={status === 'loading'}
            onKeyDown={onKeyDown}
            onScroll={(event) => {
              if (phone)
                setAt(
                  Math.round(Math.abs(event.currentTarget.scrollLeft) / Math.max(1, event.currentTarget.clientWidth)),
                );
            }}
          >
            {visible.map((column) =>
              collapsed.has(column.key) && !phone ? (
                <ClosedColumn
                  key={column.key}
                  column={column}
                  count={cards[column.key]?.count ?? 0}
                  zones={zones}
                  onOpen={() => set({ collapsedColumns: without(options.collapsedColumns, column.key) })}
                />
              ) : (
                <BoardColumn
                  key={column.key}
                  model={model}
                  object={object}
                  store={store}
                  column={column}
                  columns={visible}
                  fields={fields}
                  sum={sums.get(column.key) ?? null}
                  limit={options.limits?.[column.key]}
                  isCreatable={isCreatable(column)}
                  inHand={column === handColumn ? hand : null}
                  actions={actions}
                  columnActions={columnActions}
                  zones={zones}
                  reveal={reveal}
                />
              ),
            )}
          </div>
          <p id="board-help" hidden>
            {t('Space takes a card up, arrow keys move it, Space puts it down.')}
          </p>
        </>
      )}
      <div className="visually-hidden" role="status" aria-live="assertive">
        {said}
      </div>
      <Suspense fallback={null}>
        {taken ? (
          <RecordInHand
            object={object}
            id={taken.row.id}
            label={labelOf(taken.row.id)}
            fields={fields}
            onEdit={null}
            onOpen={() =>
              void navigate({
                to: '/objects/$namePlural/$id',
                params: { namePlural: object.namePlural, id: taken.row.id },
              })
            }
            moves={
              actions.onMoveTo
                ? open
                    .filter(({ key, valueFor }) => key !== taken.place.column && valueFor(null) !== undefined)
                    .map(({ key, label: to }) => ({ key, label: to, run: () => actions.onMoveTo?.(taken.row.id, key) }))
                : []
            }
            onDelete={() => void remove(taken.row.id)}
          />
        ) : null}
        {creating ? (
          <CreateModal
            model={model}
            object={object}
            fields={readBack}
            values={creating.values}
            start={creating.start}
            onClose={() => setCreating(null)}
            onCreated={(row) => {
              setInHand(row.id);
              void store.refresh([]).then(() => focusCard(row.id));
            }}
          />
        ) : null}
        {asking && group ? (
          <MoveAsk
            model={model}
            object={object}
            group={group}
            row={asking.row}
            column={columns.find(({ key }) => key === asking.to.column)?.label ?? ''}
            failure={asking.failure}
            onTry={(edits) => move(asking.row.id, asking.to, edits)}
            onClose={() => {
              setAsking(null);
              requestAnimationFrame(() => focusCard(asking.row.id));
            }}
          />
        ) : null}
      </Suspense>
    </ViewFrame>
  );
}
