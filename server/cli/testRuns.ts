import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { summaryOf, type Suite } from '../../db/testing/summary.ts';

const root = join(import.meta.dirname, '..', '..');
/** More than these are not bad luck. */
const FEW = 6;

/**
 * Runs the tests, and once more, one after the other, the few files that failed among many. A machine that others use, too,
 * now and then lets a browser or a database wait for longer than any test should; that must not refuse what is right. What
 * passes only then is named, never hidden: it is a fault to mend, of the test or of what it tests.
 */
export async function runTests(args: string[], env: NodeJS.ProcessEnv): Promise<number> {
  const first = await runJest(args, env);
  const failed = first.suites?.filter((suite) => suite.failed > 0) ?? [];
  if (first.suites === null || first.stopped) return first.code;
  const wasAlone = first.suites.length === failed.length;
  if (failed.length === 0 || failed.length > FEW || wasAlone) return end(first.code, first.suites);

  process.stderr.write(`\nOnce more, alone: ${failed.map(nameOf).join(', ')}\n\n`);
  const second = await runJest([...args, '--runInBand', `--filter=${join(root, 'db/testing/only.cjs')}`], {
    ...env,
    RELVAR_TEST_ONLY: failed.map(({ path }) => path).join('\n'),
  });
  if (second.suites === null || second.stopped) return second.code;
  // What the second run does not speak of has failed as before.
  const again = new Map(second.suites.map((suite) => [suite.path, suite]));
  const suites = first.suites.map((suite) => (suite.failed > 0 && again.get(suite.path)) || suite);
  const isStillFailing = suites.some((suite) => suite.failed > 0);
  const mended = failed.filter(({ path }) => again.get(path)?.failed === 0);
  if (mended.length > 0) {
    process.stderr.write('\nPassed only at the second run:\n');
    for (const suite of mended) {
      process.stderr.write(`  ${nameOf(suite)}\n`);
      for (const name of suite.failures) process.stderr.write(`    ${name}\n`);
    }
  }
  return end(isStillFailing ? first.code : second.code, suites);
}

function end(code: number, suites: Suite[]): number {
  process.stderr.write(`${summaryOf(suites)}\n`);
  return code;
}

const nameOf = ({ path }: Suite): string => relative(process.cwd(), path);

interface Run {
  code: number;
  /** Somebody asked it to stop. */
  stopped: boolean;
  /** Null when it did not come to its end. */
  suites: Suite[] | null;
}

let running = 0;

async function runJest(args: string[], env: NodeJS.ProcessEnv): Promise<Run> {
  const report = join(tmpdir(), `relvar-test-report-${process.pid}-${(running += 1)}.json`);
  const jest = spawn(
    process.execPath,
    [
      '--experimental-vm-modules',
      '--disable-warning=ExperimentalWarning',
      `--import=${pathToFileURL(join(root, 'db/testing/end-with-parent.js')).href}`,
      join(root, 'node_modules/jest/bin/jest.js'),
      ...args,
    ],
    { stdio: 'inherit', env: { ...env, NODE_ENV: 'test', RELVAR_TEST_REPORT: report } },
  );
  let stopped = false;
  const stop = (signal: NodeJS.Signals): void => {
    stopped = true;
    jest.kill(signal);
  };
  const disconnected = (): void => stop('SIGTERM');
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, stop);
  process.on('disconnect', disconnected);
  process.channel?.unref();
  const code = await new Promise<number>((resolve) => jest.once('exit', (status) => resolve(status ?? 1)));
  for (const signal of signals) process.off(signal, stop);
  process.off('disconnect', disconnected);
  const suites = existsSync(report) ? (JSON.parse(readFileSync(report, 'utf8')) as Suite[]) : null;
  rmSync(report, { force: true });
  return { code, stopped, suites };
}
