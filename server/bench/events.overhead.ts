import { Agent, request } from 'node:http';
import type pg from 'pg';
import type { Bench } from './bench.ts';
import { alternate, median, time } from './rounds.ts';

const ROWS = 100_000;
/** On a busy machine one round has to do: a bench may take four minutes. */
const BUSY_MS = 20_000;
const ROUND_MS = 1_500;
const ROUNDS = 11;

/** What a statement costs because of the log. "Without" is the same table with the log's triggers off; all others stay on. */
export const eventsOverhead: Bench = {
  name: 'events.overhead',
  compares: `an update of ${ROWS} records in one statement, with the event log against without; the same for an insert, and for the update of one record over GraphQL`,
  async run(lab) {
    const database = await lab.small();
    const { schemaName, slug } = database.workspaces[0]!;
    const people = `${schemaName}.people`;
    const client = await database.admin.connect();
    const server = await database.startServer();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const log = (state: 'enable' | 'disable') => switchLog(client, people, state);
    try {
      let changes = 0;
      const empty = () =>
        client.query(`truncate ${people}, ${schemaName}.record_events cascade; delete from engine.outbox; checkpoint`);
      const insert = () =>
        client.query(
          `insert into ${people} (name_first_name, name_last_name, emails_primary_email, job_title, city)
           select 'Ada', 'Lovelace ' || i, 'ada.' || i || '@mail' || i % 1000 || '.example', 'Analyst ' || i % 40, 'City ' || i % 300
           from generate_series(1, ${ROWS}) i`,
        );
      const update = () => client.query(`update ${people} set job_title = 'Engineer ' || $1::int`, [(changes += 1)]);
      const measured =
        (state: 'enable' | 'disable', prepare: () => Promise<unknown>, work: () => Promise<unknown>) => async () => {
          await log('disable');
          await empty();
          await prepare();
          await log(state);
          await client.query(`vacuum analyze ${people}`);
          await client.query('checkpoint');
          return time(work);
        };
      const nothing = () => Promise.resolve();
      const compare = async (prepare: () => Promise<unknown>, work: () => Promise<unknown>) => {
        const first = await measured('enable', prepare, work)();
        return alternate(
          first < BUSY_MS ? 3 : 1,
          measured('enable', prepare, work),
          measured('disable', prepare, work),
        );
      };
      const inserts = await compare(nothing, insert);
      const updates = await compare(insert, update);

      await measured('disable', insert, nothing)();
      const { rows } = await client.query<{ id: string }>(`select id from ${people} limit 1000`);
      const authorization = `Bearer ${await database.apiKey(slug)}`;
      const updateOne = () => {
        changes += 1;
        return post(agent, server.url, authorization, {
          query:
            'mutation ($id: UUID!, $city: String!) { updatePerson(input: { id: $id, patch: { city: $city } }) { person { id } } }',
          variables: { id: rows[changes % rows.length]!.id, city: `City ${changes}` },
        });
      };
      await updateOne();
      const single = (state: 'enable' | 'disable') => async () => {
        await log(state);
        const times: number[] = [];
        for (const end = performance.now() + ROUND_MS; performance.now() < end;) times.push(await time(updateOne));
        return median(times);
      };
      const ones = await alternate(ROUNDS, single('enable'), single('disable'));
      return {
        ratio: updates.ratio,
        bound: 2.6,
        checks: {
          'inserts at most 1.6 ×': inserts.ratio <= 1.6,
          'updates over GraphQL at most 1.15 ×': ones.ratio <= 1.15,
        },
        detail: {
          updateMs: updates.subject,
          withoutLogMs: updates.reference,
          insertRatio: inserts.ratio,
          insertMs: inserts.subject,
          insertWithoutLogMs: inserts.reference,
          graphqlRatio: ones.ratio,
          graphqlMs: ones.subject,
          graphqlWithoutLogMs: ones.reference,
          ratios: { insert: inserts.ratios, update: updates.ratios, graphql: ones.ratios },
        },
      };
    } finally {
      agent.destroy();
      await server.stop();
      await log('enable').catch(() => {});
      client.release();
    }
  },
};

async function switchLog(client: pg.PoolClient, table: string, state: 'enable' | 'disable'): Promise<void> {
  await client.query(
    ['insert', 'update', 'delete'].map((verb) => `alter table ${table} ${state} trigger _200_log_${verb}`).join('; '),
  );
}

async function post(agent: Agent, url: string, authorization: string, body: object): Promise<void> {
  const text = await new Promise<string>((resolve, reject) => {
    const call = request(
      `${url}/graphql`,
      { method: 'POST', agent, headers: { authorization, 'content-type': 'application/json' } },
      (response) => {
        let content = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (content += chunk));
        response.on('end', () => resolve(content));
        response.on('error', reject);
      },
    );
    call.on('error', reject);
    call.end(JSON.stringify(body));
  });
  const { errors } = JSON.parse(text) as { errors?: unknown };
  if (errors !== undefined) throw new Error(`GraphQL answered ${text}`);
}
