import type { Express } from 'express';
import type { Identities, Identity } from '../auth/identity.ts';
import { RequestError } from '../errors.ts';
import type { Models } from '../gateway/models.ts';
import { log } from '../log.ts';
import type { IdentityNotice, ModelNotice, Notices, RecordsNotice } from '../notices/notices.ts';
import type { ReadableObjects, ReadableObjectsCache } from './readableObjects.ts';
import { Stream } from './stream.ts';

const HEARTBEAT_MS = 20_000;

interface LiveOptions {
  readonly identities: Identities;
  readonly models: Models;
  readonly notices: Notices;
  readonly readable: ReadableObjectsCache;
}

/**
 * Passes on what the database says has changed: to the streams of that workspace only, and only about
 * objects that the caller's role may read. The records themselves are fetched through the API.
 */
export class Live {
  readonly #options: LiveOptions;
  readonly #byWorkspace = new Map<string, Set<Stream>>();
  readonly #heartbeat: NodeJS.Timeout;

  constructor(options: LiveOptions) {
    this.#options = options;
    const { notices } = options;
    notices.on('records', (events) => this.#passOnRecords(events));
    notices.on('model', (notice) => this.#passOnModel(notice));
    notices.on('views', ({ workspace }) => {
      for (const stream of this.#byWorkspace.get(workspace) ?? []) stream.send('views', {});
    });
    notices.on('identity', (notice) =>
      this.#each((stream) => void (concerns(notice, stream.identity) && this.#renew(stream))),
    );
    // Nobody knows what was missed: each client loads again what it shows.
    notices.on('resumed', () => this.#each((stream) => stream.send('resync', {})));
    this.#heartbeat = setInterval(() => this.#each((stream) => void this.#beat(stream)), HEARTBEAT_MS);
    this.#heartbeat.unref();
  }

  get size(): number {
    let size = 0;
    for (const streams of this.#byWorkspace.values()) size += streams.size;
    return size;
  }

  add(stream: Stream): void {
    const { workspaceId } = stream.identity;
    const streams = this.#byWorkspace.get(workspaceId) ?? new Set();
    this.#byWorkspace.set(workspaceId, streams);
    streams.add(stream);
    stream.onClose(() => {
      streams.delete(stream);
      if (streams.size === 0) this.#byWorkspace.delete(workspaceId);
    });
  }

  stop(): void {
    clearInterval(this.#heartbeat);
    this.#each((stream) => stream.close());
  }

  #passOnRecords(events: readonly RecordsNotice[]): void {
    const byWorkspace = Map.groupBy(events, ({ workspace }) => workspace);
    for (const [workspace, changes] of byWorkspace) {
      for (const stream of this.#byWorkspace.get(workspace) ?? []) {
        this.#tell(stream, changes).catch((error: Error) => {
          log('a live event could not be passed on', { error: error.message });
          stream.close();
        });
      }
    }
  }

  async #tell(stream: Stream, changes: readonly RecordsNotice[]): Promise<void> {
    const readable = await this.#readableBy(stream.identity);
    const data = changes
      .filter(({ object }) => readable.has(object))
      .map(({ object, table, ids, batch }) =>
        ids && readable.get(object) ? { object, table, ids, batch } : { object, table, batch },
      );
    if (data.length > 0) stream.send('records', data);
  }

  #readableBy(identity: Identity): Promise<ReadableObjects> {
    const { models, readable } = this.#options;
    return readable.of(identity, models.version(identity.workspaceId));
  }

  #passOnModel({ workspace, version }: ModelNotice): void {
    for (const stream of this.#byWorkspace.get(workspace) ?? []) {
      stream.send('model', { version });
      void this.#renew(stream);
    }
  }

  /** A session may end or get another role while its stream is open. */
  async #renew(stream: Stream): Promise<void> {
    try {
      stream.identity = await this.#options.identities.again(stream.request, stream.identity);
    } catch (error) {
      if (error instanceof RequestError) stream.close();
    }
  }

  async #beat(stream: Stream): Promise<void> {
    await this.#renew(stream);
    stream.beat();
  }

  #each(visit: (stream: Stream) => void): void {
    for (const streams of this.#byWorkspace.values()) for (const stream of streams) visit(stream);
  }
}

function concerns({ session, user, workspace, application, grant }: IdentityNotice, identity: Identity): boolean {
  return (
    identity.sessionId === session ||
    identity.userId === user ||
    identity.workspaceId === workspace ||
    identity.applicationId === application ||
    identity.grantId === grant
  );
}

export function installLive(app: Express, live: Live, identities: Identities): void {
  app.get('/live', async (request, response) => {
    const identity = await identities.of(request, response);
    live.add(new Stream(request, response, identity));
  });
}
