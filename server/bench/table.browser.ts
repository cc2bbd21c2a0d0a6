import { setTimeout as delay } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import type { Bench } from './bench.ts';
import { openScreen, VIEW, type Screen } from './browser.ts';
import type { BenchDatabase, Workspace } from './database.ts';
import type { Lab } from './lab.ts';
import { median, percentile } from './rounds.ts';
import { traced } from './trace.ts';

const MANY = 100_000;
const FEW = 2_500;
const SCROLL_MS = 10_000;
const FRAME_MS = 1000 / 60;
const KEYS = 60;
const ROUNDS = 7;
/** Minutes of use; ten with RELVAR_BENCH_MINUTES=10. */
const MINUTES = Number(process.env.RELVAR_BENCH_MINUTES ?? 2);

/** Twelve columns of a table, the label among them. */
const COLUMNS =
  'name,domainName,employees,annualRevenue,address,linkedinLink,accountOwner,idealCustomerProfile,createdAt,updatedAt,createdBy,updatedBy';

const GRID = '[role=grid]';
const ROW = `${GRID} [data-row]`;

export async function fillTables(database: BenchDatabase, workspace: Workspace): Promise<void> {
  const { schemaName: schema } = workspace;
  const { rows } = await database.admin.query<{ n: string }>(`select count(*) as n from ${schema}.companies`);
  if (Number(rows[0]!.n) < MANY)
    await database.admin.query(
      `insert into ${schema}.companies (name, domain_name_primary_link_url, employees, annual_revenue_amount_micros, annual_revenue_currency_code, address_city, ideal_customer_profile)
       select 'Company ' || n, 'https://company-' || n || '.example', n % 5000, n * 1000000::bigint, 'EUR', (array['Riga', 'Oslo', 'Bergen'])[1 + n % 3], n % 2 = 0
       from generate_series(1, $1::int) n`,
      [MANY],
    );
  const people = await database.admin.query<{ n: string }>(`select count(*) as n from ${schema}.people`);
  if (Number(people.rows[0]!.n) < FEW)
    await database.admin.query(
      `insert into ${schema}.people (name_first_name, name_last_name, emails_primary_email, job_title, city)
       select 'First ' || n, 'Last ' || n, 'person' || n || '@bench.example', 'Engineer', 'Riga' from generate_series(1, $1::int) n`,
      [FEW],
    );
  await database.admin.query(`analyze ${schema}.companies, ${schema}.people`);
}

async function withScreen<T>(lab: Lab, work: (screen: Screen) => Promise<T>): Promise<T> {
  const database = await lab.small();
  const workspace = database.workspaces[0]!;
  await fillTables(database, workspace);
  const screen = await openScreen(database, workspace);
  try {
    return await work(screen);
  } finally {
    await screen.close();
  }
}

async function openCompanies({ page, server }: Screen): Promise<void> {
  await page.goto(`${server.url}/objects/companies?view=all&columns=${COLUMNS}`);
  await page.locator(ROW).first().waitFor();
  // Menus and editors come once the rows show.
  await page.getByRole('button', { name: 'Sort' }).and(page.locator('[aria-haspopup=menu]')).waitFor();
  await page.getByText('100,000', { exact: true }).first().waitFor();
  await delay(1000);
}

/** Scrolls as a wheel does, by some rows a frame, and notes how long each frame took. */
const scroll = (page: Page, ms: number, pixels: number): Promise<number[]> =>
  page.evaluate(
    async ([selector, during, step]) => {
      const grid = document.querySelector<HTMLElement>(selector)!;
      const times: number[] = [];
      const start = performance.now();
      let last = start;
      while (last - start < during) {
        grid.scrollTop += step;
        if (grid.scrollTop + grid.clientHeight >= grid.scrollHeight - 1) grid.scrollTop = 0;
        const now = await new Promise<number>((resolve) => requestAnimationFrame(resolve));
        times.push(now - last);
        last = now;
      }
      return times.slice(1);
    },
    [GRID, ms, pixels] as const,
  );

/** How many of all frames were dropped, in percent. */
function droppedOf(times: number[]): number {
  const dropped = times.reduce((sum, time) => sum + Math.max(0, Math.round(time / FRAME_MS) - 1), 0);
  return (100 * dropped) / (times.length + dropped);
}

export const tableScroll: Bench = {
  name: 'table.scroll',
  compares:
    'frames dropped while a table of 100,000 rows and 12 columns is scrolled by three rows a frame for 10 s (percent)',
  run: (lab) =>
    withScreen(lab, async (screen) => {
      await openCompanies(screen);
      const { page, cdp } = screen;
      // What the machine itself drops while nothing moves.
      const still = await scroll(page, 3_000, 0);
      await scroll(page, 2_000, 96);
      const { result: times, tasks } = await traced(page, cdp, () => scroll(page, SCROLL_MS, 96));
      const long = tasks.filter(({ wall }) => wall > 50).length;
      return {
        value: droppedOf(times),
        unit: '%',
        bound: 2,
        checks: { longTasks: long === 0 },
        detail: {
          longTasks: long,
          droppedWhileStill: droppedOf(still),
          frameP95: percentile(times, 0.95),
          workAFrame: tasks.reduce((sum, { cpu }) => sum + cpu, 0) / times.length,
          longestWork: Math.max(...tasks.map(({ cpu }) => cpu)),
        },
      };
    }),
};

