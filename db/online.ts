import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';

const BATCH = 1_000;
const LOCK_TIMEOUT = '2s';
const BUSY_ATTEMPTS = 6;

/** Lock not available, and deadlock: somebody works with the table, and will be done sometime. */
const BUSY = ['55P03', '40P01', 'RV021'];

/** Raised when a table stayed busy: nothing is lost, and whoever called tries again later. */
export class TableBusyError extends Error {}

interface Change {
  id: string;
  kind: string;
  statement: string;
}

type Work =
  | { kind: 'NOTHING' }
  | { kind: 'INDEX'; name: string; drop: string[]; create: string | null; comment: string }
  | { kind: 'VALIDATE'; statement: string }
  | { kind: 'NOT_NULL'; add: string | null; validate: string; finish: string; cleanUp: string }
  | { kind: 'NUMBER'; fieldId: string; validate: string }
  | { kind: 'BACKFILL'; fieldId: string }
  | { kind: 'TYPE'; changeId: string | null };

/**
 * Does what the changes of a workspace's model left for later: builds of indexes, checks of old records, fills and
 * conversions of columns. Every step can be repeated, and what is done is read from the database, so whoever dies in the
 * middle is followed by another who goes on. Returns the number of changes done, or null while another works here.
 *
 * `client` is a connection of its own whose login may become relvar_owner; `beforeStep` is for those who want to watch.
 */
export async function runOnlineChanges(
  client: pg.ClientBase,
  workspaceId: string,
  options: { signal?: AbortSignal; beforeStep?: (statement: string) => void | Promise<void> } = {},
): Promise<number | null> {
  const runner = new Runner(client, options.signal, options.beforeStep);
  await client.query(`set role relvar_owner; set lock_timeout = '${LOCK_TIMEOUT}'; set statement_timeout = 0`);
  const { rows } = await client.query<{ mine: boolean }>(
    `select pg_try_advisory_lock(hashtextextended('relvar.online.' || $1, 0)) as mine`,
    [workspaceId],
  );
  if (!rows[0]!.mine) return null;
  try {
    return await runner.runAll(workspaceId);
  } finally {
    await client
      .query(`select pg_advisory_unlock(hashtextextended('relvar.online.' || $1, 0))`, [workspaceId])
      .then(() => client.query('reset role; reset lock_timeout; reset statement_timeout'))
      .catch(() => {});
  }
}

class Runner {
  client: pg.ClientBase;
  signal: AbortSignal | undefined;
  beforeStep: ((statement: string) => void | Promise<void>) | undefined;

  constructor(client: pg.ClientBase, signal?: AbortSignal, beforeStep?: Runner['beforeStep']) {
    this.client = client;
    this.signal = signal;
    this.beforeStep = beforeStep;
  }

  async runAll(workspaceId: string): Promise<number> {
    for (let done = 0; ; done++) {
      this.signal?.throwIfAborted();
      const { rows } = await this.client.query<Change>(
        'select c.id, c.kind, c.statement from engine.next_online_change($1) c where c.id is not null',
        [workspaceId],
      );
      if (rows.length === 0) return done;
      await this.run(rows[0]!);
    }
  }

  async run(change: Change) {
    await this.step(`select engine.note_online($1, 'RUNNING')`, [change.id]);
    try {
      await this.patiently(() => this.work(change));
      await this.patiently(() => this.step(`select engine.note_online($1, 'DONE')`, [change.id]));
    } catch (error) {
      if (this.signal?.aborted || !isOfPostgres(error)) throw error;
      const message = [error.message, error.hint].filter(Boolean).join(' ');
      if (BUSY.includes(error.code ?? '')) {
        await this.step(`select engine.note_online($1, 'QUEUED', $2)`, [
          change.id,
          'The table is busy. It will be tried again.',
        ]);
        throw new TableBusyError(`${change.statement}: the table is busy.`, { cause: error });
      }
      await this.cleanUp(change);
      await this.step(`select engine.note_online($1, 'FAILED', $2)`, [change.id, message]);
    }
  }

