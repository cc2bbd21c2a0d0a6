-- Apps that may ask for access (OAuth 2.1 clients). A workspace registers its own; others register themselves (RFC 7591), belong
-- to no workspace, and are used in those that let them in. Members decide for themselves, by consent.

-- What an app may be granted. Rights come from the role of whom it acts for; a scope only takes away from them.
create or replace function core.oauth_scopes() returns table (scope text, is_api boolean, sentence text)
language sql immutable parallel safe set search_path = ''
as $$
  select * from (values
    ('openid', false, 'Know which member you are'),
    ('profile', false, 'See your name and picture'),
    ('email', false, 'See your e-mail address'),
    ('api:read', true, 'See the records that you see, and nothing else'),
    ('api', true, 'See and change records as you may'),
    ('settings', true, 'Change the data model, layouts and workflows as far as you may'),
    ('offline_access', false, 'Stay connected until you disconnect it')
  ) as s (scope, is_api, sentence)
$$;

create or replace function core.list_oauth_scopes() returns table (scope text, is_api boolean)
language sql stable security definer set search_path = ''
as $$ select s.scope, s.is_api from core.oauth_scopes() s $$;

-- Where codes may be sent: to a host that is proved by its certificate, to this machine, or to a program on it. No user
-- information, no fragment, and no scheme that a browser runs or opens by itself (RFC 9700, section 4.1).
create or replace function core.is_redirect_uri(uri text) returns boolean
language sql immutable parallel safe set search_path = ''
as $$
  select uri ~ '^[!-~]+$' and length(uri) <= 2000 and uri !~ '[#\\<>"`{}|^]' and (
    uri ~* '^https://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?([/?].*)?$'
    or uri ~* '^http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?([/?].*)?$'
    or uri ~* '^[a-z][a-z0-9+.-]*:/[^@]*$' and lower(split_part(uri, ':', 1)) <> all ('{http,https,ws,wss,ftp,file,javascript,vbscript,data,blob,about,view-source,mailto,tel,sms,intent,content,chrome,resource,jar,ms-appx-web}'))
$$;

create or replace function core.assert_redirect_uris(uris text[]) returns void
language plpgsql immutable set search_path = ''
as $$
declare
  v_bad text := (select u from unnest(uris) u where core.is_redirect_uri(u) is not true limit 1);
begin
  if v_bad is not null or cardinality(uris) > 20 then
    raise exception 'Nobody can be sent back to "%".', left(coalesce(v_bad, 'more than 20 addresses'), 200) using errcode = 'RV146', column = 'redirectUris',
      hint = 'Give an https address, http at localhost or 127.0.0.1, or a scheme of your own such as com.example.app:/callback; without user name and fragment.';
  end if;
end
$$;

-- Whether a workspace lets an app in. Its own unless blocked; others as was decided for the one, else for all of them.
create or replace function core.may_use_client(client core.oauth_clients, workspace_id uuid) returns boolean
language sql stable set search_path = ''
as $$
  select ((client).workspace_id is null or (client).workspace_id = may_use_client.workspace_id)
    and coalesce(
      (select d.is_allowed from core.oauth_decisions d where d.workspace_id = may_use_client.workspace_id and d.client_id = (client).id),
      (client).workspace_id is not null or (select s.allows_other_apps from core.workspace_settings s where s.workspace_id = may_use_client.workspace_id))
$$;

-- A client as the protocol describes it (RFC 7591). In place of the secret stands its hash.
create or replace function core.find_oauth_client(client_id uuid) returns jsonb
language sql stable security definer set search_path = ''
as $$
  select jsonb_strip_nulls(jsonb_build_object(
    'client_id', c.id, 'client_name', c.name, 'redirect_uris', c.redirect_uris, 'grant_types', c.grant_types,
    'response_types', case when 'authorization_code' = any (c.grant_types) then '["code"]' else '[]' end::jsonb,
    'token_endpoint_auth_method', c.auth_method, 'client_secret', encode(c.secret_hash, 'hex'),
    -- A loopback address may come with any port (RFC 8252), which the protocol calls native.
    'application_type', case when exists (select from unnest(c.redirect_uris) u where u !~* '^https:') then 'native' else 'web' end))
  from core.oauth_clients c
  where c.id = find_oauth_client.client_id and (c.workspace_id is null or core.may_use_client(c, c.workspace_id))
$$;

create or replace function core.register_oauth_client(client_id uuid, metadata jsonb, secret_hash bytea, ip inet, user_agent text) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_uris text[] := array(select jsonb_array_elements_text(metadata -> 'redirect_uris'));
  v_name text := left(coalesce(nullif(btrim(metadata ->> 'client_name'), ''), 'An app without a name'), 100);
begin
  perform core.assert_redirect_uris(v_uris);
  insert into core.oauth_clients (id, name, redirect_uris, grant_types, auth_method, secret_hash, created_by_ip)
  values (register_oauth_client.client_id, v_name, v_uris, array(select jsonb_array_elements_text(metadata -> 'grant_types')),
    metadata ->> 'token_endpoint_auth_method', register_oauth_client.secret_hash, ip);
  perform core.note_auth_event('APP_REGISTERED', ip => register_oauth_client.ip, user_agent => register_oauth_client.user_agent,
    detail => jsonb_build_object('app', v_name, 'clientId', client_id));
end
$$;
comment on function core.register_oauth_client(uuid, jsonb, bytea, inet, text) is 'Takes an app that registers itself (RFC 7591). It can do nothing before a member lets it.';

create or replace function core.workspace_of_app(client_id uuid) returns uuid
language sql stable security definer set search_path = ''
as $$ select c.workspace_id from core.oauth_clients c where c.id = workspace_of_app.client_id $$;

-- Seconds since 1970, as the protocol counts.
create or replace function core.session_began(session_id uuid) returns double precision
language sql stable security definer set search_path = ''
as $$ select floor(extract(epoch from s.created_at)) from core.sessions s where s.id = session_began.session_id $$;

grant execute on function core.list_oauth_scopes(), core.find_oauth_client(uuid), core.register_oauth_client(uuid, jsonb, bytea, inet, text),
  core.workspace_of_app(uuid), core.session_began(uuid) to relvar_server;
