-- Several records become one: the survivor gets the values that were chosen, all that refers to the others refers to it,
-- and the others go to the trash. Some of them may lie there already: they come back first, for the moment. The caller needs the rights to change the survivor and to delete the others; what refers to them moves as
-- it would be cut when they are deleted, whoever may change it. Each step is logged as any other, so that the transaction can be reverted.

-- Records of such an object tie others together and say nothing else.
create or replace function engine.is_only_links(object metadata.objects) returns boolean
language sql stable set search_path = ''
as $$
  select (object).is_junction or not exists (select from metadata.fields f
    where f.object_id = (object).id and not f.is_system and f.deleted_at is null and f.type not in ('RELATION', 'MORPH_RELATION'))
$$;

-- What went into a record, and what had gone into that before.
create or replace function engine.absorbed_ids(schema_name text, object_id uuid, record_id uuid) returns uuid[]
language plpgsql stable set search_path = ''
as $$
declare
  v_ids uuid[];
begin
  execute format('with recursive absorbed (id) as (
      select i from %1$I.record_merges m cross join unnest(m.other_ids) i where m.object_id = $1 and m.survivor_id = $2
      union
      select i from absorbed a join %1$I.record_merges m on m.object_id = $1 and m.survivor_id = a.id cross join unnest(m.other_ids) i)
    select array_agg(a.id) from absorbed a', schema_name) into v_ids using object_id, record_id;
  return v_ids;
end
$$;

-- What is moved: every relation that leads to the object, and whether its object is nothing but links.
create or replace function engine.relations_to(object metadata.objects)
returns table (child metadata.objects, column_name text, is_link boolean, own_columns text[], other_columns text[])
language sql stable set search_path = ''
as $$
  with c as materialized (
    select s.object_id, s.name, r.target_object_id from engine.columns((object).workspace_id) s join metadata.relations r on r.id = s.relation_id
  )
  select o, c.name,
    engine.is_only_links(o),
    array(select k.name from c k where k.object_id = o.id and k.target_object_id = (object).id), array(select k.name from c k where k.object_id = o.id and k.target_object_id <> (object).id)
  from c join metadata.objects o on o.id = c.object_id
  where c.target_object_id = (object).id
  order by o.is_junction, o.table_name, c.name
$$;

create or replace function engine.begin_merge(caller name, schema_name text, object_name text, survivor_id uuid, other_ids uuid[], data jsonb) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.past_object(caller, schema_name, object_name);
  v_table text := format('%I.%I', schema_name, v_object.table_name);
  v_others uuid[] := array(select distinct i from unnest(other_ids) i where i <> survivor_id);
  v_data jsonb := '{}';
  v_unknown text;
  v_trashed jsonb;
  r record;
