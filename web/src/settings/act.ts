import { announceFailure } from '../records/announce.tsx';

/** Does something and shows what there is then; true when it worked. The title says what could not be done. */
export type Act = (title: string, work: () => Promise<unknown>) => Promise<boolean>;

/** Whoever acts on a list asks for it again afterwards, and is told what was refused. */
export function makeAct(again: () => void): Act {
  return async (title, work) => {
    try {
      await work();
      return true;
    } catch (cause) {
      announceFailure(title, cause);
      return false;
    } finally {
      again();
    }
  };
}
