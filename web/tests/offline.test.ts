import { jest } from '@jest/globals';
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { eventually } from '../../server/testing/server.ts';
import { startApplication } from './application.ts';
import { expectAccessible, launchChromium } from './chromium.ts';

/** Somebody goes on working while the network, or the server, is gone. The steps build on each other. */
const database = useDatabase();
jest.setTimeout(120_000);

/** Between the browser and the server: it goes, and everything that was connected with it. */
function createRoad(to: () => number) {
  const sockets = new Set<Socket>();
  let server: Server | null = null;
  let port = 0;
  return {
    open: async (): Promise<number> => {
      const opened = createServer((socket) => {
        const far = connect(to(), '127.0.0.1');
        for (const each of [socket, far]) {
          sockets.add(each);
          each.on('close', () => sockets.delete(each)).on('error', () => undefined);
        }
        socket.pipe(far).pipe(socket);
      });
      server = opened;
      await new Promise<void>((resolve) => opened.listen(port, '127.0.0.1', resolve));
      ({ port } = opened.address() as AddressInfo);
      return port;
    },
    close: async (): Promise<void> => {
      const closing = server;
      const closed = new Promise((resolve) => closing?.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

let browser: Browser;
let context: BrowserContext;
let page: Page;
let road: ReturnType<typeof createRoad>;
let address: string;
let schema: string;
let ids: string[] = [];
const complaints: string[] = [];

const one = async (sql: string, values: unknown[] = []): Promise<unknown> =>
  Object.values(
    (await database.admin.query<Record<string, unknown>>(sql.replaceAll('$schema', schema), values)).rows[0] ?? {},
  )[0];
const nameOf = (id: string) => one('select name from $schema.companies where id = $1', [id]);

const untilKept = (expected: unknown, question: () => Promise<unknown>) =>
  eventually(`${String(expected)} is kept`, async () => (await question()) === expected);

async function enter(email: string): Promise<void> {
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('navigation', { name: 'Main' }).waitFor();
}

async function begin(): Promise<void> {
  page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(address);
}

const companies = async () => {
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Companies', exact: true }).click();
  await page.getByRole('grid').locator('[data-row]').first().waitFor();
};
const cell = (id: string, column = 'name') =>
  page.getByRole('grid').locator(`[data-row="${id}"] [data-column="${column}"]`);
const bar = () => page.getByRole('region', { name: 'Changes that wait' });

async function type(id: string, text: string): Promise<void> {
  const box = (await cell(id).boundingBox())!;
  await page.mouse.click(box.x + box.width - 6, box.y + box.height / 2);
  await cell(id).and(page.locator('[data-active]')).waitFor();
  await page.keyboard.type(text);
  await page.keyboard.press('Enter');
  await cell(id).getByText(text).waitFor();
}

beforeAll(async () => {
  let direct: string;
  [direct, browser] = await Promise.all([startApplication(database), launchChromium()]);
  road = createRoad(() => Number(new URL(direct).port));
  database.onEnd(async () => {
    await browser.close();
    await road.close();
  });
  schema = String(await one('select schema_name from core.workspaces'));
  address = `http://127.0.0.1:${await road.open()}`;
  context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB' });
  context.setDefaultTimeout(30_000);
  await begin();
  await enter(DEMO_EMAIL);
  await companies();
  ids = await page
    .getByRole('grid')
    .locator('[data-row]')
    .evaluateAll((rows) => rows.map((row) => (row as HTMLElement).dataset['row']!));
}, 120_000);

afterAll(() => {
  expect(complaints).toEqual([]);
});

test('without a network edits are kept, marked, and sent in order once it is back', async () => {
  const [first, second] = ids as [string, string];
  await context.setOffline(true);
  await bar().getByText('The server cannot be reached').waitFor();
  await type(first, 'Typed on a train');
  await type(second, 'And another');
  await type(first, 'Typed twice');
  await cell(first).getByRole('img', { name: 'Waits to be sent' }).waitFor();
  await bar().getByText('3 changes wait').waitFor();
  await expectAccessible(page);
  expect(await nameOf(first)).not.toBe('Typed twice');
  await context.setOffline(false);
  await untilKept('Typed twice', () => nameOf(first));
  await untilKept('And another', () => nameOf(second));
  await bar().waitFor({ state: 'detached' });
  await cell(first).getByRole('img', { name: 'Waits to be sent' }).waitFor({ state: 'detached' });
  // Each once, in the order in which they were typed.
  const { rows } = await database.admin.query<{ name: string }>(
    `select after ->> 'name' as name from ${schema}.record_events where record_id = $1 and after ? 'name' order by batch desc limit 2`,
    [first],
  );
  expect(rows.map(({ name }) => name)).toEqual(['Typed twice', 'Typed on a train']);
});

test('what was undone before it was sent is never sent', async () => {
  const [first] = ids as [string];
  await road.close();
  await type(first, 'A slip');
  await bar().getByText('One change waits').waitFor();
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+z');
  await cell(first).getByText('Typed twice').waitFor();
  await bar().getByText('What you change is kept').waitFor();
  await road.open();
  await bar().waitFor({ state: 'detached' });
  expect(await nameOf(first)).toBe('Typed twice');
});

test('a page that is closed leaves its changes to the next one, and nobody else sees them', async () => {
  const [first, , third] = ids as [string, string, string];
  await road.close();
  await type(third, 'Left behind');
  await type(first, 'Left first');
  await bar().getByText('2 changes wait').waitFor();
  await page.close();
  await road.open();
  const cookies = await context.cookies();
  await context.clearCookies();
  await begin();
  await enter('amara@relvar.example');
  await companies();
  await page.waitForTimeout(500);
  expect(await bar().count()).toBe(0);
  expect(await nameOf(third)).not.toBe('Left behind');
  await page.close();
  await context.clearCookies();
  await context.addCookies(cookies);
  await begin();
  await untilKept('Left behind', () => nameOf(third));
  await untilKept('Left first', () => nameOf(first));
  await companies();
});

test('what somebody else changed meanwhile is asked about, one by one, mine or theirs', async () => {
  const [first, second, third] = ids as [string, string, string];
  await road.close();
  await bar().waitFor();
  await type(first, 'Mine one');
  await type(second, 'Mine two');
  await type(third, 'Mine three');
  await bar().getByText('3 changes wait').waitFor();
  await database.admin.query(`update ${schema}.companies set name = 'Theirs ' || name where id = any ($1)`, [
    [first, second],
  ]);
  await database.admin.query(`delete from ${schema}.companies where id = $1`, [third]);
  await road.open();
  await bar().getByText('3 changes could not be sent as they are').waitFor();
  await bar().getByRole('button', { name: 'Decide' }).click();
  const dialog = page.getByRole('dialog');
  await page.getByRole('dialog', { name: '3 changes to decide about, one by one' }).waitFor();
  await dialog.getByRole('region', { name: 'Yours' }).getByText('Mine one').waitFor();
  await dialog.getByRole('region', { name: 'Theirs' }).getByText('Theirs Left first').waitFor();
  await expectAccessible(page);
  await dialog.getByRole('button', { name: 'Keep mine' }).click();
  await untilKept('Mine one', () => nameOf(first));
  await dialog.getByRole('region', { name: 'Yours' }).getByText('Mine two').waitFor();
  await dialog.getByRole('button', { name: 'Keep theirs' }).click();
  await dialog.getByText('was deleted meanwhile').waitFor();
  expect(await nameOf(second)).toBe('Theirs And another');
  await dialog.getByRole('button', { name: 'Give it up' }).click();
  await dialog.getByText('The server has everything.').waitFor();
  await dialog.getByRole('button', { name: 'Close', exact: true }).last().click();
  await cell(second).getByText('Theirs And another').waitFor();
  await cell(first).getByText('Mine one').waitFor();
});

test('records are made and deleted while the server is away, and signing out then warns', async () => {
  const [first, second] = ids as [string, string];
  await road.close();
  await bar().waitFor();
  await page
    .getByRole('button', { name: /^New company/i })
    .first()
    .click();
  await page.keyboard.type('Made on a train');
  await page.keyboard.press('Enter');
  await page.getByRole('grid').getByText('Made on a train').first().waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('grid').locator(`[data-row="${second}"]`).getByRole('checkbox').click();
  await page.getByRole('region', { name: 'Selection' }).getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('grid').locator(`[data-row="${second}"]`).waitFor({ state: 'detached' });
  await bar().getByText('2 changes wait').waitFor();
  await page.getByRole('button', { name: /demo/i }).first().click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  const warning = page.getByRole('dialog', { name: 'Sign out before everything is sent?' });
  await warning.getByText('2 changes were not sent yet').waitFor();
  await warning.getByRole('button', { name: 'Stay' }).click();
  expect(await nameOf(second)).toBe('Theirs And another');
  await road.open();
  await untilKept('1', () => one(`select count(*) from $schema.companies where name = 'Made on a train'`));
  await untilKept(undefined, () => nameOf(second));
  await bar().waitFor({ state: 'detached' });
  await page.getByRole('grid').getByText('Made on a train').first().waitFor();
  await cell(first).getByText('Mine one').waitFor();
});

test('fields of a record page and cards of a board wait alike', async () => {
  const [first] = ids as [string];
  await page.goto(`${address}/objects/companies/${first}`);
  await page.getByRole('button', { name: /^Edit Name:/ }).waitFor();
  await road.close();
  await bar().waitFor();
  await page.getByRole('button', { name: /^Edit Name:/ }).press('Enter');
  await page.locator('[data-field="name"] input').first().fill('From the page');
  await page.keyboard.press('Enter');
  await page.locator('[data-field="name"]').getByRole('img', { name: 'Waits to be sent' }).first().waitFor();
  await road.open();
  await untilKept('From the page', () => nameOf(first));
  await page
    .locator('[data-field="name"]')
    .getByRole('img', { name: 'Waits to be sent' })
    .waitFor({ state: 'detached' });
});
