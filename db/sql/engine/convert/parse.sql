-- Reading values out of texts that people typed. Each function gives null for what it does not
-- understand and never raises, so that a million rows are converted in one statement, without a
-- subtransaction a row. None guesses: what can be read in two ways is not read.

-- Blanks of all kinds count as blank, digits of other scripts as digits.
create or replace function engine.plain_text(content text) returns text
language sql immutable strict parallel safe set search_path = ''
as $$
  select nullif(btrim(translate(content,
    U&'\00A0\1680\2000\2001\2002\2003\2004\2005\2006\2007\2008\2009\200A\202F\205F\3000\FEFF\0009\000A\000D'
      || U&'\FF10\FF11\FF12\FF13\FF14\FF15\FF16\FF17\FF18\FF19\0660\0661\0662\0663\0664\0665\0666\0667\0668\0669\06F0\06F1\06F2\06F3\06F4\06F5\06F6\06F7\06F8\06F9'
      || U&'\0966\0967\0968\0969\096A\096B\096C\096D\096E\096F\2212',
    '                    012345678901234567890123456789' || '0123456789-')), '')
$$;

-- "1 234,5", "1,234.5", "1.234,5", "1'234.50" and "1e3" are numbers. One comma followed by exactly
-- three digits separates thousands, any other is the decimal sign.
create or replace function engine.read_number(content text) returns numeric
language plpgsql immutable strict parallel safe set search_path = ''
as $$
declare
  v_text text := engine.plain_text(content);
begin
  if v_text is null or length(v_text) > 400 then
    return null;
  end if;
  v_text := regexp_replace(v_text, '(?<=\d)[ ''’_](?=\d{3}(\D|$))', '', 'g');
  if v_text ~ '^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$' then
    v_text := replace(v_text, ',', '');
  elsif v_text ~ '^[+-]?\d{1,3}(\.\d{3})+,\d*$' or v_text ~ '^[+-]?\d{1,3}(\.\d{3}){2,}$' then
    v_text := replace(replace(v_text, '.', ''), ',', '.');
  elsif v_text ~ '^[+-]?\d*,\d+$' then
    v_text := replace(v_text, ',', '.');
  end if;
  if v_text ~ '^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$' then
    return v_text::numeric;
  end if;
  return null;
end
$$;

-- Beyond what the column's type holds is not a value of it.
create or replace function engine.as_float(value numeric) returns double precision
language sql immutable strict parallel safe set search_path = ''
as $$ select case when value = 0 then 0 when abs(value) between 1e-300 and 1e308 then value::double precision end $$;

create or replace function engine.as_bigint(value numeric) returns bigint
language sql immutable strict parallel safe set search_path = ''
as $$ select case when value = trunc(value) and abs(value) <= 9223372036854775807 then value::bigint end $$;

create or replace function engine.as_numeric(value double precision) returns numeric
language sql immutable strict parallel safe set search_path = ''
as $$ select case when value not in ('NaN', 'Infinity', '-Infinity') then value::numeric end $$;

create or replace function engine.read_percent(content text) returns numeric
language sql immutable strict parallel safe set search_path = ''
as $$
  select case when engine.plain_text(content) like '%\%' then engine.read_number(rtrim(engine.plain_text(content), '%')) / 100
    else engine.read_number(content) end
$$;

create or replace function engine.read_boolean(content text) returns boolean
language sql immutable strict parallel safe set search_path = ''
as $$
  select case
    when lower(engine.plain_text(content)) in ('true', 't', 'yes', 'y', 'on', '1', 'x', '✓', '✔') then true
    when lower(engine.plain_text(content)) in ('false', 'f', 'no', 'n', 'off', '0') then false end
$$;

create or replace function engine.days_in_month(year int, month int) returns int
language sql immutable strict parallel safe set search_path = ''
as $$ select extract(day from make_date(year, month, 1) + interval '1 month' - interval '1 day')::int $$;

create or replace function engine.date_of(year text, month text, day text) returns date
language plpgsql immutable strict parallel safe set search_path = ''
as $$
declare
  v_year int := year;
  v_month int := month;
begin
  if v_year not between 1 and 9999 or v_month not between 1 and 12 then
    return null;
  end if;
  return case when day::int between 1 and engine.days_in_month(v_year, v_month) then make_date(v_year, v_month, day::int) end;
end
$$;

