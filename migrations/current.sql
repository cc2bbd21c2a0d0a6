-- ── how close lines stand ─────────────────────────────────────────────────────────────────────
alter table core.members add column if not exists density text not null default 'COMFORTABLE';
alter table core.members drop constraint if exists members_density_check;
alter table core.members add constraint members_density_check check (density in ('COMPACT', 'COMFORTABLE', 'SPACIOUS'));
comment on column core.members.density is 'How close lines stand in the screens of the member.';
-- ── keys of one's own ──────────────────────────────────────────────────────────────────────────
alter table core.members add column if not exists shortcuts jsonb not null default '{}';
comment on column core.members.shortcuts is 'The keys that the member presses for shortcuts of the screen, where they are others than the usual ones.';
-- It takes a further argument.
drop function if exists metadata.update_my_profile(text, text, text, text, text, text, text, text);
--!include metadata/profile.sql
-- ── mails in the language of who reads them ────────────────────────
drop function if exists core.request_sign_up(text, text, inet, text);
--!include core/mail.sql
--!include core/sign_up.sql
--!include engine/link_records.sql
--!include engine/internals.sql
--!include metadata/lists.sql
--!include core/imports/run.sql
--!include core/imports/start.sql
-- Indexes that lists are sorted by.
drop function if exists engine.desired_model_indexes(uuid, uuid[]);
drop function if exists engine.index_definition(metadata.indexes);
drop function if exists engine.index_name(text, uuid);
--!include engine/rules/indexes.sql
--!include engine/difference.sql
--!include engine/drift/resolve.sql
-- Views show records also as a timeline of bars and on a map.
alter table metadata.views drop constraint if exists views_type_check;
alter table metadata.views add constraint views_type_check check (type in ('TABLE', 'BOARD', 'CALENDAR', 'TIMELINE', 'GALLERY', 'MAP'));
--!include engine/views/layout.sql
--!include metadata/views.sql

-- A workspace without files was said to have one.
--!include metadata/file_storage.sql
-- ── exports that come again ───────────────────────────────────────────────────────────────────
create table if not exists metadata.scheduled_exports (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  owner_id uuid references core.members on delete set null,
  name text not null,
  object_id uuid not null,
  view_id uuid,
  filter jsonb,
  sorts jsonb not null default '[]',
  field_ids uuid[],
  format text not null default 'csv' check (format in ('csv', 'xlsx', 'ndjson', 'vcard')),
  has_ids boolean not null default false,
  is_human boolean not null default true,
  is_guarded boolean not null default true,
  recurrence text not null,
  time_zone text not null default 'UTC',
  next_at timestamptz,
  destination text not null default 'EMAIL' check (destination in ('EMAIL', 'S3')),
  recipients uuid[] not null default '{}',
  bucket jsonb,
  is_active boolean not null default true,
  stopped_reason text,
  failures int not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  foreign key (workspace_id, object_id) references metadata.objects (workspace_id, id) on delete cascade
);
create index if not exists scheduled_exports_workspace_id_object_id_idx on metadata.scheduled_exports (workspace_id, object_id);
create index if not exists scheduled_exports_owner_id_idx on metadata.scheduled_exports (owner_id);
create index if not exists scheduled_exports_next_at_idx on metadata.scheduled_exports (next_at) where is_active and deleted_at is null;

create table if not exists core.export_secrets (
  export_id uuid primary key references metadata.scheduled_exports on delete cascade,
  workspace_id uuid not null references core.workspaces on delete cascade,
  sealed text not null,
  kept_at timestamptz not null default now()
);
create index if not exists export_secrets_workspace_id_idx on core.export_secrets (workspace_id);
comment on table core.export_secrets is 'Secrets of the buckets that exports go to, sealed with a key that the database does not have.';

create table if not exists core.export_runs (
  id uuid primary key default engine.uuidv7(),
  export_id uuid not null references metadata.scheduled_exports on delete cascade,
  workspace_id uuid not null references core.workspaces on delete cascade,
  state text not null default 'WAITING' check (state in ('WAITING', 'RUNNING', 'DONE', 'FAILED')),
  is_manual boolean not null default false,
  attempts int not null default 0,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz,
  rows bigint,
  bytes bigint,
  file_name text,
  media_type text,
  place text,
  is_file_kept boolean not null default false,
  file_expires_at timestamptz,
  failure jsonb
);
create index if not exists export_runs_export_id_idx on core.export_runs (export_id, id);
create index if not exists export_runs_workspace_id_idx on core.export_runs (workspace_id);
create index if not exists export_runs_file_expires_at_idx on core.export_runs (file_expires_at) where is_file_kept;
comment on table core.export_runs is 'What became of each run of a scheduled export. The file of one that was mailed is kept under the id of the run for as long as its links are good.';

alter table core.notifications drop constraint if exists notifications_kind_check;
alter table core.notifications add constraint notifications_kind_check check (kind in ('TASK_ASSIGNED', 'TASK_DUE', 'MENTION', 'REPLY', 'SHARED', 'IMPORT_FINISHED', 'EXPORT_FAILED', 'WEBHOOK_DISABLED', 'SYNC_ERROR'));

-- ── layouts that applications bring ───────────────────────────────────────────────────────────
alter table metadata.layouts add column if not exists application_id uuid, add column if not exists universal_identifier text;
alter table metadata.layouts drop constraint if exists layouts_workspace_id_application_id_fkey;
alter table metadata.layouts add constraint layouts_workspace_id_application_id_fkey foreign key (workspace_id, application_id) references metadata.applications (workspace_id, id);
create index if not exists layouts_workspace_id_application_id_idx on metadata.layouts (workspace_id, application_id);
create unique index if not exists layouts_workspace_id_universal_identifier_key on metadata.layouts (workspace_id, universal_identifier);

--!include core/notifications/notify.sql
--!include metadata/layouts.sql

-- What the usual tabs are called is the screen's to say, in the language of who looks.
update metadata.layouts l set content = jsonb_set(l.content, '{tabs}', (
  select jsonb_agg(case when (t ->> 'id', t ->> 'name') in (('overview', 'Overview'), ('tasks', 'Tasks'), ('notes', 'Notes')) then t - 'name' else t end order by i)
  from jsonb_array_elements(l.content -> 'tabs') with ordinality u (t, i)))
where jsonb_path_exists(l.content, '$.tabs[*] ? (@.id == "overview" && @.name == "Overview" || @.id == "tasks" && @.name == "Tasks" || @.id == "notes" && @.name == "Notes")');

--!include metadata/history.sql
--!include metadata/bundle.sql
--!include metadata/sync_row.sql
--!include metadata/sync.sql
--!include metadata/uninstall.sql
--!include metadata/scheduled_exports.sql
--!include metadata/export_runs.sql
--!include core/exports/run.sql
--!include core/exports/files.sql

-- Imports that are taken back, wherever that is asked.
alter table core.imports add column if not exists turned_by text;
comment on column core.imports.turned_by is 'The request that last took the import back, or took that back; null before the first.';
drop function if exists core.note_import_reverted(uuid, boolean);
--!include engine/past/revert.sql
--!include core/imports/start.sql
--!include core/imports/list.sql
--!include engine/past/revert_plan.sql
