-- Takes changes back. What they were is found and put together as the owner; what is written is written as
-- the caller, so that grants, policies and rules say no as they always do. Between these it is handed on as
-- a value, from one function to the next, since a function of the owner's cannot become another role:
--
--   end_revert(run_as_caller(restore_reverted(run_as_caller(begin_revert(…)))))
--
-- First links go back, so that what is deleted takes nothing along; then what was created goes to the trash;
-- what was deleted comes out of it; and then the other values, for which all they point to is there.
-- The log tells of it as of any change, with the source REVERT, so it is taken back in the same way.

create or replace function engine.begin_revert(caller name, schema_name text, what jsonb, on_conflict text, decisions jsonb) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_items engine.revert_item[];
  v_workspace uuid := (select w.id from core.workspaces w where w.schema_name = begin_revert.schema_name);
  v_what jsonb := engine.revert_located(schema_name, v_workspace, what);
  v_refused int;
  v_state jsonb;
begin
  if coalesce(on_conflict, '') not in ('REFUSE', 'SKIP', 'OVERWRITE') then
    raise exception 'What is in the way is not dealt with by "%".', on_conflict using errcode = 'RV197', column = 'on_conflict',
      hint = 'REFUSE takes nothing back, SKIP leaves out what is in the way, OVERWRITE takes back also what was changed since.';
  end if;
  perform engine.check_decisions(decisions);
  -- Until the end nobody else changes what is looked at now.
  perform engine.lock_reverted(schema_name, v_workspace, v_what ->> 'source', v_what ->> 'condition');
  v_items := array(select engine.decided(i, on_conflict, decisions) from engine.revert_items(caller, schema_name, v_what) i);
  v_refused := (select count(*) from unnest(v_items) i where i.conflicts @> '[{"decision": "REFUSE"}]');
  if cardinality(v_items) = 0 then
    raise exception 'There is nothing to take back.' using errcode = 'RV198', hint = 'It was taken back already, was no change of records that you may change, or lies before what the log keeps.';
  elsif v_refused > 0 then
    raise exception '%', case when cardinality(v_items) = 1 then 'It cannot be taken back as it is.' else format('%s of %s records cannot be taken back as they are.', v_refused, cardinality(v_items)) end
      using errcode = 'RV199', detail = (select jsonb_agg(jsonb_build_object('objectName', i.object_name, 'recordId', i.record_id, 'label', i.label, 'conflicts', i.conflicts))::text
        from (select * from unnest(v_items) i where i.conflicts @> '[{"decision": "REFUSE"}]' limit 20) i),
      hint = 'Look at plan_revert, then choose on_conflict: SKIP leaves these out, OVERWRITE takes back also what was changed since; or decide each in decisions.';
  end if;
  perform set_config('relvar.reverting', current_setting('relvar.source', true), true), set_config('relvar.source', 'REVERT', true);
  v_state := engine.revert_statements(schema_name, v_workspace, v_items);
  return v_state || jsonb_build_object('schema', schema_name, 'caller', caller, 'done', '{}'::jsonb, 'request_id', v_what ->> 'located_request',
    'conflicts', (select coalesce(jsonb_agg(jsonb_build_object('objectName', i.object_name, 'recordId', i.record_id, 'conflicts', i.conflicts)), '[]') from (select * from unnest(v_items) i where i.conflicts <> '[]' limit 100) i),
    'total', cardinality(v_items));
end
$$;

-- What becomes of single conflicts: {record: {column: OVERWRITE or SKIP}}, "" for the record as a whole.
create or replace function engine.check_decisions(decisions jsonb) returns void
language plpgsql immutable set search_path = ''
as $$
begin
  if decisions is not null and (jsonb_typeof(decisions) <> 'object' or exists (
      select from jsonb_each(decisions) r
      cross join lateral jsonb_each(case jsonb_typeof(r.value) when 'object' then r.value else '{"": null}' end) c where c.value not in ('"OVERWRITE"', '"SKIP"'))) then
    raise exception 'The decisions cannot be understood.' using errcode = 'RV257', column = 'decisions',
      hint = 'Write {"<id of the record>": {"<column, or nothing for the record>": "OVERWRITE" or "SKIP"}}, with the columns that plan_revert names.';
  end if;
end
$$;

