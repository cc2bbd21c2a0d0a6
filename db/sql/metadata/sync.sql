-- Installs, upgrades and uninstalls a bundle of objects, fields, relations, rules, indexes, views and
-- roles. What a manifest names is found again by its universal identifier (application:object.field,
-- unless the manifest gives one), so that renaming a label here does not make a second field on the
-- next upgrade. An upgrade compares three: the old manifest, the new one and the workspace. What the
-- workspace changed itself stays as it is, and what it deleted stays deleted.

create or replace function metadata.sync_application(workspace_id uuid, manifest jsonb) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_application metadata.applications;
  v_id uuid;
  v_computed record;
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
      label_singular = case when t.label_singular is not distinct from p.label_singular then n.label_singular else t.label_singular end,
      label_plural = case when t.label_plural is not distinct from p.label_plural then n.label_plural else t.label_plural end,
      description = case when t.description is not distinct from p.description then n.description else t.description end,
      icon = case when t.icon is not distinct from p.icon then n.icon else t.icon end
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
    and n.universal_identifier <> all (coalesce(v_application.removed, '{}'))
  order by n.position;

  with new_fields as (
    select f.*, o.id as object_id from engine.manifest_fields(sync_application.manifest) f
    join metadata.objects o on o.workspace_id = sync_application.workspace_id and o.universal_identifier = f.object_identifier
  ), old_fields as (
    select f.* from engine.manifest_fields(v_application.manifest) f
  ), updated as (
    update metadata.fields t set
      label = case when t.label is not distinct from p.label then n.label else t.label end,
      description = case when t.description is not distinct from p.description then n.description else t.description end,
      icon = case when t.icon is not distinct from p.icon then n.icon else t.icon end,
      settings = case when t.settings is not distinct from p.settings then n.settings else t.settings end,
      options = case when t.options is not distinct from p.options then n.options
        -- Options that people added stay, and those that are new come after them.
        else t.options || (select coalesce(jsonb_agg(e order by i), '[]') from jsonb_array_elements(n.options) with ordinality u (e, i)
          where not p.options @> jsonb_build_array(jsonb_build_object('value', e -> 'value')) and not t.options @> jsonb_build_array(jsonb_build_object('value', e -> 'value'))) end,
      default_value = case when t.default_value is not distinct from p.default_value then n.default_value else t.default_value end
    from new_fields n join old_fields p using (universal_identifier)
    where t.workspace_id = sync_application.workspace_id and t.universal_identifier = n.universal_identifier
      and (n.label, n.description, n.icon, n.settings, n.options, n.default_value)
        is distinct from (p.label, p.description, p.icon, p.settings, p.options, p.default_value)
  )
  insert into metadata.fields (workspace_id, object_id, application_id, universal_identifier, name, label, description, icon, type, settings,
    options, default_value, is_required, is_unique, position)
  select sync_application.workspace_id, n.object_id, v_id, n.universal_identifier, engine.free_field_name(n.object_id, n.name), n.label, n.description, n.icon, n.type,
    engine.references_by_id(sync_application.workspace_id, n.settings) || case when n.many_to_many is null then '{}' else jsonb_build_object('inverseName', n.many_to_many -> 'inverseName', 'inverseLabel', n.many_to_many -> 'inverseLabel',
      'targetObjectId', (select o.id from metadata.objects o where o.workspace_id = sync_application.workspace_id and o.deleted_at is null and o.name_singular = n.many_to_many ->> 'target')) end,
    n.options, n.default_value, n.is_required, n.is_unique, n.position
  from new_fields n
  where not exists (select from metadata.fields t where t.workspace_id = sync_application.workspace_id and t.universal_identifier = n.universal_identifier)
    and n.universal_identifier <> all (coalesce(v_application.removed, '{}')) and n.type not in ('FORMULA', 'ROLLUP')
  order by n.object_identifier, n.position;

  insert into metadata.relations (workspace_id, field_id, target_object_id, inverse_name, inverse_label, on_delete)
  select sync_application.workspace_id, f.id, o.id, r ->> 'inverseName', r ->> 'inverseLabel', coalesce(r ->> 'onDelete', 'SET_NULL')
  from engine.manifest_fields(sync_application.manifest) n
  join metadata.fields f on f.workspace_id = sync_application.workspace_id and f.universal_identifier = n.universal_identifier
  cross join lateral jsonb_array_elements(n.relations) r
  join metadata.objects o on o.workspace_id = sync_application.workspace_id and o.name_singular = r ->> 'target' and o.deleted_at is null
  where not exists (select from metadata.relations t where t.field_id = f.id and t.target_object_id = o.id);

  -- What is computed comes when all that it reads is there.
  for v_computed in
    select n.*, o.id as object_id from engine.manifest_fields(sync_application.manifest) n
    join metadata.objects o on o.workspace_id = sync_application.workspace_id and o.universal_identifier = n.object_identifier
    where n.type in ('FORMULA', 'ROLLUP') and n.universal_identifier <> all (coalesce(v_application.removed, '{}'))
      and not exists (select from metadata.fields t where t.workspace_id = sync_application.workspace_id and t.universal_identifier = n.universal_identifier)
    order by n.position
  loop
    insert into metadata.fields (workspace_id, object_id, application_id, universal_identifier, name, label, description, icon, type, settings, position)
    values (sync_application.workspace_id, v_computed.object_id, v_id, v_computed.universal_identifier, engine.free_field_name(v_computed.object_id, v_computed.name), v_computed.label, v_computed.description, v_computed.icon, v_computed.type,
      engine.references_by_id(sync_application.workspace_id, v_computed.settings), v_computed.position);
  end loop;

  update metadata.objects o set label_field_id = f.id
  from engine.manifest_objects(sync_application.manifest) n
  join metadata.fields f on f.workspace_id = sync_application.workspace_id and f.universal_identifier = n.universal_identifier || '.' || n.label_field
  where o.workspace_id = sync_application.workspace_id and o.universal_identifier = n.universal_identifier and o.label_field_id is null;

  perform engine.sync_children(sync_application.workspace_id, v_id, v_application.manifest, sync_application.manifest),
    engine.sync_roles(sync_application.workspace_id, sync_application.manifest),
    engine.drop_removed(sync_application.workspace_id, v_id, v_application.manifest, sync_application.manifest);
  return v_id;
