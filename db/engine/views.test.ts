import { beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import {
  act,
  addField,
  addObject,
  createWorkspace,
  failure,
  insert,
  objectNamed,
  reconcile,
  type Workspace,
} from '../testing/workspace.ts';

// Views, their shares, defaults and favourites, as they are in psql and to each role: both sides of each rule.
const db = useDatabase();
let ws: Workspace;
let rep: { id: string; name: string };
let company: string;
let [ann, bob, eve, boss] = ['', '', '', ''];

beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  rep = (
    await db.admin.query(
      `insert into metadata.roles (workspace_id, name) values ($1, 'Rep') returning id, pg_role as name`,
      [ws.id],
    )
  ).rows[0];
  company = await objectNamed(db.admin, ws, 'company');
  const add = async (name: string, role: string) =>
    (await db.admin.query(`select core.add_member('acme', $1 || '@acme.example', initcap($1), $2) as id`, [name, role]))
      .rows[0].id as string;
  ann = await add('ann', 'Rep');
  bob = await add('bob', 'Rep');
  eve = await add('eve', 'Member');
  boss = await add('boss', 'Admin');
});

async function be(client: pg.ClientBase, member: string | null, role = rep.name) {
  await act(client, role);
  await client.query(`select set_config('relvar.member_id', $1, true)`, [member ?? '']);
}
const asEve = (client: pg.ClientBase) => be(client, eve, ws.memberRole);
const asBoss = (client: pg.ClientBase) => be(client, boss, ws.adminRole);

const add = async (client: pg.ClientBase, name: string, visibility = 'PERSONAL', state: unknown = {}) =>
  (
    await client.query('select id from metadata.add_view($1, $2, $3, $4)', [
      company,
      name,
      JSON.stringify(state),
      visibility,
    ])
  ).rows[0].id as string;
const seen = async (client: pg.ClientBase) =>
  (await client.query('select name from metadata.views order by name')).rows.map((row) => row.name as string);
const value = async (client: pg.ClientBase, sql: string, values: unknown[] = []) =>
  Object.values((await client.query(sql, values)).rows[0] ?? {})[0] as unknown;
interface Plan {
  warnings: { code: string }[];
  changes: unknown[];
  fingerprint: string;
}
const changes = async (client: pg.ClientBase, sql: string, values: unknown[] = []) =>
  (await client.query(sql, values)).rowCount;
const share = (client: pg.ClientBase, view: string, kind: string, to: string, access = 'READ') =>
  client.query(`select metadata.share_view($1, $2, $3, $4, 'for the meeting')`, [view, kind, to, access]);
const fieldNamed = async (name: string) =>
  (await db.admin.query('select id from metadata.fields where object_id = $1 and name = $2', [company, name])).rows[0]
    .id as string;

