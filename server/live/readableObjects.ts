import type { Pool } from 'pg';
import { identitySettings } from '../../db/pool.ts';
import type { Identity } from '../auth/identity.ts';
import { sendWithSettings } from '../gateway/pgClient.ts';

/** An object whose changes a role may hear of. */
interface ReadableObject {
  readonly id: string;
  readonly singular: string;
  readonly plural: string;
  /** Whether the role sees all its records, so that every member who has it hears the same. */
  readonly isWhole: boolean;
  /** Whether a rule asks related records, so that a change of these may bring records into sight or take them out of it. */
  readonly asksRelated: boolean;
  /** What the role may read of it: another text, other rights. */
  readonly rights: string;
}

export type ReadableObjects = ReadonlyMap<string, ReadableObject>;

/**
 * Asks the database as the caller: privileges decide about objects, and a policy other than `true`
 * means that some records are hidden, so that who asks matters. The policies of included roles count.
 */
const QUESTION = `
  select o.id::text, o.name_singular, o.name_plural, coalesce(p.is_whole, false), coalesce(not p.is_whole and p.conditions like '%engine.rule_ids(%', false),
    md5(concat(p.conditions, ' ', (select string_agg(a.attname, ' ' order by a.attnum) from pg_catalog.pg_attribute a
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and not has_column_privilege(c.oid, a.attnum, 'select'))))
  from metadata.objects o
  join pg_catalog.pg_class c on c.oid = to_regclass(quote_ident(o.table_name))
  cross join lateral (
    select bool_or(pg_get_expr(p.polqual, p.polrelid) = 'true') as is_whole, string_agg(pg_get_expr(p.polqual, p.polrelid), ' or ' order by p.polname) as conditions
    from pg_catalog.pg_policy p
    where p.polrelid = c.oid and p.polcmd in ('r', '*') and exists (select from unnest(p.polroles) r where pg_has_role(r, 'usage'))) p
  where o.is_active and has_any_column_privilege(c.oid, 'select')`;

const MAX_CACHED = 1_000;

/** Remembers the answer for each role; a change of permissions is a change of the model's version. */
export class ReadableObjectsCache {
  readonly #pool: Pool;
  readonly #byRole = new Map<string, Promise<ReadableObjects>>();

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  of(identity: Identity, version: number): Promise<ReadableObjects> {
    const key = `${identity.pgRole} ${version}`;
    let answer = this.#byRole.get(key);
    if (!answer) {
      answer = this.#ask(identity);
      answer.catch(() => this.#byRole.delete(key));
      if (this.#byRole.size >= MAX_CACHED) this.#byRole.delete(this.#byRole.keys().next().value!);
      this.#byRole.set(key, answer);
    }
    return answer;
  }

  async #ask(identity: Identity): Promise<ReadableObjects> {
    const client = await this.#pool.connect();
    let broken = true;
    try {
      const { rows } = await sendWithSettings(client, identitySettings(identity), {
        name: 'relvar_readable_objects',
        text: QUESTION,
        values: [],
      });
      broken = false;
      return new Map(
        rows.map(([id, singular, plural, isWhole, asksRelated, rights]) => [
          singular!,
          {
            id: id!,
            singular: singular!,
            plural: plural!,
            isWhole: isWhole === 't',
            asksRelated: asksRelated === 't',
            rights: rights!,
          },
        ]),
      );
    } finally {
      client.release(broken);
    }
  }
}

/** What the role may read, in short: as long as it is the same, nobody needs to read anything again. */
export const rightsOf = (objects: ReadableObjects): string =>
  [...objects.values()].map(({ id, rights }) => `${id} ${rights}`).join('\n');
