-- The timeline of a record: what happened to it, what was said about it, the notes, tasks and files that it has, and what happened to records
-- whose relation says so, in one stream, the latest first, as far as the caller may read each.

-- Events stand in the order of the log, in which they happened; the time of one is the beginning of its transaction, and may be earlier than that of the
-- one before it. So an event's place is the earliest time of those from the latest down to it, which never rises, and by which what has
-- but a time is merged with them. The key of an entry holds that time, the entry, and of what is no event the last event above it.
create or replace function engine.timeline_place(entry_key text, out at timestamptz, out key text, out event text, out batch bigint, out seq int)
language plpgsql immutable set search_path = ''
as $$
begin
  batch := 9223372036854775807;
  seq := 2147483647;
  if entry_key is null then
    return;
  elsif entry_key !~ '^\d{4}-\d\d-\d\dT[\d:.]+~(\d{29}|x[A-Z]+[0-9a-f-]{36}(~\d{29})?)$' then
    raise invalid_datetime_format;
  end if;
  at := split_part(entry_key, '~', 1)::timestamp at time zone 'UTC';
  key := split_part(entry_key, '~', 2);
  event := nullif(case when key ~ '^x' then split_part(entry_key, '~', 3) else key end, '');
  if event is not null then
    batch := left(event, 19)::bigint;
    seq := right(event, 10)::int;
  end if;
exception when datetime_field_overflow or invalid_datetime_format or numeric_value_out_of_range then
  raise exception 'There is no such place in a timeline: %.', entry_key using errcode = 'RV233', hint = 'Give the entryKey of the last entry that you have.';
end
$$;

create or replace function engine.record_timeline(caller name, schema_name text, object_name text, record_id uuid, kinds text[], max_results int, before_entry text)
returns table (entry_key text, kind text, happened_at timestamptz, actor_type text, actor_id uuid, actor_name text, source text,
  batch bigint, seq int, action text, before jsonb, after jsonb, comment_id uuid, body text, mentions jsonb, related_object text, related_id uuid)
language plpgsql stable security definer set search_path = '' set jit = off
as $$
declare
  v_object metadata.objects := engine.past_object(caller, schema_name, object_name);
  v_all text[] := '{CHANGE,RELATED,COMMENT,NOTE,TASK,FILE}';
  v_kinds text[] := coalesce(kinds, v_all);
  v_limit int := least(greatest(max_results, 1), 200);
  v_from record;
  v_is_there boolean;
  v_beside text;
begin
  if not v_kinds <@ v_all then
    raise exception 'A timeline has no entries of the kind "%".', (select k from unnest(v_kinds) k where k <> all (v_all) or k is null limit 1) using errcode = 'RV234', hint = 'There are CHANGE, RELATED, COMMENT, NOTE, TASK and FILE.';
  end if;
  v_from := engine.timeline_place(before_entry);
  -- What lies in the trash has its history; the rest is told of records that there are.
  v_is_there := engine.may_touch(caller, v_object.id, record_id, 'READ');
  if v_is_there then
    v_beside := concat_ws(' union all ',
      case when 'COMMENT' = any (v_kinds) then format(
        'select ''COMMENT'', c.created_at, c.author_type, c.author_id, c.author_name, '''', c.id, c.body, c.mentions || coalesce((
           select jsonb_object_agg(m.id, m.name) from core.members m where m.workspace_id = $2 and m.id = any (engine.mentioned_ids(c.body)) and m.name <> ''''), ''{}''), null::text, null::uuid
         from %I.record_comments c where c.object_id = $3 and c.record_id = $1 and c.removed_at is null', schema_name) end,
      case when v_kinds && '{NOTE,TASK,FILE}' then engine.query_of_attached(caller, schema_name, v_object, v_kinds) end);
  end if;
  return query
    with event as (
      select 'CHANGE' as kind, case when i <> record_timeline.record_id then v_object.name_singular end as related_object, nullif(i, record_timeline.record_id) as related_id, e.*
      -- What was merged into the record has its history here, under its own id.
      from unnest(record_timeline.record_id || engine.absorbed_ids(schema_name, v_object.id, record_timeline.record_id)) i
      cross join lateral engine.record_events_before(caller, schema_name, v_object, i, v_from.batch, v_from.seq, v_limit) e where 'CHANGE' = any (v_kinds)
      union all
      select 'RELATED', (r.holder).name_singular, e.record_id, e.*
      from engine.timeline_related(caller, schema_name, v_object, record_id) r
      cross join lateral engine.events_before(caller, schema_name, r.holder, r.record_ids, v_from.batch, v_from.seq, v_limit) e
      where 'RELATED' = any (v_kinds) and v_is_there
    ), placed as (
      select least(v_from.at, min(e.happened_at) over (order by e.batch desc, e.seq desc)) as at, engine.event_key(e.batch, e.seq) as key, e.kind, e.happened_at, e.actor_type, e.actor_id, e.actor_name,
        e.source, e.batch, e.seq, e.action, e.before, e.after, null::uuid as comment_id, null::text as body, null::jsonb as mentions, e.related_object, e.related_id
      from event e
      union all
      select b.happened_at, b.key, b.kind, b.happened_at, b.actor_type, b.actor_id, b.actor_name, b.source, null, null, null, null, null, b.comment_id, b.body, b.mentions, b.related_object, b.related_id
      from engine.timeline_beside(v_beside, record_id, v_object.workspace_id, v_object.id, v_from.at, v_from.key, v_limit) b
    ), entry as (
      select p.*, min(case when p.batch is not null then p.key end) over (order by p.at desc, p.key collate "C" desc) as last_event from placed p
    )
    select to_char(e.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') || '~' || e.key || case when e.batch is null then coalesce('~' || coalesce(e.last_event, v_from.event), '') else '' end,
      e.kind, e.happened_at, e.actor_type, e.actor_id, e.actor_name, e.source, e.batch, e.seq, e.action, e.before, e.after, e.comment_id, e.body, e.mentions, e.related_object, e.related_id
    from entry e order by e.at desc, e.key collate "C" desc limit v_limit;
end
$$;

-- A page of what is told beside the changes.
create or replace function engine.timeline_beside(query text, record_id uuid, workspace_id uuid, object_id uuid, before_at timestamptz, before_key text, max_results int)
returns table (key text, kind text, happened_at timestamptz, actor_type text, actor_id uuid, actor_name text, source text,
  comment_id uuid, body text, mentions jsonb, related_object text, related_id uuid)
language plpgsql stable set search_path = '' set jit = off
as $$
begin
  if query = '' or query is null then
    return;
  end if;
  return query execute format(
    'select k.key, b.* from (%s) b (kind, happened_at, actor_type, actor_id, actor_name, source, comment_id, body, mentions, related_object, related_id)
     cross join lateral (select ''x'' || b.kind || coalesce(b.comment_id, b.related_id) as key) k
     where $4 is null or (b.happened_at, k.key collate "C") < ($4, $5)
     order by b.happened_at desc, k.key collate "C" desc limit $6', query)
  using record_id, workspace_id, object_id, before_at, before_key, max_results;
end
$$;

-- Reached only through the tenant's own function, which names the caller.
grant execute on function engine.record_timeline(name, text, text, uuid, text[], int, text) to relvar_crm, relvar_reader;
