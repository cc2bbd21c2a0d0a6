import { loginUrl, type Config } from './config.ts';
import { attachEmbedded, startEmbedded, type EmbeddedServer } from './embedded/server.ts';

/** A database that is there to be used, wherever it runs. */
export interface Database {
  adminUrl: string;
  serverUrl: string;
  workerUrl: string;
  serverPassword: string | null;
  workerPassword: string | null;
  /** Leaves things as they were found: stops the embedded server only if it was started here. */
  close: () => Promise<void>;
}

/**
 * The database of the configuration, for a command: your own server, the embedded server if it runs, or the embedded
 * server started for as long as the command takes.
 */
export async function openDatabase(config: Config): Promise<Database> {
  return (await findDatabase(config)) ?? fromEmbedded(await startEmbedded(embeddedOptions(config)));
}

/** The same, but null where it does not run. */
export async function findDatabase(config: Config): Promise<Database | null> {
  if (config.databaseUrl !== null) return fromUrl(config, config.databaseUrl);
  const server = await attachEmbedded(embeddedOptions(config));
  return server && fromEmbedded(server);
}

export const embeddedOptions = ({ dataDir, pgPort }: Config) => ({ dataDir, port: pgPort });

export function fromEmbedded(server: EmbeddedServer): Database {
  const { adminUrl, serverPassword, workerPassword } = server;
  return {
    adminUrl,
    serverUrl: loginUrl(adminUrl, 'relvar_server', serverPassword),
    workerUrl: loginUrl(adminUrl, 'relvar_worker', workerPassword),
    serverPassword,
    workerPassword,
    // Another command may be using the same server by now; it may finish.
    close: () => server.stop('smart'),
  };
}

function fromUrl(config: Config, adminUrl: string): Database {
  const { serverPassword, workerPassword } = config;
  return {
    adminUrl,
    serverUrl: config.serverUrl ?? loginUrl(adminUrl, 'relvar_server', serverPassword),
    workerUrl: config.workerUrl ?? loginUrl(adminUrl, 'relvar_worker', workerPassword),
    serverPassword,
    workerPassword,
    close: async () => {},
  };
}
