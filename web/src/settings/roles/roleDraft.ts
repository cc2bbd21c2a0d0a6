import { newId, type Change } from '../../model/planning.ts';
import {
  ACTIONS,
  RULE_ACTIONS,
  type FieldMode,
  type Rights,
  type RightsOfAll,
  type Role,
  type Roles,
  type RuleAction,
} from './roles.ts';

export interface FieldRule {
  canRead: boolean | null;
  canUpdate: boolean | null;
}

export interface ObjectDraft extends Rights {
  fieldMode: FieldMode;
  fields: { [fieldId: string]: FieldRule };
  rules: { [action in RuleAction]?: string };
}

/** A role as a whole, while somebody works on it: saved in one change. */
export interface RoleDraft extends RightsOfAll {
  name: string;
  description: string;
  permissions: string[];
  assignableTo: string[];
  requiresSecondFactor: boolean;
  includes: string[];
  objects: { [objectId: string]: ObjectDraft };
}

export const EMPTY_OBJECT: ObjectDraft = {
  canRead: null,
  canCreate: null,
  canUpdate: null,
  canDelete: null,
  canDestroy: null,
  fieldMode: 'ALL_EXCEPT',
  fields: {},
  rules: {},
};

export const EMPTY_ROLE: RoleDraft = {
  name: '',
  description: '',
  permissions: [],
  assignableTo: ['MEMBERS', 'API_KEYS'],
  requiresSecondFactor: false,
  includes: [],
  objects: {},
  canReadAll: false,
  canCreateAll: false,
  canUpdateAll: false,
  canDeleteAll: false,
  canDestroyAll: false,
};

/** Reads everything and changes nothing. */
export const READING_ROLE: RoleDraft = {
  ...EMPTY_ROLE,
  permissions: ['DOWNLOAD_FILE', 'EXPORT_CSV', 'PROFILE_INFORMATION'],
  canReadAll: true,
};

export function draftOf(all: Roles, role: Role): RoleDraft {
  const objects: RoleDraft['objects'] = {};
  const at = (objectId: string) => (objects[objectId] ??= { ...EMPTY_OBJECT, fields: {}, rules: {} });
  for (const each of all.objectPermissions)
    if (each.roleId === role.id) {
      const { canRead, canCreate, canUpdate, canDelete, canDestroy, fieldMode } = each;
      Object.assign(at(each.objectId), { canRead, canCreate, canUpdate, canDelete, canDestroy, fieldMode });
    }
  for (const { roleId, objectId, fieldId, canRead, canUpdate } of all.fieldPermissions)
    if (roleId === role.id) at(objectId).fields[fieldId] = { canRead, canUpdate };
  for (const { roleId, objectId, action, condition } of all.recordRules)
    if (roleId === role.id) at(objectId).rules[action] = condition;
  return {
    name: role.name,
    description: role.description ?? '',
    permissions: role.permissions.toSorted(),
    assignableTo: role.assignableTo.toSorted(),
    requiresSecondFactor: role.requiresSecondFactor,
    includes: all.includes.filter((each) => each.roleId === role.id).map((each) => each.includedRoleId),
    objects,
    canReadAll: role.canReadAll,
    canCreateAll: role.canCreateAll,
    canUpdateAll: role.canUpdateAll,
    canDeleteAll: role.canDeleteAll,
    canDestroyAll: role.canDestroyAll,
  };
}

function ownValues(draft: RoleDraft) {
  const { name, description, permissions, assignableTo, requiresSecondFactor } = draft;
  const { canReadAll, canCreateAll, canUpdateAll, canDeleteAll, canDestroyAll } = draft;
  const all = { canReadAll, canCreateAll, canUpdateAll, canDeleteAll, canDestroyAll };
  return { name: name.trim(), description, permissions, assignableTo, requiresSecondFactor, ...all };
}

const rightsOf = (draft: ObjectDraft) => ({
  ...Object.fromEntries(ACTIONS.map((action) => [`can${action}`, draft[`can${action}`]])),
  fieldMode: draft.fieldMode,
});

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

type Table = 'objectPermissions' | 'fieldPermissions' | 'recordRules';

