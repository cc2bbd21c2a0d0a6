import pg from 'pg';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { importRecords } from '../../db/records/import/importRecords.ts';
import type { Bench } from './bench.ts';
import { alternate, time } from './rounds.ts';

const ROWS = 100_000;
/** On a busy machine one round has to do: a bench may take four minutes. */
const BUSY_MS = 20_000;

const FIRST_NAMES = ['Maya', 'Jürgen', 'Aiko', 'Ethan', 'Priya', 'Álvaro', 'Grace', 'Björn', 'Zoë'];
const LAST_NAMES = ['Smith', 'Müller', 'Tanaka', 'García', 'Patel', 'Andersson', "O'Neil"];

/**
 * The reference copies rows that are complete: ids, actor and times included, so that it pays for no
 * default. The import reads CSV as people have it and finds the company of each row by its name.
 */
export const importCopy: Bench = {
  name: 'import.copy',
  compares: `an import of ${ROWS} people, with validation, relations, triggers and events, against plain COPY of the same rows into an identical table with the same indexes and no triggers`,
  async run(lab) {
    const { admin, serverUrl, workspaces } = await lab.small();
    const workspace = workspaces[0];
    if (!workspace) throw new Error('The lab has no workspace');
    const { rows: roles } = await admin.query<{ pgRole: string }>(
      `select pg_role as "pgRole" from metadata.roles where workspace_id = $1 and name = 'Admin'`,
      [workspace.id],
    );
    const identity = {
      pgRole: roles[0]?.pgRole ?? '',
      schemaName: workspace.schemaName,
      memberId: null,
      apiKeyId: null,
    };
    const schema = pg.escapeIdentifier(workspace.schemaName);
    const folder = await mkdtemp(join(lab.directory, 'import-'));
    const file = join(folder, 'people.csv');
    const rows = join(folder, 'people.copy');
    const client = new pg.Client({ connectionString: serverUrl });
    const reference = await admin.connect();
    let peakMemory = 0;
    try {
      await client.connect();
      await writeFile(file, people());
      await reference.query(
        `insert into ${schema}.companies (name) select 'Imported company ' || i from generate_series(1, 1000) i`,
      );
      const importPeople = async () => {
        const result = await importRecords({
          client,
          identity,
          object: 'person',
          source: { name: 'people.csv', open: () => createReadStream(file, { highWaterMark: 1 << 18 }) },
          onProgress: () => (peakMemory = Math.max(peakMemory, process.memoryUsage().rss)),
        });
        if (result.created !== ROWS) throw new Error(`The import created ${result.created} of ${ROWS} people`);
      };
      const empty = () =>
        reference.query(
          `truncate ${schema}.people, ${schema}.record_events cascade; delete from engine.outbox; checkpoint`,
        );

      // The rows to copy are those that an import made.
      const rounds = (await time(importPeople)) < BUSY_MS ? 3 : 1;
      const { rows: columns } = await reference.query<{ list: string }>(
        `select string_agg(quote_ident(attname), ', ' order by attnum) as list from pg_attribute
         where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = ''`,
        [`${schema}.people`],
      );
      const list = columns[0]?.list ?? '';
      await pipeline(reference.query(copyTo(`copy ${schema}.people (${list}) to stdout`)), createWriteStream(rows));
      await reference.query(`create table public.copied_people (like ${schema}.people including all)`);
      await empty();

      const {
        ratio,
        subject,
        reference: plain,
        ratios,
      } = await alternate(
        rounds,
        async () => {
          await empty();
          return time(importPeople);
        },
        async () => {
          await reference.query('truncate public.copied_people; checkpoint');
          return time(() =>
            pipeline(
              createReadStream(rows),
              reference.query(copyFrom(`copy public.copied_people (${list}) from stdin`)),
            ),
          );
        },
      );
      return {
        ratio,
        bound: 3,
        detail: {
          rows: ROWS,
          importMs: subject,
          copyMs: plain,
          rowsPerSecond: ROWS / (subject / 1000),
          ratios,
          peakMemoryMb: peakMemory / 1e6,
        },
      };
    } finally {
      await reference.query('drop table if exists public.copied_people').catch(() => {});
      reference.release();
      await client.end();
      await rm(folder, { recursive: true });
    }
  },
};

function people(): string {
  let text = 'First name,Last name,Email,Phone,Job title,City,Company\n';
  for (let i = 0; i < ROWS; i++) {
    const phone = `+1 202 555 ${String(i % 10_000).padStart(4, '0')}`;
    text += `${FIRST_NAMES[i % 9]},${LAST_NAMES[i % 7]}-${i},person${i}@mail${i % 5000}.example,${phone},Engineer ${i % 40},City ${i % 300},imported company ${1 + (i % 1000)}\n`;
  }
  return text;
}
