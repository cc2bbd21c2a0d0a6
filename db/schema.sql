-- Written by npm run db:dump from PostgreSQL 18, to be read and compared. Migrations make a database.

create schema core authorization relvar_owner;
comment on schema core is 'Users, sessions, workspaces, members and keys. Never exposed by an API.';

create schema engine authorization relvar_owner;
comment on schema engine is 'The functions that keep tenant schemas equal to metadata, and the outbox.';

create schema metadata authorization relvar_owner;
comment on schema metadata is 'The data model of every workspace as desired state. Exposed at /metadata, row-level security by workspace.';

create type core.identity as (
  workspace_id uuid,
  workspace_slug text,
  workspace_name text,
  schema_name text,
  pg_role text,
  role_name text,
  member_id uuid,
  user_id uuid,
  api_key_id uuid,
  email text,
  display_name text,
  model_version bigint,
  shape text
);

create type engine.actor as (
  type text,
  id uuid,
  name text
);

create type engine.column_spec as (
  object_id uuid,
  table_name text,
  field_id uuid,
  key text,
  name text,
  part text,
  relation_id uuid,
  pg_type text,
  not_null boolean,
  default_expr text,
  generated_expr text,
  generated_basis text,
  is_writable boolean,
  position double precision,
  ordinal integer,
  is_active boolean,
  description text
);

create type engine.difference as (
  kind text,
  key text,
  want engine.fact,
  have engine.fact,
  is_missing boolean,
  is_extra boolean,
  is_recreated boolean,
  old_table text,
  new_table text,
  row_estimate bigint
);

create type engine.fact as (
  kind text,
  key text,
  table_key text,
  table_name text,
  name text,
  definition text,
  comment text,
  pg_type text,
  not_null boolean,
  default_expr text,
  generated_expr text,
  oid oid
);

create type engine.step as (
  step integer,
  kind text,
  object_name text,
  statement text,
  lock_level text,
  rewrites boolean,
  row_estimate bigint,
  is_online boolean,
  note text
);

create sequence engine.event_batch;

create table core.api_keys (
  id uuid not null default engine.uuidv7(),
  workspace_id uuid not null,
  role_id uuid not null,
  name text not null,
  prefix text not null,
  token_hash bytea not null,
  expires_at timestamp with time zone,
  revoked_at timestamp with time zone,
  created_at timestamp with time zone not null default now()
);

alter table core.api_keys add constraint api_keys_pkey PRIMARY KEY (id);

alter table core.api_keys add constraint api_keys_token_hash_key UNIQUE (token_hash);

alter table core.api_keys add constraint api_keys_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES core.workspaces(id) ON DELETE CASCADE;

alter table core.api_keys add constraint api_keys_workspace_id_role_id_fkey FOREIGN KEY (workspace_id, role_id) REFERENCES metadata.roles(workspace_id, id) ON DELETE CASCADE;

CREATE INDEX api_keys_workspace_id_role_id_idx ON core.api_keys USING btree (workspace_id, role_id);

create table core.members (
  id uuid not null default engine.uuidv7(),
  workspace_id uuid not null,
  user_id uuid not null,
  role_id uuid not null,
  name text not null default ''::text,
  login_role text,
  is_active boolean not null default true,
  created_at timestamp with time zone not null default now()
);

comment on column core.members.id is 'Also the id of the member''s record in the tenant''s workspace_members.';
comment on column core.members.login_role is 'The member''s own database login, for psql and BI tools; null when there is none.';

alter table core.members add constraint members_pkey PRIMARY KEY (id);

alter table core.members add constraint members_user_id_fkey FOREIGN KEY (user_id) REFERENCES core.users(id) ON DELETE CASCADE;

alter table core.members add constraint members_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES core.workspaces(id) ON DELETE CASCADE;

alter table core.members add constraint members_workspace_id_login_role_key UNIQUE (workspace_id, login_role);

alter table core.members add constraint members_workspace_id_role_id_fkey FOREIGN KEY (workspace_id, role_id) REFERENCES metadata.roles(workspace_id, id);

alter table core.members add constraint members_workspace_id_user_id_key UNIQUE (workspace_id, user_id);

CREATE INDEX members_user_id_idx ON core.members USING btree (user_id);

CREATE INDEX members_workspace_id_role_id_idx ON core.members USING btree (workspace_id, role_id);

create table core.sessions (
  id uuid not null default engine.uuidv7(),
  token_hash bytea not null,
  user_id uuid not null,
  workspace_id uuid not null,
  created_at timestamp with time zone not null default now(),
  expires_at timestamp with time zone not null
);

alter table core.sessions add constraint sessions_pkey PRIMARY KEY (id);

alter table core.sessions add constraint sessions_token_hash_key UNIQUE (token_hash);

alter table core.sessions add constraint sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES core.users(id) ON DELETE CASCADE;

alter table core.sessions add constraint sessions_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES core.workspaces(id) ON DELETE CASCADE;

CREATE INDEX sessions_user_id_idx ON core.sessions USING btree (user_id);

CREATE INDEX sessions_workspace_id_idx ON core.sessions USING btree (workspace_id);

create table core.users (
  id uuid not null default engine.uuidv7(),
  email text not null,
  name text not null default ''::text,
  password_hash text,
  created_at timestamp with time zone not null default now()
);

alter table core.users add constraint users_email_check CHECK ((email ~ '^[^@\s]+@[^@\s]+$'::text));

alter table core.users add constraint users_pkey PRIMARY KEY (id);

CREATE UNIQUE INDEX users_email_key ON core.users USING btree (lower(email));

create table core.workspaces (
  id uuid not null default engine.uuidv7(),
  slug text not null,
  name text not null,
  schema_name text not null,
  model_version bigint not null default 0,
  shape text,
  created_at timestamp with time zone not null default now()
);

alter table core.workspaces add constraint workspaces_name_check CHECK ((name <> ''::text));

alter table core.workspaces add constraint workspaces_pkey PRIMARY KEY (id);

alter table core.workspaces add constraint workspaces_schema_name_check CHECK ((schema_name ~ '^ws_[a-z0-9]+$'::text));

alter table core.workspaces add constraint workspaces_schema_name_key UNIQUE (schema_name);

alter table core.workspaces add constraint workspaces_slug_check CHECK ((slug ~ '^[a-z][a-z0-9-]{1,38}[a-z0-9]$'::text));

alter table core.workspaces add constraint workspaces_slug_key UNIQUE (slug);

create table engine.field_type_columns (
  type text not null,
  part text not null,
  suffix text not null,
  pg_type text not null,
  "position" integer not null
);

alter table engine.field_type_columns add constraint field_type_columns_pkey PRIMARY KEY (type, part);

alter table engine.field_type_columns add constraint field_type_columns_type_fkey FOREIGN KEY (type) REFERENCES engine.field_types(type);

create table engine.field_types (
  type text not null,
  label text not null
);

alter table engine.field_types add constraint field_types_pkey PRIMARY KEY (type);

create table engine.heartbeats (
  name text not null,
  seen_at timestamp with time zone not null default now()
);

alter table engine.heartbeats add constraint heartbeats_pkey PRIMARY KEY (name);

create table engine.outbox (
  batch bigint not null,
  workspace_id uuid not null,
  object_id uuid not null,
  action text not null,
  created_at timestamp with time zone not null default now()
);
comment on table engine.outbox is 'One row per statement that changed records, taken in batches by the relay. No foreign keys: the write path stays short.';

alter table engine.outbox add constraint outbox_pkey PRIMARY KEY (batch);

create table engine.pending (
  workspace_id uuid not null
);
comment on table engine.pending is 'Workspaces whose metadata this transaction has changed. Its deferred trigger reconciles each once, at commit.';

alter table engine.pending add constraint pending_pkey PRIMARY KEY (workspace_id);

alter table engine.pending add constraint pending_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES core.workspaces(id) ON DELETE CASCADE;

CREATE CONSTRAINT TRIGGER apply AFTER INSERT ON engine.pending DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION engine.tg_pending__apply();

create table engine.settings (
  only_row boolean not null default true,
  ddl_enabled boolean not null default true
);
comment on table engine.settings is 'Instance-wide switches. ddl_enabled = false refuses every change of a data model, for hot upgrades.';

alter table engine.settings add constraint settings_only_row_check CHECK (only_row);

alter table engine.settings add constraint settings_pkey PRIMARY KEY (only_row);

create table engine.standard_manifest (
  only_row boolean not null default true,
  manifest jsonb not null
);

alter table engine.standard_manifest add constraint standard_manifest_only_row_check CHECK (only_row);

alter table engine.standard_manifest add constraint standard_manifest_pkey PRIMARY KEY (only_row);

create table metadata.applications (
  id uuid not null default engine.uuidv7(),
  workspace_id uuid not null default engine.current_workspace(),
  name text not null,
  version text not null,
  manifest jsonb not null,
  installed_at timestamp with time zone not null default now()
);
alter table metadata.applications enable row level security;
comment on table metadata.applications is 'Bundles of objects and fields installed in the workspace. The standard objects are the first.';

comment on column metadata.applications.id is 'Identifies it for good, through every rename.';
comment on column metadata.applications.workspace_id is 'The workspace that this belongs to; follows from the role of whoever writes.';
comment on column metadata.applications.name is 'Names the bundle; one of each name in a workspace.';
comment on column metadata.applications.version is 'The version that is installed.';
comment on column metadata.applications.manifest is 'The manifest as it was installed, which the next upgrade is compared with.';
comment on column metadata.applications.installed_at is 'When it was first installed.';

alter table metadata.applications add constraint applications_pkey PRIMARY KEY (id);

alter table metadata.applications add constraint applications_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES core.workspaces(id) ON DELETE CASCADE;

alter table metadata.applications add constraint applications_workspace_id_id_key UNIQUE (workspace_id, id);

alter table metadata.applications add constraint applications_workspace_id_name_key UNIQUE (workspace_id, name);

create policy select_own on metadata.applications for select to relvar_crm using ((workspace_id = ( SELECT engine.current_workspace() AS current_workspace)));

create table metadata.fields (
  id uuid not null default engine.uuidv7(),
  workspace_id uuid not null default engine.current_workspace(),
  object_id uuid not null,
  application_id uuid,
  universal_identifier text,
  name text not null,
  label text not null,
  description text not null default ''::text,
  icon text,
  type text not null,
  settings jsonb not null default '{}'::jsonb,
  options jsonb not null default '[]'::jsonb,
  default_value jsonb,
  is_required boolean not null default false,
  is_unique boolean not null default false,
  is_active boolean not null default true,
  is_system boolean not null default false,
  "position" double precision not null default 0,
  created_at timestamp with time zone not null default now()
);
alter table metadata.fields enable row level security;
comment on table metadata.fields is '@behavior -insert -delete
The fields of an object. A field is one or more columns of the object''s table.';

comment on column metadata.fields.id is 'Identifies it for good, through every rename.';
comment on column metadata.fields.workspace_id is 'The workspace that this belongs to; follows from the role of whoever writes.';
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

alter table metadata.fields add constraint fields_label_check CHECK ((label <> ''::text));

alter table metadata.fields add constraint fields_name_check CHECK (engine.is_api_name(name));

alter table metadata.fields add constraint fields_object_id_name_key UNIQUE (object_id, name);

alter table metadata.fields add constraint fields_options_check CHECK ((jsonb_typeof(options) = 'array'::text));

alter table metadata.fields add constraint fields_pkey PRIMARY KEY (id);

alter table metadata.fields add constraint fields_settings_check CHECK ((jsonb_typeof(settings) = 'object'::text));

alter table metadata.fields add constraint fields_type_known FOREIGN KEY (type) REFERENCES engine.field_types(type);

alter table metadata.fields add constraint fields_workspace_id_application_id_fkey FOREIGN KEY (workspace_id, application_id) REFERENCES metadata.applications(workspace_id, id);

alter table metadata.fields add constraint fields_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES core.workspaces(id) ON DELETE CASCADE;

alter table metadata.fields add constraint fields_workspace_id_id_key UNIQUE (workspace_id, id);

alter table metadata.fields add constraint fields_workspace_id_object_id_fkey FOREIGN KEY (workspace_id, object_id) REFERENCES metadata.objects(workspace_id, id) ON DELETE CASCADE;

alter table metadata.fields add constraint fields_workspace_id_universal_identifier_key UNIQUE (workspace_id, universal_identifier);

CREATE INDEX fields_type_idx ON metadata.fields USING btree (type);

CREATE INDEX fields_workspace_id_application_id_idx ON metadata.fields USING btree (workspace_id, application_id);

CREATE INDEX fields_workspace_id_object_id_idx ON metadata.fields USING btree (workspace_id, object_id);

create policy delete_own on metadata.fields for delete to relvar_crm using (((workspace_id = ( SELECT engine.current_workspace() AS current_workspace)) AND ( SELECT engine.may_manage_model() AS may_manage_model)));

create policy insert_own on metadata.fields for insert to relvar_crm with check (((workspace_id = ( SELECT engine.current_workspace() AS current_workspace)) AND ( SELECT engine.may_manage_model() AS may_manage_model)));

create policy select_own on metadata.fields for select to relvar_crm using ((workspace_id = ( SELECT engine.current_workspace() AS current_workspace)));

create policy update_own on metadata.fields for update to relvar_crm using (((workspace_id = ( SELECT engine.current_workspace() AS current_workspace)) AND ( SELECT engine.may_manage_model() AS may_manage_model))) with check ((workspace_id = ( SELECT engine.current_workspace() AS current_workspace)));

CREATE TRIGGER _100_validate BEFORE INSERT OR UPDATE ON metadata.fields FOR EACH ROW EXECUTE FUNCTION engine.tg_fields__validate();

CREATE TRIGGER _900_changed_delete AFTER DELETE ON metadata.fields REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION engine.tg_metadata__changed();

CREATE TRIGGER _900_changed_insert AFTER INSERT ON metadata.fields REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION engine.tg_metadata__changed();

CREATE TRIGGER _900_changed_update AFTER UPDATE ON metadata.fields REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION engine.tg_metadata__changed();

create table metadata.object_permissions (
  workspace_id uuid not null default engine.current_workspace(),
  role_id uuid not null,
  object_id uuid not null,
  can_read boolean not null,
  can_create boolean not null,
  can_update boolean not null,
  can_delete boolean not null
);
alter table metadata.object_permissions enable row level security;
comment on table metadata.object_permissions is '@behavior -insert -update -delete
Where a role differs from its own defaults for one object.';

comment on column metadata.object_permissions.workspace_id is 'The workspace that this belongs to; follows from the role of whoever writes.';
comment on column metadata.object_permissions.role_id is 'The role.';
comment on column metadata.object_permissions.object_id is 'The object that the role has other rights on.';
comment on column metadata.object_permissions.can_read is 'Whether the role reads its records.';
comment on column metadata.object_permissions.can_create is 'Whether it creates them.';
comment on column metadata.object_permissions.can_update is 'Whether it changes them.';
comment on column metadata.object_permissions.can_delete is 'Whether it deletes, restores and destroys them.';

alter table metadata.object_permissions add constraint object_permissions_pkey PRIMARY KEY (role_id, object_id);

alter table metadata.object_permissions add constraint object_permissions_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES core.workspaces(id) ON DELETE CASCADE;

alter table metadata.object_permissions add constraint object_permissions_workspace_id_object_id_fkey FOREIGN KEY (workspace_id, object_id) REFERENCES metadata.objects(workspace_id, id) ON DELETE CASCADE;

alter table metadata.object_permissions add constraint object_permissions_workspace_id_role_id_fkey FOREIGN KEY (workspace_id, role_id) REFERENCES metadata.roles(workspace_id, id) ON DELETE CASCADE;

CREATE INDEX object_permissions_workspace_id_object_id_idx ON metadata.object_permissions USING btree (workspace_id, object_id);

CREATE INDEX object_permissions_workspace_id_role_id_idx ON metadata.object_permissions USING btree (workspace_id, role_id);

create policy select_own on metadata.object_permissions for select to relvar_crm using ((workspace_id = ( SELECT engine.current_workspace() AS current_workspace)));

CREATE TRIGGER _900_changed_delete AFTER DELETE ON metadata.object_permissions REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION engine.tg_metadata__changed();

CREATE TRIGGER _900_changed_insert AFTER INSERT ON metadata.object_permissions REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION engine.tg_metadata__changed();

CREATE TRIGGER _900_changed_update AFTER UPDATE ON metadata.object_permissions REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION engine.tg_metadata__changed();

create table metadata.objects (
  id uuid not null default engine.uuidv7(),
  workspace_id uuid not null default engine.current_workspace(),
  application_id uuid,
  universal_identifier text,
  name_singular text not null,
  name_plural text not null,
  table_name text not null generated always as (engine.snake_case(name_plural)) stored,
  label_singular text not null,
  label_plural text not null,
  description text not null default ''::text,
  icon text not null default 'IconBox'::text,
  color text,
  label_field_id uuid,
  is_active boolean not null default true,
  is_system boolean not null default false,
  is_searchable boolean not null default true,
  is_audited boolean not null default true,
  "position" double precision not null default 0,
  created_at timestamp with time zone not null default now()
);
alter table metadata.objects enable row level security;
comment on table metadata.objects is '@behavior -insert -delete
The kinds of record of a workspace. Each active or inactive object is a table in the workspace''s schema.';

comment on column metadata.objects.id is 'Identifies it for good, through every rename.';
comment on column metadata.objects.workspace_id is 'The workspace that this belongs to; follows from the role of whoever writes.';
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

alter table metadata.objects add constraint objects_label_plural_check CHECK ((label_plural <> ''::text));

alter table metadata.objects add constraint objects_label_singular_check CHECK ((label_singular <> ''::text));

alter table metadata.objects add constraint objects_name_plural_check CHECK (engine.is_api_name(name_plural));

alter table metadata.objects add constraint objects_name_singular_check CHECK (engine.is_api_name(name_singular));

alter table metadata.objects add constraint objects_names_differ CHECK ((name_singular <> name_plural));

alter table metadata.objects add constraint objects_pkey PRIMARY KEY (id);

alter table metadata.objects add constraint objects_workspace_id_application_id_fkey FOREIGN KEY (workspace_id, application_id) REFERENCES metadata.applications(workspace_id, id);

alter table metadata.objects add constraint objects_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES core.workspaces(id) ON DELETE CASCADE;

alter table metadata.objects add constraint objects_workspace_id_id_key UNIQUE (workspace_id, id);

alter table metadata.objects add constraint objects_workspace_id_label_field_id_fkey FOREIGN KEY (workspace_id, label_field_id) REFERENCES metadata.fields(workspace_id, id) ON DELETE SET NULL (label_field_id) DEFERRABLE INITIALLY DEFERRED;

alter table metadata.objects add constraint objects_workspace_id_name_plural_key UNIQUE (workspace_id, name_plural);

alter table metadata.objects add constraint objects_workspace_id_name_singular_key UNIQUE (workspace_id, name_singular);

alter table metadata.objects add constraint objects_workspace_id_table_name_key UNIQUE (workspace_id, table_name);

alter table metadata.objects add constraint objects_workspace_id_universal_identifier_key UNIQUE (workspace_id, universal_identifier);

CREATE INDEX objects_workspace_id_application_id_idx ON metadata.objects USING btree (workspace_id, application_id);

CREATE INDEX objects_workspace_id_label_field_id_idx ON metadata.objects USING btree (workspace_id, label_field_id);

create policy delete_own on metadata.objects for delete to relvar_crm using (((workspace_id = ( SELECT engine.current_workspace() AS current_workspace)) AND ( SELECT engine.may_manage_model() AS may_manage_model)));

create policy insert_own on metadata.objects for insert to relvar_crm with check (((workspace_id = ( SELECT engine.current_workspace() AS current_workspace)) AND ( SELECT engine.may_manage_model() AS may_manage_model)));

create policy select_own on metadata.objects for select to relvar_crm using ((workspace_id = ( SELECT engine.current_workspace() AS current_workspace)));

create policy update_own on metadata.objects for update to relvar_crm using (((workspace_id = ( SELECT engine.current_workspace() AS current_workspace)) AND ( SELECT engine.may_manage_model() AS may_manage_model))) with check ((workspace_id = ( SELECT engine.current_workspace() AS current_workspace)));

CREATE TRIGGER _100_validate BEFORE INSERT OR UPDATE ON metadata.objects FOR EACH ROW EXECUTE FUNCTION engine.tg_objects__validate();

