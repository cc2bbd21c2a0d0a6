-- Undoing a change of type: the former columns are the field's again. Records that were written
-- since are converted back where the types allow it; the others keep what they had before.

create or replace function engine.assert_undoable(c metadata.type_changes, f metadata.fields) returns void
language plpgsql stable set search_path = ''
as $$
begin
  if (c).status <> 'DONE' or (f).type <> (c).to_type or (f).revision <> (c).to_revision
    or exists (select from metadata.type_changes o where o.field_id = (c).field_id and o.changed_at > (c).changed_at and o.status = 'DONE') then
    raise exception 'The type of "%" has been changed again since, or back.', (f).label using errcode = 'RV074', column = 'id', hint = 'Undo the latest change first.';
  end if;
  if (c).from_revision <> (c).to_revision and (c).from_type not in ('FORMULA', 'ROLLUP')
    and not exists (select from engine.retired_columns r where r.field_id = (c).field_id and r.revision = (c).from_revision) then
    raise exception 'The former values of "%" are not kept any more.', (f).label using errcode = 'RV074', column = 'id', hint = 'Change the type again instead: update metadata.fields set type = ….';
  end if;
  if (c).from_type = 'AUTO_NUMBER' then
    raise exception 'Numbers that were given out cannot be taken up again.' using errcode = 'RV074', column = 'id', hint = 'Add a field of type AUTO_NUMBER instead.';
  end if;
end
$$;

-- Brings the former columns up to what was written since. Returns the number of records converted back.
create or replace function engine.convert_back(f metadata.fields, before metadata.fields, standing engine.standing_field) returns bigint
language plpgsql volatile set search_path = ''
as $$
declare
  v_old jsonb := engine.former_columns(before, 't');
  v_live jsonb := engine.qualified((standing).names, 't');
  v_back jsonb;
  v_count bigint;
  v_junction record;
begin
  perform engine.set_quiet(true);
  if (f).type = 'MANY_TO_MANY' then
    select j.table_name, engine.snake_case(near.name) || '_id' as near, engine.snake_case(far.name) || '_id' as far, r.name as former into v_junction
    from metadata.fields near
    join metadata.objects j on j.id = near.object_id
    join metadata.fields far on far.object_id = j.id and far.id <> near.id and exists (select from metadata.fields m where m.junction_field_id = far.id)
    join engine.retired_columns r on r.field_id = (f).id and r.revision = (before).revision
    where near.id = (f).junction_field_id;
    -- Of several links the one that was there before, else the oldest.
    execute format('update %1$I.%2$I t set %3$I = (select j.%4$I from %1$I.%5$I j where j.%6$I = t.id order by j.%4$I is not distinct from t.%3$I desc, j.created_at, j.id limit 1)
      where not exists (select from %1$I.%5$I j where j.%6$I = t.id and j.%4$I = t.%3$I) and (t.%3$I is not null or exists (select from %1$I.%5$I j where j.%6$I = t.id))',
      (standing).schema_name, (standing).table_name, v_junction.former, v_junction.far, v_junction.table_name, v_junction.near);
  else
    v_back := engine.conversion_sql(f, before, v_live);
    if v_back is not null then
      execute format('update %I.%I t set %s where not (%s) and (%s or %s)', (standing).schema_name, (standing).table_name,
        (select string_agg(format('%s = %s', split_part(o.value, '.', 2), coalesce(v_back ->> o.key, 'null')), ', ') from jsonb_each_text(v_old) o),
        engine.same_sql(engine.conversion_sql(before, f, v_old), v_live),
        -- A blank and nothing are alike.
        engine.presence_sql(engine.plain_type(before), v_old), engine.presence_sql(engine.plain_type(f), v_live));
    end if;
  end if;
  get diagnostics v_count = row_count;
  perform engine.set_quiet(false);
  return case when (f).type <> 'MANY_TO_MANY' and v_back is null then -1 else v_count end;
end
$$;

