-- Who is asking. The workspace follows from the PostgreSQL role, which nobody can forge: it is
-- reached only by a SET ROLE that was granted. The member is a setting, which anybody can set, so
-- it is believed only from sessions of the server, the worker and administrators; a person's own
-- database login (core.database_logins) is mapped to the member it was given to.

create or replace function engine.is_trusted_session() returns boolean
language sql stable
  return session_user in ('relvar_server', 'relvar_worker')
    or pg_catalog.pg_has_role(session_user, 'relvar_owner', 'member');

create or replace function engine.workspace_of_role(pg_role name) returns uuid
language sql stable security definer set search_path = ''
as $$ select r.workspace_id from metadata.roles r where r.pg_role = engine.crm_role(workspace_of_role.pg_role) $$;
grant execute on function engine.workspace_of_role(name) to public;

create or replace function engine.current_workspace() returns uuid
language sql stable set search_path = ''
  return engine.workspace_of_role(current_user);
comment on function engine.current_workspace() is 'The workspace whose CRM role the session has taken; null outside of one.';
grant execute on function engine.current_workspace() to public;

-- Every write asks several times who makes it (four column defaults and the log), so the answer is
-- kept in settings for the rest of the transaction, with the basis that it follows from: when that
-- changes, it is found anew. Anybody can write a setting, so a session that is not trusted with
-- relvar.member_id is not trusted with these either.
--
-- The functions without a search_path of their own become parts of the statements that call them,
-- where each costs a microsecond; they name nothing that a search path could change.
create or replace function engine.actor_basis() returns text
language sql stable
  return pg_catalog.concat_ws('|', session_user, current_setting('role'),
    current_setting('relvar.member_id', true), current_setting('relvar.api_key_id', true), current_setting('relvar.impersonator_id', true),
    current_setting('relvar.application_id', true), current_setting('relvar.process_kind', true), current_setting('relvar.process_id', true), current_setting('relvar.process_name', true));

create or replace function engine.actor_is_known() returns boolean
language sql stable
  return engine.is_trusted_session() and current_setting('relvar.actor_basis', true) = engine.actor_basis();

-- Inside a definer function current_user is the owner, while the setting "role" is still the role
-- that was taken. Checking the member against that role's workspace keeps a member of one
-- workspace from signing records of another.
create or replace function engine.find_actor() returns engine.actor
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_actor engine.actor;
  v_is_trusted boolean := engine.is_trusted_session();
begin
  if v_is_trusted then
    select 'member', m.id, m.name into v_actor from core.members m
    where m.id = nullif(current_setting('relvar.member_id', true), '')::uuid
      and m.is_active
      and m.workspace_id = (select r.workspace_id from metadata.roles r where r.pg_role = current_setting('role'));
    -- Whoever acts as somebody else is named first; the rights, and what is theirs, are the member's.
    if v_actor.id is not null and nullif(current_setting('relvar.impersonator_id', true), '') is not null then
      v_actor.name := (select coalesce(nullif(u.name, ''), u.email) from core.users u where u.id = current_setting('relvar.impersonator_id')::uuid) || ' as ' || v_actor.name;
    end if;
    if v_actor.id is not null and nullif(current_setting('relvar.application_id', true), '') is not null then
      v_actor.name := (select c.name from core.oauth_clients c where c.id = current_setting('relvar.application_id')::uuid) || ' on behalf of ' || v_actor.name;
    end if;
  else
    select 'member', m.id, m.name into v_actor from core.database_logins l
    join core.members m on m.id = l.member_id
    join metadata.roles r on r.id = m.role_id
    where l.login_role = session_user and l.ended_at is null and l.expires_at > now() and m.is_active
      and current_setting('role') = case when l.may_write then r.pg_role else engine.reading_role(r.pg_role) end;
  end if;
  if v_actor.id is null and v_is_trusted then
    select 'api_key', k.id, k.name into v_actor from core.api_keys k
    where k.id = nullif(current_setting('relvar.api_key_id', true), '')::uuid
      and k.workspace_id = (select r.workspace_id from metadata.roles r where r.pg_role = current_setting('role'));
  end if;
  if v_actor.id is null and v_is_trusted then
    select 'application', c.id, c.name into v_actor from core.oauth_clients c
    where c.id = nullif(current_setting('relvar.application_id', true), '')::uuid
      and c.workspace_id = (select r.workspace_id from metadata.roles r where r.pg_role = current_setting('role'));
  end if;
  -- What runs by itself is named first, too, and alone where it runs on nobody's behalf.
  if v_is_trusted and current_setting('relvar.process_kind', true) in ('workflow', 'import', 'agent') then
    if v_actor.id is null then
      v_actor := (current_setting('relvar.process_kind'), nullif(current_setting('relvar.process_id', true), '')::uuid, current_setting('relvar.process_name', true))::engine.actor;
    else
      v_actor.name := concat_ws(' on behalf of ', nullif(current_setting('relvar.process_name', true), ''), v_actor.name);
    end if;
  end if;
  if v_actor.type is null then
    v_actor := case when session_user in ('relvar_server', 'relvar_worker') then ('system', null, 'System')::engine.actor
      else ('psql', null, session_user)::engine.actor end;
  end if;
  if v_is_trusted then
    perform set_config('relvar.actor_basis', engine.actor_basis(), true),
      set_config('relvar.actor_type', v_actor.type, true),
      set_config('relvar.actor_id', coalesce(v_actor.id::text, ''), true),
      set_config('relvar.actor_name', coalesce(v_actor.name, ''), true);
  end if;
  return v_actor;
