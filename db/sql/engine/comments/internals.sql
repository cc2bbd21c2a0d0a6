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
