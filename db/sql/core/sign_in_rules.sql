-- What a workspace lets its members sign in with. Asked where a session begins and each time that one is renewed, so
-- no way of signing in can go past it.

-- Why a member may not have a session of a kind: null, or a word of core.assert_method. Of the methods, those of identity
-- providers are good for the provider's own workspace, and only while it is switched on.
create or replace function core.method_refusal(workspace_id uuid, user_id uuid, method text, provider_id uuid) returns text
language sql stable set search_path = ''
as $$
  select case
    when method_refusal.provider_id is not null or method_refusal.method in ('GOOGLE', 'MICROSOFT', 'OIDC', 'SAML') then
      case when not exists (select from core.identity_providers p where p.id = method_refusal.provider_id and p.workspace_id = m.workspace_id
        and p.kind = method_refusal.method and p.is_enabled) then 'PROVIDER_OFF' end
    when method_refusal.method = 'MAGIC_LINK' and not coalesce(j.is_magic_link_on, true) then 'METHOD_OFF'
    when engine.role_may(r.pg_role, 'SSO_BYPASS') then null
    when s.is_sso_enforced then 'SSO_ENFORCED'
    when method_refusal.method in ('PASSWORD', 'SIGN_UP') and not coalesce(s.is_password_on, true) then 'METHOD_OFF'
  end
  from core.members m
  join metadata.roles r on r.id = m.role_id
  left join core.workspace_settings s on s.workspace_id = m.workspace_id
  left join core.joining j on j.workspace_id = m.workspace_id
  where m.workspace_id = method_refusal.workspace_id and m.user_id = method_refusal.user_id
$$;

create or replace function core.assert_method(workspace_id uuid, user_id uuid, method text, provider_id uuid default null) returns void
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_refusal text := core.method_refusal(workspace_id, user_id, method, provider_id);
begin
  if v_refusal = 'SSO_ENFORCED' then
    raise exception 'This workspace wants single sign-on.' using errcode = 'RV130', hint = 'Sign in through the provider of your organization.';
  elsif v_refusal = 'METHOD_OFF' then
    raise exception 'This workspace does not let its members sign in this way.' using errcode = 'RV131', hint = 'Choose another way on the sign-in page.';
  elsif v_refusal = 'PROVIDER_OFF' then
    raise exception 'This way of single sign-on is switched off.' using errcode = 'RV132', hint = 'Choose another way on the sign-in page.';
  end if;
end
$$;
comment on function core.assert_method(uuid, uuid, text, uuid) is 'Refuses a way of signing in that the workspace does not allow the member.';

-- A stricter rule holds at once, not when the sessions of before have run out.
create or replace function core.end_forbidden_sessions(workspace_id uuid) returns int
language sql volatile set search_path = ''
as $$
  select count(*) filter (where core.revoke_session(s.id, 'METHOD_OFF'))::int from core.sessions s
  where s.workspace_id = end_forbidden_sessions.workspace_id and s.revoked_at is null and s.impersonator_user_id is null
    and core.method_refusal(s.workspace_id, s.user_id, s.method, s.provider_id) is not null
$$;

-- Somebody must be able to sign in: where neither passwords nor links are left, a provider that has been seen to work.
create or replace function core.assert_way_in(workspace_id uuid) returns void
language plpgsql stable set search_path = ''
as $$
begin
  if exists (select from core.workspace_settings s left join core.joining j on j.workspace_id = s.workspace_id
      where s.workspace_id = assert_way_in.workspace_id and (s.is_sso_enforced or not s.is_password_on and not coalesce(j.is_magic_link_on, true)))
    and not exists (select from core.identity_providers p where p.workspace_id = assert_way_in.workspace_id and p.is_enabled and p.tested_at is not null) then
    raise exception 'Members could not sign in any more.' using errcode = 'RV139', hint = 'First switch a provider on and sign in by it once, or test it.';
  end if;
end
$$;

-- For the page that asks who comes. A workspace that is unknown looks like one that has no providers.
create or replace function core.sign_in_ways(workspace_slug text default null) returns jsonb
language sql stable security definer set search_path = ''
as $$
  with found as (
    select w.* from core.workspaces w
    -- An instance of one workspace need not ask which.
    where w.slug = workspace_slug or workspace_slug is null and not exists (select from core.workspaces o where o.id <> w.id)
  ), provider as (
    select p.* from core.identity_providers p join found w on w.id = p.workspace_id where p.is_enabled
  )
  select jsonb_build_object(
    'workspace', (select jsonb_build_object('slug', w.slug, 'name', w.name) from found w where exists (select from provider)),
    'isPasswordOn', coalesce((select s.is_password_on from core.workspace_settings s join found w on w.id = s.workspace_id), true),
    'isMagicLinkOn', coalesce((select j.is_magic_link_on from core.joining j join found w on w.id = j.workspace_id), true),
    'isSsoEnforced', coalesce((select s.is_sso_enforced from core.workspace_settings s join found w on w.id = s.workspace_id), false),
    'providers', coalesce((select jsonb_agg(jsonb_build_object('id', p.id, 'kind', p.kind, 'label', p.label) order by p.created_at, p.id) from provider p), '[]'))
$$;
comment on function core.sign_in_ways(text) is 'How members of a workspace sign in: {workspace, isPasswordOn, isMagicLinkOn, isSsoEnforced, providers: [{id, kind, label}]}.';

-- By the domain of an address, which belongs to whoever has proved it; who has an account is not asked.
create or replace function core.find_providers(email text) returns jsonb
language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('id', p.id, 'kind', p.kind, 'label', p.label, 'workspace', jsonb_build_object('slug', w.slug, 'name', w.name))
    order by w.name, p.created_at, p.id), '[]')
  from core.identity_providers p join core.workspaces w on w.id = p.workspace_id
  where p.is_enabled and core.domain_of(find_providers.email) = any (core.domains_of_provider(p))
$$;
comment on function core.find_providers(text) is 'The providers of workspaces that have proved the domain of an address: [{id, kind, label, workspace}].';

grant execute on function core.assert_method(uuid, uuid, text, uuid), core.sign_in_ways(text), core.find_providers(text) to relvar_server;
