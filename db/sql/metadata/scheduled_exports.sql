-- Exports that come again: which records, as what kind of file, when, and to whom. Each is a member's own, who alone sees and changes it;
-- who has the permission SECURITY sees them all, since data leaves by them, and may stop and delete them. An export gives no right: it is made
-- with those that its owner has when it is made.
comment on table metadata.scheduled_exports is E'@behavior -*\nExports that come again, each a member''s own.';
comment on column metadata.scheduled_exports.id is 'Identifies it.';
comment on column metadata.scheduled_exports.workspace_id is 'The workspace that this belongs to; follows from the role of whoever writes.';
comment on column metadata.scheduled_exports.owner_id is 'Whose it is and with whose rights it is made; null where the member is gone.';
comment on column metadata.scheduled_exports.name is 'What it is called.';
comment on column metadata.scheduled_exports.object_id is 'The object whose records are exported.';
comment on column metadata.scheduled_exports.view_id is 'The view that says which records, in which order, and which columns, as it is at the time; null for what stands here.';
comment on column metadata.scheduled_exports.filter is 'Without a view: which records, as views keep it; null for all.';
comment on column metadata.scheduled_exports.sorts is 'Without a view: their order, as views keep it.';
comment on column metadata.scheduled_exports.field_ids is 'The columns, in their order; null for those of the view, or all that the owner may read.';
comment on column metadata.scheduled_exports.format is 'csv, xlsx, ndjson or vcard.';
comment on column metadata.scheduled_exports.has_ids is 'Whether ids of records, and of those they are related to, are told, too.';
comment on column metadata.scheduled_exports.is_human is 'Whether labels and amounts are written as people read them.';
comment on column metadata.scheduled_exports.is_guarded is 'Whether texts that look like formulas are kept from being any.';
comment on column metadata.scheduled_exports.recurrence is 'When it comes again, as calendars write it: FREQ=WEEKLY;BYDAY=MO.';
comment on column metadata.scheduled_exports.time_zone is 'Whose days and hours are meant.';
comment on column metadata.scheduled_exports.next_at is 'When it comes next; null when its recurrence has ended.';
comment on column metadata.scheduled_exports.destination is 'EMAIL or S3.';
comment on column metadata.scheduled_exports.recipients is 'The members who get it by e-mail.';
comment on column metadata.scheduled_exports.bucket is 'Of S3: {endpoint, region, bucket, prefix, keyId, isPathStyle}. Its secret is kept apart.';
comment on column metadata.scheduled_exports.is_active is 'Whether it comes; false where it is paused or was stopped.';
comment on column metadata.scheduled_exports.stopped_reason is 'Why it was stopped, in a sentence; null where somebody paused it.';
comment on column metadata.scheduled_exports.failures is 'How often it has failed since it last went well.';
comment on column metadata.scheduled_exports.created_at is 'When it was made.';
comment on column metadata.scheduled_exports.updated_at is 'When it was last changed.';
comment on column metadata.scheduled_exports.deleted_at is 'When it was deleted; it is kept for 30 days to be brought back.';

-- Where a bucket is: an address of the public network is asked for when it is used, whatever its name leads to by then.
create or replace function engine.export_bucket(bucket jsonb) returns jsonb
language plpgsql immutable set search_path = ''
as $$
declare
  v_unknown text;
begin
  select k into v_unknown from jsonb_object_keys(case jsonb_typeof(bucket) when 'object' then bucket else '{}' end) k
  where k not in ('endpoint', 'region', 'bucket', 'prefix', 'keyId', 'isPathStyle') limit 1;
  if found or jsonb_typeof(bucket) is distinct from 'object' then
    raise exception 'A bucket has no "%".', coalesce(v_unknown, '') using errcode = 'RV332', column = 'bucket', hint = 'It has endpoint, region, bucket, prefix, keyId and isPathStyle.';
  elsif coalesce(bucket ->> 'endpoint', '') !~ '^(https://[^\s/?#@]+|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?)/?$' then
    raise exception 'The address of a bucket begins with https://.' using errcode = 'RV332', column = 'endpoint', hint = 'Such as https://s3.eu-central-1.amazonaws.com, without the bucket.';
  elsif coalesce(bucket ->> 'bucket', '') !~ '^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$' then
    raise exception 'This is no name of a bucket.' using errcode = 'RV332', column = 'bucket', hint = '3 to 63 small letters, figures, dots and dashes.';
  elsif coalesce(bucket ->> 'region', '') !~ '^[a-z0-9-]{1,40}$' then
    raise exception 'This is no region of a bucket.' using errcode = 'RV332', column = 'region', hint = 'Such as eu-central-1; us-east-1 for servers that have none.';
  elsif coalesce(bucket ->> 'keyId', '') !~ '^[\x21-\x7e]{3,128}$' then
    raise exception 'A bucket is opened by a key.' using errcode = 'RV332', column = 'keyId', hint = 'Give the id of an access key that may write there.';
  elsif coalesce(bucket ->> 'prefix', '') !~ '^([^/[:cntrl:]?#\\]{1,100}/?){0,10}$' or bucket ->> 'prefix' ~ '(^|/)\.\.?(/|$)' then
    raise exception 'This cannot stand before the names of files.' using errcode = 'RV332', column = 'prefix', hint = 'Such as crm/exports, without a slash before it.';
  elsif jsonb_typeof(coalesce(bucket -> 'isPathStyle', 'false')) <> 'boolean' then
    raise exception 'Whether the bucket stands in the path is true or false.' using errcode = 'RV332', column = 'isPathStyle', hint = 'true for MinIO and the like.';
  end if;
  return jsonb_strip_nulls(bucket || jsonb_build_object('endpoint', rtrim(bucket ->> 'endpoint', '/'), 'prefix', nullif(rtrim(bucket ->> 'prefix', '/'), '')));
