import { apiName, isComputed, fieldsOf, OBJECTS } from '../objects.ts';
import type { Cell } from '../objects.ts';
import type { Door } from '../setting.ts';
import { recordsOf } from '../data.ts';
import type { Caller } from '../data.ts';

/** Nobody is the member of a webhook. */
const NOBODY = { id: '00000000-0000-0000-0000-000000000000', name: 'nobody' };

/** What is sent to a webhook of each role when records are made: those that the role sees, with what it reads of them. */
export const webhooks: Door = {
  name: 'webhooks',
  ask: async ({ model, world, checks, admin, workspaceId, schema }) => {
    for (const { role } of world.callers) {
      const caller: Caller = { name: `webhook of ${role.name}`, role, member: NOBODY };
      const { rows } = await admin.query<{ id: string }>(
        `insert into metadata.webhooks (workspace_id, target_url, role_id, is_active) values ($1, 'http://127.0.0.1:9/', $2, true) returning id`,
        [workspaceId, role.id],
      );
      const hook = rows[0]!.id;
      for (const object of OBJECTS) {
        const { name } = object;
        const what = `${caller.name} hears of ${object.plural}`;
        const answer = await admin.query<Payload>(
          `select p.record_id as id, p.body::jsonb #> '{data,after}' as after, p.body::jsonb #> '{data,record}' as record
           from (
             select array_agg(e.batch) as batches, array_agg(e.seq) as seqs from ${schema}.record_events e
             where e.batch = (select min(c.batch) from ${schema}.record_events c join metadata.objects o on o.id = c.object_id
               where o.name_singular = $2 and c.action = 'created')
           ) k
           cross join lateral engine.webhook_payloads($1, k.batches, k.seqs) p`,
          [hook, name],
        );
        const told = new Map(answer.rows.map((payload) => [payload.id, payload]));
        const trash = world.trash.filter((record) => record.object === name);
        const expected = [...model.records(caller, 'READ', name), ...model.trash(caller, 'READ', name)];
        checks.members(
          [...recordsOf(world, name), ...trash].map(({ id }) => id),
          new Set(expected.map(({ id }) => id)),
          new Set(told.keys()),
          (id) => `${what}, ${id}`,
        );
        const readable = new Set(model.readableFields(caller, object).flatMap((field) => field.columns.map(apiName)));
        const computed = new Set(
          fieldsOf(object)
            .filter(isComputed)
            .flatMap((field) => field.columns.map(apiName)),
        );
        for (const record of expected) {
          const { after, record: whole } = told.get(record.id) ?? { after: {}, record: {} };
          const created = Object.entries({ ...record.cells, ...record.before }).map(
            ([column, cell]): [string, Cell] => [apiName(column), cell],
          );
          const known = created.filter(([column]) => readable.has(column) && !computed.has(column));
          checks.cells(Object.fromEntries(known), after, () => `${what}, ${record.id}`);
          for (const column of [...Object.keys(after), ...Object.keys(whole)])
            checks.same(true, readable.has(column), () => `${what}, ${record.id} tells ${column}`);
        }
      }
      await admin.query('delete from metadata.webhooks where id = $1', [hook]);
    }
  },
};

interface Payload {
  readonly id: string;
  readonly after: Record<string, unknown>;
  readonly record: Record<string, unknown>;
}
