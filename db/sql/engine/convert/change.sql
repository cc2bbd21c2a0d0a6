-- Changing a field's type. The old columns stay beside the new ones, hidden, until the grace period
-- ends, so that the change can be undone; where no value would look other than it does, the column
-- itself stays and only its meaning changes.

-- Conversions are no changes that anybody made to records: neither the log nor updatedAt tell of
-- them. Anybody can write a setting, so the row of this table is what is believed.
create table if not exists engine.quiet (transaction_id xid8 primary key);

create or replace function engine.is_quiet() returns boolean
language sql stable set search_path = ''
  return current_setting('relvar.quiet', true) = 'on' and exists (select from engine.quiet q where q.transaction_id = pg_current_xact_id_if_assigned());

create or replace function engine.set_quiet(quiet boolean) returns void
language plpgsql volatile set search_path = ''
as $$
begin
  perform set_config('relvar.quiet', case when quiet then 'on' else '' end, true);
  if quiet then
    insert into engine.quiet values (pg_current_xact_id()) on conflict do nothing;
  else
    delete from engine.quiet q where q.transaction_id = pg_current_xact_id();
  end if;
end
$$;

create or replace function engine.retired_name(key text) returns text
language sql immutable strict parallel safe
  return 'former_' || left(md5(key), 12);

create or replace function engine.retire_columns(f metadata.fields, standing engine.standing_field, part text default null) returns void
language sql volatile set search_path = ''
as $$
  insert into engine.retired_columns (workspace_id, object_id, field_id, revision, key, name, pg_type)
  select (f).workspace_id, (f).object_id, (f).id, (f).revision, k.value, engine.retired_name(k.value), (standing).types ->> k.key
  from jsonb_each_text((standing).keys) k
  where (part is null or k.key = part) and k.key <> all ((standing).generated)
$$;

-- The number of the next columns: neither a live one nor one that is kept.
create or replace function engine.next_revision(f metadata.fields) returns int
language sql stable set search_path = ''
as $$
  select 1 + greatest((f).revision, (select max(greatest(c.from_revision, c.to_revision)) from metadata.type_changes c where c.field_id = (f).id))
$$;

create or replace function engine.refuse_losses(f metadata.fields, type text, count engine.conversion_count) returns void
language plpgsql stable set search_path = ''
as $$
begin
  raise exception '% of % values of "%" do not fit the type %, such as %.', (count).fails, (count).fails + (count).converts, (f).label, engine.type_label(type),
      (select string_agg('"' || left(e ->> 'value', 40) || '"', ', ') from (select e from jsonb_array_elements((count).failures) e limit 3) s)
    using errcode = 'RV071', column = 'type',
      hint = 'metadata.preview_conversion lists them. Correct them first, or set {"onFailure": "EMPTY"} in the settings to leave them empty.';
end
$$;

-- The relation that a single relation keeps when it was one to several objects.
create or replace function engine.kept_relation(f metadata.fields, settings jsonb) returns metadata.relations
language sql stable set search_path = ''
as $$
  select r from metadata.relations r
  where r.field_id = (f).id and r.deleted_at is null and (settings ->> 'targetObjectId' is null or r.target_object_id = (settings ->> 'targetObjectId')::uuid)
    and (settings ->> 'targetObjectId' is not null or (select count(*) from metadata.relations o where o.field_id = (f).id and o.deleted_at is null) = 1)
$$;

