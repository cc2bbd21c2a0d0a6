import { holds } from './condition.ts';
import { fieldOf, fieldsOf, isComputed, isSystemField, objectPlan } from './objects.ts';
import type { Cell, Field, ObjectPlan } from './objects.ts';
import type { Action, Caller, DataRecord, Role, World } from './data.ts';

/**
 * The plain model of the rules: what docs/decisions/0014-roles.md says, evaluated over the plain data of a world. It asks
 * the database nothing. A role that includes others may do what any of them may; rights, records and fields add up
 * each by itself.
 */
export class Model {
  readonly world: World;
  readonly #remembered = new Map<string, unknown>();

  constructor(world: World) {
    this.world = world;
  }

  /** Whether the caller has a right on an object. Who destroys, deletes. */
  may(caller: Caller, action: Action, object: string): boolean {
    return rolesOf(caller.role).some((role) => mayAlone(role, action, object));
  }

  hasFlag(caller: Caller, flag: string): boolean {
    return rolesOf(caller.role).some(({ flags }) => flags.includes(flag));
  }

  /** The fields of an object that the caller reads, of all its records that the caller sees. */
  readableFields(caller: Caller, object: ObjectPlan): readonly Field[] {
    return this.#once(`readable ${caller.name} ${object.name}`, () => {
      const roles = rolesOf(caller.role).filter((role) => mayAlone(role, 'READ', object.name));
      return fieldsOf(object).filter((field) => roles.some((role) => !isHidden(role, object, field)));
    });
  }

  hiddenFields(caller: Caller, object: ObjectPlan): readonly Field[] {
    const readable = this.readableFields(caller, object);
    return fieldsOf(object).filter((field) => !readable.includes(field));
  }

  reads(caller: Caller, object: ObjectPlan, name: string): boolean {
    return this.readableFields(caller, object).some((field) => field.name === name);
  }

  /** The fields that the caller may give a value, in a new record or in one that is there. */
  writableFields(caller: Caller, action: 'CREATE' | 'UPDATE', object: ObjectPlan): readonly Field[] {
    const roles = rolesOf(caller.role).filter((role) => mayAlone(role, action, object.name));
    return fieldsOf(object).filter((field) => {
      const isKept =
        isSystemField(field) && !(field.name === 'position' || (field.name === 'id' && action === 'CREATE'));
      return !isKept && !isComputed(field) && roles.some((role) => !isProtected(role, object, field));
    });
  }

  /** The records of an object that the caller reads, changes, deletes or destroys. Whoever does anything, reads. */
  records(caller: Caller, action: Exclude<Action, 'CREATE'>, object: string): readonly DataRecord[] {
    return this.#once(`${action} ${caller.name} ${object}`, () =>
      this.world.records.filter((record) => record.object === object && this.#reaches(caller, action, record)),
    );
  }

  sees(caller: Caller, record: DataRecord): boolean {
    return this.records(caller, 'READ', record.object).includes(record);
  }

  /** Whether the caller may have a record become what `changed` says: what one changes must stay within one's reach. */
  mayBecome(caller: Caller, changed: DataRecord): boolean {
    return this.#reaches(caller, 'UPDATE', changed);
  }

  /** The same of what lies in the trash, where nothing is shared any more that was not before. */
  trash(caller: Caller, action: 'READ' | 'DELETE' | 'DESTROY', object: string): readonly DataRecord[] {
    return this.world.trash.filter((record) => record.object === object && this.#reaches(caller, action, record));
  }

  /** What a command reaches that names no record and reads nothing, such as `update … set x = 1`. */
  reachedBlindly(caller: Caller, action: 'UPDATE' | 'DELETE', object: string): number {
    return this.world.records.filter((record) => record.object === object && this.#allows(caller, action, record))
      .length;
  }

  /** Whether the caller reads every record of an object. */
  seesAll(caller: Caller, object: string): boolean {
    return rolesOf(caller.role).some((role) => mayAlone(role, 'READ', object) && !isLimited(role, object));
  }

  /** Whether there is one role that shows the caller every record and every field. */
  readsWholly(caller: Caller, object: ObjectPlan): boolean {
    return rolesOf(caller.role).some(
      (role) =>
        mayAlone(role, 'READ', object.name) &&
        !isLimited(role, object.name) &&
        fieldsOf(object).every((field) => !isHidden(role, object, field)),
    );
  }

  /** Links are read by who reads both sides, and made and undone by who changes one of them besides. */
  mayLink(caller: Caller, action: 'READ' | 'CREATE' | 'DELETE'): boolean {
    return rolesOf(caller.role).some(
      (role) =>
        ['client', 'sticker'].every((side) => mayAlone(role, 'READ', side)) &&
        (action === 'READ' || ['client', 'sticker'].some((side) => mayAlone(role, 'UPDATE', side))),
    );
  }

  /** The stickers of a client that the caller sees, and the other way round. */
  linked(caller: Caller, record: DataRecord): readonly DataRecord[] {
    const other = record.object === 'client' ? 'sticker' : 'client';
    if (!this.mayLink(caller, 'READ') || !this.sees(caller, record)) return [];
    const ids = this.world.links
      .filter((link) => link[record.object as 'client'] === record.id)
      .map((link) => link[other]);
    return this.records(caller, 'READ', other).filter(({ id }) => ids.includes(id));
  }

  #reaches(caller: Caller, action: Exclude<Action, 'CREATE'>, record: DataRecord): boolean {
    return this.#allows(caller, 'READ', record) && this.#allows(caller, action, record);
  }

  #allows(caller: Caller, action: Exclude<Action, 'CREATE'>, record: DataRecord): boolean {
    return rolesOf(caller.role).some(
      (role) => mayAlone(role, action, record.object) && this.#opens(role, caller, action, record),
    );
  }

  /** Whether the rules of one role open a record, or a share does beside them. */
  #opens(role: Role, caller: Caller, action: Exclude<Action, 'CREATE'>, record: DataRecord): boolean {
    const member = caller.member?.id ?? null;
    const named = action === 'DESTROY' ? 'DELETE' : action;
    const rules = role.rules.filter(
      (rule) => rule.object === record.object && (rule.action === 'READ' || rule.action === named),
    );
    const isOwn = !isPrivate(record.object) || (member !== null && record.cells['created_by_member_id'] === member);
    if (isOwn && rules.every(({ condition }) => holds(condition, record, this.world, member))) return true;
    if (action !== 'READ' && action !== 'UPDATE') return false;
    return this.world.shares.some(
      ({ record: id, access, kind, to }) =>
        id === record.id &&
        (action === 'READ' || access === 'WRITE') &&
        (kind === 'ROLE'
          ? rolesOf(caller.role).includes(to as Role)
          : kind === 'MEMBER'
            ? to === caller.member
            : this.world.teams.some((team) => team === to && team.members.some(({ id: of }) => of === member))),
    );
  }

  #once<T>(key: string, find: () => T): T {
    if (!this.#remembered.has(key)) this.#remembered.set(key, find());
    return this.#remembered.get(key) as T;
  }
}

