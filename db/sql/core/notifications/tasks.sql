-- Tasks: who was given one, from the event log, and whose is due, by a job. Both for many at a time.

-- The columns of the standard tasks as they are called now; null where an administrator has removed what is asked for.
create or replace function core.task_columns(workspace_id uuid, out object metadata.objects, out assignee text, out due_at text, out status text, out reminder text)
language plpgsql stable set search_path = ''
as $$
begin
  select o.* into object from metadata.objects o
  where o.workspace_id = task_columns.workspace_id and o.universal_identifier = 'standard:task' and o.is_active and o.deleted_at is null;
  select max(c.name) filter (where f.universal_identifier = 'standard:task.assignee'), max(c.name) filter (where f.universal_identifier = 'standard:task.dueAt'),
    max(c.name) filter (where f.universal_identifier = 'standard:task.status'), max(c.name) filter (where f.universal_identifier = 'standard:task.reminder')
  into assignee, due_at, status, reminder
  from engine.field_columns(task_columns.workspace_id, array[(object).id]) c join metadata.fields f on f.id = c.field_id
  where (object).id is not null;
end
$$;

-- One statement may give a member many tasks; beyond so many it is told in one line.
create or replace function core.told_one_by_one() returns int
language sql immutable parallel safe set search_path = ''
  return 10;

-- For the relay: one job for all of a workspace's statements of a round that may have given tasks to members.
create or replace function core.queue_assigned(taken engine.outbox[]) returns void
language sql volatile set search_path = ''
as $$
  select graphile_worker.add_job('notifications__assigned', json_build_object('workspace_id', t.workspace_id, 'batches', json_agg(t.batch)))
  from unnest(taken) t join metadata.objects o on o.id = t.object_id
  where o.universal_identifier = 'standard:task' and t.action in ('created', 'updated')
  group by t.workspace_id
$$;

-- In that job the event log says whom they were given to, and who did it.
create or replace function core.notify_assigned(workspace_id uuid, batches bigint[]) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_task record;
  v_schema text := (select w.schema_name from core.workspaces w where w.id = workspace_id);
  v_count int := 0;
  v_rows int;
  r record;
begin
  select * into v_task from core.task_columns(workspace_id);
  if v_schema is null or v_task.assignee is null then
    return 0;
  end if;
  -- By who was given what by whom in one statement: still theirs, and not done meanwhile.
  for r in execute format($sql$
      select e.batch, m.id as member_id, i.pg_role, e.actor_type, e.actor_id, e.actor_name, array_agg(e.record_id) as records
      from %1$I.record_events e
      join %1$I.%2$I t on t.id = e.record_id and t.%3$I = (e.after ->> %3$L)::uuid
      join core.members m on m.id = t.%3$I and m.workspace_id = $3 and m.is_active
      join metadata.roles i on i.id = m.role_id
      where e.batch = any ($1) and e.object_id = $2 and e.action in ('created', 'updated') and e.after ->> %3$L is not null
        and not (e.actor_type = 'member' and e.actor_id = m.id) %4$s
      group by 1, 2, 3, 4, 5, 6
    $sql$, v_schema, (v_task.object).table_name, v_task.assignee, case when v_task.status is not null then format('and t.%I is distinct from ''DONE''', v_task.status) end) using batches, (v_task.object).id, workspace_id
  loop
    execute format($sql$
        with seen as (
          select t.id, count(*) over () as number from %1$I.%2$I t where t.id = any ($1) and %3$s
        ), lines as (
          select s.id, null::bigint as number from seen s where s.number <= $2
          union all
          select null, max(s.number) from seen s having max(s.number) > $2
        )
        insert into core.notifications (workspace_id, member_id, kind, object_id, record_id, detail, key, actor_id, actor_name, is_in_app, mail_at)
        select $3, c.member_id, 'TASK_ASSIGNED', $4, l.id, case when l.id is null then jsonb_build_object('count', l.number) else '{}' end,
          'assigned:' || $5 || coalesce(':' || l.id, ''), case when $6 = 'member' then $7 end, case when $6 not in ('system', 'psql') then $8 end, c.is_in_app, c.mail_at
        from lines l cross join core.notification_choices($3, array[$9], 'TASK_ASSIGNED') c
        on conflict do nothing
      $sql$, v_schema, (v_task.object).table_name, engine.condition_of(r.pg_role, (v_task.object).id, 'READ', 't.', r.member_id))
    using r.records, core.told_one_by_one(), workspace_id, (v_task.object).id, r.batch, r.actor_type, r.actor_id, r.actor_name, r.member_id;
    get diagnostics v_rows = row_count;
    if v_rows > 0 then
      perform core.wake_members(workspace_id, array[r.member_id]);
    end if;
    v_count := v_count + v_rows;
  end loop;
  return v_count;
