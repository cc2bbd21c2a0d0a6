import { spawn, type ChildProcess } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TestDatabase } from '../../db/testing/database.ts';
import { demoTemplate } from '../../db/testing/demo.ts';

const root = join(import.meta.dirname, '..', '..');

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

async function run(script: string[], env: { [name: string]: string }): Promise<ChildProcess> {
  const child = spawn(process.execPath, script, {
    cwd: root,
    env: { ...process.env, NODE_ENV: 'production', DATABASE_URL: '', ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  return child;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await gone;
}

async function buildBundle(): Promise<void> {
  const vite = join(root, 'node_modules/vite/bin/vite.js');
  const build = await run([vite, 'build', '--config', 'web/vite.config.ts', '--logLevel', 'error'], {});
  const code = await new Promise((resolve) => build.once('exit', resolve));
  if (code !== 0) throw new Error('The bundle could not be built.');
}

/** The whole product on a database of its own: the demo workspace, the bundle, the server and the worker. */
export async function startApplication(database: TestDatabase, more: { [name: string]: string } = {}): Promise<string> {
  // `npm test` has built the bundle; a second build would take it away from the other tests.
  const isBuilt = process.env['RELVAR_WEB_BUILT'] !== undefined;
  await Promise.all([isBuilt ? undefined : buildBundle(), database.becomeCopyOf(demoTemplate)]);
  const port = await freePort();
  const env = {
    PORT: String(port),
    RELVAR_SERVER_URL: database.serverUrl,
    RELVAR_WORKER_URL: database.workerUrl,
    ...more,
  };
  const children = await Promise.all([run(['server/index.ts'], env), run(['worker/index.ts'], env)]);
  database.onEnd(() => Promise.all(children.map(stop)));
  const address = `http://127.0.0.1:${port}`;
  for (let attempt = 0; attempt < 100; attempt++) {
    const healthy = await fetch(`${address}/healthz`).then(
      (response) => response.ok,
      () => false,
    );
    if (healthy) return address;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error('The server did not become healthy within 20 seconds.');
}
