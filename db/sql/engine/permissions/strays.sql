-- Rights that no plan would look for: of the roles of a workspace somewhere else than on its tables, of
-- others in its schema, and whatever a role is beside what the engine makes. PostgreSQL notes by role what hangs on
-- it (pg_shdepend), so nothing has to be searched.
create or replace function engine.stray_rights(w core.workspaces) returns table (detail text, remedy text)
language sql stable set search_path = '' set jit = off
as $$
  with home as materialized (
    select n.oid, n.nspowner, n.nspacl from pg_catalog.pg_namespace n where n.nspname = w.schema_name
  ), own as materialized (
    select r.*, l.id is not null as is_login, r.rolname = w.schema_name as is_group, r.rolname ~ '_ro_\d+$' and l.id is null as is_reader
    from pg_catalog.pg_roles r
    left join core.database_logins l on l.workspace_id = w.id and l.login_role = r.rolname
    where r.rolname = w.schema_name or r.rolname ~ ('^' || w.schema_name || '_ro?_\d+$') or l.id is not null
  ), kept as materialized (
    -- Tables of the model, whose grants and policies are compared with it.
    select c.oid from home h
    join pg_catalog.pg_class c on c.relnamespace = h.oid and c.relkind in ('r', 'p')
    join pg_catalog.pg_description d on d.objoid = c.oid and d.classoid = 'pg_catalog.pg_class'::regclass and d.objsubid = 0
    where engine.identity_of(d.description) is not null
  ), acl as materialized (
    select a.*, x.what, x.kind, x.oid, x.name from (
      select 'schema' as kind, h.oid, w.schema_name as name, 'schema ' || quote_ident(w.schema_name) as what, h.nspacl as acl, h.nspowner as owner from home h
      union all
      select case when c.oid in (select k.oid from kept k) then 'kept' else 'relation' end, c.oid, c.relname::text, format('%I.%I', w.schema_name, c.relname), c.relacl, c.relowner
      from home h join pg_catalog.pg_class c on c.relnamespace = h.oid where c.relkind <> 'i'
      union all
      select case when c.oid in (select k.oid from kept k) then 'kept' else 'relation' end, c.oid, c.relname::text, format('%I.%I.%I', w.schema_name, c.relname, t.attname), t.attacl, c.relowner
      from home h join pg_catalog.pg_class c on c.relnamespace = h.oid join pg_catalog.pg_attribute t on t.attrelid = c.oid and t.attacl is not null
      union all
      select 'function', p.oid, p.proname::text, 'function ' || p.oid::regprocedure, coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner)), p.proowner
      from home h join pg_catalog.pg_proc p on p.pronamespace = h.oid
    ) x
    cross join lateral pg_catalog.aclexplode(x.acl) a
    where a.grantee <> x.owner
  )
  select format('%s %s %s', o.rolname, case d.deptype when 'o' then 'owns' when 'a' then 'has rights on' else 'is named by' end, pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid)),
    format('begin; reassign owned by %I to relvar_owner; drop owned by %1$I; select engine.apply(%L); commit;', o.rolname, w.id)
  from own o
  join pg_catalog.pg_shdepend d on d.refclassid = 'pg_catalog.pg_authid'::regclass and d.refobjid = o.oid
  where d.dbid in (0, (select b.oid from pg_catalog.pg_database b where b.datname = current_database())) and d.deptype in ('o', 'a', 'r')
    and not (d.deptype = 'a' and (
      d.classid = 'pg_catalog.pg_class'::regclass and d.objid in (select c.oid from home h join pg_catalog.pg_class c on c.relnamespace = h.oid)
      or d.classid = 'pg_catalog.pg_namespace'::regclass and d.objid in (select h.oid from home h)
      or d.classid = 'pg_catalog.pg_proc'::regclass and d.objid in (select p.oid from home h join pg_catalog.pg_proc p on p.pronamespace = h.oid)))
    and not (d.deptype = 'r' and d.objid in (select p.oid from kept k join pg_catalog.pg_policy p on p.polrelid = k.oid))
  union all
  -- In the schema itself: the group uses it and its functions, the reading roles those that read.
  select format('%s has %s on %s%s', coalesce(g.rolname, 'everybody'), a.privilege_type, a.what, case when a.is_grantable then ', to pass on' else '' end),
    format('revoke %s on %s from %s;', a.privilege_type, case when a.kind in ('kept', 'relation') then format('%I.%I', w.schema_name, a.name) else a.what end, coalesce(quote_ident(g.rolname), 'public'))
  from acl a
  left join pg_catalog.pg_roles g on g.oid = a.grantee
  left join own o on o.oid = a.grantee
  where a.is_grantable or case a.kind
    when 'kept' then false
    when 'schema' then not (a.privilege_type = 'USAGE' and (coalesce(o.is_group, false) or coalesce(o.is_reader, false)))
    when 'function' then not (coalesce(o.is_group, false) or coalesce(o.is_reader, false) and a.name = any (engine.reading_functions()))
    else true end
  union all
  select format('%s owns %s', x.owner::regrole, x.what), format('alter %s owner to relvar_owner;', x.what)
  from (
    select h.nspowner as owner, 'schema ' || quote_ident(w.schema_name) as what from home h
    union all
    select c.relowner, format('%s %I.%I', case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence' else 'table' end, w.schema_name, c.relname)
    from home h join pg_catalog.pg_class c on c.relnamespace = h.oid where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
    union all
    select p.proowner, 'function ' || p.oid::regprocedure from home h join pg_catalog.pg_proc p on p.pronamespace = h.oid
  ) x where x.owner <> 'relvar_owner'::regrole
  union all
  -- Memberships, beside those of roles in each other and of logins, which are compared with the model.
  select format('%s is a member of %s%s', m.rolname, r.rolname, case when a.admin_option then ', and passes it on' when to_jsonb(a) ->> 'inherit_option' = 'true' then ', always' else '' end),
    format('revoke %I from %I;', r.rolname, m.rolname)
  from pg_catalog.pg_auth_members a
  join pg_catalog.pg_roles r on r.oid = a.roleid
  join pg_catalog.pg_roles m on m.oid = a.member
  left join own ro on ro.oid = r.oid
  left join own mo on mo.oid = m.oid
  where (ro.oid is not null or mo.oid is not null) and not coalesce(case
    when m.rolname = 'relvar_owner' then true
    when a.admin_option then false
    when m.rolname in ('relvar_server', 'relvar_worker') then not ro.is_group and to_jsonb(a) ->> 'inherit_option' is distinct from 'true'
    when mo.is_group then r.rolname = 'relvar_crm'
    when mo.is_reader then r.rolname = 'relvar_reader' or ro.is_reader
    when mo.is_login then not ro.is_group
    when mo.oid is not null then ro.is_group or not ro.is_reader and not ro.is_login
    -- Strangers in a role are told as logins that the model does not know.
    else not ro.is_group and m.rolname !~ '_ro?_[0-9]+$' end, false)
  union all
  select format('%s may %s', o.rolname, concat_ws(', ', case when o.rolsuper then 'do everything' end, case when o.rolbypassrls then 'bypass row-level security' end,
      case when o.rolcreaterole then 'create roles' end, case when o.rolcreatedb then 'create databases' end, case when o.rolreplication then 'replicate' end, case when o.rolcanlogin and not o.is_login then 'log in' end)),
    format('alter role %I nosuperuser nobypassrls nocreaterole nocreatedb noreplication%s;', o.rolname, case when o.is_login then '' else ' nologin' end)
  from own o
  where o.rolsuper or o.rolbypassrls or o.rolcreaterole or o.rolcreatedb or o.rolreplication or o.rolcanlogin and not o.is_login
  union all
  select format('what %s makes in %I is open to others at once', d.defaclrole::regrole, w.schema_name), format('alter default privileges for role %s in schema %I revoke …;', d.defaclrole::regrole, w.schema_name)
  from home h join pg_catalog.pg_default_acl d on d.defaclnamespace = h.oid
  union all
  -- A policy on a table that the model does not know is compared with nothing.
  select format('policy %s on %I.%I', p.polname, w.schema_name, c.relname), format('drop policy %I on %I.%I;', p.polname, w.schema_name, c.relname)
  from home h join pg_catalog.pg_class c on c.relnamespace = h.oid join pg_catalog.pg_policy p on p.polrelid = c.oid
  where c.oid not in (select k.oid from kept k)
$$;
comment on function engine.stray_rights(core.workspaces) is 'Rights, memberships and attributes of the roles of a workspace, and of others in its schema, that the engine never gives.';
