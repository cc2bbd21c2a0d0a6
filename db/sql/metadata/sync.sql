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

-- ── one row of the model ────────────────────────────────────────────────────────────────────────

-- Formulas are texts of names, and names may change on both sides: they are compared as what they
-- are compiled to.
create or replace function engine.compiled_formulas(table_name text, object_id uuid, "values" jsonb) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_compiled jsonb := '{}';
  v_object uuid;
  r record;
begin
  for r in
    select f.path, f.text, f.context from (values
      ('{settings,expression}', "values" #>> '{settings,expression}', case when "values" ->> 'type' = 'FORMULA' then 'FORMULA' end),
      ('{settings,filter}', "values" #>> '{settings,filter}', case when "values" ->> 'type' = 'ROLLUP' then 'FILTER' end),
      ('{condition}', "values" ->> 'condition', case when compiled_formulas.table_name in ('rules', 'indexes') then 'CONDITION' end)) f (path, text, context)
    where f.text is not null and f.context is not null
  loop
    v_object := case when r.context <> 'FILTER' then object_id else (
      select f.object_id from metadata.relations l join metadata.fields f on f.id = l.field_id where l.id::text = "values" #>> '{settings,relationId}') end;
    begin
      v_compiled := v_compiled || jsonb_build_object(r.path, engine.formula_compile(v_object, r.text, r.context));
    exception when raise_exception or others then
      -- What cannot be read stays the text that it is.
      if sqlstate not like 'RV%' then
        raise;
      end if;
    end;
  end loop;
  return v_compiled;
end
$$;

create or replace function engine.with_formulas("values" jsonb, compiled jsonb) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_values jsonb := "values";
  r record;
begin
  for r in select e.key, e.value from jsonb_each(compiled) e loop
    v_values := jsonb_set(v_values, r.key::text[], to_jsonb(engine.formula_text(r.value)));
  end loop;
  return v_values;
end
$$;

create or replace function engine.bundle_owner(workspace_id uuid, owner_table text, identifier text) returns uuid
language plpgsql stable set search_path = ''
as $$
declare
  v_id uuid;
begin
  if owner_table is not null then
    execute format('select t.id from metadata.%I t where t.workspace_id = $1 and t.universal_identifier = $2 %s', owner_table, case when owner_table in ('objects', 'fields') then 'and t.deleted_at is null' else '' end)
      into v_id using workspace_id, identifier;
  end if;
  return v_id;
end
$$;

-- The row that is here for one of a manifest, whose references are resolved.
create or replace function engine.bundle_row(workspace_id uuid, table_name text, owner_column text, key_column text, identifier text, owner_id uuid, "values" jsonb) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_row jsonb;
begin
  execute format('select to_jsonb(t) from metadata.%I t where t.workspace_id = $1 and %s limit 1', table_name, case
      when key_column is not null then format('t.%I = $3 and t.%I::text = $4 ->> %L', owner_column, key_column, key_column)
      -- Fields that the engine keeps bear no identifier.
      when ("values" ->> 'is_system')::boolean then 't.object_id = $3 and t.is_system and t.name = $4 ->> ''name'' '
      else 't.universal_identifier = $2' end
    || case when table_name in ('objects', 'fields', 'relations') then ' and t.deleted_at is null' else '' end)
  into v_row using workspace_id, identifier, owner_id, "values";
  return v_row;
end
$$;

create or replace function engine.bundle_warning(code text, message text, hint text default null) returns jsonb
language sql immutable set search_path = ''
  return jsonb_build_array(jsonb_build_object('code', code, 'message', message, 'hint', hint));

create or replace function engine.write_values(table_name text, id uuid, "values" jsonb) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_columns text := (select string_agg(quote_ident(k), ', ' order by k) from jsonb_object_keys("values") k);
begin
  execute format('update metadata.%1$I t set (%2$s) = (select %3$s from jsonb_populate_record(null::metadata.%1$I, $2) p) where t.id = $1', table_name, v_columns,
    (select string_agg('p.' || quote_ident(k), ', ' order by k) from jsonb_object_keys("values") k))
  using id, "values";
end
$$;

-- Of a column that is still to come nothing is known, and nothing is broken.
create or replace function engine.breaks_rule(rule metadata.rules) returns boolean
language plpgsql stable set search_path = ''
as $$
begin
  return (engine.rule_breakers(rule, false) ->> 'count')::bigint > 0;
exception when undefined_column or undefined_table or datatype_mismatch or undefined_function then
  return false;
end
$$;

-- What the records that are here do not allow is eased rather than refused, so that no upgrade stops at it.
create or replace function engine.eased_field("row" jsonb, "values" jsonb, out eased jsonb, out warnings jsonb)
language plpgsql stable set search_path = ''
as $$
declare
  v_rule metadata.rules;
  v_words text := engine.row_in_words('fields', "row");
  v_used jsonb;
begin
  eased := "values";
  warnings := '[]';
  v_rule.workspace_id := ("row" ->> 'workspace_id')::uuid;
  v_rule.object_id := ("row" ->> 'object_id')::uuid;
  v_rule.field_id := ("row" ->> 'id')::uuid;
  v_rule.settings := '{}';
  if (eased ->> 'is_required')::boolean and coalesce(eased ->> 'required_from', "row" ->> 'required_from') is null then
    v_rule.kind := 'REQUIRED';
    if engine.breaks_rule(v_rule) then
      eased := eased || jsonb_build_object('required_from', clock_timestamp());
      warnings := warnings || engine.bundle_warning('REQUIRED_FROM_NOW', format('Records lack a value in %s, which the application requires: it is required of new records only.', v_words), 'Fill them in, and require it of all.');
    end if;
  end if;
  if (eased ->> 'is_unique')::boolean then
    v_rule.kind := 'UNIQUE';
    v_rule.settings := jsonb_build_object('fieldIds', jsonb_build_array(v_rule.field_id));
    if engine.breaks_rule(v_rule) then
      eased := eased - 'is_unique';
      warnings := warnings || engine.bundle_warning('NOT_UNIQUE', format('Records share a value in %s, which the application wants unique: it is not.', v_words), 'Make the values unique, then the field.');
    end if;
  end if;
  if eased ? 'options' and coalesce(eased ->> 'type', "row" ->> 'type') = "row" ->> 'type' then
    select jsonb_agg(o order by i) into v_used
    from jsonb_array_elements("row" -> 'options') with ordinality u (o, i)
    where not eased -> 'options' @> jsonb_build_array(jsonb_build_object('value', o -> 'value'))
      and (engine.count_option(v_rule.field_id, o ->> 'value') > 0
        or exists (select from engine.uses(v_rule.workspace_id, 'option', v_rule.field_id, o ->> 'value') s where s.is_blocking
          and not (s.user_kind = 'default' and eased ? 'default_value')));
    if v_used is not null then
      eased := jsonb_set(eased, '{options}', (eased -> 'options') || v_used);
      warnings := warnings || engine.bundle_warning('OPTION_USED', format('The application gives up options of %s that are used: %s. They stay.', v_words,
        (select string_agg('"' || (o ->> 'label') || '"', ', ') from jsonb_array_elements(v_used) o)), 'Replace them, then delete them.');
    end if;
  end if;
end
$$;

-- Merges one row of the new manifest with the row that is here.
create or replace function engine.merge_row(table_name text, "row" jsonb, base jsonb, wanted jsonb) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_values jsonb := '{}';
  v_conflicts text[] := '{}';
  v_warnings jsonb := '[]';
  v_words text := engine.row_in_words(table_name, "row");
  v_group text[];
  v_part jsonb;
  r record;
begin
  for r in
    select w.key, m.value, m.conflicts
    from jsonb_each(wanted) w
    cross join lateral engine.merged(w.key, base -> w.key, w.value, "row" -> w.key) m
    -- What is said of another type is not said of the one that people chose.
    where not (table_name = 'fields' and w.key in ('settings', 'options', 'default_value') and "row" ->> 'type' not in (wanted ->> 'type', base ->> 'type'))
    order by w.key
  loop
    v_conflicts := v_conflicts || r.conflicts;
    if coalesce(r.value, 'null') is distinct from "row" -> r.key then
      v_values := v_values || jsonb_build_object(r.key, r.value);
    end if;
  end loop;
  if v_conflicts <> '{}' then
    v_warnings := engine.bundle_warning('KEPT', format('%s of %s was changed here and by the application; it stays as it is here.',
      (select string_agg(engine.camel_case(c), ', ') from unnest(v_conflicts) c), v_words));
  end if;
  if table_name = 'fields' and v_values <> '{}' then
    select e.eased, v_warnings || e.warnings into v_values, v_warnings from engine.eased_field("row", v_values) e;
  end if;
  if v_values = '{}' then
    return v_warnings;
  end if;
  begin
    perform engine.write_values(table_name, ("row" ->> 'id')::uuid, v_values);
    return v_warnings;
  exception when raise_exception or others then
    if sqlstate not like 'RV%' and sqlstate not like '23%' then
      raise;
    end if;
  end;
  -- One by one, to see which of them it is; what makes up a type goes together.
  for v_group in
    select array_agg(k) from jsonb_object_keys(v_values) k group by case when k in ('type', 'settings', 'options', 'default_value') and v_values ? 'type' then 'type' else k end order by 1
  loop
    select jsonb_object_agg(k, v_values -> k) into v_part from unnest(v_group) k;
    begin
      perform engine.write_values(table_name, ("row" ->> 'id')::uuid, v_part);
    exception when raise_exception or others then
      if sqlstate not like 'RV%' and sqlstate not like '23%' then
        raise;
      end if;
      v_warnings := v_warnings || engine.bundle_warning('NOT_POSSIBLE', format('%s of %s stays as it is here: %s',
        (select string_agg(engine.camel_case(k), ', ' order by k) from unnest(v_group) k), v_words, sqlerrm));
    end;
  end loop;
  return v_warnings;
end
$$;

create or replace function engine.insert_row(workspace_id uuid, application_id uuid, part engine.bundle_part, identifier text, owner_id uuid, wanted jsonb) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_values jsonb := wanted || jsonb_build_object('workspace_id', workspace_id)
    || case when (part).owner_column is null then '{}' else jsonb_build_object((part).owner_column, owner_id) end
    || case when (part).key_column is null then jsonb_build_object('application_id', application_id, 'universal_identifier', identifier) else '{}' end;
  v_columns text := (select string_agg(quote_ident(k), ', ' order by k) from jsonb_object_keys(v_values) k);
  v_is_taken boolean := false;
begin
  if (part).table_name in ('indexes', 'roles') then
    execute format('select exists (select from metadata.%I t where t.workspace_id = $1 and t.name = $2 %s)', (part).table_name, case when (part).owner_column is not null then 'and t.object_id = $3' else '' end)
      into v_is_taken using workspace_id, wanted ->> 'name', owner_id;
  end if;
  if v_is_taken then
    return engine.bundle_warning('NAME_TAKEN', format('There is %s already, so that of the application was not made.', engine.row_in_words((part).table_name, v_values)), 'Rename or delete yours, and install the application anew to have it.');
  end if;
  execute format('insert into metadata.%1$I (%2$s) select %3$s from jsonb_populate_record(null::metadata.%1$I, $1) p', (part).table_name, v_columns,
    (select string_agg('p.' || quote_ident(k), ', ' order by k) from jsonb_object_keys(v_values) k)) using v_values;
  return '[]';
end
$$;

-- ── the bundle ──────────────────────────────────────────────────────────────────────────────────

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

  insert into metadata.relations (workspace_id, field_id, target_object_id, inverse_name, inverse_label, on_delete)
  select install_things.workspace_id, f.id, o.id, r ->> 'inverseName', r ->> 'inverseLabel', coalesce(r ->> 'onDelete', 'SET_NULL')
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

-- ── what goes ───────────────────────────────────────────────────────────────────────────────────

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
    v_is_kept := not is_uninstall and (
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
    select to_jsonb(f) as "row", f.id, exists (select from engine.uses(drop_things.workspace_id, 'field', f.id) u where u.is_blocking)
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
