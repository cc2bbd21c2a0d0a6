-- ── files ──────────────────────────────────────────────────────────────────────────────────────
alter table core.workspace_settings
  add column max_file_mb int check (max_file_mb > 0),
  add column file_quota_mb int check (file_quota_mb >= 0);
comment on column core.workspace_settings.max_file_mb is 'How large a file may be; null for as large as the server allows.';
comment on column core.workspace_settings.file_quota_mb is 'How much all files may take up, which the administrator of the server says; null for no limit.';

create table core.unwanted_files (
  workspace_id uuid not null,
  file_id uuid primary key,
  noted_at timestamptz not null default now()
);
comment on table core.unwanted_files is 'Files that are none any more, until a job has erased their content. The workspace may be gone, too.';
create index on core.unwanted_files (noted_at);

--!include engine/files/access.sql
--!include engine/files/values.sql
--!include engine/files/internals.sql

drop function core.notify(uuid, uuid[], text, uuid, uuid, jsonb, uuid, text);
--!include core/notifications/notify.sql
--!include core/notifications/imports.sql
--!include core/notifications/shares.sql
--!include core/notifications/mentions.sql
--!include engine/outbox.sql
-- Many records by one call; what tables are grouped by, and what they mark; how boards, calendars and galleries lay records out.
alter table metadata.views add column group_bucket text check (group_bucket in ('DAY', 'WEEK', 'MONTH', 'QUARTER', 'YEAR')),
  add column colors jsonb not null default '[]' check (jsonb_typeof(colors) = 'array'),
  add column layout jsonb not null default '{}';
--!include engine/update_records.sql
--!include engine/views/filter.sql
--!include engine/views/layout.sql
--!include metadata/views.sql
--!include metadata/view_defaults.sql
--!include metadata/uses.sql
--!include metadata/replace.sql

-- Imports of files: the file, what is to be done with it, and what came of it.
create table core.imports (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  member_id uuid not null references core.members on delete cascade,
  impersonator_id uuid references core.users on delete set null,
  object_id uuid not null references metadata.objects on delete cascade,
  file_name text not null check (length(file_name) between 1 and 300),
  file_size bigint not null default 0,
  format jsonb not null default '{}',
  settings jsonb not null default '{}',
  status text not null default 'UPLOADING' check (status in ('UPLOADING', 'READY', 'WAITING', 'RUNNING', 'CHECKED', 'DONE', 'FAILED', 'CANCELLED')),
  is_dry_run boolean not null default false,
  wants_cancel boolean not null default false,
  phase text check (phase in ('reading', 'checking', 'writing')),
  rows_done bigint not null default 0,
  bytes_done bigint not null default 0,
  result jsonb,
  failure jsonb,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz,
  reverted_at timestamptz,
  is_file_kept boolean not null default true
);
comment on table core.imports is 'Imports of files. What an import changed is in the log under its id as the id of the request.';
comment on column core.imports.format is 'How the file is written: kind, encoding, delimiter, sheet, hasHeader.';
comment on column core.imports.settings is 'What is to be done with it: where each column goes, by what rows find their records, and so on.';
create index on core.imports (workspace_id, id desc);
create index on core.imports (member_id);
create index on core.imports (impersonator_id);
create index on core.imports (object_id);

create table core.import_parts (
  import_id uuid not null references core.imports on delete cascade,
  kind text not null check (kind in ('FILE', 'REJECTS')),
  position int not null check (position >= 0),
  start_at bigint not null,
  content bytea not null,
  primary key (import_id, kind, position)
);
comment on table core.import_parts is 'Uploaded files until they are imported, and files of rejected rows, in pieces, so that any worker reaches them and nobody holds one whole.';

create table core.import_problems (
  import_id uuid not null references core.imports on delete cascade,
  line bigint not null,
  kind text not null,
  reason text not null,
  cell int,
  cells text[] not null,
  primary key (import_id, line)
);
comment on table core.import_problems is 'Rows that an import, or its dry run, has rejected, the first 50,000 of them.';
comment on column core.import_problems.kind is 'The reason without what differs from row to row, by which they are counted.';
comment on column core.import_problems.cell is 'Which cell it is about, where that is known.';
create index on core.import_problems (import_id, kind, line);

create table core.import_fixes (
  import_id uuid not null references core.imports on delete cascade,
  line bigint not null,
  cell int not null check (cell >= 0),
  value text not null check (length(value) <= 100000),
  primary key (import_id, line, cell)
);
comment on table core.import_fixes is 'Cells that were mended in the screen: the file stays as it came.';

create table core.import_mappings (
  workspace_id uuid not null references core.workspaces on delete cascade,
  object_id uuid not null references metadata.objects on delete cascade,
  headers_key text not null,
  settings jsonb not null,
  used_at timestamptz not null default now(),
  primary key (workspace_id, object_id, headers_key)
);
comment on table core.import_mappings is 'Where the columns of files with the same headers went the last time.';
create index on core.import_mappings (object_id);


