import { gql } from 'urql';
import { request } from '../api/client.ts';
import { parsed } from '../model/calls.ts';
import type { ColumnValue, ModelObject } from '../model/types.ts';
import { remembering, type Step } from '../undo/undo.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

export interface Columns {
  [name: string]: ColumnValue;
}

/** For a field: the id of the record whose value is taken, or ALL for the values of all. */
export interface Choices {
  [fieldName: string]: string;
}

export interface PlannedRecord {
  recordId: string;
  isTrashed: boolean;
  updatedAt: string | null;
  values: Columns;
}

export interface Move {
  kind: 'RECORD' | 'COMMENT' | 'EVENT';
  objectName: string | null;
  label: string;
  counts: { [recordId: string]: number };
}

export interface MergePlan {
  survivorId: string;
  survivors: string[];
  removable: string[];
  choices: Choices;
  united: Columns;
  records: PlannedRecord[];
  moves: Move[];
}

const PLAN = gql<
  { planMerge: { result: MergePlan | string } },
  { object: string; ids: string[]; survivor: string | null }
>(`mutation PlanMerge($object: String!, $ids: [UUID!]!, $survivor: UUID) {
  planMerge(input: { objectName: $object, recordIds: $ids, survivorId: $survivor }) { result }
}`);

export async function planMerge(object: ModelObject, ids: string[], survivor: string | null): Promise<MergePlan> {
  const { planMerge: planned } = await request(PLAN, { object: object.nameSingular, ids, survivor });
  return parsed(planned.result);
}

export interface Merge {
  survivorId: string;
  otherIds: string[];
  data: Columns;
}

/** Several merges in one request, each in a transaction of its own; the answers bear the names a0, a1 and so on. */
const mergeDocument = (count: number) => {
  const each = Array.from({ length: count }, (_, i) => i);
  return gql<{ [alias: string]: { result: string } | null }, { object: string; [name: string]: unknown }>(
    `mutation Merge($object: String!, ${each.map((i) => `$s${i}: UUID!, $o${i}: [UUID!]!, $d${i}: JSON`).join(', ')}) {
      ${each.map((i) => `a${i}: mergeRecords(input: { objectName: $object, survivorId: $s${i}, otherIds: $o${i}, data: $d${i} }) { result }`).join('\n')}
    }`,
  );
};

export async function sendMerges(object: ModelObject, merges: Merge[], step: Step): Promise<void> {
  const variables: { object: string; [name: string]: unknown } = { object: object.nameSingular };
  merges.forEach(({ survivorId, otherIds, data }, i) => {
    variables[`s${i}`] = survivorId;
    variables[`o${i}`] = otherIds;
    variables[`d${i}`] = data;
  });
  await request(mergeDocument(merges.length), variables, (requestId) => void step.requestIds.push(requestId));
}

export const mergeStep = (object: ModelObject, count: number): Step => ({
  label: t('merge of {count} {labelPlural}', { count, labelPlural: inSentence(object.labelPlural) }),
  requestIds: [],
});

/** Gives the step, so that a message can offer to take it back. */
export async function mergeRecords(object: ModelObject, merge: Merge): Promise<Step> {
  const step = mergeStep(object, merge.otherIds.length + 1);
  await remembering(step, () => sendMerges(object, [merge], step));
  return step;
}
