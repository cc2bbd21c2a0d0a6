import type { ReactNode } from 'react';
import { create } from 'zustand';
import type { Failure } from '../api/failure.ts';
import type { Model, ModelObject, RecordRow } from '../model/types.ts';
import type { Step } from '../undo/undo.ts';
import type { Attempt, Keeping } from './keeping.ts';
import type { Change } from './queue.ts';

/** What the member did and the server does not know yet, in order. */
export const usePending = create<{ changes: Change[] }>(() => ({ changes: [] }));

/** The columns of a record that changed where nobody has read it anew; null when it is gone. */
export interface Shown {
  objectId: string;
  recordId: string;
  row: RecordRow | null;
}

const listeners = new Set<(shown: Shown) => void>();
export const onShown = (listener: (shown: Shown) => void): (() => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};
export const show = (shown: Shown): void => listeners.forEach((listener) => listener(shown));

// What keeps changes is loaded once the first page stands; until then, and where somebody only looks at what is another's, nothing is kept.
let keeping: Keeping | null = null;
export const keepBy = (next: Keeping | null): void => {
  keeping = next;
  if (!next) usePending.setState({ changes: [] });
};
export const currentKeeping = (): Keeping | null => keeping;

/** The server is not there: what it would have been told is not wrong, only late. */
export const isTooEarly = ({ code }: Failure): boolean => code === 'UNREACHABLE' || code === 'DATABASE_UNAVAILABLE';

/** Does what changes a record, or keeps it for when the server is there again; then gives what is shown meanwhile. */
export const now = <T>(
  step: Step,
  work: () => Promise<T>,
  later: (keeping: Keeping, attempt: Attempt) => Promise<{ meanwhile: T } | null>,
): Promise<T> => (keeping ? keeping.now(step, work, later) : work());

/** Takes back what of a step waits still. */
export const withdraw = async (keys: number[]): Promise<void> => keeping?.withdraw(keys);

export const isPending = (recordId: string, fieldId: string): boolean =>
  keeping !== null && keeping.isPending(recordId, fieldId);

/** Stands beside what the server does not know yet. */
export const pendingMark = (): ReactNode => keeping?.mark ?? null;

export const usePendingRecord = (recordId: string): boolean =>
  usePending(({ changes }) => changes.some((change) => change.recordId === recordId && change.problem === null));

/** Rows as the server has them, with what waits for it. */
export const withPending = (model: Model, object: ModelObject, rows: RecordRow[]): RecordRow[] =>
  keeping ? keeping.withPending(model, object, rows) : rows;
