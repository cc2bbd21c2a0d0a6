-- A member is a user in a workspace, and a record of the tenant: the same id in core.members and
-- in the tenant's workspace_members, so that records can refer to members by foreign key without
-- a reference that leaves the tenant's schema.

create or replace function core.add_member(workspace_slug text, email text, name text, role_name text, password_hash text default null) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_workspace core.workspaces;
  v_user uuid;
  v_role uuid;
  v_member uuid;
begin
  select * into v_workspace from core.workspaces w where w.slug = add_member.workspace_slug;
  if not found then
    raise exception 'There is no workspace "%".', workspace_slug using errcode = 'RV012', hint = 'relvar workspace list shows them.';
  end if;
  if add_member.email !~ '^[^@\s]+@[^@\s]+$' then
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
  insert into core.members (workspace_id, user_id, role_id, name) values (v_workspace.id, v_user, v_role, add_member.name) returning id into v_member;
  execute format('insert into %I.workspace_members (id, name_first_name, name_last_name, user_email) values ($1, $2, $3, $4)', v_workspace.schema_name)
    using v_member, split_part(add_member.name, ' ', 1), nullif(btrim(substr(add_member.name, length(split_part(add_member.name, ' ', 1)) + 1)), ''), lower(add_member.email);
  return v_member;
end
$$;
comment on function core.add_member(text, text, text, text, text) is
  'Adds a user, made if need be, to a workspace with a role. Returns the member''s id, which is also the id of the record in workspace_members.';
