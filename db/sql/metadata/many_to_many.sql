-- A many-to-many relation is an object of its own between the two, the junction, whose records are
-- the links. It has a relation to either side, and may have more fields: those of the link. A field
-- of type MANY_TO_MANY on each side leads through it.

-- The first of the names that is neither taken on the object nor too long.
create or replace function engine.free_field_name(object_id uuid, wish text) returns text
language sql stable set search_path = ''
as $$
  select c.name
  from generate_series(1, 100) i
  cross join lateral (select wish || case when i = 1 then '' else i::text end as name) c
  where engine.is_api_name(c.name) and not engine.is_reserved_name(c.name)
    and not exists (select from metadata.fields f where f.object_id = free_field_name.object_id and f.name = c.name and f.deleted_at is null)
    and not exists (select from metadata.relations r where r.target_object_id = free_field_name.object_id and r.inverse_name = c.name and r.deleted_at is null)
  order by i limit 1
$$;

create or replace function engine.create_junction(source metadata.objects, target metadata.objects, id uuid) returns uuid
language plpgsql volatile set search_path = ''
as $$
declare
  v_id uuid;
  v_name text := (source).name_singular || upper(left((target).name_singular, 1)) || substr((target).name_singular, 2) || 'Link';
begin
  -- Two names together may be too long for one.
  if not engine.is_api_name(v_name || 's')
    or exists (select from metadata.objects o where o.workspace_id = (source).workspace_id and o.deleted_at is null
      and (v_name in (o.name_singular, o.name_plural) or v_name || 's' in (o.name_singular, o.name_plural))) then
    v_name := 'link' || left(md5(gen_random_uuid()::text), 8);
  end if;
  insert into metadata.objects as j (id, workspace_id, name_singular, name_plural, label_singular, label_plural, description, icon, is_searchable, position)
  values (create_junction.id, (source).workspace_id, v_name, v_name || 's', (source).label_singular || ' – ' || (target).label_singular, (source).label_plural || ' – ' || (target).label_plural,
    'Links between ' || (source).label_plural || ' and ' || (target).label_plural || '.', 'IconLink', false,
    (select coalesce(max(o.position), 0) + 1 from metadata.objects o where o.workspace_id = (source).workspace_id))
  returning j.id into v_id;
  return v_id;
end
$$;

-- Inserting the field is enough: settings say {"targetObjectId", "inverseLabel", "inverseName"} and,
-- where ids are known beforehand, {"junctionId", "inverseId"}, and
-- the junction and the other side follow.
create or replace function engine.tg_fields__join() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_source metadata.objects;
  v_target metadata.objects;
  v_junction uuid;
  v_near uuid;
  v_far uuid;
begin
  select o.* into v_source from metadata.objects o where o.id = new.object_id;
  select o.* into v_target from metadata.objects o
  where o.workspace_id = new.workspace_id and o.id = (new.settings ->> 'targetObjectId')::uuid and o.deleted_at is null;
  if not found then
    raise exception 'The relation "%" needs the object that it leads to.', new.label using errcode = 'RV008', column = 'target_object_id';
  end if;
  v_junction := engine.create_junction(v_source, v_target, (new.settings ->> 'junctionId')::uuid);
  insert into metadata.fields (id, workspace_id, object_id, name, label, type, icon, is_required, position)
  values ((new.settings ->> 'nearId')::uuid, new.workspace_id, v_junction, engine.free_field_name(v_junction, v_source.name_singular), v_source.label_singular, 'RELATION', v_source.icon, true, 0)
  returning id into v_near;
  insert into metadata.fields (id, workspace_id, object_id, name, label, type, icon, is_required, position)
  values ((new.settings ->> 'farId')::uuid, new.workspace_id, v_junction, engine.free_field_name(v_junction, case v_target.id when v_source.id then 'related' else '' end
      || case v_target.id when v_source.id then upper(left(v_target.name_singular, 1)) || substr(v_target.name_singular, 2) else v_target.name_singular end),
    v_target.label_singular, 'RELATION', v_target.icon, true, 1)
  returning id into v_far;
  insert into metadata.relations (id, workspace_id, field_id, target_object_id, inverse_name, inverse_label, on_delete)
  values ((new.settings ->> 'nearRelationId')::uuid, new.workspace_id, v_near, v_source.id, engine.free_field_name(v_source.id, new.name || 'Links'), new.label, 'CASCADE');
  insert into metadata.fields (id, workspace_id, object_id, name, label, type, icon, junction_field_id, position)
  values ((new.settings ->> 'inverseId')::uuid, new.workspace_id, v_target.id,
    coalesce(new.settings ->> 'inverseName', engine.free_field_name(v_target.id, case when coalesce(new.settings ->> 'inverseLabel', '') = ''
      then v_source.name_plural else engine.name_from_label(new.settings ->> 'inverseLabel') end)),
    coalesce(nullif(new.settings ->> 'inverseLabel', ''), v_source.label_plural), 'MANY_TO_MANY', v_source.icon, v_far,
    (select coalesce(max(f.position), 0) + 1 from metadata.fields f where f.object_id = v_target.id and not f.is_system));
  insert into metadata.relations (id, workspace_id, field_id, target_object_id, inverse_name, inverse_label, on_delete)
  select (new.settings ->> 'farRelationId')::uuid, new.workspace_id, v_far, v_target.id, engine.free_field_name(v_target.id, f.name || 'Links'), f.label, 'CASCADE'
  from metadata.fields f where f.junction_field_id = v_far;
  -- Two records are linked once.
  insert into metadata.rules (workspace_id, object_id, kind, settings)
  values (new.workspace_id, v_junction, 'UNIQUE', jsonb_build_object('fieldIds', jsonb_build_array(v_near, v_far)));
  update metadata.fields f set junction_field_id = v_near, settings = f.settings - '{targetObjectId,inverseName,inverseLabel,junctionId,inverseId,nearId,farId,nearRelationId,farRelationId}'::text[] where f.id = new.id;
  update metadata.objects o set is_junction = true where o.id = v_junction;
  return null;
end
$$;
create or replace trigger _200_join after insert on metadata.fields for each row
  when (new.type = 'MANY_TO_MANY' and new.junction_field_id is null) execute function engine.tg_fields__join();

-- A member field is a relation to the members of the workspace.
create or replace function engine.tg_fields__relate_member() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object metadata.objects;
begin
  select o.* into v_object from metadata.objects o where o.id = new.object_id;
  insert into metadata.relations (workspace_id, field_id, target_object_id, inverse_name, inverse_label, on_delete)
  select new.workspace_id, new.id, m.id,
    engine.free_field_name(m.id, new.name || upper(left(v_object.name_plural, 1)) || substr(v_object.name_plural, 2)), v_object.label_plural || ' (' || new.label || ')',
    coalesce(new.settings ->> 'onDelete', 'SET_NULL')
  from metadata.objects m where m.workspace_id = new.workspace_id and m.universal_identifier = 'standard:workspaceMember';
  return null;
end
$$;
create or replace trigger _200_relate_member after insert on metadata.fields for each row
  when (new.type = 'MEMBER') execute function engine.tg_fields__relate_member();
