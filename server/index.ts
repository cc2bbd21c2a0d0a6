import { createServer } from 'node:http';
import { join } from 'node:path';
import { loadConfig } from '../db/config.ts';
import { openStore } from '../db/files/store.ts';
import { createPool } from '../db/pool.ts';
import { openSecrets } from '../db/secrets.ts';
import { makeApp } from './app.ts';
import { openPlaces } from './auth/places.ts';
import { compareMigrations } from './health/compareMigrations.ts';
import { log } from './log.ts';

/** How long requests that run may take to finish once the server is told to stop. */
const STOP_MS = 4_000;

const config = loadConfig();
if (config.serverUrl === null) {
  throw new Error('RELVAR_SERVER_URL is not set. "npm start" sets it; or set it together with DATABASE_URL.');
}
const pool = createPool({
  connectionString: config.serverUrl,
  applicationName: 'relvar server',
  max: 20,
});
const app = await makeApp({
  pool,
  serverUrl: config.serverUrl,
  secrets: openSecrets(config),
  webDirectory: join(import.meta.dirname, '../web/dist'),
  files: { ...config.files, store: openStore(config) },
  development: !config.isProduction,
  accounts: config.accounts,
  captcha: config.captcha,
  frameOrigins: config.frameOrigins,
  mapTiles: config.mapTiles,
  places: await openPlaces(config.geoIpPath),
  allowsPrivateProviders: config.allowsPrivateProviders,
  metricsToken: config.metricsToken,
  sendsMail: config.mail.smtpUrl !== null,
  pendingMigrations: async () => (await compareMigrations(pool)).pending,
});
const server = createServer(app.handler);
server.on('upgrade', app.upgrade);
// Longer than proxies and clients keep an idle connection: while a schema is built the process hears nothing, and must
// not close a connection on which a request has come in meanwhile.
server.keepAliveTimeout = 75_000;
// A large file takes its time over a thin line.
server.requestTimeout = 3_600_000;
server.on('error', (error: NodeJS.ErrnoException) => {
  const taken = error.code === 'EADDRINUSE';
  log(taken ? `Port ${config.port} is taken. Set PORT to another one.` : error.message);
  process.exit(1);
});
server.listen(config.port, () => {
  log('listening', { port: config.port });
  // The supervisor waits for this when it has started us.
  process.send?.({ ready: true, port: config.port });
});

let stopping = false;
async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  const closed = new Promise((resolve) => server.close(resolve));
  await app.stop();
  server.closeIdleConnections();
  const late = setTimeout(() => server.closeAllConnections(), STOP_MS);
  await closed;
  clearTimeout(late);
  await pool.end();
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void stop());
// Whoever started us is gone; nobody would ever stop us.
process.on('disconnect', () => void stop());
