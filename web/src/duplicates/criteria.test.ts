import { expect, test } from '@jest/globals';
import type { ModelObject, StoredCriterion } from '../model/types.ts';
import { comparisonsOf, readCriteria, writeCriteria } from './criteria.ts';

const object = (duplicateCriteria: StoredCriterion[]) => ({ duplicateCriteria }) as ModelObject;

test('criteria are read however they are written, and written as plainly as they can be', () => {
  const stored: StoredCriterion[] = [
    ['a', 'b'],
    { fields: ['a', { id: 'b', by: 'SIMILAR' }], threshold: 0.8 },
    { fields: ['a'], isSure: true },
  ];
  const read = readCriteria(object(stored));
  expect(read.map(({ threshold, isSure }) => [threshold, isSure])).toEqual([
    [0.6, false],
    [0.8, false],
    [0.6, true],
  ]);
  expect(read[1]!.fields).toEqual([
    { id: 'a', by: 'ALIKE' },
    { id: 'b', by: 'SIMILAR' },
  ]);
  expect(writeCriteria(read)).toEqual(stored);
});

test('what is only similar is never sure, and a criterion of no field is none', () => {
  expect(
    writeCriteria([
      { fields: [{ id: 'a', by: 'DOMAIN' }], threshold: 0.6, isSure: true },
      { fields: [], threshold: 0.6, isSure: true },
    ]),
  ).toEqual([{ fields: [{ id: 'a', by: 'DOMAIN' }] }]);
});

test('only what has a spelling or a domain is compared by it', () => {
  expect(comparisonsOf('NUMBER')).toEqual(['ALIKE']);
  expect(comparisonsOf('PHONES')).toEqual(['ALIKE', 'EXACT']);
  expect(comparisonsOf('EMAILS')).toEqual(['ALIKE', 'EXACT', 'SIMILAR', 'DOMAIN']);
});
