-- What a manifest says, as rows of the model: the same columns, with references by the names that the
-- manifest gives. What it names is found again by its universal identifier (application:object.field,
-- unless the manifest gives one), so that it can be called otherwise in the workspace, and in the next
-- version of the manifest.

create or replace function engine.manifest_objects(manifest jsonb)
returns table (universal_identifier text, name_singular text, name_plural text, label_singular text, label_plural text,
  description text, icon text, color text, label_field text, image_field text, duplicate_criteria jsonb, is_active boolean, is_system boolean,
  is_searchable boolean, is_audited boolean, "position" double precision)
language sql immutable set search_path = ''
as $$
  select coalesce(o ->> 'universalIdentifier', (manifest ->> 'name') || ':' || (o ->> 'nameSingular')), o ->> 'nameSingular', o ->> 'namePlural',
    o ->> 'labelSingular', o ->> 'labelPlural', coalesce(o ->> 'description', ''), coalesce(o ->> 'icon', 'IconBox'), o ->> 'color', o ->> 'labelField', o ->> 'imageField',
    coalesce(nullif(o -> 'duplicateCriteria', 'null'), '[]'), coalesce((o ->> 'isActive')::boolean, true), coalesce((o ->> 'isSystem')::boolean, false),
    coalesce((o ->> 'isSearchable')::boolean, true), coalesce((o ->> 'isAudited')::boolean, true), coalesce((o ->> 'position')::double precision, 0)
  from jsonb_array_elements(manifest -> 'objects') o
  -- An object of another application is only extended.
  where not o ? 'extends'
$$;

-- What a manifest calls the objects that it brings or extends.
create or replace function engine.manifest_object_names(manifest jsonb)
returns table (universal_identifier text, name text, value jsonb)
language sql immutable set search_path = ''
as $$
  select coalesce(o ->> 'extends', o ->> 'universalIdentifier', (manifest ->> 'name') || ':' || (o ->> 'nameSingular')),
    coalesce(o ->> 'nameSingular', nullif(split_part(o ->> 'extends', ':', 2), ''), o ->> 'extends'), o
  from jsonb_array_elements(manifest -> 'objects') o
$$;

create or replace function engine.manifest_fields(manifest jsonb)
returns table (object_identifier text, universal_identifier text, name text, label text, description text, icon text, type text, settings jsonb,
  options jsonb, default_value jsonb, is_required boolean, required_from timestamptz, is_unique boolean, is_active boolean, is_system boolean,
  "position" double precision, relations jsonb, many_to_many jsonb)
language sql stable set search_path = ''
as $$
  select o.universal_identifier, coalesce(f ->> 'universalIdentifier', (case when o.value ? 'extends' then (manifest ->> 'name') || ':' || o.name else o.universal_identifier end) || '.' || (f ->> 'name')),
    f ->> 'name', f ->> 'label', coalesce(f ->> 'description', ''),
    f ->> 'icon', f ->> 'type', coalesce(f -> 'settings', '{}'), coalesce(f -> 'options', '[]'), nullif(f -> 'defaultValue', 'null'),
    coalesce((f ->> 'isRequired')::boolean, false), (f ->> 'requiredFrom')::timestamptz, coalesce((f ->> 'isUnique')::boolean, false),
    coalesce((f ->> 'isActive')::boolean, true), coalesce((f ->> 'isSystem')::boolean, false), coalesce((f ->> 'position')::double precision, 0),
    coalesce(f -> 'relations', '[]'), nullif(f -> 'manyToMany', 'null')
  from engine.manifest_object_names(manifest) o
  cross join lateral jsonb_array_elements(coalesce(o.value -> 'fields', '[]')) f
$$;

create or replace function engine.bundle_parts() returns setof engine.bundle_part
language sql immutable set search_path = ''
as $$
  values
    (1, 'objects', 'objects', null, null, null),
    (2, 'fields', 'fields', 'objects', 'object_id', null),
    (3, 'relations', 'relations', 'fields', 'field_id', 'target_object_id'),
    (4, 'computed', 'fields', 'objects', 'object_id', null),
    -- What objects say of their fields.
    (5, 'references', 'objects', null, null, null),
    (6, 'rules', 'rules', 'objects', 'object_id', null),
    (7, 'indexes', 'indexes', 'objects', 'object_id', null),
    (8, 'views', 'views', 'objects', 'object_id', null),
    (9, 'viewFields', 'view_fields', 'views', 'view_id', 'field_id'),
    (10, 'roles', 'roles', null, null, null)
  union all
  select 11, p.part, p.table_name, 'roles', 'role_id', p.key_column from engine.role_parts() p
  union all
  values (12, 'layouts', 'layouts', 'objects', 'object_id', null)
$$;

