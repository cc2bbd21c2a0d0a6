import { create } from 'zustand';
import { fetchJson, toFailure } from '../api/failure.ts';
import { useModelStore } from '../model/store.ts';

export interface Identity {
  user: { id?: string; email: string; name?: string } | null;
  workspace: { id: string; slug: string; name: string };
  member: { id: string; name?: string; displayName?: string } | null;
}

interface SessionState {
  /** Undefined until the server has said who we are; null when it says nobody. */
  identity: Identity | null | undefined;
}

export const useSession = create<SessionState>(() => ({ identity: undefined }));

export async function resumeSession(): Promise<void> {
  try {
    useSession.setState({ identity: await fetchJson<Identity>('/auth/me') });
  } catch (cause) {
    if (toFailure(cause).code !== 'NOT_SIGNED_IN') throw cause;
    useSession.setState({ identity: null });
  }
}

export async function signIn(email: string, password: string, workspace: string): Promise<void> {
  const identity = await fetchJson<Identity>('/auth/sign-in', { email, password, ...(workspace ? { workspace } : {}) });
  useSession.setState({ identity });
}

export function forgetSession(): void {
  useSession.setState({ identity: null });
  useModelStore.getState().clear();
}

export async function signOut(): Promise<void> {
  await fetchJson('/auth/sign-out', {});
  forgetSession();
}

export const personName = (identity: Identity): string =>
  identity.member?.displayName || identity.member?.name || identity.user?.name || identity.user?.email || 'You';
