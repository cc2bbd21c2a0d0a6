import { useMantineColorScheme } from '@mantine/core';
import { useEffect } from 'react';
import { schemeOf, useProfile } from '../session/profile.ts';

/** What the profile says of light and dark holds on every device of the member. */
export function ProfileTheme() {
  const scheme = useProfile((state) => (state.profile ? schemeOf(state.profile) : null));
  const { setColorScheme } = useMantineColorScheme();
  useEffect(() => {
    if (scheme) setColorScheme(scheme);
  }, [scheme, setColorScheme]);
  return null;
}
