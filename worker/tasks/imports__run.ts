import type { Task } from 'graphile-worker';
import pg from 'pg';
import type { FileFormat } from '../../db/records/files/source.ts';
import { csvLine } from '../../db/records/files/line.ts';
import { importRecords, type ImportProgress, type ImportResult } from '../../db/records/import/importRecords.ts';
import { Problems, type Problem } from '../../db/records/import/problems.ts';
import type { RejectedRow } from '../../db/records/import/rejectsFile.ts';
import { optionsOf, readSettings } from '../../db/records/import/settings.ts';
import { PartWriter, uploadedFile } from '../../db/records/import/upload.ts';
import { RecordsError } from '../../db/records/recordsError.ts';
import { log, messageOf } from '../log.ts';
import { task, uuid } from '../task.ts';

const LOOK_MS = 500;
/** So many rejected rows are shown, and mended, in the screen; all of them are in the file. */
const MAX_PROBLEMS = 50_000;
const PROBLEMS_AT_ONCE = 500;

interface Claimed {
  fileName: string;
  fileSize: number;
  format: FileFormat;
  settings: unknown;
  isDryRun: boolean;
  objectName: string;
  schemaName: string;
  memberId: string;
  impersonatorId: string | null;
  pgRole: string | null;
  fixes: [line: number, cell: number, value: string][];
}

/**
 * Imports a file that was uploaded, as the member who asked, on a connection of its own. What is seen from outside (how far
 * it is, the rejected rows) goes over another one: the import itself is one transaction, seen when it has ended.
 */
export function importsRun(connectionString: string): Task {
  return task({ import_id: uuid }, async ({ import_id: id }, helpers) => {
    const connect = async (applicationName: string) => {
      const client = new pg.Client({ connectionString, application_name: applicationName, keepAlive: true });
      client.on('error', () => {});
      await client.connect();
      return client;
    };
    const client = await connect('relvar import');
    const observer = await connect('relvar import progress');
    try {
      const { rows } = await observer.query<{ claimed: Claimed | null }>('select core.claim_import($1) as claimed', [id]);
      const claimed = rows[0]!.claimed;
      if (claimed === null) return;
      const isLastAttempt = helpers.job.attempts >= helpers.job.max_attempts;
      await new Run(id, claimed, client, observer).run(helpers.abortSignal, isLastAttempt);
    } finally {
      await Promise.allSettled([client.end(), observer.end()]);
    }
  }); // prettier-ignore
}

class Run {
  readonly #id: string;
  readonly #claimed: Claimed;
  readonly #client: pg.Client;
  readonly #observer: pg.Client;
  readonly #problems = new Problems();
  readonly #rejects: PartWriter;
  #progress: ImportProgress = { phase: 'reading', rows: 0, bytes: 0 };
  #pending: Problem[] = [];
  #kept = 0;
  #isCancelled = false;

  constructor(id: string, claimed: Claimed, client: pg.Client, observer: pg.Client) {
    this.#id = id;
    this.#claimed = claimed;
    this.#client = client;
    this.#observer = observer;
    this.#rejects = new PartWriter(observer, id, 'REJECTS');
  }