end
$$;
comment on function core.notify_assigned(uuid, bigint[]) is 'Tells members which tasks others gave them in these statements. Doing it again tells nobody again.';

-- Due today from eight in the member's morning on, and overdue from the next day on; each once for a date, and nothing that is older than a week.
create or replace function core.notify_due(workspace_id uuid, at timestamptz default now()) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_task record;
  v_schema text := (select w.schema_name from core.workspaces w where w.id = workspace_id);
  v_count int := 0;
  v_rows int;
  r record;
begin
  select * into v_task from core.task_columns(workspace_id);
  if v_schema is null or v_task.assignee is null or v_task.due_at is null then
    return 0;
  end if;
  for r in execute format($sql$
      with zones as materialized (
        select w.id, core.zone_or_utc(w.time_zone) as zone from %1$I.workspace_members w
      )
      select d.member_id, d.state, i.pg_role, array_agg(d.id) as records, array_agg(d.key) as keys
      from (
        select t.id, t.%3$I as member_id, s.state, 'due:' || t.id || ':' || s.state || ':' || extract(epoch from t.%4$I) as key
        from %1$I.%2$I t
        join zones z on z.id = t.%3$I
        cross join lateral (select $2 at time zone z.zone as now, t.%4$I at time zone z.zone as due) l
        cross join lateral (select case when l.due::date < l.now::date then 'OVERDUE' when l.due::date = l.now::date and extract(hour from l.now) >= 8 then 'TODAY' end as state) s
        where t.%4$I > $2 - interval '7 days' and t.%4$I < $2 + interval '2 days' and s.state is not null %5$s
      ) d
      join core.members m on m.id = d.member_id and m.workspace_id = $1 and m.is_active
      join metadata.roles i on i.id = m.role_id
      where not exists (select from core.notifications n where n.member_id = d.member_id and n.key = d.key)
      group by 1, 2, 3
    $sql$, v_schema, (v_task.object).table_name, v_task.assignee, v_task.due_at, case when v_task.status is not null then format('and t.%I is distinct from ''DONE''', v_task.status) end)
  using workspace_id, notify_due.at
  loop
    execute format($sql$
        insert into core.notifications (workspace_id, member_id, kind, object_id, record_id, detail, key, is_in_app, mail_at)
        select $3, c.member_id, 'TASK_DUE', $4, t.id, jsonb_build_object('state', $5), d.key, c.is_in_app, c.mail_at
        from unnest($1, $2) d (id, key)
        join %I.%I t on t.id = d.id
        cross join core.notification_choices($3, array[$6], 'TASK_DUE') c
        where %s
        on conflict do nothing
      $sql$, v_schema, (v_task.object).table_name, engine.condition_of(r.pg_role, (v_task.object).id, 'READ', 't.', r.member_id))
    using r.records, r.keys, workspace_id, (v_task.object).id, r.state, r.member_id;
    get diagnostics v_rows = row_count;
    if v_rows > 0 then
      perform core.wake_members(workspace_id, array[r.member_id]);
    end if;
    v_count := v_count + v_rows;
  end loop;
  return v_count;
end
$$;
comment on function core.notify_due(uuid, timestamptz) is 'Tells members which of their tasks are due today or overdue, each once for a date.';

grant execute on function core.notify_assigned(uuid, bigint[]), core.notify_due(uuid, timestamptz) to relvar_worker;

-- For the job: each workspace is a transaction of its own.
create or replace function core.workspaces_to_remind() returns setof uuid
language sql stable security definer set search_path = ''
as $$ select w.id from core.workspaces w $$;
grant execute on function core.workspaces_to_remind() to relvar_worker;
