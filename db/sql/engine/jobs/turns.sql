-- Whose job is next. graphile-worker takes what is due by priority and then by time, so that whoever adds 50,000 jobs has
-- all others wait for them. Here what waits longer than a moment is given a turn instead: its time becomes a place in a line
-- where every workspace advances by what its jobs take (start-time fair queueing), and graphile-worker goes on to take the
-- first of the line as it always does, by its own index. Places are microseconds from the year 2000 on, so that whatever
-- has a turn comes before what has none yet. Nothing depends on it: without turns jobs are done in the order they came.

-- A job that works for a workspace names it in its payload.
create or replace function engine.job_workspace(payload json) returns uuid
language sql immutable parallel safe
  return case
    when json_typeof(payload) = 'object' and payload ->> 'workspace_id' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then (payload ->> 'workspace_id')::uuid
    when json_typeof(payload) = 'array' and payload -> 0 ->> 'workspace_id' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then (payload -> 0 ->> 'workspace_id')::uuid end;

-- Times before this one are turns.
create or replace function engine.turns_end() returns timestamptz
language sql immutable parallel safe
  return '2010-01-01 00:00:00+00'::timestamptz;

create or replace function engine.give_turns(max_jobs int default 1000) returns int
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_origin constant timestamptz := '2000-01-01 00:00:00+00';
  -- What an idle worker takes at once needs no turn.
  v_due constant timestamptz := clock_timestamp() - interval '200 milliseconds';
  v_priority smallint;
  v_head bigint;
  v_given int;
  v_count int := 0;
begin
  if not pg_try_advisory_xact_lock(hashtextextended('relvar.turns', 0)) then
    return 0;
  end if;
  -- Each priority has a line of its own. One look at the index for each.
  for v_priority in
    with recursive lines (priority) as (
      (select j.priority from graphile_worker._private_jobs j where j.is_available order by j.priority limit 1)
      union all
      select (select j.priority from graphile_worker._private_jobs j where j.is_available and j.priority > l.priority order by j.priority limit 1)
      from lines l where l.priority is not null
    )
    select l.priority from lines l where l.priority is not null
  loop
    select extract(epoch from j.run_at - v_origin) * 1000000 into v_head from graphile_worker._private_jobs j
    where j.is_available and j.priority = v_priority and j.run_at < engine.turns_end()
    order by j.run_at limit 1;
    if v_head is null then
      delete from engine.job_turns t where t.priority = v_priority;
    end if;
    with oldest as materialized (
      select j.id, j.task_id, j.run_at, coalesce(engine.job_workspace(j.payload), '00000000-0000-0000-0000-000000000000') as workspace_id
      from graphile_worker._private_jobs j
      where j.is_available and j.priority = v_priority and j.run_at >= engine.turns_end() and j.run_at <= v_due
      order by j.run_at limit max_jobs for update skip locked
    ), newest as materialized (
      -- Whoever comes while many wait for their turns does not wait for those.
      select j.id, j.task_id, j.run_at, coalesce(engine.job_workspace(j.payload), '00000000-0000-0000-0000-000000000000') as workspace_id
      from graphile_worker._private_jobs j
      where j.is_available and j.priority = v_priority and j.run_at >= engine.turns_end() and j.run_at <= v_due
        and (select count(*) from oldest) = max_jobs
      order by j.run_at desc limit max_jobs / 4 for update skip locked
    ), waiting as (
      select o.* from oldest o
      union all
      select n.* from newest n where not exists (select from oldest o where o.workspace_id = n.workspace_id)
    ), costs as (
      -- What such a job of this workspace took of late, in milliseconds: long ones use up more of a share.
      select k.task_id, k.workspace_id, least(greatest(coalesce(sum(c.milliseconds) / nullif(sum(c.succeeded + c.failed), 0), 1), 1), 60000)::bigint as cost
      from (select distinct w.task_id, w.workspace_id from waiting w) k
      join graphile_worker._private_tasks t on t.id = k.task_id
      left join engine.job_counts c on c.hour >= date_trunc('hour', now()) - interval '1 hour' and c.task = t.identifier and c.workspace_id = k.workspace_id
      group by 1, 2
    ), placed as (
      select w.id, w.workspace_id, c.cost,
        greatest(coalesce(t.position, 0), coalesce(v_head, 0)) + sum(c.cost) over (partition by w.workspace_id order by w.run_at, w.id) - c.cost as position
      from waiting w
      join costs c on c.task_id = w.task_id and c.workspace_id = w.workspace_id
      left join engine.job_turns t on t.priority = v_priority and t.workspace_id = w.workspace_id
    ), remembered as (
      insert into engine.job_turns as t (priority, workspace_id, position)
      select v_priority, p.workspace_id, max(p.position + p.cost) from placed p group by p.workspace_id
      on conflict (priority, workspace_id) do update set position = excluded.position
    )
    update graphile_worker._private_jobs j set run_at = v_origin + p.position * interval '1 microsecond'
    from placed p where j.id = p.id;
    get diagnostics v_given = row_count;
    v_count := v_count + v_given;
  end loop;
  if v_count > 0 then
    -- A worker that looked while these were held has not seen them.
    perform pg_notify('jobs:insert', json_build_object('r', random()::text, 'count', v_count)::text);
  end if;
  return v_count;
end
$$;
comment on function engine.give_turns(int) is 'Gives up to max_jobs waiting jobs of each priority a turn, workspace by workspace. Returns how many; 0 when none waits without one.';

grant execute on function engine.give_turns(int) to relvar_worker;
