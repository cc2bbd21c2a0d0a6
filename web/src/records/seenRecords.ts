import type { Model, ModelField, ModelObject, RecordRow } from '../model/types.ts';
import { useSession } from '../session/session.ts';

/**
 * Records that this page has read lately. One that is opened again is there at once, and read anew behind it: what is shown is never
 * taken for what is so. Kept by who looks and by the model that it was read with.
 */
const MOST = 60;
const seen = new Map<string, RecordRow>();

const keyOf = (model: Model, object: ModelObject, id: string, fields: ModelField[]): string => {
  const { identity } = useSession.getState();
  return JSON.stringify([
    identity?.member?.id,
    identity?.seeing,
    model.version,
    object.id,
    id,
    fields.map((field) => field.id),
  ]);
};

export const seenRecord = (model: Model, object: ModelObject, id: string, fields: ModelField[]): RecordRow | null =>
  seen.get(keyOf(model, object, id, fields)) ?? null;

export function noteRecord(model: Model, object: ModelObject, row: RecordRow, fields: ModelField[]): void {
  const key = keyOf(model, object, row.id, fields);
  seen.delete(key);
  seen.set(key, row);
  const oldest = seen.size > MOST ? seen.keys().next().value : undefined;
  if (oldest !== undefined) seen.delete(oldest);
}

export function forgetRecord(model: Model, object: ModelObject, id: string, fields: ModelField[]): void {
  seen.delete(keyOf(model, object, id, fields));
}