create or replace function engine.assert_link_convertible(f metadata.fields, type text, settings jsonb) returns void
language plpgsql stable set search_path = ''
as $$
begin
  if type = 'MEMBER' and not exists (select from metadata.relations r join metadata.objects o on o.id = r.target_object_id
      where r.field_id = (f).id and o.universal_identifier = 'standard:workspaceMember') then
    raise exception '"%" does not point to members.', (f).label using errcode = 'RV070', column = 'type', hint = 'Only a relation to the members of the workspace can become a member field.';
  elsif type = 'RELATION' and (f).type = 'MORPH_RELATION' and (engine.kept_relation(f, settings)).id is null then
    raise exception '"%" points to several objects.', (f).label using errcode = 'RV070', column = 'settings', hint = 'Say in the settings which it is to keep: {"targetObjectId": "…"}.';
  elsif type = 'MANY_TO_MANY' and ((f).is_required or (f).is_unique) then
    raise exception 'A relation to many can be neither required nor unique.' using errcode = 'RV072', column = 'type', hint = 'Take that off the field first.';
  end if;
end
$$;

-- How many records point elsewhere than the one object that is kept.
create or replace function engine.count_links(f metadata.fields, t metadata.fields, standing engine.standing_field) returns engine.conversion_count
language plpgsql stable set search_path = ''
as $$
declare
  v_all text := (select string_agg(format('t.%I', n.value), ', ') from jsonb_each_text((standing).names) n);
  v_kept text := case when (t).type = 'RELATION' and (f).type = 'MORPH_RELATION' then format('t.%I', (standing).names ->> (engine.kept_relation(f, (t).settings)).id::text) else format('coalesce(%s)', v_all) end;
  v_label text := format('left(%s, 200)', engine.label_expression((f).object_id, 't'));
  v_count engine.conversion_count;
begin
  execute format('select count(*), count(*) filter (where coalesce(%1$s) is null), count(%2$s), count(*) filter (where coalesce(%1$s) is not null and %2$s is null) from %3$I.%4$I t',
    v_all, v_kept, (standing).schema_name, (standing).table_name)
  into v_count.total, v_count.empty, v_count.converts, v_count.fails;
  v_count.is_identical := (t).type <> 'MANY_TO_MANY';
  execute format('select coalesce(jsonb_agg(jsonb_build_object(''id'', s.id, ''label'', s.label, ''value'', s.value)), ''[]'') from (select t.id, %s as label, coalesce(%s)::text as value from %I.%I t where coalesce(%2$s) is not null and %5$s is null limit 20) s',
    v_label, v_all, (standing).schema_name, (standing).table_name, v_kept) into v_count.failures;
  v_count.samples := '[]';
  return v_count;
end
$$;

create or replace function engine.converted_default(f metadata.fields, t metadata.fields) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_type text := engine.part_types(f) ->> '';
  v_sql text;
  v_value jsonb := (f).default_value;
begin
  if v_value is null or v_value in ('null', '"now"') or jsonb_typeof(v_value) = 'object' or v_type is null or not engine.part_types(t) ? '' then
    return case when v_value = '"now"' and (t).type in ('DATE', 'DATE_TIME') then v_value end;
  end if;
  v_sql := engine.default_expression((f).type, v_type, v_value);
  v_sql := engine.conversion_sql(f, t, jsonb_build_object('', '(' || v_sql || ')')) ->> '';
  execute format('select to_jsonb(%s)', v_sql) into v_value;
  return v_value;
end
$$;

create or replace function engine.tg_fields__convert() returns trigger
language plpgsql volatile security definer set search_path = '' set lock_timeout = '2s'
as $$
declare
  v_may_empty boolean := coalesce(new.settings ->> 'onFailure' = 'EMPTY', false);
  v_is_link boolean := exists (select from engine.conversions c where c.from_type = old.type and c.to_type = new.type and c.route = 'LINK');
  v_is_plain boolean;
  v_is_large boolean;
  v_standing engine.standing_field;
  v_count engine.conversion_count;
  v_target metadata.fields;
  v_moment timestamptz := clock_timestamp();
