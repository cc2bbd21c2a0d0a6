-- Jobs, for those who keep a workspace (theirs) and for administrators of the instance (all).

-- Somebody who administers the instance, as himself: no app, no key, nobody who acts as him, and no view of another role.
create or replace function engine.administers_instance() returns boolean
language sql stable security definer set search_path = ''
as $$
  select engine.is_trusted_session()
    and coalesce(current_setting('relvar.application_id', true), '') = '' and coalesce(current_setting('relvar.api_key_id', true), '') = ''
    and coalesce(current_setting('relvar.impersonator_id', true), '') = ''
    and exists (
      select from core.members m join core.users u on u.id = m.user_id join metadata.roles r on r.id = m.role_id
      where m.id = engine.current_member() and u.is_instance_admin and u.disabled_at is null and r.pg_role = current_setting('role'))
$$;

create or replace function engine.job_scope(everywhere boolean) returns uuid
language plpgsql stable set search_path = ''
as $$
declare
  v_workspace uuid;
begin
  if everywhere then
    if not engine.administers_instance() and not engine.acts_as_administrator() then
      raise exception 'Only administrators of this server see the jobs of all workspaces.' using errcode = '42501', hint = 'relvar admin grant makes one.';
    end if;
    return null;
  end if;
  v_workspace := engine.own_workspace();
  perform engine.assert_manages(v_workspace, 'WORKSPACE');
  return v_workspace;
end
$$;

create or replace function metadata.jobs(state text default null, task text default null, everywhere boolean default false, first int default 50, before bigint default null) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_scope uuid := engine.job_scope(everywhere);
begin
  return (select coalesce(jsonb_agg(jsonb_build_object('id', j.id::text, 'task', j.task, 'workspace', j.workspace, 'state', j.state, 'payload', j.payload,
      'attempts', j.attempts, 'maxAttempts', j.max_attempts, 'error', j.error, 'createdAt', j.created_at, 'nextAt', j.next_at, 'beganAt', j.began_at,
      'priority', j.priority) order by j.id desc), '[]')
    from engine.list_jobs(v_scope, jobs.state, jobs.task, coalesce(jobs.first, 50), jobs.before) j);
end
$$;
comment on function metadata.jobs(text, text, boolean, int, bigint) is
  'Jobs, newest first: [{"id", "task", "workspace", "state", "payload", "attempts", "maxAttempts", "error", "createdAt", "nextAt", "beganAt", "priority"}]. Needs the permission WORKSPACE; those of all workspaces, an administrator of the instance. before: only those with a smaller id.';

create or replace function metadata.job_overview(everywhere boolean default false) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_scope uuid := engine.job_scope(everywhere);
begin
  return jsonb_build_object(
    'tasks', (
      select coalesce(jsonb_agg(jsonb_build_object('task', k.task, 'running', coalesce(n.running, 0), 'waiting', coalesce(n.waiting, 0), 'scheduled', coalesce(n.scheduled, 0),
        'retrying', coalesce(n.retrying, 0), 'failed', coalesce(n.failed, 0), 'succeededToday', coalesce(d.succeeded, 0), 'failedToday', coalesce(d.failed, 0),
        'givenUpToday', coalesce(d.given_up, 0), 'milliseconds', d.mean, 'longest', d.longest) order by k.task), '[]')
      from (
        select n.task from engine.count_jobs(v_scope) n
        union select c.task from engine.job_counts c where c.hour > now() - interval '1 day' and (v_scope is null or c.workspace_id = v_scope)
      ) k
      left join engine.count_jobs(v_scope) n on n.task = k.task
      left join (
        select c.task, sum(c.succeeded) as succeeded, sum(c.failed) as failed, sum(c.given_up) as given_up, max(c.longest) as longest,
          round(sum(c.milliseconds) / nullif(sum(c.succeeded + c.failed), 0)) as mean
        from engine.job_counts c where c.hour > now() - interval '1 day' and (v_scope is null or c.workspace_id = v_scope) group by c.task
      ) d on d.task = k.task),
    'recurring', (
      select coalesce(jsonb_agg(jsonb_build_object('name', r.name, 'task', r.task, 'schedule', r.schedule, 'nextAt', r.next_at, 'lastAt', k.last_execution) order by r.next_at, r.name), '[]')
      from engine.recurring_jobs r left join graphile_worker._private_known_crontabs k on k.identifier = r.name),
    'oldestWaitingAt', (select min(n.oldest_waiting_at) from engine.count_jobs(v_scope) n),
    'hasWorker', exists (select from engine.heartbeats h where h.name = 'relay' and h.seen_at > now() - interval '20 seconds'),
    'administersInstance', engine.administers_instance());
end
$$;
comment on function metadata.job_overview(boolean) is
  'Jobs by task with what became of them within a day, and recurring jobs with when they come next: {"tasks", "recurring", "oldestWaitingAt", "hasWorker", "administersInstance"}. Needs what jobs needs.';

create or replace function metadata.retry_jobs(ids bigint[], everywhere boolean default false) returns int
language plpgsql volatile security definer set search_path = ''
as $$
begin
  return engine.retry_jobs(engine.job_scope(everywhere), retry_jobs.ids);
end
$$;
comment on function metadata.retry_jobs(bigint[], boolean) is 'Has jobs tried at once, as if they had never failed. Returns how many; those that run are left alone.';

create or replace function metadata.cancel_jobs(ids bigint[], everywhere boolean default false) returns int
language plpgsql volatile security definer set search_path = ''
as $$
begin
  return engine.cancel_jobs(engine.job_scope(everywhere), cancel_jobs.ids, engine.actor_name());
end
$$;
comment on function metadata.cancel_jobs(bigint[], boolean) is
  'Takes jobs out of the queue, dismissing those that have failed. One that runs ends, and is not tried again. Mails are cancelled by administrators of the instance alone.';

revoke execute on function metadata.jobs(text, text, boolean, int, bigint), metadata.job_overview(boolean), metadata.retry_jobs(bigint[], boolean), metadata.cancel_jobs(bigint[], boolean) from public;
grant execute on function metadata.jobs(text, text, boolean, int, bigint), metadata.job_overview(boolean), metadata.retry_jobs(bigint[], boolean), metadata.cancel_jobs(bigint[], boolean) to relvar_crm;
