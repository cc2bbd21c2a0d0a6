import type { Browser, Page, Request } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { eventually } from '../../server/testing/server.ts';
import { startApplication } from './application.ts';
import { launchChromium } from './chromium.ts';

/** The data model is read once, kept by its version, followed while it changes, and left to nobody else. The steps build on each other. */
const database = useDatabase();

let browser: Browser;
let page: Page;
let address: string;
let otherEmail: string;
const asked: { text: string; bytes: number }[] = [];

const note = async (request: Request): Promise<void> => {
  if (!request.url().endsWith('/metadata')) return;
  // A page that was left meanwhile tells no more.
  const bytes = await request.sizes().then(
    (sizes) => sizes.responseBodySize,
    () => Number.NaN,
  );
  asked.push({ text: request.postData() ?? '', bytes });
};
const questions = (name: string) => asked.filter(({ text }) => text.includes(`query ${name} {`));
const rows = () => page.locator('[role=grid] [data-row]').first().waitFor();
const settled = () => page.getByRole('button', { name: 'Sort' }).and(page.locator('[aria-haspopup=menu]')).waitFor();
const link = (name: string) => page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name, exact: true });
const kept = () => page.evaluate(() => localStorage.getItem('relvar.model'));
const rename = (label: string) =>
  database.admin.query(`update metadata.objects set label_plural = $1 where name_singular = 'company'`, [label]);

async function enter(email: string): Promise<void> {
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await rows();
}

async function visit(): Promise<void> {
  await page.goto('about:blank');
  asked.length = 0;
  await page.goto(`${address}/objects/people`);
  await rows();
  await settled();
  await eventually('the answers are counted', () => Promise.resolve(asked.length >= 2));
}

beforeAll(async () => {
  [address, browser] = await Promise.all([startApplication(database), launchChromium()]);
  database.onEnd(() => browser.close());
  const found = await database.admin.query<{ email: string }>(
    `select u.email from core.members m join core.users u on u.id = m.user_id join metadata.roles r on r.id = m.role_id
     where not r.has_all_permissions order by u.email limit 1`,
  );
  otherEmail = found.rows[0]!.email;
  page = await browser.newPage({ viewport: { width: 1440, height: 900 }, locale: 'en-GB' });
  page.setDefaultTimeout(30_000);
  page.on('requestfinished', (request) => void note(request));
}, 120_000);

test('the second visit asks for the version of the model, and shows the page with the model that was kept', async () => {
  await page.goto(`${address}/objects/people`);
  await enter(DEMO_EMAIL);
  await eventually('the model was read', () => Promise.resolve(questions('Model').length === 1));
  await eventually('it is kept', async () => (await kept()) !== null);

  await visit();
  expect(questions('Model')).toEqual([]);
  expect(questions('Version')).toHaveLength(1);
  expect(questions('Version')[0]!.bytes).toBeLessThan(4_000);
  await link('Companies').waitFor();
}, 120_000);

test('a change of the model shows at once, is kept, and is read by who was away meanwhile', async () => {
  await rename('Clients');
  await link('Clients').waitFor();
  await eventually('the new one is kept', async () => (await kept())?.includes('"Clients"') === true);
  await visit();
  expect(questions('Model')).toEqual([]);
  await link('Clients').waitFor();

  await page.goto('about:blank');
  await rename('Customers');
  await visit();
  expect(questions('Model')).toHaveLength(1);
  await link('Customers').waitFor();
  expect(await link('Clients').count()).toBe(0);
}, 120_000);

test('rights that change without the model hold at the next visit', async () => {
  const role = (has: boolean) =>
    database.admin.query(
      `update core.members m set role_id = r.id from core.users u, metadata.roles r
       where u.id = m.user_id and u.email = $1 and r.workspace_id = m.workspace_id
         and r.id = (select x.id from metadata.roles x where x.workspace_id = m.workspace_id and x.has_all_permissions = $2 order by x.id limit 1)`,
      [otherEmail, has],
    );
  const other = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB' });
  const [mine, theirs] = [page, await other.newPage()];
  theirs.setDefaultTimeout(30_000);
  theirs.on('requestfinished', (request) => void note(request));
  page = theirs;
  try {
    await page.goto(`${address}/objects/people`);
    await enter(otherEmail);
    await eventually('it is kept', async () => (await kept()) !== null);
    await page.goto(`${address}/settings/roles`);
    const roles = page.getByRole('table', { name: 'Roles' });
    await page.getByText('You may not open this page').waitFor();
    expect(await roles.count()).toBe(0);
    await page.goto('about:blank');
    await role(true);
    await visit();
    expect(questions('Model')).toEqual([]);
    await page.goto(`${address}/settings/roles`);
    await roles.waitFor();
  } finally {
    await role(false);
    page = mine;
    await other.close();
  }
}, 120_000);

test('who signs out leaves nothing of it, and nobody else sees what another left', async () => {
  expect(await kept()).toContain('"Customers"');
  const left = (await kept())!.replaceAll('"Customers"', '"Left behind"');
  await page.evaluate(() =>
    fetch('/auth/sign-out', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' }),
  );
  await page.reload();
  await page.getByLabel('E-mail').waitFor();
  expect(await kept()).toBeNull();

  // As if it had been left by a browser that lost its session: the next one to sign in is somebody else.
  await page.evaluate((text) => localStorage.setItem('relvar.model', text), left);
  asked.length = 0;
  await enter(otherEmail);
  await link('Customers').waitFor();
  expect(questions('Version')).toEqual([]);
  expect(await page.getByText('Left behind').count()).toBe(0);
  await eventually('their own is kept', async () => (await kept())?.includes('"Customers"') === true);
  expect(await kept()).not.toContain('Left behind');
  await visit();
  expect(questions('Model')).toEqual([]);
  await link('Customers').waitFor();
}, 120_000);
