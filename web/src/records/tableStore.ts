import { createStore, type StoreApi } from 'zustand/vanilla';
import { request } from '../api/client.ts';
import { toFailure, type Failure } from '../api/failure.ts';
import { countDocument, listDocument, placeDocument } from '../model/documents.ts';
import type { ColumnValue, Model, ModelField, ModelObject, RecordRow } from '../model/types.ts';
import { applyValue, toPatch } from '../model/values.ts';
import { rowKeys } from '../model/valueType.ts';
import { isTooEarly, withPending, type Shown } from '../offline/pending.ts';
import type { Step } from '../undo/undo.ts';
import { saveEdits, updateMany } from './changes.ts';
import { changedCells, mergeRows } from './mergeRows.ts';
import { refusalsOf, type Edit, type Refusal } from './refusals.ts';
import { t } from '../language/t.ts';

const PAGE = 100;
const LARGEST_PAGE = 500;
/** Up to here a live change reads everything loaded again; beyond it, only what is in view. */
const REREAD_ALL = 300;
/** Of more records that a request has left as they are it is not asked for each why. */
const ASK_WHY = 40;
/** Pages that one has jumped to and left are forgotten, the oldest first. */
const MOST_ISLANDS = 40;

export interface Query {
  model: Model;
  object: ModelObject;
  fields: ModelField[];
  filter: { [key: string]: ColumnValue } | null;
  orderBy: string[];
}

/** Edits of one record. */
export interface RecordEdits {
  id: string;
  edits: Edit[];
}

export interface TableState {
  query: Query | null;
  /** From the first on. */
  rows: RecordRow[];
  /** Pages further on, to which one has jumped, by their number; what lies between is not read. */
  islands: ReadonlyMap<number, RecordRow[]>;
  endCursor: string | null;
  hasMore: boolean;
  total: number | null;
  status: 'loading' | 'ready' | 'failed';
  failure: Failure | null;
  /** Edits that were refused, by record and field. */
  refusals: ReadonlyMap<string, Refusal>;
}

export interface TableStore extends StoreApi<TableState> {
  load: (query: Query) => Promise<void>;
  more: (wanted: number) => Promise<void>;
  /** Reads the pages around some places, wherever they are. */
  visit: (first: number, last: number) => Promise<void>;
  /** Reads again what is loaded or in view; gives the cells that someone changed meanwhile. */
  refresh: (first: number, last: number) => Promise<{ row: string; field: string }[]>;
  /** Reads, of the rows in view, the columns that were not asked for yet; from now on those are read with each row. */
  fill: (fields: ModelField[], first: number, last: number) => Promise<void>;
  /** Saves edits of one record together; gives what stood against it, which is also kept with the cells. */
  /** Whoever saves several rows at once gives a step, and remembers it. */
  save: (id: string, edits: Edit[], step?: Step) => Promise<Failure | null>;
  /** Saves edits of many records by one request; gives the ids of those that were not changed, which say why. */
  saveMany: (changes: RecordEdits[], step: Step) => Promise<Set<string>>;
  refuse: (id: string, refusal: Refusal) => void;
  drop: (id: string, field: ModelField) => void;
  insert: (row: RecordRow) => void;
  remove: (ids: string[]) => () => void;
  /** Follows what became of changes that waited. */
  follow: (shown: Shown) => void;
}

/** The rows of one table on screen: pages read by cursor as one scrolls, edits shown before they are saved. */
export const refusalKey = (id: string, field: ModelField): string => `${id} ${field.name}`;

/** Not read yet, which is something else than empty. */
export const isUnread = (row: RecordRow, field: ModelField): boolean => {
  const [key] = rowKeys(field);
  return key !== undefined && row[key] === undefined;
};

/** The beginning of a table, to show while it is read anew. */
export type TableBeginning = Pick<TableState, 'query' | 'rows' | 'hasMore' | 'total'>;

export const beginningOf = ({ query, rows, hasMore, total }: TableState): TableBeginning => ({
  query,
  rows: rows.slice(0, PAGE),
  hasMore: hasMore || rows.length > PAGE,
  total,
});

