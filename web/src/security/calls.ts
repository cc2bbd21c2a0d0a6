import { gql } from 'urql';
import { requestMetadata } from '../api/client.ts';
import { fetchJson } from '../api/failure.ts';
import { ask, perform, run } from '../model/calls.ts';

/** What the pages about security ask and tell the server. */

export interface OpenSession {
  id: string;
  isCurrent: boolean;
  device: string;
  address: string | null;
  /** Where the address is, if the server knows. */
  place: string | null;
  workspace: string;
  method: string;
  createdAt: string;
  lastUsedAt: string;
  hasSecondFactor: boolean;
}

export const openSessions = () => fetchJson<OpenSession[]>('/auth/sessions');
export const endSession = (id: string) => fetchJson('/auth/sessions/revoke', { id });
export const endOtherSessions = () => fetchJson('/auth/sessions/revoke', { others: true });
export const changePassword = ({ password, code }: Proof, next: string) =>
  fetchJson('/auth/password', { current: password, code, next });

/** That it is the owner who changes how they sign in. Nothing, where a second factor or a sign-in is fresh enough. */
export interface Proof {
  password?: string;
  code?: string;
}

export interface SecondFactorState {
  /** Whether there is an app that shows codes. */
  isOn: boolean;
  passkeys: number;
  codesLeft: number;
  isEnforced: boolean;
  hasPassword: boolean;
}

export interface SetUp {
  secret: string;
  qrCode: string;
}

export const secondFactorState = () => fetchJson<SecondFactorState>('/auth/second-factor');
export const beginSecondFactor = (proof: Proof) => fetchJson<SetUp>('/auth/second-factor/begin', proof);
export const confirmSecondFactor = async (code: string): Promise<string[]> =>
  (await fetchJson<{ recoveryCodes: string[] }>('/auth/second-factor/confirm', { code })).recoveryCodes;
export const makeRecoveryCodes = async (proof: Proof): Promise<string[]> =>
  (await fetchJson<{ recoveryCodes: string[] }>('/auth/second-factor/recovery-codes', proof)).recoveryCodes;
export const endSecondFactor = (proof: Proof) => fetchJson('/auth/second-factor/off', proof);

export interface Passkey {
  id: string;
  name: string;
  isSynced: boolean;
  createdAt: string;
  lastUsedAt: string | null;
}

export const passkeys = () => fetchJson<{ isAvailable: boolean; passkeys: Passkey[] }>('/auth/passkeys');
export const renamePasskey = (id: string, name: string) => fetchJson('/auth/passkeys/rename', { id, name });
export const removePasskey = (id: string, proof: Proof) => fetchJson('/auth/passkeys/remove', { id, ...proof });

export interface Key {
  id: string;
  name: string;
  prefix: string;
  /** The role of an API key; null for a personal token. */
  role: string | null;
  memberName: string | null;
  createdAt: string;
  createdByName: string | null;
  expiresAt: string | null;
  lastUsedAt: string | null;
  rateLimit: number;
}

export interface NewKey {
  id: string;
  secret: string;
}

export const apiKeys = () => ask<Key[]>('apiKeys');
export const personalTokens = () => ask<Key[]>('personalTokens');
export const createApiKey = (input: {
  name: string;
  roleId: string;
  expiresAt: string | null;
  rateLimit: number | null;
}) => perform<NewKey>('createApiKey', input);
export const createPersonalToken = (input: { name: string; expiresAt: string | null }) =>
  perform<NewKey>('createPersonalToken', input);
export const revokeKey = (id: string) => run('revokeKey', { id });

export interface ConnectedApp {
  id: string;
  name: string;
  isOwn: boolean;
  connectedAt: string;
  lastUsedAt: string | null;
  /** What it may do, in sentences. */
  may: string[];
}

export const connectedApps = () => ask<ConnectedApp[]>('connectedApps');
export const disconnectApp = (id: string, memberId: string | null = null) => run('disconnectApp', { id, memberId });

export interface App {
  id: string;
  name: string;
  /** Registered by the workspace; others registered themselves. */
  isOwn: boolean;
  redirectUris: string[];
  isConfidential: boolean;
  roleId: string | null;
  role: string | null;
  rateLimit: number;
  createdAt: string;
  createdByName: string | null;
  /** What was decided about this one; null where nothing was. */
  isAllowed: boolean | null;
  isLetIn: boolean;
  lastUsedAt: string | null;
  members: { id: string; name: string }[];
}

export interface AppDraft {
  name: string;
  redirectUris: string[];
  roleId: string | null;
  rateLimit: number | null;
}

export interface NewApp {
  id: string;
  secret: string | null;
}

export const apps = () => ask<App[]>('apps');
export const createApp = (draft: AppDraft & { isConfidential: boolean }) => perform<NewApp>('createApp', { ...draft });
export const updateApp = (id: string, draft: AppDraft) => run('updateApp', { id, ...draft });
export const rotateAppSecret = (id: string) => perform<NewApp>('rotateAppSecret', { id });
export const judgeApp = (id: string, isAllowed: boolean | null) => run('judgeApp', { id, isAllowed });
export const deleteApp = (id: string) => run('deleteApp', { id });
export const allowsOtherApps = () => ask<boolean>('allowsOtherApps');
export const setAllowsOtherApps = (allows: boolean) => run('setAllowsOtherApps', { allows });

export interface SignInEvent {
  id: string;
  kind: string;
  email: string | null;
  memberName: string | null;
  ip: string | null;
  userAgent: string | null;
  happenedAt: string;
  detail: { [name: string]: unknown };
}

export const signInEvents = (beforeId: string | null) =>
  ask<SignInEvent[]>('signInEvents', { maxResults: 'Int', beforeId: 'UUID' }, { maxResults: 100, beforeId });

export interface SecuritySettings {
  isMfaEnforced: boolean;
  mfaRoleIds: string[];
  sessionHours: number;
  sessionIdleHours: number;
  trustedDeviceDays: number;
  membersWithoutFactor?: number;
  sessionsWithoutFactor?: number;
}

export const securitySettings = () => ask<SecuritySettings>('securitySettings');
export const setMfaEnforced = (isMfaEnforced: boolean) => run('setMfaEnforced', { isMfaEnforced });
export const setMfaRoles = (roleIds: string[]) => run('setMfaRoles', { roleIds });
export const setSessionRules = (
  rules: Pick<SecuritySettings, 'sessionHours' | 'sessionIdleHours' | 'trustedDeviceDays'>,
) => run('setSessionRules', rules);
export const endSessionsWithoutFactor = () => run('endSessionsWithoutFactor', {});

export interface Role {
  id: string;
  name: string;
}

const ROLES = gql<{ roles: { nodes: (Role & { assignableTo: string[] })[] } }, Record<string, never>>(
  'query Roles { roles(first: 200) { nodes { id name assignableTo } } }',
);

/** Those that are meant for whom they would be given to. */
export const rolesFor = async (holders: 'MEMBERS' | 'API_KEYS' | 'APPLICATIONS'): Promise<Role[]> =>
  (await requestMetadata(ROLES, {})).roles.nodes.filter((role) => role.assignableTo.includes(holders));
