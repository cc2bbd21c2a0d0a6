import { heardAt } from '../api/connection.ts';
import { toFailure, type Failure } from '../api/failure.ts';
import { request } from '../api/client.ts';
import { oneDocument } from '../model/documents.ts';
import { fieldById, objectById } from '../model/lookup.ts';
import { useModelStore } from '../model/store.ts';
import type { ColumnValue, Model, ModelField, ModelObject, RecordRow } from '../model/types.ts';
import { applyValue, isParts, sameValue } from '../model/values.ts';
import { create, remove, sendEdits } from '../records/changes.ts';
import { reasonOf, type Edit } from '../records/refusals.ts';
import { remember, type Step } from '../undo/undo.ts';
import { describe, stepOf } from './keeping.ts';
import { isTooEarly } from './pending.ts';
import { NotNow, type Change, type Outcome, type Problem } from './queue.ts';
import { t } from '../language/t.ts';

/** These say nothing of the change: it waits, and is sent again. */
const LATER = new Set(['NOT_SIGNED_IN', 'OTHER_SESSION', 'SERVER', 'RATE_LIMITED', 'TIMEOUT', 'MODEL_NOT_READY']);
const ATTEMPTS = 3;
/** The server's clock is told in whole seconds. */
const TICK_MS = 1_000;

const empty = (value: ColumnValue | undefined): ColumnValue =>
  value === undefined || value === '' || (Array.isArray(value) && value.length === 0) ? null : value;

const columnNames = (field: ModelField): string[] =>
  field.relations.length > 0
    ? field.relations.map(({ columnName }) => columnName)
    : field.columns.map(({ name }) => name);

export const isSame = (field: ModelField, a: RecordRow, b: RecordRow): boolean =>
  columnNames(field).every((name) => sameValue(empty(a[name]), empty(b[name])));

/** By whom a record was changed last, as far as it is kept. */
function changedBy(object: ModelObject, row: RecordRow): string | null {
  const columns = object.fields.find(({ name }) => name === 'updatedBy')?.columns ?? [];
  const name = columns.find(({ part }) => part === 'name')?.name;
  const value = name === undefined ? null : row[name];
  return typeof value === 'string' && value !== '' ? value : null;
}

const lastChange = (object: ModelObject): ModelField[] =>
  object.fields.filter(({ name }) => name === 'updatedAt' || name === 'updatedBy');

const refused = (reason: string): { problem: Problem } => ({ problem: { kind: 'REFUSED', reason } });

async function update(
  model: Model,
  object: ModelObject,
  change: Change,
  step: Step,
): Promise<RecordRow | { problem: Problem }> {
  const edits = change.edits.flatMap(({ fieldId, value }): Edit[] => {
    const field = fieldById(object, fieldId);
    return field ? [{ field, value }] : [];
  });
  if (edits.length < change.edits.length) return refused(t('The field does not exist any more.'));
  const fields = edits.map(({ field }) => field);
  const { record } = await request(oneDocument(model, object, [...fields, ...lastChange(object)]), {
    id: change.recordId,
  });
  if (!record) return { problem: { kind: 'MISSING' } };
  const mine = edits.reduce((row, { field, value }) => applyValue(model, field, row, value), {
    id: record.id,
  } as RecordRow);
  // Links are added and taken away one by one: what others link meanwhile is none of it.
  const plain = fields.filter((field) => !field.junction);
  const isTheirs = (field: ModelField) => !isSame(field, record, change.columns) && !isSame(field, record, mine);
  if (!change.isForced && plain.some(isTheirs))
    return { problem: { kind: 'CHANGED', theirs: record, by: changedBy(object, record) } };
  // The answer to an earlier attempt may have been lost.
  if (plain.length === fields.length && plain.every((field) => isSame(field, record, mine))) return record;
  return sendEdits(model, object, record, edits, step);
}

async function make(model: Model, object: ModelObject, change: Change, step: Step): Promise<RecordRow> {
  const find = () => request(oneDocument(model, object, []), { id: change.recordId });
  try {
    return await create(model, object, [], change.columns, step);
  } catch (cause) {
    if (isTooEarly(toFailure(cause))) throw cause;
    const { record } = await find();
    if (record) return record;
    throw cause;
  }
}

async function destroy(
  model: Model,
  object: ModelObject,
  change: Change,
  step: Step,
): Promise<RecordRow | { problem: Problem }> {
  const { record } = await request(oneDocument(model, object, lastChange(object)), { id: change.recordId });
  if (!record) return { id: change.recordId };
  const changedAt = Date.parse(String(record['updatedAt'] ?? change.heardAt));
  if (!change.isForced && changedAt > Date.parse(change.heardAt) + TICK_MS)
    return { problem: { kind: 'CHANGED', theirs: record, by: changedBy(object, record) } };
  await remove(object, [change.recordId], step);
  return { id: change.recordId };
}

const doings = { UPDATE: update, CREATE: make, DELETE: destroy };

/** Sends what waited, once whatever happened to earlier attempts, and never over what others did meanwhile. */
export async function send(change: Change): Promise<Outcome> {
  const step: Step = { label: '', requestIds: [] };
  for (let attempt = 1; ; attempt++) {
    const { model } = useModelStore.getState();
    if (!model) throw new NotNow();
    const object = objectById(model, change.objectId);
    if (!object) return refused(t('The object does not exist any more.'));
    try {
      const result = await doings[change.kind](model, object, change, step);
      if (isParts(result['problem'] ?? null)) return result as { problem: Problem };
      note(model, change, step);
      return { saved: result as RecordRow, at: heardAt(), requestIds: step.requestIds };
    } catch (cause) {
      const failure: Failure = toFailure(cause);
      // The model has been read anew by now.
      if (failure.code === 'MODEL_CHANGED' && attempt < ATTEMPTS) continue;
      if (isTooEarly(failure) || LATER.has(failure.code)) throw new NotNow();
      return refused(reasonOf(failure));
    }
  }
}

/** What is sent late is undone like what was sent at once. */
function note(model: Model, change: Change, { requestIds }: Step): void {
  const known = stepOf(change.key);
  if (known) known.requestIds.push(...requestIds);
  else remember({ label: describe(model, change), requestIds });
}
