import type { Page } from 'playwright-core';
import type { Bench } from './bench.ts';
import { openScreen } from './browser.ts';
import { fillTables } from './table.browser.ts';
import { median } from './rounds.ts';

const ROUNDS = 9;

/** From the click on a link until the paint that shows what it leads to. */
const open = (page: Page, link: string, content: string): Promise<number> =>
  page.evaluate(
    async ([from, to]) => {
      const element = document.querySelector<HTMLElement>(from);
      if (!element) throw new Error(`There is no ${from}.`);
      const begun = performance.now();
      element.click();
      const before = location.href;
      await new Promise<void>((resolve) => {
        const look = () => {
          if (!document.querySelector(to)) return;
          observer.disconnect();
          resolve();
        };
        const observer = new MutationObserver(look);
        observer.observe(document.body, { childList: true, subtree: true, attributes: true });
        if (location.href !== before) look();
      });
      await new Promise<void>((resolve) => {
        requestAnimationFrame(() => {
          const channel = new MessageChannel();
          channel.port1.onmessage = () => resolve();
          channel.port2.postMessage(null);
        });
      });
      return performance.now() - begun;
    },
    [link, content] as const,
  );

const toTable = (name: string) => `nav a[href="/objects/${name}"]`;
const rowsOf = (name: string) => `main [role=grid] a[href^="/objects/${name}/"]`;

export const tableOpen: Bench = {
  name: 'table.open',
  compares: 'from the click to the paint of a table that was not open yet, and of one that was (ms)',
  async run(lab) {
    const database = await lab.small();
    const workspace = database.workspaces[0]!;
    await fillTables(database, workspace);
    const { page, server, close } = await openScreen(database, workspace);
    try {
      const first: number[] = [];
      const again: number[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        // Of a page that was just loaded, nothing is read but the table that it shows.
        await page.goto(`${server.url}/objects/people`);
        await page.locator(rowsOf('people')).first().waitFor();
        await page.getByRole('button', { name: 'Sort' }).and(page.locator('[aria-haspopup=menu]')).waitFor();
        await page.waitForTimeout(500);
        first.push(await open(page, toTable('companies'), rowsOf('companies')));
        again.push(await open(page, toTable('people'), rowsOf('people')));
      }
      return {
        value: median(first),
        unit: 'ms',
        bound: 250,
        checks: { 'one that was open takes at most 100 ms': median(again) <= 100 },
        detail: { again: median(again), least: Math.min(...first), leastAgain: Math.min(...again) },
      };
    } finally {
      await close();
    }
  },
};
