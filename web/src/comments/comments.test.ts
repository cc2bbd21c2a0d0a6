import fc from 'fast-check';
import { commentParts, type Part } from './commentParts.ts';
import { addMention, mentionAt, toBody, toText, type Mention } from './mentions.ts';

const ANN = '01a22425-27d2-78d7-83b9-c8bec6f1d40e';
const LEE = '01a22425-32dc-7c0e-9fd6-9a6464e89203';

describe('the parts of a comment', () => {
  test('are text, mentions, links, bold and code', () => {
    expect(commentParts(`Ask <@${ANN}> **today**: see https://acme.test/a(b)?x=1. or \`select 1\``)).toEqual([
      { kind: 'text', text: 'Ask ' },
      { kind: 'mention', id: ANN },
      { kind: 'text', text: ' ' },
      { kind: 'bold', text: 'today' },
      { kind: 'text', text: ': see ' },
      { kind: 'link', text: 'https://acme.test/a(b)?x=1', url: 'https://acme.test/a(b)?x=1' },
      { kind: 'text', text: '. or ' },
      { kind: 'code', text: 'select 1' },
    ]);
    expect(commentParts('(https://acme.test)')).toMatchObject([{}, { text: 'https://acme.test' }, { text: ')' }]);
  });

  test.each(['javascript:alert(1)', 'data:text/html,<script>', 'http://', '<a href="https://x.test">', 'vbscript:x'])(
    '%s leads nowhere but to where it says',
    (body) => {
      for (const part of commentParts(body)) if (part.kind === 'link') expect(part.url).toMatch(/^https?:\/\//);
    },
  );

  test('lose nothing of a text, and lead by http alone, whatever is written', () => {
    const source = (part: Part): string =>
      part.kind === 'mention'
        ? `<@${part.id}>`
        : part.kind === 'bold'
          ? `**${part.text}**`
          : part.kind === 'code'
            ? `\`${part.text}\``
            : part.text;
    const piece = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 12 }),
      fc.constantFrom(
        '**',
        '`',
        '<@',
        '>',
        'https://',
        'http://a.test',
        'javascript:',
        '<img src=x onerror=alert(1)>',
        '\n',
        '(',
        ')',
        `<@${ANN}>`,
      ),
      fc.webUrl(),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
        const body = pieces.join('');
        const parts = commentParts(body);
        expect(parts.map(source).join('').toLowerCase()).toBe(body.toLowerCase());
        for (const part of parts)
          if (part.kind === 'link') {
            expect(['http:', 'https:']).toContain(new URL(part.url).protocol);
            expect(body).toContain(part.text);
          }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('mentions', () => {
  const mentions: Mention[] = [
    { id: ANN, name: 'Ann' },
    { id: LEE, name: 'Ann Lee' },
  ];

  test('are names while they are written, and ids when they are kept', () => {
    const text = '@Ann Lee and @Ann, not @Annabel nor @Bob';
    const body = `<@${LEE}> and <@${ANN}>, not @Annabel nor @Bob`;
    expect(toBody(text, mentions)).toBe(body);
    expect(toText(body, { [ANN]: 'Ann', [LEE]: 'Ann Lee' })).toMatchObject({ text });
    expect(toText(`<@${ANN}>`, {})).toEqual({ text: '@somebody', mentions: [{ id: ANN, name: 'somebody' }] });
  });

  test('of two members with one name are told apart', () => {
    const second = addMention(mentions, '01a22425-0000-7000-8000-000000000000', 'Ann');
    expect(second.name).toBe('Ann (2)');
    expect(toBody('@Ann (2) @Ann', second.mentions)).toBe(`<@01a22425-0000-7000-8000-000000000000> <@${ANN}>`);
  });

  test('come back the same from an edit that changes nothing', () => {
    const name = fc.oneof(
      fc.constantFrom('Ann', 'Ann Lee', 'O’Neil', 'J. R.', 'a+b', '(x)', '$1', '\\'),
      fc.string({ minLength: 1, maxLength: 8 }),
    );
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.uuid(), { minLength: 1, maxLength: 4 }),
        fc.array(name, { minLength: 4, maxLength: 4 }),
        fc.array(fc.oneof(fc.nat(3), fc.constantFrom(' ', ', ', '.\n', ' word ')), { maxLength: 10 }),
        (ids, names, pieces) => {
          const called = Object.fromEntries(ids.map((id, i) => [id, names[i]!]));
          // Between two mentions there is something.
          const body = pieces
            .map((each) => (typeof each === 'number' ? `<@${ids[each % ids.length]}>;` : each))
            .join('');
          const { text, mentions: written } = toText(body, called);
          fc.pre(
            !written.some((a) => written.some((b) => a !== b && `${a.name};`.startsWith(b.name) && a.name !== b.name)),
          );
          expect(toBody(text, written)).toBe(body);
        },
      ),
      { numRuns: 1000 },
    );
  });

  test.each([
    ['@', 1, { start: 0, query: '' }],
    ['Hello @an', 9, { start: 6, query: 'an' }],
    ['Hello @ann le', 13, { start: 6, query: 'ann le' }],
    ['(@an', 4, { start: 1, query: 'an' }],
    ['ann@acme', 8, null],
    ['@ann lee came', 13, null],
    ['Hello @an', 5, null],
  ])('%s at %i', (text, caret, expected) => {
    expect(mentionAt(text, caret)).toEqual(expected);
  });
});