describe('a view of one’s own', () => {
  test('is nobody else’s to see, administrators of the workspace and keys included', () =>
    db.inTransaction(async (client) => {
      await be(client, ann);
      const view = await add(client, 'Mine', 'PERSONAL', { fields: [{ fieldId: await fieldNamed('name') }] });
      expect(await seen(client)).toEqual(['Mine']);
      expect(await value(client, 'select count(*)::int from metadata.view_fields')).toBe(1);
      for (const other of [() => be(client, bob), () => asEve(client), () => asBoss(client), () => be(client, null)]) {
        await other();
        expect(await seen(client)).toEqual([]);
        expect(await value(client, 'select count(*)::int from metadata.view_fields')).toBe(0);
        expect(await changes(client, `update metadata.views set name = 'x' where id = $1`, [view])).toBe(0);
        expect(await changes(client, 'delete from metadata.views where id = $1', [view])).toBe(0);
        expect((await failure(client, () => client.query(`select metadata.save_view($1, '{}')`, [view]))).code).toBe(
          'RV187',
        );
        expect((await failure(client, () => share(client, view, 'MEMBER', bob))).code).toBe('42501');
      }
    }));

  test('is not reached by a plan of changes either', () =>
    db.inTransaction(async (client) => {
      await be(client, ann);
      const view = await add(client, 'Mine');
      await asBoss(client);
      for (const change of [
        { op: 'delete', table: 'views', id: view },
        { op: 'update', table: 'views', id: view, values: { name: 'Taken' } },
      ])
        expect(
          (
            await failure(client, () =>
              client.query('select metadata.plan_changes($1, $2)', [ws.id, JSON.stringify([change])]),
            )
          ).code,
        ).toBe('RV063');
      const manifest = await value(client, 'select metadata.export_manifest()');
      expect(JSON.stringify(manifest)).not.toContain('Mine');
      const plan = (await value(client, 'select metadata.plan_manifest($1, $2, true)', [
        ws.id,
        JSON.stringify(manifest),
      ])) as { changes: unknown[] };
      expect(plan.changes).toEqual([]);
    }));

  test('becomes one of the workspace by who has the permission alone', () =>
    db.inTransaction(async (client) => {
      await be(client, ann);
      const view = await add(client, 'Mine');
      await share(client, view, 'MEMBER', ann, 'WRITE');
      const publish = () =>
        client.query(`update metadata.views set visibility = 'WORKSPACE' where id = $1 returning owner_id`, [view]);
      expect((await failure(client, publish)).code).toBe('42501');
      await client.query('reset role');
      await client.query(
        'update core.members set role_id = (select role_id from core.members where id = $2) where id = $1',
        [ann, eve],
      );
      await be(client, ann, ws.memberRole);
      expect((await publish()).rows).toEqual([{ owner_id: ann }]);
      await be(client, bob);
      expect(await seen(client)).toEqual(['Mine']);
    }));

  test('is a member’s: a key has none, and makes views of the workspace', () =>
    db.inTransaction(async (client) => {
      await be(client, null, ws.memberRole);
      expect((await failure(client, () => add(client, 'Mine'))).code).toBe('RV187');
      await add(client, 'Ours', 'WORKSPACE');
      expect(await value(client, 'select owner_id from metadata.views')).toBeNull();
    }));
});

