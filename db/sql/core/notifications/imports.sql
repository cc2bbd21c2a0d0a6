-- Whatever runs an import tells its member by one call that it has ended, well or not, and once however often it is tried:
--   select core.tell_import_finished($import_id, $workspace_id, $member_id, $object_id, 'companies.csv', '{"created": 120, "updated": 3, "rejected": 2}');
-- With a failure, a plain sentence, it says that the import failed. Counts that are left out, or 0, are not told.
create or replace function core.tell_import_finished(import_id uuid, workspace_id uuid, member_id uuid, object_id uuid, file_name text, counts jsonb default '{}', failure text default null) returns void
language sql volatile security definer set search_path = ''
as $$
  select core.notify(workspace_id, array[member_id], 'IMPORT_FINISHED', object_id, null,
    jsonb_strip_nulls(jsonb_build_object('importId', import_id, 'name', left(file_name, 200), 'failure', left(failure, 500),
      'created', nullif((counts ->> 'created')::bigint, 0), 'updated', nullif((counts ->> 'updated')::bigint, 0), 'rejected', nullif((counts ->> 'rejected')::bigint, 0))),
    null, 'import:' || import_id)
$$;
comment on function core.tell_import_finished(uuid, uuid, uuid, uuid, text, jsonb, text) is
  'Tells a member that an import of theirs has ended: of which file, and how many records it created, updated and rejected, or why it failed. Telling it again tells nobody again.';
grant execute on function core.tell_import_finished(uuid, uuid, uuid, uuid, text, jsonb, text) to relvar_worker;
