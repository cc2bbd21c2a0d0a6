import type { Pool } from 'pg';
import { identitySettings } from '../../db/pool.ts';
import type { Identity } from '../auth/identity.ts';
import { sendWithSettings } from '../gateway/pgClient.ts';

/** A change as a caller may know it. */
export interface Change {
  readonly position: string;
  readonly action: string;
  readonly object: string | null;
  readonly recordId: string | null;
  readonly changedFields?: readonly string[] | null;
  readonly record?: unknown;
  readonly actor?: { type: string; id: string | null; name: string | null } | null;
  readonly source?: string | null;
  readonly requestId?: string | null;
  readonly happenedAt?: string | null;
}

/** A part of the log: after one position up to another. */
export interface Range {
  readonly after: number;
  readonly until: number;
}

/** How long what was read is kept for others who are to hear the same. */
const KEPT_MS = 2_000;

/**
 * Reads changes from the log, as those may know them who are to be told. What is the same for many is read once: for
 * all members of a role where the role sees every record, and for each of them where rules ask who it is.
 */
export class Changes {
  readonly #pool: Pool;
  readonly #kept = new Map<string, { at: number; answer: Promise<unknown> }>();

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Asks once what many want to know at the same time. */
  once<T>(key: string, ask: () => Promise<T>): Promise<T> {
    const now = Date.now();
    for (const [old, { at }] of this.#kept) {
      if (at > now - KEPT_MS) break;
      this.#kept.delete(old);
    }
    const kept = this.#kept.get(key);
    if (kept) return kept.answer as Promise<T>;
    const answer = ask();
    this.#kept.set(key, { at: now, answer });
    answer.catch(() => this.#kept.delete(key));
    return answer;
  }

  /** The positions that a workspace's log has, and the objects of which something changed in a part of it. */
  async positions(
    workspaceId: string,
    { after, until }: Range,
  ): Promise<{ first: number; last: number; objects: ReadonlySet<string> }> {
    const { rows } = await this.#pool.query<{ first_position: string; last_position: string; object_ids: string[] }>({
      name: 'relvar_positions',
      text: 'select first_position, last_position, object_ids from engine.positions($1, $2, $3)',
      values: [workspaceId, after, until],
    });
    const row = rows[0]!;
    return { first: Number(row.first_position), last: Number(row.last_position), objects: new Set(row.object_ids) };
  }

  /** `isWhole` says that every member of the role may know the same of these objects. */
  read(
    identity: Identity,
    range: Range,
    asked: { objectIds: readonly string[]; isWhole: boolean; withRecords: boolean },
  ): Promise<readonly Change[]> {
    const { objectIds, isWhole, withRecords } = asked;
    // Rights are part of the model: what was read before they changed is not for whoever asks after it.
    const who = `${isWhole ? identity.pgRole : viewOf(identity)} ${identity.modelVersion}`;
    const key = `changes ${who} ${range.after} ${range.until} ${withRecords} ${objectIds.join()}`;
    return this.once(key, () => this.#read(identity, range, objectIds, withRecords));
  }

  async #read(
    identity: Identity,
    { after, until }: Range,
    objectIds: readonly string[],
    withRecords: boolean,
  ): Promise<readonly Change[]> {
    const client = await this.#pool.connect();
    let broken = true;
    try {
      const { rows } = await sendWithSettings(client, identitySettings(identity), {
        name: 'relvar_changes_between',
        text: 'select changes_between($1, $2, $3, $4)',
        values: [String(after), String(until), `{${objectIds.join()}}`, String(withRecords)],
      });
      broken = false;
      return rows.map(([change]) => JSON.parse(change!) as Change);
    } catch (error) {
      broken = !(error instanceof Error && 'severity' in error && error.severity !== 'FATAL');
      throw error;
    } finally {
      client.release(broken);
    }
  }
}

/** Callers of whom it is the same see the same. */
export function viewOf(identity: Identity): string {
  return `${identity.pgRole} ${identity.memberId ?? ''} ${identity.seenBy ?? ''} ${identity.apiKeyId ?? ''} ${identity.applicationId ?? ''} ${identity.scopes ?? ''}`;
}

/** Where a change stands, so that they can be told in order: its statement, and its number in it. */
export function placeOf(position: string): readonly [number, number] {
  const [batch, seq] = position.split('.');
  return [Number(batch), seq === undefined ? Number.MAX_SAFE_INTEGER : Number(seq)];
}
