-- Jobs as people see them, and what they may do to them. graphile-worker's own views show no payload, so these read its
-- table. A scope is a workspace, or null for all jobs of the instance.

create or replace function engine.job_state(attempts smallint, max_attempts smallint, locked_at timestamptz, run_at timestamptz) returns text
language sql stable
  return case when locked_at is not null then 'RUNNING' when attempts >= max_attempts then 'FAILED'
    when run_at <= now() then 'WAITING' when attempts > 0 then 'RETRYING' else 'SCHEDULED' end;

-- Payloads hold ids; should one hold a secret, nobody reads it here.
create or replace function engine.masked_text(value text) returns text
language sql immutable set search_path = ''
  return left(regexp_replace(regexp_replace(regexp_replace(value,
    '(://)[^/@\s]+@', '\1•••@', 'g'),
    '((token|secret|key|signature|password)=)[^&\s]+', '\1•••', 'gi'),
    '((bearer|basic)\s+)[A-Za-z0-9+/=._~-]{8,}', '\1•••', 'gi'), 4000);

create or replace function engine.masked(payload jsonb) returns jsonb
language plpgsql immutable set search_path = ''
as $$
begin
  return case jsonb_typeof(payload)
    when 'object' then (
      select coalesce(jsonb_object_agg(e.key, case
        when e.key ~* '(secret|token|passw|passphrase|authorization|cookie|signature|credential|api_?key|private_?key)' and e.value <> 'null' then '"•••"'
        else engine.masked(e.value) end), '{}') from jsonb_each(payload) e)
    when 'array' then (select coalesce(jsonb_agg(engine.masked(e.value) order by e.n), '[]') from jsonb_array_elements(payload) with ordinality e (value, n))
    when 'string' then to_jsonb(engine.masked_text(payload #>> '{}'))
    else payload end;
end
$$;

create or replace function engine.list_jobs(scope uuid, state text default null, task text default null, first int default 50, before bigint default null)
returns table (id bigint, task text, workspace_id uuid, workspace text, state text, payload jsonb, attempts int, max_attempts int, error text,
  created_at timestamptz, next_at timestamptz, began_at timestamptz, priority int)
language sql stable set search_path = ''
as $$
  select j.id, t.identifier, w.id, w.slug, engine.job_state(j.attempts, j.max_attempts, j.locked_at, j.run_at), engine.masked((j.payload)::jsonb), j.attempts, j.max_attempts,
    engine.masked_text(j.last_error), j.created_at, case when j.locked_at is null and j.attempts < j.max_attempts and j.run_at > now() then j.run_at end, j.locked_at, j.priority
  from graphile_worker._private_jobs j
  join graphile_worker._private_tasks t on t.id = j.task_id
  left join core.workspaces w on w.id = engine.job_workspace(j.payload)
  where (scope is null or engine.job_workspace(j.payload) = scope)
    and (list_jobs.state is null or engine.job_state(j.attempts, j.max_attempts, j.locked_at, j.run_at) = list_jobs.state)
    and (list_jobs.task is null or t.identifier = list_jobs.task)
    and (before is null or j.id < before)
  order by j.id desc limit least(greatest(first, 1), 200)
$$;
comment on function engine.list_jobs(uuid, text, text, int, bigint) is
  'The jobs of a workspace, or of all (null), newest first: RUNNING, WAITING for a worker, SCHEDULED for later, RETRYING after a failure, FAILED for good. Secrets in payloads are masked.';

create or replace function engine.count_jobs(scope uuid) returns table (task text, running bigint, waiting bigint, scheduled bigint, retrying bigint, failed bigint, oldest_waiting_at timestamptz)
language sql stable set search_path = ''
as $$
  select s.task, count(*) filter (where s.state = 'RUNNING'), count(*) filter (where s.state = 'WAITING'), count(*) filter (where s.state = 'SCHEDULED'),
    count(*) filter (where s.state = 'RETRYING'), count(*) filter (where s.state = 'FAILED'), min(s.created_at) filter (where s.state = 'WAITING' and s.attempts = 0)
  from (
    select t.identifier as task, j.created_at, j.attempts, engine.job_state(j.attempts, j.max_attempts, j.locked_at, j.run_at) as state
    from graphile_worker._private_jobs j join graphile_worker._private_tasks t on t.id = j.task_id
    where scope is null or engine.job_workspace(j.payload) = scope
  ) s
  group by s.task
$$;

-- Now, and as if it had never failed. What runs already is left alone.
create or replace function engine.retry_jobs(scope uuid, ids bigint[]) returns int
language plpgsql volatile set search_path = ''
as $$
declare
  v_count int;
begin
  select count(*) into v_count from graphile_worker.reschedule_jobs(
    array(select j.id from graphile_worker._private_jobs j
      where j.id = any (retry_jobs.ids) and j.locked_at is null and (scope is null or engine.job_workspace(j.payload) = scope)),
    run_at => now(), attempts => 0);
  -- One that was given up at once may be tried as often as any other.
  update graphile_worker._private_jobs j set max_attempts = 25
  where j.id = any (retry_jobs.ids) and j.locked_at is null and j.max_attempts < 2 and (scope is null or engine.job_workspace(j.payload) = scope);
  perform pg_notify('jobs:insert', json_build_object('r', random()::text, 'count', v_count)::text);
  return v_count;
end
$$;
comment on function engine.retry_jobs(uuid, bigint[]) is 'Has jobs of a workspace, or of all (null), tried at once. Returns how many; those that run are left alone.';

-- What waited is gone; what runs ends, and is not tried again. Whoever waits for such a job is told.
create or replace function engine.cancel_jobs(scope uuid, ids bigint[], by text) returns int
language plpgsql volatile set search_path = ''
as $$
declare
  v_count int := 0;
  r record;
begin
  for r in
    select j.id, t.identifier as task, j.payload, j.locked_at
    from graphile_worker._private_jobs j join graphile_worker._private_tasks t on t.id = j.task_id
    where j.id = any (cancel_jobs.ids) and (scope is null or engine.job_workspace(j.payload) = scope)
    order by j.id for update of j
  loop
    -- They tell members what others did to them.
    if scope is not null and r.task in ('mail__send', 'impersonation__end') then
      raise exception 'Mails, and the ends of sessions, are not cancelled.' using errcode = 'RV216', column = 'ids', hint = 'Ask the administrator of this server.';
    end if;
    if r.locked_at is not null then
      update graphile_worker._private_jobs j set max_attempts = j.attempts where j.id = r.id;
    else
      perform graphile_worker.complete_jobs(array[r.id]);
      if r.task = 'mail__send' and json_typeof(r.payload) = 'object' then
        perform core.note_mail_failure((r.payload ->> 'id')::uuid, format('Cancelled by %s.', cancel_jobs.by), true);
      elsif r.task = 'model__online' then
        update metadata.online_changes c set status = 'FAILED', error = format('Cancelled by %s.', cancel_jobs.by)
        where c.workspace_id = engine.job_workspace(r.payload) and c.status in ('QUEUED', 'RUNNING');
      end if;
    end if;
    v_count := v_count + 1;
  end loop;
  return v_count;
end
$$;
comment on function engine.cancel_jobs(uuid, bigint[], text) is 'Takes jobs of a workspace, or of all (null), out of the queue. One that runs ends, and is not tried again.';
