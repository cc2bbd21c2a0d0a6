import type { ServerResponse } from 'node:http';
import type { NextFunction, Request, Response } from 'express';
import { RecordsError } from '../../db/records/recordsError.ts';
import { ERRORS, RequestError } from '../errors.ts';
import { logHidden } from '../log.ts';

/** An error as a REST-like route answers with it; also outside of Express. */
export function sendError(
  response: ServerResponse,
  { status, headers, message, code, hint, field }: RequestError,
): void {
  response.statusCode = status;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.setHeader('content-type', 'application/json; charset=utf-8');
  response.end(JSON.stringify({ error: { message, code, hint, field } }));
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
  if (error instanceof RecordsError) {
    const { message, code, hint = null } = error;
    response.status(code === 'NOT_ALLOWED' ? 403 : 422).json({ error: { message, code, hint } });
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
