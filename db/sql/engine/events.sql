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
    when 'UPDATE' then
      v_action := 'updated';
      -- Only what changed, and nothing for a row that did not.
      insert into record_events (batch, seq, object_id, record_id, action, before, after, actor_type, actor_id, actor_name, source, request_id)
      select v_batch, row_number() over (), v_object, c.id, v_action, c.before, c.after,
        v_actor.type, v_actor.id, v_actor.name, v_source, v_request
      from (
        select n.id, jsonb_object_agg(e.key, e.value) as before, jsonb_object_agg(e.key, j.new -> e.key) as after
        from new_rows n
        join old_rows o on o.id = n.id
        cross join lateral (select to_jsonb(o.*) as old, to_jsonb(n.*) as new) j
        cross join lateral jsonb_each(j.old) e
        where e.value is distinct from j.new -> e.key
          and e.key not in ('search_vector', 'updated_at', 'updated_by_source', 'updated_by_member_id', 'updated_by_name')
        group by n.id
      ) c;
    when 'DELETE' then
      v_action := 'deleted';
      insert into record_events (batch, seq, object_id, record_id, action, before, actor_type, actor_id, actor_name, source, request_id)
      select v_batch, row_number() over (), v_object, o.id, v_action, to_jsonb(o.*) - v_hidden,
        v_actor.type, v_actor.id, v_actor.name, v_source, v_request
      from old_rows o;
  end case;
  if found then
    insert into engine.outbox (batch, workspace_id, object_id, action) values (v_batch, tg_argv[1]::uuid, v_object, v_action);
  end if;
  return null;
end
$$;

-- updatedAt and updatedBy, kept by the database so that no client can forge or forget them. What is
-- computed from elsewhere (the columns that are its arguments) is nobody's change of this record.
create or replace function engine.tg_records__touch() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  if new is distinct from old and (tg_nargs = 0 or to_jsonb(new) - tg_argv is distinct from to_jsonb(old) - tg_argv) and not engine.is_quiet() then
    new.updated_at := now();
    new.updated_by_source := engine.current_source();
    new.updated_by_member_id := engine.current_member();
    new.updated_by_name := engine.actor_name();
  end if;
  return new;
end
$$;
