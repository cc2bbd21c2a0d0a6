import type { Connection, Submittable } from 'pg';
import { RequestError } from '../errors.ts';

/** What `pg` passes to a query that is running; its own types leave these out. */
interface DataRow {
  fields: (string | null)[];
}
interface CommandComplete {
  text: string;
}
/** The part of `pg`'s connection that writes messages; its published types are those of an old version. */
interface Wire {
  stream: { cork(): void; uncork(): void; destroy(): void };
  parse(message: { name: string; text: string; types: number[] }): void;
  bind(message: {
    portal: string;
    statement: string;
    values: unknown[];
    valueMapper: (value: unknown) => unknown;
  }): void;
  describe(message: { type: 'S' | 'P'; name: string }): void;
  execute(message: { portal: string; rows: number }): void;
  close(message: { type: 'S' | 'P'; name: string }): void;
  sync(): void;
}

export interface PipelinedResult {
  rows: (string | null)[][];
  rowCount: number | null;
}

export interface PipelinedStatement {
  text: string;
  /** Statements with a name are prepared once on a connection and kept. */
  name?: string | undefined;
  values: readonly unknown[];
}

/** A list without `first` must not take the process with it. */
const MAX_ROWS = 10_000;

/** Prepared statements that one connection keeps before the least recently used one is closed. */
const MAX_PREPARED = 200;

const preparedByConnection = new WeakMap<object, Map<string, true>>();

const SETTINGS_STATEMENT = 'relvar_settings_';

/**
 * One round trip for a statement and the settings it runs under.
 *
 * The extended protocol runs everything up to one Sync as a single implicit transaction. So the
 * settings (`set_config(…, true)`) hold for exactly the statement behind them, there is neither BEGIN
 * nor COMMIT to wait for, and a settings statement that fails (a role that was dropped) makes the
 * server skip the rest. The answer is given at ReadyForQuery, that is, after the commit: deferred
 * triggers have run and a write that is reported as done is durable.
 *
 * Rows come back as Postgres' own text: PostGraphile selects everything `::text` and decodes it with
 * its codecs, so parsing by type here would be work done twice.
 */
export class PipelinedQuery implements Submittable {
  readonly #settings: readonly string[];
  readonly #statement: PipelinedStatement;
  readonly #done: (error: Error | null, result: PipelinedResult | null) => void;
  readonly #rows: (string | null)[][] = [];
  #answering: boolean;
  #rowCount: number | null = null;
  #newlyPrepared: string[] = [];
  #settled = false;
  #wire: Wire | undefined;

  /** `settings` alternates names and values. */
  constructor(
    settings: readonly string[],
    statement: PipelinedStatement,
    done: (error: Error | null, result: PipelinedResult | null) => void,
  ) {
    this.#settings = settings;
    this.#statement = statement;
    this.#done = done;
    this.#answering = settings.length === 0;
  }

  submit(connection: Connection): void {
    const wire = connection as unknown as Wire;
    this.#wire = wire;
    wire.stream.cork();
    try {
      if (this.#settings.length > 0) {
        const name = SETTINGS_STATEMENT + this.#settings.length;
        this.#send(wire, name, () => settingsText(this.#settings.length), this.#settings);
      }
      const { text, name, values } = this.#statement;
      this.#send(wire, name ?? '', () => text, values);
      wire.sync();
    } finally {
      wire.stream.uncork();
    }
  }

  #send(wire: Wire, name: string, text: () => string, values: readonly unknown[]): void {
    if (name === '' || !this.#isPrepared(wire, name)) {
      wire.parse({ name, text: text(), types: [] });
    }
    wire.bind({ portal: '', statement: name, values: values as unknown[], valueMapper: toWire });
    wire.execute({ portal: '', rows: 0 });
  }

  #isPrepared(wire: Wire, name: string): boolean {
    let prepared = preparedByConnection.get(wire);
    if (!prepared) preparedByConnection.set(wire, (prepared = new Map()));
    const known = prepared.delete(name);
    prepared.set(name, true);
    if (known) return true;
    this.#newlyPrepared.push(name);
    // Closing a statement that does not exist is no error. It may exist: a first use that failed after
    // its Parse had succeeded was forgotten here but not by the server.
    wire.close({ type: 'S', name });
    if (prepared.size > MAX_PREPARED) {
      const oldest = prepared.keys().next().value!;
      prepared.delete(oldest);
      wire.close({ type: 'S', name: oldest });
    }
    return false;
  }

  handleDataRow(message: DataRow): void {
    if (!this.#answering || this.#settled) return;
    this.#rows.push(message.fields);
    if (this.#rows.length <= MAX_ROWS) return;
    // Only closing the connection stops the server at once; the pool opens another.
    this.#settle(new RequestError('TOO_MANY_RECORDS'));
    this.#rows.length = 0;
    this.#wire?.stream.destroy();
  }

  handleCommandComplete(message: CommandComplete): void {
    if (!this.#answering) {
      this.#answering = true;
      return;
    }
    const count = /(\d+)$/.exec(message.text);
    this.#rowCount = count ? Number(count[1]) : null;
  }

  handleReadyForQuery(): void {
    this.#settle(null);
  }

  handleError(error: Error, connection: Connection): void {
    const prepared = preparedByConnection.get(connection);
    for (const name of this.#newlyPrepared) prepared?.delete(name);
    this.#settle(error);
  }

  handleEmptyQuery(): void {
    this.#answering = true;
  }

  // No statement sent here is described, limited to some rows or a COPY, so these never come; `pg`
  // calls them without asking whether they exist.
  handleRowDescription(): void {}
  handlePortalSuspended(): void {}
  handleCopyInResponse(): void {}
  handleCopyData(): void {}

  #settle(error: Error | null): void {
    if (this.#settled) return;
    this.#settled = true;
    if (error) this.#done(error, null);
    else this.#done(null, { rows: this.#rows, rowCount: this.#rowCount });
  }
}

/** Names go in as parameters too, so that the text depends on their number alone. */
function settingsText(length: number): string {
  const calls: string[] = [];
  for (let i = 1; i < length; i += 2) calls.push(`set_config($${i}, $${i + 1}, true)`);
  return `select ${calls.join(', ')}`;
}

function toWire(value: unknown): unknown {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string' || Buffer.isBuffer(value)) return value;
  if (Array.isArray(value)) return arrayLiteral(value);
  if (typeof value === 'object') return JSON.stringify(value);
  return String(value);
}

function arrayLiteral(items: readonly unknown[]): string {
  const elements = items.map((item) => {
    if (item === null || item === undefined) return 'NULL';
    if (Array.isArray(item)) return arrayLiteral(item);
    return `"${String(toWire(item)).replace(/["\\]/g, '\\$&')}"`;
  });
  return `{${elements.join(',')}}`;
}
