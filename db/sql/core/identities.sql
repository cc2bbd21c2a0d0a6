-- Who comes in by an identity provider. A provider belongs to a workspace and is believed by that workspace alone: a session
-- that it begins is for the workspace and reaches nothing of the account besides. So a workspace whose provider
-- lies can pass somebody off as its own member, and as nobody anywhere else.

-- The proved domains for which a provider may make members.
create or replace function core.domains_of_provider(provider core.identity_providers) returns text[]
language sql stable set search_path = ''
as $$
  select array(select d.domain from core.approved_domains d
    where d.workspace_id = (provider).workspace_id and d.approved_at is not null
      and ((provider).email_domains = '{}' or d.domain = any ((provider).email_domains)))
$$;

-- The values of a claim: of that name, or reached by a path such as realm_access.roles.
create or replace function core.claim_values(claims jsonb, name text) returns text[]
language sql immutable parallel safe set search_path = ''
as $$
  select array(
    select v from (select coalesce(claims -> name, claims #> string_to_array(name, '.')) as claim) c
    cross join lateral jsonb_array_elements_text(case when jsonb_typeof(c.claim) = 'array' then c.claim else jsonb_build_array(c.claim) end) v
    where v is not null)
$$;

-- The first line of the mapping that is true of the claims; null when none is.
create or replace function core.mapped_role(provider core.identity_providers, claims jsonb) returns uuid
language sql stable set search_path = ''
as $$
  select r.role_id from core.provider_roles r
  where r.provider_id = (provider).id and r.value = any (core.claim_values(claims, (provider).role_claim))
  order by r.position, r.value limit 1
$$;

-- Finds or makes the account and the membership that a statement of the provider opens, or refuses.
create or replace function core.admit(provider core.identity_providers, subject text, email text, is_email_verified boolean, name text, claims jsonb) returns uuid
language plpgsql volatile set search_path = ''
as $$
declare
  v_email text := case when core.is_email(lower(btrim(admit.email))) and is_email_verified then lower(btrim(admit.email)) end;
  -- The workspace has proved that the domain is its own.
  v_speaks boolean := coalesce(core.domain_of(v_email) = any (core.domains_of_provider(provider)), false);
  v_role uuid := core.mapped_role(provider, admit.claims);
  v_identity core.identities;
  v_user core.users;
  v_member core.members;
  v_invitation core.invitations;
  v_is_new boolean;
begin
  if not (provider).is_enabled then
    raise exception 'This way of single sign-on is switched off.' using errcode = 'RV132', hint = 'Choose another way on the sign-in page.';
  end if;
  -- Two tabs of one newcomer make one member.
  perform pg_advisory_xact_lock(hashtextextended('relvar.sso.' || (provider).id || coalesce(v_email, admit.subject), 0));
  select i.* into v_identity from core.identities i where i.provider_id = (provider).id and i.subject = admit.subject;
  v_is_new := v_identity.subject is null;
  if v_is_new and v_email is null then
    raise exception 'The provider does not vouch for an e-mail address of yours.' using errcode = 'RV135',
      detail = case when core.is_email(btrim(admit.email)) then 'UNVERIFIED' else 'MISSING' end,
      hint = 'Ask an administrator of the workspace: the provider must send a verified address.';
  end if;
  if v_is_new then
    select u.* into v_user from core.users u where lower(u.email) = v_email;
  else
    select u.* into v_user from core.users u where u.id = v_identity.user_id;
  end if;
  if v_user.disabled_at is not null then
    raise exception 'This account has been disabled.' using errcode = 'RV111', hint = 'Ask the administrator of this server.';
  end if;
  select m.* into v_member from core.members m where m.workspace_id = (provider).workspace_id and m.user_id = v_user.id;
  if not v_member.is_active then
    raise exception 'Your membership of this workspace has been suspended.' using errcode = 'RV111', hint = 'Ask an administrator of the workspace.';
  end if;
  select i.* into v_invitation from core.invitations i
  where i.workspace_id = (provider).workspace_id and lower(i.email) = v_email and i.accepted_at is null and i.revoked_at is null and i.expires_at > now();

  if v_member.id is null then
    if v_invitation.id is null and not ((provider).makes_members and v_speaks) then
      raise exception 'You are not a member of this workspace.' using errcode = 'RV134',
        detail = case when (provider).makes_members then 'DOMAIN_NOT_APPROVED' else 'NOT_INVITED' end, hint = 'Ask an administrator of the workspace for an invitation.';
    end if;
    -- The account is not the workspace's to take along: its owner agrees by the link that was sent to the mailbox.
    if v_is_new and not v_speaks
      and (v_user.password_hash is not null or exists (select from core.members m where m.user_id = v_user.id)) then
      raise exception 'This address has an account already.' using errcode = 'RV138', hint = 'Accept the invitation by the link in the mail first. After that you can sign in this way.';
    end if;
  end if;
  if v_is_new and (v_user.is_instance_admin or (select engine.role_may(r.pg_role, 'ROLES') from metadata.roles r where r.id = v_member.role_id)) then
    -- Who keeps the providers must not become who keeps the roles, or the instance, by having an address vouched for.
    raise exception 'Administrators connect single sign-on by themselves.' using errcode = 'RV137', hint = 'Sign in another way once, and connect the provider under Security, Your sign-in.';
  end if;
  if v_is_new and exists (select from core.identities i where i.provider_id = (provider).id and i.user_id = v_user.id) then
    -- An address that was given to somebody else opens nothing of who had it before.
    raise exception 'Another person of the provider is connected with this account.' using errcode = 'RV136', hint = 'Ask an administrator of the workspace to disconnect it first.';
  end if;

  if v_user.id is null then
    insert into core.users (email, name) values (v_email, coalesce(nullif(left(btrim(admit.name), 200), ''), split_part(v_email, '@', 1))) returning * into v_user;
  elsif v_is_new then
    perform core.tell_identity_connected(v_user, provider);
  end if;
  if v_is_new then
    insert into core.identities (provider_id, subject, user_id, email) values ((provider).id, admit.subject, v_user.id, v_email);
    perform core.note_auth_event('IDENTITY_CONNECTED', (provider).workspace_id, v_user.id, null, null, null,
      jsonb_build_object('provider', (provider).label, 'subject', left(admit.subject, 200), 'by', 'EMAIL'));
  else
    update core.identities i set last_used_at = now(), email = coalesce(v_email, i.email) where i.provider_id = (provider).id and i.subject = admit.subject;
  end if;
  if v_member.id is null then
    perform core.join_workspace((provider).workspace_id, v_user.id,
      coalesce(v_role, v_invitation.role_id, (provider).default_role_id, core.default_role((provider).workspace_id)),
      coalesce(nullif(left(btrim(admit.name), 200), ''), nullif(v_user.name, ''), split_part(v_user.email, '@', 1)));
    update core.invitations i set accepted_at = now() where i.id = v_invitation.id;
    perform core.note_auth_event('MEMBER_JOINED', (provider).workspace_id, v_user.id, null, null, null, jsonb_build_object('by', 'SSO', 'provider', (provider).label));
  elsif (provider).sets_role_anew then
    perform core.set_role_anew(v_member, coalesce(v_role, (provider).default_role_id, core.default_role((provider).workspace_id)), (provider).label);
  end if;
  return v_user.id;
end
$$;

-- The last administrator stays one, whatever a claim says.
create or replace function core.set_role_anew(member core.members, role_id uuid, provider_label text) returns void
language plpgsql volatile set search_path = ''
as $$
begin
  if set_role_anew.role_id = (member).role_id
    or exists (select from metadata.roles r where r.id = (member).role_id and r.is_system and r.has_all_permissions)
      and not exists (select from core.members m where m.workspace_id = (member).workspace_id and m.role_id = (member).role_id and m.is_active and m.id <> (member).id) then
    return;
  end if;
  update core.members m set role_id = set_role_anew.role_id where m.id = (member).id;
  perform core.note_auth_event('MEMBER_ROLE_CHANGED', (member).workspace_id, (member).user_id, null, null, null,
    jsonb_build_object('memberId', (member).id, 'from', (member).role_id, 'to', set_role_anew.role_id, 'by', provider_label));
end
$$;

create or replace function core.tell_identity_connected(account core.users, provider core.identity_providers) returns void
language sql volatile set search_path = ''
as $$
  select core.queue_mail((account).email, 'identity_connected', jsonb_build_object('provider', (provider).label, 'happenedAt', now()), (provider).workspace_id, (account).locale)
  where core.is_email((account).email)
$$;

create or replace function core.provider_row(provider_id uuid) returns core.identity_providers
language plpgsql stable set search_path = ''
as $$
declare
  v_provider core.identity_providers;
begin
  select * into v_provider from core.identity_providers p where p.id = provider_row.provider_id;
  if not found then
    raise exception 'This way of single sign-on is switched off.' using errcode = 'RV132', hint = 'Choose another way on the sign-in page.';
  end if;
  return v_provider;
end
$$;

create or replace function core.enter_with_provider(provider_id uuid, subject text, email text, is_email_verified boolean, name text, claims jsonb,
  ip inet default null, user_agent text default null)
returns table (user_id uuid, workspace_id uuid, refusal jsonb)
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_provider core.identity_providers;
  v_code text;
  v_message text;
  v_hint text;
  v_detail text;
begin
  begin
    v_provider := core.provider_row(enter_with_provider.provider_id);
    user_id := core.admit(v_provider, enter_with_provider.subject, enter_with_provider.email, enter_with_provider.is_email_verified, enter_with_provider.name,
      coalesce(enter_with_provider.claims, '{}'));
    update core.identity_providers p set tested_at = coalesce(p.tested_at, now()), last_used_at = now() where p.id = v_provider.id;
  exception when others then
    get stacked diagnostics v_code = returned_sqlstate, v_message = message_text, v_hint = pg_exception_hint, v_detail = pg_exception_detail;
    if v_code !~ '^RV' then
      raise;
    end if;
    -- What was begun is undone; that it was refused is kept.
    user_id := null;
    refusal := jsonb_build_object('code', v_code, 'message', v_message, 'hint', nullif(v_hint, ''));
    perform core.note_auth_event('SSO_REFUSED', v_provider.workspace_id,
      (select i.user_id from core.identities i where i.provider_id = v_provider.id and i.subject = enter_with_provider.subject),
      lower(left(enter_with_provider.email, 254)), enter_with_provider.ip, enter_with_provider.user_agent,
      jsonb_strip_nulls(jsonb_build_object('reason', v_code, 'detail', nullif(v_detail, ''), 'provider', v_provider.label, 'subject', left(enter_with_provider.subject, 200))));
  end;
  workspace_id := v_provider.workspace_id;
  return next;
end
$$;
comment on function core.enter_with_provider(uuid, text, text, boolean, text, jsonb, inet, text) is
  'Finds or makes the account and the membership of somebody whom an identity provider has named, by its subject, or where that is safe by the e-mail address. One row: who it is, or in refusal {code, message, hint} why nobody enters, which is then in the audit as SSO_REFUSED. What the provider has signed must have been checked before.';

create or replace function core.connect_identity(user_id uuid, provider_id uuid, subject text, email text, ip inet default null, user_agent text default null) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_provider core.identity_providers := core.provider_row(connect_identity.provider_id);
  v_user core.users;
begin
  select u.* into v_user from core.users u join core.members m on m.user_id = u.id
  where u.id = connect_identity.user_id and m.workspace_id = v_provider.workspace_id and m.is_active and u.disabled_at is null;
  if not found or exists (select from core.identities i where i.provider_id = v_provider.id and i.subject = connect_identity.subject and i.user_id <> v_user.id) then
    perform core.note_auth_event('SSO_REFUSED', v_provider.workspace_id, connect_identity.user_id, null, ip, user_agent,
      jsonb_build_object('reason', 'RV136', 'provider', v_provider.label, 'subject', left(connect_identity.subject, 200)));
    return jsonb_build_object('code', 'RV136', 'message', 'Another person of the provider is connected with this account.',
      'hint', 'Ask an administrator of the workspace to disconnect it first.');
  end if;
  delete from core.identities i where i.provider_id = v_provider.id and i.user_id = v_user.id;
  insert into core.identities (provider_id, subject, user_id, email) values (v_provider.id, connect_identity.subject, v_user.id, lower(connect_identity.email));
  update core.identity_providers p set tested_at = coalesce(p.tested_at, now()) where p.id = v_provider.id;
  perform core.note_auth_event('IDENTITY_CONNECTED', v_provider.workspace_id, v_user.id, null, ip, user_agent,
    jsonb_build_object('provider', v_provider.label, 'subject', left(connect_identity.subject, 200), 'by', 'MEMBER'));
  perform core.tell_identity_connected(v_user, v_provider);
  return null;
end
$$;
comment on function core.connect_identity(uuid, uuid, text, text, inet, text) is
  'Connects a member, who is signed in, with a person of a provider of the workspace, in place of one from before. Returns why not, or null.';

-- What the server needs to talk to a provider.
create or replace function core.provider_to_use(provider_id uuid)
returns table (id uuid, workspace_id uuid, workspace_slug text, kind text, label text, slug text, settings jsonb, secret text, is_enabled boolean, role_claim text, trusts_second_factor boolean)
language sql stable security definer set search_path = ''
as $$
  select p.id, p.workspace_id, w.slug, p.kind, p.label, p.slug, p.settings, p.secret, p.is_enabled, p.role_claim, p.trusts_second_factor
  from core.identity_providers p join core.workspaces w on w.id = p.workspace_id where p.id = provider_to_use.provider_id
$$;

create or replace function core.provider_by_slug(workspace_slug text, slug text) returns uuid
language sql stable security definer set search_path = ''
as $$
  select p.id from core.identity_providers p join core.workspaces w on w.id = p.workspace_id
  where w.slug = provider_by_slug.workspace_slug and p.slug = provider_by_slug.slug
$$;

create or replace function core.note_provider_test(provider_id uuid, result jsonb, has_worked boolean) returns void
language sql volatile security definer set search_path = ''
as $$
  update core.identity_providers p set last_test = note_provider_test.result, tested_at = case when has_worked then now() else p.tested_at end
  where p.id = note_provider_test.provider_id
$$;

-- An account that nobody has but the workspace that made it may be given a second factor by it.
create or replace function core.is_account_of(user_id uuid, workspace_id uuid) returns boolean
language sql stable security definer set search_path = ''
as $$
  select u.password_hash is null and u.email_verified_at is null
    and not exists (select from core.members m where m.user_id = u.id and m.workspace_id <> is_account_of.workspace_id)
  from core.users u where u.id = is_account_of.user_id
$$;
comment on function core.is_account_of(uuid, uuid) is 'Whether an account was made by single sign-on of the workspace, and nobody has proved the mailbox or joined another workspace since.';

-- The first to prove the mailbox of an account without a password is its owner. What a provider has put there before is not theirs.
create or replace function core.tg_users__claim() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  delete from core.passkeys p where p.user_id = new.id;
  perform core.end_second_factor(new.id);
  delete from core.identities i where i.user_id = new.id;
  perform core.revoke_session(s.id, 'CLAIMED') from core.sessions s where s.user_id = new.id and s.revoked_at is null;
  return null;
end
$$;
drop trigger if exists _450_claim on core.users;
create trigger _450_claim after update of email_verified_at on core.users for each row
  when (old.email_verified_at is null and new.email_verified_at is not null and old.password_hash is null) execute function core.tg_users__claim();

grant execute on function core.enter_with_provider(uuid, text, text, boolean, text, jsonb, inet, text), core.connect_identity(uuid, uuid, text, text, inet, text),
  core.provider_to_use(uuid), core.provider_by_slug(text, text), core.note_provider_test(uuid, jsonb, boolean), core.is_account_of(uuid, uuid) to relvar_server;
