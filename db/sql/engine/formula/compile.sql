-- The formula language, as the rest of the engine calls it.

create or replace function engine.formula_compile(object_id uuid, expression text, context text) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_node jsonb := engine.formula_typed(engine.formula_parse(coalesce(expression, '')), object_id, context);
  v_compiled jsonb;
begin
  if context in ('CONDITION', 'FILTER', 'RULE') then
    v_node := engine.formula_expect(v_node, 'BOOLEAN', 'A condition');
  elsif v_node ->> 't' = 'NULL' then
    v_node := engine.formula_as(v_node, 'TEXT');
  elsif v_node ->> 't' = 'JSON' then
    perform engine.formula_type_error(format('"%s" has no simple value.', engine.formula_said(v_node)), engine.formula_said(v_node), 1, 'Name a part of it, such as address.city, or ask isEmpty(…).');
  end if;
  v_compiled := jsonb_build_object('type', v_node ->> 't', 'node', v_node);
  -- Refuses here what is too complicated to be rendered later.
  if context = 'RULE' then
    perform engine.policy_sql(v_compiled, null);
  else
    perform engine.formula_sql(v_compiled);
  end if;
  -- Places served the messages. Within texts of the formula, quotation marks bear a backslash here.
  return regexp_replace(v_compiled::text, ', "at": [0-9]+', '', 'g')::jsonb;
end
$$;
comment on function engine.formula_compile(uuid, text, text) is
  'Reads a formula over an object and returns its typed tree, with fields by id. context: FORMULA, CONDITION or FILTER (true or false, own fields only), DEFAULT (no fields; now(), today(), currentMember()), RULE (true or false, in the shapes that a policy may have).';

create or replace function engine.formula_sql(compiled jsonb, part text default '', alias text default null) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_node jsonb := compiled -> 'node';
  v_sql text;
begin
  if part = 'currencyCode' then
    return engine.formula_currency(v_node, alias);
  end if;
  v_sql := case when compiled ->> 'type' = 'BOOLEAN' then engine.formula_condition(v_node, alias) else engine.formula_render(v_node, alias) end;
  return case
    -- Beyond these bounds a float8 or bigint cannot hold the value (or only as zero).
    when compiled ->> 'type' in ('NUMBER', 'PERCENT') then engine.formula_bounded(format('trim_scale(round(%s, 60))', v_sql), '-1e60', '1e60') || '::double precision'
    when compiled ->> 'type' in ('CURRENCY', 'DURATION') then engine.formula_bounded(format('round(%s)', v_sql), '-9e18', '9e18') || '::bigint'
    else v_sql end;
end
$$;
comment on function engine.formula_sql(jsonb, text, text) is
  'A compiled formula as SQL of the type of its column. Columns bear the alias if one is given; those of related records the names of engine.formula_joins.';

-- The joins that a formula over relations needs, as SQL behind "from <own table> <alias>".
create or replace function engine.formula_joins(compiled jsonb, schema_name text, alias text) returns text
language sql stable set search_path = ''
as $$
  with recursive path as (
    select distinct v as via from jsonb_path_query(compiled, 'strict $.**.via') v
    union
    select p.via - (jsonb_array_length(p.via) - 1) from path p where jsonb_array_length(p.via) > 1
  )
  select coalesce(string_agg(format(' left join %1$I.%2$I %3$s on %3$s.id = %4$s.%5$I',
      schema_name, o.table_name, engine.formula_alias(p.via),
      case when jsonb_array_length(p.via) = 1 then quote_ident(alias) else engine.formula_alias(p.via - (jsonb_array_length(p.via) - 1)) end,
      engine.snake_case(f.name) || '_id'), '' order by jsonb_array_length(p.via), p.via), '')
  from path p
  join metadata.fields f on f.id = (p.via ->> -1)::uuid
  join metadata.relations r on r.field_id = f.id and r.deleted_at is null
  join metadata.objects o on o.id = r.target_object_id
$$;

create or replace function engine.formula_text(compiled jsonb) returns text
language sql stable set search_path = ''
  return engine.formula_print(compiled -> 'node');
comment on function engine.formula_text(jsonb) is 'The text of a compiled formula, with the API names that fields have now.';

create or replace function engine.formula_fields(compiled jsonb) returns setof uuid
language sql immutable set search_path = ''
as $$
  select distinct (v #>> '{}')::uuid from jsonb_path_query(compiled, 'strict $.**.field') v
  union
  select distinct (v #>> '{}')::uuid from jsonb_path_query(compiled, 'strict $.**.via[*]') v
$$;
comment on function engine.formula_fields(jsonb) is 'Every field that a compiled formula reads, relations on the way included.';

create or replace function engine.formula_options(compiled jsonb) returns table (field_id uuid, value text)
language sql immutable set search_path = ''
as $$ select distinct (n ->> 'of')::uuid, n ->> 'v' from jsonb_path_query(compiled, 'strict $.** ? (exists (@.of))') n $$;
comment on function engine.formula_options(jsonb) is 'The options of selects that a compiled formula names.';
