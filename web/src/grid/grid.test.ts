import { columnWindow } from './columnWindow.ts';
import { after, step } from './navigation.ts';
import { readLines } from './tsv.ts';

const rows = ['r1', 'r2', 'r3'];
const columns = ['a', 'b', 'c'];

test('the edges hold', () => {
  expect(step(rows, columns, { row: 'r1', column: 'a' }, -1, -1)).toEqual({ row: 'r1', column: 'a' });
  expect(step(rows, columns, { row: 'r3', column: 'c' }, 5, 5)).toEqual({ row: 'r3', column: 'c' });
});

test('Tab goes on to the next row and back to the one before', () => {
  expect(after('right', rows, columns, { row: 'r1', column: 'c' })).toEqual({ row: 'r2', column: 'a' });
  expect(after('left', rows, columns, { row: 'r2', column: 'a' })).toEqual({ row: 'r1', column: 'c' });
  expect(after('down', rows, columns, { row: 'r2', column: 'b' })).toEqual({ row: 'r3', column: 'b' });
});

test('few columns are all rendered, of many only those in view and a little more', () => {
  expect(columnWindow(Array(20).fill(100), 900, 500)).toEqual({ start: 0, end: 19, before: 0, after: 0 });
  const window = columnWindow(Array(60).fill(100), 1000, 500);
  expect(window.start).toBe(8);
  expect(window.end).toBe(17);
  expect(window.before + window.after + (window.end - window.start + 1) * 100).toBe(6000);
});

test.each([
  ['', []],
  ['one', [['one']]],
  [
    'a\tb\nc\td\n',
    [
      ['a', 'b'],
      ['c', 'd'],
    ],
  ],
  [
    'a\t\r\n\tb',
    [
      ['a', ''],
      ['', 'b'],
    ],
  ],
  ['"a\tb"\t"say ""hi"""\n"two\nlines"', [['a\tb', 'say "hi"'], ['two\nlines']]],
  ['say "hi"\tb', [['say "hi"', 'b']]],
])('reads the clipboard’s %j', (text, lines) => expect(readLines(text)).toEqual(lines));
