-- The relay: takes what writers left in the outbox, wakes the webhooks that it is meant for, and tells the
-- servers with one NOTIFY. Only the worker runs it, so that writers never pay for either.

-- Where a workspace's counter is held by another relay, its rows wait: positions become visible in their order,
-- and a statement that followed another, having seen it, has the later one.
create or replace function engine.relay_outbox(max_rows int default 500) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspaces uuid[];
  v_taken engine.outbox[];
  v_notice text;
begin
  perform engine.begin_positions(n.workspace_id)
  from (select distinct o.workspace_id from (select b.workspace_id from engine.outbox b order by b.batch limit max_rows) o
    where not exists (select from engine.event_positions p where p.workspace_id = o.workspace_id)) n;
  v_workspaces := array(
    select p.workspace_id from engine.event_positions p
    where p.workspace_id in (select o.workspace_id from engine.outbox o order by o.batch limit max_rows)
    order by p.workspace_id for update skip locked);
  -- A statement of its own, so that it sees what the former holder of the counter left.
  with taken as (
    delete from engine.outbox o
    where o.batch in (select b.batch from engine.outbox b where b.workspace_id = any (v_workspaces) order by b.batch limit max_rows)
    returning o.*
  )
  select array_agg(row(t.*)::engine.outbox order by t.batch) into v_taken from taken t;
  if v_taken is null then
    return 0;
  end if;
  perform engine.give_positions(v_taken);
  perform engine.wake_webhooks(v_taken);
  perform core.queue_assigned(v_taken);
  perform core.queue_mentioned(v_taken);
  -- A notice has less than 8,000 bytes, and an object in it less than 250.
  for v_notice in
    select json_agg(json_build_object('workspace', n.workspace_id, 'position', n.position, 'object', n.object_id, 'table', n.table_name, 'batch', n.batch))
    from (
      select t.workspace_id, p.position, t.object_id, o.table_name, max(t.batch) as batch, row_number() over (order by max(t.batch)) as n
      from unnest(v_taken) t
      join metadata.objects o on o.id = t.object_id
      join engine.event_positions p on p.workspace_id = t.workspace_id
      group by 1, 2, 3, 4
    ) n
    group by (n.n - 1) / 30
  loop
    perform pg_notify('relvar_records', v_notice);
  end loop;
  return cardinality(v_taken);
end
$$;
comment on function engine.relay_outbox(int) is 'Moves up to max_rows outbox rows to webhooks and notices, and gives them their positions. Returns how many; 0 when the outbox is empty, or another relay works on what is in it.';

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
