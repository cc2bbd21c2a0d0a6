import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { VARIABLES } from './config.ts';

test('docs/running.md names every setting, and no other', () => {
  const page = readFileSync(join(import.meta.dirname, '..', 'docs', 'running.md'), 'utf8');
  const rows = page.split('\n').filter((line) => /^\| `[A-Z]/.test(line));
  const named = rows.flatMap((line) => line.split('|')[1]!.match(/[A-Z][A-Z_]+/g) ?? []);
  expect(named.toSorted()).toEqual(Object.keys(VARIABLES).toSorted());
});
