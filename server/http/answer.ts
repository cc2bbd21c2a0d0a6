import type { NextFunction, Request, Response } from 'express';
import { ERRORS, RequestError } from '../errors.ts';
import { logHidden } from '../log.ts';

/** An error as a REST-like route answers with it. */
export function sendError(response: Response, error: RequestError): void {
  response
    .status(error.status)
    .set(error.headers)
    .json({ error: { message: error.message, code: error.code, hint: error.hint, field: error.field } });
}

/** Express' last handler: what was thrown becomes an answer, and what nobody foresaw is masked. */
export function handleError(error: unknown, _request: Request, response: Response, _next: NextFunction): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  if (error instanceof RequestError) {
    sendError(response, error);
    return;
  }
  // The rules that the database keeps are written for people, with their own code.
  if (error instanceof Error && 'severity' in error && 'code' in error && /^RV\d{3}$/.test(String(error.code))) {
    const { message, code, hint, column } = error as unknown as Record<string, string | undefined>;
    response.status(422).json({ error: { message, code, hint: hint ?? null, field: column } });
    return;
  }
  const id = logHidden(error);
  response.status(500).json({ error: { ...ERRORS.INTERNAL, status: undefined, code: 'INTERNAL', id } });
}
