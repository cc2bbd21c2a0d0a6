-- Powers overflow, and those of a negative base or of zero are not all defined; the order of the
-- conditions is the order in which PostgreSQL looks at them.
create or replace function engine.formula_power(base text, exponent text) returns text
language sql immutable parallel safe set search_path = ''
  return replace(replace('case when abs(<e>) > 100000 then null
    when <b> > 0 then case when abs(<e> * ln(<b>)) < 140 then power(<b>, <e>) end
    when <b> < 0 then case when <e> = trunc(<e>) and abs(<e> * ln(abs(<b>))) < 140 then power(<b>, <e>) end
    when <b> = 0 then case when <e> > 0 then 0 when <e> = 0 then 1 end end', '<b>', base), '<e>', exponent);

-- The functions of the formula language: the allow-list, and for most of them the whole of what
-- they do. Each template calls only immutable functions of PostgreSQL's own, since generated
-- columns allow nothing else, and yields a value (or null) whatever its arguments: an error here
-- would keep the record from being read. Functions without a template have rules of their own
-- (engine.formula_call).
--
-- Parameters: T text, N number, I whole number, B true/false, M date or date and time (as a
-- timestamp of UTC), H date and time, ? optional, + one or more, * any, U a unit, L a literal text.
create or replace function engine.formula_functions()
returns table (name text, params text, result text, template text, defaults text[], usage text)
language sql immutable parallel safe set search_path = ''
as $$
  select * from (values
    ('if', '*', null, null, null::text[], 'if(condition, value, otherwise)'),
    ('switch', '*', null, null, null, 'switch(value, "A", result, "B", result, otherwise)'),
    ('and', '*', null, null, null, 'and(condition, condition, …)'),
    ('or', '*', null, null, null, 'or(condition, condition, …)'),
    ('not', '*', null, null, null, 'not(condition)'),
    ('isEmpty', '*', null, null, null, 'isEmpty(value)'),
    ('coalesce', '*', null, null, null, 'coalesce(value, value, …)'),
    ('concat', '*', null, null, null, 'concat(value, value, …)'),
    ('min', '*', null, null, null, 'min(value, value, …)'),
    ('max', '*', null, null, null, 'max(value, value, …)'),
    ('upper', 'T', 'TEXT', 'upper(%1$s)', null, 'upper(text)'),
    ('lower', 'T', 'TEXT', 'lower(%1$s)', null, 'lower(text)'),
    ('trim', 'T', 'TEXT', 'btrim(%1$s)', null, 'trim(text)'),
    ('left', 'TI', 'TEXT', 'left(%1$s, greatest(%2$s, 0))', null, 'left(text, count)'),
    ('right', 'TI', 'TEXT', 'right(%1$s, greatest(%2$s, 0))', null, 'right(text, count)'),
    ('mid', 'TII?', 'TEXT', 'substr(%1$s, greatest(%2$s, 1), greatest(%3$s, 0))', '{1000000}', 'mid(text, start, count)'),
    ('length', '*', null, null, null, 'length(text)'),
    -- Bounded, for replacing each letter by a long text, and so again, would never end.
    ('replace', 'TTT', 'TEXT', 'left(replace(left(%1$s, 10000), left(%2$s, 1000), left(%3$s, 1000)), 10000)', null, 'replace(text, old, new)'),
    ('contains', '*', null, null, null, 'contains(text, part)'),
    ('startsWith', 'TT', 'BOOLEAN', 'coalesce(starts_with(%1$s, %2$s), false)', null, 'startsWith(text, beginning)'),
    ('endsWith', 'TT', 'BOOLEAN', 'coalesce(right(%1$s, length(%2$s)) = %2$s, false)', null, 'endsWith(text, end)'),
    ('text', '*', null, null, null, 'text(value)'),
    ('number', '*', null, null, null, 'number(value)'),
    ('percent', 'N', 'PERCENT', '%1$s', null, 'percent(fraction)'),
    ('round', '*', null, null, null, 'round(number, decimals)'),
    ('floor', '*', null, null, null, 'floor(number)'),
    ('ceil', '*', null, null, null, 'ceil(number)'),
    ('abs', '*', null, null, null, 'abs(number)'),
    ('mod', 'NN', 'NUMBER', 'mod(%1$s, nullif(%2$s, 0))', null, 'mod(number, divisor)'),
    ('power', 'NN', 'NUMBER', engine.formula_power('%1$s', '%2$s'), null, 'power(base, exponent)'),
    ('sqrt', 'N', 'NUMBER', 'case when %1$s >= 0 then sqrt(%1$s) end', null, 'sqrt(number)'),
    ('date', '*', null, null, null, 'date(year, month, day)'),
    ('dateTime', '*', null, null, null, 'dateTime(year, month, day, hour, minute, second)'),
    ('dateAdd', '*', null, null, null, 'dateAdd(date, count, "day")'),
    ('dateDiff', '*', null, null, null, 'dateDiff(from, to, "day")'),
    ('startOf', '*', null, null, null, 'startOf(date, "month")'),
    ('year', 'M', 'NUMBER', 'extract(year from %1$s)', null, 'year(date)'),
    ('quarter', 'M', 'NUMBER', 'extract(quarter from %1$s)', null, 'quarter(date)'),
    ('month', 'M', 'NUMBER', 'extract(month from %1$s)', null, 'month(date)'),
    ('week', 'M', 'NUMBER', 'extract(week from %1$s)', null, 'week(date)'),
    ('day', 'M', 'NUMBER', 'extract(day from %1$s)', null, 'day(date)'),
    ('weekday', 'M', 'NUMBER', 'extract(isodow from %1$s)', null, 'weekday(date)'),
    ('hour', 'H', 'NUMBER', 'extract(hour from %1$s)', null, 'hour(dateTime)'),
    ('minute', 'H', 'NUMBER', 'extract(minute from %1$s)', null, 'minute(dateTime)'),
    ('second', 'H', 'NUMBER', 'trunc(extract(second from %1$s))', null, 'second(dateTime)'),
    ('money', '*', null, null, null, 'money(number, "EUR")'),
    ('amount', '*', null, null, null, 'amount(money)'),
    ('currency', '*', null, null, null, 'currency(money)'),
    ('duration', '*', null, null, null, 'duration(count, "hour")'),
    ('now', '*', null, null, null, 'now()'),
    ('today', '*', null, null, null, 'today()'),
    ('currentMember', '*', null, null, null, 'currentMember()'),
    ('myTeam', '*', null, null, null, 'myTeam()'),
    ('below', '*', null, null, null, 'below()')
  ) as f (name, params, result, template, defaults, usage)
$$;
