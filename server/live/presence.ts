import type { Pool } from 'pg';
import { identitySettings } from '../../db/pool.ts';
import type { Identity } from '../auth/identity.ts';
import { sendWithSettings } from '../gateway/pgClient.ts';
import { log } from '../log.ts';
import type { PresenceNotice } from '../notices/notices.ts';
import { viewOf } from './changes.ts';
import type { Changes } from './changes.ts';
import { Latest } from './latest.ts';
import type { Subscription } from './subscription.ts';

interface Present {
  readonly memberId: string;
  readonly name: string;
  readonly field: string | null;
  readonly since: string;
  readonly expiresAt: string;
}

interface Watcher {
  readonly subscription: Subscription;
  readonly object: string;
  readonly recordId: string;
  readonly latest: Latest;
  told: string;
  timer: NodeJS.Timeout | undefined;
}

/** Tells who has records open. A notice says that it has changed; that somebody has gone without a word, the clock. */
export class Presence {
  readonly #pool: Pool;
  readonly #changes: Changes;
  readonly #byRecord = new Map<string, Set<Watcher>>();
  /** Counts the notices, so that no answer from before one is given after it. */
  #notices = 0;

  constructor(pool: Pool, changes: Changes) {
    this.#pool = pool;
    this.#changes = changes;
  }

  /** The source of a subscription; throws what the database refuses. */
  async watch(subscription: Subscription, object: string, recordId: string): Promise<Latest> {
    const list = await this.#ask(subscription.client.identity, object, recordId);
    const key = `${subscription.client.identity.workspaceId} ${recordId}`;
    const watchers = this.#byRecord.get(key) ?? new Set();
    this.#byRecord.set(key, watchers);
    const latest = new Latest(list as object[], {
      changed: () => void this.#look(watcher),
      close: () => {
        clearTimeout(watcher.timer);
        watchers.delete(watcher);
        if (watchers.size === 0) this.#byRecord.delete(key);
      },
    });
    const watcher: Watcher = { subscription, object, recordId, latest, told: asText(list), timer: undefined };
    watchers.add(watcher);
    this.#lookAgain(watcher, list);
    // Who has come while it was asked.
    void this.#look(watcher);
    return latest;
  }

  note({ workspace, records }: PresenceNotice): void {
    this.#notices += 1;
    for (const record of records)
      for (const watcher of this.#byRecord.get(`${workspace} ${record}`) ?? []) void this.#look(watcher);
  }

  /** Notices may have been missed. */
  noteAll(): void {
    this.#notices += 1;
    for (const watchers of this.#byRecord.values()) for (const watcher of watchers) void this.#look(watcher);
  }

  async #look(watcher: Watcher): Promise<void> {
    const { subscription, object, recordId, latest } = watcher;
    try {
      const list = await this.#ask(subscription.client.identity, object, recordId);
      this.#lookAgain(watcher, list);
      const text = asText(list);
      if (text === watcher.told) return;
      watcher.told = text;
      latest.put(list as object[]);
      subscription.wake();
    } catch (error) {
      // The record, or the right to see it, is gone.
      if (!isRefusal(error)) log('who is present could not be asked', { error: (error as Error).message });
      subscription.close();
    }
  }

  #lookAgain(watcher: Watcher, list: readonly Present[]): void {
    clearTimeout(watcher.timer);
    watcher.timer = undefined;
    if (list.length === 0) return;
    const soonest = Math.min(...list.map(({ expiresAt }) => Date.parse(expiresAt)));
    // Nothing of the clock of the database is taken for more than a while to wait.
    const pause = Math.min(Math.max(soonest - Date.now(), 1_000), 60_000) + 500;
    watcher.timer = setTimeout(() => void this.#look(watcher), pause).unref();
  }

  #ask(identity: Identity, object: string, recordId: string): Promise<readonly Present[]> {
    const key = `presence ${this.#notices} ${viewOf(identity)} ${object} ${recordId} ${Math.floor(Date.now() / 500)}`;
    return this.#changes.once(key, async () => {
      const client = await this.#pool.connect();
      let broken = true;
      try {
        const { rows } = await sendWithSettings(client, identitySettings(identity), {
          name: 'relvar_present_members',
          text: 'select member_id, name, field, to_json(since)::text, to_json(expires_at)::text from present_members($1, $2) order by since, member_id',
          values: [object, recordId],
        });
        broken = false;
        return rows.map(([memberId, name, field, since, expiresAt]) => ({
          memberId: memberId!,
          name: name!,
          field: field ?? null,
          since: JSON.parse(since!) as string,
          expiresAt: JSON.parse(expiresAt!) as string,
        }));
      } catch (error) {
        broken = !isRefusal(error);
        throw error;
      } finally {
        client.release(broken);
      }
    });
  }
}

const asText = (list: readonly Present[]): string =>
  JSON.stringify(list.map(({ memberId, name, field }) => [memberId, name, field]));

const isRefusal = (error: unknown): boolean =>
  error instanceof Error && 'severity' in error && error.severity !== 'FATAL';