/** The steps from what is saved to the draft. Without a saved role they make a new one. */
export function changesOf(all: Roles, roleId: string, draft: RoleDraft): Change[] {
  const role = all.roles.find((each) => each.id === roleId);
  const saved = role ? draftOf(all, role) : null;
  const changes: Change[] = [];
  if (!saved) changes.push({ op: 'insert', table: 'roles', id: roleId, values: ownValues(draft) });
  else {
    const before: { [name: string]: unknown } = ownValues(saved);
    const changed = Object.entries(ownValues(draft)).filter(([name, value]) => !same(before[name], value));
    if (changed.length > 0)
      changes.push({ op: 'update', table: 'roles', id: roleId, values: Object.fromEntries(changed) });
  }

  for (const each of all.includes)
    if (each.roleId === roleId && !draft.includes.includes(each.includedRoleId))
      changes.push({ op: 'delete', table: 'roleIncludes', id: each.id });
  for (const includedRoleId of draft.includes)
    if (!saved?.includes.includes(includedRoleId))
      changes.push({ op: 'insert', table: 'roleIncludes', id: newId(), values: { roleId, includedRoleId } });

  const put = (
    table: Table,
    row: { id: string } | undefined,
    key: { [name: string]: unknown },
    before: { [name: string]: unknown } | null,
    after: { [name: string]: unknown } | null,
  ) => {
    if (same(before, after)) return;
    if (!after) {
      if (row) changes.push({ op: 'delete', table, id: row.id });
    } else if (row) changes.push({ op: 'update', table, id: row.id, values: after });
    else changes.push({ op: 'insert', table, id: newId(), values: { roleId, ...key, ...after } });
  };
  for (const objectId of new Set([...Object.keys(saved?.objects ?? {}), ...Object.keys(draft.objects)])) {
    const before = saved?.objects[objectId] ?? EMPTY_OBJECT;
    const after = draft.objects[objectId] ?? EMPTY_OBJECT;
    const none = rightsOf(EMPTY_OBJECT);
    const own = (values: object) => (same(values, none) ? null : { ...values });
    const isOwn = (each: { roleId: string; objectId: string }) => each.roleId === roleId && each.objectId === objectId;
    put(
      'objectPermissions',
      all.objectPermissions.find(isOwn),
      { objectId },
      own(rightsOf(before)),
      own(rightsOf(after)),
    );
    for (const fieldId of new Set([...Object.keys(before.fields), ...Object.keys(after.fields)]))
      put(
        'fieldPermissions',
        all.fieldPermissions.find((each) => isOwn(each) && each.fieldId === fieldId),
        { fieldId },
        before.fields[fieldId] ? { ...before.fields[fieldId] } : null,
        after.fields[fieldId] ? { ...after.fields[fieldId] } : null,
      );
    for (const action of RULE_ACTIONS) {
      const [old, next] = [before.rules[action]?.trim(), after.rules[action]?.trim()];
      put(
        'recordRules',
        all.recordRules.find((each) => isOwn(each) && each.action === action),
        { objectId, action },
        old ? { condition: old } : null,
        next ? { condition: next } : null,
      );
    }
  }
  return changes;
}

/** What a role sees of a field, as one choice of four. */
export type FieldAccess = 'HIDDEN' | 'READ' | 'EDIT' | 'WRITE_ONLY';

export function accessTo(draft: ObjectDraft, fieldId: string): FieldAccess {
  const byMode = draft.fieldMode === 'ALL_EXCEPT';
  const rule = draft.fields[fieldId];
  const reads = rule?.canRead ?? byMode;
  const writes = rule?.canUpdate ?? (byMode && reads);
  return reads ? (writes ? 'EDIT' : 'READ') : writes ? 'WRITE_ONLY' : 'HIDDEN';
}

export function withAccess(draft: ObjectDraft, fieldId: string, access: FieldAccess): ObjectDraft {
  const others = Object.fromEntries(Object.entries(draft.fields).filter(([id]) => id !== fieldId));
  const plain = { ...draft, fields: others };
  if (accessTo(plain, fieldId) === access) return plain;
  const rule = {
    canRead: access === 'READ' || access === 'EDIT',
    canUpdate: access === 'EDIT' || access === 'WRITE_ONLY',
  };
  return { ...draft, fields: { ...others, [fieldId]: rule } };
}

/** The same fields for the same people, said the other way round. */
export function withMode(draft: ObjectDraft, fieldMode: FieldMode, fieldIds: string[]): ObjectDraft {
  let next: ObjectDraft = { ...draft, fieldMode, fields: {} };
  for (const id of fieldIds) next = withAccess(next, id, accessTo(draft, id));
  return next;
}
