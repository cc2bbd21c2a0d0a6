-- A typed formula as SQL. Only what is written here and in engine.formula_functions can come out:
-- built-in immutable operators and functions, columns of the model, and literals.
--
-- No value of a record may make the expression fail, since that record could not be read or
-- written any more. So numbers are numeric (which holds all of a float8), what is outside of a
-- function's domain becomes null before the function sees it, and comparisons are true or false.

-- The name under which a formula reads the record at the end of some relations.
create or replace function engine.formula_alias(via jsonb) returns text
language sql immutable parallel safe set search_path = ''
  return 'r_' || left(md5(via::text), 10);

create or replace function engine.formula_pg_type(t text) returns text
language sql immutable parallel safe set search_path = ''
  return case t when 'TEXT' then 'text' when 'BOOLEAN' then 'boolean' when 'DATE' then 'date' when 'DATE_TIME' then 'timestamptz'
    when 'ARRAY' then 'text[]' when 'UUID' then 'uuid' when 'JSON' then 'jsonb' else 'numeric' end;

-- Null outside of the bounds; written with functions that evaluate their argument once.
create or replace function engine.formula_bounded(sql text, low text, high text) returns text
language sql immutable parallel safe set search_path = ''
  return format('nullif(nullif(least(greatest(%s, %s), %s), %3$s), %2$s)', sql, low, high);

-- Does a formula read other records? What reads only its own is a generated column.
create or replace function engine.formula_reads_relations(compiled jsonb) returns boolean
language sql immutable parallel safe set search_path = ''
  return jsonb_path_exists(compiled, 'strict $.**.via');

-- The columns that hold a field, or one part of it.
create or replace function engine.formula_columns(field metadata.fields, part text, prefix text) returns text[]
language sql stable set search_path = ''
as $$
  select case
    when (field).type in ('RELATION', 'MEMBER') then array[prefix || quote_ident(engine.snake_case((field).name) || '_id')]
    when (field).type = 'MORPH_RELATION' then array(
      select prefix || quote_ident(engine.snake_case((field).name) || '_' || engine.snake_case(o.name_singular) || '_id')
      from metadata.relations r join metadata.objects o on o.id = r.target_object_id
      where r.field_id = (field).id and r.deleted_at is null order by r.id)
    else array(
      select prefix || quote_ident(engine.snake_case((field).name) || c.suffix)
      from engine.field_type_columns c
      where c.type = case when (field).type in ('FORMULA', 'ROLLUP') then (field).result_type else (field).type end
        and (formula_columns.part = '' or c.part = formula_columns.part)
      order by c.position)
  end
$$;

create or replace function engine.formula_field(node jsonb, alias text) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_field metadata.fields;
  v_via jsonb := node -> 'via';
  v_columns text[];
