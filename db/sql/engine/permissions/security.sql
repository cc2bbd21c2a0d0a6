-- Who may see and do what, as facts: row-level security, policies, grants, roles and their memberships. For
-- some objects, or for some roles: a change of one role's rights looks at nothing else.

create or replace function engine.desired_policies(workspace_id uuid, scope uuid[] default null, roles text[] default null)
returns table (table_key text, table_name text, pg_role text, command text, definition text)
language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan set jit = off
as $$
begin
  return query
  with permission as materialized (
    select p.*, o.table_name, o as limited, p.is_limited or exists (
      select from metadata.record_rules u where u.workspace_id = desired_policies.workspace_id and u.role_id = p.role_id and u.object_id = p.object_id) as has_rules
    from engine.effective_permissions(desired_policies.workspace_id, scope, roles) p
    join metadata.objects o on o.id = p.object_id and o.workspace_id = desired_policies.workspace_id
    where p.can_read or p.can_create or p.can_update or p.can_delete
  ), command as (
    -- One policy for who may do everything with every record; the planner folds it away.
    select p.object_id, p.table_name, p.pg_role, '' as command, 'true' as condition
    from permission p where not p.has_rules and p.can_read and p.can_create and p.can_update and p.can_delete
    union all
    -- Else one for each command that is granted: a role that includes this one must not find more open.
    select p.object_id, p.table_name, p.pg_role, c.command, coalesce(c.condition, 'true')
    from permission p
    left join lateral engine.record_conditions(p.role_id, p.limited) r on p.has_rules
    cross join lateral (values ('select', p.can_read, r.on_read), ('insert', p.can_create, case when (p.limited).is_junction then r.on_update end),
      ('update', p.can_update, r.on_update), ('delete', p.can_delete, r.on_delete)) c (command, is_granted, condition)
    where c.is_granted and not (not p.has_rules and p.can_read and p.can_create and p.can_update and p.can_delete)
  )
  select c.object_id::text, c.table_name, c.pg_role, c.command,
    format('for %s to %I', case c.command when '' then 'all' else c.command end, c.pg_role)
      || case when c.command <> 'insert' then format(' using (%s)', c.condition) else '' end
      || case when c.command in ('', 'insert', 'update') then format(' with check (%s)', c.condition) else '' end
  from command c
  union all
  select c.object_id::text, c.table_name, g.reading_role, 'select', format('for select to %I using (%s)', g.reading_role, c.condition)
  from command c join engine.reading_roles(desired_policies.workspace_id, roles) g on g.pg_role = c.pg_role
  where c.command in ('', 'select');
end
$$;

create or replace function engine.desired_grants(workspace_id uuid, scope uuid[] default null, roles text[] default null)
returns table (table_key text, table_name text, pg_role text, definition text)
language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan set jit = off
as $$
begin
  return query
  with permission as materialized (
    select p.*, o.table_name
    from engine.effective_permissions(desired_grants.workspace_id, scope, roles) p
    join metadata.objects o on o.id = p.object_id and o.workspace_id = desired_grants.workspace_id
    where p.can_read or p.can_create or p.can_update or p.can_delete
  ), withheld as materialized (
    select * from engine.withheld_fields(desired_grants.workspace_id, scope, roles)
  ), columns as materialized (
    select c.* from engine.field_columns(desired_grants.workspace_id, scope) c
  ), everything as materialized (
    -- Most roles may write most objects whole, so their lists of columns are put together once.
    select c.object_id,
      string_agg(quote_ident(c.name), ', ' order by c.name collate "C") filter (where c.is_writable) as insertable,
      string_agg(quote_ident(c.name), ', ' order by c.name collate "C") filter (where c.is_writable and not c.is_id) as updatable
    from columns c group by c.object_id
  ), partly as materialized (
    select x.role_id, x.object_id, bool_or(x.is_read_withheld) as reads_partly,
      string_agg(quote_ident(c.name), ', ' order by c.name collate "C") filter (where not coalesce(w.is_read_withheld, false)) as readable,
      string_agg(quote_ident(c.name), ', ' order by c.name collate "C") filter (where c.is_writable and not coalesce(w.is_update_withheld, false)) as insertable,
      string_agg(quote_ident(c.name), ', ' order by c.name collate "C") filter (where c.is_writable and not c.is_id and not coalesce(w.is_update_withheld, false)) as updatable
    from (select w.role_id, w.object_id, bool_or(w.is_read_withheld) as is_read_withheld from withheld w group by 1, 2) x
    join columns c on c.object_id = x.object_id
    left join withheld w on w.role_id = x.role_id and w.field_id = c.field_id
    group by x.role_id, x.object_id
  )
  select p.object_id::text, p.table_name, p.pg_role, concat_ws(', ',
    case when p.can_delete then 'delete' end,
    case when p.can_create then 'insert (' || case when l.role_id is null then e.insertable else l.insertable end || ')' end,
    case when p.can_read then case when l.reads_partly then 'select (' || l.readable || ')' else 'select' end end,
    case when p.can_update then 'update (' || case when l.role_id is null then e.updatable else l.updatable end || ')' end)
  from permission p
  join everything e on e.object_id = p.object_id
  left join partly l on l.role_id = p.role_id and l.object_id = p.object_id
  union all
  select p.object_id::text, p.table_name, g.reading_role, case when l.reads_partly then 'select (' || l.readable || ')' else 'select' end
  from permission p
  join engine.reading_roles(desired_grants.workspace_id, roles) g on g.pg_role = p.pg_role
  left join partly l on l.role_id = p.role_id and l.object_id = p.object_id
  where p.can_read;
