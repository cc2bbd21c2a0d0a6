-- The words of a formula, each with the place where it stands.

create or replace function engine.formula_tokens(source text) returns engine.formula_token[]
language plpgsql immutable set search_path = ''
as $$
declare
  v_tokens engine.formula_token[] := '{}';
  v_at int := 1;
  m text[];
begin
  if length(source) > 5000 then
    perform engine.formula_limit_error(format('The formula has %s characters; 5,000 are possible.', length(source)), left(source, 20), 1);
  end if;
  -- Every character is matched by something, the last alternative if by no other, so the lengths
  -- of the matches add up to places. Of several alternatives PostgreSQL takes the longest match.
  for m in
    select regexp_matches(source,
      '([[:space:]]+)|([0-9]+(?:[.][0-9]+)?(?:[eE][+-]?[0-9]+)?|[.][0-9]+)|([[:alpha:]_][[:alnum:]_]*)|("(?:[^"]|"")*")|(''(?:[^'']|'''')*'')|(<>|!=|<=|>=|[-+*/%^&=<>(),.])|(.)', 'g')
  loop
    case
      when m[1] is not null then null;
      when m[2] is not null then
        if length(m[2]) > 40 or m[2] ~ '[eE][+-]?[0-9]{3}' or abs(m[2]::double precision) > 1e30 or (m[2]::double precision > 0 and m[2]::double precision < 1e-30) then
          perform engine.formula_limit_error(format('The number %s is too long.', left(m[2], 30)), m[2], v_at);
        end if;
        v_tokens := v_tokens || row('number', m[2], v_at)::engine.formula_token;
      when m[3] is not null then
        v_tokens := v_tokens || row('name', m[3], v_at)::engine.formula_token;
      when m[4] is not null then
        v_tokens := v_tokens || row('text', replace(substr(m[4], 2, length(m[4]) - 2), '""', '"'), v_at)::engine.formula_token;
      when m[5] is not null then
        v_tokens := v_tokens || row('text', replace(substr(m[5], 2, length(m[5]) - 2), '''''', ''''), v_at)::engine.formula_token;
      when m[6] is not null then
        v_tokens := v_tokens || row('sign', m[6], v_at)::engine.formula_token;
      when m[7] in ('"', '''') then
        perform engine.formula_syntax_error(format('The text that begins at character %s has no closing %s.', v_at, m[7]), m[7], v_at,
          'Inside a text, write the quotation mark twice: "a ""quoted"" word".');
      when m[7] in ('“', '”', '„', '‘', '’', '«', '»') then
        perform engine.formula_syntax_error(format('The quotation mark %s at character %s is a printed one.', m[7], v_at), m[7], v_at, 'Use straight quotation marks: "text".');
      else
        perform engine.formula_syntax_error(format('The character "%s" at %s means nothing in a formula.', m[7], v_at), m[7], v_at,
          case m[7] when '!' then 'Write not, or != for "is not equal".' when '|' then 'Write or; texts are joined by &.' when ';' then 'Separate the arguments of a function by commas.'
            when '{' then 'Write the API name of a field as it is, without brackets.' when '[' then 'Write the API name of a field as it is, without brackets.' end);
    end case;
    v_at := v_at + length(concat(m[1], m[2], m[3], m[4], m[5], m[6], m[7]));
  end loop;
  return v_tokens || row('end', '', v_at)::engine.formula_token;
end
$$;
