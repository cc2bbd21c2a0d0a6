import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as client from 'openid-client';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { startApplication } from './application.ts';
import { launchChromium } from './chromium.ts';

/** How a person lets an app in, looks after what is connected, and registers apps of their own. The steps build on each other. */
const database = useDatabase();
let browser: Browser;
let context: BrowserContext;
let page: Page;
let address: string;
let callback: string;
let app: client.Configuration;
let token: string;

const arrived: URL[] = [];
const appServer = createServer((request, response) => {
  const url = new URL(request.url!, callback);
  if (url.pathname === '/callback') arrived.push(url);
  response.end('Back in the app');
});

beforeAll(async () => {
  [address, browser] = await Promise.all([startApplication(database), launchChromium()]);
  database.onEnd(() => browser.close());
  await new Promise<void>((resolve) => appServer.listen(0, '127.0.0.1', resolve));
  database.onEnd(() => new Promise((resolve) => appServer.close(resolve)));
  callback = `http://127.0.0.1:${(appServer.address() as AddressInfo).port}/callback`;
  app = await client.dynamicClientRegistration(
    new URL(address),
    {
      client_name: 'Desk Assistant',
      redirect_uris: [callback],
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'none',
    },
    undefined,
    { algorithm: 'oauth2', execute: [client.allowInsecureRequests] },
  );
  context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  context.setDefaultTimeout(20_000);
  page = await context.newPage();
}, 120_000);

async function open(scope: string): Promise<string> {
  const verifier = client.randomPKCECodeVerifier();
  const url = client.buildAuthorizationUrl(app, {
    redirect_uri: callback,
    scope,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state: 'of this attempt',
  });
  await page.goto(url.href);
  return verifier;
}
const lastArrival = async (): Promise<URL> => {
  await page.getByText('Back in the app').waitFor();
  return arrived.at(-1)!;
};
const ask = () =>
  fetch(`${address}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ query: '{ companies(first: 1) { nodes { name } } }' }),
  });

test('an app sends somebody who is not signed in; after signing in they are asked, and the app gets in', async () => {
  const verifier = await open('api:read');
  await page.getByLabel('E-mail').fill(DEMO_EMAIL);
  await page.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('heading', { name: 'Connect “Desk Assistant”?' }).waitFor();
  await page.getByText('Nobody has vouched for this app').waitFor();
  await page.getByText('You will be sent to a program on this computer.').waitFor();
  await page.getByText('See the records that you see, and nothing else').waitFor();
  await page.getByRole('button', { name: 'Allow' }).click();
  const back = await lastArrival();
  const tokens = await client.authorizationCodeGrant(app, back, {
    pkceCodeVerifier: verifier,
    expectedState: 'of this attempt',
  });
  token = tokens.access_token;
  expect((await ask()).status).toBe(200);
});

test('of several workspaces a person chooses the one that is meant', async () => {
  await database.admin.query("select engine.create_workspace('second', 'Second house', $1, 'Tim of the second')", [
    DEMO_EMAIL,
  ]);
  const verifier = await open('api:read');
  await page.getByRole('combobox', { name: 'Workspace' }).click();
  await page.getByRole('option', { name: 'Second house' }).click();
  await page.getByText('Tim of the second').waitFor();
  await page.getByRole('button', { name: 'Allow' }).click();
  const tokens = await client.authorizationCodeGrant(app, await lastArrival(), {
    pkceCodeVerifier: verifier,
    expectedState: 'of this attempt',
  });
  const answer = await fetch(`${address}/auth/me`, { headers: { authorization: `Bearer ${tokens.access_token}` } });
  expect(await answer.json()).toMatchObject({ workspace: { slug: 'second' }, application: { name: 'Desk Assistant' } });
  await page.goto(address);
  await page.getByRole('navigation', { name: 'Main' }).getByRole('button').first().click();
  await page.getByRole('menuitem', { name: 'Relvar demo' }).click();
  await page.getByRole('navigation', { name: 'Main' }).getByRole('button', { name: 'Relvar demo' }).waitFor();
});

test('who says no sends the app away', async () => {
  await open('api settings');
  await page.getByText('Change the data model, layouts and workflows as far as you may').waitFor();
  await page.getByRole('button', { name: 'Deny' }).click();
  expect((await lastArrival()).searchParams.get('error')).toBe('access_denied');
});

test('what is connected is listed, and disconnected', async () => {
  await page.goto(`${address}/settings/security`);
  const row = page.getByRole('region', { name: 'Connected apps' }).getByRole('row', { name: /Desk Assistant/ });
  await row.getByText('See the records that you see, and nothing else').waitFor();
  await row.getByRole('button', { name: 'Disconnect Desk Assistant' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Disconnect', exact: true }).click();
  await page.getByText('None. An app that wants to act for you asks you first').waitFor();
  expect((await ask()).status).toBe(401);
});

test('an app of the workspace is registered, changed and deleted', async () => {
  await page.goto(`${address}/settings/apps`);
  await page.getByRole('button', { name: 'New app' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('Invoices');
  await dialog.getByLabel('Addresses to send people back to').fill('http://invoices.example/callback');
  await dialog.getByRole('button', { name: 'Create' }).click();
  await dialog.getByText('Nobody can be sent back to "http://invoices.example/callback"').waitFor();
  await dialog.getByLabel('Addresses to send people back to').fill('https://invoices.example/callback');
  await dialog.getByRole('combobox', { name: 'Role when it acts for itself' }).click();
  await page.getByRole('option', { name: 'Member', exact: true }).click();
  await dialog.getByRole('button', { name: 'Create' }).click();
  const id = (await dialog.getByLabel('Client id').textContent()) ?? '';
  const secret = (await dialog.getByLabel('Client secret').textContent()) ?? '';
  await dialog.getByRole('button', { name: 'Done' }).click();
  const own = await client.discovery(new URL(address), id, secret, undefined, {
    algorithm: 'oauth2',
    execute: [client.allowInsecureRequests],
  });
  token = (await client.clientCredentialsGrant(own, { scope: 'api:read' })).access_token;
  expect((await ask()).status).toBe(200);

  const row = page.getByRole('row', { name: /Invoices/ });
  await row.getByText('Itself (Member)').waitFor();
  await row.getByRole('button', { name: 'Actions of Invoices' }).click();
  await page.getByRole('menuitem', { name: 'Block' }).click();
  await row.getByText('Blocked').waitFor();
  expect((await ask()).status).toBe(401);
  await row.getByRole('button', { name: 'Actions of Invoices' }).click();
  await page.getByRole('menuitem', { name: 'Allow' }).click();
  await row.getByText('Blocked').waitFor({ state: 'detached' });
  await row.getByRole('button', { name: 'Actions of Invoices' }).click();
  await page.getByRole('menuitem', { name: 'Delete' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await page.getByText('None yet. Register an app that you write or run').waitFor();
});

test('a workspace lets in only apps that it has judged', async () => {
  await page.getByRole('switch', { name: 'Members may let in apps that registered themselves' }).click();
  await page
    .getByRole('switch', { name: 'Members may let in apps that registered themselves', checked: false })
    .waitFor();
  await open('api:read');
  await page.getByText(/does not let this app in/).waitFor();
  await page.getByRole('button', { name: 'Back to the app' }).click();
  expect((await lastArrival()).searchParams.get('error')).toBe('access_denied');
});
