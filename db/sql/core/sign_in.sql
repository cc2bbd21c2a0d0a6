-- What the server may ask and say about who signs in. It reaches core by these functions alone.

grant usage on schema core to relvar_server, relvar_worker;

create type core.identity as (
  workspace_id uuid, workspace_slug text, workspace_name text, schema_name text, pg_role text, role_name text,
  member_id uuid, user_id uuid, api_key_id uuid, email text, display_name text, model_version bigint, shape text
);

create or replace function core.find_login(email text)
returns table (user_id uuid, password_hash text, workspaces jsonb)
language sql stable security definer set search_path = ''
as $$
  select u.id, u.password_hash, (
    select coalesce(jsonb_agg(jsonb_build_object('id', w.id, 'slug', w.slug, 'name', w.name) order by m.created_at, w.id), '[]')
    from core.members m join core.workspaces w on w.id = m.workspace_id
    where m.user_id = u.id and m.is_active)
  from core.users u where lower(u.email) = lower(btrim(find_login.email))
$$;

create or replace function core.create_session(user_id uuid, workspace_id uuid, token_hash bytea, expires_at timestamptz) returns uuid
language sql volatile security definer set search_path = ''
as $$
  -- No membership, no session.
  insert into core.sessions (user_id, workspace_id, token_hash, expires_at)
  select m.user_id, m.workspace_id, create_session.token_hash, create_session.expires_at
  from core.members m
  where m.user_id = create_session.user_id and m.workspace_id = create_session.workspace_id and m.is_active
  returning id
$$;

create or replace function core.resolve_session(token_hash bytea) returns setof core.identity
language sql stable security definer set search_path = ''
as $$
  select w.id, w.slug, w.name, w.schema_name, r.pg_role, r.name, m.id, u.id, null::uuid, u.email, m.name, w.model_version, w.shape
  from core.sessions s
  join core.users u on u.id = s.user_id
  join core.members m on m.user_id = s.user_id and m.workspace_id = s.workspace_id and m.is_active
  join metadata.roles r on r.id = m.role_id
  join core.workspaces w on w.id = s.workspace_id
  where s.token_hash = resolve_session.token_hash and s.expires_at > now()
$$;

create or replace function core.end_session(token_hash bytea) returns void
language sql volatile security definer set search_path = ''
as $$ delete from core.sessions s where s.token_hash = end_session.token_hash $$;

create or replace function core.create_api_key(workspace_slug text, role_name text, name text, prefix text, token_hash bytea, expires_at timestamptz default null) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_id uuid;
begin
  if not exists (select from core.workspaces w where w.slug = workspace_slug) then
    raise exception 'There is no workspace "%".', workspace_slug using errcode = 'RV012', hint = 'relvar workspace list shows them.';
  end if;
  insert into core.api_keys (workspace_id, role_id, name, prefix, token_hash, expires_at)
  select w.id, r.id, create_api_key.name, create_api_key.prefix, create_api_key.token_hash, create_api_key.expires_at
  from core.workspaces w join metadata.roles r on r.workspace_id = w.id and r.name = role_name
  where w.slug = workspace_slug
  returning id into v_id;
  if v_id is null then
    raise exception 'The workspace has no role "%".', role_name using errcode = 'RV044', column = 'role', hint = 'The standard roles are Admin and Member.';
  end if;
  return v_id;
end
$$;
comment on function core.create_api_key(text, text, text, text, bytea, timestamptz) is 'Registers an API key for a role. Only its SHA-256 is stored.';

create or replace function core.resolve_api_key(token_hash bytea) returns setof core.identity
language sql stable security definer set search_path = ''
as $$
  select w.id, w.slug, w.name, w.schema_name, r.pg_role, r.name, null::uuid, null::uuid, k.id, null::text, k.name, w.model_version, w.shape
  from core.api_keys k
  join metadata.roles r on r.id = k.role_id
  join core.workspaces w on w.id = k.workspace_id
  where k.token_hash = resolve_api_key.token_hash and k.revoked_at is null and (k.expires_at is null or k.expires_at > now())
$$;

create or replace function core.gateway_workspace(workspace_id uuid) returns table (schema_name text, shape text, model_version bigint)
language sql stable security definer set search_path = ''
as $$ select w.schema_name, w.shape, w.model_version from core.workspaces w where w.id = gateway_workspace.workspace_id $$;

create or replace function core.list_versions() returns table (workspace_id uuid, model_version bigint, shape text)
language sql stable security definer set search_path = ''
as $$ select w.id, w.model_version, w.shape from core.workspaces w $$;

grant execute on function core.find_login(text), core.create_session(uuid, uuid, bytea, timestamptz), core.resolve_session(bytea), core.end_session(bytea),
  core.resolve_api_key(bytea), core.gateway_workspace(uuid), core.list_versions() to relvar_server;
