-- Changes of the model as data: [{"op": "createField", "objectId": …}, …], run in their order. What
-- may be written is what the grants of relvar_crm say, so there is no second list of it.

create or replace function engine.nearest(word text, words text[]) returns text
language sql stable set search_path = ''
  return (select w from unnest(words) w where public.similarity(w, word) > 0.2 order by public.similarity(w, word) desc, w limit 1);

-- A table of the model by its API name.
create or replace function engine.changeable_table(name text) returns regclass
language plpgsql stable set search_path = ''
as $$
declare
  v_tables text[] := '{objects,fields,relations,rules,indexes,views,viewFields,layouts,aliases,roles,roleIncludes}'::text[] || array(select engine.camel_case(p.table_name) from engine.role_parts() p);
begin
  if name is null or name <> all (v_tables) then
    raise exception 'There is no part of the model called "%".', coalesce(name, '') using errcode = 'RV062', column = 'table',
      hint = coalesce(format('Did you mean %s? ', engine.nearest(name, v_tables)), '') || 'The parts are ' || array_to_string(v_tables, ', ') || '.';
  end if;
  return ('metadata.' || quote_ident(engine.snake_case(name)))::regclass;
end
$$;

create or replace function engine.assert_row(workspace_id uuid, target regclass, id uuid) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_found boolean;
begin
  execute format('select exists (select from %s t where t.workspace_id = $1 and t.id = $2 %s)', target,
    -- A plan changes views of the workspace that are open to who makes it; a member's own is not there for it.
    case target::text when 'metadata.views' then 'and t.visibility = ''WORKSPACE'' and ($3 or t.id in (select engine.kept_views()))'
      when 'metadata.view_fields' then 'and exists (select from metadata.views v where v.id = t.view_id and v.visibility = ''WORKSPACE'' and ($3 or v.id in (select engine.kept_views())))' else '' end)
  into v_found using workspace_id, id, engine.acts_as_administrator() or engine.makes_workspace(workspace_id);
  if not v_found then
    raise exception 'There is no such %.', case target::text when 'metadata.indexes' then 'index' when 'metadata.aliases' then 'alias'
      else rtrim(replace(replace(target::text, 'metadata.', ''), '_', ' '), 's') end || coalesce(' (' || id || ')', '')
      using errcode = 'RV063', column = 'id', hint = 'It may have been purged, or it belongs to another workspace.';
  end if;
end
$$;

-- The columns that a change may write: what relvar_crm may, and of roles what makes up their rights.
create or replace function engine.writable_columns(target regclass, privilege text) returns text[]
language sql stable set search_path = ''
as $$
  select case when target = 'metadata.roles'::regclass then engine.role_columns(target)
    when exists (select from engine.role_parts() p where target = ('metadata.' || p.table_name)::regclass)
      then engine.role_columns(target) || case when upper(privilege) = 'INSERT' then '{role_id}'::text[] else '{}' end
    else array(
      select a.attname::text from pg_catalog.pg_attribute a
      where a.attrelid = target and a.attnum > 0 and not a.attisdropped and a.attname not in ('id', 'workspace_id')
        and has_column_privilege('relvar_crm', target, a.attnum, privilege)) end
$$;

-- Values in camelCase as a row in snake_case, of columns that may be written.
create or replace function engine.changed_values(target regclass, "values" jsonb, privilege text) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_columns text[] := engine.writable_columns(target, privilege);
  v_unknown text;
begin
  if jsonb_typeof("values") is distinct from 'object' then
    raise exception 'The values of a change are an object.' using errcode = 'RV062', column = 'values';
  end if;
  select k into v_unknown from jsonb_object_keys("values") k where engine.snake_case(k) <> all (v_columns || '{id,workspace_id}'::text[]) limit 1;
  if found then
    raise exception '"%" cannot be written to %.', v_unknown, replace(target::text, 'metadata.', '') using errcode = 'RV062', column = v_unknown,
      hint = coalesce(format('Did you mean %s? ', engine.nearest(v_unknown, array(select engine.camel_case(c) from unnest(v_columns) c))), '')
        || 'It takes ' || (select string_agg(engine.camel_case(c), ', ' order by c) from unnest(v_columns) c) || '.';
  end if;
  return coalesce((select jsonb_object_agg(engine.snake_case(e.key), e.value) from jsonb_each("values") e where e.key not in ('id', 'workspaceId')), '{}');
