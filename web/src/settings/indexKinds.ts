import type { IndexKind } from '../model/types.ts';

export const INDEX_KINDS: { value: IndexKind; label: string; hint: string }[] = [
  { value: 'BTREE', label: 'Order and equality', hint: 'B-tree: sorting, ranges, exact values' },
  { value: 'TRIGRAM', label: 'Contains', hint: 'Trigram: parts of words, as people type them' },
  { value: 'GIN', label: 'Lists and JSON', hint: 'GIN: multi-selects, lists, JSON' },
];
