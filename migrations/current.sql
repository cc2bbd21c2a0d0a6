-- Positions of the event log.
create table engine.event_positions (
  workspace_id uuid primary key references core.workspaces on delete cascade,
  position bigint not null default 0
);
comment on table engine.event_positions is 'The last position of each workspace that the relay gave. Who holds the row gives the next ones.';
--!include engine/comments/internals.sql
--!include engine/trash/internals.sql
--!include engine/internals.sql
--!include engine/actual.sql
--!include engine/positions.sql
--!include engine/outbox.sql
--!include engine/reconcile.sql
--!include core/workspaces.sql
-- ── views: owners, shares, defaults, favourites ────────────────────────────────────────────────
-- They are no part of the model any more: no version, no lock, no history.
drop trigger _900_changed_insert on metadata.views;
drop trigger _900_changed_update on metadata.views;
drop trigger _900_changed_delete on metadata.views;
drop trigger _900_changed_insert on metadata.view_fields;
drop trigger _900_changed_update on metadata.view_fields;
drop trigger _900_changed_delete on metadata.view_fields;
drop trigger _000_lock on metadata.views;
drop trigger _000_lock on metadata.view_fields;

alter table metadata.views
  add column visibility text not null default 'WORKSPACE' check (visibility in ('WORKSPACE', 'PERSONAL')),
  add column owner_id uuid,
  add column is_locked boolean not null default false,
  add column updated_at timestamptz not null default now(),
  add foreign key (workspace_id, owner_id) references core.members (workspace_id, id) on delete set null (owner_id);
create index on metadata.views (workspace_id, owner_id);
alter table metadata.view_fields
  add column is_pinned boolean not null default false,
  add column aggregate text check (aggregate in ('MIN', 'MAX', 'AVG', 'SUM', 'COUNT', 'COUNT_UNIQUE_VALUES', 'COUNT_EMPTY', 'COUNT_NOT_EMPTY', 'COUNT_TRUE', 'COUNT_FALSE', 'PERCENTAGE_EMPTY', 'PERCENTAGE_NOT_EMPTY'));

create table metadata.view_shares (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  view_id uuid not null,
  principal_kind text not null check (principal_kind in ('MEMBER', 'TEAM', 'ROLE')),
  principal_id uuid not null,
  access text not null check (access in ('READ', 'WRITE')),
  reason text not null default '',
  created_by uuid,
  created_by_name text,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  unique (view_id, principal_kind, principal_id),
  foreign key (workspace_id, view_id) references metadata.views (workspace_id, id) on delete cascade
);
comment on table metadata.view_shares is 'With whom views are shared. Written by share_view and unshare_view.';
create index on metadata.view_shares (workspace_id, view_id);
create index on metadata.view_shares (principal_id);

create table metadata.view_defaults (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  object_id uuid not null,
  view_id uuid not null,
  principal_kind text not null check (principal_kind in ('WORKSPACE', 'ROLE', 'MEMBER')),
  principal_id uuid check ((principal_id is null) = (principal_kind = 'WORKSPACE')),
  unique nulls not distinct (workspace_id, object_id, principal_kind, principal_id),
  foreign key (workspace_id, object_id) references metadata.objects (workspace_id, id) on delete cascade,
  foreign key (workspace_id, view_id) references metadata.views (workspace_id, id) on delete cascade
);
comment on table metadata.view_defaults is 'Which view of an object shows first, for whom.';
create index on metadata.view_defaults (workspace_id, view_id);
create index on metadata.view_defaults (principal_id);

