import { createStore, type StoreApi } from 'zustand/vanilla';
import { request } from '../api/client.ts';
import { toFailure, type Failure } from '../api/failure.ts';
import { boneKey, type GridItem, type GridItems } from '../grid/items.ts';
import { aggregateInputs } from '../model/aggregates.ts';
import { groupsDocument } from '../model/documents.ts';
import { allOf } from '../model/filters.ts';
import { compareGroups, groupClause, groupingInput, groupLabel, type Bucket } from '../model/grouping.ts';
import type { Shown } from '../offline/pending.ts';
import { objectById } from '../model/lookup.ts';
import type { ModelField, RecordRow } from '../model/types.ts';
import { footTexts, type Foot } from './feet.ts';
import { DRAFT } from './gridItems.ts';
import type { RowEdits } from './RecordGrid.tsx';
import { knownLabel, readLabels } from './recordLabels.ts';
import { createTableStore, type Query, type TableStore } from './tableStore.ts';

export interface Group {
  /** Of its line in the grid. */
  id: string;
  key: string | null;
  label: string;
  color: string | null;
  count: number;
  /** What the columns come to. */
  texts: { [field: string]: string };
}

export interface GroupQuery extends Query {
  group: ModelField;
  bucket: Bucket | null;
  feet: Foot[];
  /** Options that no record has are groups also where a filter leaves records out. */
  showsEmpty?: boolean;
}

interface GroupState {
  query: GroupQuery | null;
  groups: Group[];
  status: 'loading' | 'ready' | 'failed';
  failure: Failure | null;
  /** There are more groups than anybody looks at. */
  isTooMany: boolean;
  /** Raised whenever the rows of a group change. */
  version: number;
}

const PAGE = 100;
/** So many groups are shown. */
export const MOST_GROUPS = 1000;
const groupId = (key: string | null): string => `group:${key ?? ''}`;

export interface GroupStore extends StoreApi<GroupState> {
  load: (query: GroupQuery) => Promise<void>;
  /** Counts again, and reads again what is in view. */
  refresh: (items: GridItems<RecordRow>, first: number, last: number) => Promise<{ row: string; field: string }[]>;
  /** Reads what some lines show. */
  see: (items: GroupItems, first: number, last: number) => void;
  items: (collapsed: ReadonlySet<string>, draft: { group: string; row: RecordRow } | null) => GroupItems;
  rows: () => RecordRow[];
  edits: RowEdits;
  insertInto: (group: string, row: RecordRow) => void;
  remove: (ids: string[]) => () => void;
  follow: (shown: Shown) => void;
}

export interface GroupItems extends GridItems<RecordRow> {
  /** Where the rows of a group stand among all lines. */
  spans: { group: Group; first: number; rows: number }[];
}