create or replace function metadata.undo_type_change(id uuid) returns jsonb
language plpgsql volatile security definer set search_path = '' set lock_timeout = '2s'
as $$
declare
  v_change metadata.type_changes;
  f metadata.fields;
  b metadata.fields;
  v_standing engine.standing_field;
  v_table text;
  v_schema text;
  v_junction uuid;
  v_count bigint := 0;
begin
  select c.* into v_change from metadata.type_changes c where c.id = undo_type_change.id;
  if not found then
    raise exception 'There is no such change of a type.' using errcode = 'RV074', column = 'id', hint = 'metadata.type_changes lists them.';
  end if;
  perform engine.assert_manages(v_change.workspace_id);
  select x.* into f from metadata.fields x where x.id = v_change.field_id;
  perform engine.note_change(f.workspace_id, array[f.object_id]);
  -- Somebody may have been faster.
  select c.* into v_change from metadata.type_changes c where c.id = undo_type_change.id;
  select x.* into f from metadata.fields x where x.id = v_change.field_id;
  perform engine.assert_undoable(v_change, f);
  b := engine.field_before(f, v_change);
  if v_change.from_revision = v_change.to_revision and b.type not in ('FORMULA', 'ROLLUP') then
    update metadata.fields x set type = b.type, settings = b.settings, options = b.options, default_value = b.default_value where x.id = f.id;
    delete from metadata.type_changes c where c.field_id = f.id and c.changed_at > v_change.changed_at and c.from_revision = c.to_revision;
  else
    select w.schema_name, o.table_name into v_schema, v_table from core.workspaces w join metadata.objects o on o.workspace_id = w.id where o.id = f.object_id;
    v_standing := coalesce(engine.standing_field(f), (v_schema, v_table, 0, '{}', '{}', '{}', '{}')::engine.standing_field);
    begin
      execute format('lock table %I.%I in share row exclusive mode', v_schema, v_standing.table_name);
    exception when lock_not_available or deadlock_detected then
      raise exception 'The table % is busy, so the change was not made.', v_standing.table_name
        using errcode = 'RV021', hint = 'Somebody is working with it in a long transaction. Try again in a moment.';
    end;
    if b.type in ('FORMULA', 'ROLLUP') then
      -- Computed anew.
      b.revision := engine.next_revision(f);
    else
      v_count := engine.convert_back(f, b, v_standing);
      delete from engine.retired_columns r where r.field_id = f.id and r.revision = b.revision;
    end if;
    if f.type <> 'MANY_TO_MANY' then
      perform engine.retire_columns(f, v_standing);
    end if;
    select near.object_id into v_junction from metadata.fields near where near.id = f.junction_field_id;
    update metadata.fields x set type = b.type, settings = b.settings, options = b.options, default_value = b.default_value, revision = b.revision, junction_field_id = null, compiled = null
    where x.id = f.id;
    update metadata.objects o set deleted_at = clock_timestamp(), deleted_by_name = (engine.current_actor()).name where o.id = v_junction;
  end if;
  update metadata.relations r set deleted_at = null where r.field_id = f.id and r.deleted_at = v_change.changed_at;
  update metadata.type_changes c set status = 'UNDONE' where c.id = v_change.id;
  return jsonb_build_object('fieldId', f.id, 'type', b.type, 'convertedBack', greatest(v_count, 0), 'note', case
    when v_count < 0 then 'The values are those from before the change. What was written since does not convert back.'
    when v_count > 0 then format('%s records were written since, and were converted back.', v_count)
    else 'The values are those from before the change.' end);
end
$$;
comment on function metadata.undo_type_change(uuid) is 'Gives a field the type and the values that it had before a change of its type. Possible until the grace period ends.';
grant execute on function metadata.undo_type_change(uuid) to relvar_crm;

-- With a field go the columns that were kept for it.
create or replace function engine.tg_fields__forget_columns() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  delete from engine.retired_columns r where r.field_id = old.id;
  return null;
end
$$;
create or replace trigger _300_forget_columns after delete on metadata.fields for each row execute function engine.tg_fields__forget_columns();
