-- Webhooks, as those who keep them write them.

-- Refuses what cannot be, and completes the rest: the role, the member who made it, filters as typed trees.
create or replace function engine.tg_webhooks__complete() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_caller name := current_setting('role')::name;
  v_pattern text;
  v_object metadata.objects;
  v_field text;
  v_entry record;
begin
  if tg_op = 'INSERT' then
    if (select count(*) from metadata.webhooks h where h.workspace_id = new.workspace_id) >= 200 then
      raise exception 'A workspace has at most 200 webhooks.' using errcode = 'RV205', hint = 'Delete those that nobody needs; one webhook can have many events.';
    end if;
    new.created_by_id := (select m.id from core.members m where m.id = engine.current_member() and m.workspace_id = new.workspace_id);
  end if;
  new.role_id := coalesce(new.role_id, (select r.id from metadata.roles r where r.pg_role = engine.crm_role(v_caller) and r.workspace_id = new.workspace_id),
    (select r.id from metadata.roles r where r.workspace_id = new.workspace_id and r.is_system and r.has_all_permissions));
  foreach v_pattern in array new.events loop
    if v_pattern is null or v_pattern !~ '^(\*|[A-Za-z][A-Za-z0-9_]{0,62})\.(\*|[A-Za-z][A-Za-z0-9_]{0,62})$' then
      raise exception '"%" names no events.', v_pattern using errcode = 'RV205', column = 'events',
        hint = 'Write object.action, such as person.created, with * for any: company.*, *.deleted, *.*.';
    end if;
  end loop;
  if cardinality(new.events) > 200 then
    raise exception 'A webhook has at most 200 patterns.' using errcode = 'RV205', column = 'events', hint = 'company.* and *.* stand for many.';
  end if;
  if tg_op = 'UPDATE' and new.is_active and not old.is_active then
    new.disabled_at := null;
    new.disabled_reason := null;
  end if;
  if tg_op = 'INSERT' or new.filters is distinct from old.filters or new.compiled is distinct from old.compiled then
    new.compiled := '{}';
    for v_entry in select e.key, e.value from jsonb_each(new.filters) e loop
      v_object := engine.webhook_object(new.workspace_id, v_entry.key, 'filters');
      if jsonb_typeof(v_entry.value) <> 'string' then
        raise exception 'The filter of "%" is no text.', v_entry.key using errcode = 'RV205', column = 'filters', hint = 'Write {"opportunity": "stage = \"WON\""}.';
      end if;
      if btrim(v_entry.value #>> '{}') = '' then
        new.filters := new.filters - v_entry.key;
      else
        new.compiled := new.compiled || jsonb_build_object(v_object.id, engine.formula_compile(v_object.id, v_entry.value #>> '{}', 'FILTER'));
      end if;
    end loop;
  end if;
  if tg_op = 'INSERT' or new.fields is distinct from old.fields then
    for v_entry in select e.key, e.value from jsonb_each(new.fields) e loop
      v_object := engine.webhook_object(new.workspace_id, v_entry.key, 'fields');
      if jsonb_typeof(v_entry.value) <> 'array' or v_entry.value = '[]' then
        raise exception 'The fields of "%" are no list.', v_entry.key using errcode = 'RV205', column = 'fields', hint = 'Write {"person": ["name", "emails"]}, or leave the object out for all fields.';
      end if;
      select v into v_field from jsonb_array_elements_text(v_entry.value) v
      where not exists (select from metadata.fields f where f.object_id = v_object.id and f.name = v and f.deleted_at is null) limit 1;
      if found then
        raise exception 'The object "%" has no field "%".', v_entry.key, v_field using errcode = 'RV205', column = 'fields',
          hint = engine.did_you_mean(v_field, array(select f.name from metadata.fields f where f.object_id = v_object.id and f.deleted_at is null));
      end if;
    end loop;
  end if;
  return new;
end
$$;

create or replace function engine.webhook_object(workspace_id uuid, name text, column_name text) returns metadata.objects
language plpgsql stable set search_path = ''
as $$
declare
  v_object metadata.objects;
begin
  select o.* into v_object from metadata.objects o where o.workspace_id = webhook_object.workspace_id and o.name_singular = name and o.deleted_at is null;
  if not found then
    raise exception 'There is no object "%".', name using errcode = 'RV205', column = column_name,
      hint = engine.did_you_mean(name, array(select o.name_singular from metadata.objects o where o.workspace_id = webhook_object.workspace_id and o.deleted_at is null));
  end if;
  return v_object;
end
$$;
drop trigger if exists _100_judge on metadata.webhooks;
create or replace trigger _100_complete before insert or update on metadata.webhooks for each row execute function engine.tg_webhooks__complete();

-- A webhook tells what its role sees. So nobody learns by a webhook of their own, or by turning one that is there to
-- another address, what their role does not show them.
create or replace function engine.assert_may_hear(role_id uuid) returns void
language plpgsql stable set search_path = ''
as $$
begin
  if not engine.acts_as_administrator() and not engine.may('ROLES') and role_id not in (select engine.roles_of(current_setting('role')::name)) then
    raise exception 'The webhook tells what its role sees, and your role may see less.' using errcode = '42501', column = 'role_id',
      hint = 'Give it your own role, or ask somebody who keeps the roles.';
  end if;
end
$$;

create or replace function engine.tg_webhooks__judge() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform engine.assert_may_hear(new.role_id);
  if tg_op = 'UPDATE' then
    perform engine.assert_may_hear(old.role_id);
  end if;
  return new;
end
$$;
-- What the engine itself writes, when names change or a receiver is gone, needs no leave.
create or replace trigger _200_judge before insert or update on metadata.webhooks for each row when (current_user <> 'relvar_owner') execute function engine.tg_webhooks__judge();

-- What was missed while it was off is not sent when it is on again, unless somebody asks for a replay.
create or replace function engine.tg_webhooks__keep_state() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  insert into engine.webhook_states (webhook_id) values (new.id) on conflict do nothing;
  if tg_op = 'UPDATE' and (new.is_active and not old.is_active or new.target_url <> old.target_url) then
    update engine.webhook_states s set failures = 0, failing_since = null, paused_until = null, last_error = null, retry_at = now(),
      "position" = case when new.is_active and not old.is_active then greatest(s.position, s.wanted) else s.position end,
      seq = case when new.is_active and not old.is_active then 2147483647 else s.seq end
    where s.webhook_id = new.id;
    if not old.is_active then
      delete from engine.webhook_wakes w where w.webhook_id = new.id;
    end if;
    update engine.webhook_deliveries d set next_attempt_at = now() where d.webhook_id = new.id and d.state = 'PENDING' and d.next_attempt_at > now();
  end if;
  return null;
end
$$;
create or replace trigger _500_keep_state after insert or update on metadata.webhooks for each row execute function engine.tg_webhooks__keep_state();

create or replace function engine.tg_webhooks__forget() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  delete from engine.webhook_deliveries d using old_rows o where d.webhook_id = o.id;
  delete from engine.webhook_wakes w using old_rows o where w.webhook_id = o.id;
  return null;
end
$$;
create or replace trigger _500_forget after delete on metadata.webhooks referencing old table as old_rows for each statement execute function engine.tg_webhooks__forget();

-- Patterns, filters and chosen fields follow the names of objects and fields, and filters are judged again when a field becomes something else.
create or replace function engine.tg_objects__follow_webhooks() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  update metadata.webhooks h
  set events = array(select case when split_part(e, '.', 1) = old.name_singular then new.name_singular || '.' || split_part(e, '.', 2) else e end from unnest(h.events) with ordinality u (e, n) order by n),
    filters = case when h.filters ? old.name_singular then h.filters - old.name_singular || jsonb_build_object(new.name_singular, h.filters -> old.name_singular) else h.filters end,
    fields = case when h.fields ? old.name_singular then h.fields - old.name_singular || jsonb_build_object(new.name_singular, h.fields -> old.name_singular) else h.fields end
  where h.workspace_id = new.workspace_id
    and (exists (select from unnest(h.events) e where split_part(e, '.', 1) = old.name_singular) or h.filters ? old.name_singular or h.fields ? old.name_singular);
  return null;
end
$$;
create or replace trigger _400_follow_webhooks after update on metadata.objects for each row
  when (new.deleted_at is null and new.name_singular is distinct from old.name_singular) execute function engine.tg_objects__follow_webhooks();

create or replace function engine.tg_fields__follow_webhooks() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object text := (select o.name_singular from metadata.objects o where o.id = new.object_id);
  v_message text;
  v_state text;
  r record;
begin
  for r in
    select h.* from metadata.webhooks h
    where h.workspace_id = new.workspace_id and (h.fields -> v_object ? old.name or new.id in (select engine.formula_fields(h.compiled)))
  loop
    begin
      update metadata.webhooks h
      set fields = case when h.fields -> v_object ? old.name
          then jsonb_set(h.fields, array[v_object], (h.fields -> v_object) - old.name || to_jsonb(new.name)) else h.fields end,
        filters = coalesce((select jsonb_object_agg(o.name_singular, engine.formula_text(c.value)) from jsonb_each(h.compiled) c join metadata.objects o on o.id = c.key::uuid), '{}'),
        compiled = '{}'
      where h.id = r.id;
    exception when others then
      get stacked diagnostics v_message = message_text, v_state = returned_sqlstate;
      if v_state not like 'RV%' then
        raise;
      end if;
      raise exception 'The filter of the webhook "%" does not allow this change of "%": %', coalesce(nullif(r.name, ''), r.target_url), new.label, v_message
        using errcode = 'RV058', column = 'type', hint = 'Change that filter first.';
    end;
  end loop;
  return null;
end
$$;
create or replace trigger _400_follow_webhooks after update on metadata.fields for each row
  when (new.deleted_at is null and (new.name is distinct from old.name or new.type is distinct from old.type
    or new.options is distinct from old.options or new.settings is distinct from old.settings))
  execute function engine.tg_fields__follow_webhooks();

-- ── What those who keep webhooks do with them ───────────────────────────────────────────────────

-- For a webhook that tells more than the caller may see only where nothing of that is told.
create or replace function engine.kept_webhook(webhook_id uuid, is_heard boolean default true) returns metadata.webhooks
language plpgsql stable set search_path = ''
as $$
declare
  v_webhook metadata.webhooks;
begin
  select h.* into v_webhook from metadata.webhooks h where h.id = webhook_id;
  if found and not engine.acts_as_administrator() and v_webhook.workspace_id is distinct from engine.workspace_of_role(current_setting('role')::name) then
    v_webhook := null;
  end if;
  if v_webhook.id is null then
    perform engine.assert_manages(engine.own_workspace(), 'API_KEYS_AND_WEBHOOKS');
    raise exception 'The workspace has no such webhook.' using errcode = 'RV207', hint = 'It may have been deleted meanwhile.';
  end if;
  perform engine.assert_manages(v_webhook.workspace_id, 'API_KEYS_AND_WEBHOOKS');
  if is_heard then
    perform engine.assert_may_hear(v_webhook.role_id);
  end if;
  return v_webhook;
end
$$;

create or replace function engine.webhook_health(webhook_id uuid) returns jsonb
language sql stable set search_path = ''
as $$
  select jsonb_build_object('id', h.id,
    'state', case when not h.is_active then case when h.disabled_at is null then 'OFF' else 'DISABLED' end
      when s.failures >= 5 then 'DOWN' when s.failures > 0 or c.failing > 0 then 'FAILING' when s.last_success_at is null then 'NEW' else 'WORKING' end,
    'waiting', c.waiting, 'failing', c.failing, 'dead', c.dead, 'statementsBehind', greatest(s.wanted - s.position, (select count(*) from engine.webhook_wakes w where w.webhook_id = h.id), 0), 'failures', s.failures, 'failingSince', s.failing_since,
    'nextAttemptAt', case when s.failures >= 5 then s.paused_until else greatest(s.retry_at, s.paused_until) end,
    'lastSuccessAt', s.last_success_at, 'lastFailureAt', s.last_failure_at, 'lastStatus', s.last_status, 'lastError', s.last_error,
    'hasUnseenSecret', not exists (select from core.webhook_secrets x where x.webhook_id = h.id and x.expires_at is null and x.shown_at is not null),
    'formerSecretUntil', (select max(x.expires_at) from core.webhook_secrets x where x.webhook_id = h.id and x.expires_at > now()))
  from metadata.webhooks h
  join engine.webhook_states s on s.webhook_id = h.id
  cross join lateral (
    select (select count(*) from (select from engine.webhook_deliveries d where d.webhook_id = h.id and d.state = 'PENDING' limit 10000) x) as waiting,
      (select count(*) from engine.webhook_deliveries d where d.webhook_id = h.id and d.state = 'PENDING' and d.attempts > 0) as failing,
      (select count(*) from engine.webhook_deliveries d where d.webhook_id = h.id and d.state = 'DEAD' and d.kind <> 'TEST') as dead
  ) c
  where h.id = webhook_health.webhook_id
$$;

create or replace function metadata.webhook_states() returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
begin
  perform engine.assert_manages(engine.own_workspace(), 'API_KEYS_AND_WEBHOOKS');
  return (select coalesce(jsonb_agg(engine.webhook_health(h.id) order by h.id), '[]') from metadata.webhooks h where h.workspace_id = engine.own_workspace());
end
$$;
comment on function metadata.webhook_states() is
  'How the webhooks of the workspace fare: whether they work, what waits, what was given up, when the last delivery was, and why it failed. For who has the permission API_KEYS_AND_WEBHOOKS.';

create or replace function metadata.webhook_stats(webhook_id uuid, hours int default 24) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_webhook metadata.webhooks := engine.kept_webhook(webhook_stats.webhook_id, false);
begin
  return engine.webhook_health(v_webhook.id) || (
    select jsonb_build_object('hours', least(greatest(hours, 1), 336), 'delivered', count(*) filter (where d.state = 'DELIVERED'), 'attempts', coalesce(sum(d.attempts), 0),
      'retried', count(*) filter (where d.attempts > 1), 'medianMs', round(percentile_cont(0.5) within group (order by d.duration_ms)), 'slowestMs', max(d.duration_ms))
    from engine.webhook_deliveries d
    where d.webhook_id = v_webhook.id and d.kind <> 'TEST' and d.last_attempt_at > now() - make_interval(hours => least(greatest(webhook_stats.hours, 1), 336)));
end
$$;
comment on function metadata.webhook_stats(uuid, int) is 'How a webhook fares, with what it delivered in the last hours: how much, how often again, how fast.';

create or replace function metadata.webhook_deliveries(webhook_id uuid, states text[] default null, before_id bigint default null, max_results int default 50) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_webhook metadata.webhooks := engine.kept_webhook(webhook_deliveries.webhook_id, false);
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object('id', d.id::text, 'kind', d.kind, 'messageId', d.message_id, 'type', d.event_type, 'recordId', d.record_id, 'state', d.state, 'isReplay', d.is_replay,
      'attempts', d.attempts, 'status', d.status, 'error', d.error, 'durationMs', d.duration_ms, 'createdAt', d.created_at, 'lastAttemptAt', d.last_attempt_at,
      'nextAttemptAt', d.next_attempt_at) order by d.id desc), '[]')
    from (
      select e.* from engine.webhook_deliveries e
      where e.webhook_id = v_webhook.id and (states is null or e.state = any (states)) and (before_id is null or e.id < before_id)
      order by e.id desc limit least(greatest(max_results, 1), 500)
    ) d);
