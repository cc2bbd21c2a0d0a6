import { jest } from '@jest/globals';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { startApplication } from './application.ts';
import { launchChromium } from './chromium.ts';

/**
 * One person's walk through the product, in a real browser against a really started server. The steps build on each other,
 * as a person's do, so the first that fails is the one to read.
 */
const database = useDatabase();
const shots = join(import.meta.dirname, '..', '..', 'data', 'screenshots');

let browser: Browser;
let page: Page;
let address: string;
let schema: string;
const complaints: string[] = [];

// A loaded machine is slow, not wrong.
jest.setTimeout(120_000);

beforeAll(async () => {
  mkdirSync(shots, { recursive: true });
  [address, browser] = await Promise.all([startApplication(database), launchChromium()]);
  database.onEnd(() => browser.close());
  const found = await database.admin.query<{ nspname: string }>(
    `select nspname from pg_namespace where nspname like 'ws\\_%'`,
  );
  schema = found.rows[0]?.nspname ?? '';
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    colorScheme: 'light',
    locale: 'en-GB',
  });
  context.setDefaultTimeout(30_000);
  page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
}, 90_000);

const shot = (name: string) => page.screenshot({ path: join(shots, `${name}.png`) });
const grid = () => page.getByRole('grid');
const rows = () => grid().locator('[data-row]');
const cellOf = (row: Locator, column: string) => row.locator(`[data-column="${column}"]`);
const rowOf = (text: string) => rows().filter({ hasText: text }).first();
/** A field's line on the page of its object in the settings. */
const fieldRow = (label: string) =>
  page.getByRole('row').filter({ has: page.getByRole('button', { name: label, exact: true }) });
const navigation = () => page.getByRole('navigation', { name: 'Main' });

async function sql<Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> {
  const result = await database.admin.query<Row>(text.replaceAll('$schema', schema), values);
  return result.rows;
}

