import type { Page } from 'playwright-core';
import type { Bench } from './bench.ts';
import { openScreen } from './browser.ts';
import { fillTables } from './table.browser.ts';
import { median } from './rounds.ts';

const ROUNDS = 15;
const ROWS = '[role=grid] [data-row]';
const RECORD = 'main:not(:has([role=grid])) a[href^="mailto:"]';

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

export const pageOpen: Bench = {
  name: 'page.open',
  compares:
    'from the click to the paint of a record or another table that was not read yet, the slower of both (ms); and of one that was',
  async run(lab) {
    const database = await lab.small();
    const workspace = database.workspaces[0]!;
    await fillTables(database, workspace);
    const { page, server, close } = await openScreen(database, workspace);
    try {
      const times = {
        record: [] as number[],
        recordAgain: [] as number[],
        tableAgain: [] as number[],
        table: [] as number[],
      };
      for (let round = 0; round < ROUNDS; round += 1) {
        // Of a page that was just loaded, nothing is read but the table that it shows.
        await page.goto(`${server.url}/objects/people`);
        await page.locator(ROWS).first().waitFor();
        await page.getByRole('button', { name: 'Sort' }).and(page.locator('[aria-haspopup=menu]')).waitFor();
        await page.waitForTimeout(500);
        times.table.push(await open(page, toTable('companies'), rowsOf('companies')));
        times.tableAgain.push(await open(page, toTable('people'), rowsOf('people')));
        const link = `${rowsOf('people')} >> nth=${round + 2}`;
        const path = (await page.locator(link).getAttribute('href'))!;
        times.record.push(await open(page, `main [role=grid] a[href="${path}"]`, RECORD));
        times.tableAgain.push(await open(page, toTable('people'), rowsOf('people')));
        times.recordAgain.push(await open(page, `main [role=grid] a[href="${path}"]`, RECORD));
      }
      const again = Math.max(median(times.recordAgain), median(times.tableAgain));
      return {
        value: Math.max(median(times.record), median(times.table)),
        unit: 'ms',
        bound: 250,
        checks: { 'what was read before takes at most 100 ms': again <= 100 },
        detail: {
          record: median(times.record),
          table: median(times.table),
          recordAgain: median(times.recordAgain),
          tableAgain: median(times.tableAgain),
          leastRecord: Math.min(...times.record),
          leastTable: Math.min(...times.table),
          leastRecordAgain: Math.min(...times.recordAgain),
          leastTableAgain: Math.min(...times.tableAgain),
        },
      };
    } finally {
      await close();
    }
  },
};
