import { jest } from '@jest/globals';
import { readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import S3rver from 's3rver';
import type { Browser, Locator, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { makeTemporaryDir } from '../../db/testing/temporary.ts';
import { eventually } from '../../server/testing/server.ts';
import { startApplication } from './application.ts';
import { expectAccessible, launchChromium } from './chromium.ts';

/** Exports that come again: made from a list, run, mailed, put into a bucket, stopped, deleted and brought back. */
const database = useDatabase();
const [data, bucketFolder] = [makeTemporaryDir(), makeTemporaryDir()];
const s3 = new S3rver({
  silent: true,
  directory: bucketFolder,
  vhostBuckets: false,
  configureBuckets: [{ name: 'acme-crm', configs: [] }],
});
const answer = s3.callback();
const bucket = createServer((request, response) => {
  if (request.headers.authorization?.includes('Credential=S3RVER/') === true) return void answer(request, response);
  request.resume();
  response.writeHead(403).end('<Error><Code>InvalidAccessKeyId</Code></Error>');
});
let browser: Browser;
let page: Page;
let address: string;
const complaints: string[] = [];

jest.setTimeout(120_000);

beforeAll(async () => {
  await s3.configureBuckets();
  await new Promise<void>((resolve) => void bucket.listen(0, '127.0.0.1', resolve));
  [address, browser] = await Promise.all([
    startApplication(database, { RELVAR_DATA: data, RELVAR_WEBHOOKS_PRIVATE: 'allowed' }),
    launchChromium(),
  ]);
  database.onEnd(() => browser.close());
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
    acceptDownloads: true,
  });
  context.setDefaultTimeout(20_000);
  page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(address);
  await page.getByLabel('E-mail').fill(DEMO_EMAIL);
  await page.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.locator('main#main h1').first().waitFor();
}, 120_000);

afterAll(async () => {
  bucket.closeAllConnections();
  await new Promise((resolve) => void bucket.close(resolve));
  for (const each of [data, bucketFolder]) rmSync(each, { recursive: true, force: true });
  expect(complaints).toEqual([]);
});

const cells = async (row: Locator) =>
  (await row.getByRole('cell').allInnerTexts()).map((text) => text.replaceAll(/\s+/g, ' ').trim());
const latestRun = () => page.getByRole('table', { name: 'Runs' }).getByRole('row').nth(1);

test('what a list shows is exported again and again, from the dialog of an export on', async () => {
  await page.goto(`${address}/objects/companies?filters=%5B%22name%3Acontains%3Aa%22%5D`);
  const [{ schema }] = (await database.admin.query('select schema_name as schema from core.workspaces limit 1')).rows;
  const { rows } = await database.admin.query(
    `select count(*)::int as n from ${schema}.companies where name ilike '%a%'`,
  );
  await page.getByRole('grid').getByRole('row').nth(3).waitFor();
  await page.getByRole('button', { name: 'About this view' }).click();
  await page.getByRole('menuitem', { name: 'Export…' }).click();
  await page.getByRole('button', { name: 'Repeat this export…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Repeat this export' });
  await dialog.getByRole('textbox', { name: 'Name' }).fill('Companies with an a');
  await dialog.getByRole('radiogroup', { name: 'Kind of file' }).getByText('CSV').click();
  await dialog.getByText('Mo', { exact: true }).click();
  await expectAccessible(page);
  await dialog.getByRole('button', { name: 'Save' }).click();
  await page.getByText('The export comes from now on.').waitFor();

  await page.goto(`${address}/settings/exports`);
  const item = page.getByRole('list', { name: 'Exports that come again' }).getByRole('listitem');
  await item.getByText('Companies · by e-mail to').waitFor();
  await item.getByText(/^Every week on Monday, next on .*, 0?8:00/).waitFor();
  await expectAccessible(page);
  await item.getByRole('button', { name: 'Companies with an a' }).click();
  await page.getByText('It was not made yet.').waitFor();
  await page.getByRole('button', { name: 'Run now' }).click();
  await latestRun().getByText(`${rows[0].n} records`).waitFor();
  expect(await cells(latestRun())).toEqual([
    expect.stringMatching(/by hand/i),
    `${rows[0].n} records`,
    expect.stringMatching(/kB$/),
    'Download',
  ]);
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    latestRun()
      .getByRole('link', { name: /^Download Companies with an a/ })
      .click(),
  ]);
  const lines = readFileSync((await download.path())!, 'utf8')
    .trimEnd()
    .split('\n');
  expect(lines).toHaveLength(rows[0].n + 1);
  expect(lines[0]).toMatch(/^\ufeffName,/);
  // The member's own mail was made, too.
  const mails = await database.admin.query(`select subject, body_text from core.mail_outbox where template = 'export'`);
  expect(mails.rows).toEqual([
    {
      subject: expect.stringContaining('Companies with an a'),
      body_text: expect.stringContaining('The file is attached.'),
    },
  ]);
  await expectAccessible(page);
});

