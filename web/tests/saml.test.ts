import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { makeSamlKeys, SamlProvider, type Statement } from '../../server/testing/samlProvider.ts';
import { startApplication } from './application.ts';
import { launchChromium } from './chromium.ts';

/**
 * An administrator sets SAML up, and people come in by it. The identity provider is another site for the browser, which
 * keeps cookies to itself as it does between strangers. The steps build on each other.
 */
const database = useDatabase();
let browser: Browser;
let page: Page;
let address: string;
let provider: SamlProvider;
let signInAddress: string;
let acs: string;
/** What the provider says next. */
let statement: Statement = {};

/** The pages of the provider: its metadata, where it is asked, and a tile of its own. */
const server = createServer((request, response) => {
  const respond = async () => {
    const url = new URL(request.url!, signInAddress);
    if (url.pathname === '/metadata') return response.end(provider.metadata());
    const ours = await (await fetch(acs.replace(/acs$/, 'metadata'))).text();
    const inResponseTo = url.pathname === '/tile' ? null : (await provider.readRequest(url.href, ours)).id;
    const answer = await provider.answer(ours, { inResponseTo, ...statement });
    response.setHeader('content-type', 'text/html');
    return response.end(
      `<form method="post" action="${acs}"><input name="SAMLResponse" value="${answer}"></form><script>document.forms[0].submit()</script>`,
    );
  };
  respond().catch((error: Error) => response.writeHead(500).end(error.message));
});

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  signInAddress = `http://localhost:${(server.address() as AddressInfo).port}/sso`;
  provider = new SamlProvider({ signInUrl: signInAddress, encrypts: true });
  [address, browser] = await Promise.all([startApplication(database, { NODE_ENV: 'development' }), launchChromium()]);
  database.onEnd(async () => {
    await browser.close();
    await new Promise((resolve) => server.close(resolve));
  });
  page = await fresh();
  await database.admin.query(
    "insert into core.approved_domains (workspace_id, domain, requested_email, approved_at) select id, 'acme.test', 'it@acme.test', now() from core.workspaces",
  );
}, 120_000);

const picture = (name: string, of = page) =>
  process.env['RELVAR_SCREENSHOTS']
    ? of.screenshot({ path: `${process.env['RELVAR_SCREENSHOTS']}/${name}.png` })
    : null;

async function fresh(): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  context.setDefaultTimeout(10_000);
  const other = await context.newPage();
  await other.goto(address);
  return other;
}

test('a provider is set up from its metadata', async () => {
  await page.getByLabel('E-mail').fill(DEMO_EMAIL);
  await page.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('heading', { level: 1, name: 'Companies' }).waitFor();
  await page.goto(`${address}/settings/sign-in`);
  await page.getByRole('button', { name: 'Add a provider' }).click();
  await page.getByRole('menuitem', { name: 'SAML 2.0' }).click();
  acs = await page.getByLabel('Our ACS address').inputValue();
  expect(acs).toMatch(new RegExp(`^${address}/auth/saml/[\\da-f-]{36}/acs$`));
  await picture('saml-empty');

  const url = page.getByLabel('Metadata address of the provider');
  await url.fill(`${signInAddress.replace('/sso', '')}/nothing`);
  await page.getByRole('button', { name: 'Read', exact: true }).click();
  await page.getByText(/answered 500|could not be read/).waitFor();
  await url.fill(signInAddress.replace('/sso', '/metadata'));
  await page.getByRole('button', { name: 'Read', exact: true }).click();
  await page.getByText('Read: https://idp.test/metadata, one certificate. Save to use it.').waitFor();
  expect(await page.getByLabel('Sign-in address of the provider').inputValue()).toBe(signInAddress);
  await page.getByRole('list', { name: 'Certificates' }).getByText('CN=idp.test').waitFor();
  await page
    .getByRole('list', { name: 'Certificates' })
    .getByText(/until .*2046/)
    .waitFor();
  await page.getByRole('switch', { name: 'The provider may begin' }).press('Space');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('The test signs you in at the provider').waitFor();
});

