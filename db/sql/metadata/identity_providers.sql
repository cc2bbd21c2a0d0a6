-- The identity providers of a workspace, for who has the permission SECURITY. The client secret is not written here: the
-- server seals it first (POST /auth/sso/secret) and hands over what it has sealed.

create or replace function engine.assert_keeps_sign_in() returns uuid
language plpgsql stable set search_path = ''
as $$
begin
  perform engine.assert_manages(engine.own_workspace(), 'SECURITY');
  return engine.own_workspace();
end
$$;

create or replace function engine.note_security_event(kind text, detail jsonb) returns void
language sql volatile set search_path = ''
as $$
  select core.note_auth_event(kind, engine.own_workspace(), (select m.user_id from core.members m where m.id = engine.current_member()),
    detail => detail || jsonb_build_object('by', engine.actor_name()))
$$;

create or replace function engine.describe_provider(p core.identity_providers) returns jsonb
language sql stable set search_path = ''
as $$
  select jsonb_build_object('id', p.id, 'kind', p.kind, 'label', p.label, 'slug', p.slug, 'isEnabled', p.is_enabled, 'settings', p.settings,
    'hasSecret', p.secret is not null, 'lacks', core.provider_lacks(p), 'emailDomains', to_jsonb(p.email_domains), 'makesMembers', p.makes_members,
    'defaultRoleId', p.default_role_id, 'roleClaim', p.role_claim, 'setsRoleAnew', p.sets_role_anew, 'trustsSecondFactor', p.trusts_second_factor,
    'roles', (select coalesce(jsonb_agg(jsonb_build_object('value', r.value, 'roleId', r.role_id) order by r.position, r.value), '[]')
      from core.provider_roles r where r.provider_id = p.id),
    'createdAt', p.created_at, 'testedAt', p.tested_at, 'lastTest', p.last_test, 'lastUsedAt', p.last_used_at,
    'members', (select coalesce(jsonb_agg(jsonb_build_object('memberId', m.id, 'name', m.name, 'email', i.email, 'subject', i.subject, 'lastUsedAt', i.last_used_at) order by m.name, m.id), '[]')
      from core.identities i join core.members m on m.user_id = i.user_id and m.workspace_id = p.workspace_id where i.provider_id = p.id))
$$;

create or replace function metadata.identity_providers() returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.assert_keeps_sign_in();
begin
  return (select coalesce(jsonb_agg(engine.describe_provider(p) order by p.created_at, p.id), '[]') from core.identity_providers p where p.workspace_id = v_workspace);
end
$$;
comment on function metadata.identity_providers() is
  'The identity providers of the workspace with their settings, who is connected, and how the last test went; never their secrets. For who has the permission SECURITY.';

create or replace function engine.provider_of_workspace(id uuid) returns core.identity_providers
language plpgsql volatile set search_path = ''
as $$
declare
  v_workspace uuid := engine.assert_keeps_sign_in();
  v_provider core.identity_providers;
begin
  select * into v_provider from core.identity_providers p where p.id = provider_of_workspace.id and p.workspace_id = v_workspace for update;
  if not found then
    raise exception 'The workspace has no such provider.' using errcode = 'RV133', hint = 'It may have been removed meanwhile.';
  end if;
  return v_provider;
end
$$;

create or replace function metadata.create_identity_provider(kind text, label text, slug text default null) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.assert_keeps_sign_in();
  v_slug text := coalesce(slug, nullif(left(btrim(regexp_replace(lower(create_identity_provider.label), '[^a-z0-9]+', '-', 'g'), '-'), 30), ''), 'sso');
  v_provider core.identity_providers;
begin
  if (select count(*) from core.identity_providers p where p.workspace_id = v_workspace) >= 20 then
    raise exception 'A workspace has at most 20 providers.' using errcode = 'RV133';
  end if;
  if slug is null and exists (select from core.identity_providers p where p.workspace_id = v_workspace and p.slug = v_slug) then
    v_slug := v_slug || '-' || substr(md5(random()::text), 1, 5);
  end if;
  insert into core.identity_providers (workspace_id, kind, label, slug) values (v_workspace, create_identity_provider.kind, btrim(create_identity_provider.label), v_slug)
  returning * into v_provider;
  perform engine.note_security_event('PROVIDER_CREATED', jsonb_build_object('provider', v_provider.label, 'kind', v_provider.kind));
  return engine.describe_provider(v_provider);
