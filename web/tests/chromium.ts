import { existsSync } from 'node:fs';
import axe from 'axe-core';
import { chromium, type Browser, type Page } from 'playwright-core';

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** Starts a real browser. Without one the test fails and says so: a walk that is skipped proves nothing. */
export async function launchChromium(): Promise<Browser> {
  const path = process.env['RELVAR_CHROMIUM'] ?? PLACES.find((place) => existsSync(place));
  if (!path)
    throw new Error(
      'No Chromium was found. Install one (apt-get install chromium), or set RELVAR_CHROMIUM to its path.',
    );
  const browser = await chromium.launch({
    executablePath: path,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  // What a page keeps for its next start is no part of most stories, and takes the machine's time from all of them.
  const newContext = browser.newContext.bind(browser);
  browser.newContext = (options) => newContext({ serviceWorkers: 'block', ...options });
  return browser;
}

/** Shown still: what is half way between two colours, or on its way in, is nothing to judge. */
async function comeToRest(page: Page): Promise<void> {
  await page.evaluate(async () => {
    for (let frame = 0; frame < 2; frame++) await new Promise((resolve) => requestAnimationFrame(resolve));
    const ending = document
      .getAnimations()
      .filter((animation) => animation.effect?.getComputedTiming().endTime !== Infinity);
    await Promise.allSettled(ending.map((animation) => animation.finished));
  });
}

const violationsOf = (page: Page, options: axe.RunOptions): Promise<string[]> =>
  page.evaluate(async (given) => {
    const { axe: tool } = window as unknown as { axe: typeof axe };
    const { violations } = await tool.run(document, { ...given, resultTypes: ['violations'] });
    const within = (selector: unknown, place: string) =>
      typeof selector === 'string' && document.querySelector(selector)?.closest(place);
    const excused: { [rule: string]: string } = {
      // What lies on a plane that one draws nearer is as large as one makes it.
      'target-size': '.react-flow',
      // Landmarks lead to what one might miss; a menu has the focus.
      region: '[role="menu"], [role="listbox"], .mantine-Popover-dropdown',
      // The arrow keys that go through the choices scroll them.
      'scrollable-region-focusable': '.mantine-Combobox-dropdown',
    };
    return violations
      .map(({ id, nodes }) => ({
        id,
        nodes: nodes.filter(({ target }) => !(excused[id] && within(target[0], excused[id]))),
      }))
      .filter(({ nodes }) => nodes.length > 0)
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(' | ')}`);
  }, options);

/** The page as it stands breaks no rule of WCAG 2.2 AA that axe knows, and no good custom, in the light theme and in the dark one. */
export async function expectAccessible(page: Page): Promise<void> {
  await page.locator('h1').first().waitFor({ state: 'attached' });
  await comeToRest(page);
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe.source);
  const [asShown, other] = await page.evaluate(() => {
    const { mantineColorScheme: now } = document.documentElement.dataset;
    return now === 'dark' ? (['dark', 'light'] as const) : (['light', 'dark'] as const);
  });
  const asItIs = await violationsOf(page, { rules: { 'target-size': { enabled: true } } });
  // Only colours differ between the themes.
  await page.evaluate((scheme) => document.documentElement.setAttribute('data-mantine-color-scheme', scheme), other);
  await comeToRest(page);
  const otherwise = await violationsOf(page, { runOnly: ['color-contrast'] });
  await page.evaluate((scheme) => document.documentElement.setAttribute('data-mantine-color-scheme', scheme), asShown);
  expect({ [asShown]: asItIs, [other]: otherwise }).toEqual({ [asShown]: [], [other]: [] });
}
