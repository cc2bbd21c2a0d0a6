-- Logins of members for psql and BI tools. A row says what should be; these functions make the role of
-- PostgreSQL so. A login inherits nothing and may take one role: the member's, or its reading side.

create or replace function core.login_sessions(login_role text) returns setof int
language sql stable set search_path = ''
as $$ select a.pid from pg_catalog.pg_stat_activity a where a.usename = login_role and a.pid <> pg_catalog.pg_backend_pid() $$;

-- A session keeps a role that it has taken, whatever is revoked meanwhile. So what is open ends now, and once
-- more when this is committed: until then a new one would get what the former had.
create or replace function core.end_login_sessions(login_role text) returns void
language plpgsql volatile set search_path = ''
as $$
begin
  perform pg_catalog.pg_terminate_backend(s) from core.login_sessions(login_role) s;
  update core.database_logins l set is_stale = true where l.login_role = end_login_sessions.login_role;
  perform graphile_worker.add_job('database_logins__tidy', job_key => 'database_logins__tidy');
end
$$;

create or replace function core.login_memberships(login_role text) returns setof text
language sql stable set search_path = ''
as $$
  select g.rolname::text
  from pg_catalog.pg_roles l
  join pg_catalog.pg_auth_members a on a.member = l.oid
  join pg_catalog.pg_roles g on g.oid = a.roleid
  where l.rolname = login_role
$$;

-- The role that a login may take.
create or replace function core.role_of_login(login core.database_logins) returns text
language sql stable set search_path = ''
as $$
  select case when (login).may_write then r.pg_role else engine.reading_role(r.pg_role) end
  from core.members m join metadata.roles r on r.id = m.role_id where m.id = (login).member_id
$$;

-- Binds a login to the role that its member has now.
create or replace function core.bind_database_login(login core.database_logins) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_role text := core.role_of_login(login);
  v_schema text := (select w.schema_name from core.workspaces w where w.id = (login).workspace_id);
  v_database text := current_database();
  v_other text;
begin
  -- The reading side is made with its grants and policies by the engine, as all rights are.
  if to_regrole(quote_ident(v_role)) is null then
    perform engine.apply((login).workspace_id, '{}', array(select r.pg_role from engine.roles_of(v_role) c join metadata.roles r on r.id = c));
  end if;
  for v_other in select g from core.login_memberships((login).login_role) g where g <> v_role loop
    execute format('revoke %I from %I', v_other, (login).login_role);
  end loop;
  execute format('grant %I to %I', v_role, (login).login_role);
  execute format('alter role %I in database %I set search_path = %I, public', (login).login_role, v_database, v_schema);
end
$$;

-- What a login finds when it comes in. It may change these for itself: they are for its comfort, and the
-- rights are in its role.
create or replace function core.make_database_login(login core.database_logins, password text) returns void
language plpgsql volatile set search_path = '' set password_encryption = 'scram-sha-256'
as $$
declare
  v_database text := current_database();
begin
  execute format('create role %I login noinherit nosuperuser nocreatedb nocreaterole noreplication nobypassrls connection limit 5 password %L valid until %L',
    (login).login_role, password, (login).expires_at);
  execute engine.grant_to_owner((login).login_role);
  execute format('alter role %I in database %I set statement_timeout = %L', (login).login_role, v_database, '60s');
  execute format('alter role %I in database %I set idle_in_transaction_session_timeout = %L', (login).login_role, v_database, '5min');
  if not (login).may_write then
    execute format('alter role %I in database %I set default_transaction_read_only = on', (login).login_role, v_database);
  end if;
  perform core.bind_database_login(login);
  perform core.end_login_sessions((login).login_role);
end
$$;

