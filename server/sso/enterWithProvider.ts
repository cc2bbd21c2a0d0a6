import type { Request, Response } from 'express';
import type { Pool } from 'pg';
import type { SignInMethod, StartSession } from '../auth/startSession.ts';

export type ProviderKind = Extract<SignInMethod, 'GOOGLE' | 'MICROSOFT' | 'OIDC' | 'SAML'>;

/** What a provider has said of a person. Who calls has checked that the provider has said it, to us, now. */
export interface Statement {
  /** By which the provider knows the person for good. */
  readonly subject: string;
  readonly email: string | null;
  readonly isEmailVerified: boolean;
  readonly name: string | null;
  /** Claims or attributes, for the mapping of roles: names to texts, or lists of them. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** Whether the provider says that a second factor was proved. */
  readonly hasSecondFactor: boolean;
}

/** Why nobody enters, in the words of the database, which has written it to the audit. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
}

/** Thrown for what the page that single sign-on returns to tells. */
export class SsoRefused extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

interface Entered {
  user_id: string | null;
  workspace_id: string;
  refusal: Refusal | null;
}

/**
 * Signs in whom a provider has named, and sends the browser on: the last step of every protocol. Throws SsoRefused where
 * the workspace does not let them in.
 */
export async function enterWithProvider(
  { pool, startSession }: { pool: Pool; startSession: StartSession },
  { request, response, goTo }: { request: Request; response: Response; goTo: string },
  provider: { id: string; kind: ProviderKind; trusts_second_factor: boolean },
  statement: Statement,
): Promise<void> {
  const { rows } = await pool.query<Entered>('select * from core.enter_with_provider($1, $2, $3, $4, $5, $6, $7, $8)', [
    provider.id,
    statement.subject,
    statement.email,
    statement.isEmailVerified,
    statement.name,
    statement.claims,
    request.ip ?? null,
    request.headers['user-agent'] ?? null,
  ]);
  const { user_id: userId, workspace_id: workspaceId, refusal } = rows[0]!;
  if (refusal || userId === null) throw new SsoRefused(refusal!);
  await startSession(request, response, {
    userId,
    workspaceId,
    method: provider.kind,
    providerId: provider.id,
    mfa: provider.trusts_second_factor && statement.hasSecondFactor,
    goTo,
  });
}
