import { RecordsError } from '../recordsError.ts';
import type { ImportOptions } from './importRecords.ts';

/** What is to be done with a file, as the screen asks and the database keeps it. */
export interface ImportSettings {
  /** Header → path of a field; an empty path leaves the column out. */
  map: Record<string, string>;
  match: string | null;
  mode: 'CREATE' | 'UPDATE' | 'BOTH';
  createMissing: boolean;
  dateOrder: 'dmy' | 'mdy' | null;
  timeZone: string | null;
  /** What cells mean, by header and cell. */
  meanings: Record<string, Record<string, string>>;
}

const isTexts = (value: unknown): value is Record<string, string> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every((each) => typeof each === 'string'); // prettier-ignore

/** Refuses what are no settings; what is left out is as it is by itself. */
export function readSettings(given: unknown): ImportSettings {
  const { map = {}, match = null, mode = 'BOTH', createMissing = false, dateOrder = null, timeZone = null, meanings = {}, ...unknown } =
    (given ?? {}) as Partial<Record<keyof ImportSettings, unknown>>; // prettier-ignore
  const refuse = (name: string) => new RecordsError('IMPORT_SETTINGS', `The settings of an import cannot have this "${name}".`, 'docs/import.md lists what they have.'); // prettier-ignore
  const [other] = Object.keys(unknown);
  if (other !== undefined) throw refuse(other);
  if (!isTexts(map)) throw refuse('map');
  if (match !== null && typeof match !== 'string') throw refuse('match');
  if (mode !== 'CREATE' && mode !== 'UPDATE' && mode !== 'BOTH') throw refuse('mode');
  if (typeof createMissing !== 'boolean') throw refuse('createMissing');
  if (dateOrder !== null && dateOrder !== 'dmy' && dateOrder !== 'mdy') throw refuse('dateOrder');
  if (timeZone !== null && (typeof timeZone !== 'string' || !isTimeZone(timeZone))) throw refuse('timeZone');
  if (typeof meanings !== 'object' || meanings === null || !Object.values(meanings).every(isTexts))
    throw refuse('meanings');
  return { map, match, mode, createMissing, dateOrder, timeZone, meanings: meanings as ImportSettings['meanings'] };
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

export function optionsOf(
  settings: ImportSettings,
): Pick<ImportOptions, 'map' | 'match' | 'mode' | 'createMissing' | 'dateOrder' | 'timeZone' | 'meanings'> {
  const { map, match, mode, createMissing, dateOrder, timeZone, meanings } = settings;
  return {
    map: new Map(Object.entries(map)),
    mode,
    createMissing,
    meanings: new Map(Object.entries(meanings).map(([header, cells]) => [header, new Map(Object.entries(cells))])),
    ...(match !== null && { match }),
    ...(dateOrder !== null && { dateOrder }),
    ...(timeZone !== null && { timeZone }),
  };
}
