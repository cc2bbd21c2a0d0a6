-- Desired against actual: every fact that is missing, extra or not as it should be.

-- The columns are what most else follows from: found once, and handed on.
create or replace function engine.desired(workspace_id uuid, schema_name text, scope uuid[] default null) returns setof engine.fact
language plpgsql stable set search_path = ''
as $$
declare
  v_spec engine.column_spec[] := array(select c from engine.columns(workspace_id, scope) c);
begin
  perform engine.assert_columns_differ(workspace_id, v_spec);
  return query select * from engine.desired_tables(workspace_id, scope);
  return query select * from engine.desired_columns(workspace_id, v_spec, scope);
  return query select * from engine.desired_constraints(workspace_id, schema_name, v_spec, scope);
  return query select * from engine.desired_indexes(workspace_id, v_spec, scope);
  return query select * from engine.desired_field_checks(workspace_id, v_spec, scope);
  return query select * from engine.desired_rules(workspace_id, scope);
  return query select * from engine.desired_model_indexes(workspace_id, v_spec, scope);
  return query select * from engine.desired_duplicate_indexes(workspace_id, scope);
  return query select * from engine.desired_policy_indexes(workspace_id, scope);
  return query select * from engine.desired_triggers(workspace_id, scope, v_spec);
  return query select * from engine.desired_computed(workspace_id, schema_name, scope);
  return query select * from engine.desired_conversions(workspace_id, schema_name, scope);
  return query select * from engine.desired_security(workspace_id, scope);
  if scope is null then
    return query select * from engine.desired_internals(workspace_id, schema_name);
    return query select * from engine.desired_roles(workspace_id);
  end if;
end
$$;
comment on function engine.desired(uuid, text, uuid[]) is 'What should stand in a tenant schema, derived from metadata; for the objects in scope, or for all.';

-- As the planner of PostgreSQL estimates: the density when the table was last analysed, times its
-- size now. One that never was is taken for records of 150 bytes.
create or replace function engine.row_estimate(relation oid) returns bigint
language sql stable set search_path = ''
  return coalesce((
    select case when c.relpages > 0 and c.reltuples >= 0 then c.reltuples / c.relpages * (pg_catalog.pg_relation_size(c.oid) / 8192) else pg_catalog.pg_relation_size(c.oid) / 150 end
    from pg_catalog.pg_class c where c.oid = relation), 0)::bigint;

-- What a difference is like. Words for people are no part of it, nor is the oid, which a restored dump changes.
create or replace function engine.drift_basis(want engine.fact, have engine.fact) returns text
language sql immutable set search_path = ''
  return md5(case when coalesce((want).kind, (have).kind) = 'column'
    then concat_ws('|', (want).pg_type, (want).not_null, (want).default_expr, '>', (have).pg_type, (have).not_null, (have).default_expr)
    else concat_ws('|', split_part((want).comment, E'\n', 1), '>', (have).name, split_part((have).comment, E'\n', 1), (have).not_null) end);

-- A column that somebody decided to leave as it is is wanted as it is, and named and described as ever.
create or replace function engine.left_alone(want engine.fact, have engine.fact) returns engine.fact
language plpgsql immutable set search_path = ''
as $$
begin
  want.pg_type := have.pg_type;
  want.not_null := have.not_null;
  want.default_expr := have.default_expr;
  return want;
end
$$;

