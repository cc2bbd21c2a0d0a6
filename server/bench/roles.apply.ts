import type { Bench } from './bench.ts';
import type { BenchDatabase } from './database.ts';
import { MANY } from './lab.ts';
import { alternate, median, percentile, time } from './rounds.ts';

const OBJECTS = 60;
const FIELDS = 20;
const ROUNDS = 9;
const SLUG = 'bench-roles';

export const rolesApply: Bench = {
  name: 'roles.apply',
  compares: `changing the rules of one role in a workspace of ${OBJECTS} objects, beside ${MANY} workspaces and beside 1`,
  async run(lab) {
    const [small, large] = [await lab.small(), await lab.large()];
    const roles = new Map<BenchDatabase, string>();
    for (const database of [small, large]) roles.set(database, await prepare(database));
    try {
      // Every object of the role gets one more policy and other grants, and by the next change loses them.
      const change = (database: BenchDatabase) => () =>
        time(async () => {
          await database.admin.query('begin');
          await database.admin.query(
            'update metadata.roles set can_update_all = not can_update_all, can_delete_all = not can_delete_all where id = $1',
            [roles.get(database)],
          );
          await database.admin.query('commit');
        });
      const times: number[] = [];
      const measured = (database: BenchDatabase) => async () => {
        const taken = await change(database)();
        times.push(taken);
        return taken;
      };
      const { ratio, ratios, subject, reference } = await alternate(ROUNDS, measured(large), measured(small));
      const worst = Math.max(subject, reference);
      return {
        value: worst,
        unit: 'ms',
        bound: 300,
        checks: { 'many workspaces cost at most 1.5 times as much': ratio <= 1.5 },
        detail: {
          msBesideMany: subject,
          msBesideOne: reference,
          ratio,
          p95Ms: percentile(times, 0.95),
          medianMs: median(times),
          ratios,
        },
      };
    } finally {
      for (const database of [small, large]) await database.dropWorkspace(SLUG);
    }
  },
};

async function prepare(database: BenchDatabase): Promise<string> {
  await database.createWorkspace(SLUG);
  const { admin } = database;
  const workspace = (await admin.query<{ id: string }>('select id from core.workspaces where slug = $1', [SLUG]))
    .rows[0]!.id;
  await admin.query(
    `insert into metadata.objects (workspace_id, label_singular, label_plural, name_singular, name_plural)
     select $1, 'Thing ' || i, 'Things ' || i, 'thing' || i, 'things' || i
       from generate_series(1, $2 - (select count(*)::int from metadata.objects where workspace_id = $1)) i`,
    [workspace, OBJECTS],
  );
  await admin.query(
    `insert into metadata.fields (object_id, label, name, type)
     select o.id, 'F ' || n, 'f' || n, (array['TEXT','NUMBER','DATE','CURRENCY','BOOLEAN'])[n % 5 + 1]
       from metadata.objects o
       cross join lateral generate_series(1, $2 - (select count(*)::int from metadata.fields f where f.object_id = o.id)) n
      where o.workspace_id = $1`,
    [workspace, FIELDS],
  );
  const role = (
    await admin.query<{ id: string }>(
      `insert into metadata.roles (workspace_id, name) values ($1, 'Changed') returning id`,
      [workspace],
    )
  ).rows[0]!.id;
  await admin.query(
    `insert into metadata.record_rules (role_id, object_id, condition)
     select $2, id, 'createdBy.memberId = currentMember()' from metadata.objects where workspace_id = $1 and not is_junction`,
    [workspace, role],
  );
  await admin.query('analyze');
  return role;
}
