import { upperCamelCase } from 'postgraphile/graphile-build';

/** An API name that has been replaced: of an object where `object` is absent, else of a field of it. */
export interface FormerName {
  readonly former: string;
  readonly present: string;
  /** The present singular of the object that has the field. */
  readonly object?: string | undefined;
}

interface Replacement {
  readonly former: string;
  readonly present: string;
}

/** Several objects of one long name may have been renamed; more combinations than this nobody writes. */
const MAX_CANDIDATES = 100;

/**
 * The former names of one workspace's objects and fields, and what they are now. An object's name is a
 * part of others (createPerson, PersonInput, targetPersonId) and a field's is their beginning
 * (nameFirstName, companyId, COMPANY_ID_ASC), so a name is tried with each part replaced, and counts
 * only when the schema has the result.
 */
export class FormerNames {
  readonly isEmpty: boolean;
  readonly #objects: readonly Replacement[];
  /** By the name of a GraphQL type that shows the fields of an object. */
  readonly #fields = new Map<string, Replacement[]>();

  constructor(names: readonly FormerName[]) {
    this.isEmpty = names.length === 0;
    // The longest first: of taskItem and task, taskItemId means the former.
    const byLength = names.toSorted((a, b) => b.former.length - a.former.length);
    this.#objects = byLength.filter(({ object }) => object === undefined);
    for (const name of byLength) {
      if (name.object === undefined) continue;
      const type = upperCamelCase(name.object);
      for (const suffix of ['', 'Input', 'Patch', 'Filter', 'OrderBy']) {
        const fields = this.#fields.get(type + suffix) ?? [];
        this.#fields.set(type + suffix, fields);
        fields.push(name);
      }
    }
  }

  /** The present name of a type. */
  type(name: string, exists: (name: string) => boolean): string | undefined {
    return firstExisting(this.#withObjects([name]), exists);
  }

  /** The present name of a field of a type, for output or input. */
  field(typeName: string, name: string, exists: (name: string) => boolean): string | undefined {
    return firstExisting(this.#withObjects(this.#withFields(typeName, name)), exists);
  }

  /** The present name of a value of an enum, such as an order. Its words are compared without underscores. */
  enumValue(typeName: string, name: string, values: readonly string[]): string | undefined {
    const bare = bareWords(name);
    const candidates = [bare];
    for (const { former, present } of this.#fields.get(typeName) ?? []) {
      const start = bareWords(former);
      if (bare.startsWith(start)) candidates.push(bareWords(present) + bare.slice(start.length));
    }
    for (const { former, present } of this.#objects) {
      const [word, other] = [bareWords(former), bareWords(present)];
      const replaced = (candidate: string) =>
        occurrences(candidate, word).map((at) => candidate.slice(0, at) + other + candidate.slice(at + word.length));
      candidates.push(...candidates.flatMap(replaced));
      if (candidates.length > MAX_CANDIDATES) break;
    }
    const possible = new Set(candidates.slice(1));
    return values.find((value) => possible.has(bareWords(value)));
  }

  #withFields(typeName: string, name: string): string[] {
    const found = [name];
    for (const { former, present } of this.#fields.get(typeName) ?? []) {
      if (name.startsWith(former) && isWordEnd(name, former.length)) found.push(present + name.slice(former.length));
    }
    return found;
  }

  /** The names and, after them, each with one or more of its parts that are former names of objects replaced. */
  #withObjects(names: readonly string[]): string[] {
    const found = [...names];
    for (const { former, present } of this.#objects) {
      found.push(...found.flatMap((name) => replaceWord(name, former, present)));
      if (found.length > MAX_CANDIDATES) break;
    }
    return found;
  }
}

function firstExisting(candidates: readonly string[], exists: (name: string) => boolean): string | undefined {
  return candidates.slice(1).find(exists);
}

/** A name with `former` replaced, at the beginning or behind other words, once for each place. */
function replaceWord(name: string, former: string, present: string): string[] {
  const found: string[] = [];
  if (name.startsWith(former) && isWordEnd(name, former.length)) found.push(present + name.slice(former.length));
  const word = upperFirst(former);
  for (const at of occurrences(name, word)) {
    if (isWordEnd(name, at + word.length)) {
      found.push(name.slice(0, at) + upperFirst(present) + name.slice(at + word.length));
    }
  }
  return found;
}

function occurrences(text: string, part: string): number[] {
  const found: number[] = [];
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + 1)) found.push(at);
  return found;
}

/** In camelCase a word ends where no small letter or digit follows. */
function isWordEnd(name: string, at: number): boolean {
  return !/[a-z0-9]/.test(name.charAt(at));
}

function upperFirst(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

function bareWords(name: string): string {
  return name.replaceAll('_', '').toUpperCase();
}
