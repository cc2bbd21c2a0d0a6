-- What the job asks before each change: the statements to run, as the model and the catalogue are at
-- this moment. Whatever was done before it died is there to be seen, so it goes on from there.

create or replace function engine.online_work(change_id uuid) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  c metadata.online_changes;
  d engine.difference;
  v_schema text;
  v_table text;
  v_index record;
  v_check text;
  v_drop text[] := '{}';
begin
  select x.* into c from metadata.online_changes x where x.id = change_id and x.status <> 'DONE';
  select w.schema_name, o.table_name into v_schema, v_table from core.workspaces w join metadata.objects o on o.workspace_id = w.id where o.id = c.object_id;
  if v_table is null then
    return '{"kind": "NOTHING"}';
  end if;
  if c.kind = 'TYPE' then
    return jsonb_build_object('kind', 'TYPE', 'changeId', (
      select t.id from metadata.type_changes t join metadata.fields f on f.id = t.field_id
      where t.status = 'RUNNING' and c.key = 'field ' || engine.column_key(t.field_id, t.to_revision, '') and f.deleted_at is null));
  elsif c.kind = 'BACKFILL' then
    return jsonb_build_object('kind', 'BACKFILL', 'fieldId', substring(c.key from '^column ([0-9a-f-]{36})'));
  end if;
  select x.* into d from engine.difference(c.workspace_id, v_schema, array[c.object_id]) x where x.kind || ' ' || x.key = c.key and not x.is_extra;
  case c.kind
    when 'INDEX' then
      if d.key is null then
        return '{"kind": "NOTHING"}';
      end if;
      -- A build that was interrupted leaves an index that is not valid; one that ended just before
      -- the end of the job lacks only its comment.
      select i.indisvalid as is_valid, pg_catalog.obj_description(i.indexrelid, 'pg_class') is null as is_bare into v_index
      from pg_catalog.pg_index i where i.indexrelid = to_regclass(format('%I.%I', v_schema, (d.want).name))::oid and i.indrelid = to_regclass(format('%I.%I', v_schema, v_table))::oid;
      if not d.is_missing then
        v_drop := array[(d.have).name];
      elsif not v_index.is_valid then
        v_drop := array[(d.want).name];
      end if;
      return jsonb_build_object('kind', 'INDEX', 'name', format('%I.%I', v_schema, (d.want).name),
        'drop', (select coalesce(jsonb_agg(format('drop index concurrently if exists %I.%I', v_schema, n)), '[]') from unnest(v_drop) n),
        'create', case when not (d.is_missing and coalesce(v_index.is_valid and v_index.is_bare, false) and c.attempts > 1) then
          case when (d.want).definition like 'unique %' then format('create unique index concurrently %I on %I.%I %s', (d.want).name, v_schema, v_table, substr((d.want).definition, 8))
            else format('create index concurrently %I on %I.%I %s', (d.want).name, v_schema, v_table, (d.want).definition) end end,
        'comment', format('comment on index %I.%I is %L', v_schema, (d.want).name, (d.want).comment));
    when 'VALIDATE' then
      return case when d.key is null then '{"kind": "NOTHING"}' else
        jsonb_build_object('kind', 'VALIDATE', 'statement', format('alter table %I.%I validate constraint %I', v_schema, v_table, (d.have).name)) end;
    when 'NUMBER' then
      if d.key is null or d.is_missing then
        return '{"kind": "NOTHING"}';
      end if;
      return jsonb_build_object('kind', 'NUMBER', 'fieldId', substring(c.key from '^column ([0-9a-f-]{36})'),
        'validate', format('alter table %I.%I validate constraint %I', v_schema, v_table, engine.filled_check_name(d.key)));
    when 'NOT_NULL' then
      v_check := engine.filled_check_name(substr(c.key, 8));
      if d.key is null or not (d.want).not_null or (d.have).not_null then
        return jsonb_build_object('kind', 'VALIDATE', 'statement', format('alter table %I.%I drop constraint if exists %I', v_schema, v_table, v_check));
      end if;
      return jsonb_build_object('kind', 'NOT_NULL',
        'add', case when not exists (select from pg_catalog.pg_constraint k where k.conname = v_check and k.conrelid = to_regclass(format('%I.%I', v_schema, v_table))::oid)
          then format('alter table %I.%I add constraint %I check (%I is not null) not valid', v_schema, v_table, v_check, (d.have).name) end,
        'validate', format('alter table %I.%I validate constraint %I', v_schema, v_table, v_check),
        'finish', format('alter table %I.%I alter column %I set not null, drop constraint %I', v_schema, v_table, (d.have).name, v_check),
        'cleanUp', format('alter table %I.%I drop constraint if exists %I', v_schema, v_table, v_check));
  end case;
