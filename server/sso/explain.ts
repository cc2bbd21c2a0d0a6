import type { Request, Response } from 'express';
import { DatabaseError } from 'pg';
import { noteAuthEvent } from '../auth/events.ts';
import { ERRORS, RequestError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import { log } from '../log.ts';
import type { SsoParts } from './begin.ts';
import { SsoRefused } from './enterWithProvider.ts';
import type { Refusal } from './enterWithProvider.ts';
import { ProviderFailed } from './openId.ts';
import type { Provider } from './openId.ts';
import { goToOutcome } from './outcome.ts';

/** Thrown for what came back and was not what the browser had begun; with the reason for the audit. */
export class NotOurs extends Error {
  readonly reason: string;

  constructor(reason: string) {
    super(`Single sign-on was refused: ${reason}.`);
    this.reason = reason;
  }
}

const refusal = (code: ErrorCode, details: { message?: string; hint?: string | null } = {}): Refusal => ({
  code,
  message: ERRORS[code].message,
  hint: ERRORS[code].hint,
  ...details,
});

/**
 * Answers a browser that was to be sent on and cannot be: with a page that says why, in words. What nobody foresaw is
 * thrown on.
 */
export async function explain(
  { pool, secrets }: SsoParts,
  { request, response }: { request: Request; response: Response },
  error: unknown,
  { provider, back }: { provider: Provider | undefined; back: string },
): Promise<void> {
  const go = (told: Refusal) => goToOutcome(secrets, response, { ...told, back });
  const note = (reason: string) =>
    noteAuthEvent(pool, request, 'SSO_REFUSED', {
      workspaceId: provider?.workspace_id,
      detail: { reason, ...(provider && { provider: provider.label }) },
    });
  if (error instanceof SsoRefused) return go(error.refusal);
  if (error instanceof RequestError) return go({ code: error.code, message: error.message, hint: error.hint });
  if (error instanceof DatabaseError && error.code?.startsWith('RV')) {
    return go({ code: error.code, message: error.message, hint: error.hint ?? null });
  }
  if (error instanceof NotOurs) {
    await note(error.reason);
    return go(refusal('SSO_FAILED'));
  }
  if (!(error instanceof ProviderFailed)) throw error;
  await note(error.reason);
  log('single sign-on failed', { provider: provider?.id, reason: error.reason, error: error.inner });
  if (error.isUnreachable) return go(refusal('SSO_UNREACHABLE'));
  return go(
    error.reason === 'ACCESS_DENIED'
      ? refusal('SSO_FAILED', {
          message: 'The provider has not let you in.',
          hint: 'Begin again, or ask an administrator of your organization.',
        })
      : refusal('SSO_FAILED'),
  );
}
