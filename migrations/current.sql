-- The metadata engine, whole: formulas, rollups, rules, many-to-many, indexes, type changes, plans,
-- history, applications, drift.

-- ── engine: what is derived is dropped first and made anew from db/sql ───────────────────────────
drop type engine.column_spec, engine.fact, engine.difference, engine.step cascade;
drop function engine.manifest_objects(jsonb), engine.manifest_fields(jsonb), engine.search_columns(uuid), engine.effective_permissions(uuid), engine.apply(uuid), engine.assert_columns_differ(uuid),
  engine.note_change(uuid), metadata.create_object(text, text, text, text, text, text, text),
  metadata.create_field(uuid, text, text, text, text, text, jsonb, jsonb, jsonb, boolean, boolean, uuid, text, text, text);

-- ── metadata ────────────────────────────────────────────────────────────────────────────────────

-- Deleting an object or a field hides it under a name of the engine's and keeps the data until the
-- grace period ends, so names are unique among those that are not deleted.
alter table metadata.objects
  drop column table_name cascade,
  add column deleted_at timestamptz,
  add column deleted_by_name text,
  add column is_junction boolean not null default false,
  add column image_field_id uuid,
  add column duplicate_criteria jsonb not null default '[]' check (jsonb_typeof(duplicate_criteria) = 'array'),
  drop constraint objects_workspace_id_name_singular_key,
  drop constraint objects_workspace_id_name_plural_key;
alter table metadata.objects
  add column table_name text not null generated always as (
    case when deleted_at is null then engine.snake_case(name_plural) else 'deleted_' || right(replace(id::text, '-', ''), 12) end) stored,
  add constraint objects_workspace_id_table_name_key unique (workspace_id, table_name),
  add foreign key (workspace_id, image_field_id) references metadata.fields (workspace_id, id)
    on delete set null (image_field_id) deferrable initially deferred;
create unique index objects_name_singular_key on metadata.objects (workspace_id, name_singular) where deleted_at is null;
create unique index objects_name_plural_key on metadata.objects (workspace_id, name_plural) where deleted_at is null;
create index on metadata.objects (workspace_id, image_field_id);

alter table metadata.fields
  add column deleted_at timestamptz,
  add column deleted_by_name text,
  add column required_from timestamptz,
  add column junction_field_id uuid,
  add column result_type text,
  add column compiled jsonb,
  add column revision int not null default 1,
  drop constraint fields_object_id_name_key,
  add foreign key (workspace_id, junction_field_id) references metadata.fields (workspace_id, id) on delete cascade;
create unique index fields_name_key on metadata.fields (object_id, name) where deleted_at is null;
create index on metadata.fields (workspace_id, junction_field_id);

alter table metadata.relations
  add column deleted_at timestamptz,
  drop constraint relations_field_id_target_object_id_key,
  drop constraint relations_target_object_id_inverse_name_key;
create unique index relations_field_id_target_key on metadata.relations (field_id, target_object_id) where deleted_at is null;
create unique index relations_inverse_name_key on metadata.relations (target_object_id, inverse_name) where deleted_at is null;

alter table metadata.applications
  add column removed text[] not null default '{}',
  add column warnings jsonb not null default '[]';

alter table metadata.roles
  add column application_id uuid,
  add column universal_identifier text,
  add unique (workspace_id, universal_identifier),
  add foreign key (workspace_id, application_id) references metadata.applications (workspace_id, id);
create index on metadata.roles (workspace_id, application_id);

create table metadata.rules (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  object_id uuid not null,
  field_id uuid,
  application_id uuid,
  universal_identifier text,
  kind text not null check (kind in ('REQUIRED', 'RANGE', 'LENGTH', 'PATTERN', 'CONDITION', 'UNIQUE')),
  settings jsonb not null default '{}' check (jsonb_typeof(settings) = 'object'),
  condition text,
  compiled jsonb,
  message text not null default '',
  applies_from timestamptz,
  is_active boolean not null default true,
  position double precision not null default 0,
  created_at timestamptz not null default now(),
  unique (workspace_id, id),
  unique (workspace_id, universal_identifier),
  foreign key (workspace_id, object_id) references metadata.objects (workspace_id, id) on delete cascade,
  foreign key (workspace_id, field_id) references metadata.fields (workspace_id, id) on delete cascade,
  foreign key (workspace_id, application_id) references metadata.applications (workspace_id, id)
);
comment on table metadata.rules is 'What records of an object must fulfil. Each rule is a constraint of the object''s table, so it holds whoever writes.';
create index on metadata.rules (workspace_id, object_id);
create index on metadata.rules (workspace_id, field_id);
create index on metadata.rules (workspace_id, application_id);

