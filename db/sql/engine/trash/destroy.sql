-- Takes records out of the trash for good, with what belonged to them. What they were stays in the event log, where
-- there is one.

-- All of one workspace at once, whoever wants it: asks for no rights.
create or replace function engine.empty_trash(schema_name text, entries uuid[]) returns int
language plpgsql volatile set search_path = ''
as $$
declare
  v_actor engine.actor := engine.current_actor();
  v_count int;
begin
  execute format($sql$
    with gone as (
      delete from %1$I.trash t where t.id = any ($1) returning t.object_id, t.record_id
    ), shares as (
      delete from %1$I.record_shares s using gone g where s.object_id = g.object_id and s.record_id = g.record_id
    ), comments as (
      delete from %1$I.record_comments c using gone g where c.object_id = g.object_id and c.record_id = g.record_id
    ), merges as (
      delete from %1$I.record_merges m using gone g where m.object_id = g.object_id and m.other_ids @> array[g.record_id]
    ), duplicates as (
      delete from %1$I.record_duplicates d using gone g where d.object_id = g.object_id and g.record_id in (d.first_id, d.second_id)
    ), files as (
      delete from %1$I.record_file_uses u using gone g where u.object_id = g.object_id and u.holder_id = g.record_id
    ), batches as materialized (
      select d.id, d.workspace_id, nextval('engine.event_batch') as batch
      from (select distinct o.id, o.workspace_id from gone g join metadata.objects o on o.id = g.object_id where o.is_audited) d
    ), events as (
      insert into %1$I.record_events (batch, seq, object_id, record_id, action, actor_type, actor_id, actor_name, source, request_id)
      select b.batch, row_number() over (partition by g.object_id), g.object_id, g.record_id, 'destroyed', $2, $3, $4, $5, $6
      from gone g join batches b on b.id = g.object_id
    ), told as (
      insert into engine.outbox (batch, workspace_id, object_id, action) select b.batch, b.workspace_id, b.id, 'destroyed' from batches b
    )
    select count(*) from gone$sql$, schema_name)
  into v_count using entries, v_actor.type, v_actor.id, v_actor.name, engine.current_source(), nullif(current_setting('relvar.request_id', true), '');
  return v_count;
end
$$;

create or replace function engine.destroy_records(caller name, schema_name text, object_name text, record_ids uuid[]) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.trashed_object(caller, schema_name, object_name, 'DESTROY');
  v_entries uuid[];
begin
  execute format('select array(select d.id from %I.trash d where d.object_id = $1 and d.record_id = any ($2) order by d.id for update)', schema_name)
    into v_entries using v_object.id, engine.trashed_ids(caller, schema_name, v_object, record_ids, 'DESTROY');
  return engine.empty_trash(schema_name, v_entries);
end
$$;

create or replace function engine.destroy_record(caller name, schema_name text, object_name text, record_id uuid) returns boolean
language sql volatile security definer set search_path = ''
as $$ select engine.destroy_records(caller, schema_name, object_name, array[record_id]) > 0 $$;

-- Reached only through the tenant's own functions, which name the caller.
grant execute on function engine.destroy_records(name, text, text, uuid[]), engine.destroy_record(name, text, text, uuid) to relvar_crm;