begin
  perform engine.assert_convertible(old, new.type);
  if v_is_link then
    perform engine.assert_link_convertible(old, new.type, new.settings);
  end if;
  if exists (select from metadata.type_changes c where c.field_id = old.id and c.status = 'RUNNING') then
    raise exception 'The type of "%" is being changed already.', old.label using errcode = 'RV072', column = 'type', hint = 'Wait until that change is done; metadata.online_changes shows how far it is.';
  end if;
  -- First the model, then its tables: in one order, whoever changes it.
  perform engine.note_change(old.workspace_id, array[old.object_id]);
  v_standing := engine.standing_field(old);
  v_target := engine.retyped(old, new.type, new.settings, new.options, v_standing);
  -- A default that was not given anew is converted like a value.
  if new.default_value is not distinct from old.default_value then
    new.default_value := engine.converted_default(old, v_target);
  end if;
  v_target.default_value := new.default_value;
  v_is_large := not v_is_link and v_standing.row_estimate > (select e.online_rows from engine.settings e);
  if v_is_large then
    v_count := engine.count_conversion(old, v_target, v_standing);
    if not (v_count.is_identical and v_standing.generated = '{}') then
      if v_count.fails > 0 and (not v_may_empty or new.is_required and new.required_from is null) then
        perform engine.refuse_losses(old, new.type, v_count);
      end if;
      perform engine.queue_type_change(old, v_target, v_standing, v_may_empty, v_count.fails);
      -- Until the job is done, the field is what it was.
      new.type := old.type;
      new.settings := old.settings;
      new.options := old.options;
      new.default_value := old.default_value;
      return new;
    end if;
  end if;
  if v_standing is not null then
    begin
      -- Nobody adds a value that does not fit between the count and the conversion.
      execute format('lock table %I.%I in share row exclusive mode', v_standing.schema_name, v_standing.table_name);
    exception when lock_not_available or deadlock_detected then
      raise exception 'The table % is busy, so the change was not made.', v_standing.table_name
        using errcode = 'RV021', hint = 'Somebody is working with it in a long transaction. Try again in a moment.';
    end;
    v_count := case when v_is_link then engine.count_links(old, v_target, v_standing) else engine.count_conversion(old, v_target, v_standing) end;
    if v_count.fails > 0 and (not v_may_empty or new.is_required and new.required_from is null) then
      perform engine.refuse_losses(old, new.type, v_count);
    end if;
    v_is_plain := v_count.is_identical and v_standing.generated = '{}';
    if not v_is_plain then
      new.revision := engine.next_revision(old);
      perform engine.retire_columns(old, v_standing);
    end if;
    insert into metadata.type_changes (workspace_id, field_id, from_type, from_settings, from_options, from_default_value, from_revision, to_type, to_settings, to_options, to_default_value, to_revision, failed_values, status, changed_at)
    values (old.workspace_id, old.id, old.type,
      old.settings || case when old.type in ('FORMULA', 'ROLLUP') then jsonb_build_object('resultType', old.result_type, 'compiled', old.compiled) else '{}' end,
      old.options, old.default_value, old.revision, new.type, v_target.settings, v_target.options, new.default_value, new.revision, v_count.fails, case when v_is_plain then 'DONE' else 'RUNNING' end, v_moment);
  end if;
  if v_is_link and new.type = 'MANY_TO_MANY' then
    new.junction_field_id := null;
    v_target.settings := v_target.settings - 'onDelete' || (
      select jsonb_build_object('targetObjectId', r.target_object_id, 'inverseLabel', r.inverse_label, 'inverseName', r.inverse_name)
      from metadata.relations r where r.field_id = old.id and r.deleted_at is null);
    update metadata.relations r set deleted_at = v_moment where r.field_id = old.id and r.deleted_at is null;
  elsif v_is_link and new.type = 'RELATION' and old.type = 'MORPH_RELATION' then
    update metadata.relations r set deleted_at = v_moment where r.field_id = old.id and r.deleted_at is null and r.id <> (engine.kept_relation(old, new.settings)).id;
    v_target.settings := v_target.settings - 'targetObjectId';
  end if;
  -- How values were to be read is of no use to the field afterwards.
  new.settings := v_target.settings - '{dayOrder,currencyCode}'::text[];
  new.options := v_target.options;
  new.result_type := null;
  new.compiled := null;
  return new;
