-- Which webhooks have something to tell. The relay says so when it gives positions, so that a webhook that nothing
-- matches costs nothing: it is not read for, and its cursor jumps over what was not meant for it.

create or replace function engine.event_matches(patterns text[], object_name text, action text) returns boolean
language sql immutable parallel safe set search_path = ''
  return patterns && array[object_name || '.' || action, object_name || '.*', '*.' || action, '*.*'];

-- The caller has just given these batches their positions, and still holds the counters of their workspaces. Rows of their own
-- say so: the relay waits for nobody who holds a webhook in a transaction.
create or replace function engine.wake_webhooks(taken engine.outbox[]) returns void
language sql volatile set search_path = ''
as $$
  insert into engine.webhook_wakes (webhook_id, first, last)
  select h.id, min(t.position), max(t.position)
  from (
    select t.workspace_id, t.object_id, t.action,
      p.position - count(*) over (partition by t.workspace_id) + row_number() over (partition by t.workspace_id order by t.batch) as position
    from unnest(taken) t join engine.event_positions p on p.workspace_id = t.workspace_id
  ) t
  join metadata.objects o on o.id = t.object_id
  join metadata.webhooks h on h.workspace_id = t.workspace_id and h.is_active and engine.event_matches(h.events, o.name_singular, t.action)
  group by h.id
$$;
