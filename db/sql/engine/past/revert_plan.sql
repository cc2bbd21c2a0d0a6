-- Taking changes of records back: what each record would become, and what is in the way. Which changes is
-- said by one of: a change (batch, seq) or a statement (batch), either with all that was done together with it
-- (its request or, without one, its transaction); a transaction; a request; or a record, or one field of it,
-- since a moment or a statement. Of several changes of one record the first says what it was before.

-- Which events are meant, found once: a condition over e, and the source that e stands for, a table or a query.
-- What is looked for by batch, transaction or request may lie in the archive, of which only the parcels are read that have some of it.
create or replace function engine.revert_located(schema_name text, workspace_id uuid, what jsonb) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_event record;
  v_condition text;
  v_sought jsonb;
  v_since timestamptz;
  v_until timestamptz;
  v_parcels bigint[];
begin
  if what ->> 'batch' is not null then
    v_event := engine.revert_event(schema_name, (what ->> 'batch')::bigint, (what ->> 'seq')::int);
    if v_event.batch is null then
      return what || jsonb_build_object('source', format('%I.record_events', schema_name), 'condition', 'false');
    elsif coalesce((what ->> 'together')::boolean, false) and v_event.request_id is not null then
      v_since := v_event.happened_at - interval '1 day';
      v_until := v_event.happened_at + interval '1 day';
      v_condition := format('e.request_id = %L and e.happened_at between %L::timestamptz and %L::timestamptz', v_event.request_id, v_since, v_until);
      v_sought := jsonb_build_object('request_id', v_event.request_id);
    else
      v_since := v_event.happened_at;
      v_until := v_event.happened_at;
      v_sought := jsonb_build_object('transaction_id', v_event.transaction_id);
      v_condition := case when coalesce((what ->> 'together')::boolean, false) then format('e.transaction_id = %L', v_event.transaction_id)
        -- A link is a record of its own, which came or went in the same transaction.
        when v_event.action in ('linked', 'unlinked') then format('e.transaction_id = %L and e.action in (%L, %L, ''updated'') and e.record_id = any (%L::uuid[])', v_event.transaction_id,
          case v_event.action when 'linked' then 'created' else 'deleted' end, case v_event.action when 'linked' then 'restored' else 'merged' end, engine.revert_links(schema_name, v_event.batch, (what ->> 'seq')::int, v_event.link_id))
        else format('e.batch = %L', v_event.batch) || case when what ->> 'seq' is not null then format(' and e.seq = %L', what ->> 'seq') else '' end end;
    end if;
  elsif what ->> 'transaction_id' is not null then
    v_condition := format('e.transaction_id = %L', what ->> 'transaction_id');
    v_sought := jsonb_build_object('transaction_id', what ->> 'transaction_id');
    execute format('select min(e.happened_at), max(e.happened_at) from %I.record_events e where e.transaction_id = $1', schema_name) into v_since, v_until using (what ->> 'transaction_id')::xid8;
  elsif what ->> 'request_id' is not null then
    v_sought := jsonb_build_object('request_id', what ->> 'request_id');
    v_since := engine.revert_request_since(schema_name, what ->> 'request_id');
    v_condition := format('e.request_id = %L', what ->> 'request_id') || case when v_since is not null then format(' and e.happened_at > %L::timestamptz', v_since) else '' end;
  elsif what ->> 'record_id' is not null and (what ->> 'moment' is not null or what ->> 'after_batch' is not null) then
    return what || jsonb_build_object('source', format('%I.events_of(%L, %L)', schema_name, engine.past_object_id(workspace_id, what ->> 'object_name'), what ->> 'record_id'), 'condition',
      format('e.record_id = %L and e.object_id = %L', what ->> 'record_id', engine.past_object_id(workspace_id, what ->> 'object_name'))
      || case when what ->> 'moment' is not null then format(' and e.happened_at > %L::timestamptz', what ->> 'moment') else '' end
      || case when what ->> 'after_batch' is not null then format(' and e.batch > %L', what ->> 'after_batch') else '' end);
  else
    raise exception 'Which changes?' using errcode = 'RV197',
      hint = 'Give batch (and seq), transaction_id, request_id, or object_name and record_id with moment or after_batch.';
  end if;
  -- What is younger than anything in the archive is not in it.
  execute format('select array_agg(a.id) from %I.event_archive a where ($1 is null or a.until_at >= $1) and ($2 is null or a.from_at <= $2) and a.events @> jsonb_build_array($3)', schema_name)
    into v_parcels using v_since, v_until, v_sought;
  return what || jsonb_build_object('located_request', v_sought ->> 'request_id', 'condition', v_condition, 'source', case when v_parcels is null then format('%I.record_events', schema_name)
    else format('(select %2$s from %1$I.record_events r union all select %2$s from %1$I.event_archive a cross join lateral jsonb_populate_recordset(null::%1$I.record_events, a.events) r where a.id = any (%3$L::bigint[]))',
      schema_name, engine.event_columns('r.', ', '), v_parcels) end);