end
$$;

-- Null for the roles means all of them, and the owner.
create or replace function engine.desired_security(workspace_id uuid, scope uuid[] default null, roles text[] default null) returns setof engine.fact
language sql stable set search_path = '' set jit = off
as $$
  with roles_there as materialized (
    select r.pg_role from metadata.roles r where r.workspace_id = desired_security.workspace_id and (roles is null or r.pg_role = any (roles))
    union all
    select g.reading_role from engine.reading_roles(desired_security.workspace_id, roles) g
  ), tables as materialized (
    select o.id::text as table_key, o.table_name
    from metadata.objects o where o.workspace_id = desired_security.workspace_id and (scope is null or o.id = any (scope))
    union all
    select i, i from unnest(engine.internal_tables()) i where scope is null
  ), policies as (
    select t.table_key, t.table_name, 'relvar_owner' as pg_role, '' as command, 'for all to relvar_owner using (true) with check (true)' as definition
    from tables t where roles is null
    union all
    select * from engine.desired_policies(desired_security.workspace_id, scope, roles)
    union all
    select t.table_key, t.table_name, r.pg_role, 'select',
      -- Links are told by record_history, to who sees both ends.
      format(case t.table_key when 'record_events' then 'for select to %I using (((object_id = ANY (ARRAY( SELECT engine.wholly_readable_objects(CURRENT_USER) AS wholly_readable_objects))) AND (action <> ''linked''::text) AND (action <> ''unlinked''::text)))'
        else 'for select to %I using ((object_id = ANY (ARRAY( SELECT engine.wholly_readable_objects(CURRENT_USER) AS wholly_readable_objects))))' end, r.pg_role)
    from tables t cross join roles_there r
    where t.table_key in ('record_events', 'trash')
  ), grants as (
    select * from engine.desired_grants(desired_security.workspace_id, scope, roles)
    union all
    select t.table_key, t.table_name, r.pg_role, 'select'
    from tables t cross join roles_there r
    where t.table_key in ('record_events', 'trash')
  )
  select 'rls', t.table_key, t.table_key, t.table_name, null, 'forced', null, null, null::boolean, null, null, null::oid from tables t where roles is null
  union all
  select 'policy', p.table_key || ' ' || p.pg_role || coalesce(':' || nullif(p.command, ''), ''), p.table_key, p.table_name,
    case p.pg_role when 'relvar_owner' then 'owner' else regexp_replace(p.pg_role, '^.*_(ro?_\d+)$', '\1') || coalesce('_' || nullif(p.command, ''), '') end, p.definition,
    null, null, null, null, null, null
  from policies p
  union all
  select 'grant', g.table_key || ' ' || g.pg_role, g.table_key, g.table_name, g.pg_role, g.definition, null, null, null, null, null, null
  from grants g where g.definition <> ''
$$;

-- The roles, and which of them includes which.
create or replace function engine.desired_roles(workspace_id uuid, roles text[] default null) returns setof engine.fact
language sql stable set search_path = '' set jit = off
as $$
  select 'role', r.pg_role, null, null, r.pg_role, null, null, null, null::boolean, null, null, null::oid
  from metadata.roles r where r.workspace_id = desired_roles.workspace_id and (roles is null or r.pg_role = any (roles))
  union all
  select 'membership', r.pg_role || ' ' || i.pg_role, null, null, i.pg_role, r.pg_role, null, null, null, null, null, null
  from metadata.role_includes u
  join metadata.roles r on r.id = u.role_id
  join metadata.roles i on i.id = u.included_role_id
  where u.workspace_id = desired_roles.workspace_id and (roles is null or r.pg_role = any (roles))
  union all
  select 'role', g.reading_role, null, null, g.reading_role, null, null, null, null, null, null, null
  from engine.reading_roles(desired_roles.workspace_id, roles) g
  union all
  select 'membership', g.reading_role || ' ' || engine.reading_role(i.pg_role), null, null, engine.reading_role(i.pg_role), g.reading_role, null, null, null, null, null, null
  from engine.reading_roles(desired_roles.workspace_id, roles) g
  join metadata.roles r on r.pg_role = g.pg_role
  join metadata.role_includes u on u.role_id = r.id
  join metadata.roles i on i.id = u.included_role_id
$$;

