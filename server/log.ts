import { randomUUID } from 'node:crypto';

/** One line of JSON on stderr: machines collect it, people can read it. */
export function log(message: string, details: Record<string, unknown> = {}): void {
  process.stderr.write(JSON.stringify({ at: new Date().toISOString(), message, ...details }) + '\n');
}

/** Logs an error that its reader must not see, and gives the id by which to find it. */
export function logHidden(error: unknown, details: Record<string, unknown> = {}): string {
  const id = randomUUID();
  log('internal error', { id, ...details, ...describe(error) });
  return id;
}

function describe(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { error: String(error) };
  const { code, detail, where } = error as Error & Record<string, unknown>;
  return { error: error.message, code, detail, where, stack: error.stack };
}
