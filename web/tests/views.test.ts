import { jest } from '@jest/globals';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { startApplication } from './application.ts';
import { expectAccessible, launchChromium } from './chromium.ts';

/** Two members keep and share views of a table. The steps build on each other, as people's do. */
const database = useDatabase();
const shots = join(import.meta.dirname, '..', '..', 'data', 'screenshots');

let browser: Browser;
let owner: Page;
let amara: Page;
let address: string;
const complaints: string[] = [];

// A loaded machine is slow, not wrong.
jest.setTimeout(120_000);

async function enter(email: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    colorScheme: 'light',
    locale: 'en-GB',
    permissions: ['clipboard-read', 'clipboard-write'],
    ...options,
  });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(address);
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.locator('main#main h1').first().waitFor();
  return page;
}

beforeAll(async () => {
  mkdirSync(shots, { recursive: true });
  [address, browser] = await Promise.all([startApplication(database), launchChromium()]);
  database.onEnd(() => browser.close());
  // Amara sells, and may not change what everybody sees.
  await database.admin.query(`
    with r as (insert into metadata.roles (workspace_id, name) select id, 'Seller' from core.workspaces returning id)
    update core.members m set role_id = r.id from r, core.users u where u.id = m.user_id and u.email = 'amara@relvar.example'`);
  owner = await enter(DEMO_EMAIL);
  amara = await enter('amara@relvar.example');
}, 120_000);

afterAll(() => {
  expect(complaints).toEqual([]);
});

const lines = async (sql: string): Promise<string[]> =>
  (await database.admin.query<{ line: string }>(sql)).rows.map((row) => row.line);
const switcher = (page: Page) => page.getByRole('button', { name: /^View: / });
const isOn = (page: Page, name: string) => page.getByRole('button', { name: `View: ${name}`, exact: true }).waitFor();
const counted = (page: Page, count: string | undefined) =>
  page
    .locator('main#main header')
    .getByText(count ?? '', { exact: true })
    .waitFor();
const people = (page: Page, search = '') => page.goto(`${address}/objects/people${search}`);
const choose = async (page: Page, name: string | RegExp) => {
  await switcher(page).click();
  await page.getByRole('option', { name }).click();
};
const about = async (page: Page, item: string) => {
  await page.getByRole('button', { name: 'About this view' }).click();
  await page.getByRole('menuitem', { name: item, exact: true }).click();
};
const changes = (page: Page) => page.getByRole('group', { name: 'Unsaved changes of the view' });
const dialog = (page: Page) => page.getByRole('dialog');
const berliners = () => lines(`select count(*)::text as line from ${schema}.people where city ilike '%berl%'`);
let schema = '';

async function filterByCity(page: Page, text: string): Promise<void> {
  await page.getByRole('button', { name: 'Add a filter' }).click();
  await page.getByRole('menuitem', { name: 'City' }).click();
  await page.getByLabel('City: value').fill(text);
  await page.getByLabel('City: value').press('Enter');
  await page.waitForURL(/filters=/);
}

