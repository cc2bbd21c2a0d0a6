--! Previous: sha1:7bfacf0aca10d31971057268530ff6cd63cff681
--! Hash: sha1:adc74992cc8d881fd6a10b9924e9d5b086fa646d
--! Message: tables boards imports files merges timelines

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

--! Included engine/files/access.sql
-- Who may open a file: who may read a record and the field of it that holds the file, now. The uploader may before a record
-- holds it, so that a picture can be shown while a form is filled in.

create or replace function engine.reads_field(caller name, schema_name text, field_id uuid) returns boolean
language sql stable set search_path = ''
as $$
  select coalesce(bool_and(has_column_privilege(caller, format('%I.%I', schema_name, o.table_name), engine.snake_case(f.name), 'select')), false)
  from metadata.fields f join metadata.objects o on o.id = f.object_id
  where f.id = field_id and f.deleted_at is null and f.is_active and o.deleted_at is null and o.is_active
$$;

-- The file as a record that the caller reads has it; null where there is none.
create or replace function engine.held_file(caller name, schema_name text, file_id uuid) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_value jsonb;
  r record;
begin
  for r in execute format(
    'select o.id as object_id, o.table_name, engine.snake_case(f.name) as column_name, f.id as field_id, array_agg(u.holder_id) as holders
     from %I.record_file_uses u join metadata.fields f on f.id = u.field_id and f.type = ''FILES'' join metadata.objects o on o.id = f.object_id
     where u.file_id = $1 and u.released_at is null group by o.id, f.id', schema_name) using file_id
  loop
    continue when not engine.reads_field(caller, schema_name, r.field_id);
    execute format('select v.value from %I.%I t cross join lateral jsonb_array_elements(case jsonb_typeof(t.%I) when ''array'' then t.%3$I end) v (value)
      where t.id = any ($1) and v.value ->> ''id'' = $2 and %s limit 1', schema_name, r.table_name, r.column_name, engine.condition_of(caller, r.object_id, 'READ', 't.'))
      into v_value using r.holders, file_id::text;
    if v_value is not null then
      return v_value;
    end if;
  end loop;
  return null;
end
$$;

create or replace function engine.open_file(caller name, schema_name text, file_id uuid) returns table (id uuid, name text, media_type text, size bigint, sha256 text)
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_actor engine.actor := engine.current_actor();
  v_file record;
  v_value jsonb;
begin
  if not engine.may('DOWNLOAD_FILE') then
    raise exception 'Your role may not open files.' using errcode = '42501', hint = 'Ask an administrator of the workspace for the permission "Download files".';
  end if;
  execute format('select f.*, exists (select from %1$I.record_file_uses u where u.file_id = f.id) as is_held from %1$I.record_files f where f.id = $1 and f.stored_at is not null', schema_name)
    into v_file using file_id;
  if v_file.id is null then
    return;
  end if;
  v_value := engine.held_file(caller, schema_name, file_id);
  if v_value is null and (v_file.is_held or (v_file.created_by_type, v_file.created_by_id) is distinct from (v_actor.type, v_actor.id)) then
    return;
  end if;
  return query select v_file.id::uuid, coalesce(v_value ->> 'name', v_file.name), v_file.media_type::text, v_file.size::bigint, v_file.sha256::text;
end
$$;

-- How much a workspace may still keep, in bytes; null for no limit.
create or replace function engine.room_for_files(schema_name text) returns bigint
language plpgsql stable set search_path = ''
as $$
declare
  v_quota bigint := (select s.file_quota_mb * 1048576::bigint from core.workspace_settings s join core.workspaces w on w.id = s.workspace_id where w.schema_name = room_for_files.schema_name);
  v_used bigint;
begin
  if v_quota is null then
    return null;
  end if;
  execute format('select coalesce(sum(f.size), 0) from %I.record_files f', schema_name) into v_used;
  return v_quota - v_used;
end
$$;

create or replace function engine.begin_upload(caller name, schema_name text, name text, inout max_bytes bigint, out file_id uuid)
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_actor engine.actor := engine.current_actor();
begin
  if not engine.may('UPLOAD_FILE') then
    raise exception 'Your role may not upload files.' using errcode = '42501', hint = 'Ask an administrator of the workspace for the permission "Upload files".';
  end if;
  max_bytes := least(max_bytes, engine.room_for_files(schema_name),
    (select s.max_file_mb * 1048576::bigint from core.workspace_settings s join core.workspaces w on w.id = s.workspace_id where w.schema_name = begin_upload.schema_name));
  if max_bytes <= 0 then
    raise exception 'The workspace has no room for more files.' using errcode = 'RV279', hint = 'Delete files for good, or ask the administrator of the server for more room.';
  end if;
  execute format('insert into %I.record_files (name, created_by_type, created_by_id, created_by_name) values ($1, $2, $3, $4) returning id', schema_name)
    into file_id using engine.file_name(name), v_actor.type, v_actor.id, v_actor.name;
end
$$;

-- Reached only through the tenant's own functions, which name the caller.
grant execute on function engine.open_file(name, text, uuid), engine.begin_upload(name, text, text, bigint) to relvar_crm;
--! EndIncluded engine/files/access.sql
--! Included engine/files/values.sql
-- What a field of files holds: a list of {id, name, type, size}. What a file is, the upload has found out, and nobody says
-- otherwise; what it is called in a field is written there. Whoever names a file must have uploaded it, or read it
-- somewhere: an id alone opens nothing.

-- A name that is a name on every system: no path, no signs that cannot be seen or that turn the direction of writing.
create or replace function engine.file_name(name text) returns text
language sql immutable parallel safe set search_path = ''
as $$
  select coalesce(nullif(btrim(left(n.name, 255 - length(e.ending))) || e.ending, ''), 'file')
  from (
    select btrim(regexp_replace(regexp_replace(normalize(coalesce(file_name.name, '')), '^.*[/\\]', ''),
      '[\x01-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]', '', 'g'), ' .') as whole
  ) w
  -- One that is too long keeps its ending, by which people and programs know what it is.
  cross join lateral (select case when length(w.whole) > 255 then coalesce(substring(w.whole from '\.[[:alnum:]]{1,10}$'), '') else '' end as ending) e
  cross join lateral (select case when e.ending = '' then w.whole else left(w.whole, -length(e.ending)) end as name) n
$$;

create or replace function engine.file_value(file_id uuid, name text, media_type text, size bigint) returns jsonb
language sql immutable parallel safe set search_path = ''
  return jsonb_build_object('id', file_id, 'name', name, 'type', media_type, 'size', size);

-- Whether the caller may put a file into a field of a record that did not hold it.
create or replace function engine.may_hold_file(schema_name text, file_id uuid, created_by_type text, created_by_id uuid, field_id uuid, record_id uuid) returns boolean
language plpgsql stable set search_path = ''
as $$
declare
  v_caller name := current_setting('role');
  v_actor engine.actor := engine.current_actor();
  v_found boolean;
begin
  -- Administrators and the engine itself.
  if engine.workspace_of_role(v_caller) is null then
    return true;
  end if;
  if v_actor.type = created_by_type and v_actor.id = created_by_id then
    return true;
  end if;
  -- What the field held is taken back; and what was read in records that are merged into this one at this moment.
  execute format(
    'select exists (select from %1$I.record_file_uses u where u.file_id = $1 and (u.holder_id = $2 and u.field_id = $3
       or u.holder_id in (select m.record_id from engine.merging m where m.survivor_id = $2 and m.transaction_id = pg_current_xact_id_if_assigned())
         and engine.reads_field($4, %1$L, u.field_id)))', schema_name)
    into v_found using file_id, record_id, field_id, v_caller;
  return v_found or engine.held_file(v_caller, schema_name, file_id) is not null;
end
$$;

-- A list as it is kept. `former` is what the field held until now.
create or replace function engine.kept_files(schema_name text, field_id uuid, record_id uuid, column_name text, list jsonb, former jsonb) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_list jsonb := '[]';
  v_element jsonb;
  v_former jsonb;
  v_file record;
  v_key text;
begin
  if jsonb_typeof(list) <> 'array' or exists (select from jsonb_array_elements(list) e
    where jsonb_typeof(e) <> 'object' or coalesce(e ->> 'id' !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$', true) or coalesce(jsonb_typeof(e -> 'name'), 'string') not in ('string', 'null')) then
    raise exception 'Files are a list such as [{"id": "…", "name": "offer.pdf"}].' using errcode = 'RV278', column = column_name, hint = 'POST /files uploads files and answers with such a list.';
  end if;
  for v_element in select e from jsonb_array_elements(list) with ordinality l (e, n) order by n loop
    select k into v_key from jsonb_object_keys(v_element) k where k <> all ('{id,name,type,size}') limit 1;
    if found then
      raise exception 'A file has no "%".', v_key using errcode = 'RV278', column = column_name, hint = engine.did_you_mean(v_key, '{id,name,type,size}');
    end if;
    continue when v_list @> jsonb_build_array(jsonb_build_object('id', lower(v_element ->> 'id')));
    v_former := (select f from jsonb_array_elements(former) f where f ->> 'id' = lower(v_element ->> 'id') limit 1);
    execute format('select f.* from %I.record_files f where f.id = $1 and f.stored_at is not null for key share', schema_name) into v_file using (v_element ->> 'id')::uuid;
    if v_file.id is null and v_former is not null then
      -- Its content is gone, which a change of something beside it does not mind.
      v_list := v_list || jsonb_build_array(v_former);
    elsif v_file.id is null or v_former is null and not engine.may_hold_file(schema_name, v_file.id, v_file.created_by_type, v_file.created_by_id, field_id, record_id) then
      raise exception 'There is no such file.' using errcode = 'RV277', column = column_name, hint = 'It may have been deleted, or you may not see the record that has it. Upload it first.';
    else
      v_list := v_list || jsonb_build_array(engine.file_value(v_file.id, case when nullif(v_element ->> 'name', '') is null then coalesce(v_former ->> 'name', v_file.name)
        else engine.file_name(v_element ->> 'name') end, v_file.media_type, v_file.size));
    end if;
  end loop;
  -- Nothing is nothing: what is empty has one form.
  return nullif(v_list, '[]');
end
$$;

-- The arguments: field and column of each field of files.
create or replace function engine.tg_records__keep_files() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_new jsonb;
  v_old jsonb := '{}';
  v_kept jsonb := '{}';
begin
  if engine.is_quiet() then
    return new;
  end if;
  v_new := to_jsonb(new);
  if tg_op = 'UPDATE' then
    v_old := to_jsonb(old);
  end if;
  for i in 0 .. tg_nargs / 2 - 1 loop
    continue when coalesce(v_new -> tg_argv[2 * i + 1], 'null') = 'null' or v_new -> tg_argv[2 * i + 1] is not distinct from v_old -> tg_argv[2 * i + 1];
    v_kept := v_kept || jsonb_build_object(tg_argv[2 * i + 1], engine.kept_files(tg_table_schema, tg_argv[2 * i]::uuid, new.id, tg_argv[2 * i + 1],
      v_new -> tg_argv[2 * i + 1], coalesce(nullif(v_old -> tg_argv[2 * i + 1], 'null'), '[]')));
  end loop;
  if v_kept <> '{}' then
    new := jsonb_populate_record(new, v_kept);
  end if;
  return new;
end
$$;

-- Which records hold which files: who may read one finds it by that, and what nobody holds is purged. What a field gave up is
-- kept for as long as the trash keeps records, so that it can be taken back.
create or replace function engine.tg_records__hold_files() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_new jsonb := to_jsonb(new);
  v_old jsonb := '{}';
begin
  if tg_op = 'UPDATE' then
    v_old := to_jsonb(old);
  end if;
  for i in 1 .. tg_nargs / 2 loop
    continue when v_new -> tg_argv[2 * i] is not distinct from v_old -> tg_argv[2 * i];
    execute format('update %I.record_file_uses u set released_at = now()
      where u.holder_id = $1 and u.field_id = $2 and u.released_at is null and not coalesce($3 @> jsonb_build_array(jsonb_build_object(''id'', u.file_id)), false)', tg_table_schema)
      using new.id, tg_argv[2 * i - 1]::uuid, v_new -> tg_argv[2 * i];
    if jsonb_typeof(v_new -> tg_argv[2 * i]) = 'array' then
      execute format('insert into %I.record_file_uses as u (file_id, object_id, field_id, holder_id)
        select f.id, $1, $2, $3 from jsonb_to_recordset($4) e (id uuid) join %1$I.record_files f on f.id = e.id
        on conflict (holder_id, field_id, file_id) do update set released_at = null where u.released_at is not null', tg_table_schema)
        using tg_argv[0]::uuid, tg_argv[2 * i - 1]::uuid, new.id, v_new -> tg_argv[2 * i];
    end if;
  end loop;
  return null;
end
$$;

-- The arguments of both triggers, where an object has such fields.
create or replace function engine.file_arguments(object_id uuid, spec engine.column_spec[]) returns text
language sql stable set search_path = ''
as $$
  select string_agg(format('%L, %L', f.id, s.name), ', ' order by s.name)
  from metadata.fields f join unnest(spec) s on s.field_id = f.id
  where f.object_id = file_arguments.object_id and f.type = 'FILES' and f.deleted_at is null
$$;
--! EndIncluded engine/files/values.sql
--! Included engine/files/internals.sql
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
--! EndIncluded engine/files/internals.sql

drop function core.notify(uuid, uuid[], text, uuid, uuid, jsonb, uuid, text);
--! Included core/notifications/notify.sql
-- What members are told: what happened, in the application and by mail, as each has chosen. What concerns a record is
-- told only to who may read it, and its name is read when it is shown, with the reader's rights of that moment.

create or replace function core.notification_kinds() returns table (kind text, label text, description text, is_in_app boolean, mail text)
language sql immutable parallel safe set search_path = ''
as $$
  select * from (values
    ('TASK_ASSIGNED', 'Assigned tasks', 'Somebody gives you a task.', true, 'DIGEST'),
    ('TASK_DUE', 'Due tasks', 'A task of yours is due today, or is overdue.', true, 'DIGEST'),
    ('MENTION', 'Mentions', 'Somebody mentions you in a comment or a note.', true, 'NOW'),
    ('REPLY', 'Replies', 'Somebody answers in a thread that you wrote in.', true, 'DIGEST'),
    ('SHARED', 'Shared records', 'Somebody shares a record with you, a team of yours or your role.', true, 'DIGEST'),
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

-- Tells members of one workspace something, each at most once where it has a key, and nobody what they did themselves, but that what they
-- began has ended. Returns who was told.
create or replace function core.notify(workspace_id uuid, members uuid[], kind text, object_id uuid default null, record_id uuid default null,
  detail jsonb default '{}', comment_id uuid default null, key text default null, actor engine.actor default engine.current_actor()) returns uuid[]
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_actor_id uuid := case when (actor).type = 'member' then (actor).id end;
  v_told uuid[];
begin
  with told as (
    insert into core.notifications (workspace_id, member_id, kind, object_id, record_id, comment_id, detail, key, actor_id, actor_name, is_in_app, mail_at)
    select notify.workspace_id, c.member_id, notify.kind, notify.object_id, notify.record_id, notify.comment_id, coalesce(notify.detail, '{}'), notify.key,
      v_actor_id, case when (actor).type not in ('system', 'psql') then (actor).name end, c.is_in_app, c.mail_at
    from core.notification_choices(notify.workspace_id, notify.members, notify.kind) c
    where (c.member_id is distinct from v_actor_id or notify.kind = 'IMPORT_FINISHED')
      and (notify.record_id is null or engine.member_reads(c.member_id, notify.object_id, notify.record_id))
    on conflict do nothing
    returning member_id
  )
  select coalesce(array_agg(t.member_id), '{}') into v_told from told t;
  perform core.wake_members(workspace_id, v_told);
  return v_told;
end
$$;
comment on function core.notify(uuid, uuid[], text, uuid, uuid, jsonb, uuid, text, engine.actor) is
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
--! Included core/notifications/imports.sql
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
--! EndIncluded core/notifications/imports.sql
--! Included core/notifications/shares.sql
-- Records that are shared with a role: its members are told by a job, since they may be many.

create or replace function core.queue_shared(workspace_id uuid, share_id uuid) returns void
language sql volatile set search_path = ''
as $$ select graphile_worker.add_job('notifications__shared', json_build_object('workspace_id', workspace_id, 'share_id', share_id)) $$;

-- Those who have the role, or one that includes it, and may read the record by then; but who shared it. A share that was taken back meanwhile is not told.
create or replace function core.notify_shared(workspace_id uuid, share_id uuid) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_schema text := (select w.schema_name from core.workspaces w where w.id = workspace_id);
  v_share record;
  v_members uuid[];
begin
  if v_schema is null then
    return 0;
  end if;
  execute format('select s.* from %I.record_shares s where s.id = $1 and s.principal_kind = ''ROLE'' and (s.expires_at is null or s.expires_at > now())', v_schema) into v_share using share_id;
  if v_share.id is null then
    return 0;
  end if;
  v_members := array(
    select m.id from core.members m
    where m.workspace_id = notify_shared.workspace_id and m.is_active and m.role_id in (
      select i.id from metadata.roles i where i.workspace_id = notify_shared.workspace_id and v_share.principal_id in (select engine.roles_of(i.pg_role))));
  return cardinality(core.notify(workspace_id, v_members, 'SHARED', v_share.object_id, v_share.record_id,
    jsonb_build_object('access', v_share.access, 'reason', v_share.reason, 'with', engine.principal_name(workspace_id, 'ROLE', v_share.principal_id)), null, 'share:' || share_id,
    (case when v_share.created_by is null then 'system' else 'member' end, v_share.created_by, v_share.created_by_name)::engine.actor));
end
$$;
comment on function core.notify_shared(uuid, uuid) is 'Tells the members of a role which record was shared with it. Doing it again tells nobody again.';
grant execute on function core.notify_shared(uuid, uuid) to relvar_worker;
--! EndIncluded core/notifications/shares.sql
--! Included core/notifications/mentions.sql
-- Members who are mentioned in a text of a record, such as a note, in the form that comments have: <@id>. Any field of type RICH_TEXT is one to look at; its
-- markdown has the form as it stands. Writers do nothing for it: the event log says whose mention came.

create or replace function core.mention_columns(workspace_id uuid, object_ids uuid[]) returns table (object metadata.objects, field_id uuid, name text)
language sql stable set search_path = ''
as $$
  select o, f.id, c.name
  from metadata.objects o
  join metadata.fields f on f.object_id = o.id and f.type = 'RICH_TEXT' and f.is_active and f.deleted_at is null
  join engine.field_columns(mention_columns.workspace_id, object_ids) c on c.field_id = f.id and c.name = engine.snake_case(f.name) || '_markdown'
  where o.id = any (object_ids) and o.is_active and o.deleted_at is null
$$;

-- For the relay: one job for all of a workspace's statements of a round that wrote records with such texts.
create or replace function core.queue_mentioned(taken engine.outbox[]) returns void
language sql volatile set search_path = ''
as $$
  select graphile_worker.add_job('notifications__mentioned', json_build_object('workspace_id', t.workspace_id, 'batches', json_agg(t.batch)))
  from unnest(taken) t
  where t.action in ('created', 'updated') and exists (select from metadata.fields f where f.object_id = t.object_id and f.type = 'RICH_TEXT' and f.is_active and f.deleted_at is null)
  group by t.workspace_id
$$;

-- Each is told once of a text, however often it is edited, and as long as it mentions them; and only who may read the record and that field. More than ten of one
-- statement are one line.
create or replace function core.notify_mentioned(workspace_id uuid, batches bigint[]) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_schema text := (select w.schema_name from core.workspaces w where w.id = workspace_id);
  v_objects uuid[];
  v_count int := 0;
  v_rows int;
  v_text record;
  r record;
begin
  if v_schema is null then
    return 0;
  end if;
  execute format('select array_agg(distinct e.object_id) from %I.record_events e where e.batch = any ($1)', v_schema) into v_objects using batches;
  for v_text in select c.object, c.field_id, c.name, format('%I.%I', v_schema, (c.object).table_name) as table_name from core.mention_columns(workspace_id, v_objects) c loop
    for r in execute format($sql$
        select e.batch, m.id as member_id, i.pg_role, e.actor_type, e.actor_id, e.actor_name, array_agg(distinct e.record_id) as records
        from %1$I.record_events e
        cross join lateral unnest(engine.mentioned_ids(e.after ->> %2$L)) n (id)
        join core.members m on m.id = n.id and m.workspace_id = $3 and m.is_active
        join metadata.roles i on i.id = m.role_id
        where e.batch = any ($1) and e.object_id = $2 and e.action in ('created', 'updated') and strpos(e.after ->> %2$L, '<@') > 0
          and n.id <> all (engine.mentioned_ids(coalesce(e.before ->> %2$L, '')))
          and not (e.actor_type = 'member' and e.actor_id = m.id)
        group by 1, 2, 3, 4, 5, 6
      $sql$, v_schema, v_text.name) using batches, (v_text.object).id, workspace_id
    loop
      continue when not has_column_privilege(r.pg_role, v_text.table_name, v_text.name, 'select');
      execute format($sql$
          with seen as (
            select t.id, count(*) over () as number from %1$s t
            where t.id = any ($1) and $9 = any (engine.mentioned_ids(t.%2$I)) and %3$s
              and not exists (select from core.notifications n where n.member_id = $9 and n.key = 'mention:' || $10 || ':' || t.id)
          ), lines as (
            select s.id, null::bigint as number from seen s where s.number <= $2
            union all
            select null, max(s.number) from seen s having max(s.number) > $2
          )
          insert into core.notifications (workspace_id, member_id, kind, object_id, record_id, detail, key, actor_id, actor_name, is_in_app, mail_at)
          select $3, c.member_id, 'MENTION', $4, l.id, case when l.id is null then jsonb_build_object('count', l.number) else '{}' end,
            'mention:' || $10 || ':' || coalesce(l.id::text, $5::text), case when $6 = 'member' then $7 end, case when $6 not in ('system', 'psql') then $8 end, c.is_in_app, c.mail_at
          from lines l cross join core.notification_choices($3, array[$9], 'MENTION') c
          on conflict do nothing
        $sql$, v_text.table_name, v_text.name, engine.condition_of(r.pg_role, (v_text.object).id, 'READ', 't.', r.member_id))
      using r.records, core.told_one_by_one(), workspace_id, (v_text.object).id, r.batch, r.actor_type, r.actor_id, r.actor_name, r.member_id, v_text.field_id;
      get diagnostics v_rows = row_count;
      if v_rows > 0 then
        perform core.wake_members(workspace_id, array[r.member_id]);
      end if;
      v_count := v_count + v_rows;
    end loop;
  end loop;
  return v_count;
end
$$;
comment on function core.notify_mentioned(uuid, bigint[]) is 'Tells members which texts of records others mentioned them in, in these statements. Doing it again tells nobody again.';
grant execute on function core.notify_mentioned(uuid, bigint[]) to relvar_worker;
--! EndIncluded core/notifications/mentions.sql
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
  perform core.queue_mentioned(v_taken);
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
-- Many records by one call; what tables are grouped by, and what they mark; how boards, calendars and galleries lay records out.
alter table metadata.views add column group_bucket text check (group_bucket in ('DAY', 'WEEK', 'MONTH', 'QUARTER', 'YEAR')),
  add column colors jsonb not null default '[]' check (jsonb_typeof(colors) = 'array'),
  add column layout jsonb not null default '{}';
--! Included engine/update_records.sql
-- Changes many records of one object, as whoever calls: grants and policies say which, and what of them. One function, since
-- CRM roles reach none of the engine's by name.
create or replace function engine.update_records(workspace_id uuid, schema_name text, object_name text, record_ids uuid[], patches jsonb, on_problem text) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_name text;
  v_table regclass;
  v_unknown text;
  v_patches jsonb[];
  v_done uuid[] := '{}';
  v_part uuid[];
  v_ids uuid[];
  v_waiting int[];
  v_from int;
  v_until int;
  r record;
begin
  select o.table_name into v_name from metadata.objects o
  where o.workspace_id = update_records.workspace_id and o.name_singular = object_name and o.deleted_at is null;
  if v_name is null then
    raise exception 'There is no object "%".', object_name using errcode = 'RV011', hint = 'Give the singular API name, such as person.';
  elsif cardinality(record_ids) > 10000 then
    raise exception 'At most 10,000 records at once.' using errcode = 'RV229', column = 'record_ids', hint = 'Do it in several calls.';
  elsif coalesce(on_problem, '') not in ('REFUSE', 'SKIP') then
    raise exception 'What is in the way is not dealt with by "%".', on_problem using errcode = 'RV263', column = 'on_problem', hint = 'REFUSE changes nothing then, SKIP changes the others.';
  elsif jsonb_typeof(patches) not in ('object', 'array') or jsonb_typeof(patches) = 'array' and jsonb_array_length(patches) <> cardinality(record_ids)
    or exists (select from jsonb_array_elements(case jsonb_typeof(patches) when 'array' then patches else '[]' end) p where jsonb_typeof(p) <> 'object') then
    raise exception 'There is one patch for all records, or one for each of them.' using errcode = 'RV262', column = 'patches', hint = 'Give {"field": value}, or a list of as many of these as recordIds.';
  end if;
  v_table := format('%I.%I', schema_name, v_name)::regclass;
  select k into v_unknown
  from jsonb_array_elements(case jsonb_typeof(patches) when 'array' then patches else jsonb_build_array(patches) end) p cross join lateral jsonb_object_keys(p) k
  where not exists (select from pg_catalog.pg_attribute a where a.attrelid = v_table and a.attname = lower(regexp_replace(k, '([A-Z])', '_\1', 'g')) and a.attnum > 0 and not a.attisdropped)
  limit 1;
  if found then
    raise exception 'There is no field "%".', v_unknown using errcode = 'RV264', column = 'patches', hint = 'Fields are named as in the mutation that updates one record.';
  end if;
  -- By the names of columns, which follow from those of the API.
  select array_agg((select coalesce(jsonb_object_agg(lower(regexp_replace(e.key, '([A-Z])', '_\1', 'g')), e.value), '{}')
      from jsonb_each(case jsonb_typeof(patches) when 'array' then patches -> (i.n - 1) else patches end) e) order by i.n)
  into v_patches from generate_series(1, cardinality(record_ids)) i (n);

  -- As many as go: what is in the way is found by halves.
  v_waiting := array[1, cardinality(record_ids)];
  while cardinality(v_waiting) > 0 loop
    v_from := v_waiting[cardinality(v_waiting) - 1];
    v_until := v_waiting[cardinality(v_waiting)];
    v_waiting := v_waiting[:cardinality(v_waiting) - 2];
    begin
      v_part := '{}';
      -- One statement for all that change the same columns, so that triggers and the log see them together.
      for r in
        select n.columns, array_agg(n.id order by n.place) as ids, array_agg(n.patch order by n.place) as patches
        from (
          select i.place, record_ids[i.place] as id, v_patches[i.place] as patch, array(select k from jsonb_object_keys(v_patches[i.place]) k order by k) as columns
          from generate_series(v_from, v_until) i (place)
        ) n
        where n.columns <> '{}' group by n.columns
      loop
        execute format(
          'with changed as (
             update %1$s t set %2$s from unnest($1, $2) n (id, patch) cross join lateral jsonb_populate_record(null::%1$s, n.patch) p
             where t.id = n.id returning t.id)
           select array_agg(c.id) from changed c', v_table, (select string_agg(format('%1$I = p.%1$I', c), ', ') from unnest(r.columns) c))
        into v_ids using r.ids, r.patches;
        v_part := v_part || coalesce(v_ids, '{}');
      end loop;
      v_done := v_done || v_part;
    exception when others then
      -- What the server lacks or another transaction holds up is nobody's record's fault.
      if on_problem = 'REFUSE' or sqlstate ~ '^(40|53|54|55|57|58|XX)' then
        raise;
      elsif v_until > v_from then
        v_waiting := v_waiting || array[(v_from + v_until) / 2 + 1, v_until, v_from, (v_from + v_until) / 2];
      end if;
    end;
  end loop;
  return jsonb_build_object('updated', cardinality(v_done), 'left', (select coalesce(jsonb_agg(i), '[]') from unnest(record_ids) i where i <> all (v_done)));
end
$$;

-- Reached only through the tenant's own functions, bound to their schema.
grant execute on function engine.update_records(uuid, text, text, uuid[], jsonb, text) to relvar_crm;
--! EndIncluded engine/update_records.sql
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

-- What a view marks by colours: [{"condition": comparison, "color", "target"}].
create or replace function engine.view_colors(colors jsonb) returns jsonb
language plpgsql immutable set search_path = ''
as $$
begin
  if jsonb_typeof(colors) is distinct from 'array' or jsonb_array_length(colors) > 50 or length(colors::text) > 20000 then
    raise exception 'The colours of a view are a list of at most 50 rules.' using errcode = 'RV186', column = 'colors', hint = 'Give [{"condition", "color", "target"}].';
  elsif exists (select from jsonb_array_elements(colors) c where jsonb_typeof(c) <> 'object' or c ->> 'target' is null or c ->> 'target' not in ('ROW', 'CELL') or coalesce(c ->> 'color', '') !~ '^[a-z]{3,20}$'
    or jsonb_typeof(c -> 'condition') is distinct from 'object' or exists (select from jsonb_object_keys(c) k where k not in ('condition', 'color', 'target'))) then
    raise exception 'A rule of colours has a condition, a colour and what it marks.' using errcode = 'RV186', column = 'colors', hint = 'Give {"condition": {"fieldId", "operand", "value"}, "color": "red", "target": "ROW" or "CELL"}.';
  end if;
  return (select coalesce(jsonb_agg(c || jsonb_build_object('condition', engine.view_comparison(c -> 'condition')) order by i), '[]') from jsonb_array_elements(colors) with ordinality u (c, i));
end
$$;
--! EndIncluded engine/views/filter.sql
--! Included engine/views/layout.sql
-- How a view lays its records out, besides its columns, filter and order: what a board, a calendar and a gallery are each told.
-- What one type does not ask stays, so that switching there and back loses nothing.
create or replace function engine.view_layout(layout jsonb) returns jsonb
language plpgsql immutable set search_path = ''
as $$
declare
  v_key text;
  v_value jsonb;
begin
  if jsonb_typeof(layout) is distinct from 'object' or length(layout::text) > 50000 then
    raise exception 'The layout of a view is an object.' using errcode = 'RV265', column = 'layout', hint = 'Give {} for none.';
  end if;
  for v_key, v_value in select * from jsonb_each(jsonb_strip_nulls(layout)) loop
    if not coalesce(case v_key
      when 'cardSize' then v_value in ('"COMPACT"', '"FULL"')
      when 'bounds' then jsonb_typeof(v_value) = 'array' and jsonb_array_length(v_value) <= 50 and not jsonb_path_exists(v_value, '$[*] ? (@.type() != "number")')
      when 'hiddenColumns' then jsonb_typeof(v_value) = 'array' and not jsonb_path_exists(v_value, '$[*] ? (@.type() != "string")')
      when 'collapsedColumns' then jsonb_typeof(v_value) = 'array' and not jsonb_path_exists(v_value, '$[*] ? (@.type() != "string")')
      when 'limits' then jsonb_typeof(v_value) = 'object' and not jsonb_path_exists(v_value, '$.* ? (@.type() != "number" || @ < 1)')
      when 'summary' then jsonb_typeof(v_value -> 'fieldId') = 'string' and v_value -> 'aggregate' in ('"SUM"', '"AVG"', '"MIN"', '"MAX"')
      when 'dateFieldId' then jsonb_typeof(v_value) = 'string'
      when 'endFieldId' then jsonb_typeof(v_value) = 'string'
      when 'scale' then v_value in ('"MONTH"', '"WEEK"', '"DAY"')
      when 'coverFieldId' then jsonb_typeof(v_value) = 'string'
      else false end, false) then
      raise exception 'A view is not laid out by "%": %.', v_key, left(v_value::text, 100) using errcode = 'RV265', column = 'layout',
        hint = 'cardSize: COMPACT or FULL. bounds: numbers. hiddenColumns, collapsedColumns: texts. limits: {column: number}. '
          'summary: {fieldId, aggregate: SUM, AVG, MIN or MAX}. dateFieldId, endFieldId, coverFieldId: fields. scale: MONTH, WEEK or DAY.';
    end if;
  end loop;
  return jsonb_strip_nulls(layout);
end
$$;
--! EndIncluded engine/views/layout.sql
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
  if tg_op = 'INSERT' or new.layout is distinct from old.layout then
    new.layout := engine.view_layout(new.layout);
  end if;
  if jsonb_typeof(new.sorts) <> 'array' or exists (select from jsonb_array_elements(new.sorts) s where jsonb_typeof(s) <> 'object' or s ->> 'fieldId' is null) then
    raise exception 'The order of a view lists fields.' using errcode = 'RV186', column = 'sorts', hint = 'Give [{"fieldId", "part", "descending"}].';
  end if;
  if tg_op = 'INSERT' or new.colors is distinct from old.colors then
    new.colors := engine.view_colors(new.colors);
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
grant insert (id, object_id, name, icon, type, filter, sorts, group_field_id, group_bucket, colors, layout, position, visibility, is_locked),
  update (name, icon, type, filter, sorts, group_field_id, group_bucket, colors, layout, position, visibility, is_locked), delete
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

-- What a view is like, written over what it was: {"type", "icon", "filter", "sorts", "groupFieldId", "groupBucket", "colors", "layout",
-- "fields": [{"fieldId", "width", "isVisible", "isPinned", "aggregate"}]}, of which what is left out stays as it is.
create or replace function metadata.save_view(view_id uuid, state jsonb) returns metadata.views
language plpgsql volatile set search_path = ''
as $$
#variable_conflict use_column
declare
  v_view metadata.views;
  v_unknown text;
begin
  select k into v_unknown from jsonb_object_keys(case jsonb_typeof(state) when 'object' then state else '{}' end) k
  where k not in ('type', 'icon', 'filter', 'sorts', 'groupFieldId', 'groupBucket', 'colors', 'layout', 'fields') limit 1;
  if found or jsonb_typeof(state) is distinct from 'object' then
    raise exception 'A view has no "%".', coalesce(v_unknown, '') using errcode = 'RV186', column = 'state', hint = 'It has type, icon, filter, sorts, groupFieldId, groupBucket, colors, layout and fields.';
  end if;
  update metadata.views v set
    type = coalesce(state ->> 'type', v.type),
    icon = case when state ? 'icon' then state ->> 'icon' else v.icon end,
    filter = case when state ? 'filter' then nullif(state -> 'filter', 'null') else v.filter end,
    sorts = coalesce(nullif(state -> 'sorts', 'null'), v.sorts),
    group_field_id = case when state ? 'groupFieldId' then (state ->> 'groupFieldId')::uuid else v.group_field_id end,
    group_bucket = case when state ? 'groupBucket' then state ->> 'groupBucket' else v.group_bucket end,
    colors = coalesce(nullif(state -> 'colors', 'null'), v.colors),
    layout = coalesce(nullif(state -> 'layout', 'null'), v.layout)
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
  'Writes over a view: {type, icon, filter, sorts, groupFieldId, groupBucket, colors, layout, fields: [{fieldId, width, isVisible, isPinned, aggregate}]}. What is left out stays. Columns stand in the order of the list.';

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
    'groupBucket', v_view.group_bucket, 'colors', v_view.colors, 'layout', v_view.layout,
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
  v_view.colors := coalesce(v_view.colors, '[]');
  v_view.group_field_id := (select f.id from metadata.fields f where f.id = v_view.group_field_id);
  v_view.application_id := (select a.id from metadata.applications a where a.id = v_view.application_id);
  if v_view.application_id is null or exists (select from metadata.views v where v.workspace_id = v_view.workspace_id and v.universal_identifier = v_view.universal_identifier) then
    v_view.universal_identifier := null;
    v_view.application_id := null;
  end if;
  -- Kept before views had a layout.
  v_view.layout := coalesce(v_view.layout, '{}');
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
comment on column metadata.views.group_bucket is 'Of a date or a time, what it groups by: DAY, WEEK, MONTH, QUARTER or YEAR; null for the usual one.';
comment on column metadata.views.colors is 'What is marked: [{"condition": a comparison as in filter, "color", "target": ROW or CELL}], of which the first that fits counts.';
comment on column metadata.views.layout is 'What its type asks besides: cardSize, bounds, hiddenColumns, collapsedColumns, limits and summary of a board, dateFieldId, endFieldId and scale of a calendar, coverFieldId of a gallery.';
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
    -- Of a view that the caller does not see no more is told than that it is there. A view does without what goes.
    select 'view', v.id, case when v.visibility = 'WORKSPACE' or v.owner_id = v_member or v.id = any (v_shared) then v.name else 'A member''s own view' end, v.object_id, concat_ws(', ',
        case when v.group_field_id = any (v_ids) then 'groups by it' end, case when v.filter::text ~ v_pattern then 'filters by it' end,
        case when v.sorts::text ~ v_pattern then 'sorts by it' end, case when v.layout::text ~ v_pattern then 'lays out by it' end,
        case when exists (select from metadata.view_fields c where c.view_id = v.id and c.field_id = any (v_ids)) then 'shows it' end),
      false, v.filter::text
    from metadata.views v
    where v.workspace_id = uses.workspace_id and (v.group_field_id = any (v_ids) or concat(v.filter, v.sorts, v.layout) ~ v_pattern
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
        -- Said first: what cannot be deleted at all is not made so by taking its users away.
        perform engine.assert_deletable(old.label_plural, old.is_system, old.application_id);
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
--! Included metadata/replace.sql
-- Lets one field or option take the place of another wherever it is used, so that the other can go.

create or replace function engine.columns_alike(one metadata.fields, other metadata.fields) returns boolean
language sql stable set search_path = ''
  return coalesce((one).result_type, (one).type) = coalesce((other).result_type, (other).type)
    or (select array_agg((c.part, c.pg_type) order by c.part) from engine.field_type_columns c where c.type = coalesce((one).result_type, (one).type))
      = (select array_agg((c.part, c.pg_type) order by c.part) from engine.field_type_columns c where c.type = coalesce((other).result_type, (other).type));

create or replace function engine.replace_uses(workspace_id uuid, field_id uuid, with_field_id uuid) returns void
language plpgsql volatile set search_path = ''
as $$
#variable_conflict use_variable
declare
  v_old metadata.fields;
  v_new metadata.fields;
  r record;
begin
  select f.* into strict v_old from metadata.fields f where f.id = field_id;
  select f.* into strict v_new from metadata.fields f where f.id = with_field_id;
  if v_old.object_id <> v_new.object_id or v_old.id = v_new.id or v_new.deleted_at is not null or not v_new.is_active or not engine.columns_alike(v_old, v_new) then
    raise exception '"%" cannot take the place of "%".', v_new.label, v_old.label using errcode = 'RV064', column = 'with_field_id',
      hint = 'Choose another field of the same object whose values are of the same type.';
  end if;
  update metadata.objects o set
    label_field_id = case o.label_field_id when field_id then with_field_id else o.label_field_id end,
    image_field_id = case o.image_field_id when field_id then with_field_id else o.image_field_id end,
    duplicate_criteria = replace(o.duplicate_criteria::text, field_id::text, with_field_id::text)::jsonb
  where o.id = v_old.object_id and (field_id in (o.label_field_id, o.image_field_id) or o.duplicate_criteria::text ~ field_id::text);
  -- A formula is a text of names, which follow from what it compiled to.
  for r in
    select f.id, replace(f.compiled::text, field_id::text, with_field_id::text)::jsonb as compiled from metadata.fields f
    where f.workspace_id = replace_uses.workspace_id and f.deleted_at is null and f.type = 'FORMULA' and f.compiled::text ~ field_id::text
  loop
    update metadata.fields f set settings = f.settings || jsonb_build_object('expression', engine.formula_text(r.compiled)) where f.id = r.id;
  end loop;
  update metadata.fields f set settings = replace(f.settings::text, field_id::text, with_field_id::text)::jsonb
  where f.workspace_id = replace_uses.workspace_id and f.deleted_at is null and f.id <> field_id and f.settings::text ~ field_id::text;
  for r in
    select u.id, replace(u.compiled::text, field_id::text, with_field_id::text)::jsonb as compiled from metadata.rules u
    where u.workspace_id = replace_uses.workspace_id and u.compiled::text ~ field_id::text
  loop
    update metadata.rules u set condition = engine.formula_text(r.compiled) where u.id = r.id;
  end loop;
  for r in
    select u.id, replace(u.compiled::text, field_id::text, with_field_id::text)::jsonb as compiled from metadata.record_rules u
    where u.workspace_id = replace_uses.workspace_id and u.compiled::text ~ field_id::text
  loop
    update metadata.record_rules u set condition = engine.formula_text(r.compiled) where u.id = r.id;
  end loop;
  update metadata.rules u set field_id = case u.field_id when replace_uses.field_id then with_field_id else u.field_id end,
    settings = replace(u.settings::text, replace_uses.field_id::text, with_field_id::text)::jsonb
  where u.workspace_id = replace_uses.workspace_id and (u.field_id = replace_uses.field_id or u.settings::text ~ replace_uses.field_id::text);
  for r in
    select i.id, replace(i.compiled::text, field_id::text, with_field_id::text)::jsonb as compiled from metadata.indexes i
    where i.workspace_id = replace_uses.workspace_id and i.compiled::text ~ field_id::text
  loop
    update metadata.indexes i set condition = engine.formula_text(r.compiled) where i.id = r.id;
  end loop;
  update metadata.indexes i set parts = replace(i.parts::text, field_id::text, with_field_id::text)::jsonb
  where i.workspace_id = replace_uses.workspace_id and i.parts::text ~ field_id::text;
  update metadata.views v set group_field_id = case v.group_field_id when field_id then with_field_id else v.group_field_id end,
    filter = replace(v.filter::text, field_id::text, with_field_id::text)::jsonb, sorts = replace(v.sorts::text, field_id::text, with_field_id::text)::jsonb,
    layout = replace(v.layout::text, field_id::text, with_field_id::text)::jsonb
  where v.workspace_id = replace_uses.workspace_id and (v.group_field_id = field_id or concat(v.filter, v.sorts, v.layout) ~ field_id::text);
  delete from metadata.view_fields c
  where c.workspace_id = replace_uses.workspace_id and c.field_id = replace_uses.field_id
    and exists (select from metadata.view_fields n where n.view_id = c.view_id and n.field_id = with_field_id);
  update metadata.view_fields c set field_id = with_field_id where c.workspace_id = replace_uses.workspace_id and c.field_id = replace_uses.field_id;
end
$$;

-- What the records say is changed after the model is reconciled, when both options are possible.
create or replace function engine.replace_option(workspace_id uuid, field_id uuid, value text, "with" text, is_plan boolean) returns void
language plpgsql volatile set search_path = ''
as $$
#variable_conflict use_variable
declare
  v_field metadata.fields;
  v_object metadata.objects;
  v_schema text;
  r record;
begin
  select f.* into strict v_field from metadata.fields f where f.id = field_id;
  select o.* into strict v_object from metadata.objects o where o.id = v_field.object_id;
  if v_field.type not in ('SELECT', 'MULTI_SELECT') or value = "with"
    or not v_field.options @> jsonb_build_array(jsonb_build_object('value', value))
    or not v_field.options @> jsonb_build_array(jsonb_build_object('value', "with")) then
    raise exception '"%" cannot take the place of "%" in "%".', "with", value, v_field.label using errcode = 'RV064', column = 'with',
      hint = 'Both are options of the field: '
        || coalesce((select string_agg(o ->> 'value', ', ') from jsonb_array_elements(v_field.options) o), 'it has none') || '.';
  end if;
  update metadata.fields f set default_value = case f.type when 'SELECT' then to_jsonb("with")
    else (select jsonb_agg(distinct case e when value then "with" else e end) from jsonb_array_elements_text(f.default_value) e) end
  where f.id = field_id and strpos(f.default_value::text, to_jsonb(value)::text) > 0;
  update metadata.views v set filter = replace(v.filter::text, to_jsonb(value)::text, to_jsonb("with")::text)::jsonb
  where v.workspace_id = replace_option.workspace_id and v.filter::text ~ field_id::text and strpos(v.filter::text, to_jsonb(value)::text) > 0;
  for r in
    select 'fields' as what, f.id from metadata.fields f
    where f.workspace_id = replace_option.workspace_id and f.deleted_at is null and f.type = 'FORMULA' and f.compiled::text ~ field_id::text
    union all
    select 'rules', u.id from metadata.rules u where u.workspace_id = replace_option.workspace_id and u.compiled::text ~ field_id::text
    union all
    select 'record_rules', u.id from metadata.record_rules u where u.workspace_id = replace_option.workspace_id and u.compiled::text ~ field_id::text
    union all
    select 'indexes', i.id from metadata.indexes i where i.workspace_id = replace_option.workspace_id and i.compiled::text ~ field_id::text
  loop
    if r.what = 'fields' then
      update metadata.fields f set settings = f.settings || jsonb_build_object('expression', replace(f.settings ->> 'expression', to_jsonb(value)::text, to_jsonb("with")::text)) where f.id = r.id;
    else
      execute format('update metadata.%I t set condition = replace(t.condition, $1, $2) where t.id = $3', r.what) using to_jsonb(value)::text, to_jsonb("with")::text, r.id;
    end if;
  end loop;
  if is_plan then
    return;
  end if;
  perform engine.apply_pending(replace_option.workspace_id);
  select w.schema_name into v_schema from core.workspaces w where w.id = replace_option.workspace_id;
  execute engine.option_statement(v_schema, v_object.table_name, v_field, value, "with");
end
$$;

create or replace function engine.option_statement(schema_name text, table_name text, field metadata.fields, value text, "with" text) returns text
language sql immutable set search_path = ''
  return format(case (field).type
      when 'SELECT' then 'update %1$I.%2$I set %3$I = %4$L where %3$I = %5$L'
      -- A record that has both keeps one.
      else 'update %1$I.%2$I set %3$I = case when %3$I @> array[%4$L]::text[] then array_remove(%3$I, %5$L) else array_replace(%3$I, %5$L, %4$L) end where %3$I @> array[%5$L]::text[]' end,
    schema_name, table_name, engine.snake_case((field).name), "with", value);
--! EndIncluded metadata/replace.sql

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


--! Included core/imports/upload.sql
-- A file comes in pieces, each a statement of its own: no process holds one whole, and a server that dies leaves nothing
-- but pieces that are swept away.

create or replace function core.begin_import(workspace_id uuid, member_id uuid, impersonator_id uuid, object_id uuid, file_name text) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_id uuid;
begin
  perform pg_advisory_xact_lock(hashtextextended('relvar.imports.' || begin_import.workspace_id, 0));
  if (select count(*) from core.imports i where i.workspace_id = begin_import.workspace_id and i.is_file_kept) >= 50
    or (select coalesce(sum(i.file_size), 0) from core.imports i where i.workspace_id = begin_import.workspace_id and i.is_file_kept) > 4::bigint << 30 then
    raise exception 'Too many files wait to be imported.' using errcode = 'RV269', hint = 'Import or discard some of those that were uploaded before. What nobody imports is deleted after a week.';
  end if;
  insert into core.imports (workspace_id, member_id, impersonator_id, object_id, file_name)
  select begin_import.workspace_id, begin_import.member_id, begin_import.impersonator_id, o.id, left(coalesce(nullif(btrim(file_name), ''), 'file'), 300)
  from metadata.objects o where o.id = object_id and o.workspace_id = begin_import.workspace_id
  returning id into v_id;
  return v_id;
end
$$;
comment on function core.begin_import(uuid, uuid, uuid, uuid, text) is 'Begins the upload of a file; null where the workspace has no such object.';

create or replace function core.add_import_part(import_id uuid, kind text, "position" int, content bytea) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_size bigint;
begin
  select coalesce(p.start_at + length(p.content), 0) into v_size from core.import_parts p
  where p.import_id = add_import_part.import_id and p.kind = add_import_part.kind order by p.position desc limit 1;
  v_size := coalesce(v_size, 0);
  if v_size + length(content) > 512::bigint << 20 then
    raise exception 'The file is too large.' using errcode = 'RV270', hint = 'It may have 512 MB. Split it, or import it with the command line.';
  end if;
  insert into core.import_parts (import_id, kind, "position", start_at, content)
  values (add_import_part.import_id, add_import_part.kind, add_import_part."position", v_size, add_import_part.content);
  if kind = 'FILE' then
    update core.imports i set file_size = v_size + length(content) where i.id = add_import_part.import_id;
  end if;
end
$$;

create or replace function core.end_upload(import_id uuid, format jsonb) returns void
language sql volatile security definer set search_path = ''
as $$
  update core.imports i set status = 'READY', format = end_upload.format where i.id = import_id and i.status = 'UPLOADING'
$$;

-- The bytes from one to another, both of them included, a piece a row.
create or replace function core.import_bytes(import_id uuid, kind text, "from" bigint, "to" bigint, after_position int) returns table ("position" int, content bytea)
language sql stable security definer set search_path = ''
as $$
  select p."position", case when p.start_at < "from" or p.start_at + length(p.content) > "to" + 1
    then substr(p.content, (greatest("from" - p.start_at, 0) + 1)::int, (least("to" + 1, p.start_at + length(p.content)) - greatest("from", p.start_at))::int) else p.content end
  from core.import_parts p
  where p.import_id = import_bytes.import_id and p.kind = import_bytes.kind and p."position" > after_position
    and p.start_at <= "to" and p.start_at + length(p.content) > "from"
  order by p."position" limit 1
$$;

create or replace function core.discard_import(import_id uuid) returns void
language sql volatile security definer set search_path = ''
as $$
  delete from core.imports i where i.id = import_id and i.status in ('UPLOADING', 'READY', 'CHECKED')
$$;
comment on function core.discard_import(uuid) is 'Forgets an import that has changed nothing, with its file.';

-- What nobody imports is swept away after a week, what was rejected after a month; the list of imports stays for a year.
create or replace function core.purge_imports() returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_count int;
begin
  delete from core.imports i where i.status = 'UPLOADING' and i.created_at < now() - interval '1 day'
    or i.status in ('READY', 'CHECKED') and greatest(i.created_at, i.finished_at) < now() - interval '7 days'
    or i.created_at < now() - interval '1 year' and i.status not in ('WAITING', 'RUNNING');
  get diagnostics v_count = row_count;
  delete from core.import_parts p using core.imports i where i.id = p.import_id and i.finished_at < now() - interval '30 days';
  delete from core.import_problems p using core.imports i where i.id = p.import_id and i.finished_at < now() - interval '30 days';
  delete from core.import_mappings m where m.used_at < now() - interval '2 years';
  return v_count;
end
$$;
comment on function core.purge_imports() is 'Deletes files that nobody imported, and what is known of old imports.';

grant execute on function core.begin_import(uuid, uuid, uuid, uuid, text), core.end_upload(uuid, jsonb), core.discard_import(uuid) to relvar_server;
grant execute on function core.add_import_part(uuid, text, int, bytea), core.import_bytes(uuid, text, bigint, bigint, int) to relvar_server, relvar_worker;
grant execute on function core.purge_imports() to relvar_worker;
--! EndIncluded core/imports/upload.sql
--! Included core/imports/start.sql
create or replace function core.start_import(import_id uuid, is_dry_run boolean, format jsonb, settings jsonb, headers_key text) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_import core.imports;
begin
  update core.imports i set status = 'WAITING', is_dry_run = start_import.is_dry_run, format = start_import.format, settings = start_import.settings,
    wants_cancel = false, phase = null, rows_done = 0, bytes_done = 0, result = null, failure = null, started_at = null, finished_at = null
  where i.id = import_id and i.status in ('READY', 'CHECKED', 'FAILED', 'CANCELLED') and i.is_file_kept
  returning i.* into v_import;
  if not found then
    raise exception 'This import cannot be started.' using errcode = 'RV271', hint = 'It runs, has ended, or its file was deleted. Upload the file again.';
  end if;
  delete from core.import_problems p where p.import_id = start_import.import_id;
  insert into core.import_mappings as m (workspace_id, object_id, headers_key, settings)
  values (v_import.workspace_id, v_import.object_id, start_import.headers_key, start_import.settings)
  on conflict on constraint import_mappings_pkey do update set settings = excluded.settings, used_at = now();
  perform graphile_worker.add_job('imports__run', json_build_object('import_id', import_id, 'workspace_id', v_import.workspace_id), max_attempts => 5, job_key => 'import:' || import_id);
end
$$;
comment on function core.start_import(uuid, boolean, jsonb, jsonb, text) is 'Has a worker import a file, or find out what would come of it, and remembers where its columns go.';

-- What runs ends at the next look of its worker; what waits never begins.
create or replace function core.cancel_import(import_id uuid) returns void
language plpgsql volatile security definer set search_path = ''
as $$
begin
  update core.imports i set wants_cancel = true where i.id = import_id and i.status = 'RUNNING';
  if not found then
    update core.imports i set status = case when i.is_dry_run then 'READY' else 'CANCELLED' end, finished_at = now() where i.id = import_id and i.status = 'WAITING';
  end if;
end
$$;

create or replace function core.fix_import(import_id uuid, fixes jsonb) returns void
language plpgsql volatile security definer set search_path = ''
as $$
begin
  insert into core.import_fixes as f (import_id, line, cell, value)
  select fix_import.import_id, x.line, x.cell, x.value from jsonb_to_recordset(fixes) x (line bigint, cell int, value text)
  on conflict on constraint import_fixes_pkey do update set value = excluded.value;
  if (select count(*) from core.import_fixes f where f.import_id = fix_import.import_id) > 10000 then
    raise exception 'Too many cells are mended here.' using errcode = 'RV272', hint = 'Up to 10,000 can be. Mend the file itself, or the file of rejected rows, and upload it again.';
  end if;
end
$$;

create or replace function core.recall_mapping(workspace_id uuid, object_id uuid, headers_key text) returns jsonb
language sql stable security definer set search_path = ''
as $$
  select m.settings from core.import_mappings m
  where m.workspace_id = recall_mapping.workspace_id and m.object_id = recall_mapping.object_id and m.headers_key = recall_mapping.headers_key
$$;

create or replace function core.note_import_reverted(import_id uuid, is_reverted boolean) returns void
language sql volatile security definer set search_path = ''
as $$
  update core.imports i set reverted_at = case when is_reverted then now() end where i.id = import_id and i.status = 'DONE'
$$;

grant execute on function core.start_import(uuid, boolean, jsonb, jsonb, text), core.cancel_import(uuid), core.fix_import(uuid, jsonb),
  core.recall_mapping(uuid, uuid, text), core.note_import_reverted(uuid, boolean) to relvar_server;
--! EndIncluded core/imports/start.sql
--! Included core/imports/run.sql
-- The worker's side. An import is one transaction, and that it is done is written in the same: whoever dies in the middle
-- has done nothing, and whoever comes after begins again, or finds that nothing is left to do.

create or replace function core.claim_import(import_id uuid) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_import core.imports;
begin
  update core.imports i set status = 'RUNNING', started_at = coalesce(i.started_at, now()), phase = 'reading', rows_done = 0, bytes_done = 0
  where i.id = import_id and i.status in ('WAITING', 'RUNNING') returning i.* into v_import;
  if not found then
    return null;
  end if;
  -- What an attempt before left.
  delete from core.import_problems p where p.import_id = claim_import.import_id;
  delete from core.import_parts p where p.import_id = claim_import.import_id and p.kind = 'REJECTS';
  return (
    select jsonb_build_object('fileName', v_import.file_name, 'fileSize', v_import.file_size, 'format', v_import.format, 'settings', v_import.settings, 'isDryRun', v_import.is_dry_run,
      'objectName', o.name_singular, 'schemaName', w.schema_name, 'memberId', m.id, 'impersonatorId', v_import.impersonator_id,
      -- The role that the member has now.
      'pgRole', case when m.is_active and o.is_active and o.deleted_at is null then r.pg_role end,
      'fixes', (select coalesce(jsonb_agg(jsonb_build_array(f.line, f.cell, f.value)), '[]') from core.import_fixes f where f.import_id = v_import.id))
    from core.members m
    join metadata.roles r on r.id = m.role_id
    join core.workspaces w on w.id = m.workspace_id
    join metadata.objects o on o.id = v_import.object_id
    where m.id = v_import.member_id);
end
$$;
comment on function core.claim_import(uuid) is 'What a worker needs to run an import, as whom with which rights; null where it is not to be run.';

-- Returns whether it is to end.
create or replace function core.note_import_progress(import_id uuid, phase text, rows_done bigint, bytes_done bigint) returns boolean
language sql volatile security definer set search_path = ''
as $$
  update core.imports i set phase = note_import_progress.phase, rows_done = note_import_progress.rows_done, bytes_done = note_import_progress.bytes_done
  where i.id = import_id and i.status = 'RUNNING' returning i.wants_cancel
$$;

create or replace function core.add_import_problems(import_id uuid, problems jsonb) returns void
language sql volatile security definer set search_path = ''
as $$
  insert into core.import_problems (import_id, line, kind, reason, cell, cells)
  select add_import_problems.import_id, x.line, x.kind, x.reason, x.cell, array(select e from jsonb_array_elements_text(x.cells) with ordinality u (e, n) order by u.n)
  from jsonb_to_recordset(problems) x (line bigint, kind text, reason text, cell int, cells jsonb)
  on conflict do nothing
$$;

-- What came of it. The file has served when the records are there; as long as it may be tried again it stays.
create or replace function core.end_import(import_id uuid, status text, result jsonb, failure jsonb) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_import core.imports;
begin
  update core.imports i set status = end_import.status, result = end_import.result, failure = end_import.failure, finished_at = now(), wants_cancel = false,
    is_file_kept = end_import.status <> 'DONE'
  where i.id = import_id and i.status = 'RUNNING' returning i.* into v_import;
  if not found then
    raise exception 'This import is not running any more.' using errcode = 'RV273', hint = 'Another worker has taken it over.';
  end if;
  if v_import.status = 'DONE' then
    delete from core.import_parts p where p.import_id = end_import.import_id and p.kind = 'FILE';
    delete from core.import_fixes f where f.import_id = end_import.import_id;
  end if;
  if not v_import.is_dry_run and v_import.status in ('DONE', 'FAILED') then
    perform core.tell_import_finished(v_import.id, v_import.workspace_id, v_import.member_id, v_import.object_id, v_import.file_name, coalesce(result, '{}'), failure ->> 'message');
  end if;
end
$$;

grant execute on function core.claim_import(uuid), core.note_import_progress(uuid, text, bigint, bigint), core.add_import_problems(uuid, jsonb),
  core.end_import(uuid, text, jsonb, jsonb) to relvar_worker;
grant execute on function engine.explain_violation(text, text, text, text, name) to relvar_worker;
--! EndIncluded core/imports/run.sql
--! Included core/imports/list.sql
-- One's own imports; with "everybody", those of all members of the workspace. Whose rows they are, the caller has asked.
create or replace function core.list_imports(workspace_id uuid, member_id uuid, everybody boolean, import_id uuid default null, before_id uuid default null, max_results int default 50) returns jsonb
language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(x.item order by x.id desc), '[]')
  from (
    select i.id, jsonb_build_object('id', i.id, 'objectId', i.object_id, 'memberId', i.member_id, 'memberName', m.name, 'fileName', i.file_name, 'fileSize', i.file_size, 'format', i.format,
      'settings', case when import_id is not null then i.settings end, 'status', i.status, 'isDryRun', i.is_dry_run, 'phase', i.phase, 'rowsDone', i.rows_done, 'bytesDone', i.bytes_done,
      'result', i.result, 'failure', i.failure, 'createdAt', i.created_at, 'startedAt', i.started_at, 'finishedAt', i.finished_at, 'revertedAt', i.reverted_at,
      'isFileKept', i.is_file_kept, 'wantsCancel', i.wants_cancel,
      'hasRejectsFile', exists (select from core.import_parts p where p.import_id = i.id and p.kind = 'REJECTS'),
      'fixes', case when import_id is not null then (select count(*) from core.import_fixes f where f.import_id = i.id) end) as item
    from core.imports i join core.members m on m.id = i.member_id
    where i.workspace_id = list_imports.workspace_id and (everybody or i.member_id = list_imports.member_id)
      and (list_imports.import_id is null or i.id = list_imports.import_id)
      and (list_imports.import_id is not null or i.status <> 'UPLOADING')
      and (before_id is null or i.id < before_id)
    order by i.id desc limit least(max_results, 200)
  ) x
$$;

create or replace function core.import_problems(import_id uuid, kind text, after_line bigint, max_results int) returns jsonb
language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('line', x.line, 'reason', x.reason, 'cell', x.cell, 'cells', x.cells,
    'fixes', (select jsonb_object_agg(f.cell, f.value) from core.import_fixes f where f.import_id = x.import_id and f.line = x.line)) order by x.line), '[]')
  from (
    select p.* from core.import_problems p
    where p.import_id = import_problems.import_id and (import_problems.kind is null or p.kind = import_problems.kind) and p.line > after_line
    order by p.line limit least(max_results, 200)
  ) x
$$;

grant execute on function core.list_imports(uuid, uuid, boolean, uuid, uuid, int), core.import_problems(uuid, text, bigint, int) to relvar_server;
--! EndIncluded core/imports/list.sql
-- ── timelines: events of related records, read by key ────────────────────────────────────────
alter table metadata.relations add column is_on_timeline boolean not null default false;
drop function metadata.create_field(uuid, text, text, text, text, text, jsonb, jsonb, jsonb, boolean, boolean, uuid, text, text, text, uuid[], timestamptz, uuid);
--! Included metadata/create.sql
-- The two changes that need more than a row: an object comes with its name field, a relation with
-- its other side. Ids may be chosen by the caller, who can then refer to what is not there yet.

create or replace function metadata.create_object(
  label_singular text, label_plural text, name_singular text default null, name_plural text default null,
  description text default '', icon text default 'IconBox', color text default null, id uuid default null, workspace_id uuid default null
) returns metadata.objects
language plpgsql volatile set search_path = ''
as $$
declare
  v_object metadata.objects;
  v_field uuid;
begin
  insert into metadata.objects (id, workspace_id, name_singular, name_plural, label_singular, label_plural, description, icon, color, position)
  values (create_object.id, create_object.workspace_id, create_object.name_singular, create_object.name_plural,
    btrim(create_object.label_singular), btrim(create_object.label_plural), coalesce(create_object.description, ''),
    coalesce(create_object.icon, 'IconBox'), create_object.color,
    (select coalesce(max(o.position), 0) + 1 from metadata.objects o where create_object.workspace_id is null or o.workspace_id = create_object.workspace_id))
  returning * into v_object;
  insert into metadata.fields as f (object_id, name, label, type, icon, position)
  values (v_object.id, 'name', 'Name', 'TEXT', 'IconAbc', 0) returning f.id into v_field;
  update metadata.objects o set label_field_id = v_field where o.id = v_object.id returning * into v_object;
  return v_object;
end
$$;
comment on function metadata.create_object(text, text, text, text, text, text, text, uuid, uuid) is
  'Creates an object with a text field "name". API names follow from the labels unless they are given. The table exists when the transaction commits.';

create or replace function metadata.create_field(
  object_id uuid, label text, type text, name text default null, description text default '', icon text default null,
  settings jsonb default '{}', options jsonb default '[]', default_value jsonb default null,
  is_required boolean default false, is_unique boolean default false,
  target_object_id uuid default null, inverse_label text default null, inverse_name text default null, on_delete text default 'SET_NULL',
  target_object_ids uuid[] default null, required_from timestamptz default null, id uuid default null, is_on_timeline boolean default false
) returns metadata.fields
language plpgsql volatile set search_path = ''
as $$
declare
  v_field metadata.fields;
  v_object metadata.objects;
  v_targets uuid[] := coalesce(create_field.target_object_ids, array_remove(array[create_field.target_object_id], null));
begin
  select * into v_object from metadata.objects o where o.id = create_field.object_id;
  if not found then
    raise exception 'There is no such object.' using errcode = 'RV011', column = 'object_id';
  end if;
  if create_field.type in ('RELATION', 'MORPH_RELATION', 'MANY_TO_MANY') and v_targets = '{}' then
    raise exception 'A relation needs the object that it points to.' using errcode = 'RV008', column = 'target_object_id';
  end if;
  insert into metadata.fields (id, object_id, name, label, description, icon, type, settings, options, default_value, is_required, required_from, is_unique, position)
  values (create_field.id, create_field.object_id, create_field.name, btrim(create_field.label),
    coalesce(create_field.description, ''), create_field.icon, create_field.type,
    coalesce(create_field.settings, '{}') || case when create_field.type = 'MANY_TO_MANY' then jsonb_strip_nulls(jsonb_build_object(
      'targetObjectId', v_targets[1], 'inverseLabel', create_field.inverse_label, 'inverseName', create_field.inverse_name)) else '{}' end,
    coalesce(create_field.options, '[]'), create_field.default_value, coalesce(create_field.is_required, false), create_field.required_from, coalesce(create_field.is_unique, false),
    (select coalesce(max(f.position), 0) + 1 from metadata.fields f where f.object_id = create_field.object_id and not f.is_system))
  returning * into v_field;
  if create_field.type in ('RELATION', 'MORPH_RELATION') then
    insert into metadata.relations (field_id, target_object_id, inverse_label, inverse_name, on_delete, is_on_timeline)
    select v_field.id, t.id, coalesce(create_field.inverse_label, v_object.label_plural),
      coalesce(create_field.inverse_name, case when create_field.inverse_label is null then v_object.name_plural end),
      coalesce(create_field.on_delete, 'SET_NULL'), coalesce(create_field.is_on_timeline, false)
    from unnest(v_targets) t (id);
  elsif create_field.type = 'MANY_TO_MANY' and create_field.is_on_timeline then
    -- Each side tells of the other.
    update metadata.relations r set is_on_timeline = true
    from metadata.fields f join metadata.fields near on near.id = f.junction_field_id join metadata.fields l on l.object_id = near.object_id
    where f.id = v_field.id and r.field_id = l.id;
  end if;
  return v_field;
end
$$;
comment on function metadata.create_field(uuid, text, text, text, text, text, jsonb, jsonb, jsonb, boolean, boolean, uuid, text, text, text, uuid[], timestamptz, uuid, boolean) is
  'Creates a field. For a RELATION or MANY_TO_MANY give the target object, for a MORPH_RELATION one or several, and how the other side names these records; is_on_timeline: whether its timeline tells what happens to them.';
grant execute on function metadata.create_object(text, text, text, text, text, text, text, uuid, uuid),
  metadata.create_field(uuid, text, text, text, text, text, jsonb, jsonb, jsonb, boolean, boolean, uuid, text, text, text, uuid[], timestamptz, uuid, boolean) to relvar_crm;
-- Schema engine stays closed to CRM roles: what it offers them is reached through policies, column
-- defaults and functions that were bound when they were created, never by name.
--! EndIncluded metadata/create.sql
--! Included metadata/model.sql
-- The whole model of a workspace in one value: what the screen reads once and again when the
-- version rises.
create or replace function engine.model_of(workspace_id uuid) returns jsonb
language sql stable set search_path = ''
as $$
  with spec as materialized (
    select * from engine.columns(model_of.workspace_id)
  ), columns as materialized (
    select c.field_id, jsonb_agg(jsonb_build_object('part', c.part, 'column', c.name, 'name', engine.camel_case(c.name)) order by c.ordinal, c.name) as list
    from spec c group by c.field_id
  ), relations as materialized (
    select r.field_id, jsonb_agg(jsonb_build_object(
      'id', r.id, 'targetObjectId', r.target_object_id, 'name', engine.camel_case(left(c.name, -3)), 'column', c.name,
      'columnName', engine.camel_case(c.name), 'inverseName', r.inverse_name, 'inverseLabel', r.inverse_label, 'onDelete', r.on_delete, 'isOnTimeline', r.is_on_timeline) order by c.name) as list
    from metadata.relations r join spec c on c.relation_id = r.id
    where r.workspace_id = model_of.workspace_id and r.deleted_at is null group by r.field_id
  ), junctions as materialized (
    -- Where a relation to many leads: through the links of this record, then along the link's other relation.
    select m.id as field_id, jsonb_build_object(
      'objectId', near.object_id, 'fieldId', near.id, 'otherFieldId', far.id, 'targetObjectId', far_relation.target_object_id,
      'inverseFieldId', (select i.id from metadata.fields i where i.junction_field_id = far.id),
      'linkConnection', near_relation.inverse_name, 'otherName', far.name,
      'relationId', near_relation.id, 'otherRelationId', far_relation.id, 'isOnTimeline', near_relation.is_on_timeline, 'isOnOtherTimeline', far_relation.is_on_timeline) as value
    from metadata.fields m
    join metadata.fields near on near.id = m.junction_field_id
    join metadata.relations near_relation on near_relation.field_id = near.id
    join metadata.fields far on far.object_id = near.object_id and far.id <> near.id
      and exists (select from metadata.fields i where i.junction_field_id = far.id)
    join metadata.relations far_relation on far_relation.field_id = far.id
    where m.workspace_id = model_of.workspace_id and m.deleted_at is null
  ), aliases as materialized (
    select coalesce(a.field_id, a.object_id) as owner_id,
      jsonb_agg(jsonb_build_object('id', a.id, 'kind', a.kind, 'name', a.name) order by a.created_at, a.name) as list
    from metadata.aliases a where a.workspace_id = model_of.workspace_id group by 1
  ), fields as materialized (
    select f.object_id, jsonb_agg(jsonb_build_object(
      'id', f.id, 'name', f.name, 'label', f.label, 'description', f.description, 'icon', f.icon, 'type', f.type, 'settings', f.settings,
      'options', f.options, 'defaultValue', f.default_value, 'isRequired', f.is_required, 'requiredFrom', f.required_from, 'resultType', f.result_type, 'isComputed', f.type in ('FORMULA', 'ROLLUP'), 'isUnique', f.is_unique, 'isActive', f.is_active,
      'isSystem', f.is_system, 'isCustom', f.application_id is null and not f.is_system, 'position', f.position,
      'junction', j.value, 'aliases', coalesce(a.list, '[]'),
      'columns', coalesce(c.list, '[]'), 'relations', coalesce(r.list, '[]')) order by f.position, f.id) as list
    from metadata.fields f
    left join columns c on c.field_id = f.id
    left join relations r on r.field_id = f.id
    left join junctions j on j.field_id = f.id
    left join aliases a on a.owner_id = f.id
    where f.workspace_id = model_of.workspace_id and f.deleted_at is null group by f.object_id
  ), rules as materialized (
    -- Those that sleep for want of a field are not shown, those that were switched off are.
    select r.object_id, jsonb_agg(jsonb_build_object(
      'id', r.id, 'fieldId', r.field_id, 'kind', r.kind, 'settings', r.settings, 'condition', engine.formula_text(r.compiled),
      'message', r.message, 'text', engine.rule_text(r), 'appliesFrom', r.applies_from, 'isActive', r.is_active, 'position', r.position) order by r.position, r.id) as list
    from metadata.rules r
    where r.workspace_id = model_of.workspace_id
      and not exists (select from unnest(engine.rule_fields(r)) u (id) where not exists (select from metadata.fields f where f.id = u.id and f.deleted_at is null))
    group by r.object_id
  ), indexes as materialized (
    select i.object_id, jsonb_agg(jsonb_build_object(
      'id', i.id, 'name', i.name, 'kind', i.kind, 'parts', i.parts, 'condition', engine.formula_text(i.compiled)) order by i.name, i.id) as list
    from engine.live_indexes(model_of.workspace_id) i group by i.object_id
  )
  select jsonb_build_object('version', w.model_version, 'workspace', jsonb_build_object('id', w.id, 'slug', w.slug, 'name', w.name),
    'objects', (
      select coalesce(jsonb_agg(jsonb_build_object(
        'id', o.id, 'nameSingular', o.name_singular, 'namePlural', o.name_plural, 'labelSingular', o.label_singular, 'labelPlural', o.label_plural,
        'description', o.description, 'icon', o.icon, 'color', o.color, 'isActive', o.is_active, 'isSystem', o.is_system, 'isSearchable', o.is_searchable,
        'isJunction', o.is_junction, 'isAudited', o.is_audited, 'isPrivate', o.is_private, 'imageFieldId', o.image_field_id, 'duplicateCriteria', o.duplicate_criteria,
        'isCustom', o.application_id is null, 'labelFieldId', o.label_field_id, 'tableName', o.table_name, 'position', o.position,
        'aliases', coalesce(a.list, '[]'), 'fields', coalesce(f.list, '[]'), 'rules', coalesce(u.list, '[]'), 'indexes', coalesce(i.list, '[]')) order by o.position, o.id), '[]')
      from metadata.objects o left join fields f on f.object_id = o.id left join aliases a on a.owner_id = o.id
      left join rules u on u.object_id = o.id left join indexes i on i.object_id = o.id where o.workspace_id = w.id and o.deleted_at is null))
  from core.workspaces w where w.id = model_of.workspace_id
$$;

create or replace function metadata.model() returns jsonb
language sql stable security definer set search_path = ''
as $$
  select engine.model_of(engine.workspace_of_role(current_setting('role')::name))
$$;
comment on function metadata.model() is 'The data model of the workspace: version, objects, fields, columns and relations, as one JSON value.';


create or replace function metadata.model_version() returns bigint
language sql stable security definer set search_path = ''
as $$
  select w.model_version from core.workspaces w where w.id = engine.workspace_of_role(current_setting('role')::name)
$$;
comment on function metadata.model_version() is 'Number of the model; it rises by one with each transaction that changes it. Send it as X-Metadata-Version to be served by a schema that knows the change.';
grant execute on function metadata.model(), metadata.model_version() to relvar_crm;
--! EndIncluded metadata/model.sql
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
        select coalesce(jsonb_agg(jsonb_build_object('target', t.name_singular, 'inverseName', r.inverse_name, 'inverseLabel', r.inverse_label, 'onDelete', r.on_delete, 'isOnTimeline', r.is_on_timeline) order by t.name_singular), '[]')
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
        'groupField', (select f.name from metadata.fields f where f.id = v.group_field_id), 'layout', engine.references_by_name(v.workspace_id, v.layout), 'position', v.position,
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
        'sorts', engine.references_by_id(manifest_changes.workspace_id, coalesce(e.value -> 'sorts', '[]'), v_planned), 'groupFieldId', v_planned -> ('field:' || o.name || '.' || (e.value ->> 'groupField')),
        'layout', engine.references_by_id(manifest_changes.workspace_id, coalesce(e.value -> 'layout', '{}'), v_planned), 'position', coalesce(e.value -> 'position', '0')),
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
      'inverseName', r.value -> 'inverseName', 'inverseLabel', r.value -> 'inverseLabel', 'onDelete', coalesce(r.value -> 'onDelete', '"SET_NULL"'), 'isOnTimeline', coalesce(r.value -> 'isOnTimeline', 'false')))
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
    select 25, 0, r.id, jsonb_build_object('op', 'update', 'table', 'relations', 'id', r.id, 'values', jsonb_build_object('inverseName', r.value -> 'inverseName', 'inverseLabel', r.value -> 'inverseLabel',
      'isOnTimeline', coalesce(r.value -> 'isOnTimeline', 'false')))
    from pg_temp.relvar_relations r where r.is_new and r.is_junction and r.value ->> 'onDelete' = 'CASCADE'
    union all
    select 24, 0, t.id, jsonb_build_object('op', 'update', 'table', 'fields', 'objectId', t.object_id, 'name', t.name, 'values', t.wanted)
    from thing t where t.kind = 'field' and t.is_new and (t.value ->> 'isSystem')::boolean
      and not exists (select from engine.system_fields() s where (s.name, s.label, s.description, s.icon) = (t.name, t.value ->> 'label', t.value ->> 'description', t.value ->> 'icon'))
    union all
    select 24, 0, r.id, jsonb_build_object('op', 'update', 'table', 'relations', 'fieldId', r.field_id, 'targetObjectId', r.target_id, 'values', jsonb_strip_nulls(jsonb_build_object(
      'inverseName', r.value -> 'inverseName', 'inverseLabel', r.value -> 'inverseLabel', 'onDelete', r.value -> 'onDelete', 'isOnTimeline', r.value -> 'isOnTimeline')))
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
      select engine.what_differs('relations', r.id, jsonb_strip_nulls(jsonb_build_object('inverseName', r.value -> 'inverseName', 'inverseLabel', r.value -> 'inverseLabel', 'onDelete', r.value -> 'onDelete', 'isOnTimeline', r.value -> 'isOnTimeline'))) as value) v
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
--! Included metadata/sync.sql
-- Installs, upgrades and uninstalls a bundle of objects, fields, relations, rules, indexes, views and
-- roles. An upgrade compares three: the old manifest, the new one and the workspace, property by
-- property (engine.merged). What the workspace changed itself stays as it is, what it deleted stays
-- deleted, and where both changed the same the upgrade says so.