end
$$;
comment on function metadata.sync_application(uuid, jsonb) is
  'Installs or upgrades an application from its manifest: objects, fields, relations, rules, indexes, views and roles. Returns the application''s id. What the workspace has changed itself is kept.';
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
  -- An object of another application is only extended.
  where not o ? 'extends'
$$;

create or replace function engine.manifest_fields(manifest jsonb)
returns table (object_identifier text, universal_identifier text, name text, label text, description text, icon text, type text, settings jsonb,
  options jsonb, default_value jsonb, is_required boolean, is_unique boolean, "position" double precision, relations jsonb, many_to_many jsonb)
language sql immutable set search_path = ''
as $$
  select i.id, coalesce(f ->> 'universalIdentifier', (case when o ? 'extends' then (manifest ->> 'name') || ':' || split_part(i.id, ':', 2) else i.id end) || '.' || (f ->> 'name')), f ->> 'name', f ->> 'label', coalesce(f ->> 'description', ''),
    f ->> 'icon', f ->> 'type', coalesce(f -> 'settings', '{}'), coalesce(f -> 'options', '[]'), nullif(f -> 'defaultValue', 'null'),
    coalesce((f ->> 'isRequired')::boolean, false), coalesce((f ->> 'isUnique')::boolean, false), coalesce((f ->> 'position')::double precision, 0),
    coalesce(f -> 'relations', '[]'), f -> 'manyToMany'
  from jsonb_array_elements(manifest -> 'objects') o
  cross join lateral (select coalesce(o ->> 'extends', o ->> 'universalIdentifier', (manifest ->> 'name') || ':' || (o ->> 'nameSingular')) as id) i
  cross join lateral jsonb_array_elements(coalesce(o -> 'fields', '[]')) f
