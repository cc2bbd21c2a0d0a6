-- The relay: takes what writers left in the outbox, turns it into jobs in one call, and tells the
-- servers with one NOTIFY. Only the worker runs it, so that writers never pay for either.

create or replace function engine.event_matches(patterns text[], object_name text, action text) returns boolean
language sql immutable parallel safe set search_path = ''
  return patterns && array[object_name || '.' || action, object_name || '.*', '*.' || action, '*.*'];

create or replace function engine.relay_outbox(max_rows int default 500) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_count int;
  v_notice text;
  v_jobs jsonb;
begin
  with taken as (
    delete from engine.outbox o
    where o.batch in (select b.batch from engine.outbox b order by b.batch limit max_rows for update skip locked)
    returning o.*
  ), named as (
    select t.*, ob.name_singular, ob.table_name, w.schema_name
    from taken t
    join core.workspaces w on w.id = t.workspace_id
    join metadata.objects ob on ob.id = t.object_id
  ), jobs as (
    select jsonb_agg(jsonb_build_object(
      'identifier', 'webhook__deliver',
      'payload', jsonb_build_object('workspace_id', n.workspace_id, 'webhook_id', h.id, 'batch', n.batch),
      'job_key', 'webhook:' || h.id || ':' || n.batch)) as specs
    from named n
    join metadata.webhooks h on h.workspace_id = n.workspace_id and h.is_active and engine.event_matches(h.events, n.name_singular, n.action)
  ), notices as (
    select json_agg(json_build_object('workspace', n.workspace_id, 'object', n.object_id, 'table', n.table_name, 'batch', n.last)) as notice
    from (
      select workspace_id, object_id, table_name, max(batch) as last
      from named group by 1, 2, 3 order by 4 desc limit 40
    ) n
  )
  select (select count(*) from taken), jobs.specs, notices.notice into v_count, v_jobs, v_notice from jobs, notices;
  if v_jobs is not null then
    perform graphile_worker.add_jobs(array(
      select jsonb_populate_record(null::graphile_worker.job_spec, j) from jsonb_array_elements(v_jobs) j));
  end if;
  if v_notice is not null then
    perform pg_notify('relvar_records', v_notice);
  end if;
  return v_count;
end
$$;
comment on function engine.relay_outbox(int) is 'Moves up to max_rows outbox rows to jobs and one notification. Returns how many; 0 when the outbox is empty.';

create or replace function engine.heartbeat(name text) returns void
language sql volatile security definer set search_path = ''
as $$
  insert into engine.heartbeats (name, seen_at) values (heartbeat.name, clock_timestamp())
  on conflict (name) do update set seen_at = excluded.seen_at
$$;
comment on function engine.heartbeat(text) is 'Says that a part of the worker is alive; health checks read engine.heartbeats.';

create or replace function engine.seconds_since_heartbeat(name text) returns double precision
language sql stable security definer set search_path = ''
as $$ select extract(epoch from clock_timestamp() - h.seen_at) from engine.heartbeats h where h.name = seconds_since_heartbeat.name $$;

grant usage on schema engine to relvar_worker, relvar_server;
grant execute on function engine.relay_outbox(int), engine.heartbeat(text) to relvar_worker;
grant execute on function engine.seconds_since_heartbeat(text) to relvar_server, relvar_worker;