CREATE TRIGGER _200_add_system_fields AFTER INSERT ON metadata.objects FOR EACH ROW EXECUTE FUNCTION engine.tg_objects__add_system_fields();

CREATE TRIGGER _200_switch_search AFTER UPDATE OF is_searchable ON metadata.objects FOR EACH ROW WHEN ((new.is_searchable <> old.is_searchable)) EXECUTE FUNCTION engine.tg_objects__switch_search();

CREATE TRIGGER _900_changed_delete AFTER DELETE ON metadata.objects REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION engine.tg_metadata__changed();

CREATE TRIGGER _900_changed_insert AFTER INSERT ON metadata.objects REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION engine.tg_metadata__changed();

CREATE TRIGGER _900_changed_update AFTER UPDATE ON metadata.objects REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION engine.tg_metadata__changed();

create table metadata.relations (
  id uuid not null default engine.uuidv7(),
  workspace_id uuid not null default engine.current_workspace(),
  field_id uuid not null,
  target_object_id uuid not null,
  inverse_name text not null,
  inverse_label text not null,
  on_delete text not null default 'SET_NULL'::text
);
alter table metadata.relations enable row level security;
comment on table metadata.relations is '@behavior -insert -delete
One row per foreign key: a RELATION field has one, a MORPH_RELATION field one for each object it may point to.';

comment on column metadata.relations.id is 'Identifies it for good, through every rename.';
comment on column metadata.relations.workspace_id is 'The workspace that this belongs to; follows from the role of whoever writes.';
comment on column metadata.relations.field_id is 'The field of type RELATION or MORPH_RELATION.';
comment on column metadata.relations.target_object_id is 'The object that it points to.';
comment on column metadata.relations.inverse_name is 'API name, on the target, of the records that point to it.';
comment on column metadata.relations.inverse_label is 'What people read there. Any text.';
comment on column metadata.relations.on_delete is 'When the target is deleted: SET_NULL cuts the link, CASCADE deletes these records too, RESTRICT refuses.';

alter table metadata.relations add constraint relations_field_id_target_object_id_key UNIQUE (field_id, target_object_id);

alter table metadata.relations add constraint relations_inverse_label_check CHECK ((inverse_label <> ''::text));

alter table metadata.relations add constraint relations_inverse_name_check CHECK (engine.is_api_name(inverse_name));

alter table metadata.relations add constraint relations_on_delete_check CHECK ((on_delete = ANY (ARRAY['SET_NULL'::text, 'CASCADE'::text, 'RESTRICT'::text])));

alter table metadata.relations add constraint relations_pkey PRIMARY KEY (id);

alter table metadata.relations add constraint relations_target_object_id_inverse_name_key UNIQUE (target_object_id, inverse_name);

alter table metadata.relations add constraint relations_workspace_id_field_id_fkey FOREIGN KEY (workspace_id, field_id) REFERENCES metadata.fields(workspace_id, id) ON DELETE CASCADE;

alter table metadata.relations add constraint relations_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES core.workspaces(id) ON DELETE CASCADE;

alter table metadata.relations add constraint relations_workspace_id_id_key UNIQUE (workspace_id, id);

alter table metadata.relations add constraint relations_workspace_id_target_object_id_fkey FOREIGN KEY (workspace_id, target_object_id) REFERENCES metadata.objects(workspace_id, id) ON DELETE CASCADE;

CREATE INDEX relations_workspace_id_field_id_idx ON metadata.relations USING btree (workspace_id, field_id);

CREATE INDEX relations_workspace_id_target_object_id_idx ON metadata.relations USING btree (workspace_id, target_object_id);

create policy delete_own on metadata.relations for delete to relvar_crm using (((workspace_id = ( SELECT engine.current_workspace() AS current_workspace)) AND ( SELECT engine.may_manage_model() AS may_manage_model)));

create policy insert_own on metadata.relations for insert to relvar_crm with check (((workspace_id = ( SELECT engine.current_workspace() AS current_workspace)) AND ( SELECT engine.may_manage_model() AS may_manage_model)));

create policy select_own on metadata.relations for select to relvar_crm using ((workspace_id = ( SELECT engine.current_workspace() AS current_workspace)));

create policy update_own on metadata.relations for update to relvar_crm using (((workspace_id = ( SELECT engine.current_workspace() AS current_workspace)) AND ( SELECT engine.may_manage_model() AS may_manage_model))) with check ((workspace_id = ( SELECT engine.current_workspace() AS current_workspace)));

CREATE TRIGGER _100_validate BEFORE INSERT OR UPDATE ON metadata.relations FOR EACH ROW EXECUTE FUNCTION engine.tg_relations__validate();

CREATE TRIGGER _200_drop_empty_fields AFTER DELETE ON metadata.relations REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION engine.tg_relations__drop_empty_fields();

CREATE TRIGGER _900_changed_delete AFTER DELETE ON metadata.relations REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION engine.tg_metadata__changed();

CREATE TRIGGER _900_changed_insert AFTER INSERT ON metadata.relations REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION engine.tg_metadata__changed();

CREATE TRIGGER _900_changed_update AFTER UPDATE ON metadata.relations REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION engine.tg_metadata__changed();

create table metadata.roles (
  id uuid not null default engine.uuidv7(),
  workspace_id uuid not null default engine.current_workspace(),
  name text not null,
  description text not null default ''::text,
  pg_role text not null,
  is_system boolean not null default false,
  can_manage_model boolean not null default false,
  can_read_all boolean not null default true,
  can_create_all boolean not null default true,
  can_update_all boolean not null default true,
  can_delete_all boolean not null default true
);
alter table metadata.roles enable row level security;
comment on table metadata.roles is '@behavior -insert -update -delete
The CRM roles of a workspace. Each is a role of PostgreSQL: what it may do is what that role is granted.';

comment on column metadata.roles.id is 'Identifies it for good, through every rename.';
comment on column metadata.roles.workspace_id is 'The workspace that this belongs to; follows from the role of whoever writes.';
comment on column metadata.roles.name is 'What people call the role.';
comment on column metadata.roles.description is 'What the role is for.';
comment on column metadata.roles.pg_role is 'The role of PostgreSQL that holds its rights: set role to it in psql to see what its members see.';
comment on column metadata.roles.is_system is 'Whether every workspace has it.';
comment on column metadata.roles.can_manage_model is 'Whether it may change objects, fields, relations and webhooks.';
comment on column metadata.roles.can_read_all is 'Whether it reads the records of every object that object_permissions does not say else of.';
comment on column metadata.roles.can_create_all is 'The same for creating records.';
comment on column metadata.roles.can_update_all is 'The same for changing records.';
comment on column metadata.roles.can_delete_all is 'The same for deleting records, restoring and destroying them.';

alter table metadata.roles add constraint roles_name_check CHECK ((name <> ''::text));

alter table metadata.roles add constraint roles_pg_role_key UNIQUE (pg_role);

alter table metadata.roles add constraint roles_pkey PRIMARY KEY (id);

alter table metadata.roles add constraint roles_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES core.workspaces(id) ON DELETE CASCADE;

alter table metadata.roles add constraint roles_workspace_id_id_key UNIQUE (workspace_id, id);

alter table metadata.roles add constraint roles_workspace_id_name_key UNIQUE (workspace_id, name);

create policy select_own on metadata.roles for select to relvar_crm using ((workspace_id = ( SELECT engine.current_workspace() AS current_workspace)));

CREATE TRIGGER _900_changed_delete AFTER DELETE ON metadata.roles REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION engine.tg_metadata__changed();

CREATE TRIGGER _900_changed_insert AFTER INSERT ON metadata.roles REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION engine.tg_metadata__changed();

CREATE TRIGGER _900_changed_update AFTER UPDATE ON metadata.roles REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION engine.tg_metadata__changed();

create table metadata.webhooks (
  id uuid not null default engine.uuidv7(),
  workspace_id uuid not null default engine.current_workspace(),
  name text not null default ''::text,
  target_url text not null,
  events text[] not null default '{*.*}'::text[],
  is_active boolean not null default true,
  created_at timestamp with time zone not null default now()
);
alter table metadata.webhooks enable row level security;
comment on table metadata.webhooks is 'URLs that are called when records change.';

comment on column metadata.webhooks.id is 'Identifies it for good, through every rename.';
comment on column metadata.webhooks.workspace_id is 'The workspace that this belongs to; follows from the role of whoever writes.';
comment on column metadata.webhooks.name is 'What people call it.';
comment on column metadata.webhooks.target_url is 'The address that is called with a POST, http or https.';
comment on column metadata.webhooks.events is 'Patterns object.action, for example person.created, company.* or *.*.';
comment on column metadata.webhooks.is_active is 'Whether it is called at present.';
comment on column metadata.webhooks.created_at is 'When it was added.';

alter table metadata.webhooks add constraint webhooks_events_check CHECK ((events <> '{}'::text[]));

alter table metadata.webhooks add constraint webhooks_pkey PRIMARY KEY (id);

alter table metadata.webhooks add constraint webhooks_target_url_check CHECK ((target_url ~ '^https?://[^\s]+$'::text));

alter table metadata.webhooks add constraint webhooks_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES core.workspaces(id) ON DELETE CASCADE;

CREATE INDEX webhooks_workspace_id_idx ON metadata.webhooks USING btree (workspace_id);

create policy delete_own on metadata.webhooks for delete to relvar_crm using (((workspace_id = ( SELECT engine.current_workspace() AS current_workspace)) AND ( SELECT engine.may_manage_model() AS may_manage_model)));

create policy insert_own on metadata.webhooks for insert to relvar_crm with check (((workspace_id = ( SELECT engine.current_workspace() AS current_workspace)) AND ( SELECT engine.may_manage_model() AS may_manage_model)));

create policy select_own on metadata.webhooks for select to relvar_crm using ((workspace_id = ( SELECT engine.current_workspace() AS current_workspace)));

create policy update_own on metadata.webhooks for update to relvar_crm using (((workspace_id = ( SELECT engine.current_workspace() AS current_workspace)) AND ( SELECT engine.may_manage_model() AS may_manage_model))) with check ((workspace_id = ( SELECT engine.current_workspace() AS current_workspace)));

CREATE OR REPLACE FUNCTION core.add_member(workspace_slug text, email text, name text, role_name text, password_hash text DEFAULT NULL::text)
 RETURNS uuid
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO ''
AS $function$
#variable_conflict use_column
declare
  v_workspace core.workspaces;
  v_user uuid;
  v_role uuid;
  v_member uuid;
begin
  select * into v_workspace from core.workspaces w where w.slug = add_member.workspace_slug;
  if not found then
    raise exception 'There is no workspace "%".', workspace_slug using errcode = 'RV012', hint = 'relvar workspace list shows them.';
  end if;
  if add_member.email !~ '^[^@\s]+@[^@\s]+$' then
    raise exception '"%" is not an e-mail address.', add_member.email using errcode = 'RV043', column = 'email';
  end if;
  select r.id into v_role from metadata.roles r where r.workspace_id = v_workspace.id and r.name = add_member.role_name;
  if not found then
    raise exception 'The workspace has no role "%".', role_name using errcode = 'RV044', column = 'role',
      hint = 'It has ' || (select string_agg(r.name, ', ' order by r.name) from metadata.roles r where r.workspace_id = v_workspace.id) || '.';
  end if;
  insert into core.users as u (email, name, password_hash) values (lower(add_member.email), add_member.name, add_member.password_hash)
  on conflict (lower(email)) do update set password_hash = coalesce(u.password_hash, excluded.password_hash)
  returning u.id into v_user;
  if exists (select from core.members m where m.workspace_id = v_workspace.id and m.user_id = v_user) then
    raise exception '% is a member already.', add_member.email using errcode = 'RV045', column = 'email';
  end if;
  insert into core.members (workspace_id, user_id, role_id, name) values (v_workspace.id, v_user, v_role, add_member.name) returning id into v_member;
  execute format('insert into %I.workspace_members (id, name_first_name, name_last_name, user_email) values ($1, $2, $3, $4)', v_workspace.schema_name)
    using v_member, split_part(add_member.name, ' ', 1), nullif(btrim(substr(add_member.name, length(split_part(add_member.name, ' ', 1)) + 1)), ''), lower(add_member.email);
  return v_member;
end
$function$;
comment on function core.add_member(text,text,text,text,text) is 'Adds a user, made if need be, to a workspace with a role. Returns the member''s id, which is also the id of the record in workspace_members.';

CREATE OR REPLACE FUNCTION core.applied_migrations()
 RETURNS SETOF text
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO ''
AS $function$ select m.filename from graphile_migrate.migrations m $function$;

CREATE OR REPLACE FUNCTION core.create_api_key(workspace_slug text, role_name text, name text, prefix text, token_hash bytea, expires_at timestamp with time zone DEFAULT NULL::timestamp with time zone)
 RETURNS uuid
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO ''
AS $function$
declare
  v_id uuid;
begin
  if not exists (select from core.workspaces w where w.slug = workspace_slug) then
    raise exception 'There is no workspace "%".', workspace_slug using errcode = 'RV012', hint = 'relvar workspace list shows them.';
  end if;
  insert into core.api_keys (workspace_id, role_id, name, prefix, token_hash, expires_at)
  select w.id, r.id, create_api_key.name, create_api_key.prefix, create_api_key.token_hash, create_api_key.expires_at
  from core.workspaces w join metadata.roles r on r.workspace_id = w.id and r.name = role_name
  where w.slug = workspace_slug
  returning id into v_id;
  if v_id is null then
    raise exception 'The workspace has no role "%".', role_name using errcode = 'RV044', column = 'role', hint = 'The standard roles are Admin and Member.';
  end if;
  return v_id;
end
$function$;
comment on function core.create_api_key(text,text,text,text,bytea,timestamp with time zone) is 'Registers an API key for a role. Only its SHA-256 is stored.';

CREATE OR REPLACE FUNCTION core.create_session(user_id uuid, workspace_id uuid, token_hash bytea, expires_at timestamp with time zone)
 RETURNS uuid
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO ''
AS $function$
  -- No membership, no session.
  insert into core.sessions (user_id, workspace_id, token_hash, expires_at)
  select m.user_id, m.workspace_id, create_session.token_hash, create_session.expires_at
  from core.members m
  where m.user_id = create_session.user_id and m.workspace_id = create_session.workspace_id and m.is_active
  returning id
$function$;

CREATE OR REPLACE FUNCTION core.end_session(token_hash bytea)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO ''
AS $function$ delete from core.sessions s where s.token_hash = end_session.token_hash $function$;

CREATE OR REPLACE FUNCTION core.find_login(email text)
 RETURNS TABLE(user_id uuid, password_hash text, workspaces jsonb)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO ''
AS $function$
  select u.id, u.password_hash, (
    select coalesce(jsonb_agg(jsonb_build_object('id', w.id, 'slug', w.slug, 'name', w.name) order by m.created_at, w.id), '[]')
    from core.members m join core.workspaces w on w.id = m.workspace_id
    where m.user_id = u.id and m.is_active)
  from core.users u where lower(u.email) = lower(btrim(find_login.email))
$function$;

CREATE OR REPLACE FUNCTION core.gateway_workspace(workspace_id uuid)
 RETURNS TABLE(schema_name text, shape text, model_version bigint)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO ''
AS $function$ select w.schema_name, w.shape, w.model_version from core.workspaces w where w.id = gateway_workspace.workspace_id $function$;

CREATE OR REPLACE FUNCTION core.list_versions()
 RETURNS TABLE(workspace_id uuid, model_version bigint, shape text)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO ''
AS $function$ select w.id, w.model_version, w.shape from core.workspaces w $function$;

CREATE OR REPLACE FUNCTION core.resolve_api_key(token_hash bytea)
 RETURNS SETOF core.identity
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO ''
AS $function$
  select w.id, w.slug, w.name, w.schema_name, r.pg_role, r.name, null::uuid, null::uuid, k.id, null::text, k.name, w.model_version, w.shape
  from core.api_keys k
  join metadata.roles r on r.id = k.role_id
  join core.workspaces w on w.id = k.workspace_id
  where k.token_hash = resolve_api_key.token_hash and k.revoked_at is null and (k.expires_at is null or k.expires_at > now())
$function$;

CREATE OR REPLACE FUNCTION core.resolve_session(token_hash bytea)
 RETURNS SETOF core.identity
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO ''
AS $function$
  select w.id, w.slug, w.name, w.schema_name, r.pg_role, r.name, m.id, u.id, null::uuid, u.email, m.name, w.model_version, w.shape
  from core.sessions s
  join core.users u on u.id = s.user_id
  join core.members m on m.user_id = s.user_id and m.workspace_id = s.workspace_id and m.is_active
  join metadata.roles r on r.id = m.role_id
  join core.workspaces w on w.id = s.workspace_id
  where s.token_hash = resolve_session.token_hash and s.expires_at > now()
$function$;

CREATE OR REPLACE FUNCTION engine.actor_basis()
 RETURNS text
 LANGUAGE sql
 STABLE
RETURN concat_ws('|'::text, SESSION_USER, current_setting('role'::text), current_setting('relvar.member_id'::text, true), current_setting('relvar.api_key_id'::text, true));

CREATE OR REPLACE FUNCTION engine.actor_is_known()
 RETURNS boolean
 LANGUAGE sql
 STABLE
RETURN (engine.is_trusted_session() AND (current_setting('relvar.actor_basis'::text, true) = engine.actor_basis()));

CREATE OR REPLACE FUNCTION engine.actor_name()
 RETURNS text
 LANGUAGE sql
 STABLE
RETURN CASE WHEN engine.actor_is_known() THEN current_setting('relvar.actor_name'::text) ELSE (engine.find_actor()).name END;

CREATE OR REPLACE FUNCTION engine.actual(schema_name text)
 RETURNS SETOF engine.fact
 LANGUAGE plpgsql
 STABLE
 SET search_path TO ''
AS $function$
declare
  v_schema oid := to_regnamespace(quote_ident(schema_name))::oid;
  v_tables oid[];
