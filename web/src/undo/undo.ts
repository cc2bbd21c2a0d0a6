import { create } from 'zustand';
import { isAway } from '../api/connection.ts';
import { toFailure } from '../api/failure.ts';
import { say, unsay } from '../app/corner.ts';
import { isTooEarly, withdraw } from '../offline/pending.ts';
import { t } from '../language/t.ts';

/** What the member did at once: the requests that did it, by which the log knows the changes. */
export interface Step {
  label: string;
  requestIds: string[];
  /** What of it waits for the server, by the keys of the changes. */
  waiting?: number[];
  /** An import, which is taken back and done again as a whole, however long that takes. */
  importId?: string;
}

interface UndoState {
  done: Step[];
  undone: Step[];
  /** What could not be taken back as it is: people say what becomes of it. */
  stuck: { label: string; requestId: string } | null;
}

const MOST = 50;
const MESSAGE_ID = 'undo';

export const useUndo = create<UndoState>(() => ({ done: [], undone: [], stuck: null }));

export function remember(step: Step): void {
  if (step.requestIds.length === 0 && !step.waiting && !step.importId) return;
  const { done } = useUndo.getState();
  useUndo.setState({ done: [...done, step].slice(-MOST), undone: [] });
}

/** The step that an import is, remembered once. */
export function stepOfImport(importId: string, label: string): Step {
  const known = useUndo.getState().done.find((step) => step.importId === importId);
  const step = known ?? { label, requestIds: [], importId };
  if (!known) remember(step);
  return step;
}

const underWay = new Set<Promise<unknown>>();

/** Remembers a step when its work has ended. Who undoes before that means this one, so undoing waits for it. */
export function remembering<T>(step: Step, work: () => Promise<T>): Promise<T> {
  const done = work().finally(() => {
    underWay.delete(done);
    remember(step);
  });
  underWay.add(done);
  return done;
}

const tell = (message: string): void => say({ id: MESSAGE_ID, message, autoClose: 3000 });

let last: Promise<unknown> = Promise.resolve();

/** One after the other: each goes on from what the one before has left. */
const inTurn = (work: () => Promise<void>): Promise<void> => {
  const turn = last.then(() => Promise.allSettled(underWay)).then(work);
  last = turn.catch(() => undefined);
  return turn;
};

async function takeBack(from: 'done' | 'undone', to: 'done' | 'undone', wanted?: Step): Promise<boolean> {
  const steps = useUndo.getState()[from];
  const step = wanted ?? steps.at(-1);
  if (!step || !steps.includes(step)) {
    tell(from === 'done' ? t('There is nothing to undo.') : t('There is nothing to redo.'));
    return false;
  }
  useUndo.setState({ [from]: steps.filter((each) => each !== step) });
  if (step.waiting) await withdraw(step.waiting);
  if (step.importId) return takeBackImport(step, step.importId, from, to);
  const requestIds: string[] = [];
  let stuck: UndoState['stuck'] = null;
  // The log tells each of these apart, the latest first.
  for (const requestId of step.requestIds.toReversed()) {
    try {
      const { revert } = await import('../history/changes.ts');
      requestIds.push((await revert({ requestId }, 'REFUSE')).requestId);
    } catch (cause) {
      if (isAway() || isTooEarly(toFailure(cause))) {
        // Nothing of it is lost: it is taken back when the server is there again.
        const left = {
          label: step.label,
          requestIds: step.requestIds.slice(0, step.requestIds.indexOf(requestId) + 1),
        };
        useUndo.setState((state) => ({ [from]: [...state[from], left] }));
        tell(t('The server cannot be reached. Undo this when it is back.'));
        return false;
      }
      // Why not, and what one can do about it, the dialog finds out.
      stuck = { label: step.label, requestId };
      break;
    }
  }
  if (requestIds.length > 0)
    useUndo.setState((state) => ({ [to]: [...state[to], { label: step.label, requestIds }].slice(-MOST) }));
  useUndo.setState({ stuck });
  if (!stuck) tell(`${from === 'done' ? t('Undone') : t('Done again')}: ${step.label}.`);
  return !stuck;
}

async function takeBackImport(
  step: Step,
  importId: string,
  from: 'done' | 'undone',
  to: 'done' | 'undone',
): Promise<boolean> {
  say({
    id: MESSAGE_ID,
    loading: true,
    autoClose: false,
    withCloseButton: false,
    role: 'status',
    message:
      from === 'done' ? t('Undoing: {label}', { label: step.label }) : t('Doing again: {label}', { label: step.label }),
  });
  const { findImport, turnImport } = await import('../imports/imports.ts');
  try {
    await turnImport(importId, from === 'done' ? 'undo' : 'redo');
  } catch (cause) {
    const failure = toFailure(cause);
    unsay(MESSAGE_ID);
    if (failure.code === 'RV199') {
      const requestId = (await findImport(importId)).lastRequest;
      useUndo.setState({ stuck: { label: step.label, requestId } });
    } else {
      if (isAway()) useUndo.setState((state) => ({ [from]: [...state[from], step] }));
      say({ color: 'red', message: failure.message, autoClose: 8000, role: 'alert' });
    }
    return false;
  }
  useUndo.setState((state) => ({ [to]: [...state[to], step].slice(-MOST), stuck: null }));
  tell(`${from === 'done' ? t('Undone') : t('Done again')}: ${step.label}.`);
  return true;
}

export const undo = (): Promise<void> => inTurn(async () => void (await takeBack('done', 'undone')));
export const redo = (): Promise<void> => inTurn(async () => void (await takeBack('undone', 'done')));

/** Takes back one step, also where others came after it. */
export const undoStep = (step: Step, then?: () => void): Promise<void> =>
  inTurn(async () => {
    if (await takeBack('done', 'undone', step)) then?.();
  });
