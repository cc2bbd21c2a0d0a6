-- Positions: where a reader of the event log was, so that it can go on from there. Each statement gets one after its
-- commit, from the relay, so they have no gaps that fill later; the batch number, which it took before, has.

-- A workspace of an earlier release, or one that no relay has met: what the log holds gets its positions. False while
-- the model of one that lacks the table is being changed.
create or replace function engine.begin_positions(workspace_id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_schema text := (select w.schema_name from core.workspaces w where w.id = workspace_id);
  v_table engine.fact;
begin
  if v_schema is null or exists (select from engine.event_positions p where p.workspace_id = begin_positions.workspace_id) then
    return v_schema is not null;
  end if;
  if to_regclass(quote_ident(v_schema) || '.event_batches') is null then
    if not pg_try_advisory_xact_lock(hashtextextended('relvar.model.' || workspace_id, 0)) then
      return false;
    end if;
    if to_regclass(quote_ident(v_schema) || '.event_batches') is null then
      select i.* into v_table from engine.desired_internals(workspace_id, v_schema) i where i.key = 'event_batches';
      execute v_table.definition;
      execute format('comment on table %I.event_batches is %L', v_schema, v_table.comment);
    end if;
  end if;
  insert into engine.event_positions (workspace_id) values (begin_positions.workspace_id) on conflict do nothing;
  if not found then
    return true;
  end if;
  execute format(
    'insert into %1$I.event_batches (position, batch, object_id, action)
     select row_number() over (order by e.batch), e.batch, (array_agg(e.object_id))[1], (array_agg(e.action))[1]
     from %1$I.record_events e where not exists (select from engine.outbox o where o.batch = e.batch)
     group by e.batch', v_schema);
  execute format('update engine.event_positions p set position = (select coalesce(max(b.position), 0) from %I.event_batches b) where p.workspace_id = $1', v_schema)
    using workspace_id;
  return true;
end
$$;

-- The caller holds the counters of the workspaces.
create or replace function engine.give_positions(taken engine.outbox[]) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_last bigint;
  r record;
begin
  for r in
    select w.id, w.schema_name, array_agg(t.batch order by t.batch) as batches, array_agg(t.object_id order by t.batch) as objects, array_agg(t.action order by t.batch) as actions
    from unnest(taken) t join core.workspaces w on w.id = t.workspace_id
    group by w.id
  loop
    update engine.event_positions p set position = p.position + cardinality(r.batches) where p.workspace_id = r.id returning p.position into v_last;
    execute format('insert into %I.event_batches (position, batch, object_id, action) select $1 + u.n, u.batch, u.object_id, u.action
      from unnest($2, $3, $4) with ordinality u (batch, object_id, action, n)', r.schema_name)
    using v_last - cardinality(r.batches), r.batches, r.objects, r.actions;
  end loop;
end
$$;

create or replace function engine.last_position(workspace_id uuid) returns bigint
language sql stable security definer set search_path = ''
as $$ select coalesce((select p.position from engine.event_positions p where p.workspace_id = last_position.workspace_id), 0) $$;
comment on function engine.last_position(uuid) is 'The position of the last statement of a workspace that the relay has taken; 0 for none.';

create or replace function engine.first_position(workspace_id uuid) returns bigint
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_first bigint;
begin
  execute format('select min(b.position) from %I.event_batches b', (select w.schema_name from core.workspaces w where w.id = workspace_id)) into v_first;
  return coalesce(v_first, engine.last_position(workspace_id) + 1);
end
$$;
comment on function engine.first_position(uuid) is 'The first position that can still be read: who was further back than one before it has missed events, and reads everything anew.';

-- A statement may have changed many records, so a reader may stop within it, and then says also after which of them.
create or replace function engine.events_after(workspace_id uuid, after_position bigint, max_batches int default 100, after_seq int default null, max_events int default null)
returns table ("position" bigint, batch bigint, seq int, object_id uuid, record_id uuid, action text, before jsonb, after jsonb, actor_type text, actor_id uuid, actor_name text,
  source text, request_id text, transaction_id xid8, happened_at timestamptz)
language plpgsql stable security definer set search_path = ''
as $$
begin
  return query execute format(
    'select b.position, e.batch, e.seq, e.object_id, e.record_id, e.action, e.before, e.after, e.actor_type, e.actor_id, e.actor_name, e.source, e.request_id, e.transaction_id, e.happened_at
     from (select * from %1$I.event_batches where position >= $1 order by position limit $2) b
     join %1$I.record_events e on e.batch = b.batch and (b.position > $1 or e.seq > $3)
     order by b.position, e.seq limit $4', (select w.schema_name from core.workspaces w where w.id = workspace_id))
  using case when after_seq is null then after_position + 1 else after_position end, max_batches, coalesce(after_seq, 0), max_events;
end
$$;
comment on function engine.events_after(uuid, bigint, int, int, int) is
  'The events after a position, in order, of at most so many statements and so many events; after an event within a statement, where its seq is given.';

grant execute on function engine.last_position(uuid), engine.first_position(uuid), engine.events_after(uuid, bigint, int, int, int) to relvar_server, relvar_worker;
