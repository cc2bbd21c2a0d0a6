import { useEffect, useRef, type ReactNode } from 'react';

/** Something that can be done on the page, or with what is selected on it. */
export interface PageAction {
  id: string;
  label: string;
  keys?: string;
  icon: ReactNode;
  run: () => void;
  /** One of many: it shows only once one looks for it. */
  isMinor?: boolean;
  /** Asked when the menu opens. */
  isThere?: () => boolean;
}

/** What actions are done to; what is chosen more expressly stands first. */
type Kind = 'selection' | 'record' | 'page';
const ORDER: Kind[] = ['selection', 'record', 'page'];

export interface PageActions {
  kind: Kind;
  /** What they are done to, in words; null: the page. */
  about: string | null;
  actions: PageAction[];
}

const offers = new Set<() => PageActions>();

/** What can be done now: with what is selected, with the record in hand, and on the page; of a kind what came last first. */
export const pageActions = (): PageActions[] =>
  [...offers]
    .toReversed()
    .map((offer) => offer())
    .map((each) => ({ ...each, actions: each.actions.filter(({ isThere }) => isThere?.() ?? true) }))
    .filter(({ actions }) => actions.length > 0)
    .sort((one, other) => ORDER.indexOf(one.kind) - ORDER.indexOf(other.kind));

/** Offers actions in the command menu while this is on the page. */
export function usePageActions(actions: PageAction[], kind: Kind = 'page', about: string | null = null): void {
  const latest = useRef<PageActions>({ kind, about, actions });
  useEffect(() => {
    latest.current = { kind, about, actions };
  });
  useEffect(() => {
    const offer = () => latest.current;
    offers.add(offer);
    return () => void offers.delete(offer);
  }, []);
}