-- 2026-02-28, 2026/2/28, 20260228, 28.2.2026, 28 Feb 2026, February 28, 2026. With slashes only what
-- can be read in one way, unless the order of day and month is said: DMY or MDY.
create or replace function engine.read_date(content text, day_order text default null) returns date
language plpgsql immutable parallel safe set search_path = ''
as $$
declare
  v_text text := lower(engine.plain_text(content));
  v text[];
begin
  v := regexp_match(v_text, '^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})$');
  v := coalesce(v, regexp_match(v_text, '^(\d{4})(\d\d)(\d\d)$'));
  if v is not null then
    return engine.date_of(v[1], v[2], v[3]);
  end if;
  v := regexp_match(v_text, '^(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})$');
  if v is not null then
    return engine.date_of(v[3], v[2], v[1]);
  end if;
  v := regexp_match(v_text, '^(\d{1,2})[/-](\d{1,2})[/-](\d{4})$');
  if v is not null then
    if day_order = 'DMY' or day_order is null and v[1]::int > 12 then
      return engine.date_of(v[3], v[2], v[1]);
    elsif day_order = 'MDY' or day_order is null and (v[2]::int > 12 or v[1] = v[2]) then
      return engine.date_of(v[3], v[1], v[2]);
    end if;
    return null;
  end if;
  v := regexp_match(v_text, '^(\d{1,2})(?:st|nd|rd|th|\.)?[ -]([a-z]{3,9})\.?,?[ -](\d{4})$');
  if v is null then
    v := regexp_match(v_text, '^([a-z]{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})$');
    v := array[v[2], v[1], v[3]];
  end if;
  return engine.date_of(v[3], m.i::text, v[1])
  from unnest('{january,february,march,april,may,june,july,august,september,october,november,december}'::text[]) with ordinality m (name, i)
  where starts_with(m.name, v[2]);
end
$$;

-- A date, and perhaps a time and an offset. A time without an offset is taken as UTC.
create or replace function engine.read_moment(content text, day_order text default null) returns timestamptz
language plpgsql immutable parallel safe set search_path = ''
as $$
declare
  v_text text := lower(engine.plain_text(content));
  v text[];
  v_date date;
begin
  v := regexp_match(v_text, '^(.*\d)(?:t|,? )\s*(\d{1,2}):(\d\d)(?::(\d\d)(\.\d{1,9})?)? ?(am|pm)? ?(?:(z|utc|gmt)|([+-])(\d\d):?(\d\d)?)?$');
  v_date := engine.read_date(coalesce(v[1], v_text), day_order);
  if v_date is null then
    return null;
  elsif v is null then
    return make_timestamptz(extract(year from v_date)::int, extract(month from v_date)::int, extract(day from v_date)::int, 0, 0, 0, 'UTC');
  end if;
  if v[6] is not null then
    if v[2]::int not between 1 and 12 then
      return null;
    end if;
    v[2] := (v[2]::int % 12 + case v[6] when 'pm' then 12 else 0 end)::text;
  end if;
  if v[2]::int > 23 or v[3]::int > 59 or v[4]::int > 59 or v[9]::int > 15 or v[10]::int > 59 then
    return null;
  end if;
  return make_timestamptz(extract(year from v_date)::int, extract(month from v_date)::int, extract(day from v_date)::int,
      v[2]::int, v[3]::int, (coalesce(v[4], '0') || coalesce(v[5], ''))::double precision, 'UTC')
    - case v[8] when '-' then -1 else 1 end * make_interval(hours => coalesce(v[9], '0')::int, mins => coalesce(v[10], '0')::int);
end
$$;

-- Seconds: 90, 1:30 (hours and minutes), 1:30:15, 2h 30m, 90 min, 1.5 hours, PT1H30M.
create or replace function engine.read_duration(content text) returns numeric
language plpgsql immutable strict parallel safe set search_path = ''
as $$
declare
  v_text text := lower(engine.plain_text(content));
  v text[];
begin
  v := regexp_match(v_text, '^(-?)(\d{1,9}):([0-5]\d)(?::([0-5]\d))?$');
  if v is not null then
    return (v[2]::numeric * 3600 + v[3]::numeric * 60 + coalesce(v[4], '0')::numeric) * case v[1] when '-' then -1 else 1 end;
  end if;
  v_text := regexp_replace(v_text, '^p(?:(\d+d))?t?(?=\d|$)', '\1 ');
  if v_text ~ '^(\s*\d{1,12}([.,]\d{1,6})?\s*(w|d|h|m|s|weeks?|days?|hours?|hrs?|minutes?|mins?|seconds?|secs?)\.?,?)+\s*$' then
    return (
      select sum(replace(m[1], ',', '.')::numeric * case left(m[2], 1) when 'w' then 604800 when 'd' then 86400 when 'h' then 3600 when 'm' then 60 else 1 end)
      from regexp_matches(v_text, '(\d+(?:[.,]\d+)?)\s*([wdhms])[a-z]*', 'g') m);
  end if;
  return engine.read_number(v_text);
