-- What a tenant has for files: what each is, which records hold it, and the functions that reach them. Both tables are closed to
-- every role: a file is found by the records that one may read.
create or replace function engine.desired_file_internals(schema_name text) returns setof engine.fact
language sql stable set search_path = ''
as $$
  select v.kind, v.key, null, null, v.key, v.definition, engine.fact_comment(v.key, v.definition, v.tags, v.description),
    null, null::boolean, null, null, null::oid
  from (values
    ('internal', 'record_files', format(
      'create table %1$I.record_files (
        id uuid primary key default %2$s, name text not null, media_type text not null default ''application/octet-stream'', size bigint not null default 0 check (size >= 0),
        sha256 text, created_by_type text not null, created_by_id uuid, created_by_name text, created_at timestamptz not null default now(), stored_at timestamptz);
      create index record_files_created_at_idx on %1$I.record_files (created_at);
      comment on column %1$I.record_files.id is ''Identifies the file, here and where its content is stored.'';
      comment on column %1$I.record_files.name is ''What it was called when it was uploaded. What it is called in a record stands there.'';
      comment on column %1$I.record_files.media_type is ''What it is, found out by its content.'';
      comment on column %1$I.record_files.size is ''How many bytes it has.'';
      comment on column %1$I.record_files.sha256 is ''The SHA-256 of its content, in hexadecimal.'';
      comment on column %1$I.record_files.created_by_type is ''Who uploaded it: member, api_key, application and so on.'';
      comment on column %1$I.record_files.created_by_id is ''The member, the API key or the app.'';
      comment on column %1$I.record_files.created_by_name is ''What they were called at the time.'';
      comment on column %1$I.record_files.created_at is ''When its upload began.'';
      comment on column %1$I.record_files.stored_at is ''When all of it was stored; null while it is being uploaded, or for what was broken off.''', schema_name, engine.uuid_default()),
      '@behavior -*', 'Files that were uploaded. Their content is stored beside the database.'),
    ('internal', 'record_file_uses', format(
      'create table %1$I.record_file_uses (
        file_id uuid not null references %1$I.record_files, object_id uuid not null, field_id uuid not null, holder_id uuid not null, released_at timestamptz,
        primary key (holder_id, field_id, file_id));
      create index record_file_uses_file_id_idx on %1$I.record_file_uses (file_id);
      create index record_file_uses_released_at_idx on %1$I.record_file_uses (released_at) where released_at is not null;
      comment on column %1$I.record_file_uses.file_id is ''The file.'';
      comment on column %1$I.record_file_uses.object_id is ''The object of the record: metadata.objects.id.'';
      comment on column %1$I.record_file_uses.field_id is ''The field that holds it: metadata.fields.id.'';
      comment on column %1$I.record_file_uses.holder_id is ''The record, which may lie in the trash.'';
      comment on column %1$I.record_file_uses.released_at is ''When the field gave it up; null while it holds it.''', schema_name),
      '@behavior -*', 'Which records hold which files. A file that none holds is purged.'),
    ('function', 'open_file', format(
$function$CREATE OR REPLACE FUNCTION %1$I.open_file(file_id uuid)
 RETURNS TABLE(id uuid, name text, media_type text, size bigint, sha256 text)
 LANGUAGE sql
 STABLE ROWS 1
BEGIN ATOMIC
 SELECT f.id,
     f.name,
     f.media_type,
     f.size,
     f.sha256
    FROM engine.open_file(CURRENT_USER, %1$L::text, open_file.file_id) f(id, name, media_type, size, sha256);
END$function$, schema_name),
      '@behavior -*', 'A file that a record which the caller may read holds in a field that the caller may read; no row where there is none.'),
    ('function', 'begin_upload', format(
$function$CREATE OR REPLACE FUNCTION %1$I.begin_upload(name text, INOUT max_bytes bigint, OUT file_id uuid)
 RETURNS record
 LANGUAGE sql
BEGIN ATOMIC
 SELECT u.max_bytes,
     u.file_id
    FROM engine.begin_upload(CURRENT_USER, %1$L::text, begin_upload.name, begin_upload.max_bytes) u(max_bytes, file_id);
END$function$, schema_name),
      '@behavior -*', 'Notes that a file is being uploaded. Returns its id, and how many bytes it may have. POST /files uses it.')
  ) as v (kind, key, definition, tags, description)
$$;
