import type { Request, Response } from 'express';
import type { Pool, PoolClient } from 'pg';
import { withIdentity } from '../../db/pool.ts';
import type { FileFormat, FileSource } from '../../db/records/files/source.ts';
import { uploadedFile } from '../../db/records/import/upload.ts';
import { assertMay, loadModel, objectById, type Model, type ObjectModel } from '../../db/records/model.ts';
import type { Identities, Identity } from '../auth/identity.ts';
import { RequestError } from '../errors.ts';

export interface ImportParts {
  readonly pool: Pool;
  readonly identities: Identities;
}

/** An import as core.list_imports tells it; only what the server itself looks at. */
export interface KnownImport {
  id: string;
  objectId: string;
  fileName: string;
  fileSize: number;
  format: FileFormat;
  status: string;
  isFileKept: boolean;
  hasRejectsFile: boolean;
  memberId: string;
  revertedAt: string | null;
  /** The request that did, took back or did again what it did. */
  lastRequest: string;
}

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** Whoever imports: a member in the screen, who may import files. What begins by itself uses the API. */
export async function importer(
  { pool, identities }: ImportParts,
  request: Request,
  response: Response,
): Promise<Identity & { memberId: string }> {
  const identity = await identities.of(request, response);
  const { memberId, applicationId } = identity;
  if (memberId === null || applicationId !== null)
    throw new RequestError('FORBIDDEN', {
      message: 'Files are imported by members.',
      hint: 'Sign in as a member. Programs create records by the API.',
    });
  await withIdentity(pool, identity, (client) => assertMay(client, 'IMPORT_CSV', 'Your role may not import files.'));
  return { ...identity, memberId };
}

/** One's own import, by the id in the address. */
export async function ownImport(
  { pool }: ImportParts,
  { workspaceId, memberId }: { workspaceId: string; memberId: string },
  id: unknown,
): Promise<KnownImport> {
  if (typeof id !== 'string' || !UUID.test(id)) throw notFound();
  const { rows } = await pool.query<{ list: KnownImport[] }>('select core.list_imports($1, $2, false, $3) as list', [
    workspaceId,
    memberId,
    id,
  ]);
  const [found] = rows[0]!.list;
  if (!found) throw notFound();
  return found;
}

const notFound = () =>
  new RequestError('NOT_FOUND', {
    message: 'There is no such import.',
    hint: 'It was discarded, or is another member’s.',
  });

export function fileOf({ pool }: ImportParts, { id, fileName, fileSize, isFileKept }: KnownImport): FileSource {
  if (!isFileKept)
    throw new RequestError('NOT_FOUND', {
      message: 'The file was imported and is not kept.',
      hint: 'Upload it again.',
    });
  return uploadedFile(pool, { id, name: fileName, size: fileSize, kind: 'FILE' });
}

/** Works with the model as the importer may see it. */
export function withModel<T>(
  { pool }: ImportParts,
  identity: Identity,
  work: (model: Model, client: PoolClient) => Promise<T> | T,
): Promise<T> {
  return withIdentity(pool, identity, async (client) => work(await loadModel(client), client));
}

export function objectOf(model: Model, id: string): ObjectModel {
  if (!model.objects.some((object) => object.id === id && object.isActive))
    throw new RequestError('NOT_FOUND', { message: 'The object of this import is gone.' });
  return objectById(model, id);
}

/** The parts of a body, of which no others may be. */
export function partsOf<const Name extends string>(
  body: unknown,
  names: readonly Name[],
): { [name in Name]?: unknown } {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new RequestError('INVALID_REQUEST', { message: 'The body must be an object.' });
  const unknown = Object.keys(body).find((name) => !(names as readonly string[]).includes(name));
  if (unknown !== undefined)
    throw new RequestError('INVALID_REQUEST', {
      message: `"${unknown.slice(0, 60)}" is not a part of this request.`,
      hint: `It takes ${names.join(', ')}.`,
    });
  return body as { [name in Name]?: unknown };
}

/** How a file is to be read, where that is not as was found out. */
export function wantedFormat(given: unknown): Partial<FileFormat> {
  if (given === undefined || given === null) return {};
  const { encoding, delimiter, sheet, hasHeader } = partsOf(given, [
    'kind',
    'encoding',
    'delimiter',
    'sheet',
    'hasHeader',
  ]);
  const wrong = (field: string) =>
    new RequestError('INVALID_REQUEST', { message: `"${field}" cannot be this.`, field });
  if (encoding !== undefined && typeof encoding !== 'string') throw wrong('encoding');
  if (delimiter !== undefined && (typeof delimiter !== 'string' || delimiter.length !== 1)) throw wrong('delimiter');
  if (sheet !== undefined && sheet !== null && typeof sheet !== 'string') throw wrong('sheet');
  if (hasHeader !== undefined && typeof hasHeader !== 'boolean') throw wrong('hasHeader');
  return {
    ...(encoding !== undefined && { encoding }),
    ...(delimiter !== undefined && { delimiter }),
    ...(sheet !== undefined && { sheet }),
    ...(hasHeader !== undefined && { hasHeader }),
  };
}
