import type { Bench } from './bench.ts';
import type { BenchDatabase, Workspace } from './database.ts';
import { alternate, throughput } from './rounds.ts';

const WIDE = 1_000;
const ASKED = 20;
const RECORDS = 500;
const LISTED = 50;
const ROUNDS = 8;
const ROUND_MS = 2_000;
const CONCURRENCY = 4;
const SLUG = 'bench-wide';

export const modelWide: Bench = {
  name: 'model.wide',
  compares: `time a request for ${LISTED} records with ${ASKED} fields each, of an object with ${WIDE} fields, against one with ${ASKED}`,
  async run(lab) {
    const database = await lab.small();
    // In a workspace of its own: the others keep their size for the benches that follow.
    await database.createWorkspace(SLUG);
    const workspace = await database.workspace(SLUG);
    await createObject(database, workspace, 'wide', WIDE, 10);
    await createObject(database, workspace, 'full', WIDE, 1);
    await createObject(database, workspace, 'narrow', ASKED, 1);
    const key = await database.apiKey(workspace.slug);
    const server = await database.startServer();
    const workers = Array.from({ length: CONCURRENCY });
    // Spread evenly, so that the fields asked for are behind many that are not.
    const list = (object: string, step: number) => {
      const fields = Array.from({ length: ASKED }, (_, index) => `value${(index + 1) * step}`);
      const query = `query { ${object}Records(first: ${LISTED}, orderBy: [ID_ASC]) { nodes { id ${fields.join(' ')} } } }`;
      return async () => {
        const perSecond = await throughput(workers, ROUND_MS, () => server.graphql('/graphql', key, query));
        return 1000 / perSecond;
      };
    };
    const { ratio, ratios, subject, reference } = await alternate(
      ROUNDS,
      list('wide', WIDE / ASKED),
      list('narrow', 1),
    );
    const full = await alternate(ROUNDS, list('full', WIDE / ASKED), list('narrow', 1));
    await server.stop();
    await database.dropWorkspace(SLUG);
    return {
      ratio,
      bound: 1.3,
      detail: {
        msWide: subject,
        msNarrow: reference,
        ratios,
        withEachFieldFilled: full.ratio,
        fullRatios: full.ratios,
      },
    };
  },
};

/**
 * An object of text fields named value1 and so on, each `step`th of them filled. Of a thousand fields most are empty
 * in life, so the bound is held by the object of which a tenth is filled; the one that is full stands beside it.
 */
async function createObject(
  { admin }: BenchDatabase,
  workspace: Workspace,
  name: string,
  fields: number,
  step: number,
) {
  await admin.query(
    `with object as (
       insert into metadata.objects (workspace_id, name_singular, name_plural, label_singular, label_plural)
       values ($1, $2 || 'Record', $2 || 'Records', $2, $2 || 's') returning id, workspace_id)
     insert into metadata.fields (workspace_id, object_id, name, label, type, position)
     select o.workspace_id, o.id, 'value' || i, 'Value ' || i, 'TEXT', i from object o, generate_series(1, $3::int) i`,
    [workspace.id, name, fields],
  );
  const columns = Array.from({ length: fields / step }, (_, index) => `value${(index + 1) * step}`);
  const table = `${workspace.schemaName}.${name}_records`;
  await admin.query(
    `insert into ${table} (${columns.join(', ')})
     select ${columns.map((_, index) => `'v${index % 10}' || i % 10`).join(', ')} from generate_series(1, ${RECORDS}) i`,
  );
  await admin.query(`vacuum analyze ${table}`);
}
