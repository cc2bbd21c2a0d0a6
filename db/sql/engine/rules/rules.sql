-- Each rule of the model is a check constraint of the object's table, or a unique index: it holds
-- whoever writes. What is empty fulfils every rule but REQUIRED (and CONDITION, which may ask).

create or replace function engine.rule_fields(rule metadata.rules) returns uuid[]
language sql stable set search_path = ''
as $$
  select array(
    select (rule).field_id where (rule).field_id is not null
    union
    select v::uuid from jsonb_array_elements_text(coalesce((rule).settings -> 'fieldIds', '[]')) v
    union
    select engine.formula_fields((rule).compiled))
$$;
comment on function engine.rule_fields(metadata.rules) is 'The fields that a rule reads.';

-- A rule sleeps while it is switched off, or while a field is deleted that it reads. What is hidden is nobody's to fill in.
create or replace function engine.live_rules(workspace_id uuid, scope uuid[] default null) returns setof metadata.rules
language sql stable set search_path = ''
as $$
  select r.* from metadata.rules r
  where r.workspace_id = live_rules.workspace_id and r.is_active and (scope is null or r.object_id = any (scope))
    and not exists (
      select from unnest(engine.rule_fields(r)) as u (id)
      left join metadata.fields f on f.id = u.id and f.deleted_at is null
        -- What is computed goes with a deleted object, and is there again with it.
        and (f.type not in ('FORMULA', 'ROLLUP') or exists (select from metadata.objects o where o.id = f.object_id and o.deleted_at is null))
      where f.id is null or (not f.is_active and r.kind = 'REQUIRED' and f.id = r.field_id))
$$;

-- Text of spaces alone, an empty list: what a required field may not be, besides null.
create or replace function engine.present_sql(value text, pg_type text) returns text
language sql immutable set search_path = ''
  return case pg_type
    when 'text' then format('coalesce(btrim(%s, E'' \t\r\n'') <> '''', false)', value)
    when 'text[]' then format('coalesce(cardinality(%s) > 0, false)', value)
    when 'jsonb' then format('coalesce(%s not in (''null'', ''[]'', ''{}''), false)', value)
    else value || ' is not null' end;

create or replace function engine.bound_sql(value_type text, pg_type text, bound jsonb) returns text
language sql stable set search_path = ''
  return case
    when value_type = 'CURRENCY' then '(' || round((bound #>> '{}')::numeric * 1000000) || ')'
    when pg_type = 'date' then quote_literal(to_char((bound #>> '{}')::date, 'YYYY-MM-DD')) || '::date'
    when pg_type = 'timestamp with time zone' then engine.moment_literal((bound #>> '{}')::timestamptz)
    else '(' || (bound #>> '{}')::numeric || ')' end;

-- How long a value is: the letters of a text, the values of a list.
create or replace function engine.length_sql(value text, pg_type text) returns text
language sql immutable set search_path = ''
  return format(case pg_type when 'text' then 'length(%s)' when 'text[]' then 'cardinality(%s)'
    else 'jsonb_array_length(case jsonb_typeof(%1$s) when ''array'' then %1$s end)' end, value);

-- What must be true of a record for a rule, but for uniqueness.
create or replace function engine.rule_sql(rule metadata.rules) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_settings jsonb := (rule).settings;
  v_field metadata.fields;
  v_part text;
  v_type text;
  v_pg_type text;
  v_value text;
  v_length text;
  v_sql text;
begin
  if (rule).kind = 'CONDITION' then
    v_sql := engine.formula_sql((rule).compiled);
  elsif (rule).kind <> 'UNIQUE' then
    select f.* into v_field from metadata.fields f where f.id = (rule).field_id;
    v_part := coalesce(v_settings ->> 'part', engine.main_part(v_field));
    v_type := engine.value_type(v_field);
    v_pg_type := engine.value_pg_type(v_field, v_part);
    v_value := engine.value_sql(v_field, v_part);
    case (rule).kind
      when 'REQUIRED' then
        v_sql := engine.present_sql(v_value, v_pg_type);
      when 'RANGE' then
        v_sql := array_to_string(array[
          v_value || ' >= ' || engine.bound_sql(v_type, v_pg_type, nullif(v_settings -> 'min', 'null')),
          v_value || ' <= ' || engine.bound_sql(v_type, v_pg_type, nullif(v_settings -> 'max', 'null'))], ' and ');
      when 'LENGTH' then
        v_length := engine.length_sql(v_value, v_pg_type);
        v_sql := format('%s = 0 or (%s)', v_length, array_to_string(array[
          v_length || ' >= ' || (v_settings ->> 'min'), v_length || ' <= ' || (v_settings ->> 'max')], ' and '));
      when 'PATTERN' then
        v_sql := format('%s = '''' or %1$s %s %s', v_value, case when v_settings -> 'ignoreCase' = 'true' then '~*' else '~' end,
          engine.literal('^(?:' || (v_settings ->> 'pattern') || ')$'));
    end case;
    if (rule).compiled is not null then
      v_sql := format('not (%s) or (%s)', engine.formula_sql((rule).compiled), v_sql);
    end if;
  end if;
  if (rule).applies_from is not null and v_sql is not null then
    v_sql := format('created_at < %s or (%s)', engine.moment_literal((rule).applies_from), v_sql);
  end if;
  return v_sql;
