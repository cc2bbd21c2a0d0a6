import { create } from 'zustand';
import { fetchJson, toFailure } from '../api/failure.ts';
import { rememberPage } from '../api/early.ts';
import { actAs } from '../api/refresh.ts';
import { keepModelOnlyOf } from '../model/keptModel.ts';
import { useModelStore } from '../model/store.ts';
import { rememberWorkspace } from './singleSignOn.ts';
import type { Seeing } from '../seeing/seeing.ts';
import { t } from '../language/t.ts';

export interface Identity {
  user: { id?: string; email: string; name?: string } | null;
  workspace: { id: string; slug: string; name: string };
  member: { id: string; name?: string; displayName?: string } | null;
  seeing?: Seeing | null;
  /** Who acts as the member, where it is somebody else. */
  impersonator?: { name: string } | null;
}

/** The workspace has an address of its own, where one signs in to it. */
export interface Elsewhere {
  next: 'ADDRESS';
  address: string;
}

/** What the server wants before it lets somebody in whose password was right. */
export interface Step {
  next: 'SECOND_FACTOR' | 'SET_UP_SECOND_FACTOR';
  ticket: string;
  /** By what it can be done. */
  ways?: ('PASSKEY' | 'APP')[];
  /** For how many days this device may go without; none: it may not. */
  rememberDays?: number;
}

interface SessionState {
  step: Step | null;
  /** Undefined until the server has said who we are; null when it says nobody. */
  identity: Identity | null | undefined;
}

/** Kept beside the page: some ways of signing in end with another page than the one that asks for the second factor. */
const STEP = 'relvar.step';

function keptStep(): Step | null {
  const kept = sessionStorage.getItem(STEP);
  return kept === null ? null : (JSON.parse(kept) as Step);
}

export const useSession = create<SessionState>(() => ({ identity: undefined, step: keptStep() }));

/** Whose view this page shows: the server answers it as nobody else. */
export const pageOf = (identity: Identity | null | undefined): string | null =>
  identity?.seeing?.page ?? identity?.member?.id ?? null;

useSession.subscribe(({ identity }) => {
  actAs(pageOf(identity));
  if (identity !== undefined) {
    rememberPage(pageOf(identity));
    keepModelOnlyOf(pageOf(identity));
  }
  if (identity) rememberWorkspace(identity.workspace.slug);
});

export async function resumeSession(): Promise<void> {
  try {
    useSession.setState({ identity: await fetchJson<Identity>('/auth/me') });
  } catch (cause) {
    if (toFailure(cause).code !== 'NOT_SIGNED_IN') throw cause;
    useSession.setState({ identity: null });
  }
}

/** What every way of signing in answers: who it is now, or what is still to do. False when the browser goes elsewhere. */
export function enter(answer: Identity | Step | Elsewhere): boolean {
  if ('address' in answer) {
    window.location.assign(answer.address);
    return false;
  }
  if ('next' in answer) {
    sessionStorage.setItem(STEP, JSON.stringify(answer));
    useSession.setState({ identity: null, step: answer });
  } else {
    leaveStep();
    useSession.setState({ identity: answer });
  }
  return true;
}

export function leaveStep(): void {
  sessionStorage.removeItem(STEP);
  useSession.setState({ step: null });
}

export async function signIn(email: string, password: string, workspace: string, more: object = {}): Promise<void> {
  const asked = { email, password, ...(workspace ? { workspace } : {}), ...more };
  enter(await fetchJson<Identity | Step>('/auth/sign-in', asked));
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
  identity.member?.displayName || identity.member?.name || identity.user?.name || identity.user?.email || t('You');
