import { gql } from 'urql';
import { requestMetadata } from '../../api/client.ts';
import { ask, run } from '../../model/calls.ts';
import { may } from '../../model/store.ts';
import { permissionText, roleText } from '../../language/standard.ts';
import { t } from '../../language/t.ts';

export const ACTIONS = ['Read', 'Create', 'Update', 'Delete', 'Destroy'] as const;
export type Action = (typeof ACTIONS)[number];
export const ACTION_LABELS: { [action in Action]: string } = {
  Read: t('Read'),
  Create: t('Create'),
  Update: t('Update'),
  Delete: t('Delete'),
  Destroy: t('Destroy'),
};

/** What a role may do with an object: null is what it may do with every object. */
export type Rights = { [action in `can${Action}`]: boolean | null };
export type RightsOfAll = { [action in `can${Action}All`]: boolean };

export type FieldMode = 'ALL_EXCEPT' | 'ONLY';
export type RuleAction = 'READ' | 'UPDATE' | 'DELETE';
export const RULE_ACTIONS: RuleAction[] = ['READ', 'UPDATE', 'DELETE'];

export interface Role extends RightsOfAll {
  id: string;
  name: string;
  description: string | null;
  permissions: string[];
  hasAllPermissions: boolean;
  assignableTo: string[];
  requiresSecondFactor: boolean;
  isSystem: boolean;
}

export interface ObjectPermission extends Rights {
  id: string;
  roleId: string;
  objectId: string;
  fieldMode: FieldMode;
}

export interface FieldPermission {
  id: string;
  roleId: string;
  objectId: string;
  fieldId: string;
  canRead: boolean | null;
  canUpdate: boolean | null;
}

export interface RecordRule {
  id: string;
  roleId: string;
  objectId: string;
  action: RuleAction;
  condition: string;
}

export interface RoleInclude {
  id: string;
  roleId: string;
  includedRoleId: string;
}

export interface Flag {
  flag: string;
  kind: 'SETTING' | 'TOOL';
  label: string;
  description: string;
}

export interface RoleMember {
  id: string;
  name: string;
  email: string;
  roleId: string;
  isActive: boolean;
}

export interface Roles {
  roles: Role[];
  objectPermissions: ObjectPermission[];
  fieldPermissions: FieldPermission[];
  recordRules: RecordRule[];
  includes: RoleInclude[];
  flags: Flag[];
  /** Empty for who keeps the roles and not the members. */
  members: RoleMember[];
  defaultRoleId: string;
}

interface Nodes<Node> {
  nodes: Node[];
}

interface Answer {
  roles: Nodes<Role>;
  objectPermissions: Nodes<ObjectPermission>;
  fieldPermissions: Nodes<FieldPermission>;
  recordRules: Nodes<RecordRule>;
  roleIncludes: Nodes<RoleInclude>;
  permissionFlags: Nodes<Flag>;
  defaultRoleId: string;
}

const ROLES = gql<Answer, Record<string, never>>(`query Roles {
  roles { nodes {
    id name description permissions hasAllPermissions assignableTo requiresSecondFactor isSystem
    canReadAll canCreateAll canUpdateAll canDeleteAll canDestroyAll
  } }
  objectPermissions { nodes { id roleId objectId canRead canCreate canUpdate canDelete canDestroy fieldMode } }
  fieldPermissions { nodes { id roleId objectId fieldId canRead canUpdate } }
  recordRules { nodes { id roleId objectId action condition } }
  roleIncludes { nodes { id roleId includedRoleId } }
  permissionFlags { nodes { flag kind label description } }
  defaultRoleId
}`);

export async function askRoles(): Promise<Roles> {
  const [answer, members] = await Promise.all([
    requestMetadata(ROLES, {}),
    may('WORKSPACE_MEMBERS') ? ask<RoleMember[]>('members') : [],
  ]);
  return {
    roles: answer.roles.nodes
      .map((role) => ({
        ...role,
        name: roleText(role.name),
        description: role.description && roleText(role.description),
      }))
      .toSorted((a, b) => Number(b.isSystem) - Number(a.isSystem) || a.name.localeCompare(b.name)),
    objectPermissions: answer.objectPermissions.nodes,
    fieldPermissions: answer.fieldPermissions.nodes,
    recordRules: answer.recordRules.nodes,
    includes: answer.roleIncludes.nodes,
    flags: answer.permissionFlags.nodes.map((flag) => ({
      ...flag,
      label: permissionText(flag.label),
      description: permissionText(flag.description),
    })),
    members,
    defaultRoleId: answer.defaultRoleId,
  };
}

export const createOwnRecordsRole = (name: string) => run('createOwnRecordsRole', { name });
export const setDefaultRole = (roleId: string) => run('setDefaultRole', { roleId });

/** Everything that a role includes, directly and further on, without itself. */
export function includedBy(includes: { roleId: string; includedRoleId: string }[], roleId: string): Set<string> {
  const found = new Set<string>();
  const visit = (id: string) => {
    for (const include of includes)
      if (include.roleId === id && !found.has(include.includedRoleId)) {
        found.add(include.includedRoleId);
        visit(include.includedRoleId);
      }
  };
  visit(roleId);
  return found;
}
