import { create } from 'zustand';
import { heardAt, isAway } from '../api/connection.ts';
import { toFailure, type Failure } from '../api/failure.ts';
import { fieldById, objectById } from '../model/lookup.ts';
import type { Model, ModelObject, RecordRow } from '../model/types.ts';
import { applyValue } from '../model/values.ts';
import type { Step } from '../undo/undo.ts';
import type { Change, Queue } from './queue.ts';
import { t } from '../language/t.ts';

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

let queue: Queue | null = null;
/** Whose changes are kept from now on; nobody's, where somebody only looks at what is another's. */
export const setQueue = (next: Queue | null): void => {
  queue = next;
  if (!next) usePending.setState({ changes: [] });
};
export const currentQueue = (): Queue | null => queue;

/** The steps of this page that changes are part of, by the changes' keys. */
const steps = new Map<number, Step>();
export const stepOf = (key: number): Step | undefined => steps.get(key);

/** The server is not there: what it would have been told is not wrong, only late. */
export const isTooEarly = ({ code }: Failure): boolean => code === 'UNREACHABLE' || code === 'DATABASE_UNAVAILABLE';

/** Whether something waits that is to be done to the record first. */
export const isHeld = (recordId: string): boolean => queue?.holds(recordId, []) === true;

type NewChange = Pick<Change, 'kind' | 'objectId' | 'recordId' | 'label' | 'edits' | 'columns'>;

/** Does what changes a record, or keeps it for when the server is there again; then gives what is shown meanwhile. */
export async function now<T>(change: NewChange, step: Step, work: () => Promise<T>, meanwhile: T): Promise<T> {
  const mine = queue;
  if (!mine) return work();
  if (!isAway() && !mine.holds(change.recordId, [change.edits, change.columns])) {
    try {
      return await work();
    } catch (cause) {
      if (!isTooEarly(toFailure(cause))) throw cause;
    }
  }
  const kept = await mine.add({
    ...change,
    madeAt: new Date().toISOString(),
    heardAt: heardAt(),
    problem: null,
    isForced: false,
  });
  steps.set(kept.key, step);
  step.waiting = [...(step.waiting ?? []), kept.key];
  if (!isAway()) void mine.flush();
  return meanwhile;
}

/** What is shown in place of what a change that is given up has made of it. */
export function showWithout({ kind, objectId, recordId, columns, problem }: Change): void {
  if (kind === 'DELETE') return;
  const row = kind === 'CREATE' ? null : problem?.kind === 'CHANGED' ? problem.theirs : columns;
  show({ objectId, recordId, row });
}

/** Takes back what of a step waits still. */
export async function withdraw(keys: number[]): Promise<void> {
  for (const key of keys.toReversed()) for (const change of (await queue?.withdraw(key)) ?? []) showWithout(change);
}

const isWaiting = (change: Change): boolean => change.problem === null;

export const isPending = (recordId: string, fieldId: string): boolean =>
  usePending
    .getState()
    .changes.some(
      (change) =>
        change.recordId === recordId &&
        isWaiting(change) &&
        (change.kind === 'CREATE' || change.edits.some((edit) => edit.fieldId === fieldId)),
    );

export const usePendingRecord = (recordId: string): boolean =>
  usePending(({ changes }) => changes.some((change) => change.recordId === recordId && isWaiting(change)));

/** Rows as the server has them, with what waits for it. */
export function withPending(model: Model, object: ModelObject, rows: RecordRow[]): RecordRow[] {
  const changes = usePending
    .getState()
    .changes.filter((change) => change.objectId === object.id && isWaiting(change) && change.kind !== 'CREATE');
  if (changes.length === 0) return rows;
  return rows.flatMap((row) => {
    const ours = changes.filter(({ recordId }) => recordId === row.id);
    if (ours.some(({ kind }) => kind === 'DELETE')) return [];
    return ours
      .flatMap(({ edits }) => edits)
      .reduce((next, { fieldId, value }) => {
        const field = fieldById(object, fieldId);
        return field ? applyValue(model, field, next, value) : next;
      }, row);
  });
}

/** What a change does, in words. */
export function describe(model: Model, { kind, objectId, edits, label }: Change): string {
  const object = objectById(model, objectId);
  const what = object?.labelSingular.toLowerCase() ?? 'record';
  if (kind === 'CREATE') return t('New {what} “{label}”', { what, label });
  if (kind === 'DELETE') return t('Deletion of “{label}”', { label });
  const names = edits.map(({ fieldId }) => (object && fieldById(object, fieldId)?.label) ?? t('A field'));
  return t('{names} of “{label}”', { names: names.join(', '), label });
}
