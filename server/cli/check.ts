import { spawn } from 'node:child_process';
import { join } from 'node:path';

/** `npm run check`: all checks, each to its end, so that one run tells everything. */
const CHECKS = [
  { script: 'check:types', cure: 'Correct the types.' },
  { script: 'check:lint', cure: 'Do as the messages say.' },
  { script: 'check:unused', cure: 'Delete what nobody uses, or use it.' },
  { script: 'check:format', cure: 'Run: npm run format' },
  { script: 'check:catalogue', cure: 'Each row names its remedy.' },
];

const root = join(import.meta.dirname, '..', '..');
const npm = process.env['npm_execpath'];
const failed: string[] = [];
for (const { script, cure } of CHECKS) {
  const { code, output } = await run(script);
  console.log(`${code === 0 ? 'ok     ' : 'FAILED '} ${script}`);
  if (code === 0) continue;
  failed.push(script);
  console.log(`${output.trim()}\n${cure}\n`);
}
console.log(failed.length === 0 ? 'Everything is in order.' : `Failed: ${failed.join(', ')}`);
process.exit(failed.length === 0 ? 0 : 1);

async function run(script: string): Promise<{ code: number | null; output: string }> {
  const options = { cwd: root, env: { ...process.env, npm_config_loglevel: 'error' } };
  const child = npm
    ? spawn(process.execPath, [npm, 'run', '-s', script], options)
    : spawn('npm', ['run', '-s', script], { ...options, shell: process.platform === 'win32' });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, output };
}
