-- The shapes that a policy may have: comparisons of a column with a constant or with what a function
-- says once a statement, joined by AND and OR. Each is taken for T, and then what joins Ts.
create or replace function engine.is_cheap_policy(expr text) returns boolean
language plpgsql immutable set search_path = ''
as $$
declare
  v_rest text := regexp_replace(expr, '''(?:[^'']|'''')*''', 'L', 'g');
  v_before text;
begin
  v_rest := regexp_replace(v_rest, '\("?[\w ]+"? (?:=|<>|<|<=|>|>=) (?:L::[\w ]+|true|false|\( SELECT [\w.]+\([^()]*\) AS \w+\))\)', 'T', 'g');
  v_rest := regexp_replace(v_rest, '\("?[\w ]+"? (?:= ANY|<> ALL) \((?:L::[\w ]+\[\]|ARRAY\( SELECT [\w.]+\([^()]*\) AS \w+\))\)\)', 'T', 'g');
  v_rest := regexp_replace(v_rest, '\("?[\w ]+"? IS (?:NOT )?NULL\)', 'T', 'g');
  v_rest := regexp_replace(v_rest, '\m(true|false)\M', 'T', 'g');
  loop
    v_before := v_rest;
    v_rest := regexp_replace(v_rest, '\(T(?: AND T)+\)|\(T(?: OR T)+\)', 'T', 'g');
    exit when v_rest = v_before;
  end loop;
  return v_rest = 'T';
end
$$;

