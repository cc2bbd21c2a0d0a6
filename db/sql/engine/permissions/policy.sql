-- Rules of roles as conditions of policies. Only shapes come out that cost nothing to speak of for each
-- record: comparisons of a column with a constant or with what a function says once a statement. They
-- are written exactly as PostgreSQL prints them back, so that a policy can be compared with what it
-- should be.
--
-- A condition on the way is a tree: {"sql": …} or {"op": "and" | "or", "args": […]}. "not" goes down to the
-- comparisons. As in all formulas a comparison is true or false, also where there is no value.

-- In an "or", what asks for the member goes where his team is asked for: he is in it.
create or replace function engine.policy_joined(op text, parts jsonb) returns jsonb
language plpgsql immutable set search_path = ''
as $$
declare
  v_args jsonb := '[]';
  v_part jsonb;
begin
  if jsonb_array_length(parts) = 1 then
    return parts -> 0;
  end if;
  for v_part in select e from jsonb_array_elements(parts) e loop
    v_args := v_args || case when v_part ->> 'op' = op then v_part -> 'args' else jsonb_build_array(v_part) end;
  end loop;
  if op = 'or' and position('engine.current_member()' in v_args::text) > 0 then
    v_args := (
      select jsonb_agg(a.value order by a.n)
      from jsonb_array_elements(v_args) with ordinality a (value, n)
      where not exists (
        select from jsonb_array_elements(v_args) b cross join (values ('my_team'), ('below_me')) f (name)
        where a.value ->> 'sql' like '% = ( SELECT engine.current_member() AS current_member))'
          and b ->> 'sql' = replace(a.value ->> 'sql', ' = ( SELECT engine.current_member() AS current_member))', format(' = ANY (ARRAY( SELECT engine.%s() AS %1$s)))', f.name))));
  end if;
  return case when jsonb_array_length(v_args) = 1 then v_args -> 0 else jsonb_build_object('op', op, 'args', v_args) end;
end
$$;

create or replace function engine.policy_print(tree jsonb) returns text
language plpgsql immutable set search_path = ''
as $$
begin
  return coalesce(tree ->> 'sql', '(' || (
    select string_agg(coalesce(e ->> 'sql', engine.policy_print(e)), upper(format(' %s ', tree ->> 'op')) order by n)
    from jsonb_array_elements(tree -> 'args') with ordinality u (e, n)) || ')');
end
$$;

create or replace function engine.policy_error(what text, node jsonb, hint text) returns void
language plpgsql stable set search_path = ''
as $$
begin
  raise exception '%', what using errcode = 'RV059', column = 'condition',
    detail = engine.formula_detail(engine.formula_said(node), coalesce((node ->> 'at')::int, 1)), hint = hint;
end
$$;

-- The column that a rule compares: one of an ordinary type, of the field itself.
create or replace function engine.policy_field(node jsonb) returns metadata.fields
language plpgsql stable set search_path = ''
as $$
declare
  v_field metadata.fields;
begin
  if node ->> 'k' is distinct from 'field' then
    perform engine.policy_error(format('A rule compares fields with constants; "%s" is computed.', engine.formula_said(node)), node,
      'Write a field on one side, such as stage = "WON", owner = currentMember() or owner in myTeam(); join these by and, or and not.');
  end if;
  select f.* into v_field from metadata.fields f where f.id = (node ->> 'field')::uuid;
  if v_field.type in ('FORMULA', 'MORPH_RELATION', 'FULL_NAME') and node ->> 'part' = '' or v_field.type = 'FORMULA' or node ? 'ft' and node ->> 'ft' <> 'SELECT' then
    perform engine.policy_error(format('The field "%s" is of type %s, which a rule cannot compare quickly.', v_field.name, v_field.type), node,
      'Compare texts, numbers, dates, selects and relations. A formula''s own condition can be written here instead of it.');
  end if;
  return v_field;
end
$$;

