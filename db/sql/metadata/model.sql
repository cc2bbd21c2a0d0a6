-- The whole model of a workspace in one value: what the screen reads once and again when the
-- version rises.
create or replace function engine.model_of(workspace_id uuid) returns jsonb
language sql stable set search_path = ''
as $$
  with spec as materialized (
    select * from engine.columns(model_of.workspace_id)
  ), columns as materialized (
    select c.field_id, jsonb_agg(jsonb_build_object('part', c.part, 'column', c.name, 'name', engine.camel_case(c.name)) order by c.ordinal, c.name) as list
    from spec c group by c.field_id
  ), relations as materialized (
    select r.field_id, jsonb_agg(jsonb_build_object(
      'id', r.id, 'targetObjectId', r.target_object_id, 'name', engine.camel_case(left(c.name, -3)), 'column', c.name,
      'columnName', engine.camel_case(c.name), 'inverseName', r.inverse_name, 'inverseLabel', r.inverse_label, 'onDelete', r.on_delete, 'isOnTimeline', r.is_on_timeline) order by c.name) as list
    from metadata.relations r join spec c on c.relation_id = r.id
    where r.workspace_id = model_of.workspace_id and r.deleted_at is null group by r.field_id
  ), junctions as materialized (
    -- Where a relation to many leads: through the links of this record, then along the link's other relation.
    select m.id as field_id, jsonb_build_object(
      'objectId', near.object_id, 'fieldId', near.id, 'otherFieldId', far.id, 'targetObjectId', far_relation.target_object_id,
      'inverseFieldId', (select i.id from metadata.fields i where i.junction_field_id = far.id),
      'linkConnection', near_relation.inverse_name, 'otherName', far.name,
      'relationId', near_relation.id, 'otherRelationId', far_relation.id, 'isOnTimeline', near_relation.is_on_timeline, 'isOnOtherTimeline', far_relation.is_on_timeline) as value
    from metadata.fields m
    join metadata.fields near on near.id = m.junction_field_id
    join metadata.relations near_relation on near_relation.field_id = near.id
    join metadata.fields far on far.object_id = near.object_id and far.id <> near.id
      and exists (select from metadata.fields i where i.junction_field_id = far.id)
    join metadata.relations far_relation on far_relation.field_id = far.id
    where m.workspace_id = model_of.workspace_id and m.deleted_at is null
  ), aliases as materialized (
    select coalesce(a.field_id, a.object_id) as owner_id,
      jsonb_agg(jsonb_build_object('id', a.id, 'kind', a.kind, 'name', a.name) order by a.created_at, a.name) as list
    from metadata.aliases a where a.workspace_id = model_of.workspace_id group by 1
  ), fields as materialized (
    select f.object_id, jsonb_agg(jsonb_build_object(
      'id', f.id, 'name', f.name, 'label', f.label, 'description', f.description, 'icon', f.icon, 'type', f.type, 'settings', f.settings,
      'options', f.options, 'defaultValue', f.default_value, 'isRequired', f.is_required, 'requiredFrom', f.required_from, 'resultType', f.result_type, 'isComputed', f.type in ('FORMULA', 'ROLLUP'), 'isUnique', f.is_unique, 'isActive', f.is_active,
      'isSystem', f.is_system, 'isCustom', f.application_id is null and not f.is_system, 'position', f.position,
      'junction', j.value, 'aliases', coalesce(a.list, '[]'),
      'columns', coalesce(c.list, '[]'), 'relations', coalesce(r.list, '[]')) order by f.position, f.id) as list
    from metadata.fields f
    left join columns c on c.field_id = f.id
    left join relations r on r.field_id = f.id
    left join junctions j on j.field_id = f.id
    left join aliases a on a.owner_id = f.id
    where f.workspace_id = model_of.workspace_id and f.deleted_at is null group by f.object_id
  ), rules as materialized (
    -- Those that sleep for want of a field are not shown, those that were switched off are.
    select r.object_id, jsonb_agg(jsonb_build_object(
      'id', r.id, 'fieldId', r.field_id, 'kind', r.kind, 'settings', r.settings, 'condition', engine.formula_text(r.compiled),
      'message', r.message, 'text', engine.rule_text(r), 'appliesFrom', r.applies_from, 'isActive', r.is_active, 'position', r.position) order by r.position, r.id) as list
    from metadata.rules r
    where r.workspace_id = model_of.workspace_id
      and not exists (select from unnest(engine.rule_fields(r)) u (id) where not exists (select from metadata.fields f where f.id = u.id and f.deleted_at is null))
    group by r.object_id
  ), indexes as materialized (
    select i.object_id, jsonb_agg(jsonb_build_object(
      'id', i.id, 'name', i.name, 'kind', i.kind, 'parts', i.parts, 'condition', engine.formula_text(i.compiled)) order by i.name, i.id) as list
    from engine.live_indexes(model_of.workspace_id) i group by i.object_id
  )
  select jsonb_build_object('version', w.model_version, 'workspace', jsonb_build_object('id', w.id, 'slug', w.slug, 'name', w.name),
    'objects', (
      select coalesce(jsonb_agg(jsonb_build_object(
        'id', o.id, 'nameSingular', o.name_singular, 'namePlural', o.name_plural, 'labelSingular', o.label_singular, 'labelPlural', o.label_plural,
        'description', o.description, 'icon', o.icon, 'color', o.color, 'isActive', o.is_active, 'isSystem', o.is_system, 'isSearchable', o.is_searchable,
        'isJunction', o.is_junction, 'isAudited', o.is_audited, 'isPrivate', o.is_private, 'imageFieldId', o.image_field_id, 'duplicateCriteria', o.duplicate_criteria,
        'isCustom', o.application_id is null, 'labelFieldId', o.label_field_id, 'tableName', o.table_name, 'position', o.position,
        'aliases', coalesce(a.list, '[]'), 'fields', coalesce(f.list, '[]'), 'rules', coalesce(u.list, '[]'), 'indexes', coalesce(i.list, '[]')) order by o.position, o.id), '[]')
      from metadata.objects o left join fields f on f.object_id = o.id left join aliases a on a.owner_id = o.id
      left join rules u on u.object_id = o.id left join indexes i on i.object_id = o.id where o.workspace_id = w.id and o.deleted_at is null))
  from core.workspaces w where w.id = model_of.workspace_id
$$;

create or replace function metadata.model() returns jsonb
language sql stable security definer set search_path = ''
as $$
  select engine.model_of(engine.workspace_of_role(current_setting('role')::name))
$$;
comment on function metadata.model() is 'The data model of the workspace: version, objects, fields, columns and relations, as one JSON value.';


create or replace function metadata.model_version() returns bigint
language sql stable security definer set search_path = ''
as $$
  select w.model_version from core.workspaces w where w.id = engine.workspace_of_role(current_setting('role')::name)
$$;
comment on function metadata.model_version() is 'Number of the model; it rises by one with each transaction that changes it. Send it as X-Metadata-Version to be served by a schema that knows the change.';
grant execute on function metadata.model(), metadata.model_version() to relvar_crm;
