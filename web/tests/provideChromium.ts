import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Ships a Chromium of its own with the libraries that it needs, for x64 Linux. Fetched only where nothing else helps. */
const PACKAGE = '@sparticuz/chromium@153.0.0';

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** The path of a Chromium that starts: the system's, else one that is installed now. */
export async function provideChromium(folder: string): Promise<string> {
  const found = [process.env['RELVAR_CHROMIUM'], ...PLACES].find((path) => path !== undefined && starts(path));
  if (found) return found;
  if (process.platform === 'linux') {
    const installed = installByApt() ?? (await installByNpm(folder));
    if (installed) return installed;
  }
  throw new Error(
    'The browser tests need Chromium, and it could not be installed. Install it (apt-get install chromium), or set RELVAR_CHROMIUM to its path.',
  );
}

function starts(path: string): boolean {
  return existsSync(path) && spawnSync(path, ['--version'], { timeout: 20_000 }).status === 0;
}

function installByApt(): string | null {
  if (process.getuid?.() !== 0 || spawnSync('apt-get', ['--version']).status !== 0) return null;
  process.stderr.write('Installing Chromium by apt-get …\n');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  spawnSync('apt-get', ['update', '-qq'], { env, stdio: 'ignore' });
  spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'chromium'], { env, stdio: 'ignore' });
  // Ubuntu's package of this name only points to snap, which containers do not have.
  return PLACES.find(starts) ?? null;
}

async function installByNpm(folder: string): Promise<string | null> {
  const launcher = join(folder, 'chromium.sh');
  if (starts(launcher)) return launcher;
  process.stderr.write(`Installing Chromium by npm (${PACKAGE}) …\n`);
  mkdirSync(folder, { recursive: true });
  const npm = process.env['npm_execpath'];
  const flags = ['install', '--prefix', folder, '--no-save', '--no-audit', '--no-fund', '--loglevel=error', PACKAGE];
  const result = npm
    ? spawnSync(process.execPath, [npm, ...flags], { stdio: ['ignore', 2, 2] })
    : spawnSync('npm', flags, { stdio: ['ignore', 2, 2] });
  if (result.status !== 0) return null;

  // The package unpacks itself to the temporary directory, with the libraries only where it takes itself to be on Lambda.
  process.env['TMPDIR'] = folder;
  process.env['AWS_LAMBDA_JS_RUNTIME'] = 'nodejs22.x';
  const entry = join(folder, 'node_modules/@sparticuz/chromium/build/index.js');
  const { default: chromium } = (await import(pathToFileURL(entry).href)) as {
    default: { executablePath: () => Promise<string> };
  };
  const binary = await chromium.executablePath();
  const libraries = join(folder, 'al2023', 'lib');
  writeFileSync(
    launcher,
    `#!/bin/sh\nexport LD_LIBRARY_PATH='${libraries}' FONTCONFIG_PATH='${join(folder, 'fonts')}'\nexec '${binary}' "$@"\n`,
    { mode: 0o755 },
  );
  return starts(launcher) ? launcher : null;
}

if (import.meta.main) {
  try {
    process.stdout.write(
      `${await provideChromium(process.argv[2] ?? join(import.meta.dirname, '../../data/chromium'))}\n`,
    );
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exit(1);
  }
}
