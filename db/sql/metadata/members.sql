-- Who belongs to a workspace. These functions act for the CRM role that was taken, in the screen and
-- in psql alike; each asks first whether the role may.

-- The one place that says who keeps the members.
create or replace function engine.keeps_members() returns boolean
language sql stable set search_path = ''
  return engine.may('WORKSPACE_MEMBERS');

create or replace function engine.assert_keeps_members() returns uuid
language plpgsql stable set search_path = ''
as $$
declare
  v_workspace uuid := engine.workspace_of_role(current_setting('role')::name);
begin
  if v_workspace is null or not engine.keeps_members() then
    raise exception 'Your role may not invite or change members.' using errcode = '42501', hint = 'Ask an administrator of the workspace.';
  end if;
  return v_workspace;
end
$$;

create or replace function engine.member_row(workspace_id uuid, member_id uuid) returns core.members
language plpgsql stable set search_path = ''
as $$
declare
  v_member core.members;
begin
  select * into v_member from core.members m where m.id = member_row.member_id and m.workspace_id = member_row.workspace_id;
  if not found then
    raise exception 'The workspace has no such member.' using errcode = 'RV063', hint = 'The member may have been removed meanwhile.';
  end if;
  return v_member;
end
$$;

-- Which members may be given which roles by whom: who keeps the roles gives any, who keeps the members those
-- that his own role is or includes, and the one that everybody gets.
create or replace function engine.assert_may_assign(workspace_id uuid, role_id uuid) returns void
language plpgsql stable set search_path = ''
as $$
begin
  if not exists (select from metadata.roles r where r.id = assert_may_assign.role_id and r.workspace_id = assert_may_assign.workspace_id) then
    raise exception 'There is no such role.' using errcode = 'RV044', column = 'role_id', hint = 'metadata.roles lists them.';
  end if;
  if engine.acts_as_administrator() or engine.workspace_of_role(current_setting('role')::name) = workspace_id and engine.may('ROLES') then
    return;
  end if;
  perform engine.assert_keeps_members();
  if role_id is distinct from core.default_role(workspace_id) and role_id not in (select engine.roles_of(current_setting('role')::name)) then
    raise exception 'Your role cannot give this role, which may do what yours may not.' using errcode = '42501', column = 'role_id', hint = 'Ask somebody who keeps the roles.';
  end if;
end
$$;

create or replace function engine.note_member_event(kind text, member core.members, detail jsonb default '{}') returns void
language sql volatile set search_path = ''
as $$
  select core.note_auth_event(kind, (member).workspace_id, (member).user_id, null, null, null,
    detail || jsonb_build_object('memberId', (member).id, 'by', engine.actor_name()))
$$;

-- Somebody must always be able to let people in again, whatever a transaction does on the way.
create or replace function engine.tg_members__keep_admin() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  if exists (select from core.workspaces w where w.id = old.workspace_id)
    and exists (select from metadata.roles r where r.id = old.role_id and r.is_system and r.has_all_permissions)
    and not exists (select from core.members m join metadata.roles r on r.id = m.role_id
      where m.workspace_id = old.workspace_id and m.is_active and r.is_system and r.has_all_permissions) then
    raise exception 'The last administrator of a workspace stays one.' using errcode = 'RV092', column = 'role_id', hint = 'Make another member an administrator first.';
  end if;
  return null;
end
$$;
drop trigger if exists keep_admin on core.members;
create constraint trigger keep_admin after update of role_id, is_active or delete on core.members
  deferrable initially deferred for each row execute function engine.tg_members__keep_admin();

create or replace function metadata.members() returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.assert_keeps_members();
begin
  return coalesce((select jsonb_agg(jsonb_build_object('id', m.id, 'name', m.name, 'email', u.email, 'avatarUrl', m.avatar_url,
      'roleId', m.role_id, 'isActive', m.is_active, 'joinedAt', m.created_at, 'isMe', m.id is not distinct from engine.current_member(),
      'isEmailVerified', u.email_verified_at is not null,
      'lastSeenAt', (select max(s.last_used_at) from core.sessions s where s.user_id = m.user_id and s.workspace_id = m.workspace_id and s.impersonator_user_id is null))
    order by m.is_active desc, lower(m.name), m.id)
    from core.members m join core.users u on u.id = m.user_id where m.workspace_id = v_workspace), '[]');
end
$$;
comment on function metadata.members() is 'The members of the workspace with their roles, and when each was last seen. For who keeps the members.';

create or replace function metadata.set_member_role(member_id uuid, role_id uuid) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_workspace uuid := engine.assert_keeps_members();
  v_member core.members := engine.member_row(v_workspace, set_member_role.member_id);
begin
  perform engine.assert_may_assign(v_workspace, set_member_role.role_id), engine.assert_may_assign(v_workspace, v_member.role_id);
  update core.members m set role_id = set_member_role.role_id where m.id = v_member.id;
  perform engine.note_member_event('MEMBER_ROLE_CHANGED', v_member, jsonb_build_object('from', v_member.role_id, 'to', set_member_role.role_id));
  return v_member.id;
