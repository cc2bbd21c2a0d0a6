import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { startApplication } from './application.ts';
import { expectAccessible, launchChromium } from './chromium.ts';

/** What was before: of a field, of a record, of a list; and back again. The steps build on each other. */
const database = useDatabase();

let browser: Browser;
let page: Page;
let address: string;
let schema: string;
let person: string;
const complaints: string[] = [];

async function enter(options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    colorScheme: 'light',
    locale: 'en-GB',
    ...options,
  });
  context.setDefaultTimeout(15_000);
  const entered = await context.newPage();
  entered.on('pageerror', (error) => complaints.push(error.message));
  await entered.goto(address);
  await entered.getByLabel('E-mail').fill(DEMO_EMAIL);
  await entered.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await entered.getByRole('button', { name: 'Sign in', exact: true }).click();
  await entered.locator('main#main h1').first().waitFor();
  return entered;
}

async function value(sql: string, values: unknown[] = []): Promise<string> {
  return (await database.admin.query<{ value: string }>(sql, values)).rows[0]?.value ?? '';
}
const title = () => value(`select job_title as value from ${schema}.people where id = $1`, [person]);
const setTitle = (to: string) =>
  database.admin.query(`update ${schema}.people set job_title = $2 where id = $1`, [person, to]);
const shoot = async (name: string, of = page) => {
  const folder = process.env['RELVAR_SCREENSHOTS'];
  if (folder) await of.screenshot({ path: `${folder}/${name}.png` });
};

beforeAll(async () => {
  [address, browser] = await Promise.all([startApplication(database), launchChromium()]);
  database.onEnd(() => browser.close());
  schema = await value('select schema_name as value from core.workspaces');
  person = await value(`select id as value from ${schema}.people order by created_at, id limit 1`);
  for (const to of ['Clerk', 'Manager', 'Director']) await setTitle(to);
  page = await enter();
}, 120_000);

afterAll(() => {
  expect(complaints).toEqual([]);
});

const field = (of: Page) => of.locator('[data-field="jobTitle"]');
const banner = (of: Page) => of.getByRole('region', { name: 'As it was' });

const timeline = () => page.getByRole('region', { name: 'Timeline' });
/** Opens what was changed together in the timeline, until the text is there. */
async function unfold(text: string): Promise<void> {
  while ((await timeline().getByText(text).count()) === 0) {
    const more = timeline().locator('button[aria-expanded="false"]:not([aria-haspopup])').first();
    if ((await more.count()) > 0) await more.click();
    else await page.waitForTimeout(100);
  }
}

test('a field tells what it was, and has it again', async () => {
  await page.goto(`${address}/objects/people/${person}`);
  await field(page).hover();
  await field(page).getByRole('button', { name: 'History of Job title' }).click();
  const history = page.getByRole('dialog', { name: 'History of job title' });
  await history.getByText('Director').first().waitFor();
  await expectAccessible(page);
  await shoot('field-history');
  await history.getByRole('button', { name: 'Restore this value: Clerk' }).click();
  const dialog = page.getByRole('dialog', { name: /Job title as it was/ });
  await dialog.getByText('1 record would change.').waitFor();
  await expectAccessible(page);
  await shoot('restore-value');
  await dialog.getByRole('button', { name: 'Take back' }).click();
  await page.getByText('1 record taken back.').waitFor();
  expect(await title()).toBe('Clerk');
  await field(page).getByText('Clerk').waitFor();
});

test('a record goes back through its moments by keys, and to the state of one', async () => {
  await page.getByRole('button', { name: 'More about this record' }).click();
  await page.getByRole('menuitem', { name: 'As it was…' }).click();
  await banner(page).waitFor();
  await field(page).getByText('Clerk').waitFor();
  const slider = page.getByRole('slider', { name: 'Moment' });
  await slider.press('ArrowLeft');
  await field(page).getByText('Director').waitFor();
  await page.getByRole('button', { name: 'Earlier change' }).click();
  await field(page).getByText('Manager').waitFor();
  await page.mouse.move(0, 0);
  await page.getByRole('tooltip').first().waitFor({ state: 'detached' });
  await expectAccessible(page);
  await shoot('past-record');
  await page.reload();
  await field(page).getByText('Manager').waitFor();
  await page.getByRole('button', { name: 'Restore to this state…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Take back' }).click();
  await banner(page).waitFor({ state: 'detached' });
  await field(page).getByText('Manager').waitFor();
  expect(await title()).toBe('Manager');
});

