import { jest } from '@jest/globals';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { eventually } from '../../server/testing/server.ts';
import { startApplication } from './application.ts';
import { launchChromium } from './chromium.ts';

/** Every kind of field in a table's cells and on a record's page, in a real browser, down to what the database keeps. */
const database = useDatabase();
const shots = join(import.meta.dirname, '..', '..', 'data', 'screenshots');

let browser: Browser;
let page: Page;
let address: string;
let schema: string;
const complaints: string[] = [];

const OPTIONS = JSON.stringify([
  { value: 'RED', label: 'Red', color: 'red', position: 0 },
  { value: 'BLUE', label: 'Blue', color: 'blue', position: 1 },
  { value: 'GREEN', label: 'Green', color: 'green', position: 2 },
]);

const FIELDS: [label: string, type: string, settings?: object][] = [
  ['Code', 'AUTO_NUMBER', { prefix: 'P-', padding: 4 }],
  ['Progress', 'PERCENT'],
  ['Effort', 'DURATION'],
  ['Ink', 'COLOR'],
  ['Site', 'LOCATION'],
  ['Tags', 'MULTI_SELECT'],
  ['Stars', 'RATING'],
  ['Office', 'ADDRESS', { subFields: ['street1', 'city', 'country'] }],
  ['Words', 'ARRAY', { maxNumberOfValues: 3 }],
  ['Mails', 'EMAILS'],
  ['Calls', 'PHONES'],
  ['Pages', 'LINKS', { maxNumberOfValues: 2 }],
  ['Papers', 'FILES'],
  ['Extra', 'RAW_JSON'],
  ['Summary', 'TEXT', { displayedMaxRows: 3 }],
  ['Rate', 'NUMBER', { type: 'percentage', decimals: 1 }],
  ['Due', 'DATE', { displayFormat: 'RELATIVE' }],
  ['Kick-off', 'DATE_TIME', { displayFormat: 'CUSTOM', customUnicodeDateFormat: 'dd.MM.yyyy HH:mm' }],
  ['Lead', 'MEMBER'],
];

async function sql<Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> {
  const result = await database.admin.query<Row>(text.replaceAll('$schema', schema), values);
  return result.rows;
}

/** Changes the model as a member with the role Admin does. */
async function asAdmin(statements: [string, unknown[]][]): Promise<void> {
  const client = await database.admin.connect();
  try {
    const { rows } = await client.query<{ role: string }>(
      `select r.pg_role as role from metadata.roles r join core.workspaces w on w.id = r.workspace_id where r.name = 'Admin'`,
    );
    await client.query('begin');
    await client.query(`select set_config('role', $1, true), set_config('search_path', $2, true)`, [
      rows[0]?.role,
      schema,
    ]);
    for (const [text, values] of statements) await client.query(text, values);
    await client.query('commit');
  } finally {
    client.release();
  }
}

const object = (name: string) =>
  `(select id from metadata.objects where name_singular = '${name}' and deleted_at is null)`;

async function makeProjects(): Promise<void> {
  await asAdmin([
    [`select metadata.create_object('Project', 'Projects')`, []],
    ...FIELDS.map(([label, type, settings = {}]): [string, unknown[]] => [
      `select metadata.create_field(object_id => ${object('project')}, label => $1, type => $2, settings => $3, options => $4)`,
      [label, type, settings, type === 'MULTI_SELECT' ? OPTIONS : '[]'],
    ]),
    ...(
      [
        ['Team', 'MANY_TO_MANY', 'person', false],
        ['Parent', 'RELATION', 'project', false],
        ['Client', 'RELATION', 'company', false],
        ['Supplier', 'RELATION', 'company', false],
        ['Contract', 'RELATION', 'opportunity', true],
      ] as const
    ).map(([label, type, target, unique]): [string, unknown[]] => [
      `select metadata.create_field(object_id => ${object('project')}, label => $1, type => $2, target_object_id => ${object(target)}, is_unique => $3, inverse_label => 'Projects', inverse_name => $4)`,
      [label, type, unique, `${label.toLowerCase()}Projects`],
    ]),
  ]);
  await asAdmin([
    [`select metadata.create_field(object_id => ${object('projectPersonLink')}, label => 'Role', type => 'TEXT')`, []],
  ]);
  await sql(
    `with files as (
       insert into $schema.record_files (name, created_by_type, stored_at) values ('plan.pdf', 'psql', now()), ('logo.png', 'psql', now()) returning id, name
     )
     insert into $schema.projects (name, papers)
     select 'Project ' || n, (select jsonb_agg(jsonb_build_object('id', f.id, 'name', f.name) order by f.name desc) from files f) from generate_series(1, 6) n`,
  );
}

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
  await makeProjects();
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    colorScheme: 'light',
    locale: 'en-GB',
  });
  context.setDefaultTimeout(30_000);
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: address });
  page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(address);
  await page.getByLabel('E-mail').fill(DEMO_EMAIL);
  await page.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { level: 1, name: 'Companies' }).waitFor();
  await openProjects();
}, 120_000);

