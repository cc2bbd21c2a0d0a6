import type { MantineColorScheme } from '@mantine/core';
import { create } from 'zustand';
import { ask, perform } from '../model/calls.ts';
import { PLAIN_FORMATS, setFormats, type Formats } from '../model/formats.ts';

export interface Profile extends Formats {
  memberId: string;
  email: string;
  firstName: string;
  lastName: string;
  avatarUrl: string | null;
  colorScheme: 'SYSTEM' | 'LIGHT' | 'DARK';
  /** Whether the role may invite and change members. */
  keepsMembers: boolean;
}

/** Null for who is no member, and before it is read. */
export const useProfile = create<{ profile: Profile | null }>(() => ({ profile: null }));

function keep(profile: Profile | null): void {
  setFormats(profile ?? PLAIN_FORMATS);
  useProfile.setState({ profile });
}

export const readProfile = async (): Promise<void> => keep(await ask<Profile | null>('myProfile'));

export async function saveProfile(
  values: Partial<Omit<Profile, 'memberId' | 'email' | 'avatarUrl' | 'keepsMembers'>>,
): Promise<void> {
  keep(await perform<Profile>('updateMyProfile', values));
}

/** The picture in base64; none takes it away. */
export async function savePhoto(photo: { mediaType: string; contentBase64: string } | null): Promise<void> {
  keep(await perform<Profile>('setMyPhoto', photo ?? {}));
}

const SCHEMES = { auto: 'SYSTEM', light: 'LIGHT', dark: 'DARK' } as const;

/** The choice holds on this device at once, and on others from their next start. */
export async function keepColorScheme(scheme: MantineColorScheme): Promise<void> {
  // Whoever is no member has no profile, and the device remembers.
  if (useProfile.getState().profile) await saveProfile({ colorScheme: SCHEMES[scheme] }).catch(() => undefined);
}

export const schemeOf = (profile: Profile): MantineColorScheme =>
  profile.colorScheme === 'LIGHT' ? 'light' : profile.colorScheme === 'DARK' ? 'dark' : 'auto';