end
$$;

-- Calls metadata.create_object or create_field with arguments by name.
create or replace function engine.call_by_name(function_name text, arguments jsonb) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_names text[];
  v_types oid[];
  v_list text;
  v_unknown text;
begin
  select p.proargnames, array(select unnest(p.proargtypes)) into strict v_names, v_types from pg_catalog.pg_proc p
  where p.pronamespace = 'metadata'::regnamespace and p.proname = function_name;
  -- Output columns follow the arguments in the list of names.
  v_names := v_names[1:array_length(v_types, 1)];
  select k into v_unknown from jsonb_object_keys(arguments) k where engine.snake_case(k) <> all (v_names) limit 1;
  if found then
    raise exception '"%" is not known to %.', v_unknown, engine.camel_case(function_name) using errcode = 'RV062', column = v_unknown,
      hint = coalesce(format('Did you mean %s? ', engine.nearest(v_unknown, array(select engine.camel_case(c) from unnest(v_names) c))), '')
        || 'It takes ' || (select string_agg(engine.camel_case(c), ', ') from unnest(v_names) c where c <> 'workspace_id') || '.';
  end if;
  select string_agg(format('%I => %s', a.name, case
      when a.type = 'jsonb'::regtype then format('nullif($1 -> %L, ''null'')', a.key)
      when a.type = 'uuid[]'::regtype then format('(select array_agg(e::uuid) from jsonb_array_elements_text(nullif($1 -> %L, ''null'')) e)', a.key)
      else format('($1 ->> %L)::%s', a.key, pg_catalog.format_type(a.type, null)) end), ', ') into v_list
  from (
    select n.name, engine.camel_case(n.name) as key, v_types[n.i] as type
    from unnest(v_names) with ordinality n (name, i)
  ) a
  where arguments ? a.key;
  execute format('select metadata.%I(%s)', function_name, coalesce(v_list, '')) using arguments;
end
$$;

-- Asks for the permission of each part that the changes touch. A misspelt one is refused when its turn comes.
create or replace function engine.assert_may_change(workspace_id uuid, changes jsonb) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_flag text;
begin
  for v_flag in
    select distinct engine.flag_of(engine.snake_case(coalesce(c ->> 'table', 'objects'))) from jsonb_array_elements(case jsonb_typeof(changes) when 'array' then changes else '[]' end) c
    union all
    select 'DATA_MODEL' where coalesce(changes, '[]') = '[]' or jsonb_typeof(changes) <> 'array'
  loop
    perform engine.assert_manages(workspace_id, v_flag);
  end loop;
end
$$;

-- One change, run at once, save that records are not touched while planning.
create or replace function engine.run_change(workspace_id uuid, change jsonb, is_plan boolean) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_ops text[] := '{createObject,createField,insert,update,delete,restore,replaceUses,replaceOption}';
  v_target regclass;
  v_id uuid := (change ->> 'id')::uuid;
  v_row jsonb;
  v_columns text;
