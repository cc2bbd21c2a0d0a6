import { visibleFields } from '../model/lookup.ts';
import { isEditable } from '../model/text.ts';
import type { Model, ModelField, ModelObject } from '../model/types.ts';
import { targetsOf } from '../fields/useRelated.ts';

/** The relations to many by which records are put on lists, or on what else there is of the kind, such as campaigns. */
export const listFields = (object: ModelObject): ModelField[] =>
  visibleFields(object).filter((field) => field.junction !== null && isEditable(field));

/** The field that leads to lists proper: what `keepLists` makes. */
export const listField = (model: Model, object: ModelObject): ModelField | undefined =>
  listFields(object).find((field) => targetsOf(model, field).some((target) => target.object.nameSingular === 'list'));

export const hasLists = (model: Model, object: ModelObject): boolean =>
  listFields(object).some((field) => targetsOf(model, field).length > 0);
