-- The foundation: who may sign in (core), what a workspace's model should be (metadata) and the
-- machinery that makes it so (engine). Tables stand here; functions, triggers and policies are
-- included from db/sql, one idea a file.

create schema core;
create schema metadata;
create schema engine;

comment on schema core is 'Users, sessions, workspaces, members and keys. Never exposed by an API.';
comment on schema metadata is 'The data model of every workspace as desired state. Exposed at /metadata, row-level security by workspace.';
comment on schema engine is 'The functions that keep tenant schemas equal to metadata, and the outbox.';

-- Nothing is executable unless a grant says so.
alter default privileges revoke execute on functions from public;

-- The group that every CRM role belongs to: what all members of all workspaces may do (read their
--! own metadata) is granted to it once.
do $$
begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'relvar_crm') then
    create role relvar_crm nologin;
  end if;
end
$$;

--!include engine/uuid.sql
--!include engine/names.sql

-- ── core ────────────────────────────────────────────────────────────────────────────────────────

create table core.users (
  id uuid primary key default engine.uuidv7(),
  email text not null check (email ~ '^[^@\s]+@[^@\s]+$'),
  name text not null default '',
  password_hash text,
  created_at timestamptz not null default now()
);
create unique index users_email_key on core.users (lower(email));

create table core.workspaces (
  id uuid primary key default engine.uuidv7(),
  slug text not null unique check (slug ~ '^[a-z][a-z0-9-]{1,38}[a-z0-9]$'),
  name text not null check (name <> ''),
  schema_name text not null unique check (schema_name ~ '^ws_[a-z0-9]+$'),
  model_version bigint not null default 0,
  shape text,
  created_at timestamptz not null default now()
);

create table core.sessions (
  id uuid primary key default engine.uuidv7(),
  token_hash bytea not null unique,
  user_id uuid not null references core.users on delete cascade,
  workspace_id uuid not null references core.workspaces on delete cascade,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);
create index on core.sessions (user_id);
create index on core.sessions (workspace_id);

-- ── metadata ────────────────────────────────────────────────────────────────────────────────────
-- Each row bears its workspace, and each reference repeats it, so that the database itself refuses
-- a field of one workspace in an object of another.

create table metadata.applications (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  name text not null,
  version text not null,
  manifest jsonb not null,
  installed_at timestamptz not null default now(),
  unique (workspace_id, id),
  unique (workspace_id, name)
);
comment on table metadata.applications is 'Bundles of objects and fields installed in the workspace. The standard objects are the first.';

create table metadata.objects (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  application_id uuid,
  universal_identifier text,
  name_singular text not null,
  name_plural text not null,
  table_name text not null generated always as (engine.snake_case(name_plural)) stored,
  label_singular text not null check (label_singular <> ''),
  label_plural text not null check (label_plural <> ''),
  description text not null default '',
  icon text not null default 'IconBox',
  color text,
  label_field_id uuid,
  is_active boolean not null default true,
  is_system boolean not null default false,
  is_searchable boolean not null default true,
  is_audited boolean not null default true,
  position double precision not null default 0,
  created_at timestamptz not null default now(),
  unique (workspace_id, id),
  unique (workspace_id, name_singular),
  unique (workspace_id, name_plural),
  unique (workspace_id, table_name),
  unique (workspace_id, universal_identifier),
  foreign key (workspace_id, application_id) references metadata.applications (workspace_id, id),
  constraint objects_name_singular_check check (engine.is_api_name(name_singular)),
  constraint objects_name_plural_check check (engine.is_api_name(name_plural)),
  constraint objects_names_differ check (name_singular <> name_plural)
);
comment on table metadata.objects is E'@behavior -insert -delete\nThe kinds of record of a workspace. Each active or inactive object is a table in the workspace''s schema.';
create index on metadata.objects (workspace_id, application_id);

create table metadata.fields (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  object_id uuid not null,
  application_id uuid,
  universal_identifier text,
  name text not null,
  label text not null check (label <> ''),
  description text not null default '',
  icon text,
  type text not null,
  settings jsonb not null default '{}' check (jsonb_typeof(settings) = 'object'),
  options jsonb not null default '[]' check (jsonb_typeof(options) = 'array'),
  default_value jsonb,
  is_required boolean not null default false,
  is_unique boolean not null default false,
  is_active boolean not null default true,
  is_system boolean not null default false,
  position double precision not null default 0,
  created_at timestamptz not null default now(),
  unique (workspace_id, id),
  unique (object_id, name),
  unique (workspace_id, universal_identifier),
  foreign key (workspace_id, object_id) references metadata.objects (workspace_id, id) on delete cascade,
  foreign key (workspace_id, application_id) references metadata.applications (workspace_id, id),
  constraint fields_name_check check (engine.is_api_name(name))
);
comment on table metadata.fields is E'@behavior -insert -delete\nThe fields of an object. A field is one or more columns of the object''s table.';
create index on metadata.fields (workspace_id, object_id);
create index on metadata.fields (workspace_id, application_id);

alter table metadata.objects
  add foreign key (workspace_id, label_field_id) references metadata.fields (workspace_id, id)
    on delete set null (label_field_id) deferrable initially deferred;
create index on metadata.objects (workspace_id, label_field_id);

