import type { Bench } from './bench.ts';
import { median, percentile, time } from './rounds.ts';

const ROUNDS = 40;
const OBJECTS = 60;
const FIELDS = 40;

export const modelPlan: Bench = {
  name: 'model.plan',
  compares: `planning one new field in a model of ${OBJECTS} objects with ${FIELDS} fields each`,
  async run(lab) {
    const database = await lab.small();
    const slug = 'bench-plan';
    await database.createWorkspace(slug);
    try {
      const { rows } = await database.admin.query<{ id: string }>('select id from core.workspaces where slug = $1', [
        slug,
      ]);
      const workspace = rows[0]!.id;
      await database.admin.query(
        `insert into metadata.objects (workspace_id, label_singular, label_plural, name_singular, name_plural)
         select $1, 'Thing ' || i, 'Things ' || i, 'thing' || i, 'things' || i
           from generate_series(1, $2 - (select count(*)::int from metadata.objects where workspace_id = $1)) i`,
        [workspace, OBJECTS],
      );
      await database.admin.query(
        `insert into metadata.fields (object_id, label, name, type)
         select o.id, 'F ' || n, 'f' || n, (array['TEXT','NUMBER','DATE','CURRENCY','BOOLEAN','EMAILS','FULL_NAME'])[n % 7 + 1]
           from metadata.objects o
           cross join lateral generate_series(1, $2 - (select count(*)::int from metadata.fields f where f.object_id = o.id)) n
          where o.workspace_id = $1`,
        [workspace, FIELDS],
      );
      await database.admin.query('analyze');
      const object = (
        await database.admin.query<{ id: string }>(
          `select id from metadata.objects where workspace_id = $1 and name_singular = 'thing5'`,
          [workspace],
        )
      ).rows[0]!.id;
      const measure = async (sql: string, parameters: unknown[], rounds: number) => {
        const times: number[] = [];
        for (let round = 0; round <= rounds; round++)
          times.push(await time(() => database.admin.query(sql, parameters)));
        // The first filled the caches of its connection.
        return times.slice(1);
      };
      const changes = JSON.stringify([{ op: 'createField', objectId: object, label: 'New', type: 'TEXT' }]);
      const planned = await measure('select metadata.plan_changes($1, $2)', [workspace, changes], ROUNDS);
      const scoped = await measure('select * from engine.plan($1, array[$2]::uuid[])', [workspace, object], ROUNDS);
      const full = await measure('select * from engine.plan($1)', [workspace], 8);
      return {
        value: percentile(planned, 0.95),
        unit: 'ms',
        bound: 50,
        detail: {
          p50Ms: median(planned),
          planOfOneObjectP95Ms: percentile(scoped, 0.95),
          planOfEverythingP50Ms: median(full),
        },
      };
    } finally {
      await database.dropWorkspace(slug);
    }
  },
};
