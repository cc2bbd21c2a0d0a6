-- What the names in a formula mean, and the type of each part of it. A typed node bears "t": NUMBER,
-- PERCENT, CURRENCY, TEXT, BOOLEAN, DATE, DATE_TIME, DURATION, ARRAY, UUID, JSON (asked only
-- whether it is empty) or NULL. Fields are named by id from here on, so that renames change nothing.

create or replace function engine.formula_type_name(t text) returns text
language sql immutable parallel safe set search_path = ''
  return case t when 'NUMBER' then 'a number' when 'PERCENT' then 'a percentage' when 'CURRENCY' then 'an amount of money' when 'TEXT' then 'a text'
    when 'BOOLEAN' then 'true or false' when 'DATE' then 'a date' when 'DATE_TIME' then 'a date and time' when 'DURATION' then 'a duration'
    when 'ARRAY' then 'a list' when 'UUID' then 'a record' when 'MEMBERS' then 'a list of members' when 'NULL' then 'nothing' else 'data without a simple value' end;

-- How a value of a column looks to a formula.
create or replace function engine.formula_column_type(pg_type text) returns text
language sql immutable parallel safe set search_path = ''
  return case pg_type when 'text' then 'TEXT' when 'double precision' then 'NUMBER' when 'bigint' then 'NUMBER' when 'numeric' then 'NUMBER'
    when 'smallint' then 'NUMBER' when 'boolean' then 'BOOLEAN' when 'date' then 'DATE' when 'timestamp with time zone' then 'DATE_TIME'
    when 'uuid' then 'UUID' when 'text[]' then 'ARRAY' when 'jsonb' then 'JSON' end;

-- The part that stands for a composite field where none is named; null where one must be.
create or replace function engine.formula_main_part(field_type text) returns text
language sql immutable parallel safe set search_path = ''
  return case field_type when 'EMAILS' then 'primaryEmail' when 'PHONES' then 'primaryPhoneNumber' when 'LINKS' then 'primaryLinkUrl'
    when 'RICH_TEXT' then 'markdown' when 'ACTOR' then 'name' when 'AUTO_NUMBER' then 'text' end;

-- Resolves a path of names from an object: its own fields, parts of them, and fields of the records
-- that its relations point to, two relations far.
create or replace function engine.formula_reference(node jsonb, object_id uuid, context text) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_path text[] := array(select jsonb_array_elements_text(node -> 'path'));
  v_at int := (node ->> 'at')::int;
  v_said text := array_to_string(v_path, '.');
  v_object uuid := object_id;
  v_via jsonb := '[]';
  v_field metadata.fields;
  v_part text := '';
  v_type text;
  v_target uuid;
  i int := 1;
