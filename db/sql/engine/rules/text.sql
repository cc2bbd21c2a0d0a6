-- A rule in plain words, for people: in the editor of rules, and when a record breaks it.

create or replace function engine.part_label(field metadata.fields, part text) returns text
language sql immutable set search_path = ''
  return (field).label || case when coalesce(part, '') in ('', 'primaryEmail', 'primaryPhoneNumber', 'primaryLinkUrl', 'amountMicros', 'markdown', 'text') then ''
    else ' (' || lower(regexp_replace(part, '([A-Z0-9]+)', ' \1', 'g')) || ')' end;

create or replace function engine.bound_text(value_type text, bound jsonb) returns text
language sql immutable set search_path = ''
  return case
    when value_type = 'PERCENT' then trim_scale((bound #>> '{}')::numeric * 100) || ' %'
    when value_type = 'DURATION' then trunc((bound #>> '{}')::numeric / 3600) || ':' || lpad(trunc(mod(abs((bound #>> '{}')::numeric), 3600) / 60)::text, 2, '0') || ' h'
    else bound #>> '{}' end;

create or replace function engine.between_text(low text, high text) returns text
language sql immutable set search_path = ''
  return case when high is null then 'at least ' || low when low is null then 'at most ' || high
    when low = high then 'exactly ' || low else 'between ' || low || ' and ' || high end;

create or replace function engine.rule_text(rule metadata.rules) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_settings jsonb := (rule).settings;
  v_field metadata.fields;
  v_name text;
  v_type text;
  v_text text;
begin
  if (rule).field_id is not null then
    select f.* into v_field from metadata.fields f where f.id = (rule).field_id;
    v_name := engine.part_label(v_field, v_settings ->> 'part');
    v_type := engine.value_type(v_field);
  end if;
  v_text := case (rule).kind
    when 'REQUIRED' then v_name || ' is required'
    when 'RANGE' then v_name || ' must be ' || engine.between_text(
      engine.bound_text(v_type, nullif(v_settings -> 'min', 'null')), engine.bound_text(v_type, nullif(v_settings -> 'max', 'null')))
    when 'LENGTH' then v_name || ' must have ' || engine.between_text(v_settings ->> 'min', v_settings ->> 'max')
      || case when v_type in ('ARRAY', 'MULTI_SELECT', 'FILES') then ' value' else ' character' end
      || case when coalesce(v_settings ->> 'max', v_settings ->> 'min') = '1' then '' else 's' end
    when 'PATTERN' then v_name || ' must match the pattern ' || (v_settings ->> 'pattern')
    when 'UNIQUE' then (
      select case when count(*) = 1 then min(f.label) || ' must be unique' else string_agg(f.label, ' and ' order by u.n) || ' together must be unique' end
      from jsonb_array_elements_text(v_settings -> 'fieldIds') with ordinality as u (id, n) join metadata.fields f on f.id = u.id::uuid)
    else 'It must be true that ' || engine.formula_text((rule).compiled) end;
  return v_text
    || case when (rule).kind <> 'CONDITION' and (rule).compiled is not null then ' when ' || engine.formula_text((rule).compiled) else '' end
    || case when (rule).applies_from is not null
      then ', of records created since ' || to_char((rule).applies_from at time zone 'UTC', 'YYYY-MM-DD') else '' end || '.';
end
$$;
comment on function engine.rule_text(metadata.rules) is 'A rule in plain words.';
