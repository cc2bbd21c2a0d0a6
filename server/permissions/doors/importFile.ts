import { PassThrough, Readable } from 'node:stream';
import { csvLine } from '../../../db/records/files/line.ts';
import { importRecords } from '../../../db/records/import/importRecords.ts';
import type { ImportOptions, ImportResult } from '../../../db/records/import/importRecords.ts';
import { RecordsError } from '../../../db/records/recordsError.ts';
import { objectPlan, OBJECTS } from '../objects.ts';
import type { Field, ObjectPlan } from '../objects.ts';
import type { Door, Setting } from '../setting.ts';
import { recordsOf } from '../data.ts';
import type { Caller, DataRecord } from '../data.ts';

/** Imports from files, which are taken back: what they find, change and make, and what they say of what they refuse. */
export const importFile: Door = {
  name: 'import',
  ask: async (setting) => {
    for (const caller of setting.world.callers) {
      for (const object of OBJECTS) await match(setting, caller, object);
      await takenValues(setting, caller);
      await relatedNames(setting, caller);
    }
  },
};

const asText = (value: unknown): string => (value === null || value === undefined ? '' : String(value));

/** A file that names every record there is: those that the caller sees are changed, as far as they may be, and the others made anew. */
async function match(setting: Setting, caller: Caller, object: ObjectPlan): Promise<void> {
  const { model, world, checks } = setting;
  const named = object.fields.find(({ name }) => name === 'name')!;
  const other = object.fields.find(({ type }) => ['SELECT', 'TEXT'].includes(type) && type !== named.type) ?? named;
  const records = recordsOf(world, object.name);
  const changed = (record: DataRecord): string => {
    if (other === named) return asText(record.cells['name']);
    const now = record.cells[other.columns[0]!];
    return other.options!.find((option) => option !== now)!;
  };
  const rows = records.map((record) => [asText(record.cells['name']), changed(record)]);
  const result = await imported(setting, caller, object, {
    headers: other === named ? ['Name'] : ['Name', other.label],
    rows: other === named ? rows.map(([name]) => [name!]) : rows,
    match: 'name',
  });
  const what = `${caller.name} imports ${object.plural} by name`;
  const fields: Field[] = [...new Set([named, other])];
  const may = (action: 'CREATE' | 'UPDATE') =>
    fields.every((field) => model.writableFields(caller, action, object).includes(field));
  const isAllowed =
    model.hasFlag(caller, 'IMPORT_CSV') &&
    fields.every(({ name }) => model.reads(caller, object, name)) &&
    may('CREATE') &&
    may('UPDATE');
  checks.same(isAllowed, result !== null, () => what);
  if (!result) return;
  const seen = model.records(caller, 'READ', object.name);
  const reached = other === named ? [] : model.records(caller, 'UPDATE', object.name);
  const kept = reached.filter((record) =>
    model.mayBecome(caller, { ...record, cells: { ...record.cells, [other.columns[0]!]: changed(record) } }),
  );
  checks.same(kept.length, result.updated, () => `${what}, changed`);
  checks.same(reached.length - kept.length, result.rejected, () => `${what}, refused`);
  checks.same(records.length - seen.length, result.created, () => `${what}, made`);
}

/** A value that another record has is refused in the same words, whether the caller sees that record or not. */
async function takenValues(setting: Setting, caller: Caller): Promise<void> {
  const { model, world, checks } = setting;
  const client = objectPlan('client');
  const all = recordsOf(world, 'client');
  const seen = all.filter((record) => model.sees(caller, record)).slice(0, 2);
  const hidden = all.filter((record) => !model.sees(caller, record)).slice(0, 2);
  const taken = [...seen, ...hidden].map(({ cells }) => asText(cells['phrase']));
  const result = await imported(setting, caller, client, {
    headers: ['Phrase'],
    rows: [...taken, 'a phrase of nobody'].map((phrase) => [phrase]),
  });
  const what = `${caller.name} imports phrases that are taken`;
  const isAllowed =
    model.hasFlag(caller, 'IMPORT_CSV') &&
    model.writableFields(caller, 'CREATE', client).some(({ name }) => name === 'phrase');
  checks.same(isAllowed, result !== null, () => what);
  if (!result) return;
  checks.same(1, result.created, () => `${what}, made`);
  checks.same(taken.length, result.rejected, () => `${what}, refused`);
  const words = new Set(result.rejects.map(({ reason }) => reason));
  checks.same(1, words.size, () => `${what}: ${[...words].join(' | ')}`);
  for (const { line, reason } of result.rejects)
    checks.same(false, mentions(reason, hidden), () => `${what}, line ${line}: "${reason}"`);
}

/** A related record that the caller does not see is named as one that there is not. */
async function relatedNames(setting: Setting, caller: Caller): Promise<void> {
  const { model, world, checks } = setting;
  const job = objectPlan('job');
  const all = recordsOf(world, 'client');
  const seen = all.filter((record) => model.sees(caller, record)).slice(0, 2);
  const hidden = all.filter((record) => !model.sees(caller, record)).slice(0, 2);
  const nobody = 'haven cl9999';
  const names = [...seen, ...hidden].map(({ cells }) => asText(cells['name']));
  const result = await imported(setting, caller, job, {
    headers: ['Name', 'Client'],
    rows: [...names, nobody].map((name) => ['by import', name]),
    map: new Map([['Client', 'client.name']]),
  });
  const what = `${caller.name} imports jobs of clients`;
  const writable = model.writableFields(caller, 'CREATE', job).map(({ name }) => name);
  const isAllowed =
    model.hasFlag(caller, 'IMPORT_CSV') &&
    ['name', 'client'].every((name) => writable.includes(name)) &&
    model.reads(caller, objectPlan('client'), 'name');
  checks.same(isAllowed, result !== null, () => what);
  if (!result) return;
  checks.same(seen.length, result.created, () => `${what}, made`);
  const words = result.rejects.map(({ line, reason }) => reason.replace([...names, nobody][line - 2]!, '…'));
  checks.same(hidden.length + 1, words.length, () => `${what}, refused`);
  checks.same(1, new Set(words).size, () => `${what}: ${words.join(' | ')}`);
}

/** Whether a text has a value of a record in it. */
const mentions = (text: string, records: readonly DataRecord[]): boolean =>
  records.some(({ cells }) => text.includes(asText(cells['name'])));

type Asked = Pick<ImportOptions, 'match' | 'map'> & { headers: string[]; rows: string[][] };

/** What an import comes to, with its refusals, or null where it is refused as a whole. Nothing stays. */
async function imported(
  { server, identityOf }: Setting,
  caller: Caller,
  { name: object }: ObjectPlan,
  { headers, rows, ...more }: Asked,
): Promise<ImportResult | null> {
  const client = await server.connect();
  const text = [headers, ...rows].map((cells) => csvLine(cells)).join('');
  try {
    return await importRecords({
      client,
      identity: identityOf(caller),
      object,
      source: { name: 'matrix.csv', open: () => Readable.from([Buffer.from(text)]) },
      dryRun: true,
      openRejects: () => new PassThrough().resume(),
      ...more,
    });
  } catch (error) {
    if (error instanceof RecordsError) return null;
    throw error;
  } finally {
    client.release();
  }
}