describe('a shared view', () => {
  test.each(['MEMBER', 'TEAM', 'ROLE'])(
    'shows itself to a %s and is theirs to change only when that was given',
    (kind) =>
      db.inTransaction(async (client) => {
        const team = await insert(client, 'metadata.teams', { workspace_id: ws.id, name: 'North' });
        await insert(client, 'metadata.team_members', { team_id: team, member_id: eve });
        const memberRole = (await value(client, 'select id from metadata.roles where pg_role = $1', [
          ws.memberRole,
        ])) as string;
        const to = { MEMBER: eve, TEAM: team, ROLE: memberRole }[kind]!;
        await be(client, ann);
        const view = await add(client, 'Mine');
        await share(client, view, kind, to);
        await asEve(client);
        expect(await seen(client)).toEqual(['Mine']);
        expect(await value(client, 'select reason from metadata.view_shares')).toBe('for the meeting');
        expect(await changes(client, `update metadata.views set name = 'x' where id = $1`, [view])).toBe(0);
        await be(client, bob);
        expect(await seen(client)).toEqual([]);
        await be(client, ann);
        await share(client, view, kind, to, 'WRITE');
        await asEve(client);
        await client.query('select metadata.save_view($1, $2)', [
          view,
          JSON.stringify({ fields: [{ fieldId: await fieldNamed('name'), width: 90 }] }),
        ]);
        expect(await value(client, 'select width from metadata.view_fields')).toBe(90);
        for (const more of [`visibility = 'WORKSPACE'`, 'is_locked = true'])
          expect(
            (await failure(client, () => client.query(`update metadata.views set ${more} where id = $1`, [view]))).code,
          ).toBe('RV187');
        expect(await changes(client, 'delete from metadata.views where id = $1', [view])).toBe(0);
        expect((await failure(client, () => share(client, view, 'MEMBER', bob))).code).toBe('42501');
        await be(client, ann);
        await client.query('update metadata.views set is_locked = true');
        await asEve(client);
        expect(await changes(client, `update metadata.views set name = 'x' where id = $1`, [view])).toBe(0);
        await be(client, ann);
        expect(await changes(client, `update metadata.views set name = 'y' where id = $1`, [view])).toBe(1);
      }),
  );

  test('ends when it says, when it is taken back, and with whom it is for', () =>
    db.inTransaction(async (client) => {
      await be(client, ann);
      const view = await add(client, 'Mine');
      await share(client, view, 'MEMBER', bob);
      await be(client, bob);
      expect(await seen(client)).toEqual(['Mine']);
      await client.query('reset role');
      await client.query(`update metadata.view_shares set expires_at = now() - interval '1 second'`);
      await be(client, bob);
      expect(await seen(client)).toEqual([]);
      await be(client, ann);
      await share(client, view, 'MEMBER', bob);
      await be(client, bob);
      expect(await value(client, 'select metadata.unshare_view(id) from metadata.view_shares')).toBe(true);
      expect(await seen(client)).toEqual([]);
      await be(client, ann);
      await share(client, view, 'MEMBER', bob);
      await client.query('reset role');
      await client.query('delete from core.members where id = $1', [bob]);
      expect(await value(client, 'select count(*)::int from metadata.view_shares')).toBe(0);
    }));

  test('is refused for nobody, for no access and for a time that is over', () =>
    db.inTransaction(async (client) => {
      await be(client, ann);
      const view = await add(client, 'Mine');
      for (const [kind, to, access, until] of [
        ['MEMBER', rep.id, 'READ', null],
        ['GROUP', bob, 'READ', null],
        ['MEMBER', bob, 'ALL', null],
        ['MEMBER', bob, 'READ', '2001-01-01'],
      ])
        expect(
          (
            await failure(client, () =>
              client.query(`select metadata.share_view($1, $2, $3, $4, '', $5)`, [view, kind, to, access, until]),
            )
          ).code,
        ).toBe('RV189');
    }));

  test('is not shown to who looks as the other', () =>
    db.inTransaction(async (client) => {
      await be(client, ann);
      await add(client, 'Of Ann');
      const view = await add(client, 'Mine');
      await share(client, view, 'MEMBER', bob);
      await be(client, bob);
      await client.query(`select set_config('relvar.seen_by', $1, true)`, [boss]);
      expect(await seen(client)).toEqual([]);
      await be(client, ann);
      expect(await seen(client)).toEqual([]);
    }));
});

describe('a view of the workspace', () => {
  test('is everybody’s to see, and to change for who has the permission', () =>
    db.inTransaction(async (client) => {
      await asEve(client);
      const view = await add(client, 'Ours', 'WORKSPACE');
      await be(client, ann);
      expect(await seen(client)).toEqual(['Ours']);
      expect(await changes(client, `update metadata.views set name = 'x'`)).toBe(0);
      expect((await failure(client, () => add(client, 'More', 'WORKSPACE'))).code).toBe('42501');
      await asBoss(client);
      expect(await changes(client, `update metadata.views set name = 'x' where id = $1`, [view])).toBe(1);
      await asEve(client);
      await share(client, view, 'MEMBER', ann, 'WRITE');
      await be(client, ann);
      expect(await changes(client, `update metadata.views set name = 'z' where id = $1`, [view])).toBe(1);
    }));

  test('that is locked is saved over by its keeper alone, until that one is kept out', () =>
    db.inTransaction(async (client) => {
      await asEve(client);
      const view = await add(client, 'Ours', 'WORKSPACE');
      await asBoss(client);
      await client.query('update metadata.views set is_locked = true where id = $1', [view]);
      await asEve(client);
      expect(await changes(client, `update metadata.views set name = 'x'`)).toBe(0);
      expect(await changes(client, 'delete from metadata.views')).toBe(0);
      const takeOver = () => client.query('select metadata.take_over_view($1)', [view]);
      expect((await failure(client, takeOver)).code).toBe('RV187');
      await client.query('reset role');
      await client.query('update core.members set is_active = false where id = $1', [boss]);
      await be(client, ann);
      expect((await failure(client, takeOver)).code).toBe('RV187');
      await asEve(client);
      await takeOver();
      expect(await changes(client, `update metadata.views set name = 'x'`)).toBe(1);
    }));

  test('locks for no key, which nobody could open again', () =>
    db.inTransaction(async (client) => {
      await be(client, null, ws.memberRole);
      await add(client, 'Ours', 'WORKSPACE');
      expect((await failure(client, () => client.query('update metadata.views set is_locked = true'))).code).toBe(
        'RV187',
      );
    }));
});

