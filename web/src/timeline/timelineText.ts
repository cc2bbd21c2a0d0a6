import { labelField } from '../model/lookup.ts';
import { formatValue } from '../model/text.ts';
import type { ColumnValue, Model, ModelField, ModelObject, RecordRow } from '../model/types.ts';
import { isLink, readValue, recordLabel } from '../model/values.ts';
import { t } from '../language/t.ts';

/** A side of an event: what changed, by the database's column names. */
export type Columns = { [column: string]: ColumnValue };

export interface Changed {
  label: string;
  before: string;
  after: string;
}

const columnsOf = (field: ModelField): { column: string; name: string }[] =>
  field.relations.length > 0
    ? field.relations.map((relation) => ({ column: relation.column, name: relation.columnName }))
    : field.columns;

const isTold = (field: ModelField): boolean =>
  !field.isSystem && field.type !== 'TS_VECTOR' && field.type !== 'POSITION';

/** The ids of related records that an event names, by object, so that their labels can be read at once. */
export function mentionedIds(object: ModelObject, sides: (Columns | null)[]): Map<string, Set<string>> {
  const mentioned = new Map<string, Set<string>>();
  for (const relation of object.fields.flatMap((field) => field.relations)) {
    for (const side of sides) {
      const id = side?.[relation.column];
      if (typeof id !== 'string') continue;
      const ids = mentioned.get(relation.targetObjectId) ?? new Set();
      mentioned.set(relation.targetObjectId, ids.add(id));
    }
  }
  return mentioned;
}

/** What an event's columns mean to people: one line a field, with its values as the field shows them. */
export function changedFields(
  model: Model,
  object: ModelObject,
  before: Columns,
  after: Columns,
  labelOf: (id: string) => string,
): Changed[] {
  return object.fields.filter(isTold).flatMap((field) => {
    const columns = columnsOf(field);
    if (!columns.some(({ column }) => column in before || column in after)) return [];
    // What was "tomorrow" when it was written is some other day when it is read.
    const lasting = { ...field, settings: { ...field.settings, displayFormat: undefined } };
    const side = (values: Columns): string => {
      const row: RecordRow = { id: '' };
      for (const { column, name } of columns) row[name] = values[column] ?? null;
      const value = readValue(model, field, row);
      return isLink(value) ? labelOf(value.id) : formatValue(lasting, value);
    };
    return [{ label: field.label, before: side(before), after: side(after) }];
  });
}

/** What an event's record was called by what it tells; empty where it does not tell all of that. */
export function labelThen(model: Model, object: ModelObject, values: Columns): string {
  const field = labelField(object);
  if (!field || !columnsOf(field).every(({ column }) => column in values)) return '';
  const row: RecordRow = { id: '' };
  for (const { column, name } of columnsOf(field)) row[name] = values[column] ?? null;
  return recordLabel(model, object, row);
}

/** The records that a merge joined, or the one that it joined this to; none for other events. */
export function mergedWith({ action, after }: { action: string; after: Columns | null }): string[] {
  const told: ColumnValue | undefined =
    action === 'merged' ? [after?.['survivorId'] ?? null] : action === 'absorbed' ? after?.['mergedIds'] : [];
  return Array.isArray(told) ? told.filter((id): id is string => typeof id === 'string') : [];
}

/** With whom, to do what, and why; null for other events. */
export function shareText(action: string, before: Columns | null, after: Columns | null): string | null {
  if (action !== 'shared' && action !== 'unshared') return null;
  const share = (after ?? before)?.['share'] as { [name: string]: string | null } | null | undefined;
  if (!share) return null;
  const values = { who: share['with'] ?? t('somebody'), kind: share['with'] ? share['kind'] : 'MEMBER' };
  const text =
    action === 'unshared'
      ? t('{kind, select, TEAM {with the team {who}} ROLE {with the role {who}} other {with {who}}}', values)
      : share['access'] === 'WRITE'
        ? t(
            '{kind, select, TEAM {with the team {who}, to change it} ROLE {with the role {who}, to change it} other {with {who}, to change it}}',
            values,
          )
        : t(
            '{kind, select, TEAM {with the team {who}, to read it} ROLE {with the role {who}, to read it} other {with {who}, to read it}}',
            values,
          );
  return action === 'shared' && share['reason'] ? `${text}: ${share['reason']}` : text;
}

export interface Linked {
  objectId: string;
  recordId: string;
}

/** The other end of a link that came or went; null for other events. */
export function linkOf(event: { action: string; before: Columns | null; after: Columns | null }): Linked | null {
  if (event.action !== 'linked' && event.action !== 'unlinked') return null;
  return ((event.after ?? event.before)?.['link'] as Linked | undefined) ?? null;
}
