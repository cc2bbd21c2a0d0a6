import { jest } from '@jest/globals';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { eventually } from '../../server/testing/server.ts';
import { startApplication } from './application.ts';
import { expectAccessible, launchChromium } from './chromium.ts';

/** A team plans its projects along the time. The steps build on each other. */
const database = useDatabase();
const shots = join(import.meta.dirname, '..', '..', 'data', 'screenshots');

let browser: Browser;
let page: Page;
let address: string;
let schema = '';
const complaints: string[] = [];

// A loaded machine is slow, not wrong.
jest.setTimeout(180_000);

async function enter(email: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    colorScheme: 'light',
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
    ...options,
  });
  context.setDefaultTimeout(20_000);
  const opened = await context.newPage();
  opened.on('pageerror', (error) => complaints.push(error.message));
  await opened.clock.setFixedTime(new Date('2026-11-18T10:30:00Z'));
  await opened.goto(address);
  await opened.getByLabel('E-mail').fill(email);
  await opened.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await opened.getByRole('button', { name: 'Sign in', exact: true }).click();
  await opened.locator('main#main h1').first().waitFor();
  return opened;
}

const sql = async (text: string, values: unknown[] = []) =>
  (await database.admin.query<Record<string, unknown>>(text, values)).rows;
const one = async (text: string, values: unknown[] = []): Promise<string> =>
  String(Object.values((await sql(text, values))[0] ?? {})[0]);
const project = (name: string) =>
  one(`select concat_ws(' ', starts::text, ends::text, stage) from ${schema}.projects where name = $1`, [name]);

beforeAll(async () => {
  mkdirSync(shots, { recursive: true });
  [address, browser] = await Promise.all([startApplication(database), launchChromium()]);
  database.onEnd(() => browser.close());
  schema = await one('select schema_name from core.workspaces');
  const workspace = await one('select id from core.workspaces');
  const object = await one(`select id from metadata.create_object('Project', 'Projects', workspace_id => $1)`, [
    workspace,
  ]);
  const stages = ['PLANNED', 'RUNNING', 'DONE'].map((value, position) => ({
    value,
    label: value.charAt(0) + value.slice(1).toLowerCase(),
    color: ['blue', 'orange', 'green'][position],
    position,
  }));
  for (const [label, type] of [
    ['Starts', 'DATE'],
    ['Ends', 'DATE'],
    ['Kick-off', 'DATE_TIME'],
    ['Stage', 'SELECT'],
    ['Reason', 'TEXT'],
  ])
    await sql(
      `insert into metadata.fields (object_id, label, type, options) values ($1, $2, $3, coalesce($4::jsonb, '[]'))`,
      [object, label, type, type === 'SELECT' ? JSON.stringify(stages) : null],
    );
  await sql(
    `insert into metadata.rules (workspace_id, object_id, field_id, kind, condition, message)
     select $1, f.object_id, f.id, 'REQUIRED', 'ends > date("2026-12-31")', '' from metadata.fields f where f.object_id = $2 and f.name = 'reason'`,
    [workspace, object],
  );
  await sql(
    `insert into ${schema}.projects (name, starts, ends, kick_off, stage)
     select name, starts::date, ends::date, kick_off::timestamptz, stage from (values
       ('Alder', '2026-11-16', '2026-11-20', '2026-11-20T07:00:00Z', 'PLANNED'), ('Birch', '2026-11-18', '2026-11-18', null, 'RUNNING'),
       ('Cedar', '2026-11-23', '2026-12-04', null, 'DONE'), ('Dogwood', '2026-12-21', '2026-12-30', null, 'PLANNED'),
       ('Elm', '2026-11-12', null, null, 'RUNNING'), ('Fir', '2026-03-02', '2026-03-13', null, 'DONE')) p (name, starts, ends, kick_off, stage)`,
  );
  await sql(`insert into ${schema}.projects (name) select 'Undated ' || i from generate_series(1, 12) i`);
  page = await enter(DEMO_EMAIL);
}, 180_000);

afterAll(() => {
  expect(complaints).toEqual([]);
});

const bar = (name: string, on = page): Locator =>
  on.locator('[data-bar]').and(on.getByRole('button', { name: new RegExp(`^${name},`) }));
