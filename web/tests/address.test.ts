import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { startApplication } from './application.ts';
import { expectAccessible, launchChromium } from './chromium.ts';

/** Who keeps the workspace gives it a domain of its own. The steps build on each other. */
const database = useDatabase();
const HOST = 'xn--bcher-kva.acme.example';

let browser: Browser;
let page: Page;
let address: string;
const complaints: string[] = [];

async function enter(options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    colorScheme: 'light',
    locale: 'en-GB',
    ...options,
  });
  context.setDefaultTimeout(15_000);
  const fresh = await context.newPage();
  fresh.on('pageerror', (error) => complaints.push(error.message));
  await fresh.goto(address);
  await fresh.getByLabel('E-mail').fill(DEMO_EMAIL);
  await fresh.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await fresh.getByRole('button', { name: 'Sign in', exact: true }).click();
  await fresh.locator('main#main h1').first().waitFor();
  return fresh;
}

const domain = () => page.getByRole('listitem', { name: HOST });
const add = async (text: string) => {
  await page.getByLabel('Domain', { exact: true }).fill(text);
  await page.getByRole('button', { name: 'Add', exact: true }).click();
};

beforeAll(async () => {
  address = await startApplication(database);
  browser = await launchChromium();
  page = await enter();
}, 180_000);
afterAll(async () => {
  await browser?.close();
  expect(complaints).toEqual([]);
});

test('the page says what a domain needs, and what cannot be one', async () => {
  await page.goto(`${address}/settings/address`);
  await page.getByText('None yet. Point a name').waitFor();
  await add('acme');
  await page.getByText('"acme" cannot be the domain of a workspace.').waitFor();
  await add('https://bücher.acme.example/crm');
  await domain().getByText('To be proved').waitFor();
  expect(await domain().getByLabel('Name of the record').textContent()).toBe(`_relvar.${HOST}`);
  expect(await domain().getByLabel('Value of the record').textContent()).toMatch(/^relvar-[\w-]{20,}$/);
  await expectAccessible(page);
});

test('a check that cannot be made says why', async () => {
  await domain().getByRole('button', { name: 'Check now' }).click();
  await page.getByText('The administrator of the server sets RELVAR_URL.').waitFor();
});

test('the domain that is proved is the address, until another is chosen or it is removed', async () => {
  await database.admin.query('select core.note_domain_check(id, token, true, null) from core.workspace_domains');
  await page.reload();
  await domain().getByText('Address of the workspace').waitFor();
  await domain().getByRole('button', { name: 'Cease to lead here' }).click();
  await domain().getByRole('button', { name: 'Lead here', exact: true }).waitFor();
  expect(await domain().getByText('Address of the workspace').count()).toBe(0);
  await domain()
    .getByRole('button', { name: `Remove ${HOST}` })
    .click();
  const dialog = page.getByRole('dialog', { name: `Remove ${HOST}?` });
  await dialog.getByText('Nothing is answered').waitFor();
  await dialog.getByRole('button', { name: 'Keep it' }).click();
  await domain()
    .getByRole('button', { name: `Remove ${HOST}` })
    .click();
  await dialog.getByRole('button', { name: 'Remove', exact: true }).click();
  await page.getByText('None yet. Point a name').waitFor();
  await page.goto(`${address}/settings/sign-ins`);
  await page.getByText(`Removed a domain of the workspace (${HOST})`).waitFor();
});

test('it fits a telephone, in the dark too', async () => {
  const phone = await enter({ viewport: { width: 390, height: 844 }, colorScheme: 'dark' });
  await phone.goto(`${address}/settings/address`);
  await phone.getByLabel('Domain', { exact: true }).fill(`a-rather-long-name-for-a-customer.${HOST}`);
  await phone.getByRole('button', { name: 'Add', exact: true }).click();
  await phone.getByLabel('Value of the record').waitFor();
  expect(await phone.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await expectAccessible(phone);
});
