import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { identitySettings } from '../../db/pool.ts';
import type { Bench } from './bench.ts';
import { alternate, throughput } from './rounds.ts';
import { CONNECTIONS, createCompany, createPlainTable, makeCreate, PLAIN_TABLE, TABLE } from './write.create.ts';

const ROUND_MS = 1_500;
const ROUNDS = 11;
const IDLE_MS = 100;

/** As write.create, with the relay at work and somebody listening, as in a workspace that is used. */
export const eventsWriters: Bench = {
  name: 'events.writers',
  compares: `creates a second with all triggers, the relay, positions and notices, against an identical table without, at ${CONNECTIONS} connections`,
  async run(lab) {
    const database = await lab.small();
    const workspace = database.workspaces[0]!;
    await createPlainTable(database, workspace);
    const company = await createCompany(database, workspace);
    const settings = identitySettings(await database.identity(workspace));
    const connect = async (connectionString: string) => {
      const client = new pg.Client({ connectionString });
      await client.connect();
      return client;
    };
    const clients = await Promise.all(Array.from({ length: CONNECTIONS }, () => connect(database.serverUrl)));
    const [relay, listener] = [await connect(database.workerUrl), await connect(database.serverUrl)];
    let notices = 0;
    listener.on('notification', () => (notices += 1));
    await listener.query('listen relvar_records');
    const stopping = new AbortController();
    const relaying = relayUntil(relay, stopping.signal);
    try {
      const create = (table: string) => makeCreate(table, settings, company);
      const all = await alternate(
        ROUNDS,
        () => throughput(clients, ROUND_MS, create(TABLE)),
        async () => {
          await untilRelayed(database.admin);
          return throughput(clients, ROUND_MS, create(PLAIN_TABLE));
        },
      );
      await untilRelayed(database.admin);
      const { rows } = await database.admin.query<{ without: number; gaps: number }>(
        `select (select count(*)::int from ${workspace.schemaName}.record_events e
             where not exists (select from ${workspace.schemaName}.event_batches b where b.batch = e.batch)) as without,
           (select (max(position) - count(*))::int from ${workspace.schemaName}.event_batches) as gaps`,
      );
      return {
        ratio: all.ratio,
        bound: 0.5,
        atLeast: true,
        checks: { 'each event has a position, and there is no gap': rows[0]!.without === 0 && rows[0]!.gaps === 0 },
        detail: { createsPerSecond: all.subject, withoutTriggers: all.reference, notices, ratios: all.ratios },
      };
    } finally {
      stopping.abort();
      await relaying;
      await Promise.all([...clients, relay, listener].map((client) => client.end()));
      await database.admin.query(`drop table ${workspace.schemaName}.${PLAIN_TABLE}`);
    }
  },
};

async function relayUntil(relay: pg.Client, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const { rows } = await relay.query<{ moved: number }>('select engine.relay_outbox(500) as moved');
    if (rows[0]!.moved === 0) await delay(IDLE_MS, undefined, { signal }).catch(() => {});
  }
}

/** What the relay has not taken yet would be done at the cost of the other side. */
async function untilRelayed(admin: pg.Pool): Promise<void> {
  for (;;) {
    const { rows } = await admin.query<{ rest: boolean }>('select exists (select from engine.outbox) as rest');
    if (!rows[0]!.rest) return;
    await delay(50);
  }
}
