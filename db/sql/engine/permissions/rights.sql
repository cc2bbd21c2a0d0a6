-- What each role may do with each object and field, derived from metadata. What a role includes is not
-- counted in: PostgreSQL does that, by the membership of one role in another. PostgreSQL takes functions
-- that return rows for long ones, and would rather compile these queries than run them: hence jit = off. And since
-- it takes them for many rows, it would read all workspaces to find these: hence each table is asked by workspace.

-- The columns of fields, by name alone: what grants and policies are made of.
create or replace function engine.field_columns(workspace_id uuid, scope uuid[] default null)
returns table (object_id uuid, field_id uuid, key text, name text, part text, is_writable boolean, is_id boolean)
language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan set jit = off
as $$
begin
  return query
  with field as materialized (
    select f.id, f.object_id, f.type, f.result_type, f.name, f.revision, engine.snake_case(f.name) as base, f.type = 'UUID' and f.is_system and f.name = 'id' as is_id,
      (not f.is_system or f.name in ('id', 'position')) and f.type not in ('AUTO_NUMBER', 'FORMULA', 'ROLLUP') as is_writable
    from metadata.fields f
    where f.workspace_id = field_columns.workspace_id and (scope is null or f.object_id = any (scope)) and f.is_active and f.deleted_at is null
  )
  select f.object_id, f.id, engine.column_key(f.id, f.revision, c.part), f.base || c.suffix, c.part, f.is_writable, f.is_id
  from field f join engine.field_type_columns c on c.type = case when f.type in ('FORMULA', 'ROLLUP') then f.result_type else f.type end
  union all
  select f.object_id, f.id, engine.column_key(f.id, f.revision, r.id::text),
    case when f.type = 'MORPH_RELATION' then f.base || '_' || engine.snake_case(t.name_singular) else f.base end || '_id', '', f.is_writable, false
  from field f
  join metadata.relations r on r.field_id = f.id and r.deleted_at is null
  join metadata.objects t on t.id = r.target_object_id and t.workspace_id = field_columns.workspace_id
  where f.type in ('RELATION', 'MEMBER', 'MORPH_RELATION');
end
$$;

-- The two objects whose records a junction links.
create or replace function engine.junction_sides(workspace_id uuid)
returns table (object_id uuid, side_id uuid, field_id uuid)
language sql stable set search_path = ''
as $$
  select j.object_id, m.object_id, j.id
  from metadata.fields m
  join metadata.fields j on j.id = m.junction_field_id and j.workspace_id = m.workspace_id
  where m.workspace_id = junction_sides.workspace_id and m.type = 'MANY_TO_MANY' and m.deleted_at is null
$$;

-- Its own defaults, unless object_permissions says else. The rights on links follow those on the two
-- sides: who reads both reads which belong together, who changes one of them links it. is_limited:
-- not every record is the role's to see.
create or replace function engine.effective_permissions(workspace_id uuid, scope uuid[] default null, roles text[] default null)
returns table (role_id uuid, pg_role text, object_id uuid, can_read boolean, can_create boolean, can_update boolean, can_delete boolean, can_destroy boolean,
  field_mode text, is_limited boolean)