begin
  case change ->> 'op'
    when 'createObject' then
      perform engine.call_by_name('create_object', (change - 'op') || jsonb_build_object('workspaceId', workspace_id));
      return;
    when 'createField' then
      perform engine.assert_row(workspace_id, 'metadata.objects', (change ->> 'objectId')::uuid);
      perform engine.call_by_name('create_field', change - 'op');
      return;
    when 'replaceUses' then
      perform engine.assert_row(workspace_id, 'metadata.fields', (change ->> 'fieldId')::uuid), engine.assert_row(workspace_id, 'metadata.fields', (change ->> 'withFieldId')::uuid);
      perform engine.replace_uses(workspace_id, (change ->> 'fieldId')::uuid, (change ->> 'withFieldId')::uuid);
      return;
    when 'replaceOption' then
      perform engine.assert_row(workspace_id, 'metadata.fields', (change ->> 'fieldId')::uuid);
      perform engine.replace_option(workspace_id, (change ->> 'fieldId')::uuid, change ->> 'value', change ->> 'with', is_plan);
      return;
    when 'insert', 'update', 'delete', 'restore' then
      v_target := engine.changeable_table(change ->> 'table');
    else
      raise exception 'There is no change called "%".', coalesce(change ->> 'op', '') using errcode = 'RV062', column = 'op',
        hint = coalesce(format('Did you mean %s? ', engine.nearest(change ->> 'op', v_ops)), '') || 'The changes are ' || array_to_string(v_ops, ', ') || '.';
  end case;
  -- What the engine makes with other things has no id yet when the change is written.
  if v_id is null and change ->> 'op' = 'update' then
    select f.id into v_id from metadata.fields f
    where v_target = 'metadata.fields'::regclass and f.object_id = (change ->> 'objectId')::uuid and f.name = change ->> 'name' and f.deleted_at is null;
    if v_target = 'metadata.relations'::regclass then
      select r.id into v_id from metadata.relations r where r.field_id = (change ->> 'fieldId')::uuid and r.target_object_id = (change ->> 'targetObjectId')::uuid;
    end if;
  end if;
  if change ->> 'op' <> 'insert' then
    perform engine.assert_row(workspace_id, v_target, v_id);
  end if;
  case change ->> 'op'
    when 'delete' then
      execute format('delete from %s t where t.workspace_id = $1 and t.id = $2', v_target) using workspace_id, v_id;
    when 'restore' then
      perform engine.restore(workspace_id, v_target, v_id);
    else
      v_row := engine.changed_values(v_target, change -> 'values', upper(change ->> 'op'));
      select string_agg(quote_ident(k), ', ' order by k) into v_columns from jsonb_object_keys(v_row) k;
      if change ->> 'op' = 'insert' then
        execute format('insert into %1$s (id, workspace_id%2$s) select $2, $1%3$s from jsonb_populate_record(null::%1$s, $3) p', v_target,
          coalesce(', ' || v_columns, ''), coalesce((select string_agg(', p.' || quote_ident(k), '' order by k) from jsonb_object_keys(v_row) k), ''))
        using workspace_id, coalesce(v_id, engine.uuidv7()), v_row;
      elsif v_columns is not null then
        execute format('update %1$s t set (%2$s) = (select %3$s from jsonb_populate_record(null::%1$s, $3) p) where t.workspace_id = $1 and t.id = $2', v_target,
          v_columns, (select string_agg('p.' || quote_ident(k), ', ' order by k) from jsonb_object_keys(v_row) k))
        using workspace_id, v_id, v_row;
      end if;
  end case;
end
$$;

-- All changes, in order. An error says which of them it was.
create or replace function engine.run_changes(workspace_id uuid, changes jsonb, is_plan boolean) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_change jsonb;
  v_at int := 0;
  v_state text;
  v_message text;
  v_detail text;
  v_hint text;
  v_column text;
begin
  if jsonb_typeof(changes) is distinct from 'array' then
    raise exception 'Changes are a list.' using errcode = 'RV062', hint = 'Give [{"op": "createField", …}], for example.';
  end if;
  for v_change in select * from jsonb_array_elements(changes) loop
    v_at := v_at + 1;
    perform engine.run_change(workspace_id, v_change, is_plan);
  end loop;
exception when others then
  get stacked diagnostics v_state = returned_sqlstate, v_message = message_text, v_detail = pg_exception_detail, v_hint = pg_exception_hint, v_column = column_name;
  raise exception '%', v_message using errcode = v_state, column = coalesce(v_column, ''), hint = v_hint,
    detail = concat_ws(E'\n', nullif(v_detail, ''), case when jsonb_array_length(changes) > 1 then format('Change %s of %s: %s', v_at, jsonb_array_length(changes), v_change ->> 'op') end);
end
$$;

-- What is made gets its id here, so that a plan and what is applied speak of the same.
create or replace function engine.with_ids(changes jsonb) returns jsonb
language sql volatile set search_path = ''
as $$
  select coalesce(jsonb_agg(case when c ->> 'op' in ('createObject', 'createField', 'insert') and c ->> 'id' is null
    then c || jsonb_build_object('id', engine.uuidv7()) else c end order by i), '[]')
  from jsonb_array_elements(case jsonb_typeof(changes) when 'array' then changes else '[]' end) with ordinality u (c, i)
$$;
