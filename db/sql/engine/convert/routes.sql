-- From which type a field can become which other, and the SQL that converts its values. A value
-- travels as a number, a list, a date or a text, whichever loses least; what does not arrive is null.

create table if not exists engine.conversions (
  from_type text not null references engine.field_types,
  to_type text not null references engine.field_types,
  route text not null check (route in ('NUMBER', 'LIST', 'MOMENT', 'TEXT', 'LINK')),
  primary key (from_type, to_type)
);
create index if not exists conversions_to_type_idx on engine.conversions (to_type);

delete from engine.conversions;
insert into engine.conversions (from_type, to_type, route)
select f, t, 'NUMBER'
from unnest('{NUMBER,NUMERIC,PERCENT,DURATION,RATING,CURRENCY,BOOLEAN,AUTO_NUMBER}'::text[]) f,
  unnest('{NUMBER,NUMERIC,PERCENT,DURATION,RATING,CURRENCY,BOOLEAN}'::text[]) t
where f <> t and (f, t) not in (('BOOLEAN', 'DURATION'), ('DURATION', 'BOOLEAN'), ('BOOLEAN', 'CURRENCY'), ('CURRENCY', 'BOOLEAN'), ('CURRENCY', 'RATING'),
  ('RATING', 'CURRENCY'), ('BOOLEAN', 'PERCENT'), ('PERCENT', 'BOOLEAN'), ('DURATION', 'RATING'), ('RATING', 'DURATION'), ('DURATION', 'CURRENCY'),
  ('CURRENCY', 'DURATION'), ('DURATION', 'PERCENT'), ('PERCENT', 'DURATION'), ('AUTO_NUMBER', 'BOOLEAN'), ('AUTO_NUMBER', 'CURRENCY'), ('AUTO_NUMBER', 'DURATION'),
  ('AUTO_NUMBER', 'PERCENT'), ('AUTO_NUMBER', 'RATING'))
union all
select f, t, 'LIST'
from unnest('{ARRAY,MULTI_SELECT,EMAILS,PHONES,LINKS,RAW_JSON,SELECT}'::text[]) f, unnest('{ARRAY,MULTI_SELECT,EMAILS,PHONES,LINKS,SELECT}'::text[]) t
where f <> t and (f = 'ARRAY' or t = 'ARRAY' or (f, t) in (('SELECT', 'MULTI_SELECT'), ('MULTI_SELECT', 'SELECT'), ('RAW_JSON', 'MULTI_SELECT')))
union all
values ('DATE', 'DATE_TIME', 'MOMENT'), ('DATE_TIME', 'DATE', 'MOMENT')
union all
select 'TEXT', t, case when t in ('ARRAY', 'MULTI_SELECT', 'EMAILS', 'PHONES', 'LINKS') then 'LIST' else 'TEXT' end
from unnest('{NUMBER,NUMERIC,PERCENT,DURATION,RATING,CURRENCY,BOOLEAN,DATE,DATE_TIME,UUID,SELECT,MULTI_SELECT,ARRAY,RAW_JSON,RICH_TEXT,FULL_NAME,EMAILS,PHONES,LINKS,ADDRESS,COLOR,LOCATION}'::text[]) t
union all
select f, 'TEXT', 'TEXT'
from unnest('{NUMBER,NUMERIC,PERCENT,DURATION,RATING,CURRENCY,BOOLEAN,DATE,DATE_TIME,UUID,SELECT,MULTI_SELECT,ARRAY,RAW_JSON,RICH_TEXT,FULL_NAME,EMAILS,PHONES,LINKS,ADDRESS,COLOR,LOCATION,AUTO_NUMBER}'::text[]) f
union all
values ('SELECT', 'BOOLEAN', 'TEXT'), ('SELECT', 'RATING', 'TEXT'), ('SELECT', 'NUMBER', 'TEXT'), ('SELECT', 'COLOR', 'TEXT'), ('BOOLEAN', 'SELECT', 'TEXT'), ('RATING', 'SELECT', 'TEXT'),
  ('NUMBER', 'SELECT', 'TEXT'), ('COLOR', 'SELECT', 'TEXT'), ('RICH_TEXT', 'ADDRESS', 'TEXT'), ('ADDRESS', 'RICH_TEXT', 'TEXT'), ('RICH_TEXT', 'SELECT', 'TEXT'), ('DATE', 'SELECT', 'TEXT'), ('FULL_NAME', 'SELECT', 'TEXT'),
  ('NUMBER', 'RAW_JSON', 'TEXT'), ('RAW_JSON', 'NUMBER', 'TEXT'), ('BOOLEAN', 'RAW_JSON', 'TEXT'), ('RAW_JSON', 'BOOLEAN', 'TEXT'), ('RAW_JSON', 'DATE', 'TEXT'), ('ARRAY', 'RAW_JSON', 'TEXT'),
  ('RELATION', 'MORPH_RELATION', 'LINK'), ('MORPH_RELATION', 'RELATION', 'LINK'), ('RELATION', 'MEMBER', 'LINK'), ('MEMBER', 'RELATION', 'LINK'), ('MEMBER', 'MORPH_RELATION', 'LINK'),
  ('RELATION', 'MANY_TO_MANY', 'LINK'), ('MEMBER', 'MANY_TO_MANY', 'LINK');

