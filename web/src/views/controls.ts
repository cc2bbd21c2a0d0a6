import type { TableSearch } from '../app/router.tsx';
import type { ObjectViews, SavedView } from './savedViews.ts';

/** What the parts of a table's page need to know of its views, and may do. */
export interface ViewControls {
  known: ObjectViews;
  /** The view that is open; null for all records. */
  view: SavedView | null;
  /** Where what is shown differs from it. */
  changes: TableSearch;
  /** Opens a view, by its id one that is new, or with null all records. */
  open: (view: SavedView | string | null) => void;
  discard: () => void;
}

export const isChanged = ({ changes }: ViewControls): boolean => Object.keys(changes).length > 0;
