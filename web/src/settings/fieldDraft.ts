import { newId, type Change } from '../model/planning.ts';
import { apiName } from '../model/names.ts';
import type { FieldOption, FieldSettings, FieldType, ModelField, ModelObject, ResultType } from '../model/types.ts';
import { cleanOptions, draftOptions, newOption, type DraftOption } from './optionDrafts.ts';
import { hasOptions, isRelational, UNIQUE_TYPES, UNREQUIRED_TYPES } from './typeCatalogue.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

export type RelationKind = 'MANY_TO_ONE' | 'ONE_TO_MANY' | 'ONE_TO_ONE' | 'MANY_TO_MANY' | 'SEVERAL';
export type OnDelete = 'SET_NULL' | 'CASCADE' | 'RESTRICT';

/** A field as its editor holds it, before it becomes a change of the model. */
export interface FieldDraft {
  type: FieldType;
  label: string;
  /** Null while it follows from the label. */
  name: string | null;
  description: string;
  settings: FieldSettings;
  options: DraftOption[];
  defaultValue: unknown;
  isRequired: boolean;
  newOnly: boolean;
  isUnique: boolean;
  relationKind: RelationKind;
  targets: string[];
  inverseLabel: string | null;
  inverseName: string | null;
  onDelete: OnDelete;
  isOnTimeline: boolean;
  resultType: ResultType | null;
}

export const emptyDraft = (type: FieldType, label = ''): FieldDraft => ({
  type,
  label,
  name: null,
  description: '',
  settings:
    type === 'AUTO_NUMBER'
      ? { prefix: '', padding: 4, start: 1 }
      : type === 'ROLLUP'
        ? { aggregate: 'COUNT' }
        : type === 'FORMULA'
          ? { expression: '' }
          : {},
  options: hasOptions(type) ? [newOption(0), newOption(1)] : [],
  defaultValue: null,
  isRequired: false,
  newOnly: false,
  isUnique: false,
  relationKind: type === 'MANY_TO_MANY' ? 'MANY_TO_MANY' : type === 'MORPH_RELATION' ? 'SEVERAL' : 'MANY_TO_ONE',
  targets: [],
  inverseLabel: null,
  inverseName: null,
  onDelete: 'SET_NULL',
  isOnTimeline: false,
  resultType: null,
});

export function draftOf(field: ModelField): FieldDraft {
  const [relation] = field.relations;
  return {
    type: field.type,
    label: field.label,
    name: field.name,
    description: field.description ?? '',
    settings: field.settings ?? {},
    options: draftOptions(field.options ?? []),
    defaultValue: field.defaultValue,
    isRequired: field.isRequired,
    newOnly: field.requiredFrom !== null,
    isUnique: field.isUnique,
    relationKind:
      field.type === 'MANY_TO_MANY'
        ? 'MANY_TO_MANY'
        : field.type === 'MORPH_RELATION'
          ? 'SEVERAL'
          : field.isUnique
            ? 'ONE_TO_ONE'
            : 'MANY_TO_ONE',
    targets: field.junction ? [field.junction.targetObjectId] : field.relations.map((each) => each.targetObjectId),
    inverseLabel: relation?.inverseLabel ?? null,
    inverseName: relation?.inverseName ?? null,
    onDelete: relation?.onDelete ?? 'SET_NULL',
    isOnTimeline: field.junction
      ? field.junction.isOnTimeline && field.junction.isOnOtherTimeline
      : (relation?.isOnTimeline ?? false),
    resultType: field.resultType,
  };
}

export const draftName = (draft: FieldDraft): string => draft.name ?? apiName(draft.label);

