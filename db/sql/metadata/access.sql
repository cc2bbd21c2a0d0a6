-- Who reads and writes the model. Every CRM role may read its own workspace's; what a role may write
-- follows from its permissions. The workspace comes from the role, so no row of another is in reach.

-- The permission that a part of metadata asks for.
create or replace function engine.flag_of(table_name text) returns text
language sql immutable parallel safe set search_path = ''
  return case when table_name in ('roles', 'role_includes', 'object_permissions', 'field_permissions', 'record_rules') then 'ROLES'
    when table_name in ('views', 'view_fields') then 'VIEWS' when table_name = 'layouts' then 'LAYOUTS' when table_name = 'webhooks' then 'API_KEYS_AND_WEBHOOKS'
    when table_name in ('teams', 'team_members') then 'WORKSPACE_MEMBERS' else 'DATA_MODEL' end;

grant usage on schema metadata to relvar_crm;

do $$
declare
  v_table text;
begin
  foreach v_table in array array['applications', 'objects', 'fields', 'relations', 'roles', 'object_permissions', 'webhooks',
    'rules', 'indexes', 'aliases', 'model_versions', 'model_changes', 'type_changes', 'online_changes', 'ignored_drift',
    'role_includes', 'field_permissions', 'record_rules', 'teams', 'team_members'] loop
    execute format('alter table metadata.%I alter column workspace_id set default engine.current_workspace()', v_table);
    execute format('alter table metadata.%I enable row level security', v_table);
    execute format('drop policy if exists select_own on metadata.%I', v_table);
    execute format('create policy select_own on metadata.%I for select to relvar_crm using (workspace_id = (select engine.current_workspace()))', v_table);
    execute format('comment on policy select_own on metadata.%I is ''Members read the model of their own workspace.''', v_table);
  end loop;
  foreach v_table in array array['objects', 'fields', 'relations', 'webhooks', 'rules', 'indexes', 'aliases',
    'roles', 'role_includes', 'object_permissions', 'field_permissions', 'record_rules', 'teams', 'team_members'] loop
    execute format('drop policy if exists insert_own on metadata.%I', v_table);
    execute format('drop policy if exists update_own on metadata.%I', v_table);
    execute format('drop policy if exists delete_own on metadata.%I', v_table);
    execute format('create policy insert_own on metadata.%I for insert to relvar_crm with check (workspace_id = (select engine.current_workspace()) and (select engine.may(%L)))', v_table, engine.flag_of(v_table));
    execute format('create policy update_own on metadata.%I for update to relvar_crm using (workspace_id = (select engine.current_workspace()) and (select engine.may(%L))) with check (workspace_id = (select engine.current_workspace()))', v_table, engine.flag_of(v_table));
    execute format('create policy delete_own on metadata.%I for delete to relvar_crm using (workspace_id = (select engine.current_workspace()) and (select engine.may(%L)))', v_table, engine.flag_of(v_table));
  end loop;
end
$$;

-- A rule may say what its role may not know; it is read by those whom it concerns, and by who keeps the roles.
drop policy select_own on metadata.record_rules;
create policy select_own on metadata.record_rules for select to relvar_crm
  using (workspace_id = (select engine.current_workspace()) and ((select engine.may('ROLES')) or role_id = any (array(select engine.my_roles()))));
comment on policy select_own on metadata.record_rules is 'Members read the rules of their own roles; who keeps the roles reads all.';

-- The address of a webhook may hold a key.
drop policy select_own on metadata.webhooks;
create policy select_own on metadata.webhooks for select to relvar_crm
  using (workspace_id = (select engine.current_workspace()) and (select engine.may('API_KEYS_AND_WEBHOOKS')));
comment on policy select_own on metadata.webhooks is 'Who keeps the webhooks reads them.';

grant select on metadata.role_includes, metadata.field_permissions, metadata.record_rules, metadata.teams, metadata.team_members to relvar_crm;
grant insert (id, name, description, icon, permissions, has_all_permissions, can_read_all, can_create_all, can_update_all, can_delete_all, can_destroy_all, assignable_to, requires_second_factor),
  update (name, description, icon, permissions, has_all_permissions, can_read_all, can_create_all, can_update_all, can_delete_all, can_destroy_all, assignable_to, requires_second_factor), delete
  on metadata.roles to relvar_crm;
grant insert (id, role_id, included_role_id), delete on metadata.role_includes to relvar_crm;
grant insert (id, role_id, object_id, can_read, can_create, can_update, can_delete, can_destroy, field_mode),
  update (can_read, can_create, can_update, can_delete, can_destroy, field_mode), delete
  on metadata.object_permissions to relvar_crm;
grant insert (id, role_id, field_id, can_read, can_update), update (can_read, can_update), delete on metadata.field_permissions to relvar_crm;
grant insert (id, role_id, object_id, action, name, condition), update (name, condition), delete on metadata.record_rules to relvar_crm;
grant insert (id, name, description, parent_team_id), update (name, description, parent_team_id), delete on metadata.teams to relvar_crm;
grant insert (id, team_id, member_id, is_lead), update (is_lead), delete on metadata.team_members to relvar_crm;

grant select on metadata.objects, metadata.fields, metadata.relations, metadata.roles, metadata.object_permissions, metadata.webhooks,
  metadata.rules, metadata.indexes, metadata.aliases, metadata.model_versions, metadata.model_changes,
  metadata.type_changes, metadata.online_changes, metadata.ignored_drift to relvar_crm;
-- Not the manifest: it is long, and the installed objects are what matters.
grant select (id, workspace_id, name, version, installed_at, warnings) on metadata.applications to relvar_crm;

-- System flags and the link to an application are not the member's to set.
grant insert (id, workspace_id, name_singular, name_plural, label_singular, label_plural, description, icon, color, label_field_id, image_field_id, duplicate_criteria, is_active, is_searchable, is_audited, is_private, position),
  update (name_singular, name_plural, label_singular, label_plural, description, icon, color, label_field_id, image_field_id, duplicate_criteria, is_active, is_searchable, is_audited, is_private, position), delete
  on metadata.objects to relvar_crm;
grant insert (id, object_id, name, label, description, icon, type, settings, options, default_value, is_required, required_from, is_unique, is_active, position),
  update (name, label, description, icon, type, settings, options, default_value, is_required, required_from, is_unique, is_active, position), delete
  on metadata.fields to relvar_crm;
grant insert (id, field_id, target_object_id, inverse_name, inverse_label, on_delete, is_on_timeline),
  update (inverse_name, inverse_label, on_delete, is_on_timeline), delete
  on metadata.relations to relvar_crm;
grant insert (id, name, description, target_url, events, filters, fields, format, role_id, is_active),
  update (name, description, target_url, events, filters, fields, format, role_id, is_active), delete
  on metadata.webhooks to relvar_crm;
grant insert (id, object_id, field_id, kind, settings, condition, message, applies_from, is_active, position),
  update (field_id, settings, condition, message, applies_from, is_active, position), delete
  on metadata.rules to relvar_crm;
grant insert (id, object_id, name, kind, parts, condition), update (name, kind, parts, condition), delete
  on metadata.indexes to relvar_crm;
grant delete on metadata.aliases to relvar_crm;
