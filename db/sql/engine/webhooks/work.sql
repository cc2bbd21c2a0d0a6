-- Delivering. A worker takes a webhook for some seconds (a lease, which it renews while it works), asks what there is to
-- send, and says what became of it. The log of events is the queue: a cursor says how far a webhook has come, and only
-- what failed, waits behind what failed, or was asked for by hand has a row of its own before it is sent.

-- How long to wait after so many failures, in seconds: 5 s, then three times as long each time, up to 12 hours.
create or replace function engine.webhook_backoff(failures int) returns double precision
language sql volatile parallel safe set search_path = ''
  return least(5 * 3.0 ^ least(greatest(failures - 1, 0), 10), 43200) * (0.8 + 0.4 * random());

-- A moment that lies further ahead than any wait can be was written by a clock that has since been set back.
create or replace function engine.has_come(moment timestamptz) returns boolean
language sql stable set search_path = ''
  return moment <= clock_timestamp() or moment > clock_timestamp() + interval '15 hours';

-- Webhooks that have something to send and that nobody holds, those that have waited longest first.
create or replace function engine.claim_webhooks(worker text, max_hooks int)
returns table (webhook_id uuid, workspace_id uuid, target_url text, format text, secret text, former_secret text)
language sql volatile security definer set search_path = ''
as $$
  with free as (
    select s.webhook_id
    from engine.webhook_states s join metadata.webhooks h on h.id = s.webhook_id
    where (s.has_test or h.is_active and (s.paused_until is null or engine.has_come(s.paused_until))
        and (s.wanted > s.position or s.seq < 2147483647 or engine.has_come(s.retry_at) or exists (select from engine.webhook_wakes w where w.webhook_id = s.webhook_id)))
      and (s.leased_until is null or s.leased_until < clock_timestamp() or s.leased_until > clock_timestamp() + interval '1 minute')
    order by s.worked_at nulls first
    limit max_hooks
    for update of s skip locked
  ), taken as (
    update engine.webhook_states s
    set leased_by = claim_webhooks.worker, leased_until = clock_timestamp() + interval '15 seconds', worked_at = clock_timestamp()
    where s.webhook_id in (select f.webhook_id from free f)
    returning s.webhook_id
  )
  select h.id, h.workspace_id, h.target_url, h.format,
    (select x.sealed from core.webhook_secrets x where x.webhook_id = h.id and x.expires_at is null),
    (select x.sealed from core.webhook_secrets x where x.webhook_id = h.id and x.expires_at > now() limit 1)
  from taken t join metadata.webhooks h on h.id = t.webhook_id
$$;

create or replace function engine.renew_webhooks(worker text, webhook_ids uuid[]) returns void
language sql volatile security definer set search_path = ''
as $$
  update engine.webhook_states s set leased_until = clock_timestamp() + interval '15 seconds'
  where s.webhook_id in (
    select x.webhook_id from engine.webhook_states x where x.webhook_id = any (webhook_ids) and x.leased_by = renew_webhooks.worker for update skip locked)
$$;

create or replace function engine.release_webhook(webhook_id uuid, worker text) returns void
language sql volatile security definer set search_path = '' set lock_timeout = '3s'
as $$
  update engine.webhook_states s set leased_by = null, leased_until = null
  where s.webhook_id = release_webhook.webhook_id and s.leased_by = release_webhook.worker
$$;

-- The first secret of a webhook that came without one, sealed; the one that is there, where another worker was quicker.
create or replace function engine.keep_webhook_secret(webhook_id uuid, sealed text) returns text
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform from engine.webhook_states s where s.webhook_id = keep_webhook_secret.webhook_id for update;
  insert into core.webhook_secrets (webhook_id, workspace_id, sealed)
  select h.id, h.workspace_id, keep_webhook_secret.sealed from metadata.webhooks h
  where h.id = keep_webhook_secret.webhook_id
    and not exists (select from core.webhook_secrets x where x.webhook_id = h.id and x.expires_at is null);
  return (select x.sealed from core.webhook_secrets x where x.webhook_id = keep_webhook_secret.webhook_id and x.expires_at is null);
end
$$;