test('what a removed member leaves behind goes to who keeps the views, and stays with those it was shared with', () =>
  db.inTransaction(async (client) => {
    await be(client, ann);
    const view = await add(client, 'Of Ann');
    await share(client, view, 'MEMBER', bob);
    await asBoss(client);
    expect(await seen(client)).toEqual([]);
    await client.query('select metadata.remove_member($1)', [ann]);
    await be(client, bob);
    expect(await seen(client)).toEqual(['Of Ann']);
    await asEve(client);
    expect(await seen(client)).toEqual(['Of Ann']);
    await client.query('select metadata.take_over_view($1)', [view]);
    expect(await value(client, 'select owner_id from metadata.views')).toBe(eve);
    await asBoss(client);
    expect(await seen(client)).toEqual([]);
  }));

test('a deleted view comes back whole, to who deleted it', () =>
  db.inTransaction(async (client) => {
    await be(client, ann);
    const view = await add(client, 'Mine', 'PERSONAL', { fields: [{ fieldId: await fieldNamed('name'), width: 90 }] });
    await share(client, view, 'MEMBER', bob);
    await client.query('select metadata.set_default_view($1, $2)', [company, view]);
    await client.query(`insert into metadata.favourites (kind, view_id) values ('VIEW', $1)`, [view]);
    await client.query('delete from metadata.views where id = $1', [view]);
    expect(await value(client, 'select count(*)::int from metadata.favourites')).toBe(0);
    const restore = () => client.query('select metadata.restore_view($1)', [view]);
    for (const other of [() => be(client, bob), () => asBoss(client)]) {
      await other();
      expect((await failure(client, restore)).code).toBe('RV188');
    }
    await be(client, ann);
    await restore();
    expect(await seen(client)).toEqual(['Mine']);
    expect(await value(client, 'select width from metadata.view_fields')).toBe(90);
    expect(await value(client, 'select view_id from metadata.view_defaults')).toBe(view);
    expect(await value(client, 'select view_id from metadata.favourites')).toBe(view);
    expect((await failure(client, restore)).code).toBe('RV188');
    await be(client, bob);
    expect(await seen(client)).toEqual(['Mine']);
  }));

