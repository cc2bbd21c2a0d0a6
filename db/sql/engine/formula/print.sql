-- A typed formula as its canonical text, with the names that fields have now.
create or replace function engine.formula_print(node jsonb, outer_precedence int default 0) returns text
language plpgsql stable strict set search_path = ''
as $$
declare
  v_precedence int;
  v_op text := node ->> 'op';
  v_args jsonb := node -> 'args';
  v_text text;
begin
  case node ->> 'k'
    when 'num' then return node ->> 'v';
    when 'str' then return '"' || replace(node ->> 'v', '"', '""') || '"';
    when 'bool' then return node ->> 'v';
    when 'null' then return 'null';
    when 'cast' then return engine.formula_print(v_args -> 0, outer_precedence);
    when 'field' then
      return array_to_string(array(
          select f.name from jsonb_array_elements_text(coalesce(node -> 'via', '[]')) with ordinality as u (id, n) join metadata.fields f on f.id = u.id::uuid order by n)
        || (select f.name || case when node ->> 'part' in ('', coalesce(engine.formula_main_part(f.type), '')) then '' else '.' || (node ->> 'part') end
            from metadata.fields f where f.id = (node ->> 'field')::uuid), '.');
    when 'call' then
      return (node ->> 'fn') || '(' || coalesce((select string_agg(engine.formula_print(e), ', ' order by n) from jsonb_array_elements(v_args) with ordinality as u (e, n)), '') || ')';
    when 'list' then
      return '(' || coalesce((select string_agg(engine.formula_print(e), ', ' order by n) from jsonb_array_elements(v_args) with ordinality as u (e, n)), '') || ')';
    else
  end case;
  v_precedence := engine.formula_precedence(v_op);
  v_text := case v_op
    when 'not' then 'not ' || engine.formula_print(v_args -> 0, v_precedence)
    when 'neg' then '-' || engine.formula_print(v_args -> 0, v_precedence)
    -- Operators bind from the left, a power from the right: the other side needs brackets at the same precedence.
    when '^' then engine.formula_print(v_args -> 0, v_precedence + 1) || ' ^ ' || engine.formula_print(v_args -> 1, v_precedence)
    else engine.formula_print(v_args -> 0, v_precedence) || ' ' || v_op || ' ' || engine.formula_print(v_args -> 1, v_precedence + 1) end;
  return case when v_precedence < outer_precedence then '(' || v_text || ')' else v_text end;
end
$$;
