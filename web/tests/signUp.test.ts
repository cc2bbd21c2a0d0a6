import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { startApplication } from './application.ts';
import { launchChromium } from './chromium.ts';

/** How people get in, in real browsers: mails are kept by the worker, and their links are followed from there. */
const database = useDatabase();
const shots = join(import.meta.dirname, '..', '..', 'data', 'screenshots');
const PASSWORD = 'a long and simple one';
const ROOMS = [
  { name: 'wide-light', width: 1440, height: 900, colorScheme: 'light' },
  { name: 'wide-dark', width: 1440, height: 900, colorScheme: 'dark' },
  { name: 'phone-light', width: 390, height: 844, colorScheme: 'light' },
  { name: 'phone-dark', width: 390, height: 844, colorScheme: 'dark' },
] as const;

let browser: Browser;
let address: string;
let admin: Page;
const complaints: string[] = [];

async function newPage(): Promise<Page> {
  const context: BrowserContext = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  context.setDefaultTimeout(30_000);
  const page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  return page;
}

async function shoot(page: Page, name: string): Promise<void> {
  for (const { name: room, width, height, colorScheme } of ROOMS) {
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: join(shots, `${name}-${room}.png`) });
  }
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.emulateMedia({ colorScheme: 'light' });
}

/** The path of the link in the latest such mail, once the worker has written it. */
async function linkTo(email: string, template: string): Promise<string> {
  const end = Date.now() + 30_000;
  for (;;) {
    const { rows } = await database.admin.query<{ body_text: string | null }>(
      'select body_text from core.mail_outbox where to_address = $1 and template = $2 order by queued_at desc, id desc limit 1',
      [email, template],
    );
    const link = /https?:\/\/[^/\s]+(\/\S+#\S+)/.exec(rows[0]?.body_text ?? '')?.[1];
    if (link) return address + link;
    if (Date.now() > end) throw new Error(`No mail "${template}" to ${email}.`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const isInside = (page: Page) => page.getByRole('heading', { level: 1, name: 'Companies' }).waitFor();

async function signIn(page: Page, email: string, password: string): Promise<void> {
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

beforeAll(async () => {
  mkdirSync(shots, { recursive: true });
  [address, browser] = await Promise.all([startApplication(database), launchChromium()]);
  database.onEnd(() => browser.close());
  admin = await newPage();
}, 180_000);

afterAll(() => {
  expect(complaints).toEqual([]);
});

jest.setTimeout(120_000);

test('an administrator invites somebody, who joins with the role of the invitation', async () => {
  await admin.goto(address);
  await shoot(admin, 'sign-in');
  await signIn(admin, DEMO_EMAIL, DEMO_PASSWORD);
  await isInside(admin);
  await admin.getByRole('navigation', { name: 'Main' }).getByRole('button').first().click();
  await admin.getByRole('menuitem', { name: 'Members' }).click();
  await admin.getByLabel('E-mail addresses').fill('grace@acme.example');
  await admin.getByRole('button', { name: 'Invite', exact: true }).click();
  await admin.getByRole('list', { name: 'Open invitations' }).getByText('grace@acme.example').waitFor();
  await shoot(admin, 'members');

  const grace = await newPage();
  await grace.goto(await linkTo('grace@acme.example', 'invitation'));
  await grace.getByLabel('Your name').fill('Grace Hopper');
  await grace.getByLabel('Password', { exact: true }).fill('short');
  await grace.getByRole('button', { name: 'Join' }).click();
  await grace.getByText('Use at least 10 characters.').waitFor();
  await shoot(grace, 'join');
  await grace.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await grace.getByRole('button', { name: 'Join' }).click();
  await isInside(grace);

  await admin.reload();
  const row = admin.getByRole('row').filter({ hasText: 'grace@acme.example' });
  await row.getByText('Grace Hopper').waitFor();
  expect(await row.getByRole('combobox', { name: 'Role of Grace Hopper' }).inputValue()).toBe('Member');

  // On a phone an address has its lines, and breaks within no word.
  await admin.setViewportSize({ width: 390, height: 844 });
  const broken = await admin
    .getByRole('table', { name: 'Members' })
    .locator('small')
    .evaluateAll((all) =>
      all
        .flatMap((line) => [...line.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE))
        .filter((part) => {
          const range = document.createRange();
          range.selectNodeContents(part);
          return range.getClientRects().length > 1;
        })
        .map((part) => part.textContent),
    );
  expect(broken).toEqual([]);
  await admin.setViewportSize({ width: 1440, height: 900 });

  const again = await newPage();
  await again.goto(await linkTo('grace@acme.example', 'invitation'));
  await again.getByRole('alert').filter({ hasText: 'does not work any more' }).waitFor();
  await shoot(again, 'link-not-valid');
});

test('a member who is deactivated is out, and in again when reactivated', async () => {
  const row = admin.getByRole('row').filter({ hasText: 'grace@acme.example' });
  await row.getByRole('button', { name: 'Actions for Grace Hopper' }).click();
  await admin.getByRole('menuitem', { name: 'Deactivate' }).click();
  await admin.getByRole('dialog').getByRole('button', { name: 'Deactivate' }).click();
  await row.getByText('deactivated').waitFor();
  const grace = await newPage();
  await grace.goto(address);
  await signIn(grace, 'grace@acme.example', PASSWORD);
  await grace.getByRole('alert').filter({ hasText: 'not a member' }).waitFor();
  await row.getByRole('button', { name: 'Actions for Grace Hopper' }).click();
  await admin.getByRole('menuitem', { name: 'Reactivate' }).click();
  await row.getByText('deactivated').waitFor({ state: 'detached' });
});

test('a forgotten password is set anew, and a link signs in where the address asked to go', async () => {
  const grace = await newPage();
  await grace.goto(address);
  await grace.getByRole('link', { name: 'Forgot your password?' }).click();
  await grace.getByLabel('E-mail').fill('grace@acme.example');
  await shoot(grace, 'forgot-password');
  await grace.getByRole('button', { name: 'Send the link' }).click();
  await grace.getByRole('status').filter({ hasText: 'grace@acme.example' }).waitFor();
  await shoot(grace, 'mail-sent');
  await grace.goto(await linkTo('grace@acme.example', 'reset_password'));
  await grace.getByLabel('New password').fill('an even longer one');
  await grace.getByRole('button', { name: 'Set the password' }).click();
  await grace.getByRole('status').filter({ hasText: 'signed out' }).waitFor();
  await grace.getByRole('link', { name: 'Sign in' }).click();
  await signIn(grace, 'grace@acme.example', 'an even longer one');
  await isInside(grace);

  const other = await newPage();
  await other.goto(`${address}/?next=/objects/people`);
  await other.getByRole('link', { name: 'Sign in by a link instead' }).click();
  await other.getByLabel('E-mail').fill('grace@acme.example');
  await other.getByRole('button', { name: 'Send the link' }).click();
  await other.getByRole('status').waitFor();
  await other.goto(await linkTo('grace@acme.example', 'magic_link'));
  await other.getByText('You sign in as grace@acme.example.').waitFor();
  await shoot(other, 'magic-link');
  await other.getByRole('button', { name: 'Sign in' }).click();
  await other.getByRole('heading', { level: 1, name: 'People' }).waitFor();
});

test('an address that asks to go on to another site leads home', async () => {
  const page = await newPage();
  await page.goto(`${address}/?next=//evil.example/`);
  await signIn(page, 'grace@acme.example', 'an even longer one');
  await isInside(page);
  expect(new URL(page.url()).origin).toBe(address);
});

test('the invite link lets people in until it is turned off', async () => {
  await admin.getByRole('button', { name: 'Turn on' }).click();
  const link = await admin.getByRole('textbox', { name: 'Invite link' }).inputValue();
  const linus = await newPage();
  await linus.goto(link);
  await linus.getByLabel('E-mail').fill('linus@else.example');
  await linus.getByLabel('Your name').fill('Linus Linked');
  await linus.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await linus.getByRole('button', { name: 'Join' }).click();
  await isInside(linus);
  await admin.getByRole('button', { name: 'Turn off' }).click();
  await admin.getByRole('button', { name: 'Turn on' }).waitFor();
  const late = await newPage();
  await late.goto(link);
  await late.getByRole('alert').filter({ hasText: 'does not work any more' }).waitFor();
});

test('a domain is approved by a mail, and then its people sign up by themselves', async () => {
  await admin.getByLabel('An address at the domain').fill('it@analytical.example');
  await admin.getByRole('button', { name: 'Ask for approval' }).click();
  await admin.getByText('Waiting for it@analytical.example').waitFor();
  await shoot(admin, 'ways-to-join');
  const it = await newPage();
  await it.goto(await linkTo('it@analytical.example', 'approve_domain'));
  await it.getByRole('button', { name: 'Approve the domain' }).click();
  await it.getByRole('status').filter({ hasText: 'analytical.example' }).waitFor();

  const tim = await newPage();
  await tim.goto(address);
  await tim.getByRole('link', { name: 'Sign up' }).click();
  await tim.getByLabel('E-mail').fill('tim@analytical.example');
  await tim.getByRole('button', { name: 'Go on' }).click();
  await tim.getByRole('status').waitFor();
  await tim.goto(await linkTo('tim@analytical.example', 'sign_up'));
  await tim.getByLabel('Your name').fill('Tim Typical');
  await tim.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await shoot(tim, 'sign-up');
  await tim.getByRole('button', { name: 'Join' }).click();
  await isInside(tim);
});

test('a profile says what one is called, looks like and reads, and changes the address by a link', async () => {
  const page = await newPage();
  await page.goto(address);
  await signIn(page, 'jonas@relvar.example', await givePassword('jonas@relvar.example'));
  await isInside(page);
  await page.goto(`${address}/settings/profile`);
  await page.getByLabel('First name').fill('Johannes');
  await page.getByRole('button', { name: 'Save the name' }).click();
  await page.getByText('Your name is saved.').waitFor();
  const chooser = page.waitForEvent('filechooser');
  await page.getByRole('button', { name: 'Choose a picture' }).click();
  await (await chooser).setFiles(join(import.meta.dirname, '..', '..', 'docs', 'screenshot.png'));
  const portrait = page.getByRole('img', { name: 'Your picture' });
  await portrait.waitFor();
  await page.waitForFunction(
    () => document.querySelector<HTMLImageElement>('img[alt="Your picture"]')?.naturalWidth === 256,
  );
  await page.getByRole('combobox', { name: 'Numbers' }).click();
  await page.getByRole('option', { name: '1.234,5' }).click();
  await page.getByRole('combobox', { name: 'Dates' }).click();
  await page.getByRole('option', { name: 'Year first' }).click();
  await shoot(page, 'profile');
  await page.getByLabel('New address').fill('johannes@relvar.example');
  await page.getByLabel('Your password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Send the link' }).click();
  await page.getByRole('status').filter({ hasText: 'johannes@relvar.example' }).waitFor();

  // The formats hold from the next page on, and after loading anew.
  await page.goto(`${address}/objects/opportunities`);
  await page
    .locator('[data-row]')
    .filter({ hasText: /\$\d+(\.\d{3})+/ })
    .first()
    .waitFor();
  await page.goto(await linkTo('johannes@relvar.example', 'change_email'));
  await page.getByRole('button', { name: 'Use this address' }).click();
  await page.getByRole('status').filter({ hasText: 'johannes@relvar.example' }).waitFor();
  const { rows } = await database.admin.query<{ name: string; email: string; photo: boolean }>(
    `select m.name, u.email, m.avatar_url is not null as photo from core.members m join core.users u on u.id = m.user_id where u.email like 'joh%'`,
  );
  expect(rows).toEqual([{ name: 'Johannes Weber', email: 'johannes@relvar.example', photo: true }]);
});

/** The people of the demo have no passwords: one is set by mail. */
async function givePassword(email: string): Promise<string> {
  const post = (path: string, body: object) =>
    fetch(`${address}/auth/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  await post('password-reset/request', { email });
  const link = await linkTo(email, 'reset_password');
  await post('password-reset', { token: link.slice(link.indexOf('#') + 1), password: PASSWORD });
  return PASSWORD;
}
