import { jest } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { startApplication } from './application.ts';
import { expectAccessible, launchChromium } from './chromium.ts';

/** What opens over a page breaks no rule while it is open, and gives the keyboard back to what opened it. */
const database = useDatabase();
const complaints: string[] = [];
let browser: Browser;
let page: Page;
let address: string;
let company = '';
let role = '';

// A loaded machine is slow, not wrong.
jest.setTimeout(120_000);

beforeAll(async () => {
  [address, browser] = await Promise.all([startApplication(database), launchChromium()]);
  database.onEnd(() => browser.close());
  const { rows } = await database.admin.query<{ schema_name: string; role: string }>(
    `select w.schema_name, r.id as role from core.workspaces w join metadata.roles r on r.workspace_id = w.id where r.name = 'Member' limit 1`,
  );
  role = rows[0]?.role ?? '';
  const found = await database.admin.query<{ id: string }>(`select id from ${rows[0]!.schema_name}.companies limit 1`);
  company = found.rows[0]!.id;
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    locale: 'en-GB',
    reducedMotion: 'reduce',
  });
  context.setDefaultTimeout(30_000);
  page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(address);
  await page.getByLabel('E-mail').fill(DEMO_EMAIL);
  await page.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.locator('main#main h1').first().waitFor();
}, 120_000);

afterAll(() => {
  expect(complaints).toEqual([]);
});

const OVER = '[role="dialog"], [role="alertdialog"], [role="menu"]';

/** Where it is, and what its buttons open. */
const PAGES: { path: () => string; buttons: (string | RegExp)[] }[] = [
  {
    path: () => '/objects/people?view=all',
    buttons: ['About this view', 'Show as', 'Sort', 'Choose columns', /^Search/, /^Notifications/],
  },
  {
    path: () => '/objects/opportunities?view=all&type=BOARD',
    buttons: ['About the column New', 'New opportunity'],
  },
  { path: () => `/objects/companies/${company}`, buttons: ['More about this record'] },
  { path: () => '/settings/model', buttons: ['New object'] },
  { path: () => '/settings/teams', buttons: ['New team'] },
  { path: () => '/settings/roles', buttons: ['New role'] },
  { path: () => `/settings/roles/${role}`, buttons: ['Copy'] },
];

test.each(PAGES.flatMap(({ path, buttons }) => buttons.map((name) => ({ path, name }))))(
  'what $name opens',
  async ({ path, name }) => {
    const to = address + path();
    if (page.url() !== to) {
      await page.goto(to);
      // Menus come once the page stands.
      await page.locator('main h1').first().waitFor();
      await page.waitForTimeout(2_000);
    }
    const button = page.getByRole('button', { name, exact: typeof name === 'string' }).first();
    await button.waitFor();
    await button.focus();
    await page.keyboard.press('Enter');
    const over = page.locator(OVER).filter({ visible: true });
    await over.first().waitFor();
    await expectAccessible(page);
    expect(await page.evaluate((given) => document.activeElement?.closest(given) !== null, OVER)).toBe(true);
    await page.keyboard.press('Escape');
    await over.first().waitFor({ state: 'detached' });
    await expect(
      button.evaluate(async (element) => {
        for (let tries = 0; tries < 40 && document.activeElement !== element; tries += 1)
          await new Promise((resolve) => setTimeout(resolve, 50));
        return document.activeElement === element
          ? 'it has the focus'
          : document.activeElement?.outerHTML.slice(0, 200);
      }),
    ).resolves.toBe('it has the focus');
  },
);
