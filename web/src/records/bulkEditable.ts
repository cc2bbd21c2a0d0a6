import { visibleFields } from '../model/lookup.ts';
import { isEditable } from '../model/text.ts';
import type { ModelField, ModelObject } from '../model/types.ts';

/** Fields that one value can be given to in many records. Links to many are rows of their own. */
export const bulkEditable = (object: ModelObject): ModelField[] =>
  visibleFields(object).filter((field) => isEditable(field) && !field.junction && !field.isUnique);
