-- Records that are taken for the same, by the criteria of their object: each is a list of fields, and
-- two records that are equal in all of them match. An index of the criterion's key finds them.

-- What of a value counts. Capitals, spaces and forms of the same letter do not.
create or replace function engine.duplicate_text(content text) returns text
language sql immutable parallel safe set search_path = ''
as $$ select nullif(pg_catalog.regexp_replace(pg_catalog.lower(pg_catalog.normalize(content, 'NFKC')), '\s', '', 'g'), '') $$;

create or replace function engine.duplicate_link(content text) returns text
language sql immutable parallel safe set search_path = ''
as $$ select nullif(pg_catalog.regexp_replace(engine.duplicate_text(content), '^([a-z][a-z0-9+.-]*://)?(www\.)?|[/?#]+$', '', 'g'), '') $$;

-- Without what people put between digits, and the zeros that stand for a country or a region.
create or replace function engine.duplicate_phone(content text) returns text
language sql immutable parallel safe set search_path = ''
as $$ select nullif(pg_catalog.ltrim(pg_catalog.regexp_replace(content, '\D', '', 'g'), '0'), '') $$;

-- One key for all fields of a criterion, or null when one of them is empty.
create or replace function engine.duplicate_key("values" text[]) returns uuid
language sql immutable parallel safe set search_path = ''
as $$ select case when pg_catalog.array_position("values", null) is null then pg_catalog.md5("values"::text)::uuid end $$;

-- Evaluated for whoever writes, as parts of indexes.
grant execute on function engine.duplicate_text(text), engine.duplicate_link(text), engine.duplicate_phone(text), engine.duplicate_key(text[]) to public;

-- The columns of a field that count, and what of them does, as SQL over a row; none where fields of
-- the type cannot be compared.
create or replace function engine.duplicate_value(field metadata.fields, out columns text[], out expression text)
language plpgsql stable set search_path = ''
as $$
declare
  v_base text := engine.snake_case((field).name);
  v_parts text[] := case (field).type
    when 'FULL_NAME' then '{first_name,last_name}' when 'EMAILS' then '{primary_email}' when 'PHONES' then '{primary_phone_number}' when 'LINKS' then '{primary_link_url}'
    when 'CURRENCY' then '{amount_micros,currency_code}' when 'ADDRESS' then '{street1,postcode,city}' when 'RICH_TEXT' then '{markdown}' when 'RELATION' then '{id}' when 'MEMBER' then '{id}'
    when 'AUTO_NUMBER' then '{text}' end;
