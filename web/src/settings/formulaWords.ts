import { objectById } from '../model/lookup.ts';
import type { Model, ModelField, ModelObject } from '../model/types.ts';
import type { FormulaContext } from '../model/inquiries.ts';
import { functionsOf, insertion } from './formulaFunctions.ts';

/** The words of a formula as the editor knows them: for colours, and for what to suggest at the caret. */

export interface Token {
  kind: 'text' | 'number' | 'word' | 'function' | 'sign' | 'space';
  value: string;
  /** From 0. */
  at: number;
}

const TOKEN =
  /("(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?)|(\d+(?:\.\d+)?)|([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)(\s*\()?|(\s+)|([\s\S])/g;

export function tokens(text: string): Token[] {
  const found: Token[] = [];
  for (const match of text.matchAll(TOKEN)) {
    const [, string, number, word, call, space, sign] = match;
    const at = match.index;
    if (string) found.push({ kind: 'text', value: string, at });
    else if (number) found.push({ kind: 'number', value: number, at });
    else if (word) {
      found.push({ kind: call ? 'function' : 'word', value: word, at });
      if (call) found.push({ kind: 'sign', value: call, at: at + word.length });
    } else if (space) found.push({ kind: 'space', value: space, at });
    else if (sign) found.push({ kind: 'sign', value: sign, at });
  }
  return found;
}

export interface Suggestion {
  value: string;
  label: string;
  note: string;
  kind: 'field' | 'function' | 'option';
}

/** Parts that formulas can name; others are for programs. */
const PARTS: { [type: string]: string[] } = {
  FULL_NAME: ['firstName', 'lastName'],
  ADDRESS: ['street1', 'city', 'postcode', 'state', 'country'],
  EMAILS: ['primaryEmail'],
  PHONES: ['primaryPhoneNumber'],
  LINKS: ['primaryLinkUrl', 'primaryLinkLabel'],
  CURRENCY: ['currencyCode'],
  ACTOR: ['name', 'source'],
  LOCATION: ['lat', 'lng'],
};

const isUsable = (field: ModelField): boolean =>
  field.isActive && !['TS_VECTOR', 'POSITION', 'MANY_TO_MANY', 'FILES', 'RAW_JSON'].includes(field.type);

const isStep = (field: ModelField): boolean => field.type === 'RELATION' || field.type === 'MEMBER';

/** What may stand after the words before it: the object of a path's last step, or the parts of its last field. */
function along(model: Model, object: ModelObject, path: string[]): { object?: ModelObject; field?: ModelField } | null {
  let current = object;
  for (const [index, name] of path.entries()) {
    const field = current.fields.find((each) => each.name === name && each.isActive);
    if (!field) return null;
    if (!isStep(field)) return index === path.length - 1 ? { field } : null;
    const target = field.relations[0] ? objectById(model, field.relations[0].targetObjectId) : undefined;
    if (!target) return null;
    current = target;
  }
  return { object: current };
}

export interface Spot {
  /** Where the word at the caret begins. */
  from: number;
  suggestions: Suggestion[];
}

export function suggestionsAt(
  model: Model,
  object: ModelObject,
  context: FormulaContext,
  text: string,
  caret: number,
): Spot {
  const before = text.slice(0, caret);
  if ((before.match(/"/g)?.length ?? 0) % 2 === 1) return optionsAt(object, before);
  const word = /[A-Za-z_][A-Za-z0-9_.]*$/.exec(before)?.[0] ?? '';
  const steps = word.split('.');
  const typed = (steps.pop() ?? '').toLowerCase();
  const from = caret - typed.length;
  const found: Suggestion[] = [];
  if (context !== 'DEFAULT') {
    const place = along(model, object, steps);
    if (place?.field)
      for (const part of PARTS[place.field.type] ?? [])
        found.push({ value: part, label: part, note: place.field.label, kind: 'field' });
    const ownOnly = context === 'CONDITION' || context === 'FILTER';
    if (place?.object)
      for (const field of place.object.fields) {
        if (!isUsable(field) || (field.isSystem && field.name === 'position')) continue;
        const opens = isStep(field) && !ownOnly && steps.length < 2;
        found.push({
          value: opens ? `${field.name}.` : field.name,
          label: field.name,
          note: field.label,
          kind: 'field',
        });
      }
  }
  if (steps.length === 0)
    for (const { usage, hint } of functionsOf(context))
      found.push({ value: insertion(usage), label: usage, note: hint, kind: 'function' });
  const rank = (each: Suggestion): number =>
    each.label.toLowerCase().startsWith(typed) ? 0 : each.note.toLowerCase().startsWith(typed) ? 1 : 2;
  const matching = found.filter(
    (each) =>
      typed === '' ||
      each.label.toLowerCase().includes(typed) ||
      (each.kind === 'field' && each.note.toLowerCase().includes(typed)),
  );
  return { from, suggestions: matching.sort((a, b) => rank(a) - rank(b)) };
}

/** Inside quotes after `stage = "` come the values of the field's options. */
function optionsAt(object: ModelObject, before: string): Spot {
  const match = /([A-Za-z_][A-Za-z0-9_]*)\s*(?:=|!=|<>|in\s*\(.*)\s*"([^"]*)$/i.exec(before);
  const field = object.fields.find((each) => each.name === match?.[1]);
  const typed = (match?.[2] ?? '').toLowerCase();
  const options = (field?.options ?? []).filter((option) =>
    `${option.value} ${option.label}`.toLowerCase().includes(typed),
  );
  return {
    from: before.length - typed.length,
    suggestions: options.map((option) => ({
      value: `${option.value}"`,
      label: option.value,
      note: option.label,
      kind: 'option',
    })),
  };
}
