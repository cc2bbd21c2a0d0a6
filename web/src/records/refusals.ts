import type { Failure } from '../api/failure.ts';
import { fieldNamed } from '../fields/rules.ts';
import type { ModelField, ModelObject } from '../model/types.ts';
import type { FieldValue } from '../model/values.ts';

export interface Edit {
  field: ModelField;
  value: FieldValue;
}

/** An edit that did not become so: kept, with the reason, until it is corrected or dropped. */
export interface Refusal extends Edit {
  /** Set when the text could not even be read as a value. */
  text: string | null;
  reason: string;
  /** The other field that must have a value before this one may: saving that one tries both together. */
  needs: ModelField | null;
  /** Nothing speaks against it: it did not get there. */
  isTransient?: boolean;
}

export const reasonOf = ({ message, hint }: Failure): string => [message, hint].filter(Boolean).join(' ');

/** One refusal for each edit of a request that failed. The reason stands at the field that the server names, if it is among them. */
export function refusalsOf(object: ModelObject, edits: Edit[], failure: Failure): Refusal[] {
  const named = fieldNamed(object, failure.field);
  const own = edits.some(({ field }) => field.id === named?.id);
  return edits.map((edit) => ({
    ...edit,
    text: null,
    reason: reasonOf(failure),
    needs: own || !named ? null : named,
    isTransient: failure.code === 'UNREACHABLE' || failure.code === 'SERVER',
  }));
}