create or replace function engine.policy_column(node jsonb, prefix text, out column_sql text, out pg_type text)
language plpgsql stable set search_path = ''
as $$
declare
  v_field metadata.fields := engine.policy_field(node);
begin
  if v_field.type in ('RELATION', 'MEMBER') then
    column_sql := prefix || quote_ident(engine.snake_case(v_field.name) || '_id');
    pg_type := 'uuid';
    return;
  end if;
  select prefix || quote_ident(engine.snake_case(v_field.name) || c.suffix),
    case when v_field.type = 'NUMBER' and v_field.settings ->> 'dataType' in ('int', 'bigint') then 'bigint' else c.pg_type end into column_sql, policy_column.pg_type
  from engine.field_type_columns c
  where c.type = coalesce(v_field.result_type, v_field.type) and (c.part = node ->> 'part' or node ->> 'part' = '')
  order by c.position limit 1;
  -- The comparisons of these are leakproof, so conditions of queries beside the policy still use indexes.
  if coalesce(pg_type, '') not in ('text', 'double precision', 'bigint', 'smallint', 'boolean', 'date', 'timestamp with time zone', 'uuid') then
    perform engine.policy_error(format('The field "%s" is of type %s, which a rule cannot compare quickly.', v_field.name, v_field.type), node,
      'Compare texts, numbers, dates, selects and relations.');
  end if;
end
$$;

-- A constant as PostgreSQL prints it, or what a function says once a statement. For a given member what
-- it would say to that member.
create or replace function engine.policy_constant(node jsonb, pg_type text, member uuid) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_node jsonb := node;
  v_value numeric;
  v_text text;