language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan set jit = off
as $$
begin
  return query
  with own as materialized (
    select r.id as role_id, r.pg_role, o.id as object_id, o.is_junction and p.id is null as follows_sides,
      a.is_visible and coalesce(p.can_read, r.can_read_all) as can_read, a.is_free and coalesce(p.can_create, r.can_create_all) as can_create,
      a.is_visible and coalesce(p.can_update, r.can_update_all) as can_update, a.is_free and coalesce(p.can_delete, r.can_delete_all) as can_delete,
      a.is_free and coalesce(p.can_destroy, r.can_destroy_all) as can_destroy, coalesce(p.field_mode, 'ALL_EXCEPT') as field_mode,
      o.is_private or u.id is not null as is_limited, a.is_visible,
      -- A junction outlives what happens to its sides for a while: links to an object that is switched off or deleted are read.
      coalesce(p.can_read, r.can_read_all) as reads_links
    from metadata.roles r
    join metadata.objects o on o.workspace_id = r.workspace_id
    -- Members come and go by invitation, whatever the role.
    cross join lateral (select o.is_active and o.deleted_at is null as is_visible,
      o.is_active and o.deleted_at is null and o.universal_identifier is distinct from 'standard:workspaceMember' as is_free) a
    left join metadata.object_permissions p on p.workspace_id = r.workspace_id and p.role_id = r.id and p.object_id = o.id
    left join metadata.record_rules u on u.workspace_id = r.workspace_id and u.role_id = r.id and u.object_id = o.id and u.action = 'READ'
    where r.workspace_id = effective_permissions.workspace_id and (roles is null or r.pg_role = any (roles))
  ), sides as materialized (
    select s.object_id, o.role_id, bool_and(o.reads_links) as can_read, bool_or(o.can_update) as can_update, bool_or(o.is_limited) as is_limited
    from engine.junction_sides(effective_permissions.workspace_id) s
    join own o on o.object_id = s.side_id
    group by s.object_id, o.role_id
  )
  select o.role_id, o.pg_role, o.object_id,
    case when w.follows_sides then o.is_visible and s.can_read else o.can_read end,
    case when w.follows_sides then w.links else o.can_create end, case when w.follows_sides then w.links else o.can_update end,
    case when w.follows_sides then w.links else o.can_delete end, case when w.follows_sides then w.links else o.can_destroy end,
    o.field_mode, o.is_limited or coalesce(s.is_limited, false)
  from own o
  left join sides s on s.object_id = o.object_id and s.role_id = o.role_id
  -- A junction whose relation to many is gone for good is an object like others.
  cross join lateral (select o.follows_sides and s.object_id is not null as follows_sides, o.is_visible and coalesce(s.can_read and s.can_update, false) as links) w
  where scope is null or o.object_id = any (scope);
end
$$;

