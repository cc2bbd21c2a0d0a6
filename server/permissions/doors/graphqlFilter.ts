import { apiName, objectPlan, OBJECTS } from '../objects.ts';
import type { Cell, ObjectPlan } from '../objects.ts';
import { codeOf, nodesOf } from '../setting.ts';
import type { Door, Setting } from '../setting.ts';
import { recordsOf } from '../data.ts';
import type { Caller, DataRecord } from '../data.ts';

/**
 * Lists that are filtered. By values of records that the caller does not see, to find out whether they are there; by
 * fields that the caller does not read; by fields of related records, and by whether there are any.
 */
export const graphqlFilter: Door = {
  name: 'GraphQL filter',
  ask: async (setting) => {
    for (const caller of setting.world.callers) {
      for (const object of OBJECTS) await byOwnFields(setting, caller, object);
      await byRelated(setting, caller);
    }
  },
};

async function byOwnFields(setting: Setting, caller: Caller, object: ObjectPlan): Promise<void> {
  const { model, world, random } = setting;
  const { name, plural } = object;
  if (!model.may(caller, 'READ', name)) return;
  for (const field of object.fields) {
    const [column] = field.columns;
    const { cells } = random.pick(recordsOf(world, name));
    const value = cells[column!]!;
    if (Array.isArray(value)) continue;
    const filter = value === null ? '{ isNull: true }' : `{ equalTo: ${literal(column!, value)} }`;
    await filtered(setting, caller, {
      list: plural,
      filter: `{ ${apiName(column!)}: ${filter} }`,
      isOpen: model.reads(caller, object, field.name),
      holds: (record) => record.cells[column!] === value,
    });
    if (model.reads(caller, object, field.name)) continue;
    // Nor may it be asked in a way that is always, or never, true.
    for (const attempt of [
      `{ not: { ${apiName(column!)}: { isNull: true } } }`,
      `{ or: [{ id: { isNull: false } }, { ${apiName(column!)}: { isNull: true } }] }`,
    ])
      await filtered(setting, caller, { list: plural, filter: attempt, isOpen: false, holds: () => false });
  }
}

async function byRelated(setting: Setting, caller: Caller): Promise<void> {
  const { model, world, random } = setting;
  const [client, job, zone] = [objectPlan('client'), objectPlan('job'), objectPlan('zone')];
  const seen = (id: Cell | undefined) => {
    const record = typeof id === 'string' ? world.byId.get(id) : undefined;
    return record && model.sees(caller, record) ? record : undefined;
  };
  const jobsOf = ({ id }: DataRecord) =>
    model.records(caller, 'READ', 'job').filter(({ cells }) => cells['client_id'] === id);
  const may = (...fields: [ObjectPlan, string][]) =>
    fields.every(([object, name]) => model.reads(caller, object, name));

  const someClient = random.pick(recordsOf(world, 'client')).cells;
  for (const name of ['name', 'memo', 'status'] as const) {
    const value = someClient[name];
    if (typeof value !== 'string') continue;
    await filtered(setting, caller, {
      list: 'jobs',
      filter: `{ client: { ${name}: { equalTo: ${JSON.stringify(value)} } } }`,
      isOpen: may([job, 'client'], [client, name]),
      holds: ({ cells }) => seen(cells['client_id'])?.cells[name] === value,
    });
  }
  await filtered(setting, caller, {
    list: 'jobs',
    filter: '{ clientExists: false }',
    isOpen: may([job, 'client']) && model.may(caller, 'READ', 'client'),
    holds: ({ cells }) => !seen(cells['client_id']),
  });
  await filtered(setting, caller, {
    list: 'jobs',
    filter: '{ client: { zone: { tier: { equalTo: "TOP" } } } }',
    isOpen: may([job, 'client'], [client, 'zone'], [zone, 'tier']),
    holds: ({ cells }) => seen(seen(cells['client_id'])?.cells['zone_id'])?.cells['tier'] === 'TOP',
  });
  for (const [quantifier, isFulfilled] of [
    ['some', (jobs: readonly DataRecord[]) => jobs.some(({ cells }) => cells['state'] === 'BUSY')],
    ['none', (jobs: readonly DataRecord[]) => !jobs.some(({ cells }) => cells['state'] === 'BUSY')],
  ] as const)
    await filtered(setting, caller, {
      list: 'clients',
      filter: `{ jobs: { ${quantifier}: { state: { equalTo: "BUSY" } } } }`,
      isOpen: may([job, 'client'], [job, 'state']),
      holds: (record) => isFulfilled(jobsOf(record)),
    });
  await filtered(setting, caller, {
    list: 'clients',
    filter: '{ jobsExist: false }',
    isOpen: may([job, 'client']),
    holds: (record) => jobsOf(record).length === 0,
  });
  await filtered(setting, caller, {
    list: 'clients',
    filter: '{ stickers: { some: { colour: { equalTo: "RED" } } } }',
    isOpen: model.mayLink(caller, 'READ') && may([objectPlan('sticker'), 'colour']),
    holds: (record) => model.linked(caller, record).some(({ cells }) => cells['colour'] === 'RED'),
  });
}

interface Filtered {
  readonly list: string;
  readonly filter: string;
  /** Whether the caller may read all that the filter compares. */
  readonly isOpen: boolean;
  readonly holds: (record: DataRecord) => boolean;
}

async function filtered(setting: Setting, caller: Caller, { list, filter, isOpen, holds }: Filtered): Promise<void> {
  const { model, world, checks, graphql } = setting;
  const { name } = OBJECTS.find(({ plural }) => plural === list)!;
  const what = `${caller.name}: ${list} with ${filter}`;
  const answer = await graphql(caller, `{ ${list}(filter: ${filter}) { totalCount nodes { id } } }`);
  const mayList = isOpen && model.may(caller, 'READ', name);
  checks.same(mayList ? null : 'FORBIDDEN', codeOf(answer), () => what);
  const expected = mayList ? model.records(caller, 'READ', name).filter(holds) : [];
  checks.members(
    recordsOf(world, name).map(({ id }) => id),
    new Set(expected.map(({ id }) => id)),
    new Set(nodesOf<{ id: string }>(answer).map(({ id }) => id)),
    (id) => `${what}, ${id}`,
  );
  const count = (answer.data?.[list] as { totalCount: number } | null)?.totalCount;
  if (mayList) checks.same(expected.length, count, () => `${what}, counted`);
}

/** Whole numbers of eight bytes are texts in GraphQL. */
const literal = (column: string, value: Cell) => JSON.stringify(column.endsWith('_micros') ? String(value) : value);