create table metadata.indexes (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  object_id uuid not null,
  application_id uuid,
  universal_identifier text,
  name text not null check (name <> ''),
  kind text not null default 'BTREE' check (kind in ('BTREE', 'GIN', 'TRIGRAM')),
  parts jsonb not null check (jsonb_typeof(parts) = 'array' and parts <> '[]'),
  condition text,
  compiled jsonb,
  created_at timestamptz not null default now(),
  unique (workspace_id, id),
  unique (object_id, name),
  unique (workspace_id, universal_identifier),
  foreign key (workspace_id, object_id) references metadata.objects (workspace_id, id) on delete cascade,
  foreign key (workspace_id, application_id) references metadata.applications (workspace_id, id)
);
comment on table metadata.indexes is 'Indexes that people add to an object, besides those that the engine keeps for relations, unique fields, search and labels.';
create index on metadata.indexes (workspace_id, object_id);
create index on metadata.indexes (workspace_id, application_id);

create table metadata.views (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  object_id uuid not null,
  application_id uuid,
  universal_identifier text,
  name text not null check (name <> ''),
  icon text,
  type text not null default 'TABLE' check (type in ('TABLE', 'BOARD', 'CALENDAR', 'GALLERY')),
  filter jsonb,
  sorts jsonb not null default '[]' check (jsonb_typeof(sorts) = 'array'),
  group_field_id uuid,
  position double precision not null default 0,
  created_at timestamptz not null default now(),
  unique (workspace_id, id),
  unique (workspace_id, universal_identifier),
  foreign key (workspace_id, object_id) references metadata.objects (workspace_id, id) on delete cascade,
  foreign key (workspace_id, group_field_id) references metadata.fields (workspace_id, id) on delete set null (group_field_id),
  foreign key (workspace_id, application_id) references metadata.applications (workspace_id, id)
);
comment on table metadata.views is 'Saved ways of looking at the records of an object.';
create index on metadata.views (workspace_id, object_id);
create index on metadata.views (workspace_id, group_field_id);
create index on metadata.views (workspace_id, application_id);

create table metadata.view_fields (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  view_id uuid not null,
  field_id uuid not null,
  width int check (width between 40 and 2000),
  is_visible boolean not null default true,
  position double precision not null default 0,
  unique (workspace_id, id),
  unique (view_id, field_id),
  foreign key (workspace_id, view_id) references metadata.views (workspace_id, id) on delete cascade,
  foreign key (workspace_id, field_id) references metadata.fields (workspace_id, id) on delete cascade
);
comment on table metadata.view_fields is 'The columns of a view.';
create index on metadata.view_fields (workspace_id, view_id);
create index on metadata.view_fields (workspace_id, field_id);

create table metadata.aliases (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  object_id uuid not null,
  field_id uuid,
  kind text not null check (kind in ('SINGULAR', 'PLURAL', 'FIELD')),
  name text not null,
  created_at timestamptz not null default now(),
  unique (workspace_id, id),
  foreign key (workspace_id, object_id) references metadata.objects (workspace_id, id) on delete cascade,
  foreign key (workspace_id, field_id) references metadata.fields (workspace_id, id) on delete cascade,
  check ((kind = 'FIELD') = (field_id is not null))
);
comment on table metadata.aliases is 'API names that objects and fields had before. They go on working until they are deleted here.';
create unique index aliases_object_name_key on metadata.aliases (workspace_id, name) where field_id is null;
create unique index aliases_field_name_key on metadata.aliases (object_id, name) where field_id is not null;
create index on metadata.aliases (workspace_id, object_id);
create index on metadata.aliases (workspace_id, field_id);

