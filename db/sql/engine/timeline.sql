-- The timeline of a record: what happened to it, what was said about it, and the notes, tasks and files that it has, in one
-- stream, the latest first, as far as the caller may read each.

-- The caller's notes, tasks and files of a record, as a query over $1, the record; null where the caller can see none. They
-- stand where they were tied to it. The words for what joins them are those of the standard objects.
create or replace function engine.query_of_attached(caller name, schema_name text, object metadata.objects, kinds text[]) returns text
language sql stable set search_path = '' set jit = off
as $$
  select string_agg(format(
    'select %1$L, l.created_at, %2$s, null::uuid, null::text, null::jsonb, %3$L, l.record_id
     from (select t.id, t.created_at, t.created_by_source, t.created_by_member_id, t.created_by_name, t.%4$I as record_id from %5$I.%6$I t where t.%7$I = $1 and %8$s) l%9$s',
    s.kind, case when has_column_privilege(caller, s.holder_table, 'created_by_name', 'select')
      then 'case when l.created_by_member_id is not null then ''member'' else '''' end, l.created_by_member_id, l.created_by_name, l.created_by_source' else $q$'', null::uuid, null::text, ''$q$ end,
    coalesce(s.target_name, s.holder_name), coalesce(s.target_column, 'id'), schema_name, s.table_name, s.column_name, engine.condition_of(caller, s.holder_id, 'READ', 't.'),
    case when s.target_id is not null then format(' where exists (select from %I.%I t where t.id = l.record_id and %s)', schema_name, s.target_table, engine.condition_of(caller, s.target_id, 'READ', 't.')) end), ' union all ')
  from (
    select k.kind, h.id as holder_id, h.name_singular as holder_name, h.table_name, format('%I.%I', schema_name, h.table_name)::regclass as holder_table, c.name as column_name,
      t.id as target_id, t.name_singular as target_name, t.table_name as target_table, tc.name as target_column
    from (values ('NOTE', 'standard:noteTarget', 'standard:note'), ('TASK', 'standard:taskTarget', 'standard:task'), ('FILE', 'standard:attachment', null)) k (kind, holder, target)
    join metadata.objects h on h.workspace_id = (object).workspace_id and h.universal_identifier = k.holder and h.is_active and h.deleted_at is null
    join metadata.fields f on f.object_id = h.id and f.is_active and f.deleted_at is null
    join metadata.relations r on r.field_id = f.id and r.target_object_id = (object).id and r.deleted_at is null
    join engine.field_columns((object).workspace_id, array[h.id]) c on c.key = engine.column_key(f.id, f.revision, r.id::text)
    left join metadata.objects t on t.workspace_id = (object).workspace_id and t.universal_identifier = k.target and t.is_active and t.deleted_at is null
    left join metadata.fields tf on tf.object_id = h.id and tf.is_active and tf.deleted_at is null and tf.id <> f.id
      and exists (select from metadata.relations tr where tr.field_id = tf.id and tr.target_object_id = t.id and tr.deleted_at is null)
    left join metadata.relations tr on tr.field_id = tf.id and tr.target_object_id = t.id and tr.deleted_at is null
    left join engine.field_columns((object).workspace_id, array[h.id]) tc on tc.key = engine.column_key(tf.id, tf.revision, tr.id::text)
    where k.kind = any (kinds) and (k.target is null or tc.name is not null)
  ) s
  where has_column_privilege(caller, s.holder_table, s.column_name, 'select') and (s.target_column is null or has_column_privilege(caller, s.holder_table, s.target_column, 'select'))
$$;

create or replace function engine.timeline_moment(entry_key text) returns timestamptz
language plpgsql immutable set search_path = ''
as $$
begin
  if entry_key ~ '^\d{4}-\d\d-\d\dT[\d:.]+~.' then
    return split_part(entry_key, '~', 1)::timestamp at time zone 'UTC';
  end if;
  raise invalid_datetime_format;
exception when datetime_field_overflow or invalid_datetime_format then
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
  v_all text[] := '{CHANGE,COMMENT,NOTE,TASK,FILE}';
  v_kinds text[] := coalesce(kinds, v_all);
  v_limit int := least(greatest(max_results, 1), 200);
  v_at timestamptz;
  v_key text;
  v_beside text;
begin
  if not v_kinds <@ v_all then
    raise exception 'A timeline has no entries of the kind "%".', (select k from unnest(v_kinds) k where k <> all (v_all) or k is null limit 1) using errcode = 'RV234', hint = 'There are CHANGE, COMMENT, NOTE, TASK and FILE.';
  end if;
  if before_entry is not null then
    v_at := engine.timeline_moment(before_entry);
    v_key := split_part(before_entry, '~', 2);
  end if;
  -- What lies in the trash has its history; the rest is told of records that there are.
  if engine.may_touch(caller, v_object.id, record_id, 'READ') then
    v_beside := concat_ws(' union all ',
      case when 'COMMENT' = any (v_kinds) then format(
        'select ''COMMENT'', c.created_at, c.author_type, c.author_id, c.author_name, '''', c.id, c.body, c.mentions || coalesce((
           select jsonb_object_agg(m.id, m.name) from core.members m where m.workspace_id = $2 and m.id = any (engine.mentioned_ids(c.body)) and m.name <> ''''), ''{}''), null::text, null::uuid
         from %I.record_comments c where c.object_id = $3 and c.record_id = $1 and c.removed_at is null', schema_name) end,
      engine.query_of_attached(caller, schema_name, v_object, v_kinds));
  end if;
  return query
    with entry as (
      select engine.event_key(e.batch, e.seq) as key, 'CHANGE' as kind, e.happened_at, e.actor_type, e.actor_id, e.actor_name, e.source, e.batch, e.seq, e.action, e.before, e.after,
        null::uuid as comment_id, null::text as body, null::jsonb as mentions, null::text as related_object, null::uuid as related_id
      -- Comments are told by what they say.
      from engine.past_events(caller, schema_name, v_object, record_id, v_limit,
        'e.action <> ''commented'' and ($9 is null or (e.happened_at, engine.event_key(e.batch, e.seq) collate "C") < ($9, $10))',
        'e.happened_at desc, e.batch desc, e.seq desc', null, v_at, v_key) e
      where 'CHANGE' = any (v_kinds)
      union all
      select b.key, b.kind, b.happened_at, b.actor_type, b.actor_id, b.actor_name, b.source, null, null, null, null, null, b.comment_id, b.body, b.mentions, b.related_object, b.related_id
      from engine.timeline_beside(v_beside, record_id, v_object.workspace_id, v_object.id, v_at, v_key, v_limit) b
    )
    select to_char(e.happened_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') || '~' || e.key, e.kind, e.happened_at, e.actor_type, e.actor_id, e.actor_name, e.source,
      e.batch, e.seq, e.action, e.before, e.after, e.comment_id, e.body, e.mentions, e.related_object, e.related_id
    from entry e order by e.happened_at desc, e.key collate "C" desc limit v_limit;
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
