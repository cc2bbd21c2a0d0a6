import { jest } from '@jest/globals';
import type { Browser, CDPSession, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { startApplication } from './application.ts';
import { eventually } from '../../server/testing/server.ts';
import { expectAccessible, launchChromium } from './chromium.ts';

/** A day's work by one thumb, and what the keyboard and the focus do meanwhile. */
jest.setTimeout(60_000);
const database = useDatabase();
const complaints: string[] = [];
let browser: Browser;
let address: string;
let page: Page;
let devtools: CDPSession;
let schema: string;

const feed = () => page.getByRole('feed');
const card = (label: string) => page.getByRole('article', { name: label, exact: true });
const people = async (condition: string): Promise<number> => {
  const { rows } = await database.admin.query<{ n: number }>(
    `select count(*)::int as n from ${schema}.people where ${condition}`,
  );
  return rows[0]!.n;
};
const focused = () => page.evaluate(() => document.activeElement?.tagName ?? 'BODY');
const hasFocus = () => page.waitForFunction(() => document.activeElement !== document.body);

/** A finger that goes down in the middle of an element, goes aside, and is lifted after a while. */
async function draw(label: string, by: number, held = 0): Promise<void> {
  const box = await card(label).boundingBox();
  if (!box) throw new Error(`There is no card of ${label}.`);
  const x = box.x + box.width / 2;
  const y = box.y + box.height / 2;
  const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', at: number) =>
    devtools.send('Input.dispatchTouchEvent', { type, touchPoints: type === 'touchEnd' ? [] : [{ x: at, y }] });
  await touch('touchStart', x);
  for (let step = 1; by !== 0 && step <= 8; step++) await touch('touchMove', x + (by * step) / 8);
  if (held > 0) await page.waitForTimeout(held);
  await touch('touchEnd', x);
}

beforeAll(async () => {
  [address, browser] = await Promise.all([startApplication(database), launchChromium()]);
  database.onEnd(() => browser.close());
  const { rows } = await database.admin.query<{ schema_name: string }>('select schema_name from core.workspaces');
  schema = rows[0]!.schema_name;
  for (const [first, phone] of [
    ['Anna', '5550101'],
    ['Bea', null],
    ['Cleo', null],
  ])
    await database.admin.query(
      `insert into ${schema}.people (name_first_name, name_last_name, phones_primary_phone_number) values ($1, 'Thumb', $2)`,
      [first, phone],
    );
  const context = await browser.newContext({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  context.setDefaultTimeout(40_000);
  page = await context.newPage();
  page.on('pageerror', ({ message }) => complaints.push(message));
  devtools = await context.newCDPSession(page);
  await page.goto(`${address}/objects/people?sort=-createdAt`);
  await page.getByLabel('E-mail').fill(DEMO_EMAIL);
  await page.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('navigation', { name: 'Quick' }).waitFor();
  await page.goto(`${address}/objects/people?sort=-createdAt`);
  await card('Cleo Thumb').waitFor();
}, 120_000);

afterAll(() => {
  expect(complaints).toEqual([]);
});

test('a table is a list of cards that reads on, with a bar of five places beneath', async () => {
  await expectAccessible(page);
  expect(await page.getByRole('navigation', { name: 'Quick' }).locator('a, button').count()).toBe(5);
  for (const button of await page.getByRole('navigation', { name: 'Quick' }).locator('a, button').all())
    expect((await button.boundingBox())!.height).toBeGreaterThanOrEqual(44);
  await page.waitForFunction(() => {
    const list = document.querySelector('[role=feed]');
    list?.scrollTo(0, list.scrollHeight);
    return Number(list?.querySelector('article')?.getAttribute('aria-posinset')) > 150;
  });
  await feed().evaluate((element) => element.scrollTo(0, 0));
  await card('Cleo Thumb').waitFor();
});

test('a card that is drawn to the left is deleted, and comes back by undo', async () => {
  await draw('Bea Thumb', 60);
  await draw('Bea Thumb', -60);
  expect(await people(`name_first_name = 'Bea' and name_last_name = 'Thumb'`)).toBe(1);
  await draw('Bea Thumb', -180);
  await card('Bea Thumb').waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Undo' }).click();
  await card('Bea Thumb').waitFor();
  expect(await people(`name_first_name = 'Bea' and name_last_name = 'Thumb'`)).toBe(1);
});

test('drawn to the right it becomes a favourite, where it can be neither called nor written to', async () => {
  await draw('Cleo Thumb', 180);
  await page.getByText('Added to your favourites').waitFor();
  const { rows } = await database.admin.query<{ n: number }>(
    `select count(*)::int as n from metadata.favourites where kind = 'RECORD'`,
  );
  expect(rows[0]!.n).toBe(1);
});

test('all of it stands by name behind the three dots, and the focus comes back to them', async () => {
  const more = page.getByRole('button', { name: 'What to do with Anna Thumb' });
  await more.click();
  const sheet = page.getByRole('dialog', { name: 'Anna Thumb' });
  await sheet.getByRole('button', { name: 'Call 5550101' }).waitFor();
  expect(await sheet.getByRole('button').allInnerTexts()).toEqual(
    expect.arrayContaining(['Open', 'Add to favourites', 'Select', 'Delete']),
  );
  await expectAccessible(page);
  const box = await sheet.boundingBox();
  expect(Math.round(box!.y + box!.height)).toBe(844);
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => document.activeElement?.getAttribute('aria-label') === 'What to do with Anna Thumb');
  await page.keyboard.press('Enter');
  await sheet.getByRole('button', { name: 'Delete' }).click();
  await card('Anna Thumb').waitFor({ state: 'detached' });
  await hasFocus();
  expect(await focused()).not.toBe('BODY');
  await page.getByRole('button', { name: 'Undo' }).last().click();
  await card('Anna Thumb').waitFor();
});

test('cards are selected by holding one, and then by tapping', async () => {
  const selection = page.getByRole('region', { name: 'Selection' });
  // What was put back a moment ago may move under the finger when the list hears of it.
  while (!(await selection.isVisible())) await draw('Anna Thumb', 0, 900);
  await selection.getByText('1 person selected').waitFor();
  expect(page.url()).toContain('/objects/people?');
  await page.getByRole('checkbox', { name: 'Bea Thumb' }).tap();
  await selection.getByText('2 people selected').waitFor();
  expect(await page.getByRole('checkbox', { checked: true }).count()).toBe(2);
  await expectAccessible(page);
  await selection.getByRole('button', { name: 'Clear' }).click();
  await card('Anna Thumb').getByRole('link').waitFor();
  await hasFocus();
});

test('what opens, opens from below; a tap beside it closes it and nothing else', async () => {
  const sort = page.getByRole('button', { name: 'Sort' });
  await sort.tap();
  const menu = page.getByRole('menu');
  await menu.waitFor();
  const place = async () => {
    const box = (await page.locator('.mantine-Menu-dropdown').filter({ has: menu }).or(menu).first().boundingBox())!;
    return [Math.round(box.x), Math.round(box.width), Math.round(box.y + box.height)].join();
  };
  await eventually('it has come in', async () => (await place()) === '0,390,844');
  expect((await page.getByRole('menuitem').first().boundingBox())!.height).toBeGreaterThanOrEqual(44);
  await page.touchscreen.tap(195, 110);
  await menu.waitFor({ state: 'detached' });
  expect(new URL(page.url()).pathname).toBe('/objects/people');
});

test('the bar goes while one types', async () => {
  await page.getByRole('button', { name: 'New', exact: true }).tap();
  await page.getByRole('dialog').getByRole('textbox').first().focus();
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await hasFocus();
  await page.getByRole('navigation', { name: 'Quick' }).getByRole('button', { name: 'More' }).tap();
  await page.getByRole('link', { name: 'Trash' }).tap();
  await page.getByPlaceholder('Find by name').focus();
  await page.getByRole('navigation', { name: 'Quick' }).waitFor({ state: 'hidden' });
  await page.getByPlaceholder('Find by name').blur();
  await page.getByRole('navigation', { name: 'Quick' }).waitFor();
});

test('who goes to another page hears which, and has the keyboard there', async () => {
  await page.goto(`${address}/objects/people?sort=-createdAt`);
  await page.waitForFunction(() => document.title.startsWith('People · '));
  await card('Bea Thumb').getByRole('link').press('Enter');
  await page.getByRole('heading', { name: 'Bea Thumb', level: 1 }).waitFor();
  await hasFocus();
  await page.waitForFunction(() => document.title.startsWith('Bea Thumb · '));
  await page.waitForFunction(() =>
    [...document.querySelectorAll('body > [role=status]')].some(({ textContent }) => textContent === 'Bea Thumb'),
  );
});
