import { jest } from '@jest/globals';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { eventually } from '../../server/testing/server.ts';
import { startApplication } from './application.ts';
import { expectAccessible, launchChromium } from './chromium.ts';

/** The page of a record: worked with by one member, arranged by another who keeps the layouts. The steps build on each other. */
const database = useDatabase();
const shots = join(import.meta.dirname, '..', '..', 'data', 'screenshots');

let browser: Browser;
let owner: Page;
let amara: Page;
let address: string;
let schema = '';
let deal = '';
let company = '';
const complaints: string[] = [];

// A loaded machine is slow, not wrong.
jest.setTimeout(120_000);

async function enter(email: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    colorScheme: 'light',
    locale: 'en-GB',
    ...options,
  });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(address);
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.locator('main#main h1').first().waitFor();
  return page;
}

const one = async (sql: string, values: unknown[] = []): Promise<string> =>
  String(Object.values((await database.admin.query<Record<string, unknown>>(sql, values)).rows[0] ?? {})[0]);
const shot = (page: Page, name: string) => page.screenshot({ path: join(shots, `page-${name}.png`) });
const openDeal = (page: Page, more = '') => page.goto(`${address}/objects/opportunities/${deal}${more}`);
const path = (page: Page) => page.getByRole('list', { name: 'Stage' });

beforeAll(async () => {
  mkdirSync(shots, { recursive: true });
  [address, browser] = await Promise.all([startApplication(database), launchChromium()]);
  database.onEnd(() => browser.close());
  schema = await one('select schema_name from core.workspaces');
  company = await one(`insert into ${schema}.companies (name) values ('Cedar & Sons') returning id`);
  deal = await one(
    `insert into ${schema}.opportunities (name, stage, company_id) values ('Cedar renewal', 'NEW', $1) returning id`,
    [company],
  );
  await database.admin.query(
    `insert into ${schema}.opportunities (name, stage, company_id) values ('Birch renewal', 'NEW', $1)`,
    [company],
  );
  await database.admin.query(
    `insert into metadata.rules (workspace_id, object_id, field_id, kind, condition, message)
     select o.workspace_id, o.id, f.id, 'REQUIRED', 'stage = "PROPOSAL"', '' from metadata.objects o join metadata.fields f on f.object_id = o.id
     where o.name_singular = 'opportunity' and f.name = 'amount'`,
  );
  // A member who reads deals without their closing date.
  await database.admin.query(
    `insert into metadata.field_permissions (workspace_id, role_id, object_id, field_id, can_read)
     select r.workspace_id, r.id, o.id, f.id, false from metadata.roles r join metadata.objects o on o.workspace_id = r.workspace_id
       join metadata.fields f on f.object_id = o.id where r.name = 'Member' and o.name_singular = 'opportunity' and f.name = 'closeDate'`,
  );
  owner = await enter(DEMO_EMAIL);
  amara = await enter('amara@relvar.example');
}, 120_000);

afterAll(() => {
  expect(complaints).toEqual([]);
});

test('the head tells the name, what matters and the stage, and a click goes to the next stage', async () => {
  await openDeal(owner);
  await owner.getByRole('heading', { level: 1, name: 'Cedar renewal' }).waitFor();
  expect(await path(owner).getByRole('button').first().getAttribute('aria-current')).toBe('step');
  await path(owner).getByRole('button', { name: 'Meeting' }).click();
  await owner.getByRole('status').filter({ hasText: 'Saved' }).waitFor();
  await eventually(
    'the deal is in the meeting',
    async () => (await one(`select stage from ${schema}.opportunities where id = $1`, [deal])) === 'MEETING',
  );
  await expectAccessible(owner);
  await shot(owner, 'deal');
});

