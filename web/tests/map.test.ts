import { jest } from '@jest/globals';
import { createServer } from 'node:http';
import { mkdirSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { eventually } from '../../server/testing/server.ts';
import { startApplication } from './application.ts';
import { expectAccessible, launchChromium } from './chromium.ts';

/** Somebody who travels looks for companies on a map. The steps build on each other. */
const database = useDatabase();
const shots = join(import.meta.dirname, '..', '..', 'data', 'screenshots');

let browser: Browser;
let page: Page;
let address: string;
let schema = '';
const asked: string[] = [];
const complaints: string[] = [];

// A loaded machine is slow, not wrong.
jest.setTimeout(180_000);

const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
  'base64',
);

async function enter(options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    colorScheme: 'light',
    locale: 'en-GB',
    ...options,
  });
  context.setDefaultTimeout(20_000);
  const opened = await context.newPage();
  opened.on('pageerror', (error) => complaints.push(error.message));
  await opened.goto(address);
  await opened.getByLabel('E-mail').fill(DEMO_EMAIL);
  await opened.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await opened.getByRole('button', { name: 'Sign in', exact: true }).click();
  await opened.locator('main#main h1').first().waitFor();
  return opened;
}

const sql = async (text: string, values: unknown[] = []) =>
  (await database.admin.query<Record<string, unknown>>(text, values)).rows;
const one = async (text: string, values: unknown[] = []): Promise<string> =>
  String(Object.values((await sql(text, values))[0] ?? {})[0]);
const place = (name: string) =>
  one(
    `select concat_ws(' ', round(address_lat::numeric, 2), round(address_lng::numeric, 2), address_city) from ${schema}.companies where name = $1`,
    [name],
  );

beforeAll(async () => {
  mkdirSync(shots, { recursive: true });
  // A server of pictures of the ground, which is another origin.
  const ground = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.setHeader('content-type', 'image/png');
    response.end(PIXEL);
  });
  await new Promise<void>((resolve) => ground.listen(0, '127.0.0.1', resolve));
  database.onEnd(async () => void ground.close());
  const tiles = `http://127.0.0.1:${(ground.address() as AddressInfo).port}/{z}/{x}/{y}.png © Ground and sons`;
  [address, browser] = await Promise.all([startApplication(database, { RELVAR_MAP_TILES: tiles }), launchChromium()]);
  database.onEnd(() => browser.close());
  schema = await one('select schema_name from core.workspaces');
  await sql(`update ${schema}.companies set address_lat = null, address_lng = null`);
  await sql(
    `insert into ${schema}.companies (name, address_city, address_lat, address_lng) values
       ('Isar Optics', 'Munich', 48.137, 11.575), ('Spree Systems', 'Berlin', 52.52, 13.405), ('Alster Foods', 'Hamburg', 53.551, 9.994),
       ('Rhine Metals', 'Cologne', 50.938, 6.96), ('Danube Paper', 'Vienna', 48.208, 16.373), ('Tasman Wool', 'Hobart', -42.882, 147.327)`,
  );
  page = await enter();
}, 180_000);

afterAll(() => {
  expect(complaints).toEqual([]);
});

const list = (on = page) => on.getByRole('complementary', { name: 'In sight' });
const map = (on = page) => on.getByRole('group', { name: 'Map of companies' });
const pin = (name: string) => page.locator('[data-pin]').and(page.getByRole('button', { name, exact: true }));

test('shows where records are, with a list of what is in sight, and the ground that the server names', async () => {
  await page.goto(`${address}/objects/companies`);
  await page.getByRole('button', { name: 'Show as' }).and(page.locator('[aria-haspopup]')).click();
  await page.getByRole('radiogroup', { name: 'Show as' }).getByText('Map', { exact: true }).click();
  await page.waitForURL(/type=MAP/);
  await list().getByRole('button', { name: '6 in sight' }).waitFor();
  await list().getByText('Tasman Wool', { exact: true }).waitFor();
  expect(await list().locator('[data-place]').count()).toBe(6);
  await page.getByText('© Ground and sons').waitFor();
  await eventually('pictures of the ground', () => asked.some((url) => /^\/\d+\/\d+\/\d+\.png$/.test(url)));
  await expectAccessible(page);
  await page.screenshot({ path: join(shots, 'map.png') });
  const dark = await enter({ colorScheme: 'dark' });
  await dark.route('**/map', (route) => route.fulfill({ json: null }));
  await dark.goto(`${address}/objects/companies?view=all&type=MAP&sight=51,11,5.5`);
  await list(dark).getByText('Isar Optics', { exact: true }).click();
  await dark.getByRole('region', { name: 'Isar Optics' }).waitFor();
  await dark.locator('svg path[vector-effect]').waitFor();
  await expectAccessible(dark);
  await dark.screenshot({ path: join(shots, 'map-dark.png') });
  await dark.context().close();
});

test('goes nearer by keys, counts only what is in sight then, and keeps that in the address', async () => {
  await list().getByText('Isar Optics', { exact: true }).click();
  const card = page.getByRole('region', { name: 'Isar Optics' });
  await card.getByText('Munich').waitFor();
  await eventually(
    'the card has the focus',
    async () => (await page.evaluate(() => document.activeElement?.textContent)) === 'Open',
  );
  await page.keyboard.press('Escape');
  await card.waitFor({ state: 'detached' });
  await eventually(
    'the focus is back in the list',
    async () => (await page.evaluate(() => document.activeElement?.textContent)) === 'Isar Optics',
  );
  await map().focus();
  for (let i = 0; i < 6; i++) await page.keyboard.press('+');
  await list().getByRole('button', { name: '1 in sight' }).waitFor();
  await page.waitForURL(/sight=/);
  await page.reload();
  await list().getByRole('button', { name: '1 in sight' }).waitFor();
  await page.keyboard.press('Tab');
  await map().focus();
  await page.keyboard.press('0');
  await list().getByRole('button', { name: '6 in sight' }).waitFor();
});