create or replace function engine.difference(workspace_id uuid, schema_name text, scope uuid[] default null, with_ignored boolean default false) returns setof engine.difference
language sql stable set search_path = ''
as $$
  -- With the objects that computed fields link to those in scope.
  with linked as materialized (
    select engine.linked_scope(workspace_id, scope) as scope
  ), modelled as materialized (
    select * from engine.desired(workspace_id, schema_name, (select l.scope from linked l))
  ), have as materialized (
    -- What somebody made beside the engine (a table, a column, an index, a trigger) is theirs and stays;
    -- a policy or a grant is not, since it opens what the engine keeps shut.
    select * from engine.actual(schema_name, (select l.scope from linked l)) a where a.key is not null and (a.kind = 'policy' or a.key !~ '(^| )unmanaged:')
  ), kept as materialized (
    -- A stored column rewrites its table when it is added or comes to be computed otherwise. On a large
    -- table it is a plain one instead, which a trigger keeps; and what is plain once stays so.
    select m.*
    from modelled m
    join have t on t.kind = 'table' and t.key = m.table_key
    left join have h on h.kind = 'column' and h.key = m.key
    where m.kind = 'column' and m.definition = 'stored'
      and case when h.generated_expr is null and h.key is not null then true
        when split_part(m.comment, E'\n', 1) is distinct from split_part(h.comment, E'\n', 1) then engine.row_estimate(t.oid) > (select s.online_rows from engine.settings s)
        else false end
  ), want as materialized (
    select m.kind, m.key, m.table_key, m.table_name, m.name, case when k.key is null then m.definition else 'kept' end as definition, m.comment, m.pg_type, m.not_null, m.default_expr,
      case when k.key is null then m.generated_expr end as generated_expr, m.oid
    from modelled m left join kept k on m.kind = 'column' and k.key = m.key
    union all
    select * from engine.desired_kept(workspace_id, schema_name, array(select row(k.*)::engine.fact from kept k))
  ), pair as (
    select coalesce(w.kind, h.kind) as kind, coalesce(w.key, h.key) as key,
      case when i.key is null then row(w.*)::engine.fact else engine.left_alone(row(w.*)::engine.fact, row(h.*)::engine.fact) end as want, row(h.*)::engine.fact as have, w.key is null as is_extra, h.key is null as is_missing,
      -- The first line of a comment is the identity and the hash of what the thing depends on.
      split_part(coalesce(w.comment, ''), E'\n', 1) is distinct from split_part(coalesce(h.comment, ''), E'\n', 1) as is_rebased,
      w.name is distinct from h.name or w.comment is distinct from h.comment as is_relabelled
    from want w full join have h on h.kind = w.kind and h.key = w.key
    left join metadata.ignored_drift i on not with_ignored and i.workspace_id = difference.workspace_id
      and i.kind = coalesce(w.kind, h.kind) and i.key = coalesce(w.key, h.key) and i.basis = engine.drift_basis(row(w.*)::engine.fact, row(h.*)::engine.fact)
    where i.key is null or i.kind = 'column'
  ), judged as (
    select p.*, not p.is_missing and not p.is_extra and case p.kind
        when 'constraint' then p.is_rebased
        when 'trigger' then p.is_rebased
        when 'policy' then (p.want).definition is distinct from (p.have).definition
        when 'function' then p.is_rebased
        -- not_null of an actual index says whether it is valid.
        when 'index' then p.is_rebased or not (p.have).not_null
        -- A generated column is compared by what it depends on, which its comment bears.
        when 'column' then ((p.want).generated_expr is not null or (p.have).generated_expr is not null)
          and (p.is_rebased or (p.want).generated_expr is null or (p.have).generated_expr is null)
          -- What is stored becomes plain in place.
          and not coalesce((p.want).definition = 'kept' and (p.have).definition = 'stored', false)
        else false
      end as is_recreated
    from pair p
  ), dragged as materialized (
    -- An index or a rule goes with the column that it is on when that is dropped and made anew.
    select d.objid as oid
    from judged c
    join have t on t.kind = 'table' and t.key = (c.have).table_key
    join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attname = (c.have).name
    join pg_catalog.pg_depend d on d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = t.oid and d.refobjsubid = a.attnum
      and d.classid in ('pg_catalog.pg_class'::regclass, 'pg_catalog.pg_constraint'::regclass)
    where c.kind = 'column' and c.is_recreated
  ), judged_whole as (
    select j.kind, j.key, j.want, j.have, j.is_extra, j.is_missing, j.is_relabelled,
      j.is_recreated or j.kind in ('index', 'constraint') and not j.is_missing and not j.is_extra and (j.have).oid in (select d.oid from dragged d) as is_recreated
    from judged j
  ), shaken as materialized (
    -- Privileges stay with a column through its rename, and go with one that is made anew. Where names change hands they are given anew.
    select distinct (j.have).table_key as table_key, j.is_recreated from judged j
    where j.kind = 'column' and not j.is_missing and not j.is_extra and ((j.want).name <> (j.have).name or j.is_recreated)
  )
  select j.kind, j.key, j.want, j.have, j.is_missing, j.is_extra, j.is_recreated,
    coalesce(ht.name, (j.have).table_name), coalesce((j.want).table_name, wt.name, (j.have).table_name),
    engine.row_estimate(c.oid)
  from judged_whole j
  left join have ht on ht.kind in ('table', 'internal') and ht.key = coalesce((j.want).table_key, (j.have).table_key)
  left join want wt on wt.kind = 'table' and wt.key = (j.have).table_key
  left join pg_catalog.pg_class c on c.oid = ht.oid
  where j.is_missing or j.is_extra or j.is_recreated
    or (j.is_relabelled and j.kind not in ('rls', 'grant', 'role'))
    or ((j.want).definition is distinct from (j.have).definition and j.kind in ('rls', 'grant'))
    -- Added without a look at the records that were there.
    or (j.kind = 'constraint' and not (j.have).not_null)
    or (j.kind = 'grant' and (j.want).table_key in (select s.table_key from shaken s where not s.is_recreated))
    or (j.kind = 'grant' and (j.want).definition like '%select (%' and (j.want).table_key in (select s.table_key from shaken s where s.is_recreated))
    or (j.kind = 'column' and ((j.want).pg_type <> (j.have).pg_type or (j.want).not_null <> (j.have).not_null
      or ((j.want).generated_expr is null and (j.want).default_expr is distinct from (j.have).default_expr)))
$$;
comment on function engine.difference(uuid, text, uuid[], boolean) is 'Facts in which a tenant schema differs from its metadata, but for differences that are ignored.';
