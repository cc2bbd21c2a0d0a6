/** UTF-16 by its mark, or without one by every other byte of plain letters being zero; null for anything else. */
export function sniffUtf16(head: Buffer): 'utf-16le' | 'utf-16be' | null {
  if (head[0] === 0xff && head[1] === 0xfe) return 'utf-16le';
  if (head[0] === 0xfe && head[1] === 0xff) return 'utf-16be';
  const size = Math.min(head.length & ~1, 4096);
  if (size < 8) return null;
  let [even, odd] = [0, 0];
  for (let i = 0; i < size; i += 2) {
    if (head[i] === 0) even += 1;
    if (head[i + 1] === 0) odd += 1;
  }
  const most = size / 2;
  if (odd > most * 0.6 && even < most * 0.05) return 'utf-16le';
  if (even > most * 0.6 && odd < most * 0.05) return 'utf-16be';
  return null;
}

/** Marks of Windows-1252 between 0x80 and 0x9f that are at home between letters: quotes, dashes, the euro, the trademark. */
const WINDOWS_MARKS = new Set([0x80, 0x85, 0x91, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x99]);

/**
 * Tells the encoding of a text by all of its bytes. What is valid UTF-8 is UTF-8: by chance nothing else is. Of the old
 * encodings with one byte a character, Windows-1252 has its letters above 0xc0 and MacRoman its own between 0x80 and 0x9f.
 */
export class EncodingDetector {
  private readonly utf8 = new TextDecoder('utf-8', { fatal: true });
  private isUtf8 = true;
  private utf16: string | null | undefined;
  private macLetters = 0;
  private windowsLetters = 0;

  add(chunk: Buffer): void {
    this.utf16 ??= sniffUtf16(chunk);
    if (this.isUtf8)
      try {
        this.utf8.decode(chunk, { stream: true });
      } catch {
        this.isUtf8 = false;
      }
    for (const byte of chunk) {
      if (byte < 0x80) continue;
      if (byte >= 0xc0) this.windowsLetters += 1;
      else if (byte < 0xa0 && !WINDOWS_MARKS.has(byte)) this.macLetters += 1;
    }
  }

  end(): string {
    if (this.utf16) return this.utf16;
    if (this.isUtf8)
      try {
        this.utf8.decode();
        return 'utf-8';
      } catch {
        // A character is cut off at the end, which UTF-8 never is.
      }
    return this.macLetters > this.windowsLetters ? 'macintosh' : 'windows-1252';
  }
}
