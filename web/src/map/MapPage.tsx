import { ActionIcon, Button } from '@mantine/core';
import { useElementSize } from '@mantine/hooks';
import { IconArrowsDiagonal, IconFilter, IconMapPin, IconMapPinOff, IconX } from '@tabler/icons-react';
import { useNavigate } from '@tanstack/react-router';
import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState, type PointerEvent } from 'react';
import { useStore } from 'zustand';
import { request } from '../api/client.ts';
import { toFailure, type Failure } from '../api/failure.ts';
import { useCreate } from '../app/commandStore.ts';
import { Message } from '../app/Message.tsx';
import { usePhone } from '../app/phone.ts';
import { settle } from '../app/settled.ts';
import { CardLines, cardFields, filledFields } from '../board/cardLines.tsx';
import { hold } from '../gantt/hold.ts';
import { inSentence } from '../language/inSentence.ts';
import { t } from '../language/t.ts';
import { localDay } from '../model/dates.ts';
import { groupsDocument, listDocument } from '../model/documents.ts';
import { toGraphQLFilter } from '../model/filterTree.ts';
import { allOf, type Clause } from '../model/filters.ts';
import { countText } from '../model/formats.ts';
import { rightsOf } from '../model/permissions.ts';
import { orderBy } from '../model/sorting.ts';
import { isEditable } from '../model/text.ts';
import type { ColumnValue, RecordRow } from '../model/types.ts';
import { applyValue, recordLabel, toPatch } from '../model/values.ts';
import { onShown, withPending } from '../offline/pending.ts';
import { announceFailure } from '../records/announce.tsx';
import { saveEdits } from '../records/changes.ts';
import { shownFields } from '../records/columnLayout.ts';
import { dependencies } from '../records/dependencies.ts';
import { rememberList } from '../records/recordSequence.ts';
import { reasonOf } from '../records/refusals.ts';
import { createTableStore } from '../records/tableStore.ts';
import { colorFields, tonesBy } from '../records/tones.ts';
import { useLiveObjects } from '../records/useLiveObject.ts';
import { ViewFrame, type ViewPageProps } from '../records/ViewFrame.tsx';
import { useSession } from '../session/session.ts';
import { placeField } from '../views/layoutFields.ts';
import { clustersOf, type Cluster } from './cluster.ts';
import classes from './map.module.css';
import {
  around,
  boxOf,
  contains,
  decodeSight,
  encodeBox,
  encodeSight,
  isIn,
  pixelOf,
  placeAt,
  sightOf,
  within,
  type Box,
  type Place,
  type Sight,
} from './mercator.ts';
import { boxClause, nowhereClause, placeColumns, placeOf, putAt } from './places.ts';
import { useTiles } from './tiles.ts';
import { WorldMap } from './WorldMap.tsx';

const CreateModal = lazy(async () => ({ default: (await import('../records/CreateModal.tsx')).CreateModal }));
const PeekPanel = lazy(async () => ({ default: (await import('../records/PeekPanel.tsx')).PeekPanel }));

const PAGE = 500;
/** More points than these no screen holds. */
const MOST = 10_000;
const LISTED = 200;
const LINES = 4;
const SETTLE_MS = 180;
const KEEP_MS = 400;
const MARGIN = 0.3;
const WORLD: Box = { south: -58, west: -170, north: 76, east: 178 };

