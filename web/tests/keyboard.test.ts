import { jest } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { startApplication } from './application.ts';
import { expectAccessible, launchChromium } from './chromium.ts';

/** Somebody works with a table and a board without ever touching the mouse, and hears what happens. The steps build on each other. */
const database = useDatabase();
const complaints: string[] = [];
let browser: Browser;
let page: Page;
let schema = '';

// A loaded machine is slow, not wrong.
jest.setTimeout(120_000);

beforeAll(async () => {
  let address: string;
  [address, browser] = await Promise.all([startApplication(database), launchChromium()]);
  database.onEnd(() => browser.close());
  schema = (await database.admin.query<{ schema_name: string }>('select schema_name from core.workspaces')).rows[0]!
    .schema_name;
  await database.admin.query(`delete from ${schema}.people where city ilike '%atlantis%'`);
  for (const [first, title] of [
    ['Anna', 'Diver'],
    ['Bela', 'Fisher'],
    ['Cleo', 'Sailor'],
    ['Dora', 'Smith'],
  ])
    await database.admin.query(
      `insert into ${schema}.people (name_first_name, name_last_name, job_title, city) values ($1, 'Deep', $2, 'Atlantis')`,
      [first, title],
    );
  await database.admin.query(`update ${schema}.opportunities set position = 100`);
  for (const name of ['Cedar', 'Birch', 'Alder'])
    await database.admin.query(
      `insert into ${schema}.opportunities (name, stage, position, close_date) values ($1, 'NEW', $2, '2026-11-10T10:30:00Z')`,
      [name, name.charCodeAt(0)],
    );
  await database.admin.query(`update ${schema}.opportunities set position = 1000 where position = 100`);
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB' });
  context.setDefaultTimeout(30_000);
  page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(address);
  await page.getByLabel('E-mail').fill(DEMO_EMAIL);
  await page.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await press('Enter');
  await page.locator('main#main h1').first().waitFor();
  // What tells of pages comes once the first one stands.
  await page.locator('body > [role="status"]').first().waitFor({ state: 'attached' });
}, 120_000);

afterAll(() => {
  expect(complaints).toEqual([]);
});

const press = async (...keys: string[]) => {
  for (const key of keys) await page.keyboard.press(key);
};
const said = (text: string | RegExp) =>
  page.getByRole('status').filter({ hasText: text }).first().waitFor({ state: 'attached' });
const grid = () => page.getByRole('grid');
/** What the screen reader is at: the cell in hand, or what has the focus. */
const at = (): Promise<string> =>
  page.evaluate(() => {
    const focused = document.activeElement;
    const cell = document.getElementById(focused?.getAttribute('aria-activedescendant') ?? '');
    return (cell ?? focused)?.textContent ?? '';
  });
const isAt = (text: RegExp) =>
  page.waitForFunction(
    ([source]) => {
      const focused = document.activeElement;
      const cell = document.getElementById(focused?.getAttribute('aria-activedescendant') ?? '');
      return new RegExp(source!).test((cell ?? focused)?.textContent ?? '');
    },
    [text.source],
  );
const hasFocus = (selector: string) =>
  page.waitForFunction((given) => document.activeElement?.matches(given) ?? false, selector);
const titles = async (): Promise<string[]> =>
  (
    await database.admin.query<{ job_title: string }>(
      `select job_title from ${schema}.people where city = 'Atlantis' order by name_first_name`,
    )
  ).rows.map(({ job_title: title }) => title);
const untilTitles = async (wanted: string[]): Promise<void> => {
  const end = Date.now() + 15_000;
  while ((await titles()).join() !== wanted.join()) {
    if (Date.now() > end) expect(await titles()).toEqual(wanted);
    await new Promise((resolve) => setTimeout(resolve, 60));
  }
};
async function tabTo(selector: string): Promise<void> {
  for (let tries = 0; tries < 40; tries += 1) {
    if (await page.evaluate((given) => document.activeElement?.matches(given), selector)) return;
    await press('Tab');
  }
  throw new Error(`Tab does not lead to ${selector}.`);
}

