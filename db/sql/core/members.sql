-- A member is a user in a workspace, and a record of the tenant: the same id in core.members and
-- in the tenant's workspace_members, so that records can refer to members by foreign key without
-- a reference that leaves the tenant's schema.

create or replace function core.first_name(name text) returns text
language sql immutable parallel safe set search_path = ''
  return split_part(btrim(name), ' ', 1);

create or replace function core.last_name(name text) returns text
language sql immutable parallel safe set search_path = ''
  return nullif(btrim(substr(btrim(name), length(split_part(btrim(name), ' ', 1)) + 1)), '');

-- Makes a user a member: one row here, one record there.
create or replace function core.join_workspace(workspace_id uuid, user_id uuid, role_id uuid, name text) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_member uuid;
  v_schema text;
  v_email text;
begin
  select w.schema_name into strict v_schema from core.workspaces w where w.id = join_workspace.workspace_id;
  select u.email into strict v_email from core.users u where u.id = join_workspace.user_id;
  insert into core.members (workspace_id, user_id, role_id, name)
  values (join_workspace.workspace_id, join_workspace.user_id, join_workspace.role_id, join_workspace.name) returning id into v_member;
  execute format('insert into %I.workspace_members (id, name_first_name, name_last_name, user_email) values ($1, $2, $3, $4)', v_schema)
    using v_member, core.first_name(join_workspace.name), core.last_name(join_workspace.name), lower(v_email);
  return v_member;
end
$$;

create or replace function core.add_member(workspace_slug text, email text, name text, role_name text, password_hash text default null) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_workspace core.workspaces;
  v_user uuid;
  v_role uuid;
begin
  select * into v_workspace from core.workspaces w where w.slug = add_member.workspace_slug;
  if not found then
    raise exception 'There is no workspace "%".', workspace_slug using errcode = 'RV012', hint = 'relvar workspace list shows them.';
  end if;
  if core.is_email(add_member.email) is not true then
    raise exception '"%" is not an e-mail address.', add_member.email using errcode = 'RV043', column = 'email';
  end if;
  select r.id into v_role from metadata.roles r where r.workspace_id = v_workspace.id and r.name = add_member.role_name;
  if not found then
    raise exception 'The workspace has no role "%".', role_name using errcode = 'RV044', column = 'role',
      hint = 'It has ' || (select string_agg(r.name, ', ' order by r.name) from metadata.roles r where r.workspace_id = v_workspace.id) || '.';
  end if;
  insert into core.users as u (email, name, password_hash) values (lower(add_member.email), add_member.name, add_member.password_hash)
  on conflict (lower(email)) do update set password_hash = coalesce(u.password_hash, excluded.password_hash)
  returning u.id into v_user;
  if exists (select from core.members m where m.workspace_id = v_workspace.id and m.user_id = v_user) then
    raise exception '% is a member already.', add_member.email using errcode = 'RV045', column = 'email';
  end if;
  return core.join_workspace(v_workspace.id, v_user, v_role, add_member.name);
end
$$;
comment on function core.add_member(text, text, text, text, text) is
  'Adds a user, made if need be, to a workspace with a role. Returns the member''s id, which is also the id of the record in workspace_members.';