begin
  if v_object.is_junction or v_object.universal_identifier = 'standard:workspaceMember' then
    raise exception '% are not merged.', v_object.label_plural using errcode = 'RV192', hint = 'Merge the records that they belong to.';
  end if;
  if survivor_id is null or cardinality(v_others) not between 1 and 100 then
    raise exception 'A record is merged with 1 to 100 others.' using errcode = 'RV192', column = 'other_ids', hint = 'Name the one that stays, and the others.';
  end if;
  v_trashed := engine.bring_back_to_merge(caller, schema_name, v_object, v_others);
  execute format('select from %s t where t.id = any ($1) order by t.id for update', v_table) using survivor_id || v_others;
  if not engine.may_touch(caller, v_object.id, survivor_id, 'UPDATE') then
    raise exception 'Your role may not change the record that stays, or there is none.' using errcode = '42501';
  end if;
  if exists (select from unnest(v_others) i where not engine.may_touch(caller, v_object.id, i, 'DELETE')) then
    raise exception 'Your role may not delete one of the records that go, or there is none.' using errcode = '42501', hint = 'Merging puts them into the trash.';
  end if;
  if jsonb_typeof(coalesce(data, '{}')) <> 'object' then
    raise exception 'Values are an object.' using errcode = 'RV062', column = 'data', hint = 'Give {"emailsPrimaryEmail": "ann@example.com"}, for example.';
  end if;
  select k into v_unknown from jsonb_object_keys(data) k
  where not exists (select from pg_catalog.pg_attribute a where a.attrelid = v_table::regclass and a.attname = engine.snake_case(k) and a.attnum > 0 and not a.attisdropped) limit 1;
  if found then
    raise exception '% have no value "%".', v_object.label_plural, v_unknown using errcode = 'RV062', column = 'data',
      hint = coalesce(format('Did you mean %s?', engine.nearest(v_unknown, array(select engine.camel_case(s.name) from engine.columns(v_object.workspace_id, array[v_object.id]) s where s.is_active))),
        'Name values as the API does when a record is created.');
  end if;
  v_data := (select coalesce(jsonb_object_agg(engine.snake_case(e.key), e.value), '{}') from jsonb_each(data) e);
  insert into engine.merging (record_id, survivor_id) select i, begin_merge.survivor_id from unnest(v_others) i;
  execute format('insert into %I.record_merges (object_id, survivor_id, other_ids, moved) values ($1, $2, $3, $4)', schema_name)
    using v_object.id, survivor_id, v_others, engine.what_moves(schema_name, v_object.id, survivor_id, v_others);
  for r in select * from engine.relations_to(v_object) loop
    perform engine.move_references(schema_name, v_object, (r.child).id, r.column_name, r.is_link, r.own_columns, r.other_columns, survivor_id, v_others);
  end loop;
  perform engine.move_shares(schema_name, v_object, survivor_id, v_others);
  delete from metadata.favourites f using metadata.favourites k
  where f.object_id = v_object.id and f.record_id = any (v_others) and k.object_id = f.object_id and k.member_id is not distinct from f.member_id
    and (k.record_id = begin_merge.survivor_id or k.record_id = any (v_others) and k.id < f.id);
  update metadata.favourites f set record_id = begin_merge.survivor_id where f.object_id = v_object.id and f.record_id = any (v_others);
  update core.notifications n set record_id = begin_merge.survivor_id where n.object_id = v_object.id and n.record_id = any (v_others);
  for r in select * from engine.tables_about_records(schema_name) t loop
    execute format('update %I.%I t set record_id = $1 where t.object_id = $2 and t.record_id = any ($3)', schema_name, r.table_name) using survivor_id, v_object.id, v_others;
  end loop;
  return jsonb_build_object('table', v_table, 'object', v_object.id, 'survivor', survivor_id, 'others', to_jsonb(v_others), 'data', v_data, 'trashed', v_trashed,
    'columns', (select string_agg(quote_ident(k), ', ') from jsonb_object_keys(v_data) k));
end
$$;

create or replace function engine.move_references(schema_name text, object metadata.objects, child_id uuid, column_name text, is_link boolean, own_columns text[], other_columns text[], survivor_id uuid, others uuid[]) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_child metadata.objects;
  v_table text;
  v_key text;
begin
  select o.* into v_child from metadata.objects o where o.id = child_id;
  v_table := format('%I.%I', schema_name, v_child.table_name);
  if is_link then
    -- A link that the survivor has already, or that would lead from it to itself, goes.
    select string_agg(format('case when %%1$s.%1$I = any ($1) then $2 else %%1$s.%1$I end', c), ', ') into v_key from unnest(own_columns) c;
    v_key := concat_ws(', ', v_key, (select string_agg(format('%%1$s.%I', c), ', ') from unnest(other_columns) c));
    execute format('delete from %1$s t where t.%2$I = any ($1) and (exists (
        select from %1$s k where k.id <> t.id and row(%3$s) is not distinct from row(%4$s) and (not (%5$s) or k.id < t.id)) or %6$s)',
      v_table, column_name, format(v_key, 'k'), format(v_key, 't'), (select string_agg(format('coalesce(k.%I = any ($1), false)', c), ' or ') from unnest(own_columns) c),
      case when cardinality(own_columns) > 1 and v_child.is_junction then (select string_agg(format('t.%1$I = any ($1 || $2)', c), ' and ') from unnest(own_columns) c) else 'false' end)
    using others, survivor_id;
  end if;
  if v_child.id = (object).id then
    execute format('update %1$s t set %2$I = null where t.id = $2 and t.%2$I = any ($1)', v_table, column_name) using others, survivor_id;
    execute format('update %1$s t set %2$I = $2 where t.%2$I = any ($1) and t.id <> all ($1) and t.id <> $2', v_table, column_name) using others, survivor_id;
  else
    execute format('update %1$s t set %2$I = $2 where t.%2$I = any ($1)', v_table, column_name) using others, survivor_id;
  end if;
