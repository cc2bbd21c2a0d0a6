import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { readCatalogues } from '../texts/catalogues.ts';
import { pseudo } from '../texts/pseudo.ts';
import { startApplication } from './application.ts';
import { launchChromium } from './chromium.ts';

/** The language of the screens: the browser's, then the member's; and what of them is in no catalogue. */
const database = useDatabase();
const shots = join(import.meta.dirname, '..', '..', 'data', 'screenshots');
const catalogues = await readCatalogues();

let browser: Browser;
let address: string;

beforeAll(async () => {
  mkdirSync(shots, { recursive: true });
  [address, browser] = await Promise.all([startApplication(database), launchChromium()]);
  database.onEnd(() => browser.close());
}, 180_000);

/** How a language says what the source says in English. */
function speaker(language: string): (text: string) => string {
  const texts = catalogues.get(language);
  return (text) => {
    const said = texts ? texts[text] : pseudo(text);
    if (!said) throw new Error(`"${text}" is not in the catalogue of ${language}.`);
    return said;
  };
}

async function openPage(locale: string): Promise<Page> {
  const context = await browser.newContext({ locale, viewport: { width: 1440, height: 900 } });
  context.setDefaultTimeout(30_000);
  return context.newPage();
}

async function signIn(page: Page, say: (text: string) => string, path = '/'): Promise<void> {
  await page.goto(address + path);
  await page.getByLabel(say('E-mail'), { exact: true }).fill(DEMO_EMAIL);
  await page.getByLabel(say('Password'), { exact: true }).fill(DEMO_PASSWORD);
  await page.getByRole('button', { name: say('Sign in'), exact: true }).click();
  await page.locator('[role=grid] [data-row]').first().waitFor();
}

const language = (page: Page) => page.locator('html').getAttribute('lang');

test('a German browser is spoken to in German, and whoever chooses Spanish keeps it', async () => {
  const page = await openPage('de-DE');
  const [german, spanish] = [speaker('de'), speaker('es')];
  // Also what the server says.
  await page.goto(address);
  await page.getByLabel(german('E-mail'), { exact: true }).fill(DEMO_EMAIL);
  await page.getByLabel(german('Password'), { exact: true }).fill('a wrong password');
  await page.getByRole('button', { name: german('Sign in'), exact: true }).click();
  await page.getByText('Die E-Mail-Adresse oder das Passwort stimmt nicht.').first().waitFor();
  await signIn(page, german);
  expect(await language(page)).toBe('de');
  await page
    .getByRole('button', { name: german('Filter') })
    .first()
    .waitFor();
  await page.screenshot({ path: join(shots, 'language-de-table.png') });

  // What came with Relvar has German names, and is found by them.
  await page.getByRole('link', { name: 'Verkaufschancen' }).waitFor();
  await page
    .getByRole('columnheader', { name: 'Betreut von' })
    .or(page.getByRole('columnheader', { name: 'Position' }))
    .first()
    .waitFor();
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox').first().fill('Verkaufsch');
  await page
    .getByRole('option', { name: /Verkaufschancen/ })
    .first()
    .waitFor();
  await page.keyboard.press('Escape');

  await page.goto(`${address}/settings/profile`);
  const choice = page.getByRole('combobox', { name: german('Language') });
  await choice.click();
  await choice.fill('español');
  await page
    .getByRole('option', { name: /Spanish \(español\)/ })
    .first()
    .click();
  await page.getByRole('heading', { name: spanish('How you read') }).waitFor();
  expect(await language(page)).toBe('es');
  await page.reload();
  await page.getByRole('heading', { name: spanish('How you read') }).waitFor();
  await page.screenshot({ path: join(shots, 'language-es-profile.png') });

  // What an address asks for holds for its tab only.
  await page.goto(`${address}/settings/profile?locale=fr`);
  await page.getByRole('heading', { name: speaker('fr')('How you read') }).waitFor();
  const other = await page.context().newPage();
  await other.goto(`${address}/settings/profile`);
  await other.getByRole('heading', { name: spanish('How you read') }).waitFor();
}, 120_000);