begin
  if context = 'DEFAULT' then
    perform engine.formula_context_error(format('A default value cannot read the field "%s": there is no record yet.', v_said), v_said, v_at,
      'Use now(), today(), currentMember() and constants, or make the field a formula.');
  end if;
  loop
    -- Names of functions without brackets are a common slip.
    select f.* into v_field from metadata.fields f
    where f.object_id = v_object and f.deleted_at is null and f.type <> 'TS_VECTOR' and (lower(f.name) = lower(v_path[i])
      -- A former name is understood, as it is in requests.
      or f.id in (select a.field_id from metadata.aliases a where a.object_id = v_object and a.name = v_path[i]))
    order by f.name = v_path[i] desc, lower(f.name) = lower(v_path[i]) desc limit 1;
    if not found then
      perform engine.formula_name_error(
        format('There is no field "%s" in %s.', v_path[i], (select o.label_plural from metadata.objects o where o.id = v_object)), v_path[i], v_at,
        case
          when exists (select from engine.formula_functions() f where lower(f.name) = lower(v_path[i])) then format('The function is written with brackets: %s.', (select f.usage from engine.formula_functions() f where lower(f.name) = lower(v_path[i])))
          when exists (select from metadata.relations r where r.target_object_id = v_object and lower(r.inverse_name) = lower(v_path[i]) and r.deleted_at is null)
            then format('"%s" are many records. A rollup field counts, adds or lists them.', v_path[i])
          else engine.did_you_mean(v_path[i], array(select f.name from metadata.fields f where f.object_id = v_object and f.deleted_at is null and f.type not in ('TS_VECTOR', 'MANY_TO_MANY')))
            || case when v_path[i] ~ '^[A-Z]' then ' A text stands in quotation marks.' else '' end
        end);
    end if;
    exit when v_field.type not in ('RELATION', 'MEMBER') or i = cardinality(v_path);
    if jsonb_array_length(v_via) = 2 then
      perform engine.formula_context_error(format('"%s" goes over more than two relations.', v_said), v_said, v_at, 'Add a formula field to the object between, and read that.');
    end if;
    select r.target_object_id into v_target from metadata.relations r where r.field_id = v_field.id and r.deleted_at is null;
    v_via := v_via || to_jsonb(v_field.id);
    v_object := v_target;
    i := i + 1;
  end loop;
  if v_via <> '[]' and context in ('CONDITION', 'FILTER') then
    perform engine.formula_context_error(format('A condition reads fields of the record itself, not "%s".', v_said), v_said, v_at,
      format('Add a formula field with the expression %s, and use that field here.', v_said));
  end if;

  case
    when v_field.type in ('RELATION', 'MEMBER') then v_type := 'UUID';
    when v_field.type = 'MANY_TO_MANY' then
      perform engine.formula_type_error(format('"%s" are many records; a formula reads one.', v_said), v_said, v_at, 'A rollup field counts, adds or lists them.');
    when v_field.type = 'MORPH_RELATION' then
      if i < cardinality(v_path) then
        perform engine.formula_type_error(format('"%s" points to records of several objects, so their fields cannot be read here.', v_field.name), v_said, v_at);
      end if;
      v_type := 'UUID';
    when v_field.type in ('FORMULA', 'ROLLUP') then
      if v_field.result_type is null then
        perform engine.formula_name_error(format('The field "%s" is not computed yet.', v_field.name), v_said, v_at, 'Correct its own settings first.');
      end if;
      v_type := v_field.result_type;
    when v_field.type = 'CURRENCY' then v_type := 'CURRENCY';
    when v_field.type = 'FULL_NAME' then v_type := 'TEXT';
    when v_field.type in ('PERCENT', 'DURATION') then v_type := v_field.type;
    else
      v_part := coalesce(engine.formula_main_part(v_field.type), '');
      select engine.formula_column_type(c.pg_type) into v_type from engine.field_type_columns c where c.type = v_field.type and c.part = v_part;
      v_type := coalesce(v_type, 'JSON');
  end case;
  if i < cardinality(v_path) then
    i := i + 1;
    select c.part, engine.formula_column_type(c.pg_type) into v_part, v_type from engine.field_type_columns c
    where c.type = case when v_field.type in ('FORMULA', 'ROLLUP') then v_field.result_type else v_field.type end and c.part <> '' and lower(c.part) = lower(v_path[i]);
    if not found or i < cardinality(v_path) then
      perform engine.formula_name_error(format('The field "%s" has no part "%s".', v_field.name, array_to_string(v_path[i:], '.')), v_path[i], v_at,
        coalesce((select engine.did_you_mean(v_path[i], array_agg(c.part)) from engine.field_type_columns c where c.type = v_field.type and c.part <> '' having count(*) > 0),
          format('Write %s alone.', v_field.name)));
    end if;
  end if;
  return jsonb_build_object('k', 'field', 'at', v_at, 't', v_type, 'field', v_field.id, 'part', v_part)
    || case when v_via = '[]' then '{}' else jsonb_build_object('via', v_via) end
    || case when v_field.type in ('SELECT', 'MULTI_SELECT', 'MORPH_RELATION', 'ADDRESS', 'LOCATION') and v_part = '' then jsonb_build_object('ft', v_field.type) else '{}' end;
end
$$;

