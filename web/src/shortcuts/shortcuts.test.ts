import { expect, test } from '@jest/globals';
import { goLetters } from './goLetters.ts';
import { isFirstKey, keysOf, SHORTCUTS } from './keys.ts';
import { shortcutOf } from './ownKeys.ts';
import { shortcutTexts } from './texts.ts';
import { model } from '../../tests/modelFixture.ts';

const press = (key: string, code: string, ...modifiers: string[]) =>
  keysOf({
    key,
    code,
    ctrlKey: modifiers.includes('Control'),
    metaKey: modifiers.includes('Meta'),
    altKey: modifiers.includes('Alt'),
    shiftKey: modifiers.includes('Shift'),
    getModifierState: (name) => modifiers.includes(name),
  });

test('no two shortcuts have the same keys, and none is the beginning of another', () => {
  const keys: string[] = Object.values(SHORTCUTS);
  expect(new Set(keys).size).toBe(keys.length);
  expect(keys.filter((each) => keys.some((other) => isFirstKey(each, other)))).toEqual([]);
});

test('each shortcut and each key of a part is told once', () => {
  const ids = shortcutTexts().map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
});

test.each([
  ['k', 'KeyK', ['Control'], 'command'],
  ['K', 'KeyK', ['Control'], 'command'],
  ['л', 'KeyK', ['Control'], 'command'],
  ['ν', 'KeyN', [], 'notifications'],
  ['C', 'KeyC', [], 'create'],
  ['C', 'KeyC', ['Shift'], undefined],
  ['c', 'KeyC', ['Control'], undefined],
  ['/', 'Slash', [], 'search'],
  ['/', 'Digit7', ['Shift'], 'search'],
  ['?', 'Slash', ['Shift'], 'help'],
  ['?', 'Minus', ['Shift'], 'help'],
  ['/', 'KeyQ', ['Control', 'Alt', 'AltGraph'], 'search'],
  ['z', 'KeyY', ['Control'], 'undo'],
  ['Z', 'KeyZ', ['Control', 'Shift'], 'redo'],
  ['z', 'KeyZ', ['Control', 'Alt'], undefined],
])('the key %s at %s with %j is the shortcut %s', (key, code, modifiers, id) =>
  expect(shortcutOf(press(key, code, ...modifiers))).toBe(id),
);

test('each object has a letter of its own after g, also where its name has no Latin one', () => {
  const [first] = model.objects;
  if (!first) throw new Error('The fixture has no object.');
  const named = ['Übungen', 'Umfragen', 'Сделки', 'Inboxes', 'İşler'].map((labelPlural, position) => ({
    ...first,
    id: `object-${position}`,
    labelPlural,
    position,
  }));
  const letters = goLetters({ ...model, objects: named });
  expect([...letters].map(([letter, { labelPlural }]) => `${letter} ${labelPlural}`)).toEqual([
    'u Übungen',
    'm Umfragen',
    'a Сделки',
    'n Inboxes',
    'l İşler',
  ]);
});
