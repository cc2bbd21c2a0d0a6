import { getSchema } from '@tiptap/core';
import fc from 'fast-check';
import { readMarkdown, type Piece } from './readMarkdown.ts';
import { textExtensions } from './schema.ts';
import { writeMarkdown } from './writeMarkdown.ts';

const schema = getSchema(textExtensions());
const ANN = '01a22425-27d2-78d7-83b9-c8bec6f1d40e';

/** As the editor holds it: throws for what its schema does not allow. */
const held = (document: Piece): Piece => {
  const node = schema.nodeFromJSON(document);
  node.check();
  return node.toJSON() as Piece;
};
const roundTrip = (markdown: string): string => writeMarkdown(held(readMarkdown(markdown)));

const words = fc.oneof(
  fc.constantFrom(
    'word',
    'a',
    ' ',
    '*',
    '_',
    '~~',
    '`',
    '[',
    ']',
    '(',
    ')',
    '<',
    '>',
    '&amp;',
    '\\',
    '|',
    '#',
    '- ',
    '+ ',
    '1. ',
    '2) ',
    '> ',
    '---',
    '===',
    '!',
    '<b>',
    '<strong>',
    '<br>',
    '<@',
    'http://a.test',
    '[ ] ',
    ':--',
    '“',
    'é',
    '😀',
    '.',
    '"',
    '    ',
    '```',
    'mailto:a@b.c',
    `<@${ANN}>`,
    '<!--',
  ),
  fc.string({ maxLength: 6 }),
);
const text = fc
  .array(words, { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join(''))
  .filter((each) => each !== '');
const mark = fc.oneof(
  fc.constantFrom({ type: 'bold' }, { type: 'italic' }, { type: 'strike' }),
  fc
    .constantFrom(
      'https://a.test/x',
      'https://a.test/(x) y',
      'mailto:a@b.test',
      '/objects/people/1',
      'https://a.test/?a=1&amp;b=\\*',
    )
    .map((href) => ({ type: 'link', attrs: { href } })),
);
const marks: fc.Arbitrary<NonNullable<Piece['marks']>> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<NonNullable<Piece['marks']>>([]) },
  { weight: 2, arbitrary: fc.uniqueArray(mark, { maxLength: 3, selector: ({ type }) => type }) },
  { weight: 1, arbitrary: fc.constant<NonNullable<Piece['marks']>>([{ type: 'code' }]) },
);
const inline: fc.Arbitrary<Piece> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ type: fc.constant('text'), text, marks }) },
  { weight: 1, arbitrary: fc.constant({ type: 'hardBreak' }) },
  { weight: 1, arbitrary: fc.constant({ type: 'mention', attrs: { id: ANN } }) },
  { weight: 1, arbitrary: text.map((alt) => ({ type: 'image', attrs: { src: `/files/${ANN}`, alt } })) },
);
const line = fc.array(inline, { maxLength: 5 });
const paragraph = line.map((content): Piece => ({ type: 'paragraph', content }));
const codeText = fc
  .array(fc.constantFrom('a', ' ', '\n', '```', '~~~', '`', '- x', '<b>'), { maxLength: 6 })
  .map((parts) => parts.join(''));

const { block } = fc.letrec<{ block: Piece; item: Piece; task: Piece }>((tie) => {
  const blocks = fc.array(tie('block'), { maxLength: 2 });
  return {
    item: fc.tuple(paragraph, blocks).map(([first, rest]) => ({ type: 'listItem', content: [first, ...rest] })),
    task: fc
      .tuple(fc.boolean(), paragraph, blocks)
      .map(([checked, first, rest]) => ({ type: 'taskItem', attrs: { checked }, content: [first, ...rest] })),
    block: fc.oneof(
      { maxDepth: 3 },
      paragraph,
      fc
        .tuple(fc.integer({ min: 1, max: 3 }), line)
        .map(([level, content]) => ({ type: 'heading', attrs: { level }, content })),
      codeText.map((code) => ({
        type: 'codeBlock',
        attrs: { language: 'sql' },
        content: code === '' ? [] : [{ type: 'text', text: code }],
      })),
      fc.constant({ type: 'horizontalRule' }),
      fc
        .tuple(fc.integer({ min: 1, max: 3 }), fc.array(line, { minLength: 1, maxLength: 6 }))
        .map(([width, cells]) => ({
          type: 'table',
          content: Array.from({ length: Math.ceil(cells.length / width) }, (_, row) => ({
            type: 'tableRow',
            content: Array.from({ length: width }, (__, column) => ({
              type: row === 0 ? 'tableHeader' : 'tableCell',
              content: [{ type: 'paragraph', content: cells[row * width + column] ?? [] }],
            })),
          })),
        })),
      fc.array(tie('block'), { minLength: 1, maxLength: 3 }).map((content) => ({ type: 'blockquote', content })),
      fc.array(tie('item'), { minLength: 1, maxLength: 3 }).map((content) => ({ type: 'bulletList', content })),
      fc.array(tie('task'), { minLength: 1, maxLength: 3 }).map((content) => ({ type: 'taskList', content })),
      fc
        .tuple(fc.constantFrom(1, 1, 3, 10), fc.array(tie('item'), { minLength: 1, maxLength: 3 }))
        .map(([start, content]) => ({ type: 'orderedList', attrs: { start }, content })),
    ) as fc.Arbitrary<Piece>,
  };
});
const document = fc.array(block, { minLength: 1, maxLength: 4 }).map((content): Piece => ({ type: 'doc', content }));

