import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { chromium, type Browser, type CDPSession, type Page } from 'playwright-core';
import { hashPassword } from '../auth/passwords.ts';
import type { BenchDatabase, Workspace } from './database.ts';
import type { ServerProcess } from './serverProcess.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const PASSWORD = 'four words for benches';

/** How people see it. */
export const VIEW = { viewport: { width: 1440, height: 900 }, locale: 'en-GB' };

let built: Promise<void> | undefined;

/** The bundle as people get it, made once a run. */
async function build(): Promise<void> {
  const vite = spawn(
    process.execPath,
    ['node_modules/vite/bin/vite.js', 'build', '--config', 'web/vite.config.ts', '--logLevel', 'error'],
    {
      cwd: ROOT,
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  const [code] = (await once(vite, 'exit')) as [number];
  if (code !== 0) throw new Error('The bundle could not be built.');
}

/** The screen of a workspace's owner in a real browser, with the server that it talks to. */
export interface Screen {
  browser: Browser;
  page: Page;
  cdp: CDPSession;
  server: ServerProcess;
  close: () => Promise<void>;
}

export async function openScreen(database: BenchDatabase, workspace: Workspace): Promise<Screen> {
  built ??= build();
  await built;
  const path = process.env.RELVAR_CHROMIUM ?? PLACES.find((place) => existsSync(place));
  if (!path) throw new Error('No Chromium was found. Install one, or set RELVAR_CHROMIUM to its path.');
  await database.admin.query('update core.users set password_hash = $1 where email = $2', [
    await hashPassword(PASSWORD),
    `owner@${workspace.slug}.example`,
  ]);
  const server = await database.startServer();
  const browser = await chromium.launch({
    executablePath: path,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      '--enable-precise-memory-info',
    ],
  });
  const context = await browser.newContext(VIEW);
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  await page.goto(server.url);
  await page.getByLabel('E-mail').fill(`owner@${workspace.slug}.example`);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.locator('main#main h1').first().waitFor();
  const cdp = await context.newCDPSession(page);
  return {
    browser,
    page,
    cdp,
    server,
    close: async () => {
      await browser.close();
      await server.stop();
    },
  };
}
