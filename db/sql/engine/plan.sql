-- The difference between desired and actual, as ordered statements. engine.plan and engine.apply
-- are the only code that issues DDL for tenants.

create type engine.step as (
  step int,
  kind text,
  object_name text,
  statement text,
  lock_level text,
  rewrites boolean,
  row_estimate bigint,
  is_online boolean,
  note text
);

create function engine.column_clause(f engine.fact) returns text
language sql immutable set search_path = ''
  return format('%I %s', (f).name, (f).pg_type)
    || case when (f).generated_expr is not null then ' generated always as (' || (f).generated_expr || ') stored' else '' end
    || coalesce(' default ' || (f).default_expr, '')
    || case when (f).not_null then ' not null' else '' end;

create function engine.plan(workspace_id uuid) returns setof engine.step
language plpgsql stable set search_path = ''
as $$
declare
  v_schema text;
begin
  select w.schema_name into v_schema from core.workspaces w where w.id = workspace_id;
  if v_schema is null then
    raise exception 'There is no workspace %.', workspace_id using errcode = 'RV012',
      hint = 'select id, slug from core.workspaces lists them.';
  end if;

  return query
  with d as materialized (
    select * from engine.difference(workspace_id, v_schema)
  ), dropped_tables as (
    select (d.have).table_key from d where d.kind = 'table' and d.is_extra
  ), renamed as (
    select * from d
    where d.kind in ('table', 'column', 'constraint', 'index', 'policy') and not d.is_missing and not d.is_extra and not d.is_recreated
      and (d.want).name <> (d.have).name
  ), steps as (
    -- 0. The schema, its group and its roles.
    select 0 as phase, 'schema' as kind, v_schema as object_name, s.statement, null::text as lock_level, false as rewrites, 0::bigint as row_estimate, null::text as note
    from (values
      (1, format('create role %I nologin', v_schema)),
      (2, format('create schema %I', v_schema)),
      (3, format('grant usage on schema %I to %I', v_schema, v_schema))
    ) as s (n, statement)
    where to_regnamespace(quote_ident(v_schema)) is null
    union all
    select 1, 'role', d.key, s.statement, null, false, 0, null
    from d cross join lateral (values
      (1, format('create role %I nologin', d.key)),
      (2, format('grant %I to %I', v_schema, d.key)),
      -- The server and the worker do not inherit: they can only become the role. The owner, too,
      -- so that administrators can.
      (3, format('grant %I to relvar_server, relvar_worker', d.key)),
      (4, format(case when current_setting('server_version_num')::int >= 160000
        then 'grant %I to relvar_owner with inherit false, set true' else 'grant %I to relvar_owner' end, d.key))
    ) as s (n, statement)
    where d.kind = 'role' and d.is_missing
    -- 1. What must go before tables and columns can change.
    union all
    select case d.kind when 'policy' then 10 when 'trigger' then 11 when 'constraint' then case when (d.have).comment like '@relvar pk%' then 13 else 12 end else 14 end,
      d.kind, d.old_table,
      case d.kind
        when 'policy' then format('drop policy %I on %I.%I', (d.have).name, v_schema, d.old_table)
        when 'trigger' then format('drop trigger %I on %I.%I', (d.have).name, v_schema, d.old_table)
        when 'constraint' then format('alter table %I.%I drop constraint %I', v_schema, d.old_table, (d.have).name)
        when 'index' then format('drop index %I.%I', v_schema, (d.have).name)
        when 'function' then format('drop function %s', (d.have).oid::regprocedure)
      end,
      'AccessExclusive', false, 0, null
    from d
    where d.kind in ('policy', 'trigger', 'constraint', 'index', 'function') and (d.is_extra or d.is_recreated)
      and not (d.is_extra and (d.have).table_key in (select table_key from dropped_tables) and d.kind <> 'constraint')
      and not (d.kind = 'function' and d.is_recreated)
    union all
    select case when (d.have).generated_expr is not null then 20 else 21 end, 'column', d.old_table,
      format('alter table %I.%I drop column %I', v_schema, d.old_table, (d.have).name), 'AccessExclusive', false, d.row_estimate,
      case when d.is_extra then 'The column and its data are dropped.' end
    from d
    where d.kind = 'column' and (d.is_extra or d.is_recreated) and (d.have).table_key not in (select table_key from dropped_tables)
    union all
    select 22, 'table', (d.have).name, format('drop table %I.%I', v_schema, (d.have).name), 'AccessExclusive', false, d.row_estimate,
      'The table and its records are dropped.'
    from d where d.kind = 'table' and d.is_extra
    union all
    -- 2. Renames keep the data. Where the new name is still that of another thing which is renamed
    -- too, the way leads over a name that nobody has.
    select case r.kind when 'table' then 30 when 'column' then 32 else 34 end + s.n, r.kind, r.object_name, s.statement, 'AccessExclusive', false, 0, null
    from (
      select d.kind, case d.kind when 'table' then d.old_table else d.new_table end as object_name, (d.have).name as old, (d.want).name as new,
        case d.kind
          when 'table' then format('alter table %I.%%I rename to %%I', v_schema)
          when 'column' then format('alter table %I.%I rename column %%I to %%I', v_schema, d.new_table)
          when 'constraint' then format('alter table %I.%I rename constraint %%I to %%I', v_schema, d.new_table)
          when 'index' then format('alter index %I.%%I rename to %%I', v_schema)
          when 'policy' then format('alter policy %%I on %I.%I rename to %%I', v_schema, d.new_table)
        end as template,
        case when exists (
          select from renamed o
          where o.key <> d.key and (o.have).name = (d.want).name and (o.kind = d.kind or o.kind in ('constraint', 'index') and d.kind in ('constraint', 'index'))
            and (d.kind <> 'column' or (o.have).table_key = (d.have).table_key)
        ) then 'relvar_' || md5(d.kind || d.key) end as detour
      from renamed d
    ) r
    cross join lateral (values
      (0, format(r.template, r.old, coalesce(r.detour, r.new))),
      (1, case when r.detour is not null then format(r.template, r.detour, r.new) end)
    ) as s (n, statement)
    union all
    -- What lies in the trash goes by the names of columns, too.
    select 36, 'trash', r.new_table, format(
        'update %1$I.trash set data = data - %2$L::text[] || (select coalesce(jsonb_object_agg(n.new, data -> n.old), ''{}'') from unnest(%2$L::text[], %3$L::text[]) n (old, new) where data ? n.old) where object_id = %4$L and data ?| %2$L::text[]',
        v_schema, array_agg((r.have).name order by r.key), array_agg((r.want).name order by r.key), (r.want).table_key), 'RowExclusive', false, 0::bigint, null
    from renamed r where r.kind = 'column' group by r.new_table, (r.want).table_key
    union all
    select 37, 'trash', (d.have).name, format('delete from %I.trash where object_id = %L', v_schema, d.key), 'RowExclusive', false, 0, null
    from d where d.kind = 'table' and d.is_extra
    union all
    -- 3. New tables, whole.
    select 40, 'table', (d.want).name, (
        select format('create table %I.%I (%s)', v_schema, (d.want).name, string_agg(engine.column_clause(c.want), ', ' order by (c.want).name = 'id' desc, (c.want).generated_expr is not null, (c.want).name))
        from d c where c.kind = 'column' and (c.want).table_key = d.key), null, false, 0, null
    from d where d.kind = 'table' and d.is_missing
    union all
    select 41, 'internal', d.key, (d.want).definition, null, false, 0, null
    from d where d.kind = 'internal' and d.is_missing
    union all
    select case when (d.want).generated_expr is null then 42 else 44 end, 'column', d.new_table, format('alter table %I.%I add column %s', v_schema, d.new_table, engine.column_clause(d.want)), 'AccessExclusive',
      (d.want).generated_expr is not null or coalesce((d.want).default_expr ~ '\(', false) and (d.want).default_expr <> 'now()', d.row_estimate, null
    from d where d.kind = 'column' and (d.is_missing or d.is_recreated)
      and not exists (select from d t where t.kind = 'table' and t.is_missing and t.key = (d.want).table_key)
    union all
    select 43, 'column', d.new_table, format('alter table %I.%I alter column %I %s', v_schema, d.new_table, (d.want).name, a.action), 'AccessExclusive', a.rewrites, d.row_estimate, a.note
    from d cross join lateral (values
      (1, case when (d.want).pg_type <> (d.have).pg_type and (d.have).default_expr is not null then 'drop default' end, false, null),
      (2, case when (d.want).pg_type <> (d.have).pg_type then format('type %s using %I::%1$s', (d.want).pg_type, (d.want).name) end, true, 'Each value is converted.'),
      (3, case when (d.want).default_expr is not null and ((d.want).default_expr is distinct from (d.have).default_expr or (d.want).pg_type <> (d.have).pg_type)
          then 'set default ' || (d.want).default_expr
        when (d.want).default_expr is null and (d.have).default_expr is not null and (d.want).pg_type = (d.have).pg_type then 'drop default' end, false, null),
      (4, case when (d.want).not_null and not (d.have).not_null then 'set not null' when (d.have).not_null and not (d.want).not_null then 'drop not null' end, false, null)
    ) as a (n, action, rewrites, note)
    where d.kind = 'column' and not d.is_missing and not d.is_extra and not d.is_recreated and (d.want).generated_expr is null and a.action is not null
    -- 4. Keys, rules, indexes.
    union all
    select case when (d.want).definition like 'primary key%' then 50 when (d.want).definition like 'check%' then 51 else 53 end, d.kind, d.new_table,
      format('alter table %I.%I add constraint %I %s', v_schema, d.new_table, (d.want).name, (d.want).definition), 'ShareRowExclusive', false, d.row_estimate, null
    from d where d.kind = 'constraint' and (d.is_missing or d.is_recreated)
    union all
    select 52, d.kind, d.new_table,
      case when (d.want).definition like 'unique %'
        then format('create unique index %I on %I.%I %s', (d.want).name, v_schema, d.new_table, substr((d.want).definition, 8))
        else format('create index %I on %I.%I %s', (d.want).name, v_schema, d.new_table, (d.want).definition) end,
      'Share', false, d.row_estimate, null
    from d where d.kind = 'index' and (d.is_missing or d.is_recreated)
    -- 5. Who may see and do what. A table without row-level security does not exist for longer than this transaction.
    union all
    select 60, d.kind, d.new_table, s.statement, 'AccessExclusive', false, 0, null
    from d cross join lateral (values
      (format('alter table %I.%I enable row level security', v_schema, d.new_table)),
      (format('alter table %I.%I force row level security', v_schema, d.new_table))
    ) as s (statement)
    where d.kind = 'rls' and not d.is_extra
    union all
    select 61, d.kind, d.new_table, format('create policy %I on %I.%I %s', (d.want).name, v_schema, d.new_table, (d.want).definition), 'AccessExclusive', false, 0, null
    from d where d.kind = 'policy' and (d.is_missing or d.is_recreated)
    union all
    select 62, d.kind, d.new_table, format('create trigger %I ', (d.want).name) || format((d.want).definition, format('%I.%I', v_schema, d.new_table)), 'ShareRowExclusive', false, 0, null
    from d where d.kind = 'trigger' and (d.is_missing or d.is_recreated)
    union all
    select 63, d.kind, coalesce(d.new_table, (d.have).table_name), format('revoke all on %I.%I from %s', v_schema, coalesce(d.new_table, (d.have).table_name),
      case when (d.have).name = 'public' then 'public' else quote_ident((d.have).name) end), null, false, 0, null
    from d where d.kind = 'grant' and not d.is_missing
      and (d.have).table_key not in (select table_key from dropped_tables)
    union all
    select 64, d.kind, d.new_table, format('grant %s on %I.%I to %I', (d.want).definition, v_schema, d.new_table, (d.want).name), null, false, 0, null
    from d where d.kind = 'grant' and not d.is_extra
    union all
    select 70, d.kind, d.key, s.statement, null, false, 0, null
    from d cross join lateral (values
      ((d.want).definition), (format('grant execute on function %I.%I to %I', v_schema, d.key, v_schema))) as s (statement)
    where d.kind = 'function' and (d.is_missing or d.is_recreated)
    -- 6. Identities and descriptions.
    union all
    select 80, 'comment', coalesce(d.new_table, d.key), format('comment on %s is %L', c.target, (d.want).comment), 'ShareUpdateExclusive', false, 0, null
    from d cross join lateral (select case d.kind
        when 'table' then format('table %I.%I', v_schema, (d.want).name)
        when 'internal' then format('table %I.%I', v_schema, (d.want).name)
        when 'column' then format('column %I.%I.%I', v_schema, d.new_table, (d.want).name)
        when 'index' then format('index %I.%I', v_schema, (d.want).name)
        when 'function' then format('function %I.%I', v_schema, (d.want).name)
        else format('%s %I on %I.%I', d.kind, (d.want).name, v_schema, d.new_table) end as target) c
    where (d.want).comment is not null and (d.is_missing or d.is_recreated or (d.want).comment is distinct from (d.have).comment)
    -- 7. Until the commit this locks relvar_crm, which all workspaces share: last, so that several
    -- can be made at a time.
    union all
    select 85, 'schema', v_schema, format('grant relvar_crm to %I', v_schema), null, false, 0, null
    where to_regnamespace(quote_ident(v_schema)) is null
    -- 8. Roles that no longer are.
    union all
    select 90, 'role', d.key, format('drop role %I', d.key), null, false, 0, null
    from d where d.kind = 'role' and d.is_extra
  )
  select row_number() over (order by s.phase, s.ord)::int, s.kind, s.object_name, s.statement, s.lock_level, s.rewrites, s.row_estimate,
    -- What would hold a large table for long. This version applies it at once and says so.
    s.row_estimate > 50000 and (s.rewrites or s.kind in ('index', 'constraint')), s.note
  from (select steps.*, row_number() over () as ord from steps) s
  where s.statement is not null;
end
$$;
comment on function engine.plan(uuid) is 'The statements that make a workspace''s schema equal to its metadata, in order, each with its lock, whether it rewrites the table, and about how many rows that touches. Empty when nothing differs. Changes nothing.';
