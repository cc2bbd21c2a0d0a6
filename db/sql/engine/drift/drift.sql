-- Drift: where somebody changed the database by hand, so that it is not what metadata says. What the
-- engine made and is altered or missing is found by comparing facts, as planning does; what was made
-- beside it bears no identity, and planning leaves it alone.

-- Only what neither security nor the API depends on may stay different.
create or replace function engine.may_ignore(d engine.difference) returns boolean
language sql immutable set search_path = ''
  return (d).kind = 'index' or (d).kind = 'constraint' and (d).key not like '% pk'
    or (d).kind = 'column' and not (d).is_missing and not (d).is_extra and not (d).is_recreated and (d).want.name = (d).have.name;

create or replace function engine.difference_text(d engine.difference) returns text
language sql immutable set search_path = ''
as $$
  select case
    when (d).is_missing then case (d).kind
      when 'rls' then 'Row-level security is not kept.'
      when 'grant' then 'The role lacks its rights: ' || (d).want.definition || '.'
      else 'It is missing.' end
    when (d).is_extra then case (d).kind
      when 'policy' then 'Somebody made this policy, which opens what the engine keeps shut.'
      when 'grant' then 'The role has rights that the model does not give: ' || (d).have.definition || '.'
      else 'The model does not have it.' end
    when (d).kind = 'rls' then 'Row-level security is ' || case (d).have.definition when 'enabled' then 'not forced.' else 'switched off.' end
    when (d).kind = 'grant' then format('The rights of the role are "%s" instead of "%s".', (d).have.definition, (d).want.definition)
    when (d).kind = 'policy' and (d).is_recreated then 'The policy was altered.'
    when (d).kind = 'trigger' and (d).is_recreated then case when (d).have.comment = 'disabled' then 'The trigger is disabled.' else 'The trigger was altered.' end
    when (d).kind = 'function' and (d).is_recreated then 'The function was altered.'
    when (d).kind = 'constraint' and (d).is_recreated and (d).have.comment = 'altered' then 'It is not checked as the model says.'
    when (d).kind = 'index' and not (d).have.not_null then 'The index is invalid: its building was interrupted.'
    when (d).is_recreated then 'It is not as the model says.'
    else coalesce(nullif(concat_ws(' ',
      case when (d).want.name <> (d).have.name then format('It is called %s instead of %s.', (d).have.name, (d).want.name) end,
      case when (d).kind = 'column' and (d).want.pg_type <> (d).have.pg_type then format('Its type is %s instead of %s.', (d).have.pg_type, (d).want.pg_type) end,
      case when (d).kind = 'column' and (d).want.not_null <> (d).have.not_null then case when (d).have.not_null then 'It must not be empty.' else 'It may be empty.' end end,
      case when (d).kind = 'column' and (d).want.default_expr is distinct from (d).have.default_expr
        then format('Its default is %s instead of %s.', coalesce((d).have.default_expr, 'nothing'), coalesce((d).want.default_expr, 'nothing')) end), ''),
      'Its comment was rewritten.') end
$$;

