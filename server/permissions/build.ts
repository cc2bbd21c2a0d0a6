import type pg from 'pg';
import { addField, addObject, addRelation, insert, objectNamed } from '../../db/testing/workspace.ts';
import type { Workspace } from '../../db/testing/workspace.ts';
import { conditionText } from './condition.ts';
import { isComputed, OBJECTS } from './objects.ts';
import type { Field, ObjectPlan } from './objects.ts';
import { recordsOf } from './data.ts';
import type { DataRecord, World } from './data.ts';

/** Makes the objects of the matrix in one transaction, the way an administrator in psql makes them. */
export async function buildModel(client: pg.ClientBase, workspace: Workspace): Promise<void> {
  const objects = new Map([['workspaceMember', await objectNamed(client, workspace, 'workspaceMember')]]);
  const fields = new Map<string, string>();
  const relations = new Map<string, string>();
  await client.query('begin');
  for (const { name, label, labelPlural, isPrivate } of OBJECTS) {
    const labels = { label_singular: label, label_plural: labelPlural };
    const id = await addObject(client, workspace, { ...labels, ...(isPrivate ? { is_private: true } : {}) });
    objects.set(name, id);
    const { rows } = await client.query('select label_field_id as id from metadata.objects where id = $1', [id]);
    fields.set(`${name}.name`, rows[0].id as string);
  }
  const each = async (make: (object: ObjectPlan, field: Field) => Promise<string> | null) => {
    for (const object of OBJECTS)
      for (const field of object.fields) {
        const made = make(object, field);
        if (made) fields.set(`${object.name}.${field.name}`, await made);
      }
  };
  const add = (object: ObjectPlan, { label, type }: Field, more: object) =>
    addField(client, objects.get(object.name)!, { label, type, ...more });
  await each((object, field) => {
    if (isComputed(field) || field.target || field.name === 'name') return null;
    return add(object, field, {
      ...(field.options && { options: field.options.map((value) => ({ value, label: value })) }),
      ...(field.isUnique && { is_unique: true }),
      ...(field.isSearchable && { settings: { searchable: true } }),
    });
  });
  await each((object, { name, label, target, inverse }) => {
    if (!target) return null;
    return addRelation(client, objects.get(object.name)!, label, objects.get(target)!, { label: inverse! }).then(
      (made) => {
        relations.set(`${object.name}.${name}`, made.relation);
        return made.field;
      },
    );
  });
  await each((object, field) =>
    field.expression === undefined ? null : add(object, field, { settings: { expression: field.expression } }),
  );
  await each((object, field) => {
    if (!field.rollup) return null;
    const { aggregate, over, field: of } = field.rollup;
    const settings = { relationId: relations.get(over), aggregate, ...(of && { fieldId: fields.get(of) }) };
    return add(object, field, { settings });
  });
  await addField(client, objects.get('client')!, {
    label: 'Stickers',
    type: 'MANY_TO_MANY',
    settings: { targetObjectId: objects.get('sticker'), inverseLabel: 'Clients' },
  });
  for (const { name, duplicates } of OBJECTS)
    if (duplicates)
      await client.query('update metadata.objects set duplicate_criteria = $2 where id = $1', [
        objects.get(name),
        JSON.stringify([{ fields: [fields.get(`${name}.${duplicates}`)], isSure: true }]),
      ]);
  await client.query('commit');
}

