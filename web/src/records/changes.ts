import { attempt, request } from '../api/client.ts';
import { Failure } from '../api/failure.ts';
import { createDocument, deleteDocument, restoreDocument, updateDocument } from '../model/documents.ts';
import type { ColumnValue, Model, ModelField, ModelObject, RecordRow } from '../model/types.ts';
import { toPatch, type FieldValue } from '../model/values.ts';

export async function saveField(
  model: Model,
  object: ModelObject,
  id: string,
  field: ModelField,
  value: FieldValue,
): Promise<RecordRow> {
  const { change } = await request(updateDocument(model, object, [field]), { id, patch: toPatch(field, value) });
  if (!change?.record) throw new Failure('This record no longer exists, or your role may not change it.', 'NOT_FOUND');
  return change.record;
}

export async function createRecord(
  model: Model,
  object: ModelObject,
  fields: ModelField[],
  values: { [name: string]: ColumnValue },
): Promise<RecordRow> {
  const { change } = await request(createDocument(model, object, fields), { record: values });
  return change.record;
}

const BATCH = 50;

async function inBatches(ids: string[], run: (batch: string[]) => Promise<Failure | undefined>): Promise<void> {
  for (let start = 0; start < ids.length; start += BATCH) {
    const failure = await run(ids.slice(start, start + BATCH));
    if (failure) throw failure;
  }
}

export const deleteRecords = (object: ModelObject, ids: string[]): Promise<void> =>
  inBatches(ids, async (batch) => {
    const variables = Object.fromEntries(batch.map((id, index) => [`id${index}`, id]));
    return (await attempt(deleteDocument(object, batch.length), variables)).failure;
  });

export const restoreRecords = (object: ModelObject, ids: string[]): Promise<void> =>
  inBatches(ids, async (batch) => {
    const variables = Object.fromEntries(batch.map((id, index) => [`id${index}`, id]));
    return (await attempt(restoreDocument(batch.length), { object: object.nameSingular, ...variables })).failure;
  });
