-- What each column of the model means. These sentences are the documentation of the metadata API,
-- and what \d+ shows in psql.
do $$
declare
  v_table text;
begin
  foreach v_table in array array['role_includes', 'field_permissions', 'record_rules', 'teams', 'team_members', 'applications', 'objects', 'fields', 'relations', 'roles', 'object_permissions', 'webhooks',
    'rules', 'indexes', 'aliases', 'model_versions', 'model_changes', 'type_changes', 'online_changes', 'ignored_drift'] loop
    execute format('comment on column metadata.%I.workspace_id is ''The workspace that this belongs to; follows from the role of whoever writes.''', v_table);
    if v_table not in ('model_versions', 'model_changes', 'ignored_drift') then
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
comment on column metadata.objects.is_audited is 'Whether changes of its records are written to the event log. Without it there is no history, undo, webhook or live update of them, and links that a deletion cuts are not tied again.';
comment on column metadata.objects.is_private is 'Whether a record is its creator''s alone until it is shared, whatever the roles may read.';
comment on column metadata.objects.position is 'Place in the navigation, smallest first.';
comment on column metadata.objects.created_at is 'When the object was created.';

comment on column metadata.fields.object_id is 'The object that has the field.';
comment on column metadata.fields.application_id is 'The application that brought the field; null for one made here.';
comment on column metadata.fields.universal_identifier is 'By which the application finds the field again when it is upgraded.';
comment on column metadata.fields.name is 'API name, camelCase, such as annualRevenue. Its columns are named after it, in snake_case.';
comment on column metadata.fields.label is 'What people read. Any text.';
comment on column metadata.fields.description is 'What the field is for, in a sentence. Shown in the API''s documentation.';
comment on column metadata.fields.icon is 'Name of a Tabler icon, such as IconMail.';
comment on column metadata.fields.type is 'What it holds: TEXT, NUMBER, SELECT, CURRENCY, RELATION and so on. A change converts the values.';
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
comment on column metadata.relations.is_on_timeline is 'Whether the timeline of the target tells what happens to these records; of the links of a junction, to the records on their other side.';

comment on column metadata.roles.name is 'What people call the role.';
comment on column metadata.roles.description is 'What the role is for.';
comment on column metadata.roles.pg_role is E'@behavior -attribute:insert -attribute:update\nThe role of PostgreSQL that holds its rights: set role to it in psql to see what its members see.';
comment on column metadata.roles.application_id is 'The application that brought the role; null for those made here.';
comment on column metadata.roles.universal_identifier is 'By which an upgrade of the application finds the role again.';
comment on column metadata.roles.is_system is E'@behavior -attribute:insert -attribute:update\nWhether every workspace has it.';
comment on column metadata.roles.permissions is 'What it may do besides reading and writing records, such as DATA_MODEL; metadata.permission_flags() lists all.';
comment on column metadata.roles.has_all_permissions is 'Whether it has every permission, those that are yet to come included.';
comment on column metadata.roles.can_destroy_all is 'The same for destroying for good what was deleted.';
comment on column metadata.roles.assignable_to is 'To whom it can be given: MEMBERS, API_KEYS, APPLICATIONS, AGENTS, WORKFLOWS.';
comment on column metadata.roles.requires_second_factor is 'Whether its members sign in with a second factor, whatever the workspace asks of others.';
comment on column metadata.roles.icon is 'Name of a Tabler icon, such as IconShield.';
comment on column metadata.roles.created_at is E'@behavior -attribute:insert -attribute:update\nWhen the role was made.';

comment on column metadata.role_includes.role_id is 'The role that includes the other.';
comment on column metadata.role_includes.included_role_id is 'The role all of whose rights it has.';
comment on column metadata.roles.can_read_all is 'Whether it reads the records of every object that object_permissions does not say else of.';
comment on column metadata.roles.can_create_all is 'The same for creating records.';
comment on column metadata.roles.can_update_all is 'The same for changing records.';
comment on column metadata.roles.can_delete_all is 'The same for deleting records and restoring them.';