end
$$;
comment on function engine.find_actor() is 'Finds out who changes a record, and remembers it for the rest of the transaction.';

create or replace function engine.current_actor() returns engine.actor
language sql stable
  return case when engine.actor_is_known()
    then (current_setting('relvar.actor_type'), nullif(current_setting('relvar.actor_id'), '')::uuid, current_setting('relvar.actor_name'))::engine.actor
    else engine.find_actor() end;
comment on function engine.current_actor() is 'Who changes a record: a member, an API key, an app, a workflow, an import, an agent (relvar.process_kind, _id and _name), the system, or a database login.';

create or replace function engine.find_member() returns uuid
language sql stable set search_path = ''
  return (select a.id from engine.find_actor() a where a.type = 'member');

create or replace function engine.current_member() returns uuid
language sql stable
  return case when engine.actor_is_known()
    then case when current_setting('relvar.actor_type') = 'member' then current_setting('relvar.actor_id')::uuid end
    else engine.find_member() end;
comment on function engine.current_member() is 'The member on whose behalf the session acts; null for none.';

-- What a person's own login says about itself is not believed here either.
create or replace function engine.current_source() returns text
language sql stable
  return case when not engine.is_trusted_session() then 'PSQL'
    else coalesce(nullif(current_setting('relvar.source', true), ''), upper(nullif(current_setting('relvar.process_kind', true), '')),
      case when session_user in ('relvar_server', 'relvar_worker') then 'SYSTEM' else 'MANUAL' end) end;

-- Defaults of createdBy and updatedBy.
create or replace function engine.actor_name() returns text
language sql stable
  return case when engine.actor_is_known() then current_setting('relvar.actor_name') else (engine.find_actor()).name end;

-- They say who the caller is, to whoever asks.
grant execute on function engine.is_trusted_session(), engine.actor_basis(), engine.actor_is_known(), engine.find_actor(),
  engine.find_member(), engine.current_actor(), engine.current_member(), engine.current_source(), engine.actor_name() to public;

-- For administrators in psql: take a CRM role and act as a member, until "reset role".
create or replace function engine.become(workspace_slug text, who text) returns text
language plpgsql volatile set search_path = ''
as $$
declare
  v_role text;
  v_schema text;
  v_member uuid;
begin
  select r.pg_role, w.schema_name, m.id into v_role, v_schema, v_member
  from core.workspaces w
  join core.members m on m.workspace_id = w.id
  join core.users u on u.id = m.user_id
  join metadata.roles r on r.id = m.role_id
  where w.slug = workspace_slug and lower(u.email) = lower(who);
  if not found then
    select r.pg_role, w.schema_name into v_role, v_schema
    from core.workspaces w join metadata.roles r on r.workspace_id = w.id
    where w.slug = workspace_slug and r.name = who;
  end if;
  if v_role is null then
    raise exception 'Workspace "%" has no member or role "%".', workspace_slug, who
      using errcode = 'RV010', hint = 'Give a member''s e-mail address or a role''s name. select * from core.workspaces shows the workspaces.';
  end if;
  perform set_config('relvar.member_id', coalesce(v_member::text, ''), false),
    set_config('search_path', format('%I, public', v_schema), false),
    set_config('role', v_role, false);
  return v_role;
end
$$;
comment on function engine.become(text, text) is 'Take the role of a member (by e-mail) or a role (by name) of a workspace for the rest of the session. "reset role" ends it.';
