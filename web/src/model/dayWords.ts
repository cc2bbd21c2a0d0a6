import { language } from '../language/language.ts';
import { t } from '../language/t.ts';

/** Days as people write them in words, in the language of the screen and in English: the browser knows what they are called. */

/** As it is typed: without capitals and accents. */
const fold = (text: string): string =>
  text.toLowerCase().normalize('NFD').replaceAll(/\p{M}/gu, '').replaceAll('’', "'").trim();

interface Words {
  /** Today, tomorrow and what else has a word of its own, with how far it is. */
  near: Map<string, number>;
  /** From Sunday. */
  weekdays: string[];
  months: string[][];
  relative: Intl.RelativeTimeFormat;
}

function wordsOf(tag: string): Words {
  const auto = new Intl.RelativeTimeFormat(tag, { numeric: 'auto' });
  const names = (count: number, at: (index: number) => number, options: Intl.DateTimeFormatOptions) =>
    Array.from({ length: count }, (_, index) =>
      fold(new Intl.DateTimeFormat(tag, { ...options, timeZone: 'UTC' }).format(at(index))),
    );
  const [short, long] = (['short', 'long'] as const).map((month) =>
    names(12, (index) => Date.UTC(2023, index, 1), { month }),
  ) as [string[], string[]];
  return {
    near: new Map([-2, -1, 0, 1, 2].map((days) => [fold(auto.format(days, 'day')), days])),
    // 2023 began on a Sunday.
    weekdays: names(7, (index) => Date.UTC(2023, 0, 1 + index), { weekday: 'long' }),
    months: short.map((name, index) => [name, long[index] ?? name]),
    relative: new Intl.RelativeTimeFormat(tag),
  };
}

const known = new Map<string, Words>();

/** Those of the language of the screen, then the English ones. */
const spoken = (tag: string): Words[] =>
  [...new Set([tag, 'en'])].map((each) => {
    const words = known.get(each) ?? wordsOf(each);
    known.set(each, words);
    return words;
  });

const listed = (text: string): string[] => text.split(',').map(fold);

/** How many days away it is that words mean: tomorrow, friday, next friday, in 3 days, 2 weeks ago. Null where they mean none. */
export function daysAway(text: string, weekday: number, tag = language): number | null {
  const value = fold(text);
  const number = Number(/\d{1,3}/.exec(value)?.[0]);
  for (const { near, weekdays, relative } of spoken(tag)) {
    const days = near.get(value);
    if (days !== undefined) return days;
    for (const [unit, length] of [
      ['day', 1],
      ['week', 7],
    ] as const)
      for (const amount of Number.isNaN(number) ? [] : [number, -number])
        if (fold(relative.format(amount, unit)) === value) return amount * length;
    const next = listed(t('next, coming'));
    const rest = value.split(/\s+/).filter((word) => !listed(t('on, this')).includes(word) && !next.includes(word));
    const wanted = rest.length === 1 ? weekdays.indexOf(rest[0] ?? '') : -1;
    if (wanted < 0) continue;
    // Weeks begin on Monday here, for everybody: "next friday" is that of the week to come.
    const isNext = value.split(/\s+/).some((word) => next.includes(word));
    return isNext ? 7 - ((weekday + 6) % 7) + ((wanted + 6) % 7) : (wanted - weekday + 7) % 7 || 7;
  }
  return null;
}

/** The number of the month that a word of three letters or more begins, from 1; null where it begins none, or several. */
export function monthOf(word: string, tag = language): number | null {
  const value = fold(word).replace(/\.$/, '');
  if (value.length < 3) return null;
  const found = new Set(
    spoken(tag).flatMap(({ months }) =>
      months.flatMap((names, index) => (names.some((name) => name.startsWith(value)) ? index + 1 : [])),
    ),
  );
  return found.size === 1 ? ([...found][0] ?? null) : null;
}

/** What "now" is called. */
export const isNow = (text: string, tag = language): boolean =>
  [tag, 'en'].some(
    (each) => fold(new Intl.RelativeTimeFormat(each, { numeric: 'auto' }).format(0, 'second')) === fold(text),
  );
