import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { taskText } from '../src/settings/jobs/jobText.ts';
import { startApplication } from './application.ts';
import { expectAccessible, launchChromium } from './chromium.ts';

/** Somebody who keeps the workspace looks after its jobs, and as administrator of the server after all. The steps build on each other. */
const database = useDatabase();

let browser: Browser;
let keeper: Page;
let address: string;
const complaints: string[] = [];

async function enter(email: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    colorScheme: 'light',
    locale: 'en-GB',
    ...options,
  });
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(address);
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.locator('main#main h1').first().waitFor();
  return page;
}

/** A job that no worker takes, since none knows its task. */
async function addJob(task: string, slug: string | null, set: string): Promise<string> {
  const { rows } = await database.admin.query<{ id: string }>(
    `select id::text from graphile_worker.add_job($1, json_strip_nulls(json_build_object('workspace_id', (select id from core.workspaces where slug = $2), 'apiSecret', 'whsec_x')))`,
    [task, slug],
  );
  await database.admin.query(`update graphile_worker._private_jobs set ${set} where id = $1`, [rows[0]!.id]);
  return rows[0]!.id;
}

const item = (page: Page, id: string) => page.getByRole('listitem', { name: new RegExp(` ${id}$`) });

let failed: string;
let later: string;
let theirs: string;

beforeAll(async () => {
  [address, browser] = await Promise.all([startApplication(database), launchChromium()]);
  database.onEnd(() => browser.close());
  await database.admin.query(`select engine.create_workspace('other', 'Other', 'o@other.example')`);
  await database.admin.query('update core.users set is_instance_admin = false');
  const { rows } = await database.admin.query<{ slug: string }>(
    `select w.slug from core.workspaces w join core.members m on m.workspace_id = w.id join core.users u on u.id = m.user_id where u.email = $1`,
    [DEMO_EMAIL],
  );
  const own = rows[0]!.slug;
  failed = await addJob(
    'weather__tell',
    own,
    `attempts = max_attempts, last_error = E'https://a:b@hook.test answered 500\\nand said why'`,
  );
  later = await addJob('weather__tell', own, `run_at = now() + interval '1 hour'`);
  theirs = await addJob('weather__tell', 'other', `run_at = now() + interval '1 hour'`);
  await addJob('post__fetch', null, `attempts = 3, last_error = 'busy', run_at = now() + interval '1 hour'`);
  keeper = await enter(DEMO_EMAIL);
}, 120_000);

afterAll(() => {
  expect(complaints).toEqual([]);
});

test('each task of the worker is told in words', () => {
  const tasks = readdirSync(join(import.meta.dirname, '../../worker/tasks')).map((file) => file.replace('.ts', ''));
  expect(tasks).toContain('mail__send');
  expect(tasks.filter((task) => taskText(task).toLowerCase() === task.replaceAll(/_+/g, ' '))).toEqual([]);
});

test('the menu leads to the jobs of the workspace, and to no others', async () => {
  await keeper.getByRole('navigation', { name: 'Main' }).getByRole('button').first().click();
  await keeper.getByRole('menuitem', { name: 'Jobs' }).click();
  await item(keeper, failed).waitFor();
  await item(keeper, later).waitFor();
  expect(await item(keeper, theirs).count()).toBe(0);
  expect(await keeper.getByRole('radio', { name: 'All workspaces' }).count()).toBe(0);
  await keeper.getByRole('region', { name: 'Jobs', exact: true }).getByText('Each minute').first().waitFor();
  await expectAccessible(keeper);
});

test('one that failed says why, hides secrets, and is tried again', async () => {
  await keeper
    .getByRole('group', { name: 'State' })
    .getByRole('button', { name: /Failed 1/ })
    .click();
  await item(keeper, later).waitFor({ state: 'detached' });
  expect(new URL(keeper.url()).searchParams.get('state')).toBe('FAILED');
  await item(keeper, failed).getByRole('button', { expanded: false }).focus();
  await keeper.keyboard.press('Enter');
  await item(keeper, failed).getByLabel('Error').getByText('https://•••@hook.test answered 500').waitFor();
  const payload = await item(keeper, failed).getByLabel('Payload').innerText();
  expect(payload).toContain('"apiSecret": "•••"');
  await expectAccessible(keeper);
  await item(keeper, failed).getByRole('button', { name: 'Try again now' }).click();
  await keeper.getByText('1 job tried again.').waitFor();
  await keeper.getByRole('heading', { name: 'Nothing has failed' }).waitFor();
  await expectAccessible(keeper);
});

