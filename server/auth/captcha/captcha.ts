import type { Request } from 'express';
import type { Pool } from 'pg';
import type { CaptchaConfig } from '../../../db/config.ts';
import { RequestError } from '../../errors.ts';
import { log } from '../../log.ts';
import type { Attempts } from '../attempts.ts';
import { noteAuthEvent } from '../events.ts';

/** Where each provider verifies answers, by the protocol that they share. */
const VERIFY = {
  turnstile: 'https://challenges.cloudflare.com/turnstile/v0/siteverify',
  recaptcha: 'https://www.google.com/recaptcha/api/siteverify',
  hcaptcha: 'https://api.hcaptcha.com/siteverify',
};

const ANSWER_MS = 5_000;

interface Parts {
  readonly pool: Pool;
  readonly attempts: Attempts;
  readonly config: CaptchaConfig | null;
}

/** Asks a provider whether it was a person who asked. Where none is configured, nobody is asked anything. */
export class Captcha {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** What the page needs to show the provider's widget. */
  get site(): { kind: CaptchaConfig['kind']; siteKey: string } | null {
    const { config } = this.#parts;
    return config && { kind: config.kind, siteKey: config.siteKey };
  }

  /** Throws unless the provider says that a person has solved the task, or there is no provider. */
  async assert(request: Request, answer: string | undefined): Promise<void> {
    const { pool, attempts, config } = this.#parts;
    if (config === null) return;
    if (answer === undefined || answer === '') throw new RequestError('CAPTCHA_REQUIRED');
    // Each asks the provider, which is not ours to be flooded.
    await attempts.count({ key: `captcha ${request.ip ?? ''}`, max: 100, seconds: 15 * 60 });
    const verdict = await ask(config, answer, request.ip);
    if (verdict.success === true) return;
    await noteAuthEvent(pool, request, 'CAPTCHA_FAILED', {
      detail: { path: request.path, errors: (verdict['error-codes'] ?? []).slice(0, 5) },
    });
    throw new RequestError('CAPTCHA_FAILED');
  }

  /** The same where somebody has failed to sign in some times: an account from anywhere, or an address with any accounts. */
  async assertAfterFailures(request: Request, email: string, answer: string | undefined): Promise<void> {
    const { pool, config } = this.#parts;
    if (config === null) return;
    const { rows } = await pool.query<{ is_wanted: boolean }>(
      'select core.attempt_count($1) > $3 or core.attempt_count($2) > $4 as is_wanted',
      [`sign-in ${email}`, `sign-in ${request.ip ?? ''}`, config.afterFailures, 4 * config.afterFailures],
    );
    if (rows[0]!.is_wanted) await this.assert(request, answer);
  }
}

async function ask(
  { kind, secret, verifyUrl }: CaptchaConfig,
  answer: string,
  address: string | undefined,
): Promise<{ success?: boolean; 'error-codes'?: string[] }> {
  const form = new URLSearchParams({
    secret,
    response: answer,
    ...(address === undefined ? {} : { remoteip: address }),
  });
  try {
    const response = await fetch(verifyUrl ?? VERIFY[kind], {
      method: 'POST',
      body: form,
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    if (!response.ok) throw new Error(`it answered with status ${response.status}`);
    return (await response.json()) as { success?: boolean; 'error-codes'?: string[] };
  } catch (cause) {
    log('the captcha provider does not answer', { kind, error: (cause as Error).message });
    throw new RequestError('CAPTCHA_UNAVAILABLE');
  }
}
