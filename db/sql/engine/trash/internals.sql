-- The trash as every tenant has it: what may be done with what was deleted.
create or replace function engine.desired_trash_internals(workspace_id uuid, schema_name text) returns setof engine.fact
language sql stable set search_path = ''
as $$
  select v.kind, v.key, null, null, v.key, v.definition, engine.fact_comment(v.key, v.definition, v.tags, v.description),
    null, null::boolean, null, null, null::oid
  from (values
    -- As PostgreSQL prints them, so that what stands there can be compared.
    ('function', 'list_trash', format(
$function$CREATE OR REPLACE FUNCTION %1$I.list_trash(INOUT object_name text DEFAULT NULL::text, search text DEFAULT NULL::text, deleted_by text DEFAULT NULL::text, max_results integer DEFAULT 50, before_deleted_at timestamp with time zone DEFAULT NULL::timestamp with time zone, before_id uuid DEFAULT NULL::uuid, OUT id uuid, OUT record_id uuid, OUT label text, OUT deleted_at timestamp with time zone, OUT deleted_by_name text, OUT destroyed_at timestamp with time zone, OUT may_restore boolean, OUT may_destroy boolean, OUT went_along jsonb)
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
     t.may_destroy,
     t.went_along
    FROM engine.list_trash(CURRENT_USER, %1$L::text, list_trash.object_name, list_trash.search, list_trash.deleted_by, list_trash.max_results, list_trash.before_deleted_at, list_trash.before_id) t(id, object_name, record_id, label, deleted_at, deleted_by_name, destroyed_at, may_restore, may_destroy, went_along);
END$function$, schema_name),
      null::text, 'What lies in the trash of all objects, or of one, that the caller could read while it was there, the latest first; by words of the label, and by who deleted it. The deletedAt and id of the last one lead to the next page. destroyedAt is when the nightly job destroys it; wentAlong counts what its deletion took along, by object.'),
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
