import type { RecordChange } from '../api/live.ts';
import { snakeCase } from '../model/snakeCase.ts';
import type { ModelField, ModelObject } from '../model/types.ts';

/** What changes with every edit, and what the database computes, comes with another reading only. */
const KEPT = ['updatedAt', 'updatedBy'];
const COMPUTED = ['FORMULA', 'ROLLUP'];

/**
 * Whether a page shows changes already, since it made them itself and got back what was saved. Not where another field
 * may follow from them, nor where they may move a record in the list: `arranged` is what the list is filtered and sorted by.
 */
export function isShownAlready(
  changes: RecordChange[],
  object: ModelObject,
  fields: ModelField[],
  arranged: string[],
): boolean {
  if (changes.length === 0) return false;
  if (fields.some((field) => KEPT.includes(field.name) || COMPUTED.includes(field.type))) return false;
  return changes.every(({ isOwn, action, object: name, fields: changed }) => {
    const [field, ...others] = changed ?? [];
    if (!isOwn || action !== 'updated' || name !== object.nameSingular || !field || others.length > 0) return false;
    return !arranged.some((text) => text.includes(field) || text.includes(snakeCase(field).toUpperCase()));
  });
}