-- What was made beside the engine.
create or replace function engine.drift_beside(v_schema text) returns setof engine.drift_item
language sql stable set search_path = ''
as $$
  with fact as (
    select a.*, case a.kind
        when 'table' then (select string_agg(c.attname || ' ' || pg_catalog.format_type(c.atttypid, c.atttypmod), ', ' order by c.attname)
          from pg_catalog.pg_attribute c where c.attrelid = a.oid and c.attnum > 0 and not c.attisdropped)
        when 'column' then a.pg_type || case when a.not_null then ' not null' else '' end || coalesce(' default ' || a.default_expr, '') || coalesce(' generated always as ' || a.generated_expr, '')
        when 'constraint' then pg_catalog.pg_get_constraintdef(a.oid)
        when 'index' then pg_catalog.pg_get_indexdef(a.oid)
        when 'trigger' then pg_catalog.pg_get_triggerdef(a.oid)
        when 'function' then pg_catalog.pg_get_functiondef(a.oid) end as described
    from engine.actual(v_schema) a
    where a.key ~ '(^| )unmanaged:' and a.kind in ('table', 'column', 'constraint', 'index', 'trigger', 'function')
      -- What a job needs on its way: an index that has no comment yet, a check that goes again.
      and not (a.kind in ('index', 'constraint') and exists (
        select from metadata.online_changes c
        where c.object_id::text = a.table_key and c.status <> 'DONE'
          and (a.kind = 'index' and c.kind = 'INDEX' and c.attempts > 0 or a.kind = 'constraint' and a.name = engine.filled_check_name(substr(c.key, 8)))))
  )
  select f.kind, f.key, o.id, coalesce(o.label_plural, f.table_name), f.name,
    case f.kind
      when 'table' then format('The model does not know this table. It has the columns %s.', f.described)
      when 'function' then 'The model does not know this function.'
      else format('The model does not know this %s: %s.', f.kind, f.described) end,
    array['REPAIR', 'IGNORE'],
    array[case f.kind
      when 'table' then format('drop table %I.%I', v_schema, f.name)
      when 'column' then format('alter table %I.%I drop column %I', v_schema, f.table_name, f.name)
      when 'constraint' then format('alter table %I.%I drop constraint %I', v_schema, f.table_name, f.name)
      when 'index' then format('drop index %I.%I', v_schema, f.name)
      when 'trigger' then format('drop trigger %I on %I.%I', f.name, v_schema, f.table_name)
      when 'function' then format('drop function %s', f.oid::regprocedure) end],
    false, md5(concat_ws('|', f.name, f.described))
  from fact f
  left join metadata.objects o on o.id::text = f.table_key
  -- A table says it all about what stands on it.
  where f.kind = 'table' or f.kind = 'function' or f.table_key is not null
$$;

create or replace function engine.drift(workspace_id uuid) returns setof engine.drift_item
language plpgsql stable set search_path = ''
as $$
declare
  v_schema text;
  v_differences engine.difference[];
begin
  select w.schema_name into v_schema from core.workspaces w where w.id = drift.workspace_id;
  if v_schema is null then
    raise exception 'There is no workspace %.', workspace_id using errcode = 'RV012', hint = 'select id, slug from core.workspaces lists them.';
  end if;
  -- What a job is still at is no drift.
  v_differences := array(select d from engine.difference(workspace_id, v_schema, null, true) d
    where not exists (select from metadata.online_changes c where c.workspace_id = drift.workspace_id and c.key = d.kind || ' ' || d.key and c.status <> 'DONE'));
  return query
  with difference as (
    select d, row_number() over () as n from unnest(v_differences) d
  ), gone as (
    select (d).key from difference where (d).kind in ('table', 'internal') and ((d).is_missing or (d).is_extra)
  ), item as (
    select (i.d).kind, (i.d).key, o.id as object_id, coalesce(o.label_plural, (i.d).new_table, '') as object_name,
      coalesce((i.d).have.name, (i.d).want.name, (i.d).new_table, (i.d).key) as name, engine.difference_text(i.d) as detail,
      engine.drift_proposals(drift.workspace_id, i.d) as proposals,
      array(select s.statement from engine.steps(v_schema,
        -- A table comes with all that stands on it.
        case when (i.d).kind in ('table', 'internal') and (i.d).key in (select g.key from gone g)
          then array(select x.d from difference x where coalesce((x.d).want.table_key, (x.d).have.table_key, (x.d).key) = (i.d).key) else array[i.d] end) s order by s.step) as statements,
      engine.drift_basis((i.d).want, (i.d).have) as basis
    from difference i
    left join metadata.objects o on o.id::text = coalesce((i.d).want.table_key, (i.d).have.table_key)
    where (i.d).kind in ('table', 'internal')
      or coalesce((i.d).want.table_key, (i.d).have.table_key, '') not in (select g.key from gone g)
    union all
    select b.kind, b.key, b.object_id, b.object_name, b.name, b.detail,
      engine.beside_proposals(drift.workspace_id, v_schema, b), b.statements, b.basis
    from engine.drift_beside(v_schema) b
  )
  select i.kind, i.key, i.object_id, i.object_name, i.name, i.detail, i.proposals, i.statements, g.key is not null, i.basis
  from item i
  left join metadata.ignored_drift g on g.workspace_id = drift.workspace_id and (g.kind, g.key, g.basis) = (i.kind, i.key, i.basis)
  order by i.object_name, i.kind, i.name;
end
$$;
comment on function engine.drift(uuid) is 'Where a workspace''s schema was changed by hand: each difference with what can be done about it.';