-- Of deliveries that wait, the first of each record may be sent; what has no record waits for nothing.
create or replace function engine.webhook_heads(webhook_id uuid) returns setof engine.webhook_deliveries
language sql stable set search_path = ''
as $$
  select d.* from engine.webhook_deliveries d
  where d.webhook_id = webhook_heads.webhook_id and d.state = 'PENDING'
    and not exists (
      select from engine.webhook_deliveries p
      where p.webhook_id = d.webhook_id and p.state = 'PENDING' and p.record_id = d.record_id and p.id < d.id)
$$;

-- What to send next, in order. A webhook that has failed five times in a row gets one at a time, to see whether it works
-- again: what is not asked for stays in the log, and costs nothing. Ahead of what is on its way only while nothing fails
-- or waits: what comes after that is known when it has come.
create or replace function engine.webhook_work(webhook_id uuid, worker text, max_events int default 200, is_ahead boolean default false)
returns table (delivery_id bigint, kind text, message_id text, event_type text, object_id uuid, record_id uuid, "position" bigint, batch bigint, seq int, body text, read_position bigint, read_seq int)
language plpgsql volatile security definer set search_path = '' set jit = off set lock_timeout = '3s'
as $$
#variable_conflict use_column
declare
  s engine.webhook_states;
  h metadata.webhooks;
  v_schema text;
  v_max int;
  v_waiting bigint[] := '{}';
  v_batches bigint[];
  v_seqs int[];
  v_positions bigint[];
  v_asked int;
  v_first bigint;
  v_last bigint;
