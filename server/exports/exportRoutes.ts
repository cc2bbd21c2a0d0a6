import type { Express, Request, Response } from 'express';
import type { Pool } from 'pg';
import { checkExport, exportRecords, FILE_KINDS, type ExportFormat } from '../../db/records/export/exportRecords.ts';
import { withIdentity } from '../../db/pool.ts';
import { findObject, loadModel } from '../../db/records/model.ts';
import type { Identities, Identity } from '../auth/identity.ts';
import { RequestError } from '../errors.ts';
import type { Endpoint } from '../gateway/handler.ts';
import { readForm, readJson } from '../http/body.ts';
import { partsOf } from '../imports/importer.ts';
import { sendFile } from '../imports/sendFile.ts';
import { matchingPages } from './matchingPages.ts';

interface ExportParts {
  readonly pool: Pool;
  readonly identities: Identities;
  /** Answers lists as they are shown. */
  readonly records: Endpoint;
}

interface Asked {
  object: string;
  format: ExportFormat;
  fields?: string[];
  hasIds: boolean;
  isHuman: boolean;
  isGuarded: boolean;
  timeZone?: string;
  /** Which records: these, or those that a list shows. */
  ids?: string[];
  filter: object | null;
  orderBy: string[];
}

/** Files of records, streamed as they are read: all that a list shows, or some of it. */
export function installExports(app: Express, parts: ExportParts): void {
  const { pool, identities } = parts;

  // Tells beforehand what would keep an export from being one: a download has no place to say it.
  app.post('/exports/check', async (request, response) => {
    const identity = await identities.of(request, response, true);
    const asked = readAsked(await readJson(request));
    const client = await pool.connect();
    try {
      const columns = await checkExport({ client, identity, ...optionsOf(asked) });
      response.json({ columns });
    } finally {
      client.release();
    }
  });

  app.post('/exports', async (request, response) => {
    const identity = await identities.of(request, response, true);
    const asked = readAsked(await readRequest(request));
    await stream(parts, identity, asked, response);
  });
}

async function stream(
  { pool, records }: ExportParts,
  identity: Identity,
  asked: Asked,
  response: Response,
): Promise<void> {
  const { plural, label } = await withIdentity(pool, identity, async (client) => {
    const { namePlural, labelPlural } = findObject(await loadModel(client), asked.object);
    return { plural: namePlural, label: labelPlural };
  });
  const { suffix, type } = FILE_KINDS[asked.format];
  const client = await pool.connect();
  let broken: Error | undefined;
  const isAll = asked.ids === undefined && asked.filter === null && asked.orderBy.length === 0;
  const pages = asked.ids ? chosen(asked.ids) : isAll ? undefined : matchingPages(records, identity, plural, asked);
  try {
    sendFile(response, `${label} ${new Date().toISOString().slice(0, 10)}.${suffix}`, type);
    const hasMark = asked.format === 'csv' && asked.isHuman;
    await exportRecords({ client, identity, out: response, hasMark, ...optionsOf(asked), ...(pages && { pages }) });
    response.end();
  } catch (error) {
    broken = error as Error;
    if (!response.headersSent)
      for (const header of ['content-disposition', 'content-security-policy']) response.removeHeader(header);
    // A reader who has left needs no answer.
    if (!response.destroyed) throw error;
  } finally {
    // One that may still be sending serves nobody else.
    client.release(broken);
  }
}

async function* chosen(ids: readonly string[]): AsyncGenerator<readonly string[]> {
  for (let at = 0; at < ids.length; at += 5_000) yield ids.slice(at, at + 5_000);
}

const optionsOf = ({ object, format, fields, hasIds, isHuman, isGuarded, timeZone }: Asked) => ({
  object,
  format,
  hasIds,
  isHuman,
  isGuarded,
  ...(fields && { fields }),
  ...(timeZone && { timeZone }),
});

/** A page sends a form, since a browser makes a file only of what it goes to; programs send JSON. */
async function readRequest(request: Request): Promise<unknown> {
  if (!/^application\/x-www-form-urlencoded\b/i.test(request.headers['content-type'] ?? '')) return readJson(request);
  const text = (await readForm(request)).get('request') ?? '';
  try {
    return JSON.parse(text);
  } catch {
    throw new RequestError('INVALID_JSON');
  }
}

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((each) => typeof each === 'string');
const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

function readAsked(body: unknown): Asked {
  const given = partsOf(body, [
    'object',
    'format',
    'fields',
    'hasIds',
    'isHuman',
    'isGuarded',
    'timeZone',
    'ids',
    'filter',
    'orderBy',
  ]);
  const {
    object,
    format = 'csv',
    fields,
    hasIds = true,
    isHuman = false,
    isGuarded = false,
    timeZone,
    ids,
    filter = null,
    orderBy = [],
  } = given;
  const wrong = (field: string) =>
    new RequestError('INVALID_REQUEST', { message: `"${field}" cannot be this.`, field });
  if (typeof object !== 'string') throw wrong('object');
  if (typeof format !== 'string' || !Object.hasOwn(FILE_KINDS, format)) throw wrong('format');
  if (fields !== undefined && !isTexts(fields)) throw wrong('fields');
  if (timeZone !== undefined && (typeof timeZone !== 'string' || !/^[\w+\-/]{1,60}$/.test(timeZone)))
    throw wrong('timeZone');
  if (ids !== undefined && !(isTexts(ids) && ids.every((id) => UUID.test(id)))) throw wrong('ids');
  if (typeof filter !== 'object') throw wrong('filter');
  if (!isTexts(orderBy)) throw wrong('orderBy');
  for (const [name, value] of Object.entries({ hasIds, isHuman, isGuarded }))
    if (typeof value !== 'boolean') throw wrong(name);
  return {
    object,
    format: format as ExportFormat,
    hasIds: hasIds === true,
    isHuman: isHuman === true,
    isGuarded: isGuarded === true,
    filter: filter as object | null,
    orderBy,
    ...(fields && { fields }),
    ...(ids && { ids }),
    ...(typeof timeZone === 'string' && { timeZone }),
  };
}
