-- Under a policy PostgreSQL uses no index for a comparison that is not leakproof: a text that contains
-- another, a list that overlaps another, an exact number. So for a role that sees some records only the
-- API first asks here, as the owner, which of its records fulfil a filter, and adds their ids to its own
-- statement, which meets the table under all rules as ever. Asking less than the filter says is therefore
-- no fault: the ids only narrow. What is asked here besides, of records that the caller does not see, are
-- comparisons that cannot fail for any value, so that no error tells of one.

-- What a role sees of a table, as PostgreSQL itself has it: 'true' for every record, 'false' for none.
create or replace function engine.read_policy(caller name, relation oid) returns text
language sql stable set search_path = ''
as $$
  select case when engine.acts_as_administrator() then 'true' else coalesce((
    select case when bool_or(c.condition = 'true') then 'true' else '(' || string_agg(c.condition, ' OR ' order by c.condition) || ')' end
    from (
      select pg_catalog.pg_get_expr(p.polqual, p.polrelid) as condition
      from pg_catalog.pg_policy p
      where p.polrelid = relation and p.polcmd in ('r', '*')
        and exists (select from unnest(p.polroles) u (role) where u.role = 0 or pg_catalog.pg_has_role(caller, u.role, 'usage'))
    ) c), 'false') end
$$;
comment on function engine.read_policy(name, oid) is
  'The records of a tenant table that a role sees, as the condition of its policies; for functions that run as the owner and name one table only.';

create or replace function engine.narrowing_comparison(column_name text, pg_type text, node jsonb) returns text
language plpgsql immutable set search_path = ''
as $$
declare
  v_is text := node ->> 'is';
  v_is_list boolean := coalesce(jsonb_typeof(node -> 'value') = 'array', false);
  v_value text := case when v_is_list
    then (select array(select e from jsonb_array_elements_text(node -> 'value') with ordinality u (e, n) order by n))::text else node ->> 'value' end;
  v_column text := 't.' || quote_ident(column_name);
begin
  if v_is in ('null', 'notNull') then
    return format('%s is %snull', v_column, case v_is when 'notNull' then 'not ' else '' end);
  elsif v_value is null then
    raise exception 'The filter compares "%" with nothing.', column_name using errcode = 'RV180', hint = 'Give {"column": …, "is": …, "value": …}.';
  elsif v_is in ('includes', 'notIncludes', 'startsWith', 'endsWith') and pg_type = 'text' and not v_is_list then
    return format('%s %s %L', v_column, case v_is when 'notIncludes' then 'not ilike' else 'ilike' end,
      case v_is when 'startsWith' then '' else '%' end || regexp_replace(v_value, '([\\%_])', '\\\1', 'g') || case v_is when 'endsWith' then '' else '%' end);
  elsif v_is in ('=', '<>', '<', '<=', '>', '>=') and pg_type <> 'jsonb' and v_is_list = (pg_type like '%[]') then
    return format('%s %s %L::%s', v_column, v_is, v_value, pg_type);
  elsif v_is in ('in', 'notIn') and pg_type not like '%[]' and v_is_list then
    return format('%s %s (%L::%s[])', v_column, case v_is when 'in' then '= any' else '<> all' end, v_value, pg_type);
  elsif v_is in ('contains', 'overlaps') and pg_type like '%[]' and v_is_list then
    return format('%s %s %L::%s', v_column, case v_is when 'contains' then '@>' else '&&' end, v_value, pg_type);
  end if;
  raise exception 'A filter does not ask of a column of type % whether it is "%".', pg_type, v_is using errcode = 'RV180',
    hint = 'There are null, notNull, =, <>, <, <=, >, >=, in, notIn; for texts includes, notIncludes, startsWith, endsWith; for lists contains, overlaps.';
end
$$;

-- The records of a table that fulfil a filter and that the caller sees, as a query for one of its columns.
-- Null where nothing of the filter can be asked: a column that the caller does not read refuses the
-- statement itself.
create or replace function engine.narrowing_query(caller name, schema_name text, table_name text, column_name text, filter jsonb, out query text, out is_limited boolean)
language plpgsql stable set search_path = ''
as $$
declare
  v_table oid;
  v_policy text;
  v_asked record;
