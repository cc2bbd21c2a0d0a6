-- Back to how an application brought it: labels, icon, description, settings, options, whether it is
-- shown. What was added beside it stays.
create or replace function metadata.plan_reset(workspace_id uuid, kind text, id uuid) returns jsonb
language plpgsql volatile security definer set search_path = '' set jit = off
as $$
declare
  v_changes jsonb;
begin
  perform engine.assert_manages(workspace_id);
  with thing as (
    select 'objects' as part, o.id, jsonb_build_object('labelSingular', m.label_singular, 'labelPlural', m.label_plural, 'description', m.description, 'icon', m.icon, 'color', m.color,
      'isSearchable', m.is_searchable, 'isActive', true) as wanted
    from metadata.objects o join metadata.applications a on a.id = o.application_id
    join engine.manifest_objects(a.manifest) m on m.universal_identifier = o.universal_identifier
    where plan_reset.kind = 'object' and o.workspace_id = plan_reset.workspace_id and o.id = plan_reset.id and o.deleted_at is null
    union all
    select 'fields', f.id, jsonb_build_object('label', m.label, 'description', m.description, 'icon', m.icon, 'settings', engine.references_by_id(plan_reset.workspace_id, m.settings, engine.manifest_names(plan_reset.workspace_id, a.manifest)),
      'options', m.options, 'defaultValue', m.default_value, 'isRequired', m.is_required, 'isUnique', m.is_unique, 'isActive', true) - case when m.type = 'MANY_TO_MANY' then 'settings' else '' end
    from metadata.fields f join metadata.applications a on a.id = f.application_id
    join engine.manifest_fields(a.manifest) m on m.universal_identifier = f.universal_identifier
    where f.workspace_id = plan_reset.workspace_id and f.deleted_at is null
      and (plan_reset.kind = 'field' and f.id = plan_reset.id or plan_reset.kind = 'object' and f.object_id = plan_reset.id)
  )
  select jsonb_agg(jsonb_build_object('op', 'update', 'table', t.part, 'id', t.id, 'values', v.value) order by t.part, t.id) filter (where v.value <> '{}') into v_changes
  from thing t cross join lateral (select engine.what_differs(t.part, t.id, t.wanted) as value) v
  having count(*) > 0;
  if not found then
    raise exception 'Only what an application brought can be reset to how it was brought.' using errcode = 'RV069', column = 'id',
      hint = 'Things made here have no other state to go back to, but metadata.plan_revert leads back to an earlier version.';
  end if;
  return metadata.plan_changes(workspace_id, coalesce(v_changes, '[]'));
end
$$;
comment on function metadata.plan_reset(uuid, text, uuid) is
  'What it takes to reset an object (with its fields) or a field to how its application brought it: a plan whose changes apply_changes makes.';
grant execute on function metadata.plan_reset(uuid, text, uuid) to relvar_crm;
