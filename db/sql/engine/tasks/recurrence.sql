-- When a task comes again, written as calendars write it (RFC 5545): FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH. Days are those of the assignee's
-- time zone. A month that lacks the day takes its last one, since what is to be done on the 31st is not skipped in April.

-- The parts of a recurrence; null for what cannot be read.
create or replace function engine.read_recurrence(recurrence text) returns jsonb
language plpgsql immutable parallel safe set search_path = ''
as $$
declare
  v_text text := upper(regexp_replace(recurrence, '^\s*(RRULE:)?|\s+|;\s*$', '', 'gi'));
  v_parts jsonb;
  v_freq text;
begin
  if v_text !~ '^[A-Z]+=[^=;]+(;[A-Z]+=[^=;]+)*$' or length(v_text) > 200 then
    return null;
  end if;
  select jsonb_object_agg(split_part(p, '=', 1), split_part(p, '=', 2)) into v_parts from regexp_split_to_table(v_text, ';') p;
  v_freq := v_parts ->> 'FREQ';
  if (select count(*) from regexp_split_to_table(v_text, ';')) <> (select count(*) from jsonb_object_keys(v_parts))
    or v_parts - '{FREQ,INTERVAL,BYDAY,BYMONTHDAY,UNTIL,COUNT,WKST}'::text[] <> '{}'
    or v_freq is null or v_freq not in ('DAILY', 'WEEKLY', 'MONTHLY', 'YEARLY')
    or coalesce(v_parts ->> 'INTERVAL', '1') !~ '^[1-9][0-9]{0,2}$'
    or coalesce(v_parts ->> 'COUNT', '1') !~ '^[1-9][0-9]{0,3}$'
    or v_parts ?& '{COUNT,UNTIL}'::text[] or v_parts ?& '{BYDAY,BYMONTHDAY}'::text[]
    or v_parts ? 'BYDAY' and not coalesce(case v_freq when 'WEEKLY' then v_parts ->> 'BYDAY' ~ '^(MO|TU|WE|TH|FR|SA|SU)(,(MO|TU|WE|TH|FR|SA|SU))*$'
      when 'MONTHLY' then v_parts ->> 'BYDAY' ~ '^([1-5]|-1)(MO|TU|WE|TH|FR|SA|SU)$' end, false)
    or v_parts ? 'BYMONTHDAY' and not (v_freq in ('MONTHLY', 'YEARLY') and v_parts ->> 'BYMONTHDAY' ~ '^([1-9]|[12][0-9]|3[01]|-1)$')
    or v_parts ? 'UNTIL' and v_parts ->> 'UNTIL' !~ '^[0-9]{8}(T[0-9]{6}Z?)?$' then
    return null;
  end if;
  if v_parts ? 'UNTIL' then
    -- There is no 30 February.
    perform make_date(left(v_parts ->> 'UNTIL', 4)::int, substr(v_parts ->> 'UNTIL', 5, 2)::int, substr(v_parts ->> 'UNTIL', 7, 2)::int);
  end if;
  return v_parts - 'WKST';
exception when datetime_field_overflow then
  return null;
end
$$;

create or replace function engine.write_recurrence(parts jsonb) returns text
language sql immutable parallel safe set search_path = ''
  return (select string_agg(k || '=' || (parts ->> k), ';' order by n) from unnest('{FREQ,INTERVAL,BYDAY,BYMONTHDAY,UNTIL,COUNT}'::text[]) with ordinality u (k, n) where parts ? k);

-- The day of the month that a recurrence means: the third, the last, the second Tuesday.
create or replace function engine.recurrence_day(parts jsonb, month date, usual int) returns date
language plpgsql immutable parallel safe set search_path = ''
as $$
declare
  v_first date := date_trunc('month', month)::date;
  v_last date := (date_trunc('month', month) + interval '1 month' - interval '1 day')::date;
  v_weekday int;
  v_nth int;
begin
  if parts ? 'BYDAY' then
    v_weekday := array_position('{MO,TU,WE,TH,FR,SA,SU}'::text[], right(parts ->> 'BYDAY', 2));
    v_nth := left(parts ->> 'BYDAY', -2)::int;
    if v_nth = -1 then
      return v_last - ((extract(isodow from v_last)::int - v_weekday + 7) % 7);
    end if;
    v_first := v_first + ((v_weekday - extract(isodow from v_first)::int + 7) % 7) + 7 * (v_nth - 1);
    return case when v_first <= v_last then v_first end;
  elsif parts ->> 'BYMONTHDAY' = '-1' then
    return v_last;
  end if;
  return least(v_last, v_first + coalesce((parts ->> 'BYMONTHDAY')::int, usual) - 1);
end
$$;

-- The first day after a day of the recurrence.
create or replace function engine.next_recurrence_day(parts jsonb, day date) returns date
language plpgsql immutable parallel safe set search_path = ''
as $$
declare
  v_interval int := coalesce((parts ->> 'INTERVAL')::int, 1);
  v_days int[];
  v_weekday int := extract(isodow from day);
  v_next date;
begin
  case parts ->> 'FREQ'
    when 'DAILY' then
      return day + v_interval;
    when 'WEEKLY' then
      v_days := coalesce((select array_agg(array_position('{MO,TU,WE,TH,FR,SA,SU}'::text[], d)) from regexp_split_to_table(parts ->> 'BYDAY', ',') d), array[v_weekday]);
      return coalesce((select min(d) - v_weekday + day from unnest(v_days) d where d > v_weekday),
        day - v_weekday + 7 * v_interval + (select min(d) from unnest(v_days) d));
    else
      -- A fifth Monday is not in every month.
      for i in 0 .. 60 loop
        v_next := engine.recurrence_day(parts, (date_trunc('month', day) + make_interval(months => i * v_interval * case parts ->> 'FREQ' when 'YEARLY' then 12 else 1 end))::date,
          extract(day from day)::int);
        if v_next > day then
          return v_next;
        end if;
      end loop;
      return null;
  end case;
end
$$;

-- When a task that was due at a moment comes next, later than `after`, and how it goes on repeating from there. What was missed meanwhile is not made up
-- for, but counts. Nothing when the recurrence has ended.
create or replace function engine.next_occurrence(recurrence text, due timestamptz, zone text, after timestamptz, out next_due timestamptz, out next_recurrence text)
language plpgsql stable set search_path = ''
as $$
declare
  v_parts jsonb := engine.read_recurrence(recurrence);
  v_due timestamp := due at time zone zone;
  v_day date := v_due::date;
  v_count int := (v_parts ->> 'COUNT')::int;
begin
  -- From the 31st it goes to the 30th and back.
  if v_parts ->> 'FREQ' in ('MONTHLY', 'YEARLY') and not v_parts ?| '{BYDAY,BYMONTHDAY}'::text[] and extract(day from v_day) > 28 then
    v_parts := v_parts || jsonb_build_object('BYMONTHDAY', extract(day from v_day)::text);
  end if;
  loop
    v_day := engine.next_recurrence_day(v_parts, v_day);
    v_count := v_count - 1;
    if v_day is null or v_count < 1 or v_day > to_date(left(v_parts ->> 'UNTIL', 8), 'YYYYMMDD') then
      next_due := null;
      return;
    end if;
    next_due := (v_day + v_due::time) at time zone zone;
    exit when next_due > after;
  end loop;
  next_recurrence := engine.write_recurrence(v_parts || case when v_count is null then '{}' else jsonb_build_object('COUNT', v_count::text) end);
end
$$;
