import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';

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
  return chromium.launch({
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
}
