-- Creating a workspace is a difference from nothing: rows of metadata, one reconciliation.

create or replace function engine.create_workspace(slug text, name text, owner_email text, owner_name text default null, owner_password_hash text default null) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_id uuid;
  v_schema text;
begin
  if slug !~ '^[a-z][a-z0-9-]{1,38}[a-z0-9]$' then
    raise exception '"%" cannot be the slug of a workspace.', slug using errcode = 'RV040', column = 'slug',
      hint = 'Use 3 to 40 small letters, digits and hyphens, beginning with a letter.';
  end if;
  if exists (select from core.workspaces w where w.slug = create_workspace.slug) then
    raise exception 'There is a workspace "%" already.', slug using errcode = 'RV041', column = 'slug', hint = 'Choose another slug.';
  end if;
  -- Roles belong to the whole cluster, so the name must not meet one of another database.
  v_schema := 'ws_' || engine.base36(('x' || substr(replace(gen_random_uuid()::text, '-', ''), 18, 15))::bit(60)::bigint);
  insert into core.workspaces (slug, name, schema_name) values (create_workspace.slug, create_workspace.name, v_schema) returning id into v_id;
  perform engine.add_system_roles(v_id, v_schema);
  if not exists (select from engine.standard_manifest) then
    raise exception 'The standard objects are not loaded.' using errcode = 'RV042', hint = 'Run the migrations again; they load them.';
  end if;
  perform metadata.sync_application(v_id, m.manifest) from engine.standard_manifest m;
  -- Members come and go by invitation, not by creating or deleting a record.
  insert into metadata.object_permissions (workspace_id, role_id, object_id, can_read, can_create, can_update, can_delete, can_destroy)
  select v_id, r.id, o.id, true, false, r.has_all_permissions, false, false
  from metadata.roles r join metadata.objects o on o.workspace_id = r.workspace_id
  where r.workspace_id = v_id and o.universal_identifier = 'standard:workspaceMember';
  perform engine.apply(v_id);
  perform engine.begin_positions(v_id);
  delete from engine.pending p where p.workspace_id = v_id;
  perform core.add_member(create_workspace.slug, owner_email, coalesce(owner_name, split_part(owner_email, '@', 1)), 'Admin', owner_password_hash);
  return v_id;
end
$$;
comment on function engine.create_workspace(text, text, text, text, text) is
  'Creates a workspace with the standard objects, the roles Admin, Member and Read-only, and its owner. password hash: argon2id, or null for a user who has one or gets one later.';

-- The roles that every workspace has: Admin, Member, which new members get, and Read-only.
create or replace function engine.add_system_roles(workspace_id uuid, schema_name text) returns void
language plpgsql volatile set search_path = ''
as $$
begin
  insert into metadata.roles (workspace_id, name, description, icon, pg_role, is_system, has_all_permissions, permissions, can_create_all, can_update_all, can_delete_all, can_destroy_all) values
    (add_system_roles.workspace_id, 'Admin', 'May do everything, including changing the data model.', 'IconShieldStar', schema_name || '_r_1', true, true, '{}', true, true, true, true),
    (add_system_roles.workspace_id, 'Member', 'May read and change all records.', 'IconUser', schema_name || '_r_2', true, false, engine.member_permissions(), true, true, true, true),
    (add_system_roles.workspace_id, 'Read-only', 'May read all records and change none.', 'IconEye', schema_name || '_r_3', true, false, '{DOWNLOAD_FILE,EXPORT_CSV,PROFILE_INFORMATION}', false, false, false, false);
  insert into core.workspace_settings (workspace_id, default_role_id)
  select r.workspace_id, r.id from metadata.roles r where r.workspace_id = add_system_roles.workspace_id and r.name = 'Member';
end
$$;

create or replace function engine.member_permissions() returns text[]
language sql immutable parallel safe
  return '{AI,CONNECTED_ACCOUNTS,DOWNLOAD_FILE,EXPORT_CSV,IMPORT_CSV,PROFILE_INFORMATION,SEND_EMAIL_TOOL,UPLOAD_FILE,VIEWS}'::text[];

create or replace function engine.base36(n bigint) returns text
language plpgsql immutable strict parallel safe set search_path = ''
as $$
declare
  v_digits text := '';
  v_n bigint := n;
begin
  loop
    v_digits := substr('0123456789abcdefghijklmnopqrstuvwxyz', (v_n % 36)::int + 1, 1) || v_digits;
    v_n := v_n / 36;
    exit when v_n = 0;
  end loop;
  return v_digits;
end
$$;

create or replace function engine.drop_workspace(slug text) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspace core.workspaces;
  v_role text;
begin
  select * into v_workspace from core.workspaces w where w.slug = drop_workspace.slug for update;
  if not found then
    raise exception 'There is no workspace "%".', slug using errcode = 'RV012', hint = 'relvar workspace list shows them.';
  end if;
  perform pg_advisory_xact_lock(hashtextextended('relvar.model.' || v_workspace.id, 0));
  -- The relay passes by a workspace whose counter is held.
  delete from engine.event_positions p where p.workspace_id = v_workspace.id;
  if to_regclass(format('%I.record_files', v_workspace.schema_name)) is not null then
    execute format('insert into core.unwanted_files (workspace_id, file_id) select $1, f.id from %I.record_files f', v_workspace.schema_name) using v_workspace.id;
  end if;
  execute format('drop schema %I cascade', v_workspace.schema_name);
  perform core.drop_database_login(l) from core.database_logins l where l.workspace_id = v_workspace.id;
  for v_role in
    select r.rolname from pg_catalog.pg_roles r
    where (r.rolname >= v_workspace.schema_name || '_r_' and r.rolname < v_workspace.schema_name || '_r`')
      or (r.rolname >= v_workspace.schema_name || '_ro_' and r.rolname < v_workspace.schema_name || '_ro`') or r.rolname = v_workspace.schema_name
    order by length(r.rolname) desc
  loop
    -- What a login made as the role, such as a large object, would hold it.
    execute engine.grant_to_owner(v_role);
    execute format('drop owned by %I', v_role);
    execute format('drop role %I', v_role);
  end loop;
  delete from core.members m where m.workspace_id = v_workspace.id;
  delete from core.workspaces w where w.id = v_workspace.id;
  delete from engine.outbox o where o.workspace_id = v_workspace.id;
  delete from core.users u where not exists (select from core.members m where m.user_id = u.id);
  perform pg_notify('relvar_model', json_build_object('workspace', v_workspace.id, 'version', null, 'shape', null)::text);
end
$$;
comment on function engine.drop_workspace(text) is 'Drops a workspace with all its records, roles and metadata, and the users who belong to no other.';

-- Which workspace an address names, for its sign-in page.
create or replace function core.workspace_at(slug text) returns table (id uuid, name text)
language sql stable security definer set search_path = ''
as $$ select w.id, w.name from core.workspaces w where w.slug = workspace_at.slug $$;
grant execute on function core.workspace_at(text) to relvar_server;
