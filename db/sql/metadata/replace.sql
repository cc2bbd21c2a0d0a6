-- Lets one field or option take the place of another wherever it is used, so that the other can go.

create or replace function engine.columns_alike(one metadata.fields, other metadata.fields) returns boolean
language sql stable set search_path = ''
  return coalesce((one).result_type, (one).type) = coalesce((other).result_type, (other).type)
    or (select array_agg((c.part, c.pg_type) order by c.part) from engine.field_type_columns c where c.type = coalesce((one).result_type, (one).type))
      = (select array_agg((c.part, c.pg_type) order by c.part) from engine.field_type_columns c where c.type = coalesce((other).result_type, (other).type));

create or replace function engine.replace_uses(workspace_id uuid, field_id uuid, with_field_id uuid) returns void
language plpgsql volatile set search_path = ''
as $$
#variable_conflict use_variable
declare
  v_old metadata.fields;
  v_new metadata.fields;
  r record;
begin
  select f.* into strict v_old from metadata.fields f where f.id = field_id;
  select f.* into strict v_new from metadata.fields f where f.id = with_field_id;
  if v_old.object_id <> v_new.object_id or v_old.id = v_new.id or v_new.deleted_at is not null or not v_new.is_active or not engine.columns_alike(v_old, v_new) then
    raise exception '"%" cannot take the place of "%".', v_new.label, v_old.label using errcode = 'RV064', column = 'with_field_id',
      hint = 'Choose another field of the same object whose values are of the same type.';
  end if;
  update metadata.objects o set
    label_field_id = case o.label_field_id when field_id then with_field_id else o.label_field_id end,
    image_field_id = case o.image_field_id when field_id then with_field_id else o.image_field_id end,
    duplicate_criteria = replace(o.duplicate_criteria::text, field_id::text, with_field_id::text)::jsonb
  where o.id = v_old.object_id and (field_id in (o.label_field_id, o.image_field_id) or o.duplicate_criteria::text ~ field_id::text);
  -- A formula is a text of names, which follow from what it compiled to.
  for r in
    select f.id, replace(f.compiled::text, field_id::text, with_field_id::text)::jsonb as compiled from metadata.fields f
    where f.workspace_id = replace_uses.workspace_id and f.deleted_at is null and f.type = 'FORMULA' and f.compiled::text ~ field_id::text
  loop
    update metadata.fields f set settings = f.settings || jsonb_build_object('expression', engine.formula_text(r.compiled)) where f.id = r.id;
  end loop;
  update metadata.fields f set settings = replace(f.settings::text, field_id::text, with_field_id::text)::jsonb
  where f.workspace_id = replace_uses.workspace_id and f.deleted_at is null and f.id <> field_id and f.settings::text ~ field_id::text;
  for r in
    select u.id, replace(u.compiled::text, field_id::text, with_field_id::text)::jsonb as compiled from metadata.rules u
    where u.workspace_id = replace_uses.workspace_id and u.compiled::text ~ field_id::text
  loop
    update metadata.rules u set condition = engine.formula_text(r.compiled) where u.id = r.id;
  end loop;
  for r in
    select u.id, replace(u.compiled::text, field_id::text, with_field_id::text)::jsonb as compiled from metadata.record_rules u
    where u.workspace_id = replace_uses.workspace_id and u.compiled::text ~ field_id::text
  loop
    update metadata.record_rules u set condition = engine.formula_text(r.compiled) where u.id = r.id;
  end loop;
  update metadata.rules u set field_id = case u.field_id when replace_uses.field_id then with_field_id else u.field_id end,
    settings = replace(u.settings::text, replace_uses.field_id::text, with_field_id::text)::jsonb
  where u.workspace_id = replace_uses.workspace_id and (u.field_id = replace_uses.field_id or u.settings::text ~ replace_uses.field_id::text);
  for r in
    select i.id, replace(i.compiled::text, field_id::text, with_field_id::text)::jsonb as compiled from metadata.indexes i
    where i.workspace_id = replace_uses.workspace_id and i.compiled::text ~ field_id::text
  loop
    update metadata.indexes i set condition = engine.formula_text(r.compiled) where i.id = r.id;
  end loop;
  update metadata.indexes i set parts = replace(i.parts::text, field_id::text, with_field_id::text)::jsonb
  where i.workspace_id = replace_uses.workspace_id and i.parts::text ~ field_id::text;
  update metadata.views v set group_field_id = case v.group_field_id when field_id then with_field_id else v.group_field_id end,
    filter = replace(v.filter::text, field_id::text, with_field_id::text)::jsonb, sorts = replace(v.sorts::text, field_id::text, with_field_id::text)::jsonb,
    layout = replace(v.layout::text, field_id::text, with_field_id::text)::jsonb
  where v.workspace_id = replace_uses.workspace_id and (v.group_field_id = field_id or concat(v.filter, v.sorts, v.layout) ~ field_id::text);
  delete from metadata.view_fields c
  where c.workspace_id = replace_uses.workspace_id and c.field_id = replace_uses.field_id
    and exists (select from metadata.view_fields n where n.view_id = c.view_id and n.field_id = with_field_id);
  update metadata.view_fields c set field_id = with_field_id where c.workspace_id = replace_uses.workspace_id and c.field_id = replace_uses.field_id;
