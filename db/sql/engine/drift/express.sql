-- What of the things made by hand metadata can say, and how.

create or replace function engine.field_type_of(pg_type text, out type text, out settings jsonb)
language sql immutable set search_path = ''
as $$
  select t.type, coalesce(t.settings, '{}')::jsonb
  from (values
    ('^text$|^character varying', 'TEXT', null), ('^bigint$', 'NUMBER', '{"dataType": "bigint"}'), ('^(integer|smallint)$', 'NUMBER', '{"dataType": "int"}'),
    ('^(double precision|real)$', 'NUMBER', null), ('^numeric', 'NUMERIC', null), ('^boolean$', 'BOOLEAN', null), ('^date$', 'DATE', null),
    ('^timestamp with time zone$', 'DATE_TIME', null), ('^uuid$', 'UUID', null), ('^text\[\]$', 'ARRAY', null), ('^jsonb?$', 'RAW_JSON', null)
  ) as t (pattern, type, settings)
  where pg_type ~ t.pattern limit 1
$$;

-- A default as metadata says it; null where it cannot.
create or replace function engine.default_of(pg_type text, expression text) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_text text := replace(substring(expression from '^''((?:[^'']|'''')*)''::[a-z ]+(?:\[\])?$'), '''''', '''');
begin
  return case
    when pg_type in ('timestamp with time zone', 'date') and expression ~* '^(now\(\)|current_timestamp|current_date)$' then '"now"'
    when pg_type = 'uuid' and expression = engine.uuid_default() then '"uuid"'
    when pg_type = 'boolean' and expression in ('true', 'false') then expression::jsonb
    when expression ~ '^-?[0-9]+(\.[0-9]+)?$' then to_jsonb(expression::numeric)
    when v_text is null then null
    when pg_type = 'jsonb' then v_text::jsonb
    when pg_type = 'text[]' then to_jsonb(v_text::text[])
    when pg_type in ('text', 'date', 'timestamp with time zone', 'uuid') then to_jsonb(v_text)
    when v_text ~ '^-?[0-9]+(\.[0-9]+)?$' then to_jsonb(v_text::numeric) end;
exception when data_exception then
  return null;
end
$$;

-- The field whose only or main column stands at a place of a table.
create or replace function engine.field_at(relation oid, attnum int) returns metadata.fields
language sql stable set search_path = ''
as $$
  select f.* from metadata.fields f
  where f.id = substring(engine.identity_of(pg_catalog.col_description(relation, attnum)) from '^[0-9a-f-]{36}')::uuid and f.deleted_at is null
$$;

-- An index as a row of metadata.indexes, or null: {"kind", "parts"} or, of a unique one, {"fieldIds"}.
create or replace function engine.index_as_model(index oid) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  i record;
  v_parts jsonb := '[]';
  v_classes text[];
  v_field metadata.fields;
  v_part text;
begin
  select x.*, m.amname, c.relname into i from pg_catalog.pg_index x join pg_catalog.pg_class c on c.oid = x.indexrelid join pg_catalog.pg_am m on m.oid = c.relam where x.indexrelid = index;
  if i.indpred is not null or i.indexprs is not null or i.indnatts <> i.indnkeyatts or not i.indisvalid or i.amname not in ('btree', 'gin') then
    return null;
  end if;
  v_classes := array(select o.opcname::text from unnest(i.indclass::oid[]) u (oid) join pg_catalog.pg_opclass o on o.oid = u.oid);
  for n in 0 .. i.indnatts - 1 loop
    v_field := engine.field_at(i.indrelid, i.indkey[n]);
    v_part := split_part(engine.identity_of(pg_catalog.col_description(i.indrelid, i.indkey[n])), '.', 2);
    if v_field.id is null or i.indoption[n] not in (0, 3) then
      return null;
    end if;
    v_parts := v_parts || jsonb_build_array(jsonb_strip_nulls(jsonb_build_object('fieldId', v_field.id,
      'part', case when v_part <> engine.main_part(v_field) and v_field.type not in ('RELATION', 'MEMBER') then v_part end,
      'descending', case when i.indoption[n] = 3 then true end)));
    if i.indisunique and (v_part <> '' and v_field.type not in ('RELATION', 'MEMBER') or v_field.type in ('FULL_NAME', 'EMAILS', 'LINKS', 'CURRENCY', 'LOCATION', 'MORPH_RELATION')
        or not engine.rule_judges('UNIQUE', v_field.type, null)) then
      return null;
    end if;
  end loop;
  return case
    when i.indisunique then jsonb_build_object('fieldIds', (select jsonb_agg(e -> 'fieldId' order by n) from jsonb_array_elements(v_parts) with ordinality as u (e, n)))
    when i.amname = 'btree' then jsonb_build_object('kind', 'BTREE', 'parts', v_parts)
    when v_classes <@ '{gin_trgm_ops}' then jsonb_build_object('kind', 'TRIGRAM', 'parts', v_parts)
    when v_classes <@ '{array_ops,jsonb_ops}' then jsonb_build_object('kind', 'GIN', 'parts', v_parts) end;
end
$$;

-- A check as a rule, or null: {"fieldId", "kind", "settings"}. Only where it means exactly the same.
create or replace function engine.check_as_rule(check_oid oid) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  k record;
  v_field metadata.fields;
  v_column text;
  v_part text;
  v_found text[];
begin
  select c.conrelid, c.conkey, pg_catalog.pg_get_constraintdef(c.oid) as definition, a.attname into k
  from pg_catalog.pg_constraint c join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
  where c.oid = check_oid and c.contype = 'c' and cardinality(c.conkey) = 1 and c.convalidated;
  v_field := engine.field_at(k.conrelid, k.conkey[1]);
  if v_field.id is null or v_field.type in ('CURRENCY', 'RATING', 'FORMULA', 'ROLLUP') then
    return null;
  end if;
  v_part := split_part(engine.identity_of(pg_catalog.col_description(k.conrelid, k.conkey[1])), '.', 2);
  v_column := regexp_replace(quote_ident(k.attname), '([.$*+?()\[\]{}|\\^])', '\\\1', 'g');
  v_found := regexp_match(k.definition, '^CHECK \(\(' || v_column || ' (>=|<=) \(?''?(-?[0-9]+(?:\.[0-9]+)?|[0-9]{4}-[0-9]{2}-[0-9]{2})''?\)?(?:::(?:numeric|double precision|bigint|integer|date))?\)\)$');
  if v_found is not null and v_part = '' and v_field.type in ('NUMBER', 'NUMERIC', 'PERCENT', 'DURATION', 'DATE') then
    return jsonb_build_object('fieldId', v_field.id, 'kind', 'RANGE', 'settings', jsonb_build_object(case v_found[1] when '>=' then 'min' else 'max' end,
      case v_field.type when 'DATE' then to_jsonb(v_found[2]) else to_jsonb(v_found[2]::numeric) end));
  end if;
  v_found := regexp_match(k.definition, '^CHECK \(\((?:char_)?length\(' || v_column || '\) <= ([0-9]+)\)\)$');
  if v_found is not null then
    return jsonb_build_object('fieldId', v_field.id, 'kind', 'LENGTH', 'settings', jsonb_strip_nulls(jsonb_build_object('max', v_found[1]::int,
      'part', case when v_part <> engine.main_part(v_field) then v_part end)));
  end if;
  if k.definition = 'CHECK ((' || quote_ident(k.attname) || ' IS NOT NULL))' and v_part = '' and v_field.type in ('NUMBER', 'NUMERIC', 'BOOLEAN', 'DATE', 'DATE_TIME', 'UUID', 'SELECT', 'PERCENT', 'DURATION') then
    return jsonb_build_object('fieldId', v_field.id, 'kind', 'REQUIRED', 'settings', '{}'::jsonb);
  end if;
  return null;
end
$$;

-- An API name for a thing of the database; the database name follows from it where that goes both ways.
create or replace function engine.name_of(database_name text) returns text
language sql stable set search_path = ''
  return case when engine.snake_case(engine.camel_case(database_name)) = database_name and engine.is_api_name(engine.camel_case(database_name)) then engine.camel_case(database_name)
    else engine.name_from_label(replace(database_name, '_', ' ')) end;

create or replace function engine.column_is_adoptable(relation oid, column_name text) returns boolean
language sql stable set search_path = ''
as $$
  select coalesce((
    select a.attgenerated = '' and a.attidentity = '' and (engine.field_type_of(t.pg_type)).type is not null
      and (d.oid is null or engine.default_of(t.pg_type, pg_catalog.pg_get_expr(d.adbin, d.adrelid)) is not null)
      and column_name ~ '[a-zA-Z]'
    from pg_catalog.pg_attribute a
    cross join lateral (select pg_catalog.format_type(a.atttypid, a.atttypmod) as pg_type) t
    left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attrelid = relation and a.attname = column_name), false)
$$;

-- A table becomes an object if its key is no other than an id, and each column a field.
create or replace function engine.table_is_adoptable(relation oid) returns boolean
language sql stable set search_path = ''
as $$
  select not exists (
      select from pg_catalog.pg_constraint k where k.conrelid = relation and k.contype = 'p'
        and not (cardinality(k.conkey) = 1 and exists (
          select from pg_catalog.pg_attribute a where a.attrelid = relation and a.attnum = k.conkey[1] and a.attname = 'id' and a.atttypid = 'uuid'::regtype)))
    and not exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = relation and a.attnum > 0 and not a.attisdropped
        and case when a.attname in ('id', 'created_at', 'updated_at', 'position') then a.atttypid <> case a.attname when 'id' then 'uuid' when 'position' then 'double precision' else 'timestamptz' end::regtype
          else not engine.column_is_adoptable(relation, a.attname) end)
    and (select c.relkind = 'r' and not c.relispartition from pg_catalog.pg_class c where c.oid = relation)
$$;

create or replace function engine.beside_proposals(workspace_id uuid, schema_name text, item engine.drift_item) returns text[]
language plpgsql stable set search_path = ''
as $$
declare
  v_table oid := to_regclass(format('%I.%I', schema_name, coalesce((select o.table_name from metadata.objects o where o.id = (item).object_id), (item).name)));
  v_is_adoptable boolean;
begin
  v_is_adoptable := case (item).kind
    when 'table' then engine.table_is_adoptable(v_table)
    when 'column' then engine.column_is_adoptable(v_table, (item).name)
    when 'index' then engine.index_as_model(to_regclass(format('%I.%I', schema_name, (item).name))) is not null
    when 'constraint' then coalesce((
      select case k.contype when 'c' then engine.check_as_rule(k.oid) is not null when 'u' then engine.index_as_model(k.conindid) is not null else false end
      from pg_catalog.pg_constraint k where k.conrelid = v_table and k.conname = (item).name), false)
    else false end;
  return case when v_is_adoptable then array['ADOPT'] else '{}' end || array['REPAIR', 'IGNORE'];
end
$$;

create or replace function engine.drift_proposals(workspace_id uuid, d engine.difference) returns text[]
language plpgsql stable set search_path = ''
as $$
declare
  v_field metadata.fields;
  v_is_adoptable boolean := false;
begin
  if (d).kind = 'column' then
    select f.* into v_field from metadata.fields f
    where f.id = substring((d).key from '^[0-9a-f-]{36}')::uuid and not f.is_system and f.deleted_at is null;
    if v_field.id is not null and not (d).is_extra and not (d).is_recreated then
      v_is_adoptable := case
        when (d).is_missing then v_field.application_id is null and (select count(*) = 1 from engine.field_type_columns c where c.type = v_field.type)
          and not exists (select from metadata.objects o where o.label_field_id = v_field.id)
        when (d).want.pg_type <> (d).have.pg_type then false
        when (d).want.name <> (d).have.name then (d).key !~ '\.' and engine.is_api_name(engine.camel_case((d).have.name)) and engine.snake_case(engine.camel_case((d).have.name)) = (d).have.name
        when (d).want.default_expr is distinct from (d).have.default_expr then (d).have.default_expr is null or engine.default_of((d).have.pg_type, (d).have.default_expr) is not null
        else (d).want.not_null <> (d).have.not_null end;
    end if;
  elsif (d).kind = 'table' then
    v_is_adoptable := not (d).is_missing and not (d).is_extra and (d).want.name <> (d).have.name
      and exists (select from metadata.objects o where o.id::text = (d).key and not o.is_system)
      and engine.is_api_name(engine.camel_case((d).have.name)) and engine.snake_case(engine.camel_case((d).have.name)) = (d).have.name;
  elsif (d).kind in ('index', 'constraint') then
    v_is_adoptable := (d).is_missing and (d).key ~ ' (rule|index|unique):';
  end if;
  return case when v_is_adoptable then array['ADOPT'] else '{}' end || array['REPAIR'] || case when engine.may_ignore(d) then array['IGNORE'] else '{}' end;
end
$$;
