import { nearest } from '../nearest.ts';
import { labelField, type FieldModel, type Model, type ObjectModel } from '../model.ts';
import { RecordsError } from '../recordsError.ts';
import { SYNONYMS } from './synonyms.ts';
import { findTarget, isComputed, listTargets, type Target } from './target.ts';

/** What becomes of one column of the file. */
export interface MappedHeader {
  index: number;
  header: string;
  target: Target | null;
  /** Why a column is left out, or that it was asked for. */
  note: 'guessed' | 'given' | 'ignored' | 'unknown' | 'taken' | 'computed';
}

/**
 * Decides where each header goes: what --map says, then the best guess for the others, each target
 * once. Of two headers with the same meaning the more exact one wins ("Domain" over "Website").
 */
export function mapHeaders(
  model: Model,
  object: ObjectModel,
  headers: readonly string[],
  overrides: ReadonlyMap<string, string>,
  samples: readonly (readonly string[])[] = [],
): MappedHeader[] {
  const targets = listTargets(model, object);
  const mapped: (MappedHeader | undefined)[] = headers.map(() => undefined);
  const taken = new Set<string>();

  for (const [header, path] of overrides) {
    const index = findHeader(headers, header);
    const target = path.trim() === '' ? null : findTarget(targets, object, path);
    if (target && taken.has(slot(target)))
      throw new RecordsError(
        'MAPPING_TWICE',
        `Two headers are mapped to "${target.path}".`,
        'Map one of them to nothing: --map "HEADER=".',
      );
    if (target) taken.add(slot(target));
    mapped[index] = { index, header: headers[index] ?? header, target, note: target ? 'given' : 'ignored' };
  }

  const guesses = headers
    .flatMap((header, index) =>
      mapped[index] ? [] : guess(targets, object, header).map((found) => ({ ...found, index })),
    )
    .sort((a, b) => b.score - a.score || a.index - b.index);
  const wanted = new Set<number>();
  for (const { target, index } of guesses) {
    wanted.add(index);
    if (mapped[index] || taken.has(slot(target)) || isCovered(target, taken)) continue;
    taken.add(slot(target));
    mapped[index] = { index, header: headers[index] ?? '', target, note: 'guessed' };
  }
  for (const [index, header] of headers.entries()) {
    if (mapped[index] || wanted.has(index)) continue;
    const target = guessByContent(targets, samples.map((cells) => cells[index] ?? '')); // prettier-ignore
    if (!target || taken.has(slot(target))) continue;
    taken.add(slot(target));
    mapped[index] = { index, header, target, note: 'guessed' };
  }
  return headers.map(
    (header, index) =>
      mapped[index] ?? { index, header, target: null, note: leftOutFor(object, header, wanted.has(index)) },
  );
}

/** What the cells are, where the header says nothing: addresses of mail and telephone numbers, which cannot be mistaken. */
function guessByContent(targets: readonly Target[], samples: readonly string[]): Target | null {
  const cells = samples.filter((cell) => cell.trim() !== '');
  if (cells.length < 3) return null;
  const most = (isSuch: (cell: string) => boolean) => cells.filter(isSuch).length >= cells.length * 0.9;
  const whole = (type: string) =>
    targets.find((target) => target.field.type === type && target.part === '' && !target.relation) ?? null;
  if (most((cell) => /^[^\s@;,]+@[^\s@;,]+\.[a-z]{2,}$/i.test(cell.trim()))) return whole('EMAILS');
  if (most((cell) => /^\+[\d\s()./-]{7,20}$/.test(cell.trim()))) return whole('PHONES');
  return null;
}

function leftOutFor(object: ObjectModel, header: string, isTaken: boolean): MappedHeader['note'] {
  if (isTaken) return 'taken';
  const folded = fold(header);
  const isOfComputed = (field: FieldModel) =>
    isComputed(field) && [fold(field.name), fold(field.label)].includes(folded);
  return object.fields.some(isOfComputed) ? 'computed' : 'unknown';
}

/** What can be filled once: a relation however it is looked up, otherwise the field and part. */
function slot(target: Target): string {
  if (target.relation) return target.relation.column;
  // A link and its address, an e-mail field and its primary address, are one thing.
  const part = /^primary(Link)?(Url|Email|PhoneNumber)$/.test(target.part) ? '' : target.part;
  return `${target.field.name}.${part}`;
}

/** A full name adds nothing where both its parts are there. */
function isCovered(target: Target, taken: ReadonlySet<string>): boolean {
  return (
    target.field.type === 'FULL_NAME' &&
    target.part === '' &&
    taken.has(`${target.field.name}.firstName`) &&
    taken.has(`${target.field.name}.lastName`)
  );
}

function findHeader(headers: readonly string[], wanted: string): number {
  const exact = headers.indexOf(wanted);
  if (exact >= 0) return exact;
  const index = headers.findIndex((header) => fold(header) === fold(wanted));
  if (index >= 0) return index;
  const near = nearest(wanted, headers);
  throw new RecordsError(
    'HEADER_UNKNOWN',
    `The file has no header "${wanted}".`,
    near ? `Did you mean "${near}"?` : `Its headers are ${headers.map((header) => `"${header}"`).join(', ')}.`,
  );
}

function guess(targets: readonly Target[], object: ObjectModel, header: string): { target: Target; score: number }[] {
  const folded = fold(header);
  if (folded === '') return [];
  const label = labelField(object);
  const own = [fold(object.labelSingular), fold(object.nameSingular)];
  // "Company domain" in a file of companies is the domain.
  const short = own
    .map((name) => (folded.startsWith(name) ? folded.slice(name.length) : ''))
    .find((rest) => rest !== '');
  return targets.flatMap((target) => {
    const score = Math.max(
      // An export holds the label and the id of each related record: the id cannot be mistaken.
      header.trim().toLowerCase() === target.path.toLowerCase()
        ? target.relation?.lookup?.name === 'id'
          ? 101
          : 100
        : 0,
      scoreName(target, object, folded),
      short === undefined ? 0 : scoreName(target, object, short) - 5,
      target.field === label && target.part === '' && own.includes(folded) ? 60 : 0,
    );
    // Parts are looked for before the whole, which adds nothing where they are found.
    const isWholeName = target.field.type === 'FULL_NAME' && target.part === '';
    return score > 0 ? [{ target, score: isWholeName ? score / 2 : score }] : [];
  });
}

function scoreName(target: Target, object: ObjectModel, folded: string): number {
  const { field, part, relation } = target;
  const synonyms = [...(SYNONYMS[object.nameSingular]?.[target.path] ?? []), ...(SYNONYMS['*']?.[target.path] ?? [])];
  const synonym = synonyms.indexOf(folded);
  const bySynonym = synonym < 0 ? 0 : 80 - synonym;
  if (relation?.lookup) {
    const by = [fold(relation.lookup.label), fold(relation.lookup.name)];
    const relationNames = [fold(field.label), fold(field.name)];
    const names = relationNames.flatMap((name) => by.map((lookup) => name + lookup));
    return Math.max(names.includes(folded) ? 85 : 0, bySynonym);
  }
  if (part !== '') {
    const names = [fold(field.label), fold(field.name)].map((name) => name + fold(part));
    return Math.max(names.includes(folded) ? 85 : 0, bySynonym);
  }
  if ([fold(target.path), fold(field.label), fold(field.name)].includes(folded)) return 90;
  return bySynonym;
}

function fold(text: string): string {
  return text
    .toLowerCase()
    .normalize('NFKC')
    .replace(/[^\p{L}\p{N}]+/gu, '');
}
