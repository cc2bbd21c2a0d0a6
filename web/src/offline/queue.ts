import type { ColumnValue, RecordRow } from '../model/types.ts';
import type { Keep } from './keep.ts';

/** What stands against a change that was made while the server was away. */
export type Problem =
  /** Somebody changed the same meanwhile: the record as it is now. */
  | { kind: 'CHANGED'; theirs: RecordRow; by: string | null }
  /** The record is gone, or no longer the member's to see. */
  | { kind: 'MISSING' }
  | { kind: 'REFUSED'; reason: string };

/** Something that a member did and the server does not know yet. */
export interface Change {
  /** Its place in the order. */
  key: number;
  /** The workspace and the member whose it is: nobody else in this browser sees or sends it. */
  owner: string;
  kind: 'UPDATE' | 'CREATE' | 'DELETE';
  objectId: string;
  /** Of a new record, too: the browser has given it. Sent twice, it is made once. */
  recordId: string;
  /** What the record is called. */
  label: string;
  edits: { fieldId: string; value: ColumnValue }[];
  /** The columns of an update as they were before it, and those of a new record. */
  columns: RecordRow;
  madeAt: string;
  /** Up to when, by the server's clock, the browser had heard of changes. */
  heardAt: string;
  problem: Problem | null;
  /** What others did meanwhile is known, and overwritten. */
  isForced: boolean;
}

/** What came of sending: the columns as they are then, or why not. */
export type Outcome = { saved: RecordRow; at: string; requestIds: string[] } | { problem: Problem };

/** Thrown by a sender when there is no sense in going on now. */
export class NotNow extends Error {}

interface Options {
  owner: string;
  keep: Keep;
  send: (change: Change) => Promise<Outcome>;
  /** The changes are others. */
  onChanges: (changes: Change[]) => void;
  onSent: (change: Change, sent: Extract<Outcome, { saved: RecordRow }>) => void;
  onProblem: (change: Change) => void;
  /** One tab of a browser sends at a time. */
  alone?: <T>(work: () => Promise<T>) => Promise<T>;
}

const mentions = (change: Change, id: string): boolean =>
  change.recordId === id || JSON.stringify([change.edits, change.columns]).includes(id);

/** Whether a change must come after another: of the same record, or of one that is made by it. */
const follows = (change: Change, earlier: Change): boolean =>
  change.recordId === earlier.recordId || (earlier.kind === 'CREATE' && mentions(change, earlier.recordId));

/** The first that nothing stands against, nor against one that it follows. */
function nextOf(changes: Change[]): Change | undefined {
  const stuck: Change[] = [];
  for (const change of changes) {
    if (change.problem || stuck.some((earlier) => follows(change, earlier))) stuck.push(change);
    else return change;
  }
  return undefined;
}

export type Queue = ReturnType<typeof createQueue>;

/**
 * The changes of one member, sent in the order in which they were made. Each is kept before it counts as made, and forgotten
 * only when the server has it or the member gave it up: of one whose answer was lost nobody knows whether it was done, so it is
 * sent again, and whoever sends makes sure that this does nothing twice.
 */
export function createQueue({ owner, keep, send, onChanges, onSent, onProblem, alone }: Options) {
  let changes: Change[] = [];
  let flushing: Promise<void> | null = null;
  let again = false;
  /** What is on its way can be withdrawn no more. */
  let sending: number | null = null;

  const tell = () => onChanges(changes);
  const replace = async (change: Change) => {
    changes = changes.map((each) => (each.key === change.key ? change : each));
    await keep.put(change);
  };
  const forget = async (key: number) => {
    await keep.remove(key);
    changes = changes.filter((each) => each.key !== key);
  };
  const read = async () => {
    changes = await keep.list(owner);
    tell();
  };

  /** What follows was made of what this change made: it is compared with that, as the server has written it. */
  const rebase = async (sent: Change, { saved, at }: { saved: RecordRow; at: string }) => {
    for (const later of changes) {
      if (later.key <= sent.key || later.recordId !== sent.recordId) continue;
      const columns = Object.fromEntries(
        Object.entries(later.columns).map(([name, value]) => [name, name in saved ? saved[name] : value]),
      ) as RecordRow;
      await replace({ ...later, columns: later.kind === 'UPDATE' ? columns : later.columns, heardAt: at });
    }
  };

  const work = async () => {
    // Another tab may have sent some, or has made some.
    await read();
    for (let next = nextOf(changes); next; next = nextOf(changes)) {
      const change = next;
      sending = change.key;
      try {
        const outcome = await send(change);
        if ('problem' in outcome) {
          const stuck = { ...change, problem: outcome.problem };
          await replace(stuck);
          onProblem(stuck);
        } else {
          await rebase(change, outcome);
          await forget(change.key);
          onSent(change, outcome);
        }
        tell();
      } finally {
        sending = null;
      }
    }
  };

  const flush = (): Promise<void> => {
    if (flushing) {
      again = true;
      return flushing;
    }
    flushing = (async () => {
      try {
        do {
          again = false;
          await (alone ? alone(work) : work());
        } while (again);
      } catch (cause) {
        if (!(cause instanceof NotNow)) throw cause;
      } finally {
        flushing = null;
      }
    })();
    return flushing;
  };

  return {
    read,
    flush,
    changes: () => changes,

    /** Whether what is to be done with a record must wait for what waits already. */
    holds: (recordId: string, values: unknown): boolean => {
      const text = JSON.stringify(values);
      return changes.some((change) =>
        change.kind === 'CREATE'
          ? change.recordId === recordId || text.includes(change.recordId)
          : change.problem === null && change.recordId === recordId,
      );
    },

    async add(change: Omit<Change, 'key' | 'owner'>): Promise<Change> {
      const kept = await keep.add({ ...change, owner });
      changes = [...changes, kept];
      tell();
      return kept;
    },

    /** Gives up one that is not on its way. With a record that is never made goes what was done to it. */
    async withdraw(key: number): Promise<Change[]> {
      const change = changes.find((each) => each.key === key);
      if (!change || sending === key) return [];
      const gone =
        change.kind === 'CREATE' ? changes.filter((each) => each.key === key || follows(each, change)) : [change];
      for (const each of gone) await forget(each.key);
      tell();
      return gone;
    },

    /** Sends one again that something stood against; forced, over what others did meanwhile. */
    async retry(key: number, isForced: boolean): Promise<void> {
      const change = changes.find((each) => each.key === key);
      if (!change) return;
      await replace({ ...change, problem: null, isForced });
      tell();
      await flush();
    },
  };
}
