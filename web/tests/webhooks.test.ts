import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { Webhook } from 'standardwebhooks';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { startApplication } from './application.ts';
import { expectAccessible, launchChromium } from './chromium.ts';

/** Somebody keeps a webhook: makes it, tests it, reads what was sent, and sends it again. The steps build on each other. */
const database = useDatabase();

let browser: Browser;
let page: Page;
let address: string;
const complaints: string[] = [];
const received: { headers: IncomingHttpHeaders; body: string }[] = [];
let status = 200;
const receiver = createServer((request, response) => {
  let body = '';
  request.on('data', (chunk: Buffer) => (body += chunk.toString()));
  request.on('end', () => {
    received.push({ headers: request.headers, body });
    response.writeHead(status).end(status === 200 ? 'thank you' : 'not now');
  });
});

beforeAll(async () => {
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  [address, browser] = await Promise.all([
    startApplication(database, { RELVAR_WEBHOOKS_PRIVATE: 'allowed' }),
    launchChromium(),
  ]);
  database.onEnd(() => browser.close());
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB' });
  context.setDefaultTimeout(15_000);
  page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(address);
  await page.getByLabel('E-mail').fill(DEMO_EMAIL);
  await page.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.locator('main#main h1').first().waitFor();
}, 120_000);

afterAll(async () => {
  receiver.closeAllConnections();
  await new Promise((resolve) => receiver.close(resolve));
  expect(complaints).toEqual([]);
});

const deliveries = () => page.getByRole('list', { name: 'Deliveries' });
let secret: string;

test('a webhook is made of an address, an object, a filter and fields', async () => {
  await page.goto(`${address}/settings/webhooks`);
  await page.getByRole('heading', { name: 'No webhooks yet' }).waitFor();
  await expectAccessible(page);
  await page.getByRole('button', { name: 'New webhook' }).click();
  await page.getByLabel('Name', { exact: true }).fill('ERP');
  await page.getByLabel('Address').fill(`http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`);
  await page.getByRole('combobox', { name: 'Object' }).fill('Company');
  await page.keyboard.press('Escape');
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Only some records or fields' }).click();
  await page.getByLabel('Only records for which this holds').fill('employees > 10');
  await page.getByLabel('Name', { exact: true }).click();
  await page.getByRole('button', { name: 'Create the webhook' }).click();
  await page.getByRole('heading', { name: 'ERP' }).waitFor();
  const { rows } = await database.admin.query('select events, filters from metadata.webhooks');
  expect(rows).toEqual([{ events: ['company.*'], filters: { company: 'employees > 10' } }]);
});

test('its secret is shown once', async () => {
  await page.getByRole('button', { name: 'Show the secret' }).click();
  secret = (await page.locator('code[aria-label="Secret"]').textContent())!;
  expect(secret).toMatch(/^whsec_/);
  await page.getByRole('button', { name: 'I have kept it' }).click();
  await page.getByText('The secret has been shown.').waitFor();
  expect(await page.getByRole('button', { name: 'Show the secret' }).count()).toBe(0);
});

test('a test says what the receiver answers', async () => {
  await page.getByRole('button', { name: 'Send a test' }).click();
  await page.getByText('The receiver answered 200').waitFor();
  const { headers, body } = received[0]!;
  expect(new Webhook(secret).verify(body, headers as Record<string, string>)).toMatchObject({ type: 'webhook.test' });
});

test('the log shows what was sent and answered, what failed is sent again by hand', async () => {
  const { rows } = await database.admin.query<{ schema: string }>('select schema_name as schema from core.workspaces');
  const { schema } = rows[0]!;
  status = 503;
  await database.admin.query(`insert into ${schema}.companies (name, employees) values ('Large', 50), ('Small', 5)`);
  await page.getByRole('tab', { name: 'Deliveries' }).click();
  await deliveries().getByText('Answered 503.').waitFor();
  expect(await deliveries().getByText('company.created').count()).toBe(1);
  await deliveries()
    .getByRole('button', { name: /company\.created/ })
    .click();
  await page.getByLabel('What was sent').getByText('"Large"').first().waitFor();
  expect(await page.getByLabel('What was answered').textContent()).toContain('not now');
  await expectAccessible(page);
  status = 200;
  await page.getByRole('button', { name: 'Try now' }).click();
  await deliveries()
    .getByText(/200 in \d+ ms, attempt \d/)
    .waitFor();
  await page.getByRole('button', { name: 'Send events again…' }).click();
  // How far back that can be, and that there is nothing before.
  const since = page.getByRole('dialog').getByLabel('Since');
  const chosen = await since.inputValue();
  await page.getByText(/The history reaches back to .+\.$/).waitFor();
  await since.fill('2001-01-01T00:00');
  await page.getByText('of what happened before that, nothing is left to send').waitFor();
  await expectAccessible(page);
  await since.fill(chosen);
  await page.getByRole('dialog').getByRole('button', { name: 'Send again' }).click();
  await page.getByText('are sent again, as far as role and filter let them through').waitFor();
  await deliveries().getByText('company.created (again)').first().waitFor();
});

test('a webhook that was switched off by failures says so, and is switched on again', async () => {
  await database.admin.query(
    `update metadata.webhooks set is_active = false, disabled_at = now(), disabled_reason = 'The receiver answered 410 Gone.'`,
  );
  await page.goto(address);
  await page.locator('main#main h1').first().waitFor();
  await page.keyboard.press('ControlOrMeta+k');
  await page
    .getByPlaceholder(/Search/)
    .last()
    .fill('webhooks');
  await page.getByText('Settings: webhooks').click();
  await page.getByText('Switched off by failures').waitFor();
  await page.getByRole('link', { name: 'ERP' }).click();
  await page.getByRole('alert').getByText('410 Gone').waitFor();
  await page.getByRole('tab', { name: 'Deliveries' }).click();
  await deliveries().waitFor();
  await expectAccessible(page);
  await page.getByRole('alert').getByRole('button', { name: 'Switch on' }).click();
  await page.getByRole('alert').waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('heading', { name: 'No webhooks yet' }).waitFor();
});
