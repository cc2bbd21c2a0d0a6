-- What the server may ask and say about who signs in. It reaches core by these functions alone.

grant usage on schema core to relvar_server, relvar_worker;

create or replace function core.find_login(email text)
returns table (user_id uuid, password_hash text, workspaces jsonb)
language sql stable security definer set search_path = ''
as $$
  select u.id, u.password_hash, (
    select coalesce(jsonb_agg(jsonb_build_object('id', w.id, 'slug', w.slug, 'name', w.name) order by m.created_at, w.id), '[]')
    from core.members m join core.workspaces w on w.id = m.workspace_id
    where m.user_id = u.id and m.is_active)
  from core.users u where lower(u.email) = lower(btrim(find_login.email)) and u.disabled_at is null
$$;

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
  select w.id, w.slug, w.name, w.schema_name, r.pg_role, r.name, m.id, u.id, k.id, u.email, coalesce(m.name, k.name), w.model_version, w.shape,
    null::uuid, k.rate_limit, null::uuid, null::text
  from core.api_keys k
  left join core.members m on m.id = k.member_id
  left join core.users u on u.id = m.user_id
  join metadata.roles r on r.id = coalesce(k.role_id, m.role_id)
  join core.workspaces w on w.id = k.workspace_id
  where k.token_hash = resolve_api_key.token_hash and k.revoked_at is null and (k.expires_at is null or k.expires_at > now())
    and (k.member_id is null or m.is_active and u.disabled_at is null)
$$;
comment on function core.resolve_api_key(bytea) is 'Whom a key acts for: its own role, or with a personal one the member.';

create or replace function core.note_key_use(api_key_id uuid) returns void
language sql volatile security definer set search_path = ''
as $$
  -- To the minute is exact enough for people, and a busy key does not write all the time.
  update core.api_keys k set last_used_at = now()
  where k.id = note_key_use.api_key_id and (k.last_used_at is null or k.last_used_at < now() - interval '1 minute')
$$;

create or replace function core.gateway_workspace(workspace_id uuid) returns table (schema_name text, shape text, model_version bigint)
language sql stable security definer set search_path = ''
as $$ select w.schema_name, w.shape, w.model_version from core.workspaces w where w.id = gateway_workspace.workspace_id $$;

create or replace function core.list_versions() returns table (workspace_id uuid, model_version bigint, shape text)
language sql stable security definer set search_path = ''
as $$ select w.id, w.model_version, w.shape from core.workspaces w $$;

grant execute on function core.find_login(text), core.resolve_api_key(bytea), core.note_key_use(uuid), core.gateway_workspace(uuid), core.list_versions() to relvar_server;
