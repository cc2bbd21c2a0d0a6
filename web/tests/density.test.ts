import { jest } from '@jest/globals';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { eventually } from '../../server/testing/server.ts';
import { startApplication } from './application.ts';
import { expectAccessible, launchChromium } from './chromium.ts';

/** How close lines stand, as each member likes it, on each of the member's devices. */
jest.setTimeout(120_000);
const database = useDatabase();
const complaints: string[] = [];
let browser: Browser;
let address: string;
let page: Page;

async function enter(options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB', ...options });
  context.setDefaultTimeout(40_000);
  const entered = await context.newPage();
  entered.on('pageerror', ({ message }) => complaints.push(message));
  await entered.goto(`${address}/objects/companies`);
  await entered.getByLabel('E-mail').fill(DEMO_EMAIL);
  await entered.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await entered.getByRole('button', { name: 'Sign in', exact: true }).click();
  await entered.locator('main#main').waitFor();
  return entered;
}

/** How far the second row is below the first, and how tall it is: they lie beside each other without a gap. */
async function rowHeight(of: Page): Promise<number> {
  const rows = of.getByRole('grid').locator('[data-row]');
  await rows.nth(1).waitFor();
  const [first, second] = [await rows.nth(0).boundingBox(), await rows.nth(1).boundingBox()];
  expect(second!.y - first!.y).toBe(second!.height);
  return second!.height;
}

const becomes = (what: string, of: Page, height: number) =>
  eventually(what, async () => (await rowHeight(of).catch(() => 0)) === height);

beforeAll(async () => {
  [address, browser] = await Promise.all([startApplication(database), launchChromium()]);
  database.onEnd(() => browser.close());
  page = await enter();
}, 120_000);

afterAll(() => {
  expect(complaints).toEqual([]);
});

test('a member draws the lines of a table closer together, at once, and finds them so after a reload', async () => {
  expect(await rowHeight(page)).toBe(32);
  const grid = page.getByRole('grid');
  await grid.evaluate((element) => (element.scrollTop = 100 * 32));
  const name = await eventually('rows further down are drawn', async () => {
    const row = grid.locator('[aria-rowindex="104"] [data-column]').first();
    return (await row.count()) > 0 && (await row.innerText()).split('\n').at(-1)!.trim();
  });

  await page.getByRole('button', { name: 'About this view' }).click();
  await page.getByRole('menuitemradio', { name: 'Compact' }).click();
  await becomes('rows are closer', page, 28);
  // Who was reading goes on where it was.
  const box = await grid.getByText(name, { exact: true }).first().boundingBox();
  expect(box!.y).toBeGreaterThan(60);
  expect(box!.y).toBeLessThan(300);
  await page.keyboard.press('Escape');

  await page.reload();
  await becomes('they are still', page, 28);
  // The editor covers its cell, no more and no less.
  const cell = grid.locator('[aria-rowindex="3"] [data-column]').nth(3);
  await cell.click();
  await page.keyboard.press('Enter');
  const editor = await grid.getByRole('textbox').boundingBox();
  expect(editor!.height).toBe(29);
  await page.keyboard.press('Escape');
});

test('it is chosen in the command menu and in the profile, too, and holds for cards and settings', async () => {
  await page.keyboard.press('ControlOrMeta+k');
  await page.getByRole('combobox').fill('density');
  expect(await page.getByRole('option', { name: 'Density: compact' }).count()).toBe(0);
  await page.getByRole('option', { name: 'Density: spacious' }).click();
  await becomes('rows are further apart', page, 40);

  await page.goto(`${address}/objects/opportunities?type=BOARD`);
  const heightOfCard = async () => (await page.locator('[data-card]').first().boundingBox())!.height;
  await page.locator('[data-card]').first().waitFor();
  const spacious = await heightOfCard();
  await page.goto(`${address}/settings/profile`);
  await page.getByRole('combobox', { name: 'Density' }).click();
  await page.getByRole('option', { name: 'Comfortable' }).click();
  await eventually('it is saved', async () => {
    const { rows } = await database.admin.query<{ density: string }>(
      'select m.density from core.members m join core.users u on u.id = m.user_id where u.email = $1',
      [DEMO_EMAIL],
    );
    return rows[0]!.density === 'COMFORTABLE';
  });
  await expectAccessible(page);
  await page.goto(`${address}/objects/opportunities?type=BOARD`);
  await page.locator('[data-card]').first().waitFor();
  expect(await heightOfCard()).toBeLessThan(spacious);
});

test('what cannot be saved is taken back, and told', async () => {
  await page.goto(`${address}/objects/companies`);
  await becomes('rows are as usual', page, 32);
  await page.route('**/metadata', async (route) =>
    route.request().postData()?.includes('updateMyProfile')
      ? route.fulfill({ status: 500, json: { errors: [{ message: 'No.', extensions: { code: 'INTERNAL' } }] } })
      : route.continue(),
  );
  await page.getByRole('button', { name: 'About this view' }).click();
  await page.getByRole('menuitemradio', { name: 'Spacious' }).click();
  await page.getByRole('alert').getByText('This was not saved').waitFor();
  await becomes('rows are as they were', page, 32);
  await page.unroute('**/metadata');
});

test('a finger finds lines that it can hit, however close they stand elsewhere', async () => {
  await database.admin.query("update core.members set density = 'COMPACT'");
  const tablet = await enter({ viewport: { width: 1024, height: 768 }, hasTouch: true, isMobile: true });
  expect(await rowHeight(tablet)).toBe(44);
  await tablet.context().close();
  const phone = await enter({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  const first = phone.getByRole('feed').getByRole('article').first();
  await first.waitFor();
  expect((await first.getByRole('link').boundingBox())!.height).toBeGreaterThanOrEqual(44);
  await first.getByRole('link').click();
  const field = phone.locator('[data-field]').first();
  await field.waitFor();
  expect((await field.boundingBox())!.height).toBeGreaterThanOrEqual(44);
  await phone.context().close();
});
