import type { JobHelpers, Task } from 'graphile-worker';
import type { Pool } from 'pg';
import { task, uuid, wholeNumber } from '../task.ts';

const TIMEOUT_MS = 15_000;

interface Delivery {
  url: string;
  payloads: { id: string }[];
}

/**
 * Tells a subscriber of the record changes of one statement, one POST a change, in order. Anything but success throws,
 * and graphile-worker tries the whole job again, later each time: a receiver may therefore see a change twice, and knows
 * it by its id. Redirects are not followed, since they would carry data where the subscriber did not ask for it.
 */
export function webhookDeliver(engine: Pool): Task {
  return task({ workspace_id: uuid, webhook_id: uuid, batch: wholeNumber }, async (job, helpers) => {
    const { rows } = await engine.query<{ delivery: Delivery | null }>(
      'select engine.webhook_delivery($1, $2, $3) as delivery',
      [job.workspace_id, job.webhook_id, job.batch],
    );
    const delivery = rows[0]!.delivery;
    // The webhook was deleted or switched off after the change: there is nobody left to tell.
    if (delivery === null) return;
    for (const change of delivery.payloads) await post(delivery.url, change, helpers);
  });
}

async function post(url: string, change: { id: string }, helpers: JobHelpers) {
  const signals = [AbortSignal.timeout(TIMEOUT_MS)];
  if (helpers.abortSignal) signals.push(helpers.abortSignal);
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'user-agent': 'Relvar-Webhook/1',
      'webhook-id': change.id,
    },
    body: JSON.stringify(change),
    redirect: 'manual',
    signal: AbortSignal.any(signals),
  }).catch((error: Error) => {
    // "fetch failed" says nothing; its cause says which address refused.
    const reason = (error.cause as Error | undefined)?.message ?? error.message;
    throw new Error(`${url} could not be reached: ${reason}`, { cause: error });
  });
  // An unread answer would keep the connection; its content is of no interest.
  await response.body?.cancel();
  if (!response.ok) throw new Error(`${url} answered ${response.status} to the change ${change.id}.`);
}