test('what a rule asks before a stage is asked where the stage was chosen', async () => {
  await path(owner).getByRole('button', { name: 'Proposal' }).click();
  const asking = owner.getByRole('group', { name: 'Before Proposal' });
  await asking
    .getByRole('alert')
    .filter({ hasText: /Amount/ })
    .first()
    .waitFor();
  await owner.getByRole('button', { name: '1 change is not saved' }).waitFor();
  await expectAccessible(owner);
  await shot(owner, 'asking');
  await asking.getByRole('button', { name: /^Edit Amount/ }).click();
  await asking.getByRole('textbox').first().fill('25k');
  await owner.keyboard.press('Enter');
  await asking.waitFor({ state: 'detached' });
  await eventually(
    'the deal is a proposal',
    async () => (await one(`select stage from ${schema}.opportunities where id = $1`, [deal])) === 'PROPOSAL',
  );
  await owner.keyboard.press('ControlOrMeta+z');
  await eventually(
    'the deal is in the meeting',
    async () => (await one(`select stage from ${schema}.opportunities where id = $1`, [deal])) === 'MEETING',
  );
});

test('next and previous go through the list that the record was opened from, also after a reload', async () => {
  await owner.goto(`${address}/objects/opportunities?sort=name`);
  const all = (
    await database.admin.query<{ name: string }>(`select name from ${schema}.opportunities order by name limit 3`)
  ).rows.map(({ name }) => name);
  await owner.getByRole('link', { name: all[0]!, exact: true }).click();
  await owner.getByRole('heading', { level: 1, name: all[0]! }).waitFor();
  await owner.waitForURL(/sort=name/);
  await owner.reload();
  await owner.getByRole('heading', { level: 1, name: all[0]! }).waitFor();
  await eventually('one can go on', async () => owner.getByRole('button', { name: 'Next record' }).isEnabled());
  expect(await owner.getByRole('button', { name: 'Previous record' }).isDisabled()).toBe(true);
  await owner.keyboard.press('j');
  await owner.getByRole('heading', { level: 1, name: all[1]! }).waitFor();
  await eventually('one can go on', async () => owner.getByRole('button', { name: 'Next record' }).isEnabled());
  await owner.keyboard.press('j');
  await owner.getByRole('heading', { level: 1, name: all[2]! }).waitFor();
  await eventually('one can go back', async () => owner.getByRole('button', { name: 'Previous record' }).isEnabled());
  await owner.keyboard.press('k');
  await owner.getByRole('heading', { level: 1, name: all[1]! }).waitFor();
  await owner.getByRole('navigation', { name: 'Breadcrumb' }).getByRole('link').click();
  await owner.waitForURL(/opportunities\?.*sort=name/);
});

const editor = () => owner.getByRole('region', { name: /^Arranging the page/ });
const handle = (name: string) => editor().getByRole('button', { name: `Move ${name}`, exact: true });
const cards = (list: string) =>
  editor().getByRole('list', { name: list }).locator(':scope > li strong').allInnerTexts();

async function arrange(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'More about this record' }).click();
  await page.getByRole('menuitem', { name: 'Arrange this page…' }).click();
  await editor().waitFor();
}

async function drag(page: Page, what: Locator, to: Locator): Promise<void> {
  await what.scrollIntoViewIfNeeded();
  const [from, box] = [await what.boundingBox(), await to.boundingBox()];
  if (!from || !box) throw new Error('There is nothing to drag.');
  await page.mouse.move(from.x + 8, from.y + 8);
  await page.mouse.down();
  await page.mouse.move(from.x + 20, from.y + 20, { steps: 3 });
  await page.mouse.move(box.x + box.width / 2, box.y + 6, { steps: 8 });
  await page.mouse.up();
}