/** What each side is called until somebody types another name; a relation of an object to itself needs two. */
export function relationLabels(
  kind: RelationKind,
  object: ModelObject,
  target: ModelObject | undefined,
): { label: string; inverse: string } {
  const [one, many] = [object.labelSingular, object.labelPlural];
  if (target?.id === object.id) {
    const [parent, child] = [
      t('Parent {one}', { one: inSentence(one) }),
      (name: string) => t('Child {name}', { name: inSentence(name) }),
    ];
    if (kind === 'ONE_TO_MANY') return { label: child(many), inverse: parent };
    if (kind === 'MANY_TO_MANY')
      return {
        label: t('Related {many}', { many: inSentence(many) }),
        inverse: t('Related from {many}', { many: inSentence(many) }),
      };
    return { label: parent, inverse: child(kind === 'ONE_TO_ONE' ? one : many) };
  }
  const label = kind === 'ONE_TO_MANY' || kind === 'MANY_TO_MANY' ? target?.labelPlural : target?.labelSingular;
  return {
    label: kind === 'SEVERAL' ? '' : (label ?? ''),
    inverse: kind === 'ONE_TO_MANY' || kind === 'ONE_TO_ONE' ? one : many,
  };
}

const isUnique = (draft: FieldDraft): boolean =>
  draft.type === 'RELATION' ? draft.relationKind === 'ONE_TO_ONE' : UNIQUE_TYPES.includes(draft.type) && draft.isUnique;

export const RELATION_TYPES: { [kind in RelationKind]: FieldType } = {
  MANY_TO_ONE: 'RELATION',
  ONE_TO_ONE: 'RELATION',
  ONE_TO_MANY: 'RELATION',
  MANY_TO_MANY: 'MANY_TO_MANY',
  SEVERAL: 'MORPH_RELATION',
};

/** The changes that make the field, and the id that it will have. */
export function createChanges(
  object: ModelObject,
  draft: FieldDraft,
  target: ModelObject | undefined,
): { id: string; changes: Change[] } {
  const id = newId();
  const { type } = draft;
  const inverseLabel = draft.inverseLabel?.trim() || relationLabels(draft.relationKind, object, target).inverse;
  const label = draft.label.trim();
  const text = draft.description.trim();
  if (isRelational(type) && draft.relationKind === 'ONE_TO_MANY') {
    // The key lies with the many, so the field is theirs; this side is the list.
    const change: Change = {
      op: 'createField',
      id,
      objectId: draft.targets[0] ?? '',
      label: inverseLabel,
      ...(draft.inverseName ? { name: draft.inverseName } : {}),
      type: 'RELATION',
      targetObjectId: object.id,
      inverseLabel: label,
      inverseName: draftName(draft),
      onDelete: draft.onDelete,
      ...(draft.isOnTimeline ? { isOnTimeline: true } : {}),
      ...(text ? { description: text } : {}),
    };
    return { id, changes: [change] };
  }
  const change: Change = {
    op: 'createField',
    id,
    objectId: object.id,
    label,
    name: draftName(draft),
    type,
    ...(text ? { description: text } : {}),
    ...(Object.keys(draft.settings).length > 0 ? { settings: draft.settings } : {}),
    ...(hasOptions(type) ? { options: cleanOptions(draft.options) } : {}),
    ...(draft.defaultValue === null ? {} : { defaultValue: draft.defaultValue }),
    ...(isUnique(draft) ? { isUnique: true } : {}),
    ...(draft.isRequired && !UNREQUIRED_TYPES.includes(type)
      ? { isRequired: true, ...(draft.newOnly ? { requiredFrom: new Date().toISOString() } : {}) }
      : {}),
    ...(isRelational(type)
      ? {
          ...(type === 'MORPH_RELATION' ? { targetObjectIds: draft.targets } : { targetObjectId: draft.targets[0] }),
          inverseLabel,
          ...(draft.inverseName ? { inverseName: draft.inverseName } : {}),
          ...(type === 'MANY_TO_MANY' ? {} : { onDelete: draft.onDelete }),
          ...(draft.isOnTimeline ? { isOnTimeline: true } : {}),
        }
      : {}),
  };
  return { id, changes: [change] };
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);

/** A standard label in the member's language is no new label. */
function asStored(field: ModelField, option: FieldOption): FieldOption {
  const before = field.options?.find(({ value }) => value === option.value);
  return before?.stored && before.label === option.label ? { ...option, label: before.stored } : option;
}

