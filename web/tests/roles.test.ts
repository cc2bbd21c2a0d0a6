import type { Browser, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { startApplication } from './application.ts';
import { expectAccessible, launchChromium } from './chromium.ts';

/** One person keeps the roles, another lives with one: what the first writes is what the second sees. The steps build on each other. */
const database = useDatabase();

let browser: Browser;
let keeper: Page;
let member: Page;
let address: string;
let memberEmail: string;
const complaints: string[] = [];

async function enter(email: string): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme: 'light' });
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(address);
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('navigation', { name: 'Main' }).waitFor();
  return page;
}

beforeAll(async () => {
  [address, browser] = await Promise.all([startApplication(database), launchChromium()]);
  database.onEnd(() => browser.close());
  const found = await database.admin.query<{ email: string }>(
    `select u.email from core.members m join core.users u on u.id = m.user_id join metadata.roles r on r.id = m.role_id
     where not r.has_all_permissions order by u.email limit 1`,
  );
  memberEmail = found.rows[0]?.email ?? '';
  keeper = await enter(DEMO_EMAIL);
}, 120_000);

afterAll(() => {
  expect(complaints).toEqual([]);
});

const heading = (page: Page, name: string) => page.getByRole('heading', { level: 1, name, exact: true });
const rule = (name: string) => keeper.getByRole('region', { name, exact: true });
const save = async () => {
  await keeper.getByRole('button', { name: 'Save', exact: true }).click();
  await keeper.getByRole('region', { name: 'Unsaved changes' }).waitFor({ state: 'detached' });
};

