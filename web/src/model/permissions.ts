import type { Model, ModelField, ModelObject, ObjectRights } from './types.ts';

/** What the caller's role may do, as `metadata.my_permissions()` says it. The database refuses the rest; the screen does not offer it. */

export type Flag =
  | 'WORKSPACE'
  | 'WORKSPACE_MEMBERS'
  | 'ROLES'
  | 'DATA_MODEL'
  | 'DATABASE_ACCESS'
  | 'IMPERSONATE'
  | 'SECURITY'
  | 'VIEWS'
  | 'LAYOUTS'
  | 'IMPORT_CSV'
  | 'EXPORT_CSV'
  | 'UPLOAD_FILE'
  | 'API_KEYS_AND_WEBHOOKS';

export interface Permissions {
  flags: string[];
  objects: { [objectId: string]: ObjectRights & { unreadableFields: string[]; unwritableFields: string[] } };
}

/** The same to look at, and nothing of it to change. */
export const readingOnly = (permissions: Permissions): Permissions => ({
  ...permissions,
  objects: Object.fromEntries(
    Object.entries(permissions.objects).map(([id, rights]) => [id, { ...rights, ...NOTHING, canRead: rights.canRead }]),
  ),
});

const NOTHING: ObjectRights = {
  canRead: false,
  canCreate: false,
  canUpdate: false,
  canDelete: false,
  canDestroy: false,
};

/** The model without what the role may not read, and with what it may not write marked. */
export function permitted(model: Model, permissions: Permissions): Model {
  const isReadable = (objectId: string) => permissions.objects[objectId]?.canRead === true;
  const fieldsOf = (object: ModelObject): ModelField[] => {
    const rights = permissions.objects[object.id];
    return object.fields.flatMap((field) => {
      if (rights?.unreadableFields.includes(field.id)) return [];
      const { junction } = field;
      if (junction && !(isReadable(junction.objectId) && isReadable(junction.targetObjectId))) return [];
      const relations = field.relations.filter((relation) => isReadable(relation.targetObjectId));
      if (field.relations.length > 0 && relations.length === 0) return [];
      const isWithheld = rights?.unwritableFields.includes(field.id) === true;
      return [{ ...field, relations, isWithheld }];
    });
  };
  return {
    ...model,
    objects: model.objects
      .filter((object) => isReadable(object.id))
      .map((object) => {
        const fields = fieldsOf(object);
        const kept = (id: string | null) => (fields.some((field) => field.id === id) ? id : null);
        return {
          ...object,
          fields,
          labelFieldId: kept(object.labelFieldId),
          imageFieldId: kept(object.imageFieldId),
          rights: permissions.objects[object.id] ?? NOTHING,
        };
      }),
  };
}

export const rightsOf = (object: ModelObject): ObjectRights => object.rights ?? NOTHING;

/** What a page of the settings asks for; null where everybody may go. */
export function flagOfPath(path: string): Flag | null {
  if (/^\/settings\/(model|diagram|history|drift)\b/.test(path)) return 'DATA_MODEL';
  if (/^\/settings\/(members|teams)\b/.test(path)) return 'WORKSPACE_MEMBERS';
  if (/^\/settings\/imports\b/.test(path)) return 'IMPORT_CSV';
  return /^\/settings\/roles\b/.test(path) ? 'ROLES' : null;
}
