-- The caller's notes, tasks and files of a record, as a query over $1, the record; null where the caller can see none. They
-- stand where they were tied to it. The words for what joins them are those of the standard objects.
create or replace function engine.query_of_attached(caller name, schema_name text, object metadata.objects, kinds text[]) returns text
language plpgsql stable set search_path = '' set jit = off
as $$
declare
  v_queries text[] := '{}';
  v_holders uuid[];
  r record;
begin
  v_holders := array(
    select h.id from metadata.objects h
    where h.workspace_id = (object).workspace_id and h.universal_identifier = any ('{standard:noteTarget,standard:taskTarget,standard:attachment}') and h.is_active and h.deleted_at is null);
  for r in
    -- Each step once, since PostgreSQL does not know how few these are.
    with columns as materialized (
      select c.key, c.name from engine.field_columns((object).workspace_id, v_holders) c
    ), ends as materialized (
      select f.object_id as holder_id, f.id as field_id, rel.target_object_id, engine.column_key(f.id, f.revision, rel.id::text) as key
      from metadata.fields f join metadata.relations rel on rel.field_id = f.id and rel.deleted_at is null
      where f.object_id = any (v_holders) and f.is_active and f.deleted_at is null
    ), kind as materialized (
      select k.kind, h.id as holder_id, h.name_singular as holder_name, h.table_name, k.target is not null as has_target, t.id as target_id, t.name_singular as target_name, t.table_name as target_table
      from (values ('NOTE', 'standard:noteTarget', 'standard:note'), ('TASK', 'standard:taskTarget', 'standard:task'), ('FILE', 'standard:attachment', null)) k (kind, holder, target)
      join metadata.objects h on h.id = any (v_holders) and h.universal_identifier = k.holder
      left join metadata.objects t on t.workspace_id = (object).workspace_id and t.universal_identifier = k.target and t.is_active and t.deleted_at is null
      where k.kind = any (kinds)
    )
    select k.*, format('%I.%I', schema_name, k.table_name)::regclass as relation, c.name as column_name, tc.name as target_column
    from kind k
    join ends e on e.holder_id = k.holder_id and e.target_object_id = (object).id
    join columns c on c.key = e.key
    left join ends te on te.holder_id = k.holder_id and te.target_object_id = k.target_id and te.field_id <> e.field_id
    left join columns tc on tc.key = te.key
    where not k.has_target or tc.name is not null
    order by k.kind
  loop
    continue when not has_column_privilege(caller, r.relation, r.column_name, 'select') or r.target_column is not null and not has_column_privilege(caller, r.relation, r.target_column, 'select');
    v_queries := v_queries || format(
      'select %1$L, l.created_at, %2$s, null::uuid, null::text, null::jsonb, %3$L, l.record_id
       from (select t.id, t.created_at, t.created_by_source, t.created_by_member_id, t.created_by_name, t.%4$I as record_id from %5$s t where t.%6$I = $1 and %7$s) l%8$s',
      r.kind, case when has_column_privilege(caller, r.relation, 'created_by_name', 'select')
        then 'case when l.created_by_member_id is not null then ''member'' else '''' end, l.created_by_member_id, l.created_by_name, l.created_by_source' else $q$'', null::uuid, null::text, ''$q$ end,
      coalesce(r.target_name, r.holder_name), coalesce(r.target_column, 'id'), r.relation, r.column_name, engine.condition_of(caller, r.holder_id, 'READ', 't.'),
      case when r.target_id is not null then format(' where exists (select from %I.%I t where t.id = l.record_id and %s)', schema_name, r.target_table, engine.condition_of(caller, r.target_id, 'READ', 't.')) end);
  end loop;
  return nullif(array_to_string(v_queries, ' union all '), '');
end
$$;
