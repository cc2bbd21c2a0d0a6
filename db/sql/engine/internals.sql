-- What every tenant has besides its objects.

create or replace function engine.internal_tables() returns text[]
language sql immutable parallel safe
  return '{record_events,event_batches,event_archive,trash,record_shares,record_comments,record_merges,record_duplicates,record_files,record_file_uses}'::text[];

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
      null, 'All that is told of a record, the latest first: changes, comments, and the notes, tasks and files that it has, and what happens to records whose relation to it says so, as far as the caller may read them. kinds: CHANGE, RELATED, COMMENT, NOTE, TASK, FILE. beforeEntry: the entryKey of the last entry leads to the next page.'),
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
$function$CREATE OR REPLACE FUNCTION %1$I.plan_revert(batch bigint DEFAULT NULL::bigint, seq integer DEFAULT NULL::integer, together boolean DEFAULT false, transaction_id xid8 DEFAULT NULL::xid8, request_id text DEFAULT NULL::text, INOUT object_name text DEFAULT NULL::text, INOUT record_id uuid DEFAULT NULL::uuid, field_name text DEFAULT NULL::text, moment timestamp with time zone DEFAULT NULL::timestamp with time zone, after_batch bigint DEFAULT NULL::bigint, max_results integer DEFAULT 100, skip integer DEFAULT 0, OUT label text, OUT action text, OUT before jsonb, OUT after jsonb, OUT conflicts jsonb, OUT total integer, OUT conflicting integer)
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
    FROM engine.plan_revert(CURRENT_USER, %1$L::text, jsonb_build_object('batch', plan_revert.batch, 'seq', plan_revert.seq, 'together', plan_revert.together, 'transaction_id', plan_revert.transaction_id, 'request_id', plan_revert.request_id, 'object_name', plan_revert.object_name, 'record_id', plan_revert.record_id, 'field_name', plan_revert.field_name, 'moment', plan_revert.moment, 'after_batch', plan_revert.after_batch), plan_revert.max_results, plan_revert.skip) r(object_name, record_id, label, action, before, after, conflicts, total, conflicting);
END$function$, schema_name),
      null, 'What would become of each record if changes were taken back, and what is in the way, that first. Which changes: one (batch and seq), a statement (batch), either with all that was done together with it; a transaction; a request; or a record, or one field of it, since a moment or after a batch. skip leads to the next page.'),
    ('function', 'revert', format(
$function$CREATE OR REPLACE FUNCTION %1$I.revert(batch bigint DEFAULT NULL::bigint, seq integer DEFAULT NULL::integer, together boolean DEFAULT false, transaction_id xid8 DEFAULT NULL::xid8, request_id text DEFAULT NULL::text, object_name text DEFAULT NULL::text, record_id uuid DEFAULT NULL::uuid, field_name text DEFAULT NULL::text, moment timestamp with time zone DEFAULT NULL::timestamp with time zone, after_batch bigint DEFAULT NULL::bigint, on_conflict text DEFAULT 'REFUSE'::text, decisions jsonb DEFAULT NULL::jsonb)
 RETURNS jsonb
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.end_revert(engine.run_as_caller(engine.restore_reverted(engine.run_as_caller(engine.begin_revert(CURRENT_USER, %1$L::text, jsonb_build_object('batch', batch, 'seq', seq, 'together', together, 'transaction_id', transaction_id, 'request_id', request_id, 'object_name', object_name, 'record_id', record_id, 'field_name', field_name, 'moment', moment, 'after_batch', after_batch), on_conflict, decisions))))) AS end_revert;
END$function$, schema_name),
      null, 'Takes changes back, named as in planRevert, in one transaction and with the rights of the caller: who may not change a record does not take its changes back. onConflict says what becomes of what is in the way: REFUSE (all stays as it is), SKIP (the rest is taken back) or OVERWRITE (also what was changed since); decisions, {record: {column: OVERWRITE or SKIP}}, go before it. Returns how many records were reverted and skipped, and why. It is a change itself, so it can be taken back, too.'),
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
    ('function', 'update_records', format(
$function$CREATE OR REPLACE FUNCTION %1$I.update_records(object_name text, record_ids uuid[], patches jsonb, on_problem text DEFAULT 'REFUSE'::text)
 RETURNS jsonb
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.update_records(%2$L::uuid, %1$L::text, object_name, record_ids, patches, on_problem) AS update_records;
END$function$, schema_name, workspace_id),
      null, 'Changes records of an object, 10,000 at most, all in one transaction. patches is {"field": value} for all of them, or a list of such, one for each of recordIds. What cannot be changed refuses all (onProblem REFUSE) or is left as it is (SKIP). Returns updated, and left: the ids of those that were left or are not there.'),
    ('function', 'link_records', format(
$function$CREATE OR REPLACE FUNCTION %1$I.link_records(object_name text, record_ids uuid[], field_name text, other_id uuid, are_linked boolean DEFAULT true)
 RETURNS integer
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.link_records(%2$L::uuid, %1$L::text, object_name, record_ids, field_name, other_id, are_linked) AS link_records;
END$function$, schema_name, workspace_id),
      null, 'Links records of an object, 10,000 at most, to one other by a relation to many, or takes these links away (areLinked false). Returns how many links came or went; those that are linked already, or that the caller does not see, do not count.'),
    ('function', 'save_text', format(
$function$CREATE OR REPLACE FUNCTION %1$I.save_text(object_name text, record_id uuid, field_name text, base text, text text)
 RETURNS jsonb
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.save_text(%2$L::uuid, %1$L::text, object_name, record_id, field_name, base, text) AS save_text;
END$function$, schema_name, workspace_id),
      null, 'Changes a rich text, its Markdown, that still is what base says, and leaves it as it is where somebody else has changed it meanwhile. Returns isSaved and text: what it is now, or null for a record that is gone.'),
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
  select * from engine.desired_file_internals(schema_name)
  union all
  select * from engine.desired_trash_internals(workspace_id, schema_name)
  union all
  select * from engine.desired_merge_internals(schema_name)
  union all
  select * from engine.desired_duplicate_internals(workspace_id, schema_name)
$$;