create or replace function engine.manifest_rows(manifest jsonb)
returns table (part text, identifier text, owner text, "values" jsonb)
language sql stable set search_path = ''
as $$
  with object as (
    select o.*, case when o.value ? 'extends' then (manifest ->> 'name') || ':' || o.name else o.universal_identifier end as prefix,
      'field:' || o.name || '.' as field
    from engine.manifest_object_names(manifest) o
  ), child as (
    select p.part, o.universal_identifier as owner, o.prefix, o.field, e.value, e.i,
      -- Of rules that have no identifier, the first of its kind over its field; then the second.
      concat_ws('.', e.value ->> 'kind', e.value ->> 'field', nullif(row_number() over (partition by p.part, o.universal_identifier, e.value ->> 'kind', e.value ->> 'field',
        e.value ? 'universalIdentifier' order by e.i), 1)) as rule_name
    from object o
    cross join (values ('rules'), ('indexes'), ('views')) p (part)
    cross join lateral jsonb_array_elements(coalesce(o.value -> p.part, '[]')) with ordinality e (value, i)
  ), named as (
    select c.*, coalesce(c.value ->> 'universalIdentifier', c.prefix || '.' || c.part || ':' || coalesce(c.value ->> 'name', c.rule_name)) as identifier from child c
  ), role as (
    select coalesce(e ->> 'universalIdentifier', (manifest ->> 'name') || ':role.' || (e ->> 'name')) as identifier, e as value
    from jsonb_array_elements(coalesce(manifest -> 'roles', '[]')) e where not coalesce((e ->> 'isSystem')::boolean, false)
  )
  select 'objects', o.universal_identifier, null, jsonb_build_object('name_singular', o.name_singular, 'name_plural', o.name_plural, 'label_singular', o.label_singular,
    'label_plural', o.label_plural, 'description', o.description, 'icon', o.icon, 'color', o.color, 'is_active', o.is_active, 'is_searchable', o.is_searchable,
    'is_audited', o.is_audited, 'position', o.position)
  from engine.manifest_objects(manifest) o
  union all
  select 'references', o.universal_identifier, null, jsonb_build_object('label_field_id', 'field:' || o.name_singular || '.' || o.label_field,
    'image_field_id', 'field:' || o.name_singular || '.' || o.image_field, 'duplicate_criteria', o.duplicate_criteria)
  from engine.manifest_objects(manifest) o
  union all
  select case when f.type in ('FORMULA', 'ROLLUP') then 'computed' else 'fields' end, f.universal_identifier, f.object_identifier,
    jsonb_build_object('name', f.name, 'label', f.label, 'description', f.description, 'icon', f.icon) || case when f.is_system then '{"is_system": true}' else
      jsonb_build_object('type', f.type, 'settings', f.settings, 'options', f.options, 'default_value', f.default_value, 'is_required', f.is_required,
        'required_from', f.required_from, 'is_unique', f.is_unique, 'is_active', f.is_active, 'position', f.position) end
  from engine.manifest_fields(manifest) f
  union all
  select 'relations', f.universal_identifier || '>' || (r ->> 'target'), f.universal_identifier, jsonb_build_object('target_object_id', 'object:' || (r ->> 'target'),
    'inverse_name', r -> 'inverseName', 'inverse_label', r -> 'inverseLabel', 'on_delete', coalesce(r ->> 'onDelete', 'SET_NULL'), 'is_on_timeline', coalesce((r ->> 'isOnTimeline')::boolean, false))
  from engine.manifest_fields(manifest) f cross join lateral jsonb_array_elements(f.relations) r
  union all
  select 'rules', n.identifier, n.owner, jsonb_build_object('field_id', n.field || (n.value ->> 'field'), 'kind', n.value -> 'kind', 'settings', coalesce(n.value -> 'settings', '{}'),
    'condition', n.value -> 'condition', 'message', coalesce(n.value ->> 'message', ''), 'applies_from', (n.value ->> 'appliesFrom')::timestamptz,
    'is_active', coalesce((n.value ->> 'isActive')::boolean, true), 'position', coalesce((n.value ->> 'position')::double precision, 0))
  from named n where n.part = 'rules'
  union all
  select 'indexes', n.identifier, n.owner, jsonb_build_object('name', n.value -> 'name', 'kind', coalesce(n.value ->> 'kind', 'BTREE'), 'condition', n.value -> 'condition',
    'parts', (select jsonb_agg(jsonb_strip_nulls(jsonb_build_object('fieldId', p -> 'fieldId', 'part', p -> 'part', 'descending', case when p -> 'descending' = 'true' then true end)) order by i)
      from jsonb_array_elements(n.value -> 'parts') with ordinality u (p, i)))
  from named n where n.part = 'indexes'
  union all
  select 'views', n.identifier, n.owner, jsonb_build_object('name', n.value -> 'name', 'icon', n.value -> 'icon', 'type', coalesce(n.value ->> 'type', 'TABLE'), 'filter', engine.manifest_filter(n.value -> 'filter'),
    'sorts', coalesce(n.value -> 'sorts', '[]'), 'group_field_id', n.field || (n.value ->> 'groupField'), 'group_bucket', n.value -> 'groupBucket', 'colors', coalesce(n.value -> 'colors', '[]'), 'layout', coalesce(n.value -> 'layout', '{}'), 'position', coalesce((n.value ->> 'position')::double precision, 0))
  from named n where n.part = 'views'
  union all
  select 'viewFields', n.identifier || '>' || (c ->> 'field'), n.identifier, jsonb_build_object('field_id', n.field || (c ->> 'field'), 'width', c -> 'width',
    'is_visible', coalesce((c ->> 'isVisible')::boolean, true), 'is_pinned', coalesce((c ->> 'isPinned')::boolean, false), 'aggregate', c -> 'aggregate', 'position', coalesce((c ->> 'position')::double precision, u.i))
  from named n cross join lateral jsonb_array_elements(coalesce(n.value -> 'fields', '[]')) with ordinality u (c, i) where n.part = 'views'
  union all
  -- How pages are arranged for everybody; for roles it is arranged where these are given to people.
  select 'layouts', o.prefix || '.layout', o.universal_identifier, jsonb_build_object('content', engine.manifest_layout(e -> 'content'))
  from object o cross join lateral jsonb_array_elements(coalesce(o.value -> 'layouts', '[]')) e
  where e ->> 'role' is null
  union all
  -- An application brings no role that changes settings.
  select 'roles', r.identifier, null, engine.role_row_values('metadata.roles', r.value) || '{"permissions": [], "has_all_permissions": false}' from role r
  union all
  select p.part, r.identifier || '>' || (v.value ->> p.key_column), r.identifier, v.value
  from role r cross join engine.role_parts() p
  cross join lateral jsonb_array_elements(coalesce(r.value -> p.part, '[]')) e
  cross join lateral (select engine.role_row_values(('metadata.' || p.table_name)::regclass, e) as value) v