/** A table in groups: each reads its own rows, page by page, when it comes into view. */
export function createGroupStore(): GroupStore {
  const store = createStore<GroupState>(() => ({
    query: null,
    groups: [],
    status: 'loading',
    failure: null,
    isTooMany: false,
    version: 0,
  }));
  const { getState, setState } = store;
  let tables = new Map<string, TableStore>();
  let run = 0;
  let isTelling = false;

  const tell = () => {
    if (isTelling) return;
    isTelling = true;
    queueMicrotask(() => {
      isTelling = false;
      setState({ version: getState().version + 1 });
    });
  };

  const queryOf = (query: GroupQuery, key: string | null): Query => {
    const clause = groupClause(query.group, query.bucket, key);
    return { ...query, filter: query.filter ? allOf([query.filter, clause]) : clause };
  };

  const tableOf = (group: Group): TableStore => {
    const known = tables.get(group.id);
    if (known) return known;
    const table = createTableStore();
    const { query } = getState();
    tables.set(group.id, table);
    table.subscribe(tell);
    if (query) void table.load(queryOf(query, group.key));
    return table;
  };

  const read = async (query: GroupQuery): Promise<{ groups: Group[]; isTooMany: boolean }> => {
    const { group: field, bucket, object, model, filter, feet, showsEmpty } = query;
    const { list } = await request(groupsDocument(object), {
      values: [{ function: 'COUNT' }, ...feet.flatMap((foot) => aggregateInputs(foot.field, foot.name))],
      by: groupingInput(field, bucket),
      ...(filter ? { filter } : {}),
    });
    const found = list.groups.slice(0, MOST_GROUPS);
    const target = objectById(model, field.relations[0]?.targetObjectId ?? '');
    if (target) {
      const ids = found.flatMap(({ key }) => key ?? []);
      await readLabels(model, target, ids);
    }
    // Options are groups also where no record has them: people put records there.
    const missing = (field.options ?? [])
      .filter(({ value }) => !found.some(({ key }) => key === value))
      .map(({ value }) => ({ key: value, values: ['0'] as (string | null)[] }));
    const groups = [...found, ...(filter && !showsEmpty ? [] : missing)].map(({ key, values }): Group => ({
      id: groupId(key),
      key,
      label: key !== null && field.relations.length > 0 ? (knownLabel(key) ?? key) : groupLabel(field, bucket, key),
      color: field.options?.find(({ value }) => value === key)?.color ?? null,
      count: Number(values[0] ?? 0),
      texts: footTexts(feet, values.slice(1)),
    }));
    return { groups: groups.sort(compareGroups(field)), isTooMany: list.groups.length > MOST_GROUPS };
  };

  const holding = (id: string): TableStore | undefined =>
    [...tables.values()].find((table) => {
      const { rows, islands } = table.getState();
      return (
        rows.some((row) => row.id === id) || [...islands.values()].some((some) => some.some((row) => row.id === id))
      );
    });

  const edits: RowEdits = {
    refusals: () => new Map([...tables.values()].flatMap((table) => [...table.getState().refusals])),
    fields: () => getState().query?.fields ?? [],
    save: (id, given) => holding(id)?.save(id, given) ?? Promise.resolve(null),
    saveMany: async (changes, step) => {
      const byTable = Map.groupBy(changes, ({ id }) => holding(id));
      const failed = await Promise.all(
        [...byTable].map(([table, some]) => table?.saveMany(some, step) ?? new Set<string>()),
      );
      return new Set(failed.flatMap((some) => [...some]));
    },
    refuse: (id, refusal) => holding(id)?.refuse(id, refusal),
    drop: (id, field) => holding(id)?.drop(id, field),
    insert: () => undefined,
  };

  return Object.assign(store, {
    edits,

    async load(query: GroupQuery) {
      const mine = ++run;
      tables = new Map();
      setState({ query, status: 'loading', failure: null });
      try {
        const found = await read(query);
        if (mine === run) setState({ ...found, status: 'ready' });
      } catch (cause) {
        if (mine === run) setState({ status: 'failed', failure: toFailure(cause), groups: [] });
      }
    },

    async refresh(items: GridItems<RecordRow>, first: number, last: number) {
      const { query } = getState();
      const mine = run;
      if (!query) return [];
      const found = await read(query);
      if (mine !== run) return [];
      setState(found);
      const { spans } = items as GroupItems;
      const cells = await Promise.all(
        [...tables].map(([id, table]) => {
          const span = spans.find(({ group }) => group.id === id);
          const from = Math.max(0, first - (span?.first ?? 0));
          return table.refresh(from, Math.max(from, last - (span?.first ?? 0)));
        }),
      );
      return cells.flat();
    },

    see({ spans }: GroupItems, first: number, last: number) {
      for (const { group, first: start, rows } of spans) {
        if (rows === 0 || start > last + 20 || start + rows < first - 20) continue;
        const table = tableOf(group);
        const [from, to] = [Math.max(0, first - start), Math.min(rows, last - start)];
        const { rows: loaded } = table.getState();
        if (from > loaded.length + PAGE * 3) void table.visit(from, to).catch(() => undefined);
        else if (to + 40 > loaded.length) void table.more(to + 60);
      }
    },

    items(collapsed: ReadonlySet<string>, draft: { group: string; row: RecordRow } | null): GroupItems {
      const { groups } = getState();
      const spans: GroupItems['spans'] = [];
      let count = 0;
      let draftAt = -1;
      for (const group of groups) {
        count += 1;
        const isOpen = !collapsed.has(group.key ?? '');
        if (draft?.group === group.id) draftAt = count++;
        const table = tables.get(group.id)?.getState();
        const rows = !isOpen
          ? 0
          : table && table.status === 'ready' && !table.hasMore
            ? table.rows.length
            : Math.max(group.count, table?.rows.length ?? 0);
        spans.push({ group, first: count, rows });
        count += rows;
      }
      const spanAt = (index: number) => {
        let [low, high] = [0, spans.length - 1];
        while (low < high) {
          const middle = Math.ceil((low + high) / 2);
          if (headOf(middle) <= index) low = middle;
          else high = middle - 1;
        }
        return low;
      };
      const headOf = (place: number): number => {
        const span = spans[place];
        return span ? span.first - 1 - (draft?.group === span.group.id ? 1 : 0) : 0;
      };
      const at = (index: number): GridItem<RecordRow> => {
        const place = spanAt(index);
        const span = spans[place];
        if (!span) return { kind: 'bone', key: boneKey(index) };
        if (index === headOf(place))
          return { kind: 'group', key: span.group.id, isOpen: !collapsed.has(span.group.key ?? '') };
        if (draft && index === draftAt) return { kind: 'row', key: DRAFT, row: draft.row };
        const local = index - span.first;
        const table = tables.get(span.group.id)?.getState();
        const row = table?.rows[local] ?? table?.islands.get(Math.floor(local / PAGE))?.[local % PAGE];
        return row ? { kind: 'row', key: row.id, row } : { kind: 'bone', key: boneKey(index) };
      };
      let places: Map<string, number> | null = null;
      return {
        count,
        loaded: [...tables.values()].reduce((sum, table) => sum + table.getState().rows.length, 0),
        spans,
        at,
        indexOf: (key) => {
          if (key === DRAFT) return draftAt;
          if (key.startsWith('#')) return Number(key.slice(1));
          if (!places) {
            places = new Map(spans.map(({ group }, place) => [group.id, headOf(place)]));
            for (const { group, first, rows } of spans) {
              const table = rows > 0 ? tables.get(group.id)?.getState() : undefined;
              table?.rows.forEach((row, index) => places?.set(row.id, first + index));
              for (const [page, found] of table?.islands ?? [])
                found.forEach((row, index) => {
                  if (page * PAGE + index >= (table?.rows.length ?? 0))
                    places?.set(row.id, first + page * PAGE + index);
                });
            }
          }
          return places.get(key) ?? -1;
        },
      };
    },

    rows: () => getState().groups.flatMap((group) => tables.get(group.id)?.getState().rows ?? []),

    insertInto(id: string, row: RecordRow) {
      const group = getState().groups.find((each) => each.id === id);
      if (!group) return;
      setState({
        groups: getState().groups.map((each) => (each.id === id ? { ...each, count: each.count + 1 } : each)),
      });
      tableOf(group).insert(row);
    },

    remove(ids: string[]) {
      const undo = [...tables.values()].map((table) => table.remove(ids));
      return () => undo.forEach((back) => back());
    },

    follow: (shown: Shown) => tables.forEach((table) => table.follow(shown)),
  });
}