begin
  if is_ahead then
    select x.* into s from engine.webhook_states x
    where x.webhook_id = webhook_work.webhook_id and x.leased_by = webhook_work.worker and x.failures = 0 and not x.has_test and x.paused_until is null
      and not exists (select from engine.webhook_deliveries d where d.webhook_id = x.webhook_id and d.state = 'PENDING');
    s.position := s.fetched;
    s.seq := s.fetched_seq;
  else
    select x.* into s from engine.webhook_states x where x.webhook_id = webhook_work.webhook_id and x.leased_by = webhook_work.worker for update;
  end if;
  if s.webhook_id is null then
    return;
  end if;
  select x.* into h from metadata.webhooks x where x.id = webhook_work.webhook_id;
  select w.schema_name into v_schema from core.workspaces w where w.id = h.workspace_id;
  with woken as (
    delete from engine.webhook_wakes w where w.webhook_id = h.id and not is_ahead returning w.first, w.last
  )
  select min(w.first), max(w.last) into v_first, v_last from woken w;
  -- One that has told everything begins where something is meant for it again.
  if s.wanted <= s.position and s.seq = 2147483647 then
    s.position := greatest(s.position, v_first - 1);
  end if;
  s.wanted := greatest(s.wanted, v_last);
  v_max := case when s.failures >= 5 then 1 else greatest(least(max_events, 1000), 1) end;

  if s.has_test then
    v_waiting := array(select d.id from engine.webhook_deliveries d where d.webhook_id = h.id and d.state = 'PENDING' and d.kind = 'TEST' order by d.id limit 5);
  elsif h.is_active and s.failures >= 5 and random() < 0.5 then
    -- Any of them, since one may be what the receiver cannot take.
    v_waiting := array(select d.id from engine.webhook_heads(h.id) d order by random() limit 1);
  elsif h.is_active and not is_ahead then
    v_waiting := array(
      select d.id from engine.webhook_heads(h.id) d
      where d.next_attempt_at is null or engine.has_come(d.next_attempt_at)
      order by d.id limit v_max);
  end if;

  -- Where five hundred have failed on their own, no more are begun.
  v_asked := case when h.is_active and not s.has_test and (select count(*) from (select from engine.webhook_deliveries d
    where d.webhook_id = h.id and d.state = 'PENDING' and d.attempts > 0 limit 500) f) < 500 then v_max - cardinality(v_waiting) else 0 end;
  if v_asked > 0 and (s.wanted > s.position or s.seq < 2147483647) then
    execute format(
      'select array_agg(x.position), array_agg(x.batch), array_agg(x.seq) from (
         select b.position, e.batch, e.seq
         from (
           select b.* from %1$I.event_batches b join metadata.objects o on o.id = b.object_id
           where b.position >= $1 and b.position <= $3 and (b.position > $1 or $2 < 2147483647)
             and engine.event_matches($4, o.name_singular, b.action)
           order by b.position
         ) b
         cross join lateral (
           select e.batch, e.seq from %1$I.record_events e
           where e.batch = b.batch and e.seq > case when b.position > $1 then -1 else $2 end
             -- One look for each, whatever is known of the table: else those of a large statement are all read for each.
             and not exists (select from engine.webhook_deliveries d where d.webhook_id = $6 and d.batch = e.batch and d.seq = e.seq and d.kind = ''EVENT'' and not d.is_replay offset 0)
           order by e.seq limit $5
         ) e
         order by b.position, e.seq limit $5
       ) x', v_schema)
    into v_positions, v_batches, v_seqs using s.position, s.seq, s.wanted, h.events, v_asked, h.id;
    s.fetched := s.wanted;
    s.fetched_seq := 2147483647;
    if cardinality(v_batches) >= v_asked then
      s.fetched := v_positions[cardinality(v_positions)];
      s.fetched_seq := v_seqs[cardinality(v_seqs)];
    end if;
  else
    s.fetched := s.position;
    s.fetched_seq := s.seq;
  end if;

  -- A webhook that is down is tried with something, whatever its time.
  if h.is_active and s.failures >= 5 and v_waiting = '{}' and v_batches is null and not s.has_test then
    v_waiting := array(select d.id from engine.webhook_heads(h.id) d order by random() limit 1);
  end if;
  if not is_ahead then
    update engine.webhook_states x set fetched = s.fetched, fetched_seq = s.fetched_seq, leased_until = clock_timestamp() + interval '15 seconds',
      -- With too many failures, what comes after them waits until some of them can be tried.
      paused_until = case when v_asked = 0 and v_waiting = '{}' then clock_timestamp() + interval '20 seconds' else x.paused_until end,
      wanted = s.wanted, position = case when v_batches is null then s.fetched else s.position end, seq = case when v_batches is null then s.fetched_seq else s.seq end
    where x.webhook_id = h.id;
  end if;
  if v_batches is null and v_waiting = '{}' then
    return;
  end if;

  return query
  with waiting as materialized (
    select d.* from engine.webhook_deliveries d where d.webhook_id = h.id and d.id = any (v_waiting)
  ), fresh as materialized (
    select u.* from unnest(v_positions, v_batches, v_seqs) u (position, batch, seq)
  ), keys as (
    select w.batch, w.seq from waiting w where w.kind = 'EVENT' and w.payload is null union select f.batch, f.seq from fresh f
  ), said as materialized (
    select p.* from engine.webhook_payloads(h.id, array(select k.batch from keys k order by k.batch, k.seq), array(select k.seq from keys k order by k.batch, k.seq),
      array(select w.payload from waiting w where w.kind = 'EVENT' and w.payload is not null)) p
  ), gone as (
    -- Its role does not see it any more, or the filter is another.
    update engine.webhook_deliveries d set state = 'SKIPPED', next_attempt_at = null
    from waiting w
    where w.kind = 'EVENT' and d.webhook_id = h.id and d.id = w.id and not exists (select from said p where p.batch = w.batch and p.seq = w.seq)
  ), held as (
    -- Behind what has failed of the same record.
    insert into engine.webhook_deliveries (webhook_id, workspace_id, kind, message_id, event_type, object_id, record_id, batch, seq)
    select h.id, h.workspace_id, 'EVENT', f.batch || '-' || f.seq, p.event_type, p.object_id, p.record_id, f.batch, f.seq
    from fresh f join said p on p.batch = f.batch and p.seq = f.seq
    where exists (select from engine.webhook_deliveries d where d.webhook_id = h.id and d.state = 'PENDING' and d.record_id = p.record_id)
    order by f.position, f.seq
    returning webhook_deliveries.batch, webhook_deliveries.seq
  )
  select x.delivery_id, x.kind, x.message_id, x.event_type, x.object_id, x.record_id, x.position, x.batch, x.seq,
    case when octet_length(x.body) <= 524288 then x.body else engine.shortened_payload(x.body::jsonb)::text end, s.fetched, s.fetched_seq
  from (
    select w.id as delivery_id, w.kind, w.message_id, w.event_type, w.object_id, w.record_id, null::bigint as position, w.batch, w.seq,
      case when w.kind = 'EVENT' then (select p.body from said p where p.batch = w.batch and p.seq = w.seq) else w.payload::text end as body
    from waiting w
    union all
    select null, 'EVENT', f.batch || '-' || f.seq, p.event_type, p.object_id, p.record_id, f.position, f.batch, f.seq, p.body
    from fresh f join said p on p.batch = f.batch and p.seq = f.seq
    where not exists (select from held l where l.batch = f.batch and l.seq = f.seq)
  ) x
  where x.body is not null
  order by x.delivery_id, x.position, x.seq;
