import { countText } from '../model/formats.ts';
import { catalogue, language } from './language.ts';
import { parse, type Part } from './message.ts';

export interface Values {
  [name: string]: string | number | boolean | null | undefined;
}

const read = new Map<string, Part[]>();
const plurals = new Intl.PluralRules(language);

/** The text in the language of the screen, read once. */
export function partsOf(text: string): Part[] {
  let parts = read.get(text);
  if (!parts) {
    parts = parse(catalogue[text] || text);
    read.set(text, parts);
  }
  return parts;
}

/** What a choice comes to: an exact number before its form, and "other" where the translation knows no better. */
export function chosen(part: Extract<Part, { kind: string }>, value: unknown): Part[] {
  const { kind, choices } = part;
  return (
    choices[kind === 'plural' ? `=${value}` : String(value)] ??
    choices[kind === 'plural' ? plurals.select(Number(value)) : 'other'] ??
    choices['other'] ??
    []
  );
}

/** A value as a text shows it. */
export const shown = (value: unknown, isNumber?: boolean): string =>
  isNumber ? countText(Number(value)) : value == null || value === false ? '' : String(value);

function write(parts: Part[], values: Values): string {
  let text = '';
  for (const part of parts) {
    if (typeof part === 'string') text += part;
    else if ('tag' in part) text += write(part.parts, values);
    else if ('kind' in part) text += write(chosen(part, values[part.name]), values);
    else text += shown(values[part.name], part.isNumber);
  }
  return text;
}

/** The English text in the language of the screen, with the values that it names: t('{count, plural, one {# record} other {# records}}', { count }). */
export const t = (text: string, values: Values = {}): string => write(partsOf(text), values);
