-- Formulas and rollups are compiled when their field is written, so that a mistake is refused there
-- and then, and again when what they read changes.

-- Whether a computed field comes back to itself, by which fields.
create or replace function engine.assert_no_circle(field metadata.fields, compiled jsonb) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_way text;
begin
  with recursive reads as (
    select g.id, array[g.id] as way from engine.formula_fields(assert_no_circle.compiled) r join metadata.fields g on g.id = r where g.type in ('FORMULA', 'ROLLUP')
    union
    select g.id, s.way || g.id from reads s join metadata.fields f on f.id = s.id
    cross join lateral engine.formula_fields(f.compiled) r join metadata.fields g on g.id = r and g.type in ('FORMULA', 'ROLLUP')
    where s.id <> (field).id and g.id <> all (s.way)
  )
  select string_agg(g.label, ' → ' order by u.n) into v_way
  from (select s.way from reads s where s.id = (field).id order by cardinality(s.way) limit 1) c
  cross join unnest(c.way) with ordinality as u (id, n) join metadata.fields g on g.id = u.id;
  if v_way is not null or (field).id in (select r from engine.formula_fields(assert_no_circle.compiled) r) then
    raise exception 'The field "%" would be computed from itself: % → %.', (field).label, (field).label, coalesce(v_way, (field).label)
      using errcode = 'RV056', column = 'settings', hint = 'Take one of these fields out of the formula of another.';
  end if;
end
$$;

create or replace function engine.compile_rollup(field metadata.fields) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_settings jsonb := (field).settings;
  v_aggregate text := v_settings ->> 'aggregate';
  v_relation metadata.relations;
  v_child uuid;
  v_field metadata.fields;
  v_value jsonb;
  v_order uuid;
  v_filter jsonb;
  v_type text;
begin
  if v_aggregate is null or v_aggregate not in ('COUNT', 'SUM', 'AVG', 'MIN', 'MAX', 'FIRST', 'LAST', 'LIST') then
    raise exception 'A rollup cannot "%".', v_aggregate using errcode = 'RV057', column = 'settings',
      hint = 'Its aggregate is one of COUNT, SUM, AVG, MIN, MAX, FIRST, LAST, LIST.';
  end if;
  select r.* into v_relation from metadata.relations r
  join metadata.fields f on f.id = r.field_id and f.deleted_at is null
  join metadata.objects o on o.id = f.object_id and o.deleted_at is null
  where r.id::text = v_settings ->> 'relationId' and r.target_object_id = (field).object_id and r.deleted_at is null;
  if not found then
    raise exception 'The rollup "%" names no relation that points to its object.', (field).label using errcode = 'RV057', column = 'settings',
      hint = coalesce('Give settings.relationId: ' || (select string_agg(format('%s (%s)', r.id, r.inverse_label), ', ') from metadata.relations r join metadata.fields f on f.id = r.field_id and f.deleted_at is null where r.target_object_id = (field).object_id and r.deleted_at is null), 'Nothing points to this object yet.');
  end if;
  select f.object_id into v_child from metadata.fields f where f.id = v_relation.field_id;
  if v_aggregate <> 'COUNT' then
    select f.* into v_field from metadata.fields f where f.id::text = v_settings ->> 'fieldId' and f.object_id = v_child and f.deleted_at is null;
    if not found then
      raise exception 'The rollup "%" does not say which field of the records it reads.', (field).label using errcode = 'RV057', column = 'settings',
        hint = 'Give settings.fieldId, a field of ' || (select o.label_plural from metadata.objects o where o.id = v_child) || '.';
    end if;
    v_value := engine.formula_reference(jsonb_build_object('path', jsonb_build_array(v_field.name), 'at', 1), v_child, 'FILTER') - 'at' - 'ft';
    v_type := v_value ->> 't';
    if v_type in ('JSON', 'ARRAY')
      or v_aggregate in ('SUM', 'AVG') and v_type not in ('NUMBER', 'PERCENT', 'CURRENCY', 'DURATION')
      or v_aggregate in ('MIN', 'MAX') and v_type in ('BOOLEAN', 'UUID') then
      raise exception 'The field "%" is %, of which there is no %.', v_field.label, engine.formula_type_name(v_type), lower(v_aggregate) using errcode = 'RV057', column = 'settings',
        hint = 'Sums and averages are of numbers, money and durations; FIRST, LAST and LIST take most fields.';
    end if;
    if v_aggregate = 'LIST' then
      v_value := engine.formula_as(v_value, 'TEXT');
      v_type := 'ARRAY';
    end if;
  else
    v_type := 'NUMBER';
  end if;
  if v_settings ->> 'orderFieldId' is not null then
    select f.id into v_order from metadata.fields f where f.id::text = v_settings ->> 'orderFieldId' and f.object_id = v_child and f.deleted_at is null;
    if not found or engine.formula_columns((select f from metadata.fields f where f.id = v_order), '', '') = '{}' then
      raise exception 'The records of the rollup "%" cannot be ordered by that.', (field).label using errcode = 'RV057', column = 'settings', hint = 'settings.orderFieldId is a field of the records that are read.';
    end if;
  elsif v_aggregate in ('FIRST', 'LAST', 'LIST') then
    select f.id into v_order from metadata.fields f where f.object_id = v_child and f.name = 'createdAt';
  end if;
  if coalesce(v_settings ->> 'filter', '') <> '' then
    v_filter := engine.formula_compile(v_child, v_settings ->> 'filter', 'FILTER');
  end if;
  return jsonb_strip_nulls(jsonb_build_object('type', v_type, 'aggregate', v_aggregate, 'relation', v_relation.id, 'via', jsonb_build_array(v_relation.field_id),
    'value', v_value, 'order', case when v_order is not null then jsonb_build_object('field', v_order) end, 'filter', v_filter));
