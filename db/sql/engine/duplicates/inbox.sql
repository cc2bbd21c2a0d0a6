-- Duplicates that were found, for who may see both records and what they have in common: by which criteria a pair matches is told
-- only of those whose fields the caller reads, and by these it is looked at anew, so that no pair is shown that is none any more.

-- The criteria that the caller may know, with what compares two rows a and b by them.
create or replace function engine.known_criteria(caller name, schema_name text, object metadata.objects) returns table (key text, fields jsonb, is_sure boolean, matches text)
language sql stable set search_path = ''
as $$
  select c.key, c.fields, c.is_sure, concat_ws(' and ', case when c.expression is not null then format('(select %1$s from (select a.*) r) = (select %1$s from (select b.*) r)', c.expression) end,
    case when c.spelling is not null then format('public.similarity((select %1$s from (select a.*) r), (select %1$s from (select b.*) r)) >= %2$s', c.spelling, c.threshold) end)
  from engine.duplicate_criteria(object) c
  where not exists (select from unnest(c.columns) k where not has_column_privilege(caller, format('%I.%I', schema_name, (object).table_name), k, 'select'))
$$;

-- Pairs of one object, the surest first of so many, each looked at anew: a query over record_duplicates d and its two rows a and b.
create or replace function engine.query_of_duplicates(caller name, schema_name text, object metadata.objects, is_dismissed boolean, only_sure boolean, max_pairs int) returns text
language sql stable set search_path = '' set jit = off
as $$
  select format(
    'select d.first_id, d.second_id, d.score, d.total, d.dismissed_at, d.dismissed_by_name, a.a, b.b, r.reasons, r.is_sure
     from (
       select d.*, s.score as visible_score, count(*) over () as total
       from %1$I.record_duplicates d join %2$s a on a.id = d.first_id join %2$s b on b.id = d.second_id
       cross join lateral (select engine.duplicate_score(array(select (e.value #>> ''{}'')::real from jsonb_each(d.scores) e where e.key = any (%3$L))) as score) s
       where d.object_id = %4$L and d.dismissed_at is %5$s null and (s.score > 0 or %6$L) and %7$s and %8$s %9$s
       order by s.score desc, d.first_id, d.second_id limit %11$s
     ) x
     cross join lateral (select x.first_id, x.second_id, x.visible_score as score, x.total, x.dismissed_at, x.dismissed_by_name, x.scores) d
     cross join lateral (select t as a from %2$s t where t.id = d.first_id) a cross join lateral (select t as b from %2$s t where t.id = d.second_id) b
     cross join lateral (select coalesce(jsonb_agg(m.reason), ''[]'') as reasons, coalesce(bool_or(m.is_sure), false) as is_sure from (select (a.a).*) a cross join (select (b.b).*) b cross join lateral (%10$s) m (reason, is_sure, is_so) where m.is_so) r
     where r.reasons <> ''[]'' or %6$L
     order by d.score desc, d.first_id, d.second_id',
    schema_name, format('%I.%I', schema_name, (object).table_name), (select coalesce(array_agg(k.key) filter (where not only_sure or k.is_sure), '{}') from engine.known_criteria(caller, schema_name, object) k), (object).id,
    case when is_dismissed then 'not' else '' end, is_dismissed, engine.condition_of(caller, (object).id, 'READ', 'a.'), engine.condition_of(caller, (object).id, 'READ', 'b.'),
    case when only_sure then 'and d.is_sure' else '' end,
    coalesce((select string_agg(format('select %L::jsonb || jsonb_build_object(''score'', d.scores -> %L), %L::boolean, %s', jsonb_build_object('fields', k.fields, 'isSure', k.is_sure), k.key, k.is_sure, k.matches), ' union all ')
      from engine.known_criteria(caller, schema_name, object) k where not only_sure or k.is_sure), 'select null::jsonb, false, false'), max_pairs)
$$;

create or replace function engine.list_duplicates(caller name, schema_name text, wanted_object text, is_dismissed boolean, max_results int, skip int)
returns table (object_name text, first_id uuid, second_id uuid, first_label text, second_label text, score real, is_sure boolean, reasons jsonb, may_merge boolean, dismissed_at timestamptz, dismissed_by_name text, total int)
language plpgsql stable security definer set search_path = '' set jit = off
as $$
declare
  v_workspace uuid := (select w.id from core.workspaces w where w.schema_name = list_duplicates.schema_name);
  v_queries text[] := '{}';
  v_label boolean;
  o metadata.objects;
begin
  if wanted_object is not null then
    perform engine.past_object(caller, schema_name, wanted_object);
  end if;
  for o in
    select b.* from metadata.objects b
    where b.workspace_id = v_workspace and b.is_active and b.deleted_at is null and b.duplicate_criteria <> '[]' and (wanted_object is null or b.name_singular = wanted_object) and engine.has_right(caller, b.id, 'READ')
  loop
    v_label := engine.reads_label(caller, schema_name, o);
    v_queries := v_queries || format('(select %L, q.first_id, q.second_id, %s, %s, q.score, q.is_sure, q.reasons,
        (select coalesce((%s) and (%s) or (%s) and (%s), false) from (select (q.a).*) a cross join (select (q.b).*) b), q.dismissed_at, q.dismissed_by_name, q.total::int from (%s) q limit $1 + $2)',
      o.name_singular, case when v_label then engine.row_label(o, 'q.a') else 'null::text' end, case when v_label then engine.row_label(o, 'q.b') else 'null::text' end,
      engine.condition_of(caller, o.id, 'UPDATE', 'a.'), engine.condition_of(caller, o.id, 'DELETE', 'b.'), engine.condition_of(caller, o.id, 'UPDATE', 'b.'), engine.condition_of(caller, o.id, 'DELETE', 'a.'),
      -- Some of them may be none any more.
      engine.query_of_duplicates(caller, schema_name, o, is_dismissed, false, least(greatest(max_results, 1), 200) + greatest(skip, 0) + 200));
  end loop;
  if v_queries <> '{}' then
    return query execute format('select q.* from (%s) q (object_name, first_id, second_id, first_label, second_label, score, is_sure, reasons, may_merge, dismissed_at, dismissed_by_name, total)
      order by q.score desc, q.object_name, q.first_id, q.second_id limit $1 offset $2', array_to_string(v_queries, ' union all '))
    using least(greatest(max_results, 1), 200), greatest(skip, 0);
  end if;
end
$$;

-- The label of a row that stands in one column.
create or replace function engine.row_label(object metadata.objects, "row" text) returns text
language sql stable set search_path = ''
as $$ select format('(select %s from (select (%s).*) l)', engine.label_expression((object).id, 'l'), "row") $$;

-- Pairs that are no duplicates, whatever they have in common: remembered for everybody, by who may change one of the two.
create or replace function engine.dismiss_duplicates(caller name, schema_name text, object_name text, record_ids uuid[], is_dismissed boolean) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.past_object(caller, schema_name, object_name);
  v_ids uuid[] := array(select distinct i from unnest(record_ids) i where i is not null);
  v_count int;
begin
  if cardinality(v_ids) not between 2 and 20 then
    raise exception 'Two to 20 records are told apart at once.' using errcode = 'RV252', column = 'record_ids', hint = 'Name the records that are not the same.';
  end if;
  execute format('insert into %1$I.record_duplicates as d (object_id, first_id, second_id, scores, score, is_sure, dismissed_at, dismissed_by_name)
    select $1, a.id, b.id, ''{}'', 0, false, case when $3 then now() end, case when $3 then $4 end from %2$s a join %2$s b on b.id > a.id
    where a.id = any ($2) and b.id = any ($2) and %3$s and %4$s and (%5$s or %6$s)
    on conflict (object_id, first_id, second_id) do update set dismissed_at = excluded.dismissed_at, dismissed_by_name = excluded.dismissed_by_name',
    schema_name, format('%I.%I', schema_name, v_object.table_name), engine.condition_of(caller, v_object.id, 'READ', 'a.'), engine.condition_of(caller, v_object.id, 'READ', 'b.'),
    engine.condition_of(caller, v_object.id, 'UPDATE', 'a.'), engine.condition_of(caller, v_object.id, 'UPDATE', 'b.'))
  using v_object.id, v_ids, is_dismissed, (engine.current_actor()).name;
  get diagnostics v_count = row_count;
  if v_count = 0 then
    raise exception 'Your role may not change one of these records, or there is none.' using errcode = '42501', hint = 'What are no duplicates says who may change one of them.';
  end if;
  return v_count;
end
$$;

-- Groups of records that are surely the same and that the caller may merge, with what merging each would take: for merging many at once.
create or replace function engine.sure_duplicates(caller name, schema_name text, object_name text, max_groups int)
returns table (survivor_id uuid, other_ids uuid[], label text, data jsonb, total_groups int, total_records int)
language plpgsql stable security definer set search_path = '' set jit = off
as $$
declare
  v_object metadata.objects := engine.past_object(caller, schema_name, object_name);
  v_table text := format('%I.%I', schema_name, v_object.table_name);
  v_fields jsonb := engine.merge_fields(caller, schema_name, v_object);
  v_label text := case when engine.reads_label(caller, schema_name, v_object) then engine.label_expression(v_object.id, 't') else 'null::text' end;
  v_rows jsonb[];
  r record;
begin
  if not engine.has_right(caller, v_object.id, 'UPDATE') or not engine.has_right(caller, v_object.id, 'DELETE') then
    return;
  end if;
  for r in execute format('
      with recursive edge as materialized (
        select q.first_id as a, q.second_id as b from (%1$s) q
        where (select (%2$s) and (%3$s) from (select (q.a).*) a) and (select (%4$s) and (%5$s) from (select (q.b).*) b) limit 20000
      ), ends as materialized (
        select a, b from edge union all select b, a from edge
      ), reached (id, root) as (
        select distinct a, a from ends
        union
        select e.b, r.root from reached r join ends e on e.a = r.id where e.b > r.root
      ), rooted as (
        select r.id, min(r.root::text)::uuid as root from reached r group by r.id
      ), grouped as (
        select (array_agg(g.id order by g.id))[1:20] as ids from rooted g group by g.root having count(*) > 1
      )
      select g.ids, count(*) over ()::int as groups, sum(cardinality(g.ids)) over ()::int as records from grouped g order by g.ids limit $1',
    engine.query_of_duplicates(caller, schema_name, v_object, false, true, 20000), engine.condition_of(caller, v_object.id, 'UPDATE', 'a.'), engine.condition_of(caller, v_object.id, 'DELETE', 'a.'),
    engine.condition_of(caller, v_object.id, 'UPDATE', 'b.'), engine.condition_of(caller, v_object.id, 'DELETE', 'b.'))
  using least(greatest(max_groups, 1), 500)
  loop
    execute format('select array_agg(to_jsonb(t) - ''search_vector'' || jsonb_build_object(''__label'', %s)) from %s t where t.id = any ($1)', v_label, v_table) into v_rows using r.ids;
    v_rows := engine.merge_order(v_fields, v_rows, r.ids, null);
    survivor_id := v_rows[1] ->> 'id';
    other_ids := array(select i from unnest(r.ids) i where i <> survivor_id);
    label := v_rows[1] ->> '__label';
    data := engine.merge_data((select coalesce(jsonb_agg(to_jsonb(c)), '[]') from engine.merge_choices(v_fields, v_rows) c), v_rows[1]);
    total_groups := r.groups;
    total_records := r.records;
    return next;
  end loop;
end
$$;

-- Reached only through the tenant's own functions, which name the caller.
grant execute on function engine.list_duplicates(name, text, text, boolean, int, int), engine.dismiss_duplicates(name, text, text, uuid[], boolean), engine.sure_duplicates(name, text, text, int) to relvar_crm;
