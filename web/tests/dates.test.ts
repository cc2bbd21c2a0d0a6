import { jest } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { eventually } from '../../server/testing/server.ts';
import { startApplication } from './application.ts';
import { launchChromium } from './chromium.ts';

/** A day is the same day everywhere; a moment is told by the clock of who reads it. */
jest.setTimeout(120_000);
const database = useDatabase();
const complaints: string[] = [];
let browser: Browser;
let address: string;
let schema: string;
let company: string;

const stored = async () =>
  (
    await database.admin.query<{ renewal: string; call: string }>(
      `select renewal::text, to_char(next_call at time zone 'UTC', 'YYYY-MM-DD HH24:MI') as call from ${schema}.companies where id = $1`,
      [company],
    )
  ).rows[0]!;

async function enter(zone: string, now: string): Promise<Page> {
  await database.admin.query(
    `update ${schema}.workspace_members set time_zone = $1, date_format = 'YEAR_FIRST', time_format = 'HOUR_24'`,
    [zone],
  );
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    locale: 'en-GB',
    timezoneId: zone,
  });
  context.setDefaultTimeout(30_000);
  const page = await context.newPage();
  page.on('pageerror', ({ message }) => complaints.push(message));
  await page.goto(address);
  await page.getByLabel('E-mail').fill(DEMO_EMAIL);
  await page.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('navigation', { name: 'Main' }).waitFor();
  await page.clock.setFixedTime(new Date(now));
  return page;
}

beforeAll(async () => {
  [address, browser] = await Promise.all([startApplication(database), launchChromium()]);
  database.onEnd(() => browser.close());
  const { rows } = await database.admin.query<{ schema: string; workspace: string; object: string }>(
    `select w.schema_name as schema, w.id as workspace, o.id as object from core.workspaces w
     join metadata.objects o on o.workspace_id = w.id and o.name_singular = 'company'`,
  );
  const [{ workspace, object }] = [rows[0]!];
  schema = rows[0]!.schema;
  await database.admin.query(
    `insert into metadata.fields (workspace_id, object_id, name, label, type, position) values
     ($1, $2, 'renewal', 'Renewal', 'DATE', 900), ($1, $2, 'nextCall', 'Next call', 'DATE_TIME', 901)`,
    [workspace, object],
  );
  company = (
    await database.admin.query<{ id: string }>(`insert into ${schema}.companies (name) values ('Zed') returning id`)
  ).rows[0]!.id;
}, 120_000);

afterAll(() => {
  expect(complaints).toEqual([]);
});

test.each([
  // Eleven hours behind, fourteen ahead, and the nights in which the clocks change: it is still the 27th in Pago Pago.
  ['Pacific/Pago_Pago', '2027-03-28T09:30:00Z', '2027-03-27', '2027-03-27 22:30'],
  ['Pacific/Kiritimati', '2027-03-27T10:30:00Z', '2027-03-28', '2027-03-28 00:30'],
  ['Europe/Berlin', '2027-03-28T01:30:00Z', '2027-03-28', '2027-03-28 03:30'],
  ['America/New_York', '2027-03-14T07:30:00Z', '2027-03-14', '2027-03-14 03:30'],
])('in %s a day does not shift, whoever types, reads or filters it', async (zone, now, today, wall) => {
  const page = await enter(zone, now);
  const only = new URLSearchParams({ view: 'all', columns: 'name,renewal,nextCall', filters: '["name:is:Zed"]' });
  await page.goto(`${address}/objects/companies?${only}`);
  const cell = (column: string) => page.getByRole('grid').locator(`[data-row="${company}"] [data-column="${column}"]`);
  const type = async (column: string, text: string, shown = text) => {
    await cell(column).click();
    await page.keyboard.press('Enter');
    await page.getByRole('combobox').fill(text);
    await page.keyboard.press('Enter');
    await eventually(`${shown} is shown`, async () => (await cell(column).innerText()).trim() === shown);
  };
  await type('renewal', today);
  const shown = wall.replace(' ', ', ');
  await type('nextCall', wall, shown);
  await eventually('both are stored', async () => {
    const { renewal, call } = await stored();
    return renewal === today && call === now.slice(0, 16).replace('T', ' ');
  });
  await page.reload();
  await eventually('the day is that day', async () => (await cell('renewal').innerText()).trim() === today);
  expect((await cell('nextCall').innerText()).trim()).toBe(shown);

  // Today is the day of the member, and so is this week.
  for (const filter of ['renewal:today', 'nextCall:today', 'renewal:this:week']) {
    const filtered = new URLSearchParams({
      view: 'all',
      columns: 'name,renewal,nextCall',
      filters: JSON.stringify(['name:is:Zed', filter]),
    });
    await page.goto(`${address}/objects/companies?${filtered}`);
    await cell('renewal').waitFor();
  }
  await database.admin.query(`update ${schema}.companies set renewal = renewal + 1 where id = $1`, [company]);
  const tomorrow = new URLSearchParams({ view: 'all', filters: '["name:is:Zed","renewal:today"]' });
  await page.goto(`${address}/objects/companies?${tomorrow}`);
  await page.getByRole('heading', { name: 'No companies match' }).waitFor();
  await database.admin.query(`update ${schema}.companies set renewal = renewal - 1 where id = $1`, [company]);

  // The record's own page.
  await page.goto(`${address}/objects/companies/${company}`);
  await page.locator('[data-field="renewal"]').getByText(today).waitFor();
  await page.locator('[data-field="nextCall"]').getByText(shown).waitFor();
  await page.context().close();
});
