import { expect, test } from '@jest/globals';
import type { Entry } from './entries.ts';
import { groupEntries } from './groups.ts';

let count = 0;
const entry = (happenedAt: string, values: Partial<Entry> = {}): Entry => ({
  entryKey: `${++count}`,
  kind: 'CHANGE',
  happenedAt: `2026-11-01T${happenedAt}Z`,
  actorType: 'member',
  actorName: 'Ann',
  source: 'MANUAL',
  batch: `${count}`,
  seq: 1,
  action: 'updated',
  before: {},
  after: {},
  commentId: null,
  body: null,
  mentions: null,
  relatedObject: null,
  relatedId: null,
  ...values,
});
const sizes = (entries: Entry[]) =>
  groupEntries(entries).map((group) => ('changes' in group ? group.changes.length : group.entry.kind));

test('what one person changed in one minute stands together', () => {
  expect(sizes([entry('12:00:59'), entry('12:00:30'), entry('12:00:00'), entry('11:59:59')])).toEqual([3, 1]);
});

test('what others changed, or came by another way, stands apart', () => {
  expect(
    sizes([
      entry('12:00:40'),
      entry('12:00:30', { actorName: 'Bob' }),
      entry('12:00:20'),
      entry('12:00:10', { source: 'API' }),
      entry('12:00:05', { actorType: 'api_key' }),
    ]),
  ).toEqual([1, 1, 1, 1, 1]);
});

test('what was changed of a related record stands apart from what was changed of this one', () => {
  const deal = { kind: 'RELATED' as const, relatedObject: 'opportunity', relatedId: 'd1' };
  expect(
    sizes([
      entry('12:00:50', deal),
      entry('12:00:40', deal),
      entry('12:00:30'),
      entry('12:00:20', { ...deal, relatedId: 'd2' }),
    ]),
  ).toEqual([2, 1, 1]);
});

test('what came between parts a group, so that all stays in its order', () => {
  const comment = entry('12:00:20', { kind: 'COMMENT', action: null });
  const created = entry('12:00:10', { action: 'created' });
  expect(sizes([entry('12:00:30'), comment, entry('12:00:15'), created])).toEqual([1, 'COMMENT', 1, 'CHANGE']);
});

test('a group keeps its key when a later change arrives', () => {
  const earlier = [entry('12:00:20'), entry('12:00:10')];
  expect(groupEntries([entry('12:00:30'), ...earlier])[0]!.key).toBe(groupEntries(earlier)[0]!.key);
});

test('nothing gives no groups', () => {
  expect(groupEntries([])).toEqual([]);
});
