-- A rule is judged when it is written: that it fits its field, that its details make sense, and,
-- when the transaction ends, that the records fulfil it.

create or replace function engine.rule_settings(kind text) returns text[]
language sql immutable parallel safe
  return case kind when 'REQUIRED' then '{part}' when 'RANGE' then '{min,max,part}' when 'LENGTH' then '{min,max,part}'
    when 'PATTERN' then '{pattern,ignoreCase,part}' when 'UNIQUE' then '{fieldIds,ignoreCase}' else '{}' end::text[];

-- Which values a kind of rule can judge.
create or replace function engine.rule_judges(kind text, value_type text, pg_type text) returns boolean
language sql immutable parallel safe
  return case kind
    when 'REQUIRED' then value_type not in ('MANY_TO_MANY', 'TS_VECTOR', 'POSITION', 'ACTOR', 'AUTO_NUMBER')
    when 'RANGE' then pg_type in ('double precision', 'bigint', 'numeric', 'smallint', 'date', 'timestamp with time zone') and value_type <> 'AUTO_NUMBER'
    when 'LENGTH' then pg_type in ('text', 'text[]') and value_type not in ('SELECT', 'COLOR', 'ACTOR') or value_type = 'FILES'
    when 'PATTERN' then pg_type = 'text' and value_type not in ('SELECT', 'COLOR', 'ACTOR', 'RICH_TEXT')
    when 'UNIQUE' then value_type not in ('MANY_TO_MANY', 'TS_VECTOR', 'POSITION', 'ACTOR', 'RAW_JSON', 'FILES', 'RICH_TEXT', 'ADDRESS', 'ARRAY', 'MULTI_SELECT')
    else false end;

create or replace function engine.assert_bounds(rule metadata.rules, value_type text, pg_type text) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_min jsonb := nullif((rule).settings -> 'min', 'null');
  v_max jsonb := nullif((rule).settings -> 'max', 'null');
  v_is_text boolean := pg_type in ('date', 'timestamp with time zone');
  v_bound jsonb;
  v_holds boolean;