test('a second certificate is added by hand while one replaces the other, and what is none is refused', async () => {
  await page.getByRole('button', { name: 'Add a certificate' }).click();
  await page.getByLabel('Certificate', { exact: true }).fill('nonsense');
  await page.getByRole('button', { name: 'Add it' }).click();
  await page.getByText('This is not an X.509 certificate.').waitFor();
  const { certificate } = makeSamlKeys('the next one');
  await page.getByLabel('Certificate', { exact: true }).fill(certificate);
  await page.getByRole('button', { name: 'Add it' }).click();
  await page.getByText('CN=the next one').waitFor();
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.reload();
  await page.getByText('CN=the next one').waitFor();
  await page.getByRole('button', { name: 'Remove CN=the next one' }).click();
  await page.getByRole('button', { name: 'Save', exact: true }).click();
});

test('a test shows what the provider says, and why an answer was refused', async () => {
  statement = {
    nameId: 'tim',
    attributes: { email: DEMO_EMAIL, groups: ['sales', 'crm'] },
    audience: 'https://elsewhere.test',
  };
  await page.getByRole('button', { name: 'Test the sign-in' }).click();
  await page
    .getByRole('link', { name: 'Back to the settings' })
    .or(page.getByRole('link', { name: 'Back to sign-in' }))
    .waitFor();
  await page.goto(`${address}/settings/sign-in?provider=${acs.split('/').at(-2)}`);
  await page.getByText(/The test .* failed: wrong audience/).waitFor();
  statement = { nameId: 'tim', attributes: { email: DEMO_EMAIL, groups: ['sales', 'crm'] } };
  await page.getByRole('button', { name: 'Test the sign-in' }).click();
  await page.getByText(/The test .* worked/).waitFor();
  await page.getByText(`${DEMO_EMAIL} (verified)`).waitFor();
  await picture('saml-tested');
});

test('the screen is whole in the dark and on a phone', async () => {
  await page.emulateMedia({ colorScheme: 'dark' });
  await picture('saml-dark');
  await page.setViewportSize({ width: 390, height: 844 });
  await picture('saml-phone-dark');
  await page.emulateMedia({ colorScheme: 'light' });
  await picture('saml-phone');
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(width).toBeLessThanOrEqual(390);
  await page.setViewportSize({ width: 1440, height: 900 });
});

test('a colleague comes in by the button, over the border of two sites', async () => {
  await page.getByRole('switch', { name: 'Switched on' }).press('Space');
  await page.getByRole('switch', { name: /Others at approved domains/ }).press('Space');
  statement = { nameId: 'nora', attributes: { email: 'nora@acme.test', displayName: 'Nora New' } };
  const nora = await fresh();
  await nora.goto(`${address}/auth/sso/start/${acs.split('/').at(-2)}?next=/objects/people`);
  await nora.getByRole('heading', { level: 1, name: 'People' }).waitFor();
  expect(nora.url()).toBe(`${address}/objects/people`);
  await nora.context().close();
});

test('a tile of the provider brings people in', async () => {
  const nora = await fresh();
  await nora.goto(signInAddress.replace('/sso', '/tile'));
  await nora.getByRole('heading', { level: 1, name: 'Companies' }).waitFor();
  await nora.context().close();
});

test('an answer that is refused leads to a page that says so, and to the audit', async () => {
  statement = { nameId: 'nora', attributes: { email: 'nora@acme.test' }, issuedAt: new Date(Date.now() - 3_600_000) };
  const nora = await fresh();
  await nora.goto(`${address}/auth/sso/start/${acs.split('/').at(-2)}`);
  await nora.getByText('Single sign-on did not work.').waitFor();
  await picture('saml-refused', nora);
  await nora.context().close();
  await page.goto(`${address}/settings/sign-ins`);
  await page.getByText('Single sign-on was refused (expired)').first().waitFor();
});