end
$$;

-- One change, or the first of a statement, in the log or the archive.
create or replace function engine.revert_event(schema_name text, of_batch bigint, of_seq int,
  out batch bigint, out action text, out link_id uuid, out request_id text, out transaction_id xid8, out happened_at timestamptz)
language plpgsql stable set search_path = ''
as $$
begin
  execute format('select e.batch, e.action, (coalesce(e.after, e.before) #>> ''{link,id}'')::uuid, e.request_id, e.transaction_id, e.happened_at
    from %I.record_events e where e.batch = $1 and ($2 is null or e.seq = $2) order by e.seq limit 1', schema_name)
    into batch, action, link_id, request_id, transaction_id, happened_at using of_batch, of_seq;
  if batch is null then
    execute format('select e.batch, e.action, (coalesce(e.after, e.before) #>> ''{link,id}'')::uuid, e.request_id, e.transaction_id, e.happened_at
      from %1$I.event_archive a cross join lateral jsonb_populate_recordset(null::%1$I.record_events, a.events) e
      where a.events @> jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(''batch'', $1, ''seq'', $2))) and e.batch = $1 and ($2 is null or e.seq = $2) order by e.seq limit 1', schema_name)
      into batch, action, link_id, request_id, transaction_id, happened_at using of_batch, of_seq;
  end if;
end
$$;

-- The links that a statement made or cut, by what it told of the records at their ends.
create or replace function engine.revert_links(schema_name text, of_batch bigint, of_seq int, one uuid) returns uuid[]
language plpgsql stable set search_path = ''
as $$
declare
  v_links uuid[];
begin
  execute format('select array_agg((coalesce(e.after, e.before) #>> ''{link,id}'')::uuid) from %I.record_events e where e.batch = $1 and ($2 is null or e.seq = $2)', schema_name)
    into v_links using of_batch, of_seq;
  return coalesce(v_links, array[one]);
end
$$;

-- The log is found by time sooner than by request, and most requests are of today. What began yesterday, such as a long import, has
-- something in each day until then. Null where it is not of today.
create or replace function engine.revert_request_since(schema_name text, request_id text) returns timestamptz
language plpgsql stable set search_path = ''
as $$
declare
  v_since timestamptz := now() - interval '1 day';
  v_is_there boolean;
begin
  execute format('select exists (select from %I.record_events e where e.request_id = $1 and e.happened_at > $2)', schema_name) into v_is_there using request_id, v_since;
  if not v_is_there then
    return null;
  end if;
  while v_is_there loop
    execute format('select exists (select from %I.record_events e where e.request_id = $1 and e.happened_at > $2 - interval ''1 day'' and e.happened_at <= $2)', schema_name)
      into v_is_there using request_id, v_since;
    v_since := v_since - interval '1 day';
  end loop;
  return v_since;
end
$$;

create or replace function engine.past_object_id(workspace_id uuid, object_name text) returns uuid
language plpgsql stable set search_path = ''
as $$
declare
  v_id uuid := (select o.id from metadata.objects o where o.workspace_id = past_object_id.workspace_id and o.name_singular = object_name and o.deleted_at is null);
begin
  if v_id is null then
    raise exception 'There is no object "%".', object_name using errcode = 'RV011', hint = 'Give the singular API name, such as person.';
  end if;
  return v_id;
end
$$;

-- Columns of one object that a revert writes, with what the caller may do with them and what may be in the way
-- of a former value, v.former: another record that has it where it is unique, a linked record that is gone.
create or replace function engine.revert_columns(caller name, schema_name text, object metadata.objects, field_name text, condition text)
returns table (name text, is_readable boolean, is_updatable boolean, is_link boolean, not_null boolean, taken text, gone text)
language plpgsql stable set search_path = ''
as $$
declare
  v_table regclass := format('%I.%I', schema_name, (object).table_name)::regclass;
  v_wanted text[] := case when field_name is not null then engine.columns_of_field(object, field_name) end;
