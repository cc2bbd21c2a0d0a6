-- One's own imports; with "everybody", those of all members of the workspace. Whose rows they are, the caller has asked.
create or replace function core.list_imports(workspace_id uuid, member_id uuid, everybody boolean, import_id uuid default null, before_id uuid default null, max_results int default 50) returns jsonb
language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(x.item order by x.id desc), '[]')
  from (
    select i.id, jsonb_build_object('id', i.id, 'objectId', i.object_id, 'memberId', i.member_id, 'memberName', m.name, 'fileName', i.file_name, 'fileSize', i.file_size, 'format', i.format,
      'settings', case when import_id is not null then i.settings end, 'status', i.status, 'isDryRun', i.is_dry_run, 'phase', i.phase, 'rowsDone', i.rows_done, 'bytesDone', i.bytes_done,
      'result', i.result, 'failure', i.failure, 'createdAt', i.created_at, 'startedAt', i.started_at, 'finishedAt', i.finished_at, 'revertedAt', i.reverted_at, 'lastRequest', coalesce(i.turned_by, i.id::text),
      'isFileKept', i.is_file_kept, 'wantsCancel', i.wants_cancel,
      'hasRejectsFile', exists (select from core.import_parts p where p.import_id = i.id and p.kind = 'REJECTS'),
      'fixes', case when import_id is not null then (select count(*) from core.import_fixes f where f.import_id = i.id) end) as item
    from core.imports i join core.members m on m.id = i.member_id
    where i.workspace_id = list_imports.workspace_id and (everybody or i.member_id = list_imports.member_id)
      and (list_imports.import_id is null or i.id = list_imports.import_id)
      and (list_imports.import_id is not null or i.status <> 'UPLOADING')
      and (before_id is null or i.id < before_id)
    order by i.id desc limit least(max_results, 200)
  ) x
$$;

create or replace function core.import_problems(import_id uuid, kind text, after_line bigint, max_results int) returns jsonb
language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('line', x.line, 'reason', x.reason, 'cell', x.cell, 'cells', x.cells,
    'fixes', (select jsonb_object_agg(f.cell, f.value) from core.import_fixes f where f.import_id = x.import_id and f.line = x.line)) order by x.line), '[]')
  from (
    select p.* from core.import_problems p
    where p.import_id = import_problems.import_id and (import_problems.kind is null or p.kind = import_problems.kind) and p.line > after_line
    order by p.line limit least(max_results, 200)
  ) x
$$;

grant execute on function core.list_imports(uuid, uuid, boolean, uuid, uuid, int), core.import_problems(uuid, text, bigint, int) to relvar_server;
