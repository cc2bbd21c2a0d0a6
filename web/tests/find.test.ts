import { jest } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { startApplication } from './application.ts';
import { launchChromium } from './chromium.ts';

/** Somebody finds things and does things without the mouse. The steps build on each other. */
const database = useDatabase();

let browser: Browser;
let page: Page;
let address: string;
const complaints: string[] = [];

// A loaded machine is slow, not wrong.
jest.setTimeout(90_000);

beforeAll(async () => {
  [address, browser] = await Promise.all([startApplication(database), launchChromium()]);
  database.onEnd(() => browser.close());
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    colorScheme: 'light',
    locale: 'en-GB',
  });
  context.setDefaultTimeout(20_000);
  page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(address);
  await page.getByLabel('E-mail').fill(DEMO_EMAIL);
  await page.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('heading', { level: 1, name: 'Companies' }).waitFor();
}, 90_000);

afterAll(() => expect(complaints).toEqual([]));

const press = async (...keys: string[]) => {
  for (const key of keys) await page.keyboard.press(key);
};
const heading = (name: string) => page.getByRole('heading', { level: 1, name, exact: true });
const dialog = (name: string) => page.getByRole('dialog', { name });
const rows = () => page.getByRole('grid').locator('[data-row]');

async function openTable(path = 'people'): Promise<void> {
  await page.goto(`${address}/objects/${path}`);
  await rows().nth(5).waitFor();
}

async function closeDialog(name: string): Promise<void> {
  await dialog(name).waitFor();
  await press('Escape');
  await dialog(name).waitFor({ state: 'detached' });
}

/** What shows that a shortcut works, by its id. */
const PROBES: { [id: string]: () => Promise<void> } = {
  command: async () => {
    await press('Control+k');
    await closeDialog('Search and commands');
  },
  help: async () => {
    await press('?');
    await closeDialog('Keyboard shortcuts');
  },
  create: async () => {
    await openTable();
    await press('c');
    await page.getByRole('grid').getByRole('textbox').first().waitFor();
    await press('Escape');
  },
  notifications: async () => {
    await press('n');
    await closeDialog('Notifications');
  },
  'go.inbox': async () => {
    await press('g', 'i');
    await closeDialog('Notifications');
  },
  'go.settings': async () => {
    await press('g', 's');
    await heading('Data model').waitFor();
  },
  'go.people': async () => {
    await press('g', 'p');
    await heading('People').waitFor();
  },
};

test('the first of two keys says where the second leads, and Escape forgets it', async () => {
  await openTable();
  await press('g');
  const hint = page.getByRole('status').filter({ hasText: 'Opportunities' });
  await hint.waitFor();
  await press('Escape');
  await hint.waitFor({ state: 'detached' });
  await press('p');
  await heading('People').waitFor();
  await press('g', 'c');
  await heading('Companies').waitFor();
});

test.each(Object.keys(PROBES))('the shortcut %s does what the list says', async (id) => {
  await PROBES[id]?.();
});