create table metadata.model_versions (
  workspace_id uuid not null references core.workspaces on delete cascade,
  version bigint not null,
  actor_type text not null,
  actor_id uuid,
  actor_name text,
  source text not null,
  statements text[] not null default '{}',
  happened_at timestamptz not null default now(),
  primary key (workspace_id, version)
);
comment on table metadata.model_versions is E'@behavior -insert -update -delete\nThe history of the model: who changed it, when, and by which statements.';

create table metadata.model_changes (
  workspace_id uuid not null,
  version bigint not null,
  seq bigint not null generated always as identity,
  table_name text not null,
  row_id uuid not null,
  before jsonb,
  after jsonb,
  primary key (workspace_id, version, seq),
  foreign key (workspace_id, version) references metadata.model_versions (workspace_id, version) on delete cascade deferrable initially deferred
);
comment on table metadata.model_changes is E'@behavior -insert -update -delete\nThe rows of metadata that a version of the model changed, before and after.';
create index on metadata.model_changes (workspace_id, row_id);

create table metadata.type_changes (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  field_id uuid not null,
  from_type text not null,
  from_settings jsonb not null,
  from_options jsonb not null,
  from_default_value jsonb,
  from_revision int not null,
  to_type text not null,
  to_settings jsonb not null default '{}',
  to_options jsonb not null default '[]',
  to_default_value jsonb,
  to_revision int not null,
  failed_values bigint not null default 0,
  status text not null default 'DONE' check (status in ('RUNNING', 'DONE', 'UNDONE')),
  changed_at timestamptz not null default now(),
  unique (workspace_id, id),
  foreign key (workspace_id, field_id) references metadata.fields (workspace_id, id) on delete cascade
);
comment on table metadata.type_changes is E'@behavior -insert -update -delete\nChanges of the types of fields. Until the grace period ends the former column is kept, and the change can be undone.';
create index on metadata.type_changes (workspace_id, field_id);

create table metadata.online_changes (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  object_id uuid,
  key text not null,
  kind text not null check (kind in ('INDEX', 'VALIDATE', 'NOT_NULL', 'NUMBER', 'BACKFILL', 'TYPE')),
  statement text not null,
  status text not null default 'QUEUED' check (status in ('QUEUED', 'RUNNING', 'FAILED', 'DONE')),
  rows_done bigint not null default 0,
  last_id uuid,
  rows_total bigint,
  attempts int not null default 0,
  error text,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz,
  unique (workspace_id, id)
);
comment on table metadata.online_changes is E'@behavior -insert -update -delete\nWhat a job does to large tables after the model was changed, without blocking who works with them: builds of indexes, checks of old records, fills of columns.';
create unique index online_changes_open_key on metadata.online_changes (workspace_id, key) where status <> 'DONE';
create index on metadata.online_changes (workspace_id, object_id);

create table metadata.ignored_drift (
  workspace_id uuid not null references core.workspaces on delete cascade,
  kind text not null,
  key text not null,
  basis text not null,
  reason text not null default '',
  ignored_by_name text,
  ignored_at timestamptz not null default now(),
  primary key (workspace_id, kind, key)
);
comment on table metadata.ignored_drift is 'Differences between the database and the model that somebody decided to leave, until they change again.';

-- Columns of former types, kept for undo until the grace period ends.
create table engine.retired_columns (
  workspace_id uuid not null references core.workspaces on delete cascade,
  object_id uuid not null,
  field_id uuid not null,
  revision int not null,
  key text not null,
  name text not null,
  pg_type text not null,
  retired_at timestamptz not null default now(),
  primary key (workspace_id, key)
);

-- The shape of each object; that of the workspace is the hash of these.
create table engine.object_shapes (
  workspace_id uuid not null references core.workspaces on delete cascade,
  object_key text not null,
  shape text not null,
  primary key (workspace_id, object_key)
);

-- Which settings the fields of a type may have.
create table engine.field_type_settings (
  type text not null references engine.field_types,
  key text not null,
  json_type text not null check (json_type in ('boolean', 'number', 'string', 'array')),
  allowed text[],
  low numeric,
  high numeric,
  description text not null,
  primary key (type, key)
);