-- Nobody knows how long the lists of a manifest are, so PostgreSQL takes them for long, and would
-- compile queries for seconds that run for a moment.
create or replace function metadata.sync_application(workspace_id uuid, manifest jsonb) returns uuid
language plpgsql volatile security definer set search_path = '' set jit = off
as $$
declare
  v_application metadata.applications;
  v_id uuid;
  v_warnings jsonb;
begin
  perform engine.assert_manages(workspace_id, 'APPLICATIONS'), engine.lock_model(workspace_id);
  if coalesce(sync_application.manifest ->> 'name', '') = '' or jsonb_typeof(sync_application.manifest -> 'objects') is distinct from 'array' then
    raise exception 'A manifest needs a name and a list of objects.' using errcode = 'RV030',
      hint = 'See db/standard/manifest.json for one that works.';
  end if;
  select a.* into v_application from metadata.applications a
  where a.workspace_id = sync_application.workspace_id and a.name = sync_application.manifest ->> 'name' for update;
  if found and v_application.manifest = sync_application.manifest then
    return v_application.id;
  end if;
  insert into metadata.applications as a (workspace_id, name, version, manifest)
  values (sync_application.workspace_id, sync_application.manifest ->> 'name', coalesce(sync_application.manifest ->> 'version', '0'), sync_application.manifest)
  on conflict on constraint applications_workspace_id_name_key do update set version = excluded.version, manifest = excluded.manifest
  returning a.id into v_id;
  v_warnings := engine.sync_bundle(workspace_id, v_id, v_application.manifest, sync_application.manifest, coalesce(v_application.removed, '{}'));
  update metadata.applications a set warnings = v_warnings where a.id = v_id;
  return v_id;
