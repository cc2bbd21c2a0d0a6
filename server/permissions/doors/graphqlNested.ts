import { objectPlan, OBJECTS } from '../objects.ts';
import { codeOf, nodesOf } from '../setting.ts';
import type { Door, Setting } from '../setting.ts';
import type { Caller } from '../data.ts';

/** From records to those that they point to, and to those that point to them. */
export const graphqlNested: Door = {
  name: 'GraphQL relations',
  ask: async (setting) => {
    for (const caller of setting.world.callers) {
      for (const object of OBJECTS)
        for (const { name, kind, target } of object.fields)
          if (kind === 'record') {
            await toOne(setting, caller, object.name, name, target!);
            await toMany(setting, caller, target!, object.name, name);
          }
      for (const [from, to] of [
        ['client', 'sticker'],
        ['sticker', 'client'],
      ] as const)
        await toLinked(setting, caller, from, to);
    }
  },
};

async function toOne(
  { model, world, checks, graphql }: Setting,
  caller: Caller,
  from: string,
  field: string,
  to: string,
) {
  const { plural } = objectPlan(from);
  const what = `${caller.name} follows ${field} of ${plural}`;
  const answer = await graphql(caller, `{ ${plural} { nodes { id ${field} { id } } } }`);
  const isOpen = model.reads(caller, objectPlan(from), field) && model.may(caller, 'READ', to);
  const nodes = new Map(nodesOf<Linked>(answer).map((node) => [node.id, node]));
  checks.same(isOpen ? null : 'FORBIDDEN', codeOf(answer), () => what);
  for (const record of model.records(caller, 'READ', from)) {
    const id = record.cells[`${field}_id`];
    const target = typeof id === 'string' ? world.byId.get(id) : undefined;
    const expected = isOpen && target && model.sees(caller, target) ? target.id : null;
    const found = nodes.get(record.id)?.[field] as { id: string } | null | undefined;
    checks.same(expected, found?.id ?? null, () => `${what}, ${record.id}`);
  }
}

async function toMany({ model, checks, graphql }: Setting, caller: Caller, from: string, to: string, field: string) {
  const { plural } = objectPlan(from);
  const back = field === 'parent' ? 'children' : objectPlan(to).plural;
  const what = `${caller.name} lists ${back} of ${plural}`;
  const answer = await graphql(caller, `{ ${plural} { nodes { id ${back} { totalCount nodes { id } } } } }`);
  const isOpen = model.may(caller, 'READ', from) && model.reads(caller, objectPlan(to), field);
  checks.same(isOpen ? null : 'FORBIDDEN', codeOf(answer), () => what);
  const nodes = new Map(nodesOf<Linked>(answer).map((node) => [node.id, node]));
  for (const record of model.records(caller, 'READ', from)) {
    const pointing = model.records(caller, 'READ', to).filter(({ cells }) => cells[`${field}_id`] === record.id);
    compare(checks, isOpen ? pointing : [], nodes.get(record.id)?.[back], `${what}, ${record.id}`);
  }
}

async function toLinked({ model, checks, graphql }: Setting, caller: Caller, from: string, to: string) {
  const [{ plural }, { plural: others }] = [objectPlan(from), objectPlan(to)];
  const what = `${caller.name} lists ${others} of ${plural}`;
  const answer = await graphql(caller, `{ ${plural} { nodes { id ${others} { totalCount nodes { id } } } } }`);
  const isOpen = model.mayLink(caller, 'READ');
  checks.same(isOpen ? null : 'FORBIDDEN', codeOf(answer), () => what);
  const nodes = new Map(nodesOf<Linked>(answer).map((node) => [node.id, node]));
  for (const record of model.records(caller, 'READ', from))
    compare(checks, model.linked(caller, record), nodes.get(record.id)?.[others], `${what}, ${record.id}`);
}

interface Linked extends Record<string, unknown> {
  id: string;
}

function compare(
  checks: Setting['checks'],
  expected: readonly { id: string }[],
  answered: unknown,
  what: string,
): void {
  const list = answered as { totalCount: number; nodes: { id: string }[] } | null | undefined;
  const ids = (records: readonly { id: string }[]) => records.map(({ id }) => id).sort();
  checks.same(ids(expected), ids(list?.nodes ?? []), () => what);
  checks.same(expected.length, list?.totalCount ?? 0, () => `${what}, counted`);
}