create table metadata.favourites (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  member_id uuid,
  kind text not null check (kind in ('FOLDER', 'RECORD', 'VIEW', 'OBJECT', 'LINK')),
  label text,
  icon text,
  folder_id uuid,
  object_id uuid,
  record_id uuid,
  view_id uuid,
  url text check (length(url) <= 2000),
  position double precision not null default 0,
  created_at timestamptz not null default now(),
  check (case kind when 'RECORD' then num_nonnulls(object_id, record_id) = 2 and num_nonnulls(view_id, url) = 0
    when 'OBJECT' then object_id is not null and num_nonnulls(record_id, view_id, url) = 0
    when 'VIEW' then view_id is not null and num_nonnulls(object_id, record_id, url) = 0
    when 'LINK' then url is not null and num_nonnulls(object_id, record_id, view_id) = 0
    else num_nonnulls(object_id, record_id, view_id, url) = 0 end),
  unique (workspace_id, id),
  foreign key (workspace_id, member_id) references core.members (workspace_id, id) on delete cascade,
  foreign key (workspace_id, folder_id) references metadata.favourites (workspace_id, id) on delete set null (folder_id),
  foreign key (workspace_id, object_id) references metadata.objects (workspace_id, id) on delete cascade,
  foreign key (workspace_id, view_id) references metadata.views (workspace_id, id) on delete cascade
);
comment on table metadata.favourites is 'What people want at hand: records, views, objects and addresses, in folders.';
create index on metadata.favourites (workspace_id, member_id);
create index on metadata.favourites (workspace_id, folder_id);
create index on metadata.favourites (workspace_id, object_id);
create index on metadata.favourites (workspace_id, view_id);
create unique index favourites_once_idx on metadata.favourites (workspace_id, member_id, kind, object_id, record_id, view_id, url) nulls not distinct where kind <> 'FOLDER';

create table engine.deleted_views (
  view_id uuid primary key,
  workspace_id uuid not null references core.workspaces on delete cascade,
  deleted_by uuid,
  deleted_at timestamptz not null default now(),
  data jsonb not null
);
comment on table engine.deleted_views is 'Views that were deleted within a month, with all that belonged to them.';
create index on engine.deleted_views (workspace_id);

--!include engine/views/filter.sql
-- What no screen has written yet was a filter of the API; one that is none is told and given up.
do $$
declare
  r record;
begin
  for r in select v.id, v.filter from metadata.views v where v.filter is not null loop
    begin
      update metadata.views v set filter = engine.view_filter(r.filter) where v.id = r.id;
    exception when sqlstate 'RV186' then
      raise warning 'The filter of the view % is none and was taken away: %', r.id, r.filter;
      update metadata.views v set filter = null where v.id = r.id;
    end;
  end loop;
end
$$;
--!include metadata/views.sql
--!include metadata/view_shares.sql
--!include metadata/view_defaults.sql
--!include metadata/favourites.sql
--!include engine/pending.sql
--!include metadata/uses.sql
--!include metadata/changes.sql
--!include metadata/manifest.sql
--!include metadata/bundle.sql
--!include metadata/revert.sql
--!include metadata/uninstall.sql
-- Jobs: turns between workspaces, what became of them, and when the recurring ones come.
create table engine.job_turns (
  priority smallint not null,
  workspace_id uuid not null,
  position bigint not null,
  primary key (priority, workspace_id)
);
comment on table engine.job_turns is 'How far each workspace has come in the line of waiting jobs. No foreign keys: what is in it is gone when nobody waits.';

create table engine.job_counts (
  hour timestamptz not null,
  task text not null,
  workspace_id uuid not null,
  succeeded bigint not null default 0,
  failed bigint not null default 0,
  given_up bigint not null default 0,
  milliseconds bigint not null default 0,
  longest bigint not null default 0,
  primary key (hour, task, workspace_id)
);
comment on table engine.job_counts is 'How many attempts at jobs succeeded and failed, by the hour. The hour -infinity is all that was before; the workspace 0 is the instance.';

create table engine.recurring_jobs (
  name text primary key,
  task text not null,
  schedule text not null,
  next_at timestamptz,
  noted_at timestamptz not null default now()
);
comment on table engine.recurring_jobs is 'The schedule of the worker (worker/crontab), as the worker that looked last has read it.';

--!include engine/jobs/turns.sql
--!include engine/jobs/counts.sql
-- Times in mails are those of the reader, who hears of every change of a sign-in.
-- Times in mails are those of the reader.
drop function core.mail_to_send(uuid);
--!include core/mail.sql
-- Nobody acts, at the address of one workspace, as a member of another.
drop function core.begin_impersonation(uuid, uuid, text, int, bytea, inet, text);
--!include core/impersonation.sql
--!include engine/events.sql
-- What roles should and may do is looked up in their own workspace alone.
--!include engine/permissions/rights.sql
--!include engine/permissions/policy.sql
--!include engine/permissions/security.sql
--!include engine/permissions/flags.sql
--!include engine/permissions/principals.sql


-- Owners hear of every change of a sign-in.
--!include core/accounts.sql
--!include core/sessions.sql
--!include core/sign_in_changes.sql

