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

create or replace function engine.share_record(caller name, schema_name text, object_name text, record_id uuid, principal_kind text, principal_id uuid, access text, reason text) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.shareable_object(caller, schema_name, object_name, record_id, 'UPDATE');
  v_id uuid;
begin
  if coalesce(access, '') not in ('READ', 'WRITE') then
    raise exception 'A record is shared to READ or to WRITE, not to "%".', access using errcode = 'RV098', column = 'access', hint = 'WRITE lets the other change it, too.';
  end if;
  if not coalesce(case principal_kind
      when 'MEMBER' then exists (select from core.members m where m.id = principal_id and m.workspace_id = v_object.workspace_id)
      when 'TEAM' then exists (select from metadata.teams t where t.id = principal_id and t.workspace_id = v_object.workspace_id)
      when 'ROLE' then exists (select from metadata.roles r where r.id = principal_id and r.workspace_id = v_object.workspace_id) end, false) then
    raise exception 'There is no such % here.', coalesce(lower(nullif(principal_kind, '')), 'member') using errcode = 'RV098', column = 'principal_id',
      hint = 'Share with a MEMBER, a TEAM or a ROLE of this workspace, by its id.';
  end if;
  execute format(
    'insert into %I.record_shares as s (object_id, record_id, principal_kind, principal_id, access, reason, created_by, created_by_name)
     values ($1, $2, $3, $4, $5, coalesce($6, ''''), $7, $8)
     on conflict (object_id, record_id, principal_kind, principal_id) do update set access = excluded.access, reason = excluded.reason,
       created_by = excluded.created_by, created_by_name = excluded.created_by_name, created_at = now()
     returning s.id', schema_name)
  into v_id using v_object.id, record_id, principal_kind, principal_id, access, reason, engine.current_member(), (engine.current_actor()).name;
  return v_id;
end
$$;

create or replace function engine.unshare_record(caller name, schema_name text, share_id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object_name text;
  v_record uuid;
begin
  execute format('select o.name_singular, s.record_id from %I.record_shares s join metadata.objects o on o.id = s.object_id where s.id = $1', schema_name)
    into v_object_name, v_record using share_id;
  if v_record is null then
    return false;
  end if;
  perform engine.shareable_object(caller, schema_name, v_object_name, v_record, 'UPDATE');
  execute format('delete from %I.record_shares where id = $1', schema_name) using share_id;
  return true;
end
$$;

create or replace function engine.shares_of_record(caller name, schema_name text, object_name text, record_id uuid)
returns table (share_id uuid, principal_kind text, principal_id uuid, principal_name text, access text, reason text, created_by_name text, created_at timestamptz)
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.shareable_object(caller, schema_name, object_name, record_id, 'READ');
begin
  return query execute format($sql$
      select s.id, s.principal_kind, s.principal_id, coalesce(m.name, t.name, r.name, ''), s.access, s.reason, s.created_by_name, s.created_at
      from %I.record_shares s
      left join core.members m on s.principal_kind = 'MEMBER' and m.id = s.principal_id
      left join metadata.teams t on s.principal_kind = 'TEAM' and t.id = s.principal_id
      left join metadata.roles r on s.principal_kind = 'ROLE' and r.id = s.principal_id
      where s.object_id = $1 and s.record_id = $2 order by s.created_at, s.id
    $sql$, schema_name) using v_object.id, record_id;
end
$$;

-- Reached only through the tenant's own functions, which name the caller.
grant execute on function engine.share_record(name, text, text, uuid, text, uuid, text, text), engine.unshare_record(name, text, uuid),
  engine.shares_of_record(name, text, text, uuid) to relvar_crm;