end
$$;

-- What became of deliveries: [{"delivery", "kind", "id", "type", "object", "record", "batch", "seq", "isTried", "status", "error",
-- "ms", "request", "response", "retryAfter"}], in the order in which the answers came. The cursor moves to where all before it
-- was tried, or to the end of what was fetched; with what was fetched ahead, that is now what the log was read for. Whether there is
-- more to send now: not where another worker has the webhook.
create or replace function engine.note_webhook_results(webhook_id uuid, worker text, results jsonb, done_position bigint default null, done_seq int default null, is_done boolean default false,
  read_position bigint default null, read_seq int default null)
returns boolean
language plpgsql volatile security definer set search_path = '' set jit = off set lock_timeout = '3s'
as $$
#variable_conflict use_column
declare
  s engine.webhook_states;
  h metadata.webhooks;
  r record;
  v_failures int;
  v_reason text;
begin
  -- In the order in which who changes a webhook takes them.
  select x.* into h from metadata.webhooks x where x.id = note_webhook_results.webhook_id for no key update;
  select x.* into s from engine.webhook_states x where x.webhook_id = note_webhook_results.webhook_id and x.leased_by = note_webhook_results.worker for update;
  if not found then
    return false;
  end if;

  insert into engine.webhook_deliveries (webhook_id, workspace_id, kind, message_id, event_type, object_id, record_id, batch, seq, state, attempts,
    first_attempt_at, last_attempt_at, next_attempt_at, status, error, duration_ms, request, response, history)
  select h.id, h.workspace_id, t.kind, t.id, t.type, t.object, t.record, t.batch, t.seq,
    case when t.error is null and t."isTried" then 'DELIVERED' else 'PENDING' end, case when t."isTried" then 1 else 0 end,
    case when t."isTried" then clock_timestamp() end, case when t."isTried" then clock_timestamp() end,
    case when t.error is not null and t."isTried" then clock_timestamp() + make_interval(secs => greatest(engine.webhook_backoff(1), t."retryAfter")) end,
    t.status, t.error, t.ms, t.request, t.response,
    case when t."isTried" then jsonb_build_array(jsonb_build_object('at', clock_timestamp(), 'status', t.status, 'error', t.error, 'ms', t.ms)) else '[]' end
  from rows from (jsonb_to_recordset(results) as (delivery bigint, kind text, id text, type text, object uuid, record uuid, batch bigint, seq int, "isTried" boolean,
    status int, error text, ms int, request jsonb, response jsonb, "retryAfter" double precision)) with ordinality t
  where t.delivery is null
  order by t.ordinality
  on conflict (webhook_id, batch, seq) where kind = 'EVENT' and not is_replay do nothing;

  -- Read again only where there is something in it: most of them had no row.
  if jsonb_path_exists(results, '$[*].delivery ? (@ != null)') then
    update engine.webhook_deliveries d
    set state = case when t.error is null then 'DELIVERED'
        when d.kind = 'TEST' or coalesce(d.first_attempt_at, now()) < now() - interval '3 days' and d.attempts >= 8 then 'DEAD' else 'PENDING' end,
      attempts = d.attempts + 1, first_attempt_at = coalesce(d.first_attempt_at, clock_timestamp()), last_attempt_at = clock_timestamp(),
      next_attempt_at = case when t.error is not null then clock_timestamp() + make_interval(secs => greatest(engine.webhook_backoff(d.attempts + 1), t."retryAfter")) end,
      status = t.status, error = t.error, duration_ms = t.ms, request = t.request, response = t.response,
      history = (case when jsonb_array_length(d.history) >= 20 then d.history - 0 else d.history end)
        || jsonb_build_object('at', clock_timestamp(), 'status', t.status, 'error', t.error, 'ms', t.ms)
    from jsonb_to_recordset(results) as t (delivery bigint, "isTried" boolean, status int, error text, ms int, request jsonb, response jsonb, "retryAfter" double precision)
    where d.webhook_id = h.id and d.id = t.delivery and t."isTried";
  end if;

  -- What happened to tests says nothing of the rest.
  select count(*) filter (where x.error is null) as successes, count(*) filter (where x.n > x.last_success) as failed,
    max(x.retry_after) filter (where x.n > x.last_success) as retry_after, coalesce(bool_or(x.status = 410), false) as is_gone,
    (array_agg(x.error order by x.n desc))[1] as error, (array_agg(x.status order by x.n desc))[1] as status
  into r
  from (
    select t.*, t."retryAfter" as retry_after, coalesce(max(t.n) filter (where t.error is null) over (), 0) as last_success
    from rows from (jsonb_to_recordset(results) as (kind text, "isTried" boolean, status int, error text, "retryAfter" double precision)) with ordinality t (kind, "isTried", status, error, "retryAfter", n)
    where t."isTried" and t.kind <> 'TEST'
  ) x;
  -- Those that were on their way together when it went down count as one.
  v_failures := case when r.successes > 0 then least(r.failed, 5) when s.failures < 5 then least(s.failures + r.failed, 5)
    when r.failed > 0 and coalesce(s.paused_until < clock_timestamp(), true) then s.failures + 1 else s.failures end;
  if s.failures >= 5 and r.successes > 0 then
    -- It works again: what waited for that need not wait longer.
    update engine.webhook_deliveries d set next_attempt_at = now()
    where d.webhook_id = h.id and d.state = 'PENDING' and d.next_attempt_at > now();
  end if;
  update engine.webhook_states x
  set position = case when is_done then x.fetched else coalesce(done_position, x.position) end,
    seq = case when is_done then x.fetched_seq else coalesce(done_seq, x.seq) end,
    fetched = case when is_done then coalesce(read_position, x.fetched) else x.fetched end, fetched_seq = case when is_done then coalesce(read_seq, x.fetched_seq) else x.fetched_seq end,
    leased_until = clock_timestamp() + interval '15 seconds', failures = v_failures,
    failing_since = case when v_failures > 0 then case when r.successes > 0 then clock_timestamp() else coalesce(x.failing_since, clock_timestamp()) end end,
    paused_until = case when r.failed > 0 and v_failures = s.failures and v_failures >= 5 and r.retry_after is null then x.paused_until
      when r.failed > 0 and (v_failures >= 5 or r.retry_after is not null)
        then clock_timestamp() + make_interval(secs => greatest(case when v_failures >= 5 then engine.webhook_backoff(v_failures - 4) else 0 end, r.retry_after))
      when r.successes > 0 then null else x.paused_until end,
    last_success_at = case when r.successes > 0 then clock_timestamp() else x.last_success_at end,
    last_failure_at = case when r.failed > 0 then clock_timestamp() else x.last_failure_at end,
    last_status = coalesce(r.status, x.last_status), last_error = case when r.failed > 0 then r.error when r.successes > 0 then null else x.last_error end,
    has_test = exists (select from engine.webhook_deliveries d where d.webhook_id = h.id and d.state = 'PENDING' and d.kind = 'TEST'),
    retry_at = case when exists (select from engine.webhook_heads(h.id) d where d.next_attempt_at is null) then now()
      else (select min(d.next_attempt_at) from engine.webhook_heads(h.id) d) end
  where x.webhook_id = h.id
  returning * into s;

  v_reason := case when r.is_gone then 'The receiver answered 410 Gone: it wants nothing any more.'
    when v_failures >= 12 and s.failing_since < now() - interval '3 days' then format('Nothing could be delivered for three days. %s', r.error) end;
  if v_reason is not null and h.is_active then
    update metadata.webhooks w set is_active = false, disabled_at = now(), disabled_reason = v_reason where w.id = h.id;
    perform engine.tell_webhook_disabled(h.id);
    return false;
  end if;
  return s.has_test or h.is_active and (s.paused_until is null or engine.has_come(s.paused_until))
    and (s.wanted > s.position or s.seq < 2147483647 or coalesce(engine.has_come(s.retry_at), false) or exists (select from engine.webhook_wakes w where w.webhook_id = h.id));