describe('the default', () => {
  const shown = (client: pg.ClientBase) => value(client, '(select name from metadata.default_view($1))', [company]);

  test('is one’s own choice, else the role’s, else the workspace’s', () =>
    db.inTransaction(async (client) => {
      await asEve(client);
      expect(await shown(client)).toBeNull();
      const set = (view: string | null, kind: string, id: string | null = null) =>
        client.query('select metadata.set_default_view($1, $2, $3, $4)', [company, view, kind, id]);
      const [first, second] = [await add(client, 'First', 'WORKSPACE'), await add(client, 'Second', 'WORKSPACE')];
      await set(first, 'WORKSPACE');
      await set(second, 'ROLE', rep.id);
      expect(await shown(client)).toBe('First');
      await be(client, ann);
      expect(await shown(client)).toBe('Second');
      const own = await add(client, 'Own');
      await set(own, 'MEMBER');
      expect(await shown(client)).toBe('Own');
      expect((await failure(client, () => set(own, 'WORKSPACE'))).code).toBe('RV188');
      expect((await failure(client, () => set(first, 'WORKSPACE'))).code).toBe('42501');
      await be(client, bob);
      expect(await shown(client)).toBe('Second');
      expect(await value(client, 'select count(*)::int from metadata.view_defaults')).toBe(2);
      await be(client, ann);
      await set(null, 'MEMBER');
      expect(await shown(client)).toBe('Second');
      await asEve(client);
      await client.query(`update metadata.views set visibility = 'PERSONAL' where id = $1`, [second]);
      await be(client, ann);
      expect(await shown(client)).toBe('First');
    }));

  test('is a view of that object', () =>
    db.inTransaction(async (client) => {
      await asEve(client);
      const view = await add(client, 'Ours', 'WORKSPACE');
      const person = await objectNamed(client, ws, 'person');
      expect(
        (await failure(client, () => client.query('select metadata.set_default_view($1, $2)', [person, view]))).code,
      ).toBe('RV188');
    }));
});

describe('favourites', () => {
  test('are one’s own, or everybody’s by who keeps the views', () =>
    db.inTransaction(async (client) => {
      await be(client, ann);
      const folder = await insert(client, 'metadata.favourites', { kind: 'FOLDER', label: 'Now' });
      await insert(client, 'metadata.favourites', { kind: 'OBJECT', object_id: company, folder_id: folder });
      const shared = { kind: 'LINK', label: 'Help', url: 'https://help.example', member_id: null };
      expect((await failure(client, () => insert(client, 'metadata.favourites', shared))).code).toBe('42501');
      await asEve(client);
      await insert(client, 'metadata.favourites', shared);
      const labels = `select coalesce(label, kind) as label from metadata.favourites order by position`;
      expect((await client.query(labels)).rows.map((row) => row.label)).toEqual(['Help']);
      expect(await changes(client, 'delete from metadata.favourites where id = $1', [folder])).toBe(0);
      await be(client, ann);
      expect((await client.query(`${labels}, label`)).rows).toHaveLength(3);
      expect(await changes(client, `update metadata.favourites set label = 'x' where kind = 'LINK'`)).toBe(0);
      await client.query('delete from metadata.favourites where id = $1', [folder]);
      expect(await value(client, `select folder_id from metadata.favourites where kind = 'OBJECT'`)).toBeNull();
    }));

  test('lie in folders of the same member, once each, and lead to addresses that are safe', () =>
    db.inTransaction(async (client) => {
      await asEve(client);
      const mine = await insert(client, 'metadata.favourites', { kind: 'FOLDER', label: 'Mine' });
      const into =
        (folder: string, more = {}) =>
        () =>
          insert(client, 'metadata.favourites', { kind: 'OBJECT', object_id: company, folder_id: folder, ...more });
      expect((await failure(client, into(mine, { member_id: null }))).code).toBe('RV185');
      await be(client, ann);
      expect((await failure(client, into(mine))).code).toBe('RV185');
      await insert(client, 'metadata.favourites', { kind: 'OBJECT', object_id: company });
      expect(
        (await failure(client, () => insert(client, 'metadata.favourites', { kind: 'OBJECT', object_id: company })))
          .code,
      ).toBe('23505');
      for (const url of ['javascript:alert(1)', '//evil.example', 'data:text/html,x'])
        expect(
          (await failure(client, () => insert(client, 'metadata.favourites', { kind: 'LINK', label: 'x', url }))).code,
        ).toBe('RV185');
    }));
});

