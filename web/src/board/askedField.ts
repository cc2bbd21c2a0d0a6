import type { Failure } from '../api/failure.ts';
import { fieldNamed } from '../fields/rules.ts';
import { isEditable } from '../model/text.ts';
import type { ModelField, ModelObject } from '../model/types.ts';

/** The field that must say something before the card may come here; undefined where nothing can be asked. */
export function askedField(object: ModelObject, group: ModelField, failure: Failure): ModelField | undefined {
  const field = fieldNamed(object, failure.field);
  return field && field.id !== group.id && isEditable(field) ? field : undefined;
}
