-- Records as they were: the event log and the trash, for who does not read every record and every
-- field of an object. Their tables hold whole records, so a policy can only open or close them for an
-- object as a whole; these functions run as the owner and leave what the caller may read.

create or replace function engine.past_object(caller name, schema_name text, object_name text) returns metadata.objects
language plpgsql stable set search_path = ''
as $$
declare
  v_object metadata.objects;
begin
  select o.* into v_object
  from core.workspaces w join metadata.objects o on o.workspace_id = w.id
  where w.schema_name = past_object.schema_name and o.name_singular = object_name and o.deleted_at is null;
  if not found then
    raise exception 'There is no object "%".', object_name using errcode = 'RV011', hint = 'Give the singular API name, such as person.';
  end if;
  if not engine.has_right(caller, v_object.id, 'READ') then
    raise exception 'Your role may not read %.', v_object.label_plural using errcode = '42501';
  end if;
  return v_object;
end
$$;

-- Who reads every record and every field needs nothing left out.
create or replace function engine.reads_wholly(caller name, object_id uuid) returns boolean
language plpgsql stable set search_path = ''
as $$
begin
  return engine.acts_as_administrator() or exists (select from engine.find_wholly_readable(caller, array[object_id]));
end
$$;

-- The columns that the caller reads. The log names values by the columns of their time: where a name was
-- another field's once, only what was written since is this field's.
create or replace function engine.past_columns(caller name, schema_name text, object metadata.objects)
returns table (name text, since timestamptz)
language sql stable set search_path = ''
as $$
  with former as materialized (
    select m.row_id, engine.snake_case(m.before ->> 'name') as name, max(v.happened_at) as until
    from metadata.model_changes m
    join metadata.model_versions v on v.workspace_id = m.workspace_id and v.version = m.version
    where m.workspace_id = (object).workspace_id and m.table_name = 'fields' and m.before ->> 'object_id' = (object).id::text
    group by 1, 2
  )
  select a.attname::text, (select max(f.until) from former f where f.row_id is distinct from c.field_id and starts_with(a.attname::text, f.name))
  from pg_catalog.pg_attribute a
  left join engine.field_columns((object).workspace_id, array[(object).id]) c on c.name = a.attname
  where a.attrelid = format('%I.%I', schema_name, (object).table_name)::regclass and a.attnum > 0 and not a.attisdropped
    and has_column_privilege(caller, a.attrelid, a.attnum, 'select')
$$;

create or replace function engine.past_values(data jsonb, happened_at timestamptz, names text[], since timestamptz[]) returns jsonb
language sql immutable parallel safe set search_path = ''
as $$
  select case when data is not null then coalesce(jsonb_object_agg(e.key, e.value), '{}') end
  from jsonb_each(data) e
  join unnest(names, since) c (name, since) on c.name = e.key and (c.since is null or past_values.happened_at > c.since)
$$;

-- Whether the caller reads all that a record is called by.
create or replace function engine.reads_label(caller name, schema_name text, object metadata.objects) returns boolean
language sql stable set search_path = ''
as $$
  select not exists (
    select from engine.field_columns((object).workspace_id, array[(object).id]) c
    where c.field_id = (object).label_field_id and not has_column_privilege(caller, format('%I.%I', schema_name, (object).table_name), c.name, 'select'))
$$;

-- Where an event stands among all that is told of a record, beside its time: those of one transaction have the same time.
create or replace function engine.event_key(batch bigint, seq int) returns text
language sql immutable parallel safe set search_path = ''
  return lpad(batch::text, 19, '0') || lpad(seq::text, 10, '0');

-- Of these records those whose past the caller may know: what he sees now, or would if it were not in the trash. Of those that
-- were destroyed nothing is left to ask the rules of; who reads all of an object is told of them, too.
create or replace function engine.sees_past(caller name, schema_name text, object metadata.objects, record_ids uuid[]) returns uuid[]
language plpgsql stable set search_path = ''
as $$
declare
  v_table text := format('%I.%I', schema_name, (object).table_name);
  v_policy text;
  v_ids uuid[];
begin
  if engine.reads_wholly(caller, (object).id) then
    return record_ids;
  end if;
  v_policy := engine.read_policy(caller, v_table::regclass);
  execute format('select array_agg(i) from unnest($2) i where exists (select from %2$s t where t.id = i and %3$s)
      or exists (select from %1$I.trash d where d.object_id = $1 and d.record_id = i and exists (select from jsonb_populate_record(null::%2$s, d.data) t where %3$s))',
    schema_name, v_table, v_policy) into v_ids using (object).id, record_ids;
  return coalesce(v_ids, '{}');
end
$$;

-- What a merge tells: into which record, or which records, as far as the caller may know them.
create or replace function engine.told_merge(caller name, schema_name text, object metadata.objects, after jsonb) returns jsonb
language sql stable set search_path = ''
as $$
  select jsonb_strip_nulls(jsonb_build_object(
    'survivorId', case when after ? 'survivorId' and cardinality(engine.sees_past(caller, schema_name, object, array[(after ->> 'survivorId')::uuid])) = 1 then after -> 'survivorId' end,
    'mergedIds', case when after ? 'mergedIds' then to_jsonb(engine.sees_past(caller, schema_name, object, array(select e::uuid from jsonb_array_elements_text(after -> 'mergedIds') e))) end))
