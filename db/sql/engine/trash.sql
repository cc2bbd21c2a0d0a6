-- Deleting moves: a deleted row goes to the tenant's trash as JSON, in the same transaction,
-- whoever deletes it and however. No query of the product needs a "not deleted" filter, and unique
-- constraints and foreign keys mean what they say.

create or replace function engine.tg_records__trash() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  -- An id may have been used again since a record of that id was deleted: the later one is kept.
  execute format(
    'insert into %I.trash (object_id, record_id, label, data, deleted_by_name)
     select $1, o.id, %s, to_jsonb(o.*) - $3, $2 from old_rows o
     on conflict (object_id, record_id) do update set label = excluded.label, data = excluded.data, deleted_at = excluded.deleted_at,
       deleted_by_name = excluded.deleted_by_name, transaction_id = excluded.transaction_id',
    tg_table_schema, engine.label_expression(tg_argv[0]::uuid, 'o'))
  using tg_argv[0]::uuid, (engine.current_actor()).name, array['search_vector'] || tg_argv[1:];
  return null;
end
$$;

-- The object that a caller names. Who may delete its records may also restore them, and with one right
-- more destroy them.
create or replace function engine.trashed_object(caller name, schema_name text, object_name text, action text default 'DELETE') returns metadata.objects
language plpgsql stable set search_path = ''
as $$
declare
  v_object metadata.objects;
begin
  select o.* into v_object
  from core.workspaces w join metadata.objects o on o.workspace_id = w.id
  where w.schema_name = trashed_object.schema_name and o.name_singular = object_name and o.deleted_at is null;
  if not found then
    raise exception 'There is no object "%".', object_name using errcode = 'RV011', hint = 'Give the singular API name, such as person.';
  end if;
  if not engine.has_right(caller, v_object.id, action) then
    raise exception '%', format(case action when 'DELETE' then 'Your role may not delete %s, nor restore or destroy what was deleted.'
      else 'Your role may not destroy %s for good.' end, v_object.label_plural) using errcode = '42501';
  end if;
  return v_object;
end
$$;

