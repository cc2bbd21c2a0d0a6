-- Events of records by their place in the log, the latest first, found by its index over record and batch and read no further than is asked
-- for: so the ten-thousandth event of a record costs what its first does, and many records are merged without reading all that happened to each.

-- First where the next ones are, then what they say. Where the caller may know little of it, more is looked up until there is enough.
create or replace function engine.events_before(caller name, schema_name text, object metadata.objects, record_ids uuid[], before_batch bigint, before_seq int, max_results int)
returns table (record_id uuid, batch bigint, seq int, action text, before jsonb, after jsonb, actor_type text, actor_id uuid, actor_name text, source text, happened_at timestamptz)
language plpgsql stable set search_path = ''
as $$
declare
  v_ids uuid[] := engine.sees_past(caller, schema_name, object, record_ids);
  v_told text;
  v_batch bigint := before_batch;
  v_seq int := before_seq;
  v_take int := greatest(max_results, 20);
  v_left int := max_results;
  v_found int;
  v_keys record;
begin
  if cardinality(v_ids) = 0 then
    return;
  end if;
  -- Comments are told by what they say.
  v_told := engine.told_events(caller, schema_name, object, format(
    '(select e.* from unnest($1::uuid[], $2::bigint[]) k (id, batch) join %I.record_events e on e.record_id = k.id and e.batch = k.batch where e.object_id = $3 and e.action <> ''commented'' and (e.batch, e.seq) < ($4, $5))', schema_name));
  loop
    execute format(
      'select min(k.batch) as earliest, sum(k.number) as number, array_agg(k.id) as ids, array_agg(k.batch) as batches from (
         select f.id, f.batch, count(*) as number from (
           select i.id, e.batch from unnest($1::uuid[]) i (id)
           cross join lateral (select e.batch from %I.record_events e where e.record_id = i.id and e.batch <= $2 order by e.batch desc limit $3) e
           order by e.batch desc fetch first ($3) rows with ties) f
         group by f.id, f.batch) k', schema_name)
    into v_keys using v_ids, v_batch, v_take;
    exit when v_keys.number is null;
    return query execute format('select * from (%s) e order by e.batch desc, e.seq desc limit $6', v_told) using v_keys.ids, v_keys.batches, (object).id, v_batch, v_seq, v_left;
    get diagnostics v_found = row_count;
    v_left := v_left - v_found;
    exit when v_left <= 0 or v_keys.number < v_take;
    v_batch := v_keys.earliest - 1;
    v_seq := 2147483647;
    v_take := least(v_take * 4, 2000);
  end loop;
end
$$;

-- Of one record, on into the archive, which holds what came before all that is in the log.
create or replace function engine.record_events_before(caller name, schema_name text, object metadata.objects, of_record uuid, before_batch bigint, before_seq int, max_results int)
returns table (record_id uuid, batch bigint, seq int, action text, before jsonb, after jsonb, actor_type text, actor_id uuid, actor_name text, source text, happened_at timestamptz)
language plpgsql stable set search_path = ''
as $$
declare
  v_found int;
begin
  return query select * from engine.events_before(caller, schema_name, object, array[of_record], before_batch, before_seq, max_results);
  get diagnostics v_found = row_count;
  if v_found < max_results and cardinality(engine.sees_past(caller, schema_name, object, array[of_record])) = 1 then
    return query execute format('select * from (%s) e order by e.batch desc, e.seq desc limit $5', engine.told_events(caller, schema_name, object, format(
      '(select r.* from %1$I.event_archive a cross join lateral jsonb_populate_recordset(null::%1$I.record_events, a.events) r
        where a.object_id = $1 and a.first_record_id <= $2 and a.last_record_id >= $2 and r.record_id = $2 and r.action <> ''commented'' and (r.batch, r.seq) < ($3, $4))', schema_name)))
    using (object).id, of_record, before_batch, before_seq, max_results - v_found;
  end if;
end
$$;
