-- Codes, tokens, and what the authorization server remembers between two requests. Each is found by the hash of what its holder
-- has; what is kept beside it names no secret.

create or replace function core.save_oauth_token(model text, id_hash bytea, payload jsonb, expires_at timestamptz, user_code_hash bytea default null) returns void
language sql volatile security definer set search_path = ''
as $$
  insert into core.oauth_tokens as t (model, id_hash, payload, expires_at, user_code_hash, client_id, grant_id, scopes, resource)
  values (save_oauth_token.model, save_oauth_token.id_hash, save_oauth_token.payload, save_oauth_token.expires_at, save_oauth_token.user_code_hash,
    (save_oauth_token.payload ->> 'clientId')::uuid, (save_oauth_token.payload ->> 'grantId')::uuid,
    string_to_array(coalesce(save_oauth_token.payload ->> 'scope', ''), ' '), save_oauth_token.payload ->> 'aud')
  on conflict on constraint oauth_tokens_pkey do update set payload = excluded.payload, expires_at = excluded.expires_at, grant_id = excluded.grant_id
$$;

create or replace function core.find_oauth_token(model text, id_hash bytea) returns table (payload jsonb, consumed_at timestamptz)
language sql stable security definer set search_path = ''
as $$
  select t.payload, t.consumed_at from core.oauth_tokens t where t.model = find_oauth_token.model and t.id_hash = find_oauth_token.id_hash
$$;

create or replace function core.find_oauth_user_code(user_code_hash bytea) returns table (id_hash bytea, payload jsonb, consumed_at timestamptz)
language sql stable security definer set search_path = ''
as $$
  select t.id_hash, t.payload, t.consumed_at from core.oauth_tokens t where t.user_code_hash = find_oauth_user_code.user_code_hash and t.expires_at > now()
$$;

-- The update is what decides: of two requests with one code or refresh token the second was not meant to have it, and what was
-- granted ends with all that came of it.
create or replace function core.use_oauth_token(model text, id_hash bytea, ip inet, user_agent text) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  update core.oauth_tokens t set consumed_at = now()
  where t.model = use_oauth_token.model and t.id_hash = use_oauth_token.id_hash and t.consumed_at is null;
  if found then
    return true;
  end if;
  perform core.end_oauth_grant(t.grant_id, 'REUSED', use_oauth_token.ip, use_oauth_token.user_agent)
  from core.oauth_tokens t where t.model = use_oauth_token.model and t.id_hash = use_oauth_token.id_hash and t.grant_id is not null;
  return false;
end
$$;

create or replace function core.drop_oauth_token(model text, id_hash bytea) returns void
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_client uuid;
begin
  delete from core.oauth_tokens t where t.model = drop_oauth_token.model and t.id_hash = drop_oauth_token.id_hash returning t.client_id into v_client;
  if v_client is not null and drop_oauth_token.model in ('AccessToken', 'ClientCredentials') then
    perform pg_notify('relvar_identity', json_build_object('application', v_client)::text);
  end if;
end
$$;

-- Whom a token acts for: the member who let the app, with the member's role, or the app itself with its own. Scopes take away:
-- without one of the API a token opens nothing, and without "api" its transactions only read.
drop function if exists core.resolve_oauth_token(bytea, text[]);
create function core.resolve_oauth_token(token_hash bytea, resources text[])
returns table (workspace_id uuid, workspace_slug text, workspace_name text, schema_name text, pg_role text, role_name text, member_id uuid, user_id uuid,
  api_key_id uuid, email text, display_name text, model_version bigint, shape text, session_id uuid, rate_limit int, impersonator_id uuid, impersonator_name text,
  application_id uuid, application_name text, grant_id uuid, scopes text, is_read_only boolean)
language sql stable security definer set search_path = ''
as $$
  select w.id, w.slug, w.name, w.schema_name, r.pg_role, r.name, m.id, u.id, null::uuid, u.email, coalesce(m.name, c.name), w.model_version, w.shape,
    null::uuid, c.rate_limit, null::uuid, null::text, c.id, c.name, g.id, array_to_string(t.scopes, ' '), not 'api' = any (t.scopes)
  from core.oauth_tokens t
  join core.oauth_clients c on c.id = t.client_id
  left join core.oauth_grants g on g.id = t.grant_id and g.ended_at is null
  left join core.members m on m.id = g.member_id and m.is_active
  left join core.users u on u.id = m.user_id and u.disabled_at is null
  join metadata.roles r on r.id = case t.model when 'AccessToken' then m.role_id else c.role_id end
  join core.workspaces w on w.id = r.workspace_id
  where t.id_hash = resolve_oauth_token.token_hash and t.model in ('AccessToken', 'ClientCredentials') and t.expires_at > now()
    and t.scopes && '{api,api:read}' and t.resource = any (resources)
    and (t.model = 'ClientCredentials' or u.id is not null)
    and core.may_use_client(c, w.id)
$$;
comment on function core.resolve_oauth_token(bytea, text[]) is 'Who comes with an access token of an app, and what it may do at one of these resources; nobody once it has ended.';

create or replace function core.note_app_use(client_id uuid, grant_id uuid) returns void
language sql volatile security definer set search_path = ''
as $$
  update core.oauth_clients c set last_used_at = now()
  where c.id = note_app_use.client_id and (c.last_used_at is null or c.last_used_at < now() - interval '1 minute');
  update core.oauth_grants g set last_used_at = now()
  where g.id = note_app_use.grant_id and (g.last_used_at is null or g.last_used_at < now() - interval '1 minute');
$$;

-- Refresh tokens that were used are kept as long as they would have been good for, so that theft is noticed. A consent that
-- nobody has used for a month is forgotten, and so is an app that registered itself and was let in by nobody.
create or replace function core.purge_oauth() returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_count int;
begin
  delete from core.oauth_tokens t where t.expires_at < now() - case when t.grant_id is null then interval '0' else interval '1 day' end;
  get diagnostics v_count = row_count;
  delete from core.oauth_grants g
  where greatest(g.created_at, g.last_used_at, g.ended_at) < now() - interval '30 days'
    and not exists (select from core.oauth_tokens t where t.grant_id = g.id);
  delete from core.oauth_clients c
  where c.workspace_id is null and greatest(c.created_at, c.last_used_at) < now() - interval '30 days'
    and not exists (select from core.oauth_grants g where g.client_id = c.id)
    and not exists (select from core.oauth_decisions d where d.client_id = c.id);
  return v_count;
end
$$;
comment on function core.purge_oauth() is 'Forgets codes and tokens that have run out, and apps that nobody uses. Returns how many tokens.';

grant execute on function core.save_oauth_token(text, bytea, jsonb, timestamptz, bytea), core.find_oauth_token(text, bytea), core.find_oauth_user_code(bytea),
  core.use_oauth_token(text, bytea, inet, text), core.drop_oauth_token(text, bytea), core.resolve_oauth_token(bytea, text[]), core.note_app_use(uuid, uuid) to relvar_server;
grant execute on function core.purge_oauth() to relvar_worker;