end
$$;
comment on function metadata.sync_application(uuid, jsonb) is
  'Installs or upgrades an application from its manifest: objects, fields, relations, rules, indexes, views and roles. Returns the application''s id. What the workspace has changed itself is kept; metadata.applications.warnings tells where the application wanted it otherwise.';

create or replace function metadata.plan_application(workspace_id uuid, manifest jsonb) returns jsonb
language plpgsql volatile security definer set search_path = '' set lock_timeout = '2s' set jit = off
as $$
declare
  v_version bigint;
  v_warnings jsonb;
  v_plan jsonb;
begin
  perform engine.assert_manages(workspace_id, 'APPLICATIONS');
  select w.model_version into v_version from core.workspaces w where w.id = workspace_id;
  begin
    perform metadata.sync_application(workspace_id, manifest);
    select a.warnings into v_warnings from metadata.applications a where a.workspace_id = plan_application.workspace_id and a.name = plan_application.manifest ->> 'name';
    v_plan := engine.consequences(workspace_id, v_version, '[]');
    raise exception 'planned' using errcode = 'RVEND';
  exception when sqlstate 'RVEND' then
    return jsonb_set(v_plan, '{warnings}', v_warnings || (v_plan -> 'warnings'));
  end;
end
$$;
comment on function metadata.plan_application(uuid, jsonb) is
  'What installing or upgrading an application would do: statements, warnings, losses, and what stays as the workspace has it. Changes nothing; metadata.sync_application does it.';
grant execute on function metadata.sync_application(uuid, jsonb), metadata.plan_application(uuid, jsonb) to relvar_crm;

create or replace function engine.sync_bundle(workspace_id uuid, application_id uuid, old_manifest jsonb, new_manifest jsonb, removed text[]) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_warnings jsonb := '[]';
begin
  -- What the old manifest meant is read before anything is called otherwise.
  perform engine.read_bundle(workspace_id, old_manifest, new_manifest);
  v_warnings := engine.drop_rows(workspace_id, false);
  v_warnings := v_warnings || engine.sync_rows(workspace_id, application_id, new_manifest, 1, 2);
  perform engine.install_things(workspace_id, application_id, old_manifest, new_manifest, removed);
  v_warnings := v_warnings || engine.sync_rows(workspace_id, application_id, new_manifest, 3, 3);
  perform engine.install_computed(workspace_id, application_id, new_manifest, removed);
  v_warnings := v_warnings || engine.sync_rows(workspace_id, application_id, new_manifest, 4, 99);
  v_warnings := v_warnings || engine.drop_things(workspace_id, application_id, old_manifest, new_manifest, false);
  drop table pg_temp.relvar_bundle;
  return v_warnings;
end
$$;

-- The rows of which the two manifests say different things, in a table of this transaction.
create or replace function engine.read_bundle(workspace_id uuid, old_manifest jsonb, new_manifest jsonb) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_names jsonb := case when old_manifest is null then '{}' else engine.manifest_names(workspace_id, old_manifest) end;
begin
  create temporary table relvar_bundle on commit drop as
  with pair as (
    select coalesce(n.part, p.part) as part, coalesce(n.identifier, p.identifier) as identifier, coalesce(n.owner, p.owner) as owner, n."values" as wanted, p."values" as base
    from engine.manifest_rows(new_manifest) n
    -- A field that becomes a formula is still that field.
    full join engine.manifest_rows(old_manifest) p on p.identifier = n.identifier and replace(p.part, 'computed', 'fields') = replace(n.part, 'computed', 'fields')
    where n."values" is distinct from p."values"
  )
  select b, (b).phase, p.identifier, p.owner, p.wanted, engine.references_by_id(read_bundle.workspace_id, p.base, v_names, false) as base, null::jsonb as formulas
  from pair p join engine.bundle_parts() b on b.part = p.part
  -- On the first install these come all at once.
  where p.base is not null or b.phase >= 6;
  update pg_temp.relvar_bundle r set formulas = engine.compiled_formulas((r.b).table_name, engine.bundle_owner(read_bundle.workspace_id, (r.b).owner_table, r.owner), r.base)
  where r.base is not null and (r.b).owner_table = 'objects';
end
$$;

-- What the new manifest says otherwise, or says for the first time.
create or replace function engine.sync_rows(workspace_id uuid, application_id uuid, manifest jsonb, first_phase int, last_phase int) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_warnings jsonb := '[]';
  v_names jsonb;
  v_owner uuid;
  v_row jsonb;
  v_wanted jsonb;
  v_part engine.bundle_part;
  r record;
begin
  for r in
    select * from pg_temp.relvar_bundle b where b.wanted is not null and b.phase between first_phase and last_phase
    order by b.phase, (b.wanted ->> 'position')::double precision, b.identifier
  loop
    v_part := r.b;
    v_names := coalesce(v_names, engine.manifest_names(workspace_id, manifest));
    v_owner := engine.bundle_owner(workspace_id, v_part.owner_table, r.owner);
    -- Nothing belongs to what is not there.
    continue when v_part.owner_table is not null and v_owner is null;
    v_wanted := engine.references_by_id(workspace_id, r.wanted, v_names);
    v_wanted := engine.with_formulas(v_wanted, engine.compiled_formulas(v_part.table_name, v_owner, v_wanted));
    v_row := engine.bundle_row(workspace_id, v_part.table_name, v_part.owner_column, v_part.key_column, r.identifier, v_owner, v_wanted);
    if v_row is not null then
      v_warnings := v_warnings || engine.merge_row(v_part.table_name, v_row, coalesce(engine.with_formulas(r.base, coalesce(r.formulas, '{}')), '{}'), v_wanted - 'is_system');
    elsif r.base is null then
      v_warnings := v_warnings || engine.insert_row(workspace_id, application_id, v_part, r.identifier, v_owner, v_wanted);
    end if;
  end loop;
  return v_warnings;
end
$$;

-- What is new, all at once.
create or replace function engine.install_things(workspace_id uuid, application_id uuid, old_manifest jsonb, new_manifest jsonb, removed text[]) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_names jsonb;
begin
  insert into metadata.objects (workspace_id, application_id, universal_identifier, name_singular, name_plural, label_singular, label_plural,
    description, icon, color, is_active, is_system, is_searchable, is_audited, position)
  select install_things.workspace_id, install_things.application_id, n.universal_identifier, n.name_singular, n.name_plural, n.label_singular, n.label_plural,
    n.description, n.icon, n.color, n.is_active, n.is_system, n.is_searchable, n.is_audited, n.position
  from engine.manifest_objects(new_manifest) n
  where not exists (select from metadata.objects t where t.workspace_id = install_things.workspace_id and t.universal_identifier = n.universal_identifier)
    and n.universal_identifier <> all (removed)
  order by n.position;
  v_names := engine.manifest_names(workspace_id, new_manifest);

  insert into metadata.fields (workspace_id, object_id, application_id, universal_identifier, name, label, description, icon, type, settings,
    options, default_value, is_required, required_from, is_unique, is_active, position)
  select install_things.workspace_id, o.id, install_things.application_id, n.universal_identifier, engine.free_field_name(o.id, n.name), n.label, n.description, n.icon, n.type,
    engine.references_by_id(install_things.workspace_id, n.settings, v_names) || case when n.many_to_many is null then '{}' else jsonb_build_object('inverseName', n.many_to_many -> 'inverseName',
      'inverseLabel', n.many_to_many -> 'inverseLabel', 'targetObjectId', v_names -> ('object:' || (n.many_to_many ->> 'target'))) end,
    n.options, n.default_value, n.is_required, n.required_from, n.is_unique, n.is_active, n.position
  from engine.manifest_fields(new_manifest) n
  join metadata.objects o on o.workspace_id = install_things.workspace_id and o.universal_identifier = n.object_identifier
  where not exists (select from metadata.fields t where t.workspace_id = install_things.workspace_id and t.universal_identifier = n.universal_identifier)
    and n.universal_identifier <> all (removed) and n.type not in ('FORMULA', 'ROLLUP') and not n.is_system
  order by n.object_identifier, n.position;

  insert into metadata.relations (workspace_id, field_id, target_object_id, inverse_name, inverse_label, on_delete, is_on_timeline)
  select install_things.workspace_id, f.id, o.id, r ->> 'inverseName', r ->> 'inverseLabel', coalesce(r ->> 'onDelete', 'SET_NULL'), coalesce((r ->> 'isOnTimeline')::boolean, false)
  from engine.manifest_fields(new_manifest) n
  join metadata.fields f on f.workspace_id = install_things.workspace_id and f.universal_identifier = n.universal_identifier and f.deleted_at is null
  cross join lateral jsonb_array_elements(n.relations) r
  join metadata.objects o on o.id = (v_names ->> ('object:' || (r ->> 'target')))::uuid
  where not exists (select from metadata.relations t where t.field_id = f.id and (t.target_object_id = o.id or f.type <> 'MORPH_RELATION'))
    -- A target that people took out of a relation stays out.
    and not exists (select from engine.manifest_fields(old_manifest) p cross join lateral jsonb_array_elements(p.relations) q
      where p.universal_identifier = n.universal_identifier and q ->> 'target' = r ->> 'target');

  -- With the fields that are there now.
  v_names := engine.manifest_names(workspace_id, new_manifest);
  update metadata.objects o set
    label_field_id = (v_names ->> ('field:' || n.name_singular || '.' || n.label_field))::uuid,
    image_field_id = (v_names ->> ('field:' || n.name_singular || '.' || n.image_field))::uuid,
    duplicate_criteria = engine.references_by_id(install_things.workspace_id, n.duplicate_criteria, v_names)
  from engine.manifest_objects(new_manifest) n
  where o.workspace_id = install_things.workspace_id and o.universal_identifier = n.universal_identifier
    and not exists (select from engine.manifest_objects(old_manifest) p where p.universal_identifier = n.universal_identifier);
end
$$;

-- What is computed comes when all that it reads is there.
create or replace function engine.install_computed(workspace_id uuid, application_id uuid, manifest jsonb, removed text[]) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  r record;
begin
  for r in
    select n.*, o.id as object_id from engine.manifest_fields(manifest) n
    join metadata.objects o on o.workspace_id = install_computed.workspace_id and o.universal_identifier = n.object_identifier
    where n.type in ('FORMULA', 'ROLLUP') and n.universal_identifier <> all (removed)
      and not exists (select from metadata.fields t where t.workspace_id = install_computed.workspace_id and t.universal_identifier = n.universal_identifier)
    order by n.position
  loop
    insert into metadata.fields (workspace_id, object_id, application_id, universal_identifier, name, label, description, icon, type, settings, is_active, position)
    values (install_computed.workspace_id, r.object_id, install_computed.application_id, r.universal_identifier, engine.free_field_name(r.object_id, r.name), r.label, r.description, r.icon, r.type,
      engine.references_by_id(install_computed.workspace_id, r.settings, engine.manifest_names(install_computed.workspace_id, manifest)), r.is_active, r.position);
  end loop;
end
$$;

-- Called after migrations: every workspace gets the standard objects of this release.
create or replace function engine.sync_standard_application() returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_count int := 0;
  r record;
begin
  for r in
    select w.id, m.manifest from core.workspaces w cross join engine.standard_manifest m
    left join metadata.applications a on a.workspace_id = w.id and a.name = m.manifest ->> 'name'
    where a.manifest is distinct from m.manifest
  loop
    perform metadata.sync_application(r.id, r.manifest);
    v_count := v_count + 1;
  end loop;
  return v_count;
end
$$;
--! EndIncluded metadata/sync.sql
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
    'inverse_name', r -> 'inverseName', 'inverse_label', r -> 'inverseLabel', 'on_delete', coalesce(r ->> 'onDelete', 'SET_NULL'), 'is_on_timeline', coalesce((r ->> 'isOnTimeline')::boolean, false))
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
    'sorts', coalesce(n.value -> 'sorts', '[]'), 'group_field_id', n.field || (n.value ->> 'groupField'), 'layout', coalesce(n.value -> 'layout', '{}'), 'position', coalesce((n.value ->> 'position')::double precision, 0))
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
grant insert (id, field_id, target_object_id, inverse_name, inverse_label, on_delete, is_on_timeline),
  update (inverse_name, inverse_label, on_delete, is_on_timeline), delete
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
comment on column metadata.relations.is_on_timeline is 'Whether the timeline of the target tells what happens to these records; of the links of a junction, to the records on their other side.';

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
comment on column metadata.objects.duplicate_criteria is 'Lists of field ids, or {fields: [{id, by}], threshold, isSure}: records that match in all fields of one criterion are taken for duplicates.';

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
drop function engine.past_events(name, text, metadata.objects, uuid, int, text, text, bigint, timestamptz, text);
drop function engine.timeline_moment(text);
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

-- Of these records those whose past the caller may know: what he sees now, or would if it were not in the trash. Of those that
-- were destroyed nothing is left to ask the rules of; who reads all of an object is told of them, too.
create or replace function engine.sees_past(caller name, schema_name text, object metadata.objects, record_ids uuid[]) returns uuid[]
language plpgsql stable set search_path = ''
as $$
declare
  v_table text := format('%I.%I', schema_name, (object).table_name);
  v_policy text;
  v_ids uuid[];
begin
  if engine.reads_wholly(caller, (object).id) then
    return record_ids;
  end if;
  v_policy := engine.read_policy(caller, v_table::regclass);
  execute format('select array_agg(i) from unnest($2) i where exists (select from %2$s t where t.id = i and %3$s)
      or exists (select from %1$I.trash d where d.object_id = $1 and d.record_id = i and exists (select from jsonb_populate_record(null::%2$s, d.data) t where %3$s))',
    schema_name, v_table, v_policy) into v_ids using (object).id, record_ids;
  return coalesce(v_ids, '{}');
end
$$;

-- What a merge tells: into which record, or which records, as far as the caller may know them.
create or replace function engine.told_merge(caller name, schema_name text, object metadata.objects, after jsonb) returns jsonb
language sql stable set search_path = ''
as $$
  select jsonb_strip_nulls(jsonb_build_object(
    'survivorId', case when after ? 'survivorId' and cardinality(engine.sees_past(caller, schema_name, object, array[(after ->> 'survivorId')::uuid])) = 1 then after -> 'survivorId' end,
    'mergedIds', case when after ? 'mergedIds' then to_jsonb(engine.sees_past(caller, schema_name, object, array(select e::uuid from jsonb_array_elements_text(after -> 'mergedIds') e))) end))
$$;

-- Events of a source, a table or a query, as the caller may know them, as a query. The records are ones whose past he sees.
create or replace function engine.told_events(caller name, schema_name text, object metadata.objects, source text) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_table text := format('%I.%I', schema_name, (object).table_name);
  v_names text[];
  v_since timestamptz[];
  v_knows_who boolean;
  v_is_told text := format('(e.action not in (''linked'', ''unlinked'') or engine.sees_link(%L, coalesce(e.after, e.before)))', caller);
begin
  if engine.reads_wholly(caller, (object).id) then
    return format('select e.record_id, e.batch, e.seq, e.action, e.before, e.after, e.actor_type, e.actor_id, e.actor_name, e.source, e.happened_at from %s e where %s', source, v_is_told);
  end if;
  select array_agg(c.name), array_agg(c.since) into v_names, v_since from engine.past_columns(caller, schema_name, object) c;
  v_knows_who := has_column_privilege(caller, v_table, 'created_by_name', 'select') and has_column_privilege(caller, v_table, 'updated_by_name', 'select');
  return format(
    $sql$select e.record_id, e.batch, e.seq, e.action, case when e.action in ('shared', 'unshared', 'linked', 'unlinked') then e.before else b.value end as before,
       case when e.action in ('shared', 'unshared', 'linked', 'unlinked') then e.after
         when e.action in ('merged', 'absorbed') then engine.told_merge(%1$L, %2$L, o, e.after) else a.value end as after,
       %3$s, e.happened_at
     from %4$s e
     join metadata.objects o on o.id = %5$L
     cross join lateral engine.past_values(e.before, e.happened_at, %6$L, %7$L) b (value)
     cross join lateral engine.past_values(e.after, e.happened_at, %6$L, %7$L) a (value)
     -- That something was changed which the caller does not read is nothing to tell, either.
     where (e.action <> 'updated' or b.value <> '{}') and %8$s$sql$,
    caller, schema_name, case when v_knows_who then 'e.actor_type, e.actor_id, e.actor_name, e.source' else $q$''::text as actor_type, null::uuid as actor_id, null::text as actor_name, ''::text as source$q$ end,
    source, (object).id, v_names, v_since, v_is_told);
end
$$;

create or replace function engine.record_history(caller name, schema_name text, object_name text, record_id uuid, max_results int, before_batch bigint)
returns table (batch bigint, seq int, action text, before jsonb, after jsonb, actor_type text, actor_id uuid, actor_name text, source text, happened_at timestamptz)
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.past_object(caller, schema_name, object_name);
begin
  if cardinality(engine.sees_past(caller, schema_name, v_object, array[record_id])) = 0 then
    return;
  end if;
  return query execute format(
    'select e.batch, e.seq, e.action, e.before, e.after, e.actor_type, e.actor_id, e.actor_name, e.source, e.happened_at from (%s) e where ($3 is null or e.batch < $3) order by e.batch desc, e.seq desc limit $4',
    engine.told_events(caller, schema_name, v_object, format('%I.events_of($1, $2)', schema_name)))
  using v_object.id, record_id, before_batch, least(greatest(max_results, 1), 1000);
end
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

-- Moves or drops the oldest events, up to the first that is too young by its time: so the archive holds the beginning of the log, and what is in it comes before
-- all that is not. A time in the future is that of a clock which was wrong, and holds up nothing. Statements that are in part in the archive have no position any more: a reader that far back has missed some.
create or replace function engine.archive_events(workspace_id uuid, max_events int default 20000) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_schema text := (select w.schema_name from core.workspaces w where w.id = workspace_id);
  v_count int;