-- What a node says, in the words of the formula: for messages.
create or replace function engine.formula_said(node jsonb) returns text
language sql stable set search_path = ''
  return case node ->> 'k'
    when 'field' then (select f.name from metadata.fields f where f.id = (node ->> 'field')::uuid)
    when 'null' then 'null'
    else coalesce(node ->> 'v', node ->> 'op', node ->> 'fn', '(…)') end;

-- A node as another type, where that says the same: a whole day as a moment, a number as an amount
-- of the currency around it, anything simple as text. Null where it does not.
create or replace function engine.formula_as(node jsonb, t text) returns jsonb
language plpgsql immutable parallel safe set search_path = ''
as $$
begin
  return case
    when node ->> 't' = t then node
    -- Of a choice between nothings each is one of the type.
    when node ->> 't' = 'NULL' then node || jsonb_build_object('t', t) || case when node ? 'args' then jsonb_build_object('args', (
      select jsonb_agg(case when e ->> 't' = 'NULL' then engine.formula_as(e, t) else e end order by n) from jsonb_array_elements(node -> 'args') with ordinality as u (e, n))) else '{}' end
    when (node ->> 't', t) in (('NUMBER', 'PERCENT'), ('PERCENT', 'NUMBER')) then node || jsonb_build_object('t', 'NUMBER')
    when (node ->> 't', t) in (('DATE', 'DATE_TIME'), ('NUMBER', 'CURRENCY'))
      or (t = 'TEXT' and node ->> 't' in ('NUMBER', 'PERCENT', 'CURRENCY', 'BOOLEAN', 'DATE', 'DATE_TIME', 'DURATION', 'UUID'))
      then jsonb_build_object('k', 'cast', 'at', node -> 'at', 't', t, 'args', jsonb_build_array(node))
  end;
end
$$;

-- The type that several values have in common; null when they have none.
create or replace function engine.formula_common_type(types text[]) returns text
language sql immutable parallel safe set search_path = ''
as $$
  select case
    when count(distinct t) = 0 then 'NULL'
    when count(distinct t) = 1 then min(t)
    when bool_and(t in ('NUMBER', 'PERCENT')) then 'NUMBER'
    when bool_and(t in ('NUMBER', 'CURRENCY')) then 'CURRENCY'
    when bool_and(t in ('DATE', 'DATE_TIME')) then 'DATE_TIME'
  end
  from unnest(types) as u (t) where t <> 'NULL'
$$;

-- A literal compared with a select must be one of its options: a misspelt one would be false for ever.
create or replace function engine.formula_option(field jsonb, literal jsonb) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_field metadata.fields;
  v_value text;
begin
  if field ->> 'ft' not in ('SELECT', 'MULTI_SELECT') or not field ? 'ft' or literal ->> 'k' <> 'str' then
    return literal;
  end if;
  select f.* into v_field from metadata.fields f where f.id = (field ->> 'field')::uuid;
  select o ->> 'value' into v_value from jsonb_array_elements(v_field.options) o
  where literal ->> 'v' in (o ->> 'value', o ->> 'label') order by o ->> 'value' = literal ->> 'v' desc limit 1;
  if not found then
    perform engine.formula_type_error(format('"%s" is no option of the field "%s".', literal ->> 'v', v_field.name), literal ->> 'v', (literal ->> 'at')::int,
      engine.did_you_mean(literal ->> 'v', array(select o ->> 'value' from jsonb_array_elements(v_field.options) o)));
  end if;
  return literal || jsonb_build_object('v', v_value, 'of', v_field.id);
end
$$;

create or replace function engine.formula_expect(node jsonb, t text, what text) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_node jsonb := engine.formula_as(node, t);
begin
  -- To write a number where a text is wanted is more often a slip than meant.
  if v_node is null or (t = 'TEXT' and node ->> 't' not in ('TEXT', 'NULL')) or (t = 'CURRENCY' and node ->> 't' = 'NUMBER') then
    perform engine.formula_type_error(format('%s must be %s, but "%s" is %s.', what, engine.formula_type_name(t), engine.formula_said(node), engine.formula_type_name(node ->> 't')),
      engine.formula_said(node), (node ->> 'at')::int,
      case when t = 'TEXT' then 'text(…) makes a text of a value.' when t = 'NUMBER' and node ->> 't' = 'TEXT' then 'number(…) reads a number from a text.'
        when t = 'NUMBER' and node ->> 't' = 'CURRENCY' then 'amount(…) gives the number of an amount of money.'
        when t = 'NUMBER' and node ->> 't' = 'DURATION' then 'number(…) gives the seconds of a duration.'
        when t = 'BOOLEAN' then 'Write a comparison, such as amount > 0 or not isEmpty(name).' end);
  end if;
  return v_node;
