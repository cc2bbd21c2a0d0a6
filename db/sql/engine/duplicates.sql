-- Records that are taken for the same, by the criteria of their object. A criterion is a list of fields, or an object
-- {"fields", "threshold", "isSure"} whose fields say how they are compared: {"id", "by"}, by ALIKE unless it is said. Two records that match in
-- all of its fields match. An index of the criterion's key finds them or, where nothing but a spelling is compared, one of trigrams.

-- What of a value counts. Capitals, spaces and forms of the same letter do not. These are asked of every record that is written and of all when
-- duplicates are looked for, so they are expressions alone, which cost no function to be set up.
create or replace function engine.duplicate_text(content text) returns text
language sql immutable parallel safe
  return nullif(regexp_replace(lower(normalize(content, NFKC)), '\s', '', 'g'), '');

-- Of words and names accents do not count, either.
create or replace function engine.duplicate_words(content text) returns text
language sql immutable parallel safe
  return nullif(regexp_replace(lower(public.unaccent('public.unaccent'::regdictionary, normalize(content, NFKC))), '\s', '', 'g'), '');

create or replace function engine.duplicate_link(content text) returns text
language sql immutable parallel safe
  return nullif(regexp_replace(engine.duplicate_text(content), '^([a-z][a-z0-9+.-]*://)?(www\.)?|[/?#]+$', '', 'g'), '');

-- Without what people put between digits, and the zeros that stand for a country or a region.
create or replace function engine.duplicate_phone(content text) returns text
language sql immutable parallel safe
  return nullif(ltrim(regexp_replace(content, '\D', '', 'g'), '0'), '');

-- At these providers everybody has an address.
create or replace function engine.is_public_domain(name text) returns boolean
language sql immutable parallel safe
  return name ~ '^(gmail|googlemail|outlook|hotmail|live|msn|yahoo|ymail|icloud|me|mac|aol|gmx|web|t-online|freenet|proton|protonmail|mail|yandex|qq|163|126|orange|wanadoo|free|sfr|laposte|libero|naver|seznam|zoho|fastmail|tutanota)\.[a-z]{2,3}(\.[a-z]{2})?$';

-- The domain of an address or a link, unless it says nothing.
create or replace function engine.domain_of(content text) returns text
language sql immutable parallel safe
  return nullif(substring(engine.duplicate_link(regexp_replace(content, '^.*@', '')), '^[^/:?#]+'), '');

create or replace function engine.duplicate_domain(content text) returns text
language sql immutable parallel safe
  return case when not engine.is_public_domain(engine.domain_of(content)) then engine.domain_of(content) end;

-- A spelling that is compared letter by letter: less than four letters say nothing.
create or replace function engine.duplicate_spelling(content text) returns text
language sql immutable parallel safe
  return substring(btrim(regexp_replace(lower(public.unaccent('public.unaccent'::regdictionary, translate(content, '@._-/+:', '       '))), '\s+', ' ', 'g')), '^.{4,}$');

-- One key for all fields of a criterion, or null when one of them is empty.
create or replace function engine.duplicate_key("values" text[]) returns uuid
language sql immutable parallel safe
  return case when array_position("values", null) is null then md5("values"::text)::uuid end;

-- Evaluated for whoever writes, as parts of indexes.
grant execute on function engine.duplicate_text(text), engine.duplicate_words(text), engine.duplicate_link(text), engine.duplicate_phone(text), engine.duplicate_domain(text), engine.duplicate_spelling(text),
  engine.duplicate_key(text[]) to public;

-- The columns of a field that count, and what of them does, as SQL over a row; none where fields of
-- the type cannot be compared so.
create or replace function engine.duplicate_value(field metadata.fields, "by" text, out columns text[], out expression text)
language plpgsql stable set search_path = ''
as $$
declare
  v_base text := engine.snake_case((field).name);
  v_type text := (field).type;
  v_parts text[] := case v_type
    when 'FULL_NAME' then '{first_name,last_name}' when 'EMAILS' then '{primary_email}' when 'PHONES' then '{primary_phone_number}' when 'LINKS' then '{primary_link_url}'
    when 'CURRENCY' then '{amount_micros,currency_code}' when 'ADDRESS' then '{street1,postcode,city}' when 'RICH_TEXT' then '{markdown}' when 'RELATION' then '{id}' when 'MEMBER' then '{id}'
    when 'AUTO_NUMBER' then '{text}' end;
