export const OBJECT_TABS = ['relations', 'rules', 'indexes', 'history', 'settings'] as const;

/** What the address says of the page of an object: which part of it is open. */
export interface ObjectSearch {
  tab?: (typeof OBJECT_TABS)[number];
  /** The API name of the field that is open beside the list. */
  field?: string;
}
