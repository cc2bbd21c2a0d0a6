import type { Job, WorkerEvents } from 'graphile-worker';
import type { Pool } from 'pg';
import { log, messageOf } from './log.ts';
import { pause } from './relay.ts';

const FLUSH_MS = 2_000;

interface Count {
  task: string;
  workspace_id: string | null;
  succeeded: number;
  failed: number;
  given_up: number;
  milliseconds: number;
  longest: number;
}

/** What became of the jobs that this process ran, and which of them it is running. */
export class JobCounts {
  readonly #began = new Map<string, number>();
  #counts = new Map<string, Count>();

  follow(events: WorkerEvents): void {
    events.on('job:start', ({ job }) => this.#began.set(job.id, performance.now()));
    events.on('job:complete', ({ job, error }) => this.#note(job, error !== null));
  }

  #note(job: Job, hasFailed: boolean): void {
    const milliseconds = Math.round(performance.now() - (this.#began.get(job.id) ?? performance.now()));
    this.#began.delete(job.id);
    const workspaceId = workspaceOf(job.payload);
    const key = `${job.task_identifier} ${workspaceId}`;
    const count = this.#counts.get(key) ?? {
      task: job.task_identifier,
      workspace_id: workspaceId,
      succeeded: 0,
      failed: 0,
      given_up: 0,
      milliseconds: 0,
      longest: 0,
    };
    count[hasFailed ? 'failed' : 'succeeded']++;
    if (hasFailed && job.attempts >= job.max_attempts) count.given_up++;
    count.milliseconds += milliseconds;
    count.longest = Math.max(count.longest, milliseconds);
    this.#counts.set(key, count);
  }

  async flush(pool: Pool): Promise<void> {
    if (this.#counts.size === 0) return;
    const counts = this.#counts;
    this.#counts = new Map();
    try {
      await pool.query('select engine.note_jobs($1)', [JSON.stringify([...counts.values()])]);
    } catch (error) {
      log('jobs could not be counted', { error: messageOf(error) });
    }
  }

  /** Tells the database every two seconds: one write for any number of jobs. */
  async keep(pool: Pool, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await pause(FLUSH_MS, signal);
      await this.flush(pool);
    }
  }
}

function workspaceOf(payload: unknown): string | null {
  const first: unknown = Array.isArray(payload) ? payload[0] : payload;
  const id = (first as { workspace_id?: unknown } | null | undefined)?.workspace_id;
  return typeof id === 'string' ? id : null;
}