begin
  return query
  select c.name, has_column_privilege(caller, v_table, c.name, 'select'), has_column_privilege(caller, v_table, c.name, 'update'), c.relation_id is not null, c.not_null,
    (
      select format('exists (select from %1$s o where %2$s and o.id <> v.record_id and not exists (select from rec r where r.record_id = o.id))', v_table,
        case when i.indkey[0] = 0 then format('lower(o.%1$I) = lower(v.former #>> ''{}'')', c.name) else format('o.%I = (v.former #>> ''{}'')::%s', c.name, c.pg_type) end)
      from pg_catalog.pg_index i
      where i.indrelid = v_table and i.indisunique and not i.indisprimary and i.indnatts = 1
        and (i.indkey[0] = a.attnum or i.indkey[0] = 0 and pg_catalog.pg_get_expr(i.indexprs, i.indrelid) = format('lower(%I)', c.name)) limit 1
    ),
    (
      select format('not exists (select from %1$I.%2$I o where o.id = (v.former #>> ''{}'')::uuid) and not exists (select from %1$I.record_events e where e.record_id = (v.former #>> ''{}'')::uuid
        and e.action in (''deleted'', ''merged'') and (%3$s) and exists (select from %1$I.trash x where x.record_id = e.record_id))', schema_name, t.table_name, condition)
      from metadata.relations l join metadata.objects t on t.id = l.target_object_id where l.id = c.relation_id
    )
  from engine.columns((object).workspace_id, array[(object).id]) c
  join pg_catalog.pg_attribute a on a.attrelid = v_table and a.attname = c.name and not a.attisdropped
  where c.is_active and c.is_writable and c.name <> 'id' and (v_wanted is null or c.name = any (v_wanted));
end
$$;

-- A case of v.key: for each column that has one, its condition, where there is a former value.
create or replace function engine.revert_case(conditions jsonb) returns text
language sql immutable set search_path = ''
as $$
  select coalesce('v.former <> ''null'' and case v.key ' || string_agg(format('when %L then %s', e.key, e.value), ' ' order by e.key) || ' else false end', 'false')
  from jsonb_each_text(conditions) e where e.value is not null
$$;

create or replace function engine.revert_items_of(caller name, schema_name text, object metadata.objects, what jsonb, condition text) returns setof engine.revert_item
language plpgsql stable set search_path = '' set enable_nestloop = on
as $$
declare
  v_events int;
  v_table regclass := format('%I.%I', schema_name, (object).table_name)::regclass;
  v_is_whole boolean := engine.reads_wholly(caller, (object).id);
  v_knows_who boolean := v_is_whole or has_column_privilege(caller, v_table, 'created_by_name', 'select') and has_column_privilege(caller, v_table, 'updated_by_name', 'select');
  v_columns text[];
  v_fixed text[];
  v_links text[];
  v_taken text;
  v_gone text;
  v_needs text;
