-- What keeps plain the columns that on a small table are stored generated ones: the search vector and
-- the text of an auto-number. An empty one is computed whenever its record is written.

create or replace function engine.desired_kept(workspace_id uuid, schema_name text, kept engine.fact[]) returns setof engine.fact
language plpgsql stable set search_path = ''
as $$
declare
  v_name text;
  v_definition text;
  v_trigger text;
  r record;
begin
  for r in
    select k.table_key, k.table_name, string_agg(format(E'\n  if %5$stg_op = ''INSERT'' or new.%1$I is null or row(%2$s) is distinct from row(%3$s) then\n    select %4$s into new.%1$I from (select new.*) r;\n  end if;',
        k.name, 'new.' || quote_ident(k.name) || s.new, 'old.' || quote_ident(k.name) || s.old, k.generated_expr, case when s.is_unnamed then 'true or ' end), '' order by k.key) as body
    from unnest(kept) k
    cross join lateral (
      select coalesce(string_agg(', new.' || quote_ident(c.name), '' order by c.name), '') as new, coalesce(string_agg(', old.' || quote_ident(c.name), '' order by c.name), '') as old,
        coalesce(bool_or(c.name is null), false) as is_unnamed
      from (
        select s.name from engine.search_sources(desired_kept.workspace_id, array[k.table_key::uuid]) s where k.pg_type = 'tsvector'
        union all
        select left(k.name, -5) where k.pg_type = 'text'
      ) c
    ) s
    group by k.table_key, k.table_name
  loop
    v_name := 'keep_' || right(replace(r.table_key, '-', ''), 12);
    v_definition := format('create or replace function %I.%I() returns trigger language plpgsql volatile security definer set search_path = '''' as %L',
      schema_name, v_name, E'\nbegin' || r.body || E'\n  return new;\nend\n');
    return query select 'function', 'keep:' || r.table_key, r.table_key, r.table_name, v_name, v_definition,
      engine.fact_comment('keep:' || r.table_key, v_definition, null, 'Keeps what search reads, and the texts of auto-numbers.'), null, null::boolean, null, null, null::oid;
    -- With its function the trigger, too, is another, so it is not there while columns are renamed and values converted.
    v_trigger := format('before insert or update on %%s for each row execute function %I.%I(%L)', schema_name, v_name, left(md5(v_definition), 12));
    return query select 'trigger', r.table_key || ' _160_keep', r.table_key, r.table_name, '_160_keep', v_trigger,
      engine.fact_comment('_160_keep', v_trigger), null, null::boolean, null, null, null::oid;
  end loop;
end
$$;
