-- What a new record is filled with. Defaults are bound to functions that nobody may call by name, so
-- who fills records from a list (an import, whose cells may be empty) asks here what they come to.
create or replace function metadata.default_values(object_id uuid) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_object metadata.objects;
  v_table regclass;
  v_list text;
  v_values jsonb;
begin
  select o.* into v_object from metadata.objects o where o.id = default_values.object_id;
  perform engine.assert_member_of(v_object.workspace_id);
  select to_regclass(format('%I.%I', w.schema_name, v_object.table_name)) into v_table from core.workspaces w where w.id = v_object.workspace_id;
  -- An id is another for each record.
  select string_agg(format('(%L, (%s)::text)', a.attname, pg_catalog.pg_get_expr(d.adbin, d.adrelid)), ', ') into v_list
  from pg_catalog.pg_attribute a join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  where a.attrelid = v_table and a.attgenerated = '' and not a.attisdropped and a.attname <> 'id';
  execute 'select jsonb_object_agg(v.name, v.value) from (values ' || v_list || ') v (name, value) where v.value is not null' into v_values;
  return coalesce(v_values, '{}');
end
$$;
comment on function metadata.default_values(uuid) is
  'What the columns of a new record of an object are filled with at this moment and for this caller, as texts by name of the column; the id is left out.';
grant execute on function metadata.default_values(uuid) to relvar_crm;
