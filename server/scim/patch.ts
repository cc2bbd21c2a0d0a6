import { filter as matcher, parse } from 'scim2-parse-filter';
import type { Filter } from 'scim2-parse-filter';
import { withoutSchema } from './filter.ts';
import { ScimError } from './ScimError.ts';

export interface Resource {
  [attribute: string]: unknown;
}

/** What may be written; everything else that a directory sends (roles, groups, ids, other schemas) is passed over. */
export const WRITABLE = {
  User: ['userName', 'externalId', 'displayName', 'name', 'emails', 'active'],
  Group: ['displayName', 'externalId', 'members'],
} as const;

type Kind = keyof typeof WRITABLE;

const LISTS = new Set(['emails', 'members']);
const MAX_OPERATIONS = 1_000;
const PATH = /^([A-Za-z$][\w$-]*)(?:\[(.+)\])?(?:\.([\w$-]+))?$/;

const isObject = (value: unknown): value is Resource =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const asList = (value: unknown): unknown[] => (Array.isArray(value) ? value : [value]);
/** Members are sent as objects, and by some as plain ids. */
const itemOf = (value: unknown): Resource => (isObject(value) ? value : { value });

/** Some send the booleans of JSON as texts: "True", "False". */
function plainValue(attribute: string, value: unknown): unknown {
  if (attribute !== 'active') return value;
  const text = String(value).toLowerCase();
  if (text !== 'true' && text !== 'false') throw new ScimError(400, '"active" must be true or false.', 'invalidValue');
  return text === 'true';
}

const nameOf = (kind: Kind, attribute: string): string | undefined =>
  WRITABLE[kind].find((each) => each.toLowerCase() === attribute.toLowerCase());

/** The part of a resource that is ours to write, by its proper names. */
export function readResource(kind: Kind, body: unknown): Resource {
  if (!isObject(body)) throw new ScimError(400, 'The body must be a resource.', 'invalidSyntax');
  const resource: Resource = {};
  for (const [key, value] of Object.entries(body)) {
    const name = nameOf(kind, withoutSchema(key));
    if (name !== undefined && value !== null && value !== undefined) resource[name] = plainValue(name, value);
  }
  return resource;
}

/** Applies the operations of a PATCH (RFC 7644 section 3.5.2), in all the ways in which directories write them. */
export function applyPatch(kind: Kind, resource: Resource, body: unknown): Resource {
  const operations = isObject(body) ? (body['Operations'] ?? body['operations']) : undefined;
  if (!Array.isArray(operations) || operations.length === 0 || operations.length > MAX_OPERATIONS)
    throw new ScimError(400, `"Operations" must be a list of 1 to ${MAX_OPERATIONS}.`, 'invalidSyntax');
  const patched = structuredClone(resource);
  for (const operation of operations as unknown[]) applyOne(kind, patched, operation);
  return patched;
}

function applyOne(kind: Kind, resource: Resource, operation: unknown): void {
  const { op, path, value } = isObject(operation) ? operation : {};
  const verb = String(op).toLowerCase();
  if (verb !== 'add' && verb !== 'replace' && verb !== 'remove')
    throw new ScimError(400, '"op" must be add, replace or remove.', 'invalidSyntax');
  if (path === undefined || path === null || path === '') {
    if (verb === 'remove') throw new ScimError(400, 'A remove needs a path.', 'noTarget');
    if (!isObject(value)) throw new ScimError(400, 'Without a path the value must be an object.', 'invalidValue');
    // Its names may be whole paths, such as "name.givenName".
    for (const [key, each] of Object.entries(value)) applyAt(kind, resource, { verb, path: key, value: each });
    return;
  }
  if (typeof path !== 'string' || path.length > 1_000) throw new ScimError(400, 'The path is no path.', 'invalidPath');
  applyAt(kind, resource, { verb, path, value });
}

interface Change {
  verb: 'add' | 'replace' | 'remove';
  path: string;
  value: unknown;
}

function applyAt(kind: Kind, resource: Resource, { verb, path, value }: Change): void {
  const own = withoutSchema(path);
  if (/^urn:/i.test(own)) return;
  const parts = PATH.exec(own);
  if (!parts) throw new ScimError(400, `"${path.slice(0, 100)}" is no path.`, 'invalidPath');
  const [, attribute = '', condition, sub] = parts;
  const name = nameOf(kind, attribute);
  if (name === undefined) return;
  if (LISTS.has(name)) applyToList(resource, { name, condition, sub, verb, value });
  else if (condition !== undefined) throw new ScimError(400, `"${name}" has one value.`, 'invalidPath');
  else if (name === 'name') applyToName(resource, { sub, verb, value });
  else if (verb === 'remove') delete resource[name];
  else resource[name] = plainValue(name, value);
}

function applyToName(
  resource: Resource,
  { sub, verb, value }: { sub: string | undefined } & Omit<Change, 'path'>,
): void {
  const before = isObject(resource['name']) ? resource['name'] : {};
  // What is put together of the parts is put together anew.
  const { formatted: _formatted, ...parts } = before;
  if (sub === undefined) resource['name'] = verb === 'remove' ? {} : { ...parts, ...itemOf(value) };
  else resource['name'] = { ...parts, [sub]: verb === 'remove' ? undefined : value };
  // Nor does a name of before for all of it outlive its parts.
  if (verb !== 'remove') delete resource['displayName'];
}

interface ListChange extends Omit<Change, 'path'> {
  name: string;
  condition: string | undefined;
  sub: string | undefined;
}

function applyToList(resource: Resource, { name, condition, sub, verb, value }: ListChange): void {
  const items = asList(resource[name] ?? []).map(itemOf);
  if (condition !== undefined) {
    resource[name] = applyToSome(items, { condition, sub, verb, value });
  } else if (sub !== undefined) {
    resource[name] = items.map((item) => ({ ...item, [sub]: verb === 'remove' ? undefined : value }));
  } else if (verb === 'replace') {
    resource[name] = asList(value ?? []).map(itemOf);
  } else if (verb === 'add') {
    const added = asList(value).map(itemOf);
    const ids = new Set(added.map((item) => item['value']));
    resource[name] = [...items.filter((item) => !ids.has(item['value'])), ...added];
  } else {
    // Some name the items to remove in the value.
    const ids = new Set(
      value === undefined || value === null ? [] : asList(value).map((each) => itemOf(each)['value']),
    );
    resource[name] = ids.size === 0 ? [] : items.filter((item) => !ids.has(item['value']));
  }
}

function applyToSome(
  items: Resource[],
  { condition, sub, verb, value }: Omit<ListChange, 'name' | 'condition'> & { condition: string },
) {
  let wanted: Filter;
  try {
    wanted = parse(condition);
  } catch {
    throw new ScimError(400, `"${condition.slice(0, 100)}" is no filter.`, 'invalidFilter');
  }
  const isMeant = matcher(wanted);
  if (verb === 'remove') {
    if (sub === undefined) return items.filter((item) => !isMeant(item));
    return items.map((item) => (isMeant(item) ? { ...item, [sub]: undefined } : item));
  }
  const change = sub === undefined ? itemOf(value) : { [sub]: value };
  if (items.some((item) => isMeant(item))) return items.map((item) => (isMeant(item) ? { ...item, ...change } : item));
  // What is not there yet is made as the filter describes it: emails[type eq "work"].value.
  if (wanted.op !== 'eq') throw new ScimError(400, 'Nothing fulfils the filter of the path.', 'noTarget');
  return [...items, { [wanted.attrPath]: wanted.compValue, ...change }];
}
