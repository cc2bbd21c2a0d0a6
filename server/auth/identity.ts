import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Pool } from 'pg';
import { hasOwnAddresses } from '../../db/workspaceAddress.ts';
import { RequestError } from '../errors.ts';
import { ownDomainOf, slugOfRequest } from '../http/origin.ts';
import { assertSameOrigin } from '../http/sameOrigin.ts';
import { log } from '../log.ts';
import { challenge, resourcesOf } from '../oauth/resource.ts';
import type { IdentityNotice } from '../notices/notices.ts';
import type { Identity as DatabaseIdentity } from '../../db/pool.ts';
import { TokenRefused } from './accessTokens.ts';
import type { AccessClaims, AccessTokens } from './accessTokens.ts';
import { readCookie } from './cookies.ts';
import type { RateLimits } from './rateLimits.ts';
import type { Refusals } from './refusals.ts';
import { hashToken } from './tokenHash.ts';

/** Who makes a request: a member with a session, an API key, or an app; always with one CRM role. */
export interface Identity extends DatabaseIdentity {
  readonly workspaceId: string;
  readonly workspaceSlug: string;
  readonly workspaceName: string;
  readonly roleName: string;
  readonly userId: string | null;
  readonly email: string | null;
  readonly displayName: string | null;
  readonly modelVersion: number;
  readonly shape: string;
  readonly sessionId: string | null;
  readonly applicationId: string | null;
  readonly applicationName: string | null;
  /** What a member let the app do; null for one that acts for itself. */
  readonly grantId: string | null;
  /** Requests a minute, for keys and apps; null means the usual number. */
  readonly rateLimit: number | null;
  readonly impersonatorName: string | null;
  /** As what the workspace is shown, where it is not the member's own view. */
  readonly seeing: Seeing | null;
}

/** A role, or a member with theirs. */
export interface Seeing {
  readonly roleId: string;
  readonly memberId: string | null;
  readonly memberName: string | null;
}

interface IdentityRow {
  workspace_id: string;
  workspace_slug: string;
  workspace_name: string;
  schema_name: string;
  pg_role: string;
  role_name: string;
  member_id: string | null;
  user_id: string | null;
  api_key_id: string | null;
  email: string | null;
  display_name: string | null;
  model_version: string;
  shape: string;
  session_id: string | null;
  rate_limit: number | null;
  impersonator_id: string | null;
  impersonator_name: string | null;
  seeing_pg_role?: string | null;
  seeing_role_id?: string;
  seeing_role_name?: string;
  seeing_member_id?: string | null;
  seeing_member_name?: string | null;
  application_id?: string | null;
  application_name?: string | null;
  grant_id?: string | null;
  scopes?: string | null;
  is_read_only?: boolean;
}

/** Notices end what is remembered at once; this is for the moment in which none can be heard. */
const MAX_AGE_MS = 10_000;
const MAX_CACHED = 10_000;

const RESOLVERS = {
  session: 'select * from core.resolve_session($1) i left join lateral core.resolve_seeing($1) s on true',
  apiKey: 'select * from core.resolve_api_key($1)',
  keyId: 'select * from core.resolve_key_of_link($1)',
  app: 'select * from core.resolve_oauth_token($1, $2)',
};

interface Parts {
  readonly pool: Pool;
  readonly tokens: AccessTokens;
  readonly refusals: Refusals;
  readonly rateLimits: RateLimits;
  readonly publicUrl: string | null;
  readonly onResolved: (identity: Identity) => void;
}

/**
 * Finds out who makes a request. A signature alone is never enough: the session must be alive, which is remembered for
 * a few seconds and forgotten when the database says that it has ended.
 */
export class Identities {
  readonly #parts: Parts;
  readonly #cache = new Map<string, { identity: Identity; until: number }>();
  /** Counts what was forgotten: an answer that was asked for before must not be remembered after. */
  #forgotten = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * The identity of a request; throws NOT_SIGNED_IN where there is none. The answer tells keys what they may still ask. Who
   * sees as somebody else reads only: `holdsBack` says that whoever asks sees to that itself, as a database role does.
   */
  of(request: IncomingMessage, response: ServerResponse, holdsBack = isRead(request)): Identity | Promise<Identity> {
    const found = this.#known(request, response);
    if (holdsBack) return found;
    return found instanceof Promise ? found.then(assertOwnView) : assertOwnView(found);
  }

