import type { HistoryChange } from '../model/inquiries.ts';
import { t } from '../language/t.ts';

/** One row of the history in words: what it is, what was done to it, and which of its attributes changed. */

const NOUNS: { [table: string]: string } = {
  objects: 'object',
  fields: 'field',
  relations: 'relation',
  rules: 'rule',
  indexes: 'index',
  views: 'view',
  view_fields: t('column of a view'),
  viewFields: t('column of a view'),
  aliases: t('former name'),
};

export const changeNoun = (change: HistoryChange): string => NOUNS[change.table] ?? change.table;

export function changeVerb({ before, after }: HistoryChange): 'added' | 'changed' | 'deleted' | 'restored' | 'purged' {
  if (!before) return 'added';
  if (!after) return 'purged';
  const was = before['deleted_at'] ?? before['deletedAt'] ?? null;
  const is = after['deleted_at'] ?? after['deletedAt'] ?? null;
  if (is !== null && was === null) return 'deleted';
  if (is === null && was !== null) return 'restored';
  return 'changed';
}

const HIDDEN =
  /^(id|workspace_?id|object_?id|field_?id|compiled|created_?at|deleted_?(at|by_?name)|universal_?identifier|application_?id|revision|table_?name)$/i;

const shown = (value: unknown): string => {
  if (value === null || value === undefined || value === '') return 'empty';
  if (value === true) return t('yes');
  if (value === false) return 'no';
  return typeof value === 'string' ? value : JSON.stringify(value);
};

const words = (column: string): string =>
  column
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .replaceAll('_', ' ')
    .toLowerCase();

export interface Difference {
  name: string;
  before: string;
  after: string;
}

/** Only for changes: what was added has no before, and is told by its label. */
export function differences({ before, after }: HistoryChange): Difference[] {
  if (!before || !after) return [];
  return Object.keys({ ...before, ...after })
    .filter((column) => !HIDDEN.test(column))
    .filter((column) => JSON.stringify(before[column] ?? null) !== JSON.stringify(after[column] ?? null))
    .map((column) => ({ name: words(column), before: shown(before[column]), after: shown(after[column]) }));
}
