import { beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import {
  addField,
  addObject,
  addRelation,
  createWorkspace,
  failure,
  objectNamed,
  reconcile,
  statements,
  type Workspace,
} from '../testing/workspace.ts';

const db = useDatabase();
let ws: Workspace;
beforeAll(async () => {
  ws = await createWorkspace(db.admin);
});

const setType = (client: pg.ClientBase, field: string, type: string, settings: unknown = {}) =>
  client.query('update metadata.fields set type = $2, settings = $3 where id = $1', [
    field,
    type,
    JSON.stringify(settings),
  ]);

async function rows(client: pg.ClientBase, query: string): Promise<unknown[]> {
  return (await client.query({ text: query.replaceAll('$ws', ws.schema), rowMode: 'array' })).rows;
}

const lastChange = async (client: pg.ClientBase, field: string): Promise<string> =>
  (
    await client.query(
      `select id from metadata.type_changes where field_id = $1 and status = 'DONE' order by changed_at desc limit 1`,
      [field],
    )
  ).rows[0].id;

const undo = async (client: pg.ClientBase, field: string) => {
  const { rows: result } = await client.query('select metadata.undo_type_change($1) as done', [
    await lastChange(client, field),
  ]);
  await reconcile(client);
  expect(await statements(client, ws)).toEqual([]);
  return result[0].done as { convertedBack: number; note: string };
};

const settle = async (client: pg.ClientBase) => {
  await reconcile(client);
  expect(await statements(client, ws)).toEqual([]);
};

async function things(client: pg.ClientBase) {
  return addObject(client, ws, { label_singular: 'Thing', label_plural: 'Things' });
}

describe('undo', () => {
  test('gives the values back as they were; what was written since is converted back', () =>
    db.inTransaction(async (client) => {
      const object = await things(client);
      const field = await addField(client, object, { label: 'F', type: 'TEXT' });
      await settle(client);
      await client.query(
        `insert into ${ws.schema}.things (name, f) values ('a', ' 1 234,5 '), ('b', 'two'), ('c', '3'), ('d', null)`,
      );
      await setType(client, field, 'NUMBER', { onFailure: 'EMPTY' });
      await settle(client);
      await client.query(`update ${ws.schema}.things set f = 33 where name = 'c'`);
      await client.query(`update ${ws.schema}.things set f = 2 where name = 'b'`);
      await client.query(`insert into ${ws.schema}.things (name, f) values ('e', 5.5)`);
      const done = await undo(client, field);
      expect(done).toMatchObject({ convertedBack: 3, note: expect.stringContaining('3 records') });
      expect(await rows(client, `select name, f from $ws.things order by name`)).toEqual([
        ['a', ' 1 234,5 '],
        ['b', '2'],
        ['c', '33'],
        ['d', null],
        ['e', '5.5'],
      ]);
      expect(
        (await client.query('select type, settings, revision from metadata.fields where id = $1', [field])).rows,
      ).toEqual([{ type: 'TEXT', settings: {}, revision: 1 }]);
    }));

  test('only of the latest change, and only while the former values are kept: RV074', () =>
    db.inTransaction(async (client) => {
      const object = await things(client);
      const field = await addField(client, object, { label: 'F', type: 'TEXT' });
      await settle(client);
      await setType(client, field, 'NUMERIC');
      await settle(client);
      await client.query(`insert into ${ws.schema}.things (name, f) values ('a', 1)`);
      const first = await lastChange(client, field);
      await setType(client, field, 'NUMBER');
      await settle(client);
      expect(await failure(client, () => client.query('select metadata.undo_type_change($1)', [first]))).toMatchObject({
        code: 'RV074',
      });
      await undo(client, field);
      await client.query(`select engine.purge_deleted('-1 second')`);
      await settle(client);
      expect(
        await rows(
          client,
          `select column_name::text from information_schema.columns where table_schema = '$ws' and table_name = 'things' and column_name like 'former%'`,
        ),
      ).toEqual([]);
      expect(await failure(client, () => client.query('select metadata.undo_type_change($1)', [first]))).toMatchObject({
        code: 'RV074',
        message: expect.stringContaining('not kept'),
      });
    }));

  test('of a change in place', () =>
    db.inTransaction(async (client) => {
      const object = await things(client);
      const options = JSON.stringify([{ value: 'A', label: 'A', color: 'red' }]);
      const field = await addField(client, object, {
        label: 'F',
        type: 'SELECT',
        options: JSON.parse(options),
        default_value: 'A',
      });
      await settle(client);
      await client.query(`insert into ${ws.schema}.things (name) values ('a')`);
      await setType(client, field, 'TEXT');
      await settle(client);
      await client.query(`insert into ${ws.schema}.things (name, f) values ('b', 'other')`);
      expect(await failure(client, () => undo(client, field))).toMatchObject({ code: 'RV071' });
      await client.query(`delete from ${ws.schema}.things where name = 'b'`);
      await undo(client, field);
      expect(
        (await client.query('select type, options, default_value from metadata.fields where id = $1', [field])).rows[0],
      ).toMatchObject({ type: 'SELECT', default_value: 'A' });
    }));
});

describe('what hangs on the field', () => {
  test('required, unique, default, index, search and label follow', () =>
    db.inTransaction(async (client) => {
      const object = await things(client);
      const field = await addField(client, object, {
        label: 'F',
        type: 'TEXT',
        is_required: true,
        is_unique: true,
        default_value: '7',
        settings: { searchable: true },
      });
      const label = (await client.query('select label_field_id as id from metadata.objects where id = $1', [object]))
        .rows[0].id;
      await settle(client);
      await client.query(`insert into ${ws.schema}.things (name, f) values ('Ada Lovelace', '1')`);
      await setType(client, field, 'NUMBER');
      await setType(client, label, 'FULL_NAME');
      await settle(client);
      expect(await failure(client, () => client.query(`insert into ${ws.schema}.things (f) values (1)`))).toMatchObject(
        { code: '23505' },
      );
      expect(
        await failure(client, () => client.query(`insert into ${ws.schema}.things (f) values (null)`)),
      ).toMatchObject({ code: '23502' });
      await client.query(`set local role ${ws.adminRole}`);
      expect(await rows(client, `select label from $ws.search_records('lovelace')`)).toEqual([['Ada Lovelace']]);
      expect((await failure(client, () => client.query(`update ${ws.schema}.things set ${'former'}_x = 1`))).code).toBe(
        '42703',
      );
      await client.query('reset role');
      await undo(client, field);
      await undo(client, label);
      expect(await rows(client, 'select name, f from $ws.things')).toEqual([['Ada Lovelace', '1']]);
    }));

  test('the former columns are nobody’s to write', () =>
    db.inTransaction(async (client) => {
      const object = await things(client);
      const field = await addField(client, object, { label: 'F', type: 'TEXT' });
      await settle(client);
      await setType(client, field, 'DATE');
      await settle(client);
      const [[name]] = (await rows(client, `select name from engine.retired_columns where field_id = '${field}'`)) as [
        [string],
      ];
      await client.query(`set local role ${ws.adminRole}`);
      expect((await failure(client, () => client.query(`update ${ws.schema}.things set ${name} = 'x'`))).code).toBe(
        '42501',
      );
    }));

  test('records in the trash are converted, and restored as what their object is now', () =>
    db.inTransaction(async (client) => {
      const object = await things(client);
      const field = await addField(client, object, { label: 'F', type: 'TEXT' });
      await settle(client);
      const { id } = (await client.query(`insert into ${ws.schema}.things (name, f) values ('a', '12,5') returning id`))
        .rows[0];
      await client.query(`delete from ${ws.schema}.things`);
      await setType(client, field, 'NUMBER');
      await settle(client);
      expect((await client.query(`select ${ws.schema}.restore_record('thing', $1) as done`, [id])).rows).toEqual([
        { done: true },
      ]);
      expect(await rows(client, 'select name, f from $ws.things')).toEqual([['a', 12.5]]);
      await undo(client, field);
      expect(await rows(client, 'select name, f from $ws.things')).toEqual([['a', '12,5']]);
    }));

  test('neither the log nor updatedAt speak of it, while other writes of the transaction are logged', () =>
    db.inTransaction(async (client) => {
      const object = await things(client);
      const field = await addField(client, object, { label: 'F', type: 'TEXT' });
      await settle(client);
      await client.query(`insert into ${ws.schema}.things (name, f) values ('a', '1')`);
      await client.query(`update ${ws.schema}.things set updated_at = '2020-01-01'`);
      const before = await rows(client, 'select updated_at from $ws.things');
      await setType(client, field, 'NUMBER');
      await settle(client);
      expect(await rows(client, 'select updated_at from $ws.things')).toEqual(before);
      expect(
        await rows(
          client,
          `select count(*)::int from $ws.record_events where action = 'updated' and object_id = '${object}'`,
        ),
      ).toEqual([[0]]);
      expect(await rows(client, 'select * from engine.quiet')).toEqual([]);
      await client.query(`set local relvar.quiet = 'on'`);
      await client.query(`update ${ws.schema}.things set f = 2`);
      expect(
        await rows(client, `select after from $ws.record_events where action = 'updated' and object_id = '${object}'`),
      ).toEqual([[{ f: 2 }]]);
    }));

  test('a field that is made and changed in one transaction', () =>
    db.inTransaction(async (client) => {
      const object = await things(client);
      const field = await addField(client, object, { label: 'F', type: 'TEXT' });
      await setType(client, field, 'NUMBER');
      await settle(client);
      expect(await rows(client, `select pg_typeof(f)::text from (select null) x left join $ws.things on true`)).toEqual(
        [['double precision']],
      );
    }));

  test('renamed and changed in one transaction', () =>
    db.inTransaction(async (client) => {
      const object = await things(client);
      const field = await addField(client, object, { label: 'F', type: 'TEXT' });
      await settle(client);
      await client.query(`insert into ${ws.schema}.things (name, f) values ('a', '2024-02-29')`);
      await client.query(`update metadata.fields set name = 'renamed' where id = $1`, [field]);
      await client.query(`update metadata.objects set name_plural = 'matters' where id = $1`, [object]);
      await setType(client, field, 'DATE');
      await settle(client);
      expect(await rows(client, 'select renamed::text from $ws.matters')).toEqual([['2024-02-29']]);
    }));

  test('changed twice in one transaction: RV072', () =>
    db.inTransaction(async (client) => {
      const object = await things(client);
      const field = await addField(client, object, { label: 'F', type: 'TEXT' });
      await settle(client);
      await setType(client, field, 'NUMBER');
      expect(await failure(client, () => setType(client, field, 'TEXT'))).toMatchObject({ code: 'RV072' });
    }));

  test('a required field whose values do not fit is refused even if they may be emptied', () =>
    db.inTransaction(async (client) => {
      const object = await things(client);
      const field = await addField(client, object, { label: 'F', type: 'TEXT', is_required: true });
      await settle(client);
      await client.query(`insert into ${ws.schema}.things (name, f) values ('a', 'x')`);
      expect(await failure(client, () => setType(client, field, 'NUMBER', { onFailure: 'EMPTY' }))).toMatchObject({
        code: 'RV071',
      });
    }));
});

describe('relations', () => {
  test('to one object becomes to several and back, the links stay', () =>
    db.inTransaction(async (client) => {
      const object = await things(client);
      const company = await objectNamed(client, ws, 'company');
      const { field } = await addRelation(client, object, 'Owner', company, { label: 'Owned things' });
      await settle(client);
      await client.query(`insert into ${ws.schema}.companies (name) values ('Acme')`);
      await client.query(`insert into ${ws.schema}.things (name, owner_id) select 'a', id from ${ws.schema}.companies`);
      await setType(client, field, 'MORPH_RELATION');
      await settle(client);
      expect(
        await rows(client, 'select c.name from $ws.things t join $ws.companies c on c.id = t.owner_company_id'),
      ).toEqual([['Acme']]);
      await client.query(
        `insert into metadata.relations (field_id, target_object_id, inverse_label) values ($1, $2, 'Owned by people')`,
        [field, await objectNamed(client, ws, 'person')],
      );
      await settle(client);
      expect(await failure(client, () => setType(client, field, 'RELATION'))).toMatchObject({
        code: 'RV070',
        hint: expect.stringContaining('targetObjectId'),
      });
      await client.query(`insert into ${ws.schema}.people (name_first_name) values ('Ada')`);
      await client.query(
        `insert into ${ws.schema}.things (name, owner_person_id) select 'b', id from ${ws.schema}.people`,
      );
      expect(
        await failure(client, () => setType(client, field, 'RELATION', { targetObjectId: company })),
      ).toMatchObject({ code: 'RV071' });
      await setType(client, field, 'RELATION', { targetObjectId: company, onFailure: 'EMPTY' });
      await settle(client);
      expect(
        await rows(
          client,
          'select t.name, c.name from $ws.things t left join $ws.companies c on c.id = t.owner_id order by 1',
        ),
      ).toEqual([
        ['a', 'Acme'],
        ['b', null],
      ]);
      await undo(client, field);
      expect(
        await rows(
          client,
          'select t.name, c.name, p.name_first_name from $ws.things t left join $ws.companies c on c.id = t.owner_company_id left join $ws.people p on p.id = t.owner_person_id order by 1',
        ),
      ).toEqual([
        ['a', 'Acme', null],
        ['b', null, 'Ada'],
      ]);
    }));

  test('to one becomes to many: a link for each, both sides, and back', () =>
    db.inTransaction(async (client) => {
      const object = await things(client);
      const company = await objectNamed(client, ws, 'company');
      const { field } = await addRelation(client, object, 'Owner', company, { label: 'Owned things' });
      await settle(client);
      await client.query(`insert into ${ws.schema}.companies (name) values ('Acme'), ('Bell')`);
      await client.query(
        `insert into ${ws.schema}.things (name, owner_id) select 'a', id from ${ws.schema}.companies where name = 'Acme'`,
      );
      await client.query(`insert into ${ws.schema}.things (name) values ('b')`);
      await setType(client, field, 'MANY_TO_MANY');
      await settle(client);
      const { junction, near, far } = (
        await client.query(
          `select j.table_name as junction, engine.snake_case(n.name) || '_id' as near, engine.snake_case(f.name) || '_id' as far
           from metadata.fields m join metadata.fields n on n.id = m.junction_field_id join metadata.objects j on j.id = n.object_id
           join metadata.fields f on f.object_id = j.id and f.id <> n.id and not f.is_system where m.id = $1`,
          [field],
        )
      ).rows[0];
      expect(
        await rows(
          client,
          `select t.name, c.name from $ws.${junction} j join $ws.things t on t.id = j.${near} join $ws.companies c on c.id = j.${far}`,
        ),
      ).toEqual([['a', 'Acme']]);
      expect(
        await rows(client, `select name from metadata.fields where object_id = '${company}' and type = 'MANY_TO_MANY'`),
      ).toEqual([['ownedThings']]);
      await client.query(
        `insert into ${ws.schema}.${junction} (${near}, ${far}) select t.id, c.id from ${ws.schema}.things t, ${ws.schema}.companies c where c.name = 'Bell'`,
      );
      await undo(client, field);
      expect(
        await rows(
          client,
          'select t.name, c.name from $ws.things t left join $ws.companies c on c.id = t.owner_id order by 1',
        ),
      ).toEqual([
        ['a', 'Acme'],
        ['b', 'Bell'],
      ]);
      expect(
        await rows(
          client,
          `select count(*)::int from metadata.fields where object_id = '${company}' and type = 'MANY_TO_MANY' and deleted_at is null`,
        ),
      ).toEqual([[0]]);
    }));

  test('to members becomes a member field and back', () =>
    db.inTransaction(async (client) => {
      const object = await things(client);
      const { field } = await addRelation(client, object, 'Owner', await objectNamed(client, ws, 'workspaceMember'), {
        label: 'Owned things',
      });
      const { field: other } = await addRelation(client, object, 'Firm', await objectNamed(client, ws, 'company'), {
        label: 'Owned things',
      });
      await settle(client);
      await client.query(
        `insert into ${ws.schema}.things (name, owner_id) select 'a', id from ${ws.schema}.workspace_members`,
      );
      await setType(client, field, 'MEMBER');
      await settle(client);
      expect(await failure(client, () => setType(client, other, 'MEMBER'))).toMatchObject({ code: 'RV070' });
      await setType(client, field, 'RELATION');
      await settle(client);
      expect(await rows(client, 'select count(owner_id)::int from $ws.things')).toEqual([[1]]);
    }));
});

describe('computed fields', () => {
  test('a formula is frozen to its values, and computes again when that is undone', () =>
    db.inTransaction(async (client) => {
      const object = await things(client);
      const number = await addField(client, object, { label: 'N', type: 'NUMBER' });
      const field = await addField(client, object, { label: 'F', type: 'FORMULA', settings: { expression: 'n * 2' } });
      const text = await addField(client, object, { label: 'G', type: 'FORMULA', settings: { expression: 'n + 1' } });
      await settle(client);
      await client.query(`insert into ${ws.schema}.things (name, n) values ('a', 1.5)`);
      await setType(client, field, 'NUMBER');
      await setType(client, text, 'TEXT');
      await settle(client);
      await client.query(`update ${ws.schema}.things set n = 10`);
      expect(await rows(client, 'select n, f, g from $ws.things')).toEqual([[10, 3, '2.5']]);
      await client.query(`update ${ws.schema}.things set f = 7`);
      await undo(client, field);
      await undo(client, text);
      expect(await rows(client, 'select n, f, g from $ws.things')).toEqual([[10, 20, 11]]);
      expect(number).toBeTruthy();
    }));

  test.each(['TEXT', 'NUMBER', 'CURRENCY'])(
    'a rollup, and a formula that a trigger keeps, become %s and are computed again after undo',
    (type) =>
      db.inTransaction(async (client) => {
        const object = await things(client);
        const { field: parent, relation } = await addRelation(client, object, 'Parent', object, { label: 'Children' });
        const count = await addField(client, object, {
          label: 'Number',
          type: 'ROLLUP',
          settings: { relationId: relation, aggregate: 'COUNT' },
        });
        const twice = await addField(client, object, {
          label: 'Twice',
          type: 'FORMULA',
          settings: { expression: 'length(parent.name) * 2' },
        });
        expect(parent).toBeTruthy();
        await settle(client);
        await client.query(`insert into ${ws.schema}.things (name) values ('one')`);
        await client.query(
          `insert into ${ws.schema}.things (name, parent_id) select 'two', id from ${ws.schema}.things`,
        );
        const values =
          type === 'CURRENCY' ? 'number_amount_micros / 1000000, twice_amount_micros / 1000000' : 'number, twice';
        for (const field of [count, twice]) await setType(client, field, type);
        await settle(client);
        expect(
          (await rows(client, `select ${values} from $ws.things order by id`))
            .flat()
            .map((value) => (value === null ? null : Number(value))),
        ).toEqual([1, 0, 0, 6]);
        for (const field of [count, twice]) await undo(client, field);
        await client.query(
          `insert into ${ws.schema}.things (name, parent_id) select 'three', id from ${ws.schema}.things where name = 'one'`,
        );
        expect(await rows(client, `select number, twice from $ws.things order by id`)).toEqual([
          [2, 0],
          [0, 6],
          [0, 6],
        ]);
      }),
  );

  test('a formula follows the type of what it reads, or keeps it from changing: RV058', () =>
    db.inTransaction(async (client) => {
      const object = await things(client);
      const number = await addField(client, object, { label: 'N', type: 'NUMBER' });
      await addField(client, object, { label: 'F', type: 'FORMULA', settings: { expression: 'n * 2' } });
      await settle(client);
      await client.query(`insert into ${ws.schema}.things (name, n) values ('a', 1.5)`);
      expect(await failure(client, () => setType(client, number, 'TEXT'))).toMatchObject({ code: 'RV058' });
      await setType(client, number, 'NUMERIC');
      await settle(client);
      expect(await rows(client, 'select f from $ws.things')).toEqual([[3]]);
    }));

  test('rules and indexes follow, or refuse', () =>
    db.inTransaction(async (client) => {
      const object = await things(client);
      const number = await addField(client, object, { label: 'N', type: 'NUMBER' });
      await client.query(
        `insert into metadata.rules (object_id, field_id, kind, settings) values ($1, $2, 'RANGE', '{"min": 0}')`,
        [object, number],
      );
      await client.query(`insert into metadata.indexes (object_id, name, parts) values ($1, 'By n', $2)`, [
        object,
        JSON.stringify([{ fieldId: number }]),
      ]);
      await settle(client);
      await client.query(`insert into ${ws.schema}.things (name, n) values ('a', 1.5)`);
      await setType(client, number, 'NUMERIC');
      await settle(client);
      expect((await failure(client, () => client.query(`update ${ws.schema}.things set n = -1`))).code).toBe('23514');
      expect(
        (
          await failure(client, async () => {
            await setType(client, number, 'TEXT');
            await settle(client);
          })
        ).code,
      ).toMatch(/^RV/);
    }));
});