end
$$;

-- Who made it is told, or, where that member is gone or may not keep webhooks any more, everybody who may.
create or replace function engine.tell_webhook_disabled(webhook_id uuid) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_hook metadata.webhooks := (select h from metadata.webhooks h where h.id = webhook_id);
  v_members uuid[] := array(
    select k.id
    from (
      select m.id, m.id is not distinct from v_hook.created_by_id as is_maker, bool_or(m.id is not distinct from v_hook.created_by_id) over () as has_maker
      from core.members m join metadata.roles r on r.id = m.role_id
      where m.workspace_id = v_hook.workspace_id and m.is_active and engine.role_may(r.pg_role, 'API_KEYS_AND_WEBHOOKS')
    ) k
    where k.is_maker or not k.has_maker);
begin
  perform core.notify(v_hook.workspace_id, v_members, 'WEBHOOK_DISABLED', detail => jsonb_build_object('name', v_hook.name, 'id', v_hook.id, 'reason', v_hook.disabled_reason));
  -- At once it comes as a letter of its own, which says more.
  perform core.queue_mail(u.email, 'webhook_disabled', jsonb_build_object('name', v_hook.name, 'host', substring(v_hook.target_url from '^[a-z]+://(?:[^/@]*@)?([^/:?#]+)'), 'reason', v_hook.disabled_reason, 'id', v_hook.id), v_hook.workspace_id)
  from core.members m
  join core.users u on u.id = m.user_id
  left join core.notification_preferences p on p.member_id = m.id and p.kind = 'WEBHOOK_DISABLED'
  where m.id = any (v_members) and coalesce(p.mail, 'NOW') = 'NOW' and core.is_email(u.email);
