import type { Browser, BrowserContext, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { startRealPeer, type RealPeer } from '../../server/testing/openIdPeers.ts';
import { startApplication } from './application.ts';
import { launchChromium } from './chromium.ts';

/** An administrator sets single sign-on up, tries it and enforces it; a new colleague comes in by it. The steps build on each other. */
const database = useDatabase();
let browser: Browser;
let context: BrowserContext;
let page: Page;
let address: string;
let peer: RealPeer;

const SECRET = 'what the provider gave us';

beforeAll(async () => {
  // Providers on this machine are asked in development only.
  [address, browser, peer] = await Promise.all([
    startApplication(database, { NODE_ENV: 'development' }),
    launchChromium(),
    startRealPeer(),
  ]);
  database.onEnd(async () => {
    await browser.close();
    await peer.close();
  });
  context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  context.setDefaultTimeout(10_000);
  page = await context.newPage();
  await database.admin.query(
    "insert into core.approved_domains (workspace_id, domain, requested_email, approved_at) select id, 'acme.test', 'it@acme.test', now() from core.workspaces",
  );
}, 120_000);

const picture = (name: string, of = page) =>
  process.env['RELVAR_SCREENSHOTS']
    ? of.screenshot({ path: `${process.env['RELVAR_SCREENSHOTS']}/${name}.png` })
    : null;
const signIn = async () => {
  await page.getByLabel('E-mail').fill(DEMO_EMAIL);
  await page.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
};
const fresh = async (path = '/') => {
  const other = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage();
  other.setDefaultTimeout(10_000);
  await other.goto(`${address}${path}`);
  return other;
};

test('a provider is added, set up and tested, and shows what it says', async () => {
  await page.goto(address);
  await signIn();
  await page.getByRole('heading', { level: 1, name: 'Companies' }).waitFor();
  await page.goto(`${address}/settings/sign-in`);
  await page.getByText('None yet. With a provider,').waitFor();
  await picture('empty');
  await page.getByRole('button', { name: 'Add a provider' }).click();
  await page.getByRole('menuitem', { name: 'OpenID Connect' }).click();
  const redirectUri = await page.getByLabel('Redirect address').inputValue();
  expect(redirectUri).toMatch(/\/auth\/sso\/callback\/[\da-f-]{36}$/);
  peer.start({ id: 'relvar', secret: SECRET, redirectUris: [redirectUri] });
  peer.accounts = {
    tim: { email: DEMO_EMAIL, email_verified: true, name: 'Tim' },
    nora: { email: 'nora@acme.test', email_verified: true, name: 'Nora New', groups: ['crm'] },
    stranger: { email: 'stranger@elsewhere.test', email_verified: true, name: 'Stranger' },
  };
  // Plain errors, at the field that is wrong.
  await page.getByLabel('Issuer').fill('http://login.acme.com');
  await page.getByLabel('Client id').fill('relvar');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('The setting "issuer" must be an https:// address.').waitFor();
  await page.getByLabel('Issuer').fill(peer.issuer);
  await page.getByLabel('Client secret').fill(SECRET);
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByRole('button', { name: 'Check the address' }).click();
  await page.getByText(`It calls itself ${peer.issuer}.`).waitFor();
  peer.person = 'tim';
  await page.getByRole('button', { name: 'Test the sign-in' }).click();
  await page.getByText(/The test .* worked/).waitFor();
  await page.getByText(`${DEMO_EMAIL} (verified)`).waitFor();
  await picture('tested');
});

test('it is switched on, makes members of an approved domain and maps their roles', async () => {
  await page.getByLabel('Name', { exact: true }).fill('Acme Login');
  await page.getByRole('button', { name: 'Save the name' }).click();
  await page.getByRole('switch', { name: 'Switched on' }).press('Space');
  await page.getByRole('switch', { name: /Others at approved domains/ }).press('Space');
  await page.getByLabel('Claim', { exact: true }).fill('groups');
  await page.getByRole('button', { name: 'Add a line' }).click();
  await page.getByLabel('Value 1').fill('crm');
  await page.getByRole('combobox', { name: 'Role 1' }).click();
  await page.getByRole('option', { name: 'Read-only' }).click();
  await page.getByRole('button', { name: 'Save the roles' }).click();
  await page.getByRole('heading', { name: 'Acme Login' }).waitFor();
  await picture('provider');
  await page.getByRole('link', { name: 'Sign-in of the members' }).click();
  await page.getByText('OpenID Connect · On · tested').waitFor();
});

test('a new colleague signs in by it and comes to where she wanted to go', async () => {
  peer.person = 'nora';
  const hers = await fresh('/?next=/settings/profile');
  await hers.getByRole('link', { name: 'Sign in with Acme Login' }).waitFor();
  await picture('sign-in', hers);
  await hers.getByRole('link', { name: 'Sign in with Acme Login' }).click();
  await hers.getByText('You sign in with nora@acme.test').waitFor();
  expect(new URL(hers.url()).pathname).toBe('/settings/profile');
  await hers.goto(`${address}/settings/security`);
  await hers.getByText('Connected as nora@acme.test').waitFor();
  const { rows } = await database.admin.query(
    'select r.name from core.members m join metadata.roles r on r.id = m.role_id join core.users u on u.id = m.user_id where u.email = $1',
    ['nora@acme.test'],
  );
  expect(rows).toEqual([{ name: 'Read-only' }]);
  await hers.context().close();
});

test('who is no member is told so, and finds back; an address finds the provider by its domain', async () => {
  peer.person = 'stranger';
  const theirs = await fresh();
  await theirs.getByRole('button', { name: 'Single sign-on' }).click();
  const field = theirs.getByLabel('Work e-mail, or short name of the workspace');
  await field.fill('me@nowhere.test');
  await theirs.keyboard.press('Enter');
  await theirs.getByText('No single sign-on was found for me@nowhere.test').waitFor();
  await picture('find', theirs);
  await field.fill('stranger@acme.test');
  await theirs.keyboard.press('Enter');
  await theirs.getByText('You are not a member of this workspace.').waitFor();
  await theirs.getByText('Code RV134').waitFor();
  await picture('refused', theirs);
  await theirs.getByRole('link', { name: 'Back to sign-in' }).click();
  await theirs.getByRole('heading', { name: 'Sign in to Relvar' }).waitFor();
  await theirs.context().close();
});

/** A link to accept an invitation, as the mail has it. */
const invite = async (email: string) => {
  await page.goto(`${address}/settings/members`);
  await page.getByLabel('E-mail addresses').fill(email);
  await page.getByRole('button', { name: 'Invite', exact: true }).click();
  await page.getByRole('list', { name: 'Open invitations' }).getByText(email).waitFor();
  const { rows } = await database.admin.query<{ href: string }>(
    `select '/join#' || (props ->> 'token') as href from core.mail_outbox where to_address = $1 and template = 'invitation' and props ? 'token'
     union all
     select (regexp_match(html, '/join#[A-Za-z0-9_-]+'))[1] from core.mail_outbox where to_address = $1 and template = 'invitation' and html is not null`,
    [email],
  );
  return rows[0]!.href;
};

test('who is invited joins by it, with the role of the invitation, whatever their domain', async () => {
  peer.person = 'stranger';
  const theirs = await fresh(await invite('stranger@elsewhere.test'));
  await theirs.getByText('You will sign in with stranger@elsewhere.test.').waitFor();
  await picture('invitation', theirs);
  await theirs.getByRole('link', { name: 'Join with Acme Login' }).click();
  await theirs.getByRole('heading', { level: 1, name: 'Companies' }).waitFor();
  await theirs.context().close();
  const { rows } = await database.admin.query(
    'select r.name from core.members m join metadata.roles r on r.id = m.role_id join core.users u on u.id = m.user_id where u.email = $1',
    ['stranger@elsewhere.test'],
  );
  expect(rows).toEqual([{ name: 'Member' }]);
});

test('it is enforced: the page offers nothing else first, and who may go past it still can', async () => {
  await page.goto(`${address}/settings/sign-in`);
  await page.getByRole('switch', { name: /By single sign-on only/ }).press('Space');
  await page.getByRole('dialog').getByRole('button', { name: 'Enforce' }).click();
  await page.getByRole('switch', { name: /By single sign-on only/, checked: true }).waitFor();
  await picture('enforced');
  const other = await fresh();
  await other.getByText('This workspace wants single sign-on.').waitFor();
  await picture('only', other);
  // Who is invited is asked for no password that would open nothing; who has an account already agrees with it.
  const invited = await fresh(await invite('newcomer@elsewhere.test'));
  await invited.getByRole('link', { name: 'Join with Acme Login' }).waitFor();
  expect(await invited.getByLabel('Password', { exact: true }).count()).toBe(0);
  await invited.context().close();
  await other.getByRole('button', { name: 'Sign in another way' }).click();
  await other.getByLabel('E-mail').fill(DEMO_EMAIL);
  await other.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await other.getByRole('button', { name: 'Sign in', exact: true }).click();
  await other.getByRole('heading', { level: 1, name: 'Companies' }).waitFor();
  await other.context().close();
});

test('a member connects an account, with the password', async () => {
  // The provider remembers this browser as Tim.
  await page.goto(`${address}/settings/security`);
  await page.getByRole('button', { name: 'Connect Acme Login' }).click();
  await page.getByRole('dialog').getByLabel('Your password').fill(DEMO_PASSWORD);
  await page.getByRole('dialog').getByRole('button', { name: 'Continue' }).click();
  await page.getByText(`Connected as ${DEMO_EMAIL}`).waitFor();
  await picture('security');
  await page.getByRole('button', { name: 'Disconnect Acme Login' }).click();
  await page.getByText('Not connected').waitFor();
});

test('on a phone, in the dark, nothing is cut off', async () => {
  const phone = await browser.newContext({
    viewport: { width: 390, height: 844 },
    colorScheme: 'dark',
    storageState: await context.storageState(),
  });
  const small = await phone.newPage();
  small.setDefaultTimeout(20_000);
  const { rows } = await database.admin.query('select id from core.identity_providers');
  for (const path of ['/settings/sign-in', `/settings/sign-in?provider=${rows[0].id}`]) {
    await small.goto(address + path);
    await small
      .getByText(path.includes('provider=') ? 'Connected members' : 'Acme Login')
      .first()
      .waitFor();
    await picture(path.includes('provider=') ? 'phone-provider' : 'phone', small);
    expect(await small.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  }
  await phone.close();
});
