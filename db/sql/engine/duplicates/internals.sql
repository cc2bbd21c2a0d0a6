-- Duplicates as every tenant has them: what was found, and the functions that tell it.
create or replace function engine.desired_duplicate_internals(workspace_id uuid, schema_name text) returns setof engine.fact
language sql stable set search_path = ''
as $$
  select v.kind, v.key, null, null, v.key, v.definition, engine.fact_comment(v.key, v.definition, v.tags, v.description),
    null, null::boolean, null, null, null::oid
  from (values
    ('internal', 'record_duplicates', format(
      'create table %1$I.record_duplicates (
        object_id uuid not null, first_id uuid not null, second_id uuid not null check (first_id < second_id),
        scores jsonb not null, score real not null, is_sure boolean not null, scanned_at timestamptz not null default now(),
        dismissed_at timestamptz, dismissed_by_name text,
        primary key (object_id, first_id, second_id));
      create index record_duplicates_second_id_idx on %1$I.record_duplicates (second_id, object_id);
      comment on column %1$I.record_duplicates.object_id is ''The object of the records: metadata.objects.id.'';
      comment on column %1$I.record_duplicates.first_id is ''One record.'';
      comment on column %1$I.record_duplicates.second_id is ''The other.'';
      comment on column %1$I.record_duplicates.scores is ''How alike they are, 0 to 1, by criterion.'';
      comment on column %1$I.record_duplicates.score is ''How alike they are by all of them.'';
      comment on column %1$I.record_duplicates.is_sure is ''Whether a criterion that is sure says so.'';
      comment on column %1$I.record_duplicates.scanned_at is ''When they were found last.'';
      comment on column %1$I.record_duplicates.dismissed_at is ''When somebody said that they are not the same; null otherwise.'';
      comment on column %1$I.record_duplicates.dismissed_by_name is ''Who said so.''', schema_name),
      '@behavior -*', 'Pairs of records that may be the same, as the job found them.'),
    -- As PostgreSQL prints them, so that what stands there can be compared.
    ('function', 'find_duplicates', format(
$function$CREATE OR REPLACE FUNCTION %1$I.find_duplicates(object_name text, INOUT record_id uuid, max_results integer DEFAULT 20, OUT label text, OUT criteria jsonb, OUT reasons jsonb, OUT score real)
 RETURNS SETOF record
 LANGUAGE sql
 STABLE ROWS 5
BEGIN ATOMIC
 SELECT d.record_id,
     d.label,
     d.criteria,
     d.reasons,
     d.score
    FROM engine.visible_duplicates(engine.duplicate_candidates(CURRENT_USER, %1$L::text, find_duplicates.object_name, find_duplicates.record_id, NULL::jsonb), find_duplicates.max_results) d(record_id, label, criteria, reasons, score);
END$function$, schema_name),
      null::text, 'Records that are like a record by the criteria of their object, the likest first: criteria are the fields that they share, reasons say how each is compared, and score is how alike they are, 0 to 1.'),
    ('function', 'find_duplicates_of', format(
$function$CREATE OR REPLACE FUNCTION %1$I.find_duplicates_of(object_name text, data jsonb, max_results integer DEFAULT 20)
 RETURNS TABLE(record_id uuid, label text, criteria jsonb, reasons jsonb, score real)
 LANGUAGE sql
 STABLE ROWS 5
BEGIN ATOMIC
 SELECT d.record_id,
     d.label,
     d.criteria,
     d.reasons,
     d.score
    FROM engine.visible_duplicates(engine.duplicate_candidates(CURRENT_USER, %1$L::text, find_duplicates_of.object_name, NULL::uuid, find_duplicates_of.data), find_duplicates_of.max_results) d(record_id, label, criteria, reasons, score);
END$function$, schema_name),
      null, 'The same for values that are not saved yet, named as when a record is created.'),
    ('function', 'list_duplicates', format(
$function$CREATE OR REPLACE FUNCTION %1$I.list_duplicates(INOUT object_name text DEFAULT NULL::text, is_dismissed boolean DEFAULT false, max_results integer DEFAULT 50, skip integer DEFAULT 0, OUT first_id uuid, OUT second_id uuid, OUT first_label text, OUT second_label text, OUT score real, OUT is_sure boolean, OUT reasons jsonb, OUT may_merge boolean, OUT dismissed_at timestamp with time zone, OUT dismissed_by_name text, OUT total integer)
 RETURNS SETOF record
 LANGUAGE sql
 STABLE ROWS 50
BEGIN ATOMIC
 SELECT d.object_name,
     d.first_id,
     d.second_id,
     d.first_label,
     d.second_label,
     d.score,
     d.is_sure,
     d.reasons,
     d.may_merge,
     d.dismissed_at,
     d.dismissed_by_name,
     d.total
    FROM engine.list_duplicates(CURRENT_USER, %1$L::text, list_duplicates.object_name, list_duplicates.is_dismissed, list_duplicates.max_results, list_duplicates.skip) d(object_name, first_id, second_id, first_label, second_label, score, is_sure, reasons, may_merge, dismissed_at, dismissed_by_name, total);
END$function$, schema_name),
      null, 'Pairs of records that may be the same, of all objects or of one, the surest first, as they were found when scan_duplicates looked last and as far as the caller reads both and what they share. With isDismissed those of which somebody said that they are not. total counts those of the object, about.'),
    ('function', 'sure_duplicates', format(
$function$CREATE OR REPLACE FUNCTION %1$I.sure_duplicates(object_name text, max_groups integer DEFAULT 100)
 RETURNS TABLE(survivor_id uuid, other_ids uuid[], label text, data jsonb, total_groups integer, total_records integer)
 LANGUAGE sql
 STABLE ROWS 100
BEGIN ATOMIC
 SELECT s.survivor_id,
     s.other_ids,
     s.label,
     s.data,
     s.total_groups,
     s.total_records
    FROM engine.sure_duplicates(CURRENT_USER, %1$L::text, sure_duplicates.object_name, sure_duplicates.max_groups) s(survivor_id, other_ids, label, data, total_groups, total_records);
END$function$, schema_name),
      null, 'Groups of records that a criterion which is sure takes for the same and that the caller may merge, each with what merge_records takes to do so.'),
    ('function', 'dismiss_duplicates', format(
$function$CREATE OR REPLACE FUNCTION %1$I.dismiss_duplicates(object_name text, record_ids uuid[], is_dismissed boolean DEFAULT true)
 RETURNS integer
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.dismiss_duplicates(CURRENT_USER, %1$L::text, object_name, record_ids, is_dismissed) AS dismiss_duplicates;
END$function$, schema_name),
      null, 'Says that records are not the same, each of them with each: they are not found as duplicates any more, until isDismissed false takes it back. For who may change one of two. Returns how many pairs.'),
    ('function', 'scan_duplicates', format(
$function$CREATE OR REPLACE FUNCTION %1$I.scan_duplicates()
 RETURNS jsonb
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.want_duplicate_scan(CURRENT_USER, %1$L::text) AS want_duplicate_scan;
END$function$, schema_name),
      null, 'Has a job look for the duplicates of all objects. Returns when that was done last, and whether it is being done.'),
    ('function', 'duplicate_scan', format(
$function$CREATE OR REPLACE FUNCTION %1$I.duplicate_scan()
 RETURNS jsonb
 LANGUAGE sql
 STABLE
BEGIN ATOMIC
 SELECT engine.duplicate_scan_state(%2$L::uuid) AS duplicate_scan_state;
END$function$, schema_name, workspace_id),
      null, 'When duplicates were looked for last (scannedAt), and whether they are being looked for (isRunning).')
  ) as v (kind, key, definition, tags, description)
$$;
