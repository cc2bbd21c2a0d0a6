import type { TableSearch } from '../app/router.tsx';
import { decodeFilter, encodeFilter } from '../model/filters.ts';
import { readColors, type ColorRule } from '../records/tones.ts';
import { decodeNodes, encodeNode, readFilter, type FilterNode } from '../model/filterTree.ts';
import { fieldById, visibleFields } from '../model/lookup.ts';
import { decodeSorts, encodeSorts, type Sort } from '../model/sorting.ts';
import type { Model, ModelObject } from '../model/types.ts';
import { shownFields, type ColumnLayout } from '../records/columnLayout.ts';
import type { SavedView, ViewBucket, ViewOptions, ViewType } from './savedViews.ts';

/** How the records of an object are shown, wherever that comes from: a view, the address, or what one chose before. */
export interface Shown {
  filters: FilterNode[];
  sorts: Sort[];
  layout: ColumnLayout;
  type: ViewType;
  /** The field that records are grouped by. */
  group: string | null;
  /** Of a date, the span of the calendar that makes a group. */
  bucket: ViewBucket | null;
  options: ViewOptions;
  colors: ColorRule[];
}

/** All records, as one last left their columns. */
export const usually = (usual: ColumnLayout): Shown => ({
  filters: [],
  sorts: [],
  layout: usual,
  type: 'TABLE',
  group: null,
  bucket: null,
  options: {},
  colors: [],
});

/** A column in the address: its name, an exclamation mark if it is pinned, its width, and what its foot tells. */
export const encodeColumns = (object: ModelObject, layout: ColumnLayout): string =>
  shownFields(object, layout)
    .map(({ name }) => {
      const { widths, pinned, aggregates } = layout;
      const width = widths[name] === undefined ? '' : `:${widths[name]}`;
      const aggregate = aggregates[name] === undefined ? '' : `~${aggregates[name]}`;
      return `${name}${pinned.includes(name) ? '!' : ''}${width}${aggregate}`;
    })
    .join(',');

interface Column {
  name: string;
  width?: number | undefined;
  isPinned: boolean;
  aggregate?: string | undefined;
}

/** Only what is named shows: a field that is new, or that one may not read, does not come in between. */
function onlyThese(object: ModelObject, columns: Column[]): ColumnLayout {
  const order = columns.map(({ name }) => name);
  return {
    order,
    hidden: visibleFields(object).flatMap(({ name }) => (order.includes(name) ? [] : [name])),
    widths: Object.fromEntries(
      columns.flatMap(({ name, width }) => (width === undefined ? [] : [[name, width] as const])),
    ),
    pinned: columns.flatMap(({ name, isPinned }) => (isPinned ? name : [])),
    aggregates: Object.fromEntries(
      columns.flatMap(({ name, aggregate }) => (aggregate === undefined ? [] : [[name, aggregate] as const])),
    ),
  };
}

export const decodeColumns = (object: ModelObject, text: string): ColumnLayout =>
  onlyThese(
    object,
    text
      .split(',')
      .filter(Boolean)
      .map((each) => {
        const [, name = '', pin, width, aggregate] = /^([^:!~]*)(!)?(?::(\d{2,4}))?(?:~([A-Z_]+))?/.exec(each) ?? [];
        return { name, width: width === undefined ? undefined : Number(width), isPinned: pin !== undefined, aggregate };
      }),
  );

/** A view as this viewer is shown it: without the columns that the role does not read. */
export function shownOf(whole: Model, object: ModelObject, view: SavedView, usual: ColumnLayout): Shown {
  return {
    filters: readFilter(whole, object, view.filter),
    sorts: view.sorts.flatMap(({ fieldId, descending }) => {
      const field = fieldById(object, fieldId);
      return field ? [{ field: field.name, descending: descending === true }] : [];
    }),
    type: view.type,
    group: fieldById(object, view.groupFieldId)?.name ?? null,
    bucket: view.groupBucket,
    options: view.layout,
    colors: readColors(whole, object, view.colors),
    layout:
      view.columns.length === 0
        ? usual
        : onlyThese(
            object,
            view.columns.flatMap(({ fieldId, isVisible, width, isPinned, aggregate }) => {
              const field = isVisible ? fieldById(object, fieldId) : undefined;
              return field
                ? [{ name: field.name, width: width ?? undefined, isPinned, aggregate: aggregate ?? undefined }]
                : [];
            }),
          ),
  };
}

const sorted = (options: ViewOptions) => JSON.stringify(Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1)));
const sameOptions = (a: ViewOptions, b: ViewOptions): boolean => sorted(a) === sorted(b);

/** Where what is shown differs from where it started, as the address tells it. */
export function differences(object: ModelObject, base: Shown, shown: Shown): TableSearch {
  // What is begun and not applied yet counts, too: it is in the address while one is at it.
  const filter = (of: Shown) => JSON.stringify(of.filters.map(encodeNode));
  const [columns, sort] = [encodeColumns(object, shown.layout), encodeSorts(shown.sorts)];
  return {
    ...(filter(base) === filter(shown) ? {} : { filters: shown.filters.map(encodeNode) }),
    ...(encodeSorts(base.sorts) === sort ? {} : { sort }),
    ...(encodeColumns(object, base.layout) === columns ? {} : { columns }),
    ...(base.type === shown.type ? {} : { type: shown.type }),
    ...(base.group === shown.group ? {} : { group: shown.group ?? '' }),
    ...(base.bucket === shown.bucket ? {} : { bucket: shown.bucket ?? '' }),
    ...(sameOptions(base.options, shown.options) ? {} : { options: shown.options }),
    ...(encodeColors(base.colors) === encodeColors(shown.colors) ? {} : { colors: encodeColors(shown.colors) }),
  };
}

/** Rules of colours in the address: the colour, what is marked, and the condition. */
const encodeColors = (rules: ColorRule[]): string =>
  JSON.stringify(rules.map(({ filter, color, target }) => [color, target, encodeFilter(filter)]));

function decodeColors(text: string): ColorRule[] {
  try {
    return (JSON.parse(text) as unknown[]).flatMap((each): ColorRule[] => {
      const [color, target, condition] = Array.isArray(each) ? (each as unknown[]) : [];
      const filter = typeof condition === 'string' ? decodeFilter(condition) : null;
      if (!filter || typeof color !== 'string' || (target !== 'ROW' && target !== 'CELL')) return [];
      return [{ filter, color, target }];
    });
  } catch {
    return [];
  }
}

export const applyDifferences = (object: ModelObject, base: Shown, search: TableSearch): Shown => ({
  filters: search.filters === undefined ? base.filters : decodeNodes(search.filters),
  colors: search.colors === undefined ? base.colors : decodeColors(search.colors),
  sorts: search.sort === undefined ? base.sorts : decodeSorts(search.sort),
  layout: search.columns === undefined ? base.layout : decodeColumns(object, search.columns),
  type: search.type ?? base.type,
  group: search.group === undefined ? base.group : search.group || null,
  bucket: search.bucket === undefined ? base.bucket : search.bucket || null,
  options: search.options ?? base.options,
});
