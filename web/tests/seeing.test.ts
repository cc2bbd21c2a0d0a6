import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { startApplication } from './application.ts';
import { launchChromium } from './chromium.ts';

/** What others see: their view, what is shared with them, and why. The steps build on each other. */
const database = useDatabase();
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let browser: Browser;
let keeper: Page;
let address: string;
let schema: string;
const complaints: string[] = [];

async function enter(email: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    colorScheme: 'light',
    locale: 'en-GB',
    ...options,
  });
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(address);
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.locator('main#main h1').first().waitFor();
  return page;
}

async function value(sql: string, values: unknown[] = []): Promise<string> {
  return (await database.admin.query<{ value: string }>(sql, values)).rows[0]?.value ?? '';
}

beforeAll(async () => {
  [address, browser] = await Promise.all([startApplication(database), launchChromium()]);
  database.onEnd(() => browser.close());
  schema = await value('select schema_name as value from core.workspaces');
  keeper = await enter(DEMO_EMAIL);
}, 120_000);

afterAll(() => {
  expect(complaints).toEqual([]);
});

async function expectAccessible(page: Page): Promise<void> {
  await page.evaluate(axe);
  const violations = await page.evaluate(async () => {
    const { axe: tool } = globalThis as unknown as {
      axe: { run: () => Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
    };
    return (await tool.run()).violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
  });
  expect(violations).toEqual([]);
}

const banner = (page: Page) => page.getByRole('region', { name: 'Whose view this is' });
const navigation = (page: Page) => page.getByRole('navigation', { name: 'Main' });

describe('seeing as somebody else', () => {
  test('a role is seen from the menu, on all pages, with nothing to change', async () => {
    await navigation(keeper)
      .getByRole('button', { name: /Relvar demo/ })
      .click();
    await keeper.getByRole('menuitem', { name: 'See as…' }).click();
    await keeper.getByPlaceholder('Choose a role').click();
    await keeper.getByRole('option', { name: 'Read-only' }).click();
    await expectAccessible(keeper);
    await keeper.getByRole('button', { name: 'See', exact: true }).click();
    await banner(keeper).getByText('the role Read-only').waitFor();
    await expectAccessible(keeper);
    expect(await navigation(keeper).getByRole('link', { name: 'Data model' }).count()).toBe(0);
    await navigation(keeper).getByRole('link', { name: 'Companies' }).click();
    await keeper.getByRole('grid').locator('[data-row]').first().waitFor();
    expect(await keeper.getByRole('button', { name: 'New company' }).count()).toBe(0);
    await keeper.goto(`${address}/settings/profile`);
    await keeper.getByLabel('First name').fill('Tom');
    await keeper.getByRole('button', { name: 'Save the name' }).click();
    await keeper.getByText(/Nothing can be changed while you see the workspace/).waitFor();
    await keeper.goto(`${address}/settings/roles`);
    await keeper.getByRole('heading', { name: 'You may not open this page' }).waitFor();
  });

  test('the way back is on every page, also on a phone in the dark', async () => {
    const phone = await enter(DEMO_EMAIL, { viewport: { width: 390, height: 844 }, colorScheme: 'dark' });
    await phone.goto(`${address}/settings/roles`);
    await phone.getByRole('link', { name: 'Member', exact: true }).click();
    await phone.getByRole('button', { name: 'See as' }).click();
    await banner(phone).getByText('the role Member').waitFor();
    await expectAccessible(phone);
    expect(await phone.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    await phone.reload();
    await banner(phone).getByRole('button', { name: 'Back to your view' }).click();
    await banner(phone).waitFor({ state: 'detached' });
    await phone.context().close();
    await banner(keeper).getByRole('button', { name: 'Back to your view' }).click();
    await banner(keeper).waitFor({ state: 'detached' });
    await navigation(keeper).getByRole('link', { name: 'Data model' }).waitFor();
  });

  test('a member’s own records are those that are shown', async () => {
    const role = await value(
      `insert into metadata.roles (workspace_id, name, permissions) select id, 'Rep', '{}' from core.workspaces returning id as value`,
    );
    await database.admin.query(
      `insert into metadata.record_rules (role_id, object_id, condition) select $1, o.id, 'accountOwner = currentMember()' from metadata.objects o where o.name_singular = 'company'`,
      [role],
    );
    const member = await value(
      `update core.members m set role_id = $1 from core.users u where u.id = m.user_id and u.email = 'amara@relvar.example' returning m.id as value`,
      [role],
    );
    const own = await value(`select count(*)::text as value from ${schema}.companies where account_owner_id = $1`, [
      member,
    ]);
    await keeper.goto(`${address}/settings/members`);
    await keeper.getByRole('button', { name: /^Actions for Amara/ }).click();
    await keeper.getByRole('menuitem', { name: /^See as Amara/ }).click();
    await banner(keeper)
      .getByText(/^Amara .* \(Rep\)$/)
      .waitFor();
    await keeper.goto(`${address}/objects/companies`);
    await keeper.locator('header').getByText(own, { exact: true }).waitFor();
    await banner(keeper).getByRole('button', { name: 'Back to your view' }).click();
    await banner(keeper).waitFor({ state: 'detached' });
  });
});