/** What shows, is read aloud or stands in the title, and is in no brackets: data, or forgotten. */
const bareTexts = (page: Page): Promise<string[]> =>
  page.evaluate(() => {
    const found = new Set<string>();
    const isData = (element: Element | null) =>
      element?.closest('script, style, code, pre, kbd, time, [role=listbox], [data-row], [data-card], [data-data]');
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const text = node.textContent?.trim() ?? '';
      const parent = node.parentElement;
      if (!/[A-Za-z]{2}/.test(text) || isData(parent)) continue;
      // A text that is put together of several elements has its brackets around them.
      const whole = parent?.closest('p, li, button, a, h1, h2, h3, label, td, th, div')?.textContent ?? text;
      if (!/[[\]]/.test(text) && !whole.trim().startsWith('[')) found.add(text);
    }
    for (const name of ['aria-label', 'placeholder', 'title', 'alt'])
      for (const element of document.querySelectorAll(`[${name}]`)) {
        const text = element.getAttribute(name) ?? '';
        if (/[A-Za-z]{2}/.test(text) && !text.includes('[') && !isData(element)) found.add(text);
      }
    if (!document.title.includes('[')) found.add(document.title);
    return [...found];
  });

const PAGES = [
  '/objects/companies',
  '/objects/opportunities?type=BOARD',
  '/objects/people/import',
  '/tasks',
  '/duplicates',
  '/trash',
  '/settings/model',
  '/settings/model/opportunities',
  '/settings/model/opportunities?tab=settings',
  '/settings/model/opportunities?tab=rules',
  '/settings/model/opportunities?tab=relations',
  '/settings/model/opportunities?tab=indexes',
  '/settings/diagram',
  '/settings/drift',
  '/settings/profile',
  '/settings/notifications',
  '/settings/members',
  '/settings/teams',
  '/settings/general',
  '/settings/address',
  '/settings/imports',
  '/settings/exports',
  '/settings/jobs',
  '/settings/security',
  '/settings/keys',
  '/settings/webhooks',
  '/settings/database-access',
  '/settings/apps',
  '/settings/sign-in',
  '/settings/sign-ins',
  '/settings/provisioning',
  '/settings/roles',
];

/** Names that are the same in every language, examples, and what the browser writes. */
const SAME = [
  /^[A-Z]{2}$/,
  /^[\w.]*@[\w.]+(, [\w.]+@[\w.]+)*$/,
  /^(crm\.)?acme\.com$/,
  /^Relvar$/,
  /^React Flow/,
  /^(Mozilla|::ffff|127\.)/,
  /^\w+__\w+$/,
  /^~?[\d.,]+ \w?B$/,
  /(\d|^a|^an|^in .*) (seconds?|minutes?|hours?|days?)( ago)?$/,
  /^(today|tomorrow|yesterday|in \d+ days), [\d:]+$/,
  /\d{1,2} \w{3} \d{4}(, \d\d:\d\d)?$/,
  // A field of Mantine measures itself with a copy that nobody meets.
  /^autosize measurement$/,
];

test('no page holds a text that is in no catalogue', async () => {
  const page = await openPage('en');
  await signIn(page, speaker('pseudo'), '/?locale=pseudo');
  const { rows } = await database.admin.query<{ text: string | null }>(
    `select label_singular as text from metadata.objects union select label_plural from metadata.objects
     union select label from metadata.fields union select description from metadata.fields
     union select inverse_label from metadata.relations union select name from metadata.views
     union select name from core.workspaces union select name from core.members union select email from core.users
     union select split_part(email, '@', 1) from core.users`,
  );
  const { rows: workspaces } = await database.admin.query<{ schema: string }>(
    'select schema_name as schema from core.workspaces',
  );
  for (const { schema } of workspaces) {
    const records = await database.admin.query<{ text: string | null }>(
      `select title as text from ${schema}.tasks union select name from ${schema}.companies union select name from ${schema}.opportunities
       union select concat_ws(' ', name_first_name, name_last_name) from ${schema}.people`,
    );
    rows.push(...records.rows);
  }
  const data = rows.flatMap(({ text }) => (text ? [text.toLowerCase()] : []));
  const isData = (text: string) =>
    data.includes(text.toLowerCase()) ||
    SAME.some((pattern) => pattern.test(text)) ||
    // Lists of members.
    text.split(', ').every((each) => data.includes(each.toLowerCase()));
  const forgotten: { [path: string]: string[] } = {};
  for (const path of PAGES) {
    await page.goto(address + path);
    await page.locator('h1').first().waitFor({ state: 'attached' });
    await page.getByRole('main').getByText(/~\]$/).first().waitFor();
    const found = (await bareTexts(page)).filter((text) => !isData(text));
    if (found.length > 0) forgotten[path] = found;
  }
  expect(forgotten).toEqual({});
}, 240_000);

