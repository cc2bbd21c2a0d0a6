import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { eventually } from '../../server/testing/server.ts';
import { startApplication } from './application.ts';
import { expectAccessible, launchChromium } from './chromium.ts';

/** Two members talk about a record, and one is told of it. The steps build on each other. */
const database = useDatabase();
const OTHER = 'amara@relvar.example';

let browser: Browser;
let writer: Page;
let reader: Page;
let address: string;
let schema: string;
let company: { id: string; name: string };
let readerName: string;
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
  page.on('dialog', (dialog) => complaints.push(`A dialog opened: ${dialog.message()}`));
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
  const { rows } = await database.admin.query(`select id, name from ${schema}.companies order by name limit 1`);
  company = rows[0];
  readerName = await value(
    'select m.name as value from core.members m join core.users u on u.id = m.user_id where u.email = $1',
    [OTHER],
  );
  // Tasks of the demo may become due meanwhile.
  await database.admin.query(
    `insert into core.notification_preferences (member_id, kind, is_in_app, mail) select id, 'TASK_DUE', false, 'OFF' from core.members`,
  );
  [writer, reader] = await Promise.all([enter(DEMO_EMAIL), enter(OTHER)]);
}, 120_000);

afterAll(() => {
  expect(complaints).toEqual([]);
});

/** For looking at: where it is set, each picture is kept there. */
const picture = (page: Page, name: string) =>
  process.env['RELVAR_PICTURES'] === undefined
    ? undefined
    : page.screenshot({ path: `${process.env['RELVAR_PICTURES']}/${name}.png` });

const comments = (page: Page) => page.getByRole('region', { name: 'Comments' });
const bell = (page: Page, name: string | RegExp) =>
  page.getByRole('navigation', { name: 'Main' }).getByRole('button', { name });
const panel = (page: Page) => page.getByRole('dialog', { name: 'Notifications' });

describe('a mention', () => {
  test('is chosen by the keyboard and arrives in the other’s browser', async () => {
    await bell(reader, 'Notifications').waitFor();
    await writer.goto(`${address}/objects/companies/${company.id}`);
    const area = comments(writer).getByLabel('Write a comment');
    await area.click();
    await writer.keyboard.type(
      `Call **them** <img src=x onerror=alert(1)> https://acme.test/x. @${readerName.slice(0, 3)}`,
    );
    await comments(writer).getByRole('option', { name: readerName }).waitFor();
    await expectAccessible(writer);
    await picture(writer, 'composer');
    await writer.keyboard.press('Enter');
    await writer.keyboard.type('please');
    await writer.keyboard.press('Control+Enter');
    const said = comments(writer).getByRole('article');
    await said.getByText(`@${readerName}`).waitFor();
    // What looks like markup is text.
    await said.getByText('<img src=x onerror=alert(1)>').waitFor();
    expect(await said.locator('img').count()).toBe(0);
    expect(await said.getByRole('link', { name: 'https://acme.test/x' }).getAttribute('rel')).toContain('noopener');

    await bell(reader, 'Notifications, 1 unread').waitFor();
    await bell(reader, /Notifications/).click();
    await panel(reader)
      .getByRole('button', { name: new RegExp(`mentioned you in ${company.name}`) })
      .waitFor();
    await panel(reader).getByText(`@${readerName} please`).waitFor();
    await expectAccessible(reader);
    await picture(reader, 'panel');
    await reader.keyboard.press('Escape');
    await reader.keyboard.press('n');
    await panel(reader)
      .getByRole('button', { name: /mentioned you/ })
      .click();
    await reader.waitForURL(new RegExp(`/objects/companies/${company.id}\\?.*#comment-`));
    await comments(reader).getByText(`@${readerName}`).waitFor();
    await bell(reader, 'Notifications').waitFor();
  });

  test('is answered, and the answer arrives live in the open record and in the bell', async () => {
    await comments(reader).getByRole('button', { name: 'Reply' }).click();
    await reader.keyboard.type('Done.');
    await reader.keyboard.press('Control+Enter');
    await comments(writer).getByText('Done.').waitFor();
    await bell(writer, 'Notifications, 1 unread').waitFor();
    await picture(writer, 'thread');
  });
});

describe('a comment', () => {
  test('is edited, removed and brought back by who wrote it', async () => {
    const menu = comments(reader).getByRole('button', { name: /Edit or remove the comment of/ });
    expect(await menu.count()).toBe(1);
    await menu.click();
    await reader.getByRole('menuitem', { name: 'Edit' }).click();
    await comments(reader).getByLabel('Edit the comment').fill('Done, they call back.');
    await reader.keyboard.press('Control+Enter');
    await comments(writer).getByText('Done, they call back.').waitFor();
    await menu.click();
    await reader.getByRole('menuitem', { name: 'Remove' }).click();
    await comments(writer).getByText('Done, they call back.').waitFor({ state: 'detached' });
    await reader.getByRole('button', { name: 'Undo' }).click();
    await comments(writer).getByText('Done, they call back.').waitFor();
  });

  test('is resolved into a line, and opened again by an answer', async () => {
    await comments(writer).getByRole('button', { name: 'Resolve' }).click();
    const line = comments(writer).getByRole('button', { name: /resolved what/ });
    await line.waitFor();
    await expectAccessible(writer);
    await line.click();
    await comments(writer).getByRole('button', { name: 'Reply' }).click();
    await writer.keyboard.type('One more thing');
    await writer.keyboard.press('Control+Enter');
    await comments(writer).getByRole('button', { name: 'Resolve' }).waitFor();
  });

  test('that mentions who may not read the record says so', async () => {
    const role = await value(
      `insert into metadata.roles (workspace_id, name, permissions) select id, 'Nothing', '{}' from core.workspaces returning id as value`,
    );
    await database.admin.query(
      `insert into metadata.object_permissions (role_id, object_id, can_read) select $1, o.id, false from metadata.objects o where o.name_singular = 'company'`,
      [role],
    );
    const former = await value(
      `select m.role_id as value from core.members m join core.users u on u.id = m.user_id where u.email = $1`,
      [OTHER],
    );
    const give = (id: string) =>
      database.admin.query(
        `update core.members m set role_id = $1 from core.users u where u.id = m.user_id and u.email = $2`,
        [id, OTHER],
      );
    await give(role);
    await writer.goto(`${address}/objects/companies/${company.id}`);
    const area = comments(writer).getByLabel('Write a comment');
    await area.click();
    await writer.keyboard.type(`@${readerName.slice(0, 3)}`);
    await comments(writer)
      .getByRole('option', { name: /may not read this/ })
      .waitFor();
    await writer.keyboard.press('Tab');
    await writer.keyboard.press('Control+Enter');
    await writer.getByText(`${readerName} may not read this company.`).waitFor();
    await give(former);
  });
});