end
$$;
comment on function metadata.webhook_deliveries(uuid, text[], bigint, int) is
  'Deliveries of a webhook, the latest first, after before_id those before it. states: PENDING (waits, or failed and is tried again), DELIVERED, DEAD (given up), SKIPPED (its role does not see it any more).';

create or replace function metadata.webhook_delivery(webhook_id uuid, delivery_id bigint) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_webhook metadata.webhooks := engine.kept_webhook(webhook_delivery.webhook_id);
begin
  return (
    select jsonb_build_object('id', d.id::text, 'state', d.state, 'request', d.request, 'response', d.response, 'attempts', d.history, 'firstAttemptAt', d.first_attempt_at)
    from engine.webhook_deliveries d where d.webhook_id = v_webhook.id and d.id = delivery_id);
end
$$;
comment on function metadata.webhook_delivery(uuid, bigint) is
  'What was sent and answered in the last attempt of a delivery, long bodies cut, signatures masked, and every attempt. For who may see what the webhook tells.';

create or replace function metadata.test_webhook(webhook_id uuid) returns text
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_webhook metadata.webhooks := engine.kept_webhook(test_webhook.webhook_id);
  v_message uuid := engine.uuidv7();
  v_id bigint;
begin
  insert into engine.webhook_deliveries (webhook_id, workspace_id, kind, message_id, event_type, payload)
  values (v_webhook.id, v_webhook.workspace_id, 'TEST', v_message, 'webhook.test', case v_webhook.format
    when 'TWENTY' then jsonb_build_object('targetUrl', v_webhook.target_url, 'eventName', 'webhook.test', 'objectMetadata', jsonb_build_object('id', v_webhook.id, 'nameSingular', 'webhook'),
      'workspaceId', v_webhook.workspace_id, 'webhookId', v_webhook.id, 'eventDate', now(), 'record', jsonb_build_object('id', v_message))
    else jsonb_build_object('type', 'webhook.test', 'timestamp', now(), 'data', jsonb_build_object('workspaceId', v_webhook.workspace_id, 'webhookId', v_webhook.id, 'name', v_webhook.name)) end)
  returning id into v_id;
  update engine.webhook_states s set has_test = true where s.webhook_id = v_webhook.id;
  return v_id;
