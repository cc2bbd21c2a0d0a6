import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
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

const jest = spawn(
  process.execPath,
  [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    '--import=./db/testing/end-with-parent.js',
    join(root, 'node_modules', 'jest', 'bin', 'jest.js'),
    ...process.argv.slice(2),
  ],
  {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, NODE_ENV: 'test', RELVAR_WEB_BUILT: '1', RELVAR_CHROMIUM: chromium.stdout.trim() },
  },
);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => jest.kill(signal));
process.on('disconnect', () => jest.kill('SIGTERM'));
process.channel?.unref();
jest.on('exit', (code) => process.exit(code ?? 1));