create or replace function engine.actual_roles(schema_name text, roles text[] default null) returns setof engine.fact
language sql stable set search_path = '' set jit = off
as $$
  with own as materialized (
    select r.oid, r.rolname::text as name from pg_catalog.pg_roles r
    where r.rolname >= schema_name || '_r_' and r.rolname < schema_name || '_r`' or r.rolname >= schema_name || '_ro_' and r.rolname < schema_name || '_ro`'
  )
  select 'role', r.name, null, null, r.name, null, null, null, null::boolean, null, null, r.oid
  from own r where roles is null or engine.crm_role(r.name) = any (roles)
  union all
  select 'membership', r.name || ' ' || i.name, null, null, i.name, r.name, null, null, null, null, null, null
  from own r join pg_catalog.pg_auth_members m on m.member = r.oid join own i on i.oid = m.roleid
  where roles is null or engine.crm_role(r.name) = any (roles)
$$;

-- Policies and grants as they stand. A policy is known by its role and its command, if it has the name that
-- goes with them, and read back: what it says is what PostgreSQL checks.
create or replace function engine.actual_security(tables oid[], roles text[] default null) returns setof engine.fact
language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
  v_roles oid[] := array(select r.oid from pg_catalog.pg_roles r where r.rolname = any (roles || array(select engine.reading_role(u) from unnest(roles) u)));
begin
  return query
  with t as materialized (
    select c.oid, c.relname::text as name, c.relowner, c.relacl, engine.identity_of(d.description) as key
    from unnest(tables) as u (oid)
    join pg_catalog.pg_class c on c.oid = u.oid
    left join pg_catalog.pg_description d on d.objoid = c.oid and d.classoid = 'pg_catalog.pg_class'::regclass and d.objsubid = 0
  )
  select 'policy', t.key || ' ' || coalesce(i.role || coalesce(':' || nullif(i.command, ''), ''), 'unmanaged:' || p.polname), t.key, t.name, p.polname::text,
    case when p.polpermissive and cardinality(p.polroles) = 1 then
      format('for %s to %I', case p.polcmd when '*' then 'all' when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' else 'delete' end, case p.polroles[1] when 0 then 'public' else pg_catalog.pg_get_userbyid(p.polroles[1]) end)
        || coalesce(' using (' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')', '') || coalesce(' with check (' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) || ')', '')
      else 'altered' end,
    null, null::text, null::boolean, null::text, null::text, p.oid
  from t
  join pg_catalog.pg_policy p on p.polrelid = t.oid
  left join lateral (
    select r.rolname::text as role, c.command
    from pg_catalog.pg_roles r
    cross join (select case p.polcmd when '*' then '' when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' else 'delete' end as command) c
    where r.oid = p.polroles[1]
      and p.polname::text = case r.rolname when 'relvar_owner' then 'owner' else regexp_replace(r.rolname::text, '^.*_(ro?_\d+)$', '\1') || coalesce('_' || nullif(c.command, ''), '') end
  ) i on true
  where roles is null or p.polroles && v_roles
  union all
  select 'grant', g.key || ' ' || g.grantee, g.key, g.name, g.grantee, string_agg(g.privilege, ', ' order by g.privilege collate "C"), null, null, null, null, null, null
  from (
    select t.key, t.name, coalesce(r.rolname, 'public')::text as grantee, lower(e.privilege_type) as privilege
    from t cross join lateral pg_catalog.aclexplode(t.relacl) e
    left join pg_catalog.pg_roles r on r.oid = e.grantee
    where t.key is not null and e.grantee <> t.relowner and (roles is null or e.grantee = any (v_roles))
    union all
    select t.key, t.name, coalesce(r.rolname, 'public')::text,
      lower(e.privilege_type) || ' (' || string_agg(quote_ident(a.attname), ', ' order by a.attname collate "C") || ')'
    from t
    join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attacl is not null and not a.attisdropped
    cross join lateral pg_catalog.aclexplode(a.attacl) e
    left join pg_catalog.pg_roles r on r.oid = e.grantee
    where t.key is not null and e.grantee <> t.relowner and (roles is null or e.grantee = any (v_roles))
    group by 1, 2, 3, e.privilege_type
  ) g
  group by g.key, g.name, g.grantee;
end
$$;

-- The engine keeps an index on each column that a rule finds records by.
create or replace function engine.desired_policy_indexes(workspace_id uuid, scope uuid[] default null) returns setof engine.fact
language sql stable set search_path = '' set jit = off
as $$
  select 'index', f.object_id || ' policy:' || c.key, f.object_id::text, o.table_name, engine.fit_name(o.table_name || '_' || c.name || '_policy_idx'),
    format('(%I)', c.name), engine.fact_comment('policy:' || c.key, 'policy:' || c.key), null, null::boolean, null, null, null::oid
  from engine.policy_indexes(workspace_id, scope) p
  join metadata.fields f on f.id = p.field_id and f.workspace_id = desired_policy_indexes.workspace_id and f.deleted_at is null and f.is_active
  join metadata.objects o on o.id = f.object_id and o.workspace_id = desired_policy_indexes.workspace_id
  cross join lateral (
    select engine.column_key(f.id, f.revision, t.part) as key, engine.snake_case(f.name) || t.suffix as name
    from engine.field_type_columns t where t.type = coalesce(f.result_type, f.type) and (t.part = p.part or p.part = '')
    order by t.position limit 1
  ) c
$$;