end
$$;

create or replace function engine.tg_scheduled_exports__validate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_parts jsonb;
begin
  new.name := btrim(new.name);
  if new.name = '' or length(new.name) > 100 then
    raise exception 'An export needs a name.' using errcode = 'RV330', column = 'name', hint = 'Give one of at most 100 letters.';
  end if;
  if tg_op = 'INSERT' then
    new.id := coalesce(new.id, engine.uuidv7());
    if (select count(*) from metadata.scheduled_exports e where e.workspace_id = new.workspace_id and e.deleted_at is null) >= 200 then
      raise exception 'A workspace has at most 200 exports that come again.' using errcode = 'RV330', hint = 'Delete those that nobody needs.';
    end if;
    -- Later the member may be gone, and the object: then it is stopped when it comes.
    if new.owner_id is null then
      raise exception 'An export that comes again is a member''s own.' using errcode = 'RV330', column = 'owner_id', hint = 'Sign in as a member, or give one as its owner.';
    end if;
    if not exists (select from metadata.objects o where o.id = new.object_id and o.workspace_id = new.workspace_id and o.is_active and o.deleted_at is null) then
      raise exception 'The workspace has no such object.' using errcode = 'RV330', column = 'object_id', hint = 'Give the id of one that is switched on.';
    end if;
    if new.next_at is null then
      raise exception 'An export that comes again begins at some time.' using errcode = 'RV330', column = 'next_at', hint = 'Give the moment of the first one.';
    end if;
  end if;
  if tg_op = 'INSERT' or new.filter is distinct from old.filter then
    new.filter := engine.view_filter(new.filter);
  end if;
  if jsonb_typeof(new.sorts) <> 'array' or exists (select from jsonb_array_elements(new.sorts) s where jsonb_typeof(s) <> 'object' or s ->> 'fieldId' is null) then
    raise exception 'The order of an export lists fields.' using errcode = 'RV330', column = 'sorts', hint = 'Give [{"fieldId", "descending"}].';
  end if;
  if new.field_ids = '{}' then
    raise exception 'An export has at least one column.' using errcode = 'RV330', column = 'field_ids', hint = 'Choose some, or give null for those of the view.';
  end if;
  v_parts := engine.read_recurrence(new.recurrence);
  if v_parts is null then
    raise exception 'This is no recurrence that can be read: %', left(new.recurrence, 100) using errcode = 'RV330', column = 'recurrence',
      hint = 'Write it as calendars do, such as FREQ=WEEKLY;BYDAY=MO or FREQ=MONTHLY;BYMONTHDAY=1.';
  end if;
  new.recurrence := engine.write_recurrence(v_parts);
  if core.zone_or_utc(new.time_zone) is distinct from new.time_zone then
    raise exception 'There is no time zone "%".', new.time_zone using errcode = 'RV330', column = 'time_zone', hint = 'Such as Europe/Berlin or UTC.';
  end if;
  if new.destination = 'EMAIL' then
    new.bucket := null;
    new.recipients := array(select distinct r from unnest(new.recipients) r where r is not null);
    if cardinality(new.recipients) not between 1 and 50 then
      raise exception 'An export goes to at least one member, and to at most 50.' using errcode = 'RV331', column = 'recipients', hint = 'Choose members of this workspace.';
    end if;
    -- Who leaves later just gets no more.
    if (tg_op = 'INSERT' or not new.recipients <@ old.recipients)
      and exists (select from unnest(new.recipients) r where not exists (select from core.members m where m.id = r and m.workspace_id = new.workspace_id)) then
      raise exception 'Exports go to members of the workspace only.' using errcode = 'RV331', column = 'recipients', hint = 'Invite whoever is to get it, or have it put into a bucket.';
    end if;
  else
    new.recipients := '{}';
    new.bucket := engine.export_bucket(new.bucket);
  end if;
  if tg_op = 'UPDATE' then
    new.updated_at := now();
    -- Switched on again it begins anew, at its next time.
    if new.is_active and not old.is_active then
      new.stopped_reason := null;
      new.failures := 0;
      if new.next_at <= now() then
        select o.next_due, coalesce(o.next_recurrence, new.recurrence) into new.next_at, new.recurrence
        from engine.next_occurrence(new.recurrence, new.next_at, new.time_zone, now()) o;
      end if;
    end if;
  end if;
  return new;