/** Only what differs from the field as it is, so that a change of a label stays a harmless one. */
export function updateChanges(field: ModelField, draft: FieldDraft): Change[] {
  const before = draftOf(field);
  const values: { [name: string]: unknown } = {};
  if (draft.label.trim() !== field.label) values['label'] = draft.label.trim();
  if (draft.name !== null && draft.name !== field.name) values['name'] = draft.name;
  if (draft.description.trim() !== before.description) values['description'] = draft.description.trim();
  if (!same(draft.settings, before.settings)) values['settings'] = draft.settings;
  if (hasOptions(draft.type)) {
    const options = cleanOptions(draft.options);
    if (!same(options, cleanOptions(before.options))) values['options'] = options.map((each) => asStored(field, each));
  }
  if (!same(draft.defaultValue, before.defaultValue)) values['defaultValue'] = draft.defaultValue;
  if (draft.isRequired !== field.isRequired) values['isRequired'] = draft.isRequired;
  const newOnly = draft.isRequired && draft.newOnly;
  if (newOnly !== (field.requiredFrom !== null)) values['requiredFrom'] = newOnly ? new Date().toISOString() : null;
  if (isUnique(draft) !== field.isUnique) values['isUnique'] = isUnique(draft);

  const changes: Change[] = [];
  if (Object.keys(values).length > 0) changes.push({ op: 'update', table: 'fields', id: field.id, values });
  return [...changes, ...relationChanges(field, draft, before)];
}

function relationChanges(field: ModelField, draft: FieldDraft, before: FieldDraft): Change[] {
  const { isOnTimeline } = draft;
  if (field.junction)
    return isOnTimeline === before.isOnTimeline
      ? []
      : [field.junction.relationId, field.junction.otherRelationId].map((id) => ({
          op: 'update',
          table: 'relations',
          id,
          values: { isOnTimeline },
        }));
  if (field.type !== 'RELATION' && field.type !== 'MORPH_RELATION') return [];
  const changes: Change[] = [];
  for (const relation of field.relations) {
    if (!draft.targets.includes(relation.targetObjectId)) {
      changes.push({ op: 'delete', table: 'relations', id: relation.id });
      continue;
    }
    const values: { [name: string]: unknown } = {};
    // The form shows what the first of several relations has: the others keep theirs until somebody writes another.
    const inverseLabel = draft.inverseLabel?.trim();
    if (inverseLabel && inverseLabel !== before.inverseLabel) values['inverseLabel'] = inverseLabel;
    if (draft.inverseName && draft.inverseName !== before.inverseName) values['inverseName'] = draft.inverseName;
    if (draft.onDelete !== before.onDelete) values['onDelete'] = draft.onDelete;
    if (isOnTimeline !== before.isOnTimeline) values['isOnTimeline'] = isOnTimeline;
    if (Object.keys(values).length > 0) changes.push({ op: 'update', table: 'relations', id: relation.id, values });
  }
  const existing = field.relations.map((relation) => relation.targetObjectId);
  for (const targetObjectId of draft.targets) {
    if (existing.includes(targetObjectId)) continue;
    changes.push({
      op: 'insert',
      table: 'relations',
      values: {
        fieldId: field.id,
        targetObjectId,
        inverseLabel: draft.inverseLabel ?? field.relations[0]?.inverseLabel,
        onDelete: draft.onDelete,
        isOnTimeline,
      },
    });
  }
  return changes;
}

/** The draft as the model would describe it, for the preview. */
export const previewField = (draft: FieldDraft): ModelField => ({
  id: 'preview',
  name: draftName(draft),
  label: draft.label || t('New field'),
  description: null,
  icon: null,
  type: draft.type,
  settings: draft.settings,
  options: cleanOptions(draft.options),
  defaultValue: null,
  isRequired: draft.isRequired,
  isUnique: draft.isUnique,
  isActive: true,
  isSystem: false,
  isCustom: true,
  isComputed: draft.type === 'FORMULA' || draft.type === 'ROLLUP',
  resultType: draft.resultType,
  requiredFrom: null,
  position: 0,
  columns: [],
  relations: [],
  junction: null,
  aliases: [],
});
