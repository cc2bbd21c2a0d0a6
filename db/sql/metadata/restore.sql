-- What was deleted, restoring it, and dropping it for good before the grace period ends.

create or replace function engine.restore(workspace_id uuid, target regclass, id uuid) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_missing text;
begin
  case target
    when 'metadata.objects'::regclass then
      update metadata.objects o set deleted_at = null, deleted_by_name = null where o.workspace_id = restore.workspace_id and o.id = restore.id and o.deleted_at is not null;
    when 'metadata.fields'::regclass then
      select o.label_plural into v_missing from metadata.fields f
      left join metadata.relations r on r.field_id = f.id
      join metadata.objects o on o.deleted_at is not null and not o.is_junction
        and (o.id = f.object_id or o.id = r.target_object_id and f.type <> 'MORPH_RELATION')
      where f.id = restore.id limit 1;
      if found then
        raise exception 'The field cannot be restored: "%" is deleted too.', v_missing using errcode = 'RV065', column = 'id', hint = 'Restore the object first.';
      end if;
      update metadata.fields f set deleted_at = null, deleted_by_name = null where f.workspace_id = restore.workspace_id and f.id = restore.id and f.deleted_at is not null;
    when 'metadata.relations'::regclass then
      update metadata.relations r set deleted_at = null where r.workspace_id = restore.workspace_id and r.id = restore.id and r.deleted_at is not null;
    else
      raise exception 'Only objects, fields and relations are kept when they are deleted.' using errcode = 'RV062', column = 'table',
        hint = 'metadata.plan_revert makes other things again.';
  end case;
end
$$;

create or replace function metadata.restore_object(id uuid) returns metadata.objects
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_object metadata.objects;
begin
  v_object := engine.object_to_manage(restore_object.id);
  perform engine.restore(v_object.workspace_id, 'metadata.objects', v_object.id);
  return engine.object_to_manage(restore_object.id);
end
$$;
comment on function metadata.restore_object(uuid) is 'Brings a deleted object back with its records, and the relations that were deleted with it.';

create or replace function metadata.restore_field(id uuid) returns metadata.fields
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_field metadata.fields := engine.field_to_manage(restore_field.id);
begin
  perform engine.restore(v_field.workspace_id, 'metadata.fields', v_field.id);
  return engine.field_to_manage(restore_field.id);
end
$$;
comment on function metadata.restore_field(uuid) is 'Brings a deleted field back with its values.';

create or replace function engine.object_to_manage(id uuid) returns metadata.objects
language plpgsql stable set search_path = ''
as $$
declare
  v_object metadata.objects;
begin
  select o.* into v_object from metadata.objects o where o.id = object_to_manage.id;
  if not found then
    raise exception 'There is no such object.' using errcode = 'RV063', column = 'id';
  end if;
  perform engine.assert_manages(v_object.workspace_id);
  return v_object;
end
$$;

create or replace function engine.field_to_manage(id uuid) returns metadata.fields
language plpgsql stable set search_path = ''
as $$
declare
  v_field metadata.fields;
begin
  select f.* into v_field from metadata.fields f where f.id = field_to_manage.id;
  if not found then
    raise exception 'There is no such field.' using errcode = 'RV063', column = 'id';
  end if;
  perform engine.assert_manages(v_field.workspace_id);
  return v_field;
end
$$;

create or replace function metadata.delete_object(id uuid) returns metadata.objects
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.object_to_manage(delete_object.id);
begin
  if v_object.deleted_at is null then
    delete from metadata.objects o where o.id = v_object.id;
  end if;
  return engine.object_to_manage(delete_object.id);
end
$$;
comment on function metadata.delete_object(uuid) is
  'Deletes an object. Until the grace period ends its records are kept and metadata.restore_object brings it back.';

create or replace function metadata.delete_field(id uuid, replacement_id uuid default null) returns metadata.fields
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_field metadata.fields := engine.field_to_manage(delete_field.id);
begin
  if v_field.deleted_at is null then
    if replacement_id is not null then
      perform engine.assert_row(v_field.workspace_id, 'metadata.fields', replacement_id);
      perform engine.replace_uses(v_field.workspace_id, v_field.id, replacement_id);
    end if;
    delete from metadata.fields f where f.id = v_field.id;
  end if;
  return engine.field_to_manage(delete_field.id);
end
$$;
comment on function metadata.delete_field(uuid, uuid) is
  'Deletes a field; the replacement takes its place in formulas, rules, indexes and views. Until the grace period ends its values are kept and metadata.restore_field brings it back.';

