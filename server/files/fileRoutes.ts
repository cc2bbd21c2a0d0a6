import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Express } from 'express';
import { DatabaseError } from 'pg';
import type { Pool } from 'pg';
import type { FileStore } from '../../db/files/store.ts';
import { withIdentity } from '../../db/pool.ts';
import type { Secrets } from '../../db/secrets.ts';
import type { Identities, Identity } from '../auth/identity.ts';
import { RequestError } from '../errors.ts';
import { sendError } from '../http/answer.ts';
import { readJson } from '../http/body.ts';
import { originOf } from '../http/origin.ts';
import { logHidden } from '../log.ts';
import { DEFAULT_MINUTES, expiryOf, holderOf, MAX_MINUTES, signLink, verifyLink } from './links.ts';
import { sendContent } from './serve.ts';
import type { OpenedFile } from './serve.ts';
import { receiveFiles } from './upload.ts';

interface Parts {
  readonly pool: Pool;
  readonly identities: Identities;
  readonly secrets: Secrets;
  readonly store: FileStore;
  readonly maxBytes: number;
  readonly publicUrl: string | null;
  /** From where files are served, if not from everywhere. */
  readonly url: string | null;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const SIGNED = /^\/files\/([\w-]+\.[\w-]+)\/[^/]*$/;
const MAX_LINKS = 200;

/** Files: uploads, links for browsers, and the files themselves. Who may open which the database says, each time. */
export class Files {
  readonly #parts: Parts;
  readonly #host: string | null;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#host = parts.url === null ? null : new URL(parts.url).host;
  }

