-- API names are camelCase, database names are snake_case, and the one follows from the other both
-- ways: a capital letter is an underscore and its lower case.
create or replace function engine.snake_case(name text) returns text
language sql immutable strict parallel safe
  return lower(regexp_replace(name, '([A-Z])', '_\1', 'g'));
comment on function engine.snake_case(text) is 'The database name of a camelCase API name: annualRevenue becomes annual_revenue.';

create or replace function engine.camel_case(name text) returns text
language sql immutable strict parallel safe set search_path = ''
as $$
  select string_agg(case when i = 1 then w else upper(left(w, 1)) || substr(w, 2) end, '' order by i)
  from regexp_split_to_table(name, '_') with ordinality as s(w, i)
$$;
comment on function engine.camel_case(text) is 'The API name of a snake_case database name.';

-- 40 bytes leave room below PostgreSQL's 63 for what the engine appends
-- (_primary_phone_country_code is the longest part of a composite field).
create or replace function engine.is_api_name(name text) returns boolean
language sql immutable strict parallel safe
  return name ~ '^[a-z][a-zA-Z0-9]*$' and octet_length(engine.snake_case(name)) <= 36;
comment on function engine.is_api_name(text) is 'Whether a text can be an API name: letters and digits, starting with a small letter, at most 36 bytes in snake_case.';

-- A default API name for a label typed by a person, in any script.
create or replace function engine.name_from_label(label text) returns text
language plpgsql stable strict set search_path = ''
as $$
declare
  v_words text[];
  v_name text;
begin
  v_words := array_remove(regexp_split_to_array(
    lower(regexp_replace(public.unaccent('public.unaccent', label), '[^a-zA-Z0-9]+', ' ', 'g')), ' '), '');
  select string_agg(case when i = 1 then w else upper(left(w, 1)) || substr(w, 2) end, '' order by i)
    into v_name from unnest(v_words) with ordinality as s(w, i);
  if v_name ~ '^[0-9]' then
    v_name := 'n' || v_name;
  end if;
  while octet_length(engine.snake_case(v_name)) > 36 loop
    v_name := left(v_name, -1);
  end loop;
  if v_name is null then
    raise exception 'The label "%" has no letters from which an API name can be made.', label
      using errcode = 'RV001', column = 'name', hint = 'Give an API name of Latin letters and digits, such as "project".';
  end if;
  return v_name;
end
$$;
comment on function engine.name_from_label(text) is 'The API name that a label suggests: "Sales order" gives salesOrder.';

-- Generated columns and checks of metadata call these with the rights of whoever writes.
grant execute on function engine.snake_case(text), engine.is_api_name(text) to public;