/** Makes the roles of a world, and gives them to their members. */
export async function buildRoles(client: pg.ClientBase, { id: workspaceId }: Workspace, world: World): Promise<void> {
  const { rows } = await client.query<{ name: string; id: string }>(
    `select o.name_singular as name, o.id from metadata.objects o where o.workspace_id = $1
     union all select o.name_singular || '.' || f.name, f.id from metadata.fields f join metadata.objects o on o.id = f.object_id where f.workspace_id = $1`,
    [workspaceId],
  );
  const idOf = new Map(rows.map(({ name, id }) => [name, id]));
  await client.query('begin');
  for (const role of world.roles) {
    const { defaults } = role;
    if (role.name !== 'Admin')
      await insert(client, 'metadata.roles', {
        workspace_id: workspaceId,
        name: role.name,
        permissions: role.flags,
        can_read_all: defaults.READ,
        can_create_all: defaults.CREATE,
        can_update_all: defaults.UPDATE,
        can_delete_all: defaults.DELETE,
        can_destroy_all: defaults.DESTROY,
      });
    const found = await client.query('select id, pg_role from metadata.roles where workspace_id = $1 and name = $2', [
      workspaceId,
      role.name,
    ]);
    role.id = found.rows[0].id as string;
    role.pgRole = found.rows[0].pg_role as string;
    for (const included of role.includes)
      await insert(client, 'metadata.role_includes', { role_id: role.id, included_role_id: included.id });
    for (const [object, { rights, mode }] of role.objects)
      await insert(client, 'metadata.object_permissions', {
        role_id: role.id,
        object_id: idOf.get(object),
        can_read: rights.READ,
        can_create: rights.CREATE,
        can_update: rights.UPDATE,
        can_delete: rights.DELETE,
        can_destroy: rights.DESTROY,
        field_mode: mode,
      });
    for (const [field, { read, update }] of role.fields)
      await insert(client, 'metadata.field_permissions', {
        role_id: role.id,
        field_id: idOf.get(field),
        can_read: read,
        can_update: update,
      });
    for (const { object, action, condition } of role.rules)
      await insert(client, 'metadata.record_rules', {
        role_id: role.id,
        object_id: idOf.get(object),
        action,
        condition: conditionText(condition),
      });
  }
  for (const { member, role } of world.callers)
    if (member) await client.query('update core.members set role_id = $2 where id = $1', [member.id, role.id]);
  const teams = new Map<World['teams'][number], string>();
  for (const team of world.teams) {
    const parent = team.parent && teams.get(team.parent);
    const values = { workspace_id: workspaceId, name: team.name, ...(parent && { parent_team_id: parent }) };
    const id = await insert(client, 'metadata.teams', values);
    teams.set(team, id);
    team.id = id;
    for (const member of team.members)
      await insert(client, 'metadata.team_members', { team_id: id, member_id: member.id, is_lead: member.isLead });
  }
  await client.query('commit');
}

/** Writes the records of a world: as they were, then as they are; those of the trash are deleted. */
export async function buildRecords(client: pg.ClientBase, { schema }: Workspace, world: World): Promise<void> {
  await client.query('begin');
  await client.query(`set local search_path = ${schema}, public`);
  for (const object of OBJECTS) {
    const records = recordsOf(world, object.name);
    const trash = world.trash.filter((record) => record.object === object.name);
    const columns = object.fields.filter((field) => !isComputed(field)).flatMap((field) => field.columns);
    const list = ['id', 'created_by_member_id', 'created_by_name', ...columns].join(', ');
    const from = `jsonb_populate_recordset(null::${object.plural}, $1)`;
    const first = [...records, ...trash].map(({ cells, before }: DataRecord) => ({ ...cells, ...before }));
    await client.query(`insert into ${object.plural} (${list}) select ${list} from ${from}`, [JSON.stringify(first)]);
    const changed = records.filter(({ before }) => before).map(({ cells }) => cells);
    const values = columns.map((column) => `${column} = n.${column}`).join(', ');
    await client.query(`update ${object.plural} t set ${values} from ${from} n where n.id = t.id`, [
      JSON.stringify(changed),
    ]);
    await client.query(`delete from ${object.plural} where id = any ($1)`, [trash.map(({ id }) => id)]);
  }
  for (const { client: one, sticker } of world.links)
    await client.query('insert into client_sticker_links (client_id, sticker_id) values ($1, $2)', [one, sticker]);
  for (const { object, record, kind, to, access } of world.shares)
    await client.query(
      `insert into record_shares (object_id, record_id, principal_kind, principal_id, access)
       select id, $2, $3, $4, $5 from metadata.objects where name_singular = $1 and workspace_id = (select id from core.workspaces where schema_name = $6)
       on conflict do nothing`,
      [object, record, kind, to.id, access, schema],
    );
  await client.query('commit');
}
