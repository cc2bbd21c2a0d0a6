-- Deleting moves: a deleted row goes to the tenant's trash as JSON, in the same transaction,
-- whoever deletes it and however. No query of the product needs a "not deleted" filter, and unique
-- constraints and foreign keys mean what they say.

create function engine.tg_records__trash() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  execute format(
    'insert into %I.trash (object_id, record_id, label, data, deleted_by_name)
     select $1, o.id, %s, to_jsonb(o) - ''search_vector'', $2 from old_rows o',
    tg_table_schema, engine.label_expression(tg_argv[0]::uuid, 'o'))
  using tg_argv[0]::uuid, (engine.current_actor()).name;
  return null;
end
$$;

-- Puts a deleted record back, with the records that its deletion took along (cascade) and the
-- links that it cut (set null), which the event log of that transaction knows.
create function engine.restore_record(caller name, schema_name text, object_name text, record_id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object record;
  v_trash record;
  v_columns text;
  r record;
  v_child uuid;
begin
  select o.id, o.table_name, w.id as workspace_id into v_object
  from core.workspaces w join metadata.objects o on o.workspace_id = w.id
  where w.schema_name = restore_record.schema_name and o.name_singular = object_name;
  if not found then
    raise exception 'There is no object "%".', object_name using errcode = 'RV011', hint = 'Give the singular API name, such as person.';
  end if;
  if not has_table_privilege(caller, format('%I.%I', schema_name, v_object.table_name), 'delete') then
    raise exception 'Your role may not restore %.', object_name using errcode = '42501';
  end if;
  execute format('delete from %I.trash where object_id = $1 and record_id = $2 returning *', schema_name)
    into v_trash using v_object.id, record_id;
  if v_trash.id is null then
    return false;
  end if;

  select string_agg(quote_ident(a.attname), ', ') into v_columns
  from pg_catalog.pg_attribute a
  where a.attrelid = format('%I.%I', schema_name, v_object.table_name)::regclass
    and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
    and v_trash.data ? a.attname;
  perform set_config('relvar.action', 'restored', true);
  execute format('insert into %1$I.%2$I (%3$s) select %3$s from jsonb_populate_record(null::%1$I.%2$I, $1)',
    schema_name, v_object.table_name, v_columns) using v_trash.data;
  perform set_config('relvar.action', '', true);

  for r in
    select c.name as column_name, c.table_name, ob.name_singular, ob.id as object_id, rel.on_delete
    from metadata.relations rel
    join engine.columns(v_object.workspace_id) c on c.relation_id = rel.id
    join metadata.objects ob on ob.id = c.object_id
    where rel.target_object_id = v_object.id
  loop
    if r.on_delete = 'SET_NULL' then
      execute format(
        'update %1$I.%2$I t set %3$I = $1 from %1$I.record_events e
         where e.transaction_id = $2 and e.object_id = $3 and e.action = ''updated''
           and e.before ->> %4$L = $1::text and t.id = e.record_id and t.%3$I is null',
        schema_name, r.table_name, r.column_name, r.column_name)
      using record_id, v_trash.transaction_id, r.object_id;
    elsif r.on_delete = 'CASCADE' then
      for v_child in execute format(
        'select record_id from %I.trash where transaction_id = $1 and object_id = $2 and data ->> $3 = $4', schema_name)
        using v_trash.transaction_id, r.object_id, r.column_name, record_id::text
      loop
        perform engine.restore_record(caller, schema_name, r.name_singular, v_child);
      end loop;
    end if;
  end loop;
  return true;
end
$$;

-- Takes a record out of the trash for good. What it was stays in the event log.
create function engine.destroy_record(caller name, schema_name text, object_name text, record_id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object record;
  v_actor engine.actor := engine.current_actor();
  v_batch bigint := nextval('engine.event_batch');
  v_data jsonb;
begin
  select o.id, o.table_name, w.id as workspace_id into v_object
  from core.workspaces w join metadata.objects o on o.workspace_id = w.id
  where w.schema_name = destroy_record.schema_name and o.name_singular = object_name;
  if not found then
    raise exception 'There is no object "%".', object_name using errcode = 'RV011', hint = 'Give the singular API name, such as person.';
  end if;
  if not has_table_privilege(caller, format('%I.%I', schema_name, v_object.table_name), 'delete') then
    raise exception 'Your role may not destroy %.', object_name using errcode = '42501';
  end if;
  execute format('delete from %I.trash where object_id = $1 and record_id = $2 returning data', schema_name)
    into v_data using v_object.id, record_id;
  if v_data is null then
    return false;
  end if;
  execute format(
    'insert into %I.record_events (batch, seq, object_id, record_id, action, actor_type, actor_id, actor_name, source)
     values ($1, 1, $2, $3, ''destroyed'', $4, $5, $6, $7)', schema_name)
  using v_batch, v_object.id, record_id, v_actor.type, v_actor.id, v_actor.name, engine.current_source();
  insert into engine.outbox (batch, workspace_id, object_id, action)
  values (v_batch, v_object.workspace_id, v_object.id, 'destroyed');
  return true;
end
$$;

-- Reached only through the tenant's own functions, which name the caller.
grant execute on function engine.restore_record(name, text, text, uuid), engine.destroy_record(name, text, text, uuid) to relvar_crm;
