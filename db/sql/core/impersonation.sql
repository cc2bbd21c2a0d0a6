-- Acting as a member, to see what the member sees and help. Only where the workspace allows it, for an hour at most, with a
-- reason, in sight of the member; by administrators of the instance, and by roles with the permission as members who may
-- not do more than they could let anybody do. All of it is asked again whenever the session is looked up.

create or replace function core.may_impersonate(impersonator_user_id uuid, member_id uuid) returns boolean
language sql stable security definer set search_path = ''
as $$
  select exists (
    select from core.members t
    join core.users tu on tu.id = t.user_id and tu.disabled_at is null
    join core.workspace_settings s on s.workspace_id = t.workspace_id and s.allows_impersonation
    join core.users i on i.id = may_impersonate.impersonator_user_id and i.disabled_at is null
    where t.id = may_impersonate.member_id and t.is_active and t.user_id <> i.id
      and (i.is_instance_admin or not tu.is_instance_admin and exists (
        select from core.members m join metadata.roles r on r.id = m.role_id
        where m.user_id = i.id and m.workspace_id = t.workspace_id and m.is_active and engine.role_may(r.pg_role, 'IMPERSONATE')
          -- Who keeps the roles could give anybody anything.
          and (engine.role_may(r.pg_role, 'ROLES') or t.role_id in (select engine.role_closure(r.id))))))
$$;
comment on function core.may_impersonate(uuid, uuid) is 'Whether a user may act as a member, as things are now.';

-- From the session of who begins it, which is gone back to. The second factor that was proved there counts here.
-- stays_in: the only workspace of the address that it is begun at, where each has an address of its own.
create or replace function core.begin_impersonation(from_session_id uuid, member_id uuid, reason text, minutes int, token_hash bytea, ip inet default null, user_agent text default null,
  stays_in uuid default null) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_from core.sessions;
  v_member core.members;
  v_until timestamptz := now() + make_interval(mins => minutes);
  v_name text;
  v_id uuid;
begin
  select * into v_from from core.sessions s where s.id = begin_impersonation.from_session_id and s.revoked_at is null and s.expires_at > now();
  select * into v_member from core.members m where m.id = begin_impersonation.member_id;
  if v_from.id is null or v_from.impersonator_user_id is not null then
    raise exception 'Nobody acts as somebody else on behalf of a third.' using errcode = 'RV155', hint = 'Return to yourself first.';
  end if;
  -- A session that the provider of a workspace began is for that workspace, whoever it says to be.
  if v_member.id is null or not core.may_impersonate(v_from.user_id, v_member.id)
    or v_from.provider_id is not null and v_from.workspace_id <> v_member.workspace_id then
    raise exception 'You cannot act as this member.' using errcode = 'RV155', column = 'member',
      hint = 'The workspace must allow it, your role needs the permission, and the member must not be able to do more than you.';
  end if;
  -- The browser would keep the cookies of the other workspace for this address, and lose its own.
  if v_member.workspace_id <> begin_impersonation.stays_in then
    raise exception 'This member is of another workspace, which has an address of its own.' using errcode = 'RV181', column = 'member',
      hint = 'Sign in at the address of that workspace, and act as its members there.';
  end if;
  -- Somebody of another workspace proved no more than that one asks.
  if v_member.workspace_id <> v_from.workspace_id and v_from.mfa_at is null
    and (select s.is_mfa_enforced from core.workspace_settings s where s.workspace_id = v_member.workspace_id) then
    raise exception 'This workspace wants a second factor.' using errcode = 'RV155', column = 'member', hint = 'Sign in with your second factor, then try again.';
  end if;
  if length(btrim(coalesce(reason, ''))) not between 5 and 500 then
    raise exception 'Say why you act as somebody else.' using errcode = 'RV156', column = 'reason', hint = 'In 5 to 500 letters. The member is told.';
  end if;
  if minutes is null or minutes not between 1 and 60 then
    raise exception 'One acts as somebody else for 1 to 60 minutes.' using errcode = 'RV157', column = 'minutes';
  end if;
  insert into core.sessions (user_id, workspace_id, method, ip, user_agent, expires_at, mfa_at, impersonator_user_id, impersonation_reason, from_session_id)
  values (v_member.user_id, v_member.workspace_id, 'IMPERSONATION', begin_impersonation.ip, left(begin_impersonation.user_agent, 500), v_until, v_from.mfa_at,
    v_from.user_id, btrim(reason), v_from.id)
  returning id into v_id;
  insert into core.refresh_tokens (token_hash, session_id, expires_at) values (begin_impersonation.token_hash, v_id, v_until);
  select coalesce(nullif(u.name, ''), u.email) into v_name from core.users u where u.id = v_from.user_id;
  perform core.note_auth_event('IMPERSONATION_BEGUN', v_member.workspace_id, v_member.user_id, null, begin_impersonation.ip, begin_impersonation.user_agent,
    jsonb_build_object('impersonator', v_name, 'impersonatorUserId', v_from.user_id, 'reason', btrim(reason), 'until', v_until, 'sessionId', v_id));
  perform core.queue_mail(u.email, 'impersonated', jsonb_build_object('by', v_name, 'reason', btrim(reason), 'happenedAt', now(), 'until', v_until), v_member.workspace_id, u.locale)
  from core.users u where u.id = v_member.user_id and core.is_email(u.email);
  perform graphile_worker.add_job('impersonation__end', json_build_object('id', v_id, 'workspace_id', v_member.workspace_id), run_at => v_until, job_key => 'impersonation:' || v_id);
  return v_id;
