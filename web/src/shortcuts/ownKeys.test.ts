import { afterEach, expect, test } from '@jest/globals';
import {
  beginsMore,
  conflictOf,
  isTaken,
  isTakenAfterG,
  keysFor,
  shortcutOf,
  useOwnKeys,
  withKeys,
} from './ownKeys.ts';

afterEach(() => useOwnKeys.setState({ own: {} }));

test('keys of one’s own take the place of the usual ones, which are free then', () => {
  useOwnKeys.setState({ own: { create: 'Mod+j', 'go.tasks': 'h m', notifications: '' } });
  expect(shortcutOf('Mod+j')).toBe('create');
  expect(shortcutOf('c')).toBeUndefined();
  expect([beginsMore('h'), beginsMore('g'), beginsMore('c')]).toEqual([true, true, false]);
  expect(shortcutOf('h m')).toBe('go.tasks');
  expect(isTakenAfterG('t')).toBe(false);
  expect([keysFor('notifications'), shortcutOf('n'), shortcutOf('')]).toEqual(['', undefined, undefined]);
});

test('what is the same, or the beginning of the other, stands against it', () => {
  expect(conflictOf('create', 'n', {})).toBe('notifications');
  expect(conflictOf('create', 'g', {})).toMatch(/^go\./);
  expect(conflictOf('create', 'c x', {})).toBeUndefined();
  expect(conflictOf('create', 'n x', {})).toBe('notifications');
  expect(conflictOf('create', 'n', { notifications: '' })).toBeUndefined();
  expect(conflictOf('create', 'c', {})).toBeUndefined();
});

test('the usual keys are nobody’s own', () => {
  expect(withKeys({ create: 'x' }, 'create', 'c')).toEqual({});
  expect(withKeys({ create: 'x' }, 'create', null)).toEqual({});
  expect(withKeys({ help: 'h' }, 'create', 'x')).toEqual({ help: 'h', create: 'x' });
});

test.each([
  'Tab',
  'Enter',
  'Escape',
  ' ',
  'ArrowUp',
  'Shift+ArrowLeft',
  'F5',
  'Mod+c',
  'Mod+w',
  'Mod+Shift+n',
  'Meta+x',
])('no shortcut takes %s', (stroke) => expect(isTaken(stroke)).toBe(true));
test.each(['c', '/', 'Mod+j', 'Alt+p', 'Mod+Shift+z', 'Shift+k'])('a shortcut may take %s', (stroke) =>
  expect(isTaken(stroke)).toBe(false),
);
