import { jest } from '@jest/globals';
import { createServer, request as ask, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { startApplication } from './application.ts';
import { launchChromium } from './chromium.ts';

/** The application as one installs it: it starts without a network, and becomes the next version when one says so. */
jest.setTimeout(90_000);
const database = useDatabase();
let browser: Browser;
let context: BrowserContext;
let page: Page;
let address: string;
/** How the server is from outside: gone, or deployed anew so that its first script has another name. */
const state = { isGone: false, isNewer: false, missing: / /, isMissing: false };

const entry = (of: Page) => of.evaluate(() => document.querySelector('script[type=module]')?.getAttribute('src'));
const NAME = /\/assets\/index-[\w-]+\.js(?=")/g;

/** Stands before the server as a proxy does, so that it can be taken away. */
async function startProxy(target: string): Promise<string> {
  const answer = (incoming: IncomingMessage, outgoing: ServerResponse) => {
    if (state.isGone) return void incoming.socket.destroy();
    const path = incoming.url ?? '';
    if (state.isMissing && state.missing.test(path)) {
      outgoing.writeHead(404).end();
      return;
    }
    const isTold =
      state.isNewer && (path === '/sw.js' || incoming.headers['sec-fetch-mode'] === 'navigate' || path === '/');
    const { 'if-none-match': _, 'if-modified-since': __, ...asked } = incoming.headers;
    const headers = isTold ? { ...asked, 'accept-encoding': 'identity' } : incoming.headers;
    const onward = ask(new URL(path, target), { method: incoming.method, headers }, (answered) => {
      if (!isTold) {
        outgoing.writeHead(answered.statusCode ?? 502, answered.headers);
        answered.pipe(outgoing);
        return;
      }
      const parts: Buffer[] = [];
      answered.on('data', (part: Buffer) => parts.push(part));
      answered.on('end', () => {
        const { 'content-length': ___, ...rest } = answered.headers;
        outgoing.writeHead(answered.statusCode ?? 502, rest);
        outgoing.end(
          Buffer.concat(parts)
            .toString()
            .replace(NAME, (name) => `${name}?newer`),
        );
      });
    });
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  };
  const proxy = createServer(answer);
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  database.onEnd(() => {
    proxy.closeAllConnections();
    return new Promise((resolve) => proxy.close(resolve));
  });
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
}

async function enter(given: BrowserContext): Promise<Page> {
  given.setDefaultTimeout(40_000);
  const opened = await given.newPage();
  await opened.goto(address);
  await opened.getByLabel('E-mail').fill(DEMO_EMAIL);
  await opened.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await opened.getByRole('button', { name: 'Sign in' }).click();
  await opened.getByRole('navigation', { name: 'Main' }).waitFor();
  return opened;
}

beforeAll(async () => {
  const [server, chromium] = await Promise.all([startApplication(database), launchChromium()]);
  browser = chromium;
  database.onEnd(() => browser.close());
  address = await startProxy(server);
  context = await browser.newContext({ viewport: { width: 1280, height: 800 }, serviceWorkers: 'allow' });
  page = await enter(context);
}, 120_000);

test('a browser offers to install it', async () => {
  const devtools = await context.newCDPSession(page);
  const { errors } = await devtools.send('Page.getAppManifest');
  expect(errors).toEqual([]);
  const { installabilityErrors } = await devtools.send('Page.getInstallabilityErrors');
  // Contexts of a test are private windows, where nothing is installed.
  expect(installabilityErrors.map(({ errorId }) => errorId).filter((id) => id !== 'in-incognito')).toEqual([]);
});

test('files are kept, and nothing that the server answers about records', async () => {
  await page.waitForFunction(async () => {
    const cache = await caches.open('relvar-files');
    const kept = (await cache.keys()).map(({ url }) => new URL(url).pathname);
    return (
      kept.some((path) => path.startsWith('/assets/TrashPage')) && kept.some((path) => path.startsWith('/assets/esm'))
    );
  });
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  await page.getByRole('link', { name: 'Companies' }).click();
  await page.getByRole('heading', { name: 'Companies', level: 1 }).waitFor();
  const kept = await page.evaluate(async () => {
    const names = await caches.keys();
    const requests = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
    return requests.flat().map(({ url }) => new URL(url).pathname);
  });
  const others = kept.filter((path) => !path.startsWith('/assets/'));
  expect(others.toSorted()).toEqual(['/', '/early.js', '/icons/icon.svg', '/manifest.webmanifest', '/theme.js']);
});

test('it starts while the server is away, and goes on when it is back', async () => {
  state.isGone = true;
  await page.reload();
  await page.waitForFunction(() => document.getElementById('root')?.innerText.trim());
  state.isGone = false;
  await page.reload();
  await page.getByRole('heading', { name: 'Companies', level: 1 }).waitFor();
});

test('a newer version is told of, and taken when one wants it', async () => {
  const before = await entry(page);
  state.isNewer = true;
  await page.evaluate(async () => (await navigator.serviceWorker.getRegistration())?.update());
  await page.getByText('A new version is ready.').waitFor();
  expect(await entry(page)).toBe(before);
  await page.getByRole('button', { name: 'Load it' }).click();
  await page.waitForFunction(
    (old) => document.querySelector('script[type=module]')?.getAttribute('src') !== old,
    before,
  );
  await page.getByRole('heading', { name: 'Companies', level: 1 }).waitFor();
  expect(await entry(page)).toBe(`${before}?newer`);
  // It is what one has now: nobody is asked again.
  await page.waitForFunction(async () => (await navigator.serviceWorker.getRegistration())?.waiting === null);
  expect(await page.getByText('A new version is ready.').count()).toBe(0);
});

test('a page whose parts went with its version becomes the next one by itself', async () => {
  state.isNewer = false;
  const old = await enter(await browser.newContext({ viewport: { width: 1280, height: 800 } }));
  await old.locator('[role=grid] [data-row]').first().waitFor();
  await old.waitForTimeout(4_000);
  const before = await entry(old);
  Object.assign(state, { isNewer: true, isMissing: true, missing: /FilterBar/ });
  await old.getByRole('button', { name: 'Add a filter' }).click();
  await old.waitForFunction(
    (was) => document.querySelector('script[type=module]')?.getAttribute('src') !== was,
    before,
  );
  state.isMissing = false;
  expect(await entry(old)).toBe(`${before}?newer`);
});

test('a shortcut of the installed application opens what it says', async () => {
  await page.goto(`${address}/?open=search`);
  await page.getByPlaceholder('Search records').first().waitFor();
  await page.goto(`${address}/?open=notifications`);
  await page.getByRole('dialog', { name: 'Notifications' }).first().waitFor();
});
