import { parse, write } from '../../../db/message.ts';
import { inSentence } from './inSentence.ts';
import { catalogue } from './language.ts';
import { forms } from './t.ts';

/** What the server says, in the language of the screen. It speaks English; the catalogue has its sentences with {1} and {2} for what they are said of. */

interface Template {
  pattern: RegExp;
  /** Which place each group of the pattern is of. */
  places: string[];
  translation: string;
}

function templateOf(text: string, translation: string): Template {
  const places: string[] = [];
  const source = text
    .split(/(\{\d\})/)
    .map((piece) => {
      const place = /^\{(\d)\}$/.exec(piece)?.[1];
      if (place) places.push(place);
      return place ? '(.+?)' : piece.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
    })
    .join('');
  return { pattern: new RegExp(`^${source}$`, 's'), places, translation };
}

let templates: Template[] | undefined;
let labels: Map<string, string> | undefined;

/** Those that say more come first: what fits them fits others, too. */
function readTemplates(): Template[] {
  return Object.entries(catalogue)
    .filter(([text]) => text.includes('{1}'))
    .sort(([a], [b]) => b.length - a.length)
    .map(([text, translation]) => templateOf(text, translation));
}

/** A label of the standard model that stands within a sentence. */
function labelText(text: string): string {
  labels ??= new Map(
    Object.entries(catalogue).flatMap(([key, label]): [string, string][] => {
      const [, english = ''] = /^@\S+ (.+)$/.exec(key) ?? [];
      return english === ''
        ? []
        : [
            [english.toLowerCase(), inSentence(label)],
            [english, label],
          ];
    }),
  );
  return text
    .split(', ')
    .map((each) => labels?.get(each) ?? each)
    .join(', ');
}

/** Shown as it was said where the catalogue does not have it. */
export function serverText(text: string): string {
  const whole = catalogue[text];
  if (whole) return write(parse(whole), {}, forms);
  templates ??= readTemplates();
  for (const { pattern, places, translation } of templates) {
    const found = pattern.exec(text);
    if (!found) continue;
    const values = Object.fromEntries(places.map((place, index) => [place, labelText(found[index + 1] ?? '')]));
    return write(parse(translation), values, forms);
  }
  return text;
}