-- Rules of the catalogue, checked in the catalogue. Each row is a finding.
create or replace function engine.lint() returns table (lint text, title text, detail text, remedy text)
language sql stable set search_path = ''
as $$
  with ours as (
    select n.oid, n.nspname from pg_catalog.pg_namespace n
    where n.nspname in ('core', 'metadata', 'engine') or n.oid in (select to_regnamespace(quote_ident(w.schema_name)) from core.workspaces w)
  ), tenants as (
    select * from ours where nspname not in ('core', 'metadata', 'engine')
  )
  select 'rls_not_forced', 'A tenant table without forced row-level security', format('%I.%I', t.nspname, c.relname),
    format('alter table %I.%I enable row level security, force row level security;', t.nspname, c.relname)
  from tenants t join pg_catalog.pg_class c on c.relnamespace = t.oid
  where c.relkind in ('r', 'p') and not (c.relrowsecurity and c.relforcerowsecurity)
  union all
  select 'metadata_without_rls', 'A metadata table without row-level security', format('%I.%I', n.nspname, c.relname),
    format('alter table %I.%I enable row level security;', n.nspname, c.relname)
  from ours n join pg_catalog.pg_class c on c.relnamespace = n.oid
  where n.nspname = 'metadata' and c.relkind in ('r', 'p') and not c.relrowsecurity
  union all
  select 'foreign_key_without_index', 'A foreign key without an index', format('%s on %s', k.conname, k.conrelid::regclass),
    format('create index on %s (%s);', k.conrelid::regclass, (select string_agg(quote_ident(a.attname), ', ' order by u.i)
      from unnest(k.conkey) with ordinality u (attnum, i) join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.attnum))
  from ours n join pg_catalog.pg_constraint k on k.connamespace = n.oid
  where k.contype = 'f' and not exists (
    select from pg_catalog.pg_index i
    where i.indrelid = k.conrelid and i.indpred is null
      -- One leading column is enough where the first is the workspace: few rows share the second.
      and (k.conkey <@ (string_to_array(i.indkey::text, ' ')::int2[])[1:array_length(k.conkey, 1)]
        or (string_to_array(i.indkey::text, ' ')::int2[])[1] = k.conkey[array_length(k.conkey, 1)]))
  union all
  select 'definer_without_search_path', 'A definer function without a pinned search_path', p.oid::regprocedure::text,
    format('alter function %s set search_path = '''';', p.oid::regprocedure)
  from ours n join pg_catalog.pg_proc p on p.pronamespace = n.oid
  where p.prosecdef and not exists (select from unnest(p.proconfig) s where s like 'search_path=%')
  union all
  select 'definer_open_to_public', 'A definer function that anybody may execute, beyond those that policies and defaults call', p.oid::regprocedure::text,
    format('revoke execute on function %s from public;', p.oid::regprocedure)
  from ours n join pg_catalog.pg_proc p on p.pronamespace = n.oid
  where p.prosecdef and (p.proacl is null or exists (select from pg_catalog.aclexplode(p.proacl) a where a.grantee = 0))
    and not (n.nspname = 'engine' and p.proname in ('workspace_of_role', 'find_actor'))
  union all
  select 'policy_shape', 'A tenant policy in a shape that is slow or unknown', format('%s on %s', p.polname, p.polrelid::regclass),
    'Let the engine write policies: true, column = (select f()), column = any (array(select f())), comparisons with constants, and these joined by and, or.'
  from tenants t
  join pg_catalog.pg_class c on c.relnamespace = t.oid
  join pg_catalog.pg_policy p on p.polrelid = c.oid
  cross join lateral (values (pg_catalog.pg_get_expr(p.polqual, p.polrelid)), (pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid))) as e (expr)
  where e.expr is not null and not engine.is_cheap_policy(e.expr)
  union all
  select 'policy_for_everyone', 'A tenant policy that applies to every role', format('%s on %s', p.polname, p.polrelid::regclass), 'Name the role: create policy … to role.'
  from tenants t join pg_catalog.pg_class c on c.relnamespace = t.oid join pg_catalog.pg_policy p on p.polrelid = c.oid
  where 0 = any (p.polroles)
  union all
  select 'no_comment', 'An exposed thing without a comment', d.what, 'comment on … is ''One sentence that says what it is for'';'
  from (
    select 'table ' || c.oid::regclass as what
    from ours n join pg_catalog.pg_class c on c.relnamespace = n.oid
    where n.nspname not in ('core', 'engine') and c.relkind in ('r', 'p', 'v') and pg_catalog.obj_description(c.oid, 'pg_class') is null
    union all
    select 'function ' || p.oid::regprocedure
    from ours n join pg_catalog.pg_proc p on p.pronamespace = n.oid
    where n.nspname not in ('core', 'engine') and pg_catalog.obj_description(p.oid, 'pg_proc') is null
    union all
    select format('column %s.%I', c.oid::regclass, a.attname)
    from ours n join pg_catalog.pg_class c on c.relnamespace = n.oid
    join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where n.nspname not in ('core', 'engine') and c.relkind in ('r', 'p', 'v') and pg_catalog.col_description(c.oid, a.attnum) is null
  ) d
  union all
  select 'tenant_reaches_outside', 'A tenant foreign key that leaves its schema', format('%s on %s', k.conname, k.conrelid::regclass), 'Keep a tenant whole: refer inside its schema, or not at all.'
  from tenants t join pg_catalog.pg_constraint k on k.connamespace = t.oid join pg_catalog.pg_class f on f.oid = k.confrelid
  where k.contype = 'f' and f.relnamespace <> t.oid
  union all
  -- Not valid is what a job still checks, and nothing else.
  select 'constraint_not_valid', 'A tenant constraint that old records need not fulfil', format('%s on %s', k.conname, k.conrelid::regclass),
    format('alter table %s validate constraint %I;', k.conrelid::regclass, k.conname)
  from tenants t
  join core.workspaces w on w.schema_name = t.nspname
  join pg_catalog.pg_constraint k on k.connamespace = t.oid
  where not k.convalidated and engine.identity_of(pg_catalog.obj_description(k.oid, 'pg_constraint')) is not null
    and not exists (select from metadata.online_changes c where c.workspace_id = w.id and c.status <> 'DONE'
      and c.key like '%' || engine.identity_of(pg_catalog.obj_description(k.oid, 'pg_constraint')) || '%')
  union all
  select 'computed_column_writable', 'A computed column that a role may write', format('%s.%I by %s', c.oid::regclass, a.attname, x.grantee::regrole),
    format('revoke insert (%I), update (%1$I) on %s from %s;', a.attname, c.oid::regclass, x.grantee::regrole)
  from tenants t
  join pg_catalog.pg_class c on c.relnamespace = t.oid and c.relkind in ('r', 'p')
  join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and a.attacl is not null
  join metadata.fields f on f.id = substring(engine.identity_of(pg_catalog.col_description(c.oid, a.attnum)) from '^[0-9a-f-]{36}')::uuid
    and f.type in ('FORMULA', 'ROLLUP', 'AUTO_NUMBER')
  cross join lateral (select distinct e.grantee from pg_catalog.aclexplode(a.attacl) e where e.privilege_type in ('INSERT', 'UPDATE') and e.grantee <> c.relowner) x
  union all
  select 'table_writable_whole', 'A tenant table that a role may write whole, computed columns and all', format('%s by %s', c.oid::regclass, x.grantee::regrole),
    format('revoke insert, update on %s from %s;', c.oid::regclass, x.grantee::regrole)
  from tenants t
  join pg_catalog.pg_class c on c.relnamespace = t.oid and c.relkind in ('r', 'p')
  cross join lateral (select distinct e.grantee from pg_catalog.aclexplode(c.relacl) e where e.privilege_type in ('INSERT', 'UPDATE') and e.grantee <> c.relowner) x
  union all
  select 'reader_may_write', 'A function that database logins for reading may call and that may write', p.oid::regprocedure::text,
    format('revoke execute on function %s from relvar_reader; or, if it only reads, alter function %1$s stable;', p.oid::regprocedure)
  from ours n join pg_catalog.pg_proc p on p.pronamespace = n.oid
  cross join lateral pg_catalog.aclexplode(p.proacl) a
  where p.provolatile = 'v' and (a.grantee = to_regrole('relvar_reader') or a.grantee in (select r.oid from pg_catalog.pg_roles r where r.rolname ~ '^ws_[a-z0-9]+_ro_\d+$'))
  union all
  -- Schemas and tables that nobody reaches but the server, the worker and, of metadata, CRM roles.
  select 'closed_schema_open', 'A schema of the engine that somebody else may use', format('%s: %s to %s', n.nspname, a.privilege_type, coalesce(g.rolname, 'public')),
    format('revoke %s on schema %I from %s;', a.privilege_type, n.nspname, coalesce(quote_ident(g.rolname), 'public'))
  from ours n join pg_catalog.pg_namespace s on s.oid = n.oid cross join lateral pg_catalog.aclexplode(s.nspacl) a left join pg_catalog.pg_roles g on g.oid = a.grantee
  where n.nspname in ('core', 'metadata', 'engine') and a.grantee <> s.nspowner
    and (a.privilege_type <> 'USAGE' or a.is_grantable or coalesce(g.rolname, '') <> all (case n.nspname when 'metadata' then '{relvar_crm,relvar_reader}'::text[] else '{relvar_server,relvar_worker}' end))
  union all
  select 'closed_table_open', 'A table of the engine that somebody may use without its functions', format('%s: %s to %s', c.oid::regclass, a.privilege_type, coalesce(g.rolname, 'public')),
    format('revoke %s on %s from %s;', a.privilege_type, c.oid::regclass, coalesce(quote_ident(g.rolname), 'public'))
  from ours n join pg_catalog.pg_class c on c.relnamespace = n.oid
  cross join lateral (select c.relacl as acl union all select t.attacl from pg_catalog.pg_attribute t where t.attrelid = c.oid and t.attacl is not null) x
  cross join lateral pg_catalog.aclexplode(x.acl) a left join pg_catalog.pg_roles g on g.oid = a.grantee
  where n.nspname in ('core', 'engine') and a.grantee <> c.relowner or n.nspname = 'metadata' and a.grantee = 0
  union all
  select 'bypass_rls', 'A role of Relvar that bypasses row-level security', r.rolname, format('alter role %I nosuperuser nobypassrls;', r.rolname)
  from pg_catalog.pg_roles r where r.rolname like 'relvar\_%' and (r.rolbypassrls or r.rolsuper)
$$;
comment on function engine.lint() is 'Findings about the catalogue: what breaks a rule of the design, and the cure. No rows when all is well.';

-- Compares rights with metadata, which takes as long as a plan: by itself, for one workspace or all.
create or replace function engine.lint_rights(workspace_id uuid default null) returns table (lint text, title text, detail text, remedy text)
language plpgsql stable set search_path = '' set jit = off
as $$
declare
  w core.workspaces;
begin
  for w in select x.* from core.workspaces x where lint_rights.workspace_id is null or x.id = lint_rights.workspace_id loop
    return query
    with have as (
      select h.kind, h.key, h.definition
      from engine.actual_security(array(
        select c.oid from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where n.nspname = w.schema_name and c.relkind in ('r', 'p'))) h
      where h.key is not null
      union all
      select h.kind, h.key, h.definition from engine.actual_roles(w.schema_name) h
      -- A person's own login has the role of its member, and no other.
      union all
      select 'login', l.rolname || ' ' || r.rolname, null
      from pg_catalog.pg_roles r
      join pg_catalog.pg_auth_members a on a.roleid = r.oid
      join pg_catalog.pg_roles l on l.oid = a.member
      where (r.rolname >= w.schema_name || '_r_' and r.rolname < w.schema_name || '_r`' or r.rolname >= w.schema_name || '_ro_' and r.rolname < w.schema_name || '_ro`')
        and l.rolname not in ('relvar_owner', 'relvar_server', 'relvar_worker') and l.rolname !~ '_ro?_[0-9]+$' and not l.rolsuper
    ), want as (
      select d.kind, d.key, d.definition from engine.desired_security(w.id) d
      union all
      select d.kind, d.key, d.definition from engine.desired_roles(w.id) d
      union all
      select 'login', l.login_role || ' ' || case when l.may_write then r.pg_role else engine.reading_role(r.pg_role) end, null
      from core.database_logins l join core.members m on m.id = l.member_id join metadata.roles r on r.id = m.role_id
      where l.workspace_id = w.id and l.ended_at is null
    )
    select 'right_beyond_model', 'A right that the model does not give', format('%s %s: %s', e.kind, e.key, coalesce(e.definition, '')),
      case e.kind when 'login' then format('revoke %s;', replace(e.key, ' ', ' from ')) else format('select engine.apply(%L);', w.id) end
    from (select * from have except select * from want) e
    union all
    select 'right_beyond_model', 'A right that the model does not give', s.detail, s.remedy from engine.stray_rights(w) s;
  end loop;
end
$$;
comment on function engine.lint_rights(uuid) is 'Rights, policies and memberships of the roles of a workspace, or of all, that metadata does not give. No rows when all is well.';