-- Which engine each workspace was last reconciled by.
create table engine.reconciled (
  workspace_id uuid primary key references core.workspaces on delete cascade,
  version text not null,
  reconciled_at timestamptz not null default now()
);

-- The history of the model speaks of rows by their id.
alter table metadata.object_permissions add column id uuid not null default engine.uuidv7(), add unique (workspace_id, id);

-- Which objects a transaction touched; null means all.
alter table engine.pending add column objects uuid[];

alter table engine.settings
  add column grace_days int not null default 30 check (grace_days between 0 and 3650),
  add column online_rows bigint not null default 50000 check (online_rows >= 0);

-- ── sign-in ─────────────────────────────────────────────────────────────────────────────────────
create table core.auth_events (
  id uuid primary key default engine.uuidv7(),
  happened_at timestamptz not null default now(),
  workspace_id uuid references core.workspaces on delete cascade,
  user_id uuid references core.users on delete set null,
  email text,
  kind text not null check (kind ~ '^[A-Z][A-Z0-9_]+$'),
  ip inet,
  user_agent text,
  detail jsonb not null default '{}' check (jsonb_typeof(detail) = 'object')
);
comment on table core.auth_events is 'The audit of sign-ins: every sign-in, refusal, session, key and second factor.';
create index on core.auth_events (workspace_id, id);
create index on core.auth_events (user_id, id);

create unlogged table core.attempts (
  key text primary key,
  window_start timestamptz not null,
  window_end timestamptz not null,
  count int not null
);
comment on table core.attempts is 'How often something was tried since its period began.';

-- ── mail ────────────────────────────────────────────────────────────────────────────────────────
create table core.mail_outbox (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid references core.workspaces on delete cascade,
  to_address text not null,
  template text not null,
  props jsonb not null default '{}' check (jsonb_typeof(props) = 'object'),
  locale text not null default 'en',
  subject text,
  html text,
  body_text text,
  queued_at timestamptz not null default now(),
  attempts int not null default 0,
  sent_at timestamptz,
  kept_at timestamptz,
  failed_at timestamptz,
  error text
);
comment on table core.mail_outbox is 'Mails to send, and for 30 days which were sent, kept (no SMTP server is configured) or given up. The letter itself is kept only where nothing sends it.';
create index on core.mail_outbox (queued_at);
create index on core.mail_outbox (workspace_id);

-- Sessions get short tokens that are signed, and long ones that are used once. Whoever has a session of the old kind signs
-- in again.
delete from core.sessions;
drop function core.create_session(uuid, uuid, bytea, timestamptz), core.resolve_session(bytea), core.end_session(bytea);
alter table core.sessions
  drop column token_hash,
  add column method text not null check (method ~ '^[A-Z][A-Z0-9_]+$'),
  add column user_agent text,
  add column ip inet,
  add column last_used_at timestamptz not null default now(),
  add column revoked_at timestamptz,
  add column revoked_reason text,
  add column mfa_at timestamptz,
  add column impersonator_user_id uuid references core.users on delete cascade;
comment on table core.sessions is 'Who is signed in where. A session is the family of refresh tokens that follow from one sign-in.';
comment on column core.sessions.impersonator_user_id is 'Who acts as the user, where it is somebody else.';
create index on core.sessions (impersonator_user_id);
create index on core.sessions (expires_at);

create table core.refresh_tokens (
  token_hash bytea primary key,
  session_id uuid not null references core.sessions on delete cascade,
  issued_at timestamptz not null default now(),
  used_at timestamptz,
  expires_at timestamptz not null
);
comment on table core.refresh_tokens is 'Tokens by which a session gets its next access token. Each is used once; one that comes again tells of theft.';
create index on core.refresh_tokens (session_id);

create table core.signing_keys (
  kid text primary key,
  public_jwk jsonb not null,
  private_jwk text not null,
  created_at timestamptz not null default now(),
  retired_at timestamptz,
  not_after timestamptz
);
comment on table core.signing_keys is 'The keys that sign access tokens. A retired one still verifies until not_after. Private keys are sealed with a secret that the database does not have.';

