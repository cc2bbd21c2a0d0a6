-- Deleting an object or a field takes two steps. The first hides it, with all that makes no sense
-- without it, under a name of the engine's, and keeps the data: it can be restored. Deleting what is
-- deleted already, as a job does after the grace period, drops the data.

create or replace function engine.workspace_exists(id uuid) returns boolean
language sql stable set search_path = ''
  return exists (select from core.workspaces w where w.id = workspace_exists.id);

create or replace function engine.assert_deletable(label text, is_system boolean, application_id uuid) returns void
language plpgsql stable set search_path = ''
as $$
begin
  if is_system then
    raise exception '"%" is part of the product and cannot be deleted.', label using errcode = 'RV007', hint = 'It can be relabelled.';
  end if;
  if application_id is not null then
    raise exception '"%" belongs to the application %.', label, (select a.name from metadata.applications a where a.id = application_id)
      using errcode = 'RV007', hint = 'Deactivate it, which hides it and keeps its data, or uninstall the application.';
  end if;
end
$$;

create or replace function engine.tg_objects__hide() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  if old.deleted_at is not null or not engine.workspace_exists(old.workspace_id) then
    return old;
  end if;
  -- Whether it can be deleted at all, _050_used has asked.
  update metadata.objects o set deleted_at = clock_timestamp(), deleted_by_name = (engine.current_actor()).name where o.id = old.id;
  return null;
end
$$;
create or replace trigger _100_hide before delete on metadata.objects for each row execute function engine.tg_objects__hide();

create or replace function engine.tg_fields__hide() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  if old.deleted_at is not null or not engine.workspace_exists(old.workspace_id)
    or not exists (select from metadata.objects o where o.id = old.object_id)
    -- The search vector goes and comes with its switch; nothing is kept in it.
    or old.type = 'TS_VECTOR' then
    return old;
  end if;
  perform engine.assert_deletable(old.label, old.is_system, old.application_id);
  if exists (select from metadata.objects o where o.label_field_id = old.id and o.deleted_at is null) then
    raise exception 'The field "%" names the records of its object.', old.label using errcode = 'RV007', column = 'id',
      hint = 'Choose another label field for the object first.';
  end if;
  update metadata.fields f set deleted_at = clock_timestamp(), deleted_by_name = (engine.current_actor()).name where f.id = old.id;
  return null;
end
$$;
create or replace trigger _100_hide before delete on metadata.fields for each row execute function engine.tg_fields__hide();

-- One target of several is hidden by itself; a field that points nowhere any more goes with its last target.
create or replace function engine.tg_relations__hide() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  if old.deleted_at is not null or not engine.workspace_exists(old.workspace_id)
    or not exists (select from metadata.objects o where o.id = old.target_object_id)
    or not exists (select from metadata.fields f where f.id = old.field_id and f.deleted_at is null) then
    return old;
  end if;
  if exists (select from metadata.relations r where r.field_id = old.field_id and r.id <> old.id and r.deleted_at is null) then
    update metadata.relations r set deleted_at = clock_timestamp() where r.id = old.id;
  else
    delete from metadata.fields f where f.id = old.field_id;
  end if;
  return null;
end
$$;
create or replace trigger _100_hide before delete on metadata.relations for each row execute function engine.tg_relations__hide();

-- A junction comes back with the last of its ends: while one is deleted, it is deleted with that one.
create or replace function engine.tg_objects__await_ends() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  new.deleted_at := (
    select max(o.deleted_at)
    from metadata.fields f join metadata.relations r on r.field_id = f.id join metadata.objects o on o.id = r.target_object_id
    where f.object_id = new.id and exists (select from metadata.fields m where m.junction_field_id = f.id));
  if new.deleted_at is not null then
    new.deleted_by_name := old.deleted_by_name;
  end if;
  return new;
end
$$;
create or replace trigger _050_await_ends before update of deleted_at on metadata.objects for each row
  when (new.is_junction and old.deleted_at is not null and new.deleted_at is null) execute function engine.tg_objects__await_ends();