end
$$;

-- What the records say is changed after the model is reconciled, when both options are possible.
create or replace function engine.replace_option(workspace_id uuid, field_id uuid, value text, "with" text, is_plan boolean) returns void
language plpgsql volatile set search_path = ''
as $$
#variable_conflict use_variable
declare
  v_field metadata.fields;
  v_object metadata.objects;
  v_schema text;
  r record;
begin
  select f.* into strict v_field from metadata.fields f where f.id = field_id;
  select o.* into strict v_object from metadata.objects o where o.id = v_field.object_id;
  if v_field.type not in ('SELECT', 'MULTI_SELECT') or value = "with"
    or not v_field.options @> jsonb_build_array(jsonb_build_object('value', value))
    or not v_field.options @> jsonb_build_array(jsonb_build_object('value', "with")) then
    raise exception '"%" cannot take the place of "%" in "%".', "with", value, v_field.label using errcode = 'RV064', column = 'with',
      hint = 'Both are options of the field: '
        || coalesce((select string_agg(o ->> 'value', ', ') from jsonb_array_elements(v_field.options) o), 'it has none') || '.';
  end if;
  update metadata.fields f set default_value = case f.type when 'SELECT' then to_jsonb("with")
    else (select jsonb_agg(distinct case e when value then "with" else e end) from jsonb_array_elements_text(f.default_value) e) end
  where f.id = field_id and strpos(f.default_value::text, to_jsonb(value)::text) > 0;
  update metadata.views v set filter = replace(v.filter::text, to_jsonb(value)::text, to_jsonb("with")::text)::jsonb
  where v.workspace_id = replace_option.workspace_id and v.filter::text ~ field_id::text and strpos(v.filter::text, to_jsonb(value)::text) > 0;
  for r in
    select 'fields' as what, f.id from metadata.fields f
    where f.workspace_id = replace_option.workspace_id and f.deleted_at is null and f.type = 'FORMULA' and f.compiled::text ~ field_id::text
    union all
    select 'rules', u.id from metadata.rules u where u.workspace_id = replace_option.workspace_id and u.compiled::text ~ field_id::text
    union all
    select 'record_rules', u.id from metadata.record_rules u where u.workspace_id = replace_option.workspace_id and u.compiled::text ~ field_id::text
    union all
    select 'indexes', i.id from metadata.indexes i where i.workspace_id = replace_option.workspace_id and i.compiled::text ~ field_id::text
  loop
    if r.what = 'fields' then
      update metadata.fields f set settings = f.settings || jsonb_build_object('expression', replace(f.settings ->> 'expression', to_jsonb(value)::text, to_jsonb("with")::text)) where f.id = r.id;
    else
      execute format('update metadata.%I t set condition = replace(t.condition, $1, $2) where t.id = $3', r.what) using to_jsonb(value)::text, to_jsonb("with")::text, r.id;
    end if;
  end loop;
  if is_plan then
    return;
  end if;
  perform engine.apply_pending(replace_option.workspace_id);
  select w.schema_name into v_schema from core.workspaces w where w.id = replace_option.workspace_id;
  execute engine.option_statement(v_schema, v_object.table_name, v_field, value, "with");
end
$$;

create or replace function engine.option_statement(schema_name text, table_name text, field metadata.fields, value text, "with" text) returns text
language sql immutable set search_path = ''
  return format(case (field).type
      when 'SELECT' then 'update %1$I.%2$I set %3$I = %4$L where %3$I = %5$L'
      -- A record that has both keeps one.
      else 'update %1$I.%2$I set %3$I = case when %3$I @> array[%4$L]::text[] then array_remove(%3$I, %5$L) else array_replace(%3$I, %5$L, %4$L) end where %3$I @> array[%5$L]::text[]' end,
    schema_name, table_name, engine.snake_case((field).name), "with", value);
