import type { Browser, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { startApplication } from './application.ts';
import { expectAccessible, launchChromium } from './chromium.ts';

/** Somebody takes back what he did, and gets back what was deleted. The steps build on each other. */
const database = useDatabase();

let browser: Browser;
let page: Page;
let schema: string;
const complaints: string[] = [];

const sql = async <Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> =>
  (await database.admin.query<Row>(text.replaceAll('$schema', schema), values)).rows;

beforeAll(async () => {
  let address: string;
  [address, browser] = await Promise.all([startApplication(database), launchChromium()]);
  database.onEnd(() => browser.close());
  schema = (await database.admin.query<{ name: string }>('select schema_name as name from core.workspaces')).rows[0]!
    .name;
  await database.admin.query(
    `select metadata.create_field(object_id => o.id, label => 'Badge', type => 'TEXT', is_unique => true)
     from metadata.objects o where o.name_singular = 'company'`,
  );
  await sql(`update $schema.companies set badge = 'B-' || name`);
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB' });
  context.setDefaultTimeout(15_000);
  page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(address);
  await page.getByLabel('E-mail').fill(DEMO_EMAIL);
  await page.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Companies' }).click();
  await page.getByRole('grid').waitFor();
}, 120_000);

afterAll(() => {
  expect(complaints).toEqual([]);
});

/** Waits until the database says so. */
async function untilKept(expected: unknown, question: () => Promise<unknown>): Promise<void> {
  const end = Date.now() + 15_000;
  while (JSON.stringify(await question()) !== JSON.stringify(expected) && Date.now() < end)
    await new Promise((resolve) => setTimeout(resolve, 50));
  expect(await question()).toEqual(expected);
}

const nameOf = async (id: string) =>
  (await sql<{ name: string }>('select name from $schema.companies where id = $1', [id]))[0]?.name;

let first: { id: string; name: string };

const firstRow = () => page.getByRole('grid').locator('[data-row]').first();
const rowOf = (id: string) => page.getByRole('grid').locator(`[data-row="${id}"]`);

/** Takes the name of the first row in hand as a person does: a click beside its link. */
async function takeFirstName(): Promise<void> {
  const cell = firstRow().locator('[data-column="name"]');
  const box = await cell.boundingBox();
  if (!box) throw new Error('The cell is not on screen.');
  if ((await cell.getAttribute('data-active')) === null)
    await page.mouse.click(box.x + box.width - 6, box.y + box.height / 2);
  await cell.and(page.locator('[data-active]')).waitFor();
}

test('what was typed into a cell is undone and done again', async () => {
  const id = (await firstRow().getAttribute('data-row'))!;
  first = { id, name: (await nameOf(id))! };
  await takeFirstName();
  await page.keyboard.type('Renamed');
  await page.keyboard.press('Enter');
  await untilKept('Renamed', () => nameOf(first.id));
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+z');
  await untilKept(first.name, () => nameOf(first.id));
  await page.getByText(`Undone: Name of a company.`).waitFor();
  await rowOf(first.id).getByText(first.name).first().waitFor();
  await page.keyboard.press('Control+Shift+z');
  await untilKept('Renamed', () => nameOf(first.id));
  await page.keyboard.press('Control+z');
  await untilKept(first.name, () => nameOf(first.id));
}, 60_000);

test('who undoes before the answer has come means what was typed last', async () => {
  await page.route('**/graphql', async (route) => {
    const response = await route.fetch();
    await new Promise((resolve) => setTimeout(resolve, 600));
    await route.fulfill({ response });
  });
  await takeFirstName();
  await page.keyboard.type('Hasty');
  await page.keyboard.press('Enter');
  await untilKept('Hasty', () => nameOf(first.id));
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+z');
  await untilKept(first.name, () => nameOf(first.id));
  await page.unrouteAll({ behavior: 'wait' });
  await rowOf(first.id).getByText(first.name).first().waitFor();
}, 60_000);

test('what somebody changed since is not overwritten unasked', async () => {
  await takeFirstName();
  await page.keyboard.type('Mine');
  await page.keyboard.press('Enter');
  await untilKept('Mine', () => nameOf(first.id));
  await page.keyboard.press('Escape');
  await sql(`update $schema.companies set name = 'Theirs' where id = $1`, [first.id]);
  await page.keyboard.press('Control+z');
  const dialog = page.getByRole('dialog', { name: 'Undo: Name of a company' });
  await dialog.getByText(/was changed since/).waitFor();
  await expectAccessible(page);
  expect(await nameOf(first.id)).toBe('Theirs');
  await dialog.getByRole('button', { name: 'Overwrite what came since' }).click();
  await untilKept(first.name, () => nameOf(first.id));
  await dialog.waitFor({ state: 'detached' });
}, 60_000);

test('deleted records are back by Undo, with their relations', async () => {
  const people = () =>
    sql<{ n: number }>('select count(*)::int as n from $schema.people where company_id = $1', [first.id]).then(
      (rows) => rows[0]!.n,
    );
  const before = await people();
  await rowOf(first.id).getByRole('checkbox').click();
  await page.getByRole('region', { name: 'Selection' }).getByRole('button', { name: 'Delete' }).click();
  await untilKept(undefined, () => nameOf(first.id));
  await page.getByRole('button', { name: 'Undo' }).last().click();
  await untilKept(first.name, () => nameOf(first.id));
  expect(await people()).toBe(before);
}, 60_000);

test('the trash says why a record cannot come back as it was, and takes it back without the taken value', async () => {
  await rowOf(first.id).getByRole('checkbox').click();
  await page.getByRole('region', { name: 'Selection' }).getByRole('button', { name: 'Delete' }).click();
  await untilKept(undefined, () => nameOf(first.id));
  await sql(`insert into $schema.companies (name, badge) values ('Usurper', $1)`, [`B-${first.name}`]);
  await page.getByRole('link', { name: 'Trash' }).click();
  await page.getByRole('heading', { name: 'Trash' }).waitFor();
  await page.getByLabel('Find in the trash').fill(first.name.slice(0, 4));
  const row = page.getByRole('row', { name: new RegExp(first.name) });
  await row.waitFor();
  await expectAccessible(page);
  await row.getByRole('button', { name: `Restore ${first.name}` }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('link', { name: 'Open Usurper' }).waitFor();
  expect(await dialog.getByLabel('Badge').inputValue()).toBe(`B-${first.name}`);
  await expectAccessible(page);
  await dialog.getByRole('button', { name: 'Restore without these values' }).click();
  await dialog.waitFor({ state: 'detached' });
  expect(await sql('select name, badge from $schema.companies where id = $1', [first.id])).toEqual([
    { name: first.name, badge: null },
  ]);
  await page.getByText('Nothing like this is in the trash').waitFor();
}, 60_000);

test('what is destroyed is gone, after a question', async () => {
  await sql(`delete from $schema.companies where name = 'Usurper'`);
  await page.getByLabel('Find in the trash').fill('');
  await page.getByRole('checkbox', { name: 'Select Usurper' }).check();
  await page.getByRole('region', { name: 'Selection' }).getByRole('button', { name: 'Delete for good' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete for good' }).click();
  await untilKept([], () => sql(`select 1 from $schema.trash where label = 'Usurper'`));
  await page.getByText('The trash is empty').waitFor();
}, 60_000);
