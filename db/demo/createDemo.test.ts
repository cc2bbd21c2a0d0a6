import { useDatabase } from '../testing/database.ts';
import { createDemo, DEMO_EMAIL, hasDemo } from './createDemo.ts';
import { COUNTS, generateDemo } from './generate.ts';

const db = useDatabase();

test('the demo workspace is there in under ten seconds, whole', async () => {
  expect(await hasDemo(db.admin)).toBe(false);
  const start = performance.now();
  await createDemo(db.admin);
  expect(performance.now() - start).toBeLessThan(10_000);
  expect(await hasDemo(db.admin)).toBe(true);
  const { rows } = await db.admin.query(`select schema_name as schema from core.workspaces where slug = 'demo'`);
  const schema = rows[0].schema;
  for (const [object, count] of Object.entries(COUNTS)) {
    const found = await db.admin.query(`select count(*)::int as n from ${schema}.${object}`);
    expect([object, found.rows[0].n]).toEqual([object, count]);
  }
  // Through the ordinary tables: each record has its event.
  const events = await db.admin.query(
    `select count(*)::int as n from ${schema}.record_events where action = 'created'`,
  );
  expect(events.rows[0].n).toBeGreaterThan(4800);
  const owner = await db.admin.query('select * from core.find_login($1)', [DEMO_EMAIL]);
  expect(owner.rows[0].workspaces).toMatchObject([{ slug: 'demo' }]);
});

test('the same day gives the same demo', () => {
  const ids = ['a', 'b'];
  const day = new Date('2026-03-01T12:00:00Z');
  expect(generateDemo(ids, day)).toEqual(generateDemo(ids, new Date('2026-03-01T23:00:00Z')));
});

test('nobody can be reached: every domain is an example', () => {
  const { companies, people } = generateDemo(['a'], new Date());
  for (const company of companies)
    expect(company['domain_name_primary_link_url']).toMatch(/^https:\/\/[a-z-]+\.example$/);
  for (const person of people) expect(person['emails_primary_email']).toMatch(/^[a-z.0-9-]+@[a-z-]+\.example$/);
});
