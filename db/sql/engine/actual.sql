-- What stands in a tenant's schema, read from the catalogue, as facts with the identities that
-- their comments bear. Everything is found through pg_depend by the schema's oid and then by
-- indexed joins, so that a thousand other workspaces cost nothing.

create or replace function engine.identity_of(comment text) returns text
language sql immutable strict parallel safe
  return (regexp_match(comment, '^@relvar (\S+)'))[1];

-- Whether a comment's hash is that of a definition.
create or replace function engine.is_signed(comment text, definition text) returns boolean
language sql immutable parallel safe
  return left(md5(definition), 12) is not distinct from (regexp_match(comment, '^@relvar \S+ ([0-9a-f]{12})'))[1];

create or replace function engine.actual(schema_name text, scope uuid[] default null) returns setof engine.fact
-- Planning it takes longer than running it, and for any schema the plan is the same.
language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan
as $$
declare
  v_schema oid := to_regnamespace(quote_ident(schema_name))::oid;
  v_scope text[] := scope::text[];
  v_tables oid[];
begin
  if v_schema is null then
    return;
  end if;
  v_tables := array(
    select d.objid from pg_catalog.pg_depend d
    join pg_catalog.pg_class c on c.oid = d.objid
    left join pg_catalog.pg_description e on e.objoid = c.oid and e.classoid = 'pg_catalog.pg_class'::regclass and e.objsubid = 0
    where (v_scope is null or engine.identity_of(e.description) = any (v_scope)) and d.refclassid = 'pg_catalog.pg_namespace'::regclass and d.refobjid = v_schema
      and d.classid = 'pg_catalog.pg_class'::regclass and c.relkind in ('r', 'p'));

  return query
  with t as materialized (
    select c.oid, c.relname::text as name, c.relowner, c.relacl, c.relrowsecurity, c.relforcerowsecurity, d.description as comment,
      engine.identity_of(d.description) as key
    from unnest(v_tables) as u (oid)
    join pg_catalog.pg_class c on c.oid = u.oid
    left join pg_catalog.pg_description d on d.objoid = c.oid and d.classoid = 'pg_catalog.pg_class'::regclass and d.objsubid = 0
  )
  select case when t.key = any (engine.internal_tables()) then 'internal' else 'table' end,
    coalesce(t.key, 'unmanaged:' || t.name), t.key, t.name, t.name, null::text, t.comment, null::text, null::boolean, null::text, null::text, t.oid
  from t
  union all
  select 'column', coalesce(engine.identity_of(d.description), t.key || ' unmanaged:' || a.attname), t.key, t.name, a.attname::text, case a.attgenerated when 's' then 'stored' end, d.description,
    pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull,
    case when a.attidentity <> '' then 'identity ' || (
        select s.seqstart from pg_catalog.pg_depend e join pg_catalog.pg_sequence s on s.seqrelid = e.objid
        where e.refclassid = 'pg_catalog.pg_class'::regclass and e.refobjid = t.oid and e.refobjsubid = a.attnum and e.classid = 'pg_catalog.pg_class'::regclass and e.deptype = 'i')
      when a.attgenerated = '' then pg_catalog.pg_get_expr(ad.adbin, ad.adrelid) end,
    case when a.attgenerated <> '' then pg_catalog.pg_get_expr(ad.adbin, ad.adrelid) end, null
  from t
  join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
  left join pg_catalog.pg_attrdef ad on ad.adrelid = a.attrelid and ad.adnum = a.attnum
  left join pg_catalog.pg_description d on d.objoid = t.oid and d.classoid = 'pg_catalog.pg_class'::regclass and d.objsubid = a.attnum
  where not t.key = any (engine.internal_tables())
  union all
  -- PostgreSQL 18 lists NOT NULL as constraints too; they are a property of the column here.
  select 'constraint', t.key || ' ' || coalesce(engine.identity_of(d.description), 'unmanaged:' || c.conname), t.key, t.name, c.conname::text,
    null,
    -- ALTER CONSTRAINT and DISABLE TRIGGER ALL leave the comment.
    case when c.condeferrable or not c.convalidated and to_jsonb(c) ->> 'conenforced' = 'false'
      or c.contype = 'f' and exists (select from pg_catalog.pg_trigger g where g.tgconstraint = c.oid and g.tgenabled <> 'O') then 'altered' else d.description end,
    null, c.convalidated, null, null, c.oid
  from t
  join pg_catalog.pg_constraint c on c.conrelid = t.oid and c.contype in ('p', 'u', 'f', 'c', 'x')
  left join pg_catalog.pg_description d on d.objoid = c.oid and d.classoid = 'pg_catalog.pg_constraint'::regclass and d.objsubid = 0
  where not t.key = any (engine.internal_tables())
  union all
  select 'index', t.key || ' ' || coalesce(engine.identity_of(d.description), 'unmanaged:' || c.relname), t.key, t.name, c.relname::text,
    null, d.description, null, i.indisvalid, null, null, c.oid
  from t
  join pg_catalog.pg_index i on i.indrelid = t.oid and not i.indisprimary
  join pg_catalog.pg_class c on c.oid = i.indexrelid
  left join pg_catalog.pg_description d on d.objoid = c.oid and d.classoid = 'pg_catalog.pg_class'::regclass and d.objsubid = 0
  where not t.key = any (engine.internal_tables())
    and not exists (select from pg_catalog.pg_constraint k where k.conindid = i.indexrelid and k.conrelid = t.oid)
  union all
  -- CREATE OR REPLACE keeps the comment of a trigger or a function, so what stands there is said as the
  -- engine would say it, and has to give the hash in the comment.
  select 'trigger', t.key || ' ' || coalesce(engine.identity_of(d.description), 'unmanaged:' || g.tgname), t.key, t.name, g.tgname::text,
    null,
    case when g.tgenabled <> 'O' then 'disabled' when engine.is_signed(d.description, w.definition) then d.description else 'altered' end,
    null, null, null, null, g.oid
  from t
  join pg_catalog.pg_trigger g on g.tgrelid = t.oid and not g.tgisinternal
  left join pg_catalog.pg_description d on d.objoid = g.oid and d.classoid = 'pg_catalog.pg_trigger'::regclass and d.objsubid = 0
  cross join lateral (
    select case when g.tgqual is null and g.tgattr = '' and g.tgconstraint = 0 and g.tgtype & 64 = 0 then
      concat(case when g.tgtype & 2 = 2 then 'before ' else 'after ' end,
        concat_ws(' or ', case when g.tgtype & 4 = 4 then 'insert' end, case when g.tgtype & 16 = 16 then 'update' end, case when g.tgtype & 8 = 8 then 'delete' end, case when g.tgtype & 32 = 32 then 'truncate' end),
        ' on %s', case when coalesce(g.tgoldtable, g.tgnewtable) is not null then ' referencing' end, ' old table as ' || g.tgoldtable, ' new table as ' || g.tgnewtable,
        case when g.tgtype & 1 = 1 then ' for each row' else ' for each statement' end, ' execute function ', g.tgfoid::regproc, '(',
        case when g.tgnargs > 0 then (
          -- Each argument ends with a zero byte.
          select replace(string_agg(quote_literal(convert_from(decode(a[1], 'hex'), getdatabaseencoding())), ', ' order by n), '%', '%%')
          from regexp_matches(encode(g.tgargs, 'hex'), '((?:0[1-9a-f]|[1-9a-f].)*)00', 'g') with ordinality as m (a, n)) end, ')') end as definition
  ) w
  union all
  select 'rls', t.key, t.key, t.name, null,
    case when t.relrowsecurity and t.relforcerowsecurity then 'forced' when t.relrowsecurity then 'enabled' else 'off' end,
    null, null, null, null, null, t.oid
  from t
  where t.key is not null
  union all
  select * from engine.actual_security(v_tables)
  union all
  -- Functions of one object's triggers have its id in their identity.
  select 'function', coalesce(engine.identity_of(d.description), 'unmanaged:' || p.proname), substring(engine.identity_of(d.description) from '^[a-z_]+:([0-9a-f-]{36})'),
    null, p.proname::text, null,
    case when engine.is_signed(d.description, case
        when p.prosqlbody is not null or p.prorettype <> 'pg_catalog.trigger'::regtype then rtrim(pg_catalog.pg_get_functiondef(p.oid), E'\n')
        when (l.lanname, p.provolatile, p.prosecdef, p.proconfig::text) = ('plpgsql', 'v', true, '{"search_path=\"\""}') then
          format('create or replace function %I.%I() returns trigger language plpgsql volatile security definer set search_path = '''' as %L', schema_name, p.proname, p.prosrc) end)
      then d.description else 'altered' end,
    null, null, null, null, p.oid
  from pg_catalog.pg_depend dep
  join pg_catalog.pg_proc p on p.oid = dep.objid
  join pg_catalog.pg_language l on l.oid = p.prolang
  left join pg_catalog.pg_description d on d.objoid = p.oid and d.classoid = 'pg_catalog.pg_proc'::regclass and d.objsubid = 0
  where dep.refclassid = 'pg_catalog.pg_namespace'::regclass and dep.refobjid = v_schema and dep.classid = 'pg_catalog.pg_proc'::regclass
    and (v_scope is null or substring(engine.identity_of(d.description) from '^[a-z_]+:([0-9a-f-]{36})') = any (v_scope))
  union all
  select * from engine.actual_roles(schema_name) where scope is null;
end
$$;
comment on function engine.actual(text, uuid[]) is 'What stands in a tenant schema, read from the catalogue; of the objects in scope, or everything.';
