import { Command, InvalidArgumentError, Option } from 'commander';
import type pg from 'pg';
import { RecordsError } from '../../db/records/recordsError.ts';
import { findWorkspace, withDatabase } from './session.ts';
import { formatTable } from './table.ts';

const STATES = ['RUNNING', 'WAITING', 'SCHEDULED', 'RETRYING', 'FAILED'];

interface Chosen {
  workspace?: string;
  task?: string;
}

interface Job {
  id: string;
  task: string;
  workspace: string | null;
  state: string;
  payload: object;
  attempts: number;
  max_attempts: number;
  error: string | null;
  created_at: Date;
  next_at: Date | null;
}

export function jobsCommand(): Command {
  const command = new Command('jobs').description('what the workers do, wait for and could not do');
  choices(command.command('list').description('list jobs, the newest first'))
    .addOption(new Option('--state <state>', 'only those in this state').choices(STATES))
    .option('--limit <n>', 'how many at most, up to 200', wholeNumber, 50)
    .option('--json', 'one JSON object a line, with payload and error in full')
    .action(list);
  choices(
    command
      .command('retry')
      .description('try jobs again now, as if they had never failed')
      .argument('[ids...]', 'ids of jobs', wholeNumbers),
  )
    .option('--failed', 'all that have failed for good')
    .action((ids: number[] | undefined, options: Chosen & { failed?: true }) => act('retry', ids, options));
  choices(
    command
      .command('cancel')
      .description('take jobs out of the queue; one that runs is not tried again')
      .argument('[ids...]', 'ids of jobs', wholeNumbers),
  )
    .option('--failed', 'all that have failed for good')
    .action((ids: number[] | undefined, options: Chosen & { failed?: true }) => act('cancel', ids, options));
  return command;
}

const choices = (command: Command): Command =>
  command
    .option('--workspace <slug>', 'only those of this workspace')
    .option('--task <name>', 'only those of this task, such as mail__send');

function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

const wholeNumbers = (text: string, before: number[] = []): number[] => [...before, wholeNumber(text)];

async function scopeOf(admin: pg.Client, { workspace }: Chosen): Promise<string | null> {
  return workspace === undefined ? null : (await findWorkspace(admin, workspace)).id;
}

async function list({ state, limit, json, ...chosen }: Chosen & { state?: string; limit: number; json?: true }) {
  const jobs = await withDatabase(async (admin) => {
    const values = [await scopeOf(admin, chosen), state ?? null, chosen.task ?? null, limit];
    return (await admin.query<Job>('select * from engine.list_jobs($1, $2, $3, $4)', values)).rows;
  });
  if (json) {
    for (const job of jobs) process.stdout.write(`${JSON.stringify(job)}\n`);
    return;
  }
  if (jobs.length === 0) {
    process.stderr.write('There are no such jobs.\n');
    return;
  }
  const lines = jobs.map((job) => ({
    id: job.id,
    task: job.task,
    workspace: job.workspace ?? '',
    state: job.state,
    attempts: `${job.attempts} of ${job.max_attempts}`,
    added: job.created_at.toISOString().slice(0, 19),
    next: job.next_at?.toISOString().slice(0, 19) ?? '',
    error: (job.error ?? '').split('\n')[0]!.slice(0, 80),
  }));
  process.stdout.write(formatTable(['id', 'task', 'workspace', 'state', 'attempts', 'added', 'next', 'error'], lines));
}

async function act(what: 'retry' | 'cancel', ids: number[] = [], { failed, ...chosen }: Chosen & { failed?: true }) {
  if (ids.length === 0 && !failed) {
    throw new RecordsError(
      'NOT_CONFIRMED',
      `Say which jobs to ${what}.`,
      'Name their ids, or all that failed: --failed.',
    );
  }
  const count = await withDatabase(async (admin) => {
    const scope = await scopeOf(admin, chosen);
    let done = 0;
    for (let chosenIds = ids; ;) {
      if (failed) {
        const { rows } = await admin.query<{ id: string }>(`select id from engine.list_jobs($1, 'FAILED', $2, 200)`, [
          scope,
          chosen.task ?? null,
        ]);
        chosenIds = rows.map(({ id }) => Number(id));
      }
      const { rows } = await admin.query<{ count: number }>(
        what === 'retry'
          ? 'select engine.retry_jobs($1, $2) as count'
          : `select engine.cancel_jobs($1, $2, 'an administrator') as count`,
        [scope, chosenIds],
      );
      done += rows[0]!.count;
      if (!failed || rows[0]!.count === 0) return done;
    }
  });
  process.stdout.write(`${count} ${what === 'retry' ? 'tried again' : 'cancelled'}\n`);
}
