import { jest } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ZipFile } from 'yazl';
import { buffer } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import type { Browser, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { makeTemporaryDir } from '../../db/testing/temporary.ts';
import { startApplication } from './application.ts';
import { expectAccessible, launchChromium } from './chromium.ts';

/** From a file to records, and back; and from records to a file. */
const database = useDatabase();
const folder = makeTemporaryDir();

let browser: Browser;
let page: Page;
let address: string;
const complaints: string[] = [];

jest.setTimeout(120_000);

beforeAll(async () => {
  [address, browser] = await Promise.all([startApplication(database), launchChromium()]);
  database.onEnd(() => browser.close());
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB', acceptDownloads: true });
  context.setDefaultTimeout(20_000);
  page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(address);
  await page.getByLabel('E-mail').fill(DEMO_EMAIL);
  await page.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.locator('main#main h1').first().waitFor();
}, 120_000); // prettier-ignore

afterAll(() => {
  expect(complaints).toEqual([]);
});

const file = (name: string, content: string | Buffer): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const choose = (path: string) => page.locator('input[type=file]').setInputFiles(path);
const schema = async (): Promise<string> => {
  const { rows } = await database.admin.query<{ schema: string }>(
    'select schema_name as schema from core.workspaces limit 1',
  );
  return rows[0]!.schema;
};
const count = async (table: string, where: string): Promise<number> => {
  const found = await database.admin.query<{ n: number }>(
    `select count(*)::int as n from ${await schema()}.${table} where ${where}`,
  );
  return found.rows[0]!.n;
};

test('a file is mapped, checked, mended, imported and taken back', async () => {
  await page.goto(`${address}/objects/people`);
  await page.getByRole('button', { name: 'About this view' }).click();
  await page.getByRole('menuitem', { name: 'Import…' }).click();
  await page.getByRole('heading', { name: 'Import people' }).waitFor();
  await page.getByText('Drop a file here').waitFor();
  await expectAccessible(page);
  const rows = 'Given name;Family name;E-Mail;Employer;Mood\nAda;Imported;ada@import.example;Brand-new Ltd;fine\nBob;Imported;not an address;Brand-new Ltd;fine\nCy;Imported;cy@import.example;;grim\n';
  await choose(file('leads.csv', Buffer.from(`${rows}Zoë;Imported;zoe@import.example;;grim\n`, 'latin1')));

  // The delimiter, the encoding and most columns are found out.
  await page.getByRole('combobox', { name: 'Encoding' }).waitFor();
  expect(await page.getByRole('combobox', { name: 'Encoding' }).inputValue()).toBe('Windows-1252 (Western)');
  const goes = (header: string) => page.getByRole('combobox', { name: `Where “${header}” goes` });
  expect(await goes('Employer').inputValue()).toBe('Company');
  expect(await goes('Mood').inputValue()).toBe('');
  await page.getByRole('region', { name: 'Preview' }).getByText('Zoë').waitFor();

  // What has no field gets one.
  await page.getByRole('button', { name: 'New field for “Mood”' }).click();
  await page.getByRole('button', { name: 'Create the field' }).click();
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  await page.waitForFunction(() => (document.querySelector('[aria-label="Where “Mood” goes"]') as HTMLInputElement | null)?.value === 'Mood');
  await expectAccessible(page);

  await page.getByRole('button', { name: 'Check all rows' }).click();
  await page.getByRole('heading', { name: 'Rows that cannot be imported as they are' }).waitFor();
  await page.getByRole('button', { name: 'Create the related records that are missing' }).click();
  // One problem is left: mended in place.
  await page.getByRole('button', { name: 'Import 3 rows' }).waitFor();
  expect(await count('people', `name_last_name = 'Imported'`)).toBe(0);
  await expectAccessible(page);
  const cell = page.getByRole('textbox', { name: 'E-Mail of row 3' });
  await cell.fill('bob@import.example');
  await cell.press('Enter');
  await page.getByRole('button', { name: 'Check again' }).click();
  await page.getByText('All rows can be imported.').waitFor();
  await page.getByRole('button', { name: 'Import 4 rows' }).click();

  await page.getByText('4 people imported from leads.csv').waitFor();
  await expectAccessible(page);
  expect(await count('people', `name_last_name = 'Imported' and mood in ('fine', 'grim')`)).toBe(4);
  expect(await count('people', `name_first_name = 'Zoë'`)).toBe(1);
  expect(await count('companies', `name = 'Brand-new Ltd'`)).toBe(1);

  await page.getByRole('button', { name: 'Undo the import' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Undo the import' }).click();
  await page.getByText(/^Undone /).waitFor();
  expect(await count('people', `name_last_name = 'Imported'`)).toBe(0);
  expect(await count('companies', `name = 'Brand-new Ltd'`)).toBe(0);
}); // prettier-ignore

test('an import that has ended is undone and done again by keys, and by the message of its end, also elsewhere', async () => {
  const bring = async (name: string) => {
    await page.goto(`${address}/objects/people/import`);
    await choose(file(name, 'First name,Last name\nAnn,Quick\nBen,Quick\n'));
    await page.getByRole('button', { name: 'Import without checking' }).click();
    await page.getByText(`2 people imported from ${name}`).waitFor();
  };
  const there = () => count('people', `name_last_name = 'Quick'`);
  await bring('quick.csv');
  await page.getByText('quick.csv is imported: 2 people').waitFor();
  await page.getByRole('heading', { name: 'Import people' }).click();
  await page.keyboard.press('Control+z');
  await page.getByText('Undone: Import of quick.csv.').waitFor();
  // The page of the import says so, too.
  await page.getByText(/^Undone \d/).waitFor();
  expect(await there()).toBe(0);
  await page.keyboard.press('Control+Shift+z');
  await page.getByText('Done again: Import of quick.csv.').waitFor();
  await page.getByText('2 people imported from quick.csv').waitFor();
  expect(await there()).toBe(2);
  await page.keyboard.press('Control+z');
  await page.getByText(/^Undone \d/).waitFor();
  expect(await there()).toBe(0);

  // While it runs one may go elsewhere.
  await page.goto(`${address}/objects/people/import`);
  await choose(file('later.csv', 'First name,Last name\nAnn,Quick\nBen,Quick\n'));
  await page.getByRole('button', { name: 'Import without checking' }).click();
  await page.getByRole('link', { name: 'Companies' }).first().click();
  const message = page.getByRole('alert').filter({ hasText: 'later.csv is imported: 2 people' });
  await message.waitFor();
  expect(await there()).toBe(2);
  // What somebody has changed since is not lost unasked.
  await database.admin.query(
    `update ${await schema()}.people set city = 'Bonn' where name_last_name = 'Quick' and name_first_name = 'Ann'`,
  );
  await message.getByRole('button', { name: 'Undo' }).click();
  const dialog = page.getByRole('dialog', { name: 'Undo: Import of later.csv' });
  await dialog.getByText(/was changed since/).waitFor();
  await expectAccessible(page);
  await dialog.getByRole('button', { name: 'Leave these out' }).click();
  await dialog.waitFor({ state: 'hidden' });
  expect(await there()).toBe(1);
  await page.goto(`${address}/settings/imports`);
  await page.getByRole('row', { name: /later\.csv/ }).getByText('Undone').waitFor();
}); // prettier-ignore

test('values of a workbook are given a meaning, rows that match are updated, and what was rejected is a file', async () => {
  const sheet = [['Company name', 'Ideal customer', 'Headcount'], ['Sheet One', 'jawohl', '12'], ['Sheet Two', 'nö', 'many']];
  const xml = sheet.map((row) => `<row>${row.map((cell) => `<c t="inlineStr"><is><t>${cell}</t></is></c>`).join('')}</row>`).join('');
  const zip = new ZipFile();
  zip.addBuffer(Buffer.from('<workbook xmlns:r="r"><sheets><sheet name="S" r:id="a"/></sheets></workbook>'), 'xl/workbook.xml');
  zip.addBuffer(Buffer.from('<Relationships><Relationship Id="a" Target="worksheets/s.xml"/></Relationships>'), 'xl/_rels/workbook.xml.rels');
  zip.addBuffer(Buffer.from(`<worksheet><sheetData>${xml}</sheetData></worksheet>`), 'xl/worksheets/s.xml');
  zip.end();
  await page.goto(`${address}/objects/companies/import`);
  await choose(file('sheet.xlsx', await buffer(zip.outputStream as unknown as Readable)));
  await page.getByRole('button', { name: 'What the values of “Ideal customer” mean' }).click();
  for (const [value, meaning] of [['jawohl', 'Yes'], ['nö', 'No']] as const) {
    await page.getByRole('combobox', { name: `“${value}” means` }).click();
    await page.getByRole('option', { name: meaning, exact: true }).click();
  }
  await page.getByRole('button', { name: 'Use these' }).click();
  await page.getByRole('combobox', { name: 'Find them by' }).click();
  await page.getByRole('option', { name: 'Name' }).click();
  await page.getByRole('button', { name: 'Import without checking' }).click();
  await page.getByText('1 company imported from sheet.xlsx').waitFor();
  expect(await count('companies', `name = 'Sheet One' and ideal_customer_profile and employees = 12`)).toBe(1);
  const download = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Download the rejected rows' }).click();
  const rejects = readFileSync(await (await download).path(), 'utf8');
  expect(rejects).toMatch(/^line,reason,Company name,Ideal customer,Headcount\n3,.*many.*,Sheet Two,nö,many\n$/);
  // The notification leads back to the report.
  await page.goto(`${address}/objects/companies`);
  await page.getByRole('navigation', { name: 'Main' }).getByRole('button', { name: /^Notifications/ }).click();
  await page.getByRole('dialog', { name: 'Notifications' }).getByRole('button', { name: /sheet\.xlsx has ended/ }).click();
  await page.getByText('1 company imported from sheet.xlsx').waitFor();
  await page.getByRole('link', { name: 'All imports' }).click();
  await page.getByRole('link', { name: 'sheet.xlsx' }).waitFor();
  await page.getByRole('cell', { name: 'Undone' }).first().waitFor();
  await expectAccessible(page);
}); // prettier-ignore

test('rows of a spreadsheet are pasted, and what cannot be read is said where it is', async () => {
  await page.goto(`${address}/objects/companies/import`);
  await page.getByText('Drop a file here').waitFor();
  await page.evaluate(() => {
    const data = new DataTransfer();
    data.setData('text/plain', 'Name\tEmployees\nPasted\t7\n');
    document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
  });
  await page.getByRole('region', { name: 'Preview' }).getByText('Pasted').waitFor();
  expect(await page.getByRole('combobox', { name: 'Between columns' }).inputValue()).toBe('Tab');
  await page.getByRole('button', { name: 'Discard' }).click();
  await page.getByText('Drop a file here').waitFor();
  await choose(file('picture.csv', Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 0, 0, 0, 0, 0])));
  await page.getByRole('alert').getByText('is not a file that can be imported').waitFor();
}); // prettier-ignore

test('what a list shows is exported, as a download', async () => {
  await page.goto(`${address}/objects/companies?sort=-name`);
  await page.getByRole('button', { name: 'About this view' }).click();
  await page.getByRole('menuitem', { name: 'Export…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Export', exact: true }).waitFor();
  await expectAccessible(page);
  const download = page.waitForEvent('download');
  await page.getByRole('dialog').getByRole('button', { name: 'Export', exact: true }).click();
  const done = await download;
  expect(done.suggestedFilename()).toMatch(/^Companies .*\.csv$/);
  const lines = readFileSync(await done.path(), 'utf8')
    .replace('\ufeff', '')
    .trimEnd()
    .split('\n');
  expect(lines[0]).toMatch(/^Name,/);
  expect(lines.length - 1).toBe(await count('companies', 'true'));
  const names = lines.slice(1).map((line) => line.split(',')[0]!);
  expect(names[0]! >= names.at(-1)!).toBe(true);
});
