import { gql } from 'urql';
import { request } from '../api/client.ts';
import { parsed } from '../model/calls.ts';
import type { ColumnValue } from '../model/types.ts';

export interface TrashEntry {
  id: string;
  objectName: string;
  recordId: string;
  /** Null where the caller may not read what the record was called. */
  label: string | null;
  deletedAt: string;
  deletedByName: string | null;
  destroyedAt: string;
  mayRestore: boolean;
  mayDestroy: boolean;
  /** How many records of which object its deletion took along. */
  wentAlong: { [objectName: string]: number };
}

export interface TrashFilter {
  object?: string | undefined;
  search?: string | undefined;
  by?: string | undefined;
}

export const TRASH_PAGE = 50;

const LIST = gql<
  { listTrash: { nodes: (Omit<TrashEntry, 'wentAlong'> & { wentAlong: TrashEntry['wentAlong'] | string })[] } },
  {
    object: string | null;
    search: string | null;
    by: string | null;
    first: number;
    before: string | null;
    beforeId: string | null;
  }
>(`query Trash($object: String, $search: String, $by: String, $first: Int, $before: Datetime, $beforeId: UUID) {
  listTrash(objectName: $object, search: $search, deletedBy: $by, maxResults: $first, beforeDeletedAt: $before, beforeId: $beforeId) {
    nodes { id objectName recordId label deletedAt deletedByName destroyedAt mayRestore mayDestroy wentAlong }
  }
}`);

/** The entries after `last`, the latest deletion first. */
export async function readTrash(filter: TrashFilter, last: TrashEntry | undefined): Promise<TrashEntry[]> {
  const { listTrash } = await request(LIST, {
    object: filter.object ?? null,
    search: filter.search ?? null,
    by: filter.by ?? null,
    first: TRASH_PAGE,
    before: last?.deletedAt ?? null,
    beforeId: last?.id ?? null,
  });
  return listTrash.nodes.map((entry) => ({ ...entry, wentAlong: parsed<TrashEntry['wentAlong']>(entry.wentAlong) }));
}

export interface RestoreProblem {
  kind: 'TAKEN' | 'REQUIRED' | 'LINK_GONE' | 'UNFIT';
  objectName: string;
  recordId: string;
  columns: { name: string; value: ColumnValue }[];
  message: string;
  hint: string | null;
  canLeaveOut: boolean;
  takenBy?: { recordId: string; label: string | null } | null;
}

export interface StuckRecord {
  recordId: string;
  label: string | null;
  problems: RestoreProblem[];
}

/** Other values than records had, by their ids. */
export interface Choices {
  [recordId: string]: { [column: string]: ColumnValue };
}

const PLAN = gql<
  { planRestore: { result: unknown } },
  { object: string; ids: string[]; choices: Choices }
>(`mutation PlanRestore($object: String!, $ids: [UUID!]!, $choices: JSON) {
  planRestore(input: { objectName: $object, recordIds: $ids, choices: $choices }) { result }
}`);

export async function planRestore(object: string, ids: string[], choices: Choices): Promise<StuckRecord[]> {
  const { planRestore: plan } = await request(PLAN, { object, ids, choices });
  return parsed(plan.result as { left: StuckRecord[] } | string).left;
}

export interface Restored {
  restored: number;
  missing: number;
  left: { recordId: string; message: string }[];
}

const RESTORE = gql<
  { restoreRecords: { result: unknown } },
  { object: string; ids: string[]; choices: Choices; onProblem: string }
>(`mutation RestoreRecords($object: String!, $ids: [UUID!]!, $choices: JSON, $onProblem: String) {
  restoreRecords(input: { objectName: $object, recordIds: $ids, choices: $choices, onProblem: $onProblem }) { result }
}`);

/** Restores what can be, and says what cannot. */
export async function restore(object: string, ids: string[], choices: Choices = {}): Promise<Restored> {
  const { restoreRecords } = await request(RESTORE, { object, ids, choices, onProblem: 'SKIP' });
  return parsed(restoreRecords.result as Restored | string);
}

const DESTROY = gql<
  { destroyRecords: { result: number } },
  { object: string; ids: string[] }
>(`mutation DestroyRecords($object: String!, $ids: [UUID!]!) {
  destroyRecords(input: { objectName: $object, recordIds: $ids }) { result }
}`);

export const destroy = async (object: string, ids: string[]): Promise<number> =>
  (await request(DESTROY, { object, ids })).destroyRecords.result;
