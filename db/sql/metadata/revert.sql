-- Going back to an earlier version is a plan like any other: for each row that was touched since,
-- the change from what it is to what it was, in an order that works.

-- Rows that were touched since a version: as they were then, and as they are.
create or replace function engine.rows_since(workspace_id uuid, version bigint)
returns table (table_name text, id uuid, was jsonb, "is" jsonb, was_live boolean, is_live boolean)
language plpgsql stable set search_path = ''
as $$
declare
  v_tables text[] := '{objects,fields,relations,rules,indexes,roles}'::text[] || array(select p.table_name from engine.role_parts() p);
begin
  return query execute (
    select string_agg(format($sql$
      select t.table_name, t.row_id, t.was, to_jsonb(r), t.was is not null and t.was ->> 'deleted_at' is null, r.id is not null and to_jsonb(r) ->> 'deleted_at' is null
      from (
        select distinct on (c.row_id) c.table_name, c.row_id, c.before as was
        from metadata.model_changes c
        where c.workspace_id = $1 and c.version > $2 and c.table_name = %1$L
        -- What a trigger does to a new row is noted before the row itself.
        order by c.row_id, c.version, c.before is not null, c.seq
      ) t
      left join metadata.%1$I r on r.id = t.row_id
      where t.was is distinct from to_jsonb(r)$sql$, v), ' union all ')
    from unnest(v_tables) v) using rows_since.workspace_id, rows_since.version;
end
$$;

-- The values of a row that a change may write, by their names in the API.
create or replace function engine.writable_values(table_name text, "row" jsonb, privilege text, other jsonb default null) returns jsonb
language sql stable set search_path = ''
as $$
  select coalesce(jsonb_object_agg(engine.camel_case(c), "row" -> c), '{}')
  from unnest(engine.writable_columns(('metadata.' || quote_ident(table_name))::regclass, privilege)) c
  where other is null or "row" -> c is distinct from other -> c
$$;

