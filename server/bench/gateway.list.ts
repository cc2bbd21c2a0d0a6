import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import type { Bench } from './bench.ts';
import type { BenchDatabase, Workspace } from './database.ts';
import type { ListServerTask } from './gateway.list.server.ts';
import { alternate, throughput } from './rounds.ts';

const CONCURRENCY = 8;
const ROUND_MS = 1_500;
const ROUNDS = 11;

const QUERY = `query List($first: Int!) {
  people(first: $first, orderBy: [CREATED_AT_DESC, ID_DESC]) {
    nodes {
      id nameFirstName nameLastName emailsPrimaryEmail phonesPrimaryPhoneNumber jobTitle city createdAt
      company { id name domainNamePrimaryLinkUrl }
    }
  }
}`;

export const gatewayList: Bench = {
  name: 'gateway.list',
  compares: '50 people with their company over GraphQL, against an Express handler with hand-written json_agg',
  async run(lab) {
    const database = await lab.small();
    const workspace = database.workspaces[0]!;
    await fill(database, workspace);
    const server = await startListServer({
      serverUrl: database.serverUrl,
      identity: await database.identity(workspace),
    });
    const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY });
    try {
      const post = (path: string, headers: Record<string, string>, body: object) =>
        makePost({ port: server.port, agent, path, headers, body: JSON.stringify(body) });
      const authorization = `Bearer ${await database.apiKey(workspace.slug)}`;
      const graphql = post('/graphql', { authorization }, { query: QUERY, variables: { first: 50 } });
      const reference = post('/reference', {}, { first: 50 });
      const isSame = sameAnswer(await graphql(), await reference());
      const workers = Array.from({ length: CONCURRENCY }, (_, i) => i);
      const measure = (send: () => Promise<string>) => async () =>
        CONCURRENCY / (await throughput(workers, ROUND_MS, send));
      const {
        ratio,
        ratios,
        subject,
        reference: other,
      } = await alternate(ROUNDS, measure(graphql), measure(reference));
      return {
        ratio,
        bound: 2,
        checks: { 'both give the same answer': isSame },
        detail: {
          concurrency: CONCURRENCY,
          requestsPerSecond: CONCURRENCY / subject,
          referencePerSecond: CONCURRENCY / other,
          millisecondsPerRequest: (subject / CONCURRENCY) * 1000,
          ratios,
        },
      };
    } finally {
      agent.destroy();
      server.process.disconnect();
      await once(server.process, 'exit');
    }
  },
};

async function fill({ admin }: BenchDatabase, { schemaName }: Workspace): Promise<void> {
  await admin.query(
    `insert into ${schemaName}.companies (name, domain_name_primary_link_url)
     select 'Company ' || i, 'https://company-' || i || '.example' from generate_series(1, 600) i`,
  );
  await admin.query(
    `insert into ${schemaName}.people (name_first_name, name_last_name, emails_primary_email, job_title, city, company_id)
     select 'First ' || i, 'Last ' || i, 'person-' || i || '@list.example', 'Engineer', 'Berlin', c.id
     from generate_series(1, 2500) i
     join (select id, row_number() over () as n from ${schemaName}.companies where name like 'Company %') c on c.n = i % 600 + 1`,
  );
  await admin.query(`analyze ${schemaName}.companies; analyze ${schemaName}.people`);
}

async function startListServer(task: ListServerTask): Promise<{ process: ChildProcess; port: number }> {
  const child = fork(join(import.meta.dirname, 'gateway.list.server.ts'), {
    env: { ...process.env, NODE_ENV: 'production' },
    // Its log of builds belongs to no report.
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  child.send(task);
  const [message] = (await once(child, 'message')) as [{ port: number }];
  return { process: child, port: message.port };
}

interface Post {
  readonly port: number;
  readonly agent: Agent;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** Sends one request; rejects when the answer is not what it should be. */
function makePost({ port, agent, path, headers, body }: Post): () => Promise<string> {
  const options = {
    host: '127.0.0.1',
    port,
    path,
    agent,
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      ...headers,
    },
  };
  return () =>
    new Promise((resolve, reject) => {
      const sent = request(options, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          if (response.statusCode === 200 && text.startsWith('{"data"')) resolve(text);
          else reject(new Error(`${path} answered ${response.statusCode}: ${text.slice(0, 300)}`));
        });
      });
      sent.on('error', reject);
      sent.end(body);
    });
}

/** Compares what both have found: the same fifty people in the same order, each with the same company. */
function sameAnswer(one: string, other: string): boolean {
  const people = (text: string) =>
    (
      JSON.parse(text) as { data: { people: { nodes: { id: string; company: { id: string } }[] } } }
    ).data.people.nodes.map(({ id, company }) => `${id} ${company.id}`);
  return people(one).length === 50 && people(one).join() === people(other).join();
}
