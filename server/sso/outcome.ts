import type { Response } from 'express';
import type { Secrets } from '../../db/secrets.ts';
import { RETURN_PATH } from '../auth/startSession.ts';
import { RequestError } from '../errors.ts';
import type { Refusal } from './enterWithProvider.ts';

const PURPOSE = 'single sign-on outcome';

/** What the page says that a browser returns to. Sealed, since an address that could say anything would be made to. */
export interface Outcome extends Refusal {
  /** Where its button leads. */
  readonly back: string;
}

export function goToOutcome(secrets: Secrets, response: Response, outcome: Outcome): void {
  response.setHeader('cache-control', 'no-store');
  const sealed = secrets.seal(JSON.stringify(outcome), PURPOSE);
  response.redirect(303, `${RETURN_PATH}#${String(new URLSearchParams({ outcome: sealed }))}`);
}

export function openOutcome(secrets: Secrets, sealed: string): Outcome {
  try {
    return JSON.parse(secrets.unseal(sealed, PURPOSE)) as Outcome;
  } catch {
    throw new RequestError('SSO_FAILED');
  }
}
