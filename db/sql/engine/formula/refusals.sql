-- How a formula is refused: one code for each kind of mistake. The detail says where, in a form
-- that metadata.check_formula reads back for the screen.

create or replace function engine.formula_detail(token text, position_in_text int) returns text
language sql immutable parallel safe set search_path = ''
  return format('At character %s: %s', position_in_text, left(token, 60));

create or replace function engine.formula_syntax_error(message text, token text, position_in_text int, hint text default null) returns void
language plpgsql immutable set search_path = ''
as $$
begin
  raise exception '%', message using errcode = 'RV050', column = 'settings',
    detail = engine.formula_detail(token, position_in_text), hint = coalesce(hint, 'Names, numbers and "texts" are joined by + - * / & = and the like, such as: amount * probability');
end
$$;

create or replace function engine.formula_name_error(message text, token text, position_in_text int, hint text default null) returns void
language plpgsql immutable set search_path = ''
as $$
begin
  raise exception '%', message using errcode = 'RV051', column = 'settings', detail = engine.formula_detail(token, position_in_text), hint = coalesce(hint, '');
end
$$;

create or replace function engine.formula_call_error(message text, token text, position_in_text int, hint text default null) returns void
language plpgsql immutable set search_path = ''
as $$
begin
  raise exception '%', message using errcode = 'RV052', column = 'settings', detail = engine.formula_detail(token, position_in_text), hint = coalesce(hint, '');
end
$$;

create or replace function engine.formula_type_error(message text, token text, position_in_text int, hint text default null) returns void
language plpgsql immutable set search_path = ''
as $$
begin
  raise exception '%', message using errcode = 'RV053', column = 'settings', detail = engine.formula_detail(token, position_in_text), hint = coalesce(hint, '');
end
$$;

create or replace function engine.formula_limit_error(message text, token text, position_in_text int) returns void
language plpgsql immutable set search_path = ''
as $$
begin
  raise exception '%', message using errcode = 'RV054', column = 'settings', detail = engine.formula_detail(token, position_in_text),
    hint = 'Split it: a formula may use other formula fields.';
end
$$;

create or replace function engine.formula_context_error(message text, token text, position_in_text int, hint text default null) returns void
language plpgsql immutable set search_path = ''
as $$
begin
  raise exception '%', message using errcode = 'RV055', column = 'settings', detail = engine.formula_detail(token, position_in_text), hint = coalesce(hint, '');
end
$$;

-- The name that a misspelt one most likely meant; null when none is near.
create or replace function engine.nearest_name(name text, known text[]) returns text
language sql stable set search_path = ''
as $$
  select k from unnest(known) as u (k)
  where public.similarity(lower(k), lower(name)) >= 0.2
  order by public.similarity(lower(k), lower(name)) desc, abs(length(k) - length(name)), k limit 1
$$;

create or replace function engine.did_you_mean(name text, known text[]) returns text
language sql stable set search_path = ''
as $$
  select coalesce('Did you mean "' || engine.nearest_name(name, known) || '"?',
    'There are: ' || left((select string_agg(k, ', ' order by k) from unnest(known) as u (k)), 300))
$$;
