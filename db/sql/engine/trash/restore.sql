-- Many records out of the trash at once, with choices for what is in the way: what lies in the trash is changed first, then
-- put back.

-- Values that a caller chose for records in the trash, named as when a record is created. They are written as a change of
-- the record would be: by who reads the object and may write the field.
create or replace function engine.choose_values(caller name, schema_name text, workspace_id uuid, choices jsonb) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_object metadata.objects;
  v_names text[];
  v_column text;
  v_is_known boolean;
  r record;
begin
  for r in select c.key as record_id, v.key as name, v.value from jsonb_each(choices) c cross join lateral jsonb_each(c.value) v loop
    if not r.record_id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
      raise exception '"%" is no id of a record.', r.record_id using errcode = 'RV227', column = 'choices', hint = 'Choices are {"id of a record": {"field": value}}.';
    end if;
    execute format('select o.* from %I.trash d join metadata.objects o on o.id = d.object_id where d.record_id = $1 and o.deleted_at is null', schema_name)
      into v_object using r.record_id::uuid;
    v_is_known := v_object.id is not null and engine.reads_wholly(caller, v_object.id);
    if not v_is_known then
      raise exception 'There is no such record in the trash whose values you may choose.' using errcode = 'RV227', column = 'choices', hint = 'Leave it out, or ask somebody who sees all records and fields of its kind.';
    end if;
    v_names := array(select c.name from engine.columns(choose_values.workspace_id, array[v_object.id]) c where c.is_active and c.is_writable and c.name <> 'id');
    v_column := (select n from unnest(v_names) n where r.name in (n, engine.camel_case(n)) limit 1);
    if v_column is null then
      raise exception '% have no field "%".', v_object.label_plural, r.name using errcode = 'RV228', column = 'choices',
        hint = coalesce(format('Did you mean %s?', engine.nearest(r.name, array(select engine.camel_case(n) from unnest(v_names) n))), 'Give names as when a record is created.');
    elsif not has_column_privilege(caller, format('%I.%I', schema_name, v_object.table_name), v_column, 'update') then
      raise exception 'Your role may not change this field of %.', v_object.label_plural using errcode = '42501', column = r.name;
    end if;
    execute format('update %I.trash d set data = d.data || jsonb_build_object($3::text, $4) where d.object_id = $1 and d.record_id = $2', schema_name)
      using v_object.id, r.record_id::uuid, v_column, r.value;
  end loop;
end
$$;

-- A record with chosen values must be one that its caller might have changed so.
create or replace function engine.assert_choices(caller name, schema_name text, workspace_id uuid, choices jsonb) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_object metadata.objects;
  v_is_refused boolean;
