-- Values of computed columns for records that were there before.

-- For all records of an object, in one statement; `keys` are those of the columns.
create or replace function engine.fill_statement(object_id uuid, schema_name text, keys text[]) returns text
language sql stable set search_path = ''
as $$
  select string_agg(s.statement, '; ' order by s.place)
  from (
    -- Rollups first: formulas may read them.
    select distinct 1 as place, engine.rollup_update(r, schema_name, format('(select id from %I.%I) i', schema_name, o.table_name)) as statement
    from metadata.fields f
    join metadata.objects o on o.id = f.object_id
    join metadata.relations r on r.id = (f.compiled ->> 'relation')::uuid
    where f.object_id = fill_statement.object_id and f.type = 'ROLLUP' and f.deleted_at is null
      and exists (select from unnest(keys) k where left(k, 36) = f.id::text)
    union all
    -- Written with nothing changed, a record computes itself.
    select 2, format('update %I.%I set %I = %3$I', schema_name, o.table_name, min(engine.snake_case(f.name) || c.suffix))
    from metadata.fields f
    join metadata.objects o on o.id = f.object_id
    join engine.field_type_columns c on c.type = f.result_type
    where f.object_id = fill_statement.object_id and f.type = 'FORMULA' and f.deleted_at is null
      and exists (select from unnest(keys) k where left(k, 36) = f.id::text)
    group by o.table_name
    union all
    -- A trigger computes what is empty.
    select 2, format('update %I.%I set %I = null', schema_name, o.table_name, engine.snake_case(f.name) || c.suffix)
    from metadata.fields f
    join metadata.objects o on o.id = f.object_id
    join engine.field_type_columns c on c.type = f.type and (f.type = 'TS_VECTOR' or f.type = 'AUTO_NUMBER' and c.part = 'text')
    where f.object_id = fill_statement.object_id and f.deleted_at is null and engine.column_key(f.id, f.revision, c.part) = any (keys)
  ) s
$$;

-- Numbers for records that have none, in the order of their ids, and texts for those whose text is not
-- that of their number.
create or replace function engine.number_batch(field metadata.fields, schema_name text, table_name text, ids uuid[]) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_number text := case when (field).deleted_at is null then engine.snake_case((field).name) else engine.deleted_name((field).id) end;
  v_is_kept boolean := exists (select from pg_catalog.pg_attribute a
    where a.attrelid = format('%I.%I', schema_name, table_name)::regclass and a.attname = v_number || '_text' and a.attgenerated = '');
begin
  execute format('update %1$I.%2$I t set %3$I = n.number
      from (select o.id, nextval($2) as number from (select e.id from %1$I.%2$I e where e.id = any ($1) and e.%3$I is null order by e.id) o) n where t.id = n.id', schema_name, table_name, v_number)
    using ids, pg_catalog.pg_get_serial_sequence(format('%I.%I', schema_name, table_name), v_number)::regclass;
  if v_is_kept then
    execute format('update %I.%I t set %I = null where t.id = any ($1) and %3$I is distinct from %s', schema_name, table_name, v_number || '_text',
      engine.auto_number_text(v_number, (field).settings)) using ids;
  end if;
end
$$;

-- The same for the next records by id after a given one, for jobs that fill a large table in
-- batches. Returns the last id that it filled, null when none is left. What is written meanwhile
-- is computed by its own triggers, so no record is missed.
create or replace function engine.backfill_batch(field_id uuid, after_id uuid, batch_size int) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_field metadata.fields;
  v_table text;
  v_schema text;
  v_ids uuid[];
begin
  select f.* into v_field from metadata.fields f where f.id = backfill_batch.field_id and (f.deleted_at is null and (f.compiled is not null or f.type = 'TS_VECTOR') or f.type = 'AUTO_NUMBER');
  if not found then
    return null;
  end if;
  select o.table_name, w.schema_name into v_table, v_schema from metadata.objects o join core.workspaces w on w.id = o.workspace_id where o.id = v_field.object_id;
  execute format('select array_agg(b.id) from (select t.id from %I.%I t where $1 is null or t.id > $1 order by t.id limit $2) b', v_schema, v_table)
    into v_ids using after_id, batch_size;
  if v_ids is null then
    return null;
  end if;
  perform engine.set_quiet(true);
  execute format('select from %I.%I t where t.id = any ($1) order by t.id for no key update', v_schema, v_table) using v_ids;
  if v_field.type = 'AUTO_NUMBER' then
    perform engine.number_batch(v_field, v_schema, v_table, v_ids);
  elsif v_field.type = 'TS_VECTOR' then
    execute format('update %I.%I t set %I = null where t.id = any ($1)', v_schema, v_table, engine.snake_case(v_field.name)) using v_ids;
  elsif v_field.type = 'ROLLUP' then
    execute engine.rollup_update((select r from metadata.relations r where r.id = (v_field.compiled ->> 'relation')::uuid), v_schema, 'unnest($1) as i (id)') using v_ids;
  else
    execute format('update %I.%I t set %I = t.%3$I where t.id = any ($1)', v_schema, v_table, (engine.formula_columns(v_field, '', ''))[1]) using v_ids;
  end if;
  perform engine.set_quiet(false);
  return v_ids[cardinality(v_ids)];
end
$$;
comment on function engine.backfill_batch(uuid, uuid, int) is 'Computes a formula or rollup for the next batch of records by id, quietly. Returns the last id, null when there are no more.';
