import { useMediaQuery } from '@mantine/hooks';

/** Below this width the side navigation becomes a drawer and tables become lists; Shell.module.css says the same. */
export const usePhone = (): boolean =>
  useMediaQuery('(max-width: 760px)', undefined, { getInitialValueInEffect: false });