test('a language from right to left turns the screens round, the table with its columns, keys and widths', async () => {
  const page = await openPage('en');
  await signIn(page, speaker('pseudo'), '/objects/people?locale=pseudo-rtl');
  expect(await page.locator('html').getAttribute('dir')).toBe('rtl');
  const boxOf = async (selector: string) => (await page.locator(selector).first().boundingBox())!;
  const [navigation, main] = await Promise.all([
    page.getByRole('navigation', { name: pseudo('Main') }).boundingBox(),
    page.getByRole('main').boundingBox(),
  ]);
  expect(navigation?.x).toBeGreaterThan(main?.x ?? 0);

  const columns = await page
    .locator('[data-head]')
    .evaluateAll((heads) => heads.map((head) => head.getAttribute('data-head') ?? ''));
  const head = (index: number) => boxOf(`[data-head="${columns[index]}"]`);
  const first = await head(0);
  expect(first.x).toBeGreaterThan((await head(1)).x);
  expect((await head(1)).x).toBeGreaterThan((await head(2)).x);
  // The first begins at the right edge of the table, after the check boxes.
  const grid = await boxOf('[role=grid]');
  expect(Math.abs(first.x + first.width + 36 - (grid.x + grid.width))).toBeLessThan(3);

  // The arrow to the left goes on to the next column.
  const active = () => page.locator('[data-active][data-column]').first().getAttribute('data-column');
  await page
    .locator(`[data-row] [data-column="${columns[3]}"]`)
    .first()
    .click({ position: { x: 4, y: 4 } });
  expect(await active()).toBe(columns[3]);
  await page.keyboard.press('ArrowLeft');
  expect(await active()).toBe(columns[4]);
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  expect(await active()).toBe(columns[2]);
  // Going to the last column scrolls, and the first one stays.
  await page.keyboard.press('Control+ArrowLeft');
  await page.locator('[role=grid][data-aside]').waitFor();
  expect(Math.abs((await head(0)).x - first.x)).toBeLessThan(2);
  const last = await boxOf('[data-active][data-column]');
  expect(last.x).toBeGreaterThanOrEqual(grid.x - 2);
  expect(last.x + last.width).toBeLessThanOrEqual(first.x + 2);
  await page.screenshot({ path: join(shots, 'language-rtl-table.png') });
  await page.keyboard.press('Home');

  // Its edge drawn to the left makes a column wider.
  const edge = await boxOf(`[data-resize="${columns[1]}"]`);
  const before = await head(1);
  await page.mouse.move(edge.x + edge.width / 2, edge.y + 10);
  await page.mouse.down();
  await page.mouse.move(edge.x - 56, edge.y + 10, { steps: 4 });
  await page.mouse.up();
  expect((await head(1)).width).toBeGreaterThan(before.width + 40);

  await page.goto(`${address}/objects/opportunities?type=BOARD`);
  const [one, two] = [page.locator('[data-card]').first(), page.getByRole('main')];
  await one.waitFor();
  const [card, board] = [(await one.boundingBox())!, (await two.boundingBox())!];
  expect(card.x).toBeGreaterThan(board.x + board.width / 2);
  await page.screenshot({ path: join(shots, 'language-rtl-board.png') });
}, 120_000);
