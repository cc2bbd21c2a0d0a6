import { setTimeout as delay } from 'node:timers/promises';
import type { Request, Response } from 'express';
import type { Pool } from 'pg';
import { RequestError } from '../errors.ts';
import { noteAuthEvent } from './events.ts';
import type { Attempts } from './attempts.ts';

/** Longer than any of these takes, so that the time of an answer does not tell whether there was somebody to write to. */
const ANSWER_AFTER_MS = 300;

const HOUR = 3_600;

/** E-mail addresses as people write them; what is no address at all is told to them. */
export function readEmail(text: string): string {
  const email = text.trim().toLowerCase();
  if (!/^[^@\s\p{C}<>()[\],;:"\\]+@[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/u.test(email) || email.length > 254) {
    throw new RequestError('INVALID_REQUEST', { message: 'This is not an e-mail address.', field: 'email' });
  }
  return email;
}

/**
 * Answers a request for a mail. The answer is the same, and comes after the same time, whether the address is known or
 * not. Each address gets few such mails, and nobody causes many.
 */
export async function answerQuietly(
  { pool, attempts }: { pool: Pool; attempts: Attempts },
  { request, response, kind, email }: { request: Request; response: Response; kind: string; email: string },
  work: () => Promise<unknown>,
): Promise<void> {
  const floor = delay(ANSWER_AFTER_MS);
  try {
    await attempts.count(
      { key: `mail ${request.ip ?? ''}`, max: 30, seconds: HOUR },
      { key: `mail ${kind} ${email}`, max: 5, seconds: HOUR },
    );
  } catch (error) {
    await noteAuthEvent(pool, request, 'MAIL_BLOCKED', { email, detail: { kind } });
    throw error;
  }
  await work();
  await floor;
  response.setHeader('cache-control', 'no-store');
  response.status(202).json({});
}
