import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { inOrder, placeAt, type Placed } from './places.ts';

/** Puts a card there as the database would: with the positions that are asked for, and then in order. */
function arranged(cards: Placed[], card: string, at: number): string[] {
  const { position, others } = placeAt(cards, at);
  const moved = new Map(others.map((each) => [each.id, each.position]));
  return [...cards.map((each) => ({ ...each, position: moved.get(each.id) ?? each.position })), { id: card, position }]
    .sort(inOrder)
    .map(({ id }) => id);
}

const card = fc.record({ id: fc.uuid(), position: fc.constantFrom(0, 0, 0, 1, -1, 0.5, 2, 1e-9) });

test('a card comes to lie where it is put, and the others stay in their order', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(card, { selector: ({ id }) => id, maxLength: 30 }),
      fc.uuid(),
      fc.nat(30),
      (found, id, n) => {
        fc.pre(!found.some((each) => each.id === id));
        const cards = found.sort(inOrder);
        const at = Math.min(n, cards.length);
        const ids = cards.map((each) => each.id);
        expect(arranged(cards, id, at)).toEqual([...ids.slice(0, at), id, ...ids.slice(at)]);
      },
    ),
  );
});

test('cards after it never move, and none does where there is room', () => {
  const cards = [1, 2, 3].map((position) => ({ id: `${position}`, position }));
  expect(placeAt(cards, 1)).toEqual({ position: 1.5, others: [] });
  const untouched = ['d', 'c', 'b', 'a'].map((id) => ({ id, position: 0 }));
  expect(placeAt(untouched, 0)).toEqual({ position: -1, others: [] });
  expect(placeAt(untouched, 2)).toEqual({
    position: -1,
    others: [
      { id: 'd', position: -3 },
      { id: 'c', position: -2 },
    ],
  });
});

test('one place is found again and again, also when halves have become too small', () => {
  let cards: Placed[] = [
    { id: 'first', position: 0 },
    { id: 'last', position: 1 },
  ];
  for (let n = 0; n < 200; n++) {
    const id = `card ${n}`;
    const { position, others } = placeAt(cards, cards.length - 1);
    const moved = new Map(others.map((each) => [each.id, each.position]));
    cards = cards.map((each) => ({ ...each, position: moved.get(each.id) ?? each.position }));
    cards.splice(-1, 0, { id, position });
    expect([...cards].sort(inOrder)).toEqual(cards);
  }
});