$$;

-- Rules, indexes and views of a manifest, one a row.
create or replace function engine.manifest_children(manifest jsonb)
returns table (part text, object_identifier text, universal_identifier text, value jsonb)
language sql immutable set search_path = ''
as $$
  select p.part, i.id, coalesce(e.value ->> 'universalIdentifier', (manifest ->> 'name') || ':' || split_part(i.id, ':', 2) || '.' || p.part || ':'
      || coalesce(e.value ->> 'name', concat_ws('.', e.value ->> 'kind', e.value ->> 'field', left(md5(concat(e.value -> 'settings', e.value -> 'condition')), 8)))), e.value
  from jsonb_array_elements(manifest -> 'objects') o
  cross join lateral (select coalesce(o ->> 'extends', o ->> 'universalIdentifier', (manifest ->> 'name') || ':' || (o ->> 'nameSingular')) as id) i
  cross join (values ('rules'), ('indexes'), ('views')) p (part)
  cross join lateral jsonb_array_elements(coalesce(o -> p.part, '[]')) e (value)
$$;

-- What the manifest says otherwise than before is written anew; what was deleted here stays away.
create or replace function engine.sync_children(workspace_id uuid, application_id uuid, old_manifest jsonb, new_manifest jsonb) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  r record;
  v_value jsonb;
  v_field uuid;
  v_view uuid;
begin
  for r in
    select n.*, o.id as object_id, p.value as old_value from engine.manifest_children(new_manifest) n
    join metadata.objects o on o.workspace_id = sync_children.workspace_id and o.universal_identifier = n.object_identifier and o.deleted_at is null
    left join engine.manifest_children(old_manifest) p on p.part = n.part and p.universal_identifier = n.universal_identifier
    where n.value is distinct from p.value
  loop
    -- Known before and gone here: somebody deleted it.
    if r.old_value is not null then
      execute format('delete from metadata.%I t where t.workspace_id = $1 and t.universal_identifier = $2 returning t.id', r.part) into v_view using sync_children.workspace_id, r.universal_identifier;
      continue when v_view is null;
    end if;
    v_value := engine.references_by_id(sync_children.workspace_id, r.value);
    select f.id into v_field from metadata.fields f where f.object_id = r.object_id and f.name = coalesce(v_value ->> 'field', v_value ->> 'groupField') and f.deleted_at is null;
    case r.part
      when 'rules' then
        insert into metadata.rules (workspace_id, object_id, application_id, universal_identifier, field_id, kind, settings, condition, message, applies_from, position)
        values (sync_children.workspace_id, r.object_id, sync_children.application_id, r.universal_identifier, v_field, v_value ->> 'kind', coalesce(v_value -> 'settings', '{}'), v_value ->> 'condition',
          coalesce(v_value ->> 'message', ''), (v_value ->> 'appliesFrom')::timestamptz, coalesce((v_value ->> 'position')::double precision, 0));
      when 'indexes' then
        insert into metadata.indexes (workspace_id, object_id, application_id, universal_identifier, name, kind, parts, condition)
        values (sync_children.workspace_id, r.object_id, sync_children.application_id, r.universal_identifier, v_value ->> 'name', coalesce(v_value ->> 'kind', 'BTREE'), v_value -> 'parts', v_value ->> 'condition');
      when 'views' then
        insert into metadata.views (workspace_id, object_id, application_id, universal_identifier, name, icon, type, filter, sorts, group_field_id, position)
        values (sync_children.workspace_id, r.object_id, sync_children.application_id, r.universal_identifier, v_value ->> 'name', v_value ->> 'icon', coalesce(v_value ->> 'type', 'TABLE'),
          nullif(v_value -> 'filter', 'null'), coalesce(v_value -> 'sorts', '[]'), v_field, coalesce((v_value ->> 'position')::double precision, 0)) returning id into v_view;
        insert into metadata.view_fields (workspace_id, view_id, field_id, width, is_visible, position)
        select sync_children.workspace_id, v_view, f.id, (c ->> 'width')::int, coalesce((c ->> 'isVisible')::boolean, true), coalesce((c ->> 'position')::double precision, i)
        from jsonb_array_elements(coalesce(v_value -> 'fields', '[]')) with ordinality u (c, i)
        join metadata.fields f on f.object_id = r.object_id and f.name = c ->> 'field' and f.deleted_at is null;
    end case;
  end loop;