alter table core.users
  add column is_instance_admin boolean not null default false,
  add column password_changed_at timestamptz,
  add column disabled_at timestamptz;
comment on column core.users.is_instance_admin is 'May enter workspaces that allow it as any of their members. The first user of an instance is one.';
update core.users u set is_instance_admin = true where u.id = (select f.id from core.users f order by f.created_at, f.id limit 1);

alter table core.api_keys
  alter column role_id drop not null,
  add column member_id uuid references core.members on delete cascade,
  add column rate_limit int check (rate_limit between 1 and 1000000),
  add column last_used_at timestamptz,
  add column created_by_name text,
  add check ((role_id is null) <> (member_id is null));
comment on table core.api_keys is 'Keys of programs: with a role of their own, or personal ones that act as a member.';
create index on core.api_keys (member_id);

alter type core.identity
  add attribute session_id uuid,
  add attribute rate_limit int,
  add attribute impersonator_id uuid,
  add attribute impersonator_name text;

-- ── accounts ────────────────────────────────────────────────────────────────────────────────────
alter table core.users
  add column email_verified_at timestamptz,
  add column locale text not null default 'en';
alter table core.members add column avatar_url text;
comment on column core.users.email_verified_at is 'When the user proved that the e-mail address is theirs, by a link that was sent to it.';
-- Whoever has an account by now was let in by an administrator.
update core.users set email_verified_at = created_at;

create table core.one_time_tokens (
  id uuid primary key default engine.uuidv7(),
  kind text not null check (kind in ('VERIFY_EMAIL', 'RESET_PASSWORD', 'MAGIC_LINK', 'CHANGE_EMAIL', 'APPROVE_DOMAIN')),
  token_hash bytea not null unique,
  user_id uuid references core.users on delete cascade,
  email text not null,
  workspace_id uuid references core.workspaces on delete cascade,
  payload jsonb not null default '{}' check (jsonb_typeof(payload) = 'object'),
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  used_at timestamptz
);
comment on table core.one_time_tokens is 'Links in mails. Each works once and for a short time; only its SHA-256 is stored.';
create index on core.one_time_tokens (user_id);
create index on core.one_time_tokens (workspace_id);
create index on core.one_time_tokens (expires_at);

create table core.invitations (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  email text not null,
  role_id uuid,
  token_hash bytea not null unique,
  invited_by_name text not null,
  created_at timestamptz not null default now(),
  sent_at timestamptz not null default now(),
  expires_at timestamptz not null,
  accepted_at timestamptz,
  revoked_at timestamptz,
  foreign key (workspace_id, role_id) references metadata.roles (workspace_id, id) on delete set null (role_id)
);
comment on table core.invitations is 'Who was invited to a workspace, and with which role; null for its default role.';
create unique index invitations_open_key on core.invitations (workspace_id, lower(email)) where accepted_at is null and revoked_at is null;
create index on core.invitations (workspace_id, role_id);

-- A workspace without a row has decided nothing.
create table core.joining (
  workspace_id uuid primary key references core.workspaces on delete cascade,
  invite_link_hash bytea unique,
  is_invite_link_on boolean not null default false,
  is_magic_link_on boolean not null default true
);
comment on table core.joining is 'How people get into a workspace, besides by invitation.';

create table core.member_photos (
  id uuid primary key default gen_random_uuid(),
  member_id uuid not null unique references core.members on delete cascade,
  media_type text not null check (media_type in ('image/png', 'image/jpeg', 'image/webp')),
  content bytea not null check (octet_length(content) <= 100 * 1024)
);
comment on table core.member_photos is 'Small pictures of members. Their ids are random, and change with the picture.';

create table core.approved_domains (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  domain text not null check (domain = lower(domain) and domain ~ '^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$'),
  requested_email text not null,
  created_at timestamptz not null default now(),
  approved_at timestamptz,
  unique (workspace_id, domain)
);
comment on table core.approved_domains is 'E-mail domains whose people join a workspace by themselves, once somebody with an address there has agreed.';
create index on core.approved_domains (domain);