end
$$;
comment on function metadata.test_webhook(uuid) is 'Sends one event of type webhook.test, also to a webhook that is off, and tries once. Returns the id of the delivery, which says within a second or so what was answered.';

create or replace function metadata.retry_webhook_delivery(webhook_id uuid, delivery_id bigint) returns text
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_webhook metadata.webhooks := engine.kept_webhook(retry_webhook_delivery.webhook_id);
  d engine.webhook_deliveries;
  v_id bigint;
begin
  perform from engine.webhook_states s where s.webhook_id = v_webhook.id for update;
  select x.* into d from engine.webhook_deliveries x where x.webhook_id = v_webhook.id and x.id = delivery_id for update;
  if not found then
    raise exception 'The webhook has no such delivery.' using errcode = 'RV207', hint = 'Deliveries are forgotten after 14 days.';
  end if;
  if d.kind = 'TEST' then
    return metadata.test_webhook(v_webhook.id);
  elsif d.state in ('PENDING', 'DEAD') then
    update engine.webhook_deliveries x set state = 'PENDING', next_attempt_at = null, first_attempt_at = case d.state when 'DEAD' then null else x.first_attempt_at end
    where x.webhook_id = v_webhook.id and x.id = d.id returning x.id into v_id;
  else
    insert into engine.webhook_deliveries (webhook_id, workspace_id, kind, message_id, event_type, object_id, record_id, batch, seq, payload, is_replay)
    values (v_webhook.id, v_webhook.workspace_id, d.kind, d.message_id, d.event_type, d.object_id, d.record_id, d.batch, d.seq, d.payload, true)
    returning id into v_id;
  end if;
  update engine.webhook_states s set retry_at = now(), paused_until = null where s.webhook_id = v_webhook.id;
  return v_id;
