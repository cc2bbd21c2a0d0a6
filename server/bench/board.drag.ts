import { setTimeout as delay } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import type { Bench } from './bench.ts';
import { openScreen } from './browser.ts';
import { percentile } from './rounds.ts';

const CARDS = 5_000;
const DRAGS = 25;
const STAGES = ['NEW', 'SCREENING', 'MEETING', 'PROPOSAL', 'CUSTOMER'];

/** A column that has cards: that of deals without a stage has none. */
const FILLED = '[data-column]:has([data-card])';
const LOADING_MS = 60_000;

/** Scrolls each column to its end until all of its cards are read, and back. */
async function loadAll(page: Page): Promise<void> {
  const all = () =>
    page.evaluate(
      ([selector]) =>
        [...document.querySelectorAll(selector)].every((column) => {
          const list = column.querySelector('[role=list]')!;
          list.parentElement!.scrollTop = list.scrollHeight;
          const last = list.lastElementChild;
          return last !== null && last.getAttribute('aria-posinset') === last.getAttribute('aria-setsize');
        }),
      [FILLED] as const,
    );
  for (const end = Date.now() + LOADING_MS; !(await all());) {
    if (Date.now() > end) throw new Error('Not all cards were read within a minute.');
    await delay(30);
  }
  await page.evaluate(() => {
    for (const list of document.querySelectorAll('[data-column] [role=list]')) list.parentElement!.scrollTop = 0;
  });
  await delay(500);
}

export const boardDrag: Bench = {
  name: 'board.drag',
  compares:
    'from the pointer’s move to the paint that shows a card taken up, of 5,000 cards that are all loaded (milliseconds, p95)',
  async run(lab) {
    const database = await lab.small();
    const workspace = database.workspaces[0]!;
    await database.admin.query(
      `insert into ${workspace.schemaName}.opportunities (name, stage, amount_amount_micros, amount_currency_code)
       select 'Deal ' || n, ($1::text[])[1 + n % 5], n * 1000000::bigint, 'EUR' from generate_series(1, $2::int) n`,
      [STAGES, CARDS],
    );
    const { page, server, close } = await openScreen(database, workspace);
    try {
      await page.goto(`${server.url}/objects/opportunities?view=all&type=BOARD`);
      await page.locator('[data-card]').first().waitFor();
      await loadAll(page);
      await page.evaluate(() => {
        const noted: number[] = [];
        Object.assign(globalThis, { noted });
        let moved = 0;
        window.addEventListener('pointermove', ({ timeStamp }) => (moved = timeStamp), true);
        new MutationObserver(() => {
          if (!document.querySelector('[data-ghost]')) return;
          const begun = moved;
          requestAnimationFrame(() => {
            const channel = new MessageChannel();
            channel.port1.onmessage = () => noted.push(performance.now() - begun);
            channel.port2.postMessage(null);
          });
        }).observe(document.body, { childList: true });
      });
      for (let n = 0; n < DRAGS; n += 1) {
        // A card that is drawn beyond the edge scrolls the board, and the next one would be out of sight.
        await page
          .locator(FILLED)
          .first()
          .evaluate((column) => (column.parentElement!.scrollLeft = 0));
        const card = page
          .locator(`${FILLED} >> nth=${n % 4}`)
          .locator('[data-card]')
          .nth(3);
        const box = (await card.boundingBox())!;
        await page.mouse.move(box.x + 40, box.y + 14);
        await page.mouse.down();
        await page.mouse.move(box.x + 60, box.y + 24);
        await delay(60);
        await page.mouse.move(box.x + 320, box.y + 60, { steps: 15 });
        await page.keyboard.press('Escape');
        await page.mouse.up();
        await delay(60);
      }
      const times = await page.evaluate(() => (globalThis as unknown as { noted: number[] }).noted);
      return {
        value: percentile(times, 0.95),
        unit: 'ms',
        bound: 50,
        checks: { dragged: times.length === DRAGS },
        detail: { median: percentile(times, 0.5), drags: times.length },
      };
    } finally {
      await close();
    }
  },
};
