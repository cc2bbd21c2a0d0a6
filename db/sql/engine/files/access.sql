-- Who may open a file: who may read a record and the field of it that holds the file, now. The uploader may before a record
-- holds it, so that a picture can be shown while a form is filled in.

create or replace function engine.reads_field(caller name, schema_name text, field_id uuid) returns boolean
language sql stable set search_path = ''
as $$
  select coalesce(bool_and(has_column_privilege(caller, format('%I.%I', schema_name, o.table_name), engine.snake_case(f.name), 'select')), false)
  from metadata.fields f join metadata.objects o on o.id = f.object_id
  where f.id = field_id and f.deleted_at is null and f.is_active and o.deleted_at is null and o.is_active
$$;

-- The file as a record that the caller reads has it; null where there is none.
create or replace function engine.held_file(caller name, schema_name text, file_id uuid) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_value jsonb;
  r record;
begin
  for r in execute format(
    'select o.id as object_id, o.table_name, engine.snake_case(f.name) as column_name, f.id as field_id, array_agg(u.holder_id) as holders
     from %I.record_file_uses u join metadata.fields f on f.id = u.field_id and f.type = ''FILES'' join metadata.objects o on o.id = f.object_id
     where u.file_id = $1 and u.released_at is null group by o.id, f.id', schema_name) using file_id
  loop
    continue when not engine.reads_field(caller, schema_name, r.field_id);
    execute format('select v.value from %I.%I t cross join lateral jsonb_array_elements(case jsonb_typeof(t.%I) when ''array'' then t.%3$I end) v (value)
      where t.id = any ($1) and v.value ->> ''id'' = $2 and %s limit 1', schema_name, r.table_name, r.column_name, engine.condition_of(caller, r.object_id, 'READ', 't.'))
      into v_value using r.holders, file_id::text;
    if v_value is not null then
      return v_value;
    end if;
  end loop;
  return null;
end
$$;

create or replace function engine.open_file(caller name, schema_name text, file_id uuid) returns table (id uuid, name text, media_type text, size bigint, sha256 text)
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_actor engine.actor := engine.current_actor();
  v_file record;
  v_value jsonb;
begin
  if not engine.may('DOWNLOAD_FILE') then
    raise exception 'Your role may not open files.' using errcode = '42501', hint = 'Ask an administrator of the workspace for the permission "Download files".';
  end if;
  execute format('select f.*, exists (select from %1$I.record_file_uses u where u.file_id = f.id) as is_held from %1$I.record_files f where f.id = $1 and f.stored_at is not null', schema_name)
    into v_file using file_id;
  if v_file.id is null then
    return;
  end if;
  v_value := engine.held_file(caller, schema_name, file_id);
  if v_value is null and (v_file.is_held or (v_file.created_by_type, v_file.created_by_id) is distinct from (v_actor.type, v_actor.id)) then
    return;
  end if;
  return query select v_file.id::uuid, coalesce(v_value ->> 'name', v_file.name), v_file.media_type::text, v_file.size::bigint, v_file.sha256::text;
end
$$;

-- How much a workspace may still keep, in bytes; null for no limit.
create or replace function engine.room_for_files(schema_name text) returns bigint
language plpgsql stable set search_path = ''
as $$
declare
  v_quota bigint := (select s.file_quota_mb * 1048576::bigint from core.workspace_settings s join core.workspaces w on w.id = s.workspace_id where w.schema_name = room_for_files.schema_name);
  v_used bigint;
begin
  if v_quota is null then
    return null;
  end if;
  execute format('select coalesce(sum(f.size), 0) from %I.record_files f', schema_name) into v_used;
  return v_quota - v_used;
end
$$;

create or replace function engine.begin_upload(caller name, schema_name text, name text, inout max_bytes bigint, out file_id uuid)
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_actor engine.actor := engine.current_actor();
begin
  if not engine.may('UPLOAD_FILE') then
    raise exception 'Your role may not upload files.' using errcode = '42501', hint = 'Ask an administrator of the workspace for the permission "Upload files".';
  end if;
  max_bytes := least(max_bytes, engine.room_for_files(schema_name),
    (select s.max_file_mb * 1048576::bigint from core.workspace_settings s join core.workspaces w on w.id = s.workspace_id where w.schema_name = begin_upload.schema_name));
  if max_bytes <= 0 then
    raise exception 'The workspace has no room for more files.' using errcode = 'RV279', hint = 'Delete files for good, or ask the administrator of the server for more room.';
  end if;
  execute format('insert into %I.record_files (name, created_by_type, created_by_id, created_by_name) values ($1, $2, $3, $4) returning id', schema_name)
    into file_id using engine.file_name(name), v_actor.type, v_actor.id, v_actor.name;
end
$$;

-- Reached only through the tenant's own functions, which name the caller.
grant execute on function engine.open_file(name, text, uuid), engine.begin_upload(name, text, text, bigint) to relvar_crm;
