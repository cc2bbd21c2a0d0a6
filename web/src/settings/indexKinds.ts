import type { IndexKind } from '../model/types.ts';
import { t } from '../language/t.ts';

export const INDEX_KINDS: { value: IndexKind; label: string; hint: string }[] = [
  { value: 'BTREE', label: t('Order and equality'), hint: t('B-tree: sorting, ranges, exact values') },
  { value: 'TRIGRAM', label: t('Contains'), hint: t('Trigram: parts of words, as people type them') },
  { value: 'GIN', label: t('Lists and JSON'), hint: t('GIN: multi-selects, lists, JSON') },
];

/** A part of a field, such as the city of an address, in words. */
export function partLabel(part: string): string {
  if (part === '') return t('Value');
  const words = part.replace(/Micros$|Code$/, '').replace(/([a-z])([A-Z0-9])/g, '$1 $2');
  return words.charAt(0).toUpperCase() + words.slice(1).toLowerCase();
}
