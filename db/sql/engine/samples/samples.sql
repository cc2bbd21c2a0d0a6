-- Records to try a new workspace with, and how they leave it again without a trace in its lists and its trash. They are ordinary
-- records: only the list of their ids says that they are samples.

-- What the columns of a standard object are called now, by the names that they began with. What was removed or switched off is not among them.
create or replace function engine.sample_columns(object_id uuid) returns table (began_as text, name text, field_id uuid)
language sql stable set search_path = ''
as $$
  with field as (
    select f.id, f.type, engine.snake_case(split_part(f.universal_identifier, '.', 2)) as began_as, engine.snake_case(f.name) as base
    from metadata.fields f
    where f.object_id = sample_columns.object_id and f.is_active and f.deleted_at is null and f.universal_identifier like 'standard:%.%'
  )
  select f.began_as || c.suffix, f.base || c.suffix, f.id from field f join engine.field_type_columns c on c.type = f.type
  union all
  select f.began_as || case when f.type = 'MORPH_RELATION' then '_' || engine.snake_case(split_part(t.universal_identifier, ':', 2)) else '' end || '_id',
    f.base || case when f.type = 'MORPH_RELATION' then '_' || engine.snake_case(t.name_singular) else '' end || '_id', f.id
  from field f
  join metadata.relations r on r.field_id = f.id and r.deleted_at is null
  join metadata.objects t on t.id = r.target_object_id
  union all
  select 'id', 'id', null
$$;

