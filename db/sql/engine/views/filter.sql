-- Which records a view shows, as a tree: {"and": […]}, {"or": […]}, {"not": …} and comparisons
-- {"fieldId", "operand", "value"}, with "part" for one column of a field of several, "via" for a field of the record
-- that a relation points to, and without "fieldId" for any text of the record. What it means is the screen's to
-- say: "me" and "today" are somebody else's for each who looks. A filter never gives a right; it is asked as who looks.

create or replace function engine.view_operands() returns text[]
language sql immutable parallel safe
  return '{IS,IS_NOT,CONTAINS,DOES_NOT_CONTAIN,STARTS_WITH,ENDS_WITH,GREATER_THAN,GREATER_THAN_OR_EQUAL,LESS_THAN,LESS_THAN_OR_EQUAL,BETWEEN,IS_BEFORE,IS_AFTER,IS_RELATIVE,IS_TODAY,IS_IN_PAST,IS_IN_FUTURE,IS_EMPTY,IS_NOT_EMPTY}'::text[];

-- Filters of the API, whose keys are fields, are taken as well: {"<id>": {"equalTo": 1}}.
create or replace function engine.view_operand_of(operator text, value jsonb) returns text
language sql immutable parallel safe
  return case operator
    when 'equalTo' then 'IS' when 'in' then 'IS' when 'notEqualTo' then 'IS_NOT' when 'notIn' then 'IS_NOT'
    when 'includesInsensitive' then 'CONTAINS' when 'contains' then 'CONTAINS' when 'overlaps' then 'CONTAINS' when 'notIncludesInsensitive' then 'DOES_NOT_CONTAIN'
    when 'startsWithInsensitive' then 'STARTS_WITH' when 'endsWithInsensitive' then 'ENDS_WITH'
    when 'lessThan' then 'LESS_THAN' when 'lessThanOrEqualTo' then 'LESS_THAN_OR_EQUAL'
    when 'greaterThan' then 'GREATER_THAN' when 'greaterThanOrEqualTo' then 'GREATER_THAN_OR_EQUAL'
    when 'isNull' then case when value = 'true' then 'IS_EMPTY' else 'IS_NOT_EMPTY' end end;

create or replace function engine.view_comparison(comparison jsonb) returns jsonb
language plpgsql immutable set search_path = ''
as $$
declare
  v_operand text := comparison ->> 'operand';
  v_unknown text;
begin
  select k into v_unknown from jsonb_object_keys(comparison) k where k not in ('fieldId', 'part', 'via', 'operand', 'value') limit 1;
  if found then
    raise exception 'A comparison of a filter has no "%".', v_unknown using errcode = 'RV186', column = 'filter', hint = 'It takes fieldId, part, via, operand and value.';
  end if;
  if v_operand is null or v_operand <> all (engine.view_operands()) then
    raise exception 'A filter cannot compare by "%".', coalesce(v_operand, '') using errcode = 'RV186', column = 'filter',
      hint = 'It compares by ' || array_to_string(engine.view_operands(), ', ') || '.';
  end if;
  if jsonb_typeof(coalesce(comparison -> 'fieldId', 'null')) not in ('string', 'null') or jsonb_typeof(coalesce(comparison -> 'part', 'null')) not in ('string', 'null')
    or comparison ->> 'fieldId' is null and v_operand not in ('CONTAINS', 'DOES_NOT_CONTAIN')
    or jsonb_typeof(coalesce(comparison -> 'via', '[]')) <> 'array' or jsonb_array_length(coalesce(comparison -> 'via', '[]')) > 3 then
    raise exception 'A comparison of a filter names a field by its id.' using errcode = 'RV186', column = 'filter',
      hint = 'Without a field, it looks for a text in any of them: CONTAINS or DOES_NOT_CONTAIN. "via" lists at most three relations that lead to the field.';
  end if;
  return jsonb_strip_nulls(comparison);
end
$$;

create or replace function engine.view_filter_node(node jsonb, depth int) returns jsonb
language plpgsql immutable set search_path = ''
as $$
declare
  v_parts jsonb := '[]';
  v_node jsonb;
  r record;
  o record;
