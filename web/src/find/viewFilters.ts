import { ANY_FIELD, type Filter } from '../model/filters.ts';
import { isGroup, type FilterNode } from '../model/filterTree.ts';

/** The search in a view is one of its filters: it is in the address, and is saved with the view. */
export const isSearch = (node: FilterNode): node is Filter =>
  !isGroup(node) && node.field === ANY_FIELD && node.operator === 'contains' && node.via === undefined;

/** The filters with a search for this text, or without one. */
export function withSearch(filters: FilterNode[], text: string): FilterNode[] {
  const at = filters.findIndex(isSearch);
  const others = filters.filter((_, index) => index !== at);
  return text.trim() === '' ? others : [{ field: ANY_FIELD, operator: 'contains', value: text }, ...others];
}
