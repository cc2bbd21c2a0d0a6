import { gql } from 'urql';
import { requestMetadata } from '../api/client.ts';
import { ask, perform, run } from '../model/calls.ts';
import type { NewKey } from './calls.ts';

export interface ScimToken {
  id: string;
  name: string;
  prefix: string;
  createdAt: string;
  createdByName: string | null;
  expiresAt: string | null;
  lastUsedAt: string | null;
}

export interface ScimGroup {
  id: string;
  displayName: string;
  roleId: string | null;
  teamId: string | null;
  /** Of several groups with a role the lowest counts. */
  position: number;
  members: number;
}

interface Named {
  id: string;
  name: string;
}

export interface Provisioning {
  tokens: ScimToken[];
  groups: ScimGroup[];
  /** How many members a directory keeps. */
  users: number;
  /** For which it may make members. */
  domains: string[];
  roles: Named[];
  teams: Named[];
}

const CHOICES = gql<{ roles: { nodes: Named[] }; teams: { nodes: Named[] } }, Record<string, never>>(
  'query Choices { roles { nodes { id name } } teams { nodes { id name } } }',
);

export async function askProvisioning(): Promise<Provisioning> {
  const [answer, { roles, teams }] = await Promise.all([
    ask<Omit<Provisioning, 'roles' | 'teams'>>('provisioning'),
    requestMetadata(CHOICES, {}),
  ]);
  const byName = (a: Named, b: Named) => a.name.localeCompare(b.name);
  return { ...answer, roles: roles.nodes.toSorted(byName), teams: teams.nodes.toSorted(byName) };
}

export const createScimToken = (input: { name: string; expiresAt: string | null }) =>
  perform<NewKey>('createScimToken', input);
export const revokeScimToken = (id: string) => run('revokeScimToken', { id });
export const mapScimGroup = ({ id, roleId, teamId, position }: ScimGroup) =>
  run('mapScimGroup', { id, roleId, teamId, position });
export const removeScimGroup = (id: string) => run('removeScimGroup', { id });