begin
  if v_type not in ('TEXT', 'NUMBER', 'NUMERIC', 'BOOLEAN', 'DATE', 'DATE_TIME', 'UUID', 'SELECT', 'RATING', 'PERCENT', 'DURATION', 'COLOR') and v_parts is null
    or "by" = 'DOMAIN' and v_type not in ('EMAILS', 'LINKS') or "by" = 'SIMILAR' and v_type not in ('TEXT', 'FULL_NAME', 'EMAILS', 'LINKS', 'ADDRESS') then
    return;
  end if;
  columns := case when v_parts is null then array[v_base] else array(select v_base || '_' || p from unnest(v_parts) with ordinality u (p, i) order by i) end;
  expression := case
    when "by" = 'DOMAIN' then format('engine.duplicate_domain(%I)', columns[1])
    when "by" = 'SIMILAR' then format('engine.duplicate_spelling(%s)', (select string_agg(format('coalesce(%I, '''')', c), ' || '' '' || ' order by i) from unnest(columns) with ordinality u (c, i)))
    when "by" = 'EXACT' and v_type = 'FULL_NAME' then format('nullif(coalesce(%I, '''') || '' '' || coalesce(%I, ''''), '' '')', columns[1], columns[2])
    when "by" = 'EXACT' and v_type = 'ADDRESS' then format('(nullif(%I, '''') || '' '' || coalesce(%I, '''') || '' '' || coalesce(%I, ''''))', columns[1], columns[2], columns[3])
    when "by" = 'EXACT' and v_type in ('TEXT', 'RICH_TEXT', 'EMAILS', 'PHONES', 'LINKS') then format('nullif(%I, '''')', columns[1])
    when v_type = 'FULL_NAME' then format('engine.duplicate_words(coalesce(%I, '''') || coalesce(%I, ''''))', columns[1], columns[2])
    when v_type = 'EMAILS' then format('engine.duplicate_text(%I)', columns[1])
    when v_type = 'PHONES' then format('engine.duplicate_phone(%I)', columns[1])
    when v_type = 'LINKS' then format('engine.duplicate_link(%I)', columns[1])
    when v_type = 'CURRENCY' then format('(%I::text || coalesce(%I, ''''))', columns[1], columns[2])
    -- A country alone makes no two addresses alike.
    when v_type = 'ADDRESS' then format('(engine.duplicate_words(%I) || coalesce(engine.duplicate_words(%I), '''') || coalesce(engine.duplicate_words(%I), ''''))', columns[1], columns[2], columns[3])
    -- Whose text does not hang on how a session shows dates.
    when v_type = 'DATE' then format('(%I - ''2000-01-01''::date)::text', columns[1])
    when v_type = 'DATE_TIME' then format('extract(epoch from (%I at time zone ''UTC''))::text', columns[1])
    else format(case when v_type in ('TEXT', 'RICH_TEXT') then 'engine.duplicate_words(%I)' when v_type in ('NUMBER', 'NUMERIC', 'PERCENT') then 'trim_scale(%I::numeric)::text'
      else '%I::text' end, columns[1]) end;
end
$$;

-- The fields of a criterion, however it is written.
create or replace function engine.duplicate_fields(criterion jsonb) returns table (id text, "by" text, n bigint)
language sql immutable set search_path = ''
as $$
  select coalesce(f ->> 'id', f #>> '{}'), coalesce(f ->> 'by', 'ALIKE'), min(i)
  from jsonb_array_elements(case when jsonb_typeof(criterion) = 'object' then criterion -> 'fields' else criterion end) with ordinality u (f, i)
  group by 1, 2
$$;

-- The criteria of an object that can be asked of: those all of whose fields are there. What is compared by its key, and what by its
-- spelling; one of the two may be missing. The weight is how sure a match is.
create or replace function engine.duplicate_criteria(object metadata.objects)
returns table (key text, field_ids uuid[], field_names jsonb, fields jsonb, columns text[], expression text, spelling text, threshold real, is_sure boolean, weight real)
language sql stable set search_path = ''
as $$
  select left(md5(f.ids::text || coalesce(f.manner, '')), 12), f.ids, f.names, f.fields, f.columns, 'engine.duplicate_key(array[' || f.expressions || '])', f.spelling,
    coalesce((c.e ->> 'threshold')::real, 0.6), coalesce((c.e ->> 'isSure')::boolean, false), case when (c.e ->> 'isSure')::boolean then 0.99 when f.manner ~ 'DOMAIN' and f.spelling is null then 0.5 else 0.9 end
  from (
    select case when jsonb_typeof(e) = 'object' then e else jsonb_build_object('fields', e) end as e, min(i) as n
    from jsonb_array_elements((object).duplicate_criteria) with ordinality u (e, i) group by 1
  ) c
  cross join lateral (
    select array_agg(v.id order by v.id) as ids, jsonb_agg(v.name order by v.n) as names, jsonb_agg(jsonb_build_object('name', v.name, 'by', v."by") order by v.n) as fields,
      string_agg(v.expression, ', ' order by v.id, v."by") filter (where v."by" <> 'SIMILAR') as expressions, min(v.expression) filter (where v."by" = 'SIMILAR') as spelling,
      string_agg(v.id || v."by", ',' order by v.id, v."by") filter (where v."by" <> 'ALIKE') as manner,
      array(select x #>> '{}' from jsonb_path_query(jsonb_agg(to_jsonb(v.columns)), '$[*][*]') x) as columns,
      count(*) as count
    from (
      select f.id, f.name, u."by", u.n, k.columns, k.expression
      from engine.duplicate_fields(c.e) u
      join metadata.fields f on f.id::text = u.id and f.object_id = (object).id and f.deleted_at is null and f.is_active
      cross join lateral engine.duplicate_value(f, u."by") k
      where k.expression is not null
    ) v
  ) f
  where f.count > 0 and f.count = (select count(*) from engine.duplicate_fields(c.e))
  order by c.n
$$;

-- How alike two records are that match by several criteria: the more, the surer.
create or replace function engine.duplicate_score(scores real[]) returns real
language sql immutable parallel safe set search_path = ''
as $$ select coalesce(1 - exp(sum(ln(greatest(1 - s, 0.0001)))), 0)::real from unnest(scores) s $$;

-- The engine keeps an index for each.
create or replace function engine.desired_duplicate_indexes(workspace_id uuid, scope uuid[]) returns setof engine.fact
language sql stable set search_path = ''
as $$
  select 'index', o.id || ' duplicates:' || c.key, o.id::text, o.table_name, engine.fit_name(o.table_name || '_duplicates_' || c.key || '_idx'),
    case when c.expression is not null then '(' || c.expression || ')' else format('using gin (%s public.gin_trgm_ops)', c.spelling) end,
    engine.fact_comment('duplicates:' || c.key, engine.fields_basis(c.field_ids)), null, null::boolean, null, null, null::oid
  from metadata.objects o
  cross join lateral engine.duplicate_criteria(o) c
  where o.workspace_id = desired_duplicate_indexes.workspace_id and (scope is null or o.id = any (scope)) and o.duplicate_criteria <> '[]' and o.deleted_at is null
$$;

-- Criteria are refused when they are written, not when they are asked of.
create or replace function engine.assert_duplicate_criteria(object metadata.objects) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_criterion jsonb;
  v_fields jsonb;
  v_field metadata.fields;
  v_problem text;
  r record;
begin
  for v_criterion in select e from jsonb_array_elements((object).duplicate_criteria) e loop
    v_fields := case when jsonb_typeof(v_criterion) = 'object' then v_criterion -> 'fields' else v_criterion end;
    v_problem := case
      when jsonb_typeof(v_fields) is distinct from 'array' or v_fields = '[]' then 'is no criterion of duplicates'
      when exists (select from jsonb_array_elements(v_fields) f where jsonb_typeof(f) not in ('string', 'object') or jsonb_typeof(f) = 'object' and f ->> 'id' is null) then 'names no fields by their ids'
      when exists (select from engine.duplicate_fields(v_criterion) f where f."by" not in ('ALIKE', 'EXACT', 'SIMILAR', 'DOMAIN')) then 'compares in no way that there is'
      when (select count(*) from engine.duplicate_fields(v_criterion) f where f."by" = 'SIMILAR') > 1 then 'compares the spelling of more than one field'
      when jsonb_typeof(v_criterion) = 'object' and exists (select from jsonb_object_keys(v_criterion) k where k not in ('fields', 'threshold', 'isSure')) then 'says what no criterion says'
      when jsonb_typeof(v_criterion) = 'object' and jsonb_typeof(coalesce(v_criterion -> 'isSure', 'false')) <> 'boolean' then 'is sure or not'
      when jsonb_typeof(v_criterion) = 'object' and (jsonb_typeof(coalesce(v_criterion -> 'threshold', '0.5')) <> 'number' or not coalesce((v_criterion ->> 'threshold')::numeric, 0.5) between 0.3 and 1) then 'has a threshold that is not between 0.3 and 1'
      when jsonb_typeof(v_criterion) = 'object' and v_criterion -> 'isSure' = 'true' and exists (select from engine.duplicate_fields(v_criterion) f where f."by" in ('SIMILAR', 'DOMAIN')) then 'cannot be sure of what is only similar' end;
    if v_problem is not null then
      raise exception '% %.', left(v_criterion::text, 100), v_problem using errcode = 'RV088', column = 'duplicate_criteria',
        hint = 'Give lists of ids of fields: [["…"], ["…", "…"]], or {"fields": [{"id": "…", "by": "ALIKE, EXACT, SIMILAR or DOMAIN"}], "threshold": 0.6, "isSure": true}. Records that match in all fields of one criterion are taken for the same.';
    end if;
    for r in select * from engine.duplicate_fields(v_criterion) loop
      select f.* into v_field from metadata.fields f where f.id::text = r.id and f.object_id = (object).id;
      if not found then
        raise exception 'The criteria of duplicates name a field that % do not have.', (object).label_plural using errcode = 'RV088', column = 'duplicate_criteria',
          hint = 'Give ids of fields of the object itself.';
      end if;
      if (engine.duplicate_value(v_field, r."by")).expression is null then
        raise exception 'The field "%" is of type %, by which no duplicates are found%.', v_field.label, v_field.type, case r."by" when 'SIMILAR' then ' by their spelling' when 'DOMAIN' then ' by their domain' else '' end
          using errcode = 'RV088', column = 'duplicate_criteria',
          hint = case r."by" when 'SIMILAR' then 'The spelling of texts, names, e-mails, links and addresses can be compared.' when 'DOMAIN' then 'E-mails and links have domains.'
            else 'Texts, names, e-mails, phones, links, numbers, money, dates, selects, addresses and relations to one record can be compared.' end;
      end if;
    end loop;
  end loop;
end
$$;

-- Who is like a record, or like values that are not saved yet, by the criteria all of whose columns
-- the caller may read: {"found": {id: [{"names", "fields", "score", "isSure"}, …]}, …}. It runs as the owner, since under a policy no index of an
-- expression is used; engine.visible_duplicates leaves what the caller sees. What somebody said is no duplicate is none.
create or replace function engine.duplicate_candidates(caller name, schema_name text, object_name text, record_id uuid, data jsonb) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_object metadata.objects;
  v_table text;
  v_row jsonb := '{}';
  v_unknown text;
  v_key uuid;
  v_spelling text;
  v_matches jsonb;
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
    execute format('select %s, %s from ' || case when data is null then '%s where id = $1' else 'jsonb_populate_record(null::%s, $2)' end, coalesce(c.expression, 'null::uuid'), coalesce(c.spelling, 'null'), v_table)
      into v_key, v_spelling using record_id, v_row;
    continue when c.expression is not null and v_key is null or c.spelling is not null and v_spelling is null;
    perform set_config('pg_trgm.similarity_threshold', c.threshold::text, true);
    execute format('select jsonb_object_agg(f.id, f.s) from (select id, %1$s as s from %2$s where %3$s and id is distinct from $2 limit 1000) f
        where not exists (select from %4$I.record_duplicates d where d.object_id = $4 and d.first_id = least(f.id, $2) and d.second_id = greatest(f.id, $2) and d.dismissed_at is not null)',
      case when c.spelling is not null then format('public.similarity(%s, $3)', c.spelling) else '1' end, v_table,
      concat_ws(' and ', c.expression || ' = $1', c.spelling || ' operator(public.%) $3'), schema_name)
    into v_matches using v_key, record_id, v_spelling, v_object.id;
    v_found := v_found || (select coalesce(jsonb_object_agg(e.key, coalesce(v_found -> e.key, '[]')
        || jsonb_build_array(jsonb_build_object('names', c.field_names, 'fields', c.fields, 'score', round((c.weight * e.value::numeric)::numeric, 4), 'isSure', c.is_sure))), '{}')
      from jsonb_each_text(v_matches) e);
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
returns table (record_id uuid, label text, criteria jsonb, reasons jsonb, score real)
language plpgsql stable set search_path = ''
as $$
begin
  return query execute format(
    'select t.id, %1$s, (select jsonb_agg(e -> ''names'' order by i) from jsonb_array_elements(f.found) with ordinality u (e, i)), (select jsonb_agg(e - ''names'' order by i) from jsonb_array_elements(f.found) with ordinality u (e, i)), f.score
     from (select e.key::uuid as id, e.value as found, (1 - exp(sum(ln(greatest(1 - (c ->> ''score'')::real, 0.0001)))))::real as score from jsonb_each($1) e cross join lateral jsonb_array_elements(e.value) c group by 1, 2) f
     join %2$s t on t.id = f.id
     where $2 is null or exists (select from %2$s s where s.id = $2)
     order by f.score desc, 2, t.id limit $3', candidates ->> 'label', candidates ->> 'table')
  using candidates -> 'found', (candidates ->> 'record')::uuid, least(greatest(max_results, 1), 100);
end
$$;

-- Reached only through the tenant's own functions, which name the caller.
grant execute on function engine.duplicate_candidates(name, text, text, uuid, jsonb), engine.visible_duplicates(jsonb, int) to relvar_crm;