begin
  if jsonb_typeof(node) is distinct from 'object' then
    raise exception 'A filter is an object.' using errcode = 'RV186', column = 'filter', hint = 'Give {"and": […]}, {"or": […]}, {"not": …} or {"fieldId", "operand", "value"}.';
  end if;
  if depth > 10 then
    raise exception 'The filter is nested too deeply.' using errcode = 'RV186', column = 'filter', hint = 'Groups may stand in groups up to ten deep.';
  end if;
  if node ? 'operand' then
    return engine.view_comparison(node);
  end if;
  for r in select e.key, e.value from jsonb_each(node) e order by e.key loop
    v_node := null;
    if r.key in ('and', 'or') and jsonb_typeof(r.value) = 'array' then
      select jsonb_build_object(r.key, coalesce(jsonb_agg(n.node) filter (where n.node is not null), '[]')) into v_node
      from jsonb_array_elements(r.value) with ordinality u (e, i) cross join lateral (select engine.view_filter_node(u.e, depth + 1) as node) n;
      v_node := case when v_node -> r.key <> '[]' then v_node end;
    elsif r.key = 'not' then
      v_node := engine.view_filter_node(r.value, depth + 1);
      v_node := case when v_node is not null then jsonb_build_object('not', v_node) end;
    elsif jsonb_typeof(r.value) = 'object' and r.key not in ('and', 'or') then
      for o in select e.key, e.value from jsonb_each(r.value) e order by e.key loop
        if engine.view_operand_of(o.key, o.value) is null then
          raise exception 'A filter cannot compare by "%".', o.key using errcode = 'RV186', column = 'filter', hint = 'Give {"fieldId", "operand", "value"}; the operands are ' || array_to_string(engine.view_operands(), ', ') || '.';
        end if;
        v_parts := v_parts || jsonb_strip_nulls(jsonb_build_object('fieldId', r.key, 'operand', engine.view_operand_of(o.key, o.value), 'value', case when o.key <> 'isNull' then o.value end));
      end loop;
    else
      raise exception 'A filter has no "%".', r.key using errcode = 'RV186', column = 'filter', hint = 'Give {"and": […]}, {"or": […]}, {"not": …} or {"fieldId", "operand", "value"}.';
    end if;
    if v_node is not null then
      v_parts := v_parts || v_node;
    end if;
  end loop;
  return case jsonb_array_length(v_parts) when 0 then null when 1 then v_parts -> 0 else jsonb_build_object('and', v_parts) end;
end
$$;

-- In the one form in which filters are kept. Refuses what is none.
create or replace function engine.view_filter(filter jsonb) returns jsonb
language plpgsql immutable set search_path = ''
as $$
begin
  if filter is null or filter = 'null' then
    return null;
  end if;
  if length(filter::text) > 50000 then
    raise exception 'The filter is too long.' using errcode = 'RV186', column = 'filter', hint = 'It may have 50,000 characters.';
  end if;
  return engine.view_filter_node(filter, 0);
end
$$;

-- Of a manifest, where a filter that is none is left to be refused when it is written.
create or replace function engine.manifest_filter(filter jsonb) returns jsonb
language plpgsql immutable set search_path = ''
as $$
begin
  return coalesce(engine.view_filter(filter), 'null');
exception when sqlstate 'RV186' then
  return filter;
end
$$;

-- What a view marks by colours: [{"condition": comparison, "color", "target"}].
create or replace function engine.view_colors(colors jsonb) returns jsonb
language plpgsql immutable set search_path = ''
as $$
begin
  if jsonb_typeof(colors) is distinct from 'array' or jsonb_array_length(colors) > 50 or length(colors::text) > 20000 then
    raise exception 'The colours of a view are a list of at most 50 rules.' using errcode = 'RV186', column = 'colors', hint = 'Give [{"condition", "color", "target"}].';
  elsif exists (select from jsonb_array_elements(colors) c where jsonb_typeof(c) <> 'object' or c ->> 'target' is null or c ->> 'target' not in ('ROW', 'CELL') or coalesce(c ->> 'color', '') !~ '^[a-z]{3,20}$'
    or jsonb_typeof(c -> 'condition') is distinct from 'object' or exists (select from jsonb_object_keys(c) k where k not in ('condition', 'color', 'target'))) then
    raise exception 'A rule of colours has a condition, a colour and what it marks.' using errcode = 'RV186', column = 'colors', hint = 'Give {"condition": {"fieldId", "operand", "value"}, "color": "red", "target": "ROW" or "CELL"}.';
  end if;
  return (select coalesce(jsonb_agg(c || jsonb_build_object('condition', engine.view_comparison(c -> 'condition')) order by i), '[]') from jsonb_array_elements(colors) with ordinality u (c, i));
end
$$;
