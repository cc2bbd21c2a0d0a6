-- All duplicates of an object at once, in sets, kept in record_duplicates: a job looks for them each night and when somebody asks. Records
-- with the same key lie in one group; spellings are compared only where two records share two of their rarest trigrams, which
-- whatever is as similar as that does (a prefix filter), so that nothing is compared with everything.

-- Pairs that match by one criterion, as a query that gives first_id, second_id and a score. What more than 100 records have in
-- common tells nothing; of ten or fewer each is paired with each, of more with those beside it.
create or replace function engine.pairs_by_key(table_name text, expression text, weight real) returns text
language sql immutable set search_path = ''
as $$
  select format(
    'select g.ids[i] as a, g.ids[j] as b, %2$s::real as score
     from (select array_agg(t.id order by t.id) as ids from (select id, %1$s as k from %3$s) t where t.k is not null group by t.k having count(*) between 2 and 100) g
     cross join generate_series(1, cardinality(g.ids)) i cross join generate_series(i + 1, least(i + 10, cardinality(g.ids))) j',
    expression, weight, table_name)
$$;

-- Of the rarest trigrams at most ten are looked at, and a combination that more than 30 spellings share is too common to tell. Where
-- up to 40 spellings have the same key, each is compared with each.
create or replace function engine.pairs_by_spelling(table_name text, expression text, spelling text, threshold real, weight real) returns text
language sql immutable set search_path = ''
as $$
  select format($sql$
    select i.id as a, j.id as b, p.score from (
      with spelt as materialized (
        select row_number() over () as n, t.k, t.s, (array_agg(t.id order by t.id))[1:5] as ids, count(*) over (partition by t.k) as beside from (select id, %1$s as k, %2$s as s from %3$s) t where t.s is not null and t.k is not null group by t.k, t.s
      ), trigram as materialized (
        select s.n, s.k, hashtext(t.t) as t from spelt s cross join lateral unnest(public.show_trgm(s.s)) t (t) where s.beside > 40
      ), rarity as materialized (
        select r.k, r.t, count(*) as count from trigram r group by r.k, r.t
      ), ranked as (
        select t.n, t.k, t.t, row_number() over (partition by t.n order by r.count, t.t) as at, count(*) over (partition by t.n) as total from trigram t join rarity r on r.k = t.k and r.t = t.t
      ), prefix as materialized (
        select r.n, r.k, r.t, r.at from ranked r where r.at <= least(r.total - ceil(r.total * %4$s) + 2, 10)
      ), combination as materialized (
        select p.n, hashtextextended(p.k, p.t::bigint * 4294967296 + o.t) as h from prefix p join prefix o on o.n = p.n and o.at > p.at
      ), telling as materialized (
        select c.h from combination c group by c.h having count(*) between 2 and 30
      ), bucket as (
        select array_agg(c.n) as ns from telling t join combination c on c.h = t.h group by c.h
      ), candidate as (
        select distinct a, b from bucket cross join unnest(ns) a cross join unnest(ns) b where a < b
        union all
        select x.n, y.n from spelt x join spelt y on y.k = x.k where x.n < y.n and x.beside between 2 and 40
      ), alike as (
        select x.ids as xs, y.ids as ys, (public.similarity(x.s, y.s) * %5$s)::real as score from candidate c join spelt x on x.n = c.a join spelt y on y.n = c.b where public.similarity(x.s, y.s) >= %4$s
        union all
        select s.ids, s.ids, %5$s from spelt s where cardinality(s.ids) > 1
      )
      select * from alike
    ) p cross join unnest(p.xs) i (id) cross join unnest(p.ys) j (id)
    where p.xs <> p.ys or i.id < j.id$sql$,
    case when expression is null then '''''' else format('(%s)::text', expression) end, spelling, table_name, threshold, weight)
$$;

create or replace function engine.scan_duplicates(object_id uuid) returns int
language plpgsql volatile set search_path = '' set work_mem = '128MB' set enable_nestloop = off set jit = off
as $$
declare
  v_object metadata.objects;
  v_schema text;
  v_table text;
  v_pairs text;
  v_count int;
begin
  select o.* into v_object from metadata.objects o where o.id = scan_duplicates.object_id;
  v_schema := (select w.schema_name from core.workspaces w where w.id = v_object.workspace_id);
  v_table := format('%I.%I', v_schema, v_object.table_name);
  v_pairs := (select string_agg(format('select %L as key, %L::boolean as is_sure, p.* from (%s) p', c.key, c.is_sure, case when c.spelling is null then engine.pairs_by_key(v_table, c.expression, c.weight) else engine.pairs_by_spelling(v_table, c.expression, c.spelling, c.threshold, c.weight) end), ' union all ')
    from engine.duplicate_criteria(v_object) c);
  if v_pairs is not null then
    execute format('insert into %1$I.record_duplicates as d (object_id, first_id, second_id, scores, score, is_sure)
      select $1, s.a, s.b, jsonb_object_agg(s.key, round(s.score::numeric, 4)), engine.duplicate_score(array_agg(s.score)), bool_or(s.is_sure)
      from (select least(p.a, p.b) as a, greatest(p.a, p.b) as b, p.key, p.is_sure, max(p.score) as score from (%2$s) p group by 1, 2, 3, 4) s group by s.a, s.b
      on conflict (object_id, first_id, second_id) do update set scores = excluded.scores, score = excluded.score, is_sure = excluded.is_sure, scanned_at = excluded.scanned_at', v_schema, v_pairs)
    using v_object.id;
  end if;
  -- What was said to be none is remembered as long as both are there, or may come back.
  execute format('delete from %1$I.record_duplicates d where d.object_id = $1 and d.scanned_at < now() and (d.dismissed_at is null or exists (
      select from unnest(array[d.first_id, d.second_id]) i where not exists (select from %2$s t where t.id = i) and not exists (select from %1$I.trash x where x.object_id = $1 and x.record_id = i)))', v_schema, v_table) using v_object.id;
  execute format('select count(*) from %I.record_duplicates d where d.object_id = $1 and d.dismissed_at is null', v_schema) into v_count using v_object.id;
  return v_count;