comment on column metadata.object_permissions.role_id is 'The role.';
comment on column metadata.object_permissions.object_id is 'The object that the role has other rights on.';
comment on column metadata.object_permissions.can_read is 'Whether the role reads its records; null as the role does by default.';
comment on column metadata.object_permissions.can_create is 'Whether it creates them.';
comment on column metadata.object_permissions.can_update is 'Whether it changes them.';
comment on column metadata.object_permissions.can_delete is 'Whether it deletes and restores them.';
comment on column metadata.object_permissions.can_destroy is 'Whether it destroys for good what was deleted.';
comment on column metadata.object_permissions.field_mode is 'ALL_EXCEPT: every field but those that field_permissions takes away. ONLY: none but those that it gives.';

comment on column metadata.field_permissions.role_id is 'The role.';
comment on column metadata.field_permissions.object_id is E'@behavior -attribute:insert -attribute:update\nThe object of the field.';
comment on column metadata.field_permissions.field_id is 'The field that the role has other rights on.';
comment on column metadata.field_permissions.can_read is 'Whether the role reads it; null as field_mode says.';
comment on column metadata.field_permissions.can_update is 'Whether the role writes it; null as field_mode says, and never what it does not read.';

comment on column metadata.record_rules.role_id is 'The role.';
comment on column metadata.record_rules.object_id is 'The object whose records it chooses from.';
comment on column metadata.record_rules.action is 'READ, UPDATE or DELETE. To change or delete a record a role must be able to read it, too.';
comment on column metadata.record_rules.name is 'By which manifests find the rule again, such as READ opportunity; follows from the action and the object unless it is given.';
comment on column metadata.record_rules.condition is 'A formula over the record, such as owner = currentMember() or owner in myTeam() or company.industry = "TECH".';
comment on column metadata.record_rules.compiled is E'@behavior -*\nThe condition as a typed tree, with fields by id.';
comment on column metadata.record_rules.created_at is E'@behavior -attribute:insert -attribute:update\nWhen the rule was made.';

comment on column metadata.teams.name is 'What people call the team.';
comment on column metadata.teams.description is 'What the team is for.';
comment on column metadata.teams.parent_team_id is 'The team that it is beneath; who leads that one also sees what is below.';
comment on column metadata.teams.created_at is E'@behavior -attribute:insert -attribute:update\nWhen the team was made.';

comment on column metadata.team_members.team_id is 'The team.';
comment on column metadata.team_members.member_id is 'The member, by the id of the record in workspace_members.';
comment on column metadata.team_members.is_lead is 'Whether the member leads the team: sees the records of its members, and of the teams beneath.';

comment on column metadata.webhooks.name is 'What people call it.';
comment on column metadata.webhooks.target_url is 'The address that is called with a POST, http or https.';
comment on column metadata.webhooks.role_id is 'It tells what this role sees, and nobody is its member; that of who made it unless another is given.';
comment on column metadata.webhooks.description is 'What it is for.';
comment on column metadata.webhooks.events is 'Patterns object.action, for example person.created, company.* or *.*; also names of events of engine.emit().';
comment on column metadata.webhooks.format is 'STANDARD: body and signature of Standard Webhooks. TWENTY: body and headers as Twenty sends them.';
comment on column metadata.webhooks.filters is 'By object, the condition that a record must fulfil: {"opportunity": "stage = \"WON\""}. None for all records.';
comment on column metadata.webhooks.compiled is E'@behavior -*\nThe filters as typed trees by object, with fields by id.';
comment on column metadata.webhooks.fields is 'By object, the fields that are told: {"person": ["name", "emails"]}. A change of none of them is not told. None for all fields that the role reads.';
comment on column metadata.webhooks.created_by_id is E'@behavior -attribute:insert -attribute:update\nThe member who made it, who is told when it is switched off.';
comment on column metadata.webhooks.disabled_at is E'@behavior -attribute:insert -attribute:update\nWhen it was switched off since nothing could be delivered; null otherwise.';
comment on column metadata.webhooks.disabled_reason is E'@behavior -attribute:insert -attribute:update\nWhy.';
comment on column metadata.webhooks.is_active is 'Whether it is called at present.';
comment on column metadata.webhooks.created_at is 'When it was added.';

