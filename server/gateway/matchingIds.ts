import type { WithPgClient } from 'postgraphile/@dataplan/pg';
import { isDatabaseError } from './databaseErrors.ts';
import type { Narrowing } from './narrowing.ts';
import type { RequestSettings } from './pgClient.ts';

/** More ids than these narrow nothing: the statement had better look through the records in their order. */
const MAX_IDS = 5_000;

/** Callers of whom it is remembered that no rule limits them. */
const MAX_REMEMBERED = 10_000;

/**
 * Asks which records a filter narrows a list to, where a rule limits what the caller sees. For whom none does, that is
 * remembered until the model, which rights are part of, has another version; should it be wrong for a moment, a list is
 * slower, and no more.
 */
export class MatchingIds {
  readonly #withPgClient: WithPgClient;
  readonly #unlimited = new Set<string>();

  constructor(withPgClient: WithPgClient) {
    this.#withPgClient = withPgClient;
  }

  /** What a request of a caller asks. `tables` are all that the filter names. Null for a caller without limits. */
  for(settings: RequestSettings, version: number): NonNullable<Grafast.Context['narrow']> {
    return (tables, table, narrowing) => {
      const key = `${settings['role']} ${version} ${tables.join(' ')}`;
      return this.#unlimited.has(key) ? null : this.#ask(settings, table, narrowing, key);
    };
  }

  async #ask(settings: RequestSettings, table: string, narrowing: Narrowing, key: string): Promise<string[] | null> {
    const [ids, isLimited] = await this.#withPgClient(settings, (client) =>
      client.query<[string | null, string]>({
        name: 'relvar_matching_ids',
        text: 'select ids, is_limited from matching_ids($1, $2, $3)',
        values: [table, JSON.stringify(narrowing), MAX_IDS],
        arrayMode: true,
      }),
    ).then(
      ({ rows }) => rows[0]!,
      (error: unknown) => {
        // A workspace whose tables were too busy when Relvar was upgraded has no such function yet.
        if (isDatabaseError(error) && error.code === '42883') return [null, 't'] as const;
        throw error;
      },
    );
    if (isLimited === 'f') {
      if (this.#unlimited.size >= MAX_REMEMBERED) this.#unlimited.clear();
      this.#unlimited.add(key);
    }
    return ids === null ? null : ids.slice(1, -1).split(',').filter(Boolean);
  }
}