begin
  if v_schema is null then
    return;
  end if;
  v_tables := array(
    select d.objid from pg_catalog.pg_depend d
    join pg_catalog.pg_class c on c.oid = d.objid
    where d.refclassid = 'pg_catalog.pg_namespace'::regclass and d.refobjid = v_schema
      and d.classid = 'pg_catalog.pg_class'::regclass and c.relkind in ('r', 'p'));

  return query
  with t as materialized (
    select c.oid, c.relname::text as name, c.relowner, c.relacl, c.relrowsecurity, c.relforcerowsecurity, d.description as comment,
      engine.identity_of(d.description) as key
    from unnest(v_tables) as u (oid)
    join pg_catalog.pg_class c on c.oid = u.oid
    left join pg_catalog.pg_description d on d.objoid = c.oid and d.classoid = 'pg_catalog.pg_class'::regclass and d.objsubid = 0
  )
  select case when t.key in ('record_events', 'trash') then 'internal' else 'table' end,
    coalesce(t.key, 'unmanaged:' || t.name), t.key, t.name, t.name, null::text, t.comment, null::text, null::boolean, null::text, null::text, t.oid
  from t
  union all
  select 'column', coalesce(engine.identity_of(d.description), t.key || ' unmanaged:' || a.attname), t.key, t.name, a.attname::text, null, d.description,
    pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull,
    case when a.attgenerated = '' then pg_catalog.pg_get_expr(ad.adbin, ad.adrelid) end,
    case when a.attgenerated <> '' then pg_catalog.pg_get_expr(ad.adbin, ad.adrelid) end, null
  from t
  join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
  left join pg_catalog.pg_attrdef ad on ad.adrelid = a.attrelid and ad.adnum = a.attnum
  left join pg_catalog.pg_description d on d.objoid = t.oid and d.classoid = 'pg_catalog.pg_class'::regclass and d.objsubid = a.attnum
  where t.key not in ('record_events', 'trash')
  union all
  -- PostgreSQL 18 lists NOT NULL as constraints too; they are a property of the column here.
  select 'constraint', t.key || ' ' || coalesce(engine.identity_of(d.description), 'unmanaged:' || c.conname), t.key, t.name, c.conname::text,
    null, d.description, null, null, null, null, c.oid
  from t
  join pg_catalog.pg_constraint c on c.conrelid = t.oid and c.contype in ('p', 'u', 'f', 'c', 'x')
  left join pg_catalog.pg_description d on d.objoid = c.oid and d.classoid = 'pg_catalog.pg_constraint'::regclass and d.objsubid = 0
  where t.key not in ('record_events', 'trash')
  union all
  select 'index', t.key || ' ' || coalesce(engine.identity_of(d.description), 'unmanaged:' || c.relname), t.key, t.name, c.relname::text,
    null, d.description, null, i.indisvalid, null, null, c.oid
  from t
  join pg_catalog.pg_index i on i.indrelid = t.oid and not i.indisprimary
  join pg_catalog.pg_class c on c.oid = i.indexrelid
  left join pg_catalog.pg_description d on d.objoid = c.oid and d.classoid = 'pg_catalog.pg_class'::regclass and d.objsubid = 0
  where t.key not in ('record_events', 'trash')
    and not exists (select from pg_catalog.pg_constraint k where k.conindid = i.indexrelid and k.conrelid = t.oid)
  union all
  select 'trigger', t.key || ' ' || coalesce(engine.identity_of(d.description), 'unmanaged:' || g.tgname), t.key, t.name, g.tgname::text,
    null, case when g.tgenabled = 'O' then d.description else 'disabled' end, null, null, null, null, g.oid
  from t
  join pg_catalog.pg_trigger g on g.tgrelid = t.oid and not g.tgisinternal
  left join pg_catalog.pg_description d on d.objoid = g.oid and d.classoid = 'pg_catalog.pg_trigger'::regclass and d.objsubid = 0
  union all
  select 'rls', t.key, t.key, t.name, null,
    case when t.relrowsecurity and t.relforcerowsecurity then 'forced' when t.relrowsecurity then 'enabled' else 'off' end,
    null, null, null, null, null, t.oid
  from t
  where t.key is not null
  union all
  -- A policy's comment survives ALTER POLICY, so what it says is checked as well.
  select 'policy', t.key || ' ' || coalesce(replace(engine.identity_of(d.description), 'policy:', ''), 'unmanaged:' || p.polname), t.key, t.name, p.polname::text,
    null,
    case
      when not p.polpermissive or array_length(p.polroles, 1) <> 1
        or coalesce(pg_catalog.pg_get_userbyid(p.polroles[1]) <> replace(engine.identity_of(d.description), 'policy:', ''), true) then 'altered'
      when p.polcmd = '*' and pg_catalog.pg_get_expr(p.polqual, p.polrelid) = 'true' and pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) = 'true' then d.description
      when p.polcmd = 'r' and t.key in ('record_events', 'trash')
        and pg_catalog.pg_get_expr(p.polqual, p.polrelid) ~ '^\(object_id = ANY \(ARRAY\( SELECT engine\.readable_objects\(CURRENT_USER\) AS readable_objects\)\)\)$' then d.description
      else 'altered'
    end,
    null, null, null, null, p.oid
  from t
  join pg_catalog.pg_policy p on p.polrelid = t.oid
  left join pg_catalog.pg_description d on d.objoid = p.oid and d.classoid = 'pg_catalog.pg_policy'::regclass and d.objsubid = 0
  union all
  select 'grant', g.key || ' ' || g.grantee, g.key, g.name, g.grantee, string_agg(g.privilege, ', ' order by g.privilege collate "C"), null, null, null, null, null, null
  from (
    select t.key, t.name, coalesce(r.rolname, 'public')::text as grantee, lower(e.privilege_type) as privilege
    from t cross join lateral pg_catalog.aclexplode(t.relacl) e
    left join pg_catalog.pg_roles r on r.oid = e.grantee
    where t.key is not null and e.grantee <> t.relowner
    union all
    select t.key, t.name, coalesce(r.rolname, 'public')::text,
      lower(e.privilege_type) || ' (' || string_agg(quote_ident(a.attname), ', ' order by a.attname collate "C") || ')'
    from t
    join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attacl is not null and not a.attisdropped
    cross join lateral pg_catalog.aclexplode(a.attacl) e
    left join pg_catalog.pg_roles r on r.oid = e.grantee
    where t.key is not null and e.grantee <> t.relowner
    group by 1, 2, 3, e.privilege_type
  ) g
  group by g.key, g.name, g.grantee
  union all
  select 'function', coalesce(engine.identity_of(d.description), 'unmanaged:' || p.proname), null, null, p.proname::text, null, d.description, null, null, null, null, p.oid
  from pg_catalog.pg_depend dep
  join pg_catalog.pg_proc p on p.oid = dep.objid
  left join pg_catalog.pg_description d on d.objoid = p.oid and d.classoid = 'pg_catalog.pg_proc'::regclass and d.objsubid = 0
  where dep.refclassid = 'pg_catalog.pg_namespace'::regclass and dep.refobjid = v_schema and dep.classid = 'pg_catalog.pg_proc'::regclass
  union all
  select 'role', r.rolname::text, null, null, r.rolname::text, null, null, null, null, null, null, r.oid
  from pg_catalog.pg_roles r
  where r.rolname >= schema_name || '_r_' and r.rolname < schema_name || '_r`';
end
$function$;
comment on function engine.actual(text) is 'What stands in a tenant schema, read from the catalogue.';

CREATE OR REPLACE FUNCTION engine.apply(workspace_id uuid)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO ''
 SET lock_timeout TO '2s'
AS $function$
declare
  v_schema text;
  v_step engine.step;
  v_count int := 0;
  v_version bigint;
  v_shape text;
begin
  if not (select s.ddl_enabled from engine.settings s) then
    raise exception 'Changes of the data model are switched off on this server.'
      using errcode = 'RV020', hint = 'An upgrade may be running. Try again when it is done.';
  end if;
  perform pg_advisory_xact_lock(hashtextextended('relvar.model.' || workspace_id, 0));
  select w.schema_name into v_schema from core.workspaces w where w.id = workspace_id;
  perform engine.assert_columns_differ(workspace_id), engine.assert_relations(workspace_id);
  -- One block around all statements, not one around each: a block is a subtransaction, and more
  -- than 64 of these in a transaction slow every other session down.
  begin
    for v_step in select * from engine.plan(workspace_id) loop
      execute v_step.statement;
      v_count := v_count + 1;
    end loop;
  exception
    when lock_not_available then
      raise exception 'The table % is busy, so the change was not made.', v_step.object_name
        using errcode = 'RV021', hint = 'Somebody is working with it in a long transaction. Try again in a moment.';
    when duplicate_object or duplicate_table or duplicate_column then
      raise exception 'Something named like that stands in the database already: %', sqlerrm
        using errcode = 'RV022', hint = v_step.statement;
    when not_null_violation or check_violation or unique_violation or foreign_key_violation or data_exception then
      raise exception 'Records of % do not fit the change, so it was not made: %', v_step.object_name, sqlerrm
        using errcode = 'RV023', hint = 'Correct those records first: fill in what is empty, replace options that go, make values unique.';
  end;
  v_shape := engine.shape(v_schema);
  update core.workspaces w set shape = v_shape where w.id = workspace_id and w.shape is distinct from v_shape;
  select w.model_version into v_version from core.workspaces w where w.id = workspace_id;
  -- A change of the model is rare and human-paced; NOTIFY is delivered at commit, if it commits.
  perform pg_notify('relvar_model', json_build_object('workspace', workspace_id, 'version', v_version, 'shape', v_shape)::text);
  return v_count;
end
$function$;
comment on function engine.apply(uuid) is 'Runs engine.plan for a workspace. Returns the number of statements run.';

CREATE OR REPLACE FUNCTION engine.assert_columns_differ(workspace_id uuid)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO ''
AS $function$
declare
  v_clash record;
begin
  select c.table_name, c.name, array_agg(distinct f.label) as labels into v_clash
  from engine.columns(workspace_id) c
  join metadata.fields f on f.id = c.field_id and f.workspace_id = assert_columns_differ.workspace_id
  group by c.table_name, c.name having count(*) > 1 limit 1;
  if found then
    raise exception 'The fields % of % would both need the column %.', array_to_string(v_clash.labels, ' and '), v_clash.table_name, v_clash.name
      using errcode = 'RV003', column = 'name', hint = 'Give one of them another API name.';
  end if;
  select o.label_plural, count(*) into v_clash
  from engine.columns(workspace_id) c
  join metadata.objects o on o.id = c.object_id and o.workspace_id = assert_columns_differ.workspace_id
  group by o.id, o.label_plural having count(*) > 1500 limit 1;
  if found then
    raise exception '% would have more than 1,500 columns.', v_clash.label_plural
      using errcode = 'RV004', hint = 'PostgreSQL holds 1,600 columns a table. Move some fields to a related object.';
  end if;
end
$function$;

CREATE OR REPLACE FUNCTION engine.assert_default(field_type text, value jsonb)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO ''
AS $function$
declare
  v_is_composite boolean := not exists (select from engine.field_type_columns c where c.type = field_type and c.part = '');
