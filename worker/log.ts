/** One line of JSON on stderr: machines collect it, people can read it. */
export function log(message: string, details: Record<string, unknown> = {}): void {
  process.stderr.write(`${JSON.stringify({ at: new Date().toISOString(), message, ...details })}\n`);
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
