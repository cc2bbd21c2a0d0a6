import { EventEmitter } from 'node:events';
import pg from 'pg';
import { log } from '../log.ts';

/** A workspace's data model has a new version. */
export interface ModelNotice {
  readonly workspace: string;
  readonly version: number;
  readonly shape: string;
}

/** Records of one object have changed; `ids` is left out when there are too many. */
export interface RecordsNotice {
  readonly workspace: string;
  readonly object: string;
  readonly table: string;
  readonly ids?: readonly string[];
  readonly batch: number;
  /** How far the event log of the workspace can be read. */
  readonly position: number;
}

/** Who may come in has changed: a session ended, a member has another role, keys were added. */
export interface IdentityNotice {
  readonly session?: string;
  readonly user?: string;
  readonly workspace?: string;
  readonly keys?: boolean;
  /** Who is in which team of the workspace. */
  readonly teams?: boolean;
  /** An app, and what a member let one do. */
  readonly application?: string;
  readonly grant?: string;
}

/** Views, their shares, defaults or favourites are others; who sees which is for each to ask. */
interface ViewsNotice {
  readonly workspace: string;
}

/** Members have notifications that are new, or saw some in another page. */
interface MembersNotice {
  readonly workspace: string;
  readonly members: readonly string[];
}

/** Others have these records open now, or have left them. */
export interface PresenceNotice {
  readonly workspace: string;
  readonly records: readonly string[];
}

interface Events {
  identity: [IdentityNotice];
  model: [ModelNotice];
  records: [readonly RecordsNotice[]];
  views: [ViewsNotice];
  presence: [PresenceNotice];
  notifications: [MembersNotice];
  /** Own domains of workspaces are others. */
  domains: [];
  /** The connection stands again after it was lost: notices may have been missed meanwhile. */
  resumed: [];
}

const CHANNELS = {
  relvar_model: 'model',
  relvar_records: 'records',
  relvar_identity: 'identity',
  relvar_views: 'views',
  relvar_presence: 'presence',
  relvar_notifications: 'notifications',
  relvar_domains: 'domains',
} as const;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
/** A connection that a firewall has dropped says nothing, so it is asked from time to time. */
const PING_MS = 15_000;

/**
 * The one connection on which this process listens to the database. It lives outside the pool, because
 * a pooled connection is recycled and a listener must not be.
 */
export class Notices extends EventEmitter<Events> {
  readonly #connectionString: string;
  #client: pg.Client | undefined;
  #ping: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;
  #failures = 0;
  #stopped = false;

  constructor(connectionString: string) {
    super();
    // Every browser tab listens; there is no number of them that would be a leak.
    this.setMaxListeners(0);
    this.#connectionString = connectionString;
  }

  /** Connects; rejects when the first attempt fails, so that a server does not start deaf. */
  async start(): Promise<void> {
    await this.#connect();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#retry);
    clearInterval(this.#ping);
    await this.#client?.end().catch(() => undefined);
  }

  get isListening(): boolean {
    return this.#client !== undefined;
  }

  async #connect(): Promise<void> {
    const client = new pg.Client({
      connectionString: this.#connectionString,
      application_name: 'relvar server: notices',
      keepAlive: true,
      connectionTimeoutMillis: 5_000,
      query_timeout: 5_000,
    });
    client.on('error', (error) => this.#lost(client, error));
    client.on('end', () => this.#lost(client, new Error('The connection was closed.')));
    client.on('notification', ({ channel, payload }) => this.#receive(channel, payload));
    await client.connect();
    for (const channel of Object.keys(CHANNELS)) await client.query(`listen ${channel}`);
    if (this.#stopped) {
      await client.end();
      return;
    }
    this.#client = client;
    this.#failures = 0;
    this.#ping = setInterval(() => {
      client.query('select').catch((error: Error) => this.#lost(client, error));
    }, PING_MS).unref();
  }

  #lost(client: pg.Client, error: Error): void {
    if (this.#client !== client || this.#stopped) return;
    this.#client = undefined;
    clearInterval(this.#ping);
    client.end().catch(() => undefined);
    log('lost the connection that listens to the database; connecting again', {
      error: error.message,
    });
    this.#reconnectLater();
  }

  #reconnectLater(): void {
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** this.#failures, LONGEST_PAUSE_MS);
    this.#failures += 1;
    // Several servers that lost the same database should not come back in step.
    this.#retry = setTimeout(() => void this.#reconnect(), pause * (0.5 + Math.random() / 2));
  }

  async #reconnect(): Promise<void> {
    try {
      await this.#connect();
    } catch (error) {
      if (this.#stopped) return;
      log('cannot listen to the database yet', { error: (error as Error).message });
      this.#reconnectLater();
      return;
    }
    if (!this.#stopped) this.emit('resumed');
  }

  #receive(channel: string, payload: string | undefined): void {
    const event = CHANNELS[channel as keyof typeof CHANNELS];
    let notice: unknown;
    try {
      notice = JSON.parse(payload ?? '');
    } catch {
      log('a notice from the database is not JSON', { channel, payload });
      return;
    }
    // Whoever may connect to the database may send notices, so none is taken for more than a hint where to look.
    if (event === 'model' && isModel(notice)) this.emit('model', notice);
    else if (event === 'views' && isViews(notice)) this.emit('views', notice);
    else if (event === 'identity' && isObject(notice)) this.emit('identity', notice);
    else if (event === 'records' && Array.isArray(notice) && notice.every(isRecords)) this.emit('records', notice);
    else if (event === 'presence' && isPresence(notice)) this.emit('presence', notice);
    else if (event === 'notifications' && isMembers(notice)) this.emit('notifications', notice);
    else if (event === 'domains') this.emit('domains');
    else log('a notice from the database is none of ours', { channel });
  }
}

const isObject = (notice: unknown): notice is Record<string, unknown> =>
  typeof notice === 'object' && notice !== null && !Array.isArray(notice);

const isModel = (notice: unknown): notice is ModelNotice => isObject(notice) && typeof notice['workspace'] === 'string';

const isViews = (notice: unknown): notice is ViewsNotice => isObject(notice) && typeof notice['workspace'] === 'string';

const isPresence = (notice: unknown): notice is PresenceNotice =>
  isObject(notice) && typeof notice['workspace'] === 'string' && Array.isArray(notice['records']);

const isMembers = (notice: unknown): notice is MembersNotice =>
  isObject(notice) && typeof notice['workspace'] === 'string' && Array.isArray(notice['members']);

const isRecords = (notice: unknown): notice is RecordsNotice =>
  isObject(notice) &&
  typeof notice['workspace'] === 'string' &&
  typeof notice['object'] === 'string' &&
  (notice['ids'] === undefined || Array.isArray(notice['ids']));