comment on column metadata.applications.removed is 'What of the application was purged here and does not come back with an upgrade.';
comment on column metadata.applications.warnings is 'What the last upgrade left as the workspace has it, though the application wanted it otherwise: a list of {code, message, hint}.';

comment on column metadata.objects.deleted_at is 'When it was deleted. Until the grace period ends it can be restored.';
comment on column metadata.objects.deleted_by_name is 'Who deleted it.';
comment on column metadata.objects.is_junction is 'Whether its records are the links of a many-to-many relation.';
comment on column metadata.objects.image_field_id is 'The field whose picture stands beside a record wherever it is mentioned.';
comment on column metadata.objects.duplicate_criteria is 'Lists of field ids, or {fields: [{id, by}], threshold, isSure}: records that match in all fields of one criterion are taken for duplicates.';

comment on column metadata.fields.deleted_at is 'When it was deleted. Until the grace period ends it can be restored.';
comment on column metadata.fields.deleted_by_name is 'Who deleted it.';
comment on column metadata.fields.required_from is 'Required only of records created since; null when it is required of all.';
comment on column metadata.fields.junction_field_id is 'Of a MANY_TO_MANY: the relation of the junction that points to this object.';
comment on column metadata.fields.result_type is 'Of a FORMULA or ROLLUP: the type of what it comes to.';
comment on column metadata.fields.compiled is E'@behavior -*\nOf a FORMULA or ROLLUP: what its text means, by the ids of fields.';
comment on column metadata.fields.revision is E'@behavior -*\nRises with each change of type that makes new columns.';

comment on column metadata.relations.deleted_at is 'When it was deleted.';

comment on column metadata.rules.object_id is 'The object whose records it holds for.';
comment on column metadata.rules.field_id is 'The field that it is about, where it is about one.';
comment on column metadata.rules.application_id is 'The application that brought it; null for one made here.';
comment on column metadata.rules.universal_identifier is 'By which the application finds it again when it is upgraded.';
comment on column metadata.rules.kind is 'REQUIRED, RANGE, LENGTH, PATTERN, CONDITION or UNIQUE.';
comment on column metadata.rules.settings is 'Its details: {"min", "max"} of RANGE and LENGTH, {"pattern", "ignoreCase"} of PATTERN, {"fieldIds", "ignoreCase"} of UNIQUE; {"part"} names a part of a composite field.';
comment on column metadata.rules.condition is 'A formula. Of CONDITION what must be true; of the others when the rule applies.';
comment on column metadata.rules.compiled is E'@behavior -*\nWhat the condition means, by the ids of fields.';
comment on column metadata.rules.message is 'What people read who break it. Empty for a sentence made from the rule.';
comment on column metadata.rules.applies_from is 'Holds only for records created since; null when it holds for all.';
comment on column metadata.rules.is_active is 'Whether it holds at present.';
comment on column metadata.rules.position is 'Place among the rules of the object, smallest first.';
comment on column metadata.rules.created_at is 'When it was made.';

comment on column metadata.indexes.object_id is 'The object whose records it finds.';
comment on column metadata.indexes.application_id is 'The application that brought it; null for one made here.';
comment on column metadata.indexes.universal_identifier is 'By which the application finds it again when it is upgraded.';
comment on column metadata.indexes.name is 'What people call it.';
comment on column metadata.indexes.kind is 'BTREE for equality, ranges and order, GIN for lists and JSON, TRIGRAM for "contains".';
comment on column metadata.indexes.parts is 'What it goes by, in order: [{"fieldId", "part", "descending"}].';
comment on column metadata.indexes.condition is 'A formula: only records for which it is true are in the index.';
comment on column metadata.indexes.compiled is E'@behavior -*\nWhat the condition means, by the ids of fields.';
comment on column metadata.indexes.created_at is 'When it was made.';