end
$$;

-- A default that is computed, as PostgreSQL prints it back: what stands in the catalogue can then be compared with it.
create or replace function engine.compile_default(field metadata.fields) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_compiled jsonb := engine.formula_compile((field).object_id, (field).default_value ->> 'expression', 'DEFAULT');
  v_type text := case when (field).type in ('RELATION', 'MEMBER') then 'uuid' else (
    select case when (field).type = 'NUMBER' and (field).settings ->> 'dataType' in ('int', 'bigint') then 'bigint' else c.pg_type end
    from engine.field_type_columns c where c.type = (field).type and c.part = '') end;
  v_wanted text := engine.formula_column_type(v_type);
begin
  if v_wanted is null or v_wanted in ('ARRAY', 'JSON') or not (v_compiled ->> 'type' = v_wanted or engine.formula_as(v_compiled -> 'node', v_wanted) is not null and v_wanted <> 'TEXT'
      or v_wanted = 'NUMBER' and v_compiled ->> 'type' in ('DURATION', 'PERCENT')) then
    perform engine.formula_type_error(format('The default of "%s" is %s, which does not fit the field.', (field).label, engine.formula_type_name(v_compiled ->> 'type')), (field).default_value ->> 'expression', 1);
  end if;
  if (field).type in ('RELATION', 'MEMBER') and v_compiled #>> '{node,fn}' <> 'currentMember' then
    perform engine.formula_type_error(format('The default of "%s" must be currentMember().', (field).label), (field).default_value ->> 'expression', 1);
  end if;
  if v_wanted = 'DATE_TIME' then
    v_compiled := v_compiled || jsonb_build_object('type', 'DATE_TIME', 'node', engine.formula_as(v_compiled -> 'node', 'DATE_TIME'));
  end if;
  execute format('create temporary table relvar_default (value %s default %s::%1$s)', v_type, engine.formula_sql(v_compiled));
  v_compiled := v_compiled || jsonb_build_object('printed', (
    select pg_catalog.pg_get_expr(d.adbin, d.adrelid) from pg_catalog.pg_attrdef d where d.adrelid = 'pg_temp.relvar_default'::regclass));
  drop table pg_temp.relvar_default;
  return v_compiled;
end
$$;

create or replace function engine.tg_fields__compile() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_type text;
begin
  if new.deleted_at is not null then
    return new;
  end if;
  if new.type not in ('FORMULA', 'ROLLUP') then
    new.result_type := null;
    if jsonb_typeof(new.default_value) = 'object' and new.default_value ? 'expression' then
      if tg_op = 'INSERT' or new.compiled is null or (new.default_value, new.type, new.settings) is distinct from (old.default_value, old.type, old.settings) then
        new.compiled := engine.compile_default(new);
      end if;
    else
      new.compiled := null;
    end if;
    return new;
  end if;
  if new.is_required or new.is_unique or coalesce(new.default_value, 'null') <> 'null' then
    raise exception 'The field "%" is computed, so it can be neither required nor unique, nor have a default.', new.label using errcode = 'RV057', column = 'is_required';
  end if;
  -- Unchanged: a relabelled field is not compiled anew, nor is one whose text follows a rename.
  if tg_op = 'UPDATE' and new.compiled is not null and old.deleted_at is null and new.type = old.type and new.settings = old.settings then
    return new;
  end if;
  if new.type = 'FORMULA' then
    new.compiled := engine.formula_compile(new.object_id, new.settings ->> 'expression', 'FORMULA');
    new.settings := new.settings || jsonb_build_object('expression', coalesce(nullif(engine.formula_text(new.compiled), ''), new.settings ->> 'expression'));
  else
    new.compiled := engine.compile_rollup(new);
    if new.compiled ? 'filter' then
      new.settings := new.settings || jsonb_build_object('filter', engine.formula_text(new.compiled -> 'filter'));
    end if;
  end if;
  perform engine.assert_no_circle(new, new.compiled);
  v_type := new.compiled ->> 'type';
  -- Values of another type lie in other columns.
  if tg_op = 'UPDATE' and old.result_type <> v_type and old.revision = new.revision then
    new.revision := old.revision + 1;
  end if;
  new.result_type := v_type;
  return new;