describe('a view of one’s own', () => {
  test('keeps filter, order and columns under a name', async () => {
    schema = (await lines('select schema_name as line from core.workspaces'))[0] ?? '';
    await people(owner);
    await isOn(owner, 'All people');
    await filterByCity(owner, 'berl');
    await owner.getByRole('columnheader', { name: 'City' }).getByRole('button').click();
    await owner.waitForURL(/sort=city/);
    await changes(owner).getByRole('button', { name: 'Save as a view…' }).click();
    await dialog(owner).getByLabel('Name').fill('Berliners');
    await expectAccessible(owner);
    await owner.keyboard.press('Enter');
    await isOn(owner, 'Berliners');
    await owner.waitForURL((url) => /view=/.test(url.search) && !/filters|sort/.test(url.search));
    await counted(owner, (await berliners())[0]);
    expect(await lines(`select visibility || ' ' || (filter ->> 'operand') as line from metadata.views`)).toEqual([
      'PERSONAL CONTAINS',
    ]);
    await choose(owner, 'All people');
    await owner.waitForURL(/view=all/);
    await choose(owner, 'Berliners');
    await counted(owner, (await berliners())[0]);
    expect(await owner.getByRole('columnheader', { name: 'City' }).getAttribute('aria-sort')).toBe('ascending');
    await owner.reload();
    await isOn(owner, 'Berliners');
    await owner.screenshot({ path: join(shots, 'view.png') });
  });

  test('is invisible to others until it is shared, and opens for them at once then', async () => {
    const path = new URL(owner.url());
    await amara.goto(path.href);
    await amara.getByText('This view is not there').waitFor();
    await people(amara);
    await switcher(amara).click();
    await amara.getByText('A view keeps columns, filters and order.', { exact: false }).waitFor();
    await amara.keyboard.press('Escape');
    await about(owner, 'Share…');
    await dialog(owner).getByLabel('With').first().fill('Amara');
    await owner.getByRole('option', { name: /Amara/ }).click();
    await dialog(owner).getByLabel('Reason').fill('for the fair');
    await dialog(owner).getByRole('button', { name: 'Share', exact: true }).click();
    await dialog(owner)
      .getByRole('region', { name: 'Shared with' })
      .getByText('for the fair', { exact: false })
      .waitFor();
    await expectAccessible(owner);
    await owner.keyboard.press('Escape');
    await switcher(amara).click();
    await amara.getByRole('group', { name: 'Shared with me' }).getByRole('option', { name: 'Berliners' }).click();
    await isOn(amara, 'Berliners');
    await counted(amara, (await berliners())[0]);
  });

  test('that one only reads is left and come back to, or kept as another', async () => {
    await amara.getByRole('columnheader', { name: 'City' }).getByRole('button').click();
    await changes(amara).getByText('The view is not yours to change.').waitFor();
    expect(await changes(amara).getByRole('button', { name: 'Save', exact: true }).count()).toBe(0);
    await amara.screenshot({ path: join(shots, 'view-changed.png') });
    await changes(amara).getByRole('button', { name: 'Discard' }).click();
    await changes(amara).waitFor({ state: 'detached' });
    await amara.waitForURL((url) => !url.search.includes('sort'));
    await amara.getByRole('columnheader', { name: 'City' }).getByRole('button').click();
    await changes(amara).getByRole('button', { name: 'Save as…' }).click();
    await dialog(amara).getByLabel('Name').fill('Mine');
    // Who may not keep views for everybody is not asked.
    expect(await dialog(amara).getByText('Everybody').count()).toBe(0);
    await dialog(amara).getByRole('button', { name: 'Save' }).click();
    await isOn(amara, 'Mine');
    await changes(amara).waitFor({ state: 'detached' });
  });

  test('is saved over by those it is shared with to be changed, until it is locked', async () => {
    await about(owner, 'Share…');
    await dialog(owner)
      .getByLabel(/^Access of Amara/)
      .first()
      .click();
    await owner.getByRole('option', { name: 'May change' }).click();
    await owner.keyboard.press('Escape');
    await choose(amara, /^Berliners/);
    await amara.getByRole('columnheader', { name: 'City' }).getByRole('button').click();
    await changes(amara).getByRole('button', { name: 'Save', exact: true }).click();
    await changes(amara).waitFor({ state: 'detached' });
    // The other screen follows by itself.
    await owner.locator('[role=columnheader][aria-sort=descending]', { hasText: 'City' }).waitFor();
    await owner.keyboard.press('Escape');
    await about(owner, 'Lock for others');
    await amara.getByRole('button', { name: 'View: Berliners' }).getByLabel('Locked').waitFor();
    await amara.getByRole('columnheader', { name: 'City' }).getByRole('button').click();
    await changes(amara).getByText('The view is locked.').waitFor();
    expect(await changes(amara).getByRole('button', { name: 'Save', exact: true }).count()).toBe(0);
    await changes(amara).getByRole('button', { name: 'Discard' }).click();
  });
});

