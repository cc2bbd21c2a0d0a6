-- How much the files of a workspace take up, and how large one may be.

create or replace function metadata.file_storage() returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.own_workspace();
  v_answer jsonb;
begin
  execute format('select jsonb_build_object(''files'', count(f.id), ''bytes'', coalesce(sum(f.size), 0), ''maxFileMb'', s.max_file_mb, ''quotaMb'', s.file_quota_mb)
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
