import { setTimeout as delay } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import type { Bench } from './bench.ts';
import { openScreen } from './browser.ts';
import { median } from './rounds.ts';

const COMPANIES = 500;
const ROUNDS = 15;

/** From a click on a record's name until its name and its fields stand on its page, by the page's own clock. */
const openRecord = (page: Page, place: number): Promise<number> =>
  page.evaluate(
    (index) =>
      new Promise<number>((resolve) => {
        const link = document.querySelectorAll<HTMLElement>('[role=grid] [data-row] a[href*="/objects/companies/"]')[
          index
        ]!;
        const name = link.textContent!.trim();
        const begun = performance.now();
        const look = () => {
          const title = document.querySelector('main h1')?.textContent;
          if (title && name.endsWith(title) && document.querySelector('[data-field="employees"]'))
            resolve(performance.now() - begun);
          else requestAnimationFrame(look);
        };
        link.click();
        look();
      }),
    place,
  );

export const pageOpen: Bench = {
  name: 'page.open',
  compares: 'from a click on a record until its page shows it, read for the first time (ms)',
  run: async (lab) => {
    const database = await lab.small();
    const workspace = database.workspaces[0]!;
    await database.admin.query(
      `insert into ${workspace.schemaName}.companies (name, employees) select 'Opened ' || n, n from generate_series(1, $1::int) n`,
      [COMPANIES],
    );
    const screen = await openScreen(database, workspace);
    try {
      const { page, server } = screen;
      await page.goto(`${server.url}/objects/companies?view=all`);
      const row = page.locator('[role=grid] [data-row] a').first();
      const back = async () => {
        await page.goBack();
        await row.waitFor();
        await delay(500);
      };
      await row.waitFor();
      await delay(1500);
      // The first loads the page's own program.
      await openRecord(page, 0);
      await back();
      const first: number[] = [];
      const again: number[] = [];
      // Every other one: the one after a record is read ahead.
      for (let round = 1; round <= ROUNDS; round += 1) {
        first.push(await openRecord(page, round * 2));
        await back();
        again.push(await openRecord(page, round * 2));
        await back();
      }
      return {
        value: median(first),
        unit: 'ms',
        bound: 250,
        checks: { seenBefore: median(again) <= 100 },
        detail: { seenBefore: median(again), slowest: Math.max(...first), slowestSeenBefore: Math.max(...again) },
      };
    } finally {
      await screen.close();
    }
  },
};
