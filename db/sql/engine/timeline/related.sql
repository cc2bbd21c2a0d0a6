-- Whose events a record's timeline tells beside its own: those of records that point to it by a relation that says so
-- (metadata.relations.is_on_timeline), directly or by the links of a junction, and that the caller may read; also of those that lie in the trash. What
-- counts is what points to it now: nothing is written for it, and who comes to belong to the record brings its past along.

-- A record with more of them tells of so many that were changed last.
create or replace function engine.most_related() returns int
language sql immutable parallel safe
  return 1000;

-- By object the ids and when they were changed, as queries over $1, the record.
create or replace function engine.queries_of_related(caller name, schema_name text, object metadata.objects)
returns table (holder metadata.objects, query text)
language plpgsql stable set search_path = '' set jit = off
as $$
declare
  v_holders uuid[];
  r record;
begin
  v_holders := array(
    select distinct f.object_id from metadata.relations rel join metadata.fields f on f.id = rel.field_id
    where rel.workspace_id = (object).workspace_id and rel.target_object_id = (object).id and rel.is_on_timeline and rel.deleted_at is null);
  for r in
    -- Each step once, since PostgreSQL does not know how few these are.
    with columns as materialized (
      select c.key, c.name from engine.field_columns((object).workspace_id, v_holders) c
    ), ends as materialized (
      select f.object_id as holder_id, f.id as field_id, rel.target_object_id, engine.column_key(f.id, f.revision, rel.id::text) as key, rel.is_on_timeline,
        exists (select from metadata.fields i where i.junction_field_id = f.id) as is_side
      from metadata.fields f join metadata.relations rel on rel.field_id = f.id and rel.deleted_at is null
      where f.object_id = any (v_holders) and f.is_active and f.deleted_at is null
    )
    select h, h.is_junction, format('%I.%I', schema_name, h.table_name)::regclass as relation, c.name as column_name, t as target,
      case when t.id is not null then format('%I.%I', schema_name, t.table_name)::regclass end as target_relation, tc.name as target_column
    from ends e
    join columns c on c.key = e.key
    join metadata.objects h on h.id = e.holder_id and h.is_active and h.deleted_at is null
    -- Along a link's other relation.
    left join ends te on h.is_junction and te.holder_id = e.holder_id and te.field_id <> e.field_id and te.is_side
    left join columns tc on tc.key = te.key
    left join metadata.objects t on t.id = te.target_object_id and t.is_active and t.deleted_at is null
    where e.target_object_id = (object).id and e.is_on_timeline and (not h.is_junction or t.id is not null)
    order by e.key
  loop
    continue when not has_column_privilege(caller, r.relation, r.column_name, 'select') or r.is_junction and not has_column_privilege(caller, r.relation, r.target_column, 'select');
    holder := case when r.is_junction then r.target else r.h end;
    query := case when r.is_junction then format(
        'select t.id, t.updated_at as at from %s t where t.id in (select l.%I from (select t.* from %s t where t.%I = $1 and %s) l) and %s', r.target_relation, r.target_column, r.relation, r.column_name,
        engine.condition_of(caller, (r.h).id, 'READ', 't.'), engine.condition_of(caller, (r.target).id, 'READ', 't.'))
      else format(
        'select t.id, t.updated_at as at from %1$s t where t.%2$I = $1 and %3$s
         union all
         select d.record_id, d.deleted_at from (select d.* from %4$I.trash d where d.object_id = %5$L order by d.deleted_at desc limit %7$s) d
         where d.data ->> %2$L = $1::text and exists (select from jsonb_populate_record(null::%1$s, d.data) t where %6$s)', r.relation, r.column_name,
        engine.condition_of(caller, (r.h).id, 'READ', 't.'), schema_name, (r.h).id, engine.read_policy(caller, r.relation), engine.most_related()) end;
    return next;
  end loop;
end
$$;

create or replace function engine.timeline_related(caller name, schema_name text, object metadata.objects, record_id uuid)
returns table (holder metadata.objects, record_ids uuid[])
language plpgsql stable set search_path = ''
as $$
declare
  r record;
begin
  for r in
    select q.holder, string_agg(q.query, ' union all ') as query from engine.queries_of_related(caller, schema_name, object) q group by q.holder
  loop
    holder := r.holder;
    execute format('select array_agg(l.id) from (select i.id from (%s) i where i.id <> $1 group by i.id order by max(i.at) desc limit %s) l', r.query, engine.most_related()) into record_ids using record_id;
    if record_ids is not null then
      return next;
    end if;
  end loop;
end
$$;
