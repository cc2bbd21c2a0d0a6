-- Indexes that people add. On a formula they are indexes of the expression, since a virtual column
-- has nothing to index; PostgreSQL takes them for the column as well, which it reads as the formula.

create or replace function engine.index_fields(index metadata.indexes) returns uuid[]
language sql stable set search_path = ''
as $$
  select array(
    select (e ->> 'fieldId')::uuid from jsonb_array_elements((index).parts) e
    union
    select engine.formula_fields((index).compiled))
$$;
comment on function engine.index_fields(metadata.indexes) is 'The fields that an index reads.';

create or replace function engine.live_indexes(workspace_id uuid, scope uuid[] default null) returns setof metadata.indexes
language sql stable set search_path = ''
as $$
  select i.* from metadata.indexes i
  where i.workspace_id = live_indexes.workspace_id and (scope is null or i.object_id = any (scope))
    and not exists (
      select from unnest(engine.index_fields(i)) as u (id)
      where not exists (
        select from metadata.fields f
        where f.id = u.id and f.deleted_at is null
          -- What is computed goes with a deleted object, and is there again with it.
          and (f.type not in ('FORMULA', 'ROLLUP') or exists (select from metadata.objects o where o.id = f.object_id and o.deleted_at is null))))
$$;

-- What one index of the model comes to in PostgreSQL. Lists are sorted by whether they are empty first, so that what is empty comes last
-- in either direction, then by the value, then by id; and an index serves an order that it has the whole of. So the last of the fields, the
-- one that sorts what the fields before it have in common, stands in the index as in a list. One end of an index can have the empties,
-- which makes two of an index of one field: rising, and falling; of one that is asked to be descending, falling alone. PostgreSQL finds
-- single values and ranges by the same, passing over whether they are empty; below 18 it does not, and has an index of the value besides.
create or replace function engine.index_definitions(index metadata.indexes, spec engine.column_spec[]) returns table (suffix text, definition text, layout text)
language sql stable set search_path = ''
as $$
  with part as (
    select p.n, p.n = jsonb_array_length((index).parts) as is_last, '(' || engine.value_sql(f, v.part) || ')' as value,
      coalesce(p.part -> 'descending' = 'true', false) as is_descending, exists (select from unnest(spec) s where s.field_id = f.id and s.part = v.part and s.not_null) as is_never_empty, f.is_system and f.name = 'id' as is_id
    from jsonb_array_elements((index).parts) with ordinality as p (part, n)
    join metadata.fields f on f.id = (p.part ->> 'fieldId')::uuid
    cross join lateral (select coalesce(p.part ->> 'part', engine.main_part(f)) as part) v
  ), shape as (
    select count(*) = 1 as is_single, bool_or(is_last and is_never_empty) as is_never_empty, bool_or(is_last and is_descending) as is_descending, bool_or(is_id) as has_id from part
  ), wanted as (
    select v.* from shape s cross join lateral (values
      ('', s.is_descending, true),
      (':falling', true, s.is_single and not s.is_never_empty and not s.is_descending),
      (':values', null, s.is_single and not s.is_never_empty and current_setting('server_version_num')::int < 180000)) v (suffix, is_descending, is_wanted)
    where (index).kind = 'BTREE' and v.is_wanted
  )
  select w.suffix, '(' || string_agg(case when not p.is_last or w.is_descending is null then p.value || case when p.is_descending and not p.is_last then ' desc' else '' end
      else case when p.is_never_empty then '' when w.is_descending then '(' || p.value || ' is not null)' || d.direction || ', ' else '(' || p.value || ' is null), ' end
        || p.value || d.direction || case when s.has_id then '' else ', id' || d.direction end end, ', ' order by p.n) || ')' || c.condition,
    case when s.is_never_empty then 'in order' else 'empties last' end
  from part p cross join wanted w cross join shape s
  cross join lateral (select coalesce(' where (' || engine.formula_sql((index).compiled) || ')', '') as condition) c
  cross join lateral (select case when w.is_descending then ' desc' else '' end as direction) d
  group by w.suffix, c.condition, s.is_never_empty
  union all
  select '', 'using gin (' || string_agg(p.value || case (index).kind when 'TRIGRAM' then ' public.gin_trgm_ops' else '' end, ', ' order by p.n) || ')'
      || coalesce(' where (' || engine.formula_sql((index).compiled) || ')', ''), null
  from part p where (index).kind <> 'BTREE' having count(*) > 0
$$;
comment on function engine.index_definitions(metadata.indexes, engine.column_spec[]) is 'What follows the table in create index, for each index that one of the model comes to.';

