import { objectById } from '../model/lookup.ts';
import type { Model, ModelField, ModelObject } from '../model/types.ts';
import { t } from '../language/t.ts';

export interface RelationRow {
  key: string;
  /** What this object's records call it. */
  label: string;
  kind: string;
  others: ModelObject[];
  /** What the other side calls it. */
  otherLabel: string;
  /** Where the field lies that makes the relation, here or with the other. */
  owner: ModelObject;
  field: ModelField;
  onDelete: string | null;
}

const ON_DELETE = { SET_NULL: t('emptied'), CASCADE: t('deleted with it'), RESTRICT: t('deletion refused') } as const;

/** Every relation of an object, seen from it, whichever side holds the key. */
export function relationsOf(model: Model, object: ModelObject): RelationRow[] {
  const rows: RelationRow[] = [];
  for (const field of object.fields) {
    if (field.isSystem) continue;
    if (field.junction) {
      const target = objectById(model, field.junction.targetObjectId);
      const inverse = target?.fields.find((each) => each.id === field.junction?.inverseFieldId);
      rows.push({
        key: field.id,
        label: field.label,
        kind: t('Many to many'),
        others: target ? [target] : [],
        otherLabel: inverse?.label ?? '',
        owner: object,
        field,
        onDelete: null,
      });
    } else if (field.relations.length > 0) {
      const [first] = field.relations;
      const isSeveral = field.type === 'MORPH_RELATION';
      rows.push({
        key: field.id,
        label: field.label,
        kind: isSeveral ? t('To one of several') : field.isUnique ? t('One to one') : t('Many to one'),
        others: field.relations.flatMap((relation) => objectById(model, relation.targetObjectId) ?? []),
        otherLabel: first?.inverseLabel ?? '',
        owner: object,
        field,
        onDelete: first ? ON_DELETE[first.onDelete] : null,
      });
    }
  }
  for (const owner of model.objects) {
    if (!owner.isActive || owner.isJunction) continue;
    for (const field of owner.fields)
      for (const relation of field.relations) {
        if (relation.targetObjectId !== object.id || field.isSystem || owner.id === object.id) continue;
        rows.push({
          key: relation.id,
          label: relation.inverseLabel || owner.labelPlural,
          kind: field.isUnique ? t('One to one') : t('One to many'),
          others: [owner],
          otherLabel: field.label,
          owner,
          field,
          onDelete: ON_DELETE[relation.onDelete],
        });
      }
  }
  return rows;
}
