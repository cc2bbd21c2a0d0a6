import { Router } from 'express';
import type { Express, NextFunction, Request, Response } from 'express';
import { DatabaseError } from 'pg';
import type { Pool, PoolClient } from 'pg';
import type { RateLimits } from '../auth/rateLimits.ts';
import type { Refusals } from '../auth/refusals.ts';
import { hashToken } from '../auth/tokenHash.ts';
import { RequestError } from '../errors.ts';
import { readJson } from '../http/body.ts';
import { originOf } from '../http/origin.ts';
import { logHidden } from '../log.ts';
import { parseFilter } from './filter.ts';
import { applyPatch, readResource } from './patch.ts';
import type { Resource } from './patch.ts';
import { RESOURCE_TYPES, SCHEMAS, SERVICE_PROVIDER_CONFIG } from './schemas.ts';
import { ScimError } from './ScimError.ts';

const MAX_RESULTS = SERVICE_PROVIDER_CONFIG.filter.maxResults;
const MEDIA_TYPE = 'application/scim+json';
const LIST = 'urn:ietf:params:scim:api:messages:2.0:ListResponse';

/** What the rules of the database are in the words of the standard. */
const STATUS: { [code: string]: [status: number, scimType?: string] } = {
  RV168: [409, 'uniqueness'],
  RV169: [400, 'invalidValue'],
  RV170: [403],
  RV171: [403],
  RV172: [404],
  RV092: [403],
  RV111: [403],
};

interface Directory {
  readonly id: string;
  readonly workspace_id: string;
  readonly name: string;
}

interface Parts {
  readonly pool: Pool;
  readonly rateLimits: RateLimits;
  readonly refusals: Refusals;
  readonly publicUrl: string | null;
}

interface Row {
  resource: Resource;
}

/** The functions of the database behind a kind of resource. */
const KINDS = {
  User: {
    list: 'select * from core.list_scim_users($1, $2, $3, $4)',
    get: 'select core.get_scim_user($1, $2) as resource',
    create: 'select core.create_scim_user($1, $2, $3) as resource',
    save: 'select core.save_scim_user($1, $2, $3, $4) as resource',
    remove: 'select core.delete_scim_user($1, $2, $3)',
  },
  Group: {
    list: 'select * from core.list_scim_groups($1, $2, $3, $4, $5)',
    get: 'select core.get_scim_group($1, $2) as resource',
    create: 'select core.save_scim_group($1, null, $2, $3) as resource',
    save: 'select core.save_scim_group($1, $2, $3, $4) as resource',
    remove: 'select core.delete_scim_group($1, $2, $3)',
  },
} as const;

type Kind = keyof typeof KINDS;

/** Provisioning by SCIM 2.0: a directory, such as Entra ID or Okta, keeps the members of a workspace and their groups. */
export function installScim(app: Express, parts: Parts): void {
  const router = Router({ caseSensitive: false });
  router.use(async (request, response, next) => {
    response.locals['directory'] = await authenticate(parts, request, response);
    response.setHeader('cache-control', 'no-store');
    next();
  });
  router.get('/ServiceProviderConfig', (_request, response) => send(response, 200, SERVICE_PROVIDER_CONFIG));
  installDescriptions(router, '/ResourceTypes', RESOURCE_TYPES);
  installDescriptions(router, '/Schemas', SCHEMAS);
  installResources(router, '/Users', 'User', parts);
  installResources(router, '/Groups', 'Group', parts);
  router.use(() => {
    throw new ScimError(404, 'There is nothing at this address.');
  });
  router.use(handleScimError);
  app.use('/scim/v2', router);
}

