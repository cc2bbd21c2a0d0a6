import { request } from '../api/client.ts';
import { Failure } from '../api/failure.ts';
import { parsed } from '../model/calls.ts';
import {
  createDocument,
  deleteManyDocument,
  linkManyDocument,
  listDocument,
  oneDocument,
  updateDocument,
  updateSomeDocument,
} from '../model/documents.ts';
import { fieldById, objectById } from '../model/lookup.ts';
import { newId } from '../model/newId.ts';
import type { ColumnValue, Model, ModelField, ModelObject, RecordRow } from '../model/types.ts';
import { isLink, readValue, toPatch, type Link } from '../model/values.ts';
import { now } from '../offline/pending.ts';
import { remembering, type Step } from '../undo/undo.ts';
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
  return asStep(given, label, (step) =>
    inTurn(before.id, () =>
      now(
        step,
        () => sendEdits(model, object, before, edits, step),
        (keeping, attempt) => keeping.update(model, object, before, edits, attempt),
      ),
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
  return asStep(given, t('new {labelSingular}', { labelSingular: inSentence(object.labelSingular) }), (step) =>
    now(
      step,
      () => create(model, object, fields, row, step),
      (keeping, attempt) => keeping.create(model, object, row, attempt),
    ),
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

/** All or none. Gives the step, so that a message can offer to take it back. */
export async function deleteRecords(object: ModelObject, ids: string[], given?: Step): Promise<Step> {
  const what = ids.length === 1 ? inSentence(object.labelSingular) : `${ids.length} ${inSentence(object.labelPlural)}`;
  return asStep(
    given,
    t('{count, plural, one {deletion of a {what}} other {deletion of {what}}}', { count: ids.length, what }),
    async (step) => {
      await now(
        step,
        () => remove(object, ids, step),
        (keeping, attempt) => keeping.remove(object, ids, attempt),
      );
      return step;
    },
  );
}

export async function remove(object: ModelObject, ids: string[], step: Step): Promise<void> {
  if (ids.length === 0) return;
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

/** Puts many records on lists, or takes them off; gives how many links came or went. */
export async function linkMany(
  object: ModelObject,
  field: ModelField,
  ids: string[],
  others: string[],
  areLinked: boolean,
  step: Step,
  onProgress: (done: number) => boolean,
): Promise<number> {
  let done = 0;
  for (let from = 0; from < ids.length && onProgress(from); from += AT_ONCE)
    for (const other of others) {
      const some = ids.slice(from, from + AT_ONCE);
      const variables = { object: object.nameSingular, ids: some, field: field.name, other, are: areLinked };
      const { change } = await request(linkManyDocument, variables, noteIn(step));
      done += change.result;
    }
  return done;
}
