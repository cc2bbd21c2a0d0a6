import { jest } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { eventually } from '../../server/testing/server.ts';
import { startApplication } from './application.ts';
import { launchChromium } from './chromium.ts';

/** What comes out on paper. */
jest.setTimeout(120_000);
const database = useDatabase();
const complaints: string[] = [];
const LONG = 'We spoke for an hour about what they need. '.repeat(20).trim();
let browser: Browser;
let address: string;
let page: Page;
let schema: string;
let company: string;

const printed = () => page.evaluate(() => (window as unknown as { printed?: number }).printed ?? 0);
/** As a printer sees it, until the dialog of the browser is closed. */
const afterPrinting = async () => {
  await page.emulateMedia({ media: 'screen' });
  await page.evaluate(() => window.dispatchEvent(new Event('afterprint')));
};
const isSeen = (text: string) => page.getByText(text, { exact: true }).first().isVisible();
const pagesOf = async (options: Parameters<Page['pdf']>[0] = {}): Promise<number> => {
  const pdf = await page.pdf({ format: 'A4', preferCSSPageSize: true, ...options });
  return pdf.toString('latin1').match(/\/Type\s*\/Page\b/g)!.length;
};

beforeAll(async () => {
  [address, browser] = await Promise.all([startApplication(database), launchChromium()]);
  database.onEnd(() => browser.close());
  const sql = async <Row extends object>(text: string, values: unknown[] = []) =>
    (await database.admin.query<Row>(text, values)).rows[0]!;
  schema = (await sql<{ name: string }>('select schema_name as name from core.workspaces')).name;
  company = (
    await sql<{ id: string }>(
      `insert into ${schema}.companies (name, domain_name_primary_link_url, ideal_customer_profile) values ('Paper & Sons', 'https://paper.example', true) returning id`,
    )
  ).id;
  const note = await sql<{ id: string }>(
    `insert into ${schema}.notes (title, body_v2_markdown) values ('Kick-off', $1) returning id`,
    [LONG],
  );
  await sql(`insert into ${schema}.note_targets (note_id, target_company_id) values ($1, $2) returning id`, [
    note.id,
    company,
  ]);
  // More than a list on the page shows.
  await sql(
    `insert into ${schema}.people (name_first_name, name_last_name, company_id) select 'Reader', n::text, $1 from generate_series(1, 12) n returning id`,
    [company],
  );

  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    locale: 'en-GB',
    colorScheme: 'dark',
  });
  context.setDefaultTimeout(40_000);
  page = await context.newPage();
  page.on('pageerror', ({ message }) => complaints.push(message));
  // The dialog of the browser is no part of the page, and stands in the way of everything.
  await page.addInitScript(() => {
    window.print = () => {
      const counted = window as unknown as { printed?: number };
      counted.printed = (counted.printed ?? 0) + 1;
    };
  });
  await page.goto(`${address}/objects/companies/${company}`);
  await page.getByLabel('E-mail').fill(DEMO_EMAIL);
  await page.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('heading', { level: 1, name: 'Paper & Sons' }).waitFor();
}, 120_000);

afterAll(() => {
  expect(complaints).toEqual([]);
});

test('a record is printed with all that its tabs hold, with labels, date and name, black on white', async () => {
  await page.getByRole('button', { name: 'More about this record' }).click();
  await page.getByRole('menuitem', { name: 'Print…' }).click();
  await eventually('it is given to the printer', async () => (await printed()) === 1);
  await page.emulateMedia({ media: 'print' });

  expect(await page.getByRole('navigation', { name: 'Main' }).isVisible()).toBe(false);
  expect(await page.getByRole('button', { name: 'More about this record' }).isVisible()).toBe(false);
  expect(await page.getByRole('tab', { name: 'Notes' }).isVisible()).toBe(false);
  await page.getByText(/^Printed \d{1,2} \w{3} \d{4}, \d\d:\d\d by Tim Lindholm$/).waitFor();
  expect(await isSeen('Relvar demo')).toBe(true);
  // Fields with what they are called, also those that are switches on the screen.
  for (const label of ['Domain name', 'Employees', 'Ideal customer']) expect(await isSeen(label)).toBe(true);
  expect(await page.locator('[data-field="idealCustomerProfile"]').innerText()).toContain('Yes');
  expect(await page.locator('[data-field="employees"]').innerText()).not.toContain('Empty');
  // What another tab holds, wholly; and of a list what the screen leaves to another page.
  expect(await isSeen(LONG)).toBe(true);
  for (const name of ['Reader 1', 'Reader 12']) expect(await isSeen(name)).toBe(true);
  // "Just now" would be wrong tomorrow.
  const time = page.locator('[data-field="createdAt"] time');
  expect(await time.evaluate((element) => getComputedStyle(element, '::after').content)).toMatch(/\d{4}, \d\d:\d\d/);
  const colors = await page.getByRole('heading', { level: 1 }).evaluate((element) => ({
    ink: getComputedStyle(element).color,
    paper: getComputedStyle(document.querySelector('main')!).backgroundColor,
  }));
  expect(colors).toEqual({ ink: 'rgb(0, 0, 0)', paper: 'rgb(255, 255, 255)' });
  // Nothing of the page is cut off at the edge of the window, or of the sheet.
  expect(await pagesOf()).toBeGreaterThanOrEqual(2);
  expect(await pagesOf()).toBeLessThanOrEqual(4);

  await afterPrinting();
  await page.getByRole('tab', { name: 'Notes' }).waitFor();
  expect(await page.getByText(LONG, { exact: true }).count()).toBe(0);
});

test('a table is printed as one, by Ctrl+P and from the command menu, with more than the screen has drawn', async () => {
  await page.goto(`${address}/objects/companies?view=all`);
  await page.locator('.print-origin').waitFor({ state: 'attached' });
  await page.getByRole('grid').waitFor();
  await page.keyboard.press('ControlOrMeta+p');
  await eventually('it is given to the printer', async () => (await printed()) === 1);
  await page.emulateMedia({ media: 'print' });
  const table = page.getByRole('table', { name: 'Companies' });
  expect(await table.getByRole('row').count()).toBe(602);
  expect(await table.getByRole('columnheader', { name: 'Name', exact: true }).isVisible()).toBe(true);
  expect(await table.getByRole('cell', { name: 'Paper & Sons' }).isVisible()).toBe(true);
  expect(await page.getByRole('grid').isVisible()).toBe(false);
  expect(await pagesOf()).toBeGreaterThan(20);
  await afterPrinting();
  await page.getByRole('grid').waitFor();
  expect(await page.locator('.print-table').count()).toBe(0);

  await page.keyboard.press('ControlOrMeta+k');
  await page.getByRole('combobox').fill('print');
  await page.getByRole('option', { name: 'Print this page' }).click();
  await eventually('it is given to the printer again', async () => (await printed()) === 2);
  await afterPrinting();
});

test('the browser’s own command prints the record, too, whatever size its window has', async () => {
  await page.goto(`${address}/objects/companies/${company}`);
  await page.locator('[data-field]').first().waitFor();
  await page.evaluate(() => window.dispatchEvent(new Event('beforeprint')));
  await page.emulateMedia({ media: 'print' });
  // The sheet is as narrow as a small window, in which the page would be another one, and read anew.
  expect(await pagesOf()).toBeGreaterThanOrEqual(1);
  expect(await page.locator('[data-field="domainName"]').isVisible()).toBe(true);
  expect(await page.getByText('Details', { exact: true }).count()).toBe(0);
  await afterPrinting();
});
