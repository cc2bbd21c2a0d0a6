import { create } from 'zustand';
import { visibleFields } from '../model/lookup.ts';
import type { Model, ModelField, ModelObject } from '../model/types.ts';

/** What a person chose for an object's table. Fields that are in neither list are new, and shown. */
export interface ColumnLayout {
  order: string[];
  hidden: string[];
  widths: { [field: string]: number };
  /** Stay in sight when one scrolls sideways, beside the label. */
  pinned: string[];
  /** What the foot tells of a column, such as SUM. */
  aggregates: { [field: string]: string };
}

const DEFAULT_HIDDEN = ['updatedAt', 'createdBy', 'updatedBy'];
const EMPTY: ColumnLayout = { order: [], hidden: DEFAULT_HIDDEN, widths: {}, pinned: [], aggregates: {} };

interface LayoutState {
  layouts: { [object: string]: ColumnLayout };
}

const useLayouts = create<LayoutState>(() => ({ layouts: {} }));

const storageKey = (model: Model, object: ModelObject): string => `relvar.columns.${model.workspace.id}.${object.id}`;

function read(key: string): ColumnLayout {
  try {
    return { ...EMPTY, ...(JSON.parse(localStorage.getItem(key) ?? '{}') as Partial<ColumnLayout>) };
  } catch {
    return EMPTY;
  }
}

export function useColumnLayout(model: Model, object: ModelObject): [ColumnLayout, (layout: ColumnLayout) => void] {
  const key = storageKey(model, object);
  const kept = useLayouts((state) => state.layouts[key]);
  const layout = kept ?? (useLayouts.getState().layouts[key] = read(key));
  const change = (next: ColumnLayout) => {
    useLayouts.setState((state) => ({ layouts: { ...state.layouts, [key]: next } }));
    try {
      localStorage.setItem(key, JSON.stringify(next));
    } catch {
      // Storage is full or blocked: the choice holds until the page is left.
    }
  };
  return [layout, change];
}

/** All the fields of an object in the person's order. The label leads always: it is what a row is called. */
export function orderedFields(object: ModelObject, layout: ColumnLayout): ModelField[] {
  const fields = visibleFields(object);
  const kept = new Map(layout.order.map((name, index) => [name, index]));
  const places = new Map(
    fields.map((field, index) => [
      field,
      field.id === object.labelFieldId ? -1 : (kept.get(field.name) ?? layout.order.length + index),
    ]),
  );
  return [...fields].sort((a, b) => (places.get(a) ?? 0) - (places.get(b) ?? 0));
}

export function shownFields(object: ModelObject, layout: ColumnLayout): ModelField[] {
  const hidden = new Set(layout.hidden);
  const rank = (field: ModelField) =>
    field.id === object.labelFieldId ? 0 : layout.pinned.includes(field.name) ? 1 : 2;
  return orderedFields(object, layout)
    .filter((field) => field.id === object.labelFieldId || !hidden.has(field.name))
    .sort((a, b) => rank(a) - rank(b));
}
