import { setTimeout as delay } from 'node:timers/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import type pg from 'pg';
import { loadConfig } from '../../db/config.ts';
import { openSecrets } from '../../db/secrets.ts';
import { isWebhookSecret, makeWebhookSecret, webhookSecretPurpose } from '../../db/webhookSecrets.ts';
import { RecordsError } from '../../db/records/recordsError.ts';
import { findWorkspace, withDatabase } from './session.ts';
import { formatTable } from './table.ts';

const STATES = ['PENDING', 'DELIVERED', 'DEAD', 'SKIPPED'];
const ANSWERED_WITHIN_MS = 20_000;

interface Webhook {
  id: string;
  workspace: string;
  name: string;
  url: string;
  events: string[];
  health: {
    state: string;
    waiting: number;
    dead: number;
    failingSince: string | null;
    lastSuccessAt: string | null;
    lastError: string | null;
  };
}

interface Delivery {
  id: string;
  type: string;
  state: string;
  attempts: number;
  status: number | null;
  error: string | null;
  createdAt: string;
}

const WEBHOOKS = `select h.id, w.slug as workspace, h.name, h.target_url as url, h.events, engine.webhook_health(h.id) as health
  from metadata.webhooks h join core.workspaces w on w.id = h.workspace_id`;

export function webhooksCommand(): Command {
  const command = new Command('webhooks').description('what tells others of changes, and what became of it');
  command
    .command('list')
    .description('list webhooks and how they fare')
    .option('--workspace <slug>', 'only those of this workspace')
    .option('--json', 'one JSON object a line')
    .action(list);
  of(command.command('show').description('all that is set about a webhook, and how it fares')).action(show);
  of(command.command('test').description('send one event of type webhook.test, and wait for the answer')).action(test);
  of(command.command('deliveries').description('what was sent, the newest first'))
    .addOption(new Option('--state <state>', 'only those in this state').choices(STATES))
    .option('--limit <n>', 'how many at most, up to 500', wholeNumber, 50)
    .option('--json', 'one JSON object a line, with what was sent and answered')
    .action(deliveries);
  of(command.command('replay').description('send again: one delivery, or the events of a time'))
    .option('--delivery <id>', 'this one alone', wholeNumber)
    .option('--since <moment>', 'what happened since then, such as 2026-11-28T21:00Z', moment)
    .option('--until <moment>', 'and before then', moment)
    .option('--only-dead', 'only what was given up')
    .action(replay);
  of(command.command('rotate').description('give it another secret, which is printed once'))
    .option('--overlap <hours>', 'for how many hours the former is good beside it, 0 to 168', wholeNumber, 24)
    .option('--secret <secret>', 'not a new one, but this, which the receiver has already')
    .action(rotate);
  return command;
}

const of = (command: Command): Command => command.argument('<webhook>', 'its id, or its name where no other has it');

function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

function moment(text: string): Date {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) throw new InvalidArgumentError('It must be a moment, such as 2026-11-28T21:00Z.');
  return date;
}

async function find(admin: pg.Client, name: string): Promise<Webhook> {
  const { rows } = await admin.query<Webhook>(`${WEBHOOKS} where h.id::text = $1 or h.name = $1 order by h.id`, [name]);
  const [found, ...others] = rows;
  if (found && others.length === 0) return found;
  throw new RecordsError(
    'WEBHOOK_UNKNOWN',
    found ? `${rows.length} webhooks are called "${name}".` : `There is no webhook "${name}".`,
    found ? 'Name it by its id.' : 'relvar webhooks list shows them.',
  );
}

const day = (instant: string | null): string => instant?.slice(0, 19) ?? '';

async function list({ workspace, json }: { workspace?: string; json?: true }) {
  const webhooks = await withDatabase(async (admin) => {
    const id = workspace === undefined ? null : (await findWorkspace(admin, workspace)).id;
    return (await admin.query<Webhook>(`${WEBHOOKS} where $1::uuid is null or w.id = $1 order by w.slug, h.id`, [id]))
      .rows;
  });
  if (json) {
    for (const webhook of webhooks) process.stdout.write(`${JSON.stringify(webhook)}\n`);
    return;
  }
  if (webhooks.length === 0) {
    process.stderr.write('There are no webhooks.\n');
    return;
  }
  const columns = ['id', 'workspace', 'name', 'url', 'events', 'state', 'waiting', 'given up', 'last success', 'error'];
  const lines = webhooks.map(({ health, events, ...webhook }) => ({
    ...webhook,
    events: events.join(','),
    state: health.state,
    waiting: health.waiting,
    'given up': health.dead,
    'last success': day(health.lastSuccessAt),
    error: (health.lastError ?? '').slice(0, 80),
  }));
  process.stdout.write(formatTable(columns, lines));
}

