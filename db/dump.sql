-- The structure of the product's own schemas as statements, in an order that depends on names alone.
with ours as (
  select n.oid, n.nspname, n.nspowner, n.nspacl from pg_catalog.pg_namespace n where n.nspname in ('core', 'metadata', 'engine')
), relations as (
  select c.*, n.nspname from pg_catalog.pg_class c join ours n on n.oid = c.relnamespace
), comments as (
  select d.classoid, d.objoid, d.objsubid, pg_catalog.quote_literal(d.description) as text from pg_catalog.pg_description d
), granted as (
  -- Whoever owns a thing needs no grant; whoever else has one is listed once for each thing.
  select 'schema ' || n.nspname as target, e.grantee, e.privilege_type as privilege
  from ours n cross join lateral pg_catalog.aclexplode(n.nspacl) e where e.grantee <> n.nspowner
  union all
  select case c.relkind when 'S' then 'sequence ' else 'table ' end || c.oid::regclass, e.grantee, e.privilege_type
  from relations c cross join lateral pg_catalog.aclexplode(c.relacl) e where e.grantee <> c.relowner
  union all
  select 'table ' || c.oid::regclass, e.grantee, e.privilege_type || ' (' || pg_catalog.string_agg(a.attname, ', ' order by a.attname) || ')'
  from relations c join pg_catalog.pg_attribute a on a.attrelid = c.oid and not a.attisdropped
  cross join lateral pg_catalog.aclexplode(a.attacl) e where e.grantee <> c.relowner
  group by c.oid, e.grantee, e.privilege_type
  union all
  select 'function ' || p.oid::regprocedure, e.grantee, e.privilege_type
  from pg_catalog.pg_proc p join ours n on n.oid = p.pronamespace
  cross join lateral pg_catalog.aclexplode(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) e where e.grantee <> p.proowner
), statements (phase, name, detail, statement) as (
  select 1, n.nspname::text, '', 'create schema ' || n.nspname || ' authorization ' || pg_catalog.pg_get_userbyid(n.nspowner) || ';'
    || coalesce(E'\ncomment on schema ' || n.nspname || ' is ' || d.text || ';', '')
  from ours n left join comments d on d.objoid = n.oid and d.classoid = 'pg_catalog.pg_namespace'::regclass
  union all
  select 2, c.oid::regclass::text, '', 'create type ' || c.oid::regclass || E' as (\n  '
    || (select pg_catalog.string_agg(a.attname || ' ' || pg_catalog.format_type(a.atttypid, a.atttypmod), E',\n  ' order by a.attnum)
        from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) || E'\n);'
  from relations c where c.relkind = 'c'
  union all
  select 3, c.oid::regclass::text, '', 'create sequence ' || c.oid::regclass || ';' from relations c where c.relkind = 'S'
  union all
  select 4, c.oid::regclass::text, '0', 'create table ' || c.oid::regclass || E' (\n  '
    || (select pg_catalog.string_agg(pg_catalog.quote_ident(a.attname) || ' ' || pg_catalog.format_type(a.atttypid, a.atttypmod)
          || case when a.attnotnull then ' not null' else '' end
          || case when ad.adbin is null then ''
               when a.attgenerated = 's' then ' generated always as (' || pg_catalog.pg_get_expr(ad.adbin, ad.adrelid) || ') stored'
               else ' default ' || pg_catalog.pg_get_expr(ad.adbin, ad.adrelid) end, E',\n  ' order by a.attnum)
        from pg_catalog.pg_attribute a left join pg_catalog.pg_attrdef ad on ad.adrelid = a.attrelid and ad.adnum = a.attnum
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) || E'\n);'
    || case when c.relrowsecurity then E'\nalter table ' || c.oid::regclass || ' enable row level security;' else '' end
    || case when c.relforcerowsecurity then E'\nalter table ' || c.oid::regclass || ' force row level security;' else '' end
    || coalesce(E'\ncomment on table ' || c.oid::regclass || ' is ' || d.text || ';', '')
  from relations c left join comments d on d.objoid = c.oid and d.classoid = 'pg_catalog.pg_class'::regclass and d.objsubid = 0
  where c.relkind in ('r', 'p')
  union all
  select 4, c.oid::regclass::text, '1', pg_catalog.string_agg('comment on column ' || c.oid::regclass || '.' || a.attname || ' is ' || d.text || ';', E'\n' order by a.attnum)
  from relations c join pg_catalog.pg_attribute a on a.attrelid = c.oid
  join comments d on d.objoid = c.oid and d.classoid = 'pg_catalog.pg_class'::regclass and d.objsubid = a.attnum
  where c.relkind in ('r', 'p', 'v') group by c.oid
  union all
  select 4, c.oid::regclass::text, '2 ' || k.conname, 'alter table ' || c.oid::regclass || ' add constraint ' || k.conname || ' ' || pg_catalog.pg_get_constraintdef(k.oid) || ';'
  from relations c join pg_catalog.pg_constraint k on k.conrelid = c.oid and k.contype in ('p', 'u', 'f', 'c', 'x')
  union all
  select 4, c.oid::regclass::text, '3 ' || i.indexrelid::regclass, pg_catalog.pg_get_indexdef(i.indexrelid) || ';'
  from relations c join pg_catalog.pg_index i on i.indrelid = c.oid
  where not exists (select from pg_catalog.pg_constraint k where k.conindid = i.indexrelid and k.conrelid = c.oid)
  union all
  select 4, c.oid::regclass::text, '4 ' || p.polname, 'create policy ' || p.polname || ' on ' || c.oid::regclass
    || case when p.polpermissive then '' else ' as restrictive' end
    || ' for ' || case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end
    || ' to ' || (select pg_catalog.string_agg(case r when 0 then 'public' else pg_catalog.pg_get_userbyid(r)::text end, ', ' order by 1) from unnest(p.polroles) r)
    || coalesce(' using (' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')', '')
    || coalesce(' with check (' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) || ')', '') || ';'
  from relations c join pg_catalog.pg_policy p on p.polrelid = c.oid
  union all
  select 4, c.oid::regclass::text, '5 ' || t.tgname, pg_catalog.pg_get_triggerdef(t.oid) || ';'
  from relations c join pg_catalog.pg_trigger t on t.tgrelid = c.oid and not t.tgisinternal
  union all
  select 5, p.oid::regprocedure::text, '', pg_catalog.rtrim(pg_catalog.pg_get_functiondef(p.oid), E'\n') || ';'
    || coalesce(E'\ncomment on function ' || p.oid::regprocedure || ' is ' || d.text || ';', '')
  from pg_catalog.pg_proc p join ours n on n.oid = p.pronamespace
  left join comments d on d.objoid = p.oid and d.classoid = 'pg_catalog.pg_proc'::regclass
  where p.prokind in ('f', 'p')
  union all
  select 5, p.oid::regprocedure::text, '', 'create aggregate ' || p.oid::regprocedure || ' (sfunc = ' || a.aggtransfn || ', stype = ' || pg_catalog.format_type(a.aggtranstype, null)
    || case when a.aggfinalfn <> 0 then ', finalfunc = ' || a.aggfinalfn else '' end || coalesce(', initcond = ' || pg_catalog.quote_literal(a.agginitval), '') || ');'
    || coalesce(E'\ncomment on aggregate ' || p.oid::regprocedure || ' is ' || d.text || ';', '')
  from pg_catalog.pg_proc p join ours n on n.oid = p.pronamespace join pg_catalog.pg_aggregate a on a.aggfnoid = p.oid
  left join comments d on d.objoid = p.oid and d.classoid = 'pg_catalog.pg_proc'::regclass
  where p.prokind = 'a'
  union all
  select 6, g.target, case g.grantee when 0 then 'public' else pg_catalog.pg_get_userbyid(g.grantee) end,
    'grant ' || pg_catalog.lower(pg_catalog.string_agg(g.privilege, ', ' order by g.privilege)) || ' on ' || g.target || ' to '
      || case g.grantee when 0 then 'public' else pg_catalog.pg_get_userbyid(g.grantee) end || ';'
  from granted g group by g.target, g.grantee
)
select s.statement from statements s order by s.phase, s.name collate "C", s.detail collate "C"
