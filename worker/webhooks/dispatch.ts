import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import type { AddressLimits } from '../../db/publicAddresses.ts';
import type { Secrets } from '../../db/secrets.ts';
import { makeWebhookSecret, webhookSecretPurpose } from '../../db/webhookSecrets.ts';
import { log, messageOf } from '../log.ts';
import { pause } from '../relay.ts';
import { deliverWebhook, type Webhook } from './deliver.ts';
import { makePost } from './post.ts';

/** How many webhooks a process serves at a time; a slow receiver takes one place, whatever it is to be told. */
const AT_A_TIME = 100;
const IDLE_MS = 100;
const RENEWED_EVERY_MS = 4_000;
const LONGEST_PAUSE_MS = 5_000;

interface Claimed {
  webhook_id: string;
  target_url: string;
  format: Webhook['format'];
  /** Sealed; null where there is none yet. */
  secret: string | null;
  former_secret: string | null;
}

/**
 * Delivers webhooks: takes those that have something to send, each for as long as it has, and renews its hold on them. What a
 * process that dies was sending is sent again by another, fifteen seconds later, from where it last said it was.
 */
export async function runWebhooks(
  engine: Pool,
  { secrets, limits }: { secrets: Secrets; limits: AddressLimits },
  signal: AbortSignal,
): Promise<void> {
  const worker = randomUUID();
  const { post, close } = makePost(limits);
  const served = new Map<string, Promise<void>>();
  const renewing = setInterval(() => {
    if (served.size === 0) return;
    engine
      .query('select engine.renew_webhooks($1, $2)', [worker, [...served.keys()]])
      .catch((error: Error) => log('cannot renew the hold on webhooks', { error: error.message }));
  }, RENEWED_EVERY_MS);

  const serve = async (claimed: Claimed) => {
    const id = claimed.webhook_id;
    try {
      const webhook = { id, url: claimed.target_url, format: claimed.format, secrets: await openSecrets(claimed) };
      await deliverWebhook({ engine, worker, post, signal }, webhook);
    } catch (error) {
      if (!signal.aborted) log('a webhook cannot be served', { webhook: id, error: messageOf(error) });
      // Long enough not to turn in circles, short enough for a database that has just been restarted.
      await pause(1_000, signal);
    }
    await engine.query('select engine.release_webhook($1, $2)', [id, worker]).catch(() => {});
    served.delete(id);
  };

  const openSecrets = async ({ webhook_id: id, secret, former_secret: former }: Claimed): Promise<string[]> => {
    const present = secret ?? (await makeSecret(id));
    return [present, ...(former === null ? [] : [former])].map((each) =>
      secrets.unseal(each, webhookSecretPurpose(id)),
    );
  };

  const makeSecret = async (id: string): Promise<string> => {
    const fresh = secrets.seal(makeWebhookSecret(), webhookSecretPurpose(id));
    const { rows } = await engine.query<{ sealed: string }>('select engine.keep_webhook_secret($1, $2) as sealed', [
      id,
      fresh,
    ]);
    return rows[0]!.sealed;
  };

  let failures = 0;
  while (!signal.aborted) {
    try {
      const { rows } = await engine.query<Claimed>('select * from engine.claim_webhooks($1, $2)', [
        worker,
        AT_A_TIME - served.size,
      ]);
      for (const claimed of rows) served.set(claimed.webhook_id, serve(claimed));
      if (failures > 0) log('webhooks are served again', { failures });
      failures = 0;
      await pause(IDLE_MS, signal);
    } catch (error) {
      if (failures++ === 0) log('cannot look for webhooks to serve, trying again', { error: messageOf(error) });
      await pause(Math.min(IDLE_MS * 2 ** failures, LONGEST_PAUSE_MS), signal);
    }
  }
  await Promise.all(served.values());
  clearInterval(renewing);
  close();
}