begin
  select f.* into v_field from metadata.fields f where f.id = (node ->> 'field')::uuid;
  -- A generated column cannot read another, nor a trigger one of the row that is being written.
  if v_via is null and v_field.type = 'FORMULA' and not engine.formula_reads_relations(v_field.compiled) then
    return case when node ->> 'part' = 'currencyCode' then engine.formula_currency(v_field.compiled -> 'node', alias)
      else engine.formula_render(v_field.compiled -> 'node', alias) end;
  end if;
  v_columns := engine.formula_columns(v_field, node ->> 'part',
    case when v_via is not null then engine.formula_alias(v_via) || '.' when alias is not null then quote_ident(alias) || '.' else '' end);
  return case
    -- Generated as well.
    when v_field.type = 'AUTO_NUMBER' and node ->> 'part' = 'text' and v_via is null then
      format('(%1$L::text || lpad(%2$s::text, greatest(%3$s, length(%2$s::text)), ''0''))', coalesce(v_field.settings ->> 'prefix', ''),
        case when alias is not null then quote_ident(alias) || '.' else '' end || quote_ident(engine.snake_case(v_field.name)), coalesce((v_field.settings ->> 'padding')::int, 0))
    when v_columns = '{}' then 'null::' || engine.formula_pg_type(node ->> 't')
    when v_field.type = 'FULL_NAME' and node ->> 'part' = '' then
      format('nullif(btrim(coalesce(%s, '''') || '' '' || coalesce(%s, '''')), '''')', v_columns[1], v_columns[2])
    when v_field.type = 'MORPH_RELATION' then format('coalesce(%s)', array_to_string(v_columns, ', '))
    when node ->> 't' in ('NUMBER', 'PERCENT', 'CURRENCY', 'DURATION') then format('%s::numeric', v_columns[1])
    else v_columns[1] end;
end
$$;

-- The currency of an amount of money. Null where only a number says how much: it takes that of
-- what it stands with.
create or replace function engine.formula_currency(node jsonb, alias text) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_codes text[];
  v_known text;
  v_args jsonb := node -> 'args';
begin
  case
    when node ->> 'k' = 'field' then
      return engine.formula_field(node || '{"part": "currencyCode", "t": "TEXT"}', alias);
    when node ->> 'k' in ('cast', 'null') then
      return 'null::text';
    when node ->> 'fn' = 'money' then
      return engine.formula_render(v_args -> 1, alias);
    when node ->> 'op' in ('*', '/', 'neg') then
      return engine.formula_currency(case when v_args #>> '{0,t}' = 'CURRENCY' then v_args -> 0 else v_args -> 1 end, alias);
    when node ->> 'fn' in ('round', 'floor', 'ceil', 'abs') then
      return engine.formula_currency(v_args -> 0, alias);
    else
  end case;
  v_codes := array(select engine.formula_currency(e, alias) from jsonb_array_elements(v_args) with ordinality as u (e, n) where e ->> 't' = 'CURRENCY' order by n);
  v_known := (select c from unnest(v_codes) with ordinality as u (c, n) where c <> 'null::text' order by n limit 1);
  if v_known is null then
    return 'null::text';
  end if;
  return case
    when node ->> 'fn' = 'if' then
      format('case when %s then %s else %s end', engine.formula_condition(v_args -> 0, alias), coalesce(nullif(v_codes[1], 'null::text'), v_known),
        coalesce(nullif(v_codes[2], 'null::text'), v_known))
    when node ->> 'fn' = 'switch' then
      engine.formula_switch(v_args, alias, array(select coalesce(nullif(c, 'null::text'), v_known) from unnest(v_codes) with ordinality as u (c, n) order by n))
    -- Sums, minima and maxima exist in one currency only; of alternatives the first that has one.
    else (select case when count(*) = 1 then min(c) else format('coalesce(%s)', string_agg(c, ', ' order by n)) end
      from (select c, min(n) as n from unnest(v_codes) with ordinality as u (c, n) where c <> 'null::text' group by c) d)
  end;
end
$$;

-- Whether amounts of money are in one currency: null, or a condition that must not be true.
create or replace function engine.formula_currencies_differ(args jsonb, alias text) returns text
language sql stable set search_path = ''
as $$
  select string_agg(format('%s <> %s', d.first, d.c), ' or ')
  from (
    select c, first_value(c) over (order by min(n)) as first
    from (select engine.formula_currency(e, alias) as c, n from jsonb_array_elements(args) with ordinality as u (e, n) where e ->> 't' = 'CURRENCY') a
    where c <> 'null::text' group by c
  ) d where d.c <> d.first
$$;

-- A condition is true or false: what is empty does not fulfil it.
create or replace function engine.formula_condition(node jsonb, alias text) returns text
language plpgsql stable set search_path = ''
as $$
begin
  return case when node ->> 'k' = 'op' or node ->> 'k' = 'bool' or node ->> 'fn' in ('and', 'or', 'isEmpty', 'contains', 'startsWith', 'endsWith')
    then engine.formula_render(node, alias) else format('coalesce(%s, false)', engine.formula_render(node, alias)) end;
end
$$;

create or replace function engine.formula_whole(node jsonb, alias text, low int, high int) returns text
language plpgsql stable set search_path = ''
as $$
begin
  return case when node ->> 'k' = 'num' and trunc((node ->> 'v')::numeric) > low and trunc((node ->> 'v')::numeric) < high
    then trunc((node ->> 'v')::numeric)::int::text
    else engine.formula_bounded(format('trunc(%s)', engine.formula_render(node, alias)), low || '::numeric', high || '::numeric') || '::int' end;
end
$$;

-- A moment as a timestamp of UTC, whose functions are immutable; those of timestamptz depend on
-- the time zone of the session. Adding to one takes it between the years 1 and 9999 only, so that
-- no sum is out of PostgreSQL's range.
create or replace function engine.formula_moment(node jsonb, alias text) returns text
language plpgsql stable set search_path = ''
as $$
begin
  return format(case node ->> 't' when 'DATE' then '%s' else '(%s at time zone ''UTC'')' end, engine.formula_render(node, alias));
end
$$;

create or replace function engine.formula_near_moment(node jsonb, alias text) returns text
language sql stable set search_path = ''
  return case node ->> 't'
    when 'DATE' then engine.formula_bounded(engine.formula_moment(node, alias), '''0001-12-31 BC''::date', '''10000-01-01''::date')
    else engine.formula_bounded(engine.formula_moment(node, alias), '''0001-12-31 BC''::timestamp', '''10000-01-01''::timestamp') end;

create or replace function engine.formula_near(node jsonb, alias text, bound numeric) returns text
language plpgsql stable set search_path = ''
as $$
begin
  return case when node ->> 'k' = 'num' and (node ->> 'v')::numeric < bound then engine.formula_render(node, alias)
    else engine.formula_bounded(engine.formula_render(node, alias), -bound || '::numeric', bound || '::numeric') end;
end
$$;

create or replace function engine.formula_switch(args jsonb, alias text, results text[]) returns text
language plpgsql stable set search_path = ''
as $$
begin
  return (
  select 'case ' || string_agg(format('when %s is not distinct from %s then %s', engine.formula_render(args -> 0, alias), engine.formula_render(args -> (2 * i - 1), alias), results[i]), ' ' order by i)
    || coalesce(' else ' || results[(jsonb_array_length(args) - 1) / 2 + 1], '') || ' end'
  from generate_series(1, (jsonb_array_length(args) - 1) / 2) i);
end
$$;

create or replace function engine.formula_as_text(node jsonb, sql text, alias text) returns text
language sql stable set search_path = ''
  return case node ->> 't'
    when 'NUMBER' then format('trim_scale(%s)::text', sql)
    when 'PERCENT' then format('trim_scale(%s * 100)::text || '' %%''', sql)
    when 'CURRENCY' then format('round(%s / 1000000, 2)::text || coalesce('' '' || %s, '''')', sql, engine.formula_currency(node, alias))
    when 'BOOLEAN' then format('case %s when true then ''true'' when false then ''false'' end', sql)
    when 'DATE' then format('lpad(extract(year from %1$s)::text, 4, ''0'') || ''-'' || lpad(extract(month from %1$s)::text, 2, ''0'') || ''-'' || lpad(extract(day from %1$s)::text, 2, ''0'')', engine.formula_moment(node, alias))
    when 'DATE_TIME' then format('lpad(extract(year from %1$s)::text, 4, ''0'') || ''-'' || lpad(extract(month from %1$s)::text, 2, ''0'') || ''-'' || lpad(extract(day from %1$s)::text, 2, ''0'') || '' '' || lpad(extract(hour from %1$s)::text, 2, ''0'') || '':'' || lpad(extract(minute from %1$s)::text, 2, ''0'')', engine.formula_moment(node, alias))
    when 'DURATION' then format('trunc(%1$s / 3600)::text || '':'' || lpad(trunc(mod(abs(%1$s), 3600) / 60)::text, 2, ''0'')', sql)
    else format('%s::text', sql) end;

create or replace function engine.formula_render_operation(node jsonb, alias text) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_op text := node ->> 'op';
  v_args jsonb := node -> 'args';
  ta text := v_args #>> '{0,t}';
  tb text := v_args #>> '{1,t}';
  a text;
  b text;
  v_sql text;
  v_differ text;
begin
  if v_op in ('and', 'or') then
    return format('(%s %s %s)', engine.formula_condition(v_args -> 0, alias), v_op, engine.formula_condition(v_args -> 1, alias));
  elsif v_op = 'not' then
    return format('(not %s)', engine.formula_condition(v_args -> 0, alias));
  end if;
  a := engine.formula_render(v_args -> 0, alias);
  if v_op = 'neg' then
    return format('(- %s)', a);
  elsif v_op = 'in' and v_args #>> '{1,k}' = 'list' then
    return '(' || coalesce((
      select string_agg(format('%s is not distinct from %s', a, engine.formula_render(e, alias)), ' or ' order by n)
      from jsonb_array_elements(v_args #> '{1,args}') with ordinality as u (e, n)), 'false') || ')';
  end if;
  b := engine.formula_render(v_args -> 1, alias);
  if v_op = 'in' then
    return format('coalesce(%s = any (%s), false)', a, b);
  elsif v_op = '&' then
    return format('(coalesce(%s, '''') || coalesce(%s, ''''))', a, b);
  elsif ta in ('DATE', 'DATE_TIME') and tb in ('NUMBER', 'PERCENT') or ta in ('NUMBER', 'PERCENT') and tb in ('DATE', 'DATE_TIME') then
    -- Days.
    if ta in ('NUMBER', 'PERCENT') then
      return engine.formula_render_operation(node || jsonb_build_object('args', jsonb_build_array(v_args -> 1, v_args -> 0)), alias);
    end if;
    return case ta when 'DATE' then format('(%s %s %s)', engine.formula_near_moment(v_args -> 0, alias), v_op, engine.formula_whole(v_args -> 1, alias, -1640000, 1640000))
      else format('((%s %s make_interval(secs => round(%s * 86400, 6)::double precision)) at time zone ''UTC'')', engine.formula_near_moment(v_args -> 0, alias), v_op, engine.formula_near(v_args -> 1, alias, 1640000)) end;
  elsif v_op in ('+', '-') and (ta = 'DATE_TIME' and tb = 'DURATION' or ta = 'DURATION' and tb = 'DATE_TIME') then
    if ta = 'DURATION' then
      return engine.formula_render_operation(node || jsonb_build_object('args', jsonb_build_array(v_args -> 1, v_args -> 0)), alias);
    end if;
    return format('((%s %s make_interval(secs => round(%s, 6)::double precision)) at time zone ''UTC'')', engine.formula_near_moment(v_args -> 0, alias), v_op, engine.formula_near(v_args -> 1, alias, 142000000000));
  elsif v_op = '-' and ta = 'DATE' and tb = 'DATE' then
    return format('(%s - %s)::numeric', engine.formula_near_moment(v_args -> 0, alias), engine.formula_near_moment(v_args -> 1, alias));
  elsif v_op = '-' and ta = 'DATE_TIME' and tb = 'DATE_TIME' then
    return format('extract(epoch from %s - %s)', engine.formula_near_moment(v_args -> 0, alias), engine.formula_near_moment(v_args -> 1, alias));
  elsif v_op in ('=', '!=') and (v_args #>> '{0,k}' = 'null' or v_args #>> '{1,k}' = 'null') then
    return format('(%s is %s)', case when v_args #>> '{1,k}' = 'null' then a else b end, case v_op when '=' then 'null' else 'not null' end);
  end if;
  v_differ := case when ta = 'CURRENCY' and tb = 'CURRENCY' then engine.formula_currencies_differ(v_args, alias) end;
  v_sql := case
    when v_op = '=' then format('(%s is not distinct from %s)', a, b)
    when v_op = '!=' then format('(%s is distinct from %s)', a, b)
    when v_op in ('<', '<=', '>', '>=') then format('coalesce(%s %s %s, false)', a, v_op, b)
    when v_op = '/' then format('(%s / nullif(%s, 0))', a, b)
    when v_op = '%' then format('mod(%s, nullif(%s, 0))', a, b)
    when v_op = '^' then format('(' || engine.formula_power('%1$s', '%2$s') || ')', a, b)
    else format('(%s %s %s)', a, v_op, b) end;
  -- Amounts in two currencies have no sum; they differ, and neither is the greater.
  if v_differ is null then
    return v_sql;
  end if;
  return case v_op
    when '=' then format('(%s and not coalesce(%s, false))', v_sql, v_differ)
    when '!=' then format('(%s or coalesce(%s, false))', v_sql, v_differ)
    when '<' then format('(%s and not coalesce(%s, false))', v_sql, v_differ)
    when '<=' then format('(%s and not coalesce(%s, false))', v_sql, v_differ)
    when '>' then format('(%s and not coalesce(%s, false))', v_sql, v_differ)
    when '>=' then format('(%s and not coalesce(%s, false))', v_sql, v_differ)
    else format('case when %s then null else %s end', v_differ, v_sql) end;
end
$$;

create or replace function engine.formula_render_call(node jsonb, alias text) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_args jsonb := node -> 'args';
  v_unit text;
  v_count text;
  v_sql text[];
  v_differ text;
  t text := v_args #>> '{0,t}';
  f record;
begin
  select * into f from engine.formula_functions() g where g.name = node ->> 'fn';
  if f.template is not null then
    v_sql := array(
      select case substr(regexp_replace(f.params, '[?+]', '', 'g'), n::int, 1)
        when 'I' then engine.formula_whole(e, alias, -1000000000, 1000000000)
        when 'M' then engine.formula_moment(e, alias)
        when 'H' then engine.formula_moment(e, alias)
        else engine.formula_render(e, alias) end
      from jsonb_array_elements(v_args) with ordinality as u (e, n) order by n) || coalesce(f.defaults, '{}');
    return '(' || format(f.template, variadic v_sql) || ')';
  end if;
  case
    when f.name in ('and', 'or') then
      return '(' || (select string_agg(engine.formula_condition(e, alias), ' ' || f.name || ' ' order by n) from jsonb_array_elements(v_args) with ordinality as u (e, n)) || ')';
    when f.name = 'if' then
      return format('case when %s then %s else %s end', engine.formula_condition(v_args -> 0, alias), engine.formula_render(v_args -> 1, alias),
        case when jsonb_array_length(v_args) = 3 then engine.formula_render(v_args -> 2, alias) else 'null::' || engine.formula_pg_type(node ->> 't') end);
    when f.name = 'now' then return 'now()';
    when f.name = 'today' then return '(now() at time zone ''UTC'')::date';
    when f.name = 'currentMember' then return 'engine.current_member()';
    when f.name = 'isEmpty' and v_args #>> '{0,ft}' in ('ADDRESS', 'LOCATION') then
      return format('(num_nonnulls(%s) = 0)', array_to_string(engine.formula_columns((select x from metadata.fields x where x.id = (v_args #>> '{0,field}')::uuid), '',
        case when v_args #> '{0,via}' is not null then engine.formula_alias(v_args #> '{0,via}') || '.' when alias is not null then quote_ident(alias) || '.' else '' end), ', '));
    when f.name = 'switch' then
      return engine.formula_switch(v_args, alias, array(
        select engine.formula_render(e, alias) from jsonb_array_elements(v_args) with ordinality as u (e, n)
        where n > 1 and (n % 2 = 1 or n = jsonb_array_length(v_args)) order by n));
    when f.name in ('dateAdd', 'dateDiff', 'startOf', 'duration') then
      v_unit := lower(v_args #>> array[case f.name when 'dateAdd' then '2' when 'dateDiff' then '2' else '1' end, 'v']);
    else
  end case;
  if f.name = 'dateAdd' then
    -- From any moment near our own, 4,500 years lead to one that PostgreSQL knows: it begins in 4713 BC.
    v_count := case v_unit when 'quarter' then '(' || engine.formula_whole(v_args -> 1, alias, -18000, 18000) || ' * 3)' when 'year' then engine.formula_whole(v_args -> 1, alias, -4500, 4500)
      when 'month' then engine.formula_whole(v_args -> 1, alias, -54000, 54000) when 'day' then engine.formula_whole(v_args -> 1, alias, -1640000, 1640000)
      when 'week' then engine.formula_whole(v_args -> 1, alias, -234000, 234000)
      when 'hour' then engine.formula_whole(v_args -> 1, alias, -39000000, 39000000) else engine.formula_whole(v_args -> 1, alias, -2000000000, 2000000000) end;
    return case
      when t = 'DATE' and v_unit = 'day' then format('(%s + %s)', engine.formula_near_moment(v_args -> 0, alias), v_count)
      when t = 'DATE' and v_unit = 'week' then format('(%s + %s * 7)', engine.formula_near_moment(v_args -> 0, alias), v_count)
      when t = 'DATE' then format('(%s + make_interval(%ss => %s))::date', engine.formula_near_moment(v_args -> 0, alias), case v_unit when 'quarter' then 'month' else v_unit end, v_count)
      else format('((%s + make_interval(%s => %s)) at time zone ''UTC'')', engine.formula_near_moment(v_args -> 0, alias),
        case v_unit when 'quarter' then 'months' when 'minute' then 'mins' when 'second' then 'secs' else v_unit || 's' end, v_count) end;
  elsif f.name = 'dateDiff' then
    v_sql := array[engine.formula_near_moment(v_args -> 0, alias), engine.formula_near_moment(v_args -> 1, alias)];
    return case when v_unit in ('month', 'quarter', 'year')
      then format('trunc((extract(year from age(%2$s, %1$s)) * 12 + extract(month from age(%2$s, %1$s))) / %3$s)', v_sql[1], v_sql[2], case v_unit when 'month' then 1 when 'quarter' then 3 else 12 end)
      else format('trunc(extract(epoch from %2$s - %1$s) / %3$s)', v_sql[1], v_sql[2],
        case v_unit when 'second' then 1 when 'minute' then 60 when 'hour' then 3600 when 'day' then 86400 else 604800 end) end;
  elsif f.name = 'startOf' then
    return case t when 'DATE' then format('date_trunc(%L, %s::timestamp)::date', v_unit, engine.formula_near_moment(v_args -> 0, alias))
      else format('(date_trunc(%L, %s) at time zone ''UTC'')', v_unit, engine.formula_near_moment(v_args -> 0, alias)) end;
  elsif f.name = 'duration' then
    return format('(%s * %s)', engine.formula_render(v_args -> 0, alias), case v_unit when 'second' then 1 when 'minute' then 60 when 'hour' then 3600 when 'day' then 86400 else 604800 end);
  elsif f.name in ('date', 'dateTime') and jsonb_array_length(v_args) = 1 then
    return case
      when f.name = 'date' and v_args #>> '{0,k}' = 'str' then format('%L::date', v_args #>> '{0,v}')
      when f.name = 'date' then format('%s::date', engine.formula_near_moment(v_args -> 0, alias))
      when v_args #>> '{0,k}' = 'str' then format('(%L::timestamp at time zone ''UTC'')', v_args #>> '{0,v}')
      else engine.formula_render(v_args -> 0, alias) end;
  elsif f.name in ('date', 'dateTime') then
    -- As in spreadsheets, month 13 is January of the next year and day 0 the last of the month before.
    v_sql := array[format('(make_date(%s, 1, 1) + make_interval(months => %s - 1) + make_interval(days => %s - 1))',
      engine.formula_whole(v_args -> 0, alias, 0, 10000), engine.formula_whole(v_args -> 1, alias, -12000, 12000), engine.formula_whole(v_args -> 2, alias, -400000, 400000))];
    return case f.name when 'date' then v_sql[1] || '::date' else format('((%s%s) at time zone ''UTC'')', v_sql[1], (
      select string_agg(format(' + make_interval(%s => %s)', case n when 4 then 'hours' when 5 then 'mins' else 'secs' end, engine.formula_whole(e, alias, -100000000, 100000000)), '' order by n)
      from jsonb_array_elements(v_args) with ordinality as u (e, n) where n > 3)) end;
  end if;

  v_count := case when f.name = 'round' and jsonb_array_length(v_args) = 2 then engine.formula_whole(v_args -> 1, alias, -30, 30) else '0' end;
  v_sql := array(select engine.formula_render(e, alias) from jsonb_array_elements(v_args) with ordinality as u (e, n) order by n);
  v_differ := case when f.name in ('min', 'max') and node ->> 't' = 'CURRENCY' then engine.formula_currencies_differ(v_args, alias) end;
  return case f.name
    when 'isEmpty' then case t
      when 'TEXT' then format('(coalesce(%s, '''') = '''')', v_sql[1])
      when 'ARRAY' then format('(coalesce(cardinality(%s), 0) = 0)', v_sql[1])
      when 'JSON' then format('(coalesce(%s, ''null''::jsonb) in (''null''::jsonb, ''[]''::jsonb, ''{}''::jsonb))', v_sql[1])
      else format('(%s is null)', v_sql[1]) end
    when 'coalesce' then format('coalesce(%s)', array_to_string(v_sql, ', '))
    when 'min' then format(case when v_differ is null then 'least(%2$s)' else 'case when %1$s then null else least(%2$s) end' end, v_differ, array_to_string(v_sql, ', '))
    when 'max' then format(case when v_differ is null then 'greatest(%2$s)' else 'case when %1$s then null else greatest(%2$s) end' end, v_differ, array_to_string(v_sql, ', '))
    when 'concat' then '(' || (select string_agg(format('coalesce(%s, '''')', s), ' || ' order by n) from unnest(v_sql) with ordinality as u (s, n)) || ')'
    when 'length' then case t when 'ARRAY' then format('coalesce(cardinality(%s), 0)::numeric', v_sql[1]) else format('coalesce(length(%s), 0)::numeric', v_sql[1]) end
    when 'contains' then case t when 'ARRAY' then format('coalesce(%s = any (%s), false)', v_sql[2], v_sql[1]) else format('coalesce(strpos(%s, %s) > 0, false)', v_sql[1], v_sql[2]) end
    when 'text' then v_sql[1]
    -- What is no number gives null.
    when 'number' then case t when 'TEXT' then format('substring(%s from ''^[[:space:]]*([+-]?[0-9]{1,30}(?:[.][0-9]{1,30})?)[[:space:]]*$'')::numeric', v_sql[1]) else v_sql[1] end
    when 'round' then case
      when t = 'CURRENCY' then format('round(%s, %s - 6)', v_sql[1], v_count)
      else format('round(%s, %s)', v_sql[1], v_count) end
    when 'floor' then case t when 'CURRENCY' then format('(floor(%s / 1000000) * 1000000)', v_sql[1]) else format('floor(%s)', v_sql[1]) end
    when 'ceil' then case t when 'CURRENCY' then format('(ceil(%s / 1000000) * 1000000)', v_sql[1]) else format('ceil(%s)', v_sql[1]) end
    when 'abs' then format('abs(%s)', v_sql[1])
    when 'money' then format('(%s * 1000000)', v_sql[1])
    when 'amount' then format('(%s / 1000000)', v_sql[1])
    when 'currency' then engine.formula_currency(v_args -> 0, alias)
  end;
