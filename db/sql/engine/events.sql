-- The event log: one row per record change, written by statement triggers in the transaction of
-- the change, and one outbox row per statement for the relay. No NOTIFY and no job is added here:
-- both take a lock for the whole database at commit.

-- The statements are written out, not put together: PL/pgSQL compiles a function once for each
-- trigger, so each table's trigger has its own plans and keeps them. Which record_events they mean
-- follows from the search path, set to the schema that the trigger fires in. Nobody but the owner
-- creates things there, and temporary tables, which anybody creates, come last.
create or replace function engine.tg_records__log() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object uuid := tg_argv[0];
  v_batch bigint := nextval('engine.event_batch');
  v_actor engine.actor := engine.current_actor();
  v_source text := engine.current_source();
  v_request text := nullif(current_setting('relvar.request_id', true), '');
  v_action text;
  v_hidden text[] := array['search_vector'] || tg_argv[2:];
  v_changed text[];
  v_count bigint := 0;
begin
  -- What the engine itself computes or converts, after a change of the model, nobody did.
  if engine.is_quiet() then
    return null;
  end if;
  perform set_config('search_path', quote_ident(tg_table_schema) || ', pg_temp', true);
  case tg_op
    when 'INSERT' then
      -- Anybody can write a setting; only what lies in the trash can be restored.
      v_action := case when current_setting('relvar.action', true) = 'restored' and not exists (
          select from new_rows n where not exists (select from trash t where t.object_id = v_object and t.record_id = n.id))
        then 'restored' else 'created' end;
      insert into record_events (batch, seq, object_id, record_id, action, after, actor_type, actor_id, actor_name, source, request_id)
      select v_batch, row_number() over (), v_object, n.id, v_action, to_jsonb(n.*) - v_hidden,
        v_actor.type, v_actor.id, v_actor.name, v_source, v_request
      from new_rows n;
      get diagnostics v_count = row_count;
    when 'UPDATE' then
      v_action := 'updated';
      -- How two transition tables are best joined follows from how large they are, and a kept plan from how large
      -- they were the first times. So a large statement plans for itself, and looks first at which columns it changed at all.
      if (select count(*) > 50 from (select from new_rows limit 51) few) then
        execute engine.query_of_changed_columns(tg_relid) into v_changed;
        if v_changed <> '{}' then
          execute engine.query_of_changes(v_changed) using v_batch, v_object, v_actor.type, v_actor.id, v_actor.name, v_source, v_request;
          get diagnostics v_count = row_count;
        end if;
      else
        -- Only what changed, and nothing for a row that did not.
        insert into record_events (batch, seq, object_id, record_id, action, before, after, actor_type, actor_id, actor_name, source, request_id)
        select v_batch, row_number() over (), v_object, n.id, v_action, c.before, c.after,
          v_actor.type, v_actor.id, v_actor.name, v_source, v_request
        from new_rows n
        join old_rows o on o.id = n.id
        cross join lateral (
          select jsonb_object_agg(e.key, e.value) as before, jsonb_object_agg(e.key, j.new -> e.key) as after
          -- Without "offset 0" each value would turn the record into JSON anew.
          from (select to_jsonb(o.*) as old, to_jsonb(n.*) as new offset 0) j
          cross join lateral jsonb_each(j.old) e
          where e.value is distinct from j.new -> e.key
            and e.key not in ('search_vector', 'updated_at', 'updated_by_source', 'updated_by_member_id', 'updated_by_name')
        ) c
        where c.before is not null;
        get diagnostics v_count = row_count;
      end if;
    when 'DELETE' then
      -- Here, too, the setting alone proves nothing.
      v_action := case when current_setting('relvar.action', true) = 'merged' and not exists (
          select from old_rows o where not exists (select from engine.merging m where m.record_id = o.id and m.transaction_id = pg_current_xact_id()))
        then 'merged' else 'deleted' end;
      insert into record_events (batch, seq, object_id, record_id, action, before, after, actor_type, actor_id, actor_name, source, request_id)
      select v_batch, row_number() over (), v_object, o.id, v_action, to_jsonb(o.*) - v_hidden,
        case v_action when 'merged' then (select jsonb_build_object('survivorId', m.survivor_id) from engine.merging m where m.record_id = o.id and m.transaction_id = pg_current_xact_id()) end,
        v_actor.type, v_actor.id, v_actor.name, v_source, v_request
      from old_rows o;
      get diagnostics v_count = row_count;
  end case;
  if v_count > 0 then
    insert into engine.outbox (batch, workspace_id, object_id, action) values (v_batch, tg_argv[1]::uuid, v_object, v_action);
  end if;
  return null;
