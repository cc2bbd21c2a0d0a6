import { objectPlan } from './objects.ts';
import type { Cell, Kind, ObjectPlan } from './objects.ts';
import type { Random } from './random.ts';
import { recordsOf } from './world.ts';
import type { DataRecord, World } from './world.ts';

/**
 * A record rule as data. It is written out as a formula for the product, and judged here in the plainest way: a
 * comparison is true or false, also where there is no value.
 */
export type Condition =
  | { readonly op: 'and' | 'or'; readonly parts: readonly Condition[] }
  | { readonly op: 'not'; readonly part: Condition }
  | { readonly op: 'always' | 'never' }
  | { readonly op: Comparison; readonly path: Path; readonly to: Operand }
  | { readonly op: 'in'; readonly path: Path; readonly values: readonly (string | number)[] }
  | { readonly op: 'isEmpty' | 'isNull' | 'isTrue'; readonly path: Path }
  | { readonly op: 'myTeam' | 'below'; readonly path: Path };

type Comparison = '=' | '!=' | '<' | '<=' | '>' | '>=';
type Operand = { readonly constant: string | number | boolean } | { readonly day: string } | 'currentMember' | 'today';

/** A field of the record itself, or at the end of one or two relations. */
interface Path {
  readonly relations: readonly string[];
  /** The object whose field it is. */
  readonly object: string;
  /** As a formula names it. */
  readonly name: string;
  readonly column: string;
  readonly kind: Kind;
}

export function conditionText(condition: Condition): string {
  switch (condition.op) {
    case 'and':
    case 'or':
      return `(${condition.parts.map(conditionText).join(` ${condition.op} `)})`;
    case 'not':
      return `not (${conditionText(condition.part)})`;
    case 'always':
      return 'true';
    case 'never':
      return 'false';
    case 'in':
      return `${pathText(condition.path)} in (${condition.values.map((value) => JSON.stringify(value)).join(', ')})`;
    case 'isEmpty':
      return `isEmpty(${pathText(condition.path)})`;
    case 'isNull':
      return `${pathText(condition.path)} = null`;
    case 'isTrue':
      return pathText(condition.path);
    case 'myTeam':
    case 'below':
      return `${pathText(condition.path)} in ${condition.op}()`;
    default:
      return `${pathText(condition.path)} ${condition.op} ${operandText(condition.to)}`;
  }
}

const pathText = ({ relations, name }: Path) => [...relations, name].join('.');

function operandText(operand: Operand): string {
  if (typeof operand === 'string') return `${operand}()`;
  return 'day' in operand ? `date("${operand.day}")` : JSON.stringify(operand.constant);
}

/** Whether a record fulfils a condition for a member; null for who is no member. */
export function holds(condition: Condition, record: DataRecord, world: World, member: string | null): boolean {
  return truth(condition, record, world, member) === true;
}

/** Null is neither: what compares with the member of a caller that is none can be turned to nothing by "not". */
function truth(condition: Condition, record: DataRecord, world: World, member: string | null): boolean | null {
  switch (condition.op) {
    case 'and':
    case 'or': {
      const parts = condition.parts.map((part) => truth(part, record, world, member));
      const decisive = condition.op === 'or';
      if (parts.includes(decisive)) return decisive;
      return parts.includes(null) ? null : !decisive;
    }
    case 'not': {
      const part = truth(condition.part, record, world, member);
      return part === null ? null : !part;
    }
    case 'always':
      return true;
    case 'never':
      return false;
    default:
      break;
  }
  const value = valueAt(condition.path, record, world);
  switch (condition.op) {
    case 'in':
      return value !== null && condition.values.includes(value as string | number);
    case 'isEmpty':
      return value === null || value === '';
    case 'isNull':
      return value === null;
    case 'isTrue':
      return value === true;
    case 'myTeam':
      return value !== null && teamOf(world, member).has(value as string);
    case 'below':
      return value !== null && membersBelow(world, member).has(value as string);
    default:
      if (condition.to === 'currentMember' && member === null && value !== null) return null;
      return compare(condition.op, value, comparable(condition.to, condition.path.kind, member));
  }
}

function valueAt({ relations, column, kind }: Path, record: DataRecord, world: World): Cell {
  let at: DataRecord | undefined = record;
  for (const name of relations) {
    const id: Cell | undefined = at?.cells[`${name}_id`];
    at = typeof id === 'string' ? world.byId.get(id) : undefined;
  }
  const value = at?.cells[column] ?? null;
  if (value === null) return null;
  if (kind === 'money') return (value as number) / 1_000_000;
  return kind === 'time' ? Date.parse(value as string) : value;
}

