import type { FieldRelation, FieldType, Model, ModelField, ModelObject } from './types.ts';

const HIDDEN_TYPES: FieldType[] = ['TS_VECTOR', 'POSITION', 'UUID'];
const SYSTEM_VISIBLE = ['createdAt', 'updatedAt', 'createdBy', 'updatedBy'];

export const objectById = (model: Model, id: string): ModelObject | undefined =>
  model.objects.find((object) => object.id === id);

export const fieldById = (object: ModelObject, id: string | null | undefined): ModelField | undefined =>
  object.fields.find((field) => field.id === id);

export const objectByPlural = (model: Model, namePlural: string): ModelObject | undefined =>
  model.objects.find((object) => object.namePlural === namePlural);

/** The object that answers to an API name, in the singular or the plural, now or by an alias. */
export const objectNamed = (model: Model, name: string): ModelObject | undefined =>
  model.objects.find(
    (object) =>
      object.nameSingular === name || object.namePlural === name || object.aliases.some((alias) => alias.name === name),
  );

export const labelField = (object: ModelObject): ModelField | undefined =>
  object.fields.find((field) => field.id === object.labelFieldId);

/** The fields that people see: their own first, then who and when. */
export function visibleFields(object: ModelObject): ModelField[] {
  const label = labelField(object);
  const own = object.fields
    .filter((field) => field.isActive && !field.isSystem && !HIDDEN_TYPES.includes(field.type))
    .sort((a, b) => Number(b === label) - Number(a === label) || a.position - b.position);
  const system = SYSTEM_VISIBLE.flatMap((name) =>
    object.fields.filter((f) => f.isSystem && f.isActive && f.name === name),
  );
  return [...own, ...system];
}

/** A join object links one object to any of several others, as task targets do: people see through it, never it. */
export function joinTarget(object: ModelObject): FieldRelation | undefined {
  const fields = object.fields.filter((field) => field.isActive && !field.isSystem);
  const single = fields.filter((field) => field.type === 'RELATION');
  const morph = fields.filter((field) => field.type === 'MORPH_RELATION');
  return fields.length === 2 && single.length === 1 && morph.length === 1 ? single[0]?.relations[0] : undefined;
}

export const navigationObjects = (model: Model): ModelObject[] =>
  model.objects
    .filter((object) => object.isActive && !object.isSystem && !object.isJunction && !joinTarget(object))
    .sort((a, b) => a.position - b.position || a.labelPlural.localeCompare(b.labelPlural));

export interface RelatedList {
  key: string;
  label: string;
  /** The object whose table holds the foreign key. */
  holder: ModelObject;
  field: ModelField;
  relation: FieldRelation;
  /** Set when the holder only joins: the records to show are those at the other end of this relation. */
  through?: { relation: FieldRelation; target: ModelObject };
  /** At most one record can point here. */
  single: boolean;
}

/** The lists of a record page: every foreign key that points at the object, seen from the other side. */
export function relatedLists(model: Model, object: ModelObject): RelatedList[] {
  const lists: RelatedList[] = [];
  for (const holder of model.objects) {
    if (!holder.isActive || holder.isJunction) continue;
    const join = joinTarget(holder);
    for (const field of holder.fields) {
      if (!field.isActive || field.isSystem) continue;
      for (const relation of field.relations) {
        if (relation.targetObjectId !== object.id) continue;
        const target = join && field.type === 'MORPH_RELATION' ? objectById(model, join.targetObjectId) : undefined;
        if (join && field.type === 'MORPH_RELATION' && !target?.isActive) continue;
        lists.push({
          key: relation.id,
          label: relation.inverseLabel || holder.labelPlural,
          holder,
          field,
          relation,
          through: join && target ? { relation: join, target } : undefined,
          single: field.isUnique && field.relations.length === 1,
        });
      }
    }
  }
  // A task's own "Targets" list is a list of joins: it is shown from the join's other side instead.
  const shown = lists
    .filter((list) => list.through || !joinTarget(list.holder))
    .sort((a, b) => a.holder.position - b.holder.position);
  // Two relations between the same objects may be called the same from here: then each says which one it is.
  const isTwin = (list: RelatedList) => shown.some((other) => other !== list && other.label === list.label);
  return shown.map((list) => (isTwin(list) ? { ...list, label: `${list.label} (${list.field.label})` } : list));
}

/** From a record that is joined, as a task is, the records of other objects at the far end. */
export function joinedFrom(
  model: Model,
  object: ModelObject,
): { holder: ModelObject; own: FieldRelation; morph: ModelField }[] {
  return model.objects.flatMap((holder) => {
    const own = holder.isActive ? joinTarget(holder) : undefined;
    const morph = holder.fields.find((field) => field.type === 'MORPH_RELATION' && field.isActive);
    return own && morph && own.targetObjectId === object.id ? [{ holder, own, morph }] : [];
  });
}
