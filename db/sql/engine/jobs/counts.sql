-- What became of jobs: counted by the hour, since a job that was done is gone. What was given up stays in the queue, with
-- its payload and its error, until somebody tries it again or dismisses it, or 90 days have passed.

create or replace function engine.note_jobs(counts jsonb) returns void
language sql volatile security definer set search_path = ''
as $$
  insert into engine.job_counts as c (hour, task, workspace_id, succeeded, failed, given_up, milliseconds, longest)
  select date_trunc('hour', now()), n.task, coalesce(n.workspace_id, '00000000-0000-0000-0000-000000000000'), n.succeeded, n.failed, n.given_up, n.milliseconds, n.longest
  from jsonb_to_recordset(note_jobs.counts) as n (task text, workspace_id uuid, succeeded bigint, failed bigint, given_up bigint, milliseconds bigint, longest bigint)
  order by n.task, n.workspace_id
  on conflict (hour, task, workspace_id) do update set succeeded = c.succeeded + excluded.succeeded, failed = c.failed + excluded.failed,
    given_up = c.given_up + excluded.given_up, milliseconds = c.milliseconds + excluded.milliseconds, longest = greatest(c.longest, excluded.longest)
$$;
comment on function engine.note_jobs(jsonb) is 'Adds what a worker did since it last said so: [{task, workspace_id, succeeded, failed, given_up, milliseconds, longest}].';

-- A worker that stops gives back what it could not end: another begins it anew, and it has lost no attempt.
create or replace function engine.give_back_jobs(ids bigint[], reason text) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_count int;
begin
  update graphile_worker._private_jobs j
  set attempts = greatest(j.attempts - 1, 0), run_at = now(), last_error = null, locked_by = null, locked_at = null, updated_at = now()
  where j.id = any (give_back_jobs.ids) and j.locked_at is null and j.last_error = give_back_jobs.reason;
  get diagnostics v_count = row_count;
  if v_count > 0 then
    perform pg_notify('jobs:insert', json_build_object('r', random()::text, 'count', v_count)::text);
  end if;
  return v_count;
end
$$;
comment on function engine.give_back_jobs(bigint[], text) is 'Has jobs that a worker ended for the given reason, because it stops, done by another from the beginning.';

-- When recurring jobs come next. The schedule itself is a file of the worker.
create or replace function engine.note_recurring_jobs(jobs jsonb) returns void
language sql volatile security definer set search_path = ''
as $$
  insert into engine.recurring_jobs as r (name, task, schedule, next_at, noted_at)
  select n.name, n.task, n.schedule, n.next_at, now()
  from jsonb_to_recordset(note_recurring_jobs.jobs) as n (name text, task text, schedule text, next_at timestamptz)
  order by n.name
  on conflict (name) do update set task = excluded.task, schedule = excluded.schedule, next_at = excluded.next_at, noted_at = excluded.noted_at;
  delete from engine.recurring_jobs r where r.noted_at < now() - interval '1 day'
$$;

-- Each night.
create or replace function engine.prune_jobs() returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_count int;
begin
  delete from graphile_worker._private_jobs j
  where j.attempts >= j.max_attempts and j.locked_at is null and j.updated_at < now() - interval '90 days';
  get diagnostics v_count = row_count;
  -- Totals never shrink: what is too old to be told by the hour is told as a whole.
  with old as (
    delete from engine.job_counts c where c.hour < now() - interval '30 days' and c.hour > '-infinity' returning c.*
  )
  insert into engine.job_counts as c (hour, task, workspace_id, succeeded, failed, given_up, milliseconds, longest)
  select '-infinity', o.task, o.workspace_id, sum(o.succeeded), sum(o.failed), sum(o.given_up), sum(o.milliseconds), max(o.longest)
  from old o group by o.task, o.workspace_id
  on conflict (hour, task, workspace_id) do update set succeeded = c.succeeded + excluded.succeeded, failed = c.failed + excluded.failed,
    given_up = c.given_up + excluded.given_up, milliseconds = c.milliseconds + excluded.milliseconds, longest = greatest(c.longest, excluded.longest);
  delete from engine.heartbeats h where h.seen_at < now() - interval '1 day' and h.name <> 'relay';
  return v_count;
end
$$;
comment on function engine.prune_jobs() is 'Forgets jobs that were given up 90 days ago and workers that are long gone, and sums up counts older than 30 days. Returns how many jobs.';

grant execute on function engine.note_jobs(jsonb), engine.give_back_jobs(bigint[], text), engine.note_recurring_jobs(jsonb), engine.prune_jobs() to relvar_worker;
