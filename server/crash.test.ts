import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { useDatabase } from '../db/testing/database.ts';
import { createWorkspace, statements } from '../db/testing/workspace.ts';

const db = useDatabase();

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

test('a server killed with -9 in the middle of writes has lost nothing that it acknowledged', async () => {
  const ws = await createWorkspace(db.admin);
  const key = `rv_${randomBytes(32).toString('base64url')}`;
  await db.admin.query(`select core.create_api_key('acme', 'Admin', 'crash', 'rv_', $1)`, [
    createHash('sha256').update(key).digest(),
  ]);
  const port = await freePort();
  const start = async () => {
    const server = spawn(process.execPath, [join(import.meta.dirname, 'index.ts')], {
      env: {
        ...process.env,
        RELVAR_SERVER_URL: db.serverUrl,
        PORT: String(port),
        NODE_ENV: 'production',
        NODE_OPTIONS: '',
      },
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    await new Promise<void>((resolve, reject) => {
      server.once('message', () => resolve());
      server.once('exit', (code) => reject(new Error(`The server ended with ${code} before it was ready.`)));
    });
    return server;
  };
  const create = async (name: string): Promise<string> => {
    const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      body: JSON.stringify({
        query: 'mutation ($name: String!) { createCompany(input: { company: { name: $name } }) { company { id } } }',
        variables: { name },
      }),
    });
    const answer = (await response.json()) as {
      data?: { createCompany: { company: { id: string } } };
      errors?: { message: string }[];
    };
    if (!answer.data) throw new Error(answer.errors?.[0]?.message);
    return answer.data.createCompany.company.id;
  };

  let server = await start();
  const acknowledged: string[] = [];
  try {
    let isRunning = true;
    const write = async () => {
      while (isRunning)
        await create('c').then(
          (id) => acknowledged.push(id),
          () => delay(5),
        );
    };
    const loops = Promise.all([write(), write(), write(), write()]);
    const deadline = Date.now() + 30_000;
    while (acknowledged.length < 100 && Date.now() < deadline) await delay(5);
    server.kill('SIGKILL');
    await new Promise((resolve) => server.once('exit', resolve));
    isRunning = false;
    await loops;
    expect(acknowledged.length).toBeGreaterThanOrEqual(100);

    const { rows } = await db.admin.query(
      `select u.id from unnest($1::uuid[]) u (id)
        where not exists (select from ${ws.schema}.companies c where c.id = u.id)
           or not exists (select from ${ws.schema}.record_events e join engine.outbox o on o.batch = e.batch where e.record_id = u.id)`,
      [acknowledged],
    );
    expect(rows).toEqual([]);
    expect(await statements(db.admin, ws)).toEqual([]);

    server = await start();
    await create('after the crash');
  } finally {
    server.kill('SIGKILL');
  }
}, 90_000);
