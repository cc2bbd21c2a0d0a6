-- Lists are records to which others are added by hand: the guests of a fair, the accounts of a quarter. They are an object as any other, made when somebody first wants
-- them. With the rights of the caller: it is a change of the model.
create or replace function metadata.keep_lists(object_id uuid) returns boolean
language plpgsql volatile set search_path = ''
as $$
declare
  v_object metadata.objects;
  v_list uuid;
  v_label uuid;
begin
  select o.* into v_object from metadata.objects o where o.id = keep_lists.object_id and not o.is_junction and o.deleted_at is null;
  if not found then
    return false;
  end if;
  select o.id into v_list from metadata.objects o where o.workspace_id = v_object.workspace_id and o.name_singular = 'list' and o.deleted_at is null;
  if v_list is null then
    insert into metadata.objects (workspace_id, name_singular, name_plural, label_singular, label_plural, description, icon)
    values (v_object.workspace_id, 'list', 'lists', 'List', 'Lists', 'Records put together by hand, such as the guests of a fair.', 'IconList')
    returning id into v_list;
    insert into metadata.fields (object_id, name, label, type, icon, is_required)
    values (v_list, 'name', 'Name', 'TEXT', 'IconAbc', true) returning id into v_label;
    insert into metadata.fields (object_id, name, label, type, icon) values (v_list, 'description', 'Description', 'TEXT', 'IconAlignLeft');
    update metadata.objects o set label_field_id = v_label where o.id = v_list;
  end if;
  if v_list = v_object.id or exists (
    select from metadata.fields f
    join metadata.fields near on near.id = f.junction_field_id
    join metadata.fields far on far.object_id = near.object_id and far.id <> near.id and far.deleted_at is null
    join metadata.relations r on r.field_id = far.id and r.target_object_id = v_list and r.deleted_at is null
    where f.object_id = v_object.id and f.type = 'MANY_TO_MANY' and f.deleted_at is null) then
    return false;
  end if;
  insert into metadata.fields (object_id, label, type, icon, settings)
  values (v_object.id, 'Lists', 'MANY_TO_MANY', 'IconList', jsonb_build_object('targetObjectId', v_list, 'inverseLabel', v_object.label_plural));
  return true;
end
$$;
comment on function metadata.keep_lists(uuid) is 'Lets the records of an object be put on lists; makes the object "List" when there is none yet. False when they can be already.';

grant execute on function metadata.keep_lists(uuid) to relvar_crm;
