import { readdirSync, rmSync } from 'node:fs';
import { DiskStore } from '../db/files/diskStore.ts';
import { makeTemporaryDir } from '../db/testing/temporary.ts';
import { useDatabase } from '../db/testing/database.ts';
import { createWorkspace } from '../db/testing/workspace.ts';
import { filesPurge } from './tasks/files__purge.ts';

const db = useDatabase();
const directory = makeTemporaryDir();
afterAll(() => rmSync(directory, { recursive: true, force: true }));

test('what no record holds is erased by the nightly job, and again when the store was out of reach; what one holds is not', async () => {
  const ws = await createWorkspace(db.admin);
  const store = new DiskStore(directory);
  const add = async (name: string) => {
    const { rows } = await db.admin.query<{ id: string }>(
      `insert into ${ws.schema}.record_files (name, created_by_type, created_at, stored_at) values ($1, 'member', now() - interval '2 days', now()) returning id`,
      [name],
    );
    const key = { workspaceId: ws.id, fileId: rows[0]!.id };
    await store.write(
      key,
      (async function* () {
        yield Buffer.from(name);
      })(),
    );
    return key;
  };
  const [kept, gone] = [await add('kept'), await add('gone')];
  await db.admin.query(`insert into ${ws.schema}.companies (name) values ('Acme')`);
  await db.admin.query(
    `insert into ${ws.schema}.attachments (name, file) values ('kept', jsonb_build_array(jsonb_build_object('id', $1::text)))`,
    [kept.fileId],
  );
  const run = (erase?: () => Promise<void>) => {
    const out = new DiskStore(directory);
    if (erase) out.erase = erase;
    return filesPurge(db.worker, out)({}, { job: { task_identifier: 'files__purge' } } as never);
  };
  await expect(run(() => Promise.reject(new Error('out of reach')))).rejects.toThrow('out of reach');
  const stored = () => readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((name) => name.slice(-36));
  expect(stored()).toEqual(expect.arrayContaining([kept.fileId, gone.fileId]));
  await run();
  expect(stored()).toContain(kept.fileId);
  expect(stored()).not.toContain(gone.fileId);
  expect((await db.admin.query('select from core.unwanted_files')).rowCount).toBe(0);
});