afterAll(() => {
  expect(complaints).toEqual([]);
});

const shot = (name: string) => page.screenshot({ path: join(shots, `${name}.png`) });
const rows = () => page.getByRole('grid').locator('[data-row]');
const rowOf = (text: string) => rows().filter({ hasText: text }).first();
const cellOf = (row: Locator, column: string) => row.locator(`[data-column="${column}"]`);
const idOf = async (row: Locator) => (await row.getAttribute('data-row')) ?? '';

async function openProjects(): Promise<void> {
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Projects', exact: true }).click();
  await page.getByRole('heading', { level: 1, name: 'Projects', exact: true }).waitFor();
  await rowOf('Project 1').waitFor();
}

/** Takes a cell in hand by keyboard, wherever its column is. */
async function take(row: Locator, column: string): Promise<Locator> {
  const name = cellOf(row, 'name');
  const box = await name.boundingBox();
  if (!box) throw new Error('The row is not on screen.');
  // A click on the cell in hand would begin an edit.
  if ((await name.getAttribute('data-active')) === null)
    await page.mouse.click(box.x + box.width - 6, box.y + box.height / 2);
  await name.and(page.locator('[data-active]')).waitFor();
  for (let step = 0; step < 60; step++) {
    if ((await page.locator('[data-active]').getAttribute('data-column')) === column) return cellOf(row, column);
    await page.keyboard.press('ArrowRight');
  }
  throw new Error(`The table has no column ${column}.`);
}

async function overwrite(row: Locator, column: string, text: string): Promise<void> {
  await take(row, column);
  await page.keyboard.type(text);
  await page.keyboard.press('Enter');
}

async function kept(row: Locator, columns: string, values: unknown[]): Promise<void> {
  const id = await idOf(row);
  let last = '';
  await eventually(`${columns} are ${JSON.stringify(values)}`, async () => {
    const [found] = await sql<object>(`select ${columns} from $schema.projects where id = $1`, [id]);
    last = JSON.stringify(Object.values(found ?? {}));
    return last === JSON.stringify(values);
  }).catch((cause: Error) => {
    throw new Error(`${cause.message}, but ${last}`);
  });
}

const paste = (text: string) =>
  page.getByRole('grid').evaluate((grid, given) => {
    const data = new DataTransfer();
    data.setData('text/plain', given);
    grid.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
  }, text);

/** Copies as Ctrl+C does, and gives what would lie on the clipboard. */
const copy = () =>
  page.getByRole('grid').evaluate((grid) => {
    const data = new DataTransfer();
    grid.dispatchEvent(new ClipboardEvent('copy', { clipboardData: data, bubbles: true, cancelable: true }));
    return data.getData('text/plain');
  });

