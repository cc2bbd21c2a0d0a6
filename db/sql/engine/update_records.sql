-- Changes many records of one object, as whoever calls: grants and policies say which, and what of them. One function, since
-- CRM roles reach none of the engine's by name.
create or replace function engine.update_records(workspace_id uuid, schema_name text, object_name text, record_ids uuid[], patches jsonb, on_problem text) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_name text;
  v_table regclass;
  v_unknown text;
  v_patches jsonb[];
  v_done uuid[] := '{}';
  v_part uuid[];
  v_ids uuid[];
  v_waiting int[];
  v_from int;
  v_until int;
  r record;
begin
  select o.table_name into v_name from metadata.objects o
  where o.workspace_id = update_records.workspace_id and o.name_singular = object_name and o.deleted_at is null;
  if v_name is null then
    raise exception 'There is no object "%".', object_name using errcode = 'RV011', hint = 'Give the singular API name, such as person.';
  elsif cardinality(record_ids) > 10000 then
    raise exception 'At most 10,000 records at once.' using errcode = 'RV229', column = 'record_ids', hint = 'Do it in several calls.';
  elsif coalesce(on_problem, '') not in ('REFUSE', 'SKIP') then
    raise exception 'What is in the way is not dealt with by "%".', on_problem using errcode = 'RV263', column = 'on_problem', hint = 'REFUSE changes nothing then, SKIP changes the others.';
  elsif jsonb_typeof(patches) not in ('object', 'array') or jsonb_typeof(patches) = 'array' and jsonb_array_length(patches) <> cardinality(record_ids)
    or exists (select from jsonb_array_elements(case jsonb_typeof(patches) when 'array' then patches else '[]' end) p where jsonb_typeof(p) <> 'object') then
    raise exception 'There is one patch for all records, or one for each of them.' using errcode = 'RV262', column = 'patches', hint = 'Give {"field": value}, or a list of as many of these as recordIds.';
  end if;
  v_table := format('%I.%I', schema_name, v_name)::regclass;
  select k into v_unknown
  from jsonb_array_elements(case jsonb_typeof(patches) when 'array' then patches else jsonb_build_array(patches) end) p cross join lateral jsonb_object_keys(p) k
  where not exists (select from pg_catalog.pg_attribute a where a.attrelid = v_table and a.attname = lower(regexp_replace(k, '([A-Z])', '_\1', 'g')) and a.attnum > 0 and not a.attisdropped)
  limit 1;
  if found then
    raise exception 'There is no field "%".', v_unknown using errcode = 'RV264', column = 'patches', hint = 'Fields are named as in the mutation that updates one record.';
  end if;
  -- By the names of columns, which follow from those of the API.
  select array_agg((select coalesce(jsonb_object_agg(lower(regexp_replace(e.key, '([A-Z])', '_\1', 'g')), e.value), '{}')
      from jsonb_each(case jsonb_typeof(patches) when 'array' then patches -> (i.n - 1) else patches end) e) order by i.n)
  into v_patches from generate_series(1, cardinality(record_ids)) i (n);

  -- As many as go: what is in the way is found by halves.
  v_waiting := array[1, cardinality(record_ids)];
  while cardinality(v_waiting) > 0 loop
    v_from := v_waiting[cardinality(v_waiting) - 1];
    v_until := v_waiting[cardinality(v_waiting)];
    v_waiting := v_waiting[:cardinality(v_waiting) - 2];
    begin
      v_part := '{}';
      -- One statement for all that change the same columns, so that triggers and the log see them together.
      for r in
        select n.columns, array_agg(n.id order by n.place) as ids, array_agg(n.patch order by n.place) as patches
        from (
          select i.place, record_ids[i.place] as id, v_patches[i.place] as patch, array(select k from jsonb_object_keys(v_patches[i.place]) k order by k) as columns
          from generate_series(v_from, v_until) i (place)
        ) n
        where n.columns <> '{}' group by n.columns
      loop
        execute format(
          'with changed as (
             update %1$s t set %2$s from unnest($1, $2) n (id, patch) cross join lateral jsonb_populate_record(null::%1$s, n.patch) p
             where t.id = n.id returning t.id)
           select array_agg(c.id) from changed c', v_table, (select string_agg(format('%1$I = p.%1$I', c), ', ') from unnest(r.columns) c))
        into v_ids using r.ids, r.patches;
        v_part := v_part || coalesce(v_ids, '{}');
      end loop;
      v_done := v_done || v_part;
    exception when others then
      -- What the server lacks or another transaction holds up is nobody's record's fault.
      if on_problem = 'REFUSE' or sqlstate ~ '^(40|53|54|55|57|58|XX)' then
        raise;
      elsif v_until > v_from then
        v_waiting := v_waiting || array[(v_from + v_until) / 2 + 1, v_until, v_from, (v_from + v_until) / 2];
      end if;
    end;
  end loop;
  return jsonb_build_object('updated', cardinality(v_done), 'left', (select coalesce(jsonb_agg(i), '[]') from unnest(record_ids) i where i <> all (v_done)));
end
$$;

-- Reached only through the tenant's own functions, bound to their schema.
grant execute on function engine.update_records(uuid, text, text, uuid[], jsonb, text) to relvar_crm;