create or replace function engine.decided(item engine.revert_item, on_conflict text, decisions jsonb) returns engine.revert_item
language plpgsql immutable set search_path = ''
as $$
begin
  if item.conflicts <> '[]' then
    item.conflicts := (select jsonb_agg(c || jsonb_build_object('decision', coalesce(decisions -> item.record_id::text ->> coalesce(c ->> 'column', ''), on_conflict)))
      from jsonb_array_elements(item.conflicts) c);
  end if;
  return item;
end
$$;

create or replace function engine.lock_reverted(schema_name text, workspace_id uuid, source text, condition text) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  o record;
begin
  for o in execute format('select distinct e.object_id as id from %s e where %s order by 1', source, condition) loop
    execute (select format('select from %1$I.%2$I t where t.id in (select e.record_id from %5$s e where e.object_id = %3$L and (%4$s)) order by t.id for update', schema_name, b.table_name, b.id, condition, source)
      from metadata.objects b where b.id = o.id and b.workspace_id = lock_reverted.workspace_id);
  end loop;
end
$$;

-- Objects as one. Unlike jsonb_object_agg it takes no longer for values that are large.
create or replace aggregate engine.joined(jsonb) (sfunc = pg_catalog.jsonb_concat, stype = jsonb);

-- What remains to be done of the items once what is in the way is left out or overwritten.
create or replace function engine.revert_statements(schema_name text, workspace_id uuid, items engine.revert_item[]) returns jsonb
language sql stable set search_path = ''
as $$
  with item as materialized (
    select i.*, o.table_name, b.columns as left_out,
      (select bool_or(c ->> 'column' is null and (c ->> 'kind' <> 'CHANGED_SINCE' or c ->> 'decision' <> 'OVERWRITE') or i.action = 'RESTORE') from jsonb_array_elements(i.conflicts) c) is true as is_left_out
    from unnest(items) i
    join metadata.objects o on o.id = i.object_id
    cross join lateral (select array(select c ->> 'column' from jsonb_array_elements(i.conflicts) c
      where c ->> 'column' is not null and (c ->> 'kind' <> 'CHANGED_SINCE' or c ->> 'decision' <> 'OVERWRITE')) as columns) b
  ), link as materialized (
    select c.object_id, array_agg(c.name) as names from engine.columns(revert_statements.workspace_id) c where c.relation_id is not null group by c.object_id
  ), value as (
    select i.object_id, i.table_name, i.record_id, e.key, e.value,
      -- Links to what comes back with it wait for that.
      case when i.action = 'UPDATE' and e.key = any (l.names) and not exists (select from item r where r.action = 'RESTORE' and r.record_id = (case when e.key = any (l.names) then e.value #>> '{}' end)::uuid) then 1 else 3 end as stage
    from item i
    left join link l on l.object_id = i.object_id
    cross join lateral jsonb_each(i.after - i.left_out) e
    where not i.is_left_out and i.action in ('UPDATE', 'RESTORE')
  ), record as (
    select v.object_id, v.table_name, v.stage, v.record_id, array_agg(v.key order by v.key) as keys, jsonb_object_agg(v.key, v.value) || jsonb_build_object('id', v.record_id) as data
    from value v group by 1, 2, 3, 4
  ), statement as (
    select r.stage, jsonb_build_object('sql', format('update %1$I.%2$I t set %3$s from jsonb_populate_recordset(null::%1$I.%2$I, $1) d where t.id = d.id', schema_name, r.table_name,
        (select string_agg(format('%I = d.%1$I', k), ', ') from unnest(r.keys) k)), 'data', jsonb_agg(r.data)) as value
    from record r group by r.stage, r.table_name, r.keys
    union all
    select 2, jsonb_build_object('sql', format('delete from %I.%I t where t.id in (select (e #>> ''{}'')::uuid from jsonb_array_elements($1) e)', schema_name, i.table_name), 'data', jsonb_agg(i.record_id))
    from item i where i.action = 'DELETE' and not i.is_left_out group by i.table_name
  )
  select jsonb_build_object(
    -- Not jsonb_agg, which takes minutes for a value that holds 100,000 others.
    'now', (select coalesce(to_jsonb(array_agg(s.value order by s.stage)), '[]') from statement s where s.stage < 3),
    'then', (select coalesce(to_jsonb(array_agg(s.value)), '[]') from statement s where s.stage = 3),
    'restore', (select coalesce(engine.joined(jsonb_build_object(r.object_id, r.ids)), '{}') from (select i.object_id, jsonb_agg(i.record_id) as ids from item i where i.action = 'RESTORE' and not i.is_left_out group by 1) r),
    'wanted', (select count(distinct x.record_id) from (select record_id from value union all select i.record_id from item i where i.action in ('DELETE', 'RESTORE') and not i.is_left_out) x))
$$;

-- Runs what it is handed, as whoever calls.
create or replace function engine.run_as_caller(state jsonb) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_statement jsonb;
begin
  for v_statement in select s from jsonb_array_elements(state -> 'now') s loop
    execute v_statement ->> 'sql' using v_statement -> 'data';
  end loop;
  return state;
end
$$;

create or replace function engine.restore_reverted(state jsonb) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_wanted int := (select count(*) from jsonb_each(state -> 'restore') r cross join lateral jsonb_array_elements(r.value));
  v_object metadata.objects;
  v_id uuid;
begin
  if v_wanted = 1 then
    select o.* into v_object from metadata.objects o join jsonb_object_keys(state -> 'restore') k on o.id = k::uuid;
    v_id := (state -> 'restore' -> v_object.id::text ->> 0)::uuid;
    perform engine.put_back(state ->> 'schema', v_object, v_id, (state ->> 'caller')::name);
  elsif v_wanted > 1 then
    perform engine.put_back_many(state ->> 'schema', state -> 'restore', (state ->> 'caller')::name);
  end if;
  perform engine.move_back(state ->> 'schema', r.key::uuid, array(select i::uuid from jsonb_array_elements_text(r.value) i)) from jsonb_each(state -> 'restore') r;
  return state || jsonb_build_object('now', state -> 'then');
end
$$;

-- Many records out of the trash at once: those whose required links are there first; links to what is not yet
-- there are tied when it is, links to what is gone stay empty.
create or replace function engine.put_back_many(schema_name text, records jsonb, caller name) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_left uuid[] := array(select k::uuid from jsonb_object_keys(records) k);
  v_id uuid;
  v_ids uuid[];
  v_is_stuck boolean;
  v_object metadata.objects;
  v_table regclass;
  v_columns text;
  v_empty text;
  v_ties text[] := '{}';
  v_detail text;
begin
  while v_left <> '{}' loop
    v_is_stuck := true;
    foreach v_id in array v_left loop
      select o.* into v_object from metadata.objects o where o.id = v_id;
      -- Required links to what comes back later, in this very call.
      continue when exists (
        select from engine.columns(v_object.workspace_id, array[v_object.id]) c join metadata.relations r on r.id = c.relation_id
        where c.not_null and r.target_object_id <> v_object.id and r.target_object_id = any (v_left));
      v_is_stuck := false;
      v_ids := array(select e::uuid from jsonb_array_elements_text(records -> v_object.id::text) e);
      v_table := format('%I.%I', schema_name, v_object.table_name)::regclass;
      select string_agg(quote_ident(a.attname), ', ' order by a.attnum) into v_columns
      from pg_catalog.pg_attribute a where a.attrelid = v_table and a.attnum > 0 and not a.attisdropped and a.attgenerated = '';
      -- Defaults are for what the trash does not have, such as fields that are new.
      select coalesce(' || ' || string_agg(format('case when d.data ->> %1$L is not null and not exists (select from %2$I.%3$I o where o.id = (d.data ->> %1$L)::uuid)%4$s then %5$L::jsonb else ''{}'' end',
          c.name, schema_name, t.table_name, case when t.id = v_object.id then ' and not (d.data ->> ' || quote_literal(c.name) || ')::uuid = any ($2)' else '' end, jsonb_build_object(c.name, null)), ' || '), ''),
        v_ties || coalesce(array_agg(format('update %1$s t set %2$I = (v.value ->> 1)::uuid from jsonb_array_elements($1 -> %3$L) v where t.id = (v.value ->> 0)::uuid and t.%2$I is null and exists (select from %4$I.%5$I o where o.id = (v.value ->> 1)::uuid)',
          v_table, c.name, v_object.id || ' ' || c.name, schema_name, t.table_name)) filter (where t.id <> v_object.id and t.id = any (v_left)), '{}')
      into v_empty, v_ties
      from engine.columns(v_object.workspace_id, array[v_object.id]) c
      join metadata.relations r on r.id = c.relation_id join metadata.objects t on t.id = r.target_object_id;
      records := records || coalesce((
        select engine.joined(jsonb_build_object(v_object.id || ' ' || c.name, engine.trashed_links(schema_name, v_object.id, v_ids, c.name)))
        from engine.columns(v_object.workspace_id, array[v_object.id]) c where c.relation_id is not null), '{}');
      begin
        perform set_config('relvar.action', 'restored', true);
        execute format('insert into %1$s (%2$s) select %5$s from %3$I.trash d cross join lateral jsonb_populate_record(null::%1$s, d.data%4$s) r where d.object_id = $1 and d.record_id = any ($2)',
          v_table, v_columns, schema_name, v_empty, engine.restored_columns(v_table)) using v_object.id, v_ids;
        perform set_config('relvar.action', '', true);
      exception
        when unique_violation then
          get stacked diagnostics v_detail = pg_exception_detail;
          raise exception 'Some % cannot be restored: others have taken their place.', v_object.label_plural using errcode = 'RV014',
            detail = case when engine.reads_wholly(caller, v_object.id) then v_detail else '' end, hint = 'Change or delete the others first, or leave these out.';
        when not_null_violation or check_violation or data_exception then
          raise exception 'Some % cannot be restored, since they do not fit their object any more.', v_object.label_plural using errcode = 'RV013',
            hint = 'The object was changed after they were deleted. Change it back, restore, and change it again.';
      end;
      execute format('delete from %I.trash where object_id = $1 and record_id = any ($2)', schema_name) using v_object.id, v_ids;
      v_left := array_remove(v_left, v_object.id);
    end loop;
    if v_is_stuck then
      raise exception 'The records need one another.' using errcode = 'RV013', hint = 'Restore them one by one.';
    end if;
  end loop;
  foreach v_empty in array v_ties loop
    execute v_empty using records;
  end loop;
end
$$;

-- Links of records in the trash by one column: [[record, target], …].
create or replace function engine.trashed_links(schema_name text, object_id uuid, ids uuid[], column_name text) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_links jsonb;
begin
  execute format('select coalesce(jsonb_agg(jsonb_build_array(d.record_id, d.data ->> $3)), ''[]'') from %I.trash d where d.object_id = $1 and d.record_id = any ($2) and d.data ->> $3 is not null', schema_name)
    into v_links using object_id, ids, column_name;
  return v_links;
end
$$;

-- What the trash does not have is what a new record has: fields came after the record had gone.
create or replace function engine.restored_columns(relation regclass) returns text
language sql stable set search_path = ''
as $$
  select string_agg(case when e.expression is null or a.attidentity <> '' then 'r.' || quote_ident(a.attname) else format('case when d.data ? %L then r.%I else %s end', a.attname, a.attname, e.expression) end, ', ' order by a.attnum)
  from pg_catalog.pg_attribute a
  left join lateral (select pg_catalog.pg_get_expr(f.adbin, f.adrelid) as expression from pg_catalog.pg_attrdef f where f.adrelid = a.attrelid and f.adnum = a.attnum) e on true
  where a.attrelid = relation and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
$$;

-- What an import did bears its id as that of the request. Taking it back is a request as well, and so is taking that back.
create or replace function engine.end_revert(state jsonb) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform set_config('relvar.source', coalesce(current_setting('relvar.reverting', true), ''), true);
  update core.imports i set reverted_at = case when i.reverted_at is null then now() end, turned_by = nullif(current_setting('relvar.request_id', true), '')
  where i.workspace_id = (select w.id from core.workspaces w where w.schema_name = state ->> 'schema') and i.status = 'DONE'
    and (state ->> 'request_id' = i.turned_by or state ->> 'request_id' = i.id::text and i.reverted_at is null);
  return jsonb_build_object('reverted', state -> 'wanted', 'skipped', (state ->> 'total')::int - (state ->> 'wanted')::int, 'conflicts', state -> 'conflicts');
end
$$;

grant execute on function engine.begin_revert(name, text, jsonb, text, jsonb), engine.run_as_caller(jsonb), engine.restore_reverted(jsonb), engine.end_revert(jsonb) to relvar_crm;