  /** Whoever is not known is told whom to ask for a token. */
  #known(request: IncomingMessage, response: ServerResponse): Identity | Promise<Identity> {
    const fail = (error: unknown): never => {
      if (error instanceof RequestError && error.code === 'NOT_SIGNED_IN') {
        throw new RequestError(error.code, {
          headers: { 'www-authenticate': challenge(request, this.#parts.publicUrl) },
        });
      }
      throw error;
    };
    try {
      const found = this.#identify(request, response);
      if (!hasOwnAddresses(this.#parts.publicUrl) && !ownDomainOf(request))
        return found instanceof Promise ? found.catch(fail) : found;
      if (!(found instanceof Promise)) return this.#assertAddress(request, found);
      return found.then((identity) => this.#assertAddress(request, identity)).catch(fail);
    } catch (error) {
      return fail(error);
    }
  }

  #identify(request: IncomingMessage, response: ServerResponse): Identity | Promise<Identity> {
    const bearer = request.headers.authorization;
    if (bearer !== undefined) {
      const token = /^Bearer ([\w.-]+)$/.exec(bearer)?.[1] ?? '';
      if (/^rvp?_[\w-]{43}$/.test(token)) return this.#ofKey(request, response, hashToken(token));
      if (/^[\w-]{43}$/.test(token)) return this.#ofApp(request, response, hashToken(token));
      return this.#ofAccessToken(request, token);
    }
    const token = readCookie(request, 'relvar_access');
    if (!token) throw new RequestError('NOT_SIGNED_IN');
    // A navigation or a stream that is only read changes nothing; everything else must be ours.
    if (request.method !== 'GET') this.assertSameOrigin(request);
    const found = this.#ofAccessToken(request, token);
    const member = request.headers['x-member'];
    if (member === undefined) return found;
    return found instanceof Promise
      ? found.then((identity) => assertMember(identity, member))
      : assertMember(found, member);
  }

  /** Where workspaces have addresses of their own, what opens one opens it there: programs also at the address of all. */
  #assertAddress(request: IncomingMessage, identity: Identity): Identity {
    const slug = slugOfRequest(request, this.#parts.publicUrl);
    if (slug === identity.workspaceSlug || (slug === null && request.headers.authorization !== undefined)) {
      return identity;
    }
    const { workspaceId, userId } = identity;
    this.#parts.refusals.note(request, 'OTHER_WORKSPACE', { workspaceId, ...(userId && { userId }) });
    throw new RequestError('NOT_SIGNED_IN');
  }

  /** Who it is now that opened a stream some time ago. The session counts, not the token, which has run out meanwhile. */
  again(request: IncomingMessage, { sessionId, applicationId }: Identity): Identity | Promise<Identity> {
    if (sessionId !== null) return this.ofSession(sessionId);
    const hash = hashToken(request.headers.authorization!.slice('Bearer '.length));
    if (applicationId !== null) return this.#findApp(request, hash);
    return this.#find('apiKey', hash.toString('base64'), hash);
  }

  ofSession(sessionId: string): Identity | Promise<Identity> {
    return this.#find('session', sessionId, sessionId);
  }

  /** For what a key has signed; its requests are counted where it makes them. */
  ofKeyId(apiKeyId: string): Identity | Promise<Identity> {
    return this.#find('keyId', apiKeyId, apiKeyId);
  }

  assertSameOrigin(request: IncomingMessage): void {
    try {
      assertSameOrigin(request);
    } catch (error) {
      this.#parts.refusals.note(request, 'CROSS_SITE');
      throw error;
    }
  }

  /** Roles and permissions are part of the model, so its changes end what is remembered. */
  forgetWorkspace(workspaceId: string): void {
    this.#forget((identity) => identity.workspaceId === workspaceId);
  }

  forget({ session, user, workspace, application, grant, keys }: IdentityNotice): void {
    if (session) this.#forget((identity) => identity.sessionId === session);
    if (user) this.#forget((identity) => identity.userId === user);
    if (workspace) this.forgetWorkspace(workspace);
    if (application) this.#forget((identity) => identity.applicationId === application);
    if (grant) this.#forget((identity) => identity.grantId === grant);
    if (keys) this.#parts.tokens.forget();
  }

  forgetAll(): void {
    this.#forget(() => true);
    this.#parts.tokens.forget();
  }

  #forget(isMeant: (identity: Identity) => boolean): void {
    this.#forgotten += 1;
    for (const [key, { identity }] of this.#cache) if (isMeant(identity)) this.#cache.delete(key);
  }

  #ofKey(request: IncomingMessage, response: ServerResponse, hash: Buffer): Identity | Promise<Identity> {
    const admit = (identity: Identity) => {
      const counted = this.#parts.rateLimits.count(identity.apiKeyId!, identity.rateLimit, response);
      return counted ? counted.then(() => identity) : identity;
    };
    const found = this.#find('apiKey', hash.toString('base64'), hash);
    if (!(found instanceof Promise)) return admit(found);
    return found.then(admit, (error: unknown) => {
      if (error instanceof RequestError) this.#parts.refusals.note(request, 'UNKNOWN_KEY');
      throw error;
    });
  }

  #ofApp(request: IncomingMessage, response: ServerResponse, hash: Buffer): Identity | Promise<Identity> {
    // One app in the hands of one member, as one key: another member's is not held up by it.
    const admit = (identity: Identity) => {
      const name = identity.grantId ?? identity.applicationId!;
      const counted = this.#parts.rateLimits.count(name, identity.rateLimit, response);
      return counted ? counted.then(() => identity) : identity;
    };
    const found = this.#findApp(request, hash);
    if (!(found instanceof Promise)) return admit(found);
    return found.then(admit, (error: unknown) => {
      if (error instanceof RequestError) this.#parts.refusals.note(request, 'UNKNOWN_APP_TOKEN');
      throw error;
    });
  }

  /** A token is good for the resource that it was asked for, and nowhere else. */
  #findApp(request: IncomingMessage, hash: Buffer): Identity | Promise<Identity> {
    const resources = resourcesOf(request, this.#parts.publicUrl);
    return this.#find('app', `${resources.join(' ')} ${hash.toString('base64')}`, hash, resources);
  }

  #ofAccessToken(request: IncomingMessage, token: string): Identity | Promise<Identity> {
    try {
      const claims = this.#parts.tokens.verify(token);
      if (!(claims instanceof Promise)) return this.#ofClaims(request, claims);
      return claims.then(
        (verified) => this.#ofClaims(request, verified),
        (error: unknown) => this.#refuse(request, error),
      );
    } catch (error) {
      return this.#refuse(request, error);
    }
  }

