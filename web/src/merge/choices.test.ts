import { expect, test } from '@jest/globals';
import type { ModelField, ModelObject } from '../model/types.ts';
import type { MergePlan } from './calls.ts';
import { canUnite, fieldsToChoose, mergeData } from './choices.ts';

const field = (name: string, position: number, parts: string[] = ['']): ModelField =>
  ({
    name,
    position,
    relations: [],
    columns: parts.map((part) => ({ part, column: '', name: name + part })),
  }) as unknown as ModelField;
const name = field('name', 1);
const city = field('city', 2);
const emails = field('emails', 3, ['Primary', 'Additional']);
const secret = field('secret', 4);
const empty = field('empty', 5);
const object = { fields: [emails, city, name, secret, empty] } as unknown as ModelObject;
const plan: MergePlan = {
  survivorId: 'a',
  survivors: ['a', 'b'],
  removable: ['a', 'b'],
  choices: { name: 'a', city: 'b', emails: 'ALL', empty: 'a' },
  united: { emailsPrimary: 'a@x', emailsAdditional: ['b@x'] },
  records: [
    {
      recordId: 'a',
      isTrashed: false,
      updatedAt: null,
      values: { name: 'Ann', city: '', emailsPrimary: 'a@x', emailsAdditional: [], empty: null },
    },
    {
      recordId: 'b',
      isTrashed: false,
      updatedAt: null,
      values: { name: 'Ann', city: 'Rome', emailsPrimary: 'b@x', emailsAdditional: null, empty: '' },
    },
  ],
  moves: [],
};

test('what differs is asked first, what nobody has and what may not be changed is not asked', () => {
  const { differing, same } = fieldsToChoose(object, plan);
  expect(differing).toEqual([city, emails]);
  expect(same).toEqual([name]);
});

test('several values are united where that is more than one record has', () => {
  expect(canUnite(emails, plan)).toBe(true);
  expect(canUnite(city, plan)).toBe(false);
  const has = { ...plan, united: { emailsPrimary: 'b@x', emailsAdditional: null } };
  expect(canUnite(emails, has)).toBe(false);
});

test('only what the record that stays does not have is written', () => {
  expect(mergeData(object, plan, plan.choices)).toEqual({
    city: 'Rome',
    emailsPrimary: 'a@x',
    emailsAdditional: ['b@x'],
  });
  expect(mergeData(object, plan, { name: 'b', city: 'a', emails: 'a' })).toEqual({});
  // An empty value is a choice, too.
  expect(mergeData(object, { ...plan, survivorId: 'b' }, { city: 'a' })).toEqual({ city: '' });
});
