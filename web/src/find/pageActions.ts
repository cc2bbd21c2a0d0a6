import { useEffect, useRef, type ReactNode } from 'react';

/** Something that can be done on the page, or with what is selected on it. */
export interface PageAction {
  id: string;
  label: string;
  icon: ReactNode;
  run: () => void;
}

const pages = new Set<() => PageAction[]>();

/** What can be done now, that of what came last to the page first. */
export const pageActions = (): PageAction[] => [...pages].toReversed().flatMap((actions) => actions());

/** Offers actions in the command menu while this is on the page. */
export function usePageActions(actions: PageAction[]): void {
  const latest = useRef(actions);
  useEffect(() => {
    latest.current = actions;
  });
  useEffect(() => {
    const offer = () => latest.current;
    pages.add(offer);
    return () => void pages.delete(offer);
  }, []);
}
