-- Reminders of tasks, at the moment that a task says. Writers do nothing for it: the job that reads in the event log which tasks were given to whom finds those with a reminder, too, and
-- sets the clock, a job of its own for each. What a task says by then decides.

create or replace function core.plan_reminders(workspace_id uuid, batches bigint[]) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_task record;
  v_schema text := (select w.schema_name from core.workspaces w where w.id = workspace_id);
  v_count int;
begin
  select * into v_task from core.task_columns(workspace_id);
  if v_schema is null or v_task.assignee is null or v_task.due_at is null or v_task.reminder is null then
    return 0;
  end if;
  execute format($sql$
      select count(graphile_worker.add_job('notifications__remind', json_build_object('workspace_id', $1, 'task_id', t.id), run_at => t.%5$I - make_interval(secs => t.%6$I), job_key => 'remind:' || t.id))
      from %1$I.%2$I t
      where t.id in (select e.record_id from %1$I.record_events e where e.batch = any ($2) and e.object_id = $3 and e.action in ('created', 'updated')
          and e.after ?| array[%4$L, %5$L, %6$L, %7$L])
        and t.%5$I > now() and t.%6$I is not null and t.%4$I is not null
    $sql$, v_schema, (v_task.object).table_name, null, v_task.assignee, v_task.due_at, v_task.reminder, coalesce(v_task.status, v_task.due_at))
  into v_count using workspace_id, batches, (v_task.object).id;
  return v_count;
end
$$;
comment on function core.plan_reminders(uuid, bigint[]) is 'Sets the clock for the reminders of tasks that these statements wrote.';

-- Once for a time, to whom the task is assigned, and as long as it is to be done. The mail goes at once where tasks that are due are mailed at all.
create or replace function core.notify_reminder(workspace_id uuid, task_id uuid) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_task record;
  v_schema text := (select w.schema_name from core.workspaces w where w.id = workspace_id);
  v_count int;
  r record;
begin
  select * into v_task from core.task_columns(workspace_id);
  if v_schema is null or v_task.assignee is null or v_task.due_at is null or v_task.reminder is null then
    return 0;
  end if;
  execute format($sql$
      select m.id as member_id, i.pg_role, t.%3$I as due_at, t.%3$I - make_interval(secs => t.%4$I) as at from %1$I.%2$I t
      join core.members m on m.id = t.%5$I and m.workspace_id = $1 and m.is_active
      join metadata.roles i on i.id = m.role_id
      where t.id = $2 and t.%4$I is not null %6$s
    $sql$, v_schema, (v_task.object).table_name, v_task.due_at, v_task.reminder, v_task.assignee, case when v_task.status is not null then format('and t.%I is distinct from ''DONE''', v_task.status) end)
  into r using workspace_id, task_id;
  -- Put off meanwhile, it has another job; what is long past is told as overdue.
  if r.member_id is null or r.at > now() or r.due_at < now() - interval '1 day' then
    return 0;
  end if;
  execute format($sql$
      insert into core.notifications (workspace_id, member_id, kind, object_id, record_id, detail, key, is_in_app, mail_at)
      select $1, c.member_id, 'TASK_DUE', $2, t.id, jsonb_build_object('state', 'REMINDER', 'dueAt', $5), 'remind:' || t.id || ':' || extract(epoch from $6), c.is_in_app,
        case when c.mail_at is not null then now() + interval '1 minute' end
      from %I.%I t cross join core.notification_choices($1, array[$3], 'TASK_DUE') c
      where t.id = $4 and %s
      on conflict do nothing
    $sql$, v_schema, (v_task.object).table_name, engine.condition_of(r.pg_role, (v_task.object).id, 'READ', 't.', r.member_id))
  using workspace_id, (v_task.object).id, r.member_id, task_id, r.due_at, r.at;
  get diagnostics v_count = row_count;
  if v_count > 0 then
    perform core.wake_members(workspace_id, array[r.member_id]);
  end if;
  return v_count;
end
$$;
comment on function core.notify_reminder(uuid, uuid) is 'Reminds the member who has a task of it, if its time has come. Doing it again tells nobody again.';

grant execute on function core.plan_reminders(uuid, bigint[]), core.notify_reminder(uuid, uuid) to relvar_worker;