$$;

-- Events of a source, a table or a query, as the caller may know them, as a query. The records are ones whose past he sees.
create or replace function engine.told_events(caller name, schema_name text, object metadata.objects, source text) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_table text := format('%I.%I', schema_name, (object).table_name);
  v_names text[];
  v_since timestamptz[];
  v_knows_who boolean;
  v_is_told text := format('(e.action not in (''linked'', ''unlinked'') or engine.sees_link(%L, coalesce(e.after, e.before)))', caller);
begin
  if engine.reads_wholly(caller, (object).id) then
    return format('select e.record_id, e.batch, e.seq, e.action, e.before, e.after, e.actor_type, e.actor_id, e.actor_name, e.source, e.happened_at from %s e where %s', source, v_is_told);
  end if;
  select array_agg(c.name), array_agg(c.since) into v_names, v_since from engine.past_columns(caller, schema_name, object) c;
  v_knows_who := has_column_privilege(caller, v_table, 'created_by_name', 'select') and has_column_privilege(caller, v_table, 'updated_by_name', 'select');
  return format(
    $sql$select e.record_id, e.batch, e.seq, e.action, case when e.action in ('shared', 'unshared', 'linked', 'unlinked') then e.before else b.value end as before,
       case when e.action in ('shared', 'unshared', 'linked', 'unlinked') then e.after
         when e.action in ('merged', 'absorbed') then engine.told_merge(%1$L, %2$L, o, e.after) else a.value end as after,
       %3$s, e.happened_at
     from %4$s e
     join metadata.objects o on o.id = %5$L
     cross join lateral engine.past_values(e.before, e.happened_at, %6$L, %7$L) b (value)
     cross join lateral engine.past_values(e.after, e.happened_at, %6$L, %7$L) a (value)
     -- That something was changed which the caller does not read is nothing to tell, either.
     where (e.action <> 'updated' or b.value <> '{}') and %8$s$sql$,
    caller, schema_name, case when v_knows_who then 'e.actor_type, e.actor_id, e.actor_name, e.source' else $q$''::text as actor_type, null::uuid as actor_id, null::text as actor_name, ''::text as source$q$ end,
    source, (object).id, v_names, v_since, v_is_told);
end
$$;

create or replace function engine.record_history(caller name, schema_name text, object_name text, record_id uuid, max_results int, before_batch bigint)
returns table (batch bigint, seq int, action text, before jsonb, after jsonb, actor_type text, actor_id uuid, actor_name text, source text, happened_at timestamptz)
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.past_object(caller, schema_name, object_name);
begin
  if cardinality(engine.sees_past(caller, schema_name, v_object, array[record_id])) = 0 then
    return;
  end if;
  return query execute format(
    'select e.batch, e.seq, e.action, e.before, e.after, e.actor_type, e.actor_id, e.actor_name, e.source, e.happened_at from (%s) e where ($3 is null or e.batch < $3) order by e.batch desc, e.seq desc limit $4',
    engine.told_events(caller, schema_name, v_object, format('%I.events_of($1, $2)', schema_name)))
  using v_object.id, record_id, before_batch, least(greatest(max_results, 1), 1000);
end
$$;

create or replace function engine.deleted_records(caller name, schema_name text, object_name text, max_results int, skip int)
returns table (record_id uuid, label text, data jsonb, deleted_at timestamptz, deleted_by_name text)
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.past_object(caller, schema_name, object_name);
  v_is_whole boolean := engine.reads_wholly(caller, v_object.id);
begin
  return query execute format(
    'select d.record_id, case when $4 then d.label end, case when $5 then d.data else engine.past_values(d.data, null, $6, ''{}'') end, d.deleted_at,
       case when $7 then d.deleted_by_name end
     from %1$I.trash d
     where d.object_id = $1 and exists (select from jsonb_populate_record(null::%1$I.%2$I, d.data) t where %3$s)
     order by d.deleted_at desc, d.record_id limit $2 offset $3', schema_name, v_object.table_name, engine.read_policy(caller, format('%I.%I', schema_name, v_object.table_name)::regclass))
  using v_object.id, least(greatest(max_results, 1), 1000), greatest(skip, 0), v_is_whole or engine.reads_label(caller, schema_name, v_object), v_is_whole,
    -- What lies in the trash follows renamings.
    (select array_agg(c.name) from engine.past_columns(caller, schema_name, v_object) c),
    v_is_whole or has_column_privilege(caller, format('%I.%I', schema_name, v_object.table_name), 'updated_by_name', 'select');
end
$$;

-- Reached only through the tenant's own functions, which name the caller.
grant execute on function engine.record_history(name, text, text, uuid, int, bigint), engine.deleted_records(name, text, text, int, int) to relvar_crm;