end
$$;

create or replace function engine.duration_text(seconds bigint) returns text
language sql immutable strict parallel safe set search_path = ''
as $$
  select case when seconds < 0 then '-' else '' end || trunc(abs(seconds::numeric) / 3600)::text || ':'
    || lpad((trunc(abs(seconds::numeric) / 60) % 60)::text, 2, '0') || ':' || lpad((abs(seconds::numeric) % 60)::text, 2, '0')
$$;

create or replace function engine.read_uuid(content text) returns uuid
language sql immutable strict parallel safe set search_path = ''
as $$ select case when engine.plain_text(content) ~* '^\{?[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}\}?$' then btrim(engine.plain_text(content), '{}')::uuid end $$;

create or replace function engine.read_colour(content text) returns text
language sql immutable strict parallel safe set search_path = ''
as $$
  select case when t ~ '^#?[0-9a-f]{6}$' then '#' || ltrim(t, '#')
    when t ~ '^#[0-9a-f]{3}$' then '#' || repeat(substr(t, 2, 1), 2) || repeat(substr(t, 3, 1), 2) || repeat(substr(t, 4, 1), 2) end
  from lower(engine.plain_text(content)) t
$$;

-- What opens like an object or a list must be one; any other text is a JSON string.
do $$
begin
  if current_setting('server_version_num')::int >= 160000 then
    create or replace function engine.read_json(content text) returns jsonb
    language plpgsql immutable strict parallel safe set search_path = ''
    as $f$
    begin
      if pg_input_is_valid(content, 'jsonb') then
        return content::jsonb;
      end if;
      return case when content !~ '^\s*[\[{]' then to_jsonb(content) end;
    end
    $f$;
  else
    -- PostgreSQL 15 can only try. The block writes nothing, so it takes no transaction id of its own.
    create or replace function engine.read_json(content text) returns jsonb
    language plpgsql immutable strict parallel safe set search_path = ''
    as $f$
    begin
      return content::jsonb;
    exception when others then
      return case when content !~ '^\s*[\[{]' then to_jsonb(content) end;
    end
    $f$;
  end if;
end
$$;

-- The parts of a list, without blanks and repetitions, in order.
create or replace function engine.read_list(content text) returns text[]
language sql immutable strict parallel safe set search_path = ''
as $$
  select nullif(array_agg(s.item order by s.i), '{}')
  from (
    select btrim(u.item) as item, min(u.i) as i
    from regexp_split_to_table(content, '[,;\r\n]+') with ordinality u (item, i)
    where engine.plain_text(u.item) is not null
    group by 1
  ) s
$$;

-- All items as addresses, or nothing: an item that is none must not get lost.
create or replace function engine.read_emails(items text[]) returns text[]
language sql immutable strict parallel safe set search_path = ''
as $$
  select case when bool_and(a.address is not null) then array_agg(a.address order by u.i) end
  from unnest(items) with ordinality u (item, i)
  cross join lateral (select (regexp_match(engine.plain_text(u.item), '^(?:mailto:|[^<>]*<)?([^@\s<>"(),:;]+@[^@\s<>"(),:;.]+(?:\.[^@\s<>"(),:;.]+)+)>?$', 'i'))[1] as address) a
$$;

create or replace function engine.read_phones(items text[]) returns text[]
language sql immutable strict parallel safe set search_path = ''
as $$
  select case when bool_and(p.number ~ '^(tel:)?\+?[0-9 ()./-]+( ?(x|ext\.?) ?\d+)?$' and length(regexp_replace(p.number, '\D', '', 'g')) between 3 and 20)
    then array_agg(regexp_replace(p.number, '^tel:', '') order by u.i) end
  from unnest(items) with ordinality u (item, i)
  cross join lateral (select engine.plain_text(u.item) as number) p
$$;

