-- Changing a type while everybody goes on working: new columns beside the old, a trigger that fills
-- them as records are written, a job that fills them for the records that are there, and at the end
-- one short lock in which the names change.

-- A field's present columns as SQL by part. What is computed on reading is not there for a trigger.
create or replace function engine.source_columns(f metadata.fields, alias text) returns jsonb
language sql stable set search_path = ''
as $$
  select case when (f).type in ('FORMULA', 'ROLLUP') and engine.is_generated(f)
    then (select jsonb_object_agg(c.part, engine.formula_sql((f).compiled, c.part, alias)) from engine.field_type_columns c where c.type = (f).result_type)
    else engine.live_columns(f, alias) end
$$;

create or replace function engine.field_after(f metadata.fields, c metadata.type_changes) returns metadata.fields
language plpgsql stable set search_path = ''
as $$
begin
  f.type := (c).to_type;
  f.settings := (c).to_settings;
  f.options := (c).to_options;
  f.default_value := (c).to_default_value;
  f.revision := (c).to_revision;
  f.result_type := null;
  f.compiled := null;
  return f;
end
$$;

create or replace function engine.conversion_assignments(c metadata.type_changes, alias text default 'new', separator text default '; ', target text default 'new.') returns text
language sql stable set search_path = ''
as $$
  select string_agg(format('%s%I = %s', target, p.name, e.value), separator order by p.part) || case separator when '; ' then ';' else '' end
  from metadata.fields f
  cross join lateral jsonb_each_text(engine.conversion_sql(f, engine.field_after(f, c), engine.source_columns(f, alias))) e
  join engine.pending_columns((c).workspace_id, array[f.object_id]) p on p.change_id = (c).id and p.part = e.key
  where f.id = (c).field_id
$$;

-- Fills the next records by id. Returns the last of them, null when there are no more.
create or replace function engine.conversion_batch(change_id uuid, after_id uuid, batch_size int) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_change metadata.type_changes;
  v_table text;
  v_schema text;
  v_last uuid;
