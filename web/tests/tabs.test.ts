import type { Browser, BrowserContext, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { startApplication } from './application.ts';
import { launchChromium } from './chromium.ts';

/** Many pages of one browser: over HTTP/1.1 it opens six connections to a server, and all pages must work. */
const database = useDatabase();
let browser: Browser;
let context: BrowserContext;
let address: string;

beforeAll(async () => {
  [address, browser] = await Promise.all([startApplication(database), launchChromium()]);
  database.onEnd(() => browser.close());
  context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  context.setDefaultTimeout(60_000);
}, 120_000);

async function rename(id: string, to: string): Promise<void> {
  const { rows } = await database.admin.query<{ schema_name: string }>('select schema_name from core.workspaces');
  await database.admin.query(`update ${rows[0]!.schema_name}.companies set name = $2 where id = $1`, [id, to]);
}

const seeing = (pages: Page[], name: string) =>
  Promise.all(pages.map((page) => page.getByRole('grid').getByText(name, { exact: true }).first().waitFor()));

test('eight pages of a browser show at once what changes, also after the one that listened for all is closed', async () => {
  const first = await context.newPage();
  await first.goto(address);
  await first.getByLabel('E-mail').fill(DEMO_EMAIL);
  await first.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await first.getByRole('button', { name: 'Sign in' }).click();
  await first.getByRole('navigation', { name: 'Main' }).waitFor();
  const pages = [first];
  await first.goto(`${address}/objects/companies`);
  for (let i = 0; i < 7; i++) {
    const page = await context.newPage();
    await page.goto(`${address}/objects/companies`);
    pages.push(page);
  }
  await Promise.all(pages.map((page) => page.locator('[data-row]').first().waitFor()));
  const id = (await first.locator('[data-row]').first().getAttribute('data-row'))!;

  await rename(id, 'Seen by all');
  await seeing(pages, 'Seen by all');

  await first.close();
  await rename(id, 'Seen by the rest');
  await seeing(pages.slice(1), 'Seen by the rest');
}, 240_000);