describe('a change of views', () => {
  test('raises no version of the model, waits for no lock of it, and leaves no history', () =>
    db.inTransaction(async (client) => {
      const version = () => value(client, 'select model_version from core.workspaces where id = $1', [ws.id]);
      const before = await version();
      const other = await db.admin.connect();
      try {
        await other.query('begin');
        await other.query('select engine.lock_model($1)', [ws.id]);
        await asEve(client);
        await client.query(`set local lock_timeout = '1s'`);
        const view = await add(client, 'Ours', 'WORKSPACE', { fields: [{ fieldId: await fieldNamed('name') }] });
        await client.query('delete from metadata.views where id = $1', [view]);
        await reconcile(client);
      } finally {
        await other.query('rollback');
        other.release();
      }
      await client.query('reset role');
      expect(await version()).toBe(before);
      expect(
        await value(client, `select count(*)::int from metadata.model_changes where table_name like 'view%'`),
      ).toBe(0);
    }));

  test('is told to other screens, and says nothing else', async () => {
    const listener = await db.admin.connect();
    const heard: unknown[] = [];
    try {
      listener.on('notification', ({ payload }) => heard.push(JSON.parse(payload ?? '')));
      await listener.query('listen relvar_views');
      await db.admin.query(`insert into metadata.views (object_id, name) values ($1, 'Told')`, [company]);
      await db.admin.query(`delete from metadata.views where name = 'Told'`);
      await listener.query('select');
      expect(heard).toEqual([{ workspace: ws.id }, { workspace: ws.id }]);
    } finally {
      listener.release(true);
    }
  });
});

