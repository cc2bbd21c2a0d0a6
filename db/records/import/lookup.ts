import type { FieldModel } from '../model.ts';
import { arrayLiteral, splitLabels } from '../values/choice.ts';
import { parseEmail } from '../values/contact.ts';
import { parseLink } from '../values/link.ts';
import { Unreadable, quote } from '../values/unreadable.ts';
import { identifier } from '../sql.ts';
import { lookupFields, type RelationTarget } from './target.ts';

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/**
 * What identifies a record by a field, as SQL over a row. Case, and of a web address the scheme and
 * "www.", do not tell two records apart.
 */
export function identityExpression(field: FieldModel, row: string): string {
  const column = (part: string) => {
    const found = field.columns.find((candidate) => candidate.part === part);
    if (!found) throw new Error(`The field ${field.name} has no part "${part}"`);
    return `${row}.${identifier(found.column)}`;
  };
  switch (field.type) {
    case 'FULL_NAME':
      return `nullif(lower(concat_ws(' ', ${column('firstName')}, ${column('lastName')})), '')`;
    case 'EMAILS':
      return `lower(${column('primaryEmail')})`;
    case 'PHONES':
      return `nullif(concat(${column('primaryPhoneCallingCode')}, ${column('primaryPhoneNumber')}), '')`;
    case 'LINKS':
      return `regexp_replace(lower(${column('primaryLinkUrl')}), '^https?://(www\\.)?', '')`;
    case 'AUTO_NUMBER':
      return `lower(${column('text')})`;
    case 'TEXT':
      return `nullif(lower(${column('')}), '')`;
    default:
      return `${column('')}::text`;
  }
}

/** The same for a value that came from a cell. */
export function identityOfValue(field: FieldModel, value: string): string {
  if (field.type === 'LINKS') return `regexp_replace(lower(${value}), '^https?://(www\\.)?', '')`;
  return ['FULL_NAME', 'EMAILS', 'TEXT', 'AUTO_NUMBER'].includes(field.type) ? `lower(${value})` : value;
}

/** The fields by which the cells of a relation may name its records; a key begins with an index into them. */
export function relationLookups(relation: RelationTarget): FieldModel[] {
  return relation.lookup ? [relation.lookup] : lookupFields(relation.object);
}

/** Reads a cell of a relation to many, a list, into an array of such keys. */
export function lookupKeysReader(relation: RelationTarget): (cell: string) => string | Unreadable {
  const readOne = lookupKeyReader(relation);
  return (cell) => {
    const keys = new Set<string>();
    for (const item of splitLabels(cell)) {
      const key = readOne(item);
      if (key instanceof Unreadable) return key;
      keys.add(key);
    }
    return arrayLiteral([...keys]);
  };
}

/** Reads a cell into "<index of the lookup field>:<value>". */
export function lookupKeyReader(relation: RelationTarget): (cell: string) => string | Unreadable {
  const lookups = relationLookups(relation);
  const label = lookups.findIndex((field) => field.id === relation.object.labelFieldId);
  const indexOf = (matches: (field: FieldModel) => boolean) => lookups.findIndex(matches);
  const id = indexOf((field) => field.name === 'id');
  const email = indexOf((field) => field.type === 'EMAILS' || /email/i.test(field.name));
  const link = indexOf((field) => field.type === 'LINKS');
  return (cell) => {
    const text = cell.trim().replace(/\s+/g, ' ');
    const index =
      lookups.length === 1 ? 0
      : id >= 0 && UUID.test(text) ? id
      : email >= 0 && text.includes('@') ? email
      : link >= 0 && /^https?:\/\//i.test(text) ? link
      : label; // prettier-ignore
    const field = lookups[index];
    if (!field)
      return new Unreadable(
        `${quote(cell)} does not say which ${relation.object.labelSingular.toLowerCase()} is meant`,
      );
    const value = readKey(field, text);
    return value instanceof Unreadable ? value : `${index}:${value}`;
  };
}

function readKey(field: FieldModel, text: string): string | Unreadable {
  if (field.name === 'id') return UUID.test(text) ? text.toLowerCase() : new Unreadable(`${quote(text)} is not a UUID`);
  if (field.type === 'EMAILS') return parseEmail(text);
  if (field.type === 'LINKS') return parseLink(text, field.name);
  return text;
}
