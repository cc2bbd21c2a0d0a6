-- Rules of the model that a check constraint cannot say well: each refuses with a sentence, a code
-- and a way out, whoever writes.

-- Names that the API itself uses, and PostgreSQL's own columns.
create or replace function engine.is_reserved_name(name text) returns boolean
language sql immutable strict parallel safe
  return name = any ('{query,mutation,subscription,node,nodeId,nodes,edges,cursor,pageInfo,totalCount,filter,orderBy,first,last,after,before,offset,
    recordEvent,recordEvents,trash,trashedRecord,trashedRecords,listTrash,records,searchRecords,recordHistory,recordTimeline,deletedRecords,restoreRecord,destroyRecord,findDuplicates,findDuplicatesOf,announcePresence,liveRecordChange,liveActor,liveModelChange,liveViewsChange,livePresence,clientMutationId,input,patch,
    ctid,tableoid,xmin,xmax,cmin,cmax}'::text[]);

create or replace function engine.assert_name(name text, what text) returns void
language plpgsql immutable set search_path = ''
as $$
begin
  if name is null or not engine.is_api_name(name) then
    raise exception '"%" cannot be the API name of %.', name, what using errcode = 'RV001', column = 'name',
      hint = 'Use Latin letters and digits, beginning with a small letter, at most 36 characters (each capital counts twice), such as projectPhase.';
  end if;
  if engine.is_reserved_name(name) then
    raise exception 'The name "%" is used by the API or the database itself.', name using errcode = 'RV002', column = 'name',
      hint = format('Try "%sItem" or "custom%s%s".', name, upper(left(name, 1)), substr(name, 2));
  end if;
end
$$;

create or replace function engine.tg_objects__validate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_taken text;
begin
  -- Null as "not given", from functions that take them as optional arguments.
  new.id := coalesce(new.id, engine.uuidv7());
  new.workspace_id := coalesce(new.workspace_id, engine.workspace_of_role(current_setting('role')::name));
  -- At a psql prompt nobody counts: what is new comes last.
  if tg_op = 'INSERT' and new.position = 0 and new.application_id is null then
    new.position := (select coalesce(max(o.position), 0) + 1 from metadata.objects o where o.workspace_id = new.workspace_id);
  end if;
  -- What is deleted gave its names up; they are judged again when it is restored.
  if new.deleted_at is not null then
    return new;
  end if;
  new.name_singular := coalesce(new.name_singular, engine.name_from_label(new.label_singular));
  new.name_plural := coalesce(new.name_plural, engine.name_from_label(new.label_plural));
  perform engine.assert_name(new.name_singular, 'an object'), engine.assert_name(new.name_plural, 'an object');
  -- Fields may be called so; the type of an object may not.
  if new.name_singular in ('string', 'int', 'float', 'boolean', 'date', 'datetime', 'bigInt', 'bigFloat') then
    raise exception 'The name "%" is that of a type of the API.', new.name_singular using errcode = 'RV002', column = 'name_singular',
      hint = format('Try "%sItem" or "custom%s%s".', new.name_singular, upper(left(new.name_singular, 1)), substr(new.name_singular, 2));
  end if;
  if new.name_singular = new.name_plural then
    raise exception 'The singular and the plural API name are both "%".', new.name_singular using errcode = 'RV001', column = 'name_plural',
      hint = format('Name the plural "%sRecords", for example.', new.name_singular);
  end if;
  select o.label_plural into v_taken from metadata.objects o
  where o.workspace_id = new.workspace_id and o.id <> new.id and o.deleted_at is null
    and (o.name_singular in (new.name_singular, new.name_plural) or o.name_plural in (new.name_singular, new.name_plural)) limit 1;
  if found then
    raise exception 'The object "%" already has this API name.', v_taken using errcode = 'RV005', column = 'name_singular',
      hint = format('Try "%s2", or rename the other object first.', new.name_singular);
  end if;
  if new.label_field_id is not null and not exists (select from metadata.fields f where f.id = new.label_field_id and f.object_id = new.id) then
    raise exception 'The label field must be a field of the object itself.' using errcode = 'RV006', column = 'label_field_id';
  end if;
  if tg_op = 'INSERT' or new.duplicate_criteria <> old.duplicate_criteria then
    perform engine.assert_duplicate_criteria(new);
  end if;
  if tg_op = 'UPDATE' and old.is_system and (new.name_singular, new.name_plural) is distinct from (old.name_singular, old.name_plural) then
    raise exception 'The API names of % are fixed.', old.label_plural using errcode = 'RV007', column = 'name_singular',
      hint = 'Change its labels instead; they are what people see.';
  end if;
  return new;