-- ── roles and permissions ───────────────────────────────────────────────────────────────────────

-- One row for each workspace, made with it.
create table core.workspace_settings (
  workspace_id uuid primary key references core.workspaces on delete cascade,
  default_role_id uuid,
  foreign key (workspace_id, default_role_id) references metadata.roles (workspace_id, id) on delete set null (default_role_id)
);
comment on table core.workspace_settings is 'What a workspace has decided about its members and their sign-in.';
create index on core.workspace_settings (workspace_id, default_role_id);

alter table core.members add unique (workspace_id, id);

drop function engine.may_manage_model() cascade;
drop function engine.role_manages_model(name);
drop function engine.trashed_object(name, text, text);
drop function engine.put_back(text, metadata.objects, uuid), engine.put_back_links(text, metadata.objects, uuid, xid8),
  engine.without_dead_links(text, metadata.objects, uuid, jsonb);
alter table metadata.roles
  add column permissions text[] not null default '{}',
  add column has_all_permissions boolean not null default false,
  add column can_destroy_all boolean not null default true,
  add column assignable_to text[] not null default '{MEMBERS,API_KEYS,APPLICATIONS,AGENTS,WORKFLOWS}'
    check (assignable_to <@ '{MEMBERS,API_KEYS,APPLICATIONS,AGENTS,WORKFLOWS}'),
  add column icon text,
  add column created_at timestamptz not null default now();
comment on table metadata.roles is 'The CRM roles of a workspace. Each is a role of PostgreSQL: what it may do is what that role is granted.';

create table metadata.role_includes (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  role_id uuid not null,
  included_role_id uuid not null,
  unique (workspace_id, id),
  unique (role_id, included_role_id),
  foreign key (workspace_id, role_id) references metadata.roles (workspace_id, id) on delete cascade,
  foreign key (workspace_id, included_role_id) references metadata.roles (workspace_id, id) on delete cascade
);
comment on table metadata.role_includes is E'@behavior -update\nRoles that a role includes: it may do all that they may, as one role of PostgreSQL that was granted another.';
create index on metadata.role_includes (workspace_id, role_id);
create index on metadata.role_includes (workspace_id, included_role_id);

alter table metadata.object_permissions
  drop constraint object_permissions_pkey,
  add primary key (id),
  add unique (role_id, object_id),
  alter column can_read drop not null,
  alter column can_create drop not null,
  alter column can_update drop not null,
  alter column can_delete drop not null,
  add column can_destroy boolean,
  add column field_mode text not null default 'ALL_EXCEPT' check (field_mode in ('ALL_EXCEPT', 'ONLY'));
comment on table metadata.object_permissions is 'Where a role differs from its own defaults for one object.';

create table metadata.field_permissions (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  role_id uuid not null,
  object_id uuid not null,
  field_id uuid not null,
  can_read boolean,
  can_update boolean,
  unique (workspace_id, id),
  unique (role_id, field_id),
  foreign key (workspace_id, role_id) references metadata.roles (workspace_id, id) on delete cascade,
  foreign key (workspace_id, object_id) references metadata.objects (workspace_id, id) on delete cascade,
  foreign key (workspace_id, field_id) references metadata.fields (workspace_id, id) on delete cascade
);
comment on table metadata.field_permissions is 'Fields that a role may not read or write, or, where the object''s field_mode is ONLY, may.';
create index on metadata.field_permissions (workspace_id, role_id);
create index on metadata.field_permissions (workspace_id, object_id);
create index on metadata.field_permissions (workspace_id, field_id);

create table metadata.record_rules (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  role_id uuid not null,
  object_id uuid not null,
  action text not null default 'READ' check (action in ('READ', 'UPDATE', 'DELETE')),
  name text not null default '',
  condition text not null,
  compiled jsonb,
  created_at timestamptz not null default now(),
  unique (workspace_id, id),
  unique (role_id, object_id, action),
  unique (role_id, name),
  foreign key (workspace_id, role_id) references metadata.roles (workspace_id, id) on delete cascade,
  foreign key (workspace_id, object_id) references metadata.objects (workspace_id, id) on delete cascade
);
comment on table metadata.record_rules is 'Which records of an object a role reads, changes or deletes. Each is a policy of the object''s table.';
create index on metadata.record_rules (workspace_id, role_id);
create index on metadata.record_rules (workspace_id, object_id);