  async run(abort: AbortSignal | undefined, isLastAttempt: boolean): Promise<void> {
    const { isDryRun } = this.#claimed;
    const { rows } = await this.#client.query<{ pid: number }>('select pg_backend_pid() as pid');
    const stop = () => void this.#observer.query('select pg_cancel_backend($1)', [rows[0]!.pid]).catch(() => {});
    const look = setInterval(() => void this.#look(stop), LOOK_MS);
    abort?.addEventListener('abort', stop);
    try {
      const result = await this.#import();
      if (isDryRun) await this.#end(this.#observer, 'CHECKED', result, null);
      log(isDryRun ? 'file checked' : 'file imported', {
        import: this.#id,
        rows: result.rows,
        rejected: result.rejected,
      });
    } catch (error) {
      // Whoever takes the job over begins again.
      if (abort?.aborted) throw error;
      const failure = this.#isCancelled ? null : failureOf(error);
      if (!this.#isCancelled && failure === null && !isLastAttempt) throw error;
      if (failure === null && !this.#isCancelled)
        log('an import failed', { import: this.#id, error: messageOf(error) });
      const status = !this.#isCancelled ? 'FAILED' : isDryRun ? 'READY' : 'CANCELLED';
      await this.#end(this.#observer, status, null, this.#isCancelled ? null : (failure ?? UNKNOWN_FAILURE));
    } finally {
      clearInterval(look);
      abort?.removeEventListener('abort', stop);
    }
  }

  async #import(): Promise<ImportResult> {
    const { fileName, fileSize, format, settings, isDryRun, objectName, fixes, pgRole, schemaName, memberId } =
      this.#claimed;
    if (pgRole === null)
      throw new RecordsError(
        'NOT_ALLOWED',
        'Who began this import is no active member any more, or its object is gone.',
      );
    const byLine = new Map<number, Map<number, string>>();
    for (const [line, cell, value] of fixes)
      byLine.set(line, (byLine.get(line) ?? new Map<number, string>()).set(cell, value));
    return importRecords({
      client: this.#client,
      identity: {
        pgRole,
        schemaName,
        memberId,
        apiKeyId: null,
        impersonatorId: this.#claimed.impersonatorId,
        requestId: this.#id,
      },
      object: objectName,
      source: uploadedFile(this.#observer, { id: this.#id, name: fileName, size: fileSize, kind: 'FILE' }),
      format,
      ...optionsOf(readSettings(settings)),
      fixes: byLine,
      dryRun: isDryRun,
      onMapping: (_object, mapping) => this.#problems.learn(mapping),
      onProgress: (progress) => {
        this.#progress = progress;
        if (this.#isCancelled) throw new Error('The import was cancelled.');
      },
      onReject: (row) => this.#reject(row),
      beforeCommit: async (client, result) => {
        await this.#flush();
        await this.#end(client, 'DONE', result, null);
      },
    });
  }

  async #look(stop: () => void): Promise<void> {
    const { phase, rows, bytes } = this.#progress;
    try {
      const answer = await this.#observer.query<{ cancelled: boolean | null }>(
        'select core.note_import_progress($1, $2, $3, $4) as cancelled',
        [this.#id, phase, rows, bytes],
      );
      if (answer.rows[0]?.cancelled !== true) return;
      this.#isCancelled = true;
      stop();
    } catch (error) {
      log('how far an import is could not be noted', { import: this.#id, error: messageOf(error) });
    }
  }

  async #reject(row: RejectedRow): Promise<void> {
    const { isDryRun } = this.#claimed;
    if (!isDryRun)
      await this.#rejects.write(
        Buffer.from(
          row.line === 0
            ? csvLine(['line', 'reason', ...row.cells])
            : csvLine([String(row.line), row.reason, ...row.cells]),
        ),
      );
    if (row.line === 0) return;
    const problem = this.#problems.add(row);
    if (this.#kept >= MAX_PROBLEMS) return;
    this.#kept += 1;
    this.#pending.push(problem);
    if (this.#pending.length >= PROBLEMS_AT_ONCE) await this.#keepProblems();
  }

  async #keepProblems(): Promise<void> {
    const problems = this.#pending;
    this.#pending = [];
    // PostgreSQL has no text with a NUL in it.
    const text = JSON.stringify(problems).replaceAll('\\u0000', '');
    await this.#observer.query('select core.add_import_problems($1, $2)', [this.#id, text]);
  }

  async #flush(): Promise<void> {
    if (this.#pending.length > 0) await this.#keepProblems();
    await this.#rejects.flush();
  }

  async #end(
    client: pg.ClientBase,
    status: string,
    result: ImportResult | null,
    failure: object | null,
  ): Promise<void> {
    await this.#flush();
    const told = result && {
      rows: result.rows,
      created: result.created,
      updated: result.updated,
      unchanged: result.unchanged,
      rejected: result.rejected,
      createdRelated: result.createdRelated.map(({ object, created }) => ({ objectId: object.id, created })),
      outcomes: result.outcomes,
      headers: this.#problems.headers(),
      groups: this.#problems.all(),
    };
    await client.query('select core.end_import($1, $2, $3, $4)', [
      this.#id,
      status,
      told && JSON.stringify(told),
      failure && JSON.stringify(failure),
    ]);
  }
}

const UNKNOWN_FAILURE = {
  code: 'INTERNAL',
  message: 'Something went wrong on our side.',
  hint: 'Nothing was imported. Try again; if it happens again, an administrator finds the cause in the log of the worker.',
};

/** What no other attempt would change, in words; null for what may go better the next time. */
function failureOf(error: unknown): object | null {
  if (error instanceof RecordsError) return { code: error.code, message: error.message, hint: error.hint ?? null };
  if (!(error instanceof pg.DatabaseError)) return null;
  const { code = '', message, hint } = error;
  // Connections that break, servers that stop or are full, and tables that stay busy.
  if (/^(08|40|53|55|57|58|XX)/.test(code)) return null;
  return { code, message: /[.!?]$/.test(message) ? message : `${message}.`, hint: hint ?? null };
}
