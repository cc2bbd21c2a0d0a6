-- Database logins, as members ask for them: for themselves where their role has the permission, and for others
-- where they keep the roles. Who is told the password of a login acts as its member; so nobody gets one of
-- somebody else's who could not do as much anyway.

create or replace function engine.assert_may_log_in(member core.members) returns void
language plpgsql stable set search_path = ''
as $$
begin
  if engine.acts_as_administrator() then
    return;
  end if;
  perform engine.assert_manages((member).workspace_id, 'DATABASE_ACCESS');
  perform engine.assert_in_person();
  if coalesce(nullif(current_setting('relvar.impersonator_id', true), ''), nullif(current_setting('relvar.api_key_id', true), '')) is not null then
    raise exception 'Database logins are made by members themselves, signed in.' using errcode = '42501', hint = 'Use the settings of the workspace.';
  end if;
  if (member).id is distinct from engine.current_member() and not engine.may('ROLES') then
    raise exception 'Your role makes database logins for yourself only.' using errcode = '42501', column = 'member_id', hint = 'Who keeps the roles makes them for others.';
  end if;
end
$$;

create or replace function engine.own_database_login(id uuid) returns core.database_logins
language plpgsql stable set search_path = ''
as $$
declare
  v_login core.database_logins;
begin
  select * into v_login from core.database_logins l
  where l.id = own_database_login.id and l.ended_at is null and (engine.acts_as_administrator() or l.workspace_id = engine.workspace_of_role(current_setting('role')::name));
  if not found then
    raise exception 'There is no such database login.' using errcode = 'RV150', hint = 'It may have ended meanwhile.';
  end if;
  return v_login;
end
$$;

create or replace function engine.describe_database_login(login core.database_logins) returns jsonb
language sql stable set search_path = ''
as $$
  select jsonb_build_object('id', (login).id, 'login', (login).login_role, 'name', (login).name, 'memberId', (login).member_id, 'memberName', m.name,
    'mayWrite', (login).may_write, 'expiresAt', (login).expires_at, 'createdAt', (login).created_at, 'createdByName', (login).created_by_name,
    'isMine', m.id is not distinct from engine.current_member())
  from core.members m where m.id = (login).member_id
$$;

-- Two random UUIDs are 244 random bits. PostgreSQL does not count wrong passwords, so none that people choose is good enough.
create or replace function engine.database_password(given text) returns text
language plpgsql volatile set search_path = ''
as $$
begin
  if given is not null and length(given) < 20 then
    raise exception 'The password of a database login needs at least 20 characters.' using errcode = 'RV152', column = 'password',
      hint = 'Leave it out, and one is made. PostgreSQL does not slow down who tries many.';
  end if;
  return coalesce(given, rtrim(translate(encode(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()), 'base64'), '+/', '-_'), '='));
end
$$;

create or replace function engine.database_address(login core.database_logins, password text) returns jsonb
language sql stable set search_path = ''
  return engine.describe_database_login(login) || jsonb_build_object('password', password, 'database', current_database(), 'port', current_setting('port')::int);

create or replace function metadata.grant_database_access(member_id uuid default null, may_write boolean default false, expires_at timestamptz default null, name text default '', password text default null) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_member core.members;
  v_login core.database_logins;
  v_password text;
  v_workspace core.workspaces;
