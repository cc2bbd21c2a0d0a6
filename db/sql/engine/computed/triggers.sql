-- What keeps the plain columns of computed fields: one trigger function for each object that has
-- such columns, which computes them before a record is written, and statement triggers on the
-- objects that they read.

-- The column of a relation: the link itself.
create or replace function engine.relation_column(relation metadata.relations) returns text
language sql stable set search_path = ''
as $$
  select engine.snake_case(f.name) || case when f.type = 'MORPH_RELATION' then '_' || engine.snake_case(o.name_singular) else '' end || '_id'
  from metadata.fields f, metadata.objects o
  where f.id = (relation).field_id and o.id = (relation).target_object_id
$$;

-- The fields that formulas of an object read over relations, each with its way.
create or replace function engine.looked_up(object_id uuid)
returns table (via jsonb, field_id uuid, reader metadata.fields)
language sql stable set search_path = ''
as $$
  select distinct n -> 'via', (n ->> 'field')::uuid, f
  from metadata.fields f
  cross join lateral jsonb_path_query(f.compiled, 'strict $.**?(exists (@.via))') n
  where f.object_id = looked_up.object_id and f.type = 'FORMULA' and f.deleted_at is null and f.compiled is not null
$$;

create or replace function engine.compute_function_name(object_id uuid) returns text
language sql immutable set search_path = ''
  return 'compute_' || right(replace(object_id::text, '-', ''), 12);

create or replace function engine.compute_function(object metadata.objects, schema_name text, revisions text) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_declarations text := '';
  v_body text := '';
  v_source text;
  v_link text;
  r record;
  c record;