describe('the default', () => {
  test('of the workspace shows first for others, unless they chose another', async () => {
    await about(owner, 'Open to everybody');
    await about(owner, 'Show first for others…');
    await dialog(owner).getByRole('switch', { name: 'For everybody' }).click({ force: true });
    await dialog(owner).locator('input:checked').first().waitFor({ state: 'attached' });
    await expectAccessible(owner);
    await owner.keyboard.press('Escape');
    await people(amara);
    await isOn(amara, 'Berliners');
    await choose(amara, /^Mine/);
    await isOn(amara, 'Mine');
    await about(amara, 'Show first for me');
    await people(amara);
    await isOn(amara, 'Mine');
    await counted(amara, (await berliners())[0]);
  });
});

describe('what one does with a view', () => {
  test('renames, duplicates and deletes it, and takes that back', async () => {
    await about(amara, 'Rename…');
    await dialog(amara).getByLabel('Name').fill('My Berliners');
    await dialog(amara).getByRole('button', { name: 'Rename' }).click();
    await isOn(amara, 'My Berliners');
    await about(amara, 'Duplicate');
    await isOn(amara, 'My Berliners (copy)');
    await about(amara, 'Delete');
    await isOn(amara, 'All people');
    await amara.getByRole('button', { name: 'Undo' }).click();
    await isOn(amara, 'My Berliners (copy)');
  });

  test('a link holds all that is shown', async () => {
    await choose(amara, /^My Berliners first/);
    await amara.getByRole('columnheader', { name: 'City' }).getByRole('button').click();
    await changes(amara).waitFor();
    await about(amara, 'Copy link');
    const link = await amara.evaluate(() => navigator.clipboard.readText());
    await people(amara, '?view=all');
    await isOn(amara, 'All people');
    await amara.goto(link);
    await isOn(amara, 'My Berliners');
    await changes(amara).waitFor();
    await changes(amara).getByRole('button', { name: 'Discard' }).click();
  });
});

test('conditions stand in groups, and are kept so', async () => {
  await people(owner, '?view=all');
  await owner.getByRole('button', { name: 'Add a filter' }).click();
  await owner.getByRole('menuitem', { name: 'Group of conditions' }).click();
  const builder = owner.getByRole('group', { name: 'Conditions', exact: true });
  const field = (index: number) => builder.getByRole('group', { name: 'Condition' }).nth(index);
  for (const [index, name] of ['City', 'Company › Name'].entries()) {
    await builder.getByRole('button', { name: 'Condition', exact: true }).click();
    await field(index).getByLabel('Field').first().fill(name);
    await owner.getByRole('option', { name, exact: true }).click();
  }
  await field(0).getByLabel('City: value').fill('berl');
  await field(1).getByLabel('Name: comparison').selectOption('starts');
  await field(1).getByLabel('Name: value').fill('a');
  const [count] = await lines(
    `select count(*)::text as line from ${schema}.people p left join ${schema}.companies c on c.id = p.company_id where p.city ilike '%berl%' or c.name ilike 'a%'`,
  );
  await counted(owner, Number(count).toLocaleString('en'));
  await expectAccessible(owner);
  await owner.screenshot({ path: join(shots, 'filter-builder.png') });
  await builder.getByText('None of').click();
  const [others] = await lines(
    `select count(*)::text as line from ${schema}.people p left join ${schema}.companies c on c.id = p.company_id where not coalesce(p.city ilike '%berl%', false) and not coalesce(c.name ilike 'a%', false)`,
  );
  await counted(owner, Number(others).toLocaleString('en'));
  await owner.keyboard.press('Escape');
  await owner.reload();
  await counted(owner, Number(others).toLocaleString('en'));
  await owner.getByText('2 conditions').waitFor();
});