const said = (text: string | RegExp) => page.getByRole('status').getByText(text).waitFor();
const showAs = async (search: { [name: string]: string } = {}) => {
  const options = JSON.stringify({ scale: 'MONTH', ...(JSON.parse(search['options'] ?? '{}') as object) });
  await page.goto(
    `${address}/objects/projects?${new URLSearchParams({ view: 'all', type: 'TIMELINE', ...search, options })}`,
  );
};
const field = (name: string) =>
  one(
    `select f.id from metadata.fields f join metadata.objects o on o.id = f.object_id where o.name_singular = 'project' and f.name = $1`,
    [name],
  );

async function drag(
  what: Locator,
  by: { x: number; y?: number },
  from: 'start' | 'middle' | 'end' = 'middle',
): Promise<void> {
  const box = await what.boundingBox();
  if (!box) throw new Error('There is nothing to drag.');
  const x = from === 'start' ? box.x + 2 : from === 'end' ? box.x + box.width - 2 : box.x + box.width / 2;
  const y = box.y + box.height / 2;
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.mouse.move(x + by.x / 2, y, { steps: 4 });
  await page.mouse.move(x + by.x, y + (by.y ?? 0), { steps: 4 });
  await page.mouse.up();
}

const DAY = 36;

test('is another way to show records, by the fields that one chooses, and a view keeps it', async () => {
  await page.goto(`${address}/objects/projects`);
  await page.getByRole('button', { name: 'Show as' }).and(page.locator('[aria-haspopup]')).click();
  await page.getByRole('radiogroup', { name: 'Show as' }).getByText('Timeline').click();
  await page.waitForURL(/type=TIMELINE/);
  await page.getByRole('button', { name: 'Show as' }).and(page.locator('[aria-haspopup]')).click();
  await page.getByLabel('By date').selectOption({ label: 'Starts' });
  await page.getByLabel('Until').selectOption({ label: 'Ends' });
  await page.keyboard.press('Escape');
  await page.getByRole('list', { name: 'Timeline of projects' }).waitFor();
  await bar('Alder').waitFor();
  expect(await bar('Alder').getAttribute('aria-label')).toBe('Alder, 16 Nov 2026 – 20 Nov 2026, 5 days');
  expect(await bar('Birch').getAttribute('aria-label')).toBe('Birch, 18 Nov 2026, 1 day');
  expect(await bar('Elm').getAttribute('aria-label')).toContain('No end yet');
  // As wide as its days, and each where it belongs.
  const [alder, birch] = [await bar('Alder').boundingBox(), await bar('Birch').boundingBox()];
  expect(alder!.width).toBeCloseTo(5 * DAY, 0);
  expect(birch!.x - alder!.x).toBeCloseTo(2 * DAY, 0);
  await page.getByRole('button', { name: 'Save as a view…' }).click();
  await page.getByRole('dialog').getByLabel('Name').fill('Plan');
  await page.keyboard.press('Enter');
  await page.waitForURL((url) => /view=/.test(url.search) && !/options/.test(url.search));
  await page.reload();
  await bar('Alder').waitFor();
  expect(await one(`select type from metadata.views where name = 'Plan'`)).toBe('TIMELINE');
  await expectAccessible(page);
  await page.screenshot({ path: join(shots, 'gantt.png') });
});

test('moves a bar and each of its ends by mouse, and takes it back', async () => {
  await drag(bar('Alder'), { x: 3 * DAY });
  await eventually('it was moved', async () => (await project('Alder')) === '2026-11-19 2026-11-23 PLANNED');
  await page.keyboard.press('Control+z');
  await eventually('it is back', async () => (await project('Alder')) === '2026-11-16 2026-11-20 PLANNED');
  await page.getByRole('button', { name: /^Alder, 16 Nov 2026/ }).waitFor();
  await drag(bar('Alder'), { x: 2 * DAY }, 'end');
  await eventually('it ends later', async () => (await project('Alder')) === '2026-11-16 2026-11-22 PLANNED');
  await drag(bar('Alder'), { x: -DAY }, 'start');
  await eventually('it begins earlier', async () => (await project('Alder')) === '2026-11-15 2026-11-22 PLANNED');
  // Letting go of it opened nothing.
  expect(await page.getByRole('complementary', { name: /Peek/ }).count()).toBe(0);
  await drag(bar('Elm'), { x: 3 * DAY }, 'end');
  await eventually('what had no end has one', async () => (await project('Elm')) === '2026-11-12 2026-11-15 RUNNING');
});

