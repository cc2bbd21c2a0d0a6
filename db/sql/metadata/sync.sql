-- Installs, upgrades and uninstalls a bundle of objects, fields, relations, rules, indexes, views and
-- roles. An upgrade compares three: the old manifest, the new one and the workspace, property by
-- property (engine.merged). What the workspace changed itself stays as it is, what it deleted stays
-- deleted, and where both changed the same the upgrade says so.

-- Nobody knows how long the lists of a manifest are, so PostgreSQL takes them for long, and would
-- compile queries for seconds that run for a moment.
create or replace function metadata.sync_application(workspace_id uuid, manifest jsonb) returns uuid
language plpgsql volatile security definer set search_path = '' set jit = off
as $$
declare
  v_application metadata.applications;
  v_id uuid;
  v_warnings jsonb;
begin
  perform engine.assert_manages(workspace_id, 'APPLICATIONS'), engine.lock_model(workspace_id);
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
  v_warnings := engine.sync_bundle(workspace_id, v_id, v_application.manifest, sync_application.manifest, coalesce(v_application.removed, '{}'));
  update metadata.applications a set warnings = v_warnings where a.id = v_id;
  return v_id;
end
$$;
comment on function metadata.sync_application(uuid, jsonb) is
  'Installs or upgrades an application from its manifest: objects, fields, relations, rules, indexes, views and roles. Returns the application''s id. What the workspace has changed itself is kept; metadata.applications.warnings tells where the application wanted it otherwise.';

create or replace function metadata.plan_application(workspace_id uuid, manifest jsonb) returns jsonb
language plpgsql volatile security definer set search_path = '' set lock_timeout = '2s' set jit = off
as $$
declare
  v_version bigint;
  v_warnings jsonb;
  v_plan jsonb;
begin
  perform engine.assert_manages(workspace_id, 'APPLICATIONS');
  select w.model_version into v_version from core.workspaces w where w.id = workspace_id;
  begin
    perform metadata.sync_application(workspace_id, manifest);
    select a.warnings into v_warnings from metadata.applications a where a.workspace_id = plan_application.workspace_id and a.name = plan_application.manifest ->> 'name';
    v_plan := engine.consequences(workspace_id, v_version, '[]');
    raise exception 'planned' using errcode = 'RVEND';
  exception when sqlstate 'RVEND' then
    return jsonb_set(v_plan, '{warnings}', v_warnings || (v_plan -> 'warnings'));
  end;
end
$$;
comment on function metadata.plan_application(uuid, jsonb) is
  'What installing or upgrading an application would do: statements, warnings, losses, and what stays as the workspace has it. Changes nothing; metadata.sync_application does it.';
grant execute on function metadata.sync_application(uuid, jsonb), metadata.plan_application(uuid, jsonb) to relvar_crm;

create or replace function engine.sync_bundle(workspace_id uuid, application_id uuid, old_manifest jsonb, new_manifest jsonb, removed text[]) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_warnings jsonb := '[]';
begin
  -- What the old manifest meant is read before anything is called otherwise.
  perform engine.read_bundle(workspace_id, old_manifest, new_manifest);
  v_warnings := engine.drop_rows(workspace_id, false);
  v_warnings := v_warnings || engine.sync_rows(workspace_id, application_id, new_manifest, 1, 2);
  perform engine.install_things(workspace_id, application_id, old_manifest, new_manifest, removed);
  v_warnings := v_warnings || engine.sync_rows(workspace_id, application_id, new_manifest, 3, 3);
  perform engine.install_computed(workspace_id, application_id, new_manifest, removed);
  v_warnings := v_warnings || engine.sync_rows(workspace_id, application_id, new_manifest, 4, 99);
  v_warnings := v_warnings || engine.drop_things(workspace_id, application_id, old_manifest, new_manifest, false);
  drop table pg_temp.relvar_bundle;
  return v_warnings;
end
$$;

