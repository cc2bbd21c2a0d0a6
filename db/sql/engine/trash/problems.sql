-- What keeps a record from coming back, and what it would take. It is tried, and taken back: the record is put back with what is
-- in the way left out, again and again, until nothing is, so PostgreSQL itself says what is wrong.

-- The record that has what is unique, as far as the caller sees it.
create or replace function engine.taken_by(caller name, schema_name text, object metadata.objects, constraint_name text, data jsonb) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_table regclass := format('%I.%I', schema_name, (object).table_name)::regclass;
  v_same text;
  v_taken jsonb;
begin
  select string_agg(format('(%1$s) = (select (%1$s) from jsonb_populate_record(null::%2$s, $1) r)', pg_catalog.pg_get_indexdef(i.indexrelid, n, true), v_table), ' and ')
    || coalesce(' and ' || min(pg_catalog.pg_get_expr(i.indpred, i.indrelid)), '')
  into v_same
  from pg_catalog.pg_index i
  join pg_catalog.pg_class c on c.oid = i.indexrelid
  cross join generate_series(1, i.indnkeyatts) n
  where i.indrelid = v_table and c.relname = constraint_name;
  if v_same is null then
    return null;
  end if;
  execute format('select jsonb_build_object(''recordId'', t.id, ''label'', %s) from (select * from %s where %s) t where %s limit 1',
    engine.label_expression((object).id, 't'), v_table, v_same, engine.condition_of(caller, (object).id, 'READ', 't.')) into v_taken using data;
  return v_taken;
end
$$;

-- One thing that is in the way, for who reads all of the object; of others nothing is told but that there is something.
-- left_out are the columns without which it would be out of the way, if there are such.
create or replace function engine.restore_problem(caller name, schema_name text, object metadata.objects, record_id uuid, data jsonb, failure jsonb, out problem jsonb, out left_out text[])
language plpgsql stable set search_path = ''
as $$
declare
  v_table regclass := format('%I.%I', schema_name, (object).table_name)::regclass;
  v_column text := nullif(failure ->> 'column', '');
  v_constraint text := nullif(failure ->> 'constraint', '');
  v_kind text := case when failure ->> 'state' = 'RV014' then 'TAKEN' when v_column is null then 'UNFIT' when data ->> v_column is null then 'REQUIRED' else 'LINK_GONE' end;
  v_columns text[];
  v_words record;
begin
  problem := jsonb_build_object('objectName', (object).name_singular, 'recordId', record_id, 'kind', v_kind, 'columns', '[]'::jsonb, 'canLeaveOut', false,
    'message', failure ->> 'message', 'hint', failure ->> 'hint');
  if not engine.reads_wholly(caller, (object).id) then
    return;
  end if;
  v_columns := case when v_column is not null then array[v_column]
    when v_constraint is not null then engine.constraint_columns(v_table, v_constraint)
    -- A value that is none of its type any more does not say whose it is.
    else array(select c.name from engine.columns((object).workspace_id, array[(object).id]) c
      where c.is_active and data ->> c.name is not null and not engine.fits(data -> c.name, c.pg_type)) end;
  left_out := array(select a.attname::text from pg_catalog.pg_attribute a
    where a.attrelid = v_table and a.attname = any (v_columns) and not a.attnotnull and a.attgenerated = '' and data ->> a.attname::text is not null);
  select w.* into v_words from engine.explain_violation(schema_name, (object).table_name, coalesce(v_constraint, ''), coalesce(v_column, ''), caller) w limit 1;
  problem := problem || jsonb_build_object(
    'columns', (select coalesce(jsonb_agg(jsonb_build_object('name', engine.camel_case(n), 'value', data -> n) order by n), '[]') from unnest(v_columns) n),
    'fieldName', v_words.field_name, 'canLeaveOut', left_out <> '{}',
    'takenBy', case when v_kind = 'TAKEN' then engine.taken_by(caller, schema_name, object, v_constraint, data) end)
    || case when v_kind <> 'LINK_GONE' and v_words.message is not null then jsonb_build_object('message', v_words.message, 'hint', v_words.hint) else '{}' end;
end
$$;

-- Puts one record back as far as it goes. What is in the way is left out where it can be, and told.
create or replace function engine.find_restore_problems(caller name, schema_name text, object metadata.objects, record_id uuid) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_problems jsonb := '[]';
  v_failure jsonb;
  v_record uuid;
  v_object metadata.objects;
  v_data jsonb;
  v_found record;
  v_state text;
  v_message text;
  v_hint text;
  v_constraint text;
  v_column text;
  v_table text;
  v_id text;
begin
  -- Each round leaves something out, so there are no more of them than columns; a bound all the same.
  for i in 1 .. 50 loop
    begin
      perform engine.put_back(schema_name, object, record_id, caller);
      return v_problems;
    exception when sqlstate 'RV013' or sqlstate 'RV014' then
      get stacked diagnostics v_state = returned_sqlstate, v_message = message_text, v_hint = pg_exception_hint, v_constraint = constraint_name,
        v_column = column_name, v_table = table_name, v_id = pg_datatype_name;
    end;
    v_failure := jsonb_build_object('state', v_state, 'message', v_message, 'hint', v_hint, 'constraint', v_constraint, 'column', v_column);
    select o.* into v_object from metadata.objects o where o.workspace_id = (object).workspace_id and o.table_name = v_table;
    if v_id = '' or v_object.id is null then
      return v_problems || jsonb_build_array(jsonb_build_object('objectName', (object).name_singular, 'recordId', record_id, 'kind', case v_state when 'RV014' then 'TAKEN' else 'UNFIT' end, 'columns', '[]'::jsonb,
        'canLeaveOut', false, 'message', v_message, 'hint', v_hint));
    end if;
    v_record := v_id::uuid;
    execute format('select d.data from %I.trash d where d.object_id = $1 and d.record_id = $2', schema_name) into v_data using v_object.id, v_record;
    v_found := engine.restore_problem(caller, schema_name, v_object, v_record, v_data, v_failure);
    v_problems := v_problems || v_found.problem;
    if coalesce(v_found.left_out, '{}') = '{}' then
      return v_problems;
    end if;
    execute format('update %I.trash d set data = d.data || $3 where d.object_id = $1 and d.record_id = $2', schema_name)
      using v_object.id, v_record, (select jsonb_object_agg(n, null) from unnest(v_found.left_out) n);
  end loop;
  return v_problems;
end
$$;
