-- What a workspace asks of its members' sign-in: a second factor, and for how long a sign-in is good.

-- Whoever begins or renews a session may ask for less time than the workspace gives, and never gets more.
create or replace function core.tg_sessions__limit() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  new.expires_at := least(new.expires_at,
    (select new.created_at + make_interval(hours => w.session_hours) from core.workspace_settings w where w.workspace_id = new.workspace_id));
  return new;
end
$$;
drop trigger if exists _100_limit on core.sessions;
create trigger _100_limit before insert on core.sessions for each row execute function core.tg_sessions__limit();

create or replace function core.tg_refresh_tokens__limit() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  new.expires_at := least(new.expires_at,
    (select least(s.expires_at, now() + make_interval(hours => w.session_idle_hours))
      from core.sessions s join core.workspace_settings w on w.workspace_id = s.workspace_id where s.id = new.session_id));
  return new;
end
$$;
drop trigger if exists _100_limit on core.refresh_tokens;
create trigger _100_limit before insert on core.refresh_tokens for each row execute function core.tg_refresh_tokens__limit();

-- Members who may come in without a second factor, since they have none: with how many open sessions each.
create or replace function core.members_without_factor(workspace_id uuid) returns table (member_id uuid, user_id uuid, is_wanted boolean)
language sql stable set search_path = ''
as $$
  select m.id, m.user_id, core.is_second_factor_wanted(m.user_id, m.workspace_id) from core.members m
  where m.workspace_id = members_without_factor.workspace_id and m.is_active
    and not exists (select from core.totp t where t.user_id = m.user_id and t.confirmed_at is not null)
    and not exists (select from core.passkeys p where p.user_id = m.user_id)
$$;

-- Sessions in which no second factor was proved, of members who have none although one is wanted of them.
create or replace function core.sessions_without_factor(workspace_id uuid) returns setof core.sessions
language sql stable set search_path = ''
as $$
  select s.* from core.members_without_factor(sessions_without_factor.workspace_id) m
  join core.sessions s on s.user_id = m.user_id and s.workspace_id = sessions_without_factor.workspace_id
  where m.is_wanted and s.mfa_at is null and s.impersonator_user_id is null and s.revoked_at is null and s.expires_at > now()
$$;

create or replace function metadata.security_settings() returns jsonb
language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('isMfaEnforced', w.is_mfa_enforced,
      'mfaRoleIds', (select coalesce(jsonb_agg(r.id order by r.name), '[]') from metadata.roles r where r.workspace_id = w.workspace_id and r.requires_second_factor),
      'sessionHours', w.session_hours, 'sessionIdleHours', w.session_idle_hours, 'trustedDeviceDays', w.trusted_device_days)
    || case when engine.may('SECURITY') then jsonb_build_object(
      'membersWithoutFactor', (select count(*) from core.members_without_factor(w.workspace_id)),
      'sessionsWithoutFactor', (select count(*) from core.sessions_without_factor(w.workspace_id))) else '{}' end
  from core.workspace_settings w where w.workspace_id = engine.own_workspace()
$$;
comment on function metadata.security_settings() is
  'What the workspace asks of its members'' sign-in: {isMfaEnforced, mfaRoleIds, sessionHours, sessionIdleHours, trustedDeviceDays}; for who keeps it also {membersWithoutFactor, sessionsWithoutFactor}.';

create or replace function engine.note_security_change(detail jsonb) returns void
language sql volatile set search_path = ''
as $$
  select core.note_auth_event('SECURITY_CHANGED', engine.own_workspace(), (select m.user_id from core.members m where m.id = engine.current_member()),
    detail => note_security_change.detail || jsonb_build_object('by', engine.actor_name()))
$$;

create or replace function metadata.set_mfa_enforced(is_mfa_enforced boolean) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform engine.assert_manages(engine.own_workspace(), 'SECURITY');
  update core.workspace_settings w set is_mfa_enforced = coalesce(set_mfa_enforced.is_mfa_enforced, false) where w.workspace_id = engine.own_workspace();
  perform engine.note_security_change(jsonb_build_object('isMfaEnforced', coalesce(set_mfa_enforced.is_mfa_enforced, false)));
  return set_mfa_enforced.is_mfa_enforced;
end
$$;
comment on function metadata.set_mfa_enforced(boolean) is 'Whether members must have a second factor. Who has none is led to set one up at the next sign-in.';