describe('typed cells', () => {
  test('an auto-number is shown with its prefix and nobody types over it', async () => {
    const row = rowOf('Project 1');
    await cellOf(row, 'code')
      .getByText(/^P-000\d$/)
      .waitFor();
    expect(await cellOf(row, 'code').getAttribute('aria-readonly')).toBe('true');
    await take(row, 'code');
    await page.keyboard.type('5');
    expect(await page.locator('[data-editor]').count()).toBe(0);
  });

  test('a percentage, typed with or without its sign', async () => {
    const row = rowOf('Project 1');
    await overwrite(row, 'progress', '25');
    await cellOf(row, 'progress').getByText('25%', { exact: true }).waitFor();
    await kept(row, 'progress', [0.25]);
    await overwrite(row, 'progress', '7.5%');
    await kept(row, 'progress', [0.075]);
    await overwrite(row, 'rate', '12.5');
    await cellOf(row, 'rate').getByText('12.5%').waitFor();
    await kept(row, 'rate', [0.125]);
  });

  test('a duration, in the ways that people write it', async () => {
    const row = rowOf('Project 1');
    for (const [text, seconds] of [
      ['1h 30m', '5400'],
      ['45m', '2700'],
      ['1:30', '5400'],
    ] as const) {
      await overwrite(row, 'effort', text);
      await kept(row, 'effort', [seconds]);
    }
    await cellOf(row, 'effort').getByText('1h 30m').waitFor();
    await take(row, 'effort');
    await page.keyboard.type('a while');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').filter({ hasText: 'is not a duration' }).waitFor();
    await page.keyboard.press('Escape');
    await cellOf(row, 'effort').getByText('1h 30m').waitFor();
  });

  test('a colour and a location', async () => {
    const row = rowOf('Project 1');
    await overwrite(row, 'ink', '1c8');
    await cellOf(row, 'ink').getByText('#11cc88').waitFor();
    await overwrite(row, 'site', '48.137, 11.575');
    await kept(row, 'ink, site_lat, site_lng', ['#11cc88', 48.137, 11.575]);
  });

  test('a multi-select takes several, by keyboard', async () => {
    const row = rowOf('Project 1');
    await take(row, 'tags');
    await page.keyboard.press('Enter');
    await page.getByRole('combobox', { name: 'Tags' }).waitFor();
    await page.keyboard.type('red');
    await page.keyboard.press('Enter');
    await page.getByRole('combobox', { name: 'Tags' }).fill('gre');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Escape');
    await kept(row, 'tags', [['RED', 'GREEN']]);
    await cellOf(row, 'tags').getByText('Green').waitFor();
  });

  test('what is chosen second is saved second, however long the first takes', async () => {
    const row = rowOf('Project 1');
    let isFirst = true;
    await page.route('**/graphql', async (route) => {
      if (isFirst && route.request().postData()?.includes('mutation')) {
        isFirst = false;
        await new Promise((resolve) => setTimeout(resolve, 800));
      }
      await route.continue();
    });
    await take(row, 'tags');
    await page.keyboard.press('Enter');
    for (const letters of ['red', 'gre']) {
      await page.getByRole('combobox', { name: 'Tags' }).fill(letters);
      await page.keyboard.press('Enter');
    }
    await page.keyboard.press('Escape');
    await page.waitForTimeout(1500);
    await page.unroute('**/graphql');
    expect(isFirst).toBe(false);
    await kept(row, 'tags', [null]);
    // As it was, for the steps that follow.
    await take(row, 'tags');
    await page.keyboard.press('Enter');
    for (const letters of ['red', 'gre']) {
      await page.getByRole('combobox', { name: 'Tags' }).fill(letters);
      await page.keyboard.press('Enter');
    }
    await page.keyboard.press('Escape');
    await kept(row, 'tags', [['RED', 'GREEN']]);
  });

  test('a rating by its number', async () => {
    const row = rowOf('Project 1');
    await overwrite(row, 'stars', '4');
    await cellOf(row, 'stars').getByRole('img', { name: '4 of 5' }).waitFor();
    await kept(row, 'stars', [4]);
  });

  test('an address shows and asks for the parts that its setting names', async () => {
    const row = rowOf('Project 1');
    await take(row, 'office');
    await page.keyboard.press('Enter');
    // Where it is on a map is asked with any of them.
    expect(await page.getByLabel(/^Office: /).count()).toBe(4);
    await page.getByLabel('Office: street').fill('Brivibas 1');
    await page.getByLabel('Office: city').fill('Riga');
    await page.getByLabel('Office: country').fill('Latvia');
    await page.keyboard.press('Enter');
    await kept(row, 'office_street1, office_city, office_country', ['Brivibas 1', 'Riga', 'Latvia']);
    await cellOf(row, 'office').getByText('Brivibas 1, Riga, Latvia').waitFor();
  });

  test('several e-mails, phones, links and texts, up to the most that the field takes', async () => {
    const row = rowOf('Project 1');
    await take(row, 'mails');
    await page.keyboard.type('One@x.example');
    await page.keyboard.press('Control+Enter');
    await page.getByRole('textbox', { name: 'Mails 2' }).fill('two@x.example');
    await page.keyboard.press('Enter');
    await kept(row, 'mails_primary_email, mails_additional_emails', ['one@x.example', ['two@x.example']]);
    await cellOf(row, 'mails').getByText('+1').waitFor();

    await overwrite(row, 'mails', 'uno@x.example');
    await kept(row, 'mails_primary_email, mails_additional_emails', ['uno@x.example', ['two@x.example']]);

    await take(row, 'calls');
    await page.keyboard.type('+371 20000000');
    await page.getByRole('button', { name: 'Add a phone number' }).click();
    await page.getByRole('textbox', { name: 'Calls 2' }).fill('+49 30 901820');
    await page.keyboard.press('Enter');
    await kept(row, 'calls_primary_phone_calling_code, calls_primary_phone_number, calls_additional_phones', [
      '+371',
      '20000000',
      ['+49 30 901820'],
    ]);

    await take(row, 'pages');
    await page.keyboard.type('relvar.example');
    await page.getByRole('textbox', { name: 'Pages: shown as' }).fill('Home');
    await page.getByRole('button', { name: 'Add a link' }).click();
    await page.getByRole('textbox', { name: 'Pages 2', exact: true }).fill('docs.example');
    expect(await page.getByRole('button', { name: 'Add a link' }).count()).toBe(0);
    await page.keyboard.press('Enter');
    await kept(row, 'pages_primary_link_url, pages_primary_link_label, pages_secondary_links', [
      'https://relvar.example',
      'Home',
      [{ url: 'https://docs.example', label: null }],
    ]);
    await cellOf(row, 'pages').getByText('Home').waitFor();

    await take(row, 'words');
    await page.keyboard.type('alpha');
    await page.keyboard.press('Control+Enter');
    await page.getByRole('textbox', { name: 'Words 2' }).fill('beta');
    await page.keyboard.press('Enter');
    await kept(row, 'words', [['alpha', 'beta']]);
  });

  test('files by their names, and JSON', async () => {
    const row = rowOf('Project 1');
    await take(row, 'papers');
    await cellOf(row, 'papers').getByText('plan.pdf').waitFor();
    await take(row, 'extra');
    await page.keyboard.press('Enter');
    await page.getByRole('textbox', { name: 'Extra' }).fill('{"a": [1, 2');
    await page.keyboard.press('Control+Enter');
    await page.getByRole('alert').filter({ hasText: 'not valid JSON' }).waitFor();
    await page.getByRole('textbox', { name: 'Extra' }).fill('{"a": [1, 2]}');
    await page.keyboard.press('Control+Enter');
    await kept(row, 'extra', [{ a: [1, 2] }]);
  });

  test('dates in the format of their field', async () => {
    const row = rowOf('Project 1');
    await overwrite(row, 'due', 'tomorrow');
    await cellOf(row, 'due').getByText('tomorrow', { exact: true }).waitFor();
    await overwrite(row, 'kickOff', '2027-03-05 15:07');
    await cellOf(row, 'kickOff').getByText('05.03.2027 15:07').waitFor();
  });

  test('a text that cannot be read stays in its cell until it is corrected or taken back', async () => {
    const row = rowOf('Project 2');
    await take(row, 'due');
    await page.keyboard.type('some day');
    await cellOf(rowOf('Project 4'), 'due').click();
    const cell = cellOf(row, 'due');
    await cell.getByText('some day', { exact: true }).waitFor();
    await cell.hover();
    await cell.getByRole('alert').filter({ hasText: 'is not a date' }).waitFor();
    await take(row, 'due');
    await page.keyboard.press('Enter');
    expect(await page.getByRole('combobox', { name: 'Due' }).inputValue()).toBe('some day');
    await page.keyboard.press('Escape');
    await cell.getByText('some day').waitFor({ state: 'detached' });
  });
});

