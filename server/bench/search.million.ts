import { withIdentity, type Identity } from '../../db/pool.ts';
import type { Bench } from './bench.ts';
import type { BenchDatabase, Workspace } from './database.ts';
import { percentile, time } from './rounds.ts';

const PEOPLE = 1_000_000;
/** Of each kind of question, for each of the three who ask. */
const QUESTIONS = 60;

/** A stream of numbers below 1 that is the same in each run. */
function stream(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 16807) % 2147483647) / 2147483647;
}

/** One slip of the pen, not in the first letter more often than elsewhere. */
function slip(word: string, next: () => number): string {
  const at = Math.floor(next() * (word.length - 1));
  const letter = 'abcdefghijklmnopqrstuvwxyz'[Math.floor(next() * 26)] ?? 'a';
  const [before, after] = [word.slice(0, at), word.slice(at)];
  const ways = [
    before + after.slice(1),
    before + letter + after,
    before + letter + after.slice(1),
    before + (after[1] ?? '') + (after[0] ?? '') + after.slice(2),
  ];
  return ways[Math.floor(next() * ways.length)] ?? word;
}

/**
 * A million people: 600 first names and 16,000 last names, the usual ones often and most seldom, with an e-mail address of their own each.
 * `limited` sees a thousand of them by a rule of its role, `wide` nearly all.
 */
async function fill({ admin }: BenchDatabase, workspace: Workspace): Promise<void> {
  const schema = workspace.schemaName;
  await admin.query(
    `do $$
     declare
       v_role uuid;
     begin
       insert into metadata.roles (workspace_id, name) values ('${workspace.id}', 'Sees few') returning id into v_role;
       insert into metadata.record_rules (role_id, object_id, action, condition)
       select v_role, id, 'READ', 'jobTitle = "Rare"' from metadata.objects where workspace_id = '${workspace.id}' and name_singular = 'person';
       insert into metadata.roles (workspace_id, name) values ('${workspace.id}', 'Sees most') returning id into v_role;
       insert into metadata.record_rules (role_id, object_id, action, condition)
       select v_role, id, 'READ', 'jobTitle != "Rare"' from metadata.objects where workspace_id = '${workspace.id}' and name_singular = 'person';
       perform core.add_member('${workspace.slug}', 'few@bench.example', 'Few', 'Sees few');
       perform core.add_member('${workspace.slug}', 'most@bench.example', 'Most', 'Sees most');
     end $$`,
  );
  // The log, the outbox and positions are no part of what is measured.
  await admin.query(
    `begin;
     set local session_replication_role = replica;
     create temporary table syllables on commit drop as
       select a || b || c as name from
         unnest('{ba,be,ca,che,da,de,fi,ga,gru,ha,ho,ja,ka,kra,la,lo,ma,me,na,no,pa,pe,ra,ro,sa,schu,ta,te,va,we,wo,za}'::text[]) a,
         unnest('{ber,den,gel,ler,man,mer,nan,ner,ran,rel,ser,ter,ven,vic,zen,lis,rod,mil,kov,bin}'::text[]) b,
         unnest('{son,berg,ski,mann,ova,ez,ini,ic,sen,feld,ado,ona,ian,eri,idis,yan,ko,ero,stein,ard,aux,ell,ott,um,is}'::text[]) c;
     create temporary table first_names on commit drop as
       select row_number() over (order by md5(name)) as n, initcap(name) as name from (select distinct left(name, 5) as name from syllables limit 600) x;
     create temporary table last_names on commit drop as
       select row_number() over (order by md5(name)) as n, initcap(name) as name from syllables;
     insert into ${schema}.people (name_first_name, name_last_name, emails_primary_email, job_title, city)
     select f.name, l.name, lower(f.name || '.' || l.name || i || '@example.com'),
       case when i % 1000 = 7 then 'Rare' else (array['Engineer', 'Buyer', 'Director of Sales', 'Chief Executive'])[1 + i % 4] end,
       (array['Berlin', 'Paris', 'London', 'Madrid', 'Zürich'])[1 + i % 5]
     from (select i, 1 + floor(600 * power(u.a, 2.2)) as f, 1 + floor(16000 * power(u.b, 1.6)) as l
           from generate_series(1, ${PEOPLE}) i cross join lateral (select hashint4(i) / 4294967296.0 + 0.5 as a, hashint4(-i) / 4294967296.0 + 0.5 as b) u) x
     join first_names f on f.n = x.f join last_names l on l.n = x.l;
     commit`,
  );
  await admin.query(`vacuum analyze ${schema}.people`);
}

