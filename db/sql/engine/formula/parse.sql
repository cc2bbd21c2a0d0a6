-- From words to a tree, by precedence, with stacks of its own instead of recursion, so that no
-- depth of brackets reaches PostgreSQL's. A node is {"k": kind, "at": place, …}: num, str, bool,
-- null, ref (path), op (op, args), call (fn, args), list (args).

create or replace function engine.formula_precedence(op text) returns int
language sql immutable parallel safe set search_path = ''
  return case
    when op = 'or' then 1 when op = 'and' then 2 when op = 'not' then 3
    when op in ('=', '!=', '<', '<=', '>', '>=', 'in') then 4 when op = '&' then 5
    when op in ('+', '-') then 6 when op in ('*', '/', '%') then 7 when op = 'neg' then 8 when op = '^' then 9 end;

create or replace function engine.formula_parse(source text) returns jsonb
language plpgsql immutable set search_path = ''
as $$
declare
  v_tokens engine.formula_token[] := engine.formula_tokens(source);
  v_token engine.formula_token;
  v_next engine.formula_token;
  v_word text;
  v_op text;
  v_path text[];
  v_at int;
  -- Finished nodes, and how deep each is.
  v_nodes jsonb[] := '{}';
  v_depths int[] := '{}';
  -- Operators and opening brackets that wait: kind op, group, call or list; how many nodes lay below.
  v_kinds text[] := '{}';
  v_words text[] := '{}';
  v_places int[] := '{}';
  v_bases int[] := '{}';
  v_count int := 0;
  v_wants_value boolean := true;
  v_arity int;
  v_depth int;
  v_top int;
  i int := 1;