describe('links', () => {
  test('a member is chosen as “me”', async () => {
    const row = rowOf('Project 1');
    await take(row, 'lead');
    await page.keyboard.press('Enter');
    await page.getByRole('option').filter({ hasText: 'You' }).waitFor();
    await page.keyboard.type('me');
    await page.keyboard.press('Enter');
    await cellOf(row, 'lead').getByText('Tim Lindholm').waitFor();
    await eventually(
      'the lead is kept',
      async () =>
        (
          await sql(
            `select from $schema.projects p join $schema.workspace_members m on m.id = p.lead_id where p.id = $1 and m.user_email = $2`,
            [await idOf(row), DEMO_EMAIL],
          )
        ).length === 1,
    );
  });

  test('what is typed and confirmed at once waits for its search, and is never what stood there before', async () => {
    const row = rowOf('Project 2');
    let answer = () => {};
    const asked = new Promise<void>((resolve) => {
      answer = resolve;
    });
    await page.route('**/graphql', async (route) => {
      if (route.request().postData()?.includes('Project 5')) await asked;
      await route.continue();
    });
    await take(row, 'parent');
    await page.keyboard.press('Enter');
    await page.getByRole('option', { name: 'Project 1' }).waitFor();
    await page.keyboard.type('Project 5');
    await page.keyboard.press('Enter');
    await page.getByRole('option', { name: 'Project 1' }).waitFor();
    answer();
    await cellOf(row, 'parent').getByText('Project 5').waitFor();
    await page.unroute('**/graphql');

    await take(row, 'parent');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Enter');
    await page.getByRole('listbox').waitFor({ state: 'detached' });
    await take(row, 'parent');
    await page.keyboard.type('Nowhere');
    await page.keyboard.press('Enter');
    await page.getByRole('option', { name: 'Create “Nowhere”' }).waitFor();
    await page.keyboard.press('Escape');
    await kept(row, `(select p.name from $schema.projects p where p.id = projects.parent_id)`, ['Project 5']);
    expect(await sql(`select from $schema.projects where name = 'Nowhere'`)).toEqual([]);
  });

  test('many-to-many links and unlinks by choosing, and makes what is not there', async () => {
    const row = rowOf('Project 1');
    const id = await idOf(row);
    const team = async () =>
      (
        await sql<{ name: string }>(
          `select concat_ws(' ', p.name_first_name, p.name_last_name) as name from $schema.project_person_links l
             join $schema.people p on p.id = l.person_id where l.project_id = $1 order by l.created_at, l.id`,
          [id],
        )
      ).map(({ name }) => name);
    await take(row, 'team');
    await page.keyboard.press('Enter');
    const first = await page.getByRole('option').first().innerText();
    const second = await page.getByRole('option').nth(1).innerText();
    await page.getByRole('option').first().click();
    await page.getByRole('option').nth(1).click();
    await page.getByRole('option').first().click();
    const last = (label: string) => label.split('\n').at(-1) ?? '';
    await eventually(`the team is ${last(second)}`, async () => (await team()).join() === last(second));
    expect(first).not.toBe(second);
    await page.keyboard.type('Zora Newcomer');
    await page.getByRole('option', { name: 'Create “Zora Newcomer”' }).click();
    await eventually('the newcomer is in the team', async () => (await team()).includes('Zora Newcomer'));
    await cellOf(row, 'team').getByText('Zora Newcomer').waitFor();
    await shot('cells');
  });

  test('a link has fields of its own on the record’s page', async () => {
    await cellOf(rowOf('Project 1'), 'name').getByRole('link').click();
    const card = page.getByRole('region', { name: 'Team' });
    const item = card.getByRole('listitem').filter({ hasText: 'Zora Newcomer' });
    await item.getByRole('button', { name: /^Edit Role/ }).click();
    await item.getByRole('textbox', { name: 'Role' }).fill('Advisor');
    await page.keyboard.press('Enter');
    await eventually(
      'the role is kept',
      async () => (await sql(`select from $schema.project_person_links where role = 'Advisor'`)).length === 1,
    );
    await shot('links');
    await item.getByRole('button', { name: /^Remove Zora/ }).click();
    await item.waitFor({ state: 'detached' });
    await card.getByRole('button', { name: 'Link people' }).click();
    await page.getByRole('combobox', { name: 'Team' }).fill('Zora');
    await page.getByRole('option', { name: /Zora Newcomer/ }).click();
    await page.keyboard.press('Escape');
    await item.waitFor();
  });

  test('the other side shows the same links', async () => {
    await page
      .getByRole('region', { name: 'Team' })
      .getByRole('link', { name: /Zora Newcomer/ })
      .click();
    await page.getByRole('heading', { level: 1, name: 'Zora Newcomer' }).waitFor();
    await page.getByRole('region', { name: 'Projects', exact: true }).getByText('Project 1').waitFor();
  });

  test('a relation to its own object does not offer the record itself', async () => {
    await openProjects();
    await take(rowOf('Project 1'), 'parent');
    await page.keyboard.press('Enter');
    await page.getByRole('option', { name: /Project 2/ }).waitFor();
    expect(await page.getByRole('option', { name: /Project 1/ }).count()).toBe(0);
    await page.getByRole('option', { name: /Project 2/ }).click();
    await cellOf(rowOf('Project 1'), 'parent').getByText('Project 2').waitFor();
  });

  test('two relations between the same objects keep apart', async () => {
    const [company] = await sql<{ id: string; name: string }>(
      'select id, name from $schema.companies order by name limit 1',
    );
    await sql(`update $schema.projects set client_id = $1 where name = 'Project 3'`, [company?.id]);
    await sql(`update $schema.projects set supplier_id = $1 where name = 'Project 4'`, [company?.id]);
    await page.goto(`${address}/objects/companies/${company?.id}`);
    await page.getByRole('region', { name: 'Projects (Client)' }).getByText('Project 3').waitFor();
    await page.getByRole('region', { name: 'Projects (Supplier)' }).getByText('Project 4').waitFor();
  });

  test('one-to-one shows the one record and offers no second', async () => {
    const [deal] = await sql<{ id: string }>('select id from $schema.opportunities order by name limit 1');
    await page.goto(`${address}/objects/opportunities/${deal?.id}`);
    const card = page.getByRole('region', { name: 'Projects', exact: true });
    await card.getByRole('button', { name: 'Add project' }).waitFor();
    await sql(`update $schema.projects set contract_id = $1 where name = 'Project 5'`, [deal?.id]);
    await card.getByText('Project 5').waitFor();
    expect(await card.getByRole('button', { name: 'Add project' }).count()).toBe(0);
  });

  test('a relation to several objects is chosen from all of them', async () => {
    const [task] = await sql<{ id: string }>('select id from $schema.tasks order by title limit 1');
    await page.goto(`${address}/objects/tasks/${task?.id}`);
    await page.getByRole('button', { name: 'Link a record' }).click();
    await page.getByRole('listbox').getByText('Companies', { exact: true }).waitFor();
    await page.getByRole('listbox').getByText('People', { exact: true }).waitFor();
    await page.getByRole('combobox', { name: 'Record' }).fill('Zora');
    await page.getByRole('option', { name: /Zora Newcomer/ }).click();
    await page.getByRole('region', { name: 'About' }).getByText('Zora Newcomer').waitFor();
  });
});

