-- Sessions. Their access tokens are signed and short-lived, and believed only while the session is alive; their refresh
-- tokens are used once, and one that comes again ends the session, since one of the two who had it has stolen it.

-- provider_id: the identity provider that has named the user. from_session_id: with the method SWITCH, the session that is
-- left; what proved that one proves the next, as far as the other workspace allows it. One that an identity
-- provider began is for the provider's workspace alone.
create or replace function core.create_session(
  user_id uuid, workspace_id uuid, method text, token_hash bytea, token_expires_at timestamptz, expires_at timestamptz,
  ip inet default null, user_agent text default null, mfa_at timestamptz default null,
  provider_id uuid default null, from_session_id uuid default null
) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_method text := create_session.method;
  v_signed_in_at timestamptz := now();
  v_id uuid;
begin
  if v_method = 'SWITCH' then
    -- With an invitation or a sign-up comes a password.
    select case when s.method in ('INVITATION', 'SIGN_UP') then 'PASSWORD' else s.method end, s.signed_in_at into v_method, v_signed_in_at from core.sessions s
    where s.id = create_session.from_session_id and s.user_id = create_session.user_id and s.revoked_at is null and s.provider_id is null;
    if not found then
      raise exception 'A sign-in by the provider of one workspace does not open another.' using errcode = 'RV131', hint = 'Sign in to the other workspace.';
    end if;
  end if;
  perform core.assert_method(workspace_id, user_id, v_method, provider_id);
  -- No membership, no session.
  insert into core.sessions (user_id, workspace_id, method, ip, user_agent, expires_at, mfa_at, provider_id, signed_in_at)
  select m.user_id, m.workspace_id, v_method, create_session.ip, left(create_session.user_agent, 500),
    create_session.expires_at, create_session.mfa_at, create_session.provider_id, v_signed_in_at
  from core.members m join core.users u on u.id = m.user_id
  where m.user_id = create_session.user_id and m.workspace_id = create_session.workspace_id and m.is_active and u.disabled_at is null
  returning id into v_id;
  if v_id is not null then
    insert into core.refresh_tokens (token_hash, session_id, expires_at)
    values (create_session.token_hash, v_id, least(create_session.token_expires_at, create_session.expires_at));
  end if;
  return v_id;
end
$$;

-- A session that an identity provider began changes nothing of the account, which may belong to other workspaces, too.
create or replace function core.is_provider_session(session_id uuid) returns boolean
language sql stable security definer set search_path = ''
as $$ select exists (select from core.sessions s where s.id = is_provider_session.session_id and s.provider_id is not null) $$;
comment on function core.is_provider_session(uuid) is 'Whether an identity provider of the workspace began the session.';

-- What a workspace remembers of its members' sessions: who it is now, with the role that the member has now.
create or replace function core.resolve_session(session_id uuid) returns setof core.identity
language sql stable security definer set search_path = ''
as $$
  select w.id, w.slug, w.name, w.schema_name, r.pg_role, r.name, m.id, u.id, null::uuid, u.email, m.name, w.model_version, w.shape,
    s.id, null::int, i.id, coalesce(nullif(i.name, ''), i.email)
  from core.sessions s
  join core.users u on u.id = s.user_id and u.disabled_at is null
  join core.members m on m.user_id = s.user_id and m.workspace_id = s.workspace_id and m.is_active
  join metadata.roles r on r.id = m.role_id
  join core.workspaces w on w.id = s.workspace_id
  left join core.users i on i.id = s.impersonator_user_id
  where s.id = resolve_session.session_id and s.revoked_at is null and s.expires_at > now()
    and case when s.impersonator_user_id is null then true
      else core.may_impersonate(i.id, m.id) and exists (select from core.sessions f where f.id = s.from_session_id and f.revoked_at is null and f.expires_at > now()) end
$$;

-- One row for a token that was ever issued. Two tabs of one browser may refresh at the same moment, and an answer may be
-- lost on its way, so a token may come again for a minute; after that it is theft.
create or replace function core.rotate_refresh_token(token_hash bytea, next_hash bytea, next_expires_at timestamptz, ip inet, user_agent text)
returns table (outcome text, session_id uuid, user_id uuid, workspace_id uuid, token_expires_at timestamptz)
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_token core.refresh_tokens;
  v_session core.sessions;
