import { nearest } from '../nearest.ts';
import {
  junctionOf,
  labelField,
  objectById,
  type FieldModel,
  type Junction,
  type Model,
  type ObjectModel,
} from '../model.ts';
import { RecordsError } from '../recordsError.ts';

/** Where the cells of a header go: a whole field, a part of one, or a relation found by a field of its object. */
export interface Target {
  /** As --map takes it and as the mapping is printed: "address.city", "company.domainName". */
  path: string;
  field: FieldModel;
  /** The part of a composite field; "" for the whole. */
  part: string;
  relation: RelationTarget | null;
}

export interface RelationTarget {
  /** The column; of a relation to many, which has none, the name under which its cells are staged. */
  column: string;
  /** Where the links of a relation to many go. */
  junction: Junction | null;
  object: ObjectModel;
  /** How the cell names the related record; null tries id, unique fields and label by what the cell looks like. */
  lookup: FieldModel | null;
}

const NOT_IMPORTABLE = new Set(['TS_VECTOR', 'ACTOR', 'FILES']);
/** The database works these out. */
const COMPUTED = new Set(['FORMULA', 'ROLLUP', 'AUTO_NUMBER']);
const WRITABLE_SYSTEM_FIELDS = new Set(['id', 'position']);

export function isImportable(field: FieldModel): boolean {
  if (!field.isActive || NOT_IMPORTABLE.has(field.type) || isComputed(field)) return false;
  return !field.isSystem || WRITABLE_SYSTEM_FIELDS.has(field.name);
}

export function isComputed(field: FieldModel): boolean {
  return COMPUTED.has(field.type);
}

/** Every target that the object offers. */
export function listTargets(model: Model, object: ObjectModel): Target[] {
  const targets: Target[] = [];
  for (const field of object.fields.filter(isImportable)) {
    const junction = junctionOf(model, field);
    const relations: { name: string; at: Omit<RelationTarget, 'lookup'> }[] = field.relations.map(
      ({ name, column, targetObjectId }) => ({
        name,
        at: { column, junction: null, object: objectById(model, targetObjectId) },
      }),
    );
    if (junction)
      relations.push({ name: field.name, at: { column: `links:${field.name}`, junction, object: junction.target } });
    for (const { name, at } of relations) {
      const base = { field, part: '' };
      targets.push({ ...base, path: name, relation: { ...at, lookup: null } });
      for (const lookup of lookupFields(at.object))
        targets.push({ ...base, path: `${name}.${lookup.name}`, relation: { ...at, lookup } });
    }
    if (relations.length > 0) continue;
    targets.push({ path: field.name, field, part: '', relation: null });
    for (const { part } of field.columns)
      if (part !== '') targets.push({ path: `${field.name}.${part}`, field, part, relation: null });
  }
  return targets;
}

/** The fields that tell one record of an object from the others: id, the unique ones, the label. */
export function lookupFields(object: ObjectModel): FieldModel[] {
  const label = labelField(object);
  return object.fields.filter((field) => field.isActive && (field.name === 'id' || field.isUnique || field === label));
}

/** The target that a path of --map means; parts may be given in any case and without the field's name. */
export function findTarget(targets: readonly Target[], object: ObjectModel, path: string): Target {
  const wanted = path.trim().toLowerCase();
  const found =
    targets.find((target) => target.path.toLowerCase() === wanted) ??
    targets.find((target) => target.part !== '' && shortPath(target) === wanted);
  if (found) return found;
  const near = nearest(path, targets.map((target) => target.path)); // prettier-ignore
  const known = object.fields.find((field) => field.name.toLowerCase() === wanted.split('.')[0]);
  throw new RecordsError(
    'FIELD_UNKNOWN',
    known && !isImportable(known)
      ? `The field "${known.name}" of ${object.labelPlural.toLowerCase()} ${isComputed(known) ? 'is worked out' : 'is kept'} by Relvar and cannot be imported.`
      : `${object.labelPlural} have no field "${path}".`,
    near
      ? `Did you mean "${near}"?`
      : `The fields are ${[...new Set(targets.map((target) => target.path.split('.')[0]))].join(', ')}.`,
  );
}

/** "phones.number" for "phones.primaryPhoneNumber", "address.street" for "address.street1". */
function shortPath(target: Target): string {
  const part = target.part
    .replace(/^primary(Email|Phone|Link)?(?=.)/, '')
    .replace(/^amountMicros$/, 'amount')
    .replace(/^street1$/, 'street');
  return `${target.field.name}.${part}`.toLowerCase();
}
