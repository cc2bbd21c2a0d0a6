-- What a change of a field's type would come to, counted on the records as they are.

create or replace function engine.part_types(f metadata.fields) returns jsonb
language sql stable set search_path = ''
as $$
  select coalesce(jsonb_object_agg(c.part, case when (f).type = 'NUMBER' and (f).settings ->> 'dataType' in ('int', 'bigint') then 'bigint' else c.pg_type end), '{}')
  from engine.field_type_columns c where c.type = engine.plain_type(f)
$$;

-- The columns that a field has at this moment, which in the middle of a transaction may not be those
-- that the model says. Null when it has none yet.
create or replace function engine.standing_field(f metadata.fields) returns engine.standing_field
language sql stable set search_path = ''
as $$
  select (w.schema_name, t.name, t.row_estimate, c.names, c.keys, c.types, c.generated)::engine.standing_field
  from core.workspaces w
  cross join lateral (
    select a.name, engine.row_estimate(a.oid) as row_estimate
    from engine.actual(w.schema_name, array[(f).object_id]) a where a.kind = 'table') t
  cross join lateral (
    select jsonb_object_agg(p.part, a.name) as names, jsonb_object_agg(p.part, a.key) as keys, jsonb_object_agg(p.part, a.pg_type) as types,
      coalesce(array_agg(p.part) filter (where a.generated_expr is not null), '{}') as generated, count(*) as columns
    from engine.actual(w.schema_name, array[(f).object_id]) a
    cross join lateral (select regexp_replace(a.key, '^[^.]*\.?', '') as part) p
    where a.kind = 'column' and (a.key = engine.column_key((f).id, (f).revision, '') or starts_with(a.key, engine.column_key((f).id, (f).revision, '') || '.'))) c
  where w.id = (f).workspace_id and c.columns > 0
$$;

-- Columns as SQL, by part.
create or replace function engine.qualified(names jsonb, alias text) returns jsonb
language sql immutable set search_path = ''
as $$ select jsonb_object_agg(n.key, format('%I.%I', alias, n.value)) from jsonb_each_text(names) n $$;

-- The SQL of a check: how a value looks before and after, whether there is one, and whether they are alike.
create or replace function engine.count_conversion(f metadata.fields, t metadata.fields, standing engine.standing_field) returns engine.conversion_count
language plpgsql stable set search_path = ''
as $$
declare
  v_columns jsonb := engine.qualified((standing).names, 't');
  v_target jsonb := engine.conversion_sql(f, t, v_columns);
  v_after jsonb;
  v_from text;
  v_has text := engine.presence_sql(engine.plain_type(f), v_columns);
  v_gets text;
  v_before_text text := format('left((%s)::text, 200)', engine.source_text(f, v_columns));
  v_after_text text;
  v_label text := format('left(%s, 200)', engine.label_expression((f).object_id, 't'));
  v_same text := 'false';
  v_count engine.conversion_count;
begin
  select jsonb_object_agg(e.key, format('v.%I', 'part_' || e.key)) into v_after from jsonb_each_text(v_target) e;
  v_from := format('%I.%I t cross join lateral (select %s offset 0) v', (standing).schema_name, (standing).table_name,
    (select string_agg(format('%s as %I', e.value, 'part_' || e.key), ', ') from jsonb_each_text(v_target) e));
  -- Parts that the conversion leaves out are there for what prints them.
  v_after := (select jsonb_object_agg(p.key, coalesce(v_after ->> p.key, format('null::%s', p.value))) from jsonb_each_text(engine.part_types(t)) p);
  v_gets := engine.presence_sql(engine.plain_type(t), v_after);
  v_after_text := format('left((%s)::text, 200)', engine.source_text(t, v_after));
  if (standing).types = engine.part_types(t) then
    v_same := (select string_agg(format('%s is not distinct from %s', v_columns ->> e.key, v_after ->> e.key), ' and ') from jsonb_each_text(v_columns) e);
  end if;
  execute format('select count(*), count(*) filter (where not %1$s), count(*) filter (where %1$s and %2$s), count(*) filter (where %1$s and not %2$s), coalesce(bool_and(%3$s), %4$L) from %5$s',
    v_has, v_gets, v_same, (standing).types = engine.part_types(t), v_from)
  into v_count.total, v_count.empty, v_count.converts, v_count.fails, v_count.is_identical;
  if v_count.fails > 0 then
    execute format('select jsonb_agg(jsonb_build_object(''id'', s.id, ''label'', s.label, ''value'', s.value)) from (select t.id, %s as label, %s as value from %s where %s and not %s limit 20) s',
      v_label, v_before_text, v_from, v_has, v_gets) into v_count.failures;
  end if;
  if v_count.converts > 0 then
    execute format('select jsonb_agg(jsonb_build_object(''before'', s.before, ''after'', s.after)) from (select %s as before, %s as after from %s where %s and %s limit 10) s',
      v_before_text, v_after_text, v_from, v_has, v_gets) into v_count.samples;
  end if;
  v_count.failures := coalesce(v_count.failures, '[]');
  v_count.samples := coalesce(v_count.samples, '[]');
  return v_count;
end
$$;

-- Options for the values that there are. A value of the API is made from each label.
create or replace function engine.options_of(labels text[]) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_options jsonb := '[]';
  v_taken text[] := '{}';
  v_value text;
  v_base text;
  v_label text;
  n int;