create table metadata.teams (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  name text not null check (name <> ''),
  description text not null default '',
  parent_team_id uuid,
  created_at timestamptz not null default now(),
  unique (workspace_id, id),
  unique (workspace_id, name),
  foreign key (workspace_id, parent_team_id) references metadata.teams (workspace_id, id) on delete set null (parent_team_id)
);
comment on table metadata.teams is 'Teams of members, in a hierarchy.';
create index on metadata.teams (workspace_id, parent_team_id);

create table metadata.team_members (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  team_id uuid not null,
  member_id uuid not null,
  is_lead boolean not null default false,
  unique (workspace_id, id),
  unique (team_id, member_id),
  foreign key (workspace_id, team_id) references metadata.teams (workspace_id, id) on delete cascade,
  foreign key (workspace_id, member_id) references core.members (workspace_id, id) on delete cascade
);
comment on table metadata.team_members is 'Who is in a team, and who leads it.';
create index on metadata.team_members (workspace_id, team_id);
create index on metadata.team_members (workspace_id, member_id);

alter table metadata.objects add column is_private boolean not null default false;

-- Roles whose rights a transaction touched.
alter table engine.pending add column roles text[] not null default '{}';

create table core.totp (
  user_id uuid primary key references core.users on delete cascade,
  secret text not null,
  created_at timestamptz not null default now(),
  confirmed_at timestamptz,
  last_step bigint not null default 0
);
comment on table core.totp is 'Second factors by time. The secret is sealed; last_step is the last one used, so that no code works twice.';

create table core.recovery_codes (
  user_id uuid not null references core.users on delete cascade,
  code_hash bytea not null,
  used_at timestamptz,
  primary key (user_id, code_hash)
);
comment on table core.recovery_codes is 'Codes for who has lost the second factor. Each works once.';

create table core.trusted_devices (
  token_hash bytea primary key,
  user_id uuid not null references core.users on delete cascade,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);
comment on table core.trusted_devices is 'Browsers that proved the second factor and need not again for a while.';
create index on core.trusted_devices (user_id);

alter table core.workspace_settings add column is_mfa_enforced boolean not null default false;