end
$$;
create or replace trigger _100_validate before insert or update on metadata.objects for each row execute function engine.tg_objects__validate();

-- Every object has these; they come with the object, in the same transaction.
create or replace function engine.system_fields()
returns table (name text, label text, description text, icon text, type text, default_value jsonb, "position" double precision)
language sql immutable set search_path = ''
as $$
  select *
  from (values
    ('id', 'Id', 'Identifies the record for good.', 'IconKey', 'UUID', '"uuid"'::jsonb, 1000),
    ('createdAt', 'Created', 'When the record was created.', 'IconCalendarPlus', 'DATE_TIME', '"now"', 1001),
    ('updatedAt', 'Last changed', 'When the record was last changed.', 'IconCalendarClock', 'DATE_TIME', '"now"', 1002),
    ('createdBy', 'Created by', 'Who created the record.', 'IconUserPlus', 'ACTOR', null, 1003),
    ('updatedBy', 'Changed by', 'Who last changed the record.', 'IconUserEdit', 'ACTOR', null, 1004),
    ('position', 'Position', 'Place of the record where people order by hand.', 'IconArrowsSort', 'POSITION', '0', 1005),
    ('searchVector', 'Search', 'What search reads.', 'IconSearch', 'TS_VECTOR', null, 1006)
  ) as f (name, label, description, icon, type, default_value, position)
$$;

create or replace function engine.tg_objects__add_system_fields() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  insert into metadata.fields (workspace_id, object_id, application_id, name, label, description, icon, type, default_value, is_system, position)
  select new.workspace_id, new.id, new.application_id, f.name, f.label, f.description, f.icon, f.type, f.default_value, true, f.position
  from engine.system_fields() f
  where f.type <> 'TS_VECTOR' or new.is_searchable;
  return null;
end
$$;
-- The vector comes and goes with is_searchable.
create or replace function engine.tg_objects__switch_search() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  delete from metadata.fields f where f.object_id = new.id and f.type = 'TS_VECTOR';
  if new.is_searchable then
    insert into metadata.fields (workspace_id, object_id, application_id, name, label, description, icon, type, is_system, position)
    values (new.workspace_id, new.id, new.application_id, 'searchVector', 'Search', 'What search reads.', 'IconSearch', 'TS_VECTOR', true, 1006);
  end if;
  return null;
end
$$;
create or replace trigger _200_switch_search after update of is_searchable on metadata.objects for each row
  when (new.is_searchable <> old.is_searchable) execute function engine.tg_objects__switch_search();

create or replace trigger _200_add_system_fields after insert on metadata.objects for each row execute function engine.tg_objects__add_system_fields();

