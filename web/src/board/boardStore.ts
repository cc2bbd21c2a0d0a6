import { createStore, type StoreApi } from 'zustand/vanilla';
import { request } from '../api/client.ts';
import { toFailure, type Failure } from '../api/failure.ts';
import type { RecordChange } from '../api/live.ts';
import { listDocument, partsDocument, updateManyDocument } from '../model/documents.ts';
import { allOf, type Clause } from '../model/filters.ts';
import type { Model, ModelField, ModelObject, RecordRow } from '../model/types.ts';
import { applyValue, readValue, recordLabel } from '../model/values.ts';
import { isTooEarly, withPending, type Shown } from '../offline/pending.ts';
import { saveEdits } from '../records/changes.ts';
import type { Edit } from '../records/refusals.ts';
import { remembering, type Step } from '../undo/undo.ts';
import type { ViewBucket, ViewOptions } from '../views/savedViews.ts';
import { columnsBy, isAlready, type BoardColumn } from './columns.ts';
import { placeAt } from './places.ts';
import { t } from '../language/t.ts';

const PAGE = 30;
/** Up to here a column is read again as far as it was; beyond it, its beginning and what was changed. */
const REREAD = 200;

export interface BoardQuery {
  model: Model;
  object: ModelObject;
  fields: ModelField[];
  group: ModelField;
  bucket: ViewBucket | null;
  bounds: number[] | undefined;
  summary: ViewOptions['summary'];
  filter: Clause | null;
  orderBy: string[];
  /** The field that keeps the order that people give cards; null where they lie in an order of the view's, or it is not theirs to change. */
  position: ModelField | null;
}

export interface Cards {
  rows: RecordRow[];
  endCursor: string | null;
  hasMore: boolean;
  /** How many there are, also of those that are not loaded. */
  count: number;
  /** What they come to, if that is asked. */
  sum: string | null;
}

export interface Place {
  column: string;
  index: number;
}

export interface BoardState {
  query: BoardQuery | null;
  columns: BoardColumn[];
  cards: { [column: string]: Cards };
  status: 'loading' | 'ready' | 'failed';
  failure: Failure | null;
  /** The card that is under way, by mouse, finger or keyboard, and where it would come to lie. */
  held: { id: string; from: Place; to: Place } | null;
  flashing: ReadonlySet<string>;
}

export interface BoardStore extends StoreApi<BoardState> {
  load: (query: BoardQuery, closed: string[]) => Promise<void>;
  /** Reads the cards of columns that were closed. */
  open: (columns: string[]) => Promise<void>;
  more: (column: string) => Promise<void>;
  refresh: (changes: RecordChange[]) => Promise<void>;
  /** Puts a card at a place of a column, with what else is to be written; gives what stood against it, after which it lies where it was. */
  move: (id: string, to: Place, more?: Edit[]) => Promise<Failure | null>;
  insert: (column: string, row: RecordRow) => void;
  remove: (id: string) => () => void;
  /** Follows what became of a change that waited. */
  follow: (shown: Shown) => void;
  find: (id: string) => { place: Place; row: RecordRow } | null;
}

const NOTHING: Cards = { rows: [], endCursor: null, hasMore: false, count: 0, sum: null };
const FLASH_MS = 1600;

export const positionOf = (query: BoardQuery, row: RecordRow): number =>
  query.position ? Number(row[query.position.columns[0]?.name ?? ''] ?? 0) : 0;

