-- What the server tells Prometheus of the database: jobs, what became of them, and how far the relay is behind.

create or replace function core.metrics() returns jsonb
language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object(
    'jobs', (select coalesce(jsonb_agg(to_jsonb(n) order by n.task), '[]') from engine.count_jobs(null) n),
    'attempts', (
      select coalesce(jsonb_agg(to_jsonb(c) order by c.task), '[]') from (
        select c.task, sum(c.succeeded) as succeeded, sum(c.failed) as failed, sum(c.given_up) as given_up, sum(c.milliseconds) as milliseconds
        from engine.job_counts c group by c.task) c),
    'outbox', (select count(*) from (select from engine.outbox limit 100000) o),
    'lag', (select coalesce(extract(epoch from clock_timestamp() - min(o.created_at)), 0) from (select o.created_at from engine.outbox o order by o.batch limit 1) o),
    'relay', (select extract(epoch from clock_timestamp() - h.seen_at) from engine.heartbeats h where h.name = 'relay'),
    'runners', (select count(*) from engine.heartbeats h where h.name like 'pool-%' and h.seen_at > now() - interval '20 seconds'),
    'workspaces', (select count(*) from core.workspaces))
$$;
comment on function core.metrics() is 'What the server tells of the database at /metrics: {"jobs", "attempts", "outbox", "lag", "relay", "runners", "workspaces"}.';
grant execute on function core.metrics() to relvar_server;
