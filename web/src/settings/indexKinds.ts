import type { IndexKind } from '../model/types.ts';

export const INDEX_KINDS: { value: IndexKind; label: string; hint: string }[] = [
  { value: 'BTREE', label: 'Order and equality', hint: 'B-tree: sorting, ranges, exact values' },
  { value: 'TRIGRAM', label: 'Contains', hint: 'Trigram: parts of words, as people type them' },
  { value: 'GIN', label: 'Lists and JSON', hint: 'GIN: multi-selects, lists, JSON' },
];

/** A part of a field, such as the city of an address, in words. */
export function partLabel(part: string): string {
  if (part === '') return 'Value';
  const words = part.replace(/Micros$|Code$/, '').replace(/([a-z])([A-Z0-9])/g, '$1 $2');
  return words.charAt(0).toUpperCase() + words.slice(1).toLowerCase();
}