end
$$;
comment on function engine.rule_sql(metadata.rules) is 'What must be true of a record for a rule, as SQL; null for UNIQUE.';

-- By what a field tells records apart. An amount is one with its currency, a place with both numbers.
create or replace function engine.unique_keys(field metadata.fields, ignores_case boolean) returns text[]
language sql stable set search_path = ''
as $$
  select array(
    select case when engine.value_pg_type(field, p.part) = 'text' and v.type <> 'SELECT' and (ignores_case or v.type in ('EMAILS', 'LINKS'))
      then format('lower(%s)', engine.value_sql(field, p.part)) else engine.value_sql(field, p.part) end
    from (
      select engine.main_part(field) as part, 1 as n
      union all select 'currencyCode', 2 where v.type = 'CURRENCY'
      union all select 'lng', 2 where v.type = 'LOCATION'
    ) p order by p.n)
  from engine.value_type(field) as v (type)
$$;

create or replace function engine.rule_keys(rule metadata.rules) returns text[]
language sql stable set search_path = ''
as $$
  select array(
    select k.key
    from jsonb_array_elements_text((rule).settings -> 'fieldIds') with ordinality as u (id, n)
    join metadata.fields f on f.id = u.id::uuid
    cross join lateral unnest(engine.unique_keys(f, (rule).settings -> 'ignoreCase' = 'true')) with ordinality as k (key, i)
    order by u.n, k.i)
$$;

-- For which records a rule of uniqueness holds; null for all.
create or replace function engine.rule_scope(rule metadata.rules) returns text
language sql stable set search_path = ''
  return nullif(array_to_string(array[
    'created_at >= ' || engine.moment_literal((rule).applies_from),
    case when (rule).compiled is not null then '(' || engine.formula_sql((rule).compiled) || ')' end], ' and '), '');

create or replace function engine.rule_index(rule metadata.rules) returns text
language sql stable set search_path = ''
as $$
  select 'unique (' || string_agg('(' || k || ')', ', ' order by n) || ')' || coalesce(' where (' || engine.rule_scope(rule) || ')', '')
  from unnest(engine.rule_keys(rule)) with ordinality as u (k, n)
$$;

create or replace function engine.rule_name(table_name text, rule_id uuid) returns text
language sql immutable parallel safe set search_path = ''
  return engine.fit_name(table_name || '_rule_' || right(replace(rule_id::text, '-', ''), 12));
comment on function engine.rule_name(text, uuid) is 'The name of a rule''s constraint or index.';

-- What a rule depends on. Its words, its place and its message are not part of the constraint.
create or replace function engine.rule_basis(rule metadata.rules) returns text
language sql stable set search_path = ''
  return concat_ws('|', (rule).kind, (rule).settings, (rule).compiled, engine.moment_literal((rule).applies_from),
    engine.fields_basis(engine.rule_fields(rule)));

create or replace function engine.desired_rules(workspace_id uuid, scope uuid[]) returns setof engine.fact
language sql stable set search_path = ''
as $$
  select case r.kind when 'UNIQUE' then 'index' else 'constraint' end, r.object_id || ' rule:' || r.id, r.object_id::text, o.table_name,
    engine.rule_name(o.table_name, r.id),
    case r.kind when 'UNIQUE' then engine.rule_index(r) else 'check (' || engine.rule_sql(r) || ')' end,
    engine.fact_comment('rule:' || r.id, engine.rule_basis(r)),
    null, null::boolean, null, null, null::oid
  from engine.live_rules(desired_rules.workspace_id, scope) r
  join metadata.objects o on o.id = r.object_id and o.workspace_id = r.workspace_id
$$;