create table metadata.relations (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  field_id uuid not null,
  target_object_id uuid not null,
  inverse_name text not null,
  inverse_label text not null check (inverse_label <> ''),
  on_delete text not null default 'SET_NULL' check (on_delete in ('SET_NULL', 'CASCADE', 'RESTRICT')),
  unique (workspace_id, id),
  unique (field_id, target_object_id),
  unique (target_object_id, inverse_name),
  foreign key (workspace_id, field_id) references metadata.fields (workspace_id, id) on delete cascade,
  foreign key (workspace_id, target_object_id) references metadata.objects (workspace_id, id) on delete cascade,
  constraint relations_inverse_name_check check (engine.is_api_name(inverse_name))
);
comment on table metadata.relations is E'@behavior -insert -delete\nOne row per foreign key: a RELATION field has one, a MORPH_RELATION field one for each object it may point to.';
create index on metadata.relations (workspace_id, field_id);
create index on metadata.relations (workspace_id, target_object_id);

create table metadata.roles (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  name text not null check (name <> ''),
  description text not null default '',
  pg_role text not null unique,
  is_system boolean not null default false,
  can_manage_model boolean not null default false,
  can_read_all boolean not null default true,
  can_create_all boolean not null default true,
  can_update_all boolean not null default true,
  can_delete_all boolean not null default true,
  unique (workspace_id, id),
  unique (workspace_id, name)
);
comment on table metadata.roles is E'@behavior -insert -update -delete\nThe CRM roles of a workspace. Each is a role of PostgreSQL: what it may do is what that role is granted.';

create table metadata.object_permissions (
  workspace_id uuid not null references core.workspaces on delete cascade,
  role_id uuid not null,
  object_id uuid not null,
  can_read boolean not null,
  can_create boolean not null,
  can_update boolean not null,
  can_delete boolean not null,
  primary key (role_id, object_id),
  foreign key (workspace_id, role_id) references metadata.roles (workspace_id, id) on delete cascade,
  foreign key (workspace_id, object_id) references metadata.objects (workspace_id, id) on delete cascade
);
comment on table metadata.object_permissions is E'@behavior -insert -update -delete\nWhere a role differs from its own defaults for one object.';
create index on metadata.object_permissions (workspace_id, role_id);
create index on metadata.object_permissions (workspace_id, object_id);

create table metadata.webhooks (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  name text not null default '',
  target_url text not null check (target_url ~ '^https?://[^\s]+$'),
  events text[] not null default '{*.*}' check (events <> '{}'),
  is_active boolean not null default true,
  created_at timestamptz not null default now()
);
comment on table metadata.webhooks is 'URLs that are called when records change.';
comment on column metadata.webhooks.events is 'Patterns object.action, for example person.created, company.* or *.*.';
create index on metadata.webhooks (workspace_id);

-- ── core, continued: what refers to roles ───────────────────────────────────────────────────────

create table core.members (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  user_id uuid not null references core.users on delete cascade,
  role_id uuid not null,
  name text not null default '',
  login_role text,
  is_active boolean not null default true,
  created_at timestamptz not null default now(),
  unique (workspace_id, user_id),
  unique (workspace_id, login_role),
  foreign key (workspace_id, role_id) references metadata.roles (workspace_id, id)
);
comment on column core.members.id is 'Also the id of the member''s record in the tenant''s workspace_members.';
comment on column core.members.login_role is 'The member''s own database login, for psql and BI tools; null when there is none.';
create index on core.members (user_id);
create index on core.members (workspace_id, role_id);

create table core.api_keys (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  role_id uuid not null,
  name text not null,
  prefix text not null,
  token_hash bytea not null unique,
  expires_at timestamptz,
  revoked_at timestamptz,
  created_at timestamptz not null default now(),
  foreign key (workspace_id, role_id) references metadata.roles (workspace_id, id) on delete cascade
);
create index on core.api_keys (workspace_id, role_id);

-- ── engine ──────────────────────────────────────────────────────────────────────────────────────

create table engine.settings (
  only_row boolean primary key default true check (only_row),
  ddl_enabled boolean not null default true
);
comment on table engine.settings is 'Instance-wide switches. ddl_enabled = false refuses every change of a data model, for hot upgrades.';
insert into engine.settings default values;

create table engine.standard_manifest (
  only_row boolean primary key default true check (only_row),
  manifest jsonb not null
);

create table engine.pending (
  workspace_id uuid primary key references core.workspaces on delete cascade
);
comment on table engine.pending is 'Workspaces whose metadata this transaction has changed. Its deferred trigger reconciles each once, at commit.';

create table engine.field_types (
  type text primary key,
  label text not null
);
create table engine.field_type_columns (
  type text not null references engine.field_types,
  part text not null,
  suffix text not null,
  pg_type text not null,
  position int not null,
  primary key (type, part)
);
alter table metadata.fields add constraint fields_type_known foreign key (type) references engine.field_types;
create index on metadata.fields (type);

create sequence engine.event_batch;
create table engine.outbox (
  batch bigint primary key,
  workspace_id uuid not null,
  object_id uuid not null,
  action text not null,
  created_at timestamptz not null default now()
);
comment on table engine.outbox is 'One row per statement that changed records, taken in batches by the relay. No foreign keys: the write path stays short.';

create table engine.heartbeats (
  name text primary key,
  seen_at timestamptz not null default now()
);

--!include engine/field_types.sql
--!include engine/identity.sql
--!include engine/fields.sql
--!include engine/desired.sql
--!include engine/actual.sql
--!include engine/difference.sql
--!include engine/plan.sql
--!include engine/shape.sql
--!include engine/apply.sql
--!include engine/pending.sql
--!include engine/events.sql
--!include engine/trash.sql
--!include engine/search.sql
--!include engine/outbox.sql
--!include engine/lint.sql
--!include metadata/comments.sql
--!include metadata/access.sql
--!include metadata/validate.sql
--!include metadata/model.sql
--!include metadata/create.sql
--!include metadata/sync.sql
--!include core/workspaces.sql
--!include core/members.sql
--!include core/sign_in.sql
--!include core/migrations.sql
