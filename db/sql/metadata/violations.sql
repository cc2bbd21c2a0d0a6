-- Records that a change would not fit: found before anything is changed, by asking the table as it
-- is under the names that it will have.

-- The table as a query, its columns by their new names: with the constants that new columns begin
-- with, and with options replaced as the changes say.
create or replace function engine.table_after(schema_name text, old_table text, new_table text, differences engine.difference[], replaced jsonb) returns text
language sql stable set search_path = ''
as $$
  with changed as materialized (
    select d.* from unnest(differences) d where d.kind = 'column' and d.new_table = table_after.new_table
  ), columns as (
    select coalesce((c.want).name, a.attname::text) as name,
      case
        when r.value is null then quote_ident(a.attname)
        when a.atttypid = 'text[]'::regtype then format('array_replace(%I, %L, %L)', a.attname, r.value, r.other)
        else format('case %I when %L then %L else %1$I end', a.attname, r.value, r.other)
      end as expression
    from pg_catalog.pg_attribute a
    left join changed c on (c.have).name = a.attname and not c.is_extra
    left join lateral (
      select e ->> 'value' as value, e ->> 'with' as other from jsonb_array_elements(replaced) e
      where engine.identity_of(pg_catalog.col_description(a.attrelid, a.attnum)) ~ ('^' || (e ->> 'fieldId')) limit 1
    ) r on true
    where a.attrelid = to_regclass(format('%I.%I', schema_name, table_after.old_table)) and a.attnum > 0 and not a.attisdropped
      and not exists (select from changed x where x.is_extra and (x.have).name = a.attname)
    union all
    select (c.want).name, case when (c.want).default_expr is null or (c.want).default_expr ~ '^identity ' or (c.want).generated_expr is not null
        then format('null::%s', (c.want).pg_type) else format('(%s)::%s', (c.want).default_expr, (c.want).pg_type) end
    from changed c where c.is_missing
  )
  select format('(select %s from %I.%I)', string_agg(c.expression || ' as ' || quote_ident(c.name), ', '), schema_name, old_table) from columns c
$$;

-- Where a record breaks what a difference wants, as a condition over table_after; null where nothing can.
create or replace function engine.violation_condition(d engine.difference) returns text
language sql immutable set search_path = ''
  return case
    when (d).is_extra then null
    when (d).kind = 'column' and (d).want.not_null and (d).want.generated_expr is null and coalesce((d).want.default_expr !~ '^identity ', true)
      and ((d).is_missing or not (d).have.not_null) then format('%I is null', (d).want.name)
    when not ((d).is_missing or (d).is_recreated) then null
    when (d).kind = 'constraint' and (d).want.definition like 'check (%' then format('(%s) is false', substring((d).want.definition from '^check \((.*)\)(?: not valid)?$'))
    when (d).kind = 'index' and (d).want.definition like 'unique (%' then format('num_nulls(%1$s) = 0%2$s and count(*) over (partition by %1$s%3$s) > 1',
      substring((d).want.definition from '^unique \((.*?)\)(?: where .*)?$'), coalesce(' and ' || substring((d).want.definition from ' where (.*)$'), ''),
      coalesce(', ' || substring((d).want.definition from ' where (.*)$'), ''))
  end;

create or replace function engine.violations(workspace_id uuid, schema_name text, differences engine.difference[], replaced jsonb) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  d engine.difference;
  v_condition text;
  v_query text;
  v_count bigint;
  v_records jsonb;
  v_thing uuid;
  v_found jsonb := '[]';
begin
  foreach d in array differences loop
    v_condition := engine.violation_condition(d);
    continue when v_condition is null or d.old_table is null or to_regclass(format('%I.%I', schema_name, d.old_table)) is null;
    v_thing := (regexp_match(regexp_replace(d.key, '^\S+ ', ''), '[0-9a-f]{8}-[0-9a-f-]{27}'))[1]::uuid;
    v_query := format('select t.id, %s as label from %s t', engine.label_expression((d.want).table_key::uuid, 't'),
      engine.table_after(schema_name, d.old_table, d.new_table, differences, replaced));
    begin
      -- A window is counted after WHERE, so what is counted comes from within.
      if v_condition like '%over (partition%' then
        v_query := format('select id, label from (select t.id, %s as label, %s as breaks from %s t) s where breaks', engine.label_expression((d.want).table_key::uuid, 't'),
          v_condition, engine.table_after(schema_name, d.old_table, d.new_table, differences, replaced));
      else
        v_query := v_query || ' where ' || v_condition;
      end if;
      execute format('select count(*), jsonb_agg(jsonb_build_object(''id'', id, ''label'', label)) filter (where n <= 20) from (select v.*, row_number() over (order by v.id) as n from (%s) v) n', v_query)
        into v_count, v_records;
    exception
      -- A condition over what is only being made cannot be asked of the table as it is.
      when syntax_error_or_access_rule_violation then
        continue;
    end;
    if v_count > 0 then
      v_found := v_found || jsonb_build_object(
        'ruleId', (select r.id from metadata.rules r where r.id = v_thing),
        'fieldId', coalesce((select r.field_id from metadata.rules r where r.id = v_thing), (select f.id from metadata.fields f where f.id = v_thing)),
        'message', engine.violation_message(d, v_thing, v_count), 'count', v_count,
        'records', case when engine.may_list((d.want).table_key::uuid) then v_records else '[]' end);
    end if;
  end loop;
  return v_found;
end
$$;

-- Who changes the model need not be allowed to read the records.
create or replace function engine.may_list(object_id uuid) returns boolean
language sql stable set search_path = ''
  return engine.acts_as_administrator() or object_id in (select r from engine.wholly_readable_objects(current_setting('role')::name) r);

create or replace function engine.violation_message(d engine.difference, thing uuid, count bigint) returns text
language sql stable set search_path = ''
as $$
  select case when count = 1 then '1 record of ' else count || ' records of ' end || quote_ident(d.new_table) || case
      when d.kind = 'column' then case when count = 1 then ' has' else ' have' end || format(' no value in "%s", which is to be required.', coalesce(f.label, (d.want).name))
      when d.kind = 'index' then ' share a value' || coalesce(format(' of "%s"', f.label), '') || ' that is to be unique.'
      when (d.want).comment like '@relvar options:%' then case when count = 1 then ' has' else ' have' end || format(' an option of "%s" that it no longer has.', f.label)
      else case when count = 1 then ' does' else ' do' end || ' not fulfil ' || coalesce(case when r.id is not null then format('the rule "%s"', coalesce(nullif(r.message, ''), rtrim(engine.rule_text(r), '.'))) end, format('what "%s" asks', f.label), 'the rule ' || quote_ident((d.want).name)) || '.'
    end
  from (select) one
  left join metadata.rules r on r.id = thing
  left join metadata.fields f on f.id = coalesce(r.field_id, thing)
$$;