/** What a document says, by its marks and blocks: without what Markdown leaves out. */
function said(piece: Piece): unknown {
  const content = piece.content ?? [];
  const full = content.filter((child) => !(child.type === 'paragraph' && isBlank(child)));
  const kept = full.length > 0 ? full : content.slice(0, 1);
  if (['paragraph', 'heading'].includes(piece.type)) return [piece.type, piece.attrs?.['level'], saidLine(content)];
  if (piece.type === 'codeBlock') return ['code', content.map((child) => child.text).join('')];
  return [
    piece.type,
    piece.attrs?.['checked'],
    piece.type === 'orderedList' ? piece.attrs?.['start'] : null,
    kept.map(said),
  ];
}
const isBlank = (piece: Piece): boolean => saidLine(piece.content ?? []).length === 0;

/** Letter by letter, each with its marks: blanks have none, and there are none where lines begin and end. */
function saidLine(pieces: Piece[]): string[] {
  const letters: string[] = [];
  for (const piece of pieces) {
    if (piece.type !== 'text') letters.push(JSON.stringify([piece.type, piece.attrs?.['src'], piece.attrs?.['id']]));
    else {
      const code = piece.marks?.some(({ type }) => type === 'code');
      const own = (code ? [{ type: 'code' }] : (piece.marks ?? []))
        .map(({ type, attrs }) => `${type}${type === 'link' ? String((attrs as { href: string }).href) : ''}`)
        .sort();
      for (const letter of piece.text ?? '') letters.push(/\s/.test(letter) && !code ? ' ' : `${letter} ${own.join()}`);
    }
  }
  const isBreak = (letter: string | undefined) => letter === undefined || letter.startsWith('["hardBreak"');
  let all = letters;
  for (let count = -1; count !== all.length;) {
    count = all.length;
    all = all.filter((letter, at) => letter !== ' ' || !(isBreak(all[at - 1]) || isBreak(all[at + 1])));
  }
  return all;
}

describe('a text', () => {
  test.each([
    ['a paragraph', 'One **bold** and *italic* `code` ~~gone~~ [link](https://a.test/x).'],
    ['line breaks', 'one\\\ntwo'],
    ['headings', '# One\n\n## Two\n\n### Three'],
    ['lists in lists', '- a\n  - b\n    1. c\n    2. d\n- e'],
    ['boxes', '- [ ] open\n- [x] done\n  - [ ] within'],
    ['a quote', '> a\n> - b\n>\n> c'],
    ['code', '```sql\nselect 1;\n\n-- `x`\n```'],
    ['a table', '| a | b |\n| --- | --- |\n| 1 \\| 2 | **3** |\n| x<br>y |  |'],
    ['a mention', `Ask <@${ANN}> today`],
    ['an image', `![A plan](/files/${ANN})`],
    ['an address', 'See https://a.test/x?y=1 there'],
    ['a rule', 'a\n\n___\n\nb'],
    ['what looks like markup', '1\\. \\*a\\* \\<b> snake_case # 2 & 3'],
  ])('keeps %s as written', (_, markdown) => {
    expect(roundTrip(markdown)).toBe(markdown);
  });

  test.each([
    ['* a\n* b', '- a\n- b'],
    ['one\ntwo', 'one\\\ntwo'],
    ['Title\n===', '# Title'],
    ['#### deep', '### deep'],
    ['<b>bold</b>', '\\<b>bold\\</b>'],
    ['', ''],
    ['[x](javascript:alert(1))', '\\[x\\](javascript:alert(1))'],
  ])('reads %j', (markdown, expected) => {
    expect(roundTrip(markdown)).toBe(expected);
  });

  test('comes back the same from Markdown, whatever it holds', () => {
    fc.assert(
      fc.property(document, (given) => {
        const before = held(given);
        const markdown = writeMarkdown(before);
        const after = held(readMarkdown(markdown));
        expect(said(after)).toEqual(said(before));
        // What was written once is written the same.
        expect(writeMarkdown(after)).toBe(markdown);
      }),
      { numRuns: 700 },
    );
  });

  test('reads whatever is in the column, and changes nothing by being read and written again', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(words, fc.constantFrom('\n', '\n\n', '\t', '| a |', '[x](/y)', '![z](/files/q)', '<em>', '</em>')),
          { maxLength: 30 },
        ),
        (parts) => {
          const once = roundTrip(parts.join(''));
          expect(roundTrip(once)).toBe(once);
        },
      ),
      { numRuns: 1500 },
    );
  });
});
