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

create or replace function engine.index_definition(index metadata.indexes) returns text
language sql stable set search_path = ''
as $$
  select case (index).kind when 'BTREE' then '' else 'using gin ' end
    || '(' || string_agg('(' || engine.value_sql(f, coalesce(p.part ->> 'part', engine.main_part(f))) || ')'
      || case (index).kind when 'TRIGRAM' then ' public.gin_trgm_ops' else '' end
      || case when p.part -> 'descending' = 'true' then ' desc' else '' end, ', ' order by p.n) || ')'
    || coalesce(' where (' || engine.formula_sql((index).compiled) || ')', '')
  from jsonb_array_elements((index).parts) with ordinality as p (part, n)
  join metadata.fields f on f.id = (p.part ->> 'fieldId')::uuid
$$;
comment on function engine.index_definition(metadata.indexes) is 'What follows the table in create index.';

create or replace function engine.index_name(table_name text, index_id uuid) returns text
language sql immutable parallel safe set search_path = ''
  return engine.fit_name(table_name || '_index_' || right(replace(index_id::text, '-', ''), 12));

create or replace function engine.desired_model_indexes(workspace_id uuid, scope uuid[]) returns setof engine.fact
language sql stable set search_path = ''
as $$
  select 'index', i.object_id || ' index:' || i.id, i.object_id::text, o.table_name, engine.index_name(o.table_name, i.id),
    engine.index_definition(i),
    engine.fact_comment('index:' || i.id, concat_ws('|', i.kind, i.parts, i.compiled, engine.fields_basis(engine.index_fields(i))), null, i.name),
    null, null::boolean, null, null, null::oid
  from engine.live_indexes(desired_model_indexes.workspace_id, scope) i
  join metadata.objects o on o.id = i.object_id and o.workspace_id = i.workspace_id
$$;

-- Where the engine, or somebody, keeps the same index already: in words.
create or replace function engine.index_twin(index metadata.indexes) returns text
language sql stable set search_path = ''
as $$
  with first as (
    select f.* from metadata.fields f where f.id = ((index).parts #>> '{0,fieldId}')::uuid
  )
  select coalesce(
    (select case
      when f.is_system and f.name = 'id' then 'the key of the records'
      when f.is_unique and coalesce((index).parts #>> '{0,part}', engine.main_part(f)) = engine.main_part(f)
        and f.type not in ('EMAILS', 'LINKS') and f.settings -> 'uniqueIgnoresCase' is distinct from 'true' then format('the index that keeps "%s" unique', f.label)
      when f.type in ('RELATION', 'MEMBER', 'MORPH_RELATION') then format('the index of the relation "%s"', f.label) end
      from first f
      where (index).kind = 'BTREE' and jsonb_array_length((index).parts) = 1 and (index).condition is null),
    (select format('the rule "%s"', engine.rule_text(r)) from metadata.rules r
      where r.object_id = (index).object_id and r.kind = 'UNIQUE' and r.is_active and (index).kind = 'BTREE' and (index).condition is null
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