-- Ends a login for good. The role itself goes when nobody is connected as it.
create or replace function core.end_database_login(login core.database_logins, reason text) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_other text;
begin
  update core.database_logins l set ended_at = now() where l.id = (login).id and l.ended_at is null;
  if not found then
    return;
  end if;
  if to_regrole(quote_ident((login).login_role)) is not null then
    execute format('alter role %I nologin', (login).login_role);
    for v_other in select g from core.login_memberships((login).login_role) g loop
      execute format('revoke %I from %I', v_other, (login).login_role);
    end loop;
  end if;
  perform core.end_login_sessions((login).login_role);
  perform core.note_auth_event('DATABASE_LOGIN_ENDED', (login).workspace_id, (select m.user_id from core.members m where m.id = (login).member_id),
    detail => jsonb_build_object('login', (login).login_role, 'reason', reason, 'by', engine.actor_name()));
end
$$;

create or replace function core.drop_database_login(login core.database_logins) returns void
language plpgsql volatile set search_path = ''
as $$
begin
  if to_regrole(quote_ident((login).login_role)) is not null then
    execute format('drop owned by %I', (login).login_role);
    execute format('drop role %I', (login).login_role);
  end if;
  delete from core.database_logins l where l.id = (login).id;
end
$$;

-- Run by a job each minute and after each change: what has expired ends, and so do sessions of before.
create or replace function core.tidy_database_logins() returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_login core.database_logins;
  v_count int := 0;
begin
  perform core.end_database_login(l, 'EXPIRED') from core.database_logins l where l.ended_at is null and l.expires_at <= now();
  for v_login in select * from core.database_logins l where l.is_stale or l.ended_at is not null for update skip locked loop
    perform pg_catalog.pg_terminate_backend(s, 1000) from core.login_sessions(v_login.login_role) s;
    update core.database_logins l set is_stale = false where l.id = v_login.id;
    if v_login.ended_at is not null and not exists (select from core.login_sessions(v_login.login_role)) then
      perform core.drop_database_login(v_login);
      v_count := v_count + 1;
    end if;
  end loop;
  return v_count;
end
$$;
comment on function core.tidy_database_logins() is 'Ends logins that have expired and sessions that have another role than their member; drops logins that ended. Returns how many.';
grant execute on function core.tidy_database_logins() to relvar_worker;

-- Which role a login takes when it comes in cannot be said by a function that runs with the rights of another
-- (PostgreSQL lets none of these speak of "role"); so the job says it, having become the owner.
create or replace function core.set_login_roles() returns void
language plpgsql volatile set search_path = '' set client_min_messages = warning
as $$
declare
  v_login core.database_logins;
  v_database text := current_database();
begin
  for v_login in select * from core.database_logins l where l.is_stale and l.ended_at is null loop
    execute format('alter role %I in database %I set role = %L', v_login.login_role, v_database, core.role_of_login(v_login));
  end loop;
end
$$;
comment on function core.set_login_roles() is 'Has logins that were made, or whose member has another role, take their role when they connect. For the owner and administrators.';

-- A login follows its member, and ends with the membership.
create or replace function core.tg_members__follow_logins() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_login core.database_logins;
begin
  for v_login in select * from core.database_logins l where l.member_id = old.id and l.ended_at is null loop
    if tg_op = 'DELETE' then
      perform core.end_database_login(v_login, 'MEMBER_REMOVED');
    elsif not new.is_active then
      perform core.end_database_login(v_login, 'MEMBER_DEACTIVATED');
    elsif new.role_id <> old.role_id then
      perform core.bind_database_login(v_login), core.end_login_sessions(v_login.login_role);
    end if;
  end loop;
  return case tg_op when 'DELETE' then old else new end;
end
$$;
create or replace trigger _400_follow_logins after update of role_id, is_active on core.members for each row execute function core.tg_members__follow_logins();
create or replace trigger _400_end_logins before delete on core.members for each row execute function core.tg_members__follow_logins();

create or replace function core.tg_users__end_logins() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform core.end_database_login(l, 'USER_DISABLED')
  from core.database_logins l join core.members m on m.id = l.member_id where m.user_id = new.id and l.ended_at is null;
  return null;
end
$$;
create or replace trigger _400_end_logins after update of disabled_at on core.users for each row
  when (new.disabled_at is not null and old.disabled_at is null) execute function core.tg_users__end_logins();
