-- Groups of a directory. They are made and filled by the directory; what they give is said here, by who may give it: a role,
-- a team, both or nothing.

create or replace function core.scim_group(g core.scim_groups, with_members boolean) returns jsonb
language sql stable set search_path = ''
as $$
  select core.with_scim_version(jsonb_strip_nulls(jsonb_build_object(
    'schemas', jsonb_build_array('urn:ietf:params:scim:schemas:core:2.0:Group'),
    'id', (g).id, 'externalId', (g).external_id, 'displayName', (g).display_name,
    'members', case when with_members then (select coalesce(jsonb_agg(jsonb_build_object('value', m.id, 'display', m.name, 'type', 'User') order by m.id), '[]')
      from core.scim_group_members gm join core.members m on m.id = gm.member_id where gm.group_id = (g).id) end,
    'meta', jsonb_build_object('resourceType', 'Group', 'created', core.scim_time((g).created_at), 'lastModified', core.scim_time((g).updated_at)))))
$$;

create or replace function core.scim_group_row(workspace_id uuid, id uuid) returns core.scim_groups
language plpgsql stable set search_path = ''
as $$
declare
  v_group core.scim_groups;
begin
  select * into v_group from core.scim_groups g where g.id = scim_group_row.id and g.workspace_id = scim_group_row.workspace_id;
  if not found then
    raise exception 'There is no such group.' using errcode = 'RV172';
  end if;
  return v_group;
end
$$;

create or replace function core.get_scim_group(workspace_id uuid, id uuid) returns jsonb
language sql stable security definer set search_path = ''
as $$ select core.scim_group(core.scim_group_row(get_scim_group.workspace_id, get_scim_group.id), true) $$;

-- A member has one role: that of the first of the mapped groups, by their order. Who is in none of them any more gets the
-- default role, and whose role was given by hand keeps it.
create or replace function core.apply_scim_roles(workspace_id uuid, member_ids uuid[], token_name text) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_member core.members;
  v_role uuid;
  v_was_mapped boolean;
begin
  for v_member in select m.* from core.members m where m.id = any (member_ids) and m.workspace_id = apply_scim_roles.workspace_id order by m.id loop
    select g.role_id into v_role from core.scim_group_members gm join core.scim_groups g on g.id = gm.group_id
    where gm.member_id = v_member.id and g.role_id is not null order by g.position, g.created_at, g.id limit 1;
    select s.has_mapped_role into v_was_mapped from core.scim_users s where s.member_id = v_member.id;
    continue when v_role is null and v_was_mapped is not true;
    insert into core.scim_users as s (member_id, workspace_id, has_mapped_role) values (v_member.id, v_member.workspace_id, v_role is not null)
    on conflict (member_id) do update set has_mapped_role = excluded.has_mapped_role;
    perform core.set_role_anew(v_member, coalesce(v_role, core.default_role(v_member.workspace_id)), 'SCIM: ' || token_name);
    if (select m.role_id from core.members m where m.id = v_member.id) <> coalesce(v_role, core.default_role(v_member.workspace_id)) then
      -- The last administrator stays one, whatever a directory says.
      perform core.note_scim('SCIM_ROLE_KEPT', v_member, token_name);
    end if;
  end loop;
end
$$;

-- Puts into a team whom a group brings, and takes out whom none brings any more that did.
create or replace function core.apply_scim_team(team_id uuid, joined uuid[], left_by uuid[]) returns void
language plpgsql volatile set search_path = ''
as $$
begin
  if team_id is null then
    return;
  end if;
  insert into metadata.team_members (workspace_id, team_id, member_id)
  select m.workspace_id, apply_scim_team.team_id, m.id from core.members m
  where m.id = any (joined) and not exists (select from metadata.team_members t where t.team_id = apply_scim_team.team_id and t.member_id = m.id);
  delete from metadata.team_members t where t.team_id = apply_scim_team.team_id and t.member_id = any (left_by)
    and not exists (select from core.scim_group_members gm join core.scim_groups g on g.id = gm.group_id
      where gm.member_id = t.member_id and g.team_id = apply_scim_team.team_id);
