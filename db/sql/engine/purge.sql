-- What has lain in the trash longer than the workspace keeps it is destroyed each night, in small steps, as if the system
-- itself had destroyed it.

create or replace function engine.purge_trash(workspace_id uuid, max_records int default 500) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_schema text;
  v_days int;
  v_entries uuid[];
begin
  select w.schema_name, s.trash_days into v_schema, v_days
  from core.workspaces w join core.workspace_settings s on s.workspace_id = w.id where w.id = purge_trash.workspace_id;
  if not found then
    return 0;
  end if;
  -- Ids in the trash follow the time, so the oldest are found first.
  execute format('select array(select o.id from %I.trash o where o.deleted_at < now() - make_interval(days => $1) order by o.id limit $2 for update skip locked)', v_schema)
    into v_entries using v_days, max_records;
  return engine.empty_trash(v_schema, v_entries);
end
$$;
comment on function engine.purge_trash(uuid, int) is 'Destroys up to so many records that have lain in the trash longer than the workspace keeps them. Returns how many; 0 when none is left.';

create or replace function engine.queue_trash_purges() returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_ids uuid[] := '{}';
  v_is_old boolean;
  r record;
begin
  for r in select w.id, w.schema_name, s.trash_days from core.workspaces w join core.workspace_settings s on s.workspace_id = w.id loop
    execute format('select exists (select from %I.trash t where t.deleted_at < now() - make_interval(days => $1))', r.schema_name)
      into v_is_old using r.trash_days;
    if v_is_old then
      v_ids := v_ids || r.id;
    end if;
  end loop;
  if cardinality(v_ids) > 0 then
    perform graphile_worker.add_jobs(array(
      select jsonb_populate_record(null::graphile_worker.job_spec, jsonb_build_object('identifier', 'trash__purge_workspace',
        'payload', jsonb_build_object('workspace_id', i), 'job_key', 'trash__purge_workspace:' || i, 'priority', 10)) from unnest(v_ids) i));
  end if;
  return cardinality(v_ids);
end
$$;
comment on function engine.queue_trash_purges() is 'Adds a job for each workspace whose trash holds what is older than it keeps. Returns how many.';

grant execute on function engine.purge_trash(uuid, int), engine.queue_trash_purges() to relvar_worker;
