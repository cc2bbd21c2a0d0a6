import { beforeAll, expect, test } from '@jest/globals';
import type { PoolClient } from 'pg';
import { useDatabase } from '../testing/database.ts';
import {
  addField,
  addObject,
  createWorkspace,
  failure,
  objectNamed,
  reconcile,
  statements,
  type Workspace,
} from '../testing/workspace.ts';

const db = useDatabase();
let ws: Workspace;
let person: string;
beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  person = await objectNamed(db.admin, ws, 'person');
});

async function aliases(client: PoolClient): Promise<string[]> {
  const { rows } = await client.query<{ alias: string }>(
    `select a.kind || ' ' || a.name as alias from metadata.aliases a where a.workspace_id = $1 order by 1`,
    [ws.id],
  );
  return rows.map(({ alias }) => alias);
}

const rename = (client: PoolClient, singular: string, plural: string) =>
  client.query('update metadata.objects set name_singular = $2, name_plural = $3 where id = $1', [
    person,
    singular,
    plural,
  ]);

test('names that are given up stay as aliases, and are none again when they are taken up', () =>
  db.inTransaction(async (client) => {
    await rename(client, 'contact', 'contacts');
    await client.query(`update metadata.fields set name = 'occupation' where object_id = $1 and name = 'jobTitle'`, [
      person,
    ]);
    expect(await aliases(client)).toEqual(['FIELD jobTitle', 'PLURAL people', 'SINGULAR person']);
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    const { rows } = await client.query('select engine.model_of($1) as model', [ws.id]);
    const object = rows[0].model.objects.find(({ id }: { id: string }) => id === person);
    expect(object.aliases).toMatchObject([
      { kind: 'PLURAL', name: 'people' },
      { kind: 'SINGULAR', name: 'person' },
    ]);
    expect(object.fields.find(({ name }: { name: string }) => name === 'occupation').aliases).toMatchObject([
      { kind: 'FIELD', name: 'jobTitle' },
    ]);
    await rename(client, 'person', 'people');
    await client.query(`update metadata.fields set name = 'jobTitle' where object_id = $1 and name = 'occupation'`, [
      person,
    ]);
    expect(await aliases(client)).toEqual(['FIELD occupation', 'PLURAL contacts', 'SINGULAR contact']);
  }));

test("somebody else's former name is refused, with the way to release it", () =>
  db.inTransaction(async (client) => {
    await rename(client, 'contact', 'contacts');
    await client.query(`update metadata.fields set name = 'occupation' where object_id = $1 and name = 'jobTitle'`, [
      person,
    ]);
    const labels = { label_singular: 'Human', label_plural: 'Humans' };
    expect(await failure(client, () => addObject(client, ws, { ...labels, name_plural: 'people' }))).toMatchObject({
      code: 'RV015',
      column: 'name_plural',
      message: '"people" is a former API name of "People", which programs may still use.',
      hint: expect.stringContaining('release'),
    });
    const field = { label: 'Title', type: 'TEXT', name: 'jobTitle' };
    expect(await failure(client, () => addField(client, person, field))).toMatchObject({
      code: 'RV015',
      column: 'name',
    });
    // Of another object it is nobody's name.
    await addField(client, await objectNamed(client, ws, 'company'), field);
    await client.query('delete from metadata.aliases where workspace_id = $1', [ws.id]);
    await addObject(client, ws, { ...labels, name_plural: 'people' });
    await addField(client, person, field);
    expect(await aliases(client)).toEqual([]);
  }));

test('what is new and what is deleted keeps no names', () =>
  db.inTransaction(async (client) => {
    const object = await addObject(client, ws, { label_singular: 'Thing', label_plural: 'Things' });
    await client.query(`update metadata.objects set name_singular = 'item', name_plural = 'items' where id = $1`, [
      object,
    ]);
    expect(await aliases(client)).toEqual([]);
    await client.query(`update metadata.objects set created_at = now() - interval '1 day' where id = $1`, [object]);
    await client.query(`update metadata.objects set name_singular = 'piece', name_plural = 'pieces' where id = $1`, [
      object,
    ]);
    expect(await aliases(client)).toEqual(['PLURAL items', 'SINGULAR item']);
    await client.query('delete from metadata.objects where id = $1', [object]);
    await addObject(client, ws, { label_singular: 'Item', label_plural: 'Items' });
    expect(await aliases(client)).toEqual([]);
  }));