-- Options by what people may have written for them, and labels by option.
create or replace function engine.choices(options jsonb) returns jsonb
language sql immutable strict parallel safe set search_path = ''
as $$
  select coalesce(jsonb_object_agg(c.word, c.value order by c.rank), '{}')
  from (
    select lower(btrim(o ->> 'label')) as word, o ->> 'value' as value, 1 as rank from jsonb_array_elements(options) o where o ->> 'label' is not null
    union all
    select lower(o ->> 'value'), o ->> 'value', 2 from jsonb_array_elements(options) o
  ) c
$$;

create or replace function engine.labels(options jsonb) returns jsonb
language sql immutable strict parallel safe set search_path = ''
as $$ select coalesce(jsonb_object_agg(o ->> 'value', coalesce(nullif(o ->> 'label', ''), o ->> 'value')), '{}') from jsonb_array_elements(options) o $$;

-- A type's columns, for those types whose columns are always the same. A formula is what it comes to.
create or replace function engine.plain_type(f metadata.fields) returns text
language sql immutable set search_path = ''
as $$ select case when (f).type in ('FORMULA', 'ROLLUP') then (f).result_type else (f).type end $$;

create or replace function engine.source_number(f metadata.fields, c jsonb) returns text
language sql stable set search_path = ''
as $$
  select case engine.plain_type(f)
    when 'NUMBER' then case when (f).settings ->> 'dataType' in ('int', 'bigint') then format('(%s)::numeric', c ->> '') else format('engine.as_numeric(%s)', c ->> '') end
    when 'PERCENT' then format('engine.as_numeric(%s)', c ->> '')
    when 'NUMERIC' then format('case when %1$s not in (''NaN'', ''Infinity'', ''-Infinity'') then %1$s end', c ->> '')
    when 'BOOLEAN' then format('case %s when true then 1 when false then 0 end::numeric', c ->> '')
    when 'CURRENCY' then format('(%s)::numeric / 1000000', c ->> 'amountMicros')
    else format('(%s)::numeric', c ->> '') end
$$;