end
$$;
create or replace trigger _100_validate before insert or update on metadata.scheduled_exports for each row execute function engine.tg_scheduled_exports__validate();

alter table metadata.scheduled_exports enable row level security;
alter table metadata.scheduled_exports alter column workspace_id set default engine.current_workspace(), alter column owner_id set default engine.private_member();
drop policy if exists select_own on metadata.scheduled_exports;
drop policy if exists insert_own on metadata.scheduled_exports;
drop policy if exists update_own on metadata.scheduled_exports;
create policy select_own on metadata.scheduled_exports for select to relvar_crm
  using (workspace_id = (select engine.current_workspace()) and deleted_at is null and (owner_id = (select engine.private_member()) or (select engine.may('SECURITY'))));
comment on policy select_own on metadata.scheduled_exports is 'Members see their own; who keeps the security of the workspace sees them all.';
create policy insert_own on metadata.scheduled_exports for insert to relvar_crm
  with check (workspace_id = (select engine.current_workspace()) and owner_id = (select engine.private_member()) and (select engine.may('EXPORT_CSV')));
create policy update_own on metadata.scheduled_exports for update to relvar_crm
  using (workspace_id = (select engine.current_workspace()) and deleted_at is null and owner_id = (select engine.private_member()))
  with check (workspace_id = (select engine.current_workspace()) and owner_id = (select engine.private_member()) and (select engine.may('EXPORT_CSV')));
grant select,
  insert (id, name, object_id, view_id, filter, sorts, field_ids, format, has_ids, is_human, is_guarded, recurrence, time_zone, next_at, destination, recipients, bucket),
  update (name, view_id, filter, sorts, field_ids, format, has_ids, is_human, is_guarded, recurrence, time_zone, next_at, destination, recipients, bucket, is_active)
  on metadata.scheduled_exports to relvar_crm;

-- One of the caller's own, or, for who keeps the security of the workspace and where it is enough, of anybody.
create or replace function engine.own_export(export_id uuid, of_others boolean default false) returns metadata.scheduled_exports
language plpgsql stable set search_path = ''
as $$
declare
  v_export metadata.scheduled_exports;
begin
  select * into v_export from metadata.scheduled_exports e
  where e.id = own_export.export_id and (engine.acts_as_administrator()
    or e.workspace_id = engine.workspace_of_role(current_setting('role')::name) and (e.owner_id = engine.private_member() or own_export.of_others and engine.may('SECURITY')));
  if not found then
    raise exception 'You have no such export.' using errcode = 'RV333', column = 'export_id', hint = 'It is somebody else''s, or was deleted.';
  end if;
  return v_export;
end
$$;

create or replace function metadata.save_export(settings jsonb, export_id uuid default null) returns uuid
language plpgsql volatile set search_path = ''
as $$
declare
  v_new metadata.scheduled_exports;
  v_id uuid;
  v_unknown text;