/** A directory is known by its token, and the workspace by that alone. */
async function authenticate(
  { pool, rateLimits, refusals }: Parts,
  request: Request,
  response: Response,
): Promise<Directory> {
  const token = /^Bearer (rvs_[\w-]{43})$/i.exec(request.headers.authorization ?? '')?.[1];
  const { rows } = token
    ? await pool.query<Directory>('select * from core.resolve_scim_token($1)', [hashToken(token)])
    : { rows: [] };
  const [directory] = rows;
  if (!directory) {
    refusals.note(request, 'SCIM_TOKEN');
    response.setHeader('www-authenticate', 'Bearer');
    throw new ScimError(401, 'This token is not valid, has expired or was revoked.');
  }
  await rateLimits.count(directory.id, null, response);
  return directory;
}

function installDescriptions(router: Router, path: string, all: readonly { id: string }[]): void {
  router.get(path, (_request, response) => send(response, 200, listOf(all, all.length, 1)));
  router.get(`${path}/:id`, (request, response) => {
    const found = all.find(({ id }) => id.toLowerCase() === request.params['id']?.toLowerCase());
    if (!found) throw new ScimError(404, 'There is no such description.');
    send(response, 200, found);
  });
}

function installResources(router: Router, path: string, kind: Kind, { pool, publicUrl }: Parts): void {
  const { list, get, create, save, remove } = KINDS[kind];
  const directoryOf = (response: Response) => response.locals['directory'] as Directory;
  const locate = (request: Request, resource: Resource): Resource => {
    const location = `${originOf(request, publicUrl)}/scim/v2${path}/${String(resource['id'])}`;
    return { ...resource, meta: { ...(resource['meta'] as object), location } };
  };
  const answer = (request: Request, response: Response, status: number, resource: Resource) => {
    const located = locate(request, resource);
    const { version, location } = located['meta'] as { version: string; location: string };
    response.setHeader('etag', version);
    if (status === 201) response.setHeader('location', location);
    send(response, status, chosen(request, located));
  };

  router.get(path, async (request, response) => {
    const { workspace_id: workspaceId } = directoryOf(response);
    const filter = textOf(request, 'filter');
    const first = Math.max(numberOf(request, 'startIndex', 1), 1);
    const count = Math.min(Math.max(numberOf(request, 'count', 100), 0), MAX_RESULTS);
    const leavesOut = (textOf(request, 'excludedAttributes') ?? '').toLowerCase().split(/\s*,\s*/);
    const { rows } = await pool.query<{ total: string; resources: Resource[] }>(list, [
      workspaceId,
      filter === undefined ? null : JSON.stringify(parseFilter(filter)),
      first,
      count,
      ...(kind === 'Group' ? [!leavesOut.includes('members')] : []),
    ]);
    const { total, resources } = rows[0]!;
    const shown = resources.map((resource) => chosen(request, locate(request, resource)));
    send(response, 200, listOf(shown, Number(total), first));
  });

  router.get(`${path}/:id`, async (request, response) => {
    const { rows } = await pool.query<Row>(get, [directoryOf(response).workspace_id, idOf(request)]);
    const [{ resource }] = rows as [Row];
    const { version } = resource['meta'] as { version: string };
    if (request.headers['if-none-match'] === version) {
      response.status(304).end();
      return;
    }
    answer(request, response, 200, resource);
  });

  router.post(path, async (request, response) => {
    const directory = directoryOf(response);
    const resource = readResource(kind, await readBody(request));
    const { rows } = await pool.query<Row>(create, [directory.workspace_id, resource, directory.name]);
    answer(request, response, 201, rows[0]!.resource);
  });

  /** Reads, changes and writes a resource; nobody else writes meanwhile. */
  const change = (request: Request, directory: Directory, make: (before: Resource) => Resource): Promise<Resource> =>
    inTransaction(pool, async (client) => {
      await client.query('select core.lock_scim($1)', [directory.workspace_id]);
      const { rows } = await client.query<Row>(get, [directory.workspace_id, idOf(request)]);
      const before = rows[0]!.resource;
      const wanted = request.headers['if-match'];
      if (wanted !== undefined && wanted !== '*' && wanted !== (before['meta'] as { version: string }).version)
        throw new ScimError(412, 'Somebody has changed it meanwhile.');
      const after = make(before);
      const saved = await client.query<Row>(save, [directory.workspace_id, idOf(request), after, directory.name]);
      return saved.rows[0]!.resource;
    });

  router.put(`${path}/:id`, async (request, response) => {
    const resource = readResource(kind, await readBody(request));
    answer(request, response, 200, await change(request, directoryOf(response), () => resource));
  });

  router.patch(`${path}/:id`, async (request, response) => {
    const body = await readBody(request);
    const patched = await change(request, directoryOf(response), (before) => applyPatch(kind, before, body));
    answer(request, response, 200, patched);
  });

  router.delete(`${path}/:id`, async (request, response) => {
    const directory = directoryOf(response);
    await pool.query(remove, [directory.workspace_id, idOf(request), directory.name]);
    response.status(204).end();
  });
}

