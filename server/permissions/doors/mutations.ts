import { apiName, fieldsOf, OBJECTS } from '../objects.ts';
import type { Field, ObjectPlan } from '../objects.ts';
import { codeOf } from '../setting.ts';
import type { Door, Setting } from '../setting.ts';
import type { GraphqlAnswer } from '../../testing/server.ts';
import { recordsOf } from '../data.ts';
import type { Caller, DataRecord } from '../data.ts';

/** Changes over the API: of each field, and of records that may be changed, or seen only, or not even that. Values stay as they are. */
export const mutations: Door = {
  name: 'mutations',
  ask: async (setting) => {
    for (const caller of setting.world.callers)
      for (const object of OBJECTS) {
        if (!setting.model.may(caller, 'READ', object.name)) continue;
        await changeFields(setting, caller, object);
        await changeRecords(setting, caller, object);
        await deleteRecords(setting, caller, object);
      }
  },
};

const update = ({ name, label }: ObjectPlan) =>
  `mutation ($id: UUID!, $patch: ${label}Patch!) { update${label}(input: { id: $id, patch: $patch }) { ${name} { id } } }`;

const patchOf = (field: Field, { cells }: DataRecord) =>
  Object.fromEntries(
    field.columns.map((column) => {
      const value = cells[column] ?? null;
      return [apiName(column), column.endsWith('_micros') && value !== null ? String(value as number) : value];
    }),
  );

async function changeFields({ model, checks, graphql }: Setting, caller: Caller, object: ObjectPlan): Promise<void> {
  const [record] = model.records(caller, 'UPDATE', object.name);
  if (!record) return;
  const writable = model.writableFields(caller, 'UPDATE', object);
  for (const field of fieldsOf(object)) {
    if (!object.fields.includes(field) || ['FORMULA', 'ROLLUP'].includes(field.type)) continue;
    const answer = await graphql(caller, update(object), { id: record.id, patch: patchOf(field, record) });
    const what = `${caller.name} changes ${field.name} of ${object.name} ${record.id}`;
    checks.same(writable.includes(field) ? null : 'FORBIDDEN', codeOf(answer), () => what);
  }
}

async function changeRecords(
  { model, world, checks, random, graphql }: Setting,
  caller: Caller,
  object: ObjectPlan,
): Promise<void> {
  const [field] = model.writableFields(caller, 'UPDATE', object).filter((each) => object.fields.includes(each));
  if (!field) return;
  const reached = new Set(model.records(caller, 'UPDATE', object.name));
  for (const record of random.sample(recordsOf(world, object.name), 8)) {
    const answer = await graphql(caller, update(object), { id: record.id, patch: patchOf(field, record) });
    const what = `${caller.name} changes ${object.name} ${record.id}`;
    const changed = answer.data?.[`update${object.label}`] as Record<string, { id: string } | null> | null | undefined;
    checks.same(reached.has(record) ? record.id : null, changed?.[object.name]?.id ?? null, () => what);
    checks.same(reached.has(record) ? null : 'RECORD_MISSING', codeOf(answer), () => `${what}, refused`);
    checks.same(false, tells(answer, record), () => `${what}, what the refusal tells`);
  }
}

async function deleteRecords(
  { model, world, checks, random, graphql }: Setting,
  caller: Caller,
  { name, label }: ObjectPlan,
): Promise<void> {
  const reached = new Set(model.records(caller, 'DELETE', name));
  const others = recordsOf(world, name).filter((record) => !reached.has(record));
  const refusal = model.may(caller, 'DELETE', name) ? 'RECORD_MISSING' : 'FORBIDDEN';
  // What may be deleted is, in psql, where it is taken back.
  for (const record of random.sample(others, 4)) {
    const answer = await graphql(
      caller,
      `mutation ($id: UUID!) { delete${label}(input: { id: $id }) { ${name} { id } } }`,
      { id: record.id },
    );
    const what = `${caller.name} deletes ${name} ${record.id}`;
    checks.same(refusal, codeOf(answer), () => what);
    checks.same(false, tells(answer, record), () => `${what}, what the refusal tells`);
  }
}

/** Whether a refusal has a word of the record in it. */
const tells = ({ errors }: GraphqlAnswer, { cells }: DataRecord): boolean =>
  errors !== undefined && JSON.stringify(errors).includes((cells['name'] as string).split(' ')[1]!);
