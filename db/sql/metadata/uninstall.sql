-- What an application has brought and brings no longer: dropped, unless the workspace has made it its own.

-- Rules, indexes, views, rights and roles that the application no longer brings. What people changed
-- is theirs from then on, unless the whole application goes.
create or replace function engine.drop_rows(workspace_id uuid, is_uninstall boolean) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_warnings jsonb := '[]';
  v_owner uuid;
  v_row jsonb;
  v_base jsonb;
  v_part engine.bundle_part;
  v_is_kept boolean;
  r record;
begin
  for r in
    select * from pg_temp.relvar_bundle d
    where d.wanted is null and (d.phase >= 6 or (d.b).part = 'relations' and exists (
      select from pg_temp.relvar_bundle f where f.identifier = d.owner and (f.b).table_name = 'fields' and f.wanted ->> 'type' = 'MORPH_RELATION'))
    order by d.phase desc, d.identifier
  loop
    v_part := r.b;
    v_owner := engine.bundle_owner(workspace_id, v_part.owner_table, r.owner);
    continue when v_part.owner_table is not null and v_owner is null;
    v_row := engine.bundle_row(workspace_id, v_part.table_name, v_part.owner_column, v_part.key_column, r.identifier, v_owner, r.base);
    continue when v_row is null;
    v_base := engine.with_formulas(r.base, coalesce(r.formulas, '{}'));
    -- How people have arranged the pages of what stays is theirs, also when the whole application goes.
    v_is_kept := (not is_uninstall or v_part.part = 'layouts') and (
      exists (select from jsonb_each(v_base) e where e.value is distinct from v_row -> e.key)
      -- Something of somebody's is in it still.
      or v_part.part = 'views' and exists (select from metadata.view_fields c where c.view_id = (v_row ->> 'id')::uuid)
      or v_part.part = 'roles' and (engine.role_holders((v_row ->> 'id')::uuid) <> '{}' or exists (select from metadata.object_permissions p where p.role_id = (v_row ->> 'id')::uuid)));
    if not v_is_kept then
      execute format('delete from metadata.%I t where t.id = $1', v_part.table_name) using (v_row ->> 'id')::uuid;
      continue;
    end if;
    if v_part.key_column is null then
      execute format('update metadata.%I t set application_id = null, universal_identifier = null where t.id = $1', v_part.table_name) using (v_row ->> 'id')::uuid;
    end if;
    v_warnings := v_warnings || engine.kept_as_own(v_part.table_name, v_row);
  end loop;
  return v_warnings;
end
$$;

create or replace function engine.kept_as_own(table_name text, "row" jsonb) returns jsonb
language sql stable set search_path = ''
  return engine.bundle_warning('KEPT_AS_OWN', format('The application gives up %s, which was changed here or is in use; it stays, as your own.', engine.row_in_words(table_name, "row")));

-- Objects and fields go to where they can be restored from; what the workspace uses or changed becomes its own.
create or replace function engine.drop_things(workspace_id uuid, application_id uuid, old_manifest jsonb, new_manifest jsonb, is_uninstall boolean) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_warnings jsonb := '[]';
  r record;
begin
  for r in
    select to_jsonb(f) as "row", f.id, exists (select from engine.uses(drop_things.workspace_id, 'field', f.id) u
        where u.is_blocking or u.user_kind = 'view' and not is_uninstall)
      or not is_uninstall and exists (select from pg_temp.relvar_bundle b cross join lateral jsonb_each(engine.with_formulas(b.base, coalesce(b.formulas, '{}'))) e
        where b.identifier = p.universal_identifier and (b.b).table_name = 'fields' and e.key <> 'settings' and e.value is distinct from to_jsonb(f) -> e.key) as is_kept
    from engine.manifest_fields(old_manifest) p
    join metadata.fields f on f.workspace_id = drop_things.workspace_id and f.universal_identifier = p.universal_identifier and f.deleted_at is null
    where not exists (select from engine.manifest_fields(new_manifest) n where n.universal_identifier = p.universal_identifier)
      and exists (select from engine.manifest_objects(new_manifest) o where o.universal_identifier = p.object_identifier
        union all select from metadata.objects o where o.id = f.object_id and o.application_id is distinct from drop_things.application_id)
    order by p.type in ('FORMULA', 'ROLLUP') desc
  loop
    update metadata.fields f set application_id = null, universal_identifier = null,
      deleted_at = case when not r.is_kept then clock_timestamp() end, deleted_by_name = case when not r.is_kept then (engine.current_actor()).name end
    where f.id = r.id;
    v_warnings := v_warnings || case when r.is_kept then engine.kept_as_own('fields', r."row") else '[]' end;
  end loop;
  for r in
    select to_jsonb(o) as "row", o.id, exists (select from engine.uses(drop_things.workspace_id, 'object', o.id) u where u.is_blocking)
      or exists (select from metadata.fields f where f.object_id = o.id and not f.is_system and f.deleted_at is null and f.application_id is distinct from drop_things.application_id) as is_kept
    from engine.manifest_objects(old_manifest) p
    join metadata.objects o on o.workspace_id = drop_things.workspace_id and o.universal_identifier = p.universal_identifier and o.deleted_at is null
    where not exists (select from engine.manifest_objects(new_manifest) n where n.universal_identifier = p.universal_identifier)
  loop
    update metadata.fields f set application_id = null, universal_identifier = null where f.object_id = r.id and f.application_id = drop_things.application_id;
    update metadata.objects o set application_id = null, universal_identifier = null,
      deleted_at = case when not r.is_kept then clock_timestamp() end, deleted_by_name = case when not r.is_kept then (engine.current_actor()).name end
    where o.id = r.id;
    v_warnings := v_warnings || case when r.is_kept then engine.kept_as_own('objects', r."row") else '[]' end;
  end loop;
  return v_warnings;
end
$$;

-- What people built on an application is not pulled down with it.
create or replace function metadata.uninstall_application(workspace_id uuid, name text) returns boolean
language plpgsql volatile security definer set search_path = '' set jit = off
as $$
declare
  v_application metadata.applications;
  v_users text[];
  v_nothing jsonb := jsonb_build_object('name', name, 'objects', '[]'::jsonb);
begin
  perform engine.assert_manages(workspace_id, 'APPLICATIONS');
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
  perform engine.assert_role_unheld(r) from metadata.roles r where r.workspace_id = uninstall_application.workspace_id and r.application_id = v_application.id order by r.name;
  perform engine.read_bundle(workspace_id, v_application.manifest, v_nothing), engine.drop_rows(workspace_id, true),
    engine.drop_things(workspace_id, v_application.id, v_application.manifest, v_nothing, true);
  drop table pg_temp.relvar_bundle;
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
