-- What each column of the model means. These sentences are the documentation of the metadata API,
-- and what \d+ shows in psql.
do $$
declare
  v_table text;
begin
  foreach v_table in array array['applications', 'objects', 'fields', 'relations', 'roles', 'object_permissions', 'webhooks'] loop
    execute format('comment on column metadata.%I.workspace_id is ''The workspace that this belongs to; follows from the role of whoever writes.''', v_table);
    if v_table <> 'object_permissions' then
      execute format('comment on column metadata.%I.id is ''Identifies it for good, through every rename.''', v_table);
    end if;
  end loop;
end
$$;

comment on column metadata.applications.name is 'Names the bundle; one of each name in a workspace.';
comment on column metadata.applications.version is 'The version that is installed.';
comment on column metadata.applications.manifest is 'The manifest as it was installed, which the next upgrade is compared with.';
comment on column metadata.applications.installed_at is 'When it was first installed.';

comment on column metadata.objects.application_id is 'The application that brought the object; null for one made here.';
comment on column metadata.objects.universal_identifier is 'By which the application finds the object again when it is upgraded.';
comment on column metadata.objects.name_singular is 'API name of one record, camelCase, such as salesOrder. Follows from the label unless it is given.';
comment on column metadata.objects.name_plural is 'API name of several records, such as salesOrders. The table is named after it.';
comment on column metadata.objects.table_name is 'The table in the workspace''s schema: name_plural in snake_case.';
comment on column metadata.objects.label_singular is 'What people read for one record. Any text.';
comment on column metadata.objects.label_plural is 'What people read for several records. Any text.';
comment on column metadata.objects.description is 'What the object is for, in a sentence. Shown in the API''s documentation.';
comment on column metadata.objects.icon is 'Name of a Tabler icon, such as IconBuilding.';
comment on column metadata.objects.color is 'Name of a colour of the palette, or null.';
comment on column metadata.objects.label_field_id is 'The field that names a record wherever it is mentioned.';
comment on column metadata.objects.is_active is 'Whether anybody may see it. Switching it off keeps the records.';
comment on column metadata.objects.is_system is 'Whether the product itself relies on the object; its API names are then fixed.';
comment on column metadata.objects.is_searchable is 'Whether search finds its records.';
comment on column metadata.objects.is_audited is 'Whether changes of its records are written to the event log, which webhooks and live updates read.';
comment on column metadata.objects.position is 'Place in the navigation, smallest first.';
comment on column metadata.objects.created_at is 'When the object was created.';

comment on column metadata.fields.object_id is 'The object that has the field.';
comment on column metadata.fields.application_id is 'The application that brought the field; null for one made here.';
comment on column metadata.fields.universal_identifier is 'By which the application finds the field again when it is upgraded.';
comment on column metadata.fields.name is 'API name, camelCase, such as annualRevenue. Its columns are named after it, in snake_case.';
comment on column metadata.fields.label is 'What people read. Any text.';
comment on column metadata.fields.description is 'What the field is for, in a sentence. Shown in the API''s documentation.';
comment on column metadata.fields.icon is 'Name of a Tabler icon, such as IconMail.';
comment on column metadata.fields.type is 'What it holds: TEXT, NUMBER, SELECT, CURRENCY, RELATION and so on. Cannot be changed yet.';
comment on column metadata.fields.settings is 'Details of the type, such as {"dataType": "int"} for whole numbers or {"searchable": true}.';
comment on column metadata.fields.options is 'The choices of a SELECT or MULTI_SELECT: [{"value": "NEW", "label": "New", "color": "blue"}].';
comment on column metadata.fields.default_value is 'The value of new records as JSON; for a type of several parts an object of them, for dates also "now".';
comment on column metadata.fields.is_required is 'Whether a record must have a value; of several parts, the first.';
comment on column metadata.fields.is_unique is 'Whether no two records may have the same value; of several parts, the first.';
comment on column metadata.fields.is_active is 'Whether anybody may see it. Switching it off keeps the values.';
comment on column metadata.fields.is_system is 'Whether the engine keeps the field, as it does createdAt.';
comment on column metadata.fields.position is 'Place among the fields of the object, smallest first.';
comment on column metadata.fields.created_at is 'When the field was created.';

comment on column metadata.relations.field_id is 'The field of type RELATION or MORPH_RELATION.';
comment on column metadata.relations.target_object_id is 'The object that it points to.';
comment on column metadata.relations.inverse_name is 'API name, on the target, of the records that point to it.';
comment on column metadata.relations.inverse_label is 'What people read there. Any text.';
comment on column metadata.relations.on_delete is 'When the target is deleted: SET_NULL cuts the link, CASCADE deletes these records too, RESTRICT refuses.';

comment on column metadata.roles.name is 'What people call the role.';
comment on column metadata.roles.description is 'What the role is for.';
comment on column metadata.roles.pg_role is 'The role of PostgreSQL that holds its rights: set role to it in psql to see what its members see.';
comment on column metadata.roles.is_system is 'Whether every workspace has it.';
comment on column metadata.roles.can_manage_model is 'Whether it may change objects, fields, relations and webhooks.';
comment on column metadata.roles.can_read_all is 'Whether it reads the records of every object that object_permissions does not say else of.';
comment on column metadata.roles.can_create_all is 'The same for creating records.';
comment on column metadata.roles.can_update_all is 'The same for changing records.';
comment on column metadata.roles.can_delete_all is 'The same for deleting records, restoring and destroying them.';

comment on column metadata.object_permissions.role_id is 'The role.';
comment on column metadata.object_permissions.object_id is 'The object that the role has other rights on.';
comment on column metadata.object_permissions.can_read is 'Whether the role reads its records.';
comment on column metadata.object_permissions.can_create is 'Whether it creates them.';
comment on column metadata.object_permissions.can_update is 'Whether it changes them.';
comment on column metadata.object_permissions.can_delete is 'Whether it deletes, restores and destroys them.';

comment on column metadata.webhooks.name is 'What people call it.';
comment on column metadata.webhooks.target_url is 'The address that is called with a POST, http or https.';
comment on column metadata.webhooks.is_active is 'Whether it is called at present.';
comment on column metadata.webhooks.created_at is 'When it was added.';
