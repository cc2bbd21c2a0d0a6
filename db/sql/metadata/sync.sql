-- Installs or upgrades a bundle of objects, fields and relations. What a manifest names is found
-- again by its universal identifier (application:object.field, unless the manifest gives one), so
-- that renaming a label here does not make a second field on the next upgrade. On an upgrade only
-- what differs between the old and the new manifest is written: what the workspace changed stays.

create or replace function metadata.sync_application(workspace_id uuid, manifest jsonb) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_application metadata.applications;
  v_id uuid;
begin
  -- Members call it with their own workspace only, administrators with any. A person's own login
  -- may have inherited the right to call it without having taken a role.
  if not (current_setting('role') in ('none', 'relvar_owner') and pg_catalog.pg_has_role(session_user, 'relvar_owner', 'member'))
    and (engine.workspace_of_role(current_setting('role')::name) is distinct from sync_application.workspace_id
      or not engine.role_manages_model(current_setting('role')::name)) then
    raise exception 'Your role may not install applications here.' using errcode = '42501';
  end if;
  if coalesce(sync_application.manifest ->> 'name', '') = '' or jsonb_typeof(sync_application.manifest -> 'objects') is distinct from 'array' then
    raise exception 'A manifest needs a name and a list of objects.' using errcode = 'RV030',
      hint = 'See db/standard/manifest.json for one that works.';
  end if;

  select a.* into v_application from metadata.applications a
  where a.workspace_id = sync_application.workspace_id and a.name = sync_application.manifest ->> 'name' for update;
  if found and v_application.manifest = sync_application.manifest then
    return v_application.id;
  end if;
  insert into metadata.applications as a (workspace_id, name, version, manifest)
  values (sync_application.workspace_id, sync_application.manifest ->> 'name', coalesce(sync_application.manifest ->> 'version', '0'), sync_application.manifest)
  on conflict on constraint applications_workspace_id_name_key do update set version = excluded.version, manifest = excluded.manifest
  returning a.id into v_id;

  with new_objects as (
    select o.* from engine.manifest_objects(sync_application.manifest) o
  ), old_objects as (
    select o.* from engine.manifest_objects(v_application.manifest) o
  ), updated as (
    update metadata.objects t set
      label_singular = case when n.label_singular is distinct from p.label_singular then n.label_singular else t.label_singular end,
      label_plural = case when n.label_plural is distinct from p.label_plural then n.label_plural else t.label_plural end,
      description = case when n.description is distinct from p.description then n.description else t.description end,
      icon = case when n.icon is distinct from p.icon then n.icon else t.icon end
    from new_objects n join old_objects p using (universal_identifier)
    where t.workspace_id = sync_application.workspace_id and t.universal_identifier = n.universal_identifier
      and (n.label_singular, n.label_plural, n.description, n.icon) is distinct from (p.label_singular, p.label_plural, p.description, p.icon)
  )
  insert into metadata.objects (workspace_id, application_id, universal_identifier, name_singular, name_plural, label_singular, label_plural,
    description, icon, color, is_system, is_searchable, position)
  select sync_application.workspace_id, v_id, n.universal_identifier, n.name_singular, n.name_plural, n.label_singular, n.label_plural,
    n.description, n.icon, n.color, n.is_system, n.is_searchable, n.position
  from new_objects n
  where not exists (select from metadata.objects t where t.workspace_id = sync_application.workspace_id and t.universal_identifier = n.universal_identifier)
  order by n.position;

  with new_fields as (
    select f.*, o.id as object_id from engine.manifest_fields(sync_application.manifest) f
    join metadata.objects o on o.workspace_id = sync_application.workspace_id and o.universal_identifier = f.object_identifier
  ), old_fields as (
    select f.* from engine.manifest_fields(v_application.manifest) f
  ), updated as (
    update metadata.fields t set
      label = case when n.label is distinct from p.label then n.label else t.label end,
      description = case when n.description is distinct from p.description then n.description else t.description end,
      icon = case when n.icon is distinct from p.icon then n.icon else t.icon end,
      settings = case when n.settings is distinct from p.settings then n.settings else t.settings end,
      options = case when n.options is distinct from p.options then n.options else t.options end,
      default_value = case when n.default_value is distinct from p.default_value then n.default_value else t.default_value end
    from new_fields n join old_fields p using (universal_identifier)
    where t.workspace_id = sync_application.workspace_id and t.universal_identifier = n.universal_identifier
      and (n.label, n.description, n.icon, n.settings, n.options, n.default_value)
        is distinct from (p.label, p.description, p.icon, p.settings, p.options, p.default_value)
  )
  insert into metadata.fields (workspace_id, object_id, application_id, universal_identifier, name, label, description, icon, type, settings,
    options, default_value, is_required, is_unique, position)
  select sync_application.workspace_id, n.object_id, v_id, n.universal_identifier, n.name, n.label, n.description, n.icon, n.type, n.settings,
    n.options, n.default_value, n.is_required, n.is_unique, n.position
  from new_fields n
  where not exists (select from metadata.fields t where t.workspace_id = sync_application.workspace_id and t.universal_identifier = n.universal_identifier)
  order by n.object_identifier, n.position;

  insert into metadata.relations (workspace_id, field_id, target_object_id, inverse_name, inverse_label, on_delete)
  select sync_application.workspace_id, f.id, o.id, r ->> 'inverseName', r ->> 'inverseLabel', coalesce(r ->> 'onDelete', 'SET_NULL')
  from engine.manifest_fields(sync_application.manifest) n
  join metadata.fields f on f.workspace_id = sync_application.workspace_id and f.universal_identifier = n.universal_identifier
  cross join lateral jsonb_array_elements(n.relations) r
  join metadata.objects o on o.workspace_id = sync_application.workspace_id and o.name_singular = r ->> 'target'
  where not exists (select from metadata.relations t where t.field_id = f.id and t.target_object_id = o.id);

  update metadata.objects o set label_field_id = f.id
  from engine.manifest_objects(sync_application.manifest) n
  join metadata.fields f on f.workspace_id = sync_application.workspace_id and f.universal_identifier = n.universal_identifier || '.' || n.label_field
  where o.workspace_id = sync_application.workspace_id and o.universal_identifier = n.universal_identifier and o.label_field_id is null;
  return v_id;