-- The values of a sample by the columns as they are now: days counted from today, records by their new ids, options that are still there.
create or replace function engine.sample_row(object_id uuid, sample jsonb, ids jsonb, place int) returns jsonb
language sql stable set search_path = ''
as $$
  select coalesce(jsonb_object_agg(c.name, case
      when v.key = 'id' or v.key like '%\_id' then ids -> (v.value #>> '{}')
      when f.type = 'DATE' then to_jsonb(((v.value #>> '{}')::timestamptz at time zone 'UTC')::date + (current_date - date '2000-01-01'))
      when f.type = 'DATE_TIME' then to_jsonb((v.value #>> '{}')::timestamptz + make_interval(days => current_date - date '2000-01-01'))
      when f.type = 'SELECT' and not f.options @> jsonb_build_array(jsonb_build_object('value', v.value)) then f.options -> (place % greatest(jsonb_array_length(f.options), 1)) -> 'value'
      else v.value end), '{}')
  from jsonb_each(sample) v
  join engine.sample_columns(object_id) c on c.began_as = v.key
  left join metadata.fields f on f.id = c.field_id
$$;

-- Whoever loads them owns them; from psql the member who has been there longest, if there is one.
create or replace function engine.sample_member(workspace_id uuid) returns uuid
language sql stable set search_path = ''
as $$
  select coalesce(engine.current_member(), (
    select m.id from core.members m where m.workspace_id = sample_member.workspace_id and m.is_active order by m.created_at, m.id limit 1))
$$;

create or replace function engine.put_samples(workspace_id uuid) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_schema text := (select w.schema_name from core.workspaces w where w.id = workspace_id);
  v_member uuid := engine.sample_member(workspace_id);
  v_ids jsonb := jsonb_build_object('member', v_member);
  v_new jsonb;
  v_object metadata.objects;
  v_rows jsonb;
  v_columns text;
  v_count int;
  v_loaded jsonb := '[]';
  v_skipped jsonb := '[]';
  r record;
begin
  -- One at a time, so that nobody gets them twice.
  perform from core.workspace_settings s where s.workspace_id = put_samples.workspace_id for update;
  if exists (select from core.sample_records s where s.workspace_id = put_samples.workspace_id) then
    raise exception 'The sample data is there already.' using errcode = 'RV297', hint = 'Remove it first to load it anew.';
  end if;
  for r in select e.key as name, e.value as samples from jsonb_each(engine.sample_data()) e
    order by array_position('{company,person,opportunity,task,taskTarget,note,noteTarget}', e.key)
  loop
    select o.* into v_object from metadata.objects o
    where o.workspace_id = put_samples.workspace_id and o.universal_identifier = 'standard:' || r.name and o.is_active and o.deleted_at is null;
    if not found then
      v_skipped := v_skipped || jsonb_build_object('object', r.name, 'reason', 'This object is switched off, or was deleted.');
      continue;
    end if;
    -- Links to what was left out link nothing.
    if r.name in ('taskTarget', 'noteTarget') and not v_ids ? coalesce(r.samples -> 0 ->> 'task_id', r.samples -> 0 ->> 'note_id') then
      v_skipped := v_skipped || jsonb_build_object('object', r.name, 'reason', 'What it links was left out.');
      continue;
    end if;
    select jsonb_object_agg(s.value ->> 'id', engine.uuidv7()) into v_new from jsonb_array_elements(r.samples) s;
    select jsonb_agg(p.row) into v_rows
    from (select engine.sample_row(v_object.id, s.value, v_ids || v_new, s.ordinality::int - 1) as row from jsonb_array_elements(r.samples) with ordinality s) p
    where (select count(*) from jsonb_each(jsonb_strip_nulls(p.row))) > case when r.name in ('taskTarget', 'noteTarget') then 2 else 0 end;
    continue when v_rows is null;
    select string_agg(distinct format('%I', k), ', ') into v_columns from jsonb_array_elements(v_rows) e cross join jsonb_object_keys(e) k;
    -- Rules and fields of the workspace's own may want what the samples do not have: then these are left out, and it is said why.
    begin
      execute format('insert into %1$I.%2$I (%3$s) select %3$s from jsonb_populate_recordset(null::%1$I.%2$I, $1)', v_schema, v_object.table_name, v_columns) using v_rows;
      get diagnostics v_count = row_count;
      -- Rules that wait for the end of a transaction speak now.
      set constraints all immediate;
      set constraints all deferred;
      insert into core.sample_records (workspace_id, object_id, record_id)
      select put_samples.workspace_id, v_object.id, (e ->> 'id')::uuid from jsonb_array_elements(v_rows) e;
      v_ids := v_ids || v_new;
      v_loaded := v_loaded || jsonb_build_object('object', v_object.name_singular, 'label', case when v_count = 1 then v_object.label_singular else v_object.label_plural end, 'count', v_count);
    exception when integrity_constraint_violation or data_exception or raise_exception or sqlstate 'RV000' then
      v_skipped := v_skipped || jsonb_build_object('object', v_object.name_singular, 'reason', sqlerrm);
    end;
  end loop;
  return jsonb_build_object('loaded', v_loaded, 'skipped', v_skipped);
end
$$;

-- Samples that somebody has changed, spoken of, or tied own records to since they were loaded: no longer only samples.
create or replace function engine.used_samples(workspace_id uuid) returns table (object_id uuid, record_id uuid)
language plpgsql stable set search_path = ''
as $$
declare
  v_schema text := (select w.schema_name from core.workspaces w where w.id = workspace_id);
  v_ids uuid[] := array(select s.record_id from core.sample_records s where s.workspace_id = used_samples.workspace_id);
  r record;
begin
  for r in
    select o.id, o.table_name from metadata.objects o
    where o.id in (select s.object_id from core.sample_records s where s.workspace_id = used_samples.workspace_id) and o.deleted_at is null
  loop
    return query execute format(
      'select s.object_id, s.record_id from core.sample_records s join %1$I.%2$I t on t.id = s.record_id
       where s.workspace_id = $1 and s.object_id = $2 and (t.updated_at > s.loaded_at
         or exists (select from %1$I.record_comments c where c.object_id = s.object_id and c.record_id = s.record_id and c.removed_at is null))', v_schema, r.table_name)
      using used_samples.workspace_id, r.id;
  end loop;
  for r in
    select f.conrelid::regclass as referring, f.confrelid::regclass as referred, a.attname as link
    from pg_catalog.pg_constraint f
    join pg_catalog.pg_class c on c.oid = f.conrelid
    join pg_catalog.pg_attribute a on a.attrelid = f.conrelid and a.attnum = f.conkey[1]
    join pg_catalog.pg_attribute i on i.attrelid = f.conrelid and i.attname = 'id'
    where f.contype = 'f' and c.relnamespace = v_schema::regnamespace and cardinality(f.conkey) = 1
      and f.confrelid in (select format('%I.%I', v_schema, o.table_name)::regclass from metadata.objects o
        where o.id in (select s.object_id from core.sample_records s where s.workspace_id = used_samples.workspace_id) and o.deleted_at is null)
  loop
    return query execute format(
      'select s.object_id, s.record_id from core.sample_records s
       where s.workspace_id = $1 and s.record_id in (select t.%2$I from %1$s t where t.%2$I = any ($2) and t.id <> all ($2))', r.referring, r.link)
      using used_samples.workspace_id, v_ids;
  end loop;
end
$$;

create or replace function engine.take_samples(workspace_id uuid, used text) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_schema text := (select w.schema_name from core.workspaces w where w.id = workspace_id);
  v_used uuid[];
  v_ids uuid[];
  v_entries uuid[];
  v_count int := 0;
  v_part int;
  r record;
begin
  if coalesce(used, '') not in ('ASK', 'KEEP', 'REMOVE') then
    raise exception 'What is in use is not dealt with by "%".', used using errcode = 'RV299', column = 'used', hint = 'ASK removes nothing then, KEEP leaves those records, REMOVE takes them, too.';
  end if;
  perform from core.workspace_settings s where s.workspace_id = take_samples.workspace_id for update;
  v_used := array(select distinct u.record_id from engine.used_samples(workspace_id) u);
  if used = 'ASK' and cardinality(v_used) > 0 then
    raise exception '% of the sample records are in use.', cardinality(v_used) using errcode = 'RV298', hint = 'Keep them, or remove them with the others.';
  end if;
  v_ids := array(select s.record_id from core.sample_records s where s.workspace_id = take_samples.workspace_id and (used = 'REMOVE' or s.record_id <> all (v_used)));
  for r in
    select o.table_name from metadata.objects o
    where o.id in (select s.object_id from core.sample_records s where s.workspace_id = take_samples.workspace_id) and o.deleted_at is null
    order by array_position('{standard:noteTarget,standard:taskTarget,standard:note,standard:task,standard:opportunity,standard:person,standard:company}', o.universal_identifier)
  loop
    execute format('delete from %I.%I t where t.id = any ($1)', v_schema, r.table_name) using v_ids;
    get diagnostics v_part = row_count;
    v_count := v_count + v_part;
  end loop;
  -- Nobody restores samples: they do not stay in the trash, also those that were put there before.
  execute format('select array(select t.id from %I.trash t where t.record_id = any ($1))', v_schema) into v_entries using v_ids;
  perform engine.empty_trash(v_schema, v_entries);
  -- What was kept is the workspace's own from now on.
  delete from core.sample_records s where s.workspace_id = take_samples.workspace_id;
  return jsonb_build_object('removed', v_count, 'kept', (select count(*) from unnest(v_used) where used = 'KEEP'));
end
$$;

-- For psql, by the workspace's short name.
create or replace function engine.workspace_called(slug text) returns uuid
language plpgsql stable set search_path = ''
as $$
declare
  v_id uuid := (select w.id from core.workspaces w where w.slug = workspace_called.slug);
begin
  if v_id is null then
    raise exception 'There is no workspace "%".', slug using errcode = 'RV012', hint = 'select slug from core.workspaces lists them.';
  end if;
  return v_id;
end
$$;

create or replace function engine.load_sample_data(workspace text) returns jsonb
language sql volatile set search_path = ''
as $$ select engine.put_samples(engine.workspace_called(workspace)) $$;
comment on function engine.load_sample_data(text) is 'Puts the records of a small sales team into a workspace, and says how many of what, and what was left out and why. engine.remove_sample_data takes them out again.';

create or replace function engine.remove_sample_data(workspace text, used text default 'ASK') returns jsonb
language sql volatile set search_path = ''
as $$ select engine.take_samples(engine.workspace_called(workspace), used) $$;
comment on function engine.remove_sample_data(text, text) is 'Takes the sample data out of a workspace, past the trash. used: what becomes of those that somebody has changed or tied own records to; ASK removes nothing then, KEEP leaves them as the workspace''s own, REMOVE takes them, too.';
