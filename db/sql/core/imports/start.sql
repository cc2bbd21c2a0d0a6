create or replace function core.start_import(import_id uuid, is_dry_run boolean, format jsonb, settings jsonb, headers_key text) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_import core.imports;
begin
  update core.imports i set status = 'WAITING', is_dry_run = start_import.is_dry_run, format = start_import.format, settings = start_import.settings,
    wants_cancel = false, phase = null, rows_done = 0, bytes_done = 0, result = null, failure = null, started_at = null, finished_at = null
  where i.id = import_id and i.status in ('READY', 'CHECKED', 'FAILED', 'CANCELLED') and i.is_file_kept
  returning i.* into v_import;
  if not found then
    raise exception 'This import cannot be started.' using errcode = 'RV271', hint = 'It runs, has ended, or its file was deleted. Upload the file again.';
  end if;
  delete from core.import_problems p where p.import_id = start_import.import_id;
  insert into core.import_mappings as m (workspace_id, object_id, headers_key, settings)
  values (v_import.workspace_id, v_import.object_id, start_import.headers_key, start_import.settings)
  on conflict on constraint import_mappings_pkey do update set settings = excluded.settings, used_at = now();
  perform graphile_worker.add_job('imports__run', json_build_object('import_id', import_id, 'workspace_id', v_import.workspace_id), max_attempts => 5, job_key => 'import:' || import_id);
end
$$;
comment on function core.start_import(uuid, boolean, jsonb, jsonb, text) is 'Has a worker import a file, or find out what would come of it, and remembers where its columns go.';

-- What runs ends at the next look of its worker; what waits never begins.
create or replace function core.cancel_import(import_id uuid) returns void
language plpgsql volatile security definer set search_path = ''
as $$
begin
  update core.imports i set wants_cancel = true where i.id = import_id and i.status = 'RUNNING';
  if not found then
    update core.imports i set status = case when i.is_dry_run then 'READY' else 'CANCELLED' end, finished_at = clock_timestamp() where i.id = import_id and i.status = 'WAITING';
  end if;
end
$$;

create or replace function core.fix_import(import_id uuid, fixes jsonb) returns void
language plpgsql volatile security definer set search_path = ''
as $$
begin
  insert into core.import_fixes as f (import_id, line, cell, value)
  select fix_import.import_id, x.line, x.cell, x.value from jsonb_to_recordset(fixes) x (line bigint, cell int, value text)
  on conflict on constraint import_fixes_pkey do update set value = excluded.value;
  if (select count(*) from core.import_fixes f where f.import_id = fix_import.import_id) > 10000 then
    raise exception 'Too many cells are mended here.' using errcode = 'RV272', hint = 'Up to 10,000 can be. Mend the file itself, or the file of rejected rows, and upload it again.';
  end if;
end
$$;

create or replace function core.recall_mapping(workspace_id uuid, object_id uuid, headers_key text) returns jsonb
language sql stable security definer set search_path = ''
as $$
  select m.settings from core.import_mappings m
  where m.workspace_id = recall_mapping.workspace_id and m.object_id = recall_mapping.object_id and m.headers_key = recall_mapping.headers_key
$$;

grant execute on function core.start_import(uuid, boolean, jsonb, jsonb, text), core.cancel_import(uuid), core.fix_import(uuid, jsonb),
  core.recall_mapping(uuid, uuid, text) to relvar_server;
