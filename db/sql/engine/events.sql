-- The event log: one row per record change, written by statement triggers in the transaction of
-- the change, and one outbox row per statement for the relay. No NOTIFY and no job is added here:
-- both take a lock for the whole database at commit.

create function engine.tg_records__log() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object uuid := tg_argv[0];
  v_workspace uuid := tg_argv[1];
  v_batch bigint := nextval('engine.event_batch');
  v_actor engine.actor := engine.current_actor();
  v_action text;
  v_count bigint;
begin
  case tg_op
    when 'INSERT' then
      v_action := coalesce(nullif(current_setting('relvar.action', true), ''), 'created');
      execute format(
        'insert into %I.record_events (batch, seq, object_id, record_id, action, after, actor_type, actor_id, actor_name, source, request_id)
         select $1, row_number() over (), $2, n.id, $3, jsonb_strip_nulls(to_jsonb(n) - ''search_vector''), $4, $5, $6, $7, $8
         from new_rows n', tg_table_schema)
      using v_batch, v_object, v_action, v_actor.type, v_actor.id, v_actor.name, engine.current_source(),
        nullif(current_setting('relvar.request_id', true), '');
    when 'UPDATE' then
      v_action := 'updated';
      -- Only what changed, and nothing for a row that did not.
      execute format(
        'insert into %I.record_events (batch, seq, object_id, record_id, action, before, after, actor_type, actor_id, actor_name, source, request_id)
         select $1, row_number() over (), $2, c.id, $3, c.before, c.after, $4, $5, $6, $7, $8
         from (
           select n.id, jsonb_object_agg(e.key, e.value) as before, jsonb_object_agg(e.key, j.new -> e.key) as after
           from new_rows n
           join old_rows o on o.id = n.id
           cross join lateral (select to_jsonb(o) as old, to_jsonb(n) as new) j
           cross join lateral jsonb_each(j.old) e
           where e.value is distinct from j.new -> e.key
             and e.key not in (''search_vector'', ''updated_at'', ''updated_by_source'', ''updated_by_member_id'', ''updated_by_name'')
           group by n.id
         ) c', tg_table_schema)
      using v_batch, v_object, v_action, v_actor.type, v_actor.id, v_actor.name, engine.current_source(),
        nullif(current_setting('relvar.request_id', true), '');
    when 'DELETE' then
      v_action := 'deleted';
      execute format(
        'insert into %I.record_events (batch, seq, object_id, record_id, action, before, actor_type, actor_id, actor_name, source, request_id)
         select $1, row_number() over (), $2, o.id, $3, jsonb_strip_nulls(to_jsonb(o) - ''search_vector''), $4, $5, $6, $7, $8
         from old_rows o', tg_table_schema)
      using v_batch, v_object, v_action, v_actor.type, v_actor.id, v_actor.name, engine.current_source(),
        nullif(current_setting('relvar.request_id', true), '');
  end case;
  get diagnostics v_count = row_count;
  if v_count > 0 then
    insert into engine.outbox (batch, workspace_id, object_id, action) values (v_batch, v_workspace, v_object, v_action);
  end if;
  return null;
end
$$;

-- updatedAt and updatedBy, kept by the database so that no client can forge or forget them.
create function engine.tg_records__touch() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  if new is distinct from old then
    new.updated_at := now();
    new.updated_by_source := engine.current_source();
    new.updated_by_member_id := engine.current_member();
    new.updated_by_name := engine.actor_name();
  end if;
  return new;
end
$$;
