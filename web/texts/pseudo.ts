import { parse, type Part } from '../../db/message.ts';

const PLAIN = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
const ACCENTED = [...'áƀćðéƒĝĥíĵķļɱñóþɋŕšţúṽŵẋýžÁƁĆÐÉƑĜĤÍĴĶĻṀÑÓÞɊŔŠŢÚṼŴẊÝŽ'];

const accented = (text: string): string =>
  text.replaceAll(/[a-z]/gi, (letter) => ACCENTED[PLAIN.indexOf(letter)] ?? letter).replaceAll(/[{}]/g, "'$&'");

const write = (parts: Part[]): string =>
  parts
    .map((part) => {
      if (typeof part === 'string') return accented(part);
      if ('tag' in part) return `<${part.tag}>${write(part.parts)}</${part.tag}>`;
      if (!('choices' in part)) return part.isNumber ? '#' : `{${part.name}}`;
      const choices = Object.entries(part.choices).map(([choice, each]) => `${choice} {${write(each)}}`);
      return `{${part.name}, ${part.kind}, ${choices.join(' ')}}`;
    })
    .join('');

const lengthOf = (parts: Part[]): number =>
  parts.reduce(
    (sum, part) =>
      sum +
      (typeof part === 'string'
        ? part.length
        : 'tag' in part
          ? lengthOf(part.parts)
          : 'choices' in part
            ? lengthOf(part.choices['other'] ?? [])
            : 6),
    0,
  );

/** A text as a language that is a third longer might write it: what is not in brackets on a screen is not translated. */
export function pseudo(text: string): string {
  // What a label belongs to is for translators.
  const parts = parse(text.replace(/^@\S+ /, ''));
  return `[${write(parts)}${'~'.repeat(Math.ceil(lengthOf(parts) * 0.3))}]`;
}
