import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { exportRecords } from '../../../db/records/export/exportRecords.ts';
import { readFile, sniffFile } from '../../../db/records/files/read.ts';
import { RecordsError } from '../../../db/records/recordsError.ts';
import { objectPlan, OBJECTS } from '../objects.ts';
import type { Cell, ObjectPlan } from '../objects.ts';
import { visibleCells } from '../model.ts';
import type { Door, Setting } from '../setting.ts';
import { recordsOf } from '../data.ts';
import type { Caller, DataRecord } from '../data.ts';

/** Exports to files, with the names of related records. */
export const exportFile: Door = {
  name: 'export',
  ask: async (setting) => {
    const { model, world, checks } = setting;
    for (const caller of world.callers)
      for (const object of OBJECTS) {
        const { name, plural } = object;
        const what = `${caller.name} exports ${plural}`;
        const rows = await exported(setting, caller, object);
        const mayExport = model.may(caller, 'READ', name) && model.hasFlag(caller, 'EXPORT_CSV');
        checks.same(mayExport, rows !== null, () => what);
        const expected = mayExport ? model.records(caller, 'READ', name) : [];
        checks.members(
          recordsOf(world, name).map(({ id }) => id),
          new Set(expected.map(({ id }) => id)),
          new Set(rows?.keys() ?? []),
          (id) => `${what} ${id}`,
        );
        await compareDownload(setting, caller, object, mayExport, new Set(expected.map(({ id }) => id)));
        for (const record of expected) {
          const row = rows?.get(record.id) ?? {};
          checks.cells(visibleCells(model, caller, record), flat(object, row), () => `${what} ${record.id}`);
          for (const field of object.fields) {
            const target = field.kind === 'record' && world.byId.get(record.cells[field.columns[0]!] as string);
            if (target) compareLabel(setting, caller, record, field.name, target, row);
          }
          for (const field of model.hiddenFields(caller, object))
            checks.same(false, field.name in row, () => `${what} ${record.id}, ${field.name}`);
        }
      }
  },
};

/** The same over HTTP: a workbook of what a list shows, whose columns are those that the caller may read. */
async function compareDownload(
  { model, world, checks, url, tokenOf }: Setting,
  caller: Caller,
  object: ObjectPlan,
  mayExport: boolean,
  expected: ReadonlySet<string>,
): Promise<void> {
  const what = `${caller.name} downloads ${object.plural}`;
  const response = await fetch(`${url}/exports`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${tokenOf(caller)}` },
    body: JSON.stringify({ object: object.name, format: 'xlsx', orderBy: ['ID_ASC'] }),
  });
  const content = Buffer.from(await response.arrayBuffer());
  checks.same(mayExport, response.ok, () => what);
  if (!mayExport || !response.ok) return;
  const rows: string[][] = [];
  const source = {
    name: 'export.xlsx',
    size: content.length,
    open: (from = 0, to = content.length - 1) => Readable.from([content.subarray(from, to + 1)], { objectMode: false }),
  };
  for await (const { cells } of readFile(source, await sniffFile(source, {}))) rows.push(cells);
  const [headers = [], ...records] = rows;
  const id = headers.findIndex((header) => /^id$/i.test(header));
  checks.members(
    recordsOf(world, object.name).map((record) => record.id),
    expected,
    new Set(records.map((cells) => cells[id]!)),
    (record) => `${what} ${record}`,
  );
  for (const { label, name } of model.hiddenFields(caller, object)) {
    checks.same(
      false,
      headers.some((header) => header === label || header.startsWith(`${label} `)),
      () => `${what}, ${name}`,
    );
  }
}

function compareLabel(
  { model, checks }: Setting,
  caller: Caller,
  record: DataRecord,
  field: string,
  target: DataRecord,
  row: Record<string, unknown>,
): void {
  if (!model.reads(caller, objectPlan(record.object), field)) return;
  const isKnown = model.sees(caller, target) && model.reads(caller, objectPlan(target.object), 'name');
  const label = (row[field] as { label?: string | null } | undefined)?.label ?? null;
  const what = () => `${caller.name} exports ${record.object} ${record.id}, what ${field} is called`;
  checks.same(isKnown ? target.cells['name'] : null, label, what);
}

/** The records of an export by their id, or null where it is refused. */
async function exported(
  { server, identityOf }: Setting,
  caller: Caller,
  { name: object }: ObjectPlan,
): Promise<Map<string, Record<string, unknown>> | null> {
  const client = await server.connect();
  try {
    const out = new PassThrough();
    const content = text(out);
    await exportRecords({ client, identity: identityOf(caller), object, format: 'ndjson', out });
    out.end();
    const lines = (await content).split('\n').filter((line) => line !== '');
    return new Map(lines.map((line) => JSON.parse(line) as { id: string }).map((row) => [row.id, row]));
  } catch (error) {
    if (error instanceof RecordsError && error.code === 'NOT_ALLOWED') return null;
    throw error;
  } finally {
    client.release();
  }
}

/** An exported record by columns again. */
function flat({ fields }: ObjectPlan, row: Record<string, unknown>): Record<string, Cell> {
  const cells: Record<string, unknown> = {};
  for (const { name, columns, target } of fields)
    if (columns.length === 1) cells[columns[0]!] = target ? (row[name] as { id: string } | undefined)?.id : row[name];
  const parts = (field: string, column: string) => {
    for (const [part, value] of Object.entries((row[field] ?? {}) as Record<string, unknown>))
      cells[`${column}_${part.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`] = value;
  };
  parts('worth', 'worth');
  parts('createdBy', 'created_by');
  return { ...cells, id: row['id'] } as Record<string, Cell>;
}