create or replace function engine.source_list(f metadata.fields, c jsonb) returns text
language sql stable set search_path = ''
as $$
  select case engine.plain_type(f)
    when 'TEXT' then format('engine.read_list(%s)', c ->> '')
    when 'SELECT' then format('case when %1$s is not null then array[coalesce(%2$L::jsonb ->> %1$s, %1$s)] end', c ->> '', engine.labels((f).options))
    when 'MULTI_SELECT' then format('engine.option_labels(%s, %L)', c ->> '', engine.labels((f).options))
    when 'EMAILS' then format('nullif(array_remove(%s || %s, null), ''{}'')', c ->> 'primaryEmail', c ->> 'additionalEmails')
    when 'PHONES' then format('nullif(array_remove(concat(%s, nullif(%s, '''')) || %s, ''''), ''{}'')',
      format('case when %s !~ ''^\+'' then %s end', c ->> 'primaryPhoneNumber', c ->> 'primaryPhoneCallingCode'), c ->> 'primaryPhoneNumber', c ->> 'additionalPhones')
    when 'LINKS' then format('nullif(array_remove(%s || engine.links_list(%s), null), ''{}'')', c ->> 'primaryLinkUrl', c ->> 'secondaryLinks')
    when 'RAW_JSON' then format('engine.json_list(%s)', c ->> '')
    when 'ARRAY' then format('nullif(array_remove(%s, null), ''{}'')', c ->> '') end
$$;

