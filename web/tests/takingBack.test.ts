import { jest } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { eventually } from '../../server/testing/server.ts';
import { startApplication } from './application.ts';
import { launchChromium } from './chromium.ts';

/** What is no change of a record is taken back by a button, too; and how large files may be. */
jest.setTimeout(120_000);
const database = useDatabase();
const complaints: string[] = [];
let browser: Browser;
let address: string;
let page: Page;

const main = () => page.getByRole('navigation', { name: 'Main' });
const undo = () => page.getByRole('button', { name: 'Undo', exact: true }).last();
const one = async <Row extends object>(text: string) => (await database.admin.query<Row>(text)).rows[0]!;

beforeAll(async () => {
  [address, browser] = await Promise.all([startApplication(database), launchChromium()]);
  database.onEnd(() => browser.close());
  const { workspace, member, object } = await one<{ workspace: string; member: string; object: string }>(
    `select m.workspace_id as workspace, m.id as member, o.id as object from core.members m join core.users u on u.id = m.user_id
     join metadata.objects o on o.workspace_id = m.workspace_id and o.name_singular = 'company' where u.email = '${DEMO_EMAIL}'`,
  );
  const folder = await one<{ id: string }>(
    `insert into metadata.favourites (workspace_id, member_id, kind, label, position) values ('${workspace}', '${member}', 'FOLDER', 'Mine', 1) returning id`,
  );
  await database.admin.query(
    `insert into metadata.favourites (workspace_id, member_id, kind, label, url, folder_id, object_id, position) values
     ('${workspace}', '${member}', 'LINK', 'Handbook', 'https://handbook.example', '${folder.id}', null, 1),
     ('${workspace}', '${member}', 'LINK', 'Prices', 'https://prices.example', null, null, 2),
     ('${workspace}', '${member}', 'OBJECT', 'The customers', null, null, '${object}', 3)`,
  );
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB' });
  context.setDefaultTimeout(30_000);
  page = await context.newPage();
  page.on('pageerror', ({ message }) => complaints.push(message));
  await page.goto(`${address}/objects/companies`);
  await page.getByLabel('E-mail').fill(DEMO_EMAIL);
  await page.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await main().getByText('Handbook').waitFor();
}, 120_000);

afterAll(() => {
  expect(complaints).toEqual([]);
});

test('a favourite that was taken out comes back to its place, and a folder with what lay in it', async () => {
  const order = async () =>
    (await main().getByRole('region', { name: 'Favourites' }).innerText()).split('\n').filter(Boolean).slice(1);
  const before = await order();
  expect(before).toEqual(['Mine', 'Handbook', 'Prices', 'The customers']);
  const takeOut = async (name: string, item: string) => {
    await main().getByText(name, { exact: true }).hover();
    await main()
      .getByRole('button', { name: new RegExp(`^(More )?[Aa]bout ${name}$`) })
      .click();
    await page.getByRole('menuitem', { name: item }).click();
  };
  await takeOut('Prices', 'Take out');
  await main().getByText('Prices').waitFor({ state: 'detached' });
  await undo().click();
  await eventually('it is where it was', async () => (await order()).join() === before.join());

  await takeOut('Mine', 'Delete the folder');
  await page.getByText('Folder “Mine” deleted').waitFor();
  await undo().click();
  await eventually('the folder has what it had', async () => (await order()).join() === before.join());
  expect(
    await one('select count(*)::int as n from metadata.favourites f join metadata.favourites d on d.id = f.folder_id'),
  ).toEqual({ n: 1 });
});

test('who saves over a view gets back what it was', async () => {
  await page.goto(`${address}/objects/companies?sort=name`);
  await page.getByRole('button', { name: 'Save as a view…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('By name');
  await dialog.getByRole('button', { name: /^Save/ }).click();
  await page.getByRole('button', { name: 'View: By name' }).waitFor();
  const sorts = async () =>
    JSON.stringify((await one<{ sorts: unknown }>("select sorts from metadata.views where name = 'By name'")).sorts);
  const kept = await sorts();
  const { searchParams } = new URL(page.url());
  await page.goto(`${address}/objects/companies?view=${searchParams.get('view')}&sort=-employees`);
  await page
    .getByRole('group', { name: 'Unsaved changes of the view' })
    .getByRole('button', { name: 'Save', exact: true })
    .click();
  await page.getByText('View “By name” saved').waitFor();
  expect(await sorts()).not.toBe(kept);
  await undo().click();
  await eventually('it is sorted as before', async () => (await sorts()) === kept);
});

test('a workspace says how large a file may be, and sees what the server gives it', async () => {
  await database.admin.query('update core.workspace_settings set file_quota_mb = 1000');
  await page.goto(`${address}/settings/general`);
  const files = page.getByRole('region', { name: 'Files' });
  await files.getByText(/^0 files take up 0 bytes of 1(\.0)? GB\./).waitFor();
  await files.getByLabel('Megabytes that one file may have').fill('20');
  await files.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved.').waitFor();
  expect(await one('select max_file_mb from core.workspace_settings where max_file_mb is not null')).toEqual({
    max_file_mb: 20,
  });
  await files.getByLabel('Megabytes that one file may have').fill('');
  await files.getByRole('button', { name: 'Save' }).click();
  await eventually(
    'there is no limit of its own',
    async () =>
      (await one<{ n: number }>('select count(*)::int as n from core.workspace_settings where max_file_mb is not null'))
        .n === 0,
  );
});
