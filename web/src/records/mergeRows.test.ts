import { person } from '../../tests/modelFixture.ts';
import type { RecordRow } from '../model/types.ts';
import { changedCells, mergeRows } from './mergeRows.ts';

const rows = (...ids: string[]) => ids.map((id) => ({ id }));
const ids = (all: { id: string }[]) => all.map((row) => row.id).join('');

test('what stays keeps its place, what is new follows what it follows, what is gone goes', () => {
  expect(ids(mergeRows(rows('a', 'b', 'c'), rows('c', 'x', 'a')))).toBe('acx');
  expect(ids(mergeRows(rows('a', 'b'), rows('n', 'm', 'a', 'b')))).toBe('nmab');
  expect(ids(mergeRows([], rows('a', 'b')))).toBe('ab');
  expect(ids(mergeRows(rows('a'), []))).toBe('');
});

test('only cells that read differently are changed', () => {
  const old = [{ id: 'a', score: 1, companyId: 'c', company: { id: 'c', name: 'Old' } }];
  const fresh: RecordRow[] = [
    { id: 'a', score: 1, companyId: 'c', company: { id: 'c', name: 'New' } },
    { id: 'b', score: 2 },
  ];
  expect(changedCells(old, fresh, person.fields)).toEqual([{ row: 'a', field: 'company' }]);
});