end
$$;

create or replace function engine.formula_render(node jsonb, alias text) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_sql text;
  v_inner text;
begin
  v_sql := case node ->> 'k'
    when 'num' then case when (node ->> 'v') ~ '[.]' then node ->> 'v' else (node ->> 'v') || '::numeric' end
    when 'str' then format('%L::text', node ->> 'v')
    when 'bool' then node ->> 'v'
    when 'null' then 'null::' || engine.formula_pg_type(node ->> 't')
    when 'field' then engine.formula_field(node, alias)
    when 'op' then engine.formula_render_operation(node, alias)
    when 'call' then engine.formula_render_call(node, alias)
    when 'cast' then case
      when node ->> 't' = 'DATE_TIME' then format('(%s::timestamp at time zone ''UTC'')', engine.formula_near_moment(node #> '{args,0}', alias))
      when node ->> 't' = 'CURRENCY' then format('(%s * 1000000)', engine.formula_render(node #> '{args,0}', alias))
      else format('(%s)', engine.formula_as_text(node #> '{args,0}', engine.formula_render(node #> '{args,0}', alias), alias)) end
  end;
  -- Some functions repeat their arguments, and formulas within formulas multiply.
  if length(v_sql) > 100000 then
    perform engine.formula_limit_error('The formula is too complicated.', engine.formula_said(node), coalesce((node ->> 'at')::int, 1));
  end if;
  return v_sql;
end
$$;