exception
  when check_violation then
    raise exception 'A provider needs a kind, a name and a short name.' using errcode = 'RV133',
      hint = 'Kinds are GOOGLE, MICROSOFT, OIDC and SAML; names have at most 60 letters, short names small letters, digits and hyphens.';
  when unique_violation then
    raise exception 'Another provider of the workspace has the short name "%".', v_slug using errcode = 'RV133', column = 'slug';
end
$$;
comment on function metadata.create_identity_provider(text, text, text) is
  'Adds an identity provider, switched off. kind: GOOGLE, MICROSOFT, OIDC or SAML; slug: by which links name it, made of the label unless given. Returns it as metadata.identity_providers() does.';

-- Whoever could give somebody a role may have a provider give it.
create or replace function engine.replace_provider_roles(provider core.identity_providers, roles jsonb) returns void
language plpgsql volatile set search_path = ''
as $$
begin
  if jsonb_typeof(roles) <> 'array' or jsonb_array_length(roles) > 200 then
    raise exception 'The mapping of roles is a list of at most 200 lines.' using errcode = 'RV133', column = 'roles';
  end if;
  perform engine.assert_may_assign((provider).workspace_id, x.role_id)
  from (select distinct (r ->> 'roleId')::uuid as role_id from jsonb_array_elements(roles) r) x
  where not exists (select from core.provider_roles p where p.provider_id = (provider).id and p.role_id = x.role_id);
  delete from core.provider_roles p where p.provider_id = (provider).id;
  insert into core.provider_roles (workspace_id, provider_id, value, role_id, position)
  select (provider).workspace_id, (provider).id, btrim(r ->> 'value'), (r ->> 'roleId')::uuid, i::int from jsonb_array_elements(roles) with ordinality x (r, i);
exception
  when unique_violation then
    raise exception 'A value stands in the mapping twice.' using errcode = 'RV133', column = 'roles', hint = 'One value gives one role.';
  when check_violation or not_null_violation then
    raise exception 'A line of the mapping has no value.' using errcode = 'RV133', column = 'roles';
end
$$;

create or replace function metadata.update_identity_provider(id uuid, patch jsonb) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_provider core.identity_providers := engine.provider_of_workspace(update_identity_provider.id);
  v_old core.identity_providers := v_provider;
  v_unknown text := (select k from jsonb_object_keys(patch) k where k <> all ('{label,slug,settings,isEnabled,emailDomains,makesMembers,defaultRoleId,roleClaim,setsRoleAnew,trustsSecondFactor,roles}') limit 1);
