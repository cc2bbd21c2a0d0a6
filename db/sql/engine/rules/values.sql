-- How the rules and indexes of the model read a field: as SQL over its columns, or, where the field
-- is a formula over its own record, as the formula itself. A check and an index may then read it
-- whether the column is stored, virtual or kept by a trigger.

-- A moment as SQL, the same in every session's time zone.
create or replace function engine.moment_literal(moment timestamptz) returns text
language sql immutable strict parallel safe set search_path = ''
  return quote_literal(to_char(moment at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00') || '::timestamptz';

-- What a field's values are: for a computed field, its result.
create or replace function engine.value_type(field metadata.fields) returns text
language sql immutable set search_path = ''
  return case when (field).type in ('FORMULA', 'ROLLUP') then (field).result_type else (field).type end;

-- The part that stands for the whole field: its first, the name as one text.
create or replace function engine.main_part(field metadata.fields) returns text
language sql stable set search_path = ''
as $$
  select coalesce((
    select c.part from engine.field_type_columns c
    where c.type = engine.value_type(field) and c.type <> 'FULL_NAME' order by c.position limit 1), '')
$$;

create or replace function engine.value_pg_type(field metadata.fields, part text) returns text
language sql stable set search_path = ''
as $$
  select case
    when v.type in ('RELATION', 'MEMBER', 'MORPH_RELATION') then 'uuid'
    when v.type = 'FULL_NAME' and part = '' then 'text'
    when v.type = 'NUMBER' and (field).type = 'NUMBER' and (field).settings ->> 'dataType' in ('int', 'bigint') then 'bigint'
    else (select c.pg_type from engine.field_type_columns c where c.type = v.type and c.part = value_pg_type.part) end
  from engine.value_type(field) as v (type)
$$;

-- Null where the field has no such value.
create or replace function engine.value_sql(field metadata.fields, part text) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_base text := engine.snake_case((field).name);
begin
  if (field).type in ('RELATION', 'MEMBER') then
    return quote_ident(v_base || '_id');
  elsif (field).type = 'MORPH_RELATION' then
    return (
      select case when count(*) = 1 then min(c.name) else format('coalesce(%s)', string_agg(c.name, ', ' order by c.name)) end
      from metadata.relations r
      join metadata.objects o on o.id = r.target_object_id
      cross join lateral (select quote_ident(v_base || '_' || engine.snake_case(o.name_singular) || '_id') as name) c
      where r.field_id = (field).id and r.deleted_at is null and part in ('', r.id::text));
  elsif engine.is_generated(field) then
    return '(' || engine.formula_sql((field).compiled, part) || ')';
  elsif engine.value_type(field) = 'FULL_NAME' and part = '' then
    return format('nullif(btrim(coalesce(%I, '''') || '' '' || coalesce(%I, '''')), '''')', v_base || '_first_name', v_base || '_last_name');
  end if;
  return (select quote_ident(v_base || c.suffix) from engine.field_type_columns c where c.type = engine.value_type(field) and c.part = value_sql.part);
end
$$;
comment on function engine.value_sql(metadata.fields, text) is 'A field, or one part of it, as SQL over a row of its table.';

-- What rules and indexes over some fields depend on, by identity: renames leave it as it is, while
-- another type, another target of a relation or another formula changes it.
create or replace function engine.fields_basis(field_ids uuid[]) returns text
language sql stable set search_path = ''
as $$
  select coalesce(string_agg(engine.column_key(f.id, f.revision, '') || f.type || coalesce(f.result_type, '')
      || case f.type
        when 'FORMULA' then coalesce(f.compiled::text, '') || engine.fields_basis(array(select engine.formula_fields(f.compiled)))
        when 'MORPH_RELATION' then coalesce((select string_agg(r.id::text, ',' order by r.id) from metadata.relations r where r.field_id = f.id and r.deleted_at is null), '')
        else '' end, ' ' order by f.id), '')
  from metadata.fields f where f.id = any (field_ids)
$$;
