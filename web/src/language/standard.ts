import type { FieldOption, Model, ModelField, ModelObject } from '../model/types.ts';
import { catalogue } from './language.ts';

/** A label that came with Relvar in the language of the screen; one that somebody has changed stays as it was given. */
const standard = (of: string, text: string): string => catalogue[`@${of} ${text}`] || text;

function option(of: string, given: FieldOption): FieldOption {
  const label = standard(of, given.label);
  return label === given.label ? given : { ...given, label, stored: given.label };
}

function field(of: string, given: ModelField): ModelField {
  if (given.isCustom) return given;
  const own = given.isSystem ? 'record' : of;
  return {
    ...given,
    label: standard(own, given.label),
    description: given.description && standard(own, given.description),
    options: given.options?.map((each) => option(own, each)) ?? null,
    relations: given.relations.map((each) => ({ ...each, inverseLabel: standard('inverse', each.inverseLabel) })),
  };
}

function object(given: ModelObject): ModelObject {
  const { nameSingular: name, fields, isCustom } = given;
  const inLanguage = { ...given, fields: fields.map((each) => field(`${name}.${each.name}`, each)) };
  if (isCustom) return inLanguage;
  return {
    ...inLanguage,
    labelSingular: standard(name, given.labelSingular),
    labelPlural: standard(name, given.labelPlural),
    description: given.description && standard(name, given.description),
  };
}

/** The model with the labels that came with Relvar in the language of the screen. */
export const modelInLanguage = (model: Model): Model => ({ ...model, objects: model.objects.map(object) });

/** The name of a role, or what it is for, of those that every workspace has. */
export const roleText = (text: string): string => standard('role', text);

/** What a permission is called, or lets one do. */
export const permissionText = (text: string): string => standard('permission', text);

/** What a kind of notification is called, or tells of. */
export const notificationText = (text: string): string => standard('notification', text);