end
$$;

-- The next change of a workspace: those that others wait for come first.
create or replace function engine.next_online_change(workspace_id uuid) returns metadata.online_changes
language sql stable security definer set search_path = ''
as $$
  select c from metadata.online_changes c where c.workspace_id = next_online_change.workspace_id and c.status in ('QUEUED', 'RUNNING')
  order by c.attempts, array_position('{NUMBER,TYPE,BACKFILL,NOT_NULL,VALIDATE,INDEX}', c.kind), c.created_at limit 1
$$;

-- Tells everybody that the model is what it should be, and the screens how far the job is.
create or replace function engine.note_online(change_id uuid, status text, error text default null) returns void
language plpgsql volatile security definer set search_path = '' set lock_timeout = '2s'
as $$
declare
  c metadata.online_changes;
begin
  update metadata.online_changes x set status = note_online.status, error = note_online.error,
    attempts = x.attempts + case note_online.status when 'RUNNING' then 1 else 0 end,
    started_at = case note_online.status when 'RUNNING' then clock_timestamp() else x.started_at end,
    finished_at = case when note_online.status in ('DONE', 'FAILED') then clock_timestamp() end,
    rows_done = case note_online.status when 'DONE' then coalesce(x.rows_total, x.rows_done) else x.rows_done end
  -- What was asked for anew meanwhile is not done yet.
  where x.id = change_id and (note_online.status <> 'DONE' or x.status = 'RUNNING') returning * into c;
  if note_online.status = 'DONE' and c.kind in ('NUMBER', 'NOT_NULL', 'BACKFILL', 'VALIDATE') then
    perform engine.apply(c.workspace_id, array[c.object_id]);
  else
    perform pg_notify('relvar_model', json_build_object('workspace', w.id, 'version', w.model_version, 'shape', w.shape)::text) from core.workspaces w where w.id = c.workspace_id;
  end if;
end
$$;

-- How much of an index is built. Only the login that builds it, or a member of it, sees that in
-- pg_stat_progress_create_index, and only the owner writes it down.
create or replace function engine.note_build(object_id uuid, share numeric) returns void
language sql volatile security definer set search_path = ''
as $$
  update metadata.online_changes c set rows_done = (c.rows_total * share)::bigint
  where c.object_id = note_build.object_id and c.status = 'RUNNING' and c.kind = 'INDEX'
$$;
grant execute on function engine.note_build(uuid, numeric) to relvar_worker;

-- Jobs that nobody does: an hour in the queue, or given up.
create or replace function engine.stuck_online_changes() returns table (workspace text, kind text, statement text, status text, error text, created_at timestamptz)
language sql stable security definer set search_path = ''
as $$
  select w.slug, c.kind, c.statement, c.status, c.error, c.created_at
  from metadata.online_changes c join core.workspaces w on w.id = c.workspace_id
  where c.status = 'FAILED' or c.status <> 'DONE' and coalesce(c.started_at, c.created_at) < now() - interval '1 hour'
$$;
comment on function engine.stuck_online_changes() is 'Online changes that failed or that no worker has taken for an hour.';
