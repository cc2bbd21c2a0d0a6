import { randomUUID } from 'node:crypto';
import type { Express, Request, Response } from 'express';
import { withIdentity } from '../../db/pool.ts';
import { EncodingDetector } from '../../db/records/files/encoding.ts';
import { csvLine } from '../../db/records/files/line.ts';
import { readFile, sniffFile } from '../../db/records/files/read.ts';
import type { FileFormat, FileRecord, FileSource } from '../../db/records/files/source.ts';
import { sheetNames } from '../../db/records/files/xlsx.ts';
import { mapHeaders } from '../../db/records/import/mapping.ts';
import { PRESETS } from '../../db/records/import/presets.ts';
import { previewRows } from '../../db/records/import/preview.ts';
import { optionsOf, readSettings, type ImportSettings } from '../../db/records/import/settings.ts';
import { PartWriter, uploadedFile } from '../../db/records/import/upload.ts';
import { findObject } from '../../db/records/model.ts';
import { RecordsError } from '../../db/records/recordsError.ts';
import { RequestError } from '../errors.ts';
import { readJson } from '../http/body.ts';
import {
  fileOf,
  importer,
  objectOf,
  ownImport,
  partsOf,
  wantedFormat,
  withModel,
  type ImportParts,
} from './importer.ts';
import { describeMapping, describeTargets, guessMapping, headersKey, templateHeaders } from './mappingAnswer.ts';
import { sendFile } from './sendFile.ts';

const PREVIEWED = 100;
const MAX_DISTINCT = 500;

