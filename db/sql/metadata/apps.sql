-- Apps in the hands of people: what a member has let in, and for those who keep the keys of the workspace its own apps, and a
-- say about those that registered themselves.

create or replace function metadata.connected_apps() returns jsonb
language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(to_jsonb(a) order by a."lastUsedAt" desc nulls last, a."connectedAt" desc), '[]')
  from (
    select c.id, c.name, c.workspace_id is not null as "isOwn", min(g.created_at) as "connectedAt", max(g.last_used_at) as "lastUsedAt",
      (select jsonb_agg(s.sentence) from core.oauth_scopes() s where s.scope = any (array_agg(p.scope))) as "may"
    from core.oauth_grants g join core.oauth_clients c on c.id = g.client_id cross join lateral unnest(g.scopes) p (scope)
    where g.member_id = engine.person() and g.ended_at is null
    group by c.id
  ) a
$$;
comment on function metadata.connected_apps() is
  'The apps that the calling member has let in: [{id, name, isOwn, connectedAt, lastUsedAt, may}]. may: what, in sentences.';

create or replace function metadata.disconnect_app(id uuid, member_id uuid default null) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_member uuid := coalesce(disconnect_app.member_id, engine.current_member());
begin
  perform engine.assert_in_person();
  if v_member is distinct from engine.current_member() then
    perform engine.assert_manages(engine.own_workspace(), 'API_KEYS_AND_WEBHOOKS');
  end if;
  return coalesce((select bool_or(core.end_oauth_grant(g.id, 'DISCONNECTED')) from core.oauth_grants g
    where g.client_id = disconnect_app.id and g.member_id = v_member and g.workspace_id = engine.own_workspace() and g.ended_at is null), false);
end
$$;
comment on function metadata.disconnect_app(uuid, uuid) is
  'Ends what an app may do for the calling member, or for another one, if the caller keeps the keys of the workspace. False when it could do nothing.';

create or replace function metadata.apps() returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.own_workspace();
begin
  perform engine.assert_manages(v_workspace, 'API_KEYS_AND_WEBHOOKS');
  return (select coalesce(jsonb_agg(to_jsonb(a) order by a."isOwn" desc, lower(a.name), a.id), '[]')
    from (
      select c.id, c.name, c.workspace_id is not null as "isOwn", c.redirect_uris as "redirectUris", c.auth_method <> 'none' as "isConfidential",
        c.role_id as "roleId", (select r.name from metadata.roles r where r.id = c.role_id) as role, coalesce(c.rate_limit, 600) as "rateLimit",
        c.created_at as "createdAt", c.created_by_name as "createdByName", d.is_allowed as "isAllowed", core.may_use_client(c, v_workspace) as "isLetIn",
        greatest(g.last_used_at, case when c.workspace_id is not null then c.last_used_at end) as "lastUsedAt", g.members
      from core.oauth_clients c
      left join core.oauth_decisions d on d.workspace_id = v_workspace and d.client_id = c.id
      cross join lateral (
        select max(x.last_used_at) as last_used_at, coalesce(jsonb_agg(distinct jsonb_build_object('id', m.id, 'name', m.name)) filter (where m.id is not null), '[]') as members
        from core.oauth_grants x join core.members m on m.id = x.member_id where x.client_id = c.id and x.workspace_id = v_workspace and x.ended_at is null
      ) g
      where c.workspace_id = v_workspace or c.workspace_id is null and (d.client_id is not null or g.members <> '[]')
    ) a);
end
$$;
comment on function metadata.apps() is
  'The apps of the workspace, and those that registered themselves and were let in by a member or judged: [{id, name, isOwn, redirectUris, isConfidential, roleId, role, rateLimit, createdAt, createdByName, isAllowed, isLetIn, lastUsedAt, members: [{id, name}]}].';