end
$$;
create or replace trigger _050_convert before update of type on metadata.fields for each row
  when (new.type <> old.type and new.revision = old.revision and new.deleted_at is null and old.deleted_at is null) execute function engine.tg_fields__convert();

-- A relation to one that becomes one to many is joined as a new one is.
create or replace trigger _200_join_changed after update of type on metadata.fields for each row
  when (new.type = 'MANY_TO_MANY' and old.type <> 'MANY_TO_MANY' and new.junction_field_id is null) execute function engine.tg_fields__join();

-- The field as it was before a change of its type.
create or replace function engine.field_before(f metadata.fields, c metadata.type_changes) returns metadata.fields
language plpgsql stable set search_path = ''
as $$
begin
  f.type := (c).from_type;
  f.settings := (c).from_settings - '{resultType,compiled}'::text[];
  f.options := (c).from_options;
  f.default_value := (c).from_default_value;
  f.revision := (c).from_revision;
  f.result_type := (c).from_settings ->> 'resultType';
  f.compiled := nullif((c).from_settings -> 'compiled', 'null');
  return f;
end
$$;

-- The columns that held the values before, as SQL by part: those that were kept, or what a formula
-- that was computed on reading comes to.
create or replace function engine.former_columns(f metadata.fields, alias text) returns jsonb
language sql stable set search_path = ''
as $$
  select coalesce(
    (select engine.qualified(jsonb_object_agg(regexp_replace(r.key, '^[^.]*\.?', ''), r.name), alias)
      from engine.retired_columns r where r.field_id = (f).id and r.revision = (f).revision),
    (select jsonb_object_agg(c.part, engine.formula_sql((f).compiled, c.part, alias))
      from engine.field_type_columns c where c.type = (f).result_type and (f).type = 'FORMULA'))
$$;

create or replace function engine.live_columns(f metadata.fields, alias text) returns jsonb
language sql stable set search_path = ''
as $$
  select engine.qualified(jsonb_object_agg(c.part, engine.snake_case((f).name) || c.suffix), alias)
  from engine.field_type_columns c where c.type = engine.plain_type(f)
$$;

create or replace function engine.same_sql(a jsonb, b jsonb) returns text
language sql immutable set search_path = ''
as $$ select coalesce(string_agg(format('%s is not distinct from %s', e.value, b ->> e.key), ' and '), 'true') from jsonb_each_text(a) e $$;

-- The statement that fills the new columns of a change from the old, for all records or those of a condition.
create or replace function engine.conversion_update(f metadata.fields, before metadata.fields, schema_name text, table_name text, columns jsonb, condition text default null) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_old jsonb := engine.former_columns(before, 't');
  v_new jsonb := engine.conversion_sql(before, f, v_old);
begin
  return format('update %I.%I t set %s where %s', schema_name, table_name,
    (select string_agg(format('%I = %s', split_part(columns ->> e.key, '.', 2), e.value), ', ' order by e.key) from jsonb_each_text(v_new) e),
    coalesce(condition, engine.presence_sql(engine.plain_type(before), v_old)));
end
$$;

-- Deleted records are converted as well, so that they can be restored as what their object is now.
create or replace function engine.conversion_of_trash(f metadata.fields, before metadata.fields, schema_name text, table_name text) returns text
language sql stable set search_path = ''
as $$
  select format('update %1$I.trash x set data = x.data || (select jsonb_build_object(%2$s) from jsonb_populate_record(null::%1$I.%3$I, x.data) t) where x.object_id = %4$L and x.data ?| %5$L::text[]',
    schema_name, (select string_agg(format('%L, %s', engine.snake_case((f).name) || c.suffix, e.value), ', ' order by e.key)
      from jsonb_each_text(engine.conversion_sql(before, f, engine.former_columns(before, 't'))) e join engine.field_type_columns c on c.type = (f).type and c.part = e.key),
    table_name, (f).object_id, (select array_agg(r.name) from engine.retired_columns r where r.field_id = (f).id and r.revision = (before).revision))
  where (f).type <> 'MANY_TO_MANY' and (before).type not in ('FORMULA', 'ROLLUP')
