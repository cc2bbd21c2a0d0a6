import pg from 'pg';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, createWriteStream, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { importRecords } from '../../db/records/import/importRecords.ts';
import { PartWriter } from '../../db/records/import/upload.ts';
import type { Bench } from './bench.ts';
import { peakMemory, residentMemory } from './memory.ts';
import { alternate, time } from './rounds.ts';

const ROWS = 100_000;
const BUSY_MS = 25_000;
const WORKER = join(import.meta.dirname, '..', '..', 'worker', 'index.ts');

/** What it costs that a worker imports a file that lies in the database in pieces, tells how far it is, and keeps what it rejects. */
export const importJob: Bench = {
  name: 'import.job',
  compares: `importing ${ROWS} companies, one row in a hundred of which is rejected, by a worker from an uploaded file, against the same import of the file from the disk; and what resident memory of the worker grows by`,
  async run(lab) {
    const { admin, serverUrl, workerUrl, workspaces } = await lab.small();
    const workspace = workspaces[0];
    if (!workspace) throw new Error('The lab has no workspace');
    const { rows } = await admin.query<{ pgRole: string; memberId: string; objectId: string }>(
      `select r.pg_role as "pgRole", m.id as "memberId", o.id as "objectId"
       from core.members m join metadata.roles r on r.id = m.role_id
       join metadata.objects o on o.workspace_id = m.workspace_id and o.name_singular = 'company'
       where m.workspace_id = $1 limit 1`,
      [workspace.id],
    );
    const { pgRole, memberId, objectId } = rows[0]!;
    const schema = pg.escapeIdentifier(workspace.schemaName);
    const file = join(lab.directory, 'companies.csv');
    const out = createWriteStream(file);
    out.end(companies());
    await once(out, 'finish');
    const client = new pg.Client({ connectionString: serverUrl });
    await client.connect();
    const worker = spawn(process.execPath, [WORKER], {
      env: { ...process.env, RELVAR_WORKER_URL: workerUrl, DATABASE_URL: '' },
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    const empty = () =>
      admin.query(`truncate ${schema}.companies, ${schema}.record_events cascade; delete from engine.outbox; delete from core.imports; checkpoint`); // prettier-ignore

    const upload = async (): Promise<string> => {
      const begun = await admin.query<{ id: string }>('select core.begin_import($1, $2, null, $3, $4) as id', [
        workspace.id,
        memberId,
        objectId,
        'companies.csv',
      ]);
      const { id } = begun.rows[0]!;
      const parts = new PartWriter(admin, id, 'FILE');
      for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) await parts.write(chunk);
      await parts.flush();
      await admin.query('select core.end_upload($1, $2)', [id, FORMAT]);
      return id;
    };
    const byJob = async (id: string): Promise<void> => {
      await admin.query(`select core.start_import($1, false, $2, '{}', 'bench')`, [id, FORMAT]);
      for (;;) {
        const { rows: states } = await admin.query<{ status: string; created: number | null }>(
          `select status, (result ->> 'created')::int as created from core.imports where id = $1`,
          [id],
        );
        const { status, created } = states[0]!;
        if (status === 'DONE' && created !== ROWS - ROWS / 100) throw new Error(`The job created ${created} companies`);
        if (status === 'DONE') return;
        if (!['WAITING', 'RUNNING'].includes(status)) throw new Error(`The import is ${status}`);
        await delay(20);
      }
    };
    const byHand = async (): Promise<void> => {
      const { created } = await importRecords({
        client,
        identity: { pgRole, schemaName: workspace.schemaName, memberId, apiKeyId: null },
        object: 'company',
        source: {
          name: 'companies.csv',
          size: statSync(file).size,
          open: () => createReadStream(file, { highWaterMark: 1 << 18 }),
        },
      });
      if (created !== ROWS - ROWS / 100) throw new Error(`The import created ${created} companies`);
    };
    try {
      await empty();
      const rounds = (await time(byHand)) < BUSY_MS ? 3 : 1;
      const idle = residentMemory(worker.pid!);
      const { ratio, subject, reference, ratios } = await alternate(
        rounds,
        async () => {
          await empty();
          const id = await upload();
          return time(() => byJob(id));
        },
        async () => {
          await empty();
          return time(byHand);
        },
      );
      const grownMb = peakMemory(worker.pid!) - idle;
      return {
        ratio,
        bound: 1.4,
        checks: { 'grows by at most 300 MB': grownMb <= 300 },
        detail: { rows: ROWS, jobMs: subject, directMs: reference, rowsPerSecond: ROWS / (subject / 1000), ratios, idleMb: idle, grownMb },
      };
    } finally {
      worker.kill('SIGTERM');
      await once(worker, 'exit');
      await client.end();
    }
  },
}; // prettier-ignore

const FORMAT = JSON.stringify({ kind: 'csv', delimiter: ',', encoding: 'utf-8', sheet: null, hasHeader: true });

function companies(): string {
  let text = 'Name,Domain,Employees,City\n';
  for (let i = 0; i < ROWS; i++)
    text += `Company ${i},company${i}.example,${i % 100 === 0 ? 'many' : i % 5000},City ${i % 300}\n`;
  return text;
}