function comparable(operand: Operand, kind: Kind, member: string | null): Cell {
  if (operand === 'currentMember') return member;
  if (typeof operand === 'object' && 'constant' in operand) return operand.constant;
  const day = operand === 'today' ? new Date().toISOString().slice(0, 10) : operand.day;
  return kind === 'time' ? Date.parse(`${day}T00:00:00Z`) : day;
}

function compare(op: Comparison, a: Cell, b: Cell): boolean {
  if (a === null || b === null) return op === '!=';
  switch (op) {
    case '=':
      return a === b;
    case '!=':
      return a !== b;
    case '<':
      return a < b;
    case '<=':
      return a <= b;
    case '>':
      return a > b;
    case '>=':
      return a >= b;
  }
}

/** A member, and the members of the teams that the member is in. */
function teamOf(world: World, member: string | null): Set<string> {
  if (member === null) return new Set();
  const mine = world.teams.filter(({ members }) => members.some(({ id }) => id === member));
  return new Set([member, ...mine.flatMap(({ members }) => members.map(({ id }) => id))]);
}

/** A member, and the members of the teams that the member leads and of all beneath them. */
function membersBelow(world: World, member: string | null): Set<string> {
  if (member === null) return new Set();
  const teams = world.teams.filter(({ members }) => members.some(({ id, isLead }) => id === member && isLead));
  for (let i = 0; i < teams.length; i += 1)
    teams.push(...world.teams.filter((team) => team.parent === teams[i] && !teams.includes(team)));
  return new Set([member, ...teams.flatMap(({ members }) => members.map(({ id }) => id))]);
}

/** A rule of some depth over any of the fields that rules may compare. */
export function randomCondition(random: Random, object: ObjectPlan, world: World, depth = 2): Condition {
  if (depth > 0 && random.chance(0.6)) {
    if (random.chance(0.2)) return { op: 'not', part: randomCondition(random, object, world, depth - 1) };
    const parts = Array.from({ length: 2 + random.below(2) }, () => randomCondition(random, object, world, depth - 1));
    return { op: random.chance(0.65) ? 'or' : 'and', parts };
  }
  if (random.chance(0.03)) return { op: random.chance(0.5) ? 'always' : 'never' };
  return randomAtom(random, randomPath(random, object), world);
}

function randomPath(random: Random, object: ObjectPlan): Path {
  const relations: string[] = [];
  let at = object;
  for (;;) {
    if (random.chance(0.1) && relations.length === 0)
      return { relations, object: at.name, name: 'createdBy.memberId', column: 'created_by_member_id', kind: 'member' };
    const field = random.pick(at.fields.filter(({ kind }) => kind !== 'none'));
    if (field.kind === 'record' && relations.length < 2) {
      relations.push(field.name);
      at = objectPlan(field.target!);
    } else if (field.kind !== 'record') {
      return { relations, object: at.name, name: field.name, column: field.columns[0]!, kind: field.kind };
    }
  }
}

function randomAtom(random: Random, path: Path, world: World): Condition {
  const order = () => random.pick<Comparison>(['<', '<=', '>', '>=']);
  const equality = () => random.pick<Comparison>(['=', '!=']);
  if (random.chance(0.08)) return { op: path.kind === 'text' ? 'isEmpty' : 'isNull', path };
  switch (path.kind) {
    case 'boolean':
      return random.chance(0.5) ? { op: 'isTrue', path } : { op: equality(), path, to: { constant: true } };
    case 'member':
      if (random.chance(0.5)) return { op: random.pick(['myTeam', 'below'] as const), path };
      return { op: equality(), path, to: 'currentMember' };
    case 'date':
    case 'time':
      return {
        op: order(),
        path,
        to: random.chance(0.5) ? 'today' : { day: random.pick(['2011-11-11', '2015-01-01']) },
      };
    case 'money':
      return { op: random.chance(0.5) ? order() : equality(), path, to: { constant: random.below(12) } };
    default: {
      const values = valuesOf(path, world);
      if (random.chance(0.3)) return { op: 'in', path, values: random.sample(values, 3) };
      const op = path.kind === 'number' && random.chance(0.6) ? order() : equality();
      return { op, path, to: { constant: random.pick(values) } };
    }
  }
}

/** What stands in a column of some records, so that rules are true of some. */
function valuesOf({ object, column }: Path, world: World): (string | number)[] {
  const values = recordsOf(world, object).map(({ cells }) => cells[column]);
  return [...new Set(values.filter((value) => typeof value === 'string' || typeof value === 'number'))].filter(
    (value) => value !== '',
  );
}