describe('a table', () => {
  test('is opened, filtered and sorted', async () => {
    await press('g', 'p');
    await page.getByRole('heading', { level: 1, name: 'People' }).waitFor();
    await said('People');
    await press('f');
    await hasFocus('input[aria-label="Find a field"]');
    await expectAccessible(page);
    await page.keyboard.type('city');
    await said('1 found.');
    await press('Enter');
    await hasFocus('[aria-label="City: value"]');
    await page.keyboard.type('Atlantis');
    await press('Enter');
    await isAt(/City contains Atlantis/);
    await grid().getByText('Dora Deep').waitFor();
    await page.locator('header').getByText('4', { exact: true }).waitFor();
    await tabTo('[role="grid"]');
    await press('Home', 'Shift+F10');
    await isAt(/^Sort ascending$/);
    await press('Enter');
    await page.waitForURL(/sort=name/);
    await hasFocus('[role="grid"]');
    await grid().locator('[data-row]').first().getByText('Anna Deep').waitFor();
    await press('Control+Home');
    await isAt(/Anna Deep/);
  });

  test('is gone over cell by cell, changed, copied and filled', async () => {
    const column = await grid()
      .locator('[data-head]')
      .evaluateAll((heads) => heads.findIndex((head) => (head as HTMLElement).dataset['head'] === 'jobTitle'));
    for (let step = 0; step < column; step += 1) await press('ArrowRight');
    await isAt(/^Diver$/);
    await page.keyboard.type('Captain');
    await press('Enter');
    await isAt(/^Fisher$/);
    await untilTitles(['Captain', 'Fisher', 'Sailor', 'Smith']);
    await press('F2');
    await hasFocus('input[aria-label="Job title"]');
    await press('Escape');
    await isAt(/^Fisher$/);
    await press('ArrowUp', 'Shift+ArrowDown', 'Shift+ArrowDown');
    await said('3 × 1 cells.');
    await press('Control+c');
    await said('3 cells copied.');
    await press('Control+d');
    await untilTitles(['Captain', 'Captain', 'Captain', 'Smith']);
    await press('Control+z');
    await untilTitles(['Captain', 'Fisher', 'Sailor', 'Smith']);
  });

  test('rows are selected, and the command menu does something with them', async () => {
    await press('Escape', 'Control+Home', 'Shift+Space');
    await said('1 selected.');
    await press('ArrowDown', 'Shift+Space');
    await said('2 selected.');
    await press('Control+k');
    await page.getByRole('group', { name: '2 people selected' }).waitFor();
    await expectAccessible(page);
    await page.keyboard.type('change job');
    await page.getByRole('option', { name: 'Change Job title…' }).first().waitFor();
    await press('Enter');
    await page.getByRole('dialog', { name: 'Edit 2 people' }).waitFor();
    await hasFocus('[role="dialog"] input[type="text"], [role="dialog"] input:not([type])');
    await page.keyboard.type('Pilot');
    await press('Enter');
    await untilTitles(['Pilot', 'Pilot', 'Sailor', 'Smith']);
    await hasFocus('[role="grid"]');
  });

  test('a record is peeked at, and its page gives the keyboard back to its row', async () => {
    await press('Control+Home', 'ArrowDown', 'ArrowDown', 'Space');
    const peek = page.getByRole('complementary', { name: 'Peek at a person' });
    await peek.getByRole('heading', { name: 'Cleo Deep' }).waitFor();
    await press('ArrowDown');
    await peek.getByRole('heading', { name: 'Dora Deep' }).waitFor();
    await press('Escape');
    await peek.waitFor({ state: 'detached' });
    await isAt(/Dora Deep/);
    await press('Control+Enter');
    await page.getByRole('heading', { level: 1, name: 'Dora Deep' }).waitFor();
    await said('Dora Deep');
    await page.goBack();
    await hasFocus('[role="grid"]');
    await isAt(/Dora Deep/);
    await said('People');
  });

  test('the command menu edits the record in hand where it stands, and deletes it', async () => {
    await press('Control+k');
    await page.getByRole('group', { name: 'Dora Deep' }).waitFor();
    await page.keyboard.type('change job');
    await page.getByRole('option', { name: 'Change Job title…' }).waitFor();
    await press('Enter');
    await hasFocus('input[aria-label="Job title"]');
    await press('Control+a');
    await page.keyboard.type('Smuggler');
    await press('Enter');
    await untilTitles(['Pilot', 'Pilot', 'Sailor', 'Smuggler']);
    await press('Control+End', 'Control+k');
    await page.getByRole('group', { name: 'Dora Deep' }).waitFor();
    await page.keyboard.type('delete this');
    await page.getByRole('option', { name: 'Delete this person' }).waitFor();
    await press('Enter');
    await untilTitles(['Pilot', 'Pilot', 'Sailor']);
    await hasFocus('[role="grid"]');
    await press('Control+z');
    await untilTitles(['Pilot', 'Pilot', 'Sailor', 'Smuggler']);
    expect(await at()).not.toBe('');
  });
});

