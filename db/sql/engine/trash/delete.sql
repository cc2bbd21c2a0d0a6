-- Deletes records of one object by one statement, as whoever calls: grants and policies say which.
create or replace function engine.delete_records(workspace_id uuid, schema_name text, object_name text, record_ids uuid[]) returns int
language plpgsql volatile set search_path = ''
as $$
declare
  v_table text;
  v_count int;
begin
  select o.table_name into v_table from metadata.objects o
  where o.workspace_id = delete_records.workspace_id and o.name_singular = object_name and o.deleted_at is null;
  if v_table is null then
    raise exception 'There is no object "%".', object_name using errcode = 'RV011', hint = 'Give the singular API name, such as person.';
  elsif cardinality(record_ids) > 10000 then
    raise exception 'At most 10,000 records at once.' using errcode = 'RV229', column = 'record_ids', hint = 'Do it in several calls.';
  end if;
  execute format('delete from %I.%I where id = any ($1)', schema_name, v_table) using record_ids;
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

-- Reached only through the tenant's own functions, bound to their schema.
grant execute on function engine.delete_records(uuid, text, text, uuid[]) to relvar_crm;