-- History: fields, moments, taking back.
create type engine.past_name as (name text, past_name text, since timestamptz, until timestamptz, pg_type text, typed_since timestamptz);
create type engine.revert_item as (object_id uuid, object_name text, record_id uuid, label text, action text, before jsonb, after jsonb, conflicts jsonb);
--!include engine/past/names.sql
--!include engine/past/as_of.sql
--!include engine/past/field_history.sql
--!include engine/past/revert_plan.sql
--!include engine/past/revert.sql
--!include engine/permissions/reading.sql
do $$
declare
  v_schema text;
begin
  for v_schema in select w.schema_name from core.workspaces w loop
    execute format('create index if not exists record_events_happened_at_idx on %I.record_events using brin (happened_at) with (pages_per_range = 16, autosummarize = on)', v_schema);
  end loop;
end
$$;
-- ── the archive of the event log ───────────────────────────────────────────────────────────────
alter table core.workspace_settings add column event_retention_days int check (event_retention_days between 1 and 36500);
comment on column core.workspace_settings.event_retention_days is 'For how many days the event log is kept; null for ever.';
--!include engine/permissions/past.sql

-- Webhooks: what to tell and how, how far each has come, what became of each delivery.
alter table metadata.webhooks
  add column description text not null default '',
  add column format text not null default 'STANDARD' check (format in ('STANDARD', 'TWENTY')),
  add column filters jsonb not null default '{}' check (jsonb_typeof(filters) = 'object'),
  add column compiled jsonb not null default '{}',
  add column fields jsonb not null default '{}' check (jsonb_typeof(fields) = 'object'),
  add column created_by_id uuid,
  add column disabled_at timestamptz,
  add column disabled_reason text,
  add foreign key (workspace_id, created_by_id) references core.members (workspace_id, id) on delete set null (created_by_id);
create index webhooks_created_by_id_idx on metadata.webhooks (workspace_id, created_by_id);

create table engine.webhook_states (
  webhook_id uuid primary key references metadata.webhooks on delete cascade,
  "position" bigint not null default 0,
  seq int not null default 2147483647,
  wanted bigint not null default 0,
  fetched bigint not null default 0,
  fetched_seq int not null default 2147483647,
  retry_at timestamptz,
  has_test boolean not null default false,
  paused_until timestamptz,
  failures int not null default 0,
  failing_since timestamptz,
  last_success_at timestamptz,
  last_failure_at timestamptz,
  last_status int,
  last_error text,
  leased_by text,
  leased_until timestamptz,
  worked_at timestamptz
) with (fillfactor = 50);
comment on table engine.webhook_states is 'How far each webhook has come in the event log, and how it fares. All up to event seq of the statement at position is done; wanted is the last position that is meant for it.';
insert into engine.webhook_states (webhook_id) select h.id from metadata.webhooks h;

create table engine.webhook_wakes (
  webhook_id uuid not null,
  first bigint,
  last bigint
);
comment on table engine.webhook_wakes is 'For which webhooks the relay has seen something, by the first and the last position; without them for an event of engine.emit(). No foreign keys: the relay waits for nobody.';
create index webhook_wakes_webhook_id_idx on engine.webhook_wakes (webhook_id);

create table engine.webhook_deliveries (
  webhook_id uuid not null,
  id bigint generated always as identity,
  workspace_id uuid not null,
  kind text not null check (kind in ('EVENT', 'CUSTOM', 'TEST')),
  message_id text not null,
  event_type text not null,
  object_id uuid,
  record_id uuid,
  batch bigint,
  seq int,
  payload jsonb,
  state text not null default 'PENDING' check (state in ('PENDING', 'DELIVERED', 'DEAD', 'SKIPPED')),
  is_replay boolean not null default false,
  attempts int not null default 0,
  first_attempt_at timestamptz,
  last_attempt_at timestamptz,
  next_attempt_at timestamptz,
  status int,
  error text,
  duration_ms int,
  request jsonb,
  response jsonb,
  history jsonb not null default '[]',
  created_at timestamptz not null default clock_timestamp(),
  primary key (webhook_id, id)
);
comment on table engine.webhook_deliveries is 'What was sent to webhooks, what waits to be sent again, and what was given up. No foreign keys: the relay waits for nobody.';
create unique index webhook_deliveries_event_key on engine.webhook_deliveries (webhook_id, batch, seq) where kind = 'EVENT' and not is_replay;
create index webhook_deliveries_pending_idx on engine.webhook_deliveries (webhook_id, id) where state = 'PENDING';
create index webhook_deliveries_pending_record_idx on engine.webhook_deliveries (webhook_id, record_id, id) where state = 'PENDING';
create index webhook_deliveries_created_at_idx on engine.webhook_deliveries using brin (created_at);

