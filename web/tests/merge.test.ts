import type { Browser, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { startApplication } from './application.ts';
import { expectAccessible, launchChromium } from './chromium.ts';

/** Somebody finds people that are there twice, and makes one of them. The steps build on each other. */
const database = useDatabase();

let browser: Browser;
let page: Page;
let address: string;
let schema: string;
const complaints: string[] = [];

const sql = async <Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> =>
  (await database.admin.query<Row>(text.replaceAll('$schema', schema), values)).rows;

beforeAll(async () => {
  [address, browser] = await Promise.all([startApplication(database), launchChromium()]);
  database.onEnd(() => browser.close());
  schema = (await database.admin.query<{ name: string }>('select schema_name as name from core.workspaces')).rows[0]!
    .name;
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB' });
  context.setDefaultTimeout(20_000);
  page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(address);
  await page.getByLabel('E-mail').fill(DEMO_EMAIL);
  await page.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'People' }).click();
  await page.getByRole('grid').waitFor();
}, 120_000);

afterAll(() => {
  expect(complaints).toEqual([]);
});

async function untilKept(expected: unknown, question: () => Promise<unknown>): Promise<void> {
  const end = Date.now() + 20_000;
  while (JSON.stringify(await question()) !== JSON.stringify(expected) && Date.now() < end)
    await new Promise((resolve) => setTimeout(resolve, 50));
  expect(await question()).toEqual(expected);
}

async function person(first: string, last: string, values: { [column: string]: unknown } = {}): Promise<string> {
  const all = { name_first_name: first, name_last_name: last, ...values };
  const names = Object.keys(all);
  return (
    await sql<{ id: string }>(
      `insert into $schema.people (${names.join(', ')}) values (${names.map((_, i) => `$${i + 1}`).join(', ')}) returning id`,
      Object.values(all),
    )
  )[0]!.id;
}
const people = (last: string) =>
  sql<{ name: string }>(
    `select name_first_name || coalesce(', ' || job_title, '') || coalesce(', ' || city, '') as name from $schema.people where name_last_name like '%' || $1 order by 1`,
    [last],
  ).then((rows) => rows.map(({ name }) => name));
const dialog = () => page.getByRole('dialog');
const undo = () => page.getByRole('button', { name: 'Undo', exact: true }).last().click();

test('the settings say how fields are compared, and a plan applies it', async () => {
  await page.goto(`${address}/settings/model/people?tab=settings`);
  const rules = page.getByRole('region', { name: 'Duplicates' });
  await rules.getByRole('button', { name: 'Add a rule' }).click();
  const rule = rules.getByRole('group').last();
  const choose = async (label: RegExp, option: string) => {
    await rule
      .getByRole('textbox', { name: label })
      .or(rule.getByRole('combobox', { name: label }))
      .first()
      .click();
    await page.getByRole('option', { name: option, exact: true }).click();
  };
  await choose(/, field 1$/, 'Name');
  await choose(/how field 1 is compared/, 'spelt alike');
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  const change = dialog().getByRole('button', { name: 'Change', exact: true });
  await Promise.race([change.click(), page.getByText('Saved.').waitFor()]);
  await untilKept(
    'SIMILAR',
    async () =>
      (
        await sql<{ by: string }>(
          `select duplicate_criteria -> -1 #>> '{fields,0,by}' as by from metadata.objects where name_singular = 'person'`,
        )
      )[0]?.by,
  );
});

test('two records of a selection become one by chosen values, and are two again by undo', async () => {
  const company = (await sql<{ id: string }>('select id from $schema.companies order by id limit 1'))[0]!.id;
  const frida = await person('Zzfrida', 'Zwilling', {
    job_title: 'Head',
    city: 'Rome',
    emails_primary_email: 'frida@zwilling.example',
    phones_primary_phone_number: '4711',
  });
  const other = await person('Zzfriederike', 'Zwilling', { city: 'Oslo', company_id: company });
  const task = (await sql<{ id: string }>(`insert into $schema.tasks (title) values ('Call her') returning id`))[0]!.id;
  await sql('insert into $schema.task_targets (task_id, target_person_id) values ($1, $2)', [task, other]);
  await page.goto(`${address}/objects/people?sort=-createdAt`);
  for (const id of [frida, other])
    await page.getByRole('grid').locator(`[data-row="${id}"]`).getByRole('checkbox').click();
  await page.getByRole('region', { name: 'Selection' }).getByRole('button', { name: 'Merge' }).click();
  await dialog()
    .getByText(/Tasks \(1\)/)
    .waitFor();
  await expectAccessible(page);
  expect(await dialog().getByRole('radio', { name: 'Keep Zzfrida Zwilling' }).isChecked()).toBe(true);
  await dialog().getByRole('radio', { name: 'City: Zzfriederike Zwilling' }).check();
  await dialog().getByRole('button', { name: 'Merge 2 people' }).click();
  await dialog().waitFor({ state: 'detached' });
  expect(await people('Zwilling')).toEqual(['Zzfrida, Head, Oslo']);
  const targets = () =>
    sql<{ id: string }>('select target_person_id as id from $schema.task_targets where task_id = $1', [task]).then(
      (rows) => rows.map(({ id }) => id),
    );
  expect(await targets()).not.toEqual([other]);
  await undo();
  await untilKept(['Zzfrida, Head, Rome', 'Zzfriederike, Oslo'], () => people('Zwilling'));
  expect(await targets()).toEqual([other]);
});

