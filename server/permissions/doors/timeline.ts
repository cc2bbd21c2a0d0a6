import { recordsOf } from '../data.ts';
import { fieldsOf, isComputed, objectPlan, OBJECTS } from '../objects.ts';
import { attempt, REFUSED } from '../setting.ts';
import type { Door } from '../setting.ts';

const MOST = 200;

/** What a timeline tells of related records: of those that the caller sees, by relations and with the fields that he reads. */
export const timeline: Door = {
  name: 'timeline',
  ask: async ({ model, world, checks, random, as, admin, workspaceId }) => {
    await admin.query('update metadata.relations set is_on_timeline = true where workspace_id = $1', [workspaceId]);
    for (const caller of world.callers)
      await as(caller, async (client) => {
        for (const object of OBJECTS) {
          const records = random.sample(recordsOf(world, object.name), 4);
          const ids = records.map(({ id }) => id);
          const what = `${caller.name}: timelines of ${object.plural}`;
          const { code, rows } = await attempt(
            client,
            `select r.id, t.related_object, t.related_id, t.action, t.before, t.after
             from unnest($2::uuid[]) r (id) cross join lateral record_timeline($1, r.id, '{RELATED}', ${MOST}) t`,
            [object.name, ids],
          );
          checks.same(model.may(caller, 'READ', object.name) ? null : REFUSED, code, () => what);
          const entries = Map.groupBy(rows as unknown as Entry[], ({ id }) => id);
          for (const record of records) {
            const mine = entries.get(record.id) ?? [];
            const pointing = OBJECTS.flatMap((holder) =>
              holder.fields
                .filter(({ target, name }) => target === object.name && model.reads(caller, holder, name))
                .flatMap(({ columns: [column] }) =>
                  [...model.records(caller, 'READ', holder.name), ...model.trash(caller, 'READ', holder.name)].filter(
                    ({ id, cells }) => cells[column!] === record.id && id !== record.id,
                  ),
                ),
            );
            const linked = ['client', 'sticker'].includes(object.name) ? model.linked(caller, record) : [];
            const expected = new Set(model.sees(caller, record) ? [...pointing, ...linked].map(({ id }) => id) : []);
            const told = new Set(mine.map(({ related_id: id }) => id));
            // Where there is more than a page, some are not told yet.
            const all = mine.length < MOST ? [...world.records, ...world.trash].map(({ id }) => id) : told;
            checks.members(all, expected, told, (id) => `${what}, ${record.id} tells of ${id}`);
            for (const { related_object: name, related_id: id, action, before, after } of mine) {
              const about = objectPlan(name);
              const computed = new Set(
                fieldsOf(about)
                  .filter(isComputed)
                  .flatMap(({ columns }) => columns),
              );
              const readable = new Set(model.readableFields(caller, about).flatMap(({ columns }) => columns));
              if (action === 'linked') {
                const other = world.byId.get((after!['link'] as { recordId: string }).recordId)!;
                checks.same(true, model.sees(caller, other), () => `${what}, ${id} linked with ${other.id}`);
              } else
                for (const column of [...Object.keys(before ?? {}), ...Object.keys(after ?? {})])
                  if (!computed.has(column))
                    checks.same(true, readable.has(column), () => `${what}, ${id} tells ${column}`);
            }
          }
        }
      });
    await admin.query('update metadata.relations set is_on_timeline = false where workspace_id = $1', [workspaceId]);
  },
};

interface Entry {
  readonly id: string;
  readonly related_object: string;
  readonly related_id: string;
  readonly action: string;
  readonly before: Record<string, unknown> | null;
  readonly after: Record<string, unknown> | null;
}
