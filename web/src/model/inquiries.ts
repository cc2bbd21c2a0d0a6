import { gql } from 'urql';
import { requestMetadata } from '../api/client.ts';
import { ask, run } from './calls.ts';
import { refreshModel } from './metadata.ts';
import { applyPlan, planChanges, type RecordLine } from './planning.ts';
import type { FieldOption, FieldSettings, FieldType, ResultType, RuleKind } from './types.ts';

/** What the settings ask the database about the model: nothing here changes it. */

export type FormulaContext = 'FORMULA' | 'CONDITION' | 'FILTER' | 'DEFAULT' | 'RULE';

export interface FormulaCheck {
  ok: boolean;
  resultType: ResultType | null;
  error: { message: string; code: string; hint: string | null; position: number | null; token: string | null } | null;
  samples: { id: string; label: string | null; value: unknown }[] | null;
}

export const checkFormula = (objectId: string, expression: string, context: FormulaContext): Promise<FormulaCheck> =>
  ask(
    'checkFormula',
    { objectId: 'UUID!', expression: 'String!', context: 'String' },
    { objectId, expression, context },
  );

export interface Conversion {
  total: number;
  empty: number;
  converts: number;
  fails: number;
  failures: RecordLine[];
  samples: { before: unknown; after: unknown }[];
  /** False as well when some values do not convert: they may still be emptied. */
  isPossible: boolean;
  inPlace: boolean;
  lockLevel: string | null;
  rewrites: boolean;
  estimatedMs: number | null;
  isOnline: boolean;
  note: string | null;
}

export const previewConversion = (
  fieldId: string,
  type: FieldType,
  settings: FieldSettings | null,
  options: FieldOption[] | null,
): Promise<Conversion> =>
  ask(
    'previewConversion',
    { fieldId: 'UUID!', type: 'String!', settings: 'JSON', options: 'JSON' },
    { fieldId, type, settings, options },
  );

export interface Dependent {
  kind: string;
  id: string;
  label: string;
  objectId: string | null;
  objectLabel: string | null;
  how: string | null;
  isBlocking: boolean;
}

export const dependents = (
  kind: 'object' | 'field' | 'option',
  id: string,
  optionValue: string | null = null,
): Promise<Dependent[]> =>
  ask('dependents', { kind: 'String!', id: 'UUID!', optionValue: 'String' }, { kind, id, optionValue });

export interface DeletedItem {
  /** A relation is one target of a field that points to several. */
  kind: 'object' | 'field' | 'relation';
  id: string;
  label: string;
  objectLabel: string | null;
  deletedAt: string;
  deletedByName: string | null;
  purgedAt: string;
}

export const deletedItems = (): Promise<DeletedItem[]> => ask('deletedItems');

const changeRelation = async (op: 'restore' | 'delete', { id }: DeletedItem): Promise<void> =>
  applyPlan(await planChanges([{ op, table: 'relations', id }]));

export async function restoreItem(item: DeletedItem): Promise<void> {
  if (item.kind === 'relation') return changeRelation('restore', item);
  await run(item.kind === 'object' ? 'restoreObject' : 'restoreField', { id: item.id });
  await refreshModel();
}

export async function purgeItem(item: DeletedItem): Promise<void> {
  if (item.kind === 'relation') return changeRelation('delete', item);
  await run(item.kind === 'object' ? 'purgeObject' : 'purgeField', { id: item.id });
  await refreshModel();
}

export interface ObjectStatistics {
  objectId: string;
  records: number;
  exact: boolean;
  bytes: number;
  indexBytes: number;
}

export const objectStatistics = (): Promise<ObjectStatistics[]> => ask('objectStatistics');

export interface RuleDraft {
  id?: string;
  objectId: string;
  fieldId: string | null;
  kind: RuleKind;
  settings: { [name: string]: unknown };
  condition: string | null;
  message: string;
  appliesFrom: string | null;
}

export interface RuleJudgement {
  count: number;
  records: RecordLine[];
  /** The rule in plain words. */
  text: string;
}

export const ruleViolations = (rule: RuleDraft): Promise<RuleJudgement> =>
  ask('ruleViolations', { rule: 'JSON' }, { rule });

export interface OnlineChange {
  id: string;
  objectId: string | null;
  key: string;
  kind: 'INDEX' | 'VALIDATE' | 'NOT_NULL' | 'NUMBER' | 'BACKFILL' | 'TYPE';
  statement: string;
  status: 'QUEUED' | 'RUNNING' | 'FAILED' | 'DONE';
  rowsDone: string;
  rowsTotal: string | null;
  attempts: number;
  error: string | null;
}

const ONLINE_CHANGES = gql<{ onlineChanges: { nodes: OnlineChange[] } }, { seen: string[] }>(
  `query OnlineChanges($seen: [UUID!]!) { onlineChanges(filter: { or: [{ status: { notEqualTo: "DONE" } }, { id: { in: $seen } }] }) {
    nodes { id objectId key kind statement status rowsDone rowsTotal attempts error } } }`,
);

/** What is not done yet, and of what was `seen` before how it ended. */
export const onlineChanges = async (seen: string[]): Promise<OnlineChange[]> =>
  (await requestMetadata(ONLINE_CHANGES, { seen })).onlineChanges.nodes;

export interface TypeChange {
  id: string;
  fieldId: string;
  fromType: FieldType;
  toType: FieldType;
  failedValues: string;
  status: 'RUNNING' | 'DONE' | 'UNDONE';
  changedAt: string;
}

const TYPE_CHANGES = gql<{ typeChanges: { nodes: TypeChange[] } }, { fieldId: string }>(
  `query TypeChanges($fieldId: UUID!) { typeChanges(filter: { fieldId: { equalTo: $fieldId } }, orderBy: [CHANGED_AT_DESC]) {
    nodes { id fieldId fromType toType failedValues status changedAt } } }`,
);

export const typeChanges = async (fieldId: string): Promise<TypeChange[]> =>
  (await requestMetadata(TYPE_CHANGES, { fieldId })).typeChanges.nodes;

export async function undoTypeChange(id: string): Promise<void> {
  await run('undoTypeChange', { id });
  await refreshModel();
}

export interface HistoryChange {
  table: string;
  rowId: string;
  label: string | null;
  summary: string | null;
  before: { [column: string]: unknown } | null;
  after: { [column: string]: unknown } | null;
}

export interface HistoryEntry {
  version: number;
  actorName: string | null;
  actorType: string;
  source: string;
  happenedAt: string;
  summary: string | null;
  statements: string[];
  changes: HistoryChange[];
}

export const modelHistory = (first: number, beforeVersion: number | null): Promise<HistoryEntry[]> =>
  ask(
    'modelHistory',
    { first: 'Int', beforeVersion: 'BigInt' },
    { first, beforeVersion: beforeVersion === null ? null : String(beforeVersion) },
  );

export interface Drift {
  kind: string;
  key: string;
  objectName: string | null;
  name: string | null;
  detail: string;
  proposals: ('ADOPT' | 'REPAIR' | 'IGNORE')[];
  statements: string[];
  isIgnored: boolean;
}

export const drift = (): Promise<Drift[]> => ask('drift');

export async function resolveDrift(item: Drift, how: 'ADOPT' | 'REPAIR' | 'IGNORE', reason = ''): Promise<void> {
  const { kind, key } = item;
  if (how === 'IGNORE') await run('ignoreDrift', { kind, key, reason });
  else await run(how === 'ADOPT' ? 'adoptDrift' : 'repairDrift', { kind, key });
  await refreshModel();
}
