import { useCallback, useSyncExternalStore } from 'react';

const onScreen = new Map<string, boolean>();

/**
 * Whether the window is so. Paper has a width of its own, for which browsers ask such queries anew while they print: a page
 * that were then another one would be read again, and printed before it was there.
 */
function useScreen(query: string): boolean {
  const subscribe = useCallback(
    (notify: () => void) => {
      const asked = window.matchMedia(query);
      asked.addEventListener('change', notify);
      return () => asked.removeEventListener('change', notify);
    },
    [query],
  );
  return useSyncExternalStore(subscribe, () => {
    if (!onScreen.has(query) || !window.matchMedia('print').matches)
      onScreen.set(query, window.matchMedia(query).matches);
    return onScreen.get(query) === true;
  });
}

/** Below this width the side navigation becomes a drawer and tables become lists; Shell.module.css says the same. */
export const usePhone = (): boolean => useScreen('(max-width: 760px)');

/** Below this width what stands beside each other on a record's page goes into tabs. */
export const useNarrow = (): boolean => useScreen('(max-width: 1000px)');

/** Where fingers point, who hit no less than 44 pixels. */
export const useTouch = (): boolean => useScreen('(pointer: coarse)');
