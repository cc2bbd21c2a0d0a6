import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { startApplication } from './application.ts';
import { expectAccessible, launchChromium } from './chromium.ts';

/** Somebody keeps the teams, and says how to read. The steps build on each other. */
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
  // In whichever language the browser asks for.
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel(/^(Password|Passwort)$/).fill(DEMO_PASSWORD);
  await page.getByRole('button', { name: /^(Sign in|Anmelden)$/ }).click();
  await page.locator('main#main h1').first().waitFor();
  return page;
}

beforeAll(async () => {
  [address, browser] = await Promise.all([startApplication(database), launchChromium()]);
  database.onEnd(() => browser.close());
  keeper = await enter(DEMO_EMAIL);
}, 120_000);

afterAll(() => {
  expect(complaints).toEqual([]);
});

const panel = (name: string) => keeper.getByRole('region', { name: `Team ${name}`, exact: true });
const item = (name: string) => keeper.getByRole('treeitem', { name });
const dialog = () => keeper.getByRole('dialog');

async function rows(sql: string): Promise<string[]> {
  return (await database.admin.query<{ line: string }>(sql)).rows.map((row) => row.line);
}

describe('teams', () => {
  test('a workspace without teams says what they are for', async () => {
    await keeper.goto(`${address}/settings/teams`);
    await keeper.getByRole('heading', { name: 'No teams yet' }).waitFor();
    await expectAccessible(keeper);
    await keeper.getByRole('button', { name: 'Make the first team' }).click();
    await dialog().getByLabel('Name', { exact: true }).fill('Sales');
    await keeper.keyboard.press('Enter');
    await panel('Sales').waitFor();
  });

  test('teams stand beneath others, and none is called as another', async () => {
    for (const name of ['North', 'South']) {
      await panel('Sales').getByRole('button', { name: 'New team beneath' }).click();
      await dialog().getByLabel('Name', { exact: true }).fill(name);
      await keeper.keyboard.press('Enter');
      await panel(name).waitFor();
      await item('Sales').click();
    }
    await keeper.getByRole('button', { name: 'New team', exact: true }).click();
    await dialog().getByLabel('Name', { exact: true }).fill('sales');
    await keeper.keyboard.press('Enter');
    await dialog().getByText('There is a team "sales" already.').waitFor();
    await keeper.keyboard.press('Escape');
    expect(
      await rows(`select t.name || coalesce(' < ' || p.name, '') as line from metadata.teams t
        left join metadata.teams p on p.id = t.parent_team_id order by t.name`),
    ).toEqual(['North < Sales', 'Sales', 'South < Sales']);
  });

  test('the tree answers to the keyboard', async () => {
    await item('Sales').focus();
    await keeper.keyboard.press('ArrowDown');
    await keeper.keyboard.press('ArrowDown');
    await keeper.keyboard.press('Enter');
    await panel('South').waitFor();
    await keeper.keyboard.press('ArrowLeft');
    await keeper.keyboard.press('ArrowLeft');
    await item('North').waitFor({ state: 'detached' });
    await keeper.keyboard.press('ArrowRight');
    await item('North').waitFor();
  });

  test('members come and go, lead, and are in several teams', async () => {
    for (const team of ['South', 'North']) {
      await item(team).click();
      await panel(team).getByLabel('Add a member').first().fill('Amara');
      await keeper.getByRole('option', { name: /Amara/ }).click();
      await panel(team).getByRole('listitem').filter({ hasText: 'Amara' }).waitFor();
    }
    await panel('North')
      .getByRole('switch', { name: /^Amara .* leads the team/ })
      .click({ force: true });
    await expectAccessible(keeper);
    await panel('North')
      .getByRole('button', { name: /^Take Amara/ })
      .click();
    await panel('North').getByText('Nobody is in this team yet.').waitFor();
    await keeper.getByRole('button', { name: 'Undo' }).click();
    await panel('North').getByRole('listitem').filter({ hasText: 'Amara' }).waitFor();
    expect(
      await rows(
        'select t.name as line from metadata.team_members m join metadata.teams t on t.id = m.team_id order by 1',
      ),
    ).toEqual(['North', 'South']);
  });

  test('a team is renamed and moved where it stands', async () => {
    await panel('North').getByLabel('Name', { exact: true }).fill('Far north');
    await keeper.keyboard.press('Enter');
    await item('Far north').waitFor();
    await panel('Far north').getByLabel('Beneath').first().click();
    // Neither itself nor what is beneath it.
    expect(await keeper.getByRole('option').allTextContents()).toEqual(['Sales', 'South']);
    await keeper.getByRole('option', { name: 'South' }).click();
    await keeper.locator('[role=treeitem][aria-level="3"]', { hasText: 'Far north' }).waitFor();
  });

  test('deleting one names what depends on it; what is beneath goes up', async () => {
    await item('South').click();
    await panel('South').getByRole('button', { name: 'Delete team' }).click();
    await dialog()
      .getByText(/^Amara .* will not be in it any more/)
      .waitFor();
    await dialog().getByText('Far north will stand beneath Sales then.').waitFor();
    await dialog().getByRole('button', { name: 'Delete team' }).click();
    await item('South').waitFor({ state: 'detached' });
    await keeper.locator('[role=treeitem][aria-level="2"]', { hasText: 'Far north' }).waitFor();
  });

  test('on a phone the tree and a team have the page for themselves', async () => {
    const phone = await enter(DEMO_EMAIL, { viewport: { width: 390, height: 844 }, colorScheme: 'dark' });
    await phone.goto(`${address}/settings/teams`);
    await phone.getByRole('treeitem', { name: 'Far north' }).click();
    await phone.getByRole('tree').waitFor({ state: 'detached' });
    await expectAccessible(phone);
    expect(await phone.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    await phone.getByRole('button', { name: 'All teams' }).click();
    await phone.getByRole('tree').waitFor();
    await phone.context().close();
  });
});

describe('how a member reads', () => {
  test('follows the browser at the first sign-in, then the profile, in each zone', async () => {
    const found = await database.admin.query<{ email: string }>(
      `update core.members m set settled_at = null from core.users u where u.id = m.user_id and u.email = 'amara@relvar.example' returning u.email`,
    );
    const schema = (await rows('select schema_name as line from core.workspaces'))[0];
    await database.admin.query(
      `update ${schema}.workspace_members set time_zone = 'system', locale = 'en' where user_email = 'amara@relvar.example'`,
    );
    const {
      rows: [deal],
    } = await database.admin.query<{ id: string }>(
      `update ${schema}.opportunities set close_date = '2026-03-29 23:30+00' where id = (select id from ${schema}.opportunities order by id limit 1) returning id`,
    );
    expect(found.rowCount).toBe(1);
    await database.admin.query(
      `insert into metadata.fields (object_id, label, type) select o.id, 'Signed on', 'DATE' from metadata.objects o where o.name_singular = 'opportunity'`,
    );
    await database.admin.query(`update ${schema}.opportunities set signed_on = '2026-03-29' where id = $1`, [deal?.id]);
    const reader = await enter('amara@relvar.example', { locale: 'de-DE', timezoneId: 'Asia/Tokyo' });
    const shows = async (text: string) => {
      await reader.goto(`${address}/objects/opportunities/${deal?.id}`);
      await reader.locator('[data-field=closeDate]').getByText(text, { exact: true }).waitFor();
      await reader.locator('[data-field=signedOn]').getByText('29.03.2026', { exact: true }).waitFor();
    };
    await shows('30.03.2026, 08:30');
    for (const [zone, text] of [
      ['Pacific/Kiritimati', '30.03.2026, 13:30'],
      ['America/Los_Angeles', '29.03.2026, 16:30'],
      ['Europe/Berlin', '30.03.2026, 01:30'],
    ] as const) {
      await reader.goto(`${address}/settings/profile`);
      await reader.getByLabel('Zeitzone').first().fill(zone.replace('_', ' '));
      const saved = reader.waitForResponse(
        (response) =>
          response.url().endsWith('/metadata') && (response.request().postData() ?? '').includes('mutation'),
      );
      await reader.getByRole('option', { name: zone.replace('_', ' ') }).click();
      await saved;
      await shows(text);
    }
    await reader.context().close();
  });
});