-- The rows of which the two manifests say different things, in a table of this transaction.
create or replace function engine.read_bundle(workspace_id uuid, old_manifest jsonb, new_manifest jsonb) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_names jsonb := case when old_manifest is null then '{}' else engine.manifest_names(workspace_id, old_manifest) end;
begin
  create temporary table relvar_bundle on commit drop as
  with pair as (
    select coalesce(n.part, p.part) as part, coalesce(n.identifier, p.identifier) as identifier, coalesce(n.owner, p.owner) as owner, n."values" as wanted, p."values" as base
    from engine.manifest_rows(new_manifest) n
    -- A field that becomes a formula is still that field.
    full join engine.manifest_rows(old_manifest) p on p.identifier = n.identifier and replace(p.part, 'computed', 'fields') = replace(n.part, 'computed', 'fields')
    where n."values" is distinct from p."values"
  )
  select b, (b).phase, p.identifier, p.owner, p.wanted, engine.references_by_id(read_bundle.workspace_id, p.base, v_names, false) as base, null::jsonb as formulas
  from pair p join engine.bundle_parts() b on b.part = p.part
  -- On the first install these come all at once.
  where p.base is not null or b.phase >= 6;
  update pg_temp.relvar_bundle r set formulas = engine.compiled_formulas((r.b).table_name, engine.bundle_owner(read_bundle.workspace_id, (r.b).owner_table, r.owner), r.base)
  where r.base is not null and (r.b).owner_table = 'objects';
end
$$;

-- What the new manifest says otherwise, or says for the first time.
create or replace function engine.sync_rows(workspace_id uuid, application_id uuid, manifest jsonb, first_phase int, last_phase int) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_warnings jsonb := '[]';
  v_names jsonb;
  v_owner uuid;
  v_row jsonb;
  v_wanted jsonb;
  v_part engine.bundle_part;
  r record;
begin
  for r in
    select * from pg_temp.relvar_bundle b where b.wanted is not null and b.phase between first_phase and last_phase
    order by b.phase, (b.wanted ->> 'position')::double precision, b.identifier
  loop
    v_part := r.b;
    v_names := coalesce(v_names, engine.manifest_names(workspace_id, manifest));
    v_owner := engine.bundle_owner(workspace_id, v_part.owner_table, r.owner);
    -- Nothing belongs to what is not there.
    continue when v_part.owner_table is not null and v_owner is null;
    v_wanted := engine.references_by_id(workspace_id, r.wanted, v_names);
    v_wanted := engine.with_formulas(v_wanted, engine.compiled_formulas(v_part.table_name, v_owner, v_wanted));
    v_row := engine.bundle_row(workspace_id, v_part.table_name, v_part.owner_column, v_part.key_column, r.identifier, v_owner, v_wanted);
    if v_row is not null then
      v_warnings := v_warnings || engine.merge_row(v_part.table_name, v_row, coalesce(engine.with_formulas(r.base, coalesce(r.formulas, '{}')), '{}'), v_wanted - 'is_system');
    elsif r.base is null then
      v_warnings := v_warnings || engine.insert_row(workspace_id, application_id, v_part, r.identifier, v_owner, v_wanted);
    end if;
  end loop;
  return v_warnings;
end
$$;