create or replace function metadata.set_mfa_roles(role_ids uuid[]) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.own_workspace();
  v_names text[];
begin
  perform engine.assert_manages(v_workspace, 'SECURITY');
  if exists (select from unnest(role_ids) i where i not in (select r.id from metadata.roles r where r.workspace_id = v_workspace)) then
    raise exception 'The workspace has no such role.' using errcode = 'RV044', column = 'role', hint = 'metadata.roles lists them.';
  end if;
  update metadata.roles r set requires_second_factor = r.id = any (coalesce(role_ids, '{}'))
  where r.workspace_id = v_workspace and r.requires_second_factor <> (r.id = any (coalesce(role_ids, '{}')));
  v_names := array(select r.name from metadata.roles r where r.workspace_id = v_workspace and r.requires_second_factor order by r.name);
  perform engine.note_security_change(jsonb_build_object('mfaRoles', v_names));
  return metadata.security_settings();
end
$$;
comment on function metadata.set_mfa_roles(uuid[]) is
  'Of members with which roles a second factor is asked, also where the workspace does not ask all. A role that includes one of them asks for it, too.';

create or replace function metadata.set_session_rules(session_hours int, session_idle_hours int, trusted_device_days int) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_workspace uuid := engine.own_workspace();
begin
  perform engine.assert_manages(v_workspace, 'SECURITY');
  update core.workspace_settings w set session_hours = set_session_rules.session_hours, session_idle_hours = set_session_rules.session_idle_hours,
    trusted_device_days = set_session_rules.trusted_device_days
  where w.workspace_id = v_workspace;
  -- Those that go on are no exception.
  update core.sessions s set expires_at = least(s.expires_at, s.created_at + make_interval(hours => set_session_rules.session_hours))
  where s.workspace_id = v_workspace and s.revoked_at is null and s.expires_at > s.created_at + make_interval(hours => set_session_rules.session_hours);
  update core.refresh_tokens t set expires_at = least(t.expires_at, s.last_used_at + make_interval(hours => set_session_rules.session_idle_hours))
  from core.sessions s
  where s.id = t.session_id and s.workspace_id = v_workspace and t.used_at is null and t.expires_at > s.last_used_at + make_interval(hours => set_session_rules.session_idle_hours);
  perform pg_notify('relvar_identity', json_build_object('workspace', v_workspace)::text);
  perform engine.note_security_change(jsonb_build_object('sessionHours', set_session_rules.session_hours, 'sessionIdleHours', set_session_rules.session_idle_hours,
    'trustedDeviceDays', set_session_rules.trusted_device_days));
  return metadata.security_settings();
exception when check_violation or not_null_violation then
  raise exception 'Sessions last from 1 hour to 365 days, and devices are remembered for 0 to 365 days.' using errcode = 'RV165', hint = 'sessionHours and sessionIdleHours: 1 to 8760. trustedDeviceDays: 0 to 365.';
end
$$;
comment on function metadata.set_session_rules(int, int, int) is
  'For how long a sign-in is good: hours until a session ends, hours without use until it ends sooner, and days for which a browser need not prove the second factor again (0: never). Holds for sessions that go on, too.';

create or replace function metadata.end_sessions_without_factor() returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.own_workspace();
  v_count int;
begin
  perform engine.assert_manages(v_workspace, 'SECURITY');
  select count(*) filter (where core.revoke_session(s.id, 'SECOND_FACTOR_WANTED')) into v_count from core.sessions_without_factor(v_workspace) s;
  perform engine.note_security_change(jsonb_build_object('sessionsEnded', v_count));
  return v_count;
end
$$;
comment on function metadata.end_sessions_without_factor() is
  'Signs out the members of whom a second factor is wanted and who have none, so that they are led to set one up now. Returns how many sessions ended.';

revoke execute on function metadata.security_settings(), metadata.set_mfa_enforced(boolean), metadata.set_mfa_roles(uuid[]), metadata.set_session_rules(int, int, int),
  metadata.end_sessions_without_factor() from public;
grant execute on function metadata.security_settings(), metadata.set_mfa_enforced(boolean), metadata.set_mfa_roles(uuid[]), metadata.set_session_rules(int, int, int),
  metadata.end_sessions_without_factor() to relvar_crm;
