import type { ClientBase } from 'pg';
import { nearest } from './nearest.ts';
import { RecordsError } from './recordsError.ts';

/** The data model of a workspace as metadata.model() tells it; only what import and export use. */
export interface Model {
  version: number;
  objects: ObjectModel[];
}

export interface ObjectModel {
  id: string;
  nameSingular: string;
  namePlural: string;
  labelSingular: string;
  labelPlural: string;
  tableName: string;
  labelFieldId: string | null;
  isActive: boolean;
  fields: FieldModel[];
}

export interface FieldModel {
  id: string;
  name: string;
  label: string;
  type: string;
  /** What a FORMULA or ROLLUP comes to, as a type. */
  resultType: string | null;
  settings: { dataType?: string; type?: string };
  options: { value: string; label: string }[];
  defaultValue: unknown;
  isUnique: boolean;
  isActive: boolean;
  isSystem: boolean;
  columns: { part: string; column: string; name: string }[];
  relations: { targetObjectId: string; name: string; column: string }[];
  /** Of a MANY_TO_MANY: the object of its links, and that object's relations to this side and the other. */
  junction: { objectId: string; fieldId: string; otherFieldId: string; targetObjectId: string } | null;
}

/** Where the links of a MANY_TO_MANY stand. */
export interface Junction {
  table: string;
  /** Points to the record that has the field. */
  nearColumn: string;
  farColumn: string;
  target: ObjectModel;
}

/** Reads the model as the role that the session has taken. */
export async function loadModel(client: ClientBase): Promise<Model> {
  const { rows } = await client.query<{ model: Model }>('select metadata.model() as model');
  const model = rows[0]?.model;
  if (!model) throw new Error('metadata.model() returned no row');
  return model;
}

/** Refuses, unless the role that the session has taken has a permission such as EXPORT_CSV. */
export async function assertMay(client: ClientBase, permission: string, refusal: string): Promise<void> {
  const { rows } = await client.query<{ may: boolean }>(`select metadata.my_permissions() -> 'flags' ? $1 as may`, [
    permission,
  ]);
  if (rows[0]?.may !== true)
    throw new RecordsError('NOT_ALLOWED', refusal, `Ask an administrator for the permission ${permission}.`);
}

/** An object by any of its names or labels, in any case. */
export function findObject(model: Model, name: string): ObjectModel {
  const wanted = name.trim().toLowerCase();
  const active = model.objects.filter((object) => object.isActive);
  const found = active.find((object) =>
    [object.nameSingular, object.namePlural, object.labelSingular, object.labelPlural, object.tableName].some(
      (known) => known.toLowerCase() === wanted,
    ),
  );
  if (found) return found;
  const names = active.map((object) => object.nameSingular);
  const near = nearest(name, [...names, ...active.map((object) => object.namePlural)]);
  throw new RecordsError(
    'OBJECT_UNKNOWN',
    `There is no object "${name}" in this workspace.`,
    near ? `Did you mean "${near}"?` : `The objects are ${names.sort().join(', ')}.`,
  );
}

export function labelField(object: ObjectModel): FieldModel | undefined {
  return object.fields.find((field) => field.id === object.labelFieldId);
}

export function objectById(model: Model, id: string): ObjectModel {
  const object = model.objects.find((candidate) => candidate.id === id);
  if (!object) throw new Error(`The model refers to object ${id}, which it does not list`);
  return object;
}

export function junctionOf(model: Model, field: FieldModel): Junction | null {
  if (!field.junction) return null;
  const { objectId, fieldId, otherFieldId, targetObjectId } = field.junction;
  const { tableName, fields } = objectById(model, objectId);
  const column = (id: string) => {
    const found = fields.find((candidate) => candidate.id === id)?.relations[0];
    if (!found) throw new Error(`The links ${tableName} lack the relation ${id}, which the model says they have`);
    return found.column;
  };
  return {
    table: tableName,
    nearColumn: column(fieldId),
    farColumn: column(otherFieldId),
    target: objectById(model, targetObjectId),
  };
}