create or replace function engine.index_name(table_name text, index_id uuid, suffix text) returns text
language sql immutable parallel safe set search_path = ''
  return engine.fit_name(table_name || '_index_' || right(replace(index_id::text, '-', ''), 12) || replace(suffix, ':', '_'));

create or replace function engine.desired_model_indexes(workspace_id uuid, spec engine.column_spec[], scope uuid[]) returns setof engine.fact
language sql stable set search_path = ''
as $$
  select 'index', i.object_id || ' index:' || i.id || d.suffix, i.object_id::text, o.table_name, engine.index_name(o.table_name, i.id, d.suffix),
    d.definition,
    engine.fact_comment('index:' || i.id || d.suffix, concat_ws('|', i.kind, i.parts, i.compiled, engine.fields_basis(engine.index_fields(i)), d.layout), null, i.name),
    null, null::boolean, null, null, null::oid
  from engine.live_indexes(desired_model_indexes.workspace_id, scope) i
  join metadata.objects o on o.id = i.object_id and o.workspace_id = i.workspace_id
  cross join lateral engine.index_definitions(i, spec) d
$$;

-- Where the engine, or somebody, keeps the same index already: in words. One that keeps values unique does not sort those that can be empty.
create or replace function engine.index_twin(index metadata.indexes) returns text
language sql stable set search_path = ''
as $$
  with first as (
    select f.* from metadata.fields f where f.id = ((index).parts #>> '{0,fieldId}')::uuid
  ), last as (
    select coalesce(bool_or(c.not_null), false) as is_never_empty
    from metadata.fields f
    cross join lateral engine.columns(f.workspace_id, array[f.object_id]) c
    where f.id = ((index).parts #>> '{-1,fieldId}')::uuid and c.field_id = f.id and c.part = coalesce((index).parts #>> '{-1,part}', engine.main_part(f))
  )
  select coalesce(
    (select case
      when f.is_system and f.name = 'id' then 'the key of the records'
      when f.is_unique and l.is_never_empty and coalesce((index).parts #>> '{0,part}', engine.main_part(f)) = engine.main_part(f)
        and f.type not in ('EMAILS', 'LINKS') and f.settings -> 'uniqueIgnoresCase' is distinct from 'true' then format('the index that keeps "%s" unique', f.label)
      when f.type in ('RELATION', 'MEMBER', 'MORPH_RELATION') then format('the index of the relation "%s"', f.label) end
      from first f cross join last l
      where (index).kind = 'BTREE' and jsonb_array_length((index).parts) = 1 and (index).condition is null),
    (select format('the rule "%s"', engine.rule_text(r)) from metadata.rules r
      where (select l.is_never_empty from last l) and r.object_id = (index).object_id and r.kind = 'UNIQUE' and r.is_active and (index).kind = 'BTREE' and (index).condition is null
        and r.condition is null and r.applies_from is null and r.settings -> 'ignoreCase' is distinct from 'true'
        and (select jsonb_agg(e -> 'fieldId' order by n) from jsonb_array_elements((index).parts) with ordinality as u (e, n)) = r.settings -> 'fieldIds'
        and not jsonb_path_exists((index).parts, '$[*] ? (@.descending == true || exists (@.part))') limit 1),
    (select format('the index "%s"', i.name) from metadata.indexes i
      where i.object_id = (index).object_id and i.id <> (index).id and i.kind = (index).kind and i.parts = (index).parts
        and i.condition is not distinct from (index).condition limit 1))
$$;

create or replace function engine.tg_indexes__validate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_part jsonb;
  v_parts jsonb := '[]';
  v_field metadata.fields;
  v_type text;
  v_pg_type text;
  v_name text;
  v_key text;
  v_twin text;
begin
  new.id := coalesce(new.id, engine.uuidv7());
  new.workspace_id := coalesce(new.workspace_id, (select o.workspace_id from metadata.objects o where o.id = new.object_id));
  new.kind := coalesce(new.kind, 'BTREE');
  if not exists (select from metadata.objects o where o.id = new.object_id and o.workspace_id = new.workspace_id) then
    raise exception 'There is no such object.' using errcode = 'RV011', column = 'object_id';
  end if;
  if jsonb_typeof(new.parts) <> 'array' or new.parts = '[]' then
    raise exception '% are no parts of an index.', left(new.parts::text, 100) using errcode = 'RV083', column = 'parts', hint = 'Give parts such as [{"fieldId": "…", "descending": true}].';
  end if;
  if jsonb_array_length(new.parts) > 8 then
    raise exception 'An index goes by at most 8 fields.' using errcode = 'RV083', column = 'parts', hint = 'PostgreSQL seldom uses more than the first three.';
  end if;
  for v_part in select e from jsonb_array_elements(new.parts) e loop
    if jsonb_typeof(v_part) = 'object' then
      select k into v_key from jsonb_object_keys(v_part) k where k not in ('fieldId', 'part', 'descending') limit 1;
    end if;
    if jsonb_typeof(v_part) <> 'object' or v_key is not null or coalesce(jsonb_typeof(v_part -> 'descending'), 'boolean') <> 'boolean' then
      raise exception '% is no part of an index.', v_part using errcode = 'RV083', column = 'parts', hint = 'Give parts such as [{"fieldId": "…", "descending": true}].';
    end if;
    select f.* into v_field from metadata.fields f
    where f.object_id = new.object_id and f.id::text = v_part ->> 'fieldId' and f.deleted_at is null;
    if not found then
      raise exception 'The index needs fields of the object.' using errcode = 'RV083', column = 'parts', hint = 'Give parts such as [{"fieldId": "…", "descending": true}].';
    end if;
    v_name := coalesce(v_part ->> 'part', engine.main_part(v_field));
    v_type := engine.value_type(v_field);
    v_pg_type := engine.value_pg_type(v_field, v_name);
    if v_pg_type is null or engine.value_sql(v_field, v_name) is null then
      raise exception 'The field "%" has no part "%".', v_field.label, v_name using errcode = 'RV083', column = 'parts',
        hint = case when v_type = 'MANY_TO_MANY' then 'The links have indexes of their own.' else coalesce('It has the parts '
          || (select string_agg(c.part, ', ' order by c.position) from engine.field_type_columns c where c.type = v_type and c.part <> '') || '.', 'It has no parts.') end;
    end if;
    if (case new.kind when 'BTREE' then v_pg_type in ('jsonb', 'text[]', 'tsvector') when 'GIN' then v_pg_type not in ('jsonb', 'text[]') else v_pg_type <> 'text' end) then
      raise exception 'An index of kind % does not fit the field "%".', new.kind, v_field.label using errcode = 'RV083', column = 'kind',
        hint = case when v_pg_type = 'tsvector' then 'Search has an index of its own.' when v_pg_type in ('jsonb', 'text[]') then 'Choose GIN, which finds what is in lists and JSON.'
          when v_pg_type = 'text' and new.kind = 'GIN' then 'Choose BTREE for equality and order, TRIGRAM for "contains".' else 'Choose BTREE.' end;
    end if;
    if new.kind <> 'BTREE' and v_part -> 'descending' = 'true' then
      raise exception 'An index of kind % has no order.', new.kind using errcode = 'RV083', column = 'parts', hint = 'Leave "descending" out, or choose BTREE.';
    end if;
    -- Written the same way whoever writes it, so that two that are alike look alike.
    v_parts := v_parts || jsonb_build_array(jsonb_strip_nulls(jsonb_build_object('fieldId', v_field.id,
      'part', case when v_name <> engine.main_part(v_field) then v_name end, 'descending', case when v_part -> 'descending' = 'true' then true end)));
  end loop;
  if (select count(distinct e - 'descending') from jsonb_array_elements(v_parts) e) <> jsonb_array_length(v_parts) then
    raise exception 'The index names a field twice.' using errcode = 'RV083', column = 'parts';
  end if;
  new.parts := v_parts;
  if octet_length(new.name) > 200 then
    raise exception 'The name of the index is longer than 200 bytes.' using errcode = 'RV083', column = 'name';
  end if;
  if exists (select from metadata.indexes i where i.object_id = new.object_id and i.name = new.name and i.id <> new.id) then
    raise exception 'There is an index "%" already.', new.name using errcode = 'RV083', column = 'name', hint = 'Call this one otherwise.';
  end if;
  if nullif(btrim(new.condition), '') is null then
    new.condition := null;
    new.compiled := null;
  elsif tg_op = 'INSERT' or new.condition is distinct from old.condition then
    new.compiled := engine.formula_compile(new.object_id, new.condition, 'CONDITION');
  else
    new.condition := engine.formula_text(new.compiled);
  end if;
  v_twin := engine.index_twin(new);
  if v_twin is not null then
    raise exception 'There is an index like that already: %.', v_twin using errcode = 'RV083', column = 'parts', hint = 'PostgreSQL uses it; a second one only makes writing slower.';
  end if;
  return new;
end
$$;
create or replace trigger _100_validate before insert or update on metadata.indexes for each row execute function engine.tg_indexes__validate();