begin
  select c.oid into v_table
  from core.workspaces w
  join metadata.objects o on o.workspace_id = w.id
  join pg_catalog.pg_class c on c.oid = to_regclass(format('%I.%I', w.schema_name, o.table_name))
  where w.schema_name = narrowing_query.schema_name and o.table_name = narrowing_query.table_name;
  if v_table is null then
    raise exception 'There is no table "%".', table_name using errcode = 'RV180', hint = 'Name the table of an object, such as people.';
  end if;
  v_policy := engine.read_policy(caller, v_table);
  is_limited := v_policy <> 'true';
  if not has_column_privilege(caller, v_table, column_name, 'select') then
    return;
  end if;
  select * into v_asked from engine.narrowing_condition(caller, schema_name, v_table, filter);
  is_limited := is_limited or v_asked.is_limited;
  if v_asked.condition is not null then
    query := format('select t.%I from %I.%I t where %s and %s', column_name, schema_name, table_name, v_asked.condition, v_policy);
  end if;
end
$$;

-- A filter is {"column", "is", "value"}; {"column", "in": {"table", "column", "filter"}} for records that are
-- related; or {"and": […]}, {"or": […]}.
create or replace function engine.narrowing_condition(caller name, schema_name text, relation oid, node jsonb, out condition text, out is_limited boolean)
language plpgsql stable set search_path = ''
as $$
declare
  v_parts text[] := '{}';
  v_part record;
  v_type text;
  v_node jsonb;
begin
  is_limited := false;
  if jsonb_typeof(node -> 'and') = 'array' or jsonb_typeof(node -> 'or') = 'array' then
    for v_node in select e from jsonb_array_elements(coalesce(node -> 'and', node -> 'or')) e loop
      select * into v_part from engine.narrowing_condition(caller, schema_name, relation, v_node);
      is_limited := is_limited or v_part.is_limited;
      v_parts := v_parts || v_part.condition;
    end loop;
    if node ? 'and' then
      condition := '(' || array_to_string(array_remove(v_parts, null), ' and ') || ')';
    elsif array_position(v_parts, null) is null then
      condition := '(' || array_to_string(v_parts, ' or ') || ')';
    end if;
    condition := nullif(condition, '()');
    return;
  end if;
  select pg_catalog.format_type(a.atttypid, a.atttypmod) into v_type
  from pg_catalog.pg_attribute a where a.attrelid = relation and a.attname = node ->> 'column' and a.attnum > 0 and not a.attisdropped;
  if not found then
    raise exception 'There is no column "%".', node ->> 'column' using errcode = 'RV180', hint = 'Name a column of the table.';
  end if;
  if node ? 'in' then
    select * into v_part from engine.narrowing_query(caller, schema_name, node #>> '{in,table}', node #>> '{in,column}', node #> '{in,filter}');
    is_limited := v_part.is_limited;
    if v_part.query is not null then
      condition := format('t.%I in (%s)', node ->> 'column', v_part.query);
    end if;
  else
    condition := engine.narrowing_comparison(node ->> 'column', v_type, node);
  end if;
  if not has_column_privilege(caller, relation, node ->> 'column', 'select') then
    condition := null;
  end if;
end
$$;

-- Whether looking through what a role sees of a table takes less than finding it by any other index.
create or replace function engine.sees_few(schema_name text, table_name text, policy text, few int) returns boolean
language plpgsql stable set search_path = ''
as $$
declare
  v_is_few boolean;
begin
  execute format('select count(*) <= $1 from (select from %I.%I where %s limit $1 + 1) x', schema_name, table_name, policy) into v_is_few using few;
  return v_is_few;
end
$$;
comment on function engine.sees_few(text, text, text, int) is 'Whether a condition, such as engine.read_policy gives, is true of at most so many records of a table.';

create or replace function engine.matching_ids(caller name, schema_name text, table_name text, filter jsonb, max_results int, few int, out ids uuid[], out is_worthwhile boolean)
language plpgsql stable security definer set search_path = '' set jit = off
as $$
declare
  v_asked record;
  v_policy text;
  v_limit int := least(greatest(max_results, 1), 100000);
begin
  select * into v_asked from engine.narrowing_query(caller, schema_name, table_name, 'id', filter);
  is_worthwhile := v_asked.is_limited;
  if is_worthwhile and few > 0 then
    v_policy := engine.read_policy(caller, format('%I.%I', schema_name, table_name)::regclass);
    is_worthwhile := v_policy = 'true' or not engine.sees_few(schema_name, table_name, v_policy, few);
  end if;
  if is_worthwhile and v_asked.query is not null then
    execute format('select array(%s limit %s)', v_asked.query, v_limit + 1) into ids;
    if cardinality(ids) > v_limit then
      ids := null;
    end if;
  end if;
end
$$;

-- Reached only through the tenant's own function, which names the caller.
grant execute on function engine.matching_ids(name, text, text, jsonb, int, int) to relvar_crm, relvar_reader;