end
$$;
comment on function metadata.sync_application(uuid, jsonb) is
  'Installs or upgrades an application from its manifest: objects, fields and relations. Returns the application''s id. What the workspace has changed itself is kept.';
grant execute on function metadata.sync_application(uuid, jsonb) to relvar_crm;

create or replace function engine.manifest_objects(manifest jsonb)
returns table (universal_identifier text, name_singular text, name_plural text, label_singular text, label_plural text,
  description text, icon text, color text, label_field text, is_system boolean, is_searchable boolean, "position" double precision)
language sql immutable set search_path = ''
as $$
  select coalesce(o ->> 'universalIdentifier', (manifest ->> 'name') || ':' || (o ->> 'nameSingular')), o ->> 'nameSingular', o ->> 'namePlural',
    o ->> 'labelSingular', o ->> 'labelPlural', coalesce(o ->> 'description', ''), coalesce(o ->> 'icon', 'IconBox'), o ->> 'color', o ->> 'labelField',
    coalesce((o ->> 'isSystem')::boolean, false), coalesce((o ->> 'isSearchable')::boolean, true), coalesce((o ->> 'position')::double precision, 0)
  from jsonb_array_elements(manifest -> 'objects') o
$$;

create or replace function engine.manifest_fields(manifest jsonb)
returns table (object_identifier text, universal_identifier text, name text, label text, description text, icon text, type text, settings jsonb,
  options jsonb, default_value jsonb, is_required boolean, is_unique boolean, "position" double precision, relations jsonb)
language sql immutable set search_path = ''
as $$
  select i.id, coalesce(f ->> 'universalIdentifier', i.id || '.' || (f ->> 'name')), f ->> 'name', f ->> 'label', coalesce(f ->> 'description', ''),
    f ->> 'icon', f ->> 'type', coalesce(f -> 'settings', '{}'), coalesce(f -> 'options', '[]'), nullif(f -> 'defaultValue', 'null'),
    coalesce((f ->> 'isRequired')::boolean, false), coalesce((f ->> 'isUnique')::boolean, false), coalesce((f ->> 'position')::double precision, 0),
    coalesce(f -> 'relations', '[]')
  from jsonb_array_elements(manifest -> 'objects') o
  cross join lateral (select coalesce(o ->> 'universalIdentifier', (manifest ->> 'name') || ':' || (o ->> 'nameSingular')) as id) i
  cross join lateral jsonb_array_elements(coalesce(o -> 'fields', '[]')) f
$$;

-- Called after migrations: every workspace gets the standard objects of this release.
create or replace function engine.sync_standard_application() returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_count int := 0;
  r record;
begin
  for r in
    select w.id, m.manifest from core.workspaces w cross join engine.standard_manifest m
    left join metadata.applications a on a.workspace_id = w.id and a.name = m.manifest ->> 'name'
    where a.manifest is distinct from m.manifest
  loop
    perform metadata.sync_application(r.id, r.manifest);
    v_count := v_count + 1;
  end loop;
  return v_count;
end
$$;