  #ofClaims(request: IncomingMessage, claims: AccessClaims): Identity | Promise<Identity> {
    const check = (identity: Identity) => {
      if (identity.userId === claims.userId && identity.workspaceId === claims.workspaceId) return identity;
      return this.#refuse(request, new TokenRefused('WRONG_SESSION'), claims);
    };
    const found = this.ofSession(claims.sessionId);
    if (!(found instanceof Promise)) return check(found);
    return found.then(check, (error: unknown) => {
      const isOver = error instanceof RequestError && error.code === 'NOT_SIGNED_IN';
      return this.#refuse(request, isOver ? new TokenRefused('NO_SESSION') : error, claims);
    });
  }

  #refuse(request: IncomingMessage, error: unknown, claims?: AccessClaims): never {
    if (!(error instanceof TokenRefused)) throw error;
    this.#parts.refusals.note(request, error.reason, claims && { userId: claims.userId });
    throw new RequestError('NOT_SIGNED_IN');
  }

  #find(kind: keyof typeof RESOLVERS, name: string, ...values: unknown[]): Identity | Promise<Identity> {
    const key = `${kind} ${name}`;
    const cached = this.#cache.get(key);
    if (cached && cached.until > Date.now()) return cached.identity;
    return this.#resolve(kind, key, values);
  }

  async #resolve(kind: keyof typeof RESOLVERS, key: string, values: unknown[]): Promise<Identity> {
    const { pool, onResolved } = this.#parts;
    const forgotten = this.#forgotten;
    const { rows } = await pool.query<IdentityRow>({
      name: `relvar_resolve_${kind}`,
      text: RESOLVERS[kind],
      values,
    });
    const row = rows[0];
    if (!row?.workspace_id) {
      this.#cache.delete(key);
      throw new RequestError('NOT_SIGNED_IN');
    }
    const identity = fromRow(row);
    onResolved(identity);
    this.#noteUse(identity);
    if (forgotten !== this.#forgotten) return identity;
    if (this.#cache.size >= MAX_CACHED) this.#cache.delete(this.#cache.keys().next().value!);
    this.#cache.set(key, { identity, until: Date.now() + MAX_AGE_MS });
    return identity;
  }

  /** Nobody waits for it. */
  #noteUse({ apiKeyId, applicationId, grantId }: Identity): void {
    const { pool } = this.#parts;
    const noted =
      apiKeyId !== null
        ? pool.query('select core.note_key_use($1)', [apiKeyId])
        : applicationId !== null
          ? pool.query('select core.note_app_use($1, $2)', [applicationId, grantId])
          : undefined;
    noted?.catch((error: Error) => {
      log('the use of a key or an app could not be written down', { error: error.message });
    });
  }
}