test('who keeps the layouts arranges the page by mouse and by keyboard', async () => {
  await openDeal(owner);
  await arrange(owner);
  // By mouse: the timeline comes to the top.
  const first = (await cards('Cards of Overview'))[0]!;
  await drag(
    owner,
    handle('Timeline'),
    editor().getByRole('list', { name: 'Cards of Overview' }).locator(':scope > li').first(),
  );
  await eventually(
    'they stand as they were put',
    async () => String((await cards('Cards of Overview')).slice(0, 2)) === String(['Timeline', first]),
  );
  // By keyboard: down again by one, then back where it was by Escape.
  await handle('Timeline').focus();
  await owner.keyboard.press('Space');
  await owner.keyboard.press('ArrowDown');
  await eventually(
    'they stand as they were put',
    async () => String((await cards('Cards of Overview')).slice(0, 2)) === String([first, 'Timeline']),
  );
  await owner.keyboard.press('Escape');
  await eventually('it stands where it was put', async () => (await cards('Cards of Overview'))[0] === 'Timeline');
  expect(await owner.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toBe('Move Timeline');
  // To the other side, too.
  await owner.keyboard.press('Space');
  await owner.keyboard.press('ArrowLeft');
  await owner.keyboard.press('Space');
  await eventually('it stands where it was put', async () => (await cards('Cards beside the tabs'))[0] === 'Timeline');
  await expectAccessible(owner);
  await shot(owner, 'arranging');
  await editor().getByRole('button', { name: 'Discard' }).click();
  await owner.getByRole('tab', { name: 'Overview' }).waitFor();
  await owner.getByRole('region', { name: 'Timeline' }).waitFor();
});

test('groups, texts and conditions are for everybody once they are saved', async () => {
  await arrange(owner);
  await editor().getByRole('button', { name: 'Add beside the tabs' }).click();
  await owner.getByRole('menuitem', { name: 'Group of fields' }).click();
  await editor().getByRole('textbox', { name: 'Title of New group' }).fill('Money');
  const group = editor()
    .getByRole('listitem')
    .filter({ has: owner.getByRole('textbox', { name: 'Title of Money' }) });
  await drag(owner, handle('Amount'), group.getByText('Drag fields here.'));
  await eventually(
    'they stand as they were put',
    async () => String(await group.getByRole('listitem').allInnerTexts()) === String(['Amount']),
  );
  await drag(owner, handle('Close date'), group.getByRole('listitem').first());
  await eventually('it stands where it was put', async () => (await group.getByRole('listitem').count()) === 2);
  await editor().getByRole('button', { name: 'Add to the tab' }).click();
  await owner.getByRole('menuitem', { name: 'Text' }).click();
  await editor()
    .getByRole('textbox', { name: 'Text of Text' })
    .fill('Ask legal before you sign: https://legal.example');
  await editor().getByRole('button', { name: 'More for Text', exact: true }).click();
  await owner.getByRole('menuitem', { name: 'When it is shown…' }).click();
  const dialog = owner.getByRole('dialog', { name: /When “Text” is shown/ });
  await dialog.getByRole('button', { name: 'Add a condition' }).click();
  await dialog.getByLabel('Field', { exact: true }).selectOption({ label: 'Stage' });
  await dialog.getByRole('checkbox', { name: 'Proposal' }).check();
  await expectAccessible(owner);
  await shot(owner, 'condition');
  await dialog.getByRole('button', { name: 'Done' }).click();
  await dialog.waitFor({ state: 'detached' });
  await openDeal(amara);
  await amara.getByRole('heading', { level: 1, name: 'Cedar renewal' }).waitFor();
  await editor().getByRole('button', { name: 'Save' }).click();
  await editor().waitFor({ state: 'detached' });
  // Live on the other screen, without what her role does not read.
  const money = amara.getByRole('region', { name: 'Money' });
  await money.getByText('Amount').waitFor();
  expect(await amara.getByText('Close date').count()).toBe(0);
  await owner.getByRole('region', { name: 'Money' }).getByText('Close date').waitFor();
  expect(await amara.getByText('Ask legal').count()).toBe(0);
  await amara.getByRole('button', { name: 'More about this record' }).click();
  await amara.getByRole('menuitem', { name: 'As it was…' }).waitFor();
  expect(await amara.getByRole('menuitem', { name: 'Arrange this page…' }).count()).toBe(0);
  await amara.keyboard.press('Escape');
  // The condition is asked of the record as it is now.
  await database.admin.query(
    `update ${schema}.opportunities set stage = 'PROPOSAL', amount_amount_micros = 5000000, amount_currency_code = 'EUR' where id = $1`,
    [deal],
  );
  await amara.getByText('Ask legal').waitFor();
  await amara.getByRole('link', { name: 'https://legal.example' }).waitFor();
});

test('a role has a page of its own, and what is new in the model is on both', async () => {
  await arrange(owner);
  await editor().getByRole('combobox', { name: 'For whom' }).selectOption({ label: 'For the role Member' });
  await editor().getByRole('button', { name: 'Add a tab' }).click();
  await editor().getByRole('textbox', { name: 'Name of the tab' }).fill('For members');
  await editor().getByRole('button', { name: 'Add to the tab' }).click();
  await owner.getByRole('menuitem', { name: 'Text' }).click();
  await editor().getByRole('textbox', { name: 'Text of Text' }).last().fill('Welcome');
  await editor().getByRole('button', { name: 'Save' }).click();
  await editor().waitFor({ state: 'detached' });
  await amara.getByRole('tab', { name: 'For members' }).click();
  await amara.getByText('Welcome').waitFor();
  await amara.waitForURL(/tab=/);
  expect(await owner.getByRole('tab', { name: 'For members' }).count()).toBe(0);
  await database.admin.query(
    `select metadata.create_field(o.id, 'Confidence', 'PERCENT') from metadata.objects o where o.name_singular = 'opportunity'`,
  );
  for (const page of [owner, amara])
    await page.getByRole('region', { name: 'Fields' }).getByText('Confidence').waitFor();
});

test('related records are a table, a board and a chart, and are made in place', async () => {
  await owner.goto(`${address}/objects/companies/${company}`);
  await owner.getByRole('heading', { level: 1, name: 'Cedar & Sons' }).waitFor();
  const deals = owner.getByRole('region', { name: 'Opportunities', exact: true });
  await deals.getByRole('listitem').first().waitFor();
  const as = async (what: string) => {
    await arrange(owner);
    await editor().getByRole('button', { name: 'More for Opportunities', exact: true }).click();
    await owner.getByRole('menuitem', { name: what }).click();
    await editor().getByRole('button', { name: 'Save' }).click();
    await editor().waitFor({ state: 'detached' });
  };
  await as('As a table');
  await deals.getByRole('grid').waitFor();
  await deals.getByRole('link', { name: 'Cedar renewal' }).waitFor();
  expect(
    await deals
      .getByRole('row')
      .filter({ has: owner.getByRole('link') })
      .count(),
  ).toBe(2);
  await shot(owner, 'related-table');
  await as('As a board');
  await deals.getByRole('region', { name: 'New' }).getByRole('link', { name: 'Birch renewal' }).waitFor();
  await arrange(owner);
  await editor().getByRole('button', { name: 'Add to the tab' }).click();
  await owner.getByRole('menuitem', { name: 'Chart' }).click();
  const form = owner.getByRole('dialog', { name: 'What the chart shows' });
  await form.getByLabel('Records').selectOption({ label: 'Opportunities' });
  await form.getByLabel('A bar for each').selectOption({ label: 'Stage' });
  await form.getByRole('button', { name: 'Done' }).click();
  await editor().getByRole('button', { name: 'Add to the tab' }).click();
  await owner.getByRole('menuitem', { name: 'Web page' }).click();
  await editor().getByRole('textbox', { name: 'Address of Web page' }).fill('https://elsewhere.example/?q={name}');
  await editor().getByRole('button', { name: 'Save' }).click();
  await editor().waitFor({ state: 'detached' });
  await owner.getByRole('region', { name: 'Opportunities, By Stage' }).getByText('New').waitFor();
  // No origin is allowed here: the server says so, not the page.
  const frame = owner.getByRole('region', { name: 'Web page' });
  await frame.scrollIntoViewIfNeeded();
  await frame.getByText(/are not shown within Relvar/).waitFor();
  expect(await frame.getByRole('link', { name: 'Open' }).getAttribute('href')).toBe(
    'https://elsewhere.example/?q=Cedar%20%26%20Sons',
  );
  await expectAccessible(owner);
  await shot(owner, 'company');
});

test('the usual page comes back when nobody wants another', async () => {
  await arrange(owner);
  await editor().getByRole('button', { name: 'Back to the usual one' }).click();
  await editor().waitFor({ state: 'detached' });
  await owner.getByRole('region', { name: 'Opportunities', exact: true }).getByRole('listitem').first().waitFor();
  expect(await owner.getByRole('region', { name: 'Web page' }).count()).toBe(0);
});

test('on a phone there is one column, with what one does with a record under the thumb', async () => {
  const phone = await enter(DEMO_EMAIL, { viewport: { width: 390, height: 844 }, colorScheme: 'dark' });
  await openDeal(phone);
  await phone.getByRole('heading', { level: 1, name: 'Cedar renewal' }).waitFor();
  await phone.getByRole('tab', { name: 'Details' }).waitFor();
  await expectAccessible(phone);
  await shot(phone, 'phone');
  await phone.getByRole('tab', { name: 'Overview' }).click();
  await phone.getByRole('region', { name: 'Timeline' }).waitFor();
  const bar = phone.getByRole('toolbar', { name: 'What to do with this record' });
  await bar.getByRole('button', { name: 'More about this record' }).click();
  await phone.getByRole('menuitem', { name: 'As it was…' }).waitFor();
  await phone.keyboard.press('Escape');
  expect(await phone.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
  await phone.context().close();
});

test('a condition looks at the record that a relation leads to, and usual tabs are called in the language of who looks', async () => {
  const object = await one(`select id from metadata.objects where name_singular = 'person'`);
  const field = (of: string, name: string) => one(`select f.id from metadata.fields f join metadata.objects o on o.id = f.object_id where o.name_singular = $1 and f.name = $2`, [of, name]);
  const [via, employees] = [await field('person', 'company'), await field('company', 'employees')];
  const text = (id: string, operand: string) => ({ id, kind: 'TEXT', text: `They are ${id}`, condition: { fieldId: employees, via: [via], operand, value: '100' } });
  const content = { tabs: [{ id: 'overview', widgets: [text('many', 'GREATER_THAN_OR_EQUAL'), text('few', 'LESS_THAN'), { id: 'files', kind: 'FILES' }] }, { id: 'notes', widgets: [{ id: 'notes', kind: 'NOTES' }] }] };
  await database.admin.query(`select metadata.save_layout($1, $2)`, [object, JSON.stringify(content)]);
  const employer = await one(`insert into ${schema}.companies (name, employees) values ('Sizeable', 250) returning id`);
  const person = await one(`insert into ${schema}.people (name_first_name, company_id) values ('Sue', $1) returning id`, [employer]);
  await owner.goto(`${address}/objects/people/${person}`);
  await owner.getByText('They are many').waitFor();
  expect(await owner.getByText('They are few').count()).toBe(0);
  await owner.getByRole('tab', { name: 'Overview' }).waitFor();
  // In the dialog it is told whose field it is.
  await database.admin.query(`update ${schema}.companies set employees = 7 where id = $1`, [employer]);
  const german = await enter(DEMO_EMAIL);
  await german.goto(`${address}/objects/people/${person}?locale=de`);
  await german.getByText('They are few').waitFor();
  await german.getByRole('tab', { name: 'Übersicht' }).waitFor();
  await german.context().close();
  await database.admin.query('delete from metadata.layouts where object_id = $1', [object]);
}); // prettier-ignore