test('a change in the timeline is taken back, and says what is in the way', async () => {
  await setTitle('Boss');
  await setTitle('Chief');
  await unfold('Chief');
  await timeline()
    .getByRole('listitem')
    .filter({ hasText: 'Boss' })
    .last()
    .getByRole('button', { name: /More about/ })
    .click();
  await page.getByRole('menuitem', { name: 'Take this change back…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Take this change back' });
  await dialog.getByText(/Job title was changed since/).waitFor();
  await expectAccessible(page);
  await shoot('conflict');
  // Each may be decided by itself, and then is.
  await dialog.getByRole('checkbox', { name: 'Take the old value all the same' }).check();
  await dialog.getByRole('button', { name: 'Overwrite what came since' }).waitFor({ state: 'detached' });
  await shoot('decided');
  await dialog.getByRole('button', { name: 'Take back as chosen' }).click();
  await dialog.waitFor({ state: 'detached' });
  await field(page).getByText('Manager').waitFor();
  expect(await title()).toBe('Manager');
});

test('all that was done together is taken back at once', async () => {
  await database.admin.query(`update ${schema}.people set city = 'Atlantis'`);
  const many = await value(`select count(*)::text as value from ${schema}.people where city = 'Atlantis'`);
  await timeline().getByText('Atlantis').waitFor();
  await timeline()
    .getByRole('listitem')
    .filter({ hasText: 'Atlantis' })
    .getByRole('button', { name: /More about/ })
    .click();
  await page.getByRole('menuitem', { name: 'Take back all that was done together…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Take back all that was done together' });
  await dialog.getByText(`${Number(many).toLocaleString('en')} records would change.`).waitFor();
  const items = dialog.getByRole('list', { name: 'What would change' }).getByRole('listitem');
  if (Number(many) > 100) {
    await dialog.getByRole('button', { name: 'Show more' }).click();
    await items.nth(100).waitFor();
  }
  await shoot('together');
  await dialog.getByRole('button', { name: 'Take back' }).click();
  await page.getByText(`${Number(many).toLocaleString('en')} records taken back.`).waitFor();
  expect(await value(`select count(*)::text as value from ${schema}.people where city = 'Atlantis'`)).toBe('0');
});

test('the timeline has what was said and what is attached, live and by kind', async () => {
  const { rows } = await database.admin.query<{ id: string }>(
    `insert into ${schema}.notes (title) values ('Minutes of the call') returning id`,
  );
  await database.admin.query(`insert into ${schema}.note_targets (note_id, target_person_id) values ($1, $2)`, [
    rows[0]!.id,
    person,
  ]);
  await timeline().getByRole('link', { name: 'Minutes of the call' }).waitFor();
  await page.getByLabel('Write a comment').click();
  await page.keyboard.type('A **good** call.');
  await page.getByRole('button', { name: 'Comment', exact: true }).click();
  await timeline().getByRole('link', { name: 'commented' }).waitFor();
  await expectAccessible(page);
  await shoot('timeline');
  const chip = (name: string) => timeline().getByRole('button', { name, exact: true });
  await chip('Notes').press('Enter');
  await timeline().getByText('The beginning of this record').waitFor();
  expect(await timeline().getByRole('listitem').count()).toBe(
    Number(
      await value(`select count(*)::text as value from ${schema}.note_targets where target_person_id = $1`, [person]),
    ),
  );
  await chip('Files').press('Enter');
  await timeline().getByText('No files yet.').waitFor();
  await expectAccessible(page);
  await chip('All').press('Enter');
  await timeline().getByRole('link', { name: 'Minutes of the call' }).waitFor();
});