describe('roles', () => {
  test('lists the roles, and shows the one that may do everything as it is', async () => {
    await keeper.goto(`${address}/settings/roles`);
    const table = keeper.getByRole('table', { name: 'Roles' });
    await table.getByRole('link', { name: 'Read-only' }).waitFor();
    await expectAccessible(keeper);
    await table.getByRole('link', { name: 'Admin' }).click();
    await heading(keeper, 'Admin').waitFor();
    await keeper.getByText('Admin cannot be changed').waitFor();
    expect(await keeper.getByRole('button', { name: 'Delete every object: yes' }).isDisabled()).toBe(true);
  });

  test('makes a role as a copy of another', async () => {
    await keeper.getByRole('link', { name: 'Roles', exact: true }).click();
    await keeper.getByRole('button', { name: 'New role' }).click();
    await keeper.getByLabel('Name', { exact: true }).fill('Sales');
    await keeper.getByLabel('Copy of a role').click();
    await keeper.getByRole('button', { name: 'Create role' }).click();
    await heading(keeper, 'Sales').waitFor();
  });

  test('takes rights, fields and records away in one change', async () => {
    for (const said of ['yes', 'as every object']) {
      await keeper.getByRole('button', { name: new RegExp(`^Delete Companies: `) }).click();
      if (said === 'yes') await keeper.getByRole('button', { name: 'Delete Companies: yes' }).waitFor();
    }
    await keeper.getByRole('button', { name: 'Delete Companies: no' }).waitFor();
    await keeper.getByRole('button', { name: /^Read Notes: / }).click();
    await keeper.getByRole('button', { name: 'Read Notes: yes' }).click();
    await keeper.getByRole('button', { name: 'Read Notes: no' }).waitFor();
    await keeper.getByRole('button', { name: /(fields?|records|rules?) of Companies$/ }).click();
    await rule('Sees records where').getByRole('button', { name: 'Add condition' }).click();
    await rule('Sees records where').getByLabel('Field', { exact: true }).selectOption({ label: 'Account owner' });
    await keeper.getByLabel('Access to Employees').selectOption('HIDDEN');
    await keeper.getByLabel('Access to Name').selectOption('READ');
    await keeper.getByRole('button', { name: 'Take over' }).click();
    await expectAccessible(keeper);
    await save();
    await keeper.reload();
    await keeper.getByRole('button', { name: 'Delete Companies: no' }).waitFor();
    await keeper.getByRole('button', { name: /(fields?|records|rules?) of Companies$/ }).click();
    await rule('Sees records where').getByLabel('Condition', { exact: true }).waitFor();
    expect(await rule('Sees records where').getByLabel('Condition', { exact: true }).inputValue()).toBe('ME');
    expect(await keeper.getByLabel('Access to Employees').inputValue()).toBe('HIDDEN');
    expect(await keeper.getByLabel('Access to Name').inputValue()).toBe('READ');
  });

  test('says where the text of a rule is wrong, and takes none that is', async () => {
    await rule('Updates records where').getByRole('button', { name: 'Add condition' }).click();
    await rule('Updates records where').getByText('Formula', { exact: true }).click();
    await rule('Updates records where').getByLabel('Formula: Updates records where').fill('nosuchfield = 3');
    await rule('Updates records where')
      .getByText(/nosuchfield/)
      .last()
      .waitFor();
    expect(await keeper.getByRole('button', { name: 'Take over' }).isDisabled()).toBe(true);
    await rule('Updates records where').getByLabel('Formula: Updates records where').fill('employees > 100');
    await keeper.getByRole('button', { name: 'Take over', disabled: false }).click();
    await save();
  });

  test('explains which rule takes a field away', async () => {
    await keeper.getByRole('tab', { name: 'Explain' }).click();
    await keeper.getByLabel('Field', { exact: true }).first().click();
    await keeper.getByRole('option', { name: 'Employees', exact: true }).click();
    await keeper.getByRole('status', { name: 'Explanation' }).getByText('Not allowed').waitFor();
    await keeper.getByText(/field rule/i).waitFor();
  });

  test('a member with the role sees what it reads, and is offered what it may do', async () => {
    const given = await database.admin.query(
      `update core.members m set role_id = (select r.id from metadata.roles r where r.workspace_id = m.workspace_id and r.name = 'Sales')
       where m.user_id = (select u.id from core.users u where u.email = $1) returning m.id`,
      [memberEmail],
    );
    expect(given.rowCount).toBe(1);
    const schema = await database.admin.query<{ name: string }>('select schema_name as name from core.workspaces');
    const own = await database.admin.query<{ count: string }>(
      `select count(*)::text as count from ${schema.rows[0]?.name}.companies where account_owner_id = $1`,
      [given.rows[0]?.id],
    );
    member = await enter(memberEmail);
    const navigation = member.getByRole('navigation', { name: 'Main' });
    await navigation.getByRole('link', { name: 'Companies' }).click();
    await heading(member, 'Companies').waitFor();
    await member.getByRole('columnheader', { name: 'Account owner' }).waitFor();
    await member
      .locator('header')
      .getByText(own.rows[0]?.count ?? '', { exact: true })
      .waitFor();
    expect(await member.getByRole('columnheader', { name: 'Employees' }).count()).toBe(0);
    expect(await navigation.getByRole('link', { name: 'Notes' }).count()).toBe(0);
    expect(await navigation.getByRole('link', { name: 'Data model' }).count()).toBe(0);
    await member.getByRole('grid').locator('[data-row]').first().getByRole('link').first().click();
    await member.getByRole('region', { name: 'Fields' }).getByText('Account owner').waitFor();
    expect(await member.getByRole('region', { name: 'Fields' }).getByText('Employees').count()).toBe(0);
    expect(await member.getByRole('button', { name: /^Edit Name/ }).count()).toBe(0);
    expect(await member.getByRole('button', { name: 'Delete this company' }).count()).toBe(0);
    expect(await member.getByRole('alert').count()).toBe(0);
  });

  test('what the role does not open has a plain page', async () => {
    await member.goto(`${address}/objects/notes`);
    await member.getByRole('heading', { name: 'You may not see notes' }).waitFor();
    await member.goto(`${address}/settings/roles`);
    await member.getByRole('heading', { name: 'You may not open this page' }).waitFor();
    await expectAccessible(member);
  });

  test('deleting a role moves its members', async () => {
    await keeper.reload();
    await keeper.getByRole('tab', { name: 'Role', exact: true }).click();
    await keeper.getByRole('button', { name: 'Delete role' }).click();
    await keeper
      .getByRole('dialog')
      .getByText(/will have the role Member/)
      .waitFor();
    await keeper.getByRole('dialog').getByRole('button', { name: 'Delete role' }).click();
    await keeper.getByRole('table', { name: 'Roles' }).waitFor();
    const left = await database.admin.query<{ name: string }>(
      `select r.name from core.members m join metadata.roles r on r.id = m.role_id join core.users u on u.id = m.user_id where u.email = $1`,
      [memberEmail],
    );
    expect(left.rows).toEqual([{ name: 'Member' }]);
  });
});

