import { fetchJson } from '../../api/failure.ts';
import { ask, perform, run } from '../../model/calls.ts';
import type { Proof } from '../calls.ts';

/** What the pages about identity providers ask and tell the server. */

export type ProviderKind = 'GOOGLE' | 'MICROSOFT' | 'OIDC' | 'SAML';

export interface Settings {
  [name: string]: unknown;
}

export interface RoleLine {
  value: string;
  roleId: string;
}

/** How the last test went: what the provider has said, or why it failed. */
export interface TestResult {
  at: string;
  problem?: string;
  said?: string;
  subject?: string;
  email?: string | null;
  isEmailVerified?: boolean;
  name?: string | null;
  hasSecondFactor?: boolean;
  claims?: { [name: string]: string };
}

export interface Provider {
  id: string;
  kind: ProviderKind;
  label: string;
  slug: string;
  isEnabled: boolean;
  settings: Settings;
  hasSecret: boolean;
  /** The setting that it lacks before it can be switched on. */
  lacks: string | null;
  emailDomains: string[];
  makesMembers: boolean;
  defaultRoleId: string | null;
  roleClaim: string | null;
  setsRoleAnew: boolean;
  trustsSecondFactor: boolean;
  roles: RoleLine[];
  testedAt: string | null;
  lastTest: TestResult | null;
  lastUsedAt: string | null;
  members: { memberId: string; name: string; email: string | null; lastUsedAt: string }[];
}

export type Patch = Partial<
  Pick<
    Provider,
    | 'label'
    | 'slug'
    | 'settings'
    | 'isEnabled'
    | 'emailDomains'
    | 'makesMembers'
    | 'defaultRoleId'
    | 'roleClaim'
    | 'setsRoleAnew'
    | 'trustsSecondFactor'
    | 'roles'
  >
>;

export interface SignInSettings {
  isPasswordOn: boolean;
  isMagicLinkOn: boolean;
  isSsoEnforced: boolean;
  /** The approved e-mail domains of the workspace. */
  domains: string[];
  /** Members who are let in another way whatever is enforced. */
  bypassedBy: string[];
}

export const identityProviders = () => ask<Provider[]>('identityProviders');
export const createProvider = (kind: ProviderKind, label: string) =>
  perform<Provider>('createIdentityProvider', { kind, label });
export const updateProvider = (id: string, patch: Patch) => run('updateIdentityProvider', { id, patch });
export const deleteProvider = (id: string) => run('deleteIdentityProvider', { id });
export const disconnectMember = (providerId: string, memberId: string) =>
  run('disconnectMember', { providerId, memberId });
export const saveSecret = (provider: string, secret: string) => fetchJson('/auth/sso/secret', { provider, secret });

export interface Checked {
  issuer: string;
  authorizationEndpoint?: string;
}

export const checkProvider = (provider: string) => fetchJson<Checked>('/auth/sso/check', { provider });
export const beginTest = (provider: string) => fetchJson<{ location: string }>('/auth/sso/test', { provider });

export const signInSettings = () => ask<SignInSettings>('signInSettings');
export const setSignInMethods = (
  methods: Partial<Pick<SignInSettings, 'isPasswordOn' | 'isMagicLinkOn' | 'isSsoEnforced'>>,
) => run('setSignInMethods', methods);

export interface ConnectedSignIn {
  providerId: string;
  label: string;
  isConnected: boolean;
  email: string | null;
  connectedAt: string | null;
  lastUsedAt: string | null;
}

export const connectedSignIns = () => ask<ConnectedSignIn[]>('myIdentities');
export const beginConnecting = (provider: string, proof: Proof) =>
  fetchJson<{ location: string }>('/auth/sso/connect', { provider, ...proof });
export const disconnectSignIn = (providerId: string) => run('disconnectMyIdentity', { providerId });
