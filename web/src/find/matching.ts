/** As search compares texts: without case and accents. */
export const plain = (text: string): string => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();

/** Whether two words are at most one slip of the pen apart: a letter too many, too few or wrong, or two that changed places. */
function isNear(one: string, other: string): boolean {
  if (Math.abs(one.length - other.length) > 1) return false;
  let start = 0;
  while (start < one.length && one[start] === other[start]) start += 1;
  let end = 0;
  while (end < Math.min(one.length, other.length) - start && one.at(-1 - end) === other.at(-1 - end)) end += 1;
  const [left, right] = [one.slice(start, one.length - end), other.slice(start, other.length - end)];
  return (
    left.length + right.length <= 1 ||
    (left.length === 1 && right.length === 1) ||
    (left.length === 2 && right.length === 2 && left[0] === right[1] && left[1] === right[0])
  );
}

const SLIPS_FROM = 4;

/**
 * How well a query fits what a command is called: 4 it begins so, 3 each word begins one of its words, 2 each is in it, 1 each but for
 * a slip of the pen; 0 it does not. The last word of a query may be the beginning of one.
 */
export function fit(query: string, label: string): number {
  const wanted = plain(query).split(/\s+/).filter(Boolean);
  const text = plain(label);
  const words = text.split(/[^\p{L}\p{N}]+/u).filter(Boolean);
  if (wanted.length === 0) return 0;
  if (text.startsWith(wanted.join(' '))) return 4;
  if (wanted.every((each) => words.some((word) => word.startsWith(each)))) return 3;
  if (wanted.every((each) => text.includes(each))) return 2;
  const isMeant = (each: string) =>
    words.some(
      (word) =>
        word.startsWith(each) ||
        (each.length >= SLIPS_FROM && (isNear(each, word) || isNear(each, word.slice(0, each.length)))),
    );
  return wanted.every(isMeant) ? 1 : 0;
}
