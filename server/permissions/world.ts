import { conditionText } from './condition.ts';
import { ACTIONS } from './data.ts';
import type { Action, Caller, DataRecord, Member, Role, Share, Team, World } from './data.ts';
import { fieldsOf, isComputed, isSystemField, OBJECTS } from './objects.ts';
import type { Cell, ObjectPlan } from './objects.ts';
import { Random } from './random.ts';
import { randomCondition } from './randomCondition.ts';

const FLAGS = ['IMPORT_CSV', 'EXPORT_CSV'];

export const MEMBERS = ['Olive Owner', 'Ada', 'Bo', 'Cy', 'Dee', 'Eli', 'Fay'];

/** `memberIds`: those of MEMBERS, whom the database knows already. */
export function makeWorld(seed: number, memberIds: readonly string[], scale: number): World {
  const random = new Random(seed);
  const members = MEMBERS.map((name, i) => ({ name, id: memberIds[i]! }));
  const teams = makeTeams(random, members);
  const { records, trash } = makeRecords(random, members, scale);
  const byId = new Map(records.map((record) => [record.id, record]));
  const of = (object: string) => records.filter((record) => record.object === object);
  const links = of('client').flatMap(({ id: client }) =>
    random.some(of('sticker'), 0.15).map(({ id: sticker }) => ({ client, sticker })),
  );
  compute(records, byId);
  const world = { seed, objects: OBJECTS, members, teams, records, trash, byId, links };
  const roles = makeRoles(random, { ...world, roles: [], callers: [], shares: [] });
  const shares = random.sample(records, 40 * scale).map(({ id, object }): Share => {
    const kind = random.pick(['MEMBER', 'TEAM', 'ROLE'] as const);
    const to = random.pick<Member | Team | Role>(kind === 'MEMBER' ? members : kind === 'TEAM' ? teams : roles);
    return { object, record: id, kind, to, access: random.pick(['READ', 'WRITE'] as const) };
  });
  // The owner has Admin, the first role; the roles with the most to them are the last.
  const [admin, ...others] = roles;
  const callers: Caller[] = [
    ...members.map((member, i) => ({ name: member.name, member, role: i === 0 ? admin! : others.at(-i)! })),
    { name: 'key', member: null, role: random.pick(others) },
  ];
  return { ...world, roles, callers, shares };
}

function makeTeams(random: Random, members: readonly Member[]): Team[] {
  const teams: Team[] = [];
  for (const name of ['North', 'South', 'East', 'West']) {
    const parent = random.chance(0.7) ? random.pick([...teams, undefined]) : undefined;
    const chosen = random.some(members, 0.4).map(({ id }) => ({ id, isLead: random.chance(0.5) }));
    teams.push({ id: '', name, parent, members: chosen });
  }
  return teams;
}

function makeRecords(random: Random, members: readonly Member[], scale: number) {
  const records: DataRecord[] = [];
  const trash: DataRecord[] = [];
  for (const object of OBJECTS) {
    const count = object.records * scale;
    for (let number = 0; number < count; number += 1) {
      const cells: Record<string, Cell> = {};
      const creator = random.pick([...members, null]);
      cells['created_by_member_id'] = creator?.id ?? null;
      cells['created_by_name'] = creator?.name ?? 'System';
      for (const field of object.fields) {
        if (isComputed(field)) continue;
        const values = field.target
          ? [random.chance(0.2) ? null : relatedId(random, field.target, records, members)]
          : field.values!(random, number);
        field.columns.forEach((column, i) => (cells[column] = values[i] ?? null));
      }
      const record: DataRecord = { id: random.uuid(), object: object.name, cells };
      cells['id'] = record.id;
      if (random.chance(0.1)) trash.push(record);
      else {
        if (random.chance(0.5)) record.before = formerly(random, object, record);
        records.push(record);
      }
    }
  }
  return { records, trash };
}

/** Relations lead to records that are there: those made before. */
function relatedId(random: Random, target: string, records: readonly DataRecord[], members: readonly Member[]): Cell {
  if (target === 'workspaceMember') return random.pick(members).id;
  const there = records.filter(({ object }) => object === target);
  return there.length === 0 ? null : random.pick(there).id;
}

/** Other values of some plain fields, from which the record was changed to what it is. */
function formerly(random: Random, object: ObjectPlan, record: DataRecord): Record<string, Cell> {
  const before: Record<string, Cell> = {};
  for (const field of random.some(object.fields, 0.3)) {
    if (!field.values || field.isUnique) continue;
    field.values(random, 900 + random.below(99)).forEach((value, i) => {
      const column = field.columns[i]!;
      if (JSON.stringify(value) !== JSON.stringify(record.cells[column])) before[column] = value;
    });
  }
  return before;
}

