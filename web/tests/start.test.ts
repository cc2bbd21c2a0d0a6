import { jest } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { startApplication } from './application.ts';
import { expectAccessible, launchChromium } from './chromium.ts';

/** The first steps of an administrator and of a member, and records to try a workspace with. The steps build on each other. */
const database = useDatabase();
jest.setTimeout(120_000);

let browser: Browser;
let address: string;
let page: Page;
let schema: string;
const complaints: string[] = [];

async function enter(email: string): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB' });
  context.setDefaultTimeout(30_000);
  const entered = await context.newPage();
  entered.on('pageerror', (error) => complaints.push(error.message));
  await entered.goto(address);
  await entered.getByLabel('E-mail').fill(email);
  await entered.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await entered.getByRole('button', { name: 'Sign in', exact: true }).click();
  await entered.getByRole('navigation', { name: 'Main' }).waitFor();
  return entered;
}
const count = async (table: string) =>
  Number((await database.admin.query<{ n: string }>(`select count(*) as n from ${schema}.${table}`)).rows[0]!.n);

beforeAll(async () => {
  [address, browser] = await Promise.all([startApplication(database), launchChromium()]);
  database.onEnd(() => browser.close());
  schema = (await database.admin.query<{ name: string }>('select schema_name as name from core.workspaces')).rows[0]!
    .name;
  page = await enter(DEMO_EMAIL);
}, 120_000);

afterAll(() => {
  expect(complaints).toEqual([]);
});

test('an administrator sees what is done, loads sample data, and removes it again', async () => {
  await page.getByRole('button', { name: /^First steps/ }).click();
  const dialog = page.getByRole('dialog', { name: 'First steps' });
  const step = (title: string) => dialog.getByRole('listitem').filter({ hasText: title });
  await step('Invite somebody').getByRole('img', { name: 'Done', exact: true }).waitFor();
  await step('Connect a program').getByRole('img', { name: 'To do' }).waitFor();
  await expectAccessible(page);
  const before = await count('companies');
  await step('Bring in records').getByRole('button', { name: 'Load sample data' }).click();
  await page.getByText('Loaded: 12 companies, 40 people, 25 opportunities').waitFor();
  expect(await count('companies')).toBe(before + 12);
  // One of them becomes somebody's own.
  await database.admin.query(
    `insert into ${schema}.people (name_first_name, company_id)
     select 'Own', s.record_id from core.sample_records s join metadata.objects o on o.id = s.object_id where o.name_singular = 'company' limit 1`,
  );
  await step('Bring in records').getByRole('button', { name: 'Remove the sample data' }).click();
  const question = page.getByRole('dialog', { name: 'Some samples are in use' });
  await question.getByText('One sample was changed').waitFor();
  await question.getByRole('button', { name: 'Keep them' }).click();
  await page.getByText(/sample records removed, 1 kept as your own/).waitFor();
  expect(await count('companies')).toBe(before + 1);
  await step('Bring in records').getByRole('button', { name: 'Load sample data' }).waitFor();
});

test('a step is done when it is, and the list is put away for good', async () => {
  await page.getByRole('dialog', { name: 'First steps' }).getByRole('link', { name: 'API keys' }).click();
  await page.getByRole('dialog', { name: 'First steps' }).waitFor({ state: 'detached' });
  const card = page.getByRole('button', { name: /^First steps/ });
  const shown = await card.innerText();
  await database.admin.query(
    `insert into core.api_keys (workspace_id, role_id, name, prefix, token_hash)
     select r.workspace_id, r.id, 'Sheet', 'rv_', 'x' from metadata.roles r limit 1`,
  );
  await card.click();
  const dialog = page.getByRole('dialog', { name: 'First steps' });
  await dialog
    .getByRole('listitem')
    .filter({ hasText: 'Connect a program' })
    .getByRole('img', { name: 'Done', exact: true })
    .waitFor();
  expect(await card.innerText()).not.toBe(shown);
  await dialog.getByRole('button', { name: 'Put this away for all administrators' }).click();
  await card.waitFor({ state: 'detached' });
  await page.reload();
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Trash' }).waitFor();
  await page.waitForTimeout(1_000);
  expect(await card.count()).toBe(0);
});

test('a member has first steps of his own, without those of the workspace', async () => {
  const member = await enter('amara@relvar.example');
  await member.getByRole('button', { name: /^First steps/ }).click();
  const dialog = member.getByRole('dialog', { name: 'First steps' });
  await dialog.getByText('Add your picture').waitFor();
  expect(await dialog.getByText('Invite somebody').count()).toBe(0);
  expect(await dialog.getByRole('button', { name: 'Load sample data' }).count()).toBe(0);
  await dialog.getByRole('button', { name: 'Put this away' }).click();
  await member.getByRole('button', { name: /^First steps/ }).waitFor({ state: 'detached' });
  await member.context().close();
});