  async work(change: Change) {
    const work = await this.find(change);
    switch (work.kind) {
      case 'NOTHING':
        return;
      case 'INDEX':
        // Neither blocks anybody, however long it waits for transactions that are open.
        await this.client.query('set lock_timeout = 0');
        try {
          for (const statement of work.drop) await this.step(statement);
          if (work.create !== null) await this.step(work.create);
        } finally {
          await this.client.query(`set lock_timeout = '${LOCK_TIMEOUT}'`);
        }
        return this.step(work.comment);
      case 'VALIDATE':
        return this.step(work.statement);
      case 'NOT_NULL':
        if (work.add !== null) await this.step(work.add);
        await this.step(work.validate);
        return this.step(work.finish);
      case 'NUMBER':
        await this.batches(change, 'select engine.backfill_batch($1, $2, $3) as last', work.fieldId);
        await this.step(work.validate);
        return this.step('select engine.finish_numbering($1)', [change.id]);
      case 'BACKFILL':
        return this.batches(change, 'select engine.backfill_batch($1, $2, $3) as last', work.fieldId);
      case 'TYPE':
        if (work.changeId === null) return;
        await this.batches(change, 'select engine.conversion_batch($1, $2, $3) as last', work.changeId);
        return this.step('select engine.finish_type_change($1)', [work.changeId]);
    }
  }

  /** Each batch commits together with the place that it reached. */
  async batches(change: Change, statement: string, id: string) {
    for (;;) {
      this.signal?.throwIfAborted();
      const place = await this.client.query<{ last_id: string | null }>(
        `select last_id from metadata.online_changes where id = $1 and status = 'RUNNING'`,
        [change.id],
      );
      // Asked for anew meanwhile, since something else is to be filled in: it begins again.
      if (place.rowCount === 0) return;
      await this.client.query('begin');
      let last: string | null;
      try {
        const rows = (await this.step(statement, [id, place.rows[0]!.last_id, BATCH])) as { last: string | null }[];
        last = rows[0]!.last;
        if (last !== null)
          await this.step(
            `update metadata.online_changes set last_id = $2, rows_done = least(rows_done + $3, coalesce(rows_total, rows_done + $3))
              where id = $1 and status = 'RUNNING'`,
            [change.id, last, BATCH],
          );
        await this.client.query('commit');
      } catch (error) {
        await this.client.query('rollback').catch(() => {});
        throw error;
      }
      if (last === null) return;
    }
  }

  /** A change that failed leaves nothing half made behind. */
  async cleanUp(change: Change) {
    const work = await this.find(change);
    if (work.kind === 'INDEX') for (const statement of work.drop) await this.step(statement);
    else if (work.kind === 'NOT_NULL') await this.patiently(() => this.step(work.cleanUp));
    else if (work.kind === 'TYPE' && work.changeId !== null)
      await this.patiently(() => this.step('select engine.cancel_type_change($1)', [work.changeId]));
  }

  async find(change: Change): Promise<Work> {
    const { rows } = await this.client.query<{ work: Work }>('select engine.online_work($1) as work', [change.id]);
    return rows[0]!.work;
  }

  async patiently(work: () => Promise<unknown>) {
    for (let attempt = 1; ; attempt++)
      try {
        return await work();
      } catch (error) {
        if (attempt === BUSY_ATTEMPTS || !isOfPostgres(error) || !BUSY.includes(error.code ?? '')) throw error;
        await delay(100 * 2 ** attempt * (0.5 + Math.random()), undefined, this.signal && { signal: this.signal });
      }
  }

  async step(statement: string, parameters: unknown[] = []): Promise<unknown[]> {
    await this.beforeStep?.(statement);
    return (await this.client.query(statement, parameters)).rows;
  }
}

const isOfPostgres = (error: unknown): error is pg.DatabaseError =>
  error instanceof Error && 'code' in error && 'severity' in error;