/** A role with all that it includes. */
export function rolesOf(role: Role): readonly Role[] {
  return [...new Set([role, ...role.includes.flatMap(rolesOf)])];
}

/** What one role may, without what it includes. */
function mayAlone(role: Role, action: Action, object: string): boolean {
  const right = (name: Action) => role.objects.get(object)?.rights[name] ?? role.defaults[name];
  return right(action) && (action !== 'DESTROY' || right('DELETE'));
}

const isPrivate = (object: string) => objectPlan(object).isPrivate === true;

/** Whether a role sees some records of an object only. */
const isLimited = (role: Role, object: string) =>
  isPrivate(object) || role.rules.some((rule) => rule.object === object && rule.action === 'READ');

/** Whether a role may not read a field of an object that it reads. */
function isHidden(role: Role, object: ObjectPlan, field: Field): boolean {
  if (field.name === 'id') return false;
  const named = role.fields.get(`${object.name}.${field.name}`)?.read ?? null;
  if (named !== null) return !named;
  if (isAllowList(role, object) && !isSystemField(field)) return true;
  // What is computed shows what it is made of.
  return sourcesOf(object, field).some(([other, source]) => {
    const isFar = other.name !== object.name;
    return (
      isHidden(role, other, source) || (isFar && (!mayAlone(role, 'READ', other.name) || isLimited(role, other.name)))
    );
  });
}

/** Whether a role may not write a field of an object whose records it writes. */
function isProtected(role: Role, object: ObjectPlan, field: Field): boolean {
  if (field.name === 'id') return false;
  const named = role.fields.get(`${object.name}.${field.name}`);
  if (named && named.update !== null) return !named.update;
  if (isAllowList(role, object) && !isSystemField(field)) return true;
  return named?.read === false;
}

const isAllowList = (role: Role, object: ObjectPlan) => role.objects.get(object.name)?.mode === 'ONLY';

function sourcesOf(object: ObjectPlan, field: Field): (readonly [ObjectPlan, Field])[] {
  if (field.type === 'TS_VECTOR')
    return object.fields.filter(({ name, isSearchable }) => name === 'name' || isSearchable).map((of) => [object, of]);
  return (field.madeOf ?? []).map((source) => {
    const [of, name] = source.split('.') as [string, string];
    return [objectPlan(of), fieldOf(objectPlan(of), name)] as const;
  });
}

/** The values that the caller sees of a record, by column. */
export function visibleCells(model: Model, caller: Caller, record: DataRecord): Record<string, Cell> {
  const columns = model.readableFields(caller, objectPlan(record.object)).flatMap((field) => field.columns);
  return Object.fromEntries(columns.filter((name) => name in record.cells).map((name) => [name, record.cells[name]!]));
}