begin
  execute format(
    'with oldest as (
       select o.batch, o.seq, bool_or(o.happened_at between now() - $2 and now() + interval ''1 day'') over (order by o.batch, o.seq) as is_too_young
       from (select e.batch, e.seq, e.happened_at from %1$I.record_events e order by e.batch, e.seq limit $1) o
     ), taken as (
       delete from %1$I.record_events e using oldest o where e.batch = o.batch and e.seq = o.seq and not o.is_too_young returning e.*
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
--! Included engine/timeline/attached.sql
-- The caller's notes, tasks and files of a record, as a query over $1, the record; null where the caller can see none. They
-- stand where they were tied to it. The words for what joins them are those of the standard objects.
create or replace function engine.query_of_attached(caller name, schema_name text, object metadata.objects, kinds text[]) returns text
language plpgsql stable set search_path = '' set jit = off
as $$
declare
  v_queries text[] := '{}';
  v_holders uuid[];
  r record;
begin
  v_holders := array(
    select h.id from metadata.objects h
    where h.workspace_id = (object).workspace_id and h.universal_identifier = any ('{standard:noteTarget,standard:taskTarget,standard:attachment}') and h.is_active and h.deleted_at is null);
  for r in
    -- Each step once, since PostgreSQL does not know how few these are.
    with columns as materialized (
      select c.key, c.name from engine.field_columns((object).workspace_id, v_holders) c
    ), ends as materialized (
      select f.object_id as holder_id, f.id as field_id, rel.target_object_id, engine.column_key(f.id, f.revision, rel.id::text) as key
      from metadata.fields f join metadata.relations rel on rel.field_id = f.id and rel.deleted_at is null
      where f.object_id = any (v_holders) and f.is_active and f.deleted_at is null
    ), kind as materialized (
      select k.kind, h.id as holder_id, h.name_singular as holder_name, h.table_name, k.target is not null as has_target, t.id as target_id, t.name_singular as target_name, t.table_name as target_table
      from (values ('NOTE', 'standard:noteTarget', 'standard:note'), ('TASK', 'standard:taskTarget', 'standard:task'), ('FILE', 'standard:attachment', null)) k (kind, holder, target)
      join metadata.objects h on h.id = any (v_holders) and h.universal_identifier = k.holder
      left join metadata.objects t on t.workspace_id = (object).workspace_id and t.universal_identifier = k.target and t.is_active and t.deleted_at is null
      where k.kind = any (kinds)
    )
    select k.*, format('%I.%I', schema_name, k.table_name)::regclass as relation, c.name as column_name, tc.name as target_column
    from kind k
    join ends e on e.holder_id = k.holder_id and e.target_object_id = (object).id
    join columns c on c.key = e.key
    left join ends te on te.holder_id = k.holder_id and te.target_object_id = k.target_id and te.field_id <> e.field_id
    left join columns tc on tc.key = te.key
    where not k.has_target or tc.name is not null
    order by k.kind
  loop
    continue when not has_column_privilege(caller, r.relation, r.column_name, 'select') or r.target_column is not null and not has_column_privilege(caller, r.relation, r.target_column, 'select');
    v_queries := v_queries || format(
      'select %1$L, l.created_at, %2$s, null::uuid, null::text, null::jsonb, %3$L, l.record_id
       from (select t.id, t.created_at, t.created_by_source, t.created_by_member_id, t.created_by_name, t.%4$I as record_id from %5$s t where t.%6$I = $1 and %7$s) l%8$s',
      r.kind, case when has_column_privilege(caller, r.relation, 'created_by_name', 'select')
        then 'case when l.created_by_member_id is not null then ''member'' else '''' end, l.created_by_member_id, l.created_by_name, l.created_by_source' else $q$'', null::uuid, null::text, ''$q$ end,
      coalesce(r.target_name, r.holder_name), coalesce(r.target_column, 'id'), r.relation, r.column_name, engine.condition_of(caller, r.holder_id, 'READ', 't.'),
      case when r.target_id is not null then format(' where exists (select from %I.%I t where t.id = l.record_id and %s)', schema_name, r.target_table, engine.condition_of(caller, r.target_id, 'READ', 't.')) end);
  end loop;
  return nullif(array_to_string(v_queries, ' union all '), '');
end
$$;
--! EndIncluded engine/timeline/attached.sql
--! Included engine/timeline/events.sql
-- Events of records by their place in the log, the latest first, found by its index over record and batch and read no further than is asked
-- for: so the ten-thousandth event of a record costs what its first does, and many records are merged without reading all that happened to each.

-- First where the next ones are, then what they say. Where the caller may know little of it, more is looked up until there is enough.
create or replace function engine.events_before(caller name, schema_name text, object metadata.objects, record_ids uuid[], before_batch bigint, before_seq int, max_results int)
returns table (record_id uuid, batch bigint, seq int, action text, before jsonb, after jsonb, actor_type text, actor_id uuid, actor_name text, source text, happened_at timestamptz)
language plpgsql stable set search_path = ''
as $$
declare
  v_ids uuid[] := engine.sees_past(caller, schema_name, object, record_ids);
  v_told text;
  v_batch bigint := before_batch;
  v_seq int := before_seq;
  v_take int := greatest(max_results, 20);
  v_left int := max_results;
  v_found int;
  v_keys record;
begin
  if cardinality(v_ids) = 0 then
    return;
  end if;
  -- Comments are told by what they say.
  v_told := engine.told_events(caller, schema_name, object, format(
    '(select e.* from unnest($1::uuid[], $2::bigint[]) k (id, batch) join %I.record_events e on e.record_id = k.id and e.batch = k.batch where e.object_id = $3 and e.action <> ''commented'' and (e.batch, e.seq) < ($4, $5))', schema_name));
  loop
    execute format(
      'select min(k.batch) as earliest, sum(k.number) as number, array_agg(k.id) as ids, array_agg(k.batch) as batches from (
         select f.id, f.batch, count(*) as number from (
           select i.id, e.batch from unnest($1::uuid[]) i (id)
           cross join lateral (select e.batch from %I.record_events e where e.record_id = i.id and e.batch <= $2 order by e.batch desc limit $3) e
           order by e.batch desc fetch first ($3) rows with ties) f
         group by f.id, f.batch) k', schema_name)
    into v_keys using v_ids, v_batch, v_take;
    exit when v_keys.number is null;
    return query execute format('select * from (%s) e order by e.batch desc, e.seq desc limit $6', v_told) using v_keys.ids, v_keys.batches, (object).id, v_batch, v_seq, v_left;
    get diagnostics v_found = row_count;
    v_left := v_left - v_found;
    exit when v_left <= 0 or v_keys.number < v_take;
    v_batch := v_keys.earliest - 1;
    v_seq := 2147483647;
    v_take := least(v_take * 4, 2000);
  end loop;
end
$$;

-- Of one record, on into the archive, which holds what came before all that is in the log.
create or replace function engine.record_events_before(caller name, schema_name text, object metadata.objects, of_record uuid, before_batch bigint, before_seq int, max_results int)
returns table (record_id uuid, batch bigint, seq int, action text, before jsonb, after jsonb, actor_type text, actor_id uuid, actor_name text, source text, happened_at timestamptz)
language plpgsql stable set search_path = ''
as $$
declare
  v_found int;
begin
  return query select * from engine.events_before(caller, schema_name, object, array[of_record], before_batch, before_seq, max_results);
  get diagnostics v_found = row_count;
  if v_found < max_results and cardinality(engine.sees_past(caller, schema_name, object, array[of_record])) = 1 then
    return query execute format('select * from (%s) e order by e.batch desc, e.seq desc limit $5', engine.told_events(caller, schema_name, object, format(
      '(select r.* from %1$I.event_archive a cross join lateral jsonb_populate_recordset(null::%1$I.record_events, a.events) r
        where a.object_id = $1 and a.first_record_id <= $2 and a.last_record_id >= $2 and r.record_id = $2 and r.action <> ''commented'' and (r.batch, r.seq) < ($3, $4))', schema_name)))
    using (object).id, of_record, before_batch, before_seq, max_results - v_found;
  end if;
end
$$;
--! EndIncluded engine/timeline/events.sql
--! Included engine/timeline/related.sql
-- Whose events a record's timeline tells beside its own: those of records that point to it by a relation that says so
-- (metadata.relations.is_on_timeline), directly or by the links of a junction, and that the caller may read; also of those that lie in the trash. What
-- counts is what points to it now: nothing is written for it, and who comes to belong to the record brings its past along.

-- A record with more of them tells of so many that were changed last.
create or replace function engine.most_related() returns int
language sql immutable parallel safe
  return 1000;

-- By object the ids and when they were changed, as queries over $1, the record.
create or replace function engine.queries_of_related(caller name, schema_name text, object metadata.objects)
returns table (holder metadata.objects, query text)
language plpgsql stable set search_path = '' set jit = off
as $$
declare
  v_holders uuid[];
  r record;
begin
  v_holders := array(
    select distinct f.object_id from metadata.relations rel join metadata.fields f on f.id = rel.field_id
    where rel.workspace_id = (object).workspace_id and rel.target_object_id = (object).id and rel.is_on_timeline and rel.deleted_at is null);
  for r in
    -- Each step once, since PostgreSQL does not know how few these are.
    with columns as materialized (
      select c.key, c.name from engine.field_columns((object).workspace_id, v_holders) c
    ), ends as materialized (
      select f.object_id as holder_id, f.id as field_id, rel.target_object_id, engine.column_key(f.id, f.revision, rel.id::text) as key, rel.is_on_timeline,
        exists (select from metadata.fields i where i.junction_field_id = f.id) as is_side
      from metadata.fields f join metadata.relations rel on rel.field_id = f.id and rel.deleted_at is null
      where f.object_id = any (v_holders) and f.is_active and f.deleted_at is null
    )
    select h, h.is_junction, format('%I.%I', schema_name, h.table_name)::regclass as relation, c.name as column_name, t as target,
      case when t.id is not null then format('%I.%I', schema_name, t.table_name)::regclass end as target_relation, tc.name as target_column
    from ends e
    join columns c on c.key = e.key
    join metadata.objects h on h.id = e.holder_id and h.is_active and h.deleted_at is null
    -- Along a link's other relation.
    left join ends te on h.is_junction and te.holder_id = e.holder_id and te.field_id <> e.field_id and te.is_side
    left join columns tc on tc.key = te.key
    left join metadata.objects t on t.id = te.target_object_id and t.is_active and t.deleted_at is null
    where e.target_object_id = (object).id and e.is_on_timeline and (not h.is_junction or t.id is not null)
    order by e.key
  loop
    continue when not has_column_privilege(caller, r.relation, r.column_name, 'select') or r.is_junction and not has_column_privilege(caller, r.relation, r.target_column, 'select');
    holder := case when r.is_junction then r.target else r.h end;
    query := case when r.is_junction then format(
        'select t.id, t.updated_at as at from %s t where t.id in (select l.%I from (select t.* from %s t where t.%I = $1 and %s) l) and %s', r.target_relation, r.target_column, r.relation, r.column_name,
        engine.condition_of(caller, (r.h).id, 'READ', 't.'), engine.condition_of(caller, (r.target).id, 'READ', 't.'))
      else format(
        'select t.id, t.updated_at as at from %1$s t where t.%2$I = $1 and %3$s
         union all
         select d.record_id, d.deleted_at from (select d.* from %4$I.trash d where d.object_id = %5$L order by d.deleted_at desc limit %7$s) d
         where d.data ->> %2$L = $1::text and exists (select from jsonb_populate_record(null::%1$s, d.data) t where %6$s)', r.relation, r.column_name,
        engine.condition_of(caller, (r.h).id, 'READ', 't.'), schema_name, (r.h).id, engine.read_policy(caller, r.relation), engine.most_related()) end;
    return next;
  end loop;
end
$$;

create or replace function engine.timeline_related(caller name, schema_name text, object metadata.objects, record_id uuid)
returns table (holder metadata.objects, record_ids uuid[])
language plpgsql stable set search_path = ''
as $$
declare
  r record;
begin
  for r in
    select q.holder, string_agg(q.query, ' union all ') as query from engine.queries_of_related(caller, schema_name, object) q group by q.holder
  loop
    holder := r.holder;
    execute format('select array_agg(l.id) from (select i.id from (%s) i where i.id <> $1 group by i.id order by max(i.at) desc limit %s) l', r.query, engine.most_related()) into record_ids using record_id;
    if record_ids is not null then
      return next;
    end if;
  end loop;
end
$$;
--! EndIncluded engine/timeline/related.sql
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
  if expires_at is not null then
    perform graphile_worker.add_job('shares__end', json_build_object('id', v_id, 'workspace_id', v_object.workspace_id), run_at => expires_at, job_key => 'share:' || v_id);
  end if;
  -- Once. A role may be everybody's, so a job tells its members.
  if v_before is null and principal_kind = 'ROLE' then
    perform core.queue_shared(v_object.workspace_id, v_id);
  elsif v_before is null then
    perform core.notify(v_object.workspace_id,
      case principal_kind when 'MEMBER' then array[principal_id] else array(select t.member_id from metadata.team_members t where t.team_id = principal_id) end,
      'SHARED', v_object.id, record_id, jsonb_build_object('access', access, 'reason', v_reason, 'with', case principal_kind when 'TEAM' then v_principal end));
  end if;
  return v_id;
end
$$;

-- What a share was, for the log.
create or replace function engine.share_as_told(workspace_id uuid, principal_kind text, principal_id uuid, access text, reason text, expires_at timestamptz) returns jsonb
language sql stable set search_path = ''
  return jsonb_build_object('with', engine.principal_name(workspace_id, principal_kind, principal_id), 'id', principal_id, 'kind', principal_kind, 'access', access,
    'reason', reason, 'expiresAt', expires_at);

-- A share has ended by itself when its time is over; then the log tells so, and those with whom it was hear of it.
create or replace function engine.end_share(workspace_id uuid, share_id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_schema text := (select w.schema_name from core.workspaces w where w.id = workspace_id);
  v_object metadata.objects;
  v_share record;
begin
  if to_regclass(quote_ident(v_schema) || '.record_shares') is null then
    return false;
  end if;
  execute format('delete from %I.record_shares s where s.id = $1 and s.expires_at <= now() returning *', v_schema) into v_share using share_id;
  if v_share.id is null then
    return false;
  end if;
  select o.* into v_object from metadata.objects o where o.id = v_share.object_id;
  perform engine.note_share(v_schema, v_object, v_share.record_id,
    engine.share_as_told(workspace_id, v_share.principal_kind, v_share.principal_id, v_share.access, v_share.reason, v_share.expires_at), null);
  return true;
end
$$;
comment on function engine.end_share(uuid, uuid) is 'Takes a share away whose time is over, and tells the log. False while it is not, or when there is none.';
grant execute on function engine.end_share(uuid, uuid) to relvar_worker;

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
  perform engine.note_share(schema_name, v_object, v_share.record_id,
    engine.share_as_told(v_object.workspace_id, v_share.principal_kind, v_share.principal_id, v_share.access, v_share.reason, v_share.expires_at), null);
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
  return query select * from engine.changes_of_sight(caller, schema_name, after_position, until_position, object_ids);
end
$$;

-- Rules may ask a related record. Where one changed so that it is now as a rule asks, or is no more, records that refer to it may have
-- come into sight or left it, and nothing happened to them. Of which nobody can tell how they were seen then: those who have the
-- rule read the object again.
create or replace function engine.changes_of_sight(caller name, schema_name text, after_position bigint, until_position bigint, object_ids uuid[]) returns setof jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_position bigint;
  r record;
begin
  if not exists (select from metadata.record_rules u where u.role_id in (select c from engine.roles_of(caller) c) and u.action = 'READ' and u.compiled::text like '%"via"%') then
    return;
  end if;
  for r in
    select distinct o.name_singular, o.table_name, y.id as related_id, y.table_name as related_table, l.name as link,
      (engine.policy_column(s.sides -> 'field', '')).column_sql as column_name, engine.policy_print(engine.policy_comparison(a, false, 't.', null)) as condition
    from metadata.record_rules u
    join metadata.objects o on o.id = u.object_id
    cross join lateral engine.policy_atoms(u.compiled -> 'node') a
    cross join lateral (select engine.policy_sides(a) as sides) s
    join metadata.fields f on f.id = (s.sides #>> '{field,field}')::uuid
    join metadata.objects y on y.id = f.object_id
    join metadata.relations n on n.field_id = (s.sides #>> '{field,via,0}')::uuid and n.deleted_at is null
    join lateral engine.columns(o.workspace_id, array[o.id]) l on l.relation_id = n.id
    where u.role_id in (select c from engine.roles_of(caller) c) and u.action = 'READ' and s.sides -> 'field' ? 'via' and (object_ids is null or o.id = any (object_ids))
      and not engine.reads_wholly(caller, o.id)
  loop
    execute format($sql$
      select max(b.position) from %1$I.event_batches b join %1$I.record_events e on e.batch = b.batch
      where b.position > $1 and b.position <= $2 and b.object_id = $3 and b.action = 'updated' and e.before ? %4$L
        and (select coalesce(%5$s, false) from jsonb_populate_record(null::%1$I.%2$I, e.before) t) <> (select coalesce(%5$s, false) from jsonb_populate_record(null::%1$I.%2$I, e.after) t)
        and exists (select from %1$I.%3$I x where x.%6$I = e.record_id)$sql$,
      schema_name, r.related_table, r.table_name, trim(both '"' from r.column_name), r.condition, r.link)
    into v_position using after_position, until_position, r.related_id;
    if v_position is not null then
      return next jsonb_build_object('position', v_position::text, 'action', 'resync', 'object', r.name_singular, 'recordId', null);
    end if;
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
--! Included metadata/teams.sql
-- Teams, in a hierarchy, and who is in them. Rules of roles ask for the members of the own teams and for those
-- below; records are shared with whole teams. So who changes a team changes what people see, which the audit tells.

create or replace function engine.tg_teams__validate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  new.id := coalesce(new.id, engine.uuidv7());
  new.workspace_id := coalesce(new.workspace_id, engine.workspace_of_role(current_setting('role')::name));
  new.name := btrim(new.name);
  if new.name = '' or length(new.name) > 100 then
    raise exception 'A team needs a name.' using errcode = 'RV162', column = 'name', hint = 'Give one of at most 100 letters.';
  end if;
  if exists (select from metadata.teams t where t.workspace_id = new.workspace_id and t.id <> new.id and lower(t.name) = lower(new.name)) then
    raise exception 'There is a team "%" already.', new.name using errcode = 'RV162', column = 'name', hint = 'Choose another name.';
  end if;
  if new.parent_team_id is not null and exists (
    with recursive above (id) as (
      select new.parent_team_id union select t.parent_team_id from above a join metadata.teams t on t.id = a.id where t.parent_team_id is not null
    ) select from above a where a.id = new.id) then
    raise exception 'The team "%" would be beneath itself.', new.name using errcode = 'RV096', column = 'parent_team_id', hint = 'Choose a team that is not beneath this one.';
  end if;
  return new;
end
$$;
create or replace trigger _100_validate before insert or update on metadata.teams for each row execute function engine.tg_teams__validate();

-- What was beneath a team that goes is beneath the next one above it then, so that who leads that one goes on
-- seeing it. After the statement, which may have deleted several.
create or replace function engine.tg_teams__hand_up() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  with recursive above (id, parent_team_id) as (
    select g.id, g.parent_team_id from gone g
    union
    select a.id, g.parent_team_id from above a join gone g on g.id = a.parent_team_id
  )
  update metadata.teams t set parent_team_id = a.parent_team_id
  from above a
  where a.id = t.parent_team_id and not exists (select from gone g where g.id = a.parent_team_id);
  return null;
end
$$;
create or replace trigger _400_hand_up after delete on metadata.teams referencing old table as gone for each statement execute function engine.tg_teams__hand_up();

create or replace function engine.tg_team_members__validate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  new.id := coalesce(new.id, engine.uuidv7());
  new.workspace_id := coalesce(new.workspace_id, (select t.workspace_id from metadata.teams t where t.id = new.team_id));
  if tg_op = 'INSERT' and exists (select from metadata.team_members m where m.team_id = new.team_id and m.member_id = new.member_id) then
    raise exception '% is in this team already.', (select m.name from core.members m where m.id = new.member_id) using errcode = 'RV162', column = 'member_id';
  end if;
  return new;
end
$$;
create or replace trigger _100_validate before insert or update on metadata.team_members for each row execute function engine.tg_team_members__validate();

create or replace function engine.tg_teams__note() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_team metadata.teams := case when tg_op = 'DELETE' then old else new end;
begin
  if engine.workspace_exists(v_team.workspace_id) then
    perform core.note_auth_event(case tg_op when 'INSERT' then 'TEAM_CREATED' when 'UPDATE' then 'TEAM_CHANGED' else 'TEAM_DELETED' end, v_team.workspace_id,
      detail => jsonb_build_object('team', v_team.name, 'teamId', v_team.id, 'by', engine.actor_name()));
    -- Rules ask who leads whom, and what is shared with a team.
    perform pg_notify('relvar_identity', json_build_object('workspace', v_team.workspace_id, 'teams', true)::text);
  end if;
  return null;
end
$$;
create or replace trigger _500_note after insert or update or delete on metadata.teams for each row execute function engine.tg_teams__note();

create or replace function engine.tg_team_members__note() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_row metadata.team_members := case when tg_op = 'DELETE' then old else new end;
  v_team text := (select t.name from metadata.teams t where t.id = v_row.team_id);
  v_member core.members;
begin
  select * into v_member from core.members m where m.id = v_row.member_id;
  -- What goes with its team or its member is told with that.
  if v_team is not null and v_member.id is not null then
    perform engine.note_member_event(case tg_op when 'INSERT' then 'TEAM_MEMBER_ADDED' when 'UPDATE' then 'TEAM_MEMBER_CHANGED' else 'TEAM_MEMBER_REMOVED' end, v_member,
      jsonb_build_object('team', v_team, 'teamId', v_row.team_id, 'isLead', v_row.is_lead));
    perform pg_notify('relvar_identity', json_build_object('workspace', v_member.workspace_id, 'teams', true)::text);
  end if;
  return null;
end
$$;
create or replace trigger _500_note after insert or update or delete on metadata.team_members for each row execute function engine.tg_team_members__note();

-- What deleting a team would change.
create or replace function metadata.team_dependents(team_id uuid) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_team metadata.teams;
  v_shares bigint;
begin
  select * into v_team from metadata.teams t where t.id = team_dependents.team_id;
  perform engine.assert_manages(v_team.workspace_id, 'WORKSPACE_MEMBERS');
  execute format('select count(*) from %I.record_shares s where s.principal_kind = ''TEAM'' and s.principal_id = $1',
    (select w.schema_name from core.workspaces w where w.id = v_team.workspace_id)) into v_shares using v_team.id;
  return jsonb_build_object('shares', v_shares,
    'teams', (select coalesce(jsonb_agg(t.name order by t.name), '[]') from metadata.teams t where t.parent_team_id = v_team.id),
    'members', (select coalesce(jsonb_agg(m.name order by m.name), '[]') from metadata.team_members u join core.members m on m.id = u.member_id where u.team_id = v_team.id));
end
$$;
comment on function metadata.team_dependents(uuid) is
  'What deleting a team would change: {members, teams beneath it, shares: how many records are shared with it}. For who keeps the teams.';
grant execute on function metadata.team_dependents(uuid) to relvar_crm;
--! EndIncluded metadata/teams.sql
--! Included metadata/log_position.sql
-- Where somebody begins who shows records and follows their changes: first the position, then the records, then
-- recordChanges after that position. What happens in between is told.
create or replace function metadata.log_position() returns bigint
language sql stable security definer set search_path = ''
as $$ select engine.last_position(engine.own_workspace()) $$;
comment on function metadata.log_position() is
  'How far the event log of the workspace goes. Read it before records that are to be kept up to date, and subscribe to recordChanges after it: nothing is missed between the two.';
grant execute on function metadata.log_position() to relvar_crm;
--! EndIncluded metadata/log_position.sql

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
-- computed (the columns that are its arguments) is nobody's change of this record; in a row that is about to be written, what
-- PostgreSQL generates is still empty.
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
  -- The log and the trash leave out what is not in transition tables; that what is computed differs is no change.
  left join (
    select s.object_id, string_agg(quote_literal(s.name), ', ' order by s.name) as computed,
      string_agg(', ' || quote_literal(s.name), '' order by s.name) filter (where s.generated_kind = 'virtual') as hidden
    from unnest(spec) s where s.generated_kind is not null group by s.object_id
  ) c on c.object_id = o.id
  cross join lateral (select engine.link_arguments(o, spec) as arguments) l
  cross join lateral (select engine.file_arguments(o.id, spec) as arguments) f
  cross join lateral (values
    ('_100_touch', format('before update on %%s for each row execute function engine.tg_records__touch(%s)', c.computed), true),
    ('_120_keep_files', format('before insert or update on %%s for each row execute function engine.tg_records__keep_files(%s)', f.arguments), f.arguments is not null),
    ('_200_log_insert', format('after insert on %%s referencing new table as new_rows for each statement execute function engine.tg_records__log(%L, %L%s)', o.id, o.workspace_id, c.hidden), o.is_audited),
    ('_200_log_update', format('after update on %%s referencing old table as old_rows new table as new_rows for each statement execute function engine.tg_records__log(%L, %L%s)', o.id, o.workspace_id, c.hidden), o.is_audited),
    ('_200_log_delete', format('after delete on %%s referencing old table as old_rows for each statement execute function engine.tg_records__log(%L, %L%s)', o.id, o.workspace_id, c.hidden), o.is_audited),
    ('_210_log_links_insert', format('after insert on %%s referencing new table as new_rows for each statement execute function engine.tg_records__log_links(%s)', l.arguments), l.arguments is not null),
    ('_210_log_links_update', format('after update on %%s referencing old table as old_rows new table as new_rows for each statement execute function engine.tg_records__log_links(%s)', l.arguments), l.arguments is not null),
    ('_210_log_links_delete', format('after delete on %%s referencing old table as old_rows for each statement execute function engine.tg_records__log_links(%s)', l.arguments), l.arguments is not null),
    ('_300_trash', format('after delete on %%s referencing old table as old_rows for each statement execute function engine.tg_records__trash(%L%s)', o.id, c.hidden), true),
    ('_310_hold_files', format('after insert or update on %%s for each row execute function engine.tg_records__hold_files(%L, %s)', o.id, f.arguments), f.arguments is not null),
    ('_500_tell_core', format('after update on %%s for each row execute function engine.tg_records__tell_core(%L)', o.workspace_id), o.universal_identifier = 'standard:workspaceMember')
  ) as t (name, definition, wanted)
  where o.workspace_id = desired_triggers.workspace_id and t.wanted and (scope is null or o.id = any (scope))
$$;
--! EndIncluded engine/desired.sql
--! Included engine/plan.sql
-- The difference between desired and actual, as ordered statements. engine.plan and engine.apply
-- are the only code that issues DDL for tenants.

-- The lowest number allowed follows from the first.
create or replace function engine.identity_clause(default_expr text) returns text
language sql immutable strict set search_path = ''
  return format('identity (minvalue %s start with %s)', least(substr(default_expr, 10)::bigint, 1), substr(default_expr, 10));

create or replace function engine.column_clause(f engine.fact) returns text
language sql immutable set search_path = ''
  return format('%I %s', (f).name, (f).pg_type)
    || case when (f).generated_expr is not null then ' generated always as (' || (f).generated_expr || ') ' || (f).definition else '' end
    || case when (f).default_expr ~ '^identity ' then ' generated by default as ' || engine.identity_clause((f).default_expr) else coalesce(' default ' || (f).default_expr, '') end
    || case when (f).not_null then ' not null' else '' end;

-- Since 16 who makes a role may administer it, and has to give himself the rest.
create or replace function engine.grant_to_owner(pg_role text) returns text
language sql stable strict set search_path = ''
  return format('grant %I to relvar_owner', pg_role) || case when current_setting('server_version_num')::int >= 160000 then ' with inherit true' else '' end;

-- Differences come as a list, so that who has them already need not find them again.
create or replace function engine.steps(v_schema text, differences engine.difference[]) returns setof engine.step
-- Planning it takes longer than running it.
language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
  -- Who makes a role can have it granted to itself since 16; before that whoever makes roles may grant all.
  v_grants_itself boolean := current_setting('server_version_num')::int >= 160000;
begin
  return query
  with queued as materialized (
    select q.key, q.kind from core.workspaces w join metadata.online_changes q on q.workspace_id = w.id and q.status <> 'DONE' where w.schema_name = v_schema
  ), d as materialized (
    -- What a job will do, or is doing, is no difference any more.
    select u.*, case when u.kind in ('column', 'constraint', 'index') then engine.online_kind(u) end as online_kind, q.kind is not null as is_queued,
      -- A policy holds the columns that it names, so where columns change, too, it goes first and comes last.
      u.kind = 'policy' and u.is_recreated and (u.have).definition <> 'altered' and not exists (select from unnest(differences) c where c.kind = 'column') as is_altered
    from unnest(differences) u left join queued q on q.key = u.kind || ' ' || u.key
    where not coalesce(q.kind = 'INDEX' and not u.is_extra, false)
  ), dropped_tables as (
    select (d.have).table_key from d where d.kind = 'table' and d.is_extra
  ), converted as materialized (
    select * from engine.conversion_steps(v_schema)
  ), added as (
    -- A column for the values of a changed type is filled before it must have a value.
    select d.*, c.column_key is not null as is_converted
    from d left join (select distinct k.column_key from converted k) c on c.column_key = (regexp_match((d.want).key, '^[^.]*'))[1]
    where d.kind = 'column' and (d.is_missing or d.is_recreated)
  ), shaken_tables as (
    -- Columns that go, are made anew or change their names take privileges along: what a role has is given anew.
    select (d.have).table_key from d where d.kind = 'column' and (d.is_extra or d.is_recreated or (d.want).name <> (d.have).name)
  ), granted as (
    select d.*, case when d.is_missing then null when w.is_whole then 'all' else c.revoked end as revoked,
      case when d.is_extra then null when w.is_whole then (d.want).definition else c.granted end as granted
    from d
    cross join lateral (select d.is_missing or d.is_extra or (d.want).table_key in (select table_key from shaken_tables) as is_whole) w
    left join lateral engine.grant_change((d.have).definition, (d.want).definition) c on not w.is_whole
    where d.kind = 'grant'
  ), renamed as (
    select * from d
    where d.kind in ('table', 'column', 'constraint', 'index', 'policy') and not d.is_missing and not d.is_extra and not d.is_recreated
      and (d.want).name <> (d.have).name
  ), steps as (
    -- 0. The roles, and the group in which all of them are. A new role brings its members along: for a grant PostgreSQL
    -- finds out first what the owner, who made every role of every workspace, may grant. The server and the worker do not
    -- inherit: they can only become the role. The owner, too, so that administrators can.
    select 0 as phase, 'role' as kind, v_schema as object_name, 'set local createrole_self_grant = ''set''' as statement, null::text as lock_level,
      false as rewrites, 0::bigint as row_estimate, null::text as note
    where v_grants_itself and exists (select from d where d.kind = 'role' and d.is_missing)
    union all
    select 1, 'role', d.key, format('create role %I nologin role relvar_server, relvar_worker%s', d.key, case when not v_grants_itself then ', relvar_owner' end), null, false, 0, null
    from d where d.kind = 'role' and d.is_missing and d.key = engine.crm_role(d.key)
    union all
    select 2, 'schema', v_schema, s.statement, null, false, 0, null
    from (values
      (1, format('create role %I nologin role %s', v_schema, (select string_agg(quote_ident(d.key), ', ' order by d.key) from d where d.kind = 'role' and d.is_missing and d.key = engine.crm_role(d.key)))),
      (2, format('create schema %I', v_schema)),
      (3, format('grant usage on schema %I to %I', v_schema, v_schema))
    ) as s (n, statement)
    where to_regnamespace(quote_ident(v_schema)) is null
    union all
    select 2, 'role', d.key, format('grant %I to %I', v_schema, d.key), null, false, 0, null
    from d where d.kind = 'role' and d.is_missing and d.key = engine.crm_role(d.key) and to_regnamespace(quote_ident(v_schema)) is not null
    union all
    -- The reading side of a role is in no group of those who write.
    select 1, 'role', d.key, s.statement, null, false, 0, null
    from d cross join lateral (values
      (1, format('create role %I nologin', d.key)),
      (2, format('grant usage on schema %I to %I', v_schema, d.key)),
      (3, format('grant relvar_reader to %I', d.key))
    ) as s (n, statement)
    where d.kind = 'role' and d.is_missing and d.key <> engine.crm_role(d.key)
    union all
    select 3, 'membership', (d.want).definition, format('grant %I to %I', (d.want).name, (d.want).definition), null, false, 0, null
    from d where d.kind = 'membership' and d.is_missing
    -- 1. What must go before tables and columns can change.
    union all
    select case d.kind when 'policy' then 10 when 'trigger' then 11 when 'constraint' then case when (d.have).comment like '@relvar pk%' then 13 else 12 end
        -- A trigger's function goes after its table.
        when 'function' then 23 else 14 end,
      d.kind, d.old_table,
      case d.kind
        when 'policy' then format('drop policy %I on %I.%I', (d.have).name, v_schema, d.old_table)
        when 'trigger' then format('drop trigger %I on %I.%I', (d.have).name, v_schema, d.old_table)
        when 'constraint' then format('alter table %I.%I drop constraint %I', v_schema, d.old_table, (d.have).name)
        when 'index' then format('drop index %I.%I', v_schema, (d.have).name)
        when 'function' then format('drop function %s', (d.have).oid::regprocedure)
      end,
      'AccessExclusive', false, 0, null
    from d
    where d.kind in ('policy', 'trigger', 'constraint', 'index', 'function') and (d.is_extra or d.is_recreated and not d.is_altered)
      and not (d.is_extra and (d.have).table_key in (select table_key from dropped_tables) and d.kind not in ('constraint', 'function'))
      and not (d.kind = 'function' and d.is_recreated)
    union all
    select 19, 'column', d.old_table, format('alter table %I.%I alter column %I drop expression', v_schema, d.old_table, (d.have).name), 'AccessExclusive', false, d.row_estimate,
      'A trigger keeps it from now on, so that the table need not be rewritten.'
    from d where d.kind = 'column' and (d.want).definition = 'kept' and (d.have).definition = 'stored'
    union all
    select case when (d.have).generated_expr is not null then 20 else 21 end, 'column', d.old_table,
      format('alter table %I.%I drop column %I', v_schema, d.old_table, (d.have).name), 'AccessExclusive', false, d.row_estimate,
      case when d.is_extra then 'The column and its data are dropped.' end
    from d
    where d.kind = 'column' and (d.is_extra or d.is_recreated) and (d.have).table_key not in (select table_key from dropped_tables)
    union all
    select 22, 'table', (d.have).name, format('drop table %I.%I', v_schema, (d.have).name), 'AccessExclusive', false, d.row_estimate,
      'The table and its records are dropped.'
    from d where d.kind = 'table' and d.is_extra
    union all
    -- 2. Renames keep the data. Where the new name is still that of another thing which is renamed
    -- too, the way leads over a name that nobody has.
    select case r.kind when 'table' then 30 when 'column' then 32 else 34 end + s.n, r.kind, r.object_name, s.statement, 'AccessExclusive', false, 0, null
    from (
      select d.kind, case d.kind when 'table' then d.old_table else d.new_table end as object_name, (d.have).name as old, (d.want).name as new,
        case d.kind
          when 'table' then format('alter table %I.%%I rename to %%I', v_schema)
          when 'column' then format('alter table %I.%I rename column %%I to %%I', v_schema, d.new_table)
          when 'constraint' then format('alter table %I.%I rename constraint %%I to %%I', v_schema, d.new_table)
          when 'index' then format('alter index %I.%%I rename to %%I', v_schema)
          when 'policy' then format('alter policy %%I on %I.%I rename to %%I', v_schema, d.new_table)
        end as template,
        case when exists (
          select from renamed o
          where o.key <> d.key and (o.have).name = (d.want).name and (o.kind = d.kind or o.kind in ('constraint', 'index') and d.kind in ('constraint', 'index'))
            and (d.kind <> 'column' or (o.have).table_key = (d.have).table_key)
        ) then 'relvar_' || md5(d.kind || d.key) end as detour
      from renamed d
    ) r
    cross join lateral (values
      (0, format(r.template, r.old, coalesce(r.detour, r.new))),
      (1, case when r.detour is not null then format(r.template, r.detour, r.new) end)
    ) as s (n, statement)
    union all
    -- What lies in the trash goes by the names of columns, too.
    select 36, 'trash', r.new_table, format(
        'update %1$I.trash set data = data - %2$L::text[] || (select coalesce(jsonb_object_agg(n.new, data -> n.old), ''{}'') from unnest(%2$L::text[], %3$L::text[]) n (old, new) where data ? n.old) where object_id = %4$L and data ?| %2$L::text[]',
        v_schema, array_agg((r.have).name order by r.key), array_agg((r.want).name order by r.key), (r.want).table_key), 'RowExclusive', false, 0::bigint, null
    from renamed r where r.kind = 'column' group by r.new_table, (r.want).table_key
    union all
    select 37, 'trash', (d.have).name, format('delete from %I.trash where object_id = %L', v_schema, d.key), 'RowExclusive', false, 0, null
    from d where d.kind = 'table' and d.is_extra
    union all
    -- 3. New tables, whole.
    select 40, 'table', (d.want).name, (
        select format('create table %I.%I (%s)', v_schema, (d.want).name, string_agg(engine.column_clause(c.want), ', ' order by (c.want).name = 'id' desc, (c.want).generated_expr is not null, (c.want).name))
        from d c where c.kind = 'column' and (c.want).table_key = d.key), null, false, 0, null
    from d where d.kind = 'table' and d.is_missing
    union all
    -- Some refer to others, which come first.
    select 41, 'internal', i.key, i.definition, null, false, 0, null
    from (select d.key, (d.want).definition from d where d.kind = 'internal' and d.is_missing order by array_position(engine.internal_tables(), d.key)) i
    union all
    select case when (d.want).generated_expr is null then 42 else 44 end, 'column', d.new_table, format('alter table %I.%I add column %s', v_schema, d.new_table, engine.column_clause(case when d.is_converted then jsonb_populate_record(d.want, '{"not_null": false, "default_expr": null}') else d.want end)), 'AccessExclusive',
      not d.is_converted and (coalesce((d.want).definition = 'stored', false) or coalesce((d.want).default_expr ~ '\(|^identity ', false) and (d.want).default_expr <> 'now()'), d.row_estimate, null
    from added d
    where not exists (select from d t where t.kind = 'table' and t.is_missing and t.key = (d.want).table_key) and d.online_kind is distinct from 'NUMBER'
    union all
    select 42, 'column', d.new_table, s.statement, s.lock_level, false, d.row_estimate, s.note
    from added d cross join lateral engine.numbering_statements(v_schema, d.new_table, d.want) s
    where d.online_kind = 'NUMBER'
    union all
    select 43, 'column', d.new_table, format('alter table %I.%I alter column %I %s', v_schema, d.new_table, (d.want).name, a.action), 'AccessExclusive', a.rewrites, d.row_estimate, a.note
    from d cross join lateral (values
      (1, case when (d.want).pg_type <> (d.have).pg_type and (d.have).default_expr is not null then 'drop default' end, false, null),
      (2, case when (d.want).pg_type <> (d.have).pg_type then format('type %s using %I::%1$s', (d.want).pg_type, (d.want).name) end, true, 'Each value is converted.'),
      (3, case when (d.want).default_expr ~ '^identity ' or (d.have).default_expr ~ '^identity ' then
          case when (d.want).default_expr is not distinct from (d.have).default_expr or d.online_kind = 'NUMBER' then null
            -- What has been counted is not counted again.
            when (d.want).default_expr ~ '^identity ' and (d.have).default_expr ~ '^identity ' then format('set minvalue %s set start with %s', least(substr((d.want).default_expr, 10)::bigint, 1), substr((d.want).default_expr, 10))
              || case when substr((d.want).default_expr, 10)::bigint > coalesce(pg_catalog.pg_sequence_last_value(pg_catalog.pg_get_serial_sequence(format('%I.%I', v_schema, d.old_table), (d.have).name)::regclass), 0)
                then ' restart with ' || substr((d.want).default_expr, 10) else '' end
            when (d.want).default_expr ~ '^identity ' then 'add generated by default as ' || engine.identity_clause((d.want).default_expr) else 'drop identity' end
        when (d.want).default_expr is not null and ((d.want).default_expr is distinct from (d.have).default_expr or (d.want).pg_type <> (d.have).pg_type)
          then 'set default ' || (d.want).default_expr
        when (d.want).default_expr is null and (d.have).default_expr is not null and (d.want).pg_type = (d.have).pg_type then 'drop default' end, false, null),
      (4, case when (d.want).not_null and not (d.have).not_null then case when not d.is_queued and d.online_kind is distinct from 'NUMBER' then 'set not null' end when (d.have).not_null and not (d.want).not_null then 'drop not null' end, false, null)
    ) as a (n, action, rewrites, note)
    where d.kind = 'column' and not d.is_missing and not d.is_extra and not d.is_recreated and (d.want).generated_expr is null and a.action is not null
    union all
    select 45, 'conversion', c.table_name, c.statement, 'AccessExclusive', true, coalesce((select max(d.row_estimate) from d where d.new_table = c.table_name), 0),
      'Values are converted to the new type; the former ones are kept until the grace period ends.'
    from converted c where c.statement is not null
    union all
    select 46, 'column', d.new_table, format('alter table %I.%I alter column %I %s', v_schema, d.new_table, (d.want).name, a.action), 'AccessExclusive', false, d.row_estimate, null
    from added d cross join lateral (values
      (case when (d.want).default_expr is not null then 'set default ' || (d.want).default_expr end), (case when (d.want).not_null then 'set not null' end)) a (action)
    where d.is_converted and a.action is not null
    -- 4. Keys, rules, indexes.
    union all
    select case when (d.want).definition like 'primary key%' then 50 when (d.want).definition like 'check%' then 51 else 53 end, d.kind, d.new_table,
      format('alter table %I.%I add constraint %I %s', v_schema, d.new_table, (d.want).name, (d.want).definition || case when d.is_queued or d.online_kind is not null then ' not valid' else '' end), 'ShareRowExclusive', false, d.row_estimate, null
    from d where d.kind = 'constraint' and (d.is_missing or d.is_recreated)
    union all
    select 54, d.kind, d.new_table, format('alter table %I.%I validate constraint %I', v_schema, d.new_table, (d.want).name), 'ShareUpdateExclusive', false, d.row_estimate, 'The records that there are already are checked.'
    from d where d.kind = 'constraint' and not d.is_extra and not d.is_queued and (d.online_kind is not null or not d.is_missing and not d.is_recreated and not (d.have).not_null)
    union all
    select 52, d.kind, d.new_table,
      case when (d.want).definition like 'unique %'
        then format('create unique index ' || case when d.online_kind is not null then 'concurrently ' else '' end || '%I on %I.%I %s', (d.want).name, v_schema, d.new_table, substr((d.want).definition, 8))
        else format('create index ' || case when d.online_kind is not null then 'concurrently ' else '' end || '%I on %I.%I %s', (d.want).name, v_schema, d.new_table, (d.want).definition) end,
      case when d.online_kind is not null then 'ShareUpdateExclusive' else 'Share' end, false, d.row_estimate, null
    from d where d.kind = 'index' and (d.is_missing or d.is_recreated)
    -- 5. Who may see and do what. A table without row-level security does not exist for longer than this transaction.
    union all
    select 60, d.kind, d.new_table, s.statement, 'AccessExclusive', false, 0, null
    from d cross join lateral (values
      (format('alter table %I.%I enable row level security', v_schema, d.new_table)),
      (format('alter table %I.%I force row level security', v_schema, d.new_table))
    ) as s (statement)
    where d.kind = 'rls' and not d.is_extra
    union all
    select 61, d.kind, d.new_table, case when d.is_altered then format('alter policy %I on %I.%I %s', (d.want).name, v_schema, d.new_table, regexp_replace((d.want).definition, '^for \w+ ', ''))
      else format('create policy %I on %I.%I %s', (d.want).name, v_schema, d.new_table, (d.want).definition) end, 'AccessExclusive', false, 0, null
    from d where d.kind = 'policy' and (d.is_missing or d.is_recreated)
    union all
    select 62, d.kind, d.new_table, format('create trigger %I ', (d.want).name) || format((d.want).definition, format('%I.%I', v_schema, d.new_table)), 'ShareRowExclusive', false, 0, null
    from d where d.kind = 'trigger' and (d.is_missing or d.is_recreated)
    union all
    select 63, d.kind, coalesce(d.new_table, (d.have).table_name), format('revoke %s on %I.%I from %s', d.revoked, v_schema, coalesce(d.new_table, (d.have).table_name),
      case when (d.have).name = 'public' then 'public' else quote_ident((d.have).name) end), null, false, 0, null
    from granted d
    where d.revoked is not null and (d.have).table_key not in (select table_key from dropped_tables)
    union all
    select 64, d.kind, d.new_table, format('grant %s on %I.%I to %I', d.granted, v_schema, d.new_table, (d.want).name), null, false, 0, null
    from granted d
    where d.granted is not null
    union all
    -- Triggers and policies, which come after them, call them.
    select 57, d.kind, d.key, s.statement, null, false, 0, null
    from d cross join lateral (values
      ((d.want).definition), (case when (d.want).table_key is null then format('grant execute on function %I.%I to %I', v_schema, d.key, v_schema) end)) as s (statement)
    where d.kind = 'function' and (d.is_missing or d.is_recreated)
    union all
    select 71, 'function', f, format('grant execute on function %I.%I to %I', v_schema, f, g.reading_role), null, false, 0, null
    from core.workspaces w
    cross join lateral engine.reading_roles(w.id) g
    cross join unnest(engine.reading_functions()) f
    where w.schema_name = v_schema
      and exists (select from d where d.is_missing and (d.kind = 'role' and d.key = g.reading_role or d.kind = 'function' and d.key = f))
    union all
    -- Computed columns that are new, or computed otherwise than before.
    select 75, 'fill', d.new_table, engine.fill_statement((d.want).table_key::uuid, v_schema, array_agg(d.key)), 'RowExclusive', false, max(d.row_estimate), 'Computed for every record.'
    from d
    where d.kind = 'column' and (d.want).definition = 'kept' and not d.is_queued
      and (d.is_missing or split_part((d.want).comment, E'\n', 1) is distinct from split_part((d.have).comment, E'\n', 1))
      and not exists (select from d t where t.kind = 'table' and t.is_missing and t.key = (d.want).table_key)
    group by d.new_table, (d.want).table_key
    -- 6. Identities and descriptions.
    union all
    select 80, 'comment', coalesce(d.new_table, d.key), format('comment on %s is %L', c.target, (d.want).comment), 'ShareUpdateExclusive', false, 0, null
    from d cross join lateral (select case d.kind
        when 'table' then format('table %I.%I', v_schema, (d.want).name)
        when 'internal' then format('table %I.%I', v_schema, (d.want).name)
        when 'column' then format('column %I.%I.%I', v_schema, d.new_table, (d.want).name)
        when 'index' then format('index %I.%I', v_schema, (d.want).name)
        when 'function' then format('function %I.%I', v_schema, (d.want).name)
        else format('%s %I on %I.%I', d.kind, (d.want).name, v_schema, d.new_table) end as target) c
    where (d.want).comment is not null and (d.is_missing or d.is_recreated or (d.want).comment is distinct from (d.have).comment)
    -- 7. Until the commit this locks relvar_crm, which all workspaces share: last, so that several
    -- can be made at a time.
    union all
    select 85, 'schema', v_schema, format('grant relvar_crm to %I', v_schema), null, false, 0, null
    where to_regnamespace(quote_ident(v_schema)) is null
    -- 8. Roles that no longer are.
    union all
    select 88, 'membership', (d.have).definition, format('revoke %I from %I', (d.have).name, (d.have).definition), null, false, 0, null
    from d where d.kind = 'membership' and d.is_extra
    union all
    select 90, 'role', d.key, s.statement, null, false, 0, null
    from d cross join lateral (values
      -- What a login made as the role, such as a large object, would hold it.
      (1, engine.grant_to_owner(d.key)),
      (2, format('drop owned by %I', d.key)),
      (3, format('drop role %I', d.key))
    ) as s (n, statement)
    where d.kind = 'role' and d.is_extra
  )
  select row_number() over (order by s.phase, s.ord)::int, s.kind, s.object_name, s.statement, s.lock_level, s.rewrites, s.row_estimate,
    -- What would hold a large table for long is left to a job.
    s.row_estimate > (select e.online_rows from engine.settings e) and (s.statement ~ '^(create( unique)? index concurrently |alter table .* validate constraint )' or s.kind = 'fill'
      or s.kind = 'column' and (s.statement like '%% set not null' and s.phase = 43 or s.statement ~ '^create sequence ')), s.note
  from (select steps.*, row_number() over () as ord from steps) s
  where s.statement is not null;
end
$$;

-- What differs in some objects, and in the rights of some roles on all others.
create or replace function engine.differences(workspace_id uuid, schema_name text, scope uuid[], roles text[]) returns engine.difference[]
language plpgsql stable set search_path = ''
as $$
begin
  if scope is null or roles = '{}' then
    return array(select d from engine.difference(workspace_id, schema_name, scope) d);
  elsif scope = '{}' then
    return array(select d from engine.security_difference(workspace_id, schema_name, roles) d);
  end if;
  return array(
    select d from engine.difference(workspace_id, schema_name, scope) d
    union all
    select d from engine.security_difference(workspace_id, schema_name, roles, engine.linked_scope(workspace_id, scope)) d);
end
$$;

create or replace function engine.plan(workspace_id uuid, scope uuid[] default null) returns setof engine.step
language plpgsql stable set search_path = ''
as $$
declare
  v_schema text;
begin
  select w.schema_name into v_schema from core.workspaces w where w.id = workspace_id;
  if v_schema is null then
    raise exception 'There is no workspace %.', workspace_id using errcode = 'RV012',
      hint = 'select id, slug from core.workspaces lists them.';
  end if;
  return query select * from engine.steps(v_schema, array(select d from engine.difference(workspace_id, v_schema, scope) d));
end
$$;
comment on function engine.plan(uuid, uuid[]) is 'The statements that make a workspace''s schema equal to its metadata, in order, each with its lock, whether it rewrites the table, and about how many rows that touches. Empty when nothing differs. Changes nothing. With a scope, for those objects only.';
--! EndIncluded engine/plan.sql
--! Included engine/rules/explain.sql
-- Why PostgreSQL refused a record, in words, from the name of the constraint: each bears in its
-- comment what it stands for.

create or replace function engine.refusal(key text, workspace_id uuid, schema_name text)
returns table (message text, hint text, field_id uuid, field_name text, rule_id uuid)
language plpgsql stable set search_path = ''
as $$
declare
  v_kind text := split_part(key, ':', 1);
  v_id uuid := substring(key from ':([0-9a-f-]{36})')::uuid;
  v_rule metadata.rules;
  v_field metadata.fields;
  v_target text;
  v_max int;
begin
  if v_kind = 'rule' then
    select r.* into v_rule from metadata.rules r where r.id = v_id and r.workspace_id = refusal.workspace_id;
    if not found then
      return;
    end if;
    -- A condition speaks of several fields; one alone is the one at fault.
    select f.* into v_field from metadata.fields f
    where f.id = coalesce(v_rule.field_id, case when cardinality(engine.rule_fields(v_rule)) = 1 then (engine.rule_fields(v_rule))[1]
      else (v_rule.settings #>> '{fieldIds,0}')::uuid end);
    return query select coalesce(nullif(btrim(v_rule.message), ''), case v_rule.kind when 'UNIQUE' then (
          select 'Another record has the same ' || string_agg(f.label, ' and ' order by u.n)
          from jsonb_array_elements_text(v_rule.settings -> 'fieldIds') with ordinality as u (id, n) join metadata.fields f on f.id = u.id::uuid) || '.'
        else engine.rule_text(v_rule) end),
      case v_rule.kind when 'UNIQUE' then 'Change one of the two, or open the record that there is.'
        else case when btrim(v_rule.message) <> '' then engine.rule_text(v_rule) end end, v_field.id, v_field.name, v_rule.id;
    return;
  end if;
  if v_kind = 'fk' then
    select f.* into v_field from metadata.relations r join metadata.fields f on f.id = r.field_id where r.id = v_id and r.workspace_id = refusal.workspace_id;
    select o.label_singular into v_target from metadata.relations r join metadata.objects o on o.id = r.target_object_id where r.id = v_id;
  else
    select f.* into v_field from metadata.fields f where f.id = coalesce(v_id, substring(key from '^([0-9a-f-]{36})')::uuid) and f.workspace_id = refusal.workspace_id;
  end if;
  if v_field.id is null then
    return;
  end if;
  v_max := (v_field.settings ->> 'maxNumberOfValues')::int;
  return query select
    case v_kind
      when 'fk' then format('There is no such %s for "%s".', v_target, v_field.label)
      when 'unique' then format('Another record has this value of "%s", and it must be unique.', v_field.label)
      when 'options' then format('"%s" is one of: %s.', v_field.label, (
        select string_agg(e ->> 'label', ', ' order by n) || case when count(*) < jsonb_array_length(v_field.options) then ', …' else '' end
        from jsonb_array_elements(v_field.options) with ordinality as u (e, n) where n <= 10))
      when 'rating' then format('"%s" is a number from 1 to 5.', v_field.label)
      when 'colour' then format('"%s" is a colour such as #1c7ed6.', v_field.label)
      when 'lat' then format('The latitude of "%s" is between -90 and 90.', v_field.label)
      when 'lng' then format('The longitude of "%s" is between -180 and 180.', v_field.label)
      when 'one_target' then format('"%s" points to one record at a time.', v_field.label)
      when 'count' then format('"%s" holds at most %s.', v_field.label, case v_max when 1 then '1 value' else v_max || ' values' end)
      when 'currency' then format('The currency of "%s" is a code of three capital letters, such as EUR.', v_field.label)
      -- What remains are NOT NULL and its like.
      else format('"%s" is required.', v_field.label) end,
    case v_kind
      when 'fk' then 'It may have been deleted. Choose another one.'
      when 'unique' then 'Choose another value, or open the record that has it.'
      when 'options' then 'The API takes their values: ' || (select string_agg(e ->> 'value', ', ' order by n) from jsonb_array_elements(v_field.options) with ordinality as u (e, n) where n <= 10)
      when 'colour' then 'Write # and six digits or small letters from a to f.'
      when 'one_target' then 'Empty the other side of the relation first.'
      when 'blank' then 'Spaces alone do not count.' end,
    v_field.id, v_field.name, null::uuid;
end
$$;

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

-- What a caller may be told of a constraint: all of it only where he reads or writes each of its columns and,
-- of a unique one, sees each record. Whether the other record is one that he sees is no matter: were the words
-- another then, they would tell.
create or replace function engine.knows_constraint(caller name, object metadata.objects, table_id oid, constraint_name text, is_unique boolean, out knows_columns boolean, out knows_records boolean)
language sql stable set search_path = ''
as $$
  select not exists (
      select from unnest(engine.constraint_columns(table_id, constraint_name)) c
      where not (has_column_privilege(caller, table_id, c, 'select') or has_column_privilege(caller, table_id, c, 'insert') or has_column_privilege(caller, table_id, c, 'update'))),
    -- Asked of the role that is told: the session is the server's own.
    not is_unique or exists (
      select from engine.roles_of(caller) c
      join metadata.roles i on i.id = c
      cross join lateral engine.effective_permissions((object).workspace_id, array[(object).id], array[i.pg_role]) p
      where p.can_read and not p.is_limited)
$$;

create or replace function engine.explain_violation(schema_name text, table_name text, constraint_name text, column_name text, caller name default null)
returns table (message text, hint text, field_id uuid, field_name text, rule_id uuid)
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace uuid := (select w.id from core.workspaces w where w.schema_name = explain_violation.schema_name);
  v_table oid := to_regclass(format('%I.%I', schema_name, table_name));
  v_object metadata.objects;
  v_is_unique boolean;
  v_knows record;
  v_key text;
begin
  if constraint_name <> '' then
    v_key := engine.identity_of(coalesce(
      (select pg_catalog.obj_description(k.oid, 'pg_constraint') from pg_catalog.pg_constraint k where k.conrelid = v_table and k.conname = constraint_name),
      (select pg_catalog.obj_description(c.oid, 'pg_class') from pg_catalog.pg_class c join pg_catalog.pg_index i on i.indexrelid = c.oid
        where i.indrelid = v_table and c.relname = constraint_name)));
  end if;
  if v_key is null and column_name <> '' then
    v_key := (select engine.identity_of(pg_catalog.col_description(v_table, a.attnum)) from pg_catalog.pg_attribute a
      where a.attrelid = v_table and a.attname = column_name);
  end if;
  if v_workspace is null then
    return;
  end if;
  if caller is not null and constraint_name <> '' then
    select o.* into v_object from metadata.objects o where o.workspace_id = v_workspace and o.table_name = explain_violation.table_name;
    v_is_unique := exists (select from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid where i.indrelid = v_table and c.relname = constraint_name and i.indisunique);
    v_knows := engine.knows_constraint(caller, v_object, v_table, constraint_name, v_is_unique);
    if not v_knows.knows_columns then
      return query select 'A rule of the data does not allow this record.', 'It is about fields that your role does not see. Ask somebody who does.', null::uuid, null::text, null::uuid;
      return;
    elsif not v_knows.knows_records then
      return query select case when r.field_id is null then 'A value of this record cannot be used.' else format('This value of "%s" cannot be used.', f.label) end,
        'Choose another value.', r.field_id, r.field_name, null::uuid
      from (select) one left join engine.refusal(coalesce(v_key, ''), v_workspace, schema_name) r on true left join metadata.fields f on f.id = r.field_id;
      return;
    end if;
  end if;
  if v_key is not null then
    return query select * from engine.refusal(v_key, v_workspace, schema_name);
  end if;
end
$$;
comment on function engine.explain_violation(text, text, text, text, name) is
  'Why PostgreSQL refused a record: a sentence, a way out, and the field or rule, from what its error names, as far as the caller may know. No row where it says nothing.';
grant execute on function engine.explain_violation(text, text, text, text, name) to relvar_server;
--! EndIncluded engine/rules/explain.sql
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

-- Puts a deleted record back, with the records that its deletion took along (cascade) and the
-- links that it cut (set null).
create or replace function engine.restore_record(caller name, schema_name text, object_name text, record_id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.trashed_object(caller, schema_name, object_name);
begin
  return record_id = any (engine.trashed_ids(caller, schema_name, v_object, array[record_id])) and engine.put_back(schema_name, v_object, record_id, caller);
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

-- Of those that went along, the ones that need another record, too, which was deleted since: they stay, as gone along with that one,
-- as they would be had this record been there, and come back with it. Returns the others.
create or replace function engine.free_to_return(schema_name text, object metadata.objects, record_ids uuid[]) returns uuid[]
language plpgsql volatile set search_path = ''
as $$
declare
  v_free uuid[] := record_ids;
  v_staying uuid[];
  r record;
begin
  for r in
    select c.name, rel.target_object_id
    from engine.columns((object).workspace_id, array[(object).id]) c
    join metadata.relations rel on rel.id = c.relation_id
    where c.object_id = (object).id and c.not_null and rel.on_delete = 'CASCADE' and rel.target_object_id <> (object).id
  loop
    execute format(
      'with staying as (
         update %1$I.trash x set transaction_id = o.transaction_id from %1$I.trash o
         where x.object_id = $1 and x.record_id = any ($2) and o.object_id = $3 and o.record_id::text = x.data ->> %2$L
         returning x.record_id)
       select coalesce(array_agg(s.record_id), ''{}'') from staying s', schema_name, r.name)
    into v_staying using (object).id, v_free, r.target_object_id;
    v_free := array(select f from unnest(v_free) f where f <> all (v_staying));
  end loop;
  return v_free;
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
      v_children := engine.free_to_return(schema_name, r.object, v_children);
      if v_children <> '{}' then
        perform engine.put_back_all(schema_name, r.object, v_children, caller);
      end if;
    end if;
  end loop;
end
$$;

-- Reached only through the tenant's own functions, which name the caller.
grant execute on function engine.restore_record(name, text, text, uuid) to relvar_crm;
--! EndIncluded engine/trash.sql
--! Included engine/trash/problems.sql
-- What keeps a record from coming back, and what it would take. It is tried, and taken back: the record is put back with what is
-- in the way left out, again and again, until nothing is, so PostgreSQL itself says what is wrong.

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
-- What a role could not see or delete while it was there it neither restores nor destroys. Which records, and
-- whether for good, one role says: to delete all by one and destroy its own by another destroys its own.
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
    ), merges as (
      delete from %1$I.record_merges m using gone g where m.object_id = g.object_id and m.other_ids @> array[g.record_id]
    ), duplicates as (
      delete from %1$I.record_duplicates d using gone g where d.object_id = g.object_id and g.record_id in (d.first_id, d.second_id)
    ), files as (
      delete from %1$I.record_file_uses u using gone g where u.object_id = g.object_id and u.holder_id = g.record_id
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
--! Included engine/views/remnants.sql
-- Views are no part of the model, so none stands in the way of a change of it. What a view says about a field that is
-- deleted, or about an option that is removed, leaves the view: it is kept aside with the field, and comes back with it where
-- the view was not changed since.

-- A filter without what asks about a field, or about one option of it.
create or replace function engine.filter_without(filter jsonb, field_id uuid, option_value text default null) returns jsonb
language plpgsql immutable set search_path = ''
as $$
declare
  v_key text;
  v_value jsonb;
begin
  if filter is null or strpos(filter::text, field_id::text) = 0 then
    return filter;
  elsif filter ? 'operand' then
    if option_value is null then
      return null;
    elsif filter ->> 'fieldId' is distinct from field_id::text then
      return filter;
    end if;
    v_value := filter -> 'value';
    if jsonb_typeof(v_value) = 'array' then
      v_value := v_value - option_value;
    elsif v_value = to_jsonb(option_value) then
      return null;
    end if;
    return case when v_value <> '[]' then filter || jsonb_build_object('value', v_value) end;
  elsif filter ? 'not' then
    v_value := engine.filter_without(filter -> 'not', field_id, option_value);
    return case when v_value is not null then jsonb_build_object('not', v_value) end;
  end if;
  v_key := case when filter ? 'or' then 'or' else 'and' end;
  select jsonb_agg(n.node order by u.i) into v_value
  from jsonb_array_elements(filter -> v_key) with ordinality u (e, i) cross join lateral (select engine.filter_without(u.e, filter_without.field_id, filter_without.option_value) as node) n
  where n.node is not null;
  return case when v_value is not null then jsonb_build_object(v_key, v_value) end;
end
$$;

-- What of a view speaks of fields, besides its columns.
create or replace function engine.view_content(view metadata.views) returns jsonb
language sql stable set search_path = ''
  return jsonb_build_object('filter', (view).filter, 'sorts', (view).sorts, 'group_field_id', (view).group_field_id, 'colors', (view).colors, 'layout', (view).layout);

create or replace function engine.leave_views(workspace_id uuid, field_id uuid, option_value text default null) returns void
language plpgsql volatile set search_path = ''
as $$
#variable_conflict use_column
declare
  v_field uuid := leave_views.field_id;
  v_option text := leave_views.option_value;
  v_after metadata.views;
  r metadata.views;
begin
  for r in
    select v.* from metadata.views v
    where v.workspace_id = leave_views.workspace_id and (engine.view_content(v)::text ~ v_field::text and (v_option is null or strpos(concat(v.filter, v.colors), to_jsonb(v_option)::text) > 0)
      or v_option is null and exists (select from metadata.view_fields c where c.view_id = v.id and c.field_id = v_field))
  loop
    update metadata.views v set
      filter = engine.filter_without(v.filter, v_field, v_option),
      colors = (select coalesce(jsonb_agg(c || jsonb_build_object('condition', n.node) order by i) filter (where n.node is not null), '[]')
        from jsonb_array_elements(v.colors) with ordinality u (c, i) cross join lateral (select engine.filter_without(c -> 'condition', v_field, v_option) as node) n),
      sorts = case when v_option is null
        then (select coalesce(jsonb_agg(s order by i), '[]') from jsonb_array_elements(v.sorts) with ordinality u (s, i) where s ->> 'fieldId' is distinct from v_field::text) else v.sorts end,
      group_field_id = case when v_option is null then nullif(v.group_field_id, v_field) else v.group_field_id end,
      layout = case when v_option is null then (select coalesce(jsonb_object_agg(e.key, e.value), '{}') from jsonb_each(v.layout) e where strpos(e.value::text, v_field::text) = 0) else v.layout end
    where v.id = r.id and engine.view_content(v)::text ~ v_field::text returning v.* into v_after;
    insert into engine.view_remnants as m (field_id, option_value, view_id, before, after, columns)
    values (v_field, coalesce(v_option, ''), r.id, engine.view_content(r), case when v_after.id is not null then engine.view_content(v_after) end,
      case when v_option is null then (select to_jsonb(c) from metadata.view_fields c where c.view_id = r.id and c.field_id = v_field) end)
    on conflict on constraint view_remnants_pkey do update set before = excluded.before, after = excluded.after, columns = excluded.columns, transaction_id = excluded.transaction_id;
    if v_option is null then
      delete from metadata.view_fields c where c.view_id = r.id and c.field_id = v_field;
    end if;
  end loop;
end
$$;

create or replace function engine.return_to_views(field_id uuid) returns void
language plpgsql volatile set search_path = ''
as $$
#variable_conflict use_column
declare
  r engine.view_remnants;
begin
  for r in select m.* from engine.view_remnants m where m.field_id = return_to_views.field_id and m.option_value = '' loop
    update metadata.views v set filter = nullif(r.before -> 'filter', 'null'), sorts = r.before -> 'sorts', colors = r.before -> 'colors', layout = r.before -> 'layout',
      group_field_id = (select f.id from metadata.fields f where f.id = (r.before ->> 'group_field_id')::uuid)
    where v.id = r.view_id and r.after = engine.view_content(v);
    insert into metadata.view_fields select c.* from jsonb_populate_record(null::metadata.view_fields, r.columns) c where r.columns is not null on conflict do nothing;
  end loop;
  delete from engine.view_remnants m where m.field_id = return_to_views.field_id;
end
$$;

create or replace function engine.tg_fields__leave_views() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_option text;
begin
  if old.deleted_at is not null and new.deleted_at is null then
    perform engine.return_to_views(new.id);
  elsif old.deleted_at is null and new.deleted_at is not null then
    perform engine.leave_views(new.workspace_id, new.id);
  elsif new.options is distinct from old.options and new.type = old.type then
    for v_option in
      select o ->> 'value' from jsonb_array_elements(old.options) o where not new.options @> jsonb_build_array(jsonb_build_object('value', o -> 'value'))
    loop
      perform engine.leave_views(new.workspace_id, new.id, v_option);
    end loop;
  end if;
  return null;
end
$$;
create or replace trigger _400_leave_views after update of deleted_at, options on metadata.fields for each row execute function engine.tg_fields__leave_views();

-- For a plan, what this transaction took out of views; of a member's own no more than that there are such.
create or replace function engine.changed_views(workspace_id uuid) returns table (message text)
language sql stable set search_path = ''
as $$
  select case when v.visibility = 'WORKSPACE' then format('The view "%s" of %s', v.name, o.label_plural) else format('%s of %s', case count(*) when 1 then 'A member''s own view' else count(*) || ' views of members' end, o.label_plural) end
    || format(case when count(*) > 1 and v.visibility <> 'WORKSPACE' then ' go on without %s.' else ' goes on without %s.' end, string_agg(distinct f.label || case when m.option_value <> '' then ': ' || m.option_value else '' end, ', '))
  from engine.view_remnants m
  join metadata.views v on v.id = m.view_id
  join metadata.objects o on o.id = v.object_id and o.deleted_at is null
  join metadata.fields f on f.id = m.field_id
  where v.workspace_id = changed_views.workspace_id and m.transaction_id = pg_current_xact_id()
  group by v.visibility, case when v.visibility = 'WORKSPACE' then v.id end, v.name, o.label_plural, case when v.visibility <> 'WORKSPACE' then o.id end
$$;
--! EndIncluded engine/views/remnants.sql
--! Included metadata/plan.sql
-- A plan: what changes of the model would do, found by making them and taking them back. Nothing is
-- locked that anybody waits for: the tables themselves are only read.

-- About how long a statement holds its table. Measured on a million records: a change of the
-- catalogue 1 ms, a rewrite 20 s, checking a rule 0.2 s, a b-tree 1 s, a GIN index 10 s, an update 10 s.
create or replace function engine.estimated_ms(kind text, statement text, rewrites boolean, row_estimate bigint) returns double precision
language sql immutable set search_path = ''
  return round(1 + row_estimate * case
      when rewrites then 0.02
      when statement ~ ' not valid$' then 0
      when kind = 'constraint' and statement ~ 'add constraint|validate constraint' then 0.0002
      when statement ~ 'set not null$' then 0.0002
      when kind = 'index' and statement ~ ' using gin ' then 0.01
      when kind = 'index' and statement ~ '^create' then 0.001
      when kind in ('records', 'backfill') then 0.01
      else 0 end);

-- Whether PostgreSQL rewrites the table is measured where it can be: the statement is run on an
-- empty copy, where the event trigger relvar_table_rewrite raises before a rewrite begins.
create or replace function engine.tg_table_rewrite__refuse() returns event_trigger
language plpgsql volatile set search_path = ''
as $$
begin
  if current_setting('relvar.measures_rewrite', true) = 'on' then
    raise exception 'This statement rewrites the table.' using errcode = 'RVRWR';
  end if;
end
$$;

create or replace function engine.measure_rewrites(schema_name text, differences engine.difference[], steps engine.step[]) returns engine.step[]
language plpgsql volatile set search_path = ''
as $$
declare
  v_table record;
  v_statement text;
  v_prefix text;
  i int;
begin
  if not exists (select from pg_catalog.pg_event_trigger e where e.evtname = 'relvar_table_rewrite' and e.evtenabled <> 'D') then
    return steps;
  end if;
  for v_table in
    select distinct d.old_table, d.new_table from unnest(differences) d
    where exists (select from unnest(steps) s where s.object_name = d.new_table and s.kind = 'column' and s.statement ~ ' (type .* using |add column .* (default|generated) )')
      and to_regclass(format('%I.%I', schema_name, coalesce(d.old_table, '-'))) is not null
  loop
    execute format('create temporary table relvar_measure (like %I.%I including all) on commit drop', schema_name, v_table.old_table);
    for i in 1 .. cardinality(steps) loop
      continue when (steps[i]).object_name not in (v_table.old_table, v_table.new_table) or (steps[i]).kind <> 'column';
      v_prefix := format('alter table %I.%I ', schema_name, (steps[i]).object_name);
      continue when not starts_with((steps[i]).statement, v_prefix);
      v_statement := 'alter table pg_temp.relvar_measure ' || substr((steps[i]).statement, length(v_prefix) + 1);
      begin
        perform set_config('relvar.measures_rewrite', 'on', true);
        execute v_statement;
        steps[i].rewrites := false;
      exception
        when sqlstate 'RVRWR' then
          steps[i].rewrites := true;
          -- Those that follow build on it.
          perform set_config('relvar.measures_rewrite', 'off', true);
          execute v_statement;
        when others then
          -- It may need what an empty copy lacks; what is known of such statements holds.
          null;
      end;
    end loop;
    drop table pg_temp.relvar_measure;
  end loop;
  perform set_config('relvar.measures_rewrite', 'off', true);
  return steps;
end
$$;

-- What people lose sight of, or lose.
create or replace function engine.losses(workspace_id uuid, schema_name text, version bigint) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_count bigint;
  v_losses jsonb := '[]';
  v_table regclass;
  r record;
begin
  for r in
    select distinct on (l.row_id) l.* from (
      select case c.table_name when 'objects' then 'object' else 'field' end as kind, c.row_id, c.seq, c.after is null as is_dropped,
        case c.table_name when 'objects' then c.before ->> 'label_plural' else c.before ->> 'label' end as label,
        coalesce(c.before ->> 'object_id', c.before ->> 'id')::uuid as object_id, c.row_id::text as key
      from metadata.model_changes c
      where c.workspace_id = losses.workspace_id and c.version = losses.version and c.table_name in ('objects', 'fields') and c.before is not null
        and (c.after is null or c.before ->> 'deleted_at' is null and c.after ->> 'deleted_at' is not null)
        and coalesce((c.before ->> 'is_system')::boolean, false) = false and coalesce(c.before ->> 'type', '') not in ('MANY_TO_MANY', 'FORMULA', 'ROLLUP', 'TS_VECTOR')
      union all
      -- One target of several, while the field stays.
      select 'relation', c.row_id, c.seq, c.after is null, format('%s: %s', f.label, o.label_plural), f.object_id, f.id || '[.]' || c.row_id
      from metadata.model_changes c
      join metadata.fields f on f.id = (c.before ->> 'field_id')::uuid and f.deleted_at is null
      join metadata.objects o on o.id = (c.before ->> 'target_object_id')::uuid and o.deleted_at is null
      where c.workspace_id = losses.workspace_id and c.version = losses.version and c.table_name = 'relations'
        and (c.after is null or c.before ->> 'deleted_at' is null and c.after ->> 'deleted_at' is not null)
    ) l
    order by l.row_id, l.seq desc
  loop
    -- The tables are still called as before.
    select c.oid::regclass into v_table from pg_catalog.pg_class c
    where c.relnamespace = to_regnamespace(quote_ident(schema_name)) and c.relkind = 'r'
      and engine.identity_of(pg_catalog.obj_description(c.oid, 'pg_class')) = r.object_id::text;
    continue when v_table is null;
    begin
      execute format('select count(*) from %s%s', v_table, case when r.kind <> 'object' then (
        select format(' where num_nonnulls(%s) > 0', string_agg(quote_ident(a.attname), ', '))
        from pg_catalog.pg_attribute a where a.attrelid = v_table and a.attnum > 0
          and engine.identity_of(pg_catalog.col_description(v_table, a.attnum)) ~ ('^' || r.key)) else '' end) into v_count;
    exception when undefined_column then
      continue;
    end;
    v_losses := v_losses || jsonb_build_object('kind', r.kind, 'id', r.row_id, 'label', r.label, 'records', v_count, 'isRestorable', not r.is_dropped);
  end loop;
  return v_losses;
end
$$;

create or replace function engine.warnings(workspace_id uuid, version bigint, steps engine.step[], losses jsonb) returns jsonb
language sql stable set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('code', w.code, 'message', w.message, 'hint', w.hint) order by w.rank, w.message), '[]')
  from (
    select 1 as rank, case when (l ->> 'isRestorable')::boolean then 'DATA_HIDDEN' else 'DATA_LOST' end as code,
      format(case when (l ->> 'isRestorable')::boolean then '"%s" goes, with the values of %s records.' else '"%s" is dropped for good, with the values of %s records.' end, l ->> 'label', l ->> 'records') as message,
      case when (l ->> 'isRestorable')::boolean then format('It can be restored for %s days.', (select s.grace_days from engine.settings s)) else 'This cannot be taken back. Export the records first.' end as hint
    from jsonb_array_elements(losses) l
    union all
    select 2, 'REQUIRED_WITHOUT_DEFAULT', format('"%s" is required and has no default.', f.label), 'Whatever creates records must give a value: imports, integrations, forms.'
    from metadata.model_changes c
    join metadata.fields f on f.id = c.row_id
    where c.workspace_id = warnings.workspace_id and c.version = warnings.version and c.table_name = 'fields'
      and f.is_required and f.default_value is null and not f.is_system and f.deleted_at is null and not coalesce((c.before ->> 'is_required')::boolean, false)
      and not exists (select from metadata.objects o where o.id = f.object_id and o.is_junction)
    union
    select 3, 'API_NAME_CHANGES', format('"%s" becomes "%s" in the API and in psql.', coalesce(c.before ->> 'name_plural', c.before ->> 'name'), coalesce(c.after ->> 'name_plural', c.after ->> 'name')),
      'Integrations that use the old name should be told.'
    from metadata.model_changes c
    where c.workspace_id = warnings.workspace_id and c.version = warnings.version and c.table_name in ('objects', 'fields') and c.before ->> 'deleted_at' is null and c.after ->> 'deleted_at' is null
      and (c.before ->> 'name', c.before ->> 'name_singular', c.before ->> 'name_plural') is distinct from (c.after ->> 'name', c.after ->> 'name_singular', c.after ->> 'name_plural')
      and c.before is not null and c.after is not null
    union all
    select 4, 'REWRITES', format('The table %s is rewritten: about %s records, which nobody can read or write meanwhile.', s.object_name, s.row_estimate), 'Choose a quiet hour.'
    from unnest(steps) s where s.rewrites and s.row_estimate > 1000 and not s.is_online
    union all
    select 5, 'VIEWS_CHANGE', v.message, 'What a view says about a field comes back with the field, as long as it can be restored.' from engine.changed_views(warnings.workspace_id) v
    union all
    select 6, 'ONLINE', format('The table %s is large, so a job does a part of this without blocking it.', s.object_name), 'Settings shows how far it has got.'
    from (select distinct s.object_name from unnest(steps) s where s.is_online) s
  ) w
$$;

-- Makes the changes in the metadata, and says what would follow. The caller takes it back.
create or replace function engine.try_changes(workspace_id uuid, changes jsonb) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_version bigint := (select w.model_version from core.workspaces w where w.id = workspace_id);
begin
  perform engine.run_changes(workspace_id, changes, true);
  return engine.consequences(workspace_id, v_version, changes);
end
$$;

-- What follows from what this transaction has changed in the metadata since a version.
create or replace function engine.consequences(workspace_id uuid, version bigint, changes jsonb) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_schema text := (select w.schema_name from core.workspaces w where w.id = workspace_id);
  v_scope uuid[];
  v_roles text[];
  v_is_changed boolean;
  v_differences engine.difference[] := '{}';
  v_steps engine.step[];
  v_replaced jsonb := (select coalesce(jsonb_agg(c), '[]') from jsonb_array_elements(changes) c where c ->> 'op' = 'replaceOption');
  v_losses jsonb;
begin
  select p.objects, p.roles, true into v_scope, v_roles, v_is_changed from engine.pending p where p.workspace_id = consequences.workspace_id;
  if v_is_changed then
    perform engine.assert_relations(workspace_id);
    v_differences := engine.differences(workspace_id, v_schema, v_scope, v_roles);
  end if;
  v_steps := engine.measure_rewrites(v_schema, v_differences, array(select s from engine.steps(v_schema, v_differences) s order by s.step));
  v_steps := engine.option_steps(workspace_id, v_schema, v_replaced) || v_steps;
  v_losses := engine.losses(workspace_id, v_schema, version + 1);
  return jsonb_build_object('version', version, 'changes', changes,
    'fingerprint', engine.fingerprint(version, changes, v_steps),
    'steps', (
      select coalesce(jsonb_agg(jsonb_build_object('step', s.n, 'kind', s.kind, 'objectName', s.object_name, 'statement', s.statement, 'lockLevel', s.lock_level,
        'rewrites', s.rewrites, 'rowEstimate', s.row_estimate, 'isOnline', s.is_online,
        'estimatedMs', engine.estimated_ms(s.kind, s.statement, s.rewrites, s.row_estimate), 'note', s.note) order by s.n), '[]')
      from unnest(v_steps) with ordinality s (step, kind, object_name, statement, lock_level, rewrites, row_estimate, is_online, note, n)),
    'warnings', engine.warnings(workspace_id, version + 1, v_steps, v_losses),
    'violations', engine.violations(workspace_id, v_schema, v_differences, v_replaced),
    'losses', v_losses);
end
$$;

-- Records that get another option, before the first leaves the list.
create or replace function engine.option_steps(workspace_id uuid, schema_name text, replaced jsonb) returns engine.step[]
language plpgsql stable set search_path = ''
as $$
begin
  return array(
    select row(0, 'records', o.table_name, engine.option_statement(schema_name, o.table_name, f, e ->> 'value', e ->> 'with'), 'RowExclusive', false,
      engine.count_option(f.id, e ->> 'value'), false, 'Records get the other option.')::engine.step
    from jsonb_array_elements(replaced) with ordinality u (e, i)
    join metadata.fields f on f.id = (e ->> 'fieldId')::uuid
    join metadata.objects o on o.id = f.object_id
    order by i);
end
$$;

-- Ids are given anew each time that something is planned, and so is what follows from them.
create or replace function engine.fingerprint(version bigint, changes jsonb, steps engine.step[]) returns text
language sql stable set search_path = ''
as $$
  select md5(concat_ws('|', version,
    (select jsonb_agg(case when c ->> 'op' in ('createObject', 'createField', 'insert') then c - 'id' else c end order by i) from jsonb_array_elements(changes) with ordinality u (c, i)),
    (select string_agg(t.line, E'\n' order by t.line collate "C") from (
      select regexp_replace(regexp_replace(s.statement, '@relvar \S+( [0-9a-f]{12})?', '', 'g'), '([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-|_rule_)[0-9a-f]{12}', '', 'g') as line
      from unnest(steps) s) t)))
$$;

create or replace function metadata.plan_changes(workspace_id uuid, changes jsonb) returns jsonb
language plpgsql volatile security definer set search_path = '' set lock_timeout = '2s'
as $$
declare
  v_plan jsonb;
begin
  perform engine.assert_may_change(workspace_id, changes);
  begin
    v_plan := engine.try_changes(workspace_id, engine.changes_to_run(changes));
    raise exception 'planned' using errcode = 'RVEND';
  exception when sqlstate 'RVEND' then
    return v_plan;
  end;
end
$$;
comment on function metadata.plan_changes(uuid, jsonb) is
  'What changes of the model would do: the exact statements, locks, rewrites, times, warnings, what is lost, and records that do not fit. Changes nothing. Give the fingerprint to apply_changes.';

create or replace function engine.changes_to_run(changes jsonb) returns jsonb
language plpgsql volatile set search_path = ''
as $$
begin
  if jsonb_typeof(changes) is distinct from 'array' or exists (select from jsonb_array_elements(changes) c where jsonb_typeof(c) <> 'object') then
    raise exception 'Changes are a list of objects.' using errcode = 'RV062', column = 'changes', hint = 'Give [{"op": "createField", …}], for example.';
  end if;
  return engine.with_ids(changes);
end
$$;

create or replace function metadata.apply_changes(workspace_id uuid, changes jsonb, fingerprint text) returns jsonb
language plpgsql volatile security definer set search_path = '' set lock_timeout = '2s'
as $$
declare
  v_changes jsonb;
  v_plan jsonb;
begin
  perform engine.assert_may_change(workspace_id, changes), engine.lock_model(workspace_id);
  v_changes := engine.changes_to_run(changes);
  v_plan := metadata.plan_changes(workspace_id, v_changes);
  if v_plan ->> 'fingerprint' is distinct from apply_changes.fingerprint then
    raise exception 'The model has changed since this plan was made.' using errcode = 'RV060', column = 'fingerprint',
      hint = 'Look at a new plan, and apply that.';
  end if;
  perform engine.run_changes(workspace_id, v_changes, false);
  -- At once, so that what does not fit is said in answer to this call.
  perform engine.apply_pending(apply_changes.workspace_id);
  return jsonb_build_object('version', (select w.model_version from core.workspaces w where w.id = workspace_id));
end
$$;
comment on function metadata.apply_changes(uuid, jsonb, text) is
  'Makes the changes of a plan. Refuses when the model has moved since the plan was made. Returns the new version.';
grant execute on function metadata.plan_changes(uuid, jsonb), metadata.apply_changes(uuid, jsonb, text) to relvar_crm;
--! EndIncluded metadata/plan.sql
--! Included engine/merge.sql
-- Several records become one: the survivor gets the values that were chosen, all that refers to the others refers to it,
-- and the others go to the trash. Some of them may lie there already: they come back first, for the moment. The caller needs the rights to change the survivor and to delete the others; what refers to them moves as
-- it would be cut when they are deleted, whoever may change it. Each step is logged as any other, so that the transaction can be reverted.

-- Records of such an object tie others together and say nothing else.
create or replace function engine.is_only_links(object metadata.objects) returns boolean
language sql stable set search_path = ''
as $$
  select (object).is_junction or not exists (select from metadata.fields f
    where f.object_id = (object).id and not f.is_system and f.deleted_at is null and f.type not in ('RELATION', 'MORPH_RELATION'))
$$;

-- What went into a record, and what had gone into that before.
create or replace function engine.absorbed_ids(schema_name text, object_id uuid, record_id uuid) returns uuid[]
language plpgsql stable set search_path = ''
as $$
declare
  v_ids uuid[];
begin
  execute format('with recursive absorbed (id) as (
      select i from %1$I.record_merges m cross join unnest(m.other_ids) i where m.object_id = $1 and m.survivor_id = $2
      union
      select i from absorbed a join %1$I.record_merges m on m.object_id = $1 and m.survivor_id = a.id cross join unnest(m.other_ids) i)
    select array_agg(a.id) from absorbed a', schema_name) into v_ids using object_id, record_id;
  return v_ids;
end
$$;

-- What is moved: every relation that leads to the object, and whether its object is nothing but links.
create or replace function engine.relations_to(object metadata.objects)
returns table (child metadata.objects, column_name text, is_link boolean, own_columns text[], other_columns text[])
language sql stable set search_path = ''
as $$
  with c as materialized (
    select s.object_id, s.name, r.target_object_id from engine.columns((object).workspace_id) s join metadata.relations r on r.id = s.relation_id
  )
  select o, c.name,
    engine.is_only_links(o),
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
  v_trashed jsonb;
  r record;
begin
  if v_object.is_junction or v_object.universal_identifier = 'standard:workspaceMember' then
    raise exception '% are not merged.', v_object.label_plural using errcode = 'RV192', hint = 'Merge the records that they belong to.';
  end if;
  if survivor_id is null or cardinality(v_others) not between 1 and 100 then
    raise exception 'A record is merged with 1 to 100 others.' using errcode = 'RV192', column = 'other_ids', hint = 'Name the one that stays, and the others.';
  end if;
  v_trashed := engine.bring_back_to_merge(caller, schema_name, v_object, v_others);
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
  execute format('insert into %I.record_merges (object_id, survivor_id, other_ids, moved) values ($1, $2, $3, $4)', schema_name)
    using v_object.id, survivor_id, v_others, engine.what_moves(schema_name, v_object.id, survivor_id, v_others);
  for r in select * from engine.relations_to(v_object) loop
    perform engine.move_references(schema_name, v_object, (r.child).id, r.column_name, r.is_link, r.own_columns, r.other_columns, survivor_id, v_others);
  end loop;
  perform engine.move_shares(schema_name, v_object, survivor_id, v_others);
  delete from metadata.favourites f using metadata.favourites k
  where f.object_id = v_object.id and f.record_id = any (v_others) and k.object_id = f.object_id and k.member_id is not distinct from f.member_id
    and (k.record_id = begin_merge.survivor_id or k.record_id = any (v_others) and k.id < f.id);
  update metadata.favourites f set record_id = begin_merge.survivor_id where f.object_id = v_object.id and f.record_id = any (v_others);
  update core.notifications n set record_id = begin_merge.survivor_id where n.object_id = v_object.id and n.record_id = any (v_others);
  for r in select * from engine.tables_about_records(schema_name) t loop
    execute format('update %I.%I t set record_id = $1 where t.object_id = $2 and t.record_id = any ($3)', schema_name, r.table_name) using survivor_id, v_object.id, v_others;
  end loop;
  return jsonb_build_object('table', v_table, 'object', v_object.id, 'survivor', survivor_id, 'others', to_jsonb(v_others), 'data', v_data, 'trashed', v_trashed,
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

-- What else a workspace keeps about records, by their object and id.
create or replace function engine.tables_about_records(schema_name text) returns table (table_name text)
language sql stable set search_path = ''
as $$
  select t from unnest(engine.internal_tables()) t
  where t not in ('record_events', 'event_batches', 'event_archive', 'trash', 'record_shares')
    and (select count(*) from pg_catalog.pg_attribute a where a.attrelid = to_regclass(format('%I.%I', schema_name, t)) and a.attname in ('object_id', 'record_id') and not a.attisdropped) = 2
$$;

-- Of what is no record and so stands in no event: whose it was, for who takes the merge back.
create or replace function engine.what_moves(schema_name text, object_id uuid, survivor_id uuid, others uuid[]) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_rows jsonb;
  v_moved jsonb;
  r record;
begin
  execute format('select jsonb_agg(to_jsonb(s)) from %I.record_shares s where s.object_id = $1 and s.record_id = any ($2)', schema_name) into v_rows using object_id, survivor_id || others;
  v_moved := jsonb_build_object('record_shares', v_rows,
    'favourites', (select jsonb_agg(to_jsonb(f)) from metadata.favourites f where f.object_id = what_moves.object_id and f.record_id = any (others)),
    'notifications', (select jsonb_object_agg(n.id, n.record_id) from core.notifications n where n.object_id = what_moves.object_id and n.record_id = any (others)));
  for r in select * from engine.tables_about_records(schema_name) t loop
    execute format('select jsonb_object_agg(t.id, t.record_id) from %I.%I t where t.object_id = $1 and t.record_id = any ($2)', schema_name, r.table_name) into v_rows using object_id, others;
    v_moved := v_moved || jsonb_build_object(r.table_name, v_rows);
  end loop;
  return jsonb_strip_nulls(v_moved);
end
$$;

-- Records that were merged are there again: what was said about them goes back to them, as far as it is still with the survivor.
create or replace function engine.move_back(schema_name text, object_id uuid, record_ids uuid[]) returns void
language plpgsql volatile set search_path = ''
as $$
#variable_conflict use_column
declare
  m record;
  r record;
begin
  for m in execute format('delete from %I.record_merges m where m.object_id = $1 and m.other_ids && $2 returning m.*', schema_name) using object_id, record_ids loop
    for r in select t.table_name from engine.tables_about_records(schema_name) t loop
      execute format('update %I.%I t set record_id = (e.value #>> ''{}'')::uuid from jsonb_each($1) e where t.id = e.key::uuid and t.record_id = $2', schema_name, r.table_name)
        using m.moved -> r.table_name, m.survivor_id;
    end loop;
    update core.notifications n set record_id = (e.value #>> '{}')::uuid from jsonb_each(m.moved -> 'notifications') e where n.id = e.key::uuid and n.record_id = m.survivor_id;
    delete from metadata.favourites f using jsonb_populate_recordset(null::metadata.favourites, m.moved -> 'favourites') b where f.id = b.id;
    insert into metadata.favourites select b.* from jsonb_populate_recordset(null::metadata.favourites, m.moved -> 'favourites') b
    where (b.member_id is null or exists (select from core.members c where c.id = b.member_id)) and (b.folder_id is null or exists (select from metadata.favourites o where o.id = b.folder_id))
    on conflict do nothing;
    if m.moved ? 'record_shares' then
      execute format('delete from %1$I.record_shares s using jsonb_populate_recordset(null::%1$I.record_shares, $1) b
        where s.object_id = b.object_id and s.record_id = $2 and (s.principal_kind, s.principal_id) = (b.principal_kind, b.principal_id)', schema_name) using m.moved -> 'record_shares', m.survivor_id;
      execute format('insert into %1$I.record_shares select b.* from jsonb_populate_recordset(null::%1$I.record_shares, $1) b where engine.principal_name($2, b.principal_kind, b.principal_id) is not null on conflict do nothing', schema_name)
        using m.moved -> 'record_shares', (select o.workspace_id from metadata.objects o where o.id = move_back.object_id);
    end if;
  end loop;
end
$$;

-- Which of the records lie in the trash, and may come out of it: they do, without what another has now. Returns what was left out, by record.
create or replace function engine.bring_back_to_merge(caller name, schema_name text, object metadata.objects, record_ids uuid[]) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_table regclass := format('%I.%I', schema_name, (object).table_name)::regclass;
  v_ids uuid[];
  v_id uuid;
  v_data jsonb;
  v_left_out jsonb := '{}';
  v_taken text[];
  v_constraint text;
  v_record text;
begin
  if not engine.has_right(caller, (object).id, 'DELETE') then
    return '{}';
  end if;
  execute format('select array(select i from unnest($1) i where not exists (select from %s t where t.id = i))', v_table) into v_ids using record_ids;
  if v_ids = '{}' then
    return '{}';
  end if;
  foreach v_id in array engine.trashed_ids(caller, schema_name, object, v_ids) loop
    v_left_out := v_left_out || jsonb_build_object(v_id, '{}'::jsonb);
    for i in 1 .. 20 loop
      begin
        perform engine.put_back(schema_name, object, v_id, caller);
        exit;
      exception when sqlstate 'RV014' then
        get stacked diagnostics v_constraint = constraint_name, v_record = pg_datatype_name;
        v_taken := case when v_record = v_id::text then engine.constraint_columns(v_table, v_constraint) else '{}' end;
        if v_taken = '{}' or i = 20 then
          raise;
        end if;
      end;
      execute format('select jsonb_object_agg(c, d.data -> c) from %I.trash d cross join unnest($3) c where d.object_id = $1 and d.record_id = $2', schema_name) into v_data using (object).id, v_id, v_taken;
      v_left_out := jsonb_set(v_left_out, array[v_id::text], v_data || (v_left_out -> v_id::text));
      -- A text that must be there is another one meanwhile.
      execute format('update %I.trash d set data = d.data || $3 where d.object_id = $1 and d.record_id = $2', schema_name) using (object).id, v_id,
        (select jsonb_object_agg(a.attname, case when a.attnotnull and a.atttypid = 'text'::regtype then to_jsonb(v_id) else 'null' end)
          from pg_catalog.pg_attribute a where a.attrelid = v_table and a.attname = any (v_taken));
    end loop;
  end loop;
  return v_left_out;
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
  execute format('delete from %I.record_duplicates d where d.object_id = $1 and d.dismissed_at is null and (d.first_id = any ($2) or d.second_id = any ($2))', schema_name)
    using (merge ->> 'object')::uuid, array(select i::uuid from jsonb_array_elements_text(merge -> 'others') i);
  -- What had to be left out for a record to come back at all lies in the trash as it did before.
  execute format('update %I.trash t set data = t.data || e.value from jsonb_each($2) e where t.object_id = $1 and t.record_id = e.key::uuid', schema_name)
    using (merge ->> 'object')::uuid, merge -> 'trashed';
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
--! Included engine/trash/list.sql
-- What lies in the trash, of all objects that the caller reads, the latest first. Each object has its own rules, so each is
-- asked for its latest, and they meet at the end. What goes along with a record is told beneath it; of what only ties records together
-- nothing else is told, since it has no name.
create or replace function engine.list_trash(caller name, schema_name text, wanted_object text, search text, deleted_by text, max_results int, before_deleted_at timestamptz, before_id uuid)
returns table (id uuid, object_name text, record_id uuid, label text, deleted_at timestamptz, deleted_by_name text, destroyed_at timestamptz, may_restore boolean, may_destroy boolean, went_along jsonb)
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
  for v_object in select o.* from metadata.objects o where o.workspace_id = v_workspace and o.id = any (v_objects) and o.deleted_at is null and o.is_active and not engine.is_only_links(o) loop
    continue when not engine.has_right(caller, v_object.id, 'READ');
    v_table := format('%I.%I', schema_name, v_object.table_name);
    v_is_whole := engine.reads_wholly(caller, v_object.id);
    v_read := engine.condition_of(caller, v_object.id, 'READ', 't.');
    v_delete := engine.condition_of(caller, v_object.id, 'DELETE', 't.');
    v_destroy := engine.condition_of(caller, v_object.id, 'DESTROY', 't.');
    v_queries := v_queries || format(
      '(select d.id, %1$L, d.record_id, %2$s, d.deleted_at, %3$s, %4$s, %5$s, d.transaction_id
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
  return query execute format('select q.id, q.n, q.r, q.l, q.t, q.b, q.t + make_interval(days => $6), q.restore, q.destroy, %s from (%s) q (id, n, r, l, t, b, restore, destroy, x) order by q.t desc, q.id desc limit $5',
    coalesce(engine.query_of_companions(caller, schema_name, v_workspace), '''{}''::jsonb'), array_to_string(v_queries, ' union all '))
  using '%' || replace(replace(replace(nullif(btrim(search), ''), '\', '\\'), '%', '\%'), '_', '\_') || '%', deleted_by, before_deleted_at, before_id, v_limit, v_days;
end
$$;

-- How many records of which object the deletion of q.r took along, of those that the caller sees, as an expression over an entry q.
create or replace function engine.query_of_companions(caller name, schema_name text, workspace_id uuid) returns text
language sql stable set search_path = '' set jit = off
as $$
  select format('(select coalesce(jsonb_object_agg(k.name, k.count), ''{}'') from (%s) k (name, count) where k.count > 0)', string_agg(format(
    'select %1$L, count(*) from %2$I.trash d where d.transaction_id = q.x and d.object_id = %3$L and q.n = %4$L and d.data ->> %5$L = q.r::text%6$s',
    o.name_singular, schema_name, o.id, t.name_singular, c.name,
    case when p.condition <> 'true' then format(' and exists (select from jsonb_populate_record(null::%I.%I, d.data) t where %s)', schema_name, o.table_name, p.condition) else '' end), ' union all '))
  from engine.columns(workspace_id) c
  join metadata.relations l on l.id = c.relation_id and l.deleted_at is null and l.on_delete = 'CASCADE'
  join metadata.objects t on t.id = l.target_object_id and t.deleted_at is null
  join metadata.objects o on o.id = c.object_id and o.is_active and o.deleted_at is null
  cross join lateral (select case when engine.has_right(caller, o.id, 'READ') then engine.condition_of(caller, o.id, 'READ', 't.') else 'false' end as condition) p
  where c.is_active and p.condition <> 'false' and has_column_privilege(caller, format('%I.%I', schema_name, o.table_name), c.name, 'select')
$$;

-- Reached only through the tenant's own functions, which name the caller.
grant execute on function engine.list_trash(name, text, text, text, text, int, timestamptz, uuid) to relvar_crm, relvar_reader;
--! EndIncluded engine/trash/list.sql
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
--! EndIncluded engine/trash/internals.sql
--! Included engine/merge/plan.sql
-- What a merge would be like, before anybody decides: whose value for which field, and what moves. Of fields and relations
-- only those that the caller may read, and of fields only those that he may change, since no others can be chosen.

-- The fields among whose values one is chosen.
create or replace function engine.mergeable_fields(caller name, schema_name text, object metadata.objects)
returns table (name text, type text, max_count int, columns text[])
language sql stable set search_path = ''
as $$
  select f.name, f.type, (f.settings ->> 'maxNumberOfValues')::int, array_agg(c.name order by c.ordinal, c.name)
  from metadata.fields f
  join engine.columns((object).workspace_id, array[(object).id]) c on c.field_id = f.id
  where f.object_id = (object).id and f.is_active and f.deleted_at is null and not f.is_system and c.is_active
  group by f.id
  having bool_and(c.is_writable and has_column_privilege(caller, format('%I.%I', schema_name, (object).table_name), c.name, 'select')
    and has_column_privilege(caller, format('%I.%I', schema_name, (object).table_name), c.name, 'update'))
$$;

create or replace function engine.is_blank(content jsonb) returns boolean
language sql immutable parallel safe set search_path = ''
  return content is null or content in ('null', '""', '[]', '{}');

-- Whether a record has a value of a field: of several columns that say the same in all records the first tells.
create or replace function engine.has_value("row" jsonb, type text, columns text[]) returns boolean
language sql immutable parallel safe set search_path = ''
  return case when type in ('CURRENCY', 'PHONES', 'LINKS', 'EMAILS') then exists (select from unnest(columns) c where c !~ '_(currency_code|country_code|calling_code|link_label)$' and not engine.is_blank("row" -> c))
    else exists (select from unnest(columns) c where not engine.is_blank("row" -> c)) end;

-- All values of a field of several records together, the first record's first; null where the field holds but one.
create or replace function engine.united(type text, max_count int, columns text[], rows jsonb[]) returns jsonb
language plpgsql immutable set search_path = ''
as $$
declare
  v_values jsonb;
  v_first jsonb;
  v_max int := coalesce(nullif(max_count, 0), 1000);
begin
  case type
    when 'MULTI_SELECT', 'ARRAY', 'FILES' then
      select coalesce(jsonb_agg(u.v order by u.n), '[]') into v_values
      from (select v, min(i * 10000 + j) as n from unnest(rows) with ordinality r ("row", i) cross join lateral jsonb_array_elements(coalesce(nullif(r."row" -> columns[1], 'null'), '[]')) with ordinality e (v, j)
        group by v order by n limit v_max) u;
      return jsonb_build_object(columns[1], v_values);
    when 'EMAILS' then
      select coalesce(jsonb_agg(u.v order by u.n), '[]') into v_values
      from (select (array_agg(v order by i, j))[1] as v, min(i * 10000 + j) as n
        from unnest(rows) with ordinality r ("row", i) cross join lateral (
          select r."row" ->> columns[1], 0 union all select e, j from jsonb_array_elements_text(coalesce(nullif(r."row" -> columns[2], 'null'), '[]')) with ordinality x (e, j)) m (v, j)
        where btrim(v) <> '' group by lower(btrim(v)) order by n limit v_max) u;
      return jsonb_build_object(columns[1], v_values -> 0, columns[2], v_values - 0);
    when 'PHONES' then
      -- The others are numbers with what is called before them, as they are shown.
      select coalesce(jsonb_agg(u.v order by u.n), '[]') into v_values
      from (select (array_agg(v order by i, j))[1] as v, min(i * 10000 + j) as n
        from unnest(rows) with ordinality r ("row", i) cross join lateral (
          select concat_ws(' ', nullif(r."row" ->> columns[3], ''), r."row" ->> columns[1]), 0 where r."row" ->> columns[1] <> ''
          union all select e, j from jsonb_array_elements_text(coalesce(nullif(r."row" -> columns[4], 'null'), '[]')) with ordinality x (e, j)) m (v, j)
        where btrim(v) <> '' group by engine.duplicate_phone(v) order by n limit v_max) u;
      v_first := (select r from unnest(rows) with ordinality u (r, i) where r ->> columns[1] <> '' order by i limit 1);
      if v_first is null then
        return jsonb_build_object(columns[1], null, columns[2], null, columns[3], null, columns[4], v_values);
      end if;
      return jsonb_build_object(columns[1], v_first -> columns[1], columns[2], v_first -> columns[2], columns[3], v_first -> columns[3],
        columns[4], v_values - concat_ws(' ', nullif(v_first ->> columns[3], ''), v_first ->> columns[1]));
    when 'LINKS' then
      select coalesce(jsonb_agg(u.v order by u.n), '[]') into v_values
      from (select (array_agg(v order by i, j))[1] as v, min(i * 10000 + j) as n
        from unnest(rows) with ordinality r ("row", i) cross join lateral (
          select jsonb_build_object('url', r."row" -> columns[1], 'label', r."row" -> columns[2]), 0
          union all select e, j from jsonb_array_elements(coalesce(nullif(r."row" -> columns[3], 'null'), '[]')) with ordinality x (e, j)) m (v, j)
        where v ->> 'url' <> '' group by engine.duplicate_link(v ->> 'url') order by n limit v_max) u;
      return jsonb_build_object(columns[1], v_values #> '{0,url}', columns[2], v_values #> '{0,label}', columns[3], v_values - 0);
    else
      return null;
  end case;
end
$$;

-- Whose value for which field: the survivor's, or the newest of the others' where it has none; all of them where a field holds several.
create or replace function engine.merge_choices(fields jsonb, rows jsonb[]) returns table (name text, columns text[], choice text, value jsonb, united jsonb)
language sql stable set search_path = ''
as $$
  select f.name, f.columns, case when u.value is not null and c.count > 1 and exists (select from unnest(f.columns) k where u.value -> k is distinct from s.value -> k and not (engine.is_blank(u.value -> k) and engine.is_blank(s.value -> k))) then 'ALL' else coalesce(w.id, rows[1] ->> 'id') end,
    case when u.value is not null and c.count > 1 then u.value else w.value end, case when c.count > 1 then u.value end
  from jsonb_to_recordset(fields) f (name text, type text, max_count int, columns text[])
  cross join lateral (select jsonb_object_agg(k, rows[1] -> k) as value from unnest(f.columns) k) s
  cross join lateral (select engine.united(f.type, f.max_count, f.columns, rows) as value) u
  cross join lateral (select count(*) as count from unnest(rows) r where engine.has_value(r, f.type, f.columns)) c
  left join lateral (
    select r ->> 'id' as id, (select jsonb_object_agg(k, r -> k) from unnest(f.columns) k) as value
    from unnest(rows) with ordinality x (r, i) where engine.has_value(r, f.type, f.columns) order by i limit 1
  ) w on true
$$;

create or replace function engine.merge_fields(caller name, schema_name text, object metadata.objects) returns jsonb
language sql stable set search_path = ''
as $$ select coalesce(jsonb_agg(to_jsonb(f)), '[]') from (select m.name, m.type, m.max_count, m.columns from engine.mergeable_fields(caller, schema_name, object) m) f $$;

-- The survivor first, then the newest. Who may stay goes before who may not; of these the fullest.
create or replace function engine.merge_order(fields jsonb, rows jsonb[], survivors uuid[], survivor_id uuid) returns jsonb[]
language sql stable set search_path = ''
as $$
  with ranked as materialized (
    select r, (r ->> 'updated_at')::timestamptz as updated_at, row_number() over (order by (r ->> 'id')::uuid is not distinct from merge_order.survivor_id desc, (r ->> 'id')::uuid = any (survivors) desc,
      (select count(*) from jsonb_to_recordset(fields) f (type text, columns text[]) where engine.has_value(r, f.type, f.columns)) desc, (r ->> 'updated_at')::timestamptz desc, r ->> 'id') as n
    from unnest(rows) r
  )
  select array_agg(r.r order by case when r.n = 1 then 1 else 2 end, r.updated_at desc, r.r ->> 'id') from ranked r
$$;

-- What the survivor is written with: only what it does not have already.
create or replace function engine.merge_data(choices jsonb, survivor jsonb) returns jsonb
language sql immutable set search_path = ''
as $$
  select coalesce(jsonb_object_agg(engine.camel_case(e.key), e.value), '{}')
  from jsonb_array_elements(choices) c cross join lateral jsonb_each(nullif(c -> 'value', 'null')) e
  where e.value is distinct from survivor -> e.key and not (engine.is_blank(e.value) and engine.is_blank(survivor -> e.key))
$$;

-- How much of the caller's own sight refers to the records.
create or replace function engine.merge_moves(caller name, schema_name text, object metadata.objects, record_ids uuid[]) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_moves jsonb := '[]';
  v_counts jsonb;
  r record;
begin
  for r in
    select o.id, o.name_singular, o.table_name, c.name as column_name,
      -- A record of links stands for what is at its other end.
      coalesce(m.label, t.label_plural, case when o.label_plural = l.inverse_label then o.label_plural else concat(o.label_plural, ': ', l.inverse_label) end) as label
    from engine.columns((object).workspace_id) c
    join metadata.relations l on l.id = c.relation_id and l.target_object_id = (object).id and l.deleted_at is null
    join metadata.objects o on o.id = c.object_id and o.is_active and o.deleted_at is null
    left join metadata.fields m on m.object_id = (object).id and m.junction_field_id = c.field_id and m.deleted_at is null
    left join lateral (
      select min(x.label_plural) as label_plural from metadata.fields f join metadata.relations y on y.field_id = f.id join metadata.objects x on x.id = y.target_object_id
      where f.object_id = o.id and f.id <> c.field_id and f.deleted_at is null and y.deleted_at is null and f.type = 'RELATION' and engine.is_only_links(o)
    ) t on true
    where c.is_active
    order by label, o.name_singular, c.name
  loop
    continue when not engine.has_right(caller, r.id, 'READ') or not has_column_privilege(caller, format('%I.%I', schema_name, r.table_name), r.column_name, 'select');
    execute format('select jsonb_object_agg(x.id, x.n) from (select t.%2$I as id, count(*) as n from %1$I.%3$I t where t.%2$I = any ($1) and %4$s group by 1) x', schema_name, r.column_name, r.table_name,
      engine.condition_of(caller, r.id, 'READ', 't.')) into v_counts using record_ids;
    if v_counts is not null then
      v_moves := v_moves || jsonb_build_object('kind', 'RECORD', 'objectName', r.name_singular, 'label', r.label, 'counts', v_counts);
    end if;
  end loop;
  execute format('select jsonb_object_agg(x.id, x.n) from (select c.record_id as id, count(*) as n from %I.record_comments c where c.object_id = $1 and c.record_id = any ($2) and c.removed_at is null group by 1) x', schema_name)
    into v_counts using (object).id, record_ids;
  if v_counts is not null then
    v_moves := v_moves || jsonb_build_object('kind', 'COMMENT', 'objectName', null, 'label', 'Comments', 'counts', v_counts);
  end if;
  execute format('select jsonb_object_agg(x.id, x.n) from (select e.record_id as id, count(*) as n from %I.record_events e where e.object_id = $1 and e.record_id = any ($2) and e.action <> ''commented'' group by 1) x', schema_name)
    into v_counts using (object).id, record_ids;
  if v_counts is not null then
    v_moves := v_moves || jsonb_build_object('kind', 'EVENT', 'objectName', null, 'label', 'Changes in the history', 'counts', v_counts);
  end if;
  return v_moves;
end
$$;

create or replace function engine.propose_merge(caller name, schema_name text, object metadata.objects, record_ids uuid[], wanted_survivor uuid, trashed jsonb) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_table text := format('%I.%I', schema_name, (object).table_name);
  v_fields jsonb := engine.merge_fields(caller, schema_name, object);
  v_rows jsonb[];
  v_survivors uuid[];
  v_removable uuid[];
  v_choices jsonb;
begin
  execute format('select array_agg(to_jsonb(t) - ''search_vector'' || coalesce($2 -> t.id::text, ''{}'')), array_agg(t.id) filter (where %2$s), array_agg(t.id) filter (where %3$s) from %1$s t where t.id = any ($1) and %4$s', v_table,
    engine.condition_of(caller, (object).id, 'UPDATE', 't.'), engine.condition_of(caller, (object).id, 'DELETE', 't.'), engine.condition_of(caller, (object).id, 'READ', 't.'))
  into v_rows, v_survivors, v_removable using record_ids, trashed;
  if coalesce(cardinality(v_rows), 0) < cardinality(record_ids) then
    raise exception 'One of these records is not there, or your role may not read it.' using errcode = '42501', hint = 'Look at the list again: it may have been deleted or merged.';
  end if;
  -- What comes out of the trash only to be merged does not stay.
  v_survivors := array(select i from unnest(v_survivors) i where not trashed ? i::text);
  v_rows := engine.merge_order(v_fields, v_rows, v_survivors, wanted_survivor);
  v_choices := (select coalesce(jsonb_agg(to_jsonb(c)), '[]') from engine.merge_choices(v_fields, v_rows) c);
  return jsonb_build_object('survivorId', v_rows[1] ->> 'id', 'survivors', to_jsonb(v_survivors), 'removable', coalesce(to_jsonb(v_removable), '[]'),
    'choices', (select coalesce(jsonb_object_agg(c ->> 'name', c -> 'choice'), '{}') from jsonb_array_elements(v_choices) c),
    'united', (select coalesce(jsonb_object_agg(engine.camel_case(e.key), e.value), '{}') from jsonb_array_elements(v_choices) c cross join lateral jsonb_each(nullif(c -> 'united', 'null')) e),
    'data', engine.merge_data(v_choices, v_rows[1]),
    'records', (select jsonb_agg(jsonb_build_object('recordId', r -> 'id', 'isTrashed', trashed ? (r ->> 'id'), 'updatedAt', r -> 'updated_at',
        'values', (select coalesce(jsonb_object_agg(engine.camel_case(k), r -> k), '{}') from jsonb_to_recordset(v_fields) f (columns text[]) cross join unnest(f.columns) k)) order by i)
      from unnest(v_rows) with ordinality u (r, i)));
end
$$;

create or replace function engine.plan_merge(caller name, schema_name text, object_name text, record_ids uuid[], survivor_id uuid) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.past_object(caller, schema_name, object_name);
  v_ids uuid[] := array(select distinct i from unnest(record_ids) i where i is not null);
  v_trashed jsonb;
  v_plan jsonb;
begin
  if v_object.is_junction or v_object.universal_identifier = 'standard:workspaceMember' then
    raise exception '% are not merged.', v_object.label_plural using errcode = 'RV192', hint = 'Merge the records that they belong to.';
  elsif cardinality(v_ids) not between 2 and 20 then
    raise exception 'A merge is planned for 2 to 20 records.' using errcode = 'RV250', column = 'record_ids', hint = 'Merge more of them in several steps.';
  elsif survivor_id is not null and survivor_id <> all (v_ids) then
    raise exception 'The record that stays is one of those that are merged.' using errcode = 'RV250', column = 'survivor_id', hint = 'Name its id among the others.';
  end if;
  -- Made and taken back: what lies in the trash is there for the moment.
  begin
    v_trashed := engine.bring_back_to_merge(caller, schema_name, v_object, v_ids);
    v_plan := engine.propose_merge(caller, schema_name, v_object, v_ids, survivor_id, v_trashed)
      || jsonb_build_object('moves', engine.merge_moves(caller, schema_name, v_object, v_ids));
    raise exception 'planned' using errcode = 'RVEND';
  exception when sqlstate 'RVEND' then
    return v_plan;
  end;
end
$$;

-- Reached only through the tenant's own functions, which name the caller.
grant execute on function engine.plan_merge(name, text, text, uuid[], uuid) to relvar_crm;
--! EndIncluded engine/merge/plan.sql
--! Included engine/merge/internals.sql
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
--! EndIncluded engine/merge/internals.sql
--! Included engine/duplicates.sql
-- Records that are taken for the same, by the criteria of their object. A criterion is a list of fields, or an object
-- {"fields", "threshold", "isSure"} whose fields say how they are compared: {"id", "by"}, by ALIKE unless it is said. Two records that match in
-- all of its fields match. An index of the criterion's key finds them or, where nothing but a spelling is compared, one of trigrams.

-- What of a value counts. Capitals, spaces and forms of the same letter do not. These are asked of every record that is written and of all when
-- duplicates are looked for, so they are expressions alone, which cost no function to be set up.
create or replace function engine.duplicate_text(content text) returns text
language sql immutable parallel safe
  return nullif(regexp_replace(lower(normalize(content, NFKC)), '\s', '', 'g'), '');

-- Of words and names accents do not count, either.
create or replace function engine.duplicate_words(content text) returns text
language sql immutable parallel safe
  return nullif(regexp_replace(lower(public.unaccent('public.unaccent'::regdictionary, normalize(content, NFKC))), '\s', '', 'g'), '');

create or replace function engine.duplicate_link(content text) returns text
language sql immutable parallel safe
  return nullif(regexp_replace(engine.duplicate_text(content), '^([a-z][a-z0-9+.-]*://)?(www\.)?|[/?#]+$', '', 'g'), '');

-- Without what people put between digits, and the zeros that stand for a country or a region.
create or replace function engine.duplicate_phone(content text) returns text
language sql immutable parallel safe
  return nullif(ltrim(regexp_replace(content, '\D', '', 'g'), '0'), '');

-- At these providers everybody has an address.
create or replace function engine.is_public_domain(name text) returns boolean
language sql immutable parallel safe
  return name ~ '^(gmail|googlemail|outlook|hotmail|live|msn|yahoo|ymail|icloud|me|mac|aol|gmx|web|t-online|freenet|proton|protonmail|mail|yandex|qq|163|126|orange|wanadoo|free|sfr|laposte|libero|naver|seznam|zoho|fastmail|tutanota)\.[a-z]{2,3}(\.[a-z]{2})?$';

-- The domain of an address or a link, unless it says nothing.
create or replace function engine.domain_of(content text) returns text
language sql immutable parallel safe
  return nullif(substring(engine.duplicate_link(regexp_replace(content, '^.*@', '')), '^[^/:?#]+'), '');

create or replace function engine.duplicate_domain(content text) returns text
language sql immutable parallel safe
  return case when not engine.is_public_domain(engine.domain_of(content)) then engine.domain_of(content) end;

-- A spelling that is compared letter by letter: less than four letters say nothing.
create or replace function engine.duplicate_spelling(content text) returns text
language sql immutable parallel safe
  return substring(btrim(regexp_replace(lower(public.unaccent('public.unaccent'::regdictionary, translate(content, '@._-/+:', '       '))), '\s+', ' ', 'g')), '^.{4,}$');

-- One key for all fields of a criterion, or null when one of them is empty.
create or replace function engine.duplicate_key("values" text[]) returns uuid
language sql immutable parallel safe
  return case when array_position("values", null) is null then md5("values"::text)::uuid end;

-- Evaluated for whoever writes, as parts of indexes.
grant execute on function engine.duplicate_text(text), engine.duplicate_words(text), engine.duplicate_link(text), engine.duplicate_phone(text), engine.duplicate_domain(text), engine.duplicate_spelling(text),
  engine.duplicate_key(text[]) to public;

-- The columns of a field that count, and what of them does, as SQL over a row; none where fields of
-- the type cannot be compared so.
create or replace function engine.duplicate_value(field metadata.fields, "by" text, out columns text[], out expression text)
language plpgsql stable set search_path = ''
as $$
declare
  v_base text := engine.snake_case((field).name);
  v_type text := (field).type;
  v_parts text[] := case v_type
    when 'FULL_NAME' then '{first_name,last_name}' when 'EMAILS' then '{primary_email}' when 'PHONES' then '{primary_phone_number}' when 'LINKS' then '{primary_link_url}'
    when 'CURRENCY' then '{amount_micros,currency_code}' when 'ADDRESS' then '{street1,postcode,city}' when 'RICH_TEXT' then '{markdown}' when 'RELATION' then '{id}' when 'MEMBER' then '{id}'
    when 'AUTO_NUMBER' then '{text}' end;
begin
  if v_type not in ('TEXT', 'NUMBER', 'NUMERIC', 'BOOLEAN', 'DATE', 'DATE_TIME', 'UUID', 'SELECT', 'RATING', 'PERCENT', 'DURATION', 'COLOR') and v_parts is null
    or "by" = 'DOMAIN' and v_type not in ('EMAILS', 'LINKS') or "by" = 'SIMILAR' and v_type not in ('TEXT', 'FULL_NAME', 'EMAILS', 'LINKS', 'ADDRESS') then
    return;
  end if;
  columns := case when v_parts is null then array[v_base] else array(select v_base || '_' || p from unnest(v_parts) with ordinality u (p, i) order by i) end;
  expression := case
    when "by" = 'DOMAIN' then format('engine.duplicate_domain(%I)', columns[1])
    when "by" = 'SIMILAR' then format('engine.duplicate_spelling(%s)', (select string_agg(format('coalesce(%I, '''')', c), ' || '' '' || ' order by i) from unnest(columns) with ordinality u (c, i)))
    when "by" = 'EXACT' and v_type = 'FULL_NAME' then format('nullif(coalesce(%I, '''') || '' '' || coalesce(%I, ''''), '' '')', columns[1], columns[2])
    when "by" = 'EXACT' and v_type = 'ADDRESS' then format('(nullif(%I, '''') || '' '' || coalesce(%I, '''') || '' '' || coalesce(%I, ''''))', columns[1], columns[2], columns[3])
    when "by" = 'EXACT' and v_type in ('TEXT', 'RICH_TEXT', 'EMAILS', 'PHONES', 'LINKS') then format('nullif(%I, '''')', columns[1])
    when v_type = 'FULL_NAME' then format('engine.duplicate_words(coalesce(%I, '''') || coalesce(%I, ''''))', columns[1], columns[2])
    when v_type = 'EMAILS' then format('engine.duplicate_text(%I)', columns[1])
    when v_type = 'PHONES' then format('engine.duplicate_phone(%I)', columns[1])
    when v_type = 'LINKS' then format('engine.duplicate_link(%I)', columns[1])
    when v_type = 'CURRENCY' then format('(%I::text || coalesce(%I, ''''))', columns[1], columns[2])
    -- A country alone makes no two addresses alike.
    when v_type = 'ADDRESS' then format('(engine.duplicate_words(%I) || coalesce(engine.duplicate_words(%I), '''') || coalesce(engine.duplicate_words(%I), ''''))', columns[1], columns[2], columns[3])
    -- Whose text does not hang on how a session shows dates.
    when v_type = 'DATE' then format('(%I - ''2000-01-01''::date)::text', columns[1])
    when v_type = 'DATE_TIME' then format('extract(epoch from (%I at time zone ''UTC''))::text', columns[1])
    else format(case when v_type in ('TEXT', 'RICH_TEXT') then 'engine.duplicate_words(%I)' when v_type in ('NUMBER', 'NUMERIC', 'PERCENT') then 'trim_scale(%I::numeric)::text'
      else '%I::text' end, columns[1]) end;
end
$$;

-- The fields of a criterion, however it is written.
create or replace function engine.duplicate_fields(criterion jsonb) returns table (id text, "by" text, n bigint)
language sql immutable set search_path = ''
as $$
  select coalesce(f ->> 'id', f #>> '{}'), coalesce(f ->> 'by', 'ALIKE'), min(i)
  from jsonb_array_elements(case when jsonb_typeof(criterion) = 'object' then criterion -> 'fields' else criterion end) with ordinality u (f, i)
  group by 1, 2
$$;

-- The criteria of an object that can be asked of: those all of whose fields are there. What is compared by its key, and what by its
-- spelling; one of the two may be missing. The weight is how sure a match is.
create or replace function engine.duplicate_criteria(object metadata.objects)
returns table (key text, field_ids uuid[], field_names jsonb, fields jsonb, columns text[], expression text, spelling text, threshold real, is_sure boolean, weight real)
language sql stable set search_path = ''
as $$
  select left(md5(f.ids::text || coalesce(f.manner, '')), 12), f.ids, f.names, f.fields, f.columns, 'engine.duplicate_key(array[' || f.expressions || '])', f.spelling,
    coalesce((c.e ->> 'threshold')::real, 0.6), coalesce((c.e ->> 'isSure')::boolean, false), case when (c.e ->> 'isSure')::boolean then 0.99 when f.manner ~ 'DOMAIN' and f.spelling is null then 0.5 else 0.9 end
  from (
    select case when jsonb_typeof(e) = 'object' then e else jsonb_build_object('fields', e) end as e, min(i) as n
    from jsonb_array_elements((object).duplicate_criteria) with ordinality u (e, i) group by 1
  ) c
  cross join lateral (
    select array_agg(v.id order by v.id) as ids, jsonb_agg(v.name order by v.n) as names, jsonb_agg(jsonb_build_object('name', v.name, 'by', v."by") order by v.n) as fields,
      string_agg(v.expression, ', ' order by v.id, v."by") filter (where v."by" <> 'SIMILAR') as expressions, min(v.expression) filter (where v."by" = 'SIMILAR') as spelling,
      string_agg(v.id || v."by", ',' order by v.id, v."by") filter (where v."by" <> 'ALIKE') as manner,
      array(select x #>> '{}' from jsonb_path_query(jsonb_agg(to_jsonb(v.columns)), '$[*][*]') x) as columns,
      count(*) as count
    from (
      select f.id, f.name, u."by", u.n, k.columns, k.expression
      from engine.duplicate_fields(c.e) u
      join metadata.fields f on f.id::text = u.id and f.object_id = (object).id and f.deleted_at is null and f.is_active
      cross join lateral engine.duplicate_value(f, u."by") k
      where k.expression is not null
    ) v
  ) f
  where f.count > 0 and f.count = (select count(*) from engine.duplicate_fields(c.e))
  order by c.n
$$;

-- How alike two records are that match by several criteria: the more, the surer.
create or replace function engine.duplicate_score(scores real[]) returns real
language sql immutable parallel safe set search_path = ''
as $$ select coalesce(1 - exp(sum(ln(greatest(1 - s, 0.0001)))), 0)::real from unnest(scores) s $$;

-- The engine keeps an index for each.
create or replace function engine.desired_duplicate_indexes(workspace_id uuid, scope uuid[]) returns setof engine.fact
language sql stable set search_path = ''
as $$
  select 'index', o.id || ' duplicates:' || c.key, o.id::text, o.table_name, engine.fit_name(o.table_name || '_duplicates_' || c.key || '_idx'),
    case when c.expression is not null then '(' || c.expression || ')' else format('using gin (%s public.gin_trgm_ops)', c.spelling) end,
    engine.fact_comment('duplicates:' || c.key, engine.fields_basis(c.field_ids)), null, null::boolean, null, null, null::oid
  from metadata.objects o
  cross join lateral engine.duplicate_criteria(o) c
  where o.workspace_id = desired_duplicate_indexes.workspace_id and (scope is null or o.id = any (scope)) and o.duplicate_criteria <> '[]' and o.deleted_at is null
$$;

-- Criteria are refused when they are written, not when they are asked of.
create or replace function engine.assert_duplicate_criteria(object metadata.objects) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_criterion jsonb;
  v_fields jsonb;
  v_field metadata.fields;
  v_problem text;
  r record;
begin
  for v_criterion in select e from jsonb_array_elements((object).duplicate_criteria) e loop
    v_fields := case when jsonb_typeof(v_criterion) = 'object' then v_criterion -> 'fields' else v_criterion end;
    v_problem := case
      when jsonb_typeof(v_fields) is distinct from 'array' or v_fields = '[]' then 'is no criterion of duplicates'
      when exists (select from jsonb_array_elements(v_fields) f where jsonb_typeof(f) not in ('string', 'object') or jsonb_typeof(f) = 'object' and f ->> 'id' is null) then 'names no fields by their ids'
      when exists (select from engine.duplicate_fields(v_criterion) f where f."by" not in ('ALIKE', 'EXACT', 'SIMILAR', 'DOMAIN')) then 'compares in no way that there is'
      when (select count(*) from engine.duplicate_fields(v_criterion) f where f."by" = 'SIMILAR') > 1 then 'compares the spelling of more than one field'
      when jsonb_typeof(v_criterion) = 'object' and exists (select from jsonb_object_keys(v_criterion) k where k not in ('fields', 'threshold', 'isSure')) then 'says what no criterion says'
      when jsonb_typeof(v_criterion) = 'object' and jsonb_typeof(coalesce(v_criterion -> 'isSure', 'false')) <> 'boolean' then 'is sure or not'
      when jsonb_typeof(v_criterion) = 'object' and (jsonb_typeof(coalesce(v_criterion -> 'threshold', '0.5')) <> 'number' or not coalesce((v_criterion ->> 'threshold')::numeric, 0.5) between 0.3 and 1) then 'has a threshold that is not between 0.3 and 1'
      when jsonb_typeof(v_criterion) = 'object' and v_criterion -> 'isSure' = 'true' and exists (select from engine.duplicate_fields(v_criterion) f where f."by" in ('SIMILAR', 'DOMAIN')) then 'cannot be sure of what is only similar' end;
    if v_problem is not null then
      raise exception '% %.', left(v_criterion::text, 100), v_problem using errcode = 'RV088', column = 'duplicate_criteria',
        hint = 'Give lists of ids of fields: [["…"], ["…", "…"]], or {"fields": [{"id": "…", "by": "ALIKE, EXACT, SIMILAR or DOMAIN"}], "threshold": 0.6, "isSure": true}. Records that match in all fields of one criterion are taken for the same.';
    end if;
    for r in select * from engine.duplicate_fields(v_criterion) loop
      select f.* into v_field from metadata.fields f where f.id::text = r.id and f.object_id = (object).id;
      if not found then
        raise exception 'The criteria of duplicates name a field that % do not have.', (object).label_plural using errcode = 'RV088', column = 'duplicate_criteria',
          hint = 'Give ids of fields of the object itself.';
      end if;
      if (engine.duplicate_value(v_field, r."by")).expression is null then
        raise exception 'The field "%" is of type %, by which no duplicates are found%.', v_field.label, v_field.type, case r."by" when 'SIMILAR' then ' by their spelling' when 'DOMAIN' then ' by their domain' else '' end
          using errcode = 'RV088', column = 'duplicate_criteria',
          hint = case r."by" when 'SIMILAR' then 'The spelling of texts, names, e-mails, links and addresses can be compared.' when 'DOMAIN' then 'E-mails and links have domains.'
            else 'Texts, names, e-mails, phones, links, numbers, money, dates, selects, addresses and relations to one record can be compared.' end;
      end if;
    end loop;
  end loop;
end
$$;

-- Who is like a record, or like values that are not saved yet, by the criteria all of whose columns
-- the caller may read: {"found": {id: [{"names", "fields", "score", "isSure"}, …]}, …}. It runs as the owner, since under a policy no index of an
-- expression is used; engine.visible_duplicates leaves what the caller sees. What somebody said is no duplicate is none.
create or replace function engine.duplicate_candidates(caller name, schema_name text, object_name text, record_id uuid, data jsonb) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_object metadata.objects;
  v_table text;
  v_row jsonb := '{}';
  v_unknown text;
  v_key uuid;
  v_spelling text;
  v_matches jsonb;
  v_found jsonb := '{}';
  v_id uuid;
  c record;
begin
  select o.* into v_object from core.workspaces w join metadata.objects o on o.workspace_id = w.id
  where w.schema_name = duplicate_candidates.schema_name and o.name_singular = duplicate_candidates.object_name and o.deleted_at is null;
  if not found then
    raise exception 'There is no object "%".', object_name using errcode = 'RV011', hint = 'Give the singular API name, such as person.';
  end if;
  v_table := format('%I.%I', schema_name, v_object.table_name);
  if not has_column_privilege(caller, v_table, 'id', 'select') then
    raise exception 'Your role may not read %.', v_object.label_plural using errcode = '42501';
  end if;
  if data is not null then
    if jsonb_typeof(data) <> 'object' then
      raise exception 'Values are an object.' using errcode = 'RV062', column = 'data', hint = 'Give {"emailsPrimaryEmail": "ann@example.com"}, for example.';
    end if;
    select k into v_unknown from jsonb_object_keys(data) k
    where not exists (select from pg_catalog.pg_attribute a where a.attrelid = v_table::regclass and a.attname = engine.snake_case(k) and a.attnum > 0 and not a.attisdropped) limit 1;
    if found then
      raise exception '% have no value "%".', v_object.label_plural, v_unknown using errcode = 'RV062', column = 'data',
        hint = coalesce(format('Did you mean %s?', engine.nearest(v_unknown, array(select engine.camel_case(s.name) from engine.columns(v_object.workspace_id, array[v_object.id]) s where s.is_active))),
          'Name values as the API does when a record is created.');
    end if;
    v_row := (select coalesce(jsonb_object_agg(engine.snake_case(e.key), e.value), '{}') from jsonb_each(data) e);
  end if;
  for c in
    select d.* from engine.duplicate_criteria(v_object) d
    where not exists (select from unnest(d.columns) k where not has_column_privilege(caller, v_table, k, 'select'))
  loop
    execute format('select %s, %s from ' || case when data is null then '%s where id = $1' else 'jsonb_populate_record(null::%s, $2)' end, coalesce(c.expression, 'null::uuid'), coalesce(c.spelling, 'null'), v_table)
      into v_key, v_spelling using record_id, v_row;
    continue when c.expression is not null and v_key is null or c.spelling is not null and v_spelling is null;
    perform set_config('pg_trgm.similarity_threshold', c.threshold::text, true);
    execute format('select jsonb_object_agg(f.id, f.s) from (select id, %1$s as s from %2$s where %3$s and id is distinct from $2 limit 1000) f
        where not exists (select from %4$I.record_duplicates d where d.object_id = $4 and d.first_id = least(f.id, $2) and d.second_id = greatest(f.id, $2) and d.dismissed_at is not null)',
      case when c.spelling is not null then format('public.similarity(%s, $3)', c.spelling) else '1' end, v_table,
      concat_ws(' and ', c.expression || ' = $1', c.spelling || ' operator(public.%) $3'), schema_name)
    into v_matches using v_key, record_id, v_spelling, v_object.id;
    v_found := v_found || (select coalesce(jsonb_object_agg(e.key, coalesce(v_found -> e.key, '[]')
        || jsonb_build_array(jsonb_build_object('names', c.field_names, 'fields', c.fields, 'score', round((c.weight * e.value::numeric)::numeric, 4), 'isSure', c.is_sure))), '{}')
      from jsonb_each_text(v_matches) e);
  end loop;
  return jsonb_build_object('found', v_found, 'table', v_table, 'record', record_id,
    'label', case when not exists (
        select from metadata.fields f join engine.field_type_columns t on t.type = f.type
        where f.id = v_object.label_field_id and t.pg_type = 'text' and (f.type in ('FULL_NAME', 'AUTO_NUMBER') or t.position = 1)
          and not has_column_privilege(caller, v_table, engine.snake_case(f.name) || t.suffix, 'select'))
      then engine.label_expression(v_object.id, 't') else 'null::text' end);
end
$$;

-- With the caller's own rights: which of them are there for the caller, and only if the record itself is.
create or replace function engine.visible_duplicates(candidates jsonb, max_results int)
returns table (record_id uuid, label text, criteria jsonb, reasons jsonb, score real)
language plpgsql stable set search_path = ''
as $$
begin
  return query execute format(
    'select t.id, %1$s, (select jsonb_agg(e -> ''names'' order by i) from jsonb_array_elements(f.found) with ordinality u (e, i)), (select jsonb_agg(e - ''names'' order by i) from jsonb_array_elements(f.found) with ordinality u (e, i)), f.score
     from (select e.key::uuid as id, e.value as found, (1 - exp(sum(ln(greatest(1 - (c ->> ''score'')::real, 0.0001)))))::real as score from jsonb_each($1) e cross join lateral jsonb_array_elements(e.value) c group by 1, 2) f
     join %2$s t on t.id = f.id
     where $2 is null or exists (select from %2$s s where s.id = $2)
     order by f.score desc, 2, t.id limit $3', candidates ->> 'label', candidates ->> 'table')
  using candidates -> 'found', (candidates ->> 'record')::uuid, least(greatest(max_results, 1), 100);
end
$$;

-- Reached only through the tenant's own functions, which name the caller.
grant execute on function engine.duplicate_candidates(name, text, text, uuid, jsonb), engine.visible_duplicates(jsonb, int) to relvar_crm;
--! EndIncluded engine/duplicates.sql
--! Included engine/duplicates/scan.sql
-- All duplicates of an object at once, in sets, kept in record_duplicates: a job looks for them each night and when somebody asks. Records
-- with the same key lie in one group; spellings are compared only where two records share two of their rarest trigrams, which
-- whatever is as similar as that does (a prefix filter), so that nothing is compared with everything.

-- Pairs that match by one criterion, as a query that gives first_id, second_id and a score. What more than 100 records have in
-- common tells nothing; of ten or fewer each is paired with each, of more with those beside it.
create or replace function engine.pairs_by_key(table_name text, expression text, weight real) returns text
language sql immutable set search_path = ''
as $$
  select format(
    'select g.ids[i] as a, g.ids[j] as b, %2$s::real as score
     from (select array_agg(t.id order by t.id) as ids from (select id, %1$s as k from %3$s) t where t.k is not null group by t.k having count(*) between 2 and 100) g
     cross join generate_series(1, cardinality(g.ids)) i cross join generate_series(i + 1, least(i + 10, cardinality(g.ids))) j',
    expression, weight, table_name)
$$;

-- Of the rarest trigrams at most ten are looked at, and a combination that more than 30 spellings share is too common to tell. Where
-- up to 40 spellings have the same key, each is compared with each.
create or replace function engine.pairs_by_spelling(table_name text, expression text, spelling text, threshold real, weight real) returns text
language sql immutable set search_path = ''
as $$
  select format($sql$
    select i.id as a, j.id as b, p.score from (
      with spelt as materialized (
        select row_number() over () as n, t.k, t.s, (array_agg(t.id order by t.id))[1:5] as ids, count(*) over (partition by t.k) as beside from (select id, %1$s as k, %2$s as s from %3$s) t where t.s is not null and t.k is not null group by t.k, t.s
      ), trigram as materialized (
        select s.n, s.k, hashtext(t.t) as t from spelt s cross join lateral unnest(public.show_trgm(s.s)) t (t) where s.beside > 40
      ), rarity as materialized (
        select r.k, r.t, count(*) as count from trigram r group by r.k, r.t
      ), ranked as (
        select t.n, t.k, t.t, row_number() over (partition by t.n order by r.count, t.t) as at, count(*) over (partition by t.n) as total from trigram t join rarity r on r.k = t.k and r.t = t.t
      ), prefix as materialized (
        select r.n, r.k, r.t, r.at from ranked r where r.at <= least(r.total - ceil(r.total * %4$s) + 2, 10)
      ), combination as materialized (
        select p.n, hashtextextended(p.k, p.t::bigint * 4294967296 + o.t) as h from prefix p join prefix o on o.n = p.n and o.at > p.at
      ), telling as materialized (
        select c.h from combination c group by c.h having count(*) between 2 and 30
      ), bucket as (
        select array_agg(c.n) as ns from telling t join combination c on c.h = t.h group by c.h
      ), candidate as (
        select distinct a, b from bucket cross join unnest(ns) a cross join unnest(ns) b where a < b
        union all
        select x.n, y.n from spelt x join spelt y on y.k = x.k where x.n < y.n and x.beside between 2 and 40
      ), alike as (
        select x.ids as xs, y.ids as ys, (public.similarity(x.s, y.s) * %5$s)::real as score from candidate c join spelt x on x.n = c.a join spelt y on y.n = c.b where public.similarity(x.s, y.s) >= %4$s
        union all
        select s.ids, s.ids, %5$s from spelt s where cardinality(s.ids) > 1
      )
      select * from alike
    ) p cross join unnest(p.xs) i (id) cross join unnest(p.ys) j (id)
    where p.xs <> p.ys or i.id < j.id$sql$,
    case when expression is null then '''''' else format('(%s)::text', expression) end, spelling, table_name, threshold, weight)
$$;

create or replace function engine.scan_duplicates(object_id uuid) returns int
language plpgsql volatile set search_path = '' set work_mem = '128MB' set enable_nestloop = off set jit = off
as $$
declare
  v_object metadata.objects;
  v_schema text;
  v_table text;
  v_pairs text;
  v_count int;
begin
  select o.* into v_object from metadata.objects o where o.id = scan_duplicates.object_id;
  v_schema := (select w.schema_name from core.workspaces w where w.id = v_object.workspace_id);
  v_table := format('%I.%I', v_schema, v_object.table_name);
  v_pairs := (select string_agg(format('select %L as key, %L::boolean as is_sure, p.* from (%s) p', c.key, c.is_sure, case when c.spelling is null then engine.pairs_by_key(v_table, c.expression, c.weight) else engine.pairs_by_spelling(v_table, c.expression, c.spelling, c.threshold, c.weight) end), ' union all ')
    from engine.duplicate_criteria(v_object) c);
  if v_pairs is not null then
    execute format('insert into %1$I.record_duplicates as d (object_id, first_id, second_id, scores, score, is_sure)
      select $1, s.a, s.b, jsonb_object_agg(s.key, round(s.score::numeric, 4)), engine.duplicate_score(array_agg(s.score)), bool_or(s.is_sure)
      from (select least(p.a, p.b) as a, greatest(p.a, p.b) as b, p.key, p.is_sure, max(p.score) as score from (%2$s) p group by 1, 2, 3, 4) s group by s.a, s.b
      on conflict (object_id, first_id, second_id) do update set scores = excluded.scores, score = excluded.score, is_sure = excluded.is_sure, scanned_at = excluded.scanned_at', v_schema, v_pairs)
    using v_object.id;
  end if;
  -- What was said to be none is remembered as long as both are there, or may come back.
  execute format('delete from %1$I.record_duplicates d where d.object_id = $1 and d.scanned_at < now() and (d.dismissed_at is null or exists (
      select from unnest(array[d.first_id, d.second_id]) i where not exists (select from %2$s t where t.id = i) and not exists (select from %1$I.trash x where x.object_id = $1 and x.record_id = i)))', v_schema, v_table) using v_object.id;
  execute format('select count(*) from %I.record_duplicates d where d.object_id = $1 and d.dismissed_at is null', v_schema) into v_count using v_object.id;
  return v_count;
end
$$;

-- Each object in a transaction of its own: the worker asks for them one by one.
create or replace function engine.begin_duplicate_scan(workspace_id uuid) returns uuid[]
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_schema text := (select w.schema_name from core.workspaces w where w.id = begin_duplicate_scan.workspace_id);
begin
  if v_schema is null then
    return '{}';
  end if;
  -- What is not compared any more has no duplicates.
  execute format('delete from %I.record_duplicates d where not exists (select from metadata.objects o where o.id = d.object_id and o.deleted_at is null) or d.dismissed_at is null and exists (
    select from metadata.objects o where o.id = d.object_id and o.duplicate_criteria = ''[]'')', v_schema);
  return array(select o.id from metadata.objects o where o.workspace_id = begin_duplicate_scan.workspace_id and o.deleted_at is null and o.is_active and o.duplicate_criteria <> '[]' order by o.position, o.id);
end
$$;

create or replace function engine.run_duplicate_scan(object_id uuid) returns int
language sql volatile security definer set search_path = ''
as $$ select engine.scan_duplicates(o.id) from metadata.objects o where o.id = run_duplicate_scan.object_id and o.deleted_at is null $$;

create or replace function engine.end_duplicate_scan(workspace_id uuid, started_at timestamptz) returns void
language sql volatile security definer set search_path = ''
as $$
  insert into engine.duplicate_scans as s (workspace_id, scanned_at, took)
  select w.id, clock_timestamp(), clock_timestamp() - started_at from core.workspaces w where w.id = end_duplicate_scan.workspace_id
  on conflict (workspace_id) do update set scanned_at = excluded.scanned_at, took = excluded.took, wanted_at = case when s.wanted_at > started_at then s.wanted_at end
$$;

create or replace function engine.queue_duplicate_scans() returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_ids uuid[] := array(select distinct o.workspace_id from metadata.objects o where o.duplicate_criteria <> '[]' and o.deleted_at is null and o.is_active);
begin
  if cardinality(v_ids) > 0 then
    perform graphile_worker.add_jobs(array(
      select jsonb_populate_record(null::graphile_worker.job_spec, jsonb_build_object('identifier', 'duplicates__scan',
        'payload', jsonb_build_object('workspace_id', i), 'job_key', 'duplicates__scan:' || i, 'priority', 10)) from unnest(v_ids) i));
  end if;
  return cardinality(v_ids);
end
$$;
comment on function engine.begin_duplicate_scan(uuid) is 'The objects of a workspace that have criteria of duplicates, after what is kept of others was forgotten.';
comment on function engine.run_duplicate_scan(uuid) is 'Finds all duplicates of an object anew. Returns how many pairs there are.';
comment on function engine.end_duplicate_scan(uuid, timestamptz) is 'Notes that the duplicates of a workspace were looked for.';
comment on function engine.queue_duplicate_scans() is 'Adds a job for each workspace that looks for duplicates. Returns how many.';
grant execute on function engine.begin_duplicate_scan(uuid), engine.run_duplicate_scan(uuid), engine.end_duplicate_scan(uuid, timestamptz), engine.queue_duplicate_scans() to relvar_worker;

-- Somebody wants to know now.
create or replace function engine.want_duplicate_scan(caller name, schema_name text) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspace uuid := (select w.id from core.workspaces w where w.schema_name = want_duplicate_scan.schema_name);
begin
  if not exists (select from metadata.objects o where o.workspace_id = v_workspace and o.duplicate_criteria <> '[]' and o.deleted_at is null and o.is_active and engine.has_right(caller, o.id, 'READ')) then
    raise exception 'There is no object whose duplicates you could look for.' using errcode = 'RV251', hint = 'Who manages the data model says in the settings of an object what its duplicates are.';
  end if;
  insert into engine.duplicate_scans as s (workspace_id, wanted_at) values (v_workspace, clock_timestamp())
  on conflict on constraint duplicate_scans_pkey do update set wanted_at = excluded.wanted_at where s.wanted_at is null or s.wanted_at < clock_timestamp() - interval '10 minutes';
  if found then
    perform graphile_worker.add_job('duplicates__scan', json_build_object('workspace_id', v_workspace), job_key => 'duplicates__scan:' || v_workspace);
  end if;
  return engine.duplicate_scan_state(v_workspace);
end
$$;

create or replace function engine.duplicate_scan_state(workspace_id uuid) returns jsonb
language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('scannedAt', s.scanned_at, 'isRunning', s.wanted_at is not null, 'milliseconds', round(extract(epoch from s.took) * 1000))
  from (select) one left join engine.duplicate_scans s on s.workspace_id = duplicate_scan_state.workspace_id
$$;

-- Reached only through the tenant's own functions.
grant execute on function engine.want_duplicate_scan(name, text), engine.duplicate_scan_state(uuid) to relvar_crm;
grant execute on function engine.duplicate_scan_state(uuid) to relvar_reader;
--! EndIncluded engine/duplicates/scan.sql
--! Included engine/duplicates/inbox.sql
-- Duplicates that were found, for who may see both records and what they have in common: by which criteria a pair matches is told
-- only of those whose fields the caller reads, and by these it is looked at anew, so that no pair is shown that is none any more.

-- The criteria that the caller may know, with what compares two rows a and b by them.
create or replace function engine.known_criteria(caller name, schema_name text, object metadata.objects) returns table (key text, fields jsonb, is_sure boolean, matches text)
language sql stable set search_path = ''
as $$
  select c.key, c.fields, c.is_sure, concat_ws(' and ', case when c.expression is not null then format('(select %1$s from (select a.*) r) = (select %1$s from (select b.*) r)', c.expression) end,
    case when c.spelling is not null then format('public.similarity((select %1$s from (select a.*) r), (select %1$s from (select b.*) r)) >= %2$s', c.spelling, c.threshold) end)
  from engine.duplicate_criteria(object) c
  where not exists (select from unnest(c.columns) k where not has_column_privilege(caller, format('%I.%I', schema_name, (object).table_name), k, 'select'))
$$;

-- Pairs of one object, the surest first of so many, each looked at anew: a query over record_duplicates d and its two rows a and b.
create or replace function engine.query_of_duplicates(caller name, schema_name text, object metadata.objects, is_dismissed boolean, only_sure boolean, max_pairs int) returns text
language sql stable set search_path = '' set jit = off
as $$
  select format(
    'select d.first_id, d.second_id, d.score, d.total, d.dismissed_at, d.dismissed_by_name, a.a, b.b, r.reasons, r.is_sure
     from (
       select d.*, s.score as visible_score, count(*) over () as total
       from %1$I.record_duplicates d join %2$s a on a.id = d.first_id join %2$s b on b.id = d.second_id
       cross join lateral (select engine.duplicate_score(array(select (e.value #>> ''{}'')::real from jsonb_each(d.scores) e where e.key = any (%3$L))) as score) s
       where d.object_id = %4$L and d.dismissed_at is %5$s null and (s.score > 0 or %6$L) and %7$s and %8$s %9$s
       order by s.score desc, d.first_id, d.second_id limit %11$s
     ) x
     cross join lateral (select x.first_id, x.second_id, x.visible_score as score, x.total, x.dismissed_at, x.dismissed_by_name, x.scores) d
     cross join lateral (select t as a from %2$s t where t.id = d.first_id) a cross join lateral (select t as b from %2$s t where t.id = d.second_id) b
     cross join lateral (select coalesce(jsonb_agg(m.reason), ''[]'') as reasons, coalesce(bool_or(m.is_sure), false) as is_sure from (select (a.a).*) a cross join (select (b.b).*) b cross join lateral (%10$s) m (reason, is_sure, is_so) where m.is_so) r
     where r.reasons <> ''[]'' or %6$L
     order by d.score desc, d.first_id, d.second_id',
    schema_name, format('%I.%I', schema_name, (object).table_name), (select coalesce(array_agg(k.key) filter (where not only_sure or k.is_sure), '{}') from engine.known_criteria(caller, schema_name, object) k), (object).id,
    case when is_dismissed then 'not' else '' end, is_dismissed, engine.condition_of(caller, (object).id, 'READ', 'a.'), engine.condition_of(caller, (object).id, 'READ', 'b.'),
    case when only_sure then 'and d.is_sure' else '' end,
    coalesce((select string_agg(format('select %L::jsonb || jsonb_build_object(''score'', d.scores -> %L), %L::boolean, %s', jsonb_build_object('fields', k.fields, 'isSure', k.is_sure), k.key, k.is_sure, k.matches), ' union all ')
      from engine.known_criteria(caller, schema_name, object) k where not only_sure or k.is_sure), 'select null::jsonb, false, false'), max_pairs)
$$;

create or replace function engine.list_duplicates(caller name, schema_name text, wanted_object text, is_dismissed boolean, max_results int, skip int)
returns table (object_name text, first_id uuid, second_id uuid, first_label text, second_label text, score real, is_sure boolean, reasons jsonb, may_merge boolean, dismissed_at timestamptz, dismissed_by_name text, total int)
language plpgsql stable security definer set search_path = '' set jit = off
as $$
declare
  v_workspace uuid := (select w.id from core.workspaces w where w.schema_name = list_duplicates.schema_name);
  v_queries text[] := '{}';
  v_label boolean;
  o metadata.objects;
begin
  if wanted_object is not null then
    perform engine.past_object(caller, schema_name, wanted_object);
  end if;
  for o in
    select b.* from metadata.objects b
    where b.workspace_id = v_workspace and b.is_active and b.deleted_at is null and b.duplicate_criteria <> '[]' and (wanted_object is null or b.name_singular = wanted_object) and engine.has_right(caller, b.id, 'READ')
  loop
    v_label := engine.reads_label(caller, schema_name, o);
    v_queries := v_queries || format('(select %L, q.first_id, q.second_id, %s, %s, q.score, q.is_sure, q.reasons,
        (select (%s) and (%s) or (%s) and (%s) from (select (q.a).*) a cross join (select (q.b).*) b), q.dismissed_at, q.dismissed_by_name, q.total::int from (%s) q limit $1 + $2)',
      o.name_singular, case when v_label then engine.row_label(o, 'q.a') else 'null::text' end, case when v_label then engine.row_label(o, 'q.b') else 'null::text' end,
      engine.condition_of(caller, o.id, 'UPDATE', 'a.'), engine.condition_of(caller, o.id, 'DELETE', 'b.'), engine.condition_of(caller, o.id, 'UPDATE', 'b.'), engine.condition_of(caller, o.id, 'DELETE', 'a.'),
      -- Some of them may be none any more.
      engine.query_of_duplicates(caller, schema_name, o, is_dismissed, false, least(greatest(max_results, 1), 200) + greatest(skip, 0) + 200));
  end loop;
  if v_queries <> '{}' then
    return query execute format('select q.* from (%s) q (object_name, first_id, second_id, first_label, second_label, score, is_sure, reasons, may_merge, dismissed_at, dismissed_by_name, total)
      order by q.score desc, q.object_name, q.first_id, q.second_id limit $1 offset $2', array_to_string(v_queries, ' union all '))
    using least(greatest(max_results, 1), 200), greatest(skip, 0);
  end if;
end
$$;

-- The label of a row that stands in one column.
create or replace function engine.row_label(object metadata.objects, "row" text) returns text
language sql stable set search_path = ''
as $$ select format('(select %s from (select (%s).*) l)', engine.label_expression((object).id, 'l'), "row") $$;

-- Pairs that are no duplicates, whatever they have in common: remembered for everybody, by who may change one of the two.
create or replace function engine.dismiss_duplicates(caller name, schema_name text, object_name text, record_ids uuid[], is_dismissed boolean) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.past_object(caller, schema_name, object_name);
  v_ids uuid[] := array(select distinct i from unnest(record_ids) i where i is not null);
  v_count int;
begin
  if cardinality(v_ids) not between 2 and 20 then
    raise exception 'Two to 20 records are told apart at once.' using errcode = 'RV252', column = 'record_ids', hint = 'Name the records that are not the same.';
  end if;
  execute format('insert into %1$I.record_duplicates as d (object_id, first_id, second_id, scores, score, is_sure, dismissed_at, dismissed_by_name)
    select $1, a.id, b.id, ''{}'', 0, false, case when $3 then now() end, case when $3 then $4 end from %2$s a join %2$s b on b.id > a.id
    where a.id = any ($2) and b.id = any ($2) and %3$s and %4$s and (%5$s or %6$s)
    on conflict (object_id, first_id, second_id) do update set dismissed_at = excluded.dismissed_at, dismissed_by_name = excluded.dismissed_by_name',
    schema_name, format('%I.%I', schema_name, v_object.table_name), engine.condition_of(caller, v_object.id, 'READ', 'a.'), engine.condition_of(caller, v_object.id, 'READ', 'b.'),
    engine.condition_of(caller, v_object.id, 'UPDATE', 'a.'), engine.condition_of(caller, v_object.id, 'UPDATE', 'b.'))
  using v_object.id, v_ids, is_dismissed, (engine.current_actor()).name;
  get diagnostics v_count = row_count;
  if v_count = 0 then
    raise exception 'Your role may not change one of these records, or there is none.' using errcode = '42501', hint = 'What are no duplicates says who may change one of them.';
  end if;
  return v_count;
end
$$;

-- Groups of records that are surely the same and that the caller may merge, with what merging each would take: for merging many at once.
create or replace function engine.sure_duplicates(caller name, schema_name text, object_name text, max_groups int)
returns table (survivor_id uuid, other_ids uuid[], label text, data jsonb, total_groups int, total_records int)
language plpgsql stable security definer set search_path = '' set jit = off
as $$
declare
  v_object metadata.objects := engine.past_object(caller, schema_name, object_name);
  v_table text := format('%I.%I', schema_name, v_object.table_name);
  v_fields jsonb := engine.merge_fields(caller, schema_name, v_object);
  v_label text := case when engine.reads_label(caller, schema_name, v_object) then engine.label_expression(v_object.id, 't') else 'null::text' end;
  v_rows jsonb[];
  r record;
begin
  if not engine.has_right(caller, v_object.id, 'UPDATE') or not engine.has_right(caller, v_object.id, 'DELETE') then
    return;
  end if;
  for r in execute format('
      with recursive edge as materialized (
        select q.first_id as a, q.second_id as b from (%1$s) q
        where (select (%2$s) and (%3$s) from (select (q.a).*) a) and (select (%4$s) and (%5$s) from (select (q.b).*) b) limit 20000
      ), ends as materialized (
        select a, b from edge union all select b, a from edge
      ), reached (id, root) as (
        select distinct a, a from ends
        union
        select e.b, r.root from reached r join ends e on e.a = r.id where e.b > r.root
      ), rooted as (
        select r.id, min(r.root::text)::uuid as root from reached r group by r.id
      ), grouped as (
        select (array_agg(g.id order by g.id))[1:20] as ids from rooted g group by g.root having count(*) > 1
      )
      select g.ids, count(*) over ()::int as groups, sum(cardinality(g.ids)) over ()::int as records from grouped g order by g.ids limit $1',
    engine.query_of_duplicates(caller, schema_name, v_object, false, true, 20000), engine.condition_of(caller, v_object.id, 'UPDATE', 'a.'), engine.condition_of(caller, v_object.id, 'DELETE', 'a.'),
    engine.condition_of(caller, v_object.id, 'UPDATE', 'b.'), engine.condition_of(caller, v_object.id, 'DELETE', 'b.'))
  using least(greatest(max_groups, 1), 500)
  loop
    execute format('select array_agg(to_jsonb(t) - ''search_vector'' || jsonb_build_object(''__label'', %s)) from %s t where t.id = any ($1)', v_label, v_table) into v_rows using r.ids;
    v_rows := engine.merge_order(v_fields, v_rows, r.ids, null);
    survivor_id := v_rows[1] ->> 'id';
    other_ids := array(select i from unnest(r.ids) i where i <> survivor_id);
    label := v_rows[1] ->> '__label';
    data := engine.merge_data((select coalesce(jsonb_agg(to_jsonb(c)), '[]') from engine.merge_choices(v_fields, v_rows) c), v_rows[1]);
    total_groups := r.groups;
    total_records := r.records;
    return next;
  end loop;
end
$$;

-- Reached only through the tenant's own functions, which name the caller.
grant execute on function engine.list_duplicates(name, text, text, boolean, int, int), engine.dismiss_duplicates(name, text, text, uuid[], boolean), engine.sure_duplicates(name, text, text, int) to relvar_crm;
--! EndIncluded engine/duplicates/inbox.sql
--! Included engine/duplicates/internals.sql
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
--! EndIncluded engine/duplicates/internals.sql
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
  return '{shared_ids,matching_ids,search_records,find_duplicates,find_duplicates_of,list_duplicates,sure_duplicates,record_history,record_timeline,field_history,as_of,deleted_records,list_trash,shares_of_record,changes_between,comments_of_record}'::text[];

grant execute on function engine.search(name, text, text, int), engine.record_history(name, text, text, uuid, int, bigint),
  engine.field_history(name, text, text, uuid, text, int, bigint), engine.deleted_records(name, text, text, int, int), engine.shares_of_record(name, text, text, uuid),
  engine.my_team(), engine.below_me(), engine.shared_ids(uuid, text), engine.rule_ids(uuid, text), engine.visible_ids(uuid),
  engine.wholly_readable_objects(name), engine.duplicate_candidates(name, text, text, uuid, jsonb), engine.visible_duplicates(jsonb, int),
  engine.list_duplicates(name, text, text, boolean, int, int), engine.sure_duplicates(name, text, text, int),
  engine.today(), engine.start_of_today() to relvar_reader;
--! EndIncluded engine/permissions/reading.sql
-- What becomes of files that nothing holds.
--! Included engine/files/purge.sql
-- Files that no record holds any more are noted as unwanted, in one transaction with their going; then a job erases their
-- content, as often as it takes, and only then are they forgotten.

create or replace function engine.purge_files() returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_count int;
  v_total int := 0;
  r record;
begin
  for r in select w.id, w.schema_name, s.trash_days from core.workspaces w join core.workspace_settings s on s.workspace_id = w.id loop
    -- A workspace that is to be brought in line has no such tables yet.
    continue when to_regclass(format('%I.record_file_uses', r.schema_name)) is null;
    execute format('delete from %I.record_file_uses u
      where u.released_at < now() - make_interval(days => $1) or not exists (select from metadata.fields f where f.id = u.field_id)', r.schema_name) using r.trash_days;
    -- A day for forms that are being filled in. Whoever takes one up at this moment holds its row.
    execute format(
      'with unused as materialized (
         select f.id from %1$I.record_files f
         where f.created_at < now() - interval ''1 day'' and not exists (select from %1$I.record_file_uses u where u.file_id = f.id) limit 1000 for update skip locked
       ), gone as (
         delete from %1$I.record_files f using unused u where f.id = u.id returning f.id
       )
       insert into core.unwanted_files (workspace_id, file_id) select $1, g.id from gone g', r.schema_name) using r.id;
    get diagnostics v_count = row_count;
    v_total := v_total + v_count;
  end loop;
  return v_total;
end
$$;
comment on function engine.purge_files() is 'Notes files that no record has held for as long as the trash keeps records, and uploads that were broken off, as unwanted. Returns how many.';
grant execute on function engine.purge_files() to relvar_worker;
--! EndIncluded engine/files/purge.sql
--! Included core/files.sql
-- The store of files, as the server and the worker see it. Content is stored by workspace and id; a file is one when all of its
-- content is stored, and its content is erased only when it is none any more.

create or replace function core.finish_upload(workspace_id uuid, file_id uuid, size bigint, media_type text, sha256 text) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_schema text := (select w.schema_name from core.workspaces w where w.id = finish_upload.workspace_id);
  v_value jsonb;
begin
  -- Uploads that end together are counted one after the other.
  perform pg_advisory_xact_lock(hashtextextended('relvar.files.' || finish_upload.workspace_id, 0))
    from core.workspace_settings s where s.workspace_id = finish_upload.workspace_id and s.file_quota_mb is not null;
  execute format('update %I.record_files f set size = $2, media_type = $3, sha256 = $4, stored_at = now() where f.id = $1 and f.stored_at is null
    returning engine.file_value(f.id, f.name, f.media_type, f.size)', v_schema)
    into v_value using file_id, size, media_type, sha256;
  if v_value is null then
    raise exception 'This upload is not open any more.' using errcode = 'RV280', hint = 'It took longer than a day. Upload the file again.';
  end if;
  if engine.room_for_files(v_schema) < 0 then
    raise exception 'The workspace has no room for this file.' using errcode = 'RV279', hint = 'Delete files for good, or ask the administrator of the server for more room.';
  end if;
  return v_value;
end
$$;
comment on function core.finish_upload(uuid, uuid, bigint, text, text) is 'Makes a file of an upload whose content is stored, and returns it as fields of files hold it: {id, name, type, size}.';

create or replace function core.break_off_upload(workspace_id uuid, file_id uuid) returns void
language plpgsql volatile security definer set search_path = ''
as $$
begin
  execute format('delete from %I.record_files f where f.id = $1 and f.stored_at is null', (select w.schema_name from core.workspaces w where w.id = break_off_upload.workspace_id)) using file_id;
end
$$;
comment on function core.break_off_upload(uuid, uuid) is 'Forgets an upload that came to nothing, once nothing is stored of it.';

create or replace function core.forget_unwanted_files(file_ids uuid[]) returns void
language sql volatile security definer set search_path = ''
as $$ delete from core.unwanted_files u where u.file_id = any (file_ids) $$;

create or replace function core.list_unwanted_files() returns table (workspace_id uuid, file_id uuid)
language sql stable security definer set search_path = ''
as $$ select u.workspace_id, u.file_id from core.unwanted_files u order by u.noted_at limit 200 $$;

-- Whom a link that was signed for a key still acts for.
create or replace function core.resolve_key_of_link(api_key_id uuid) returns setof core.identity
language sql stable security definer set search_path = ''
as $$ select i.* from core.api_keys k cross join lateral core.resolve_api_key(k.token_hash) i where k.id = resolve_key_of_link.api_key_id $$;

grant execute on function core.finish_upload(uuid, uuid, bigint, text, text), core.break_off_upload(uuid, uuid), core.resolve_key_of_link(uuid) to relvar_server;
grant execute on function core.list_unwanted_files(), core.forget_unwanted_files(uuid[]) to relvar_worker;
--! EndIncluded core/files.sql
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
  if to_regclass(format('%I.record_files', v_workspace.schema_name)) is not null then
    execute format('insert into core.unwanted_files (workspace_id, file_id) select $1, f.id from %I.record_files f', v_workspace.schema_name) using v_workspace.id;
  end if;
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
--! Included metadata/file_storage.sql
-- How much the files of a workspace take up, and how large one may be.

create or replace function metadata.file_storage() returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.own_workspace();
  v_answer jsonb;
begin
  execute format('select jsonb_build_object(''files'', count(*), ''bytes'', coalesce(sum(f.size), 0), ''maxFileMb'', s.max_file_mb, ''quotaMb'', s.file_quota_mb)
    from core.workspace_settings s left join %I.record_files f on f.stored_at is not null where s.workspace_id = $1 group by s.workspace_id',
    (select w.schema_name from core.workspaces w where w.id = v_workspace)) into v_answer using v_workspace;
  return v_answer;
end
$$;
comment on function metadata.file_storage() is
  'The files of the workspace: {files, bytes, maxFileMb: how large one may be, null for as large as the server allows, quotaMb: how much all may take up, null for no limit}. The quota is the server administrator''s: core.workspace_settings.file_quota_mb.';

create or replace function metadata.set_max_file_mb(megabytes int default null) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.own_workspace();
begin
  perform engine.assert_manages(v_workspace, 'WORKSPACE');
  if megabytes < 1 then
    raise exception 'A file may have at least 1 MB.' using errcode = 'RV281', column = 'megabytes', hint = 'To let nobody upload files, take the permission "Upload files" from the roles.';
  end if;
  update core.workspace_settings s set max_file_mb = megabytes where s.workspace_id = v_workspace;
  return megabytes;
end
$$;
comment on function metadata.set_max_file_mb(int) is 'How many megabytes one file may have; null for as many as the server allows. Needs the permission WORKSPACE.';

-- With the rights of the caller: it is a change of the model as any other.
create or replace function metadata.keep_files(object_id uuid) returns boolean
language plpgsql volatile set search_path = ''
as $$
begin
  insert into metadata.relations (field_id, target_object_id, inverse_label, inverse_name, on_delete)
  select f.id, o.id, 'Attachments', 'attachments', 'CASCADE'
  from metadata.objects o
  join metadata.objects a on a.workspace_id = o.workspace_id and a.universal_identifier = 'standard:attachment' and a.deleted_at is null
  join metadata.fields f on f.object_id = a.id and f.type = 'MORPH_RELATION' and f.deleted_at is null
  where o.id = keep_files.object_id and not o.is_junction
    and not exists (select from metadata.relations r where r.field_id = f.id and r.target_object_id = o.id and r.deleted_at is null);
  return found;
end
$$;
comment on function metadata.keep_files(uuid) is 'Lets attachments lead to the records of an object, too, so that these have files. False when they do already.';

grant execute on function metadata.keep_files(uuid) to relvar_crm;
grant execute on function metadata.file_storage(), metadata.set_max_file_mb(int) to relvar_crm;
--! EndIncluded metadata/file_storage.sql
--! Included engine/timeline/timeline.sql
-- The timeline of a record: what happened to it, what was said about it, the notes, tasks and files that it has, and what happened to records
-- whose relation says so, in one stream, the latest first, as far as the caller may read each.

-- Events stand in the order of the log, in which they happened; the time of one is the beginning of its transaction, and may be earlier than that of the
-- one before it. So an event's place is the earliest time of those from the latest down to it, which never rises, and by which what has
-- but a time is merged with them. The key of an entry holds that time, the entry, and of what is no event the last event above it.
create or replace function engine.timeline_place(entry_key text, out at timestamptz, out key text, out event text, out batch bigint, out seq int)
language plpgsql immutable set search_path = ''
as $$
begin
  batch := 9223372036854775807;
  seq := 2147483647;
  if entry_key is null then
    return;
  elsif entry_key !~ '^\d{4}-\d\d-\d\dT[\d:.]+~(\d{29}|x[A-Z]+[0-9a-f-]{36}(~\d{29})?)$' then
    raise invalid_datetime_format;
  end if;
  at := split_part(entry_key, '~', 1)::timestamp at time zone 'UTC';
  key := split_part(entry_key, '~', 2);
  event := nullif(case when key ~ '^x' then split_part(entry_key, '~', 3) else key end, '');
  if event is not null then
    batch := left(event, 19)::bigint;
    seq := right(event, 10)::int;
  end if;
exception when datetime_field_overflow or invalid_datetime_format or numeric_value_out_of_range then
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
  v_all text[] := '{CHANGE,RELATED,COMMENT,NOTE,TASK,FILE}';
  v_kinds text[] := coalesce(kinds, v_all);
  v_limit int := least(greatest(max_results, 1), 200);
  v_from record;
  v_is_there boolean;
  v_beside text;
begin
  if not v_kinds <@ v_all then
    raise exception 'A timeline has no entries of the kind "%".', (select k from unnest(v_kinds) k where k <> all (v_all) or k is null limit 1) using errcode = 'RV234', hint = 'There are CHANGE, RELATED, COMMENT, NOTE, TASK and FILE.';
  end if;
  v_from := engine.timeline_place(before_entry);
  -- What lies in the trash has its history; the rest is told of records that there are.
  v_is_there := engine.may_touch(caller, v_object.id, record_id, 'READ');
  if v_is_there then
    v_beside := concat_ws(' union all ',
      case when 'COMMENT' = any (v_kinds) then format(
        'select ''COMMENT'', c.created_at, c.author_type, c.author_id, c.author_name, '''', c.id, c.body, c.mentions || coalesce((
           select jsonb_object_agg(m.id, m.name) from core.members m where m.workspace_id = $2 and m.id = any (engine.mentioned_ids(c.body)) and m.name <> ''''), ''{}''), null::text, null::uuid
         from %I.record_comments c where c.object_id = $3 and c.record_id = $1 and c.removed_at is null', schema_name) end,
      case when v_kinds && '{NOTE,TASK,FILE}' then engine.query_of_attached(caller, schema_name, v_object, v_kinds) end);
  end if;
  return query
    with event as (
      select 'CHANGE' as kind, case when i <> record_timeline.record_id then v_object.name_singular end as related_object, nullif(i, record_timeline.record_id) as related_id, e.*
      -- What was merged into the record has its history here, under its own id.
      from unnest(record_timeline.record_id || engine.absorbed_ids(schema_name, v_object.id, record_timeline.record_id)) i
      cross join lateral engine.record_events_before(caller, schema_name, v_object, i, v_from.batch, v_from.seq, v_limit) e where 'CHANGE' = any (v_kinds)
      union all
      select 'RELATED', (r.holder).name_singular, e.record_id, e.*
      from engine.timeline_related(caller, schema_name, v_object, record_id) r
      cross join lateral engine.events_before(caller, schema_name, r.holder, r.record_ids, v_from.batch, v_from.seq, v_limit) e
      where 'RELATED' = any (v_kinds) and v_is_there
    ), placed as (
      select least(v_from.at, min(e.happened_at) over (order by e.batch desc, e.seq desc)) as at, engine.event_key(e.batch, e.seq) as key, e.kind, e.happened_at, e.actor_type, e.actor_id, e.actor_name,
        e.source, e.batch, e.seq, e.action, e.before, e.after, null::uuid as comment_id, null::text as body, null::jsonb as mentions, e.related_object, e.related_id
      from event e
      union all
      select b.happened_at, b.key, b.kind, b.happened_at, b.actor_type, b.actor_id, b.actor_name, b.source, null, null, null, null, null, b.comment_id, b.body, b.mentions, b.related_object, b.related_id
      from engine.timeline_beside(v_beside, record_id, v_object.workspace_id, v_object.id, v_from.at, v_from.key, v_limit) b
    ), entry as (
      select p.*, min(case when p.batch is not null then p.key end) over (order by p.at desc, p.key collate "C" desc) as last_event from placed p
    )
    select to_char(e.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') || '~' || e.key || case when e.batch is null then coalesce('~' || coalesce(e.last_event, v_from.event), '') else '' end,
      e.kind, e.happened_at, e.actor_type, e.actor_id, e.actor_name, e.source, e.batch, e.seq, e.action, e.before, e.after, e.comment_id, e.body, e.mentions, e.related_object, e.related_id
    from entry e order by e.at desc, e.key collate "C" desc limit v_limit;
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
--! EndIncluded engine/timeline/timeline.sql
--! Included engine/internals.sql
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
--! EndIncluded engine/internals.sql
-- What a worker held when it was stopped for the last migration was carried over with the rest, and left behind in the queue.
delete from graphile_worker._private_jobs j using graphile_worker._private_tasks t where t.id = j.task_id and t.identifier = 'webhook__deliver';
-- Webhooks tell by the names of the API, also what has left the log, and read ahead of what is on its way.
drop function engine.webhook_payloads(uuid, bigint[], int[]);
drop function engine.nested_values(jsonb, text[], text[], text[]);
--! Included engine/webhooks/payloads.sql
-- What webhooks say of changes: records and fields that the role of the webhook reads, as the records are now or lie in
-- the trash. The role is nobody's, so rules that ask for the member are true of nobody.

-- How a webhook names the columns of an object that it tells: flat and by the names of the API, as GraphQL answers them, or by
-- field with the parts of composite ones within, as receivers of Twenty read them. In the order of the columns, those of a field together.
create or replace function engine.told_columns(webhook metadata.webhooks, object metadata.objects, pg_role name, schema_name text)
returns table (name text, key text, field text, part text, is_text boolean)
language sql stable set search_path = ''
as $$
  select c.name, engine.camel_case(c.name), f.name, case when webhook.format = 'TWENTY' and f.type <> 'AUTO_NUMBER' then c.part else '' end,
    -- Where GraphQL has a string, since JavaScript has no such number.
    webhook.format = 'STANDARD' and a.atttypid = any ('{int8,numeric}'::regtype[])
  from pg_catalog.pg_attribute a
  join engine.field_columns((object).workspace_id, array[(object).id]) c on c.name = a.attname
  join metadata.fields f on f.id = c.field_id
  where a.attrelid = format('%I.%I', schema_name, (object).table_name)::regclass and a.attnum > 0 and f.type <> 'TS_VECTOR' and has_column_privilege(pg_role, a.attrelid, a.attnum, 'select')
    -- Of chosen fields, those that the role reads.
    and (not webhook.fields ? (object).name_singular or webhook.fields -> (object).name_singular ? f.name or c.is_id)
  order by not c.is_id, min(a.attnum) over (partition by f.id), a.attnum
$$;

-- The words of a record as an expression of text: what the log says of a column, else the table, else the trash. Words, since
-- JSON that is built and then written down again takes three times as long.
create or replace function engine.told_record(names text[], keys text[], fields text[], parts text[], are_text boolean[]) returns text
language sql immutable set search_path = ''
as $$
  with col as (
    select u.*, case u.part when '' then u.key else u.field end as label,
      format('coalesce(l.log -> %1$L, to_jsonb(t.%1$I), d.data -> %1$L)', u.name) as value,
      lag(u.field) over w is distinct from u.field as is_first, lead(u.field) over w is distinct from u.field as is_last
    from unnest(names, keys, fields, parts, are_text) with ordinality u (name, key, field, part, is_text, n)
    window w as (order by u.n)
  ), piece as (
    select c.n,
      format('%L, %s%s', case when c.n > 1 then ',' else '' end
          || case when c.part = '' then to_json(c.label)::text || ':' else case when c.is_first then to_json(c.label)::text || ':{' else '' end || to_json(c.part)::text || ':' end,
        case when c.is_text then format('coalesce(''"'' || (%s #>> ''{}'') || ''"'', ''null'')', c.value) else format('coalesce((%s)::text, ''null'')', c.value) end,
        case when c.part <> '' and c.is_last then ', ''}''' else '' end) as text
    from col c
  )
  -- A function takes a hundred arguments.
  select format('concat(''{'', %s''}'')', string_agg(x.text || ', ', '' order by x.chunk))
  from (select (p.n - 1) / 30 as chunk, format('concat(%s)', string_agg(p.text, ', ' order by p.n)) as text from piece p group by 1) x
$$;

-- What an update changed, in the same names.
create or replace function engine.told_values(data jsonb, names text[], keys text[], are_text boolean[]) returns jsonb
language sql immutable parallel safe set search_path = ''
as $$
  select coalesce(jsonb_object_agg(c.key, case when c.is_text then to_jsonb(data ->> c.name) else data -> c.name end), '{}')
  from unnest(names, keys, are_text) c (name, key, is_text)
  where data ? c.name
$$;

-- Of every event that is asked for, by batch and seq, at most one row: none where it is not for this webhook. Events that
-- have left the log are given as they were.
create or replace function engine.webhook_payloads(webhook_id uuid, batches bigint[], seqs int[], archived jsonb[] default '{}')
returns table (batch bigint, seq int, object_id uuid, record_id uuid, event_type text, body text)
language plpgsql stable security definer set search_path = '' set jit = off
as $$
#variable_conflict use_column
declare
  h metadata.webhooks;
  v_schema text;
  v_role name;
  k record;
  o metadata.objects;
  v_table text;
  v_is_whole boolean;
  v_condition text;
  v_filter text;
  v_names text[];
  v_keys text[];
  v_fields text[];
  v_parts text[];
  v_are_text boolean[];
  v_knows_who boolean;
begin
  select w.* into h from metadata.webhooks w where w.id = webhook_payloads.webhook_id;
  if not found then
    return;
  end if;
  select c.schema_name into v_schema from core.workspaces c where c.id = h.workspace_id;
  select r.pg_role into v_role from metadata.roles r where r.id = h.role_id;
  for k in execute format(
    'select e.object_id, array_agg(e.batch) filter (where e.archived is null) as batches, array_agg(e.seq) filter (where e.archived is null) as seqs,
       coalesce(array_agg(e.archived) filter (where e.archived is not null), ''{}'') as archived
     from (
       select e.object_id, e.batch, e.seq, null::jsonb as archived from unnest($1, $2) k (batch, seq) join %I.record_events e on e.batch = k.batch and e.seq = k.seq
       union all
       select (a ->> ''object_id'')::uuid, null, null, a from unnest($3) a
     ) e group by 1', v_schema)
    using batches, seqs, archived
  loop
    select x.* into o from metadata.objects x where x.id = k.object_id and x.deleted_at is null;
    continue when not found;
    v_table := format('%I.%I', v_schema, o.table_name);
    continue when to_regclass(v_table) is null or not engine.has_right(v_role, o.id, 'READ');
    v_is_whole := exists (select from engine.find_wholly_readable(v_role, array[o.id]));
    v_condition := case when v_is_whole then 'true' else engine.condition_of(v_role, o.id, 'READ', 't.', '00000000-0000-0000-0000-000000000000') end;
    v_knows_who := v_is_whole or has_column_privilege(v_role, v_table, 'created_by_name', 'select') and has_column_privilege(v_role, v_table, 'updated_by_name', 'select');
    select array_agg(c.name), array_agg(c.key), array_agg(c.field), array_agg(c.part), array_agg(c.is_text) into v_names, v_keys, v_fields, v_parts, v_are_text
    from engine.told_columns(h, o, v_role, v_schema) c;
    -- A filter over what the role does not read would tell of it.
    v_filter := case
      when not h.compiled ? o.id::text then 'true'
      when exists (
        select from engine.field_columns(h.workspace_id, array[o.id]) c
        where c.field_id in (select engine.formula_fields(h.compiled -> o.id::text)) and not has_column_privilege(v_role, v_table, c.name, 'select')) then 'false'
      else format('exists (select from jsonb_populate_record(null::%s, coalesce(to_jsonb(t), d.data, ''{}'') || coalesce(l.log, ''{}'')) f where %s)', v_table, engine.formula_sql(h.compiled -> o.id::text, '', 'f')) end;
    return query execute format(
      'select e.batch, e.seq, e.object_id, e.record_id, $3 || ''.'' || e.action,
         case when $8 = ''TWENTY'' then (jsonb_strip_nulls(jsonb_build_object(
             ''userId'', m.user_id, ''workspaceMemberId'', m.id, ''apiKeyId'', case when $7 and e.actor_type = ''api_key'' then e.actor_id end))
           || jsonb_build_object(''targetUrl'', $9, ''eventName'', $3 || ''.'' || e.action, ''objectMetadata'', jsonb_build_object(''id'', e.object_id, ''nameSingular'', $3),
             ''workspaceId'', $4, ''webhookId'', $10, ''eventDate'', e.happened_at, ''record'', s.record::jsonb)
           || case when e.action = ''updated'' then jsonb_build_object(''updatedFields'', s.changed) else ''{}'' end)::text
         else concat(''{"type":"'', $3, ''.'', e.action, ''","timestamp":'', to_json(e.happened_at), '',"data":{"workspaceId":"'', $4, ''","object":"'', $3,
           ''","recordId":"'', e.record_id, ''","action":"'', e.action, ''","actor":'',
           case when $7 then json_build_object(''type'', e.actor_type, ''id'', e.actor_id, ''name'', e.actor_name)::text else ''null'' end,
           '',"before":'', coalesce(case when e.action = ''updated'' then s.before::text when e.action in (''deleted'', ''destroyed'', ''merged'') then s.record else e.before::text end, ''null''),
           '',"after":'', coalesce(case when e.action = ''updated'' then s.after::text when e.action in (''created'', ''restored'') then s.record when e.action <> ''merged'' or $6 then e.after::text end, ''null''),
           case when e.action = ''updated'' then concat('',"changedFields":'', s.changed) end, '',"record":'', s.record, ''}}'') end
       from (
         select e.* from unnest($1, $2) k (batch, seq) cross join lateral (select e.* from %1$I.record_events e where e.batch = k.batch and e.seq = k.seq offset 0) e
         union all
         select (jsonb_populate_record(null::%1$I.record_events, a)).* from unnest($17) a
       ) e
       left join %2$s t on t.id = e.record_id
       left join %1$I.trash d on d.object_id = $5 and d.record_id = e.record_id and t.id is null
       left join core.members m on $7 and $8 = ''TWENTY'' and e.actor_type = ''member'' and m.id = e.actor_id
       -- What the log says of the record as the change left it, and of what it was before; unpacked once.
       cross join lateral (
         select case when e.action in (''created'', ''restored'', ''updated'') then %5$s || ''{}'' when e.action in (''deleted'', ''destroyed'', ''merged'') then %6$s || ''{}'' end as log,
           case when e.action = ''updated'' then %6$s end as before
         offset 0
       ) l
       cross join lateral (
         select %7$s as record, case when e.action = ''updated'' then engine.told_values(l.before, $11, $12, $15) end as before, case when e.action = ''updated'' then engine.told_values(l.log, $11, $12, $15) end as after,
           case when e.action = ''updated'' then (select coalesce(jsonb_agg(distinct c.field), ''[]'') from unnest($11, $13) c (name, field) where l.log ? c.name) end as changed
         offset 0
       ) s
       where ($6 or exists (select from %2$s t where t.id = e.record_id and %3$s)
           or exists (select from jsonb_populate_record(null::%2$s, d.data) t where d.record_id is not null and %3$s))
         and (e.action <> ''updated'' or s.before <> ''{}'') and (e.action not in (''linked'', ''unlinked'') or engine.sees_link($16, coalesce(e.after, e.before))) and %4$s',
      v_schema, v_table, v_condition, v_filter, engine.reading_of(o, 'after'), engine.reading_of(o, 'before'), engine.told_record(v_names, v_keys, v_fields, v_parts, v_are_text))
    using k.batches, k.seqs, o.name_singular, h.workspace_id, o.id, v_is_whole, v_knows_who, h.format, h.target_url, h.id, v_names, v_keys, v_fields, v_parts, v_are_text, v_role, k.archived;
  end loop;
end
$$;
comment on function engine.webhook_payloads(uuid, bigint[], int[], jsonb[]) is
  'What a webhook says of events, which are named by batch and seq, or given as the archive has them; no row for what its role does not see, or its filter leaves out.';

-- What is too long to send says where it can be read.
create or replace function engine.shortened_payload(body jsonb) returns jsonb
language sql immutable parallel safe set search_path = ''
  return case when body ? 'data' then jsonb_set(body, '{data}', (body -> 'data') - '{before,after,changedFields,record}'::text[] || '{"isShortened": true}')
    else body || jsonb_build_object('record', jsonb_build_object('id', body #> '{record,id}'), 'isShortened', true) end;
--! EndIncluded engine/webhooks/payloads.sql
drop function engine.webhook_work(uuid, text, int);
drop function engine.note_webhook_results(uuid, text, jsonb, bigint, int, boolean);
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
-- again: what is not asked for stays in the log, and costs nothing. Ahead of what is on its way only while nothing fails
-- or waits: what comes after that is known when it has come.
create or replace function engine.webhook_work(webhook_id uuid, worker text, max_events int default 200, is_ahead boolean default false)
returns table (delivery_id bigint, kind text, message_id text, event_type text, object_id uuid, record_id uuid, "position" bigint, batch bigint, seq int, body text, read_position bigint, read_seq int)
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
  if is_ahead then
    select x.* into s from engine.webhook_states x
    where x.webhook_id = webhook_work.webhook_id and x.leased_by = webhook_work.worker and x.failures = 0 and not x.has_test and x.paused_until is null
      and not exists (select from engine.webhook_deliveries d where d.webhook_id = x.webhook_id and d.state = 'PENDING');
    s.position := s.fetched;
    s.seq := s.fetched_seq;
  else
    select x.* into s from engine.webhook_states x where x.webhook_id = webhook_work.webhook_id and x.leased_by = webhook_work.worker for update;
  end if;
  if s.webhook_id is null then
    return;
  end if;
  select x.* into h from metadata.webhooks x where x.id = webhook_work.webhook_id;
  select w.schema_name into v_schema from core.workspaces w where w.id = h.workspace_id;
  with woken as (
    delete from engine.webhook_wakes w where w.webhook_id = h.id and not is_ahead returning w.first, w.last
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
  elsif h.is_active and not is_ahead then
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
           where e.batch = b.batch and e.seq > case when b.position > $1 then -1 else $2 end
             -- One look for each, whatever is known of the table: else those of a large statement are all read for each.
             and not exists (select from engine.webhook_deliveries d where d.webhook_id = $6 and d.batch = e.batch and d.seq = e.seq and d.kind = ''EVENT'' and not d.is_replay offset 0)
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
  if not is_ahead then
    update engine.webhook_states x set fetched = s.fetched, fetched_seq = s.fetched_seq, leased_until = clock_timestamp() + interval '15 seconds',
      -- With too many failures, what comes after them waits until some of them can be tried.
      paused_until = case when v_asked = 0 and v_waiting = '{}' then clock_timestamp() + interval '20 seconds' else x.paused_until end,
      wanted = s.wanted, position = case when v_batches is null then s.fetched else s.position end, seq = case when v_batches is null then s.fetched_seq else s.seq end
    where x.webhook_id = h.id;
  end if;
  if v_batches is null and v_waiting = '{}' then
    return;
  end if;

  return query
  with waiting as materialized (
    select d.* from engine.webhook_deliveries d where d.webhook_id = h.id and d.id = any (v_waiting)
  ), fresh as materialized (
    select u.* from unnest(v_positions, v_batches, v_seqs) u (position, batch, seq)
  ), keys as (
    select w.batch, w.seq from waiting w where w.kind = 'EVENT' and w.payload is null union select f.batch, f.seq from fresh f
  ), said as materialized (
    select p.* from engine.webhook_payloads(h.id, array(select k.batch from keys k order by k.batch, k.seq), array(select k.seq from keys k order by k.batch, k.seq),
      array(select w.payload from waiting w where w.kind = 'EVENT' and w.payload is not null)) p
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
    case when octet_length(x.body) <= 524288 then x.body else engine.shortened_payload(x.body::jsonb)::text end, s.fetched, s.fetched_seq
  from (
    select w.id as delivery_id, w.kind, w.message_id, w.event_type, w.object_id, w.record_id, null::bigint as position, w.batch, w.seq,
      case when w.kind = 'EVENT' then (select p.body from said p where p.batch = w.batch and p.seq = w.seq) else w.payload::text end as body
    from waiting w
    union all
    select null, 'EVENT', f.batch || '-' || f.seq, p.event_type, p.object_id, p.record_id, f.position, f.batch, f.seq, p.body
    from fresh f join said p on p.batch = f.batch and p.seq = f.seq
    where not exists (select from held l where l.batch = f.batch and l.seq = f.seq)
  ) x
  where x.body is not null
  order by x.delivery_id, x.position, x.seq;
end
$$;

-- What became of deliveries: [{"delivery", "kind", "id", "type", "object", "record", "batch", "seq", "isTried", "status", "error",
-- "ms", "request", "response", "retryAfter"}], in the order in which the answers came. The cursor moves to where all before it
-- was tried, or to the end of what was fetched; with what was fetched ahead, that is now what the log was read for. Whether there is
-- more to send now: not where another worker has the webhook.
create or replace function engine.note_webhook_results(webhook_id uuid, worker text, results jsonb, done_position bigint default null, done_seq int default null, is_done boolean default false,
  read_position bigint default null, read_seq int default null)
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

  -- Read again only where there is something in it: most of them had no row.
  if jsonb_path_exists(results, '$[*].delivery ? (@ != null)') then
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
  end if;

  -- What happened to tests says nothing of the rest.
  select count(*) filter (where x.error is null) as successes, count(*) filter (where x.n > x.last_success) as failed,
    max(x.retry_after) filter (where x.n > x.last_success) as retry_after, coalesce(bool_or(x.status = 410), false) as is_gone,
    (array_agg(x.error order by x.n desc))[1] as error, (array_agg(x.status order by x.n desc))[1] as status
  into r
  from (
    select t.*, t."retryAfter" as retry_after, coalesce(max(t.n) filter (where t.error is null) over (), 0) as last_success
    from rows from (jsonb_to_recordset(results) as (kind text, "isTried" boolean, status int, error text, "retryAfter" double precision)) with ordinality t (kind, "isTried", status, error, "retryAfter", n)
    where t."isTried" and t.kind <> 'TEST'
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
    fetched = case when is_done then coalesce(read_position, x.fetched) else x.fetched end, fetched_seq = case when is_done then coalesce(read_seq, x.fetched_seq) else x.fetched_seq end,
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
  engine.webhook_work(uuid, text, int, boolean), engine.note_webhook_results(uuid, text, jsonb, bigint, int, boolean, bigint, int), engine.purge_webhook_deliveries(int) to relvar_worker;
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
  v_archived int;
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
    -- What has left the log first, since it is older; it is kept as it was, for the archive has no place of its own for it.
    execute format(
      'insert into engine.webhook_deliveries (webhook_id, workspace_id, kind, message_id, event_type, object_id, record_id, batch, seq, payload, is_replay)
       select $1, $2, ''EVENT'', e.batch || ''-'' || e.seq, o.name_singular || ''.'' || e.action, e.object_id, e.record_id, e.batch, e.seq, x.event, true
       from %1$I.event_archive a
       cross join lateral jsonb_array_elements(a.events) x (event)
       cross join lateral jsonb_populate_record(null::%1$I.record_events, x.event) e
       join metadata.objects o on o.id = a.object_id and o.deleted_at is null
       where a.until_at >= $3 and a.from_at <= $4 and e.happened_at between $3 and $4 and engine.event_matches($5, o.name_singular, e.action)
       order by e.batch, e.seq limit 100001', v_schema)
    using v_webhook.id, v_webhook.workspace_id, since, v_until, v_webhook.events;
    get diagnostics v_archived = row_count;
    -- Only what the relay has taken; what is meant for it and comes later is sent anyway.
    execute format(
      'insert into engine.webhook_deliveries (webhook_id, workspace_id, kind, message_id, event_type, object_id, record_id, batch, seq, is_replay)
       select $1, $2, ''EVENT'', e.batch || ''-'' || e.seq, o.name_singular || ''.'' || e.action, e.object_id, e.record_id, e.batch, e.seq, true
       from (select b.* from %1$I.event_batches b where b.position <= (select case when s.wanted > s.position then s.position else b.position end from engine.webhook_states s where s.webhook_id = $1)) b
       join %1$I.record_events e on e.batch = b.batch
       join metadata.objects o on o.id = e.object_id
       where e.happened_at between $3 and $4 and engine.event_matches($5, o.name_singular, e.action)
         and not exists (select from engine.webhook_deliveries d where d.webhook_id = $1 and d.batch = e.batch and d.seq = e.seq and d.state = ''PENDING'')
       order by b.position, e.seq limit 100001 - $6', v_schema)
    using v_webhook.id, v_webhook.workspace_id, since, v_until, v_webhook.events, v_archived;
    get diagnostics v_count = row_count;
    v_count := v_count + v_archived;
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
  'Sends the events of a time again, each with the webhook-id that it had; also those that have left the log for its archive; with only_dead only those that were given up. Returns how many. For a webhook that is on.';

-- What it says of when histories begin is no more than who keeps webhooks may know.
create or replace function metadata.replayable_since() returns timestamptz
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.own_workspace();
  v_since timestamptz;
begin
  perform engine.assert_manages(v_workspace, 'API_KEYS_AND_WEBHOOKS');
  execute format('select least((select min(a.from_at) from %1$I.event_archive a), (select e.happened_at from %1$I.record_events e order by e.batch, e.seq limit 1))',
    (select w.schema_name from core.workspaces w where w.id = v_workspace)) into v_since;
  return v_since;
end
$$;
comment on function metadata.replayable_since() is 'When the earliest event happened that the log or its archive still has: replays reach back to it. Null where there is none.';

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
  metadata.test_webhook(uuid), metadata.retry_webhook_delivery(uuid, bigint), metadata.replay_webhook(uuid, timestamptz, timestamptz, boolean), metadata.replayable_since(),
  metadata.show_webhook_secret(uuid, text), metadata.rotate_webhook_secret(uuid, int, text) to relvar_crm;
--! EndIncluded metadata/webhooks.sql
--! Included metadata/workspace.sql
-- What a workspace says of itself.

create or replace function metadata.rename_workspace(name text) returns void
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_workspace uuid := engine.own_workspace();
  v_name text := btrim(regexp_replace(coalesce(rename_workspace.name, ''), '[[:space:][:cntrl:]]+', ' ', 'g'));
begin
  perform engine.assert_manages(v_workspace, 'WORKSPACE');
  if length(v_name) not between 1 and 100 then
    raise exception 'The name of a workspace has between 1 and 100 characters.' using errcode = 'RV245', column = 'name', hint = 'Most take the name of the company.';
  end if;
  update core.workspaces w set name = v_name where w.id = v_workspace;
  -- Servers know it with each session.
  perform pg_notify('relvar_identity', json_build_object('workspace', v_workspace)::text);
end
$$;
comment on function metadata.rename_workspace(text) is 'Gives the workspace another name, which members, mails and consent pages show; its address stays. Needs the permission WORKSPACE.';
grant execute on function metadata.rename_workspace(text) to relvar_crm;
--! EndIncluded metadata/workspace.sql
--! Included metadata/profile.sql
-- What members say of themselves. Their role need not let them change records of members: these
-- functions write to the caller's own record, and only what is theirs to say.

create or replace function engine.own_member() returns core.members
language plpgsql stable set search_path = ''
as $$
declare
  v_member core.members;
begin
  select * into v_member from core.members m where m.id = engine.current_member();
  if not found then
    raise exception 'Only a member has a profile.' using errcode = '42501', hint = 'Sign in as a member.';
  end if;
  return v_member;
end
$$;

create or replace function engine.assert_may_name_oneself() returns void
language plpgsql stable set search_path = ''
as $$
begin
  if not engine.may('PROFILE_INFORMATION') then
    raise exception 'Your role may not change your name and picture.' using errcode = '42501', hint = 'Ask an administrator of the workspace.';
  end if;
end
$$;

create or replace function metadata.my_profile() returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_member core.members;
  v_profile jsonb;
begin
  select * into v_member from core.members m where m.id = engine.person();
  if not found then
    return null;
  end if;
  execute format('select jsonb_build_object(''firstName'', coalesce(t.name_first_name, ''''), ''lastName'', coalesce(t.name_last_name, ''''), ''avatarUrl'', t.avatar_url,
      ''colorScheme'', t.color_scheme, ''dateFormat'', t.date_format, ''timeFormat'', t.time_format, ''numberFormat'', t.number_format,
      ''locale'', coalesce(t.locale, ''en''), ''timeZone'', coalesce(t.time_zone, ''system''))
    from %I.workspace_members t where t.id = $1', (select w.schema_name from core.workspaces w where w.id = v_member.workspace_id))
    into v_profile using v_member.id;
  return v_profile || jsonb_build_object('memberId', v_member.id, 'keepsMembers', engine.keeps_members(), 'administersInstance', engine.administers_instance(), 'email', (select u.email from core.users u where u.id = v_member.user_id),
    -- The browser of who acts as somebody else says nothing of that one.
    'isSettled', v_member.settled_at is not null or nullif(current_setting('relvar.impersonator_id', true), '') is not null);
end
$$;
comment on function metadata.my_profile() is
  'Name, picture, language, time zone and formats of the member who asks; null for who is no member. isSettled: whether the language and the time zone were taken from a browser once.';

-- "system" is whatever the device says.
create or replace function engine.is_time_zone(name text) returns boolean
language sql stable set search_path = ''
  return name = 'system' or exists (select from pg_catalog.pg_timezone_names z where z.name = is_time_zone.name);

-- BCP 47: a language, perhaps a script, a region and variants.
create or replace function engine.is_locale(name text) returns boolean
language sql immutable parallel safe set search_path = ''
  return name ~ '^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}$';

create or replace function metadata.update_my_profile(first_name text default null, last_name text default null, color_scheme text default null,
  date_format text default null, time_format text default null, number_format text default null, locale text default null, time_zone text default null) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_member core.members := engine.own_member();
begin
  if first_name is not null or last_name is not null then
    perform engine.assert_may_name_oneself();
  end if;
  if not engine.is_time_zone(time_zone) then
    raise exception '"%" is not a time zone.', time_zone using errcode = 'RV160', column = 'time_zone',
      hint = 'Give a name such as Europe/Berlin, or "system" for that of the device. select name from pg_timezone_names lists them.';
  end if;
  if not engine.is_locale(locale) then
    raise exception '"%" is not a language.', locale using errcode = 'RV161', column = 'locale', hint = 'Give a tag such as en, en-GB or de-AT.';
  end if;
  execute format('update %I.workspace_members t set
      name_first_name = coalesce($2, t.name_first_name), name_last_name = coalesce($3, t.name_last_name), color_scheme = coalesce($4, t.color_scheme),
      date_format = coalesce($5, t.date_format), time_format = coalesce($6, t.time_format), number_format = coalesce($7, t.number_format),
      locale = coalesce($8, t.locale), time_zone = coalesce($9, t.time_zone)
    where t.id = $1', (select w.schema_name from core.workspaces w where w.id = v_member.workspace_id))
    using v_member.id, left(btrim(first_name), 100), left(btrim(last_name), 100), color_scheme, date_format, time_format, number_format, locale, time_zone;
  -- Mails are of the account.
  update core.users u set locale = update_my_profile.locale where u.id = v_member.user_id and update_my_profile.locale is not null;
  return metadata.my_profile();
end
$$;
comment on function metadata.update_my_profile(text, text, text, text, text, text, text, text) is
  'Changes what is given of the caller''s own profile, and leaves the rest. locale: such as en-GB; timeZone: such as Europe/Berlin, or "system".';

-- At the first sign-in, and once: what the browser says, where the member has said nothing.
create or replace function metadata.settle_my_profile(locale text, time_zone text) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_member core.members := engine.own_member();
  v_profile jsonb := metadata.my_profile();
begin
  if (v_profile ->> 'isSettled')::boolean then
    return v_profile;
  end if;
  update core.members m set settled_at = now() where m.id = v_member.id;
  -- A browser may know zones that this server does not.
  return metadata.update_my_profile(locale => case when v_profile ->> 'locale' = 'en' and engine.is_locale(settle_my_profile.locale) then settle_my_profile.locale end,
    time_zone => case when v_profile ->> 'timeZone' = 'system' and engine.is_time_zone(settle_my_profile.time_zone) then settle_my_profile.time_zone end);
end
$$;
comment on function metadata.settle_my_profile(text, text) is
  'Takes the language and the time zone of the caller''s browser for the profile, once, unless they were chosen already.';

-- Pictures are small, and kept in the database: they are shown with every name.
create or replace function metadata.set_my_photo(media_type text default null, content_base64 text default null) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_member core.members := engine.own_member();
  v_content bytea;
  v_id uuid;
begin
  perform engine.assert_may_name_oneself();
  delete from core.member_photos p where p.member_id = v_member.id;
  if content_base64 is not null then
    begin
      v_content := decode(content_base64, 'base64');
    exception when others then
      v_content := null;
    end;
    -- What a browser is told to be a picture must be one.
    if v_content is null or octet_length(v_content) > 100 * 1024 or not coalesce(case set_my_photo.media_type
        when 'image/png' then substr(v_content, 1, 4) = '\x89504e47'::bytea
        when 'image/jpeg' then substr(v_content, 1, 3) = '\xffd8ff'::bytea
        when 'image/webp' then substr(v_content, 1, 4) = '\x52494646'::bytea and substr(v_content, 9, 4) = '\x57454250'::bytea end, false) then
      raise exception 'This is not a picture of at most 100 kB.' using errcode = 'RV117', column = 'content_base64', hint = 'PNG, JPEG and WebP are understood.';
    end if;
    insert into core.member_photos (member_id, media_type, content) values (v_member.id, set_my_photo.media_type, v_content) returning id into v_id;
  end if;
  update core.members m set avatar_url = '/auth/photos/' || v_id where m.id = v_member.id;
  return metadata.my_profile();
end
$$;
comment on function metadata.set_my_photo(text, text) is 'Sets the picture of the member who asks (PNG, JPEG or WebP, at most 100 kB, in base64), or takes it away.';

grant execute on function metadata.my_profile(), metadata.update_my_profile(text, text, text, text, text, text, text, text),
  metadata.settle_my_profile(text, text), metadata.set_my_photo(text, text) to relvar_crm;

create or replace function core.photo(id uuid, workspace_id uuid) returns table (media_type text, content bytea)
language sql stable security definer set search_path = ''
as $$
  select p.media_type, p.content from core.member_photos p join core.members m on m.id = p.member_id
  where p.id = photo.id and m.workspace_id = photo.workspace_id
$$;
grant execute on function core.photo(uuid, uuid) to relvar_server;
--! EndIncluded metadata/profile.sql

-- Tenants' functions that call these come back with the next look at each workspace.
drop function engine.plan_revert(name, text, jsonb, int) cascade;
drop function engine.begin_revert(name, text, jsonb, text) cascade;
drop function engine.revert_statements(text, uuid, engine.revert_item[], text);
drop function engine.revert_condition(text, uuid, jsonb);
drop function engine.revert_source(text, uuid, jsonb);
--! Included engine/past/revert_plan.sql
-- Taking changes of records back: what each record would become, and what is in the way. Which changes is
-- said by one of: a change (batch, seq) or a statement (batch), either with all that was done together with it
-- (its request or, without one, its transaction); a transaction; a request; or a record, or one field of it,
-- since a moment or a statement. Of several changes of one record the first says what it was before.

-- Which events are meant, found once: a condition over e, and the source that e stands for, a table or a query.
-- What is looked for by batch, transaction or request may lie in the archive, of which only the parcels are read that have some of it.
create or replace function engine.revert_located(schema_name text, workspace_id uuid, what jsonb) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_event record;
  v_condition text;
  v_sought jsonb;
  v_since timestamptz;
  v_until timestamptz;
  v_parcels bigint[];
begin
  if what ->> 'batch' is not null then
    v_event := engine.revert_event(schema_name, (what ->> 'batch')::bigint, (what ->> 'seq')::int);
    if v_event.batch is null then
      return what || jsonb_build_object('source', format('%I.record_events', schema_name), 'condition', 'false');
    elsif coalesce((what ->> 'together')::boolean, false) and v_event.request_id is not null then
      v_since := v_event.happened_at - interval '1 day';
      v_until := v_event.happened_at + interval '1 day';
      v_condition := format('e.request_id = %L and e.happened_at between %L::timestamptz and %L::timestamptz', v_event.request_id, v_since, v_until);
      v_sought := jsonb_build_object('request_id', v_event.request_id);
    else
      v_since := v_event.happened_at;
      v_until := v_event.happened_at;
      v_sought := jsonb_build_object('transaction_id', v_event.transaction_id);
      v_condition := case when coalesce((what ->> 'together')::boolean, false) then format('e.transaction_id = %L', v_event.transaction_id)
        -- A link is a record of its own, which came or went in the same transaction.
        when v_event.action in ('linked', 'unlinked') then format('e.transaction_id = %L and e.action in (%L, %L, ''updated'') and e.record_id = any (%L::uuid[])', v_event.transaction_id,
          case v_event.action when 'linked' then 'created' else 'deleted' end, case v_event.action when 'linked' then 'restored' else 'merged' end, engine.revert_links(schema_name, v_event.batch, (what ->> 'seq')::int, v_event.link_id))
        else format('e.batch = %L', v_event.batch) || case when what ->> 'seq' is not null then format(' and e.seq = %L', what ->> 'seq') else '' end end;
    end if;
  elsif what ->> 'transaction_id' is not null then
    v_condition := format('e.transaction_id = %L', what ->> 'transaction_id');
    v_sought := jsonb_build_object('transaction_id', what ->> 'transaction_id');
    execute format('select min(e.happened_at), max(e.happened_at) from %I.record_events e where e.transaction_id = $1', schema_name) into v_since, v_until using (what ->> 'transaction_id')::xid8;
  elsif what ->> 'request_id' is not null then
    v_sought := jsonb_build_object('request_id', what ->> 'request_id');
    v_since := engine.revert_request_since(schema_name, what ->> 'request_id');
    v_condition := format('e.request_id = %L', what ->> 'request_id') || case when v_since is not null then format(' and e.happened_at > %L::timestamptz', v_since) else '' end;
  elsif what ->> 'record_id' is not null and (what ->> 'moment' is not null or what ->> 'after_batch' is not null) then
    return what || jsonb_build_object('source', format('%I.events_of(%L, %L)', schema_name, engine.past_object_id(workspace_id, what ->> 'object_name'), what ->> 'record_id'), 'condition',
      format('e.record_id = %L and e.object_id = %L', what ->> 'record_id', engine.past_object_id(workspace_id, what ->> 'object_name'))
      || case when what ->> 'moment' is not null then format(' and e.happened_at > %L::timestamptz', what ->> 'moment') else '' end
      || case when what ->> 'after_batch' is not null then format(' and e.batch > %L', what ->> 'after_batch') else '' end);
  else
    raise exception 'Which changes?' using errcode = 'RV197',
      hint = 'Give batch (and seq), transaction_id, request_id, or object_name and record_id with moment or after_batch.';
  end if;
  -- What is younger than anything in the archive is not in it.
  execute format('select array_agg(a.id) from %I.event_archive a where ($1 is null or a.until_at >= $1) and ($2 is null or a.from_at <= $2) and a.events @> jsonb_build_array($3)', schema_name)
    into v_parcels using v_since, v_until, v_sought;
  return what || jsonb_build_object('condition', v_condition, 'source', case when v_parcels is null then format('%I.record_events', schema_name)
    else format('(select %2$s from %1$I.record_events r union all select %2$s from %1$I.event_archive a cross join lateral jsonb_populate_recordset(null::%1$I.record_events, a.events) r where a.id = any (%3$L::bigint[]))',
      schema_name, engine.event_columns('r.', ', '), v_parcels) end);
end
$$;

-- One change, or the first of a statement, in the log or the archive.
create or replace function engine.revert_event(schema_name text, of_batch bigint, of_seq int,
  out batch bigint, out action text, out link_id uuid, out request_id text, out transaction_id xid8, out happened_at timestamptz)
language plpgsql stable set search_path = ''
as $$
begin
  execute format('select e.batch, e.action, (coalesce(e.after, e.before) #>> ''{link,id}'')::uuid, e.request_id, e.transaction_id, e.happened_at
    from %I.record_events e where e.batch = $1 and ($2 is null or e.seq = $2) order by e.seq limit 1', schema_name)
    into batch, action, link_id, request_id, transaction_id, happened_at using of_batch, of_seq;
  if batch is null then
    execute format('select e.batch, e.action, (coalesce(e.after, e.before) #>> ''{link,id}'')::uuid, e.request_id, e.transaction_id, e.happened_at
      from %1$I.event_archive a cross join lateral jsonb_populate_recordset(null::%1$I.record_events, a.events) e
      where a.events @> jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(''batch'', $1, ''seq'', $2))) and e.batch = $1 and ($2 is null or e.seq = $2) order by e.seq limit 1', schema_name)
      into batch, action, link_id, request_id, transaction_id, happened_at using of_batch, of_seq;
  end if;
end
$$;

-- The links that a statement made or cut, by what it told of the records at their ends.
create or replace function engine.revert_links(schema_name text, of_batch bigint, of_seq int, one uuid) returns uuid[]
language plpgsql stable set search_path = ''
as $$
declare
  v_links uuid[];
begin
  execute format('select array_agg((coalesce(e.after, e.before) #>> ''{link,id}'')::uuid) from %I.record_events e where e.batch = $1 and ($2 is null or e.seq = $2)', schema_name)
    into v_links using of_batch, of_seq;
  return coalesce(v_links, array[one]);
end
$$;

-- The log is found by time sooner than by request, and most requests are of today. What began yesterday, such as a long import, has
-- something in each day until then. Null where it is not of today.
create or replace function engine.revert_request_since(schema_name text, request_id text) returns timestamptz
language plpgsql stable set search_path = ''
as $$
declare
  v_since timestamptz := now() - interval '1 day';
  v_is_there boolean;
begin
  execute format('select exists (select from %I.record_events e where e.request_id = $1 and e.happened_at > $2)', schema_name) into v_is_there using request_id, v_since;
  if not v_is_there then
    return null;
  end if;
  while v_is_there loop
    execute format('select exists (select from %I.record_events e where e.request_id = $1 and e.happened_at > $2 - interval ''1 day'' and e.happened_at <= $2)', schema_name)
      into v_is_there using request_id, v_since;
    v_since := v_since - interval '1 day';
  end loop;
  return v_since;
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
  execute format('select count(*) from (select from %s e where e.object_id = %L and (%s) limit 1000) x', what ->> 'source', (object).id, condition) into v_events;
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
        select e.actor_name, e.happened_at from %1$I.events_of(%3$L, c.record_id) e
        where e.batch > c.last_batch and not coalesce(%6$s, false)
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
    (object).name_singular, what ->> 'source', coalesce(v_links, '{}'));
end
$$;

-- Record after record, of every object that the caller reads and that the changes touch; these were located.
create or replace function engine.revert_items(caller name, schema_name text, what jsonb) returns setof engine.revert_item
language plpgsql stable set search_path = ''
as $$
declare
  v_workspace uuid := (select w.id from core.workspaces w where w.schema_name = revert_items.schema_name);
  v_condition text := what ->> 'condition';
  v_object uuid;
begin
  for v_object in execute format('select distinct e.object_id from %s e where %s', what ->> 'source', v_condition) loop
    return query
    select i.* from metadata.objects o cross join lateral engine.revert_items_of(caller, schema_name, o, what, v_condition) i
    where o.id = v_object and o.workspace_id = v_workspace and o.deleted_at is null and o.is_active and engine.has_right(caller, o.id, 'READ');
  end loop;
end
$$;

-- The first of them for people to look at, those with something in the way first; with how many there are.
create or replace function engine.plan_revert(caller name, schema_name text, what jsonb, max_results int, skip int)
returns table (object_name text, record_id uuid, label text, action text, before jsonb, after jsonb, conflicts jsonb, total int, conflicting int)
language sql stable security definer set search_path = ''
as $$
  select i.object_name, i.record_id, i.label, i.action, i.before, i.after, i.conflicts, (count(*) over ())::int, (count(*) filter (where i.conflicts <> '[]') over ())::int
  from engine.revert_items(caller, schema_name, engine.revert_located(schema_name, (select w.id from core.workspaces w where w.schema_name = plan_revert.schema_name), what)) i
  order by i.conflicts = '[]', i.object_name, i.label, i.record_id
  limit least(greatest(max_results, 1), 1000) offset greatest(skip, 0)
$$;
grant execute on function engine.plan_revert(name, text, jsonb, int, int) to relvar_crm;
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

create or replace function engine.begin_revert(caller name, schema_name text, what jsonb, on_conflict text, decisions jsonb) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_items engine.revert_item[];
  v_workspace uuid := (select w.id from core.workspaces w where w.schema_name = begin_revert.schema_name);
  v_what jsonb := engine.revert_located(schema_name, v_workspace, what);
  v_refused int;
  v_state jsonb;
begin
  if coalesce(on_conflict, '') not in ('REFUSE', 'SKIP', 'OVERWRITE') then
    raise exception 'What is in the way is not dealt with by "%".', on_conflict using errcode = 'RV197', column = 'on_conflict',
      hint = 'REFUSE takes nothing back, SKIP leaves out what is in the way, OVERWRITE takes back also what was changed since.';
  end if;
  perform engine.check_decisions(decisions);
  -- Until the end nobody else changes what is looked at now.
  perform engine.lock_reverted(schema_name, v_workspace, v_what ->> 'source', v_what ->> 'condition');
  v_items := array(select engine.decided(i, on_conflict, decisions) from engine.revert_items(caller, schema_name, v_what) i);
  v_refused := (select count(*) from unnest(v_items) i where i.conflicts @> '[{"decision": "REFUSE"}]');
  if cardinality(v_items) = 0 then
    raise exception 'There is nothing to take back.' using errcode = 'RV198', hint = 'It was taken back already, was no change of records that you may change, or lies before what the log keeps.';
  elsif v_refused > 0 then
    raise exception '%', case when cardinality(v_items) = 1 then 'It cannot be taken back as it is.' else format('%s of %s records cannot be taken back as they are.', v_refused, cardinality(v_items)) end
      using errcode = 'RV199', detail = (select jsonb_agg(jsonb_build_object('objectName', i.object_name, 'recordId', i.record_id, 'label', i.label, 'conflicts', i.conflicts))::text
        from (select * from unnest(v_items) i where i.conflicts @> '[{"decision": "REFUSE"}]' limit 20) i),
      hint = 'Look at plan_revert, then choose on_conflict: SKIP leaves these out, OVERWRITE takes back also what was changed since; or decide each in decisions.';
  end if;
  perform set_config('relvar.reverting', current_setting('relvar.source', true), true), set_config('relvar.source', 'REVERT', true);
  v_state := engine.revert_statements(schema_name, v_workspace, v_items);
  return v_state || jsonb_build_object('schema', schema_name, 'caller', caller, 'done', '{}'::jsonb,
    'conflicts', (select coalesce(jsonb_agg(jsonb_build_object('objectName', i.object_name, 'recordId', i.record_id, 'conflicts', i.conflicts)), '[]') from (select * from unnest(v_items) i where i.conflicts <> '[]' limit 100) i),
    'total', cardinality(v_items));
end
$$;

-- What becomes of single conflicts: {record: {column: OVERWRITE or SKIP}}, "" for the record as a whole.
create or replace function engine.check_decisions(decisions jsonb) returns void
language plpgsql immutable set search_path = ''
as $$
begin
  if decisions is not null and (jsonb_typeof(decisions) <> 'object' or exists (
      select from jsonb_each(decisions) r
      cross join lateral jsonb_each(case jsonb_typeof(r.value) when 'object' then r.value else '{"": null}' end) c where c.value not in ('"OVERWRITE"', '"SKIP"'))) then
    raise exception 'The decisions cannot be understood.' using errcode = 'RV257', column = 'decisions',
      hint = 'Write {"<id of the record>": {"<column, or nothing for the record>": "OVERWRITE" or "SKIP"}}, with the columns that plan_revert names.';
  end if;
end
$$;

create or replace function engine.decided(item engine.revert_item, on_conflict text, decisions jsonb) returns engine.revert_item
language plpgsql immutable set search_path = ''
as $$
begin
  if item.conflicts <> '[]' then
    item.conflicts := (select jsonb_agg(c || jsonb_build_object('decision', coalesce(decisions -> item.record_id::text ->> coalesce(c ->> 'column', ''), on_conflict)))
      from jsonb_array_elements(item.conflicts) c);
  end if;
  return item;
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

-- Objects as one. Unlike jsonb_object_agg it takes no longer for values that are large.
create or replace aggregate engine.joined(jsonb) (sfunc = pg_catalog.jsonb_concat, stype = jsonb);

-- What remains to be done of the items once what is in the way is left out or overwritten.
create or replace function engine.revert_statements(schema_name text, workspace_id uuid, items engine.revert_item[]) returns jsonb
language sql stable set search_path = ''
as $$
  with item as materialized (
    select i.*, o.table_name, b.columns as left_out,
      (select bool_or(c ->> 'column' is null and (c ->> 'kind' <> 'CHANGED_SINCE' or c ->> 'decision' <> 'OVERWRITE') or i.action = 'RESTORE') from jsonb_array_elements(i.conflicts) c) is true as is_left_out
    from unnest(items) i
    join metadata.objects o on o.id = i.object_id
    cross join lateral (select array(select c ->> 'column' from jsonb_array_elements(i.conflicts) c
      where c ->> 'column' is not null and (c ->> 'kind' <> 'CHANGED_SINCE' or c ->> 'decision' <> 'OVERWRITE')) as columns) b
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
    -- Not jsonb_agg, which takes minutes for a value that holds 100,000 others.
    'now', (select coalesce(to_jsonb(array_agg(s.value order by s.stage)), '[]') from statement s where s.stage < 3),
    'then', (select coalesce(to_jsonb(array_agg(s.value)), '[]') from statement s where s.stage = 3),
    'restore', (select coalesce(engine.joined(jsonb_build_object(r.object_id, r.ids)), '{}') from (select i.object_id, jsonb_agg(i.record_id) as ids from item i where i.action = 'RESTORE' and not i.is_left_out group by 1) r),
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
  perform engine.move_back(state ->> 'schema', r.key::uuid, array(select i::uuid from jsonb_array_elements_text(r.value) i)) from jsonb_each(state -> 'restore') r;
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
        select engine.joined(jsonb_build_object(v_object.id || ' ' || c.name, engine.trashed_links(schema_name, v_object.id, v_ids, c.name)))
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

grant execute on function engine.begin_revert(name, text, jsonb, text, jsonb), engine.run_as_caller(jsonb), engine.restore_reverted(jsonb), engine.end_revert(jsonb) to relvar_crm;
--! EndIncluded engine/past/revert.sql
