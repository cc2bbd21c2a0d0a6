import { createHash } from 'node:crypto';
import { labelField, type Model, type ObjectModel } from '../../db/records/model.ts';
import { mapHeaders, type MappedHeader } from '../../db/records/import/mapping.ts';
import { detectPreset, presetColumns } from '../../db/records/import/presets.ts';
import type { ImportSettings } from '../../db/records/import/settings.ts';
import { listTargets, type Target } from '../../db/records/import/target.ts';

/** Files with the same headers, in whatever order, are taken for one of a kind. */
export const headersKey = (headers: readonly string[]): string =>
  createHash('sha256').update(JSON.stringify(headers.map((header) => header.trim().toLowerCase()).sort())).digest('hex').slice(0, 32); // prettier-ignore

/** Where columns can go, as people choose it. */
export function describeTargets(model: Model, object: ObjectModel) {
  return listTargets(model, object).map(({ path, field, part, relation }) => ({
    path,
    fieldId: field.id,
    label: field.relations.length > 1 && relation ? `${field.label} (${relation.object.labelSingular})` : field.label,
    /** Of a composite field, what of it; of a relation, by what its records are found. */
    part: relation ? (relation.lookup?.label ?? '') : part === '' ? '' : words(part),
    type: field.type,
    isRelation: relation !== null,
    isUnique: field.isUnique || field.name === 'id' || field === labelField(object),
    options: field.options,
  }));
}

/** "primaryLinkUrl" is "primary link URL". */
const words = (part: string): string =>
  part
    .replace(/([a-z])([A-Z0-9])/g, '$1 $2')
    .toLowerCase()
    .replace(/\burl\b/, 'URL')
    .replace(/\bamount micros\b/, 'amount in millionths');

interface Guess {
  mapping: MappedHeader[];
  /** What was done with files of the same headers before. */
  remembered: ImportSettings | null;
  preset: string | null;
}

/** Where the columns go: as the last time, as an export of another CRM is known, or by their names and cells. */
export function guessMapping(
  model: Model,
  object: ObjectModel,
  headers: readonly string[],
  {
    rows,
    remembered,
    preset: wanted,
  }: { rows: readonly (readonly string[])[]; remembered: ImportSettings | null; preset: string | null | undefined },
): Guess {
  const paths = new Set(listTargets(model, object).map(({ path }) => path));
  const usable = (map: Map<string, string>) => {
    const taken = new Set<string>();
    return new Map(
      [...map].filter(([header, path]) => {
        if (!headers.includes(header) || (path !== '' && !paths.has(path)) || taken.has(path)) return false;
        if (path !== '') taken.add(path);
        return true;
      }),
    );
  };
  if (remembered !== null && wanted === undefined) {
    const known = usable(new Map(Object.entries(remembered.map)));
    return { mapping: mapSafely(model, object, headers, known, rows), remembered, preset: null };
  }
  const preset = wanted === undefined ? detectPreset(object, headers) : wanted;
  const known = preset === null ? new Map<string, string>() : usable(presetColumns(preset, object, headers));
  return { mapping: mapSafely(model, object, headers, known, rows), remembered: null, preset };
}

/** What was remembered may name one field twice since the model was changed: then it is guessed anew. */
function mapSafely(
  model: Model,
  object: ObjectModel,
  headers: readonly string[],
  known: ReadonlyMap<string, string>,
  rows: readonly (readonly string[])[],
): MappedHeader[] {
  try {
    return mapHeaders(model, object, headers, known, rows);
  } catch {
    return mapHeaders(model, object, headers, new Map(), rows);
  }
}

export const describeMapping = (mapping: readonly MappedHeader[], rows: readonly (readonly string[])[]) =>
  mapping.map(({ index, header, target, note }) => ({
    header,
    path: target?.path ?? '',
    note,
    samples: [...new Set(rows.map((cells) => (cells[index] ?? '').trim()).filter(Boolean))]
      .slice(0, 3)
      .map((sample) => sample.slice(0, 120)),
  }));

/** The headers of a template: what people read, and import knows again. */
export function templateHeaders(model: Model, object: ObjectModel): string[] {
  const offered = listTargets(model, object).filter(({ field }) => !field.isSystem);
  const isWanted = ({ field, part, relation }: Target): boolean => {
    if (relation) return relation.lookup === null;
    if (field.type === 'FULL_NAME') return part !== '';
    if (field.type === 'ADDRESS') return part !== '' && part !== 'lat' && part !== 'lng';
    return part === '';
  };
  return offered.filter(isWanted).map(({ field, part, path, relation }) => {
    if (relation) return field.relations.length > 1 ? path : field.label;
    return part === '' ? field.label : field.type === 'FULL_NAME' ? sentence(words(part)) : `${field.label} ${words(part)}`;
  }); // prettier-ignore
}

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
