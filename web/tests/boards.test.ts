import { jest } from '@jest/globals';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { eventually } from '../../server/testing/server.ts';
import { startApplication } from './application.ts';
import { expectAccessible, launchChromium } from './chromium.ts';

/** Two members work on one board; one of them plans in a calendar and looks at a gallery. The steps build on each other. */
const database = useDatabase();
const shots = join(import.meta.dirname, '..', '..', 'data', 'screenshots');

let browser: Browser;
let owner: Page;
let amara: Page;
let address: string;
let schema = '';
const complaints: string[] = [];

// A loaded machine is slow, not wrong.
jest.setTimeout(120_000);

async function enter(email: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    colorScheme: 'light',
    locale: 'en-GB',
    ...options,
  });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(address);
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.locator('main#main h1').first().waitFor();
  return page;
}

const one = async (sql: string, values: unknown[] = []): Promise<string> =>
  String(Object.values((await database.admin.query<Record<string, unknown>>(sql, values)).rows[0] ?? {})[0]);
const deal = (name: string, column: string) =>
  one(`select ${column} from ${schema}.opportunities where name = $1`, [name]);
const count = (stage: string) => one(`select count(*) from ${schema}.opportunities where stage = $1`, [stage]);

beforeAll(async () => {
  mkdirSync(shots, { recursive: true });
  [address, browser] = await Promise.all([startApplication(database), launchChromium()]);
  database.onEnd(() => browser.close());
  schema = await one('select schema_name from core.workspaces');
  // The newest stand first where nobody has arranged them; those of the demo come after them here.
  await database.admin.query(`update ${schema}.opportunities set position = 100`);
  for (const name of ['Cedar', 'Birch', 'Alder'])
    await database.admin.query(
      `insert into ${schema}.opportunities (name, stage, close_date) values ($1, 'NEW', '2026-11-10T10:30:00Z')`,
      [name],
    );
  await database.admin.query(
    `insert into metadata.rules (workspace_id, object_id, field_id, kind, condition, message)
     select o.workspace_id, o.id, f.id, 'REQUIRED', 'stage = "PROPOSAL"', '' from metadata.objects o join metadata.fields f on f.object_id = o.id
     where o.name_singular = 'opportunity' and f.name = 'amount'`,
  );
  owner = await enter(DEMO_EMAIL);
  amara = await enter('amara@relvar.example');
}, 120_000);

afterAll(() => {
  expect(complaints).toEqual([]);
});

const column = (page: Page, name: string) => page.getByRole('region', { name, exact: true });
const card = (page: Page, name: string) => page.getByRole('listitem').getByRole('link', { name });
const cardIn = (page: Page, where: string, name: string) => column(page, where).getByRole('link', { name });
const names = (page: Page, where: string, most: number) =>
  column(page, where)
    .getByRole('link')
    .evaluateAll(
      (links, number) =>
        links.slice(0, number).map((link) => link.querySelector('span > span:last-child')?.textContent),
      most,
    );

async function drag(page: Page, what: Locator, to: Locator, height: number): Promise<void> {
  const [from, box] = [await what.boundingBox(), await to.boundingBox()];
  if (!from || !box) throw new Error('There is nothing to drag.');
  await page.mouse.move(from.x + 30, from.y + 12);
  await page.mouse.down();
  await page.mouse.move(from.x + 60, from.y + 20, { steps: 3 });
  await page.mouse.move(box.x + box.width / 2, box.y + height, { steps: 8 });
  await page.mouse.up();
}

