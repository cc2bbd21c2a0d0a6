-- What happened to records after a moment, as a caller may know it: the door of live updates. A record that he sees
-- before and after a change changes for him; one that comes into his sight or leaves it is told as that, and of what
-- it was or became where he does not see it nothing is told. How a record was before a change follows from how it is
-- now and what has happened since, and is judged by the rules of now.

-- A statement that changed more records than these is told as one: read the object again.
create or replace function engine.max_told_changes() returns int
language sql immutable parallel safe
  return 500;

-- Whether the caller is one with whom a record was shared that is shared no more.
create or replace function engine.was_shared_with_me(before jsonb) returns boolean
language sql stable set search_path = ''
as $$
  select exists (select from engine.my_principals() p where p = (before #>> '{share,id}')::uuid)
$$;

create or replace function engine.changes_between(caller name, schema_name text, after_position bigint, until_position bigint, object_ids uuid[], with_records boolean)
returns setof jsonb
language plpgsql stable security definer set search_path = '' set jit = off
as $$
declare
  v_table text;
  v_policy text;
  v_is_whole boolean;
  v_names text[];
  v_since timestamptz[];
  v_columns text[];
  v_fields text[];
  v_knows_who boolean;
  v_large bigint[];
  r record;
begin
  for r in
    execute format(
      'select b.object_id, o as object, array_agg(b.position) as positions
       from %I.event_batches b join metadata.objects o on o.id = b.object_id
       where b.position > $1 and b.position <= $2 and ($3 is null or b.object_id = any ($3)) and o.is_active and o.deleted_at is null
       group by b.object_id, o', schema_name)
    using after_position, until_position, object_ids
  loop
    continue when not engine.has_right(caller, r.object_id, 'READ');
    v_table := format('%I.%I', schema_name, (r.object).table_name);
    v_is_whole := engine.reads_wholly(caller, r.object_id);
    v_policy := case when v_is_whole then 'true' else engine.read_policy(caller, v_table::regclass) end;
    v_knows_who := v_is_whole or (has_column_privilege(caller, v_table, 'created_by_name', 'select') and has_column_privilege(caller, v_table, 'updated_by_name', 'select'));
    select array_agg(c.name), array_agg(c.since) into v_names, v_since from engine.past_columns(caller, schema_name, r.object) c;
    select array_agg(c.name), array_agg(f.name) into v_columns, v_fields
    from engine.field_columns((r.object).workspace_id, array[r.object_id]) c join metadata.fields f on f.id = c.field_id;
    execute format(
      'select array_agg(b.position) from %1$I.event_batches b
       where b.position = any ($1) and (select count(*) from (select from %1$I.record_events e where e.batch = b.batch limit $2 + 1) x) > $2', schema_name)
    into v_large using r.positions, engine.max_told_changes();
    return query execute format($sql$
      with event as materialized (
        select b.position, e.*,
          case when e.action not in ('deleted', 'merged', 'destroyed') then
            coalesce(to_jsonb(r), case when e.action in ('created', 'restored') then e.after else '{}' end) || coalesce(later.before, '{}') end as is_after,
          case when e.action = 'destroyed' then gone.before when e.action in ('updated', 'deleted', 'merged') then e.before else '{}' end as was_otherwise,
          array(select distinct f.field from jsonb_object_keys(engine.past_values(case when e.action = 'updated' then e.after end, e.happened_at, $6, $7)) k (key)
            join unnest($8, $9) f (name, field) on f.name = k.key order by 1) as fields
        from %1$I.event_batches b
        join %1$I.record_events e on e.batch = b.batch
        -- As it is now, less what has happened since, is as it was then.
        left join %2$s r on %3$s and r.id = e.record_id
        left join lateral (
          select jsonb_object_agg(k.key, k.value order by l.batch desc, l.seq desc) as before
          from %1$I.record_events l cross join lateral jsonb_each(l.before) k
          where l.record_id = e.record_id and l.object_id = e.object_id and (l.batch, l.seq) > (e.batch, e.seq) and l.action in ('updated', 'deleted', 'merged')
        ) later on %3$s
        -- What is destroyed lay in the trash, where those see it who saw it before.
        left join lateral (
          select l.before from %1$I.record_events l
          where l.record_id = e.record_id and l.object_id = e.object_id and (l.batch, l.seq) < (e.batch, e.seq) and l.action in ('deleted', 'merged')
          order by l.batch desc, l.seq desc limit 1
        ) gone on %3$s and e.action = 'destroyed'
        where b.position = any ($1) and not b.position = any (coalesce($2, '{}'))
      ), state as materialized (
        select e.*, case when e.action not in ('created', 'restored') then coalesce(e.is_after, '{}') || coalesce(e.was_otherwise, '{}') end as was_before
        from event e
      ), seen as (
        select e.*, (%4$s) as sees, (%5$s) as saw
        from state e
      ), told as (
        select s.*, case
            when s.action = 'updated' and s.sees and s.saw then case when s.fields <> '{}' then 'updated' end
            when s.action = 'updated' and s.sees then 'added'
            when s.action = 'updated' and s.saw then 'removed'
            when s.action = 'unshared' and not s.sees then case when engine.was_shared_with_me(s.before) then 'removed' end
            when s.action in ('linked', 'unlinked') then case when s.sees and engine.sees_link($11, coalesce(s.after, s.before)) then s.action end
            when s.sees or s.saw then s.action end as tell
        from seen s
      )
      select jsonb_build_object('position', t.position || '.' || t.seq, 'action', t.tell, 'object', $4, 'recordId', t.record_id, 'requestId', t.request_id)
        || case when t.tell = 'removed' then '{}' else jsonb_build_object(
          'changedFields', case when t.tell = 'updated' then t.fields end,
          'actor', case when $5 then jsonb_build_object('type', t.actor_type, 'id', t.actor_id, 'name', t.actor_name) end,
          'source', case when $5 then t.source end, 'happenedAt', t.happened_at) end
        || case when $10 and t.sees and t.tell <> 'removed' then jsonb_build_object('record', (
          select jsonb_object_agg(engine.camel_case(k.key), k.value) from %2$s o cross join lateral jsonb_each(to_jsonb(o)) k
          where o.id = t.record_id and k.key = any ($6) and k.key <> 'search_vector' and %6$s)) else '{}' end
      from told t where t.tell is not null
      union all
      select jsonb_build_object('position', u.position::text, 'action', 'resync', 'object', $4, 'recordId', null) from unnest($2) u (position)$sql$,
      schema_name, v_table, (v_policy <> 'true')::text,
      case when v_policy = 'true' then 'e.action not in (''deleted'', ''merged'', ''destroyed'')'
        else format('e.is_after ? ''id'' and exists (select from jsonb_populate_record(null::%s, e.is_after) t where %s)', v_table, v_policy) end,
      case when v_policy = 'true' then 'e.action not in (''created'', ''restored'')'
        else format('e.was_before ? ''id'' and exists (select from jsonb_populate_record(null::%s, e.was_before) t where %s)', v_table, v_policy) end,
      v_policy)
    using r.positions, v_large, null::text, (r.object).name_singular, v_knows_who, v_names, v_since, v_columns, v_fields, coalesce(with_records, false), caller;
  end loop;
  return query select * from engine.changes_of_sight(caller, schema_name, after_position, until_position, object_ids);
end
$$;

-- Rules may ask a related record. Where one changed so that it is now as a rule asks, or is no more, records that refer to it may have
-- come into sight or left it, and nothing happened to them. Of which nobody can tell how they were seen then: those who have the
-- rule read the object again.
create or replace function engine.changes_of_sight(caller name, schema_name text, after_position bigint, until_position bigint, object_ids uuid[]) returns setof jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_position bigint;
  r record;
begin
  if not exists (select from metadata.record_rules u where u.role_id in (select c from engine.roles_of(caller) c) and u.action = 'READ' and u.compiled::text like '%"via"%') then
    return;
  end if;
  for r in
    select distinct o.name_singular, o.table_name, y.id as related_id, y.table_name as related_table, l.name as link,
      (engine.policy_column(s.sides -> 'field', '')).column_sql as column_name, engine.policy_print(engine.policy_comparison(a, false, 't.', null)) as condition
    from metadata.record_rules u
    join metadata.objects o on o.id = u.object_id
    cross join lateral engine.policy_atoms(u.compiled -> 'node') a
    cross join lateral (select engine.policy_sides(a) as sides) s
    join metadata.fields f on f.id = (s.sides #>> '{field,field}')::uuid
    join metadata.objects y on y.id = f.object_id
    join metadata.relations n on n.field_id = (s.sides #>> '{field,via,0}')::uuid and n.deleted_at is null
    join lateral engine.columns(o.workspace_id, array[o.id]) l on l.relation_id = n.id
    where u.role_id in (select c from engine.roles_of(caller) c) and u.action = 'READ' and s.sides -> 'field' ? 'via' and (object_ids is null or o.id = any (object_ids))
      and not engine.reads_wholly(caller, o.id)
  loop
    execute format($sql$
      select max(b.position) from %1$I.event_batches b join %1$I.record_events e on e.batch = b.batch
      where b.position > $1 and b.position <= $2 and b.object_id = $3 and b.action = 'updated' and e.before ? %4$L
        and (select coalesce(%5$s, false) from jsonb_populate_record(null::%1$I.%2$I, e.before) t) <> (select coalesce(%5$s, false) from jsonb_populate_record(null::%1$I.%2$I, e.after) t)
        and exists (select from %1$I.%3$I x where x.%6$I = e.record_id)$sql$,
      schema_name, r.related_table, r.table_name, trim(both '"' from r.column_name), r.condition, r.link)
    into v_position using after_position, until_position, r.related_id;
    if v_position is not null then
      return next jsonb_build_object('position', v_position::text, 'action', 'resync', 'object', r.name_singular, 'recordId', null);
    end if;
  end loop;
end
$$;

-- Reached only through the tenant's own function, which names the caller.
grant execute on function engine.changes_between(name, text, bigint, bigint, uuid[], boolean) to relvar_crm, relvar_reader;

-- Positions that a workspace's log has, and the objects of which something changed in a part of it; for the server,
-- which need not ask again for those who may not read any of them.
create or replace function engine.positions(workspace_id uuid, after_position bigint, until_position bigint, out first_position bigint, out last_position bigint, out object_ids uuid[])
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_schema text := (select w.schema_name from core.workspaces w where w.id = workspace_id);
begin
  if to_regclass(quote_ident(v_schema) || '.event_batches') is null then
    first_position := 1;
    last_position := 0;
    object_ids := '{}';
    return;
  end if;
  last_position := engine.last_position(workspace_id);
  first_position := engine.first_position(workspace_id);
  execute format('select coalesce(array_agg(distinct b.object_id), ''{}'') from %I.event_batches b where b.position > $1 and b.position <= $2', v_schema)
    into object_ids using after_position, until_position;
end
$$;
comment on function engine.positions(uuid, bigint, bigint) is
  'The first and the last position that can be read of a workspace''s log, and the objects of which something changed after one position up to another.';
grant execute on function engine.positions(uuid, bigint, bigint) to relvar_server;
