-- Old events: after a time they move to the archive, where some two hundred lie in one compressed row, and when a workspace keeps them for
-- a number of days only, they go. In steps of a transaction each, so that nobody waits.

-- What can be restored or reverted with what it took along stays in the log itself.
create or replace function engine.archive_after(workspace_id uuid) returns interval
language sql stable set search_path = ''
  return make_interval(days => greatest(90, (select s.trash_days + 1 from core.workspace_settings s where s.workspace_id = archive_after.workspace_id)));

create or replace function engine.event_retention(workspace_id uuid) returns interval
language sql stable set search_path = ''
  return (select make_interval(days => s.event_retention_days) from core.workspace_settings s where s.workspace_id = event_retention.workspace_id);

-- Moves or drops the oldest events, up to the first that is too young by its time: so the archive holds the beginning of the log, and what is in it comes before
-- all that is not. A time in the future is that of a clock which was wrong, and holds up nothing. Statements that are in part in the archive have no position any more: a reader that far back has missed some.
create or replace function engine.archive_events(workspace_id uuid, max_events int default 20000) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_schema text := (select w.schema_name from core.workspaces w where w.id = workspace_id);
  v_count int;
begin
  execute format(
    'with oldest as (
       select o.batch, o.seq, bool_or(o.happened_at between now() - $2 and now() + interval ''1 day'') over (order by o.batch, o.seq) as is_too_young
       from (select e.batch, e.seq, e.happened_at from %1$I.record_events e order by e.batch, e.seq limit $1) o
     ), taken as (
       delete from %1$I.record_events e using oldest o where e.batch = o.batch and e.seq = o.seq and not o.is_too_young returning e.*
     ), positions as (
       delete from %1$I.event_batches b where b.batch in (select t.batch from taken t)
     ), parcels as (
       insert into %1$I.event_archive (object_id, first_record_id, last_record_id, from_at, until_at, events)
       select n.object_id, (array_agg((n.event).record_id order by n.place))[1], (array_agg((n.event).record_id order by n.place desc))[1],
         min((n.event).happened_at), max((n.event).happened_at), jsonb_agg(to_jsonb(n.event) order by n.place)
       from (select t.object_id, t as event, row_number() over (partition by t.object_id order by t.record_id, t.batch, t.seq) as place from taken t) n
       where (n.event).happened_at >= now() - $3 or $3 is null
       group by n.object_id, (n.place - 1) / 200
     )
     select count(*) from taken', v_schema)
  into v_count using max_events, least(engine.archive_after(workspace_id), engine.event_retention(workspace_id)), engine.event_retention(workspace_id);
  return v_count;
end
$$;
comment on function engine.archive_events(uuid, int) is 'Moves the oldest events of a workspace to its archive, or drops those that it keeps no longer: at most so many. Returns how many; 0 when there is nothing to do.';

-- A parcel goes when the latest of its events is too old.
create or replace function engine.drop_archived_events(workspace_id uuid, max_parcels int default 100) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_count int := 0;
begin
  if engine.event_retention(workspace_id) is not null then
    execute format('delete from %1$I.event_archive a where a.id in (select o.id from %1$I.event_archive o where o.until_at < now() - $1 order by o.until_at limit $2)',
      (select w.schema_name from core.workspaces w where w.id = workspace_id)) using engine.event_retention(workspace_id), max_parcels;
    get diagnostics v_count = row_count;
  end if;
  return v_count;
end
$$;
comment on function engine.drop_archived_events(uuid, int) is 'Drops archived events that a workspace keeps no longer, in at most so many parcels. Returns how many parcels.';

create or replace function engine.workspaces_with_log() returns setof uuid
language sql stable security definer set search_path = ''
as $$ select p.workspace_id from engine.event_positions p order by p.workspace_id $$;
comment on function engine.workspaces_with_log() is 'The workspaces whose events are to be archived, by engine.archive_events.';

create or replace function metadata.event_retention() returns int
language sql stable security definer set search_path = ''
as $$ select s.event_retention_days from core.workspace_settings s where s.workspace_id = engine.own_workspace() $$;
comment on function metadata.event_retention() is 'For how many days the history of the records is kept; null for ever.';

create or replace function metadata.set_event_retention(days int) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.own_workspace();
  v_least int := (select s.trash_days from core.workspace_settings s where s.workspace_id = v_workspace);
begin
  perform engine.assert_manages(v_workspace, 'WORKSPACE');
  if days < v_least then
    raise exception 'The history is kept for % days at least, as long as the trash.', v_least using errcode = 'RV191', column = 'days',
      hint = 'What was deleted comes back with what the history knows of it. Empty the trash sooner, or keep the history longer.';
  end if;
  update core.workspace_settings s set event_retention_days = days where s.workspace_id = v_workspace;
end
$$;
comment on function metadata.set_event_retention(int) is
  'For how many days the history of the records is kept, at least as long as the trash; null for ever. What is older is dropped by a job in the night, and cannot be had again.';
grant execute on function metadata.event_retention(), metadata.set_event_retention(int) to relvar_crm;
grant execute on function engine.archive_events(uuid, int), engine.drop_archived_events(uuid, int), engine.workspaces_with_log() to relvar_worker;