test('is gone over and changed by the keyboard alone, and says what it does', async () => {
  await bar('Alder').focus();
  await page.keyboard.press('Shift+ArrowRight');
  await said('Alder: 16 Nov 2026 – 23 Nov 2026 now.');
  await eventually('moved by a day', async () => (await project('Alder')) === '2026-11-16 2026-11-23 PLANNED');
  await page.keyboard.press('Alt+ArrowLeft');
  await eventually('ends a day earlier', async () => (await project('Alder')) === '2026-11-16 2026-11-22 PLANNED');
  await page.keyboard.press('Alt+Shift+ArrowRight');
  await eventually('begins a day later', async () => (await project('Alder')) === '2026-11-17 2026-11-22 PLANNED');
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute('aria-label')?.split(',')[0]);
  expect(await focused()).toBe('Alder');
  await page.keyboard.press('ArrowDown');
  const next = await focused();
  expect(next).not.toBe('Alder');
  await page.keyboard.press('ArrowUp');
  await eventually('back at the bar before', async () => (await focused()) === 'Alder');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Close the peek' }).click();
  await eventually('the focus is where it was', async () => (await focused()) === 'Alder');
});

test('asks what a rule asks, where the bar was put, and leaves it where it was otherwise', async () => {
  await bar('Dogwood').focus();
  await page.keyboard.press('Alt+ArrowRight');
  await eventually('still this year', async () => (await project('Dogwood')) === '2026-12-21 2026-12-31 PLANNED');
  await page.keyboard.press('Alt+ArrowRight');
  const dialog = page.getByRole('dialog');
  await dialog.getByText('Before it comes to 21 Dec 2026 – 1 Jan 2027').waitFor();
  await page.getByRole('button', { name: 'Leave it where it was' }).click();
  await page.getByRole('button', { name: /^Dogwood, 21 Dec 2026 – 31 Dec 2026/ }).waitFor();
  await bar('Dogwood').focus();
  await page.keyboard.press('Alt+ArrowRight');
  await dialog.getByLabel('Reason').fill('Snow');
  await page.getByRole('button', { name: 'Move', exact: true }).click();
  await eventually('moved with its reason', async () => (await project('Dogwood')) === '2026-12-21 2027-01-01 PLANNED');
});

test('lists what has no date, from where it is dragged in or put by a button', async () => {
  await page.getByRole('button', { name: 'Today' }).click();
  await page.getByRole('button', { name: '12 without a date' }).click();
  const tray = page.getByRole('complementary', { name: 'Without a date' });
  await tray.getByText('Undated 7', { exact: true }).waitFor();
  const target = await bar('Birch').boundingBox();
  const from = await tray.getByText('Undated 7', { exact: true }).boundingBox();
  await page.mouse.move(from!.x + 5, from!.y + 5);
  await page.mouse.down();
  await page.mouse.move(from!.x - 40, from!.y + 5, { steps: 3 });
  await page.mouse.move(target!.x + DAY + DAY / 2, target!.y, { steps: 6 });
  await page.mouse.up();
  await eventually('it has a date', async () => (await project('Undated 7')) === '2026-11-19');
  await bar('Undated 7').waitFor();
  await page.getByRole('button', { name: '11 without a date' }).waitFor();
  await expectAccessible(page);
  await tray.getByRole('button', { name: /^Put Undated 8 on / }).click();
  await eventually('this one, too', async () => (await project('Undated 8')).startsWith('2026-'));
  await page.keyboard.press('Control+z');
  await page.getByRole('button', { name: '11 without a date' }).waitFor();
  await page.getByRole('button', { name: 'Close the list' }).click();
});