create table engine.emitted_events (
  id uuid primary key,
  workspace_id uuid not null,
  name text not null,
  payload jsonb not null,
  emitted_at timestamptz not null default now()
);
comment on table engine.emitted_events is 'Events of engine.emit() that the relay has not taken yet.';

create table core.webhook_secrets (
  id uuid primary key default engine.uuidv7(),
  webhook_id uuid not null references metadata.webhooks on delete cascade,
  workspace_id uuid not null references core.workspaces on delete cascade,
  sealed text not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  shown_at timestamptz
);
comment on table core.webhook_secrets is 'What deliveries are signed with, sealed with a key that the database does not have. The one that does not expire is the present one.';
create unique index webhook_secrets_present_key on core.webhook_secrets (webhook_id) where expires_at is null;
create index webhook_secrets_webhook_id_idx on core.webhook_secrets (webhook_id);
create index webhook_secrets_workspace_id_idx on core.webhook_secrets (workspace_id);

--!include engine/formula/screen.sql
--!include engine/webhooks/wake.sql
--!include engine/webhooks/payloads.sql
--!include engine/webhooks/emit.sql
--!include engine/webhooks/work.sql
--!include metadata/webhooks.sql
--!include metadata/access.sql
--!include metadata/comments.sql

-- What waited in the queue of the former way goes on in the new one.
do $$
declare
  r record;
