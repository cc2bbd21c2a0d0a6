import { ask, perform, type Arguments } from './calls.ts';
import { refreshModel } from './metadata.ts';
import { useModelStore } from './store.ts';

export type ChangedTable =
  | 'objects'
  | 'fields'
  | 'relations'
  | 'rules'
  | 'indexes'
  | 'views'
  | 'viewFields'
  | 'aliases'
  | 'roles'
  | 'roleIncludes'
  | 'objectPermissions'
  | 'fieldPermissions'
  | 'recordRules';

/** One step of a change of the model, as the database takes it. Order matters. */
export type Change =
  | ({ op: 'createObject'; id?: string } & Arguments)
  | ({ op: 'createField'; id?: string; objectId: string } & Arguments)
  | { op: 'insert'; table: ChangedTable; id?: string; values: Arguments }
  | { op: 'update'; table: ChangedTable; id: string; values: Arguments }
  | { op: 'delete' | 'restore'; table: ChangedTable; id: string }
  | { op: 'replaceUses'; fieldId: string; withFieldId: string }
  | { op: 'replaceOption'; fieldId: string; value: string; with: string };

export interface PlanStep {
  step: number;
  kind: string;
  objectName: string | null;
  statement: string;
  lockLevel: string | null;
  rewrites: boolean;
  rowEstimate: number | null;
  isOnline: boolean;
  estimatedMs: number | null;
  note: string | null;
}

export interface RecordLine {
  id: string;
  label: string | null;
  value?: unknown;
}

export interface PlanViolation {
  ruleId: string | null;
  fieldId: string | null;
  objectId?: string | null;
  message: string;
  count: number;
  records: RecordLine[];
}

export interface Plan {
  fingerprint: string;
  version: number;
  changes: Change[];
  steps: PlanStep[];
  warnings: { code: string | null; message: string; hint: string | null }[];
  violations: PlanViolation[];
  losses: { kind: string; label: string; records: number | null; isRestorable?: boolean }[];
}

const workspaceId = (): string | undefined => useModelStore.getState().model?.workspace.id;

const complete = (plan: Partial<Plan>): Plan => ({
  fingerprint: plan.fingerprint ?? '',
  version: plan.version ?? 0,
  changes: plan.changes ?? [],
  steps: plan.steps ?? [],
  warnings: plan.warnings ?? [],
  violations: plan.violations ?? [],
  losses: plan.losses ?? [],
});

export const planChanges = async (changes: Change[]): Promise<Plan> =>
  complete({ changes, ...(await perform<Partial<Plan>>('planChanges', { workspaceId: workspaceId(), changes })) });

export const planManifest = async (manifest: unknown, prune: boolean): Promise<Plan> =>
  complete(await perform<Partial<Plan>>('planManifest', { workspaceId: workspaceId(), manifest, prune }));

export const planRevert = async (version: number): Promise<Plan> =>
  complete(await perform<Partial<Plan>>('planRevert', { workspaceId: workspaceId(), version: String(version) }));

export const planReset = async (kind: 'object' | 'field', id: string): Promise<Plan> =>
  complete(await perform<Partial<Plan>>('planReset', { workspaceId: workspaceId(), kind, id }));

export async function applyPlan(plan: Plan): Promise<void> {
  await perform('applyChanges', { workspaceId: workspaceId(), changes: plan.changes, fingerprint: plan.fingerprint });
  await refreshModel();
}

export const exportManifest = (): Promise<unknown> => ask<unknown>('exportManifest');

/** A key for what does not exist yet, so that the steps of one change can refer to each other. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
