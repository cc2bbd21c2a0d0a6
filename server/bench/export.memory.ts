import pg from 'pg';
import type { Bench } from './bench.ts';
import { peakMemory, residentMemory } from './memory.ts';

const FEW = 10_000;
const MANY = Number(process.env.RELVAR_BENCH_EXPORTED ?? 250_000);
const FORMATS = ['csv', 'xlsx', 'ndjson'] as const;

/** That a server streams: however many records a file has, it holds few of them. */
export const exportMemory: Bench = {
  name: 'export.memory',
  compares: `what resident memory of a server grows by while it exports ${MANY} records (CSV, XLSX, NDJSON, and CSV by a filter), over what it grows by for ${FEW}`,
  async run(lab) {
    const database = await lab.small();
    const { admin, workspaces } = database;
    const workspace = workspaces[0];
    if (!workspace) throw new Error('The lab has no workspace');
    const schema = pg.escapeIdentifier(workspace.schemaName);
    const key = await database.apiKey(workspace.slug);
    await admin.query(`truncate ${schema}.companies, ${schema}.record_events cascade`);
    await admin.query(
      `insert into ${schema}.companies (name, employees, address_city) select 'Company ' || i, i, 'City ' || i % 300 from generate_series(1, $1::int) i`,
      [MANY],
    );
    const server = await database.startServer();
    const download = async (body: object): Promise<{ bytes: number; ms: number }> => {
      const start = performance.now();
      const response = await fetch(`${server.url}/exports`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
        body: JSON.stringify({ object: 'company', ...body }),
      });
      if (!response.ok) throw new Error(`The export was answered with ${response.status}: ${await response.text()}`);
      let bytes = 0;
      for await (const chunk of response.body!) bytes += chunk.length;
      return { bytes, ms: performance.now() - start };
    };
    for (const format of FORMATS) await download({ format, filter: { employees: { lessThanOrEqualTo: String(FEW) } } });
    const warm = Math.max(peakMemory(server.pid), residentMemory(server.pid));
    const detail: Record<string, unknown> = { records: MANY, warmMb: warm };
    for (const format of FORMATS) {
      const { bytes, ms } = await download({ format });
      detail[format] = { megabytes: bytes / 1e6, recordsPerSecond: MANY / (ms / 1000), peakMb: peakMemory(server.pid) };
    }
    const { ms } = await download({ format: 'csv', filter: { employees: { greaterThan: '0' } }, orderBy: ['NAME_ASC'] });
    detail['csvByFilterPerSecond'] = MANY / (ms / 1000);
    const grown = peakMemory(server.pid) - warm;
    await server.stop();
    return { value: grown, unit: 'MB', bound: 300, detail };
  },
}; // prettier-ignore
