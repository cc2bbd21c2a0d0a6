import pg from 'pg';
import type { Browser, Page, Route } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { startApplication } from './application.ts';
import { launchChromium } from './chromium.ts';

/** Database logins, and acting as a member, as an administrator does both. The steps build on each other. */
const database = useDatabase();
let browser: Browser;
let page: Page;
let address: string;
let login: string;

beforeAll(async () => {
  [address, browser] = await Promise.all([startApplication(database), launchChromium()]);
  database.onEnd(() => browser.close());
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  context.setDefaultTimeout(20_000);
  page = await context.newPage();
  await page.goto(address);
  await page.getByLabel('E-mail').fill(DEMO_EMAIL);
  await page.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('heading', { level: 1, name: 'Companies' }).waitFor();
}, 120_000);
afterAll(async () => {
  const cluster = new pg.Client({ connectionString: process.env['RELVAR_TEST_ADMIN_URL'] });
  await cluster.connect();
  if (login) await cluster.query(`drop role if exists ${login}`);
  await cluster.end();
});

test('a database login is made, shown once, works, and ends', async () => {
  await page.goto(`${address}/settings/database-access`);
  await page.getByText('There are none.').waitFor();
  await page.getByRole('button', { name: 'New login' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('What it is for').fill('Monthly reports');
  await dialog.getByRole('button', { name: 'Create' }).click();
  const shown = (await dialog.getByLabel('Connection string').textContent()) ?? '';
  const url = new URL(/"(.+)"/.exec(shown)![1]!);
  login = url.username;
  expect(url.hostname).toBe('127.0.0.1');
  await dialog.getByRole('button', { name: 'Done' }).click();
  const row = page.getByRole('row', { name: login });
  await row.getByText('Monthly reports').waitFor();
  await row.getByText('Read', { exact: true }).waitFor();
  await dialog.waitFor({ state: 'hidden' });
  expect((await page.content()).includes(url.password)).toBe(false);

  // The worker has it take its role; until then it is nobody.
  const count = async (): Promise<number | undefined> => {
    const client = new pg.Client({ connectionString: url.href });
    await client.connect();
    try {
      return (await client.query<{ n: number }>('select count(*)::int as n from companies')).rows[0]?.n;
    } catch {
      return undefined;
    } finally {
      await client.end();
    }
  };
  let seen = await count();
  for (let attempt = 0; attempt < 50 && seen === undefined; attempt++) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    seen = await count();
  }
  expect(seen).toBeGreaterThan(10);

  await row.getByRole('button', { name: `Revoke ${login}` }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
  await page.getByText('There are none.').waitFor();
  await expect(count()).rejects.toMatchObject({ code: expect.stringMatching(/^28/) });
});

/** Has the server do it, and tells the page half a second after `news`; the browser hears nothing of it before. */
async function answerLate(route: Route, news: Promise<unknown>): Promise<void> {
  const request = route.request();
  const headers = new Headers(await request.allHeaders());
  headers.delete('host');
  const answer = await fetch(request.url(), { method: 'POST', headers, body: request.postData() });
  await news;
  await new Promise((resolve) => setTimeout(resolve, 500));
  await route.fulfill({
    status: answer.status,
    headers: { 'set-cookie': answer.headers.getSetCookie().join('\n') },
    json: await answer.json(),
  });
}

/** Of a member who is somebody else. */
const openMenu = () =>
  page
    .getByRole('row')
    .filter({ hasNotText: '(you)' })
    .getByRole('button', { name: /^Actions for/ })
    .first()
    .click();

test('acting as a member is allowed first', async () => {
  await page.goto(`${address}/settings/members`);
  await openMenu();
  await page.getByRole('menuitem', { name: 'Deactivate' }).waitFor();
  expect(await page.getByRole('menuitem', { name: 'Act as this member…' }).count()).toBe(0);
  await page.goto(`${address}/settings/sign-ins`);
  const allowed = page.getByRole('switch', { name: 'Administrators may act as members' });
  await allowed.click();
  await page.reload();
  await allowed.and(page.locator(':checked')).waitFor();
});

test('the banner stands on every page until one returns', async () => {
  await page.goto(`${address}/settings/members`);
  await openMenu();
  await page.getByRole('menuitem', { name: 'Act as this member…' }).click();
  const dialog = page.getByRole('dialog');
  const act = dialog.getByRole('button', { name: 'Act as this member' });
  expect(await act.isDisabled()).toBe(true);
  await dialog.getByLabel('Why').fill('Ticket 4711: an opportunity is missing');
  await act.click();
  const banner = page.getByRole('region', { name: 'Whose view this is' });
  await banner.getByText('you are acting as').waitFor();
  for (const path of ['/settings/profile', '/settings/security', '/']) {
    await page.goto(`${address}${path}`);
    await banner.getByText('you are acting as').waitFor();
  }
  await page.goto(`${address}/settings/security`);
  await page.getByText('How a member signs in is the member’s alone').waitFor();
  // Where the way back fails nobody must believe to be back: no connection, and a server that fails.
  const back = banner.getByRole('button', { name: 'Return to yourself' });
  for (const fail of [
    (route: Route) => route.abort(),
    (route: Route) => route.fulfill({ status: 500, json: { error: { code: 'INTERNAL', message: 'Out of order.' } } }),
  ]) {
    await page.route('**/auth/impersonate/end', fail, { times: 1 });
    await back.click();
    const told = page.getByRole('alert').filter({ hasText: 'You still act as the member' });
    await told.waitFor();
    await banner.getByText('you are acting as').waitFor();
    expect(new URL(page.url()).pathname).toBe('/settings/security');
    await told.getByRole('button').click();
    await told.waitFor({ state: 'detached' });
  }
  // The acting session is over before the browser has the tokens of the own one; the live stream hears it first.
  const refreshed: string[] = [];
  page.on('request', (request) => void (request.url().endsWith('/auth/refresh') && refreshed.push(request.url())));
  const [socket] = await Promise.all([page.waitForEvent('websocket'), page.reload()]);
  const closed = new Promise((resolve) => void socket.once('close', resolve));
  await socket.waitForEvent('framereceived');
  await page.getByText('How a member signs in is the member’s alone').waitFor();
  await page.route('**/auth/impersonate/end', async (route) => answerLate(route, closed), { times: 1 });
  await back.click();
  await page.getByRole('heading', { level: 1, name: 'Companies' }).waitFor();
  expect(refreshed).toEqual([]);
  expect(await banner.count()).toBe(0);
  await page.goto(`${address}/settings/sign-ins`);
  await page
    .getByText(/Somebody ceased to act as this member/)
    .first()
    .waitFor();
});
