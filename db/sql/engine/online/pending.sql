-- The columns in which a job collects the values of coming types.
create or replace function engine.pending_columns(workspace_id uuid, scope uuid[] default null)
returns table (field_id uuid, change_id uuid, object_id uuid, key text, part text, name text, pg_type text)
language sql stable set search_path = ''
as $$
  select f.id, c.id, f.object_id, engine.column_key(f.id, c.to_revision, t.part), t.part, 'pending_' || left(md5(engine.column_key(f.id, c.to_revision, t.part)), 12),
    case when c.to_type = 'NUMBER' and c.to_settings ->> 'dataType' in ('int', 'bigint') then 'bigint' else t.pg_type end
  from metadata.type_changes c
  join metadata.fields f on f.id = c.field_id and f.revision = c.from_revision and f.type = c.from_type and f.deleted_at is null
  join engine.field_type_columns t on t.type = c.to_type
  where c.workspace_id = pending_columns.workspace_id and c.status = 'RUNNING' and c.from_revision <> c.to_revision and (scope is null or f.object_id = any (scope))
$$;
