import type { ReactNode } from 'react';
import { heardAt, isAway } from '../api/connection.ts';
import { toFailure } from '../api/failure.ts';
import { fieldById, labelField, objectById } from '../model/lookup.ts';
import type { Model, ModelField, ModelObject, RecordRow } from '../model/types.ts';
import { applyValue, recordLabel } from '../model/values.ts';
import { rowKeys } from '../model/valueType.ts';
import { knownLabel } from '../records/recordLabels.ts';
import type { Edit } from '../records/refusals.ts';
import type { Step } from '../undo/undo.ts';
import { t } from '../language/t.ts';
import { isTooEarly, show, usePending } from './pending.ts';
import type { Change, Queue } from './queue.ts';

type NewChange = Pick<Change, 'kind' | 'objectId' | 'recordId' | 'label' | 'edits' | 'columns'>;

/** The steps of this page that changes are part of, by the changes' keys. */
const steps = new Map<number, Step>();
export const stepOf = (key: number): Step | undefined => steps.get(key);

/** The columns of fields in a row. */
const columnsOf = (row: RecordRow, fields: ModelField[]): RecordRow =>
  ({
    id: row.id,
    ...Object.fromEntries(fields.flatMap(rowKeys).map((name) => [name, row[name] ?? null])),
  }) as RecordRow;

const labelOf = (model: Model, object: ModelObject, row: RecordRow): string =>
  knownLabel(row.id) || recordLabel(model, object, row) || t('Untitled');

/** A row as it reads before the server has seen it: what it does not have is empty, and not unread. */
function asMade(model: Model, object: ModelObject, row: RecordRow): RecordRow {
  const nothing = Object.fromEntries(object.fields.flatMap(rowKeys).map((name) => [name, null]));
  const links = object.fields
    .flatMap(({ relations }) => relations)
    .flatMap((relation) => {
      const id = row[relation.columnName];
      const target = objectById(model, relation.targetObjectId);
      const [first] = (target && labelField(target)?.columns) ?? [];
      return typeof id === 'string' && first ? [[relation.name, { id, [first.name]: knownLabel(id) ?? '…' }]] : [];
    });
  return { ...nothing, ...row, ...Object.fromEntries(links) } as RecordRow;
}

/** What is shown in place of what a change that is given up has made of it. */
export function showWithout({ kind, objectId, recordId, columns, problem }: Change): void {
  if (kind === 'DELETE') return;
  const row = kind === 'CREATE' ? null : problem?.kind === 'CHANGED' ? problem.theirs : columns;
  show({ objectId, recordId, row });
}

const isWaiting = (change: Change): boolean => change.problem === null;

export interface Attempt {
  step: Step;
  /** It was tried, and the server was not there. */
  isLate: boolean;
}

type Later<T> = Promise<{ meanwhile: T } | null>;

export interface Keeping {
  queue: Queue;
  /** Stands beside what waits. */
  mark: ReactNode;
  now: <T>(step: Step, work: () => Promise<T>, later: (keeping: Keeping, attempt: Attempt) => Later<T>) => Promise<T>;
  update: (model: Model, object: ModelObject, before: RecordRow, edits: Edit[], attempt: Attempt) => Later<RecordRow>;
  create: (model: Model, object: ModelObject, row: RecordRow, attempt: Attempt) => Later<RecordRow>;
  remove: (object: ModelObject, ids: string[], attempt: Attempt) => Later<void>;
  withdraw: (keys: number[]) => Promise<void>;
  isPending: (recordId: string, fieldId: string) => boolean;
  withPending: (model: Model, object: ModelObject, rows: RecordRow[]) => RecordRow[];
}

/** Between the screens and the queue: makes changes of what is done, and shows them as if they had been sent. */
export function createKeeping(queue: Queue, mark: ReactNode): Keeping {
  const add = async (change: NewChange, step: Step): Promise<void> => {
    const kept = await queue.add({
      ...change,
      madeAt: new Date().toISOString(),
      heardAt: heardAt(),
      problem: null,
      isForced: false,
    });
    steps.set(kept.key, step);
    step.waiting = [...(step.waiting ?? []), kept.key];
    if (!isAway()) void queue.flush();
  };
  /** Whether it must wait for what waits already, or for the server. */
  const mustWait = (change: NewChange): boolean =>
    isAway() || queue.holds(change.recordId, [change.edits, change.columns]);

  const keep = async <T>(
    change: NewChange,
    { step, isLate }: Attempt,
    meanwhile: T,
  ): Promise<{ meanwhile: T } | null> => {
    if (!isLate && !mustWait(change)) return null;
    await add(change, step);
    return { meanwhile };
  };

  return {
    queue,
    mark,

    async now<T>(
      step: Step,
      work: () => Promise<T>,
      later: (keeping: Keeping, attempt: Attempt) => Promise<{ meanwhile: T } | null>,
    ): Promise<T> {
      const kept = await later(this, { step, isLate: false });
      if (kept) return kept.meanwhile;
      try {
        return await work();
      } catch (cause) {
        if (!isTooEarly(toFailure(cause))) throw cause;
        const instead = await later(this, { step, isLate: true });
        if (!instead) throw cause;
        return instead.meanwhile;
      }
    },

    update(model: Model, object: ModelObject, before: RecordRow, edits: Edit[], attempt: Attempt) {
      const fields = edits.map(({ field }) => field);
      const after = edits.reduce((row, { field, value }) => applyValue(model, field, row, value), before);
      return keep(
        {
          kind: 'UPDATE',
          objectId: object.id,
          recordId: before.id,
          label: labelOf(model, object, before),
          edits: edits.map(({ field, value }) => ({ fieldId: field.id, value })),
          columns: columnsOf(before, fields),
        },
        attempt,
        columnsOf(after, fields),
      );
    },

    create(model: Model, object: ModelObject, row: RecordRow, attempt: Attempt) {
      return keep(
        {
          kind: 'CREATE',
          objectId: object.id,
          recordId: row.id,
          label: labelOf(model, object, row),
          edits: [],
          columns: row,
        },
        attempt,
        asMade(model, object, row),
      );
    },

    /** All of them, if any of them must wait. */
    async remove(object: ModelObject, ids: string[], { step, isLate }: Attempt): Promise<{ meanwhile: void } | null> {
      const changes = ids.map((id): NewChange => {
        const label = knownLabel(id) ?? object.labelSingular;
        return { kind: 'DELETE', objectId: object.id, recordId: id, label, edits: [], columns: { id } };
      });
      if (!isLate && !changes.some(mustWait)) return null;
      for (const change of changes) await add(change, step);
      return { meanwhile: undefined };
    },

    async withdraw(keys: number[]): Promise<void> {
      for (const key of keys.toReversed()) for (const change of await queue.withdraw(key)) showWithout(change);
    },

    isPending: (recordId: string, fieldId: string): boolean =>
      usePending
        .getState()
        .changes.some(
          (change) =>
            change.recordId === recordId &&
            isWaiting(change) &&
            (change.kind === 'CREATE' || change.edits.some((edit) => edit.fieldId === fieldId)),
        ),

    withPending(model: Model, object: ModelObject, rows: RecordRow[]): RecordRow[] {
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
    },
  };
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
