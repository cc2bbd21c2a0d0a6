-- Files of exports that were mailed. A link opens one for the member that it was sent to, while that is a member and still gets the export.

create or replace function core.export_file(run_id uuid, member_id uuid) returns jsonb
language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('id', r.id, 'workspaceId', r.workspace_id, 'name', r.file_name, 'type', r.media_type, 'size', r.bytes, 'expiresAt', r.file_expires_at)
  from core.export_runs r
  join metadata.scheduled_exports e on e.id = r.export_id and e.deleted_at is null
  join core.members m on m.id = export_file.member_id and m.workspace_id = r.workspace_id and m.is_active
  where r.id = run_id and r.is_file_kept and r.file_expires_at > now() and (m.id = any (e.recipients) or m.id = e.owner_id)
$$;
comment on function core.export_file(uuid, uuid) is 'The file of a run for a member who gets the export or owns it; null where there is none any more.';

-- Files go when their links do, runs after 90 days, exports 30 days after they were deleted.
create or replace function core.purge_exports() returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_count int;
begin
  with gone as (
    update core.export_runs r set is_file_kept = false
    from metadata.scheduled_exports e
    where e.id = r.export_id and r.is_file_kept and (r.file_expires_at < now() or e.deleted_at < now() - interval '7 days')
    returning r.workspace_id, r.id
  )
  insert into core.unwanted_files (workspace_id, file_id) select g.workspace_id, g.id from gone g;
  get diagnostics v_count = row_count;
  delete from core.export_runs r where r.created_at < now() - interval '90 days' and r.state in ('DONE', 'FAILED') and not r.is_file_kept;
  delete from metadata.scheduled_exports e where e.deleted_at < now() - interval '30 days' and not exists (select from core.export_runs r where r.export_id = e.id and r.is_file_kept);
  return v_count;
end
$$;
comment on function core.purge_exports() is 'Notes files of exports whose links have run out as unwanted, and forgets old runs. Returns how many files.';

-- What goes with its object or its workspace leaves no file behind.
create or replace function engine.tg_export_runs__release() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  insert into core.unwanted_files (workspace_id, file_id) values (old.workspace_id, old.id) on conflict do nothing;
  return null;
end
$$;
create or replace trigger _500_release after delete on core.export_runs for each row when (old.is_file_kept) execute function engine.tg_export_runs__release();

grant execute on function core.export_file(uuid, uuid) to relvar_server;
grant execute on function core.purge_exports() to relvar_worker;