-- ── functions, in the order of their types ──────────────────────────────────────────────────────
--!include engine/identity.sql
--!include core/attempts.sql
--!include core/auth_events.sql
--!include core/sign_in.sql
--!include core/signing_keys.sql
--!include engine/field_types.sql
--!include engine/fields.sql
--!include engine/formula/refusals.sql
--!include engine/formula/functions.sql
--!include engine/formula/tokens.sql
--!include engine/formula/parse.sql
--!include engine/formula/types.sql
--!include engine/formula/check.sql
--!include engine/formula/render.sql
--!include engine/formula/print.sql
--!include engine/formula/compile.sql
--!include engine/formula/screen.sql
--!include engine/computed/fields.sql
--!include engine/convert/parse.sql
--!include engine/convert/routes.sql
--!include engine/rules/values.sql
--!include engine/online/pending.sql
--!include engine/permissions/flags.sql
--!include engine/permissions/rights.sql
--!include engine/permissions/policy.sql
--!include engine/permissions/principals.sql
--!include engine/permissions/sharing.sql
--!include engine/permissions/past.sql
--!include engine/desired.sql
--!include engine/permissions/security.sql
--!include engine/computed/triggers.sql
--!include engine/computed/fill.sql
--!include engine/rules/rules.sql
--!include engine/rules/fields.sql
--!include engine/rules/text.sql
--!include engine/rules/indexes.sql
--!include engine/duplicates.sql
--!include engine/rules/explain.sql
--!include engine/actual.sql
--!include engine/online/kept.sql
--!include engine/difference.sql
--!include engine/online/numbering.sql
--!include engine/permissions/difference.sql
--!include engine/convert/check.sql
--!include engine/online/queue.sql
--!include engine/plan.sql
--!include engine/shape.sql
--!include engine/apply.sql
--!include engine/pending.sql
--!include engine/reconcile.sql
--!include engine/events.sql
--!include engine/trash.sql
--!include engine/search.sql
--!include metadata/access.sql
--!include metadata/rights.sql
--!include metadata/validate.sql
--!include metadata/role_rights.sql
--!include metadata/my_permissions.sql
--!include engine/permissions/explain.sql
--!include engine/field_settings.sql
--!include metadata/rules.sql
--!include metadata/computed.sql
--!include metadata/deletion.sql
--!include metadata/many_to_many.sql
--!include engine/convert/change.sql
--!include engine/convert/undo.sql
--!include engine/online/conversion.sql
--!include engine/online/work.sql
--!include engine/online/lock.sql
--!include engine/convert/preview.sql
--!include metadata/aliases.sql
--!include metadata/uses.sql
--!include metadata/replace.sql
--!include metadata/create.sql
--!include metadata/restore.sql
--!include metadata/references.sql
--!include metadata/roles.sql
--!include metadata/changes.sql
--!include metadata/violations.sql
--!include metadata/plan.sql
--!include metadata/history.sql
--!include metadata/revert.sql
--!include metadata/manifest.sql
--!include metadata/merge.sql
--!include metadata/bundle.sql
--!include metadata/sync.sql
--!include metadata/reset.sql
--!include metadata/defaults.sql
--!include metadata/statistics.sql
--!include engine/drift/drift.sql
--!include engine/drift/express.sql
--!include engine/drift/resolve.sql
--!include metadata/drift.sql
--!include core/mail.sql
--!include core/tokens.sql
--!include core/members.sql
--!include core/accounts.sql
--!include core/sign_up.sql
--!include metadata/members.sql
--!include metadata/joining.sql
--!include metadata/profile.sql
--!include core/sessions.sql
--!include engine/lint.sql
--!include metadata/model.sql
--!include metadata/keys.sql
--!include core/second_factor.sql
--!include metadata/comments.sql
--!include core/workspaces.sql

-- Required texts and lists could be blank so far; those that are there may stay so.
update metadata.fields f set settings = f.settings || '{"allowBlank": true}'
where f.is_required and not f.is_system and f.type in ('TEXT', 'RICH_TEXT', 'FULL_NAME', 'EMAILS', 'PHONES', 'LINKS', 'ADDRESS', 'ARRAY', 'MULTI_SELECT', 'RAW_JSON', 'FILES');

-- The roles that there are. What follows from them is made when each workspace is reconciled, after this.
alter table metadata.roles disable trigger user;
alter table metadata.object_permissions disable trigger user;
update metadata.roles r set has_all_permissions = r.can_manage_model and r.is_system,
  permissions = case when r.name = 'Member' and r.is_system then engine.member_permissions() when r.can_manage_model and not r.is_system then '{API_KEYS_AND_WEBHOOKS,APPLICATIONS,DATA_MODEL,VIEWS}' else '{}' end,
  icon = case r.name when 'Admin' then 'IconShieldStar' when 'Member' then 'IconUser' end;
insert into metadata.roles (workspace_id, name, description, icon, pg_role, is_system, permissions, can_create_all, can_update_all, can_delete_all, can_destroy_all)
select w.id, n.name, 'May read all records and change none.', 'IconEye',
  w.schema_name || '_r_' || (select max(substring(r.pg_role from '_r_([0-9]+)$')::int) + 1 from metadata.roles r where r.workspace_id = w.id), true, '{DOWNLOAD_FILE,EXPORT_CSV,PROFILE_INFORMATION}', false, false, false, false
from core.workspaces w
cross join lateral (select case when exists (select from metadata.roles r where r.workspace_id = w.id and r.name = 'Read-only') then 'Read-only (standard)' else 'Read-only' end as name) n;
insert into core.workspace_settings (workspace_id, default_role_id)
select w.id, (select r.id from metadata.roles r where r.workspace_id = w.id and r.is_system and r.name = 'Member') from core.workspaces w;
alter table metadata.roles enable trigger user;
alter table metadata.object_permissions enable trigger user;
alter table metadata.roles drop column can_manage_model;
