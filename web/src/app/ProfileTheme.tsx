import { useMantineColorScheme, type MantineColorScheme } from '@mantine/core';
import { useEffect, useEffectEvent, useLayoutEffect } from 'react';
import { useDensityFactor } from './density.ts';
import { schemeOf, useProfile } from '../session/profile.ts';

/** What the profile says of light and dark, and of how close lines stand, holds on every device of the member. */
export function ProfileTheme() {
  const scheme = useProfile((state) => (state.profile ? schemeOf(state.profile) : null));
  const { setColorScheme } = useMantineColorScheme();
  // Mantine's setter is another after each change. Only a change of the profile counts: what was chosen a moment ago is
  // not in it yet.
  const apply = useEffectEvent((to: MantineColorScheme) => setColorScheme(to));
  useEffect(() => {
    if (scheme) apply(scheme);
  }, [scheme]);
  const factor = useDensityFactor();
  useLayoutEffect(() => document.documentElement.style.setProperty('--rv-density', String(factor)), [factor]);
  return null;
}