test('a new row is told to be there already, and goes on all the same', async () => {
  await page.goto(`${address}/objects/people`);
  await page.getByRole('grid').waitFor();
  await page.keyboard.press('c');
  const cell = page.getByRole('grid').getByRole('textbox').last();
  await cell.fill('Zzfrida Zwilling');
  await cell.press('Enter');
  await page.getByText('This may be there already').first().waitFor();
  await untilKept(3, async () => (await people('Zwilling')).length);
});

test('the page of duplicates lists pairs with their reasons, tells them apart for good, and merges sure ones at once', async () => {
  const criteria = (
    await sql<{ id: string }>(
      `select f.id from metadata.fields f join metadata.objects o on o.id = f.object_id where o.name_singular = 'person' and f.name = 'linkedinLink'`,
    )
  )[0]!.id;
  await sql(
    `update metadata.objects set duplicate_criteria = jsonb_build_array(jsonb_build_object('fields', jsonb_build_array($1::text), 'isSure', true), duplicate_criteria -> -1) where name_singular = 'person'`,
    [criteria],
  );
  const link = 'https://linkedin.example/twin';
  for (const [first, url] of [
    ['Ada', link],
    ['Adah', `${link}/`],
    ['Ida', 'https://linkedin.example/other'],
    ['Idah', 'linkedin.example/other'],
  ])
    await person(first!, `Quarantine${first!.slice(0, 2)}`, { linkedin_link_primary_link_url: url });
  await page.goto(`${address}/duplicates`);
  await page.getByRole('button', { name: 'Look again' }).click();
  const list = page.getByRole('list', { name: 'Pairs of records' });
  const sure = list.getByRole('listitem').filter({ hasText: 'Sure' });
  await list.getByText('the same linkedin', { exact: false }).first().waitFor();
  await expectAccessible(page);
  expect(await sure.count()).toBe(2);
  const frida = list.getByRole('listitem').filter({ hasText: 'Zwilling' });
  const before = await frida.count();
  expect(before).toBeGreaterThan(0);
  await frida
    .first()
    .getByRole('button', { name: /are not the same$/ })
    .click();
  await untilKept(before - 1, () => frida.count());
  await page.getByText('Not the same', { exact: true }).first().click();
  await page.getByText(/Told apart by/).waitFor();
  await page.goto(`${address}/duplicates?object=person`);
  await page.getByRole('button', { name: 'Merge sure people…' }).click();
  await dialog().getByText('4 people become 2', { exact: false }).waitFor();
  await dialog().getByRole('button', { name: 'Merge 2 groups' }).click();
  await untilKept(2, async () => (await people('QuarantineAd')).length + (await people('QuarantineId')).length);
  await undo();
  await untilKept(4, async () => (await people('QuarantineAd')).length + (await people('QuarantineId')).length);
});

test('a record whose place was taken is merged out of the trash, beneath it what went along', async () => {
  await sql(
    `select metadata.create_field(object_id => o.id, label => 'Badge', type => 'TEXT', is_unique => true) from metadata.objects o where o.name_singular = 'company'`,
  );
  const [gone] = await sql<{ id: string }>(
    `insert into $schema.companies (name, badge, employees) values ('Takenover', 'T-1', 12) returning id`,
  );
  const note = (await sql<{ id: string }>(`insert into $schema.notes (title) values ('About it') returning id`))[0]!.id;
  await sql('insert into $schema.note_targets (note_id, target_company_id) values ($1, $2)', [note, gone!.id]);
  await sql('delete from $schema.companies where id = $1', [gone!.id]);
  await sql(`insert into $schema.companies (name, badge) values ('Takenover anew', 'T-1')`);
  await page.goto(`${address}/trash?object=company`);
  const row = page.getByRole('row').filter({ hasText: 'Takenover' });
  await row.getByText('with 1 note target').waitFor();
  await page.getByRole('button', { name: 'Restore Takenover' }).click();
  await dialog().getByRole('button', { name: 'Merge with Takenover anew…' }).click();
  await dialog().getByText('In the trash').waitFor();
  await page.getByRole('button', { name: 'Merge 2 companies' }).click();
  await untilKept(['12'], () =>
    sql<{ n: string }>(`select employees::text as n from $schema.companies where badge = 'T-1'`).then((rows) =>
      rows.map(({ n }) => n),
    ),
  );
  await untilKept(
    1,
    async () =>
      (
        await sql(
          `select from $schema.note_targets n join $schema.companies c on c.id = n.target_company_id where c.badge = 'T-1'`,
        )
      ).length,
  );
  // Who has the old address is led on.
  await page.goto(`${address}/objects/companies/${gone!.id}`);
  await page.getByRole('link', { name: 'Open the company that it was merged into' }).click();
  await page.getByRole('heading', { name: 'Takenover anew' }).waitFor();
});