end
$$;
create or replace trigger _150_compile before insert or update on metadata.fields for each row execute function engine.tg_fields__compile();

-- Formulas follow the names of what they read, and are judged again when it becomes something else.
create or replace function engine.tg_fields__recompile_readers() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_message text;
  v_detail text;
  r record;
begin
  for r in
    select f.* from metadata.fields f
    where f.workspace_id = new.workspace_id and f.type in ('FORMULA', 'ROLLUP') and f.compiled is not null and f.id <> new.id and f.deleted_at is null
      and new.id in (select engine.formula_fields(f.compiled))
      and exists (select from metadata.objects o where o.id = f.object_id and o.deleted_at is null)
  loop
    if new.deleted_at is not null then
      -- What vanishes with its object vanishes for both.
      continue when exists (select from metadata.objects o where o.id = r.object_id and o.deleted_at is not null);
      raise exception 'The field "%" is read by the computed field "%" of %.', new.label, r.label, (select o.label_plural from metadata.objects o where o.id = r.object_id)
        using errcode = 'RV058', column = 'id', hint = 'Change or delete that field first, or let it read another.';
    elsif (new.type, new.result_type, new.options, new.settings) is distinct from (old.type, old.result_type, old.options, old.settings) and new.type <> 'RELATION' then
      begin
        -- The text as it is now, for the names may have changed in the same statement.
        update metadata.fields f set compiled = null,
          settings = case f.type when 'FORMULA' then f.settings || jsonb_build_object('expression', engine.formula_text(f.compiled)) else f.settings end
        where f.id = r.id;
      exception when raise_exception or others then
        get stacked diagnostics v_message = message_text, v_detail = returned_sqlstate;
        if v_detail not like 'RV%' then
          raise;
        end if;
        raise exception 'The computed field "%" does not allow this change of "%": %', r.label, new.label, v_message
          using errcode = 'RV058', column = 'type', hint = 'Change the formula of that field first.';
      end;
    else
      update metadata.fields f set settings = case f.type
        when 'FORMULA' then f.settings || jsonb_build_object('expression', engine.formula_text(f.compiled))
        when 'ROLLUP' then f.settings || case when f.compiled ? 'filter' then jsonb_build_object('filter', engine.formula_text(f.compiled -> 'filter')) else '{}' end end
      where f.id = r.id;
    end if;
  end loop;
  return null;
end
$$;
create or replace trigger _400_recompile_readers after update on metadata.fields for each row
  when (new.name is distinct from old.name or new.type is distinct from old.type or new.result_type is distinct from old.result_type
    or new.options is distinct from old.options or new.settings is distinct from old.settings or (old.deleted_at is null and new.deleted_at is not null))
  execute function engine.tg_fields__recompile_readers();

-- Other objects have triggers by what a computed field reads there, and had them by what it read.
create or replace function engine.tg_fields__note_readings() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_objects uuid[] := array(
    select distinct g.object_id
    from (select old.compiled as compiled where tg_op <> 'INSERT' union all select new.compiled where tg_op <> 'DELETE') c
    cross join lateral engine.formula_fields(c.compiled) r join metadata.fields g on g.id = r);
  v_workspace uuid := case when tg_op = 'DELETE' then old.workspace_id else new.workspace_id end;
begin
  if v_objects <> '{}' and engine.workspace_exists(v_workspace) then
    perform engine.note_change(v_workspace, v_objects);
  end if;
  return null;
end
$$;
create or replace trigger _800_note_readings after insert or update or delete on metadata.fields for each row
  execute function engine.tg_fields__note_readings();