begin
  if v_node ->> 'k' = 'cast' then
    v_node := v_node #> '{args,0}';
  end if;
  if v_node ->> 'fn' = 'currentMember' and pg_type = 'uuid' then
    return coalesce(engine.literal(member::text) || '::uuid', '( SELECT engine.current_member() AS current_member)');
  elsif v_node ->> 'fn' = 'today' and pg_type = 'date' then
    return '( SELECT engine.today() AS today)';
  elsif v_node ->> 'fn' = 'today' and pg_type = 'timestamp with time zone' then
    return '( SELECT engine.start_of_today() AS start_of_today)';
  elsif v_node ->> 'fn' = 'now' and pg_type = 'timestamp with time zone' then
    return '( SELECT now() AS now)';
  end if;
  if v_node ->> 'k' = 'num' or v_node ->> 'op' = 'neg' and v_node #>> '{args,0,k}' = 'num' then
    v_value := coalesce((v_node ->> 'v')::numeric, -(v_node #>> '{args,0,v}')::numeric) * case when node ->> 't' = 'CURRENCY' and node ->> 'k' = 'cast' then 1000000 else 1 end;
    if pg_type in ('bigint', 'smallint') and (v_value <> trunc(v_value) or abs(v_value) > case pg_type when 'bigint' then 9e18 else 32000 end) then
      perform engine.policy_error(format('"%s" holds whole numbers only.', v_value), node, 'Compare with a whole number.');
    end if;
    v_text := case pg_type when 'double precision' then (v_value::double precision)::text else trunc(v_value)::text end;
    if pg_type in ('double precision', 'bigint', 'smallint') then
      return engine.literal(v_text) || '::' || pg_type;
    end if;
  elsif v_node ->> 'k' = 'str' and pg_type = 'text' then
    return engine.literal(v_node ->> 'v') || '::text';
  elsif v_node ->> 'k' = 'bool' and pg_type = 'boolean' then
    return v_node ->> 'v';
  elsif v_node ->> 'fn' = 'date' and v_node #>> '{args,0,k}' = 'str' and jsonb_array_length(v_node -> 'args') = 1 then
    if pg_type = 'date' then
      return engine.literal(((v_node #>> '{args,0,v}')::date)::text) || '::date';
    elsif pg_type = 'timestamp with time zone' then
      return engine.literal(((v_node #>> '{args,0,v}')::timestamp at time zone 'UTC')::text) || '::timestamp with time zone';
    end if;
  end if;
  perform engine.policy_error(format('A rule compares with a constant, not with "%s".', engine.formula_said(v_node)), node,
    'Write a text, a number, true, false, date("2026-12-31"), today(), now() or currentMember().');
  return null;
end
$$;

-- The atoms of a rule: a comparison of one field. What is above them is and, or, not.
create or replace function engine.policy_is_atom(node jsonb) returns boolean
language sql immutable parallel safe set search_path = ''
  return coalesce(not (node ->> 'op' in ('and', 'or', 'not') or node ->> 'fn' in ('and', 'or', 'not') or node ->> 'k' = 'bool'), true);

-- The field on its left, which may be written on its right.
create or replace function engine.policy_sides(atom jsonb) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  a jsonb := atom #> '{args,0}';
  b jsonb := atom #> '{args,1}';
  v_op text := atom ->> 'op';
begin
  if atom ->> 'k' = 'field' then
    return jsonb_build_object('op', '=', 'field', atom, 'with', '{"k": "bool", "v": "true", "t": "BOOLEAN"}'::jsonb);
  elsif atom ->> 'fn' = 'isEmpty' then
    return jsonb_build_object('op', 'isEmpty', 'field', a);
  elsif v_op in ('=', '!=') and (a ->> 'k' = 'null' or b ->> 'k' = 'null') then
    return jsonb_build_object('op', case v_op when '=' then 'null' else 'notNull' end, 'field', case when a ->> 'k' = 'null' then b else a end);
  elsif v_op in ('=', '!=', '<', '<=', '>', '>=') then
    if a ->> 'k' <> 'field' and b ->> 'k' = 'field' then
      return jsonb_build_object('op', case v_op when '<' then '>' when '<=' then '>=' when '>' then '<' when '>=' then '<=' else v_op end, 'field', b, 'with', a);
    end if;
    return jsonb_build_object('op', v_op, 'field', a, 'with', b);
  elsif v_op = 'in' then
    return jsonb_build_object('op', 'in', 'field', a, 'with', b);
  end if;
  perform engine.policy_error(format('"%s" would be computed for every record, which is slow.', engine.formula_said(atom)), atom,
    'Compare a field with a constant, such as stage = "WON", owner = currentMember() or owner in myTeam(); join these by and, or and not.');
  return null;
end
$$;

-- Whether an atom is true where there is no value.
create or replace function engine.policy_true_of_nothing(op text) returns boolean
language sql immutable parallel safe set search_path = ''
  return op in ('!=', 'isEmpty', 'null');

-- One comparison over columns of one table.
create or replace function engine.policy_comparison(atom jsonb, negated boolean, prefix text, member uuid) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_sides jsonb := engine.policy_sides(atom);
  v_op text := v_sides ->> 'op';
  v_field jsonb := v_sides -> 'field';
  v_with jsonb := v_sides -> 'with';
  v_column text;
  v_pg_type text;
  v_is_null jsonb;
  v_members text;
  v_compared jsonb;
begin
  select c.column_sql, c.pg_type into v_column, v_pg_type from engine.policy_column(v_field, prefix) c;
  v_is_null := jsonb_build_object('sql', format('(%s IS NULL)', v_column));
  if v_op = 'isEmpty' and v_pg_type = 'text' then
    return case when negated then jsonb_build_object('sql', format('(%s <> ''''::text)', v_column))
      else jsonb_build_object('op', 'or', 'args', jsonb_build_array(v_is_null, jsonb_build_object('sql', format('(%s = ''''::text)', v_column)))) end;
  elsif v_op in ('isEmpty', 'null', 'notNull') then
    return case when negated = (v_op = 'notNull') then v_is_null else jsonb_build_object('sql', format('(%s IS NOT NULL)', v_column)) end;
  elsif v_op = 'in' and v_with ->> 'k' = 'list' then
    if v_pg_type = 'uuid' then
      perform engine.policy_error('A rule names no single records.', v_field, 'Write owner = currentMember() or owner in myTeam(), or compare a field of the related record, such as company.name.');
    end if;
    v_compared := jsonb_build_object('sql', format(case when negated then '(%s <> ALL (%s::%s[]))' else '(%s = ANY (%s::%s[]))' end, v_column,
      engine.literal((select array_agg(case when v_pg_type = 'text' then e ->> 'v' else trim(both '''' from split_part(engine.policy_constant(e, v_pg_type, member), '::', 1)) end order by n)::text
        from jsonb_array_elements(v_with -> 'args') with ordinality u (e, n)
        where engine.policy_constant(e, v_pg_type, member) is not null)), v_pg_type));
  elsif v_op = 'in' then
    if not engine.policy_is_member(v_field) then
      perform engine.policy_error(format('"%s" holds no member.', engine.formula_said(v_field)), v_field, 'Name a field that points to a member, such as owner, or createdBy.memberId.');
    end if;
    v_members := case v_with ->> 'fn' when 'myTeam' then 'my_team' else 'below_me' end;
    v_members := case when member is null then format('( SELECT engine.%s() AS %1$s)', v_members)
      else format('( SELECT engine.%s(%L::uuid))', case v_members when 'my_team' then 'team_of' else 'below' end, member) end;
    v_compared := jsonb_build_object('sql', format(case when negated then '(%s <> ALL (ARRAY%s))' else '(%s = ANY (ARRAY%s))' end, v_column, v_members));
  else
    if v_pg_type = 'uuid' and v_with ->> 'fn' = 'currentMember' and not engine.policy_is_member(v_field) then
      perform engine.policy_error(format('"%s" holds no member.', engine.formula_said(v_field)), v_field, 'Name a field that points to a member, such as owner, or createdBy.memberId.');
    end if;
    v_compared := jsonb_build_object('sql', format('(%s %s %s)', v_column,
      case when negated then case v_op when '=' then '<>' when '!=' then '=' when '<' then '>=' when '<=' then '>' when '>' then '<=' else '<' end
        when v_op = '!=' then '<>' else v_op end, engine.policy_constant(v_with, v_pg_type, member)));
  end if;
  return case when engine.policy_true_of_nothing(v_op) <> negated then jsonb_build_object('op', 'or', 'args', jsonb_build_array(v_compared, v_is_null)) else v_compared end;
end
$$;

create or replace function engine.policy_is_member(field jsonb) returns boolean
language sql stable set search_path = ''
as $$
  select exists (
    select from metadata.fields f
    where f.id = (field ->> 'field')::uuid and (f.type = 'ACTOR' and field ->> 'part' = 'memberId' or exists (
      select from metadata.relations r join metadata.objects o on o.id = r.target_object_id
      where r.field_id = f.id and r.deleted_at is null and o.universal_identifier = 'standard:workspaceMember')))
$$;

-- By which a rule's comparison is found again.
create or replace function engine.policy_atom_key(atom jsonb) returns text
language sql immutable set search_path = ''
  return left(md5(atom::text), 12);

create or replace function engine.policy_tree(node jsonb, negated boolean, rule_id uuid, prefix text, member uuid) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_op text := coalesce(node ->> 'op', node ->> 'fn');
  v_sides jsonb;
  v_link text;
  v_ids text;
begin
  if node ->> 'k' = 'bool' then
    return jsonb_build_object('sql', case when (node ->> 'v' = 'true') <> negated then 'true' else 'false' end);
  elsif v_op = 'not' then
    return engine.policy_tree(node #> '{args,0}', not negated, rule_id, prefix, member);
  elsif v_op in ('and', 'or') then
    return engine.policy_joined(case when (v_op = 'and') <> negated then 'and' else 'or' end,
      (select jsonb_agg(engine.policy_tree(e, negated, rule_id, prefix, member) order by n) from jsonb_array_elements(node -> 'args') with ordinality u (e, n)));
  end if;
  v_sides := engine.policy_sides(node);
  if not v_sides -> 'field' ? 'via' then
    return engine.policy_comparison(node, negated, prefix, member);
  end if;
  -- A field of a related record: the ids of the records that are like that, found once a statement.
  perform engine.policy_comparison(node, false, '', member);
  select (engine.formula_columns(f, '', prefix))[1] into v_link from metadata.fields f where f.id = (v_sides #>> '{field,via,0}')::uuid;
  v_ids := case when member is null then format('( SELECT engine.rule_ids(%L::uuid, %L::text) AS rule_ids)', coalesce(rule_id, '00000000-0000-0000-0000-000000000000'), engine.policy_atom_key(node))
    else format('( SELECT engine.find_rule_ids(%L::uuid, %L::text, %L::uuid))', rule_id, engine.policy_atom_key(node), member) end;
  if engine.policy_true_of_nothing(v_sides ->> 'op') <> negated then
    return jsonb_build_object('op', 'or', 'args', jsonb_build_array(
      jsonb_build_object('sql', format('(%s <> ALL (ARRAY%s))', v_link, v_ids)), jsonb_build_object('sql', format('(%s IS NULL)', v_link))));
  end if;
  return jsonb_build_object('sql', format('(%s = ANY (ARRAY%s))', v_link, v_ids));
end
$$;

create or replace function engine.policy_sql(compiled jsonb, rule_id uuid, prefix text default '', member uuid default null) returns text
language sql stable set search_path = ''
  return engine.policy_print(engine.policy_tree(compiled -> 'node', false, rule_id, prefix, member));
comment on function engine.policy_sql(jsonb, uuid, text, uuid) is
  'A compiled rule of a role as the condition of a policy, as PostgreSQL prints it. With a member, what it comes to for that member.';

-- Comparisons of a rule, wherever they stand in it.
create or replace function engine.policy_atoms(node jsonb) returns setof jsonb
language plpgsql stable set search_path = ''
as $$
begin
  if engine.policy_is_atom(node) then
    return next node;
  elsif node ? 'args' then
    return query select a from jsonb_array_elements(node -> 'args') e cross join lateral engine.policy_atoms(e) a;
  end if;
end
$$;

-- Columns that rules find records by. The engine keeps an index on each, on related objects, too.
create or replace function engine.policy_indexes(workspace_id uuid, scope uuid[] default null)
returns table (object_id uuid, field_id uuid, part text)
language plpgsql stable set search_path = ''
as $$
begin
  return query
  select distinct f.object_id, f.id, s.sides #>> '{field,part}'
  from metadata.record_rules r
  cross join lateral engine.policy_atoms(r.compiled -> 'node') a
  cross join lateral (select engine.policy_sides(a) as sides) s
  join metadata.fields f on f.id = (s.sides #>> '{field,field}')::uuid and f.workspace_id = policy_indexes.workspace_id
  where r.workspace_id = policy_indexes.workspace_id and (scope is null or f.object_id = any (scope))
    and s.sides ->> 'op' in ('=', 'in', '<', '<=', '>', '>=') and f.type <> 'BOOLEAN'
    -- Relations and unique fields have an index anyway.
    and f.type not in ('RELATION', 'MEMBER', 'UUID') and not f.is_unique
  union
  select o.id, f.id, 'memberId'
  from metadata.objects o join metadata.fields f on f.object_id = o.id and f.workspace_id = policy_indexes.workspace_id and f.name = 'createdBy' and f.type = 'ACTOR'
  where o.workspace_id = policy_indexes.workspace_id and o.is_private and (scope is null or o.id = any (scope));
end
$$;

create or replace function engine.today() returns date
language sql stable set search_path = ''
  return (now() at time zone 'UTC')::date;

create or replace function engine.start_of_today() returns timestamptz
language sql stable set search_path = ''
  return engine.today()::timestamp at time zone 'UTC';
grant execute on function engine.today(), engine.start_of_today() to relvar_crm;