begin
  for v_object in execute format('select distinct o.* from %I.record_events e join metadata.objects o on o.id = e.object_id
      where e.record_id = any ($1) and e.transaction_id = pg_current_xact_id() and o.workspace_id = $2', schema_name)
    using array(select k::uuid from jsonb_object_keys(choices) k), workspace_id
  loop
    execute format('select exists (select from %I.%I t where t.id = any ($1) and not coalesce(%s, false))', schema_name, v_object.table_name, engine.condition_of(caller, v_object.id, 'UPDATE', 't.'))
      into v_is_refused using array(select k::uuid from jsonb_object_keys(choices) k);
    if v_is_refused then
      raise exception 'With these values it would be none of the % that you may change.', v_object.label_plural using errcode = '42501', column = 'choices';
    end if;
  end loop;
end
$$;

-- The records among these ids that lie in the trash, and that the caller may restore or destroy, in the order of their deletion.
-- What a role could not see or delete while it was there it neither restores nor destroys. Which records, and
-- whether for good, one role says: to delete all by one and destroy its own by another destroys its own.
create or replace function engine.trashed_ids(caller name, schema_name text, object metadata.objects, record_ids uuid[], action text default 'DELETE') returns uuid[]
language plpgsql stable set search_path = ''
as $$
declare
  v_ids uuid[];
begin
  if cardinality(record_ids) > 10000 then
    raise exception 'At most 10,000 records at once.' using errcode = 'RV229', column = 'record_ids', hint = 'Do it in several calls.';
  end if;
  execute format('select array_agg(d.record_id order by d.deleted_at, d.id) from %1$I.trash d cross join lateral jsonb_populate_record(null::%1$I.%2$I, d.data) t
      where d.object_id = $1 and d.record_id = any ($2) and %3$s and %4$s',
    schema_name, (object).table_name, engine.condition_of(caller, (object).id, 'READ', 't.'), engine.condition_of(caller, (object).id, action, 't.'))
  into v_ids using (object).id, record_ids;
  return coalesce(v_ids, '{}');
exception when data_exception then
  -- A value that is none of its type any more is in the way of asking, too. Who sees all of them needs not be asked of each.
  if not engine.reads_wholly(caller, (object).id) then
    return '{}';
  end if;
  execute format('select array_agg(d.record_id order by d.deleted_at, d.id) from %I.trash d where d.object_id = $1 and d.record_id = any ($2)', schema_name)
    into v_ids using (object).id, record_ids;
  return coalesce(v_ids, '{}');
end
$$;

create or replace function engine.put_back_or_tell(schema_name text, object metadata.objects, record_id uuid, caller name) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_message text;
  v_hint text;
  v_state text;
begin
  perform engine.put_back(schema_name, object, record_id, caller);
  return null;
exception when sqlstate 'RV013' or sqlstate 'RV014' then
  get stacked diagnostics v_message = message_text, v_hint = pg_exception_hint, v_state = returned_sqlstate;
  return jsonb_build_object('recordId', record_id, 'code', v_state, 'message', v_message, 'hint', v_hint);
end
$$;

-- As many together as go: what holds them up is found by halves. Returns why those that stay do.
create or replace function engine.put_back_most(schema_name text, object metadata.objects, record_ids uuid[], caller name) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_half int := cardinality(record_ids) / 2;
  v_reason jsonb;
begin
  if cardinality(record_ids) = 0 then
    return '[]';
  elsif cardinality(record_ids) = 1 then
    v_reason := engine.put_back_or_tell(schema_name, object, record_ids[1], caller);
    return case when v_reason is null then '[]' else jsonb_build_array(v_reason) end;
  end if;
  begin
    perform engine.put_back_together(schema_name, object, record_ids, caller);
    return '[]';
  exception when sqlstate 'RV013' or sqlstate 'RV014' then
    null;
  end;
  return engine.put_back_most(schema_name, object, record_ids[:v_half], caller) || engine.put_back_most(schema_name, object, record_ids[v_half + 1:], caller);
end
$$;

-- Those that needed another of them are tried again, until none comes back any more.
create or replace function engine.put_back_each(schema_name text, object metadata.objects, record_ids uuid[], caller name) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_waiting uuid[] := record_ids;
  v_left jsonb;
begin
  loop
    v_left := engine.put_back_most(schema_name, object, v_waiting, caller);
    exit when v_left = '[]' or jsonb_array_length(v_left) = cardinality(v_waiting);
    v_waiting := array(select (e ->> 'recordId')::uuid from jsonb_array_elements(v_left) e);
  end loop;
  return v_left;
end
$$;

create or replace function engine.restore_records(caller name, schema_name text, object_name text, record_ids uuid[], choices jsonb, on_problem text) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.trashed_object(caller, schema_name, object_name);
  v_ids uuid[] := engine.trashed_ids(caller, schema_name, v_object, record_ids);
  v_left jsonb;
begin
  if coalesce(on_problem, '') not in ('REFUSE', 'SKIP') then
    raise exception 'What is in the way is not dealt with by "%".', on_problem using errcode = 'RV230', column = 'on_problem', hint = 'REFUSE restores nothing then, SKIP restores the others.';
  elsif jsonb_typeof(coalesce(choices, '{}')) <> 'object' or exists (select from jsonb_each(choices) c where jsonb_typeof(c.value) <> 'object') then
    raise exception 'These are no choices.' using errcode = 'RV227', column = 'choices', hint = 'Choices are {"id of a record": {"field": value}}.';
  end if;
  perform engine.choose_values(caller, schema_name, v_object.workspace_id, coalesce(choices, '{}'));
  v_left := engine.put_back_each(schema_name, v_object, v_ids, caller);
  if v_left <> '[]' and on_problem = 'REFUSE' and cardinality(v_ids) = 1 then
    -- Said in its own words.
    perform engine.put_back(schema_name, v_object, v_ids[1], caller);
  elsif v_left <> '[]' and on_problem = 'REFUSE' then
    raise exception '% of % records cannot be restored as they are.', jsonb_array_length(v_left), cardinality(v_ids)
      using errcode = 'RV231', detail = (select jsonb_agg(e)::text from (select e from jsonb_array_elements(v_left) e limit 20) l),
        hint = 'plan_restore says what is in the way. Choose values for them, or leave them out by on_problem SKIP.';
  end if;
  if coalesce(choices, '{}') <> '{}' then
    perform engine.assert_choices(caller, schema_name, v_object.workspace_id, choices);
  end if;
  return jsonb_build_object('restored', cardinality(v_ids) - jsonb_array_length(v_left), 'missing', cardinality(array(select distinct unnest(record_ids))) - cardinality(v_ids), 'left', v_left);
end
$$;

-- Made and taken back: what restoring would meet.
create or replace function engine.plan_restore(caller name, schema_name text, object_name text, record_ids uuid[], choices jsonb) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.trashed_object(caller, schema_name, object_name);
  v_ids uuid[] := engine.trashed_ids(caller, schema_name, v_object, record_ids);
  v_left jsonb;
  v_problems jsonb := '[]';
  v_plan jsonb;
  v_label text;
  v_id uuid;
begin
  begin
    perform engine.choose_values(caller, schema_name, v_object.workspace_id, coalesce(choices, '{}'));
    v_left := engine.put_back_each(schema_name, v_object, v_ids, caller);
    for v_id in select (e ->> 'recordId')::uuid from jsonb_array_elements(v_left) e limit 100 loop
      execute format('select d.label from %I.trash d where d.object_id = $1 and d.record_id = $2', schema_name) into v_label using v_object.id, v_id;
      v_problems := v_problems || jsonb_build_object('recordId', v_id,
        'label', case when engine.reads_wholly(caller, v_object.id) or engine.reads_label(caller, schema_name, v_object) then v_label end,
        'problems', engine.find_restore_problems(caller, schema_name, v_object, v_id));
    end loop;
    v_plan := jsonb_build_object('restorable', cardinality(v_ids) - jsonb_array_length(v_left), 'missing', cardinality(array(select distinct unnest(record_ids))) - cardinality(v_ids), 'left', v_problems);
    raise exception 'planned' using errcode = 'RVEND';
  exception when sqlstate 'RVEND' then
    return v_plan;
  end;
end
$$;

-- Reached only through the tenant's own functions, which name the caller.
grant execute on function engine.restore_records(name, text, text, uuid[], jsonb, text), engine.plan_restore(name, text, text, uuid[], jsonb) to relvar_crm;