begin
  if (field).type not in ('TEXT', 'NUMBER', 'NUMERIC', 'BOOLEAN', 'DATE', 'DATE_TIME', 'UUID', 'SELECT', 'RATING', 'PERCENT', 'DURATION', 'COLOR') and v_parts is null then
    return;
  end if;
  columns := case when v_parts is null then array[v_base] else array(select v_base || '_' || p from unnest(v_parts) with ordinality u (p, i) order by i) end;
  expression := case (field).type
    when 'FULL_NAME' then format('engine.duplicate_text(coalesce(%I, '''') || coalesce(%I, ''''))', columns[1], columns[2])
    when 'EMAILS' then format('engine.duplicate_text(%I)', columns[1])
    when 'PHONES' then format('engine.duplicate_phone(%I)', columns[1])
    when 'LINKS' then format('engine.duplicate_link(%I)', columns[1])
    when 'CURRENCY' then format('(%I::text || coalesce(%I, ''''))', columns[1], columns[2])
    -- A country alone makes no two addresses alike.
    when 'ADDRESS' then format('(engine.duplicate_text(%I) || coalesce(engine.duplicate_text(%I), '''') || coalesce(engine.duplicate_text(%I), ''''))', columns[1], columns[2], columns[3])
    -- Whose text does not hang on how a session shows dates.
    when 'DATE' then format('(%I - ''2000-01-01''::date)::text', columns[1])
    when 'DATE_TIME' then format('extract(epoch from (%I at time zone ''UTC''))::text', columns[1])
    else format(case when (field).type in ('TEXT', 'RICH_TEXT') then 'engine.duplicate_text(%I)' when (field).type in ('NUMBER', 'NUMERIC', 'PERCENT') then 'trim_scale(%I::numeric)::text'
      else '%I::text' end, columns[1]) end;
end
$$;

-- The criteria of an object that can be asked of: those all of whose fields are there.
create or replace function engine.duplicate_criteria(object metadata.objects)
returns table (field_ids uuid[], field_names jsonb, columns text[], expression text)
language sql stable set search_path = ''
as $$
  select f.ids, f.names, f.columns, 'engine.duplicate_key(array[' || f.expressions || '])'
  from (select e, min(i) as n from jsonb_array_elements((object).duplicate_criteria) with ordinality u (e, i) group by e) c
  cross join lateral (
    select array_agg(v.id order by v.id) as ids, jsonb_agg(v.name order by v.i) as names, string_agg(v.expression, ', ' order by v.id) as expressions,
      array(select x #>> '{}' from jsonb_path_query(jsonb_agg(to_jsonb(v.columns)), '$[*][*]') x) as columns,
      count(*) as count
    from (
      select f.id, f.name, min(u.i) as i, k.columns, k.expression
      from jsonb_array_elements_text(c.e) with ordinality u (id, i)
      join metadata.fields f on f.id::text = u.id and f.object_id = (object).id and f.deleted_at is null and f.is_active
      cross join lateral engine.duplicate_value(f) k
      where k.expression is not null group by f.id, f.name, k.columns, k.expression
    ) v
  ) f
  where f.count > 0 and f.count = (select count(distinct x) from jsonb_array_elements_text(c.e) x)
  order by c.n
$$;

-- The engine keeps an index for each.
create or replace function engine.desired_duplicate_indexes(workspace_id uuid, scope uuid[]) returns setof engine.fact
language sql stable set search_path = ''
as $$
  select 'index', o.id || ' duplicates:' || h.value, o.id::text, o.table_name, engine.fit_name(o.table_name || '_duplicates_' || h.value || '_idx'),
    '(' || c.expression || ')', engine.fact_comment('duplicates:' || h.value, engine.fields_basis(c.field_ids)), null, null::boolean, null, null, null::oid
  from metadata.objects o
  cross join lateral engine.duplicate_criteria(o) c
  cross join lateral (select left(md5(c.field_ids::text), 12) as value) h
  where o.workspace_id = desired_duplicate_indexes.workspace_id and (scope is null or o.id = any (scope)) and o.duplicate_criteria <> '[]' and o.deleted_at is null
$$;

-- Criteria are refused when they are written, not when they are asked of.
create or replace function engine.assert_duplicate_criteria(object metadata.objects) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_element jsonb;
  v_id jsonb;
  v_field metadata.fields;
begin
  for v_element in select e from jsonb_array_elements((object).duplicate_criteria) e loop
    if jsonb_typeof(v_element) <> 'array' or v_element = '[]' then
      raise exception '% is no criterion of duplicates.', left(v_element::text, 100) using errcode = 'RV088', column = 'duplicate_criteria',
        hint = 'Give lists of ids of fields: [["…"], ["…", "…"]]. Records that are equal in all fields of one list are taken for the same.';
    end if;
    for v_id in select e from jsonb_array_elements(v_element) e loop
      select f.* into v_field from metadata.fields f where f.id::text = v_id #>> '{}' and f.object_id = (object).id;
      if not found then
        raise exception 'The criteria of duplicates name a field that % do not have.', (object).label_plural using errcode = 'RV088', column = 'duplicate_criteria',
          hint = 'Give ids of fields of the object itself.';
      end if;
      if (engine.duplicate_value(v_field)).expression is null then
        raise exception 'The field "%" is of type %, by which no duplicates are found.', v_field.label, v_field.type using errcode = 'RV088', column = 'duplicate_criteria',
          hint = 'Texts, names, e-mails, phones, links, numbers, money, dates, selects, addresses and relations to one record can be compared.';
      end if;
    end loop;
  end loop;
end
$$;

-- Who is like a record, or like values that are not saved yet, by the criteria all of whose columns
-- the caller may read: {"found": {id: [[field names], …]}, …}. It runs as the owner, since under a policy no index of an
-- expression is used; engine.visible_duplicates leaves what the caller sees.
create or replace function engine.duplicate_candidates(caller name, schema_name text, object_name text, record_id uuid, data jsonb) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_object metadata.objects;
  v_table text;
  v_row jsonb := '{}';
  v_unknown text;
  v_key uuid;
  v_ids uuid[];
  v_found jsonb := '{}';
  v_id uuid;
  c record;
begin
  select o.* into v_object from core.workspaces w join metadata.objects o on o.workspace_id = w.id
  where w.schema_name = duplicate_candidates.schema_name and o.name_singular = duplicate_candidates.object_name and o.deleted_at is null;
  if not found then
    raise exception 'There is no object "%".', object_name using errcode = 'RV011', hint = 'Give the singular API name, such as person.';
  end if;
  v_table := format('%I.%I', schema_name, v_object.table_name);
  if not has_column_privilege(caller, v_table, 'id', 'select') then
    raise exception 'Your role may not read %.', v_object.label_plural using errcode = '42501';
  end if;
  if data is not null then
    if jsonb_typeof(data) <> 'object' then
      raise exception 'Values are an object.' using errcode = 'RV062', column = 'data', hint = 'Give {"emailsPrimaryEmail": "ann@example.com"}, for example.';
    end if;
    select k into v_unknown from jsonb_object_keys(data) k
    where not exists (select from pg_catalog.pg_attribute a where a.attrelid = v_table::regclass and a.attname = engine.snake_case(k) and a.attnum > 0 and not a.attisdropped) limit 1;
    if found then
      raise exception '% have no value "%".', v_object.label_plural, v_unknown using errcode = 'RV062', column = 'data',
        hint = coalesce(format('Did you mean %s?', engine.nearest(v_unknown, array(select engine.camel_case(s.name) from engine.columns(v_object.workspace_id, array[v_object.id]) s where s.is_active))),
          'Name values as the API does when a record is created.');
    end if;
    v_row := (select coalesce(jsonb_object_agg(engine.snake_case(e.key), e.value), '{}') from jsonb_each(data) e);
  end if;
  for c in
    select d.* from engine.duplicate_criteria(v_object) d
    where not exists (select from unnest(d.columns) k where not has_column_privilege(caller, v_table, k, 'select'))
  loop
    execute format(case when data is null then 'select %s from %s where id = $1' else 'select %s from jsonb_populate_record(null::%s, $2)' end, c.expression, v_table)
      into v_key using record_id, v_row;
    continue when v_key is null;
    execute format('select array(select id from %s where %s = $1 and id is distinct from $2 limit 1000)', v_table, c.expression) into v_ids using v_key, record_id;
    foreach v_id in array v_ids loop
      v_found := v_found || jsonb_build_object(v_id, coalesce(v_found -> v_id::text, '[]') || jsonb_build_array(c.field_names));
    end loop;
  end loop;
  return jsonb_build_object('found', v_found, 'table', v_table, 'record', record_id,
    'label', case when not exists (
        select from metadata.fields f join engine.field_type_columns t on t.type = f.type
        where f.id = v_object.label_field_id and t.pg_type = 'text' and (f.type in ('FULL_NAME', 'AUTO_NUMBER') or t.position = 1)
          and not has_column_privilege(caller, v_table, engine.snake_case(f.name) || t.suffix, 'select'))
      then engine.label_expression(v_object.id, 't') else 'null::text' end);
end
$$;

-- With the caller's own rights: which of them are there for the caller, and only if the record itself is.
create or replace function engine.visible_duplicates(candidates jsonb, max_results int)
returns table (record_id uuid, label text, criteria jsonb)
language plpgsql stable set search_path = ''
as $$
begin
  return query execute format(
    'select t.id, %1$s, $1 -> t.id::text from %2$s t
     where t.id = any (array(select k::uuid from jsonb_object_keys($1) k)) and ($2 is null or exists (select from %2$s s where s.id = $2))
     order by jsonb_array_length($1 -> t.id::text) desc, 2, t.id limit $3', candidates ->> 'label', candidates ->> 'table')
  using candidates -> 'found', (candidates ->> 'record')::uuid, least(greatest(max_results, 1), 100);
end
$$;

-- Reached only through the tenant's own functions, which name the caller.
grant execute on function engine.duplicate_candidates(name, text, text, uuid, jsonb), engine.visible_duplicates(jsonb, int) to relvar_crm;
