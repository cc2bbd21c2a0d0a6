import type { Request } from 'express';
import type { Pool } from 'pg';

interface AuthEvent {
  readonly workspaceId?: string | null | undefined;
  readonly userId?: string | null | undefined;
  readonly email?: string | null | undefined;
  readonly detail?: Record<string, unknown>;
}

/** Writes to the audit of sign-ins. Awaited by its callers: what was not written down should not have happened. */
export async function noteAuthEvent(pool: Pool, request: Request, kind: string, event: AuthEvent = {}): Promise<void> {
  await pool.query('select core.note_auth_event($1, $2, $3, $4, $5, $6, $7)', [
    kind,
    event.workspaceId ?? null,
    event.userId ?? null,
    event.email ?? null,
    request.ip ?? null,
    request.headers['user-agent'] ?? null,
    event.detail ?? {},
  ]);
}