begin
  select * into v_token from core.refresh_tokens t where t.token_hash = rotate_refresh_token.token_hash for update;
  if not found then
    return;
  end if;
  select * into v_session from core.sessions s where s.id = v_token.session_id for update;
  if v_token.used_at < now() - interval '60 seconds' and v_session.revoked_at is null then
    perform core.revoke_session(v_session.id, 'REFRESH_REUSED');
    perform core.queue_mail(u.email, 'sessions_revoked', jsonb_build_object(
      'userAgent', left(coalesce(v_session.user_agent, ''), 200), 'ipAddress', host(rotate_refresh_token.ip), 'happenedAt', now()), v_session.workspace_id)
    from core.users u where u.id = v_session.user_id and core.is_email(u.email);
    return query select 'REUSED', v_session.id, v_session.user_id, v_session.workspace_id, null::timestamptz;
    return;
  end if;
  if v_session.revoked_at is not null or v_session.expires_at <= now() or v_token.expires_at <= now()
    or v_token.used_at < now() - interval '60 seconds'
    or not exists (select from core.resolve_session(v_session.id))
    -- What the workspace allows, or the role of the member, has changed meanwhile.
    or v_session.impersonator_user_id is null
      and core.method_refusal(v_session.workspace_id, v_session.user_id, v_session.method, v_session.provider_id) is not null then
    return query select 'ENDED', v_session.id, v_session.user_id, v_session.workspace_id, null::timestamptz;
    return;
  end if;
  update core.refresh_tokens t set used_at = coalesce(t.used_at, now()) where t.token_hash = v_token.token_hash;
  insert into core.refresh_tokens (token_hash, session_id, expires_at)
  values (rotate_refresh_token.next_hash, v_session.id, least(rotate_refresh_token.next_expires_at, v_session.expires_at));
  update core.sessions s set last_used_at = now(), ip = coalesce(rotate_refresh_token.ip, s.ip),
    user_agent = coalesce(left(rotate_refresh_token.user_agent, 500), s.user_agent)
  where s.id = v_session.id;
  return query select 'ROTATED', v_session.id, v_session.user_id, v_session.workspace_id, least(rotate_refresh_token.next_expires_at, v_session.expires_at);
end
$$;

-- Every server remembers who is signed in for some seconds, so each is told.
create or replace function core.revoke_session(session_id uuid, reason text) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
begin
  update core.sessions s set revoked_at = now(), revoked_reason = revoke_session.reason
  where s.id = revoke_session.session_id and s.revoked_at is null;
  if not found then
    return false;
  end if;
  perform pg_notify('relvar_identity', json_build_object('session', session_id)::text);
  return true;
end
$$;
comment on function core.revoke_session(uuid, text) is 'Ends a session on all servers, within a moment. False when it had ended already.';

-- What a session sees and ends of the others: one that an identity provider began, those in its own workspace.
create or replace function core.is_in_reach(s core.sessions, own_session_id uuid) returns boolean
language sql stable set search_path = ''
as $$
  select not exists (select from core.sessions o where o.id = own_session_id and o.provider_id is not null and o.workspace_id <> (s).workspace_id)
$$;

create or replace function core.revoke_sessions(user_id uuid, reason text, except_session_id uuid default null) returns int
language sql volatile security definer set search_path = ''
as $$
  select count(*) filter (where core.revoke_session(s.id, revoke_sessions.reason))::int from core.sessions s
  where s.user_id = revoke_sessions.user_id and s.revoked_at is null and s.id is distinct from revoke_sessions.except_session_id
    and core.is_in_reach(s, revoke_sessions.except_session_id)
$$;
comment on function core.revoke_sessions(uuid, text, uuid) is
  'Ends all sessions of a user in all workspaces, or all but one; where that was begun by an identity provider, those in its workspace.';

create or replace function core.list_sessions(user_id uuid, own_session_id uuid)
returns table (id uuid, workspace_name text, method text, user_agent text, ip text, created_at timestamptz, last_used_at timestamptz, mfa_at timestamptz, impersonator text)
language sql stable security definer set search_path = ''
as $$
  select s.id, w.name, s.method, s.user_agent, host(s.ip), s.created_at, s.last_used_at, s.mfa_at, coalesce(nullif(i.name, ''), i.email)
  from core.sessions s
  join core.workspaces w on w.id = s.workspace_id
  left join core.users i on i.id = s.impersonator_user_id
  where s.user_id = list_sessions.user_id and s.revoked_at is null and s.expires_at > now()
    -- A session whose last refresh token has run out is over, whatever it was good for.
    and exists (select from core.refresh_tokens t where t.session_id = s.id and t.expires_at > now() and t.used_at is null)
    and core.is_in_reach(s, list_sessions.own_session_id)
  order by s.last_used_at desc
$$;

create or replace function core.revoke_own_session(user_id uuid, session_id uuid) returns boolean
language sql volatile security definer set search_path = ''
as $$
  select core.revoke_session(s.id, 'SIGNED_OUT') from core.sessions s
  where s.id = revoke_own_session.session_id and s.user_id = revoke_own_session.user_id
$$;
comment on function core.revoke_own_session(uuid, uuid) is 'Ends a session of the user, and nobody else''s. Null when it is not theirs.';

create or replace function core.end_session_of_token(token_hash bytea) returns boolean
language sql volatile security definer set search_path = ''
as $$
  select core.revoke_session(t.session_id, 'SIGNED_OUT') from core.refresh_tokens t where t.token_hash = end_session_of_token.token_hash
