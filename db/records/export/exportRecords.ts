import { DatabaseError, type Client, type PoolClient } from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { identitySettings, type Identity } from '../../pool.ts';
import { assertMay, findObject, loadModel } from '../model.ts';
import { RecordsError } from '../recordsError.ts';
import { identifier } from '../sql.ts';
import { exportColumns, jsonSelectList, readableColumns } from './columns.ts';

export type ExportFormat = 'csv' | 'ndjson';

export interface ExportOptions {
  client: Client | PoolClient;
  identity: Omit<Identity, 'source'>;
  object: string;
  format: ExportFormat;
  out: Writable;
}

/**
 * Streams every record that the caller may read, with the fields that the caller may read, in one snapshot.
 * PostgreSQL writes the text, and waits while `out` is full, so that memory stays flat. After an error of `out` the
 * connection is to be ended.
 */
export async function exportRecords({ client, identity, object: name, format, out }: ExportOptions): Promise<void> {
  await client.query('begin transaction isolation level repeatable read read only');
  try {
    for (const [setting, value] of Object.entries(identitySettings({ ...identity, source: 'API' })))
      await client.query('select set_config($1, $2, true)', [setting, value]);
    await client.query(`set local timezone = 'UTC'`);
    await assertMay(client, 'EXPORT_CSV', 'Your role may not export records.');
    const model = await loadModel(client);
    const object = findObject(model, name);
    const isReadable = await readableColumns(client, identity.schemaName);
    const { columns, joins } = exportColumns(model, object, identity.schemaName, isReadable);
    if (columns.length === 0) throw notAllowed(name);
    const from = `from ${identifier(identity.schemaName)}.${identifier(object.tableName)} r ${joins.join(' ')} order by r.id`;
    const statement =
      format === 'csv'
        ? `copy (select ${columns.map(({ path, csv }) => `${csv} as ${identifier(path)}`).join(', ')} ${from}) to stdout (format csv, header)`
        : // JSON holds no control characters, so with these two for signs COPY has nothing to escape.
          `copy (select row_to_json(x) from (select ${jsonSelectList(columns)} ${from}) x) to stdout (format csv, delimiter e'\\x02', quote e'\\x01')`;
    await pipeline(client.query(copyTo(statement)), out, { end: false });
    await client.query('commit');
  } catch (error) {
    // When the reader left (EPIPE), PostgreSQL is still sending: a rollback would wait for ever, and only
    // ending the connection, which its owner does, stops it.
    if (error instanceof DatabaseError || error instanceof RecordsError) await client.query('rollback');
    throw (error as { code?: string }).code === '42501' ? notAllowed(name) : error;
  }
}

function notAllowed(name: string): RecordsError {
  return new RecordsError(
    'NOT_ALLOWED',
    `Your role may not read "${name}".`,
    'Ask an administrator for the right to read these records.',
  );
}
