-- Runs of exports that come again, as those see them whose exports they are.

create or replace function engine.export_run(run core.export_runs) returns jsonb
language sql stable set search_path = ''
  return jsonb_build_object('id', (run).id, 'state', (run).state, 'isManual', (run).is_manual, 'attempts', (run).attempts, 'createdAt', (run).created_at, 'startedAt', (run).started_at,
    'finishedAt', (run).finished_at, 'rows', (run).rows, 'bytes', (run).bytes, 'fileName', (run).file_name, 'place', (run).place, 'failure', (run).failure,
    'fileExpiresAt', case when (run).is_file_kept and (run).file_expires_at > now() then (run).file_expires_at end);

create or replace function metadata.my_exports() returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.own_workspace();
  v_member uuid := engine.private_member();
  v_all boolean := engine.may('SECURITY');
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object('id', e.id, 'name', e.name, 'objectId', e.object_id, 'viewId', e.view_id,
      'viewName', case when e.owner_id = v_member then (select v.name from metadata.views v where v.id = e.view_id) end,
      -- What is filtered by may be more than somebody else may know.
      'filter', case when e.owner_id = v_member then e.filter end, 'sorts', e.sorts, 'fieldIds', e.field_ids, 'format', e.format,
      'hasIds', e.has_ids, 'isHuman', e.is_human, 'isGuarded', e.is_guarded, 'recurrence', e.recurrence, 'timeZone', e.time_zone, 'nextAt', e.next_at,
      'destination', e.destination, 'recipients', e.recipients,
      'recipientNames', (select coalesce(jsonb_object_agg(k.id, k.name), '{}') from core.members k where k.id = any (e.recipients)), 'bucket', e.bucket, 'hasSecret', exists (select from core.export_secrets s where s.export_id = e.id),
      'isActive', e.is_active, 'stoppedReason', e.stopped_reason, 'isMine', e.owner_id = v_member, 'ownerName', m.name,
      'lastRun', (select engine.export_run(r) from core.export_runs r where r.export_id = e.id order by r.id desc limit 1)) order by lower(e.name), e.id), '[]')
    from metadata.scheduled_exports e left join core.members m on m.id = e.owner_id
    where e.workspace_id = v_workspace and e.deleted_at is null and (e.owner_id = v_member or v_all));
end
$$;
comment on function metadata.my_exports() is 'Exports of the caller that come again, each with its last run; for who has the permission SECURITY those of everybody.';

create or replace function metadata.export_runs(export_id uuid, before uuid default null, max_results int default 20) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_export metadata.scheduled_exports := engine.own_export(export_runs.export_id, true);
begin
  return (
    select coalesce(jsonb_agg(engine.export_run(r) order by r.id desc), '[]')
    from (
      select x.* from core.export_runs x where x.export_id = v_export.id and (export_runs.before is null or x.id < export_runs.before)
      order by x.id desc limit least(greatest(coalesce(max_results, 20), 1), 200)
    ) r);
end
$$;
comment on function metadata.export_runs(uuid, uuid, int) is 'Runs of an export, the latest first: when, how it ended, how many rows and bytes, where its file is, or why it failed.';

create or replace function metadata.run_export(export_id uuid) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_export metadata.scheduled_exports := engine.own_export(run_export.export_id);
begin
  if not engine.acts_as_administrator() and not engine.may('EXPORT_CSV') then
    raise exception 'Your role may not export records.' using errcode = '42501', hint = 'Ask an administrator for the permission EXPORT_CSV.';
  end if;
  perform from metadata.scheduled_exports e where e.id = v_export.id for update;
  if exists (select from core.export_runs r where r.export_id = v_export.id and r.state in ('WAITING', 'RUNNING')) then
    raise exception 'This export is being made already.' using errcode = 'RV334', column = 'export_id', hint = 'Wait until it has ended.';
  end if;
  return core.start_export(v_export.id, true);
end
$$;
comment on function metadata.run_export(uuid) is 'Has an export made now, besides the times at which it comes. Returns the id of the run.';

-- The file of a run, for who gets the export or owns it: as long as its links are good.
create or replace function metadata.export_file(run_id uuid) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_file jsonb := core.export_file(run_id, engine.private_member());
begin
  if v_file is null or v_file ->> 'workspaceId' <> engine.own_workspace()::text then
    raise exception 'This file is not there any more.' using errcode = 'RV334', column = 'run_id', hint = 'Files of exports are kept for seven days. Run the export again.';
  end if;
  return v_file;
end
$$;
comment on function metadata.export_file(uuid) is E'@behavior -*\nThe file of a run, for the server to send.';

grant execute on function metadata.my_exports(), metadata.export_runs(uuid, uuid, int), metadata.run_export(uuid), metadata.export_file(uuid) to relvar_crm;