describe('blocks of cells', () => {
  test('a block from a spreadsheet goes into the rows and columns from the cell in hand', async () => {
    await openProjects();
    const [one, two] = [rows().nth(0), rows().nth(1)];
    await take(one, 'progress');
    await paste('10%\t1h\t#336699\n20%\tnonsense\t#112233\n');
    await kept(one, 'progress, effort, ink', [0.1, '3600', '#336699']);
    await kept(two, 'progress, effort, ink', [0.2, null, '#112233']);
    await cellOf(two, 'effort').getByText('nonsense', { exact: true }).waitFor();
    await page.getByRole('alert').filter({ hasText: '1 cell was not pasted' }).waitFor();
    await shot('pasted');
    await page.getByText('5 cells pasted').waitFor();
    await page.getByRole('button', { name: 'Undo' }).click();
    await kept(one, 'progress, effort, ink', [null, null, null]);
    await take(two, 'effort');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Escape');
  });

  test('a relation is pasted by its label', async () => {
    const [company] = await sql<{ name: string }>(
      'select name from $schema.companies group by name having count(*) = 1 order by name limit 1',
    );
    const row = rows().nth(0);
    await take(row, 'client');
    await paste(company?.name ?? '');
    await cellOf(row, 'client')
      .getByText(company?.name ?? '')
      .waitFor();
    await take(row, 'client');
    await paste('Nobody Ltd');
    await cellOf(row, 'client').getByRole('alert').filter({ hasText: 'No company is called “Nobody Ltd”' }).waitFor();
    await cellOf(row, 'client').getByRole('button', { name: 'Take back' }).click();
  });

  test('what is copied from a cell can be pasted into another', async () => {
    const from = rowOf('Project 1');
    const to = rows().nth(2);
    for (const [column, text] of [
      ['mails', 'uno@x.example, two@x.example'],
      ['effort', '1h 30m'],
      ['tags', 'Red, Green'],
    ] as const) {
      await take(from, column);
      expect(await copy()).toBe(text);
      await take(to, column);
      await paste(text);
    }
    await kept(to, 'mails_additional_emails, effort, tags', [['two@x.example'], '5400', ['RED', 'GREEN']]);
  });

  test('a column is dragged to another place', async () => {
    await page.getByRole('grid').evaluate((grid) => grid.scrollTo(0, 0));
    const head = (name: string) => page.locator(`[data-head="${name}"]`);
    const [from, to] = [await head('ink').boundingBox(), await head('progress').boundingBox()];
    if (!from || !to) throw new Error('The heads are not on screen.');
    await page.mouse.move(from.x + 40, from.y + 16);
    await page.mouse.down();
    await page.mouse.move(from.x, from.y + 16, { steps: 4 });
    await page.mouse.move(to.x + 8, to.y + 16, { steps: 8 });
    await page.mouse.up();
    const names = () =>
      page.locator('[data-head]').evaluateAll((all) => all.map((each) => each.getAttribute('data-head')));
    await eventually(
      'the column has moved',
      async () => (await names()).slice(0, 4).join() === 'name,code,ink,progress',
    );
  });
});