exception
  when unique_violation then
    raise exception 'More than one of these records has %, and one record cannot have both.', v_child.label_plural
      using errcode = 'RV192', hint = format('Take the %s from all but one of them first.', v_child.label_plural);
  when not_null_violation or check_violation then
    raise exception '% cannot be moved to the record that stays: %', v_child.label_plural, sqlerrm using errcode = 'RV192', hint = 'Change them first.';
end
$$;

-- With whom any of them was shared, with the wider right and for the longer time.
create or replace function engine.move_shares(schema_name text, object metadata.objects, survivor_id uuid, others uuid[]) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  r record;
begin
  for r in execute format(
    'insert into %1$I.record_shares as s (object_id, record_id, principal_kind, principal_id, access, reason, created_by, created_by_name, expires_at)
     select o.object_id, $1, o.principal_kind, o.principal_id, max(o.access), (array_agg(o.reason order by o.created_at))[1], (array_agg(o.created_by order by o.created_at))[1],
       (array_agg(o.created_by_name order by o.created_at))[1], nullif(max(coalesce(o.expires_at, ''infinity'')), ''infinity'')
     from %1$I.record_shares o where o.object_id = $2 and o.record_id = any ($3) group by 1, 3, 4
     on conflict (object_id, record_id, principal_kind, principal_id) do update set access = greatest(s.access, excluded.access),
       expires_at = nullif(greatest(coalesce(s.expires_at, ''infinity''), coalesce(excluded.expires_at, ''infinity'')), ''infinity'')
     returning s.*', schema_name) using survivor_id, (object).id, others
  loop
    perform engine.note_share(schema_name, object, survivor_id, null, jsonb_build_object('with', engine.principal_name((object).workspace_id, r.principal_kind, r.principal_id), 'id', r.principal_id,
      'kind', r.principal_kind, 'access', r.access, 'reason', r.reason, 'expiresAt', r.expires_at));
  end loop;
  execute format('delete from %I.record_shares s where s.object_id = $1 and s.record_id = any ($2)', schema_name) using (object).id, others;
end
$$;

-- What else a workspace keeps about records, by their object and id.
create or replace function engine.tables_about_records(schema_name text) returns table (table_name text)
language sql stable set search_path = ''
as $$
  select t from unnest(engine.internal_tables()) t
  where t not in ('record_events', 'event_batches', 'event_archive', 'trash', 'record_shares')
    and (select count(*) from pg_catalog.pg_attribute a where a.attrelid = to_regclass(format('%I.%I', schema_name, t)) and a.attname in ('object_id', 'record_id') and not a.attisdropped) = 2
$$;

-- Of what is no record and so stands in no event: whose it was, for who takes the merge back.
create or replace function engine.what_moves(schema_name text, object_id uuid, survivor_id uuid, others uuid[]) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_rows jsonb;
  v_moved jsonb;
  r record;
begin
  execute format('select jsonb_agg(to_jsonb(s)) from %I.record_shares s where s.object_id = $1 and s.record_id = any ($2)', schema_name) into v_rows using object_id, survivor_id || others;
  v_moved := jsonb_build_object('record_shares', v_rows,
    'favourites', (select jsonb_agg(to_jsonb(f)) from metadata.favourites f where f.object_id = what_moves.object_id and f.record_id = any (others)),
    'notifications', (select jsonb_object_agg(n.id, n.record_id) from core.notifications n where n.object_id = what_moves.object_id and n.record_id = any (others)));
  for r in select * from engine.tables_about_records(schema_name) t loop
    execute format('select jsonb_object_agg(t.id, t.record_id) from %I.%I t where t.object_id = $1 and t.record_id = any ($2)', schema_name, r.table_name) into v_rows using object_id, others;
    v_moved := v_moved || jsonb_build_object(r.table_name, v_rows);
  end loop;
  return jsonb_strip_nulls(v_moved);
end
$$;

-- Records that were merged are there again: what was said about them goes back to them, as far as it is still with the survivor.
create or replace function engine.move_back(schema_name text, object_id uuid, record_ids uuid[]) returns void
language plpgsql volatile set search_path = ''
as $$
#variable_conflict use_column
declare
  m record;
  r record;
begin
  for m in execute format('delete from %I.record_merges m where m.object_id = $1 and m.other_ids && $2 returning m.*', schema_name) using object_id, record_ids loop
    for r in select t.table_name from engine.tables_about_records(schema_name) t loop
      execute format('update %I.%I t set record_id = (e.value #>> ''{}'')::uuid from jsonb_each($1) e where t.id = e.key::uuid and t.record_id = $2', schema_name, r.table_name)
        using m.moved -> r.table_name, m.survivor_id;
    end loop;
    update core.notifications n set record_id = (e.value #>> '{}')::uuid from jsonb_each(m.moved -> 'notifications') e where n.id = e.key::uuid and n.record_id = m.survivor_id;
    delete from metadata.favourites f using jsonb_populate_recordset(null::metadata.favourites, m.moved -> 'favourites') b where f.id = b.id;
    insert into metadata.favourites select b.* from jsonb_populate_recordset(null::metadata.favourites, m.moved -> 'favourites') b
    where (b.member_id is null or exists (select from core.members c where c.id = b.member_id)) and (b.folder_id is null or exists (select from metadata.favourites o where o.id = b.folder_id))
    on conflict do nothing;
    if m.moved ? 'record_shares' then
      execute format('delete from %1$I.record_shares s using jsonb_populate_recordset(null::%1$I.record_shares, $1) b
        where s.object_id = b.object_id and s.record_id = $2 and (s.principal_kind, s.principal_id) = (b.principal_kind, b.principal_id)', schema_name) using m.moved -> 'record_shares', m.survivor_id;
      execute format('insert into %1$I.record_shares select b.* from jsonb_populate_recordset(null::%1$I.record_shares, $1) b where engine.principal_name($2, b.principal_kind, b.principal_id) is not null on conflict do nothing', schema_name)
        using m.moved -> 'record_shares', (select o.workspace_id from metadata.objects o where o.id = move_back.object_id);
    end if;
  end loop;
end
$$;

-- Which of the records lie in the trash, and may come out of it: they do, without what another has now. Returns what was left out, by record.
create or replace function engine.bring_back_to_merge(caller name, schema_name text, object metadata.objects, record_ids uuid[]) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_table regclass := format('%I.%I', schema_name, (object).table_name)::regclass;
  v_ids uuid[];
  v_id uuid;
  v_data jsonb;
  v_left_out jsonb := '{}';
  v_taken text[];
  v_constraint text;
  v_record text;
begin
  if not engine.has_right(caller, (object).id, 'DELETE') then
    return '{}';
  end if;
  execute format('select array(select i from unnest($1) i where not exists (select from %s t where t.id = i))', v_table) into v_ids using record_ids;
  if v_ids = '{}' then
    return '{}';
  end if;
  foreach v_id in array engine.trashed_ids(caller, schema_name, object, v_ids) loop
    v_left_out := v_left_out || jsonb_build_object(v_id, '{}'::jsonb);
    for i in 1 .. 20 loop
      begin
        perform engine.put_back(schema_name, object, v_id, caller);
        exit;
      exception when sqlstate 'RV014' then
        get stacked diagnostics v_constraint = constraint_name, v_record = pg_datatype_name;
        v_taken := case when v_record = v_id::text then engine.constraint_columns(v_table, v_constraint) else '{}' end;
        if v_taken = '{}' or i = 20 then
          raise;
        end if;
      end;
      execute format('select jsonb_object_agg(c, d.data -> c) from %I.trash d cross join unnest($3) c where d.object_id = $1 and d.record_id = $2', schema_name) into v_data using (object).id, v_id, v_taken;
      v_left_out := jsonb_set(v_left_out, array[v_id::text], v_data || (v_left_out -> v_id::text));
      -- A text that must be there is another one meanwhile.
      execute format('update %I.trash d set data = d.data || $3 where d.object_id = $1 and d.record_id = $2', schema_name) using (object).id, v_id,
        (select jsonb_object_agg(a.attname, case when a.attnotnull and a.atttypid = 'text'::regtype then to_jsonb(v_id) else 'null' end)
          from pg_catalog.pg_attribute a where a.attrelid = v_table and a.attname = any (v_taken));
    end loop;
  end loop;
  return v_left_out;
end
$$;

-- With the caller's own rights. It names nothing of the engine's, which roles do not reach by name.
create or replace function engine.run_merge(merge jsonb) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_others uuid[] := array(select i::uuid from jsonb_array_elements_text(merge -> 'others') i);
  v_count int;
begin
  perform set_config('relvar.action', 'merged', true);
  execute format('delete from %s t where t.id = any ($1)', merge ->> 'table') using v_others;
  get diagnostics v_count = row_count;
  perform set_config('relvar.action', '', true);
  if v_count <> cardinality(v_others) then
    raise exception 'Your role may not delete one of the records that go, or there is none.' using errcode = '42501', hint = 'Merging puts them into the trash.';
  end if;
  if merge ->> 'columns' is not null then
    execute format('update %1$s t set (%2$s) = (select %2$s from jsonb_populate_record(null::%1$s, $2)) where t.id = $1', merge ->> 'table', merge ->> 'columns')
      using (merge ->> 'survivor')::uuid, merge -> 'data';
    get diagnostics v_count = row_count;
    if v_count <> 1 then
      raise exception 'Your role may not change the record that stays, or there is none.' using errcode = '42501';
    end if;
  end if;
  return merge;
end
$$;

create or replace function engine.end_merge(schema_name text, merge jsonb) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object metadata.objects;
  v_actor engine.actor := engine.current_actor();
  v_batch bigint;
begin
  delete from engine.merging m where m.transaction_id = pg_current_xact_id();
  execute format('delete from %I.record_duplicates d where d.object_id = $1 and d.dismissed_at is null and (d.first_id = any ($2) or d.second_id = any ($2))', schema_name)
    using (merge ->> 'object')::uuid, array(select i::uuid from jsonb_array_elements_text(merge -> 'others') i);
  -- What had to be left out for a record to come back at all lies in the trash as it did before.
  execute format('update %I.trash t set data = t.data || e.value from jsonb_each($2) e where t.object_id = $1 and t.record_id = e.key::uuid', schema_name)
    using (merge ->> 'object')::uuid, merge -> 'trashed';
  select o.* into v_object from metadata.objects o where o.id = (merge ->> 'object')::uuid;
  if v_object.is_audited then
    v_batch := nextval('engine.event_batch');
    execute format('insert into %I.record_events (batch, seq, object_id, record_id, action, after, actor_type, actor_id, actor_name, source, request_id)
      values ($1, 1, $2, $3, ''absorbed'', jsonb_build_object(''mergedIds'', $4), $5, $6, $7, $8, nullif(current_setting(''relvar.request_id'', true), ''''))', schema_name)
    using v_batch, v_object.id, (merge ->> 'survivor')::uuid, merge -> 'others', v_actor.type, v_actor.id, v_actor.name, engine.current_source();
    insert into engine.outbox (batch, workspace_id, object_id, action) values (v_batch, v_object.workspace_id, v_object.id, 'absorbed');
  end if;
  return (merge ->> 'survivor')::uuid;
end
$$;

-- Reached only through the tenant's own function, which names the caller.
grant execute on function engine.begin_merge(name, text, text, uuid, uuid[], jsonb), engine.run_merge(jsonb), engine.end_merge(text, jsonb) to relvar_crm;
