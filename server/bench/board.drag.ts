import { setTimeout as delay } from 'node:timers/promises';
import type { Bench } from './bench.ts';
import { openScreen } from './browser.ts';
import { percentile } from './rounds.ts';

const CARDS = 5_000;
const DRAGS = 25;
const STAGES = ['NEW', 'SCREENING', 'MEETING', 'PROPOSAL', 'CUSTOMER'];

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
      // Each column is scrolled to its end, so that all cards are there.
      for (let round = 0; round < 400; round += 1) {
        const ends = await page.evaluate(() =>
          [...document.querySelectorAll<HTMLElement>('[data-column] [role=list]')].map(({ parentElement: list }) => {
            list!.scrollTop = list!.scrollHeight;
            return list!.scrollHeight;
          }),
        );
        await delay(120);
        if (ends.length === STAGES.length && ends.every((height) => height > (CARDS / STAGES.length) * 30)) {
          const known = await page
            .locator('[role=listitem]')
            .evaluateAll((items) => Math.max(...items.map((item) => Number(item.getAttribute('aria-posinset')))));
          if (known >= CARDS / STAGES.length) break;
        }
      }
      await page.evaluate(() => {
        const noted: number[] = [];
        const frames: number[] = [];
        Object.assign(globalThis, { noted, frames });
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
        let last = performance.now();
        const frame = (now: number) => {
          if (document.body.dataset['dragging'] !== undefined) frames.push(now - last);
          last = now;
          requestAnimationFrame(frame);
        };
        requestAnimationFrame(frame);
      });
      await page.evaluate(() => {
        for (const list of document.querySelectorAll('[data-column] [role=list]')) list.parentElement!.scrollTop = 0;
      });
      await delay(500);
      const columns = page.locator('[data-column]');
      for (let n = 0; n < DRAGS; n += 1) {
        const box = (await columns
          .nth(n % 4)
          .locator('[data-card]')
          .nth(3)
          .boundingBox())!;
        await page.mouse.move(box.x + 40, box.y + 14);
        await page.mouse.down();
        await page.mouse.move(box.x + 60, box.y + 24);
        await delay(60);
        await page.mouse.move(box.x + 320, box.y + 60, { steps: 15 });
        await page.keyboard.press('Escape');
        await page.mouse.up();
        await delay(60);
      }
      const { noted, frames } = await page.evaluate(() => {
        const told = globalThis as unknown as { noted: number[]; frames: number[] };
        return { noted: told.noted, frames: told.frames };
      });
      return {
        value: percentile(noted, 0.95),
        unit: 'ms',
        bound: 50,
        checks: { allDragged: noted.length === DRAGS },
        detail: { median: percentile(noted, 0.5), frameP95: percentile(frames, 0.95), drags: noted.length },
      };
    } finally {
      await close();
    }
  },
};