/** Waits until the database says so: what the screen shows at once is saved a moment later. */
async function eventually(check: () => Promise<boolean>, what: string, within = 15_000): Promise<void> {
  const end = Date.now() + within;
  while (!(await check())) {
    if (Date.now() > end) throw new Error(`Not within ${within} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
}

const saved = (table: string, column: string, id: string, value: unknown) =>
  eventually(
    async () => {
      const [row] = await sql<{ value: unknown }>(`select ${column} as value from $schema.${table} where id = $1`, [
        id,
      ]);
      return JSON.stringify(row?.value) === JSON.stringify(value);
    },
    `${table}.${column} is ${JSON.stringify(value)}`,
  );

async function idOf(row: Locator): Promise<string> {
  const id = await row.getAttribute('data-row');
  if (!id) throw new Error('The row has no id.');
  return id;
}

/** Takes a cell in hand as a person does: a click beside whatever link it holds. */
async function take(cell: Locator): Promise<void> {
  const box = await cell.boundingBox();
  if (!box) throw new Error('The cell is not on screen.');
  await page.mouse.click(box.x + box.width - 6, box.y + box.height / 2);
  await cell.and(page.locator('[data-active]')).waitFor();
}

async function overwrite(cell: Locator, text: string): Promise<void> {
  await take(cell);
  await page.keyboard.type(text);
  await page.keyboard.press('Enter');
}

async function openTable(label: string): Promise<void> {
  await navigation().getByRole('link', { name: label, exact: true }).click();
  await page.getByRole('heading', { level: 1, name: label, exact: true }).waitFor();
  await rows().first().waitFor();
}

afterAll(() => {
  expect(complaints).toEqual([]);
});

describe('the walk', () => {
  test('signs in, and says why when it cannot', async () => {
    await page.goto(address);
    await page.getByLabel('E-mail').fill(DEMO_EMAIL);
    await page.getByLabel('Password', { exact: true }).fill('not the password');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').filter({ hasText: 'password is not right' }).waitFor();
    await page.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { level: 1, name: 'Companies' }).waitFor();
    await rows().first().waitFor();
    await shot('companies');
  });

  test('navigates between the objects', async () => {
    for (const label of ['People', 'Opportunities', 'Tasks', 'Notes', 'Companies']) await openTable(label);
  });

  test('sorts on the server by a click on a head', async () => {
    await openTable('People');
    await page.getByRole('columnheader', { name: 'City' }).getByRole('button').click();
    await page.waitForURL(/sort=city/);
    const [first] = await sql<{ city: string }>('select city from $schema.people order by city limit 1');
    await cellOf(rows().first(), 'city').filter({ hasText: first?.city }).waitFor();
    expect(await page.getByRole('columnheader', { name: 'City' }).getAttribute('aria-sort')).toBe('ascending');
    await page.getByRole('columnheader', { name: 'City' }).getByRole('button').click();
    await page.waitForURL(/sort=-city/);
    await page.getByRole('columnheader', { name: 'City' }).getByRole('button').click();
    await page.waitForURL((url) => !url.search.includes('sort'));
  });

  test('filters by a field, keeps the filter in the address, and offers a way out of an empty result', async () => {
    await page.getByRole('button', { name: 'Add a filter' }).click();
    await page.getByRole('menuitem', { name: 'City' }).click();
    await page.getByLabel('City: value').fill('berl');
    await page.getByLabel('City: value').press('Enter');
    await page.waitForURL(/filters=/);
    const [{ count } = { count: '' }] = await sql<{ count: string }>(
      `select count(*)::text as count from $schema.people where city ilike '%berl%'`,
    );
    await page.locator('header').getByText(count, { exact: true }).waitFor();
    await shot('people-filtered');
    await page.reload();
    await page.locator('header').getByText(count, { exact: true }).waitFor();
    await page.getByRole('button', { name: /^City contains/ }).click();
    await page.getByLabel('City: value').fill('nowhere at all');
    await page.getByRole('heading', { name: 'No people match' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Clear the filters' }).click();
    await rows().first().waitFor();
    await page.waitForURL((url) => !url.search.includes('filters'));
  });

  test('reads further pages as one scrolls, with no pager', async () => {
    for (let index = 0; index < 12; index++) {
      await grid().evaluate((element) => element.scrollBy(0, 1400));
      await page.waitForTimeout(60);
    }
    const last = rows().last();
    await eventually(async () => Number(await last.getAttribute('aria-rowindex')) > 300, 'row 300 is on screen');
    await grid().evaluate((element) => element.scrollTo(0, 0));
    await eventually(
      async () => (await rows().first().getAttribute('aria-rowindex')) === '2',
      'the first row is on screen again',
    );
  });

  test('edits a text by typing over it, and Enter goes down', async () => {
    const row = rows().first();
    await overwrite(cellOf(row, 'jobTitle'), 'Chief Walker');
    await cellOf(row, 'jobTitle').getByText('Chief Walker').waitFor();
    const id = await idOf(row);
    expect(
      await page.locator('[data-active]').evaluate((cell) => cell.closest('[data-row]')?.getAttribute('aria-rowindex')),
    ).toBe('3');
    await saved('people', 'job_title', id, 'Chief Walker');
  });

  test('Escape drops an edit, arrows and Tab move, Home and End go to the ends', async () => {
    const row = rows().nth(1);
    const before = await cellOf(row, 'jobTitle').innerText();
    await take(cellOf(row, 'jobTitle'));
    await page.keyboard.type('never');
    await page.keyboard.press('Escape');
    expect(await cellOf(row, 'jobTitle').innerText()).toBe(before);
    const active = () => page.locator('[data-active]').getAttribute('data-column');
    await page.keyboard.press('ArrowLeft');
    expect(await active()).toBe('phones');
    await page.keyboard.press('Tab');
    expect(await active()).toBe('jobTitle');
    await page.keyboard.press('Home');
    expect(await active()).toBe('name');
    await page.keyboard.press('End');
    expect(await active()).toBe('createdAt');
  });

  test('edits a name, an e-mail, a phone and a relation', async () => {
    await page.keyboard.press('Home');
    const row = rows().nth(2);
    const id = await idOf(row);
    await take(cellOf(row, 'name'));
    await page.keyboard.press('Enter');
    await page.getByLabel('Name: first name').fill('Walda');
    await page.keyboard.press('Tab');
    await page.getByLabel('Name: last name').fill('Stepper');
    await page.keyboard.press('Enter');
    await saved('people', 'name_last_name', id, 'Stepper');
    await overwrite(cellOf(row, 'emails'), 'walda@stepper.example');
    await saved('people', 'emails_primary_email', id, 'walda@stepper.example');
    await overwrite(cellOf(row, 'phones'), '+49 30 901820');
    await saved('people', 'phones_primary_phone_calling_code', id, '+49');
    const [company] = await sql<{ id: string; name: string }>(
      'select id, name from $schema.companies order by name desc limit 1',
    );
    await take(cellOf(row, 'company'));
    await page.keyboard.press('Enter');
    await page.getByRole('combobox', { name: 'Company' }).fill(company?.name ?? '');
    await page.getByRole('option', { name: company?.name }).first().waitFor();
    await page.keyboard.press('Enter');
    await cellOf(row, 'company')
      .getByText(company?.name ?? '')
      .waitFor();
    await saved('people', 'company_id', id, company?.id);
  });

  test('says what is wrong with a value, where it is', async () => {
    const row = rows().nth(3);
    await take(cellOf(row, 'emails'));
    await page.keyboard.type('not an address');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').filter({ hasText: 'is not an e-mail address' }).waitFor();
    await page.keyboard.press('Escape');
  });

  test('edits a number, a currency, a yes or no and a link', async () => {
    await openTable('Companies');
    const row = rows().nth(1);
    const id = await idOf(row);
    await overwrite(cellOf(row, 'employees'), '1,234');
    await saved('companies', 'employees', id, '1234');
    await overwrite(cellOf(row, 'annualRevenue'), 'EUR 2.5m');
    await saved('companies', 'annual_revenue_amount_micros', id, '2500000000000');
    await cellOf(row, 'annualRevenue').getByText('€2,500,000').waitFor();
    await overwrite(cellOf(row, 'linkedinLink'), 'linkedin.com/company/walker');
    await saved('companies', 'linkedin_link_primary_link_url', id, 'https://linkedin.com/company/walker');
    const [before] = await sql<{ ideal: boolean | null }>(
      'select ideal_customer_profile as ideal from $schema.companies where id = $1',
      [id],
    );
    await cellOf(row, 'idealCustomerProfile').scrollIntoViewIfNeeded();
    await take(cellOf(row, 'idealCustomerProfile'));
    await page.keyboard.press('Space');
    await saved('companies', 'ideal_customer_profile', id, before?.ideal !== true);
  });

  test('keeps a refused edit with its reason, to be corrected or taken back', async () => {
    await openTable('People');
    const row = rows().nth(5);
    const cell = cellOf(row, 'emails');
    const own = await cell.innerText();
    const [taken] = await sql<{ email: string }>(
      'select emails_primary_email as email from $schema.people where id <> $1 and emails_primary_email is not null limit 1',
      [await idOf(row)],
    );
    await overwrite(cell, taken?.email ?? '');
    await cell.getByRole('alert').filter({ hasText: 'must be unique' }).waitFor();
    await cell.getByText(taken?.email ?? '', { exact: true }).waitFor();
    await shot('refused');
    await cell.and(page.locator('[data-active]')).waitFor();
    await page.keyboard.press('Enter');
    expect(await page.getByRole('textbox', { name: 'Emails' }).inputValue()).toBe(taken?.email);
    await page.keyboard.press('Escape');
    await cell.getByText(own).waitFor();
    expect(await cell.getByRole('alert').count()).toBe(0);
  });

  test('edits a select and a date with time', async () => {
    await openTable('Opportunities');
    const row = rows().first();
    const id = await idOf(row);
    await take(cellOf(row, 'stage'));
    await page.keyboard.press('Enter');
    await page.getByRole('combobox', { name: 'Stage' }).fill('propo');
    await page.keyboard.press('Enter');
    await saved('opportunities', 'stage', id, 'PROPOSAL');
    await overwrite(cellOf(row, 'closeDate'), '2027-03-04 15:30');
    await cellOf(row, 'closeDate').getByText('4 Mar 2027, 15:30').waitFor();
    await shot('opportunities');
  });

  test('creates, deletes several, and undoes it', async () => {
    await openTable('Companies');
    await page.getByRole('button', { name: 'New company' }).click();
    await page.getByLabel('Name', { exact: true }).fill('Walkabout Ltd');
    await page.keyboard.press('Enter');
    await rowOf('Walkabout Ltd').waitFor();
    await eventually(
      async () => (await sql('select from $schema.companies where name = $1', ['Walkabout Ltd'])).length === 1,
      'the company is saved',
    );

    const firstTwo = () => Promise.all([rows().nth(0), rows().nth(1)].map(idOf));
    // The row that was typed into is a draft until the answer to its creation is in.
    await eventually(async () => !(await firstTwo()).includes('draft'), 'the new row has its id');
    const ids = await firstTwo();
    for (const index of [0, 1]) {
      await rows().nth(index).hover();
      await rows().nth(index).getByRole('checkbox').click();
    }
    await page.getByRole('region', { name: 'Selection' }).getByText('2 companies selected').waitFor();
    await page.getByRole('region', { name: 'Selection' }).getByRole('button', { name: 'Delete' }).click();
    await page.getByText('2 companies deleted').waitFor();
    const left = () =>
      sql('select from $schema.companies where id = any($1::uuid[])', [ids]).then((found) => found.length);
    await eventually(async () => (await left()) === 0, 'both are gone');
    await page.getByRole('button', { name: 'Undo' }).click();
    await eventually(async () => (await left()) === 2, 'both are back');
    await rowOf('Walkabout Ltd').waitFor();
  });

  test('chooses columns, and still knows after a reload', async () => {
    await page.getByRole('button', { name: 'Choose columns' }).click();
    await page.getByRole('list', { name: 'Columns' }).getByText('LinkedIn', { exact: true }).click();
    await page.getByRole('button', { name: 'Move Employees up' }).click();
    await page.keyboard.press('Escape');
    await page.getByRole('columnheader', { name: 'LinkedIn' }).waitFor({ state: 'detached' });
    await page.reload();
    await rows().first().waitFor();
    const heads = await page
      .getByRole('columnheader')
      .evaluateAll((all) => all.map((head) => head.getAttribute('data-head')));
    expect(heads).not.toContain('linkedinLink');
    expect(heads.indexOf('employees')).toBeLessThan(heads.indexOf('address'));
  });

  test('edits on the record page, beside its lists and its history', async () => {
    const [company] = await sql<{ id: string; name: string }>(
      `select c.id, c.name from $schema.companies c where exists (select from $schema.people p where p.company_id = c.id)
        and exists (select from $schema.task_targets t where t.target_company_id = c.id) order by c.name limit 1`,
    );
    if (!company) throw new Error('The demo has no company with people and tasks.');
    await page.goto(`${address}/objects/companies/${company.id}`);
    await page.getByRole('heading', { level: 1, name: company.name }).waitFor();
    await page.getByRole('button', { name: /^Edit Employees/ }).click();
    await page.getByLabel('Employees', { exact: true }).fill('77');
    await page.keyboard.press('Enter');
    await saved('companies', 'employees', company.id, '77');
    await page.getByRole('region', { name: 'People' }).getByRole('listitem').first().waitFor();
    await page
      .getByRole('region', { name: 'Timeline' })
      .getByText(/Employees|fields/)
      .first()
      .waitFor();
    await page.getByRole('tab', { name: 'Tasks' }).click();
    await page.getByRole('region', { name: 'Tasks' }).getByRole('listitem').first().waitFor();
    await page.getByRole('textbox', { name: 'New task' }).fill('Walk to them');
    await page.keyboard.press('Enter');
    await page.getByRole('region', { name: 'Tasks' }).getByText('Walk to them').waitFor();
    await shot('company');
  });

  test('shows the possible duplicates of a record, and nothing where there are none', async () => {
    await sql(
      `update metadata.objects o set duplicate_criteria = (
         select jsonb_build_array(jsonb_build_array(f.id)) from metadata.fields f where f.object_id = o.id and f.name = 'name')
       from core.workspaces w where w.id = o.workspace_id and w.schema_name = $1 and o.name_singular = 'company'`,
      [schema],
    );
    const ids = await sql<{ id: string }>(
      `insert into $schema.companies (name) values ('Twin & Sons'), (' twin &  sons'), ('Alone Ltd') returning id`,
    );
    await page.goto(`${address}/objects/companies/${ids[0]!.id}`);
    const panel = page.getByRole('region', { name: 'Possible duplicates' });
    await panel.getByText('the same name').waitFor();
    await panel.getByRole('link').click();
    await page.waitForURL(`**/${ids[1]!.id}`);
    await panel.getByRole('link', { name: 'Twin & Sons' }).waitFor();
    // Live: it goes when they are no longer alike.
    await sql(`update $schema.companies set name = 'Somebody else' where id = $1`, [ids[0]!.id]);
    await panel.waitFor({ state: 'detached' });
    await sql('delete from $schema.companies where id = any ($1)', [ids.map((row) => row.id)]);
  });

  test('says so when a record is not there', async () => {
    await page.goto(`${address}/objects/companies/00000000-0000-7000-8000-000000000000`);
    await page.getByRole('heading', { name: 'This company is not here' }).waitFor();
  });

  test('creates an object, which is in the navigation at once', async () => {
    await navigation().getByRole('link', { name: 'Data model' }).click();
    await page.getByRole('button', { name: 'New object' }).click();
    await page.getByLabel('One is called').fill('Project');
    expect(await page.getByLabel('Many are called').inputValue()).toBe('Projects');
    await page.getByRole('button', { name: 'Create object' }).click();
    await page.getByRole('heading', { level: 1, name: 'Projects' }).waitFor();
    await navigation().getByRole('link', { name: 'Projects', exact: true }).waitFor();
  });

  const TYPES: [string, string][] = [
    ['Text', 'Code name'],
    ['Number', 'Head count'],
    ['Yes or no', 'Billable'],
    ['Date', 'Starts on'],
    ['Date and time', 'Kick-off'],
    ['Select', 'Phase'],
    ['Currency', 'Budget'],
    ['Link', 'Website'],
    ['E-mail', 'Contact'],
    ['Relation', 'Client'],
  ];

  test('adds a field of each type', async () => {
    for (const [type, label] of TYPES) {
      await page.getByRole('button', { name: 'Add field', exact: true }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('button', { name: new RegExp(`^${type} [A-Z]`) }).click();
      await dialog.getByLabel('Label', { exact: true }).fill(label);
      if (type === 'Select') {
        await dialog.getByLabel('Option 1', { exact: true }).fill('Planned');
        await dialog.getByLabel('Option 2', { exact: true }).fill('Under way');
      }
      if (type === 'Relation') {
        await dialog.getByRole('combobox', { name: 'Points to' }).fill('Company');
        await page.getByRole('option', { name: 'Company', exact: true }).click();
      }
      if (label === 'Phase') await shot('new-field');
      await dialog.getByRole('button', { name: 'Add field', exact: true }).click();
      await dialog.waitFor({ state: 'detached' });
      await fieldRow(label).waitFor();
    }
    await shot('object-settings');
  }, 120_000);

  test('has them all in the table and in the API with no reload', async () => {
    await navigation().getByRole('link', { name: 'Projects', exact: true }).click();
    await page.getByRole('heading', { name: 'No projects yet' }).waitFor();
    await page.getByRole('button', { name: 'Create the first project' }).click();
    await page.getByLabel('Name', { exact: true }).fill('Moon landing');
    await page.keyboard.press('Enter');
    const row = rowOf('Moon landing');
    await row.waitFor();
    await eventually(async () => (await idOf(row)) !== 'draft', 'the project has an id');
    const heads = await page.getByRole('columnheader').allInnerTexts();
    for (const [, label] of TYPES) expect(heads).toContain(label);

    await overwrite(cellOf(row, 'codeName'), 'Selene');
    await overwrite(cellOf(row, 'headCount'), '12.5');
    await take(cellOf(row, 'billable'));
    await page.keyboard.press('Space');
    await overwrite(cellOf(row, 'startsOn'), '2027-01-31');
    await overwrite(cellOf(row, 'kickOff'), '2027-02-01 09:00');
    await cellOf(row, 'phase').scrollIntoViewIfNeeded();
    await take(cellOf(row, 'phase'));
    await page.keyboard.type('under');
    await page.keyboard.press('Enter');
    await cellOf(row, 'phase').getByText('Under way').waitFor();
    await cellOf(row, 'budget').scrollIntoViewIfNeeded();
    await overwrite(cellOf(row, 'budget'), '25.4b');
    await cellOf(row, 'website').scrollIntoViewIfNeeded();
    await overwrite(cellOf(row, 'website'), 'moon.example');
    await cellOf(row, 'contact').scrollIntoViewIfNeeded();
    await overwrite(cellOf(row, 'contact'), 'neil@moon.example');
    await cellOf(row, 'client').scrollIntoViewIfNeeded();
    await take(cellOf(row, 'client'));
    await page.keyboard.press('Enter');
    await page.getByRole('option').first().click();
    await shot('projects');

    const query =
      '{ projects { nodes { name codeName headCount billable startsOn phase budgetAmountMicros websitePrimaryLinkUrl contactPrimaryEmail client { name } } } }';
    const ask = () =>
      page.evaluate(
        (text) =>
          fetch('/graphql', {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ query: text }),
          }).then((response) => response.json()),
        query,
      );
    await eventually(async () => Boolean((await ask()).data?.projects.nodes[0].client), 'the API has the client');
    expect((await ask()).data.projects.nodes).toEqual([
      {
        name: 'Moon landing',
        codeName: 'Selene',
        headCount: 12.5,
        billable: true,
        startsOn: '2027-01-31',
        phase: 'UNDER_WAY',
        budgetAmountMicros: '25400000000000000',
        websitePrimaryLinkUrl: 'https://moon.example',
        contactPrimaryEmail: 'neil@moon.example',
        client: { name: expect.any(String) },
      },
    ]);
  });

  test('renames an object and a field, deactivates and reactivates them', async () => {
    await page.goto(`${address}/settings/model/projects`);
    await page.getByRole('tab', { name: 'Settings' }).click();
    await page.getByLabel('One is called').fill('Venture');
    await page.getByLabel('Many are called').fill('Ventures');
    await page.getByRole('button', { name: 'Save' }).click();
    await navigation().getByRole('link', { name: 'Ventures', exact: true }).waitFor();

    await page.getByRole('tab', { name: /^Fields/ }).click();
    await page.getByRole('button', { name: 'Phase', exact: true }).click();
    await page.getByRole('dialog').getByLabel('Label', { exact: true }).fill('State');
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
    await fieldRow('State').waitFor();

    await page.getByRole('button', { name: 'Head count', exact: true }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Deactivate' }).click();
    await fieldRow('Head count').getByText('deactivated').waitFor();
    await navigation().getByRole('link', { name: 'Ventures', exact: true }).click();
    await rowOf('Moon landing').waitFor();
    await page.getByRole('columnheader', { name: 'State' }).waitFor();
    expect(await page.getByRole('columnheader', { name: 'Head count' }).count()).toBe(0);

    await page.goto(`${address}/settings/model/projects?tab=settings`);
    await page.getByRole('button', { name: 'Deactivate', exact: true }).click();
    await navigation().getByRole('link', { name: 'Ventures', exact: true }).waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Reactivate', exact: true }).click();
    await navigation().getByRole('link', { name: 'Ventures', exact: true }).waitFor();
  });

  test('computes a field, and names the word that a formula has wrong', async () => {
    await page.goto(`${address}/settings/model/companies`);
    await page.getByRole('button', { name: 'Add field', exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: /^Formula / }).click();
    await dialog.getByLabel('Label', { exact: true }).fill('Revenue per head');
    const formula = dialog.getByRole('textbox', { name: 'Formula' });
    await formula.click();
    await page.keyboard.type('annualRevenue / emplo');
    await dialog.getByRole('option', { name: /employees/ }).waitFor();
    await page.keyboard.type('yeees');
    await dialog.getByText('There is no field "employeees"').waitFor();
    expect(await dialog.getByRole('button', { name: 'Add field', exact: true }).isDisabled()).toBe(true);
    await formula.fill('annualRevenue / employees');
    await dialog.getByText('Gives currency').waitFor();
    await shot('formula');
    await dialog.getByRole('button', { name: 'Add field', exact: true }).click();
    await dialog.waitFor({ state: 'detached' });
    await fieldRow('Revenue per head').getByText('Formula, currency').waitFor();
  }, 120_000);

  test('lists who breaks a rule before it is applied, and applies it to new records only', async () => {
    await page.getByRole('tab', { name: /^Rules/ }).click();
    await page.getByRole('button', { name: 'Add rule' }).click();
    const panel = page.getByRole('dialog').first();
    await panel.getByRole('radio', { name: 'Within limits' }).check();
    await panel.getByRole('combobox', { name: 'Field', exact: true }).click();
    await page.getByRole('option', { name: 'Employees' }).click();
    await panel.getByLabel('To', { exact: true }).fill('1000');
    await panel.getByText(/records break it now/).waitFor();
    await shot('rule');
    await panel.getByRole('button', { name: 'Add rule' }).click();
    const plan = page.getByRole('dialog', { name: 'Add a rule' });
    await plan.getByText(/add constraint/).waitFor();
    expect(await plan.getByRole('button', { name: 'Add rule' }).isDisabled()).toBe(true);
    await shot('plan');
    await plan.getByRole('button', { name: 'For new records only' }).click();
    await plan.waitFor({ state: 'detached' });
    await page
      .getByRole('list', { name: 'Rules', exact: true })
      .getByText(/Employees must be at most 1,?000/)
      .waitFor();
  }, 120_000);

  test('changes the type of a field after a preview, and undoes it', async () => {
    await page.goto(`${address}/settings/model/companies?field=employees`);
    await page.getByRole('button', { name: 'Change type…' }).click();
    const dialog = page.getByRole('dialog', { name: /Change the type/ });
    await dialog.getByRole('combobox', { name: /becomes/ }).click();
    await page.getByRole('option', { name: 'Exact number', exact: true }).click();
    await dialog.getByText(/values? converts?/).waitFor();
    await shot('type-change');
    await dialog.getByRole('button', { name: 'Change type' }).click();
    const plan = page.getByRole('dialog', { name: /Make “Employees”/ });
    await plan.getByRole('button', { name: 'Change type' }).click();
    await plan.waitFor({ state: 'detached' });
    await page.goto(`${address}/settings/model/companies?field=employees`);
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.getByText('“Employees” is number again.').waitFor();
    await page.keyboard.press('Escape');
  }, 120_000);

  test('draws the objects, and relates two of them by dragging', async () => {
    await page.goto(`${address}/settings/diagram`);
    const card = (label: string) =>
      page.locator('.react-flow__node').filter({ has: page.getByRole('link', { name: label, exact: true }) });
    await card('Companies').waitFor();
    await page.waitForTimeout(500);
    const [from, to] = await Promise.all([
      card('Companies').locator('.react-flow__handle.source').boundingBox(),
      card('Tasks').boundingBox(),
    ]);
    if (!from || !to) throw new Error('The diagram is not on screen.');
    await page.mouse.move(from.x + from.width / 2, from.y + from.height / 2);
    await page.mouse.down();
    await page.mouse.move(to.x + 4, to.y + to.height / 2, { steps: 10 });
    await shot('diagram');
    await page.mouse.up();
    const panel = page.getByRole('dialog');
    expect(await panel.getByLabel('Label', { exact: true }).inputValue()).toBe('Task');
    await panel.getByRole('button', { name: 'Add field', exact: true }).click();
    await panel.waitFor({ state: 'detached' });
    await card('Companies').getByRole('button', { name: 'Task', exact: true }).waitFor();
  }, 120_000);

  test('tells the history, and reverts the model to a point of it', async () => {
    await page.getByRole('link', { name: 'History' }).click();
    const history = page.getByRole('list', { name: 'History' });
    await history.getByText('Added the field "Task" of Companies').waitFor();
    await history
      .getByRole('button', { name: /^Revert to this point/ })
      .first()
      .click();
    const plan = page.getByRole('dialog');
    await plan.getByText('Task', { exact: false }).first().waitFor();
    await shot('revert');
    await plan.getByRole('button', { name: 'Revert', exact: true }).click();
    await plan.waitFor({ state: 'detached' });
    await page.goto(`${address}/settings/model/companies`);
    await fieldRow('Employees').waitFor();
    expect(await fieldRow('Task').count()).toBe(0);
  }, 120_000);

  test('shows a change made in SQL within a second, in the table and on the record page', async () => {
    await openTable('Companies');
    const row = rows().nth(4);
    const id = await idOf(row);
    await sql('update $schema.companies set name = $1 where id = $2', ['Changed in psql', id]);
    await row.getByText('Changed in psql').waitFor({ timeout: 1000 });
    await page.goto(`${address}/objects/companies/${id}`);
    await page.getByRole('heading', { level: 1, name: 'Changed in psql' }).waitFor();
    await page.waitForTimeout(300);
    await sql('update $schema.companies set name = $1 where id = $2', ['Changed again', id]);
    await page.getByRole('heading', { level: 1, name: 'Changed again' }).waitFor({ timeout: 1000 });
  });

  test('shows an object made in SQL in the navigation with no reload', async () => {
    await page.evaluate(() => {
      document.title = 'still the same page';
    });
    await sql(
      `insert into metadata.objects (workspace_id, name_singular, name_plural, label_singular, label_plural)
         select id, 'vessel', 'vessels', 'Vessel', 'Vessels' from core.workspaces`,
    );
    await navigation().getByRole('link', { name: 'Vessels', exact: true }).waitFor({ timeout: 3000 });
    expect(await page.title()).toBe('still the same page');
  });

  test('finds objects and records with the keyboard alone', async () => {
    await page.keyboard.press('Control+k');
    await page.getByPlaceholder('Search records, or type a command').fill('opportun');
    await page.getByRole('option', { name: 'Opportunities' }).first().waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Opportunities' }).waitFor();
    await page.keyboard.press('Control+k');
    await page.getByPlaceholder('Search records, or type a command').fill('Walda Stepper');
    await page.getByRole('dialog').getByText('Walda Stepper').waitFor();
    await shot('command');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Walda Stepper' }).waitFor();
    await page.locator('body').press('g');
    await page.locator('body').press('p');
    await page.getByRole('heading', { level: 1, name: 'People' }).waitFor();
    await page.locator('body').press('?');
    await page.getByRole('dialog').getByText('Keyboard shortcuts').waitFor();
    await shot('shortcuts');
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  });

  test('is as good in the dark', async () => {
    await navigation().getByRole('button').first().click();
    await page.getByRole('menuitemradio', { name: 'Dark' }).click();
    const isDark = () => page.locator('html').getAttribute('data-mantine-color-scheme');
    expect(await isDark()).toBe('dark');
    await eventually(
      async () => (await sql(`select from $schema.workspace_members where color_scheme = 'DARK'`)).length === 1,
      'the profile is dark',
    );
    expect(await isDark()).toBe('dark');
    await page.keyboard.press('Escape');
    await rows().first().waitFor();
    await shot('people-dark');
  });

  test('is usable on a phone', async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    await page.getByRole('navigation', { name: 'Quick' }).getByRole('link', { name: 'Companies' }).click();
    const card = page.getByRole('article').first();
    await card.waitFor();
    await shot('phone-companies');
    await card.getByRole('link').click();
    await page.getByRole('button', { name: /^Edit Employees/ }).click();
    await page.getByLabel('Employees', { exact: true }).fill('5');
    await page.keyboard.press('Enter');
    await page.locator('[data-field="employees"]').getByText('5', { exact: true }).waitFor();
    const wider = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
    expect(wider).toBe(false);
    await shot('phone-company');
    await page.getByRole('button', { name: 'More', exact: true }).click();
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Tasks', exact: true }).click();
    await page.getByRole('button', { name: 'New' }).click();
    await page.getByRole('dialog').getByLabel('Title').fill('Call from the train');
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByRole('heading', { level: 1, name: 'Call from the train' }).waitFor();
  });

  test('signs out', async () => {
    await page.setViewportSize({ width: 1440, height: 900 });
    await navigation().getByRole('button').first().click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in to Relvar' }).waitFor();
  });
});