end
$$;

-- In steps, so that no purge holds rows for long. Called until it returns 0.
create or replace function engine.purge_webhook_deliveries(max_rows int default 5000) returns int
language sql volatile security definer set search_path = ''
as $$
  with orphans as (
    -- Of webhooks that were deleted while the relay had something for them.
    delete from engine.webhook_wakes w where not exists (select from metadata.webhooks h where h.id = w.webhook_id)
  ), old as (
    select d.webhook_id, d.id from engine.webhook_deliveries d
    where not exists (select from metadata.webhooks h where h.id = d.webhook_id) or d.created_at < now() - interval '14 days' and (d.state in ('DELIVERED', 'SKIPPED') or d.state = 'DEAD' and d.created_at < now() - interval '60 days')
    limit max_rows
  ), gone as (
    delete from engine.webhook_deliveries d using old o where d.webhook_id = o.webhook_id and d.id = o.id returning 1
  ), secrets as (
    delete from core.webhook_secrets x where x.expires_at < now() returning 1
  )
  select count(*)::int from gone
$$;
comment on function engine.purge_webhook_deliveries(int) is 'Forgets deliveries after 14 days, and those that were given up after 60; secrets that have expired.';

grant execute on function engine.claim_webhooks(text, int), engine.renew_webhooks(text, uuid[]), engine.release_webhook(uuid, text), engine.keep_webhook_secret(uuid, text),
  engine.webhook_work(uuid, text, int, boolean), engine.note_webhook_results(uuid, text, jsonb, bigint, int, boolean, bigint, int), engine.purge_webhook_deliveries(int) to relvar_worker;
