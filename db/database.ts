import { loginUrl, type Config } from './config.ts';
import { attachEmbedded, startEmbedded } from './embedded.ts';

/** A database that is there to be used, wherever it runs. */
export interface Database {
  adminUrl: string;
  serverUrl: string;
  workerUrl: string;
  serverPassword: string | null;
  workerPassword: string | null;
  /** True when the embedded server runs only until `close`. */
  isTemporary: boolean;
  /** Leaves the database as it was found: stops the embedded server only if it was started here. */
  close: () => Promise<void>;
}

/**
 * Opens the database of the configuration for a command: your own server, the embedded server if it
 * runs, or the embedded server started for as long as the command takes.
 */
export async function openDatabase(config: Config): Promise<Database> {
  if (config.databaseUrl !== null) return ownServer(config, config.databaseUrl);
  const options = { dataDir: config.dataDir, port: config.pgPort };
  const server = (await attachEmbedded(options)) ?? (await startEmbedded(options));
  const { adminUrl, serverPassword, workerPassword } = server;
  return {
    adminUrl,
    serverUrl: loginUrl(adminUrl, 'relvar_server', serverPassword),
    workerUrl: loginUrl(adminUrl, 'relvar_worker', workerPassword),
    serverPassword,
    workerPassword,
    isTemporary: !server.attached,
    // Another command may have attached to this server meanwhile; it may finish.
    close: () => server.stop('smart'),
  };
}

function ownServer(config: Config, adminUrl: string): Database {
  const { serverPassword, workerPassword } = config;
  return {
    adminUrl,
    serverUrl: config.serverUrl ?? loginUrl(adminUrl, 'relvar_server', serverPassword),
    workerUrl: config.workerUrl ?? loginUrl(adminUrl, 'relvar_worker', workerPassword),
    serverPassword,
    workerPassword,
    isTemporary: false,
    close: async () => {},
  };
}