begin
  select k into v_unknown from jsonb_object_keys(case jsonb_typeof(settings) when 'object' then settings else '{}' end) k
  where k not in ('name', 'objectId', 'viewId', 'filter', 'sorts', 'fieldIds', 'format', 'hasIds', 'isHuman', 'isGuarded', 'recurrence', 'timeZone', 'nextAt', 'destination', 'recipients', 'bucket') limit 1;
  if found or jsonb_typeof(settings) is distinct from 'object' then
    raise exception 'An export has no "%".', coalesce(v_unknown, '') using errcode = 'RV330', column = 'settings',
      hint = 'It has name, objectId, viewId, filter, sorts, fieldIds, format, hasIds, isHuman, isGuarded, recurrence, timeZone, nextAt, destination, recipients and bucket.';
  end if;
  -- What is left out stays as it was, or is as usual.
  v_new := jsonb_populate_record(
    coalesce((select e from metadata.scheduled_exports e where e.id = save_export.export_id),
      jsonb_populate_record(null::metadata.scheduled_exports, '{"name": "", "sorts": [], "format": "csv", "has_ids": false, "is_human": true, "is_guarded": true, "recurrence": "", "time_zone": "UTC", "destination": "EMAIL", "recipients": []}')),
    (select coalesce(jsonb_object_agg(lower(regexp_replace(e.key, '([A-Z])', '_\1', 'g')), e.value), '{}') from jsonb_each(settings) e));
  v_new.filter := nullif(v_new.filter, 'null');
  v_new.bucket := nullif(v_new.bucket, 'null');
  if export_id is null then
    insert into metadata.scheduled_exports as e (name, object_id, view_id, filter, sorts, field_ids, format, has_ids, is_human, is_guarded, recurrence, time_zone, next_at, destination, recipients, bucket)
    select v_new.name, v_new.object_id, v_new.view_id, v_new.filter, v_new.sorts, v_new.field_ids, v_new.format, v_new.has_ids, v_new.is_human, v_new.is_guarded,
      v_new.recurrence, v_new.time_zone, v_new.next_at, v_new.destination, v_new.recipients, v_new.bucket
    returning e.id into v_id;
    return v_id;
  end if;
  update metadata.scheduled_exports e set name = v_new.name, view_id = v_new.view_id, filter = v_new.filter, sorts = v_new.sorts, field_ids = v_new.field_ids, format = v_new.format,
    has_ids = v_new.has_ids, is_human = v_new.is_human, is_guarded = v_new.is_guarded, recurrence = v_new.recurrence, time_zone = v_new.time_zone, next_at = v_new.next_at,
    destination = v_new.destination, recipients = v_new.recipients, bucket = v_new.bucket
  where e.id = save_export.export_id returning e.id into v_id;
  if not found then
    raise exception 'You have no such export.' using errcode = 'RV333', column = 'export_id', hint = 'It is somebody else''s, or was deleted.';
  end if;
  return v_id;
end
$$;
comment on function metadata.save_export(jsonb, uuid) is
  'Makes an export that comes again, or with its id changes one: {name, objectId, viewId, filter, sorts, fieldIds, format, hasIds, isHuman, isGuarded, recurrence, timeZone, nextAt, destination, recipients, bucket}. What is left out stays. Returns its id.';

create or replace function metadata.pause_export(export_id uuid, is_paused boolean default true) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  -- Data leaves again only by who may have it leave.
  v_export metadata.scheduled_exports := engine.own_export(pause_export.export_id, is_paused);
begin
  if not is_paused and not engine.acts_as_administrator() and not engine.may('EXPORT_CSV') then
    raise exception 'Your role may not export records.' using errcode = '42501', hint = 'Ask an administrator for the permission EXPORT_CSV.';
  end if;
  update metadata.scheduled_exports e set is_active = not is_paused where e.id = v_export.id and e.deleted_at is null;
end
$$;
comment on function metadata.pause_export(uuid, boolean) is 'Has an export come no more, or, with is_paused false, come again from its next time on.';

create or replace function metadata.delete_export(export_id uuid) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_export metadata.scheduled_exports := engine.own_export(delete_export.export_id, true);
begin
  update metadata.scheduled_exports e set deleted_at = now() where e.id = v_export.id and e.deleted_at is null;
end
$$;
comment on function metadata.delete_export(uuid) is 'Deletes an export that comes again; its links lead nowhere from then on. restore_export brings it back, for 30 days.';

create or replace function metadata.restore_export(export_id uuid) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_export metadata.scheduled_exports := engine.own_export(restore_export.export_id, true);
begin
  -- Where it was on, it comes at its next time, and does not make up for what it missed.
  update metadata.scheduled_exports e set deleted_at = null,
    next_at = case when e.next_at <= now() then (select o.next_due from engine.next_occurrence(e.recurrence, e.next_at, e.time_zone, now()) o) else e.next_at end
  where e.id = v_export.id;
end
$$;
comment on function metadata.restore_export(uuid) is 'Brings a deleted export back, with its runs and its secret.';

create or replace function metadata.keep_export_secret(export_id uuid, sealed_secret text) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_export metadata.scheduled_exports := engine.own_export(keep_export_secret.export_id);
begin
  insert into core.export_secrets as s (export_id, workspace_id, sealed) values (v_export.id, v_export.workspace_id, sealed_secret)
  on conflict on constraint export_secrets_pkey do update set sealed = excluded.sealed, kept_at = now();
end
$$;
comment on function metadata.keep_export_secret(uuid, text) is
  E'@behavior -*\nKeeps the secret of the bucket that an export goes to, which the server has sealed. POST /exports/secret calls it.';

grant execute on function metadata.save_export(jsonb, uuid), metadata.pause_export(uuid, boolean), metadata.delete_export(uuid), metadata.restore_export(uuid),
  metadata.keep_export_secret(uuid, text) to relvar_crm;
