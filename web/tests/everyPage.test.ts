import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { startApplication } from './application.ts';
import { expectAccessible, launchChromium } from './chromium.ts';

/** Every page that there is: whoever sees little, uses no mouse or holds a phone finds their way on it. */
const database = useDatabase();
const sources = join(import.meta.dirname, '../src');
const WIDE = { viewport: { width: 1440, height: 900 } };
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
/** A small phone, a large screen where everything is twice as large, and a phone that lies on its side. */
const SIZES = [
  { width: 320, height: 640 },
  { width: 720, height: 450 },
  { width: 844, height: 390 },
];
const complaints: string[] = [];
let browser: Browser;
let address: string;
let wide: Page;
let phone: Page;
const named: { [part: string]: string } = { $namePlural: 'companies' };

async function open(options: BrowserContextOptions): Promise<Page> {
  const context = await browser.newContext({ ...options, reducedMotion: 'reduce' });
  context.setDefaultTimeout(40_000);
  const page = await context.newPage();
  page.on('pageerror', ({ message }) => complaints.push(`${page.url()}: ${message}`));
  return page;
}

async function enter(page: Page): Promise<void> {
  await page.goto(address);
  await page.getByLabel('E-mail').fill(DEMO_EMAIL);
  await page.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.locator('main#main').waitFor();
}

/** Goes on as a link does, without loading the application anew. */
async function go(page: Page, path: string): Promise<void> {
  const isOther = await page.evaluate((to) => {
    const from = window.location.pathname;
    document.querySelector('h1')?.setAttribute('data-left', '');
    history.pushState(null, '', to);
    window.dispatchEvent(new PopStateEvent('popstate'));
    return from !== '/' && to !== '/' && from !== window.location.pathname;
  }, path);
  if (isOther) await page.locator('h1:not([data-left])').first().waitFor({ state: 'attached' });
  await isRead(page);
}

const isRead = (page: Page): Promise<unknown> =>
  page
    .waitForFunction(() => document.querySelector('.mantine-Skeleton-root, [aria-busy="true"]') === null, undefined, {
      timeout: 5_000,
    })
    .catch(() => undefined);

/** What can be touched and reaches beyond the edge of the window, where nothing scrolls to it. */
const cutOff = (page: Page): Promise<string[]> =>
  page.evaluate(() => {
    const scrolls = (element: Element): boolean => {
      for (let each = element.parentElement; each; each = each.parentElement)
        // Three dots say that there is more.
        if (getComputedStyle(each).textOverflow === 'ellipsis') return true;
        else if (/auto|scroll/.test(getComputedStyle(each).overflowX) && each.scrollWidth > each.clientWidth)
          return true;
      return false;
    };
    return (
      [...document.querySelectorAll('a[href], button, input, select, textarea, h1, h2')]
        // What is moved about on a plane of its own is not the page's.
        .filter((element) => !element.closest('.react-flow'))
        .filter((element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true }))
        .filter((element) => {
          const { left, right, width } = element.getBoundingClientRect();
          return (
            width > 1 &&
            (right > innerWidth + 1 || left < -1) &&
            !scrolls(element) &&
            !element.closest('.visually-hidden')
          );
        })
        .map((element) => element.outerHTML.slice(0, 160))
    );
  });

beforeAll(async () => {
  [address, browser] = await Promise.all([startApplication(database), launchChromium()]);
  database.onEnd(() => browser.close());
  const { rows } = await database.admin.query<{ schema_name: string; role: string }>(
    'select w.schema_name, r.id as role from core.workspaces w join metadata.roles r on r.workspace_id = w.id limit 1',
  );
  const { rows: records } = await database.admin.query<{ id: string }>(
    `select id from ${rows[0]!.schema_name}.companies limit 1`,
  );
  Object.assign(named, { $id: records[0]!.id, $roleId: rows[0]!.role });
  [wide, phone] = await Promise.all([open(WIDE), open(PHONE)]);
  await Promise.all([enter(wide), enter(phone)]);
}, 120_000);

afterAll(() => {
  expect(complaints).toEqual([]);
});

async function paths(): Promise<string[]> {
  const source = await readFile(join(sources, 'app/router.tsx'), 'utf8');
  const found = [...source.matchAll(/path: '([^']+)'/g)].map(([, path]) => path!);
  expect(found.length).toBeGreaterThan(25);
  return found.map((path) =>
    path.replace(/\$\w+/g, (part) => {
      if (!named[part]) throw new Error(`What ${part} of ${path} stands for is not said here.`);
      return named[part];
    }),
  );
}

test('each page breaks no rule in either theme, on a large screen and on phones, cuts nothing off at any size, and has a title of its own', async () => {
  const titles = new Map<string, string>();
  const wrong: string[] = [];
  const noteCut = async (page: Page, where: string) => {
    const cut = await cutOff(page);
    if (cut.length > 0) wrong.push(`${where} cuts off ${cut.join(' and ')}`);
  };
  for (const path of await paths()) {
    const look = async (page: Page, name: string) => {
      await go(page, path);
      await noteCut(page, `${path} (${name})`);
      await expectAccessible(page).catch((cause: Error) => wrong.push(`${path} (${name}): ${cause.message}`));
    };
    const lookAtSizes = async () => {
      await look(phone, 'phone');
      for (const size of SIZES) {
        await phone.setViewportSize(size);
        await phone.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)));
        await isRead(phone);
        await noteCut(phone, `${path} at ${size.width} × ${size.height}`);
      }
      await phone.setViewportSize(PHONE.viewport);
    };
    await Promise.all([look(wide, 'large'), lookAtSizes()]);
    titles.set(path, await wide.title());
  }
  expect(wrong).toEqual([]);
  expect([...titles].filter(([, title]) => title === '' || title === 'Relvar')).toEqual([]);
}, 300_000);

test('the pages before one signs in break none either', async () => {
  const source = await readFile(join(sources, 'session/entrancePaths.ts'), 'utf8');
  const entrances = [...source.matchAll(/'(\/[^']+)'/g)].map(([, path]) => path!);
  const stranger = await open(PHONE);
  for (const path of ['/', ...entrances]) {
    await stranger.goto(`${address}${path}`);
    await expectAccessible(stranger);
    expect(await cutOff(stranger)).toEqual([]);
  }
  await stranger.context().close();
}, 120_000);
