-- One row of a manifest and the row of the model that it stands for: found, compared and written.

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
  -- What people have arranged is not arranged anew.
  if (part).table_name = 'layouts' and exists (select from metadata.layouts l where l.object_id = insert_row.owner_id and l.role_id is null) then
    return engine.bundle_warning('KEPT', format('%s were arranged here already and stay as they are.', engine.row_in_words('layouts', v_values)), 'Reset the layout, and install the application anew to have its own.');
  end if;
  if v_is_taken then
    return engine.bundle_warning('NAME_TAKEN', format('There is %s already, so that of the application was not made.', engine.row_in_words((part).table_name, v_values)), 'Rename or delete yours, and install the application anew to have it.');
  end if;
  execute format('insert into metadata.%1$I (%2$s) select %3$s from jsonb_populate_record(null::metadata.%1$I, $1) p', (part).table_name, v_columns,
    (select string_agg('p.' || quote_ident(k), ', ' order by k) from jsonb_object_keys(v_values) k)) using v_values;
  return '[]';
end
$$;