begin
  select array_agg(c.name) filter (where c.is_readable), array_agg(c.name) filter (where not c.is_updatable), array_agg(c.name) filter (where c.is_link and c.is_readable),
    engine.revert_case(jsonb_object_agg(c.name, c.taken)), engine.revert_case(jsonb_object_agg(c.name, c.gone)),
    engine.revert_case(coalesce(jsonb_object_agg(c.name, c.gone) filter (where c.not_null), '{}'))
  into v_columns, v_fixed, v_links, v_taken, v_gone, v_needs
  from engine.revert_columns(caller, schema_name, object, what ->> 'field_name', condition) c;
  -- The planner takes the steps below for a few rows each, and would compare every row of many with every other.
  execute format('select count(*) from (select from %s e where e.object_id = %L and (%s) limit 1000) x', what ->> 'source', (object).id, condition) into v_events;
  perform set_config('enable_nestloop', case when v_events < 1000 then 'on' else 'off' end, true);
  return query execute format($sql$
    with sel as materialized (
      select e.record_id, e.batch, e.seq, e.action, case when e.action = 'updated' then %4$s
          -- A record that comes back finds its links again that were cut since, because what they lead to was gone for a while.
          when e.action in ('deleted', 'merged') then (select jsonb_object_agg(k, d -> k) from (select %4$s as d) x cross join unnest(%21$L::text[]) k where d ->> k is not null) end as b, case when e.action in ('updated', 'created', 'restored') then %5$s end as a
      from %20$s e
      where e.object_id = %3$L and e.action in ('created', 'restored', 'updated', 'deleted', 'merged') and (%6$s)
    ), rec as materialized (
      select s.record_id, (array_agg(s.action order by s.batch, s.seq))[1] in ('created', 'restored') as was_absent,
        (array_agg(s.action order by s.batch desc, s.seq desc))[1] in ('deleted', 'merged') as was_removed, max(s.batch) as last_batch,
        (array_agg(s.a order by s.batch desc, s.seq desc) filter (where s.action <> 'updated'))[1] as made
      from sel s group by s.record_id
    ), val as materialized (
      select s.record_id, v.key, (array_agg(v.value order by s.batch, s.seq))[1] as former,
        (array_agg(s.a -> v.key order by s.batch desc, s.seq desc))[1] as expected, max(s.batch) as last_batch, bool_and(s.action <> 'updated') as is_cut
      from sel s cross join lateral jsonb_each(s.b) v
      where v.key = any (%7$L::text[])
      group by s.record_id, v.key
    ), cur as materialized (
      select rec.*, p.id is not null as is_there, d.id is not null as is_trashed, to_jsonb(t.*) as row, t.id is not null and (%8$s) as is_seen,
        case when %9$L::boolean and t.id is not null then %10$s end as label, coalesce(%11$s, false) as may_update, coalesce(%12$s, false) as may_delete,
        case when rec.was_absent then case when rec.was_removed then 'NOTHING' else 'DELETE' end when rec.was_removed and p.id is null then 'RESTORE' else 'UPDATE' end as act
      from rec
      left join %2$s p on p.id = rec.record_id
      left join %1$I.trash d on d.object_id = %3$L and d.record_id = rec.record_id and p.id is null
      left join lateral (select p.* where p.id is not null union all select r.* from jsonb_populate_record(null::%2$s, d.data) r where d.id is not null) t on true
    ), seen as materialized (
      select * from cur where (is_seen or %13$L::boolean and not is_there and not is_trashed) and act <> 'NOTHING' and not (act = 'DELETE' and not is_there)
    ), changes as (
      select v.*, s.row -> v.key as present, s.act,
        case when s.act = 'UPDATE' and not s.is_there then null
          when v.key = any (%14$L::text[]) or not s.may_update and s.act = 'UPDATE' then 'NOT_ALLOWED'
          when s.act = 'UPDATE' and s.row -> v.key is distinct from v.expected and s.row ->> v.key is distinct from v.expected #>> '{}' then 'CHANGED_SINCE'
          when %15$s then 'TAKEN'
          when %16$s then 'LINK_GONE' end as conflict
      from val v join seen s on s.record_id = v.record_id
      where s.act <> 'DELETE' and s.row -> v.key is distinct from v.former and not (v.is_cut and (s.act <> 'RESTORE' or (%16$s)))
    ), coming as (
      -- What lies in the trash has no events of its own: all of its values come back.
      select s.record_id, v.key, s.row -> v.key as present, case when %15$s then 'TAKEN' else 'LINK_GONE' end as conflict
      from seen s cross join lateral (select s.record_id, e.key, e.value as former from jsonb_each(s.row) e) v
      where s.act = 'RESTORE' and (%15$s or %17$s)
    ), grown as (
      -- What was created is not any more what it was then.
      select s.record_id from seen s
      left join lateral (select jsonb_object_agg(v.key, v.expected) as values from val v where v.record_id = s.record_id) u on true
      where s.act = 'DELETE' and exists (
        select from unnest(%7$L::text[]) k cross join lateral (select s.made || coalesce(u.values, '{}') as values) e
        where e.values ? k and s.row -> k is distinct from e.values -> k and s.row ->> k is distinct from e.values ->> k)
    ), later as (
      -- Who changed it since.
      select c.record_id, c.key, n.actor_name, n.happened_at
      from (
        select c.record_id, c.key, c.last_batch from changes c where c.conflict = 'CHANGED_SINCE'
        union all
        select s.record_id, null, s.last_batch from seen s where s.record_id in (select g.record_id from grown g) or s.act = 'UPDATE' and not s.is_there
      ) c
      cross join lateral (
        select e.actor_name, e.happened_at from %1$I.events_of(%3$L, c.record_id) e
        where e.batch > c.last_batch and not coalesce(%6$s, false)
          and (c.key is not null and e.before ? c.key or c.key is null and (e.action = 'updated' and (e.before ?| %7$L::text[]) or e.action in ('deleted', 'merged')))
        order by e.batch desc limit 1
      ) n
    ), conflict as (
      select c.record_id, jsonb_build_object('column', c.key, 'kind', c.conflict, 'by', case when %18$L::boolean then l.actor_name end, 'at', l.happened_at) as value
      from changes c left join later l on l.record_id = c.record_id and l.key = c.key
      where c.conflict is not null
      union all
      select r.record_id, jsonb_build_object('column', r.key, 'kind', r.conflict) from coming r
      union all
      select s.record_id, jsonb_build_object('kind', k.kind, 'by', case when %18$L::boolean then l.actor_name end, 'at', l.happened_at)
      from seen s
      left join later l on l.record_id = s.record_id and l.key is null
      cross join lateral (select case
        when not s.is_there and not s.is_trashed then 'GONE'
        when s.act in ('DELETE', 'RESTORE') and not s.may_delete then 'NOT_ALLOWED'
        when s.act = 'UPDATE' and not s.is_there then 'DELETED_SINCE'
        when s.record_id in (select g.record_id from grown g) then 'CHANGED_SINCE' end as kind) k
      where k.kind is not null
    ), summed as (
      select c.record_id, jsonb_object_agg(c.key, c.present) as before, jsonb_object_agg(c.key, c.former) as after from changes c group by c.record_id
    ), conflicts as (
      select c.record_id, jsonb_agg(c.value order by c.value ->> 'column') as list from conflict c group by c.record_id
    )
    select %3$L::uuid, %19$L::text, s.record_id, s.label, s.act, m.before, m.after, coalesce(c.list, '[]')
    from seen s
    left join summed m on m.record_id = s.record_id
    left join conflicts c on c.record_id = s.record_id
    where s.act <> 'UPDATE' or m.record_id is not null or c.record_id is not null
    order by c.record_id is null, s.label, s.record_id$sql$,
    schema_name, v_table, (object).id, engine.reading_of(object, 'before'), engine.reading_of(object, 'after'), condition, coalesce(v_columns, '{}'),
    engine.condition_of(caller, (object).id, 'READ', 't.'), v_is_whole or engine.reads_label(caller, schema_name, object), engine.label_expression((object).id, 't'),
    engine.condition_of(caller, (object).id, 'UPDATE', 't.'), engine.condition_of(caller, (object).id, 'DELETE', 't.'), v_is_whole, coalesce(v_fixed, '{}'), v_taken, v_gone, v_needs, v_knows_who,
    (object).name_singular, what ->> 'source', coalesce(v_links, '{}'));
