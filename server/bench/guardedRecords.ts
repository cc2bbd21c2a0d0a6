import type { Identity } from '../../db/pool.ts';
import type { BenchDatabase, Workspace } from './database.ts';

export const RECORDS = 1_000_000;
/** Each member keeps as many records; a team has five members. */
const KEEPERS = 5_000;

/**
 * A million records that 5,000 members keep, of whom five are a team. `limited` sees the records of its team by a
 * rule of its role, about 1,000; `free` sees all; `wide`, a member with a role of its own, nearly all. Of what each
 * member keeps, one record has the word "seldom" and one in a hundred the tag A; 50 of all have the tag RARE. With
 * indexes for what is searched by, if it is.
 */
export async function guardRecords(
  { admin }: BenchDatabase,
  workspace: Workspace,
  { isSearched }: { isSearched: boolean } = { isSearched: false },
): Promise<{ limited: Identity; free: Identity; members: string[]; wide: Identity }> {
  await admin.query(
    `do $$
     declare
       v_object uuid;
       v_role uuid;
       v_wide uuid;
       v_team uuid;
     begin
       insert into metadata.objects (workspace_id, name_singular, name_plural, label_singular, label_plural, is_audited, is_searchable)
       values ('${workspace.id}', 'guardedThing', 'guardedThings', 'Guarded', 'Guarded things', false, ${isSearched}) returning id into v_object;
       update metadata.objects set label_field_id = x.id from (
         select f.id from metadata.create_field(v_object, 'Name', 'TEXT') f) x where objects.id = v_object;
       perform metadata.create_field(v_object, 'Tags', 'MULTI_SELECT', options => '[{"value": "A", "label": "A"}, {"value": "B", "label": "B"}, {"value": "RARE", "label": "Rare"}]');
       perform metadata.create_field(v_object, 'Keeper', 'MEMBER', inverse_label => 'Kept things');
       insert into metadata.roles (workspace_id, name) values ('${workspace.id}', 'Guarded') returning id into v_role;
       insert into metadata.record_rules (role_id, object_id, action, condition) values (v_role, v_object, 'READ', 'keeper = currentMember() or keeper in myTeam()');
       insert into metadata.roles (workspace_id, name) values ('${workspace.id}', 'Wide') returning id into v_wide;
       insert into metadata.record_rules (role_id, object_id, action, condition) values (v_wide, v_object, 'READ', 'name != "thing"');
       perform core.add_member('${workspace.slug}', 'wide@bench.example', 'Wide', 'Wide');
       if ${isSearched} then
         insert into metadata.indexes (object_id, name, kind, parts)
         select f.object_id, f.label, case f.name when 'name' then 'TRIGRAM' else 'GIN' end, jsonb_build_array(jsonb_build_object('fieldId', f.id))
         from metadata.fields f where f.object_id = v_object and f.name in ('name', 'tags');
       end if;
       insert into metadata.teams (workspace_id, name) values ('${workspace.id}', 'Guards') returning id into v_team;
       perform core.add_member('${workspace.slug}', 'guard' || i || '@bench.example', 'Guard ' || i, 'Guarded') from generate_series(1, 5) i;
       insert into metadata.team_members (team_id, member_id) select v_team, m.id from core.members m where m.role_id = v_role;
     end $$`,
  );
  const schema = workspace.schemaName;
  await admin.query(
    `insert into ${schema}.workspace_members (name_first_name) select 'Keeper ' || i from generate_series(1, ${KEEPERS} - 5) i`,
  );
  await admin.query(
    `insert into ${schema}.guarded_things (name, tags, keeper_id, created_at)
     select 'thing ' || md5(i::text) || case when i / ${KEEPERS} = 77 then ' seldom' else '' end,
       case when i % 20011 = 0 then '{A,RARE}'::text[] when i / ${KEEPERS} % 100 = 7 then '{A}' else '{B}' end, k.ids[1 + i % ${KEEPERS}], now() - i * interval '1 second'
     from generate_series(1, ${RECORDS}) i cross join (select array_agg(id) as ids from ${schema}.workspace_members) k`,
  );
  await admin.query(`vacuum analyze ${schema}.guarded_things`);
  const { rows } = await admin.query<{ id: string; pgRole: string; role: string }>(
    `select m.id, r.pg_role as "pgRole", r.name as role from core.members m join metadata.roles r on r.id = m.role_id
     where r.workspace_id = $1 and r.name in ('Guarded', 'Wide') order by m.id`,
    [workspace.id],
  );
  const members = rows.filter(({ role }) => role === 'Guarded');
  const identity = (pgRole: string, memberId: string): Identity => ({
    pgRole,
    schemaName: schema,
    memberId,
    apiKeyId: null,
    source: 'MANUAL',
  });
  const [member] = members;
  const wide = rows.find(({ role }) => role === 'Wide')!;
  return {
    limited: identity(member!.pgRole, member!.id),
    free: identity(`${schema}_r_1`, member!.id),
    wide: identity(wide.pgRole, wide.id),
    members: members.map(({ id }) => id),
  };
}

/** The other benches of a run find the workspace as it was. */
export async function dropGuarded({ admin }: BenchDatabase, workspace: Workspace): Promise<void> {
  for (let round = 0; round < 2; round += 1)
    await admin.query(
      `delete from metadata.objects where workspace_id = $1 and id = (
         select id from metadata.objects where workspace_id = $1 and universal_identifier is null and label_plural = 'Guarded things')`,
      [workspace.id],
    );
  await admin.query(`delete from metadata.roles where workspace_id = $1 and name in ('Guarded', 'Wide')`, [
    workspace.id,
  ]);
}