/** The import of files in the screen. What takes long a worker does; here files come in, and are looked at. */
export function installImports(app: Express, parts: ImportParts): void {
  const { pool } = parts;

  app.get('/imports', async (request, response) => {
    const identity = await importer(parts, request, response);
    const { rows } = await pool.query(
      'select core.list_imports($1, $2, $3, null, $4) as list',
      [identity.workspaceId, identity.memberId, await keepsWorkspace(parts, identity), uuidOrNull(request.query['before'])],
    ); // prettier-ignore
    response.setHeader('cache-control', 'no-store');
    response.json({ imports: rows[0].list });
  });

  app.get('/imports/template', async (request, response) => {
    const identity = await importer(parts, request, response);
    const { name, headers } = await withModel(parts, identity, (model) => {
      const object = findObject(model, String(request.query['object'] ?? ''));
      return { name: object.namePlural, headers: templateHeaders(model, object) };
    });
    sendFile(response, `${name}.csv`, 'text/csv; charset=utf-8');
    // Excel takes it for UTF-8 by this mark.
    response.end(`\ufeff${csvLine(headers)}`);
  });

  app.post('/imports', async (request, response) => {
    const identity = await importer(parts, request, response);
    if (!/^application\/octet-stream\b/.test(request.headers['content-type'] ?? ''))
      throw new RequestError('UNSUPPORTED_MEDIA_TYPE', { hint: 'Send the file as application/octet-stream.' });
    const object = await withModel(parts, identity, (model) =>
      findObject(model, String(request.query['object'] ?? '')),
    );
    const name = String(request.query['name'] ?? '').slice(0, 300) || 'file';
    const { rows } = await pool.query<{ id: string }>('select core.begin_import($1, $2, $3, $4, $5) as id', [
      identity.workspaceId, identity.memberId, identity.impersonatorId ?? null, object.id, name,
    ]); // prettier-ignore
    const { id } = rows[0]!;
    try {
      const { size, encoding } = await store(parts, id, request);
      const format = await sniffFile(uploadedFile(pool, { id, name, size, kind: 'FILE' }), { encoding });
      await pool.query('select core.end_upload($1, $2)', [id, JSON.stringify(format)]);
    } catch (error) {
      await pool.query('select core.discard_import($1)', [id]);
      throw error;
    }
    response.status(201).json({ id });
  });

  app.get('/imports/:id', async (request, response) => {
    const identity = await importer(parts, request, response);
    response.setHeader('cache-control', 'no-store');
    response.json(await ownImport(parts, identity, request.params.id));
  });

  app.delete('/imports/:id', async (request, response) => {
    const identity = await importer(parts, request, response);
    const { id } = await ownImport(parts, identity, request.params.id);
    await pool.query('select core.discard_import($1)', [id]);
    response.status(204).end();
  });

  app.post('/imports/:id/read', async (request, response) => {
    const identity = await importer(parts, request, response);
    const known = await ownImport(parts, identity, request.params.id);
    const { format: wanted, preset } = partsOf(await readJson(request), ['format', 'preset']);
    if (preset !== undefined && preset !== null && !PRESETS.some(({ id }) => id === preset))
      throw new RequestError('INVALID_REQUEST', { message: 'There is no such preset.', field: 'preset' });
    const file = fileOf(parts, known);
    const format = await sniffFile(file, withEncoding(known.format, wantedFormat(wanted)));
    const [header, ...records] = await firstRecords(file, format, PREVIEWED + 1);
    const headers = header?.cells ?? [];
    const rows = records.map(({ cells }) => cells);
    const answer = await withModel(parts, identity, async (model) => {
      const object = objectOf(model, known.objectId);
      const remembered = await recall(parts, identity.workspaceId, object.id, headers);
      const guess = guessMapping(model, object, headers, { rows, remembered, preset: preset as string | null | undefined });
      return {
        mapping: describeMapping(guess.mapping, rows),
        targets: describeTargets(model, object),
        remembered: guess.remembered,
        preset: guess.preset,
      };
    });
    response.json({
      ...answer,
      format,
      sheets: format.kind === 'xlsx' ? await sheetNames(file) : [],
      presets: PRESETS.map(({ id, label }) => ({ id, label })),
      rows: records,
    });
  }); // prettier-ignore

  app.post('/imports/:id/preview', async (request, response) => {
    const identity = await importer(parts, request, response);
    const known = await ownImport(parts, identity, request.params.id);
    const { format, settings } = await settled(parts, known, request);
    const [header, ...records] = await firstRecords(fileOf(parts, known), format, PREVIEWED + 1);
    const { map, dateOrder, meanings } = optionsOf(settings);
    const rows = await withModel(parts, identity, (model) => {
      const mapping = mapHeaders(model, objectOf(model, known.objectId), header?.cells ?? [], map ?? new Map());
      return previewRows(records, mapping, { dateOrder, meanings });
    });
    response.json({ rows });
  });

  app.post('/imports/:id/values', async (request, response) => {
    const identity = await importer(parts, request, response);
    const known = await ownImport(parts, identity, request.params.id);
    const { format: wanted, header } = partsOf(await readJson(request), ['format', 'header']);
    const format = { ...known.format, ...wantedFormat(wanted) };
    response.json({ values: await distinctValues(fileOf(parts, known), format, String(header)) });
  });

  app.post('/imports/:id/start', async (request, response) => {
    const identity = await importer(parts, request, response);
    const known = await ownImport(parts, identity, request.params.id);
    const body = await readJson(request);
    const { isDryRun } = partsOf(body, ['format', 'settings', 'isDryRun']);
    const { format, settings, headers } = await settled(parts, known, request, body);
    // What cannot be done at all is said at once, not by the worker.
    await withModel(parts, identity, (model) =>
      mapHeaders(model, objectOf(model, known.objectId), headers, optionsOf(settings).map ?? new Map()),
    );
    await pool.query('select core.start_import($1, $2, $3, $4, $5)', [
      known.id, isDryRun === true, JSON.stringify(format), JSON.stringify(settings), headersKey(headers),
    ]); // prettier-ignore
    response.status(202).json({ id: known.id });
  });

  app.post('/imports/:id/cancel', async (request, response) => {
    const identity = await importer(parts, request, response);
    const { id } = await ownImport(parts, identity, request.params.id);
    await pool.query('select core.cancel_import($1)', [id]);
    response.status(202).json({ id });
  });

  app.get('/imports/:id/problems', async (request, response) => {
    const identity = await importer(parts, request, response);
    const { id } = await ownImport(parts, identity, request.params.id);
    const { kind, after } = request.query;
    const { rows } = await pool.query('select core.import_problems($1, $2, $3, 100) as list', [
      id, typeof kind === 'string' ? kind : null, Number(after ?? 0) || 0,
    ]); // prettier-ignore
    response.setHeader('cache-control', 'no-store');
    response.json({ problems: rows[0].list });
  });

  app.post('/imports/:id/fixes', async (request, response) => {
    const identity = await importer(parts, request, response);
    const { id } = await ownImport(parts, identity, request.params.id);
    const { fixes } = partsOf(await readJson(request), ['fixes']);
    if (!Array.isArray(fixes) || !fixes.every(isFix))
      throw new RequestError('INVALID_REQUEST', { message: 'A fix has a line, a cell and a value.', field: 'fixes' });
    await pool.query('select core.fix_import($1, $2)', [id, JSON.stringify(fixes)]);
    response.json({ id });
  });

  app.get('/imports/:id/rejects.csv', async (request, response) => {
    const identity = await importer(parts, request, response);
    const { id, fileName, hasRejectsFile } = await ownImport(parts, identity, request.params.id);
    if (!hasRejectsFile) throw new RequestError('NOT_FOUND', { message: 'No row was rejected, or the file is not kept any more.' });
    sendFile(response, `${fileName.replace(/\.\w{2,4}$/, '')}.rejects.csv`, 'text/csv; charset=utf-8');
    uploadedFile(pool, { id, name: fileName, size: 0, kind: 'REJECTS' }).open().pipe(response);
  }); // prettier-ignore

  // Without the limit of time of a request of the API: taking back a million records takes minutes.
  const turn = async (request: Request, response: Response, isUndo: boolean) => {
    const identity = await importer(parts, request, response);
    const { revertedAt, lastRequest } = await ownImport(parts, identity, request.params.id);
    const { onConflict = 'REFUSE' } = partsOf(await readJson(request), ['onConflict']);
    if (isUndo === (revertedAt !== null))
      throw new RequestError('INVALID_REQUEST', { message: isUndo ? 'The import was undone already.' : 'The import is not undone.' });
    const result = await withIdentity(pool, { ...identity, source: 'MANUAL', requestId: randomUUID() }, async (client) => {
      await client.query('set local statement_timeout = 0');
      const { rows } = await client.query('select revert(request_id => $1, on_conflict => $2) as result', [lastRequest, onConflict]);
      return rows[0].result;
    });
    response.json(result);
  }; // prettier-ignore
  app.post('/imports/:id/undo', (request, response) => turn(request, response, true));
  app.post('/imports/:id/redo', (request, response) => turn(request, response, false));
}

