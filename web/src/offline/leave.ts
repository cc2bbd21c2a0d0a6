import { announceFailure } from '../records/announce.tsx';
import { signOut } from '../session/session.ts';
import { usePending } from './pending.ts';
import { t } from '../language/t.ts';

const go = () => signOut().catch((cause: unknown) => announceFailure(t('You are still signed in'), cause));

/** Signs out; asks first where the server does not have all that was done. */
export async function leave(): Promise<void> {
  const count = usePending.getState().changes.length;
  if (count === 0) return go();
  const { askToLeave } = await import('./askToLeave.ts');
  askToLeave(count, () => void go());
}