export function createTableStore(beginning?: TableBeginning): TableStore {
  const store = createStore<TableState>(() => ({
    query: null,
    rows: [],
    islands: new Map(),
    endCursor: null,
    hasMore: false,
    total: null,
    status: 'loading',
    failure: null,
    refusals: new Map(),
    ...beginning,
  }));
  const { getState, setState } = store;
  let run = 0;
  let fetching = false;
  let refreshes = 0;
  /** Edits on their way to the server, which a reading that began before them must not undo on screen. */
  const unsaved = new Map<string, Edit & { id: string }>();
  const filling = new Set<string>();

  const page = async (query: Query, first: number, after: string | null, filter = query.filter) =>
    (
      await request(listDocument(query.model, query.object, query.fields), {
        first,
        after,
        ...(filter ? { filter } : {}),
        orderBy: query.orderBy,
      })
    ).list;

  const overlay = (query: Query, read: RecordRow[]): RecordRow[] => {
    const rows = withPending(query.model, query.object, read);
    if (unsaved.size === 0) return rows;
    return rows.map((row) =>
      [...unsaved.values()]
        .filter((edit) => edit.id === row.id)
        .reduce((next, edit) => applyValue(query.model, edit.field, next, edit.value), row),
    );
  };

  /** Changes rows wherever they are; what stays as it is keeps its identity. */
  const mapRows = (change: (row: RecordRow) => RecordRow) => {
    const { rows, islands } = getState();
    setState({
      rows: rows.map(change),
      ...(islands.size > 0
        ? { islands: new Map([...islands].map(([number, found]) => [number, found.map(change)] as const)) }
        : {}),
    });
  };
  const replace = (id: string, change: (row: RecordRow) => RecordRow) =>
    mapRows((row) => (row.id === id ? change(row) : row));
  const find = (id: string): RecordRow | undefined => {
    const { rows, islands } = getState();
    return (
      rows.find((row) => row.id === id) ??
      [...islands.values()].flatMap((found) => found.find((row) => row.id === id) ?? [])[0]
    );
  };
  const visiting = new Set<number>();

  const count = async (query: Query, mine: number) => {
    const { list } = await request(countDocument(query.object), query.filter ? { filter: query.filter } : {});
    if (mine === run) setState({ total: list.totalCount });
  };

  return Object.assign(store, {
    async load(query: Query) {
      const mine = ++run;
      const other = getState().query?.object.id !== query.object.id;
      setState({
        query,
        status: 'loading',
        failure: null,
        islands: new Map(),
        ...(other ? { rows: [], hasMore: false, endCursor: null, total: null, refusals: new Map() } : {}),
      });
      try {
        const list = await page(query, PAGE, null);
        if (mine !== run) return;
        setState({
          rows: overlay(query, list.nodes),
          endCursor: list.pageInfo.endCursor,
          hasMore: list.pageInfo.hasNextPage,
          status: 'ready',
          total: list.pageInfo.hasNextPage ? null : list.nodes.length,
        });
        if (list.pageInfo.hasNextPage) await count(query, mine).catch(() => undefined);
      } catch (cause) {
        if (mine === run) setState({ status: 'failed', failure: toFailure(cause) });
      }
    },

    async more(wanted: number) {
      const mine = run;
      while (!fetching && mine === run) {
        const { query, rows, hasMore, endCursor, status } = getState();
        if (!query || !hasMore || status !== 'ready' || rows.length >= wanted) return;
        fetching = true;
        try {
          const list = await page(query, Math.min(LARGEST_PAGE, Math.max(PAGE, wanted - rows.length)), endCursor);
          if (mine !== run) return;
          const fresh = new Map(overlay(query, list.nodes).map((row) => [row.id, row]));
          for (const { id } of getState().rows) fresh.delete(id);
          setState({
            rows: [...getState().rows, ...fresh.values()],
            endCursor: list.pageInfo.endCursor,
            hasMore: list.pageInfo.hasNextPage,
          });
          if (!list.pageInfo.hasNextPage) setState({ total: getState().rows.length });
        } catch (cause) {
          if (mine === run) setState({ failure: toFailure(cause), hasMore: false });
          return;
        } finally {
          fetching = false;
        }
      }
    },

    async visit(first: number, last: number) {
      const mine = run;
      const { query, rows, islands, total, status } = getState();
      if (!query || status !== 'ready' || total === null) return;
      const pages: number[] = [];
      for (let number = Math.floor(first / PAGE); number <= Math.floor(last / PAGE); number++)
        if ((number + 1) * PAGE > rows.length && number * PAGE < total && !islands.has(number) && !visiting.has(number))
          pages.push(number);
      await Promise.all(
        pages.map(async (number) => {
          visiting.add(number);
          try {
            const { list } = await request(placeDocument(query.model, query.object, query.fields), {
              first: PAGE,
              offset: number * PAGE,
              ...(query.filter ? { filter: query.filter } : {}),
              orderBy: query.orderBy,
            });
            if (mine !== run) return;
            const kept = [...getState().islands].slice(-MOST_ISLANDS);
            setState({ islands: new Map([...kept, [number, overlay(query, list.nodes)]]) });
          } finally {
            visiting.delete(number);
          }
        }),
      );
    },

    async refresh(first: number, last: number) {
      const { query, rows, status } = getState();
      const mine = run;
      const refreshing = ++refreshes;
      if (!query || status !== 'ready') return [];
      const all = rows.length <= REREAD_ALL;
      const place = Math.max(0, first - 10);
      const seen = (
        place < rows.length
          ? rows.slice(place, last + 10)
          : [...getState().islands].flatMap(([number, found]) =>
              found.filter((_, index) => number * PAGE + index >= place && number * PAGE + index <= last + 10),
            )
      ).map((row) => row.id);
      const inView = { id: { in: seen } };
      const list = all
        ? await page(query, Math.max(PAGE, rows.length), null)
        : await page(query, seen.length, null, query.filter ? { and: [query.filter, inView] } : inView);
      if (mine !== run || refreshing !== refreshes) return [];
      const current = getState().rows;
      const fresh = overlay(query, list.nodes);
      const cells = changedCells(current, fresh, query.fields);
      if (all) {
        setState({
          rows: mergeRows(current, fresh),
          hasMore: list.pageInfo.hasNextPage,
          endCursor: list.pageInfo.endCursor,
          ...(list.pageInfo.hasNextPage ? {} : { total: list.nodes.length }),
        });
      } else {
        const byId = new Map(fresh.map((row) => [row.id, row]));
        const gone = new Set(seen.filter((id) => !byId.has(id)));
        setState({ rows: current.filter((row) => !gone.has(row.id)) });
        mapRows((row) => byId.get(row.id) ?? row);
      }
      if (getState().hasMore) void count(query, mine).catch(() => undefined);
      return cells;
    },

    async fill(fields: ModelField[], first: number, last: number) {
      const { query, rows } = getState();
      const mine = run;
      if (!query) return;
      setState({ query: { ...query, fields } });
      const seen = [
        ...rows.slice(Math.max(0, first - 10), last + 30),
        ...(first > rows.length ? [...getState().islands.values()].flat() : []),
      ];
      const missing = fields.filter((field) => seen.some((row) => isUnread(row, field)));
      const lacking = seen.filter(
        (row) =>
          missing.some((field) => isUnread(row, field)) && !missing.every((f) => filling.has(refusalKey(row.id, f))),
      );
      if (lacking.length === 0) return;
      const keys = lacking.flatMap((row) => missing.map((field) => refusalKey(row.id, field)));
      for (const key of keys) filling.add(key);
      try {
        const { list } = await request(listDocument(query.model, query.object, missing), {
          first: lacking.length,
          filter: { id: { in: lacking.map((row) => row.id) } },
        });
        if (mine !== run) return;
        const nothing = Object.fromEntries(missing.flatMap(rowKeys).map((name) => [name, null]));
        const fresh = new Map(overlay(query, list.nodes).map((row) => [row.id, row]));
        mapRows((row) => (fresh.has(row.id) ? { ...nothing, ...row, ...fresh.get(row.id) } : row));
      } finally {
        for (const key of keys) filling.delete(key);
      }
    },

    async save(id: string, given: Edit[], step?: Step) {
      const { query, refusals } = getState();
      const before = find(id);
      if (!query || !before) return null;
      // What was refused for want of one of these fields is tried again with it.
      const waiting = [...refusals].flatMap(([key, refusal]) =>
        key.startsWith(`${id} `) && given.some(({ field }) => field.id === refusal.needs?.id) ? refusal : [],
      );
      const edits: Edit[] = [...waiting.map(({ field, value }) => ({ field, value })), ...given];
      const marked = edits.map((edit) => ({ key: refusalKey(id, edit.field), edit: { ...edit, id } }));
      const left = new Map(refusals);
      for (const { key, edit } of marked) {
        unsaved.set(key, edit);
        left.delete(key);
      }
      setState({ refusals: left });
      replace(id, (row) => edits.reduce((next, edit) => applyValue(query.model, edit.field, next, edit.value), row));
      try {
        const saved = await saveEdits(query.model, query.object, before, edits, step);
        if (marked.every(({ key, edit }) => unsaved.get(key) === edit)) replace(id, (row) => ({ ...row, ...saved }));
        return null;
      } catch (cause) {
        const failure = toFailure(cause);
        const next = new Map(getState().refusals);
        for (const [index, refusal] of refusalsOf(query.object, edits, failure).entries()) {
          const { key, edit } = marked[index] ?? {};
          // A later edit of the same cell stands on its own; only the latest one is taken back.
          if (!key || unsaved.get(key) !== edit) continue;
          next.set(key, refusal);
          const names = rowKeys(refusal.field);
          replace(id, (row) => ({ ...row, ...Object.fromEntries(names.map((name) => [name, before[name] ?? null])) }));
        }
        setState({ refusals: next });
        return failure;
      } finally {
        for (const { key, edit } of marked) if (unsaved.get(key) === edit) unsaved.delete(key);
      }
    },

    async saveMany(changes: RecordEdits[], step: Step) {
      const { query } = getState();
      if (!query) return new Set<string>();
      // Links are rows of their own, which one request changes for one record.
      const linked = changes.filter(({ edits }) => edits.some(({ field }) => field.junction));
      const plain = changes.filter((change) => !linked.includes(change));
      const byId = new Map(plain.map((change) => [change.id, change]));
      const before = new Map(plain.flatMap(({ id }) => [[id, find(id)] as const]));
      const refusals = new Map(getState().refusals);
      for (const { id, edits } of plain)
        for (const edit of edits) {
          unsaved.set(refusalKey(id, edit.field), { ...edit, id });
          refusals.delete(refusalKey(id, edit.field));
        }
      setState({ refusals });
      mapRows((row) =>
        (byId.get(row.id)?.edits ?? []).reduce(
          (next, edit) => applyValue(query.model, edit.field, next, edit.value),
          row,
        ),
      );
      const forget = () => {
        for (const { id, edits } of plain) for (const { field } of edits) unsaved.delete(refusalKey(id, field));
      };
      const failed = new Set<string>();
      try {
        const patches = plain.map(({ edits }) =>
          Object.assign({}, ...edits.map(({ field, value }) => toPatch(field, value))),
        );
        const left =
          plain.length === 0
            ? []
            : await updateMany(
                query.object,
                plain.map(({ id }) => id),
                patches,
                step,
              );
        forget();
        const rest = new Set(left);
        mapRows((row) => (rest.has(row.id) ? (before.get(row.id) ?? row) : row));
        const asked = left.slice(0, ASK_WHY).flatMap((id) => byId.get(id) ?? []);
        // Asked again one by one, each says in its own words what is wrong with it.
        for (const { id, edits } of [...asked, ...linked]) if (await this.save(id, edits, step)) failed.add(id);
        for (const id of left.slice(ASK_WHY)) {
          failed.add(id);
          for (const { field, value } of byId.get(id)?.edits ?? [])
            this.refuse(id, { field, value, text: null, reason: t('This record was not changed.'), needs: null });
        }
      } catch (cause) {
        forget();
        mapRows((row) => before.get(row.id) ?? row);
        const failure = toFailure(cause);
        if (isTooEarly(failure)) {
          // Each waits for the server by itself.
          for (const { id, edits } of plain) if (await this.save(id, edits, step)) failed.add(id);
          return failed;
        }
        for (const { id, edits } of plain) {
          failed.add(id);
          for (const refusal of refusalsOf(query.object, edits, failure)) this.refuse(id, refusal);
        }
      }
      return failed;
    },

    refuse(id: string, refusal: Refusal) {
      setState({ refusals: new Map(getState().refusals).set(refusalKey(id, refusal.field), refusal) });
      replace(id, (row) => ({ ...row }));
    },

    drop(id: string, field: ModelField) {
      const refusals = new Map(getState().refusals);
      if (!refusals.delete(refusalKey(id, field))) return;
      setState({ refusals });
      replace(id, (row) => ({ ...row }));
    },

    insert(row: RecordRow) {
      const { rows, total } = getState();
      if (rows.some((each) => each.id === row.id)) return;
      setState({ rows: [row, ...rows], total: total === null ? null : total + 1 });
    },

    remove(ids: string[]) {
      const { rows, islands, total } = getState();
      const gone = new Set(ids);
      const left = rows.filter((row) => !gone.has(row.id));
      // Where some of a page go, those that follow come before their time: it is read again.
      const whole = new Map([...islands].filter(([, found]) => !found.some((row) => gone.has(row.id))));
      setState({ rows: left, islands: whole, total: total === null ? null : Math.max(left.length, total - gone.size) });
      return () => setState({ rows, islands, total });
    },

    follow({ recordId, row: columns }: Shown) {
      if (columns) replace(recordId, (row) => ({ ...row, ...columns }));
      else if (find(recordId)) this.remove([recordId]);
    },
  });
}
