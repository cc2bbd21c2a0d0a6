import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import type { Browser, Page, Request } from 'playwright-core';
import { DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { hashPassword } from '../../server/auth/passwords.ts';
import { startApplication } from './application.ts';
import { launchChromium } from './chromium.ts';

/** What pages say to who has just begun, and to whom the server answers with an error. */
jest.setTimeout(120_000);
const database = useDatabase();
const ROUTES = join(import.meta.dirname, '../src/app/router.tsx');
const OWNER = 'olive@empty.example';
/** What the frame around all pages asks, and not the page. */
const OF_THE_FRAME =
  /"operationName":"(Model|Version|Views|Favourites)"|answer: (myProfile|myUnreadNotifications|onboarding) |^\/auth\/(me|refresh|workspaces|impersonate)$/;
const complaints: string[] = [];
const underWay = new Set<Request>();
let browser: Browser;
let page: Page;
let paths: string[];
let trouble: 'error' | 'unreachable' | null = null;
/** How many questions of the page were not answered. */
let failed = 0;

/** Until no answer is on its way any more, and the page is drawn. */
async function comeToRest(): Promise<void> {
  const waits = page.locator('main .mantine-Skeleton-root, main [aria-busy="true"]');
  const until = Date.now() + 4_000;
  for (let quiet = 0; quiet < 3 && Date.now() < until;) {
    await page.waitForTimeout(30);
    quiet = underWay.size === 0 && (await waits.count()) === 0 ? quiet + 1 : 0;
  }
}

/** Goes on as a link does, without loading the application anew. */
async function open(path: string): Promise<void> {
  await page.evaluate((to) => {
    for (const each of document.querySelectorAll('main h1, main [role="alert"]')) each.setAttribute('data-left', '');
    history.pushState(null, '', to);
    window.dispatchEvent(new PopStateEvent('popstate'));
  }, path);
  await page
    .locator('main h1:not([data-left]), main [role="alert"]:not([data-left])')
    .first()
    .waitFor({ state: 'attached', timeout: 8_000 });
  await comeToRest();
}

beforeAll(async () => {
  const [address, chromium] = await Promise.all([startApplication(database), launchChromium()]);
  browser = chromium;
  database.onEnd(() => browser.close());
  await database.admin.query("select engine.create_workspace('empty', 'Empty', $1, 'Olive Owner', $2)", [
    OWNER,
    await hashPassword(DEMO_PASSWORD),
  ]);
  const { rows } = await database.admin.query<{ role: string }>(
    "select r.id as role from metadata.roles r join core.workspaces w on w.id = r.workspace_id where w.slug = 'empty' and r.name = 'Admin'",
  );
  const named: { [part: string]: string } = {
    $namePlural: 'companies',
    $roleId: rows[0]!.role,
    $id: '01900000-0000-7000-8000-000000000000',
  };
  paths = [...(await readFile(ROUTES, 'utf8')).matchAll(/path: '([^']+)'/g)]
    .map(([, path]) => path!.replace(/\$\w+/g, (part) => named[part] ?? part))
    .filter((path) => path !== '/')
    .slice(0, 3);
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB' });
  context.setDefaultTimeout(40_000);
  page = await context.newPage();
  page.on('pageerror', ({ message }) => complaints.push(`${page.url()}: ${message}`));
  page.on('request', (request) => request.resourceType() === 'fetch' && underWay.add(request));
  page.on('requestfinished', (request) => underWay.delete(request));
  page.on('requestfailed', (request) => underWay.delete(request));
  await page.route(
    ({ pathname }) => /^\/(graphql|metadata|imports|exports|files|admin|auth)/.test(pathname),
    async (route) => {
      const request = route.request();
      const isOfTheFrame = [request.postData() ?? '', new URL(request.url()).pathname].some((each) =>
        OF_THE_FRAME.test(each),
      );
      if (!trouble || isOfTheFrame || request.resourceType() !== 'fetch') return route.continue();
      failed += 1;
      if (trouble === 'unreachable') return route.abort();
      const [message, code] = ['The database is on fire.', 'INTERNAL'];
      return route.fulfill({
        status: 500,
        json: { errors: [{ message, extensions: { code } }], error: { message, code } },
      });
    },
  );
  // The diagram asks nothing of its own, so that every other page is still to be read.
  await page.goto(`${address}/settings/diagram`);
  await page.getByLabel('E-mail').fill(OWNER);
  await page.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('navigation', { name: 'Main' }).waitFor();
  await comeToRest();
}, 120_000);

afterAll(() => {
  expect(complaints).toEqual([]);
});

// First, while nothing is there yet that a page could show in the place of what it did not get.
test('a page whose questions are answered with errors says what failed, and reads it when it is tried again', async () => {
  const main = page.locator('main');
  const again = main.getByRole('button', { name: 'Try again' });
  const judged: string[] = [];
  const wrong: string[] = [];
  for (const path of paths) {
    failed = 0;
    trouble = 'error';
    await open(path);
    trouble = null;
    if (failed === 0) continue;
    judged.push(path);
    const says = await main.innerText();
    if (!/could not be read/.test(says) || (await again.count()) === 0)
      wrong.push(`${path}: ${says.replaceAll('\n', ' | ').slice(0, 220)}`);
    for (let left = await again.count(); left > 0 && (await again.count()) > 0; left--) {
      await again.first().click();
      await comeToRest();
    }
    if ((await again.count()) > 0) wrong.push(`${path} still fails`);
  }
  expect(wrong).toEqual([]);
  expect(judged.length).toBeGreaterThan(20);
});

test('a page that did not reach the server speaks of no change that was lost', async () => {
  await open('/settings/diagram');
  trouble = 'unreachable';
  await open('/settings/roles');
  const alert = page.locator('main').getByRole('alert');
  expect(await alert.innerText()).toMatch(
    /^Roles could not be read\. The server cannot be reached\. Check your connection and try again\./,
  );
  await alert.getByRole('button', { name: 'Try again' }).click();
  await comeToRest();
  expect(await alert.getByRole('button', { name: 'Try again' }).isEnabled()).toBe(true);
  trouble = null;
  await alert.getByRole('button', { name: 'Try again' }).click();
  await page.getByRole('table', { name: 'Roles' }).getByText('Admin', { exact: true }).waitFor();
  expect(await alert.count()).toBe(0);
});

test('each page of an empty workspace has a heading, a sentence and something to do', async () => {
  const wrong: string[] = [];
  for (const path of paths) {
    await open(path);
    const { heading, tells, actions } = await page.evaluate(() => {
      const main = document.querySelector('main')!;
      const isSeen = (element: Element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
      const text = [...main.querySelectorAll('p, div, span, li, small, td')]
        .filter((element) => isSeen(element) && element.children.length === 0)
        .map((element) => element.textContent?.trim() ?? '');
      return {
        heading: main.querySelector('h1')?.textContent?.trim() ?? '',
        // A sentence, or that there is something already, as the standard objects are.
        tells:
          main.querySelectorAll('li, tr, [role="row"], .react-flow__node').length > 1 ||
          text.some((each) => /^\p{Lu}.{15,}[.!?]$/u.test(each)),
        // Beside what leads to other pages of the settings.
        actions: [...main.querySelectorAll('button, input, select, textarea, a[href]')].filter(
          (element) => isSeen(element) && !element.closest('nav, [data-sections], [role="tablist"]'),
        ).length,
      };
    });
    if (!heading || !tells || actions === 0)
      wrong.push(`${path}: heading “${heading}”, ${tells ? 'a' : 'no'} sentence, ${actions} to do`);
  }
  expect(wrong).toEqual([]);
});