begin
  if v_unknown is not null then
    raise exception 'A provider has no "%".', v_unknown using errcode = 'RV133', column = v_unknown,
      hint = 'It has label, slug, settings, isEnabled, emailDomains, makesMembers, defaultRoleId, roleClaim, setsRoleAnew, trustsSecondFactor and roles.';
  end if;
  v_provider.label := btrim(coalesce(patch ->> 'label', v_provider.label));
  v_provider.slug := coalesce(patch ->> 'slug', v_provider.slug);
  v_provider.settings := coalesce(jsonb_strip_nulls(patch -> 'settings'), v_provider.settings);
  v_provider.is_enabled := coalesce((patch ->> 'isEnabled')::boolean, v_provider.is_enabled);
  v_provider.makes_members := coalesce((patch ->> 'makesMembers')::boolean, v_provider.makes_members);
  v_provider.sets_role_anew := coalesce((patch ->> 'setsRoleAnew')::boolean, v_provider.sets_role_anew);
  v_provider.trusts_second_factor := coalesce((patch ->> 'trustsSecondFactor')::boolean, v_provider.trusts_second_factor);
  if patch ? 'defaultRoleId' then
    v_provider.default_role_id := (patch ->> 'defaultRoleId')::uuid;
  end if;
  if patch ? 'roleClaim' then
    v_provider.role_claim := nullif(btrim(patch ->> 'roleClaim'), '');
  end if;
  if patch ? 'emailDomains' then
    v_provider.email_domains := array(select distinct lower(btrim(d)) from jsonb_array_elements_text(patch -> 'emailDomains') d order by 1);
  end if;
  perform core.assert_provider_settings(v_provider.kind, v_provider.settings);
  if v_provider.default_role_id is not null and v_provider.default_role_id is distinct from v_old.default_role_id then
    perform engine.assert_may_assign(v_provider.workspace_id, v_provider.default_role_id);
  end if;
  if v_provider.is_enabled and core.provider_lacks(v_provider) is not null then
    raise exception 'The provider cannot be switched on: "%" is missing.', core.provider_lacks(v_provider) using errcode = 'RV133', column = core.provider_lacks(v_provider);
  end if;
  -- With other settings it is another provider, as far as anybody has seen.
  if v_provider.settings <> v_old.settings then
    v_provider.tested_at := null;
    v_provider.last_test := null;
    -- Subjects of another issuer are other people. And nobody makes the provider of who keeps the roles one of their own.
    delete from core.identities i where i.provider_id = v_provider.id and (
      (v_provider.settings -> 'issuer', v_provider.settings -> 'tenant', v_provider.settings -> 'entityId') is distinct from (v_old.settings -> 'issuer', v_old.settings -> 'tenant', v_old.settings -> 'entityId')
      or not (engine.acts_as_administrator() or engine.may('ROLES')) and exists (
        select from core.members m join metadata.roles r on r.id = m.role_id
        where m.workspace_id = v_provider.workspace_id and m.user_id = i.user_id and engine.role_may(r.pg_role, 'ROLES')));
  end if;
  update core.identity_providers p set (label, slug, settings, is_enabled, email_domains, makes_members, default_role_id, role_claim, sets_role_anew, trusts_second_factor, tested_at, last_test)
    = (v_provider.label, v_provider.slug, v_provider.settings, v_provider.is_enabled, v_provider.email_domains, v_provider.makes_members, v_provider.default_role_id,
      v_provider.role_claim, v_provider.sets_role_anew, v_provider.trusts_second_factor, v_provider.tested_at, v_provider.last_test)
  where p.id = v_provider.id;
  if patch ? 'roles' then
    perform engine.replace_provider_roles(v_provider, patch -> 'roles');
  end if;
  if v_old.is_enabled and not v_provider.is_enabled then
    perform core.assert_way_in(v_provider.workspace_id);
    perform core.end_forbidden_sessions(v_provider.workspace_id);
  end if;
  perform engine.note_security_event('PROVIDER_CHANGED', jsonb_build_object('provider', v_provider.label, 'changed', (select jsonb_agg(k) from jsonb_object_keys(patch) k)));
  return engine.describe_provider(v_provider);
exception
  when check_violation then
    raise exception 'A provider needs a name and a short name.' using errcode = 'RV133',
      hint = 'Names have at most 60 letters, short names small letters, digits and hyphens.';
  when unique_violation then
    raise exception 'Another provider of the workspace has the short name "%".', v_provider.slug using errcode = 'RV133', column = 'slug';
  when invalid_text_representation or invalid_parameter_value then
    raise exception 'The change cannot be understood.' using errcode = 'RV133', hint = 'Flags are true or false, roles are named by their id, domains are a list of texts.';
end
$$;
comment on function metadata.update_identity_provider(uuid, jsonb) is
  'Changes what the patch names of a provider: label, slug, settings (as a whole), isEnabled, emailDomains, makesMembers, defaultRoleId, roleClaim, setsRoleAnew, trustsSecondFactor, roles ([{value, roleId}], the first that fits counts). Switching it off ends the sessions that it began.';

