/** Which parts of `after` stand in `before`, in one order: pairs of places, the most that there are. */
function matches(before: string[], after: string[]): Map<number, number> {
  const found = new Map<number, number>();
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) {
    found.set(start, start);
    start += 1;
  }
  let [endBefore, endAfter] = [before.length, after.length];
  while (endBefore > start && endAfter > start && before[endBefore - 1] === after[endAfter - 1]) {
    endBefore -= 1;
    endAfter -= 1;
    found.set(endBefore, endAfter);
  }
  const [height, width] = [endBefore - start, endAfter - start];
  // Beyond that it takes too long, and all in between counts as changed.
  if (height * width > 4_000_000) return found;
  const lengths = Array.from({ length: height + 1 }, () => new Uint32Array(width + 1));
  for (let i = height - 1; i >= 0; i--)
    for (let j = width - 1; j >= 0; j--)
      lengths[i]![j] =
        before[start + i] === after[start + j]
          ? lengths[i + 1]![j + 1]! + 1
          : Math.max(lengths[i + 1]![j]!, lengths[i]![j + 1]!);
  for (let i = 0, j = 0; i < height && j < width;) {
    if (before[start + i] === after[start + j]) {
      found.set(start + i, start + j);
      i += 1;
      j += 1;
    } else if (lengths[i + 1]![j]! >= lengths[i]![j + 1]!) i += 1;
    else j += 1;
  }
  return found;
}

type Clash = (base: string[], mine: string[], theirs: string[]) => string[];

const same = (a: string[], b: string[]): boolean => a.length === b.length && a.every((part, at) => part === b[at]);

/** Puts two changes of one text together. What both changed in one place, `clash` decides. */
function mergeParts(base: string[], mine: string[], theirs: string[], clash: Clash): string[] {
  const [inMine, inTheirs] = [matches(base, mine), matches(base, theirs)];
  const merged: string[] = [];
  let [atMine, atTheirs, from] = [0, 0, 0];
  const settle = (to: number, toMine: number, toTheirs: number) => {
    const [was, own, other] = [base.slice(from, to), mine.slice(atMine, toMine), theirs.slice(atTheirs, toTheirs)];
    if (same(own, other) || same(was, other)) merged.push(...own);
    else if (same(was, own)) merged.push(...other);
    else merged.push(...clash(was, own, other));
  };
  for (let at = 0; at < base.length; at++) {
    const [placeMine, placeTheirs] = [inMine.get(at), inTheirs.get(at)];
    if (placeMine === undefined || placeTheirs === undefined) continue;
    settle(at, placeMine, placeTheirs);
    merged.push(base[at]!);
    [atMine, atTheirs, from] = [placeMine + 1, placeTheirs + 1, at + 1];
  }
  settle(base.length, mine.length, theirs.length);
  return merged;
}

const linesOf = (text: string): string[] => (text === '' ? [] : text.split('\n'));
const wordsOf = (lines: string[]): string[] => lines.join('\n').match(/\s+|[^\s]+/g) ?? [];

/**
 * Puts together what two have made of one text: line by line, and word by word where both changed a line. Where they changed the
 * same words, both versions stay, one after the other, so that nothing that somebody wrote is lost; `clashes` counts these places.
 */
export function mergeTexts(base: string, mine: string, theirs: string): { text: string; clashes: number } {
  let clashes = 0;
  const lines = mergeParts(linesOf(base), linesOf(mine), linesOf(theirs), (was, own, other) => {
    let isClash = false;
    const words = mergeParts(wordsOf(was), wordsOf(own), wordsOf(other), (old, left, right) => {
      // One of them only took away.
      if (left.length === 0 || right.length === 0) return [...left, ...right];
      if (old.length === 0) return [...left, ...(/\s$/.test(left.at(-1)!) ? [] : [' ']), ...right];
      isClash = true;
      return left;
    });
    if (!isClash && was.length > 0) return linesOf(words.join(''));
    if (isClash) clashes += 1;
    const gap = own.at(-1) === '' || other[0] === '' || own.length === 0 || other.length === 0 ? [] : [''];
    return [...own, ...gap, ...other];
  });
  return { text: lines.join('\n'), clashes };
}