create or replace function metadata.delete_option(field_id uuid, value text, replacement text default null) returns metadata.fields
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_field metadata.fields := engine.field_to_manage(delete_option.field_id);
begin
  if not v_field.options @> jsonb_build_array(jsonb_build_object('value', value)) then
    raise exception '"%" has no option "%".', v_field.label, value using errcode = 'RV063', column = 'value';
  end if;
  if replacement is not null then
    perform engine.replace_option(v_field.workspace_id, v_field.id, value, replacement, false);
  end if;
  update metadata.fields f set options = (
      select coalesce(jsonb_agg(o order by i), '[]') from jsonb_array_elements(f.options) with ordinality u (o, i) where o ->> 'value' <> delete_option.value)
  where f.id = v_field.id;
  return engine.field_to_manage(delete_option.field_id);
end
$$;
comment on function metadata.delete_option(uuid, text, text) is
  'Removes an option of a field; records, formulas, rules, views and the default get the replacement.';

create or replace function metadata.purge_object(id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.object_to_manage(purge_object.id);
begin
  if v_object.deleted_at is null then
    raise exception '"%" is not deleted.', v_object.label_plural using errcode = 'RV065', column = 'id', hint = 'Delete it first. It can then be restored until it is purged.';
  end if;
  delete from metadata.objects o where o.id = v_object.id;
  return true;
end
$$;
comment on function metadata.purge_object(uuid) is 'Drops a deleted object and its records for good, without waiting for the grace period to end.';

create or replace function metadata.purge_field(id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_field metadata.fields := engine.field_to_manage(purge_field.id);
  v_junction uuid;
begin
  if v_field.deleted_at is null then
    raise exception '"%" is not deleted.', v_field.label using errcode = 'RV065', column = 'id', hint = 'Delete it first. It can then be restored until it is purged.';
  end if;
  -- A relation to many goes with its junction, and both its ends with that.
  select f.object_id into v_junction from metadata.fields f where f.id = v_field.junction_field_id;
  delete from metadata.objects o where o.id = v_junction and o.deleted_at is not null;
  delete from metadata.fields f where f.id = v_field.id;
  return true;
end
$$;
comment on function metadata.purge_field(uuid) is 'Drops a deleted field and its values for good, without waiting for the grace period to end.';

create or replace function metadata.deleted_items() returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.workspace_of_role(current_setting('role')::name);
  v_grace interval := (select make_interval(days => s.grace_days) from engine.settings s);
begin
  -- What was deleted together bears one moment and comes back together: one line for each.
  return (
    select coalesce(jsonb_agg(jsonb_build_object('kind', d.kind, 'id', d.id, 'label', d.label, 'objectLabel', d.object_label, 'deletedAt', d.deleted_at,
      'deletedByName', d.deleted_by_name, 'purgedAt', d.deleted_at + v_grace) order by d.deleted_at desc, d.id), '[]')
    from (
      select distinct on (i.deleted_at) i.*
      from (
        select 'object' as kind, o.id, o.label_plural as label, null as object_label, o.deleted_at, o.deleted_by_name, case when o.is_junction then 3 else 0 end as rank
        from metadata.objects o where o.workspace_id = v_workspace and o.deleted_at is not null
        union all
        select 'field', f.id, f.label, o.label_plural, f.deleted_at, f.deleted_by_name, case f.type when 'MANY_TO_MANY' then 1 else 2 end
        from metadata.fields f join metadata.objects o on o.id = f.object_id where f.workspace_id = v_workspace and f.deleted_at is not null and not f.is_system
        union all
        select 'relation', r.id, format('%s: %s', f.label, t.label_plural), o.label_plural, r.deleted_at, null, 2
        from metadata.relations r join metadata.fields f on f.id = r.field_id and f.deleted_at is null
        join metadata.objects o on o.id = f.object_id and o.deleted_at is null join metadata.objects t on t.id = r.target_object_id and t.deleted_at is null
        where r.workspace_id = v_workspace and r.deleted_at is not null
      ) i
      order by i.deleted_at, i.rank, i.id
    ) d);
end
$$;
comment on function metadata.deleted_items() is 'Deleted objects, fields and targets of relations to several objects that can still be restored, and when each is dropped for good.';

grant execute on function metadata.restore_object(uuid), metadata.restore_field(uuid), metadata.delete_object(uuid), metadata.delete_field(uuid, uuid),
  metadata.delete_option(uuid, text, text), metadata.purge_object(uuid), metadata.purge_field(uuid), metadata.deleted_items() to relvar_crm;
