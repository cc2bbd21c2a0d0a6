import { create } from 'zustand';
import { fetchJson } from '../api/failure.ts';
import { beginAnew } from '../api/leaving.ts';

/** The view of a role, or of a member, that is shown in place of the own one. */
export interface Seeing {
  role: string;
  roleId: string;
  memberId: string | null;
  memberName: string | null;
  page: string;
}

export const useSeeAs = create<{ isOpen: boolean }>(() => ({ isOpen: false }));

export const chooseView = (): void => useSeeAs.setState({ isOpen: true });

export async function seeAs(target: { roleId: string } | { memberId: string }): Promise<void> {
  await fetchJson('/auth/see-as', target);
  beginAnew('/');
}

export async function seeAsOneself(): Promise<void> {
  await fetchJson('/auth/see-as/end', {});
  beginAnew('/');
}
