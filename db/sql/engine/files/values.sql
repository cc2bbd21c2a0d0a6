-- What a field of files holds: a list of {id, name, type, size}. What a file is, the upload has found out, and nobody says
-- otherwise; what it is called in a field is written there. Whoever names a file must have uploaded it, or read it
-- somewhere: an id alone opens nothing.

-- A name that is a name on every system: no path, no signs that cannot be seen or that turn the direction of writing.
create or replace function engine.file_name(name text) returns text
language sql immutable parallel safe set search_path = ''
as $$
  select coalesce(nullif(btrim(left(n.name, 255 - length(e.ending))) || e.ending, ''), 'file')
  from (
    select btrim(regexp_replace(regexp_replace(normalize(coalesce(file_name.name, '')), '^.*[/\\]', ''),
      '[\x01-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]', '', 'g'), ' .') as whole
  ) w
  -- One that is too long keeps its ending, by which people and programs know what it is.
  cross join lateral (select case when length(w.whole) > 255 then coalesce(substring(w.whole from '\.[[:alnum:]]{1,10}$'), '') else '' end as ending) e
  cross join lateral (select case when e.ending = '' then w.whole else left(w.whole, -length(e.ending)) end as name) n
$$;

create or replace function engine.file_value(file_id uuid, name text, media_type text, size bigint) returns jsonb
language sql immutable parallel safe set search_path = ''
  return jsonb_build_object('id', file_id, 'name', name, 'type', media_type, 'size', size);

-- Whether the caller may put a file into a field of a record that did not hold it.
create or replace function engine.may_hold_file(schema_name text, file_id uuid, created_by_type text, created_by_id uuid, field_id uuid, record_id uuid) returns boolean
language plpgsql stable set search_path = ''
as $$
declare
  v_caller name := current_setting('role');
  v_actor engine.actor := engine.current_actor();
  v_found boolean;
begin
  -- Administrators and the engine itself.
  if engine.workspace_of_role(v_caller) is null then
    return true;
  end if;
  if v_actor.type = created_by_type and v_actor.id = created_by_id then
    return true;
  end if;
  -- What the field held is taken back; and what was read in records that are merged into this one at this moment.
  execute format(
    'select exists (select from %1$I.record_file_uses u where u.file_id = $1 and (u.holder_id = $2 and u.field_id = $3
       or u.holder_id in (select m.record_id from engine.merging m where m.survivor_id = $2 and m.transaction_id = pg_current_xact_id_if_assigned())
         and engine.reads_field($4, %1$L, u.field_id)))', schema_name)
    into v_found using file_id, record_id, field_id, v_caller;
  return v_found or engine.held_file(v_caller, schema_name, file_id) is not null;
end
$$;

-- A list as it is kept. `former` is what the field held until now.
create or replace function engine.kept_files(schema_name text, field_id uuid, record_id uuid, column_name text, list jsonb, former jsonb) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_list jsonb := '[]';
  v_element jsonb;
  v_former jsonb;
  v_file record;
  v_key text;
