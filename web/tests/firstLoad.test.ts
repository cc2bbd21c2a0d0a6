import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { useDatabase } from '../../db/testing/database.ts';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { startApplication } from './application.ts';
import { launchChromium } from './chromium.ts';

const dist = join(import.meta.dirname, '../dist');
const database = useDatabase();

interface Chunk {
  file: string;
  imports?: string[];
  css?: string[];
}

const NEEDED = [
  'index.html',
  'src/records/TablePage.tsx',
  'src/fields/objectIcons.ts',
  '../node_modules/graphql-ws/dist/client.js',
];

/** What the page of a table needs before its rows show: what it links, the table, the icons of the objects, the live connection. */
async function needed(): Promise<Set<string>> {
  const manifest = JSON.parse(await readFile(join(dist, '.vite/manifest.json'), 'utf8')) as { [key: string]: Chunk };
  const files = new Set<string>();
  const take = (key: string): void => {
    const chunk = manifest[key];
    if (!chunk || files.has(chunk.file)) return;
    files.add(chunk.file);
    for (const each of chunk.css ?? []) files.add(each);
    chunk.imports?.forEach(take);
  };
  NEEDED.forEach(take);
  return files;
}

const size = async (files: Iterable<string>): Promise<number> => {
  const sizes = [...files].map(async (file) => gzipSync(await readFile(join(dist, file)), { level: 9 }).length);
  return (await Promise.all(sizes)).reduce((sum, each) => sum + each, 0);
};

test('rows show after at most 235 kB of scripts and 36 kB of styles, and nothing else is asked for before', async () => {
  const [address, browser] = await Promise.all([startApplication(database), launchChromium()]);
  database.onEnd(() => browser.close());
  const files = await needed();
  const scripts = [...files].filter((file) => file.endsWith('.js'));
  const styles = [...files].filter((file) => file.endsWith('.css'));
  expect(scripts.length).toBeGreaterThan(10);
  expect(await size(scripts)).toBeLessThanOrEqual(235_000);
  expect(await size(styles)).toBeLessThanOrEqual(36_000);

  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  page.setDefaultTimeout(30_000);
  await page.goto(address);
  await page.getByLabel('E-mail').fill(DEMO_EMAIL);
  await page.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.locator('[role=grid] [data-row]').first().waitFor();

  // Asked anew, with a record of what was asked for until the first row stood in the page.
  await page.addInitScript(() => {
    new MutationObserver((_, observer) => {
      if (!document.querySelector('[role=grid] [data-row]')) return;
      observer.disconnect();
      const asked = performance.getEntriesByType('resource').map(({ name }) => new URL(name).pathname.slice(1));
      Object.assign(globalThis, { askedBefore: asked });
    }).observe(document, { childList: true, subtree: true });
  });
  await page.reload();
  await page.locator('[role=grid] [data-row]').first().waitFor();
  const asked = await page.evaluate(() => (globalThis as unknown as { askedBefore: string[] }).askedBefore);
  expect(asked.filter((path) => /^assets\/.*\.(js|css)$/.test(path) && !files.has(path))).toEqual([]);

  // What has waited comes by itself.
  await page.getByRole('button', { name: 'Sort' }).and(page.locator('[aria-haspopup=menu]')).waitFor();
}, 120_000);