create or replace function engine.read_links(items text[]) returns text[]
language sql immutable strict parallel safe set search_path = ''
as $$
  select case when bool_and(l.url is not null) then array_agg(l.url order by u.i) end
  from unnest(items) with ordinality u (item, i)
  cross join lateral (select engine.plain_text(u.item) as plain) p
  cross join lateral (select case
    when p.plain ~* '^https?://[^\s/]+\S*$' then p.plain
    when p.plain ~* '^([[:alnum:]]([[:alnum:]-]*[[:alnum:]])?\.)+[[:alpha:]]{2,}(:\d+)?(/\S*)?$' then 'https://' || p.plain end as url) l
$$;

-- A list of links as the column keeps them.
create or replace function engine.links_json(urls text[]) returns jsonb
language sql immutable strict parallel safe set search_path = ''
as $$ select jsonb_agg(jsonb_build_object('url', u.url, 'label', '') order by u.i) from unnest(urls) with ordinality u (url, i) $$;

create or replace function engine.links_list(links jsonb) returns text[]
language sql immutable strict parallel safe set search_path = ''
as $$
  select coalesce(array_agg(e.value ->> 'url' order by e.i), '{}')
  from jsonb_array_elements(case jsonb_typeof(links) when 'array' then links else '[]' end) with ordinality e (value, i)
  where jsonb_typeof(e.value) = 'object' and e.value ->> 'url' <> ''
$$;

create or replace function engine.json_list(value jsonb) returns text[]
language sql immutable strict parallel safe set search_path = ''
as $$
  select array_agg(e.item order by e.i)
  from jsonb_array_elements_text(case jsonb_typeof(value) when 'array' then value else jsonb_build_array(value) end) with ordinality e (item, i)
  where e.item is not null
$$;

-- "Ada Lovelace" and "Lovelace, Ada". Of one word, a first name.
create or replace function engine.read_name(content text) returns text[]
language sql immutable strict parallel safe set search_path = ''
as $$
  select case
    when t ~ '^[^,]+,[^,]+$' then array[btrim(split_part(t, ',', 2)), btrim(split_part(t, ',', 1))]
    when t ~ '\s' then array[regexp_replace(t, '\s+\S+$', ''), regexp_replace(t, '^.*\s', '')]
    else array[t, null] end
  from engine.plain_text(content) t where t is not null
$$;

create or replace function engine.read_place(content text) returns double precision[]
language sql immutable strict parallel safe set search_path = ''
as $$
  select case when m[1]::numeric between -90 and 90 and m[2]::numeric between -180 and 180 then m::double precision[] end
  from regexp_match(engine.plain_text(content), '^([+-]?\d{1,3}(?:\.\d{1,15})?)\s*[,;]\s*([+-]?\d{1,3}(?:\.\d{1,15})?)$') m
$$;

-- An amount with the code or the sign of its currency before or after it.
create or replace function engine.read_money(content text) returns text[]
language sql immutable strict parallel safe set search_path = ''
as $$
  select case when engine.read_number(m.amount) is not null then array[engine.read_number(m.amount)::text, m.code] end
  from engine.plain_text(content) t
  cross join lateral (select regexp_replace(t, '^(-?)\s*(?:[A-Za-z]{3}|[€$£¥₹₽])\s*|\s*(?:[A-Za-z]{3}|[€$£¥₹₽])$', '\1', 'g') as amount,
    coalesce(upper((regexp_match(t, '^-?\s*([A-Za-z]{3})(?![A-Za-z])|(?<![A-Za-z])([A-Za-z]{3})$'))[1]),
      upper((regexp_match(t, '(?<![A-Za-z])([A-Za-z]{3})$'))[1]),
      case substring(t from '[€$£¥₹₽]') when '€' then 'EUR' when '$' then 'USD' when '£' then 'GBP' when '¥' then 'JPY' when '₹' then 'INR' when '₽' then 'RUB' end) as code) m
$$;

-- The options that a list of labels or values stands for; nothing when one is no option.
create or replace function engine.chosen_options(items text[], choices jsonb) returns text[]
language sql immutable strict parallel safe set search_path = ''
as $$
  select case when bool_and(choices ? lower(btrim(u.item))) then array_agg(choices ->> lower(btrim(u.item)) order by u.i) end
  from unnest(items) with ordinality u (item, i)
$$;

create or replace function engine.option_labels(items text[], labels jsonb) returns text[]
language sql immutable strict parallel safe set search_path = ''
as $$ select array_agg(coalesce(labels ->> u.item, u.item) order by u.i) from unnest(items) with ordinality u (item, i) $$;