end
$$;
comment on function core.begin_impersonation(uuid, uuid, text, int, bytea, inet, text, uuid) is
  'Begins a session of a member for somebody else, from the other''s own session. Refuses with RV155 to RV157 and RV181. Tells the member by mail.';

-- However a session of this kind ends, that it did stands in the audit.
create or replace function core.tg_sessions__note_impersonation_end() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform core.note_auth_event('IMPERSONATION_ENDED', new.workspace_id, new.user_id, detail => jsonb_build_object('sessionId', new.id, 'reason', new.revoked_reason,
    'impersonatorUserId', new.impersonator_user_id, 'impersonator', (select coalesce(nullif(u.name, ''), u.email) from core.users u where u.id = new.impersonator_user_id)));
  -- Who signs out means to be signed out.
  if new.revoked_reason = 'SIGNED_OUT' then
    perform core.revoke_session(new.from_session_id, 'SIGNED_OUT');
  end if;
  return null;
end
$$;
create or replace trigger _400_note_impersonation_end after update of revoked_at on core.sessions for each row
  when (new.impersonator_user_id is not null and old.revoked_at is null and new.revoked_at is not null) execute function core.tg_sessions__note_impersonation_end();

create or replace function core.end_impersonation(session_id uuid) returns boolean
language sql volatile security definer set search_path = ''
as $$
  select core.revoke_session(s.id, 'EXPIRED') from core.sessions s
  where s.id = end_impersonation.session_id and s.impersonator_user_id is not null and s.expires_at <= now() + interval '1 second'
$$;
comment on function core.end_impersonation(uuid) is 'Ends a session of somebody who acts as a member, once its time is over. Run by a job.';

-- Back to who one is: by the token that the browser has, which may have run out a moment ago. The former session goes on with a
-- token of its own. No row when that one has ended.
create or replace function core.return_from_impersonation(token_hash bytea, next_hash bytea, next_expires_at timestamptz)
returns table (session_id uuid, user_id uuid, workspace_id uuid, token_expires_at timestamptz)
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_session core.sessions;
begin
  update core.refresh_tokens t set used_at = now() from core.sessions s
  where t.token_hash = return_from_impersonation.token_hash and t.used_at is null and s.id = t.session_id and s.impersonator_user_id is not null
    and s.expires_at > now() - interval '1 day'
  returning s.* into v_session;
  if not found then
    return;
  end if;
  perform core.revoke_session(v_session.id, 'RETURNED');
  if not exists (select from core.resolve_session(v_session.from_session_id)) then
    return;
  end if;
  return query
  with token as (
    insert into core.refresh_tokens (token_hash, session_id, expires_at)
    select return_from_impersonation.next_hash, s.id, least(return_from_impersonation.next_expires_at, s.expires_at) from core.sessions s where s.id = v_session.from_session_id
    returning session_id, expires_at
  )
  select s.id, s.user_id, s.workspace_id, t.expires_at from token t join core.sessions s on s.id = t.session_id;
