import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

/** Previews of the names that the database will derive from a label, so that nobody is surprised by them later. */

const words = (label: string): string[] =>
  label
    .normalize('NFKD')
    .replace(/[\u0300-\u036f'’]/g, '')
    .split(/[^A-Za-z0-9]+/)
    .filter(Boolean);

export function apiName(label: string): string {
  const [first = '', ...rest] = words(label).map((word) => word.toLowerCase());
  const name = first + rest.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
  return /^[0-9]/.test(name) ? `n${name}` : name;
}

export const optionValue = (label: string): string => words(label).join('_').toUpperCase() || 'OPTION';

/** A guess that the form fills in and people may correct. */
export function plural(label: string): string {
  if (label === '') return '';
  if (/[^aeiou]y$/i.test(label)) return `${label.slice(0, -1)}ies`;
  if (/(s|x|z|ch|sh)$/i.test(label)) return `${label}es`;
  return `${label}s`;
}

/** What the database does not take as an API name, so that people see it while they type and not when they save. */
const RESERVED = new Set(
  (
    'query mutation subscription node nodeId nodes edges cursor pageInfo totalCount filter orderBy first last after before offset ' +
    'recordEvent recordEvents trash trashedRecord trashedRecords listTrash records searchRecords recordHistory deletedRecords restoreRecord destroyRecord findDuplicates ' +
    'findDuplicatesOf announcePresence liveRecordChange liveActor liveModelChange liveViewsChange livePresence clientMutationId input patch ctid tableoid xmin xmax cmin cmax'
  ).split(' '),
);

const MOST_BYTES = 36;

export function nameProblem(name: string): string | null {
  if (name === '') return t('Enter a name.');
  if (!/^[a-z][a-zA-Z0-9]*$/.test(name)) return t('Latin letters and digits only, beginning with a small letter.');
  const bytes = name.length + (name.match(/[A-Z]/g)?.length ?? 0);
  if (bytes > MOST_BYTES)
    return t('Too long by {bytes}: each capital letter counts twice, at most 36.', { bytes: bytes - MOST_BYTES });
  if (RESERVED.has(name)) return t('The API or the database itself uses “{name}”. Try “{name}Item”.', { name });
  return null;
}

/** "a company", "an opportunity": by the letter, which is right nearly always. */
export const withArticle = (noun: string): string =>
  /^[aeio]/i.test(noun) ? t('an {noun}', { noun: inSentence(noun) }) : t('a {noun}', { noun: inSentence(noun) });