end
$$;
comment on function metadata.set_member_role(uuid, uuid) is 'Gives a member another role. Holds from the member''s next request.';

create or replace function metadata.set_member_active(member_id uuid, is_active boolean) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_workspace uuid := engine.assert_keeps_members();
  v_member core.members := engine.member_row(v_workspace, set_member_active.member_id);
begin
  perform engine.assert_may_assign(v_workspace, v_member.role_id);
  update core.members m set is_active = set_member_active.is_active where m.id = v_member.id;
  if not set_member_active.is_active then
    perform core.revoke_session(s.id, 'MEMBER_DEACTIVATED') from core.sessions s
    where s.user_id = v_member.user_id and s.workspace_id = v_workspace and s.revoked_at is null;
  end if;
  perform engine.note_member_event(case when set_member_active.is_active then 'MEMBER_REACTIVATED' else 'MEMBER_DEACTIVATED' end, v_member);
  return v_member.id;
end
$$;
comment on function metadata.set_member_active(uuid, boolean) is 'Keeps a member out, or lets the member in again. Records go on naming the member.';

create or replace function metadata.remove_member(member_id uuid) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_workspace uuid := engine.assert_keeps_members();
  v_member core.members := engine.member_row(v_workspace, remove_member.member_id);
  v_schema text := (select w.schema_name from core.workspaces w where w.id = v_workspace);
begin
  perform engine.assert_may_assign(v_workspace, v_member.role_id);
  perform core.revoke_session(s.id, 'MEMBER_REMOVED') from core.sessions s
  where s.user_id = v_member.user_id and s.workspace_id = v_workspace and s.revoked_at is null;
  delete from core.members m where m.id = v_member.id;
  execute format('delete from %I.workspace_members where id = $1', v_schema) using v_member.id;
  perform engine.note_member_event('MEMBER_REMOVED', v_member);
  return v_member.id;
end
$$;
comment on function metadata.remove_member(uuid) is 'Removes a member from the workspace, with the record that others refer to. What the member wrote stays.';

grant execute on function metadata.members(), metadata.set_member_role(uuid, uuid), metadata.set_member_active(uuid, boolean), metadata.remove_member(uuid) to relvar_crm;

-- The name, the picture and the address of a member stand in core and in the tenant's record, and are kept the same.
create or replace function core.tg_members__tell_tenant() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_schema text := (select w.schema_name from core.workspaces w where w.id = new.workspace_id);
begin
  execute format('update %I.workspace_members t set name_first_name = $2, name_last_name = $3, avatar_url = $4
    where t.id = $1 and (btrim(concat_ws('' '', t.name_first_name, t.name_last_name)), t.avatar_url) is distinct from ($5, $4)', v_schema)
    using new.id, core.first_name(new.name), core.last_name(new.name), new.avatar_url, btrim(new.name);
  return null;
end
$$;

create or replace function core.tg_users__tell_tenants() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  r record;
begin
  for r in select m.id, w.schema_name from core.members m join core.workspaces w on w.id = m.workspace_id where m.user_id = new.id loop
    execute format('update %I.workspace_members t set user_email = $2 where t.id = $1 and t.user_email is distinct from $2', r.schema_name) using r.id, lower(new.email);
  end loop;
  return null;
end
$$;

create or replace function engine.tg_records__tell_core() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_new jsonb := to_jsonb(new);
  v_name text := btrim(concat_ws(' ', v_new ->> 'name_first_name', v_new ->> 'name_last_name'));
begin
  if (v_new ->> 'user_email') is distinct from (
      select lower(u.email) from core.members m join core.users u on u.id = m.user_id where m.id = new.id and m.workspace_id = tg_argv[0]::uuid)
    and exists (select from core.members m where m.id = new.id and m.workspace_id = tg_argv[0]::uuid) then
    raise exception 'The e-mail address of a member is that of the account.' using errcode = 'RV114', column = 'user_email',
      hint = 'Members change it in their profile, and prove it by a link.';
  end if;
  update core.members m set name = v_name, avatar_url = v_new ->> 'avatar_url'
  where m.id = new.id and m.workspace_id = tg_argv[0]::uuid and (m.name, m.avatar_url) is distinct from (v_name, v_new ->> 'avatar_url');
  return null;
end
$$;

drop trigger if exists _500_tell_tenant on core.members;
create trigger _500_tell_tenant after update of name, avatar_url on core.members for each row
  when ((old.name, old.avatar_url) is distinct from (new.name, new.avatar_url)) execute function core.tg_members__tell_tenant();
drop trigger if exists _500_tell_tenants on core.users;
create trigger _500_tell_tenants after update of email on core.users for each row
  when (old.email is distinct from new.email) execute function core.tg_users__tell_tenants();
