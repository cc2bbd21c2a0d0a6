import fc from 'fast-check';
import { mergeTexts } from './merge.ts';

const BASE = 'Plan\n\nFirst call Ann.\n\nThen write the offer.';

test.each([
  [
    'paragraphs apart',
    'Plan\n\nFirst call Bob.\n\nThen write the offer.',
    `${BASE}\n\nAnd send it.`,
    'Plan\n\nFirst call Bob.\n\nThen write the offer.\n\nAnd send it.',
  ],
  [
    'one paragraph, in different words',
    BASE.replace('First', 'Soon'),
    BASE.replace('Ann', 'Bob'),
    'Plan\n\nSoon call Bob.\n\nThen write the offer.'.replace('Bob.', 'Bob.'),
  ],
  ['the same change', BASE.replace('Ann', 'Bob'), BASE.replace('Ann', 'Bob'), BASE.replace('Ann', 'Bob')],
  ['nothing by one', BASE, `${BASE} Today.`, `${BASE} Today.`],
])('two who change %s are put together', (_, mine, theirs, expected) => {
  expect(mergeTexts(BASE, mine, theirs)).toEqual({ text: expected, clashes: 0 });
});

test('two who change the same words are both kept', () => {
  expect(mergeTexts(BASE, BASE.replace('Ann', 'Bob'), BASE.replace('Ann', 'Cid'))).toEqual({
    text: 'Plan\n\nFirst call Bob.\n\nFirst call Cid.\n\nThen write the offer.',
    clashes: 1,
  });
  expect(mergeTexts('', 'Mine', 'Theirs')).toEqual({ text: 'Mine\n\nTheirs', clashes: 0 });
});

test('nothing that somebody wrote is lost, whatever two write', () => {
  const line = fc.constantFrom('', 'a', 'b', 'a b', 'b c', 'c');
  const text = fc.array(line, { maxLength: 8 }).map((lines) => lines.join('\n'));
  const insertion = fc.tuple(fc.nat(), fc.constantFrom('X1', 'X2', 'X1 X2'), fc.boolean());
  const put = (base: string, [place, words, isLine]: [number, string, boolean], name: string) => {
    const lines = base.split('\n');
    const at = place % (lines.length + 1);
    const own = words.replaceAll('X', name);
    if (isLine || at === lines.length) lines.splice(at, 0, own);
    else lines[at] = `${lines[at]} ${own}`.trim();
    return lines.join('\n');
  };
  fc.assert(
    fc.property(text, insertion, insertion, (base, first, second) => {
      const [mine, theirs] = [put(base, first, 'M'), put(base, second, 'T')];
      const { text: merged } = mergeTexts(base, mine, theirs);
      for (const word of [...mine.split(/\s+/), ...theirs.split(/\s+/)])
        if (/[MT]/.test(word)) expect(merged).toContain(word);
      // Who did nothing gets the other's; both agree on what becomes of it.
      expect(mergeTexts(base, base, theirs).text).toBe(theirs);
      expect(mergeTexts(base, mine, base).text).toBe(mine);
      expect(mergeTexts(base, mine, mine).text).toBe(mine);
    }),
    { numRuns: 2000 },
  );
});
