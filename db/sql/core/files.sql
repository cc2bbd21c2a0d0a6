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