begin
  if v_min is null and v_max is null then
    raise exception 'The rule says neither "min" nor "max".' using errcode = 'RV081', column = 'settings',
      hint = case when v_is_text then 'Give settings such as {"min": "2026-01-01"}.' else 'Give settings such as {"min": 1, "max": 100}.' end;
  end if;
  foreach v_bound in array array_remove(array[v_min, v_max], null) loop
    begin
      v_holds := jsonb_typeof(v_bound) = (case when v_is_text then 'string' else 'number' end)
        -- A date is written as people in every country read it.
        and (not v_is_text or (v_bound #>> '{}') ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}');
      if v_holds and v_is_text then
        perform (v_bound #>> '{}')::date, engine.bound_sql(value_type, pg_type, v_bound);
      elsif v_holds then
        v_holds := case (rule).kind when 'LENGTH' then (v_bound #>> '{}')::numeric between 0 and 1000000 and (v_bound #>> '{}')::numeric % 1 = 0
          else abs((v_bound #>> '{}')::numeric) < case when value_type = 'CURRENCY' then 1e12 else 1e18 end end;
      end if;
    exception when data_exception then
      v_holds := false;
    end;
    if not v_holds then
      raise exception '% cannot be a bound of this rule.', v_bound using errcode = 'RV081', column = 'settings',
        hint = case when (rule).kind = 'LENGTH' then 'Give a whole number, 0 or more.' when v_is_text then 'Give a date such as "2026-12-31".'
          when value_type = 'CURRENCY' then 'Give an amount such as 99.5.' when value_type = 'PERCENT' then 'Give a fraction: 0.25 is 25 %.'
          when value_type = 'DURATION' then 'Give a number of seconds.' else 'Give a number.' end;
    end if;
  end loop;
  if v_min is not null and v_max is not null and (case when v_is_text then (v_min #>> '{}')::timestamptz > (v_max #>> '{}')::timestamptz
      else (v_min #>> '{}')::numeric > (v_max #>> '{}')::numeric end) then
    raise exception 'Nothing is at least % and at most %.', v_min #>> '{}', v_max #>> '{}' using errcode = 'RV081', column = 'settings', hint = 'Exchange "min" and "max".';
  end if;
end
$$;

-- Of regular expressions what is read in time proportional to the text: neither references back nor looks around.
create or replace function engine.assert_pattern(pattern text) returns void
language plpgsql stable set search_path = ''
as $$
begin
  if pattern is null or pattern = '' or length(pattern) > 500 then
    raise exception 'A pattern has 1 to 500 characters.' using errcode = 'RV081', column = 'settings', hint = 'Give settings such as {"pattern": "[A-Z]{2}[0-9]+"}.';
  end if;
  if pattern ~ '^\*\*\*' or pattern ~ '\(\?(?!:)' or pattern ~ '(^|[^\\])(\\\\)*\\[1-9]' then
    raise exception 'The pattern "%" looks around or refers back, which could take for ever.', pattern using errcode = 'RV081', column = 'settings',
      hint = 'Use character classes, repetition, alternatives and (?:groups).';
  end if;
  begin
    -- In brackets of its own, so that a bracket more or less is seen.
    perform '' ~ pattern, '' ~ ('^(?:' || pattern || ')$');
  exception when invalid_regular_expression then
    raise exception 'The pattern "%" is not a regular expression: %.', pattern, regexp_replace(sqlerrm, '^invalid regular expression: ', '')
      using errcode = 'RV081', column = 'settings', hint = 'The whole text must match. Write \. for a point and \( for a bracket.';
  end;
end
$$;

-- Refuses what cannot be, and returns the rule complete.
create or replace function engine.judged_rule(rule metadata.rules) returns metadata.rules
language plpgsql stable set search_path = ''
as $$
declare
  v_field metadata.fields;
  v_part text;
  v_key text;
  v_type text;
  v_ids uuid[];
begin
  if jsonb_typeof(rule.settings) <> 'object' then
    raise exception 'The settings of a rule are an object.' using errcode = 'RV081', column = 'settings', hint = 'Give settings such as {"min": 1, "max": 100}.';
  end if;
  if rule.kind is null or rule.kind <> all ('{REQUIRED,RANGE,LENGTH,PATTERN,CONDITION,UNIQUE}') then
    raise exception 'There is no kind of rule "%".', rule.kind using errcode = 'RV081', column = 'kind', hint = 'There are: REQUIRED, RANGE, LENGTH, PATTERN, CONDITION, UNIQUE.';
  end if;
  foreach v_key in array array(select jsonb_object_keys(rule.settings)) loop
    if v_key <> all (engine.rule_settings(rule.kind)) then
      raise exception 'A rule of kind % has no setting "%".', rule.kind, v_key using errcode = 'RV081', column = 'settings',
        hint = case when engine.rule_settings(rule.kind) = '{}' then 'It has none.' else engine.did_you_mean(v_key, engine.rule_settings(rule.kind)) end;
    end if;
  end loop;
  if coalesce(jsonb_typeof(rule.settings -> 'ignoreCase'), 'boolean') <> 'boolean' then
    raise exception '"ignoreCase" is true or false.' using errcode = 'RV081', column = 'settings';
  end if;
  if rule.kind in ('CONDITION', 'UNIQUE') then
    rule.field_id := null;
  else
    select f.* into v_field from metadata.fields f where f.id = rule.field_id and f.object_id = rule.object_id;
    if not found then
      raise exception 'The rule needs a field of the object.' using errcode = 'RV080', column = 'field_id';
    end if;
    v_type := engine.value_type(v_field);
    v_part := coalesce(rule.settings ->> 'part', engine.main_part(v_field));
    if rule.settings ? 'part' and engine.value_pg_type(v_field, v_part) is null then
      raise exception 'The field "%" has no part "%".', v_field.label, v_part using errcode = 'RV081', column = 'settings',
        hint = coalesce('It has the parts ' || (select string_agg(c.part, ', ' order by c.position) from engine.field_type_columns c where c.type = v_type and c.part <> '') || '.', 'It has no parts.');
    end if;
    if coalesce(not engine.rule_judges(rule.kind, v_type, engine.value_pg_type(v_field, v_part)), true) then
      raise exception 'The field "%" is of type %, which no rule of kind % can judge.', v_field.label, v_field.type, rule.kind using errcode = 'RV080', column = 'kind',
        hint = case rule.kind when 'RANGE' then 'RANGE is for numbers, money, percentages, durations and dates.' when 'LENGTH' then 'LENGTH is for texts and lists.'
          when 'PATTERN' then 'PATTERN is for texts.' else 'A condition over a rollup can ask how many there are.' end;
    end if;
    if rule.kind = 'REQUIRED' and v_field.is_system then
      raise exception 'The field "%" is filled in by the engine.', v_field.label using errcode = 'RV080', column = 'field_id';
    end if;
    if rule.kind in ('RANGE', 'LENGTH') then
      perform engine.assert_bounds(rule, v_type, engine.value_pg_type(v_field, v_part));
    elsif rule.kind = 'PATTERN' then
      perform engine.assert_pattern(rule.settings ->> 'pattern');
    end if;
  end if;
  if rule.kind = 'UNIQUE' then
    begin
      v_ids := array(select v::uuid from jsonb_array_elements_text(case jsonb_typeof(rule.settings -> 'fieldIds') when 'array' then rule.settings -> 'fieldIds' else '[]' end) v);
    exception when data_exception then
      v_ids := '{}';
    end;
    if cardinality(v_ids) not between 1 and 8 or cardinality(v_ids) <> (select count(distinct f.id) from metadata.fields f where f.id = any (v_ids) and f.object_id = rule.object_id) then
      raise exception 'A rule of uniqueness names 1 to 8 fields of the object, each once.' using errcode = 'RV081', column = 'settings',
        hint = 'Give settings such as {"fieldIds": ["…", "…"], "ignoreCase": true}.';
    end if;
    select f.* into v_field from metadata.fields f where f.id = any (v_ids) and not engine.rule_judges('UNIQUE', engine.value_type(f), null) limit 1;
    if found then
      raise exception 'The field "%" is of type %, which cannot be unique.', v_field.label, v_field.type using errcode = 'RV080', column = 'settings';
    end if;
  end if;
  if nullif(btrim(rule.condition), '') is null then
    rule.condition := null;
    rule.compiled := null;
    if rule.kind = 'CONDITION' then
      raise exception 'The rule does not say what must be true.' using errcode = 'RV081', column = 'condition', hint = 'Give a condition such as: closeDate >= createdAt';
    end if;
  elsif rule.compiled is null then
    rule.compiled := engine.formula_compile(rule.object_id, rule.condition, 'CONDITION');
  else
    -- Its names may be others by now.
    rule.condition := engine.formula_text(rule.compiled);
  end if;
  return rule;
end
$$;

create or replace function engine.tg_rules__validate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  new.id := coalesce(new.id, engine.uuidv7());
  new.workspace_id := coalesce(new.workspace_id, (select o.workspace_id from metadata.objects o where o.id = new.object_id));
  new.settings := coalesce(new.settings, '{}');
  new.message := coalesce(new.message, '');
  if not exists (select from metadata.objects o where o.id = new.object_id and o.workspace_id = new.workspace_id) then
    raise exception 'There is no such object.' using errcode = 'RV011', column = 'object_id';
  end if;
  if tg_op = 'INSERT' or new.condition is distinct from old.condition then
    new.compiled := null;
  end if;
  -- A rule that sleeps is judged when it wakes up: meanwhile its fields may have been deleted.
  if not new.is_active and tg_op = 'UPDATE' and (new.field_id, new.settings, new.condition) is not distinct from (old.field_id, old.settings, old.condition) then
    return new;
  end if;
  return engine.judged_rule(new);
end
$$;
create or replace trigger _100_validate before insert or update on metadata.rules for each row execute function engine.tg_rules__validate();

-- The records that break a rule, as SQL over its table.
create or replace function engine.breaking_sql(rule metadata.rules, schema_name text, table_name text) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_keys text[];
begin
  if (rule).kind <> 'UNIQUE' then
    return format('select r.* from %I.%I r where not coalesce((%s), true)', schema_name, table_name, engine.rule_sql(rule));
  end if;
  v_keys := engine.rule_keys(rule);
  return format('select (k.r).* from (select r, count(*) over (partition by %s) as n from %I.%I r where %s%s) k where k.n > 1',
    array_to_string(v_keys, ', '), schema_name, table_name,
    array_to_string(array(select '(' || k || ') is not null' from unnest(v_keys) k), ' and '), coalesce(' and (' || engine.rule_scope(rule) || ')', ''));
end
$$;

-- Count and names of the records that break a rule. To whom the object is not shown, only the count.
create or replace function engine.rule_breakers(rule metadata.rules, shows_records boolean default true) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_schema text;
  v_object metadata.objects;
  v_field metadata.fields;
  v_count bigint;
  v_records jsonb := '[]';
  v_value text;
begin
  select w.schema_name into v_schema from core.workspaces w where w.id = (rule).workspace_id;
  select o.* into v_object from metadata.objects o where o.id = (rule).object_id;
  if to_regclass(format('%I.%I', v_schema, v_object.table_name)) is null then
    return '{"count": 0, "records": []}';
  end if;
  execute format('select count(*) from (%s) v', engine.breaking_sql(rule, v_schema, v_object.table_name)) into v_count;
  if v_count > 0 and shows_records then
    select f.* into v_field from metadata.fields f
    where f.id = coalesce((rule).field_id, ((rule).settings #>> '{fieldIds,0}')::uuid);
    v_value := case when v_field.id is not null then engine.value_sql(v_field, coalesce((rule).settings ->> 'part', engine.main_part(v_field))) end;
    execute format($sql$
        select coalesce(jsonb_agg(jsonb_build_object('id', v.id, 'label', %1$s, 'value', left((%2$s)::text, 200)) order by %1$s, v.id), '[]')
        from (select v.* from (%3$s) v order by %1$s, v.id limit 20) v
      $sql$, engine.label_expression((rule).object_id, 'v'), coalesce(v_value, 'null'), engine.breaking_sql(rule, v_schema, v_object.table_name)) into v_records;
  end if;
  return jsonb_build_object('count', v_count, 'records', v_records);
end
$$;

create or replace function metadata.rule_violations(rule jsonb) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.workspace_of_role(current_setting('role')::name);
  v_object uuid := (rule ->> 'objectId')::uuid;
  v_rule metadata.rules;
begin
  v_object := coalesce(v_object, (select f.object_id from metadata.fields f where f.id = coalesce((rule ->> 'fieldId')::uuid, (rule #>> '{settings,fieldIds,0}')::uuid)));
  select o.workspace_id into v_workspace from metadata.objects o where o.id = v_object and (v_workspace is null or o.workspace_id = v_workspace);
  if not found then
    raise exception 'There is no such object.' using errcode = 'RV011', column = 'object_id';
  end if;
  perform engine.assert_manages(v_workspace);
  v_rule.workspace_id := v_workspace;
  v_rule.object_id := v_object;
  v_rule.field_id := (rule ->> 'fieldId')::uuid;
  v_rule.kind := rule ->> 'kind';
  v_rule.settings := coalesce(nullif(rule -> 'settings', 'null'), '{}');
  v_rule.condition := rule ->> 'condition';
  v_rule.applies_from := (rule ->> 'appliesFrom')::timestamptz;
  v_rule := engine.judged_rule(v_rule);
  return engine.rule_breakers(v_rule, engine.may_list(v_object))
    || jsonb_build_object('text', engine.rule_text(v_rule));
end
$$;
comment on function metadata.rule_violations(jsonb) is
  'The records that a rule would refuse, before it is applied: {"count", "records": [{"id", "label", "value"}], "text"}. The rule as JSON: {"objectId", "fieldId", "kind", "settings", "condition", "appliesFrom"}.';
grant execute on function metadata.rule_violations(jsonb) to relvar_crm;

-- Rules that are not yet constraints, judged over the records that there are, before any table is
-- locked. What cannot be read yet, since its column is still to come, is judged by its constraint.
create or replace function engine.assert_rules_hold(workspace_id uuid, schema_name text, scope uuid[]) returns void
language plpgsql stable set search_path = ''
as $$
declare
  r record;
  v_found jsonb;
begin
  for r in
    select u as rule, d.table_name
    from engine.desired_rules(assert_rules_hold.workspace_id, scope) d
    join metadata.rules u on d.key = u.object_id || ' rule:' || u.id
    left join pg_catalog.pg_constraint k on k.conrelid = to_regclass(format('%I.%I', schema_name, d.table_name)) and k.conname = d.name
    left join pg_catalog.pg_class i on i.oid = to_regclass(format('%I.%I', schema_name, d.name))
    where split_part(coalesce(pg_catalog.obj_description(k.oid, 'pg_constraint'), pg_catalog.obj_description(i.oid, 'pg_class'), ''), E'\n', 1) <> split_part(d.comment, E'\n', 1)
  loop
    begin
      v_found := engine.rule_breakers(r.rule, engine.may_list((r.rule).object_id));
    exception when undefined_column or undefined_table or datatype_mismatch or undefined_function then
      continue;
    end;
    if (v_found ->> 'count')::bigint > 0 then
      perform engine.refuse_rule(r.rule, v_found);
    end if;
  end loop;
end
$$;

create or replace function engine.refuse_rule(rule metadata.rules, violations jsonb) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_count bigint := (violations ->> 'count')::bigint;
begin
  raise exception 'The rule "%" is broken by % that there % already: %.', engine.rule_text(rule),
    v_count || case v_count when 1 then ' record' else ' records' end, case v_count when 1 then 'is' else 'are' end,
    (select string_agg(coalesce(nullif(e ->> 'label', ''), e ->> 'id'), ', ') from jsonb_path_query(violations, '$.records[0 to 4]') e)
      || case when v_count > 5 then ', …' else '' end
    using errcode = 'RV082', column = 'applies_from', detail = violations::text,
      hint = 'Correct these records first, or let the rule apply to new records only.';
end
$$;