/** The cards of one board: each column read by itself, page by page; what one does shown before it is saved. */
export function createBoardStore(): BoardStore {
  const store = createStore<BoardState>(() => ({
    query: null,
    columns: [],
    cards: {},
    status: 'loading',
    failure: null,
    held: null,
    flashing: new Set(),
  }));
  const { getState, setState } = store;
  let run = 0;
  let closed = new Set<string>();
  let saving = 0;
  let missed: RecordChange[] | null = null;
  const fetching = new Set<string>();

  const set = (column: string, change: (cards: Cards) => Partial<Cards>) => {
    const { cards } = getState();
    const before = cards[column];
    if (before) setState({ cards: { ...cards, [column]: { ...before, ...change(before) } } });
  };

  const conditions = (query: BoardQuery, column: BoardColumn): Clause =>
    query.filter ? allOf([query.filter, column.clause]) : column.clause;

  const asked = (query: BoardQuery): ModelField[] => {
    const fields = [...query.fields, query.group, ...(query.position ? [query.position] : [])];
    return [...new Set(fields)];
  };

  const sums = ({ object, summary }: BoardQuery) => {
    const field = object.fields.find(({ id }) => id === summary?.fieldId);
    const column = field?.columns[0]?.name;
    return [{ function: 'COUNT' }, ...(summary && column ? [{ function: summary.aggregate, columns: [column] }] : [])];
  };

  const read = async (query: BoardQuery, columns: BoardColumn[], sizeOf: (column: BoardColumn) => number) => {
    if (columns.length === 0) return {};
    const sizes = columns.map(sizeOf);
    const answer = await request(
      partsDocument(
        query.model,
        query.object,
        asked(query),
        sizes.map((size) => size > 0),
      ),
      {
        values: sums(query),
        ...(sizes.some((size) => size > 0) ? { orderBy: query.orderBy } : {}),
        ...Object.fromEntries(
          columns.flatMap((column, index) => [
            [`f${index}`, conditions(query, column)],
            ...(sizes[index] ? [[`n${index}`, sizes[index]]] : []),
          ]),
        ),
      },
    );
    return Object.fromEntries(
      columns.map((column, index): [string, Cards] => {
        const part = answer[`p${index}`];
        const values = part?.groups[0]?.values ?? [];
        return [
          column.key,
          {
            rows: arranged(query, column, part?.nodes ?? []),
            endCursor: part?.pageInfo?.endCursor ?? null,
            hasMore: part?.pageInfo?.hasNextPage ?? false,
            count: Number(values[0] ?? 0),
            sum: values[1] ?? null,
          },
        ];
      }),
    );
  };

  /** Cards as they stand once what waits for the server is there: one that was moved away is not where it was. */
  const arranged = (query: BoardQuery, column: BoardColumn, rows: RecordRow[]): RecordRow[] =>
    withPending(query.model, query.object, rows).filter((row) => {
      if (rows.includes(row) || query.bucket || query.bounds) return true;
      const value = column.valueFor(readValue(query.model, query.group, row));
      return value === undefined || isAlready(query.model, query.group, row, value);
    });

  const locate = (id: string) => {
    for (const [column, { rows }] of Object.entries(getState().cards)) {
      const index = rows.findIndex((row) => row.id === id);
      const row = rows[index];
      if (row) return { place: { column, index }, row };
    }
    return null;
  };

  const take = (id: string): { place: Place; row: RecordRow } | null => {
    const found = locate(id);
    if (!found) return null;
    set(found.place.column, ({ rows, count }) => ({ rows: rows.filter((row) => row.id !== id), count: count - 1 }));
    return found;
  };
  const put = (row: RecordRow, { column, index }: Place) =>
    set(column, ({ rows, count }) => ({
      rows: [...rows.slice(0, index), row, ...rows.slice(index)],
      count: count + 1,
    }));

  /** Makes room for a card; while the server is away, as changes that wait like its own. */
  const moveOthers = async (
    { model, object }: BoardQuery,
    position: ModelField,
    others: ReadonlyMap<string, number>,
    step: Step,
  ) => {
    const patches = [...others.values()].map((at) => ({ [position.columns[0]?.name ?? '']: at }));
    const note = (requestId: string) => void step.requestIds.push(requestId);
    try {
      if (!step.waiting)
        return await request(
          updateManyDocument,
          { object: object.nameSingular, ids: [...others.keys()], patches },
          note,
        );
    } catch (cause) {
      if (!isTooEarly(toFailure(cause))) throw cause;
    }
    for (const [id, at] of others) {
      const row = locate(id)?.row;
      if (row) await saveEdits(model, object, row, [{ field: position, value: at }], step);
    }
  };

  const flash = (ids: string[]) => {
    if (ids.length === 0) return;
    setState({ flashing: new Set([...getState().flashing, ...ids]) });
    setTimeout(() => {
      const flashing = new Set(getState().flashing);
      for (const id of ids) flashing.delete(id);
      setState({ flashing });
    }, FLASH_MS);
  };

  const reread = async (changes: RecordChange[]) => {
    const { query, columns, cards, status } = getState();
    const mine = run;
    if (!query || status !== 'ready') return;
    const fresh = await read(query, columns, ({ key }) =>
      closed.has(key) ? 0 : Math.max(PAGE, Math.min(REREAD, cards[key]?.rows.length ?? 0)),
    );
    if (mine !== run) return;
    // A card that was taken up, or is being saved, meanwhile: what was read is older than what is shown.
    if (saving > 0 || getState().held) {
      missed = [...(missed ?? []), ...changes];
      return;
    }
    const changed = new Set(changes.flatMap(({ recordId }) => recordId ?? []));
    const before = getState().cards;
    const seen = new Set(Object.values(fresh).flatMap(({ rows }) => rows.map(({ id }) => id)));
    const next: BoardState['cards'] = {};
    for (const { key } of columns) {
      const [read1, old] = [fresh[key] ?? NOTHING, before[key] ?? NOTHING];
      if (old.rows.length <= read1.rows.length || !read1.hasMore) next[key] = read1;
      else {
        const tail = old.rows.slice(read1.rows.length).filter(({ id }) => !seen.has(id) && !changed.has(id));
        next[key] = { ...read1, rows: [...read1.rows, ...tail], endCursor: old.endCursor, hasMore: old.hasMore };
      }
    }
    setState({ cards: next });
    flash(
      changes.filter(({ isOwn }) => !isOwn).flatMap(({ recordId }) => (recordId && seen.has(recordId) ? recordId : [])),
    );
  };

  const settle = () => {
    if (saving > 0 || getState().held || !missed) return;
    const changes = missed;
    missed = null;
    void reread(changes).catch(() => undefined);
  };
  store.subscribe((state, previous) => {
    if (previous.held && !state.held) settle();
  });

  return Object.assign(store, {
    find: locate,

    async load(query: BoardQuery, shut: string[]) {
      const mine = ++run;
      const before = getState().query;
      const isOther = before?.object.id !== query.object.id || before.group.id !== query.group.id;
      closed = new Set(shut);
      setState({ query, status: 'loading', failure: null, held: null, ...(isOther ? { columns: [], cards: {} } : {}) });
      try {
        const { model, object, group, filter, bucket, bounds } = query;
        const columns = await columnsBy({ model, object, field: group, filter, bucket, bounds, now: new Date() });
        if (mine !== run) return;
        const cards = await read(query, columns, ({ key }) => (closed.has(key) ? 0 : PAGE));
        if (mine === run) setState({ columns, cards, status: 'ready' });
      } catch (cause) {
        if (mine === run) setState({ status: 'failed', failure: toFailure(cause) });
      }
    },

    async open(keys: string[]) {
      const { query, columns, status } = getState();
      const mine = run;
      const wanted = columns.filter(({ key }) => keys.includes(key) && closed.has(key));
      for (const key of keys) closed.delete(key);
      if (!query || status !== 'ready' || wanted.length === 0) return;
      const found = await read(query, wanted, () => PAGE);
      if (mine === run) setState({ cards: { ...getState().cards, ...found } });
    },

    async more(key: string) {
      const { query, columns, cards } = getState();
      const mine = run;
      const column = columns.find((each) => each.key === key);
      const known = cards[key];
      if (!query || !column || !known?.hasMore || fetching.has(key)) return;
      fetching.add(key);
      try {
        const { list } = await request(listDocument(query.model, query.object, asked(query)), {
          first: PAGE * 2,
          after: known.endCursor,
          filter: conditions(query, column),
          orderBy: query.orderBy,
        });
        if (mine !== run) return;
        set(key, ({ rows }) => {
          const here = new Set(rows.map(({ id }) => id));
          return {
            rows: [...rows, ...list.nodes.filter(({ id }) => !here.has(id))],
            endCursor: list.pageInfo.endCursor,
            hasMore: list.pageInfo.hasNextPage,
          };
        });
      } finally {
        fetching.delete(key);
      }
    },

    async refresh(changes: RecordChange[]) {
      if (saving > 0 || getState().held) missed = [...(missed ?? []), ...changes];
      else await reread(changes).catch(() => undefined);
    },

    async move(id: string, to: Place, more: Edit[] = []) {
      const { query, columns } = getState();
      const column = columns.find(({ key }) => key === to.column);
      const found = take(id);
      if (!query || !column || !found) return null;
      const { model, object, group, position } = query;
      const { row, place: from } = found;
      const rows = getState().cards[to.column]?.rows ?? [];
      const index = Math.min(to.index, rows.length);
      const value = from.column === to.column ? undefined : column.valueFor(readValue(model, group, row));
      const placed = position
        ? placeAt(
            rows.map((each) => ({ id: each.id, position: positionOf(query, each) })),
            index,
          )
        : null;
      const edits: Edit[] = [
        ...more,
        ...(value === undefined || isAlready(model, group, row, value) ? [] : [{ field: group, value }]),
        ...(position && placed ? [{ field: position, value: placed.position }] : []),
      ];
      const others = new Map(placed?.others.map((each) => [each.id, each.position]));
      const shown = edits.reduce((next, edit) => applyValue(model, edit.field, next, edit.value), row);
      put(shown, { column: to.column, index });
      if (position && others.size > 0)
        set(to.column, (cards) => ({
          rows: cards.rows.map((each) =>
            others.has(each.id) ? applyValue(model, position, each, others.get(each.id) ?? 0) : each,
          ),
        }));
      if (edits.length === 0) return null;
      const label = recordLabel(model, object, row) || t('Untitled');
      const step: Step = {
        label: t('“{label}” to {columnLabel}', { label, columnLabel: column.label }),
        requestIds: [],
      };
      saving++;
      try {
        await remembering(step, async () => {
          const saved = await saveEdits(model, object, row, edits, step);
          set(to.column, (cards) => ({
            rows: cards.rows.map((each) => (each.id === id ? { ...each, ...saved } : each)),
          }));
          if (position && others.size > 0) await moveOthers(query, position, others, step);
        });
        return null;
      } catch (cause) {
        take(id);
        put(row, from);
        return toFailure(cause);
      } finally {
        saving--;
        missed ??= [];
        settle();
      }
    },

    follow({ recordId, row: columns }: Shown) {
      const found = locate(recordId);
      if (!found) return;
      if (columns)
        set(found.place.column, ({ rows }) => ({
          rows: rows.map((row) => (row.id === recordId ? { ...row, ...columns } : row)),
        }));
      else take(recordId);
      const { query, columns: all } = getState();
      const row = locate(recordId)?.row;
      if (!query || !row || query.bucket || query.bounds) return;
      // One that is back to what it was, or was not put where it was to go, goes to its column.
      const home = all.find(({ valueFor }) => {
        const value = valueFor(readValue(query.model, query.group, row));
        return value !== undefined && isAlready(query.model, query.group, row, value);
      });
      if (!home || home.key === found.place.column) return;
      take(recordId);
      put(row, { column: home.key, index: 0 });
    },

    insert(column: string, row: RecordRow) {
      if (!locate(row.id)) put(row, { column, index: 0 });
    },

    remove(id: string) {
      const found = take(id);
      return () => void (found && !locate(id) && put(found.row, found.place));
    },
  });
}