async function clear({ admin }: BenchDatabase, workspace: Workspace): Promise<void> {
  await admin.query(`truncate ${workspace.schemaName}.people cascade`);
  await admin.query(`delete from metadata.roles where workspace_id = $1 and name in ('Sees few', 'Sees most')`, [
    workspace.id,
  ]);
}

export const searchMillion: Bench = {
  name: 'search.million',
  compares: `search() over ${PEOPLE / 1e6} M people by whole and begun names, addresses, and names with a slip in each word, asked by who sees all, about 1,000, and nearly all`,
  async run(lab) {
    const database = await lab.small();
    const [workspace] = database.workspaces;
    if (!workspace) throw new Error('The database has no workspace.');
    await fill(database, workspace);
    try {
      const { rows: identities } = await database.admin.query<{ name: string; pgRole: string; memberId: string }>(
        `select r.name, r.pg_role as "pgRole", m.id as "memberId" from metadata.roles r left join core.members m on m.role_id = r.id
         where r.workspace_id = $1 and r.name in ('Admin', 'Sees few', 'Sees most') order by r.name`,
        [workspace.id],
      );
      const times: number[] = [];
      const detail: Record<string, unknown> = {};
      let sought = 0;
      let found = 0;
      for (const { name, pgRole, memberId } of identities) {
        const identity: Identity = {
          pgRole,
          schemaName: workspace.schemaName,
          memberId,
          apiKeyId: null,
          source: 'MANUAL',
        };
        const { rows: people } = await database.admin.query<{ first: string; last: string; email: string }>(
          `select name_first_name as first, name_last_name as last, emails_primary_email as email from ${workspace.schemaName}.people
           where (job_title = 'Rare') = any ($2) order by md5(id::text) limit $1`,
          [QUESTIONS, name === 'Admin' ? [true, false] : [name === 'Sees few']],
        );
        const next = stream(11);
        const kinds: { [kind: string]: (person: (typeof people)[number]) => string } = {
          'whole name': ({ first, last }) => `${first} ${last}`,
          'begun name': ({ first, last }) => `${first} ${last.slice(0, 3)}`,
          'one to three letters': ({ last }) => last.slice(0, 1 + Math.floor(next() * 3)),
          'first name': ({ first }) => first,
          address: ({ email }) => email,
          'slip in each word': ({ first, last }) => `${slip(first, next)} ${slip(last, next)}`,
          'slip in the last name': ({ last }) => slip(last, next),
          nothing: ({ last }) => `${last.slice(0, 4)}qqxj`,
        };
        await withIdentity(database.admin, identity, async (client) => {
          for (const [kind, ask] of Object.entries(kinds)) {
            const of: number[] = [];
            for (const person of people) {
              let labels: string[] = [];
              of.push(
                await time(async () => {
                  const { rows } = await client.query<{ label: string }>('select label from search_records($1, 20)', [
                    ask(person),
                  ]);
                  labels = rows.map(({ label }) => label);
                }),
              );
              if (kind !== 'slip in each word') continue;
              sought += 1;
              if (labels.includes(`${person.first} ${person.last}`)) found += 1;
            }
            times.push(...of);
            detail[`${name}, ${kind}`] =
              `${percentile(of, 0.5).toFixed(1)} ms, p95 ${percentile(of, 0.95).toFixed(1)} ms`;
          }
        });
      }
      const recall = found / sought;
      return {
        value: percentile(times, 0.95),
        unit: 'ms',
        bound: 50,
        checks: { 'nine of ten names with a slip in each word are found': recall >= 0.9 },
        detail: { medianMs: percentile(times, 0.5), longestMs: Math.max(...times), recall, ...detail },
      };
    } finally {
      await clear(database, workspace);
    }
  },
};