begin
  -- Nobody points to a record that is being made, so what is counted over others begins at nothing.
  for r in select f from engine.computed_fields((object).workspace_id, array[(object).id]) f where f.type = 'ROLLUP' order by f.id loop
    for c in select * from engine.rollup_aggregates(r.f, (object).workspace_id) loop
      v_body := v_body || format(E'\n    new.%I := %s;', c.name, c.empty_value);
    end loop;
  end loop;
  if v_body <> '' then
    v_body := E'\n  if tg_op = ''INSERT'' then' || v_body || E'\n  end if;';
  end if;
  -- A record that is linked anew waits until nobody is changing what it reads; later changes over
  -- there come by themselves.
  for r in
    with recursive way as (
      select distinct l.via from engine.looked_up((object).id) l
      union select w.via - (jsonb_array_length(w.via) - 1) from way w where jsonb_array_length(w.via) > 1
    )
    select w.via, t.table_name, engine.snake_case(f.name) || '_id' as link,
      case when jsonb_array_length(w.via) > 1 then engine.formula_alias(w.via - (jsonb_array_length(w.via) - 1)) else 'new' end as origin,
      (select string_agg(distinct quote_ident(x.c), ', ') from (
        select unnest(engine.formula_columns(g, '', '')) as c from engine.looked_up((object).id) l join metadata.fields g on g.id = l.field_id where l.via = w.via
        union select engine.snake_case(g.name) || '_id' from way n join metadata.fields g on g.id = (n.via ->> -1)::uuid
          where jsonb_array_length(n.via) = jsonb_array_length(w.via) + 1 and n.via - (jsonb_array_length(n.via) - 1) = w.via) x) as columns,
      (select engine.snake_case(g.name) || '_id' from metadata.fields g where g.id = (w.via ->> 0)::uuid) as first_link
    from way w
    join metadata.fields f on f.id = (w.via ->> -1)::uuid
    join metadata.relations rel on rel.field_id = f.id and rel.deleted_at is null
    join metadata.objects t on t.id = rel.target_object_id
    order by jsonb_array_length(w.via), w.via
  loop
    v_declarations := v_declarations || format(E'  %s record;\n', engine.formula_alias(r.via));
    v_source := format('select %s into %s from %I.%I where id = %s.%I', r.columns, engine.formula_alias(r.via), schema_name, r.table_name, r.origin, r.link);
    v_body := v_body || format(E'\n  if tg_op = ''INSERT'' or new.%1$I is distinct from old.%1$I then\n    %2$s for share;\n  else\n    %2$s;\n  end if;', r.first_link, v_source);
  end loop;
  for r in
    select f, x.part, x.suffix
    from engine.computed_fields((object).workspace_id, array[(object).id]) f
    join engine.field_type_columns x on x.type = f.result_type
    where f.type = 'FORMULA' and not engine.is_generated(f)
    order by engine.computed_rank(f), f.id, x.position
  loop
    v_body := v_body || format(E'\n  new.%I := %s;', engine.snake_case((r.f).name) || r.suffix, engine.formula_sql((r.f).compiled, r.part, 'new'));
  end loop;
  if v_body = '' then
    return null;
  end if;
  return format('create or replace function %I.%I() returns trigger language plpgsql volatile security definer set search_path = '''' as %L',
    schema_name, engine.compute_function_name((object).id), E'\n' || coalesce('-- ' || revisions || E'\n', '') || case when v_declarations <> '' then E'declare\n' || v_declarations else '' end || 'begin' || v_body || E'\n  return new;\nend\n');
end
$$;

-- Recomputes, when a record changed, what others compute from it: writing them, with nothing
-- changed, makes their own trigger do it.
create or replace function engine.tg_records__push() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  -- A statement trigger runs for no rows as well: where records read others of their own kind, that would never end.
  if not exists (select from new_rows) then
    return null;
  end if;
  if tg_nargs > 1 then
    execute tg_argv[1];
  end if;
  execute tg_argv[0];
  return null;
end
$$;

-- Aggregates anew for the parents of the records that were written. They are locked first, in one
-- order; the statement after that sees what was committed while it waited. The parents are written
-- even where the aggregates stayed equal: to a transaction whose snapshot is older (REPEATABLE READ)
-- this is a conflict, where it would otherwise count without the records that it cannot see.
create or replace function engine.tg_records__roll_up() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_parents uuid[];
begin
  execute tg_argv[0] into v_parents;
  if v_parents is not null then
    execute tg_argv[1] using v_parents;
    execute tg_argv[2] using v_parents;
  end if;
  return null;
end
$$;

create or replace function engine.rollup_condition(compiled jsonb) returns text
language sql stable set search_path = ''
  return ' filter (where c.id is not null' || coalesce(' and ' || engine.formula_sql(nullif(compiled -> 'filter', 'null'), '', 'c'), '');

-- The columns of a rollup: what each aggregates over the records c, and what it is of none.
create or replace function engine.rollup_aggregates(field metadata.fields, workspace_id uuid)
returns table (name text, expr text, empty_value text)
language plpgsql stable set search_path = ''
as $$
declare
  v jsonb := (field).compiled;
  v_value jsonb := nullif(v -> 'value', 'null');
  v_sql text := case when v_value is not null then engine.formula_render(v_value, 'c') end;
  v_code text := case when v_value ->> 't' = 'CURRENCY' then engine.formula_currency(v_value, 'c') end;
  v_filter text := engine.rollup_condition(v);
  v_order text := format(' order by %s c.id', (select string_agg('c.' || quote_ident(x), ', ') || ',' from unnest(engine.formula_columns((select g from metadata.fields g where g.id = (v #>> '{order,field}')::uuid), '', '')) x limit 1));
  v_type text := v ->> 'type';
  v_cast text;
  v_one_currency text;
  v_aggregate text;
begin
  v_order := coalesce(v_order, ' order by c.id');
  if v ->> 'aggregate' = 'LAST' then
    v_order := replace(replace(v_order, ',', ' desc nulls last,'), 'c.id', 'c.id desc');
  end if;
  v_aggregate := case v ->> 'aggregate'
    when 'COUNT' then 'count(c.id)' || v_filter || ')'
    when 'SUM' then format('sum(%s)', v_sql) || v_filter || ')'
    when 'AVG' then format('avg(%s)', v_sql) || v_filter || ')'
    when 'MIN' then format('min(%s)', v_sql) || v_filter || ')'
    when 'MAX' then format('max(%s)', v_sql) || v_filter || ')'
    when 'LIST' then format('(array_agg(%s%s)', v_sql, v_order) || v_filter || format(' and %s is not null))[1:100]', v_sql)
    else format('(array_agg(%s%s)', v_sql, v_order) || v_filter || format(' and %s is not null))[1]', v_sql) end;
  if v ->> 'aggregate' = 'SUM' and v_type <> 'CURRENCY' or v ->> 'aggregate' = 'COUNT' then
    v_aggregate := format('coalesce(%s, 0)', v_aggregate);
  end if;
  if v_type = 'CURRENCY' then
    -- Amounts in several currencies have neither a sum nor an order.
    v_one_currency := format('min(%1$s)%2$s and %3$s is not null) is not distinct from max(%1$s)%2$s and %3$s is not null)', v_code, v_filter, v_sql);
    return query values
      (engine.snake_case((field).name) || '_amount_micros', case when v ->> 'aggregate' in ('FIRST', 'LAST') then v_aggregate || '::bigint'
        else format('case when %s then %s end', v_one_currency, engine.formula_bounded('round(' || v_aggregate || ')', '-9e18', '9e18') || '::bigint') end, 'null::bigint'),
      (engine.snake_case((field).name) || '_currency_code', case when v ->> 'aggregate' in ('FIRST', 'LAST')
          then format('(array_agg(%s%s)', v_code, v_order) || v_filter || format(' and %s is not null))[1]', v_sql)
        else format('case when %s then min(%s)%s and %s is not null) end', v_one_currency, v_code, v_filter, v_sql) end, 'null::text');
    return;
  end if;
  v_aggregate := case
    when v_type in ('NUMBER', 'PERCENT') then engine.formula_bounded(format('trim_scale(round((%s)::numeric, 60))', v_aggregate), '-1e60', '1e60') || '::double precision'
    when v_type = 'DURATION' then engine.formula_bounded(format('round(%s)', v_aggregate), '-9e18', '9e18') || '::bigint'
    else v_aggregate end;
  return query select engine.snake_case((field).name) || x.suffix, v_aggregate,
    case when v ->> 'aggregate' in ('COUNT', 'SUM') then '0' else 'null' end
  from engine.field_type_columns x where x.type = v_type;
end
$$;

-- One statement for all rollups over a relation; `parents` is a source of ids.
create or replace function engine.rollup_update(relation metadata.relations, schema_name text, parents text) returns text
language sql stable set search_path = ''
as $$
  select format('update %1$I.%2$I p set %3$s from (select i.id, %4$s from %5$s left join %1$I.%6$I c on c.%7$I = i.id group by i.id) a where p.id = a.id',
    schema_name, po.table_name, string_agg(format('%1$I = a.%1$I', x.name), ', ' order by x.name), string_agg(format('%s as %I', x.expr, x.name), ', ' order by x.name),
    parents, co.table_name, engine.relation_column(relation))
  from engine.computed_fields((relation).workspace_id, array[(relation).target_object_id]) f
  cross join lateral engine.rollup_aggregates(f, (relation).workspace_id) x
  join metadata.objects po on po.id = (relation).target_object_id
  join metadata.fields cf on cf.id = (relation).field_id
  join metadata.objects co on co.id = cf.object_id
  where f.type = 'ROLLUP' and (f.compiled ->> 'relation')::uuid = (relation).id
  group by po.table_name, co.table_name
$$;

-- All of the above, as facts.
create or replace function engine.desired_computed(workspace_id uuid, schema_name text, scope uuid[]) returns setof engine.fact
language plpgsql stable set search_path = ''
as $$
declare
  v_ids text;
  -- Objects with computed fields, those of them that read others, and the relations that are counted: few, if any.
  v_objects uuid[];
  v_readers uuid[];
  v_relations uuid[];
  r record;
begin
  select array_agg(distinct f.object_id), array_agg(distinct f.object_id) filter (where f.type = 'FORMULA' and engine.formula_reads_relations(f.compiled)),
      array_agg(distinct (f.compiled ->> 'relation')::uuid) filter (where f.type = 'ROLLUP')
    into v_objects, v_readers, v_relations
  from engine.computed_fields(desired_computed.workspace_id) f;
  if v_objects is null then
    return;
  end if;
  for r in
    -- With the revisions of what it may read: sessions keep plans for the types that they knew, until the function is replaced.
    select o, v.revisions, engine.compute_function(o, schema_name, v.revisions) as definition
    from metadata.objects o
    cross join lateral (
      select md5(string_agg(f.id::text || f.revision, ',' order by f.id)) as revisions from metadata.fields f where f.object_id = o.id and f.revision > 1
    ) v
    where o.workspace_id = desired_computed.workspace_id and o.deleted_at is null and (scope is null or o.id = any (scope))
      and o.id = any (v_objects)
  loop
    if r.definition is not null then
      return query select 'function', 'compute:' || (r.o).id, (r.o).id::text, (r.o).table_name, engine.compute_function_name((r.o).id), r.definition,
        engine.fact_comment('compute:' || (r.o).id, r.definition, null, 'Computes fields before a record is written.'), null, null::boolean, null, null, null::oid;
      return query select * from engine.computed_trigger(r.o, '_150_compute',
        -- With them the trigger, too, is another, so it is not there while values are converted.
        format('before insert or update on %%s for each row execute function %I.%I(%s)', schema_name, engine.compute_function_name((r.o).id), quote_literal(r.revisions)));
    end if;
  end loop;
  -- Records that others read.
  for r in
    select t as target, reader.id as reader_id, reader.table_name, w.via, w.kept,
      engine.stored_columns(w.field_ids) as columns,
      w.next_links
    from metadata.objects reader
    cross join lateral (
      select p.via, (select min(engine.snake_case(k.name) || x.suffix) from engine.computed_fields(desired_computed.workspace_id, array[reader.id]) k
          join engine.field_type_columns x on x.type = k.result_type where not engine.is_generated(k) and k.type = 'FORMULA') as kept,
        array_agg(distinct p.field_id) as field_ids, array_agg(distinct p.field_id) filter (where p.is_link) as next_links
      from (
        select l.via, l.field_id, false as is_link from engine.looked_up(reader.id) l
        union all
        -- The link that leads on is read, too.
        select l.via - 1, (l.via ->> 1)::uuid, true from engine.looked_up(reader.id) l where jsonb_array_length(l.via) = 2
      ) p group by p.via
    ) w
    join metadata.relations rel on rel.field_id = (w.via ->> -1)::uuid and rel.deleted_at is null
    join metadata.objects t on t.id = rel.target_object_id and t.deleted_at is null
    where reader.workspace_id = desired_computed.workspace_id and reader.id = any (v_readers) and w.kept is not null and (scope is null or t.id = any (scope))
  loop
    v_ids := format('select n.id from new_rows n join old_rows o on o.id = n.id where row(%s) is distinct from row(%s)',
      (select string_agg('n.' || quote_ident(c), ', ') from unnest(r.columns) c), (select string_agg('o.' || quote_ident(c), ', ') from unnest(r.columns) c));
    return query select * from engine.computed_trigger(r.target, '_400_push_' || left(md5(r.reader_id || r.via::text), 10),
      'after update on %s referencing old table as old_rows new table as new_rows for each statement execute function engine.tg_records__push('
      || replace(quote_literal(
        case jsonb_array_length(r.via)
          when 1 then format('update %I.%I set %I = %3$I where %4$I in (%5$s)', schema_name, r.table_name, r.kept,
            (select engine.snake_case(g.name) || '_id' from metadata.fields g where g.id = (r.via ->> 0)::uuid), v_ids)
          else (
            select format('update %I.%I c set %I = c.%3$I from %1$I.%4$I p where c.%5$I = p.id and p.%6$I in (%7$s)', schema_name, r.table_name, r.kept, m.table_name,
              engine.snake_case(f1.name) || '_id', engine.snake_case(f2.name) || '_id', v_ids)
            from metadata.fields f1 join metadata.relations r1 on r1.field_id = f1.id and r1.deleted_at is null join metadata.objects m on m.id = r1.target_object_id, metadata.fields f2
            where f1.id = (r.via ->> 0)::uuid and f2.id = (r.via ->> 1)::uuid) end)
        -- Where the record leads on to another now, that one must not be changing.
        || coalesce(', ' || quote_literal((
          select string_agg(format('select from %I.%I t where t.id in (select n.%3$I from new_rows n join old_rows o on o.id = n.id where n.%3$I is distinct from o.%3$I) order by t.id for share',
            schema_name, t2.table_name, engine.snake_case(g.name) || '_id'), '; ')
          from unnest(r.next_links) i (id) join metadata.fields g on g.id = i.id join metadata.relations r2 on r2.field_id = g.id and r2.deleted_at is null
          join metadata.objects t2 on t2.id = r2.target_object_id)), ''), '%', '%%') || ')');
  end loop;
  -- Records that others count.
  for r in
    select rel, co as child, po.table_name as parent_table, engine.relation_column(rel) as link,
      engine.stored_columns(array(
        select i from engine.computed_fields(desired_computed.workspace_id, array[po.id]) f cross join engine.formula_fields(f.compiled) i
        where f.type = 'ROLLUP' and (f.compiled ->> 'relation')::uuid = rel.id)) as columns
    from metadata.relations rel
    join metadata.fields cf on cf.id = rel.field_id
    join metadata.objects co on co.id = cf.object_id and co.deleted_at is null
    join metadata.objects po on po.id = rel.target_object_id and po.deleted_at is null
    where rel.workspace_id = desired_computed.workspace_id and rel.deleted_at is null and (scope is null or co.id = any (scope))
      and rel.id = any (v_relations)
  loop
    return query
    select t.*
    from (values
      ('insert', 'after insert on %s referencing new table as new_rows', format('select array_agg(distinct n.%1$I) from new_rows n where n.%1$I is not null', r.link)),
      ('delete', 'after delete on %s referencing old table as old_rows', format('select array_agg(distinct o.%1$I) from old_rows o where o.%1$I is not null', r.link)),
      ('update', 'after update on %s referencing old table as old_rows new table as new_rows',
        format('select array_agg(distinct x.id) from new_rows n join old_rows o on o.id = n.id cross join lateral (values (o.%1$I), (n.%1$I)) x (id) where x.id is not null and row(%2$s) is distinct from row(%3$s)',
          r.link, (select string_agg('n.' || quote_ident(c), ', ') from unnest(array(select r.link union select unnest(r.columns) order by 1)) c),
          (select string_agg('o.' || quote_ident(c), ', ') from unnest(array(select r.link union select unnest(r.columns) order by 1)) c)))
    ) as v (op, head, parents)
    cross join lateral engine.computed_trigger(r.child, '_400_roll_up_' || right(replace((r.rel).id::text, '-', ''), 12) || '_' || v.op,
      v.head || ' for each statement execute function engine.tg_records__roll_up(' || replace(concat_ws(', ', quote_literal(v.parents),
        quote_literal(format('select from %I.%I p where p.id = any ($1) order by p.id for no key update', schema_name, r.parent_table)),
        quote_literal(engine.rollup_update(r.rel, schema_name, 'unnest($1) as i (id)'))), '%', '%%') || ')') t;
  end loop;
end
$$;

create or replace function engine.computed_trigger(object metadata.objects, name text, definition text) returns setof engine.fact
language sql stable set search_path = ''
as $$
  select 'trigger', (object).id || ' ' || computed_trigger.name, (object).id::text, (object).table_name, computed_trigger.name, definition,
    engine.fact_comment(computed_trigger.name, definition), null, null::boolean, null, null, null::oid
$$;