describe('templates, includes, the default role', () => {
  const create = async (name: string, start: string) => {
    await keeper.goto(`${address}/settings/roles`);
    await keeper.getByRole('button', { name: 'New role' }).click();
    await keeper.getByRole('dialog').getByLabel('Name', { exact: true }).fill(name);
    await keeper.getByRole('dialog').getByLabel(start, { exact: true }).click();
    await keeper.getByRole('button', { name: 'Create role' }).click();
    await heading(keeper, name).waitFor();
  };
  const include = async (name: string) => {
    await keeper.getByRole('tab', { name: 'Role', exact: true }).click();
    await keeper.getByLabel('Includes').first().click({ force: true });
    await keeper.getByRole('option', { name, exact: true }).click();
    await keeper.keyboard.press('Escape');
  };
  const lines = async (sql: string) => (await database.admin.query<{ line: string }>(sql)).rows.map(({ line }) => line);

  test('a role that reads, and one of own records', async () => {
    await create('Auditor', 'Read-only');
    await keeper.getByRole('button', { name: 'Read every object: yes' }).waitFor();
    await keeper.getByRole('button', { name: 'Update every object: no' }).waitFor();
    await create('Freelancer', 'Own records only');
    await keeper.getByRole('button', { name: /^1 rule of Companies$/ }).click();
    await rule('Sees records where').getByText('Created by the member').first().waitFor({ state: 'attached' });
    await keeper.getByRole('button', { name: 'Cancel' }).click();
    expect(
      await lines(
        `select r.condition as line from metadata.record_rules r join metadata.objects o on o.id = r.object_id join metadata.roles x on x.id = r.role_id
         where x.name = 'Freelancer' and o.name_singular = 'company'`,
      ),
    ).toEqual(['createdBy.memberId = currentMember() or accountOwner = currentMember()']);
  });

  test('a role includes others, and never itself', async () => {
    await include('Auditor');
    await save();
    await keeper.getByRole('tab', { name: 'Objects' }).click();
    await keeper.getByText('the role has all that Auditor has').waitFor();
    await keeper.getByRole('tab', { name: 'Explain' }).click();
    await keeper.getByText('by the included role Auditor').waitFor();
    await keeper.goto(`${address}/settings/roles`);
    await keeper.getByRole('table', { name: 'Roles' }).getByRole('link', { name: 'Auditor' }).click();
    await include('Freelancer');
    await keeper.getByText('Freelancer includes Auditor already, so Auditor would include itself.').waitFor();
    expect(await keeper.getByRole('region', { name: 'Unsaved changes' }).count()).toBe(0);
    expect(
      await lines(
        `select a.name || ' > ' || b.name as line from metadata.role_includes i join metadata.roles a on a.id = i.role_id join metadata.roles b on b.id = i.included_role_id`,
      ),
    ).toEqual(['Freelancer > Auditor']);
  });

  test('a role becomes what new members get, and stays meant for them then', async () => {
    await keeper.getByRole('button', { name: 'Make it the default role' }).click();
    await keeper.getByText('New members get this role, and the members of a role that is deleted.').waitFor();
    expect(await keeper.getByRole('button', { name: 'Delete role' }).isDisabled()).toBe(true);
    const assignable = keeper.getByLabel('Can be assigned to').first();
    await assignable.click({ force: true });
    await keeper.getByRole('option', { name: 'Members', exact: true }).click();
    await keeper.keyboard.press('Escape');
    await keeper.getByRole('button', { name: 'Save', exact: true }).click();
    await keeper.getByText(/stays meant for whom it was given to\. It is what new members get/).waitFor();
    await keeper.getByRole('button', { name: 'Discard' }).click();
    expect(
      await lines(
        `select r.name as line from core.workspace_settings s join metadata.roles r on r.id = s.default_role_id`,
      ),
    ).toEqual(['Auditor']);
  });

  test('on a phone all of the matrix is in sight', async () => {
    await keeper.setViewportSize({ width: 390, height: 844 });
    await keeper.getByRole('tab', { name: 'Objects' }).click();
    const matrix = keeper.getByRole('region', { name: 'Rights by object' });
    expect(await matrix.evaluate((element) => element.scrollWidth - element.clientWidth)).toBe(0);
    await expectAccessible(keeper);
    await keeper.getByRole('button', { name: /of Companies$/ }).click();
    await rule('Sees records where').waitFor();
    await keeper.getByRole('button', { name: 'Cancel' }).click();
    await rule('Sees records where').waitFor({ state: 'detached' });
    await keeper.getByRole('button', { name: /^Update Companies:/ }).click();
    await keeper.getByRole('button', { name: 'Update Companies: yes' }).waitFor();
    await keeper.getByRole('button', { name: 'Discard' }).click();
  });
});
