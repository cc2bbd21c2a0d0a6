import { request } from '../api/client.ts';
import { Failure } from '../api/failure.ts';
import { parsed } from '../model/calls.ts';
import {
  createDocument,
  deleteManyDocument,
  listDocument,
  oneDocument,
  updateDocument,
  updateSomeDocument,
} from '../model/documents.ts';
import { fieldById, labelField, objectById } from '../model/lookup.ts';
import { newId } from '../model/newId.ts';
import type { ColumnValue, Model, ModelField, ModelObject, RecordRow } from '../model/types.ts';
import { applyValue, isLink, readValue, recordLabel, toPatch, type Link } from '../model/values.ts';
import { rowKeys } from '../model/valueType.ts';
import { isHeld, now } from '../offline/pending.ts';
import { remembering, type Step } from '../undo/undo.ts';
import { knownLabel } from './recordLabels.ts';
import type { Edit } from './refusals.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

const GONE = t('This record no longer exists, or your role may not change it.');

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

async function saveLinks(
  model: Model,
  id: string,
  field: ModelField,
  { before, after, step }: { before: Link[]; after: Link[]; step: Step },
): Promise<void> {
  const { junction, own, other } = linkColumns(model, field);
  const added = after.filter((link) => !before.some((each) => each.id === link.id));
  const removed = before.filter((link) => !after.some((each) => each.id === link.id));
  for (const link of added) await create(model, junction, [], { [own]: id, [other]: link.id }, step);
  if (removed.length === 0) return;
  // A link that was made a moment ago is known here by its ends only.
  const { list } = await request(listDocument(model, junction, []), {
    first: removed.length,
    filter: { [own]: { equalTo: id }, [other]: { in: removed.map((link) => link.id) } },
  });
  await remove(
    junction,
    list.nodes.map((link) => link.id),
    step,
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

/** Changes that belong to no step of their own are one that can be undone. */
function asStep<T>(given: Step | undefined, label: string, work: (step: Step) => Promise<T>): Promise<T> {
  if (given) return work(given);
  const step: Step = { label, requestIds: [] };
  return remembering(step, () => work(step));
}

const noteIn =
  (step: Step) =>
  (requestId: string): void =>
    void step.requestIds.push(requestId);

/** The columns of fields in a row. */
const columnsOf = (row: RecordRow, fields: ModelField[]): RecordRow =>
  ({
    id: row.id,
    ...Object.fromEntries(fields.flatMap(rowKeys).map((name) => [name, row[name] ?? null])),
  }) as RecordRow;

const labelOf = (model: Model, object: ModelObject, row: RecordRow): string =>
  knownLabel(row.id) || recordLabel(model, object, row) || t('Untitled');

/**
 * Saves edits of one record together, after those before, and gives their columns as they are then. Whoever does more at
 * once gives a step, and remembers it. While the server is away they wait for it, and stand as they were made.
 */
export function saveEdits(
  model: Model,
  object: ModelObject,
  before: RecordRow,
  edits: Edit[],
  given?: Step,
): Promise<RecordRow> {
  const label = t('{edits} of a {labelSingular}', {
    edits: edits.map(({ field }) => field.label).join(', '),
    labelSingular: inSentence(object.labelSingular),
  });
  const fields = edits.map(({ field }) => field);
  const change = {
    kind: 'UPDATE' as const,
    objectId: object.id,
    recordId: before.id,
    label: labelOf(model, object, before),
    edits: edits.map(({ field, value }) => ({ fieldId: field.id, value })),
    columns: columnsOf(before, fields),
  };
  const after = edits.reduce((row, { field, value }) => applyValue(model, field, row, value), before);
  return asStep(given, label, (step) =>
    inTurn(before.id, () =>
      now(change, step, () => sendEdits(model, object, before, edits, step), columnsOf(after, fields)),
    ),
  );
}

export async function sendEdits(
  model: Model,
  object: ModelObject,
  before: RecordRow,
  edits: Edit[],
  step: Step,
): Promise<RecordRow> {
  const { id } = before;
  const links = edits.filter(({ field }) => field.junction);
  const plain = edits.filter(({ field }) => !field.junction);
  let saved: RecordRow = { id };
  if (plain.length > 0) {
    const patch = Object.assign({}, ...plain.map(({ field, value }) => toPatch(field, value))) as RecordRow;
    const fields = plain.map(({ field }) => field);
    const { change } = await request(updateDocument(model, object, fields), { id, patch }, noteIn(step));
    if (!change?.record) throw new Failure(GONE, 'NOT_FOUND');
    saved = change.record;
  }
  for (const { field, value } of links) {
    const after = Array.isArray(value) ? value.filter(isLink) : [];
    await saveLinks(model, id, field, { before: linksOf(model, field, before), after, step });
    const { record } = await request(oneDocument(model, object, [field]), { id });
    saved = { ...saved, ...record };
  }
  return saved;
}

export function createRecord(
  model: Model,
  object: ModelObject,
  fields: ModelField[],
  values: { [name: string]: ColumnValue },
  given?: Step,
): Promise<RecordRow> {
  // The id is given here: a request whose answer was lost is sent again, and the record made once.
  const row = { ...values, id: newId() } as RecordRow;
  const change = {
    kind: 'CREATE' as const,
    objectId: object.id,
    recordId: row.id,
    label: labelOf(model, object, row),
    edits: [],
    columns: row,
  };
  return asStep(given, t('new {labelSingular}', { labelSingular: inSentence(object.labelSingular) }), (step) =>
    now(change, step, () => create(model, object, fields, row, step), withLabels(model, object, row)),
  );
}

export async function create(
  model: Model,
  object: ModelObject,
  fields: ModelField[],
  values: { [name: string]: ColumnValue },
  step: Step,
): Promise<RecordRow> {
  const { change } = await request(createDocument(model, object, fields), { record: values }, noteIn(step));
  return change.record;
}

/** A row as it reads before the server has seen it: what it does not have is empty, and not unread. */
function withLabels(model: Model, object: ModelObject, row: RecordRow): RecordRow {
  const nothing = Object.fromEntries(object.fields.flatMap(rowKeys).map((name) => [name, null]));
  const links = object.fields
    .flatMap(({ relations }) => relations)
    .flatMap((relation) => {
      const id = row[relation.columnName];
      const target = objectById(model, relation.targetObjectId);
      const [first] = (target && labelField(target)?.columns) ?? [];
      return typeof id === 'string' && first ? [[relation.name, { id, [first.name]: knownLabel(id) ?? '…' }]] : [];
    });
  return { ...nothing, ...row, ...Object.fromEntries(links) } as RecordRow;
}

/** All or none. Gives the step, so that a message can offer to take it back. */
export async function deleteRecords(object: ModelObject, ids: string[], given?: Step): Promise<Step> {
  const what = ids.length === 1 ? inSentence(object.labelSingular) : `${ids.length} ${inSentence(object.labelPlural)}`;
  return asStep(
    given,
    t('{count, plural, one {deletion of a {what}} other {deletion of {what}}}', { count: ids.length, what }),
    async (step) => {
      const changes = ids.map((id) => ({
        kind: 'DELETE' as const,
        objectId: object.id,
        recordId: id,
        label: knownLabel(id) ?? object.labelSingular,
        edits: [],
        columns: { id },
      }));
      const [first, ...others] = changes;
      // What is still to be made, or changed, is deleted after that; then each goes by itself.
      const isOneByOne = ids.some(isHeld);
      const together = isOneByOne ? ids.slice(0, 1) : ids;
      if (first && ((await now(first, step, () => remove(object, together, step), 'LATER')) === 'LATER' || isOneByOne))
        for (const change of others) await now(change, step, () => remove(object, [change.recordId], step), 'LATER');
      return step;
    },
  );
}

export async function remove(object: ModelObject, ids: string[], step: Step): Promise<'DONE' | 'LATER'> {
  if (ids.length === 0) return 'DONE';
  const { change } = await request(deleteManyDocument, { object: object.nameSingular, ids }, noteIn(step));
  if (change.result < ids.length)
    throw new Failure(
      ids.length === 1
        ? GONE
        : t('{count} of them no longer exist, or your role may not delete them.', {
            count: ids.length - change.result,
          }),
      'NOT_FOUND',
    );
  return 'DONE';
}

/** As many as one request changes: the database takes more, people want to see that it goes on. */
const AT_ONCE = 2000;

/**
 * Changes many records, all by one patch or each by its own, after what is on its way for them. Gives the ids of those that
 * were left as they are.
 */
export async function updateMany(
  object: ModelObject,
  ids: string[],
  patches: { [name: string]: ColumnValue } | { [name: string]: ColumnValue }[],
  step: Step,
  onProgress?: (done: number) => boolean,
): Promise<string[]> {
  const left: string[] = [];
  for (let from = 0; from < ids.length; from += AT_ONCE) {
    if (onProgress?.(from) === false) break;
    const some = ids.slice(from, from + AT_ONCE);
    await Promise.allSettled(some.flatMap((id) => queues.get(id) ?? []));
    const variables = {
      object: object.nameSingular,
      ids: some,
      patches: Array.isArray(patches) ? patches.slice(from, from + AT_ONCE) : patches,
    };
    const { change } = await request(updateSomeDocument, variables, noteIn(step));
    left.push(...parsed(change.result).left);
  }
  return left;
}

/** Deletes many records, those that are there and that one may; gives how many. */
export async function deleteSome(
  object: ModelObject,
  ids: string[],
  step: Step,
  onProgress: (done: number) => boolean,
): Promise<number> {
  let done = 0;
  for (let from = 0; from < ids.length && onProgress(from); from += AT_ONCE) {
    const some = ids.slice(from, from + AT_ONCE);
    const { change } = await request(deleteManyDocument, { object: object.nameSingular, ids: some }, noteIn(step));
    done += change.result;
  }
  return done;
}