--!include core/imports/upload.sql
--!include core/imports/start.sql
--!include core/imports/run.sql
--!include core/imports/list.sql
-- ── timelines: events of related records, read by key ────────────────────────────────────────
alter table metadata.relations add column is_on_timeline boolean not null default false;
drop function metadata.create_field(uuid, text, text, text, text, text, jsonb, jsonb, jsonb, boolean, boolean, uuid, text, text, text, uuid[], timestamptz, uuid);
--!include metadata/create.sql
--!include metadata/model.sql
--!include metadata/manifest.sql
--!include metadata/sync.sql
--!include metadata/bundle.sql
--!include metadata/access.sql
--!include metadata/comments.sql
drop function engine.past_events(name, text, metadata.objects, uuid, int, text, text, bigint, timestamptz, text);
drop function engine.timeline_moment(text);
--!include engine/permissions/past.sql
--!include engine/archive.sql
--!include engine/timeline/attached.sql
--!include engine/timeline/events.sql
--!include engine/timeline/related.sql
--!include engine/permissions/sharing.sql
--!include engine/permissions/changes.sql
--!include metadata/teams.sql
--!include metadata/log_position.sql

-- Shares of earlier that end some day.
do $$
declare
  r record;
begin
  for r in select w.id, w.schema_name from core.workspaces w where to_regclass(quote_ident(w.schema_name) || '.record_shares') is not null loop
    execute format('select graphile_worker.add_job(''shares__end'', json_build_object(''id'', s.id, ''workspace_id'', %L), run_at => s.expires_at, job_key => ''share:'' || s.id)
      from %I.record_shares s where s.expires_at is not null', r.id, r.schema_name);
  end loop;
end
$$;
-- What views said about fields that are deleted.
create table engine.view_remnants (
  field_id uuid not null references metadata.fields on delete cascade,
  option_value text not null default '',
  view_id uuid not null references metadata.views on delete cascade,
  before jsonb not null,
  after jsonb,
  columns jsonb,
  transaction_id xid8 not null default pg_current_xact_id(),
  primary key (field_id, option_value, view_id)
);
comment on table engine.view_remnants is 'What views said about fields that were deleted and may be restored, or about options that were removed.';
create index on engine.view_remnants (view_id);
-- When duplicates were looked for.
create table engine.duplicate_scans (
  workspace_id uuid primary key references core.workspaces on delete cascade,
  wanted_at timestamptz,
  scanned_at timestamptz,
  took interval
);
comment on table engine.duplicate_scans is 'When the duplicates of a workspace were looked for, and since when somebody waits for that.';
drop function engine.is_trashed_for(name, text, metadata.objects, uuid, text);
drop function engine.duplicate_value(metadata.fields);
drop function engine.duplicate_criteria(metadata.objects);
drop function engine.visible_duplicates(jsonb, int) cascade;
drop function engine.list_trash(name, text, text, text, text, int, timestamptz, uuid) cascade;
--!include engine/events.sql
--!include engine/desired.sql
--!include engine/rules/explain.sql
--!include engine/trash.sql
--!include engine/trash/problems.sql
--!include engine/trash/restore.sql
--!include engine/trash/destroy.sql
--!include engine/views/remnants.sql
--!include metadata/plan.sql
--!include engine/merge.sql
--!include engine/trash/list.sql
--!include engine/trash/internals.sql
--!include engine/merge/plan.sql
--!include engine/merge/internals.sql
--!include engine/duplicates.sql
--!include engine/duplicates/scan.sql
--!include engine/duplicates/inbox.sql
--!include engine/duplicates/internals.sql
--!include engine/permissions/reading.sql
-- What becomes of files that nothing holds.
--!include engine/files/purge.sql
--!include core/files.sql
--!include core/workspaces.sql
--!include metadata/file_storage.sql
--!include engine/timeline/timeline.sql
--!include engine/internals.sql
-- What a worker held when it was stopped for the last migration was carried over with the rest, and left behind in the queue.
delete from graphile_worker._private_jobs j using graphile_worker._private_tasks t where t.id = j.task_id and t.identifier = 'webhook__deliver';
-- Webhooks tell by the names of the API, also what has left the log, and read ahead of what is on its way.
drop function engine.webhook_payloads(uuid, bigint[], int[]);
drop function engine.nested_values(jsonb, text[], text[], text[]);
--!include engine/webhooks/payloads.sql
drop function engine.webhook_work(uuid, text, int);
drop function engine.note_webhook_results(uuid, text, jsonb, bigint, int, boolean);
--!include engine/webhooks/work.sql
--!include metadata/webhooks.sql
--!include metadata/workspace.sql
--!include metadata/profile.sql

-- Tenants' functions that call these come back with the next look at each workspace.
drop function engine.plan_revert(name, text, jsonb, int) cascade;
drop function engine.begin_revert(name, text, jsonb, text) cascade;
drop function engine.revert_statements(text, uuid, engine.revert_item[], text);
drop function engine.revert_condition(text, uuid, jsonb);
drop function engine.revert_source(text, uuid, jsonb);
--!include engine/past/revert_plan.sql
--!include engine/past/revert.sql