test('what a role may not read is left out of a view, and a condition on it is said not to be applied', async () => {
  await database.admin.query(`
    insert into metadata.field_permissions (workspace_id, role_id, field_id, can_read)
    select r.workspace_id, r.id, f.id, false from metadata.roles r join metadata.fields f on f.workspace_id = r.workspace_id and f.name = 'city'
    join metadata.objects o on o.id = f.object_id and o.name_singular = 'person' where r.name = 'Seller'`);
  await people(amara);
  await amara.getByText('not applied, your role does not read this field.', { exact: false }).waitFor();
  expect(await amara.getByRole('columnheader', { name: 'City' }).count()).toBe(0);
  await amara.screenshot({ path: join(shots, 'view-not-applied.png') });
});

describe('favourites', () => {
  test('stand in the navigation, in folders, in the order one gives them', async () => {
    await people(owner);
    await isOn(owner, 'Berliners');
    await about(owner, 'Add to favourites');
    const nav = owner.getByRole('region', { name: 'Favourites' });
    await nav.getByRole('link', { name: 'Berliners' }).waitFor();
    await owner.goto(`${address}/objects/companies`);
    await about(owner, 'Add to favourites');
    await nav.getByRole('link', { name: 'Companies' }).waitFor();
    await nav.getByRole('button', { name: 'Add to favourites' }).click();
    await owner.getByRole('menuitem', { name: 'New folder…' }).click();
    await dialog(owner).getByLabel('Name').fill('This week');
    await owner.keyboard.press('Enter');
    const folder = nav.getByRole('button', { name: 'This week', exact: true });
    await folder.waitFor();
    await nav.getByRole('link', { name: 'Berliners' }).dragTo(folder);
    await nav.locator('li li').getByRole('link', { name: 'Berliners' }).waitFor();
    await folder.click();
    await nav.getByRole('link', { name: 'Berliners' }).waitFor({ state: 'detached' });
    await folder.click();
    await expectAccessible(owner);
    await owner.screenshot({ path: join(shots, 'favourites.png') });
    await nav.getByRole('link', { name: 'Berliners' }).click();
    await isOn(owner, 'Berliners');
    // The view that is a favourite stands first among the views.
    await switcher(owner).click();
    await owner.getByRole('group', { name: 'Favourites' }).getByRole('option', { name: 'Berliners' }).waitFor();
    await expectAccessible(owner);
    await owner.keyboard.press('Escape');
  });

  test('for everybody are seen by everybody, and kept by some', async () => {
    await owner.goto(`${address}/objects/opportunities`);
    await about(owner, 'Favourite of everybody');
    const shared = amara.getByRole('region', { name: 'For everybody' });
    await shared.getByRole('link', { name: 'Opportunities' }).waitFor();
    expect(await shared.getByRole('button').count()).toBe(0);
  });
});

test('addresses that nobody could mean show the page as far as they say anything', async () => {
  const heading = owner.locator('main#main h1').first();
  for (const search of [
    'type=board&options=3&view=7',
    'asOf=yesterday',
    'columns=,,name:abc,ghost:3&sort=-,ghost&group=ghost&bucket=X',
    `filters=${encodeURIComponent('[1,null,{"a":2},["or"],"x","stage:nonsense:NEW",":::"]')}&colors={]`,
  ]) {
    await owner.goto(`${address}/objects/opportunities?${search}`);
    await owner.getByText('400', { exact: true }).first().waitFor();
    expect(await heading.textContent()).toContain('Opportunities');
    await owner.getByRole('grid').locator('[data-row]').first().waitFor();
  }
  await owner.goto(`${address}/objects/people/nobody`);
  await owner.getByRole('heading', { name: 'There is nothing at this address' }).waitFor();
});

test('on a phone and in the dark it is all there', async () => {
  const phone = await enter(DEMO_EMAIL, { viewport: { width: 390, height: 844 }, colorScheme: 'dark' });
  await phone.goto(`${address}/objects/people`);
  await isOn(phone, 'Berliners');
  expect(await phone.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
  await expectAccessible(phone);
  await phone.screenshot({ path: join(shots, 'view-phone-dark.png') });
  await switcher(phone).click();
  await phone.getByRole('option', { name: 'All people' }).waitFor();
  await phone.screenshot({ path: join(shots, 'view-switcher-phone-dark.png') });
  await phone.context().close();
});
