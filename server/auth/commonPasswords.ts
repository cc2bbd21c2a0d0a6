import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The passwords that people try first: those of ten letters and more among the million found in breaches most often, as
 * a Bloom filter. It never misses one of them, and takes one in 20,000 others for one. docs/decisions/0015-sessions.md
 * says where the list comes from.
 */
const FILE = join(import.meta.dirname, 'commonPasswords.bloom');
const HASHES = 14;

let filter: Buffer | undefined;

/** Also where letters are large or written as digits are, and where digits and signs stand around one of them. */
export function isCommonPassword(password: string): boolean {
  filter ??= readFileSync(FILE);
  const plain = password.toLowerCase();
  const letters = plain.replace(/^[^\p{L}]+|[^\p{L}]+$/gu, '');
  return (
    /^(.{1,4})\1+.?$/u.test(plain) || [plain, letters, spell(plain), spell(letters)].some((each) => isIn(filter!, each))
  );
}

const SIGNS: Record<string, string> = { 0: 'o', 1: 'i', 3: 'e', 4: 'a', 5: 's', 7: 't', '@': 'a', $: 's', '!': 'i' };

const spell = (text: string): string => text.replaceAll(/[013457@$!]/g, (sign) => SIGNS[sign]!);

/** A filter of these passwords with 20 bits for each. */
export function makeFilter(passwords: readonly string[]): Buffer {
  const made = Buffer.alloc(Math.ceil((passwords.length * 20) / 8));
  for (const password of passwords) {
    for (const bit of bitsOf(made, password.toLowerCase())) made[bit >> 3]! |= 1 << (bit & 7);
  }
  return made;
}

export function isIn(bits: Buffer, password: string): boolean {
  return bitsOf(bits, password).every((bit) => (bits[bit >> 3]! & (1 << (bit & 7))) !== 0);
}

/** Two halves of one hash make all of them, as Kirsch and Mitzenmacher have shown. */
function bitsOf(bits: Buffer, password: string): number[] {
  const digest = createHash('sha256').update(password).digest();
  const [first, second] = [digest.readUIntBE(0, 6), digest.readUIntBE(6, 6)];
  return Array.from({ length: HASHES }, (_, i) => (first + i * second) % (bits.length * 8));
}
