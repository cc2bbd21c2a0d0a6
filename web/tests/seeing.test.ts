import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { startApplication } from './application.ts';
import { expectAccessible, launchChromium } from './chromium.ts';

/** What others see: their view, what is shared with them, and why. The steps build on each other. */
const database = useDatabase();

let browser: Browser;
let keeper: Page;
let address: string;
let schema: string;
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

async function value(sql: string, values: unknown[] = []): Promise<string> {
  return (await database.admin.query<{ value: string }>(sql, values)).rows[0]?.value ?? '';
}

beforeAll(async () => {
  [address, browser] = await Promise.all([startApplication(database), launchChromium()]);
  database.onEnd(() => browser.close());
  schema = await value('select schema_name as value from core.workspaces');
  keeper = await enter(DEMO_EMAIL);
}, 120_000);

afterAll(() => {
  expect(complaints).toEqual([]);
});

const banner = (page: Page) => page.getByRole('region', { name: 'Whose view this is' });
const navigation = (page: Page) => page.getByRole('navigation', { name: 'Main' });

describe('seeing as somebody else', () => {
  test('a role is seen from the menu, on all pages, with nothing to change', async () => {
    await navigation(keeper)
      .getByRole('button', { name: /Relvar demo/ })
      .click();
    await keeper.getByRole('menuitem', { name: 'See as…' }).click();
    await keeper.getByPlaceholder('Choose a role').click();
    await keeper.getByRole('option', { name: 'Read-only' }).click();
    await expectAccessible(keeper);
    await keeper.getByRole('button', { name: 'See', exact: true }).click();
    await banner(keeper).getByText('the role Read-only').waitFor();
    await expectAccessible(keeper);
    expect(await navigation(keeper).getByRole('link', { name: 'Data model' }).count()).toBe(0);
    await navigation(keeper).getByRole('link', { name: 'Companies' }).click();
    await keeper.getByRole('grid').locator('[data-row]').first().waitFor();
    expect(await keeper.getByRole('button', { name: 'New company' }).count()).toBe(0);
    await keeper.goto(`${address}/settings/profile`);
    await keeper.getByLabel('First name').fill('Tom');
    await keeper.getByRole('button', { name: 'Save the name' }).click();
    await keeper.getByText(/Nothing can be changed while you see the workspace/).waitFor();
    await keeper.goto(`${address}/settings/roles`);
    await keeper.getByRole('heading', { name: 'You may not open this page' }).waitFor();
  });

  test('the way back is on every page, also on a phone in the dark', async () => {
    const phone = await enter(DEMO_EMAIL, { viewport: { width: 390, height: 844 }, colorScheme: 'dark' });
    await phone.goto(`${address}/settings/roles`);
    await phone.getByRole('link', { name: 'Member', exact: true }).click();
    await phone.getByRole('button', { name: 'See as' }).click();
    await banner(phone).getByText('the role Member').waitFor();
    await expectAccessible(phone);
    expect(await phone.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    await phone.reload();
    await banner(phone).getByRole('button', { name: 'Back to your view' }).click();
    await banner(phone).waitFor({ state: 'detached' });
    await phone.context().close();
    await banner(keeper).getByRole('button', { name: 'Back to your view' }).click();
    await banner(keeper).waitFor({ state: 'detached' });
    await navigation(keeper).getByRole('link', { name: 'Data model' }).waitFor();
  });

  test('a member’s own records are those that are shown', async () => {
    const role = await value(
      `insert into metadata.roles (workspace_id, name, permissions) select id, 'Rep', '{}' from core.workspaces returning id as value`,
    );
    await database.admin.query(
      `insert into metadata.record_rules (role_id, object_id, condition) select $1, o.id, 'accountOwner = currentMember()' from metadata.objects o where o.name_singular = 'company'`,
      [role],
    );
    const member = await value(
      `update core.members m set role_id = $1 from core.users u where u.id = m.user_id and u.email = 'amara@relvar.example' returning m.id as value`,
      [role],
    );
    const own = await value(`select count(*)::text as value from ${schema}.companies where account_owner_id = $1`, [
      member,
    ]);
    await keeper.goto(`${address}/settings/members`);
    await keeper.getByRole('button', { name: /^Actions for Amara/ }).click();
    await keeper.getByRole('menuitem', { name: /^See as Amara/ }).click();
    await banner(keeper)
      .getByText(/^Amara .* \(Rep\)$/)
      .waitFor();
    await keeper.goto(`${address}/objects/companies`);
    await keeper.locator('header').getByText(own, { exact: true }).waitFor();
    await banner(keeper).getByRole('button', { name: 'Back to your view' }).click();
    await banner(keeper).waitFor({ state: 'detached' });
  });
});

describe('sharing', () => {
  let record: string;

  test('a record is shared with a reason, and the other sees it and why', async () => {
    record = await value(
      `select c.id::text as value from ${schema}.companies c where c.account_owner_id is distinct from
        (select m.id from core.members m join core.users u on u.id = m.user_id where u.email = 'amara@relvar.example') order by c.id limit 1`,
    );
    const amara = await enter('amara@relvar.example');
    await amara.goto(`${address}/objects/companies/${record}`);
    await amara.getByRole('heading', { name: 'This company is not here' }).waitFor();
    await amara.getByRole('button', { name: 'Why?' }).click();
    await amara.getByText('Your rules do not show this record, or there is none.').waitFor();

    await keeper.goto(`${address}/objects/companies/${record}`);
    await keeper.getByRole('button', { name: 'Share this company' }).click();
    const dialog = keeper.getByRole('dialog');
    await dialog.getByPlaceholder('A member, a team or a role').fill('Amara');
    await keeper.getByRole('option', { name: /^Amara/ }).click();
    await dialog.getByLabel('Reason').fill('Holidays');
    await dialog.getByRole('button', { name: 'Share', exact: true }).click();
    await dialog.getByRole('region', { name: 'Shared with' }).getByText('Holidays').waitFor();
    await dialog.getByRole('button', { name: 'Who sees it, and why' }).click();
    await dialog.getByText(/shared it with the member: Holidays/).waitFor();
    await expectAccessible(keeper);

    await amara.reload();
    await amara.getByRole('region', { name: 'Fields' }).waitFor();
    expect(await amara.getByRole('button', { name: 'Share this company' }).count()).toBe(1);
    await amara.getByRole('button', { name: 'More about this record' }).click();
    await amara.getByRole('menuitem', { name: 'Explain access' }).click();
    await amara.getByRole('status', { name: 'Explanation' }).getByText('Allowed').waitFor();
    await amara.getByText(/shared it with the member: Holidays/).waitFor();
    await amara.keyboard.press('Escape');
    await amara
      .getByRole('region', { name: 'Timeline' })
      .getByText(/with Amara .*, to read it: Holidays/)
      .waitFor();
    await amara.context().close();
  });

  test('the access is changed, ended, and given back', async () => {
    const list = keeper.getByRole('region', { name: 'Shared with' });
    await list
      .getByLabel(/^Access of Amara/)
      .first()
      .click();
    await keeper.getByRole('option', { name: 'May change' }).click();
    const access = () => value(`select string_agg(access, ',') as value from ${schema}.record_shares`);
    for (let tries = 0; tries < 50 && (await access()) !== 'WRITE'; tries++) await keeper.waitForTimeout(100);
    expect(await access()).toBe('WRITE');
    await list.getByRole('button', { name: /^Stop sharing with Amara/ }).click();
    await list.getByText('Nobody yet.').waitFor();
    await keeper.getByRole('button', { name: 'Undo' }).click();
    await list.getByRole('button', { name: /^Stop sharing with Amara/ }).waitFor();
    expect(await access()).toBe('WRITE');
    await keeper.keyboard.press('Escape');
  });

  test('who keeps the roles asks why somebody else sees it, and may not change a field', async () => {
    await keeper.getByRole('button', { name: 'More about this record' }).click();
    await keeper.getByRole('menuitem', { name: 'Explain access' }).click();
    const dialog = keeper.getByRole('dialog');
    await dialog.getByPlaceholder('You').fill('Amara');
    await keeper.getByRole('option', { name: /^Amara/ }).click();
    await dialog.getByText('by the role Rep').waitFor();
    await dialog.getByLabel('Action').first().click();
    await keeper.getByRole('option', { name: 'Delete', exact: true }).click();
    await dialog.getByText('Not allowed').waitFor();
    await expectAccessible(keeper);
    await keeper.keyboard.press('Escape');
  });

  test('several records are shared from the selection', async () => {
    await keeper.goto(`${address}/objects/opportunities`);
    await keeper.getByRole('grid').locator('[data-row]').first().waitFor();
    for (const index of [0, 1])
      await keeper.getByRole('grid').locator('[data-row]').nth(index).getByRole('checkbox').click();
    await keeper.getByRole('region', { name: 'Selection' }).getByRole('button', { name: 'Share' }).click();
    await keeper.getByPlaceholder('A member, a team or a role').click();
    await keeper.getByRole('option', { name: 'Read-only' }).click();
    await keeper.getByRole('dialog').getByRole('button', { name: 'Share', exact: true }).click();
    await keeper.getByText('Shared with Read-only.').waitFor();
    expect(
      await value(`select count(*)::text as value from ${schema}.record_shares where principal_kind = 'ROLE'`),
    ).toBe('2');
  });

  test('an object becomes private by a switch that says what it does', async () => {
    await keeper.goto(`${address}/settings/model/notes?tab=settings`);
    await keeper.getByText(/A record is its creator’s alone until it is shared/).waitFor();
    await keeper.getByRole('switch', { name: 'Private' }).click({ force: true });
    await keeper.getByRole('button', { name: 'Save', exact: true }).click();
    const apply = keeper.getByRole('dialog').getByRole('button', { name: 'Change', exact: true });
    await Promise.race([apply.click(), keeper.getByText('Saved.').waitFor()]);
    await keeper.getByText('Saved.').waitFor();
    expect(await value(`select is_private::text as value from metadata.objects where name_singular = 'note'`)).toBe(
      'true',
    );
  });
});

describe('when something fails', () => {
  test('a panel that could not be read says so, and is read again', async () => {
    const id = await value(`select id::text as value from ${schema}.companies order by id limit 1`);
    await database.admin.query(
      `update metadata.objects o set duplicate_criteria = jsonb_build_array(jsonb_build_array(o.label_field_id)) where o.name_singular = 'company'`,
    );
    const broken = (url: URL) => url.pathname === '/graphql';
    await keeper.route(broken, (route) =>
      route.request().postData()?.includes('findDuplicates') ? route.abort() : route.continue(),
    );
    await keeper.goto(`${address}/objects/companies/${id}`);
    const panel = keeper.getByRole('region', { name: 'Possible duplicates' });
    await panel.getByText('Possible duplicates could not be read.').waitFor();
    await keeper.unroute(broken);
    await panel.getByRole('button', { name: 'Try again' }).click();
    await panel.getByRole('alert').waitFor({ state: 'detached' });
  });

  test('colours that were not saved are told of', async () => {
    const broken = (url: URL) => url.pathname === '/metadata';
    await keeper.goto(`${address}/settings/profile`);
    await keeper.getByLabel('Appearance').first().waitFor();
    await keeper.route(broken, (route) => route.abort());
    await keeper.getByLabel('Appearance').first().click();
    await keeper.getByRole('option', { name: 'Dark' }).click();
    await keeper.getByText('The colours hold on this device only').waitFor();
    await keeper.unroute(broken);
  });
});