-- What an app of the workspace must be, whether it is made or changed.
create or replace function engine.assert_app(name text, redirect_uris text[], is_confidential boolean, role_id uuid, rate_limit int) returns void
language plpgsql stable set search_path = ''
as $$
begin
  perform engine.assert_in_person(), engine.assert_manages(engine.own_workspace(), 'API_KEYS_AND_WEBHOOKS');
  if btrim(coalesce(name, '')) = '' or length(name) > 100 then
    raise exception 'An app needs a name.' using errcode = 'RV145', column = 'name', hint = 'Give the one that members know it by, in at most 100 letters.';
  end if;
  perform core.assert_redirect_uris(redirect_uris);
  if cardinality(redirect_uris) = 0 and role_id is null then
    raise exception 'The app could do nothing.' using errcode = 'RV147', column = 'redirectUris',
      hint = 'Give an address to which members are sent back, or a role with which it acts for itself.';
  end if;
  if role_id is not null and not is_confidential then
    raise exception 'An app that acts for itself must keep a secret.' using errcode = 'RV148', column = 'role', hint = 'Make it confidential, or give it no role.';
  end if;
  if role_id is not null and not exists (select from metadata.roles r where r.id = assert_app.role_id and r.workspace_id = engine.own_workspace()) then
    raise exception 'The workspace has no such role.' using errcode = 'RV044', column = 'role', hint = 'Choose one of the roles of the workspace.';
  end if;
  -- As with keys: nobody gives what they could not give themselves.
  if role_id is not null and not engine.acts_as_administrator() and not engine.may('ROLES') and role_id not in (select engine.roles_of(current_setting('role')::name)) then
    raise exception 'Your role cannot give this role, which may do what yours may not.' using errcode = '42501', column = 'role', hint = 'Ask somebody who keeps the roles.';
  end if;
  if rate_limit not between 1 and 1000000 then
    raise exception 'An app may make 1 to 1,000,000 requests a minute.' using errcode = 'RV122', column = 'rateLimit', hint = 'Leave it empty for 600.';
  end if;
end
$$;

create or replace trigger _100_judge_role before insert or update of role_id on core.oauth_clients for each row when (new.role_id is not null)
  execute function engine.tg_assigned__judge('APPLICATIONS');

create or replace function engine.new_app_secret() returns text
language sql volatile set search_path = ''
as $$ select 'rvs_' || core.random_token() $$;

create or replace function engine.grant_types_of(redirect_uris text[], role_id uuid) returns text[]
language sql immutable set search_path = ''
as $$
  select case when cardinality(redirect_uris) > 0 then '{authorization_code,refresh_token,urn:ietf:params:oauth:grant-type:device_code}'::text[] else '{}' end
    || case when role_id is not null then '{client_credentials}'::text[] else '{}' end
$$;

create or replace function metadata.create_app(name text, redirect_uris text[], is_confidential boolean default true, role_id uuid default null, rate_limit int default null) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_uris text[] := coalesce(redirect_uris, '{}');
  v_secret text := case when is_confidential then engine.new_app_secret() end;
  v_id uuid;
begin
  perform engine.assert_app(name, v_uris, is_confidential, role_id, rate_limit);
  insert into core.oauth_clients (workspace_id, name, redirect_uris, grant_types, auth_method, secret_hash, role_id, rate_limit, created_by_name)
  values (engine.own_workspace(), btrim(create_app.name), v_uris, engine.grant_types_of(v_uris, create_app.role_id),
    case when create_app.is_confidential then 'client_secret_basic' else 'none' end, core.hash_token(v_secret), create_app.role_id, create_app.rate_limit, (engine.current_actor()).name)
  returning id into v_id;
  perform engine.note_app_event('APP_CREATED', v_id);
  return jsonb_build_object('id', v_id, 'secret', v_secret);
end
$$;
comment on function metadata.create_app(text, text[], boolean, uuid, int) is
  'Registers an app of the workspace: {id, secret}. The secret, of a confidential app, is told only now. roleId: the role with which it acts for itself (client credentials). rateLimit: requests a minute, 600 unless given.';