-- What is new, all at once.
create or replace function engine.install_things(workspace_id uuid, application_id uuid, old_manifest jsonb, new_manifest jsonb, removed text[]) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_names jsonb;
begin
  insert into metadata.objects (workspace_id, application_id, universal_identifier, name_singular, name_plural, label_singular, label_plural,
    description, icon, color, is_active, is_system, is_searchable, is_audited, position)
  select install_things.workspace_id, install_things.application_id, n.universal_identifier, n.name_singular, n.name_plural, n.label_singular, n.label_plural,
    n.description, n.icon, n.color, n.is_active, n.is_system, n.is_searchable, n.is_audited, n.position
  from engine.manifest_objects(new_manifest) n
  where not exists (select from metadata.objects t where t.workspace_id = install_things.workspace_id and t.universal_identifier = n.universal_identifier)
    and n.universal_identifier <> all (removed)
  order by n.position;
  v_names := engine.manifest_names(workspace_id, new_manifest);

  insert into metadata.fields (workspace_id, object_id, application_id, universal_identifier, name, label, description, icon, type, settings,
    options, default_value, is_required, required_from, is_unique, is_active, position)
  select install_things.workspace_id, o.id, install_things.application_id, n.universal_identifier, engine.free_field_name(o.id, n.name), n.label, n.description, n.icon, n.type,
    engine.references_by_id(install_things.workspace_id, n.settings, v_names) || case when n.many_to_many is null then '{}' else jsonb_build_object('inverseName', n.many_to_many -> 'inverseName',
      'inverseLabel', n.many_to_many -> 'inverseLabel', 'targetObjectId', v_names -> ('object:' || (n.many_to_many ->> 'target'))) end,
    n.options, n.default_value, n.is_required, n.required_from, n.is_unique, n.is_active, n.position
  from engine.manifest_fields(new_manifest) n
  join metadata.objects o on o.workspace_id = install_things.workspace_id and o.universal_identifier = n.object_identifier
  where not exists (select from metadata.fields t where t.workspace_id = install_things.workspace_id and t.universal_identifier = n.universal_identifier)
    and n.universal_identifier <> all (removed) and n.type not in ('FORMULA', 'ROLLUP') and not n.is_system
  order by n.object_identifier, n.position;

  insert into metadata.relations (workspace_id, field_id, target_object_id, inverse_name, inverse_label, on_delete, is_on_timeline)
  select install_things.workspace_id, f.id, o.id, r ->> 'inverseName', r ->> 'inverseLabel', coalesce(r ->> 'onDelete', 'SET_NULL'), coalesce((r ->> 'isOnTimeline')::boolean, false)
  from engine.manifest_fields(new_manifest) n
  join metadata.fields f on f.workspace_id = install_things.workspace_id and f.universal_identifier = n.universal_identifier and f.deleted_at is null
  cross join lateral jsonb_array_elements(n.relations) r
  join metadata.objects o on o.id = (v_names ->> ('object:' || (r ->> 'target')))::uuid
  where not exists (select from metadata.relations t where t.field_id = f.id and (t.target_object_id = o.id or f.type <> 'MORPH_RELATION'))
    -- A target that people took out of a relation stays out.
    and not exists (select from engine.manifest_fields(old_manifest) p cross join lateral jsonb_array_elements(p.relations) q
      where p.universal_identifier = n.universal_identifier and q ->> 'target' = r ->> 'target');

  -- With the fields that are there now.
  v_names := engine.manifest_names(workspace_id, new_manifest);
  update metadata.objects o set
    label_field_id = (v_names ->> ('field:' || n.name_singular || '.' || n.label_field))::uuid,
    image_field_id = (v_names ->> ('field:' || n.name_singular || '.' || n.image_field))::uuid,
    duplicate_criteria = engine.references_by_id(install_things.workspace_id, n.duplicate_criteria, v_names)
  from engine.manifest_objects(new_manifest) n
  where o.workspace_id = install_things.workspace_id and o.universal_identifier = n.universal_identifier
    and not exists (select from engine.manifest_objects(old_manifest) p where p.universal_identifier = n.universal_identifier);
end
$$;

-- What is computed comes when all that it reads is there.
create or replace function engine.install_computed(workspace_id uuid, application_id uuid, manifest jsonb, removed text[]) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  r record;
begin
  for r in
    select n.*, o.id as object_id from engine.manifest_fields(manifest) n
    join metadata.objects o on o.workspace_id = install_computed.workspace_id and o.universal_identifier = n.object_identifier
    where n.type in ('FORMULA', 'ROLLUP') and n.universal_identifier <> all (removed)
      and not exists (select from metadata.fields t where t.workspace_id = install_computed.workspace_id and t.universal_identifier = n.universal_identifier)
    order by n.position
  loop
    insert into metadata.fields (workspace_id, object_id, application_id, universal_identifier, name, label, description, icon, type, settings, is_active, position)
    values (install_computed.workspace_id, r.object_id, install_computed.application_id, r.universal_identifier, engine.free_field_name(r.object_id, r.name), r.label, r.description, r.icon, r.type,
      engine.references_by_id(install_computed.workspace_id, r.settings, engine.manifest_names(install_computed.workspace_id, manifest)), r.is_active, r.position);
  end loop;
end
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
