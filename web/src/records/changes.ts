import { attempt, request } from '../api/client.ts';
import { Failure } from '../api/failure.ts';
import {
  createDocument,
  deleteDocument,
  listDocument,
  oneDocument,
  restoreDocument,
  updateDocument,
} from '../model/documents.ts';
import { fieldById, objectById } from '../model/lookup.ts';
import type { ColumnValue, Model, ModelField, ModelObject, RecordRow } from '../model/types.ts';
import { isLink, readValue, toPatch, type Link } from '../model/values.ts';
import type { Edit } from './refusals.ts';

const GONE = 'This record no longer exists, or your role may not change it.';

/** The junction's two foreign keys, as the API names them. */
export function linkColumns(model: Model, field: ModelField): { junction: ModelObject; own: string; other: string } {
  const junction = field.junction ? objectById(model, field.junction.objectId) : undefined;
  const own = junction && fieldById(junction, field.junction?.fieldId)?.relations[0]?.columnName;
  const other = junction && fieldById(junction, field.junction?.otherFieldId)?.relations[0]?.columnName;
  if (!junction || !own || !other) throw new Failure('This relation is not complete yet.', 'UNKNOWN');
  return { junction, own, other };
}

const linksOf = (model: Model, field: ModelField, row: RecordRow): Link[] => {
  const value = readValue(model, field, row);
  return Array.isArray(value) ? value.filter(isLink) : [];
};

async function saveLinks(model: Model, id: string, field: ModelField, before: Link[], after: Link[]): Promise<void> {
  const { junction, own, other } = linkColumns(model, field);
  const added = after.filter((link) => !before.some((each) => each.id === link.id));
  const removed = before.filter((link) => !after.some((each) => each.id === link.id));
  for (const link of added) await createRecord(model, junction, [], { [own]: id, [other]: link.id });
  if (removed.length === 0) return;
  // A link that was made a moment ago is known here by its ends only.
  const { list } = await request(listDocument(model, junction, []), {
    first: removed.length,
    filter: { [own]: { equalTo: id }, [other]: { in: removed.map((link) => link.id) } },
  });
  await deleteRecords(
    junction,
    list.nodes.map((link) => link.id),
  );
}

const queues = new Map<string, Promise<unknown>>();

/** Two requests at once may overtake each other, so what is done to a record is done in the order of the clicks. */
async function inTurn<T>(id: string, work: () => Promise<T>): Promise<T> {
  const turn = (queues.get(id) ?? Promise.resolve()).catch(() => undefined).then(work);
  queues.set(id, turn);
  try {
    return await turn;
  } finally {
    if (queues.get(id) === turn) queues.delete(id);
  }
}

/** Saves edits of one record together, after those before, and gives their columns as they are then. */
export function saveEdits(model: Model, object: ModelObject, before: RecordRow, edits: Edit[]): Promise<RecordRow> {
  return inTurn(before.id, () => save(model, object, before, edits));
}

async function save(model: Model, object: ModelObject, before: RecordRow, edits: Edit[]): Promise<RecordRow> {
  const { id } = before;
  const links = edits.filter(({ field }) => field.junction);
  const plain = edits.filter(({ field }) => !field.junction);
  let saved: RecordRow = { id };
  if (plain.length > 0) {
    const patch = Object.assign({}, ...plain.map(({ field, value }) => toPatch(field, value))) as RecordRow;
    const fields = plain.map(({ field }) => field);
    const { change } = await request(updateDocument(model, object, fields), { id, patch });
    if (!change?.record) throw new Failure(GONE, 'NOT_FOUND');
    saved = change.record;
  }
  for (const { field, value } of links) {
    const after = Array.isArray(value) ? value.filter(isLink) : [];
    await saveLinks(model, id, field, linksOf(model, field, before), after);
    const { record } = await request(oneDocument(model, object, [field]), { id });
    saved = { ...saved, ...record };
  }
  return saved;
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