end
$$;

create or replace function core.save_scim_group(workspace_id uuid, id uuid, resource jsonb, token_name text) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_group core.scim_groups;
  v_name text := btrim(resource ->> 'displayName');
  v_wanted uuid[];
  v_joined uuid[];
  v_left uuid[];
begin
  perform core.lock_scim(save_scim_group.workspace_id);
  if coalesce(v_name, '') = '' or length(v_name) > 200 or length(resource ->> 'externalId') > 500 then
    raise exception 'A group needs a displayName of at most 200 letters.' using errcode = 'RV169', column = 'displayName';
  end if;
  if exists (select from core.scim_groups g where g.workspace_id = save_scim_group.workspace_id and g.id is distinct from save_scim_group.id and lower(g.display_name) = lower(v_name)) then
    raise exception 'There is a group "%" already.', v_name using errcode = 'RV168', hint = 'Find it by displayName, and change that one.';
  end if;
  if exists (select from core.scim_values(resource -> 'members', '{}') v where v #>> '{}' !~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$') then
    raise exception 'Members of a group are users, by their id.' using errcode = 'RV169', column = 'members';
  end if;
  v_wanted := array(select distinct (v #>> '{}')::uuid from core.scim_values(resource -> 'members', '{}') v);
  if exists (select from unnest(v_wanted) w where not exists (select from core.members m where m.id = w and m.workspace_id = save_scim_group.workspace_id)) then
    raise exception 'One of the members is no user of this workspace.' using errcode = 'RV169', column = 'members';
  end if;
  if save_scim_group.id is null then
    insert into core.scim_groups (workspace_id, display_name, external_id) values (save_scim_group.workspace_id, v_name, resource ->> 'externalId') returning * into v_group;
    perform core.note_auth_event('SCIM_GROUP_CREATED', v_group.workspace_id, detail => jsonb_build_object('name', v_name, 'by', 'SCIM: ' || token_name));
  else
    v_group := core.scim_group_row(save_scim_group.workspace_id, save_scim_group.id);
    update core.scim_groups g set display_name = v_name, external_id = resource ->> 'externalId', updated_at = now() where g.id = v_group.id;
  end if;
  with gone as (
    delete from core.scim_group_members gm where gm.group_id = v_group.id and gm.member_id <> all (v_wanted) returning gm.member_id
  ), come as (
    insert into core.scim_group_members (group_id, member_id) select v_group.id, w from unnest(v_wanted) w on conflict do nothing returning member_id
  )
  select array(select g.member_id from gone g), array(select c.member_id from come c) into v_left, v_joined;
  perform core.apply_scim_team(v_group.team_id, v_joined, v_left);
  perform core.apply_scim_roles(v_group.workspace_id, v_left || v_joined, token_name);
  return core.get_scim_group(v_group.workspace_id, v_group.id);
end
$$;

create or replace function core.delete_scim_group(workspace_id uuid, id uuid, token_name text) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_group core.scim_groups;
  v_members uuid[];
begin
  perform core.lock_scim(workspace_id);
  v_group := core.scim_group_row(workspace_id, id);
  v_members := array(select gm.member_id from core.scim_group_members gm where gm.group_id = v_group.id);
  delete from core.scim_groups g where g.id = v_group.id;
  perform core.apply_scim_team(v_group.team_id, '{}', v_members);
  perform core.apply_scim_roles(v_group.workspace_id, v_members, token_name);
  perform core.note_auth_event('SCIM_GROUP_DELETED', v_group.workspace_id, detail => jsonb_build_object('name', v_group.display_name, 'by', 'SCIM: ' || token_name));
end
$$;

grant execute on function core.get_scim_group(uuid, uuid), core.save_scim_group(uuid, uuid, jsonb, text),
  core.delete_scim_group(uuid, uuid, text) to relvar_server;