async function show(name: string) {
  const webhook = await withDatabase(async (admin) => {
    const { id } = await find(admin, name);
    const { rows } = await admin.query<object>(
      `select h.id, w.slug as workspace, h.name, h.description, h.target_url as url, h.events, h.filters, h.fields, h.format, r.name as role,
         h.is_active as "isActive", h.disabled_at as "disabledAt", h.disabled_reason as "disabledReason", engine.webhook_health(h.id) - 'id' as health
       from metadata.webhooks h join core.workspaces w on w.id = h.workspace_id join metadata.roles r on r.id = h.role_id where h.id = $1`,
      [id],
    );
    return rows[0]!;
  });
  process.stdout.write(`${JSON.stringify(webhook, null, 2)}\n`);
}

async function test(name: string) {
  await withDatabase(async (admin, { isTemporary }) => {
    const { id } = await find(admin, name);
    const { rows } = await admin.query<{ delivery: string }>('select metadata.test_webhook($1) as delivery', [id]);
    if (isTemporary) {
      process.stdout.write('It is sent when Relvar runs.\n');
      return;
    }
    for (const end = Date.now() + ANSWERED_WITHIN_MS; Date.now() < end; await delay(250)) {
      const { rows: answers } = await admin.query<{
        state: string;
        status: number | null;
        error: string | null;
        ms: number;
      }>(
        'select state, status, error, duration_ms as ms from engine.webhook_deliveries where webhook_id = $1 and id = $2',
        [id, rows[0]!.delivery],
      );
      const [answer] = answers;
      if (!answer || answer.state === 'PENDING') continue;
      if (answer.state === 'DELIVERED') {
        process.stdout.write(`Answered ${answer.status} after ${answer.ms} ms.\n`);
        return;
      }
      throw new RecordsError('WEBHOOK_FAILED', answer.error ?? 'The receiver did not accept it.');
    }
    throw new RecordsError('WEBHOOK_FAILED', 'Nothing was sent so far.', 'Does a worker run? relvar doctor says.');
  });
}

async function deliveries(name: string, { state, limit, json }: { state?: string; limit: number; json?: true }) {
  const rows = await withDatabase(async (admin) => {
    const { id } = await find(admin, name);
    const { rows: found } = await admin.query<{ deliveries: Delivery[] }>(
      'select metadata.webhook_deliveries($1, $2, null, $3) as deliveries',
      [id, state === undefined ? null : [state], limit],
    );
    if (!json) return found[0]!.deliveries;
    return Promise.all(
      found[0]!.deliveries.map(async (delivery) => ({
        ...delivery,
        ...(await admin.query<{ more: object }>('select metadata.webhook_delivery($1, $2) as more', [id, delivery.id]))
          .rows[0]!.more,
        attempts: delivery.attempts,
      })),
    );
  });
  if (json) {
    for (const delivery of rows) process.stdout.write(`${JSON.stringify(delivery)}\n`);
    return;
  }
  if (rows.length === 0) {
    process.stderr.write('There are no such deliveries.\n');
    return;
  }
  const lines = rows.map((each) => ({
    ...each,
    status: each.status ?? '',
    added: day(each.createdAt),
    error: (each.error ?? '').slice(0, 80),
  }));
  process.stdout.write(formatTable(['id', 'type', 'state', 'attempts', 'status', 'added', 'error'], lines));
}

interface Replay {
  delivery?: number;
  since?: Date;
  until?: Date;
  onlyDead?: true;
}

async function replay(name: string, { delivery, since, until, onlyDead }: Replay) {
  if ((delivery === undefined) === (since === undefined)) {
    throw new RecordsError(
      'NOT_CONFIRMED',
      'Say what to send again.',
      'One delivery: --delivery ID, or the events of a time: --since MOMENT.',
    );
  }
  const count = await withDatabase(async (admin) => {
    const { id } = await find(admin, name);
    if (delivery !== undefined) {
      await admin.query('select metadata.retry_webhook_delivery($1, $2)', [id, delivery]);
      return 1;
    }
    const { rows } = await admin.query<{ count: number }>('select metadata.replay_webhook($1, $2, $3, $4) as count', [
      id,
      since,
      until ?? null,
      onlyDead ?? false,
    ]);
    return rows[0]!.count;
  });
  process.stdout.write(`${count} sent again, as far as role and filter let them through\n`);
}

async function rotate(name: string, { overlap, secret: own }: { overlap: number; secret?: string }) {
  if (own !== undefined && !isWebhookSecret(own)) {
    throw new RecordsError(
      'VALUE_NOT_ALLOWED',
      'A secret has at least 16 characters, without spaces.',
      'One that begins with whsec_ is base64 behind that.',
    );
  }
  const secret = own ?? makeWebhookSecret();
  const secrets = openSecrets(loadConfig());
  await withDatabase(async (admin) => {
    const { id } = await find(admin, name);
    const sealed = secrets.seal(secret, webhookSecretPurpose(id));
    await admin.query('select metadata.rotate_webhook_secret($1, $2, $3)', [id, overlap, sealed]);
  });
  process.stdout.write(`${secret}\n`);
}