create or replace function engine.note_app_event(kind text, client_id uuid, detail jsonb default '{}') returns void
language sql volatile set search_path = ''
as $$
  select core.note_auth_event(note_app_event.kind, engine.own_workspace(), (select m.user_id from core.members m where m.id = engine.current_member()),
    detail => (select jsonb_build_object('app', c.name, 'clientId', c.id) from core.oauth_clients c where c.id = note_app_event.client_id) || note_app_event.detail)
$$;

create or replace function engine.own_app(id uuid) returns core.oauth_clients
language plpgsql stable set search_path = ''
as $$
declare
  v_client core.oauth_clients;
begin
  perform engine.assert_in_person(), engine.assert_manages(engine.own_workspace(), 'API_KEYS_AND_WEBHOOKS');
  select * into v_client from core.oauth_clients c where c.id = own_app.id and c.workspace_id = engine.own_workspace();
  if not found then
    raise exception 'The workspace has no such app.' using errcode = 'RV149', hint = 'metadata.apps() lists them.';
  end if;
  return v_client;
end
$$;

create or replace function metadata.update_app(id uuid, name text, redirect_uris text[], role_id uuid default null, rate_limit int default null) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_client core.oauth_clients := engine.own_app(id);
  v_uris text[] := coalesce(update_app.redirect_uris, '{}');
begin
  perform engine.assert_app(update_app.name, v_uris, v_client.auth_method <> 'none', update_app.role_id, update_app.rate_limit);
  update core.oauth_clients c set name = btrim(update_app.name), redirect_uris = v_uris, role_id = update_app.role_id, rate_limit = update_app.rate_limit,
    grant_types = engine.grant_types_of(v_uris, update_app.role_id)
  where c.id = v_client.id;
  -- Tokens with the former role end at once.
  delete from core.oauth_tokens t where t.client_id = v_client.id and t.model = 'ClientCredentials' and update_app.role_id is distinct from v_client.role_id;
  perform pg_notify('relvar_identity', json_build_object('application', v_client.id)::text);
  perform engine.note_app_event('APP_CHANGED', v_client.id);
  return true;
end
$$;
comment on function metadata.update_app(uuid, text, text[], uuid, int) is 'Changes an app of the workspace. Everything is given anew; roleId null: it does not act for itself.';

create or replace function metadata.rotate_app_secret(id uuid) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_client core.oauth_clients := engine.own_app(id);
  v_secret text := engine.new_app_secret();
begin
  if v_client.auth_method = 'none' then
    raise exception 'This app has no secret, since it could not keep one.' using errcode = 'RV148', column = 'id', hint = 'Make a confidential app.';
  end if;
  update core.oauth_clients c set secret_hash = core.hash_token(v_secret) where c.id = v_client.id;
  perform engine.note_app_event('APP_SECRET_CHANGED', v_client.id);
  return jsonb_build_object('id', v_client.id, 'secret', v_secret);
end
$$;
comment on function metadata.rotate_app_secret(uuid) is 'Gives an app a new secret, told only now; the former one ends at once: {id, secret}.';

create or replace function metadata.judge_app(id uuid, is_allowed boolean default null) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_workspace uuid := engine.own_workspace();
begin
  perform engine.assert_in_person(), engine.assert_manages(v_workspace, 'API_KEYS_AND_WEBHOOKS');
  if not exists (select from core.oauth_clients c where c.id = judge_app.id and (c.workspace_id is null or c.workspace_id = v_workspace)) then
    raise exception 'The workspace has no such app.' using errcode = 'RV149', hint = 'metadata.apps() lists them.';
  end if;
  delete from core.oauth_decisions d where d.workspace_id = v_workspace and d.client_id = judge_app.id;
  if judge_app.is_allowed is not null then
    insert into core.oauth_decisions (workspace_id, client_id, is_allowed, decided_by_name) values (v_workspace, judge_app.id, judge_app.is_allowed, (engine.current_actor()).name);
  end if;
  perform pg_notify('relvar_identity', json_build_object('application', judge_app.id)::text);
  perform engine.note_app_event('APP_JUDGED', judge_app.id, jsonb_build_object('isAllowed', judge_app.is_allowed));
  return true;