  install(app: Express): void {
    const { pool, identities, store, maxBytes } = this.#parts;

    app.post('/files', async (request, response) => {
      const identity = await identities.of(request, response);
      const files = await receiveFiles({ pool, store, maxBytes }, request, identity);
      response.status(201).json({ files });
    });

    app.post('/files/links', async (request, response) => {
      // It only reads: the role and the transaction see to that.
      const identity = await identities.of(request, response, true);
      const { ids, minutes } = readQuestion(await readJson(request));
      response.setHeader('cache-control', 'no-store');
      response.json({ links: await this.#sign(request, identity, ids, minutes) });
    });

    // People who follow this address get the screen, which shows the file; programs get the file.
    app.get('/files/:id', async (request, response, next) => {
      const { id } = request.params;
      if (
        !UUID.test(id) ||
        request.headers['sec-fetch-mode'] === 'navigate' ||
        request.accepts(['json', 'html', '*/*']) === 'html'
      ) {
        next();
        return;
      }
      const identity = await identities.of(request, response);
      const file = await this.#open(identity, id);
      if (file === undefined) throw new RequestError('FILE_MISSING');
      const key = { workspaceId: identity.workspaceId, fileId: file.id };
      await sendContent({ request, response }, { store, key, file }, { mayShow: false, origin: null, maxAge: 0 });
    });

    app.get(SIGNED, async (request, response) => {
      if (this.#host !== null) throw new RequestError('FILE_LINK_NOT_VALID');
      await this.#answerLink({ request, response });
    });
  }

  /** Whether a request came to the address that has nothing but files. */
  isOwnAddress({ headers: { host } }: IncomingMessage): boolean {
    return this.#host !== null && host?.toLowerCase() === this.#host;
  }

  /** There nothing else is answered. */
  answer(request: IncomingMessage, response: ServerResponse): void {
    this.#answerLink({ request, response }).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else if (error instanceof RequestError) sendError(response, error);
      else {
        logHidden(error);
        sendError(response, new RequestError('INTERNAL'));
      }
    });
  }

  async #answerLink(exchange: Exchange): Promise<void> {
    const { request } = exchange;
    const [path = '', query = ''] = request.url!.split('?');
    const token = SIGNED.exec(path)?.[1];
    if (token === undefined) throw new RequestError('NOT_FOUND');
    if (request.method !== 'GET' && request.method !== 'HEAD')
      throw new RequestError('METHOD_NOT_ALLOWED', { hint: 'Send a GET.' });
    const { store, secrets } = this.#parts;
    const link = verifyLink(secrets, token);
    const identity = await this.#identityOf(link);
    // The link of somebody who changed the workspace since is none here.
    if (identity?.workspaceId !== link.workspaceId) throw new RequestError('FILE_LINK_NOT_VALID');
    const file = await this.#open(identity, link.fileId).catch((error: unknown) => {
      if (error instanceof RequestError && error.code === 'FORBIDDEN') return undefined;
      throw error;
    });
    if (file === undefined) throw new RequestError('FILE_LINK_NOT_VALID');
    const key = { workspaceId: link.workspaceId, fileId: file.id };
    const maxAge = Math.max(0, link.expires - Math.floor(Date.now() / 1000));
    const mayShow = !new URLSearchParams(query).has('download');
    const origin = this.#host === null ? null : link.origin;
    await sendContent(exchange, { store, key, file }, { mayShow, origin, maxAge });
  }

  /** Whom a link acts for, as they are now: a session that has ended opens nothing. */
  async #identityOf({ by, byId }: { by: 'session' | 'key'; byId: string }): Promise<Identity | null> {
    try {
      return await (by === 'session' ? this.#parts.identities.ofSession(byId) : this.#parts.identities.ofKeyId(byId));
    } catch (error) {
      if (error instanceof RequestError && error.code === 'NOT_SIGNED_IN') return null;
      throw error;
    }
  }

  async #open(identity: Identity, id: string): Promise<OpenedFile | undefined> {
    try {
      const { rows } = await withIdentity(this.#parts.pool, identity, (client) =>
        client.query<OpenedFile>('select * from open_file($1)', [id]),
      );
      return rows[0];
    } catch (error) {
      if (!(error instanceof DatabaseError) || error.code !== '42501') throw error;
      throw new RequestError('FORBIDDEN', { message: error.message, ...(error.hint && { hint: error.hint }) });
    }
  }

  /** Links to those of the files that the caller may open now. */
  async #sign(request: IncomingMessage, identity: Identity, ids: readonly string[], minutes: number) {
    const { secrets, publicUrl, url: filesUrl, pool } = this.#parts;
    const holder = holderOf(identity);
    const expires = expiryOf(minutes);
    const origin = originOf(request, publicUrl);
    const { rows } = await withIdentity(pool, identity, (client) =>
      client.query<OpenedFile>(
        'select f.* from unnest($1::uuid[]) with ordinality i (id, n) cross join lateral open_file(i.id) f order by i.n',
        [ids],
      ),
    ).catch((error: unknown) => {
      if (!(error instanceof DatabaseError) || error.code !== '42501') throw error;
      throw new RequestError('FORBIDDEN', { message: error.message, ...(error.hint && { hint: error.hint }) });
    });
    return rows.map(({ id, name, media_type: type, size }) => {
      const token = signLink(secrets, { workspaceId: identity.workspaceId, fileId: id, ...holder, expires, origin });
      return {
        id,
        name,
        type,
        size: Number(size),
        url: `${filesUrl ?? origin}/files/${token}/${encodeURIComponent(name)}`,
        expiresAt: new Date(expires * 1000).toISOString(),
      };
    });
  }
}

function readQuestion(body: unknown): { ids: string[]; minutes: number } {
  const { ids, minutes = DEFAULT_MINUTES, ...rest } = (body ?? {}) as { ids?: unknown; minutes?: unknown };
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined)
    throw new RequestError('INVALID_REQUEST', { message: `"${unknown.slice(0, 60)}" is not a part of this request.` });
  if (!Array.isArray(ids) || ids.length > MAX_LINKS || !ids.every((id) => typeof id === 'string' && UUID.test(id)))
    throw new RequestError('INVALID_REQUEST', {
      message: `"ids" is a list of at most ${MAX_LINKS} ids of files.`,
      field: 'ids',
    });
  if (typeof minutes !== 'number' || !Number.isInteger(minutes) || minutes < 1 || minutes > MAX_MINUTES)
    throw new RequestError('INVALID_REQUEST', {
      message: `"minutes" is a whole number from 1 to ${MAX_MINUTES}.`,
      field: 'minutes',
    });
  return { ids: ids as string[], minutes };
}
