-- The reading side of a CRM role: a role of PostgreSQL of its own, which may select what the CRM role may
-- and do nothing else. Database logins that must not write are bound to it, so nothing that they set makes
-- them able to. There is one only where a login wants it. It is no member of relvar_crm: beside tables it
-- reaches the functions that are granted to relvar_reader, none of which writes.

create or replace function engine.reading_role(pg_role text) returns text
language sql immutable parallel safe set search_path = ''
  return regexp_replace(pg_role, '_r_(\d+)$', '_ro_\1');

-- The CRM role that a role is the reading side of; any other is itself.
create or replace function engine.crm_role(pg_role text) returns text
language sql immutable parallel safe set search_path = ''
  return regexp_replace(pg_role, '_ro_(\d+)$', '_r_\1');

-- Roles of a workspace that have, or should have, a reading side: those of members whose logins read, what
-- these include, and where there is one already, which stays as long as the role.
create or replace function engine.reading_roles(workspace_id uuid, roles text[] default null) returns table (pg_role text, reading_role text)
language sql stable set search_path = '' set jit = off
as $$
  with recursive reading (role_id) as (
    (
      select m.role_id from core.database_logins l join core.members m on m.id = l.member_id
      where l.workspace_id = reading_roles.workspace_id and not l.may_write and l.ended_at is null
      union
      select r.id from metadata.roles r join pg_catalog.pg_roles p on p.rolname = engine.reading_role(r.pg_role)
      where r.workspace_id = reading_roles.workspace_id
    )
    union
    select i.included_role_id from reading g join metadata.role_includes i on i.role_id = g.role_id
  )
  select r.pg_role, engine.reading_role(r.pg_role)
  from reading g join metadata.roles r on r.id = g.role_id
  where roles is null or r.pg_role = any (roles)
$$;

-- Functions of a tenant that only read.
create or replace function engine.reading_functions() returns text[]
language sql immutable parallel safe set search_path = ''
  return '{shared_ids,matching_ids,search_records,find_duplicates,find_duplicates_of,list_duplicates,sure_duplicates,record_history,record_timeline,field_history,as_of,deleted_records,list_trash,shares_of_record,changes_between,comments_of_record}'::text[];

grant execute on function engine.search(name, text, text, int), engine.record_history(name, text, text, uuid, int, bigint),
  engine.field_history(name, text, text, uuid, text, int, bigint), engine.deleted_records(name, text, text, int, int), engine.shares_of_record(name, text, text, uuid),
  engine.my_team(), engine.below_me(), engine.shared_ids(uuid, text), engine.rule_ids(uuid, text), engine.visible_ids(uuid),
  engine.wholly_readable_objects(name), engine.duplicate_candidates(name, text, text, uuid, jsonb), engine.visible_duplicates(jsonb, int),
  engine.list_duplicates(name, text, text, boolean, int, int), engine.sure_duplicates(name, text, text, int),
  engine.today(), engine.start_of_today() to relvar_reader;
