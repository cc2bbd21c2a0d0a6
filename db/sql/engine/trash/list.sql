-- What lies in the trash, of all objects that the caller reads, the latest first. Each object has its own rules, so each is
-- asked for its latest, and they meet at the end. What goes along with a record is told beneath it; of what only ties records together
-- nothing else is told, since it has no name.
create or replace function engine.list_trash(caller name, schema_name text, wanted_object text, search text, deleted_by text, max_results int, before_deleted_at timestamptz, before_id uuid)
returns table (id uuid, object_name text, record_id uuid, label text, deleted_at timestamptz, deleted_by_name text, destroyed_at timestamptz, may_restore boolean, may_destroy boolean, went_along jsonb)
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace uuid := (select w.id from core.workspaces w where w.schema_name = list_trash.schema_name);
  v_days int := (select s.trash_days from core.workspace_settings s where s.workspace_id = v_workspace);
  v_limit int := least(greatest(max_results, 1), 1000);
  v_objects uuid[];
  v_object metadata.objects;
  v_is_whole boolean;
  v_queries text[] := '{}';
  v_table text;
  v_read text;
  v_delete text;
  v_destroy text;
begin
  if wanted_object is not null then
    v_objects := array[(engine.past_object(caller, schema_name, wanted_object)).id];
  else
    execute format('select array(select distinct d.object_id from %I.trash d)', schema_name) into v_objects;
  end if;
  for v_object in select o.* from metadata.objects o where o.workspace_id = v_workspace and o.id = any (v_objects) and o.deleted_at is null and o.is_active and not engine.is_only_links(o) loop
    continue when not engine.has_right(caller, v_object.id, 'READ');
    v_table := format('%I.%I', schema_name, v_object.table_name);
    v_is_whole := engine.reads_wholly(caller, v_object.id);
    v_read := engine.condition_of(caller, v_object.id, 'READ', 't.');
    v_delete := engine.condition_of(caller, v_object.id, 'DELETE', 't.');
    v_destroy := engine.condition_of(caller, v_object.id, 'DESTROY', 't.');
    v_queries := v_queries || format(
      '(select d.id, %1$L, d.record_id, %2$s, d.deleted_at, %3$s, %4$s, %5$s, d.transaction_id
        from %6$I.trash d cross join lateral %11$s t
        where d.object_id = %7$L and %8$s and ($1 is null or %9$L::boolean and d.label ilike $1) and ($2 is null or %10$L::boolean and d.deleted_by_name = $2)
          and ($3 is null or (d.deleted_at, d.id) < ($3, $4)) order by d.deleted_at desc, d.id desc limit $5)',
      v_object.name_singular, case when v_is_whole or engine.reads_label(caller, schema_name, v_object) then 'd.label' else 'null::text' end,
      case when v_is_whole or has_column_privilege(caller, v_table, 'updated_by_name', 'select') then 'd.deleted_by_name' else 'null::text' end,
      v_delete, v_destroy, schema_name, v_object.id, v_read, v_is_whole or engine.reads_label(caller, schema_name, v_object),
      v_is_whole or has_column_privilege(caller, v_table, 'updated_by_name', 'select'),
      -- Rows are put together only where a rule looks at them: a value may be none of its type any more.
      case when array[v_read, v_delete, v_destroy] <@ '{true,false}' then '(select)' else format('jsonb_populate_record(null::%s, d.data)', v_table) end);
  end loop;
  if v_queries = '{}' then
    return;
  end if;
  return query execute format('select q.id, q.n, q.r, q.l, q.t, q.b, q.t + make_interval(days => $6), q.restore, q.destroy, %s from (%s) q (id, n, r, l, t, b, restore, destroy, x) order by q.t desc, q.id desc limit $5',
    coalesce(engine.query_of_companions(caller, schema_name, v_workspace), '''{}''::jsonb'), array_to_string(v_queries, ' union all '))
  using '%' || replace(replace(replace(nullif(btrim(search), ''), '\', '\\'), '%', '\%'), '_', '\_') || '%', deleted_by, before_deleted_at, before_id, v_limit, v_days;
end
$$;

-- How many records of which object the deletion of q.r took along, of those that the caller sees, as an expression over an entry q.
create or replace function engine.query_of_companions(caller name, schema_name text, workspace_id uuid) returns text
language sql stable set search_path = '' set jit = off
as $$
  select format('(select coalesce(jsonb_object_agg(k.name, k.count), ''{}'') from (%s) k (name, count) where k.count > 0)', string_agg(format(
    'select %1$L, count(*) from %2$I.trash d where d.transaction_id = q.x and d.object_id = %3$L and q.n = %4$L and d.data ->> %5$L = q.r::text%6$s',
    o.name_singular, schema_name, o.id, t.name_singular, c.name,
    case when p.condition <> 'true' then format(' and exists (select from jsonb_populate_record(null::%I.%I, d.data) t where %s)', schema_name, o.table_name, p.condition) else '' end), ' union all '))
  from engine.columns(workspace_id) c
  join metadata.relations l on l.id = c.relation_id and l.deleted_at is null and l.on_delete = 'CASCADE'
  join metadata.objects t on t.id = l.target_object_id and t.deleted_at is null
  join metadata.objects o on o.id = c.object_id and o.is_active and o.deleted_at is null
  cross join lateral (select case when engine.has_right(caller, o.id, 'READ') then engine.condition_of(caller, o.id, 'READ', 't.') else 'false' end as condition) p
  where c.is_active and p.condition <> 'false' and has_column_privilege(caller, format('%I.%I', schema_name, o.table_name), c.name, 'select')
$$;

-- Reached only through the tenant's own functions, which name the caller.
grant execute on function engine.list_trash(name, text, text, text, text, int, timestamptz, uuid) to relvar_crm, relvar_reader;
