-- Links many records of one object to one other by a relation to many, or takes the links away, as whoever calls: grants and
-- policies say which. What is linked already stays as it is.
create or replace function engine.link_records(workspace_id uuid, schema_name text, object_name text, record_ids uuid[], field_name text, other_id uuid, are_linked boolean) returns int
language plpgsql volatile set search_path = ''
as $$
declare
  v_object metadata.objects;
  v_junction text;
  v_near text;
  v_far text;
  v_count int;
begin
  select o.* into v_object from metadata.objects o
  where o.workspace_id = link_records.workspace_id and o.name_singular = object_name and o.deleted_at is null;
  if not found then
    raise exception 'There is no object "%".', object_name using errcode = 'RV011', hint = 'Give the singular API name, such as person.';
  elsif cardinality(record_ids) > 10000 then
    raise exception 'At most 10,000 records at once.' using errcode = 'RV229', column = 'record_ids', hint = 'Do it in several calls.';
  end if;
  -- Columns follow from the names of the API.
  select j.table_name, lower(regexp_replace(near.name, '([A-Z])', '_\1', 'g')) || '_id', lower(regexp_replace(far.name, '([A-Z])', '_\1', 'g')) || '_id' into v_junction, v_near, v_far
  from metadata.fields f
  join metadata.fields near on near.id = f.junction_field_id and near.deleted_at is null
  join metadata.objects j on j.id = near.object_id and j.deleted_at is null
  join metadata.fields far on far.object_id = j.id and far.id <> near.id and far.deleted_at is null
    and exists (select from metadata.fields m where m.junction_field_id = far.id and m.deleted_at is null)
  where f.object_id = v_object.id and f.name = field_name and f.type = 'MANY_TO_MANY' and f.deleted_at is null;
  if not found then
    raise exception 'There is no relation to many "%".', field_name using errcode = 'RV264', column = 'field_name', hint = 'Give the API name of a field whose type is "Relation to many".';
  end if;
  if are_linked then
    execute format(
      'insert into %1$I.%2$I (%3$I, %4$I)
       select r.id, $2 from %1$I.%5$I r
       where r.id = any ($1) and not exists (select from %1$I.%2$I l where l.%3$I = r.id and l.%4$I = $2)
       on conflict do nothing', schema_name, v_junction, v_near, v_far, v_object.table_name) using record_ids, other_id;
  else
    execute format('delete from %1$I.%2$I l where l.%3$I = any ($1) and l.%4$I = $2', schema_name, v_junction, v_near, v_far) using record_ids, other_id;
  end if;
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

-- Reached only through the tenant's own functions, bound to their schema.
grant execute on function engine.link_records(uuid, text, text, uuid[], text, uuid, boolean) to relvar_crm;