/** Records where they are. */
export function MapPage(props: ViewPageProps) {
  const { model, object, shown, show, sight: kept, onSight } = props;
  const { filters, options, layout } = shown;
  const phone = usePhone();
  const navigate = useNavigate();
  const tiles = useTiles();
  const me = useSession((state) => state.identity?.member?.id ?? null);
  const { ref: sized, width, height } = useElementSize();
  const size = useMemo(() => ({ width, height }), [width, height]);
  const [sight, setSight] = useState<Sight | null>(() => decodeSight(kept));
  const [all, setAll] = useState<Box | null | undefined>(undefined);
  const [rows, setRows] = useState<ReadonlyMap<string, RecordRow> | null>(null);
  const [hasMore, setHasMore] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [chosen, setChosen] = useState<string | null>(null);
  const [peeked, setPeeked] = useState<string | null>(null);
  const [isListing, setListing] = useState<'seen' | 'nowhere'>('seen');
  const [moving, setMoving] = useState<({ id: string } & Place) | null>(null);
  const [creating, setCreating] = useState<{ [name: string]: ColumnValue } | null>(null);
  const [said, setSaid] = useState('');
  const [nowhere] = useState(createTableStore);
  const without = useStore(nowhere);
  const rights = rightsOf(object);

  const place = placeField(object, options);
  const told = useMemo(() => cardFields(object, shownFields(object, layout), options), [object, layout, options]);
  const mark = object.fields.find(({ type, isActive, isWithheld }) => type === 'SELECT' && isActive && !isWithheld);
  const fields = useMemo(
    () => [
      ...new Set([
        ...[place, mark].filter((field) => field !== undefined),
        ...told,
        ...colorFields(object, shown.colors),
      ]),
    ],
    [place, mark, told, object, shown.colors],
  );
  const mayMove = rights.canUpdate && place !== undefined && isEditable(place);

  const today = localDay(new Date());
  const filterKey = useMemo(
    () => JSON.stringify(toGraphQLFilter(model, object, filters, new Date(), me)),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- what "today" is changes with the day
    [model, object, filters, me, today],
  );
  const fieldKey = fields.map(({ id, type }) => `${id}:${type}`).join();
  const placeKey = place?.id ?? '';

  // ── from where to where there is something ─────────────────────────────────────────────────
  useEffect(() => {
    if (!place) return undefined;
    let isPast = false;
    const condition = JSON.parse(filterKey) as Clause | null;
    const [lat, lng] = placeColumns(place);
    const values = [
      { function: 'MIN', columns: [lat] },
      { function: 'MIN', columns: [lng] },
      { function: 'MAX', columns: [lat] },
      { function: 'MAX', columns: [lng] },
    ];
    request(groupsDocument(object), { values, ...(condition ? { filter: condition } : {}) }).then(
      ({ list }) => {
        const [south, west, north, east] = (list.groups[0]?.values ?? []).map((value) =>
          value === null ? NaN : Number(value),
        );
        const box = { south: south ?? NaN, west: west ?? NaN, north: north ?? NaN, east: east ?? NaN };
        if (!isPast) setAll(Object.values(box).every(Number.isFinite) ? box : null);
      },
      (cause: unknown) => {
        if (!isPast) setFailure(toFailure(cause));
      },
    );
    void nowhere.load({
      model,
      object,
      fields,
      filter: condition ? allOf([condition, nowhereClause(place)]) : nowhereClause(place),
      orderBy: orderBy(object, []),
    });
    return () => {
      isPast = true;
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the keys stand for what they are made of
  }, [object.id, placeKey, fieldKey, filterKey, nowhere]);

  const view = useMemo<Sight | null>(
    () => (width === 0 ? null : sight ? within(sight, size) : all === undefined ? null : sightOf(all ?? WORLD, size)),
    [sight, all, width, size],
  );
  const box = useMemo(() => (view ? boxOf(view, size) : null), [view, size]);
  const boxKey = box ? JSON.stringify(box) : '';

  const keepTimer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const look = useCallback(
    (next: Sight) => {
      setSight(next);
      clearTimeout(keepTimer.current);
      keepTimer.current = setTimeout(() => onSight?.(encodeSight(next)), KEEP_MS);
    },
    [onSight],
  );
  useEffect(() => () => clearTimeout(keepTimer.current), []);
  const fit = () => look(sightOf(all ?? WORLD, size));

  // ── what is in sight ───────────────────────────────────────────────────────────────────────
  const read = useRef<{ key: string; box: Box } | null>(null);
  const round = useRef(0);
  const load = useCallback(
    async (isFresh: boolean) => {
      if (boxKey === '' || !place) return;
      const seen = JSON.parse(boxKey) as Box;
      const key = `${placeKey} ${fieldKey} ${filterKey}`;
      // Where all is read that one can see, nothing is asked again.
      if (!isFresh && read.current?.key === key && contains(read.current.box, seen)) return;
      const mine = (round.current += 1);
      const wide = around(seen, MARGIN);
      const condition = JSON.parse(filterKey) as Clause | null;
      const clause = boxClause(place, wide);
      const found = new Map<string, RecordRow>();
      try {
        let after: string | null = null;
        do {
          const {
            list,
          }: { list: { nodes: RecordRow[]; pageInfo: { hasNextPage: boolean; endCursor: string | null } } } =
            await request(listDocument(model, object, fields), {
              first: PAGE,
              after,
              filter: condition ? allOf([condition, clause]) : clause,
            });
          if (mine !== round.current) return;
          for (const row of withPending(model, object, list.nodes)) found.set(row.id, row);
          after = list.pageInfo.hasNextPage ? list.pageInfo.endCursor : null;
          // The first ones show while the rest is on its way.
          if (after !== null && !isFresh && found.size === PAGE) setRows(new Map(found));
        } while (after !== null && found.size < MOST);
        read.current = after === null ? { key, box: wide } : null;
        setRows(found);
        setHasMore(after !== null);
        setFailure(null);
      } catch (cause) {
        if (mine === round.current) setFailure(toFailure(cause));
      }
    },
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the keys stand for what they are made of
    [object.id, boxKey, placeKey, fieldKey, filterKey],
  );
  useEffect(() => {
    const timer = setTimeout(() => void load(false), rows === null ? 0 : SETTLE_MS);
    return () => clearTimeout(timer);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- whether something shows already says only how long to wait
  }, [load]);
  const isRead = rows !== null;
  useEffect(() => {
    if (isRead || failure) requestAnimationFrame(() => setTimeout(settle));
  }, [isRead, failure]);

  const saving = useRef(0);
  const change = useCallback((id: string, next: (row: RecordRow) => RecordRow | null) => {
    setRows((before) => {
      const row = before?.get(id);
      if (!before || !row) return before;
      const after = new Map(before);
      const changed = next(row);
      if (changed) after.set(id, changed);
      else after.delete(id);
      return after;
    });
  }, []);
  useEffect(
    () =>
      onShown((changed) => {
        const { row } = changed;
        change(changed.recordId, (before) => (row ? { ...before, ...row } : null));
        nowhere.follow(changed);
      }),
    [change, nowhere],
  );
  useLiveObjects(
    useMemo(() => [object.id, ...dependencies(model, object, fields)], [model, object, fields]),
    () => {
      if (saving.current > 0) return;
      void load(true);
      void nowhere.refresh(0, 60).catch(() => undefined);
    },
  );

  const points = useMemo(
    () =>
      place
        ? [...(rows ?? new Map<string, RecordRow>()).values()].flatMap((row) => {
            const at = placeOf(model, place, row);
            return at ? [{ id: row.id, ...at }] : [];
          })
        : [],
    [rows, place, model],
  );
  const inSight = useMemo(() => (box ? points.filter((point) => isIn(point, box)) : []), [points, box]);
  const step = view ? Math.round(view.zoom) : 0;
  const clusters = useMemo(() => clustersOf(points, step), [points, step]);
  const near = useMemo(() => (box ? around(box, 0.05) : null), [box]);
  const drawn = near ? clusters.filter((cluster) => isIn(cluster, near)) : [];
  useEffect(
    () =>
      rememberList(
        object,
        inSight.map(({ id }) => id),
        inSight.length,
      ),
    [object, inSight],
  );

  const labelOf = (row: RecordRow): string => recordLabel(model, object, row) || t('Untitled');
  const tones = useMemo(() => tonesBy(object, shown.colors, me), [object, shown.colors, me]);
  const colorOf = (row: RecordRow): string => {
    const tone = tones(row);
    const [cell] = tone ? tone.cells.values() : [];
    const value = mark ? row[mark.columns[0]?.name ?? ''] : null;
    return tone?.row ?? cell ?? mark?.options?.find((option) => option.value === value)?.color ?? 'pine';
  };

  const put = async (row: RecordRow, to: Place) => {
    if (!place) return;
    const value = putAt(model, place, row, to);
    const name = labelOf(row);
    const isNew = placeOf(model, place, row) === null;
    const next = applyValue(model, place, row, value);
    const putBack = isNew ? nowhere.remove([row.id]) : null;
    setRows((before) => new Map(before).set(row.id, next));
    saving.current += 1;
    try {
      const saved = await saveEdits(model, object, row, [{ field: place, value }]);
      change(row.id, (now) => ({ ...now, ...saved }));
      setSaid(t('{name} is in its new place now.', { name }));
    } catch (cause) {
      putBack?.();
      change(row.id, () => (isNew ? null : row));
      setSaid(t('{name} is where it was. {cause}', { name, cause: reasonOf(toFailure(cause)) }));
      announceFailure(t('{name} not moved', { name }), cause);
    }
    saving.current -= 1;
  };

  const onPin = (event: PointerEvent<HTMLElement>, row: RecordRow) => {
    const element = event.currentTarget.closest<HTMLElement>('[data-world]');
    if (!mayMove || !view || !element) return;
    const world = element.getBoundingClientRect();
    const from = place ? placeOf(model, place, row) : null;
    const start = from ? pixelOf(from, view, size) : null;
    if (!start) return;
    const begin = { x: event.clientX, y: event.clientY };
    let at: Place | null = null;
    hold(event.nativeEvent, {
      scroller: () => null,
      inset: 0,
      onLift: () => setChosen(null),
      onMove: ({ x, y }) => {
        const isOut = x < world.left || x > world.right || y < world.top || y > world.bottom;
        at = isOut ? null : placeAt({ x: start.x + x - begin.x, y: start.y + y - begin.y }, view, size);
        setMoving(at ? { id: row.id, ...at } : null);
      },
      onDrop: () => {
        if (at) void put(row, at);
      },
      onEnd: () => setMoving(null),
    });
  };

  const open = (id: string) => {
    if (!phone) return setPeeked(id);
    void navigate({ to: '/objects/$namePlural/$id', params: { namePlural: object.namePlural, id } });
    return undefined;
  };
  const choose = (id: string) => {
    setChosen(id);
    const point = points.find((each) => each.id === id);
    if (point && view)
      look({ ...view, lat: point.lat, lng: point.lng, zoom: Math.max(view.zoom, aloneAt(points, id, view.zoom)) });
  };

  const createAsked = useCreate((state) => state.objectId === object.id);
  useEffect(() => {
    if (!createAsked) return;
    useCreate.setState({ objectId: null });
    if (rights.canCreate) setCreating({});
  }, [createAsked, rights.canCreate]);

  const card = chosen === null ? undefined : rows?.get(chosen);
  const cardPlace = card && place ? placeOf(model, place, card) : null;
  const lower = inSentence(object.labelPlural);
  const pin = (cluster: Cluster) => {
    if (!view) return null;
    const [first] = cluster.ids;
    const row = first === undefined ? undefined : rows?.get(first);
    if (!row || first === undefined) return null;
    const isMoving = moving?.id === first && cluster.ids.length === 1;
    const at = pixelOf(isMoving && moving ? moving : cluster, view, size);
    const style = { transform: `translate(${at.x}px, ${at.y}px)` };
    if (cluster.ids.length > 1) {
      const count = countText(cluster.ids.length);
      return (
        <button
          key={`${cluster.ids.length} ${first}`}
          type="button"
          tabIndex={-1}
          className={classes.cluster}
          style={style}
          data-size={cluster.ids.length > 999 ? 'l' : cluster.ids.length > 99 ? 'm' : 's'}
          aria-label={t('{count} {lower} near one another: show them', { count, lower })}
          onClick={() => {
            const members = new Set(cluster.ids);
            const those = points.filter(({ id }) => members.has(id));
            const edges: Box = {
              south: Math.min(...those.map(({ lat }) => lat)),
              north: Math.max(...those.map(({ lat }) => lat)),
              west: Math.min(...those.map(({ lng }) => lng)),
              east: Math.max(...those.map(({ lng }) => lng)),
            };
            const next = sightOf(edges, size);
            look({ ...next, zoom: Math.max(next.zoom, view.zoom + 1) });
          }}
        >
          {count}
        </button>
      );
    }
    return (
      <button
        key={first}
        type="button"
        tabIndex={-1}
        className={classes.pin}
        style={style}
        data-pin={first}
        data-color={colorOf(row)}
        data-chosen={chosen === first || undefined}
        data-movable={mayMove || undefined}
        aria-label={labelOf(row)}
        title={labelOf(row)}
        onClick={() => setChosen(chosen === first ? null : first)}
        onPointerDown={(event) => onPin(event, row)}
      >
        <span />
      </button>
    );
  };

  const listed =
    isListing === 'seen' ? inSight.slice(0, LISTED).flatMap(({ id }) => rows?.get(id) ?? []) : without.rows;
  return (
    <ViewFrame
      {...props}
      note={rows ? `${countText(inSight.length)}${hasMore ? '+' : ''}` : ''}
      onCreate={rights.canCreate ? () => setCreating({}) : null}
    >
      {!place ? (
        <Message icon={<IconMapPinOff size={22} />} title={t('Nothing to put on a map')}>
          {t('A map goes by an address or a location. Add such a field to the {lower} first.', { lower })}
        </Message>
      ) : failure && rows === null ? (
        <Message
          tone="alert"
          title={t('The {lower} could not be read', { lower })}
          actions={<Button onClick={() => void load(true)}>{t('Try again')}</Button>}
        >
          {reasonOf(failure)}
        </Message>
      ) : (
        <div className={classes.map}>
          <div className={classes.stage} ref={sized} data-world aria-busy={rows === null}>
            {view && tiles !== undefined ? (
              <WorldMap
                label={t('Map of {lower}', { lower })}
                sight={view}
                size={size}
                tiles={tiles}
                onSight={look}
                onFit={fit}
                onGround={() => setChosen(null)}
              >
                <div className={classes.pins}>{drawn.map(pin)}</div>
                {card && cardPlace && !moving ? (
                  <section
                    className={classes.card}
                    style={cardStyle(pixelOf(cardPlace, view, size), size)}
                    aria-label={labelOf(card)}
                    onKeyDown={(event) => {
                      if (event.key !== 'Escape') return;
                      event.stopPropagation();
                      setChosen(null);
                      document.querySelector<HTMLElement>(`[data-place="${card.id}"]`)?.focus();
                    }}
                  >
                    <header>
                      <strong>{labelOf(card)}</strong>
                      <ActionIcon
                        variant="subtle"
                        color="gray"
                        size="sm"
                        aria-label={t('Close')}
                        onClick={() => setChosen(null)}
                      >
                        <IconX size={14} />
                      </ActionIcon>
                    </header>
                    <CardLines model={model} fields={filledFields(model, told, card).slice(0, LINES)} row={card} />
                    <Button
                      variant="default"
                      size="compact-sm"
                      mt={6}
                      data-open={card.id}
                      leftSection={<IconArrowsDiagonal size={14} />}
                      onClick={() => open(card.id)}
                    >
                      {t('Open')}
                    </Button>
                  </section>
                ) : null}
              </WorldMap>
            ) : null}
            {hasMore ? (
              <p className={classes.note} role="status">
                {t('Only the first {most} are shown. Go nearer, or filter.', { most: countText(MOST) })}
              </p>
            ) : null}
          </div>
          <aside className={classes.list} aria-label={isListing === 'seen' ? t('In sight') : t('Without a place')}>
            <header>
              <Button
                variant={isListing === 'seen' ? 'light' : 'subtle'}
                color="gray"
                size="compact-xs"
                aria-pressed={isListing === 'seen'}
                leftSection={<IconMapPin size={14} />}
                onClick={() => setListing('seen')}
              >
                {t('{count} in sight', { count: countText(inSight.length) })}
              </Button>
              {without.total !== null && (without.total > 0 || isListing === 'nowhere') ? (
                <Button
                  variant={isListing === 'nowhere' ? 'light' : 'subtle'}
                  color="gray"
                  size="compact-xs"
                  aria-pressed={isListing === 'nowhere'}
                  leftSection={<IconMapPinOff size={14} />}
                  onClick={() => setListing('nowhere')}
                >
                  {t('{count} without a place', { count: countText(without.total) })}
                </Button>
              ) : null}
              {box && isListing === 'seen' && inSight.length > 0 ? (
                <ActionIcon
                  variant="subtle"
                  color="gray"
                  ml="auto"
                  aria-label={t('Filter by what is in sight')}
                  title={t('Filter by what is in sight')}
                  onClick={() =>
                    show({
                      filters: [
                        ...filters.filter(
                          (node) => !('operator' in node && node.operator === 'within' && node.field === place.name),
                        ),
                        { field: place.name, operator: 'within', value: encodeBox(box) },
                      ],
                    })
                  }
                >
                  <IconFilter size={15} />
                </ActionIcon>
              ) : null}
            </header>
            {listed.length === 0 && rows !== null ? (
              <p className={classes.quiet}>
                {isListing === 'seen' ? t('Nothing is in sight here.') : t('All have a place.')}
              </p>
            ) : (
              <ul>
                {listed.map((row) => (
                  <li key={row.id}>
                    <button
                      type="button"
                      data-place={row.id}
                      data-chosen={chosen === row.id || undefined}
                      onClick={() => {
                        if (isListing === 'nowhere') return open(row.id);
                        choose(row.id);
                        requestAnimationFrame(() =>
                          requestAnimationFrame(() =>
                            document
                              .querySelector<HTMLElement>(`[data-open="${row.id}"]`)
                              ?.focus({ preventScroll: true }),
                          ),
                        );
                        return undefined;
                      }}
                    >
                      <span className={classes.dot} data-color={colorOf(row)} aria-hidden />
                      <span>{labelOf(row)}</span>
                    </button>
                    {isListing === 'nowhere' && mayMove && view ? (
                      <ActionIcon
                        variant="subtle"
                        color="gray"
                        aria-label={t('Put {name} in the middle of the map', { name: labelOf(row) })}
                        title={t('Put in the middle of the map')}
                        onClick={() => void put(row, view)}
                      >
                        <IconMapPin size={15} />
                      </ActionIcon>
                    ) : null}
                  </li>
                ))}
                {isListing === 'seen' && inSight.length > LISTED ? (
                  <li className={classes.quiet}>
                    {t('{count} more: go nearer to see them', { count: countText(inSight.length - LISTED) })}
                  </li>
                ) : null}
                {isListing === 'nowhere' && without.hasMore ? (
                  <li>
                    <Button
                      variant="subtle"
                      size="compact-sm"
                      onClick={() => void nowhere.more(without.rows.length + 100)}
                    >
                      {t('Show more')}
                    </Button>
                  </li>
                ) : null}
              </ul>
            )}
          </aside>
          <Suspense fallback={null}>
            {peeked === null ? null : (
              <PeekPanel
                model={model}
                object={object}
                id={peeked}
                onMove={(by) => {
                  const at = listed.findIndex(({ id }) => id === peeked);
                  const next = listed[at + by];
                  if (!next) return;
                  setPeeked(next.id);
                  if (isListing === 'seen') setChosen(next.id);
                }}
                onClose={() => {
                  setPeeked(null);
                  document.querySelector<HTMLElement>(`[data-open="${peeked}"], [data-place="${peeked}"]`)?.focus();
                }}
              />
            )}
          </Suspense>
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
            values={{
              ...creating,
              ...(place && view && isEditable(place) ? toPatch(place, { lat: view.lat, lng: view.lng }) : {}),
            }}
            start={undefined}
            onClose={() => setCreating(null)}
            onCreated={() => void load(true)}
          />
        ) : null}
      </Suspense>
    </ViewFrame>
  );
}

const CARD = { width: 250, height: 190 };

/** Above its pin, or below where there is no room; never over the edge. */
function cardStyle({ x, y }: { x: number; y: number }, { width, height }: { width: number; height: number }) {
  const left = Math.max(8, Math.min(x - CARD.width / 2, width - CARD.width - 8));
  return { left, width: CARD.width, ...(y > CARD.height ? { bottom: height - y + 22 } : { top: y + 14 }) };
}

/** From how near one point stands by itself. */
function aloneAt(points: readonly (Place & { id: string })[], id: string, from: number): number {
  for (let zoom = Math.ceil(from); zoom < 18; zoom++)
    if (clustersOf(points, zoom).some(({ ids }) => ids.length === 1 && ids[0] === id)) return zoom;
  return 18;
}