end
$$;

-- Roles of a bundle are made once; who has them, and what they may do from then on, is up to the workspace.
create or replace function engine.sync_roles(workspace_id uuid, manifest jsonb) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  r jsonb;
  v_role uuid;
  v_schema text := (select w.schema_name from core.workspaces w where w.id = workspace_id);
begin
  for r in
    select e from jsonb_array_elements(coalesce(manifest -> 'roles', '[]')) e
    where not exists (select from metadata.roles x where x.workspace_id = sync_roles.workspace_id and x.name = e ->> 'name')
  loop
    insert into metadata.roles as n (workspace_id, name, description, pg_role, can_manage_model, can_read_all, can_create_all, can_update_all, can_delete_all)
    select sync_roles.workspace_id, r ->> 'name', coalesce(r ->> 'description', ''), v_schema || '_r_' || (max(substring(x.pg_role from '_r_([0-9]+)$')::int) + 1),
      -- An application brings no role that changes the model.
      false, coalesce((r ->> 'canReadAll')::boolean, false), coalesce((r ->> 'canCreateAll')::boolean, false), coalesce((r ->> 'canUpdateAll')::boolean, false), coalesce((r ->> 'canDeleteAll')::boolean, false)
    from metadata.roles x where x.workspace_id = sync_roles.workspace_id
    returning n.id into v_role;
    insert into metadata.object_permissions (workspace_id, role_id, object_id, can_read, can_create, can_update, can_delete)
    select sync_roles.workspace_id, v_role, o.id, coalesce((p ->> 'canRead')::boolean, false), coalesce((p ->> 'canCreate')::boolean, false), coalesce((p ->> 'canUpdate')::boolean, false), coalesce((p ->> 'canDelete')::boolean, false)
    from jsonb_array_elements(coalesce(r -> 'permissions', '[]')) p
    join metadata.objects o on o.workspace_id = sync_roles.workspace_id and o.deleted_at is null and o.name_singular = p ->> 'object';
  end loop;
end
$$;

-- What an application no longer brings goes, to where it can be restored from; what the workspace uses becomes its own.
create or replace function engine.drop_removed(workspace_id uuid, application_id uuid, old_manifest jsonb, new_manifest jsonb) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  r record;
begin
  for r in
    select p.part, p.universal_identifier from engine.manifest_children(old_manifest) p
    where not exists (select from engine.manifest_children(new_manifest) n where n.part = p.part and n.universal_identifier = p.universal_identifier)
  loop
    execute format('delete from metadata.%I t where t.workspace_id = $1 and t.universal_identifier = $2', r.part) using drop_removed.workspace_id, r.universal_identifier;
  end loop;
  for r in
    select f.id, exists (select from engine.uses(drop_removed.workspace_id, 'field', f.id) u where u.is_blocking) as is_used
    from engine.manifest_fields(old_manifest) p
    join metadata.fields f on f.workspace_id = drop_removed.workspace_id and f.universal_identifier = p.universal_identifier and f.deleted_at is null
    where not exists (select from engine.manifest_fields(new_manifest) n where n.universal_identifier = p.universal_identifier)
      and exists (select from engine.manifest_objects(new_manifest) o where o.universal_identifier = p.object_identifier
        union all select from metadata.objects o where o.id = f.object_id and o.application_id is distinct from drop_removed.application_id)
    order by p.type in ('FORMULA', 'ROLLUP') desc
  loop
    update metadata.fields f set application_id = null, universal_identifier = null,
      deleted_at = case when not r.is_used then clock_timestamp() end, deleted_by_name = case when not r.is_used then (engine.current_actor()).name end
    where f.id = r.id;
  end loop;
  for r in
    select o.id, exists (select from engine.uses(drop_removed.workspace_id, 'object', o.id) u where u.is_blocking)
      or exists (select from metadata.fields f where f.object_id = o.id and not f.is_system and f.deleted_at is null and f.application_id is distinct from drop_removed.application_id) as is_used
    from engine.manifest_objects(old_manifest) p
    join metadata.objects o on o.workspace_id = drop_removed.workspace_id and o.universal_identifier = p.universal_identifier and o.deleted_at is null
    where not exists (select from engine.manifest_objects(new_manifest) n where n.universal_identifier = p.universal_identifier)
  loop
    update metadata.fields f set application_id = null, universal_identifier = null where f.object_id = r.id and f.application_id = drop_removed.application_id;
    update metadata.objects o set application_id = null, universal_identifier = null,
      deleted_at = case when not r.is_used then clock_timestamp() end, deleted_by_name = case when not r.is_used then (engine.current_actor()).name end
    where o.id = r.id;
  end loop;
