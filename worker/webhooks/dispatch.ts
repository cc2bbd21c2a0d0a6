import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import type { AddressLimits } from '../../db/publicAddresses.ts';
import type { Secrets } from '../../db/secrets.ts';
import { makeWebhookSecret, webhookSecretPurpose } from '../../db/webhookSecrets.ts';
import { log, messageOf } from '../log.ts';
import { pause } from '../relay.ts';
import { deliverWebhook, type Lease } from './deliver.ts';
import { makePosts, type Post } from './post.ts';
import { signer, type Format } from './sign.ts';

/** How many webhooks a process serves at a time; a slow receiver takes one place, whatever it is to be told. */
const AT_A_TIME = 100;
/** What the relay of another process has found is seen this much later at most. */
const IDLE_MS = 100;
const RENEWED_EVERY_MS = 4_000;
const LONGEST_PAUSE_MS = 5_000;

interface Claimed {
  webhook_id: string;
  target_url: string;
  format: Format;
  /** Sealed; null where there is none yet. */
  secret: string | null;
  former_secret: string | null;
}

interface Settings {
  secrets: Secrets;
  limits: AddressLimits;
}

/**
 * Delivers webhooks: takes those that have something to send, each for as long as it has, and renews its hold on them. What a
 * process that dies was sending is sent again by another, fifteen seconds later, from where it last said it was.
 */
export class Webhooks {
  readonly #engine: Pool;
  readonly #settings: Settings;
  readonly #worker = randomUUID();
  readonly #served = new Map<string, Promise<void>>();
  #resting = new AbortController();

  constructor(engine: Pool, settings: Settings) {
    this.#engine = engine;
    this.#settings = settings;
  }

  /** At once, since there is something. */
  look(): void {
    this.#resting.abort();
  }

  /** Until told to stop. */
  async run(signal: AbortSignal): Promise<void> {
    const posts = makePosts(this.#settings.limits, signal);
    const lease = { engine: this.#engine, worker: this.#worker, signal };
    const renewing = setInterval(() => this.#renew(), RENEWED_EVERY_MS);
    let failures = 0;
    while (!signal.aborted) {
      this.#resting = new AbortController();
      try {
        for (const claimed of await this.#claim()) {
          this.#served.set(claimed.webhook_id, this.#serve(claimed, posts.to(claimed.target_url), lease));
        }
        if (failures > 0) log('webhooks are served again', { failures });
        failures = 0;
        await pause(IDLE_MS, AbortSignal.any([signal, this.#resting.signal]));
      } catch (error) {
        if (failures++ === 0) log('cannot look for webhooks to serve, trying again', { error: messageOf(error) });
        await pause(Math.min(IDLE_MS * 2 ** failures, LONGEST_PAUSE_MS), signal);
      }
    }
    await Promise.all(this.#served.values());
    clearInterval(renewing);
    posts.close();
  }

  async #claim(): Promise<Claimed[]> {
    const { rows } = await this.#engine.query<Claimed>('select * from engine.claim_webhooks($1, $2)', [
      this.#worker,
      AT_A_TIME - this.#served.size,
    ]);
    return rows;
  }

  async #serve(claimed: Claimed, post: Post, lease: Lease): Promise<void> {
    const { webhook_id: id, format } = claimed;
    try {
      await deliverWebhook(lease, { id, format, post, sign: signer(format, await this.#open(claimed)) });
    } catch (error) {
      if (!lease.signal.aborted) log('a webhook cannot be served', { webhook: id, error: messageOf(error) });
      // Long enough not to turn in circles, short enough for a database that has just been restarted.
      await pause(1_000, lease.signal);
    }
    await this.#engine.query('select engine.release_webhook($1, $2)', [id, this.#worker]).catch(() => {});
    this.#served.delete(id);
    // It may have more to send, with another secret or to another address.
    this.look();
  }

  #renew(): void {
    if (this.#served.size === 0) return;
    this.#engine
      .query('select engine.renew_webhooks($1, $2)', [this.#worker, [...this.#served.keys()]])
      .catch((error: Error) => log('cannot renew the hold on webhooks', { error: error.message }));
  }

  async #open({ webhook_id: id, secret, former_secret: former }: Claimed): Promise<string[]> {
    const present = secret ?? (await this.#makeSecret(id));
    return [present, ...(former === null ? [] : [former])].map((each) =>
      this.#settings.secrets.unseal(each, webhookSecretPurpose(id)),
    );
  }

  async #makeSecret(id: string): Promise<string> {
    const fresh = this.#settings.secrets.seal(makeWebhookSecret(), webhookSecretPurpose(id));
    const { rows } = await this.#engine.query<{ sealed: string }>(
      'select engine.keep_webhook_secret($1, $2) as sealed',
      [id, fresh],
    );
    return rows[0]!.sealed;
  }
}
