-- ── layouts of records' pages ─────────────────────────────────────────────────────────────────
create table metadata.layouts (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  object_id uuid not null,
  role_id uuid,
  content jsonb not null,
  version int not null default 1,
  updated_at timestamptz not null default now(),
  unique nulls not distinct (object_id, role_id),
  foreign key (workspace_id, object_id) references metadata.objects (workspace_id, id) on delete cascade,
  foreign key (workspace_id, role_id) references metadata.roles (workspace_id, id) on delete cascade
);
comment on table metadata.layouts is 'How the pages of an object''s records are arranged, for everybody or for a role.';
create index on metadata.layouts (workspace_id, object_id);
create index on metadata.layouts (workspace_id, role_id);

--!include metadata/layouts.sql
--!include metadata/access.sql
--!include metadata/changes.sql
--!include metadata/manifest.sql

-- Notes and tasks: rich texts that several write, recurrences and reminders.
drop function core.task_columns(uuid);

--!include core/notifications/tasks.sql
--!include core/notifications/reminders.sql
--!include engine/field_settings.sql
--!include engine/tasks/recurrence.sql
--!include engine/tasks/repeat.sql
--!include engine/texts/save_text.sql
--!include engine/desired.sql
--!include engine/internals.sql
--!include metadata/notes.sql
--!include metadata/bundle.sql
--!include metadata/deletion.sql
--!include engine/duplicates/inbox.sql
--!include engine/search.sql
drop function engine.search_query(text);

-- Records to try a workspace with, by their ids, so that they can be taken out again; and who has put the list of first steps away.
create table core.sample_records (
  workspace_id uuid not null references core.workspaces on delete cascade,
  object_id uuid not null,
  record_id uuid not null,
  loaded_at timestamptz not null default now(),
  primary key (workspace_id, record_id),
  foreign key (workspace_id, object_id) references metadata.objects (workspace_id, id) on delete cascade
);
comment on table core.sample_records is 'Which records were loaded to try the workspace with.';
create index on core.sample_records (workspace_id, object_id);
alter table core.workspace_settings add column start_dismissed_at timestamptz;
comment on column core.workspace_settings.start_dismissed_at is 'When somebody put the list of first steps away.';
alter table core.members add column start_dismissed_at timestamptz;
comment on column core.members.start_dismissed_at is 'When the member put the own list of first steps away.';
--!include engine/samples/data.sql
--!include engine/samples/samples.sql
--!include metadata/onboarding.sql
