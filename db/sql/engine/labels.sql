-- How a record of an object is named, as SQL over one of its rows.
create or replace function engine.label_expression(object_id uuid, alias text default null) returns text
language sql stable set search_path = ''
as $$
  select coalesce((
    select 'btrim(' || string_agg('coalesce(' || coalesce(quote_ident(alias) || '.', '')
        || quote_ident(engine.snake_case(f.name) || c.suffix) || ', '''')', ' || '' '' || ' order by c.position) || ')'
    from metadata.objects o
    join metadata.fields f on f.id = o.label_field_id
    join engine.field_type_columns c on c.type = f.type
    where o.id = label_expression.object_id and c.pg_type = 'text'
      and (f.type in ('FULL_NAME', 'AUTO_NUMBER') or c.position = 1)
  ), (
    -- A formula over its own record is written out, since transition tables lack what is computed when it is read.
    select format('coalesce((%s)::text, '''')', case when engine.formula_reads_relations(f.compiled)
      then coalesce(quote_ident(alias) || '.', '') || quote_ident(engine.snake_case(f.name)) else engine.formula_sql(f.compiled, '', alias) end)
    from metadata.objects o
    join metadata.fields f on f.id = o.label_field_id
    where o.id = label_expression.object_id and f.type = 'FORMULA' and f.compiled ->> 'type' <> 'CURRENCY'
  ), coalesce(quote_ident(alias) || '.', '') || 'id::text')
$$;