create or replace function engine.source_text(f metadata.fields, c jsonb) returns text
language sql stable set search_path = ''
as $$
  select case engine.plain_type(f)
    when 'TEXT' then c ->> ''
    when 'COLOR' then c ->> ''
    when 'SELECT' then format('coalesce(%L::jsonb ->> %2$s, %2$s)', engine.labels((f).options), c ->> '')
    when 'BOOLEAN' then format('(%s)::text', c ->> '')
    when 'NUMERIC' then format('(%s)::text', c ->> '')
    when 'PERCENT' then format('trim_scale(engine.as_numeric(%s) * 100)::text || ''%%''', c ->> '')
    when 'DURATION' then format('engine.duration_text(%s)', c ->> '')
    when 'CURRENCY' then format('trim_scale(%s) || coalesce('' '' || nullif(%s, ''''), '''')', engine.source_number(f, c), c ->> 'currencyCode')
    when 'DATE' then format('case when isfinite(%1$s) then to_char(%1$s, case when %1$s < ''0001-01-01'' then ''YYYY-MM-DD BC'' else ''YYYY-MM-DD'' end) end', c ->> '')
    when 'DATE_TIME' then format('case when isfinite(%1$s) then regexp_replace(to_char(%1$s at time zone ''UTC'', ''YYYY-MM-DD"T"HH24:MI:SS.US''), ''\.?0+$'', '''') || ''Z'' end', c ->> '')
    when 'RAW_JSON' then format('%s #>> ''{}''', c ->> '')
    when 'RICH_TEXT' then c ->> 'markdown'
    when 'FULL_NAME' then format('nullif(btrim(concat_ws('' '', %s, %s)), '''')', c ->> 'firstName', c ->> 'lastName')
    when 'ADDRESS' then format('nullif(concat_ws('', '', nullif(%s, ''''), nullif(%s, ''''), nullif(btrim(concat_ws('' '', %s, %s)), ''''), nullif(%s, ''''), nullif(%s, '''')), '''')',
      c ->> 'street1', c ->> 'street2', c ->> 'postcode', c ->> 'city', c ->> 'state', c ->> 'country')
    when 'LOCATION' then format('%s || '', '' || %s', c ->> 'lat', c ->> 'lng')
    when 'AUTO_NUMBER' then format('%L || lpad((%2$s)::text, greatest(%3$s, length((%2$s)::text)), ''0'')',
      coalesce((f).settings ->> 'prefix', ''), c ->> '', coalesce((f).settings ->> 'padding', '0')::int)
    when 'ARRAY' then format('array_to_string(%s, '', '')', engine.source_list(f, c))
    when 'MULTI_SELECT' then format('array_to_string(%s, '', '')', engine.source_list(f, c))
    when 'EMAILS' then format('array_to_string(%s, '', '')', engine.source_list(f, c))
    when 'PHONES' then format('array_to_string(%s, '', '')', engine.source_list(f, c))
    when 'LINKS' then format('array_to_string(%s, '', '')', engine.source_list(f, c))
    else format('(%s)::text', c ->> '') end
$$;

create or replace function engine.target_of_number(t metadata.fields, x text, code text default null) returns jsonb
language sql stable set search_path = ''
as $$
  select case (t).type
    when 'NUMBER' then jsonb_build_object('', format(case when (t).settings ->> 'dataType' in ('int', 'bigint') then 'engine.as_bigint(%s)' else 'engine.as_float(%s)' end, x))
    when 'NUMERIC' then jsonb_build_object('', x)
    when 'PERCENT' then jsonb_build_object('', format('engine.as_float(%s)', x))
    when 'DURATION' then jsonb_build_object('', format('engine.as_bigint(round(%s))', x))
    when 'RATING' then jsonb_build_object('', format('case when %1$s in (1, 2, 3, 4, 5) then (%1$s)::smallint end', x))
    when 'BOOLEAN' then jsonb_build_object('', format('case %s when 1 then true when 0 then false end', x))
    when 'CURRENCY' then jsonb_build_object('amountMicros', format('engine.as_bigint(round((%s) * 1000000))', x),
      'currencyCode', format('case when engine.as_bigint(round((%s) * 1000000)) is not null then %s end', x,
        coalesce('coalesce(' || code || ', ', '') || quote_literal(coalesce((t).settings ->> 'currencyCode', (t).default_value ->> 'currencyCode', 'USD')) || case when code is null then '' else ')' end)) end
$$;

create or replace function engine.target_of_list(t metadata.fields, x text) returns jsonb
language sql stable set search_path = ''
as $$
  select case (t).type
    when 'ARRAY' then jsonb_build_object('', x)
    when 'MULTI_SELECT' then jsonb_build_object('', format('engine.chosen_options(%s, %L)', x, engine.choices((t).options)))
    -- Of several, none is the one.
    when 'SELECT' then jsonb_build_object('', format('case when cardinality(%1$s) = 1 then (engine.chosen_options(%1$s, %2$L))[1] end', x, engine.choices((t).options)))
    when 'EMAILS' then jsonb_build_object('primaryEmail', format('(engine.read_emails(%s))[1]', x), 'additionalEmails', format('nullif((engine.read_emails(%s))[2:], ''{}'')', x))
    when 'PHONES' then jsonb_build_object('primaryPhoneNumber', format('(engine.read_phones(%s))[1]', x), 'additionalPhones', format('nullif((engine.read_phones(%s))[2:], ''{}'')', x))
    when 'LINKS' then jsonb_build_object('primaryLinkUrl', format('(engine.read_links(%s))[1]', x), 'secondaryLinks', format('engine.links_json(nullif((engine.read_links(%s))[2:], ''{}''))', x)) end
$$;

create or replace function engine.target_of_text(t metadata.fields, x text) returns jsonb
language sql stable set search_path = ''
as $$
  select case
    when (t).type = 'TEXT' then jsonb_build_object('', x)
    when (t).type = 'CURRENCY' then engine.target_of_number(t, format('((engine.read_money(%s))[1])::numeric', x), format('(engine.read_money(%s))[2]', x))
    when (t).type = 'PERCENT' then engine.target_of_number(t, format('engine.read_percent(%s)', x))
    when (t).type = 'DURATION' then engine.target_of_number(t, format('engine.read_duration(%s)', x))
    when (t).type = 'BOOLEAN' then jsonb_build_object('', format('engine.read_boolean(%s)', x))
    when (t).type in ('NUMBER', 'NUMERIC', 'RATING') then engine.target_of_number(t, format('engine.read_number(%s)', x))
    when (t).type = 'DATE' then jsonb_build_object('', format('(engine.read_moment(%s, %L) at time zone ''UTC'')::date', x, (t).settings ->> 'dayOrder'))
    when (t).type = 'DATE_TIME' then jsonb_build_object('', format('engine.read_moment(%s, %L)', x, (t).settings ->> 'dayOrder'))
    when (t).type = 'UUID' then jsonb_build_object('', format('engine.read_uuid(%s)', x))
    when (t).type = 'SELECT' then jsonb_build_object('', format('%L::jsonb ->> lower(btrim(%s))', engine.choices((t).options), x))
    when (t).type = 'RAW_JSON' then jsonb_build_object('', format('engine.read_json(%s)', x))
    when (t).type = 'RICH_TEXT' then jsonb_build_object('markdown', x)
    when (t).type = 'FULL_NAME' then jsonb_build_object('firstName', format('(engine.read_name(%s))[1]', x), 'lastName', format('(engine.read_name(%s))[2]', x))
    when (t).type = 'ADDRESS' then jsonb_build_object('street1', format('nullif(btrim(%s), '''')', x))
    when (t).type = 'COLOR' then jsonb_build_object('', format('engine.read_colour(%s)', x))
    when (t).type = 'LOCATION' then jsonb_build_object('lat', format('(engine.read_place(%s))[1]', x), 'lng', format('(engine.read_place(%s))[2]', x))
    else engine.target_of_list(t, format('engine.read_list(%s)', x)) end
