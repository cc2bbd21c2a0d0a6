import { parse } from 'scim2-parse-filter';
import type { Filter } from 'scim2-parse-filter';
import { ScimError } from './ScimError.ts';

const MAX_LENGTH = 2_000;
const MAX_DEPTH = 20;

/** Attributes may be named with the schema before them. */
export const withoutSchema = (path: string): string =>
  path.replace(/^urn:ietf:params:scim:schemas:core:2\.0:(?:User|Group):/i, '');

/** The filter of a request as the database understands it: a tree of data, never text of a statement. */
export function parseFilter(text: string): Filter {
  if (text.length > MAX_LENGTH) throw new ScimError(400, 'The filter is too long.', 'invalidFilter');
  let parsed: Filter;
  try {
    parsed = parse(text);
  } catch {
    throw new ScimError(400, 'The filter cannot be understood.', 'invalidFilter');
  }
  return plain(parsed, 0);
}

function plain(filter: Filter, depth: number): Filter {
  if (depth > MAX_DEPTH) throw new ScimError(400, 'The filter is nested too deeply.', 'invalidFilter');
  switch (filter.op) {
    case 'and':
    case 'or':
      return { op: filter.op, filters: filter.filters.map((each) => plain(each, depth + 1)) };
    case 'not':
      return { op: 'not', filter: plain(filter.filter, depth + 1) };
    case '[]':
      return { op: '[]', attrPath: withoutSchema(filter.attrPath), valFilter: plain(filter.valFilter, depth + 1) };
    default:
      return { ...filter, attrPath: withoutSchema(filter.attrPath) };
  }
}
