-- The worker's side of exports that come again. Each is a job of its own; that it is done is written together with the mails that tell of it, so an attempt that
-- died is made again, and nobody gets a mail twice.

create or replace function core.start_export(export_id uuid, is_manual boolean) returns uuid
language plpgsql volatile set search_path = ''
as $$
declare
  v_run core.export_runs;
begin
  insert into core.export_runs (export_id, workspace_id, is_manual)
  select e.id, e.workspace_id, start_export.is_manual from metadata.scheduled_exports e where e.id = start_export.export_id
  returning * into v_run;
  perform graphile_worker.add_job('exports__run', json_build_object('run_id', v_run.id, 'workspace_id', v_run.workspace_id), max_attempts => 5, job_key => 'export:' || v_run.id);
  return v_run.id;
end
$$;

-- Begins what is due. What was missed while no worker ran is made once, not as often as it was missed; what still runs is not begun beside itself.
create or replace function core.start_due_exports() returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_count int := 0;
  v_next record;
  e metadata.scheduled_exports;
begin
  for e in
    select x.* from metadata.scheduled_exports x
    where x.is_active and x.deleted_at is null and x.next_at <= now() order by x.next_at limit 500 for update skip locked
  loop
    select * into v_next from engine.next_occurrence(e.recurrence, e.next_at, e.time_zone, now());
    update metadata.scheduled_exports x set next_at = v_next.next_due, recurrence = coalesce(v_next.next_recurrence, x.recurrence) where x.id = e.id;
    continue when exists (select from core.export_runs r where r.export_id = e.id and r.state in ('WAITING', 'RUNNING'));
    perform core.start_export(e.id, false);
    v_count := v_count + 1;
  end loop;
  return v_count;
end
$$;
comment on function core.start_due_exports() is 'Begins the exports that are due and says when they come next. Returns how many it began.';

create or replace function core.claim_export(run_id uuid) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_run core.export_runs;
begin
  update core.export_runs r set state = 'RUNNING', started_at = coalesce(r.started_at, now()), attempts = r.attempts + 1
  where r.id = run_id and r.state in ('WAITING', 'RUNNING') returning r.* into v_run;
  if not found then
    return null;
  end if;
  return (
    select jsonb_build_object('workspaceId', e.workspace_id, 'name', e.name, 'objectName', o.name_singular, 'objectLabel', o.label_plural, 'viewId', e.view_id, 'filter', e.filter, 'sorts', e.sorts, 'fieldIds', e.field_ids,
      'format', e.format, 'hasIds', e.has_ids, 'isHuman', e.is_human, 'isGuarded', e.is_guarded, 'timeZone', e.time_zone, 'destination', e.destination,
      'bucket', e.bucket, 'sealedSecret', (select s.sealed from core.export_secrets s where s.export_id = e.id), 'exportId', e.id,
      'recipients', (select coalesce(jsonb_agg(m.id), '[]') from core.members m where m.id = any (e.recipients) and m.workspace_id = e.workspace_id and m.is_active),
      'schemaName', w.schema_name, 'memberId', m.id, 'startedAt', v_run.created_at,
      -- The role that the owner has now.
      'pgRole', case when m.is_active then r.pg_role end, 'isThere', e.deleted_at is null and o.is_active and o.deleted_at is null)
    from metadata.scheduled_exports e
    join core.workspaces w on w.id = e.workspace_id
    join metadata.objects o on o.id = e.object_id
    left join core.members m on m.id = e.owner_id
    left join metadata.roles r on r.id = m.role_id
    where e.id = v_run.export_id);
end
$$;
comment on function core.claim_export(uuid) is 'What a worker needs to run an export, as whom with which rights; null where it is not to be run.';

-- links: by recipient, what opens the file; of what is attached, {}. A file whose export was deleted meanwhile goes to nobody.
create or replace function core.end_export(run_id uuid, outcome jsonb, links jsonb default null) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_run core.export_runs;
  v_export metadata.scheduled_exports;
