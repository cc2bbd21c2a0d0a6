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
  workspace: string;
  method: string;
  createdAt: string;
  lastUsedAt: string;
  hasSecondFactor: boolean;
}

export const openSessions = () => fetchJson<OpenSession[]>('/auth/sessions');
export const endSession = (id: string) => fetchJson('/auth/sessions/revoke', { id });
export const endOtherSessions = () => fetchJson('/auth/sessions/revoke', { others: true });
export const changePassword = (current: string, next: string) => fetchJson('/auth/password', { current, next });

export interface SecondFactorState {
  isOn: boolean;
  codesLeft: number;
  isEnforced: boolean;
}

export interface SetUp {
  secret: string;
  qrCode: string;
}

export const secondFactorState = () => fetchJson<SecondFactorState>('/auth/second-factor');
export const beginSecondFactor = (password: string) => fetchJson<SetUp>('/auth/second-factor/begin', { password });
export const confirmSecondFactor = async (code: string): Promise<string[]> =>
  (await fetchJson<{ recoveryCodes: string[] }>('/auth/second-factor/confirm', { code })).recoveryCodes;
export const makeRecoveryCodes = async (password: string): Promise<string[]> =>
  (await fetchJson<{ recoveryCodes: string[] }>('/auth/second-factor/recovery-codes', { password })).recoveryCodes;
export const endSecondFactor = (password: string) => fetchJson('/auth/second-factor/off', { password });

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

export const securitySettings = () => ask<{ isMfaEnforced: boolean }>('securitySettings');
export const setMfaEnforced = (isMfaEnforced: boolean) => run('setMfaEnforced', { isMfaEnforced });

export interface Role {
  id: string;
  name: string;
}

const ROLES = gql<{ roles: { nodes: Role[] } }, Record<string, never>>(
  'query Roles { roles(first: 200) { nodes { id name } } }',
);

export const roles = async (): Promise<Role[]> => (await requestMetadata(ROLES, {})).roles.nodes;