$$;

-- Fills of the columns that this transaction makes for changed types; one a field.
create or replace function engine.conversion_steps(schema_name text)
returns table (field_id uuid, object_id uuid, column_key text, table_name text, statement text)
language plpgsql stable set search_path = ''
as $$
declare
  v_change metadata.type_changes;
  f metadata.fields;
  b metadata.fields;
begin
  for v_change in
    select c.* from core.workspaces w join metadata.type_changes c on c.workspace_id = w.id and c.status = 'RUNNING'
    join metadata.fields x on x.id = c.field_id and x.revision = c.to_revision
    where w.schema_name = conversion_steps.schema_name
  loop
    select x.* into f from metadata.fields x where x.id = v_change.field_id;
    b := engine.field_before(f, v_change);
    f.settings := v_change.to_settings || f.settings;
    field_id := f.id;
    object_id := f.object_id;
    column_key := engine.column_key(f.id, f.revision, '');
    select o.table_name into table_name from metadata.objects o where o.id = f.object_id;
    statement := case when f.type = 'MANY_TO_MANY' then engine.links_insert(f, b, schema_name, table_name)
      else engine.conversion_update(f, b, schema_name, table_name,
        (select jsonb_object_agg(c.part, format('t.%s', engine.snake_case(f.name) || c.suffix)) from engine.field_type_columns c where c.type = f.type)) end;
    return next;
    statement := engine.conversion_of_trash(f, b, schema_name, table_name);
    return next;
  end loop;
end
$$;

-- The links that a relation to one becomes.
create or replace function engine.links_insert(f metadata.fields, before metadata.fields, schema_name text, table_name text) returns text
language sql stable set search_path = ''
as $$
  select format('insert into %1$I.%2$I (%3$I, %4$I) select t.id, t.%5$I from %1$I.%6$I t where t.%5$I is not null',
    schema_name, j.table_name, engine.snake_case(near.name) || '_id', engine.snake_case(far.name) || '_id', r.name, links_insert.table_name)
  from metadata.fields near
  join metadata.objects j on j.id = near.object_id
  join metadata.fields far on far.object_id = j.id and far.id <> near.id and exists (select from metadata.fields m where m.junction_field_id = far.id)
  join engine.retired_columns r on r.field_id = (f).id and r.revision = (before).revision
  where near.id = (f).junction_field_id
$$;

-- Rules and indexes of the field are judged again, as if they were made now.
create or replace function engine.tg_fields__judge_rules() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_what text;
  r record;
begin
  for r in
    select 'rules' as of, u.id, engine.rule_text(u) as label from metadata.rules u
    where u.object_id = new.object_id and (u.field_id = new.id or u.settings -> 'fieldIds' ? new.id::text or new.id in (select engine.formula_fields(u.compiled)))
    union all
    select 'indexes', x.id, x.name from metadata.indexes x
    where x.object_id = new.object_id and (x.parts @> jsonb_build_array(jsonb_build_object('fieldId', new.id)) or new.id in (select engine.formula_fields(x.compiled)))
  loop
    v_what := case r.of when 'rules' then 'rule' else 'index' end;
    execute format('update metadata.%I set compiled = null where id = $1', r.of) using r.id;
  end loop;
  return null;
exception when others then
  if sqlstate not like 'RV%' then
    raise;
  end if;
  raise exception 'The % "%" does not allow this change of "%": %', v_what, r.label, new.label, sqlerrm
    using errcode = 'RV072', column = 'type', hint = format('Change or delete the %s first.', v_what);
end
$$;
create or replace trigger _500_judge_rules after update of type on metadata.fields for each row
  when (new.type <> old.type) execute function engine.tg_fields__judge_rules();