test('it goes into a bucket instead; one that refuses it is told in words, and in a notification', async () => {
  await page.getByRole('tab', { name: 'Settings' }).click();
  await page.getByRole('radiogroup', { name: 'Where to' }).getByText('S3 storage').click();
  await page
    .getByRole('textbox', { name: 'Address of the storage' })
    .fill(`http://127.0.0.1:${(bucket.address() as AddressInfo).port}`);
  await page.getByRole('textbox', { name: 'Bucket', exact: true }).fill('acme-crm');
  await page.getByRole('textbox', { name: 'Folder' }).fill('crm');
  await page.getByRole('textbox', { name: 'Id of the access key' }).fill('WRONG');
  await page.getByLabel('Secret of the access key').fill('S3RVER-SECRET');
  await page.getByRole('checkbox', { name: /in the path/ }).check();
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved', { exact: true }).waitFor();
  await page.getByText('into the bucket acme-crm').waitFor();
  await page.getByRole('tab', { name: 'Runs' }).click();
  await page.getByRole('button', { name: 'Run now' }).click();
  await latestRun().getByText('The bucket refused the file: InvalidAccessKeyId.').waitFor();
  const told = await eventually(
    'it is told',
    async () =>
      (await database.admin.query(`select detail from core.notifications where kind = 'EXPORT_FAILED'`)).rows[0],
  );
  expect(told.detail).toMatchObject({ name: 'Companies with an a', isStopped: false });

  await page.getByRole('tab', { name: 'Settings' }).click();
  // The secret is kept and never shown.
  expect(await page.getByLabel('Secret of the access key').inputValue()).toBe('');
  await page.getByRole('textbox', { name: 'Id of the access key' }).fill('S3RVER');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved', { exact: true }).first().waitFor();
  await page.getByRole('tab', { name: 'Runs' }).click();
  await page.getByRole('button', { name: 'Run now' }).click();
  const place = page
    .getByRole('table', { name: 'Runs' })
    .getByRole('cell', { name: /^crm\/Companies with an a .*\.csv$/ });
  await place.waitFor();
  const stored = join(bucketFolder, 'acme-crm', `${await place.innerText()}._S3rver_object`);
  expect(readFileSync(stored, 'utf8')).toMatch(/^\ufeffName,/);
});

test('it is paused, deleted, and brought back with all that it was', async () => {
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.getByText('Paused', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Resume' }).click();
  await page.getByText('Works', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('heading', { name: 'No export comes again yet' }).waitFor();
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByRole('button', { name: 'Companies with an a' }).click();
  await page.getByRole('table', { name: 'Runs' }).getByText('The bucket refused the file').waitFor();
  expect(await page.getByRole('table', { name: 'Runs' }).getByRole('row').count()).toBe(4);
}); // prettier-ignore
