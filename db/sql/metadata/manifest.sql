-- The model as a manifest: one JSON value without ids, in an order that does not change by itself, so
-- that two of them can be compared line by line and one can be made in another workspace. Where the
-- model speaks of a field or a relation by its id, the manifest says "field:company.name" or
-- "relation:person.company>company".

create or replace function engine.field_manifest(field metadata.fields) returns jsonb
language plpgsql stable set search_path = ''
as $$
begin
  return case when (field).is_system then jsonb_build_object('name', (field).name, 'label', (field).label, 'description', (field).description, 'icon', (field).icon, 'isSystem', true)
    else jsonb_strip_nulls(jsonb_build_object('universalIdentifier', (field).universal_identifier)) || jsonb_build_object(
      'name', (field).name, 'label', (field).label, 'description', (field).description, 'icon', (field).icon, 'type', (field).type,
      'settings', engine.references_by_name((field).workspace_id, (field).settings), 'options', (field).options, 'defaultValue', (field).default_value,
      'isRequired', (field).is_required, 'requiredFrom', (field).required_from, 'isUnique', (field).is_unique, 'isActive', (field).is_active, 'position', (field).position,
      'relations', (
        select coalesce(jsonb_agg(jsonb_build_object('target', t.name_singular, 'inverseName', r.inverse_name, 'inverseLabel', r.inverse_label, 'onDelete', r.on_delete, 'isOnTimeline', r.is_on_timeline) order by t.name_singular), '[]')
        from metadata.relations r join metadata.objects t on t.id = r.target_object_id where r.field_id = (field).id and r.deleted_at is null))
    || coalesce((
      -- A relation to many is told once, from the end that was made first.
      select jsonb_build_object('manyToMany', jsonb_build_object('target', t.name_singular, 'inverseName', i.name, 'inverseLabel', i.label, 'inverseIcon', i.icon,
        'near', near.name, 'far', far.name, 'junction', engine.object_manifest(j)))
      from metadata.fields near
      join metadata.objects j on j.id = near.object_id
      join metadata.fields far on far.object_id = j.id and (far.position, far.id) > (near.position, near.id)
      join metadata.fields i on i.junction_field_id = far.id
      join metadata.objects t on t.id = i.object_id
      where near.id = (field).junction_field_id), '{}')
  end;
end
$$;

create or replace function engine.object_manifest(object metadata.objects) returns jsonb
language sql stable set search_path = ''
as $$
  select jsonb_strip_nulls(jsonb_build_object('universalIdentifier', (object).universal_identifier)) || jsonb_build_object(
    'nameSingular', (object).name_singular, 'namePlural', (object).name_plural, 'labelSingular', (object).label_singular, 'labelPlural', (object).label_plural,
    'description', (object).description, 'icon', (object).icon, 'color', (object).color,
    'labelField', (select f.name from metadata.fields f where f.id = (object).label_field_id and f.deleted_at is null),
    'imageField', (select f.name from metadata.fields f where f.id = (object).image_field_id and f.deleted_at is null),
    'duplicateCriteria', engine.references_by_name((object).workspace_id, (object).duplicate_criteria),
    'isActive', (object).is_active, 'isSystem', (object).is_system, 'isSearchable', (object).is_searchable, 'isAudited', (object).is_audited, 'isPrivate', (object).is_private, 'position', (object).position,
    'fields', (
      select coalesce(jsonb_agg(engine.field_manifest(f) order by f.position, f.name), '[]')
      from metadata.fields f where f.object_id = (object).id and f.deleted_at is null and f.type <> 'TS_VECTOR'
        -- Of a relation to many, the end that was made second; of a junction, what makes it one.
        and not (f.type = 'MANY_TO_MANY' and exists (select from metadata.fields far join metadata.fields near on near.object_id = far.object_id and (near.position, near.id) < (far.position, far.id)
          join metadata.fields o on o.junction_field_id = near.id where far.id = f.junction_field_id))),
    'rules', (
      select coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('universalIdentifier', r.universal_identifier)) || jsonb_build_object('kind', r.kind, 'field', f.name,
        'settings', engine.references_by_name(r.workspace_id, r.settings), 'condition', r.condition, 'message', r.message, 'appliesFrom', r.applies_from, 'isActive', r.is_active, 'position', r.position)
        order by r.position, r.kind, f.name, r.settings::text, r.condition), '[]')
      from metadata.rules r left join metadata.fields f on f.id = r.field_id
      where r.object_id = (object).id and f.deleted_at is null and not ((object).is_junction and r.kind = 'UNIQUE' and r.position = 0)),
    'indexes', (
      select coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('universalIdentifier', i.universal_identifier)) || jsonb_build_object('name', i.name, 'kind', i.kind,
        'parts', engine.references_by_name(i.workspace_id, i.parts), 'condition', i.condition) order by i.name), '[]')
      from metadata.indexes i where i.object_id = (object).id),
    'views', (
      select coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('universalIdentifier', v.universal_identifier)) || jsonb_build_object('name', v.name, 'icon', v.icon, 'type', v.type,
        'filter', engine.references_by_name(v.workspace_id, v.filter), 'sorts', engine.references_by_name(v.workspace_id, v.sorts),
        'groupField', (select f.name from metadata.fields f where f.id = v.group_field_id), 'groupBucket', v.group_bucket, 'colors', engine.references_by_name(v.workspace_id, v.colors), 'layout', engine.references_by_name(v.workspace_id, v.layout), 'position', v.position,
        'fields', (select coalesce(jsonb_agg(jsonb_build_object('field', f.name, 'width', c.width, 'isVisible', c.is_visible, 'isPinned', c.is_pinned, 'aggregate', c.aggregate, 'position', c.position) order by c.position, f.name), '[]')
          from metadata.view_fields c join metadata.fields f on f.id = c.field_id and f.deleted_at is null where c.view_id = v.id)) order by v.position, v.name), '[]')
      from metadata.views v where v.object_id = (object).id and v.visibility = 'WORKSPACE'),
    'layouts', (
      select coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('role', r.name)) || jsonb_build_object('content', engine.references_by_name(l.workspace_id, l.content)) order by r.name nulls first), '[]')
      from metadata.layouts l left join metadata.roles r on r.id = l.role_id where l.object_id = (object).id))
