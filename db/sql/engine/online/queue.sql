-- What would keep people from a large table is not done in the transaction that changes the model:
-- it is written down here, and a job does it while everybody goes on working.

create or replace function engine.online_kind(d engine.difference) returns text
language sql stable set search_path = ''
as $$
  select case
    when (d).is_extra then null
    -- Numbering that has begun is ended, however few records are left.
    when (d).kind = 'column' and ((d).want).default_expr ~ '^identity ' and ((d).have).default_expr ~ '^nextval' then 'NUMBER'
    when (d).row_estimate <= (select s.online_rows from engine.settings s) then null
    when (d).kind = 'index' and ((d).is_missing or (d).is_recreated) then 'INDEX'
    when (d).kind = 'constraint' and ((d).want).definition !~ '^(primary key|unique)' and ((d).is_missing or (d).is_recreated or not ((d).have).not_null) then 'VALIDATE'
    when (d).kind = 'column' and (d).is_missing and ((d).want).default_expr ~ '^identity ' then 'NUMBER'
    when (d).kind = 'column' and ((d).want).definition = 'kept'
      and ((d).is_missing or split_part(((d).want).comment, E'\n', 1) is distinct from split_part(((d).have).comment, E'\n', 1)) then 'BACKFILL'
    when (d).kind = 'column' and not (d).is_missing and not (d).is_recreated and ((d).want).not_null and not ((d).have).not_null then 'NOT_NULL'
  end
$$;

-- One job works on a workspace at a time, one change after the other.
create or replace function engine.add_online_job(workspace_id uuid) returns void
language sql volatile set search_path = ''
as $$
  select graphile_worker.add_job('model__online', json_build_object('workspace_id', workspace_id), max_attempts => 100, job_key => 'model__online:' || workspace_id)
$$;

create or replace function engine.queue_online(workspace_id uuid, differences engine.difference[], scope uuid[]) returns void
language plpgsql volatile set search_path = ''
as $$
#variable_conflict use_column
begin
  -- What failed and is not wanted any more is nobody's worry. A fill is wanted until it is done.
  delete from metadata.online_changes c
  where c.workspace_id = queue_online.workspace_id and c.status = 'FAILED' and c.kind not in ('TYPE', 'BACKFILL') and (scope is null or c.object_id = any (scope))
    and not exists (select from unnest(differences) d where d.kind || ' ' || d.key = c.key and not d.is_extra);
  insert into metadata.online_changes as c (workspace_id, object_id, key, kind, statement, rows_total)
  select queue_online.workspace_id, (d.want).table_key::uuid, d.kind || ' ' || d.key, engine.online_kind(d), case d.kind when 'column' then (d.want).name else coalesce((d.want).definition, (d.want).name) end, d.row_estimate
  from unnest(differences) d where d.kind in ('column', 'constraint', 'index') and engine.online_kind(d) is not null
  on conflict (workspace_id, key) where status <> 'DONE' do update
    set kind = excluded.kind, statement = excluded.statement, status = 'QUEUED', rows_done = 0, last_id = null, rows_total = excluded.rows_total, attempts = 0, error = null
    -- A column that is computed otherwise than a moment ago is filled from the beginning.
    where c.status = 'FAILED' or c.kind = 'BACKFILL' or c.statement <> excluded.statement;
  if found then
    perform engine.add_online_job(queue_online.workspace_id);
  end if;
end
$$;

-- Meanwhile a trigger converts what is written.
create or replace function engine.desired_conversions(workspace_id uuid, schema_name text, scope uuid[]) returns setof engine.fact
language plpgsql stable set search_path = ''
as $$
declare
  v_change metadata.type_changes;
  v_field metadata.fields;
  v_table text;
  v_name text;
  v_definition text;
begin
  for v_change in
    select c.* from metadata.type_changes c join metadata.fields f on f.id = c.field_id
    where c.workspace_id = desired_conversions.workspace_id and c.status = 'RUNNING' and f.revision = c.from_revision and f.deleted_at is null and (scope is null or f.object_id = any (scope))
  loop
    select f.* into v_field from metadata.fields f where f.id = v_change.field_id;
    select o.table_name into v_table from metadata.objects o where o.id = v_field.object_id;
    v_name := 'convert_' || left(md5(v_change.id::text), 12);
    v_definition := format('create or replace function %I.%I() returns trigger language plpgsql volatile security definer set search_path = '''' as %L',
      schema_name, v_name, 'begin ' || engine.conversion_assignments(v_change) || ' return new; end');
    return query select 'function', 'convert:' || v_field.object_id || ':' || v_change.id, v_field.object_id::text, v_table, v_name, v_definition,
      engine.fact_comment('convert:' || v_field.object_id || ':' || v_change.id, v_definition, null, 'Converts values to a coming type.'), null, null::boolean, null, null, null::oid;
    return query select t.* from metadata.objects o
      cross join engine.computed_trigger(o, '_050_' || v_name, format('before insert or update on %%s for each row execute function %I.%I()', schema_name, v_name)) t
      where o.id = v_field.object_id;
  end loop;
end
$$;