end
$$;

-- Each object in a transaction of its own: the worker asks for them one by one.
create or replace function engine.begin_duplicate_scan(workspace_id uuid) returns uuid[]
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_schema text := (select w.schema_name from core.workspaces w where w.id = begin_duplicate_scan.workspace_id);
begin
  if v_schema is null then
    return '{}';
  end if;
  -- What is not compared any more has no duplicates.
  execute format('delete from %I.record_duplicates d where not exists (select from metadata.objects o where o.id = d.object_id and o.deleted_at is null) or d.dismissed_at is null and exists (
    select from metadata.objects o where o.id = d.object_id and o.duplicate_criteria = ''[]'')', v_schema);
  return array(select o.id from metadata.objects o where o.workspace_id = begin_duplicate_scan.workspace_id and o.deleted_at is null and o.is_active and o.duplicate_criteria <> '[]' order by o.position, o.id);
end
$$;

create or replace function engine.run_duplicate_scan(object_id uuid) returns int
language sql volatile security definer set search_path = ''
as $$ select engine.scan_duplicates(o.id) from metadata.objects o where o.id = run_duplicate_scan.object_id and o.deleted_at is null $$;

create or replace function engine.end_duplicate_scan(workspace_id uuid, started_at timestamptz) returns void
language sql volatile security definer set search_path = ''
as $$
  insert into engine.duplicate_scans as s (workspace_id, scanned_at, took)
  select w.id, clock_timestamp(), clock_timestamp() - started_at from core.workspaces w where w.id = end_duplicate_scan.workspace_id
  on conflict (workspace_id) do update set scanned_at = excluded.scanned_at, took = excluded.took, wanted_at = case when s.wanted_at > started_at then s.wanted_at end
$$;

create or replace function engine.queue_duplicate_scans() returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_ids uuid[] := array(select distinct o.workspace_id from metadata.objects o where o.duplicate_criteria <> '[]' and o.deleted_at is null and o.is_active);
begin
  if cardinality(v_ids) > 0 then
    perform graphile_worker.add_jobs(array(
      select jsonb_populate_record(null::graphile_worker.job_spec, jsonb_build_object('identifier', 'duplicates__scan',
        'payload', jsonb_build_object('workspace_id', i), 'job_key', 'duplicates__scan:' || i, 'priority', 10)) from unnest(v_ids) i));
  end if;
  return cardinality(v_ids);
end
$$;
comment on function engine.begin_duplicate_scan(uuid) is 'The objects of a workspace that have criteria of duplicates, after what is kept of others was forgotten.';
comment on function engine.run_duplicate_scan(uuid) is 'Finds all duplicates of an object anew. Returns how many pairs there are.';
comment on function engine.end_duplicate_scan(uuid, timestamptz) is 'Notes that the duplicates of a workspace were looked for.';
comment on function engine.queue_duplicate_scans() is 'Adds a job for each workspace that looks for duplicates. Returns how many.';
grant execute on function engine.begin_duplicate_scan(uuid), engine.run_duplicate_scan(uuid), engine.end_duplicate_scan(uuid, timestamptz), engine.queue_duplicate_scans() to relvar_worker;

-- Somebody wants to know now.
create or replace function engine.want_duplicate_scan(caller name, schema_name text) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspace uuid := (select w.id from core.workspaces w where w.schema_name = want_duplicate_scan.schema_name);
begin
  if not exists (select from metadata.objects o where o.workspace_id = v_workspace and o.duplicate_criteria <> '[]' and o.deleted_at is null and o.is_active and engine.has_right(caller, o.id, 'READ')) then
    raise exception 'There is no object whose duplicates you could look for.' using errcode = 'RV251', hint = 'Who manages the data model says in the settings of an object what its duplicates are.';
  end if;
  insert into engine.duplicate_scans as s (workspace_id, wanted_at) values (v_workspace, clock_timestamp())
  on conflict on constraint duplicate_scans_pkey do update set wanted_at = excluded.wanted_at where s.wanted_at is null or s.wanted_at < clock_timestamp() - interval '10 minutes';
  if found then
    perform graphile_worker.add_job('duplicates__scan', json_build_object('workspace_id', v_workspace), job_key => 'duplicates__scan:' || v_workspace);
  end if;
  return engine.duplicate_scan_state(v_workspace);
end
$$;

create or replace function engine.duplicate_scan_state(workspace_id uuid) returns jsonb
language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('scannedAt', s.scanned_at, 'isRunning', s.wanted_at is not null, 'milliseconds', round(extract(epoch from s.took) * 1000))
  from (select) one left join engine.duplicate_scans s on s.workspace_id = duplicate_scan_state.workspace_id
$$;

-- Reached only through the tenant's own functions.
grant execute on function engine.want_duplicate_scan(name, text), engine.duplicate_scan_state(uuid) to relvar_crm;
grant execute on function engine.duplicate_scan_state(uuid) to relvar_reader;
