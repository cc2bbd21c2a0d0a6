-- Who reads and writes the model. Every CRM role may read its own workspace's; roles that may
-- manage the model write it. The workspace comes from the role, so no row of another is in reach.

create or replace function engine.role_manages_model(pg_role name) returns boolean
language sql stable security definer set search_path = ''
as $$ select coalesce((select r.can_manage_model from metadata.roles r where r.pg_role = role_manages_model.pg_role), false) $$;

create or replace function engine.may_manage_model() returns boolean
language sql stable set search_path = ''
  return engine.role_manages_model(current_user);
comment on function engine.may_manage_model() is 'Whether the session''s CRM role may change the data model.';
grant execute on function engine.role_manages_model(name), engine.may_manage_model() to public;

grant usage on schema metadata to relvar_crm;

do $$
declare
  v_table text;
begin
  foreach v_table in array array['applications', 'objects', 'fields', 'relations', 'roles', 'object_permissions', 'webhooks',
    'rules', 'indexes', 'views', 'view_fields', 'aliases', 'model_versions', 'model_changes', 'type_changes', 'online_changes', 'ignored_drift'] loop
    execute format('alter table metadata.%I alter column workspace_id set default engine.current_workspace()', v_table);
    execute format('alter table metadata.%I enable row level security', v_table);
    execute format('drop policy if exists select_own on metadata.%I', v_table);
    execute format('create policy select_own on metadata.%I for select to relvar_crm using (workspace_id = (select engine.current_workspace()))', v_table);
    execute format('comment on policy select_own on metadata.%I is ''Members read the model of their own workspace.''', v_table);
  end loop;
  foreach v_table in array array['objects', 'fields', 'relations', 'webhooks', 'rules', 'indexes', 'views', 'view_fields', 'aliases'] loop
    execute format('drop policy if exists insert_own on metadata.%I', v_table);
    execute format('drop policy if exists update_own on metadata.%I', v_table);
    execute format('drop policy if exists delete_own on metadata.%I', v_table);
    execute format('create policy insert_own on metadata.%I for insert to relvar_crm with check (workspace_id = (select engine.current_workspace()) and (select engine.may_manage_model()))', v_table);
    execute format('create policy update_own on metadata.%I for update to relvar_crm using (workspace_id = (select engine.current_workspace()) and (select engine.may_manage_model())) with check (workspace_id = (select engine.current_workspace()))', v_table);
    execute format('create policy delete_own on metadata.%I for delete to relvar_crm using (workspace_id = (select engine.current_workspace()) and (select engine.may_manage_model()))', v_table);
  end loop;
end
$$;

grant select on metadata.objects, metadata.fields, metadata.relations, metadata.roles, metadata.object_permissions, metadata.webhooks,
  metadata.rules, metadata.indexes, metadata.views, metadata.view_fields, metadata.aliases, metadata.model_versions, metadata.model_changes,
  metadata.type_changes, metadata.online_changes, metadata.ignored_drift to relvar_crm;
-- Not the manifest: it is long, and the installed objects are what matters.
grant select (id, workspace_id, name, version, installed_at, warnings) on metadata.applications to relvar_crm;

-- System flags and the link to an application are not the member's to set.
grant insert (id, workspace_id, name_singular, name_plural, label_singular, label_plural, description, icon, color, label_field_id, image_field_id, duplicate_criteria, is_active, is_searchable, is_audited, position),
  update (name_singular, name_plural, label_singular, label_plural, description, icon, color, label_field_id, image_field_id, duplicate_criteria, is_active, is_searchable, is_audited, position), delete
  on metadata.objects to relvar_crm;
grant insert (id, object_id, name, label, description, icon, type, settings, options, default_value, is_required, required_from, is_unique, is_active, position),
  update (name, label, description, icon, type, settings, options, default_value, is_required, required_from, is_unique, is_active, position), delete
  on metadata.fields to relvar_crm;
grant insert (id, field_id, target_object_id, inverse_name, inverse_label, on_delete),
  update (inverse_name, inverse_label, on_delete), delete
  on metadata.relations to relvar_crm;
grant insert (id, name, target_url, events, is_active), update (name, target_url, events, is_active), delete
  on metadata.webhooks to relvar_crm;
grant insert (id, object_id, field_id, kind, settings, condition, message, applies_from, is_active, position),
  update (field_id, settings, condition, message, applies_from, is_active, position), delete
  on metadata.rules to relvar_crm;
grant insert (id, object_id, name, kind, parts, condition), update (name, kind, parts, condition), delete
  on metadata.indexes to relvar_crm;
grant insert (id, object_id, name, icon, type, filter, sorts, group_field_id, position), update (name, icon, type, filter, sorts, group_field_id, position), delete
  on metadata.views to relvar_crm;
grant insert (id, view_id, field_id, width, is_visible, position), update (width, is_visible, position), delete
  on metadata.view_fields to relvar_crm;
grant delete on metadata.aliases to relvar_crm;
