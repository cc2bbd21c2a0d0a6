-- How much an object holds, for the list of objects. Counting is exact where it is quick.

create or replace function metadata.object_statistics() returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.workspace_of_role(current_setting('role')::name);
  v_list jsonb := '[]';
  v_records bigint;
  v_exact boolean;
  r record;
begin
  perform engine.assert_manages(v_workspace);
  for r in
    select o.id, c.oid, c.reltuples, c.relpages, pg_catalog.pg_relation_size(c.oid) as heap
    from metadata.objects o join core.workspaces w on w.id = o.workspace_id
    join pg_catalog.pg_class c on c.oid = to_regclass(format('%I.%I', w.schema_name, o.table_name))
    where o.workspace_id = v_workspace and o.deleted_at is null
    order by o.position, o.id
  loop
    -- Below some megabytes a count takes less time than a person notices.
    v_exact := r.heap < 8 * 1024 * 1024;
    if v_exact then
      execute format('select count(*) from %s', r.oid::regclass) into v_records;
    else
      v_records := case when r.relpages > 0 and r.reltuples >= 0 then r.reltuples / r.relpages * (r.heap / 8192) else r.heap / 150 end;
    end if;
    v_list := v_list || jsonb_build_object('objectId', r.id, 'records', v_records, 'exact', v_exact,
      'bytes', pg_catalog.pg_total_relation_size(r.oid), 'indexBytes', pg_catalog.pg_indexes_size(r.oid));
  end loop;
  return v_list;
end
$$;
comment on function metadata.object_statistics() is
  'For each object: how many records it has (counted, or estimated where that would take long), and how many bytes its table and its indexes take.';
grant execute on function metadata.object_statistics() to relvar_crm;
