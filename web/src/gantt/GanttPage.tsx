import { ActionIcon, Button, SegmentedControl } from '@mantine/core';
import { IconCalendarOff, IconChevronLeft, IconChevronRight } from '@tabler/icons-react';
import { useNavigate } from '@tanstack/react-router';
import { lazy, Suspense, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { useStore } from 'zustand';
import { request } from '../api/client.ts';
import { onReturn } from '../api/connection.ts';
import { toFailure, type Failure } from '../api/failure.ts';
import { useCreate } from '../app/commandStore.ts';
import { Message } from '../app/Message.tsx';
import { usePhone } from '../app/phone.ts';
import { settle } from '../app/settled.ts';
import { askedField } from '../board/askedField.ts';
import { cardFields } from '../board/cardLines.tsx';
import { inSentence } from '../language/inSentence.ts';
import { t } from '../language/t.ts';
import { formatDay, formatMonth, localDay, splitInstant } from '../model/dates.ts';
import { groupsDocument } from '../model/documents.ts';
import { toGraphQLFilter } from '../model/filterTree.ts';
import { allOf, type Clause } from '../model/filters.ts';
import { countText } from '../model/formats.ts';
import { canGroup, groupValue } from '../model/grouping.ts';
import { rightsOf } from '../model/permissions.ts';
import { orderBy } from '../model/sorting.ts';
import { isEditable } from '../model/text.ts';
import type { ColumnValue, RecordRow } from '../model/types.ts';
import { applyValue, readValue, recordLabel, toPatch } from '../model/values.ts';
import { onShown } from '../offline/pending.ts';
import { announceFailure } from '../records/announce.tsx';
import { saveEdits } from '../records/changes.ts';
import { shownFields } from '../records/columnLayout.ts';
import { dependencies } from '../records/dependencies.ts';
import { flatItems } from '../records/gridItems.ts';
import { createGroupStore, type GroupItems } from '../records/groupStore.ts';
import { isShownAlready } from '../records/isShownAlready.ts';
import { rememberList } from '../records/recordSequence.ts';
import { reasonOf, type Edit } from '../records/refusals.ts';
import { createTableStore } from '../records/tableStore.ts';
import { colorFields, tonesBy } from '../records/tones.ts';
import { useLiveObjects } from '../records/useLiveObject.ts';
import { ViewFrame, type ViewPageProps } from '../records/ViewFrame.tsx';
import { useSession } from '../session/session.ts';
import { dateField, endField } from '../views/layoutFields.ts';
import { atPlace, barOf, DAY, dayAt, drawn, editsFor, isTimed, placeOf, type Grip, type Spanned } from './bars.ts';
import { spanText } from './barText.ts';
import { GanttChart, type ChartHandle } from './GanttChart.tsx';
import classes from './gantt.module.css';
import { createHeld } from './held.ts';
import { rangeOf, snapOf, type Zoom } from './scale.ts';
import { Undated } from './Undated.tsx';

const CreateModal = lazy(async () => ({ default: (await import('../records/CreateModal.tsx')).CreateModal }));
const MoveAsk = lazy(async () => ({ default: (await import('../board/MoveAsk.tsx')).MoveAsk }));
const PeekPanel = lazy(async () => ({ default: (await import('../records/PeekPanel.tsx')).PeekPanel }));

const NAMES = 220;
const NAMES_OF_A_PHONE = 116;
const NEAR = 300;
const SETTLE_MS = 80;
const MINUTE_MS = 60_000;

const nowPlace = (): number => {
  const { day, time } = splitInstant(new Date().toISOString());
  return placeOf(day, time);
};

interface Asking {
  row: RecordRow;
  grip: Grip;
  by: number;
  failure: Failure;
}

/** Records as bars along the time, one below the other. */
export function GanttPage(props: ViewPageProps) {
  const { model, object, shown, show } = props;
  const { filters, sorts, options, layout } = shown;
  const phone = usePhone();
  const navigate = useNavigate();
  const me = useSession((state) => state.identity?.member?.id ?? null);
  const [table] = useState(createTableStore);
  const [groups] = useState(createGroupStore);
  const [undated] = useState(createTableStore);
  const [held] = useState(createHeld);
  const flat = useStore(table);
  const grouped = useStore(groups);
  const without = useStore(undated);
  const chart = useRef<ChartHandle>(null);
  const [now, setNow] = useState(nowPlace);
  const [extent, setExtent] = useState<{ first: number | null; last: number | null } | null>(null);
  const [seen, setSeen] = useState<{ from: string; until: string; middle: string } | null>(null);
  const [isTrayOpen, setTrayOpen] = useState(false);
  const [peeked, setPeeked] = useState<string | null>(null);
  const [creating, setCreating] = useState<{ values: { [name: string]: ColumnValue }; group: string | null } | null>(
    null,
  );
  const [asking, setAsking] = useState<Asking | null>(null);
  const [said, setSaid] = useState('');
  const rights = rightsOf(object);
  const zoom: Zoom = options.scale ?? (phone ? 'WEEK' : 'MONTH');

  useEffect(() => {
    const timer = setInterval(() => setNow(nowPlace()), MINUTE_MS);
    return () => clearInterval(timer);
  }, []);

  const start = dateField(object, options);
  const end = start ? endField(object, start, options) : undefined;
  const spanned = useMemo<Spanned | null>(() => (start ? { start, end } : null), [start, end]);
  const timed = spanned !== null && isTimed(spanned);
  const group = object.fields.find((field) => field.name === shown.group && canGroup(field)) ?? null;
  const mark = object.fields.find(({ type, isActive, isWithheld }) => type === 'SELECT' && isActive && !isWithheld);
  const told = useMemo(
    () => cardFields(object, shownFields(object, layout), options, start),
    [object, layout, options, start],
  );
  const fields = useMemo(
    () => [
      ...new Set([
        ...[start, end, mark, group].filter((field) => field !== undefined && field !== null),
        ...told,
        ...colorFields(object, shown.colors),
      ]),
    ],
    [start, end, mark, group, told, object, shown.colors],
  );
  const mayMove = rights.canUpdate && start !== undefined && isEditable(start);
  const grips = useMemo(
    () => ({
      bar: mayMove && (!end || isEditable(end)),
      start: mayMove && end !== undefined,
      end: rights.canUpdate && end !== undefined && isEditable(end),
    }),
    [mayMove, end, rights.canUpdate],
  );
  const isDrawable = rights.canCreate && start !== undefined && isEditable(start);

  const today = localDay(new Date());
  const filterKey = useMemo(
    () => JSON.stringify(toGraphQLFilter(model, object, filters, new Date(), me)),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- what "today" is changes with the day
    [model, object, filters, me, today],
  );
  const startColumn = start?.columns[0]?.name ?? '';
  const endColumn = end?.columns[0]?.name ?? '';
  const order = (
    sorts.length > 0 || !start ? orderBy(object, sorts) : orderBy(object, [{ field: start.name, descending: false }])
  ).join();
  const fieldKey = fields.map(({ id, type }) => `${id}:${type}`).join();

  const load = useCallback(() => {
    if (startColumn === '') return;
    const condition = JSON.parse(filterKey) as Clause | null;
    const whose = (isNull: boolean): Clause => {
      const clause: Clause = { [startColumn]: { isNull } };
      return condition ? allOf([condition, clause]) : clause;
    };
    const query = { model, object, fields, filter: whose(false), orderBy: order.split(',') };
    void (group
      ? groups.load({ ...query, group, bucket: shown.bucket, feet: [], showsEmpty: condition === null })
      : table.load(query));
    void undated.load({ ...query, filter: whose(true), orderBy: orderBy(object, []) });
    const bounds = [
      { function: 'MIN', columns: [startColumn] },
      ...[startColumn, ...(endColumn === '' ? [] : [endColumn])].map((column) => ({
        function: 'MAX',
        columns: [column],
      })),
    ];
    request(groupsDocument(object), { values: bounds, filter: whose(false) }).then(
      ({ list }) => {
        const places = (list.groups[0]?.values ?? []).map((value) => (value === null ? null : placeOf(value)));
        const ends = places.slice(1).filter((place) => place !== null);
        setExtent({ first: places[0] ?? null, last: ends.length > 0 ? Math.max(...ends) : null });
      },
      () => setExtent((before) => before ?? { first: null, last: null }),
    );
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the keys stand for what they are made of
  }, [table, groups, undated, object.id, fieldKey, filterKey, order, startColumn, endColumn, group?.id, shown.bucket]);
  useEffect(load, [load]);

  const { status, failure } = group ? grouped : flat;
  useEffect(() => {
    if (status === 'ready' || status === 'failed') requestAnimationFrame(() => setTimeout(settle));
  }, [status]);
  useEffect(
    () =>
      onReturn(() => {
        if (status === 'failed') load();
      }),
    [status, load],
  );

  const collapsed = useMemo(() => new Set(options.collapsedColumns), [options.collapsedColumns]);
  const items = useMemo(
    () =>
      group
        ? groups.items(collapsed, null)
        : flatItems({ ...flat, draft: null, isLoading: flat.status === 'loading' && flat.rows.length === 0 }),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the version stands for the rows of all groups
    [group, groups, grouped.groups, grouped.version, collapsed, flat],
  );
  const latestItems = useRef(items);
  useLayoutEffect(() => {
    latestItems.current = items;
  });
  const rows = useMemo(
    () => (group ? groups.rows() : flat.rows),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the version stands for the rows of all groups
    [group, groups, grouped.groups, grouped.version, flat.rows],
  );
  const total = group ? grouped.groups.reduce((sum, { count }) => sum + count, 0) : flat.total;
  useEffect(
    () =>
      rememberList(
        object,
        rows.map(({ id }) => id),
        total,
      ),
    [object, rows, total],
  );

  const lines = useRef({ first: 0, last: 40 });
  const visiting = useRef<ReturnType<typeof setTimeout>>(undefined);
  const onSeen = useCallback(
    (first: number, last: number) => {
      lines.current = { first, last };
      if (group) return groups.see(latestItems.current as GroupItems, first, last);
      const read = table.getState().rows.length;
      if (first > read + NEAR) {
        clearTimeout(visiting.current);
        visiting.current = setTimeout(() => void table.visit(first, last).catch(() => undefined), SETTLE_MS);
      } else if (last + 40 > read) void table.more(last + 60);
    },
    [group, groups, table],
  );

  const refresh = useCallback(() => {
    const { first, last } = lines.current;
    void (group ? groups.refresh(latestItems.current, first, last) : table.refresh(first, last)).catch(() => undefined);
    void undated.refresh(0, 60).catch(() => undefined);
  }, [group, groups, table, undated]);
  useEffect(
    () =>
      onShown((change) => {
        (group ? groups : table).follow(change);
        undated.follow(change);
      }),
    [group, groups, table, undated],
  );
  const spanNames = [start?.name, end?.name];
  useLiveObjects(
    useMemo(() => [object.id, ...dependencies(model, object, fields)], [model, object, fields]),
    (changes) => {
      // A bar that one has moved stays on its line until the list is read anew: nothing jumps from under the hand.
      const isOwnMove =
        changes.length > 0 &&
        changes.every(
          ({ isOwn, action, fields: names }) =>
            isOwn && action === 'updated' && names !== null && names.every((name) => spanNames.includes(name)),
        );
      const arranged = [filterKey, group?.columns[0]?.name ?? group?.relations[0]?.columnName ?? ''];
      if (!(isOwnMove && !filterKey.includes(startColumn)) && !isShownAlready(changes, object, fields, arranged))
        refresh();
    },
  );

  const range = useMemo(() => {
    const day = placeOf(dayAt(now));
    return rangeOf(zoom, day, extent?.first ?? null, extent?.last ?? null);
  }, [zoom, now, extent]);

  const tones = useMemo(() => tonesBy(object, shown.colors, me), [object, shown.colors, me]);
  const colorOf = useCallback(
    (row: RecordRow): string => {
      const tone = tones(row);
      const value = mark ? readValue(model, mark, row) : null;
      const [cell] = tone ? tone.cells.values() : [];
      return tone?.row ?? cell ?? mark?.options?.find((option) => option.value === value)?.color ?? 'pine';
    },
    [tones, mark, model],
  );
  const labelOf = useCallback((row: RecordRow) => recordLabel(model, object, row) || t('Untitled'), [model, object]);

  const move = useCallback(
    async (row: RecordRow, grip: Grip, by: number, more: Edit[] = []): Promise<Failure | null> => {
      if (!spanned) return null;
      const edits = editsFor(model, spanned, row, grip, by);
      if (edits.length === 0) return null;
      const next = edits.reduce((each, edit) => applyValue(model, edit.field, each, edit.value), row);
      const bar = barOf(model, spanned, next);
      const name = labelOf(row);
      if (bar) {
        setExtent((before) => ({
          first: Math.min(before?.first ?? bar.from, bar.from),
          last: Math.max(before?.last ?? bar.until, bar.until),
        }));
        setSaid(t('{name}: {when} now.', { name, when: spanText(timed, bar) }));
      }
      const store = group ? groups.edits : table;
      const refused = await store.save(row.id, [...edits, ...more]);
      if (!refused) return null;
      for (const { field } of [...edits, ...more]) store.drop(row.id, field);
      setSaid(t('{name} is where it was. {cause}', { name, cause: reasonOf(refused) }));
      if (more.length > 0) return refused;
      if (askedField(object, spanned.start, refused)) setAsking({ row, grip, by, failure: refused });
      else announceFailure(t('{name} not moved', { name }), refused);
      return refused;
    },
    [model, object, spanned, timed, group, groups, table, labelOf],
  );

  /** Gives a record that had none a date, and shows it there before the server has it. */
  const put = async (row: RecordRow, place: number) => {
    if (!spanned) return;
    const at = timed && snapOf(zoom, timed) === DAY ? placeOf(dayAt(place), '09:00') : place;
    const edits = drawn(spanned, at, null);
    const name = labelOf(row);
    const putBack = undated.remove([row.id]);
    const next = edits.reduce((each, edit) => applyValue(model, edit.field, each, edit.value), row);
    if (!group) table.insert(next);
    setSaid(t('{name}: {when} now.', { name, when: formatDay(dayAt(at)) }));
    try {
      await saveEdits(model, object, row, edits);
    } catch (cause) {
      putBack();
      table.remove([row.id]);
      setSaid(t('{name} is where it was. {cause}', { name, cause: reasonOf(toFailure(cause)) }));
      announceFailure(t('{name} not moved', { name }), cause);
    }
    refresh();
  };

  const valuesFor = (groupId: string | null, edits: Edit[]): { [name: string]: ColumnValue } => {
    const into = group && groupId !== null ? grouped.groups.find(({ id }) => id === groupId) : undefined;
    return Object.assign(
      {},
      into && group && isEditable(group) ? toPatch(group, groupValue(group, shown.bucket, into.key, into.label)) : {},
      ...edits.map(({ field, value }) => toPatch(field, value)),
    ) as { [name: string]: ColumnValue };
  };
  const create = (groupId: string | null, edits: Edit[]) =>
    setCreating({ values: valuesFor(groupId, edits), group: groupId });
  const createHere = (groupId: string | null) => {
    const place = chart.current?.middle() ?? now;
    const at = timed ? placeOf(dayAt(place), '09:00') : place;
    create(groupId, spanned && isDrawable ? drawn(spanned, at, null) : []);
  };
  const createAsked = useCreate((state) => state.objectId === object.id);
  useEffect(() => {
    if (!createAsked) return;
    useCreate.setState({ objectId: null });
    if (rights.canCreate) setCreating({ values: {}, group: null });
  }, [createAsked, rights.canCreate]);

  const open = useCallback(
    (id: string) => {
      if (!phone) return setPeeked(id);
      void navigate({ to: '/objects/$namePlural/$id', params: { namePlural: object.namePlural, id } });
      return undefined;
    },
    [phone, navigate, object.namePlural],
  );
  const movePeek = (by: -1 | 1) => {
    for (let index = items.indexOf(peeked ?? '') + by; index >= 0 && index < items.count; index += by) {
      const item = items.at(index);
      if (item.kind === 'bone') return;
      if (item.kind === 'row') return setPeeked(item.key);
    }
  };
  const toggle = (groupId: string) => {
    const key = grouped.groups.find(({ id }) => id === groupId)?.key ?? '';
    const closed = options.collapsedColumns ?? [];
    const next = closed.includes(key) ? closed.filter((each) => each !== key) : [...closed, key];
    const { collapsedColumns: _, ...others } = options;
    show({ options: next.length > 0 ? { ...others, collapsedColumns: next } : others });
  };
  const onTime = useCallback((from: number, until: number) => {
    const next = {
      from: formatMonth(dayAt(from)),
      until: formatMonth(dayAt(until)),
      middle: dayAt((from + until) / 2),
    };
    setSeen((before) =>
      before && before.from === next.from && before.until === next.until && before.middle === next.middle
        ? before
        : next,
    );
  }, []);

  const lower = inSentence(object.labelPlural);
  const isEmpty = status === 'ready' && total === 0 && without.status === 'ready' && without.total === 0;
  const counted = total === null ? (rows.length > 0 ? `${countText(rows.length)}+` : '') : countText(total);
  return (
    <ViewFrame {...props} note={counted} onCreate={rights.canCreate ? () => createHere(null) : null}>
      {!spanned ? (
        <Message icon={<IconCalendarOff size={22} />} title={t('Nothing to put into a timeline')}>
          {t('A timeline goes by a date. Add one to the {lower} first.', { lower })}
        </Message>
      ) : status === 'failed' ? (
        <Message
          tone="alert"
          title={t('The {lower} could not be read', { lower })}
          actions={<Button onClick={load}>{t('Try again')}</Button>}
        >
          {failure ? reasonOf(failure) : null}
        </Message>
      ) : isEmpty && filters.length > 0 ? (
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
        <div className={classes.gantt}>
          <div className={classes.tools}>
            <Button variant="default" size="compact-sm" onClick={() => chart.current?.show(now)}>
              {t('Today')}
            </Button>
            <ActionIcon variant="subtle" color="gray" aria-label={t('Earlier')} onClick={() => chart.current?.turn(-1)}>
              <IconChevronLeft size={17} />
            </ActionIcon>
            <ActionIcon variant="subtle" color="gray" aria-label={t('Later')} onClick={() => chart.current?.turn(1)}>
              <IconChevronRight size={17} />
            </ActionIcon>
            <h2 className={classes.title}>
              {seen ? (seen.from === seen.until ? seen.from : `${seen.from} – ${seen.until}`) : ''}
            </h2>
            {without.total !== null && without.total > 0 ? (
              <Button
                variant={isTrayOpen ? 'light' : 'subtle'}
                color="gray"
                size="compact-sm"
                leftSection={<IconCalendarOff size={15} />}
                aria-expanded={isTrayOpen}
                onClick={() => setTrayOpen(!isTrayOpen)}
              >
                {t('{count, plural, one {# without a date} other {# without a date}}', { count: without.total })}
              </Button>
            ) : null}
            <SegmentedControl
              size="xs"
              aria-label={t('How much is shown')}
              value={zoom}
              onChange={(next) => show({ options: { ...options, scale: next as Zoom } })}
              data={[
                { value: 'QUARTER', label: t('Quarter') },
                { value: 'MONTH', label: t('Month') },
                { value: 'WEEK', label: t('Week') },
                { value: 'DAY', label: t('Day') },
              ]}
            />
          </div>
          <div className={classes.body}>
            {extent === null ? (
              <div className={classes.scroller} aria-busy="true" />
            ) : (
              <GanttChart
                ref={chart}
                model={model}
                object={object}
                spanned={spanned}
                zoom={zoom}
                range={range}
                now={now}
                items={items}
                groupOf={(id) => grouped.groups.find((each) => each.id === id)}
                fields={told}
                colorOf={colorOf}
                names={phone ? NAMES_OF_A_PHONE : NAMES}
                grips={grips}
                peeked={peeked}
                isLoading={status === 'loading'}
                held={held}
                onSeen={onSeen}
                onTime={onTime}
                onOpen={open}
                onMove={(row, grip, by) => void move(row, grip, by)}
                onDraw={
                  isDrawable && !phone
                    ? (groupId, from, until) => create(groupId, drawn(spanned, from, end ? until : null))
                    : null
                }
                onCreate={rights.canCreate ? createHere : null}
                onToggle={toggle}
              />
            )}
            {isTrayOpen ? (
              <Undated
                model={model}
                object={object}
                rows={without.rows}
                total={without.total}
                hasMore={without.hasMore}
                isMovable={mayMove}
                day={formatDay(seen?.middle ?? atPlace(now).day)}
                onMore={() => void undated.more(without.rows.length + 100)}
                onOpen={open}
                onPut={(row) =>
                  void put(row, placeOf(seen?.middle ?? atPlace(now).day)).then(() => chart.current?.focus(row.id))
                }
                onPointerDown={(event, row) =>
                  chart.current?.bring(event, labelOf(row), (place) => void put(row, place))
                }
                onClose={() => setTrayOpen(false)}
              />
            ) : null}
            <Suspense fallback={null}>
              {peeked === null ? null : (
                <PeekPanel
                  model={model}
                  object={object}
                  id={peeked}
                  onMove={movePeek}
                  onClose={() => {
                    setPeeked(null);
                    chart.current?.focus(peeked);
                  }}
                />
              )}
            </Suspense>
          </div>
          <p id="gantt-help" hidden>
            {t('Shift and an arrow move it, Alt and an arrow move its end, Alt, Shift and an arrow its beginning.')}
          </p>
        </div>
      )}
      <div className="visually-hidden" role="status" aria-live="assertive">
        {said}
      </div>
      <Suspense fallback={null}>
        {creating ? (
          <CreateModal
            model={model}
            object={object}
            fields={fields}
            values={creating.values}
            start={undefined}
            onClose={() => setCreating(null)}
            onCreated={(row) => {
              const bar = spanned ? barOf(model, spanned, row) : null;
              if (!bar) return refresh();
              if (group) refresh();
              else table.insert(row);
              requestAnimationFrame(() => chart.current?.focus(row.id));
            }}
          />
        ) : null}
        {asking && spanned ? (
          <MoveAsk
            model={model}
            object={object}
            group={spanned.start}
            row={asking.row}
            column={dayTold(model, spanned, asking)}
            failure={asking.failure}
            onTry={(edits) => move(asking.row, asking.grip, asking.by, edits)}
            onClose={() => {
              setAsking(null);
              requestAnimationFrame(() => chart.current?.focus(asking.row.id));
            }}
          />
        ) : null}
      </Suspense>
    </ViewFrame>
  );
}

/** Where a bar was to go. */
function dayTold(model: ViewPageProps['model'], spanned: Spanned, { row, grip, by }: Asking): string {
  const next = editsFor(model, spanned, row, grip, by).reduce(
    (each, edit) => applyValue(model, edit.field, each, edit.value),
    row,
  );
  const bar = barOf(model, spanned, next);
  return bar ? spanText(isTimed(spanned), bar) : '';
}