-- Puts a deleted record back, with the records that its deletion took along (cascade) and the
-- links that it cut (set null).
create or replace function engine.restore_record(caller name, schema_name text, object_name text, record_id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.trashed_object(caller, schema_name, object_name);
begin
  return record_id = any (engine.trashed_ids(caller, schema_name, v_object, array[record_id])) and engine.put_back(schema_name, v_object, record_id, caller);
end
$$;

-- Asks for no rights, so that a deletion that reached further than the caller's own rights is
-- undone as far as it reached. A refusal names only what the caller reads; which record it is of, since
-- others come along, is its "datatype", which nothing else needs.
create or replace function engine.put_back(schema_name text, object metadata.objects, record_id uuid, caller name) returns boolean
language plpgsql volatile set search_path = ''
as $$
declare
  v_trash record;
  v_data jsonb;
  v_columns text;
  v_detail text;
  v_constraint text;
  v_column text;
begin
  execute format('select * from %I.trash where object_id = $1 and record_id = $2 for update', schema_name)
    into v_trash using (object).id, record_id;
  if v_trash.id is null then
    return false;
  end if;
  v_data := engine.without_dead_links(schema_name, object, record_id, v_trash.data, caller);
  select string_agg(quote_ident(a.attname), ', ') into v_columns
  from pg_catalog.pg_attribute a
  where a.attrelid = format('%I.%I', schema_name, (object).table_name)::regclass
    and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
    and v_data ? a.attname;
  begin
    -- The log believes this setting only of records that are in the trash, so they leave it last.
    perform set_config('relvar.action', 'restored', true);
    execute format('insert into %1$I.%2$I (%3$s) select %3$s from jsonb_populate_record(null::%1$I.%2$I, $1)',
      schema_name, (object).table_name, v_columns) using v_data;
    perform set_config('relvar.action', '', true);
  exception
    when unique_violation then
      get stacked diagnostics v_detail = pg_exception_detail, v_constraint = constraint_name;
      if not engine.reads_wholly(caller, (object).id) then
        raise exception 'The record cannot be restored: another has taken its place.'
          using errcode = 'RV014', hint = 'Ask somebody who sees all records of this kind.';
      end if;
      raise exception '"%" cannot be restored: another record has taken its place.', v_trash.label
        using errcode = 'RV014', detail = v_detail, hint = 'Change or delete the other record first.',
          constraint = v_constraint, table = (object).table_name, datatype = record_id::text;
    when not_null_violation or check_violation or data_exception then
      get stacked diagnostics v_constraint = constraint_name, v_column = column_name;
      if not engine.reads_wholly(caller, (object).id) then
        raise exception 'The record cannot be restored, since it does not fit its object any more.'
          using errcode = 'RV013', hint = 'Ask somebody who sees all records and fields of this kind.';
      end if;
      raise exception '"%" cannot be restored, since it does not fit its object any more: %', v_trash.label, sqlerrm
        using errcode = 'RV013', hint = 'The object was changed after the record was deleted. Change it back, restore, and change it again.',
          constraint = v_constraint, column = v_column, table = (object).table_name, datatype = record_id::text;
  end;
  execute format('delete from %I.trash where id = $1', schema_name) using v_trash.id;
  perform engine.put_back_links(schema_name, object, array[record_id], array[v_trash.transaction_id], caller);
  return true;
end
$$;

-- A link to a record that is gone itself stays empty, as it would be had this record been there.
create or replace function engine.without_dead_links(schema_name text, object metadata.objects, record_id uuid, data jsonb, caller name) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_data jsonb := data;
  v_lives boolean;
  r record;
begin
  for r in
    select c.name, c.not_null, t.id as target_id, t.table_name, t.label_singular
    from engine.columns((object).workspace_id) c
    join metadata.relations rel on rel.id = c.relation_id
    join metadata.objects t on t.id = rel.target_object_id
    where c.object_id = (object).id and jsonb_typeof(data -> c.name) = 'string'
      and not (t.id = (object).id and data ->> c.name = record_id::text)
  loop
    execute format('select exists (select from %I.%I where id = $1)', schema_name, r.table_name) into v_lives using (data ->> r.name)::uuid;
    if not v_lives and r.not_null and not engine.has_right(caller, r.target_id, 'READ') then
      raise exception 'The record needs another, which is deleted too.' using errcode = 'RV013', hint = 'Ask somebody who may restore that one first.';
    elsif not v_lives and r.not_null then
      raise exception 'The record needs its %, which is deleted too.', r.label_singular
        using errcode = 'RV013', hint = format('Restore the %s first.', r.label_singular),
          column = r.name, table = (object).table_name, datatype = record_id::text;
    elsif not v_lives then
      v_data := v_data || jsonb_build_object(r.name, null);
    end if;
  end loop;
  return v_data;
end
$$;

-- Many at once, or none: by a few statements, however many they are.
create or replace function engine.put_back_together(schema_name text, object metadata.objects, record_ids uuid[], caller name) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_ids uuid[];
  v_transactions xid8[];
begin
  execute format('select array_agg(d.record_id), array_agg(d.transaction_id) from (select * from %I.trash where object_id = $1 and record_id = any ($2) order by id for update) d', schema_name)
    into v_ids, v_transactions using (object).id, record_ids;
  if v_ids is not null then
    perform engine.put_back_many(schema_name, jsonb_build_object((object).id, to_jsonb(v_ids)), caller);
    perform engine.put_back_links(schema_name, object, v_ids, v_transactions, caller);
  end if;
end
$$;

-- What went along comes back together; where it cannot, one by one says which is in the way.
create or replace function engine.put_back_all(schema_name text, object metadata.objects, record_ids uuid[], caller name) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_id uuid;
begin
  if cardinality(record_ids) > 1 then
    begin
      perform engine.put_back_together(schema_name, object, record_ids, caller);
      return;
    exception when sqlstate 'RV013' or sqlstate 'RV014' then
      null;
    end;
  end if;
  foreach v_id in array record_ids loop
    perform engine.put_back(schema_name, object, v_id, caller);
  end loop;
end
$$;

-- Of those that went along, the ones that need another record, too, which was deleted since: they stay, as gone along with that one,
-- as they would be had this record been there, and come back with it. Returns the others.
create or replace function engine.free_to_return(schema_name text, object metadata.objects, record_ids uuid[]) returns uuid[]
language plpgsql volatile set search_path = ''
as $$
declare
  v_free uuid[] := record_ids;
  v_staying uuid[];
  r record;
begin
  for r in
    select c.name, rel.target_object_id
    from engine.columns((object).workspace_id, array[(object).id]) c
    join metadata.relations rel on rel.id = c.relation_id
    where c.object_id = (object).id and c.not_null and rel.on_delete = 'CASCADE' and rel.target_object_id <> (object).id
  loop
    execute format(
      'with staying as (
         update %1$I.trash x set transaction_id = o.transaction_id from %1$I.trash o
         where x.object_id = $1 and x.record_id = any ($2) and o.object_id = $3 and o.record_id::text = x.data ->> %2$L
         returning x.record_id)
       select coalesce(array_agg(s.record_id), ''{}'') from staying s', schema_name, r.name)
    into v_staying using (object).id, v_free, r.target_object_id;
    v_free := array(select f from unnest(v_free) f where f <> all (v_staying));
  end loop;
  return v_free;
end
$$;

-- The event log and the trash know what the transactions that deleted the records did to others.
create or replace function engine.put_back_links(schema_name text, object metadata.objects, record_ids uuid[], deleted_in xid8[], caller name) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_children uuid[];
  r record;
begin
  for r in
    select c.name as column_name, ob as object, rel.on_delete
    from metadata.relations rel
    join metadata.objects ob on ob.workspace_id = rel.workspace_id
    join engine.columns((object).workspace_id, array[ob.id]) c on c.relation_id = rel.id and c.object_id = ob.id
    where rel.workspace_id = (object).workspace_id and rel.target_object_id = (object).id and rel.on_delete in ('SET_NULL', 'CASCADE')
      and ob.id = (select f.object_id from metadata.fields f where f.id = rel.field_id)
  loop
    if r.on_delete = 'SET_NULL' then
      execute format(
        'update %1$I.%2$I t set %3$I = d.id from unnest($1, $2) d (id, deleted_in) join %1$I.record_events e
           on e.transaction_id = d.deleted_in and e.object_id = $3 and e.action = ''updated'' and e.before ->> %3$L = d.id::text
         where t.id = e.record_id and t.%3$I is null',
        schema_name, (r.object).table_name, r.column_name)
      using record_ids, deleted_in, (r.object).id;
    else
      execute format(
        'select array_agg(x.record_id) from unnest($1, $2) d (id, deleted_in) join %I.trash x
           on x.transaction_id = d.deleted_in and x.object_id = $3 and x.data ->> $4 = d.id::text', schema_name)
      into v_children using record_ids, deleted_in, (r.object).id, r.column_name;
      v_children := engine.free_to_return(schema_name, r.object, v_children);
      if v_children <> '{}' then
        perform engine.put_back_all(schema_name, r.object, v_children, caller);
      end if;
    end if;
  end loop;
end
$$;

-- Reached only through the tenant's own functions, which name the caller.
grant execute on function engine.restore_record(name, text, text, uuid) to relvar_crm;