/** What the database computes, computed here. */
function compute(records: readonly DataRecord[], byId: ReadonlyMap<string, DataRecord>): void {
  for (const { object, cells, id } of records) {
    if (object === 'job') cells['shout'] = (cells['name'] as string).toUpperCase();
    if (object !== 'client') continue;
    const { score, zone_id: zone } = cells;
    cells['grade'] = score === null ? null : (score as number) * 2;
    cells['zone_budget'] = zone === null ? null : byId.get(zone as string)!.cells['budget']!;
    const jobs = records.filter((record) => record.object === 'job' && record.cells['client_id'] === id);
    const hours = jobs.map((job) => job.cells['hours'] as number | null).filter((value) => value !== null);
    cells['job_count'] = jobs.length;
    cells['job_hours'] = hours.reduce((sum, value) => sum + value, 0);
  }
}

function makeRoles(random: Random, world: World): Role[] {
  const all = { READ: true, CREATE: true, UPDATE: true, DELETE: true, DESTROY: true };
  const plain = { id: '', pgRole: '', includes: [], objects: new Map(), fields: new Map(), rules: [] };
  const roles: Role[] = [{ ...plain, name: 'Admin', flags: FLAGS, defaults: all }];
  const rights = (likely: Record<Action, number>) =>
    Object.fromEntries(ACTIONS.map((action) => [action, random.chance(likely[action])])) as Record<Action, boolean>;
  for (let i = 1; i <= 9; i += 1) {
    const objects: [string, { rights: Record<Action, boolean | null>; mode: 'ALL_EXCEPT' | 'ONLY' }][] = [];
    const fields: [string, { read: boolean | null; update: boolean | null }][] = [];
    const rules: Role['rules'][number][] = [];
    for (const object of world.objects) {
      const mode = random.chance(0.2) ? 'ONLY' : 'ALL_EXCEPT';
      if (mode === 'ONLY' || random.chance(0.4)) {
        const given = rights({ READ: 0.85, CREATE: 0.6, UPDATE: 0.6, DELETE: 0.6, DESTROY: 0.5 });
        const some = ACTIONS.map((action) => [action, random.chance(0.3) ? null : given[action]]);
        objects.push([object.name, { rights: Object.fromEntries(some), mode }]);
      }
      for (const field of fieldsOf(object)) {
        const isNamed = random.chance(isSystemField(field) ? 0.04 : mode === 'ONLY' ? 0.5 : 0.13);
        if (!isNamed || field.name === 'id') continue;
        const say = (likely: number) => (random.chance(0.3) ? null : random.chance(likely));
        const rule = { read: say(mode === 'ONLY' ? 0.9 : 0.3), update: say(0.5) };
        fields.push([`${object.name}.${field.name}`, rule]);
      }
      for (const [action, likely] of [
        ['READ', 0.45],
        ['UPDATE', 0.25],
        ['DELETE', 0.25],
      ] as const)
        if (random.chance(likely))
          rules.push({ object: object.name, action, condition: randomCondition(random, object, world) });
    }
    roles.push({
      name: `Role ${i}`,
      flags: random.some(FLAGS, 0.8),
      id: '',
      pgRole: '',
      defaults: rights({ READ: 0.85, CREATE: 0.6, UPDATE: 0.6, DELETE: 0.6, DESTROY: 0.5 }),
      includes: random.some(roles.slice(1), 0.15),
      objects: new Map(objects),
      fields: new Map(fields),
      rules,
    });
  }
  return roles;
}

/** A role in words, for who has to find out why a door and the model disagree. */
export function describeRole(role: Role): string {
  const list = (rights: Readonly<Record<Action, boolean | null>>) =>
    ACTIONS.filter((action) => rights[action] !== null)
      .map((action) => (rights[action] ? action : `no ${action}`))
      .join(', ');
  return [
    `${role.name} (${role.pgRole}): ${list(role.defaults)}`,
    ...role.includes.map(({ name }) => `  includes ${name}`),
    ...[...role.objects].map(([object, { rights, mode }]) => `  ${object}: ${list(rights)}; ${mode}`),
    ...[...role.fields].map(([field, { read, update }]) => `  ${field}: read ${read}, update ${update}`),
    ...role.rules.map(({ object, action, condition }) => `  ${action} ${object}: ${conditionText(condition)}`),
    ...role.includes.map((included) => describeRole(included).replaceAll(/^/gm, '    ')),
  ].join('\n');
}
