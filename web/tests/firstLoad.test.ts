import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { useDatabase } from '../../db/testing/database.ts';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { eventually } from '../../server/testing/server.ts';
import { startApplication } from './application.ts';
import { launchChromium } from './chromium.ts';

const dist = join(import.meta.dirname, '../dist');
const database = useDatabase();

interface Chunk {
  file: string;
  name?: string;
  imports?: string[];
  css?: string[];
}

const NEEDED = ['index', 'table', 'objectIcons'];

/** What the page of a table needs before its rows show: what it links, the table, the icons of the objects. */
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
  const keys = Object.keys(manifest).filter((key) => NEEDED.includes(manifest[key]?.name ?? ''));
  expect(keys.length).toBeGreaterThanOrEqual(NEEDED.length);
  keys.forEach(take);
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
  expect(scripts.length).toBeGreaterThan(7);
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
  const settled = () => page.getByRole('button', { name: 'Sort' }).and(page.locator('[aria-haspopup=menu]')).waitFor();
  await settled();

  // The next visit asks before its program is there, and nothing twice.
  const kept = () => page.evaluate(() => localStorage.getItem('relvar.asked') ?? '');
  await eventually('what was asked is remembered', async () => (await kept()).includes('query List'));
  const questions: string[] = [];
  page.on('request', (request) => {
    if (/\/(graphql|metadata)$/.test(request.url())) questions.push(request.postData() ?? '');
    if (/\/assets\/table-.*js$/.test(request.url())) questions.push('the program');
  });
  const reload = async () => {
    questions.length = 0;
    await page.reload();
    await page.locator('[role=grid] [data-row]').first().waitFor();
    await settled();
    const queries = questions.filter((each) => each !== 'the program');
    return { queries, first: questions.slice(0, questions.indexOf('the program')) };
  };
  const { queries, first } = await reload();
  const once = queries.filter((each) => /query (Version|List|Views)|myProfile/.test(each));
  expect(once.length).toBe(4);
  expect(new Set(once).size).toBe(once.length);
  expect(first.filter((each) => each.includes('query Version'))).toHaveLength(1);
  expect(queries.filter((each) => each.includes('query List'))).toHaveLength(1);

  // What was asked of an older model is not taken for an answer, nor what nobody asks any more.
  await page.evaluate(() => {
    const before = JSON.parse(localStorage.getItem('relvar.asked') ?? '{}') as Record<
      string,
      [string, string, string][]
    >;
    for (const list of Object.values(before))
      for (const each of list) if (each[0] === '/graphql') each[2] = String(Number(each[2]) - 1);
    localStorage.setItem('relvar.asked', JSON.stringify(before));
  });
  expect((await reload()).queries.filter((each) => each.includes('query List'))).toHaveLength(2);

  // Who is signed out leaves nothing of it.
  await page.evaluate(() =>
    fetch('/auth/sign-out', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' }),
  );
  await page.reload();
  await page.getByLabel('E-mail').waitFor();
  expect(await page.evaluate(() => localStorage.getItem('relvar.page'))).toBeNull();
  expect(await kept()).toBe('');
}, 120_000);