describe('a board', () => {
  const stage = async (name: string): Promise<string> =>
    (await database.admin.query<{ stage: string }>(`select stage from ${schema}.opportunities where name = $1`, [name]))
      .rows[0]!.stage;
  const untilStage = async (name: string, wanted: string): Promise<void> => {
    const end = Date.now() + 15_000;
    while ((await stage(name)) !== wanted) {
      if (Date.now() > end) expect(await stage(name)).toBe(wanted);
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
  };

  test('is chosen as another way to show the records', async () => {
    // With a cell in hand letters are written into it.
    await press('Escape', 'g', 'o');
    await page.getByRole('heading', { level: 1, name: 'Opportunities' }).waitFor();
    await page.getByRole('button', { name: 'Show as' }).and(page.locator('[aria-haspopup]')).waitFor();
    await tabTo('button[aria-label="Show as"]');
    await press('Enter');
    await page.getByRole('radiogroup', { name: 'Show as' }).waitFor();
    await tabTo('input[type="radio"]');
    await press('ArrowRight');
    await page.waitForURL(/type=BOARD/);
    await hasFocus('button[aria-label="Show as"]');
    await page.locator('[data-card]').first().waitFor();
    await tabTo('[data-card]');
    await isAt(/Alder/);
  });

  test('a card is moved within its column and to another one, each told', async () => {
    await press('Space');
    await said(/^Alder taken up, 1 in New\. Arrow keys move it, Space puts it down, Escape leaves it\.$/);
    await press('ArrowDown');
    await said('2 in New.');
    await press('Space');
    await said(/^Alder is 2 of \d+ in New now\.$/);
    await isAt(/Alder/);
    await press('Space', 'ArrowRight');
    await said(/^\d+ in Screening\.$/);
    await press('Space');
    await said(/^Alder is \d+ of \d+ in Screening now\.$/);
    await untilStage('Alder', 'SCREENING');
    await isAt(/Alder/);
    await press('Space', 'ArrowLeft', 'Escape');
    await said('Alder stays where it was.');
    await isAt(/Alder/);
  });

  test('the command menu moves the card in hand, and the keyboard goes with it', async () => {
    await press('Control+k');
    await page.getByRole('group', { name: 'Alder' }).waitFor();
    await page.keyboard.type('move to meeting');
    await page.getByRole('option', { name: 'Move to Meeting' }).waitFor();
    await press('Enter');
    await said(/^Alder is 1 of \d+ in Meeting now\.$/);
    await untilStage('Alder', 'MEETING');
    await isAt(/Alder/);
    await press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Alder' }).waitFor();
    await page.goBack();
    await hasFocus('[data-card]');
    await isAt(/Alder/);
  });
});
