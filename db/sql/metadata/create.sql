-- The two changes that need more than a row: an object comes with its name field, a relation with
-- its other side. Ids may be chosen by the caller, who can then refer to what is not there yet.

create or replace function metadata.create_object(
  label_singular text, label_plural text, name_singular text default null, name_plural text default null,
  description text default '', icon text default 'IconBox', color text default null, id uuid default null, workspace_id uuid default null
) returns metadata.objects
language plpgsql volatile set search_path = ''
as $$
declare
  v_object metadata.objects;
  v_field uuid;
begin
  insert into metadata.objects (id, workspace_id, name_singular, name_plural, label_singular, label_plural, description, icon, color, position)
  values (create_object.id, create_object.workspace_id, create_object.name_singular, create_object.name_plural,
    btrim(create_object.label_singular), btrim(create_object.label_plural), coalesce(create_object.description, ''),
    coalesce(create_object.icon, 'IconBox'), create_object.color,
    (select coalesce(max(o.position), 0) + 1 from metadata.objects o where create_object.workspace_id is null or o.workspace_id = create_object.workspace_id))
  returning * into v_object;
  insert into metadata.fields as f (object_id, name, label, type, icon, position)
  values (v_object.id, 'name', 'Name', 'TEXT', 'IconAbc', 0) returning f.id into v_field;
  update metadata.objects o set label_field_id = v_field where o.id = v_object.id returning * into v_object;
  return v_object;
end
$$;
comment on function metadata.create_object(text, text, text, text, text, text, text, uuid, uuid) is
  'Creates an object with a text field "name". API names follow from the labels unless they are given. The table exists when the transaction commits.';

create or replace function metadata.create_field(
  object_id uuid, label text, type text, name text default null, description text default '', icon text default null,
  settings jsonb default '{}', options jsonb default '[]', default_value jsonb default null,
  is_required boolean default false, is_unique boolean default false,
  target_object_id uuid default null, inverse_label text default null, inverse_name text default null, on_delete text default 'SET_NULL',
  target_object_ids uuid[] default null, required_from timestamptz default null, id uuid default null, is_on_timeline boolean default false
) returns metadata.fields
language plpgsql volatile set search_path = ''
as $$
declare
  v_field metadata.fields;
  v_object metadata.objects;
  v_targets uuid[] := coalesce(create_field.target_object_ids, array_remove(array[create_field.target_object_id], null));
begin
  select * into v_object from metadata.objects o where o.id = create_field.object_id;
  if not found then
    raise exception 'There is no such object.' using errcode = 'RV011', column = 'object_id';
  end if;
  if create_field.type in ('RELATION', 'MORPH_RELATION', 'MANY_TO_MANY') and v_targets = '{}' then
    raise exception 'A relation needs the object that it points to.' using errcode = 'RV008', column = 'target_object_id';
  end if;
  insert into metadata.fields (id, object_id, name, label, description, icon, type, settings, options, default_value, is_required, required_from, is_unique, position)
  values (create_field.id, create_field.object_id, create_field.name, btrim(create_field.label),
    coalesce(create_field.description, ''), create_field.icon, create_field.type,
    coalesce(create_field.settings, '{}') || case when create_field.type = 'MANY_TO_MANY' then jsonb_strip_nulls(jsonb_build_object(
      'targetObjectId', v_targets[1], 'inverseLabel', create_field.inverse_label, 'inverseName', create_field.inverse_name)) else '{}' end,
    coalesce(create_field.options, '[]'), create_field.default_value, coalesce(create_field.is_required, false), create_field.required_from, coalesce(create_field.is_unique, false),
    (select coalesce(max(f.position), 0) + 1 from metadata.fields f where f.object_id = create_field.object_id and not f.is_system))
  returning * into v_field;
  if create_field.type in ('RELATION', 'MORPH_RELATION') then
    insert into metadata.relations (field_id, target_object_id, inverse_label, inverse_name, on_delete, is_on_timeline)
    select v_field.id, t.id, coalesce(create_field.inverse_label, v_object.label_plural),
      coalesce(create_field.inverse_name, case when create_field.inverse_label is null then v_object.name_plural end),
      coalesce(create_field.on_delete, 'SET_NULL'), coalesce(create_field.is_on_timeline, false)
    from unnest(v_targets) t (id);
  elsif create_field.type = 'MANY_TO_MANY' and create_field.is_on_timeline then
    -- Each side tells of the other.
    update metadata.relations r set is_on_timeline = true
    from metadata.fields f join metadata.fields near on near.id = f.junction_field_id join metadata.fields l on l.object_id = near.object_id
    where f.id = v_field.id and r.field_id = l.id;
  end if;
  return v_field;
end
$$;
comment on function metadata.create_field(uuid, text, text, text, text, text, jsonb, jsonb, jsonb, boolean, boolean, uuid, text, text, text, uuid[], timestamptz, uuid, boolean) is
  'Creates a field. For a RELATION or MANY_TO_MANY give the target object, for a MORPH_RELATION one or several, and how the other side names these records; is_on_timeline: whether its timeline tells what happens to them.';
grant execute on function metadata.create_object(text, text, text, text, text, text, text, uuid, uuid),
  metadata.create_field(uuid, text, text, text, text, text, jsonb, jsonb, jsonb, boolean, boolean, uuid, text, text, text, uuid[], timestamptz, uuid, boolean) to relvar_crm;
-- Schema engine stays closed to CRM roles: what it offers them is reached through policies, column
-- defaults and functions that were bound when they were created, never by name.
