-- The columns that a workspace's fields come to.

-- quote_literal would write E'' around backslashes, and PostgreSQL does not print that back.
create function engine.literal(value text) returns text
language sql immutable strict parallel safe set search_path = ''
  return '''' || replace(value, '''', '''''') || '''';

-- The text of a default as PostgreSQL prints it back, so that comparing texts compares meanings.
create function engine.default_expression(field_type text, pg_type text, value jsonb) returns text
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

create type engine.column_spec as (
  object_id uuid,
  table_name text,
  field_id uuid,
  key text,            -- identity of the column: field id, and part or relation where a field has several
  name text,
  part text,
  relation_id uuid,
  pg_type text,
  not_null boolean,
  default_expr text,
  generated_expr text,
  generated_basis text, -- what the expression depends on, by identity; a rename does not change it
  is_writable boolean,
  position double precision,
  ordinal int,
  is_active boolean,
  description text
);

-- A search vector reads the label field and the fields whose settings say "searchable".
create function engine.search_columns(workspace_id uuid)
returns table (object_id uuid, key text, name text)
language sql stable set search_path = ''
as $$
  select f.object_id, f.id || ':' || c.part, engine.snake_case(f.name) || c.suffix
  from metadata.fields f
  join metadata.objects o on o.id = f.object_id and o.workspace_id = f.workspace_id
  join engine.field_type_columns c on c.type = f.type
  where f.workspace_id = search_columns.workspace_id
    and (f.id = o.label_field_id or f.settings ->> 'searchable' = 'true')
    and c.pg_type = 'text'
    and c.part not in ('primaryPhoneCountryCode', 'primaryLinkLabel', 'currencyCode')
$$;

-- Here and wherever a workspace's model is read, joins repeat the workspace: without it the planner
-- reads the objects and fields of all workspaces to join with these few.
create function engine.columns(workspace_id uuid) returns setof engine.column_spec
language sql stable set search_path = ''
as $$
  with field as (
    select f.*, o.table_name, engine.snake_case(f.name) as base
    from metadata.fields f
    join metadata.objects o on o.id = f.object_id and o.workspace_id = f.workspace_id
    where f.workspace_id = columns.workspace_id
  ), search as (
    select s.object_id,
      string_agg(s.key, ',' order by s.key) as basis,
      'to_tsvector(''simple''::regconfig, engine.search_text('
        || string_agg(format('COALESCE(%I, ''''::text)', s.name), ' || '' ''::text || ' order by s.key) || '))' as expr
    from engine.search_columns(columns.workspace_id) s
    group by s.object_id
  ), expanded as (
    select f.object_id, f.table_name, f.id as field_id,
      f.id || case when c.part = '' then '' else '.' || c.part end as key,
      f.base || c.suffix as name, c.part, null::uuid as relation_id,
      case when f.type = 'NUMBER' and f.settings ->> 'dataType' in ('int', 'bigint') then 'bigint' else c.pg_type end as pg_type,
      c.position as ordinal, f.type, f.name as field_name, f.default_value, f.is_required, f.is_system, f.is_active,
      f.position, f.label, f.description
    from field f
    join engine.field_type_columns c on c.type = f.type
    union all
    select f.object_id, f.table_name, f.id, f.id || '.' || r.id,
      case f.type when 'RELATION' then f.base else f.base || '_' || engine.snake_case(t.name_singular) end || '_id',
      '', r.id, 'uuid', 1, f.type, f.name, null, f.is_required, f.is_system, f.is_active, f.position, f.label, f.description
    from field f
    join metadata.relations r on r.field_id = f.id
    join metadata.objects t on t.id = r.target_object_id and t.workspace_id = columns.workspace_id
    where f.type in ('RELATION', 'MORPH_RELATION')
  )
  select e.object_id, e.table_name, e.field_id, e.key, e.name, e.part, e.relation_id, e.pg_type,
    e.type <> 'TS_VECTOR' and (
      (e.is_system and (e.field_name in ('id', 'createdAt', 'updatedAt', 'position') or e.part = 'source'))
      -- A composite field is present when its first part is.
      or (e.is_required and e.ordinal = 1 and e.type <> 'MORPH_RELATION')
    ),
    case
      when e.type = 'TS_VECTOR' then null
      when e.type = 'ACTOR' and e.part = 'source' then 'engine.current_source()'
      when e.type = 'ACTOR' and e.part = 'memberId' then 'engine.current_member()'
      when e.type = 'ACTOR' and e.part = 'name' then 'engine.actor_name()'
      else engine.default_expression(e.type, e.pg_type,
        case when e.part = '' then e.default_value else e.default_value -> e.part end)
    end,
    case when e.type = 'TS_VECTOR' then coalesce(s.expr, 'to_tsvector(''simple''::regconfig, ''''::text)') end,
    case when e.type = 'TS_VECTOR' then coalesce(s.basis, '') end,
    not e.is_system or e.field_name in ('id', 'position'),
    e.position, e.ordinal, e.is_active,
    case when e.description = '' then e.label else e.description end
  from expanded e
  left join search s on s.object_id = e.object_id
$$;
comment on function engine.columns(uuid) is 'Every column that the fields of a workspace come to, as it should be.';

-- How a record of an object is named, as SQL over one of its rows.
create function engine.label_expression(object_id uuid, alias text default null) returns text
language sql stable set search_path = ''
as $$
  select coalesce((
    select 'btrim(' || string_agg('coalesce(' || coalesce(quote_ident(alias) || '.', '')
        || quote_ident(engine.snake_case(f.name) || c.suffix) || ', '''')', ' || '' '' || ' order by c.position) || ')'
    from metadata.objects o
    join metadata.fields f on f.id = o.label_field_id
    join engine.field_type_columns c on c.type = f.type
    where o.id = label_expression.object_id and c.pg_type = 'text'
      and (f.type = 'FULL_NAME' or c.position = 1)
  ), coalesce(quote_ident(alias) || '.', '') || 'id::text')
$$;