end
$$;

-- What the banner says.
create or replace function core.impersonation_of(session_id uuid) returns table (reason text, until timestamptz)
language sql stable security definer set search_path = ''
as $$ select s.impersonation_reason, s.expires_at from core.sessions s where s.id = impersonation_of.session_id and s.impersonator_user_id is not null $$;

grant execute on function core.begin_impersonation(uuid, uuid, text, int, bytea, inet, text, uuid), core.return_from_impersonation(bytea, bytea, timestamptz),
  core.impersonation_of(uuid) to relvar_server;
grant execute on function core.end_impersonation(uuid) to relvar_worker;

create or replace function metadata.impersonation() returns jsonb
language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('isAllowed', s.allows_impersonation, 'mayAct', s.allows_impersonation and nullif(current_setting('relvar.impersonator_id', true), '') is null
    and (engine.may('IMPERSONATE') or exists (select from core.members m join core.users u on u.id = m.user_id where m.id = engine.current_member() and u.is_instance_admin)))
  from core.workspace_settings s where s.workspace_id = engine.own_workspace()
$$;
comment on function metadata.impersonation() is 'Whether the workspace allows that somebody acts as its members, and whether the caller may: {isAllowed, mayAct}.';

create or replace function metadata.set_impersonation_allowed(is_allowed boolean) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_workspace uuid := engine.own_workspace();
begin
  perform engine.assert_manages(v_workspace, 'SECURITY');
  -- Who acts as somebody does not open the door for others.
  if nullif(current_setting('relvar.impersonator_id', true), '') is not null then
    raise exception 'Only members themselves decide this.' using errcode = '42501', hint = 'Return to yourself first.';
  end if;
  update core.workspace_settings s set allows_impersonation = coalesce(set_impersonation_allowed.is_allowed, false) where s.workspace_id = v_workspace;
  if not coalesce(is_allowed, false) then
    perform core.revoke_session(s.id, 'FORBIDDEN') from core.sessions s
    where s.workspace_id = v_workspace and s.impersonator_user_id is not null and s.revoked_at is null;
  end if;
  perform core.note_auth_event('SECURITY_CHANGED', v_workspace, (select m.user_id from core.members m where m.id = engine.current_member()),
    detail => jsonb_build_object('allowsImpersonation', coalesce(is_allowed, false), 'by', engine.actor_name()));
  return coalesce(is_allowed, false);
end
$$;
comment on function metadata.set_impersonation_allowed(boolean) is 'Whether administrators, and roles with the permission, may act as members. What is open when it is forbidden ends.';

revoke execute on function metadata.impersonation(), metadata.set_impersonation_allowed(boolean) from public;
grant execute on function metadata.impersonation(), metadata.set_impersonation_allowed(boolean) to relvar_crm;

-- Administrators of the instance, for "relvar admin" and for administrators in psql.
create or replace function core.set_instance_admin(email text, is_admin boolean) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_user core.users;
begin
  update core.users u set is_instance_admin = is_admin where lower(u.email) = lower(btrim(set_instance_admin.email)) returning u.* into v_user;
  if not found then
    return false;
  end if;
  perform core.revoke_session(s.id, 'FORBIDDEN')
  from core.sessions s join core.members m on m.user_id = s.user_id and m.workspace_id = s.workspace_id
  where s.impersonator_user_id = v_user.id and s.revoked_at is null and not core.may_impersonate(v_user.id, m.id);
  perform core.note_auth_event(case when is_admin then 'INSTANCE_ADMIN_GRANTED' else 'INSTANCE_ADMIN_REVOKED' end, null, v_user.id,
    detail => jsonb_build_object('by', engine.actor_name()));
  return true;
end
$$;
comment on function core.set_instance_admin(text, boolean) is 'Makes a user an administrator of the instance, or no longer one. False when nobody has the address.';
