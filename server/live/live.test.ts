import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventually, useServer } from '../testing/server.ts';
import type { Caller } from '../testing/server.ts';

const server = useServer();
let url: string;

beforeAll(async () => {
  // Streams need a real connection, which supertest would close at the first answer.
  const http = createServer(server.app.handler).listen(0, '127.0.0.1');
  await new Promise((resolve) => http.on('listening', resolve));
  url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  server.db.onEnd(async () => {
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  });
});

interface Listener {
  readonly events: { event: string; data: unknown }[];
  close: () => void;
}

async function listen(caller: Caller): Promise<Listener> {
  const abort = new AbortController();
  const response = await fetch(`${url}/live`, {
    headers: { authorization: `Bearer ${caller.apiKey}` },
    signal: abort.signal,
  });
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  const events: Listener['events'] = [];
  void (async () => {
    let text = '';
    try {
      for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
        text += chunk;
        const blocks = text.split('\n\n');
        text = blocks.pop()!;
        for (const block of blocks) {
          const event = /^event: (.+)$/m.exec(block)?.[1];
          if (event) events.push({ event, data: JSON.parse(/^data: (.+)$/m.exec(block)![1]!) });
        }
      }
    } catch {
      // Closed by the test.
    }
  })();
  return { events, close: () => abort.abort() };
}

/** What the relay sends after records have changed. */
async function notify(caller: Caller, table: string, ids?: string[]): Promise<string> {
  const { rows } = await server.db.admin.query<{ id: string }>(
    'select id from metadata.objects where workspace_id = $1 and table_name = $2',
    [caller.workspaceId, table],
  );
  const object = rows[0]!.id;
  const payload = JSON.stringify([{ workspace: caller.workspaceId, object, table, ids, batch: 7 }]);
  await server.db.admin.query('select pg_notify($1, $2)', ['relvar_records', payload]);
  return object;
}

test('changes reach the members of the workspace, and nobody else', async () => {
  const [acme, beta] = [await server.createWorkspace('acme'), await server.createWorkspace('beta')];
  const [mine, others] = [await listen(acme), await listen(beta)];
  const object = await notify(acme, 'people', ['01a204d0-2f0d-7a55-9675-fe55f0cd9ee7']);
  await eventually('the event', () => mine.events.length > 0);
  expect(mine.events).toEqual([
    {
      event: 'records',
      data: [{ object, table: 'people', ids: ['01a204d0-2f0d-7a55-9675-fe55f0cd9ee7'], batch: 7 }],
    },
  ]);

  await server.db.admin.query(
    "update metadata.objects set label_plural = 'Persons' where name_singular = 'person' and workspace_id = $1",
    [acme.workspaceId],
  );
  await eventually('the model event', () => mine.events.some(({ event }) => event === 'model'));
  expect(mine.events.at(-1)).toEqual({ event: 'model', data: { version: expect.any(Number) } });

  await notify(beta, 'people');
  await eventually('their own event', () => others.events.length > 0);
  expect(others.events).toHaveLength(1);
  expect(mine.events).toHaveLength(2);
  mine.close();
  others.close();
  await eventually('streams are forgotten', () => server.app.live.size === 0);
});

test('a role hears nothing of objects that it may not read', async () => {
  const gamma = await server.createWorkspace('gamma');
  const { schemaName } = gamma;
  await server.db.admin.query(`revoke all on ${schemaName}.opportunities from ${schemaName}_r_2`);
  const member = await server.createKey('gamma', 'Member');
  const [admin, restricted] = [await listen(gamma), await listen(member)];
  await notify(gamma, 'opportunities');
  await notify(gamma, 'people');
  await eventually('both events', () => admin.events.length === 2);
  await eventually('the one event', () => restricted.events.length > 0);
  expect(restricted.events).toHaveLength(1);
  expect(restricted.events[0]!.data).toMatchObject([{ table: 'people' }]);
  admin.close();
  restricted.close();
});

test('a role whose policy hides records is not told which records changed', async () => {
  const delta = await server.createWorkspace('delta');
  const { schemaName } = delta;
  const { rows } = await server.db.admin.query<{ polname: string }>(
    `select polname from pg_policy where polrelid = ($1 || '.people')::regclass
       and polroles @> array[($1 || '_r_2')::regrole::oid]`,
    [schemaName],
  );
  for (const { polname } of rows) {
    await server.db.admin.query(`drop policy "${polname}" on ${schemaName}.people`);
  }
  await server.db.admin.query(
    `create policy see_some on ${schemaName}.people to ${schemaName}_r_2 using (company_id is null)`,
  );
  const listener = await listen(await server.createKey('delta', 'Member'));
  const object = await notify(delta, 'people', ['01a204d0-2f0d-7a55-9675-fe55f0cd9ee7']);
  await eventually('the event', () => listener.events.length > 0);
  expect(listener.events[0]!.data).toEqual([{ object, table: 'people', batch: 7 }]);
  listener.close();
});

test('without signing in there is no stream', async () => {
  expect((await fetch(`${url}/live`)).status).toBe(401);
});