/**
 * All pages of a browser have one cookie. One that was opened as another member, before somebody signed in or changed
 * the workspace elsewhere, says who it believes to be, and must not write into what is not its own.
 */
function assertMember(identity: Identity, member: string | string[]): Identity {
  if (pageOf(identity) !== member) throw new RequestError('OTHER_SESSION');
  return identity;
}

/** By which a page says whose view it shows: the member, and as what that one sees. */
export function pageOf({ memberId, seenBy, seeing }: Identity): string | null {
  return seeing ? `${seenBy} as ${seeing.memberId ?? seeing.roleId}` : memberId;
}

const isRead = ({ method }: IncomingMessage): boolean => method === 'GET' || method === 'HEAD';

function assertOwnView(identity: Identity): Identity {
  if (identity.seeing) throw new RequestError('READ_ONLY');
  return identity;
}

function fromRow(row: IdentityRow): Identity {
  const own = ownIdentity(row);
  if (!row.seeing_pg_role) return own;
  return {
    ...own,
    pgRole: row.seeing_pg_role,
    roleName: row.seeing_role_name!,
    // Of a role everything is shown as to somebody who has it: to the one who looks.
    memberId: row.seeing_member_id ?? own.memberId,
    seenBy: own.memberId,
    seeing: {
      roleId: row.seeing_role_id!,
      memberId: row.seeing_member_id ?? null,
      memberName: row.seeing_member_name ?? null,
    },
  };
}

function ownIdentity(row: IdentityRow): Identity {
  return {
    workspaceId: row.workspace_id,
    workspaceSlug: row.workspace_slug,
    workspaceName: row.workspace_name,
    schemaName: row.schema_name,
    pgRole: row.pg_role,
    source: row.application_id ? 'APPLICATION' : row.api_key_id === null ? 'MANUAL' : 'API',
    roleName: row.role_name,
    memberId: row.member_id,
    userId: row.user_id,
    apiKeyId: row.api_key_id,
    email: row.email,
    displayName: row.display_name,
    modelVersion: Number(row.model_version),
    shape: row.shape,
    sessionId: row.session_id,
    rateLimit: row.rate_limit,
    impersonatorId: row.impersonator_id,
    impersonatorName: row.impersonator_name,
    seeing: null,
    applicationId: row.application_id ?? null,
    applicationName: row.application_name ?? null,
    grantId: row.grant_id ?? null,
    scopes: row.scopes ?? null,
    isReadOnly: row.is_read_only ?? false,
  };
}