-- What is deleted with something else bears the same moment, and by it comes back with it.
create or replace function engine.tg_objects__deletion_spreads() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  -- A moment that somebody writes is only a wish to delete or to restore.
  update metadata.relations r set deleted_at = new.deleted_at
  where r.target_object_id = new.id and r.deleted_at is not distinct from old.deleted_at;
  update metadata.fields f set deleted_at = new.deleted_at, deleted_by_name = new.deleted_by_name
  where f.workspace_id = new.workspace_id and f.type in ('RELATION', 'MEMBER', 'MORPH_RELATION') and f.deleted_at is not distinct from old.deleted_at
    and exists (select from metadata.relations r where r.field_id = f.id and r.target_object_id = new.id)
    and (new.deleted_at is null or not exists (select from metadata.relations r where r.field_id = f.id and r.deleted_at is null));
  -- A junction makes no sense without one of its ends, nor the fields that lead through it.
  update metadata.objects j set deleted_at = new.deleted_at, deleted_by_name = new.deleted_by_name
  where j.workspace_id = new.workspace_id and j.is_junction and j.id <> new.id and j.deleted_at is not distinct from old.deleted_at
    and exists (select from metadata.fields f join metadata.relations r on r.field_id = f.id
      where f.object_id = j.id and r.target_object_id = new.id
        and exists (select from metadata.fields m where m.junction_field_id = f.id));
  if new.is_junction then
    update metadata.fields m set deleted_at = new.deleted_at, deleted_by_name = new.deleted_by_name
    from metadata.fields f
    where f.object_id = new.id and m.junction_field_id = f.id and m.deleted_at is not distinct from old.deleted_at;
  end if;
  return null;
end
$$;
create or replace trigger _300_deletion_spreads after update of deleted_at on metadata.objects for each row
  when (new.deleted_at is distinct from old.deleted_at) execute function engine.tg_objects__deletion_spreads();

create or replace function engine.tg_fields__deletion_spreads() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  update metadata.objects j set deleted_at = new.deleted_at, deleted_by_name = new.deleted_by_name
  from metadata.fields f
  where f.id = new.junction_field_id and j.id = f.object_id and j.deleted_at is not distinct from old.deleted_at;
  return null;
end
$$;
create or replace trigger _300_deletion_spreads after update of deleted_at on metadata.fields for each row
  when (new.deleted_at is distinct from old.deleted_at and new.junction_field_id is not null) execute function engine.tg_fields__deletion_spreads();

-- A junction that has lost one of its ends for good leads nowhere, and so does the field at the other.
create or replace function engine.tg_objects__drop_junctions() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  -- Such a trigger runs when nothing was deleted, too.
  if not exists (select from gone) then
    return null;
  end if;
  delete from metadata.objects j
  where j.is_junction and j.deleted_at is not null and j.workspace_id in (select g.workspace_id from gone g)
    and (select count(distinct m.junction_field_id) from metadata.fields f join metadata.fields m on m.junction_field_id = f.id where f.object_id = j.id) < 2;
  return null;
end
$$;
create or replace trigger _200_drop_junctions after delete on metadata.objects
  referencing old table as gone for each statement execute function engine.tg_objects__drop_junctions();

-- Purges what was deleted longer ago than the grace period. Returns how many things it dropped.
create or replace function engine.purge_deleted(max_age interval default null) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_age interval := coalesce(max_age, (select make_interval(days => s.grace_days) from engine.settings s));
  v_count int;
begin
  with objects as (
    delete from metadata.objects o where o.deleted_at < now() - v_age returning 1
  ), fields as (
    delete from metadata.fields f where f.deleted_at < now() - v_age returning 1
  ), relations as (
    delete from metadata.relations r where r.deleted_at < now() - v_age returning 1
  ), columns as (
    delete from engine.retired_columns r where r.retired_at < now() - v_age returning r.workspace_id, r.object_id
  )
  select (select count(*) from objects) + (select count(*) from fields) + (select count(*) from relations) + (select count(engine.note_change(c.workspace_id, array[c.object_id])) from columns c) into v_count;
  return v_count;
end
$$;
comment on function engine.purge_deleted(interval) is 'Drops objects, fields and former columns that were deleted longer ago than max_age (default: the grace period of engine.settings). A job runs it every night.';
grant execute on function engine.purge_deleted(interval) to relvar_worker;