const listOf = (resources: readonly object[], total: number, first: number) => ({
  schemas: [LIST],
  totalResults: total,
  startIndex: first,
  itemsPerPage: resources.length,
  Resources: resources,
});

/** The attributes that the request asks for, or has not left out. */
function chosen(request: Request, resource: Resource): Resource {
  const names = (parameter: string) =>
    textOf(request, parameter)
      ?.split(',')
      .map((each) => each.trim().toLowerCase().split('.')[0]!);
  const [wanted, unwanted] = [names('attributes'), names('excludedAttributes')];
  const isShown = (name: string) =>
    name === 'schemas' ||
    name === 'id' ||
    ((wanted?.includes(name.toLowerCase()) ?? true) && !unwanted?.includes(name.toLowerCase()));
  return Object.fromEntries(Object.entries(resource).filter(([name]) => isShown(name)));
}

function textOf(request: Request, name: string): string | undefined {
  const value = request.query[name];
  if (value === undefined || typeof value === 'string') return value === '' ? undefined : value;
  throw new ScimError(400, `"${name}" is given twice.`, 'invalidSyntax');
}

function numberOf(request: Request, name: string, otherwise: number): number {
  const text = textOf(request, name);
  if (text === undefined) return otherwise;
  if (!/^-?\d{1,9}$/.test(text)) throw new ScimError(400, `"${name}" must be a number.`, 'invalidValue');
  return Number(text);
}

/** What is no id of ours belongs to nobody. */
function idOf(request: Request): string {
  const id = String(request.params['id']).toLowerCase();
  if (!/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/.test(id)) throw new ScimError(404, 'There is no such resource.');
  return id;
}

const readBody = (request: Request): Promise<unknown> => readJson(request, /^application\/(scim\+)?json\s*(;|$)/i);

function send(response: Response, status: number, body: object): void {
  response.status(status).type(MEDIA_TYPE).send(JSON.stringify(body));
}

async function inTransaction<Result>(pool: Pool, work: (client: PoolClient) => Promise<Result>): Promise<Result> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('begin');
    const result = await work(client);
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch((failure: Error) => {
      broken = failure;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}

function handleScimError(error: unknown, _request: Request, response: Response, _next: NextFunction): void {
  const told = asScimError(error);
  if (error instanceof RequestError) response.set(error.headers);
  send(response, told.status, told);
}

function asScimError(error: unknown): ScimError {
  if (error instanceof ScimError) return error;
  if (error instanceof RequestError) {
    const isSyntax = error.code === 'INVALID_JSON' || error.code === 'UNSUPPORTED_MEDIA_TYPE';
    return new ScimError(error.status, error.message, isSyntax ? 'invalidSyntax' : undefined);
  }
  if (error instanceof DatabaseError && /^RV\d{3}$/.test(error.code ?? '')) {
    const [status, scimType] = STATUS[error.code!] ?? [400, 'invalidValue'];
    return new ScimError(status, [error.message, error.hint].filter(Boolean).join(' '), scimType);
  }
  return new ScimError(500, `Something went wrong on our side. The log of the server knows it as ${logHidden(error)}.`);
}