begin
  if jsonb_typeof(list) <> 'array' or exists (select from jsonb_array_elements(list) e
    where jsonb_typeof(e) <> 'object' or coalesce(e ->> 'id' !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$', true) or coalesce(jsonb_typeof(e -> 'name'), 'string') not in ('string', 'null')) then
    raise exception 'Files are a list such as [{"id": "…", "name": "offer.pdf"}].' using errcode = 'RV278', column = column_name, hint = 'POST /files uploads files and answers with such a list.';
  end if;
  for v_element in select e from jsonb_array_elements(list) with ordinality l (e, n) order by n loop
    select k into v_key from jsonb_object_keys(v_element) k where k <> all ('{id,name,type,size}') limit 1;
    if found then
      raise exception 'A file has no "%".', v_key using errcode = 'RV278', column = column_name, hint = engine.did_you_mean(v_key, '{id,name,type,size}');
    end if;
    continue when v_list @> jsonb_build_array(jsonb_build_object('id', lower(v_element ->> 'id')));
    v_former := (select f from jsonb_array_elements(former) f where f ->> 'id' = lower(v_element ->> 'id') limit 1);
    execute format('select f.* from %I.record_files f where f.id = $1 and f.stored_at is not null for key share', schema_name) into v_file using (v_element ->> 'id')::uuid;
    if v_file.id is null and v_former is not null then
      -- Its content is gone, which a change of something beside it does not mind.
      v_list := v_list || jsonb_build_array(v_former);
    elsif v_file.id is null or v_former is null and not engine.may_hold_file(schema_name, v_file.id, v_file.created_by_type, v_file.created_by_id, field_id, record_id) then
      raise exception 'There is no such file.' using errcode = 'RV277', column = column_name, hint = 'It may have been deleted, or you may not see the record that has it. Upload it first.';
    else
      v_list := v_list || jsonb_build_array(engine.file_value(v_file.id, case when nullif(v_element ->> 'name', '') is null then coalesce(v_former ->> 'name', v_file.name)
        else engine.file_name(v_element ->> 'name') end, v_file.media_type, v_file.size));
    end if;
  end loop;
  -- Nothing is nothing: what is empty has one form.
  return nullif(v_list, '[]');
end
$$;

-- The arguments: field and column of each field of files.
create or replace function engine.tg_records__keep_files() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_new jsonb;
  v_old jsonb := '{}';
  v_kept jsonb := '{}';
begin
  if engine.is_quiet() then
    return new;
  end if;
  v_new := to_jsonb(new);
  if tg_op = 'UPDATE' then
    v_old := to_jsonb(old);
  end if;
  for i in 0 .. tg_nargs / 2 - 1 loop
    continue when coalesce(v_new -> tg_argv[2 * i + 1], 'null') = 'null' or v_new -> tg_argv[2 * i + 1] is not distinct from v_old -> tg_argv[2 * i + 1];
    v_kept := v_kept || jsonb_build_object(tg_argv[2 * i + 1], engine.kept_files(tg_table_schema, tg_argv[2 * i]::uuid, new.id, tg_argv[2 * i + 1],
      v_new -> tg_argv[2 * i + 1], coalesce(nullif(v_old -> tg_argv[2 * i + 1], 'null'), '[]')));
  end loop;
  if v_kept <> '{}' then
    new := jsonb_populate_record(new, v_kept);
  end if;
  return new;
end
$$;

-- Which records hold which files: who may read one finds it by that, and what nobody holds is purged. What a field gave up is
-- kept for as long as the trash keeps records, so that it can be taken back.
create or replace function engine.tg_records__hold_files() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_new jsonb := to_jsonb(new);
  v_old jsonb := '{}';
begin
  if tg_op = 'UPDATE' then
    v_old := to_jsonb(old);
  end if;
  for i in 1 .. tg_nargs / 2 loop
    continue when v_new -> tg_argv[2 * i] is not distinct from v_old -> tg_argv[2 * i];
    execute format('update %I.record_file_uses u set released_at = now()
      where u.holder_id = $1 and u.field_id = $2 and u.released_at is null and not coalesce($3 @> jsonb_build_array(jsonb_build_object(''id'', u.file_id)), false)', tg_table_schema)
      using new.id, tg_argv[2 * i - 1]::uuid, v_new -> tg_argv[2 * i];
    if jsonb_typeof(v_new -> tg_argv[2 * i]) = 'array' then
      execute format('insert into %I.record_file_uses as u (file_id, object_id, field_id, holder_id)
        select f.id, $1, $2, $3 from jsonb_to_recordset($4) e (id uuid) join %1$I.record_files f on f.id = e.id
        on conflict (holder_id, field_id, file_id) do update set released_at = null where u.released_at is not null', tg_table_schema)
        using tg_argv[0]::uuid, tg_argv[2 * i - 1]::uuid, new.id, v_new -> tg_argv[2 * i];
    end if;
  end loop;
  return null;
end
$$;

-- The arguments of both triggers, where an object has such fields.
create or replace function engine.file_arguments(object_id uuid, spec engine.column_spec[]) returns text
language sql stable set search_path = ''
as $$
  select string_agg(format('%L, %L', f.id, s.name), ', ' order by s.name)
  from metadata.fields f join unnest(spec) s on s.field_id = f.id
  where f.object_id = file_arguments.object_id and f.type = 'FILES' and f.deleted_at is null
$$;