$$;
comment on function engine.manifest_rows(jsonb) is 'What a manifest says, one row of the model each, with references by name: part, identifier, identifier of what it belongs to, values by column.';

-- The ids of what a manifest speaks of: {"field:truck.plate": id, …}. A name means what the manifest
-- itself brings first, then what is called so here, then what was.
create or replace function engine.manifest_names(workspace_id uuid, manifest jsonb) returns jsonb
language sql stable set search_path = ''
as $$
  with object as (
    select m.name, o.id from engine.manifest_object_names(manifest) m
    join metadata.objects o on o.workspace_id = manifest_names.workspace_id and o.universal_identifier = m.universal_identifier and o.deleted_at is null
  ), field as (
    select m.name as object_name, f.name, g.id
    from engine.manifest_fields(manifest) f
    join engine.manifest_object_names(manifest) m on m.universal_identifier = f.object_identifier
    join metadata.fields g on g.workspace_id = manifest_names.workspace_id and g.universal_identifier = f.universal_identifier and g.deleted_at is null
  ), target as (
    select 4 as rank, a.name, a.object_id as id from metadata.aliases a where a.workspace_id = manifest_names.workspace_id and a.kind = 'SINGULAR'
    union all
    select 3, split_part(o.universal_identifier, ':', 2), o.id from metadata.objects o where o.workspace_id = manifest_names.workspace_id and o.deleted_at is null
    union all
    select 2, o.name_singular, o.id from metadata.objects o where o.workspace_id = manifest_names.workspace_id and o.deleted_at is null
    union all
    select 1, o.name, o.id from object o
  ), name as (
    select t.rank, 'object:' || t.name as name, t.id from target t
    union all
    select t.rank * 3, 'field:' || t.name || '.' || a.name, a.field_id from target t join metadata.aliases a on a.object_id = t.id and a.field_id is not null
    union all
    select t.rank * 3 - 1, 'field:' || t.name || '.' || f.name, f.id from target t join metadata.fields f on f.object_id = t.id and f.deleted_at is null
    union all
    select t.rank * 3 - 1.5, 'field:' || t.name || '.' || substring(f.universal_identifier from '[^.]+$'), f.id
    from target t join metadata.fields f on f.object_id = t.id and f.deleted_at is null where t.rank > 1
    union all
    select 0, 'field:' || f.object_name || '.' || f.name, f.id from field f
    union all
    select 0, 'relation:' || f.object_name || '.' || f.name || '>' || t.name, r.id
    from field f join metadata.relations r on r.field_id = f.id and r.deleted_at is null join target t on t.id = r.target_object_id
  )
  select coalesce(jsonb_object_agg(n.name, n.id order by n.rank desc) filter (where n.name is not null), '{}') from name n
$$;
