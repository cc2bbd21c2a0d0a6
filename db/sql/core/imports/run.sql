-- The worker's side. An import is one transaction, and that it is done is written in the same: whoever dies in the middle
-- has done nothing, and whoever comes after begins again, or finds that nothing is left to do.

create or replace function core.claim_import(import_id uuid) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_import core.imports;
begin
  update core.imports i set status = 'RUNNING', started_at = coalesce(i.started_at, now()), phase = 'reading', rows_done = 0, bytes_done = 0
  where i.id = import_id and i.status in ('WAITING', 'RUNNING') returning i.* into v_import;
  if not found then
    return null;
  end if;
  -- What an attempt before left.
  delete from core.import_problems p where p.import_id = claim_import.import_id;
  delete from core.import_parts p where p.import_id = claim_import.import_id and p.kind = 'REJECTS';
  return (
    select jsonb_build_object('fileName', v_import.file_name, 'fileSize', v_import.file_size, 'format', v_import.format, 'settings', v_import.settings, 'isDryRun', v_import.is_dry_run,
      'objectName', o.name_singular, 'schemaName', w.schema_name, 'memberId', m.id, 'impersonatorId', v_import.impersonator_id,
      -- The role that the member has now.
      'pgRole', case when m.is_active and o.is_active and o.deleted_at is null then r.pg_role end,
      'fixes', (select coalesce(jsonb_agg(jsonb_build_array(f.line, f.cell, f.value)), '[]') from core.import_fixes f where f.import_id = v_import.id))
    from core.members m
    join metadata.roles r on r.id = m.role_id
    join core.workspaces w on w.id = m.workspace_id
    join metadata.objects o on o.id = v_import.object_id
    where m.id = v_import.member_id);
end
$$;
comment on function core.claim_import(uuid) is 'What a worker needs to run an import, as whom with which rights; null where it is not to be run.';

-- Returns whether it is to end.
create or replace function core.note_import_progress(import_id uuid, phase text, rows_done bigint, bytes_done bigint) returns boolean
language sql volatile security definer set search_path = ''
as $$
  update core.imports i set phase = note_import_progress.phase, rows_done = note_import_progress.rows_done, bytes_done = note_import_progress.bytes_done
  where i.id = import_id and i.status = 'RUNNING' returning i.wants_cancel
$$;

create or replace function core.add_import_problems(import_id uuid, problems jsonb) returns void
language sql volatile security definer set search_path = ''
as $$
  insert into core.import_problems (import_id, line, kind, reason, cell, cells)
  select add_import_problems.import_id, x.line, x.kind, x.reason, x.cell, array(select e from jsonb_array_elements_text(x.cells) with ordinality u (e, n) order by u.n)
  from jsonb_to_recordset(problems) x (line bigint, kind text, reason text, cell int, cells jsonb)
  on conflict do nothing
$$;

-- What came of it. The file has served when the records are there; as long as it may be tried again it stays.
create or replace function core.end_import(import_id uuid, status text, result jsonb, failure jsonb) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_import core.imports;
begin
  update core.imports i set status = end_import.status, result = end_import.result, failure = end_import.failure, finished_at = clock_timestamp(), wants_cancel = false,
    is_file_kept = end_import.status <> 'DONE'
  where i.id = import_id and i.status = 'RUNNING' returning i.* into v_import;
  if not found then
    raise exception 'This import is not running any more.' using errcode = 'RV273', hint = 'Another worker has taken it over.';
  end if;
  if v_import.status = 'DONE' then
    delete from core.import_parts p where p.import_id = end_import.import_id and p.kind = 'FILE';
    delete from core.import_fixes f where f.import_id = end_import.import_id;
  end if;
  if not v_import.is_dry_run and v_import.status in ('DONE', 'FAILED') then
    perform core.tell_import_finished(v_import.id, v_import.workspace_id, v_import.member_id, v_import.object_id, v_import.file_name, coalesce(result, '{}'), failure ->> 'message');
  end if;
end
$$;

grant execute on function core.claim_import(uuid), core.note_import_progress(uuid, text, bigint, bigint), core.add_import_problems(uuid, jsonb),
  core.end_import(uuid, text, jsonb, jsonb) to relvar_worker;
grant execute on function engine.explain_violation(text, text, text, text, name) to relvar_worker;
