-- A file comes in pieces, each a statement of its own: no process holds one whole, and a server that dies leaves nothing
-- but pieces that are swept away.

create or replace function core.begin_import(workspace_id uuid, member_id uuid, impersonator_id uuid, object_id uuid, file_name text) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_id uuid;
begin
  perform pg_advisory_xact_lock(hashtextextended('relvar.imports.' || begin_import.workspace_id, 0));
  if (select count(*) from core.imports i where i.workspace_id = begin_import.workspace_id and i.is_file_kept) >= 50
    or (select coalesce(sum(i.file_size), 0) from core.imports i where i.workspace_id = begin_import.workspace_id and i.is_file_kept) > 4::bigint << 30 then
    raise exception 'Too many files wait to be imported.' using errcode = 'RV269', hint = 'Import or discard some of those that were uploaded before. What nobody imports is deleted after a week.';
  end if;
  insert into core.imports (workspace_id, member_id, impersonator_id, object_id, file_name)
  select begin_import.workspace_id, begin_import.member_id, begin_import.impersonator_id, o.id, left(coalesce(nullif(btrim(file_name), ''), 'file'), 300)
  from metadata.objects o where o.id = object_id and o.workspace_id = begin_import.workspace_id
  returning id into v_id;
  return v_id;
end
$$;
comment on function core.begin_import(uuid, uuid, uuid, uuid, text) is 'Begins the upload of a file; null where the workspace has no such object.';

create or replace function core.add_import_part(import_id uuid, kind text, "position" int, content bytea) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_size bigint;
begin
  select coalesce(p.start_at + length(p.content), 0) into v_size from core.import_parts p
  where p.import_id = add_import_part.import_id and p.kind = add_import_part.kind order by p.position desc limit 1;
  v_size := coalesce(v_size, 0);
  if v_size + length(content) > 512::bigint << 20 then
    raise exception 'The file is too large.' using errcode = 'RV270', hint = 'It may have 512 MB. Split it, or import it with the command line.';
  end if;
  insert into core.import_parts (import_id, kind, "position", start_at, content)
  values (add_import_part.import_id, add_import_part.kind, add_import_part."position", v_size, add_import_part.content);
  if kind = 'FILE' then
    update core.imports i set file_size = v_size + length(content) where i.id = add_import_part.import_id;
  end if;
end
$$;

create or replace function core.end_upload(import_id uuid, format jsonb) returns void
language sql volatile security definer set search_path = ''
as $$
  update core.imports i set status = 'READY', format = end_upload.format where i.id = import_id and i.status = 'UPLOADING'
$$;

-- The bytes from one to another, both of them included, a piece a row.
create or replace function core.import_bytes(import_id uuid, kind text, "from" bigint, "to" bigint, after_position int) returns table ("position" int, content bytea)
language sql stable security definer set search_path = ''
as $$
  select p."position", case when p.start_at < "from" or p.start_at + length(p.content) > "to" + 1
    then substr(p.content, (greatest("from" - p.start_at, 0) + 1)::int, (least("to" + 1, p.start_at + length(p.content)) - greatest("from", p.start_at))::int) else p.content end
  from core.import_parts p
  where p.import_id = import_bytes.import_id and p.kind = import_bytes.kind and p."position" > after_position
    and p.start_at <= "to" and p.start_at + length(p.content) > "from"
  order by p."position" limit 1
$$;

create or replace function core.discard_import(import_id uuid) returns void
language sql volatile security definer set search_path = ''
as $$
  delete from core.imports i where i.id = import_id and i.status in ('UPLOADING', 'READY', 'CHECKED')
$$;
comment on function core.discard_import(uuid) is 'Forgets an import that has changed nothing, with its file.';

-- What nobody imports is swept away after a week, what was rejected after a month; the list of imports stays for a year.
create or replace function core.purge_imports() returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_count int;
begin
  delete from core.imports i where i.status = 'UPLOADING' and i.created_at < now() - interval '1 day'
    or i.status in ('READY', 'CHECKED') and greatest(i.created_at, i.finished_at) < now() - interval '7 days'
    or i.created_at < now() - interval '1 year' and i.status not in ('WAITING', 'RUNNING');
  get diagnostics v_count = row_count;
  delete from core.import_parts p using core.imports i where i.id = p.import_id and i.finished_at < now() - interval '30 days';
  delete from core.import_problems p using core.imports i where i.id = p.import_id and i.finished_at < now() - interval '30 days';
  delete from core.import_mappings m where m.used_at < now() - interval '2 years';
  return v_count;
end
$$;
comment on function core.purge_imports() is 'Deletes files that nobody imported, and what is known of old imports.';

grant execute on function core.begin_import(uuid, uuid, uuid, uuid, text), core.end_upload(uuid, jsonb), core.discard_import(uuid) to relvar_server;
grant execute on function core.add_import_part(uuid, text, int, bytea), core.import_bytes(uuid, text, bigint, bigint, int) to relvar_server, relvar_worker;
grant execute on function core.purge_imports() to relvar_worker;
