--! Previous: sha1:5225e6dfe280e127025024c44cbebe0166a01ce9
--! Hash: sha1:7bfacf0aca10d31971057268530ff6cd63cff681
--! Message: history views live webhooks jobs domains

-- Positions of the event log.
create table engine.event_positions (
  workspace_id uuid primary key references core.workspaces on delete cascade,
  position bigint not null default 0
);
comment on table engine.event_positions is 'The last position of each workspace that the relay gave. Who holds the row gives the next ones.';
--! Included engine/comments/internals.sql
-- What a tenant has for comments: one table by object and record, closed to every role, and the functions that reach it.
create or replace function engine.desired_comment_internals(schema_name text) returns setof engine.fact
language sql stable set search_path = ''
as $$
  select v.kind, v.key, null, null, v.key, v.definition, engine.fact_comment(v.key, v.definition, v.tags, v.description),
    null, null::boolean, null, null, null::oid
  from (values
    ('internal', 'record_comments', format(
      'create table %1$I.record_comments (
        id uuid primary key default %2$s, object_id uuid not null, record_id uuid not null,
        parent_id uuid references %1$I.record_comments on delete cascade, body text not null check (length(body) <= 10000),
        mentions jsonb not null default ''{}'', author_type text not null, author_id uuid, author_name text,
        created_at timestamptz not null default now(), edited_at timestamptz, removed_at timestamptz, removed_by uuid,
        resolved_at timestamptz, resolved_by_name text);
      create index record_comments_record_id_object_id_idx on %1$I.record_comments (record_id, object_id);
      create index record_comments_parent_id_idx on %1$I.record_comments (parent_id);
      create index record_comments_removed_at_idx on %1$I.record_comments (removed_at) where removed_at is not null;
      comment on column %1$I.record_comments.id is ''Identifies the comment.'';
      comment on column %1$I.record_comments.object_id is ''The object of the record: metadata.objects.id.'';
      comment on column %1$I.record_comments.record_id is ''The record that is commented on.'';
      comment on column %1$I.record_comments.parent_id is ''The comment that this one replies to; null for the first of a thread.'';
      comment on column %1$I.record_comments.body is ''The text. <@id> mentions a member.'';
      comment on column %1$I.record_comments.mentions is ''What mentioned members were called when they were mentioned, by id.'';
      comment on column %1$I.record_comments.author_type is ''Who wrote it: member, api_key, application, psql or system.'';
      comment on column %1$I.record_comments.author_id is ''The member, the API key or the app.'';
      comment on column %1$I.record_comments.author_name is ''What they were called at the time.'';
      comment on column %1$I.record_comments.created_at is ''When it was written.'';
      comment on column %1$I.record_comments.edited_at is ''When its text was changed last; null for never.'';
      comment on column %1$I.record_comments.removed_at is ''When it was removed; a job forgets it a day later.'';
      comment on column %1$I.record_comments.removed_by is ''The member, API key or app who removed it, and may bring it back.'';
      comment on column %1$I.record_comments.resolved_at is ''When the thread was resolved; null while it is open.'';
      comment on column %1$I.record_comments.resolved_by_name is ''Who resolved the thread.''', schema_name, engine.uuid_default()),
      '@behavior -*', 'What people say about records, in threads.'),
    ('function', 'comments_of_record', format(
$function$CREATE OR REPLACE FUNCTION %1$I.comments_of_record(object_name text, record_id uuid, max_threads integer DEFAULT 50, before_thread uuid DEFAULT NULL::uuid)
 RETURNS TABLE(comment_id uuid, parent_id uuid, body text, mentions jsonb, author_type text, author_id uuid, author_name text, created_at timestamp with time zone, edited_at timestamp with time zone, is_removed boolean, resolved_at timestamp with time zone, resolved_by_name text, may_edit boolean, may_remove boolean)
 LANGUAGE sql
 STABLE ROWS 20
BEGIN ATOMIC
 SELECT c.comment_id,
     c.parent_id,
     c.body,
     c.mentions,
     c.author_type,
     c.author_id,
     c.author_name,
     c.created_at,
     c.edited_at,
     c.is_removed,
     c.resolved_at,
     c.resolved_by_name,
     c.may_edit,
     c.may_remove
    FROM engine.comments_of_record(CURRENT_USER, %1$L::text, comments_of_record.object_name, comments_of_record.record_id, comments_of_record.max_threads, comments_of_record.before_thread) c(comment_id, parent_id, body, mentions, author_type, author_id, author_name, created_at, edited_at, is_removed, resolved_at, resolved_by_name, may_edit, may_remove);
END$function$, schema_name),
      null, 'Comments on a record, for who may read it: the latest threads with their replies, the oldest first. In the text <@id> mentions a member; mentions names them. beforeThread: the threads before that one.'),
    ('function', 'add_comment', format(
$function$CREATE OR REPLACE FUNCTION %1$I.add_comment(object_name text, record_id uuid, body text, parent_id uuid DEFAULT NULL::uuid)
 RETURNS jsonb
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.add_comment(CURRENT_USER, %1$L::text, object_name, record_id, body, parent_id) AS add_comment;
END$function$, schema_name),
      null, 'Comments on a record that the caller may read, or replies to a comment. <@id> mentions a member, who is notified if they may read the record. Returns {id, notTold: [{id, name}]}.'),
    ('function', 'edit_comment', format(
$function$CREATE OR REPLACE FUNCTION %1$I.edit_comment(comment_id uuid, body text)
 RETURNS jsonb
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.edit_comment(CURRENT_USER, %1$L::text, comment_id, body) AS edit_comment;
END$function$, schema_name),
      null, 'Changes the text of an own comment. Who is mentioned anew is notified. Returns {id, notTold: [{id, name}]}.'),
    ('function', 'remove_comment', format(
$function$CREATE OR REPLACE FUNCTION %1$I.remove_comment(comment_id uuid)
 RETURNS boolean
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.remove_comment(CURRENT_USER, %1$L::text, comment_id) AS remove_comment;
END$function$, schema_name),
      null, 'Removes an own comment, or with the permission MODERATE_COMMENTS anybody''s. It can be brought back for a day. False when it was removed already.'),
    ('function', 'bring_back_comment', format(
$function$CREATE OR REPLACE FUNCTION %1$I.bring_back_comment(comment_id uuid)
 RETURNS boolean
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.bring_back_comment(CURRENT_USER, %1$L::text, comment_id) AS bring_back_comment;
END$function$, schema_name),
      null, 'Brings a comment back that the caller has removed. False when it was not removed.'),
    ('function', 'resolve_comment', format(
$function$CREATE OR REPLACE FUNCTION %1$I.resolve_comment(comment_id uuid, is_resolved boolean DEFAULT true)
 RETURNS boolean
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.resolve_comment(CURRENT_USER, %1$L::text, comment_id, is_resolved) AS resolve_comment;
END$function$, schema_name),
      null, 'Marks a thread as resolved, or opens it again. A reply opens it, too. False when it was so already.'),
    ('function', 'mentionable_members', format(
$function$CREATE OR REPLACE FUNCTION %1$I.mentionable_members(object_name text, record_id uuid, query text DEFAULT ''::text, max_results integer DEFAULT 8)
 RETURNS TABLE(member_id uuid, name text, avatar_url text, can_read boolean)
 LANGUAGE sql
 STABLE ROWS 8
BEGIN ATOMIC
 SELECT m.member_id,
     m.name,
     m.avatar_url,
     m.can_read
    FROM engine.mentionable_members(CURRENT_USER, %1$L::text, mentionable_members.object_name, mentionable_members.record_id, mentionable_members.query, mentionable_members.max_results) m(member_id, name, avatar_url, can_read);
END$function$, schema_name),
      null, 'Members whose name has words that begin like those of the query, and whether they may read the record: whoever may not is not notified by a mention.')
  ) as v (kind, key, definition, tags, description)
$$;
--! EndIncluded engine/comments/internals.sql
--! Included engine/trash/internals.sql
-- The trash as every tenant has it: what may be done with what was deleted.
create or replace function engine.desired_trash_internals(workspace_id uuid, schema_name text) returns setof engine.fact
language sql stable set search_path = ''
as $$
  select v.kind, v.key, null, null, v.key, v.definition, engine.fact_comment(v.key, v.definition, v.tags, v.description),
    null, null::boolean, null, null, null::oid
  from (values
    -- As PostgreSQL prints them, so that what stands there can be compared.
    ('function', 'list_trash', format(
$function$CREATE OR REPLACE FUNCTION %1$I.list_trash(INOUT object_name text DEFAULT NULL::text, search text DEFAULT NULL::text, deleted_by text DEFAULT NULL::text, max_results integer DEFAULT 50, before_deleted_at timestamp with time zone DEFAULT NULL::timestamp with time zone, before_id uuid DEFAULT NULL::uuid, OUT id uuid, OUT record_id uuid, OUT label text, OUT deleted_at timestamp with time zone, OUT deleted_by_name text, OUT destroyed_at timestamp with time zone, OUT may_restore boolean, OUT may_destroy boolean)
 RETURNS SETOF record
 LANGUAGE sql
 STABLE ROWS 50
BEGIN ATOMIC
 SELECT t.object_name,
     t.id,
     t.record_id,
     t.label,
     t.deleted_at,
     t.deleted_by_name,
     t.destroyed_at,
     t.may_restore,
     t.may_destroy
    FROM engine.list_trash(CURRENT_USER, %1$L::text, list_trash.object_name, list_trash.search, list_trash.deleted_by, list_trash.max_results, list_trash.before_deleted_at, list_trash.before_id) t(id, object_name, record_id, label, deleted_at, deleted_by_name, destroyed_at, may_restore, may_destroy);
END$function$, schema_name),
      null::text, 'What lies in the trash of all objects, or of one, that the caller could read while it was there, the latest first; by words of the label, and by who deleted it. The deletedAt and id of the last one lead to the next page. destroyedAt is when the nightly job destroys it.'),
    ('function', 'delete_records', format(
$function$CREATE OR REPLACE FUNCTION %1$I.delete_records(object_name text, record_ids uuid[])
 RETURNS integer
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.delete_records(%2$L::uuid, %1$L::text, object_name, record_ids) AS delete_records;
END$function$, schema_name, workspace_id),
      null, 'Deletes records of an object, 10,000 at most, all in one transaction: those that are there and that the caller may delete. Returns how many.'),
    ('function', 'restore_record', format(
$function$CREATE OR REPLACE FUNCTION %1$I.restore_record(object_name text, record_id uuid)
 RETURNS boolean
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.restore_record(CURRENT_USER, %1$L::text, object_name, record_id) AS restore_record;
END$function$, schema_name),
      null, 'Puts a deleted record back, with what its deletion took along and the links that it cut. False when it is not in the trash.'),
    ('function', 'plan_restore', format(
$function$CREATE OR REPLACE FUNCTION %1$I.plan_restore(object_name text, record_ids uuid[], choices jsonb DEFAULT '{}'::jsonb)
 RETURNS jsonb
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.plan_restore(CURRENT_USER, %1$L::text, object_name, record_ids, choices) AS plan_restore;
END$function$, schema_name),
      null, 'What restoring records with these choices would meet. Changes nothing. Returns restorable, missing and left: [{recordId, label, problems: [{kind, objectName, recordId, columns, message, hint, canLeaveOut, takenBy}]}], where kind is TAKEN, REQUIRED, LINK_GONE or UNFIT, and what canLeaveOut comes back without the columns if their choice is null.'),
    ('function', 'restore_records', format(
$function$CREATE OR REPLACE FUNCTION %1$I.restore_records(object_name text, record_ids uuid[], choices jsonb DEFAULT '{}'::jsonb, on_problem text DEFAULT 'REFUSE'::text)
 RETURNS jsonb
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.restore_records(CURRENT_USER, %1$L::text, object_name, record_ids, choices, on_problem) AS restore_records;
END$function$, schema_name),
      null, 'Puts deleted records of an object back, 10,000 at most, with what their deletion took along and the links that it cut. Choices give records other values than they had: {"id of a record": {"field": value or null}}. What is in the way of a record refuses all (onProblem REFUSE) or leaves it in the trash (SKIP). Returns restored, missing and left.'),
    ('function', 'destroy_record', format(
$function$CREATE OR REPLACE FUNCTION %1$I.destroy_record(object_name text, record_id uuid)
 RETURNS boolean
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.destroy_record(CURRENT_USER, %1$L::text, object_name, record_id) AS destroy_record;
END$function$, schema_name),
      null, 'Takes a deleted record out of the trash for good. False when it is not there.'),
    ('function', 'destroy_records', format(
$function$CREATE OR REPLACE FUNCTION %1$I.destroy_records(object_name text, record_ids uuid[])
 RETURNS integer
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.destroy_records(CURRENT_USER, %1$L::text, object_name, record_ids) AS destroy_records;
END$function$, schema_name),
      null, 'Takes deleted records of an object out of the trash for good, 10,000 at most. Returns how many there were.')
  ) as v (kind, key, definition, tags, description)
$$;
--! EndIncluded engine/trash/internals.sql
--! Included engine/internals.sql
-- What every tenant has besides its objects.

create or replace function engine.internal_tables() returns text[]
language sql immutable parallel safe
  return '{record_events,event_batches,event_archive,trash,record_shares,record_comments}'::text[];

create or replace function engine.event_columns(prefix text, separator text) returns text
language sql immutable parallel safe set search_path = ''
as $$
  select string_agg(prefix || c, separator order by n)
  from unnest('{batch,seq,object_id,record_id,action,before,after,actor_type,actor_id,actor_name,source,request_id,transaction_id,happened_at}'::text[]) with ordinality u (c, n)
$$;

create or replace function engine.desired_internals(workspace_id uuid, schema_name text) returns setof engine.fact
language sql stable set search_path = ''
as $$
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
      create index record_events_happened_at_idx on %1$I.record_events using brin (happened_at) with (pages_per_range = 16, autosummarize = on);
      comment on column %1$I.record_events.batch is ''Number of the statement that made the change. Rises with time.'';
      comment on column %1$I.record_events.seq is ''Number of the change within its statement.'';
      comment on column %1$I.record_events.object_id is ''The object of the record: metadata.objects.id.'';
      comment on column %1$I.record_events.record_id is ''The record.'';
      comment on column %1$I.record_events.action is ''created, updated, deleted, restored, destroyed, merged (into another), absorbed (others), linked, unlinked, shared, unshared or commented.'';
      comment on column %1$I.record_events.before is ''The values that were changed, as they were; of a deleted record all of them.'';
      comment on column %1$I.record_events.after is ''The values that were changed, as they are now; of a created record all of them.'';
      comment on column %1$I.record_events.actor_type is ''Who did it: member, api_key, application, workflow, import, agent, psql (a database login) or system.'';
      comment on column %1$I.record_events.actor_id is ''The member, the API key, the app, or what ran.'';
      comment on column %1$I.record_events.actor_name is ''What they were called at the time.'';
      comment on column %1$I.record_events.source is ''By which way the change came: MANUAL, API, IMPORT, SYSTEM and so on.'';
      comment on column %1$I.record_events.request_id is ''The request that made the change, as in the log of the server.'';
      comment on column %1$I.record_events.transaction_id is ''The transaction of the change: what was changed together has the same.'';
      comment on column %1$I.record_events.happened_at is ''When the transaction of the change began.''', schema_name),
      '@behavior -insert -update -delete', 'Every change of every record: what, who, when. Written by triggers in the transaction of the change.'),
    ('internal', 'event_batches', format(
      'create table %1$I.event_batches (
        position bigint primary key, batch bigint not null unique, object_id uuid not null, action text not null, taken_at timestamptz not null default clock_timestamp());
      comment on column %1$I.event_batches.position is ''1, 2, 3 and so on without gaps, in an order in which readers can go on from where they were.'';
      comment on column %1$I.event_batches.batch is ''The statement: record_events.batch.'';
      comment on column %1$I.event_batches.object_id is ''The object of its records: metadata.objects.id.'';
      comment on column %1$I.event_batches.action is ''What it did with them.'';
      comment on column %1$I.event_batches.taken_at is ''When the relay took it.''', schema_name),
      '@behavior -*', 'The position of each statement of the event log, given by the relay.'),
    ('internal', 'event_archive', format(
      'create table %1$I.event_archive (
        id bigint generated always as identity primary key, object_id uuid not null, first_record_id uuid not null, last_record_id uuid not null,
        from_at timestamptz not null, until_at timestamptz not null, events jsonb not null);
      create index event_archive_records_idx on %1$I.event_archive (object_id, last_record_id, first_record_id);
      create index event_archive_until_at_idx on %1$I.event_archive (until_at);
      comment on column %1$I.event_archive.id is ''Identifies the parcel.'';
      comment on column %1$I.event_archive.object_id is ''The object of the records: metadata.objects.id.'';
      comment on column %1$I.event_archive.first_record_id is ''The first of the records, by their ids.'';
      comment on column %1$I.event_archive.last_record_id is ''The last of them.'';
      comment on column %1$I.event_archive.from_at is ''When the earliest of the events happened.'';
      comment on column %1$I.event_archive.until_at is ''When the latest of them happened.'';
      comment on column %1$I.event_archive.events is ''Rows of record_events, by record.''', schema_name),
      '@behavior -*', 'Old events, some two hundred in a row, compressed. events_of and events_since read them, too.'),
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
    ('internal', 'record_shares', format(
      'create table %1$I.record_shares (
        id uuid primary key default %2$s, object_id uuid not null, record_id uuid not null,
        principal_kind text not null check (principal_kind in (''MEMBER'', ''TEAM'', ''ROLE'')), principal_id uuid not null,
        access text not null check (access in (''READ'', ''WRITE'')), reason text not null default '''',
        created_by uuid, created_by_name text, created_at timestamptz not null default now(), expires_at timestamptz,
        unique (object_id, record_id, principal_kind, principal_id));
      create index record_shares_principal_id_object_id_idx on %1$I.record_shares (principal_id, object_id);
      comment on column %1$I.record_shares.id is ''Identifies the share.'';
      comment on column %1$I.record_shares.object_id is ''The object of the record: metadata.objects.id.'';
      comment on column %1$I.record_shares.record_id is ''The record that is shared.'';
      comment on column %1$I.record_shares.principal_kind is ''With whom: MEMBER, TEAM or ROLE.'';
      comment on column %1$I.record_shares.principal_id is ''The member, the team or the role.'';
      comment on column %1$I.record_shares.access is ''READ, or WRITE: may change it, too.'';
      comment on column %1$I.record_shares.reason is ''Why, in the words of who shared it.'';
      comment on column %1$I.record_shares.created_by is ''The member who shared it.'';
      comment on column %1$I.record_shares.created_by_name is ''What the member was called at the time.'';
      comment on column %1$I.record_shares.created_at is ''When it was shared.'';
      comment on column %1$I.record_shares.expires_at is ''When the share ends; null for never.''', schema_name, engine.uuid_default()),
      '@behavior -*', 'Single records that are shared with members, teams or roles beside what their rules let them see.'),
    -- As PostgreSQL prints them, so that what stands there can be compared.
    ('function', 'share_record', format(
$function$CREATE OR REPLACE FUNCTION %1$I.share_record(object_name text, record_id uuid, principal_kind text, principal_id uuid, access text DEFAULT 'READ'::text, reason text DEFAULT ''::text, expires_at timestamp with time zone DEFAULT NULL::timestamp with time zone)
 RETURNS uuid
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.share_record(CURRENT_USER, %1$L::text, object_name, record_id, principal_kind, principal_id, access, reason, expires_at) AS share_record;
END$function$, schema_name),
      null, 'Shows one record to a member, a team or a role, or lets them change it (access WRITE), for ever or until expiresAt. For who may change the record. Returns the share.'),
    ('function', 'unshare_record', format(
$function$CREATE OR REPLACE FUNCTION %1$I.unshare_record(share_id uuid)
 RETURNS boolean
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.unshare_record(CURRENT_USER, %1$L::text, share_id) AS unshare_record;
END$function$, schema_name),
      null, 'Takes a share of a record back. False when there is none.'),
    ('function', 'shares_of_record', format(
$function$CREATE OR REPLACE FUNCTION %1$I.shares_of_record(object_name text, record_id uuid)
 RETURNS TABLE(share_id uuid, principal_kind text, principal_id uuid, principal_name text, access text, reason text, created_by_name text, created_at timestamp with time zone, expires_at timestamp with time zone)
 LANGUAGE sql
 STABLE ROWS 10
BEGIN ATOMIC
 SELECT s.share_id,
     s.principal_kind,
     s.principal_id,
     s.principal_name,
     s.access,
     s.reason,
     s.created_by_name,
     s.created_at,
     s.expires_at
    FROM engine.shares_of_record(CURRENT_USER, %1$L::text, shares_of_record.object_name, shares_of_record.record_id) s(share_id, principal_kind, principal_id, principal_name, access, reason, created_by_name, created_at, expires_at);
END$function$, schema_name),
      null, 'With whom a record is shared, for who may read it.'),
    ('function', 'shared_ids', format(
$function$CREATE OR REPLACE FUNCTION %1$I.shared_ids(object_id uuid, access text)
 RETURNS SETOF uuid
 LANGUAGE sql
 STABLE SECURITY DEFINER ROWS 10
 SET search_path TO ''
BEGIN ATOMIC
 SELECT s.record_id
    FROM %1$I.record_shares s
   WHERE ((s.object_id = shared_ids.object_id) AND (s.principal_id = ANY (ARRAY( SELECT engine.my_principals() AS my_principals))) AND ((shared_ids.access = 'READ'::text) OR (s.access = 'WRITE'::text)) AND ((s.expires_at IS NULL) OR (s.expires_at > now())));
END$function$, schema_name),
      '@behavior -*', 'Ids of the records of an object that are shared with the caller, to READ or to WRITE. Policies ask it.'),
    ('function', 'events_of', format(
$function$CREATE OR REPLACE FUNCTION %1$I.events_of(object_id uuid, record_id uuid)
 RETURNS SETOF %1$I.record_events
 LANGUAGE sql
 STABLE
BEGIN ATOMIC
 SELECT %2$s
    FROM %1$I.record_events e
   WHERE ((e.object_id = events_of.object_id) AND (e.record_id = events_of.record_id))
 UNION ALL
  SELECT %3$s
    FROM (%1$I.event_archive a
      CROSS JOIN LATERAL jsonb_populate_recordset(NULL::%1$I.record_events, a.events) r(%4$s))
   WHERE ((a.object_id = events_of.object_id) AND (a.first_record_id <= events_of.record_id) AND (a.last_record_id >= events_of.record_id) AND (r.record_id = events_of.record_id));
END$function$, schema_name, engine.event_columns('e.', E',\n     '), engine.event_columns('r.', E',\n     '), engine.event_columns('', ', ')),
      '@behavior -*', 'All events of a record, archived or not.'),
    ('function', 'events_since', format(
$function$CREATE OR REPLACE FUNCTION %1$I.events_since(object_id uuid, since timestamp with time zone)
 RETURNS SETOF %1$I.record_events
 LANGUAGE sql
 STABLE
BEGIN ATOMIC
 SELECT %2$s
    FROM %1$I.record_events e
   WHERE ((e.object_id = events_since.object_id) AND (e.happened_at > events_since.since))
 UNION ALL
  SELECT %3$s
    FROM (%1$I.event_archive a
      CROSS JOIN LATERAL jsonb_populate_recordset(NULL::%1$I.record_events, a.events) r(%4$s))
   WHERE ((a.object_id = events_since.object_id) AND (a.until_at > events_since.since) AND (r.happened_at > events_since.since));
END$function$, schema_name, engine.event_columns('e.', E',\n     '), engine.event_columns('r.', E',\n     '), engine.event_columns('', ', ')),
      '@behavior -*', 'All events of the records of an object after a moment, archived or not.'),
    ('function', 'search_records', format(
$function$CREATE OR REPLACE FUNCTION %1$I.search_records(query text, max_results integer DEFAULT 20)
 RETURNS TABLE(object_name text, record_id uuid, label text, rank real)
 LANGUAGE sql
 STABLE ROWS 20
BEGIN ATOMIC
 SELECT s.object_name,
     s.record_id,
     s.label,
     s.rank
    FROM engine.search(CURRENT_USER, %1$L::text, search_records.query, search_records.max_results) s(object_name, record_id, label, rank);
END$function$, schema_name),
      null, 'Records whose words begin with the words of the query, or whose label is spelt alike, best first.'),
    ('function', 'matching_ids', format(
$function$CREATE OR REPLACE FUNCTION %1$I.matching_ids(table_name text, filter jsonb, max_results integer DEFAULT 20000, few integer DEFAULT 0, OUT ids uuid[], OUT is_worthwhile boolean)
 RETURNS record
 LANGUAGE sql
 STABLE
BEGIN ATOMIC
 SELECT m.ids,
     m.is_worthwhile
    FROM engine.matching_ids(CURRENT_USER, %1$L::text, matching_ids.table_name, matching_ids.filter, matching_ids.max_results, matching_ids.few) m(ids, is_worthwhile);
END$function$, schema_name),
      '@behavior -*', 'Ids of the records of a table that fulfil a filter, of those that the caller sees, found by indexes which PostgreSQL does not use under a rule. Null for more than max_results. Not worth asking where no rule limits the caller, or where he sees at most a few.'),
    ('function', 'find_duplicates', format(
$function$CREATE OR REPLACE FUNCTION %1$I.find_duplicates(object_name text, INOUT record_id uuid, max_results integer DEFAULT 20, OUT label text, OUT criteria jsonb)
 RETURNS SETOF record
 LANGUAGE sql
 STABLE ROWS 5
BEGIN ATOMIC
 SELECT d.record_id,
     d.label,
     d.criteria
    FROM engine.visible_duplicates(engine.duplicate_candidates(CURRENT_USER, %1$L::text, find_duplicates.object_name, find_duplicates.record_id, NULL::jsonb), find_duplicates.max_results) d(record_id, label, criteria);
END$function$, schema_name),
      null, 'Records that are like a record by the criteria of their object, with the fields that they share.'),
    ('function', 'find_duplicates_of', format(
$function$CREATE OR REPLACE FUNCTION %1$I.find_duplicates_of(object_name text, data jsonb, max_results integer DEFAULT 20)
 RETURNS TABLE(record_id uuid, label text, criteria jsonb)
 LANGUAGE sql
 STABLE ROWS 5
BEGIN ATOMIC
 SELECT d.record_id,
     d.label,
     d.criteria
    FROM engine.visible_duplicates(engine.duplicate_candidates(CURRENT_USER, %1$L::text, find_duplicates_of.object_name, NULL::uuid, find_duplicates_of.data), find_duplicates_of.max_results) d(record_id, label, criteria);
END$function$, schema_name),
      null, 'The same for values that are not saved yet, named as when a record is created.'),
    ('function', 'record_history', format(
$function$CREATE OR REPLACE FUNCTION %1$I.record_history(object_name text, record_id uuid, max_results integer DEFAULT 50, before_batch bigint DEFAULT NULL::bigint)
 RETURNS TABLE(batch bigint, seq integer, action text, before jsonb, after jsonb, actor_type text, actor_id uuid, actor_name text, source text, happened_at timestamp with time zone)
 LANGUAGE sql
 STABLE ROWS 50
BEGIN ATOMIC
 SELECT h.batch,
     h.seq,
     h.action,
     h.before,
     h.after,
     h.actor_type,
     h.actor_id,
     h.actor_name,
     h.source,
     h.happened_at
    FROM engine.record_history(CURRENT_USER, %1$L::text, record_history.object_name, record_history.record_id, record_history.max_results, record_history.before_batch) h(batch, seq, action, before, after, actor_type, actor_id, actor_name, source, happened_at);
END$function$, schema_name),
      null, 'What happened to a record, the latest first: of a record that the caller may read, the fields that the caller may read.'),
    ('function', 'record_timeline', format(
$function$CREATE OR REPLACE FUNCTION %1$I.record_timeline(object_name text, record_id uuid, kinds text[] DEFAULT NULL::text[], max_results integer DEFAULT 30, before_entry text DEFAULT NULL::text)
 RETURNS TABLE(entry_key text, kind text, happened_at timestamp with time zone, actor_type text, actor_id uuid, actor_name text, source text, batch bigint, seq integer, action text, before jsonb, after jsonb, comment_id uuid, body text, mentions jsonb, related_object text, related_id uuid)
 LANGUAGE sql
 STABLE ROWS 30
BEGIN ATOMIC
 SELECT t.entry_key,
     t.kind,
     t.happened_at,
     t.actor_type,
     t.actor_id,
     t.actor_name,
     t.source,
     t.batch,
     t.seq,
     t.action,
     t.before,
     t.after,
     t.comment_id,
     t.body,
     t.mentions,
     t.related_object,
     t.related_id
    FROM engine.record_timeline(CURRENT_USER, %1$L::text, record_timeline.object_name, record_timeline.record_id, record_timeline.kinds, record_timeline.max_results, record_timeline.before_entry) t(entry_key, kind, happened_at, actor_type, actor_id, actor_name, source, batch, seq, action, before, after, comment_id, body, mentions, related_object, related_id);
END$function$, schema_name),
      null, 'All that is told of a record, the latest first: changes, comments, and the notes, tasks and files that it has, as far as the caller may read them. kinds: CHANGE, COMMENT, NOTE, TASK, FILE. beforeEntry: the entryKey of the last entry leads to the next page.'),
    ('function', 'field_history', format(
$function$CREATE OR REPLACE FUNCTION %1$I.field_history(object_name text, record_id uuid, field_name text, max_results integer DEFAULT 50, before_batch bigint DEFAULT NULL::bigint)
 RETURNS TABLE(batch bigint, seq integer, action text, before jsonb, after jsonb, actor_type text, actor_id uuid, actor_name text, source text, happened_at timestamp with time zone)
 LANGUAGE sql
 STABLE ROWS 50
BEGIN ATOMIC
 SELECT h.batch,
     h.seq,
     h.action,
     h.before,
     h.after,
     h.actor_type,
     h.actor_id,
     h.actor_name,
     h.source,
     h.happened_at
    FROM engine.field_history(CURRENT_USER, %1$L::text, field_history.object_name, field_history.record_id, field_history.field_name, field_history.max_results, field_history.before_batch) h(batch, seq, action, before, after, actor_type, actor_id, actor_name, source, happened_at);
END$function$, schema_name),
      null, 'What happened to one field of a record that the caller may read, the latest first: its columns before and after, by the names that they have now. beforeBatch leads to the next page.'),
    ('function', 'as_of', format(
$as_of$CREATE OR REPLACE FUNCTION %1$I.as_of(record anyelement, moment timestamp with time zone, only_where jsonb DEFAULT NULL::jsonb)
 RETURNS SETOF anyelement
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO ''
 SET work_mem TO '64MB'
AS %2$s
begin
  return query execute engine.as_of_query(engine.acting_role(), %1$L, pg_catalog.pg_typeof(record), moment, only_where);
end
%2$s$as_of$, schema_name, '$function$'),
      '@behavior -*', 'Records as they were at a moment, as far as the caller may read them now: select * from as_of(null::people, ''2026-11-01''). Those with the values of only_where are found sooner.'),
    ('function', 'plan_revert', format(
$function$CREATE OR REPLACE FUNCTION %1$I.plan_revert(batch bigint DEFAULT NULL::bigint, seq integer DEFAULT NULL::integer, together boolean DEFAULT false, transaction_id xid8 DEFAULT NULL::xid8, request_id text DEFAULT NULL::text, INOUT object_name text DEFAULT NULL::text, INOUT record_id uuid DEFAULT NULL::uuid, field_name text DEFAULT NULL::text, moment timestamp with time zone DEFAULT NULL::timestamp with time zone, after_batch bigint DEFAULT NULL::bigint, max_results integer DEFAULT 100, OUT label text, OUT action text, OUT before jsonb, OUT after jsonb, OUT conflicts jsonb, OUT total integer, OUT conflicting integer)
 RETURNS SETOF record
 LANGUAGE sql
 STABLE ROWS 100
BEGIN ATOMIC
 SELECT r.object_name,
     r.record_id,
     r.label,
     r.action,
     r.before,
     r.after,
     r.conflicts,
     r.total,
     r.conflicting
    FROM engine.plan_revert(CURRENT_USER, %1$L::text, jsonb_build_object('batch', plan_revert.batch, 'seq', plan_revert.seq, 'together', plan_revert.together, 'transaction_id', plan_revert.transaction_id, 'request_id', plan_revert.request_id, 'object_name', plan_revert.object_name, 'record_id', plan_revert.record_id, 'field_name', plan_revert.field_name, 'moment', plan_revert.moment, 'after_batch', plan_revert.after_batch), plan_revert.max_results) r(object_name, record_id, label, action, before, after, conflicts, total, conflicting);
END$function$, schema_name),
      null, 'What would become of each record if changes were taken back, and what is in the way, that first. Which changes: one (batch and seq), a statement (batch), either with all that was done together with it; a transaction; a request; or a record, or one field of it, since a moment or after a batch.'),
    ('function', 'revert', format(
$function$CREATE OR REPLACE FUNCTION %1$I.revert(batch bigint DEFAULT NULL::bigint, seq integer DEFAULT NULL::integer, together boolean DEFAULT false, transaction_id xid8 DEFAULT NULL::xid8, request_id text DEFAULT NULL::text, object_name text DEFAULT NULL::text, record_id uuid DEFAULT NULL::uuid, field_name text DEFAULT NULL::text, moment timestamp with time zone DEFAULT NULL::timestamp with time zone, after_batch bigint DEFAULT NULL::bigint, on_conflict text DEFAULT 'REFUSE'::text)
 RETURNS jsonb
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.end_revert(engine.run_as_caller(engine.restore_reverted(engine.run_as_caller(engine.begin_revert(CURRENT_USER, %1$L::text, jsonb_build_object('batch', batch, 'seq', seq, 'together', together, 'transaction_id', transaction_id, 'request_id', request_id, 'object_name', object_name, 'record_id', record_id, 'field_name', field_name, 'moment', moment, 'after_batch', after_batch), on_conflict))))) AS end_revert;
END$function$, schema_name),
      null, 'Takes changes back, named as in planRevert, in one transaction and with the rights of the caller: who may not change a record does not take its changes back. onConflict says what becomes of what is in the way: REFUSE (all stays as it is), SKIP (the rest is taken back) or OVERWRITE (also what was changed since). Returns how many records were reverted and skipped, and why. It is a change itself, so it can be taken back, too.'),
    ('function', 'deleted_records', format(
$function$CREATE OR REPLACE FUNCTION %1$I.deleted_records(object_name text, max_results integer DEFAULT 50, skip integer DEFAULT 0)
 RETURNS TABLE(record_id uuid, label text, data jsonb, deleted_at timestamp with time zone, deleted_by_name text)
 LANGUAGE sql
 STABLE ROWS 50
BEGIN ATOMIC
 SELECT d.record_id,
     d.label,
     d.data,
     d.deleted_at,
     d.deleted_by_name
    FROM engine.deleted_records(CURRENT_USER, %1$L::text, deleted_records.object_name, deleted_records.max_results, deleted_records.skip) d(record_id, label, data, deleted_at, deleted_by_name);
END$function$, schema_name),
      null, 'Deleted records of an object that the caller could read while they were there, with the fields that the caller may read, the latest first.'),
    ('function', 'changes_between', format(
$function$CREATE OR REPLACE FUNCTION %1$I.changes_between(after_position bigint, until_position bigint, object_ids uuid[] DEFAULT NULL::uuid[], with_records boolean DEFAULT false)
 RETURNS SETOF jsonb
 LANGUAGE sql
 STABLE
BEGIN ATOMIC
 SELECT c.c
    FROM engine.changes_between(CURRENT_USER, %1$L::text, changes_between.after_position, changes_between.until_position, changes_between.object_ids, changes_between.with_records) c(c);
END$function$, schema_name),
      '@behavior -*', 'What happened to records in statements after a position of the log up to another, as the caller may know it. Live updates tell it.'),
    ('function', 'announce_presence', format(
$function$CREATE OR REPLACE FUNCTION %1$I.announce_presence(object_name text, record_id uuid, page uuid, field text DEFAULT NULL::text, is_leaving boolean DEFAULT false)
 RETURNS boolean
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.announce_presence(CURRENT_USER, %1$L::text, object_name, record_id, page, field, is_leaving) AS announce_presence;
END$function$, schema_name),
      null, 'Says that the member has a record open, and which field is being edited, to all who see the record. It lasts 40 seconds, so repeat it; isLeaving ends it. Give each page a UUID of its own.'),
    ('function', 'present_members', format(
$function$CREATE OR REPLACE FUNCTION %1$I.present_members(object_name text, record_id uuid)
 RETURNS TABLE(member_id uuid, name text, field text, since timestamp with time zone, expires_at timestamp with time zone)
 LANGUAGE sql
 STABLE ROWS 5
BEGIN ATOMIC
 SELECT p.member_id,
     p.name,
     p.field,
     p.since,
     p.expires_at
    FROM engine.present_members(CURRENT_USER, %1$L::text, present_members.object_name, present_members.record_id) p(member_id, name, field, since, expires_at);
END$function$, schema_name),
      '@behavior -*', 'Who has a record open, for who may read it. The subscription presence tells it.'),
    ('function', 'merge_records', format(
$function$CREATE OR REPLACE FUNCTION %1$I.merge_records(object_name text, survivor_id uuid, other_ids uuid[], data jsonb DEFAULT '{}'::jsonb)
 RETURNS uuid
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.end_merge(%1$L::text, engine.run_merge(engine.begin_merge(CURRENT_USER, %1$L::text, object_name, survivor_id, other_ids, data))) AS end_merge;
END$function$, schema_name),
      null, 'Makes several records one: the survivor gets the values in data, named as when a record is created, and all that refers to the others; these go to the trash. Returns the survivor.')
  ) as v (kind, key, definition, tags, description)
  union all
  select * from engine.desired_comment_internals(schema_name)
  union all
  select * from engine.desired_trash_internals(workspace_id, schema_name)
$$;
--! EndIncluded engine/internals.sql
--! Included engine/actual.sql
-- What stands in a tenant's schema, read from the catalogue, as facts with the identities that
-- their comments bear. Everything is found through pg_depend by the schema's oid and then by
-- indexed joins, so that a thousand other workspaces cost nothing.

create or replace function engine.identity_of(comment text) returns text
language sql immutable strict parallel safe
  return (regexp_match(comment, '^@relvar (\S+)'))[1];

-- Whether a comment's hash is that of a definition.
create or replace function engine.is_signed(comment text, definition text) returns boolean
language sql immutable parallel safe
  return left(md5(definition), 12) is not distinct from (regexp_match(comment, '^@relvar \S+ ([0-9a-f]{12})'))[1];

create or replace function engine.actual(schema_name text, scope uuid[] default null) returns setof engine.fact
-- Planning it takes longer than running it, and for any schema the plan is the same.
language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan
as $$
declare
  v_schema oid := to_regnamespace(quote_ident(schema_name))::oid;
  v_scope text[] := scope::text[];
  v_tables oid[];
begin
  if v_schema is null then
    return;
  end if;
  v_tables := array(
    select d.objid from pg_catalog.pg_depend d
    join pg_catalog.pg_class c on c.oid = d.objid
    left join pg_catalog.pg_description e on e.objoid = c.oid and e.classoid = 'pg_catalog.pg_class'::regclass and e.objsubid = 0
    where (v_scope is null or engine.identity_of(e.description) = any (v_scope)) and d.refclassid = 'pg_catalog.pg_namespace'::regclass and d.refobjid = v_schema
      and d.classid = 'pg_catalog.pg_class'::regclass and c.relkind in ('r', 'p'));

  return query
  with t as materialized (
    select c.oid, c.relname::text as name, c.relowner, c.relacl, c.relrowsecurity, c.relforcerowsecurity, d.description as comment,
      engine.identity_of(d.description) as key
    from unnest(v_tables) as u (oid)
    join pg_catalog.pg_class c on c.oid = u.oid
    left join pg_catalog.pg_description d on d.objoid = c.oid and d.classoid = 'pg_catalog.pg_class'::regclass and d.objsubid = 0
  )
  select case when t.key = any (engine.internal_tables()) then 'internal' else 'table' end,
    coalesce(t.key, 'unmanaged:' || t.name), t.key, t.name, t.name, null::text, t.comment, null::text, null::boolean, null::text, null::text, t.oid
  from t
  union all
  select 'column', coalesce(engine.identity_of(d.description), t.key || ' unmanaged:' || a.attname), t.key, t.name, a.attname::text, case a.attgenerated when 's' then 'stored' end, d.description,
    pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull,
    case when a.attidentity <> '' then 'identity ' || (
        select s.seqstart from pg_catalog.pg_depend e join pg_catalog.pg_sequence s on s.seqrelid = e.objid
        where e.refclassid = 'pg_catalog.pg_class'::regclass and e.refobjid = t.oid and e.refobjsubid = a.attnum and e.classid = 'pg_catalog.pg_class'::regclass and e.deptype = 'i')
      when a.attgenerated = '' then pg_catalog.pg_get_expr(ad.adbin, ad.adrelid) end,
    case when a.attgenerated <> '' then pg_catalog.pg_get_expr(ad.adbin, ad.adrelid) end, null
  from t
  join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
  left join pg_catalog.pg_attrdef ad on ad.adrelid = a.attrelid and ad.adnum = a.attnum
  left join pg_catalog.pg_description d on d.objoid = t.oid and d.classoid = 'pg_catalog.pg_class'::regclass and d.objsubid = a.attnum
  where not t.key = any (engine.internal_tables())
  union all
  -- PostgreSQL 18 lists NOT NULL as constraints too; they are a property of the column here.
  select 'constraint', t.key || ' ' || coalesce(engine.identity_of(d.description), 'unmanaged:' || c.conname), t.key, t.name, c.conname::text,
    null,
    -- ALTER CONSTRAINT and DISABLE TRIGGER ALL leave the comment.
    case when c.condeferrable or not c.convalidated and to_jsonb(c) ->> 'conenforced' = 'false'
      or c.contype = 'f' and exists (select from pg_catalog.pg_trigger g where g.tgconstraint = c.oid and g.tgenabled <> 'O') then 'altered' else d.description end,
    null, c.convalidated, null, null, c.oid
  from t
  join pg_catalog.pg_constraint c on c.conrelid = t.oid and c.contype in ('p', 'u', 'f', 'c', 'x')
  left join pg_catalog.pg_description d on d.objoid = c.oid and d.classoid = 'pg_catalog.pg_constraint'::regclass and d.objsubid = 0
  where not t.key = any (engine.internal_tables())
  union all
  select 'index', t.key || ' ' || coalesce(engine.identity_of(d.description), 'unmanaged:' || c.relname), t.key, t.name, c.relname::text,
    null, d.description, null, i.indisvalid, null, null, c.oid
  from t
  join pg_catalog.pg_index i on i.indrelid = t.oid and not i.indisprimary
  join pg_catalog.pg_class c on c.oid = i.indexrelid
  left join pg_catalog.pg_description d on d.objoid = c.oid and d.classoid = 'pg_catalog.pg_class'::regclass and d.objsubid = 0
  where not t.key = any (engine.internal_tables())
    and not exists (select from pg_catalog.pg_constraint k where k.conindid = i.indexrelid and k.conrelid = t.oid)
  union all
  -- CREATE OR REPLACE keeps the comment of a trigger or a function, so what stands there is said as the
  -- engine would say it, and has to give the hash in the comment.
  select 'trigger', t.key || ' ' || coalesce(engine.identity_of(d.description), 'unmanaged:' || g.tgname), t.key, t.name, g.tgname::text,
    null,
    case when g.tgenabled <> 'O' then 'disabled' when engine.is_signed(d.description, w.definition) then d.description else 'altered' end,
    null, null, null, null, g.oid
  from t
  join pg_catalog.pg_trigger g on g.tgrelid = t.oid and not g.tgisinternal
  left join pg_catalog.pg_description d on d.objoid = g.oid and d.classoid = 'pg_catalog.pg_trigger'::regclass and d.objsubid = 0
  cross join lateral (
    select case when g.tgqual is null and g.tgattr = '' and g.tgconstraint = 0 and g.tgtype & 64 = 0 then
      concat(case when g.tgtype & 2 = 2 then 'before ' else 'after ' end,
        concat_ws(' or ', case when g.tgtype & 4 = 4 then 'insert' end, case when g.tgtype & 16 = 16 then 'update' end, case when g.tgtype & 8 = 8 then 'delete' end, case when g.tgtype & 32 = 32 then 'truncate' end),
        ' on %s', case when coalesce(g.tgoldtable, g.tgnewtable) is not null then ' referencing' end, ' old table as ' || g.tgoldtable, ' new table as ' || g.tgnewtable,
        case when g.tgtype & 1 = 1 then ' for each row' else ' for each statement' end, ' execute function ', g.tgfoid::regproc, '(',
        case when g.tgnargs > 0 then (
          -- Each argument ends with a zero byte.
          select replace(string_agg(quote_literal(convert_from(decode(a[1], 'hex'), getdatabaseencoding())), ', ' order by n), '%', '%%')
          from regexp_matches(encode(g.tgargs, 'hex'), '((?:0[1-9a-f]|[1-9a-f].)*)00', 'g') with ordinality as m (a, n)) end, ')') end as definition
  ) w
  union all
  select 'rls', t.key, t.key, t.name, null,
    case when t.relrowsecurity and t.relforcerowsecurity then 'forced' when t.relrowsecurity then 'enabled' else 'off' end,
    null, null, null, null, null, t.oid
  from t
  where t.key is not null
  union all
  select * from engine.actual_security(v_tables)
  union all
  -- Functions of one object's triggers have its id in their identity.
  select 'function', coalesce(engine.identity_of(d.description), 'unmanaged:' || p.proname), substring(engine.identity_of(d.description) from '^[a-z_]+:([0-9a-f-]{36})'),
    null, p.proname::text, null,
    case when engine.is_signed(d.description, case
        when p.prosqlbody is not null or p.prorettype <> 'pg_catalog.trigger'::regtype then rtrim(pg_catalog.pg_get_functiondef(p.oid), E'\n')
        when (l.lanname, p.provolatile, p.prosecdef, p.proconfig::text) = ('plpgsql', 'v', true, '{"search_path=\"\""}') then
          format('create or replace function %I.%I() returns trigger language plpgsql volatile security definer set search_path = '''' as %L', schema_name, p.proname, p.prosrc) end)
      then d.description else 'altered' end,
    null, null, null, null, p.oid
  from pg_catalog.pg_depend dep
  join pg_catalog.pg_proc p on p.oid = dep.objid
  join pg_catalog.pg_language l on l.oid = p.prolang
  left join pg_catalog.pg_description d on d.objoid = p.oid and d.classoid = 'pg_catalog.pg_proc'::regclass and d.objsubid = 0
  where dep.refclassid = 'pg_catalog.pg_namespace'::regclass and dep.refobjid = v_schema and dep.classid = 'pg_catalog.pg_proc'::regclass
    and (v_scope is null or substring(engine.identity_of(d.description) from '^[a-z_]+:([0-9a-f-]{36})') = any (v_scope))
  union all
  select * from engine.actual_roles(schema_name) where scope is null;
end
$$;
comment on function engine.actual(text, uuid[]) is 'What stands in a tenant schema, read from the catalogue; of the objects in scope, or everything.';
--! EndIncluded engine/actual.sql
--! Included engine/positions.sql
-- Positions: where a reader of the event log was, so that it can go on from there. Each statement gets one after its
-- commit, from the relay, so they have no gaps that fill later; the batch number, which it took before, has.

-- A workspace of an earlier release, or one that no relay has met: what the log holds gets its positions. False while
-- the model of one that lacks the table is being changed.
create or replace function engine.begin_positions(workspace_id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_schema text := (select w.schema_name from core.workspaces w where w.id = workspace_id);
  v_table engine.fact;
begin
  if v_schema is null or exists (select from engine.event_positions p where p.workspace_id = begin_positions.workspace_id) then
    return v_schema is not null;
  end if;
  if to_regclass(quote_ident(v_schema) || '.event_batches') is null then
    if not pg_try_advisory_xact_lock(hashtextextended('relvar.model.' || workspace_id, 0)) then
      return false;
    end if;
    if to_regclass(quote_ident(v_schema) || '.event_batches') is null then
      select i.* into v_table from engine.desired_internals(workspace_id, v_schema) i where i.key = 'event_batches';
      execute v_table.definition;
      execute format('comment on table %I.event_batches is %L', v_schema, v_table.comment);
    end if;
  end if;
  insert into engine.event_positions (workspace_id) values (begin_positions.workspace_id) on conflict do nothing;
  if not found then
    return true;
  end if;
  execute format(
    'insert into %1$I.event_batches (position, batch, object_id, action)
     select row_number() over (order by e.batch), e.batch, (array_agg(e.object_id))[1], (array_agg(e.action))[1]
     from %1$I.record_events e where not exists (select from engine.outbox o where o.batch = e.batch)
     group by e.batch', v_schema);
  execute format('update engine.event_positions p set position = (select coalesce(max(b.position), 0) from %I.event_batches b) where p.workspace_id = $1', v_schema)
    using workspace_id;
  return true;
end
$$;

-- The caller holds the counters of the workspaces.
create or replace function engine.give_positions(taken engine.outbox[]) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_last bigint;
  r record;
begin
  for r in
    select w.id, w.schema_name, array_agg(t.batch order by t.batch) as batches, array_agg(t.object_id order by t.batch) as objects, array_agg(t.action order by t.batch) as actions
    from unnest(taken) t join core.workspaces w on w.id = t.workspace_id
    group by w.id
  loop
    update engine.event_positions p set position = p.position + cardinality(r.batches) where p.workspace_id = r.id returning p.position into v_last;
    execute format('insert into %I.event_batches (position, batch, object_id, action) select $1 + u.n, u.batch, u.object_id, u.action
      from unnest($2, $3, $4) with ordinality u (batch, object_id, action, n)', r.schema_name)
    using v_last - cardinality(r.batches), r.batches, r.objects, r.actions;
  end loop;
end
$$;

create or replace function engine.last_position(workspace_id uuid) returns bigint
language sql stable security definer set search_path = ''
as $$ select coalesce((select p.position from engine.event_positions p where p.workspace_id = last_position.workspace_id), 0) $$;
comment on function engine.last_position(uuid) is 'The position of the last statement of a workspace that the relay has taken; 0 for none.';

create or replace function engine.first_position(workspace_id uuid) returns bigint
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_first bigint;
begin
  execute format('select min(b.position) from %I.event_batches b', (select w.schema_name from core.workspaces w where w.id = workspace_id)) into v_first;
  return coalesce(v_first, engine.last_position(workspace_id) + 1);
end
$$;
comment on function engine.first_position(uuid) is 'The first position that can still be read: who was further back than one before it has missed events, and reads everything anew.';

-- A statement may have changed many records, so a reader may stop within it, and then says also after which of them.
create or replace function engine.events_after(workspace_id uuid, after_position bigint, max_batches int default 100, after_seq int default null, max_events int default null)
returns table ("position" bigint, batch bigint, seq int, object_id uuid, record_id uuid, action text, before jsonb, after jsonb, actor_type text, actor_id uuid, actor_name text,
  source text, request_id text, transaction_id xid8, happened_at timestamptz)
language plpgsql stable security definer set search_path = ''
as $$
begin
  return query execute format(
    'select b.position, e.batch, e.seq, e.object_id, e.record_id, e.action, e.before, e.after, e.actor_type, e.actor_id, e.actor_name, e.source, e.request_id, e.transaction_id, e.happened_at
     from (select * from %1$I.event_batches where position >= $1 order by position limit $2) b
     join %1$I.record_events e on e.batch = b.batch and (b.position > $1 or e.seq > $3)
     order by b.position, e.seq limit $4', (select w.schema_name from core.workspaces w where w.id = workspace_id))
  using case when after_seq is null then after_position + 1 else after_position end, max_batches, coalesce(after_seq, 0), max_events;
end
$$;
comment on function engine.events_after(uuid, bigint, int, int, int) is
  'The events after a position, in order, of at most so many statements and so many events; after an event within a statement, where its seq is given.';

grant execute on function engine.last_position(uuid), engine.first_position(uuid), engine.events_after(uuid, bigint, int, int, int) to relvar_server, relvar_worker;
--! EndIncluded engine/positions.sql
--! Included engine/outbox.sql
-- The relay: takes what writers left in the outbox, wakes the webhooks that it is meant for, and tells the
-- servers with one NOTIFY. Only the worker runs it, so that writers never pay for either.

-- Where a workspace's counter is held by another relay, its rows wait: positions become visible in their order,
-- and a statement that followed another, having seen it, has the later one.
create or replace function engine.relay_outbox(max_rows int default 500) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspaces uuid[];
  v_taken engine.outbox[];
  v_notice text;
begin
  perform engine.begin_positions(n.workspace_id)
  from (select distinct o.workspace_id from (select b.workspace_id from engine.outbox b order by b.batch limit max_rows) o
    where not exists (select from engine.event_positions p where p.workspace_id = o.workspace_id)) n;
  v_workspaces := array(
    select p.workspace_id from engine.event_positions p
    where p.workspace_id in (select o.workspace_id from engine.outbox o order by o.batch limit max_rows)
    order by p.workspace_id for update skip locked);
  -- A statement of its own, so that it sees what the former holder of the counter left.
  with taken as (
    delete from engine.outbox o
    where o.batch in (select b.batch from engine.outbox b where b.workspace_id = any (v_workspaces) order by b.batch limit max_rows)
    returning o.*
  )
  select array_agg(row(t.*)::engine.outbox order by t.batch) into v_taken from taken t;
  if v_taken is null then
    return 0;
  end if;
  perform engine.give_positions(v_taken);
  perform engine.wake_webhooks(v_taken);
  perform core.queue_assigned(v_taken);
  -- A notice has less than 8,000 bytes, and an object in it less than 250.
  for v_notice in
    select json_agg(json_build_object('workspace', n.workspace_id, 'position', n.position, 'object', n.object_id, 'table', n.table_name, 'batch', n.batch))
    from (
      select t.workspace_id, p.position, t.object_id, o.table_name, max(t.batch) as batch, row_number() over (order by max(t.batch)) as n
      from unnest(v_taken) t
      join metadata.objects o on o.id = t.object_id
      join engine.event_positions p on p.workspace_id = t.workspace_id
      group by 1, 2, 3, 4
    ) n
    group by (n.n - 1) / 30
  loop
    perform pg_notify('relvar_records', v_notice);
  end loop;
  return cardinality(v_taken);
end
$$;
comment on function engine.relay_outbox(int) is 'Moves up to max_rows outbox rows to webhooks and notices, and gives them their positions. Returns how many; 0 when the outbox is empty, or another relay works on what is in it.';

create or replace function engine.heartbeat(name text) returns void
language sql volatile security definer set search_path = ''
as $$
  insert into engine.heartbeats (name, seen_at) values (heartbeat.name, clock_timestamp())
  on conflict (name) do update set seen_at = excluded.seen_at
$$;
comment on function engine.heartbeat(text) is 'Says that a part of the worker is alive; health checks read engine.heartbeats.';

create or replace function engine.seconds_since_heartbeat(name text) returns double precision
language sql stable security definer set search_path = ''
as $$ select extract(epoch from clock_timestamp() - h.seen_at) from engine.heartbeats h where h.name = seconds_since_heartbeat.name $$;

grant usage on schema engine to relvar_worker, relvar_server;
grant execute on function engine.relay_outbox(int), engine.heartbeat(text) to relvar_worker;
grant execute on function engine.seconds_since_heartbeat(text) to relvar_server, relvar_worker;
--! EndIncluded engine/outbox.sql
--! Included engine/reconcile.sql
-- A new version of the engine may want other triggers, names or policies for the same model. After
-- the migrations each workspace is brought in line once, in a transaction of its own, so that one
-- that cannot be (its tables are busy, its records do not fit) holds no other up and is tried again.

-- What the engine derives tables from, besides the model.
create or replace function engine.version() returns text
language sql stable set search_path = ''
as $$
  select md5(
    (select string_agg(md5(pg_catalog.pg_get_functiondef(p.oid)), '' order by p.oid::regprocedure::text collate "C")
      from pg_catalog.pg_proc p where p.pronamespace = 'engine'::regnamespace and p.prokind = 'f')
    || (select string_agg(c::text, ';' order by c.type, c.part) from engine.field_type_columns c))
$$;
comment on function engine.version() is 'Fingerprint of the engine. Workspaces that were reconciled by another one are looked at again.';

create or replace function engine.reconcile(workspace_id uuid) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_count int := engine.apply(workspace_id);
begin
  perform engine.begin_positions(workspace_id);
  insert into engine.reconciled as r (workspace_id, version) values (reconcile.workspace_id, engine.version())
  on conflict on constraint reconciled_pkey do update set version = excluded.version, reconciled_at = now();
  return v_count;
end
$$;
comment on function engine.reconcile(uuid) is 'engine.apply for a whole workspace, remembering by which engine. The migrations call it for each.';
--! EndIncluded engine/reconcile.sql
--! Included core/workspaces.sql
-- Creating a workspace is a difference from nothing: rows of metadata, one reconciliation.

create or replace function engine.create_workspace(slug text, name text, owner_email text, owner_name text default null, owner_password_hash text default null) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
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
  perform engine.add_system_roles(v_id, v_schema);
  if not exists (select from engine.standard_manifest) then
    raise exception 'The standard objects are not loaded.' using errcode = 'RV042', hint = 'Run the migrations again; they load them.';
  end if;
  perform metadata.sync_application(v_id, m.manifest) from engine.standard_manifest m;
  -- Members come and go by invitation, not by creating or deleting a record.
  insert into metadata.object_permissions (workspace_id, role_id, object_id, can_read, can_create, can_update, can_delete, can_destroy)
  select v_id, r.id, o.id, true, false, r.has_all_permissions, false, false
  from metadata.roles r join metadata.objects o on o.workspace_id = r.workspace_id
  where r.workspace_id = v_id and o.universal_identifier = 'standard:workspaceMember';
  perform engine.apply(v_id);
  perform engine.begin_positions(v_id);
  delete from engine.pending p where p.workspace_id = v_id;
  perform core.add_member(create_workspace.slug, owner_email, coalesce(owner_name, split_part(owner_email, '@', 1)), 'Admin', owner_password_hash);
  return v_id;
end
$$;
comment on function engine.create_workspace(text, text, text, text, text) is
  'Creates a workspace with the standard objects, the roles Admin, Member and Read-only, and its owner. password hash: argon2id, or null for a user who has one or gets one later.';

-- The roles that every workspace has: Admin, Member, which new members get, and Read-only.
create or replace function engine.add_system_roles(workspace_id uuid, schema_name text) returns void
language plpgsql volatile set search_path = ''
as $$
begin
  insert into metadata.roles (workspace_id, name, description, icon, pg_role, is_system, has_all_permissions, permissions, can_create_all, can_update_all, can_delete_all, can_destroy_all) values
    (add_system_roles.workspace_id, 'Admin', 'May do everything, including changing the data model.', 'IconShieldStar', schema_name || '_r_1', true, true, '{}', true, true, true, true),
    (add_system_roles.workspace_id, 'Member', 'May read and change all records.', 'IconUser', schema_name || '_r_2', true, false, engine.member_permissions(), true, true, true, true),
    (add_system_roles.workspace_id, 'Read-only', 'May read all records and change none.', 'IconEye', schema_name || '_r_3', true, false, '{DOWNLOAD_FILE,EXPORT_CSV,PROFILE_INFORMATION}', false, false, false, false);
  insert into core.workspace_settings (workspace_id, default_role_id)
  select r.workspace_id, r.id from metadata.roles r where r.workspace_id = add_system_roles.workspace_id and r.name = 'Member';
end
$$;

create or replace function engine.member_permissions() returns text[]
language sql immutable parallel safe
  return '{AI,CONNECTED_ACCOUNTS,DOWNLOAD_FILE,EXPORT_CSV,IMPORT_CSV,PROFILE_INFORMATION,SEND_EMAIL_TOOL,UPLOAD_FILE,VIEWS}'::text[];

create or replace function engine.base36(n bigint) returns text
language plpgsql immutable strict parallel safe set search_path = ''
as $$
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
$$;

create or replace function engine.drop_workspace(slug text) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspace core.workspaces;
  v_role text;
begin
  select * into v_workspace from core.workspaces w where w.slug = drop_workspace.slug for update;
  if not found then
    raise exception 'There is no workspace "%".', slug using errcode = 'RV012', hint = 'relvar workspace list shows them.';
  end if;
  perform pg_advisory_xact_lock(hashtextextended('relvar.model.' || v_workspace.id, 0));
  -- The relay passes by a workspace whose counter is held.
  delete from engine.event_positions p where p.workspace_id = v_workspace.id;
  execute format('drop schema %I cascade', v_workspace.schema_name);
  perform core.drop_database_login(l) from core.database_logins l where l.workspace_id = v_workspace.id;
  for v_role in
    select r.rolname from pg_catalog.pg_roles r
    where (r.rolname >= v_workspace.schema_name || '_r_' and r.rolname < v_workspace.schema_name || '_r`')
      or (r.rolname >= v_workspace.schema_name || '_ro_' and r.rolname < v_workspace.schema_name || '_ro`') or r.rolname = v_workspace.schema_name
    order by length(r.rolname) desc
  loop
    -- What a login made as the role, such as a large object, would hold it.
    execute engine.grant_to_owner(v_role);
    execute format('drop owned by %I', v_role);
    execute format('drop role %I', v_role);
  end loop;
  delete from core.members m where m.workspace_id = v_workspace.id;
  delete from core.workspaces w where w.id = v_workspace.id;
  delete from engine.outbox o where o.workspace_id = v_workspace.id;
  delete from core.users u where not exists (select from core.members m where m.user_id = u.id);
  perform pg_notify('relvar_model', json_build_object('workspace', v_workspace.id, 'version', null, 'shape', null)::text);
end
$$;
comment on function engine.drop_workspace(text) is 'Drops a workspace with all its records, roles and metadata, and the users who belong to no other.';

-- Which workspace an address names, for its sign-in page.
create or replace function core.workspace_at(slug text) returns table (id uuid, name text)
language sql stable security definer set search_path = ''
as $$ select w.id, w.name from core.workspaces w where w.slug = workspace_at.slug $$;
grant execute on function core.workspace_at(text) to relvar_server;
--! EndIncluded core/workspaces.sql
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

--! Included engine/views/filter.sql
-- Which records a view shows, as a tree: {"and": […]}, {"or": […]}, {"not": …} and comparisons
-- {"fieldId", "operand", "value"}, with "part" for one column of a field of several, "via" for a field of the record
-- that a relation points to, and without "fieldId" for any text of the record. What it means is the screen's to
-- say: "me" and "today" are somebody else's for each who looks. A filter never gives a right; it is asked as who looks.

create or replace function engine.view_operands() returns text[]
language sql immutable parallel safe
  return '{IS,IS_NOT,CONTAINS,DOES_NOT_CONTAIN,STARTS_WITH,ENDS_WITH,GREATER_THAN,GREATER_THAN_OR_EQUAL,LESS_THAN,LESS_THAN_OR_EQUAL,BETWEEN,IS_BEFORE,IS_AFTER,IS_RELATIVE,IS_TODAY,IS_IN_PAST,IS_IN_FUTURE,IS_EMPTY,IS_NOT_EMPTY}'::text[];

-- Filters of the API, whose keys are fields, are taken as well: {"<id>": {"equalTo": 1}}.
create or replace function engine.view_operand_of(operator text, value jsonb) returns text
language sql immutable parallel safe
  return case operator
    when 'equalTo' then 'IS' when 'in' then 'IS' when 'notEqualTo' then 'IS_NOT' when 'notIn' then 'IS_NOT'
    when 'includesInsensitive' then 'CONTAINS' when 'contains' then 'CONTAINS' when 'overlaps' then 'CONTAINS' when 'notIncludesInsensitive' then 'DOES_NOT_CONTAIN'
    when 'startsWithInsensitive' then 'STARTS_WITH' when 'endsWithInsensitive' then 'ENDS_WITH'
    when 'lessThan' then 'LESS_THAN' when 'lessThanOrEqualTo' then 'LESS_THAN_OR_EQUAL'
    when 'greaterThan' then 'GREATER_THAN' when 'greaterThanOrEqualTo' then 'GREATER_THAN_OR_EQUAL'
    when 'isNull' then case when value = 'true' then 'IS_EMPTY' else 'IS_NOT_EMPTY' end end;

create or replace function engine.view_comparison(comparison jsonb) returns jsonb
language plpgsql immutable set search_path = ''
as $$
declare
  v_operand text := comparison ->> 'operand';
  v_unknown text;
begin
  select k into v_unknown from jsonb_object_keys(comparison) k where k not in ('fieldId', 'part', 'via', 'operand', 'value') limit 1;
  if found then
    raise exception 'A comparison of a filter has no "%".', v_unknown using errcode = 'RV186', column = 'filter', hint = 'It takes fieldId, part, via, operand and value.';
  end if;
  if v_operand is null or v_operand <> all (engine.view_operands()) then
    raise exception 'A filter cannot compare by "%".', coalesce(v_operand, '') using errcode = 'RV186', column = 'filter',
      hint = 'It compares by ' || array_to_string(engine.view_operands(), ', ') || '.';
  end if;
  if jsonb_typeof(coalesce(comparison -> 'fieldId', 'null')) not in ('string', 'null') or jsonb_typeof(coalesce(comparison -> 'part', 'null')) not in ('string', 'null')
    or comparison ->> 'fieldId' is null and v_operand not in ('CONTAINS', 'DOES_NOT_CONTAIN')
    or jsonb_typeof(coalesce(comparison -> 'via', '[]')) <> 'array' or jsonb_array_length(coalesce(comparison -> 'via', '[]')) > 3 then
    raise exception 'A comparison of a filter names a field by its id.' using errcode = 'RV186', column = 'filter',
      hint = 'Without a field, it looks for a text in any of them: CONTAINS or DOES_NOT_CONTAIN. "via" lists at most three relations that lead to the field.';
  end if;
  return jsonb_strip_nulls(comparison);
end
$$;

create or replace function engine.view_filter_node(node jsonb, depth int) returns jsonb
language plpgsql immutable set search_path = ''
as $$
declare
  v_parts jsonb := '[]';
  v_node jsonb;
  r record;
  o record;
begin
  if jsonb_typeof(node) is distinct from 'object' then
    raise exception 'A filter is an object.' using errcode = 'RV186', column = 'filter', hint = 'Give {"and": […]}, {"or": […]}, {"not": …} or {"fieldId", "operand", "value"}.';
  end if;
  if depth > 10 then
    raise exception 'The filter is nested too deeply.' using errcode = 'RV186', column = 'filter', hint = 'Groups may stand in groups up to ten deep.';
  end if;
  if node ? 'operand' then
    return engine.view_comparison(node);
  end if;
  for r in select e.key, e.value from jsonb_each(node) e order by e.key loop
    v_node := null;
    if r.key in ('and', 'or') and jsonb_typeof(r.value) = 'array' then
      select jsonb_build_object(r.key, coalesce(jsonb_agg(n.node) filter (where n.node is not null), '[]')) into v_node
      from jsonb_array_elements(r.value) with ordinality u (e, i) cross join lateral (select engine.view_filter_node(u.e, depth + 1) as node) n;
      v_node := case when v_node -> r.key <> '[]' then v_node end;
    elsif r.key = 'not' then
      v_node := engine.view_filter_node(r.value, depth + 1);
      v_node := case when v_node is not null then jsonb_build_object('not', v_node) end;
    elsif jsonb_typeof(r.value) = 'object' and r.key not in ('and', 'or') then
      for o in select e.key, e.value from jsonb_each(r.value) e order by e.key loop
        if engine.view_operand_of(o.key, o.value) is null then
          raise exception 'A filter cannot compare by "%".', o.key using errcode = 'RV186', column = 'filter', hint = 'Give {"fieldId", "operand", "value"}; the operands are ' || array_to_string(engine.view_operands(), ', ') || '.';
        end if;
        v_parts := v_parts || jsonb_strip_nulls(jsonb_build_object('fieldId', r.key, 'operand', engine.view_operand_of(o.key, o.value), 'value', case when o.key <> 'isNull' then o.value end));
      end loop;
    else
      raise exception 'A filter has no "%".', r.key using errcode = 'RV186', column = 'filter', hint = 'Give {"and": […]}, {"or": […]}, {"not": …} or {"fieldId", "operand", "value"}.';
    end if;
    if v_node is not null then
      v_parts := v_parts || v_node;
    end if;
  end loop;
  return case jsonb_array_length(v_parts) when 0 then null when 1 then v_parts -> 0 else jsonb_build_object('and', v_parts) end;
end
$$;

-- In the one form in which filters are kept. Refuses what is none.
create or replace function engine.view_filter(filter jsonb) returns jsonb
language plpgsql immutable set search_path = ''
as $$
begin
  if filter is null or filter = 'null' then
    return null;
  end if;
  if length(filter::text) > 50000 then
    raise exception 'The filter is too long.' using errcode = 'RV186', column = 'filter', hint = 'It may have 50,000 characters.';
  end if;
  return engine.view_filter_node(filter, 0);
end
$$;

-- Of a manifest, where a filter that is none is left to be refused when it is written.
create or replace function engine.manifest_filter(filter jsonb) returns jsonb
language plpgsql immutable set search_path = ''
as $$
begin
  return coalesce(engine.view_filter(filter), 'null');
exception when sqlstate 'RV186' then
  return filter;
end
$$;
--! EndIncluded engine/views/filter.sql
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
--! Included metadata/views.sql
-- Saved ways of looking at the records of an object. A view is the workspace's, for everybody to see and for who has
-- the permission VIEWS to change; or a member's own, which nobody else sees, administrators included, until it is shared. A view never gives a
-- right: who may not read a field is shown the view without it. Views are no part of the model: changing one raises
-- no version, takes no lock of the model and rebuilds no schema. Who is asking, see engine/identity.sql.

create or replace function engine.tg_views__validate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_member uuid := engine.current_member();
  v_keeps boolean;
begin
  new.id := coalesce(new.id, engine.uuidv7());
  new.workspace_id := coalesce(new.workspace_id, (select o.workspace_id from metadata.objects o where o.id = new.object_id));
  new.name := btrim(new.name);
  if new.name = '' or length(new.name) > 100 then
    raise exception 'A view needs a name.' using errcode = 'RV185', column = 'name', hint = 'Give one of at most 100 letters.';
  end if;
  if tg_op = 'INSERT' or new.filter is distinct from old.filter then
    new.filter := engine.view_filter(new.filter);
  end if;
  if jsonb_typeof(new.sorts) <> 'array' or exists (select from jsonb_array_elements(new.sorts) s where jsonb_typeof(s) <> 'object' or s ->> 'fieldId' is null) then
    raise exception 'The order of a view lists fields.' using errcode = 'RV186', column = 'sorts', hint = 'Give [{"fieldId", "part", "descending"}].';
  end if;
  if tg_op = 'INSERT' then
    if new.application_id is null then
      new.owner_id := coalesce(new.owner_id, v_member);
    end if;
    if new.position = 0 and new.application_id is null then
      new.position := (select coalesce(max(v.position), 0) + 1 from metadata.views v where v.object_id = new.object_id);
    end if;
  else
    new.updated_at := now();
    v_keeps := engine.acts_as_administrator() or old.owner_id = v_member or (old.visibility = 'WORKSPACE' or old.owner_id is null) and engine.may('VIEWS');
    if (new.visibility, new.is_locked) is distinct from (old.visibility, old.is_locked) and not coalesce(v_keeps, false) then
      raise exception 'Only who keeps the view "%" locks it, or says who sees it.', old.name using errcode = 'RV187', column = 'is_locked', hint = 'Duplicate it, and change your own.';
    end if;
    if new.visibility = 'WORKSPACE' and old.visibility = 'PERSONAL' and not engine.acts_as_administrator() and not engine.may('VIEWS') then
      raise exception 'Your role may not make views for the whole workspace.' using errcode = '42501', hint = 'Share it with those who need it.';
    end if;
    if new.visibility = 'PERSONAL' and old.visibility = 'WORKSPACE' then
      if new.application_id is not null then
        raise exception 'The view "%" belongs to an application.', old.name using errcode = 'RV187', column = 'visibility', hint = 'Duplicate it, and have your own.';
      end if;
      new.owner_id := coalesce(v_member, new.owner_id);
    end if;
    -- Who locks a view of the workspace keeps it from then on.
    if new.is_locked and not old.is_locked and new.visibility = 'WORKSPACE' then
      new.owner_id := coalesce(v_member, new.owner_id);
    end if;
  end if;
  if new.owner_id is null and (tg_op = 'INSERT' or old.owner_id is not null and new.visibility <> old.visibility) and new.visibility = 'PERSONAL' then
    raise exception 'Only a member has views of their own.' using errcode = 'RV187', column = 'visibility', hint = 'Make it a view of the workspace: visibility WORKSPACE.';
  end if;
  if new.is_locked and new.owner_id is null and (tg_op = 'INSERT' or not old.is_locked) then
    raise exception 'A view that nobody keeps cannot be locked.' using errcode = 'RV187', column = 'is_locked', hint = 'A member locks it, who alone saves over it then.';
  end if;
  return new;
end
$$;
create or replace trigger _100_validate before insert or update on metadata.views for each row execute function engine.tg_views__validate();

-- ── who sees and changes which views ───────────────────────────────────────────────────────────

-- With whom views are shared. Who looks as somebody else is shown no view of a person's.
create or replace function engine.shared_views(access text) returns setof uuid
language plpgsql stable security definer set search_path = ''
as $$
begin
  if engine.seen_by() is null then
    return query
    select s.view_id from metadata.view_shares s
    where s.principal_id = any (array(select engine.my_principals())) and (shared_views.access = 'READ' or s.access = 'WRITE') and (s.expires_at is null or s.expires_at > now());
  end if;
end
$$;

-- The views that the caller keeps: may change whatever else may, share and delete. Of a member who is gone, who keeps the views does.
create or replace function engine.kept_views() returns setof uuid
language sql stable security definer set search_path = ''
as $$
  with me as materialized (
    select engine.workspace_of_role(current_setting('role')::name) as workspace_id, engine.private_member() as id, engine.may('VIEWS') as keeps_views
  )
  select v.id from me join metadata.views v on v.workspace_id = me.workspace_id
  where case when v.visibility = 'PERSONAL' and v.owner_id is not null then v.owner_id = me.id
    else me.keeps_views and (not v.is_locked or v.owner_id is null or v.owner_id = me.id) end
$$;

create or replace function engine.changeable_views() returns setof uuid
language sql stable security definer set search_path = ''
as $$
  select engine.kept_views()
  union
  select v.id from engine.shared_views('WRITE') s join metadata.views v on v.id = s where not v.is_locked
$$;

create or replace function engine.assert_keeps_view(view_id uuid) returns metadata.views
language plpgsql stable set search_path = ''
as $$
declare
  v_view metadata.views;
begin
  select * into v_view from metadata.views v where v.id = view_id and (engine.acts_as_administrator() or v.id in (select engine.kept_views()));
  if not found then
    raise exception 'You do not keep this view, or there is none.' using errcode = '42501', hint = 'Who made a view keeps it; views of the workspace ask for the permission "Views".';
  end if;
  return v_view;
end
$$;

alter table metadata.views enable row level security;
alter table metadata.view_fields enable row level security;
alter table metadata.views alter column workspace_id set default engine.current_workspace();
alter table metadata.view_fields alter column workspace_id set default engine.current_workspace();
drop policy if exists select_own on metadata.views;
drop policy if exists insert_own on metadata.views;
drop policy if exists update_own on metadata.views;
drop policy if exists delete_own on metadata.views;
create policy select_own on metadata.views for select to relvar_crm using (workspace_id = (select engine.current_workspace()) and (
  visibility = 'WORKSPACE' or owner_id = (select engine.private_member()) or id = any (array(select engine.shared_views('READ'))) or owner_id is null and (select engine.may('VIEWS'))));
comment on policy select_own on metadata.views is 'Members see the views of the workspace, their own, and those shared with them; who keeps the views also those of members who are gone.';
create policy insert_own on metadata.views for insert to relvar_crm with check (workspace_id = (select engine.current_workspace()) and (
  visibility = 'PERSONAL' and owner_id = (select engine.current_member()) or visibility = 'WORKSPACE' and (select engine.may('VIEWS'))));
create policy update_own on metadata.views for update to relvar_crm using (id = any (array(select engine.changeable_views())))
  with check (workspace_id = (select engine.current_workspace())
    and (visibility = 'PERSONAL' or (select engine.may('VIEWS')) or id = any (array(select engine.shared_views('WRITE')))));
create policy delete_own on metadata.views for delete to relvar_crm using (id = any (array(select engine.kept_views())));

drop policy if exists select_own on metadata.view_fields;
drop policy if exists insert_own on metadata.view_fields;
drop policy if exists update_own on metadata.view_fields;
drop policy if exists delete_own on metadata.view_fields;
create policy select_own on metadata.view_fields for select to relvar_crm using (view_id = any (array(select v.id from metadata.views v)));
comment on policy select_own on metadata.view_fields is 'Who sees a view sees its columns.';
create policy insert_own on metadata.view_fields for insert to relvar_crm
  with check (workspace_id = (select engine.current_workspace()) and view_id = any (array(select engine.changeable_views())));
create policy update_own on metadata.view_fields for update to relvar_crm using (view_id = any (array(select engine.changeable_views())));
create policy delete_own on metadata.view_fields for delete to relvar_crm using (view_id = any (array(select engine.changeable_views())));

grant select on metadata.views, metadata.view_fields to relvar_crm;
-- Who owns a view follows from who makes it.
grant insert (id, object_id, name, icon, type, filter, sorts, group_field_id, position, visibility, is_locked),
  update (name, icon, type, filter, sorts, group_field_id, position, visibility, is_locked), delete
  on metadata.views to relvar_crm;
grant insert (id, view_id, field_id, width, is_visible, is_pinned, aggregate, position), update (width, is_visible, is_pinned, aggregate, position), delete
  on metadata.view_fields to relvar_crm;
grant execute on function engine.shared_views(text), engine.kept_views(), engine.changeable_views() to relvar_crm;

-- ── other screens ──────────────────────────────────────────────────────────────────────────────

-- Says that some view, share, default or favourite of the workspace is another now; which, each screen asks for itself.
create or replace function engine.tg_views__notify() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform pg_notify('relvar_views', json_build_object('workspace', w.workspace_id)::text) from (select distinct c.workspace_id from changed c) w;
  return null;
end
$$;

do $$
declare
  v_table text;
begin
  foreach v_table in array array['views', 'view_fields', 'view_shares', 'view_defaults', 'favourites'] loop
    execute format('create or replace trigger _900_notify_insert after insert on metadata.%I referencing new table as changed for each statement execute function engine.tg_views__notify()', v_table);
    execute format('create or replace trigger _900_notify_update after update on metadata.%I referencing new table as changed for each statement execute function engine.tg_views__notify()', v_table);
    execute format('create or replace trigger _900_notify_delete after delete on metadata.%I referencing old table as changed for each statement execute function engine.tg_views__notify()', v_table);
  end loop;
end
$$;

-- ── doing it in one call ───────────────────────────────────────────────────────────────────────

-- What a view is like, written over what it was: {"type", "icon", "filter", "sorts", "groupFieldId", "fields": [{"fieldId",
-- "width", "isVisible", "isPinned", "aggregate"}]}, of which what is left out stays as it is.
create or replace function metadata.save_view(view_id uuid, state jsonb) returns metadata.views
language plpgsql volatile set search_path = ''
as $$
#variable_conflict use_column
declare
  v_view metadata.views;
  v_unknown text;
begin
  select k into v_unknown from jsonb_object_keys(case jsonb_typeof(state) when 'object' then state else '{}' end) k
  where k not in ('type', 'icon', 'filter', 'sorts', 'groupFieldId', 'fields') limit 1;
  if found or jsonb_typeof(state) is distinct from 'object' then
    raise exception 'A view has no "%".', coalesce(v_unknown, '') using errcode = 'RV186', column = 'state', hint = 'It has type, icon, filter, sorts, groupFieldId and fields.';
  end if;
  update metadata.views v set
    type = coalesce(state ->> 'type', v.type),
    icon = case when state ? 'icon' then state ->> 'icon' else v.icon end,
    filter = case when state ? 'filter' then nullif(state -> 'filter', 'null') else v.filter end,
    sorts = coalesce(nullif(state -> 'sorts', 'null'), v.sorts),
    group_field_id = case when state ? 'groupFieldId' then (state ->> 'groupFieldId')::uuid else v.group_field_id end
  where v.id = save_view.view_id returning v.* into v_view;
  if not found then
    raise exception 'This view is not yours to change, or there is none.' using errcode = 'RV187', column = 'view_id',
      hint = 'It may be locked or shared to be read. Save what you see as a view of your own.';
  end if;
  if state ? 'fields' then
    delete from metadata.view_fields c where c.view_id = v_view.id
      and not c.field_id = any (array(select (f ->> 'fieldId')::uuid from jsonb_array_elements(state -> 'fields') f));
    insert into metadata.view_fields as c (view_id, field_id, width, is_visible, is_pinned, aggregate, position)
    select v_view.id, (f ->> 'fieldId')::uuid, (f ->> 'width')::int, coalesce((f ->> 'isVisible')::boolean, true), coalesce((f ->> 'isPinned')::boolean, false), f ->> 'aggregate', i
    from jsonb_array_elements(state -> 'fields') with ordinality u (f, i)
    on conflict (view_id, field_id) do update
      set width = excluded.width, is_visible = excluded.is_visible, is_pinned = excluded.is_pinned, aggregate = excluded.aggregate, position = excluded.position;
  end if;
  return v_view;
end
$$;
comment on function metadata.save_view(uuid, jsonb) is
  'Writes over a view: {type, icon, filter, sorts, groupFieldId, fields: [{fieldId, width, isVisible, isPinned, aggregate}]}. What is left out stays. Columns stand in the order of the list.';

create or replace function metadata.add_view(object_id uuid, name text, state jsonb default '{}', visibility text default 'PERSONAL', id uuid default null) returns metadata.views
language plpgsql volatile set search_path = ''
as $$
#variable_conflict use_column
declare
  v_id uuid;
begin
  insert into metadata.views as v (id, object_id, name, visibility) values (add_view.id, add_view.object_id, add_view.name, add_view.visibility) returning v.id into v_id;
  return metadata.save_view(v_id, coalesce(add_view.state, '{}'));
end
$$;
comment on function metadata.add_view(uuid, text, jsonb, text, uuid) is
  'Makes a view with all that it shows, as save_view takes it: one of one''s own, or with visibility WORKSPACE one for everybody.';

-- Columns that the caller may not read go along: whoever may sees them.
create or replace function metadata.copy_view(view_id uuid, name text default null) returns metadata.views
language plpgsql volatile set search_path = ''
as $$
#variable_conflict use_column
declare
  v_view metadata.views;
begin
  select * into v_view from metadata.views v where v.id = copy_view.view_id;
  if not found then
    raise exception 'There is no such view.' using errcode = 'RV187', column = 'view_id', hint = 'It may have been deleted, or is not shared with you.';
  end if;
  return metadata.add_view(v_view.object_id, coalesce(nullif(btrim(copy_view.name), ''), left(v_view.name, 90) || ' (copy)'), jsonb_build_object(
    'type', v_view.type, 'icon', v_view.icon, 'filter', v_view.filter, 'sorts', v_view.sorts, 'groupFieldId', v_view.group_field_id,
    'fields', (select coalesce(jsonb_agg(jsonb_build_object('fieldId', c.field_id, 'width', c.width, 'isVisible', c.is_visible, 'isPinned', c.is_pinned, 'aggregate', c.aggregate) order by c.position, c.id), '[]')
      from metadata.view_fields c where c.view_id = v_view.id)));
end
$$;
comment on function metadata.copy_view(uuid, text) is 'Makes a view of one''s own that shows what another does.';

-- Somebody who keeps the views keeps on what a member has left behind, or what is locked by one who is kept out.
create or replace function metadata.take_over_view(view_id uuid) returns metadata.views
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_member uuid := engine.current_member();
  v_view metadata.views;
begin
  select * into v_view from metadata.views v
  where v.id = take_over_view.view_id and v.workspace_id = engine.workspace_of_role(current_setting('role')::name) and engine.may('VIEWS')
    and (v.owner_id is null or v.visibility = 'WORKSPACE' and (not v.is_locked or not exists (select from core.members m where m.id = v.owner_id and m.is_active)));
  if not found or v_member is null then
    raise exception 'There is no such view to take over.' using errcode = 'RV187', column = 'view_id',
      hint = 'Who keeps the views takes over those of members who were removed, and views of the workspace that nobody active has locked.';
  end if;
  update metadata.views v set owner_id = v_member where v.id = v_view.id returning v.* into v_view;
  return v_view;
end
$$;
comment on function metadata.take_over_view(uuid) is
  'Makes the caller, who has the permission VIEWS, the keeper of a view whose owner was removed, or of one of the workspace that is not locked by an active member.';
grant execute on function metadata.save_view(uuid, jsonb), metadata.add_view(uuid, text, jsonb, text, uuid), metadata.copy_view(uuid, text), metadata.take_over_view(uuid) to relvar_crm;

-- ── deleting, and back again ───────────────────────────────────────────────────────────────────

-- What is deleted is kept aside for a month with all that belonged to it, so that it can be brought back whole.
create or replace function engine.tg_views__keep() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  if engine.workspace_exists(old.workspace_id) and exists (select from metadata.objects o where o.id = old.object_id) then
    delete from engine.deleted_views d where d.workspace_id = old.workspace_id and d.deleted_at < now() - interval '30 days';
    insert into engine.deleted_views (view_id, workspace_id, deleted_by, data)
    values (old.id, old.workspace_id, engine.current_member(), jsonb_build_object('view', to_jsonb(old),
      'fields', (select coalesce(jsonb_agg(to_jsonb(c)), '[]') from metadata.view_fields c where c.view_id = old.id),
      'shares', (select coalesce(jsonb_agg(to_jsonb(s)), '[]') from metadata.view_shares s where s.view_id = old.id),
      'defaults', (select coalesce(jsonb_agg(to_jsonb(d)), '[]') from metadata.view_defaults d where d.view_id = old.id),
      'favourites', (select coalesce(jsonb_agg(to_jsonb(f)), '[]') from metadata.favourites f where f.view_id = old.id)))
    on conflict on constraint deleted_views_pkey do update set data = excluded.data, deleted_by = excluded.deleted_by, deleted_at = now();
  end if;
  return old;
end
$$;
create or replace trigger _800_keep before delete on metadata.views for each row execute function engine.tg_views__keep();

create or replace function metadata.restore_view(view_id uuid) returns metadata.views
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_kept engine.deleted_views;
  v_view metadata.views;
  v_member uuid := engine.current_member();
begin
  select * into v_kept from engine.deleted_views d
  where d.view_id = restore_view.view_id and (engine.acts_as_administrator() or d.workspace_id = engine.workspace_of_role(current_setting('role')::name)
    and (d.deleted_by = v_member or d.data #>> '{view,visibility}' = 'WORKSPACE' and engine.may('VIEWS')));
  v_view := jsonb_populate_record(null::metadata.views, v_kept.data -> 'view');
  if v_kept.view_id is null or not exists (select from metadata.objects o where o.id = v_view.object_id) then
    raise exception 'There is no such view to bring back.' using errcode = 'RV188', column = 'view_id', hint = 'Who deleted a view brings it back, within a month.';
  end if;
  if v_view.visibility = 'WORKSPACE' and not engine.acts_as_administrator() and not engine.may('VIEWS') then
    raise exception 'Your role does not have the permission "Views".' using errcode = '42501', hint = 'Ask an administrator of the workspace.';
  end if;
  v_view.owner_id := case when v_view.application_id is not null then v_view.owner_id
    else coalesce((select m.id from core.members m where m.id = v_view.owner_id), v_member) end;
  v_view.group_field_id := (select f.id from metadata.fields f where f.id = v_view.group_field_id);
  v_view.application_id := (select a.id from metadata.applications a where a.id = v_view.application_id);
  if v_view.application_id is null or exists (select from metadata.views v where v.workspace_id = v_view.workspace_id and v.universal_identifier = v_view.universal_identifier) then
    v_view.universal_identifier := null;
    v_view.application_id := null;
  end if;
  insert into metadata.views select v_view.*;
  insert into metadata.view_fields select c.* from jsonb_populate_recordset(null::metadata.view_fields, v_kept.data -> 'fields') c where exists (select from metadata.fields f where f.id = c.field_id);
  insert into metadata.view_shares select s.* from jsonb_populate_recordset(null::metadata.view_shares, v_kept.data -> 'shares') s
  where engine.principal_name(s.workspace_id, s.principal_kind, s.principal_id) is not null;
  insert into metadata.view_defaults select d.* from jsonb_populate_recordset(null::metadata.view_defaults, v_kept.data -> 'defaults') d
  where d.principal_kind = 'WORKSPACE' or engine.principal_name(d.workspace_id, d.principal_kind, d.principal_id) is not null
  on conflict do nothing;
  insert into metadata.favourites select f.* from jsonb_populate_recordset(null::metadata.favourites, v_kept.data -> 'favourites') f
  where (f.member_id is null or exists (select from core.members m where m.id = f.member_id)) and (f.folder_id is null or exists (select from metadata.favourites o where o.id = f.folder_id))
  on conflict do nothing;
  delete from engine.deleted_views d where d.view_id = v_kept.view_id;
  return v_view;
end
$$;
comment on function metadata.restore_view(uuid) is 'Brings back a view that the caller deleted within a month, with its columns, shares, defaults and the favourites that it was among.';
grant execute on function metadata.restore_view(uuid) to relvar_crm;

comment on column metadata.views.workspace_id is 'The workspace that this belongs to; follows from the role of whoever writes.';
comment on column metadata.views.id is 'Identifies it for good, through every rename.';
comment on column metadata.views.object_id is 'The object whose records it shows.';
comment on column metadata.views.application_id is 'The application that brought it; null for one made here.';
comment on column metadata.views.universal_identifier is 'By which the application finds it again when it is upgraded.';
comment on column metadata.views.name is 'What people call it.';
comment on column metadata.views.icon is 'Name of a Tabler icon.';
comment on column metadata.views.type is 'TABLE, BOARD, CALENDAR or GALLERY.';
comment on column metadata.views.visibility is 'WORKSPACE: everybody sees it. PERSONAL: its owner alone, and those it is shared with.';
comment on column metadata.views.owner_id is 'Whose it is, or who keeps it; null for one of an application or of a member who was removed.';
comment on column metadata.views.is_locked is 'Whether its keeper alone saves over it.';
comment on column metadata.views.filter is 'Which records it shows: {"and": […]}, {"or": […]}, {"not": …} and {"fieldId", "part", "via", "operand", "value"}; null for all.';
comment on column metadata.views.sorts is 'Their order: [{"fieldId", "part", "descending"}].';
comment on column metadata.views.group_field_id is 'The field by whose values it groups.';
comment on column metadata.views.position is 'Place among the views of the object, smallest first.';
comment on column metadata.views.created_at is 'When it was made.';
comment on column metadata.views.updated_at is 'When it was last changed.';

comment on column metadata.view_fields.workspace_id is 'The workspace that this belongs to; follows from the role of whoever writes.';
comment on column metadata.view_fields.id is 'Identifies it for good, through every rename.';
comment on column metadata.view_fields.view_id is 'The view.';
comment on column metadata.view_fields.field_id is 'The field that the column shows.';
comment on column metadata.view_fields.width is 'Width in pixels; null for the usual one.';
comment on column metadata.view_fields.is_visible is 'Whether the column is shown.';
comment on column metadata.view_fields.is_pinned is 'Whether the column stays in sight when one scrolls sideways.';
comment on column metadata.view_fields.aggregate is 'What its foot says of the column, such as SUM or COUNT_EMPTY; null for nothing.';
comment on column metadata.view_fields.position is 'Place among the columns, smallest first.';
--! EndIncluded metadata/views.sql
--! Included metadata/view_shares.sql
-- A member's own view opened to members, teams or roles, to read or to change. Who keeps a view shares it. What it shows
-- them is what they may read themselves.
alter table metadata.view_shares enable row level security;
drop policy if exists select_own on metadata.view_shares;
create policy select_own on metadata.view_shares for select to relvar_crm using (view_id = any (array(select v.id from metadata.views v)));
comment on policy select_own on metadata.view_shares is 'Who sees a view sees with whom it is shared.';
grant select on metadata.view_shares to relvar_crm;

create or replace function metadata.share_view(view_id uuid, principal_kind text, principal_id uuid, access text default 'READ', reason text default '', expires_at timestamptz default null) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_view metadata.views := engine.assert_keeps_view(share_view.view_id);
  v_id uuid;
begin
  if coalesce(share_view.access, '') not in ('READ', 'WRITE') then
    raise exception 'A view is shared to READ or to WRITE, not to "%".', share_view.access using errcode = 'RV189', column = 'access', hint = 'WRITE lets the other save over it, too.';
  end if;
  if engine.principal_name(v_view.workspace_id, share_view.principal_kind, share_view.principal_id) is null then
    raise exception 'There is no such % here.', coalesce(lower(nullif(share_view.principal_kind, '')), 'member') using errcode = 'RV189', column = 'principal_id',
      hint = 'Share with a MEMBER, a TEAM or a ROLE of this workspace, by its id.';
  end if;
  if share_view.expires_at <= now() then
    raise exception 'The share would have ended already.' using errcode = 'RV189', column = 'expires_at', hint = 'Choose a later day, or none.';
  end if;
  insert into metadata.view_shares as s (workspace_id, view_id, principal_kind, principal_id, access, reason, created_by, created_by_name, expires_at)
  values (v_view.workspace_id, v_view.id, share_view.principal_kind, share_view.principal_id, share_view.access, coalesce(left(btrim(share_view.reason), 500), ''),
    engine.current_member(), (engine.current_actor()).name, share_view.expires_at)
  on conflict (view_id, principal_kind, principal_id) do update set access = excluded.access, reason = excluded.reason,
    created_by = excluded.created_by, created_by_name = excluded.created_by_name, created_at = now(), expires_at = excluded.expires_at
  returning s.id into v_id;
  return v_id;
end
$$;
comment on function metadata.share_view(uuid, text, uuid, text, text, timestamptz) is
  'Shares a view that the caller keeps with a MEMBER, a TEAM or a ROLE, to READ or to WRITE, with a reason and if one likes an end. Done again, it changes the share.';

create or replace function metadata.unshare_view(share_id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_share metadata.view_shares;
begin
  select * into v_share from metadata.view_shares s where s.id = share_id;
  if v_share.id is null then
    return false;
  end if;
  -- One may also do without what others have shared with oneself.
  if not (v_share.principal_kind = 'MEMBER' and v_share.principal_id = engine.current_member()) then
    perform engine.assert_keeps_view(v_share.view_id);
  end if;
  delete from metadata.view_shares s where s.id = share_id;
  return true;
end
$$;
comment on function metadata.unshare_view(uuid) is 'Ends a share of a view that the caller keeps, or one with the caller. False when there is none.';

create or replace function metadata.view_shares_principal_name(share metadata.view_shares) returns text
language sql stable security definer set search_path = ''
as $$ select engine.principal_name((share).workspace_id, (share).principal_kind, (share).principal_id)
  where (share).workspace_id = engine.workspace_of_role(current_setting('role')::name) $$;
comment on function metadata.view_shares_principal_name(metadata.view_shares) is 'What the member, the team or the role is called.';

create or replace function metadata.views_owner_name(view metadata.views) returns text
language sql stable security definer set search_path = ''
as $$ select nullif(m.name, '') from core.members m
  where m.id = (view).owner_id and m.workspace_id = engine.workspace_of_role(current_setting('role')::name) $$;
comment on function metadata.views_owner_name(metadata.views) is 'What its owner is called.';

-- Once for all views: asked of each by itself it took a list of 200 half a second.
create or replace function metadata.my_views() returns jsonb
language sql stable security definer set search_path = ''
as $$ select jsonb_build_object('changeable', (select coalesce(jsonb_agg(v), '[]') from engine.changeable_views() v), 'kept', (select coalesce(jsonb_agg(v), '[]') from engine.kept_views() v)) $$;
comment on function metadata.my_views() is 'The ids of the views that the caller may save over (changeable), and of those that the caller keeps: shares, locks and deletes (kept).';

grant execute on function metadata.share_view(uuid, text, uuid, text, text, timestamptz), metadata.unshare_view(uuid), metadata.view_shares_principal_name(metadata.view_shares),
  metadata.views_owner_name(metadata.views), metadata.my_views() to relvar_crm;

-- Shares and defaults go with whom they are for.
create or replace function engine.tg_principals__forget_views() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  delete from metadata.view_shares s where s.principal_id = old.id and s.principal_kind = tg_argv[0];
  delete from metadata.view_defaults d where d.principal_id = old.id and d.principal_kind = tg_argv[0];
  return null;
end
$$;
create or replace trigger _610_forget_views after delete on core.members for each row execute function engine.tg_principals__forget_views('MEMBER');
create or replace trigger _610_forget_views after delete on metadata.teams for each row execute function engine.tg_principals__forget_views('TEAM');
create or replace trigger _610_forget_views after delete on metadata.roles for each row execute function engine.tg_principals__forget_views('ROLE');

comment on column metadata.view_shares.workspace_id is 'The workspace that this belongs to; follows from the view.';
comment on column metadata.view_shares.id is 'Identifies the share.';
comment on column metadata.view_shares.view_id is 'The view that is shared.';
comment on column metadata.view_shares.principal_kind is 'With whom: MEMBER, TEAM or ROLE.';
comment on column metadata.view_shares.principal_id is 'The member, the team or the role.';
comment on column metadata.view_shares.access is 'READ, or WRITE: may save over it, too.';
comment on column metadata.view_shares.reason is 'Why, in the words of who shared it.';
comment on column metadata.view_shares.created_by is 'The member who shared it.';
comment on column metadata.view_shares.created_by_name is 'What the member was called at the time.';
comment on column metadata.view_shares.created_at is 'When it was shared.';
comment on column metadata.view_shares.expires_at is 'When the share ends; null for never.';
--! EndIncluded metadata/view_shares.sql
--! Included metadata/view_defaults.sql
-- Which view of an object shows first: a member's own choice before that for the role, and that before the workspace's.
alter table metadata.view_defaults enable row level security;
alter table metadata.view_defaults alter column workspace_id set default engine.current_workspace();
drop policy if exists select_own on metadata.view_defaults;
drop policy if exists insert_own on metadata.view_defaults;
drop policy if exists update_own on metadata.view_defaults;
drop policy if exists delete_own on metadata.view_defaults;
create policy select_own on metadata.view_defaults for select to relvar_crm
  using (workspace_id = (select engine.current_workspace()) and (principal_kind <> 'MEMBER' or principal_id = (select engine.private_member())));
comment on policy select_own on metadata.view_defaults is 'What one has chosen for oneself nobody else is told.';
create policy insert_own on metadata.view_defaults for insert to relvar_crm with check (workspace_id = (select engine.current_workspace())
  and (principal_kind = 'MEMBER' and principal_id = (select engine.current_member()) or principal_kind <> 'MEMBER' and (select engine.may('VIEWS'))));
create policy update_own on metadata.view_defaults for update to relvar_crm using (workspace_id = (select engine.current_workspace())
  and (principal_kind = 'MEMBER' and principal_id = (select engine.current_member()) or principal_kind <> 'MEMBER' and (select engine.may('VIEWS'))));
create policy delete_own on metadata.view_defaults for delete to relvar_crm using (workspace_id = (select engine.current_workspace())
  and (principal_kind = 'MEMBER' and principal_id = (select engine.current_member()) or principal_kind <> 'MEMBER' and (select engine.may('VIEWS'))));
grant select, insert (id, object_id, view_id, principal_kind, principal_id), update (view_id), delete on metadata.view_defaults to relvar_crm;

create or replace function engine.tg_view_defaults__validate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_view metadata.views;
begin
  new.id := coalesce(new.id, engine.uuidv7());
  select * into v_view from metadata.views v where v.id = new.view_id;
  new.workspace_id := coalesce(new.workspace_id, v_view.workspace_id);
  if v_view.object_id is distinct from new.object_id or v_view.workspace_id is distinct from new.workspace_id then
    raise exception 'There is no such view of this object.' using errcode = 'RV188', column = 'view_id', hint = 'It may have been deleted.';
  end if;
  if new.principal_kind <> 'MEMBER' and v_view.visibility <> 'WORKSPACE' then
    raise exception 'The view is a member''s own, so it is no default of others.' using errcode = 'RV188', column = 'view_id', hint = 'Make it a view of the workspace first: visibility WORKSPACE.';
  end if;
  if new.principal_kind <> 'WORKSPACE' and engine.principal_name(new.workspace_id, new.principal_kind, new.principal_id) is null then
    raise exception 'There is no such % here.', lower(new.principal_kind) using errcode = 'RV188', column = 'principal_id';
  end if;
  return new;
end
$$;
create or replace trigger _100_validate before insert or update on metadata.view_defaults for each row execute function engine.tg_view_defaults__validate();

-- What is one's own is no default of others any more.
create or replace function engine.tg_views__forget_defaults() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  delete from metadata.view_defaults d where d.view_id = new.id and d.principal_kind <> 'MEMBER';
  return null;
end
$$;
create or replace trigger _500_forget_defaults after update of visibility on metadata.views for each row
  when (new.visibility = 'PERSONAL' and old.visibility = 'WORKSPACE') execute function engine.tg_views__forget_defaults();

create or replace function metadata.default_view(object_id uuid) returns metadata.views
language sql stable
begin atomic
  select v.*
  from metadata.view_defaults d
  join metadata.views v on v.id = d.view_id
  where d.object_id = default_view.object_id
    and (d.principal_kind <> 'MEMBER' or d.principal_id = engine.private_member())
    and (d.principal_kind <> 'ROLE' or d.principal_id = any (array(select engine.my_roles())))
  -- The role's own before that of one that it includes.
  order by array_position('{MEMBER,ROLE,WORKSPACE}'::text[], d.principal_kind),
    (select min(m.i) from engine.my_roles() with ordinality m (id, i) where m.id = d.principal_id), v.position
  limit 1;
end;
comment on function metadata.default_view(uuid) is 'The view of an object that shows first: one''s own choice, else that for one''s role, else that of the workspace; null for none.';

create or replace function metadata.set_default_view(object_id uuid, view_id uuid, principal_kind text default 'MEMBER', principal_id uuid default null) returns boolean
language sql volatile
begin atomic
  delete from metadata.view_defaults d
  where set_default_view.view_id is null and d.object_id = set_default_view.object_id and d.principal_kind = set_default_view.principal_kind
    and d.principal_id is not distinct from case when set_default_view.principal_kind = 'MEMBER' then engine.current_member() else set_default_view.principal_id end;
  insert into metadata.view_defaults as d (object_id, view_id, principal_kind, principal_id)
  select set_default_view.object_id, set_default_view.view_id, set_default_view.principal_kind,
    case when set_default_view.principal_kind = 'MEMBER' then engine.current_member() else set_default_view.principal_id end
  where set_default_view.view_id is not null
  on conflict (workspace_id, object_id, principal_kind, principal_id) do update set view_id = excluded.view_id;
  select true;
end;
comment on function metadata.set_default_view(uuid, uuid, text, uuid) is
  'Which view of an object shows first: for oneself (MEMBER), for a ROLE or for the whole WORKSPACE, which ask for the permission VIEWS. Null takes the choice back.';
grant execute on function metadata.default_view(uuid), metadata.set_default_view(uuid, uuid, text, uuid) to relvar_crm;

comment on column metadata.view_defaults.workspace_id is 'The workspace that this belongs to; follows from the role of whoever writes.';
comment on column metadata.view_defaults.id is 'Identifies the choice.';
comment on column metadata.view_defaults.object_id is 'The object.';
comment on column metadata.view_defaults.view_id is 'The view that shows first.';
comment on column metadata.view_defaults.principal_kind is 'For whom: MEMBER, ROLE or WORKSPACE.';
comment on column metadata.view_defaults.principal_id is 'The member or the role; null for the workspace.';
--! EndIncluded metadata/view_defaults.sql
--! Included metadata/favourites.sql
-- What people want at hand: records, views, objects and addresses, in folders and in an order, each member's own or, for everybody,
-- kept by who has the permission VIEWS. A favourite shows nobody what they may not see.
alter table metadata.favourites enable row level security;
alter table metadata.favourites alter column workspace_id set default engine.current_workspace(), alter column member_id set default engine.current_member();
drop policy if exists select_own on metadata.favourites;
drop policy if exists insert_own on metadata.favourites;
drop policy if exists update_own on metadata.favourites;
drop policy if exists delete_own on metadata.favourites;
create policy select_own on metadata.favourites for select to relvar_crm
  using (workspace_id = (select engine.current_workspace()) and (member_id is null or member_id = (select engine.private_member())));
comment on policy select_own on metadata.favourites is 'Members see their own favourites and those for everybody.';
create policy insert_own on metadata.favourites for insert to relvar_crm with check (workspace_id = (select engine.current_workspace())
  and (member_id = (select engine.current_member()) or member_id is null and (select engine.may('VIEWS'))));
create policy update_own on metadata.favourites for update to relvar_crm using (workspace_id = (select engine.current_workspace())
  and (member_id = (select engine.current_member()) or member_id is null and (select engine.may('VIEWS'))));
create policy delete_own on metadata.favourites for delete to relvar_crm using (workspace_id = (select engine.current_workspace())
  and (member_id = (select engine.current_member()) or member_id is null and (select engine.may('VIEWS'))));
grant select, insert (id, member_id, kind, label, icon, folder_id, object_id, record_id, view_id, url, position), update (label, icon, folder_id, url, position), delete
  on metadata.favourites to relvar_crm;

create or replace function engine.tg_favourites__validate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  new.id := coalesce(new.id, engine.uuidv7());
  new.label := nullif(btrim(new.label), '');
  if new.kind in ('FOLDER', 'LINK') and new.label is null or length(new.label) > 100 then
    raise exception 'A % needs a name.', lower(new.kind) using errcode = 'RV185', column = 'label', hint = 'Give one of at most 100 letters.';
  end if;
  if new.kind = 'LINK' and new.url !~* '^(https?://|mailto:|tel:|/(?!/))' then
    raise exception 'This is no address that a link may have.' using errcode = 'RV185', column = 'url', hint = 'It begins with https://, mailto:, tel: or, within Relvar, with a slash.';
  end if;
  -- Folders hold what is whose they are, and no folders.
  if new.folder_id is not null and (new.kind = 'FOLDER' or not exists (select from metadata.favourites f
      where f.id = new.folder_id and f.kind = 'FOLDER' and f.workspace_id = new.workspace_id and f.member_id is not distinct from new.member_id)) then
    raise exception 'This does not go into that folder.' using errcode = 'RV185', column = 'folder_id', hint = 'Folders hold favourites of the same member, and no other folders.';
  end if;
  if tg_op = 'INSERT' and new.position = 0 then
    new.position := (select coalesce(max(f.position), 0) + 1 from metadata.favourites f where f.workspace_id = new.workspace_id and f.member_id is not distinct from new.member_id);
  end if;
  return new;
end
$$;
create or replace trigger _100_validate before insert or update on metadata.favourites for each row execute function engine.tg_favourites__validate();

comment on column metadata.favourites.workspace_id is 'The workspace that this belongs to; follows from the role of whoever writes.';
comment on column metadata.favourites.id is 'Identifies it.';
comment on column metadata.favourites.member_id is 'Whose it is, the caller''s unless it says null: then it is for everybody.';
comment on column metadata.favourites.kind is 'FOLDER, RECORD, VIEW, OBJECT or LINK.';
comment on column metadata.favourites.label is 'What a folder or a link is called; of others instead of their own name.';
comment on column metadata.favourites.icon is 'Name of a Tabler icon.';
comment on column metadata.favourites.folder_id is 'The folder that it lies in; null for none.';
comment on column metadata.favourites.object_id is 'The object, or that of the record.';
comment on column metadata.favourites.record_id is 'The record.';
comment on column metadata.favourites.view_id is 'The view.';
comment on column metadata.favourites.url is 'Where a link leads.';
comment on column metadata.favourites.position is 'Place in its folder, smallest first.';
comment on column metadata.favourites.created_at is 'When it was made.';
--! EndIncluded metadata/favourites.sql
--! Included engine/pending.sql
-- Metadata that changed is reconciled once, at the end of the transaction: ten inserts are one
-- reconciliation, and metadata and tables commit together or not at all.

-- Changes of one workspace's model follow one another; other workspaces are not held up.
create or replace function engine.lock_model(workspace_id uuid) returns void
language plpgsql volatile set search_path = '' set lock_timeout = '5s'
as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('relvar.model.' || workspace_id, 0));
exception when lock_not_available or deadlock_detected then
  raise exception 'Somebody else is changing the data model of this workspace.'
    using errcode = 'RV021', hint = 'Their transaction has been open for a while. Try again in a moment.';
end
$$;

-- The version rises once a transaction, so that a mutation can return it before the commit.
-- `objects` are those that were touched, null for all; `roles` those whose rights were.
create or replace function engine.note_change(workspace_id uuid, objects uuid[], roles text[] default '{}') returns bigint
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_version bigint;
  v_actor engine.actor;
begin
  perform engine.lock_model(workspace_id);
  update engine.pending p set objects = case when p.objects is null or note_change.objects is null then null
    else array(select distinct u from unnest(p.objects || note_change.objects) u) end,
    roles = array(select distinct u from unnest(p.roles || note_change.roles) u)
  where p.workspace_id = note_change.workspace_id;
  if found then
    select w.model_version into v_version from core.workspaces w where w.id = note_change.workspace_id;
    return v_version;
  end if;
  insert into engine.pending (workspace_id, objects, roles) values (note_change.workspace_id, note_change.objects, note_change.roles);
  update core.workspaces w set model_version = w.model_version + 1 where w.id = note_change.workspace_id
  returning w.model_version into v_version;
  v_actor := engine.current_actor();
  insert into metadata.model_versions (workspace_id, version, actor_type, actor_id, actor_name, source)
  values (note_change.workspace_id, v_version, v_actor.type, v_actor.id, v_actor.name, engine.current_source());
  return v_version;
end
$$;

-- What a change of the model came to, in the history. A repair changes no metadata and still belongs there.
create or replace function engine.note_statements(workspace_id uuid, version bigint, statements text[]) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_actor engine.actor := engine.current_actor();
begin
  insert into metadata.model_versions as v (workspace_id, version, actor_type, actor_id, actor_name, source, statements)
  values (note_statements.workspace_id, note_statements.version, v_actor.type, v_actor.id, v_actor.name, engine.current_source(), note_statements.statements)
  on conflict on constraint model_versions_pkey do update set statements = v.statements || excluded.statements;
end
$$;

create or replace function engine.tg_metadata__changed() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_rows jsonb[];
  v_version bigint;
  v_is_right boolean := tg_table_name in ('roles', 'role_includes', 'object_permissions', 'field_permissions', 'record_rules');
  r record;
begin
  case tg_op
    when 'INSERT' then
      v_rows := array(select jsonb_build_object('after', to_jsonb(n)) from new_rows n);
    when 'UPDATE' then
      v_rows := array(select jsonb_build_object('before', to_jsonb(o), 'after', to_jsonb(n))
        from new_rows n join old_rows o on o.id = n.id where o is distinct from n);
    when 'DELETE' then
      v_rows := array(select jsonb_build_object('before', to_jsonb(o)) from old_rows o);
  end case;
  for r in
    select c.workspace_id, array_agg(c.row) filter (where c.row is not null) as rows,
      coalesce(array_agg(distinct c.object_id) filter (where c.object_id is not null and not v_is_right), '{}') as objects,
      -- Rights concern their role; one that is gone was noted itself.
      case when v_is_right then array(select ro.pg_role from metadata.roles ro where ro.id = any (array_agg((coalesce(c.row -> 'after', c.row -> 'before') ->> 'role_id')::uuid))
        union select coalesce(u -> 'after', u -> 'before') ->> 'pg_role' from unnest(array_agg(c.row)) u where tg_table_name = 'roles'
        -- What is included gets a reading side where the role has one.
        union select i.pg_role from unnest(array_agg(c.row)) u cross join lateral engine.role_closure((coalesce(u -> 'after', u -> 'before') ->> 'included_role_id')::uuid) k
          join metadata.roles i on i.id = k where tg_table_name = 'role_includes') else '{}' end as roles
    from (
      -- Others that point to an object know its name, and whether it is there.
      select (v.value ->> 'workspace_id')::uuid as workspace_id, null::jsonb as row, f.object_id
      from unnest(v_rows) u (row)
      cross join lateral (select u.row -> 'after' as value) v
      join metadata.relations rel on rel.target_object_id = (v.value ->> 'id')::uuid
      join metadata.fields f on f.id = rel.field_id
      where tg_table_name = 'objects' and tg_op = 'UPDATE'
      union all
      -- And a junction the names of the fields that lead over it.
      select f.workspace_id, null, f.object_id
      from unnest(v_rows) u (row)
      join metadata.fields f on f.id = (u.row -> 'after' ->> 'junction_field_id')::uuid
      where tg_table_name = 'fields' and tg_op = 'UPDATE'
      union all
      select (v.value ->> 'workspace_id')::uuid, u.row,
        case tg_table_name
          when 'objects' then (v.value ->> 'id')::uuid
          when 'relations' then (select f.object_id from metadata.fields f where f.id = (v.value ->> 'field_id')::uuid)
          when 'roles' then null
          when 'role_includes' then null
          else (v.value ->> 'object_id')::uuid end as object_id
      from unnest(v_rows) u (row)
      cross join lateral (select coalesce(u.row -> 'after', u.row -> 'before') as value) v
    ) c
    join core.workspaces w on w.id = c.workspace_id
    group by c.workspace_id
  loop
    v_version := engine.note_change(r.workspace_id, r.objects, r.roles);
    -- The rows of a new workspace are those of the standard objects.
    if v_version > 1 then
      insert into metadata.model_changes (workspace_id, version, table_name, row_id, before, after)
      select r.workspace_id, v_version, tg_table_name, (coalesce(u -> 'after', u -> 'before') ->> 'id')::uuid, u -> 'before', u -> 'after'
      from unnest(r.rows) u;
    end if;
  end loop;
  return null;
end
$$;

do $$
declare
  v_table text;
begin
  foreach v_table in array array['objects', 'fields', 'relations', 'rules', 'indexes', 'aliases', 'roles', 'role_includes', 'object_permissions', 'field_permissions', 'record_rules'] loop
    execute format('create or replace trigger _900_changed_insert after insert on metadata.%I referencing new table as new_rows for each statement execute function engine.tg_metadata__changed()', v_table);
    execute format('create or replace trigger _900_changed_update after update on metadata.%I referencing old table as old_rows new table as new_rows for each statement execute function engine.tg_metadata__changed()', v_table);
    execute format('create or replace trigger _900_changed_delete after delete on metadata.%I referencing old table as old_rows for each statement execute function engine.tg_metadata__changed()', v_table);
  end loop;
end
$$;

-- At once, for who cannot wait until the transaction ends.
create or replace function engine.apply_pending(workspace_id uuid) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_objects uuid[];
  v_roles text[];
begin
  delete from engine.pending p where p.workspace_id = apply_pending.workspace_id returning p.objects, p.roles into v_objects, v_roles;
  if found then
    perform engine.apply(workspace_id, v_objects, v_roles);
  end if;
end
$$;

create or replace function engine.tg_pending__apply() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  -- Nothing is left when it was reconciled earlier in this transaction, as creating a workspace does.
  perform engine.apply_pending(new.workspace_id);
  return null;
end
$$;
drop trigger if exists apply on engine.pending;
create constraint trigger apply after insert on engine.pending
  deferrable initially deferred for each row execute function engine.tg_pending__apply();
--! EndIncluded engine/pending.sql
--! Included metadata/uses.sql
-- Who uses an object, a field or an option: formulas, rollups, rules, indexes, views, labels, the
-- ends of relations. Texts that people write are compiled to ids, so a use is found by the id,
-- whatever things are called. What is used is not deleted from under its users.

create or replace function engine.uses(workspace_id uuid, kind text, id uuid, option_value text default null)
returns table (user_kind text, user_id uuid, label text, object_id uuid, object_label text, how text, is_blocking boolean)
language plpgsql stable set search_path = ''
as $$
declare
  v_fields uuid[] := case uses.kind when 'object' then array(select f.id from metadata.fields f where f.object_id = uses.id) else array[uses.id] end;
  -- With a relation to many goes its junction, and with that the field at the other side.
  v_junction uuid := (select j.object_id from metadata.fields m join metadata.fields j on j.id = m.junction_field_id where m.id = uses.id and uses.kind = 'field');
  v_ids uuid[];
  v_pattern text;
  v_member uuid := engine.private_member();
  v_shared uuid[] := array(select engine.shared_views('READ'));
begin
  v_fields := v_fields || array(select f.id from metadata.fields f where f.object_id = v_junction)
    || array(select m.id from metadata.fields j join metadata.fields m on m.junction_field_id = j.id where j.object_id = v_junction and m.id <> uses.id);
  -- Rollups go by the relation rather than the field, and an object is used through those that point to it.
  v_ids := v_fields || array(select r.id from metadata.relations r where r.workspace_id = uses.workspace_id
    and (r.field_id = any (v_fields) or uses.kind = 'object' and r.target_object_id = uses.id))
    || array(select r.field_id from metadata.relations r where r.workspace_id = uses.workspace_id and uses.kind = 'object' and r.target_object_id = uses.id);
  v_pattern := '(' || array_to_string(v_ids, '|') || ')';
  return query
  with live as materialized (
    select o.* from metadata.objects o
    where o.workspace_id = uses.workspace_id and o.deleted_at is null and (uses.kind <> 'object' or o.id <> uses.id)
  ), found (user_kind, user_id, label, object_id, how, is_blocking, uses_value) as (
    select lower(f.type), f.id, f.label, f.object_id, case f.type when 'FORMULA' then 'is computed from it' when 'ROLLUP' then 'sums it up' else 'takes its default from it' end, true,
      concat(f.compiled, f.settings)
    from metadata.fields f
    where f.workspace_id = uses.workspace_id and f.deleted_at is null and f.id <> all (v_fields)
      and (f.compiled is not null or f.type = 'ROLLUP') and concat(f.compiled, f.settings - 'expression') ~ v_pattern
    union all
    select 'rule', r.id, coalesce(nullif(r.message, ''), initcap(r.kind)), r.object_id, 'checks it', true, concat(r.settings, r.compiled)
    from metadata.rules r
    where r.workspace_id = uses.workspace_id and r.is_active and (r.field_id = any (v_ids) or concat(r.settings, r.compiled) ~ v_pattern)
      -- A junction's own rule, that two records are linked once, goes with it.
      and not exists (select from metadata.objects j where j.id = r.object_id and j.is_junction and r.kind = 'UNIQUE')
    union all
    select 'index', i.id, i.name, i.object_id, 'goes by it', true, i.compiled::text
    from metadata.indexes i
    where i.workspace_id = uses.workspace_id and concat(i.parts, i.compiled) ~ v_pattern
    union all
    -- Of a view that the caller does not see no more is told than that it is there. What shows a field does without it.
    select 'view', v.id, case when v.visibility = 'WORKSPACE' or v.owner_id = v_member or v.id = any (v_shared) then v.name else 'A member''s own view' end, v.object_id, concat_ws(', ',
        case when v.group_field_id = any (v_ids) then 'groups by it' end, case when v.filter::text ~ v_pattern then 'filters by it' end,
        case when v.sorts::text ~ v_pattern then 'sorts by it' end,
        case when exists (select from metadata.view_fields c where c.view_id = v.id and c.field_id = any (v_ids)) then 'shows it' end),
      v.visibility = 'WORKSPACE' and (v.group_field_id = any (v_ids) or concat(v.filter, v.sorts) ~ v_pattern), v.filter::text
    from metadata.views v
    where v.workspace_id = uses.workspace_id and (v.group_field_id = any (v_ids) or concat(v.filter, v.sorts) ~ v_pattern
      or exists (select from metadata.view_fields c where c.view_id = v.id and c.field_id = any (v_ids)))
    union all
    select 'object', o.id, o.label_plural, o.id, concat_ws(', ',
        case when o.label_field_id = any (v_ids) then 'names its records by it' end, case when o.image_field_id = any (v_ids) then 'shows it as the picture' end,
        case when o.duplicate_criteria::text ~ v_pattern then 'finds duplicates by it' end), true, null
    from live o
    where o.label_field_id = any (v_ids) or o.image_field_id = any (v_ids) or o.duplicate_criteria::text ~ v_pattern
    union all
    select 'field', f.id, f.label, f.object_id, 'leads through it', uses.kind = 'field', null
    from metadata.fields f
    where f.workspace_id = uses.workspace_id and f.deleted_at is null and f.junction_field_id = any (v_fields) and f.id <> all (v_fields)
    union all
    select 'field', f.id, f.label, f.object_id, 'points to it', false, null
    from metadata.relations r join metadata.fields f on f.id = r.field_id
    where uses.kind = 'object' and r.workspace_id = uses.workspace_id and r.target_object_id = uses.id and r.deleted_at is null and f.deleted_at is null
    union all
    select 'role rule', u.id, ro.name, u.object_id, 'chooses records by it', true, u.compiled::text
    from metadata.record_rules u join metadata.roles ro on ro.id = u.role_id
    where u.workspace_id = uses.workspace_id and u.compiled::text ~ v_pattern
    union all
    select 'webhook', h.id, coalesce(nullif(h.name, ''), h.target_url), c.key::uuid, 'chooses what it tells by it', true, c.value::text
    from metadata.webhooks h cross join lateral jsonb_each(h.compiled) c
    where h.workspace_id = uses.workspace_id and (c.value::text ~ v_pattern or uses.kind = 'object' and c.key::uuid = uses.id)
    union all
    select 'permission', p.id, ro.name, p.object_id, case when p.can_read is false then 'does not read it' when p.can_update is false then 'does not change it' else 'has rights of its own on it' end, false, null
    from metadata.field_permissions p join metadata.roles ro on ro.id = p.role_id
    where uses.kind = 'field' and p.workspace_id = uses.workspace_id and p.field_id = uses.id
    union all
    select 'permission', p.id, ro.name, o.id, 'has rights of its own on it', false, null
    from metadata.object_permissions p join metadata.roles ro on ro.id = p.role_id join metadata.objects o on o.id = p.object_id
    where uses.kind = 'object' and p.workspace_id = uses.workspace_id and p.object_id = uses.id
    union all
    select 'default', f.id, f.label, f.object_id, 'is what new records get', true, f.default_value::text
    from metadata.fields f where uses.kind = 'option' and f.id = uses.id
  )
  select u.user_kind, u.user_id, u.label, u.object_id, coalesce(o.label_plural, ''), u.how, u.is_blocking
  from found u
  left join metadata.objects o on o.id = u.object_id
  where (u.user_kind = 'permission' or o.deleted_at is null and (uses.kind <> 'object' or u.object_id <> uses.id) and u.object_id is distinct from v_junction)
    and (uses.kind <> 'option' or strpos(u.uses_value, to_jsonb(uses.option_value)::text) > 0)
  order by u.is_blocking desc, u.user_kind, u.label, u.user_id;
end
$$;

-- Refuses in words, with the list.
create or replace function engine.assert_unused(workspace_id uuid, kind text, id uuid, label text, what text, option_value text default null) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_users text[];
begin
  v_users := array(select format('the %s "%s" of %s %s', case u.user_kind when 'default' then 'default of' else u.user_kind end, u.label, u.object_label, u.how)
    from engine.uses(workspace_id, kind, id, option_value) u where u.is_blocking);
  if v_users <> '{}' then
    raise exception '"%" cannot be %: %', label, what,
        array_to_string(v_users[1:3], '; ') || case when cardinality(v_users) > 3 then format('; and %s more', cardinality(v_users) - 3) else '' end || '.'
      using errcode = 'RV061', column = case kind when 'option' then 'options' else 'id' end, detail = array_to_string(v_users, E'\n'),
        hint = case kind when 'object' then 'Change or delete these first.'
          when 'option' then 'Choose another option to take its place: metadata.delete_option(field, value, replacement).'
          else 'Change or delete these first, or choose another field to take its place: metadata.delete_field(field, replacement).' end;
  end if;
end
$$;

create or replace function metadata.dependents(kind text, id uuid, option_value text default null) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace uuid;
  v_records bigint;
begin
  select f.workspace_id into v_workspace from (
    select f.id, f.workspace_id from metadata.fields f union all select o.id, o.workspace_id from metadata.objects o) f where f.id = dependents.id;
  perform engine.assert_member_of(v_workspace);
  if dependents.kind not in ('object', 'field', 'option') then
    raise exception 'Only an object, a field or an option has dependents, not "%".', dependents.kind using errcode = 'RV062', column = 'kind';
  end if;
  -- How many records have an option is for those who may see to them.
  if dependents.kind = 'option' and (engine.acts_as_administrator() or engine.may('DATA_MODEL')) then
    v_records := engine.count_option(dependents.id, dependents.option_value);
  end if;
  return (
    select coalesce(jsonb_agg(jsonb_build_object('kind', u.user_kind, 'id', u.user_id, 'label', u.label, 'objectId', u.object_id,
      'objectLabel', u.object_label, 'how', u.how, 'isBlocking', u.is_blocking)), '[]')
    from engine.uses(v_workspace, dependents.kind, dependents.id, dependents.option_value) u
  ) || case when v_records > 0 then (
    select jsonb_build_array(jsonb_build_object('kind', 'records', 'id', o.id, 'label', v_records::text, 'objectId', o.id, 'objectLabel', o.label_plural,
      'how', case when v_records = 1 then 'has it' else 'have it' end, 'isBlocking', true))
    from metadata.fields f join metadata.objects o on o.id = f.object_id where f.id = dependents.id) else '[]' end;
end
$$;
comment on function metadata.dependents(text, uuid, text) is
  'What uses an object, a field or an option of a field: kind, id, label, object and how. What is blocking must be changed before the thing can be deleted or switched off.';

-- Records that have an option.
create or replace function engine.count_option(field_id uuid, value text) returns bigint
language plpgsql stable set search_path = ''
as $$
declare
  v_count bigint;
  v_sql text;
begin
  select format('select count(*) from %I.%I where ', w.schema_name, o.table_name)
      || format(case f.type when 'MULTI_SELECT' then '%I @> array[%L]::text[]' else '%I = %L' end, engine.snake_case(f.name), value) into v_sql
  from metadata.fields f join metadata.objects o on o.id = f.object_id join core.workspaces w on w.id = f.workspace_id
  where f.id = field_id and f.type in ('SELECT', 'MULTI_SELECT') and f.deleted_at is null and o.deleted_at is null
    and to_regclass(format('%I.%I', w.schema_name, o.table_name)) is not null;
  if v_sql is null then
    return 0;
  end if;
  execute v_sql into v_count;
  return v_count;
end
$$;

create or replace function engine.tg_metadata__used() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_option text;
begin
  if tg_op = 'DELETE' then
    -- What is deleted already, or goes with its object or workspace, was judged with that.
    if old.deleted_at is not null or not engine.workspace_exists(old.workspace_id) then
      -- An upgrade of its application does not bring back what was dropped for good.
      if tg_table_name <> 'relations' then
        update metadata.applications a set removed = a.removed || old.universal_identifier where a.id = old.application_id and old.universal_identifier is not null;
      end if;
      return old;
    end if;
    case tg_table_name
      when 'objects' then
        perform engine.assert_unused(old.workspace_id, 'object', old.id, old.label_plural, 'deleted');
      when 'fields' then
        -- What names the records has a refusal of its own.
        if exists (select from metadata.objects o where o.id = old.object_id and o.label_field_id is distinct from old.id) then
          perform engine.assert_unused(old.workspace_id, 'field', old.id, old.label, 'deleted');
        end if;
      when 'relations' then
        if exists (select from metadata.objects o where o.id = old.target_object_id) and exists (select from metadata.fields f where f.id = old.field_id and f.deleted_at is null) then
          perform engine.assert_unused(old.workspace_id, 'field', old.id, old.inverse_label, 'deleted');
        end if;
    end case;
    return old;
  end if;
  if old.is_active and not new.is_active then
    case tg_table_name
      when 'objects' then perform engine.assert_unused(old.workspace_id, 'object', old.id, old.label_plural, 'switched off');
      when 'fields' then
        if exists (select from metadata.objects o where o.id = old.object_id and o.label_field_id is distinct from old.id) then
          perform engine.assert_unused(old.workspace_id, 'field', old.id, old.label, 'switched off');
        end if;
    end case;
  end if;
  if tg_table_name = 'fields' then
    if new.options is distinct from old.options and new.type = old.type and new.deleted_at is null then
      for v_option in
        select o ->> 'value' from jsonb_array_elements(old.options) o where not new.options @> jsonb_build_array(jsonb_build_object('value', o -> 'value'))
      loop
        if new.default_value is distinct from old.default_value and strpos(coalesce(new.default_value::text, ''), to_jsonb(v_option)::text) = 0 then
          -- The default is given up with the option.
          continue when not exists (select from engine.uses(old.workspace_id, 'option', old.id, v_option) u where u.user_kind <> 'default');
        end if;
        perform engine.assert_unused(old.workspace_id, 'option', old.id, v_option, 'removed', v_option);
      end loop;
    end if;
  end if;
  return new;
end
$$;
create or replace trigger _050_used before delete or update of is_active on metadata.objects for each row execute function engine.tg_metadata__used();
create or replace trigger _050_used before delete or update of is_active, options on metadata.fields for each row execute function engine.tg_metadata__used();
create or replace trigger _050_used before delete on metadata.relations for each row execute function engine.tg_metadata__used();

grant execute on function metadata.dependents(text, uuid, text) to relvar_crm;
--! EndIncluded metadata/uses.sql
--! Included metadata/changes.sql
-- Changes of the model as data: [{"op": "createField", "objectId": …}, …], run in their order. What
-- may be written is what the grants of relvar_crm say, so there is no second list of it.

create or replace function engine.nearest(word text, words text[]) returns text
language sql stable set search_path = ''
  return (select w from unnest(words) w where public.similarity(w, word) > 0.2 order by public.similarity(w, word) desc, w limit 1);

-- A table of the model by its API name.
create or replace function engine.changeable_table(name text) returns regclass
language plpgsql stable set search_path = ''
as $$
declare
  v_tables text[] := '{objects,fields,relations,rules,indexes,views,viewFields,aliases,roles,roleIncludes}'::text[] || array(select engine.camel_case(p.table_name) from engine.role_parts() p);
begin
  if name is null or name <> all (v_tables) then
    raise exception 'There is no part of the model called "%".', coalesce(name, '') using errcode = 'RV062', column = 'table',
      hint = coalesce(format('Did you mean %s? ', engine.nearest(name, v_tables)), '') || 'The parts are ' || array_to_string(v_tables, ', ') || '.';
  end if;
  return ('metadata.' || quote_ident(engine.snake_case(name)))::regclass;
end
$$;

create or replace function engine.assert_row(workspace_id uuid, target regclass, id uuid) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_found boolean;
begin
  execute format('select exists (select from %s t where t.workspace_id = $1 and t.id = $2 %s)', target,
    -- A plan changes views of the workspace that are open to who makes it; a member's own is not there for it.
    case target::text when 'metadata.views' then 'and t.visibility = ''WORKSPACE'' and ($3 or t.id in (select engine.kept_views()))'
      when 'metadata.view_fields' then 'and exists (select from metadata.views v where v.id = t.view_id and v.visibility = ''WORKSPACE'' and ($3 or v.id in (select engine.kept_views())))' else '' end)
  into v_found using workspace_id, id, engine.acts_as_administrator() or engine.makes_workspace(workspace_id);
  if not v_found then
    raise exception 'There is no such %.', case target::text when 'metadata.indexes' then 'index' when 'metadata.aliases' then 'alias'
      else rtrim(replace(replace(target::text, 'metadata.', ''), '_', ' '), 's') end || coalesce(' (' || id || ')', '')
      using errcode = 'RV063', column = 'id', hint = 'It may have been purged, or it belongs to another workspace.';
  end if;
end
$$;

-- The columns that a change may write: what relvar_crm may, and of roles what makes up their rights.
create or replace function engine.writable_columns(target regclass, privilege text) returns text[]
language sql stable set search_path = ''
as $$
  select case when target = 'metadata.roles'::regclass then engine.role_columns(target)
    when exists (select from engine.role_parts() p where target = ('metadata.' || p.table_name)::regclass)
      then engine.role_columns(target) || case when upper(privilege) = 'INSERT' then '{role_id}'::text[] else '{}' end
    else array(
      select a.attname::text from pg_catalog.pg_attribute a
      where a.attrelid = target and a.attnum > 0 and not a.attisdropped and a.attname not in ('id', 'workspace_id')
        and has_column_privilege('relvar_crm', target, a.attnum, privilege)) end
$$;

-- Values in camelCase as a row in snake_case, of columns that may be written.
create or replace function engine.changed_values(target regclass, "values" jsonb, privilege text) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_columns text[] := engine.writable_columns(target, privilege);
  v_unknown text;
begin
  if jsonb_typeof("values") is distinct from 'object' then
    raise exception 'The values of a change are an object.' using errcode = 'RV062', column = 'values';
  end if;
  select k into v_unknown from jsonb_object_keys("values") k where engine.snake_case(k) <> all (v_columns || '{id,workspace_id}'::text[]) limit 1;
  if found then
    raise exception '"%" cannot be written to %.', v_unknown, replace(target::text, 'metadata.', '') using errcode = 'RV062', column = v_unknown,
      hint = coalesce(format('Did you mean %s? ', engine.nearest(v_unknown, array(select engine.camel_case(c) from unnest(v_columns) c))), '')
        || 'It takes ' || (select string_agg(engine.camel_case(c), ', ' order by c) from unnest(v_columns) c) || '.';
  end if;
  return coalesce((select jsonb_object_agg(engine.snake_case(e.key), e.value) from jsonb_each("values") e where e.key not in ('id', 'workspaceId')), '{}');
end
$$;

-- Calls metadata.create_object or create_field with arguments by name.
create or replace function engine.call_by_name(function_name text, arguments jsonb) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_names text[];
  v_types oid[];
  v_list text;
  v_unknown text;
begin
  select p.proargnames, array(select unnest(p.proargtypes)) into strict v_names, v_types from pg_catalog.pg_proc p
  where p.pronamespace = 'metadata'::regnamespace and p.proname = function_name;
  -- Output columns follow the arguments in the list of names.
  v_names := v_names[1:array_length(v_types, 1)];
  select k into v_unknown from jsonb_object_keys(arguments) k where engine.snake_case(k) <> all (v_names) limit 1;
  if found then
    raise exception '"%" is not known to %.', v_unknown, engine.camel_case(function_name) using errcode = 'RV062', column = v_unknown,
      hint = coalesce(format('Did you mean %s? ', engine.nearest(v_unknown, array(select engine.camel_case(c) from unnest(v_names) c))), '')
        || 'It takes ' || (select string_agg(engine.camel_case(c), ', ') from unnest(v_names) c where c <> 'workspace_id') || '.';
  end if;
  select string_agg(format('%I => %s', a.name, case
      when a.type = 'jsonb'::regtype then format('nullif($1 -> %L, ''null'')', a.key)
      when a.type = 'uuid[]'::regtype then format('(select array_agg(e::uuid) from jsonb_array_elements_text(nullif($1 -> %L, ''null'')) e)', a.key)
      else format('($1 ->> %L)::%s', a.key, pg_catalog.format_type(a.type, null)) end), ', ') into v_list
  from (
    select n.name, engine.camel_case(n.name) as key, v_types[n.i] as type
    from unnest(v_names) with ordinality n (name, i)
  ) a
  where arguments ? a.key;
  execute format('select metadata.%I(%s)', function_name, coalesce(v_list, '')) using arguments;
end
$$;

-- Asks for the permission of each part that the changes touch. A misspelt one is refused when its turn comes.
create or replace function engine.assert_may_change(workspace_id uuid, changes jsonb) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_flag text;
begin
  for v_flag in
    select distinct engine.flag_of(engine.snake_case(coalesce(c ->> 'table', 'objects'))) from jsonb_array_elements(case jsonb_typeof(changes) when 'array' then changes else '[]' end) c
    union all
    select 'DATA_MODEL' where coalesce(changes, '[]') = '[]' or jsonb_typeof(changes) <> 'array'
  loop
    perform engine.assert_manages(workspace_id, v_flag);
  end loop;
end
$$;

-- One change, run at once, save that records are not touched while planning.
create or replace function engine.run_change(workspace_id uuid, change jsonb, is_plan boolean) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_ops text[] := '{createObject,createField,insert,update,delete,restore,replaceUses,replaceOption}';
  v_target regclass;
  v_id uuid := (change ->> 'id')::uuid;
  v_row jsonb;
  v_columns text;
begin
  case change ->> 'op'
    when 'createObject' then
      perform engine.call_by_name('create_object', (change - 'op') || jsonb_build_object('workspaceId', workspace_id));
      return;
    when 'createField' then
      perform engine.assert_row(workspace_id, 'metadata.objects', (change ->> 'objectId')::uuid);
      perform engine.call_by_name('create_field', change - 'op');
      return;
    when 'replaceUses' then
      perform engine.assert_row(workspace_id, 'metadata.fields', (change ->> 'fieldId')::uuid), engine.assert_row(workspace_id, 'metadata.fields', (change ->> 'withFieldId')::uuid);
      perform engine.replace_uses(workspace_id, (change ->> 'fieldId')::uuid, (change ->> 'withFieldId')::uuid);
      return;
    when 'replaceOption' then
      perform engine.assert_row(workspace_id, 'metadata.fields', (change ->> 'fieldId')::uuid);
      perform engine.replace_option(workspace_id, (change ->> 'fieldId')::uuid, change ->> 'value', change ->> 'with', is_plan);
      return;
    when 'insert', 'update', 'delete', 'restore' then
      v_target := engine.changeable_table(change ->> 'table');
    else
      raise exception 'There is no change called "%".', coalesce(change ->> 'op', '') using errcode = 'RV062', column = 'op',
        hint = coalesce(format('Did you mean %s? ', engine.nearest(change ->> 'op', v_ops)), '') || 'The changes are ' || array_to_string(v_ops, ', ') || '.';
  end case;
  -- What the engine makes with other things has no id yet when the change is written.
  if v_id is null and change ->> 'op' = 'update' then
    select f.id into v_id from metadata.fields f
    where v_target = 'metadata.fields'::regclass and f.object_id = (change ->> 'objectId')::uuid and f.name = change ->> 'name' and f.deleted_at is null;
    if v_target = 'metadata.relations'::regclass then
      select r.id into v_id from metadata.relations r where r.field_id = (change ->> 'fieldId')::uuid and r.target_object_id = (change ->> 'targetObjectId')::uuid;
    end if;
  end if;
  if change ->> 'op' <> 'insert' then
    perform engine.assert_row(workspace_id, v_target, v_id);
  end if;
  case change ->> 'op'
    when 'delete' then
      execute format('delete from %s t where t.workspace_id = $1 and t.id = $2', v_target) using workspace_id, v_id;
    when 'restore' then
      perform engine.restore(workspace_id, v_target, v_id);
    else
      v_row := engine.changed_values(v_target, change -> 'values', upper(change ->> 'op'));
      select string_agg(quote_ident(k), ', ' order by k) into v_columns from jsonb_object_keys(v_row) k;
      if change ->> 'op' = 'insert' then
        execute format('insert into %1$s (id, workspace_id%2$s) select $2, $1%3$s from jsonb_populate_record(null::%1$s, $3) p', v_target,
          coalesce(', ' || v_columns, ''), coalesce((select string_agg(', p.' || quote_ident(k), '' order by k) from jsonb_object_keys(v_row) k), ''))
        using workspace_id, coalesce(v_id, engine.uuidv7()), v_row;
      elsif v_columns is not null then
        execute format('update %1$s t set (%2$s) = (select %3$s from jsonb_populate_record(null::%1$s, $3) p) where t.workspace_id = $1 and t.id = $2', v_target,
          v_columns, (select string_agg('p.' || quote_ident(k), ', ' order by k) from jsonb_object_keys(v_row) k))
        using workspace_id, v_id, v_row;
      end if;
  end case;
end
$$;

-- All changes, in order. An error says which of them it was.
create or replace function engine.run_changes(workspace_id uuid, changes jsonb, is_plan boolean) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_change jsonb;
  v_at int := 0;
  v_state text;
  v_message text;
  v_detail text;
  v_hint text;
  v_column text;
begin
  if jsonb_typeof(changes) is distinct from 'array' then
    raise exception 'Changes are a list.' using errcode = 'RV062', hint = 'Give [{"op": "createField", …}], for example.';
  end if;
  for v_change in select * from jsonb_array_elements(changes) loop
    v_at := v_at + 1;
    perform engine.run_change(workspace_id, v_change, is_plan);
  end loop;
exception when others then
  get stacked diagnostics v_state = returned_sqlstate, v_message = message_text, v_detail = pg_exception_detail, v_hint = pg_exception_hint, v_column = column_name;
  raise exception '%', v_message using errcode = v_state, column = coalesce(v_column, ''), hint = v_hint,
    detail = concat_ws(E'\n', nullif(v_detail, ''), case when jsonb_array_length(changes) > 1 then format('Change %s of %s: %s', v_at, jsonb_array_length(changes), v_change ->> 'op') end);
end
$$;

-- What is made gets its id here, so that a plan and what is applied speak of the same.
create or replace function engine.with_ids(changes jsonb) returns jsonb
language sql volatile set search_path = ''
as $$
  select coalesce(jsonb_agg(case when c ->> 'op' in ('createObject', 'createField', 'insert') and c ->> 'id' is null
    then c || jsonb_build_object('id', engine.uuidv7()) else c end order by i), '[]')
  from jsonb_array_elements(case jsonb_typeof(changes) when 'array' then changes else '[]' end) with ordinality u (c, i)
$$;
--! EndIncluded metadata/changes.sql
--! Included metadata/manifest.sql
-- The model as a manifest: one JSON value without ids, in an order that does not change by itself, so
-- that two of them can be compared line by line and one can be made in another workspace. Where the
-- model speaks of a field or a relation by its id, the manifest says "field:company.name" or
-- "relation:person.company>company".

create or replace function engine.field_manifest(field metadata.fields) returns jsonb
language plpgsql stable set search_path = ''
as $$
begin
  return case when (field).is_system then jsonb_build_object('name', (field).name, 'label', (field).label, 'description', (field).description, 'icon', (field).icon, 'isSystem', true)
    else jsonb_strip_nulls(jsonb_build_object('universalIdentifier', (field).universal_identifier)) || jsonb_build_object(
      'name', (field).name, 'label', (field).label, 'description', (field).description, 'icon', (field).icon, 'type', (field).type,
      'settings', engine.references_by_name((field).workspace_id, (field).settings), 'options', (field).options, 'defaultValue', (field).default_value,
      'isRequired', (field).is_required, 'requiredFrom', (field).required_from, 'isUnique', (field).is_unique, 'isActive', (field).is_active, 'position', (field).position,
      'relations', (
        select coalesce(jsonb_agg(jsonb_build_object('target', t.name_singular, 'inverseName', r.inverse_name, 'inverseLabel', r.inverse_label, 'onDelete', r.on_delete) order by t.name_singular), '[]')
        from metadata.relations r join metadata.objects t on t.id = r.target_object_id where r.field_id = (field).id and r.deleted_at is null))
    || coalesce((
      -- A relation to many is told once, from the end that was made first.
      select jsonb_build_object('manyToMany', jsonb_build_object('target', t.name_singular, 'inverseName', i.name, 'inverseLabel', i.label, 'inverseIcon', i.icon,
        'near', near.name, 'far', far.name, 'junction', engine.object_manifest(j)))
      from metadata.fields near
      join metadata.objects j on j.id = near.object_id
      join metadata.fields far on far.object_id = j.id and (far.position, far.id) > (near.position, near.id)
      join metadata.fields i on i.junction_field_id = far.id
      join metadata.objects t on t.id = i.object_id
      where near.id = (field).junction_field_id), '{}')
  end;
end
$$;

create or replace function engine.object_manifest(object metadata.objects) returns jsonb
language sql stable set search_path = ''
as $$
  select jsonb_strip_nulls(jsonb_build_object('universalIdentifier', (object).universal_identifier)) || jsonb_build_object(
    'nameSingular', (object).name_singular, 'namePlural', (object).name_plural, 'labelSingular', (object).label_singular, 'labelPlural', (object).label_plural,
    'description', (object).description, 'icon', (object).icon, 'color', (object).color,
    'labelField', (select f.name from metadata.fields f where f.id = (object).label_field_id and f.deleted_at is null),
    'imageField', (select f.name from metadata.fields f where f.id = (object).image_field_id and f.deleted_at is null),
    'duplicateCriteria', engine.references_by_name((object).workspace_id, (object).duplicate_criteria),
    'isActive', (object).is_active, 'isSystem', (object).is_system, 'isSearchable', (object).is_searchable, 'isAudited', (object).is_audited, 'isPrivate', (object).is_private, 'position', (object).position,
    'fields', (
      select coalesce(jsonb_agg(engine.field_manifest(f) order by f.position, f.name), '[]')
      from metadata.fields f where f.object_id = (object).id and f.deleted_at is null and f.type <> 'TS_VECTOR'
        -- Of a relation to many, the end that was made second; of a junction, what makes it one.
        and not (f.type = 'MANY_TO_MANY' and exists (select from metadata.fields far join metadata.fields near on near.object_id = far.object_id and (near.position, near.id) < (far.position, far.id)
          join metadata.fields o on o.junction_field_id = near.id where far.id = f.junction_field_id))),
    'rules', (
      select coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('universalIdentifier', r.universal_identifier)) || jsonb_build_object('kind', r.kind, 'field', f.name,
        'settings', engine.references_by_name(r.workspace_id, r.settings), 'condition', r.condition, 'message', r.message, 'appliesFrom', r.applies_from, 'isActive', r.is_active, 'position', r.position)
        order by r.position, r.kind, f.name, r.settings::text, r.condition), '[]')
      from metadata.rules r left join metadata.fields f on f.id = r.field_id
      where r.object_id = (object).id and f.deleted_at is null and not ((object).is_junction and r.kind = 'UNIQUE' and r.position = 0)),
    'indexes', (
      select coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('universalIdentifier', i.universal_identifier)) || jsonb_build_object('name', i.name, 'kind', i.kind,
        'parts', engine.references_by_name(i.workspace_id, i.parts), 'condition', i.condition) order by i.name), '[]')
      from metadata.indexes i where i.object_id = (object).id),
    'views', (
      select coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('universalIdentifier', v.universal_identifier)) || jsonb_build_object('name', v.name, 'icon', v.icon, 'type', v.type,
        'filter', engine.references_by_name(v.workspace_id, v.filter), 'sorts', engine.references_by_name(v.workspace_id, v.sorts),
        'groupField', (select f.name from metadata.fields f where f.id = v.group_field_id), 'position', v.position,
        'fields', (select coalesce(jsonb_agg(jsonb_build_object('field', f.name, 'width', c.width, 'isVisible', c.is_visible, 'isPinned', c.is_pinned, 'aggregate', c.aggregate, 'position', c.position) order by c.position, f.name), '[]')
          from metadata.view_fields c join metadata.fields f on f.id = c.field_id and f.deleted_at is null where c.view_id = v.id)) order by v.position, v.name), '[]')
      from metadata.views v where v.object_id = (object).id and v.visibility = 'WORKSPACE'))
$$;

create or replace function engine.manifest_of(workspace_id uuid) returns jsonb
language sql stable set search_path = ''
as $$
  select jsonb_build_object('name', w.slug, 'version', w.model_version::text,
    'objects', (
      select coalesce(jsonb_agg(engine.object_manifest(o) order by o.position, o.name_singular), '[]')
      from metadata.objects o where o.workspace_id = w.id and o.deleted_at is null and not o.is_junction),
    'roles', (select coalesce(jsonb_agg(engine.role_manifest(r) order by r.name), '[]') from metadata.roles r where r.workspace_id = w.id))
  from core.workspaces w where w.id = manifest_of.workspace_id
$$;

create or replace function metadata.export_manifest() returns jsonb
language sql stable security definer set search_path = ''
as $$ select engine.manifest_of(engine.workspace_of_role(current_setting('role')::name)) $$;
comment on function metadata.export_manifest() is
  'The whole model as a manifest: objects, fields, relations, rules, indexes, views and roles, without ids. metadata.plan_manifest makes it in another workspace.';

-- ── a manifest as changes ───────────────────────────────────────────────────────────────────────

-- Objects and fields of a manifest, one a row, those of junctions with the rest; with the ids that
-- they have here, or will have.
create or replace function engine.manifest_things(workspace_id uuid, manifest jsonb)
returns table (kind text, object_name text, name text, value jsonb, object_id uuid, id uuid, is_new boolean, is_junction boolean, via jsonb)
language plpgsql volatile set search_path = ''
as $$
begin
  return query
  with tree as materialized (
    select o.value as value, false as is_junction, null::jsonb as via, o.i from jsonb_array_elements(manifest -> 'objects') with ordinality o (value, i)
    union all
    select f.value #> '{manyToMany,junction}', true, f.value || jsonb_build_object('source', o.value -> 'nameSingular'), 1000 + o.i
    from jsonb_array_elements(manifest -> 'objects') with ordinality o (value, i) cross join lateral jsonb_array_elements(o.value -> 'fields') f (value)
    where f.value ? 'manyToMany'
  ), object as materialized (
    select t.value, t.is_junction, t.via, t.i, h.id as here, coalesce(h.id, engine.uuidv7()) as id
    from tree t
    left join lateral (
      select o.id from metadata.objects o
      where o.workspace_id = manifest_things.workspace_id and o.deleted_at is null
        and (o.universal_identifier = t.value ->> 'universalIdentifier' or o.name_singular = t.value ->> 'nameSingular')
      order by o.universal_identifier = t.value ->> 'universalIdentifier' desc nulls last limit 1
    ) h on true
  ), field as materialized (
    select o.id as object_id, o.value ->> 'nameSingular' as object_name, o.is_junction, f.value, o.i, f.j, h.id as here, coalesce(h.id, engine.uuidv7()) as id
    from object o
    cross join lateral (
      select e.value, e.j from jsonb_array_elements(o.value -> 'fields') with ordinality e (value, j)
      union all
      -- The other end of a relation to many.
      select jsonb_build_object('name', e.value #>> '{manyToMany,inverseName}', 'label', e.value #>> '{manyToMany,inverseLabel}', 'icon', e.value #> '{manyToMany,inverseIcon}', 'type', 'INVERSE'), 1000
      from object s cross join lateral jsonb_array_elements(s.value -> 'fields') e where e.value #>> '{manyToMany,target}' = o.value ->> 'nameSingular' and not o.is_junction
    ) f
    left join lateral (
      select g.id from metadata.fields g
      where g.object_id = o.here and g.deleted_at is null and (g.universal_identifier = f.value ->> 'universalIdentifier' or g.name = f.value ->> 'name')
      order by g.universal_identifier = f.value ->> 'universalIdentifier' desc nulls last limit 1
    ) h on true
  )
  select 'object', o.value ->> 'nameSingular', o.value ->> 'nameSingular', o.value, o.id, o.id, o.here is null, o.is_junction, o.via from object o
  union all
  select 'field', f.object_name, f.value ->> 'name', f.value, f.object_id, f.id, f.here is null, f.is_junction, null from field f;
end
$$;

create or replace function engine.manifest_changes(workspace_id uuid, manifest jsonb, prune boolean) returns jsonb
language plpgsql volatile set search_path = ''
as $$
#variable_conflict use_column
declare
  v_things jsonb;
  v_planned jsonb;
  v_changes jsonb;
begin
  if jsonb_typeof(manifest) is distinct from 'object' or coalesce(manifest ->> 'name', '') = '' or jsonb_typeof(manifest -> 'objects') is distinct from 'array' then
    raise exception 'A manifest needs a name and a list of objects.' using errcode = 'RV030',
      hint = 'metadata.export_manifest() gives one that works; docs/manifest.md says what may be in it.';
  end if;
  -- Ids are given once.
  v_things := (select coalesce(jsonb_agg(to_jsonb(t)), '[]') from engine.manifest_things(workspace_id, manifest) t);
  create temporary table relvar_things on commit drop as
    select * from jsonb_to_recordset(v_things) t (kind text, object_name text, name text, value jsonb, object_id uuid, id uuid, is_new boolean, is_junction boolean, via jsonb);
  v_planned := (select coalesce(jsonb_object_agg(case t.kind when 'object' then 'object:' || t.name else 'field:' || t.object_name || '.' || t.name end, t.id), '{}') from pg_temp.relvar_things t);
  create temporary table relvar_relations on commit drop as
    select t.id as field_id, t.object_name, t.name, t.is_new, t.is_junction, t.value ->> 'type' as type, r.value, o.id as target_id, h.id as here, coalesce(h.id, engine.uuidv7()) as id
    from pg_temp.relvar_things t
    cross join lateral jsonb_array_elements(coalesce(t.value -> 'relations', '[]')) r
    left join lateral (select (v_planned ->> ('object:' || (r.value ->> 'target')))::uuid as id) p on true
    left join metadata.objects e on e.workspace_id = manifest_changes.workspace_id and e.deleted_at is null and e.name_singular = r.value ->> 'target'
    cross join lateral (select coalesce(p.id, e.id) as id) o
    left join metadata.relations h on h.field_id = t.id and h.target_object_id = o.id and h.deleted_at is null
    where t.kind = 'field';
  if exists (select from pg_temp.relvar_relations r where r.target_id is null) then
    raise exception 'The manifest points to the object "%", which is neither in it nor here.', (select r.value ->> 'target' from pg_temp.relvar_relations r where r.target_id is null limit 1)
      using errcode = 'RV067', column = 'manifest', hint = 'Add it to the manifest, or take out what speaks of it.';
  end if;
  v_planned := v_planned || (select coalesce(jsonb_object_agg('relation:' || r.object_name || '.' || r.name || '>' || (r.value ->> 'target'), r.id), '{}') from pg_temp.relvar_relations r);

  with thing as materialized (
    select t.*, case t.kind
        when 'object' then jsonb_strip_nulls(jsonb_build_object('nameSingular', t.value -> 'nameSingular', 'namePlural', t.value -> 'namePlural', 'labelSingular', t.value -> 'labelSingular',
          'labelPlural', t.value -> 'labelPlural', 'description', t.value -> 'description', 'icon', t.value -> 'icon', 'isActive', t.value -> 'isActive',
          'isSearchable', t.value -> 'isSearchable', 'isAudited', t.value -> 'isAudited', 'isPrivate', t.value -> 'isPrivate', 'position', t.value -> 'position')) || jsonb_build_object('color', t.value -> 'color')
        when 'field' then case
          when t.value ->> 'type' = 'INVERSE' then jsonb_strip_nulls(jsonb_build_object('label', t.value -> 'label', 'icon', t.value -> 'icon'))
          when (t.value ->> 'isSystem')::boolean then jsonb_strip_nulls(jsonb_build_object('label', t.value -> 'label', 'description', t.value -> 'description', 'icon', t.value -> 'icon'))
          else jsonb_strip_nulls(jsonb_build_object('name', t.value -> 'name', 'label', t.value -> 'label', 'description', coalesce(t.value -> 'description', '""'), 'icon', t.value -> 'icon',
            'type', t.value -> 'type', 'settings', engine.references_by_id(manifest_changes.workspace_id, coalesce(t.value -> 'settings', '{}'), v_planned), 'options', coalesce(t.value -> 'options', '[]'),
            'isRequired', coalesce(t.value -> 'isRequired', 'false'), 'isUnique', coalesce(t.value -> 'isUnique', 'false'), 'isActive', coalesce(t.value -> 'isActive', 'true'), 'position', t.value -> 'position'))
            || jsonb_build_object('defaultValue', t.value -> 'defaultValue', 'requiredFrom', t.value -> 'requiredFrom') end
      end as wanted
    from pg_temp.relvar_things t
  ), object as materialized (
    select t.* from thing t where t.kind = 'object'
  ), label as (
    select o.*, jsonb_build_object(
      'labelFieldId', (select f.id from thing f where f.kind = 'field' and f.object_id = o.id and f.name = o.value ->> 'labelField'),
      'imageFieldId', (select f.id from thing f where f.kind = 'field' and f.object_id = o.id and f.name = o.value ->> 'imageField'),
      'duplicateCriteria', engine.references_by_id(manifest_changes.workspace_id, coalesce(o.value -> 'duplicateCriteria', '[]'), v_planned)) as references_wanted
    from object o
  ), child as materialized (
    select 'rules' as part, o.object_id, jsonb_build_object('kind', e.value -> 'kind', 'fieldId', v_planned -> ('field:' || o.name || '.' || (e.value ->> 'field')),
        'settings', engine.references_by_id(manifest_changes.workspace_id, coalesce(e.value -> 'settings', '{}'), v_planned), 'condition', nullif(e.value -> 'condition', 'null'), 'message', coalesce(e.value -> 'message', '""'),
        'appliesFrom', e.value -> 'appliesFrom', 'isActive', coalesce(e.value -> 'isActive', 'true'), 'position', coalesce(e.value -> 'position', '0')) as wanted, null::jsonb as columns
    from object o cross join lateral jsonb_array_elements(coalesce(o.value -> 'rules', '[]')) e
    union all
    select 'indexes', o.object_id, jsonb_build_object('name', e.value -> 'name', 'kind', coalesce(e.value -> 'kind', '"BTREE"'), 'parts', engine.references_by_id(manifest_changes.workspace_id, e.value -> 'parts', v_planned), 'condition', nullif(e.value -> 'condition', 'null')), null
    from object o cross join lateral jsonb_array_elements(coalesce(o.value -> 'indexes', '[]')) e
    union all
    select 'views', o.object_id, jsonb_build_object('name', e.value -> 'name', 'icon', e.value -> 'icon', 'type', coalesce(e.value -> 'type', '"TABLE"'), 'filter', nullif(engine.references_by_id(manifest_changes.workspace_id, engine.manifest_filter(e.value -> 'filter'), v_planned), 'null'),
        'sorts', engine.references_by_id(manifest_changes.workspace_id, coalesce(e.value -> 'sorts', '[]'), v_planned), 'groupFieldId', v_planned -> ('field:' || o.name || '.' || (e.value ->> 'groupField')), 'position', coalesce(e.value -> 'position', '0')),
      (select jsonb_agg(jsonb_build_object('fieldId', v_planned -> ('field:' || o.name || '.' || (c.value ->> 'field')), 'width', c.value -> 'width', 'isVisible', coalesce(c.value -> 'isVisible', 'true'), 'isPinned', coalesce(c.value -> 'isPinned', 'false'), 'aggregate', coalesce(c.value -> 'aggregate', 'null'), 'position', coalesce(c.value -> 'position', '0')))
        from jsonb_array_elements(coalesce(e.value -> 'fields', '[]')) c)
    from object o cross join lateral jsonb_array_elements(coalesce(o.value -> 'views', '[]')) e
  ), existing as materialized (
    -- Rules have no name: one is the same that says the same of the same.
    select 'rules' as part, r.id, r.object_id, to_jsonb(r) as "row", r.application_id, jsonb_build_array(r.kind, r.field_id, r.settings, r.condition) as key from metadata.rules r where r.workspace_id = manifest_changes.workspace_id
    union all
    select 'indexes', i.id, i.object_id, to_jsonb(i), i.application_id, jsonb_build_array(i.name) from metadata.indexes i where i.workspace_id = manifest_changes.workspace_id
    union all
    select 'views', v.id, v.object_id, to_jsonb(v), v.application_id, jsonb_build_array(v.name) from metadata.views v where v.workspace_id = manifest_changes.workspace_id and v.visibility = 'WORKSPACE'
  ), matched as materialized (
    select c.*, e.id as here, e."row", coalesce(e.id, engine.uuidv7()) as id
    from child c
    left join existing e on e.part = c.part and e.object_id = c.object_id and e.key = case c.part
      when 'rules' then jsonb_build_array(c.wanted -> 'kind', coalesce(c.wanted -> 'fieldId', 'null'), c.wanted -> 'settings', coalesce(c.wanted -> 'condition', 'null')) else jsonb_build_array(c.wanted -> 'name') end
  ), role as materialized (
    -- Of roles that every workspace has, only what they may do is moved.
    select e.value, h.id as here, coalesce(h.id, engine.uuidv7()) as id,
      (select jsonb_object_agg(engine.camel_case(v.key), v.value) from jsonb_each(engine.role_row_values('metadata.roles', e.value)) v
        where not coalesce(h.is_system, false) or v.key not in ('name', 'description', 'icon', 'has_all_permissions')) as wanted
    from jsonb_array_elements(coalesce(manifest -> 'roles', '[]')) e
    left join metadata.roles h on h.workspace_id = manifest_changes.workspace_id and h.name = e.value ->> 'name'
    where h.id is not null or not coalesce((e.value ->> 'isSystem')::boolean, false)
  ), right_here as materialized (
    select x.* from engine.role_part_rows(manifest_changes.workspace_id) x
  ), role_right as materialized (
    select r.id as role_id, p.table_name, w.wanted, x.id as here
    from role r cross join engine.role_parts() p
    cross join lateral jsonb_array_elements(coalesce(r.value -> p.part, '[]')) e
    cross join lateral (select engine.references_by_id(manifest_changes.workspace_id, engine.role_row_values(('metadata.' || p.table_name)::regclass, e.value), v_planned) as "values") v
    cross join lateral (select (select jsonb_object_agg(engine.camel_case(c.key), c.value) from jsonb_each(v."values") c) as wanted) w
    left join right_here x on x.table_name = p.table_name and x.role_id = r.here and x.key = v."values" ->> p.key_column
  ), steps (phase, place, id, change) as (
    select 80, 0::double precision, r.id, case when r.here is null then jsonb_build_object('op', 'insert', 'table', 'roles', 'id', r.id, 'values', r.wanted)
      else jsonb_build_object('op', 'update', 'table', 'roles', 'id', r.id, 'values', engine.what_differs('roles', r.id, r.wanted)) end
    from role r where r.here is null or engine.what_differs('roles', r.id, r.wanted) <> '{}'
    union all
    select 81, 0, t.here, case when t.here is null then jsonb_build_object('op', 'insert', 'table', engine.camel_case(t.table_name), 'id', engine.uuidv7(), 'values', t.wanted || jsonb_build_object('roleId', t.role_id))
      else jsonb_build_object('op', 'update', 'table', engine.camel_case(t.table_name), 'id', t.here, 'values', engine.what_differs(t.table_name, t.here, t.wanted)) end
    from role_right t where t.here is null or engine.what_differs(t.table_name, t.here, t.wanted) <> '{}'
    union all
    select 69, 0, x.id, jsonb_build_object('op', 'delete', 'table', engine.camel_case(x.table_name), 'id', x.id)
    from right_here x where prune and exists (select from role r where r.here = x.role_id) and not exists (select from role_right t where t.here = x.id)
    union all
    select 69, 1, o.id, jsonb_build_object('op', 'delete', 'table', 'roles', 'id', o.id)
    from metadata.roles o where prune and o.workspace_id = manifest_changes.workspace_id and not o.is_system and o.application_id is null
      and engine.role_holders(o.id) = '{}' and not exists (select from role r where r.here = o.id)
    union all
    select 10, (t.value ->> 'position')::double precision, t.id, jsonb_build_object('op', 'insert', 'table', 'objects', 'id', t.id, 'values', t.wanted)
    from object t where t.is_new and not t.is_junction
    union all
    select 15, 0, t.id, jsonb_build_object('op', 'update', 'table', 'objects', 'id', t.id, 'values', v.value)
    from object t cross join lateral (select engine.what_differs('objects', t.id, t.wanted) as value) v where not t.is_new and v.value <> '{}'
    union all
    select case when t.value ->> 'type' in ('FORMULA', 'ROLLUP') then 40 when t.is_junction then 25 else 20 end, (t.value ->> 'position')::double precision, t.id,
      jsonb_build_object('op', 'insert', 'table', 'fields', 'id', t.id, 'values', t.wanted || jsonb_build_object('objectId', t.object_id))
    from thing t where t.kind = 'field' and t.is_new and t.value ->> 'type' not in ('INVERSE', 'MANY_TO_MANY') and not coalesce((t.value ->> 'isSystem')::boolean, false) and not (t.is_junction and t.value ->> 'type' = 'RELATION' and (t.value ->> 'isRequired')::boolean)
    union all
    select case when r.is_junction then 26 else 21 end, 0, r.id, jsonb_build_object('op', 'insert', 'table', 'relations', 'id', r.id, 'values', jsonb_build_object('fieldId', r.field_id, 'targetObjectId', r.target_id,
      'inverseName', r.value -> 'inverseName', 'inverseLabel', r.value -> 'inverseLabel', 'onDelete', coalesce(r.value -> 'onDelete', '"SET_NULL"')))
    from pg_temp.relvar_relations r where r.here is null and r.type <> 'MEMBER' and not (r.is_junction and r.value ->> 'onDelete' = 'CASCADE')
    union all
    select 22, (t.value ->> 'position')::double precision, t.id, jsonb_build_object('op', 'createField', 'id', t.id, 'objectId', t.object_id, 'label', t.value -> 'label', 'name', t.value -> 'name',
      'description', t.value -> 'description', 'icon', t.value -> 'icon', 'type', 'MANY_TO_MANY', 'targetObjectId', coalesce(v_planned ->> ('object:' || (t.value #>> '{manyToMany,target}')), (
        select o.id::text from metadata.objects o where o.workspace_id = manifest_changes.workspace_id and o.deleted_at is null and o.name_singular = t.value #>> '{manyToMany,target}')),
      'inverseLabel', t.value #> '{manyToMany,inverseLabel}', 'inverseName', t.value #> '{manyToMany,inverseName}',
      'settings', jsonb_build_object('junctionId', v_planned -> ('object:' || (t.value #>> '{manyToMany,junction,nameSingular}')),
        'inverseId', v_planned -> ('field:' || (t.value #>> '{manyToMany,target}') || '.' || (t.value #>> '{manyToMany,inverseName}')),
        -- What sums up or finds links speaks of the junction's own relations.
        'nearId', v_planned -> ('field:' || j.name || '.' || j.near), 'farId', v_planned -> ('field:' || j.name || '.' || j.far),
        'nearRelationId', v_planned -> ('relation:' || j.name || '.' || j.near || '>' || t.object_name),
        'farRelationId', v_planned -> ('relation:' || j.name || '.' || j.far || '>' || (t.value #>> '{manyToMany,target}'))))
    from thing t
    cross join lateral (select t.value #>> '{manyToMany,junction,nameSingular}' as name, t.value #>> '{manyToMany,near}' as near, t.value #>> '{manyToMany,far}' as far) j
    where t.kind = 'field' and t.is_new and t.value ->> 'type' = 'MANY_TO_MANY' and t.value ? 'manyToMany'
    union all
    select 24, 0, t.id, jsonb_build_object('op', 'update', 'table', 'fields', 'id', t.id, 'values', t.wanted - '{type,settings,options,isRequired,isUnique,requiredFrom,defaultValue}'::text[])
    from thing t where t.kind = 'field' and t.is_new and t.is_junction and t.value ->> 'type' = 'RELATION' and (t.value ->> 'isRequired')::boolean
    union all
    select 25, 0, r.id, jsonb_build_object('op', 'update', 'table', 'relations', 'id', r.id, 'values', jsonb_build_object('inverseName', r.value -> 'inverseName', 'inverseLabel', r.value -> 'inverseLabel'))
    from pg_temp.relvar_relations r where r.is_new and r.is_junction and r.value ->> 'onDelete' = 'CASCADE'
    union all
    select 24, 0, t.id, jsonb_build_object('op', 'update', 'table', 'fields', 'objectId', t.object_id, 'name', t.name, 'values', t.wanted)
    from thing t where t.kind = 'field' and t.is_new and (t.value ->> 'isSystem')::boolean
      and not exists (select from engine.system_fields() s where (s.name, s.label, s.description, s.icon) = (t.name, t.value ->> 'label', t.value ->> 'description', t.value ->> 'icon'))
    union all
    select 24, 0, r.id, jsonb_build_object('op', 'update', 'table', 'relations', 'fieldId', r.field_id, 'targetObjectId', r.target_id, 'values', jsonb_strip_nulls(jsonb_build_object(
      'inverseName', r.value -> 'inverseName', 'inverseLabel', r.value -> 'inverseLabel', 'onDelete', r.value -> 'onDelete')))
    from pg_temp.relvar_relations r where r.is_new and r.type = 'MEMBER'
    union all
    -- What the engine named is given the names of the manifest.
    select 23, 0, t.id, jsonb_build_object('op', 'update', 'table', 'objects', 'id', t.id, 'values', t.wanted) from object t where t.is_new and t.is_junction
    union all
    select 24, 0, t.id, jsonb_build_object('op', 'update', 'table', 'fields', 'id', t.id, 'values', jsonb_strip_nulls(jsonb_build_object('icon', t.value -> 'icon', 'position', t.value -> 'position')))
    from thing t where t.kind = 'field' and t.is_new and t.value ->> 'type' in ('MANY_TO_MANY', 'INVERSE')
    union all
    select case when t.value ->> 'type' in ('FORMULA', 'ROLLUP') then 41 else 30 end, (t.value ->> 'position')::double precision, t.id, jsonb_build_object('op', 'update', 'table', 'fields', 'id', t.id, 'values', v.value)
    from thing t cross join lateral (select engine.what_differs('fields', t.id, t.wanted) as value) v where t.kind = 'field' and not t.is_new and v.value <> '{}'
    union all
    select 31, 0, r.id, jsonb_build_object('op', 'update', 'table', 'relations', 'id', r.id, 'values', v.value)
    from pg_temp.relvar_relations r cross join lateral (
      select engine.what_differs('relations', r.id, jsonb_strip_nulls(jsonb_build_object('inverseName', r.value -> 'inverseName', 'inverseLabel', r.value -> 'inverseLabel', 'onDelete', r.value -> 'onDelete'))) as value) v
    where r.here is not null and v.value <> '{}'
    union all
    select 50, 0, l.id, jsonb_build_object('op', 'update', 'table', 'objects', 'id', l.id, 'values', v.value)
    from label l cross join lateral (
      select case when l.is_new then jsonb_strip_nulls(l.references_wanted) - case when l.references_wanted -> 'duplicateCriteria' = '[]' then 'duplicateCriteria' else '' end
        else engine.what_differs('objects', l.id, l.references_wanted) end as value) v where v.value <> '{}'
    union all
    select case c.part when 'rules' then 60 when 'indexes' then 61 else 62 end, 0, c.id, jsonb_build_object('op', 'insert', 'table', c.part, 'id', c.id, 'values', jsonb_strip_nulls(c.wanted) || jsonb_build_object('objectId', c.object_id))
    from matched c where c.here is null
    union all
    select 63, 0, c.id, jsonb_build_object('op', 'update', 'table', c.part, 'id', c.id, 'values', v.value)
    from matched c cross join lateral (select engine.what_differs(c.part, c.id, c.wanted) as value) v where c.here is not null and v.value <> '{}'
    union all
    select 64, (f.value ->> 'position')::double precision, null, case when e.id is null
      then jsonb_build_object('op', 'insert', 'table', 'viewFields', 'id', engine.uuidv7(), 'values', f.value || jsonb_build_object('viewId', c.id))
      else jsonb_build_object('op', 'update', 'table', 'viewFields', 'id', e.id, 'values', engine.what_differs('view_fields', e.id, f.value)) end
    from matched c cross join lateral jsonb_array_elements(coalesce(c.columns, '[]')) f
    left join metadata.view_fields e on e.view_id = c.here and e.field_id = (f.value ->> 'fieldId')::uuid
    where c.part = 'views' and f.value ->> 'fieldId' is not null and (e.id is null or engine.what_differs('view_fields', e.id, f.value) <> '{}')
    union all
    -- What the manifest does not have goes, if that is asked for; what belongs to an application stays.
    select 70, 0, e.id, jsonb_build_object('op', 'delete', 'table', e.part, 'id', e.id)
    from existing e where prune and e.application_id is null and exists (select from metadata.objects o where o.id = e.object_id and o.deleted_at is null and not o.is_junction)
      and not exists (select from matched m where m.here = e.id)
    union all
    select case when f.type in ('FORMULA', 'ROLLUP') then 71 else 72 end, 0, f.id, jsonb_build_object('op', 'delete', 'table', 'fields', 'id', f.id)
    from metadata.fields f join metadata.objects o on o.id = f.object_id
    where prune and f.workspace_id = manifest_changes.workspace_id and f.deleted_at is null and o.deleted_at is null and not f.is_system and f.application_id is null and not o.is_junction
      and exists (select from object t where t.id = o.id) and not exists (select from thing t where t.id = f.id)
      and not (f.type = 'MANY_TO_MANY' and exists (select from metadata.fields far join metadata.fields near on near.object_id = far.object_id and (near.position, near.id) < (far.position, far.id)
        join metadata.fields other on other.junction_field_id = near.id where far.id = f.junction_field_id))
    union all
    select 73, 0, o.id, jsonb_build_object('op', 'delete', 'table', 'objects', 'id', o.id)
    from metadata.objects o where prune and o.workspace_id = manifest_changes.workspace_id and o.deleted_at is null and not o.is_junction and o.application_id is null and not exists (select from object t where t.id = o.id)
  )
  select coalesce(jsonb_agg(s.change order by s.phase, s.place, s.id), '[]') into v_changes from steps s;
  drop table pg_temp.relvar_things, pg_temp.relvar_relations;
  return v_changes;
end
$$;

-- Which of the wanted values a row does not have.
create or replace function engine.what_differs(table_name text, id uuid, wanted jsonb) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_row jsonb;
begin
  execute format('select to_jsonb(t) from metadata.%I t where t.id = $1', table_name) into v_row using id;
  return (
    select coalesce(jsonb_object_agg(w.key, w.value), '{}') from jsonb_each(wanted) w
    where w.value is distinct from v_row -> engine.snake_case(w.key)
      and not (w.key in ('appliesFrom', 'requiredFrom') and (w.value #>> '{}')::timestamptz is not distinct from (v_row ->> engine.snake_case(w.key))::timestamptz));
end
$$;

create or replace function metadata.plan_manifest(workspace_id uuid, manifest jsonb, prune boolean default false) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_plan jsonb;
begin
  perform engine.assert_manages(workspace_id);
  v_plan := metadata.plan_changes(workspace_id, engine.manifest_changes(workspace_id, manifest, prune));
  -- A role that every workspace has is not made a second time under another name.
  return jsonb_set(v_plan, '{warnings}', (v_plan -> 'warnings') || (
    select coalesce(jsonb_agg(jsonb_build_object('code', 'ROLE_MISSING', 'message', format('There is no role "%s" here.', r ->> 'name'), 'hint', 'It is one of the product, which has another name here.')), '[]')
    from jsonb_array_elements(coalesce(manifest -> 'roles', '[]')) r
    where (r ->> 'isSystem')::boolean and not exists (select from metadata.roles x where x.workspace_id = plan_manifest.workspace_id and x.name = r ->> 'name')) || (
    select coalesce(jsonb_agg(jsonb_build_object('code', 'ROLE_HELD', 'message', format('The role "%s" is not in the manifest and stays: %s has it.', x.name, (engine.role_holders(x.id))[1]), 'hint', 'Give its holders another role first.')), '[]')
    from metadata.roles x
    where prune and x.workspace_id = plan_manifest.workspace_id and not x.is_system and x.application_id is null and engine.role_holders(x.id) <> '{}'
      and not exists (select from jsonb_array_elements(coalesce(manifest -> 'roles', '[]')) r where r ->> 'name' = x.name)));
end
$$;
comment on function metadata.plan_manifest(uuid, jsonb, boolean) is
  'What it takes to make the model of a manifest here: a plan whose changes apply_changes makes. With prune, what the manifest does not have is deleted.';
grant execute on function metadata.export_manifest(), metadata.plan_manifest(uuid, jsonb, boolean) to relvar_crm;
--! EndIncluded metadata/manifest.sql
--! Included metadata/bundle.sql
-- What a manifest says, as rows of the model: the same columns, with references by the names that the
-- manifest gives. What it names is found again by its universal identifier (application:object.field,
-- unless the manifest gives one), so that it can be called otherwise in the workspace, and in the next
-- version of the manifest.

create or replace function engine.manifest_objects(manifest jsonb)
returns table (universal_identifier text, name_singular text, name_plural text, label_singular text, label_plural text,
  description text, icon text, color text, label_field text, image_field text, duplicate_criteria jsonb, is_active boolean, is_system boolean,
  is_searchable boolean, is_audited boolean, "position" double precision)
language sql immutable set search_path = ''
as $$
  select coalesce(o ->> 'universalIdentifier', (manifest ->> 'name') || ':' || (o ->> 'nameSingular')), o ->> 'nameSingular', o ->> 'namePlural',
    o ->> 'labelSingular', o ->> 'labelPlural', coalesce(o ->> 'description', ''), coalesce(o ->> 'icon', 'IconBox'), o ->> 'color', o ->> 'labelField', o ->> 'imageField',
    coalesce(nullif(o -> 'duplicateCriteria', 'null'), '[]'), coalesce((o ->> 'isActive')::boolean, true), coalesce((o ->> 'isSystem')::boolean, false),
    coalesce((o ->> 'isSearchable')::boolean, true), coalesce((o ->> 'isAudited')::boolean, true), coalesce((o ->> 'position')::double precision, 0)
  from jsonb_array_elements(manifest -> 'objects') o
  -- An object of another application is only extended.
  where not o ? 'extends'
$$;

-- What a manifest calls the objects that it brings or extends.
create or replace function engine.manifest_object_names(manifest jsonb)
returns table (universal_identifier text, name text, value jsonb)
language sql immutable set search_path = ''
as $$
  select coalesce(o ->> 'extends', o ->> 'universalIdentifier', (manifest ->> 'name') || ':' || (o ->> 'nameSingular')),
    coalesce(o ->> 'nameSingular', nullif(split_part(o ->> 'extends', ':', 2), ''), o ->> 'extends'), o
  from jsonb_array_elements(manifest -> 'objects') o
$$;

create or replace function engine.manifest_fields(manifest jsonb)
returns table (object_identifier text, universal_identifier text, name text, label text, description text, icon text, type text, settings jsonb,
  options jsonb, default_value jsonb, is_required boolean, required_from timestamptz, is_unique boolean, is_active boolean, is_system boolean,
  "position" double precision, relations jsonb, many_to_many jsonb)
language sql stable set search_path = ''
as $$
  select o.universal_identifier, coalesce(f ->> 'universalIdentifier', (case when o.value ? 'extends' then (manifest ->> 'name') || ':' || o.name else o.universal_identifier end) || '.' || (f ->> 'name')),
    f ->> 'name', f ->> 'label', coalesce(f ->> 'description', ''),
    f ->> 'icon', f ->> 'type', coalesce(f -> 'settings', '{}'), coalesce(f -> 'options', '[]'), nullif(f -> 'defaultValue', 'null'),
    coalesce((f ->> 'isRequired')::boolean, false), (f ->> 'requiredFrom')::timestamptz, coalesce((f ->> 'isUnique')::boolean, false),
    coalesce((f ->> 'isActive')::boolean, true), coalesce((f ->> 'isSystem')::boolean, false), coalesce((f ->> 'position')::double precision, 0),
    coalesce(f -> 'relations', '[]'), nullif(f -> 'manyToMany', 'null')
  from engine.manifest_object_names(manifest) o
  cross join lateral jsonb_array_elements(coalesce(o.value -> 'fields', '[]')) f
$$;

create or replace function engine.bundle_parts() returns setof engine.bundle_part
language sql immutable set search_path = ''
as $$
  values
    (1, 'objects', 'objects', null, null, null),
    (2, 'fields', 'fields', 'objects', 'object_id', null),
    (3, 'relations', 'relations', 'fields', 'field_id', 'target_object_id'),
    (4, 'computed', 'fields', 'objects', 'object_id', null),
    -- What objects say of their fields.
    (5, 'references', 'objects', null, null, null),
    (6, 'rules', 'rules', 'objects', 'object_id', null),
    (7, 'indexes', 'indexes', 'objects', 'object_id', null),
    (8, 'views', 'views', 'objects', 'object_id', null),
    (9, 'viewFields', 'view_fields', 'views', 'view_id', 'field_id'),
    (10, 'roles', 'roles', null, null, null)
  union all
  select 11, p.part, p.table_name, 'roles', 'role_id', p.key_column from engine.role_parts() p
$$;

create or replace function engine.manifest_rows(manifest jsonb)
returns table (part text, identifier text, owner text, "values" jsonb)
language sql stable set search_path = ''
as $$
  with object as (
    select o.*, case when o.value ? 'extends' then (manifest ->> 'name') || ':' || o.name else o.universal_identifier end as prefix,
      'field:' || o.name || '.' as field
    from engine.manifest_object_names(manifest) o
  ), child as (
    select p.part, o.universal_identifier as owner, o.prefix, o.field, e.value, e.i,
      -- Of rules that have no identifier, the first of its kind over its field; then the second.
      concat_ws('.', e.value ->> 'kind', e.value ->> 'field', nullif(row_number() over (partition by p.part, o.universal_identifier, e.value ->> 'kind', e.value ->> 'field',
        e.value ? 'universalIdentifier' order by e.i), 1)) as rule_name
    from object o
    cross join (values ('rules'), ('indexes'), ('views')) p (part)
    cross join lateral jsonb_array_elements(coalesce(o.value -> p.part, '[]')) with ordinality e (value, i)
  ), named as (
    select c.*, coalesce(c.value ->> 'universalIdentifier', c.prefix || '.' || c.part || ':' || coalesce(c.value ->> 'name', c.rule_name)) as identifier from child c
  ), role as (
    select coalesce(e ->> 'universalIdentifier', (manifest ->> 'name') || ':role.' || (e ->> 'name')) as identifier, e as value
    from jsonb_array_elements(coalesce(manifest -> 'roles', '[]')) e where not coalesce((e ->> 'isSystem')::boolean, false)
  )
  select 'objects', o.universal_identifier, null, jsonb_build_object('name_singular', o.name_singular, 'name_plural', o.name_plural, 'label_singular', o.label_singular,
    'label_plural', o.label_plural, 'description', o.description, 'icon', o.icon, 'color', o.color, 'is_active', o.is_active, 'is_searchable', o.is_searchable,
    'is_audited', o.is_audited, 'position', o.position)
  from engine.manifest_objects(manifest) o
  union all
  select 'references', o.universal_identifier, null, jsonb_build_object('label_field_id', 'field:' || o.name_singular || '.' || o.label_field,
    'image_field_id', 'field:' || o.name_singular || '.' || o.image_field, 'duplicate_criteria', o.duplicate_criteria)
  from engine.manifest_objects(manifest) o
  union all
  select case when f.type in ('FORMULA', 'ROLLUP') then 'computed' else 'fields' end, f.universal_identifier, f.object_identifier,
    jsonb_build_object('name', f.name, 'label', f.label, 'description', f.description, 'icon', f.icon) || case when f.is_system then '{"is_system": true}' else
      jsonb_build_object('type', f.type, 'settings', f.settings, 'options', f.options, 'default_value', f.default_value, 'is_required', f.is_required,
        'required_from', f.required_from, 'is_unique', f.is_unique, 'is_active', f.is_active, 'position', f.position) end
  from engine.manifest_fields(manifest) f
  union all
  select 'relations', f.universal_identifier || '>' || (r ->> 'target'), f.universal_identifier, jsonb_build_object('target_object_id', 'object:' || (r ->> 'target'),
    'inverse_name', r -> 'inverseName', 'inverse_label', r -> 'inverseLabel', 'on_delete', coalesce(r ->> 'onDelete', 'SET_NULL'))
  from engine.manifest_fields(manifest) f cross join lateral jsonb_array_elements(f.relations) r
  union all
  select 'rules', n.identifier, n.owner, jsonb_build_object('field_id', n.field || (n.value ->> 'field'), 'kind', n.value -> 'kind', 'settings', coalesce(n.value -> 'settings', '{}'),
    'condition', n.value -> 'condition', 'message', coalesce(n.value ->> 'message', ''), 'applies_from', (n.value ->> 'appliesFrom')::timestamptz,
    'is_active', coalesce((n.value ->> 'isActive')::boolean, true), 'position', coalesce((n.value ->> 'position')::double precision, 0))
  from named n where n.part = 'rules'
  union all
  select 'indexes', n.identifier, n.owner, jsonb_build_object('name', n.value -> 'name', 'kind', coalesce(n.value ->> 'kind', 'BTREE'), 'condition', n.value -> 'condition',
    'parts', (select jsonb_agg(jsonb_strip_nulls(jsonb_build_object('fieldId', p -> 'fieldId', 'part', p -> 'part', 'descending', case when p -> 'descending' = 'true' then true end)) order by i)
      from jsonb_array_elements(n.value -> 'parts') with ordinality u (p, i)))
  from named n where n.part = 'indexes'
  union all
  select 'views', n.identifier, n.owner, jsonb_build_object('name', n.value -> 'name', 'icon', n.value -> 'icon', 'type', coalesce(n.value ->> 'type', 'TABLE'), 'filter', engine.manifest_filter(n.value -> 'filter'),
    'sorts', coalesce(n.value -> 'sorts', '[]'), 'group_field_id', n.field || (n.value ->> 'groupField'), 'position', coalesce((n.value ->> 'position')::double precision, 0))
  from named n where n.part = 'views'
  union all
  select 'viewFields', n.identifier || '>' || (c ->> 'field'), n.identifier, jsonb_build_object('field_id', n.field || (c ->> 'field'), 'width', c -> 'width',
    'is_visible', coalesce((c ->> 'isVisible')::boolean, true), 'is_pinned', coalesce((c ->> 'isPinned')::boolean, false), 'aggregate', c -> 'aggregate', 'position', coalesce((c ->> 'position')::double precision, u.i))
  from named n cross join lateral jsonb_array_elements(coalesce(n.value -> 'fields', '[]')) with ordinality u (c, i) where n.part = 'views'
  union all
  -- An application brings no role that changes settings.
  select 'roles', r.identifier, null, engine.role_row_values('metadata.roles', r.value) || '{"permissions": [], "has_all_permissions": false}' from role r
  union all
  select p.part, r.identifier || '>' || (v.value ->> p.key_column), r.identifier, v.value
  from role r cross join engine.role_parts() p
  cross join lateral jsonb_array_elements(coalesce(r.value -> p.part, '[]')) e
  cross join lateral (select engine.role_row_values(('metadata.' || p.table_name)::regclass, e) as value) v
$$;
comment on function engine.manifest_rows(jsonb) is 'What a manifest says, one row of the model each, with references by name: part, identifier, identifier of what it belongs to, values by column.';

-- The ids of what a manifest speaks of: {"field:truck.plate": id, …}. A name means what the manifest
-- itself brings first, then what is called so here, then what was.
create or replace function engine.manifest_names(workspace_id uuid, manifest jsonb) returns jsonb
language sql stable set search_path = ''
as $$
  with object as (
    select m.name, o.id from engine.manifest_object_names(manifest) m
    join metadata.objects o on o.workspace_id = manifest_names.workspace_id and o.universal_identifier = m.universal_identifier and o.deleted_at is null
  ), field as (
    select m.name as object_name, f.name, g.id
    from engine.manifest_fields(manifest) f
    join engine.manifest_object_names(manifest) m on m.universal_identifier = f.object_identifier
    join metadata.fields g on g.workspace_id = manifest_names.workspace_id and g.universal_identifier = f.universal_identifier and g.deleted_at is null
  ), target as (
    select 4 as rank, a.name, a.object_id as id from metadata.aliases a where a.workspace_id = manifest_names.workspace_id and a.kind = 'SINGULAR'
    union all
    select 3, split_part(o.universal_identifier, ':', 2), o.id from metadata.objects o where o.workspace_id = manifest_names.workspace_id and o.deleted_at is null
    union all
    select 2, o.name_singular, o.id from metadata.objects o where o.workspace_id = manifest_names.workspace_id and o.deleted_at is null
    union all
    select 1, o.name, o.id from object o
  ), name as (
    select t.rank, 'object:' || t.name as name, t.id from target t
    union all
    select t.rank * 3, 'field:' || t.name || '.' || a.name, a.field_id from target t join metadata.aliases a on a.object_id = t.id and a.field_id is not null
    union all
    select t.rank * 3 - 1, 'field:' || t.name || '.' || f.name, f.id from target t join metadata.fields f on f.object_id = t.id and f.deleted_at is null
    union all
    select t.rank * 3 - 1.5, 'field:' || t.name || '.' || substring(f.universal_identifier from '[^.]+$'), f.id
    from target t join metadata.fields f on f.object_id = t.id and f.deleted_at is null where t.rank > 1
    union all
    select 0, 'field:' || f.object_name || '.' || f.name, f.id from field f
    union all
    select 0, 'relation:' || f.object_name || '.' || f.name || '>' || t.name, r.id
    from field f join metadata.relations r on r.field_id = f.id and r.deleted_at is null join target t on t.id = r.target_object_id
  )
  select coalesce(jsonb_object_agg(n.name, n.id order by n.rank desc) filter (where n.name is not null), '{}') from name n
$$;
--! EndIncluded metadata/bundle.sql
--! Included metadata/revert.sql
-- Going back to an earlier version is a plan like any other: for each row that was touched since,
-- the change from what it is to what it was, in an order that works.

-- Rows that were touched since a version: as they were then, and as they are.
create or replace function engine.rows_since(workspace_id uuid, version bigint)
returns table (table_name text, id uuid, was jsonb, "is" jsonb, was_live boolean, is_live boolean)
language plpgsql stable set search_path = ''
as $$
declare
  v_tables text[] := '{objects,fields,relations,rules,indexes,roles}'::text[] || array(select p.table_name from engine.role_parts() p);
begin
  return query execute (
    select string_agg(format($sql$
      select t.table_name, t.row_id, t.was, to_jsonb(r), t.was is not null and t.was ->> 'deleted_at' is null, r.id is not null and to_jsonb(r) ->> 'deleted_at' is null
      from (
        select distinct on (c.row_id) c.table_name, c.row_id, c.before as was
        from metadata.model_changes c
        where c.workspace_id = $1 and c.version > $2 and c.table_name = %1$L
        -- What a trigger does to a new row is noted before the row itself.
        order by c.row_id, c.version, c.before is not null, c.seq
      ) t
      left join metadata.%1$I r on r.id = t.row_id
      where t.was is distinct from to_jsonb(r)$sql$, v), ' union all ')
    from unnest(v_tables) v) using rows_since.workspace_id, rows_since.version;
end
$$;

-- The values of a row that a change may write, by their names in the API.
create or replace function engine.writable_values(table_name text, "row" jsonb, privilege text, other jsonb default null) returns jsonb
language sql stable set search_path = ''
as $$
  select coalesce(jsonb_object_agg(engine.camel_case(c), "row" -> c), '{}')
  from unnest(engine.writable_columns(('metadata.' || quote_ident(table_name))::regclass, privilege)) c
  where other is null or "row" -> c is distinct from other -> c
$$;

create or replace function engine.revert_changes(workspace_id uuid, version bigint) returns jsonb
language sql stable set search_path = ''
as $$
  with changed as materialized (
    select * from engine.rows_since(workspace_id, version)
  ), since as materialized (
    -- What belonged to an object that was deleted then and has been dropped since was not there, either.
    select s.table_name, s.id, s.was, s."is", s.was_live and not exists (
        select from changed o where o.table_name = 'objects' and not o.was_live and o."is" is null
          and o.id = coalesce((s.was ->> 'object_id')::uuid, (select (f.was ->> 'object_id')::uuid from changed f
            where f.table_name = 'fields' and f.id = (s.was ->> 'field_id')::uuid))) as was_live, s.is_live
    from changed s
  ), row as materialized (
    -- What was made since and deleted with something that comes back would come back with it.
    select s.table_name, s.id, s.was, s."is", s.was_live, s.is_live or not s.was_live and exists (
        select from since o where o.was_live and not o.is_live and o."is" ->> 'deleted_at' = s."is" ->> 'deleted_at') as is_live
    from since s
  ), junction as materialized (
    select o.id from metadata.objects o where o.workspace_id = revert_changes.workspace_id and o.is_junction
    union
    select r.id from row r where r.table_name = 'objects' and (r.was ->> 'is_junction')::boolean
  ), junction_field as materialized (
    select f.id from metadata.fields f where f.object_id in (select j.id from junction j)
    union
    select r.id from row r where r.table_name = 'fields' and (r.was ->> 'object_id')::uuid in (select j.id from junction j)
  ), touched as materialized (
    select r.*, engine.camel_case(r.table_name) as part,
      coalesce(r.was, r."is") ->> 'type' as type,
      -- Names are unique within an object, those of objects within the workspace.
      case r.table_name when 'objects' then 'objects' when 'fields' then coalesce(r.was, r."is") ->> 'object_id' when 'relations' then coalesce(r.was, r."is") ->> 'target_object_id' end as namespace,
      array_remove(array[r.was ->> 'name', r.was ->> 'inverse_name', r.was ->> 'name_singular', r.was ->> 'name_plural'], null) as old_names,
      array_remove(array[r."is" ->> 'name', r."is" ->> 'inverse_name', r."is" ->> 'name_singular', r."is" ->> 'name_plural'], null) as new_names,
      row_number() over (order by r.id) as n
    from row r
    -- A junction and what makes it one come and go with the relation to many; fields that were added to it do not.
    where r.was_live = r.is_live or not (
      r.table_name = 'objects' and r.id in (select j.id from junction j)
      or r.table_name = 'fields' and r.id in (select f.id from junction_field f)
        and ((coalesce(r.was, r."is") ->> 'is_system')::boolean or coalesce(r.was, r."is") ->> 'type' = 'RELATION' and (coalesce(r.was, r."is") ->> 'is_required')::boolean or r."is" is null)
      or r.table_name = 'relations' and (coalesce(r.was, r."is") ->> 'field_id')::uuid in (select f.id from junction_field f)
      or r.table_name = 'rules' and (coalesce(r.was, r."is") ->> 'object_id')::uuid in (select j.id from junction j) and coalesce(r.was, r."is") ->> 'kind' = 'UNIQUE'
      -- A junction that was dropped is made anew with another id, without what had been added to it.
      or exists (select from row x join junction j on j.id = x.id where r."is" is null and x."is" is null and x.id = (r.was ->> 'object_id')::uuid))
  ), objects as materialized (
    select t.id, t.was_live, t.is_live from touched t where t.table_name = 'objects'
  ), steps (phase, part, id, change) as (
    -- What stands where something comes back steps aside first.
    select 10, t.part, t.id, jsonb_build_object('op', 'update', 'table', t.part, 'id', t.id, 'values', case t.table_name
        when 'objects' then jsonb_build_object('nameSingular', 'reverted' || t.n, 'namePlural', 'reverted' || t.n || 's')
        when 'relations' then jsonb_build_object('inverseName', 'reverted' || t.n) else jsonb_build_object('name', 'reverted' || t.n) end)
    from touched t
    where t.is_live and t.table_name in ('objects', 'fields', 'relations') and (not t.was_live or t.old_names <> t.new_names) and not coalesce((t."is" ->> 'is_system')::boolean, false)
      and exists (select from touched o where o.namespace = t.namespace and (o.table_name, o.id) <> (t.table_name, t.id) and o.was_live
        and (o.old_names && t.new_names or not o.is_live and o.new_names && t.new_names))
    union all
    select case when t.table_name = 'objects' then 20 when t.type = 'MANY_TO_MANY' then 21 when t.table_name = 'fields' then 22 else 23 end, t.part, t.id,
      jsonb_build_object('op', 'restore', 'table', t.part, 'id', t.id)
    from touched t where t.was_live and not t.is_live and t."is" is not null
    union all
    -- What was dropped for good is made anew, empty.
    select 31, t.part, t.id, jsonb_build_object('op', 'createField', 'id', t.id, 'objectId', t.was -> 'object_id', 'label', t.was -> 'label', 'name', t.was -> 'name', 'icon', t.was -> 'icon',
        'type', 'MANY_TO_MANY', 'targetObjectId', p.was -> 'object_id', 'inverseLabel', p.was -> 'label', 'inverseName', p.was -> 'name')
    from touched t
    cross join lateral (
      select f.was from touched f where f.type = 'MANY_TO_MANY' and f.id > t.id and f."is" is null
        and exists (select from metadata.model_changes a join metadata.model_changes b on b.workspace_id = a.workspace_id and b.table_name = 'fields'
          where a.workspace_id = revert_changes.workspace_id and a.table_name = 'fields' and a.row_id = (t.was ->> 'junction_field_id')::uuid and b.row_id = (f.was ->> 'junction_field_id')::uuid
            and coalesce(a.after, a.before) ->> 'object_id' = coalesce(b.after, b.before) ->> 'object_id')
      limit 1
    ) p
    where t.was_live and t."is" is null and t.type = 'MANY_TO_MANY'
    union all
    select case when t.table_name = 'objects' then 30 when t.type in ('FORMULA', 'ROLLUP') then 33 when t.table_name = 'fields' then 31 when t.table_name = 'relations' then 32
        when t.table_name in (select p.table_name from engine.role_parts() p) then 35 else 34 end, t.part, t.id,
      jsonb_build_object('op', 'insert', 'table', t.part, 'id', t.id, 'values',
        engine.writable_values(t.table_name, t.was, 'insert') - '{labelFieldId,imageFieldId,duplicateCriteria}'::text[])
    from touched t
    where t.was_live and t."is" is null and t.type is distinct from 'MANY_TO_MANY' and not coalesce((t.was ->> 'is_system')::boolean and t.table_name = 'fields', false)
      -- A member field makes its relation itself.
      and not (t.table_name = 'relations' and exists (select from touched f where f.id = (t.was ->> 'field_id')::uuid and f.type = 'MEMBER' and f."is" is null))
    union all
    -- Names before what speaks of them.
    select case t.table_name when 'objects' then 40 when 'fields' then 41 else 42 end, t.part, t.id, jsonb_build_object('op', 'update', 'table', t.part, 'id', t.id, 'values', v.value)
    from touched t
    cross join lateral (
      select jsonb_object_agg(e.key, e.value) as value from jsonb_each(engine.writable_values(t.table_name, t.was, 'update')) e
      where e.key in ('name', 'nameSingular', 'namePlural', 'inverseName')) v
    where t.was_live and t."is" is not null and t.old_names <> t.new_names and t.table_name in ('objects', 'fields', 'relations')
    union all
    select case t.table_name when 'fields' then case when t.type in ('FORMULA', 'ROLLUP') then 44 else 43 end when 'objects' then 45 when 'relations' then 42
        when 'rules' then 46 when 'indexes' then 47 else 49 end, t.part, t.id, jsonb_build_object('op', 'update', 'table', t.part, 'id', t.id, 'values', v.value)
    from touched t
    cross join lateral (
      select case when t."is" is null
          then (select coalesce(jsonb_object_agg(e.key, e.value), '{}') from jsonb_each(engine.writable_values(t.table_name, t.was, 'update')) e
            where t.table_name = 'objects' and e.key in ('labelFieldId', 'imageFieldId', 'duplicateCriteria') and e.value <> 'null')
          else engine.writable_values(t.table_name, t.was, 'update', t."is") - '{name,nameSingular,namePlural,inverseName}'::text[]
            -- The settings of a type belong to it.
            || case when t.table_name = 'fields' and t.was -> 'type' <> t."is" -> 'type'
              then jsonb_build_object('type', t.was -> 'type', 'settings', t.was -> 'settings', 'options', t.was -> 'options', 'defaultValue', t.was -> 'default_value') else '{}' end
        end as value) v
    where t.was_live and v.value <> '{}'
    union all
    select case t.table_name when 'indexes' then 62 when 'rules' then 63
        when 'fields' then case when t.type in ('FORMULA', 'ROLLUP') then 64 when t.type = 'MANY_TO_MANY' then 65 else 66 end when 'relations' then 67 when 'objects' then 68 when 'roles' then 69 else 60 end,
      t.part, t.id, jsonb_build_object('op', 'delete', 'table', t.part, 'id', t.id)
    from touched t
    where t.is_live and not t.was_live
      and not (t.table_name = 'fields' and (
        (t."is" ->> 'is_system')::boolean or exists (select from objects o where o.id = (t."is" ->> 'object_id')::uuid and not o.was_live and t.type not in ('FORMULA', 'ROLLUP', 'MANY_TO_MANY'))
        -- Both ends of a relation to many go with one.
        or t.type = 'MANY_TO_MANY' and exists (select from touched m join metadata.fields a on a.id = (m."is" ->> 'junction_field_id')::uuid
          join metadata.fields b on b.id = (t."is" ->> 'junction_field_id')::uuid and b.object_id = a.object_id where m.id < t.id and m.type = 'MANY_TO_MANY' and m.is_live and not m.was_live)))
      and not (t.table_name = 'relations' and not exists (select from metadata.fields f left join touched g on g.id = f.id where f.id = (t."is" ->> 'field_id')::uuid and coalesce(g.was_live, true)))
      -- What a role may do goes with it.
      and not (t."is" ? 'role_id' and exists (select from touched v where v.id = (t."is" ->> 'role_id')::uuid and not v.was_live))
  )
  select coalesce(jsonb_agg(s.change order by s.phase, s.part, (s.change #>> '{values,position}')::double precision, s.id), '[]') from steps s
$$;

create or replace function metadata.plan_revert(workspace_id uuid, version bigint) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform engine.assert_manages(workspace_id);
  if not exists (select from metadata.model_versions v where v.workspace_id = plan_revert.workspace_id and v.version = plan_revert.version) then
    raise exception 'The history knows no version %.', version using errcode = 'RV066', column = 'version',
      hint = 'metadata.model_history() lists them.';
  end if;
  return metadata.plan_changes(workspace_id, engine.revert_changes(workspace_id, version));
end
$$;
comment on function metadata.plan_revert(uuid, bigint) is
  'What it takes to bring the model back to a version: a plan whose changes apply_changes makes. What was deleted since is restored; what was dropped for good comes back empty.';
grant execute on function metadata.plan_revert(uuid, bigint) to relvar_crm;
--! EndIncluded metadata/revert.sql
--! Included metadata/uninstall.sql
-- What an application has brought and brings no longer: dropped, unless the workspace has made it its own.

-- Rules, indexes, views, rights and roles that the application no longer brings. What people changed
-- is theirs from then on, unless the whole application goes.
create or replace function engine.drop_rows(workspace_id uuid, is_uninstall boolean) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_warnings jsonb := '[]';
  v_owner uuid;
  v_row jsonb;
  v_base jsonb;
  v_part engine.bundle_part;
  v_is_kept boolean;
  r record;
begin
  for r in
    select * from pg_temp.relvar_bundle d
    where d.wanted is null and (d.phase >= 6 or (d.b).part = 'relations' and exists (
      select from pg_temp.relvar_bundle f where f.identifier = d.owner and (f.b).table_name = 'fields' and f.wanted ->> 'type' = 'MORPH_RELATION'))
    order by d.phase desc, d.identifier
  loop
    v_part := r.b;
    v_owner := engine.bundle_owner(workspace_id, v_part.owner_table, r.owner);
    continue when v_part.owner_table is not null and v_owner is null;
    v_row := engine.bundle_row(workspace_id, v_part.table_name, v_part.owner_column, v_part.key_column, r.identifier, v_owner, r.base);
    continue when v_row is null;
    v_base := engine.with_formulas(r.base, coalesce(r.formulas, '{}'));
    v_is_kept := not is_uninstall and (
      exists (select from jsonb_each(v_base) e where e.value is distinct from v_row -> e.key)
      -- Something of somebody's is in it still.
      or v_part.part = 'views' and exists (select from metadata.view_fields c where c.view_id = (v_row ->> 'id')::uuid)
      or v_part.part = 'roles' and (engine.role_holders((v_row ->> 'id')::uuid) <> '{}' or exists (select from metadata.object_permissions p where p.role_id = (v_row ->> 'id')::uuid)));
    if not v_is_kept then
      execute format('delete from metadata.%I t where t.id = $1', v_part.table_name) using (v_row ->> 'id')::uuid;
      continue;
    end if;
    if v_part.key_column is null then
      execute format('update metadata.%I t set application_id = null, universal_identifier = null where t.id = $1', v_part.table_name) using (v_row ->> 'id')::uuid;
    end if;
    v_warnings := v_warnings || engine.kept_as_own(v_part.table_name, v_row);
  end loop;
  return v_warnings;
end
$$;

create or replace function engine.kept_as_own(table_name text, "row" jsonb) returns jsonb
language sql stable set search_path = ''
  return engine.bundle_warning('KEPT_AS_OWN', format('The application gives up %s, which was changed here or is in use; it stays, as your own.', engine.row_in_words(table_name, "row")));

-- Objects and fields go to where they can be restored from; what the workspace uses or changed becomes its own.
create or replace function engine.drop_things(workspace_id uuid, application_id uuid, old_manifest jsonb, new_manifest jsonb, is_uninstall boolean) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_warnings jsonb := '[]';
  r record;
begin
  for r in
    select to_jsonb(f) as "row", f.id, exists (select from engine.uses(drop_things.workspace_id, 'field', f.id) u
        where u.is_blocking or u.user_kind = 'view' and not is_uninstall)
      or not is_uninstall and exists (select from pg_temp.relvar_bundle b cross join lateral jsonb_each(engine.with_formulas(b.base, coalesce(b.formulas, '{}'))) e
        where b.identifier = p.universal_identifier and (b.b).table_name = 'fields' and e.key <> 'settings' and e.value is distinct from to_jsonb(f) -> e.key) as is_kept
    from engine.manifest_fields(old_manifest) p
    join metadata.fields f on f.workspace_id = drop_things.workspace_id and f.universal_identifier = p.universal_identifier and f.deleted_at is null
    where not exists (select from engine.manifest_fields(new_manifest) n where n.universal_identifier = p.universal_identifier)
      and exists (select from engine.manifest_objects(new_manifest) o where o.universal_identifier = p.object_identifier
        union all select from metadata.objects o where o.id = f.object_id and o.application_id is distinct from drop_things.application_id)
    order by p.type in ('FORMULA', 'ROLLUP') desc
  loop
    update metadata.fields f set application_id = null, universal_identifier = null,
      deleted_at = case when not r.is_kept then clock_timestamp() end, deleted_by_name = case when not r.is_kept then (engine.current_actor()).name end
    where f.id = r.id;
    v_warnings := v_warnings || case when r.is_kept then engine.kept_as_own('fields', r."row") else '[]' end;
  end loop;
  for r in
    select to_jsonb(o) as "row", o.id, exists (select from engine.uses(drop_things.workspace_id, 'object', o.id) u where u.is_blocking)
      or exists (select from metadata.fields f where f.object_id = o.id and not f.is_system and f.deleted_at is null and f.application_id is distinct from drop_things.application_id) as is_kept
    from engine.manifest_objects(old_manifest) p
    join metadata.objects o on o.workspace_id = drop_things.workspace_id and o.universal_identifier = p.universal_identifier and o.deleted_at is null
    where not exists (select from engine.manifest_objects(new_manifest) n where n.universal_identifier = p.universal_identifier)
  loop
    update metadata.fields f set application_id = null, universal_identifier = null where f.object_id = r.id and f.application_id = drop_things.application_id;
    update metadata.objects o set application_id = null, universal_identifier = null,
      deleted_at = case when not r.is_kept then clock_timestamp() end, deleted_by_name = case when not r.is_kept then (engine.current_actor()).name end
    where o.id = r.id;
    v_warnings := v_warnings || case when r.is_kept then engine.kept_as_own('objects', r."row") else '[]' end;
  end loop;
  return v_warnings;
end
$$;

-- What people built on an application is not pulled down with it.
create or replace function metadata.uninstall_application(workspace_id uuid, name text) returns boolean
language plpgsql volatile security definer set search_path = '' set jit = off
as $$
declare
  v_application metadata.applications;
  v_users text[];
  v_nothing jsonb := jsonb_build_object('name', name, 'objects', '[]'::jsonb);
begin
  perform engine.assert_manages(workspace_id, 'APPLICATIONS');
  select a.* into v_application from metadata.applications a where a.workspace_id = uninstall_application.workspace_id and a.name = uninstall_application.name for update;
  if not found then
    raise exception 'The application "%" is not installed.', name using errcode = 'RV063', column = 'name';
  end if;
  if v_application.manifest @> '{"name": "standard"}' then
    raise exception 'The standard objects cannot be uninstalled.' using errcode = 'RV007', column = 'name', hint = 'Deactivate those that you do not need.';
  end if;
  v_users := array(
    select format('the field "%s" of %s', f.label, o.label_plural) from metadata.fields f join metadata.objects o on o.id = f.object_id
    where o.application_id = v_application.id and o.deleted_at is null and f.deleted_at is null and not f.is_system and f.application_id is distinct from v_application.id
      and f.type <> 'MANY_TO_MANY'
    union
    select format('the %s "%s" of %s', u.user_kind, u.label, u.object_label)
    from metadata.fields f cross join lateral engine.uses(uninstall_application.workspace_id, 'field', f.id) u
    where f.application_id = v_application.id and f.deleted_at is null and u.is_blocking and u.user_kind <> 'object'
      and not exists (select from metadata.fields x where x.id = u.user_id and x.application_id = v_application.id)
      and not exists (select from metadata.rules x where x.id = u.user_id and x.application_id = v_application.id)
      and not exists (select from metadata.indexes x where x.id = u.user_id and x.application_id = v_application.id)
      and not exists (select from metadata.views x where x.id = u.user_id and x.application_id = v_application.id));
  if v_users <> '{}' then
    raise exception 'The application "%" cannot be uninstalled: % was built on it.', name, v_users[1] || case when cardinality(v_users) > 1 then format(' (and %s more)', cardinality(v_users) - 1) else '' end
      using errcode = 'RV068', column = 'name', detail = array_to_string(v_users, E'\n'), hint = 'Delete or change these first.';
  end if;
  perform engine.assert_role_unheld(r) from metadata.roles r where r.workspace_id = uninstall_application.workspace_id and r.application_id = v_application.id order by r.name;
  perform engine.read_bundle(workspace_id, v_application.manifest, v_nothing), engine.drop_rows(workspace_id, true),
    engine.drop_things(workspace_id, v_application.id, v_application.manifest, v_nothing, true);
  drop table pg_temp.relvar_bundle;
  -- Nothing belongs to it any more but what was deleted here before.
  update metadata.fields f set application_id = null, universal_identifier = null where f.workspace_id = uninstall_application.workspace_id and f.application_id = v_application.id;
  update metadata.objects o set application_id = null, universal_identifier = null where o.workspace_id = uninstall_application.workspace_id and o.application_id = v_application.id;
  delete from metadata.applications a where a.id = v_application.id;
  return true;
end
$$;
comment on function metadata.uninstall_application(uuid, text) is
  'Takes an application out: its objects and fields are deleted, and can be restored until the grace period ends. Refused while something was built on them, with the list.';
grant execute on function metadata.uninstall_application(uuid, text) to relvar_crm;
--! EndIncluded metadata/uninstall.sql
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

--! Included engine/jobs/turns.sql
-- Whose job is next. graphile-worker takes what is due by priority and then by time, so that whoever adds 50,000 jobs has
-- all others wait for them. Here what waits longer than a moment is given a turn instead: its time becomes a place in a line
-- where every workspace advances by what its jobs take (start-time fair queueing), and graphile-worker goes on to take the
-- first of the line as it always does, by its own index. Places are microseconds from the year 2000 on, so that whatever
-- has a turn comes before what has none yet. Nothing depends on it: without turns jobs are done in the order they came.

-- A job that works for a workspace names it in its payload.
create or replace function engine.job_workspace(payload json) returns uuid
language sql immutable parallel safe
  return case
    when json_typeof(payload) = 'object' and payload ->> 'workspace_id' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then (payload ->> 'workspace_id')::uuid
    when json_typeof(payload) = 'array' and payload -> 0 ->> 'workspace_id' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then (payload -> 0 ->> 'workspace_id')::uuid end;

-- Times before this one are turns.
create or replace function engine.turns_end() returns timestamptz
language sql immutable parallel safe
  return '2010-01-01 00:00:00+00'::timestamptz;

create or replace function engine.give_turns(max_jobs int default 1000) returns int
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_origin constant timestamptz := '2000-01-01 00:00:00+00';
  -- What an idle worker takes at once needs no turn.
  v_due constant timestamptz := clock_timestamp() - interval '200 milliseconds';
  v_priority smallint;
  v_head bigint;
  v_given int;
  v_count int := 0;
begin
  if not pg_try_advisory_xact_lock(hashtextextended('relvar.turns', 0)) then
    return 0;
  end if;
  -- Each priority has a line of its own. One look at the index for each.
  for v_priority in
    with recursive lines (priority) as (
      (select j.priority from graphile_worker._private_jobs j where j.is_available order by j.priority limit 1)
      union all
      select (select j.priority from graphile_worker._private_jobs j where j.is_available and j.priority > l.priority order by j.priority limit 1)
      from lines l where l.priority is not null
    )
    select l.priority from lines l where l.priority is not null
  loop
    select extract(epoch from j.run_at - v_origin) * 1000000 into v_head from graphile_worker._private_jobs j
    where j.is_available and j.priority = v_priority and j.run_at < engine.turns_end()
    order by j.run_at limit 1;
    if v_head is null then
      delete from engine.job_turns t where t.priority = v_priority;
    end if;
    with oldest as materialized (
      select j.id, j.task_id, j.run_at, coalesce(engine.job_workspace(j.payload), '00000000-0000-0000-0000-000000000000') as workspace_id
      from graphile_worker._private_jobs j
      where j.is_available and j.priority = v_priority and j.run_at >= engine.turns_end() and j.run_at <= v_due
      order by j.run_at limit max_jobs for update skip locked
    ), newest as materialized (
      -- Whoever comes while many wait for their turns does not wait for those.
      select j.id, j.task_id, j.run_at, coalesce(engine.job_workspace(j.payload), '00000000-0000-0000-0000-000000000000') as workspace_id
      from graphile_worker._private_jobs j
      where j.is_available and j.priority = v_priority and j.run_at >= engine.turns_end() and j.run_at <= v_due
        and (select count(*) from oldest) = max_jobs
      order by j.run_at desc limit max_jobs / 4 for update skip locked
    ), waiting as (
      select o.* from oldest o
      union all
      select n.* from newest n where not exists (select from oldest o where o.workspace_id = n.workspace_id)
    ), costs as (
      -- What such a job of this workspace took of late, in milliseconds: long ones use up more of a share.
      select k.task_id, k.workspace_id, least(greatest(coalesce(sum(c.milliseconds) / nullif(sum(c.succeeded + c.failed), 0), 1), 1), 60000)::bigint as cost
      from (select distinct w.task_id, w.workspace_id from waiting w) k
      join graphile_worker._private_tasks t on t.id = k.task_id
      left join engine.job_counts c on c.hour >= date_trunc('hour', now()) - interval '1 hour' and c.task = t.identifier and c.workspace_id = k.workspace_id
      group by 1, 2
    ), placed as (
      select w.id, w.workspace_id, c.cost,
        greatest(coalesce(t.position, 0), coalesce(v_head, 0)) + sum(c.cost) over (partition by w.workspace_id order by w.run_at, w.id) - c.cost as position
      from waiting w
      join costs c on c.task_id = w.task_id and c.workspace_id = w.workspace_id
      left join engine.job_turns t on t.priority = v_priority and t.workspace_id = w.workspace_id
    ), remembered as (
      insert into engine.job_turns as t (priority, workspace_id, position)
      select v_priority, p.workspace_id, max(p.position + p.cost) from placed p group by p.workspace_id
      on conflict (priority, workspace_id) do update set position = excluded.position
    )
    update graphile_worker._private_jobs j set run_at = v_origin + p.position * interval '1 microsecond'
    from placed p where j.id = p.id;
    get diagnostics v_given = row_count;
    v_count := v_count + v_given;
  end loop;
  if v_count > 0 then
    -- A worker that looked while these were held has not seen them.
    perform pg_notify('jobs:insert', json_build_object('r', random()::text, 'count', v_count)::text);
  end if;
  return v_count;
end
$$;
comment on function engine.give_turns(int) is 'Gives up to max_jobs waiting jobs of each priority a turn, workspace by workspace. Returns how many; 0 when none waits without one.';

grant execute on function engine.give_turns(int) to relvar_worker;
--! EndIncluded engine/jobs/turns.sql
--! Included engine/jobs/counts.sql
-- What became of jobs: counted by the hour, since a job that was done is gone. What was given up stays in the queue, with
-- its payload and its error, until somebody tries it again or dismisses it, or 90 days have passed.

create or replace function engine.note_jobs(counts jsonb) returns void
language sql volatile security definer set search_path = ''
as $$
  insert into engine.job_counts as c (hour, task, workspace_id, succeeded, failed, given_up, milliseconds, longest)
  select date_trunc('hour', now()), n.task, coalesce(n.workspace_id, '00000000-0000-0000-0000-000000000000'), n.succeeded, n.failed, n.given_up, n.milliseconds, n.longest
  from jsonb_to_recordset(note_jobs.counts) as n (task text, workspace_id uuid, succeeded bigint, failed bigint, given_up bigint, milliseconds bigint, longest bigint)
  order by n.task, n.workspace_id
  on conflict (hour, task, workspace_id) do update set succeeded = c.succeeded + excluded.succeeded, failed = c.failed + excluded.failed,
    given_up = c.given_up + excluded.given_up, milliseconds = c.milliseconds + excluded.milliseconds, longest = greatest(c.longest, excluded.longest)
$$;
comment on function engine.note_jobs(jsonb) is 'Adds what a worker did since it last said so: [{task, workspace_id, succeeded, failed, given_up, milliseconds, longest}].';

-- A worker that stops gives back what it could not end: another begins it anew, and it has lost no attempt.
create or replace function engine.give_back_jobs(ids bigint[], reason text) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_count int;
begin
  update graphile_worker._private_jobs j
  set attempts = greatest(j.attempts - 1, 0), run_at = now(), last_error = null, locked_by = null, locked_at = null, updated_at = now()
  where j.id = any (give_back_jobs.ids) and j.locked_at is null and j.last_error = give_back_jobs.reason;
  get diagnostics v_count = row_count;
  if v_count > 0 then
    perform pg_notify('jobs:insert', json_build_object('r', random()::text, 'count', v_count)::text);
  end if;
  return v_count;
end
$$;
comment on function engine.give_back_jobs(bigint[], text) is 'Has jobs that a worker ended for the given reason, because it stops, done by another from the beginning.';

-- When recurring jobs come next. The schedule itself is a file of the worker.
create or replace function engine.note_recurring_jobs(jobs jsonb) returns void
language sql volatile security definer set search_path = ''
as $$
  insert into engine.recurring_jobs as r (name, task, schedule, next_at, noted_at)
  select n.name, n.task, n.schedule, n.next_at, now()
  from jsonb_to_recordset(note_recurring_jobs.jobs) as n (name text, task text, schedule text, next_at timestamptz)
  order by n.name
  on conflict (name) do update set task = excluded.task, schedule = excluded.schedule, next_at = excluded.next_at, noted_at = excluded.noted_at;
  delete from engine.recurring_jobs r where r.noted_at < now() - interval '1 day'
$$;

-- Each night.
create or replace function engine.prune_jobs() returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_count int;
begin
  delete from graphile_worker._private_jobs j
  where j.attempts >= j.max_attempts and j.locked_at is null and j.updated_at < now() - interval '90 days';
  get diagnostics v_count = row_count;
  -- Totals never shrink: what is too old to be told by the hour is told as a whole.
  with old as (
    delete from engine.job_counts c where c.hour < now() - interval '30 days' and c.hour > '-infinity' returning c.*
  )
  insert into engine.job_counts as c (hour, task, workspace_id, succeeded, failed, given_up, milliseconds, longest)
  select '-infinity', o.task, o.workspace_id, sum(o.succeeded), sum(o.failed), sum(o.given_up), sum(o.milliseconds), max(o.longest)
  from old o group by o.task, o.workspace_id
  on conflict (hour, task, workspace_id) do update set succeeded = c.succeeded + excluded.succeeded, failed = c.failed + excluded.failed,
    given_up = c.given_up + excluded.given_up, milliseconds = c.milliseconds + excluded.milliseconds, longest = greatest(c.longest, excluded.longest);
  delete from engine.heartbeats h where h.seen_at < now() - interval '1 day' and h.name <> 'relay';
  return v_count;
end
$$;
comment on function engine.prune_jobs() is 'Forgets jobs that were given up 90 days ago and workers that are long gone, and sums up counts older than 30 days. Returns how many jobs.';

grant execute on function engine.note_jobs(jsonb), engine.give_back_jobs(bigint[], text), engine.note_recurring_jobs(jsonb), engine.prune_jobs() to relvar_worker;
--! EndIncluded engine/jobs/counts.sql
-- Times in mails are those of the reader, who hears of every change of a sign-in.
-- Times in mails are those of the reader.
drop function core.mail_to_send(uuid);
--! Included core/mail.sql
-- Mail leaves by the outbox: whoever has something to say writes a row, and a job of the worker writes
-- and sends the letter. So a mail is committed together with what it tells of, or neither is.

create or replace function core.is_email(address text) returns boolean
language sql immutable parallel safe set search_path = ''
  -- Stricter than what mail permits: nothing that a header or a list of addresses could be made of.
  return address ~ '^[^@\s[:cntrl:]<>()\[\],;:"\\]+@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$' and length(address) <= 254;

create or replace function core.queue_mail(to_address text, template text, props jsonb default '{}', workspace_id uuid default null, locale text default 'en') returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_id uuid;
begin
  if core.is_email(to_address) is not true then
    raise exception '"%" is not an e-mail address.', to_address using errcode = 'RV043', column = 'email';
  end if;
  insert into core.mail_outbox (to_address, template, props, workspace_id, locale)
  values (queue_mail.to_address, queue_mail.template, queue_mail.props, queue_mail.workspace_id, coalesce(queue_mail.locale, 'en'))
  returning id into v_id;
  -- Mails come at the pace of people, so the lock that adding a job takes at commit is no matter.
  perform graphile_worker.add_job('mail__send', json_build_object('id', v_id, 'workspace_id', queue_mail.workspace_id), max_attempts => 10, job_key => 'mail:' || v_id);
  return v_id;
end
$$;
comment on function core.queue_mail(text, text, jsonb, uuid, text) is
  'Has the worker send a mail made of a template (worker/mail/templates.ts) and its props. It leaves only if the transaction commits.';

-- The time zone of whoever reads a mail: that of their profile in the workspace that it is about, or else in the one that they
-- used last. Null where nobody has said one. `former` finds who has another address by now.
create or replace function core.time_zone_of_reader(to_address text, former text, workspace_id uuid) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_member record;
  v_zone text;
begin
  for v_member in
    select m.id, w.schema_name
    from core.users u join core.members m on m.user_id = u.id and m.is_active join core.workspaces w on w.id = m.workspace_id
    where lower(u.email) in (lower(time_zone_of_reader.to_address), lower(time_zone_of_reader.former))
    order by (m.workspace_id = time_zone_of_reader.workspace_id) is true desc,
      (select max(s.last_used_at) from core.sessions s where s.user_id = u.id and s.workspace_id = m.workspace_id and s.impersonator_user_id is null) desc nulls last
  loop
    execute format('select nullif(t.time_zone, ''system'') from %I.workspace_members t where t.id = $1', v_member.schema_name) into v_zone using v_member.id;
    if v_zone is not null then
      return v_zone;
    end if;
  end loop;
  return null;
exception when undefined_table or undefined_column then
  -- A workspace whose model is being changed at this moment is no reason to keep a mail back.
  return null;
end
$$;

create or replace function core.mail_to_send(id uuid)
returns table (to_address text, template text, props jsonb, locale text, workspace_name text, workspace_slug text, time_zone text)
language sql stable security definer set search_path = ''
as $$
  select m.to_address, m.template, m.props, m.locale, w.name, w.slug, core.time_zone_of_reader(m.to_address, m.props ->> 'email', m.workspace_id)
  from core.mail_outbox m left join core.workspaces w on w.id = m.workspace_id
  where m.id = mail_to_send.id and m.sent_at is null and m.kept_at is null and m.failed_at is null
$$;

-- A letter that was sent or given up is not needed any more, and it may hold a link that signs somebody in.
create or replace function core.note_mail_sent(id uuid, subject text) returns void
language sql volatile security definer set search_path = ''
as $$
  update core.mail_outbox m set sent_at = now(), attempts = m.attempts + 1, subject = note_mail_sent.subject, props = '{}', error = null
  where m.id = note_mail_sent.id
$$;

create or replace function core.note_mail_kept(id uuid, subject text, html text, body_text text) returns void
language sql volatile security definer set search_path = ''
as $$
  update core.mail_outbox m set kept_at = now(), subject = note_mail_kept.subject, html = note_mail_kept.html, body_text = note_mail_kept.body_text, props = '{}'
  where m.id = note_mail_kept.id
$$;

create or replace function core.note_mail_failure(id uuid, error text, is_final boolean) returns void
language sql volatile security definer set search_path = ''
as $$
  update core.mail_outbox m set attempts = m.attempts + 1, error = note_mail_failure.error,
    failed_at = case when is_final then now() end, props = case when is_final then '{}' else m.props end
  where m.id = note_mail_failure.id and m.sent_at is null
$$;

create or replace function core.purge_mail() returns int
language sql volatile security definer set search_path = ''
as $$
  with gone as (delete from core.mail_outbox m where m.queued_at < now() - interval '30 days' returning 1)
  select count(*)::int from gone
$$;

grant execute on function core.mail_to_send(uuid), core.note_mail_sent(uuid, text), core.note_mail_kept(uuid, text, text, text),
  core.note_mail_failure(uuid, text, boolean), core.purge_mail() to relvar_worker;

-- For the page that shows what was kept, which only a server in development has.
create or replace function core.kept_mail(max_mails int default 100) returns table (id uuid, to_address text, template text, subject text, html text, body_text text, queued_at timestamptz, kept_at timestamptz, error text)
language sql stable security definer set search_path = ''
as $$
  select m.id, m.to_address, m.template, m.subject, m.html, m.body_text, m.queued_at, m.kept_at, m.error
  from core.mail_outbox m order by m.queued_at desc, m.id desc limit max_mails
$$;
grant execute on function core.kept_mail(int) to relvar_server;
--! EndIncluded core/mail.sql
-- Nobody acts, at the address of one workspace, as a member of another.
drop function core.begin_impersonation(uuid, uuid, text, int, bytea, inet, text);
--! Included core/impersonation.sql
-- Acting as a member, to see what the member sees and help. Only where the workspace allows it, for an hour at most, with a
-- reason, in sight of the member; by administrators of the instance, and by roles with the permission as members who may
-- not do more than they could let anybody do. All of it is asked again whenever the session is looked up.

create or replace function core.may_impersonate(impersonator_user_id uuid, member_id uuid) returns boolean
language sql stable security definer set search_path = ''
as $$
  select exists (
    select from core.members t
    join core.users tu on tu.id = t.user_id and tu.disabled_at is null
    join core.workspace_settings s on s.workspace_id = t.workspace_id and s.allows_impersonation
    join core.users i on i.id = may_impersonate.impersonator_user_id and i.disabled_at is null
    where t.id = may_impersonate.member_id and t.is_active and t.user_id <> i.id
      and (i.is_instance_admin or not tu.is_instance_admin and exists (
        select from core.members m join metadata.roles r on r.id = m.role_id
        where m.user_id = i.id and m.workspace_id = t.workspace_id and m.is_active and engine.role_may(r.pg_role, 'IMPERSONATE')
          -- Who keeps the roles could give anybody anything.
          and (engine.role_may(r.pg_role, 'ROLES') or t.role_id in (select engine.role_closure(r.id))))))
$$;
comment on function core.may_impersonate(uuid, uuid) is 'Whether a user may act as a member, as things are now.';

-- From the session of who begins it, which is gone back to. The second factor that was proved there counts here.
-- stays_in: the only workspace of the address that it is begun at, where each has an address of its own.
create or replace function core.begin_impersonation(from_session_id uuid, member_id uuid, reason text, minutes int, token_hash bytea, ip inet default null, user_agent text default null,
  stays_in uuid default null) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_from core.sessions;
  v_member core.members;
  v_until timestamptz := now() + make_interval(mins => minutes);
  v_name text;
  v_id uuid;
begin
  select * into v_from from core.sessions s where s.id = begin_impersonation.from_session_id and s.revoked_at is null and s.expires_at > now();
  select * into v_member from core.members m where m.id = begin_impersonation.member_id;
  if v_from.id is null or v_from.impersonator_user_id is not null then
    raise exception 'Nobody acts as somebody else on behalf of a third.' using errcode = 'RV155', hint = 'Return to yourself first.';
  end if;
  -- A session that the provider of a workspace began is for that workspace, whoever it says to be.
  if v_member.id is null or not core.may_impersonate(v_from.user_id, v_member.id)
    or v_from.provider_id is not null and v_from.workspace_id <> v_member.workspace_id then
    raise exception 'You cannot act as this member.' using errcode = 'RV155', column = 'member',
      hint = 'The workspace must allow it, your role needs the permission, and the member must not be able to do more than you.';
  end if;
  -- The browser would keep the cookies of the other workspace for this address, and lose its own.
  if v_member.workspace_id <> begin_impersonation.stays_in then
    raise exception 'This member is of another workspace, which has an address of its own.' using errcode = 'RV181', column = 'member',
      hint = 'Sign in at the address of that workspace, and act as its members there.';
  end if;
  -- Somebody of another workspace proved no more than that one asks.
  if v_member.workspace_id <> v_from.workspace_id and v_from.mfa_at is null
    and (select s.is_mfa_enforced from core.workspace_settings s where s.workspace_id = v_member.workspace_id) then
    raise exception 'This workspace wants a second factor.' using errcode = 'RV155', column = 'member', hint = 'Sign in with your second factor, then try again.';
  end if;
  if length(btrim(coalesce(reason, ''))) not between 5 and 500 then
    raise exception 'Say why you act as somebody else.' using errcode = 'RV156', column = 'reason', hint = 'In 5 to 500 letters. The member is told.';
  end if;
  if minutes is null or minutes not between 1 and 60 then
    raise exception 'One acts as somebody else for 1 to 60 minutes.' using errcode = 'RV157', column = 'minutes';
  end if;
  insert into core.sessions (user_id, workspace_id, method, ip, user_agent, expires_at, mfa_at, impersonator_user_id, impersonation_reason, from_session_id)
  values (v_member.user_id, v_member.workspace_id, 'IMPERSONATION', begin_impersonation.ip, left(begin_impersonation.user_agent, 500), v_until, v_from.mfa_at,
    v_from.user_id, btrim(reason), v_from.id)
  returning id into v_id;
  insert into core.refresh_tokens (token_hash, session_id, expires_at) values (begin_impersonation.token_hash, v_id, v_until);
  select coalesce(nullif(u.name, ''), u.email) into v_name from core.users u where u.id = v_from.user_id;
  perform core.note_auth_event('IMPERSONATION_BEGUN', v_member.workspace_id, v_member.user_id, null, begin_impersonation.ip, begin_impersonation.user_agent,
    jsonb_build_object('impersonator', v_name, 'impersonatorUserId', v_from.user_id, 'reason', btrim(reason), 'until', v_until, 'sessionId', v_id));
  perform core.queue_mail(u.email, 'impersonated', jsonb_build_object('by', v_name, 'reason', btrim(reason), 'happenedAt', now(), 'until', v_until), v_member.workspace_id, u.locale)
  from core.users u where u.id = v_member.user_id and core.is_email(u.email);
  perform graphile_worker.add_job('impersonation__end', json_build_object('id', v_id, 'workspace_id', v_member.workspace_id), run_at => v_until, job_key => 'impersonation:' || v_id);
  return v_id;
end
$$;
comment on function core.begin_impersonation(uuid, uuid, text, int, bytea, inet, text, uuid) is
  'Begins a session of a member for somebody else, from the other''s own session. Refuses with RV155 to RV157 and RV181. Tells the member by mail.';

-- However a session of this kind ends, that it did stands in the audit.
create or replace function core.tg_sessions__note_impersonation_end() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform core.note_auth_event('IMPERSONATION_ENDED', new.workspace_id, new.user_id, detail => jsonb_build_object('sessionId', new.id, 'reason', new.revoked_reason,
    'impersonatorUserId', new.impersonator_user_id, 'impersonator', (select coalesce(nullif(u.name, ''), u.email) from core.users u where u.id = new.impersonator_user_id)));
  -- Who signs out means to be signed out.
  if new.revoked_reason = 'SIGNED_OUT' then
    perform core.revoke_session(new.from_session_id, 'SIGNED_OUT');
  end if;
  return null;
end
$$;
create or replace trigger _400_note_impersonation_end after update of revoked_at on core.sessions for each row
  when (new.impersonator_user_id is not null and old.revoked_at is null and new.revoked_at is not null) execute function core.tg_sessions__note_impersonation_end();

create or replace function core.end_impersonation(session_id uuid) returns boolean
language sql volatile security definer set search_path = ''
as $$
  select core.revoke_session(s.id, 'EXPIRED') from core.sessions s
  where s.id = end_impersonation.session_id and s.impersonator_user_id is not null and s.expires_at <= now() + interval '1 second'
$$;
comment on function core.end_impersonation(uuid) is 'Ends a session of somebody who acts as a member, once its time is over. Run by a job.';

-- Back to who one is: by the token that the browser has, which may have run out a moment ago. The former session goes on with a
-- token of its own. No row when that one has ended.
create or replace function core.return_from_impersonation(token_hash bytea, next_hash bytea, next_expires_at timestamptz)
returns table (session_id uuid, user_id uuid, workspace_id uuid, token_expires_at timestamptz)
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_session core.sessions;
begin
  update core.refresh_tokens t set used_at = now() from core.sessions s
  where t.token_hash = return_from_impersonation.token_hash and t.used_at is null and s.id = t.session_id and s.impersonator_user_id is not null
    and s.expires_at > now() - interval '1 day'
  returning s.* into v_session;
  if not found then
    return;
  end if;
  perform core.revoke_session(v_session.id, 'RETURNED');
  if not exists (select from core.resolve_session(v_session.from_session_id)) then
    return;
  end if;
  return query
  with token as (
    insert into core.refresh_tokens (token_hash, session_id, expires_at)
    select return_from_impersonation.next_hash, s.id, least(return_from_impersonation.next_expires_at, s.expires_at) from core.sessions s where s.id = v_session.from_session_id
    returning session_id, expires_at
  )
  select s.id, s.user_id, s.workspace_id, t.expires_at from token t join core.sessions s on s.id = t.session_id;
end
$$;

-- What the banner says.
create or replace function core.impersonation_of(session_id uuid) returns table (reason text, until timestamptz)
language sql stable security definer set search_path = ''
as $$ select s.impersonation_reason, s.expires_at from core.sessions s where s.id = impersonation_of.session_id and s.impersonator_user_id is not null $$;

grant execute on function core.begin_impersonation(uuid, uuid, text, int, bytea, inet, text, uuid), core.return_from_impersonation(bytea, bytea, timestamptz),
  core.impersonation_of(uuid) to relvar_server;
grant execute on function core.end_impersonation(uuid) to relvar_worker;

create or replace function metadata.impersonation() returns jsonb
language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('isAllowed', s.allows_impersonation, 'mayAct', s.allows_impersonation and nullif(current_setting('relvar.impersonator_id', true), '') is null
    and (engine.may('IMPERSONATE') or exists (select from core.members m join core.users u on u.id = m.user_id where m.id = engine.current_member() and u.is_instance_admin)))
  from core.workspace_settings s where s.workspace_id = engine.own_workspace()
$$;
comment on function metadata.impersonation() is 'Whether the workspace allows that somebody acts as its members, and whether the caller may: {isAllowed, mayAct}.';

create or replace function metadata.set_impersonation_allowed(is_allowed boolean) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_workspace uuid := engine.own_workspace();
begin
  perform engine.assert_manages(v_workspace, 'SECURITY');
  -- Who acts as somebody does not open the door for others.
  if nullif(current_setting('relvar.impersonator_id', true), '') is not null then
    raise exception 'Only members themselves decide this.' using errcode = '42501', hint = 'Return to yourself first.';
  end if;
  update core.workspace_settings s set allows_impersonation = coalesce(set_impersonation_allowed.is_allowed, false) where s.workspace_id = v_workspace;
  if not coalesce(is_allowed, false) then
    perform core.revoke_session(s.id, 'FORBIDDEN') from core.sessions s
    where s.workspace_id = v_workspace and s.impersonator_user_id is not null and s.revoked_at is null;
  end if;
  perform core.note_auth_event('SECURITY_CHANGED', v_workspace, (select m.user_id from core.members m where m.id = engine.current_member()),
    detail => jsonb_build_object('allowsImpersonation', coalesce(is_allowed, false), 'by', engine.actor_name()));
  return coalesce(is_allowed, false);
end
$$;
comment on function metadata.set_impersonation_allowed(boolean) is 'Whether administrators, and roles with the permission, may act as members. What is open when it is forbidden ends.';

revoke execute on function metadata.impersonation(), metadata.set_impersonation_allowed(boolean) from public;
grant execute on function metadata.impersonation(), metadata.set_impersonation_allowed(boolean) to relvar_crm;

-- Administrators of the instance, for "relvar admin" and for administrators in psql.
create or replace function core.set_instance_admin(email text, is_admin boolean) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_user core.users;
begin
  update core.users u set is_instance_admin = is_admin where lower(u.email) = lower(btrim(set_instance_admin.email)) returning u.* into v_user;
  if not found then
    return false;
  end if;
  perform core.revoke_session(s.id, 'FORBIDDEN')
  from core.sessions s join core.members m on m.user_id = s.user_id and m.workspace_id = s.workspace_id
  where s.impersonator_user_id = v_user.id and s.revoked_at is null and not core.may_impersonate(v_user.id, m.id);
  perform core.note_auth_event(case when is_admin then 'INSTANCE_ADMIN_GRANTED' else 'INSTANCE_ADMIN_REVOKED' end, null, v_user.id,
    detail => jsonb_build_object('by', engine.actor_name()));
  return true;
end
$$;
comment on function core.set_instance_admin(text, boolean) is 'Makes a user an administrator of the instance, or no longer one. False when nobody has the address.';
--! EndIncluded core/impersonation.sql
--! Included engine/events.sql
-- The event log: one row per record change, written by statement triggers in the transaction of
-- the change, and one outbox row per statement for the relay. No NOTIFY and no job is added here:
-- both take a lock for the whole database at commit.

-- The statements are written out, not put together: PL/pgSQL compiles a function once for each
-- trigger, so each table's trigger has its own plans and keeps them. Which record_events they mean
-- follows from the search path, set to the schema that the trigger fires in. Nobody but the owner
-- creates things there, and temporary tables, which anybody creates, come last.
create or replace function engine.tg_records__log() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object uuid := tg_argv[0];
  v_batch bigint := nextval('engine.event_batch');
  v_actor engine.actor := engine.current_actor();
  v_source text := engine.current_source();
  v_request text := nullif(current_setting('relvar.request_id', true), '');
  v_action text;
  v_hidden text[] := array['search_vector'] || tg_argv[2:];
  v_changed text[];
  v_count bigint := 0;
begin
  -- What the engine itself computes or converts, after a change of the model, nobody did.
  if engine.is_quiet() then
    return null;
  end if;
  perform set_config('search_path', quote_ident(tg_table_schema) || ', pg_temp', true);
  case tg_op
    when 'INSERT' then
      -- Anybody can write a setting; only what lies in the trash can be restored.
      v_action := case when current_setting('relvar.action', true) = 'restored' and not exists (
          select from new_rows n where not exists (select from trash t where t.object_id = v_object and t.record_id = n.id))
        then 'restored' else 'created' end;
      insert into record_events (batch, seq, object_id, record_id, action, after, actor_type, actor_id, actor_name, source, request_id)
      select v_batch, row_number() over (), v_object, n.id, v_action, to_jsonb(n.*) - v_hidden,
        v_actor.type, v_actor.id, v_actor.name, v_source, v_request
      from new_rows n;
      get diagnostics v_count = row_count;
    when 'UPDATE' then
      v_action := 'updated';
      -- How two transition tables are best joined follows from how large they are, and a kept plan from how large
      -- they were the first times. So a large statement plans for itself, and looks first at which columns it changed at all.
      if (select count(*) > 50 from (select from new_rows limit 51) few) then
        execute engine.query_of_changed_columns(tg_relid) into v_changed;
        if v_changed <> '{}' then
          execute engine.query_of_changes(v_changed) using v_batch, v_object, v_actor.type, v_actor.id, v_actor.name, v_source, v_request;
          get diagnostics v_count = row_count;
        end if;
      else
        -- Only what changed, and nothing for a row that did not.
        insert into record_events (batch, seq, object_id, record_id, action, before, after, actor_type, actor_id, actor_name, source, request_id)
        select v_batch, row_number() over (), v_object, n.id, v_action, c.before, c.after,
          v_actor.type, v_actor.id, v_actor.name, v_source, v_request
        from new_rows n
        join old_rows o on o.id = n.id
        cross join lateral (
          select jsonb_object_agg(e.key, e.value) as before, jsonb_object_agg(e.key, j.new -> e.key) as after
          -- Without "offset 0" each value would turn the record into JSON anew.
          from (select to_jsonb(o.*) as old, to_jsonb(n.*) as new offset 0) j
          cross join lateral jsonb_each(j.old) e
          where e.value is distinct from j.new -> e.key
            and e.key not in ('search_vector', 'updated_at', 'updated_by_source', 'updated_by_member_id', 'updated_by_name')
        ) c
        where c.before is not null;
        get diagnostics v_count = row_count;
      end if;
    when 'DELETE' then
      -- Here, too, the setting alone proves nothing.
      v_action := case when current_setting('relvar.action', true) = 'merged' and not exists (
          select from old_rows o where not exists (select from engine.merging m where m.record_id = o.id and m.transaction_id = pg_current_xact_id()))
        then 'merged' else 'deleted' end;
      insert into record_events (batch, seq, object_id, record_id, action, before, after, actor_type, actor_id, actor_name, source, request_id)
      select v_batch, row_number() over (), v_object, o.id, v_action, to_jsonb(o.*) - v_hidden,
        case v_action when 'merged' then (select jsonb_build_object('survivorId', m.survivor_id) from engine.merging m where m.record_id = o.id and m.transaction_id = pg_current_xact_id()) end,
        v_actor.type, v_actor.id, v_actor.name, v_source, v_request
      from old_rows o;
      get diagnostics v_count = row_count;
  end case;
  if v_count > 0 then
    insert into engine.outbox (batch, workspace_id, object_id, action) values (v_batch, tg_argv[1]::uuid, v_object, v_action);
  end if;
  return null;
end
$$;

-- Values of some types, which a table may have by hand, cannot be compared but as JSON.
create or replace function engine.query_of_changed_columns(relation oid) returns text
language sql stable set search_path = ''
as $$
  select format('select array_remove(array[%s], null) from new_rows n join old_rows o on o.id = n.id', string_agg(
    format('case when bool_or(%s) then %L end', format(case when a.atttypid = any (array['bool', 'int2', 'int4', 'int8', 'float4', 'float8', 'numeric', 'text', 'varchar', 'uuid', 'date', 'timestamptz',
      'timestamp', 'jsonb', 'text[]']::regtype[]) then 'o.%1$I is distinct from n.%1$I' else 'to_jsonb(o.%1$I) is distinct from to_jsonb(n.%1$I)' end, a.attname), a.attname), ', '))
  from pg_catalog.pg_attribute a
  where a.attrelid = relation and a.attnum > 0 and not a.attisdropped and a.attgenerated <> 'v'
    and a.attname not in ('search_vector', 'updated_at', 'updated_by_source', 'updated_by_member_id', 'updated_by_name')
$$;

-- Most records of a large statement change the same columns.
create or replace function engine.query_of_changes(columns text[]) returns text
language sql immutable set search_path = ''
as $$
  select format(
    'insert into record_events (batch, seq, object_id, record_id, action, before, after, actor_type, actor_id, actor_name, source, request_id)
     select $1, row_number() over (), $2, c.id, ''updated'', c.before, c.after, $3, $4, $5, $6, $7
     from (
       select n.id, case when %1$s then jsonb_build_object(%2$s) else (select jsonb_object_agg(v.k, v.o) from (values %3$s) v (k, o, n) where v.o is distinct from v.n) end as before,
         case when %1$s then jsonb_build_object(%4$s) else (select jsonb_object_agg(v.k, v.n) from (values %3$s) v (k, o, n) where v.o is distinct from v.n) end as after
       from new_rows n join old_rows o on o.id = n.id
       where %5$s
     ) c
     where c.before is not null',
    string_agg(format('to_jsonb(o.%1$I) is distinct from to_jsonb(n.%1$I)', c), ' and '), string_agg(format('%L, o.%1$I', c), ', '),
    string_agg(format('(%L, to_jsonb(o.%1$I), to_jsonb(n.%1$I))', c), ', '), string_agg(format('%L, n.%1$I', c), ', '),
    string_agg(format('to_jsonb(o.%1$I) is distinct from to_jsonb(n.%1$I)', c), ' or '))
  from unnest(columns) c
$$;

-- updatedAt and updatedBy, kept by the database so that no client can forge or forget them. What is
-- computed from elsewhere (the columns that are its arguments) is nobody's change of this record.
create or replace function engine.tg_records__touch() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  if new.id is distinct from old.id then
    raise exception 'The id of a record stays as it is.' using errcode = 'RV190', column = 'id', hint = 'Create another record, and merge the two.';
  end if;
  if new is distinct from old and (tg_nargs = 0 or to_jsonb(new) - tg_argv is distinct from to_jsonb(old) - tg_argv) and not engine.is_quiet() then
    new.updated_at := now();
    new.updated_by_source := engine.current_source();
    new.updated_by_member_id := engine.current_member();
    new.updated_by_name := engine.actor_name();
  end if;
  return new;
end
$$;
--! EndIncluded engine/events.sql
-- What roles should and may do is looked up in their own workspace alone.
--! Included engine/permissions/rights.sql
-- What each role may do with each object and field, derived from metadata. What a role includes is not
-- counted in: PostgreSQL does that, by the membership of one role in another. PostgreSQL takes functions
-- that return rows for long ones, and would rather compile these queries than run them: hence jit = off. And since
-- it takes them for many rows, it would read all workspaces to find these: hence each table is asked by workspace.

-- The columns of fields, by name alone: what grants and policies are made of.
create or replace function engine.field_columns(workspace_id uuid, scope uuid[] default null)
returns table (object_id uuid, field_id uuid, key text, name text, part text, is_writable boolean, is_id boolean)
language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan set jit = off
as $$
begin
  return query
  with field as materialized (
    select f.id, f.object_id, f.type, f.result_type, f.name, f.revision, engine.snake_case(f.name) as base, f.type = 'UUID' and f.is_system and f.name = 'id' as is_id,
      (not f.is_system or f.name in ('id', 'position')) and f.type not in ('AUTO_NUMBER', 'FORMULA', 'ROLLUP') as is_writable
    from metadata.fields f
    where f.workspace_id = field_columns.workspace_id and (scope is null or f.object_id = any (scope)) and f.is_active and f.deleted_at is null
  )
  select f.object_id, f.id, engine.column_key(f.id, f.revision, c.part), f.base || c.suffix, c.part, f.is_writable, f.is_id
  from field f join engine.field_type_columns c on c.type = case when f.type in ('FORMULA', 'ROLLUP') then f.result_type else f.type end
  union all
  select f.object_id, f.id, engine.column_key(f.id, f.revision, r.id::text),
    case when f.type = 'MORPH_RELATION' then f.base || '_' || engine.snake_case(t.name_singular) else f.base end || '_id', '', f.is_writable, false
  from field f
  join metadata.relations r on r.field_id = f.id and r.deleted_at is null
  join metadata.objects t on t.id = r.target_object_id and t.workspace_id = field_columns.workspace_id
  where f.type in ('RELATION', 'MEMBER', 'MORPH_RELATION');
end
$$;

-- The two objects whose records a junction links.
create or replace function engine.junction_sides(workspace_id uuid)
returns table (object_id uuid, side_id uuid, field_id uuid)
language sql stable set search_path = ''
as $$
  select j.object_id, m.object_id, j.id
  from metadata.fields m
  join metadata.fields j on j.id = m.junction_field_id and j.workspace_id = m.workspace_id
  where m.workspace_id = junction_sides.workspace_id and m.type = 'MANY_TO_MANY' and m.deleted_at is null
$$;

-- Its own defaults, unless object_permissions says else. The rights on links follow those on the two
-- sides: who reads both reads which belong together, who changes one of them links it. is_limited:
-- not every record is the role's to see.
create or replace function engine.effective_permissions(workspace_id uuid, scope uuid[] default null, roles text[] default null)
returns table (role_id uuid, pg_role text, object_id uuid, can_read boolean, can_create boolean, can_update boolean, can_delete boolean, can_destroy boolean,
  field_mode text, is_limited boolean)
language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan set jit = off
as $$
begin
  return query
  with own as materialized (
    select r.id as role_id, r.pg_role, o.id as object_id, o.is_junction and p.id is null as follows_sides,
      a.is_visible and coalesce(p.can_read, r.can_read_all) as can_read, a.is_free and coalesce(p.can_create, r.can_create_all) as can_create,
      a.is_visible and coalesce(p.can_update, r.can_update_all) as can_update, a.is_free and coalesce(p.can_delete, r.can_delete_all) as can_delete,
      a.is_free and coalesce(p.can_destroy, r.can_destroy_all) as can_destroy, coalesce(p.field_mode, 'ALL_EXCEPT') as field_mode,
      o.is_private or u.id is not null as is_limited, a.is_visible,
      -- A junction outlives what happens to its sides for a while: links to an object that is switched off or deleted are read.
      coalesce(p.can_read, r.can_read_all) as reads_links
    from metadata.roles r
    join metadata.objects o on o.workspace_id = r.workspace_id
    -- Members come and go by invitation, whatever the role.
    cross join lateral (select o.is_active and o.deleted_at is null as is_visible,
      o.is_active and o.deleted_at is null and o.universal_identifier is distinct from 'standard:workspaceMember' as is_free) a
    left join metadata.object_permissions p on p.workspace_id = r.workspace_id and p.role_id = r.id and p.object_id = o.id
    left join metadata.record_rules u on u.workspace_id = r.workspace_id and u.role_id = r.id and u.object_id = o.id and u.action = 'READ'
    where r.workspace_id = effective_permissions.workspace_id and (roles is null or r.pg_role = any (roles))
  ), sides as materialized (
    select s.object_id, o.role_id, bool_and(o.reads_links) as can_read, bool_or(o.can_update) as can_update, bool_or(o.is_limited) as is_limited
    from engine.junction_sides(effective_permissions.workspace_id) s
    join own o on o.object_id = s.side_id
    group by s.object_id, o.role_id
  )
  select o.role_id, o.pg_role, o.object_id,
    case when w.follows_sides then o.is_visible and s.can_read else o.can_read end,
    case when w.follows_sides then w.links else o.can_create end, case when w.follows_sides then w.links else o.can_update end,
    case when w.follows_sides then w.links else o.can_delete end, case when w.follows_sides then w.links else o.can_destroy end,
    o.field_mode, o.is_limited or coalesce(s.is_limited, false)
  from own o
  left join sides s on s.object_id = o.object_id and s.role_id = o.role_id
  -- A junction whose relation to many is gone for good is an object like others.
  cross join lateral (select o.follows_sides and s.object_id is not null as follows_sides, o.is_visible and coalesce(s.can_read and s.can_update, false) as links) w
  where scope is null or o.object_id = any (scope);
end
$$;

-- What a computed field, or a search vector, is made of. is_far: of values of other records.
create or replace function engine.field_readings(workspace_id uuid)
returns table (field_id uuid, source_id uuid, source_object_id uuid, is_far boolean)
language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan set jit = off
as $$
begin
  return query
  with field as materialized (
    select f.id, f.object_id, f.type, f.compiled, f.settings from metadata.fields f
    where f.workspace_id = field_readings.workspace_id and f.deleted_at is null
  )
  select f.id, s.id, s.object_id, s.object_id <> f.object_id
      -- A relation of an object to itself leads to other records as well.
      or exists (select from metadata.relations r where r.target_object_id = f.object_id
        and r.field_id in (select (v #>> '{}')::uuid from jsonb_path_query(f.compiled, 'strict $.**.via[*]') v))
  from field f
  cross join lateral engine.formula_fields(f.compiled) r
  join metadata.fields s on s.id = r and s.workspace_id = field_readings.workspace_id
  where f.type in ('FORMULA', 'ROLLUP') and f.compiled is not null
  union all
  select v.id, s.id, s.object_id, false
  from field v
  join metadata.objects o on o.id = v.object_id and o.workspace_id = field_readings.workspace_id
  join field s on s.object_id = v.object_id and (s.id = o.label_field_id or s.settings ->> 'searchable' = 'true')
  where v.type = 'TS_VECTOR';
end
$$;

-- Fields that a role may not read, or not write, of objects that it may: the exceptions. A computed
-- field shows what it is made of, so it is not read by who may not read that, unless a rule names it.
create or replace function engine.withheld_fields(workspace_id uuid, scope uuid[] default null, roles text[] default null)
returns table (role_id uuid, object_id uuid, field_id uuid, is_read_withheld boolean, is_update_withheld boolean)
language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan set jit = off
as $$
begin
  return query
  with recursive permission as materialized (
    select * from engine.effective_permissions(withheld_fields.workspace_id, null, roles)
  ), reading as materialized (
    select * from engine.field_readings(withheld_fields.workspace_id)
  ), own as materialized (
    -- What the rules say of the fields themselves.
    select p.role_id, f.object_id, f.id as field_id, r.can_read is true as is_named,
      not coalesce(r.can_read, f.is_system or p.field_mode = 'ALL_EXCEPT') as is_read_withheld,
      not coalesce(r.can_update, (f.is_system or p.field_mode = 'ALL_EXCEPT') and coalesce(r.can_read, true)) as is_update_withheld
    from permission p
    join metadata.fields f on f.object_id = p.object_id and f.workspace_id = withheld_fields.workspace_id and f.deleted_at is null
    left join metadata.field_permissions r on r.workspace_id = withheld_fields.workspace_id and r.role_id = p.role_id and r.field_id = f.id
    where (r.id is not null or p.field_mode = 'ONLY')
      -- Without its id a record is nothing.
      and not (f.is_system and f.name = 'id')
  ), hidden (role_id, field_id) as (
    select o.role_id, o.field_id from own o where o.is_read_withheld
    union
    -- Fields of other objects that the role does not read, or not every record of.
    select p.role_id, d.field_id
    from reading d
    join permission p on p.object_id = d.source_object_id
    where d.is_far and (not p.can_read or p.is_limited)
      and not exists (select from own o where o.role_id = p.role_id and o.field_id = d.field_id and o.is_named)
    union
    select h.role_id, d.field_id
    from hidden h join reading d on d.source_id = h.field_id
    where not exists (select from own o where o.role_id = h.role_id and o.field_id = d.field_id and o.is_named)
  )
  select p.role_id, f.object_id, f.id, h.field_id is not null, coalesce(o.is_update_withheld, false)
  from (select h.role_id, h.field_id from hidden h union select o.role_id, o.field_id from own o where o.is_update_withheld) w
  join metadata.fields f on f.id = w.field_id and f.workspace_id = withheld_fields.workspace_id
  join permission p on p.role_id = w.role_id and p.object_id = f.object_id
  left join hidden h on h.role_id = w.role_id and h.field_id = w.field_id
  left join own o on o.role_id = w.role_id and o.field_id = w.field_id
  where scope is null or f.object_id = any (scope);
end
$$;

-- Objects that a role reads, with what it includes.
create or replace function engine.readable_objects(caller name) returns setof uuid
language plpgsql stable security definer set search_path = '' set jit = off
as $$
declare
  v_roles text[] := array(select i.pg_role from engine.roles_of(caller) c join metadata.roles i on i.id = c);
begin
  return query
  select distinct p.object_id
  from metadata.roles r cross join lateral engine.effective_permissions(r.workspace_id, null, v_roles) p
  where r.pg_role = caller and p.can_read;
end
$$;

-- Of these, objects of which one role shows every record and every field: one that was granted the table as a whole,
-- under a policy that is true of everything.
create or replace function engine.find_wholly_readable(caller name, scope uuid[] default null) returns setof uuid
language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
  v_schema text := (select w.schema_name from metadata.roles r join core.workspaces w on w.id = r.workspace_id where r.pg_role = engine.crm_role(caller));
  v_roles oid[] := array(select g.oid from metadata.roles i join pg_catalog.pg_roles g on g.rolname = i.pg_role where i.id = any (array(select engine.roles_of(caller))));
begin
  return query
  select distinct o.id
  from metadata.roles r
  join metadata.objects o on o.workspace_id = r.workspace_id
  join pg_catalog.pg_class c on c.relname = o.table_name and c.relnamespace = to_regnamespace(quote_ident(v_schema))::oid
  join pg_catalog.pg_policy p on p.polrelid = c.oid
  where r.pg_role = engine.crm_role(caller) and (scope is null or o.id = any (scope)) and o.is_active and o.deleted_at is null
    and cardinality(p.polroles) = 1 and p.polroles[1] = any (v_roles) and p.polcmd in ('r', '*')
    and exists (select from pg_catalog.aclexplode(c.relacl) a where a.grantee = p.polroles[1] and a.privilege_type = 'SELECT')
    and pg_catalog.pg_get_expr(p.polqual, p.polrelid) = 'true';
end
$$;

-- The log and the trash hold whole records, so they are shown of these only.
create or replace function engine.wholly_readable_objects(caller name) returns setof uuid
language sql stable security definer set search_path = ''
as $$ select engine.find_wholly_readable(caller) $$;
revoke execute on function engine.readable_objects(name) from public;
grant execute on function engine.readable_objects(name), engine.wholly_readable_objects(name) to relvar_crm;

-- A right on an object by the role or one that it includes; destroying has no privilege of PostgreSQL's. An
-- administrator in psql, who has taken no role, has them all.
create or replace function engine.has_right(caller name, object_id uuid, action text) returns boolean
language plpgsql stable set search_path = ''
as $$
declare
  v_workspace uuid := engine.workspace_of_role(engine.crm_role(caller)::name);
  v_roles text[];
begin
  if engine.acts_as_administrator() then
    return true;
  end if;
  v_roles := array(select i.pg_role from metadata.roles i where i.id = any (array(select engine.roles_of(caller))));
  return coalesce((
    select bool_or(case action when 'READ' then p.can_read when 'CREATE' then p.can_create when 'UPDATE' then p.can_update when 'DELETE' then p.can_delete when 'DESTROY' then p.can_delete and p.can_destroy end)
    from engine.effective_permissions(v_workspace, array[has_right.object_id], v_roles) p), false);
end
$$;
--! EndIncluded engine/permissions/rights.sql
--! Included engine/permissions/policy.sql
-- Rules of roles as conditions of policies. Only shapes come out that cost nothing to speak of for each
-- record: comparisons of a column with a constant or with what a function says once a statement. They
-- are written exactly as PostgreSQL prints them back, so that a policy can be compared with what it
-- should be.
--
-- A condition on the way is a tree: {"sql": …} or {"op": "and" | "or", "args": […]}. "not" goes down to the
-- comparisons. As in all formulas a comparison is true or false, also where there is no value.

-- In an "or", what asks for the member goes where his team is asked for: he is in it.
create or replace function engine.policy_joined(op text, parts jsonb) returns jsonb
language plpgsql immutable set search_path = ''
as $$
declare
  v_args jsonb := '[]';
  v_part jsonb;
begin
  if jsonb_array_length(parts) = 1 then
    return parts -> 0;
  end if;
  for v_part in select e from jsonb_array_elements(parts) e loop
    v_args := v_args || case when v_part ->> 'op' = op then v_part -> 'args' else jsonb_build_array(v_part) end;
  end loop;
  if op = 'or' and position('engine.current_member()' in v_args::text) > 0 then
    v_args := (
      select jsonb_agg(a.value order by a.n)
      from jsonb_array_elements(v_args) with ordinality a (value, n)
      where not exists (
        select from jsonb_array_elements(v_args) b cross join (values ('my_team'), ('below_me')) f (name)
        where a.value ->> 'sql' like '% = ( SELECT engine.current_member() AS current_member))'
          and b ->> 'sql' = replace(a.value ->> 'sql', ' = ( SELECT engine.current_member() AS current_member))', format(' = ANY (ARRAY( SELECT engine.%s() AS %1$s)))', f.name))));
  end if;
  return case when jsonb_array_length(v_args) = 1 then v_args -> 0 else jsonb_build_object('op', op, 'args', v_args) end;
end
$$;

create or replace function engine.policy_print(tree jsonb) returns text
language plpgsql immutable set search_path = ''
as $$
begin
  return coalesce(tree ->> 'sql', '(' || (
    select string_agg(coalesce(e ->> 'sql', engine.policy_print(e)), upper(format(' %s ', tree ->> 'op')) order by n)
    from jsonb_array_elements(tree -> 'args') with ordinality u (e, n)) || ')');
end
$$;

create or replace function engine.policy_error(what text, node jsonb, hint text) returns void
language plpgsql stable set search_path = ''
as $$
begin
  raise exception '%', what using errcode = 'RV059', column = 'condition',
    detail = engine.formula_detail(engine.formula_said(node), coalesce((node ->> 'at')::int, 1)), hint = hint;
end
$$;

-- The column that a rule compares: one of an ordinary type, of the field itself.
create or replace function engine.policy_field(node jsonb) returns metadata.fields
language plpgsql stable set search_path = ''
as $$
declare
  v_field metadata.fields;
begin
  if node ->> 'k' is distinct from 'field' then
    perform engine.policy_error(format('A rule compares fields with constants; "%s" is computed.', engine.formula_said(node)), node,
      'Write a field on one side, such as stage = "WON", owner = currentMember() or owner in myTeam(); join these by and, or and not.');
  end if;
  select f.* into v_field from metadata.fields f where f.id = (node ->> 'field')::uuid;
  if v_field.type in ('FORMULA', 'MORPH_RELATION', 'FULL_NAME') and node ->> 'part' = '' or v_field.type = 'FORMULA' or node ? 'ft' and node ->> 'ft' <> 'SELECT' then
    perform engine.policy_error(format('The field "%s" is of type %s, which a rule cannot compare quickly.', v_field.name, v_field.type), node,
      'Compare texts, numbers, dates, selects and relations. A formula''s own condition can be written here instead of it.');
  end if;
  return v_field;
end
$$;

create or replace function engine.policy_column(node jsonb, prefix text, out column_sql text, out pg_type text)
language plpgsql stable set search_path = ''
as $$
declare
  v_field metadata.fields := engine.policy_field(node);
begin
  if v_field.type in ('RELATION', 'MEMBER') then
    column_sql := prefix || quote_ident(engine.snake_case(v_field.name) || '_id');
    pg_type := 'uuid';
    return;
  end if;
  select prefix || quote_ident(engine.snake_case(v_field.name) || c.suffix),
    case when v_field.type = 'NUMBER' and v_field.settings ->> 'dataType' in ('int', 'bigint') then 'bigint' else c.pg_type end into column_sql, policy_column.pg_type
  from engine.field_type_columns c
  where c.type = coalesce(v_field.result_type, v_field.type) and (c.part = node ->> 'part' or node ->> 'part' = '')
  order by c.position limit 1;
  -- The comparisons of these are leakproof, so conditions of queries beside the policy still use indexes.
  if coalesce(pg_type, '') not in ('text', 'double precision', 'bigint', 'smallint', 'boolean', 'date', 'timestamp with time zone', 'uuid') then
    perform engine.policy_error(format('The field "%s" is of type %s, which a rule cannot compare quickly.', v_field.name, v_field.type), node,
      'Compare texts, numbers, dates, selects and relations.');
  end if;
end
$$;

-- A constant as PostgreSQL prints it, or what a function says once a statement. For a given member what
-- it would say to that member.
create or replace function engine.policy_constant(node jsonb, pg_type text, member uuid) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_node jsonb := node;
  v_value numeric;
  v_text text;
begin
  if v_node ->> 'k' = 'cast' then
    v_node := v_node #> '{args,0}';
  end if;
  if v_node ->> 'fn' = 'currentMember' and pg_type = 'uuid' then
    return coalesce(engine.literal(member::text) || '::uuid', '( SELECT engine.current_member() AS current_member)');
  elsif v_node ->> 'fn' = 'today' and pg_type = 'date' then
    return '( SELECT engine.today() AS today)';
  elsif v_node ->> 'fn' = 'today' and pg_type = 'timestamp with time zone' then
    return '( SELECT engine.start_of_today() AS start_of_today)';
  elsif v_node ->> 'fn' = 'now' and pg_type = 'timestamp with time zone' then
    return '( SELECT now() AS now)';
  end if;
  if v_node ->> 'k' = 'num' or v_node ->> 'op' = 'neg' and v_node #>> '{args,0,k}' = 'num' then
    v_value := coalesce((v_node ->> 'v')::numeric, -(v_node #>> '{args,0,v}')::numeric) * case when node ->> 't' = 'CURRENCY' and node ->> 'k' = 'cast' then 1000000 else 1 end;
    if pg_type in ('bigint', 'smallint') and (v_value <> trunc(v_value) or abs(v_value) > case pg_type when 'bigint' then 9e18 else 32000 end) then
      perform engine.policy_error(format('"%s" holds whole numbers only.', v_value), node, 'Compare with a whole number.');
    end if;
    v_text := case pg_type when 'double precision' then (v_value::double precision)::text else trunc(v_value)::text end;
    if pg_type in ('double precision', 'bigint', 'smallint') then
      return engine.literal(v_text) || '::' || pg_type;
    end if;
  elsif v_node ->> 'k' = 'str' and pg_type = 'text' then
    return engine.literal(v_node ->> 'v') || '::text';
  elsif v_node ->> 'k' = 'bool' and pg_type = 'boolean' then
    return v_node ->> 'v';
  elsif v_node ->> 'fn' = 'date' and v_node #>> '{args,0,k}' = 'str' and jsonb_array_length(v_node -> 'args') = 1 then
    if pg_type = 'date' then
      return engine.literal(((v_node #>> '{args,0,v}')::date)::text) || '::date';
    elsif pg_type = 'timestamp with time zone' then
      return engine.literal(((v_node #>> '{args,0,v}')::timestamp at time zone 'UTC')::text) || '::timestamp with time zone';
    end if;
  end if;
  perform engine.policy_error(format('A rule compares with a constant, not with "%s".', engine.formula_said(v_node)), node,
    'Write a text, a number, true, false, date("2026-12-31"), today(), now() or currentMember().');
  return null;
end
$$;

-- The atoms of a rule: a comparison of one field. What is above them is and, or, not.
create or replace function engine.policy_is_atom(node jsonb) returns boolean
language sql immutable parallel safe set search_path = ''
  return coalesce(not (node ->> 'op' in ('and', 'or', 'not') or node ->> 'fn' in ('and', 'or', 'not') or node ->> 'k' = 'bool'), true);

-- The field on its left, which may be written on its right.
create or replace function engine.policy_sides(atom jsonb) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  a jsonb := atom #> '{args,0}';
  b jsonb := atom #> '{args,1}';
  v_op text := atom ->> 'op';
begin
  if atom ->> 'k' = 'field' then
    return jsonb_build_object('op', '=', 'field', atom, 'with', '{"k": "bool", "v": "true", "t": "BOOLEAN"}'::jsonb);
  elsif atom ->> 'fn' = 'isEmpty' then
    return jsonb_build_object('op', 'isEmpty', 'field', a);
  elsif v_op in ('=', '!=') and (a ->> 'k' = 'null' or b ->> 'k' = 'null') then
    return jsonb_build_object('op', case v_op when '=' then 'null' else 'notNull' end, 'field', case when a ->> 'k' = 'null' then b else a end);
  elsif v_op in ('=', '!=', '<', '<=', '>', '>=') then
    if a ->> 'k' <> 'field' and b ->> 'k' = 'field' then
      return jsonb_build_object('op', case v_op when '<' then '>' when '<=' then '>=' when '>' then '<' when '>=' then '<=' else v_op end, 'field', b, 'with', a);
    end if;
    return jsonb_build_object('op', v_op, 'field', a, 'with', b);
  elsif v_op = 'in' then
    return jsonb_build_object('op', 'in', 'field', a, 'with', b);
  end if;
  perform engine.policy_error(format('"%s" would be computed for every record, which is slow.', engine.formula_said(atom)), atom,
    'Compare a field with a constant, such as stage = "WON", owner = currentMember() or owner in myTeam(); join these by and, or and not.');
  return null;
end
$$;

-- Whether an atom is true where there is no value.
create or replace function engine.policy_true_of_nothing(op text) returns boolean
language sql immutable parallel safe set search_path = ''
  return op in ('!=', 'isEmpty', 'null');

-- One comparison over columns of one table.
create or replace function engine.policy_comparison(atom jsonb, negated boolean, prefix text, member uuid) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_sides jsonb := engine.policy_sides(atom);
  v_op text := v_sides ->> 'op';
  v_field jsonb := v_sides -> 'field';
  v_with jsonb := v_sides -> 'with';
  v_column text;
  v_pg_type text;
  v_is_null jsonb;
  v_members text;
  v_compared jsonb;
begin
  select c.column_sql, c.pg_type into v_column, v_pg_type from engine.policy_column(v_field, prefix) c;
  v_is_null := jsonb_build_object('sql', format('(%s IS NULL)', v_column));
  if v_op = 'isEmpty' and v_pg_type = 'text' then
    return case when negated then jsonb_build_object('sql', format('(%s <> ''''::text)', v_column))
      else jsonb_build_object('op', 'or', 'args', jsonb_build_array(v_is_null, jsonb_build_object('sql', format('(%s = ''''::text)', v_column)))) end;
  elsif v_op in ('isEmpty', 'null', 'notNull') then
    return case when negated = (v_op = 'notNull') then v_is_null else jsonb_build_object('sql', format('(%s IS NOT NULL)', v_column)) end;
  elsif v_op = 'in' and v_with ->> 'k' = 'list' then
    if v_pg_type = 'uuid' then
      perform engine.policy_error('A rule names no single records.', v_field, 'Write owner = currentMember() or owner in myTeam(), or compare a field of the related record, such as company.name.');
    end if;
    v_compared := jsonb_build_object('sql', format(case when negated then '(%s <> ALL (%s::%s[]))' else '(%s = ANY (%s::%s[]))' end, v_column,
      engine.literal((select array_agg(case when v_pg_type = 'text' then e ->> 'v' else trim(both '''' from split_part(engine.policy_constant(e, v_pg_type, member), '::', 1)) end order by n)::text
        from jsonb_array_elements(v_with -> 'args') with ordinality u (e, n)
        where engine.policy_constant(e, v_pg_type, member) is not null)), v_pg_type));
  elsif v_op = 'in' then
    if not engine.policy_is_member(v_field) then
      perform engine.policy_error(format('"%s" holds no member.', engine.formula_said(v_field)), v_field, 'Name a field that points to a member, such as owner, or createdBy.memberId.');
    end if;
    v_members := case v_with ->> 'fn' when 'myTeam' then 'my_team' else 'below_me' end;
    v_members := case when member is null then format('( SELECT engine.%s() AS %1$s)', v_members)
      else format('( SELECT engine.%s(%L::uuid))', case v_members when 'my_team' then 'team_of' else 'below' end, member) end;
    v_compared := jsonb_build_object('sql', format(case when negated then '(%s <> ALL (ARRAY%s))' else '(%s = ANY (ARRAY%s))' end, v_column, v_members));
  else
    if v_pg_type = 'uuid' and v_with ->> 'fn' = 'currentMember' and not engine.policy_is_member(v_field) then
      perform engine.policy_error(format('"%s" holds no member.', engine.formula_said(v_field)), v_field, 'Name a field that points to a member, such as owner, or createdBy.memberId.');
    end if;
    v_compared := jsonb_build_object('sql', format('(%s %s %s)', v_column,
      case when negated then case v_op when '=' then '<>' when '!=' then '=' when '<' then '>=' when '<=' then '>' when '>' then '<=' else '<' end
        when v_op = '!=' then '<>' else v_op end, engine.policy_constant(v_with, v_pg_type, member)));
  end if;
  return case when engine.policy_true_of_nothing(v_op) <> negated then jsonb_build_object('op', 'or', 'args', jsonb_build_array(v_compared, v_is_null)) else v_compared end;
end
$$;

create or replace function engine.policy_is_member(field jsonb) returns boolean
language sql stable set search_path = ''
as $$
  select exists (
    select from metadata.fields f
    where f.id = (field ->> 'field')::uuid and (f.type = 'ACTOR' and field ->> 'part' = 'memberId' or exists (
      select from metadata.relations r join metadata.objects o on o.id = r.target_object_id
      where r.field_id = f.id and r.deleted_at is null and o.universal_identifier = 'standard:workspaceMember')))
$$;

-- By which a rule's comparison is found again.
create or replace function engine.policy_atom_key(atom jsonb) returns text
language sql immutable set search_path = ''
  return left(md5(atom::text), 12);

create or replace function engine.policy_tree(node jsonb, negated boolean, rule_id uuid, prefix text, member uuid) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_op text := coalesce(node ->> 'op', node ->> 'fn');
  v_sides jsonb;
  v_link text;
  v_ids text;
begin
  if node ->> 'k' = 'bool' then
    return jsonb_build_object('sql', case when (node ->> 'v' = 'true') <> negated then 'true' else 'false' end);
  elsif v_op = 'not' then
    return engine.policy_tree(node #> '{args,0}', not negated, rule_id, prefix, member);
  elsif v_op in ('and', 'or') then
    return engine.policy_joined(case when (v_op = 'and') <> negated then 'and' else 'or' end,
      (select jsonb_agg(engine.policy_tree(e, negated, rule_id, prefix, member) order by n) from jsonb_array_elements(node -> 'args') with ordinality u (e, n)));
  end if;
  v_sides := engine.policy_sides(node);
  if not v_sides -> 'field' ? 'via' then
    return engine.policy_comparison(node, negated, prefix, member);
  end if;
  -- A field of a related record: the ids of the records that are like that, found once a statement.
  perform engine.policy_comparison(node, false, '', member);
  select (engine.formula_columns(f, '', prefix))[1] into v_link from metadata.fields f where f.id = (v_sides #>> '{field,via,0}')::uuid;
  v_ids := case when member is null then format('( SELECT engine.rule_ids(%L::uuid, %L::text) AS rule_ids)', coalesce(rule_id, '00000000-0000-0000-0000-000000000000'), engine.policy_atom_key(node))
    else format('( SELECT engine.find_rule_ids(%L::uuid, %L::text, %L::uuid))', rule_id, engine.policy_atom_key(node), member) end;
  if engine.policy_true_of_nothing(v_sides ->> 'op') <> negated then
    return jsonb_build_object('op', 'or', 'args', jsonb_build_array(
      jsonb_build_object('sql', format('(%s <> ALL (ARRAY%s))', v_link, v_ids)), jsonb_build_object('sql', format('(%s IS NULL)', v_link))));
  end if;
  return jsonb_build_object('sql', format('(%s = ANY (ARRAY%s))', v_link, v_ids));
end
$$;

create or replace function engine.policy_sql(compiled jsonb, rule_id uuid, prefix text default '', member uuid default null) returns text
language sql stable set search_path = ''
  return engine.policy_print(engine.policy_tree(compiled -> 'node', false, rule_id, prefix, member));
comment on function engine.policy_sql(jsonb, uuid, text, uuid) is
  'A compiled rule of a role as the condition of a policy, as PostgreSQL prints it. With a member, what it comes to for that member.';

-- Comparisons of a rule, wherever they stand in it.
create or replace function engine.policy_atoms(node jsonb) returns setof jsonb
language plpgsql stable set search_path = ''
as $$
begin
  if engine.policy_is_atom(node) then
    return next node;
  elsif node ? 'args' then
    return query select a from jsonb_array_elements(node -> 'args') e cross join lateral engine.policy_atoms(e) a;
  end if;
end
$$;

-- Columns that rules find records by. The engine keeps an index on each, on related objects, too.
create or replace function engine.policy_indexes(workspace_id uuid, scope uuid[] default null)
returns table (object_id uuid, field_id uuid, part text)
language plpgsql stable set search_path = ''
as $$
begin
  return query
  select distinct f.object_id, f.id, s.sides #>> '{field,part}'
  from metadata.record_rules r
  cross join lateral engine.policy_atoms(r.compiled -> 'node') a
  cross join lateral (select engine.policy_sides(a) as sides) s
  join metadata.fields f on f.id = (s.sides #>> '{field,field}')::uuid and f.workspace_id = policy_indexes.workspace_id
  where r.workspace_id = policy_indexes.workspace_id and (scope is null or f.object_id = any (scope))
    and s.sides ->> 'op' in ('=', 'in', '<', '<=', '>', '>=') and f.type <> 'BOOLEAN'
    -- Relations and unique fields have an index anyway.
    and f.type not in ('RELATION', 'MEMBER', 'UUID') and not f.is_unique
  union
  select o.id, f.id, 'memberId'
  from metadata.objects o join metadata.fields f on f.object_id = o.id and f.workspace_id = policy_indexes.workspace_id and f.name = 'createdBy' and f.type = 'ACTOR'
  where o.workspace_id = policy_indexes.workspace_id and o.is_private and (scope is null or o.id = any (scope));
end
$$;

create or replace function engine.today() returns date
language sql stable set search_path = ''
  return (now() at time zone 'UTC')::date;

create or replace function engine.start_of_today() returns timestamptz
language sql stable set search_path = ''
  return engine.today()::timestamp at time zone 'UTC';
grant execute on function engine.today(), engine.start_of_today() to relvar_crm;
--! EndIncluded engine/permissions/policy.sql
--! Included engine/permissions/security.sql
-- Who may see and do what, as facts: row-level security, policies, grants, roles and their memberships. For
-- some objects, or for some roles: a change of one role's rights looks at nothing else.

create or replace function engine.desired_policies(workspace_id uuid, scope uuid[] default null, roles text[] default null)
returns table (table_key text, table_name text, pg_role text, command text, definition text)
language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan set jit = off
as $$
begin
  return query
  with permission as materialized (
    select p.*, o.table_name, o as limited, p.is_limited or exists (
      select from metadata.record_rules u where u.workspace_id = desired_policies.workspace_id and u.role_id = p.role_id and u.object_id = p.object_id) as has_rules
    from engine.effective_permissions(desired_policies.workspace_id, scope, roles) p
    join metadata.objects o on o.id = p.object_id and o.workspace_id = desired_policies.workspace_id
    where p.can_read or p.can_create or p.can_update or p.can_delete
  ), command as (
    -- One policy for who may do everything with every record; the planner folds it away.
    select p.object_id, p.table_name, p.pg_role, '' as command, 'true' as condition
    from permission p where not p.has_rules and p.can_read and p.can_create and p.can_update and p.can_delete
    union all
    -- Else one for each command that is granted: a role that includes this one must not find more open.
    select p.object_id, p.table_name, p.pg_role, c.command, coalesce(c.condition, 'true')
    from permission p
    left join lateral engine.record_conditions(p.role_id, p.limited) r on p.has_rules
    cross join lateral (values ('select', p.can_read, r.on_read), ('insert', p.can_create, case when (p.limited).is_junction then r.on_update end),
      ('update', p.can_update, r.on_update), ('delete', p.can_delete, r.on_delete)) c (command, is_granted, condition)
    where c.is_granted and not (not p.has_rules and p.can_read and p.can_create and p.can_update and p.can_delete)
  )
  select c.object_id::text, c.table_name, c.pg_role, c.command,
    format('for %s to %I', case c.command when '' then 'all' else c.command end, c.pg_role)
      || case when c.command <> 'insert' then format(' using (%s)', c.condition) else '' end
      || case when c.command in ('', 'insert', 'update') then format(' with check (%s)', c.condition) else '' end
  from command c
  union all
  select c.object_id::text, c.table_name, g.reading_role, 'select', format('for select to %I using (%s)', g.reading_role, c.condition)
  from command c join engine.reading_roles(desired_policies.workspace_id, roles) g on g.pg_role = c.pg_role
  where c.command in ('', 'select');
end
$$;

create or replace function engine.desired_grants(workspace_id uuid, scope uuid[] default null, roles text[] default null)
returns table (table_key text, table_name text, pg_role text, definition text)
language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan set jit = off
as $$
begin
  return query
  with permission as materialized (
    select p.*, o.table_name
    from engine.effective_permissions(desired_grants.workspace_id, scope, roles) p
    join metadata.objects o on o.id = p.object_id and o.workspace_id = desired_grants.workspace_id
    where p.can_read or p.can_create or p.can_update or p.can_delete
  ), withheld as materialized (
    select * from engine.withheld_fields(desired_grants.workspace_id, scope, roles)
  ), columns as materialized (
    select c.* from engine.field_columns(desired_grants.workspace_id, scope) c
  ), everything as materialized (
    -- Most roles may write most objects whole, so their lists of columns are put together once.
    select c.object_id,
      string_agg(quote_ident(c.name), ', ' order by c.name collate "C") filter (where c.is_writable) as insertable,
      string_agg(quote_ident(c.name), ', ' order by c.name collate "C") filter (where c.is_writable and not c.is_id) as updatable
    from columns c group by c.object_id
  ), partly as materialized (
    select x.role_id, x.object_id, bool_or(x.is_read_withheld) as reads_partly,
      string_agg(quote_ident(c.name), ', ' order by c.name collate "C") filter (where not coalesce(w.is_read_withheld, false)) as readable,
      string_agg(quote_ident(c.name), ', ' order by c.name collate "C") filter (where c.is_writable and not coalesce(w.is_update_withheld, false)) as insertable,
      string_agg(quote_ident(c.name), ', ' order by c.name collate "C") filter (where c.is_writable and not c.is_id and not coalesce(w.is_update_withheld, false)) as updatable
    from (select w.role_id, w.object_id, bool_or(w.is_read_withheld) as is_read_withheld from withheld w group by 1, 2) x
    join columns c on c.object_id = x.object_id
    left join withheld w on w.role_id = x.role_id and w.field_id = c.field_id
    group by x.role_id, x.object_id
  )
  select p.object_id::text, p.table_name, p.pg_role, concat_ws(', ',
    case when p.can_delete then 'delete' end,
    case when p.can_create then 'insert (' || case when l.role_id is null then e.insertable else l.insertable end || ')' end,
    case when p.can_read then case when l.reads_partly then 'select (' || l.readable || ')' else 'select' end end,
    case when p.can_update then 'update (' || case when l.role_id is null then e.updatable else l.updatable end || ')' end)
  from permission p
  join everything e on e.object_id = p.object_id
  left join partly l on l.role_id = p.role_id and l.object_id = p.object_id
  union all
  select p.object_id::text, p.table_name, g.reading_role, case when l.reads_partly then 'select (' || l.readable || ')' else 'select' end
  from permission p
  join engine.reading_roles(desired_grants.workspace_id, roles) g on g.pg_role = p.pg_role
  left join partly l on l.role_id = p.role_id and l.object_id = p.object_id
  where p.can_read;
end
$$;

-- Null for the roles means all of them, and the owner.
create or replace function engine.desired_security(workspace_id uuid, scope uuid[] default null, roles text[] default null) returns setof engine.fact
language sql stable set search_path = '' set jit = off
as $$
  with roles_there as materialized (
    select r.pg_role from metadata.roles r where r.workspace_id = desired_security.workspace_id and (roles is null or r.pg_role = any (roles))
    union all
    select g.reading_role from engine.reading_roles(desired_security.workspace_id, roles) g
  ), tables as materialized (
    select o.id::text as table_key, o.table_name
    from metadata.objects o where o.workspace_id = desired_security.workspace_id and (scope is null or o.id = any (scope))
    union all
    select i, i from unnest(engine.internal_tables()) i where scope is null
  ), policies as (
    select t.table_key, t.table_name, 'relvar_owner' as pg_role, '' as command, 'for all to relvar_owner using (true) with check (true)' as definition
    from tables t where roles is null
    union all
    select * from engine.desired_policies(desired_security.workspace_id, scope, roles)
    union all
    select t.table_key, t.table_name, r.pg_role, 'select',
      -- Links are told by record_history, to who sees both ends.
      format(case t.table_key when 'record_events' then 'for select to %I using (((object_id = ANY (ARRAY( SELECT engine.wholly_readable_objects(CURRENT_USER) AS wholly_readable_objects))) AND (action <> ''linked''::text) AND (action <> ''unlinked''::text)))'
        else 'for select to %I using ((object_id = ANY (ARRAY( SELECT engine.wholly_readable_objects(CURRENT_USER) AS wholly_readable_objects))))' end, r.pg_role)
    from tables t cross join roles_there r
    where t.table_key in ('record_events', 'trash')
  ), grants as (
    select * from engine.desired_grants(desired_security.workspace_id, scope, roles)
    union all
    select t.table_key, t.table_name, r.pg_role, 'select'
    from tables t cross join roles_there r
    where t.table_key in ('record_events', 'trash')
  )
  select 'rls', t.table_key, t.table_key, t.table_name, null, 'forced', null, null, null::boolean, null, null, null::oid from tables t where roles is null
  union all
  select 'policy', p.table_key || ' ' || p.pg_role || coalesce(':' || nullif(p.command, ''), ''), p.table_key, p.table_name,
    case p.pg_role when 'relvar_owner' then 'owner' else regexp_replace(p.pg_role, '^.*_(ro?_\d+)$', '\1') || coalesce('_' || nullif(p.command, ''), '') end, p.definition,
    null, null, null, null, null, null
  from policies p
  union all
  select 'grant', g.table_key || ' ' || g.pg_role, g.table_key, g.table_name, g.pg_role, g.definition, null, null, null, null, null, null
  from grants g where g.definition <> ''
$$;

-- The roles, and which of them includes which.
create or replace function engine.desired_roles(workspace_id uuid, roles text[] default null) returns setof engine.fact
language sql stable set search_path = '' set jit = off
as $$
  select 'role', r.pg_role, null, null, r.pg_role, null, null, null, null::boolean, null, null, null::oid
  from metadata.roles r where r.workspace_id = desired_roles.workspace_id and (roles is null or r.pg_role = any (roles))
  union all
  select 'membership', r.pg_role || ' ' || i.pg_role, null, null, i.pg_role, r.pg_role, null, null, null, null, null, null
  from metadata.role_includes u
  join metadata.roles r on r.id = u.role_id
  join metadata.roles i on i.id = u.included_role_id
  where u.workspace_id = desired_roles.workspace_id and (roles is null or r.pg_role = any (roles))
  union all
  select 'role', g.reading_role, null, null, g.reading_role, null, null, null, null, null, null, null
  from engine.reading_roles(desired_roles.workspace_id, roles) g
  union all
  select 'membership', g.reading_role || ' ' || engine.reading_role(i.pg_role), null, null, engine.reading_role(i.pg_role), g.reading_role, null, null, null, null, null, null
  from engine.reading_roles(desired_roles.workspace_id, roles) g
  join metadata.roles r on r.pg_role = g.pg_role
  join metadata.role_includes u on u.role_id = r.id
  join metadata.roles i on i.id = u.included_role_id
$$;

create or replace function engine.actual_roles(schema_name text, roles text[] default null) returns setof engine.fact
language sql stable set search_path = '' set jit = off
as $$
  with own as materialized (
    select r.oid, r.rolname::text as name from pg_catalog.pg_roles r
    where r.rolname >= schema_name || '_r_' and r.rolname < schema_name || '_r`' or r.rolname >= schema_name || '_ro_' and r.rolname < schema_name || '_ro`'
  )
  select 'role', r.name, null, null, r.name, null, null, null, null::boolean, null, null, r.oid
  from own r where roles is null or engine.crm_role(r.name) = any (roles)
  union all
  select 'membership', r.name || ' ' || i.name, null, null, i.name, r.name, null, null, null, null, null, null
  from own r join pg_catalog.pg_auth_members m on m.member = r.oid join own i on i.oid = m.roleid
  where roles is null or engine.crm_role(r.name) = any (roles)
$$;

-- Policies and grants as they stand. A policy is known by its role and its command, if it has the name that
-- goes with them, and read back: what it says is what PostgreSQL checks.
create or replace function engine.actual_security(tables oid[], roles text[] default null) returns setof engine.fact
language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
  v_roles oid[] := array(select r.oid from pg_catalog.pg_roles r where r.rolname = any (roles || array(select engine.reading_role(u) from unnest(roles) u)));
begin
  return query
  with t as materialized (
    select c.oid, c.relname::text as name, c.relowner, c.relacl, engine.identity_of(d.description) as key
    from unnest(tables) as u (oid)
    join pg_catalog.pg_class c on c.oid = u.oid
    left join pg_catalog.pg_description d on d.objoid = c.oid and d.classoid = 'pg_catalog.pg_class'::regclass and d.objsubid = 0
  )
  select 'policy', t.key || ' ' || coalesce(i.role || coalesce(':' || nullif(i.command, ''), ''), 'unmanaged:' || p.polname), t.key, t.name, p.polname::text,
    case when p.polpermissive and cardinality(p.polroles) = 1 then
      format('for %s to %I', case p.polcmd when '*' then 'all' when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' else 'delete' end, case p.polroles[1] when 0 then 'public' else pg_catalog.pg_get_userbyid(p.polroles[1]) end)
        || coalesce(' using (' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')', '') || coalesce(' with check (' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) || ')', '')
      else 'altered' end,
    null, null::text, null::boolean, null::text, null::text, p.oid
  from t
  join pg_catalog.pg_policy p on p.polrelid = t.oid
  left join lateral (
    select r.rolname::text as role, c.command
    from pg_catalog.pg_roles r
    cross join (select case p.polcmd when '*' then '' when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' else 'delete' end as command) c
    where r.oid = p.polroles[1]
      and p.polname::text = case r.rolname when 'relvar_owner' then 'owner' else regexp_replace(r.rolname::text, '^.*_(ro?_\d+)$', '\1') || coalesce('_' || nullif(c.command, ''), '') end
  ) i on true
  where roles is null or p.polroles && v_roles
  union all
  select 'grant', g.key || ' ' || g.grantee, g.key, g.name, g.grantee, string_agg(g.privilege, ', ' order by g.privilege collate "C"), null, null, null, null, null, null
  from (
    select t.key, t.name, coalesce(r.rolname, 'public')::text as grantee, lower(e.privilege_type) as privilege
    from t cross join lateral pg_catalog.aclexplode(t.relacl) e
    left join pg_catalog.pg_roles r on r.oid = e.grantee
    where t.key is not null and e.grantee <> t.relowner and (roles is null or e.grantee = any (v_roles))
    union all
    select t.key, t.name, coalesce(r.rolname, 'public')::text,
      lower(e.privilege_type) || ' (' || string_agg(quote_ident(a.attname), ', ' order by a.attname collate "C") || ')'
    from t
    join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attacl is not null and not a.attisdropped
    cross join lateral pg_catalog.aclexplode(a.attacl) e
    left join pg_catalog.pg_roles r on r.oid = e.grantee
    where t.key is not null and e.grantee <> t.relowner and (roles is null or e.grantee = any (v_roles))
    group by 1, 2, 3, e.privilege_type
  ) g
  group by g.key, g.name, g.grantee;
end
$$;

-- The engine keeps an index on each column that a rule finds records by.
create or replace function engine.desired_policy_indexes(workspace_id uuid, scope uuid[] default null) returns setof engine.fact
language sql stable set search_path = '' set jit = off
as $$
  select 'index', f.object_id || ' policy:' || c.key, f.object_id::text, o.table_name, engine.fit_name(o.table_name || '_' || c.name || '_policy_idx'),
    format('(%I)', c.name), engine.fact_comment('policy:' || c.key, 'policy:' || c.key), null, null::boolean, null, null, null::oid
  from engine.policy_indexes(workspace_id, scope) p
  join metadata.fields f on f.id = p.field_id and f.workspace_id = desired_policy_indexes.workspace_id and f.deleted_at is null and f.is_active
  join metadata.objects o on o.id = f.object_id and o.workspace_id = desired_policy_indexes.workspace_id
  cross join lateral (
    select engine.column_key(f.id, f.revision, t.part) as key, engine.snake_case(f.name) || t.suffix as name
    from engine.field_type_columns t where t.type = coalesce(f.result_type, f.type) and (t.part = p.part or p.part = '')
    order by t.position limit 1
  ) c
$$;
--! EndIncluded engine/permissions/security.sql
--! Included engine/permissions/flags.sql
-- What a role may do besides reading and writing records. Each flag is asked by a policy of a table of
-- metadata, by a function, or by the server; a role that includes others has theirs, too.
create or replace function engine.permission_flags() returns table (flag text, kind text, label text, description text)
language sql immutable parallel safe set search_path = ''
as $$
  select * from (values
    ('WORKSPACE', 'SETTING', 'Workspace', 'Name, logo and address of the workspace.'),
    ('WORKSPACE_MEMBERS', 'SETTING', 'Members and teams', 'Invites and removes members, gives them roles, and keeps the teams.'),
    ('ROLES', 'SETTING', 'Roles', 'Makes and changes roles. Who may do this may give anybody anything.'),
    ('DATA_MODEL', 'SETTING', 'Data model', 'Objects, fields, relations, rules and indexes.'),
    ('LAYOUTS', 'SETTING', 'Layouts', 'How the pages of records are arranged for everybody.'),
    ('SECURITY', 'SETTING', 'Security', 'How members sign in, and the audit of who did. Who may do this can let a provider of their own name anybody but administrators.'),
    ('API_KEYS_AND_WEBHOOKS', 'SETTING', 'API keys and webhooks', 'Makes and revokes API keys, registers apps and blocks them; keeps webhooks.'),
    ('WORKFLOWS', 'SETTING', 'Workflows', 'Makes, changes and starts workflows.'),
    ('APPLICATIONS', 'SETTING', 'Applications', 'Installs, upgrades and removes applications.'),
    ('MARKETPLACE_APPS', 'SETTING', 'Shared applications', 'Offers applications of this workspace to others.'),
    ('AI_SETTINGS', 'SETTING', 'AI settings', 'Which models are used, and by which agents.'),
    ('IMPERSONATE', 'SETTING', 'Impersonation', 'Works as another member, where the workspace allows it.'),
    ('SSO_BYPASS', 'SETTING', 'Sign-in without SSO', 'Signs in by password although single sign-on is enforced.'),
    ('DATABASE_ACCESS', 'SETTING', 'Database logins', 'Makes logins for psql and BI tools, which see what their member sees.'),
    ('VIEWS', 'TOOL', 'Views', 'Makes and changes the views and favourites that all members see.'),
    ('MODERATE_COMMENTS', 'TOOL', 'Moderate comments', 'Removes comments that others wrote.'),
    ('IMPORT_CSV', 'TOOL', 'Import', 'Imports records from files.'),
    ('EXPORT_CSV', 'TOOL', 'Export', 'Exports records to files.'),
    ('UPLOAD_FILE', 'TOOL', 'Upload files', 'Attaches files to records.'),
    ('DOWNLOAD_FILE', 'TOOL', 'Download files', 'Opens files of records.'),
    ('SEND_EMAIL_TOOL', 'TOOL', 'Send e-mail', 'Sends e-mail from the application.'),
    ('HTTP_REQUEST_TOOL', 'TOOL', 'HTTP requests', 'Calls other systems.'),
    ('CODE_INTERPRETER_TOOL', 'TOOL', 'Run code', 'Runs code in workflows and agents.'),
    ('AI', 'TOOL', 'AI', 'Asks the assistant and runs agents.'),
    ('CONNECTED_ACCOUNTS', 'TOOL', 'Connected accounts', 'Connects a mailbox and a calendar.'),
    ('PROFILE_INFORMATION', 'TOOL', 'Own profile', 'Changes the own name and picture.')
  ) as f (flag, kind, label, description)
$$;

create or replace function metadata.permission_flags() returns table (flag text, kind text, label text, description text)
language sql stable security definer set search_path = ''
as $$ select * from engine.permission_flags() $$;
comment on function metadata.permission_flags() is 'What a role may do besides reading and writing records: settings and tools.';
grant execute on function metadata.permission_flags() to relvar_crm;

-- A role with all that it includes, directly and further on.
create or replace function engine.role_closure(role_id uuid) returns setof uuid
language sql stable set search_path = ''
as $$
  with recursive closure (id) as (
    select role_closure.role_id
    union
    select i.included_role_id from closure c join metadata.role_includes i on i.role_id = c.id
  )
  select c.id from closure c
$$;

create or replace function engine.roles_of(pg_role name) returns setof uuid
language sql stable set search_path = ''
as $$ select c from metadata.roles r cross join lateral engine.role_closure(r.id) c where r.pg_role = engine.crm_role(roles_of.pg_role) $$;

create or replace function engine.role_may(pg_role name, flag text) returns boolean
language sql stable security definer set search_path = ''
as $$
  select exists (
    select from engine.roles_of(role_may.pg_role) c join metadata.roles r on r.id = c
    where r.has_all_permissions or role_may.flag = any (r.permissions))
$$;

-- The role is the one that was taken, also within a definer function.
create or replace function engine.may(flag text) returns boolean
language sql stable set search_path = ''
  return engine.role_may(current_setting('role')::name, flag) and engine.is_in_scope(flag);
comment on function engine.may(text) is 'Whether the session''s CRM role has a permission, such as DATA_MODEL, and an app that acts with it was granted it.';

create or replace function engine.my_roles() returns setof uuid
language sql stable security definer set search_path = ''
as $$ select engine.roles_of(current_setting('role')::name) $$;
grant execute on function engine.role_may(name, text), engine.may(text), engine.my_roles() to relvar_crm;
--! EndIncluded engine/permissions/flags.sql
--! Included engine/permissions/principals.sql
-- What policies ask once a statement: who the caller is, whom he works with, which records are shared
-- with him. The functions run as the owner and believe the role that was taken and engine.current_member().
-- CRM roles reach them through policies alone, for schema engine is closed to them by name. Those that most
-- lists ask are in PL/pgSQL, which keeps the plans of its queries for the session.

-- Members of the teams that a member is in, he himself always.
create or replace function engine.team_of(member uuid) returns setof uuid
language sql stable set search_path = ''
as $$
  select team_of.member where team_of.member is not null
  union
  select o.member_id from metadata.team_members m join metadata.team_members o on o.team_id = m.team_id where m.member_id = team_of.member
$$;

-- A member, and all members of the teams that he leads and of those beneath them.
create or replace function engine.below(member uuid) returns setof uuid
language sql stable set search_path = ''
as $$
  with recursive team (id) as (
    select m.team_id from metadata.team_members m where m.member_id = below.member and m.is_lead
    union
    select t.id from team u join metadata.teams t on t.parent_team_id = u.id
  )
  select below.member where below.member is not null
  union
  select m.member_id from team t join metadata.team_members m on m.team_id = t.id
$$;

create or replace function engine.my_team() returns setof uuid
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_member uuid := engine.current_member();
begin
  if v_member is not null then
    return next v_member;
    return query select o.member_id from metadata.team_members m join metadata.team_members o on o.team_id = m.team_id where m.member_id = v_member;
  end if;
end
$$;

create or replace function engine.below_me() returns setof uuid
language sql stable security definer set search_path = ''
as $$ select engine.below(engine.current_member()) $$;

-- Records of an object that are shared with a member or with a role.
create or replace function engine.find_shared_ids(caller name, object_id uuid, access text, member uuid) returns setof uuid
language plpgsql stable set search_path = ''
as $$
declare
  v_schema text := (select w.schema_name from metadata.roles r join core.workspaces w on w.id = r.workspace_id where r.pg_role = engine.crm_role(caller));
begin
  if v_schema is null then
    return;
  end if;
  return query execute format($sql$
      select s.record_id from %I.record_shares s
      where s.object_id = $1 and ($2 = 'READ' or s.access = 'WRITE') and (s.expires_at is null or s.expires_at > now()) and (
        s.principal_kind = 'MEMBER' and s.principal_id = $3
        or s.principal_kind = 'TEAM' and s.principal_id = any (array(select m.team_id from metadata.team_members m where m.member_id = $3))
        or s.principal_kind = 'ROLE' and s.principal_id = any (array(select engine.roles_of($4))))
    $sql$, v_schema) using object_id, access, member, caller;
end
$$;

-- Policies of private objects ask this one, which knows of who looks as somebody else (seeing.sql); others the tenant's own.
create or replace function engine.shared_ids(object_id uuid, access text) returns setof uuid
language plpgsql stable security definer set search_path = ''
as $$
begin
  if engine.seen_by() is not null and exists (select from metadata.objects o where o.id = object_id and o.is_private) then
    return query select engine.find_seen_ids(current_setting('role')::name, object_id);
  else
    return query select engine.find_shared_ids(current_setting('role')::name, object_id, access, engine.current_member());
  end if;
end
$$;

-- With whom records are shared so that the caller has them: himself, his teams, his role and what it includes.
-- The tenant's own shared_ids asks it, which has a query of its own for the tenant's shares.
create or replace function engine.my_principals() returns setof uuid
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_member uuid := engine.current_member();
begin
  if v_member is not null then
    return next v_member;
    return query select m.team_id from metadata.team_members m where m.member_id = v_member;
  end if;
  return query select engine.roles_of(current_setting('role')::name);
end
$$;

-- Records of the related object that one comparison of a rule is true of.
create or replace function engine.find_rule_ids(rule_id uuid, atom text, member uuid) returns setof uuid
language plpgsql stable set search_path = ''
as $$
declare
  v_rule metadata.record_rules;
  v_schema text;
  v_node jsonb;
  v_rest jsonb;
  v_sides jsonb;
begin
  select r.* into v_rule from metadata.record_rules r where r.id = rule_id;
  select a into v_node from engine.policy_atoms(v_rule.compiled -> 'node') a where engine.policy_atom_key(a) = atom limit 1;
  if v_node is null then
    return;
  end if;
  select w.schema_name into v_schema from core.workspaces w where w.id = v_rule.workspace_id;
  v_sides := engine.policy_sides(v_node);
  v_rest := (v_sides #> '{field,via}') - 0;
  return query execute (
    select format('select r.id from %I.%I r%s where %s', v_schema, o.table_name,
      case when v_rest = '[]' then '' else engine.formula_joins(jsonb_build_object('via', v_rest), v_schema, 'r') end,
      engine.policy_print(engine.policy_comparison(v_node, engine.policy_true_of_nothing(v_sides ->> 'op'),
        case when v_rest = '[]' then 'r' else engine.formula_alias(v_rest) end || '.', member)))
    from metadata.relations rel join metadata.objects o on o.id = rel.target_object_id
    where rel.field_id = (v_sides #>> '{field,via,0}')::uuid and rel.deleted_at is null);
end
$$;

create or replace function engine.rule_ids(rule_id uuid, atom text) returns setof uuid
language sql stable security definer set search_path = ''
as $$
  select i
  from metadata.record_rules r cross join lateral engine.find_rule_ids(r.id, rule_ids.atom, null) i
  where r.id = rule_ids.rule_id and r.role_id in (select engine.roles_of(current_setting('role')::name))
$$;

-- The conditions under which one role reads, changes and deletes records: null for every record. Changing
-- and deleting ask for reading, too. What is shared with a caller opens beside it.
create or replace function engine.record_conditions(role_id uuid, object metadata.objects, prefix text default '', member uuid default null, holder name default null,
  out on_read text, out on_update text, out on_delete text)
language plpgsql stable set search_path = ''
as $$
declare
  v_parts jsonb := '[]';
  v_updates jsonb := '[]';
  v_deletes jsonb := '[]';
  -- Whom records are shared with: the role that includes this one, where it is asked for that.
  v_role name := coalesce(holder, (select r.pg_role from metadata.roles r where r.id = role_id)::name);
  v_tree jsonb;
  r record;
begin
  if (object).is_private then
    v_parts := v_parts || jsonb_build_object('sql', format('(%screated_by_member_id = %s)', prefix, coalesce(engine.literal(member::text) || '::uuid', '( SELECT engine.private_member() AS private_member)')));
  end if;
  for r in
    select u.id, u.action, u.compiled from metadata.record_rules u
    where u.workspace_id = (object).workspace_id and u.role_id = record_conditions.role_id and u.object_id = (object).id order by u.action
  loop
    v_tree := engine.policy_tree(r.compiled -> 'node', false, r.id, prefix, member);
    case r.action
      when 'READ' then v_parts := v_parts || v_tree;
      when 'UPDATE' then v_updates := v_updates || v_tree;
      else v_deletes := v_deletes || v_tree;
    end case;
  end loop;
  if (object).is_junction and not exists (select from metadata.object_permissions p
      where p.workspace_id = (object).workspace_id and p.role_id = record_conditions.role_id and p.object_id = (object).id) then
    for r in
      select s.side_id, (engine.formula_columns(f, '', prefix))[1] as link
      from engine.junction_sides((object).workspace_id) s
      join metadata.fields f on f.id = s.field_id
      join metadata.objects o on o.id = s.side_id
      where s.object_id = (object).id and (o.is_private or exists (
        select from metadata.record_rules u
          where u.workspace_id = (object).workspace_id and u.role_id = record_conditions.role_id and u.object_id = o.id and u.action = 'READ'))
      order by s.field_id
    loop
      v_parts := v_parts || jsonb_build_object('sql', format(case when member is null then '(%s = ANY (ARRAY( SELECT engine.visible_ids(%L::uuid) AS visible_ids)))'
        else '(%s = ANY (ARRAY( SELECT engine.find_visible_ids(%4$L::name, %2$L::uuid, %3$L::uuid))))' end, r.link, r.side_id, member, v_role));
    end loop;
    on_read := case when v_parts <> '[]' then engine.policy_print(engine.policy_joined('and', v_parts)) end;
    on_update := on_read;
    on_delete := on_read;
    return;
  end if;
  on_read := engine.beside_shares(v_parts, object, 'READ', prefix, v_role, member);
  on_update := engine.beside_shares(v_parts || v_updates, object, 'WRITE', prefix, v_role, member);
  on_delete := case when v_parts || v_deletes <> '[]' then engine.policy_print(engine.policy_joined('and', v_parts || v_deletes)) end;
end
$$;

create or replace function engine.beside_shares(parts jsonb, object metadata.objects, access text, prefix text, role name, member uuid) returns text
language plpgsql stable set search_path = ''
as $$
begin
  if parts = '[]' then
    return null;
  end if;
  return engine.policy_print(engine.policy_joined('or', jsonb_build_array(engine.policy_joined('and', parts),
    jsonb_build_object('sql', format('(%sid = ANY (ARRAY%s))', prefix, case when member is null
      then format('( SELECT %I.shared_ids(%L::uuid, %L::text) AS shared_ids)', case when (object).is_private then 'engine' else (select w.schema_name from core.workspaces w where w.id = (object).workspace_id) end, (object).id, access)
      else format('( SELECT engine.find_shared_ids(%L::name, %L::uuid, %L::text, %L::uuid))', role, (object).id, access, member) end)))));
end
$$;

-- For a role with all that it includes: what functions of the owner ask beside their own conditions,
-- where a policy would keep an index from being used. 'true' for every record, 'false' for none.
create or replace function engine.condition_of(caller name, object_id uuid, action text, prefix text default '', member uuid default null) returns text
language plpgsql stable set search_path = '' set jit = off
as $$
declare
  v_object metadata.objects;
  v_roles text[];
  v_conditions text[];
begin
  if member is null and engine.acts_as_administrator() then
    return 'true';
  end if;
  select o.* into v_object from metadata.objects o where o.id = object_id;
  v_roles := array(select i.pg_role from metadata.roles i where i.id = any (array(select engine.roles_of(caller))));
  v_conditions := array(
    select coalesce(case action when 'READ' then r.on_read when 'UPDATE' then r.on_update else r.on_delete end, 'true')
    from engine.effective_permissions(v_object.workspace_id, array[v_object.id], v_roles) p
    cross join lateral engine.record_conditions(p.role_id, v_object, prefix, member, caller) r
    where case action when 'READ' then p.can_read when 'UPDATE' then p.can_update when 'DESTROY' then p.can_delete and p.can_destroy else p.can_delete end
    order by p.role_id);
  return case when v_conditions = '{}' then 'false' when 'true' = any (v_conditions) then 'true'
    when cardinality(v_conditions) = 1 then v_conditions[1] else '(' || array_to_string(v_conditions, ' OR ') || ')' end;
end
$$;
comment on function engine.condition_of(name, uuid, text, text, uuid) is
  'The records of an object that a role reads, changes or deletes, as a condition over its table; for functions that run as the owner.';

create or replace function engine.find_visible_ids(caller name, object_id uuid, member uuid default null) returns setof uuid
language plpgsql stable set search_path = ''
as $$
begin
  return query execute (
    select format('select t.id from %I.%I t where %s', w.schema_name, o.table_name, engine.condition_of(caller, o.id, 'READ', 't.', member))
    from metadata.objects o join core.workspaces w on w.id = o.workspace_id where o.id = find_visible_ids.object_id);
end
$$;

-- Records that the caller sees of an object whose links he looks at.
create or replace function engine.visible_ids(object_id uuid) returns setof uuid
language sql stable security definer set search_path = ''
as $$
  select engine.find_visible_ids(r.pg_role, o.id)
  from metadata.roles r join metadata.objects o on o.workspace_id = r.workspace_id
  where r.pg_role = engine.crm_role(current_setting('role')) and o.id = visible_ids.object_id
$$;

-- Whether the caller may do something with one record that there is.
create or replace function engine.may_touch(caller name, object_id uuid, record_id uuid, action text) returns boolean
language plpgsql stable set search_path = ''
as $$
declare
  v_found boolean;
begin
  execute (
    select format('select exists (select from %I.%I t where t.id = $1 and %s and %s)', w.schema_name, o.table_name,
      engine.condition_of(caller, o.id, 'READ', 't.'), case action when 'READ' then 'true' else engine.condition_of(caller, o.id, action, 't.') end)
    from metadata.objects o join core.workspaces w on w.id = o.workspace_id where o.id = may_touch.object_id) into v_found using record_id;
  return v_found;
end
$$;

grant execute on function engine.my_team(), engine.below_me(), engine.shared_ids(uuid, text), engine.rule_ids(uuid, text), engine.visible_ids(uuid) to relvar_crm;
grant execute on function engine.my_principals() to relvar_crm, relvar_reader;
--! EndIncluded engine/permissions/principals.sql


-- Owners hear of every change of a sign-in.
--! Included core/accounts.sql
-- What an account needs mails for: a forgotten password, a link to sign in, a proved or another
-- address. None of these says whether an address is known: what is not is passed over in silence.

create or replace function core.user_of(email text) returns core.users
language sql stable set search_path = ''
as $$ select u from core.users u where lower(u.email) = lower(btrim(user_of.email)) and u.disabled_at is null $$;

create or replace function core.request_password_reset(email text, ip inet default null, user_agent text default null) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_user core.users := core.user_of(email);
begin
  perform core.note_auth_event('PASSWORD_RESET_REQUESTED', null, v_user.id, lower(btrim(email)), ip, user_agent);
  if v_user.id is not null then
    perform core.queue_mail(v_user.email, 'reset_password',
      jsonb_build_object('token', core.issue_token('RESET_PASSWORD', v_user.email, v_user.id, '30 minutes')), null, v_user.locale);
  end if;
end
$$;

-- Ends all sessions, and all other links of that kind: whoever had asked for them is not trusted any more.
create or replace function core.reset_password(token text, password_hash text, ip inet default null, user_agent text default null) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_token core.one_time_tokens := core.use_token('RESET_PASSWORD', token);
  v_user core.users;
begin
  if v_token.id is null then
    return null;
  end if;
  -- Who reads the mailbox of an address has proved it; one that was changed meanwhile is not theirs any more.
  update core.users u set email_verified_at = coalesce(u.email_verified_at, now())
  where u.id = v_token.user_id and u.email = v_token.email and u.disabled_at is null returning u.* into v_user;
  if not found then
    return null;
  end if;
  perform core.set_password(v_user.id, reset_password.password_hash);
  update core.one_time_tokens t set used_at = now() where t.user_id = v_user.id and t.kind in ('RESET_PASSWORD', 'MAGIC_LINK') and t.used_at is null;
  perform core.note_auth_event('PASSWORD_RESET', null, v_user.id, v_user.email, ip, user_agent);
  perform core.tell_password_changed(v_user.id, ip, user_agent);
  return v_user.id;
end
$$;

create or replace function core.tell_password_changed(user_id uuid, ip inet default null, user_agent text default null) returns void
language sql volatile security definer set search_path = ''
as $$
  select core.queue_mail(u.email, 'password_changed',
    jsonb_build_object('userAgent', left(tell_password_changed.user_agent, 200), 'ipAddress', host(tell_password_changed.ip), 'happenedAt', now()), null, u.locale)
  from core.users u where u.id = tell_password_changed.user_id
$$;
comment on function core.tell_password_changed(uuid, inet, text) is 'Tells a user by mail that the password was changed.';

create or replace function core.request_magic_link(email text, workspace_slug text, next_path text, ip inet default null, user_agent text default null) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_user core.users := core.user_of(email);
begin
  perform core.note_auth_event('MAGIC_LINK_REQUESTED', null, v_user.id, lower(btrim(email)), ip, user_agent);
  if exists (select from core.magic_workspaces(v_user.id) w where w.slug = workspace_slug or workspace_slug is null) then
    perform core.queue_mail(v_user.email, 'magic_link', jsonb_build_object('token', core.issue_token('MAGIC_LINK', v_user.email, v_user.id, '15 minutes',
      payload => jsonb_strip_nulls(jsonb_build_object('workspace', workspace_slug, 'next', next_path)))),
      (select w.id from core.workspaces w where w.slug = workspace_slug), v_user.locale);
  end if;
end
$$;

-- Where a user may sign in by a link.
create or replace function core.magic_workspaces(user_id uuid) returns table (id uuid, slug text, name text)
language sql stable set search_path = ''
as $$
  select w.id, w.slug, w.name
  from core.members m join core.workspaces w on w.id = m.workspace_id left join core.joining j on j.workspace_id = w.id
  where m.user_id = magic_workspaces.user_id and m.is_active and coalesce(j.is_magic_link_on, true)
$$;

create or replace function core.look_at_magic_link(token text) returns table (user_id uuid, email text, next_path text, workspaces jsonb)
language sql stable security definer set search_path = ''
as $$
  select u.id, u.email, t.payload ->> 'next',
    coalesce((select jsonb_agg(jsonb_build_object('id', w.id, 'slug', w.slug, 'name', w.name) order by w.slug)
      from core.magic_workspaces(u.id) w where t.payload ->> 'workspace' is null or w.slug = t.payload ->> 'workspace'), '[]')
  from core.look_at_token('MAGIC_LINK', look_at_magic_link.token) t
  join core.users u on u.id = t.user_id and u.email = t.email and u.disabled_at is null
$$;

create or replace function core.use_magic_link(token text) returns uuid
language sql volatile security definer set search_path = ''
as $$
  update core.users u set email_verified_at = coalesce(u.email_verified_at, now())
  from core.use_token('MAGIC_LINK', use_magic_link.token) t
  where u.id = t.user_id and u.email = t.email and u.disabled_at is null
  returning u.id
$$;

create or replace function core.is_email_verified(user_id uuid) returns boolean
language sql stable security definer set search_path = ''
as $$ select coalesce((select u.email_verified_at is not null from core.users u where u.id = is_email_verified.user_id), false) $$;

create or replace function core.request_verification(user_id uuid, ip inet default null, user_agent text default null) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_user core.users;
begin
  select * into v_user from core.users u where u.id = request_verification.user_id and u.email_verified_at is null;
  if found then
    perform core.note_auth_event('EMAIL_VERIFICATION_REQUESTED', null, v_user.id, v_user.email, ip, user_agent);
    perform core.queue_mail(v_user.email, 'verify_email',
      jsonb_build_object('token', core.issue_token('VERIFY_EMAIL', v_user.email, v_user.id, '1 hour')), null, v_user.locale);
  end if;
end
$$;

create or replace function core.verify_email(token text, ip inet default null, user_agent text default null) returns text
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_token core.one_time_tokens := core.use_token('VERIFY_EMAIL', token);
  v_email text;
begin
  update core.users u set email_verified_at = coalesce(u.email_verified_at, now())
  where u.id = v_token.user_id and u.email = v_token.email and u.disabled_at is null returning u.email into v_email;
  if found then
    perform core.note_auth_event('EMAIL_VERIFIED', null, v_token.user_id, v_email, ip, user_agent);
  end if;
  return v_email;
end
$$;

-- The new address gets the link. One that belongs to somebody gets nothing, and the asker the same answer.
create or replace function core.request_email_change(user_id uuid, new_email text, ip inet default null, user_agent text default null) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_user core.users;
  v_email text := lower(btrim(new_email));
begin
  select * into strict v_user from core.users u where u.id = request_email_change.user_id;
  perform core.note_auth_event('EMAIL_CHANGE_REQUESTED', null, v_user.id, v_user.email, ip, user_agent, jsonb_build_object('newEmail', v_email));
  if not exists (select from core.users u where lower(u.email) = v_email) then
    perform core.queue_mail(v_email, 'change_email', jsonb_build_object('formerEmail', v_user.email, 'token',
      core.issue_token('CHANGE_EMAIL', v_email, v_user.id, '1 hour', payload => jsonb_build_object('formerEmail', v_user.email))), null, v_user.locale);
  end if;
end
$$;

create or replace function core.change_email(token text, ip inet default null, user_agent text default null) returns text
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_token core.one_time_tokens := core.use_token('CHANGE_EMAIL', token);
  v_former text := v_token.payload ->> 'formerEmail';
begin
  begin
    update core.users u set email = v_token.email, email_verified_at = now()
    where u.id = v_token.user_id and u.email = v_former and u.disabled_at is null;
  exception when unique_violation then
    -- Somebody made an account with the address meanwhile.
    return null;
  end;
  if v_token.id is null or not found then
    return null;
  end if;
  -- Links that went to the former address are for the account no more.
  update core.one_time_tokens t set used_at = now() where t.user_id = v_token.user_id and t.used_at is null;
  perform core.note_auth_event('EMAIL_CHANGED', null, v_token.user_id, v_token.email, ip, user_agent, jsonb_build_object('formerEmail', v_former));
  perform core.queue_mail(v_former, 'email_changed', jsonb_build_object('email', v_token.email, 'userAgent', left(user_agent, 200), 'ipAddress', host(ip), 'happenedAt', now()));
  return v_token.email;
end
$$;

grant execute on function core.request_password_reset(text, inet, text), core.reset_password(text, text, inet, text), core.tell_password_changed(uuid, inet, text),
  core.request_magic_link(text, text, text, inet, text), core.look_at_magic_link(text), core.use_magic_link(text), core.is_email_verified(uuid),
  core.request_verification(uuid, inet, text), core.verify_email(text, inet, text), core.request_email_change(uuid, text, inet, text),
  core.change_email(text, inet, text) to relvar_server;
--! EndIncluded core/accounts.sql
--! Included core/sessions.sql
-- Sessions. Their access tokens are signed and short-lived, and believed only while the session is alive; their refresh
-- tokens are used once, and one that comes again ends the session, since one of the two who had it has stolen it.

-- provider_id: the identity provider that has named the user. from_session_id: with the method SWITCH, the session that is
-- left; what proved that one proves the next, as far as the other workspace allows it. One that an identity
-- provider began is for the provider's workspace alone.
create or replace function core.create_session(
  user_id uuid, workspace_id uuid, method text, token_hash bytea, token_expires_at timestamptz, expires_at timestamptz,
  ip inet default null, user_agent text default null, mfa_at timestamptz default null,
  provider_id uuid default null, from_session_id uuid default null
) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_method text := create_session.method;
  v_signed_in_at timestamptz := now();
  v_id uuid;
begin
  if v_method = 'SWITCH' then
    -- With an invitation or a sign-up comes a password.
    select case when s.method in ('INVITATION', 'SIGN_UP') then 'PASSWORD' else s.method end, s.signed_in_at into v_method, v_signed_in_at from core.sessions s
    where s.id = create_session.from_session_id and s.user_id = create_session.user_id and s.revoked_at is null and s.provider_id is null;
    if not found then
      raise exception 'A sign-in by the provider of one workspace does not open another.' using errcode = 'RV131', hint = 'Sign in to the other workspace.';
    end if;
  end if;
  perform core.assert_method(workspace_id, user_id, v_method, provider_id);
  -- No membership, no session.
  insert into core.sessions (user_id, workspace_id, method, ip, user_agent, expires_at, mfa_at, provider_id, signed_in_at)
  select m.user_id, m.workspace_id, v_method, create_session.ip, left(create_session.user_agent, 500),
    create_session.expires_at, create_session.mfa_at, create_session.provider_id, v_signed_in_at
  from core.members m join core.users u on u.id = m.user_id
  where m.user_id = create_session.user_id and m.workspace_id = create_session.workspace_id and m.is_active and u.disabled_at is null
  returning id into v_id;
  if v_id is not null then
    insert into core.refresh_tokens (token_hash, session_id, expires_at)
    values (create_session.token_hash, v_id, least(create_session.token_expires_at, create_session.expires_at));
  end if;
  return v_id;
end
$$;

-- A session that an identity provider began changes nothing of the account, which may belong to other workspaces, too.
create or replace function core.is_provider_session(session_id uuid) returns boolean
language sql stable security definer set search_path = ''
as $$ select exists (select from core.sessions s where s.id = is_provider_session.session_id and s.provider_id is not null) $$;
comment on function core.is_provider_session(uuid) is 'Whether an identity provider of the workspace began the session.';

-- What a workspace remembers of its members' sessions: who it is now, with the role that the member has now.
create or replace function core.resolve_session(session_id uuid) returns setof core.identity
language sql stable security definer set search_path = ''
as $$
  select w.id, w.slug, w.name, w.schema_name, r.pg_role, r.name, m.id, u.id, null::uuid, u.email, m.name, w.model_version, w.shape,
    s.id, null::int, i.id, coalesce(nullif(i.name, ''), i.email)
  from core.sessions s
  join core.users u on u.id = s.user_id and u.disabled_at is null
  join core.members m on m.user_id = s.user_id and m.workspace_id = s.workspace_id and m.is_active
  join metadata.roles r on r.id = m.role_id
  join core.workspaces w on w.id = s.workspace_id
  left join core.users i on i.id = s.impersonator_user_id
  where s.id = resolve_session.session_id and s.revoked_at is null and s.expires_at > now()
    and case when s.impersonator_user_id is null then true
      else core.may_impersonate(i.id, m.id) and exists (select from core.sessions f where f.id = s.from_session_id and f.revoked_at is null and f.expires_at > now()) end
$$;

-- One row for a token that was ever issued. Two tabs of one browser may refresh at the same moment, and an answer may be
-- lost on its way, so a token may come again for a minute; after that it is theft.
create or replace function core.rotate_refresh_token(token_hash bytea, next_hash bytea, next_expires_at timestamptz, ip inet, user_agent text)
returns table (outcome text, session_id uuid, user_id uuid, workspace_id uuid, token_expires_at timestamptz)
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_token core.refresh_tokens;
  v_session core.sessions;
begin
  select * into v_token from core.refresh_tokens t where t.token_hash = rotate_refresh_token.token_hash for update;
  if not found then
    return;
  end if;
  select * into v_session from core.sessions s where s.id = v_token.session_id for update;
  if v_token.used_at < now() - interval '60 seconds' and v_session.revoked_at is null then
    perform core.revoke_session(v_session.id, 'REFRESH_REUSED');
    perform core.queue_mail(u.email, 'sessions_revoked', jsonb_build_object(
      'userAgent', left(coalesce(v_session.user_agent, ''), 200), 'ipAddress', host(rotate_refresh_token.ip), 'happenedAt', now()), v_session.workspace_id)
    from core.users u where u.id = v_session.user_id and core.is_email(u.email);
    return query select 'REUSED', v_session.id, v_session.user_id, v_session.workspace_id, null::timestamptz;
    return;
  end if;
  if v_session.revoked_at is not null or v_session.expires_at <= now() or v_token.expires_at <= now()
    or v_token.used_at < now() - interval '60 seconds'
    or not exists (select from core.resolve_session(v_session.id))
    -- What the workspace allows, or the role of the member, has changed meanwhile.
    or v_session.impersonator_user_id is null
      and core.method_refusal(v_session.workspace_id, v_session.user_id, v_session.method, v_session.provider_id) is not null then
    return query select 'ENDED', v_session.id, v_session.user_id, v_session.workspace_id, null::timestamptz;
    return;
  end if;
  update core.refresh_tokens t set used_at = coalesce(t.used_at, now()) where t.token_hash = v_token.token_hash;
  insert into core.refresh_tokens (token_hash, session_id, expires_at)
  values (rotate_refresh_token.next_hash, v_session.id, least(rotate_refresh_token.next_expires_at, v_session.expires_at));
  update core.sessions s set last_used_at = now(), ip = coalesce(rotate_refresh_token.ip, s.ip),
    user_agent = coalesce(left(rotate_refresh_token.user_agent, 500), s.user_agent)
  where s.id = v_session.id;
  return query select 'ROTATED', v_session.id, v_session.user_id, v_session.workspace_id, least(rotate_refresh_token.next_expires_at, v_session.expires_at);
end
$$;

-- Every server remembers who is signed in for some seconds, so each is told.
create or replace function core.revoke_session(session_id uuid, reason text) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
begin
  update core.sessions s set revoked_at = now(), revoked_reason = revoke_session.reason
  where s.id = revoke_session.session_id and s.revoked_at is null;
  if not found then
    return false;
  end if;
  perform pg_notify('relvar_identity', json_build_object('session', session_id)::text);
  return true;
end
$$;
comment on function core.revoke_session(uuid, text) is 'Ends a session on all servers, within a moment. False when it had ended already.';

-- What a session sees and ends of the others: one that an identity provider began, those in its own workspace.
create or replace function core.is_in_reach(s core.sessions, own_session_id uuid) returns boolean
language sql stable set search_path = ''
as $$
  select not exists (select from core.sessions o where o.id = own_session_id and o.provider_id is not null and o.workspace_id <> (s).workspace_id)
$$;

create or replace function core.revoke_sessions(user_id uuid, reason text, except_session_id uuid default null) returns int
language sql volatile security definer set search_path = ''
as $$
  select count(*) filter (where core.revoke_session(s.id, revoke_sessions.reason))::int from core.sessions s
  where s.user_id = revoke_sessions.user_id and s.revoked_at is null and s.id is distinct from revoke_sessions.except_session_id
    and core.is_in_reach(s, revoke_sessions.except_session_id)
$$;
comment on function core.revoke_sessions(uuid, text, uuid) is
  'Ends all sessions of a user in all workspaces, or all but one; where that was begun by an identity provider, those in its workspace.';

create or replace function core.list_sessions(user_id uuid, own_session_id uuid)
returns table (id uuid, workspace_name text, method text, user_agent text, ip text, created_at timestamptz, last_used_at timestamptz, mfa_at timestamptz, impersonator text)
language sql stable security definer set search_path = ''
as $$
  select s.id, w.name, s.method, s.user_agent, host(s.ip), s.created_at, s.last_used_at, s.mfa_at, coalesce(nullif(i.name, ''), i.email)
  from core.sessions s
  join core.workspaces w on w.id = s.workspace_id
  left join core.users i on i.id = s.impersonator_user_id
  where s.user_id = list_sessions.user_id and s.revoked_at is null and s.expires_at > now()
    -- A session whose last refresh token has run out is over, whatever it was good for.
    and exists (select from core.refresh_tokens t where t.session_id = s.id and t.expires_at > now() and t.used_at is null)
    and core.is_in_reach(s, list_sessions.own_session_id)
  order by s.last_used_at desc
$$;

create or replace function core.revoke_own_session(user_id uuid, session_id uuid) returns boolean
language sql volatile security definer set search_path = ''
as $$
  select core.revoke_session(s.id, 'SIGNED_OUT') from core.sessions s
  where s.id = revoke_own_session.session_id and s.user_id = revoke_own_session.user_id
$$;
comment on function core.revoke_own_session(uuid, uuid) is 'Ends a session of the user, and nobody else''s. Null when it is not theirs.';

create or replace function core.end_session_of_token(token_hash bytea) returns boolean
language sql volatile security definer set search_path = ''
as $$
  select core.revoke_session(t.session_id, 'SIGNED_OUT') from core.refresh_tokens t where t.token_hash = end_session_of_token.token_hash
$$;

-- Refresh tokens that were used long ago are kept as long as their family, so that theft is noticed to the end.
create or replace function core.forget_sessions() returns void
language sql volatile security definer set search_path = ''
as $$ delete from core.sessions s where s.expires_at < now() - interval '30 days' or s.revoked_at < now() - interval '30 days' $$;

-- What ends membership ends what was remembered of it.
create or replace function core.tg_members__forget_identities() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform pg_notify('relvar_identity', json_build_object('workspace', coalesce(new.workspace_id, old.workspace_id))::text);
  return null;
end
$$;
drop trigger if exists _500_forget_identities on core.members;
create trigger _500_forget_identities after update of role_id, is_active, name or delete on core.members
  for each row execute function core.tg_members__forget_identities();

create or replace function core.tg_users__forget_identities() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform pg_notify('relvar_identity', json_build_object('user', new.id)::text);
  return null;
end
$$;
drop trigger if exists _500_forget_identities on core.users;
create trigger _500_forget_identities after update of email, disabled_at on core.users
  for each row execute function core.tg_users__forget_identities();

-- A new password, however it came about, ends what was open with the old one; who changes it keeps the present session.
create or replace function core.set_password(user_id uuid, password_hash text, except_session_id uuid default null) returns int
language sql volatile security definer set search_path = ''
as $$
  update core.users u set password_hash = set_password.password_hash, password_changed_at = now() where u.id = set_password.user_id;
  select core.revoke_sessions(set_password.user_id, 'PASSWORD_CHANGED', set_password.except_session_id);
$$;
comment on function core.set_password(uuid, text, uuid) is 'Sets the password of a user and ends their other sessions; returns how many.';

create or replace function core.change_password(user_id uuid, password_hash text, session_id uuid, ip inet default null, user_agent text default null) returns int
language sql volatile security definer set search_path = ''
as $$
  select core.queue_mail(u.email, 'password_changed',
    jsonb_build_object('userAgent', left(coalesce(change_password.user_agent, ''), 200), 'ipAddress', host(change_password.ip), 'happenedAt', now()))
  from core.users u where u.id = change_password.user_id and core.is_email(u.email);
  select core.set_password(change_password.user_id, change_password.password_hash, change_password.session_id);
$$;
comment on function core.change_password(uuid, text, uuid, inet, text) is 'As core.set_password, by the user; the present session goes on, and a mail tells of it.';

create or replace function core.workspaces_of(user_id uuid) returns table (id uuid, slug text, name text)
language sql stable security definer set search_path = ''
as $$
  select w.id, w.slug, w.name from core.members m join core.workspaces w on w.id = m.workspace_id
  where m.user_id = workspaces_of.user_id and m.is_active order by w.name, w.id
$$;

create or replace function core.session_mfa_at(session_id uuid) returns timestamptz
language sql stable security definer set search_path = ''
as $$ select s.mfa_at from core.sessions s where s.id = session_mfa_at.session_id $$;
comment on function core.session_mfa_at(uuid) is 'When a second factor was last proved in a session, or the one that it was switched from; null for never.';

-- Changing a workspace begins another session, but nobody proves anything by it.
create or replace function core.proof_of(session_id uuid) returns table (password_hash text, is_fresh boolean)
language sql stable security definer set search_path = ''
as $$
  select u.password_hash, coalesce(s.mfa_at > now() - interval '10 minutes', false)
    or u.password_hash is null and s.signed_in_at > now() - interval '10 minutes'
  from core.sessions s join core.users u on u.id = s.user_id where s.id = proof_of.session_id and u.disabled_at is null
$$;
comment on function core.proof_of(uuid) is
  'What shows that the owner sits before a session: the password, and whether a second factor, or for who has no password the sign-in, is at most ten minutes old.';

-- The first user of an instance administers it.
create or replace function core.tg_users__first_administers() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  if not exists (select from core.users) then
    new.is_instance_admin := true;
  end if;
  return new;
end
$$;
drop trigger if exists _100_first_administers on core.users;
create trigger _100_first_administers before insert on core.users for each row execute function core.tg_users__first_administers();

grant execute on function core.create_session(uuid, uuid, text, bytea, timestamptz, timestamptz, inet, text, timestamptz, uuid, uuid),
  core.is_provider_session(uuid), core.resolve_session(uuid), core.rotate_refresh_token(bytea, bytea, timestamptz, inet, text), core.revoke_session(uuid, text),
  core.revoke_sessions(uuid, text, uuid), core.list_sessions(uuid, uuid), core.revoke_own_session(uuid, uuid), core.end_session_of_token(bytea), core.forget_sessions(),
  core.set_password(uuid, text, uuid), core.change_password(uuid, text, uuid, inet, text), core.proof_of(uuid), core.workspaces_of(uuid),
  core.session_mfa_at(uuid) to relvar_server;
--! EndIncluded core/sessions.sql
--! Included core/sign_in_changes.sql
-- Whoever gets at an account changes how one signs in to it. So its owner hears of each such change, through whatever door it
-- came: what the audit is told, the owner is.
create or replace function core.tg_auth_events__tell_owner() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform core.queue_mail(u.email, 'sign_in_changed', jsonb_strip_nulls(jsonb_build_object('change', new.kind, 'name', new.detail ->> 'name',
    'userAgent', nullif(left(new.user_agent, 200), ''), 'ipAddress', host(new.ip), 'happenedAt', now())), new.workspace_id, u.locale)
  from core.users u where u.id = new.user_id and core.is_email(u.email);
  return null;
end
$$;
create or replace trigger _400_tell_owner after insert on core.auth_events for each row
  when (new.kind in ('PASSKEY_ADDED', 'PASSKEY_REMOVED', 'SECOND_FACTOR_ON', 'SECOND_FACTOR_OFF', 'RECOVERY_CODES_MADE')) execute function core.tg_auth_events__tell_owner();
--! EndIncluded core/sign_in_changes.sql

-- History: fields, moments, taking back.
create type engine.past_name as (name text, past_name text, since timestamptz, until timestamptz, pg_type text, typed_since timestamptz);
create type engine.revert_item as (object_id uuid, object_name text, record_id uuid, label text, action text, before jsonb, after jsonb, conflicts jsonb);
--! Included engine/past/names.sql
-- The log names values by the columns of their time. Where a field was renamed, or another had its name
-- before, these say which column of today a name of then stands for; where its type changed, since when
-- values are of the type of today. Names that stood for one field only need no times.

create or replace function engine.past_names(object metadata.objects)
returns setof engine.past_name
language sql stable set search_path = ''
as $$
  with change as materialized (
    select m.row_id as field_id, engine.snake_case(m.before ->> 'name') as former, m.before ->> 'name' is distinct from m.after ->> 'name' as is_renamed,
      m.after is not null and m.before ->> 'type' is distinct from m.after ->> 'type' as is_retyped, v.happened_at, m.version, m.seq
    from metadata.model_changes m
    join metadata.model_versions v on v.workspace_id = m.workspace_id and v.version = m.version
    where m.workspace_id = (object).workspace_id and m.table_name = 'fields' and m.before ->> 'object_id' = (object).id::text
  ), rename as (
    select c.field_id, c.former, c.happened_at as until, lag(c.happened_at) over (partition by c.field_id order by c.version, c.seq) as since
    from change c where c.is_renamed
  ), col as (
    select c.field_id, c.name, engine.snake_case(f.name) as base, c.pg_type,
      (select max(h.happened_at) from change h where h.field_id = c.field_id and h.is_retyped) as typed_since
    from engine.columns((object).workspace_id, array[(object).id]) c
    join metadata.fields f on f.id = c.field_id
    where c.is_active
  ), named as (
    select c.name, c.name as past_name, (select max(r.until) from rename r where r.field_id = c.field_id) as since, null::timestamptz as until, c.pg_type, c.typed_since
    from col c
    union all
    select c.name, r.former || substr(c.name, length(c.base) + 1), r.since, r.until, c.pg_type, c.typed_since
    from col c join rename r on r.field_id = c.field_id
    where r.former <> c.base
  ), taken as (
    -- Names that other fields had, also fields that are gone.
    select n.*, (select max(r.until) from rename r where r.field_id not in (select c.field_id from col c where c.name = n.name)
        and (n.past_name = r.former or starts_with(n.past_name, r.former || '_')) and (n.until is null or r.until < n.until)) as others_until,
      count(*) over (partition by n.past_name) as n
    from named n
  )
  select t.name, t.past_name, case when t.n > 1 then greatest(t.since, t.others_until) else t.others_until end, case when t.n > 1 then t.until end, t.pg_type, t.typed_since
  from taken t
$$;

-- Whether a value, as the log has it, is one of a column of a type.
create or replace function engine.fits(value jsonb, pg_type text) returns boolean
language plpgsql stable set search_path = ''
as $$
begin
  if pg_type like '%[]' or jsonb_typeof(value) = 'array' and pg_type <> 'jsonb' then
    return pg_type = 'text[]' and jsonb_typeof(value) = 'array';
  end if;
  execute format('select ($1 #>> ''{}'')::%s', pg_type) using value;
  return true;
exception
  when data_exception or datetime_field_overflow or invalid_text_representation then
    return false;
end
$$;

-- The values of an event under the names of today. What has no place in the record as it is now is left out; what
-- is no value of the type of today is none.
create or replace function engine.named_today(data jsonb, happened_at timestamptz, names engine.past_name[]) returns jsonb
language sql stable set search_path = ''
as $$
  select case when data is not null then coalesce(jsonb_object_agg(n.name, case when n.typed_since is null or named_today.happened_at > n.typed_since or engine.fits(e.value, n.pg_type) then e.value else 'null' end), '{}') end
  from jsonb_each(data) e
  join unnest(names) n on n.past_name = e.key and (n.since is null or named_today.happened_at > n.since) and (n.until is null or named_today.happened_at <= n.until)
$$;

-- How the before and after of an event, e, are read: as they stand, where no name or type of the object ever changed.
create or replace function engine.reading_of(object metadata.objects, side text) returns text
language sql stable set search_path = ''
as $$
  select case when exists (select from engine.past_names(object) p where p.since is not null or p.until is not null or p.typed_since is not null or p.name <> p.past_name)
    then format('engine.named_today(e.%I, e.happened_at, (select array_agg(n) from engine.past_names((select o from metadata.objects o where o.id = %L::uuid)) n))', side, (object).id)
    else format('e.%I', side) end
$$;
--! EndIncluded engine/past/names.sql
--! Included engine/past/as_of.sql
-- Records as they were at a moment: those that nothing happened to since as they stand, and of the others
-- what stands with the former values that the log has, the oldest first. So a moment costs what happened
-- after it. What transactions left that began by the moment is what was then.
--
-- Who sees some records only sees those that he sees now and saw then, by the rules of now; who sees some
-- fields only, those. What the record was in fields that he does not see, the rules of then and now ask.

-- The object whose records a row type is of, for who reads them.
create or replace function engine.object_of_rows(caller name, schema_name text, row_type regtype) returns metadata.objects
language plpgsql stable set search_path = ''
as $$
declare
  v_object metadata.objects;
begin
  select o.* into v_object
  from pg_catalog.pg_type y
  join pg_catalog.pg_class c on c.oid = y.typrelid and c.relnamespace = to_regnamespace(quote_ident(schema_name))::oid
  join core.workspaces w on w.schema_name = object_of_rows.schema_name
  join metadata.objects o on o.workspace_id = w.id and o.table_name = c.relname and o.deleted_at is null
  where y.oid = row_type;
  if not found then
    raise exception 'There is no table of records of this type here.' using errcode = 'RV011', hint = 'Name the table, such as: select * from as_of(null::people, ''2026-11-01'').';
  end if;
  if not engine.has_right(caller, v_object.id, 'READ') then
    raise exception 'Your role may not read %.', v_object.label_plural using errcode = '42501';
  end if;
  if not v_object.is_audited then
    raise exception '% keep no history.', v_object.label_plural using errcode = 'RV195', hint = 'The log of changes is turned off for them. Turn it on, and from then on there is a history.';
  end if;
  return v_object;
end
$$;

-- A column of what was put together again: what is computed from the record itself is computed anew.
create or replace function engine.past_column(attribute pg_catalog.pg_attribute, is_rebuilt boolean, is_readable boolean) returns text
language sql stable set search_path = ''
as $$
  select case
    when not is_readable or (attribute).atttypid = 'pg_catalog.tsvector'::regtype then 'null::' || pg_catalog.format_type((attribute).atttypid, (attribute).atttypmod)
    when is_rebuilt and (attribute).attgenerated <> '' then (
      select '(' || pg_catalog.pg_get_expr(d.adbin, d.adrelid) || ')' from pg_catalog.pg_attrdef d where d.adrelid = (attribute).attrelid and d.adnum = (attribute).attnum)
    else quote_ident((attribute).attname) end
$$;

-- A column of a record that was changed since, p as it stands, with the former values that the log has. Column by column, since
-- jsonb_populate_record costs several times as much; it reads what is no scalar.
create or replace function engine.former_column(attribute pg_catalog.pg_attribute) returns text
language sql stable set search_path = ''
as $$
  select format(case when y.typcategory = 'A' or y.typtype = 'c' or y.oid in ('pg_catalog.jsonb'::regtype, 'pg_catalog.json'::regtype)
      then 'case when c.former ? %1$L then (jsonb_populate_record(null::%3$s, jsonb_build_object(%1$L, c.former -> %1$L))).%2$I else p.%2$I end as %2$I'
      else 'case when c.former ? %1$L then (c.former ->> %1$L)::%4$s else p.%2$I end as %2$I' end,
    (attribute).attname, (attribute).attname, (attribute).attrelid::regclass, pg_catalog.format_type((attribute).atttypid, (attribute).atttypmod))
  from pg_catalog.pg_type y where y.oid = (attribute).atttypid
$$;

-- Values of several changes of a record, the latest first: of each the earliest stands in the end.
create or replace aggregate engine.former_values(jsonb) (sfunc = pg_catalog.jsonb_concat, stype = jsonb);

-- The log does not keep when and by whom a record was last changed: it says so itself, which takes a look at each: of
-- many that were changed since it is not told. The archive is asked where it alone can tell.
create or replace function engine.past_touch(object metadata.objects, schema_name text, moment timestamptz) returns text
language sql stable set search_path = ''
as $$
  select 'coalesce(' || string_agg(format(
    $sql$(select case when e.action = 'updated' then jsonb_build_object('updated_at', e.happened_at, 'updated_by_source', e.source,
        'updated_by_member_id', case when e.actor_type = 'member' then e.actor_id end, 'updated_by_name', e.actor_name)
      else jsonb_build_object('updated_at', e.after -> 'updated_at', 'updated_by_source', e.after -> 'updated_by_source',
        'updated_by_member_id', e.after -> 'updated_by_member_id', 'updated_by_name', e.after -> 'updated_by_name') end
      from %s e
      where e.record_id = c.record_id and e.happened_at <= %L::timestamptz
        and (e.action in ('created', 'restored') or e.action = 'updated' and e.before - %L::text[] <> '{}')
      order by e.batch desc, e.seq desc limit 1)$sql$, s.source, past_touch.moment,
    array(select c.name from engine.columns((object).workspace_id, array[(object).id]) c where c.generated_kind = 'kept')), ', ' order by s.n) || ', ''{}'')'
  from (values (1, format('%I.record_events', schema_name)), (2, format('%I.events_of(%L, c.record_id)', schema_name, (object).id))) s (n, source)
$$;

create or replace function engine.as_of_query(caller name, schema_name text, row_type regtype, moment timestamptz, only_where jsonb) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_object metadata.objects := engine.object_of_rows(caller, schema_name, row_type);
  v_table regclass := format('%I.%I', schema_name, v_object.table_name)::regclass;
  v_policy text := engine.read_policy(caller, v_table);
  v_standing text;
  v_rebuilt text;
  v_former text;
  v_only text;
begin
  if moment is null then
    raise exception 'As of which moment?' using errcode = 'RV195', hint = 'Give a date or a time, such as 2026-11-01 or 2026-11-01T09:30:00Z.';
  end if;
  select string_agg(engine.past_column(a, false, has_column_privilege(caller, a.attrelid, a.attnum, 'select')), ', ' order by a.attnum),
    string_agg(engine.past_column(a, true, has_column_privilege(caller, a.attrelid, a.attnum, 'select')), ', ' order by a.attnum),
    string_agg(format('%I = %L::%s', a.attname, only_where ->> a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)), ' and ') filter (where only_where ? a.attname),
    string_agg(engine.former_column(a), ', ' order by a.attnum)
  into v_standing, v_rebuilt, v_only, v_former
  from pg_catalog.pg_attribute a where a.attrelid = v_table and a.attnum > 0 and not a.attisdropped;
  if moment < now() - engine.event_retention(v_object.workspace_id) then
    raise exception 'The history does not reach back to %.', to_char(moment at time zone 'UTC', 'YYYY-MM-DD') using errcode = 'RV195',
      hint = format('It is kept since %s.', to_char((now() - engine.event_retention(v_object.workspace_id)) at time zone 'UTC', 'YYYY-MM-DD'));
  end if;
  v_only := coalesce(v_only, 'true');
  return format($sql$
    with told as materialized (
      select e.record_id, (array_agg(e.action order by e.batch desc, e.seq desc))[count(*)] in ('updated', 'deleted', 'merged') as was_there,
        coalesce(engine.former_values(%6$s order by e.batch desc, e.seq desc), '{}') as former
      from %1$I.events_since(%3$L, %4$L) e
      where e.action in ('created', 'restored', 'updated', 'deleted', 'merged', 'destroyed') and %7$s
      group by e.record_id
    ), changed as materialized (
      select c.record_id, c.former || case when (select count(*) from told) <= 5000 then %12$s else %13$L::jsonb end as former
      from told c where c.was_there
    )
    select %8$s from %2$s t where not exists (select from told c where c.record_id = t.id) and %10$s and %5$s
    union all
    select %9$s from (
      select %14$s from changed c left join %15$s p on p.id = c.record_id
    ) t where %10$s and %5$s %11$s$sql$,
    schema_name, v_table, v_object.id, moment, v_policy, engine.reading_of(v_object, 'before'),
    case when only_where ? 'id' then format('e.record_id = %L', only_where ->> 'id') else 'true' end, v_standing, v_rebuilt, v_only,
    -- What is not seen now is not seen as it was; of what was destroyed nothing is left to ask the rules of.
    case when v_policy = 'true' then '' else format($sql$
      and (exists (select from %2$s n where n.id = t.id and %4$s)
        or exists (select from %1$I.trash d where d.object_id = %3$L and d.record_id = t.id and exists (select from jsonb_populate_record(null::%2$s, d.data) n where %4$s)))$sql$,
      schema_name, v_table, v_object.id, v_policy) end,
    engine.past_touch(v_object, schema_name, moment),
    '{"updated_at": null, "updated_by_source": null, "updated_by_member_id": null, "updated_by_name": null}', v_former,
    -- Nobody can tell how many were changed: as the whole table is read anyway, it is once more, rather than by an index record after record.
    case when only_where is null then format('(select * from %s offset 0)', v_table) else v_table::text end);
end
$$;
comment on function engine.as_of_query(name, text, regtype, timestamptz, jsonb) is
  'The records of a table as they were at a moment, as a query of the owner''s that shows what a caller may read; only those with the values of only_where.';

-- A setting nobody can forge, also within functions of the owner: the role that the session has taken.
create or replace function engine.acting_role() returns name
language sql stable
  return case current_setting('role') when 'none' then session_user else current_setting('role') end::name;
--! EndIncluded engine/past/as_of.sql
--! Included engine/past/field_history.sql
-- What happened to one field of a record, the latest first, under the names that its columns have today.
create or replace function engine.field_history(caller name, schema_name text, object_name text, record_id uuid, field_name text, max_results int, before_batch bigint)
returns table (batch bigint, seq int, action text, before jsonb, after jsonb, actor_type text, actor_id uuid, actor_name text, source text, happened_at timestamptz)
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.past_object(caller, schema_name, object_name);
  v_table regclass := format('%I.%I', schema_name, v_object.table_name)::regclass;
  v_columns text[];
  v_pasts text[];
  v_is_seen boolean;
  v_knows_who boolean;
begin
  v_columns := engine.columns_of_field(v_object, field_name);
  if exists (select from unnest(v_columns) c where not has_column_privilege(caller, v_table, c, 'select')) then
    raise exception 'Your role may not read this field of %.', v_object.label_plural using errcode = '42501';
  end if;
  v_is_seen := engine.reads_wholly(caller, v_object.id);
  v_knows_who := v_is_seen or has_column_privilege(caller, v_table, 'created_by_name', 'select') and has_column_privilege(caller, v_table, 'updated_by_name', 'select');
  if not v_is_seen then
    execute format('select exists (select from %2$s t where t.id = $2 and %3$s)
        or exists (select from %1$I.trash d where d.object_id = $1 and d.record_id = $2 and exists (select from jsonb_populate_record(null::%2$s, d.data) t where %3$s))',
      schema_name, v_table, engine.read_policy(caller, v_table)) into v_is_seen using v_object.id, record_id;
  end if;
  if not v_is_seen then
    return;
  end if;
  v_pasts := array(select distinct p.past_name from engine.past_names(v_object) p where p.name = any (v_columns));
  return query execute format($sql$
    select h.batch, h.seq, h.action, h.b, h.a, case when $7 then h.actor_type else '' end, case when $7 then h.actor_id end, case when $7 then h.actor_name end,
      case when $7 then h.source else '' end, h.happened_at
    from (
      select e.*, (select jsonb_object_agg(v.key, v.value) from jsonb_each(%2$s) v where v.key = any ($5)) as b,
        (select jsonb_object_agg(v.key, v.value) from jsonb_each(%3$s) v where v.key = any ($5)) as a
      from %1$I.events_of($1, $2) e
      where ($3 is null or e.batch < $3) and (e.before ?| $6 or e.after ?| $6)
    ) h
    where h.b is not null or h.a is not null
    order by h.batch desc, h.seq desc limit $4$sql$, schema_name, engine.reading_of(v_object, 'before'), engine.reading_of(v_object, 'after'))
  using v_object.id, record_id, before_batch, least(greatest(max_results, 1), 1000), v_columns, v_pasts, v_knows_who;
end
$$;

-- The columns that a field comes to, by its API name.
create or replace function engine.columns_of_field(object metadata.objects, field_name text) returns text[]
language plpgsql stable set search_path = ''
as $$
declare
  v_columns text[] := array(
    select c.name from metadata.fields f join engine.columns((object).workspace_id, array[(object).id]) c on c.field_id = f.id
    where f.object_id = (object).id and f.name = field_name and c.is_active order by c.ordinal);
begin
  if v_columns = '{}' then
    raise exception '% have no field "%".', (object).label_plural, field_name using errcode = 'RV196', column = 'field_name',
      hint = coalesce(format('Did you mean %s?', engine.nearest(field_name, array(select f.name from metadata.fields f where f.object_id = (object).id and f.is_active and f.deleted_at is null))), 'Give the API name, such as jobTitle.');
  end if;
  return v_columns;
end
$$;

grant execute on function engine.field_history(name, text, text, uuid, text, int, bigint) to relvar_crm;
--! EndIncluded engine/past/field_history.sql
--! Included engine/past/revert_plan.sql
-- Taking changes of records back: what each record would become, and what is in the way. Which changes is
-- said by one of: a change (batch, seq) or a statement (batch), either with all that was done together with it
-- (its request or, without one, its transaction); a transaction; a request; or a record, or one field of it,
-- since a moment or a statement. Of several changes of one record the first says what it was before.

-- The selected events, as a condition over record_events e.
create or replace function engine.revert_condition(schema_name text, workspace_id uuid, what jsonb) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_event record;
  v_is_recent boolean;
begin
  if what ->> 'batch' is not null then
    execute format('select e.* from %I.record_events e where e.batch = $1 and ($2 is null or e.seq = $2) order by e.seq limit 1', schema_name)
      into v_event using (what ->> 'batch')::bigint, (what ->> 'seq')::int;
    if v_event.batch is null then
      return 'false';
    elsif not coalesce((what ->> 'together')::boolean, false) then
      return format('e.batch = %L', v_event.batch) || case when what ->> 'seq' is not null then format(' and e.seq = %L', what ->> 'seq') else '' end;
    elsif v_event.request_id is null then
      return format('e.transaction_id = %L', v_event.transaction_id);
    end if;
    return format('e.request_id = %L and e.happened_at between %L::timestamptz - interval ''1 day'' and %2$L::timestamptz + interval ''1 day''', v_event.request_id, v_event.happened_at);
  elsif what ->> 'transaction_id' is not null then
    return format('e.transaction_id = %L', what ->> 'transaction_id');
  elsif what ->> 'request_id' is not null then
    -- The log is found by time sooner than by request, and most are of today.
    execute format('select exists (select from %I.record_events e where e.request_id = $1 and e.happened_at > now() - interval ''1 day'')', schema_name)
      into v_is_recent using what ->> 'request_id';
    return format('e.request_id = %L', what ->> 'request_id') || case when v_is_recent then ' and e.happened_at > now() - interval ''1 day''' else '' end;
  elsif what ->> 'record_id' is not null and (what ->> 'moment' is not null or what ->> 'after_batch' is not null) then
    return format('e.record_id = %L and e.object_id = %L', what ->> 'record_id', engine.past_object_id(workspace_id, what ->> 'object_name'))
      || case when what ->> 'moment' is not null then format(' and e.happened_at > %L::timestamptz', what ->> 'moment') else '' end
      || case when what ->> 'after_batch' is not null then format(' and e.batch > %L', what ->> 'after_batch') else '' end;
  end if;
  raise exception 'Which changes?' using errcode = 'RV197',
    hint = 'Give batch (and seq), transaction_id, request_id, or object_name and record_id with moment or after_batch.';
end
$$;

create or replace function engine.past_object_id(workspace_id uuid, object_name text) returns uuid
language plpgsql stable set search_path = ''
as $$
declare
  v_id uuid := (select o.id from metadata.objects o where o.workspace_id = past_object_id.workspace_id and o.name_singular = object_name and o.deleted_at is null);
begin
  if v_id is null then
    raise exception 'There is no object "%".', object_name using errcode = 'RV011', hint = 'Give the singular API name, such as person.';
  end if;
  return v_id;
end
$$;

-- Where they are: those of one record are read from the archive, too, or the first of them would not be the first.
create or replace function engine.revert_source(schema_name text, workspace_id uuid, what jsonb) returns text
language sql stable set search_path = ''
as $$
  select case when what ->> 'record_id' is not null and (what ->> 'moment' is not null or what ->> 'after_batch' is not null)
      and what ->> 'batch' is null and what ->> 'transaction_id' is null and what ->> 'request_id' is null
    then format('%I.events_of(%L, %L)', schema_name, engine.past_object_id(workspace_id, what ->> 'object_name'), what ->> 'record_id')
    else format('%I.record_events', schema_name) end
$$;

-- Columns of one object that a revert writes, with what the caller may do with them and what may be in the way
-- of a former value, v.former: another record that has it where it is unique, a linked record that is gone.
create or replace function engine.revert_columns(caller name, schema_name text, object metadata.objects, field_name text, condition text)
returns table (name text, is_readable boolean, is_updatable boolean, is_link boolean, not_null boolean, taken text, gone text)
language plpgsql stable set search_path = ''
as $$
declare
  v_table regclass := format('%I.%I', schema_name, (object).table_name)::regclass;
  v_wanted text[] := case when field_name is not null then engine.columns_of_field(object, field_name) end;
begin
  return query
  select c.name, has_column_privilege(caller, v_table, c.name, 'select'), has_column_privilege(caller, v_table, c.name, 'update'), c.relation_id is not null, c.not_null,
    (
      select format('exists (select from %1$s o where %2$s and o.id <> v.record_id and not exists (select from rec r where r.record_id = o.id))', v_table,
        case when i.indkey[0] = 0 then format('lower(o.%1$I) = lower(v.former #>> ''{}'')', c.name) else format('o.%I = (v.former #>> ''{}'')::%s', c.name, c.pg_type) end)
      from pg_catalog.pg_index i
      where i.indrelid = v_table and i.indisunique and not i.indisprimary and i.indnatts = 1
        and (i.indkey[0] = a.attnum or i.indkey[0] = 0 and pg_catalog.pg_get_expr(i.indexprs, i.indrelid) = format('lower(%I)', c.name)) limit 1
    ),
    (
      select format('not exists (select from %1$I.%2$I o where o.id = (v.former #>> ''{}'')::uuid) and not exists (select from %1$I.record_events e where e.record_id = (v.former #>> ''{}'')::uuid
        and e.action in (''deleted'', ''merged'') and (%3$s) and exists (select from %1$I.trash x where x.record_id = e.record_id))', schema_name, t.table_name, condition)
      from metadata.relations l join metadata.objects t on t.id = l.target_object_id where l.id = c.relation_id
    )
  from engine.columns((object).workspace_id, array[(object).id]) c
  join pg_catalog.pg_attribute a on a.attrelid = v_table and a.attname = c.name and not a.attisdropped
  where c.is_active and c.is_writable and c.name <> 'id' and (v_wanted is null or c.name = any (v_wanted));
end
$$;

-- A case of v.key: for each column that has one, its condition, where there is a former value.
create or replace function engine.revert_case(conditions jsonb) returns text
language sql immutable set search_path = ''
as $$
  select coalesce('v.former <> ''null'' and case v.key ' || string_agg(format('when %L then %s', e.key, e.value), ' ' order by e.key) || ' else false end', 'false')
  from jsonb_each_text(conditions) e where e.value is not null
$$;

create or replace function engine.revert_items_of(caller name, schema_name text, object metadata.objects, what jsonb, condition text) returns setof engine.revert_item
language plpgsql stable set search_path = '' set enable_nestloop = on
as $$
declare
  v_events int;
  v_table regclass := format('%I.%I', schema_name, (object).table_name)::regclass;
  v_is_whole boolean := engine.reads_wholly(caller, (object).id);
  v_knows_who boolean := v_is_whole or has_column_privilege(caller, v_table, 'created_by_name', 'select') and has_column_privilege(caller, v_table, 'updated_by_name', 'select');
  v_columns text[];
  v_fixed text[];
  v_links text[];
  v_taken text;
  v_gone text;
  v_needs text;
begin
  select array_agg(c.name) filter (where c.is_readable), array_agg(c.name) filter (where not c.is_updatable), array_agg(c.name) filter (where c.is_link and c.is_readable),
    engine.revert_case(jsonb_object_agg(c.name, c.taken)), engine.revert_case(jsonb_object_agg(c.name, c.gone)),
    engine.revert_case(coalesce(jsonb_object_agg(c.name, c.gone) filter (where c.not_null), '{}'))
  into v_columns, v_fixed, v_links, v_taken, v_gone, v_needs
  from engine.revert_columns(caller, schema_name, object, what ->> 'field_name', condition) c;
  -- The planner takes the steps below for a few rows each, and would compare every row of many with every other.
  execute format('select count(*) from (select from %s e where e.object_id = %L and (%s) limit 1000) x', engine.revert_source(schema_name, (object).workspace_id, what), (object).id, condition) into v_events;
  perform set_config('enable_nestloop', case when v_events < 1000 then 'on' else 'off' end, true);
  return query execute format($sql$
    with sel as materialized (
      select e.record_id, e.batch, e.seq, e.action, case when e.action = 'updated' then %4$s
          -- A record that comes back finds its links again that were cut since, because what they lead to was gone for a while.
          when e.action in ('deleted', 'merged') then (select jsonb_object_agg(k, d -> k) from (select %4$s as d) x cross join unnest(%21$L::text[]) k where d ->> k is not null) end as b, case when e.action in ('updated', 'created', 'restored') then %5$s end as a
      from %20$s e
      where e.object_id = %3$L and e.action in ('created', 'restored', 'updated', 'deleted', 'merged') and (%6$s)
    ), rec as materialized (
      select s.record_id, (array_agg(s.action order by s.batch, s.seq))[1] in ('created', 'restored') as was_absent,
        (array_agg(s.action order by s.batch desc, s.seq desc))[1] in ('deleted', 'merged') as was_removed, max(s.batch) as last_batch,
        (array_agg(s.a order by s.batch desc, s.seq desc) filter (where s.action <> 'updated'))[1] as made
      from sel s group by s.record_id
    ), val as materialized (
      select s.record_id, v.key, (array_agg(v.value order by s.batch, s.seq))[1] as former,
        (array_agg(s.a -> v.key order by s.batch desc, s.seq desc))[1] as expected, max(s.batch) as last_batch, bool_and(s.action <> 'updated') as is_cut
      from sel s cross join lateral jsonb_each(s.b) v
      where v.key = any (%7$L::text[])
      group by s.record_id, v.key
    ), cur as materialized (
      select rec.*, p.id is not null as is_there, d.id is not null as is_trashed, to_jsonb(t.*) as row, t.id is not null and (%8$s) as is_seen,
        case when %9$L::boolean and t.id is not null then %10$s end as label, coalesce(%11$s, false) as may_update, coalesce(%12$s, false) as may_delete,
        case when rec.was_absent then case when rec.was_removed then 'NOTHING' else 'DELETE' end when rec.was_removed and p.id is null then 'RESTORE' else 'UPDATE' end as act
      from rec
      left join %2$s p on p.id = rec.record_id
      left join %1$I.trash d on d.object_id = %3$L and d.record_id = rec.record_id and p.id is null
      left join lateral (select p.* where p.id is not null union all select r.* from jsonb_populate_record(null::%2$s, d.data) r where d.id is not null) t on true
    ), seen as materialized (
      select * from cur where (is_seen or %13$L::boolean and not is_there and not is_trashed) and act <> 'NOTHING' and not (act = 'DELETE' and not is_there)
    ), changes as (
      select v.*, s.row -> v.key as present, s.act,
        case when s.act = 'UPDATE' and not s.is_there then null
          when v.key = any (%14$L::text[]) or not s.may_update and s.act = 'UPDATE' then 'NOT_ALLOWED'
          when s.act = 'UPDATE' and s.row -> v.key is distinct from v.expected and s.row ->> v.key is distinct from v.expected #>> '{}' then 'CHANGED_SINCE'
          when %15$s then 'TAKEN'
          when %16$s then 'LINK_GONE' end as conflict
      from val v join seen s on s.record_id = v.record_id
      where s.act <> 'DELETE' and s.row -> v.key is distinct from v.former and not (v.is_cut and (s.act <> 'RESTORE' or (%16$s)))
    ), coming as (
      -- What lies in the trash has no events of its own: all of its values come back.
      select s.record_id, v.key, s.row -> v.key as present, case when %15$s then 'TAKEN' else 'LINK_GONE' end as conflict
      from seen s cross join lateral (select s.record_id, e.key, e.value as former from jsonb_each(s.row) e) v
      where s.act = 'RESTORE' and (%15$s or %17$s)
    ), grown as (
      -- What was created is not any more what it was then.
      select s.record_id from seen s
      left join lateral (select jsonb_object_agg(v.key, v.expected) as values from val v where v.record_id = s.record_id) u on true
      where s.act = 'DELETE' and exists (
        select from unnest(%7$L::text[]) k cross join lateral (select s.made || coalesce(u.values, '{}') as values) e
        where e.values ? k and s.row -> k is distinct from e.values -> k and s.row ->> k is distinct from e.values ->> k)
    ), later as (
      -- Who changed it since.
      select c.record_id, c.key, n.actor_name, n.happened_at
      from (
        select c.record_id, c.key, c.last_batch from changes c where c.conflict = 'CHANGED_SINCE'
        union all
        select s.record_id, null, s.last_batch from seen s where s.record_id in (select g.record_id from grown g) or s.act = 'UPDATE' and not s.is_there
      ) c
      cross join lateral (
        select e.actor_name, e.happened_at from %1$I.record_events e
        where e.object_id = %3$L and e.record_id = c.record_id and e.batch > c.last_batch and not coalesce(%6$s, false)
          and (c.key is not null and e.before ? c.key or c.key is null and (e.action = 'updated' and (e.before ?| %7$L::text[]) or e.action in ('deleted', 'merged')))
        order by e.batch desc limit 1
      ) n
    ), conflict as (
      select c.record_id, jsonb_build_object('column', c.key, 'kind', c.conflict, 'by', case when %18$L::boolean then l.actor_name end, 'at', l.happened_at) as value
      from changes c left join later l on l.record_id = c.record_id and l.key = c.key
      where c.conflict is not null
      union all
      select r.record_id, jsonb_build_object('column', r.key, 'kind', r.conflict) from coming r
      union all
      select s.record_id, jsonb_build_object('kind', k.kind, 'by', case when %18$L::boolean then l.actor_name end, 'at', l.happened_at)
      from seen s
      left join later l on l.record_id = s.record_id and l.key is null
      cross join lateral (select case
        when not s.is_there and not s.is_trashed then 'GONE'
        when s.act in ('DELETE', 'RESTORE') and not s.may_delete then 'NOT_ALLOWED'
        when s.act = 'UPDATE' and not s.is_there then 'DELETED_SINCE'
        when s.record_id in (select g.record_id from grown g) then 'CHANGED_SINCE' end as kind) k
      where k.kind is not null
    ), summed as (
      select c.record_id, jsonb_object_agg(c.key, c.present) as before, jsonb_object_agg(c.key, c.former) as after from changes c group by c.record_id
    ), conflicts as (
      select c.record_id, jsonb_agg(c.value order by c.value ->> 'column') as list from conflict c group by c.record_id
    )
    select %3$L::uuid, %19$L::text, s.record_id, s.label, s.act, m.before, m.after, coalesce(c.list, '[]')
    from seen s
    left join summed m on m.record_id = s.record_id
    left join conflicts c on c.record_id = s.record_id
    where s.act <> 'UPDATE' or m.record_id is not null or c.record_id is not null
    order by c.record_id is null, s.label, s.record_id$sql$,
    schema_name, v_table, (object).id, engine.reading_of(object, 'before'), engine.reading_of(object, 'after'), condition, coalesce(v_columns, '{}'),
    engine.condition_of(caller, (object).id, 'READ', 't.'), v_is_whole or engine.reads_label(caller, schema_name, object), engine.label_expression((object).id, 't'),
    engine.condition_of(caller, (object).id, 'UPDATE', 't.'), engine.condition_of(caller, (object).id, 'DELETE', 't.'), v_is_whole, coalesce(v_fixed, '{}'), v_taken, v_gone, v_needs, v_knows_who,
    (object).name_singular, engine.revert_source(schema_name, (object).workspace_id, what), coalesce(v_links, '{}'));
end
$$;

-- Record after record, of every object that the caller reads and that the changes touch.
create or replace function engine.revert_items(caller name, schema_name text, what jsonb) returns setof engine.revert_item
language plpgsql stable set search_path = ''
as $$
declare
  v_workspace uuid := (select w.id from core.workspaces w where w.schema_name = revert_items.schema_name);
  v_condition text := engine.revert_condition(schema_name, v_workspace, what);
  v_object uuid;
begin
  for v_object in execute format('select distinct e.object_id from %s e where %s', engine.revert_source(schema_name, v_workspace, what), v_condition) loop
    return query
    select i.* from metadata.objects o cross join lateral engine.revert_items_of(caller, schema_name, o, what, v_condition) i
    where o.id = v_object and o.workspace_id = v_workspace and o.deleted_at is null and o.is_active and engine.has_right(caller, o.id, 'READ');
  end loop;
end
$$;

-- The first of them for people to look at, those with something in the way first; with how many there are.
create or replace function engine.plan_revert(caller name, schema_name text, what jsonb, max_results int)
returns table (object_name text, record_id uuid, label text, action text, before jsonb, after jsonb, conflicts jsonb, total int, conflicting int)
language sql stable security definer set search_path = ''
as $$
  select i.object_name, i.record_id, i.label, i.action, i.before, i.after, i.conflicts, (count(*) over ())::int, (count(*) filter (where i.conflicts <> '[]') over ())::int
  from engine.revert_items(caller, schema_name, what) i
  order by i.conflicts = '[]', i.object_name, i.label, i.record_id
  limit least(greatest(max_results, 1), 1000)
$$;
grant execute on function engine.plan_revert(name, text, jsonb, int) to relvar_crm;
--! EndIncluded engine/past/revert_plan.sql
--! Included engine/past/revert.sql
-- Takes changes back. What they were is found and put together as the owner; what is written is written as
-- the caller, so that grants, policies and rules say no as they always do. Between these it is handed on as
-- a value, from one function to the next, since a function of the owner's cannot become another role:
--
--   end_revert(run_as_caller(restore_reverted(run_as_caller(begin_revert(…)))))
--
-- First links go back, so that what is deleted takes nothing along; then what was created goes to the trash;
-- what was deleted comes out of it; and then the other values, for which all they point to is there.
-- The log tells of it as of any change, with the source REVERT, so it is taken back in the same way.

create or replace function engine.begin_revert(caller name, schema_name text, what jsonb, on_conflict text) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_items engine.revert_item[];
  v_workspace uuid := (select w.id from core.workspaces w where w.schema_name = begin_revert.schema_name);
  v_refused int;
  v_state jsonb;
begin
  if coalesce(on_conflict, '') not in ('REFUSE', 'SKIP', 'OVERWRITE') then
    raise exception 'What is in the way is not dealt with by "%".', on_conflict using errcode = 'RV197', column = 'on_conflict',
      hint = 'REFUSE takes nothing back, SKIP leaves out what is in the way, OVERWRITE takes back also what was changed since.';
  end if;
  -- Until the end nobody else changes what is looked at now.
  perform engine.lock_reverted(schema_name, v_workspace, engine.revert_source(schema_name, v_workspace, what), engine.revert_condition(schema_name, v_workspace, what));
  v_items := array(select i from engine.revert_items(caller, schema_name, what) i);
  v_refused := (select count(*) from unnest(v_items) i where i.conflicts <> '[]');
  if cardinality(v_items) = 0 then
    raise exception 'There is nothing to take back.' using errcode = 'RV198', hint = 'It was taken back already, was no change of records that you may change, or lies before what the log keeps.';
  elsif v_refused > 0 and on_conflict = 'REFUSE' then
    raise exception '%', case when cardinality(v_items) = 1 then 'It cannot be taken back as it is.' else format('%s of %s records cannot be taken back as they are.', v_refused, cardinality(v_items)) end
      using errcode = 'RV199', detail = (select jsonb_agg(jsonb_build_object('objectName', i.object_name, 'recordId', i.record_id, 'label', i.label, 'conflicts', i.conflicts))::text
        from (select * from unnest(v_items) i where i.conflicts <> '[]' limit 20) i),
      hint = 'Look at plan_revert, then choose on_conflict: SKIP leaves these out, OVERWRITE takes back also what was changed since.';
  end if;
  perform set_config('relvar.reverting', current_setting('relvar.source', true), true), set_config('relvar.source', 'REVERT', true);
  v_state := engine.revert_statements(schema_name, v_workspace, v_items, on_conflict);
  return v_state || jsonb_build_object('schema', schema_name, 'caller', caller, 'done', '{}'::jsonb,
    'conflicts', (select coalesce(jsonb_agg(jsonb_build_object('objectName', i.object_name, 'recordId', i.record_id, 'conflicts', i.conflicts)), '[]') from (select * from unnest(v_items) i where i.conflicts <> '[]' limit 100) i),
    'total', cardinality(v_items));
end
$$;

create or replace function engine.lock_reverted(schema_name text, workspace_id uuid, source text, condition text) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  o record;
begin
  for o in execute format('select distinct e.object_id as id from %s e where %s order by 1', source, condition) loop
    execute (select format('select from %1$I.%2$I t where t.id in (select e.record_id from %5$s e where e.object_id = %3$L and (%4$s)) order by t.id for update', schema_name, b.table_name, b.id, condition, source)
      from metadata.objects b where b.id = o.id and b.workspace_id = lock_reverted.workspace_id);
  end loop;
end
$$;

-- What remains to be done of the items once what is in the way is left out or overwritten.
create or replace function engine.revert_statements(schema_name text, workspace_id uuid, items engine.revert_item[], on_conflict text) returns jsonb
language sql stable set search_path = ''
as $$
  with item as materialized (
    select i.*, o.table_name, b.columns as left_out,
      (select bool_or(c ->> 'column' is null and (c ->> 'kind' <> 'CHANGED_SINCE' or on_conflict <> 'OVERWRITE') or i.action = 'RESTORE') from jsonb_array_elements(i.conflicts) c) is true as is_left_out
    from unnest(items) i
    join metadata.objects o on o.id = i.object_id
    cross join lateral (select array(select c ->> 'column' from jsonb_array_elements(i.conflicts) c
      where c ->> 'column' is not null and (c ->> 'kind' <> 'CHANGED_SINCE' or on_conflict <> 'OVERWRITE')) as columns) b
  ), link as materialized (
    select c.object_id, array_agg(c.name) as names from engine.columns(revert_statements.workspace_id) c where c.relation_id is not null group by c.object_id
  ), value as (
    select i.object_id, i.table_name, i.record_id, e.key, e.value,
      -- Links to what comes back with it wait for that.
      case when i.action = 'UPDATE' and e.key = any (l.names) and not exists (select from item r where r.action = 'RESTORE' and r.record_id = (case when e.key = any (l.names) then e.value #>> '{}' end)::uuid) then 1 else 3 end as stage
    from item i
    left join link l on l.object_id = i.object_id
    cross join lateral jsonb_each(i.after - i.left_out) e
    where not i.is_left_out and i.action in ('UPDATE', 'RESTORE')
  ), record as (
    select v.object_id, v.table_name, v.stage, v.record_id, array_agg(v.key order by v.key) as keys, jsonb_object_agg(v.key, v.value) || jsonb_build_object('id', v.record_id) as data
    from value v group by 1, 2, 3, 4
  ), statement as (
    select r.stage, jsonb_build_object('sql', format('update %1$I.%2$I t set %3$s from jsonb_populate_recordset(null::%1$I.%2$I, $1) d where t.id = d.id', schema_name, r.table_name,
        (select string_agg(format('%I = d.%1$I', k), ', ') from unnest(r.keys) k)), 'data', jsonb_agg(r.data)) as value
    from record r group by r.stage, r.table_name, r.keys
    union all
    select 2, jsonb_build_object('sql', format('delete from %I.%I t where t.id in (select (e #>> ''{}'')::uuid from jsonb_array_elements($1) e)', schema_name, i.table_name), 'data', jsonb_agg(i.record_id))
    from item i where i.action = 'DELETE' and not i.is_left_out group by i.table_name
  )
  select jsonb_build_object(
    'now', (select coalesce(jsonb_agg(s.value order by s.stage), '[]') from statement s where s.stage < 3),
    'then', (select coalesce(jsonb_agg(s.value), '[]') from statement s where s.stage = 3),
    'restore', (select coalesce(jsonb_object_agg(r.object_id, r.ids), '{}') from (select i.object_id, jsonb_agg(i.record_id) as ids from item i where i.action = 'RESTORE' and not i.is_left_out group by 1) r),
    'wanted', (select count(distinct x.record_id) from (select record_id from value union all select i.record_id from item i where i.action in ('DELETE', 'RESTORE') and not i.is_left_out) x))
$$;

-- Runs what it is handed, as whoever calls.
create or replace function engine.run_as_caller(state jsonb) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_statement jsonb;
begin
  for v_statement in select s from jsonb_array_elements(state -> 'now') s loop
    execute v_statement ->> 'sql' using v_statement -> 'data';
  end loop;
  return state;
end
$$;

create or replace function engine.restore_reverted(state jsonb) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_wanted int := (select count(*) from jsonb_each(state -> 'restore') r cross join lateral jsonb_array_elements(r.value));
  v_object metadata.objects;
  v_id uuid;
begin
  if v_wanted = 1 then
    select o.* into v_object from metadata.objects o join jsonb_object_keys(state -> 'restore') k on o.id = k::uuid;
    v_id := (state -> 'restore' -> v_object.id::text ->> 0)::uuid;
    perform engine.put_back(state ->> 'schema', v_object, v_id, (state ->> 'caller')::name);
  elsif v_wanted > 1 then
    perform engine.put_back_many(state ->> 'schema', state -> 'restore', (state ->> 'caller')::name);
  end if;
  return state || jsonb_build_object('now', state -> 'then');
end
$$;

-- Many records out of the trash at once: those whose required links are there first; links to what is not yet
-- there are tied when it is, links to what is gone stay empty.
create or replace function engine.put_back_many(schema_name text, records jsonb, caller name) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_left uuid[] := array(select k::uuid from jsonb_object_keys(records) k);
  v_id uuid;
  v_ids uuid[];
  v_is_stuck boolean;
  v_object metadata.objects;
  v_table regclass;
  v_columns text;
  v_empty text;
  v_ties text[] := '{}';
  v_detail text;
begin
  while v_left <> '{}' loop
    v_is_stuck := true;
    foreach v_id in array v_left loop
      select o.* into v_object from metadata.objects o where o.id = v_id;
      -- Required links to what comes back later, in this very call.
      continue when exists (
        select from engine.columns(v_object.workspace_id, array[v_object.id]) c join metadata.relations r on r.id = c.relation_id
        where c.not_null and r.target_object_id <> v_object.id and r.target_object_id = any (v_left));
      v_is_stuck := false;
      v_ids := array(select e::uuid from jsonb_array_elements_text(records -> v_object.id::text) e);
      v_table := format('%I.%I', schema_name, v_object.table_name)::regclass;
      select string_agg(quote_ident(a.attname), ', ' order by a.attnum) into v_columns
      from pg_catalog.pg_attribute a where a.attrelid = v_table and a.attnum > 0 and not a.attisdropped and a.attgenerated = '';
      -- Defaults are for what the trash does not have, such as fields that are new.
      select coalesce(' || ' || string_agg(format('case when d.data ->> %1$L is not null and not exists (select from %2$I.%3$I o where o.id = (d.data ->> %1$L)::uuid)%4$s then %5$L::jsonb else ''{}'' end',
          c.name, schema_name, t.table_name, case when t.id = v_object.id then ' and not (d.data ->> ' || quote_literal(c.name) || ')::uuid = any ($2)' else '' end, jsonb_build_object(c.name, null)), ' || '), ''),
        v_ties || coalesce(array_agg(format('update %1$s t set %2$I = (v.value ->> 1)::uuid from jsonb_array_elements($1 -> %3$L) v where t.id = (v.value ->> 0)::uuid and t.%2$I is null and exists (select from %4$I.%5$I o where o.id = (v.value ->> 1)::uuid)',
          v_table, c.name, v_object.id || ' ' || c.name, schema_name, t.table_name)) filter (where t.id <> v_object.id and t.id = any (v_left)), '{}')
      into v_empty, v_ties
      from engine.columns(v_object.workspace_id, array[v_object.id]) c
      join metadata.relations r on r.id = c.relation_id join metadata.objects t on t.id = r.target_object_id;
      records := records || coalesce((
        select jsonb_object_agg(v_object.id || ' ' || c.name, engine.trashed_links(schema_name, v_object.id, v_ids, c.name))
        from engine.columns(v_object.workspace_id, array[v_object.id]) c where c.relation_id is not null), '{}');
      begin
        perform set_config('relvar.action', 'restored', true);
        execute format('insert into %1$s (%2$s) select %5$s from %3$I.trash d cross join lateral jsonb_populate_record(null::%1$s, d.data%4$s) r where d.object_id = $1 and d.record_id = any ($2)',
          v_table, v_columns, schema_name, v_empty, engine.restored_columns(v_table)) using v_object.id, v_ids;
        perform set_config('relvar.action', '', true);
      exception
        when unique_violation then
          get stacked diagnostics v_detail = pg_exception_detail;
          raise exception 'Some % cannot be restored: others have taken their place.', v_object.label_plural using errcode = 'RV014',
            detail = case when engine.reads_wholly(caller, v_object.id) then v_detail else '' end, hint = 'Change or delete the others first, or leave these out.';
        when not_null_violation or check_violation or data_exception then
          raise exception 'Some % cannot be restored, since they do not fit their object any more.', v_object.label_plural using errcode = 'RV013',
            hint = 'The object was changed after they were deleted. Change it back, restore, and change it again.';
      end;
      execute format('delete from %I.trash where object_id = $1 and record_id = any ($2)', schema_name) using v_object.id, v_ids;
      v_left := array_remove(v_left, v_object.id);
    end loop;
    if v_is_stuck then
      raise exception 'The records need one another.' using errcode = 'RV013', hint = 'Restore them one by one.';
    end if;
  end loop;
  foreach v_empty in array v_ties loop
    execute v_empty using records;
  end loop;
end
$$;

-- Links of records in the trash by one column: [[record, target], …].
create or replace function engine.trashed_links(schema_name text, object_id uuid, ids uuid[], column_name text) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_links jsonb;
begin
  execute format('select coalesce(jsonb_agg(jsonb_build_array(d.record_id, d.data ->> $3)), ''[]'') from %I.trash d where d.object_id = $1 and d.record_id = any ($2) and d.data ->> $3 is not null', schema_name)
    into v_links using object_id, ids, column_name;
  return v_links;
end
$$;

-- What the trash does not have is what a new record has: fields came after the record had gone.
create or replace function engine.restored_columns(relation regclass) returns text
language sql stable set search_path = ''
as $$
  select string_agg(case when e.expression is null or a.attidentity <> '' then 'r.' || quote_ident(a.attname) else format('case when d.data ? %L then r.%I else %s end', a.attname, a.attname, e.expression) end, ', ' order by a.attnum)
  from pg_catalog.pg_attribute a
  left join lateral (select pg_catalog.pg_get_expr(f.adbin, f.adrelid) as expression from pg_catalog.pg_attrdef f where f.adrelid = a.attrelid and f.adnum = a.attnum) e on true
  where a.attrelid = relation and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
$$;

create or replace function engine.end_revert(state jsonb) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform set_config('relvar.source', coalesce(current_setting('relvar.reverting', true), ''), true);
  return jsonb_build_object('reverted', state -> 'wanted', 'skipped', (state ->> 'total')::int - (state ->> 'wanted')::int, 'conflicts', state -> 'conflicts');
end
$$;

grant execute on function engine.begin_revert(name, text, jsonb, text), engine.run_as_caller(jsonb), engine.restore_reverted(jsonb), engine.end_revert(jsonb) to relvar_crm;
--! EndIncluded engine/past/revert.sql
--! Included engine/permissions/reading.sql
-- The reading side of a CRM role: a role of PostgreSQL of its own, which may select what the CRM role may
-- and do nothing else. Database logins that must not write are bound to it, so nothing that they set makes
-- them able to. There is one only where a login wants it. It is no member of relvar_crm: beside tables it
-- reaches the functions that are granted to relvar_reader, none of which writes.

create or replace function engine.reading_role(pg_role text) returns text
language sql immutable parallel safe set search_path = ''
  return regexp_replace(pg_role, '_r_(\d+)$', '_ro_\1');

-- The CRM role that a role is the reading side of; any other is itself.
create or replace function engine.crm_role(pg_role text) returns text
language sql immutable parallel safe set search_path = ''
  return regexp_replace(pg_role, '_ro_(\d+)$', '_r_\1');

-- Roles of a workspace that have, or should have, a reading side: those of members whose logins read, what
-- these include, and where there is one already, which stays as long as the role.
create or replace function engine.reading_roles(workspace_id uuid, roles text[] default null) returns table (pg_role text, reading_role text)
language sql stable set search_path = '' set jit = off
as $$
  with recursive reading (role_id) as (
    (
      select m.role_id from core.database_logins l join core.members m on m.id = l.member_id
      where l.workspace_id = reading_roles.workspace_id and not l.may_write and l.ended_at is null
      union
      select r.id from metadata.roles r join pg_catalog.pg_roles p on p.rolname = engine.reading_role(r.pg_role)
      where r.workspace_id = reading_roles.workspace_id
    )
    union
    select i.included_role_id from reading g join metadata.role_includes i on i.role_id = g.role_id
  )
  select r.pg_role, engine.reading_role(r.pg_role)
  from reading g join metadata.roles r on r.id = g.role_id
  where roles is null or r.pg_role = any (roles)
$$;

-- Functions of a tenant that only read.
create or replace function engine.reading_functions() returns text[]
language sql immutable parallel safe set search_path = ''
  return '{shared_ids,matching_ids,search_records,find_duplicates,find_duplicates_of,record_history,record_timeline,field_history,as_of,deleted_records,list_trash,shares_of_record,changes_between,comments_of_record}'::text[];

grant execute on function engine.search(name, text, text, int), engine.record_history(name, text, text, uuid, int, bigint),
  engine.field_history(name, text, text, uuid, text, int, bigint), engine.deleted_records(name, text, text, int, int), engine.shares_of_record(name, text, text, uuid),
  engine.my_team(), engine.below_me(), engine.shared_ids(uuid, text), engine.rule_ids(uuid, text), engine.visible_ids(uuid),
  engine.wholly_readable_objects(name), engine.duplicate_candidates(name, text, text, uuid, jsonb), engine.visible_duplicates(jsonb, int),
  engine.today(), engine.start_of_today() to relvar_reader;
--! EndIncluded engine/permissions/reading.sql
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
--! Included engine/permissions/past.sql
-- Records as they were: the event log and the trash, for who does not read every record and every
-- field of an object. Their tables hold whole records, so a policy can only open or close them for an
-- object as a whole; these functions run as the owner and leave what the caller may read.

create or replace function engine.past_object(caller name, schema_name text, object_name text) returns metadata.objects
language plpgsql stable set search_path = ''
as $$
declare
  v_object metadata.objects;
begin
  select o.* into v_object
  from core.workspaces w join metadata.objects o on o.workspace_id = w.id
  where w.schema_name = past_object.schema_name and o.name_singular = object_name and o.deleted_at is null;
  if not found then
    raise exception 'There is no object "%".', object_name using errcode = 'RV011', hint = 'Give the singular API name, such as person.';
  end if;
  if not engine.has_right(caller, v_object.id, 'READ') then
    raise exception 'Your role may not read %.', v_object.label_plural using errcode = '42501';
  end if;
  return v_object;
end
$$;

-- Who reads every record and every field needs nothing left out.
create or replace function engine.reads_wholly(caller name, object_id uuid) returns boolean
language plpgsql stable set search_path = ''
as $$
begin
  return engine.acts_as_administrator() or exists (select from engine.find_wholly_readable(caller, array[object_id]));
end
$$;

-- The columns that the caller reads. The log names values by the columns of their time: where a name was
-- another field's once, only what was written since is this field's.
create or replace function engine.past_columns(caller name, schema_name text, object metadata.objects)
returns table (name text, since timestamptz)
language sql stable set search_path = ''
as $$
  with former as materialized (
    select m.row_id, engine.snake_case(m.before ->> 'name') as name, max(v.happened_at) as until
    from metadata.model_changes m
    join metadata.model_versions v on v.workspace_id = m.workspace_id and v.version = m.version
    where m.workspace_id = (object).workspace_id and m.table_name = 'fields' and m.before ->> 'object_id' = (object).id::text
    group by 1, 2
  )
  select a.attname::text, (select max(f.until) from former f where f.row_id is distinct from c.field_id and starts_with(a.attname::text, f.name))
  from pg_catalog.pg_attribute a
  left join engine.field_columns((object).workspace_id, array[(object).id]) c on c.name = a.attname
  where a.attrelid = format('%I.%I', schema_name, (object).table_name)::regclass and a.attnum > 0 and not a.attisdropped
    and has_column_privilege(caller, a.attrelid, a.attnum, 'select')
$$;

create or replace function engine.past_values(data jsonb, happened_at timestamptz, names text[], since timestamptz[]) returns jsonb
language sql immutable parallel safe set search_path = ''
as $$
  select case when data is not null then coalesce(jsonb_object_agg(e.key, e.value), '{}') end
  from jsonb_each(data) e
  join unnest(names, since) c (name, since) on c.name = e.key and (c.since is null or past_values.happened_at > c.since)
$$;

-- Whether the caller reads all that a record is called by.
create or replace function engine.reads_label(caller name, schema_name text, object metadata.objects) returns boolean
language sql stable set search_path = ''
as $$
  select not exists (
    select from engine.field_columns((object).workspace_id, array[(object).id]) c
    where c.field_id = (object).label_field_id and not has_column_privilege(caller, format('%I.%I', schema_name, (object).table_name), c.name, 'select'))
$$;

-- Where an event stands among all that is told of a record, beside its time: those of one transaction have the same time.
create or replace function engine.event_key(batch bigint, seq int) returns text
language sql immutable parallel safe set search_path = ''
  return lpad(batch::text, 19, '0') || lpad(seq::text, 10, '0');

-- A record of a limited caller's is one that he sees now, or would if it were not in the trash. Of those
-- that were destroyed nothing is left to ask the rules of. The page is a condition over $3, $9 and $10 and an order.
create or replace function engine.past_events(caller name, schema_name text, object metadata.objects, record_id uuid, max_results int,
  page_condition text, page_order text, before_batch bigint, before_at timestamptz, before_key text)
returns table (batch bigint, seq int, action text, before jsonb, after jsonb, actor_type text, actor_id uuid, actor_name text, source text, happened_at timestamptz)
language plpgsql stable set search_path = ''
as $$
declare
  v_object metadata.objects := object;
  v_limit int := least(greatest(max_results, 1), 1000);
  v_table text := format('%I.%I', schema_name, v_object.table_name);
  v_names text[];
  v_since timestamptz[];
  v_knows_who boolean;
  v_is_seen boolean;
begin
  if engine.reads_wholly(caller, v_object.id) then
    return query execute format(
      'select e.batch, e.seq, e.action, e.before, e.after, e.actor_type, e.actor_id, e.actor_name, e.source, e.happened_at
       from %I.events_of($1, $2) e where %s
         and (e.action not in (''linked'', ''unlinked'') or engine.sees_link($8, coalesce(e.after, e.before))) order by %s limit $4', schema_name, page_condition, page_order)
    using v_object.id, record_id, before_batch, v_limit, null::text[], null::timestamptz[], null::boolean, caller, before_at, before_key;
    return;
  end if;
  -- Found out once, in the words of the policies.
  execute format('select exists (select from %2$s t where t.id = $2 and %3$s)
      or exists (select from %1$I.trash d where d.object_id = $1 and d.record_id = $2 and exists (select from jsonb_populate_record(null::%2$s, d.data) t where %3$s))',
    schema_name, v_table, engine.read_policy(caller, v_table::regclass)) into v_is_seen using v_object.id, record_id;
  if not v_is_seen then
    return;
  end if;
  select array_agg(c.name), array_agg(c.since) into v_names, v_since from engine.past_columns(caller, schema_name, v_object) c;
  v_knows_who := has_column_privilege(caller, v_table, 'created_by_name', 'select') and has_column_privilege(caller, v_table, 'updated_by_name', 'select');
  return query execute format(
    'select e.batch, e.seq, e.action, case when e.action in (''shared'', ''unshared'', ''linked'', ''unlinked'') then e.before else b.value end,
       case when e.action in (''shared'', ''unshared'', ''linked'', ''unlinked'') then e.after else a.value end, case when $7 then e.actor_type else '''' end, case when $7 then e.actor_id end, case when $7 then e.actor_name end,
       case when $7 then e.source else '''' end, e.happened_at
     from %I.events_of($1, $2) e
     cross join lateral engine.past_values(e.before, e.happened_at, $5, $6) b (value)
     cross join lateral engine.past_values(e.after, e.happened_at, $5, $6) a (value)
     where %s
       -- That something was changed which the caller does not read is nothing to tell, either.
       and (e.action <> ''updated'' or b.value <> ''{}'')
       and (e.action not in (''linked'', ''unlinked'') or engine.sees_link($8, coalesce(e.after, e.before)))
     order by %s limit $4', schema_name, page_condition, page_order)
  using v_object.id, record_id, before_batch, v_limit, v_names, v_since, v_knows_who, caller, before_at, before_key;
end
$$;

create or replace function engine.record_history(caller name, schema_name text, object_name text, record_id uuid, max_results int, before_batch bigint)
returns table (batch bigint, seq int, action text, before jsonb, after jsonb, actor_type text, actor_id uuid, actor_name text, source text, happened_at timestamptz)
language sql stable security definer set search_path = ''
as $$
  select * from engine.past_events(caller, schema_name, engine.past_object(caller, schema_name, object_name), record_id, max_results,
    '($3 is null or e.batch < $3)', 'e.batch desc, e.seq desc', before_batch, null, null)
$$;

create or replace function engine.deleted_records(caller name, schema_name text, object_name text, max_results int, skip int)
returns table (record_id uuid, label text, data jsonb, deleted_at timestamptz, deleted_by_name text)
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.past_object(caller, schema_name, object_name);
  v_is_whole boolean := engine.reads_wholly(caller, v_object.id);
begin
  return query execute format(
    'select d.record_id, case when $4 then d.label end, case when $5 then d.data else engine.past_values(d.data, null, $6, ''{}'') end, d.deleted_at,
       case when $7 then d.deleted_by_name end
     from %1$I.trash d
     where d.object_id = $1 and exists (select from jsonb_populate_record(null::%1$I.%2$I, d.data) t where %3$s)
     order by d.deleted_at desc, d.record_id limit $2 offset $3', schema_name, v_object.table_name, engine.read_policy(caller, format('%I.%I', schema_name, v_object.table_name)::regclass))
  using v_object.id, least(greatest(max_results, 1), 1000), greatest(skip, 0), v_is_whole or engine.reads_label(caller, schema_name, v_object), v_is_whole,
    -- What lies in the trash follows renamings.
    (select array_agg(c.name) from engine.past_columns(caller, schema_name, v_object) c),
    v_is_whole or has_column_privilege(caller, format('%I.%I', schema_name, v_object.table_name), 'updated_by_name', 'select');
end
$$;

-- Reached only through the tenant's own functions, which name the caller.
grant execute on function engine.record_history(name, text, text, uuid, int, bigint), engine.deleted_records(name, text, text, int, int) to relvar_crm;
--! EndIncluded engine/permissions/past.sql

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

--! Included engine/formula/screen.sql
-- What a person who writes a formula is told: its type, or where it is wrong, and what it gives for
-- some records.
create or replace function engine.formula_samples(object_id uuid, compiled jsonb, caller name) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_object metadata.objects;
  v_schema text;
  v_samples jsonb;
begin
  select o.* into v_object from metadata.objects o where o.id = formula_samples.object_id;
  select w.schema_name into v_schema from core.workspaces w where w.id = v_object.workspace_id;
  -- Nobody sees by a formula what the role may not read.
  if exists (
    select from engine.formula_fields(compiled) r join metadata.fields f on f.id = r
    where f.object_id not in (select engine.wholly_readable_objects(caller)))
    or v_object.id not in (select engine.wholly_readable_objects(caller)) then
    return '[]';
  end if;
  execute format('select coalesce(jsonb_agg(jsonb_build_object(''id'', s.id, ''label'', s.label, ''value'', %s)), ''[]'')
      from (select o.id, %s as label, %s as value, %s as currency from %I.%I o%s order by o.created_at desc limit 5) s',
    case compiled ->> 'type' when 'CURRENCY' then 'case when s.value is not null then jsonb_build_object(''amountMicros'', s.value, ''currencyCode'', s.currency) end' else 'to_jsonb(s.value)' end,
    engine.label_expression(v_object.id, 'o'), engine.formula_sql(compiled, '', 'o'),
    case compiled ->> 'type' when 'CURRENCY' then engine.formula_sql(compiled, 'currencyCode', 'o') else 'null::text' end,
    v_schema, v_object.table_name, engine.formula_joins(compiled, v_schema, 'o')) into v_samples;
  return v_samples;
end
$$;

create or replace function metadata.check_formula(object_id uuid, expression text, context text default 'FORMULA') returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_role name := current_setting('role')::name;
  v_compiled jsonb;
  v_message text;
  v_hint text;
  v_detail text;
  v_state text;
begin
  if not (engine.may(case context when 'RULE' then 'ROLES' else 'DATA_MODEL' end) or context = 'FILTER' and engine.may('API_KEYS_AND_WEBHOOKS')) or not exists (
    select from metadata.objects o where o.id = check_formula.object_id and o.workspace_id = engine.workspace_of_role(v_role) and o.deleted_at is null) then
    raise exception 'There is no such object.' using errcode = 'RV011', column = 'object_id';
  end if;
  if context not in ('FORMULA', 'CONDITION', 'FILTER', 'DEFAULT', 'RULE') then
    raise exception '"%" is no kind of formula.', context using errcode = 'RV055', column = 'context', hint = 'It is FORMULA, CONDITION, FILTER, DEFAULT or RULE.';
  end if;
  begin
    v_compiled := engine.formula_compile(object_id, expression, context);
  exception when others then
    get stacked diagnostics v_message = message_text, v_hint = pg_exception_hint, v_detail = pg_exception_detail, v_state = returned_sqlstate;
    if v_state not like 'RV05%' then
      raise;
    end if;
    return jsonb_build_object('ok', false, 'error', jsonb_build_object('message', v_message, 'code', v_state, 'hint', nullif(v_hint, ''),
      'position', (regexp_match(v_detail, '^At character ([0-9]+): '))[1]::int, 'token', substring(v_detail from '^At character [0-9]+: (.*)$')));
  end;
  return jsonb_build_object('ok', true, 'resultType', v_compiled ->> 'type', 'text', engine.formula_text(v_compiled),
    'samples', case when context in ('DEFAULT', 'RULE') then '[]' else engine.formula_samples(object_id, v_compiled, v_role) end);
end
$$;
comment on function metadata.check_formula(uuid, text, text) is
  'Reads a formula without saving it: {ok, resultType, text, samples} with its values for some records, or {ok: false, error: {message, code, hint, position, token}}.';
grant execute on function metadata.check_formula(uuid, text, text) to relvar_crm;
--! EndIncluded engine/formula/screen.sql
--! Included engine/webhooks/wake.sql
-- Which webhooks have something to tell. The relay says so when it gives positions, so that a webhook that nothing
-- matches costs nothing: it is not read for, and its cursor jumps over what was not meant for it.

create or replace function engine.event_matches(patterns text[], object_name text, action text) returns boolean
language sql immutable parallel safe set search_path = ''
  return patterns && array[object_name || '.' || action, object_name || '.*', '*.' || action, '*.*'];

-- The caller has just given these batches their positions, and still holds the counters of their workspaces. Rows of their own
-- say so: the relay waits for nobody who holds a webhook in a transaction.
create or replace function engine.wake_webhooks(taken engine.outbox[]) returns void
language sql volatile set search_path = ''
as $$
  insert into engine.webhook_wakes (webhook_id, first, last)
  select h.id, min(t.position), max(t.position)
  from (
    select t.workspace_id, t.object_id, t.action,
      p.position - count(*) over (partition by t.workspace_id) + row_number() over (partition by t.workspace_id order by t.batch) as position
    from unnest(taken) t join engine.event_positions p on p.workspace_id = t.workspace_id
  ) t
  join metadata.objects o on o.id = t.object_id
  join metadata.webhooks h on h.workspace_id = t.workspace_id and h.is_active and engine.event_matches(h.events, o.name_singular, t.action)
  group by h.id
$$;
--! EndIncluded engine/webhooks/wake.sql
--! Included engine/webhooks/payloads.sql
-- What webhooks say of changes: records and fields that the role of the webhook reads, as the records are now or lie in
-- the trash. The role is nobody's, so rules that ask for the member are true of nobody.

-- Values by column become values by field, as the GraphQL API of others nests them: {"name": {"firstName": …}}.
create or replace function engine.nested_values(data jsonb, columns text[], fields text[], parts text[]) returns jsonb
language sql immutable parallel safe set search_path = ''
as $$
  select coalesce(jsonb_object_agg(x.field, x.value), '{}')
  from (
    select c.field, case when max(c.part) = '' then (array_agg(data -> c.name))[1] else jsonb_object_agg(c.part, data -> c.name) end as value
    from unnest(columns, fields, parts) c (name, field, part)
    where data ? c.name
    group by c.field
  ) x
$$;

-- Of every event that is asked for, by batch and seq, at most one row: none where it is not for this webhook.
create or replace function engine.webhook_payloads(webhook_id uuid, batches bigint[], seqs int[])
returns table (batch bigint, seq int, object_id uuid, record_id uuid, event_type text, body jsonb)
language plpgsql stable security definer set search_path = '' set jit = off
as $$
#variable_conflict use_column
declare
  h record;
  k record;
  o metadata.objects;
  v_table text;
  v_is_whole boolean;
  v_condition text;
  v_filter text;
  v_names text[];
  v_since timestamptz[];
  v_told text[];
  v_columns text[];
  v_fields text[];
  v_parts text[];
  v_knows_who boolean;
begin
  select w.id, w.workspace_id, w.target_url, w.events, w.format, w.fields, w.compiled, c.schema_name, r.pg_role::name as pg_role into h
  from metadata.webhooks w join core.workspaces c on c.id = w.workspace_id join metadata.roles r on r.id = w.role_id
  where w.id = webhook_payloads.webhook_id;
  if not found then
    return;
  end if;
  for k in execute format(
    'select e.object_id, array_agg(e.batch) as batches, array_agg(e.seq) as seqs
     from unnest($1, $2) k (batch, seq) join %I.record_events e on e.batch = k.batch and e.seq = k.seq group by 1', h.schema_name)
    using batches, seqs
  loop
    select x.* into o from metadata.objects x where x.id = k.object_id and x.deleted_at is null;
    continue when not found;
    v_table := format('%I.%I', h.schema_name, o.table_name);
    continue when to_regclass(v_table) is null or not engine.has_right(h.pg_role, o.id, 'READ');
    v_is_whole := exists (select from engine.find_wholly_readable(h.pg_role, array[o.id]));
    v_condition := case when v_is_whole then 'true' else engine.condition_of(h.pg_role, o.id, 'READ', 't.', '00000000-0000-0000-0000-000000000000') end;
    select array_agg(c.name), array_agg(c.since) into v_names, v_since from engine.past_columns(h.pg_role, h.schema_name, o) c;
    v_knows_who := v_is_whole or has_column_privilege(h.pg_role, v_table, 'created_by_name', 'select') and has_column_privilege(h.pg_role, v_table, 'updated_by_name', 'select');
    -- Of chosen fields, those that the role reads.
    select array_agg(c.name), array_agg(case when f.type in ('RELATION', 'MEMBER', 'MORPH_RELATION') then engine.camel_case(c.name) else f.name end), array_agg(c.part)
    into v_columns, v_fields, v_parts
    from engine.field_columns(h.workspace_id, array[o.id]) c join metadata.fields f on f.id = c.field_id
    where c.name = any (v_names) and (not h.fields ? o.name_singular or h.fields -> o.name_singular ? f.name or c.is_id);
    v_told := case when h.fields ? o.name_singular then v_columns end;
    -- A filter over what the role does not read would tell of it.
    v_filter := case
      when not h.compiled ? o.id::text then 'true'
      when exists (select from engine.formula_fields(h.compiled -> o.id::text) f where not exists (
        select from engine.field_columns(h.workspace_id, array[o.id]) c where c.field_id = f and c.name = any (v_names))) then 'false'
      else format('exists (select from jsonb_populate_record(null::%s, r.record) f where %s)', v_table, engine.formula_sql(h.compiled -> o.id::text, '', 'f')) end;
    return query execute format(
      'select e.batch, e.seq, e.object_id, e.record_id, $3 || ''.'' || e.action,
         case when $12 = ''TWENTY'' then jsonb_strip_nulls(jsonb_build_object(
             ''userId'', m.user_id, ''workspaceMemberId'', m.id, ''apiKeyId'', case when $9 and e.actor_type = ''api_key'' then e.actor_id end))
           || jsonb_build_object(''targetUrl'', $13, ''eventName'', $3 || ''.'' || e.action, ''objectMetadata'', jsonb_build_object(''id'', e.object_id, ''nameSingular'', $3),
             ''workspaceId'', $4, ''webhookId'', $14, ''eventDate'', e.happened_at, ''record'', engine.nested_values(s.record, $15, $16, $17))
           || case when e.action = ''updated'' then jsonb_build_object(''updatedFields'', (
                select coalesce(jsonb_agg(distinct c.field), ''[]'') from unnest($15, $16) c (name, field) where s.after ? c.name)) else ''{}'' end
         else jsonb_build_object(''type'', $3 || ''.'' || e.action, ''timestamp'', e.happened_at, ''data'', jsonb_build_object(
           ''workspaceId'', $4, ''object'', $3, ''recordId'', e.record_id, ''action'', e.action,
           ''actor'', case when $9 then jsonb_build_object(''type'', e.actor_type, ''id'', e.actor_id, ''name'', e.actor_name) end,
           ''before'', s.before, ''after'', s.after, ''record'', s.record)) end
       from unnest($1, $2) k (batch, seq)
       join %1$I.record_events e on e.batch = k.batch and e.seq = k.seq
       left join %2$s t on t.id = e.record_id
       left join %1$I.trash d on d.object_id = $5 and d.record_id = e.record_id and t.id is null
       left join core.members m on $9 and $12 = ''TWENTY'' and e.actor_type = ''member'' and m.id = e.actor_id
       -- The record as the change left it, as far as the log and the table tell.
       cross join lateral (select coalesce(to_jsonb(t), d.data, ''{}'') || case when e.action in (''created'', ''restored'', ''updated'') then coalesce(e.after, ''{}'')
         when e.action in (''deleted'', ''destroyed'', ''merged'') then coalesce(e.before, ''{}'') else ''{}'' end as record) r
       cross join lateral (
         select case when $6 and $10 is null then e.before else engine.past_values(e.before, e.happened_at, v.names, v.since) end as before,
           case when $6 and $10 is null then e.after else engine.past_values(e.after, e.happened_at, v.names, v.since) end as after,
           engine.past_values(r.record, null, $11, ''{}'') as record
         from (select array_agg(n.name) as names, array_agg(n.since) as since from unnest($7, $8) n (name, since) where $10 is null or n.name = any ($10)) v
       ) s
       where ($6 or exists (select from %2$s t where t.id = e.record_id and %3$s)
           or exists (select from jsonb_populate_record(null::%2$s, d.data) t where d.record_id is not null and %3$s))
         and (e.action <> ''updated'' or s.before <> ''{}'') and (e.action not in (''linked'', ''unlinked'') or engine.sees_link($18, coalesce(e.after, e.before))) and %4$s',
      h.schema_name, v_table, v_condition, v_filter)
    using k.batches, k.seqs, o.name_singular, h.workspace_id, o.id, v_is_whole, v_names, v_since, v_knows_who, v_told, v_columns, h.format, h.target_url, h.id, v_columns, v_fields, v_parts, h.pg_role::name;
  end loop;
end
$$;
comment on function engine.webhook_payloads(uuid, bigint[], int[]) is 'What a webhook says of events, which are named by batch and seq; no row for what its role does not see, or its filter leaves out.';

-- What is too long to send says where it can be read.
create or replace function engine.shortened_payload(body jsonb) returns jsonb
language sql immutable parallel safe set search_path = ''
  return case when body ? 'data' then jsonb_set(body, '{data}', (body -> 'data') - '{before,after,record}'::text[] || '{"isShortened": true}')
    else body || jsonb_build_object('record', jsonb_build_object('id', body #> '{record,id}'), 'isShortened', true) end;
--! EndIncluded engine/webhooks/payloads.sql
--! Included engine/webhooks/emit.sql
-- Events of one's own, for webhooks: what is no change of a record, or more than one.

-- One row, whatever listens, so that who emits in a long transaction holds up nobody.
create or replace function engine.emit(workspace_id uuid, name text, payload jsonb default '{}') returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_id uuid := engine.uuidv7();
begin
  if name is null or name !~ '^[A-Za-z][A-Za-z0-9_]{0,62}\.[A-Za-z][A-Za-z0-9_]{0,62}$' then
    raise exception 'An event is not called "%".', name using errcode = 'RV206', column = 'name', hint = 'Name what it is about and what happened, such as invoice.paid.';
  end if;
  if exists (select from metadata.objects o where o.workspace_id = emit.workspace_id and o.deleted_at is null and o.name_singular = split_part(name, '.', 1)) then
    raise exception 'Events of records, such as "%", come from the records alone.', name using errcode = 'RV206', column = 'name',
      hint = 'Choose a name that no object has.';
  end if;
  if octet_length(payload::text) > 262144 then
    raise exception 'The event "%" has more than 256 kB.', name using errcode = 'RV206', column = 'payload', hint = 'Tell an id by which the rest is found.';
  end if;
  if not exists (select from core.workspaces w where w.id = emit.workspace_id) then
    raise exception 'There is no workspace %.', workspace_id using errcode = 'RV012', hint = 'select id, slug from core.workspaces lists them.';
  end if;
  insert into engine.emitted_events (id, workspace_id, name, payload) values (v_id, emit.workspace_id, emit.name, coalesce(emit.payload, '{}'));
  return v_id;
end
$$;
comment on function engine.emit(uuid, text, jsonb) is
  'Tells webhooks that match the name, such as invoice.paid, of an event with a payload. It leaves only if the transaction commits.';
revoke execute on function engine.emit(uuid, text, jsonb) from public;

create or replace function engine.relay_emitted(max_rows int default 500) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_count int;
begin
  -- One relay at a time, so that they are told in the order in which they came to be seen.
  if not pg_try_advisory_xact_lock(hashtextextended('relvar.emitted', 0)) then
    return 0;
  end if;
  with taken as (
    delete from engine.emitted_events e where e.id in (select f.id from engine.emitted_events f order by f.id limit max_rows)
    returning e.*
  ), told as (
    insert into engine.webhook_deliveries (webhook_id, workspace_id, kind, message_id, event_type, payload)
    select h.id, t.workspace_id, 'CUSTOM', t.id::text, t.name,
      jsonb_build_object('type', t.name, 'timestamp', t.emitted_at, 'data', t.payload)
    from taken t
    join metadata.webhooks h on h.workspace_id = t.workspace_id and h.is_active and engine.event_matches(h.events, split_part(t.name, '.', 1), split_part(t.name, '.', 2))
    order by t.id
    returning webhook_id
  ), woken as (
    insert into engine.webhook_wakes (webhook_id) select distinct t.webhook_id from told t
  )
  select count(*)::int into v_count from taken;
  return v_count;
end
$$;
comment on function engine.relay_emitted(int) is 'Moves up to max_rows emitted events to the webhooks that match. Returns how many.';
grant execute on function engine.relay_emitted(int) to relvar_worker;
--! EndIncluded engine/webhooks/emit.sql
--! Included engine/webhooks/work.sql
-- Delivering. A worker takes a webhook for some seconds (a lease, which it renews while it works), asks what there is to
-- send, and says what became of it. The log of events is the queue: a cursor says how far a webhook has come, and only
-- what failed, waits behind what failed, or was asked for by hand has a row of its own before it is sent.

-- How long to wait after so many failures, in seconds: 5 s, then three times as long each time, up to 12 hours.
create or replace function engine.webhook_backoff(failures int) returns double precision
language sql volatile parallel safe set search_path = ''
  return least(5 * 3.0 ^ least(greatest(failures - 1, 0), 10), 43200) * (0.8 + 0.4 * random());

-- A moment that lies further ahead than any wait can be was written by a clock that has since been set back.
create or replace function engine.has_come(moment timestamptz) returns boolean
language sql stable set search_path = ''
  return moment <= clock_timestamp() or moment > clock_timestamp() + interval '15 hours';

-- Webhooks that have something to send and that nobody holds, those that have waited longest first.
create or replace function engine.claim_webhooks(worker text, max_hooks int)
returns table (webhook_id uuid, workspace_id uuid, target_url text, format text, secret text, former_secret text)
language sql volatile security definer set search_path = ''
as $$
  with free as (
    select s.webhook_id
    from engine.webhook_states s join metadata.webhooks h on h.id = s.webhook_id
    where (s.has_test or h.is_active and (s.paused_until is null or engine.has_come(s.paused_until))
        and (s.wanted > s.position or s.seq < 2147483647 or engine.has_come(s.retry_at) or exists (select from engine.webhook_wakes w where w.webhook_id = s.webhook_id)))
      and (s.leased_until is null or s.leased_until < clock_timestamp() or s.leased_until > clock_timestamp() + interval '1 minute')
    order by s.worked_at nulls first
    limit max_hooks
    for update of s skip locked
  ), taken as (
    update engine.webhook_states s
    set leased_by = claim_webhooks.worker, leased_until = clock_timestamp() + interval '15 seconds', worked_at = clock_timestamp()
    where s.webhook_id in (select f.webhook_id from free f)
    returning s.webhook_id
  )
  select h.id, h.workspace_id, h.target_url, h.format,
    (select x.sealed from core.webhook_secrets x where x.webhook_id = h.id and x.expires_at is null),
    (select x.sealed from core.webhook_secrets x where x.webhook_id = h.id and x.expires_at > now() limit 1)
  from taken t join metadata.webhooks h on h.id = t.webhook_id
$$;

create or replace function engine.renew_webhooks(worker text, webhook_ids uuid[]) returns void
language sql volatile security definer set search_path = ''
as $$
  update engine.webhook_states s set leased_until = clock_timestamp() + interval '15 seconds'
  where s.webhook_id in (
    select x.webhook_id from engine.webhook_states x where x.webhook_id = any (webhook_ids) and x.leased_by = renew_webhooks.worker for update skip locked)
$$;

create or replace function engine.release_webhook(webhook_id uuid, worker text) returns void
language sql volatile security definer set search_path = '' set lock_timeout = '3s'
as $$
  update engine.webhook_states s set leased_by = null, leased_until = null
  where s.webhook_id = release_webhook.webhook_id and s.leased_by = release_webhook.worker
$$;

-- The first secret of a webhook that came without one, sealed; the one that is there, where another worker was quicker.
create or replace function engine.keep_webhook_secret(webhook_id uuid, sealed text) returns text
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform from engine.webhook_states s where s.webhook_id = keep_webhook_secret.webhook_id for update;
  insert into core.webhook_secrets (webhook_id, workspace_id, sealed)
  select h.id, h.workspace_id, keep_webhook_secret.sealed from metadata.webhooks h
  where h.id = keep_webhook_secret.webhook_id
    and not exists (select from core.webhook_secrets x where x.webhook_id = h.id and x.expires_at is null);
  return (select x.sealed from core.webhook_secrets x where x.webhook_id = keep_webhook_secret.webhook_id and x.expires_at is null);
end
$$;

-- Of deliveries that wait, the first of each record may be sent; what has no record waits for nothing.
create or replace function engine.webhook_heads(webhook_id uuid) returns setof engine.webhook_deliveries
language sql stable set search_path = ''
as $$
  select d.* from engine.webhook_deliveries d
  where d.webhook_id = webhook_heads.webhook_id and d.state = 'PENDING'
    and not exists (
      select from engine.webhook_deliveries p
      where p.webhook_id = d.webhook_id and p.state = 'PENDING' and p.record_id = d.record_id and p.id < d.id)
$$;

-- What to send next, in order. A webhook that has failed five times in a row gets one at a time, to see whether it works
-- again: what is not asked for stays in the log, and costs nothing.
create or replace function engine.webhook_work(webhook_id uuid, worker text, max_events int default 200)
returns table (delivery_id bigint, kind text, message_id text, event_type text, object_id uuid, record_id uuid, "position" bigint, batch bigint, seq int, body text)
language plpgsql volatile security definer set search_path = '' set jit = off set lock_timeout = '3s'
as $$
#variable_conflict use_column
declare
  s engine.webhook_states;
  h metadata.webhooks;
  v_schema text;
  v_max int;
  v_waiting bigint[] := '{}';
  v_batches bigint[];
  v_seqs int[];
  v_positions bigint[];
  v_asked int;
  v_first bigint;
  v_last bigint;
begin
  select x.* into s from engine.webhook_states x where x.webhook_id = webhook_work.webhook_id and x.leased_by = webhook_work.worker for update;
  if not found then
    return;
  end if;
  select x.* into h from metadata.webhooks x where x.id = webhook_work.webhook_id;
  select w.schema_name into v_schema from core.workspaces w where w.id = h.workspace_id;
  with woken as (
    delete from engine.webhook_wakes w where w.webhook_id = h.id returning w.first, w.last
  )
  select min(w.first), max(w.last) into v_first, v_last from woken w;
  -- One that has told everything begins where something is meant for it again.
  if s.wanted <= s.position and s.seq = 2147483647 then
    s.position := greatest(s.position, v_first - 1);
  end if;
  s.wanted := greatest(s.wanted, v_last);
  v_max := case when s.failures >= 5 then 1 else greatest(least(max_events, 1000), 1) end;

  if s.has_test then
    v_waiting := array(select d.id from engine.webhook_deliveries d where d.webhook_id = h.id and d.state = 'PENDING' and d.kind = 'TEST' order by d.id limit 5);
  elsif h.is_active and s.failures >= 5 and random() < 0.5 then
    -- Any of them, since one may be what the receiver cannot take.
    v_waiting := array(select d.id from engine.webhook_heads(h.id) d order by random() limit 1);
  elsif h.is_active then
    v_waiting := array(
      select d.id from engine.webhook_heads(h.id) d
      where d.next_attempt_at is null or engine.has_come(d.next_attempt_at)
      order by d.id limit v_max);
  end if;

  -- Where five hundred have failed on their own, no more are begun.
  v_asked := case when h.is_active and not s.has_test and (select count(*) from (select from engine.webhook_deliveries d
    where d.webhook_id = h.id and d.state = 'PENDING' and d.attempts > 0 limit 500) f) < 500 then v_max - cardinality(v_waiting) else 0 end;
  if v_asked > 0 and (s.wanted > s.position or s.seq < 2147483647) then
    execute format(
      'select array_agg(x.position), array_agg(x.batch), array_agg(x.seq) from (
         select b.position, e.batch, e.seq
         from (
           select b.* from %1$I.event_batches b join metadata.objects o on o.id = b.object_id
           where b.position >= $1 and b.position <= $3 and (b.position > $1 or $2 < 2147483647)
             and engine.event_matches($4, o.name_singular, b.action)
           order by b.position
         ) b
         cross join lateral (
           select e.batch, e.seq from %1$I.record_events e
           where e.batch = b.batch and (b.position > $1 or e.seq > $2)
             and not exists (select from engine.webhook_deliveries d where d.webhook_id = $6 and d.batch = e.batch and d.seq = e.seq and d.kind = ''EVENT'' and not d.is_replay)
           order by e.seq limit $5
         ) e
         order by b.position, e.seq limit $5
       ) x', v_schema)
    into v_positions, v_batches, v_seqs using s.position, s.seq, s.wanted, h.events, v_asked, h.id;
    s.fetched := s.wanted;
    s.fetched_seq := 2147483647;
    if cardinality(v_batches) >= v_asked then
      s.fetched := v_positions[cardinality(v_positions)];
      s.fetched_seq := v_seqs[cardinality(v_seqs)];
    end if;
  else
    s.fetched := s.position;
    s.fetched_seq := s.seq;
  end if;

  -- A webhook that is down is tried with something, whatever its time.
  if h.is_active and s.failures >= 5 and v_waiting = '{}' and v_batches is null and not s.has_test then
    v_waiting := array(select d.id from engine.webhook_heads(h.id) d order by random() limit 1);
  end if;
  update engine.webhook_states x set fetched = s.fetched, fetched_seq = s.fetched_seq, leased_until = clock_timestamp() + interval '15 seconds',
    -- With too many failures, what comes after them waits until some of them can be tried.
    paused_until = case when v_asked = 0 and v_waiting = '{}' then clock_timestamp() + interval '20 seconds' else x.paused_until end,
    wanted = s.wanted, position = case when v_batches is null then s.fetched else s.position end, seq = case when v_batches is null then s.fetched_seq else s.seq end
  where x.webhook_id = h.id;
  if v_batches is null and v_waiting = '{}' then
    return;
  end if;

  return query
  with waiting as materialized (
    select d.* from engine.webhook_deliveries d where d.webhook_id = h.id and d.id = any (v_waiting)
  ), fresh as materialized (
    select u.* from unnest(v_positions, v_batches, v_seqs) u (position, batch, seq)
  ), keys as (
    select w.batch, w.seq from waiting w where w.kind = 'EVENT' union select f.batch, f.seq from fresh f
  ), said as materialized (
    select p.* from engine.webhook_payloads(h.id, array(select k.batch from keys k order by k.batch, k.seq), array(select k.seq from keys k order by k.batch, k.seq)) p
  ), gone as (
    -- Its role does not see it any more, or the filter is another.
    update engine.webhook_deliveries d set state = 'SKIPPED', next_attempt_at = null
    from waiting w
    where w.kind = 'EVENT' and d.webhook_id = h.id and d.id = w.id and not exists (select from said p where p.batch = w.batch and p.seq = w.seq)
  ), held as (
    -- Behind what has failed of the same record.
    insert into engine.webhook_deliveries (webhook_id, workspace_id, kind, message_id, event_type, object_id, record_id, batch, seq)
    select h.id, h.workspace_id, 'EVENT', f.batch || '-' || f.seq, p.event_type, p.object_id, p.record_id, f.batch, f.seq
    from fresh f join said p on p.batch = f.batch and p.seq = f.seq
    where exists (select from engine.webhook_deliveries d where d.webhook_id = h.id and d.state = 'PENDING' and d.record_id = p.record_id)
    order by f.position, f.seq
    returning webhook_deliveries.batch, webhook_deliveries.seq
  )
  select x.delivery_id, x.kind, x.message_id, x.event_type, x.object_id, x.record_id, x.position, x.batch, x.seq,
    case when octet_length(x.body) <= 524288 then x.body else engine.shortened_payload(x.body::jsonb)::text end
  from (
    select w.id as delivery_id, w.kind, w.message_id, w.event_type, w.object_id, w.record_id, null::bigint as position, w.batch, w.seq,
      case when w.kind = 'EVENT' then (select p.body from said p where p.batch = w.batch and p.seq = w.seq) else w.payload end::text as body
    from waiting w
    union all
    select null, 'EVENT', f.batch || '-' || f.seq, p.event_type, p.object_id, p.record_id, f.position, f.batch, f.seq, p.body::text
    from fresh f join said p on p.batch = f.batch and p.seq = f.seq
    where not exists (select from held l where l.batch = f.batch and l.seq = f.seq)
  ) x
  where x.body is not null
  order by x.delivery_id, x.position, x.seq;
end
$$;

-- What became of deliveries: [{"delivery", "kind", "id", "type", "object", "record", "batch", "seq", "isTried", "status", "error",
-- "ms", "request", "response", "retryAfter"}], in the order in which the answers came. The cursor moves to where all before it
-- was tried, or to the end of what was fetched. Whether there is more to send now: not where another worker has the webhook.
create or replace function engine.note_webhook_results(webhook_id uuid, worker text, results jsonb, done_position bigint default null, done_seq int default null, is_done boolean default false)
returns boolean
language plpgsql volatile security definer set search_path = '' set jit = off set lock_timeout = '3s'
as $$
#variable_conflict use_column
declare
  s engine.webhook_states;
  h metadata.webhooks;
  r record;
  v_failures int;
  v_reason text;
begin
  -- In the order in which who changes a webhook takes them.
  select x.* into h from metadata.webhooks x where x.id = note_webhook_results.webhook_id for no key update;
  select x.* into s from engine.webhook_states x where x.webhook_id = note_webhook_results.webhook_id and x.leased_by = note_webhook_results.worker for update;
  if not found then
    return false;
  end if;

  insert into engine.webhook_deliveries (webhook_id, workspace_id, kind, message_id, event_type, object_id, record_id, batch, seq, state, attempts,
    first_attempt_at, last_attempt_at, next_attempt_at, status, error, duration_ms, request, response, history)
  select h.id, h.workspace_id, t.kind, t.id, t.type, t.object, t.record, t.batch, t.seq,
    case when t.error is null and t."isTried" then 'DELIVERED' else 'PENDING' end, case when t."isTried" then 1 else 0 end,
    case when t."isTried" then clock_timestamp() end, case when t."isTried" then clock_timestamp() end,
    case when t.error is not null and t."isTried" then clock_timestamp() + make_interval(secs => greatest(engine.webhook_backoff(1), t."retryAfter")) end,
    t.status, t.error, t.ms, t.request, t.response,
    case when t."isTried" then jsonb_build_array(jsonb_build_object('at', clock_timestamp(), 'status', t.status, 'error', t.error, 'ms', t.ms)) else '[]' end
  from rows from (jsonb_to_recordset(results) as (delivery bigint, kind text, id text, type text, object uuid, record uuid, batch bigint, seq int, "isTried" boolean,
    status int, error text, ms int, request jsonb, response jsonb, "retryAfter" double precision)) with ordinality t
  where t.delivery is null
  order by t.ordinality
  on conflict (webhook_id, batch, seq) where kind = 'EVENT' and not is_replay do nothing;

  update engine.webhook_deliveries d
  set state = case when t.error is null then 'DELIVERED'
      when d.kind = 'TEST' or coalesce(d.first_attempt_at, now()) < now() - interval '3 days' and d.attempts >= 8 then 'DEAD' else 'PENDING' end,
    attempts = d.attempts + 1, first_attempt_at = coalesce(d.first_attempt_at, clock_timestamp()), last_attempt_at = clock_timestamp(),
    next_attempt_at = case when t.error is not null then clock_timestamp() + make_interval(secs => greatest(engine.webhook_backoff(d.attempts + 1), t."retryAfter")) end,
    status = t.status, error = t.error, duration_ms = t.ms, request = t.request, response = t.response,
    history = (case when jsonb_array_length(d.history) >= 20 then d.history - 0 else d.history end)
      || jsonb_build_object('at', clock_timestamp(), 'status', t.status, 'error', t.error, 'ms', t.ms)
  from jsonb_to_recordset(results) as t (delivery bigint, "isTried" boolean, status int, error text, ms int, request jsonb, response jsonb, "retryAfter" double precision)
  where d.webhook_id = h.id and d.id = t.delivery and t."isTried";

  -- What happened to tests says nothing of the rest.
  select count(*) filter (where x.error is null) as successes, count(*) filter (where x.n > x.last_success) as failed,
    max(x.retry_after) filter (where x.n > x.last_success) as retry_after, coalesce(bool_or(x.status = 410), false) as is_gone,
    (array_agg(x.error order by x.n desc))[1] as error, (array_agg(x.status order by x.n desc))[1] as status
  into r
  from (
    select e.n, e.value ->> 'error' as error, (e.value ->> 'status')::int as status, (e.value ->> 'retryAfter')::double precision as retry_after,
      coalesce(max(e.n) filter (where e.value ->> 'error' is null) over (), 0) as last_success
    from jsonb_array_elements(results) with ordinality e (value, n)
    where (e.value ->> 'isTried')::boolean and e.value ->> 'kind' <> 'TEST'
  ) x;
  -- Those that were on their way together when it went down count as one.
  v_failures := case when r.successes > 0 then least(r.failed, 5) when s.failures < 5 then least(s.failures + r.failed, 5)
    when r.failed > 0 and coalesce(s.paused_until < clock_timestamp(), true) then s.failures + 1 else s.failures end;
  if s.failures >= 5 and r.successes > 0 then
    -- It works again: what waited for that need not wait longer.
    update engine.webhook_deliveries d set next_attempt_at = now()
    where d.webhook_id = h.id and d.state = 'PENDING' and d.next_attempt_at > now();
  end if;
  update engine.webhook_states x
  set position = case when is_done then x.fetched else coalesce(done_position, x.position) end,
    seq = case when is_done then x.fetched_seq else coalesce(done_seq, x.seq) end,
    leased_until = clock_timestamp() + interval '15 seconds', failures = v_failures,
    failing_since = case when v_failures > 0 then case when r.successes > 0 then clock_timestamp() else coalesce(x.failing_since, clock_timestamp()) end end,
    paused_until = case when r.failed > 0 and v_failures = s.failures and v_failures >= 5 and r.retry_after is null then x.paused_until
      when r.failed > 0 and (v_failures >= 5 or r.retry_after is not null)
        then clock_timestamp() + make_interval(secs => greatest(case when v_failures >= 5 then engine.webhook_backoff(v_failures - 4) else 0 end, r.retry_after))
      when r.successes > 0 then null else x.paused_until end,
    last_success_at = case when r.successes > 0 then clock_timestamp() else x.last_success_at end,
    last_failure_at = case when r.failed > 0 then clock_timestamp() else x.last_failure_at end,
    last_status = coalesce(r.status, x.last_status), last_error = case when r.failed > 0 then r.error when r.successes > 0 then null else x.last_error end,
    has_test = exists (select from engine.webhook_deliveries d where d.webhook_id = h.id and d.state = 'PENDING' and d.kind = 'TEST'),
    retry_at = case when exists (select from engine.webhook_heads(h.id) d where d.next_attempt_at is null) then now()
      else (select min(d.next_attempt_at) from engine.webhook_heads(h.id) d) end
  where x.webhook_id = h.id
  returning * into s;

  v_reason := case when r.is_gone then 'The receiver answered 410 Gone: it wants nothing any more.'
    when v_failures >= 12 and s.failing_since < now() - interval '3 days' then format('Nothing could be delivered for three days. %s', r.error) end;
  if v_reason is not null and h.is_active then
    update metadata.webhooks w set is_active = false, disabled_at = now(), disabled_reason = v_reason where w.id = h.id;
    perform engine.tell_webhook_disabled(h.id);
    return false;
  end if;
  return s.has_test or h.is_active and (s.paused_until is null or engine.has_come(s.paused_until))
    and (s.wanted > s.position or s.seq < 2147483647 or coalesce(engine.has_come(s.retry_at), false) or exists (select from engine.webhook_wakes w where w.webhook_id = h.id));
end
$$;

-- Who made it is told, or, where that member is gone or may not keep webhooks any more, everybody who may.
create or replace function engine.tell_webhook_disabled(webhook_id uuid) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_hook metadata.webhooks := (select h from metadata.webhooks h where h.id = webhook_id);
  v_members uuid[] := array(
    select k.id
    from (
      select m.id, m.id is not distinct from v_hook.created_by_id as is_maker, bool_or(m.id is not distinct from v_hook.created_by_id) over () as has_maker
      from core.members m join metadata.roles r on r.id = m.role_id
      where m.workspace_id = v_hook.workspace_id and m.is_active and engine.role_may(r.pg_role, 'API_KEYS_AND_WEBHOOKS')
    ) k
    where k.is_maker or not k.has_maker);
begin
  perform core.notify(v_hook.workspace_id, v_members, 'WEBHOOK_DISABLED', detail => jsonb_build_object('name', v_hook.name, 'id', v_hook.id, 'reason', v_hook.disabled_reason));
  -- At once it comes as a letter of its own, which says more.
  perform core.queue_mail(u.email, 'webhook_disabled', jsonb_build_object('name', v_hook.name, 'host', substring(v_hook.target_url from '^[a-z]+://(?:[^/@]*@)?([^/:?#]+)'), 'reason', v_hook.disabled_reason, 'id', v_hook.id), v_hook.workspace_id)
  from core.members m
  join core.users u on u.id = m.user_id
  left join core.notification_preferences p on p.member_id = m.id and p.kind = 'WEBHOOK_DISABLED'
  where m.id = any (v_members) and coalesce(p.mail, 'NOW') = 'NOW' and core.is_email(u.email);
end
$$;

-- In steps, so that no purge holds rows for long. Called until it returns 0.
create or replace function engine.purge_webhook_deliveries(max_rows int default 5000) returns int
language sql volatile security definer set search_path = ''
as $$
  with orphans as (
    -- Of webhooks that were deleted while the relay had something for them.
    delete from engine.webhook_wakes w where not exists (select from metadata.webhooks h where h.id = w.webhook_id)
  ), old as (
    select d.webhook_id, d.id from engine.webhook_deliveries d
    where not exists (select from metadata.webhooks h where h.id = d.webhook_id) or d.created_at < now() - interval '14 days' and (d.state in ('DELIVERED', 'SKIPPED') or d.state = 'DEAD' and d.created_at < now() - interval '60 days')
    limit max_rows
  ), gone as (
    delete from engine.webhook_deliveries d using old o where d.webhook_id = o.webhook_id and d.id = o.id returning 1
  ), secrets as (
    delete from core.webhook_secrets x where x.expires_at < now() returning 1
  )
  select count(*)::int from gone
$$;
comment on function engine.purge_webhook_deliveries(int) is 'Forgets deliveries after 14 days, and those that were given up after 60; secrets that have expired.';

grant execute on function engine.claim_webhooks(text, int), engine.renew_webhooks(text, uuid[]), engine.release_webhook(uuid, text), engine.keep_webhook_secret(uuid, text),
  engine.webhook_work(uuid, text, int), engine.note_webhook_results(uuid, text, jsonb, bigint, int, boolean), engine.purge_webhook_deliveries(int) to relvar_worker;
--! EndIncluded engine/webhooks/work.sql
--! Included metadata/webhooks.sql
-- Webhooks, as those who keep them write them.

-- Refuses what cannot be, and completes the rest: the role, the member who made it, filters as typed trees.
create or replace function engine.tg_webhooks__complete() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_caller name := current_setting('role')::name;
  v_pattern text;
  v_object metadata.objects;
  v_field text;
  v_entry record;
begin
  if tg_op = 'INSERT' then
    if (select count(*) from metadata.webhooks h where h.workspace_id = new.workspace_id) >= 200 then
      raise exception 'A workspace has at most 200 webhooks.' using errcode = 'RV205', hint = 'Delete those that nobody needs; one webhook can have many events.';
    end if;
    new.created_by_id := (select m.id from core.members m where m.id = engine.current_member() and m.workspace_id = new.workspace_id);
  end if;
  new.role_id := coalesce(new.role_id, (select r.id from metadata.roles r where r.pg_role = engine.crm_role(v_caller) and r.workspace_id = new.workspace_id),
    (select r.id from metadata.roles r where r.workspace_id = new.workspace_id and r.is_system and r.has_all_permissions));
  foreach v_pattern in array new.events loop
    if v_pattern is null or v_pattern !~ '^(\*|[A-Za-z][A-Za-z0-9_]{0,62})\.(\*|[A-Za-z][A-Za-z0-9_]{0,62})$' then
      raise exception '"%" names no events.', v_pattern using errcode = 'RV205', column = 'events',
        hint = 'Write object.action, such as person.created, with * for any: company.*, *.deleted, *.*.';
    end if;
  end loop;
  if cardinality(new.events) > 200 then
    raise exception 'A webhook has at most 200 patterns.' using errcode = 'RV205', column = 'events', hint = 'company.* and *.* stand for many.';
  end if;
  if tg_op = 'UPDATE' and new.is_active and not old.is_active then
    new.disabled_at := null;
    new.disabled_reason := null;
  end if;
  if tg_op = 'INSERT' or new.filters is distinct from old.filters or new.compiled is distinct from old.compiled then
    new.compiled := '{}';
    for v_entry in select e.key, e.value from jsonb_each(new.filters) e loop
      v_object := engine.webhook_object(new.workspace_id, v_entry.key, 'filters');
      if jsonb_typeof(v_entry.value) <> 'string' then
        raise exception 'The filter of "%" is no text.', v_entry.key using errcode = 'RV205', column = 'filters', hint = 'Write {"opportunity": "stage = \"WON\""}.';
      end if;
      if btrim(v_entry.value #>> '{}') = '' then
        new.filters := new.filters - v_entry.key;
      else
        new.compiled := new.compiled || jsonb_build_object(v_object.id, engine.formula_compile(v_object.id, v_entry.value #>> '{}', 'FILTER'));
      end if;
    end loop;
  end if;
  if tg_op = 'INSERT' or new.fields is distinct from old.fields then
    for v_entry in select e.key, e.value from jsonb_each(new.fields) e loop
      v_object := engine.webhook_object(new.workspace_id, v_entry.key, 'fields');
      if jsonb_typeof(v_entry.value) <> 'array' or v_entry.value = '[]' then
        raise exception 'The fields of "%" are no list.', v_entry.key using errcode = 'RV205', column = 'fields', hint = 'Write {"person": ["name", "emails"]}, or leave the object out for all fields.';
      end if;
      select v into v_field from jsonb_array_elements_text(v_entry.value) v
      where not exists (select from metadata.fields f where f.object_id = v_object.id and f.name = v and f.deleted_at is null) limit 1;
      if found then
        raise exception 'The object "%" has no field "%".', v_entry.key, v_field using errcode = 'RV205', column = 'fields',
          hint = engine.did_you_mean(v_field, array(select f.name from metadata.fields f where f.object_id = v_object.id and f.deleted_at is null));
      end if;
    end loop;
  end if;
  return new;
end
$$;

create or replace function engine.webhook_object(workspace_id uuid, name text, column_name text) returns metadata.objects
language plpgsql stable set search_path = ''
as $$
declare
  v_object metadata.objects;
begin
  select o.* into v_object from metadata.objects o where o.workspace_id = webhook_object.workspace_id and o.name_singular = name and o.deleted_at is null;
  if not found then
    raise exception 'There is no object "%".', name using errcode = 'RV205', column = column_name,
      hint = engine.did_you_mean(name, array(select o.name_singular from metadata.objects o where o.workspace_id = webhook_object.workspace_id and o.deleted_at is null));
  end if;
  return v_object;
end
$$;
drop trigger if exists _100_judge on metadata.webhooks;
create or replace trigger _100_complete before insert or update on metadata.webhooks for each row execute function engine.tg_webhooks__complete();

-- A webhook tells what its role sees. So nobody learns by a webhook of their own, or by turning one that is there to
-- another address, what their role does not show them.
create or replace function engine.assert_may_hear(role_id uuid) returns void
language plpgsql stable set search_path = ''
as $$
begin
  if not engine.acts_as_administrator() and not engine.may('ROLES') and role_id not in (select engine.roles_of(current_setting('role')::name)) then
    raise exception 'The webhook tells what its role sees, and your role may see less.' using errcode = '42501', column = 'role_id',
      hint = 'Give it your own role, or ask somebody who keeps the roles.';
  end if;
end
$$;

create or replace function engine.tg_webhooks__judge() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform engine.assert_may_hear(new.role_id);
  if tg_op = 'UPDATE' then
    perform engine.assert_may_hear(old.role_id);
  end if;
  return new;
end
$$;
-- What the engine itself writes, when names change or a receiver is gone, needs no leave.
create or replace trigger _200_judge before insert or update on metadata.webhooks for each row when (current_user <> 'relvar_owner') execute function engine.tg_webhooks__judge();

-- What was missed while it was off is not sent when it is on again, unless somebody asks for a replay.
create or replace function engine.tg_webhooks__keep_state() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  insert into engine.webhook_states (webhook_id) values (new.id) on conflict do nothing;
  if tg_op = 'UPDATE' and (new.is_active and not old.is_active or new.target_url <> old.target_url) then
    update engine.webhook_states s set failures = 0, failing_since = null, paused_until = null, last_error = null, retry_at = now(),
      "position" = case when new.is_active and not old.is_active then greatest(s.position, s.wanted) else s.position end,
      seq = case when new.is_active and not old.is_active then 2147483647 else s.seq end
    where s.webhook_id = new.id;
    if not old.is_active then
      delete from engine.webhook_wakes w where w.webhook_id = new.id;
    end if;
    update engine.webhook_deliveries d set next_attempt_at = now() where d.webhook_id = new.id and d.state = 'PENDING' and d.next_attempt_at > now();
  end if;
  return null;
end
$$;
create or replace trigger _500_keep_state after insert or update on metadata.webhooks for each row execute function engine.tg_webhooks__keep_state();

create or replace function engine.tg_webhooks__forget() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  delete from engine.webhook_deliveries d using old_rows o where d.webhook_id = o.id;
  delete from engine.webhook_wakes w using old_rows o where w.webhook_id = o.id;
  return null;
end
$$;
create or replace trigger _500_forget after delete on metadata.webhooks referencing old table as old_rows for each statement execute function engine.tg_webhooks__forget();

-- Patterns, filters and chosen fields follow the names of objects and fields, and filters are judged again when a field becomes something else.
create or replace function engine.tg_objects__follow_webhooks() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  update metadata.webhooks h
  set events = array(select case when split_part(e, '.', 1) = old.name_singular then new.name_singular || '.' || split_part(e, '.', 2) else e end from unnest(h.events) with ordinality u (e, n) order by n),
    filters = case when h.filters ? old.name_singular then h.filters - old.name_singular || jsonb_build_object(new.name_singular, h.filters -> old.name_singular) else h.filters end,
    fields = case when h.fields ? old.name_singular then h.fields - old.name_singular || jsonb_build_object(new.name_singular, h.fields -> old.name_singular) else h.fields end
  where h.workspace_id = new.workspace_id
    and (exists (select from unnest(h.events) e where split_part(e, '.', 1) = old.name_singular) or h.filters ? old.name_singular or h.fields ? old.name_singular);
  return null;
end
$$;
create or replace trigger _400_follow_webhooks after update on metadata.objects for each row
  when (new.deleted_at is null and new.name_singular is distinct from old.name_singular) execute function engine.tg_objects__follow_webhooks();

create or replace function engine.tg_fields__follow_webhooks() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object text := (select o.name_singular from metadata.objects o where o.id = new.object_id);
  v_message text;
  v_state text;
  r record;
begin
  for r in
    select h.* from metadata.webhooks h
    where h.workspace_id = new.workspace_id and (h.fields -> v_object ? old.name or new.id in (select engine.formula_fields(h.compiled)))
  loop
    begin
      update metadata.webhooks h
      set fields = case when h.fields -> v_object ? old.name
          then jsonb_set(h.fields, array[v_object], (h.fields -> v_object) - old.name || to_jsonb(new.name)) else h.fields end,
        filters = coalesce((select jsonb_object_agg(o.name_singular, engine.formula_text(c.value)) from jsonb_each(h.compiled) c join metadata.objects o on o.id = c.key::uuid), '{}'),
        compiled = '{}'
      where h.id = r.id;
    exception when others then
      get stacked diagnostics v_message = message_text, v_state = returned_sqlstate;
      if v_state not like 'RV%' then
        raise;
      end if;
      raise exception 'The filter of the webhook "%" does not allow this change of "%": %', coalesce(nullif(r.name, ''), r.target_url), new.label, v_message
        using errcode = 'RV058', column = 'type', hint = 'Change that filter first.';
    end;
  end loop;
  return null;
end
$$;
create or replace trigger _400_follow_webhooks after update on metadata.fields for each row
  when (new.deleted_at is null and (new.name is distinct from old.name or new.type is distinct from old.type
    or new.options is distinct from old.options or new.settings is distinct from old.settings))
  execute function engine.tg_fields__follow_webhooks();

-- ── What those who keep webhooks do with them ───────────────────────────────────────────────────

-- For a webhook that tells more than the caller may see only where nothing of that is told.
create or replace function engine.kept_webhook(webhook_id uuid, is_heard boolean default true) returns metadata.webhooks
language plpgsql stable set search_path = ''
as $$
declare
  v_webhook metadata.webhooks;
begin
  select h.* into v_webhook from metadata.webhooks h where h.id = webhook_id;
  if found and not engine.acts_as_administrator() and v_webhook.workspace_id is distinct from engine.workspace_of_role(current_setting('role')::name) then
    v_webhook := null;
  end if;
  if v_webhook.id is null then
    perform engine.assert_manages(engine.own_workspace(), 'API_KEYS_AND_WEBHOOKS');
    raise exception 'The workspace has no such webhook.' using errcode = 'RV207', hint = 'It may have been deleted meanwhile.';
  end if;
  perform engine.assert_manages(v_webhook.workspace_id, 'API_KEYS_AND_WEBHOOKS');
  if is_heard then
    perform engine.assert_may_hear(v_webhook.role_id);
  end if;
  return v_webhook;
end
$$;

create or replace function engine.webhook_health(webhook_id uuid) returns jsonb
language sql stable set search_path = ''
as $$
  select jsonb_build_object('id', h.id,
    'state', case when not h.is_active then case when h.disabled_at is null then 'OFF' else 'DISABLED' end
      when s.failures >= 5 then 'DOWN' when s.failures > 0 or c.failing > 0 then 'FAILING' when s.last_success_at is null then 'NEW' else 'WORKING' end,
    'waiting', c.waiting, 'failing', c.failing, 'dead', c.dead, 'statementsBehind', greatest(s.wanted - s.position, (select count(*) from engine.webhook_wakes w where w.webhook_id = h.id), 0), 'failures', s.failures, 'failingSince', s.failing_since,
    'nextAttemptAt', case when s.failures >= 5 then s.paused_until else greatest(s.retry_at, s.paused_until) end,
    'lastSuccessAt', s.last_success_at, 'lastFailureAt', s.last_failure_at, 'lastStatus', s.last_status, 'lastError', s.last_error,
    'hasUnseenSecret', not exists (select from core.webhook_secrets x where x.webhook_id = h.id and x.expires_at is null and x.shown_at is not null),
    'formerSecretUntil', (select max(x.expires_at) from core.webhook_secrets x where x.webhook_id = h.id and x.expires_at > now()))
  from metadata.webhooks h
  join engine.webhook_states s on s.webhook_id = h.id
  cross join lateral (
    select (select count(*) from (select from engine.webhook_deliveries d where d.webhook_id = h.id and d.state = 'PENDING' limit 10000) x) as waiting,
      (select count(*) from engine.webhook_deliveries d where d.webhook_id = h.id and d.state = 'PENDING' and d.attempts > 0) as failing,
      (select count(*) from engine.webhook_deliveries d where d.webhook_id = h.id and d.state = 'DEAD' and d.kind <> 'TEST') as dead
  ) c
  where h.id = webhook_health.webhook_id
$$;

create or replace function metadata.webhook_states() returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
begin
  perform engine.assert_manages(engine.own_workspace(), 'API_KEYS_AND_WEBHOOKS');
  return (select coalesce(jsonb_agg(engine.webhook_health(h.id) order by h.id), '[]') from metadata.webhooks h where h.workspace_id = engine.own_workspace());
end
$$;
comment on function metadata.webhook_states() is
  'How the webhooks of the workspace fare: whether they work, what waits, what was given up, when the last delivery was, and why it failed. For who has the permission API_KEYS_AND_WEBHOOKS.';

create or replace function metadata.webhook_stats(webhook_id uuid, hours int default 24) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_webhook metadata.webhooks := engine.kept_webhook(webhook_stats.webhook_id, false);
begin
  return engine.webhook_health(v_webhook.id) || (
    select jsonb_build_object('hours', least(greatest(hours, 1), 336), 'delivered', count(*) filter (where d.state = 'DELIVERED'), 'attempts', coalesce(sum(d.attempts), 0),
      'retried', count(*) filter (where d.attempts > 1), 'medianMs', round(percentile_cont(0.5) within group (order by d.duration_ms)), 'slowestMs', max(d.duration_ms))
    from engine.webhook_deliveries d
    where d.webhook_id = v_webhook.id and d.kind <> 'TEST' and d.last_attempt_at > now() - make_interval(hours => least(greatest(webhook_stats.hours, 1), 336)));
end
$$;
comment on function metadata.webhook_stats(uuid, int) is 'How a webhook fares, with what it delivered in the last hours: how much, how often again, how fast.';

create or replace function metadata.webhook_deliveries(webhook_id uuid, states text[] default null, before_id bigint default null, max_results int default 50) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_webhook metadata.webhooks := engine.kept_webhook(webhook_deliveries.webhook_id, false);
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object('id', d.id::text, 'kind', d.kind, 'messageId', d.message_id, 'type', d.event_type, 'recordId', d.record_id, 'state', d.state, 'isReplay', d.is_replay,
      'attempts', d.attempts, 'status', d.status, 'error', d.error, 'durationMs', d.duration_ms, 'createdAt', d.created_at, 'lastAttemptAt', d.last_attempt_at,
      'nextAttemptAt', d.next_attempt_at) order by d.id desc), '[]')
    from (
      select e.* from engine.webhook_deliveries e
      where e.webhook_id = v_webhook.id and (states is null or e.state = any (states)) and (before_id is null or e.id < before_id)
      order by e.id desc limit least(greatest(max_results, 1), 500)
    ) d);
end
$$;
comment on function metadata.webhook_deliveries(uuid, text[], bigint, int) is
  'Deliveries of a webhook, the latest first, after before_id those before it. states: PENDING (waits, or failed and is tried again), DELIVERED, DEAD (given up), SKIPPED (its role does not see it any more).';

create or replace function metadata.webhook_delivery(webhook_id uuid, delivery_id bigint) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_webhook metadata.webhooks := engine.kept_webhook(webhook_delivery.webhook_id);
begin
  return (
    select jsonb_build_object('id', d.id::text, 'state', d.state, 'request', d.request, 'response', d.response, 'attempts', d.history, 'firstAttemptAt', d.first_attempt_at)
    from engine.webhook_deliveries d where d.webhook_id = v_webhook.id and d.id = delivery_id);
end
$$;
comment on function metadata.webhook_delivery(uuid, bigint) is
  'What was sent and answered in the last attempt of a delivery, long bodies cut, signatures masked, and every attempt. For who may see what the webhook tells.';

create or replace function metadata.test_webhook(webhook_id uuid) returns text
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_webhook metadata.webhooks := engine.kept_webhook(test_webhook.webhook_id);
  v_message uuid := engine.uuidv7();
  v_id bigint;
begin
  insert into engine.webhook_deliveries (webhook_id, workspace_id, kind, message_id, event_type, payload)
  values (v_webhook.id, v_webhook.workspace_id, 'TEST', v_message, 'webhook.test', case v_webhook.format
    when 'TWENTY' then jsonb_build_object('targetUrl', v_webhook.target_url, 'eventName', 'webhook.test', 'objectMetadata', jsonb_build_object('id', v_webhook.id, 'nameSingular', 'webhook'),
      'workspaceId', v_webhook.workspace_id, 'webhookId', v_webhook.id, 'eventDate', now(), 'record', jsonb_build_object('id', v_message))
    else jsonb_build_object('type', 'webhook.test', 'timestamp', now(), 'data', jsonb_build_object('workspaceId', v_webhook.workspace_id, 'webhookId', v_webhook.id, 'name', v_webhook.name)) end)
  returning id into v_id;
  update engine.webhook_states s set has_test = true where s.webhook_id = v_webhook.id;
  return v_id;
end
$$;
comment on function metadata.test_webhook(uuid) is 'Sends one event of type webhook.test, also to a webhook that is off, and tries once. Returns the id of the delivery, which says within a second or so what was answered.';

create or replace function metadata.retry_webhook_delivery(webhook_id uuid, delivery_id bigint) returns text
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_webhook metadata.webhooks := engine.kept_webhook(retry_webhook_delivery.webhook_id);
  d engine.webhook_deliveries;
  v_id bigint;
begin
  perform from engine.webhook_states s where s.webhook_id = v_webhook.id for update;
  select x.* into d from engine.webhook_deliveries x where x.webhook_id = v_webhook.id and x.id = delivery_id for update;
  if not found then
    raise exception 'The webhook has no such delivery.' using errcode = 'RV207', hint = 'Deliveries are forgotten after 14 days.';
  end if;
  if d.kind = 'TEST' then
    return metadata.test_webhook(v_webhook.id);
  elsif d.state in ('PENDING', 'DEAD') then
    update engine.webhook_deliveries x set state = 'PENDING', next_attempt_at = null, first_attempt_at = case d.state when 'DEAD' then null else x.first_attempt_at end
    where x.webhook_id = v_webhook.id and x.id = d.id returning x.id into v_id;
  else
    insert into engine.webhook_deliveries (webhook_id, workspace_id, kind, message_id, event_type, object_id, record_id, batch, seq, payload, is_replay)
    values (v_webhook.id, v_webhook.workspace_id, d.kind, d.message_id, d.event_type, d.object_id, d.record_id, d.batch, d.seq, d.payload, true)
    returning id into v_id;
  end if;
  update engine.webhook_states s set retry_at = now(), paused_until = null where s.webhook_id = v_webhook.id;
  return v_id;
end
$$;
comment on function metadata.retry_webhook_delivery(uuid, bigint) is
  'Sends a delivery again, with the same webhook-id: at once what waits or was given up, as a replay what was delivered. Returns its id.';

create or replace function metadata.replay_webhook(webhook_id uuid, since timestamptz, until timestamptz default null, only_dead boolean default false) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_webhook metadata.webhooks := engine.kept_webhook(replay_webhook.webhook_id);
  v_schema text := (select w.schema_name from core.workspaces w where w.id = v_webhook.workspace_id);
  v_until timestamptz := coalesce(until, clock_timestamp());
  v_count int;
begin
  if since is null or since >= v_until then
    raise exception 'A replay begins before it ends.' using errcode = 'RV208', column = 'since', hint = 'Give a moment in the past.';
  end if;
  perform from engine.webhook_states s where s.webhook_id = v_webhook.id for update;
  if only_dead then
    update engine.webhook_deliveries d set state = 'PENDING', next_attempt_at = null, first_attempt_at = null
    where d.webhook_id = v_webhook.id and d.state = 'DEAD' and d.kind <> 'TEST' and d.created_at between since and v_until;
    get diagnostics v_count = row_count;
  else
    -- Only what the relay has taken; what is meant for it and comes later is sent anyway.
    execute format(
      'insert into engine.webhook_deliveries (webhook_id, workspace_id, kind, message_id, event_type, object_id, record_id, batch, seq, is_replay)
       select $1, $2, ''EVENT'', e.batch || ''-'' || e.seq, o.name_singular || ''.'' || e.action, e.object_id, e.record_id, e.batch, e.seq, true
       from (select b.* from %1$I.event_batches b where b.position <= (select case when s.wanted > s.position then s.position else b.position end from engine.webhook_states s where s.webhook_id = $1)) b
       join %1$I.record_events e on e.batch = b.batch
       join metadata.objects o on o.id = e.object_id
       where e.happened_at between $3 and $4 and engine.event_matches($5, o.name_singular, e.action)
         and not exists (select from engine.webhook_deliveries d where d.webhook_id = $1 and d.batch = e.batch and d.seq = e.seq and d.state = ''PENDING'')
       order by b.position, e.seq limit 100001', v_schema)
    using v_webhook.id, v_webhook.workspace_id, since, v_until, v_webhook.events;
    get diagnostics v_count = row_count;
    insert into engine.webhook_deliveries (webhook_id, workspace_id, kind, message_id, event_type, payload, is_replay)
    select v_webhook.id, v_webhook.workspace_id, 'CUSTOM', d.message_id, d.event_type, d.payload, true
    from engine.webhook_deliveries d
    where d.webhook_id = v_webhook.id and d.kind = 'CUSTOM' and not d.is_replay and d.state <> 'PENDING' and d.created_at between since and v_until
    order by d.id;
  end if;
  if v_count > 100000 then
    raise exception 'That is more than 100,000 events.' using errcode = 'RV208', column = 'since', hint = 'Replay it in parts, each with a since and an until.';
  end if;
  update engine.webhook_states s set retry_at = now(), paused_until = null where s.webhook_id = v_webhook.id;
  return v_count;
end
$$;
comment on function metadata.replay_webhook(uuid, timestamptz, timestamptz, boolean) is
  'Sends the events of a time again, each with the webhook-id that it had; with only_dead only those that were given up. Returns how many. For a webhook that is on.';

-- ── Secrets: sealed by the server before they come here ─────────────────────────────────────────

create or replace function metadata.show_webhook_secret(webhook_id uuid, sealed_secret text) returns text
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_webhook metadata.webhooks := engine.kept_webhook(show_webhook_secret.webhook_id);
  v_sealed text;
begin
  perform engine.keep_webhook_secret(v_webhook.id, sealed_secret);
  update core.webhook_secrets x set shown_at = now() where x.webhook_id = v_webhook.id and x.expires_at is null and x.shown_at is null returning x.sealed into v_sealed;
  if v_sealed is null then
    raise exception 'The secret has been shown already, and is shown once.' using errcode = 'RV209', hint = 'Make a new one: the former is good for a while beside it.';
  end if;
  return v_sealed;
end
$$;
comment on function metadata.show_webhook_secret(uuid, text) is
  E'@behavior -*\nThe secret of a webhook, sealed, the first time that somebody asks; made of what the server has sealed where there is none yet. POST /webhooks/secret calls it.';

create or replace function metadata.rotate_webhook_secret(webhook_id uuid, overlap_hours int default 24, sealed_secret text default null) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_webhook metadata.webhooks := engine.kept_webhook(rotate_webhook_secret.webhook_id);
begin
  if overlap_hours is null or overlap_hours not between 0 and 168 then
    raise exception 'The former secret is good for 0 to 168 hours more.' using errcode = 'RV209', column = 'overlapHours', hint = 'A day is usual; 0 where the secret is known to others.';
  end if;
  -- One former secret at a time: receivers know the present one and the one before.
  delete from core.webhook_secrets x where x.webhook_id = v_webhook.id and x.expires_at is not null;
  if overlap_hours = 0 then
    delete from core.webhook_secrets x where x.webhook_id = v_webhook.id;
  else
    update core.webhook_secrets x set expires_at = now() + make_interval(hours => overlap_hours) where x.webhook_id = v_webhook.id;
  end if;
  if sealed_secret is not null then
    insert into core.webhook_secrets (webhook_id, workspace_id, sealed, shown_at) values (v_webhook.id, v_webhook.workspace_id, sealed_secret, now());
  end if;
  return true;
end
$$;
comment on function metadata.rotate_webhook_secret(uuid, int, text) is
  'Gives a webhook another secret; deliveries are signed with both until overlap_hours are over. The new one is made with the next delivery, or when somebody asks to see it, unless the server brings one that it has sealed.';

grant execute on function metadata.webhook_states(), metadata.webhook_stats(uuid, int), metadata.webhook_deliveries(uuid, text[], bigint, int), metadata.webhook_delivery(uuid, bigint),
  metadata.test_webhook(uuid), metadata.retry_webhook_delivery(uuid, bigint), metadata.replay_webhook(uuid, timestamptz, timestamptz, boolean),
  metadata.show_webhook_secret(uuid, text), metadata.rotate_webhook_secret(uuid, int, text) to relvar_crm;
--! EndIncluded metadata/webhooks.sql
--! Included metadata/access.sql
-- Who reads and writes the model. Every CRM role may read its own workspace's; what a role may write
-- follows from its permissions. The workspace comes from the role, so no row of another is in reach.

-- The permission that a part of metadata asks for.
create or replace function engine.flag_of(table_name text) returns text
language sql immutable parallel safe set search_path = ''
  return case when table_name in ('roles', 'role_includes', 'object_permissions', 'field_permissions', 'record_rules') then 'ROLES'
    when table_name in ('views', 'view_fields') then 'VIEWS' when table_name = 'webhooks' then 'API_KEYS_AND_WEBHOOKS'
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
grant insert (id, field_id, target_object_id, inverse_name, inverse_label, on_delete),
  update (inverse_name, inverse_label, on_delete), delete
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
--! EndIncluded metadata/access.sql
--! Included metadata/comments.sql
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
comment on column metadata.objects.duplicate_criteria is 'Lists of field ids: records with equal values in all fields of one list are taken for duplicates.';

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
--! EndIncluded metadata/comments.sql

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
--! Included engine/links.sql
-- A link of a many-to-many relation is a record of its junction. That it came or went is told of the two records that it
-- links as well, so that each one's history has it.

create or replace function engine.tg_records__log_links() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_actor engine.actor := engine.current_actor();
  v_near int;
  v_far int;
  v_object metadata.objects;
  v_action text;
  v_rows text;
  v_batch bigint;
  v_count bigint;
begin
  if engine.is_quiet() then
    return null;
  end if;
  -- Arguments: the workspace, and for either side the column, the object that it leads to, and the field of the junction.
  for v_near in select n from unnest('{1,4}'::int[]) n loop
    v_far := 5 - v_near;
    select o.* into v_object from metadata.objects o where o.id = tg_argv[v_near + 1]::uuid;
    continue when not v_object.is_audited;
    foreach v_action in array case tg_op when 'INSERT' then '{linked}' when 'DELETE' then '{unlinked}' else '{unlinked,linked}'::text[] end loop
      v_rows := case when tg_op = 'UPDATE' then format(
          '(select %1$s.* from old_rows o join new_rows n on n.id = o.id where (o.%2$I, o.%3$I) is distinct from (n.%2$I, n.%3$I))',
          case v_action when 'linked' then 'n' else 'o' end, tg_argv[1], tg_argv[4])
        else case v_action when 'linked' then 'new_rows' else 'old_rows' end end;
      v_batch := nextval('engine.event_batch');
      -- Of a record that went with its links there is nothing to tell but that.
      execute format(
        'insert into %1$I.record_events (batch, seq, object_id, record_id, action, %2$I, actor_type, actor_id, actor_name, source, request_id)
         select $1, row_number() over (), $2, r.%3$I, $3, jsonb_build_object(''link'', jsonb_build_object(''id'', r.id, ''fieldId'', $4, ''objectId'', $5, ''recordId'', r.%4$I)), $6, $7, $8, $9, $10
         from %5$s r where r.%3$I is not null and r.%4$I is not null and exists (select from %1$I.%6$I t where t.id = r.%3$I)',
        tg_table_schema, case v_action when 'linked' then 'after' else 'before' end, tg_argv[v_near], tg_argv[v_far], v_rows, v_object.table_name)
      using v_batch, v_object.id, v_action, (select f.id from metadata.fields f where f.junction_field_id = tg_argv[v_near + 2]::uuid and f.workspace_id = tg_argv[0]::uuid limit 1),
        tg_argv[v_far + 1]::uuid, v_actor.type, v_actor.id, v_actor.name, engine.current_source(), nullif(current_setting('relvar.request_id', true), '');
      get diagnostics v_count = row_count;
      if v_count > 0 then
        insert into engine.outbox (batch, workspace_id, object_id, action) values (v_batch, v_object.workspace_id, v_object.id, v_action);
      end if;
    end loop;
  end loop;
  return null;
end
$$;

-- The arguments of that trigger; none for what is no junction of two.
create or replace function engine.link_arguments(object metadata.objects, spec engine.column_spec[]) returns text
language sql stable set search_path = ''
as $$
  select case when count(*) = 2 then quote_literal((object).workspace_id) || string_agg(format(', %L, %L, %L', s.name, r.target_object_id, s.field_id), '' order by s.ordinal, s.field_id) end
  from unnest(spec) s
  join metadata.relations r on r.id = s.relation_id
  where (object).is_junction and s.object_id = (object).id
    and exists (select from metadata.fields m where m.workspace_id = (object).workspace_id and m.junction_field_id = s.field_id)
$$;

-- Who does not see the other end of a link is not told of the link.
create or replace function engine.sees_link(caller name, change jsonb) returns boolean
language sql stable set search_path = ''
as $$
  select coalesce(engine.reads_wholly(caller, o.id) or engine.may_touch(caller, o.id, (change -> 'link' ->> 'recordId')::uuid, 'READ'), false)
  from (select (change -> 'link' ->> 'objectId')::uuid as id) l left join metadata.objects o on o.id = l.id
$$;
--! EndIncluded engine/links.sql
--! Included engine/desired.sql
-- What should stand in a tenant's schema, as facts. A fact has an identity (kind and key) that
-- survives renames: the engine writes it, with a hash of what the thing depends on, into the
-- comment of what it creates, as "@relvar <key> <hash>". Comparing desired with actual facts by
-- identity is the whole of planning.

-- PostgreSQL cuts names at 63 bytes; cutting them ourselves keeps them unique.
create or replace function engine.fit_name(name text) returns text
language sql immutable strict parallel safe set search_path = ''
  return case when octet_length(name) <= 63 then name else left(name, 54) || '_' || left(md5(name), 8) end;

create or replace function engine.fact_comment(key text, basis text, tags text default null, description text default null) returns text
language sql immutable parallel safe set search_path = ''
  return '@relvar ' || key || coalesce(' ' || left(md5(basis), 12), '')
    || coalesce(E'\n' || nullif(tags, ''), '')
    -- Lines at the top that begin with @, indented or not, steer the API; an empty line ends them, so
    -- that what people write is none.
    || coalesce(E'\n' || case when description ~ '^\s*@' then E'\n' else '' end || nullif(description, ''), '');

create or replace function engine.desired_tables(workspace_id uuid, scope uuid[]) returns setof engine.fact
language sql stable set search_path = ''
as $$
  select 'table', o.id::text, o.id::text, o.table_name, o.table_name, null,
    engine.fact_comment(o.id::text, null,
      '@singular ' || o.name_singular || E'\n@plural ' || o.name_plural || case when o.is_active and o.deleted_at is null then '' else E'\n@behavior -*' end
        || coalesce(E'\n@labelColumn ' || l.columns, ''),
      case when o.description = '' then o.label_plural else o.description end),
    null, null::boolean, null, null, null::oid
  from metadata.objects o
  -- The API sorts records by what their relations' targets are called.
  cross join lateral (
    select string_agg(engine.snake_case(f.name) || c.suffix, ' ' order by c.position) as columns
    from metadata.fields f join engine.field_type_columns c on c.type = coalesce(f.result_type, f.type)
    where f.id = o.label_field_id and f.workspace_id = o.workspace_id and f.deleted_at is null and (f.type = 'FULL_NAME' or c.position = 1)
  ) l
  where o.workspace_id = desired_tables.workspace_id and (scope is null or o.id = any (scope))
$$;

create or replace function engine.desired_columns(workspace_id uuid, spec engine.column_spec[], scope uuid[]) returns setof engine.fact
language sql stable set search_path = ''
as $$
  select 'column', c.key, c.object_id::text, c.table_name, c.name, c.generated_kind,
    engine.fact_comment(c.key, c.generated_basis,
      case when not c.is_active or c.type = 'TS_VECTOR' then '@behavior -*'
        -- What roles may not write, the API does not offer to write.
        when not c.is_writable then '@behavior -attribute:insert -attribute:update'
        when c.name = 'id' then '@behavior -attribute:update' end, c.description),
    c.pg_type, c.not_null, c.default_expr, c.generated_expr, null::oid
  from unnest(spec) c
  union all
  -- Columns of former types keep their values for as long as the change can be undone.
  select 'column', r.key, r.object_id::text, o.table_name, r.name, null, engine.fact_comment(r.key, null, '@behavior -*', 'Values of a former type.'),
    r.pg_type, false, null, null, null
  from engine.retired_columns r
  join metadata.objects o on o.id = r.object_id and o.workspace_id = r.workspace_id
  where r.workspace_id = desired_columns.workspace_id and (scope is null or r.object_id = any (scope))
  union all
  -- Columns of coming types, while a job fills them.
  select 'column', p.key, p.object_id::text, o.table_name, p.name, null, engine.fact_comment(p.key, null, '@behavior -*', 'Values of a coming type.'),
    p.pg_type, false, null, null, null
  from engine.pending_columns(desired_columns.workspace_id, scope) p
  join metadata.objects o on o.id = p.object_id and o.workspace_id = desired_columns.workspace_id
$$;

create or replace function engine.desired_constraints(workspace_id uuid, schema_name text, spec engine.column_spec[], scope uuid[]) returns setof engine.fact
language sql stable set search_path = ''
as $$
  with spec as materialized (
    select * from unnest(spec)
  ), constraints as (
    select o.id as object_id, o.table_name, 'pk' as key, o.table_name || '_pkey' as name, 'primary key (id)' as definition,
      'pk' as basis, null as tags
    from metadata.objects o where o.workspace_id = desired_constraints.workspace_id and (scope is null or o.id = any (scope))
    union all
    select s.object_id, s.table_name, 'fk:' || r.id, s.table_name || '_' || s.name || '_fkey',
      format('foreign key (%I) references %I.%I (id) on delete %s', s.name, schema_name, t.table_name,
        lower(replace(e.on_delete, '_', ' '))),
      r.target_object_id || e.on_delete,
      case when s.is_active and t.is_active and o.is_active and o.deleted_at is null
        then '@fieldName ' || engine.camel_case(left(s.name, -3)) || E'\n@foreignFieldName ' || r.inverse_name
          -- By the two keys of a junction the API leads from each side to the other.
          || coalesce((select E'\n@manyToMany' || case when m.deleted_at is null and m.is_active then ' ' || m.name else '' end
            from metadata.fields m where m.workspace_id = r.workspace_id and m.junction_field_id = r.field_id), '')
        else '@behavior -*' end
    from metadata.relations r
    join spec s on s.relation_id = r.id
    join metadata.objects t on t.id = r.target_object_id and t.workspace_id = r.workspace_id
    join metadata.objects o on o.id = s.object_id and o.workspace_id = r.workspace_id
    -- A link that nobody sees any more neither holds a record back nor takes one along.
    cross join lateral (select case when r.deleted_at is null and s.name !~ '^deleted_' and o.deleted_at is null then r.on_delete else 'SET_NULL' end as on_delete) e
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
      -- Another type may have the same options in another column.
      v.list::text || coalesce(substring(s.key from '~.*'), ''), null
    from metadata.fields f
    join spec s on s.field_id = f.id
    cross join lateral (select array_agg(e ->> 'value' order by e ->> 'value') as list from jsonb_array_elements(f.options) e) v
    where f.workspace_id = desired_constraints.workspace_id and f.type in ('SELECT', 'MULTI_SELECT') and v.list is not null and f.deleted_at is null
      and (scope is null or f.object_id = any (scope))
    union all
    select s.object_id, s.table_name, 'rating:' || s.field_id, s.table_name || '_' || s.name || '_check',
      format('check (%I between 1 and 5)', s.name), 'rating', null
    from spec s where s.type = 'RATING'
    union all
    select s.object_id, s.table_name, 'colour:' || s.field_id, s.table_name || '_' || s.name || '_check',
      format('check (%I ~ ''^#[0-9a-f]{6}$'')', s.name), 'colour', null
    from spec s where s.type = 'COLOR'
    union all
    select s.object_id, s.table_name, s.part || ':' || s.field_id, s.table_name || '_' || s.name || '_check',
      format('check (%I between %s and %2$s * -1)', s.name, case s.part when 'lat' then -90 else -180 end), s.part, null
    from spec s where s.type = 'LOCATION'
    union all
    -- Required of records that are created from some moment on, while older ones may stay as they are.
    select s.object_id, s.table_name, 'required:' || s.field_id, s.table_name || '_' || s.name || '_required',
      format('check (created_at < %s or %I is not null)', engine.moment_literal(f.required_from), s.name), engine.moment_literal(f.required_from) || coalesce(substring(s.key from '~.*'), ''), null
    from spec s join metadata.fields f on f.id = s.field_id and f.workspace_id = desired_constraints.workspace_id
    where f.is_required and f.required_from is not null and s.is_active and s.ordinal = 1 and f.type <> 'MORPH_RELATION'
  )
  select 'constraint', c.object_id || ' ' || c.key, c.object_id::text, c.table_name, engine.fit_name(c.name), c.definition,
    engine.fact_comment(c.key, c.basis, c.tags), null, null::boolean, null, null, null::oid
  from constraints c
$$;

create or replace function engine.desired_indexes(workspace_id uuid, spec engine.column_spec[], scope uuid[]) returns setof engine.fact
language sql stable set search_path = ''
as $$
  with spec as materialized (
    select s.*, f.is_unique and f.deleted_at is null as is_unique, f.settings
    from unnest(spec) s
    join metadata.fields f on f.id = s.field_id and f.workspace_id = desired_indexes.workspace_id
  ), indexes as (
    select s.object_id, s.table_name, 'unique:' || s.key as key, s.table_name || '_' || s.name || '_key' as name,
      format(case when u.ignores_case then 'unique (lower(%I))' else 'unique (%I)' end, s.name) as definition,
      s.key || s.type || case when u.ignores_case and s.type not in ('EMAILS', 'LINKS') then ' ignores case' else '' end as basis
    from spec s
    cross join lateral (select s.pg_type = 'text' and (s.type in ('EMAILS', 'LINKS') or s.settings ->> 'uniqueIgnoresCase' = 'true') as ignores_case) u
    where s.is_unique and s.ordinal = 1 and s.type not in ('MORPH_RELATION', 'FULL_NAME', 'RAW_JSON', 'TS_VECTOR')
      and not (s.type = 'UUID' and s.name = 'id')
    union all
    select s.object_id, s.table_name, 'fk:' || s.relation_id, s.table_name || '_' || s.name || '_idx', format('(%I)', s.name), s.key
    from spec s
    where s.relation_id is not null and not (s.is_unique and s.type in ('RELATION', 'MEMBER'))
    union all
    select s.object_id, s.table_name, 'search', s.table_name || '_' || s.name || '_idx', format('using gin (%I)', s.name), s.key
    from spec s where s.type = 'TS_VECTOR'
    union all
    select o.id, o.table_name, 'label', o.table_name || '_label_idx',
      format('using gin (engine.search_text(%s) public.gin_trgm_ops)', engine.label_expression(o.id)), engine.column_key(f.id, f.revision, '')
    from metadata.objects o
    join metadata.fields f on f.id = o.label_field_id and f.workspace_id = o.workspace_id and f.type in ('TEXT', 'FULL_NAME', 'EMAILS', 'PHONES', 'LINKS', 'AUTO_NUMBER')
    where o.workspace_id = desired_indexes.workspace_id and o.is_searchable and (scope is null or o.id = any (scope))
  )
  select 'index', i.object_id || ' ' || i.key, i.object_id::text, i.table_name, engine.fit_name(i.name), i.definition,
    engine.fact_comment(i.key, i.basis), null, null::boolean, null, null, null::oid
  from indexes i
$$;

create or replace function engine.desired_triggers(workspace_id uuid, scope uuid[], spec engine.column_spec[]) returns setof engine.fact
language sql stable set search_path = ''
as $$
  select 'trigger', o.id || ' ' || t.name, o.id::text, o.table_name, t.name, t.definition,
    engine.fact_comment(t.name, t.definition), null, null::boolean, null, null, null::oid
  from metadata.objects o
  -- The log and the trash leave out what is not in transition tables; to write what is computed changes nothing.
  left join (
    select s.object_id, string_agg(quote_literal(s.name), ', ' order by s.name) filter (where s.generated_kind = 'kept') as kept,
      string_agg(', ' || quote_literal(s.name), '' order by s.name) filter (where s.generated_kind = 'virtual') as hidden
    from unnest(spec) s where s.generated_kind in ('kept', 'virtual') group by s.object_id
  ) c on c.object_id = o.id
  cross join lateral (select engine.link_arguments(o, spec) as arguments) l
  cross join lateral (values
    ('_100_touch', format('before update on %%s for each row execute function engine.tg_records__touch(%s)', c.kept), true),
    ('_200_log_insert', format('after insert on %%s referencing new table as new_rows for each statement execute function engine.tg_records__log(%L, %L%s)', o.id, o.workspace_id, c.hidden), o.is_audited),
    ('_200_log_update', format('after update on %%s referencing old table as old_rows new table as new_rows for each statement execute function engine.tg_records__log(%L, %L%s)', o.id, o.workspace_id, c.hidden), o.is_audited),
    ('_200_log_delete', format('after delete on %%s referencing old table as old_rows for each statement execute function engine.tg_records__log(%L, %L%s)', o.id, o.workspace_id, c.hidden), o.is_audited),
    ('_210_log_links_insert', format('after insert on %%s referencing new table as new_rows for each statement execute function engine.tg_records__log_links(%s)', l.arguments), l.arguments is not null),
    ('_210_log_links_update', format('after update on %%s referencing old table as old_rows new table as new_rows for each statement execute function engine.tg_records__log_links(%s)', l.arguments), l.arguments is not null),
    ('_210_log_links_delete', format('after delete on %%s referencing old table as old_rows for each statement execute function engine.tg_records__log_links(%s)', l.arguments), l.arguments is not null),
    ('_300_trash', format('after delete on %%s referencing old table as old_rows for each statement execute function engine.tg_records__trash(%L%s)', o.id, c.hidden), true),
    ('_500_tell_core', format('after update on %%s for each row execute function engine.tg_records__tell_core(%L)', o.workspace_id), o.universal_identifier = 'standard:workspaceMember')
  ) as t (name, definition, wanted)
  where o.workspace_id = desired_triggers.workspace_id and t.wanted and (scope is null or o.id = any (scope))
$$;
--! EndIncluded engine/desired.sql
--! Included engine/trash.sql
-- Deleting moves: a deleted row goes to the tenant's trash as JSON, in the same transaction,
-- whoever deletes it and however. No query of the product needs a "not deleted" filter, and unique
-- constraints and foreign keys mean what they say.

create or replace function engine.tg_records__trash() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  -- An id may have been used again since a record of that id was deleted: the later one is kept.
  execute format(
    'insert into %I.trash (object_id, record_id, label, data, deleted_by_name)
     select $1, o.id, %s, to_jsonb(o.*) - $3, $2 from old_rows o
     on conflict (object_id, record_id) do update set label = excluded.label, data = excluded.data, deleted_at = excluded.deleted_at,
       deleted_by_name = excluded.deleted_by_name, transaction_id = excluded.transaction_id',
    tg_table_schema, engine.label_expression(tg_argv[0]::uuid, 'o'))
  using tg_argv[0]::uuid, (engine.current_actor()).name, array['search_vector'] || tg_argv[1:];
  return null;
end
$$;

-- The object that a caller names. Who may delete its records may also restore them, and with one right
-- more destroy them.
create or replace function engine.trashed_object(caller name, schema_name text, object_name text, action text default 'DELETE') returns metadata.objects
language plpgsql stable set search_path = ''
as $$
declare
  v_object metadata.objects;
begin
  select o.* into v_object
  from core.workspaces w join metadata.objects o on o.workspace_id = w.id
  where w.schema_name = trashed_object.schema_name and o.name_singular = object_name and o.deleted_at is null;
  if not found then
    raise exception 'There is no object "%".', object_name using errcode = 'RV011', hint = 'Give the singular API name, such as person.';
  end if;
  if not engine.has_right(caller, v_object.id, action) then
    raise exception '%', format(case action when 'DELETE' then 'Your role may not delete %s, nor restore or destroy what was deleted.'
      else 'Your role may not destroy %s for good.' end, v_object.label_plural) using errcode = '42501';
  end if;
  return v_object;
end
$$;

-- What a role could not see or delete while it was there it neither restores nor destroys. Which records, and
-- whether for good, one role says: to delete all by one and destroy its own by another destroys its own.
create or replace function engine.is_trashed_for(caller name, schema_name text, object metadata.objects, record_id uuid, action text default 'DELETE') returns boolean
language plpgsql stable set search_path = ''
as $$
declare
  v_found boolean;
begin
  execute format('select exists (select from %1$I.trash d cross join lateral jsonb_populate_record(null::%1$I.%2$I, d.data) t where d.object_id = $1 and d.record_id = $2 and %3$s and %4$s)',
    schema_name, (object).table_name, engine.condition_of(caller, (object).id, 'READ', 't.'), engine.condition_of(caller, (object).id, action, 't.'))
    into v_found using (object).id, record_id;
  return v_found;
end
$$;

-- Puts a deleted record back, with the records that its deletion took along (cascade) and the
-- links that it cut (set null).
create or replace function engine.restore_record(caller name, schema_name text, object_name text, record_id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.trashed_object(caller, schema_name, object_name);
begin
  return engine.is_trashed_for(caller, schema_name, v_object, record_id) and engine.put_back(schema_name, v_object, record_id, caller);
end
$$;

-- Asks for no rights, so that a deletion that reached further than the caller's own rights is
-- undone as far as it reached. A refusal names only what the caller reads; which record it is of, since
-- others come along, is its "datatype", which nothing else needs.
create or replace function engine.put_back(schema_name text, object metadata.objects, record_id uuid, caller name) returns boolean
language plpgsql volatile set search_path = ''
as $$
declare
  v_trash record;
  v_data jsonb;
  v_columns text;
  v_detail text;
  v_constraint text;
  v_column text;
begin
  execute format('select * from %I.trash where object_id = $1 and record_id = $2 for update', schema_name)
    into v_trash using (object).id, record_id;
  if v_trash.id is null then
    return false;
  end if;
  v_data := engine.without_dead_links(schema_name, object, record_id, v_trash.data, caller);
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
      get stacked diagnostics v_detail = pg_exception_detail, v_constraint = constraint_name;
      if not engine.reads_wholly(caller, (object).id) then
        raise exception 'The record cannot be restored: another has taken its place.'
          using errcode = 'RV014', hint = 'Ask somebody who sees all records of this kind.';
      end if;
      raise exception '"%" cannot be restored: another record has taken its place.', v_trash.label
        using errcode = 'RV014', detail = v_detail, hint = 'Change or delete the other record first.',
          constraint = v_constraint, table = (object).table_name, datatype = record_id::text;
    when not_null_violation or check_violation or data_exception then
      get stacked diagnostics v_constraint = constraint_name, v_column = column_name;
      if not engine.reads_wholly(caller, (object).id) then
        raise exception 'The record cannot be restored, since it does not fit its object any more.'
          using errcode = 'RV013', hint = 'Ask somebody who sees all records and fields of this kind.';
      end if;
      raise exception '"%" cannot be restored, since it does not fit its object any more: %', v_trash.label, sqlerrm
        using errcode = 'RV013', hint = 'The object was changed after the record was deleted. Change it back, restore, and change it again.',
          constraint = v_constraint, column = v_column, table = (object).table_name, datatype = record_id::text;
  end;
  execute format('delete from %I.trash where id = $1', schema_name) using v_trash.id;
  perform engine.put_back_links(schema_name, object, array[record_id], array[v_trash.transaction_id], caller);
  return true;
end
$$;

-- A link to a record that is gone itself stays empty, as it would be had this record been there.
create or replace function engine.without_dead_links(schema_name text, object metadata.objects, record_id uuid, data jsonb, caller name) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_data jsonb := data;
  v_lives boolean;
  r record;
begin
  for r in
    select c.name, c.not_null, t.id as target_id, t.table_name, t.label_singular
    from engine.columns((object).workspace_id) c
    join metadata.relations rel on rel.id = c.relation_id
    join metadata.objects t on t.id = rel.target_object_id
    where c.object_id = (object).id and jsonb_typeof(data -> c.name) = 'string'
      and not (t.id = (object).id and data ->> c.name = record_id::text)
  loop
    execute format('select exists (select from %I.%I where id = $1)', schema_name, r.table_name) into v_lives using (data ->> r.name)::uuid;
    if not v_lives and r.not_null and not engine.has_right(caller, r.target_id, 'READ') then
      raise exception 'The record needs another, which is deleted too.' using errcode = 'RV013', hint = 'Ask somebody who may restore that one first.';
    elsif not v_lives and r.not_null then
      raise exception 'The record needs its %, which is deleted too.', r.label_singular
        using errcode = 'RV013', hint = format('Restore the %s first.', r.label_singular),
          column = r.name, table = (object).table_name, datatype = record_id::text;
    elsif not v_lives then
      v_data := v_data || jsonb_build_object(r.name, null);
    end if;
  end loop;
  return v_data;
end
$$;

-- Many at once, or none: by a few statements, however many they are.
create or replace function engine.put_back_together(schema_name text, object metadata.objects, record_ids uuid[], caller name) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_ids uuid[];
  v_transactions xid8[];
begin
  execute format('select array_agg(d.record_id), array_agg(d.transaction_id) from (select * from %I.trash where object_id = $1 and record_id = any ($2) order by id for update) d', schema_name)
    into v_ids, v_transactions using (object).id, record_ids;
  if v_ids is not null then
    perform engine.put_back_many(schema_name, jsonb_build_object((object).id, to_jsonb(v_ids)), caller);
    perform engine.put_back_links(schema_name, object, v_ids, v_transactions, caller);
  end if;
end
$$;

-- What went along comes back together; where it cannot, one by one says which is in the way.
create or replace function engine.put_back_all(schema_name text, object metadata.objects, record_ids uuid[], caller name) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_id uuid;
begin
  if cardinality(record_ids) > 1 then
    begin
      perform engine.put_back_together(schema_name, object, record_ids, caller);
      return;
    exception when sqlstate 'RV013' or sqlstate 'RV014' then
      null;
    end;
  end if;
  foreach v_id in array record_ids loop
    perform engine.put_back(schema_name, object, v_id, caller);
  end loop;
end
$$;

-- The event log and the trash know what the transactions that deleted the records did to others.
create or replace function engine.put_back_links(schema_name text, object metadata.objects, record_ids uuid[], deleted_in xid8[], caller name) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_children uuid[];
  r record;
begin
  for r in
    select c.name as column_name, ob as object, rel.on_delete
    from metadata.relations rel
    join metadata.objects ob on ob.workspace_id = rel.workspace_id
    join engine.columns((object).workspace_id, array[ob.id]) c on c.relation_id = rel.id and c.object_id = ob.id
    where rel.workspace_id = (object).workspace_id and rel.target_object_id = (object).id and rel.on_delete in ('SET_NULL', 'CASCADE')
      and ob.id = (select f.object_id from metadata.fields f where f.id = rel.field_id)
  loop
    if r.on_delete = 'SET_NULL' then
      execute format(
        'update %1$I.%2$I t set %3$I = d.id from unnest($1, $2) d (id, deleted_in) join %1$I.record_events e
           on e.transaction_id = d.deleted_in and e.object_id = $3 and e.action = ''updated'' and e.before ->> %3$L = d.id::text
         where t.id = e.record_id and t.%3$I is null',
        schema_name, (r.object).table_name, r.column_name)
      using record_ids, deleted_in, (r.object).id;
    else
      execute format(
        'select array_agg(x.record_id) from unnest($1, $2) d (id, deleted_in) join %I.trash x
           on x.transaction_id = d.deleted_in and x.object_id = $3 and x.data ->> $4 = d.id::text', schema_name)
      into v_children using record_ids, deleted_in, (r.object).id, r.column_name;
      if v_children is not null then
        perform engine.put_back_all(schema_name, r.object, v_children, caller);
      end if;
    end if;
  end loop;
end
$$;

-- Reached only through the tenant's own functions, which name the caller.
grant execute on function engine.restore_record(name, text, text, uuid) to relvar_crm;
--! EndIncluded engine/trash.sql

-- ── merging records ────────────────────────────────────────────────────────────────────────────
create table engine.merging (
  record_id uuid not null,
  transaction_id xid8 not null default pg_current_xact_id(),
  survivor_id uuid not null,
  primary key (record_id, transaction_id)
);
comment on table engine.merging is 'Which records the transaction that runs merges into which: empty between transactions.';
--! Included engine/merge.sql
-- Several records become one: the survivor gets the values that were chosen, all that refers to the others refers to it,
-- and the others go to the trash. The caller needs the rights to change the survivor and to delete the others; what refers to them moves as
-- it would be cut when they are deleted, whoever may change it. Each step is logged as any other, so that the transaction can be reverted.

-- What is moved: every relation that leads to the object, and whether its object is nothing but links.
create or replace function engine.relations_to(object metadata.objects)
returns table (child metadata.objects, column_name text, is_link boolean, own_columns text[], other_columns text[])
language sql stable set search_path = ''
as $$
  with c as materialized (
    select s.object_id, s.name, r.target_object_id from engine.columns((object).workspace_id) s join metadata.relations r on r.id = s.relation_id
  )
  select o, c.name,
    not exists (select from metadata.fields f where f.object_id = o.id and not f.is_system and f.deleted_at is null and f.type not in ('RELATION', 'MORPH_RELATION')) or o.is_junction,
    array(select k.name from c k where k.object_id = o.id and k.target_object_id = (object).id), array(select k.name from c k where k.object_id = o.id and k.target_object_id <> (object).id)
  from c join metadata.objects o on o.id = c.object_id
  where c.target_object_id = (object).id
  order by o.is_junction, o.table_name, c.name
$$;

create or replace function engine.begin_merge(caller name, schema_name text, object_name text, survivor_id uuid, other_ids uuid[], data jsonb) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.past_object(caller, schema_name, object_name);
  v_table text := format('%I.%I', schema_name, v_object.table_name);
  v_others uuid[] := array(select distinct i from unnest(other_ids) i where i <> survivor_id);
  v_data jsonb := '{}';
  v_unknown text;
  v_internal text;
  r record;
begin
  if v_object.is_junction or v_object.universal_identifier = 'standard:workspaceMember' then
    raise exception '% are not merged.', v_object.label_plural using errcode = 'RV192', hint = 'Merge the records that they belong to.';
  end if;
  if survivor_id is null or cardinality(v_others) not between 1 and 100 then
    raise exception 'A record is merged with 1 to 100 others.' using errcode = 'RV192', column = 'other_ids', hint = 'Name the one that stays, and the others.';
  end if;
  execute format('select from %s t where t.id = any ($1) order by t.id for update', v_table) using survivor_id || v_others;
  if not engine.may_touch(caller, v_object.id, survivor_id, 'UPDATE') then
    raise exception 'Your role may not change the record that stays, or there is none.' using errcode = '42501';
  end if;
  if exists (select from unnest(v_others) i where not engine.may_touch(caller, v_object.id, i, 'DELETE')) then
    raise exception 'Your role may not delete one of the records that go, or there is none.' using errcode = '42501', hint = 'Merging puts them into the trash.';
  end if;
  if jsonb_typeof(coalesce(data, '{}')) <> 'object' then
    raise exception 'Values are an object.' using errcode = 'RV062', column = 'data', hint = 'Give {"emailsPrimaryEmail": "ann@example.com"}, for example.';
  end if;
  select k into v_unknown from jsonb_object_keys(data) k
  where not exists (select from pg_catalog.pg_attribute a where a.attrelid = v_table::regclass and a.attname = engine.snake_case(k) and a.attnum > 0 and not a.attisdropped) limit 1;
  if found then
    raise exception '% have no value "%".', v_object.label_plural, v_unknown using errcode = 'RV062', column = 'data',
      hint = coalesce(format('Did you mean %s?', engine.nearest(v_unknown, array(select engine.camel_case(s.name) from engine.columns(v_object.workspace_id, array[v_object.id]) s where s.is_active))),
        'Name values as the API does when a record is created.');
  end if;
  v_data := (select coalesce(jsonb_object_agg(engine.snake_case(e.key), e.value), '{}') from jsonb_each(data) e);
  insert into engine.merging (record_id, survivor_id) select i, begin_merge.survivor_id from unnest(v_others) i;
  for r in select * from engine.relations_to(v_object) loop
    perform engine.move_references(schema_name, v_object, (r.child).id, r.column_name, r.is_link, r.own_columns, r.other_columns, survivor_id, v_others);
  end loop;
  perform engine.move_shares(schema_name, v_object, survivor_id, v_others);
  delete from metadata.favourites f using metadata.favourites k
  where f.object_id = v_object.id and f.record_id = any (v_others) and k.object_id = f.object_id and k.member_id is not distinct from f.member_id
    and (k.record_id = begin_merge.survivor_id or k.record_id = any (v_others) and k.id < f.id);
  update metadata.favourites f set record_id = begin_merge.survivor_id where f.object_id = v_object.id and f.record_id = any (v_others);
  update core.notifications n set record_id = begin_merge.survivor_id where n.object_id = v_object.id and n.record_id = any (v_others);
  -- What else a workspace keeps about records.
  for v_internal in
    select t from unnest(engine.internal_tables()) t
    where t not in ('record_events', 'event_batches', 'event_archive', 'trash', 'record_shares')
      and (select count(*) from pg_catalog.pg_attribute a where a.attrelid = to_regclass(format('%I.%I', schema_name, t)) and a.attname in ('object_id', 'record_id') and not a.attisdropped) = 2
  loop
    execute format('update %I.%I t set record_id = $1 where t.object_id = $2 and t.record_id = any ($3)', schema_name, v_internal) using survivor_id, v_object.id, v_others;
  end loop;
  return jsonb_build_object('table', v_table, 'object', v_object.id, 'survivor', survivor_id, 'others', to_jsonb(v_others), 'data', v_data,
    'columns', (select string_agg(quote_ident(k), ', ') from jsonb_object_keys(v_data) k));
end
$$;

create or replace function engine.move_references(schema_name text, object metadata.objects, child_id uuid, column_name text, is_link boolean, own_columns text[], other_columns text[], survivor_id uuid, others uuid[]) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_child metadata.objects;
  v_table text;
  v_key text;
begin
  select o.* into v_child from metadata.objects o where o.id = child_id;
  v_table := format('%I.%I', schema_name, v_child.table_name);
  if is_link then
    -- A link that the survivor has already, or that would lead from it to itself, goes.
    select string_agg(format('case when %%1$s.%1$I = any ($1) then $2 else %%1$s.%1$I end', c), ', ') into v_key from unnest(own_columns) c;
    v_key := concat_ws(', ', v_key, (select string_agg(format('%%1$s.%I', c), ', ') from unnest(other_columns) c));
    execute format('delete from %1$s t where t.%2$I = any ($1) and (exists (
        select from %1$s k where k.id <> t.id and row(%3$s) is not distinct from row(%4$s) and (not (%5$s) or k.id < t.id)) or %6$s)',
      v_table, column_name, format(v_key, 'k'), format(v_key, 't'), (select string_agg(format('coalesce(k.%I = any ($1), false)', c), ' or ') from unnest(own_columns) c),
      case when cardinality(own_columns) > 1 and v_child.is_junction then (select string_agg(format('t.%1$I = any ($1 || $2)', c), ' and ') from unnest(own_columns) c) else 'false' end)
    using others, survivor_id;
  end if;
  if v_child.id = (object).id then
    execute format('update %1$s t set %2$I = null where t.id = $2 and t.%2$I = any ($1)', v_table, column_name) using others, survivor_id;
    execute format('update %1$s t set %2$I = $2 where t.%2$I = any ($1) and t.id <> all ($1) and t.id <> $2', v_table, column_name) using others, survivor_id;
  else
    execute format('update %1$s t set %2$I = $2 where t.%2$I = any ($1)', v_table, column_name) using others, survivor_id;
  end if;
exception
  when unique_violation then
    raise exception 'More than one of these records has %, and one record cannot have both.', v_child.label_plural
      using errcode = 'RV192', hint = format('Take the %s from all but one of them first.', v_child.label_plural);
  when not_null_violation or check_violation then
    raise exception '% cannot be moved to the record that stays: %', v_child.label_plural, sqlerrm using errcode = 'RV192', hint = 'Change them first.';
end
$$;

-- With whom any of them was shared, with the wider right and for the longer time.
create or replace function engine.move_shares(schema_name text, object metadata.objects, survivor_id uuid, others uuid[]) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  r record;
begin
  for r in execute format(
    'insert into %1$I.record_shares as s (object_id, record_id, principal_kind, principal_id, access, reason, created_by, created_by_name, expires_at)
     select o.object_id, $1, o.principal_kind, o.principal_id, max(o.access), (array_agg(o.reason order by o.created_at))[1], (array_agg(o.created_by order by o.created_at))[1],
       (array_agg(o.created_by_name order by o.created_at))[1], nullif(max(coalesce(o.expires_at, ''infinity'')), ''infinity'')
     from %1$I.record_shares o where o.object_id = $2 and o.record_id = any ($3) group by 1, 3, 4
     on conflict (object_id, record_id, principal_kind, principal_id) do update set access = greatest(s.access, excluded.access),
       expires_at = nullif(greatest(coalesce(s.expires_at, ''infinity''), coalesce(excluded.expires_at, ''infinity'')), ''infinity'')
     returning s.*', schema_name) using survivor_id, (object).id, others
  loop
    perform engine.note_share(schema_name, object, survivor_id, null, jsonb_build_object('with', engine.principal_name((object).workspace_id, r.principal_kind, r.principal_id), 'id', r.principal_id,
      'kind', r.principal_kind, 'access', r.access, 'reason', r.reason, 'expiresAt', r.expires_at));
  end loop;
  execute format('delete from %I.record_shares s where s.object_id = $1 and s.record_id = any ($2)', schema_name) using (object).id, others;
end
$$;

-- With the caller's own rights. It names nothing of the engine's, which roles do not reach by name.
create or replace function engine.run_merge(merge jsonb) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_others uuid[] := array(select i::uuid from jsonb_array_elements_text(merge -> 'others') i);
  v_count int;
begin
  perform set_config('relvar.action', 'merged', true);
  execute format('delete from %s t where t.id = any ($1)', merge ->> 'table') using v_others;
  get diagnostics v_count = row_count;
  perform set_config('relvar.action', '', true);
  if v_count <> cardinality(v_others) then
    raise exception 'Your role may not delete one of the records that go, or there is none.' using errcode = '42501', hint = 'Merging puts them into the trash.';
  end if;
  if merge ->> 'columns' is not null then
    execute format('update %1$s t set (%2$s) = (select %2$s from jsonb_populate_record(null::%1$s, $2)) where t.id = $1', merge ->> 'table', merge ->> 'columns')
      using (merge ->> 'survivor')::uuid, merge -> 'data';
    get diagnostics v_count = row_count;
    if v_count <> 1 then
      raise exception 'Your role may not change the record that stays, or there is none.' using errcode = '42501';
    end if;
  end if;
  return merge;
end
$$;

create or replace function engine.end_merge(schema_name text, merge jsonb) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object metadata.objects;
  v_actor engine.actor := engine.current_actor();
  v_batch bigint;
begin
  delete from engine.merging m where m.transaction_id = pg_current_xact_id();
  select o.* into v_object from metadata.objects o where o.id = (merge ->> 'object')::uuid;
  if v_object.is_audited then
    v_batch := nextval('engine.event_batch');
    execute format('insert into %I.record_events (batch, seq, object_id, record_id, action, after, actor_type, actor_id, actor_name, source, request_id)
      values ($1, 1, $2, $3, ''absorbed'', jsonb_build_object(''mergedIds'', $4), $5, $6, $7, $8, nullif(current_setting(''relvar.request_id'', true), ''''))', schema_name)
    using v_batch, v_object.id, (merge ->> 'survivor')::uuid, merge -> 'others', v_actor.type, v_actor.id, v_actor.name, engine.current_source();
    insert into engine.outbox (batch, workspace_id, object_id, action) values (v_batch, v_object.workspace_id, v_object.id, 'absorbed');
  end if;
  return (merge ->> 'survivor')::uuid;
end
$$;

-- Reached only through the tenant's own function, which names the caller.
grant execute on function engine.begin_merge(name, text, text, uuid, uuid[], jsonb), engine.run_merge(jsonb), engine.end_merge(text, jsonb) to relvar_crm;
--! EndIncluded engine/merge.sql
--! Included engine/permissions/narrowing.sql
-- Under a policy PostgreSQL uses no index for a comparison that is not leakproof: a text that contains
-- another, a list that overlaps another, an exact number. So for a role that sees some records only the
-- API first asks here, as the owner, which of its records fulfil a filter, and adds their ids to its own
-- statement, which meets the table under all rules as ever. Asking less than the filter says is therefore
-- no fault: the ids only narrow. What is asked here besides, of records that the caller does not see, are
-- comparisons that cannot fail for any value, so that no error tells of one.

-- What a role sees of a table, as PostgreSQL itself has it: 'true' for every record, 'false' for none.
create or replace function engine.read_policy(caller name, relation oid) returns text
language sql stable set search_path = ''
as $$
  select case when engine.acts_as_administrator() then 'true' else coalesce((
    select case when bool_or(c.condition = 'true') then 'true' else '(' || string_agg(c.condition, ' OR ' order by c.condition) || ')' end
    from (
      select pg_catalog.pg_get_expr(p.polqual, p.polrelid) as condition
      from pg_catalog.pg_policy p
      where p.polrelid = relation and p.polcmd in ('r', '*')
        and exists (select from unnest(p.polroles) u (role) where u.role = 0 or pg_catalog.pg_has_role(caller, u.role, 'usage'))
    ) c), 'false') end
$$;
comment on function engine.read_policy(name, oid) is
  'The records of a tenant table that a role sees, as the condition of its policies; for functions that run as the owner and name one table only.';

create or replace function engine.narrowing_comparison(column_name text, pg_type text, node jsonb) returns text
language plpgsql immutable set search_path = ''
as $$
declare
  v_is text := node ->> 'is';
  v_is_list boolean := coalesce(jsonb_typeof(node -> 'value') = 'array', false);
  v_value text := case when v_is_list
    then (select array(select e from jsonb_array_elements_text(node -> 'value') with ordinality u (e, n) order by n))::text else node ->> 'value' end;
  v_column text := 't.' || quote_ident(column_name);
begin
  if v_is in ('null', 'notNull') then
    return format('%s is %snull', v_column, case v_is when 'notNull' then 'not ' else '' end);
  elsif v_value is null then
    raise exception 'The filter compares "%" with nothing.', column_name using errcode = 'RV180', hint = 'Give {"column": …, "is": …, "value": …}.';
  elsif v_is in ('includes', 'notIncludes', 'startsWith', 'endsWith') and pg_type = 'text' and not v_is_list then
    return format('%s %s %L', v_column, case v_is when 'notIncludes' then 'not ilike' else 'ilike' end,
      case v_is when 'startsWith' then '' else '%' end || regexp_replace(v_value, '([\\%_])', '\\\1', 'g') || case v_is when 'endsWith' then '' else '%' end);
  elsif v_is in ('=', '<>', '<', '<=', '>', '>=') and pg_type <> 'jsonb' and v_is_list = (pg_type like '%[]') then
    return format('%s %s %L::%s', v_column, v_is, v_value, pg_type);
  elsif v_is in ('in', 'notIn') and pg_type not like '%[]' and v_is_list then
    return format('%s %s (%L::%s[])', v_column, case v_is when 'in' then '= any' else '<> all' end, v_value, pg_type);
  elsif v_is in ('contains', 'overlaps') and pg_type like '%[]' and v_is_list then
    return format('%s %s %L::%s', v_column, case v_is when 'contains' then '@>' else '&&' end, v_value, pg_type);
  end if;
  raise exception 'A filter does not ask of a column of type % whether it is "%".', pg_type, v_is using errcode = 'RV180',
    hint = 'There are null, notNull, =, <>, <, <=, >, >=, in, notIn; for texts includes, notIncludes, startsWith, endsWith; for lists contains, overlaps.';
end
$$;

-- The records of a table that fulfil a filter and that the caller sees, as a query for one of its columns.
-- Null where nothing of the filter can be asked: a column that the caller does not read refuses the
-- statement itself.
create or replace function engine.narrowing_query(caller name, schema_name text, table_name text, column_name text, filter jsonb, out query text, out is_limited boolean)
language plpgsql stable set search_path = ''
as $$
declare
  v_table oid;
  v_policy text;
  v_asked record;
begin
  select c.oid into v_table
  from core.workspaces w
  join metadata.objects o on o.workspace_id = w.id
  join pg_catalog.pg_class c on c.oid = to_regclass(format('%I.%I', w.schema_name, o.table_name))
  where w.schema_name = narrowing_query.schema_name and o.table_name = narrowing_query.table_name;
  if v_table is null then
    raise exception 'There is no table "%".', table_name using errcode = 'RV180', hint = 'Name the table of an object, such as people.';
  end if;
  v_policy := engine.read_policy(caller, v_table);
  is_limited := v_policy <> 'true';
  if not has_column_privilege(caller, v_table, column_name, 'select') then
    return;
  end if;
  select * into v_asked from engine.narrowing_condition(caller, schema_name, v_table, filter);
  is_limited := is_limited or v_asked.is_limited;
  if v_asked.condition is not null then
    query := format('select t.%I from %I.%I t where %s and %s', column_name, schema_name, table_name, v_asked.condition, v_policy);
  end if;
end
$$;

-- A filter is {"column", "is", "value"}; {"column", "in": {"table", "column", "filter"}} for records that are
-- related; or {"and": […]}, {"or": […]}.
create or replace function engine.narrowing_condition(caller name, schema_name text, relation oid, node jsonb, out condition text, out is_limited boolean)
language plpgsql stable set search_path = ''
as $$
declare
  v_parts text[] := '{}';
  v_part record;
  v_type text;
  v_node jsonb;
begin
  is_limited := false;
  if jsonb_typeof(node -> 'and') = 'array' or jsonb_typeof(node -> 'or') = 'array' then
    for v_node in select e from jsonb_array_elements(coalesce(node -> 'and', node -> 'or')) e loop
      select * into v_part from engine.narrowing_condition(caller, schema_name, relation, v_node);
      is_limited := is_limited or v_part.is_limited;
      v_parts := v_parts || v_part.condition;
    end loop;
    if node ? 'and' then
      condition := '(' || array_to_string(array_remove(v_parts, null), ' and ') || ')';
    elsif array_position(v_parts, null) is null then
      condition := '(' || array_to_string(v_parts, ' or ') || ')';
    end if;
    condition := nullif(condition, '()');
    return;
  end if;
  select pg_catalog.format_type(a.atttypid, a.atttypmod) into v_type
  from pg_catalog.pg_attribute a where a.attrelid = relation and a.attname = node ->> 'column' and a.attnum > 0 and not a.attisdropped;
  if not found then
    raise exception 'There is no column "%".', node ->> 'column' using errcode = 'RV180', hint = 'Name a column of the table.';
  end if;
  if node ? 'in' then
    select * into v_part from engine.narrowing_query(caller, schema_name, node #>> '{in,table}', node #>> '{in,column}', node #> '{in,filter}');
    is_limited := v_part.is_limited;
    if v_part.query is not null then
      condition := format('t.%I in (%s)', node ->> 'column', v_part.query);
    end if;
  else
    condition := engine.narrowing_comparison(node ->> 'column', v_type, node);
  end if;
  if not has_column_privilege(caller, relation, node ->> 'column', 'select') then
    condition := null;
  end if;
end
$$;

-- Whether looking through what a role sees of a table takes less than finding it by any other index.
create or replace function engine.sees_few(schema_name text, table_name text, policy text, few int) returns boolean
language plpgsql stable set search_path = ''
as $$
declare
  v_is_few boolean;
begin
  execute format('select count(*) <= $1 from (select from %I.%I where %s limit $1 + 1) x', schema_name, table_name, policy) into v_is_few using few;
  return v_is_few;
end
$$;
comment on function engine.sees_few(text, text, text, int) is 'Whether a condition, such as engine.read_policy gives, is true of at most so many records of a table.';

create or replace function engine.matching_ids(caller name, schema_name text, table_name text, filter jsonb, max_results int, few int, out ids uuid[], out is_worthwhile boolean)
language plpgsql stable security definer set search_path = '' set jit = off
as $$
declare
  v_asked record;
  v_policy text;
  v_limit int := least(greatest(max_results, 1), 100000);
begin
  select * into v_asked from engine.narrowing_query(caller, schema_name, table_name, 'id', filter);
  is_worthwhile := v_asked.is_limited;
  if is_worthwhile and few > 0 then
    v_policy := engine.read_policy(caller, format('%I.%I', schema_name, table_name)::regclass);
    is_worthwhile := v_policy = 'true' or not engine.sees_few(schema_name, table_name, v_policy, few);
  end if;
  if is_worthwhile and v_asked.query is not null then
    execute format('select array(%s limit %s)', v_asked.query, v_limit + 1) into ids;
    if cardinality(ids) > v_limit then
      ids := null;
    end if;
  end if;
end
$$;

-- Reached only through the tenant's own function, which names the caller.
grant execute on function engine.matching_ids(name, text, text, jsonb, int, int) to relvar_crm, relvar_reader;
--! EndIncluded engine/permissions/narrowing.sql
-- How long the trash keeps what was deleted.
alter table core.workspace_settings add column trash_days int not null default 30 check (trash_days between 1 and 3650);
--! Included engine/purge.sql
-- What has lain in the trash longer than the workspace keeps it is destroyed each night, in small steps, as if the system
-- itself had destroyed it.

create or replace function engine.purge_trash(workspace_id uuid, max_records int default 500) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_schema text;
  v_days int;
  v_entries uuid[];
begin
  select w.schema_name, s.trash_days into v_schema, v_days
  from core.workspaces w join core.workspace_settings s on s.workspace_id = w.id where w.id = purge_trash.workspace_id;
  if not found then
    return 0;
  end if;
  -- Ids in the trash follow the time, so the oldest are found first.
  execute format('select array(select o.id from %I.trash o where o.deleted_at < now() - make_interval(days => $1) order by o.id limit $2 for update skip locked)', v_schema)
    into v_entries using v_days, max_records;
  return engine.empty_trash(v_schema, v_entries);
end
$$;
comment on function engine.purge_trash(uuid, int) is 'Destroys up to so many records that have lain in the trash longer than the workspace keeps them. Returns how many; 0 when none is left.';

create or replace function engine.queue_trash_purges() returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_ids uuid[] := '{}';
  v_is_old boolean;
  r record;
begin
  for r in select w.id, w.schema_name, s.trash_days from core.workspaces w join core.workspace_settings s on s.workspace_id = w.id loop
    execute format('select exists (select from %I.trash t where t.deleted_at < now() - make_interval(days => $1))', r.schema_name)
      into v_is_old using r.trash_days;
    if v_is_old then
      v_ids := v_ids || r.id;
    end if;
  end loop;
  if cardinality(v_ids) > 0 then
    perform graphile_worker.add_jobs(array(
      select jsonb_populate_record(null::graphile_worker.job_spec, jsonb_build_object('identifier', 'trash__purge_workspace',
        'payload', jsonb_build_object('workspace_id', i), 'job_key', 'trash__purge_workspace:' || i, 'priority', 10)) from unnest(v_ids) i));
  end if;
  return cardinality(v_ids);
end
$$;
comment on function engine.queue_trash_purges() is 'Adds a job for each workspace whose trash holds what is older than it keeps. Returns how many.';

grant execute on function engine.purge_trash(uuid, int), engine.queue_trash_purges() to relvar_worker;
--! EndIncluded engine/purge.sql
--! Included metadata/trash_days.sql
-- How long the trash keeps what was deleted. Whoever may see the trash may see this.

create or replace function metadata.trash_days() returns int
language sql stable security definer set search_path = ''
as $$ select s.trash_days from core.workspace_settings s where s.workspace_id = engine.own_workspace() $$;
comment on function metadata.trash_days() is 'After how many days in the trash records are destroyed.';

create or replace function metadata.set_trash_days(days int) returns int
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_workspace uuid := engine.own_workspace();
begin
  perform engine.assert_manages(v_workspace, 'WORKSPACE');
  if days is null or days not between 1 and 3650 then
    raise exception 'The trash keeps records for 1 to 3650 days.' using errcode = 'RV215', column = 'days';
  end if;
  -- What a deletion took along is found by the history when a record is restored.
  if days > (select s.event_retention_days from core.workspace_settings s where s.workspace_id = v_workspace) then
    raise exception 'The trash keeps records no longer than their history is kept.' using errcode = 'RV215', column = 'days', hint = 'Keep the history longer first.';
  end if;
  update core.workspace_settings s set trash_days = set_trash_days.days where s.workspace_id = v_workspace;
  return days;
end
$$;
comment on function metadata.set_trash_days(int) is 'After how many days in the trash records are destroyed, by the nightly job. Needs the permission WORKSPACE.';

grant execute on function metadata.trash_days(), metadata.set_trash_days(int) to relvar_crm;
--! EndIncluded metadata/trash_days.sql
--! Included engine/jobs/list.sql
-- Jobs as people see them, and what they may do to them. graphile-worker's own views show no payload, so these read its
-- table. A scope is a workspace, or null for all jobs of the instance.

create or replace function engine.job_state(attempts smallint, max_attempts smallint, locked_at timestamptz, run_at timestamptz) returns text
language sql stable
  return case when locked_at is not null then 'RUNNING' when attempts >= max_attempts then 'FAILED'
    when run_at <= now() then 'WAITING' when attempts > 0 then 'RETRYING' else 'SCHEDULED' end;

-- Payloads hold ids; should one hold a secret, nobody reads it here.
create or replace function engine.masked_text(value text) returns text
language sql immutable set search_path = ''
  return left(regexp_replace(regexp_replace(regexp_replace(value,
    '(://)[^/@\s]+@', '\1•••@', 'g'),
    '((token|secret|key|signature|password)=)[^&\s]+', '\1•••', 'gi'),
    '((bearer|basic)\s+)[A-Za-z0-9+/=._~-]{8,}', '\1•••', 'gi'), 4000);

create or replace function engine.masked(payload jsonb) returns jsonb
language plpgsql immutable set search_path = ''
as $$
begin
  return case jsonb_typeof(payload)
    when 'object' then (
      select coalesce(jsonb_object_agg(e.key, case
        when e.key ~* '(secret|token|passw|passphrase|authorization|cookie|signature|credential|api_?key|private_?key)' and e.value <> 'null' then '"•••"'
        else engine.masked(e.value) end), '{}') from jsonb_each(payload) e)
    when 'array' then (select coalesce(jsonb_agg(engine.masked(e.value) order by e.n), '[]') from jsonb_array_elements(payload) with ordinality e (value, n))
    when 'string' then to_jsonb(engine.masked_text(payload #>> '{}'))
    else payload end;
end
$$;

create or replace function engine.list_jobs(scope uuid, state text default null, task text default null, first int default 50, before bigint default null)
returns table (id bigint, task text, workspace_id uuid, workspace text, state text, payload jsonb, attempts int, max_attempts int, error text,
  created_at timestamptz, next_at timestamptz, began_at timestamptz, priority int)
language sql stable set search_path = ''
as $$
  select j.id, t.identifier, w.id, w.slug, engine.job_state(j.attempts, j.max_attempts, j.locked_at, j.run_at), engine.masked((j.payload)::jsonb), j.attempts, j.max_attempts,
    engine.masked_text(j.last_error), j.created_at, case when j.locked_at is null and j.attempts < j.max_attempts and j.run_at > now() then j.run_at end, j.locked_at, j.priority
  from graphile_worker._private_jobs j
  join graphile_worker._private_tasks t on t.id = j.task_id
  left join core.workspaces w on w.id = engine.job_workspace(j.payload)
  where (scope is null or engine.job_workspace(j.payload) = scope)
    and (list_jobs.state is null or engine.job_state(j.attempts, j.max_attempts, j.locked_at, j.run_at) = list_jobs.state)
    and (list_jobs.task is null or t.identifier = list_jobs.task)
    and (before is null or j.id < before)
  order by j.id desc limit least(greatest(first, 1), 200)
$$;
comment on function engine.list_jobs(uuid, text, text, int, bigint) is
  'The jobs of a workspace, or of all (null), newest first: RUNNING, WAITING for a worker, SCHEDULED for later, RETRYING after a failure, FAILED for good. Secrets in payloads are masked.';

create or replace function engine.count_jobs(scope uuid) returns table (task text, running bigint, waiting bigint, scheduled bigint, retrying bigint, failed bigint, oldest_waiting_at timestamptz)
language sql stable set search_path = ''
as $$
  select s.task, count(*) filter (where s.state = 'RUNNING'), count(*) filter (where s.state = 'WAITING'), count(*) filter (where s.state = 'SCHEDULED'),
    count(*) filter (where s.state = 'RETRYING'), count(*) filter (where s.state = 'FAILED'), min(s.created_at) filter (where s.state = 'WAITING' and s.attempts = 0)
  from (
    select t.identifier as task, j.created_at, j.attempts, engine.job_state(j.attempts, j.max_attempts, j.locked_at, j.run_at) as state
    from graphile_worker._private_jobs j join graphile_worker._private_tasks t on t.id = j.task_id
    where scope is null or engine.job_workspace(j.payload) = scope
  ) s
  group by s.task
$$;

-- Now, and as if it had never failed. What runs already is left alone.
create or replace function engine.retry_jobs(scope uuid, ids bigint[]) returns int
language plpgsql volatile set search_path = ''
as $$
declare
  v_count int;
begin
  select count(*) into v_count from graphile_worker.reschedule_jobs(
    array(select j.id from graphile_worker._private_jobs j
      where j.id = any (retry_jobs.ids) and j.locked_at is null and (scope is null or engine.job_workspace(j.payload) = scope)),
    run_at => now(), attempts => 0);
  -- One that was given up at once may be tried as often as any other.
  update graphile_worker._private_jobs j set max_attempts = 25
  where j.id = any (retry_jobs.ids) and j.locked_at is null and j.max_attempts < 2 and (scope is null or engine.job_workspace(j.payload) = scope);
  perform pg_notify('jobs:insert', json_build_object('r', random()::text, 'count', v_count)::text);
  return v_count;
end
$$;
comment on function engine.retry_jobs(uuid, bigint[]) is 'Has jobs of a workspace, or of all (null), tried at once. Returns how many; those that run are left alone.';

-- What waited is gone; what runs ends, and is not tried again. Whoever waits for such a job is told.
create or replace function engine.cancel_jobs(scope uuid, ids bigint[], by text) returns int
language plpgsql volatile set search_path = ''
as $$
declare
  v_count int := 0;
  r record;
begin
  for r in
    select j.id, t.identifier as task, j.payload, j.locked_at
    from graphile_worker._private_jobs j join graphile_worker._private_tasks t on t.id = j.task_id
    where j.id = any (cancel_jobs.ids) and (scope is null or engine.job_workspace(j.payload) = scope)
    order by j.id for update of j
  loop
    -- They tell members what others did to them.
    if scope is not null and r.task in ('mail__send', 'impersonation__end') then
      raise exception 'Mails, and the ends of sessions, are not cancelled.' using errcode = 'RV216', column = 'ids', hint = 'Ask the administrator of this server.';
    end if;
    if r.locked_at is not null then
      update graphile_worker._private_jobs j set max_attempts = j.attempts where j.id = r.id;
    else
      perform graphile_worker.complete_jobs(array[r.id]);
      if r.task = 'mail__send' and json_typeof(r.payload) = 'object' then
        perform core.note_mail_failure((r.payload ->> 'id')::uuid, format('Cancelled by %s.', cancel_jobs.by), true);
      elsif r.task = 'model__online' then
        update metadata.online_changes c set status = 'FAILED', error = format('Cancelled by %s.', cancel_jobs.by)
        where c.workspace_id = engine.job_workspace(r.payload) and c.status in ('QUEUED', 'RUNNING');
      end if;
    end if;
    v_count := v_count + 1;
  end loop;
  return v_count;
end
$$;
comment on function engine.cancel_jobs(uuid, bigint[], text) is 'Takes jobs of a workspace, or of all (null), out of the queue. One that runs ends, and is not tried again.';
--! EndIncluded engine/jobs/list.sql
--! Included metadata/jobs.sql
-- Jobs, for those who keep a workspace (theirs) and for administrators of the instance (all).

-- Somebody who administers the instance, as himself: no app, no key, nobody who acts as him, and no view of another role.
create or replace function engine.administers_instance() returns boolean
language sql stable security definer set search_path = ''
as $$
  select engine.is_trusted_session()
    and coalesce(current_setting('relvar.application_id', true), '') = '' and coalesce(current_setting('relvar.api_key_id', true), '') = ''
    and coalesce(current_setting('relvar.impersonator_id', true), '') = ''
    and exists (
      select from core.members m join core.users u on u.id = m.user_id join metadata.roles r on r.id = m.role_id
      where m.id = engine.current_member() and u.is_instance_admin and u.disabled_at is null and r.pg_role = current_setting('role'))
$$;

create or replace function engine.job_scope(everywhere boolean) returns uuid
language plpgsql stable set search_path = ''
as $$
declare
  v_workspace uuid;
begin
  if everywhere then
    if not engine.administers_instance() and not engine.acts_as_administrator() then
      raise exception 'Only administrators of this server see the jobs of all workspaces.' using errcode = '42501', hint = 'relvar admin grant makes one.';
    end if;
    return null;
  end if;
  v_workspace := engine.own_workspace();
  perform engine.assert_manages(v_workspace, 'WORKSPACE');
  return v_workspace;
end
$$;

create or replace function metadata.jobs(state text default null, task text default null, everywhere boolean default false, first int default 50, before bigint default null) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_scope uuid := engine.job_scope(everywhere);
begin
  return (select coalesce(jsonb_agg(jsonb_build_object('id', j.id::text, 'task', j.task, 'workspace', j.workspace, 'state', j.state, 'payload', j.payload,
      'attempts', j.attempts, 'maxAttempts', j.max_attempts, 'error', j.error, 'createdAt', j.created_at, 'nextAt', j.next_at, 'beganAt', j.began_at,
      'priority', j.priority) order by j.id desc), '[]')
    from engine.list_jobs(v_scope, jobs.state, jobs.task, coalesce(jobs.first, 50), jobs.before) j);
end
$$;
comment on function metadata.jobs(text, text, boolean, int, bigint) is
  'Jobs, newest first: [{"id", "task", "workspace", "state", "payload", "attempts", "maxAttempts", "error", "createdAt", "nextAt", "beganAt", "priority"}]. Needs the permission WORKSPACE; those of all workspaces, an administrator of the instance. before: only those with a smaller id.';

create or replace function metadata.job_overview(everywhere boolean default false) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_scope uuid := engine.job_scope(everywhere);
begin
  return jsonb_build_object(
    'tasks', (
      select coalesce(jsonb_agg(jsonb_build_object('task', k.task, 'running', coalesce(n.running, 0), 'waiting', coalesce(n.waiting, 0), 'scheduled', coalesce(n.scheduled, 0),
        'retrying', coalesce(n.retrying, 0), 'failed', coalesce(n.failed, 0), 'succeededToday', coalesce(d.succeeded, 0), 'failedToday', coalesce(d.failed, 0),
        'givenUpToday', coalesce(d.given_up, 0), 'milliseconds', d.mean, 'longest', d.longest) order by k.task), '[]')
      from (
        select n.task from engine.count_jobs(v_scope) n
        union select c.task from engine.job_counts c where c.hour > now() - interval '1 day' and (v_scope is null or c.workspace_id = v_scope)
      ) k
      left join engine.count_jobs(v_scope) n on n.task = k.task
      left join (
        select c.task, sum(c.succeeded) as succeeded, sum(c.failed) as failed, sum(c.given_up) as given_up, max(c.longest) as longest,
          round(sum(c.milliseconds) / nullif(sum(c.succeeded + c.failed), 0)) as mean
        from engine.job_counts c where c.hour > now() - interval '1 day' and (v_scope is null or c.workspace_id = v_scope) group by c.task
      ) d on d.task = k.task),
    'recurring', (
      select coalesce(jsonb_agg(jsonb_build_object('name', r.name, 'task', r.task, 'schedule', r.schedule, 'nextAt', r.next_at, 'lastAt', k.last_execution) order by r.next_at, r.name), '[]')
      from engine.recurring_jobs r left join graphile_worker._private_known_crontabs k on k.identifier = r.name),
    'oldestWaitingAt', (select min(n.oldest_waiting_at) from engine.count_jobs(v_scope) n),
    'hasWorker', exists (select from engine.heartbeats h where h.name = 'relay' and h.seen_at > now() - interval '20 seconds'),
    'administersInstance', engine.administers_instance());
end
$$;
comment on function metadata.job_overview(boolean) is
  'Jobs by task with what became of them within a day, and recurring jobs with when they come next: {"tasks", "recurring", "oldestWaitingAt", "hasWorker", "administersInstance"}. Needs what jobs needs.';

create or replace function metadata.retry_jobs(ids bigint[], everywhere boolean default false) returns int
language plpgsql volatile security definer set search_path = ''
as $$
begin
  return engine.retry_jobs(engine.job_scope(everywhere), retry_jobs.ids);
end
$$;
comment on function metadata.retry_jobs(bigint[], boolean) is 'Has jobs tried at once, as if they had never failed. Returns how many; those that run are left alone.';

create or replace function metadata.cancel_jobs(ids bigint[], everywhere boolean default false) returns int
language plpgsql volatile security definer set search_path = ''
as $$
begin
  return engine.cancel_jobs(engine.job_scope(everywhere), cancel_jobs.ids, engine.actor_name());
end
$$;
comment on function metadata.cancel_jobs(bigint[], boolean) is
  'Takes jobs out of the queue, dismissing those that have failed. One that runs ends, and is not tried again. Mails are cancelled by administrators of the instance alone.';

revoke execute on function metadata.jobs(text, text, boolean, int, bigint), metadata.job_overview(boolean), metadata.retry_jobs(bigint[], boolean), metadata.cancel_jobs(bigint[], boolean) from public;
grant execute on function metadata.jobs(text, text, boolean, int, bigint), metadata.job_overview(boolean), metadata.retry_jobs(bigint[], boolean), metadata.cancel_jobs(bigint[], boolean) to relvar_crm;
--! EndIncluded metadata/jobs.sql
--! Included core/metrics.sql
-- What the server tells Prometheus of the database: jobs, what became of them, and how far the relay is behind.

create or replace function core.metrics() returns jsonb
language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object(
    'jobs', (select coalesce(jsonb_agg(to_jsonb(n) order by n.task), '[]') from engine.count_jobs(null) n),
    'attempts', (
      select coalesce(jsonb_agg(to_jsonb(c) order by c.task), '[]') from (
        select c.task, sum(c.succeeded) as succeeded, sum(c.failed) as failed, sum(c.given_up) as given_up, sum(c.milliseconds) as milliseconds
        from engine.job_counts c group by c.task) c),
    'outbox', (select count(*) from (select from engine.outbox limit 100000) o),
    'lag', (select coalesce(extract(epoch from clock_timestamp() - min(o.created_at)), 0) from (select o.created_at from engine.outbox o order by o.batch limit 1) o),
    'relay', (select extract(epoch from clock_timestamp() - h.seen_at) from engine.heartbeats h where h.name = 'relay'),
    'runners', (select count(*) from engine.heartbeats h where h.name like 'pool-%' and h.seen_at > now() - interval '20 seconds'),
    'workspaces', (select count(*) from core.workspaces))
$$;
comment on function core.metrics() is 'What the server tells of the database at /metrics: {"jobs", "attempts", "outbox", "lag", "relay", "runners", "workspaces"}.';
grant execute on function core.metrics() to relvar_server;
--! EndIncluded core/metrics.sql

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
--! Included engine/permissions/changes.sql
-- What happened to records after a moment, as a caller may know it: the door of live updates. A record that he sees
-- before and after a change changes for him; one that comes into his sight or leaves it is told as that, and of what
-- it was or became where he does not see it nothing is told. How a record was before a change follows from how it is
-- now and what has happened since, and is judged by the rules of now.

-- A statement that changed more records than these is told as one: read the object again.
create or replace function engine.max_told_changes() returns int
language sql immutable parallel safe
  return 500;

-- Whether the caller is one with whom a record was shared that is shared no more.
create or replace function engine.was_shared_with_me(before jsonb) returns boolean
language sql stable set search_path = ''
as $$
  select exists (select from engine.my_principals() p where p = (before #>> '{share,id}')::uuid)
$$;

create or replace function engine.changes_between(caller name, schema_name text, after_position bigint, until_position bigint, object_ids uuid[], with_records boolean)
returns setof jsonb
language plpgsql stable security definer set search_path = '' set jit = off
as $$
declare
  v_table text;
  v_policy text;
  v_is_whole boolean;
  v_names text[];
  v_since timestamptz[];
  v_columns text[];
  v_fields text[];
  v_knows_who boolean;
  v_large bigint[];
  r record;
begin
  for r in
    execute format(
      'select b.object_id, o as object, array_agg(b.position) as positions
       from %I.event_batches b join metadata.objects o on o.id = b.object_id
       where b.position > $1 and b.position <= $2 and ($3 is null or b.object_id = any ($3)) and o.is_active and o.deleted_at is null
       group by b.object_id, o', schema_name)
    using after_position, until_position, object_ids
  loop
    continue when not engine.has_right(caller, r.object_id, 'READ');
    v_table := format('%I.%I', schema_name, (r.object).table_name);
    v_is_whole := engine.reads_wholly(caller, r.object_id);
    v_policy := case when v_is_whole then 'true' else engine.read_policy(caller, v_table::regclass) end;
    v_knows_who := v_is_whole or (has_column_privilege(caller, v_table, 'created_by_name', 'select') and has_column_privilege(caller, v_table, 'updated_by_name', 'select'));
    select array_agg(c.name), array_agg(c.since) into v_names, v_since from engine.past_columns(caller, schema_name, r.object) c;
    select array_agg(c.name), array_agg(f.name) into v_columns, v_fields
    from engine.field_columns((r.object).workspace_id, array[r.object_id]) c join metadata.fields f on f.id = c.field_id;
    execute format(
      'select array_agg(b.position) from %1$I.event_batches b
       where b.position = any ($1) and (select count(*) from (select from %1$I.record_events e where e.batch = b.batch limit $2 + 1) x) > $2', schema_name)
    into v_large using r.positions, engine.max_told_changes();
    return query execute format($sql$
      with event as materialized (
        select b.position, e.*,
          case when e.action not in ('deleted', 'merged', 'destroyed') then
            coalesce(to_jsonb(r), case when e.action in ('created', 'restored') then e.after else '{}' end) || coalesce(later.before, '{}') end as is_after,
          case when e.action = 'destroyed' then gone.before when e.action in ('updated', 'deleted', 'merged') then e.before else '{}' end as was_otherwise,
          array(select distinct f.field from jsonb_object_keys(engine.past_values(case when e.action = 'updated' then e.after end, e.happened_at, $6, $7)) k (key)
            join unnest($8, $9) f (name, field) on f.name = k.key order by 1) as fields
        from %1$I.event_batches b
        join %1$I.record_events e on e.batch = b.batch
        -- As it is now, less what has happened since, is as it was then.
        left join %2$s r on %3$s and r.id = e.record_id
        left join lateral (
          select jsonb_object_agg(k.key, k.value order by l.batch desc, l.seq desc) as before
          from %1$I.record_events l cross join lateral jsonb_each(l.before) k
          where l.record_id = e.record_id and l.object_id = e.object_id and (l.batch, l.seq) > (e.batch, e.seq) and l.action in ('updated', 'deleted', 'merged')
        ) later on %3$s
        -- What is destroyed lay in the trash, where those see it who saw it before.
        left join lateral (
          select l.before from %1$I.record_events l
          where l.record_id = e.record_id and l.object_id = e.object_id and (l.batch, l.seq) < (e.batch, e.seq) and l.action in ('deleted', 'merged')
          order by l.batch desc, l.seq desc limit 1
        ) gone on %3$s and e.action = 'destroyed'
        where b.position = any ($1) and not b.position = any (coalesce($2, '{}'))
      ), state as materialized (
        select e.*, case when e.action not in ('created', 'restored') then coalesce(e.is_after, '{}') || coalesce(e.was_otherwise, '{}') end as was_before
        from event e
      ), seen as (
        select e.*, (%4$s) as sees, (%5$s) as saw
        from state e
      ), told as (
        select s.*, case
            when s.action = 'updated' and s.sees and s.saw then case when s.fields <> '{}' then 'updated' end
            when s.action = 'updated' and s.sees then 'added'
            when s.action = 'updated' and s.saw then 'removed'
            when s.action = 'unshared' and not s.sees then case when engine.was_shared_with_me(s.before) then 'removed' end
            when s.action in ('linked', 'unlinked') then case when s.sees and engine.sees_link($11, coalesce(s.after, s.before)) then s.action end
            when s.sees or s.saw then s.action end as tell
        from seen s
      )
      select jsonb_build_object('position', t.position || '.' || t.seq, 'action', t.tell, 'object', $4, 'recordId', t.record_id, 'requestId', t.request_id)
        || case when t.tell = 'removed' then '{}' else jsonb_build_object(
          'changedFields', case when t.tell = 'updated' then t.fields end,
          'actor', case when $5 then jsonb_build_object('type', t.actor_type, 'id', t.actor_id, 'name', t.actor_name) end,
          'source', case when $5 then t.source end, 'happenedAt', t.happened_at) end
        || case when $10 and t.sees and t.tell <> 'removed' then jsonb_build_object('record', (
          select jsonb_object_agg(engine.camel_case(k.key), k.value) from %2$s o cross join lateral jsonb_each(to_jsonb(o)) k
          where o.id = t.record_id and k.key = any ($6) and k.key <> 'search_vector' and %6$s)) else '{}' end
      from told t where t.tell is not null
      union all
      select jsonb_build_object('position', u.position::text, 'action', 'resync', 'object', $4, 'recordId', null) from unnest($2) u (position)$sql$,
      schema_name, v_table, (v_policy <> 'true')::text,
      case when v_policy = 'true' then 'e.action not in (''deleted'', ''merged'', ''destroyed'')'
        else format('e.is_after ? ''id'' and exists (select from jsonb_populate_record(null::%s, e.is_after) t where %s)', v_table, v_policy) end,
      case when v_policy = 'true' then 'e.action not in (''created'', ''restored'')'
        else format('e.was_before ? ''id'' and exists (select from jsonb_populate_record(null::%s, e.was_before) t where %s)', v_table, v_policy) end,
      v_policy)
    using r.positions, v_large, null::text, (r.object).name_singular, v_knows_who, v_names, v_since, v_columns, v_fields, coalesce(with_records, false), caller;
  end loop;
end
$$;

-- Reached only through the tenant's own function, which names the caller.
grant execute on function engine.changes_between(name, text, bigint, bigint, uuid[], boolean) to relvar_crm, relvar_reader;

-- Positions that a workspace's log has, and the objects of which something changed in a part of it; for the server,
-- which need not ask again for those who may not read any of them.
create or replace function engine.positions(workspace_id uuid, after_position bigint, until_position bigint, out first_position bigint, out last_position bigint, out object_ids uuid[])
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_schema text := (select w.schema_name from core.workspaces w where w.id = workspace_id);
begin
  if to_regclass(quote_ident(v_schema) || '.event_batches') is null then
    first_position := 1;
    last_position := 0;
    object_ids := '{}';
    return;
  end if;
  last_position := engine.last_position(workspace_id);
  first_position := engine.first_position(workspace_id);
  execute format('select coalesce(array_agg(distinct b.object_id), ''{}'') from %I.event_batches b where b.position > $1 and b.position <= $2', v_schema)
    into object_ids using after_position, until_position;
end
$$;
comment on function engine.positions(uuid, bigint, bigint) is
  'The first and the last position that can be read of a workspace''s log, and the objects of which something changed after one position up to another.';
grant execute on function engine.positions(uuid, bigint, bigint) to relvar_server;
--! EndIncluded engine/permissions/changes.sql
--! Included engine/presence.sql
-- Who has a record open, and which field of it is being edited. It lasts as long as the page says so, and is not worth
-- a log: after a crash of the database each page says it again. Servers are told when it changes, not each time that it
-- is repeated.

create or replace function engine.presence_lasts() returns interval
language sql immutable parallel safe
  return interval '40 seconds';

create or replace function engine.announce_presence(caller name, schema_name text, object_name text, record_id uuid, page uuid, field text, is_leaving boolean) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_variable
declare
  v_object metadata.objects := engine.shareable_object(caller, schema_name, object_name, record_id, 'READ');
  v_actor engine.actor := engine.current_actor();
  v_field text := left(field, 100);
  v_before record;
begin
  if (v_actor).type is distinct from 'member' then
    raise exception 'Only members are present; a key or an app is not.' using errcode = 'RV200', hint = 'Announce it with the session of a member.';
  end if;
  select p.record_id, p.field, p.seen_at, p.member_id into v_before from engine.presence p where p.page = page for update;
  if v_before.member_id <> (v_actor).id then
    raise exception 'This page is another member''s.' using errcode = 'RV201', hint = 'Make a UUID of its own for each page.';
  end if;
  if is_leaving then
    delete from engine.presence p where p.page = page;
  else
    insert into engine.presence as p (page, workspace_id, object_id, record_id, member_id, name, field)
    values (page, v_object.workspace_id, v_object.id, record_id, (v_actor).id, (v_actor).name, v_field)
    on conflict on constraint presence_pkey do update set object_id = excluded.object_id, record_id = excluded.record_id, name = excluded.name, field = excluded.field, seen_at = now(),
      since = case when p.record_id = excluded.record_id then p.since else now() end
    where p.member_id = excluded.member_id;
  end if;
  if is_leaving or v_before.record_id is null or v_before.field is distinct from v_field or v_before.record_id <> record_id or v_before.seen_at < now() - engine.presence_lasts() then
    perform pg_notify('relvar_presence', json_build_object('workspace', v_object.workspace_id, 'records', array_remove(array[record_id, nullif(v_before.record_id, record_id)], null))::text);
    delete from engine.presence p where p.seen_at < now() - 10 * engine.presence_lasts();
  end if;
  return true;
end
$$;

-- A member with several pages is one, of whom it matters most what is being edited. Who may not read the field is
-- not told of it.
create or replace function engine.present_members(caller name, schema_name text, object_name text, record_id uuid)
returns table (member_id uuid, name text, field text, since timestamptz, expires_at timestamptz)
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.shareable_object(caller, schema_name, object_name, record_id, 'READ');
  v_fields text[] := array(
    select f.name from engine.field_columns(v_object.workspace_id, array[v_object.id]) c join metadata.fields f on f.id = c.field_id
    where has_column_privilege(caller, format('%I.%I', schema_name, v_object.table_name), c.name, 'select'));
begin
  return query
  select distinct on (p.member_id) p.member_id, p.name, case when p.field = any (v_fields) then p.field end,
    min(p.since) over (partition by p.member_id), min(p.seen_at) over (partition by p.member_id) + engine.presence_lasts()
  from engine.presence p
  where p.record_id = present_members.record_id and p.object_id = v_object.id and p.workspace_id = v_object.workspace_id and p.seen_at > now() - engine.presence_lasts()
  order by p.member_id, p.field is null, p.seen_at desc;
end
$$;

-- Reached only through the tenant's own functions, which name the caller.
grant execute on function engine.announce_presence(name, text, text, uuid, uuid, text, boolean), engine.present_members(name, text, text, uuid) to relvar_crm;
--! EndIncluded engine/presence.sql
--! Included engine/permissions/sharing.sql
-- Single records opened to members, teams or roles beside what their rules let them see. Who may change a
-- record may share it; a share opens no object and no field that the other's role does not have.

-- A record that the caller names, and may do something with: else it is not there.
create or replace function engine.shareable_object(caller name, schema_name text, object_name text, record_id uuid, action text) returns metadata.objects
language plpgsql stable set search_path = ''
as $$
declare
  v_object metadata.objects;
begin
  select o.* into v_object
  from core.workspaces w join metadata.objects o on o.workspace_id = w.id
  where w.schema_name = shareable_object.schema_name and o.name_singular = object_name and o.deleted_at is null;
  if not found then
    raise exception 'There is no object "%".', object_name using errcode = 'RV011', hint = 'Give the singular API name, such as person.';
  end if;
  if not engine.may_touch(caller, v_object.id, record_id, action) then
    raise exception 'Your role may not % this record, or there is none.', case action when 'READ' then 'see' else 'change' end
      using errcode = '42501', hint = case action when 'READ' then '' else 'Who may change a record may share it.' end;
  end if;
  return v_object;
end
$$;

-- What a member, a team or a role is called; null where there is none.
create or replace function engine.principal_name(workspace_id uuid, principal_kind text, principal_id uuid) returns text
language sql stable set search_path = ''
  return case principal_kind
    when 'MEMBER' then (select coalesce(nullif(m.name, ''), 'A member') from core.members m where m.id = principal_id and m.workspace_id = principal_name.workspace_id)
    when 'TEAM' then (select t.name from metadata.teams t where t.id = principal_id and t.workspace_id = principal_name.workspace_id)
    when 'ROLE' then (select r.name from metadata.roles r where r.id = principal_id and r.workspace_id = principal_name.workspace_id) end;

-- The log tells who shared what with whom, and who took it back.
create or replace function engine.note_share(schema_name text, object metadata.objects, record_id uuid, before jsonb, after jsonb) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_batch bigint := nextval('engine.event_batch');
  v_actor engine.actor := engine.current_actor();
  v_action text := case when after is null then 'unshared' else 'shared' end;
begin
  if not (object).is_audited then
    return;
  end if;
  execute format('insert into %I.record_events (batch, seq, object_id, record_id, action, before, after, actor_type, actor_id, actor_name, source, request_id)
    values ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, nullif(current_setting(''relvar.request_id'', true), ''''))', schema_name)
  using v_batch, (object).id, record_id, v_action, case when before is not null then jsonb_build_object('share', before) end, case when after is not null then jsonb_build_object('share', after) end,
    v_actor.type, v_actor.id, v_actor.name, engine.current_source();
  insert into engine.outbox (batch, workspace_id, object_id, action) values (v_batch, (object).workspace_id, (object).id, v_action);
end
$$;

create or replace function engine.share_record(caller name, schema_name text, object_name text, record_id uuid, principal_kind text, principal_id uuid, access text, reason text, expires_at timestamptz) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.shareable_object(caller, schema_name, object_name, record_id, 'UPDATE');
  v_principal text := engine.principal_name(v_object.workspace_id, principal_kind, principal_id);
  v_reason text := coalesce(left(btrim(reason), 500), '');
  v_id uuid;
  v_before jsonb;
begin
  if coalesce(access, '') not in ('READ', 'WRITE') then
    raise exception 'A record is shared to READ or to WRITE, not to "%".', access using errcode = 'RV098', column = 'access', hint = 'WRITE lets the other change it, too.';
  end if;
  if v_principal is null then
    raise exception 'There is no such % here.', coalesce(lower(nullif(principal_kind, '')), 'member') using errcode = 'RV098', column = 'principal_id',
      hint = 'Share with a MEMBER, a TEAM or a ROLE of this workspace, by its id.';
  end if;
  if expires_at <= now() then
    raise exception 'The share would have ended already.' using errcode = 'RV098', column = 'expires_at', hint = 'Choose a later day, or none.';
  end if;
  execute format('select jsonb_build_object(''with'', $5, ''kind'', $3, ''access'', s.access, ''reason'', s.reason, ''expiresAt'', s.expires_at)
    from %I.record_shares s where s.object_id = $1 and s.record_id = $2 and s.principal_kind = $3 and s.principal_id = $4', schema_name)
  into v_before using v_object.id, record_id, principal_kind, principal_id, v_principal;
  execute format(
    'insert into %I.record_shares as s (object_id, record_id, principal_kind, principal_id, access, reason, created_by, created_by_name, expires_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
     on conflict (object_id, record_id, principal_kind, principal_id) do update set access = excluded.access, reason = excluded.reason,
       created_by = excluded.created_by, created_by_name = excluded.created_by_name, created_at = now(), expires_at = excluded.expires_at
     returning s.id', schema_name)
  into v_id using v_object.id, record_id, principal_kind, principal_id, access, v_reason, engine.current_member(), (engine.current_actor()).name, expires_at;
  perform engine.note_share(schema_name, v_object, record_id, v_before,
    jsonb_build_object('with', v_principal, 'id', principal_id, 'kind', principal_kind, 'access', access, 'reason', v_reason, 'expiresAt', expires_at));
  -- Once, and people: a role may be everybody's.
  if v_before is null and principal_kind <> 'ROLE' then
    perform core.notify(v_object.workspace_id,
      case principal_kind when 'MEMBER' then array[principal_id] else array(select t.member_id from metadata.team_members t where t.team_id = principal_id) end,
      'SHARED', v_object.id, record_id, jsonb_build_object('access', access, 'reason', v_reason, 'with', case principal_kind when 'TEAM' then v_principal end));
  end if;
  return v_id;
end
$$;

create or replace function engine.unshare_record(caller name, schema_name text, share_id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object metadata.objects;
  v_share record;
begin
  execute format('select s.*, o.name_singular from %I.record_shares s join metadata.objects o on o.id = s.object_id where s.id = $1', schema_name) into v_share using share_id;
  if v_share.id is null then
    return false;
  end if;
  v_object := engine.shareable_object(caller, schema_name, v_share.name_singular, v_share.record_id, 'UPDATE');
  execute format('delete from %I.record_shares where id = $1', schema_name) using share_id;
  perform engine.note_share(schema_name, v_object, v_share.record_id, jsonb_build_object(
    'with', engine.principal_name(v_object.workspace_id, v_share.principal_kind, v_share.principal_id), 'id', v_share.principal_id, 'kind', v_share.principal_kind, 'access', v_share.access,
    'reason', v_share.reason, 'expiresAt', v_share.expires_at), null);
  return true;
end
$$;

-- What has ended is told no more.
create or replace function engine.shares_of_record(caller name, schema_name text, object_name text, record_id uuid)
returns table (share_id uuid, principal_kind text, principal_id uuid, principal_name text, access text, reason text, created_by_name text, created_at timestamptz, expires_at timestamptz)
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.shareable_object(caller, schema_name, object_name, record_id, 'READ');
begin
  return query execute format($sql$
      select s.id, s.principal_kind, s.principal_id, coalesce(engine.principal_name($3, s.principal_kind, s.principal_id), ''), s.access, s.reason, s.created_by_name, s.created_at, s.expires_at
      from %I.record_shares s
      where s.object_id = $1 and s.record_id = $2 and (s.expires_at is null or s.expires_at > now()) order by s.created_at, s.id
    $sql$, schema_name) using v_object.id, record_id, v_object.workspace_id;
end
$$;

-- Shares go with whom they are for.
create or replace function engine.tg_principals__forget_shares() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_schema text := (select w.schema_name from core.workspaces w where w.id = old.workspace_id);
begin
  if to_regclass(quote_ident(v_schema) || '.record_shares') is not null then
    execute format('delete from %I.record_shares where principal_id = $1 and principal_kind = $2', v_schema) using old.id, tg_argv[0];
  end if;
  return null;
end
$$;
create or replace trigger _600_forget_shares after delete on core.members for each row execute function engine.tg_principals__forget_shares('MEMBER');
create or replace trigger _600_forget_shares after delete on metadata.teams for each row execute function engine.tg_principals__forget_shares('TEAM');
create or replace trigger _600_forget_shares after delete on metadata.roles for each row execute function engine.tg_principals__forget_shares('ROLE');

-- Reached only through the tenant's own functions, which name the caller.
grant execute on function engine.share_record(name, text, text, uuid, text, uuid, text, text, timestamptz), engine.unshare_record(name, text, uuid),
  engine.shares_of_record(name, text, text, uuid) to relvar_crm;
--! EndIncluded engine/permissions/sharing.sql
--! Included metadata/validate.sql
-- Rules of the model that a check constraint cannot say well: each refuses with a sentence, a code
-- and a way out, whoever writes.

-- Names that the API itself uses, and PostgreSQL's own columns.
create or replace function engine.is_reserved_name(name text) returns boolean
language sql immutable strict parallel safe
  return name = any ('{query,mutation,subscription,node,nodeId,nodes,edges,cursor,pageInfo,totalCount,filter,orderBy,first,last,after,before,offset,
    recordEvent,recordEvents,trash,trashedRecord,trashedRecords,listTrash,records,searchRecords,recordHistory,recordTimeline,deletedRecords,restoreRecord,destroyRecord,findDuplicates,findDuplicatesOf,announcePresence,liveRecordChange,liveActor,liveModelChange,liveViewsChange,livePresence,clientMutationId,input,patch,
    ctid,tableoid,xmin,xmax,cmin,cmax}'::text[]);

create or replace function engine.assert_name(name text, what text) returns void
language plpgsql immutable set search_path = ''
as $$
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
$$;

create or replace function engine.tg_objects__validate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_taken text;
begin
  -- Null as "not given", from functions that take them as optional arguments.
  new.id := coalesce(new.id, engine.uuidv7());
  new.workspace_id := coalesce(new.workspace_id, engine.workspace_of_role(current_setting('role')::name));
  -- At a psql prompt nobody counts: what is new comes last.
  if tg_op = 'INSERT' and new.position = 0 and new.application_id is null then
    new.position := (select coalesce(max(o.position), 0) + 1 from metadata.objects o where o.workspace_id = new.workspace_id);
  end if;
  -- What is deleted gave its names up; they are judged again when it is restored.
  if new.deleted_at is not null then
    return new;
  end if;
  new.name_singular := coalesce(new.name_singular, engine.name_from_label(new.label_singular));
  new.name_plural := coalesce(new.name_plural, engine.name_from_label(new.label_plural));
  perform engine.assert_name(new.name_singular, 'an object'), engine.assert_name(new.name_plural, 'an object');
  -- Fields may be called so; the type of an object may not.
  if new.name_singular in ('string', 'int', 'float', 'boolean', 'date', 'datetime', 'bigInt', 'bigFloat') then
    raise exception 'The name "%" is that of a type of the API.', new.name_singular using errcode = 'RV002', column = 'name_singular',
      hint = format('Try "%sItem" or "custom%s%s".', new.name_singular, upper(left(new.name_singular, 1)), substr(new.name_singular, 2));
  end if;
  if new.name_singular = new.name_plural then
    raise exception 'The singular and the plural API name are both "%".', new.name_singular using errcode = 'RV001', column = 'name_plural',
      hint = format('Name the plural "%sRecords", for example.', new.name_singular);
  end if;
  select o.label_plural into v_taken from metadata.objects o
  where o.workspace_id = new.workspace_id and o.id <> new.id and o.deleted_at is null
    and (o.name_singular in (new.name_singular, new.name_plural) or o.name_plural in (new.name_singular, new.name_plural)) limit 1;
  if found then
    raise exception 'The object "%" already has this API name.', v_taken using errcode = 'RV005', column = 'name_singular',
      hint = format('Try "%s2", or rename the other object first.', new.name_singular);
  end if;
  if new.label_field_id is not null and not exists (select from metadata.fields f where f.id = new.label_field_id and f.object_id = new.id) then
    raise exception 'The label field must be a field of the object itself.' using errcode = 'RV006', column = 'label_field_id';
  end if;
  if tg_op = 'INSERT' or new.duplicate_criteria <> old.duplicate_criteria then
    perform engine.assert_duplicate_criteria(new);
  end if;
  if tg_op = 'UPDATE' and old.is_system and (new.name_singular, new.name_plural) is distinct from (old.name_singular, old.name_plural) then
    raise exception 'The API names of % are fixed.', old.label_plural using errcode = 'RV007', column = 'name_singular',
      hint = 'Change its labels instead; they are what people see.';
  end if;
  return new;
end
$$;
create or replace trigger _100_validate before insert or update on metadata.objects for each row execute function engine.tg_objects__validate();

-- Every object has these; they come with the object, in the same transaction.
create or replace function engine.system_fields()
returns table (name text, label text, description text, icon text, type text, default_value jsonb, "position" double precision)
language sql immutable set search_path = ''
as $$
  select *
  from (values
    ('id', 'Id', 'Identifies the record for good.', 'IconKey', 'UUID', '"uuid"'::jsonb, 1000),
    ('createdAt', 'Created', 'When the record was created.', 'IconCalendarPlus', 'DATE_TIME', '"now"', 1001),
    ('updatedAt', 'Last changed', 'When the record was last changed.', 'IconCalendarClock', 'DATE_TIME', '"now"', 1002),
    ('createdBy', 'Created by', 'Who created the record.', 'IconUserPlus', 'ACTOR', null, 1003),
    ('updatedBy', 'Changed by', 'Who last changed the record.', 'IconUserEdit', 'ACTOR', null, 1004),
    ('position', 'Position', 'Place of the record where people order by hand.', 'IconArrowsSort', 'POSITION', '0', 1005),
    ('searchVector', 'Search', 'What search reads.', 'IconSearch', 'TS_VECTOR', null, 1006)
  ) as f (name, label, description, icon, type, default_value, position)
$$;

create or replace function engine.tg_objects__add_system_fields() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  insert into metadata.fields (workspace_id, object_id, application_id, name, label, description, icon, type, default_value, is_system, position)
  select new.workspace_id, new.id, new.application_id, f.name, f.label, f.description, f.icon, f.type, f.default_value, true, f.position
  from engine.system_fields() f
  where f.type <> 'TS_VECTOR' or new.is_searchable;
  return null;
end
$$;
-- The vector comes and goes with is_searchable.
create or replace function engine.tg_objects__switch_search() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  delete from metadata.fields f where f.object_id = new.id and f.type = 'TS_VECTOR';
  if new.is_searchable then
    insert into metadata.fields (workspace_id, object_id, application_id, name, label, description, icon, type, is_system, position)
    values (new.workspace_id, new.id, new.application_id, 'searchVector', 'Search', 'What search reads.', 'IconSearch', 'TS_VECTOR', true, 1006);
  end if;
  return null;
end
$$;
create or replace trigger _200_switch_search after update of is_searchable on metadata.objects for each row
  when (new.is_searchable <> old.is_searchable) execute function engine.tg_objects__switch_search();

create or replace trigger _200_add_system_fields after insert on metadata.objects for each row execute function engine.tg_objects__add_system_fields();

-- A default is refused when it is written, not when the first record meets it.
create or replace function engine.assert_default(field_type text, value jsonb) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_is_composite boolean := not exists (select from engine.field_type_columns c where c.type = field_type and c.part = '');
begin
  if value is null or value = 'null' or field_type in ('RELATION', 'MEMBER', 'MORPH_RELATION', 'MANY_TO_MANY', 'FORMULA', 'ROLLUP')
    -- A formula, which is judged where it is compiled.
    or jsonb_typeof(value) = 'object' and value ? 'expression' then
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
$$;

create or replace function engine.tg_fields__validate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_value text;
begin
  -- Somebody at a psql prompt need not repeat the workspace of the object.
  new.id := coalesce(new.id, engine.uuidv7());
  new.workspace_id := coalesce(new.workspace_id, (select o.workspace_id from metadata.objects o where o.id = new.object_id));
  if new.deleted_at is not null then
    return new;
  end if;
  new.name := coalesce(new.name, engine.name_from_label(new.label));
  perform engine.assert_name(new.name, 'a field');
  if exists (select from metadata.fields f where f.object_id = new.object_id and f.name = new.name and f.id <> new.id and f.deleted_at is null) then
    raise exception 'The object already has a field with the API name "%".', new.name using errcode = 'RV005', column = 'name',
      hint = format('Try "%s2", or use the field that exists.', new.name);
  end if;
  if exists (select from metadata.relations r where r.target_object_id = new.object_id and r.inverse_name = new.name and r.deleted_at is null) then
    raise exception 'The object already shows related records under the API name "%".', new.name using errcode = 'RV005', column = 'name',
      hint = format('Try "%s2".', new.name);
  end if;
  if new.type = 'MANY_TO_MANY' and (new.is_required or new.is_unique) then
    raise exception 'A relation to many can be neither required nor unique.' using errcode = 'RV008', column = 'is_required';
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
      where new.default_value <> 'null' and not new.default_value ? 'expression' and not new.options @> jsonb_build_array(jsonb_build_object('value', d))
    ) then
      raise exception 'The default % is not one of the options.', new.default_value using errcode = 'RV009', column = 'default_value';
    end if;
  end if;
  perform engine.assert_default(new.type, new.default_value);
  if tg_op = 'UPDATE' then
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
$$;
create or replace trigger _100_validate before insert or update on metadata.fields for each row execute function engine.tg_fields__validate();

create or replace function engine.tg_relations__validate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  new.id := coalesce(new.id, engine.uuidv7());
  new.workspace_id := coalesce(new.workspace_id, (select f.workspace_id from metadata.fields f where f.id = new.field_id));
  if new.deleted_at is not null then
    return new;
  end if;
  new.inverse_name := coalesce(new.inverse_name, engine.name_from_label(new.inverse_label));
  perform engine.assert_name(new.inverse_name, 'a relation');
  if exists (select from metadata.fields f where f.object_id = new.target_object_id and f.name = new.inverse_name and f.deleted_at is null)
    or exists (select from metadata.relations r where r.target_object_id = new.target_object_id and r.inverse_name = new.inverse_name and r.id <> new.id and r.deleted_at is null) then
    raise exception 'The other object already uses the API name "%".', new.inverse_name using errcode = 'RV005', column = 'inverse_name',
      hint = format('Try "%s2".', new.inverse_name);
  end if;
  if not exists (select from metadata.fields f where f.id = new.field_id and f.type in ('RELATION', 'MEMBER', 'MORPH_RELATION')) then
    raise exception 'Only fields of type RELATION, MEMBER or MORPH_RELATION have relations.' using errcode = 'RV008', column = 'field_id';
  end if;
  if exists (select from metadata.fields f join metadata.relations r on r.field_id = f.id and r.id <> new.id and r.deleted_at is null
      where f.id = new.field_id and f.type in ('RELATION', 'MEMBER')) then
    raise exception 'A RELATION points to one object.' using errcode = 'RV008', column = 'field_id', hint = 'Use MORPH_RELATION to point to several.';
  end if;
  return new;
end
$$;
create or replace trigger _100_validate before insert or update on metadata.relations for each row execute function engine.tg_relations__validate();

-- A relation field that points to nothing any more has no column: it goes with its last relation.
create or replace function engine.tg_relations__drop_empty_fields() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  delete from metadata.fields f
  using gone g
  where f.id = g.field_id and not exists (select from metadata.relations r where r.field_id = f.id);
  return null;
end
$$;
create or replace trigger _200_drop_empty_fields after delete on metadata.relations
  referencing old table as gone for each statement execute function engine.tg_relations__drop_empty_fields();

-- What spans a field and its relations can be judged only when both are written.
create or replace function engine.assert_relations(workspace_id uuid) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_label text;
begin
  select f.label into v_label from metadata.fields f
  where f.workspace_id = assert_relations.workspace_id and f.type in ('RELATION', 'MEMBER', 'MORPH_RELATION') and f.deleted_at is null
    and not exists (select from metadata.relations r where r.field_id = f.id and r.workspace_id = f.workspace_id) limit 1;
  if found then
    raise exception 'The relation "%" points to no object.', v_label using errcode = 'RV008', column = 'target_object_id',
      hint = 'Insert a row of metadata.relations in the same transaction, or use metadata.create_field.';
  end if;
  select f.label into v_label from metadata.fields f join metadata.relations r on r.field_id = f.id and r.workspace_id = f.workspace_id
  where f.workspace_id = assert_relations.workspace_id and f.type in ('RELATION', 'MEMBER') and f.is_required and f.required_from is null and f.deleted_at is null and r.deleted_at is null and r.on_delete = 'SET_NULL' limit 1;
  if found then
    raise exception 'The relation "%" is required, so deleting its other side cannot empty it.', v_label using errcode = 'RV008', column = 'on_delete',
      hint = 'Choose CASCADE (these records go too) or RESTRICT (the deletion is refused).';
  end if;
end
$$;
--! EndIncluded metadata/validate.sql
--! Included engine/identity.sql
-- Who is asking. The workspace follows from the PostgreSQL role, which nobody can forge: it is
-- reached only by a SET ROLE that was granted. The member is a setting, which anybody can set, so
-- it is believed only from sessions of the server, the worker and administrators; a person's own
-- database login (core.database_logins) is mapped to the member it was given to.

create or replace function engine.is_trusted_session() returns boolean
language sql stable
  return session_user in ('relvar_server', 'relvar_worker')
    or pg_catalog.pg_has_role(session_user, 'relvar_owner', 'member');

create or replace function engine.workspace_of_role(pg_role name) returns uuid
language sql stable security definer set search_path = ''
as $$ select r.workspace_id from metadata.roles r where r.pg_role = engine.crm_role(workspace_of_role.pg_role) $$;
grant execute on function engine.workspace_of_role(name) to public;

create or replace function engine.current_workspace() returns uuid
language sql stable set search_path = ''
  return engine.workspace_of_role(current_user);
comment on function engine.current_workspace() is 'The workspace whose CRM role the session has taken; null outside of one.';
grant execute on function engine.current_workspace() to public;

-- Every write asks several times who makes it (four column defaults and the log), so the answer is
-- kept in settings for the rest of the transaction, with the basis that it follows from: when that
-- changes, it is found anew. Anybody can write a setting, so a session that is not trusted with
-- relvar.member_id is not trusted with these either.
--
-- The functions without a search_path of their own become parts of the statements that call them,
-- where each costs a microsecond; they name nothing that a search path could change.
create or replace function engine.actor_basis() returns text
language sql stable
  return pg_catalog.concat_ws('|', session_user, current_setting('role'),
    current_setting('relvar.member_id', true), current_setting('relvar.api_key_id', true), current_setting('relvar.impersonator_id', true),
    current_setting('relvar.application_id', true), current_setting('relvar.process_kind', true), current_setting('relvar.process_id', true), current_setting('relvar.process_name', true));

create or replace function engine.actor_is_known() returns boolean
language sql stable
  return engine.is_trusted_session() and current_setting('relvar.actor_basis', true) = engine.actor_basis();

-- Inside a definer function current_user is the owner, while the setting "role" is still the role
-- that was taken. Checking the member against that role's workspace keeps a member of one
-- workspace from signing records of another.
create or replace function engine.find_actor() returns engine.actor
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_actor engine.actor;
  v_is_trusted boolean := engine.is_trusted_session();
begin
  if v_is_trusted then
    select 'member', m.id, m.name into v_actor from core.members m
    where m.id = nullif(current_setting('relvar.member_id', true), '')::uuid
      and m.is_active
      and m.workspace_id = (select r.workspace_id from metadata.roles r where r.pg_role = current_setting('role'));
    -- Whoever acts as somebody else is named first; the rights, and what is theirs, are the member's.
    if v_actor.id is not null and nullif(current_setting('relvar.impersonator_id', true), '') is not null then
      v_actor.name := (select coalesce(nullif(u.name, ''), u.email) from core.users u where u.id = current_setting('relvar.impersonator_id')::uuid) || ' as ' || v_actor.name;
    end if;
    if v_actor.id is not null and nullif(current_setting('relvar.application_id', true), '') is not null then
      v_actor.name := (select c.name from core.oauth_clients c where c.id = current_setting('relvar.application_id')::uuid) || ' on behalf of ' || v_actor.name;
    end if;
  else
    select 'member', m.id, m.name into v_actor from core.database_logins l
    join core.members m on m.id = l.member_id
    join metadata.roles r on r.id = m.role_id
    where l.login_role = session_user and l.ended_at is null and l.expires_at > now() and m.is_active
      and current_setting('role') = case when l.may_write then r.pg_role else engine.reading_role(r.pg_role) end;
  end if;
  if v_actor.id is null and v_is_trusted then
    select 'api_key', k.id, k.name into v_actor from core.api_keys k
    where k.id = nullif(current_setting('relvar.api_key_id', true), '')::uuid
      and k.workspace_id = (select r.workspace_id from metadata.roles r where r.pg_role = current_setting('role'));
  end if;
  if v_actor.id is null and v_is_trusted then
    select 'application', c.id, c.name into v_actor from core.oauth_clients c
    where c.id = nullif(current_setting('relvar.application_id', true), '')::uuid
      and c.workspace_id = (select r.workspace_id from metadata.roles r where r.pg_role = current_setting('role'));
  end if;
  -- What runs by itself is named first, too, and alone where it runs on nobody's behalf.
  if v_is_trusted and current_setting('relvar.process_kind', true) in ('workflow', 'import', 'agent') then
    if v_actor.id is null then
      v_actor := (current_setting('relvar.process_kind'), nullif(current_setting('relvar.process_id', true), '')::uuid, current_setting('relvar.process_name', true))::engine.actor;
    else
      v_actor.name := concat_ws(' on behalf of ', nullif(current_setting('relvar.process_name', true), ''), v_actor.name);
    end if;
  end if;
  if v_actor.type is null then
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
$$;
comment on function engine.find_actor() is 'Finds out who changes a record, and remembers it for the rest of the transaction.';

create or replace function engine.current_actor() returns engine.actor
language sql stable
  return case when engine.actor_is_known()
    then (current_setting('relvar.actor_type'), nullif(current_setting('relvar.actor_id'), '')::uuid, current_setting('relvar.actor_name'))::engine.actor
    else engine.find_actor() end;
comment on function engine.current_actor() is 'Who changes a record: a member, an API key, an app, a workflow, an import, an agent (relvar.process_kind, _id and _name), the system, or a database login.';

create or replace function engine.find_member() returns uuid
language sql stable set search_path = ''
  return (select a.id from engine.find_actor() a where a.type = 'member');

create or replace function engine.current_member() returns uuid
language sql stable
  return case when engine.actor_is_known()
    then case when current_setting('relvar.actor_type') = 'member' then current_setting('relvar.actor_id')::uuid end
    else engine.find_member() end;
comment on function engine.current_member() is 'The member on whose behalf the session acts; null for none.';

-- What a person's own login says about itself is not believed here either.
create or replace function engine.current_source() returns text
language sql stable
  return case when not engine.is_trusted_session() then 'PSQL'
    else coalesce(nullif(current_setting('relvar.source', true), ''), upper(nullif(current_setting('relvar.process_kind', true), '')),
      case when session_user in ('relvar_server', 'relvar_worker') then 'SYSTEM' else 'MANUAL' end) end;

-- Defaults of createdBy and updatedBy.
create or replace function engine.actor_name() returns text
language sql stable
  return case when engine.actor_is_known() then current_setting('relvar.actor_name') else (engine.find_actor()).name end;

-- They say who the caller is, to whoever asks.
grant execute on function engine.is_trusted_session(), engine.actor_basis(), engine.actor_is_known(), engine.find_actor(),
  engine.find_member(), engine.current_actor(), engine.current_member(), engine.current_source(), engine.actor_name() to public;

-- For administrators in psql: take a CRM role and act as a member, until "reset role".
create or replace function engine.become(workspace_slug text, who text) returns text
language plpgsql volatile set search_path = ''
as $$
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
$$;
comment on function engine.become(text, text) is 'Take the role of a member (by e-mail) or a role (by name) of a workspace for the rest of the session. "reset role" ends it.';
--! EndIncluded engine/identity.sql

-- The history reaches at least as far back as the trash.
alter table core.workspace_settings add constraint event_retention_covers_trash check (event_retention_days >= trash_days);
--! Included engine/archive.sql
-- Old events: after a time they move to the archive, where some two hundred lie in one compressed row, and when a workspace keeps them for
-- a number of days only, they go. In steps of a transaction each, so that nobody waits.

-- What can be restored or reverted with what it took along stays in the log itself.
create or replace function engine.archive_after(workspace_id uuid) returns interval
language sql stable set search_path = ''
  return make_interval(days => greatest(90, (select s.trash_days + 1 from core.workspace_settings s where s.workspace_id = archive_after.workspace_id)));

create or replace function engine.event_retention(workspace_id uuid) returns interval
language sql stable set search_path = ''
  return (select make_interval(days => s.event_retention_days) from core.workspace_settings s where s.workspace_id = event_retention.workspace_id);

-- Moves or drops the oldest events. Statements that are in part in the archive have no position any more: a reader that far back has missed some.
create or replace function engine.archive_events(workspace_id uuid, max_events int default 20000) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_schema text := (select w.schema_name from core.workspaces w where w.id = workspace_id);
  v_count int;
begin
  execute format(
    'with oldest as (
       select e.batch, e.seq from %1$I.record_events e order by e.batch, e.seq limit $1
     ), taken as (
       delete from %1$I.record_events e using oldest o where e.batch = o.batch and e.seq = o.seq and e.happened_at < now() - $2 returning e.*
     ), positions as (
       delete from %1$I.event_batches b where b.batch in (select t.batch from taken t)
     ), parcels as (
       insert into %1$I.event_archive (object_id, first_record_id, last_record_id, from_at, until_at, events)
       select n.object_id, (array_agg((n.event).record_id order by n.place))[1], (array_agg((n.event).record_id order by n.place desc))[1],
         min((n.event).happened_at), max((n.event).happened_at), jsonb_agg(to_jsonb(n.event) order by n.place)
       from (select t.object_id, t as event, row_number() over (partition by t.object_id order by t.record_id, t.batch, t.seq) as place from taken t) n
       where (n.event).happened_at >= now() - $3 or $3 is null
       group by n.object_id, (n.place - 1) / 200
     )
     select count(*) from taken', v_schema)
  into v_count using max_events, least(engine.archive_after(workspace_id), engine.event_retention(workspace_id)), engine.event_retention(workspace_id);
  return v_count;
end
$$;
comment on function engine.archive_events(uuid, int) is 'Moves the oldest events of a workspace to its archive, or drops those that it keeps no longer: at most so many. Returns how many; 0 when there is nothing to do.';

-- A parcel goes when the latest of its events is too old.
create or replace function engine.drop_archived_events(workspace_id uuid, max_parcels int default 100) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_count int := 0;
begin
  if engine.event_retention(workspace_id) is not null then
    execute format('delete from %1$I.event_archive a where a.id in (select o.id from %1$I.event_archive o where o.until_at < now() - $1 order by o.until_at limit $2)',
      (select w.schema_name from core.workspaces w where w.id = workspace_id)) using engine.event_retention(workspace_id), max_parcels;
    get diagnostics v_count = row_count;
  end if;
  return v_count;
end
$$;
comment on function engine.drop_archived_events(uuid, int) is 'Drops archived events that a workspace keeps no longer, in at most so many parcels. Returns how many parcels.';

create or replace function engine.workspaces_with_log() returns setof uuid
language sql stable security definer set search_path = ''
as $$ select p.workspace_id from engine.event_positions p order by p.workspace_id $$;
comment on function engine.workspaces_with_log() is 'The workspaces whose events are to be archived, by engine.archive_events.';

create or replace function metadata.event_retention() returns int
language sql stable security definer set search_path = ''
as $$ select s.event_retention_days from core.workspace_settings s where s.workspace_id = engine.own_workspace() $$;
comment on function metadata.event_retention() is 'For how many days the history of the records is kept; null for ever.';

create or replace function metadata.set_event_retention(days int) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.own_workspace();
  v_least int := (select s.trash_days from core.workspace_settings s where s.workspace_id = v_workspace);
begin
  perform engine.assert_manages(v_workspace, 'WORKSPACE');
  if days < v_least then
    raise exception 'The history is kept for % days at least, as long as the trash.', v_least using errcode = 'RV191', column = 'days',
      hint = 'What was deleted comes back with what the history knows of it. Empty the trash sooner, or keep the history longer.';
  end if;
  update core.workspace_settings s set event_retention_days = days where s.workspace_id = v_workspace;
end
$$;
comment on function metadata.set_event_retention(int) is
  'For how many days the history of the records is kept, at least as long as the trash; null for ever. What is older is dropped by a job in the night, and cannot be had again.';
grant execute on function metadata.event_retention(), metadata.set_event_retention(int) to relvar_crm;
grant execute on function engine.archive_events(uuid, int), engine.drop_archived_events(uuid, int), engine.workspaces_with_log() to relvar_worker;
--! EndIncluded engine/archive.sql
-- Directories' filters are conditions of the database.
--! Included core/scim.sql
-- Provisioning by SCIM 2.0 (RFC 7643, 7644): a directory says who is a member and in which groups. What it may say ends with
-- the membership: an account belongs to its owner, and a role is given by what an administrator has mapped a group to.

create or replace function core.resolve_scim_token(token_hash bytea) returns table (id uuid, workspace_id uuid, name text)
language sql volatile security definer set search_path = ''
as $$
  update core.scim_tokens t set last_used_at = now()
  where t.token_hash = resolve_scim_token.token_hash and (t.last_used_at is null or t.last_used_at < now() - interval '1 minute');
  select t.id, t.workspace_id, t.name from core.scim_tokens t
  where t.token_hash = resolve_scim_token.token_hash and t.revoked_at is null and (t.expires_at is null or t.expires_at > now())
$$;

-- Directories send many requests at once, and each change reads before it writes.
create or replace function core.lock_scim(workspace_id uuid) returns void
language sql volatile security definer set search_path = ''
as $$ select pg_advisory_xact_lock(hashtextextended('relvar.scim.' || lock_scim.workspace_id, 0)) $$;

-- The values at a path of a resource: names are found in any case, lists are gone through.
create or replace function core.scim_values(resource jsonb, path text[]) returns setof jsonb
language plpgsql immutable set search_path = ''
as $$
declare
  v_each jsonb;
begin
  if jsonb_typeof(resource) = 'array' then
    for v_each in select e from jsonb_array_elements(resource) e loop
      return query select * from core.scim_values(v_each, path);
    end loop;
  elsif cardinality(path) = 0 then
    -- A list of objects is compared by what each is for.
    if jsonb_typeof(resource) = 'object' then
      return query select resource -> 'value' where resource ? 'value';
    elsif resource is not null and resource <> 'null' then
      return next resource;
    end if;
  elsif jsonb_typeof(resource) = 'object' then
    for v_each in select e.value from jsonb_each(resource) e where lower(e.key) = lower(path[1]) loop
      return query select * from core.scim_values(v_each, path[2:]);
    end loop;
  end if;
end
$$;

create or replace function core.scim_compares(value jsonb, op text, wanted jsonb, is_exact boolean, is_time boolean) returns boolean
language plpgsql immutable set search_path = ''
as $$
declare
  v_value text := case when is_exact then value #>> '{}' else lower(value #>> '{}') end;
  v_wanted text := case when is_exact then wanted #>> '{}' else lower(wanted #>> '{}') end;
begin
  if op in ('gt', 'ge', 'lt', 'le') and is_time then
    return case op when 'gt' then v_value::timestamptz > v_wanted::timestamptz when 'ge' then v_value::timestamptz >= v_wanted::timestamptz
      when 'lt' then v_value::timestamptz < v_wanted::timestamptz else v_value::timestamptz <= v_wanted::timestamptz end;
  end if;
  return case op when 'eq' then v_value = v_wanted when 'co' then strpos(v_value, v_wanted) > 0 when 'sw' then starts_with(v_value, v_wanted)
    when 'ew' then right(v_value, length(v_wanted)) = v_wanted when 'gt' then v_value > v_wanted when 'ge' then v_value >= v_wanted
    when 'lt' then v_value < v_wanted when 'le' then v_value <= v_wanted end;
exception when invalid_datetime_format or datetime_field_overflow then
  return false;
end
$$;

-- A filter is data to this function, never a part of a statement.
create or replace function core.scim_matches(resource jsonb, filter jsonb) returns boolean
language plpgsql immutable set search_path = ''
as $$
declare
  v_op text := filter ->> 'op';
  v_path text[] := string_to_array(filter ->> 'attrPath', '.');
  v_wanted jsonb := filter -> 'compValue';
  v_is_exact boolean := lower(filter ->> 'attrPath') in ('id', 'externalid', 'meta.version');
  v_is_time boolean := lower(filter ->> 'attrPath') in ('meta.created', 'meta.lastmodified');
begin
  case v_op
    when 'and' then return not exists (select from jsonb_array_elements(filter -> 'filters') f where core.scim_matches(resource, f) is not true);
    when 'or' then return exists (select from jsonb_array_elements(filter -> 'filters') f where core.scim_matches(resource, f));
    when 'not' then return core.scim_matches(resource, filter -> 'filter') is not true;
    when '[]' then
      return exists (select from jsonb_each(resource) e cross join lateral jsonb_array_elements(case when jsonb_typeof(e.value) = 'array' then e.value else jsonb_build_array(e.value) end) v
        where lower(e.key) = lower(filter ->> 'attrPath') and core.scim_matches(v, filter -> 'valFilter'));
    when 'pr' then return exists (select from core.scim_values(resource, v_path) v where v not in ('""', '[]'));
    else
      if v_wanted = 'null' then
        return (v_op = 'ne') = exists (select from core.scim_values(resource, v_path));
      elsif v_op = 'ne' then
        return not exists (select from core.scim_values(resource, v_path) v where core.scim_compares(v, 'eq', v_wanted, v_is_exact, v_is_time));
      end if;
      return exists (select from core.scim_values(resource, v_path) v where core.scim_compares(v, v_op, v_wanted, v_is_exact, v_is_time));
  end case;
end
$$;
comment on function core.scim_matches(jsonb, jsonb) is 'Whether a resource fulfils a filter of RFC 7644, parsed: {op, attrPath, compValue}, {op: and|or, filters}, {op: not, filter}, {op: [], attrPath, valFilter}.';

create or replace function core.with_scim_version(resource jsonb) returns jsonb
language sql immutable set search_path = ''
  return jsonb_set(resource, '{meta,version}', to_jsonb('W/"' || left(md5(resource::text), 20) || '"'));

create or replace function core.scim_time(moment timestamptz) returns text
language sql stable set search_path = ''
  return to_char(moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');

-- A member as a directory sees it. Members whom no directory has made are there, too, so that it finds and adopts them.
create or replace function core.scim_user(member core.members) returns jsonb
language sql stable set search_path = ''
as $$
  select core.with_scim_version(jsonb_strip_nulls(jsonb_build_object(
    'schemas', jsonb_build_array('urn:ietf:params:scim:schemas:core:2.0:User'),
    'id', (member).id, 'externalId', s.external_id, 'userName', coalesce(s.user_name, u.email), 'displayName', (member).name,
    'name', jsonb_build_object('formatted', (member).name, 'givenName', core.first_name((member).name), 'familyName', core.last_name((member).name)),
    'emails', coalesce(s.emails, jsonb_build_array(jsonb_build_object('value', u.email, 'type', 'work', 'primary', true))),
    'active', (member).is_active,
    'groups', (select coalesce(jsonb_agg(jsonb_build_object('value', g.id, 'display', g.display_name) order by g.display_name), '[]')
      from core.scim_group_members gm join core.scim_groups g on g.id = gm.group_id where gm.member_id = (member).id),
    'meta', jsonb_build_object('resourceType', 'User', 'created', core.scim_time((member).created_at),
      'lastModified', core.scim_time(greatest((member).created_at, s.updated_at))))))
  from core.users u left join core.scim_users s on s.member_id = (member).id where u.id = (member).user_id
$$;

create or replace function core.scim_member(workspace_id uuid, id uuid) returns core.members
language plpgsql stable set search_path = ''
as $$
declare
  v_member core.members;
begin
  select * into v_member from core.members m where m.id = scim_member.id and m.workspace_id = scim_member.workspace_id;
  if not found then
    raise exception 'There is no such user.' using errcode = 'RV172';
  end if;
  return v_member;
end
$$;

create or replace function core.get_scim_user(workspace_id uuid, id uuid) returns jsonb
language sql stable security definer set search_path = ''
as $$ select core.scim_user(core.scim_member(get_scim_user.workspace_id, get_scim_user.id)) $$;

-- The address by which a resource names its account.
create or replace function core.scim_email(resource jsonb) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_email text;
begin
  select lower(btrim(e ->> 'value')) into v_email
  from jsonb_array_elements(case when jsonb_typeof(resource -> 'emails') = 'array' then resource -> 'emails' else '[]' end) with ordinality as l (e, n)
  where e ->> 'value' <> '' order by coalesce(e ->> 'primary', '') = 'true' desc, n limit 1;
  v_email := coalesce(v_email, lower(btrim(resource ->> 'userName')));
  if core.is_email(v_email) is not true then
    raise exception 'A user needs an e-mail address: in emails, or as userName.' using errcode = 'RV169', column = 'emails';
  end if;
  return v_email;
end
$$;

create or replace function core.scim_name(resource jsonb) returns text
language sql immutable set search_path = ''
as $$
  select left(coalesce(nullif(btrim(concat_ws(' ', nullif(btrim(resource #>> '{name,givenName}'), ''), nullif(btrim(resource #>> '{name,familyName}'), ''))), ''),
    nullif(btrim(resource ->> 'displayName'), ''), nullif(btrim(resource #>> '{name,formatted}'), '')), 200)
$$;

create or replace function core.is_domain_proved(workspace_id uuid, email text) returns boolean
language sql stable set search_path = ''
as $$
  select exists (select from core.approved_domains d
    where d.workspace_id = is_domain_proved.workspace_id and d.domain = core.domain_of(is_domain_proved.email) and d.approved_at is not null)
$$;

create or replace function core.note_scim(kind text, member core.members, token_name text, detail jsonb default '{}') returns void
language sql volatile set search_path = ''
as $$
  select core.note_auth_event(note_scim.kind, (member).workspace_id, (member).user_id,
    detail => note_scim.detail || jsonb_build_object('memberId', (member).id, 'by', 'SCIM: ' || token_name))
$$;

-- Somebody must always be able to let people in again; told here, in words, before the constraint of core.members tells it.
create or replace function core.assert_not_last_administrator(member core.members) returns void
language plpgsql stable set search_path = ''
as $$
begin
  if exists (select from metadata.roles r where r.id = (member).role_id and r.is_system and r.has_all_permissions) and (member).is_active
    and not exists (select from core.members m where m.workspace_id = (member).workspace_id and m.role_id = (member).role_id and m.is_active and m.id <> (member).id) then
    raise exception 'The last administrator of a workspace stays one.' using errcode = 'RV171', hint = 'Make another member an administrator first.';
  end if;
end
$$;

create or replace function core.set_scim_active(member core.members, is_active boolean, token_name text) returns void
language plpgsql volatile set search_path = ''
as $$
begin
  if (member).is_active = is_active then
    return;
  end if;
  if not is_active then
    perform core.assert_not_last_administrator(member);
  end if;
  update core.members m set is_active = set_scim_active.is_active where m.id = (member).id;
  if not is_active then
    perform core.revoke_session(s.id, 'MEMBER_DEACTIVATED') from core.sessions s
    where s.user_id = (member).user_id and s.workspace_id = (member).workspace_id and s.revoked_at is null;
  end if;
  perform core.note_scim(case when is_active then 'MEMBER_REACTIVATED' else 'MEMBER_DEACTIVATED' end, member, token_name);
end
$$;

create or replace function core.create_scim_user(workspace_id uuid, resource jsonb, token_name text) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_email text := core.scim_email(resource);
  v_name text := coalesce(core.scim_name(resource), split_part(v_email, '@', 1));
  v_user core.users;
  v_id uuid;
  v_member core.members;
begin
  perform core.lock_scim(workspace_id);
  if exists (select from core.members m join core.users u on u.id = m.user_id left join core.scim_users s on s.member_id = m.id
      where m.workspace_id = create_scim_user.workspace_id
        and (lower(u.email) = v_email or lower(coalesce(s.user_name, u.email)) = lower(btrim(resource ->> 'userName')))) then
    raise exception 'There is a user with this name or address already.' using errcode = 'RV168', hint = 'Find it by userName, and change that one.';
  end if;
  -- The same for an address that has an account and for one that has none: nobody learns which it is.
  if not core.is_domain_proved(workspace_id, v_email) then
    raise exception 'The workspace has not proved that % is its domain.', core.domain_of(v_email) using errcode = 'RV170',
      hint = 'An administrator asks for the approval of the domain under Members. Or invite the person there.';
  end if;
  select * into v_user from core.users u where lower(u.email) = v_email for update;
  if v_user.disabled_at is not null then
    raise exception 'This account has been disabled.' using errcode = 'RV111', hint = 'Ask the administrator of this server.';
  end if;
  if v_user.id is null then
    insert into core.users (email, name) values (v_email, v_name) returning * into v_user;
  end if;
  v_id := core.join_workspace(workspace_id, v_user.id, core.default_role(workspace_id), v_name);
  v_member := core.scim_member(workspace_id, v_id);
  insert into core.scim_users (member_id, workspace_id) values (v_member.id, v_member.workspace_id);
  update core.invitations i set accepted_at = now()
  where i.workspace_id = v_member.workspace_id and lower(i.email) = v_email and i.accepted_at is null and i.revoked_at is null;
  perform core.note_scim('MEMBER_JOINED', v_member, token_name);
  return core.save_scim_user(workspace_id, v_member.id, resource, token_name);
end
$$;

create or replace function core.save_scim_user(workspace_id uuid, id uuid, resource jsonb, token_name text) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_member core.members;
  v_user core.users;
  v_user_name text := btrim(resource ->> 'userName');
  v_email text := core.scim_email(resource);
  v_name text := core.scim_name(resource);
begin
  perform core.lock_scim(workspace_id);
  v_member := core.scim_member(workspace_id, id);
  select * into strict v_user from core.users u where u.id = v_member.user_id;
  if coalesce(v_user_name, '') = '' or length(v_user_name) > 254 or length(resource ->> 'externalId') > 500 or length(resource ->> 'emails') > 4000 then
    raise exception 'A user needs a userName of at most 254 letters.' using errcode = 'RV169', column = 'userName';
  end if;
  if exists (select from core.members m join core.users u on u.id = m.user_id left join core.scim_users s on s.member_id = m.id
      where m.workspace_id = v_member.workspace_id and m.id <> v_member.id and lower(coalesce(s.user_name, u.email)) = lower(v_user_name)) then
    raise exception 'There is a user with this name or address already.' using errcode = 'RV168', hint = 'Find it by userName, and change that one.';
  end if;
  insert into core.scim_users as s (member_id, workspace_id, user_name, external_id, emails)
  values (v_member.id, v_member.workspace_id, v_user_name, resource ->> 'externalId', resource -> 'emails')
  on conflict (member_id) do update set user_name = excluded.user_name, external_id = excluded.external_id, emails = excluded.emails, updated_at = now();
  -- An address is how accounts are got back, so it is changed for the workspace's own accounts alone, within its own domains.
  -- Of all others the directory may say what it likes; the answer is the same.
  if v_email <> lower(v_user.email) and core.is_account_of(v_user.id, v_member.workspace_id)
    and core.is_domain_proved(v_member.workspace_id, v_user.email) and core.is_domain_proved(v_member.workspace_id, v_email)
    and not exists (select from core.users u where lower(u.email) = v_email) then
    update core.users u set email = v_email where u.id = v_user.id;
    perform core.note_scim('EMAIL_CHANGED', v_member, token_name, jsonb_build_object('formerEmail', v_user.email));
  end if;
  if v_name is not null and v_name <> v_member.name then
    update core.members m set name = v_name where m.id = v_member.id;
  end if;
  if jsonb_typeof(resource -> 'active') = 'boolean' then
    perform core.set_scim_active(v_member, (resource -> 'active')::boolean, token_name);
  end if;
  return core.get_scim_user(workspace_id, v_member.id);
end
$$;

create or replace function core.delete_scim_user(workspace_id uuid, id uuid, token_name text) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_member core.members;
begin
  perform core.lock_scim(workspace_id);
  v_member := core.scim_member(workspace_id, id);
  perform core.assert_not_last_administrator(v_member);
  perform core.revoke_session(s.id, 'MEMBER_REMOVED') from core.sessions s
  where s.user_id = v_member.user_id and s.workspace_id = v_member.workspace_id and s.revoked_at is null;
  delete from core.members m where m.id = v_member.id;
  execute format('delete from %I.workspace_members where id = $1', (select w.schema_name from core.workspaces w where w.id = v_member.workspace_id)) using v_member.id;
  perform core.note_scim('MEMBER_REMOVED', v_member, token_name);
end
$$;

grant execute on function core.resolve_scim_token(bytea), core.lock_scim(uuid), core.get_scim_user(uuid, uuid),
  core.create_scim_user(uuid, jsonb, text), core.save_scim_user(uuid, uuid, jsonb, text), core.delete_scim_user(uuid, uuid, text) to relvar_server;
--! EndIncluded core/scim.sql
--! Included core/scim_groups.sql
-- Groups of a directory. They are made and filled by the directory; what they give is said here, by who may give it: a role,
-- a team, both or nothing.

create or replace function core.scim_group(g core.scim_groups, with_members boolean) returns jsonb
language sql stable set search_path = ''
as $$
  select core.with_scim_version(jsonb_strip_nulls(jsonb_build_object(
    'schemas', jsonb_build_array('urn:ietf:params:scim:schemas:core:2.0:Group'),
    'id', (g).id, 'externalId', (g).external_id, 'displayName', (g).display_name,
    'members', case when with_members then (select coalesce(jsonb_agg(jsonb_build_object('value', m.id, 'display', m.name, 'type', 'User') order by m.id), '[]')
      from core.scim_group_members gm join core.members m on m.id = gm.member_id where gm.group_id = (g).id) end,
    'meta', jsonb_build_object('resourceType', 'Group', 'created', core.scim_time((g).created_at), 'lastModified', core.scim_time((g).updated_at)))))
$$;

create or replace function core.scim_group_row(workspace_id uuid, id uuid) returns core.scim_groups
language plpgsql stable set search_path = ''
as $$
declare
  v_group core.scim_groups;
begin
  select * into v_group from core.scim_groups g where g.id = scim_group_row.id and g.workspace_id = scim_group_row.workspace_id;
  if not found then
    raise exception 'There is no such group.' using errcode = 'RV172';
  end if;
  return v_group;
end
$$;

create or replace function core.get_scim_group(workspace_id uuid, id uuid) returns jsonb
language sql stable security definer set search_path = ''
as $$ select core.scim_group(core.scim_group_row(get_scim_group.workspace_id, get_scim_group.id), true) $$;

-- A member has one role: that of the first of the mapped groups, by their order. Who is in none of them any more gets the
-- default role, and whose role was given by hand keeps it.
create or replace function core.apply_scim_roles(workspace_id uuid, member_ids uuid[], token_name text) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_member core.members;
  v_role uuid;
  v_was_mapped boolean;
begin
  for v_member in select m.* from core.members m where m.id = any (member_ids) and m.workspace_id = apply_scim_roles.workspace_id order by m.id loop
    select g.role_id into v_role from core.scim_group_members gm join core.scim_groups g on g.id = gm.group_id
    where gm.member_id = v_member.id and g.role_id is not null order by g.position, g.created_at, g.id limit 1;
    select s.has_mapped_role into v_was_mapped from core.scim_users s where s.member_id = v_member.id;
    continue when v_role is null and v_was_mapped is not true;
    insert into core.scim_users as s (member_id, workspace_id, has_mapped_role) values (v_member.id, v_member.workspace_id, v_role is not null)
    on conflict (member_id) do update set has_mapped_role = excluded.has_mapped_role;
    perform core.set_role_anew(v_member, coalesce(v_role, core.default_role(v_member.workspace_id)), 'SCIM: ' || token_name);
    if (select m.role_id from core.members m where m.id = v_member.id) <> coalesce(v_role, core.default_role(v_member.workspace_id)) then
      -- The last administrator stays one, whatever a directory says.
      perform core.note_scim('SCIM_ROLE_KEPT', v_member, token_name);
    end if;
  end loop;
end
$$;

-- Puts into a team whom a group brings, and takes out whom none brings any more that did.
create or replace function core.apply_scim_team(team_id uuid, joined uuid[], left_by uuid[]) returns void
language plpgsql volatile set search_path = ''
as $$
begin
  if team_id is null then
    return;
  end if;
  insert into metadata.team_members (workspace_id, team_id, member_id)
  select m.workspace_id, apply_scim_team.team_id, m.id from core.members m
  where m.id = any (joined) and not exists (select from metadata.team_members t where t.team_id = apply_scim_team.team_id and t.member_id = m.id);
  delete from metadata.team_members t where t.team_id = apply_scim_team.team_id and t.member_id = any (left_by)
    and not exists (select from core.scim_group_members gm join core.scim_groups g on g.id = gm.group_id
      where gm.member_id = t.member_id and g.team_id = apply_scim_team.team_id);
end
$$;

create or replace function core.save_scim_group(workspace_id uuid, id uuid, resource jsonb, token_name text) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_group core.scim_groups;
  v_name text := btrim(resource ->> 'displayName');
  v_wanted uuid[];
  v_joined uuid[];
  v_left uuid[];
begin
  perform core.lock_scim(save_scim_group.workspace_id);
  if coalesce(v_name, '') = '' or length(v_name) > 200 or length(resource ->> 'externalId') > 500 then
    raise exception 'A group needs a displayName of at most 200 letters.' using errcode = 'RV169', column = 'displayName';
  end if;
  if exists (select from core.scim_groups g where g.workspace_id = save_scim_group.workspace_id and g.id is distinct from save_scim_group.id and lower(g.display_name) = lower(v_name)) then
    raise exception 'There is a group "%" already.', v_name using errcode = 'RV168', hint = 'Find it by displayName, and change that one.';
  end if;
  if exists (select from core.scim_values(resource -> 'members', '{}') v where v #>> '{}' !~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$') then
    raise exception 'Members of a group are users, by their id.' using errcode = 'RV169', column = 'members';
  end if;
  v_wanted := array(select distinct (v #>> '{}')::uuid from core.scim_values(resource -> 'members', '{}') v);
  if exists (select from unnest(v_wanted) w where not exists (select from core.members m where m.id = w and m.workspace_id = save_scim_group.workspace_id)) then
    raise exception 'One of the members is no user of this workspace.' using errcode = 'RV169', column = 'members';
  end if;
  if save_scim_group.id is null then
    insert into core.scim_groups (workspace_id, display_name, external_id) values (save_scim_group.workspace_id, v_name, resource ->> 'externalId') returning * into v_group;
    perform core.note_auth_event('SCIM_GROUP_CREATED', v_group.workspace_id, detail => jsonb_build_object('name', v_name, 'by', 'SCIM: ' || token_name));
  else
    v_group := core.scim_group_row(save_scim_group.workspace_id, save_scim_group.id);
    update core.scim_groups g set display_name = v_name, external_id = resource ->> 'externalId', updated_at = now() where g.id = v_group.id;
  end if;
  with gone as (
    delete from core.scim_group_members gm where gm.group_id = v_group.id and gm.member_id <> all (v_wanted) returning gm.member_id
  ), come as (
    insert into core.scim_group_members (group_id, member_id) select v_group.id, w from unnest(v_wanted) w on conflict do nothing returning member_id
  )
  select array(select g.member_id from gone g), array(select c.member_id from come c) into v_left, v_joined;
  perform core.apply_scim_team(v_group.team_id, v_joined, v_left);
  perform core.apply_scim_roles(v_group.workspace_id, v_left || v_joined, token_name);
  return core.get_scim_group(v_group.workspace_id, v_group.id);
end
$$;

create or replace function core.delete_scim_group(workspace_id uuid, id uuid, token_name text) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_group core.scim_groups;
  v_members uuid[];
begin
  perform core.lock_scim(workspace_id);
  v_group := core.scim_group_row(workspace_id, id);
  v_members := array(select gm.member_id from core.scim_group_members gm where gm.group_id = v_group.id);
  delete from core.scim_groups g where g.id = v_group.id;
  perform core.apply_scim_team(v_group.team_id, '{}', v_members);
  perform core.apply_scim_roles(v_group.workspace_id, v_members, token_name);
  perform core.note_auth_event('SCIM_GROUP_DELETED', v_group.workspace_id, detail => jsonb_build_object('name', v_group.display_name, 'by', 'SCIM: ' || token_name));
end
$$;

grant execute on function core.get_scim_group(uuid, uuid), core.save_scim_group(uuid, uuid, jsonb, text),
  core.delete_scim_group(uuid, uuid, text) to relvar_server;
--! EndIncluded core/scim_groups.sql
--! Included core/scim_filter.sql
-- Filters of directories as conditions of the database: what they really ask for (names, ids, addresses, who is active, what
-- changed since) is compared with the columns themselves, and resources are made of the page alone that is answered. What is
-- not known here is asked of the whole resource, by core.scim_matches, which says what each filter means.

-- One comparison with a text, or with a moment, that is never null. What it is compared with is a literal of the statement.
create or replace function core.scim_comparison(value text, op text, wanted jsonb, is_exact boolean default false, moment text default null) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_value text := case when is_exact then value else format('lower(%s)', value) end;
  v_wanted text := case when is_exact then wanted #>> '{}' else lower(wanted #>> '{}') end;
  v_symbol text := case op when 'gt' then '>' when 'ge' then '>=' when 'lt' then '<' when 'le' then '<=' end;
begin
  if op = 'pr' then
    return format('coalesce(%s, '''') <> ''''', value);
  elsif wanted = 'null' then
    return format(case op when 'ne' then '%s is not null' else '%s is null' end, value);
  elsif v_symbol is not null and moment is not null then
    -- To the millisecond, as it is told.
    return format('coalesce(date_trunc(''milliseconds'', %s) %s %L::timestamptz, false)', moment, v_symbol, v_wanted::timestamptz);
  end if;
  return case op
    when 'eq' then format('coalesce(%s = %L, false)', v_value, v_wanted)
    when 'ne' then format('%s is distinct from %L', v_value, v_wanted)
    when 'co' then format('coalesce(strpos(%s, %L) > 0, false)', v_value, v_wanted)
    when 'sw' then format('coalesce(starts_with(%s, %L), false)', v_value, v_wanted)
    when 'ew' then format('coalesce(right(%s, %s) = %L, false)', v_value, length(v_wanted), v_wanted)
    else format('coalesce(%s %s %L, false)', v_value, v_symbol, v_wanted) end;
exception when invalid_datetime_format or datetime_field_overflow then
  return 'false';
end
$$;

-- kind: User, over the members m with their accounts u and what the directory says of them s; or Group, over the groups g.
create or replace function core.scim_condition(filter jsonb, kind text) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_op text := filter ->> 'op';
  v_path text := lower(filter ->> 'attrPath');
  v_inner jsonb := filter -> 'valFilter';
  v_wanted jsonb := filter -> 'compValue';
begin
  case v_op
    when 'and', 'or' then
      return '(' || (select string_agg(core.scim_condition(f, kind), ' ' || v_op || ' ' order by n)
        from jsonb_array_elements(filter -> 'filters') with ordinality as t (f, n)) || ')';
    when 'not' then
      return format('(not %s)', core.scim_condition(filter -> 'filter', kind));
    when '[]' then
      -- members[value eq "…"] is members.value eq "…".
      if v_path in ('members', 'groups') and lower(v_inner ->> 'attrPath') = 'value' and v_inner ->> 'op' = 'eq' then
        return core.scim_condition(v_inner || jsonb_build_object('attrPath', v_path || '.value'), kind);
      end if;
    else
      null;
  end case;
  if v_op = 'eq' and v_wanted <> 'null' and (kind, v_path) in (('Group', 'members'), ('Group', 'members.value'), ('User', 'groups'), ('User', 'groups.value')) then
    return format('exists (select from core.scim_group_members b where %s and %s)', case kind when 'Group' then 'b.group_id = g.id' else 'b.member_id = m.id' end,
      core.scim_comparison(case kind when 'Group' then 'b.member_id::text' else 'b.group_id::text' end, 'eq', v_wanted));
  elsif kind = 'User' and split_part(v_path, '.', 1) = 'emails' then
    return format('core.scim_matches(jsonb_build_object(''emails'', coalesce(s.emails, jsonb_build_array(jsonb_build_object(''value'', u.email, ''type'', ''work'', ''primary'', true)))), %L::jsonb)', filter);
  elsif v_op <> '[]' then
    case kind || ' ' || v_path
      when 'User id' then return core.scim_comparison('m.id::text', v_op, v_wanted, true);
      when 'User externalid' then return core.scim_comparison('s.external_id', v_op, v_wanted, true);
      when 'User username' then return core.scim_comparison('coalesce(s.user_name, u.email)', v_op, v_wanted);
      when 'User displayname', 'User name.formatted' then return core.scim_comparison('m.name', v_op, v_wanted);
      when 'User name.givenname' then return core.scim_comparison('core.first_name(m.name)', v_op, v_wanted);
      when 'User name.familyname' then return core.scim_comparison('core.last_name(m.name)', v_op, v_wanted);
      when 'User active' then return core.scim_comparison('m.is_active::text', v_op, v_wanted);
      when 'User meta.created' then return core.scim_comparison('core.scim_time(m.created_at)', v_op, v_wanted, moment => 'm.created_at');
      when 'User meta.lastmodified' then
        return core.scim_comparison('core.scim_time(greatest(m.created_at, s.updated_at))', v_op, v_wanted, moment => 'greatest(m.created_at, s.updated_at)');
      when 'Group id' then return core.scim_comparison('g.id::text', v_op, v_wanted, true);
      when 'Group externalid' then return core.scim_comparison('g.external_id', v_op, v_wanted, true);
      when 'Group displayname' then return core.scim_comparison('g.display_name', v_op, v_wanted);
      when 'Group meta.created' then return core.scim_comparison('core.scim_time(g.created_at)', v_op, v_wanted, moment => 'g.created_at');
      when 'Group meta.lastmodified' then return core.scim_comparison('core.scim_time(g.updated_at)', v_op, v_wanted, moment => 'g.updated_at');
      else null;
    end case;
  end if;
  return format('core.scim_matches(%s, %L::jsonb)', case kind when 'User' then 'core.scim_user(m)' else 'core.scim_group(g, true)' end, filter);
end
$$;
comment on function core.scim_condition(jsonb, text) is
  'A filter of RFC 7644, parsed as core.scim_matches takes it, as a condition over the tables: of users over core.members m, core.users u and core.scim_users s, of groups over core.scim_groups g.';

create or replace function core.list_scim_users(workspace_id uuid, filter jsonb, first_index int, max_results int) returns table (total bigint, resources jsonb)
language plpgsql stable security definer set search_path = '' set jit = off
as $$
begin
  return query execute format($sql$
      with found as materialized (
        select m.id, m.created_at
        from core.members m join core.users u on u.id = m.user_id left join core.scim_users s on s.member_id = m.id
        where m.workspace_id = $1 and %s
      ), page as (
        select f.id from found f order by f.created_at, f.id offset greatest($2, 1) - 1 limit $3
      )
      select (select count(*) from found),
        (select coalesce(jsonb_agg(core.scim_user(m) order by m.created_at, m.id), '[]') from page p join core.members m on m.id = p.id)
    $sql$, case when filter is null then 'true' else core.scim_condition(filter, 'User') end)
  using workspace_id, first_index, max_results;
end
$$;

create or replace function core.list_scim_groups(workspace_id uuid, filter jsonb, first_index int, max_results int, with_members boolean) returns table (total bigint, resources jsonb)
language plpgsql stable security definer set search_path = '' set jit = off
as $$
begin
  return query execute format($sql$
      with found as materialized (
        select g.id, g.created_at from core.scim_groups g where g.workspace_id = $1 and %s
      ), page as (
        select f.id from found f order by f.created_at, f.id offset greatest($2, 1) - 1 limit $3
      )
      select (select count(*) from found),
        (select coalesce(jsonb_agg(core.scim_group(g, $4) order by g.created_at, g.id), '[]') from page p join core.scim_groups g on g.id = p.id)
    $sql$, case when filter is null then 'true' else core.scim_condition(filter, 'Group') end)
  using workspace_id, first_index, max_results, with_members;
end
$$;
grant execute on function core.list_scim_users(uuid, jsonb, int, int), core.list_scim_groups(uuid, jsonb, int, int, boolean) to relvar_server;
--! EndIncluded core/scim_filter.sql
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

--! Included core/notifications/notify.sql
-- What members are told: what happened, in the application and by mail, as each has chosen. What concerns a record is
-- told only to who may read it, and its name is read when it is shown, with the reader's rights of that moment.

create or replace function core.notification_kinds() returns table (kind text, label text, description text, is_in_app boolean, mail text)
language sql immutable parallel safe set search_path = ''
as $$
  select * from (values
    ('TASK_ASSIGNED', 'Assigned tasks', 'Somebody gives you a task.', true, 'DIGEST'),
    ('TASK_DUE', 'Due tasks', 'A task of yours is due today, or is overdue.', true, 'DIGEST'),
    ('MENTION', 'Mentions', 'Somebody mentions you in a comment.', true, 'NOW'),
    ('REPLY', 'Replies', 'Somebody answers in a thread that you wrote in.', true, 'DIGEST'),
    ('SHARED', 'Shared records', 'Somebody shares a record with you or a team of yours.', true, 'DIGEST'),
    ('IMPORT_FINISHED', 'Finished imports', 'An import that you began has ended.', true, 'OFF'),
    ('WEBHOOK_DISABLED', 'Webhooks that were switched off', 'A webhook failed for too long.', true, 'NOW'),
    ('SYNC_ERROR', 'Synchronisation that fails', 'A connected account cannot be read any more.', true, 'NOW')
  ) as k (kind, label, description, is_in_app, mail)
$$;

-- When the next digest leaves after a moment: at each full hour, or once a day at an hour of the member's time zone.
create or replace function core.next_digest(frequency text, hour int, zone text, after timestamptz) returns timestamptz
language sql stable set search_path = ''
as $$
  select case frequency
    when 'HOURLY' then date_trunc('hour', next_digest.after) + interval '1 hour'
    else (select min(d.at) from (
      select (date_trunc('day', next_digest.after at time zone zone) + make_interval(days => i, hours => hour)) at time zone zone as at
      from generate_series(0, 2) i) d where d.at > next_digest.after) end
$$;

-- "system" and what this server does not know are UTC. Tried, since the list of all zones takes long to read.
create or replace function core.zone_or_utc(name text) returns text
language plpgsql stable set search_path = ''
as $$
begin
  perform now() at time zone name;
  return coalesce(name, 'UTC');
exception when invalid_parameter_value then
  return 'UTC';
end
$$;

-- What each of these members of one workspace has chosen for a kind (of webhooks a letter of its own goes at once). Those who want nothing, and those who are kept out, are left out.
create or replace function core.notification_choices(workspace_id uuid, members uuid[], kind text)
returns table (member_id uuid, is_in_app boolean, mail_at timestamptz)
language plpgsql stable set search_path = ''
as $$
begin
  return query execute format($sql$
      select m.id, c.is_in_app,
        case when c.mail = 'NOW' and $3 <> 'WEBHOOK_DISABLED' then now() + interval '1 minute' when c.mail = 'DIGEST' then core.next_digest(coalesce(s.frequency, 'DAILY'), coalesce(s.hour, 8), core.zone_or_utc(t.time_zone), now()) end
      from core.members m
      join %I.workspace_members t on t.id = m.id
      join core.notification_kinds() k on k.kind = $3
      left join core.notification_preferences p on p.member_id = m.id and p.kind = $3
      left join core.digest_settings s on s.member_id = m.id
      cross join lateral (select coalesce(p.is_in_app, k.is_in_app) as is_in_app, coalesce(p.mail, k.mail) as mail) c
      where m.workspace_id = $1 and m.id = any ($2) and m.is_active and (c.is_in_app or c.mail <> 'OFF')
    $sql$, (select w.schema_name from core.workspaces w where w.id = workspace_id))
  using workspace_id, members, kind;
end
$$;

-- Whether a member may read one record, whoever asks.
create or replace function engine.member_reads(member_id uuid, object_id uuid, record_id uuid) returns boolean
language plpgsql stable set search_path = ''
as $$
begin
  return exists (select from engine.labels_for(member_id, array[object_id], array[record_id]));
end
$$;

-- Of these records those that a member may read now, by the names that the member may read.
create or replace function engine.labels_for(member_id uuid, object_ids uuid[], record_ids uuid[]) returns table (object_id uuid, record_id uuid, label text)
language plpgsql stable set search_path = ''
as $$
declare
  r record;
begin
  for r in
    select o as object, w.schema_name, i.pg_role, array_agg(u.record) as records
    from unnest(object_ids, record_ids) u (object, record)
    join metadata.objects o on o.id = u.object and o.is_active and o.deleted_at is null
    join core.members m on m.id = labels_for.member_id and m.workspace_id = o.workspace_id and m.is_active
    join metadata.roles i on i.id = m.role_id
    join core.workspaces w on w.id = o.workspace_id
    group by o, w.schema_name, i.pg_role
  loop
    return query execute format('select $1, t.id, %s from %I.%I t where t.id = any ($2) and %s',
      case when engine.reads_label(r.pg_role, r.schema_name, r.object) then engine.label_expression((r.object).id, 't') else 'null::text' end,
      r.schema_name, (r.object).table_name, engine.condition_of(r.pg_role, (r.object).id, 'READ', 't.', labels_for.member_id))
    using (r.object).id, r.records;
  end loop;
end
$$;

-- Open screens of these members ask again. Once for many, in pieces that a notice can hold.
create or replace function core.wake_members(workspace_id uuid, members uuid[]) returns void
language sql volatile set search_path = ''
as $$
  select pg_notify('relvar_notifications', json_build_object('workspace', workspace_id, 'members', array_agg(m.id))::text)
  from (select id, (row_number() over () - 1) / 100 as piece from (select distinct id from unnest(members) u (id)) d) m
  group by m.piece
$$;

-- Tells members of one workspace something, each at most once where it has a key, and nobody what they did themselves. Returns who was told.
create or replace function core.notify(workspace_id uuid, members uuid[], kind text, object_id uuid default null, record_id uuid default null,
  detail jsonb default '{}', comment_id uuid default null, key text default null) returns uuid[]
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_actor engine.actor := engine.current_actor();
  v_actor_id uuid := case when v_actor.type = 'member' then v_actor.id end;
  v_told uuid[];
begin
  with told as (
    insert into core.notifications (workspace_id, member_id, kind, object_id, record_id, comment_id, detail, key, actor_id, actor_name, is_in_app, mail_at)
    select notify.workspace_id, c.member_id, notify.kind, notify.object_id, notify.record_id, notify.comment_id, coalesce(notify.detail, '{}'), notify.key,
      v_actor_id, case when v_actor.type not in ('system', 'psql') then v_actor.name end, c.is_in_app, c.mail_at
    from core.notification_choices(notify.workspace_id, notify.members, notify.kind) c
    where c.member_id is distinct from v_actor_id
      and (notify.record_id is null or engine.member_reads(c.member_id, notify.object_id, notify.record_id))
    on conflict do nothing
    returning member_id
  )
  select coalesce(array_agg(t.member_id), '{}') into v_told from told t;
  perform core.wake_members(workspace_id, v_told);
  return v_told;
end
$$;
comment on function core.notify(uuid, uuid[], text, uuid, uuid, jsonb, uuid, text) is
  'Tells members of a workspace something: kind is one of core.notification_kinds(), detail what its sentence needs. Of a record only those who may read it are told. With a key each is told once.';

-- Who is mentioned in a comment, and who wrote in its thread. Returns whom a mention does not reach, for the writer.
create or replace function engine.tell_mentioned(schema_name text, object metadata.objects, record_id uuid, comment_id uuid, thread_id uuid, mentioned uuid[]) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_reached uuid[] := array(select i from unnest(mentioned) i where engine.member_reads(i, (object).id, record_id));
  v_others uuid[];
begin
  perform core.notify((object).workspace_id, v_reached, 'MENTION', (object).id, record_id, '{}', comment_id, 'comment:' || comment_id);
  if thread_id is not null then
    execute format('select array_agg(distinct c.author_id) from %I.record_comments c where (c.id = $1 or c.parent_id = $1) and c.author_type = ''member'' and c.removed_at is null and c.author_id <> all ($2)', schema_name)
      into v_others using thread_id, mentioned;
    perform core.notify((object).workspace_id, v_others, 'REPLY', (object).id, record_id, '{}', comment_id, 'comment:' || comment_id);
  end if;
  return coalesce((
    select jsonb_agg(jsonb_build_object('id', m.id, 'name', m.name) order by lower(m.name))
    from core.members m where m.id = any (mentioned) and m.id <> all (v_reached)), '[]');
end
$$;
--! EndIncluded core/notifications/notify.sql
--! Included core/notifications/tasks.sql
-- Tasks: who was given one, from the event log, and whose is due, by a job. Both for many at a time.

-- The columns of the standard tasks as they are called now; null where an administrator has removed what is asked for.
create or replace function core.task_columns(workspace_id uuid, out object metadata.objects, out assignee text, out due_at text, out status text)
language plpgsql stable set search_path = ''
as $$
begin
  select o.* into object from metadata.objects o
  where o.workspace_id = task_columns.workspace_id and o.universal_identifier = 'standard:task' and o.is_active and o.deleted_at is null;
  select max(c.name) filter (where f.universal_identifier = 'standard:task.assignee'), max(c.name) filter (where f.universal_identifier = 'standard:task.dueAt'),
    max(c.name) filter (where f.universal_identifier = 'standard:task.status')
  into assignee, due_at, status
  from engine.field_columns(task_columns.workspace_id, array[(object).id]) c join metadata.fields f on f.id = c.field_id
  where (object).id is not null;
end
$$;

-- One statement may give a member many tasks; beyond so many it is told in one line.
create or replace function core.told_one_by_one() returns int
language sql immutable parallel safe set search_path = ''
  return 10;

-- For the relay: one job for all of a workspace's statements of a round that may have given tasks to members.
create or replace function core.queue_assigned(taken engine.outbox[]) returns void
language sql volatile set search_path = ''
as $$
  select graphile_worker.add_job('notifications__assigned', json_build_object('workspace_id', t.workspace_id, 'batches', json_agg(t.batch)))
  from unnest(taken) t join metadata.objects o on o.id = t.object_id
  where o.universal_identifier = 'standard:task' and t.action in ('created', 'updated')
  group by t.workspace_id
$$;

-- In that job the event log says whom they were given to, and who did it.
create or replace function core.notify_assigned(workspace_id uuid, batches bigint[]) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_task record;
  v_schema text := (select w.schema_name from core.workspaces w where w.id = workspace_id);
  v_count int := 0;
  v_rows int;
  r record;
begin
  select * into v_task from core.task_columns(workspace_id);
  if v_schema is null or v_task.assignee is null then
    return 0;
  end if;
  -- By who was given what by whom in one statement: still theirs, and not done meanwhile.
  for r in execute format($sql$
      select e.batch, m.id as member_id, i.pg_role, e.actor_type, e.actor_id, e.actor_name, array_agg(e.record_id) as records
      from %1$I.record_events e
      join %1$I.%2$I t on t.id = e.record_id and t.%3$I = (e.after ->> %3$L)::uuid
      join core.members m on m.id = t.%3$I and m.workspace_id = $3 and m.is_active
      join metadata.roles i on i.id = m.role_id
      where e.batch = any ($1) and e.object_id = $2 and e.action in ('created', 'updated') and e.after ->> %3$L is not null
        and not (e.actor_type = 'member' and e.actor_id = m.id) %4$s
      group by 1, 2, 3, 4, 5, 6
    $sql$, v_schema, (v_task.object).table_name, v_task.assignee, case when v_task.status is not null then format('and t.%I is distinct from ''DONE''', v_task.status) end) using batches, (v_task.object).id, workspace_id
  loop
    execute format($sql$
        with seen as (
          select t.id, count(*) over () as number from %1$I.%2$I t where t.id = any ($1) and %3$s
        ), lines as (
          select s.id, null::bigint as number from seen s where s.number <= $2
          union all
          select null, max(s.number) from seen s having max(s.number) > $2
        )
        insert into core.notifications (workspace_id, member_id, kind, object_id, record_id, detail, key, actor_id, actor_name, is_in_app, mail_at)
        select $3, c.member_id, 'TASK_ASSIGNED', $4, l.id, case when l.id is null then jsonb_build_object('count', l.number) else '{}' end,
          'assigned:' || $5 || coalesce(':' || l.id, ''), case when $6 = 'member' then $7 end, case when $6 not in ('system', 'psql') then $8 end, c.is_in_app, c.mail_at
        from lines l cross join core.notification_choices($3, array[$9], 'TASK_ASSIGNED') c
        on conflict do nothing
      $sql$, v_schema, (v_task.object).table_name, engine.condition_of(r.pg_role, (v_task.object).id, 'READ', 't.', r.member_id))
    using r.records, core.told_one_by_one(), workspace_id, (v_task.object).id, r.batch, r.actor_type, r.actor_id, r.actor_name, r.member_id;
    get diagnostics v_rows = row_count;
    if v_rows > 0 then
      perform core.wake_members(workspace_id, array[r.member_id]);
    end if;
    v_count := v_count + v_rows;
  end loop;
  return v_count;
end
$$;
comment on function core.notify_assigned(uuid, bigint[]) is 'Tells members which tasks others gave them in these statements. Doing it again tells nobody again.';

-- Due today from eight in the member's morning on, and overdue from the next day on; each once for a date, and nothing that is older than a week.
create or replace function core.notify_due(workspace_id uuid, at timestamptz default now()) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_task record;
  v_schema text := (select w.schema_name from core.workspaces w where w.id = workspace_id);
  v_count int := 0;
  v_rows int;
  r record;
begin
  select * into v_task from core.task_columns(workspace_id);
  if v_schema is null or v_task.assignee is null or v_task.due_at is null then
    return 0;
  end if;
  for r in execute format($sql$
      with zones as materialized (
        select w.id, core.zone_or_utc(w.time_zone) as zone from %1$I.workspace_members w
      )
      select d.member_id, d.state, i.pg_role, array_agg(d.id) as records, array_agg(d.key) as keys
      from (
        select t.id, t.%3$I as member_id, s.state, 'due:' || t.id || ':' || s.state || ':' || extract(epoch from t.%4$I) as key
        from %1$I.%2$I t
        join zones z on z.id = t.%3$I
        cross join lateral (select $2 at time zone z.zone as now, t.%4$I at time zone z.zone as due) l
        cross join lateral (select case when l.due::date < l.now::date then 'OVERDUE' when l.due::date = l.now::date and extract(hour from l.now) >= 8 then 'TODAY' end as state) s
        where t.%4$I > $2 - interval '7 days' and t.%4$I < $2 + interval '2 days' and s.state is not null %5$s
      ) d
      join core.members m on m.id = d.member_id and m.workspace_id = $1 and m.is_active
      join metadata.roles i on i.id = m.role_id
      where not exists (select from core.notifications n where n.member_id = d.member_id and n.key = d.key)
      group by 1, 2, 3
    $sql$, v_schema, (v_task.object).table_name, v_task.assignee, v_task.due_at, case when v_task.status is not null then format('and t.%I is distinct from ''DONE''', v_task.status) end)
  using workspace_id, notify_due.at
  loop
    execute format($sql$
        insert into core.notifications (workspace_id, member_id, kind, object_id, record_id, detail, key, is_in_app, mail_at)
        select $3, c.member_id, 'TASK_DUE', $4, t.id, jsonb_build_object('state', $5), d.key, c.is_in_app, c.mail_at
        from unnest($1, $2) d (id, key)
        join %I.%I t on t.id = d.id
        cross join core.notification_choices($3, array[$6], 'TASK_DUE') c
        where %s
        on conflict do nothing
      $sql$, v_schema, (v_task.object).table_name, engine.condition_of(r.pg_role, (v_task.object).id, 'READ', 't.', r.member_id))
    using r.records, r.keys, workspace_id, (v_task.object).id, r.state, r.member_id;
    get diagnostics v_rows = row_count;
    if v_rows > 0 then
      perform core.wake_members(workspace_id, array[r.member_id]);
    end if;
    v_count := v_count + v_rows;
  end loop;
  return v_count;
end
$$;
comment on function core.notify_due(uuid, timestamptz) is 'Tells members which of their tasks are due today or overdue, each once for a date.';

grant execute on function core.notify_assigned(uuid, bigint[]), core.notify_due(uuid, timestamptz) to relvar_worker;

-- For the job: each workspace is a transaction of its own.
create or replace function core.workspaces_to_remind() returns setof uuid
language sql stable security definer set search_path = ''
as $$ select w.id from core.workspaces w $$;
grant execute on function core.workspaces_to_remind() to relvar_worker;
--! EndIncluded core/notifications/tasks.sql
--! Included engine/comments/comments.sql
-- Comments on records. Who may read a record reads its comments and may comment; one changes one's own, and who
-- moderates removes anybody's. They lie beside the record by its object and id, so they follow it into the trash and back.

-- Members that a text mentions, in the order of their mention: <@id>.
create or replace function engine.mentioned_ids(body text) returns uuid[]
language sql immutable strict parallel safe set search_path = ''
as $$
  select coalesce(array_agg(m.id order by m.n), '{}')
  from (
    select x.match[1]::uuid as id, min(x.n) as n
    from regexp_matches(body, '<@([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})>', 'g') with ordinality x (match, n)
    group by 1
  ) m
$$;
comment on function engine.mentioned_ids(text) is 'The members that a text mentions as <@id>.';

-- What mentioned members are called, by id. Who is no member can be mentioned no more than a word can.
create or replace function engine.mention_names(workspace_id uuid, body text, former jsonb default '{}') returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_names jsonb;
begin
  select coalesce(jsonb_object_agg(i.id, coalesce(nullif(m.name, ''), u.email, former ->> i.id::text)), '{}') into v_names
  from unnest(engine.mentioned_ids(body)) i (id)
  left join core.members m on m.id = i.id and m.workspace_id = mention_names.workspace_id
  left join core.users u on u.id = m.user_id;
  if jsonb_path_exists(v_names, '$.* ? (@ == null)') then
    raise exception 'The comment mentions somebody who is no member of the workspace.' using errcode = 'RV222', column = 'body',
      hint = 'A member is mentioned as <@id> with the id of the member.';
  end if;
  if (select count(*) from jsonb_object_keys(v_names)) > 50 then
    raise exception 'A comment mentions at most 50 members.' using errcode = 'RV222', column = 'body', hint = 'Mention fewer.';
  end if;
  return v_names;
end
$$;

create or replace function engine.comment_text(body text) returns text
language plpgsql immutable set search_path = ''
as $$
declare
  v_text text := btrim(regexp_replace(coalesce(body, ''), '[\x01-\x08\x0b-\x1f\x7f]', '', 'g'), E' \n\t');
begin
  if length(v_text) not between 1 and 10000 then
    raise exception 'A comment has between 1 and 10,000 characters.' using errcode = 'RV220', column = 'body', hint = 'Longer texts are notes.';
  end if;
  return v_text;
end
$$;

-- A comment that the caller names, on a record that the caller may read now.
create or replace function engine.named_comment(caller name, schema_name text, comment_id uuid) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_comment jsonb;
begin
  execute format('select to_jsonb(c) from %I.record_comments c join metadata.objects o on o.id = c.object_id and o.deleted_at is null where c.id = $1', schema_name)
    into v_comment using comment_id;
  if v_comment is null or not engine.may_touch(caller, (v_comment ->> 'object_id')::uuid, (v_comment ->> 'record_id')::uuid, 'READ') then
    raise exception 'There is no such comment.' using errcode = 'RV221', column = 'comment_id', hint = 'It may have been removed, or your role may not see its record.';
  end if;
  return v_comment;
end
$$;

create or replace function engine.commented_object(comment jsonb) returns metadata.objects
language sql stable set search_path = ''
as $$ select o from metadata.objects o where o.id = (comment ->> 'object_id')::uuid $$;

-- Whether a comment is the caller's: of the same member, key or app.
create or replace function engine.is_own_comment(author_type text, author_id uuid) returns boolean
language sql stable set search_path = ''
as $$ select coalesce((select a.type = author_type and a.id = author_id from engine.current_actor() a), false) $$;

create or replace function engine.moderates_comments() returns boolean
language sql stable set search_path = ''
  return engine.acts_as_administrator() or engine.may('MODERATE_COMMENTS');

-- The log tells that something was said, and by whom, so that screens and webhooks learn of it. What was said it does not keep.
create or replace function engine.note_comment(schema_name text, object metadata.objects, record_id uuid, comment_id uuid, change text) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_batch bigint := nextval('engine.event_batch');
  v_actor engine.actor := engine.current_actor();
begin
  if not (object).is_audited then
    return;
  end if;
  execute format('insert into %I.record_events (batch, seq, object_id, record_id, action, after, actor_type, actor_id, actor_name, source, request_id)
    values ($1, 1, $2, $3, ''commented'', $4, $5, $6, $7, $8, nullif(current_setting(''relvar.request_id'', true), ''''))', schema_name)
  using v_batch, (object).id, record_id, jsonb_build_object('comment', jsonb_build_object('id', comment_id, 'change', change)),
    v_actor.type, v_actor.id, v_actor.name, engine.current_source();
  insert into engine.outbox (batch, workspace_id, object_id, action) values (v_batch, (object).workspace_id, (object).id, 'commented');
end
$$;

create or replace function engine.comments_of_record(caller name, schema_name text, object_name text, record_id uuid, max_threads int, before_thread uuid)
returns table (comment_id uuid, parent_id uuid, body text, mentions jsonb, author_type text, author_id uuid, author_name text, created_at timestamptz, edited_at timestamptz,
  is_removed boolean, resolved_at timestamptz, resolved_by_name text, may_edit boolean, may_remove boolean)
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.shareable_object(caller, schema_name, object_name, record_id, 'READ');
  v_actor engine.actor := engine.current_actor();
begin
  return query execute format($sql$
      with threads as (
        select t.id, t.created_at from %1$I.record_comments t
        where t.object_id = $1 and t.record_id = $2 and t.parent_id is null
          and ($4 is null or (t.created_at, t.id) < (select b.created_at, b.id from %1$I.record_comments b where b.id = $4))
          -- What was removed is shown as a gap, while there are replies to it.
          and (t.removed_at is null or exists (select from %1$I.record_comments r where r.parent_id = t.id and r.removed_at is null))
        order by t.created_at desc, t.id desc limit $3
      )
      select c.id, c.parent_id, case when c.removed_at is null then c.body else '' end,
        case when c.removed_at is null then c.mentions || coalesce((
          select jsonb_object_agg(m.id, m.name) from core.members m
          where m.workspace_id = $5 and m.id = any (engine.mentioned_ids(c.body)) and m.name <> ''), '{}') else '{}' end,
        c.author_type, c.author_id, c.author_name, c.created_at, c.edited_at, c.removed_at is not null, c.resolved_at, c.resolved_by_name,
        o.is_own and c.removed_at is null, (o.is_own or $8) and c.removed_at is null
      from threads t
      join %1$I.record_comments c on c.id = t.id or c.parent_id = t.id and c.removed_at is null
      cross join lateral (select coalesce(c.author_type = $6 and c.author_id = $7, false) as is_own) o
      order by t.created_at, t.id, c.parent_id is not null, c.created_at, c.id
    $sql$, schema_name)
  using v_object.id, record_id, least(greatest(max_threads, 1), 200), before_thread, v_object.workspace_id, v_actor.type, v_actor.id, engine.moderates_comments();
end
$$;

create or replace function engine.add_comment(caller name, schema_name text, object_name text, record_id uuid, body text, parent_id uuid) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.shareable_object(caller, schema_name, object_name, record_id, 'READ');
  v_text text := engine.comment_text(body);
  v_names jsonb := engine.mention_names(v_object.workspace_id, v_text);
  v_actor engine.actor := engine.current_actor();
  v_parent uuid;
  v_id uuid;
begin
  if parent_id is not null then
    -- Threads have one level: a reply to a reply goes where that one stands.
    execute format('select coalesce(c.parent_id, c.id) from %I.record_comments c where c.id = $1 and c.object_id = $2 and c.record_id = $3', schema_name)
      into v_parent using parent_id, v_object.id, record_id;
    if v_parent is null then
      raise exception 'The comment that this one replies to is not there.' using errcode = 'RV221', column = 'parent_id', hint = 'It may have been removed.';
    end if;
  end if;
  execute format('insert into %I.record_comments (object_id, record_id, parent_id, body, mentions, author_type, author_id, author_name)
    values ($1, $2, $3, $4, $5, $6, $7, $8) returning id', schema_name)
  into v_id using v_object.id, record_id, v_parent, v_text, v_names, v_actor.type, v_actor.id, v_actor.name;
  if v_parent is not null then
    execute format('update %I.record_comments c set resolved_at = null, resolved_by_name = null where c.id = $1 and c.resolved_at is not null', schema_name) using v_parent;
  end if;
  perform engine.note_comment(schema_name, v_object, record_id, v_id, 'ADDED');
  return jsonb_build_object('id', v_id, 'notTold', engine.tell_mentioned(schema_name, v_object, record_id, v_id, v_parent, engine.mentioned_ids(v_text)));
end
$$;

create or replace function engine.edit_comment(caller name, schema_name text, comment_id uuid, body text) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_text text := engine.comment_text(body);
  v_comment jsonb := engine.named_comment(caller, schema_name, comment_id);
  v_object metadata.objects := engine.commented_object(v_comment);
begin
  if not engine.is_own_comment(v_comment ->> 'author_type', (v_comment ->> 'author_id')::uuid) then
    raise exception 'A comment is changed by who wrote it.' using errcode = '42501', hint = 'Reply to it instead.';
  end if;
  if v_comment -> 'removed_at' <> 'null' then
    raise exception 'There is no such comment.' using errcode = 'RV221', column = 'comment_id', hint = 'It was removed. Bring it back first.';
  end if;
  if v_text <> v_comment ->> 'body' then
    execute format('update %I.record_comments c set body = $2, mentions = $3, edited_at = now() where c.id = $1', schema_name)
      using comment_id, v_text, engine.mention_names(v_object.workspace_id, v_text, v_comment -> 'mentions');
    perform engine.note_comment(schema_name, v_object, (v_comment ->> 'record_id')::uuid, comment_id, 'EDITED');
  end if;
  return jsonb_build_object('id', comment_id, 'notTold', engine.tell_mentioned(schema_name, v_object, (v_comment ->> 'record_id')::uuid, comment_id, null,
    array(select i from unnest(engine.mentioned_ids(v_text)) i where not v_comment -> 'mentions' ? i::text)));
end
$$;

create or replace function engine.remove_comment(caller name, schema_name text, comment_id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_comment jsonb := engine.named_comment(caller, schema_name, comment_id);
  v_object metadata.objects := engine.commented_object(v_comment);
  v_id uuid;
begin
  if not engine.is_own_comment(v_comment ->> 'author_type', (v_comment ->> 'author_id')::uuid) and not engine.moderates_comments() then
    raise exception 'A comment is removed by who wrote it, or by who moderates comments.' using errcode = '42501', hint = 'Ask an administrator of the workspace.';
  end if;
  execute format('update %I.record_comments c set removed_at = now(), removed_by = $2 where c.id = $1 and c.removed_at is null returning c.id', schema_name)
    into v_id using comment_id, (engine.current_actor()).id;
  if v_id is null then
    return false;
  end if;
  perform engine.note_comment(schema_name, v_object, (v_comment ->> 'record_id')::uuid, comment_id, 'REMOVED');
  return true;
end
$$;

create or replace function engine.bring_back_comment(caller name, schema_name text, comment_id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_comment jsonb := engine.named_comment(caller, schema_name, comment_id);
  v_object metadata.objects := engine.commented_object(v_comment);
  v_id uuid;
begin
  if (v_comment ->> 'removed_by')::uuid is distinct from (engine.current_actor()).id and not engine.acts_as_administrator() then
    raise exception 'A comment is brought back by who removed it.' using errcode = '42501', hint = 'Ask them.';
  end if;
  execute format('update %I.record_comments c set removed_at = null, removed_by = null where c.id = $1 and c.removed_at is not null returning c.id', schema_name)
    into v_id using comment_id;
  if v_id is null then
    return false;
  end if;
  perform engine.note_comment(schema_name, v_object, (v_comment ->> 'record_id')::uuid, comment_id, 'ADDED');
  return true;
end
$$;

create or replace function engine.resolve_comment(caller name, schema_name text, comment_id uuid, is_resolved boolean) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_comment jsonb := engine.named_comment(caller, schema_name, comment_id);
  v_object metadata.objects := engine.commented_object(v_comment);
  v_id uuid;
begin
  execute format('update %I.record_comments c set resolved_at = case when $2 then now() end, resolved_by_name = case when $2 then $3 end
    where c.id = $1 and c.parent_id is null and (c.resolved_at is not null) <> $2 returning c.id', schema_name)
    into v_id using comment_id, coalesce(is_resolved, true), (engine.current_actor()).name;
  if v_id is null then
    return false;
  end if;
  perform engine.note_comment(schema_name, v_object, (v_comment ->> 'record_id')::uuid, comment_id, case when is_resolved then 'RESOLVED' else 'REOPENED' end);
  return true;
end
$$;

-- Members that the caller's role may see, and whether each may read the record.
create or replace function engine.mentionable_members(caller name, schema_name text, object_name text, record_id uuid, query text, max_results int)
returns table (member_id uuid, name text, avatar_url text, can_read boolean)
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.shareable_object(caller, schema_name, object_name, record_id, 'READ');
  v_members uuid := (select o.id from metadata.objects o where o.workspace_id = v_object.workspace_id and o.universal_identifier = 'standard:workspaceMember');
begin
  if not engine.has_right(caller, v_members, 'READ') then
    return;
  end if;
  return query execute format($sql$
      select m.id, m.name, m.avatar_url, engine.member_reads(m.id, $3, $4)
      from (
        select m.id, m.name, m.avatar_url
        from core.members m join %I.workspace_members t on t.id = m.id
        where m.workspace_id = $1 and m.is_active and m.name <> '' and %s
          and not exists (select from regexp_split_to_table(engine.search_text($2), '\s+') w (word)
            where w.word <> '' and not (' ' || engine.search_text(m.name)) like '%% ' || replace(replace(replace(w.word, '\', '\\'), '%%', '\%%'), '_', '\_') || '%%')
        order by lower(m.name), m.id limit $5
      ) m
      order by lower(m.name), m.id
    $sql$, schema_name, engine.condition_of(caller, v_members, 'READ', 't.'))
  using v_object.workspace_id, coalesce(query, ''), v_object.id, record_id, least(greatest(max_results, 1), 50);
end
$$;

-- Comments that were removed more than a day ago: gone, or empty where there are replies to them.
create or replace function engine.purge_comments() returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_schema text;
  v_count int;
  v_total int := 0;
begin
  for v_schema in select w.schema_name from core.workspaces w loop
    execute format($sql$
        with gone as (
          delete from %1$I.record_comments c
          where c.removed_at < now() - interval '1 day' and not exists (select from %1$I.record_comments r where r.parent_id = c.id and r.removed_at is null) returning 1
        ), emptied as (
          update %1$I.record_comments c set body = '', mentions = '{}'
          where c.removed_at < now() - interval '1 day' and c.body <> '' and exists (select from %1$I.record_comments r where r.parent_id = c.id and r.removed_at is null) returning 1
        )
        select (select count(*) from gone) + (select count(*) from emptied)
      $sql$, v_schema) into v_count;
    v_total := v_total + v_count;
  end loop;
  return v_total;
end
$$;
grant execute on function engine.purge_comments() to relvar_worker;

-- Reached only through the tenant's own functions, which name the caller.
grant execute on function engine.comments_of_record(name, text, text, uuid, int, uuid), engine.mentionable_members(name, text, text, uuid, text, int),
  engine.add_comment(name, text, text, uuid, text, uuid), engine.edit_comment(name, text, uuid, text), engine.remove_comment(name, text, uuid),
  engine.bring_back_comment(name, text, uuid), engine.resolve_comment(name, text, uuid, boolean) to relvar_crm;
grant execute on function engine.comments_of_record(name, text, text, uuid, int, uuid) to relvar_reader;
--! EndIncluded engine/comments/comments.sql
--! Included metadata/notifications.sql
-- What members see of their notifications, and how they want them. A member's alone: who looks as a member or acts as one
-- finds them closed.

create or replace function engine.notified_member() returns uuid
language sql stable set search_path = ''
  return case when engine.seen_by() is null and nullif(current_setting('relvar.impersonator_id', true), '') is null then engine.current_member() end;

create or replace function engine.assert_notified_member() returns uuid
language plpgsql stable set search_path = ''
as $$
declare
  v_member uuid := engine.notified_member();
begin
  if v_member is null then
    raise exception 'Notifications are a member''s own.' using errcode = '42501', hint = 'Sign in as the member.';
  end if;
  return v_member;
end
$$;

-- Of these notifications those that the member may see: what is about a record that the member may not read any more, or about a comment
-- that was removed, is not shown.
create or replace function engine.notification_items(member_id uuid, ids uuid[]) returns table (id uuid, item jsonb)
language plpgsql stable set search_path = ''
as $$
declare
  v_schema text := (select w.schema_name from core.members m join core.workspaces w on w.id = m.workspace_id where m.id = notification_items.member_id);
begin
  if v_schema is null or coalesce(cardinality(ids), 0) = 0 then
    return;
  end if;
  return query execute format($sql$
      with chosen as materialized (
        select n.* from core.notifications n where n.member_id = $1 and n.id = any ($2)
      ), labels as materialized (
        select l.* from (select array_agg(c.object_id) as objects, array_agg(c.record_id) as records from (select distinct object_id, record_id from chosen where record_id is not null) c) a
        cross join lateral engine.labels_for($1, a.objects, a.records) l
      )
      select n.id, jsonb_build_object('id', n.id, 'kind', n.kind, 'objectId', n.object_id, 'objectName', o.name_singular, 'objectNamePlural', o.name_plural, 'objectLabel', o.label_singular,
        'recordId', n.record_id, 'label', l.label, 'commentId', n.comment_id, 'excerpt', engine.comment_excerpt(c.body, c.mentions, n.workspace_id),
        'actorId', n.actor_id, 'actorName', n.actor_name, 'detail', n.detail, 'createdAt', n.created_at, 'readAt', n.read_at, 'archivedAt', n.archived_at)
      from chosen n
      left join metadata.objects o on o.id = n.object_id
      left join labels l on l.object_id = n.object_id and l.record_id = n.record_id
      left join %I.record_comments c on c.id = n.comment_id and c.removed_at is null
      where (n.record_id is null or l.record_id is not null) and (n.comment_id is null or c.id is not null)
    $sql$, v_schema) using member_id, ids;
end
$$;

-- The beginning of a comment in one line, with what mentioned members are called now.
create or replace function engine.comment_excerpt(body text, mentions jsonb, workspace_id uuid) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_text text := left(body, 400);
  r record;
begin
  for r in
    select i as id, coalesce(nullif(m.name, ''), mentions ->> i::text, 'somebody') as name
    from unnest(engine.mentioned_ids(v_text)) i left join core.members m on m.id = i and m.workspace_id = comment_excerpt.workspace_id
  loop
    v_text := replace(v_text, '<@' || r.id || '>', '@' || r.name);
  end loop;
  v_text := btrim(regexp_replace(regexp_replace(v_text, '\*\*([^*\n]+)\*\*|`([^`\n]+)`', '\1\2', 'g'), '\s+', ' ', 'g'));
  return case when length(v_text) > 160 then left(v_text, 159) || '…' else v_text end;
end
$$;

create or replace function metadata.my_notifications(which text default 'ALL', kinds text[] default null, before uuid default null, max_results int default 30) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_member uuid := engine.notified_member();
  v_limit int := least(greatest(coalesce(max_results, 30), 1), 100);
  v_ids uuid[];
begin
  if coalesce(which, '') not in ('ALL', 'UNREAD', 'ARCHIVED') then
    raise exception 'There are no such notifications: "%".', which using errcode = 'RV223', column = 'which', hint = 'ALL, UNREAD or ARCHIVED.';
  end if;
  v_ids := array(
    select n.id from core.notifications n
    where n.member_id = v_member and n.is_in_app and (n.archived_at is not null) = (which = 'ARCHIVED') and (which <> 'UNREAD' or n.read_at is null)
      and (my_notifications.kinds is null or n.kind = any (my_notifications.kinds))
      and (before is null or (n.created_at, n.id) < (select b.created_at, b.id from core.notifications b where b.id = before and b.member_id = v_member))
    order by n.created_at desc, n.id desc limit v_limit);
  return jsonb_build_object(
    'items', coalesce((select jsonb_agg(i.item order by u.n) from unnest(v_ids) with ordinality u (id, n) join engine.notification_items(v_member, v_ids) i on i.id = u.id), '[]'),
    -- Where to go on; what may not be shown leaves gaps.
    'next', case when cardinality(v_ids) = v_limit then v_ids[v_limit] end);
end
$$;
comment on function metadata.my_notifications(text, text[], uuid, int) is
  'Notifications of the member who asks, the latest first: {items, next}. which: ALL (that are not archived), UNREAD or ARCHIVED; before: the value of next. Empty for who is no member.';

create or replace function metadata.my_unread_notifications() returns int
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_member uuid := engine.notified_member();
begin
  -- Beyond a hundred nobody counts.
  return (select count(*) from engine.notification_items(v_member, array(
    select n.id from core.notifications n where n.member_id = v_member and n.is_in_app and n.read_at is null and n.archived_at is null order by n.created_at desc limit 100)));
end
$$;
comment on function metadata.my_unread_notifications() is 'How many notifications the member who asks has not read, up to 100.';

create or replace function metadata.mark_notifications(ids uuid[] default null, is_read boolean default true) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_member uuid := engine.assert_notified_member();
  v_count int;
begin
  update core.notifications n set read_at = case when coalesce(is_read, true) then now() end
  where n.member_id = v_member and (mark_notifications.ids is null or n.id = any (mark_notifications.ids)) and (n.read_at is not null) <> coalesce(is_read, true);
  get diagnostics v_count = row_count;
  if v_count > 0 then
    perform core.wake_members((select m.workspace_id from core.members m where m.id = v_member), array[v_member]);
  end if;
  return v_count;
end
$$;
comment on function metadata.mark_notifications(uuid[], boolean) is 'Marks own notifications as read or as unread; without ids all of them. What was read is not mailed any more. Returns how many changed.';

create or replace function metadata.archive_notifications(ids uuid[] default null, is_archived boolean default true) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_member uuid := engine.assert_notified_member();
  v_count int;
begin
  -- Without ids what was read is put away.
  update core.notifications n set archived_at = case when coalesce(is_archived, true) then now() end
  where n.member_id = v_member and (n.archived_at is not null) <> coalesce(is_archived, true)
    and case when archive_notifications.ids is null then n.read_at is not null else n.id = any (archive_notifications.ids) end;
  get diagnostics v_count = row_count;
  if v_count > 0 then
    perform core.wake_members((select m.workspace_id from core.members m where m.id = v_member), array[v_member]);
  end if;
  return v_count;
end
$$;
comment on function metadata.archive_notifications(uuid[], boolean) is 'Puts own notifications away, or takes them out again; without ids all that were read. Returns how many changed.';

create or replace function metadata.my_notification_settings() returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_member uuid := engine.notified_member();
begin
  if v_member is null then
    return null;
  end if;
  return jsonb_build_object(
    'frequency', coalesce((select s.frequency from core.digest_settings s where s.member_id = v_member), 'DAILY'),
    'hour', coalesce((select s.hour from core.digest_settings s where s.member_id = v_member), 8),
    'kinds', (select jsonb_agg(jsonb_build_object('kind', k.kind, 'label', k.label, 'description', k.description,
        'isInApp', coalesce(p.is_in_app, k.is_in_app), 'mail', coalesce(p.mail, k.mail)) order by k.n)
      from core.notification_kinds() with ordinality k (kind, label, description, is_in_app, mail, n)
      left join core.notification_preferences p on p.kind = k.kind and p.member_id = v_member));
end
$$;
comment on function metadata.my_notification_settings() is
  'How the member who asks is notified: {frequency, hour, kinds: [{kind, label, description, isInApp, mail}]}. mail: NOW, DIGEST or OFF. Null for who is no member.';

create or replace function metadata.choose_notification(kind text, is_in_app boolean default null, mail text default null) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_member uuid := engine.assert_notified_member();
  v_kind record;
begin
  select * into v_kind from core.notification_kinds() k where k.kind = choose_notification.kind;
  if not found then
    raise exception 'There is no kind of notification "%".', choose_notification.kind using errcode = 'RV224', column = 'kind', hint = 'myNotificationSettings lists them.';
  end if;
  if choose_notification.mail not in ('NOW', 'DIGEST', 'OFF') then
    raise exception 'Mails come NOW, in the DIGEST or not at all (OFF), not "%".', choose_notification.mail using errcode = 'RV224', column = 'mail', hint = 'Choose one of the three.';
  end if;
  insert into core.notification_preferences as p (member_id, kind, is_in_app, mail)
  values (v_member, v_kind.kind, coalesce(choose_notification.is_in_app, v_kind.is_in_app), coalesce(choose_notification.mail, v_kind.mail))
  on conflict (member_id, kind) do update set is_in_app = coalesce(choose_notification.is_in_app, p.is_in_app), mail = coalesce(choose_notification.mail, p.mail);
  if choose_notification.mail = 'OFF' then
    update core.notifications n set mail_at = null where n.member_id = v_member and n.kind = v_kind.kind and n.mail_at is not null;
  end if;
  return metadata.my_notification_settings();
end
$$;
comment on function metadata.choose_notification(text, boolean, text) is 'Says how the member who asks is told of one kind: in the application, and by mail NOW, in the DIGEST, or OFF. What is not given stays.';

create or replace function metadata.choose_digest(frequency text default null, hour int default null) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_member uuid := engine.assert_notified_member();
begin
  if choose_digest.frequency not in ('DAILY', 'HOURLY') or choose_digest.hour not between 0 and 23 then
    raise exception 'A digest comes DAILY at an hour from 0 to 23, or HOURLY.' using errcode = 'RV224', column = case when choose_digest.hour not between 0 and 23 then 'hour' else 'frequency' end,
      hint = 'Its hour is one of the time zone of your profile.';
  end if;
  insert into core.digest_settings as s (member_id, frequency, hour) values (v_member, coalesce(choose_digest.frequency, 'DAILY'), coalesce(choose_digest.hour, 8))
  on conflict (member_id) do update set frequency = coalesce(choose_digest.frequency, s.frequency), hour = coalesce(choose_digest.hour, s.hour);
  return metadata.my_notification_settings();
end
$$;
comment on function metadata.choose_digest(text, int) is 'Says when the digest of the member who asks leaves: DAILY at an hour of the member''s time zone, or HOURLY. Holds for what comes from now on.';

grant execute on function metadata.my_notifications(text, text[], uuid, int), metadata.my_unread_notifications(), metadata.mark_notifications(uuid[], boolean),
  metadata.archive_notifications(uuid[], boolean), metadata.my_notification_settings(), metadata.choose_notification(text, boolean, text), metadata.choose_digest(text, int) to relvar_crm;
--! EndIncluded metadata/notifications.sql
--! Included core/notifications/mail.sql
-- Mails about what was not seen in the application: when it is due, one mail for all that is due for a member.

create or replace function core.members_to_mail(max_members int default 200) returns setof uuid
language sql stable security definer set search_path = ''
as $$ select distinct n.member_id from core.notifications n where n.mail_at <= now() limit max_members $$;

-- Nothing is mailed twice: what is in the mail stops being due in the transaction that puts the mail into the outbox.
create or replace function core.mail_notifications(member_id uuid) returns int
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_member record;
  v_items jsonb;
  v_total int;
begin
  select m.id, m.workspace_id, u.email, u.locale, m.is_active into v_member from core.members m join core.users u on u.id = m.user_id where m.id = mail_notifications.member_id;
  with due as (
    select n.id from core.notifications n where n.member_id = mail_notifications.member_id and n.mail_at <= now() for update skip locked
  ), taken as (
    update core.notifications n set mail_at = null, mailed_at = case when n.read_at is null and n.archived_at is null then now() end
    from due where n.id = due.id
    returning n.*
  ), unseen as (
    select array_agg(t.id) as ids from taken t where t.read_at is null and t.archived_at is null
  )
  select jsonb_agg(i.item order by i.item ->> 'createdAt' desc), count(*) into v_items, v_total
  from unseen u cross join lateral engine.notification_items(mail_notifications.member_id, u.ids) i (id, item);
  if v_total = 0 or not v_member.is_active then
    return 0;
  end if;
  perform core.queue_mail(v_member.email, 'notifications', jsonb_build_object('total', v_total,
    'items', (select jsonb_agg(e order by n) from jsonb_array_elements(v_items) with ordinality x (e, n) where n <= 30)), v_member.workspace_id, v_member.locale);
  return v_total;
end
$$;
comment on function core.mail_notifications(uuid) is 'Puts one mail into the outbox with what is due for a member and was not read yet. Returns how much that was.';

-- What was read is kept for 90 days, and everything for a year.
create or replace function core.purge_notifications(max_rows int default 10000) returns int
language sql volatile security definer set search_path = ''
as $$
  with gone as (
    delete from core.notifications n where n.id in (
      select o.id from core.notifications o
      where o.created_at < now() - interval '90 days' and (o.read_at is not null or o.archived_at is not null or not o.is_in_app or o.created_at < now() - interval '1 year')
      limit max_rows)
    returning 1
  )
  select count(*)::int from gone
$$;

grant execute on function core.members_to_mail(int), core.mail_notifications(uuid), core.purge_notifications(int) to relvar_worker;
--! EndIncluded core/notifications/mail.sql
-- The trash: many records at once, and choices for what is in the way.
drop function engine.put_back_links(text, metadata.objects, uuid, xid8, name);
--! Included engine/trash/problems.sql
-- What keeps a record from coming back, and what it would take. It is tried, and taken back: the record is put back with what is
-- in the way left out, again and again, until nothing is, so PostgreSQL itself says what is wrong.

-- The columns of a constraint or of a unique index.
create or replace function engine.constraint_columns(table_id oid, constraint_name text) returns text[]
language sql stable set search_path = ''
as $$
  select coalesce(array_agg(a.attname::text order by a.attnum), '{}')
  from (
    select unnest(k.conkey) as attnum from pg_catalog.pg_constraint k where k.conrelid = table_id and k.conname = constraint_name
    union
    select d.refobjsubid from pg_catalog.pg_class i
    join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_class'::regclass and d.objid = i.oid and d.refobjid = table_id and d.refobjsubid > 0
    where i.relname = constraint_name and i.relkind = 'i'
      and i.oid in (select x.indexrelid from pg_catalog.pg_index x where x.indrelid = table_id)
  ) c
  join pg_catalog.pg_attribute a on a.attrelid = table_id and a.attnum = c.attnum
$$;

-- The record that has what is unique, as far as the caller sees it.
create or replace function engine.taken_by(caller name, schema_name text, object metadata.objects, constraint_name text, data jsonb) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_table regclass := format('%I.%I', schema_name, (object).table_name)::regclass;
  v_same text;
  v_taken jsonb;
begin
  select string_agg(format('(%1$s) = (select (%1$s) from jsonb_populate_record(null::%2$s, $1) r)', pg_catalog.pg_get_indexdef(i.indexrelid, n, true), v_table), ' and ')
    || coalesce(' and ' || min(pg_catalog.pg_get_expr(i.indpred, i.indrelid)), '')
  into v_same
  from pg_catalog.pg_index i
  join pg_catalog.pg_class c on c.oid = i.indexrelid
  cross join generate_series(1, i.indnkeyatts) n
  where i.indrelid = v_table and c.relname = constraint_name;
  if v_same is null then
    return null;
  end if;
  execute format('select jsonb_build_object(''recordId'', t.id, ''label'', %s) from (select * from %s where %s) t where %s limit 1',
    engine.label_expression((object).id, 't'), v_table, v_same, engine.condition_of(caller, (object).id, 'READ', 't.')) into v_taken using data;
  return v_taken;
end
$$;

-- One thing that is in the way, for who reads all of the object; of others nothing is told but that there is something.
-- left_out are the columns without which it would be out of the way, if there are such.
create or replace function engine.restore_problem(caller name, schema_name text, object metadata.objects, record_id uuid, data jsonb, failure jsonb, out problem jsonb, out left_out text[])
language plpgsql stable set search_path = ''
as $$
declare
  v_table regclass := format('%I.%I', schema_name, (object).table_name)::regclass;
  v_column text := nullif(failure ->> 'column', '');
  v_constraint text := nullif(failure ->> 'constraint', '');
  v_kind text := case when failure ->> 'state' = 'RV014' then 'TAKEN' when v_column is null then 'UNFIT' when data ->> v_column is null then 'REQUIRED' else 'LINK_GONE' end;
  v_columns text[];
  v_words record;
begin
  problem := jsonb_build_object('objectName', (object).name_singular, 'recordId', record_id, 'kind', v_kind, 'columns', '[]'::jsonb, 'canLeaveOut', false,
    'message', failure ->> 'message', 'hint', failure ->> 'hint');
  if not engine.reads_wholly(caller, (object).id) then
    return;
  end if;
  v_columns := case when v_column is not null then array[v_column]
    when v_constraint is not null then engine.constraint_columns(v_table, v_constraint)
    -- A value that is none of its type any more does not say whose it is.
    else array(select c.name from engine.columns((object).workspace_id, array[(object).id]) c
      where c.is_active and data ->> c.name is not null and not engine.fits(data -> c.name, c.pg_type)) end;
  left_out := array(select a.attname::text from pg_catalog.pg_attribute a
    where a.attrelid = v_table and a.attname = any (v_columns) and not a.attnotnull and a.attgenerated = '' and data ->> a.attname::text is not null);
  select w.* into v_words from engine.explain_violation(schema_name, (object).table_name, coalesce(v_constraint, ''), coalesce(v_column, ''), caller) w limit 1;
  problem := problem || jsonb_build_object(
    'columns', (select coalesce(jsonb_agg(jsonb_build_object('name', engine.camel_case(n), 'value', data -> n) order by n), '[]') from unnest(v_columns) n),
    'fieldName', v_words.field_name, 'canLeaveOut', left_out <> '{}',
    'takenBy', case when v_kind = 'TAKEN' then engine.taken_by(caller, schema_name, object, v_constraint, data) end)
    || case when v_kind <> 'LINK_GONE' and v_words.message is not null then jsonb_build_object('message', v_words.message, 'hint', v_words.hint) else '{}' end;
end
$$;

-- Puts one record back as far as it goes. What is in the way is left out where it can be, and told.
create or replace function engine.find_restore_problems(caller name, schema_name text, object metadata.objects, record_id uuid) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_problems jsonb := '[]';
  v_failure jsonb;
  v_record uuid;
  v_object metadata.objects;
  v_data jsonb;
  v_found record;
  v_state text;
  v_message text;
  v_hint text;
  v_constraint text;
  v_column text;
  v_table text;
  v_id text;
begin
  -- Each round leaves something out, so there are no more of them than columns; a bound all the same.
  for i in 1 .. 50 loop
    begin
      perform engine.put_back(schema_name, object, record_id, caller);
      return v_problems;
    exception when sqlstate 'RV013' or sqlstate 'RV014' then
      get stacked diagnostics v_state = returned_sqlstate, v_message = message_text, v_hint = pg_exception_hint, v_constraint = constraint_name,
        v_column = column_name, v_table = table_name, v_id = pg_datatype_name;
    end;
    v_failure := jsonb_build_object('state', v_state, 'message', v_message, 'hint', v_hint, 'constraint', v_constraint, 'column', v_column);
    select o.* into v_object from metadata.objects o where o.workspace_id = (object).workspace_id and o.table_name = v_table;
    if v_id = '' or v_object.id is null then
      return v_problems || jsonb_build_array(jsonb_build_object('objectName', (object).name_singular, 'recordId', record_id, 'kind', case v_state when 'RV014' then 'TAKEN' else 'UNFIT' end, 'columns', '[]'::jsonb,
        'canLeaveOut', false, 'message', v_message, 'hint', v_hint));
    end if;
    v_record := v_id::uuid;
    execute format('select d.data from %I.trash d where d.object_id = $1 and d.record_id = $2', schema_name) into v_data using v_object.id, v_record;
    v_found := engine.restore_problem(caller, schema_name, v_object, v_record, v_data, v_failure);
    v_problems := v_problems || v_found.problem;
    if coalesce(v_found.left_out, '{}') = '{}' then
      return v_problems;
    end if;
    execute format('update %I.trash d set data = d.data || $3 where d.object_id = $1 and d.record_id = $2', schema_name)
      using v_object.id, v_record, (select jsonb_object_agg(n, null) from unnest(v_found.left_out) n);
  end loop;
  return v_problems;
end
$$;
--! EndIncluded engine/trash/problems.sql
--! Included engine/trash/restore.sql
-- Many records out of the trash at once, with choices for what is in the way: what lies in the trash is changed first, then
-- put back.

-- Values that a caller chose for records in the trash, named as when a record is created. They are written as a change of
-- the record would be: by who reads the object and may write the field.
create or replace function engine.choose_values(caller name, schema_name text, workspace_id uuid, choices jsonb) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_object metadata.objects;
  v_names text[];
  v_column text;
  v_is_known boolean;
  r record;
begin
  for r in select c.key as record_id, v.key as name, v.value from jsonb_each(choices) c cross join lateral jsonb_each(c.value) v loop
    if not r.record_id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
      raise exception '"%" is no id of a record.', r.record_id using errcode = 'RV227', column = 'choices', hint = 'Choices are {"id of a record": {"field": value}}.';
    end if;
    execute format('select o.* from %I.trash d join metadata.objects o on o.id = d.object_id where d.record_id = $1 and o.deleted_at is null', schema_name)
      into v_object using r.record_id::uuid;
    v_is_known := v_object.id is not null and engine.reads_wholly(caller, v_object.id);
    if not v_is_known then
      raise exception 'There is no such record in the trash whose values you may choose.' using errcode = 'RV227', column = 'choices', hint = 'Leave it out, or ask somebody who sees all records and fields of its kind.';
    end if;
    v_names := array(select c.name from engine.columns(choose_values.workspace_id, array[v_object.id]) c where c.is_active and c.is_writable and c.name <> 'id');
    v_column := (select n from unnest(v_names) n where r.name in (n, engine.camel_case(n)) limit 1);
    if v_column is null then
      raise exception '% have no field "%".', v_object.label_plural, r.name using errcode = 'RV228', column = 'choices',
        hint = coalesce(format('Did you mean %s?', engine.nearest(r.name, array(select engine.camel_case(n) from unnest(v_names) n))), 'Give names as when a record is created.');
    elsif not has_column_privilege(caller, format('%I.%I', schema_name, v_object.table_name), v_column, 'update') then
      raise exception 'Your role may not change this field of %.', v_object.label_plural using errcode = '42501', column = r.name;
    end if;
    execute format('update %I.trash d set data = d.data || jsonb_build_object($3::text, $4) where d.object_id = $1 and d.record_id = $2', schema_name)
      using v_object.id, r.record_id::uuid, v_column, r.value;
  end loop;
end
$$;

-- A record with chosen values must be one that its caller might have changed so.
create or replace function engine.assert_choices(caller name, schema_name text, workspace_id uuid, choices jsonb) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_object metadata.objects;
  v_is_refused boolean;
begin
  for v_object in execute format('select distinct o.* from %I.record_events e join metadata.objects o on o.id = e.object_id
      where e.record_id = any ($1) and e.transaction_id = pg_current_xact_id() and o.workspace_id = $2', schema_name)
    using array(select k::uuid from jsonb_object_keys(choices) k), workspace_id
  loop
    execute format('select exists (select from %I.%I t where t.id = any ($1) and not coalesce(%s, false))', schema_name, v_object.table_name, engine.condition_of(caller, v_object.id, 'UPDATE', 't.'))
      into v_is_refused using array(select k::uuid from jsonb_object_keys(choices) k);
    if v_is_refused then
      raise exception 'With these values it would be none of the % that you may change.', v_object.label_plural using errcode = '42501', column = 'choices';
    end if;
  end loop;
end
$$;

-- The records among these ids that lie in the trash, and that the caller may restore or destroy, in the order of their deletion.
create or replace function engine.trashed_ids(caller name, schema_name text, object metadata.objects, record_ids uuid[], action text default 'DELETE') returns uuid[]
language plpgsql stable set search_path = ''
as $$
declare
  v_ids uuid[];
begin
  if cardinality(record_ids) > 10000 then
    raise exception 'At most 10,000 records at once.' using errcode = 'RV229', column = 'record_ids', hint = 'Do it in several calls.';
  end if;
  execute format('select array_agg(d.record_id order by d.deleted_at, d.id) from %1$I.trash d cross join lateral jsonb_populate_record(null::%1$I.%2$I, d.data) t
      where d.object_id = $1 and d.record_id = any ($2) and %3$s and %4$s',
    schema_name, (object).table_name, engine.condition_of(caller, (object).id, 'READ', 't.'), engine.condition_of(caller, (object).id, action, 't.'))
  into v_ids using (object).id, record_ids;
  return coalesce(v_ids, '{}');
exception when data_exception then
  -- A value that is none of its type any more is in the way of asking, too. Who sees all of them needs not be asked of each.
  if not engine.reads_wholly(caller, (object).id) then
    return '{}';
  end if;
  execute format('select array_agg(d.record_id order by d.deleted_at, d.id) from %I.trash d where d.object_id = $1 and d.record_id = any ($2)', schema_name)
    into v_ids using (object).id, record_ids;
  return coalesce(v_ids, '{}');
end
$$;

create or replace function engine.put_back_or_tell(schema_name text, object metadata.objects, record_id uuid, caller name) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_message text;
  v_hint text;
  v_state text;
begin
  perform engine.put_back(schema_name, object, record_id, caller);
  return null;
exception when sqlstate 'RV013' or sqlstate 'RV014' then
  get stacked diagnostics v_message = message_text, v_hint = pg_exception_hint, v_state = returned_sqlstate;
  return jsonb_build_object('recordId', record_id, 'code', v_state, 'message', v_message, 'hint', v_hint);
end
$$;

-- As many together as go: what holds them up is found by halves. Returns why those that stay do.
create or replace function engine.put_back_most(schema_name text, object metadata.objects, record_ids uuid[], caller name) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_half int := cardinality(record_ids) / 2;
  v_reason jsonb;
begin
  if cardinality(record_ids) = 0 then
    return '[]';
  elsif cardinality(record_ids) = 1 then
    v_reason := engine.put_back_or_tell(schema_name, object, record_ids[1], caller);
    return case when v_reason is null then '[]' else jsonb_build_array(v_reason) end;
  end if;
  begin
    perform engine.put_back_together(schema_name, object, record_ids, caller);
    return '[]';
  exception when sqlstate 'RV013' or sqlstate 'RV014' then
    null;
  end;
  return engine.put_back_most(schema_name, object, record_ids[:v_half], caller) || engine.put_back_most(schema_name, object, record_ids[v_half + 1:], caller);
end
$$;

-- Those that needed another of them are tried again, until none comes back any more.
create or replace function engine.put_back_each(schema_name text, object metadata.objects, record_ids uuid[], caller name) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_waiting uuid[] := record_ids;
  v_left jsonb;
begin
  loop
    v_left := engine.put_back_most(schema_name, object, v_waiting, caller);
    exit when v_left = '[]' or jsonb_array_length(v_left) = cardinality(v_waiting);
    v_waiting := array(select (e ->> 'recordId')::uuid from jsonb_array_elements(v_left) e);
  end loop;
  return v_left;
end
$$;

create or replace function engine.restore_records(caller name, schema_name text, object_name text, record_ids uuid[], choices jsonb, on_problem text) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.trashed_object(caller, schema_name, object_name);
  v_ids uuid[] := engine.trashed_ids(caller, schema_name, v_object, record_ids);
  v_left jsonb;
begin
  if coalesce(on_problem, '') not in ('REFUSE', 'SKIP') then
    raise exception 'What is in the way is not dealt with by "%".', on_problem using errcode = 'RV230', column = 'on_problem', hint = 'REFUSE restores nothing then, SKIP restores the others.';
  elsif jsonb_typeof(coalesce(choices, '{}')) <> 'object' or exists (select from jsonb_each(choices) c where jsonb_typeof(c.value) <> 'object') then
    raise exception 'These are no choices.' using errcode = 'RV227', column = 'choices', hint = 'Choices are {"id of a record": {"field": value}}.';
  end if;
  perform engine.choose_values(caller, schema_name, v_object.workspace_id, coalesce(choices, '{}'));
  v_left := engine.put_back_each(schema_name, v_object, v_ids, caller);
  if v_left <> '[]' and on_problem = 'REFUSE' and cardinality(v_ids) = 1 then
    -- Said in its own words.
    perform engine.put_back(schema_name, v_object, v_ids[1], caller);
  elsif v_left <> '[]' and on_problem = 'REFUSE' then
    raise exception '% of % records cannot be restored as they are.', jsonb_array_length(v_left), cardinality(v_ids)
      using errcode = 'RV231', detail = (select jsonb_agg(e)::text from (select e from jsonb_array_elements(v_left) e limit 20) l),
        hint = 'plan_restore says what is in the way. Choose values for them, or leave them out by on_problem SKIP.';
  end if;
  if coalesce(choices, '{}') <> '{}' then
    perform engine.assert_choices(caller, schema_name, v_object.workspace_id, choices);
  end if;
  return jsonb_build_object('restored', cardinality(v_ids) - jsonb_array_length(v_left), 'missing', cardinality(array(select distinct unnest(record_ids))) - cardinality(v_ids), 'left', v_left);
end
$$;

-- Made and taken back: what restoring would meet.
create or replace function engine.plan_restore(caller name, schema_name text, object_name text, record_ids uuid[], choices jsonb) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.trashed_object(caller, schema_name, object_name);
  v_ids uuid[] := engine.trashed_ids(caller, schema_name, v_object, record_ids);
  v_left jsonb;
  v_problems jsonb := '[]';
  v_plan jsonb;
  v_label text;
  v_id uuid;
begin
  begin
    perform engine.choose_values(caller, schema_name, v_object.workspace_id, coalesce(choices, '{}'));
    v_left := engine.put_back_each(schema_name, v_object, v_ids, caller);
    for v_id in select (e ->> 'recordId')::uuid from jsonb_array_elements(v_left) e limit 100 loop
      execute format('select d.label from %I.trash d where d.object_id = $1 and d.record_id = $2', schema_name) into v_label using v_object.id, v_id;
      v_problems := v_problems || jsonb_build_object('recordId', v_id,
        'label', case when engine.reads_wholly(caller, v_object.id) or engine.reads_label(caller, schema_name, v_object) then v_label end,
        'problems', engine.find_restore_problems(caller, schema_name, v_object, v_id));
    end loop;
    v_plan := jsonb_build_object('restorable', cardinality(v_ids) - jsonb_array_length(v_left), 'missing', cardinality(array(select distinct unnest(record_ids))) - cardinality(v_ids), 'left', v_problems);
    raise exception 'planned' using errcode = 'RVEND';
  exception when sqlstate 'RVEND' then
    return v_plan;
  end;
end
$$;

-- Reached only through the tenant's own functions, which name the caller.
grant execute on function engine.restore_records(name, text, text, uuid[], jsonb, text), engine.plan_restore(name, text, text, uuid[], jsonb) to relvar_crm;
--! EndIncluded engine/trash/restore.sql
--! Included engine/trash/destroy.sql
-- Takes records out of the trash for good, with what belonged to them. What they were stays in the event log, where
-- there is one.

-- All of one workspace at once, whoever wants it: asks for no rights.
create or replace function engine.empty_trash(schema_name text, entries uuid[]) returns int
language plpgsql volatile set search_path = ''
as $$
declare
  v_actor engine.actor := engine.current_actor();
  v_count int;
begin
  execute format($sql$
    with gone as (
      delete from %1$I.trash t where t.id = any ($1) returning t.object_id, t.record_id
    ), shares as (
      delete from %1$I.record_shares s using gone g where s.object_id = g.object_id and s.record_id = g.record_id
    ), comments as (
      delete from %1$I.record_comments c using gone g where c.object_id = g.object_id and c.record_id = g.record_id
    ), batches as materialized (
      select d.id, d.workspace_id, nextval('engine.event_batch') as batch
      from (select distinct o.id, o.workspace_id from gone g join metadata.objects o on o.id = g.object_id where o.is_audited) d
    ), events as (
      insert into %1$I.record_events (batch, seq, object_id, record_id, action, actor_type, actor_id, actor_name, source, request_id)
      select b.batch, row_number() over (partition by g.object_id), g.object_id, g.record_id, 'destroyed', $2, $3, $4, $5, $6
      from gone g join batches b on b.id = g.object_id
    ), told as (
      insert into engine.outbox (batch, workspace_id, object_id, action) select b.batch, b.workspace_id, b.id, 'destroyed' from batches b
    )
    select count(*) from gone$sql$, schema_name)
  into v_count using entries, v_actor.type, v_actor.id, v_actor.name, engine.current_source(), nullif(current_setting('relvar.request_id', true), '');
  return v_count;
end
$$;

create or replace function engine.destroy_records(caller name, schema_name text, object_name text, record_ids uuid[]) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.trashed_object(caller, schema_name, object_name, 'DESTROY');
  v_entries uuid[];
begin
  execute format('select array(select d.id from %I.trash d where d.object_id = $1 and d.record_id = any ($2) order by d.id for update)', schema_name)
    into v_entries using v_object.id, engine.trashed_ids(caller, schema_name, v_object, record_ids, 'DESTROY');
  return engine.empty_trash(schema_name, v_entries);
end
$$;

create or replace function engine.destroy_record(caller name, schema_name text, object_name text, record_id uuid) returns boolean
language sql volatile security definer set search_path = ''
as $$ select engine.destroy_records(caller, schema_name, object_name, array[record_id]) > 0 $$;

-- Reached only through the tenant's own functions, which name the caller.
grant execute on function engine.destroy_records(name, text, text, uuid[]), engine.destroy_record(name, text, text, uuid) to relvar_crm;
--! EndIncluded engine/trash/destroy.sql
--! Included engine/trash/list.sql
-- What lies in the trash, of all objects that the caller reads, the latest first. Each object has its own rules, so each is
-- asked for its latest, and they meet at the end.
create or replace function engine.list_trash(caller name, schema_name text, wanted_object text, search text, deleted_by text, max_results int, before_deleted_at timestamptz, before_id uuid)
returns table (id uuid, object_name text, record_id uuid, label text, deleted_at timestamptz, deleted_by_name text, destroyed_at timestamptz, may_restore boolean, may_destroy boolean)
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace uuid := (select w.id from core.workspaces w where w.schema_name = list_trash.schema_name);
  v_days int := (select s.trash_days from core.workspace_settings s where s.workspace_id = v_workspace);
  v_limit int := least(greatest(max_results, 1), 1000);
  v_objects uuid[];
  v_object metadata.objects;
  v_is_whole boolean;
  v_queries text[] := '{}';
  v_table text;
  v_read text;
  v_delete text;
  v_destroy text;
begin
  if wanted_object is not null then
    v_objects := array[(engine.past_object(caller, schema_name, wanted_object)).id];
  else
    execute format('select array(select distinct d.object_id from %I.trash d)', schema_name) into v_objects;
  end if;
  for v_object in select o.* from metadata.objects o where o.workspace_id = v_workspace and o.id = any (v_objects) and o.deleted_at is null and o.is_active and not o.is_junction loop
    continue when not engine.has_right(caller, v_object.id, 'READ');
    v_table := format('%I.%I', schema_name, v_object.table_name);
    v_is_whole := engine.reads_wholly(caller, v_object.id);
    v_read := engine.condition_of(caller, v_object.id, 'READ', 't.');
    v_delete := engine.condition_of(caller, v_object.id, 'DELETE', 't.');
    v_destroy := engine.condition_of(caller, v_object.id, 'DESTROY', 't.');
    v_queries := v_queries || format(
      '(select d.id, %1$L, d.record_id, %2$s, d.deleted_at, %3$s, %4$s, %5$s
        from %6$I.trash d cross join lateral %11$s t
        where d.object_id = %7$L and %8$s and ($1 is null or %9$L::boolean and d.label ilike $1) and ($2 is null or %10$L::boolean and d.deleted_by_name = $2)
          and ($3 is null or (d.deleted_at, d.id) < ($3, $4)) order by d.deleted_at desc, d.id desc limit $5)',
      v_object.name_singular, case when v_is_whole or engine.reads_label(caller, schema_name, v_object) then 'd.label' else 'null::text' end,
      case when v_is_whole or has_column_privilege(caller, v_table, 'updated_by_name', 'select') then 'd.deleted_by_name' else 'null::text' end,
      v_delete, v_destroy, schema_name, v_object.id, v_read, v_is_whole or engine.reads_label(caller, schema_name, v_object),
      v_is_whole or has_column_privilege(caller, v_table, 'updated_by_name', 'select'),
      -- Rows are put together only where a rule looks at them: a value may be none of its type any more.
      case when array[v_read, v_delete, v_destroy] <@ '{true,false}' then '(select)' else format('jsonb_populate_record(null::%s, d.data)', v_table) end);
  end loop;
  if v_queries = '{}' then
    return;
  end if;
  return query execute format('select q.id, q.n, q.r, q.l, q.t, q.b, q.t + make_interval(days => $6), q.restore, q.destroy from (%s) q (id, n, r, l, t, b, restore, destroy) order by q.t desc, q.id desc limit $5',
    array_to_string(v_queries, ' union all '))
  using '%' || replace(replace(replace(nullif(btrim(search), ''), '\', '\\'), '%', '\%'), '_', '\_') || '%', deleted_by, before_deleted_at, before_id, v_limit, v_days;
end
$$;

-- Reached only through the tenant's own functions, which name the caller.
grant execute on function engine.list_trash(name, text, text, text, text, int, timestamptz, uuid) to relvar_crm, relvar_reader;
--! EndIncluded engine/trash/list.sql
--! Included engine/trash/delete.sql
-- Deletes records of one object by one statement, as whoever calls: grants and policies say which.
create or replace function engine.delete_records(workspace_id uuid, schema_name text, object_name text, record_ids uuid[]) returns int
language plpgsql volatile set search_path = ''
as $$
declare
  v_table text;
  v_count int;
begin
  select o.table_name into v_table from metadata.objects o
  where o.workspace_id = delete_records.workspace_id and o.name_singular = object_name and o.deleted_at is null;
  if v_table is null then
    raise exception 'There is no object "%".', object_name using errcode = 'RV011', hint = 'Give the singular API name, such as person.';
  elsif cardinality(record_ids) > 10000 then
    raise exception 'At most 10,000 records at once.' using errcode = 'RV229', column = 'record_ids', hint = 'Do it in several calls.';
  end if;
  execute format('delete from %I.%I where id = any ($1)', schema_name, v_table) using record_ids;
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

-- Reached only through the tenant's own functions, bound to their schema.
grant execute on function engine.delete_records(uuid, text, text, uuid[]) to relvar_crm;
--! EndIncluded engine/trash/delete.sql
-- ── the timeline of a record ───────────────────────────────────────────────────────────────────
--! Included engine/timeline.sql
-- The timeline of a record: what happened to it, what was said about it, and the notes, tasks and files that it has, in one
-- stream, the latest first, as far as the caller may read each.

-- The caller's notes, tasks and files of a record, as a query over $1, the record; null where the caller can see none. They
-- stand where they were tied to it. The words for what joins them are those of the standard objects.
create or replace function engine.query_of_attached(caller name, schema_name text, object metadata.objects, kinds text[]) returns text
language sql stable set search_path = '' set jit = off
as $$
  select string_agg(format(
    'select %1$L, l.created_at, %2$s, null::uuid, null::text, null::jsonb, %3$L, l.record_id
     from (select t.id, t.created_at, t.created_by_source, t.created_by_member_id, t.created_by_name, t.%4$I as record_id from %5$I.%6$I t where t.%7$I = $1 and %8$s) l%9$s',
    s.kind, case when has_column_privilege(caller, s.holder_table, 'created_by_name', 'select')
      then 'case when l.created_by_member_id is not null then ''member'' else '''' end, l.created_by_member_id, l.created_by_name, l.created_by_source' else $q$'', null::uuid, null::text, ''$q$ end,
    coalesce(s.target_name, s.holder_name), coalesce(s.target_column, 'id'), schema_name, s.table_name, s.column_name, engine.condition_of(caller, s.holder_id, 'READ', 't.'),
    case when s.target_id is not null then format(' where exists (select from %I.%I t where t.id = l.record_id and %s)', schema_name, s.target_table, engine.condition_of(caller, s.target_id, 'READ', 't.')) end), ' union all ')
  from (
    select k.kind, h.id as holder_id, h.name_singular as holder_name, h.table_name, format('%I.%I', schema_name, h.table_name)::regclass as holder_table, c.name as column_name,
      t.id as target_id, t.name_singular as target_name, t.table_name as target_table, tc.name as target_column
    from (values ('NOTE', 'standard:noteTarget', 'standard:note'), ('TASK', 'standard:taskTarget', 'standard:task'), ('FILE', 'standard:attachment', null)) k (kind, holder, target)
    join metadata.objects h on h.workspace_id = (object).workspace_id and h.universal_identifier = k.holder and h.is_active and h.deleted_at is null
    join metadata.fields f on f.object_id = h.id and f.is_active and f.deleted_at is null
    join metadata.relations r on r.field_id = f.id and r.target_object_id = (object).id and r.deleted_at is null
    join engine.field_columns((object).workspace_id, array[h.id]) c on c.key = engine.column_key(f.id, f.revision, r.id::text)
    left join metadata.objects t on t.workspace_id = (object).workspace_id and t.universal_identifier = k.target and t.is_active and t.deleted_at is null
    left join metadata.fields tf on tf.object_id = h.id and tf.is_active and tf.deleted_at is null and tf.id <> f.id
      and exists (select from metadata.relations tr where tr.field_id = tf.id and tr.target_object_id = t.id and tr.deleted_at is null)
    left join metadata.relations tr on tr.field_id = tf.id and tr.target_object_id = t.id and tr.deleted_at is null
    left join engine.field_columns((object).workspace_id, array[h.id]) tc on tc.key = engine.column_key(tf.id, tf.revision, tr.id::text)
    where k.kind = any (kinds) and (k.target is null or tc.name is not null)
  ) s
  where has_column_privilege(caller, s.holder_table, s.column_name, 'select') and (s.target_column is null or has_column_privilege(caller, s.holder_table, s.target_column, 'select'))
$$;

create or replace function engine.timeline_moment(entry_key text) returns timestamptz
language plpgsql immutable set search_path = ''
as $$
begin
  if entry_key ~ '^\d{4}-\d\d-\d\dT[\d:.]+~.' then
    return split_part(entry_key, '~', 1)::timestamp at time zone 'UTC';
  end if;
  raise invalid_datetime_format;
exception when datetime_field_overflow or invalid_datetime_format then
  raise exception 'There is no such place in a timeline: %.', entry_key using errcode = 'RV233', hint = 'Give the entryKey of the last entry that you have.';
end
$$;

create or replace function engine.record_timeline(caller name, schema_name text, object_name text, record_id uuid, kinds text[], max_results int, before_entry text)
returns table (entry_key text, kind text, happened_at timestamptz, actor_type text, actor_id uuid, actor_name text, source text,
  batch bigint, seq int, action text, before jsonb, after jsonb, comment_id uuid, body text, mentions jsonb, related_object text, related_id uuid)
language plpgsql stable security definer set search_path = '' set jit = off
as $$
declare
  v_object metadata.objects := engine.past_object(caller, schema_name, object_name);
  v_all text[] := '{CHANGE,COMMENT,NOTE,TASK,FILE}';
  v_kinds text[] := coalesce(kinds, v_all);
  v_limit int := least(greatest(max_results, 1), 200);
  v_at timestamptz;
  v_key text;
  v_beside text;
begin
  if not v_kinds <@ v_all then
    raise exception 'A timeline has no entries of the kind "%".', (select k from unnest(v_kinds) k where k <> all (v_all) or k is null limit 1) using errcode = 'RV234', hint = 'There are CHANGE, COMMENT, NOTE, TASK and FILE.';
  end if;
  if before_entry is not null then
    v_at := engine.timeline_moment(before_entry);
    v_key := split_part(before_entry, '~', 2);
  end if;
  -- What lies in the trash has its history; the rest is told of records that there are.
  if engine.may_touch(caller, v_object.id, record_id, 'READ') then
    v_beside := concat_ws(' union all ',
      case when 'COMMENT' = any (v_kinds) then format(
        'select ''COMMENT'', c.created_at, c.author_type, c.author_id, c.author_name, '''', c.id, c.body, c.mentions || coalesce((
           select jsonb_object_agg(m.id, m.name) from core.members m where m.workspace_id = $2 and m.id = any (engine.mentioned_ids(c.body)) and m.name <> ''''), ''{}''), null::text, null::uuid
         from %I.record_comments c where c.object_id = $3 and c.record_id = $1 and c.removed_at is null', schema_name) end,
      engine.query_of_attached(caller, schema_name, v_object, v_kinds));
  end if;
  return query
    with entry as (
      select engine.event_key(e.batch, e.seq) as key, 'CHANGE' as kind, e.happened_at, e.actor_type, e.actor_id, e.actor_name, e.source, e.batch, e.seq, e.action, e.before, e.after,
        null::uuid as comment_id, null::text as body, null::jsonb as mentions, null::text as related_object, null::uuid as related_id
      -- Comments are told by what they say.
      from engine.past_events(caller, schema_name, v_object, record_id, v_limit,
        'e.action <> ''commented'' and ($9 is null or (e.happened_at, engine.event_key(e.batch, e.seq) collate "C") < ($9, $10))',
        'e.happened_at desc, e.batch desc, e.seq desc', null, v_at, v_key) e
      where 'CHANGE' = any (v_kinds)
      union all
      select b.key, b.kind, b.happened_at, b.actor_type, b.actor_id, b.actor_name, b.source, null, null, null, null, null, b.comment_id, b.body, b.mentions, b.related_object, b.related_id
      from engine.timeline_beside(v_beside, record_id, v_object.workspace_id, v_object.id, v_at, v_key, v_limit) b
    )
    select to_char(e.happened_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') || '~' || e.key, e.kind, e.happened_at, e.actor_type, e.actor_id, e.actor_name, e.source,
      e.batch, e.seq, e.action, e.before, e.after, e.comment_id, e.body, e.mentions, e.related_object, e.related_id
    from entry e order by e.happened_at desc, e.key collate "C" desc limit v_limit;
end
$$;

-- A page of what is told beside the changes.
create or replace function engine.timeline_beside(query text, record_id uuid, workspace_id uuid, object_id uuid, before_at timestamptz, before_key text, max_results int)
returns table (key text, kind text, happened_at timestamptz, actor_type text, actor_id uuid, actor_name text, source text,
  comment_id uuid, body text, mentions jsonb, related_object text, related_id uuid)
language plpgsql stable set search_path = '' set jit = off
as $$
begin
  if query = '' or query is null then
    return;
  end if;
  return query execute format(
    'select k.key, b.* from (%s) b (kind, happened_at, actor_type, actor_id, actor_name, source, comment_id, body, mentions, related_object, related_id)
     cross join lateral (select ''x'' || b.kind || coalesce(b.comment_id, b.related_id) as key) k
     where $4 is null or (b.happened_at, k.key collate "C") < ($4, $5)
     order by b.happened_at desc, k.key collate "C" desc limit $6', query)
  using record_id, workspace_id, object_id, before_at, before_key, max_results;
end
$$;

-- Reached only through the tenant's own function, which names the caller.
grant execute on function engine.record_timeline(name, text, text, uuid, text[], int, text) to relvar_crm, relvar_reader;
--! EndIncluded engine/timeline.sql

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
--! Included core/domains.sql
-- What server and worker ask about own domains of workspaces.

create or replace function core.known_domains() returns table (host text, slug text, is_primary boolean, is_removed boolean)
language sql stable security definer set search_path = ''
as $$
  select d.host, w.slug, d.is_primary, d.removed_at is not null
  from core.workspace_domains d join core.workspaces w on w.id = d.workspace_id
  where d.proved_at is not null
  -- What is there now counts more than what was.
  order by d.removed_at is null, d.host
$$;
comment on function core.known_domains() is 'The domains that were proved, also those that were removed since: they are answered no more.';

create or replace function core.primary_domain(slug text) returns text
language sql stable security definer set search_path = ''
as $$
  select d.host from core.workspace_domains d join core.workspaces w on w.id = d.workspace_id
  where w.slug = primary_domain.slug and d.is_primary
$$;
comment on function core.primary_domain(text) is 'The own domain that is the address of a workspace; null where it has none.';

create or replace function core.note_domain_check(id uuid, token text, is_found boolean, member_id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_domain core.workspace_domains;
begin
  select * into v_domain from core.workspace_domains d
  -- The record that was looked for may be of a claim that was taken back meanwhile.
  where d.id = note_domain_check.id and d.token = note_domain_check.token and d.removed_at is null for update;
  if not found then
    raise exception 'There is no such domain.' using errcode = 'RV239', hint = 'It may have been removed meanwhile.';
  end if;
  if v_domain.proved_at is not null or not is_found then
    update core.workspace_domains d set checked_at = now() where d.id = v_domain.id;
    return v_domain.proved_at is not null;
  end if;
  update core.workspace_domains d set checked_at = now(), proved_at = now(),
    is_primary = not exists (select from core.workspace_domains o where o.workspace_id = v_domain.workspace_id and o.is_primary)
  where d.id = v_domain.id;
  perform core.note_auth_event('DOMAIN_PROVED', v_domain.workspace_id, (select m.user_id from core.members m where m.id = note_domain_check.member_id),
    detail => jsonb_build_object('domain', v_domain.host));
  return true;
exception when unique_violation then
  raise exception '% belongs to another workspace.', v_domain.host using errcode = 'RV238', hint = 'It must be removed there first.';
end
$$;
comment on function core.note_domain_check(uuid, text, boolean, uuid) is
  'Notes whether the record that proves a domain was found. Once proved it stays so; the first domain that is proved becomes the address of the workspace.';

-- Servers remember the domains. Changes are rare and made by people, so they are told at once.
create or replace function core.tg_workspace_domains__notify() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform pg_notify('relvar_domains', '{}');
  return null;
end
$$;
create or replace trigger _500_notify after insert or update or delete on core.workspace_domains for each statement execute function core.tg_workspace_domains__notify();

grant execute on function core.known_domains(), core.note_domain_check(uuid, text, boolean, uuid) to relvar_server;
grant execute on function core.primary_domain(text) to relvar_server, relvar_worker;
--! EndIncluded core/domains.sql
--! Included metadata/domains.sql
-- Own domains of the workspace, for who has the permission WORKSPACE. The server looks for the record that proves one.

create or replace function engine.assert_keeps_domains() returns uuid
language plpgsql stable set search_path = ''
as $$
declare
  v_workspace uuid := engine.own_workspace();
begin
  perform engine.assert_manages(v_workspace, 'WORKSPACE');
  return v_workspace;
end
$$;

create or replace function engine.open_domain(id uuid) returns core.workspace_domains
language plpgsql volatile set search_path = ''
as $$
declare
  v_workspace uuid := engine.assert_keeps_domains();
  v_domain core.workspace_domains;
begin
  select * into v_domain from core.workspace_domains d where d.id = open_domain.id and d.workspace_id = v_workspace and d.removed_at is null for update;
  if not found then
    raise exception 'There is no such domain.' using errcode = 'RV239', hint = 'It may have been removed meanwhile.';
  end if;
  return v_domain;
end
$$;

create or replace function metadata.own_domains() returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.assert_keeps_domains();
begin
  return coalesce((select jsonb_agg(jsonb_build_object('id', d.id, 'host', d.host, 'record', '_relvar.' || d.host, 'token', d.token, 'provedAt', d.proved_at,
      'checkedAt', d.checked_at, 'isPrimary', d.is_primary) order by d.created_at, d.id)
    from core.workspace_domains d where d.workspace_id = v_workspace and d.removed_at is null), '[]');
end
$$;
comment on function metadata.own_domains() is
  'The own domains of the workspace: [{id, host, record: the name of the TXT record that proves it, token: what the record says, provedAt, checkedAt, isPrimary}].';

create or replace function metadata.add_own_domain(host text) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_workspace uuid := engine.assert_keeps_domains();
  v_host text := rtrim(lower(btrim(coalesce(add_own_domain.host, ''))), '.');
begin
  -- A name of at least two labels whose last has a letter, which no address has, and no name that the Internet's DNS does not know.
  if length(v_host) > 240 or v_host !~ '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+([a-z]{2,63}|xn--[a-z0-9-]{1,59})$'
    or v_host ~ '\.(localhost|local|internal|lan|home|invalid|arpa|onion)$' then
    raise exception '"%" cannot be the domain of a workspace.', left(add_own_domain.host, 100) using errcode = 'RV237', column = 'host',
      hint = 'Give a name such as crm.acme.com, without https:// and without a port; one with other letters in its form xn--….';
  end if;
  -- Two who add at once are counted one after the other.
  perform pg_advisory_xact_lock(hashtextextended('domains ' || v_workspace, 0));
  if (select count(*) from core.workspace_domains d where d.workspace_id = v_workspace and d.removed_at is null) >= 10 then
    raise exception 'A workspace has at most ten domains.' using errcode = 'RV239', hint = 'Remove one that is not used any more.';
  end if;
  if exists (select from core.workspace_domains d where d.host = v_host and d.removed_at is null and (d.workspace_id = v_workspace or d.proved_at is not null)) then
    raise exception '% is a domain of a workspace already.', v_host using errcode = 'RV238', column = 'host', hint = 'It must be removed there first.';
  end if;
  insert into core.workspace_domains (workspace_id, host, token) values (v_workspace, v_host, 'relvar-' || core.random_token());
  perform engine.note_security_event('DOMAIN_ADDED', jsonb_build_object('domain', v_host));
  return metadata.own_domains();
end
$$;
comment on function metadata.add_own_domain(text) is
  'Adds an own domain. It is answered once POST /domains/check has found the TXT record that metadata.own_domains() tells of.';

create or replace function metadata.begin_own_domain_check(id uuid) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_domain core.workspace_domains := engine.open_domain(begin_own_domain_check.id);
begin
  if not core.count_attempt('check domains ' || v_domain.workspace_id, 60, '1 hour') then
    raise exception 'The domains of this workspace were checked 60 times within an hour.' using errcode = 'RV239', hint = 'DNS records take a while to be seen. Wait some minutes.';
  end if;
  return jsonb_build_object('host', v_domain.host, 'record', '_relvar.' || v_domain.host, 'token', v_domain.token);
end
$$;
comment on function metadata.begin_own_domain_check(uuid) is 'What to look for to prove a domain: {host, record, token}. POST /domains/check asks it and looks.';

create or replace function metadata.set_primary_domain(id uuid default null) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_workspace uuid := engine.assert_keeps_domains();
  v_domain core.workspace_domains;
begin
  if set_primary_domain.id is not null then
    v_domain := engine.open_domain(set_primary_domain.id);
    if v_domain.proved_at is null then
      raise exception '% is not proved yet.', v_domain.host using errcode = 'RV239', hint = 'Set the TXT record and check it first.';
    end if;
  end if;
  update core.workspace_domains d set is_primary = false where d.workspace_id = v_workspace and d.is_primary;
  update core.workspace_domains d set is_primary = true where d.id = v_domain.id;
  perform engine.note_security_event('DOMAIN_LEADS', jsonb_strip_nulls(jsonb_build_object('domain', v_domain.host)));
  return metadata.own_domains();
end
$$;
comment on function metadata.set_primary_domain(uuid) is
  'Which proved domain is the address of the workspace, that links in mails name; without one it is the address that the server gives it. The others are answered all the same.';

create or replace function metadata.remove_own_domain(id uuid) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_domain core.workspace_domains := engine.open_domain(remove_own_domain.id);
begin
  if v_domain.proved_at is null then
    delete from core.workspace_domains d where d.id = v_domain.id;
  else
    update core.workspace_domains d set removed_at = now(), is_primary = false where d.id = v_domain.id;
  end if;
  perform engine.note_security_event('DOMAIN_REMOVED', jsonb_build_object('domain', v_domain.host));
  return metadata.own_domains();
end
$$;
comment on function metadata.remove_own_domain(uuid) is 'Takes a domain from the workspace: it is answered no more, at once. To have it again it is proved anew.';

grant execute on function metadata.own_domains(), metadata.add_own_domain(text), metadata.begin_own_domain_check(uuid), metadata.set_primary_domain(uuid), metadata.remove_own_domain(uuid) to relvar_crm;
--! EndIncluded metadata/domains.sql
