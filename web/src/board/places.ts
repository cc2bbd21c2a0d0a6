/** A card and where it stands: the smaller first, and of the same the one with the greater id, which is the newer. */
export interface Placed {
  id: string;
  position: number;
}

export const inOrder = (a: Placed, b: Placed): number =>
  a.position - b.position || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0);

/**
 * The position that puts a card at a place among others, in their order. Cards that nobody has arranged yet all stand at the same
 * position: of these, those that come before it get their own, too. Cards after it stay as they are.
 */
export function placeAt(cards: Placed[], at: number): { position: number; others: Placed[] } {
  const before = cards[at - 1];
  const after = cards[at];
  if (!after) return { position: before ? Math.floor(before.position) + 1 : 0, others: [] };
  if (!before) return { position: Math.ceil(after.position) - 1, others: [] };
  // From how far up cards move: as far as there is no room between them.
  for (let from = at; from >= 0; from--) {
    const moved = cards.slice(from, at);
    const above = cards[from - 1];
    const start = above ? above.position : after.position - moved.length - 2;
    const step = (after.position - start) / (moved.length + 2);
    const positions = [...moved, null].map((_, index) => start + step * (index + 1));
    const isRoom = positions.every(
      (position, index) => position > (positions[index - 1] ?? start) && position < after.position,
    );
    if (!isRoom) continue;
    return {
      position: positions.at(-1) ?? 0,
      others: moved.map(({ id }, index) => ({ id, position: positions[index] ?? 0 })),
    };
  }
  return { position: after.position - 1, others: [] };
}
