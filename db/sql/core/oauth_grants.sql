-- What a member has let an app do, in one workspace. It ends with the membership, by the member, by an administrator, by the app,
-- or because somebody came with a code or token that had been used.

-- Who signs in with an app, as OpenID says it; nobody whose membership has ended.
create or replace function core.oauth_account(member_id uuid) returns jsonb
language sql stable security definer set search_path = ''
as $$
  select jsonb_strip_nulls(jsonb_build_object('sub', m.id, 'name', m.name, 'given_name', core.first_name(m.name), 'family_name', core.last_name(m.name),
    'email', u.email, 'email_verified', core.is_email_verified(u.id)))
  from core.members m join core.users u on u.id = m.user_id
  where m.id = oauth_account.member_id and m.is_active and u.disabled_at is null
$$;

create or replace function core.find_oauth_grant(grant_id uuid) returns jsonb
language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('accountId', g.member_id, 'clientId', g.client_id, 'iat', floor(extract(epoch from g.created_at)),
      'openid', jsonb_build_object('scope', array_to_string(array(select s.scope from core.oauth_scopes() s where not s.is_api and s.scope = any (g.scopes)), ' ')))
    || case when g.resource is null then '{}' else jsonb_build_object('resources', jsonb_build_object(g.resource,
      array_to_string(array(select s.scope from core.oauth_scopes() s where s.is_api and s.scope = any (g.scopes)), ' '))) end
  from core.oauth_grants g join core.oauth_clients c on c.id = g.client_id
  where g.id = find_oauth_grant.grant_id and g.ended_at is null and core.may_use_client(c, g.workspace_id)
$$;

-- What the page of consent says. Remembered is an app that may do all this already, unless everybody on the member's machine could
-- pass for it: then only the press of a button tells.
create or replace function core.look_at_consent(member_id uuid, client_id uuid, scopes text[], resource text) returns jsonb
language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('app', jsonb_build_object('id', c.id, 'name', c.name, 'createdAt', c.created_at, 'createdByName', c.created_by_name,
      'isOwn', c.workspace_id is not null, 'isApproved', c.workspace_id is not null or coalesce(d.is_allowed, false)),
    'workspace', jsonb_build_object('id', w.id, 'name', w.name), 'memberName', m.name, 'roleName', r.name,
    'isAllowed', core.may_use_client(c, w.id),
    'appWorkspaceName', (select o.name from core.workspaces o where o.id = c.workspace_id and o.id <> w.id
      and exists (select from core.members x where x.workspace_id = o.id and x.user_id = m.user_id and x.is_active)),
    'isRemembered', exists (select from core.oauth_grants g where g.member_id = m.id and g.client_id = c.id and g.ended_at is null and g.resource is not distinct from look_at_consent.resource
      and g.scopes @> look_at_consent.scopes) and not exists (select from unnest(c.redirect_uris) u where u !~* '^https:'),
    'scopes', (select jsonb_agg(jsonb_build_object('scope', s.scope, 'sentence', s.sentence)) from core.oauth_scopes() s
      -- A refresh token is a lasting connection, whether the app has named it or not.
      where s.scope = any (look_at_consent.scopes) or s.scope = 'offline_access' and 'refresh_token' = any (c.grant_types) and 'openid' <> all (look_at_consent.scopes)))
  from core.members m
  join core.workspaces w on w.id = m.workspace_id
  join metadata.roles r on r.id = m.role_id
  join core.oauth_clients c on c.id = look_at_consent.client_id
  left join core.oauth_decisions d on d.workspace_id = w.id and d.client_id = c.id
  where m.id = look_at_consent.member_id and m.is_active
$$;

create or replace function core.consent_to_client(member_id uuid, client_id uuid, scopes text[], resource text, ip inet, user_agent text) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_client core.oauth_clients;
  v_member core.members;
  v_id uuid;
begin
  select * into v_client from core.oauth_clients c where c.id = consent_to_client.client_id;
  select m.* into v_member from core.members m join core.users u on u.id = m.user_id
  where m.id = consent_to_client.member_id and m.is_active and u.disabled_at is null;
  if v_client.id is null or v_member.id is null or not core.may_use_client(v_client, v_member.workspace_id) then
    perform core.note_auth_event('APP_REFUSED', v_member.workspace_id, v_member.user_id, null, consent_to_client.ip, consent_to_client.user_agent,
      jsonb_build_object('app', v_client.name, 'clientId', consent_to_client.client_id));
    return null;
  end if;
  insert into core.oauth_grants (client_id, workspace_id, member_id, scopes, resource)
  values (v_client.id, v_member.workspace_id, v_member.id,
    array(select s.scope from core.oauth_scopes() s where s.scope = any (consent_to_client.scopes)), consent_to_client.resource)
  returning id into v_id;
  perform core.note_auth_event('APP_CONNECTED', v_member.workspace_id, v_member.user_id, null, consent_to_client.ip, consent_to_client.user_agent,
    jsonb_build_object('app', v_client.name, 'clientId', v_client.id, 'scopes', array_to_string(consent_to_client.scopes, ' ')));
  return v_id;
end
$$;
comment on function core.consent_to_client(uuid, uuid, text[], text, inet, text) is
  'Lets an app act for a member within scopes; null, and a line in the audit, where the workspace does not let the app in.';

-- Every server remembers for some seconds who came with which token, so each is told.
create or replace function core.end_oauth_grant(grant_id uuid, reason text, ip inet default null, user_agent text default null) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_grant core.oauth_grants;
begin
  update core.oauth_grants g set ended_at = now(), ended_reason = reason where g.id = grant_id and g.ended_at is null returning g.* into v_grant;
  if not found then
    return false;
  end if;
  delete from core.oauth_tokens t where t.grant_id = end_oauth_grant.grant_id;
  perform pg_notify('relvar_identity', json_build_object('grant', grant_id)::text);
  perform core.note_auth_event(case when reason = 'REUSED' then 'APP_TOKEN_REUSED' else 'APP_DISCONNECTED' end, v_grant.workspace_id,
    (select m.user_id from core.members m where m.id = v_grant.member_id), null, ip, user_agent,
    (select jsonb_build_object('app', c.name, 'clientId', c.id, 'reason', reason) from core.oauth_clients c where c.id = v_grant.client_id));
  return true;
end
$$;
comment on function core.end_oauth_grant(uuid, text, inet, text) is
  'Ends what a member let an app do, with all its tokens, on all servers within a moment. False when it had ended already.';

grant execute on function core.oauth_account(uuid), core.find_oauth_grant(uuid), core.look_at_consent(uuid, uuid, text[], text),
  core.consent_to_client(uuid, uuid, text[], text, inet, text), core.end_oauth_grant(uuid, text, inet, text) to relvar_server;
