import type { Tones } from '../grid/types.ts';
import { clauseOf, type Clause, type Filter } from '../model/filters.ts';
import { readFilter, storeFilter, type StoredComparison } from '../model/filterTree.ts';
import { matches } from '../model/matches.ts';
import type { Model, ModelField, ModelObject, RecordRow } from '../model/types.ts';

/** A rule of colours: what fits is marked, the whole row or the field's own cell. */
export interface ColorRule {
  filter: Filter;
  color: string;
  target: 'ROW' | 'CELL';
}

export interface StoredColorRule {
  condition: StoredComparison;
  color: string;
  target: 'ROW' | 'CELL';
}

/** Rules as a view keeps them, by the ids of fields. What is no comparison of the object's own fields is left as it is. */
export const readColors = (whole: Model, object: ModelObject, stored: StoredColorRule[]): ColorRule[] =>
  stored.flatMap(({ condition, color, target }) => {
    const [filter] = readFilter(whole, object, condition);
    return filter && 'operator' in filter ? [{ filter, color, target }] : [];
  });

export const storeColors = (model: Model, object: ModelObject, rules: ColorRule[]): StoredColorRule[] =>
  rules.flatMap(({ filter, color, target }) => {
    const condition = storeFilter(model, object, [filter]);
    return condition && 'operand' in condition ? [{ condition, color, target }] : [];
  });

/** The fields that rules look at, which are read with each row. */
export const colorFields = (object: ModelObject, rules: ColorRule[]): ModelField[] =>
  object.fields.filter((field) => field.isActive && rules.some(({ filter }) => filter.field === field.name));

/** What marks a row. Of several rules that fit the first counts. */
export function tonesBy(object: ModelObject, rules: ColorRule[], me: string | null): (row: RecordRow) => Tones | null {
  const now = new Date();
  const ready = rules.flatMap(({ filter, color, target }): { clause: Clause; color: string; cell: string | null }[] => {
    const field = object.fields.find(({ name, isActive }) => name === filter.field && isActive);
    // Links are rows of their own, and what another record says is not in this one.
    const clause = field && !field.junction && !filter.via ? clauseOf(field, filter, { now, me }) : null;
    return clause ? [{ clause, color, cell: target === 'CELL' ? filter.field : null }] : [];
  });
  if (ready.length === 0) return () => null;
  return (row) => {
    let tone: string | null = null;
    const cells = new Map<string, string>();
    for (const { clause, color, cell } of ready) {
      if ((cell === null ? tone !== null : cells.has(cell)) || matches(clause, row) !== true) continue;
      if (cell === null) tone = color;
      else cells.set(cell, color);
    }
    return tone === null && cells.size === 0 ? null : { row: tone, cells };
  };
}
