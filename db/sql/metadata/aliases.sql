-- Who wrote a program against the API used the names of that day. A name that is given up stays known
-- as an alias, which the server understands in requests, until somebody releases it: deletes its row.
-- So nobody else takes it meanwhile. What is deleted keeps no name from anybody.

create or replace function engine.tg_objects__alias() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_owner text;
  v_name text;
begin
  if new.deleted_at is not null then
    return new;
  end if;
  select a.name, o.label_plural into v_name, v_owner
  from metadata.aliases a join metadata.objects o on o.id = a.object_id
  where a.workspace_id = new.workspace_id and a.field_id is null and a.object_id <> new.id and o.deleted_at is null
    and a.name in (new.name_singular, new.name_plural) limit 1;
  if found then
    raise exception '"%" is a former API name of "%", which programs may still use.', v_name, v_owner
      using errcode = 'RV015', column = case v_name when new.name_singular then 'name_singular' else 'name_plural' end,
        hint = 'Choose another name, or release that one first: delete it from the former names of "' || v_owner || '".';
  end if;
  -- A name that is taken up again is no alias any more.
  delete from metadata.aliases a
  where a.workspace_id = new.workspace_id and a.field_id is null and a.name in (new.name_singular, new.name_plural);
  -- Within the transaction that created it, nobody has seen the name.
  if tg_op = 'UPDATE' and old.deleted_at is null and old.created_at < now() then
    insert into metadata.aliases (workspace_id, object_id, kind, name)
    select new.workspace_id, new.id, v.kind, v.name
    from (values ('SINGULAR', old.name_singular, new.name_singular), ('PLURAL', old.name_plural, new.name_plural)) v (kind, name, present)
    where v.name <> v.present and v.name not in (new.name_singular, new.name_plural)
    on conflict (workspace_id, name) where field_id is null
      do update set object_id = excluded.object_id, kind = excluded.kind, created_at = excluded.created_at;
  end if;
  return new;
end
$$;
-- After the names have been made out of labels and found valid.
create or replace trigger _200_alias before insert or update of name_singular, name_plural, deleted_at on metadata.objects
  for each row execute function engine.tg_objects__alias();

create or replace function engine.tg_fields__alias() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_owner text;
begin
  if new.deleted_at is not null then
    return new;
  end if;
  select f.label into v_owner
  from metadata.aliases a join metadata.fields f on f.id = a.field_id
  where a.object_id = new.object_id and a.field_id <> new.id and f.deleted_at is null and a.name = new.name;
  if found then
    raise exception '"%" is a former API name of the field "%", which programs may still use.', new.name, v_owner
      using errcode = 'RV015', column = 'name',
        hint = 'Choose another name, or release that one first: delete it from the former names of "' || v_owner || '".';
  end if;
  delete from metadata.aliases a where a.object_id = new.object_id and a.field_id is not null and a.name = new.name;
  if tg_op = 'UPDATE' and old.name <> new.name and old.deleted_at is null and old.created_at < now() then
    insert into metadata.aliases (workspace_id, object_id, field_id, kind, name)
    values (new.workspace_id, new.object_id, new.id, 'FIELD', old.name)
    on conflict (object_id, name) where field_id is not null
      do update set field_id = excluded.field_id, created_at = excluded.created_at;
  end if;
  return new;
end
$$;
create or replace trigger _200_alias before insert or update of name, deleted_at on metadata.fields
  for each row execute function engine.tg_fields__alias();