export const tableKey: Bench = {
  name: 'table.key',
  compares: 'from a key in the editor of a cell to the paint that shows it (milliseconds, p95)',
  run: (lab) =>
    withScreen(lab, async (screen) => {
      await openCompanies(screen);
      const { page } = screen;
      // From the event to after the frame that follows it.
      await page.evaluate(() => {
        const noted: number[] = [];
        Object.assign(globalThis, { noted });
        document.addEventListener(
          'keydown',
          (event) => {
            const begun = event.timeStamp;
            requestAnimationFrame(() => {
              const channel = new MessageChannel();
              channel.port1.onmessage = () => noted.push(performance.now() - begun);
              channel.port2.postMessage(null);
            });
          },
          true,
        );
      });
      const box = (await page.locator(`${ROW} [data-column="employees"]`).nth(2).boundingBox())!;
      await page.mouse.click(box.x + box.width - 10, box.y + 10);
      await page.keyboard.press('1');
      for (let key = 0; key < KEYS; key += 1) {
        await page.keyboard.press(key % 8 === 7 ? 'Backspace' : String(key % 10));
        await delay(60);
      }
      // The first opens the editor.
      const times = (await page.evaluate(() => (globalThis as unknown as { noted: number[] }).noted)).slice(1);
      return {
        value: percentile(times, 0.95),
        unit: 'ms',
        bound: 16,
        checks: { allShown: times.length === KEYS },
        detail: { keys: times.length, median: median(times) },
      };
    }),
};

const painted = (page: Page): Promise<number> =>
  page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        new PerformanceObserver((list, observer) => {
          const last = list.getEntries().at(-1);
          observer.disconnect();
          resolve(last?.startTime ?? Number.NaN);
        }).observe({ type: 'largest-contentful-paint', buffered: true });
      }),
  );

/** When the first row stood in the page, by the page's own clock. */
const NOTE_ROWS = `new MutationObserver((_, observer) => {
  if (!document.querySelector('${ROW}')) return;
  observer.disconnect();
  globalThis.rowsAt = performance.now();
}).observe(document, { childList: true, subtree: true });`;

export const tableFirstLoad: Bench = {
  name: 'table.firstLoad',
  compares:
    'largest contentful paint of a table of 2,500 people, a processor slowed to a quarter, in a browser that has nothing of it but its session (ms)',
  run: (lab) =>
    withScreen(lab, async ({ page, browser, server }) => {
      const address = `${server.url}/objects/people`;
      const visit = async (on: Page) => {
        await on.goto(address);
        await on.locator(ROW).first().waitFor();
        await delay(1000);
        return on.evaluate(() => (globalThis as unknown as { rowsAt: number }).rowsAt);
      };
      await page.addInitScript(NOTE_ROWS);
      // What it remembers and what its cache holds, compiled scripts too, comes with the first visits.
      for (let round = 0; round < 3; round += 1) await visit(page);
      const again: number[] = [];
      for (let round = 0; round < ROUNDS; round += 1) again.push(await visit(page));

      const { cookies, origins } = await page.context().storageState();
      const session = {
        cookies,
        origins: origins.map(({ origin, localStorage }) => ({
          origin,
          localStorage: localStorage.filter(({ name }) => name !== 'relvar.asked' && name !== 'relvar.model'),
        })),
      };
      const first: number[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        const context = await browser.newContext({ ...VIEW, storageState: session });
        const fresh = await context.newPage();
        await fresh.addInitScript(NOTE_ROWS);
        const cdp = await context.newCDPSession(fresh);
        await cdp.send('Emulation.setCPUThrottlingRate', { rate: 4 });
        await visit(fresh);
        first.push(await painted(fresh));
        await context.close();
      }
      return {
        value: median(first),
        unit: 'ms',
        bound: 1200,
        checks: { rowsOnReturn: median(again) <= 300 },
        detail: {
          least: Math.min(...first),
          rowsOnReturn: median(again),
          leastOnReturn: Math.min(...again),
        },
      };
    }),
};

export const tableHeap: Bench = {
  name: 'table.heap',
  compares: `how much the heap of the page grows in ${MINUTES} minutes of use (percent)`,
  run: (lab) =>
    withScreen(lab, async (screen) => {
      await openCompanies(screen);
      const { page, cdp } = screen;
      const heap = async () => {
        await cdp.send('HeapProfiler.collectGarbage');
        await cdp.send('HeapProfiler.collectGarbage');
        return (await cdp.send('Runtime.getHeapUsage')).usedSize / 1024 ** 2;
      };
      const use = async () => {
        await page.locator(GRID).focus();
        await page.keyboard.press('Control+Home');
        for (let step = 0; step < 10; step += 1) await page.keyboard.press('PageDown');
        await page.locator(GRID).evaluate((grid) => (grid.scrollTop = Math.random() * grid.scrollHeight));
        await delay(500);
        await page.keyboard.press('Control+Home');
        await page.keyboard.press('Space');
        await page.getByRole('complementary', { name: /^Peek/ }).waitFor();
        for (let step = 0; step < 3; step += 1) await page.keyboard.press('ArrowDown');
        await page.keyboard.press('Escape');
        await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'People', exact: true }).click();
        await page.locator(ROW).first().waitFor();
        await page.goBack();
        await page.locator(ROW).first().waitFor();
      };
      // What comes with the first use stays, and is no growth.
      for (let round = 0; round < 5; round += 1) await use();
      const before = await heap();
      const end = Date.now() + MINUTES * 60_000;
      let rounds = 0;
      while (Date.now() < end) {
        await use();
        rounds += 1;
      }
      const after = await heap();
      return {
        value: (100 * (after - before)) / before,
        unit: '%',
        bound: 20,
        detail: { minutes: MINUTES, rounds, megabytesBefore: before, megabytesAfter: after },
      };
    }),
};