const isFix = (fix: unknown): boolean => {
  const { line, cell, value } = (fix ?? {}) as Record<string, unknown>;
  return Number.isSafeInteger(line) && Number.isSafeInteger(cell) && (cell as number) >= 0 && typeof value === 'string';
};

const uuidOrNull = (value: unknown): string | null =>
  typeof value === 'string' && /^[\da-f-]{36}$/i.test(value) ? value : null;

/** Another encoding is as it is wanted; without one, as was found out of the whole file. */
const withEncoding = (known: FileFormat, wanted: Partial<FileFormat>): Partial<FileFormat> => ({
  encoding: known.encoding,
  ...wanted,
});

async function keepsWorkspace({ pool }: ImportParts, identity: Parameters<typeof withIdentity>[1]): Promise<boolean> {
  const { rows } = await withIdentity(pool, identity, (client) =>
    client.query<{ may: boolean }>(`select metadata.my_permissions() -> 'flags' ? 'WORKSPACE' as may`),
  );
  return rows[0]!.may;
}

async function store({ pool }: ImportParts, id: string, request: Request): Promise<{ size: number; encoding: string }> {
  const writer = new PartWriter(pool, id, 'FILE');
  const detector = new EncodingDetector();
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    detector.add(chunk);
    await writer.write(chunk);
  }
  await writer.flush();
  if (size === 0) throw new RecordsError('CSV_EMPTY', 'The file is empty.', 'Choose another.');
  return { size, encoding: detector.end() };
}

async function firstRecords(file: FileSource, format: FileFormat, count: number): Promise<FileRecord[]> {
  const records: FileRecord[] = [];
  for await (const record of readFile(file, format)) if (records.push(record) >= count) break;
  return records;
}

async function recall(
  { pool }: ImportParts,
  workspaceId: string,
  objectId: string,
  headers: readonly string[],
): Promise<ImportSettings | null> {
  const { rows } = await pool.query<{ settings: unknown }>('select core.recall_mapping($1, $2, $3) as settings', [
    workspaceId,
    objectId,
    headersKey(headers),
  ]);
  const { settings } = rows[0]!;
  return settings === null ? null : readSettings(settings);
}

/** How the file is read and what is to be done with it, as a request says; and the headers that there are then. */
async function settled(
  parts: ImportParts,
  known: Parameters<typeof fileOf>[1],
  request: Request,
  body?: unknown,
): Promise<{ format: FileFormat; settings: ImportSettings; headers: string[] }> {
  const { format: wanted, settings: given } = partsOf(body ?? (await readJson(request)), [
    'format',
    'settings',
    'isDryRun',
  ]);
  const file = fileOf(parts, known);
  const format = await sniffFile(file, withEncoding(known.format, wantedFormat(wanted)));
  const [header] = await firstRecords(file, format, 1);
  return { format, settings: readSettings(given), headers: header?.cells ?? [] };
}

/** The values of a column and how often they are there, the most frequent first. */
async function distinctValues(file: FileSource, format: FileFormat, header: string) {
  const counts = new Map<string, number>();
  let index = -1;
  for await (const { cells } of readFile(file, format)) {
    if (index < 0) {
      index = cells.indexOf(header);
      if (index < 0)
        throw new RequestError('INVALID_REQUEST', { message: `The file has no column "${header}".`, field: 'header' });
      continue;
    }
    const value = (cells[index] ?? '').trim();
    if (value === '') continue;
    const count = counts.get(value);
    if (count !== undefined) counts.set(value, count + 1);
    else if (counts.size < MAX_DISTINCT) counts.set(value, 1);
  }
  return [...counts].map(([value, count]) => ({ value, count })).sort((a, b) => b.count - a.count);
}