end
$$;
comment on function metadata.retry_webhook_delivery(uuid, bigint) is
  'Sends a delivery again, with the same webhook-id: at once what waits or was given up, as a replay what was delivered. Returns its id.';

create or replace function metadata.replay_webhook(webhook_id uuid, since timestamptz, until timestamptz default null, only_dead boolean default false) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_webhook metadata.webhooks := engine.kept_webhook(replay_webhook.webhook_id);
  v_schema text := (select w.schema_name from core.workspaces w where w.id = v_webhook.workspace_id);
  v_until timestamptz := coalesce(until, clock_timestamp());
  v_archived int;
  v_count int;
begin
  if since is null or since >= v_until then
    raise exception 'A replay begins before it ends.' using errcode = 'RV208', column = 'since', hint = 'Give a moment in the past.';
  end if;
  perform from engine.webhook_states s where s.webhook_id = v_webhook.id for update;
  if only_dead then
    update engine.webhook_deliveries d set state = 'PENDING', next_attempt_at = null, first_attempt_at = null
    where d.webhook_id = v_webhook.id and d.state = 'DEAD' and d.kind <> 'TEST' and d.created_at between since and v_until;
    get diagnostics v_count = row_count;
  else
    -- What has left the log first, since it is older; it is kept as it was, for the archive has no place of its own for it.
    execute format(
      'insert into engine.webhook_deliveries (webhook_id, workspace_id, kind, message_id, event_type, object_id, record_id, batch, seq, payload, is_replay)
       select $1, $2, ''EVENT'', e.batch || ''-'' || e.seq, o.name_singular || ''.'' || e.action, e.object_id, e.record_id, e.batch, e.seq, x.event, true
       from %1$I.event_archive a
       cross join lateral jsonb_array_elements(a.events) x (event)
       cross join lateral jsonb_populate_record(null::%1$I.record_events, x.event) e
       join metadata.objects o on o.id = a.object_id and o.deleted_at is null
       where a.until_at >= $3 and a.from_at <= $4 and e.happened_at between $3 and $4 and engine.event_matches($5, o.name_singular, e.action)
       order by e.batch, e.seq limit 100001', v_schema)
    using v_webhook.id, v_webhook.workspace_id, since, v_until, v_webhook.events;
    get diagnostics v_archived = row_count;
    -- Only what the relay has taken; what is meant for it and comes later is sent anyway.
    execute format(
      'insert into engine.webhook_deliveries (webhook_id, workspace_id, kind, message_id, event_type, object_id, record_id, batch, seq, is_replay)
       select $1, $2, ''EVENT'', e.batch || ''-'' || e.seq, o.name_singular || ''.'' || e.action, e.object_id, e.record_id, e.batch, e.seq, true
       from (select b.* from %1$I.event_batches b where b.position <= (select case when s.wanted > s.position then s.position else b.position end from engine.webhook_states s where s.webhook_id = $1)) b
       join %1$I.record_events e on e.batch = b.batch
       join metadata.objects o on o.id = e.object_id
       where e.happened_at between $3 and $4 and engine.event_matches($5, o.name_singular, e.action)
         and not exists (select from engine.webhook_deliveries d where d.webhook_id = $1 and d.batch = e.batch and d.seq = e.seq and d.state = ''PENDING'')
       order by b.position, e.seq limit 100001 - $6', v_schema)
    using v_webhook.id, v_webhook.workspace_id, since, v_until, v_webhook.events, v_archived;
    get diagnostics v_count = row_count;
    v_count := v_count + v_archived;
    insert into engine.webhook_deliveries (webhook_id, workspace_id, kind, message_id, event_type, payload, is_replay)
    select v_webhook.id, v_webhook.workspace_id, 'CUSTOM', d.message_id, d.event_type, d.payload, true
    from engine.webhook_deliveries d
    where d.webhook_id = v_webhook.id and d.kind = 'CUSTOM' and not d.is_replay and d.state <> 'PENDING' and d.created_at between since and v_until
    order by d.id;
  end if;
  if v_count > 100000 then
    raise exception 'That is more than 100,000 events.' using errcode = 'RV208', column = 'since', hint = 'Replay it in parts, each with a since and an until.';
  end if;
  update engine.webhook_states s set retry_at = now(), paused_until = null where s.webhook_id = v_webhook.id;
  return v_count;
end
$$;
comment on function metadata.replay_webhook(uuid, timestamptz, timestamptz, boolean) is
  'Sends the events of a time again, each with the webhook-id that it had; also those that have left the log for its archive; with only_dead only those that were given up. Returns how many. For a webhook that is on.';

-- What it says of when histories begin is no more than who keeps webhooks may know.
create or replace function metadata.replayable_since() returns timestamptz
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.own_workspace();
  v_since timestamptz;
begin
  perform engine.assert_manages(v_workspace, 'API_KEYS_AND_WEBHOOKS');
  execute format('select least((select min(a.from_at) from %1$I.event_archive a), (select e.happened_at from %1$I.record_events e order by e.batch, e.seq limit 1))',
    (select w.schema_name from core.workspaces w where w.id = v_workspace)) into v_since;
  return v_since;
end
$$;
comment on function metadata.replayable_since() is 'When the earliest event happened that the log or its archive still has: replays reach back to it. Null where there is none.';

-- ── Secrets: sealed by the server before they come here ─────────────────────────────────────────

create or replace function metadata.show_webhook_secret(webhook_id uuid, sealed_secret text) returns text
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_webhook metadata.webhooks := engine.kept_webhook(show_webhook_secret.webhook_id);
  v_sealed text;
begin
  perform engine.keep_webhook_secret(v_webhook.id, sealed_secret);
  update core.webhook_secrets x set shown_at = now() where x.webhook_id = v_webhook.id and x.expires_at is null and x.shown_at is null returning x.sealed into v_sealed;
  if v_sealed is null then
    raise exception 'The secret has been shown already, and is shown once.' using errcode = 'RV209', hint = 'Make a new one: the former is good for a while beside it.';
  end if;
  return v_sealed;
end
$$;
comment on function metadata.show_webhook_secret(uuid, text) is
  E'@behavior -*\nThe secret of a webhook, sealed, the first time that somebody asks; made of what the server has sealed where there is none yet. POST /webhooks/secret calls it.';

create or replace function metadata.rotate_webhook_secret(webhook_id uuid, overlap_hours int default 24, sealed_secret text default null) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_webhook metadata.webhooks := engine.kept_webhook(rotate_webhook_secret.webhook_id);
begin
  if overlap_hours is null or overlap_hours not between 0 and 168 then
    raise exception 'The former secret is good for 0 to 168 hours more.' using errcode = 'RV209', column = 'overlapHours', hint = 'A day is usual; 0 where the secret is known to others.';
  end if;
  -- One former secret at a time: receivers know the present one and the one before.
  delete from core.webhook_secrets x where x.webhook_id = v_webhook.id and x.expires_at is not null;
  if overlap_hours = 0 then
    delete from core.webhook_secrets x where x.webhook_id = v_webhook.id;
  else
    update core.webhook_secrets x set expires_at = now() + make_interval(hours => overlap_hours) where x.webhook_id = v_webhook.id;
  end if;
  if sealed_secret is not null then
    insert into core.webhook_secrets (webhook_id, workspace_id, sealed, shown_at) values (v_webhook.id, v_webhook.workspace_id, sealed_secret, now());
  end if;
  return true;
end
$$;
comment on function metadata.rotate_webhook_secret(uuid, int, text) is
  'Gives a webhook another secret; deliveries are signed with both until overlap_hours are over. The new one is made with the next delivery, or when somebody asks to see it, unless the server brings one that it has sealed.';

grant execute on function metadata.webhook_states(), metadata.webhook_stats(uuid, int), metadata.webhook_deliveries(uuid, text[], bigint, int), metadata.webhook_delivery(uuid, bigint),
  metadata.test_webhook(uuid), metadata.retry_webhook_delivery(uuid, bigint), metadata.replay_webhook(uuid, timestamptz, timestamptz, boolean), metadata.replayable_since(),
  metadata.show_webhook_secret(uuid, text), metadata.rotate_webhook_secret(uuid, int, text) to relvar_crm;
