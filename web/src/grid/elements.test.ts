import { Elements, type Line } from './elements.ts';

const rows = (from: number, to: number): Line[] =>
  Array.from({ length: to - from + 1 }, (_, offset) => ({
    key: `r${from + offset}`,
    index: from + offset,
    isRow: true,
  }));
const shown = (elements: Elements, lines: Line[], isAtRest: boolean) =>
  elements.arrange(lines, isAtRest).map(({ element, index }) => `${element}: ${index}`);

test('while one scrolls, rows that come take the elements of those that left, which stay where they are', () => {
  const elements = new Elements();
  expect(shown(elements, rows(0, 3), true)).toEqual(['row 1: 0', 'row 2: 1', 'row 3: 2', 'row 4: 3']);
  expect(shown(elements, rows(2, 5), false)).toEqual(['row 1: 4', 'row 2: 5', 'row 3: 2', 'row 4: 3']);
  // Asked once more it is the same.
  expect(shown(elements, rows(2, 5), false)).toEqual(['row 1: 4', 'row 2: 5', 'row 3: 2', 'row 4: 3']);
  // Up again, by one.
  expect(shown(elements, rows(1, 4), false)).toEqual(['row 1: 4', 'row 2: 1', 'row 3: 2', 'row 4: 3']);
});

test('at rest all stand in the order of their lines, each in the element that it had', () => {
  const elements = new Elements();
  elements.arrange(rows(0, 3), true);
  elements.arrange(rows(2, 5), false);
  expect(shown(elements, rows(2, 5), true)).toEqual(['row 3: 2', 'row 4: 3', 'row 1: 4', 'row 2: 5']);
  // After a jump, too, without waiting for rest.
  expect(shown(elements, rows(100, 103), false)).toEqual(['row 3: 100', 'row 4: 101', 'row 1: 102', 'row 2: 103']);
});

test('a row that stays keeps its element where others are put in or taken out', () => {
  const elements = new Elements();
  elements.arrange(rows(0, 2), true);
  const more: Line[] = [
    { key: 'new', index: 0, isRow: true },
    ...rows(0, 2).map((line) => ({ ...line, index: line.index + 1 })),
  ];
  expect(shown(elements, more, true)).toEqual(['row 4: 0', 'row 1: 1', 'row 2: 2', 'row 3: 3']);
  expect(shown(elements, rows(0, 1), true)).toEqual(['row 1: 0', 'row 2: 1']);
  // No two are called the same, whatever went.
  expect(new Set(shown(elements, rows(0, 6), true)).size).toBe(7);
});

test('heads of groups and lines that are not read are themselves', () => {
  const elements = new Elements();
  const lines: Line[] = [
    { key: 'group', index: 0, isRow: false },
    { key: 'r1', index: 1, isRow: true },
    { key: '#2', index: 2, isRow: false },
  ];
  expect(shown(elements, lines, true)).toEqual(['group: 0', 'row 1: 1', '#2: 2']);
  expect(shown(elements, [...rows(7, 7), { key: '#8', index: 8, isRow: false }], false)).toEqual(['row 1: 7', '#8: 8']);
});