begin
  foreach v_label in array labels loop
    v_base := trim(both '_' from upper(regexp_replace(public.unaccent('public.unaccent', v_label), '[^a-zA-Z0-9]+', '_', 'g')));
    -- What is an option's value already stays as it is.
    v_base := case when v_label ~ '^[A-Za-z][A-Za-z0-9_]{0,62}$' then v_label when v_base = '' then 'OPTION' when v_base ~ '^[0-9_]' then 'N' || v_base else v_base end;
    v_base := left(v_base, 56);
    v_value := v_base;
    n := 1;
    while lower(v_value) = any (v_taken) loop
      n := n + 1;
      v_value := v_base || '_' || n;
    end loop;
    v_taken := v_taken || lower(v_value);
    v_options := v_options || jsonb_build_object('value', v_value, 'label', v_label, 'position', jsonb_array_length(v_options),
      'color', ('{blue,green,orange,purple,sky,pink,yellow,turquoise,red,gray}'::text[])[jsonb_array_length(v_options) % 10 + 1]);
  end loop;
  return v_options;
end
$$;

create or replace function engine.distinct_options(f metadata.fields, standing engine.standing_field, is_list boolean) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_columns jsonb := engine.qualified((standing).names, 't');
  v_labels text[];
begin
  execute format('select array_agg(s.label order by s.label) from (select min(btrim(u.label)) as label from %I.%I t cross join lateral unnest(%s) u (label) where engine.plain_text(u.label) is not null group by lower(btrim(u.label)) limit 201) s',
    (standing).schema_name, (standing).table_name,
    case when is_list then coalesce(engine.source_list(f, v_columns), format('engine.read_list(%s)', engine.source_text(f, v_columns)))
      else format('array[%s]', engine.source_text(f, v_columns)) end) into v_labels;
  if cardinality(v_labels) > 200 then
    raise exception '"%" holds more than 200 different values, too many for options.', (f).label using errcode = 'RV073', column = 'options',
      hint = 'Give the options yourself; values that are none of them are listed.';
  end if;
  return engine.options_of(coalesce(v_labels, '{}'));
end
$$;

-- The field as it would be: settings and options that are not given follow from what there is.
create or replace function engine.retyped(f metadata.fields, type text, settings jsonb, options jsonb, standing engine.standing_field) returns metadata.fields
language plpgsql stable set search_path = ''
as $$
declare
  t metadata.fields := f;
begin
  t.type := retyped.type;
  -- What only the former type knows goes; what nobody knows is refused later.
  t.settings := coalesce(retyped.settings, (f).settings) - 'onFailure' - array(
    select k.key from engine.field_type_settings k where k.type = (f).type
    except select k.key from engine.field_type_settings k where k.type = retyped.type);
  t.options := case when retyped.type not in ('SELECT', 'MULTI_SELECT') then '[]' else coalesce(nullif(retyped.options, '[]'), nullif((f).options, '[]')) end;
  if t.options is null then
    t.options := case when standing is null then '[]' else engine.distinct_options(f, standing, retyped.type = 'MULTI_SELECT') end;
    if t.options = '[]' then
      t.options := '[{"value": "OPTION_1", "label": "Option 1", "color": "blue", "position": 0}]';
    end if;
  end if;
  t.result_type := null;
  t.compiled := null;
  return t;
end
$$;

create or replace function engine.type_label(type text) returns text
language sql stable set search_path = ''
as $$ select coalesce((select lower(t.label) from engine.field_types t where t.type = type_label.type), type) $$;

-- Refuses, in words, what cannot be done whatever the values are.
create or replace function engine.assert_convertible(f metadata.fields, type text) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_types text;
begin
  if (f).is_system or (f).deleted_at is not null then
    raise exception 'The type of "%" cannot be changed.', (f).label using errcode = 'RV070', column = 'type',
      hint = case when (f).is_system then 'The engine keeps this field.' else 'Restore the field first.' end;
  end if;
  if not exists (select from engine.conversions c where c.from_type = engine.plain_type(f) and c.to_type = assert_convertible.type)
    and engine.plain_type(f) <> assert_convertible.type then
    select string_agg(t.label, ', ' order by t.label) into v_types
    from engine.conversions c join engine.field_types t on t.type = c.to_type where c.from_type = engine.plain_type(f);
    raise exception '"%" (%) cannot become %.', (f).label, engine.type_label((f).type), engine.type_label(assert_convertible.type) using errcode = 'RV070', column = 'type',
      hint = coalesce('It can become: ' || v_types || '.', 'Add a field of that type and fill it with an update.');
  end if;
  if exists (select from metadata.objects o where o.label_field_id = (f).id and o.deleted_at is null)
    and assert_convertible.type not in ('TEXT', 'FULL_NAME', 'SELECT', 'EMAILS', 'PHONES', 'LINKS', 'RICH_TEXT', 'ADDRESS', 'COLOR', 'AUTO_NUMBER') then
    raise exception 'The field "%" names the records of its object, which needs a text.', (f).label using errcode = 'RV072', column = 'type',
      hint = 'Choose another label field for the object first.';
  end if;
  if (f).is_unique and assert_convertible.type in ('BOOLEAN', 'MORPH_RELATION', 'MANY_TO_MANY', 'FULL_NAME', 'RAW_JSON', 'RICH_TEXT', 'ADDRESS', 'LOCATION', 'MULTI_SELECT', 'ARRAY') then
    raise exception 'The values of "%" are unique, which those of the type % cannot be.', (f).label, engine.type_label(assert_convertible.type) using errcode = 'RV072', column = 'type',
      hint = 'Take the demand for unique values off the field first.';
  end if;
end
$$;
