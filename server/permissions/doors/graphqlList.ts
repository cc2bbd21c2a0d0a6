import { apiName, OBJECTS } from '../objects.ts';
import type { ObjectPlan } from '../objects.ts';
import { visibleCells } from '../model.ts';
import { codeOf, nodesOf } from '../setting.ts';
import type { Door, Setting } from '../setting.ts';
import { recordsOf } from '../data.ts';
import type { Caller } from '../data.ts';

/** Lists with all that the caller reads, and each field that the caller does not, asked for by itself. */
export const graphqlList: Door = {
  name: 'GraphQL list',
  ask: async (setting) => {
    for (const caller of setting.world.callers) for (const object of OBJECTS) await list(setting, caller, object);
  },
};

async function list({ model, world, checks, graphql }: Setting, caller: Caller, object: ObjectPlan): Promise<void> {
  const { name, plural } = object;
  const what = `${caller.name} lists ${plural}`;
  const visible = model.records(caller, 'READ', name);
  const columns = model.readableFields(caller, object).flatMap((field) => field.columns);
  const shown = columns.filter((column) => column !== 'search_vector').map(apiName);
  const mayRead = model.may(caller, 'READ', name);
  const fields = mayRead ? shown.join(' ') : 'id';
  const answer = await graphql(caller, `{ ${plural} { totalCount nodes { ${fields} } } }`);
  checks.same(mayRead ? null : 'FORBIDDEN', codeOf(answer), () => what);
  const rows = new Map(nodesOf<{ id: string }>(answer).map((node) => [node.id, node as Record<string, unknown>]));
  const all = recordsOf(world, name);
  checks.members(
    all.map(({ id }) => id),
    new Set(visible.map(({ id }) => id)),
    new Set(rows.keys()),
    (id) => `${what} ${id}`,
  );
  if (!mayRead) return;
  const count = (answer.data?.[plural] as { totalCount: number } | null)?.totalCount;
  checks.same(visible.length, count, () => `${what}, counted`);
  for (const record of visible) {
    const node = rows.get(record.id) ?? {};
    const byColumn = Object.fromEntries(columns.map((column) => [column, node[apiName(column)]]));
    checks.cells(visibleCells(model, caller, record), byColumn, () => `${what} ${record.id}`);
  }
  for (const column of model.hiddenFields(caller, object).flatMap((field) => field.columns)) {
    if (column === 'search_vector') continue;
    const refused = await graphql(caller, `{ ${plural} { nodes { id ${apiName(column)} } } }`);
    checks.same('FORBIDDEN', codeOf(refused), () => `${what} with ${column}`);
    checks.same([], nodesOf(refused), () => `${what} with ${column}, beside the refusal`);
  }
}