describe('the record page', () => {
  test('shows all of a value, and edits it where it stands', async () => {
    await cellOf(rowOf('Project 1'), 'name').getByRole('link').click();
    await page.getByRole('heading', { level: 1, name: 'Project 1' }).waitFor();
    const field = (name: string) => page.locator(`[data-field="${name}"]`);
    await field('mails').getByText('two@x.example').waitFor();
    await field('pages').getByText('Home').waitFor();
    await field('papers').getByText('logo.png').waitFor();
    await field('office').getByText('Brivibas 1, Riga, Latvia').waitFor();
    expect(
      await field('code')
        .getByRole('button', { name: /^Edit / })
        .count(),
    ).toBe(0);
    await field('effort')
      .getByRole('button', { name: /^Edit / })
      .click();
    await page.getByRole('textbox', { name: 'Effort' }).fill('2h');
    await page.keyboard.press('Enter');
    await field('effort').getByText('2h').waitFor();
    await field('mails')
      .getByRole('button', { name: /^Edit / })
      .click();
    await page.getByRole('textbox', { name: 'Mails 2' }).fill('not an address');
    await page.getByRole('heading', { level: 1 }).click();
    await field('mails').getByRole('alert').filter({ hasText: 'is not an e-mail address' }).waitFor();
    await field('mails').getByRole('button', { name: 'Take back' }).click();
    await field('mails').getByText('two@x.example').waitFor();
    await shot('project');
  });
});

