import { recordsOf } from '../data.ts';
import { isComputed, OBJECTS } from '../objects.ts';
import { attempt, REFUSED } from '../setting.ts';
import type { Door } from '../setting.ts';

/** Who else is at a record: what was said of it, and who has it open. For who reads it, and for nobody else. */
export const company: Door = {
  name: 'comments and presence',
  ask: async ({ model, world, checks, random, as, admin, schema, workspaceId }) => {
    const sample = OBJECTS.map((object) => ({ object, records: random.sample(recordsOf(world, object.name), 5) }));
    const [present] = world.members;
    for (const { object, records } of sample) {
      const field = object.fields.find((each) => !isComputed(each) && !each.target)!;
      await admin.query(
        `with o as (select id from metadata.objects where workspace_id = $1 and name_singular = $2),
         said as (
           insert into ${schema}.record_comments (object_id, record_id, body, author_type, author_name) select o.id, r, 'Said', 'system', 'System' from o, unnest($3::uuid[]) r)
         insert into engine.presence (page, workspace_id, object_id, record_id, member_id, name, field) select gen_random_uuid(), $1, o.id, r, $4, 'Olive', $5 from o, unnest($3::uuid[]) r`,
        [workspaceId, object.name, records.map(({ id }) => id), present!.id, field.name],
      );
    }
    for (const caller of world.callers)
      await as(caller, async (client) => {
        for (const { object, records } of sample) {
          const field = object.fields.find((each) => !isComputed(each) && !each.target)!;
          for (const record of records) {
            const what = `${caller.name}: ${object.name} ${record.id}`;
            const sees = model.sees(caller, record);
            const expected = sees ? null : REFUSED;
            const read = await attempt(client, 'select body from comments_of_record($1, $2)', [object.name, record.id]);
            checks.same(expected, read.code, () => `${what}, comments`);
            checks.same(
              sees ? ['Said'] : [],
              read.rows.map(({ body }) => body),
              () => `${what}, comments`,
            );
            const said = await attempt(client, `select add_comment($1, $2, 'Me too')`, [object.name, record.id]);
            checks.same(expected, said.code, () => `${what}, commenting`);
            const there = await attempt(client, 'select name, field from present_members($1, $2)', [
              object.name,
              record.id,
            ]);
            checks.same(expected, there.code, () => `${what}, who is there`);
            const shown = { name: 'Olive', field: model.reads(caller, object, field.name) ? field.name : null };
            checks.same(sees ? [shown] : [], there.rows, () => `${what}, who is there`);
            const announced = await attempt(client, 'select announce_presence($1, $2, gen_random_uuid())', [
              object.name,
              record.id,
            ]);
            const mayCome = sees ? (caller.member ? null : 'RV200') : REFUSED;
            checks.same(mayCome, announced.code, () => `${what}, coming`);
          }
        }
      });
    await admin.query(`delete from ${schema}.record_comments`);
    await admin.query('delete from engine.presence where workspace_id = $1', [workspaceId]);
  },
};
