import fc from 'fast-check';
import { EncodingDetector, sniffUtf16 } from './encoding.ts';

function detect(bytes: Buffer, step = 7): string {
  const detector = new EncodingDetector();
  for (let at = 0; at < bytes.length; at += step) detector.add(bytes.subarray(at, at + step));
  return detector.end();
}

/** MacRoman has ä at 0x8a and so on; Node writes none of it. */
const mac = (text: string) =>
  Buffer.from(
    [...text].map((letter) => ({ ä: 0x8a, ö: 0x9a, ü: 0x9f, ß: 0xa7, é: 0x8e })[letter] ?? letter.charCodeAt(0)),
  );

test.each([
  ['plain letters', Buffer.from('Name,City\nAda,London\n'), 'utf-8'],
  ['UTF-8', Buffer.from('Müller,Köln,日本,🙂\n'), 'utf-8'],
  ['UTF-8 with a mark', Buffer.from('\ufeffMüller\n'), 'utf-8'],
  ['Windows', Buffer.from('Müller,Köln,Straße\n', 'latin1'), 'windows-1252'],
  ['Windows with its quotes', Buffer.from([0x93, 0x41, 0x94, 0x20, 0x96, 0x20, 0x80, 0x35, 0x0a]), 'windows-1252'],
  ['an old Mac', mac('Müller,Köln,Café\n'), 'macintosh'],
  ['UTF-16 with a mark', Buffer.from('\ufeffName,City\nMüller,Köln\n', 'utf16le'), 'utf-16le'],
])('%s', (_name, bytes, encoding) => {
  expect(detect(bytes, 4096)).toBe(encoding);
});

test('UTF-16 is known without its mark, in either order', () => {
  const bytes = Buffer.from('Name,City\nMüller,Köln\n', 'utf16le');
  expect(sniffUtf16(bytes)).toBe('utf-16le');
  expect(sniffUtf16(Buffer.from(bytes).swap16())).toBe('utf-16be');
});

test('what is valid UTF-8 is never taken for anything else, wherever it is cut', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), fc.integer({ min: 1, max: 9 }), (text, step) => {
      // Texts of zeros and other signs that nobody writes are no texts.
      fc.pre(!text.includes('\0') && text.isWellFormed());
      const bytes = Buffer.from(text);
      fc.pre(sniffUtf16(bytes.subarray(0, step)) === null);
      expect(detect(bytes, step)).toBe('utf-8');
    }),
  );
});