comment on column metadata.aliases.object_id is 'The object that had the name, or whose field had it.';
comment on column metadata.aliases.field_id is 'The field that had the name.';
comment on column metadata.aliases.kind is 'SINGULAR or PLURAL for a name of the object, FIELD for one of a field.';
comment on column metadata.aliases.name is 'The former API name.';
comment on column metadata.aliases.created_at is 'When it was given up.';

comment on column metadata.model_versions.version is 'Number of the model that the change made.';
comment on column metadata.model_versions.actor_type is 'Who made it: member, api_key, psql (a database login) or system.';
comment on column metadata.model_versions.actor_id is 'The member or the API key.';
comment on column metadata.model_versions.actor_name is 'What they were called at the time.';
comment on column metadata.model_versions.source is 'By which way the change came: MANUAL, API, SYSTEM and so on.';
comment on column metadata.model_versions.statements is 'What was run in the database for it.';
comment on column metadata.model_versions.happened_at is 'When its transaction began.';

comment on column metadata.model_changes.version is 'The version that changed the row.';
comment on column metadata.model_changes.seq is 'Order within the version.';
comment on column metadata.model_changes.table_name is 'The table of metadata that was changed.';
comment on column metadata.model_changes.row_id is 'The row.';
comment on column metadata.model_changes.before is 'The row as it was; null for a new one.';
comment on column metadata.model_changes.after is 'The row as it is; null for one that was dropped.';

comment on column metadata.type_changes.field_id is 'The field.';
comment on column metadata.type_changes.from_type is 'Its type before.';
comment on column metadata.type_changes.from_settings is 'Its settings before.';
comment on column metadata.type_changes.from_options is 'Its options before.';
comment on column metadata.type_changes.from_default_value is 'Its default before.';
comment on column metadata.type_changes.from_revision is 'Which of its columns held the values before.';
comment on column metadata.type_changes.to_type is 'Its type since.';
comment on column metadata.type_changes.to_settings is 'What was asked for with it: settings of the field, and such as say how to read values.';
comment on column metadata.type_changes.to_options is 'Its options since.';
comment on column metadata.type_changes.to_default_value is 'Its default since.';
comment on column metadata.type_changes.to_revision is 'Which of its columns hold the values since.';
comment on column metadata.type_changes.failed_values is 'How many values did not fit the new type and were left empty.';
comment on column metadata.type_changes.status is 'RUNNING while a job converts, then DONE; UNDONE when it was undone.';
comment on column metadata.type_changes.changed_at is 'When it was made.';

comment on column metadata.online_changes.object_id is 'The object whose table is worked on.';
comment on column metadata.online_changes.key is 'What it makes: the identity of an index, constraint or column.';
comment on column metadata.online_changes.kind is 'INDEX builds, VALIDATE checks old records, NOT_NULL checks that none is empty, NUMBER gives old records an auto-number, BACKFILL fills a column, TYPE converts one.';
comment on column metadata.online_changes.statement is 'What is run.';
comment on column metadata.online_changes.status is 'QUEUED, RUNNING, DONE, or FAILED after the last attempt.';
comment on column metadata.online_changes.rows_done is 'Records done so far.';
comment on column metadata.online_changes.last_id is E'@behavior -*\nThe last record that was done, in order of their ids.';
comment on column metadata.online_changes.rows_total is 'Records to do, about; null when it cannot be counted.';
comment on column metadata.online_changes.attempts is 'How often it was tried.';
comment on column metadata.online_changes.error is 'Why the last attempt failed.';
comment on column metadata.online_changes.created_at is 'When it was asked for.';
comment on column metadata.online_changes.started_at is 'When the last attempt began.';
comment on column metadata.online_changes.finished_at is 'When it was done.';

comment on column metadata.ignored_drift.kind is 'What differs: table, column, constraint, index, trigger, policy, grant.';
comment on column metadata.ignored_drift.key is 'Identity of what differs.';
comment on column metadata.ignored_drift.basis is 'What it was like: when it changes again, it is shown again.';
comment on column metadata.ignored_drift.reason is 'Why it is left.';
comment on column metadata.ignored_drift.ignored_by_name is 'Who decided so.';
comment on column metadata.ignored_drift.ignored_at is 'When it was decided.';