-- A default is refused when it is written, not when the first record meets it.
create or replace function engine.assert_default(field_type text, value jsonb) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_is_composite boolean := not exists (select from engine.field_type_columns c where c.type = field_type and c.part = '');
begin
  if value is null or value = 'null' or field_type in ('RELATION', 'MEMBER', 'MORPH_RELATION', 'MANY_TO_MANY', 'FORMULA', 'ROLLUP')
    -- A formula, which is judged where it is compiled.
    or jsonb_typeof(value) = 'object' and value ? 'expression' then
    return;
  end if;
  if v_is_composite and (jsonb_typeof(value) <> 'object'
    or exists (select from jsonb_object_keys(value) k where k not in (select c.part from engine.field_type_columns c where c.type = field_type))) then
    raise exception 'The default % does not fit the type %.', value, field_type using errcode = 'RV009', column = 'default_value',
      hint = 'Give an object with some of the parts '
        || (select string_agg(c.part, ', ' order by c.position) from engine.field_type_columns c where c.type = field_type) || '.';
  end if;
  begin
    perform engine.default_expression(field_type, c.pg_type, case when v_is_composite then value -> c.part else value end)
    from engine.field_type_columns c where c.type = field_type;
    if field_type = 'RATING' and (value #>> '{}')::smallint not between 1 and 5 then
      raise numeric_value_out_of_range;
    end if;
  exception when data_exception then
    raise exception 'The default % does not fit the type %.', value, field_type using errcode = 'RV009', column = 'default_value';
  end;
end
$$;

create or replace function engine.tg_fields__validate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_value text;
begin
  -- Somebody at a psql prompt need not repeat the workspace of the object.
  new.id := coalesce(new.id, engine.uuidv7());
  new.workspace_id := coalesce(new.workspace_id, (select o.workspace_id from metadata.objects o where o.id = new.object_id));
  if new.deleted_at is not null then
    return new;
  end if;
  new.name := coalesce(new.name, engine.name_from_label(new.label));
  perform engine.assert_name(new.name, 'a field');
  if exists (select from metadata.fields f where f.object_id = new.object_id and f.name = new.name and f.id <> new.id and f.deleted_at is null) then
    raise exception 'The object already has a field with the API name "%".', new.name using errcode = 'RV005', column = 'name',
      hint = format('Try "%s2", or use the field that exists.', new.name);
  end if;
  if exists (select from metadata.relations r where r.target_object_id = new.object_id and r.inverse_name = new.name and r.deleted_at is null) then
    raise exception 'The object already shows related records under the API name "%".', new.name using errcode = 'RV005', column = 'name',
      hint = format('Try "%s2".', new.name);
  end if;
  if new.type = 'MANY_TO_MANY' and (new.is_required or new.is_unique) then
    raise exception 'A relation to many can be neither required nor unique.' using errcode = 'RV008', column = 'is_required';
  end if;
  if not new.is_system and new.type in ('TS_VECTOR', 'ACTOR', 'POSITION') then
    raise exception 'Fields of type % are made by the engine.', new.type using errcode = 'RV008', column = 'type';
  end if;
  if new.type in ('SELECT', 'MULTI_SELECT') then
    if jsonb_array_length(new.options) = 0 then
      raise exception 'A select needs at least one option.' using errcode = 'RV009', column = 'options',
        hint = 'Give options such as [{"value": "NEW", "label": "New", "color": "blue"}].';
    end if;
    for v_value in select e ->> 'value' from jsonb_array_elements(new.options) e loop
      if v_value is null or v_value !~ '^[A-Za-z][A-Za-z0-9_]{0,62}$' then
        raise exception '"%" cannot be the value of an option.', v_value using errcode = 'RV009', column = 'options',
          hint = 'Use Latin letters, digits and underscores, such as IN_PROGRESS. The label may be any text.';
      end if;
    end loop;
    if (select count(distinct e ->> 'value') <> count(*) from jsonb_array_elements(new.options) e) then
      raise exception 'Two options have the same value.' using errcode = 'RV009', column = 'options';
    end if;
    if exists (
      select from jsonb_array_elements(case jsonb_typeof(new.default_value) when 'array' then new.default_value else jsonb_build_array(new.default_value) end) d
      where new.default_value <> 'null' and not new.default_value ? 'expression' and not new.options @> jsonb_build_array(jsonb_build_object('value', d))
    ) then
      raise exception 'The default % is not one of the options.', new.default_value using errcode = 'RV009', column = 'default_value';
    end if;
  end if;
  perform engine.assert_default(new.type, new.default_value);
  if tg_op = 'UPDATE' then
    if old.is_system and (new.name, new.is_active, new.is_required, new.is_unique) is distinct from (old.name, old.is_active, old.is_required, old.is_unique) then
      raise exception 'The field "%" is kept by the engine.', old.label using errcode = 'RV007', column = 'name', hint = 'Its label, icon and description can be changed.';
    end if;
    if not new.is_active and old.is_active and exists (select from metadata.objects o where o.workspace_id = new.workspace_id and o.label_field_id = new.id) then
      raise exception 'The field "%" names the records of its object.', old.label using errcode = 'RV007', column = 'is_active',
        hint = 'Choose another label field for the object first.';
    end if;
  end if;
  return new;
end
$$;
create or replace trigger _100_validate before insert or update on metadata.fields for each row execute function engine.tg_fields__validate();

create or replace function engine.tg_relations__validate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  new.id := coalesce(new.id, engine.uuidv7());
  new.workspace_id := coalesce(new.workspace_id, (select f.workspace_id from metadata.fields f where f.id = new.field_id));
  if new.deleted_at is not null then
    return new;
  end if;
  new.inverse_name := coalesce(new.inverse_name, engine.name_from_label(new.inverse_label));
  perform engine.assert_name(new.inverse_name, 'a relation');
  if exists (select from metadata.fields f where f.object_id = new.target_object_id and f.name = new.inverse_name and f.deleted_at is null)
    or exists (select from metadata.relations r where r.target_object_id = new.target_object_id and r.inverse_name = new.inverse_name and r.id <> new.id and r.deleted_at is null) then
    raise exception 'The other object already uses the API name "%".', new.inverse_name using errcode = 'RV005', column = 'inverse_name',
      hint = format('Try "%s2".', new.inverse_name);
  end if;
  if not exists (select from metadata.fields f where f.id = new.field_id and f.type in ('RELATION', 'MEMBER', 'MORPH_RELATION')) then
    raise exception 'Only fields of type RELATION, MEMBER or MORPH_RELATION have relations.' using errcode = 'RV008', column = 'field_id';
  end if;
  if exists (select from metadata.fields f join metadata.relations r on r.field_id = f.id and r.id <> new.id and r.deleted_at is null
      where f.id = new.field_id and f.type in ('RELATION', 'MEMBER')) then
    raise exception 'A RELATION points to one object.' using errcode = 'RV008', column = 'field_id', hint = 'Use MORPH_RELATION to point to several.';
  end if;
  return new;
end
$$;
create or replace trigger _100_validate before insert or update on metadata.relations for each row execute function engine.tg_relations__validate();

-- A relation field that points to nothing any more has no column: it goes with its last relation.
create or replace function engine.tg_relations__drop_empty_fields() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  delete from metadata.fields f
  using gone g
  where f.id = g.field_id and not exists (select from metadata.relations r where r.field_id = f.id);
  return null;
end
$$;
create or replace trigger _200_drop_empty_fields after delete on metadata.relations
  referencing old table as gone for each statement execute function engine.tg_relations__drop_empty_fields();

-- What spans a field and its relations can be judged only when both are written.
create or replace function engine.assert_relations(workspace_id uuid) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_label text;
begin
  select f.label into v_label from metadata.fields f
  where f.workspace_id = assert_relations.workspace_id and f.type in ('RELATION', 'MEMBER', 'MORPH_RELATION') and f.deleted_at is null
    and not exists (select from metadata.relations r where r.field_id = f.id and r.workspace_id = f.workspace_id) limit 1;
  if found then
    raise exception 'The relation "%" points to no object.', v_label using errcode = 'RV008', column = 'target_object_id',
      hint = 'Insert a row of metadata.relations in the same transaction, or use metadata.create_field.';
  end if;
  select f.label into v_label from metadata.fields f join metadata.relations r on r.field_id = f.id and r.workspace_id = f.workspace_id
  where f.workspace_id = assert_relations.workspace_id and f.type in ('RELATION', 'MEMBER') and f.is_required and f.required_from is null and f.deleted_at is null and r.deleted_at is null and r.on_delete = 'SET_NULL' limit 1;
  if found then
    raise exception 'The relation "%" is required, so deleting its other side cannot empty it.', v_label using errcode = 'RV008', column = 'on_delete',
      hint = 'Choose CASCADE (these records go too) or RESTRICT (the deletion is refused).';
  end if;
end
$$;
