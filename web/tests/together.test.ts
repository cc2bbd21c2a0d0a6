import { randomUUID } from 'node:crypto';
import type { Browser, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { hashPassword } from '../../server/auth/passwords.ts';
import { startApplication } from './application.ts';
import { launchChromium } from './chromium.ts';

/** Two members in two browsers, who work on the same records at the same time. */
const database = useDatabase();
const SECOND = { email: 'mia@relvar.test', name: 'Mia Second', password: `secret ${randomUUID()}` };
let browser: Browser;
let address: string;
let [mine, hers]: Page[] = [];
let schema: string;
let company: string;

async function enter(email: string, password: string): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  await page.goto(address);
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('navigation', { name: 'Main' }).waitFor();
  return page;
}

beforeAll(async () => {
  [address, browser] = await Promise.all([startApplication(database), launchChromium()]);
  database.onEnd(() => browser.close());
  const { rows } = await database.admin.query<{ slug: string; schema_name: string }>(
    'select slug, schema_name from core.workspaces',
  );
  schema = rows[0]!.schema_name;
  await database.admin.query(`select core.add_member($1, $2, $3, 'Member', $4)`, [
    rows[0]!.slug,
    SECOND.email,
    SECOND.name,
    await hashPassword(SECOND.password),
  ]);
  [mine, hers] = await Promise.all([enter(DEMO_EMAIL, DEMO_PASSWORD), enter(SECOND.email, SECOND.password)]);
  // One that stands at the top of the list, where it is seen.
  await hers!.goto(`${address}/objects/companies`);
  await hers!.locator('[data-row]').first().waitFor();
  company = (await hers!.locator('[data-row]').first().getAttribute('data-row'))!;
}, 180_000);

const openRecord = async (page: Page) => {
  await page.goto(`${address}/objects/companies/${company}`);
  await page.getByRole('button', { name: /^Edit Name:/ }).waitFor();
};
const editName = async (page: Page) => {
  await page.getByRole('button', { name: /^Edit Name:/ }).press('Enter');
  return page.locator('[data-field="name"] input').first();
};

test('each sees that the other has the record open, and which field is being edited', async () => {
  await Promise.all([openRecord(mine!), openRecord(hers!)]);
  const here = mine!.getByRole('group', { name: 'Also here' });
  await here.getByRole('img', { name: 'Mia Second is looking at this' }).waitFor();
  await editName(hers!);
  await here.getByRole('img', { name: 'Mia Second is editing Name' }).waitFor();
  await mine!.getByText('Mia Second is editing this').waitFor();
  await hers!.keyboard.press('Escape');
  await here.getByRole('img', { name: 'Mia Second is looking at this' }).waitFor();
}, 120_000);

test('what one saves the other sees at once, and what one is typing stays as it is typed', async () => {
  const input = await editName(mine!);
  await input.fill('What I am still typing');
  await (await editName(hers!)).fill('Saved by Mia');
  await hers!.keyboard.press('Enter');
  await mine!.getByRole('navigation', { name: 'Breadcrumb' }).getByText('Saved by Mia').waitFor();
  expect(await input.inputValue()).toBe('What I am still typing');
  await mine!.keyboard.press('Enter');
  await hers!.getByRole('navigation', { name: 'Breadcrumb' }).getByText('What I am still typing').waitFor();
}, 120_000);

test('what changes after a list was read and before the page listens is shown all the same', async () => {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  context.setDefaultTimeout(60_000);
  await context.addCookies(await hers!.context().cookies());
  const page = await context.newPage();
  let listen = (): void => undefined;
  const gate = new Promise<void>((resolve) => (listen = resolve));
  await page.routeWebSocket(/\/graphql/, async (socket) => {
    await gate;
    socket.connectToServer();
  });
  await page.goto(`${address}/objects/companies`);
  const cell = page.locator(`[data-row="${company}"]`).first();
  await cell.waitFor();
  await database.admin.query(`update ${schema}.companies set name = 'Unheard of' where id = $1`, [company]);
  // The change has its position before anybody listens.
  await hers!.getByRole('navigation', { name: 'Breadcrumb' }).getByText('Unheard of').waitFor();
  expect(await page.getByText('Unheard of').count()).toBe(0);
  listen();
  await page.getByRole('grid').getByText('Unheard of', { exact: true }).first().waitFor();
  await context.close();
}, 120_000);

test('who leaves is gone, and a record that one deletes is gone for the other', async () => {
  await hers!.goto(`${address}/objects/companies`);
  await mine!.getByRole('img', { name: /Mia Second/ }).waitFor({ state: 'detached' });
  await hers!.locator(`[data-row="${company}"]`).first().waitFor();
  await database.admin.query(`update ${schema}.companies set name = 'Changed in psql' where id = $1`, [company]);
  await hers!.getByRole('grid').getByText('Changed in psql', { exact: true }).first().waitFor();
  await database.admin.query(`delete from ${schema}.companies where id = $1`, [company]);
  await mine!.getByRole('heading', { name: 'This company is not here' }).waitFor();
  await hers!.getByRole('grid').getByText('Changed in psql', { exact: true }).first().waitFor({ state: 'detached' });
}, 120_000);
