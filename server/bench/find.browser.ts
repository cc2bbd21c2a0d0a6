import { setTimeout as delay } from 'node:timers/promises';
import type { Bench } from './bench.ts';
import { openScreen } from './browser.ts';
import { median, percentile } from './rounds.ts';
import { fillTables } from './table.browser.ts';

/** Companies are called "Company 1" to "Company 100000"; each text has its last letter typed, so that what it finds is new. */
const TEXTS = [
  'company 7',
  'company 42',
  'company 512',
  'company 9031',
  'company 77001',
  'compnay 88',
  'last 12',
  'person77',
];
const ROUNDS = 5;

export const findKey: Bench = {
  name: 'find.key',
  compares: 'from a key in the command menu to the paint of what it finds among 100,000 records (ms, p95)',
  run: async (lab) => {
    const database = await lab.small();
    const workspace = database.workspaces[0]!;
    await fillTables(database, workspace);
    const screen = await openScreen(database, workspace);
    try {
      const { page } = screen;
      await page.keyboard.press('Control+k');
      const input = page.getByRole('combobox', { name: 'Search records, or type a command' });
      await input.waitFor();
      await delay(1000);
      // From the key until the records of the whole text are in the list and the frame after that has passed.
      await page.evaluate(() => {
        const noted: number[] = [];
        Object.assign(globalThis, { noted });
        document.addEventListener(
          'keydown',
          (event) => {
            const begun = event.timeStamp;
            const list = document.querySelector('[role=listbox][aria-busy]')!;
            const look = () => {
              const isFound =
                list.getAttribute('aria-busy') === 'false' && list.querySelector('[role=option]') !== null;
              if (!isFound) return void requestAnimationFrame(look);
              requestAnimationFrame(() => {
                const channel = new MessageChannel();
                channel.port1.onmessage = () => noted.push(performance.now() - begun);
                channel.port2.postMessage(null);
              });
              return undefined;
            };
            // Not before the field has the letter.
            requestAnimationFrame(look);
          },
          true,
        );
      });
      const times: number[] = [];
      for (let round = 0; round < ROUNDS + 1; round += 1)
        for (const text of TEXTS) {
          await input.fill(text.slice(0, -1));
          await delay(400);
          await page.evaluate(() => (globalThis as unknown as { noted: number[] }).noted.splice(0));
          await page.keyboard.press(text.at(-1)!);
          await page.waitForFunction(() => (globalThis as unknown as { noted: number[] }).noted.length > 0);
          const [time] = await page.evaluate(() => (globalThis as unknown as { noted: number[] }).noted);
          // The first round warms what both ends compile and plan.
          if (round > 0) times.push(time!);
        }
      return {
        value: percentile(times, 0.95),
        unit: 'ms',
        bound: 100,
        detail: { keys: times.length, median: median(times), most: Math.max(...times) },
      };
    } finally {
      await screen.close();
    }
  },
};
