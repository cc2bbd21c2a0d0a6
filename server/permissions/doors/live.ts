import { CHANGES, openStream } from '../../testing/live.ts';
import { eventually } from '../../testing/server.ts';
import { recordsOf } from '../data.ts';
import { apiName, OBJECTS } from '../objects.ts';
import { visibleCells } from '../model.ts';
import type { Door } from '../setting.ts';

const WITH_RECORDS = CHANGES.replace('requestId', 'requestId record');

/** Live updates: something happens to every record, and each hears of those that it sees, with the fields that it reads. */
export const live: Door = {
  name: 'live updates',
  ask: async ({ model, world, checks, admin, url, tokenOf, workspaceId, schema }) => {
    const relay = async () => {
      const ask = () => admin.query<{ moved: number }>('select engine.relay_outbox() as moved');
      while ((await ask()).rows[0]!.moved > 0);
    };
    await relay();
    const { rows } = await admin.query<{ after: string }>('select engine.last_position($1) as after', [workspaceId]);
    for (const { name } of OBJECTS) {
      await admin.query(
        `with happened as (
           insert into ${schema}.record_events (batch, seq, object_id, record_id, action, actor_type, source)
           select (select nextval('engine.event_batch')), row_number() over (), o.id, r.id, 'shared', 'system', 'SYSTEM'
           from metadata.objects o, unnest($3::uuid[]) r (id) where o.workspace_id = $1 and o.name_singular = $2
           returning batch, object_id)
         insert into engine.outbox (batch, workspace_id, object_id, action) select distinct batch, $1::uuid, object_id, 'shared' from happened`,
        [workspaceId, name, recordsOf(world, name).map(({ id }) => id)],
      );
    }
    await relay();
    for (const caller of world.callers) {
      const stream = await openStream(`${url}/graphql`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${tokenOf(caller)}`,
          accept: 'text/event-stream',
          'content-type': 'application/json',
        },
        body: JSON.stringify({ query: WITH_RECORDS, variables: { after: rows[0]!.after } }),
      });
      const expected = OBJECTS.flatMap(({ name }) => model.records(caller, 'READ', name));
      await eventually('everything is told', () => stream.events.length >= expected.length);
      // Whatever else is on its way comes now.
      await new Promise((resolve) => setTimeout(resolve, 100));
      stream.close();
      const told = new Map(
        stream.events.map(({ value }) => {
          const { recordChanges } = (value as { data: { recordChanges: Change } }).data;
          return [recordChanges.recordId, recordChanges];
        }),
      );
      checks.members(
        OBJECTS.flatMap(({ name }) => recordsOf(world, name)).map(({ id }) => id),
        new Set(expected.map(({ id }) => id)),
        new Set(told.keys()),
        (id) => `${caller.name} hears of ${id}`,
      );
      for (const object of OBJECTS) {
        const columns = model.readableFields(caller, object).flatMap((field) => field.columns);
        const readable = new Set(columns.map(apiName));
        for (const record of model.records(caller, 'READ', object.name)) {
          const what = () => `${caller.name} hears of ${record.id}`;
          const values = told.get(record.id)?.record ?? {};
          const byColumn = Object.fromEntries(columns.map((column) => [column, values[apiName(column)]]));
          checks.cells(visibleCells(model, caller, record), byColumn, what);
          for (const name of Object.keys(values))
            checks.same(true, readable.has(name), () => `${what()}, with ${name}`);
        }
      }
    }
  },
};

interface Change {
  readonly recordId: string;
  readonly record: Record<string, unknown> | null;
}
