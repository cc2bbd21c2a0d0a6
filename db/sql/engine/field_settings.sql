-- Which settings the fields of each type may have. What is a rule of the data among them holds in
-- the database (engine.desired_field_checks, the column's own type); the others are for the screen.
delete from engine.field_type_settings;
insert into engine.field_type_settings (type, key, json_type, allowed, low, high, description)
select t.type, s.key, s.json_type, s.allowed::text[], s.low, s.high, s.description
from (values
  ('{TEXT,SELECT,RICH_TEXT,FULL_NAME,EMAILS,PHONES,LINKS,ADDRESS}', 'searchable', 'boolean', null, null, null, 'Whether search reads it.'),
  ('{TEXT,RICH_TEXT,FULL_NAME,EMAILS,PHONES,LINKS,ADDRESS,ARRAY,MULTI_SELECT,RAW_JSON,FILES}', 'allowBlank', 'boolean', null, null, null, 'Whether a required field may hold a blank text or an empty list.'),
  ('{TEXT,PHONES,FULL_NAME,SELECT,AUTO_NUMBER}', 'uniqueIgnoresCase', 'boolean', null, null, null, 'Whether a unique field takes capitals and small letters for the same.'),
  ('{TEXT,ARRAY,RICH_TEXT}', 'displayedMaxRows', 'number', null, 0, 99, 'How many lines a cell shows.'),
  ('{NUMBER}', 'dataType', 'string', '{float,int,bigint}', null, null, 'Whether only whole numbers are held.'),
  ('{NUMBER}', 'type', 'string', '{number,percentage}', null, null, 'How it is shown.'),
  ('{NUMBER,NUMERIC,PERCENT,CURRENCY,FORMULA,ROLLUP}', 'decimals', 'number', null, 0, 15, 'How many decimals are shown.'),
  ('{TEXT}', 'format', 'string', '{recurrence}', null, null, 'Whether it is shown and edited as when something comes again.'),
  ('{CURRENCY,DURATION}', 'format', 'string', '{short,full}', null, null, 'How it is shown.'),
  ('{DATE,DATE_TIME,FORMULA,ROLLUP}', 'displayFormat', 'string', '{RELATIVE,USER_SETTINGS,CUSTOM}', null, null, 'How it is shown.'),
  ('{DATE,DATE_TIME,FORMULA,ROLLUP}', 'customUnicodeDateFormat', 'string', null, 1, 100, 'How it is shown when displayFormat is CUSTOM.'),
  ('{ARRAY,EMAILS,PHONES,LINKS,FILES}', 'maxNumberOfValues', 'number', null, 1, 1000, 'How many values it holds at most.'),
  ('{ADDRESS}', 'subFields', 'array', '{street1,street2,city,postcode,state,country,lat,lng}', null, null, 'Which parts are shown.'),
  ('{MEMBER}', 'onDelete', 'string', '{SET_NULL,CASCADE,RESTRICT}', null, null, 'What becomes of the record when the member is removed.'),
  ('{MANY_TO_MANY}', 'targetObjectId', 'string', null, 1, 100, 'The object on the other side, while the relation is being made.'),
  ('{MANY_TO_MANY}', 'inverseLabel', 'string', null, 0, 200, 'How the other side calls these records, while the relation is being made.'),
  ('{MANY_TO_MANY}', 'inverseName', 'string', null, 0, 100, 'The API name on the other side, while the relation is being made.'),
  ('{MANY_TO_MANY}', 'junctionId', 'string', null, 36, 36, 'The id for the junction, while the relation is being made.'),
  ('{MANY_TO_MANY}', 'inverseId', 'string', null, 36, 36, 'The id for the field on the other side, while the relation is being made.'),
  ('{MANY_TO_MANY}', 'nearId', 'string', null, 36, 36, 'The id for the junction''s relation to this object, while the relation is being made.'),
  ('{MANY_TO_MANY}', 'farId', 'string', null, 36, 36, 'The id for its relation to the other object, while the relation is being made.'),
  ('{MANY_TO_MANY}', 'nearRelationId', 'string', null, 36, 36, 'The id for the key of the first, while the relation is being made.'),
  ('{MANY_TO_MANY}', 'farRelationId', 'string', null, 36, 36, 'The id for the key of the second, while the relation is being made.'),
  ('{FORMULA}', 'expression', 'string', null, 0, 10000, 'The formula.'),
  ('{ROLLUP}', 'relationId', 'string', null, 1, 100, 'The relation over whose records it counts.'),
  ('{ROLLUP}', 'aggregate', 'string', '{COUNT,SUM,AVG,MIN,MAX,FIRST,LAST,LIST}', null, null, 'What it makes of them.'),
  ('{ROLLUP}', 'fieldId', 'string', null, 0, 100, 'The field of theirs that it reads.'),
  ('{ROLLUP}', 'filter', 'string', null, 0, 10000, 'A condition: which of them count.'),
  ('{ROLLUP}', 'orderFieldId', 'string', null, 0, 100, 'What FIRST, LAST and LIST go by.'),
  ('{AUTO_NUMBER}', 'prefix', 'string', null, 0, 20, 'What stands before the number.'),
  ('{AUTO_NUMBER}', 'padding', 'number', null, 0, 18, 'To how many digits it is filled up with zeros.'),
  ('{AUTO_NUMBER}', 'start', 'number', null, 0, 1000000000000, 'The first number.')
) as s (types, key, json_type, allowed, low, high, description)
cross join lateral unnest(s.types::text[]) as t (type)
union all
-- What becomes of values that a change of the type cannot convert.
select t.type, 'onFailure', 'string', '{REFUSE,EMPTY}', null, null, 'What becomes of values that a change of the type cannot convert.' from engine.field_types t;

create or replace function engine.assert_settings(field metadata.fields) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_known text[] := array(select s.key from engine.field_type_settings s where s.type = (field).type and s.key <> 'onFailure' order by s.key);
  v_key text;
  v_value jsonb;
  v_good boolean;
  s engine.field_type_settings;
begin
  if jsonb_typeof((field).settings) <> 'object' then
    raise exception 'The settings of a field are an object.' using errcode = 'RV084', column = 'settings', hint = 'Give settings such as {"decimals": 2}.';
  end if;
  for v_key, v_value in select k, v from jsonb_each((field).settings) e (k, v) loop
    select t.* into s from engine.field_type_settings t where t.type = (field).type and t.key = v_key;
    if not found then
      raise exception 'A field of type % has no setting "%".', (field).type, v_key using errcode = 'RV084', column = 'settings',
        hint = case when v_known = '{}' then 'It has none.' else engine.did_you_mean(v_key, v_known) end;
    end if;
    -- Null is as good as absent.
    continue when v_value = 'null';
    v_good := jsonb_typeof(v_value) = s.json_type;
    if v_good then
      v_good := case s.json_type
        when 'number' then (v_value #>> '{}')::numeric between s.low and s.high and (v_value #>> '{}')::numeric % 1 = 0
        when 'string' then case when s.allowed is not null then (v_value #>> '{}') = any (s.allowed)
          else octet_length(v_value #>> '{}') between s.low and s.high end
        when 'array' then not exists (select from jsonb_array_elements(v_value) e where jsonb_typeof(e) <> 'string' or (e #>> '{}') <> all (s.allowed))
        else true end;
    end if;
    if not v_good then
      raise exception '% is no value of the setting "%".', left(v_value::text, 100), v_key using errcode = 'RV084', column = 'settings',
        hint = case when s.allowed is not null then 'It is one of: ' || array_to_string(s.allowed, ', ') || '.'
          when s.json_type = 'number' then format('It is a whole number from %s to %s.', s.low, s.high)
          when s.json_type = 'string' then format('It is a text of %s to %s bytes.', s.low, s.high) else 'It is true or false.' end;
    end if;
  end loop;
end
$$;

-- Options beyond their values, which engine.tg_fields__validate judges.
create or replace function engine.assert_options(options jsonb) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_option jsonb;
  v_key text;
  v_colours text[] := '{gray,red,orange,yellow,green,turquoise,sky,blue,purple,pink}';
begin
  if jsonb_array_length(options) > 1000 then
    raise exception 'A select has at most 1,000 options.' using errcode = 'RV009', column = 'options', hint = 'What grows without end is better an object of its own, with a relation.';
  end if;
  for v_option in select e from jsonb_array_elements(options) e loop
    if jsonb_typeof(v_option) <> 'object' then
      raise exception '% is no option.', left(v_option::text, 100) using errcode = 'RV009', column = 'options', hint = 'Give options such as {"value": "NEW", "label": "New", "color": "blue"}.';
    end if;
    select k into v_key from jsonb_object_keys(v_option) k where k <> all ('{id,value,label,color,position}') limit 1;
    if found then
      raise exception 'An option has no "%".', v_key using errcode = 'RV009', column = 'options', hint = engine.did_you_mean(v_key, '{value,label,color,position}');
    end if;
    if coalesce(jsonb_typeof(v_option -> 'label') <> 'string' or btrim(v_option ->> 'label') = '' or octet_length(v_option ->> 'label') > 200, true) then
      raise exception 'The option "%" needs a label of 1 to 200 bytes.', v_option ->> 'value' using errcode = 'RV009', column = 'options';
    end if;
    if coalesce(nullif(v_option -> 'color', 'null') #>> '{}', 'gray') <> all (v_colours) then
      raise exception 'There is no colour "%".', v_option ->> 'color' using errcode = 'RV009', column = 'options', hint = 'There are: ' || array_to_string(v_colours, ', ') || '.';
    end if;
    if coalesce(jsonb_typeof(v_option -> 'position'), 'number') not in ('number', 'null') then
      raise exception 'The position of the option "%" is no number.', v_option ->> 'value' using errcode = 'RV009', column = 'options';
    end if;
  end loop;
  select btrim(min(e ->> 'label')) into v_key from jsonb_array_elements(options) e group by lower(btrim(e ->> 'label')) having count(*) > 1 limit 1;
  if found then
    raise exception 'Two options have the label "%".', v_key using errcode = 'RV009', column = 'options', hint = 'Nobody could tell them apart.';
  end if;
end
$$;

-- What a default must be, beyond fitting the column (engine.assert_default).
create or replace function engine.assert_default_holds(field metadata.fields) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_value jsonb := (field).default_value;
  v_is_good boolean;
begin
  if v_value is null or v_value = 'null' or jsonb_typeof(v_value) = 'object' and v_value ? 'expression' then
    return;
  end if;
  if (field).type in ('FORMULA', 'ROLLUP', 'AUTO_NUMBER', 'MANY_TO_MANY', 'MORPH_RELATION', 'TS_VECTOR') then
    raise exception 'A field of type % has no default value.', (field).type using errcode = 'RV009', column = 'default_value';
  end if;
  v_is_good := case (field).type
    when 'COLOR' then v_value #>> '{}' ~ '^#[0-9a-f]{6}$'
    when 'RELATION' then coalesce(v_value #>> '{}' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$', false)
    when 'MEMBER' then v_value = '"currentMember"' or coalesce(v_value #>> '{}' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$', false)
    when 'LOCATION' then abs(coalesce((v_value ->> 'lat')::float8, 0)) <= 90 and abs(coalesce((v_value ->> 'lng')::float8, 0)) <= 180
    when 'CURRENCY' then coalesce(v_value ->> 'currencyCode' ~ '^[A-Z]{3}$', true)
    when 'DURATION' then jsonb_typeof(v_value) = 'number'
    when 'PERCENT' then jsonb_typeof(v_value) = 'number'
    when 'ARRAY' then coalesce(jsonb_array_length(v_value) <= ((field).settings ->> 'maxNumberOfValues')::int, true)
    when 'FILES' then jsonb_typeof(v_value) = 'array' and coalesce(jsonb_array_length(v_value) <= ((field).settings ->> 'maxNumberOfValues')::int, true)
    else true end;
  if not v_is_good then
    raise exception 'The default % does not fit the type %.', left(v_value::text, 100), (field).type using errcode = 'RV009', column = 'default_value',
      hint = case (field).type when 'COLOR' then 'Give a colour such as "#1c7ed6".' when 'MEMBER' then 'Give "currentMember", or the id of a member.'
        when 'RELATION' then 'Give the id of a record.' when 'LOCATION' then 'Give {"lat": …, "lng": …} in degrees.' when 'CURRENCY' then 'The currency is a code such as "EUR".'
        when 'DURATION' then 'Give a number of seconds.' when 'PERCENT' then 'Give a fraction: 0.25 is 25 %.' else 'It has too many values.' end;
  end if;
end
$$;

create or replace function engine.tg_fields__judge_details() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  -- What was written before there was this check is judged when it changes.
  if new.deleted_at is null and not new.is_system then
    if tg_op = 'INSERT' or (new.settings, new.type) is distinct from (old.settings, old.type) then
      perform engine.assert_settings(new);
    end if;
    if new.type in ('SELECT', 'MULTI_SELECT') and (tg_op = 'INSERT' or (new.options, new.type) is distinct from (old.options, old.type)) then
      perform engine.assert_options(new.options);
    end if;
    if tg_op = 'INSERT' or (new.default_value, new.settings, new.type) is distinct from (old.default_value, old.settings, old.type) then
      perform engine.assert_default_holds(new);
    end if;
  end if;
  return new;
end
$$;
create or replace trigger _110_judge_details before insert or update on metadata.fields for each row execute function engine.tg_fields__judge_details();