end
$$;

-- Values of some types, which a table may have by hand, cannot be compared but as JSON.
create or replace function engine.query_of_changed_columns(relation oid) returns text
language sql stable set search_path = ''
as $$
  select format('select array_remove(array[%s], null) from new_rows n join old_rows o on o.id = n.id', string_agg(
    format('case when bool_or(%s) then %L end', format(case when a.atttypid = any (array['bool', 'int2', 'int4', 'int8', 'float4', 'float8', 'numeric', 'text', 'varchar', 'uuid', 'date', 'timestamptz',
      'timestamp', 'jsonb', 'text[]']::regtype[]) then 'o.%1$I is distinct from n.%1$I' else 'to_jsonb(o.%1$I) is distinct from to_jsonb(n.%1$I)' end, a.attname), a.attname), ', '))
  from pg_catalog.pg_attribute a
  where a.attrelid = relation and a.attnum > 0 and not a.attisdropped and a.attgenerated <> 'v'
    and a.attname not in ('search_vector', 'updated_at', 'updated_by_source', 'updated_by_member_id', 'updated_by_name')
$$;

-- Most records of a large statement change the same columns.
create or replace function engine.query_of_changes(columns text[]) returns text
language sql immutable set search_path = ''
as $$
  select format(
    'insert into record_events (batch, seq, object_id, record_id, action, before, after, actor_type, actor_id, actor_name, source, request_id)
     select $1, row_number() over (), $2, c.id, ''updated'', c.before, c.after, $3, $4, $5, $6, $7
     from (
       select n.id, case when %1$s then jsonb_build_object(%2$s) else (select jsonb_object_agg(v.k, v.o) from (values %3$s) v (k, o, n) where v.o is distinct from v.n) end as before,
         case when %1$s then jsonb_build_object(%4$s) else (select jsonb_object_agg(v.k, v.n) from (values %3$s) v (k, o, n) where v.o is distinct from v.n) end as after
       from new_rows n join old_rows o on o.id = n.id
       where %5$s
     ) c
     where c.before is not null',
    string_agg(format('to_jsonb(o.%1$I) is distinct from to_jsonb(n.%1$I)', c), ' and '), string_agg(format('%L, o.%1$I', c), ', '),
    string_agg(format('(%L, to_jsonb(o.%1$I), to_jsonb(n.%1$I))', c), ', '), string_agg(format('%L, n.%1$I', c), ', '),
    string_agg(format('to_jsonb(o.%1$I) is distinct from to_jsonb(n.%1$I)', c), ' or '))
  from unnest(columns) c
$$;

-- updatedAt and updatedBy, kept by the database so that no client can forge or forget them. What is
-- computed (the columns that are its arguments) is nobody's change of this record; in a row that is about to be written, what
-- PostgreSQL generates is still empty.
create or replace function engine.tg_records__touch() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  if new.id is distinct from old.id then
    raise exception 'The id of a record stays as it is.' using errcode = 'RV190', column = 'id', hint = 'Create another record, and merge the two.';
  end if;
  if new is distinct from old and (tg_nargs = 0 or to_jsonb(new) - tg_argv is distinct from to_jsonb(old) - tg_argv) and not engine.is_quiet() then
    new.updated_at := now();
    new.updated_by_source := engine.current_source();
    new.updated_by_member_id := engine.current_member();
    new.updated_by_name := engine.actor_name();
  end if;
  return new;
end
$$;