test('a long timeline is read as far as one scrolls', async () => {
  // Each a minute after the one before, so that none stand together.
  await database.admin.query(
    `update ${schema}.record_events e set happened_at = now() - make_interval(mins => 10) where record_id = $1`,
    [person],
  );
  for (let n = 0; n < 45; n++) {
    await setTitle(`Title ${n}`);
    await database.admin.query(
      `update ${schema}.record_events set happened_at = now() + make_interval(mins => $2::int) where record_id = $1 and after ->> 'job_title' = $3`,
      [person, n - 100, `Title ${n}`],
    );
  }
  await page.reload();
  await timeline().getByRole('listitem').first().waitFor();
  expect(await timeline().getByText('The beginning of this record').count()).toBe(0);
  await page.waitForFunction(() => {
    const area = document.querySelector('section[aria-label="Timeline"]');
    area?.querySelector('ol + button')?.scrollIntoView();
    return area?.textContent.includes('The beginning of this record');
  });
  await timeline().getByText('Title 0', { exact: true }).first().waitFor();
});

test('a company tells what happens to its deals, live, until the relation says no more', async () => {
  const company = await value(`select id as value from ${schema}.companies order by created_at desc, id limit 1`);
  await page.goto(`${address}/objects/companies/${company}`);
  await timeline().getByRole('button', { name: 'Related', exact: true }).click();
  const deal = await value(
    `insert into ${schema}.opportunities (name, company_id) values ('Told deal', $1) returning id as value`,
    [company],
  );
  const entries = timeline().getByRole('listitem');
  await entries.filter({ hasText: 'created' }).getByRole('link', { name: 'Told deal' }).waitFor();
  await database.admin.query(`update ${schema}.opportunities set stage = 'MEETING' where id = $1`, [deal]);
  await entries.filter({ hasText: 'changed' }).getByRole('link', { name: 'Told deal' }).waitFor();
  await database.admin.query(`delete from ${schema}.opportunities where id = $1`, [deal]);
  await entries.filter({ hasText: 'deleted' }).getByRole('link', { name: 'Told deal' }).waitFor();
  await expectAccessible(page);
  await shoot('timeline-related');

  await page.goto(`${address}/settings/model/opportunities?tab=relations`);
  await page
    .getByRole('row', { name: /Companies/ })
    .getByRole('button', { name: 'Company', exact: true })
    .click();
  const form = page.getByRole('dialog');
  const told = form.getByRole('switch', { name: /The timeline of a company tells what happens to its opportunities/ });
  expect(await told.isChecked()).toBe(true);
  await told.click({ force: true });
  await expectAccessible(page);
  await shoot('timeline-relation');
  await form.getByRole('button', { name: 'Save', exact: true }).click();
  await form.waitFor({ state: 'detached' });
  expect(
    await value(
      `select is_on_timeline::text as value from metadata.relations r join metadata.fields f on f.id = r.field_id where f.universal_identifier = 'standard:opportunity.company'`,
    ),
  ).toBe('false');
});

test('a list is shown as it was, also on a phone in the dark, and leads to records of then', async () => {
  const before = await value('select clock_timestamp()::text as value');
  const count = await value(`select count(*)::text as value from ${schema}.companies`);
  const name = await value(`select name as value from ${schema}.companies order by name limit 1`);
  await database.admin.query(`delete from ${schema}.companies where name = $1`, [name]);
  await page.goto(`${address}/objects/companies`);
  await page.getByRole('button', { name: 'As it was…' }).click();
  await banner(page).waitFor();
  await page.goto(
    `${address}/objects/companies?sort=name&asOf=${encodeURIComponent(JSON.stringify(new Date(before).toISOString()))}`,
  );
  await page.getByRole('link', { name, exact: true }).waitFor();
  expect(Number(count)).toBeGreaterThan(1);
  await expectAccessible(page);
  await shoot('past-list');
  await page.getByRole('link', { name, exact: true }).click();
  await page.getByRole('heading', { name }).waitFor();
  await banner(page).getByRole('button', { name: 'Back to now' }).click();
  await page.getByRole('heading', { name: 'This company is not here' }).waitFor();

  const phone = await enter({ viewport: { width: 390, height: 844 }, colorScheme: 'dark' });
  for (const [path, shot] of [
    [`objects/companies?asOf=${new Date(before).toISOString()}`, 'past-list-phone'],
    [`objects/people/${person}?asOf=${new Date(before).toISOString()}`, 'past-record-phone'],
  ] as const) {
    await phone.goto(`${address}/${path}`);
    await banner(phone).waitFor();
    await phone.waitForTimeout(500);
    await expectAccessible(phone);
    await shoot(shot, phone);
    expect(await phone.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
  }
  await phone.context().close();
});
