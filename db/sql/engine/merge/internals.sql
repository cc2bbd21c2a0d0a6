-- What every tenant has for merging.
create or replace function engine.desired_merge_internals(schema_name text) returns setof engine.fact
language sql stable set search_path = ''
as $$
  select v.kind, v.key, null, null, v.key, v.definition, engine.fact_comment(v.key, v.definition, v.tags, v.description),
    null, null::boolean, null, null, null::oid
  from (values
    ('internal', 'record_merges', format(
      'create table %1$I.record_merges (
        id uuid primary key default %2$s, object_id uuid not null, survivor_id uuid not null, other_ids uuid[] not null, moved jsonb not null,
        merged_at timestamptz not null default now());
      create index record_merges_survivor_id_idx on %1$I.record_merges (survivor_id);
      create index record_merges_other_ids_idx on %1$I.record_merges using gin (other_ids);
      comment on column %1$I.record_merges.id is ''Identifies the merge.'';
      comment on column %1$I.record_merges.object_id is ''The object of the records: metadata.objects.id.'';
      comment on column %1$I.record_merges.survivor_id is ''The record that stayed.'';
      comment on column %1$I.record_merges.other_ids is ''The records that went into it.'';
      comment on column %1$I.record_merges.moved is ''Shares, favourites, comments and what else is no record, as they were before.'';
      comment on column %1$I.record_merges.merged_at is ''When.''', schema_name, engine.uuid_default()),
      '@behavior -*', 'Records that were merged into others, with what only goes back to them if the merge is taken back.'),
    ('function', 'plan_merge', format(
$function$CREATE OR REPLACE FUNCTION %1$I.plan_merge(object_name text, record_ids uuid[], survivor_id uuid DEFAULT NULL::uuid)
 RETURNS jsonb
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.plan_merge(CURRENT_USER, %1$L::text, object_name, record_ids, survivor_id) AS plan_merge;
END$function$, schema_name),
      null::text, 'What merging records would be like, 2 to 20 of them, also such as lie in the trash. Changes nothing. Returns survivorId, the fullest or the one that is named; survivors and removable: who may stay and who may go; records: [{recordId, label, values, isTrashed}]; choices: {field: id of the record whose value is proposed, or ALL for all values together}; united: those together, where a field holds several; data, as merge_records takes it; and moves: [{kind, objectName, label, counts: {id: number}}], of what the caller may read.')
  ) as v (kind, key, definition, tags, description)
$$;
