import { useMediaQuery } from '@mantine/hooks';

/** Below this width the side navigation becomes a drawer and tables become lists; Shell.module.css says the same. */
export const usePhone = (): boolean =>
  useMediaQuery('(max-width: 760px)', undefined, { getInitialValueInEffect: false });

/** Below this width what stands beside each other on a record's page goes into tabs. */
export const useNarrow = (): boolean =>
  useMediaQuery('(max-width: 1000px)', undefined, { getInitialValueInEffect: false });
