import { once } from 'node:events';
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isRunning } from '../../db/embedded/processes.ts';
import { makeTemporaryDir } from '../../db/testing/temporary.ts';

const root = join(import.meta.dirname, '..', '..');
const dataDir = makeTemporaryDir();
let port: number;

beforeAll(async () => {
  port = await freePort();
});
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, resolve));
  const { port: free } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  return free;
}

const all: Started[] = [];
// A test that failed half-way must not take the next one's port.
afterEach(async () => {
  for (const { process: launcher, ended } of all.splice(0)) {
    launcher.kill('SIGTERM');
    await ended;
  }
});

/** What `npm start` runs, with its output and its end. */
class Started {
  output = '';
  process: ChildProcess;
  ended: Promise<number | null>;

  constructor() {
    all.push(this);
    this.process = spawn(process.execPath, ['server/cli/install.mjs', 'server/cli/start.ts'], {
      cwd: root,
      env: {
        ...process.env,
        DATABASE_URL: undefined,
        RELVAR_DATA: dataDir,
        PORT: String(port),
        NODE_ENV: undefined,
        NODE_OPTIONS: '',
      },
    });
    for (const stream of [this.process.stdout!, this.process.stderr!])
      stream.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    this.ended = new Promise((resolve) => this.process.once('exit', resolve));
  }

  async ready() {
    for (let waited = 0; waited < 90_000; waited += 50) {
      if (this.output.includes(`Relvar is ready at http://localhost:${port}\n`)) return;
      if (this.process.exitCode !== null) break;
      await delay(50);
    }
    throw new Error(`Relvar did not get ready:\n${this.output}`);
  }
}

/** Every process that was started for this data directory, however distant its parent. */
async function pidsOfAll(): Promise<number[]> {
  const listing = await new Promise<string>((resolve) => {
    let text = '';
    const ps = spawn('ps', ['-e', '-o', 'pid=,ppid=,args=']);
    ps.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    ps.once('close', () => resolve(text));
  });
  const rows = listing.split('\n').map((line) => line.trim().split(/\s+/));
  const postmaster = Number(readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0]);
  const owner = Number(readFileSync(join(dataDir, 'relvar.pid'), 'utf8').split(' ')[0]);
  const children = rows.filter(([, parent]) => Number(parent) === owner).map(([pid]) => Number(pid));
  return [...new Set([owner, postmaster, ...children])];
}

async function untilGone(pids: number[], withinMs: number) {
  for (let waited = 0; pids.some(isRunning); waited += 50) {
    if (waited > withinMs) throw new Error(`Still running: ${pids.filter(isRunning).join(', ')}`);
    await delay(50);
  }
}

/** How long the quickest of three Node processes takes that does nothing; 40 to 60 ms on an idle machine. */
async function bareNodeMs(): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < 3; round++) {
    const before = performance.now();
    await once(spawn(process.execPath, ['-e', '0']), 'exit');
    times.push(performance.now() - before);
  }
  return Math.min(...times);
}

test('the first start makes everything, SIGINT ends everything, the second start takes under 5 s', async () => {
  const first = new Started();
  await first.ready();
  expect(first.output).toMatch(/Creating a PostgreSQL .*Filled the demo workspace in [\d.]+ s\./s);
  expect(first.output).toContain('tim@relvar.example, password relvar-demo');
  const health = await fetch(`http://localhost:${port}/healthz`);
  expect(health.status).toBe(200);
  const pids = await pidsOfAll();
  expect(pids).toHaveLength(4);
  first.process.kill('SIGINT');
  await untilGone(pids, 5_000);
  await first.ended;

  // Alone on two cores it takes under 5 s; how much slower this machine is now, a bare Node tells.
  const before = performance.now();
  const again = new Started();
  await again.ready();
  const elapsed = performance.now() - before;
  expect(again.output).not.toContain('demo workspace in');
  again.process.kill('SIGTERM');
  await again.ended;
  const slowdown = Math.max(1, (await bareNodeMs()) / 60);
  expect(elapsed / slowdown).toBeLessThan(5_000);
}, 180_000);

test('a crashed worker, server and database come back', async () => {
  const started = new Started();
  await started.ready();
  const [owner, ...others] = await pidsOfAll();
  for (const pid of others) process.kill(pid, 'SIGKILL');
  await untilGone(others, 5_000);
  for (let waited = 0; ; waited += 100) {
    const answer = await fetch(`http://localhost:${port}/healthz`).catch(() => null);
    if (answer?.ok) break;
    if (waited > 20_000) throw new Error(`Not healthy again:\n${started.output}`);
    await delay(100);
  }
  expect(isRunning(owner!)).toBe(true);
  started.process.kill('SIGTERM');
  await started.ended;
}, 60_000);

test('kill -9 of the launcher or the supervisor leaves nothing behind', async () => {
  for (const victim of ['launcher', 'supervisor'] as const) {
    const started = new Started();
    await started.ready();
    const pids = await pidsOfAll();
    process.kill(victim === 'launcher' ? started.process.pid! : pids[0]!, 'SIGKILL');
    await untilGone(pids, 5_000);
    await started.ended;
  }
}, 60_000);

test('a taken port is said before anything is started', async () => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(port, resolve));
  const started = new Started();
  expect(await started.ended).toBe(1);
  expect(started.output.trim()).toBe(
    `Port ${port} is taken by another program. Stop it, or choose another port: PORT=${port + 1} npm start`,
  );
  await new Promise((resolve) => holder.close(resolve));
});