create or replace function engine.revert_changes(workspace_id uuid, version bigint) returns jsonb
language sql stable set search_path = ''
as $$
  with changed as materialized (
    select * from engine.rows_since(workspace_id, version)
  ), since as materialized (
    -- What belonged to an object that was deleted then and has been dropped since was not there, either.
    select s.table_name, s.id, s.was, s."is", s.was_live and not exists (
        select from changed o where o.table_name = 'objects' and not o.was_live and o."is" is null
          and o.id = coalesce((s.was ->> 'object_id')::uuid, (select (f.was ->> 'object_id')::uuid from changed f
            where f.table_name = 'fields' and f.id = (s.was ->> 'field_id')::uuid))) as was_live, s.is_live
    from changed s
  ), row as materialized (
    -- What was made since and deleted with something that comes back would come back with it.
    select s.table_name, s.id, s.was, s."is", s.was_live, s.is_live or not s.was_live and exists (
        select from since o where o.was_live and not o.is_live and o."is" ->> 'deleted_at' = s."is" ->> 'deleted_at') as is_live
    from since s
  ), junction as materialized (
    select o.id from metadata.objects o where o.workspace_id = revert_changes.workspace_id and o.is_junction
    union
    select r.id from row r where r.table_name = 'objects' and (r.was ->> 'is_junction')::boolean
  ), junction_field as materialized (
    select f.id from metadata.fields f where f.object_id in (select j.id from junction j)
    union
    select r.id from row r where r.table_name = 'fields' and (r.was ->> 'object_id')::uuid in (select j.id from junction j)
  ), touched as materialized (
    select r.*, engine.camel_case(r.table_name) as part,
      coalesce(r.was, r."is") ->> 'type' as type,
      -- Names are unique within an object, those of objects within the workspace.
      case r.table_name when 'objects' then 'objects' when 'fields' then coalesce(r.was, r."is") ->> 'object_id' when 'relations' then coalesce(r.was, r."is") ->> 'target_object_id' end as namespace,
      array_remove(array[r.was ->> 'name', r.was ->> 'inverse_name', r.was ->> 'name_singular', r.was ->> 'name_plural'], null) as old_names,
      array_remove(array[r."is" ->> 'name', r."is" ->> 'inverse_name', r."is" ->> 'name_singular', r."is" ->> 'name_plural'], null) as new_names,
      row_number() over (order by r.id) as n
    from row r
    -- A junction and what makes it one come and go with the relation to many; fields that were added to it do not.
    where r.was_live = r.is_live or not (
      r.table_name = 'objects' and r.id in (select j.id from junction j)
      or r.table_name = 'fields' and r.id in (select f.id from junction_field f)
        and ((coalesce(r.was, r."is") ->> 'is_system')::boolean or coalesce(r.was, r."is") ->> 'type' = 'RELATION' and (coalesce(r.was, r."is") ->> 'is_required')::boolean or r."is" is null)
      or r.table_name = 'relations' and (coalesce(r.was, r."is") ->> 'field_id')::uuid in (select f.id from junction_field f)
      or r.table_name = 'rules' and (coalesce(r.was, r."is") ->> 'object_id')::uuid in (select j.id from junction j) and coalesce(r.was, r."is") ->> 'kind' = 'UNIQUE'
      -- A junction that was dropped is made anew with another id, without what had been added to it.
      or exists (select from row x join junction j on j.id = x.id where r."is" is null and x."is" is null and x.id = (r.was ->> 'object_id')::uuid))
  ), objects as materialized (
    select t.id, t.was_live, t.is_live from touched t where t.table_name = 'objects'
  ), steps (phase, part, id, change) as (
    -- What stands where something comes back steps aside first.
    select 10, t.part, t.id, jsonb_build_object('op', 'update', 'table', t.part, 'id', t.id, 'values', case t.table_name
        when 'objects' then jsonb_build_object('nameSingular', 'reverted' || t.n, 'namePlural', 'reverted' || t.n || 's')
        when 'relations' then jsonb_build_object('inverseName', 'reverted' || t.n) else jsonb_build_object('name', 'reverted' || t.n) end)
    from touched t
    where t.is_live and t.table_name in ('objects', 'fields', 'relations') and (not t.was_live or t.old_names <> t.new_names) and not coalesce((t."is" ->> 'is_system')::boolean, false)
      and exists (select from touched o where o.namespace = t.namespace and (o.table_name, o.id) <> (t.table_name, t.id) and o.was_live
        and (o.old_names && t.new_names or not o.is_live and o.new_names && t.new_names))
    union all
    select case when t.table_name = 'objects' then 20 when t.type = 'MANY_TO_MANY' then 21 when t.table_name = 'fields' then 22 else 23 end, t.part, t.id,
      jsonb_build_object('op', 'restore', 'table', t.part, 'id', t.id)
    from touched t where t.was_live and not t.is_live and t."is" is not null
    union all
    -- What was dropped for good is made anew, empty.
    select 31, t.part, t.id, jsonb_build_object('op', 'createField', 'id', t.id, 'objectId', t.was -> 'object_id', 'label', t.was -> 'label', 'name', t.was -> 'name', 'icon', t.was -> 'icon',
        'type', 'MANY_TO_MANY', 'targetObjectId', p.was -> 'object_id', 'inverseLabel', p.was -> 'label', 'inverseName', p.was -> 'name')
    from touched t
    cross join lateral (
      select f.was from touched f where f.type = 'MANY_TO_MANY' and f.id > t.id and f."is" is null
        and exists (select from metadata.model_changes a join metadata.model_changes b on b.workspace_id = a.workspace_id and b.table_name = 'fields'
          where a.workspace_id = revert_changes.workspace_id and a.table_name = 'fields' and a.row_id = (t.was ->> 'junction_field_id')::uuid and b.row_id = (f.was ->> 'junction_field_id')::uuid
            and coalesce(a.after, a.before) ->> 'object_id' = coalesce(b.after, b.before) ->> 'object_id')
      limit 1
    ) p
    where t.was_live and t."is" is null and t.type = 'MANY_TO_MANY'
    union all
    select case when t.table_name = 'objects' then 30 when t.type in ('FORMULA', 'ROLLUP') then 33 when t.table_name = 'fields' then 31 when t.table_name = 'relations' then 32
        when t.table_name in (select p.table_name from engine.role_parts() p) then 35 else 34 end, t.part, t.id,
      jsonb_build_object('op', 'insert', 'table', t.part, 'id', t.id, 'values',
        engine.writable_values(t.table_name, t.was, 'insert') - '{labelFieldId,imageFieldId,duplicateCriteria}'::text[])
    from touched t
    where t.was_live and t."is" is null and t.type is distinct from 'MANY_TO_MANY' and not coalesce((t.was ->> 'is_system')::boolean and t.table_name = 'fields', false)
      -- A member field makes its relation itself.
      and not (t.table_name = 'relations' and exists (select from touched f where f.id = (t.was ->> 'field_id')::uuid and f.type = 'MEMBER' and f."is" is null))
    union all
    -- Names before what speaks of them.
    select case t.table_name when 'objects' then 40 when 'fields' then 41 else 42 end, t.part, t.id, jsonb_build_object('op', 'update', 'table', t.part, 'id', t.id, 'values', v.value)
    from touched t
    cross join lateral (
      select jsonb_object_agg(e.key, e.value) as value from jsonb_each(engine.writable_values(t.table_name, t.was, 'update')) e
      where e.key in ('name', 'nameSingular', 'namePlural', 'inverseName')) v
    where t.was_live and t."is" is not null and t.old_names <> t.new_names and t.table_name in ('objects', 'fields', 'relations')
    union all
    select case t.table_name when 'fields' then case when t.type in ('FORMULA', 'ROLLUP') then 44 else 43 end when 'objects' then 45 when 'relations' then 42
        when 'rules' then 46 when 'indexes' then 47 else 49 end, t.part, t.id, jsonb_build_object('op', 'update', 'table', t.part, 'id', t.id, 'values', v.value)
    from touched t
    cross join lateral (
      select case when t."is" is null
          then (select coalesce(jsonb_object_agg(e.key, e.value), '{}') from jsonb_each(engine.writable_values(t.table_name, t.was, 'update')) e
            where t.table_name = 'objects' and e.key in ('labelFieldId', 'imageFieldId', 'duplicateCriteria') and e.value <> 'null')
          else engine.writable_values(t.table_name, t.was, 'update', t."is") - '{name,nameSingular,namePlural,inverseName}'::text[]
            -- The settings of a type belong to it.
            || case when t.table_name = 'fields' and t.was -> 'type' <> t."is" -> 'type'
              then jsonb_build_object('type', t.was -> 'type', 'settings', t.was -> 'settings', 'options', t.was -> 'options', 'defaultValue', t.was -> 'default_value') else '{}' end
        end as value) v
    where t.was_live and v.value <> '{}'
    union all
    select case t.table_name when 'indexes' then 62 when 'rules' then 63
        when 'fields' then case when t.type in ('FORMULA', 'ROLLUP') then 64 when t.type = 'MANY_TO_MANY' then 65 else 66 end when 'relations' then 67 when 'objects' then 68 when 'roles' then 69 else 60 end,
      t.part, t.id, jsonb_build_object('op', 'delete', 'table', t.part, 'id', t.id)
    from touched t
    where t.is_live and not t.was_live
      and not (t.table_name = 'fields' and (
        (t."is" ->> 'is_system')::boolean or exists (select from objects o where o.id = (t."is" ->> 'object_id')::uuid and not o.was_live and t.type not in ('FORMULA', 'ROLLUP', 'MANY_TO_MANY'))
        -- Both ends of a relation to many go with one.
        or t.type = 'MANY_TO_MANY' and exists (select from touched m join metadata.fields a on a.id = (m."is" ->> 'junction_field_id')::uuid
          join metadata.fields b on b.id = (t."is" ->> 'junction_field_id')::uuid and b.object_id = a.object_id where m.id < t.id and m.type = 'MANY_TO_MANY' and m.is_live and not m.was_live)))
      and not (t.table_name = 'relations' and not exists (select from metadata.fields f left join touched g on g.id = f.id where f.id = (t."is" ->> 'field_id')::uuid and coalesce(g.was_live, true)))
      -- What a role may do goes with it.
      and not (t."is" ? 'role_id' and exists (select from touched v where v.id = (t."is" ->> 'role_id')::uuid and not v.was_live))
  )
  select coalesce(jsonb_agg(s.change order by s.phase, s.part, (s.change #>> '{values,position}')::double precision, s.id), '[]') from steps s
$$;

create or replace function metadata.plan_revert(workspace_id uuid, version bigint) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform engine.assert_manages(workspace_id);
  if not exists (select from metadata.model_versions v where v.workspace_id = plan_revert.workspace_id and v.version = plan_revert.version) then
    raise exception 'The history knows no version %.', version using errcode = 'RV066', column = 'version',
      hint = 'metadata.model_history() lists them.';
  end if;
  return metadata.plan_changes(workspace_id, engine.revert_changes(workspace_id, version));
end
$$;
comment on function metadata.plan_revert(uuid, bigint) is
  'What it takes to bring the model back to a version: a plan whose changes apply_changes makes. What was deleted since is restored; what was dropped for good comes back empty.';
grant execute on function metadata.plan_revert(uuid, bigint) to relvar_crm;
