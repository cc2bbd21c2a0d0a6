/** A request about records that cannot be met: a plain sentence, a code of docs/errors.md and a hint. */
export class RecordsError extends Error {
  readonly code: string;
  readonly hint: string | undefined;

  constructor(code: string, message: string, hint?: string) {
    super(message);
    this.name = 'RecordsError';
    this.code = code;
    this.hint = hint;
  }
}