$$;

-- Refresh tokens that were used long ago are kept as long as their family, so that theft is noticed to the end.
create or replace function core.forget_sessions() returns void
language sql volatile security definer set search_path = ''
as $$ delete from core.sessions s where s.expires_at < now() - interval '30 days' or s.revoked_at < now() - interval '30 days' $$;

-- What ends membership ends what was remembered of it.
create or replace function core.tg_members__forget_identities() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform pg_notify('relvar_identity', json_build_object('workspace', coalesce(new.workspace_id, old.workspace_id))::text);
  return null;
end
$$;
drop trigger if exists _500_forget_identities on core.members;
create trigger _500_forget_identities after update of role_id, is_active, name or delete on core.members
  for each row execute function core.tg_members__forget_identities();

create or replace function core.tg_users__forget_identities() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform pg_notify('relvar_identity', json_build_object('user', new.id)::text);
  return null;
end
$$;
drop trigger if exists _500_forget_identities on core.users;
create trigger _500_forget_identities after update of email, disabled_at on core.users
  for each row execute function core.tg_users__forget_identities();

-- A new password, however it came about, ends what was open with the old one; who changes it keeps the present session.
create or replace function core.set_password(user_id uuid, password_hash text, except_session_id uuid default null) returns int
language sql volatile security definer set search_path = ''
as $$
  update core.users u set password_hash = set_password.password_hash, password_changed_at = now() where u.id = set_password.user_id;
  select core.revoke_sessions(set_password.user_id, 'PASSWORD_CHANGED', set_password.except_session_id);
$$;
comment on function core.set_password(uuid, text, uuid) is 'Sets the password of a user and ends their other sessions; returns how many.';

create or replace function core.change_password(user_id uuid, password_hash text, session_id uuid, ip inet default null, user_agent text default null) returns int
language sql volatile security definer set search_path = ''
as $$
  select core.queue_mail(u.email, 'password_changed',
    jsonb_build_object('userAgent', left(coalesce(change_password.user_agent, ''), 200), 'ipAddress', host(change_password.ip), 'happenedAt', now()))
  from core.users u where u.id = change_password.user_id and core.is_email(u.email);
  select core.set_password(change_password.user_id, change_password.password_hash, change_password.session_id);
$$;
comment on function core.change_password(uuid, text, uuid, inet, text) is 'As core.set_password, by the user; the present session goes on, and a mail tells of it.';

create or replace function core.workspaces_of(user_id uuid) returns table (id uuid, slug text, name text)
language sql stable security definer set search_path = ''
as $$
  select w.id, w.slug, w.name from core.members m join core.workspaces w on w.id = m.workspace_id
  where m.user_id = workspaces_of.user_id and m.is_active order by w.name, w.id
$$;

create or replace function core.session_mfa_at(session_id uuid) returns timestamptz
language sql stable security definer set search_path = ''
as $$ select s.mfa_at from core.sessions s where s.id = session_mfa_at.session_id $$;
comment on function core.session_mfa_at(uuid) is 'When a second factor was last proved in a session, or the one that it was switched from; null for never.';

-- Changing a workspace begins another session, but nobody proves anything by it.
create or replace function core.proof_of(session_id uuid) returns table (password_hash text, is_fresh boolean)
language sql stable security definer set search_path = ''
as $$
  select u.password_hash, coalesce(s.mfa_at > now() - interval '10 minutes', false)
    or u.password_hash is null and s.signed_in_at > now() - interval '10 minutes'
  from core.sessions s join core.users u on u.id = s.user_id where s.id = proof_of.session_id and u.disabled_at is null
$$;
comment on function core.proof_of(uuid) is
  'What shows that the owner sits before a session: the password, and whether a second factor, or for who has no password the sign-in, is at most ten minutes old.';

-- The first user of an instance administers it.
create or replace function core.tg_users__first_administers() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  if not exists (select from core.users) then
    new.is_instance_admin := true;
  end if;
  return new;
end
$$;
drop trigger if exists _100_first_administers on core.users;
create trigger _100_first_administers before insert on core.users for each row execute function core.tg_users__first_administers();

grant execute on function core.create_session(uuid, uuid, text, bytea, timestamptz, timestamptz, inet, text, timestamptz, uuid, uuid),
  core.is_provider_session(uuid), core.resolve_session(uuid), core.rotate_refresh_token(bytea, bytea, timestamptz, inet, text), core.revoke_session(uuid, text),
  core.revoke_sessions(uuid, text, uuid), core.list_sessions(uuid, uuid), core.revoke_own_session(uuid, uuid), core.end_session_of_token(bytea), core.forget_sessions(),
  core.set_password(uuid, text, uuid), core.change_password(uuid, text, uuid, inet, text), core.proof_of(uuid), core.workspaces_of(uuid),
  core.session_mfa_at(uuid) to relvar_server;
