-- The columns that a workspace's fields come to.

-- quote_literal would write E'' around backslashes, and PostgreSQL does not print that back.
create or replace function engine.literal(value text) returns text
language sql immutable strict parallel safe set search_path = ''
  return '''' || replace(value, '''', '''''') || '''';

-- The text of a default as PostgreSQL prints it back, so that comparing texts compares meanings.
create or replace function engine.default_expression(field_type text, pg_type text, value jsonb) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_text text := value #>> '{}';
begin
  if value is null or value = 'null' then
    return null;
  end if;
  case pg_type
    when 'timestamp with time zone' then
      if v_text = 'now' then return 'now()'; end if;
      return engine.literal((v_text::timestamptz)::text) || '::timestamp with time zone';
    when 'date' then
      if v_text = 'now' then return 'CURRENT_DATE'; end if;
      return engine.literal((v_text::date)::text) || '::date';
    when 'uuid' then
      if v_text = 'uuid' then return engine.uuid_default(); end if;
      return engine.literal((v_text::uuid)::text) || '::uuid';
    when 'boolean' then
      return (v_text::boolean)::text;
    when 'double precision' then
      return engine.literal((v_text::double precision)::text) || '::double precision';
    when 'bigint' then
      return engine.literal((v_text::bigint)::text) || '::bigint';
    when 'smallint' then
      return engine.literal((v_text::smallint)::text) || '::smallint';
    when 'numeric' then
      v_text := (v_text::numeric)::text;
      -- A fraction is printed bare, a whole or negative number in quotes.
      return case when v_text ~ '^[0-9]+\.[0-9]+$' then v_text else engine.literal(v_text) || '::numeric' end;
    when 'text[]' then
      return engine.literal((select coalesce(array_agg(e), '{}') from jsonb_array_elements_text(value) e)::text) || '::text[]';
    when 'jsonb' then
      return engine.literal(value::text) || '::jsonb';
    else
      return engine.literal(v_text) || '::text';
  end case;
end
$$;

-- What a deleted object or field is called until it is purged, so that its name is free again.
create or replace function engine.deleted_name(id uuid) returns text
language sql immutable strict parallel safe
  return 'deleted_' || right(replace(id::text, '-', ''), 12);

-- How a field's columns are identified: a change of type makes new columns beside the old.
create or replace function engine.column_key(field_id uuid, revision int, part text) returns text
language sql immutable parallel safe
  -- With casts that are as immutable as it is, so that it becomes a part of the queries that ask it.
  return field_id::text || case when revision > 1 then '~' || revision::text else '' end || case when part = '' then '' else '.' || part end;

-- A search vector reads the label field and the fields whose settings say "searchable". A formula that is computed when
-- it is read has no name here, since no other column can be made of it: only what it is made of.
create or replace function engine.search_sources(workspace_id uuid, scope uuid[] default null)
returns table (object_id uuid, key text, name text, expression text)
language sql stable set search_path = ''
as $$
  select f.object_id, engine.column_key(f.id, f.revision, c.part), engine.snake_case(f.name) || c.suffix, quote_ident(engine.snake_case(f.name) || c.suffix)
  from metadata.fields f
  join metadata.objects o on o.id = f.object_id and o.workspace_id = f.workspace_id
  join engine.field_type_columns c on c.type = f.type
  where f.workspace_id = search_sources.workspace_id and (scope is null or f.object_id = any (scope)) and f.deleted_at is null
    and (f.id = o.label_field_id or f.settings ->> 'searchable' = 'true')
    and c.pg_type = 'text' and f.type <> 'AUTO_NUMBER'
    and c.part not in ('primaryPhoneCountryCode', 'primaryLinkLabel', 'currencyCode')
  union all
  select f.object_id, f.id || '#' || md5(engine.computed_basis(f)), case when not g.is_generated then engine.snake_case(f.name) end,
    case when g.is_generated then engine.formula_sql(f.compiled) else quote_ident(engine.snake_case(f.name)) end
  from metadata.fields f
  join metadata.objects o on o.id = f.object_id and o.workspace_id = f.workspace_id and o.label_field_id = f.id
  cross join lateral (select engine.is_generated(f) as is_generated) g
  where f.workspace_id = search_sources.workspace_id and (scope is null or f.object_id = any (scope)) and f.deleted_at is null
    and f.type = 'FORMULA' and f.result_type = 'TEXT'
$$;

-- The text of an auto-number: "INV-" and 42 padded to 5 digits is INV-00042. As PostgreSQL prints it.
create or replace function engine.auto_number_text(column_name text, settings jsonb) returns text
language sql immutable set search_path = ''
  return format('(%s || lpad((%I)::text, GREATEST(%s, length((%2$I)::text)), ''0''::text))',
    engine.literal(coalesce(settings ->> 'prefix', '')) || '::text', column_name, coalesce((settings ->> 'padding')::int, 0));

-- Here and wherever a workspace's model is read, joins repeat the workspace: without it the planner
-- reads the objects and fields of all workspaces to join with these few.
create or replace function engine.columns(workspace_id uuid, scope uuid[] default null) returns setof engine.column_spec
-- Planning it takes longer than running it.
language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan
as $$
declare
  v_generates boolean := current_setting('server_version_num')::int >= 180000;