describe('what a record needs', () => {
  const nameInForm = () => page.getByRole('dialog').getByLabel('Name');
  const bid = async (column: string, name: string) =>
    (await sql<{ value: unknown }>(`select ${column} as value from $schema.bids where name = $1`, [name]))[0]?.value;

  beforeAll(async () => {
    const phases = JSON.stringify([
      { value: 'OPEN', label: 'Open', color: 'green', position: 0 },
      { value: 'LOST', label: 'Lost', color: 'red', position: 1 },
    ]);
    await asAdmin([
      [`select metadata.create_object('Bid', 'Bids')`, []],
      [
        `select metadata.create_field(object_id => ${object('bid')}, label => 'Price', type => 'NUMBER', is_required => true)`,
        [],
      ],
      [
        `select metadata.create_field(object_id => ${object('bid')}, label => 'Phase', type => 'SELECT', options => $1)`,
        [phases],
      ],
      [`select metadata.create_field(object_id => ${object('bid')}, label => 'Reason', type => 'TEXT')`, []],
    ]);
    const rule = `insert into metadata.rules (object_id, field_id, kind, settings, condition)
       select f.object_id, f.id, $2, $3, $4 from metadata.fields f where f.object_id = ${object('bid')} and f.name = $1`;
    await asAdmin([
      [rule, ['price', 'RANGE', '{"min": 1, "max": 100}', null]],
      [rule, ['reason', 'REQUIRED', '{}', 'phase = "LOST"']],
    ]);
  });

  test('a form asks for it, says what it may be, and keeps what was typed when the server refuses it', async () => {
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Bids', exact: true }).click();
    await page.getByRole('button', { name: 'Create the first bid' }).click();
    await nameInForm().fill('First');
    const dialog = page.getByRole('dialog');
    await dialog.getByText('between 1 and 100').waitFor();
    await dialog.getByRole('button', { name: 'Create' }).click();
    await dialog.getByText('Price is required.').waitFor();
    await dialog.getByLabel(/^Price/).fill('500');
    await dialog.getByRole('button', { name: 'Create' }).click();
    await dialog
      .locator('[id$="-error"]')
      .filter({ hasText: /1 and 100/ })
      .waitFor();
    await shot('form-refused');
    expect(await dialog.getByLabel(/^Price/).inputValue()).toBe('500');
    await dialog.getByLabel(/^Price/).fill('50');
    await dialog.getByRole('button', { name: 'Create' }).click();
    await dialog.waitFor({ state: 'detached' });
    await rowOf('First').waitFor();
  });

  test('a choice that demands another field waits for it, and both are saved together', async () => {
    const row = rowOf('First');
    await take(row, 'phase');
    await page.keyboard.type('lost');
    await page.keyboard.press('Enter');
    await cellOf(row, 'phase').getByRole('alert').filter({ hasText: 'Reason is required' }).waitFor();
    await cellOf(row, 'phase').getByText('Lost', { exact: true }).waitFor();
    expect(await bid('phase', 'First')).toBeNull();
    expect(await cellOf(row, 'reason').getAttribute('data-refused')).toBe('true');
    await overwrite(row, 'reason', 'Too dear');
    await eventually('the phase is kept', async () => (await bid('phase', 'First')) === 'LOST');
    expect(await bid('reason', 'First')).toBe('Too dear');
    await cellOf(row, 'phase').and(page.locator('[data-refused]')).waitFor({ state: 'detached' });
  });

  test('the record page marks what is required and says why an edit was refused', async () => {
    await cellOf(rowOf('First'), 'name').getByRole('link').click();
    const field = (name: string) => page.locator(`[data-field="${name}"]`);
    await field('price').getByLabel('required').waitFor();
    await field('reason')
      .getByRole('button', { name: /^Edit / })
      .click();
    await page.getByRole('textbox', { name: 'Reason' }).fill('');
    await page.keyboard.press('Enter');
    await field('reason').getByRole('alert').filter({ hasText: 'Reason is required' }).waitFor();
    await shot('record-refused');
    await field('reason').getByRole('button', { name: 'Take back' }).click();
    await field('reason').getByText('Too dear').waitFor();
  });
});

