import { gql } from 'urql';
import { disownRequest, request } from '../api/client.ts';
import type { ModelField, ModelObject } from '../model/types.ts';
import { formatRelative } from '../model/dates.ts';
import type { Columns } from '../timeline/timelineText.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

/** Which changes are meant: one, a statement, all that was done together with it, or those of a record since. */
export interface Changes {
  [name: string]: unknown;
  batch?: string;
  seq?: number;
  together?: boolean;
  requestId?: string;
  objectName?: string;
  recordId?: string;
  fieldName?: string;
  moment?: string;
  afterBatch?: string;
}

export interface Conflict {
  column?: string | null;
  kind: string;
  by?: string | null;
  at?: string | null;
}

/** Which conflicts are overwritten: by record, then by column, or "" for the record as a whole. */
export type Decisions = { [recordId: string]: { [column: string]: 'OVERWRITE' } };

export interface PlannedRecord {
  objectName: string;
  recordId: string;
  label: string | null;
  action: 'UPDATE' | 'DELETE' | 'RESTORE';
  before: Columns | null;
  after: Columns | null;
  conflicts: Conflict[];
  total: number;
  conflicting: number;
}

export interface PastEvent {
  batch: string;
  seq: number;
  action: string;
  before: Columns | null;
  after: Columns | null;
  actorType: string | null;
  actorName: string | null;
  happenedAt: string;
}

const DECLARED =
  '$batch: BigInt, $seq: Int, $together: Boolean, $requestId: String, $objectName: String, $recordId: UUID, $fieldName: String, $moment: Datetime, $afterBatch: BigInt';
const GIVEN =
  'batch: $batch, seq: $seq, together: $together, requestId: $requestId, objectName: $objectName, recordId: $recordId, fieldName: $fieldName, moment: $moment, afterBatch: $afterBatch';

const PLAN = gql<
  { planRevert: { nodes: PlannedRecord[] } },
  Changes & { skip: number }
>(`query PlanRevert(${DECLARED}, $skip: Int!) {
  planRevert(${GIVEN}, skip: $skip) { nodes { objectName recordId label action before after conflicts total conflicting } }
}`);

const REVERT = gql<
  { revert: { result: { reverted: number; skipped: number } } },
  Changes & { onConflict: string; decisions: Decisions }
>(`mutation Revert(${DECLARED}, $onConflict: String!, $decisions: JSON) {
  revert(input: { ${GIVEN}, onConflict: $onConflict, decisions: $decisions }) { result }
}`);

const FIELD_HISTORY = gql<
  { fieldHistory: { nodes: PastEvent[] } },
  { object: string; id: string; field: string; before: string | null; max: number }
>(`query FieldHistory($object: String!, $id: UUID!, $field: String!, $before: BigInt, $max: Int!) {
  fieldHistory(objectName: $object, recordId: $id, fieldName: $field, beforeBatch: $before, maxResults: $max) {
    nodes { batch seq action before after actorType actorName happenedAt }
  }
}`);

const MOMENTS = gql<
  { recordHistory: { nodes: PastEvent[] } },
  { object: string; id: string }
>(`query Moments($object: String!, $id: UUID!) {
  recordHistory(objectName: $object, recordId: $id, maxResults: 1000) {
    nodes { batch seq action before after actorType actorName happenedAt }
  }
}`);

/** What would become of a hundred records, those with something in the way first; `skip` leads to the next. */
export const planRevert = async (changes: Changes, skip: number): Promise<PlannedRecord[]> =>
  (await request(PLAN, { ...changes, skip })).planRevert.nodes;

/** What is in the way is left out (SKIP) or taken back as well where it can be (OVERWRITE), all or as decided for each. */
export async function revert(changes: Changes, onConflict: 'REFUSE' | 'SKIP' | 'OVERWRITE', decisions: Decisions = {}) {
  let requestId = '';
  const answer = await request(REVERT, { ...changes, onConflict, decisions }, (id) => {
    requestId = id;
    disownRequest(id);
  });
  return { ...answer.revert.result, requestId };
}

export const PAGE = 20;

export const fieldHistory = async (object: ModelObject, id: string, field: ModelField, before: string | null) =>
  (await request(FIELD_HISTORY, { object: object.nameSingular, id, field: field.name, before, max: PAGE })).fieldHistory
    .nodes;

/** What happened to a record, the earliest first. */
export const recordMoments = async (object: ModelObject, id: string): Promise<PastEvent[]> =>
  (await request(MOMENTS, { object: object.nameSingular, id })).recordHistory.nodes.toReversed();

export const actorOf = (event: { actorName: string | null; actorType: string | null }): string =>
  event.actorName ||
  (event.actorType === 'psql'
    ? t('Someone in psql')
    : event.actorType === 'api_key'
      ? t('An API key')
      : t('The system'));

/** What is in the way, in a sentence. */
export function conflictText(object: ModelObject | undefined, conflict: Conflict): string {
  const { column, kind } = conflict;
  const field = column
    ? object?.fields.find(
        (each) =>
          each.columns.some((one) => one.column === column) || each.relations.some((one) => one.column === column),
      )
    : undefined;
  const what = field?.label ?? (column ? t('A field') : t('The record'));
  // Who it was and when, as far as that is known.
  const known = { what, by: conflict.by ?? '', when: conflict.at ? formatRelative(conflict.at) : '' };
  const told = `${conflict.by ? 'BY' : ''}${conflict.at ? 'AT' : ''}` || 'NOTHING';
  switch (kind) {
    case 'CHANGED_SINCE':
      return t(
        '{told, select, BYAT {{what} was changed since by {by} {when}.} BY {{what} was changed since by {by}.} AT {{what} was changed since {when}.} other {{what} was changed since.}}',
        { ...known, told },
      );
    case 'DELETED_SINCE':
      return t(
        '{told, select, BYAT {{what} was deleted since by {by} {when}.} BY {{what} was deleted since by {by}.} AT {{what} was deleted since {when}.} other {{what} was deleted since.}}',
        { ...known, told },
      );
    case 'TAKEN':
      return t('Another record has this {label} now.', { label: field ? inSentence(field.label) : t('value') });
    case 'LINK_GONE':
      return t('{what}: the record that it led to is gone.', { what });
    case 'NOT_ALLOWED':
      return column
        ? t('You may not change {label}.', { label: field ? inSentence(field.label) : t('a field') })
        : t('You may not do this.');
    default:
      return t('It was destroyed and cannot come back.');
  }
}
