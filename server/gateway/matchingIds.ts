import type { WithPgClient } from 'postgraphile/@dataplan/pg';
import { isDatabaseError } from './databaseErrors.ts';
import type { Narrowing } from './narrowing.ts';
import type { RequestSettings } from './pgClient.ts';

/** More ids than these narrow nothing: the statement had better look through the records in their order. */
const MAX_IDS = 20_000;

/** PostgreSQL looks through as many records sooner than they are found by another index. */
const FEW = 5_000;

/** How long it is remembered for whom asking is worth it, and of how many. */
const REMEMBERED_MS = 600_000;
const MAX_REMEMBERED = 10_000;

/**
 * Asks which records a filter narrows a list to, where a rule limits what the caller sees. For whom none does, and who
 * sees a few records only, that is remembered for a while, or until the model, which rights are part of, has another
 * version; should it be wrong for a moment, a list is slower, and no more.
 */
export class MatchingIds {
  readonly #withPgClient: WithPgClient;
  readonly #isWorthwhile = new Map<string, boolean>();
  #since = 0;

  constructor(withPgClient: WithPgClient) {
    this.#withPgClient = withPgClient;
  }

  /** What a request of a caller asks. `tables` are all that the filter names. Null where it is not worth asking. */
  for(settings: RequestSettings, version: number): NonNullable<Grafast.Context['narrow']> {
    return (tables, table, narrowing) => {
      const caller = `${settings['role']} ${settings['relvar.member_id']} ${settings['relvar.seen_by'] ?? ''}`;
      const key = `${caller} ${version} ${table} ${tables.join(' ')}`;
      this.#forget();
      return this.#isWorthwhile.get(key) === false ? null : this.#ask(settings, table, narrowing, key);
    };
  }

  #forget(): void {
    if (this.#isWorthwhile.size < MAX_REMEMBERED && Date.now() < this.#since + REMEMBERED_MS) return;
    this.#isWorthwhile.clear();
    this.#since = Date.now();
  }

  async #ask(settings: RequestSettings, table: string, narrowing: Narrowing, key: string): Promise<string[] | null> {
    const [ids, isWorthwhile] = await this.#withPgClient(settings, (client) =>
      client.query<[string | null, string]>({
        name: 'relvar_matching_ids',
        text: 'select ids, is_worthwhile from matching_ids($1, $2, $3, $4)',
        values: [table, JSON.stringify(narrowing), MAX_IDS, this.#isWorthwhile.has(key) ? 0 : FEW],
        arrayMode: true,
      }),
    ).then(
      ({ rows }) => rows[0]!,
      (error: unknown) => {
        // A workspace whose tables were too busy when Relvar was upgraded has no such function yet.
        if (isDatabaseError(error) && error.code === '42883') return [null, 'f'] as const;
        throw error;
      },
    );
    this.#isWorthwhile.set(key, isWorthwhile === 't');
    return ids === null ? null : ids.slice(1, -1).split(',').filter(Boolean);
  }
}