create or replace function metadata.set_identity_provider_secret(id uuid, sealed_secret text default null) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_provider core.identity_providers := engine.provider_of_workspace(set_identity_provider_secret.id);
begin
  update core.identity_providers p set secret = set_identity_provider_secret.sealed_secret, tested_at = null, last_test = null where p.id = v_provider.id;
  perform engine.note_security_event('PROVIDER_CHANGED', jsonb_build_object('provider', v_provider.label, 'changed', '["secret"]'::jsonb));
  return true;
end
$$;
comment on function metadata.set_identity_provider_secret(uuid, text) is
  'Keeps the client secret of a provider as the server has sealed it, which POST /auth/sso/secret does; null takes it away. A secret that is not sealed cannot be used.';

create or replace function metadata.delete_identity_provider(id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_provider core.identity_providers := engine.provider_of_workspace(delete_identity_provider.id);
begin
  perform core.revoke_session(s.id, 'PROVIDER_REMOVED') from core.sessions s where s.provider_id = v_provider.id and s.revoked_at is null;
  delete from core.identity_providers p where p.id = v_provider.id;
  perform core.assert_way_in(v_provider.workspace_id);
  perform engine.note_security_event('PROVIDER_REMOVED', jsonb_build_object('provider', v_provider.label, 'kind', v_provider.kind));
  return true;
end
$$;
comment on function metadata.delete_identity_provider(uuid) is 'Removes a provider with the connections of its members, and ends the sessions that it began. The members stay.';

create or replace function metadata.disconnect_member(provider_id uuid, member_id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_provider core.identity_providers := engine.provider_of_workspace(disconnect_member.provider_id);
  v_member core.members := engine.member_row(v_provider.workspace_id, disconnect_member.member_id);
begin
  return engine.end_identity(v_provider, v_member);
end
$$;
comment on function metadata.disconnect_member(uuid, uuid) is
  'Ends the connection of a member with a person of a provider, and the sessions that it began: for an address that has been given to somebody else. False when there was none.';

create or replace function engine.end_identity(provider core.identity_providers, member core.members) returns boolean
language plpgsql volatile set search_path = ''
as $$
begin
  delete from core.identities i where i.provider_id = (provider).id and i.user_id = (member).user_id;
  if not found then
    return false;
  end if;
  perform core.revoke_session(s.id, 'DISCONNECTED') from core.sessions s
  where s.provider_id = (provider).id and s.user_id = (member).user_id and s.revoked_at is null;
  perform engine.note_member_event('IDENTITY_DISCONNECTED', member, jsonb_build_object('provider', (provider).label));
  return true;
end
$$;

create or replace function metadata.my_identities() returns jsonb
language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('providerId', p.id, 'kind', p.kind, 'label', p.label, 'isConnected', i.subject is not null, 'email', i.email,
    'connectedAt', i.created_at, 'lastUsedAt', i.last_used_at) order by p.created_at, p.id), '[]')
  from core.members m
  join core.identity_providers p on p.workspace_id = m.workspace_id and p.is_enabled
  left join core.identities i on i.provider_id = p.id and i.user_id = m.user_id
  where m.id = engine.person()
$$;
comment on function metadata.my_identities() is 'The providers of the workspace, and whether the calling member is connected with each: [{providerId, kind, label, isConnected, email, connectedAt, lastUsedAt}].';

create or replace function metadata.disconnect_my_identity(provider_id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_member core.members := engine.own_member();
  v_provider core.identity_providers;
begin
  select * into v_provider from core.identity_providers p where p.id = disconnect_my_identity.provider_id and p.workspace_id = v_member.workspace_id;
  return found and engine.end_identity(v_provider, v_member);
end
$$;
comment on function metadata.disconnect_my_identity(uuid) is 'Ends the calling member''s connection with a provider, and the sessions that it began. False when there was none.';

grant execute on function metadata.identity_providers(), metadata.create_identity_provider(text, text, text), metadata.update_identity_provider(uuid, jsonb),
  metadata.set_identity_provider_secret(uuid, text), metadata.delete_identity_provider(uuid), metadata.disconnect_member(uuid, uuid), metadata.my_identities(),
  metadata.disconnect_my_identity(uuid) to relvar_crm;