end
$$;
comment on function metadata.judge_app(uuid, boolean) is
  'Lets an app in or blocks it, with all that it was granted, within a moment. Null: as the workspace holds it with apps that registered themselves.';

create or replace function metadata.delete_app(id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_workspace uuid := engine.own_workspace();
  v_client core.oauth_clients;
begin
  perform engine.assert_in_person(), engine.assert_manages(v_workspace, 'API_KEYS_AND_WEBHOOKS');
  select * into v_client from core.oauth_clients c where c.id = delete_app.id and (c.workspace_id is null or c.workspace_id = v_workspace);
  if not found then
    return false;
  end if;
  perform core.end_oauth_grant(g.id, 'DELETED') from core.oauth_grants g where g.client_id = v_client.id and g.workspace_id = v_workspace and g.ended_at is null;
  delete from core.oauth_decisions d where d.workspace_id = v_workspace and d.client_id = v_client.id;
  perform engine.note_app_event('APP_DELETED', v_client.id);
  -- One that registered itself may be of use in other workspaces; this one only forgets it.
  delete from core.oauth_clients c where c.id = v_client.id and c.workspace_id = v_workspace;
  perform pg_notify('relvar_identity', json_build_object('application', v_client.id)::text);
  return true;
end
$$;
comment on function metadata.delete_app(uuid) is
  'Deletes an app of the workspace, or forgets one that registered itself, with all that it was granted here. False when there is none such.';

create or replace function metadata.allows_other_apps() returns boolean
language sql stable security definer set search_path = ''
as $$ select s.allows_other_apps from core.workspace_settings s where s.workspace_id = engine.own_workspace() $$;
comment on function metadata.allows_other_apps() is 'Whether members may let in apps that registered themselves; if not, only those that were allowed one by one.';

create or replace function metadata.set_allows_other_apps(allows boolean) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform engine.assert_in_person(), engine.assert_manages(engine.own_workspace(), 'API_KEYS_AND_WEBHOOKS');
  update core.workspace_settings s set allows_other_apps = coalesce(set_allows_other_apps.allows, false) where s.workspace_id = engine.own_workspace();
  perform core.note_auth_event('SECURITY_CHANGED', engine.own_workspace(), (select m.user_id from core.members m where m.id = engine.current_member()),
    detail => jsonb_build_object('allowsOtherApps', coalesce(allows, false)));
  perform pg_notify('relvar_identity', json_build_object('workspace', engine.own_workspace())::text);
  return allows;
end
$$;
comment on function metadata.set_allows_other_apps(boolean) is 'Whether members may let in apps that registered themselves. Turned off, what they let in before stops at once.';

revoke execute on function metadata.connected_apps(), metadata.disconnect_app(uuid, uuid), metadata.apps(), metadata.create_app(text, text[], boolean, uuid, int),
  metadata.update_app(uuid, text, text[], uuid, int), metadata.rotate_app_secret(uuid), metadata.judge_app(uuid, boolean), metadata.delete_app(uuid),
  metadata.allows_other_apps(), metadata.set_allows_other_apps(boolean) from public;
grant execute on function metadata.connected_apps(), metadata.disconnect_app(uuid, uuid), metadata.apps(), metadata.create_app(text, text[], boolean, uuid, int),
  metadata.update_app(uuid, text, text[], uuid, int), metadata.rotate_app_secret(uuid), metadata.judge_app(uuid, boolean), metadata.delete_app(uuid),
  metadata.allows_other_apps(), metadata.set_allows_other_apps(boolean) to relvar_crm;