describe('a board', () => {
  test('is another way to show the records of a table', async () => {
    await owner.goto(`${address}/objects/opportunities`);
    // What comes late is there.
    await owner.getByRole('button', { name: 'Show as' }).and(owner.locator('[aria-haspopup]')).click();
    await owner.getByRole('radiogroup', { name: 'Show as' }).getByText('Board').click();
    await owner.waitForURL(/type=BOARD/);
    await owner.keyboard.press('Escape');
    await column(owner, 'New')
      .getByText(await count('NEW'), { exact: true })
      .waitFor();
    expect(await names(owner, 'New', 3)).toEqual(['Alder', 'Birch', 'Cedar']);
    await amara.goto(`${address}/objects/opportunities?type=BOARD`);
    await cardIn(amara, 'New', 'Alder').waitFor();
    await expectAccessible(owner);
    await owner.screenshot({ path: join(shots, 'board.png') });
  });

  test('takes a card to another column by mouse, for everybody to see, and back by undo', async () => {
    await drag(owner, card(owner, 'Birch'), column(owner, 'Screening'), 150);
    await cardIn(owner, 'Screening', 'Birch').waitFor();
    await cardIn(amara, 'Screening', 'Birch').waitFor();
    expect(await deal('Birch', 'stage')).toBe('SCREENING');
    await column(amara, 'New')
      .getByText(await count('NEW'), { exact: true })
      .waitFor();
    await owner.keyboard.press('Control+z');
    await cardIn(owner, 'New', 'Birch').waitFor();
    await cardIn(amara, 'New', 'Birch').waitFor();
    expect(await deal('Birch', 'stage')).toBe('NEW');
  });

  test('keeps the place that a card is given within its column', async () => {
    await drag(owner, card(owner, 'Cedar'), column(owner, 'New'), 60);
    await eventually(
      'the cards stand so for both',
      async () => String(await names(owner, 'New', 3)) === String(['Cedar', 'Alder', 'Birch']),
    );
    await eventually(
      'the cards stand so for both',
      async () => String(await names(amara, 'New', 3)) === String(['Cedar', 'Alder', 'Birch']),
    );
    await owner.reload();
    await card(owner, 'Cedar').waitFor();
    expect(await names(owner, 'New', 3)).toEqual(['Cedar', 'Alder', 'Birch']);
  });

  test('is gone over and changed by the keyboard alone, and says what it does', async () => {
    await card(owner, 'Cedar').focus();
    await owner.keyboard.press('ArrowDown');
    await owner.keyboard.press('Space');
    await owner
      .getByRole('status')
      .getByText(/^Alder taken up, 2 in New\./)
      .waitFor();
    await owner.keyboard.press('ArrowUp');
    await owner.keyboard.press('Space');
    await owner
      .getByRole('status')
      .getByText(/^Alder is 1 of \d+ in New now\.$/)
      .waitFor();
    await eventually(
      'the cards stand so for both',
      async () => String(await names(amara, 'New', 2)) === String(['Alder', 'Cedar']),
    );
    await eventually('Alder has the keyboard', async () =>
      /Alder/.test((await owner.evaluate(() => document.activeElement?.textContent)) ?? ''),
    );
    await owner.keyboard.press('Space');
    await owner.keyboard.press('ArrowRight');
    await owner.keyboard.press('ArrowRight');
    await owner.keyboard.press('Home');
    await owner.keyboard.press('Enter');
    await cardIn(owner, 'Meeting', 'Alder').waitFor();
    await eventually('the deal is saved', async () => (await deal('Alder', 'stage')) === 'MEETING');
    await eventually('Alder has the keyboard', async () =>
      /Alder/.test((await owner.evaluate(() => document.activeElement?.textContent)) ?? ''),
    );
    await owner.keyboard.press('Space');
    await owner.keyboard.press('ArrowLeft');
    await owner.keyboard.press('Escape');
    await owner.getByRole('status').getByText('Alder stays where it was.').waitFor();
    expect(await deal('Alder', 'stage')).toBe('MEETING');
  });

  test('asks what a rule asks, where the card was put, and leaves the card where it was otherwise', async () => {
    const propose = async () => {
      await card(owner, 'Cedar').hover();
      await owner.getByRole('button', { name: 'About Cedar' }).click();
      await owner.getByRole('menuitem', { name: 'Proposal' }).click();
      await owner.getByRole('dialog').getByText('Before it comes to Proposal').waitFor();
    };
    await propose();
    await owner.getByRole('button', { name: 'Leave it where it was' }).click();
    await cardIn(owner, 'New', 'Cedar').waitFor();
    expect(await deal('Cedar', 'stage')).toBe('NEW');
    await propose();
    await owner.getByRole('dialog').getByLabel('Amount').fill('EUR 1,200');
    await owner.getByRole('button', { name: 'Move', exact: true }).click();
    await cardIn(owner, 'Proposal', 'Cedar').waitFor();
    await owner.getByRole('dialog').waitFor({ state: 'detached' });
    expect(await deal('Cedar', `stage || ' ' || amount_amount_micros`)).toBe('PROPOSAL 1200000000');
  });

  test('makes a card where it is wanted', async () => {
    await owner.getByRole('button', { name: 'New opportunity in Screening' }).click();
    await owner.getByLabel('Name of the new opportunity in Screening').fill('Elm');
    await owner.keyboard.press('Enter');
    await cardIn(owner, 'Screening', 'Elm').waitFor();
    await owner.keyboard.press('Escape');
    expect(await deal('Elm', 'stage')).toBe('SCREENING');
    await cardIn(amara, 'Screening', 'Elm').waitFor();
    expect(await names(amara, 'Screening', 1)).toEqual(['Elm']);
  });

  test('adds up, limits, collapses and hides its columns, and a view keeps that', async () => {
    await owner.getByRole('button', { name: 'Show as' }).click();
    await owner.getByLabel('Column total').selectOption({ label: 'Probability' });
    await owner.getByLabel('As', { exact: true }).selectOption({ label: 'Average' });
    await owner.getByLabel('Small cards').click();
    await owner.keyboard.press('Escape');
    await column(owner, 'Meeting')
      .getByText(/^\d+(\.\d+)?%$/)
      .first()
      .waitFor();
    await owner.getByRole('button', { name: 'About the column Screening' }).click();
    await owner.getByLabel('At most').fill('5');
    await owner.keyboard.press('Escape');
    await column(owner, 'Screening').getByText('More than the 5 that it should hold').waitFor();
    await owner.getByRole('button', { name: 'About the column Customer' }).click();
    await owner
      .getByRole('dialog', { name: 'About the column Customer' })
      .getByRole('button', { name: 'Hide' })
      .click();
    await column(owner, 'Customer').waitFor({ state: 'detached' });
    await owner.getByRole('button', { name: 'About the column New' }).click();
    await owner.getByRole('dialog', { name: 'About the column New' }).getByRole('button', { name: 'Collapse' }).click();
    await column(owner, 'New').getByTitle('Open the column').waitFor();
    await owner.getByRole('button', { name: 'Save as a view…' }).click();
    await owner.getByRole('dialog').getByLabel('Name').fill('Pipeline');
    await owner.keyboard.press('Enter');
    await owner.waitForURL((url) => /view=/.test(url.search) && !/options/.test(url.search));
    await owner.reload();
    await column(owner, 'New').getByTitle('Open the column').waitFor();
    expect(await column(owner, 'Customer').count()).toBe(0);
    await expectAccessible(owner);
    await column(owner, 'New').getByTitle('Open the column').click();
    await cardIn(owner, 'New', 'Birch').waitFor();
  });

  test('has columns of members and of months, too', async () => {
    await owner.goto(`${address}/objects/opportunities?view=all&type=BOARD&group=owner`);
    await column(owner, 'Amara Okafor').waitFor();
    const taken = owner.waitForResponse((response) => response.request().postData()?.includes('mutation') === true);
    await drag(owner, column(owner, 'Amara Okafor').getByRole('link').first(), column(owner, 'Jonas Weber'), 120);
    await taken;
    const moved = await one(
      `select count(*) from ${schema}.opportunities o join ${schema}.workspace_members m on m.id = o.owner_id where m.name_first_name = 'Amara'`,
    );
    await column(owner, 'Amara Okafor')
      .getByText(String(Number(moved)), { exact: true })
      .waitFor();
    await owner.goto(`${address}/objects/opportunities?view=all&type=BOARD&group=closeDate&bucket=MONTH`);
    await column(owner, 'Earlier').waitFor();
    expect(
      await owner
        .getByRole('group', { name: /^Board of/ })
        .getByRole('region')
        .count(),
    ).toBeGreaterThan(12);
  });

  test('shows one column at a time on a phone', async () => {
    const phone = await enter(DEMO_EMAIL, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
    await phone.goto(`${address}/objects/opportunities?view=all&type=BOARD`);
    await cardIn(phone, 'New', '').first().waitFor();
    await phone
      .getByRole('navigation', { name: 'Columns' })
      .getByRole('button', { name: /^Meeting/ })
      .click();
    await eventually('the column is in sight', async () => (await column(phone, 'Meeting').boundingBox())?.x === 0);
    await expectAccessible(phone);
    await phone.screenshot({ path: join(shots, 'board-phone.png') });
    await phone.goto(`${address}/objects/opportunities?view=all&type=CALENDAR`);
    await phone.getByRole('region', { name: 'Opportunities' }).getByRole('link').first().waitFor();
    await expectAccessible(phone);
    await phone.context().close();
  });
});

describe('a calendar', () => {
  test.each([
    ['Pacific/Pago_Pago', '2026-11-09', '23:30', '2026-11-20T10:30:00+00:00'],
    ['Pacific/Kiritimati', '2026-11-11', '00:30', '2026-11-18T10:30:00+00:00'],
  ])('in %s shows a time on its day there, and leaves it the same time on another', async (zone, day, time, then) => {
    await database.admin.query(
      `update ${schema}.opportunities set close_date = '2026-11-10T10:30:00Z' where name = 'Birch'`,
    );
    await database.admin.query(`update ${schema}.workspace_members set time_zone = $1`, [zone]);
    await owner.clock.setFixedTime(new Date('2026-11-15T12:00:00Z'));
    const search = new URLSearchParams({ view: 'all', type: 'CALENDAR', filters: JSON.stringify(['name:is:Birch']) });
    await owner.goto(`${address}/objects/opportunities?${search}`);
    const birch = owner.locator('[data-event-id]', { hasText: 'Birch' });
    await birch.getByText(time).waitFor();
    const at = async (date: string) => {
      const label = new Intl.DateTimeFormat('en-US', { dateStyle: 'long', timeZone: 'UTC' }).format(new Date(date));
      return owner.getByRole('button', { name: label, exact: true });
    };
    const [box, cell] = [await birch.boundingBox(), await (await at(day)).boundingBox()];
    expect(box!.x).toBeGreaterThan(cell!.x - 1);
    expect(box!.x + box!.width).toBeLessThan(cell!.x + cell!.width + 1);
    const target = new Date(Date.parse(day) + (Date.parse(then.slice(0, 10)) - Date.parse('2026-11-10')));
    await birch.dragTo(await at(target.toISOString().slice(0, 10)));
    await eventually('the deal is saved', async () => (await deal('Birch', 'to_json(close_date)')) === then);
    await birch.focus();
    await owner.keyboard.press('Shift+ArrowRight');
    await eventually(
      'it is a day later',
      async () => Date.parse(await deal('Birch', 'to_json(close_date)')) - Date.parse(then) === 86_400_000,
    );
  });

  test('makes a record of what is selected, and has weeks and days', async () => {
    await expectAccessible(owner);
    await owner.getByRole('button', { name: 'November 3, 2026' }).click();
    await owner.getByRole('dialog').getByLabel('Name').fill('Fir');
    await owner.getByRole('button', { name: 'Create', exact: true }).click();
    await eventually('it is on the day that was selected', async () =>
      String(await deal('Fir', `close_date at time zone 'Pacific/Kiritimati'`)).includes('Nov 03 2026'),
    );
    await owner.getByText('Week', { exact: true }).click();
    await owner.waitForURL(/WEEK/);
    await owner.locator('[data-event-id]', { hasText: 'Birch' }).waitFor();
    await expectAccessible(owner);
    await owner.getByText('Day', { exact: true }).click();
    await owner.waitForURL(/DAY/);
    await expectAccessible(owner);
    await owner.clock.setSystemTime(new Date());
  });
});

test('a gallery shows cards by rows, more of them as one scrolls, and opens them', async () => {
  await owner.goto(`${address}/objects/people?type=GALLERY`);
  const feed = owner.getByRole('feed', { name: 'People' });
  await feed.getByRole('link').first().waitFor();
  await expectAccessible(owner);
  await feed.getByRole('link').first().focus();
  await owner.keyboard.press('ArrowDown');
  await owner.keyboard.press('ArrowRight');
  expect(await owner.evaluate(() => document.activeElement?.getAttribute('data-card'))).not.toBe('0');
  await eventually('more are read', async () => {
    await feed.evaluate((element) => element.scrollTo(0, element.scrollHeight));
    return Number(await feed.getByRole('link').first().getAttribute('data-card')) > 200;
  });
  await feed.getByRole('link').first().click();
  await owner.waitForURL(/objects\/people\/[0-9a-f-]+/);
});