describe('what a view uses', () => {
  test('is told without what another member calls it, and holds up nothing of the model', () =>
    db.inTransaction(async (client) => {
      const object = await addObject(client, ws, { label_singular: 'Boat', label_plural: 'Boats' });
      const old = await addField(client, object, { label: 'Old', type: 'TEXT' });
      const next = await addField(client, object, { label: 'Next', type: 'TEXT' });
      await reconcile(client);
      const filter = { fieldId: old, operand: 'CONTAINS', value: 'secret' };
      await be(client, ann);
      const view = (
        await client.query('select id from metadata.add_view($1, $2, $3)', [
          object,
          'About the takeover',
          JSON.stringify({ filter, fields: [{ fieldId: old }] }),
        ])
      ).rows[0].id as string;
      const uses = () => value(client, `select metadata.dependents('field', $1)`, [old]) as Promise<unknown>;
      expect(await uses()).toMatchObject([{ kind: 'view', label: 'About the takeover', isBlocking: false }]);
      await asBoss(client);
      const told = await uses();
      expect(told).toMatchObject([{ kind: 'view', label: 'A member’s own view'.replace('’', "'"), isBlocking: false }]);
      expect(JSON.stringify(told)).not.toMatch(/takeover|secret/);
      await client.query('savepoint before');
      await client.query('select metadata.delete_field($1)', [old]);
      await client.query('rollback to before');
      await client.query('select metadata.delete_field($1, $2)', [old, next]);
      await be(client, ann);
      expect(await value(client, 'select filter from metadata.views where id = $1', [view])).toEqual({
        ...filter,
        fieldId: next,
      });
      expect(await value(client, 'select field_id from metadata.view_fields where view_id = $1', [view])).toBe(next);
    }));

  test('never stands in the way of the model: what it says about a field goes with the field, and comes back with it', () =>
    db.inTransaction(async (client) => {
      const object = await addObject(client, ws, { label_singular: 'Boat', label_plural: 'Boats' });
      const port = await addObject(client, ws, { label_singular: 'Port', label_plural: 'Ports' });
      const old = await addField(client, object, { label: 'Old', type: 'TEXT' });
      const stays = await addField(client, object, { label: 'Stays', type: 'TEXT' });
      const ports = await addField(client, object, {
        label: 'Ports',
        type: 'MANY_TO_MANY',
        settings: { targetObjectId: port, inverseLabel: 'Boats' },
      });
      const asks = (fieldId: string) => ({ fieldId, operand: 'CONTAINS', value: 'x' });
      const state = {
        group_field_id: ports,
        filter: { and: [asks(old), { or: [asks(stays), { not: asks(old) }] }] },
        sorts: [{ fieldId: old }, { fieldId: stays }],
        colors: [old, stays].map((id) => ({ condition: asks(id), color: 'red', target: 'ROW' })),
        layout: { coverFieldId: old, dateFieldId: stays, cardSize: 'FULL' },
      };
      const view = await insert(client, 'metadata.views', {
        object_id: object,
        name: 'Ours',
        group_field_id: ports,
        filter: JSON.stringify(state.filter),
        sorts: JSON.stringify(state.sorts),
        colors: JSON.stringify(state.colors),
        layout: JSON.stringify(state.layout),
      });
      for (const field of [old, stays])
        await insert(client, 'metadata.view_fields', {
          workspace_id: ws.id,
          view_id: view,
          field_id: field,
          width: 77,
        });
      await reconcile(client);
      const content = async () =>
        (
          await client.query('select group_field_id, filter, sorts, colors, layout from metadata.views where id = $1', [
            view,
          ])
        ).rows[0];
      const columns = async () =>
        (
          await client.query('select field_id, width from metadata.view_fields where view_id = $1 order by field_id', [
            view,
          ])
        ).rows.map((row) => `${row.field_id} ${row.width}`);
      const all = await columns();
      await asBoss(client);
      const plan = (await value(client, 'select metadata.plan_changes($1, $2)', [
        ws.id,
        JSON.stringify([old, ports].map((id) => ({ op: 'delete', table: 'fields', id }))),
      ])) as Plan;
      expect(plan.warnings).toContainEqual(
        expect.objectContaining({
          code: 'VIEWS_CHANGE',
          message: 'The view "Ours" of Boats goes on without Old, Ports.',
        }),
      );
      expect(await content()).toEqual(state);
      await client.query('select metadata.delete_field($1)', [ports]);
      await client.query('select metadata.delete_field($1)', [old]);
      await reconcile(client);
      expect(await content()).toEqual({
        group_field_id: null,
        filter: { and: [{ or: [asks(stays)] }] },
        sorts: [{ fieldId: stays }],
        colors: [{ condition: asks(stays), color: 'red', target: 'ROW' }],
        layout: { dateFieldId: stays, cardSize: 'FULL' },
      });
      expect(await columns()).toEqual([`${stays} 77`]);
      await client.query('select metadata.restore_field($1)', [old]);
      await client.query('select metadata.restore_field($1)', [ports]);
      await reconcile(client);
      expect(await content()).toEqual(state);
      expect(await columns()).toEqual(all);
    }));

  test('that groups by a relation to many which is new does not keep the model from going back', () =>
    db.inTransaction(async (client) => {
      const object = await addObject(client, ws, { label_singular: 'Boat', label_plural: 'Boats' });
      await reconcile(client);
      const version = await value(client, 'select model_version from core.workspaces where id = $1', [ws.id]);
      const fields = [];
      for (const [type, settings] of [
        ['TEXT', {}],
        ['MANY_TO_MANY', { targetObjectId: object, inverseLabel: 'Others' }],
      ] as const)
        fields.push(await addField(client, object, { label: `A ${type}`, type, settings }));
      for (const field of fields)
        await insert(client, 'metadata.views', { object_id: object, name: field, group_field_id: field });
      await reconcile(client);
      await asBoss(client);
      const plan = (await value(client, 'select metadata.plan_revert($1, $2)', [ws.id, version])) as Plan;
      expect(plan.warnings.filter((each) => each.code === 'VIEWS_CHANGE')).toHaveLength(2);
      await client.query('select metadata.apply_changes($1, $2, $3)', [
        ws.id,
        JSON.stringify(plan.changes),
        plan.fingerprint,
      ]);
      await client.query('reset role');
      expect(
        (await client.query('select group_field_id from metadata.views where object_id = $1', [object])).rows,
      ).toEqual([{ group_field_id: null }, { group_field_id: null }]);
    }));
});

