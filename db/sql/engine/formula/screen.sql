-- What a person who writes a formula is told: its type, or where it is wrong, and what it gives for
-- some records.
create or replace function engine.formula_samples(object_id uuid, compiled jsonb, caller name) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_object metadata.objects;
  v_schema text;
  v_samples jsonb;
begin
  select o.* into v_object from metadata.objects o where o.id = formula_samples.object_id;
  select w.schema_name into v_schema from core.workspaces w where w.id = v_object.workspace_id;
  -- Nobody sees by a formula what the role may not read.
  if exists (
    select from engine.formula_fields(compiled) r join metadata.fields f on f.id = r
    where f.object_id not in (select engine.wholly_readable_objects(caller)))
    or v_object.id not in (select engine.wholly_readable_objects(caller)) then
    return '[]';
  end if;
  execute format('select coalesce(jsonb_agg(jsonb_build_object(''id'', s.id, ''label'', s.label, ''value'', %s)), ''[]'')
      from (select o.id, %s as label, %s as value, %s as currency from %I.%I o%s order by o.created_at desc limit 5) s',
    case compiled ->> 'type' when 'CURRENCY' then 'case when s.value is not null then jsonb_build_object(''amountMicros'', s.value, ''currencyCode'', s.currency) end' else 'to_jsonb(s.value)' end,
    engine.label_expression(v_object.id, 'o'), engine.formula_sql(compiled, '', 'o'),
    case compiled ->> 'type' when 'CURRENCY' then engine.formula_sql(compiled, 'currencyCode', 'o') else 'null::text' end,
    v_schema, v_object.table_name, engine.formula_joins(compiled, v_schema, 'o')) into v_samples;
  return v_samples;
end
$$;

create or replace function metadata.check_formula(object_id uuid, expression text, context text default 'FORMULA') returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_role name := current_setting('role')::name;
  v_compiled jsonb;
  v_message text;
  v_hint text;
  v_detail text;
  v_state text;
begin
  if not (engine.may(case context when 'RULE' then 'ROLES' else 'DATA_MODEL' end) or context = 'FILTER' and engine.may('API_KEYS_AND_WEBHOOKS')) or not exists (
    select from metadata.objects o where o.id = check_formula.object_id and o.workspace_id = engine.workspace_of_role(v_role) and o.deleted_at is null) then
    raise exception 'There is no such object.' using errcode = 'RV011', column = 'object_id';
  end if;
  if context not in ('FORMULA', 'CONDITION', 'FILTER', 'DEFAULT', 'RULE') then
    raise exception '"%" is no kind of formula.', context using errcode = 'RV055', column = 'context', hint = 'It is FORMULA, CONDITION, FILTER, DEFAULT or RULE.';
  end if;
  begin
    v_compiled := engine.formula_compile(object_id, expression, context);
  exception when others then
    get stacked diagnostics v_message = message_text, v_hint = pg_exception_hint, v_detail = pg_exception_detail, v_state = returned_sqlstate;
    if v_state not like 'RV05%' then
      raise;
    end if;
    return jsonb_build_object('ok', false, 'error', jsonb_build_object('message', v_message, 'code', v_state, 'hint', nullif(v_hint, ''),
      'position', (regexp_match(v_detail, '^At character ([0-9]+): '))[1]::int, 'token', substring(v_detail from '^At character [0-9]+: (.*)$')));
  end;
  return jsonb_build_object('ok', true, 'resultType', v_compiled ->> 'type', 'text', engine.formula_text(v_compiled),
    'samples', case when context in ('DEFAULT', 'RULE') then '[]' else engine.formula_samples(object_id, v_compiled, v_role) end);
end
$$;
comment on function metadata.check_formula(uuid, text, text) is
  'Reads a formula without saving it: {ok, resultType, text, samples} with its values for some records, or {ok: false, error: {message, code, hint, position, token}}.';
grant execute on function metadata.check_formula(uuid, text, text) to relvar_crm;
