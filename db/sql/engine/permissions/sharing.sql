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