begin
  return query
  with field as (
    select f.*, o.table_name, o.deleted_at is null as object_is_there, case when f.deleted_at is null then engine.snake_case(f.name) else engine.deleted_name(f.id) end as base
    from metadata.fields f
    join metadata.objects o on o.id = f.object_id and o.workspace_id = f.workspace_id
    where f.workspace_id = columns.workspace_id and (scope is null or f.object_id = any (scope))
  ), search as (
    select s.object_id,
      string_agg(s.key, ',' order by s.key) as basis,
      'to_tsvector(''simple''::regconfig, engine.search_text('
        || string_agg(format('COALESCE(%s, ''''::text)', s.expression), ' || '' ''::text || ' order by s.key) || '))' as expr
    from engine.search_sources(columns.workspace_id, scope) s
    group by s.object_id
  ), expanded as (
    select f.object_id, f.table_name, f.id as field_id, engine.column_key(f.id, f.revision, c.part) as key,
      f.base || c.suffix as name, f.base as base, c.part, null::uuid as relation_id,
      case when f.type = 'NUMBER' and f.settings ->> 'dataType' in ('int', 'bigint') then 'bigint' else c.pg_type end as pg_type,
      c.position as ordinal, f.type, f.compiled, f.name as field_name, f.settings, f.default_value, f.is_required and f.required_from is null as is_required, f.is_system,
      f.is_active and f.deleted_at is null as is_active, f.position, f.label, f.description
    from field f
    join engine.field_type_columns c on c.type = case when f.type in ('FORMULA', 'ROLLUP') then f.result_type else f.type end
    -- What is computed can be computed again: it is not kept beyond its deletion.
    where f.type not in ('FORMULA', 'ROLLUP') or f.deleted_at is null and f.object_is_there
    union all
    select f.object_id, f.table_name, f.id, engine.column_key(f.id, f.revision, r.id::text),
      case when f.deleted_at is not null or r.deleted_at is not null then engine.deleted_name(r.id)
        when f.type = 'MORPH_RELATION' then f.base || '_' || engine.snake_case(t.name_singular) else f.base end || '_id',
      f.base, '', r.id, 'uuid', 1, f.type, f.compiled, f.name, f.settings, f.default_value, f.is_required and f.required_from is null, f.is_system,
      f.is_active and f.deleted_at is null and r.deleted_at is null, f.position, f.label, f.description
    from field f
    join metadata.relations r on r.field_id = f.id
    join metadata.objects t on t.id = r.target_object_id and t.workspace_id = columns.workspace_id
    where f.type in ('RELATION', 'MEMBER', 'MORPH_RELATION')
  )
  select e.object_id, e.table_name, e.field_id, e.key, e.name, e.part, e.relation_id, e.type, e.pg_type,
    e.type not in ('TS_VECTOR') and (
      (e.is_system and (e.field_name in ('id', 'createdAt', 'updatedAt', 'position') or e.part = 'source'))
      or (e.type = 'AUTO_NUMBER' and e.part = '')
      -- A composite field is present when its first part is. What is hidden is nobody's to fill in.
      or (e.is_required and e.is_active and e.ordinal = 1 and e.type <> 'MORPH_RELATION')
    ),
    case
      when e.type = 'TS_VECTOR' or e.type = 'AUTO_NUMBER' and e.part = 'text' then null
      when e.type = 'AUTO_NUMBER' then 'identity ' || coalesce((e.settings ->> 'start')::bigint, 1)
      when e.type = 'ACTOR' and e.part = 'source' then 'engine.current_source()'
      when e.type = 'ACTOR' and e.part = 'memberId' then 'engine.current_member()'
      when e.type = 'ACTOR' and e.part = 'name' then 'engine.actor_name()'
      when jsonb_typeof(e.default_value) = 'object' and e.default_value ? 'expression' then e.compiled ->> 'printed'
      when e.relation_id is not null and e.default_value = '"currentMember"' then 'engine.current_member()'
      else engine.default_expression(e.type, e.pg_type,
        case when e.part = '' then e.default_value else e.default_value -> e.part end)
    end,
    case when e.type = 'TS_VECTOR' then coalesce(s.expr, 'to_tsvector(''simple''::regconfig, ''''::text)')
      when e.type = 'AUTO_NUMBER' and e.part = 'text' then engine.auto_number_text(e.base, e.settings)
      when p.is_generated then engine.formula_sql(e.compiled, e.part) end,
    case when e.type = 'TS_VECTOR' or e.type = 'AUTO_NUMBER' and e.part = 'text' then 'stored'
      when p.is_generated then 'virtual' when p.is_computed then 'kept' end,
    case when e.type = 'TS_VECTOR' then coalesce(s.basis, '')
      when e.type = 'AUTO_NUMBER' and e.part = 'text' then engine.auto_number_text('', e.settings)
      when p.is_computed then (select engine.computed_basis(f) from metadata.fields f where f.id = e.field_id) end,
    (not e.is_system or e.field_name in ('id', 'position')) and e.type <> 'AUTO_NUMBER' and not p.is_computed,
    e.position, e.ordinal, e.is_active,
    case when e.description = '' then e.label else e.description end
  from expanded e
  left join search s on s.object_id = e.object_id
  cross join lateral (select e.type in ('FORMULA', 'ROLLUP') as is_computed,
    e.type = 'FORMULA' and v_generates and not engine.formula_reads_relations(e.compiled) as is_generated) p;
end
$$;
comment on function engine.columns(uuid, uuid[]) is 'Every column that the fields of a workspace come to, as it should be; of the objects in scope, or of all.';