-- What a computed field, or a search vector, is made of. is_far: of values of other records.
create or replace function engine.field_readings(workspace_id uuid)
returns table (field_id uuid, source_id uuid, source_object_id uuid, is_far boolean)
language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan set jit = off
as $$
begin
  return query
  with field as materialized (
    select f.id, f.object_id, f.type, f.compiled, f.settings from metadata.fields f
    where f.workspace_id = field_readings.workspace_id and f.deleted_at is null
  )
  select f.id, s.id, s.object_id, s.object_id <> f.object_id
      -- A relation of an object to itself leads to other records as well.
      or exists (select from metadata.relations r where r.target_object_id = f.object_id
        and r.field_id in (select (v #>> '{}')::uuid from jsonb_path_query(f.compiled, 'strict $.**.via[*]') v))
  from field f
  cross join lateral engine.formula_fields(f.compiled) r
  join metadata.fields s on s.id = r and s.workspace_id = field_readings.workspace_id
  where f.type in ('FORMULA', 'ROLLUP') and f.compiled is not null
  union all
  select v.id, s.id, s.object_id, false
  from field v
  join metadata.objects o on o.id = v.object_id and o.workspace_id = field_readings.workspace_id
  join field s on s.object_id = v.object_id and (s.id = o.label_field_id or s.settings ->> 'searchable' = 'true')
  where v.type = 'TS_VECTOR';
end
$$;

-- Fields that a role may not read, or not write, of objects that it may: the exceptions. A computed
-- field shows what it is made of, so it is not read by who may not read that, unless a rule names it.
create or replace function engine.withheld_fields(workspace_id uuid, scope uuid[] default null, roles text[] default null)
returns table (role_id uuid, object_id uuid, field_id uuid, is_read_withheld boolean, is_update_withheld boolean)
language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan set jit = off
as $$
begin
  return query
  with recursive permission as materialized (
    select * from engine.effective_permissions(withheld_fields.workspace_id, null, roles)
  ), reading as materialized (
    select * from engine.field_readings(withheld_fields.workspace_id)
  ), own as materialized (
    -- What the rules say of the fields themselves.
    select p.role_id, f.object_id, f.id as field_id, r.can_read is true as is_named,
      not coalesce(r.can_read, f.is_system or p.field_mode = 'ALL_EXCEPT') as is_read_withheld,
      not coalesce(r.can_update, (f.is_system or p.field_mode = 'ALL_EXCEPT') and coalesce(r.can_read, true)) as is_update_withheld
    from permission p
    join metadata.fields f on f.object_id = p.object_id and f.workspace_id = withheld_fields.workspace_id and f.deleted_at is null
    left join metadata.field_permissions r on r.workspace_id = withheld_fields.workspace_id and r.role_id = p.role_id and r.field_id = f.id
    where (r.id is not null or p.field_mode = 'ONLY')
      -- Without its id a record is nothing.
      and not (f.is_system and f.name = 'id')
  ), hidden (role_id, field_id) as (
    select o.role_id, o.field_id from own o where o.is_read_withheld
    union
    -- Fields of other objects that the role does not read, or not every record of.
    select p.role_id, d.field_id
    from reading d
    join permission p on p.object_id = d.source_object_id
    where d.is_far and (not p.can_read or p.is_limited)
      and not exists (select from own o where o.role_id = p.role_id and o.field_id = d.field_id and o.is_named)
    union
    select h.role_id, d.field_id
    from hidden h join reading d on d.source_id = h.field_id
    where not exists (select from own o where o.role_id = h.role_id and o.field_id = d.field_id and o.is_named)
  )
  select p.role_id, f.object_id, f.id, h.field_id is not null, coalesce(o.is_update_withheld, false)
  from (select h.role_id, h.field_id from hidden h union select o.role_id, o.field_id from own o where o.is_update_withheld) w
  join metadata.fields f on f.id = w.field_id and f.workspace_id = withheld_fields.workspace_id
  join permission p on p.role_id = w.role_id and p.object_id = f.object_id
  left join hidden h on h.role_id = w.role_id and h.field_id = w.field_id
  left join own o on o.role_id = w.role_id and o.field_id = w.field_id
  where scope is null or f.object_id = any (scope);
end
$$;

-- Objects that a role reads, with what it includes.
create or replace function engine.readable_objects(caller name) returns setof uuid
language plpgsql stable security definer set search_path = '' set jit = off
as $$
declare
  v_roles text[] := array(select i.pg_role from engine.roles_of(caller) c join metadata.roles i on i.id = c);
begin
  return query
  select distinct p.object_id
  from metadata.roles r cross join lateral engine.effective_permissions(r.workspace_id, null, v_roles) p
  where r.pg_role = caller and p.can_read;
end
$$;

-- Of these, objects of which one role shows every record and every field: one that was granted the table as a whole,
-- under a policy that is true of everything.
create or replace function engine.find_wholly_readable(caller name, scope uuid[] default null) returns setof uuid
language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
  v_schema text := (select w.schema_name from metadata.roles r join core.workspaces w on w.id = r.workspace_id where r.pg_role = engine.crm_role(caller));
  v_roles oid[] := array(select g.oid from metadata.roles i join pg_catalog.pg_roles g on g.rolname = i.pg_role where i.id = any (array(select engine.roles_of(caller))));
begin
  return query
  select distinct o.id
  from metadata.roles r
  join metadata.objects o on o.workspace_id = r.workspace_id
  join pg_catalog.pg_class c on c.relname = o.table_name and c.relnamespace = to_regnamespace(quote_ident(v_schema))::oid
  join pg_catalog.pg_policy p on p.polrelid = c.oid
  where r.pg_role = engine.crm_role(caller) and (scope is null or o.id = any (scope)) and o.is_active and o.deleted_at is null
    and cardinality(p.polroles) = 1 and p.polroles[1] = any (v_roles) and p.polcmd in ('r', '*')
    and exists (select from pg_catalog.aclexplode(c.relacl) a where a.grantee = p.polroles[1] and a.privilege_type = 'SELECT')
    and pg_catalog.pg_get_expr(p.polqual, p.polrelid) = 'true';
end
$$;

-- The log and the trash hold whole records, so they are shown of these only.
create or replace function engine.wholly_readable_objects(caller name) returns setof uuid
language sql stable security definer set search_path = ''
as $$ select engine.find_wholly_readable(caller) $$;
revoke execute on function engine.readable_objects(name) from public;
grant execute on function engine.readable_objects(name), engine.wholly_readable_objects(name) to relvar_crm;

-- A right on an object by the role or one that it includes; destroying has no privilege of PostgreSQL's. An
-- administrator in psql, who has taken no role, has them all.
create or replace function engine.has_right(caller name, object_id uuid, action text) returns boolean
language plpgsql stable set search_path = ''
as $$
declare
  v_workspace uuid := engine.workspace_of_role(engine.crm_role(caller)::name);
  v_roles text[];
begin
  if engine.acts_as_administrator() then
    return true;
  end if;
  v_roles := array(select i.pg_role from metadata.roles i where i.id = any (array(select engine.roles_of(caller))));
  return coalesce((
    select bool_or(case action when 'READ' then p.can_read when 'CREATE' then p.can_create when 'UPDATE' then p.can_update when 'DELETE' then p.can_delete when 'DESTROY' then p.can_delete and p.can_destroy end)
    from engine.effective_permissions(v_workspace, array[has_right.object_id], v_roles) p), false);
end
$$;