describe('a layout', () => {
  test('is kept with the view, copied, brought back and named in manifests', () =>
    db.inTransaction(async (client) => {
      await asEve(client);
      const revenue = await fieldNamed('annualRevenue');
      const layout = {
        cardSize: 'COMPACT',
        limits: { OPEN: 5 },
        hiddenColumns: ['DONE'],
        summary: { fieldId: revenue, aggregate: 'SUM' },
      };
      const view = await add(client, 'Board', 'PERSONAL', { type: 'BOARD', layout });
      expect(await value(client, 'select layout from metadata.copy_view($1)', [view])).toEqual(layout);
      await client.query('delete from metadata.views where id = $1', [view]);
      expect(await value(client, 'select layout from metadata.restore_view($1)', [view])).toEqual(layout);
      await asBoss(client);
      await add(client, 'For all', 'WORKSPACE', { type: 'BOARD', layout });
      const manifest = JSON.stringify(await value(client, 'select metadata.export_manifest()'));
      expect(manifest).toContain(
        '{"fieldId": "field:company.annualRevenue", "aggregate": "SUM"}'.replaceAll(': ', ':').replaceAll(', ', ','),
      );
    }));

  test('is told where what it is made of is to go', () =>
    db.inTransaction(async (client) => {
      await client.query('reset role');
      const field = await addField(client, company, { label: 'Worth', type: 'NUMBER' });
      await asBoss(client);
      await add(client, 'Board', 'WORKSPACE', { layout: { summary: { fieldId: field, aggregate: 'SUM' } } });
      expect(await value(client, `select metadata.dependents('field', $1)`, [field])).toMatchObject([
        { kind: 'view', label: 'Board', how: 'lays out by it', isBlocking: false },
      ]);
    }));

  test.each([{ size: 3 }, { cardSize: 'HUGE' }, { limits: { OPEN: 0 } }, { bounds: ['a'] }, { summary: {} }, []])(
    'is refused as %j',
    (layout) =>
      db.inTransaction(async (client) => {
        await asEve(client);
        expect(await failure(client, () => add(client, 'Board', 'PERSONAL', { layout }))).toMatchObject({
          code: 'RV265',
        });
      }),
  );
});

describe('a filter', () => {
  const kept = (client: pg.ClientBase, filter: unknown) =>
    value(client, 'select engine.view_filter($1)', [JSON.stringify(filter)]);
  const one = { fieldId: 'f', operand: 'IS', value: 1 };

  test('is kept in one form, also where it was written as one of the API', () =>
    db.inTransaction(async (client) => {
      expect(await kept(client, one)).toEqual(one);
      expect(await kept(client, { f: { equalTo: 1 } })).toEqual(one);
      expect(await kept(client, { f: { isNull: true }, and: [{ g: { in: ['a'] } }, {}] })).toEqual({
        and: [{ and: [{ fieldId: 'g', operand: 'IS', value: ['a'] }] }, { fieldId: 'f', operand: 'IS_EMPTY' }],
      });
      expect(await kept(client, { or: [one, { not: { and: [one] } }] })).toEqual({
        or: [one, { not: { and: [one] } }],
      });
      for (const nothing of [null, {}, { and: [] }, { not: {} }, { or: [{ and: [] }] }])
        expect(await kept(client, nothing)).toBeNull();
    }));

  test.each([
    ['a word', 'name'],
    ['an unknown comparison', { fieldId: 'f', operand: 'LIKES', value: 1 }],
    ['an unknown key', { ...one, fields: 1 }],
    ['an unknown operator of the API', { f: { matches: 'x' } }],
    ['a group that is no list', { and: one }],
    ['a comparison of no field', { operand: 'IS', value: 1 }],
    ['one too deep', Array.from({ length: 12 }).reduce<unknown>((inner) => ({ not: inner }), one)],
  ])('is not %s', (_, filter) =>
    db.inTransaction(async (client) => {
      await asEve(client);
      expect((await failure(client, () => add(client, 'x', 'PERSONAL', { filter }))).code).toBe('RV186');
    }),
  );
});