$$;

create or replace function engine.manifest_of(workspace_id uuid) returns jsonb
language sql stable set search_path = ''
as $$
  select jsonb_build_object('name', w.slug, 'version', w.model_version::text,
    'objects', (
      select coalesce(jsonb_agg(engine.object_manifest(o) order by o.position, o.name_singular), '[]')
      from metadata.objects o where o.workspace_id = w.id and o.deleted_at is null and not o.is_junction),
    'roles', (select coalesce(jsonb_agg(engine.role_manifest(r) order by r.name), '[]') from metadata.roles r where r.workspace_id = w.id))
  from core.workspaces w where w.id = manifest_of.workspace_id
$$;

create or replace function metadata.export_manifest() returns jsonb
language sql stable security definer set search_path = ''
as $$ select engine.manifest_of(engine.workspace_of_role(current_setting('role')::name)) $$;
comment on function metadata.export_manifest() is
  'The whole model as a manifest: objects, fields, relations, rules, indexes, views, layouts and roles, without ids. metadata.plan_manifest makes it in another workspace.';

-- ── a manifest as changes ───────────────────────────────────────────────────────────────────────

-- Objects and fields of a manifest, one a row, those of junctions with the rest; with the ids that
-- they have here, or will have.
create or replace function engine.manifest_things(workspace_id uuid, manifest jsonb)
returns table (kind text, object_name text, name text, value jsonb, object_id uuid, id uuid, is_new boolean, is_junction boolean, via jsonb)
language plpgsql volatile set search_path = ''
as $$
begin
  return query
  with tree as materialized (
    select o.value as value, false as is_junction, null::jsonb as via, o.i from jsonb_array_elements(manifest -> 'objects') with ordinality o (value, i)
    union all
    select f.value #> '{manyToMany,junction}', true, f.value || jsonb_build_object('source', o.value -> 'nameSingular'), 1000 + o.i
    from jsonb_array_elements(manifest -> 'objects') with ordinality o (value, i) cross join lateral jsonb_array_elements(o.value -> 'fields') f (value)
    where f.value ? 'manyToMany'
  ), object as materialized (
    select t.value, t.is_junction, t.via, t.i, h.id as here, coalesce(h.id, engine.uuidv7()) as id
    from tree t
    left join lateral (
      select o.id from metadata.objects o
      where o.workspace_id = manifest_things.workspace_id and o.deleted_at is null
        and (o.universal_identifier = t.value ->> 'universalIdentifier' or o.name_singular = t.value ->> 'nameSingular')
      order by o.universal_identifier = t.value ->> 'universalIdentifier' desc nulls last limit 1
    ) h on true
  ), field as materialized (
    select o.id as object_id, o.value ->> 'nameSingular' as object_name, o.is_junction, f.value, o.i, f.j, h.id as here, coalesce(h.id, engine.uuidv7()) as id
    from object o
    cross join lateral (
      select e.value, e.j from jsonb_array_elements(o.value -> 'fields') with ordinality e (value, j)
      union all
      -- The other end of a relation to many.
      select jsonb_build_object('name', e.value #>> '{manyToMany,inverseName}', 'label', e.value #>> '{manyToMany,inverseLabel}', 'icon', e.value #> '{manyToMany,inverseIcon}', 'type', 'INVERSE'), 1000
      from object s cross join lateral jsonb_array_elements(s.value -> 'fields') e where e.value #>> '{manyToMany,target}' = o.value ->> 'nameSingular' and not o.is_junction
    ) f
    left join lateral (
      select g.id from metadata.fields g
      where g.object_id = o.here and g.deleted_at is null and (g.universal_identifier = f.value ->> 'universalIdentifier' or g.name = f.value ->> 'name')
      order by g.universal_identifier = f.value ->> 'universalIdentifier' desc nulls last limit 1
    ) h on true
  )
  select 'object', o.value ->> 'nameSingular', o.value ->> 'nameSingular', o.value, o.id, o.id, o.here is null, o.is_junction, o.via from object o
  union all
  select 'field', f.object_name, f.value ->> 'name', f.value, f.object_id, f.id, f.here is null, f.is_junction, null from field f;
end
$$;

create or replace function engine.manifest_changes(workspace_id uuid, manifest jsonb, prune boolean) returns jsonb
language plpgsql volatile set search_path = ''
as $$
#variable_conflict use_column
declare
  v_things jsonb;
  v_planned jsonb;
  v_changes jsonb;
begin
  if jsonb_typeof(manifest) is distinct from 'object' or coalesce(manifest ->> 'name', '') = '' or jsonb_typeof(manifest -> 'objects') is distinct from 'array' then
    raise exception 'A manifest needs a name and a list of objects.' using errcode = 'RV030',
      hint = 'metadata.export_manifest() gives one that works; docs/manifest.md says what may be in it.';
  end if;
  -- Ids are given once.
  v_things := (select coalesce(jsonb_agg(to_jsonb(t)), '[]') from engine.manifest_things(workspace_id, manifest) t);
  create temporary table relvar_things on commit drop as
    select * from jsonb_to_recordset(v_things) t (kind text, object_name text, name text, value jsonb, object_id uuid, id uuid, is_new boolean, is_junction boolean, via jsonb);
  v_planned := (select coalesce(jsonb_object_agg(case t.kind when 'object' then 'object:' || t.name else 'field:' || t.object_name || '.' || t.name end, t.id), '{}') from pg_temp.relvar_things t);
  create temporary table relvar_relations on commit drop as
    select t.id as field_id, t.object_name, t.name, t.is_new, t.is_junction, t.value ->> 'type' as type, r.value, o.id as target_id, h.id as here, coalesce(h.id, engine.uuidv7()) as id
    from pg_temp.relvar_things t
    cross join lateral jsonb_array_elements(coalesce(t.value -> 'relations', '[]')) r
    left join lateral (select (v_planned ->> ('object:' || (r.value ->> 'target')))::uuid as id) p on true
    left join metadata.objects e on e.workspace_id = manifest_changes.workspace_id and e.deleted_at is null and e.name_singular = r.value ->> 'target'
    cross join lateral (select coalesce(p.id, e.id) as id) o
    left join metadata.relations h on h.field_id = t.id and h.target_object_id = o.id and h.deleted_at is null
    where t.kind = 'field';
  if exists (select from pg_temp.relvar_relations r where r.target_id is null) then
    raise exception 'The manifest points to the object "%", which is neither in it nor here.', (select r.value ->> 'target' from pg_temp.relvar_relations r where r.target_id is null limit 1)
      using errcode = 'RV067', column = 'manifest', hint = 'Add it to the manifest, or take out what speaks of it.';
  end if;
  v_planned := v_planned || (select coalesce(jsonb_object_agg('relation:' || r.object_name || '.' || r.name || '>' || (r.value ->> 'target'), r.id), '{}') from pg_temp.relvar_relations r);

  with thing as materialized (
    select t.*, case t.kind
        when 'object' then jsonb_strip_nulls(jsonb_build_object('nameSingular', t.value -> 'nameSingular', 'namePlural', t.value -> 'namePlural', 'labelSingular', t.value -> 'labelSingular',
          'labelPlural', t.value -> 'labelPlural', 'description', t.value -> 'description', 'icon', t.value -> 'icon', 'isActive', t.value -> 'isActive',
          'isSearchable', t.value -> 'isSearchable', 'isAudited', t.value -> 'isAudited', 'isPrivate', t.value -> 'isPrivate', 'position', t.value -> 'position')) || jsonb_build_object('color', t.value -> 'color')
        when 'field' then case
          when t.value ->> 'type' = 'INVERSE' then jsonb_strip_nulls(jsonb_build_object('label', t.value -> 'label', 'icon', t.value -> 'icon'))
          when (t.value ->> 'isSystem')::boolean then jsonb_strip_nulls(jsonb_build_object('label', t.value -> 'label', 'description', t.value -> 'description', 'icon', t.value -> 'icon'))
          else jsonb_strip_nulls(jsonb_build_object('name', t.value -> 'name', 'label', t.value -> 'label', 'description', coalesce(t.value -> 'description', '""'), 'icon', t.value -> 'icon',
            'type', t.value -> 'type', 'settings', engine.references_by_id(manifest_changes.workspace_id, coalesce(t.value -> 'settings', '{}'), v_planned), 'options', coalesce(t.value -> 'options', '[]'),
            'isRequired', coalesce(t.value -> 'isRequired', 'false'), 'isUnique', coalesce(t.value -> 'isUnique', 'false'), 'isActive', coalesce(t.value -> 'isActive', 'true'), 'position', t.value -> 'position'))
            || jsonb_build_object('defaultValue', t.value -> 'defaultValue', 'requiredFrom', t.value -> 'requiredFrom') end
      end as wanted
    from pg_temp.relvar_things t
  ), object as materialized (
    select t.* from thing t where t.kind = 'object'
  ), label as (
    select o.*, jsonb_build_object(
      'labelFieldId', (select f.id from thing f where f.kind = 'field' and f.object_id = o.id and f.name = o.value ->> 'labelField'),
      'imageFieldId', (select f.id from thing f where f.kind = 'field' and f.object_id = o.id and f.name = o.value ->> 'imageField'),
      'duplicateCriteria', engine.references_by_id(manifest_changes.workspace_id, coalesce(o.value -> 'duplicateCriteria', '[]'), v_planned)) as references_wanted
    from object o
  ), child as materialized (
    select 'rules' as part, o.object_id, jsonb_build_object('kind', e.value -> 'kind', 'fieldId', v_planned -> ('field:' || o.name || '.' || (e.value ->> 'field')),
        'settings', engine.references_by_id(manifest_changes.workspace_id, coalesce(e.value -> 'settings', '{}'), v_planned), 'condition', nullif(e.value -> 'condition', 'null'), 'message', coalesce(e.value -> 'message', '""'),
        'appliesFrom', e.value -> 'appliesFrom', 'isActive', coalesce(e.value -> 'isActive', 'true'), 'position', coalesce(e.value -> 'position', '0')) as wanted, null::jsonb as columns
    from object o cross join lateral jsonb_array_elements(coalesce(o.value -> 'rules', '[]')) e
    union all
    select 'indexes', o.object_id, jsonb_build_object('name', e.value -> 'name', 'kind', coalesce(e.value -> 'kind', '"BTREE"'), 'parts', engine.references_by_id(manifest_changes.workspace_id, e.value -> 'parts', v_planned), 'condition', nullif(e.value -> 'condition', 'null')), null
    from object o cross join lateral jsonb_array_elements(coalesce(o.value -> 'indexes', '[]')) e
    union all
    select 'views', o.object_id, jsonb_build_object('name', e.value -> 'name', 'icon', e.value -> 'icon', 'type', coalesce(e.value -> 'type', '"TABLE"'), 'filter', nullif(engine.references_by_id(manifest_changes.workspace_id, engine.manifest_filter(e.value -> 'filter'), v_planned), 'null'),
        'sorts', engine.references_by_id(manifest_changes.workspace_id, coalesce(e.value -> 'sorts', '[]'), v_planned), 'groupFieldId', v_planned -> ('field:' || o.name || '.' || (e.value ->> 'groupField')),
        'groupBucket', e.value -> 'groupBucket', 'colors', engine.references_by_id(manifest_changes.workspace_id, coalesce(e.value -> 'colors', '[]'), v_planned),
        'layout', engine.references_by_id(manifest_changes.workspace_id, coalesce(e.value -> 'layout', '{}'), v_planned), 'position', coalesce(e.value -> 'position', '0')),
      (select jsonb_agg(jsonb_build_object('fieldId', v_planned -> ('field:' || o.name || '.' || (c.value ->> 'field')), 'width', c.value -> 'width', 'isVisible', coalesce(c.value -> 'isVisible', 'true'), 'isPinned', coalesce(c.value -> 'isPinned', 'false'), 'aggregate', coalesce(c.value -> 'aggregate', 'null'), 'position', coalesce(c.value -> 'position', '0')))
        from jsonb_array_elements(coalesce(e.value -> 'fields', '[]')) c)
    from object o cross join lateral jsonb_array_elements(coalesce(o.value -> 'views', '[]')) e
  ), existing as materialized (
    -- Rules have no name: one is the same that says the same of the same.
    select 'rules' as part, r.id, r.object_id, to_jsonb(r) as "row", r.application_id, jsonb_build_array(r.kind, r.field_id, r.settings, r.condition) as key from metadata.rules r where r.workspace_id = manifest_changes.workspace_id
    union all
    select 'indexes', i.id, i.object_id, to_jsonb(i), i.application_id, jsonb_build_array(i.name) from metadata.indexes i where i.workspace_id = manifest_changes.workspace_id
    union all
    select 'views', v.id, v.object_id, to_jsonb(v), v.application_id, jsonb_build_array(v.name) from metadata.views v where v.workspace_id = manifest_changes.workspace_id and v.visibility = 'WORKSPACE'
  ), matched as materialized (
    select c.*, e.id as here, e."row", coalesce(e.id, engine.uuidv7()) as id
    from child c
    left join existing e on e.part = c.part and e.object_id = c.object_id and e.key = case c.part
      when 'rules' then jsonb_build_array(c.wanted -> 'kind', coalesce(c.wanted -> 'fieldId', 'null'), c.wanted -> 'settings', coalesce(c.wanted -> 'condition', 'null')) else jsonb_build_array(c.wanted -> 'name') end
  ), role as materialized (
    -- Of roles that every workspace has, only what they may do is moved.
    select e.value, h.id as here, coalesce(h.id, engine.uuidv7()) as id,
      (select jsonb_object_agg(engine.camel_case(v.key), v.value) from jsonb_each(engine.role_row_values('metadata.roles', e.value)) v
        where not coalesce(h.is_system, false) or v.key not in ('name', 'description', 'icon', 'has_all_permissions')) as wanted
    from jsonb_array_elements(coalesce(manifest -> 'roles', '[]')) e
    left join metadata.roles h on h.workspace_id = manifest_changes.workspace_id and h.name = e.value ->> 'name'
    where h.id is not null or not coalesce((e.value ->> 'isSystem')::boolean, false)
  ), layout as materialized (
    -- Of a role that is neither in the manifest nor here there is nothing to arrange.
    select o.object_id, r.id as role_id, engine.references_by_id(manifest_changes.workspace_id, e.value -> 'content', v_planned) as content, h.id as here
    from object o cross join lateral jsonb_array_elements(coalesce(o.value -> 'layouts', '[]')) e
    left join lateral (
      select coalesce((select x.id from role x where x.value ->> 'name' = e.value ->> 'role'),
        (select x.id from metadata.roles x where x.workspace_id = manifest_changes.workspace_id and x.name = e.value ->> 'role')) as id
    ) r on true
    left join metadata.layouts h on h.object_id = o.object_id and h.role_id is not distinct from r.id
    where not o.is_junction and (r.id is not null or e.value ->> 'role' is null)
  ), right_here as materialized (
    select x.* from engine.role_part_rows(manifest_changes.workspace_id) x
  ), role_right as materialized (
    select r.id as role_id, p.table_name, w.wanted, x.id as here
    from role r cross join engine.role_parts() p
    cross join lateral jsonb_array_elements(coalesce(r.value -> p.part, '[]')) e
    cross join lateral (select engine.references_by_id(manifest_changes.workspace_id, engine.role_row_values(('metadata.' || p.table_name)::regclass, e.value), v_planned) as "values") v
    cross join lateral (select (select jsonb_object_agg(engine.camel_case(c.key), c.value) from jsonb_each(v."values") c) as wanted) w
    left join right_here x on x.table_name = p.table_name and x.role_id = r.here and x.key = v."values" ->> p.key_column
  ), steps (phase, place, id, change) as (
    select 80, 0::double precision, r.id, case when r.here is null then jsonb_build_object('op', 'insert', 'table', 'roles', 'id', r.id, 'values', r.wanted)
      else jsonb_build_object('op', 'update', 'table', 'roles', 'id', r.id, 'values', engine.what_differs('roles', r.id, r.wanted)) end
    from role r where r.here is null or engine.what_differs('roles', r.id, r.wanted) <> '{}'
    union all
    select 81, 0, t.here, case when t.here is null then jsonb_build_object('op', 'insert', 'table', engine.camel_case(t.table_name), 'id', engine.uuidv7(), 'values', t.wanted || jsonb_build_object('roleId', t.role_id))
      else jsonb_build_object('op', 'update', 'table', engine.camel_case(t.table_name), 'id', t.here, 'values', engine.what_differs(t.table_name, t.here, t.wanted)) end
    from role_right t where t.here is null or engine.what_differs(t.table_name, t.here, t.wanted) <> '{}'
    union all
    select 69, 0, x.id, jsonb_build_object('op', 'delete', 'table', engine.camel_case(x.table_name), 'id', x.id)
    from right_here x where prune and exists (select from role r where r.here = x.role_id) and not exists (select from role_right t where t.here = x.id)
    union all
    select 69, 1, o.id, jsonb_build_object('op', 'delete', 'table', 'roles', 'id', o.id)
    from metadata.roles o where prune and o.workspace_id = manifest_changes.workspace_id and not o.is_system and o.application_id is null
      and engine.role_holders(o.id) = '{}' and not exists (select from role r where r.here = o.id)
    union all
    select 10, (t.value ->> 'position')::double precision, t.id, jsonb_build_object('op', 'insert', 'table', 'objects', 'id', t.id, 'values', t.wanted)
    from object t where t.is_new and not t.is_junction
    union all
    select 15, 0, t.id, jsonb_build_object('op', 'update', 'table', 'objects', 'id', t.id, 'values', v.value)
    from object t cross join lateral (select engine.what_differs('objects', t.id, t.wanted) as value) v where not t.is_new and v.value <> '{}'
    union all
    select case when t.value ->> 'type' in ('FORMULA', 'ROLLUP') then 40 when t.is_junction then 25 else 20 end, (t.value ->> 'position')::double precision, t.id,
      jsonb_build_object('op', 'insert', 'table', 'fields', 'id', t.id, 'values', t.wanted || jsonb_build_object('objectId', t.object_id))
    from thing t where t.kind = 'field' and t.is_new and t.value ->> 'type' not in ('INVERSE', 'MANY_TO_MANY') and not coalesce((t.value ->> 'isSystem')::boolean, false) and not (t.is_junction and t.value ->> 'type' = 'RELATION' and (t.value ->> 'isRequired')::boolean)
    union all
    select case when r.is_junction then 26 else 21 end, 0, r.id, jsonb_build_object('op', 'insert', 'table', 'relations', 'id', r.id, 'values', jsonb_build_object('fieldId', r.field_id, 'targetObjectId', r.target_id,
      'inverseName', r.value -> 'inverseName', 'inverseLabel', r.value -> 'inverseLabel', 'onDelete', coalesce(r.value -> 'onDelete', '"SET_NULL"'), 'isOnTimeline', coalesce(r.value -> 'isOnTimeline', 'false')))
    from pg_temp.relvar_relations r where r.here is null and r.type <> 'MEMBER' and not (r.is_junction and r.value ->> 'onDelete' = 'CASCADE')
    union all
    select 22, (t.value ->> 'position')::double precision, t.id, jsonb_build_object('op', 'createField', 'id', t.id, 'objectId', t.object_id, 'label', t.value -> 'label', 'name', t.value -> 'name',
      'description', t.value -> 'description', 'icon', t.value -> 'icon', 'type', 'MANY_TO_MANY', 'targetObjectId', coalesce(v_planned ->> ('object:' || (t.value #>> '{manyToMany,target}')), (
        select o.id::text from metadata.objects o where o.workspace_id = manifest_changes.workspace_id and o.deleted_at is null and o.name_singular = t.value #>> '{manyToMany,target}')),
      'inverseLabel', t.value #> '{manyToMany,inverseLabel}', 'inverseName', t.value #> '{manyToMany,inverseName}',
      'settings', jsonb_build_object('junctionId', v_planned -> ('object:' || (t.value #>> '{manyToMany,junction,nameSingular}')),
        'inverseId', v_planned -> ('field:' || (t.value #>> '{manyToMany,target}') || '.' || (t.value #>> '{manyToMany,inverseName}')),
        -- What sums up or finds links speaks of the junction's own relations.
        'nearId', v_planned -> ('field:' || j.name || '.' || j.near), 'farId', v_planned -> ('field:' || j.name || '.' || j.far),
        'nearRelationId', v_planned -> ('relation:' || j.name || '.' || j.near || '>' || t.object_name),
        'farRelationId', v_planned -> ('relation:' || j.name || '.' || j.far || '>' || (t.value #>> '{manyToMany,target}'))))
    from thing t
    cross join lateral (select t.value #>> '{manyToMany,junction,nameSingular}' as name, t.value #>> '{manyToMany,near}' as near, t.value #>> '{manyToMany,far}' as far) j
    where t.kind = 'field' and t.is_new and t.value ->> 'type' = 'MANY_TO_MANY' and t.value ? 'manyToMany'
    union all
    select 24, 0, t.id, jsonb_build_object('op', 'update', 'table', 'fields', 'id', t.id, 'values', t.wanted - '{type,settings,options,isRequired,isUnique,requiredFrom,defaultValue}'::text[])
    from thing t where t.kind = 'field' and t.is_new and t.is_junction and t.value ->> 'type' = 'RELATION' and (t.value ->> 'isRequired')::boolean
    union all
    select 25, 0, r.id, jsonb_build_object('op', 'update', 'table', 'relations', 'id', r.id, 'values', jsonb_build_object('inverseName', r.value -> 'inverseName', 'inverseLabel', r.value -> 'inverseLabel',
      'isOnTimeline', coalesce(r.value -> 'isOnTimeline', 'false')))
    from pg_temp.relvar_relations r where r.is_new and r.is_junction and r.value ->> 'onDelete' = 'CASCADE'
    union all
    select 24, 0, t.id, jsonb_build_object('op', 'update', 'table', 'fields', 'objectId', t.object_id, 'name', t.name, 'values', t.wanted)
    from thing t where t.kind = 'field' and t.is_new and (t.value ->> 'isSystem')::boolean
      and not exists (select from engine.system_fields() s where (s.name, s.label, s.description, s.icon) = (t.name, t.value ->> 'label', t.value ->> 'description', t.value ->> 'icon'))
    union all
    select 24, 0, r.id, jsonb_build_object('op', 'update', 'table', 'relations', 'fieldId', r.field_id, 'targetObjectId', r.target_id, 'values', jsonb_strip_nulls(jsonb_build_object(
      'inverseName', r.value -> 'inverseName', 'inverseLabel', r.value -> 'inverseLabel', 'onDelete', r.value -> 'onDelete', 'isOnTimeline', r.value -> 'isOnTimeline')))
    from pg_temp.relvar_relations r where r.is_new and r.type = 'MEMBER'
    union all
    -- What the engine named is given the names of the manifest.
    select 23, 0, t.id, jsonb_build_object('op', 'update', 'table', 'objects', 'id', t.id, 'values', t.wanted) from object t where t.is_new and t.is_junction
    union all
    select 24, 0, t.id, jsonb_build_object('op', 'update', 'table', 'fields', 'id', t.id, 'values', jsonb_strip_nulls(jsonb_build_object('icon', t.value -> 'icon', 'position', t.value -> 'position')))
    from thing t where t.kind = 'field' and t.is_new and t.value ->> 'type' in ('MANY_TO_MANY', 'INVERSE')
    union all
    select case when t.value ->> 'type' in ('FORMULA', 'ROLLUP') then 41 else 30 end, (t.value ->> 'position')::double precision, t.id, jsonb_build_object('op', 'update', 'table', 'fields', 'id', t.id, 'values', v.value)
    from thing t cross join lateral (select engine.what_differs('fields', t.id, t.wanted) as value) v where t.kind = 'field' and not t.is_new and v.value <> '{}'
    union all
    select 31, 0, r.id, jsonb_build_object('op', 'update', 'table', 'relations', 'id', r.id, 'values', v.value)
    from pg_temp.relvar_relations r cross join lateral (
      select engine.what_differs('relations', r.id, jsonb_strip_nulls(jsonb_build_object('inverseName', r.value -> 'inverseName', 'inverseLabel', r.value -> 'inverseLabel', 'onDelete', r.value -> 'onDelete', 'isOnTimeline', r.value -> 'isOnTimeline'))) as value) v
    where r.here is not null and v.value <> '{}'
    union all
    select 50, 0, l.id, jsonb_build_object('op', 'update', 'table', 'objects', 'id', l.id, 'values', v.value)
    from label l cross join lateral (
      select case when l.is_new then jsonb_strip_nulls(l.references_wanted) - case when l.references_wanted -> 'duplicateCriteria' = '[]' then 'duplicateCriteria' else '' end
        else engine.what_differs('objects', l.id, l.references_wanted) end as value) v where v.value <> '{}'
    union all
    select case c.part when 'rules' then 60 when 'indexes' then 61 else 62 end, 0, c.id, jsonb_build_object('op', 'insert', 'table', c.part, 'id', c.id, 'values', jsonb_strip_nulls(c.wanted) || jsonb_build_object('objectId', c.object_id))
    from matched c where c.here is null
    union all
    select 63, 0, c.id, jsonb_build_object('op', 'update', 'table', c.part, 'id', c.id, 'values', v.value)
    from matched c cross join lateral (select engine.what_differs(c.part, c.id, c.wanted) as value) v where c.here is not null and v.value <> '{}'
    union all
    select 64, (f.value ->> 'position')::double precision, null, case when e.id is null
      then jsonb_build_object('op', 'insert', 'table', 'viewFields', 'id', engine.uuidv7(), 'values', f.value || jsonb_build_object('viewId', c.id))
      else jsonb_build_object('op', 'update', 'table', 'viewFields', 'id', e.id, 'values', engine.what_differs('view_fields', e.id, f.value)) end
    from matched c cross join lateral jsonb_array_elements(coalesce(c.columns, '[]')) f
    left join metadata.view_fields e on e.view_id = c.here and e.field_id = (f.value ->> 'fieldId')::uuid
    where c.part = 'views' and f.value ->> 'fieldId' is not null and (e.id is null or engine.what_differs('view_fields', e.id, f.value) <> '{}')
    union all
    select 90, 0, l.here, case when l.here is null
      then jsonb_build_object('op', 'insert', 'table', 'layouts', 'id', engine.uuidv7(), 'values', jsonb_strip_nulls(jsonb_build_object('objectId', l.object_id, 'roleId', l.role_id)) || jsonb_build_object('content', l.content))
      else jsonb_build_object('op', 'update', 'table', 'layouts', 'id', l.here, 'values', engine.what_differs('layouts', l.here, jsonb_build_object('content', l.content))) end
    from layout l where l.here is null or engine.what_differs('layouts', l.here, jsonb_build_object('content', l.content)) <> '{}'
    union all
    select 70, 1, y.id, jsonb_build_object('op', 'delete', 'table', 'layouts', 'id', y.id)
    from metadata.layouts y where prune and exists (select from object o where o.object_id = y.object_id) and not exists (select from layout l where l.here = y.id)
    union all
    -- What the manifest does not have goes, if that is asked for; what belongs to an application stays.
    select 70, 0, e.id, jsonb_build_object('op', 'delete', 'table', e.part, 'id', e.id)
    from existing e where prune and e.application_id is null and exists (select from metadata.objects o where o.id = e.object_id and o.deleted_at is null and not o.is_junction)
      and not exists (select from matched m where m.here = e.id)
    union all
    select case when f.type in ('FORMULA', 'ROLLUP') then 71 else 72 end, 0, f.id, jsonb_build_object('op', 'delete', 'table', 'fields', 'id', f.id)
    from metadata.fields f join metadata.objects o on o.id = f.object_id
    where prune and f.workspace_id = manifest_changes.workspace_id and f.deleted_at is null and o.deleted_at is null and not f.is_system and f.application_id is null and not o.is_junction
      and exists (select from object t where t.id = o.id) and not exists (select from thing t where t.id = f.id)
      and not (f.type = 'MANY_TO_MANY' and exists (select from metadata.fields far join metadata.fields near on near.object_id = far.object_id and (near.position, near.id) < (far.position, far.id)
        join metadata.fields other on other.junction_field_id = near.id where far.id = f.junction_field_id))
    union all
    select 73, 0, o.id, jsonb_build_object('op', 'delete', 'table', 'objects', 'id', o.id)
    from metadata.objects o where prune and o.workspace_id = manifest_changes.workspace_id and o.deleted_at is null and not o.is_junction and o.application_id is null and not exists (select from object t where t.id = o.id)
  )
  select coalesce(jsonb_agg(s.change order by s.phase, s.place, s.id), '[]') into v_changes from steps s;
  drop table pg_temp.relvar_things, pg_temp.relvar_relations;
  return v_changes;
end
$$;

-- Which of the wanted values a row does not have.
create or replace function engine.what_differs(table_name text, id uuid, wanted jsonb) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_row jsonb;
begin
  execute format('select to_jsonb(t) from metadata.%I t where t.id = $1', table_name) into v_row using id;
  return (
    select coalesce(jsonb_object_agg(w.key, w.value), '{}') from jsonb_each(wanted) w
    where w.value is distinct from v_row -> engine.snake_case(w.key)
      and not (w.key in ('appliesFrom', 'requiredFrom') and (w.value #>> '{}')::timestamptz is not distinct from (v_row ->> engine.snake_case(w.key))::timestamptz));
end
$$;

create or replace function metadata.plan_manifest(workspace_id uuid, manifest jsonb, prune boolean default false) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_plan jsonb;
begin
  perform engine.assert_manages(workspace_id);
  v_plan := metadata.plan_changes(workspace_id, engine.manifest_changes(workspace_id, manifest, prune));
  -- A role that every workspace has is not made a second time under another name.
  return jsonb_set(v_plan, '{warnings}', (v_plan -> 'warnings') || (
    select coalesce(jsonb_agg(jsonb_build_object('code', 'ROLE_MISSING', 'message', format('There is no role "%s" here.', r ->> 'name'), 'hint', 'It is one of the product, which has another name here.')), '[]')
    from jsonb_array_elements(coalesce(manifest -> 'roles', '[]')) r
    where (r ->> 'isSystem')::boolean and not exists (select from metadata.roles x where x.workspace_id = plan_manifest.workspace_id and x.name = r ->> 'name')) || (
    select coalesce(jsonb_agg(jsonb_build_object('code', 'ROLE_HELD', 'message', format('The role "%s" is not in the manifest and stays: %s has it.', x.name, (engine.role_holders(x.id))[1]), 'hint', 'Give its holders another role first.')), '[]')
    from metadata.roles x
    where prune and x.workspace_id = plan_manifest.workspace_id and not x.is_system and x.application_id is null and engine.role_holders(x.id) <> '{}'
      and not exists (select from jsonb_array_elements(coalesce(manifest -> 'roles', '[]')) r where r ->> 'name' = x.name)));
end
$$;
comment on function metadata.plan_manifest(uuid, jsonb, boolean) is
  'What it takes to make the model of a manifest here: a plan whose changes apply_changes makes. With prune, what the manifest does not have is deleted.';
grant execute on function metadata.export_manifest(), metadata.plan_manifest(uuid, jsonb, boolean) to relvar_crm;