begin
  select * into v_member from core.members m
  where m.id = coalesce(grant_database_access.member_id, engine.current_member()) and (engine.acts_as_administrator() or m.workspace_id = engine.workspace_of_role(current_setting('role')::name));
  if not found or not v_member.is_active then
    raise exception 'The workspace has no such active member.' using errcode = 'RV063', column = 'member_id', hint = 'The member may have been removed meanwhile.';
  end if;
  perform engine.assert_may_log_in(v_member);
  if coalesce(grant_database_access.expires_at, now() + interval '90 days') not between now() and now() + interval '367 days' then
    raise exception 'A database login ends within a year.' using errcode = 'RV151', column = 'expires_at', hint = 'Choose a later day, at most a year from now. It can be renewed.';
  end if;
  if (select count(*) >= 10 from core.database_logins l where l.member_id = v_member.id and l.ended_at is null) then
    raise exception 'A member has at most 10 database logins.' using errcode = 'RV153', column = 'member_id', hint = 'Revoke one that is not used any more.';
  end if;
  v_password := engine.database_password(grant_database_access.password);
  select * into v_workspace from core.workspaces w where w.id = v_member.workspace_id;
  insert into core.database_logins (workspace_id, member_id, login_role, name, may_write, expires_at, created_by_name)
  values (v_workspace.id, v_member.id,
    -- For people to tell apart in pg_stat_activity; roles belong to the whole cluster, so chance keeps them apart.
    left(lower('rv_' || regexp_replace(v_workspace.slug || '_' || v_member.name, '[^A-Za-z0-9]+', '_', 'g')), 50) || '_' || substr(replace(gen_random_uuid()::text, '-', ''), 1, 8),
    left(btrim(coalesce(grant_database_access.name, '')), 100), coalesce(grant_database_access.may_write, false),
    coalesce(grant_database_access.expires_at, now() + interval '90 days'), (engine.current_actor()).name)
  returning * into v_login;
  perform core.make_database_login(v_login, v_password);
  perform core.note_auth_event('DATABASE_LOGIN_CREATED', v_workspace.id, v_member.user_id,
    detail => jsonb_build_object('login', v_login.login_role, 'mayWrite', v_login.may_write, 'expiresAt', v_login.expires_at, 'by', engine.actor_name()));
  perform core.queue_mail(u.email, 'database_access', jsonb_build_object('login', v_login.login_role, 'by', engine.actor_name(), 'mayWrite', v_login.may_write,
    'expiresAt', v_login.expires_at), v_workspace.id, u.locale)
  from core.users u where u.id = v_member.user_id and v_member.id is distinct from engine.current_member() and core.is_email(u.email);
  return engine.database_address(v_login, v_password);
end
$$;
comment on function metadata.grant_database_access(uuid, boolean, timestamptz, text, text) is
  'Makes a database login that sees what a member sees (the caller, unless another is named): {id, login, password, database, port, expiresAt, …}. It only reads unless mayWrite, and ends after 90 days unless said otherwise. The password is told only now.';

create or replace function metadata.rotate_database_access(id uuid, password text default null) returns jsonb
language plpgsql volatile security definer set search_path = '' set password_encryption = 'scram-sha-256'
as $$
declare
  v_login core.database_logins := engine.own_database_login(id);
  v_password text;
begin
  perform engine.assert_may_log_in(m) from core.members m where m.id = v_login.member_id;
  v_password := engine.database_password(rotate_database_access.password);
  execute format('alter role %I password %L', v_login.login_role, v_password);
  perform core.end_login_sessions(v_login.login_role);
  perform core.note_auth_event('DATABASE_LOGIN_ROTATED', v_login.workspace_id, (select m.user_id from core.members m where m.id = v_login.member_id),
    detail => jsonb_build_object('login', v_login.login_role, 'by', engine.actor_name()));
  return engine.database_address(v_login, v_password);
end
$$;
comment on function metadata.rotate_database_access(uuid, text) is 'Gives a database login a new password, told only now, and ends its sessions.';

create or replace function metadata.database_access() returns jsonb
language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(engine.describe_database_login(l) order by m.name, l.created_at), '[]')
  from core.database_logins l join core.members m on m.id = l.member_id
  where l.ended_at is null and case when engine.acts_as_administrator() then true
    else l.workspace_id = engine.workspace_of_role(current_setting('role')::name) and (l.member_id = engine.current_member() or engine.may('DATABASE_ACCESS') or engine.may('ROLES')) end
$$;
comment on function metadata.database_access() is
  'Database logins: the caller''s own, and for who may make them all of the workspace: [{id, login, name, memberId, memberName, mayWrite, expiresAt, createdAt, createdByName, isMine}].';

create or replace function metadata.revoke_database_access(id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_login core.database_logins := engine.own_database_login(id);
begin
  if v_login.member_id is distinct from engine.current_member() then
    perform engine.assert_manages(v_login.workspace_id, 'DATABASE_ACCESS');
  end if;
  perform core.end_database_login(v_login, 'REVOKED');
  return true;
end
$$;
comment on function metadata.revoke_database_access(uuid) is 'Ends a database login and its sessions. One''s own, or with the permission anybody''s.';

revoke execute on function metadata.grant_database_access(uuid, boolean, timestamptz, text, text), metadata.rotate_database_access(uuid, text), metadata.database_access(),
  metadata.revoke_database_access(uuid) from public;
grant execute on function metadata.grant_database_access(uuid, boolean, timestamptz, text, text), metadata.rotate_database_access(uuid, text), metadata.database_access(),
  metadata.revoke_database_access(uuid) to relvar_crm;
