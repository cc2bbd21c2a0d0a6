-- The first steps in a workspace: which of them are done is read from what is there. Only who has put the list away is kept.

create or replace function metadata.load_sample_data() returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.own_workspace();
begin
  perform engine.assert_manages(v_workspace, 'WORKSPACE');
  return engine.put_samples(v_workspace);
end
$$;
comment on function metadata.load_sample_data() is
  'Puts the records of a small sales team into the workspace, to try it with. Says how many of what, and what was left out and why. Needs the permission WORKSPACE.';

create or replace function metadata.remove_sample_data(used text default 'ASK') returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.own_workspace();
begin
  perform engine.assert_manages(v_workspace, 'WORKSPACE');
  return engine.take_samples(v_workspace, used);
end
$$;
comment on function metadata.remove_sample_data(text) is
  'Takes the sample data out of the workspace, past the trash. used: what becomes of those that somebody has changed or tied own records to; ASK removes nothing then, KEEP leaves them as the workspace''s own, REMOVE takes them, too. Needs the permission WORKSPACE.';

create or replace function metadata.sample_data() returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.own_workspace();
begin
  perform engine.assert_manages(v_workspace, 'WORKSPACE');
  return jsonb_build_object(
    'count', (select count(*) from core.sample_records s where s.workspace_id = v_workspace),
    'used', (select count(distinct u.record_id) from engine.used_samples(v_workspace) u));
end
$$;
comment on function metadata.sample_data() is 'How many sample records the workspace has, and how many of them are in use: changed, commented, or tied to by own records. Needs the permission WORKSPACE.';

-- Whether members have put any record of their own into an object: samples are none.
create or replace function engine.has_own_records(workspace_id uuid) returns boolean
language plpgsql stable set search_path = ''
as $$
declare
  v_found boolean;
  r record;
begin
  for r in
    select w.schema_name, o.table_name from metadata.objects o join core.workspaces w on w.id = o.workspace_id
    where o.workspace_id = has_own_records.workspace_id and o.is_active and o.deleted_at is null and not o.is_system and o.table_name <> 'workspace_members'
    order by o.position
  loop
    execute format('select exists (select from %I.%I t where not exists (select from core.sample_records s where s.workspace_id = $1 and s.record_id = t.id))', r.schema_name, r.table_name)
      into v_found using has_own_records.workspace_id;
    if v_found then
      return true;
    end if;
  end loop;
  return false;
end
$$;

create or replace function metadata.onboarding() returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_member core.members;
  v_id uuid;
  v_keeps boolean := engine.may('WORKSPACE');
  v_profile jsonb := metadata.my_profile();
  v_samples boolean;
begin
  select * into v_member from core.members m where m.id = engine.person();
  if not found then
    return null;
  end if;
  v_id := v_member.workspace_id;
  if v_keeps and (select s.start_dismissed_at is not null from core.workspace_settings s where s.workspace_id = v_id) or not v_keeps and v_member.start_dismissed_at is not null then
    return jsonb_build_object('isDismissed', true, 'forWorkspace', v_keeps, 'steps', '[]'::jsonb);
  end if;
  v_samples := exists (select from core.sample_records s where s.workspace_id = v_id);
  return jsonb_build_object('isDismissed', false, 'forWorkspace', v_keeps, 'hasSamples', v_samples, 'steps', case when v_keeps then jsonb_build_array(
    jsonb_build_object('step', 'DATA', 'isDone', v_samples or engine.has_own_records(v_id)),
    jsonb_build_object('step', 'INVITE', 'isDone', (select count(*) > 1 from core.members m where m.workspace_id = v_id)
      or exists (select from core.invitations i where i.workspace_id = v_id)),
    jsonb_build_object('step', 'FIELD', 'isDone', exists (select from metadata.fields f
      where f.workspace_id = v_id and f.universal_identifier is null and not f.is_system and f.deleted_at is null)),
    jsonb_build_object('step', 'VIEW', 'isDone', exists (select from metadata.views v where v.workspace_id = v_id and v.universal_identifier is null)),
    jsonb_build_object('step', 'CONNECT', 'isDone', exists (select from core.api_keys k where k.workspace_id = v_id)
      or exists (select from core.database_logins l where l.workspace_id = v_id)))
  else jsonb_build_array(
    jsonb_build_object('step', 'PROFILE', 'isDone', v_profile ->> 'avatarUrl' is not null),
    jsonb_build_object('step', 'VIEW', 'isDone', exists (select from metadata.views v where v.workspace_id = v_id and v.owner_id = v_member.id)),
    jsonb_build_object('step', 'FAVOURITE', 'isDone', exists (select from metadata.favourites f where f.workspace_id = v_id and f.member_id = v_member.id)))
  end);
end
$$;
comment on function metadata.onboarding() is
  'The first steps of whoever asks, and which of them are done: those of the workspace for who keeps it, otherwise the member''s own. Null for who is no member.';

create or replace function metadata.dismiss_onboarding() returns void
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_member core.members := engine.own_member();
begin
  if engine.may('WORKSPACE') then
    update core.workspace_settings s set start_dismissed_at = now() where s.workspace_id = v_member.workspace_id;
  else
    update core.members m set start_dismissed_at = now() where m.id = v_member.id;
  end if;
end
$$;
comment on function metadata.dismiss_onboarding() is 'Puts the list of first steps away: that of the workspace for all who keep it, otherwise the member''s own.';

grant execute on function metadata.load_sample_data(), metadata.remove_sample_data(text), metadata.sample_data(), metadata.onboarding(), metadata.dismiss_onboarding() to relvar_crm;
