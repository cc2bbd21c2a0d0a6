import fc from 'fast-check';
import { tiled, writeLines, writeTable } from './clipboard.ts';
import { columnWindow } from './columnWindow.ts';
import { MOVES, step } from './navigation.ts';
import { readLines } from './tsv.ts';

const size = { rows: 3, columns: 3 };

test('the edges hold', () => {
  expect(step(size, { row: 0, column: 0 }, { row: -1, column: -1 })).toEqual({ row: 0, column: 0 });
  expect(step(size, { row: 2, column: 2 }, { row: 5, column: 5 })).toEqual({ row: 2, column: 2 });
});

test('Tab goes on to the next row and back to the one before', () => {
  expect(step(size, { row: 0, column: 2 }, MOVES.right, true)).toEqual({ row: 1, column: 0 });
  expect(step(size, { row: 1, column: 0 }, MOVES.left, true)).toEqual({ row: 0, column: 2 });
  expect(step(size, { row: 1, column: 1 }, MOVES.down, true)).toEqual({ row: 2, column: 1 });
});

test('what is copied is read again as it was, whatever is in it', () => {
  const cell = fc.string({ unit: fc.constantFrom('a', '"', '\t', '\n', ' ', '<', '&') });
  fc.assert(
    fc.property(
      fc
        .integer({ min: 1, max: 4 })
        .chain((width) =>
          fc.array(fc.array(cell, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 4 }),
        ),
      (lines) => {
        // A single empty cell is nothing to paste.
        if (writeLines(lines) === '') return;
        expect(readLines(`${writeLines(lines)}\n`)).toEqual(lines);
      },
    ),
  );
  expect(writeTable([['a<b', 'x\ny']])).toBe('<table><tr><td>a&lt;b</td><td>x<br>y</td></tr></table>');
});

test('one cell fills the block it is pasted into; what does not fit a whole number of times does not', () => {
  expect(tiled([['x']], 2, 2)).toEqual([
    ['x', 'x'],
    ['x', 'x'],
  ]);
  expect(tiled([['a'], ['b']], 4, 1)).toEqual([['a'], ['b'], ['a'], ['b']]);
  expect(tiled([['a', 'b']], 3, 3)).toEqual([['a', 'b']]);
  expect(tiled([['a'], ['b']], 1, 1)).toEqual([['a'], ['b']]);
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
