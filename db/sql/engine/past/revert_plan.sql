-- Taking changes of records back: what each record would become, and what is in the way. Which changes is
-- said by one of: a change (batch, seq) or a statement (batch), either with all that was done together with it
-- (its request or, without one, its transaction); a transaction; a request; or a record, or one field of it,
-- since a moment or a statement. Of several changes of one record the first says what it was before.

-- The selected events, as a condition over record_events e.
create or replace function engine.revert_condition(schema_name text, workspace_id uuid, what jsonb) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_event record;
  v_since timestamptz := now() - interval '1 day';
  v_is_there boolean;
begin
  if what ->> 'batch' is not null then
    execute format('select e.* from %I.record_events e where e.batch = $1 and ($2 is null or e.seq = $2) order by e.seq limit 1', schema_name)
      into v_event using (what ->> 'batch')::bigint, (what ->> 'seq')::int;
    if v_event.batch is null then
      return 'false';
    elsif not coalesce((what ->> 'together')::boolean, false) then
      return format('e.batch = %L', v_event.batch) || case when what ->> 'seq' is not null then format(' and e.seq = %L', what ->> 'seq') else '' end;
    elsif v_event.request_id is null then
      return format('e.transaction_id = %L', v_event.transaction_id);
    end if;
    return format('e.request_id = %L and e.happened_at between %L::timestamptz - interval ''1 day'' and %2$L::timestamptz + interval ''1 day''', v_event.request_id, v_event.happened_at);
  elsif what ->> 'transaction_id' is not null then
    return format('e.transaction_id = %L', what ->> 'transaction_id');
  elsif what ->> 'request_id' is not null then
    -- The log is found by time sooner than by request, and most are of today. What began yesterday, such as a long import,
    -- has something in each day until then.
    execute format('select exists (select from %I.record_events e where e.request_id = $1 and e.happened_at > $2)', schema_name)
      into v_is_there using what ->> 'request_id', v_since;
    if not v_is_there then
      return format('e.request_id = %L', what ->> 'request_id');
    end if;
    while v_is_there loop
      execute format('select exists (select from %I.record_events e where e.request_id = $1 and e.happened_at > $2 - interval ''1 day'' and e.happened_at <= $2)', schema_name)
        into v_is_there using what ->> 'request_id', v_since;
      v_since := v_since - interval '1 day';
    end loop;
    return format('e.request_id = %L and e.happened_at > %L::timestamptz', what ->> 'request_id', v_since);
  elsif what ->> 'record_id' is not null and (what ->> 'moment' is not null or what ->> 'after_batch' is not null) then
    return format('e.record_id = %L and e.object_id = %L', what ->> 'record_id', engine.past_object_id(workspace_id, what ->> 'object_name'))
      || case when what ->> 'moment' is not null then format(' and e.happened_at > %L::timestamptz', what ->> 'moment') else '' end
      || case when what ->> 'after_batch' is not null then format(' and e.batch > %L', what ->> 'after_batch') else '' end;
  end if;
  raise exception 'Which changes?' using errcode = 'RV197',
    hint = 'Give batch (and seq), transaction_id, request_id, or object_name and record_id with moment or after_batch.';
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

-- Where they are: those of one record are read from the archive, too, or the first of them would not be the first.
create or replace function engine.revert_source(schema_name text, workspace_id uuid, what jsonb) returns text
language sql stable set search_path = ''
as $$
  select case when what ->> 'record_id' is not null and (what ->> 'moment' is not null or what ->> 'after_batch' is not null)
      and what ->> 'batch' is null and what ->> 'transaction_id' is null and what ->> 'request_id' is null
    then format('%I.events_of(%L, %L)', schema_name, engine.past_object_id(workspace_id, what ->> 'object_name'), what ->> 'record_id')
    else format('%I.record_events', schema_name) end
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
  execute format('select count(*) from (select from %s e where e.object_id = %L and (%s) limit 1000) x', engine.revert_source(schema_name, (object).workspace_id, what), (object).id, condition) into v_events;
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
        select e.actor_name, e.happened_at from %1$I.record_events e
        where e.object_id = %3$L and e.record_id = c.record_id and e.batch > c.last_batch and not coalesce(%6$s, false)
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
    (object).name_singular, engine.revert_source(schema_name, (object).workspace_id, what), coalesce(v_links, '{}'));
end
$$;

-- Record after record, of every object that the caller reads and that the changes touch.
create or replace function engine.revert_items(caller name, schema_name text, what jsonb) returns setof engine.revert_item
language plpgsql stable set search_path = ''
as $$
declare
  v_workspace uuid := (select w.id from core.workspaces w where w.schema_name = revert_items.schema_name);
  v_condition text := engine.revert_condition(schema_name, v_workspace, what);
  v_object uuid;
begin
  for v_object in execute format('select distinct e.object_id from %s e where %s', engine.revert_source(schema_name, v_workspace, what), v_condition) loop
    return query
    select i.* from metadata.objects o cross join lateral engine.revert_items_of(caller, schema_name, o, what, v_condition) i
    where o.id = v_object and o.workspace_id = v_workspace and o.deleted_at is null and o.is_active and engine.has_right(caller, o.id, 'READ');
  end loop;
end
$$;

-- The first of them for people to look at, those with something in the way first; with how many there are.
create or replace function engine.plan_revert(caller name, schema_name text, what jsonb, max_results int)
returns table (object_name text, record_id uuid, label text, action text, before jsonb, after jsonb, conflicts jsonb, total int, conflicting int)
language sql stable security definer set search_path = ''
as $$
  select i.object_name, i.record_id, i.label, i.action, i.before, i.after, i.conflicts, (count(*) over ())::int, (count(*) filter (where i.conflicts <> '[]') over ())::int
  from engine.revert_items(caller, schema_name, what) i
  order by i.conflicts = '[]', i.object_name, i.label, i.record_id
  limit least(greatest(max_results, 1), 1000)
$$;
grant execute on function engine.plan_revert(name, text, jsonb, int) to relvar_crm;
