-- What differs in the rights of some roles, on all objects but those that are looked at whole anyway.
create or replace function engine.security_difference(workspace_id uuid, schema_name text, roles text[], but_objects uuid[] default '{}') returns setof engine.difference
language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
  v_tables oid[];
begin
  v_tables := array(
    select d.objid from pg_catalog.pg_depend d
    join pg_catalog.pg_class c on c.oid = d.objid
    where d.refclassid = 'pg_catalog.pg_namespace'::regclass and d.refobjid = to_regnamespace(quote_ident(schema_name))::oid
      and d.classid = 'pg_catalog.pg_class'::regclass and c.relkind in ('r', 'p'));
  return query
  with want as materialized (
    select * from engine.desired_roles(workspace_id, roles)
    union all
    select * from engine.desired_security(workspace_id, null, roles)
    union all
    select * from engine.desired_policy_indexes(workspace_id)
  ), have as materialized (
    select * from engine.actual_roles(schema_name, roles)
    union all
    select * from engine.actual_security(v_tables, roles) a where a.key is not null
    union all
    select 'index', engine.identity_of(e.description) || ' ' || engine.identity_of(d.description), engine.identity_of(e.description), t.relname::text, n.relname::text,
      null, d.description, null, x.indisvalid, null, null, n.oid
    from pg_catalog.pg_index x
    join pg_catalog.pg_class n on n.oid = x.indexrelid
    join pg_catalog.pg_class t on t.oid = x.indrelid
    join pg_catalog.pg_description d on d.objoid = x.indexrelid and d.classoid = 'pg_catalog.pg_class'::regclass and d.objsubid = 0 and d.description like '@relvar policy:%'
    join pg_catalog.pg_description e on e.objoid = x.indrelid and e.classoid = 'pg_catalog.pg_class'::regclass and e.objsubid = 0
    where x.indrelid = any (v_tables)
  ), pair as (
    select coalesce(w.kind, h.kind) as kind, coalesce(w.key, h.key) as key, row(w.*)::engine.fact as want, row(h.*)::engine.fact as have,
      w.key is null as is_extra, h.key is null as is_missing,
      split_part(coalesce(w.comment, ''), E'\n', 1) is distinct from split_part(coalesce(h.comment, ''), E'\n', 1) as is_rebased
    from want w full join have h on h.kind = w.kind and h.key = w.key
    left join metadata.ignored_drift i on i.workspace_id = security_difference.workspace_id
      and i.kind = coalesce(w.kind, h.kind) and i.key = coalesce(w.key, h.key) and i.basis = engine.drift_basis(row(w.*)::engine.fact, row(h.*)::engine.fact)
    where i.key is null and coalesce(w.table_key, h.table_key, '') <> all (but_objects::text[])
  ), judged as (
    select p.*, not p.is_missing and not p.is_extra and case p.kind
        when 'policy' then (p.want).definition is distinct from (p.have).definition
        when 'index' then p.is_rebased or not (p.have).not_null
        else false end as is_recreated
    from pair p
  )
  select j.kind, j.key, j.want, j.have, j.is_missing, j.is_extra, j.is_recreated,
    coalesce((j.have).table_name, (j.want).table_name), coalesce((j.want).table_name, (j.have).table_name),
    case when j.kind = 'index' then engine.row_estimate(to_regclass(format('%I.%I', schema_name, coalesce((j.have).table_name, (j.want).table_name)))::oid) else 0 end
  from judged j
  where j.is_missing or j.is_extra or j.is_recreated
    or j.kind = 'index' and (j.want).name is distinct from (j.have).name
    or j.kind = 'grant' and (j.want).definition is distinct from (j.have).definition;
end
$$;
