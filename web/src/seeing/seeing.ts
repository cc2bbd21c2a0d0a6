import { create } from 'zustand';
import { fetchJson } from '../api/failure.ts';

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

/** The application is loaded anew: nothing that was read with other rights stays. */
const startAnew = (): void => window.location.assign('/');

export async function seeAs(target: { roleId: string } | { memberId: string }): Promise<void> {
  await fetchJson('/auth/see-as', target);
  startAnew();
}

export async function seeAsOneself(): Promise<void> {
  await fetchJson('/auth/see-as/end', {});
  startAnew();
}
