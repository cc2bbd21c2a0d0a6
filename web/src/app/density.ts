import { announceFailure } from '../records/announce.tsx';
import { saveProfile, useProfile, type Profile } from '../session/profile.ts';
import { useTouch } from './phone.ts';
import { t } from '../language/t.ts';

export type Density = Profile['density'];

export const DENSITIES: { value: Density; label: string }[] = [
  { value: 'COMPACT', label: t('Compact') },
  { value: 'COMFORTABLE', label: t('Comfortable') },
  { value: 'SPACIOUS', label: t('Spacious') },
];

/** How tall lines are, in parts of what they usually are. Styles read it as --rv-density. */
const FACTORS: { [density in Density]: number } = { COMPACT: 0.875, COMFORTABLE: 1, SPACIOUS: 1.25 };

/** What a finger hits without aiming. */
const TOUCHED = 44;

export const useDensity = (): Density => useProfile((state) => state.profile?.density ?? 'COMFORTABLE');

export const useDensityFactor = (): number => FACTORS[useDensity()];

/** The height of a line of which many lie below each other, each in a place that is worked out. */
export function useLineHeight(usual: number): number {
  const isTouched = useTouch();
  const height = Math.round(usual * useDensityFactor());
  return isTouched ? Math.max(TOUCHED, height) : height;
}

/** Holds at once, and is taken back where it could not be saved. */
export async function chooseDensity(density: Density): Promise<void> {
  const { profile } = useProfile.getState();
  if (!profile) return;
  useProfile.setState({ profile: { ...profile, density } });
  try {
    await saveProfile({ density });
  } catch (cause) {
    useProfile.setState({ profile });
    announceFailure(t('This was not saved'), cause);
  }
}