test('what happens meanwhile shows by itself', async () => {
  await database.admin.query(
    `update graphile_worker._private_jobs set attempts = max_attempts, last_error = 'again' where id = $1`,
    [failed],
  );
  await item(keeper, failed).getByText('again').waitFor();
});

test('one that waits is cancelled after a question', async () => {
  await keeper.getByRole('group', { name: 'State' }).getByRole('button', { name: 'All' }).click();
  await item(keeper, later).getByRole('button', { expanded: false }).click();
  await item(keeper, later).getByRole('button', { name: 'Cancel', exact: true }).click();
  const dialog = keeper.getByRole('dialog');
  await dialog.getByText('nothing brings it back').waitFor();
  await dialog.getByRole('button', { name: 'Cancel', exact: true }).click();
  await item(keeper, later).waitFor({ state: 'detached' });
});

test('the name of the workspace and how long the trash keeps what was deleted are changed', async () => {
  await keeper.getByRole('navigation', { name: 'Workspace' }).getByRole('link', { name: 'General' }).click();
  const name = keeper.getByLabel('Name of the workspace');
  const former = await name.inputValue();
  for (const each of ['Acme & Sons', former]) {
    await name.fill(each);
    await keeper.locator('form').filter({ has: name }).getByRole('button', { name: 'Save' }).click();
    await keeper.getByRole('navigation', { name: 'Main' }).getByText(each, { exact: true }).waitFor();
  }
  const days = keeper.getByLabel('Days that deleted records are kept');
  await days.fill('45');
  await keeper.locator('form').filter({ has: days }).getByRole('button', { name: 'Save' }).click();
  await keeper.getByText('Saved.', { exact: true }).waitFor();
  const { rows } = await database.admin.query(
    `select s.trash_days from core.workspace_settings s join core.workspaces w on w.id = s.workspace_id where w.slug <> 'other'`,
  );
  expect(rows).toEqual([{ trash_days: 45 }]);
  await expectAccessible(keeper);
  await keeper.getByRole('navigation', { name: 'Workspace' }).getByRole('link', { name: 'Jobs' }).click();
});

test('an administrator of the server sees the jobs of all workspaces', async () => {
  await database.admin.query('update core.users set is_instance_admin = true where email = $1', [DEMO_EMAIL]);
  await keeper.reload();
  await keeper.getByText('All workspaces').click();
  await item(keeper, theirs).getByText('other', { exact: true }).waitFor();
  await keeper.getByText('this server', { exact: true }).first().waitFor();
  await keeper.getByRole('combobox', { name: 'Task' }).click();
  await keeper.getByRole('option', { name: 'Post fetch' }).click();
  await item(keeper, theirs).waitFor({ state: 'detached' });
  await keeper.getByText('busy').waitFor();
  await expectAccessible(keeper);
});

test.each([
  ['light', 1440],
  ['dark', 1440],
  ['light', 390],
  ['dark', 390],
] as const)('is as it should be in %s at %d px', async (colorScheme, width) => {
  const page = await enter(DEMO_EMAIL, { colorScheme, viewport: { width, height: 900 } });
  await page.goto(`${address}/settings/jobs?all=true`);
  await item(page, failed).getByRole('button', { expanded: false }).click();
  await item(page, failed).getByLabel('Payload').waitFor();
  await expectAccessible(page);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  expect(overflow).toBeLessThanOrEqual(0);
  const folder = process.env['RELVAR_SCREENSHOTS'];
  if (folder) await page.screenshot({ path: `${folder}/jobs-${colorScheme}-${width}.png` });
  await page.context().close();
});
