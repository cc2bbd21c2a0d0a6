-- The types of functions, and the walk over the tree.

create or replace function engine.formula_unit(node jsonb, units text[], name text) returns void
language plpgsql stable set search_path = ''
as $$
begin
  if node ->> 'k' is distinct from 'str' or lower(node ->> 'v') <> all (units) then
    perform engine.formula_call_error(format('"%s" is no unit of %s.', engine.formula_said(node), name), engine.formula_said(node), (node ->> 'at')::int,
      'Write one of these, in quotation marks: ' || array_to_string(units, ', '));
  end if;
end
$$;

create or replace function engine.formula_call(node jsonb, args jsonb, context text) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_at int := (node ->> 'at')::int;
  v_said text := node ->> 'fn';
  v_count int := jsonb_array_length(args);
  v_types text[] := array(select e ->> 't' from jsonb_array_elements(args) e);
  v_args jsonb := '[]';
  v_type text;
  v_result text;
  v_params text;
  v_min int;
  v_max int;
  f record;
begin
  select * into f from engine.formula_functions() g where lower(g.name) = lower(v_said);
  if not found then
    perform engine.formula_call_error(format('There is no function "%s".', v_said), v_said, v_at,
      engine.did_you_mean(v_said, array(select g.name from engine.formula_functions() g where context = 'RULE' or g.name not in ('myTeam', 'below') and (context = 'DEFAULT' or g.name not in ('now', 'today', 'currentMember')))));
  end if;
  v_params := regexp_replace(f.params, '[?+]', '', 'g');
  v_max := case f.name when 'if' then 3 when 'isEmpty' then 1 when 'length' then 1 when 'contains' then 2 when 'text' then 1 when 'number' then 1
    when 'round' then 2 when 'floor' then 1 when 'ceil' then 1 when 'abs' then 1 when 'date' then 3 when 'dateTime' then 6 when 'dateAdd' then 3 when 'dateDiff' then 3
    when 'startOf' then 2 when 'money' then 2 when 'amount' then 1 when 'currency' then 1 when 'duration' then 2 when 'now' then 0 when 'today' then 0
    when 'currentMember' then 0 when 'myTeam' then 0 when 'below' then 0 else case f.params when '*' then 100 else length(v_params) end end;
  v_min := case f.name when 'if' then 2 when 'switch' then 3 when 'round' then 1 when 'date' then 1 when 'dateTime' then 3 when 'coalesce' then 1
    when 'and' then 1 when 'or' then 1 when 'concat' then 1 when 'min' then 1 when 'max' then 1
    else case f.params when '*' then v_max else length(v_params) - (length(f.params) - length(replace(f.params, '?', ''))) end end;
  if v_count not between v_min and v_max then
    perform engine.formula_call_error(format('"%s" takes %s, not %s.', f.name,
        case when v_max = 0 then 'no arguments' when v_min = v_max then v_min || case v_min when 1 then ' argument' else ' arguments' end
          when v_max = 100 then 'at least ' || v_min || case v_min when 1 then ' argument' else ' arguments' end else v_min || ' to ' || v_max || ' arguments' end, v_count),
      v_said, v_at, 'Write it as ' || f.usage || '.');
  end if;

  case
    when f.template is not null then
      for i in 1 .. v_count loop
        v_args := v_args || jsonb_build_array(case substr(v_params, i, 1)
          when 'T' then engine.formula_expect(args -> (i - 1), 'TEXT', format('Argument %s of "%s"', i, f.name))
          when 'M' then case when v_types[i] = 'DATE' then args -> (i - 1) else engine.formula_expect(args -> (i - 1), 'DATE_TIME', format('Argument %s of "%s"', i, f.name)) end
          when 'H' then engine.formula_expect(args -> (i - 1), 'DATE_TIME', format('Argument %s of "%s"', i, f.name))
          else engine.formula_expect(args -> (i - 1), 'NUMBER', format('Argument %s of "%s"', i, f.name)) end);
      end loop;
      v_result := f.result;
    when f.name = 'if' then
      v_result := engine.formula_common_type(v_types[2:]);
      if v_result is not null then
        v_args := jsonb_build_array(engine.formula_expect(args -> 0, 'BOOLEAN', 'The condition of "if"'), engine.formula_as(args -> 1, v_result))
          || case when v_count = 3 then jsonb_build_array(engine.formula_as(args -> 2, v_result)) else '[]' end;
      end if;
    when f.name = 'switch' then
      declare
        -- Value, pairs of case and result, perhaps a last value.
        v_pairs int := (v_count - 1) / 2;
        v_key text := engine.formula_common_type(v_types[1:1] || array(select v_types[2 * i] from generate_series(1, v_pairs) i));
      begin
        if v_key is null or v_key in ('JSON', 'ARRAY', 'NULL') then
          perform engine.formula_type_error('The values that "switch" compares are of different kinds.', v_said, v_at, 'Write it as ' || f.usage || '.');
        end if;
        v_result := engine.formula_common_type(array(select v_types[2 * i + 1] from generate_series(1, v_pairs) i) || case when v_count % 2 = 0 then v_types[v_count:v_count] else '{}' end);
        if v_result is not null then
          for i in 1 .. v_count loop
            v_args := v_args || jsonb_build_array(case
              when i = 1 then engine.formula_as(args -> 0, v_key)
              when i % 2 = 0 and i < v_count then engine.formula_as(engine.formula_option(args -> 0, args -> (i - 1)), v_key)
              else engine.formula_as(args -> (i - 1), v_result) end);
          end loop;
        end if;
      end;
    when f.name in ('and', 'or') then
      select jsonb_agg(engine.formula_expect(e, 'BOOLEAN', format('Each argument of "%s"', f.name)) order by n) into v_args from jsonb_array_elements(args) with ordinality as u (e, n);
      v_result := 'BOOLEAN';
    when f.name = 'isEmpty' then
      v_args := args;
      v_result := 'BOOLEAN';
    when f.name in ('coalesce', 'min', 'max') then
      v_result := engine.formula_common_type(v_types);
      if v_result is not null and (f.name = 'coalesce' or v_result not in ('BOOLEAN', 'ARRAY', 'UUID', 'JSON')) then
        select jsonb_agg(engine.formula_as(e, v_result) order by n) into v_args from jsonb_array_elements(args) with ordinality as u (e, n);
      else
        v_result := null;
      end if;
    when f.name in ('concat', 'text') then
      select jsonb_agg(engine.formula_as(e, 'TEXT') order by n), case when bool_and(engine.formula_as(e, 'TEXT') is not null) then 'TEXT' end
        into v_args, v_result from jsonb_array_elements(args) with ordinality as u (e, n);
    when f.name = 'length' then
      v_args := case when v_types[1] = 'ARRAY' then args else jsonb_build_array(engine.formula_expect(args -> 0, 'TEXT', 'The argument of "length"')) end;
      v_result := 'NUMBER';
    when f.name = 'contains' then
      v_args := case when v_types[1] = 'ARRAY' then jsonb_build_array(args -> 0) else jsonb_build_array(engine.formula_expect(args -> 0, 'TEXT', 'The first argument of "contains"')) end
        || jsonb_build_array(engine.formula_expect(engine.formula_option(args -> 0, args -> 1), 'TEXT', 'The second argument of "contains"'));
      v_result := 'BOOLEAN';
    when f.name = 'number' then
      v_args := args;
      v_result := case when v_types[1] in ('TEXT', 'NUMBER', 'PERCENT', 'DURATION', 'NULL') then 'NUMBER' end;
      if v_types[1] = 'NULL' then v_args := jsonb_build_array(engine.formula_as(args -> 0, 'TEXT')); end if;
    when f.name in ('round', 'floor', 'ceil', 'abs') then
      v_result := case when v_types[1] in ('NUMBER', 'PERCENT', 'CURRENCY', 'DURATION') then v_types[1] when v_types[1] = 'NULL' then 'NUMBER' end;
      if v_result is not null then
        v_args := jsonb_build_array(engine.formula_as(args -> 0, v_result))
          || case when v_count = 2 then jsonb_build_array(engine.formula_expect(args -> 1, 'NUMBER', 'The number of decimals')) else '[]' end;
      end if;
    when f.name in ('date', 'dateTime') then
      v_args := args;
      v_result := case f.name when 'date' then 'DATE' else 'DATE_TIME' end;
      if v_count = 1 and v_types[1] in ('DATE', 'DATE_TIME') then
        v_args := jsonb_build_array(engine.formula_as(args -> 0, 'DATE_TIME'));
      elsif v_count = 1 then
        if args #>> '{0,k}' <> 'str' or not engine.is_calendar_day(args #>> '{0,v}') then
          perform engine.formula_type_error(format('"%s" is no date.', engine.formula_said(args -> 0)), engine.formula_said(args -> 0), v_at,
            'Write date(2026, 12, 31) or date("2026-12-31"); a date and time gives its day.');
        end if;
      elsif v_count < 3 then
        perform engine.formula_call_error('"date" takes 1 or 3 arguments, not 2.', v_said, v_at, 'Write it as ' || f.usage || '.');
      else
        select jsonb_agg(engine.formula_expect(e, 'NUMBER', format('Argument %s of "%s"', n, f.name)) order by n) into v_args from jsonb_array_elements(args) with ordinality as u (e, n);
      end if;
    when f.name = 'dateAdd' then
      perform engine.formula_unit(args -> 2, '{day,week,month,quarter,year,hour,minute,second}', 'dateAdd');
      v_result := case when v_types[1] = 'DATE' and lower(args #>> '{2,v}') not in ('hour', 'minute', 'second') then 'DATE' else 'DATE_TIME' end;
      v_args := jsonb_build_array(engine.formula_expect(args -> 0, v_result, 'The first argument of "dateAdd"'), engine.formula_expect(args -> 1, 'NUMBER', 'The second argument of "dateAdd"'), args -> 2);
    when f.name = 'dateDiff' then
      perform engine.formula_unit(args -> 2, '{day,week,month,quarter,year,hour,minute,second}', 'dateDiff');
      v_args := jsonb_build_array(engine.formula_expect(args -> 0, 'DATE_TIME', 'The first argument of "dateDiff"'), engine.formula_expect(args -> 1, 'DATE_TIME', 'The second argument of "dateDiff"'), args -> 2);
      v_result := 'NUMBER';
    when f.name = 'startOf' then
      perform engine.formula_unit(args -> 1, '{day,week,month,quarter,year,hour}', 'startOf');
      v_result := case when v_types[1] = 'DATE' then 'DATE' else 'DATE_TIME' end;
      v_args := jsonb_build_array(engine.formula_expect(args -> 0, v_result, 'The first argument of "startOf"'), args -> 1);
    when f.name = 'money' then
      if args #>> '{1,k}' = 'str' and args #>> '{1,v}' !~ '^[A-Z]{3}$' then
        perform engine.formula_type_error(format('"%s" is no currency.', args #>> '{1,v}'), args #>> '{1,v}', (args #>> '{1,at}')::int, 'Write the code of three letters, such as "EUR".');
      end if;
      v_args := jsonb_build_array(engine.formula_expect(args -> 0, 'NUMBER', 'The first argument of "money"'), engine.formula_expect(args -> 1, 'TEXT', 'The second argument of "money"'));
      v_result := 'CURRENCY';
    when f.name in ('amount', 'currency') then
      v_args := jsonb_build_array(engine.formula_expect(args -> 0, 'CURRENCY', format('The argument of "%s"', f.name)));
      v_result := case f.name when 'amount' then 'NUMBER' else 'TEXT' end;
    when f.name = 'duration' then
      perform engine.formula_unit(args -> 1, '{second,minute,hour,day,week}', 'duration');
      v_args := jsonb_build_array(engine.formula_expect(args -> 0, 'NUMBER', 'The first argument of "duration"'), args -> 1);
      v_result := 'DURATION';
    when f.name in ('now', 'today', 'currentMember') then
      if context not in ('DEFAULT', 'RULE') then
        perform engine.formula_context_error(format('"%s()" changes by itself, so it cannot be used here.', f.name), v_said, v_at,
          case f.name when 'currentMember' then 'It is possible in default values. Who created or changed a record is in createdBy and updatedBy.'
            else 'What is computed is stored and indexed, and would be wrong a moment later. Use updatedAt or a date field, or filter the list by "today" instead. In default values it is possible.' end);
      end if;
      v_result := case f.name when 'now' then 'DATE_TIME' when 'today' then 'DATE' else 'UUID' end;
    when f.name in ('myTeam', 'below') then
      if context <> 'RULE' then
        perform engine.formula_context_error(format('"%s()" is different for everybody, so it cannot be used here.', f.name), v_said, v_at,
          'It is possible in the rules of a role that say which records its members see.');
      end if;
      v_result := 'MEMBERS';
    else
      perform engine.formula_call_error(format('"%s" is written without a function''s brackets.', f.name), v_said, v_at, 'Write it as ' || f.usage || '.');
  end case;
  if v_result is null then
    perform engine.formula_type_error(
      case when v_count = 1 then format('"%s" cannot be given "%s", which is %s.', f.name, engine.formula_said(args -> 0), engine.formula_type_name(v_types[1]))
        else format('"%s" is given values of different kinds: %s.', f.name, (select string_agg(distinct engine.formula_type_name(t), ' and ') from unnest(case f.name when 'if' then v_types[2:] else v_types end) as u (t) where t <> 'NULL')) end,
      v_said, v_at, 'text(…) makes a text of a value, number(…) a number of a text.');
  end if;
  return jsonb_build_object('k', 'call', 'fn', f.name, 'at', v_at, 't', v_result, 'args', v_args);
end
$$;

create or replace function engine.is_calendar_day(value text) returns boolean
language plpgsql immutable set search_path = ''
as $$
begin
  return value ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$'
    and make_date(left(value, 4)::int, substr(value, 6, 2)::int, right(value, 2)::int) is not null;
exception when data_exception then
  return false;
end
$$;

create or replace function engine.formula_typed(node jsonb, object_id uuid, context text) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_args jsonb;
begin
  case node ->> 'k'
    when 'num' then return node || '{"t": "NUMBER"}';
    when 'str' then return node || '{"t": "TEXT"}';
    when 'bool' then return node || '{"t": "BOOLEAN"}';
    when 'null' then return node || '{"t": "NULL"}';
    when 'ref' then return engine.formula_reference(node, object_id, context);
    else
      select coalesce(jsonb_agg(engine.formula_typed(e, object_id, context) order by n), '[]') into v_args
      from jsonb_array_elements(node -> 'args') with ordinality as u (e, n);
      case node ->> 'k'
        when 'op' then return engine.formula_operation(node, v_args);
        when 'call' then return engine.formula_call(node, v_args, context);
        else return node || jsonb_build_object('args', v_args);
      end case;
  end case;
end
$$;