end
$$;

create or replace function engine.formula_operation(node jsonb, args jsonb) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_op text := node ->> 'op';
  v_at int := (node ->> 'at')::int;
  a jsonb := args -> 0;
  b jsonb := args -> 1;
  ta text := a ->> 't';
  tb text := b ->> 't';
  v_type text;
  v_result text;
begin
  case
    when v_op in ('and', 'or') then
      a := engine.formula_expect(a, 'BOOLEAN', format('What stands before "%s"', v_op));
      b := engine.formula_expect(b, 'BOOLEAN', format('What stands after "%s"', v_op));
      v_result := 'BOOLEAN';
    when v_op = 'not' then
      a := engine.formula_expect(a, 'BOOLEAN', 'What stands after "not"');
      v_result := 'BOOLEAN';
    when v_op = 'neg' then
      v_result := case when ta in ('NUMBER', 'PERCENT', 'CURRENCY', 'DURATION') then ta when ta = 'NULL' then 'NUMBER' end;
      if ta = 'NULL' then a := engine.formula_as(a, 'NUMBER'); end if;
    when v_op = '&' then
      v_result := case when engine.formula_as(a, 'TEXT') is not null and engine.formula_as(b, 'TEXT') is not null then 'TEXT' end;
      a := coalesce(engine.formula_as(a, 'TEXT'), a);
      b := coalesce(engine.formula_as(b, 'TEXT'), b);
    when v_op = 'in' then
      if b ->> 'k' = 'list' then
        v_type := engine.formula_common_type(array[ta] || array(select e ->> 't' from jsonb_array_elements(b -> 'args') e));
        if v_type is not null and v_type not in ('ARRAY', 'JSON', 'NULL') then
          a := engine.formula_as(a, v_type);
          b := b || jsonb_build_object('args', (select coalesce(jsonb_agg(engine.formula_as(engine.formula_option(a, e), v_type)), '[]') from jsonb_array_elements(b -> 'args') e));
          v_result := 'BOOLEAN';
        end if;
      elsif tb = 'MEMBERS' and ta = 'UUID' then
        v_result := 'BOOLEAN';
      elsif tb = 'ARRAY' and ta in ('TEXT', 'NULL') then
        a := engine.formula_as(engine.formula_option(b, a), 'TEXT');
        v_result := 'BOOLEAN';
      end if;
    when v_op in ('=', '!=', '<', '<=', '>', '>=') then
      v_type := engine.formula_common_type(array[ta, tb]);
      if v_type is not null and v_type <> 'JSON' and (v_op in ('=', '!=') or v_type not in ('ARRAY', 'UUID', 'BOOLEAN', 'NULL')) then
        a := engine.formula_option(b, a);
        b := engine.formula_option(a, b);
        a := engine.formula_as(a, case v_type when 'NULL' then 'TEXT' else v_type end);
        b := engine.formula_as(b, case v_type when 'NULL' then 'TEXT' else v_type end);
        v_result := 'BOOLEAN';
      end if;
    else
      -- A percentage is a number, and nothing is a number, too, unless what it stands with is a date.
      if ta = 'NULL' then ta := case when tb = 'NULL' or v_op in ('*', '/', '^', '%') then 'NUMBER' else tb end; a := engine.formula_as(a, ta); end if;
      if tb = 'NULL' then tb := case when v_op in ('*', '/', '^', '%') or ta in ('DATE', 'DATE_TIME') then 'NUMBER' else ta end; b := engine.formula_as(b, tb); end if;
      v_result := case
        when v_op in ('+', '-') and ta = 'PERCENT' and tb = 'PERCENT' then 'PERCENT'
        when ta in ('NUMBER', 'PERCENT') and tb in ('NUMBER', 'PERCENT') then 'NUMBER'
        when v_op in ('+', '-') and (ta, tb) in (('CURRENCY', 'CURRENCY'), ('CURRENCY', 'NUMBER'), ('NUMBER', 'CURRENCY')) then 'CURRENCY'
        when v_op in ('+', '-') and ta = 'DURATION' and tb = 'DURATION' then 'DURATION'
        when v_op in ('+', '-') and ta in ('DATE', 'DATE_TIME') and tb = 'NUMBER' then ta
        when v_op = '+' and ta = 'NUMBER' and tb in ('DATE', 'DATE_TIME') then tb
        when v_op in ('+', '-') and ta in ('DATE', 'DATE_TIME') and tb = 'DURATION' then 'DATE_TIME'
        when v_op = '+' and ta = 'DURATION' and tb in ('DATE', 'DATE_TIME') then 'DATE_TIME'
        when v_op = '-' and ta = 'DATE' and tb = 'DATE' then 'NUMBER'
        when v_op = '-' and ta in ('DATE', 'DATE_TIME') and tb in ('DATE', 'DATE_TIME') then 'DURATION'
        when v_op = '*' and ta in ('CURRENCY', 'DURATION') and tb in ('NUMBER', 'PERCENT') then ta
        when v_op = '*' and ta in ('NUMBER', 'PERCENT') and tb in ('CURRENCY', 'DURATION') then tb
        when v_op = '/' and ta in ('CURRENCY', 'DURATION') and tb in ('NUMBER', 'PERCENT') then ta
        when v_op = '/' and ta in ('CURRENCY', 'DURATION') and tb = ta then 'NUMBER'
      end;
      if v_result = 'CURRENCY' and v_op in ('+', '-') then
        a := engine.formula_as(a, 'CURRENCY');
        b := engine.formula_as(b, 'CURRENCY');
      elsif v_result in ('DATE_TIME', 'DURATION') and v_op in ('+', '-') then
        a := case when ta = 'DATE' then engine.formula_as(a, 'DATE_TIME') else a end;
        b := case when tb = 'DATE' then engine.formula_as(b, 'DATE_TIME') else b end;
      end if;
  end case;
  if v_result is null then
    perform engine.formula_type_error(
      case when v_op = 'neg' then format('"-" cannot stand before "%s", which is %s.', engine.formula_said(a), engine.formula_type_name(ta))
        when v_op = 'in' and b ->> 'k' <> 'list' then format('"in" is followed by a list, such as ("A", "B"), or by a field that holds several values; "%s" is %s.', engine.formula_said(b), engine.formula_type_name(tb))
        else format('"%s" cannot join "%s", which is %s, and "%s", which is %s.', v_op, engine.formula_said(a), engine.formula_type_name(ta), engine.formula_said(b),
          case when b ->> 'k' = 'list' then 'a list of something else' else engine.formula_type_name(tb) end) end,
      v_op, v_at,
      case
        when v_op = '+' and 'TEXT' in (ta, tb) then 'Texts are joined by &.'
        when (ta, tb) in (('DURATION', 'NUMBER'), ('NUMBER', 'DURATION')) then 'duration(2, "hour") makes a duration of a number.'
        when ta = 'CURRENCY' and tb = 'CURRENCY' then 'Money is multiplied by a number; amount(…) gives the number of an amount of money.'
        when 'UUID' in (ta, tb) then 'Compare a field of the record, such as company.name.'
        when 'TEXT' in (ta, tb) and v_op <> '&' then 'number(…) reads a number from a text, text(…) makes a text of a value.'
      end);
  end if;
  return jsonb_build_object('k', 'op', 'op', v_op, 'at', v_at, 't', v_result, 'args', case when b is null then jsonb_build_array(a) else jsonb_build_array(a, b) end);
end
$$;
