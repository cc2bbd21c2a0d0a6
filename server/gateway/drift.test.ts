import { useServer } from '../testing/server.ts';
import type { Caller } from '../testing/server.ts';

// What somebody makes by hand in a workspace's schema neither shows in the API nor breaks it.
const server = useServer();
let acme: Caller;
let other: Caller;

beforeAll(async () => {
  acme = await server.createWorkspace('acme');
  other = await server.createWorkspace('other');
});

test('tables, columns, keys and functions made by hand are not in the API, which goes on', async () => {
  const { rows } = await server.db.admin.query<{ s: string }>(
    `select schema_name as s from core.workspaces where slug = 'acme'`,
  );
  const { s } = rows[0]!;
  await server.db.admin.query(`
    alter table ${s}.companies add column shoe_size int default 42;
    alter table ${s}.companies add column parent_id uuid references ${s}.companies;
    create table ${s}.by_hand (id uuid primary key, company_id uuid references ${s}.companies);
    create function ${s}.by_hand_count() returns int language sql stable return 1;
    grant select on ${s}.by_hand to ${s}_r_1;
  `);
  // Built anew from this workspace, for both are of one shape.
  for (const caller of [acme, other]) {
    const made = await caller.metadata(
      'mutation { createObject(input: { labelSingular: "Machine", labelPlural: "Machines" }) { query { modelVersion } } }',
    );
    expect(made.errors).toBeUndefined();
    const version = (made.data!.createObject as { query: { modelVersion: string } }).query.modelVersion;
    const answer = await caller.records(
      `{ companies { nodes { id name } } machines { nodes { name } }
         type: __type(name: "Company") { fields { name } } query: __type(name: "Query") { fields { name } } }`,
      undefined,
      { 'x-metadata-version': version },
    );
    expect(answer.errors).toBeUndefined();
    const names = JSON.stringify([answer.data!.type, answer.data!.query]);
    expect(names).toContain('"machines"');
    expect(names).not.toMatch(/shoeSize|byHand|parent/i);
  }
  const shapes = await server.db.admin.query('select count(distinct shape)::int as shapes from core.workspaces');
  expect(shapes.rows[0]).toEqual({ shapes: 1 });
}, 60_000);