describe('computed fields', () => {
  beforeAll(async () => {
    await asAdmin([
      [
        `select metadata.create_field(object_id => ${object('project')}, label => 'Left', type => 'FORMULA', settings => '{"expression": "1 - progress"}')`,
        [],
      ],
      [
        `select metadata.create_field(object_id => ${object('project')}, label => 'Customer', type => 'FORMULA', settings => '{"expression": "client.name"}')`,
        [],
      ],
      [
        `select metadata.create_field(object_id => ${object('company')}, label => 'Work', type => 'ROLLUP', settings => jsonb_build_object(
           'aggregate', 'SUM', 'relationId', (select r.id from metadata.relations r join metadata.fields f on f.id = r.field_id where f.name = 'client' and f.object_id = ${object('project')}),
           'fieldId', (select id from metadata.fields where object_id = ${object('project')} and name = 'effort')))`,
        [],
      ],
    ]);
  });

  beforeAll(() =>
    sql(
      `update $schema.projects set client_id = (select id from $schema.companies order by name limit 1) where name = 'Project 3'`,
    ),
  );

  test('a formula is computed anew with what it reads, and nobody types over it', async () => {
    await openProjects();
    const row = rowOf('Project 3');
    const [client] = await sql<{ name: string }>(
      `select c.name from $schema.companies c join $schema.projects p on p.client_id = c.id where p.name = 'Project 3'`,
    );
    await take(row, 'customer');
    await cellOf(row, 'customer')
      .getByText(client?.name ?? '')
      .waitFor();
    await page.keyboard.type('x');
    expect(await page.locator('[data-editor]').count()).toBe(0);
    expect(await page.locator('[data-head="customer"] button').getAttribute('title')).toContain('= client.name');
    await overwrite(row, 'progress', '40%');
    await take(row, 'left');
    await cellOf(row, 'left')
      .getByText(/^0.6$|^60%$/)
      .waitFor();
    await sql(
      `update $schema.companies set name = 'Renamed by psql' where id = (select client_id from $schema.projects where name = 'Project 3')`,
    );
    await cellOf(row, 'customer').getByText('Renamed by psql').waitFor();
  });

  test('a rollup on screen follows the records that it adds up', async () => {
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Companies', exact: true }).click();
    await page.getByRole('heading', { level: 1, name: 'Companies', exact: true }).waitFor();
    const [company] = await sql<{ id: string }>(`select id from $schema.companies where name = 'Renamed by psql'`);
    await page.goto(`${address}/objects/companies/${company?.id}`);
    const field = page.locator('[data-field="work"]');
    await field.getByText(/^(–|0m)$/).waitFor();
    await sql(`update $schema.projects set effort = 5400 where name = 'Project 3'`);
    await field.getByText('1h 30m').waitFor();
    expect(await field.getByRole('button', { name: /^Edit / }).count()).toBe(0);
    await field.getByText('Work').hover();
    await page.getByRole('tooltip').getByText('Sum of Effort over Projects').waitFor();
    await shot('rollup');
  });
});