end
$$;

-- What people built on an application is not pulled down with it.
create or replace function metadata.uninstall_application(workspace_id uuid, name text) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_application metadata.applications;
  v_users text[];
begin
  perform engine.assert_manages(workspace_id);
  select a.* into v_application from metadata.applications a where a.workspace_id = uninstall_application.workspace_id and a.name = uninstall_application.name for update;
  if not found then
    raise exception 'The application "%" is not installed.', name using errcode = 'RV063', column = 'name';
  end if;
  if v_application.manifest @> '{"name": "standard"}' then
    raise exception 'The standard objects cannot be uninstalled.' using errcode = 'RV007', column = 'name', hint = 'Deactivate those that you do not need.';
  end if;
  v_users := array(
    select format('the field "%s" of %s', f.label, o.label_plural) from metadata.fields f join metadata.objects o on o.id = f.object_id
    where o.application_id = v_application.id and o.deleted_at is null and f.deleted_at is null and not f.is_system and f.application_id is distinct from v_application.id
      and f.type <> 'MANY_TO_MANY'
    union
    select format('the %s "%s" of %s', u.user_kind, u.label, u.object_label)
    from metadata.fields f cross join lateral engine.uses(uninstall_application.workspace_id, 'field', f.id) u
    where f.application_id = v_application.id and f.deleted_at is null and u.is_blocking and u.user_kind <> 'object'
      and not exists (select from metadata.fields x where x.id = u.user_id and x.application_id = v_application.id)
      and not exists (select from metadata.rules x where x.id = u.user_id and x.application_id = v_application.id)
      and not exists (select from metadata.indexes x where x.id = u.user_id and x.application_id = v_application.id)
      and not exists (select from metadata.views x where x.id = u.user_id and x.application_id = v_application.id));
  if v_users <> '{}' then
    raise exception 'The application "%" cannot be uninstalled: % was built on it.', name, v_users[1] || case when cardinality(v_users) > 1 then format(' (and %s more)', cardinality(v_users) - 1) else '' end
      using errcode = 'RV068', column = 'name', detail = array_to_string(v_users, E'\n'), hint = 'Delete or change these first.';
  end if;
  perform engine.drop_removed(workspace_id, v_application.id, v_application.manifest, jsonb_build_object('name', name, 'objects', '[]'::jsonb));
  -- Nothing belongs to it any more but what was deleted here before.
  update metadata.fields f set application_id = null, universal_identifier = null where f.workspace_id = uninstall_application.workspace_id and f.application_id = v_application.id;
  update metadata.objects o set application_id = null, universal_identifier = null where o.workspace_id = uninstall_application.workspace_id and o.application_id = v_application.id;
  delete from metadata.applications a where a.id = v_application.id;
  return true;
end
$$;
comment on function metadata.uninstall_application(uuid, text) is
  'Takes an application out: its objects and fields are deleted, and can be restored until the grace period ends. Refused while something was built on them, with the list.';
grant execute on function metadata.uninstall_application(uuid, text) to relvar_crm;

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