begin
  update core.export_runs r set state = 'DONE', finished_at = now(), rows = (outcome ->> 'rows')::bigint, bytes = (outcome ->> 'bytes')::bigint, file_name = outcome ->> 'fileName',
    media_type = outcome ->> 'mediaType', place = outcome ->> 'place', is_file_kept = links is not null, file_expires_at = case when links is not null then now() + interval '7 days' end
  where r.id = run_id and r.state = 'RUNNING' returning r.* into v_run;
  if not found then
    return;
  end if;
  update metadata.scheduled_exports e set failures = 0 where e.id = v_run.export_id returning e.* into v_export;
  if links is null or v_export.deleted_at is not null then
    return;
  end if;
  perform core.queue_mail(u.email, 'export', jsonb_strip_nulls(jsonb_build_object('name', v_export.name, 'objectLabel', outcome ->> 'objectLabel', 'rows', v_run.rows, 'bytes', v_run.bytes,
      'fileName', v_run.file_name, 'token', l.value ->> 'token', 'expiresAt', v_run.file_expires_at, 'ownerName', o.name,
      'attachment', case when l.value ->> 'token' is null then jsonb_build_object('workspaceId', v_run.workspace_id, 'fileId', v_run.id, 'name', v_run.file_name, 'type', v_run.media_type) end)),
    v_run.workspace_id, u.locale)
  from jsonb_each(links) l
  join core.members m on m.id = l.key::uuid and m.is_active
  join core.users u on u.id = m.user_id
  left join core.members o on o.id = v_export.owner_id
  where core.is_email(u.email);
end
$$;
comment on function core.end_export(uuid, jsonb, jsonb) is 'Writes down that an export was made, {rows, bytes, fileName, mediaType, place, objectLabel}, and has those who get it by mail told.';

-- Its owner is told, or, where that member is gone, everybody who keeps the security of the workspace. What no later time would mend is stopped at once, the rest
-- when it has failed five times in a row.
create or replace function core.fail_export(run_id uuid, failure jsonb, is_hopeless boolean) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_run core.export_runs;
  v_export metadata.scheduled_exports;
  v_is_stopped boolean;
begin
  update core.export_runs r set state = 'FAILED', finished_at = now(), failure = fail_export.failure
  where r.id = run_id and r.state in ('WAITING', 'RUNNING') returning r.* into v_run;
  if not found then
    return;
  end if;
  update metadata.scheduled_exports e set failures = e.failures + 1 where e.id = v_run.export_id returning e.* into v_export;
  v_is_stopped := v_export.is_active and (is_hopeless or v_export.failures >= 5);
  if v_is_stopped then
    update metadata.scheduled_exports e set is_active = false, stopped_reason = failure ->> 'message' where e.id = v_export.id;
  end if;
  if v_export.deleted_at is not null then
    return;
  end if;
  perform core.notify(v_run.workspace_id, array(
      select m.id from core.members m join metadata.roles r on r.id = m.role_id
      where m.workspace_id = v_run.workspace_id and m.is_active
        and case when exists (select from core.members o where o.id = v_export.owner_id and o.is_active) then m.id = v_export.owner_id else engine.role_may(r.pg_role, 'SECURITY') end),
    'EXPORT_FAILED', null, null, jsonb_build_object('exportId', v_export.id, 'name', v_export.name, 'failure', left(failure ->> 'message', 500), 'isStopped', v_is_stopped),
    null, 'export:' || v_run.id);
end
$$;
comment on function core.fail_export(uuid, jsonb, boolean) is 'Writes down why an export failed, {code, message, hint}, stops it where no other time would be better, and tells its owner.';

grant execute on function core.start_due_exports(), core.claim_export(uuid), core.end_export(uuid, jsonb, jsonb), core.fail_export(uuid, jsonb, boolean) to relvar_worker;
