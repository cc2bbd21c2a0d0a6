import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { makeTemporaryDir } from '../../db/testing/temporary.ts';

/** What `npm test` does after the first run, with files of tests that fail as they are told. */
const root = join(import.meta.dirname, '..', '..');
const directory = makeTemporaryDir();
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const PASSES = `test('adds', () => expect(1 + 1).toBe(2)); test.skip('waits', () => {});`;
const FAILS = `test('adds wrongly', () => expect(1 + 1).toBe(3)); test('adds', () => expect(1 + 1).toBe(2));`;
const BROKEN = `throw new Error('This file cannot be loaded.');`;
/** Fails unless it ran before. */
const UNLUCKY = `
const { existsSync, writeFileSync } = require('node:fs');
test('comes in time', () => {
  const isFirst = !existsSync(__filename + '.ran');
  writeFileSync(__filename + '.ran', '');
  expect(isFirst).toBe(false);
});
test('is right', () => expect(1).toBe(1));`;

function run(suites: { [name: string]: string }): { code: number | null; said: string; last: string } {
  const folder = mkdtempSync(join(directory, 'run-'));
  mkdirSync(join(folder, 'cache'));
  for (const [name, source] of Object.entries(suites)) writeFileSync(join(folder, `${name}.test.cjs`), source);
  const config = {
    rootDir: folder,
    testMatch: ['**/*.test.cjs'],
    transform: {},
    cacheDirectory: join(folder, 'cache'),
    maxWorkers: 1,
    reporters: ['default', join(root, 'db/testing/summary-reporter.js')],
  };
  const runs = pathToFileURL(join(root, 'server/cli/testRuns.ts')).href;
  const program = `
    const { runTests } = await import(${JSON.stringify(runs)});
    process.exit(await runTests(['--config', ${JSON.stringify(JSON.stringify(config))}], process.env));`;
  const done = spawnSync(process.execPath, ['--input-type=module', '-e', program], { cwd: folder, encoding: 'utf8' });
  return { code: done.status, said: done.stderr, last: done.stderr.trim().split('\n').at(-1)! };
}

test('what passes at once is run once', () => {
  const { code, said, last } = run({ one: PASSES, two: PASSES });
  expect(last).toBe('2 passed, 0 failed, 2 skipped');
  expect(said).not.toContain('Once more');
  expect(code).toBe(0);
});

test('what passes only when it is run once more, alone, is named, and refuses nothing', () => {
  const { code, said, last } = run({ good: PASSES, unlucky: UNLUCKY });
  expect(said).toContain('Once more, alone: unlucky.test.cjs\n');
  expect(said).toContain('Passed only at the second run:\n  unlucky.test.cjs\n    comes in time\n');
  expect(last).toBe('3 passed, 0 failed, 1 skipped');
  expect(code).toBe(0);
});

test('what fails twice fails, beside what does not', () => {
  const { code, said, last } = run({ broken: BROKEN, good: PASSES, unlucky: UNLUCKY, wrong: FAILS });
  expect(said).toContain('Passed only at the second run:\n  unlucky.test.cjs\n    comes in time\n4 passed');
  expect(last).toBe('4 passed, 2 failed, 1 skipped');
  expect(code).toBe(1);
});

test('where many fail, or nothing ran beside, nothing is run again', () => {
  const many = run({ good: PASSES, ...Object.fromEntries('abcdefg'.split('').map((name) => [name, FAILS])) });
  expect(many.said).not.toContain('Once more');
  expect(many.last).toBe('8 passed, 7 failed, 1 skipped');
  expect(many.code).toBe(1);
  const alone = run({ unlucky: UNLUCKY });
  expect(alone.said).not.toContain('Once more');
  expect(alone.last).toBe('1 passed, 1 failed');
  expect(alone.code).toBe(1);
});
