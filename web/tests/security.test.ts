import { TOTP } from 'otpauth';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { startApplication } from './application.ts';
import { launchChromium } from './chromium.ts';

/** How a person keeps their sign-in safe, in a real browser. The steps build on each other. */
const database = useDatabase();
let browser: Browser;
let context: BrowserContext;
let page: Page;
let address: string;
let secret: string;
let recoveryCode: string;

beforeAll(async () => {
  [address, browser] = await Promise.all([startApplication(database), launchChromium()]);
  database.onEnd(() => browser.close());
  context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  context.setDefaultTimeout(20_000);
  page = await context.newPage();
}, 120_000);

const signIn = async (password = DEMO_PASSWORD) => {
  await page.getByLabel('E-mail').fill(DEMO_EMAIL);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
};
const isIn = () => page.getByRole('heading', { level: 1, name: 'Companies' }).waitFor();
const openSecurity = async () => {
  await page.goto(`${address}/settings/security`);
  await page.getByRole('heading', { name: 'Where you are signed in' }).waitFor();
};
const signOut = async () => {
  await page.getByRole('navigation', { name: 'Main' }).getByRole('button').first().click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Sign in to Relvar' }).waitFor();
};

test('when the access token has run out, the page gets another and nobody notices', async () => {
  await page.goto(address);
  await signIn();
  await isIn();
  await context.clearCookies({ name: 'relvar_access' });
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'People', exact: true }).click();
  await page.getByRole('heading', { level: 1, name: 'People' }).waitFor();
  await page.getByRole('grid').locator('[data-row]').first().waitFor();
  await context.clearCookies({ name: 'relvar_access' });
  await page.reload();
  await page.getByRole('grid').locator('[data-row]').first().waitFor();
  const { rows } = await database.admin.query(
    'select count(*)::int as n from core.refresh_tokens where used_at is not null',
  );
  expect(rows[0].n).toBe(2);
});

test('the second factor is set up from the settings', async () => {
  await openSecurity();
  await page.getByText('This device').waitFor();
  await page.getByRole('button', { name: 'Turn on' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Your password').fill(DEMO_PASSWORD);
  await dialog.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('img', { name: 'QR code' }).waitFor();
  secret = ((await page.getByLabel('Secret').textContent()) ?? '').replaceAll(' ', '');
  await page.getByLabel('Code that the app shows').fill('000000');
  await page.getByRole('button', { name: 'Turn on' }).click();
  await page.getByRole('alert').filter({ hasText: 'This code is not right' }).waitFor();
  await page.getByLabel('Code that the app shows').fill(new TOTP({ secret }).generate());
  await page.getByRole('button', { name: 'Turn on' }).click();
  const codes = page.getByRole('list', { name: 'Recovery codes' }).getByRole('listitem');
  await codes.first().waitFor();
  expect(await codes.count()).toBe(10);
  recoveryCode = (await codes.first().textContent()) ?? '';
  await page.getByRole('button', { name: 'I have kept them' }).click();
  await page.getByText('10 of your recovery codes are left').waitFor();
});

test('signing in asks for it from then on, and takes a recovery code', async () => {
  await signOut();
  await signIn();
  await page.getByLabel('Code that your app shows').fill(recoveryCode);
  await page.getByLabel('Do not ask on this device').check();
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('heading', { name: 'Where you are signed in' }).waitFor();
  await page.getByText('9 of your recovery codes are left').waitFor();
  // This device is remembered.
  await signOut();
  await signIn();
  await page.getByRole('heading', { name: 'Where you are signed in' }).waitFor();
});

test('a key is made, shown once, and revoked', async () => {
  await page.getByRole('navigation', { name: 'Security' }).getByRole('link', { name: 'API keys' }).click();
  await page.getByRole('button', { name: 'New key' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('Zapier');
  await dialog.getByRole('button', { name: 'Create' }).click();
  const key = (await dialog.getByLabel('The new key').textContent()) ?? '';
  expect(key).toMatch(/^rv_[\w-]{43}$/);
  const me = () => fetch(`${address}/auth/me`, { headers: { authorization: `Bearer ${key}` } });
  expect((await me()).status).toBe(200);
  await dialog.getByRole('button', { name: 'Done' }).click();
  await page.getByRole('button', { name: 'Revoke Zapier' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke', exact: true }).click();
  await page.getByText('None yet.').waitFor();
  const end = Date.now() + 10_000;
  while ((await me()).status !== 401 && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 50));
  expect((await me()).status).toBe(401);
});

test('the audit says what has happened', async () => {
  await page.getByRole('navigation', { name: 'Security' }).getByRole('link', { name: 'Workspace' }).click();
  for (const sentence of [
    'Revoked a key (Zapier)',
    'Created a key (Zapier)',
    'Turned on the second factor',
    'Wrong code of the second factor',
  ]) {
    await page.getByRole('cell', { name: sentence }).first().waitFor();
  }
});

test('a device that is signed out elsewhere is at the door at once', async () => {
  const other = await (await browser.newContext()).newPage();
  await other.goto(address);
  await database.admin.query('delete from core.totp');
  await other.getByLabel('E-mail').fill(DEMO_EMAIL);
  await other.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await other.getByRole('button', { name: 'Sign in', exact: true }).click();
  await other.getByRole('heading', { level: 1, name: 'Companies' }).waitFor();
  await openSecurity();
  await page.getByRole('button', { name: 'Sign out everywhere else' }).click();
  // Nobody touched the other one: its stream was ended, and it could not get another.
  await other.getByRole('heading', { name: 'Sign in to Relvar' }).waitFor({ timeout: 20_000 });
});
