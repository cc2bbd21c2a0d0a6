import { gql } from 'urql';
import { request } from '../api/client.ts';
import { parsed } from '../model/calls.ts';
import type { ColumnValue } from '../model/types.ts';
import type { Comparison } from './criteria.ts';

/** Why two records are taken for the same. */
export interface Reason {
  fields: { name: string; by: Comparison }[];
  score: number;
  isSure: boolean;
}

export interface Duplicate {
  recordId: string;
  label: string | null;
  score: number;
  reasons: Reason[];
}

type Found = Omit<Duplicate, 'reasons'> & { reasons: Reason[] | string };
const readFound = (nodes: Found[]): Duplicate[] =>
  nodes.map((each) => ({ ...each, reasons: parsed<Reason[]>(each.reasons) }));

const FIND = gql<{ findDuplicates: { nodes: Found[] } }, { object: string; id: string }>(
  'query Duplicates($object: String!, $id: UUID!) { findDuplicates(objectName: $object, recordId: $id, maxResults: 10) { nodes { recordId label score reasons } } }',
);
export const findDuplicates = async (object: string, id: string): Promise<Duplicate[]> =>
  readFound((await request(FIND, { object, id })).findDuplicates.nodes);

const FIND_OF = gql<
  { findDuplicatesOf: { nodes: Found[] } },
  { object: string; data: { [name: string]: ColumnValue } }
>(
  'query DuplicatesOf($object: String!, $data: JSON!) { findDuplicatesOf(objectName: $object, data: $data, maxResults: 5) { nodes { recordId label score reasons } } }',
);
/** Who is like a record that is not saved yet. */
export const findDuplicatesOf = async (object: string, data: { [name: string]: ColumnValue }): Promise<Duplicate[]> =>
  readFound((await request(FIND_OF, { object, data })).findDuplicatesOf.nodes);

export interface Pair {
  objectName: string;
  firstId: string;
  secondId: string;
  firstLabel: string | null;
  secondLabel: string | null;
  score: number;
  isSure: boolean;
  reasons: Reason[];
  mayMerge: boolean;
  dismissedAt: string | null;
  dismissedByName: string | null;
  total: number;
}

export const PAIRS_PAGE = 50;

const LIST = gql<
  { listDuplicates: { nodes: (Omit<Pair, 'reasons'> & { reasons: Reason[] | string })[] } },
  { object: string | null; dismissed: boolean; max: number; skip: number }
>(`query ListDuplicates($object: String, $dismissed: Boolean!, $max: Int!, $skip: Int!) {
  listDuplicates(objectName: $object, isDismissed: $dismissed, maxResults: $max, skip: $skip) {
    nodes { objectName firstId secondId firstLabel secondLabel score isSure reasons mayMerge dismissedAt dismissedByName total }
  }
}`);
export async function listDuplicates(
  object: string | undefined,
  isDismissed: boolean,
  skip: number,
  max = PAIRS_PAGE,
): Promise<Pair[]> {
  const { listDuplicates: list } = await request(LIST, { object: object ?? null, dismissed: isDismissed, max, skip });
  return list.nodes.map((pair) => ({ ...pair, reasons: parsed<Reason[]>(pair.reasons) }));
}

const DISMISS = gql<
  { dismissDuplicates: { result: number } },
  { object: string; ids: string[]; isDismissed: boolean }
>(`mutation DismissDuplicates($object: String!, $ids: [UUID!]!, $isDismissed: Boolean!) {
  dismissDuplicates(input: { objectName: $object, recordIds: $ids, isDismissed: $isDismissed }) { result }
}`);
/** Remembers, for everybody, that records are not the same, or forgets it. */
export const dismissDuplicates = async (object: string, ids: string[], isDismissed: boolean): Promise<void> =>
  void (await request(DISMISS, { object, ids, isDismissed }));

export interface ScanState {
  scannedAt: string | null;
  isRunning: boolean;
}

const STATE = gql<{ duplicateScan: ScanState | string }, { [name: string]: never }>(
  'query DuplicateScan { duplicateScan }',
);
export const readScan = async (): Promise<ScanState> => parsed((await request(STATE, {})).duplicateScan);

const SCAN = gql<{ scanDuplicates: { result: ScanState | string } }, { [name: string]: never }>(
  'mutation ScanDuplicates { scanDuplicates(input: {}) { result } }',
);
export const startScan = async (): Promise<ScanState> => parsed((await request(SCAN, {})).scanDuplicates.result);

/** Records that are surely the same, with what merging them takes. */
export interface SureGroup {
  survivorId: string;
  otherIds: string[];
  label: string | null;
  data: { [name: string]: ColumnValue };
  totalGroups: number;
  totalRecords: number;
}

const SURE = gql<
  { sureDuplicates: { nodes: (Omit<SureGroup, 'data'> & { data: SureGroup['data'] | string })[] } },
  { object: string; max: number }
>(`query SureDuplicates($object: String!, $max: Int!) {
  sureDuplicates(objectName: $object, maxGroups: $max) { nodes { survivorId otherIds label data totalGroups totalRecords } }
}`);
export async function sureDuplicates(object: string, max: number): Promise<SureGroup[]> {
  const { sureDuplicates: found } = await request(SURE, { object, max });
  return found.nodes.map((group) => ({ ...group, data: parsed<SureGroup['data']>(group.data) }));
}
