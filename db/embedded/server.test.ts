import { spawn } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import pg from 'pg';
import { makeTemporaryDir } from '../testing/temporary.ts';
import { isRunning } from './processes.ts';
import { attachEmbedded, startEmbedded } from './server.ts';

/** Under a directory that only its owner may enter, as `mktemp -d` and /root are. */
const parent = makeTemporaryDir();
chmodSync(parent, 0o700);
const dataDir = join(parent, 'data');
afterAll(() => rmSync(parent, { recursive: true, force: true }));

const start = () => startEmbedded({ dataDir, disposable: true });

const query = async (url: string, text: string) => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows as Record<string, unknown>[];
  } finally {
    await client.end();
  }
};

const postmasterPid = () => Number(readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0]);

test('starts, keeps its port, and starts again in under two seconds', async () => {
  const first = await start();
  const [settings] = await query(
    first.adminUrl,
    `select current_setting('listen_addresses') as addresses, current_setting('unix_socket_directories') as sockets,
            current_setting('server_encoding') as encoding, upper('é') as upper`,
  );
  expect(settings).toEqual({ addresses: '127.0.0.1', sockets: '', encoding: 'UTF8', upper: 'É' });
  await query(first.adminUrl, 'create table kept as select 1 as n');
  await first.stop();
  expect(existsSync(join(dataDir, 'relvar.pid'))).toBe(false);

  const before = performance.now();
  const second = await start();
  expect(performance.now() - before).toBeLessThan(2_000);
  expect(second.adminUrl).toBe(first.adminUrl);
  expect(await query(second.adminUrl, 'select n from kept')).toEqual([{ n: 1 }]);
  await second.stop();
});

test('keeps its passwords from other people, and asks for them', async () => {
  const server = await start();
  expect(statSync(join(dataDir, 'credentials.json')).mode & 0o777).toBe(0o600);
  const url = new URL(server.adminUrl);
  url.password = 'wrong';
  await expect(query(url.href, 'select 1')).rejects.toMatchObject({ code: '28P01' });
  await server.stop();
});

test('refuses a second start and lets commands attach', async () => {
  const server = await start();
  const attached = await attachEmbedded({ dataDir });
  expect(attached).toMatchObject({ adminUrl: server.adminUrl, attached: true });
  // The lock belongs to a process, so another one has to try.
  const other = spawn(process.execPath, [
    '--input-type=module',
    '-e',
    `import { startEmbedded } from ${JSON.stringify(join(import.meta.dirname, 'server.ts'))};
     await startEmbedded({ dataDir: ${JSON.stringify(dataDir)} });`,
  ]);
  let message = '';
  other.stderr.on('data', (chunk: Buffer) => (message += chunk.toString()));
  await new Promise((resolve) => other.on('close', resolve));
  expect(message).toContain(`Relvar runs already in ${dataDir} (process ${process.pid}).`);
  await server.stop();
  expect(await attachEmbedded({ dataDir })).toBeNull();
});

test('recovers from kill -9 of the server, with what was committed', async () => {
  const server = await startEmbedded({ dataDir });
  await query(server.adminUrl, 'create table survives as select 2 as n');
  process.kill(postmasterPid(), 'SIGKILL');
  await server.exited;
  const next = await startEmbedded({ dataDir });
  expect(await query(next.adminUrl, 'select n from survives')).toEqual([{ n: 2 }]);
  await next.stop();
});

test('ends with its supervisor, even when that is killed with -9', async () => {
  const supervisor = spawn(process.execPath, [
    '--input-type=module',
    '-e',
    `import { startEmbedded } from ${JSON.stringify(join(import.meta.dirname, 'server.ts'))};
     await startEmbedded({ dataDir: ${JSON.stringify(dataDir)} });
     console.log('ready'); setInterval(() => {}, 1000);`,
  ]);
  await new Promise((resolve) => supervisor.stdout.once('data', resolve));
  const orphan = postmasterPid();
  supervisor.kill('SIGKILL');
  await new Promise((resolve) => supervisor.once('exit', resolve));
  const next = await start();
  expect(isRunning(orphan)).toBe(false);
  expect(postmasterPid()).not.toBe(orphan);
  await next.stop();
});

test('is not misled by a postmaster.pid that names an innocent process', async () => {
  const bystander = spawn('sleep', ['60']);
  writeFileSync(
    join(dataDir, 'postgres', 'postmaster.pid'),
    `${bystander.pid}\n${join(dataDir, 'postgres')}\n0\n1\n\n127.0.0.1\n\nstopping\n`,
  );
  chmodSync(join(dataDir, 'postgres', 'postmaster.pid'), 0o600);
  const server = await start();
  expect(isRunning(bystander.pid!)).toBe(true);
  await server.stop();
  bystander.kill();
});

test('says which port is taken', async () => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
  const { port } = holder.address() as { port: number };
  await expect(startEmbedded({ dataDir, port, disposable: true })).rejects.toThrow(
    `The port ${port} (RELVAR_PG_PORT) is taken by another program.`,
  );
  holder.close();
});

test('says that the passwords do not belong to the data', async () => {
  const file = join(dataDir, 'credentials.json');
  const right = readFileSync(file, 'utf8');
  writeFileSync(file, JSON.stringify({ ...JSON.parse(right), adminPassword: 'another' }));
  await expect(start()).rejects.toThrow('refuses the password in credentials.json');
  writeFileSync(file, right);
  await (await start()).stop();
});
