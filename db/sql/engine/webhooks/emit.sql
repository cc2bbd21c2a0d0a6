-- Events of one's own, for webhooks: what is no change of a record, or more than one.

-- One row, whatever listens, so that who emits in a long transaction holds up nobody.
create or replace function engine.emit(workspace_id uuid, name text, payload jsonb default '{}') returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_id uuid := engine.uuidv7();
begin
  if name is null or name !~ '^[A-Za-z][A-Za-z0-9_]{0,62}\.[A-Za-z][A-Za-z0-9_]{0,62}$' then
    raise exception 'An event is not called "%".', name using errcode = 'RV206', column = 'name', hint = 'Name what it is about and what happened, such as invoice.paid.';
  end if;
  if exists (select from metadata.objects o where o.workspace_id = emit.workspace_id and o.deleted_at is null and o.name_singular = split_part(name, '.', 1)) then
    raise exception 'Events of records, such as "%", come from the records alone.', name using errcode = 'RV206', column = 'name',
      hint = 'Choose a name that no object has.';
  end if;
  if octet_length(payload::text) > 262144 then
    raise exception 'The event "%" has more than 256 kB.', name using errcode = 'RV206', column = 'payload', hint = 'Tell an id by which the rest is found.';
  end if;
  if not exists (select from core.workspaces w where w.id = emit.workspace_id) then
    raise exception 'There is no workspace %.', workspace_id using errcode = 'RV012', hint = 'select id, slug from core.workspaces lists them.';
  end if;
  insert into engine.emitted_events (id, workspace_id, name, payload) values (v_id, emit.workspace_id, emit.name, coalesce(emit.payload, '{}'));
  return v_id;
end
$$;
comment on function engine.emit(uuid, text, jsonb) is
  'Tells webhooks that match the name, such as invoice.paid, of an event with a payload. It leaves only if the transaction commits.';
revoke execute on function engine.emit(uuid, text, jsonb) from public;

create or replace function engine.relay_emitted(max_rows int default 500) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_count int;
begin
  -- One relay at a time, so that they are told in the order in which they came to be seen.
  if not pg_try_advisory_xact_lock(hashtextextended('relvar.emitted', 0)) then
    return 0;
  end if;
  with taken as (
    delete from engine.emitted_events e where e.id in (select f.id from engine.emitted_events f order by f.id limit max_rows)
    returning e.*
  ), told as (
    insert into engine.webhook_deliveries (webhook_id, workspace_id, kind, message_id, event_type, payload)
    select h.id, t.workspace_id, 'CUSTOM', t.id::text, t.name,
      jsonb_build_object('type', t.name, 'timestamp', t.emitted_at, 'data', t.payload)
    from taken t
    join metadata.webhooks h on h.workspace_id = t.workspace_id and h.is_active and engine.event_matches(h.events, split_part(t.name, '.', 1), split_part(t.name, '.', 2))
    order by t.id
    returning webhook_id
  ), woken as (
    insert into engine.webhook_wakes (webhook_id) select distinct t.webhook_id from told t
  )
  select count(*)::int into v_count from taken;
  return v_count;
end
$$;
comment on function engine.relay_emitted(int) is 'Moves up to max_rows emitted events to the webhooks that match. Returns how many.';
grant execute on function engine.relay_emitted(int) to relvar_worker;
