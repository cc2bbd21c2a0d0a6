import type { NextFunction, Request, Response } from 'express';
import { ERRORS, RequestError } from '../errors.ts';
import { logHidden } from '../log.ts';

/** An error as a REST-like route answers with it. */
export function sendError(response: Response, error: RequestError): void {
  response
    .status(error.status)
    .set(error.headers)
    .json({ error: { message: error.message, code: error.code, hint: error.hint } });
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
  const id = logHidden(error);
  response.status(500).json({ error: { ...ERRORS.INTERNAL, status: undefined, code: 'INTERNAL', id } });
}
