import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { runTests } from './testRuns.ts';
import { buildWeb } from './web-bundle.ts';

/** `npm test`: what the tests need (the web bundle, a browser), then all of them, or those named on the command line. */
const root = join(import.meta.dirname, '..', '..');

try {
  if ((await buildWeb()) === 'built') process.stderr.write('Built the user interface.\n');
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exit(1);
}

const chromium = spawnSync(process.execPath, ['web/tests/provideChromium.ts'], {
  cwd: root,
  stdio: ['ignore', 'pipe', 'inherit'],
  encoding: 'utf8',
});
if (chromium.status !== 0) process.exit(1);

process.chdir(root);
process.exit(
  await runTests(process.argv.slice(2), {
    ...process.env,
    // Some sixty times a server or a worker is started; what V8 has compiled once is kept for the next.
    NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'node'),
    RELVAR_WEB_BUILT: '1',
    RELVAR_CHROMIUM: chromium.stdout.trim(),
  }),
);