begin
  for r in
    select w.schema_name, h.id, h.workspace_id, array_agg((j.payload ->> 'batch')::bigint) as batches
    from graphile_worker._private_jobs j
    join graphile_worker._private_tasks t on t.id = j.task_id and t.identifier = 'webhook__deliver'
    join metadata.webhooks h on h.id = (j.payload ->> 'webhook_id')::uuid
    join core.workspaces w on w.id = h.workspace_id
    group by 1, 2, 3
  loop
    execute format(
      'insert into engine.webhook_deliveries (webhook_id, workspace_id, kind, message_id, event_type, object_id, record_id, batch, seq)
       select $1, $2, ''EVENT'', e.batch || ''-'' || e.seq, o.name_singular || ''.'' || e.action, e.object_id, e.record_id, e.batch, e.seq
       from %I.record_events e join metadata.objects o on o.id = e.object_id
       where e.batch = any ($3) order by e.batch, e.seq', r.schema_name) using r.id, r.workspace_id, r.batches;
    update engine.webhook_states s set retry_at = now() where s.webhook_id = r.id;
  end loop;
  perform graphile_worker.complete_jobs(array(
    select j.id from graphile_worker._private_jobs j join graphile_worker._private_tasks t on t.id = j.task_id and t.identifier = 'webhook__deliver'));
end
$$;
drop function engine.webhook_delivery(uuid, uuid, bigint);
-- ── links in the history of the records that they link ─────────────────────────────────────────
--!include engine/links.sql
--!include engine/desired.sql
--!include engine/trash.sql

-- ── merging records ────────────────────────────────────────────────────────────────────────────
create table engine.merging (
  record_id uuid not null,
  transaction_id xid8 not null default pg_current_xact_id(),
  survivor_id uuid not null,
  primary key (record_id, transaction_id)
);
comment on table engine.merging is 'Which records the transaction that runs merges into which: empty between transactions.';
--!include engine/merge.sql
--!include engine/permissions/narrowing.sql
-- How long the trash keeps what was deleted.
alter table core.workspace_settings add column trash_days int not null default 30 check (trash_days between 1 and 3650);
--!include engine/purge.sql
--!include metadata/trash_days.sql
--!include engine/jobs/list.sql
--!include metadata/jobs.sql
--!include core/metrics.sql

-- Live updates and presence.
create unlogged table engine.presence (
  page uuid primary key,
  workspace_id uuid not null references core.workspaces on delete cascade,
  object_id uuid not null,
  record_id uuid not null,
  member_id uuid not null references core.members on delete cascade,
  name text not null,
  field text,
  since timestamptz not null default now(),
  seen_at timestamptz not null default now()
);
create index on engine.presence (record_id);
create index on engine.presence (workspace_id);
create index on engine.presence (member_id);
create index on engine.presence (seen_at);
comment on table engine.presence is 'Pages on which members have records open. What is older than engine.presence_lasts() is over.';
--!include engine/permissions/changes.sql
--!include engine/presence.sql
--!include engine/permissions/sharing.sql
--!include metadata/validate.sql
--!include engine/identity.sql

-- The history reaches at least as far back as the trash.
alter table core.workspace_settings add constraint event_retention_covers_trash check (event_retention_days >= trash_days);
--!include engine/archive.sql
-- Directories' filters are conditions of the database.
--!include core/scim.sql
--!include core/scim_groups.sql
--!include core/scim_filter.sql
-- Comments and notifications.
create table core.notifications (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  member_id uuid not null references core.members on delete cascade,
  kind text not null check (kind in ('TASK_ASSIGNED', 'TASK_DUE', 'MENTION', 'REPLY', 'SHARED', 'IMPORT_FINISHED', 'WEBHOOK_DISABLED', 'SYNC_ERROR')),
  object_id uuid references metadata.objects on delete cascade,
  record_id uuid,
  comment_id uuid,
  detail jsonb not null default '{}',
  key text,
  actor_id uuid,
  actor_name text,
  is_in_app boolean not null default true,
  created_at timestamptz not null default now(),
  read_at timestamptz,
  archived_at timestamptz,
  mail_at timestamptz,
  mailed_at timestamptz,
  unique (member_id, key),
  check (record_id is null or object_id is not null)
);
comment on table core.notifications is 'What members are told. The records that it is about are named when it is shown, with the reader''s rights.';
comment on column core.notifications.key is 'What it is about: with a key a member is told once.';
comment on column core.notifications.mail_at is 'When it is mailed, unless it was read by then; null for never, or no more.';
create index on core.notifications (workspace_id);
create index on core.notifications (object_id, record_id);
create index on core.notifications (member_id, created_at desc, id desc);
create index notifications_unread_idx on core.notifications (member_id, created_at desc) where is_in_app and read_at is null and archived_at is null;
create index notifications_mail_at_idx on core.notifications (mail_at) where mail_at is not null;
create index on core.notifications (created_at);

create table core.notification_preferences (
  member_id uuid not null references core.members on delete cascade,
  kind text not null,
  is_in_app boolean not null,
  mail text not null check (mail in ('NOW', 'DIGEST', 'OFF')),
  primary key (member_id, kind)
);
comment on table core.notification_preferences is 'How members want to be told of a kind, where they have chosen.';

create table core.digest_settings (
  member_id uuid primary key references core.members on delete cascade,
  frequency text not null check (frequency in ('DAILY', 'HOURLY')),
  hour int not null check (hour between 0 and 23)
);
comment on table core.digest_settings is 'When the digests of members leave, where they have chosen.';

--!include core/notifications/notify.sql
--!include core/notifications/tasks.sql
--!include engine/comments/comments.sql
--!include metadata/notifications.sql
--!include core/notifications/mail.sql
-- The trash: many records at once, and choices for what is in the way.
drop function engine.put_back_links(text, metadata.objects, uuid, xid8, name);
--!include engine/trash/problems.sql
--!include engine/trash/restore.sql
--!include engine/trash/destroy.sql
--!include engine/trash/list.sql
--!include engine/trash/delete.sql
-- ── the timeline of a record ───────────────────────────────────────────────────────────────────
--!include engine/timeline.sql

-- ── own domains of workspaces ──────────────────────────────────────────────────────────────────
create table core.workspace_domains (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  host text not null check (host = lower(host)),
  token text not null,
  is_primary boolean not null default false,
  created_at timestamptz not null default now(),
  checked_at timestamptz,
  proved_at timestamptz,
  removed_at timestamptz,
  check (not is_primary or proved_at is not null and removed_at is null)
);
comment on table core.workspace_domains is 'Own domains of workspaces. What was proved and then removed stays, so that servers know it and answer it no more.';
create unique index workspace_domains_host_key on core.workspace_domains (host) where proved_at is not null and removed_at is null;
create unique index workspace_domains_claim_key on core.workspace_domains (workspace_id, host) where removed_at is null;
create unique index workspace_domains_primary_key on core.workspace_domains (workspace_id) where is_primary;
create index on core.workspace_domains (workspace_id);
--!include core/domains.sql
--!include metadata/domains.sql