end
$$;

-- Record after record, of every object that the caller reads and that the changes touch; these were located.
create or replace function engine.revert_items(caller name, schema_name text, what jsonb) returns setof engine.revert_item
language plpgsql stable set search_path = ''
as $$
declare
  v_workspace uuid := (select w.id from core.workspaces w where w.schema_name = revert_items.schema_name);
  v_condition text := what ->> 'condition';
  v_object uuid;
begin
  for v_object in execute format('select distinct e.object_id from %s e where %s', what ->> 'source', v_condition) loop
    return query
    select i.* from metadata.objects o cross join lateral engine.revert_items_of(caller, schema_name, o, what, v_condition) i
    where o.id = v_object and o.workspace_id = v_workspace and o.deleted_at is null and o.is_active and engine.has_right(caller, o.id, 'READ');
  end loop;
end
$$;

-- The first of them for people to look at, those with something in the way first; with how many there are.
create or replace function engine.plan_revert(caller name, schema_name text, what jsonb, max_results int, skip int)
returns table (object_name text, record_id uuid, label text, action text, before jsonb, after jsonb, conflicts jsonb, total int, conflicting int)
language sql stable security definer set search_path = ''
as $$
  select i.object_name, i.record_id, i.label, i.action, i.before, i.after, i.conflicts, (count(*) over ())::int, (count(*) filter (where i.conflicts <> '[]') over ())::int
  from engine.revert_items(caller, schema_name, engine.revert_located(schema_name, (select w.id from core.workspaces w where w.schema_name = plan_revert.schema_name), what)) i
  order by i.conflicts = '[]', i.object_name, i.label, i.record_id
  limit least(greatest(max_results, 1), 1000) offset greatest(skip, 0)
$$;
grant execute on function engine.plan_revert(name, text, jsonb, int, int) to relvar_crm;