begin
  select c.* into v_change from metadata.type_changes c where c.id = change_id and c.status = 'RUNNING';
  select o.table_name, w.schema_name into v_table, v_schema
  from metadata.fields f join metadata.objects o on o.id = f.object_id join core.workspaces w on w.id = f.workspace_id where f.id = v_change.field_id and f.deleted_at is null;
  if v_table is null then
    return null;
  end if;
  perform engine.set_quiet(true);
  execute format('with b as (select t.id from %1$I.%2$I t where $1 is null or t.id > $1 order by t.id limit $2),
      u as (update %1$I.%2$I t set %3$s from b where t.id = b.id)
    select max(b.id::text)::uuid from b', v_schema, v_table, engine.conversion_assignments(v_change, 't', ', ', '')) into v_last using after_id, batch_size;
  perform engine.set_quiet(false);
  return v_last;
end
$$;

-- Puts a change of type off to a job: the field stays what it is until then.
create or replace function engine.queue_type_change(f metadata.fields, t metadata.fields, standing engine.standing_field, may_empty boolean, failed bigint) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_revision int := engine.next_revision(f);
begin
  insert into metadata.type_changes (workspace_id, field_id, from_type, from_settings, from_options, from_default_value, from_revision, to_type, to_settings, to_options, to_default_value, to_revision, failed_values, status)
  values ((f).workspace_id, (f).id, (f).type,
    (f).settings || case when (f).type in ('FORMULA', 'ROLLUP') then jsonb_build_object('resultType', (f).result_type, 'compiled', (f).compiled) else '{}' end,
    (f).options, (f).default_value, (f).revision, (t).type, (t).settings || case when may_empty then '{"onFailure": "EMPTY"}' else '{}'::jsonb end, (t).options, (t).default_value, v_revision, failed, 'RUNNING');
  -- An earlier attempt that failed was taken back whole.
  delete from metadata.online_changes c where c.workspace_id = (f).workspace_id and c.status = 'FAILED' and c.kind = 'TYPE' and starts_with(c.key, 'field ' || (f).id);
  insert into metadata.online_changes (workspace_id, object_id, key, kind, statement, rows_total)
  values ((f).workspace_id, (f).object_id, 'field ' || engine.column_key((f).id, v_revision, ''), 'TYPE', format('%s: %s to %s', (f).label, engine.type_label((f).type), engine.type_label((t).type)), (standing).row_estimate);
  perform engine.add_online_job((f).workspace_id);
end
$$;

-- The end of it: the new columns become the field's. Refuses when values do not fit that were
-- written meanwhile.
create or replace function engine.finish_type_change(change_id uuid) returns boolean
language plpgsql volatile security definer set search_path = '' set lock_timeout = '2s'
as $$
declare
  v_change metadata.type_changes;
  f metadata.fields;
  t metadata.fields;
  v_schema text;
  v_table text;
  v_has text;
  v_gets text;
  v_fails bigint;
  v_sample text;
begin
  select c.* into v_change from metadata.type_changes c where c.id = change_id and c.status = 'RUNNING';
  select x.* into f from metadata.fields x where x.id = v_change.field_id and x.deleted_at is null and x.revision = v_change.from_revision;
  if f.id is null then
    return false;
  end if;
  perform engine.note_change(f.workspace_id, array[f.object_id]);
  select w.schema_name, o.table_name into v_schema, v_table from core.workspaces w join metadata.objects o on o.workspace_id = w.id where o.id = f.object_id;
  execute format('lock table %I.%I in share row exclusive mode', v_schema, v_table);
  t := engine.field_after(f, v_change);
  v_has := engine.presence_sql(engine.plain_type(f), engine.source_columns(f, 't'));
  v_gets := engine.presence_sql(t.type, (select jsonb_object_agg(p.part, format('t.%I', p.name)) from engine.pending_columns(f.workspace_id, array[f.object_id]) p where p.change_id = v_change.id));
  execute format('select count(*), min(left((%s)::text, 40)) from %I.%I t where %s and not %s', engine.source_text(f, engine.source_columns(f, 't')), v_schema, v_table, v_has, v_gets) into v_fails, v_sample;
  if v_fails > 0 and (v_change.to_settings ->> 'onFailure' is distinct from 'EMPTY' or f.is_required) then
    raise exception '% values of "%" do not fit the type %, such as "%".', v_fails, f.label, engine.type_label(t.type), v_sample using errcode = 'RV071',
      hint = 'They were written while the others were converted. Correct them and change the type again.';
  end if;
  if f.type not in ('FORMULA', 'ROLLUP') then
    perform engine.retire_columns(f, engine.standing_field(f));
  end if;
  update metadata.type_changes c set failed_values = v_fails, status = 'DONE', changed_at = clock_timestamp() where c.id = v_change.id;
  update metadata.fields x set type = t.type, settings = t.settings - '{dayOrder,currencyCode,onFailure}'::text[], options = t.options, default_value = t.default_value, revision = t.revision, compiled = null, result_type = null
  where x.id = f.id;
  perform engine.apply_pending(f.workspace_id);
  if f.type not in ('FORMULA', 'ROLLUP') then
    t.settings := v_change.to_settings;
    execute engine.conversion_of_trash(t, f, v_schema, v_table);
  end if;
  return true;
end
$$;

-- Gives a change up: what was made for it goes.
create or replace function engine.cancel_type_change(change_id uuid) returns void
language plpgsql volatile security definer set search_path = '' set lock_timeout = '2s'
as $$
declare
  v_field metadata.fields;
begin
  delete from metadata.type_changes c using metadata.fields f where c.id = change_id and c.status = 'RUNNING' and f.id = c.field_id returning f.* into v_field;
  if found then
    perform engine.note_change(v_field.workspace_id, array[v_field.object_id]);
  end if;
end
$$;