test('makes a record of what is drawn, in the group where it is drawn', async () => {
  await page.getByRole('button', { name: 'Today' }).click();
  const foot = page.getByText('Draw here from the first day to the last');
  const [line, birch] = [await foot.boundingBox(), await bar('Birch').boundingBox()];
  await page.mouse.move(birch!.x + 5, line!.y + 8);
  await page.mouse.down();
  await page.mouse.move(birch!.x + 2 * DAY + 5, line!.y + 8, { steps: 5 });
  await page.mouse.up();
  await page.getByRole('dialog').getByLabel('Name').fill('Ginkgo');
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await bar('Ginkgo').waitFor();
  expect(await project('Ginkgo')).toBe('2026-11-18 2026-11-20');
  const { options } = {
    options: JSON.stringify({ dateFieldId: await field('starts'), endFieldId: await field('ends') }),
  };
  await showAs({ group: 'stage', options });
  const head = page.getByRole('button', { name: /^Running/ });
  await head.waitFor();
  const [row, at] = [await head.boundingBox(), await bar('Birch').boundingBox()];
  await page.mouse.move(at!.x + DAY + 5, row!.y + row!.height / 2);
  await page.mouse.down();
  await page.mouse.move(at!.x + 3 * DAY + 5, row!.y + row!.height / 2, { steps: 5 });
  await page.mouse.up();
  await page.getByRole('dialog').getByLabel('Name').fill('Hazel');
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await bar('Hazel').waitFor();
  expect(await project('Hazel')).toBe('2026-11-19 2026-11-21 RUNNING');
  await expectAccessible(page);
  await head.click();
  await bar('Hazel').waitFor({ state: 'detached' });
  expect(await head.getAttribute('aria-expanded')).toBe('false');
  await head.click();
});

test.each([
  ['Pacific/Pago_Pago', '19 Nov 2026, 20:00', '2026-11-21T07:00:00+00:00'],
  ['Pacific/Kiritimati', '20 Nov 2026, 21:00', '2026-11-21T07:00:00+00:00'],
])('in %s a moment is shown on its clocks, and a day later it is the same time there', async (zone, when, then) => {
  await sql(`update ${schema}.projects set kick_off = '2026-11-20T07:00:00Z' where name = 'Alder'`);
  await sql(`update ${schema}.workspace_members set time_zone = $1`, [zone]);
  await showAs({ options: JSON.stringify({ dateFieldId: await field('kickOff') }) });
  await bar('Alder').waitFor();
  expect(await bar('Alder').getAttribute('aria-label')).toBe(`Alder, ${when}`);
  await bar('Alder').focus();
  await page.keyboard.press('Shift+ArrowRight');
  await eventually(
    'a day later',
    async () => (await one(`select to_json(kick_off)#>>'{}' from ${schema}.projects where name = 'Alder'`)) === then,
  );
  await page.getByText('Day', { exact: true }).click();
  await page.waitForURL(/DAY/);
  await bar('Alder').waitFor();
  await expectAccessible(page);
});

test('on a phone names and time fit, and a bar opens its record', async () => {
  await sql(`update ${schema}.workspace_members set time_zone = 'system'`);
  const phone = await enter(DEMO_EMAIL, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  const options = JSON.stringify({
    dateFieldId: await field('starts'),
    endFieldId: await field('ends'),
    scale: 'MONTH',
  });
  await phone.goto(`${address}/objects/projects?${new URLSearchParams({ view: 'all', type: 'TIMELINE', options })}`);
  await bar('Birch', phone).waitFor();
  await expectAccessible(phone);
  await phone.screenshot({ path: join(shots, 'gantt-phone.png') });
  await bar('Birch', phone).tap();
  await phone.waitForURL(/objects\/projects\/[0-9a-f-]+/);
  await phone.context().close();
});

test('ten thousand bars: what is seen is drawn, wherever one goes', async () => {
  await sql(
    `insert into ${schema}.projects (name, starts, ends) select 'Many ' || i, date '2024-01-01' + i / 10, date '2024-01-01' + i / 10 + i % 20 from generate_series(1, 10000) i`,
  );
  const options = JSON.stringify({ dateFieldId: await field('starts'), endFieldId: await field('ends') });
  await showAs({ options });
  await page.locator('[data-bar]').first().waitFor();
  expect(await page.locator('[data-bar]').count()).toBeLessThan(80);
  await page.locator('[data-bar]').first().focus();
  const chart = page.getByRole('list', { name: 'Timeline of projects' }).locator('xpath=../..');
  await chart.evaluate((element) => element.scrollTo({ top: element.scrollHeight / 2 }));
  await eventually('what lies in the middle', async () => (await page.getByText(/^Many [45]\d\d\d$/).count()) > 0);
  await page.getByRole('button', { name: 'Today' }).click();
  expect(await page.locator('[data-bar]').count()).toBeLessThan(80);
});