$$;

-- SQL for each part of a field of type and settings `t` over the columns `c` (SQL by part) of a
-- field `f`; null when the one cannot become the other.
create or replace function engine.conversion_sql(f metadata.fields, t metadata.fields, c jsonb) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_from text := engine.plain_type(f);
  v_route text;
begin
  if v_from = (t).type then
    return c;
  end if;
  select k.route into v_route from engine.conversions k where k.from_type = v_from and k.to_type = (t).type;
  return case
    when v_route = 'NUMBER' then engine.target_of_number(t, engine.source_number(f, c))
    when v_route = 'LIST' then engine.target_of_list(t, engine.source_list(f, c))
    when v_from = 'BOOLEAN' and (t).type = 'SELECT' then jsonb_build_object('', format(
      'case %1$s when true then coalesce(%2$L::jsonb ->> ''true'', %2$L::jsonb ->> ''yes'', %2$L::jsonb ->> ''on'') when false then coalesce(%2$L::jsonb ->> ''false'', %2$L::jsonb ->> ''no'', %2$L::jsonb ->> ''off'') end',
      c ->> '', engine.choices((t).options)))
    when v_from = 'ARRAY' and (t).type = 'RAW_JSON' then jsonb_build_object('', format('to_jsonb(%s)', c ->> ''))
    when v_route = 'TEXT' then engine.target_of_text(t, engine.source_text(f, c))
    when v_route = 'MOMENT' and v_from = 'DATE' then jsonb_build_object('', format('(%s)::timestamp at time zone ''UTC''', c ->> ''))
    when v_route = 'MOMENT' then jsonb_build_object('', format('(%s at time zone ''UTC'')::date', c ->> ''))
  end;
end
$$;
comment on function engine.conversion_sql(metadata.fields, metadata.fields, jsonb) is 'How the values of one field become those of another type, as SQL by part; null when they cannot.';

-- Whether a record has a value: of several parts any, and blanks are none.
create or replace function engine.presence_sql(type text, c jsonb) returns text
language sql stable set search_path = ''
as $$
  select 'coalesce(' || coalesce(string_agg(case k.pg_type
      when 'text' then format('nullif(btrim(%s), '''') is not null', c ->> k.part)
      when 'text[]' then format('cardinality(%s) > 0', c ->> k.part)
      when 'jsonb' then format('%s not in (''null'', ''""'')', c ->> k.part)
      else format('%s is not null', c ->> k.part) end, ' or '), 'false') || ', false)'
  from engine.field_type_columns k
  where k.type = presence_sql.type and c ? k.part
    -- A currency, a country or a label alone is no value.
    and k.part not in ('currencyCode', 'primaryPhoneCountryCode', 'primaryPhoneCallingCode', 'primaryLinkLabel')
$$;
