import type { Comparison, Condition, DataRecord, Operand, Path, World } from './data.ts';
import type { Cell, Kind } from './objects.ts';

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