begin
  if value is null or value = 'null' or field_type in ('RELATION', 'MORPH_RELATION') then
    return;
  end if;
  if v_is_composite and (jsonb_typeof(value) <> 'object'
    or exists (select from jsonb_object_keys(value) k where k not in (select c.part from engine.field_type_columns c where c.type = field_type))) then
    raise exception 'The default % does not fit the type %.', value, field_type using errcode = 'RV009', column = 'default_value',
      hint = 'Give an object with some of the parts '
        || (select string_agg(c.part, ', ' order by c.position) from engine.field_type_columns c where c.type = field_type) || '.';
  end if;
  begin
    perform engine.default_expression(field_type, c.pg_type, case when v_is_composite then value -> c.part else value end)
    from engine.field_type_columns c where c.type = field_type;
    if field_type = 'RATING' and (value #>> '{}')::smallint not between 1 and 5 then
      raise numeric_value_out_of_range;
    end if;
  exception when data_exception then
    raise exception 'The default % does not fit the type %.', value, field_type using errcode = 'RV009', column = 'default_value';
  end;
end
$function$;

CREATE OR REPLACE FUNCTION engine.assert_name(name text, what text)
 RETURNS void
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO ''
AS $function$
begin
  if name is null or not engine.is_api_name(name) then
    raise exception '"%" cannot be the API name of %.', name, what using errcode = 'RV001', column = 'name',
      hint = 'Use Latin letters and digits, beginning with a small letter, at most 36 characters (each capital counts twice), such as projectPhase.';
  end if;
  if engine.is_reserved_name(name) then
    raise exception 'The name "%" is used by the API or the database itself.', name using errcode = 'RV002', column = 'name',
      hint = format('Try "%sItem" or "custom%s%s".', name, upper(left(name, 1)), substr(name, 2));
  end if;
end
$function$;

CREATE OR REPLACE FUNCTION engine.assert_relations(workspace_id uuid)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO ''
AS $function$
declare
  v_label text;
begin
  select f.label into v_label from metadata.fields f
  where f.workspace_id = assert_relations.workspace_id and f.type in ('RELATION', 'MORPH_RELATION')
    and not exists (select from metadata.relations r where r.field_id = f.id and r.workspace_id = f.workspace_id) limit 1;
  if found then
    raise exception 'The relation "%" points to no object.', v_label using errcode = 'RV008', column = 'target_object_id',
      hint = 'Insert a row of metadata.relations in the same transaction, or use metadata.create_field.';
  end if;
  select f.label into v_label from metadata.fields f join metadata.relations r on r.field_id = f.id and r.workspace_id = f.workspace_id
  where f.workspace_id = assert_relations.workspace_id and f.type = 'RELATION' and f.is_required and r.on_delete = 'SET_NULL' limit 1;
  if found then
    raise exception 'The relation "%" is required, so deleting its other side cannot empty it.', v_label using errcode = 'RV008', column = 'on_delete',
      hint = 'Choose CASCADE (these records go too) or RESTRICT (the deletion is refused).';
  end if;
end
$function$;

CREATE OR REPLACE FUNCTION engine.base36(n bigint)
 RETURNS text
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE STRICT
 SET search_path TO ''
AS $function$
declare
  v_digits text := '';
  v_n bigint := n;
begin
  loop
    v_digits := substr('0123456789abcdefghijklmnopqrstuvwxyz', (v_n % 36)::int + 1, 1) || v_digits;
    v_n := v_n / 36;
    exit when v_n = 0;
  end loop;
  return v_digits;
end
$function$;

CREATE OR REPLACE FUNCTION engine.become(workspace_slug text, who text)
 RETURNS text
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
declare
  v_role text;
  v_schema text;
  v_member uuid;
begin
  select r.pg_role, w.schema_name, m.id into v_role, v_schema, v_member
  from core.workspaces w
  join core.members m on m.workspace_id = w.id
  join core.users u on u.id = m.user_id
  join metadata.roles r on r.id = m.role_id
  where w.slug = workspace_slug and lower(u.email) = lower(who);
  if not found then
    select r.pg_role, w.schema_name into v_role, v_schema
    from core.workspaces w join metadata.roles r on r.workspace_id = w.id
    where w.slug = workspace_slug and r.name = who;
  end if;
  if v_role is null then
    raise exception 'Workspace "%" has no member or role "%".', workspace_slug, who
      using errcode = 'RV010', hint = 'Give a member''s e-mail address or a role''s name. select * from core.workspaces shows the workspaces.';
  end if;
  perform set_config('relvar.member_id', coalesce(v_member::text, ''), false),
    set_config('search_path', format('%I, public', v_schema), false),
    set_config('role', v_role, false);
  return v_role;
end
$function$;
comment on function engine.become(text,text) is 'Take the role of a member (by e-mail) or a role (by name) of a workspace for the rest of the session. "reset role" ends it.';

CREATE OR REPLACE FUNCTION engine.camel_case(name text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
 SET search_path TO ''
AS $function$
  select string_agg(case when i = 1 then w else upper(left(w, 1)) || substr(w, 2) end, '' order by i)
  from regexp_split_to_table(name, '_') with ordinality as s(w, i)
$function$;
comment on function engine.camel_case(text) is 'The API name of a snake_case database name.';

CREATE OR REPLACE FUNCTION engine.column_clause(f engine.fact)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE
 SET search_path TO ''
RETURN (((format('%I %s'::text, (f).name, (f).pg_type) || CASE WHEN ((f).generated_expr IS NOT NULL) THEN ((' generated always as ('::text || (f).generated_expr) || ') stored'::text) ELSE ''::text END) || COALESCE((' default '::text || (f).default_expr), ''::text)) || CASE WHEN (f).not_null THEN ' not null'::text ELSE ''::text END);

CREATE OR REPLACE FUNCTION engine.columns(workspace_id uuid)
 RETURNS SETOF engine.column_spec
 LANGUAGE sql
 STABLE
 SET search_path TO ''
AS $function$
  with field as (
    select f.*, o.table_name, engine.snake_case(f.name) as base
    from metadata.fields f
    join metadata.objects o on o.id = f.object_id and o.workspace_id = f.workspace_id
    where f.workspace_id = columns.workspace_id
  ), search as (
    select s.object_id,
      string_agg(s.key, ',' order by s.key) as basis,
      'to_tsvector(''simple''::regconfig, engine.search_text('
        || string_agg(format('COALESCE(%I, ''''::text)', s.name), ' || '' ''::text || ' order by s.key) || '))' as expr
    from engine.search_columns(columns.workspace_id) s
    group by s.object_id
  ), expanded as (
    select f.object_id, f.table_name, f.id as field_id,
      f.id || case when c.part = '' then '' else '.' || c.part end as key,
      f.base || c.suffix as name, c.part, null::uuid as relation_id,
      case when f.type = 'NUMBER' and f.settings ->> 'dataType' in ('int', 'bigint') then 'bigint' else c.pg_type end as pg_type,
      c.position as ordinal, f.type, f.name as field_name, f.default_value, f.is_required, f.is_system, f.is_active,
      f.position, f.label, f.description
    from field f
    join engine.field_type_columns c on c.type = f.type
    union all
    select f.object_id, f.table_name, f.id, f.id || '.' || r.id,
      case f.type when 'RELATION' then f.base else f.base || '_' || engine.snake_case(t.name_singular) end || '_id',
      '', r.id, 'uuid', 1, f.type, f.name, null, f.is_required, f.is_system, f.is_active, f.position, f.label, f.description
    from field f
    join metadata.relations r on r.field_id = f.id
    join metadata.objects t on t.id = r.target_object_id and t.workspace_id = columns.workspace_id
    where f.type in ('RELATION', 'MORPH_RELATION')
  )
  select e.object_id, e.table_name, e.field_id, e.key, e.name, e.part, e.relation_id, e.pg_type,
    e.type <> 'TS_VECTOR' and (
      (e.is_system and (e.field_name in ('id', 'createdAt', 'updatedAt', 'position') or e.part = 'source'))
      -- A composite field is present when its first part is.
      or (e.is_required and e.ordinal = 1 and e.type <> 'MORPH_RELATION')
    ),
    case
      when e.type = 'TS_VECTOR' then null
      when e.type = 'ACTOR' and e.part = 'source' then 'engine.current_source()'
      when e.type = 'ACTOR' and e.part = 'memberId' then 'engine.current_member()'
      when e.type = 'ACTOR' and e.part = 'name' then 'engine.actor_name()'
      else engine.default_expression(e.type, e.pg_type,
        case when e.part = '' then e.default_value else e.default_value -> e.part end)
    end,
    case when e.type = 'TS_VECTOR' then coalesce(s.expr, 'to_tsvector(''simple''::regconfig, ''''::text)') end,
    case when e.type = 'TS_VECTOR' then coalesce(s.basis, '') end,
    not e.is_system or e.field_name in ('id', 'position'),
    e.position, e.ordinal, e.is_active,
    case when e.description = '' then e.label else e.description end
  from expanded e
  left join search s on s.object_id = e.object_id
$function$;
comment on function engine.columns(uuid) is 'Every column that the fields of a workspace come to, as it should be.';

CREATE OR REPLACE FUNCTION engine.create_workspace(slug text, name text, owner_email text, owner_name text DEFAULT NULL::text, owner_password_hash text DEFAULT NULL::text)
 RETURNS uuid
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO ''
AS $function$
declare
  v_id uuid;
  v_schema text;
begin
  if slug !~ '^[a-z][a-z0-9-]{1,38}[a-z0-9]$' then
    raise exception '"%" cannot be the slug of a workspace.', slug using errcode = 'RV040', column = 'slug',
      hint = 'Use 3 to 40 small letters, digits and hyphens, beginning with a letter.';
  end if;
  if exists (select from core.workspaces w where w.slug = create_workspace.slug) then
    raise exception 'There is a workspace "%" already.', slug using errcode = 'RV041', column = 'slug', hint = 'Choose another slug.';
  end if;
  -- Roles belong to the whole cluster, so the name must not meet one of another database.
  v_schema := 'ws_' || engine.base36(('x' || substr(replace(gen_random_uuid()::text, '-', ''), 18, 15))::bit(60)::bigint);
  insert into core.workspaces (slug, name, schema_name) values (create_workspace.slug, create_workspace.name, v_schema) returning id into v_id;
  insert into metadata.roles (workspace_id, name, description, pg_role, is_system, can_manage_model) values
    (v_id, 'Admin', 'May do everything, including changing the data model.', v_schema || '_r_1', true, true),
    (v_id, 'Member', 'May read and change all records.', v_schema || '_r_2', true, false);
  if not exists (select from engine.standard_manifest) then
    raise exception 'The standard objects are not loaded.' using errcode = 'RV042', hint = 'Run the migrations again; they load them.';
  end if;
  perform metadata.sync_application(v_id, m.manifest) from engine.standard_manifest m;
  -- Members come and go by invitation, not by creating or deleting a record.
  insert into metadata.object_permissions (workspace_id, role_id, object_id, can_read, can_create, can_update, can_delete)
  select v_id, r.id, o.id, true, false, r.can_manage_model, false
  from metadata.roles r join metadata.objects o on o.workspace_id = r.workspace_id
  where r.workspace_id = v_id and o.universal_identifier = 'standard:workspaceMember';
  perform engine.apply(v_id);
  delete from engine.pending p where p.workspace_id = v_id;
  perform core.add_member(create_workspace.slug, owner_email, coalesce(owner_name, split_part(owner_email, '@', 1)), 'Admin', owner_password_hash);
  return v_id;
end
$function$;
comment on function engine.create_workspace(text,text,text,text,text) is 'Creates a workspace with the standard objects, the roles Admin and Member, and its owner. password hash: argon2id, or null for a user who has one or gets one later.';

CREATE OR REPLACE FUNCTION engine.current_actor()
 RETURNS engine.actor
 LANGUAGE sql
 STABLE
RETURN CASE WHEN engine.actor_is_known() THEN ROW(current_setting('relvar.actor_type'::text), (NULLIF(current_setting('relvar.actor_id'::text), ''::text))::uuid, current_setting('relvar.actor_name'::text))::engine.actor ELSE engine.find_actor() END;
comment on function engine.current_actor() is 'Who changes a record: a member, an API key, the system, or a database login.';

CREATE OR REPLACE FUNCTION engine.current_member()
 RETURNS uuid
 LANGUAGE sql
 STABLE
RETURN CASE WHEN engine.actor_is_known() THEN CASE WHEN (current_setting('relvar.actor_type'::text) = 'member'::text) THEN (current_setting('relvar.actor_id'::text))::uuid ELSE NULL::uuid END ELSE engine.find_member() END;
comment on function engine.current_member() is 'The member on whose behalf the session acts; null for none.';

CREATE OR REPLACE FUNCTION engine.current_source()
 RETURNS text
 LANGUAGE sql
 STABLE
RETURN COALESCE(NULLIF(current_setting('relvar.source'::text, true), ''::text), CASE WHEN (SESSION_USER = ANY (ARRAY['relvar_server'::name, 'relvar_worker'::name])) THEN 'SYSTEM'::text ELSE 'MANUAL'::text END);

CREATE OR REPLACE FUNCTION engine.current_workspace()
 RETURNS uuid
 LANGUAGE sql
 STABLE
 SET search_path TO ''
RETURN engine.workspace_of_role(CURRENT_USER);
comment on function engine.current_workspace() is 'The workspace whose CRM role the session has taken; null outside of one.';

CREATE OR REPLACE FUNCTION engine.default_expression(field_type text, pg_type text, value jsonb)
 RETURNS text
 LANGUAGE plpgsql
 STABLE
 SET search_path TO ''
AS $function$
declare
  v_text text := value #>> '{}';
begin
  if value is null or value = 'null' then
    return null;
  end if;
  case pg_type
    when 'timestamp with time zone' then
      if v_text = 'now' then return 'now()'; end if;
      return engine.literal((v_text::timestamptz)::text) || '::timestamp with time zone';
    when 'date' then
      if v_text = 'now' then return 'CURRENT_DATE'; end if;
      return engine.literal((v_text::date)::text) || '::date';
    when 'uuid' then
      if v_text = 'uuid' then return engine.uuid_default(); end if;
      return engine.literal((v_text::uuid)::text) || '::uuid';
    when 'boolean' then
      return (v_text::boolean)::text;
    when 'double precision' then
      return engine.literal((v_text::double precision)::text) || '::double precision';
    when 'bigint' then
      return engine.literal((v_text::bigint)::text) || '::bigint';
    when 'smallint' then
      return engine.literal((v_text::smallint)::text) || '::smallint';
    when 'numeric' then
      v_text := (v_text::numeric)::text;
      -- A fraction is printed bare, a whole or negative number in quotes.
      return case when v_text ~ '^[0-9]+\.[0-9]+$' then v_text else engine.literal(v_text) || '::numeric' end;
    when 'text[]' then
      return engine.literal((select coalesce(array_agg(e), '{}') from jsonb_array_elements_text(value) e)::text) || '::text[]';
    when 'jsonb' then
      return engine.literal(value::text) || '::jsonb';
    else
      return engine.literal(v_text) || '::text';
  end case;
end
$function$;

CREATE OR REPLACE FUNCTION engine.desired(workspace_id uuid, schema_name text)
 RETURNS SETOF engine.fact
 LANGUAGE sql
 STABLE
 SET search_path TO ''
AS $function$
  select * from engine.desired_tables(workspace_id)
  union all select * from engine.desired_columns(workspace_id)
  union all select * from engine.desired_constraints(workspace_id, schema_name)
  union all select * from engine.desired_indexes(workspace_id)
  union all select * from engine.desired_triggers(workspace_id)
  union all select * from engine.desired_security(workspace_id)
  union all select * from engine.desired_internals(workspace_id, schema_name)
$function$;
comment on function engine.desired(uuid,text) is 'What should stand in a tenant schema, derived from metadata.';

CREATE OR REPLACE FUNCTION engine.desired_columns(workspace_id uuid)
 RETURNS SETOF engine.fact
 LANGUAGE sql
 STABLE
 SET search_path TO ''
AS $function$
  select 'column', c.key, c.object_id::text, c.table_name, c.name, null,
    engine.fact_comment(c.key, c.generated_basis,
      case when not c.is_active or c.generated_expr is not null then '@behavior -*'
        -- What roles may not write, the API does not offer to write.
        when not c.is_writable then '@behavior -attribute:insert -attribute:update'
        when c.name = 'id' then '@behavior -attribute:update' end, c.description),
    c.pg_type, c.not_null, c.default_expr, c.generated_expr, null::oid
  from engine.columns(desired_columns.workspace_id) c
$function$;

CREATE OR REPLACE FUNCTION engine.desired_constraints(workspace_id uuid, schema_name text)
 RETURNS SETOF engine.fact
 LANGUAGE sql
 STABLE
 SET search_path TO ''
AS $function$
  with spec as materialized (
    select * from engine.columns(desired_constraints.workspace_id)
  ), constraints as (
    select o.id as object_id, o.table_name, 'pk' as key, o.table_name || '_pkey' as name, 'primary key (id)' as definition,
      'pk' as basis, null as tags
    from metadata.objects o where o.workspace_id = desired_constraints.workspace_id
    union all
    select s.object_id, s.table_name, 'fk:' || r.id, s.table_name || '_' || s.name || '_fkey',
      format('foreign key (%I) references %I.%I (id) on delete %s', s.name, schema_name, t.table_name,
        lower(replace(r.on_delete, '_', ' '))),
      r.target_object_id || r.on_delete,
      case when s.is_active and t.is_active and o.is_active
        then '@fieldName ' || engine.camel_case(left(s.name, -3)) || E'\n@foreignFieldName ' || r.inverse_name
        else '@behavior -*' end
    from metadata.relations r
    join spec s on s.relation_id = r.id
    join metadata.objects t on t.id = r.target_object_id and t.workspace_id = r.workspace_id
    join metadata.objects o on o.id = s.object_id and o.workspace_id = r.workspace_id
    where r.workspace_id = desired_constraints.workspace_id
    union all
    select s.object_id, s.table_name, 'one_target:' || s.field_id, s.table_name || '_' || engine.snake_case(f.name) || '_check',
      format('check (num_nonnulls(%s) <= 1)', string_agg(quote_ident(s.name), ', ' order by s.name)),
      string_agg(s.key, ',' order by s.key), null
    from spec s join metadata.fields f on f.id = s.field_id and f.workspace_id = desired_constraints.workspace_id
    where f.type = 'MORPH_RELATION'
    group by s.object_id, s.table_name, s.field_id, f.name
    having count(*) > 1
    union all
    select s.object_id, s.table_name, 'options:' || f.id, s.table_name || '_' || s.name || '_check',
      case f.type when 'SELECT' then format('check (%I = any (%L::text[]))', s.name, v.list)
        else format('check (%I <@ %L::text[])', s.name, v.list) end,
      v.list::text, null
    from metadata.fields f
    join spec s on s.field_id = f.id
    cross join lateral (select array_agg(e ->> 'value' order by e ->> 'value') as list from jsonb_array_elements(f.options) e) v
    where f.workspace_id = desired_constraints.workspace_id and f.type in ('SELECT', 'MULTI_SELECT') and v.list is not null
    union all
    select s.object_id, s.table_name, 'rating:' || s.field_id, s.table_name || '_' || s.name || '_check',
      format('check (%I between 1 and 5)', s.name), 'rating', null
    from spec s join metadata.fields f on f.id = s.field_id and f.workspace_id = desired_constraints.workspace_id
    where f.type = 'RATING'
  )
  select 'constraint', c.object_id || ' ' || c.key, c.object_id::text, c.table_name, engine.fit_name(c.name), c.definition,
    engine.fact_comment(c.key, c.basis, c.tags), null, null::boolean, null, null, null::oid
  from constraints c
$function$;

CREATE OR REPLACE FUNCTION engine.desired_indexes(workspace_id uuid)
 RETURNS SETOF engine.fact
 LANGUAGE sql
 STABLE
 SET search_path TO ''
AS $function$
  with spec as materialized (
    select s.*, f.type, f.is_unique from engine.columns(desired_indexes.workspace_id) s
    join metadata.fields f on f.id = s.field_id and f.workspace_id = desired_indexes.workspace_id
  ), indexes as (
    select s.object_id, s.table_name, 'unique:' || s.key as key, s.table_name || '_' || s.name || '_key' as name,
      format(case when s.type in ('EMAILS', 'LINKS') then 'unique (lower(%I))' else 'unique (%I)' end, s.name) as definition,
      s.key || s.type as basis
    from spec s
    where s.is_unique and s.ordinal = 1 and s.type not in ('MORPH_RELATION', 'FULL_NAME', 'RAW_JSON', 'TS_VECTOR')
      and not (s.type = 'UUID' and s.name = 'id')
    union all
    select s.object_id, s.table_name, 'fk:' || s.relation_id, s.table_name || '_' || s.name || '_idx', format('(%I)', s.name), s.key
    from spec s
    where s.relation_id is not null and not (s.is_unique and s.type = 'RELATION')
    union all
    select s.object_id, s.table_name, 'search', s.table_name || '_' || s.name || '_idx', format('using gin (%I)', s.name), s.key
    from spec s where s.type = 'TS_VECTOR'
    union all
    select o.id, o.table_name, 'label', o.table_name || '_label_idx',
      format('using gin (engine.search_text(%s) public.gin_trgm_ops)', engine.label_expression(o.id)), f.id::text
    from metadata.objects o
    join metadata.fields f on f.id = o.label_field_id and f.workspace_id = o.workspace_id and f.type in ('TEXT', 'FULL_NAME', 'EMAILS', 'PHONES', 'LINKS')
    where o.workspace_id = desired_indexes.workspace_id and o.is_searchable
  )
  select 'index', i.object_id || ' ' || i.key, i.object_id::text, i.table_name, engine.fit_name(i.name), i.definition,
    engine.fact_comment(i.key, i.basis), null, null::boolean, null, null, null::oid
  from indexes i
$function$;

CREATE OR REPLACE FUNCTION engine.desired_internals(workspace_id uuid, schema_name text)
 RETURNS SETOF engine.fact
 LANGUAGE sql
 STABLE
 SET search_path TO ''
AS $function$
  select v.kind, v.key, null, null, v.key, v.definition, engine.fact_comment(v.key, v.definition, v.tags, v.description),
    null, null::boolean, null, null, null::oid
  from (values
    ('internal', 'record_events', format(
      'create table %1$I.record_events (
        batch bigint not null, seq int not null, object_id uuid not null, record_id uuid not null, action text not null,
        before jsonb, after jsonb, actor_type text not null, actor_id uuid, actor_name text, source text not null, request_id text,
        transaction_id xid8 not null default pg_current_xact_id(), happened_at timestamptz not null default now(),
        primary key (batch, seq));
      create index record_events_record_id_batch_idx on %1$I.record_events (record_id, batch);
      create index record_events_transaction_id_idx on %1$I.record_events (transaction_id);
      comment on column %1$I.record_events.batch is ''Number of the statement that made the change. Rises with time.'';
      comment on column %1$I.record_events.seq is ''Number of the change within its statement.'';
      comment on column %1$I.record_events.object_id is ''The object of the record: metadata.objects.id.'';
      comment on column %1$I.record_events.record_id is ''The record.'';
      comment on column %1$I.record_events.action is ''created, updated, deleted, restored or destroyed.'';
      comment on column %1$I.record_events.before is ''The values that were changed, as they were; of a deleted record all of them.'';
      comment on column %1$I.record_events.after is ''The values that were changed, as they are now; of a created record all of them.'';
      comment on column %1$I.record_events.actor_type is ''Who did it: member, api_key, psql (a database login) or system.'';
      comment on column %1$I.record_events.actor_id is ''The member or the API key.'';
      comment on column %1$I.record_events.actor_name is ''What they were called at the time.'';
      comment on column %1$I.record_events.source is ''By which way the change came: MANUAL, API, IMPORT, SYSTEM and so on.'';
      comment on column %1$I.record_events.request_id is ''The request that made the change, as in the log of the server.'';
      comment on column %1$I.record_events.transaction_id is ''The transaction of the change: what was changed together has the same.'';
      comment on column %1$I.record_events.happened_at is ''When the transaction of the change began.''', schema_name),
      '@behavior -insert -update -delete', 'Every change of every record: what, who, when. Written by triggers in the transaction of the change.'),
    ('internal', 'trash', format(
      'create table %1$I.trash (
        id uuid primary key default %2$s, object_id uuid not null, record_id uuid not null, label text, data jsonb not null,
        deleted_at timestamptz not null default now(), deleted_by_name text, transaction_id xid8 not null default pg_current_xact_id(),
        unique (object_id, record_id));
      create index trash_transaction_id_idx on %1$I.trash (transaction_id);
      comment on column %1$I.trash.id is ''Identifies the entry.'';
      comment on column %1$I.trash.object_id is ''The object of the record: metadata.objects.id.'';
      comment on column %1$I.trash.record_id is ''The id that the record had and has again when it is restored.'';
      comment on column %1$I.trash.label is ''How the record was named.'';
      comment on column %1$I.trash.data is ''The record as it was, by column.'';
      comment on column %1$I.trash.deleted_at is ''When it was deleted.'';
      comment on column %1$I.trash.deleted_by_name is ''Who deleted it.'';
      comment on column %1$I.trash.transaction_id is ''The transaction that deleted it: what went with it has the same.''', schema_name, engine.uuid_default()),
      E'@behavior -insert -update -delete\n@singular trashedRecord\n@plural trashedRecords', 'Deleted records, as they were. Restorable until they are destroyed.'),
    ('function', 'search_records', format(
      'create or replace function %1$I.search_records(query text, max_results int default 20)
       returns table (object_name text, record_id uuid, label text, rank real) language sql stable rows 20
       begin atomic select s.object_name, s.record_id, s.label, s.rank from engine.search(current_user, %1$L, query, max_results) s; end', schema_name),
      null, 'Records whose words begin with the words of the query, or whose label is spelt alike, best first.'),
    ('function', 'restore_record', format(
      'create or replace function %1$I.restore_record(object_name text, record_id uuid) returns boolean language sql volatile
       begin atomic select engine.restore_record(current_user, %1$L, object_name, record_id); end', schema_name),
      null, 'Puts a deleted record back, with what its deletion took along and the links that it cut. False when it is not in the trash.'),
    ('function', 'destroy_record', format(
      'create or replace function %1$I.destroy_record(object_name text, record_id uuid) returns boolean language sql volatile
       begin atomic select engine.destroy_record(current_user, %1$L, object_name, record_id); end', schema_name),
      null, 'Takes a deleted record out of the trash for good. False when it is not there.')
  ) as v (kind, key, definition, tags, description)
  union all
  select 'role', r.pg_role, null, null, r.pg_role, null, null, null, null, null, null, null
  from metadata.roles r where r.workspace_id = desired_internals.workspace_id
$function$;

CREATE OR REPLACE FUNCTION engine.desired_security(workspace_id uuid)
 RETURNS SETOF engine.fact
 LANGUAGE sql
 STABLE
 SET search_path TO ''
AS $function$
  with permission as materialized (
    select * from engine.effective_permissions(desired_security.workspace_id)
  ), tables as (
    select o.id::text as table_key, o.table_name, o.id as object_id
    from metadata.objects o where o.workspace_id = desired_security.workspace_id
    union all
    values ('record_events', 'record_events', null::uuid), ('trash', 'trash', null)
  ), writable as (
    select c.object_id,
      string_agg(quote_ident(c.name), ', ' order by c.name collate "C") as insertable,
      string_agg(quote_ident(c.name), ', ' order by c.name collate "C") filter (where not c.key = c.field_id::text or c.name <> 'id') as updatable
    from engine.columns(desired_security.workspace_id) c
    where c.is_writable and c.is_active and c.generated_expr is null
    group by c.object_id
  ), policies as (
    select t.table_key, t.table_name, 'relvar_owner' as pg_role, 'owner' as name, 'for all to relvar_owner using (true) with check (true)' as definition
    from tables t
    union all
    select t.table_key, t.table_name, p.pg_role, regexp_replace(p.pg_role, '^.*_r_', 'r_'),
      format('for all to %I using (true) with check (true)', p.pg_role)
    from tables t join permission p on p.object_id = t.object_id
    where p.can_read or p.can_create or p.can_update or p.can_delete
    union all
    select t.table_key, t.table_name, r.pg_role, regexp_replace(r.pg_role, '^.*_r_', 'r_'),
      format('for select to %I using (object_id = any (array(select engine.readable_objects(current_user))))', r.pg_role)
    from tables t cross join metadata.roles r
    where t.object_id is null and r.workspace_id = desired_security.workspace_id
  ), grants as (
    select t.table_key, t.table_name, p.pg_role, concat_ws(', ',
        case when p.can_delete then 'delete' end,
        case when p.can_create then 'insert (' || w.insertable || ')' end,
        case when p.can_read then 'select' end,
        case when p.can_update then 'update (' || w.updatable || ')' end) as definition
    from tables t
    join permission p on p.object_id = t.object_id
    join writable w on w.object_id = t.object_id
    union all
    select t.table_key, t.table_name, r.pg_role, 'select'
    from tables t cross join metadata.roles r
    where t.object_id is null and r.workspace_id = desired_security.workspace_id
  )
  select 'rls', t.table_key, t.table_key, t.table_name, null, 'forced', null, null, null::boolean, null, null, null::oid from tables t
  union all
  select 'policy', p.table_key || ' ' || p.pg_role, p.table_key, p.table_name, p.name, p.definition,
    engine.fact_comment('policy:' || p.pg_role, p.definition), null, null, null, null, null
  from policies p
  union all
  select 'grant', g.table_key || ' ' || g.pg_role, g.table_key, g.table_name, g.pg_role, g.definition, null, null, null, null, null, null
  from grants g where g.definition <> ''
$function$;

CREATE OR REPLACE FUNCTION engine.desired_tables(workspace_id uuid)
 RETURNS SETOF engine.fact
 LANGUAGE sql
 STABLE
 SET search_path TO ''
AS $function$
  select 'table', o.id::text, o.id::text, o.table_name, o.table_name, null,
    engine.fact_comment(o.id::text, null,
      '@singular ' || o.name_singular || E'\n@plural ' || o.name_plural || case when o.is_active then '' else E'\n@behavior -*' end,
      case when o.description = '' then o.label_plural else o.description end),
    null, null::boolean, null, null, null::oid
  from metadata.objects o
  where o.workspace_id = desired_tables.workspace_id
$function$;

CREATE OR REPLACE FUNCTION engine.desired_triggers(workspace_id uuid)
 RETURNS SETOF engine.fact
 LANGUAGE sql
 STABLE
 SET search_path TO ''
AS $function$
  select 'trigger', o.id || ' ' || t.name, o.id::text, o.table_name, t.name, t.definition,
    engine.fact_comment(t.name, t.definition), null, null::boolean, null, null, null::oid
  from metadata.objects o
  cross join lateral (values
    ('_100_touch', 'before update on %s for each row execute function engine.tg_records__touch()', true),
    ('_200_log_insert', format('after insert on %%s referencing new table as new_rows for each statement execute function engine.tg_records__log(%L, %L)', o.id, o.workspace_id), o.is_audited),
    ('_200_log_update', format('after update on %%s referencing old table as old_rows new table as new_rows for each statement execute function engine.tg_records__log(%L, %L)', o.id, o.workspace_id), o.is_audited),
    ('_200_log_delete', format('after delete on %%s referencing old table as old_rows for each statement execute function engine.tg_records__log(%L, %L)', o.id, o.workspace_id), o.is_audited),
    ('_300_trash', format('after delete on %%s referencing old table as old_rows for each statement execute function engine.tg_records__trash(%L)', o.id), true)
  ) as t (name, definition, wanted)
  where o.workspace_id = desired_triggers.workspace_id and t.wanted
$function$;

CREATE OR REPLACE FUNCTION engine.destroy_record(caller name, schema_name text, object_name text, record_id uuid)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO ''
AS $function$
declare
  v_object metadata.objects := engine.trashed_object(caller, schema_name, object_name);
  v_actor engine.actor := engine.current_actor();
  v_batch bigint;
  v_id uuid;
begin
  execute format('delete from %I.trash where object_id = $1 and record_id = $2 returning id', schema_name)
    into v_id using v_object.id, record_id;
  if v_id is null then
    return false;
  end if;
  v_batch := nextval('engine.event_batch');
  execute format(
    'insert into %I.record_events (batch, seq, object_id, record_id, action, actor_type, actor_id, actor_name, source)
     values ($1, 1, $2, $3, ''destroyed'', $4, $5, $6, $7)', schema_name)
  using v_batch, v_object.id, record_id, v_actor.type, v_actor.id, v_actor.name, engine.current_source();
  insert into engine.outbox (batch, workspace_id, object_id, action)
  values (v_batch, v_object.workspace_id, v_object.id, 'destroyed');
  return true;
end
$function$;

CREATE OR REPLACE FUNCTION engine.difference(workspace_id uuid, schema_name text)
 RETURNS SETOF engine.difference
 LANGUAGE sql
 STABLE
 SET search_path TO ''
AS $function$
  with want as materialized (
    select * from engine.desired(workspace_id, schema_name)
  ), have as materialized (
    -- What somebody made beside the engine (a table, a column, an index, a trigger) is theirs and stays;
    -- a policy or a grant is not, since it opens what the engine keeps shut.
    select * from engine.actual(schema_name) a where a.key is not null and (a.kind = 'policy' or a.key !~ '(^| )unmanaged:')
  ), pair as (
    select coalesce(w.kind, h.kind) as kind, coalesce(w.key, h.key) as key,
      w as want, h as have, w.key is null as is_extra, h.key is null as is_missing,
      -- The first line of a comment is the identity and the hash of what the thing depends on.
      split_part(coalesce(w.comment, ''), E'\n', 1) is distinct from split_part(coalesce(h.comment, ''), E'\n', 1) as is_rebased,
      w.name is distinct from h.name or w.comment is distinct from h.comment as is_relabelled
    from want w full join have h on h.kind = w.kind and h.key = w.key
  ), judged as (
    select p.*, not p.is_missing and not p.is_extra and case p.kind
        when 'constraint' then p.is_rebased
        when 'trigger' then p.is_rebased
        when 'policy' then p.is_rebased
        when 'function' then p.is_rebased
        -- not_null of an actual index says whether it is valid.
        when 'index' then p.is_rebased or not (p.have).not_null
        -- A generated column is compared by what it depends on, which its comment bears.
        when 'column' then ((p.want).generated_expr is not null or (p.have).generated_expr is not null)
          and (p.is_rebased or (p.want).generated_expr is null or (p.have).generated_expr is null)
        else false
      end as is_recreated
    from pair p
  )
  select j.kind, j.key, row((j.want).*)::engine.fact, row((j.have).*)::engine.fact, j.is_missing, j.is_extra, j.is_recreated,
    coalesce(ht.name, (j.have).table_name), coalesce((j.want).table_name, wt.name, (j.have).table_name),
    greatest(coalesce(c.reltuples, 0), 0)::bigint
  from judged j
  left join have ht on ht.kind in ('table', 'internal') and ht.key = coalesce((j.want).table_key, (j.have).table_key)
  left join want wt on wt.kind = 'table' and wt.key = (j.have).table_key
  left join pg_catalog.pg_class c on c.oid = ht.oid
  where j.is_missing or j.is_extra or j.is_recreated
    or (j.is_relabelled and j.kind not in ('rls', 'grant', 'role'))
    or ((j.want).definition is distinct from (j.have).definition and j.kind in ('rls', 'grant'))
    or (j.kind = 'column' and ((j.want).pg_type <> (j.have).pg_type or (j.want).not_null <> (j.have).not_null
      or ((j.want).generated_expr is null and (j.want).default_expr is distinct from (j.have).default_expr)))
$function$;
comment on function engine.difference(uuid,text) is 'Facts in which a tenant schema differs from its metadata.';

CREATE OR REPLACE FUNCTION engine.drop_workspace(slug text)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO ''
AS $function$
declare
  v_workspace core.workspaces;
  v_role text;
begin
  select * into v_workspace from core.workspaces w where w.slug = drop_workspace.slug for update;
  if not found then
    raise exception 'There is no workspace "%".', slug using errcode = 'RV012', hint = 'relvar workspace list shows them.';
  end if;
  perform pg_advisory_xact_lock(hashtextextended('relvar.model.' || v_workspace.id, 0));
  execute format('drop schema %I cascade', v_workspace.schema_name);
  for v_role in
    select r.rolname from pg_catalog.pg_roles r
    where (r.rolname >= v_workspace.schema_name || '_r_' and r.rolname < v_workspace.schema_name || '_r`') or r.rolname = v_workspace.schema_name
    order by length(r.rolname) desc
  loop
    execute format('drop role %I', v_role);
  end loop;
  delete from core.members m where m.workspace_id = v_workspace.id;
  delete from core.workspaces w where w.id = v_workspace.id;
  delete from engine.outbox o where o.workspace_id = v_workspace.id;
  delete from core.users u where not exists (select from core.members m where m.user_id = u.id);
  perform pg_notify('relvar_model', json_build_object('workspace', v_workspace.id, 'version', null, 'shape', null)::text);
end
$function$;
comment on function engine.drop_workspace(text) is 'Drops a workspace with all its records, roles and metadata, and the users who belong to no other.';

CREATE OR REPLACE FUNCTION engine.effective_permissions(workspace_id uuid)
 RETURNS TABLE(role_id uuid, pg_role text, object_id uuid, can_read boolean, can_create boolean, can_update boolean, can_delete boolean)
 LANGUAGE sql
 STABLE
 SET search_path TO ''
AS $function$
  select r.id, r.pg_role, o.id,
    o.is_active and coalesce(p.can_read, r.can_read_all), o.is_active and coalesce(p.can_create, r.can_create_all),
    o.is_active and coalesce(p.can_update, r.can_update_all), o.is_active and coalesce(p.can_delete, r.can_delete_all)
  from metadata.roles r
  join metadata.objects o on o.workspace_id = r.workspace_id
  left join metadata.object_permissions p on p.role_id = r.id and p.object_id = o.id
  where r.workspace_id = effective_permissions.workspace_id
$function$;

CREATE OR REPLACE FUNCTION engine.event_matches(patterns text[], object_name text, action text)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
 SET search_path TO ''
RETURN (patterns && ARRAY[((object_name || '.'::text) || action), (object_name || '.*'::text), ('*.'::text || action), '*.*'::text]);

CREATE OR REPLACE FUNCTION engine.fact_comment(key text, basis text, tags text DEFAULT NULL::text, description text DEFAULT NULL::text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
 SET search_path TO ''
RETURN (((('@relvar '::text || key) || COALESCE((' '::text || "left"(md5(basis), 12)), ''::text)) || COALESCE(('
'::text || NULLIF(tags, ''::text)), ''::text)) || COALESCE((('
'::text || CASE WHEN (description ~~ '@%'::text) THEN ' '::text ELSE ''::text END) || NULLIF(description, ''::text)), ''::text));

CREATE OR REPLACE FUNCTION engine.find_actor()
 RETURNS engine.actor
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO ''
AS $function$
declare
  v_actor engine.actor;
  v_is_trusted boolean := engine.is_trusted_session();
begin
  if v_is_trusted then
    select 'member', m.id, m.name into v_actor from core.members m
    where m.id = nullif(current_setting('relvar.member_id', true), '')::uuid
      and m.is_active
      and m.workspace_id = (select r.workspace_id from metadata.roles r where r.pg_role = current_setting('role'));
  else
    select 'member', m.id, m.name into v_actor from core.members m
    join metadata.roles r on r.id = m.role_id
    where m.login_role = session_user and m.is_active
      and r.pg_role = current_setting('role');
  end if;
  if v_actor.id is null and v_is_trusted then
    select 'api_key', k.id, k.name into v_actor from core.api_keys k
    where k.id = nullif(current_setting('relvar.api_key_id', true), '')::uuid
      and k.workspace_id = (select r.workspace_id from metadata.roles r where r.pg_role = current_setting('role'));
  end if;
  if v_actor.id is null then
    v_actor := case when session_user in ('relvar_server', 'relvar_worker') then ('system', null, 'System')::engine.actor
      else ('psql', null, session_user)::engine.actor end;
  end if;
  if v_is_trusted then
    perform set_config('relvar.actor_basis', engine.actor_basis(), true),
      set_config('relvar.actor_type', v_actor.type, true),
      set_config('relvar.actor_id', coalesce(v_actor.id::text, ''), true),
      set_config('relvar.actor_name', coalesce(v_actor.name, ''), true);
  end if;
  return v_actor;
end
$function$;
comment on function engine.find_actor() is 'Finds out who changes a record, and remembers it for the rest of the transaction.';

CREATE OR REPLACE FUNCTION engine.find_member()
 RETURNS uuid
 LANGUAGE sql
 STABLE
 SET search_path TO ''
RETURN (SELECT a.id FROM engine.find_actor() a(type, id, name) WHERE (a.type = 'member'::text));

CREATE OR REPLACE FUNCTION engine.fit_name(name text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
 SET search_path TO ''
RETURN CASE WHEN (octet_length(name) <= 63) THEN name ELSE (("left"(name, 54) || '_'::text) || "left"(md5(name), 8)) END;

CREATE OR REPLACE FUNCTION engine.heartbeat(name text)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO ''
AS $function$
  insert into engine.heartbeats (name, seen_at) values (heartbeat.name, clock_timestamp())
  on conflict (name) do update set seen_at = excluded.seen_at
$function$;
comment on function engine.heartbeat(text) is 'Says that a part of the worker is alive; health checks read engine.heartbeats.';

CREATE OR REPLACE FUNCTION engine.identity_of(comment text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN (regexp_match(comment, '^@relvar (\S+)'::text))[1];

CREATE OR REPLACE FUNCTION engine.is_api_name(name text)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN ((name ~ '^[a-z][a-zA-Z0-9]*$'::text) AND (octet_length(engine.snake_case(name)) <= 36));
comment on function engine.is_api_name(text) is 'Whether a text can be an API name: letters and digits, starting with a small letter, at most 36 bytes in snake_case.';

CREATE OR REPLACE FUNCTION engine.is_reserved_name(name text)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN (name = ANY ('{query,mutation,subscription,node,nodeId,nodes,edges,cursor,pageInfo,totalCount,filter,orderBy,first,last,after,before,offset,recordEvent,recordEvents,trash,trashedRecord,trashedRecords,searchRecords,restoreRecord,destroyRecord,clientMutationId,input,patch,ctid,tableoid,xmin,xmax,cmin,cmax}'::text[]));

CREATE OR REPLACE FUNCTION engine.is_trusted_session()
 RETURNS boolean
 LANGUAGE sql
 STABLE
RETURN ((SESSION_USER = ANY (ARRAY['relvar_server'::name, 'relvar_worker'::name])) OR pg_has_role(SESSION_USER, 'relvar_owner'::name, 'member'::text));

CREATE OR REPLACE FUNCTION engine.label_expression(object_id uuid, alias text DEFAULT NULL::text)
 RETURNS text
 LANGUAGE sql
 STABLE
 SET search_path TO ''
AS $function$
  select coalesce((
    select 'btrim(' || string_agg('coalesce(' || coalesce(quote_ident(alias) || '.', '')
        || quote_ident(engine.snake_case(f.name) || c.suffix) || ', '''')', ' || '' '' || ' order by c.position) || ')'
    from metadata.objects o
    join metadata.fields f on f.id = o.label_field_id
    join engine.field_type_columns c on c.type = f.type
    where o.id = label_expression.object_id and c.pg_type = 'text'
      and (f.type = 'FULL_NAME' or c.position = 1)
  ), coalesce(quote_ident(alias) || '.', '') || 'id::text')
$function$;

CREATE OR REPLACE FUNCTION engine.lint()
 RETURNS TABLE(lint text, title text, detail text, remedy text)
 LANGUAGE sql
 STABLE
 SET search_path TO ''
AS $function$
  with ours as (
    select n.oid, n.nspname from pg_catalog.pg_namespace n
    where n.nspname in ('core', 'metadata', 'engine') or n.oid in (select to_regnamespace(quote_ident(w.schema_name)) from core.workspaces w)
  ), tenants as (
    select * from ours where nspname not in ('core', 'metadata', 'engine')
  )
  select 'rls_not_forced', 'A tenant table without forced row-level security', format('%I.%I', t.nspname, c.relname),
    format('alter table %I.%I enable row level security, force row level security;', t.nspname, c.relname)
  from tenants t join pg_catalog.pg_class c on c.relnamespace = t.oid
  where c.relkind in ('r', 'p') and not (c.relrowsecurity and c.relforcerowsecurity)
  union all
  select 'metadata_without_rls', 'A metadata table without row-level security', format('%I.%I', n.nspname, c.relname),
    format('alter table %I.%I enable row level security;', n.nspname, c.relname)
  from ours n join pg_catalog.pg_class c on c.relnamespace = n.oid
  where n.nspname = 'metadata' and c.relkind in ('r', 'p') and not c.relrowsecurity
  union all
  select 'foreign_key_without_index', 'A foreign key without an index', format('%s on %s', k.conname, k.conrelid::regclass),
    format('create index on %s (%s);', k.conrelid::regclass, (select string_agg(quote_ident(a.attname), ', ' order by u.i)
      from unnest(k.conkey) with ordinality u (attnum, i) join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.attnum))
  from ours n join pg_catalog.pg_constraint k on k.connamespace = n.oid
  where k.contype = 'f' and not exists (
    select from pg_catalog.pg_index i
    where i.indrelid = k.conrelid and i.indpred is null
      -- One leading column is enough where the first is the workspace: few rows share the second.
      and (k.conkey <@ (string_to_array(i.indkey::text, ' ')::int2[])[1:array_length(k.conkey, 1)]
        or (string_to_array(i.indkey::text, ' ')::int2[])[1] = k.conkey[array_length(k.conkey, 1)]))
  union all
  select 'definer_without_search_path', 'A definer function without a pinned search_path', p.oid::regprocedure::text,
    format('alter function %s set search_path = '''';', p.oid::regprocedure)
  from ours n join pg_catalog.pg_proc p on p.pronamespace = n.oid
  where p.prosecdef and not exists (select from unnest(p.proconfig) s where s like 'search_path=%')
  union all
  select 'definer_open_to_public', 'A definer function that anybody may execute, beyond those that policies and defaults call', p.oid::regprocedure::text,
    format('revoke execute on function %s from public;', p.oid::regprocedure)
  from ours n join pg_catalog.pg_proc p on p.pronamespace = n.oid
  where p.prosecdef and (p.proacl is null or exists (select from pg_catalog.aclexplode(p.proacl) a where a.grantee = 0))
    and not (n.nspname = 'engine' and p.proname in ('workspace_of_role', 'find_actor', 'readable_objects', 'role_manages_model'))
  union all
  select 'policy_shape', 'A tenant policy in a shape that is slow or unknown', format('%s on %s', p.polname, p.polrelid::regclass),
    'Let the engine write policies: true, column = (select f()), or column = any (array(select f())).'
  from tenants t
  join pg_catalog.pg_class c on c.relnamespace = t.oid
  join pg_catalog.pg_policy p on p.polrelid = c.oid
  cross join lateral (values (pg_catalog.pg_get_expr(p.polqual, p.polrelid)), (pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid))) as e (expr)
  where e.expr is not null and e.expr <> 'true'
    and e.expr !~ '^\(\w+ = \( SELECT [\w.]+\([^()]*\) AS \w+\)\)$'
    and e.expr !~ '^\(\w+ = ANY \(ARRAY\( SELECT [\w.]+\([^()]*\) AS \w+\)\)\)$'
  union all
  select 'policy_for_everyone', 'A tenant policy that applies to every role', format('%s on %s', p.polname, p.polrelid::regclass), 'Name the role: create policy … to role.'
  from tenants t join pg_catalog.pg_class c on c.relnamespace = t.oid join pg_catalog.pg_policy p on p.polrelid = c.oid
  where 0 = any (p.polroles)
  union all
  select 'no_comment', 'An exposed thing without a comment', d.what, 'comment on … is ''One sentence that says what it is for'';'
  from (
    select 'table ' || c.oid::regclass as what
    from ours n join pg_catalog.pg_class c on c.relnamespace = n.oid
    where n.nspname not in ('core', 'engine') and c.relkind in ('r', 'p', 'v') and pg_catalog.obj_description(c.oid, 'pg_class') is null
    union all
    select 'function ' || p.oid::regprocedure
    from ours n join pg_catalog.pg_proc p on p.pronamespace = n.oid
    where n.nspname not in ('core', 'engine') and pg_catalog.obj_description(p.oid, 'pg_proc') is null
    union all
    select format('column %s.%I', c.oid::regclass, a.attname)
    from ours n join pg_catalog.pg_class c on c.relnamespace = n.oid
    join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where n.nspname not in ('core', 'engine') and c.relkind in ('r', 'p', 'v') and pg_catalog.col_description(c.oid, a.attnum) is null
  ) d
  union all
  select 'tenant_reaches_outside', 'A tenant foreign key that leaves its schema', format('%s on %s', k.conname, k.conrelid::regclass), 'Keep a tenant whole: refer inside its schema, or not at all.'
  from tenants t join pg_catalog.pg_constraint k on k.connamespace = t.oid join pg_catalog.pg_class f on f.oid = k.confrelid
  where k.contype = 'f' and f.relnamespace <> t.oid
  union all
  select 'bypass_rls', 'A role of Relvar that bypasses row-level security', r.rolname, format('alter role %I nosuperuser nobypassrls;', r.rolname)
  from pg_catalog.pg_roles r where r.rolname like 'relvar\_%' and (r.rolbypassrls or r.rolsuper)
$function$;
comment on function engine.lint() is 'Findings about the catalogue: what breaks a rule of the design, and the cure. No rows when all is well.';

CREATE OR REPLACE FUNCTION engine.literal(value text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
 SET search_path TO ''
RETURN ((''''::text || replace(value, ''''::text, ''''''::text)) || ''''::text);

CREATE OR REPLACE FUNCTION engine.manifest_fields(manifest jsonb)
 RETURNS TABLE(object_identifier text, universal_identifier text, name text, label text, description text, icon text, type text, settings jsonb, options jsonb, default_value jsonb, is_required boolean, is_unique boolean, "position" double precision, relations jsonb)
 LANGUAGE sql
 IMMUTABLE
 SET search_path TO ''
AS $function$
  select i.id, coalesce(f ->> 'universalIdentifier', i.id || '.' || (f ->> 'name')), f ->> 'name', f ->> 'label', coalesce(f ->> 'description', ''),
    f ->> 'icon', f ->> 'type', coalesce(f -> 'settings', '{}'), coalesce(f -> 'options', '[]'), nullif(f -> 'defaultValue', 'null'),
    coalesce((f ->> 'isRequired')::boolean, false), coalesce((f ->> 'isUnique')::boolean, false), coalesce((f ->> 'position')::double precision, 0),
    coalesce(f -> 'relations', '[]')
  from jsonb_array_elements(manifest -> 'objects') o
  cross join lateral (select coalesce(o ->> 'universalIdentifier', (manifest ->> 'name') || ':' || (o ->> 'nameSingular')) as id) i
  cross join lateral jsonb_array_elements(coalesce(o -> 'fields', '[]')) f
$function$;

CREATE OR REPLACE FUNCTION engine.manifest_objects(manifest jsonb)
 RETURNS TABLE(universal_identifier text, name_singular text, name_plural text, label_singular text, label_plural text, description text, icon text, color text, label_field text, is_system boolean, is_searchable boolean, "position" double precision)
 LANGUAGE sql
 IMMUTABLE
 SET search_path TO ''
AS $function$
  select coalesce(o ->> 'universalIdentifier', (manifest ->> 'name') || ':' || (o ->> 'nameSingular')), o ->> 'nameSingular', o ->> 'namePlural',
    o ->> 'labelSingular', o ->> 'labelPlural', coalesce(o ->> 'description', ''), coalesce(o ->> 'icon', 'IconBox'), o ->> 'color', o ->> 'labelField',
    coalesce((o ->> 'isSystem')::boolean, false), coalesce((o ->> 'isSearchable')::boolean, true), coalesce((o ->> 'position')::double precision, 0)
  from jsonb_array_elements(manifest -> 'objects') o
$function$;

CREATE OR REPLACE FUNCTION engine.may_manage_model()
 RETURNS boolean
 LANGUAGE sql
 STABLE
 SET search_path TO ''
RETURN engine.role_manages_model(CURRENT_USER);
comment on function engine.may_manage_model() is 'Whether the session''s CRM role may change the data model.';

CREATE OR REPLACE FUNCTION engine.model_of(workspace_id uuid)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO ''
AS $function$
  with columns as materialized (
    select c.field_id, jsonb_agg(jsonb_build_object('part', c.part, 'column', c.name, 'name', engine.camel_case(c.name)) order by c.ordinal, c.name) as list
    from engine.columns(model_of.workspace_id) c group by c.field_id
  ), relations as materialized (
    select r.field_id, jsonb_agg(jsonb_build_object(
      'id', r.id, 'targetObjectId', r.target_object_id, 'name', engine.camel_case(left(c.name, -3)), 'column', c.name,
      'columnName', engine.camel_case(c.name), 'inverseName', r.inverse_name, 'inverseLabel', r.inverse_label, 'onDelete', r.on_delete) order by c.name) as list
    from metadata.relations r join engine.columns(model_of.workspace_id) c on c.relation_id = r.id
    where r.workspace_id = model_of.workspace_id group by r.field_id
  ), fields as materialized (
    select f.object_id, jsonb_agg(jsonb_build_object(
      'id', f.id, 'name', f.name, 'label', f.label, 'description', f.description, 'icon', f.icon, 'type', f.type, 'settings', f.settings,
      'options', f.options, 'defaultValue', f.default_value, 'isRequired', f.is_required, 'isUnique', f.is_unique, 'isActive', f.is_active,
      'isSystem', f.is_system, 'isCustom', f.application_id is null and not f.is_system, 'position', f.position,
      'columns', coalesce(c.list, '[]'), 'relations', coalesce(r.list, '[]')) order by f.position, f.id) as list
    from metadata.fields f
    left join columns c on c.field_id = f.id
    left join relations r on r.field_id = f.id
    where f.workspace_id = model_of.workspace_id group by f.object_id
  )
  select jsonb_build_object('version', w.model_version, 'workspace', jsonb_build_object('id', w.id, 'slug', w.slug, 'name', w.name),
    'objects', (
      select coalesce(jsonb_agg(jsonb_build_object(
        'id', o.id, 'nameSingular', o.name_singular, 'namePlural', o.name_plural, 'labelSingular', o.label_singular, 'labelPlural', o.label_plural,
        'description', o.description, 'icon', o.icon, 'color', o.color, 'isActive', o.is_active, 'isSystem', o.is_system, 'isSearchable', o.is_searchable,
        'isCustom', o.application_id is null, 'labelFieldId', o.label_field_id, 'tableName', o.table_name, 'position', o.position,
        'fields', coalesce(f.list, '[]')) order by o.position, o.id), '[]')
      from metadata.objects o left join fields f on f.object_id = o.id where o.workspace_id = w.id))
  from core.workspaces w where w.id = model_of.workspace_id
$function$;

CREATE OR REPLACE FUNCTION engine.name_from_label(label text)
 RETURNS text
 LANGUAGE plpgsql
 STABLE STRICT
 SET search_path TO ''
AS $function$
declare
  v_words text[];
  v_name text;
begin
  v_words := array_remove(regexp_split_to_array(
    lower(regexp_replace(public.unaccent('public.unaccent', label), '[^a-zA-Z0-9]+', ' ', 'g')), ' '), '');
  select string_agg(case when i = 1 then w else upper(left(w, 1)) || substr(w, 2) end, '' order by i)
    into v_name from unnest(v_words) with ordinality as s(w, i);
  if v_name ~ '^[0-9]' then
    v_name := 'n' || v_name;
  end if;
  while octet_length(engine.snake_case(v_name)) > 36 loop
    v_name := left(v_name, -1);
  end loop;
  if v_name is null then
    raise exception 'The label "%" has no letters from which an API name can be made.', label
      using errcode = 'RV001', column = 'name', hint = 'Give an API name of Latin letters and digits, such as "project".';
  end if;
  return v_name;
end
$function$;
comment on function engine.name_from_label(text) is 'The API name that a label suggests: "Sales order" gives salesOrder.';

CREATE OR REPLACE FUNCTION engine.note_change(workspace_id uuid)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO ''
 SET lock_timeout TO '5s'
AS $function$
begin
  begin
    perform pg_advisory_xact_lock(hashtextextended('relvar.model.' || workspace_id, 0));
  exception when lock_not_available then
    raise exception 'Somebody else is changing the data model of this workspace.'
      using errcode = 'RV021', hint = 'Their transaction has been open for a while. Try again in a moment.';
  end;
  insert into engine.pending (workspace_id) values (note_change.workspace_id) on conflict do nothing;
  if found then
    update core.workspaces w set model_version = w.model_version + 1 where w.id = note_change.workspace_id;
  end if;
end
$function$;

CREATE OR REPLACE FUNCTION engine.plan(workspace_id uuid)
 RETURNS SETOF engine.step
 LANGUAGE plpgsql
 STABLE
 SET search_path TO ''
AS $function$
declare
  v_schema text;
begin
  select w.schema_name into v_schema from core.workspaces w where w.id = workspace_id;
  if v_schema is null then
    raise exception 'There is no workspace %.', workspace_id using errcode = 'RV012',
      hint = 'select id, slug from core.workspaces lists them.';
  end if;

  return query
  with d as materialized (
    select * from engine.difference(workspace_id, v_schema)
  ), dropped_tables as (
    select (d.have).table_key from d where d.kind = 'table' and d.is_extra
  ), renamed as (
    select * from d
    where d.kind in ('table', 'column', 'constraint', 'index', 'policy') and not d.is_missing and not d.is_extra and not d.is_recreated
      and (d.want).name <> (d.have).name
  ), steps as (
    -- 0. The schema, its group and its roles.
    select 0 as phase, 'schema' as kind, v_schema as object_name, s.statement, null::text as lock_level, false as rewrites, 0::bigint as row_estimate, null::text as note
    from (values
      (1, format('create role %I nologin', v_schema)),
      (2, format('create schema %I', v_schema)),
      (3, format('grant usage on schema %I to %I', v_schema, v_schema))
    ) as s (n, statement)
    where to_regnamespace(quote_ident(v_schema)) is null
    union all
    select 1, 'role', d.key, s.statement, null, false, 0, null
    from d cross join lateral (values
      (1, format('create role %I nologin', d.key)),
      (2, format('grant %I to %I', v_schema, d.key)),
      -- The server and the worker do not inherit: they can only become the role. The owner, too,
      -- so that administrators can.
      (3, format('grant %I to relvar_server, relvar_worker', d.key)),
      (4, format(case when current_setting('server_version_num')::int >= 160000
        then 'grant %I to relvar_owner with inherit false, set true' else 'grant %I to relvar_owner' end, d.key))
    ) as s (n, statement)
    where d.kind = 'role' and d.is_missing
    -- 1. What must go before tables and columns can change.
    union all
    select case d.kind when 'policy' then 10 when 'trigger' then 11 when 'constraint' then case when (d.have).comment like '@relvar pk%' then 13 else 12 end else 14 end,
      d.kind, d.old_table,
      case d.kind
        when 'policy' then format('drop policy %I on %I.%I', (d.have).name, v_schema, d.old_table)
        when 'trigger' then format('drop trigger %I on %I.%I', (d.have).name, v_schema, d.old_table)
        when 'constraint' then format('alter table %I.%I drop constraint %I', v_schema, d.old_table, (d.have).name)
        when 'index' then format('drop index %I.%I', v_schema, (d.have).name)
        when 'function' then format('drop function %s', (d.have).oid::regprocedure)
      end,
      'AccessExclusive', false, 0, null
    from d
    where d.kind in ('policy', 'trigger', 'constraint', 'index', 'function') and (d.is_extra or d.is_recreated)
      and not (d.is_extra and (d.have).table_key in (select table_key from dropped_tables) and d.kind <> 'constraint')
      and not (d.kind = 'function' and d.is_recreated)
    union all
    select case when (d.have).generated_expr is not null then 20 else 21 end, 'column', d.old_table,
      format('alter table %I.%I drop column %I', v_schema, d.old_table, (d.have).name), 'AccessExclusive', false, d.row_estimate,
      case when d.is_extra then 'The column and its data are dropped.' end
    from d
    where d.kind = 'column' and (d.is_extra or d.is_recreated) and (d.have).table_key not in (select table_key from dropped_tables)
    union all
    select 22, 'table', (d.have).name, format('drop table %I.%I', v_schema, (d.have).name), 'AccessExclusive', false, d.row_estimate,
      'The table and its records are dropped.'
    from d where d.kind = 'table' and d.is_extra
    union all
    -- 2. Renames keep the data. Where the new name is still that of another thing which is renamed
    -- too, the way leads over a name that nobody has.
    select case r.kind when 'table' then 30 when 'column' then 32 else 34 end + s.n, r.kind, r.object_name, s.statement, 'AccessExclusive', false, 0, null
    from (
      select d.kind, case d.kind when 'table' then d.old_table else d.new_table end as object_name, (d.have).name as old, (d.want).name as new,
        case d.kind
          when 'table' then format('alter table %I.%%I rename to %%I', v_schema)
          when 'column' then format('alter table %I.%I rename column %%I to %%I', v_schema, d.new_table)
          when 'constraint' then format('alter table %I.%I rename constraint %%I to %%I', v_schema, d.new_table)
          when 'index' then format('alter index %I.%%I rename to %%I', v_schema)
          when 'policy' then format('alter policy %%I on %I.%I rename to %%I', v_schema, d.new_table)
        end as template,
        case when exists (
          select from renamed o
          where o.key <> d.key and (o.have).name = (d.want).name and (o.kind = d.kind or o.kind in ('constraint', 'index') and d.kind in ('constraint', 'index'))
            and (d.kind <> 'column' or (o.have).table_key = (d.have).table_key)
        ) then 'relvar_' || md5(d.kind || d.key) end as detour
      from renamed d
    ) r
    cross join lateral (values
      (0, format(r.template, r.old, coalesce(r.detour, r.new))),
      (1, case when r.detour is not null then format(r.template, r.detour, r.new) end)
    ) as s (n, statement)
    union all
    -- What lies in the trash goes by the names of columns, too.
    select 36, 'trash', r.new_table, format(
        'update %1$I.trash set data = data - %2$L::text[] || (select coalesce(jsonb_object_agg(n.new, data -> n.old), ''{}'') from unnest(%2$L::text[], %3$L::text[]) n (old, new) where data ? n.old) where object_id = %4$L and data ?| %2$L::text[]',
        v_schema, array_agg((r.have).name order by r.key), array_agg((r.want).name order by r.key), (r.want).table_key), 'RowExclusive', false, 0::bigint, null
    from renamed r where r.kind = 'column' group by r.new_table, (r.want).table_key
    union all
    select 37, 'trash', (d.have).name, format('delete from %I.trash where object_id = %L', v_schema, d.key), 'RowExclusive', false, 0, null
    from d where d.kind = 'table' and d.is_extra
    union all
    -- 3. New tables, whole.
    select 40, 'table', (d.want).name, (
        select format('create table %I.%I (%s)', v_schema, (d.want).name, string_agg(engine.column_clause(c.want), ', ' order by (c.want).name = 'id' desc, (c.want).generated_expr is not null, (c.want).name))
        from d c where c.kind = 'column' and (c.want).table_key = d.key), null, false, 0, null
    from d where d.kind = 'table' and d.is_missing
    union all
    select 41, 'internal', d.key, (d.want).definition, null, false, 0, null
    from d where d.kind = 'internal' and d.is_missing
    union all
    select case when (d.want).generated_expr is null then 42 else 44 end, 'column', d.new_table, format('alter table %I.%I add column %s', v_schema, d.new_table, engine.column_clause(d.want)), 'AccessExclusive',
      (d.want).generated_expr is not null or coalesce((d.want).default_expr ~ '\(', false) and (d.want).default_expr <> 'now()', d.row_estimate, null
    from d where d.kind = 'column' and (d.is_missing or d.is_recreated)
      and not exists (select from d t where t.kind = 'table' and t.is_missing and t.key = (d.want).table_key)
    union all
    select 43, 'column', d.new_table, format('alter table %I.%I alter column %I %s', v_schema, d.new_table, (d.want).name, a.action), 'AccessExclusive', a.rewrites, d.row_estimate, a.note
    from d cross join lateral (values
      (1, case when (d.want).pg_type <> (d.have).pg_type and (d.have).default_expr is not null then 'drop default' end, false, null),
      (2, case when (d.want).pg_type <> (d.have).pg_type then format('type %s using %I::%1$s', (d.want).pg_type, (d.want).name) end, true, 'Each value is converted.'),
      (3, case when (d.want).default_expr is not null and ((d.want).default_expr is distinct from (d.have).default_expr or (d.want).pg_type <> (d.have).pg_type)
          then 'set default ' || (d.want).default_expr
        when (d.want).default_expr is null and (d.have).default_expr is not null and (d.want).pg_type = (d.have).pg_type then 'drop default' end, false, null),
      (4, case when (d.want).not_null and not (d.have).not_null then 'set not null' when (d.have).not_null and not (d.want).not_null then 'drop not null' end, false, null)
    ) as a (n, action, rewrites, note)
    where d.kind = 'column' and not d.is_missing and not d.is_extra and not d.is_recreated and (d.want).generated_expr is null and a.action is not null
    -- 4. Keys, rules, indexes.
    union all
    select case when (d.want).definition like 'primary key%' then 50 when (d.want).definition like 'check%' then 51 else 53 end, d.kind, d.new_table,
      format('alter table %I.%I add constraint %I %s', v_schema, d.new_table, (d.want).name, (d.want).definition), 'ShareRowExclusive', false, d.row_estimate, null
    from d where d.kind = 'constraint' and (d.is_missing or d.is_recreated)
    union all
    select 52, d.kind, d.new_table,
      case when (d.want).definition like 'unique %'
        then format('create unique index %I on %I.%I %s', (d.want).name, v_schema, d.new_table, substr((d.want).definition, 8))
        else format('create index %I on %I.%I %s', (d.want).name, v_schema, d.new_table, (d.want).definition) end,
      'Share', false, d.row_estimate, null
    from d where d.kind = 'index' and (d.is_missing or d.is_recreated)
    -- 5. Who may see and do what. A table without row-level security does not exist for longer than this transaction.
    union all
    select 60, d.kind, d.new_table, s.statement, 'AccessExclusive', false, 0, null
    from d cross join lateral (values
      (format('alter table %I.%I enable row level security', v_schema, d.new_table)),
      (format('alter table %I.%I force row level security', v_schema, d.new_table))
    ) as s (statement)
    where d.kind = 'rls' and not d.is_extra
    union all
    select 61, d.kind, d.new_table, format('create policy %I on %I.%I %s', (d.want).name, v_schema, d.new_table, (d.want).definition), 'AccessExclusive', false, 0, null
    from d where d.kind = 'policy' and (d.is_missing or d.is_recreated)
    union all
    select 62, d.kind, d.new_table, format('create trigger %I ', (d.want).name) || format((d.want).definition, format('%I.%I', v_schema, d.new_table)), 'ShareRowExclusive', false, 0, null
    from d where d.kind = 'trigger' and (d.is_missing or d.is_recreated)
    union all
    select 63, d.kind, coalesce(d.new_table, (d.have).table_name), format('revoke all on %I.%I from %s', v_schema, coalesce(d.new_table, (d.have).table_name),
      case when (d.have).name = 'public' then 'public' else quote_ident((d.have).name) end), null, false, 0, null
    from d where d.kind = 'grant' and not d.is_missing
      and (d.have).table_key not in (select table_key from dropped_tables)
    union all
    select 64, d.kind, d.new_table, format('grant %s on %I.%I to %I', (d.want).definition, v_schema, d.new_table, (d.want).name), null, false, 0, null
    from d where d.kind = 'grant' and not d.is_extra
    union all
    select 70, d.kind, d.key, s.statement, null, false, 0, null
    from d cross join lateral (values
      ((d.want).definition), (format('grant execute on function %I.%I to %I', v_schema, d.key, v_schema))) as s (statement)
    where d.kind = 'function' and (d.is_missing or d.is_recreated)
    -- 6. Identities and descriptions.
    union all
    select 80, 'comment', coalesce(d.new_table, d.key), format('comment on %s is %L', c.target, (d.want).comment), 'ShareUpdateExclusive', false, 0, null
    from d cross join lateral (select case d.kind
        when 'table' then format('table %I.%I', v_schema, (d.want).name)
        when 'internal' then format('table %I.%I', v_schema, (d.want).name)
        when 'column' then format('column %I.%I.%I', v_schema, d.new_table, (d.want).name)
        when 'index' then format('index %I.%I', v_schema, (d.want).name)
        when 'function' then format('function %I.%I', v_schema, (d.want).name)
        else format('%s %I on %I.%I', d.kind, (d.want).name, v_schema, d.new_table) end as target) c
    where (d.want).comment is not null and (d.is_missing or d.is_recreated or (d.want).comment is distinct from (d.have).comment)
    -- 7. Until the commit this locks relvar_crm, which all workspaces share: last, so that several
    -- can be made at a time.
    union all
    select 85, 'schema', v_schema, format('grant relvar_crm to %I', v_schema), null, false, 0, null
    where to_regnamespace(quote_ident(v_schema)) is null
    -- 8. Roles that no longer are.
    union all
    select 90, 'role', d.key, format('drop role %I', d.key), null, false, 0, null
    from d where d.kind = 'role' and d.is_extra
  )
  select row_number() over (order by s.phase, s.ord)::int, s.kind, s.object_name, s.statement, s.lock_level, s.rewrites, s.row_estimate,
    -- What would hold a large table for long. This version applies it at once and says so.
    s.row_estimate > 50000 and (s.rewrites or s.kind in ('index', 'constraint')), s.note
  from (select steps.*, row_number() over () as ord from steps) s
  where s.statement is not null;
end
$function$;
comment on function engine.plan(uuid) is 'The statements that make a workspace''s schema equal to its metadata, in order, each with its lock, whether it rewrites the table, and about how many rows that touches. Empty when nothing differs. Changes nothing.';

CREATE OR REPLACE FUNCTION engine.put_back(schema_name text, object metadata.objects, record_id uuid)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
declare
  v_trash record;
  v_data jsonb;
  v_columns text;
  v_detail text;
begin
  execute format('select * from %I.trash where object_id = $1 and record_id = $2 for update', schema_name)
    into v_trash using (object).id, record_id;
  if v_trash.id is null then
    return false;
  end if;
  v_data := engine.without_dead_links(schema_name, object, record_id, v_trash.data);
  select string_agg(quote_ident(a.attname), ', ') into v_columns
  from pg_catalog.pg_attribute a
  where a.attrelid = format('%I.%I', schema_name, (object).table_name)::regclass
    and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
    and v_data ? a.attname;
  begin
    -- The log believes this setting only of records that are in the trash, so they leave it last.
    perform set_config('relvar.action', 'restored', true);
    execute format('insert into %1$I.%2$I (%3$s) select %3$s from jsonb_populate_record(null::%1$I.%2$I, $1)',
      schema_name, (object).table_name, v_columns) using v_data;
    perform set_config('relvar.action', '', true);
  exception
    when unique_violation then
      get stacked diagnostics v_detail = pg_exception_detail;
      raise exception '"%" cannot be restored: another record has taken its place.', v_trash.label
        using errcode = 'RV014', detail = v_detail, hint = 'Change or delete the other record first.';
    when not_null_violation or check_violation or data_exception then
      raise exception '"%" cannot be restored, since it does not fit its object any more: %', v_trash.label, sqlerrm
        using errcode = 'RV013', hint = 'The object was changed after the record was deleted. Change it back, restore, and change it again.';
  end;
  execute format('delete from %I.trash where id = $1', schema_name) using v_trash.id;
  perform engine.put_back_links(schema_name, object, record_id, v_trash.transaction_id);
  return true;
end
$function$;

CREATE OR REPLACE FUNCTION engine.put_back_links(schema_name text, object metadata.objects, record_id uuid, deleted_in xid8)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
declare
  v_child uuid;
  r record;
begin
  for r in
    select c.name as column_name, ob as object, rel.on_delete
    from metadata.relations rel
    join engine.columns((object).workspace_id) c on c.relation_id = rel.id
    join metadata.objects ob on ob.id = c.object_id
    where rel.target_object_id = (object).id
  loop
    if r.on_delete = 'SET_NULL' then
      execute format(
        'update %1$I.%2$I t set %3$I = $1 from %1$I.record_events e
         where e.transaction_id = $2 and e.object_id = $3 and e.action = ''updated''
           and e.before ->> %3$L = $1::text and t.id = e.record_id and t.%3$I is null',
        schema_name, (r.object).table_name, r.column_name)
      using record_id, deleted_in, (r.object).id;
    elsif r.on_delete = 'CASCADE' then
      for v_child in execute format(
        'select record_id from %I.trash where transaction_id = $1 and object_id = $2 and data ->> $3 = $4', schema_name)
        using deleted_in, (r.object).id, r.column_name, record_id::text
      loop
        perform engine.put_back(schema_name, r.object, v_child);
      end loop;
    end if;
  end loop;
end
$function$;

CREATE OR REPLACE FUNCTION engine.readable_objects(caller name)
 RETURNS SETOF uuid
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO ''
AS $function$
  select o.id
  from metadata.roles r
  join metadata.objects o on o.workspace_id = r.workspace_id
  left join metadata.object_permissions p on p.role_id = r.id and p.object_id = o.id
  where r.pg_role = caller and o.is_active and coalesce(p.can_read, r.can_read_all)
$function$;

CREATE OR REPLACE FUNCTION engine.relay_outbox(max_rows integer DEFAULT 500)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO ''
AS $function$
declare
  v_count int;
  v_notice text;
  v_jobs jsonb;
begin
  with taken as (
    delete from engine.outbox o
    where o.batch in (select b.batch from engine.outbox b order by b.batch limit max_rows for update skip locked)
    returning o.*
  ), named as (
    select t.*, ob.name_singular, ob.table_name, w.schema_name
    from taken t
    join core.workspaces w on w.id = t.workspace_id
    join metadata.objects ob on ob.id = t.object_id
  ), jobs as (
    select jsonb_agg(jsonb_build_object(
      'identifier', 'webhook__deliver',
      'payload', jsonb_build_object('workspace_id', n.workspace_id, 'webhook_id', h.id, 'batch', n.batch),
      'job_key', 'webhook:' || h.id || ':' || n.batch)) as specs
    from named n
    join metadata.webhooks h on h.workspace_id = n.workspace_id and h.is_active and engine.event_matches(h.events, n.name_singular, n.action)
  ), notices as (
    select json_agg(json_build_object('workspace', n.workspace_id, 'object', n.object_id, 'table', n.table_name, 'batch', n.last)) as notice
    from (
      select workspace_id, object_id, table_name, max(batch) as last
      from named group by 1, 2, 3 order by 4 desc limit 40
    ) n
  )
  select (select count(*) from taken), jobs.specs, notices.notice into v_count, v_jobs, v_notice from jobs, notices;
  if v_jobs is not null then
    perform graphile_worker.add_jobs(array(
      select jsonb_populate_record(null::graphile_worker.job_spec, j) from jsonb_array_elements(v_jobs) j));
  end if;
  if v_notice is not null then
    perform pg_notify('relvar_records', v_notice);
  end if;
  return v_count;
end
$function$;
comment on function engine.relay_outbox(integer) is 'Moves up to max_rows outbox rows to jobs and one notification. Returns how many; 0 when the outbox is empty.';

CREATE OR REPLACE FUNCTION engine.restore_record(caller name, schema_name text, object_name text, record_id uuid)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO ''
AS $function$
begin
  return engine.put_back(schema_name, engine.trashed_object(caller, schema_name, object_name), record_id);
end
$function$;

CREATE OR REPLACE FUNCTION engine.role_manages_model(pg_role name)
 RETURNS boolean
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO ''
AS $function$ select coalesce((select r.can_manage_model from metadata.roles r where r.pg_role = role_manages_model.pg_role), false) $function$;

CREATE OR REPLACE FUNCTION engine.search(caller name, schema_name text, query text, max_results integer)
 RETURNS TABLE(object_name text, record_id uuid, label text, rank real)
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO ''
AS $function$
declare
  v_parts text := '';
  v_query tsquery := engine.search_query(query);
  v_limit int := least(greatest(max_results, 1), 100);
  o record;
begin
  if v_query is null then
    return;
  end if;
  for o in
    select ob.name_singular, ob.table_name, engine.label_expression(ob.id, 't') as label
    from core.workspaces w
    join metadata.objects ob on ob.workspace_id = w.id
    where w.schema_name = search.schema_name and ob.is_active and ob.is_searchable and not ob.is_system
      and has_table_privilege(caller, format('%I.%I', w.schema_name, ob.table_name), 'select')
    order by ob.position
  loop
    v_parts := v_parts || case when v_parts = '' then '' else ' union all ' end || format(
      '(select %L::text as object_name, t.id, %s as label, ts_rank(t.search_vector, $1) as rank
        from %I.%I t where t.search_vector @@ $1 limit 1000)', o.name_singular, o.label, schema_name, o.table_name);
  end loop;
  if v_parts = '' then
    return;
  end if;
  return query execute 'select s.object_name, s.id, s.label, s.rank from (' || v_parts || ') s
    order by starts_with(engine.search_text(s.label), $3) desc, s.rank desc, length(s.label), s.id limit $2'
    using v_query, v_limit, engine.search_text(query);
  -- Nothing begins with these letters: offer labels that are spelt alike.
  if not found then
    v_parts := '';
    for o in
      select ob.name_singular, ob.table_name, engine.label_expression(ob.id, 't') as label
      from core.workspaces w
      join metadata.objects ob on ob.workspace_id = w.id
      where w.schema_name = search.schema_name and ob.is_active and ob.is_searchable and not ob.is_system
        and ob.label_field_id is not null
        and has_table_privilege(caller, format('%I.%I', w.schema_name, ob.table_name), 'select')
    loop
      v_parts := v_parts || case when v_parts = '' then '' else ' union all ' end || format(
        '(select %L::text as object_name, t.id, %s as label, public.word_similarity($1, engine.search_text(%3$s)) as rank
          from %I.%I t where engine.search_text(%3$s) operator(public.%%>) $1 limit 1000)',
        o.name_singular, o.label, o.label, schema_name, o.table_name);
    end loop;
    return query execute 'select s.object_name, s.id, s.label, s.rank from (' || v_parts || ') s
      order by s.rank desc, length(s.label), s.id limit $2' using engine.search_text(query), v_limit;
  end if;
end
$function$;

CREATE OR REPLACE FUNCTION engine.search_columns(workspace_id uuid)
 RETURNS TABLE(object_id uuid, key text, name text)
 LANGUAGE sql
 STABLE
 SET search_path TO ''
AS $function$
  select f.object_id, f.id || ':' || c.part, engine.snake_case(f.name) || c.suffix
  from metadata.fields f
  join metadata.objects o on o.id = f.object_id and o.workspace_id = f.workspace_id
  join engine.field_type_columns c on c.type = f.type
  where f.workspace_id = search_columns.workspace_id
    and (f.id = o.label_field_id or f.settings ->> 'searchable' = 'true')
    and c.pg_type = 'text'
    and c.part not in ('primaryPhoneCountryCode', 'primaryLinkLabel', 'currencyCode')
$function$;

CREATE OR REPLACE FUNCTION engine.search_query(query text)
 RETURNS tsquery
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
 SET search_path TO ''
AS $function$
  select string_agg(quote_literal(w) || ':*', ' & ')::tsquery
  from regexp_split_to_table(engine.search_text(query), '[^[:alnum:]]+') w
  where w <> ''
$function$;

CREATE OR REPLACE FUNCTION engine.search_text(content text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
 SET search_path TO ''
AS $function$ select lower(public.unaccent('public.unaccent'::regdictionary, translate(content, '@._-/+:', '       '))) $function$;
comment on function engine.search_text(text) is 'A text as search compares it: lower case, no accents, addresses split into words.';

CREATE OR REPLACE FUNCTION engine.seconds_since_heartbeat(name text)
 RETURNS double precision
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO ''
AS $function$ select extract(epoch from clock_timestamp() - h.seen_at) from engine.heartbeats h where h.name = seconds_since_heartbeat.name $function$;

CREATE OR REPLACE FUNCTION engine.shape(schema_name text)
 RETURNS text
 LANGUAGE sql
 STABLE
 SET search_path TO ''
AS $function$
  with fact as (
    select * from engine.actual(schema_name)
  )
  select md5(string_agg(line, E'\n' order by line collate "C"))
  from (
    select concat_ws('|', f.kind, f.table_name, f.name, f.pg_type, f.not_null, (f.default_expr is not null), (f.generated_expr is not null),
      case when f.kind = 'constraint' then replace(pg_catalog.pg_get_constraintdef(f.oid), schema_name, 'ws') end,
      regexp_replace(coalesce(f.comment, ''), '@relvar[^\n]*\n?', '')) as line
    from fact f
    where f.kind in ('table', 'internal', 'column', 'constraint', 'function')
    union all
    -- The API shows what some role may do, so privileges are part of the shape, roles by number.
    select concat_ws('|', 'grant', f.table_name, replace(f.name, schema_name, 'ws'), f.definition)
    from fact f where f.kind = 'grant'
  ) s
$function$;
comment on function engine.shape(text) is 'Fingerprint of what an API over a tenant schema is made of. Equal shapes share one GraphQL schema.';

CREATE OR REPLACE FUNCTION engine.snake_case(name text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN lower(regexp_replace(name, '([A-Z])'::text, '_\1'::text, 'g'::text));
comment on function engine.snake_case(text) is 'The database name of a camelCase API name: annualRevenue becomes annual_revenue.';

CREATE OR REPLACE FUNCTION engine.sync_standard_application()
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO ''
AS $function$
declare
  v_count int := 0;
  r record;
begin
  for r in
    select w.id, m.manifest from core.workspaces w cross join engine.standard_manifest m
    left join metadata.applications a on a.workspace_id = w.id and a.name = m.manifest ->> 'name'
    where a.manifest is distinct from m.manifest
  loop
    perform metadata.sync_application(r.id, r.manifest);
    v_count := v_count + 1;
  end loop;
  return v_count;
end
$function$;

CREATE OR REPLACE FUNCTION engine.tg_fields__validate()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO ''
AS $function$
declare
  v_value text;
begin
  -- Somebody at a psql prompt need not repeat the workspace of the object.
  new.workspace_id := coalesce(new.workspace_id, (select o.workspace_id from metadata.objects o where o.id = new.object_id));
  new.name := coalesce(new.name, engine.name_from_label(new.label));
  perform engine.assert_name(new.name, 'a field');
  if exists (select from metadata.fields f where f.object_id = new.object_id and f.name = new.name and f.id <> new.id) then
    raise exception 'The object already has a field with the API name "%".', new.name using errcode = 'RV005', column = 'name',
      hint = format('Try "%s2", or use the field that exists.', new.name);
  end if;
  if exists (select from metadata.relations r where r.target_object_id = new.object_id and r.inverse_name = new.name) then
    raise exception 'The object already shows related records under the API name "%".', new.name using errcode = 'RV005', column = 'name',
      hint = format('Try "%s2".', new.name);
  end if;
  if not new.is_system and new.type in ('TS_VECTOR', 'ACTOR', 'POSITION') then
    raise exception 'Fields of type % are made by the engine.', new.type using errcode = 'RV008', column = 'type';
  end if;
  if new.type in ('SELECT', 'MULTI_SELECT') then
    if jsonb_array_length(new.options) = 0 then
      raise exception 'A select needs at least one option.' using errcode = 'RV009', column = 'options',
        hint = 'Give options such as [{"value": "NEW", "label": "New", "color": "blue"}].';
    end if;
    for v_value in select e ->> 'value' from jsonb_array_elements(new.options) e loop
      if v_value is null or v_value !~ '^[A-Za-z][A-Za-z0-9_]{0,62}$' then
        raise exception '"%" cannot be the value of an option.', v_value using errcode = 'RV009', column = 'options',
          hint = 'Use Latin letters, digits and underscores, such as IN_PROGRESS. The label may be any text.';
      end if;
    end loop;
    if (select count(distinct e ->> 'value') <> count(*) from jsonb_array_elements(new.options) e) then
      raise exception 'Two options have the same value.' using errcode = 'RV009', column = 'options';
    end if;
    if exists (
      select from jsonb_array_elements(case jsonb_typeof(new.default_value) when 'array' then new.default_value else jsonb_build_array(new.default_value) end) d
      where new.default_value <> 'null' and not new.options @> jsonb_build_array(jsonb_build_object('value', d))
    ) then
      raise exception 'The default % is not one of the options.', new.default_value using errcode = 'RV009', column = 'default_value';
    end if;
  end if;
  perform engine.assert_default(new.type, new.default_value);
  if tg_op = 'UPDATE' then
    if new.type <> old.type then
      raise exception 'The type of a field cannot be changed yet.' using errcode = 'RV008', column = 'type',
        hint = 'Add a field of the other type and copy the values with an update.';
    end if;
    if old.is_system and (new.name, new.is_active, new.is_required, new.is_unique) is distinct from (old.name, old.is_active, old.is_required, old.is_unique) then
      raise exception 'The field "%" is kept by the engine.', old.label using errcode = 'RV007', column = 'name', hint = 'Its label, icon and description can be changed.';
    end if;
    if not new.is_active and old.is_active and exists (select from metadata.objects o where o.workspace_id = new.workspace_id and o.label_field_id = new.id) then
      raise exception 'The field "%" names the records of its object.', old.label using errcode = 'RV007', column = 'is_active',
        hint = 'Choose another label field for the object first.';
    end if;
  end if;
  return new;
end
$function$;

CREATE OR REPLACE FUNCTION engine.tg_metadata__changed()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO ''
AS $function$
declare
  v_workspace uuid;
begin
  for v_workspace in select distinct c.workspace_id from changed c join core.workspaces w on w.id = c.workspace_id loop
    perform engine.note_change(v_workspace);
  end loop;
  return null;
end
$function$;

CREATE OR REPLACE FUNCTION engine.tg_objects__add_system_fields()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO ''
AS $function$
begin
  insert into metadata.fields (workspace_id, object_id, application_id, name, label, description, icon, type, default_value, is_system, position)
  select new.workspace_id, new.id, new.application_id, f.name, f.label, f.description, f.icon, f.type, f.default_value, true, f.position
  from (values
    ('id', 'Id', 'Identifies the record for good.', 'IconKey', 'UUID', '"uuid"'::jsonb, 1000),
    ('createdAt', 'Created', 'When the record was created.', 'IconCalendarPlus', 'DATE_TIME', '"now"', 1001),
    ('updatedAt', 'Last changed', 'When the record was last changed.', 'IconCalendarClock', 'DATE_TIME', '"now"', 1002),
    ('createdBy', 'Created by', 'Who created the record.', 'IconUserPlus', 'ACTOR', null, 1003),
    ('updatedBy', 'Changed by', 'Who last changed the record.', 'IconUserEdit', 'ACTOR', null, 1004),
    ('position', 'Position', 'Place of the record where people order by hand.', 'IconArrowsSort', 'POSITION', '0', 1005),
    ('searchVector', 'Search', 'What search reads.', 'IconSearch', 'TS_VECTOR', null, 1006)
  ) as f (name, label, description, icon, type, default_value, position)
  where f.type <> 'TS_VECTOR' or new.is_searchable;
  return null;
end
$function$;

CREATE OR REPLACE FUNCTION engine.tg_objects__switch_search()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO ''
AS $function$
begin
  delete from metadata.fields f where f.object_id = new.id and f.type = 'TS_VECTOR';
  if new.is_searchable then
    insert into metadata.fields (workspace_id, object_id, application_id, name, label, description, icon, type, is_system, position)
    values (new.workspace_id, new.id, new.application_id, 'searchVector', 'Search', 'What search reads.', 'IconSearch', 'TS_VECTOR', true, 1006);
  end if;
  return null;
end
$function$;

CREATE OR REPLACE FUNCTION engine.tg_objects__validate()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO ''
AS $function$
declare
  v_taken text;
begin
  new.name_singular := coalesce(new.name_singular, engine.name_from_label(new.label_singular));
  new.name_plural := coalesce(new.name_plural, engine.name_from_label(new.label_plural));
  perform engine.assert_name(new.name_singular, 'an object'), engine.assert_name(new.name_plural, 'an object');
  if new.name_singular = new.name_plural then
    raise exception 'The singular and the plural API name are both "%".', new.name_singular using errcode = 'RV001', column = 'name_plural',
      hint = format('Name the plural "%sRecords", for example.', new.name_singular);
  end if;
  select o.label_plural into v_taken from metadata.objects o
  where o.workspace_id = new.workspace_id and o.id <> new.id
    and (o.name_singular in (new.name_singular, new.name_plural) or o.name_plural in (new.name_singular, new.name_plural)) limit 1;
  if found then
    raise exception 'The object "%" already has this API name.', v_taken using errcode = 'RV005', column = 'name_singular',
      hint = format('Try "%s2", or rename the other object first.', new.name_singular);
  end if;
  if new.label_field_id is not null and not exists (select from metadata.fields f where f.id = new.label_field_id and f.object_id = new.id) then
    raise exception 'The label field must be a field of the object itself.' using errcode = 'RV006', column = 'label_field_id';
  end if;
  if tg_op = 'UPDATE' and old.is_system and (new.name_singular, new.name_plural) is distinct from (old.name_singular, old.name_plural) then
    raise exception 'The API names of % are fixed.', old.label_plural using errcode = 'RV007', column = 'name_singular',
      hint = 'Change its labels instead; they are what people see.';
  end if;
  return new;
end
$function$;

CREATE OR REPLACE FUNCTION engine.tg_pending__apply()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO ''
AS $function$
begin
  -- Reconciled earlier in this transaction, as creating a workspace does.
  delete from engine.pending p where p.workspace_id = new.workspace_id;
  if found then
    perform engine.apply(new.workspace_id);
  end if;
  return null;
end
$function$;

CREATE OR REPLACE FUNCTION engine.tg_records__log()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO ''
AS $function$
declare
  v_object uuid := tg_argv[0];
  v_batch bigint := nextval('engine.event_batch');
  v_actor engine.actor := engine.current_actor();
  v_source text := engine.current_source();
  v_request text := nullif(current_setting('relvar.request_id', true), '');
  v_action text;
begin
  perform set_config('search_path', quote_ident(tg_table_schema) || ', pg_temp', true);
  case tg_op
    when 'INSERT' then
      -- Anybody can write a setting; only what lies in the trash can be restored.
      v_action := case when current_setting('relvar.action', true) = 'restored' and not exists (
          select from new_rows n where not exists (select from trash t where t.object_id = v_object and t.record_id = n.id))
        then 'restored' else 'created' end;
      insert into record_events (batch, seq, object_id, record_id, action, after, actor_type, actor_id, actor_name, source, request_id)
      select v_batch, row_number() over (), v_object, n.id, v_action, to_jsonb(n) - 'search_vector',
        v_actor.type, v_actor.id, v_actor.name, v_source, v_request
      from new_rows n;
    when 'UPDATE' then
      v_action := 'updated';
      -- Only what changed, and nothing for a row that did not.
      insert into record_events (batch, seq, object_id, record_id, action, before, after, actor_type, actor_id, actor_name, source, request_id)
      select v_batch, row_number() over (), v_object, c.id, v_action, c.before, c.after,
        v_actor.type, v_actor.id, v_actor.name, v_source, v_request
      from (
        select n.id, jsonb_object_agg(e.key, e.value) as before, jsonb_object_agg(e.key, j.new -> e.key) as after
        from new_rows n
        join old_rows o on o.id = n.id
        cross join lateral (select to_jsonb(o) as old, to_jsonb(n) as new) j
        cross join lateral jsonb_each(j.old) e
        where e.value is distinct from j.new -> e.key
          and e.key not in ('search_vector', 'updated_at', 'updated_by_source', 'updated_by_member_id', 'updated_by_name')
        group by n.id
      ) c;
    when 'DELETE' then
      v_action := 'deleted';
      insert into record_events (batch, seq, object_id, record_id, action, before, actor_type, actor_id, actor_name, source, request_id)
      select v_batch, row_number() over (), v_object, o.id, v_action, to_jsonb(o) - 'search_vector',
        v_actor.type, v_actor.id, v_actor.name, v_source, v_request
      from old_rows o;
  end case;
  if found then
    insert into engine.outbox (batch, workspace_id, object_id, action) values (v_batch, tg_argv[1]::uuid, v_object, v_action);
  end if;
  return null;
end
$function$;

CREATE OR REPLACE FUNCTION engine.tg_records__touch()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO ''
AS $function$
begin
  if new is distinct from old then
    new.updated_at := now();
    new.updated_by_source := engine.current_source();
    new.updated_by_member_id := engine.current_member();
    new.updated_by_name := engine.actor_name();
  end if;
  return new;
end
$function$;

CREATE OR REPLACE FUNCTION engine.tg_records__trash()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO ''
AS $function$
begin
  -- An id may have been used again since a record of that id was deleted: the later one is kept.
  execute format(
    'insert into %I.trash (object_id, record_id, label, data, deleted_by_name)
     select $1, o.id, %s, to_jsonb(o) - ''search_vector'', $2 from old_rows o
     on conflict (object_id, record_id) do update set label = excluded.label, data = excluded.data, deleted_at = excluded.deleted_at,
       deleted_by_name = excluded.deleted_by_name, transaction_id = excluded.transaction_id',
    tg_table_schema, engine.label_expression(tg_argv[0]::uuid, 'o'))
  using tg_argv[0]::uuid, (engine.current_actor()).name;
  return null;
end
$function$;

CREATE OR REPLACE FUNCTION engine.tg_relations__drop_empty_fields()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO ''
AS $function$
begin
  delete from metadata.fields f
  using gone g
  where f.id = g.field_id and not exists (select from metadata.relations r where r.field_id = f.id);
  return null;
end
$function$;

CREATE OR REPLACE FUNCTION engine.tg_relations__validate()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO ''
AS $function$
begin
  new.workspace_id := coalesce(new.workspace_id, (select f.workspace_id from metadata.fields f where f.id = new.field_id));
  new.inverse_name := coalesce(new.inverse_name, engine.name_from_label(new.inverse_label));
  perform engine.assert_name(new.inverse_name, 'a relation');
  if exists (select from metadata.fields f where f.object_id = new.target_object_id and f.name = new.inverse_name)
    or exists (select from metadata.relations r where r.target_object_id = new.target_object_id and r.inverse_name = new.inverse_name and r.id <> new.id) then
    raise exception 'The other object already uses the API name "%".', new.inverse_name using errcode = 'RV005', column = 'inverse_name',
      hint = format('Try "%s2".', new.inverse_name);
  end if;
  if not exists (select from metadata.fields f where f.id = new.field_id and f.type in ('RELATION', 'MORPH_RELATION')) then
    raise exception 'Only fields of type RELATION or MORPH_RELATION have relations.' using errcode = 'RV008', column = 'field_id';
  end if;
  if exists (select from metadata.fields f join metadata.relations r on r.field_id = f.id and r.id <> new.id where f.id = new.field_id and f.type = 'RELATION') then
    raise exception 'A RELATION points to one object.' using errcode = 'RV008', column = 'field_id', hint = 'Use MORPH_RELATION to point to several.';
  end if;
  return new;
end
$function$;

CREATE OR REPLACE FUNCTION engine.trashed_object(caller name, schema_name text, object_name text)
 RETURNS metadata.objects
 LANGUAGE plpgsql
 STABLE
 SET search_path TO ''
AS $function$
declare
  v_object metadata.objects;
begin
  select o.* into v_object
  from core.workspaces w join metadata.objects o on o.workspace_id = w.id
  where w.schema_name = trashed_object.schema_name and o.name_singular = object_name;
  if not found then
    raise exception 'There is no object "%".', object_name using errcode = 'RV011', hint = 'Give the singular API name, such as person.';
  end if;
  if not has_table_privilege(caller, format('%I.%I', schema_name, v_object.table_name), 'delete') then
    raise exception 'Your role may not delete %, nor restore or destroy what was deleted.', v_object.label_plural using errcode = '42501';
  end if;
  return v_object;
end
$function$;

CREATE OR REPLACE FUNCTION engine.uuid_default()
 RETURNS text
 LANGUAGE sql
 STABLE
 SET search_path TO ''
RETURN CASE WHEN ((current_setting('server_version_num'::text))::integer >= 180000) THEN 'uuidv7()'::text ELSE 'engine.uuidv7()'::text END;

CREATE OR REPLACE FUNCTION engine.uuidv7()
 RETURNS uuid
 LANGUAGE sql
RETURN uuidv7();
comment on function engine.uuidv7() is 'A new time-ordered UUID (version 7).';

CREATE OR REPLACE FUNCTION engine.webhook_delivery(workspace_id uuid, webhook_id uuid, batch bigint)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO ''
AS $function$
declare
  v_hook record;
  v_payloads jsonb;
begin
  select h.target_url, h.events, w.schema_name into v_hook
  from metadata.webhooks h join core.workspaces w on w.id = h.workspace_id
  where h.id = webhook_id and h.workspace_id = webhook_delivery.workspace_id and h.is_active;
  if not found then
    return null;
  end if;
  execute format(
    'select jsonb_agg(jsonb_build_object(
        ''id'', e.batch || ''-'' || e.seq, ''type'', o.name_singular || ''.'' || e.action, ''timestamp'', e.happened_at,
        ''workspaceId'', $2, ''object'', o.name_singular, ''recordId'', e.record_id, ''actor'', jsonb_build_object(''type'', e.actor_type, ''id'', e.actor_id, ''name'', e.actor_name),
        ''before'', e.before, ''after'', e.after) order by e.seq)
     from %I.record_events e join metadata.objects o on o.id = e.object_id where e.batch = $1', v_hook.schema_name)
  into v_payloads using batch, workspace_id;
  return jsonb_build_object('url', v_hook.target_url, 'payloads', coalesce(v_payloads, '[]'));
end
$function$;

CREATE OR REPLACE FUNCTION engine.without_dead_links(schema_name text, object metadata.objects, record_id uuid, data jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO ''
AS $function$
declare
  v_data jsonb := data;
  v_lives boolean;
  r record;
begin
  for r in
    select c.name, c.not_null, t.table_name, t.label_singular
    from engine.columns((object).workspace_id) c
    join metadata.relations rel on rel.id = c.relation_id
    join metadata.objects t on t.id = rel.target_object_id
    where c.object_id = (object).id and jsonb_typeof(data -> c.name) = 'string'
      and not (t.id = (object).id and data ->> c.name = record_id::text)
  loop
    execute format('select exists (select from %I.%I where id = $1)', schema_name, r.table_name) into v_lives using (data ->> r.name)::uuid;
    if not v_lives and r.not_null then
      raise exception 'The record needs its %, which is deleted too.', r.label_singular
        using errcode = 'RV013', hint = format('Restore the %s first.', r.label_singular);
    elsif not v_lives then
      v_data := v_data || jsonb_build_object(r.name, null);
    end if;
  end loop;
  return v_data;
end
$function$;

CREATE OR REPLACE FUNCTION engine.workspace_of_role(pg_role name)
 RETURNS uuid
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO ''
AS $function$ select r.workspace_id from metadata.roles r where r.pg_role = workspace_of_role.pg_role $function$;

CREATE OR REPLACE FUNCTION metadata.create_field(object_id uuid, label text, type text, name text DEFAULT NULL::text, description text DEFAULT ''::text, icon text DEFAULT NULL::text, settings jsonb DEFAULT '{}'::jsonb, options jsonb DEFAULT '[]'::jsonb, default_value jsonb DEFAULT NULL::jsonb, is_required boolean DEFAULT false, is_unique boolean DEFAULT false, target_object_id uuid DEFAULT NULL::uuid, inverse_label text DEFAULT NULL::text, inverse_name text DEFAULT NULL::text, on_delete text DEFAULT 'SET_NULL'::text)
 RETURNS metadata.fields
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
declare
  v_field metadata.fields;
  v_object metadata.objects;
begin
  select * into v_object from metadata.objects o where o.id = create_field.object_id;
  if not found then
    raise exception 'There is no such object.' using errcode = 'RV011', column = 'object_id';
  end if;
  if create_field.type in ('RELATION', 'MORPH_RELATION') and create_field.target_object_id is null then
    raise exception 'A relation needs the object that it points to.' using errcode = 'RV008', column = 'target_object_id';
  end if;
  insert into metadata.fields (object_id, name, label, description, icon, type, settings, options, default_value, is_required, is_unique, position)
  values (create_field.object_id, create_field.name, btrim(create_field.label),
    coalesce(create_field.description, ''), create_field.icon, create_field.type, coalesce(create_field.settings, '{}'),
    coalesce(create_field.options, '[]'), create_field.default_value, coalesce(create_field.is_required, false), coalesce(create_field.is_unique, false),
    (select coalesce(max(f.position), 0) + 1 from metadata.fields f where f.object_id = create_field.object_id and not f.is_system))
  returning * into v_field;
  if create_field.type in ('RELATION', 'MORPH_RELATION') then
    insert into metadata.relations (field_id, target_object_id, inverse_label, inverse_name, on_delete)
    values (v_field.id, create_field.target_object_id, coalesce(create_field.inverse_label, v_object.label_plural),
      coalesce(create_field.inverse_name, case when create_field.inverse_label is null then v_object.name_plural end),
      coalesce(create_field.on_delete, 'SET_NULL'));
  end if;
  return v_field;
end
$function$;
comment on function metadata.create_field(uuid,text,text,text,text,text,jsonb,jsonb,jsonb,boolean,boolean,uuid,text,text,text) is 'Creates a field. For a RELATION give the target object, and how the other side names these records.';

CREATE OR REPLACE FUNCTION metadata.create_object(label_singular text, label_plural text, name_singular text DEFAULT NULL::text, name_plural text DEFAULT NULL::text, description text DEFAULT ''::text, icon text DEFAULT 'IconBox'::text, color text DEFAULT NULL::text)
 RETURNS metadata.objects
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
declare
  v_object metadata.objects;
  v_field uuid;
begin
  insert into metadata.objects (name_singular, name_plural, label_singular, label_plural, description, icon, color, position)
  values (create_object.name_singular, create_object.name_plural,
    btrim(create_object.label_singular), btrim(create_object.label_plural), coalesce(create_object.description, ''),
    coalesce(create_object.icon, 'IconBox'), create_object.color,
    (select coalesce(max(o.position), 0) + 1 from metadata.objects o))
  returning * into v_object;
  insert into metadata.fields (object_id, name, label, type, icon, position)
  values (v_object.id, 'name', 'Name', 'TEXT', 'IconAbc', 0) returning id into v_field;
  update metadata.objects o set label_field_id = v_field where o.id = v_object.id returning * into v_object;
  return v_object;
end
$function$;
comment on function metadata.create_object(text,text,text,text,text,text,text) is 'Creates an object with a text field "name". API names follow from the labels unless they are given. The table exists when the transaction commits.';

CREATE OR REPLACE FUNCTION metadata.model()
 RETURNS jsonb
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO ''
AS $function$
  select engine.model_of(engine.workspace_of_role(current_setting('role')::name))
$function$;
comment on function metadata.model() is 'The data model of the workspace: version, objects, fields, columns and relations, as one JSON value.';

CREATE OR REPLACE FUNCTION metadata.model_version()
 RETURNS bigint
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO ''
AS $function$
  select w.model_version from core.workspaces w where w.id = engine.workspace_of_role(current_setting('role')::name)
$function$;
comment on function metadata.model_version() is 'Number of the model; it rises by one with each transaction that changes it. Send it as X-Metadata-Version to be served by a schema that knows the change.';

CREATE OR REPLACE FUNCTION metadata.sync_application(workspace_id uuid, manifest jsonb)
 RETURNS uuid
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO ''
AS $function$
declare
  v_application metadata.applications;
  v_id uuid;
begin
  -- Members call it with their own workspace only, administrators with any. A person's own login
  -- may have inherited the right to call it without having taken a role.
  if not (current_setting('role') in ('none', 'relvar_owner') and pg_catalog.pg_has_role(session_user, 'relvar_owner', 'member'))
    and (engine.workspace_of_role(current_setting('role')::name) is distinct from sync_application.workspace_id
      or not engine.role_manages_model(current_setting('role')::name)) then
    raise exception 'Your role may not install applications here.' using errcode = '42501';
  end if;
  if coalesce(sync_application.manifest ->> 'name', '') = '' or jsonb_typeof(sync_application.manifest -> 'objects') is distinct from 'array' then
    raise exception 'A manifest needs a name and a list of objects.' using errcode = 'RV030',
      hint = 'See db/standard/manifest.json for one that works.';
  end if;

  select a.* into v_application from metadata.applications a
  where a.workspace_id = sync_application.workspace_id and a.name = sync_application.manifest ->> 'name' for update;
  if found and v_application.manifest = sync_application.manifest then
    return v_application.id;
  end if;
  insert into metadata.applications as a (workspace_id, name, version, manifest)
  values (sync_application.workspace_id, sync_application.manifest ->> 'name', coalesce(sync_application.manifest ->> 'version', '0'), sync_application.manifest)
  on conflict on constraint applications_workspace_id_name_key do update set version = excluded.version, manifest = excluded.manifest
  returning a.id into v_id;

  with new_objects as (
    select o.* from engine.manifest_objects(sync_application.manifest) o
  ), old_objects as (
    select o.* from engine.manifest_objects(v_application.manifest) o
  ), updated as (
    update metadata.objects t set
      label_singular = case when n.label_singular is distinct from p.label_singular then n.label_singular else t.label_singular end,
      label_plural = case when n.label_plural is distinct from p.label_plural then n.label_plural else t.label_plural end,
      description = case when n.description is distinct from p.description then n.description else t.description end,
      icon = case when n.icon is distinct from p.icon then n.icon else t.icon end
    from new_objects n join old_objects p using (universal_identifier)
    where t.workspace_id = sync_application.workspace_id and t.universal_identifier = n.universal_identifier
      and (n.label_singular, n.label_plural, n.description, n.icon) is distinct from (p.label_singular, p.label_plural, p.description, p.icon)
  )
  insert into metadata.objects (workspace_id, application_id, universal_identifier, name_singular, name_plural, label_singular, label_plural,
    description, icon, color, is_system, is_searchable, position)
  select sync_application.workspace_id, v_id, n.universal_identifier, n.name_singular, n.name_plural, n.label_singular, n.label_plural,
    n.description, n.icon, n.color, n.is_system, n.is_searchable, n.position
  from new_objects n
  where not exists (select from metadata.objects t where t.workspace_id = sync_application.workspace_id and t.universal_identifier = n.universal_identifier)
  order by n.position;

  with new_fields as (
    select f.*, o.id as object_id from engine.manifest_fields(sync_application.manifest) f
    join metadata.objects o on o.workspace_id = sync_application.workspace_id and o.universal_identifier = f.object_identifier
  ), old_fields as (
    select f.* from engine.manifest_fields(v_application.manifest) f
  ), updated as (
    update metadata.fields t set
      label = case when n.label is distinct from p.label then n.label else t.label end,
      description = case when n.description is distinct from p.description then n.description else t.description end,
      icon = case when n.icon is distinct from p.icon then n.icon else t.icon end,
      settings = case when n.settings is distinct from p.settings then n.settings else t.settings end,
      options = case when n.options is distinct from p.options then n.options else t.options end,
      default_value = case when n.default_value is distinct from p.default_value then n.default_value else t.default_value end
    from new_fields n join old_fields p using (universal_identifier)
    where t.workspace_id = sync_application.workspace_id and t.universal_identifier = n.universal_identifier
      and (n.label, n.description, n.icon, n.settings, n.options, n.default_value)
        is distinct from (p.label, p.description, p.icon, p.settings, p.options, p.default_value)
  )
  insert into metadata.fields (workspace_id, object_id, application_id, universal_identifier, name, label, description, icon, type, settings,
    options, default_value, is_required, is_unique, position)
  select sync_application.workspace_id, n.object_id, v_id, n.universal_identifier, n.name, n.label, n.description, n.icon, n.type, n.settings,
    n.options, n.default_value, n.is_required, n.is_unique, n.position
  from new_fields n
  where not exists (select from metadata.fields t where t.workspace_id = sync_application.workspace_id and t.universal_identifier = n.universal_identifier)
  order by n.object_identifier, n.position;

  insert into metadata.relations (workspace_id, field_id, target_object_id, inverse_name, inverse_label, on_delete)
  select sync_application.workspace_id, f.id, o.id, r ->> 'inverseName', r ->> 'inverseLabel', coalesce(r ->> 'onDelete', 'SET_NULL')
  from engine.manifest_fields(sync_application.manifest) n
  join metadata.fields f on f.workspace_id = sync_application.workspace_id and f.universal_identifier = n.universal_identifier
  cross join lateral jsonb_array_elements(n.relations) r
  join metadata.objects o on o.workspace_id = sync_application.workspace_id and o.name_singular = r ->> 'target'
  where not exists (select from metadata.relations t where t.field_id = f.id and t.target_object_id = o.id);

  update metadata.objects o set label_field_id = f.id
  from engine.manifest_objects(sync_application.manifest) n
  join metadata.fields f on f.workspace_id = sync_application.workspace_id and f.universal_identifier = n.universal_identifier || '.' || n.label_field
  where o.workspace_id = sync_application.workspace_id and o.universal_identifier = n.universal_identifier and o.label_field_id is null;
  return v_id;
end
$function$;
comment on function metadata.sync_application(uuid,jsonb) is 'Installs or upgrades an application from its manifest: objects, fields and relations. Returns the application''s id. What the workspace has changed itself is kept.';

grant execute on function core.applied_migrations() to relvar_server;

grant execute on function core.create_session(uuid,uuid,bytea,timestamp with time zone) to relvar_server;

grant execute on function core.end_session(bytea) to relvar_server;

grant execute on function core.find_login(text) to relvar_server;

grant execute on function core.gateway_workspace(uuid) to relvar_server;

grant execute on function core.list_versions() to relvar_server;

grant execute on function core.resolve_api_key(bytea) to relvar_server;

grant execute on function core.resolve_session(bytea) to relvar_server;

grant execute on function engine.actor_basis() to public;

grant execute on function engine.actor_is_known() to public;

grant execute on function engine.actor_name() to public;

grant execute on function engine.current_actor() to public;

grant execute on function engine.current_member() to public;

grant execute on function engine.current_source() to public;

grant execute on function engine.current_workspace() to public;

grant execute on function engine.destroy_record(name,text,text,uuid) to relvar_crm;

grant execute on function engine.find_actor() to public;

grant execute on function engine.find_member() to public;

grant execute on function engine.heartbeat(text) to relvar_worker;

grant execute on function engine.is_api_name(text) to public;

grant execute on function engine.is_trusted_session() to public;

grant execute on function engine.may_manage_model() to public;

grant execute on function engine.readable_objects(name) to public;

grant execute on function engine.relay_outbox(integer) to relvar_worker;

grant execute on function engine.restore_record(name,text,text,uuid) to relvar_crm;

grant execute on function engine.role_manages_model(name) to public;

grant execute on function engine.search(name,text,text,integer) to relvar_crm;

grant execute on function engine.search_text(text) to public;

grant execute on function engine.seconds_since_heartbeat(text) to relvar_server;

grant execute on function engine.seconds_since_heartbeat(text) to relvar_worker;

grant execute on function engine.snake_case(text) to public;

grant execute on function engine.uuidv7() to public;

grant execute on function engine.webhook_delivery(uuid,uuid,bigint) to relvar_worker;

grant execute on function engine.workspace_of_role(name) to public;

grant execute on function metadata.create_field(uuid,text,text,text,text,text,jsonb,jsonb,jsonb,boolean,boolean,uuid,text,text,text) to relvar_crm;

grant execute on function metadata.create_object(text,text,text,text,text,text,text) to relvar_crm;

grant execute on function metadata.model() to relvar_crm;

grant execute on function metadata.model_version() to relvar_crm;

grant execute on function metadata.sync_application(uuid,jsonb) to relvar_crm;

grant usage on schema core to relvar_server;

grant usage on schema core to relvar_worker;

grant usage on schema engine to relvar_server;

grant usage on schema engine to relvar_worker;

grant usage on schema metadata to relvar_crm;

grant select (id, installed_at, name, version, workspace_id) on table metadata.applications to relvar_crm;

grant delete, insert (default_value, description, icon, id, is_active, is_required, is_unique, label, name, object_id, options, position, settings, type), select, update (default_value, description, icon, is_active, is_required, is_unique, label, name, options, position, settings) on table metadata.fields to relvar_crm;

grant select on table metadata.object_permissions to relvar_crm;

grant delete, insert (color, description, icon, id, is_active, is_audited, is_searchable, label_field_id, label_plural, label_singular, name_plural, name_singular, position), select, update (color, description, icon, is_active, is_audited, is_searchable, label_field_id, label_plural, label_singular, name_plural, name_singular, position) on table metadata.objects to relvar_crm;

grant delete, insert (field_id, id, inverse_label, inverse_name, on_delete, target_object_id), select, update (inverse_label, inverse_name, on_delete) on table metadata.relations to relvar_crm;

grant select on table metadata.roles to relvar_crm;

grant delete, insert (events, id, is_active, name, target_url), select, update (events, is_active, name, target_url) on table metadata.webhooks to relvar_crm;
