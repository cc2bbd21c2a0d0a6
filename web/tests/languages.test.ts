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
  await signIn(page, german);
  expect(await language(page)).toBe('de');
  await page
    .getByRole('button', { name: german('Filter') })
    .first()
    .waitFor();
  await page.screenshot({ path: join(shots, 'language-de-table.png') });

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

/** Texts that show and are in no brackets: data, or forgotten. */
const bareTexts = (page: Page): Promise<string[]> =>
  page.evaluate(() => {
    const found = new Set<string>();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const text = node.textContent?.trim() ?? '';
      const parent = node.parentElement;
      if (
        !/[A-Za-z]{2}/.test(text) ||
        parent?.closest('script, style, code, pre, kbd, time, [role=listbox], [data-row]')
      )
        continue;
      // A text that is put together of several elements has its brackets around them.
      const whole = parent?.closest('p, li, button, a, h1, h2, h3, label, td, th, div')?.textContent ?? text;
      if (!/[[\]]/.test(text) && !whole.trim().startsWith('[')) found.add(text);
    }
    return [...found];
  });

test('the screens hold no text that is in no catalogue, and turn round for languages from right to left', async () => {
  const page = await openPage('en');
  await signIn(page, speaker('pseudo'), '/?locale=pseudo');
  const { rows } = await database.admin.query<{ label: string }>(
    `select label_singular as label from metadata.objects union select label_plural from metadata.objects
     union select label from metadata.fields union select name from metadata.views union select name from core.workspaces`,
  );
  const data = new Set(rows.map(({ label }) => label.toLowerCase()));
  const forgotten: { [path: string]: string[] } = {};
  for (const path of ['/objects/companies', '/settings/general', '/settings/webhooks', '/settings/imports', '/trash']) {
    await page.goto(address + path);
    await page.locator('h1').first().waitFor({ state: 'attached' });
    await page.getByRole('main').getByText(/~\]$/).first().waitFor();
    forgotten[path] = (await bareTexts(page)).filter((text) => !data.has(text.toLowerCase()));
  }
  expect(Object.values(forgotten).flat()).toEqual([]);

  await page.goto(`${address}/?locale=pseudo-rtl`);
  await page.locator('[role=grid] [data-row]').first().waitFor();
  expect(await page.locator('html').getAttribute('dir')).toBe('rtl');
  const [navigation, main] = await Promise.all([
    page.getByRole('navigation', { name: pseudo('Main') }).boundingBox(),
    page.getByRole('main').boundingBox(),
  ]);
  expect(navigation?.x).toBeGreaterThan(main?.x ?? 0);
  await page.screenshot({ path: join(shots, 'language-rtl-table.png') });
}, 120_000);