begin
  if v_tokens[1].kind = 'end' then
    perform engine.formula_syntax_error('The formula is empty.', '', 1, 'Write an expression such as: amount * probability');
  end if;
  loop
    v_token := v_tokens[i];
    v_next := v_tokens[i + 1];
    v_word := case when v_token.kind = 'name' then lower(v_token.value) end;
    if v_wants_value then
      v_at := v_token.at;
      case
        when v_token.kind = 'number' then
          v_nodes := v_nodes || jsonb_build_object('k', 'num', 'at', v_at, 'v', trim_scale(v_token.value::numeric)::text);
          v_wants_value := false;
        when v_token.kind = 'text' then
          v_nodes := v_nodes || jsonb_build_object('k', 'str', 'at', v_at, 'v', v_token.value);
          v_wants_value := false;
        when v_token.kind = 'name' and v_next.value = '(' and v_next.kind = 'sign' and v_word not in ('in', 'true', 'false', 'null')
          -- "not (a or b)" is the operator, and so is "a and (b or c)", which stands where no value is wanted.
          and v_word <> 'not' then
          v_kinds := v_kinds || 'call'::text; v_words := v_words || v_token.value; v_places := v_places || v_at; v_bases := v_bases || cardinality(v_nodes);
          i := i + 1;
          if v_tokens[i + 1].value = ')' and v_tokens[i + 1].kind = 'sign' then
            v_wants_value := false;
          end if;
        when v_word in ('true', 'false') then
          v_nodes := v_nodes || jsonb_build_object('k', 'bool', 'at', v_at, 'v', v_word);
          v_wants_value := false;
        when v_word = 'null' then
          v_nodes := v_nodes || jsonb_build_object('k', 'null', 'at', v_at);
          v_wants_value := false;
        when v_word = 'not' then
          v_kinds := v_kinds || 'op'::text; v_words := v_words || 'not'::text; v_places := v_places || v_at; v_bases := v_bases || cardinality(v_nodes);
        when v_word in ('and', 'or', 'in') then
          perform engine.formula_syntax_error(format('A value is missing before "%s" at character %s.', v_token.value, v_at), v_token.value, v_at);
        when v_token.kind = 'name' then
          v_path := array[v_token.value];
          while v_tokens[i + 1].kind = 'sign' and v_tokens[i + 1].value = '.' loop
            if v_tokens[i + 2].kind <> 'name' then
              perform engine.formula_syntax_error(format('A name is missing after the point at character %s.', v_tokens[i + 1].at), '.', v_tokens[i + 1].at,
                'Write the field of the related record, such as company.name.');
            end if;
            v_path := v_path || v_tokens[i + 2].value;
            i := i + 2;
          end loop;
          v_nodes := v_nodes || jsonb_build_object('k', 'ref', 'at', v_at, 'path', to_jsonb(v_path));
          v_wants_value := false;
        when v_token.value = '-' then
          v_kinds := v_kinds || 'op'::text; v_words := v_words || 'neg'::text; v_places := v_places || v_at; v_bases := v_bases || cardinality(v_nodes);
        when v_token.value = '(' then
          v_top := cardinality(v_kinds);
          v_kinds := v_kinds || case when v_top > 0 and v_kinds[v_top] = 'op' and v_words[v_top] = 'in' then 'list' else 'group' end;
          v_words := v_words || '('::text; v_places := v_places || v_at; v_bases := v_bases || cardinality(v_nodes);
        when v_token.kind = 'end' then
          perform engine.formula_syntax_error('The formula ends where a value is expected.', '', v_at);
        else
          perform engine.formula_syntax_error(format('A value is expected at character %s, not "%s".', v_at, v_token.value), v_token.value, v_at);
      end case;
      if cardinality(v_nodes) > cardinality(v_depths) then
        v_depths := v_depths || 1;
        v_count := v_count + 1;
      end if;
    else
      v_op := case
        when v_token.kind = 'end' then 'end'
        when v_token.kind = 'sign' and v_token.value = '<>' then '!='
        when v_token.kind = 'sign' then v_token.value
        when v_word in ('and', 'or', 'in') then v_word
      end;
      if v_op is null or v_op in ('(', '.') then
        perform engine.formula_syntax_error(format('An operator is expected at character %s, not "%s".', v_token.at, v_token.value), v_token.value, v_token.at,
          case when v_token.kind = 'text' then 'Join texts by &.' when v_op = '(' then 'Write * to multiply.' end);
      end if;
      -- What binds at least as tightly as this operator is finished; all, up to the bracket, at a comma or an end.
      loop
        v_top := cardinality(v_kinds);
        exit when v_top = 0 or v_kinds[v_top] <> 'op';
        -- A power binds from the right, and more than a sign on its left: -2 ^ 2 is -(2 ^ 2).
        exit when v_op not in (',', ')', 'end')
          and (engine.formula_precedence(v_words[v_top]) < engine.formula_precedence(v_op)
            or (v_op = '^' and v_words[v_top] = '^'));
        v_arity := case when v_words[v_top] in ('neg', 'not') then 1 else 2 end;
        v_depth := 1 + (select max(d) from unnest(v_depths[cardinality(v_depths) - v_arity + 1:]) d);
        v_nodes := v_nodes[:cardinality(v_nodes) - v_arity]
          || jsonb_build_object('k', 'op', 'op', v_words[v_top], 'at', v_places[v_top], 'args', to_jsonb(v_nodes[cardinality(v_nodes) - v_arity + 1:]));
        v_depths := v_depths[:cardinality(v_depths) - v_arity] || v_depth;
        v_count := v_count + 1;
        v_kinds := v_kinds[:v_top - 1]; v_words := v_words[:v_top - 1]; v_places := v_places[:v_top - 1]; v_bases := v_bases[:v_top - 1];
        if v_depth > 50 then
          perform engine.formula_limit_error('The formula is nested more than 50 deep.', source, 1);
        end if;
      end loop;
      case v_op
        when 'end' then
          if v_top > 0 then
            perform engine.formula_syntax_error(format('The bracket opened at character %s is not closed.', v_places[v_top]), v_words[v_top], v_places[v_top], 'Add a closing bracket ")".');
          end if;
          return v_nodes[1];
        when ',' then
          if v_top = 0 or v_kinds[v_top] = 'group' then
            perform engine.formula_syntax_error(format('The comma at character %s separates nothing.', v_token.at), ',', v_token.at,
              'Commas stand between the arguments of a function; the decimal point is a point.');
          end if;
          v_wants_value := true;
        when ')' then
          if v_top = 0 then
            perform engine.formula_syntax_error(format('The closing bracket at character %s was never opened.', v_token.at), ')', v_token.at, 'Remove it, or add an opening one.');
          end if;
          if v_kinds[v_top] <> 'group' then
            v_arity := cardinality(v_nodes) - v_bases[v_top];
            v_depth := 1 + coalesce((select max(d) from unnest(v_depths[v_bases[v_top] + 1:]) d), 0);
            v_nodes := v_nodes[:v_bases[v_top]] || (
              case v_kinds[v_top] when 'call' then jsonb_build_object('k', 'call', 'fn', v_words[v_top]) else '{"k": "list"}' end
              || jsonb_build_object('at', v_places[v_top], 'args', to_jsonb(v_nodes[v_bases[v_top] + 1:])));
            v_depths := v_depths[:v_bases[v_top]] || v_depth;
            v_count := v_count + 1;
            if v_depth > 50 then
              perform engine.formula_limit_error('The formula is nested more than 50 deep.', source, 1);
            end if;
          end if;
          v_kinds := v_kinds[:v_top - 1]; v_words := v_words[:v_top - 1]; v_places := v_places[:v_top - 1]; v_bases := v_bases[:v_top - 1];
        else
          v_kinds := v_kinds || 'op'::text; v_words := v_words || v_op; v_places := v_places || v_token.at; v_bases := v_bases || cardinality(v_nodes);
          v_wants_value := true;
      end case;
    end if;
    if v_count > 300 or cardinality(v_kinds) > 300 then
      perform engine.formula_limit_error('The formula has more than 300 parts.', v_token.value, v_token.at);
    end if;
    i := i + 1;
  end loop;
end
$$;
comment on function engine.formula_parse(text) is 'The tree of a formula: what it says, without knowing what the names mean.';