test('filters by what is in sight, for every way to show records, and a view keeps it', async () => {
  await page.goto(`${address}/objects/companies?view=all&type=MAP&sight=51,11,5.5`);
  await list().getByRole('button', { name: '5 in sight' }).waitFor();
  await page.getByRole('button', { name: 'Filter by what is in sight' }).click();
  await page.waitForURL(/within/);
  await page.getByRole('button', { name: 'Save as a view…' }).click();
  await page.getByRole('dialog').getByLabel('Name').fill('Around here');
  await page.keyboard.press('Enter');
  await page.waitForURL((url) => /view=/.test(url.search) && !/within/.test(url.search));
  expect(await one(`select filter ->> 'operand' from metadata.views where name = 'Around here'`)).toBe('BETWEEN');
  const id = await one(`select id from metadata.views where name = 'Around here'`);
  await page.goto(`${address}/objects/companies?view=${id}&type=TABLE`);
  await page.getByRole('grid').getByText('Isar Optics', { exact: true }).waitFor();
  expect(await page.getByRole('grid').getByText('Tasman Wool', { exact: true }).count()).toBe(0);
  expect(await page.getByRole('grid').locator('[data-row]').count()).toBe(5);
});

test('a marker is dragged to where the record is, which is taken back', async () => {
  await page.goto(`${address}/objects/companies?view=all&type=MAP&sight=51,11,5.5`);
  await pin('Rhine Metals').waitFor();
  const from = await pin('Rhine Metals').boundingBox();
  await page.mouse.move(from!.x + 14, from!.y + 14);
  await page.mouse.down();
  await page.mouse.move(from!.x + 60, from!.y + 40, { steps: 4 });
  await page.mouse.move(from!.x + 114, from!.y + 14, { steps: 4 });
  await page.mouse.up();
  // A hundred pixels of this map are so many degrees.
  const degrees = (100 * 360) / (256 * 2 ** 5.5);
  await eventually('it is there', async () => {
    const [lat, lng, city] = (await place('Rhine Metals')).split(' ');
    return Math.abs(Number(lat) - 50.94) < 0.02 && Math.abs(Number(lng) - 6.96 - degrees) < 0.05 && city === 'Cologne';
  });
  await page.keyboard.press('Control+z');
  await eventually('it is back', async () => (await place('Rhine Metals')) === '50.94 6.96 Cologne');
});

test('what has no place is counted and listed, and put on the map by a button or by its coordinates', async () => {
  await page.goto(`${address}/objects/companies?view=all&type=MAP&sight=51,11,5.5`);
  const without = page.getByRole('button', { name: /without a place$/ });
  const count = Number((await without.textContent())!.replace(/\D/g, ''));
  expect(count).toBe(Number(await one(`select count(*) from ${schema}.companies where address_lat is null`)));
  await without.click();
  const aside = page.getByRole('complementary', { name: 'Without a place' });
  const first = aside.locator('[data-place]').first();
  const name = (await first.textContent()) ?? '';
  await aside.getByRole('button', { name: `Put ${name} in the middle of the map` }).click();
  await eventually('it has a place', async () => (await place(name)).startsWith('51.00 11.00'));
  await pin(name).waitFor();
  await expectAccessible(page);
  const id = await one(`select id from ${schema}.companies where name = 'Isar Optics'`);
  await page.goto(`${address}/objects/companies/${id}`);
  await page
    .getByRole('button', { name: /^Edit Address/ })
    .first()
    .click();
  await page.getByLabel('Address: latitude, longitude').fill('47.9 N, 200');
  await page.keyboard.press('Enter');
  await page.getByText('A longitude lies between −180 and 180.').waitFor();
  await page.getByLabel('Address: latitude, longitude').fill('47.9, 11.3');
  await page.keyboard.press('Enter');
  await eventually('typed', async () => (await place('Isar Optics')) === '47.90 11.30 Munich');
});

test('on a phone the list is below the map, and ten thousand places are drawn as few', async () => {
  await sql(
    `insert into ${schema}.companies (name, address_lat, address_lng) select 'Place ' || i, 45 + (i * 37 % 1000) / 100.0, 2 + (i * 91 % 1600) / 100.0 from generate_series(1, 10000) i`,
  );
  const phone = await enter({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  // As a server that names no pictures answers.
  await phone.route('**/map', (route) => route.fulfill({ json: null }));
  await phone.goto(`${address}/objects/companies?view=all&type=MAP&sight=50,10,4.5`);
  await phone
    .getByRole('button', { name: /near one another/ })
    .first()
    .waitFor();
  await phone.locator('svg path[d^="M"][vector-effect]').waitFor();
  await phone.getByText(/^Only the first 10,000 are shown/).waitFor();
  expect(await phone.locator('[data-pin], button[aria-label*="near one another"]').count()).toBeLessThan(150);
  const [above, below] = [await map(phone).boundingBox(), await list(phone).boundingBox()];
  expect(below!.y).toBeGreaterThanOrEqual(above!.y + above!.height - 1);
  await expectAccessible(phone);
  await phone.screenshot({ path: join(shots, 'map-phone.png') });
  await phone.context().close();
});