describe('the list of notifications', () => {
  test('is read, archived and taken out again by the keyboard', async () => {
    await database.admin.query(
      `select core.notify(w.id, array[m.id], 'SYNC_ERROR', detail => '{"name": "The mailbox of Ann"}') from core.workspaces w join core.members m on m.workspace_id = w.id join core.users u on u.id = m.user_id where u.email = $1`,
      [DEMO_EMAIL],
    );
    await bell(writer, /Notifications, 2 unread/).click();
    const entry = panel(writer).getByRole('button', { name: 'The mailbox of Ann cannot be read any more' });
    await entry.waitFor();
    await picture(writer, 'list');
    await entry.focus();
    await writer.keyboard.press('u');
    await bell(writer, 'Notifications, 1 unread').waitFor({ state: 'attached' });
    await writer.keyboard.press('ArrowDown');
    await entry.focus();
    await writer.keyboard.press('e');
    await entry.waitFor({ state: 'detached' });
    await panel(writer).getByText('Archived', { exact: true }).click();
    await entry.waitFor();
    await panel(writer).getByRole('button', { name: 'Take out of the archive' }).click();
    await panel(writer).getByText('Nothing archived').waitFor();
    await panel(writer).getByText('All', { exact: true }).click();
    await panel(writer).getByRole('button', { name: 'Mark all as read' }).click();
    await panel(writer).getByText('Unread', { exact: true }).first().click();
    await panel(writer).getByText('All read').waitFor();
    await expectAccessible(writer);
  });

  test('is chosen in the settings, which hold at once', async () => {
    await panel(writer).getByRole('link', { name: 'Which notifications you get' }).click();
    await writer.getByRole('heading', { name: 'What you are told' }).waitFor();
    await expectAccessible(writer);
    await picture(writer, 'settings');
    await writer.getByRole('combobox', { name: 'Mentions: by mail' }).click();
    await writer.getByRole('option', { name: 'Never' }).click();
    await writer.getByRole('combobox', { name: 'How often' }).click();
    await writer.getByRole('option', { name: 'Every hour' }).click();
    await writer.getByRole('combobox', { name: 'At', exact: true }).waitFor({ state: 'detached' });
    await eventually(
      'mails go out every hour',
      async () => (await value('select frequency as value from core.digest_settings')) === 'HOURLY',
    );
    await writer.reload();
    await writer.getByRole('combobox', { name: 'Mentions: by mail' }).waitFor();
    expect(await writer.getByRole('combobox', { name: 'Mentions: by mail' }).inputValue()).toBe('Never');
  });

  test('is in the bar of a phone, in the dark', async () => {
    const phone = await enter(OTHER, { viewport: { width: 390, height: 844 }, colorScheme: 'dark' });
    await phone.goto(`${address}/objects/companies/${company.id}`);
    await phone.getByRole('tab', { name: 'Overview' }).click();
    await comments(phone).scrollIntoViewIfNeeded();
    await expectAccessible(phone);
    await picture(phone, 'phone-comments');
    await phone.getByRole('navigation', { name: 'Quick' }).getByRole('button', { name: /Inbox/ }).click();
    await panel(phone)
      .getByText(/replied in/)
      .waitFor();
    await expectAccessible(phone);
    await picture(phone, 'phone-panel');
    expect(await phone.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    await phone.goto(`${address}/settings/notifications`);
    await phone.getByRole('heading', { name: 'What you are told' }).waitFor();
    await expectAccessible(phone);
    await picture(phone, 'phone-settings');
    expect(await phone.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    await phone.context().close();
  });

  test('belongs to the member: who looks as a role sees no bell, and comments nothing', async () => {
    await writer.goto(`${address}/settings/roles`);
    await writer.getByRole('link', { name: 'Member', exact: true }).click();
    await writer.getByRole('button', { name: 'See as' }).click();
    await writer.getByRole('region', { name: 'Whose view this is' }).waitFor();
    await writer.goto(`${address}/objects/companies/${company.id}`);
    await comments(writer).getByText('One more thing').waitFor();
    expect(await bell(writer, /Notifications/).count()).toBe(0);
    expect(await comments(writer).getByRole('textbox').count()).toBe(0);
    expect(await comments(writer).getByRole('button', { name: 'Reply' }).count()).toBe(0);
  });
});
