import type { MantineColorScheme } from '@mantine/core';
import { create } from 'zustand';
import { ask, perform } from '../model/calls.ts';
import { speak } from '../language/language.ts';
import { deviceTimeZone, PLAIN_FORMATS, setFormats, type Formats } from '../model/formats.ts';
import { useOwnKeys, type OwnKeys } from '../shortcuts/ownKeys.ts';
import { announceFailure } from '../records/announce.tsx';
import { t } from '../language/t.ts';

export interface Profile extends Formats {
  memberId: string;
  email: string;
  firstName: string;
  lastName: string;
  avatarUrl: string | null;
  colorScheme: 'SYSTEM' | 'LIGHT' | 'DARK';
  /** Keys of shortcuts, where they are others than the usual ones. */
  shortcuts: OwnKeys;
  /** How close lines stand. */
  density: 'COMPACT' | 'COMFORTABLE' | 'SPACIOUS';
  /** Whether the role may invite and change members. */
  keepsMembers: boolean;
  /** Whether the member administers the server, whatever the role is. */
  administersInstance: boolean;
  /** Whether the language and the time zone were taken from a browser once. */
  isSettled: boolean;
}

/** Null for who is no member, and before it is read. */
export const useProfile = create<{ profile: Profile | null }>(() => ({ profile: null }));

function keep(profile: Profile | null): void {
  setFormats(profile ?? PLAIN_FORMATS);
  useProfile.setState({ profile });
  useOwnKeys.setState({ own: profile?.shortcuts ?? {} });
  if (profile) speak(profile.locale);
}

/** At the first sign-in the language and the time zone are those of the browser. */
export async function readProfile(): Promise<void> {
  const profile = await ask<Profile | null>('myProfile');
  keep(
    profile && !profile.isSettled
      ? await perform<Profile>('settleMyProfile', { locale: navigator.language, timeZone: deviceTimeZone() })
      : profile,
  );
}

export async function saveProfile(
  values: Partial<
    Omit<
      Profile,
      'memberId' | 'email' | 'avatarUrl' | 'keepsMembers' | 'administersInstance' | 'isSettled' | 'shortcuts'
    >
  >,
): Promise<void> {
  keep(await perform<Profile>('updateMyProfile', values));
}

/** The picture in base64; none takes it away. */
export async function savePhoto(photo: { mediaType: string; contentBase64: string } | null): Promise<void> {
  keep(await perform<Profile>('setMyPhoto', photo ?? {}));
}

/** Holds at once; what could not be kept is taken back, and told. */
export async function keepShortcuts(shortcuts: OwnKeys): Promise<void> {
  const { own } = useOwnKeys.getState();
  useOwnKeys.setState({ own: shortcuts });
  try {
    keep(await perform<Profile>('setMyShortcuts', { shortcuts }));
  } catch (cause) {
    useOwnKeys.setState({ own });
    announceFailure(t('The keys were not kept'), cause);
  }
}

const SCHEMES = { auto: 'SYSTEM', light: 'LIGHT', dark: 'DARK' } as const;

/** The choice holds on this device at once, and on others from their next start, which is told when it was not saved. */
export async function keepColorScheme(scheme: MantineColorScheme): Promise<void> {
  // Whoever is no member has no profile, and the device remembers.
  if (!useProfile.getState().profile) return;
  try {
    await saveProfile({ colorScheme: SCHEMES[scheme] });
  } catch (cause) {
    announceFailure(t('The colours hold on this device only'), cause);
  }
}

export const schemeOf = (profile: Profile): MantineColorScheme =>
  profile.colorScheme === 'LIGHT' ? 'light' : profile.colorScheme === 'DARK' ? 'dark' : 'auto';
