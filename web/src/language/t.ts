import { countText } from '../model/formats.ts';
import { catalogue, language } from './language.ts';
import { parse, write, type Forms, type Part, type Values } from '../../../db/message.ts';

const read = new Map<string, Part[]>();

/** How the language counts; numbers have the signs that the member reads. */
export const forms: Forms = { plurals: new Intl.PluralRules(language), number: (value) => countText(value) };

/** The text in the language of the screen, read once. */
export function partsOf(text: string): Part[] {
  let parts = read.get(text);
  if (!parts) {
    parts = parse(catalogue[text] || text);
    read.set(text, parts);
  }
  return parts;
}

/** The English text in the language of the screen, with the values that it names: t('{count, plural, one {# record} other {# records}}', { count }). */
export const t = (text: string, values: Values = {}): string => write(partsOf(text), values, forms);
