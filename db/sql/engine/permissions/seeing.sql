-- Seeing the workspace as a role or as another member does, to find out what they see. The session takes that role and
-- reads only; the settings that say so come from the server with each statement, as the member does. Nobody sees
-- more by it than without: where the other reads what one does not read oneself it is refused, and of private
-- objects only those records are shown that both may see.

-- The member who looks, where it is not the one whose view it is.
create or replace function engine.seen_by() returns uuid
language sql stable
  return case when engine.is_trusted_session() then nullif(current_setting('relvar.seen_by', true), '')::uuid end;
comment on function engine.seen_by() is 'The member who sees the workspace as another member or another role; null for who sees it as oneself.';

-- What belongs to a person, such as tokens and how to read, is that of the one who looks.
create or replace function engine.person() returns uuid
language sql stable
  return coalesce(engine.seen_by(), engine.current_member());

-- Whose private records are shown: nobody's own to who looks as somebody else, for shared_ids() tells of those that both see.
create or replace function engine.private_member() returns uuid
language sql stable
  return case when engine.seen_by() is null then engine.current_member() end;
grant execute on function engine.seen_by(), engine.private_member() to public;

-- Records of a private object that the other and who looks may both see.
create or replace function engine.find_seen_ids(caller name, object_id uuid) returns setof uuid
language plpgsql stable set search_path = ''
as $$
declare
  v_viewer uuid := engine.seen_by();
begin
  return query execute (
    select format('select t.id from %I.%I t where %s and %s', w.schema_name, o.table_name,
      engine.condition_of(caller, o.id, 'READ', 't.', engine.current_member()), engine.condition_of(r.pg_role, o.id, 'READ', 't.', v_viewer))
    from metadata.objects o
    join core.workspaces w on w.id = o.workspace_id
    join core.members m on m.id = v_viewer and m.workspace_id = o.workspace_id
    join metadata.roles r on r.id = m.role_id
    where o.id = find_seen_ids.object_id);
end
$$;

-- What a role may see or do that another may not, in words. Private objects do not count: there the records are those that both see.
create or replace function engine.sees_beyond(viewer name, target name) returns setof text
language sql stable set search_path = '' set jit = off
as $$
  with v as materialized (
    select engine.permissions_of(viewer) as p
  ), t as materialized (
    select engine.permissions_of(target) as p
  ), reads as materialized (
    select o.*, e.value as rights, v.p -> 'objects' -> e.key as own
    from t cross join v cross join lateral jsonb_each(t.p -> 'objects') e join metadata.objects o on o.id = e.key::uuid
    where (e.value ->> 'canRead')::boolean
  )
  select format('the permission "%s"', f.label)
  from t cross join v cross join engine.permission_flags() f
  where t.p -> 'flags' ? f.flag and not v.p -> 'flags' ? f.flag
  union all
  select case when not coalesce((r.own ->> 'canRead')::boolean, false) then r.label_plural else 'all ' || r.label_plural end
  from reads r
  where not coalesce((r.own ->> 'canRead')::boolean, false)
    or (r.own ->> 'isLimited')::boolean and not r.is_private
      -- The links of a role without a word of its own on them follow the two objects that they link.
      and not (r.is_junction and not exists (
        select from metadata.object_permissions p where p.object_id = r.id and p.role_id in (select engine.roles_of(target))))
  union all
  select format('the field "%s" of %s', f.label, r.label_plural)
  from reads r
  cross join lateral jsonb_array_elements_text(r.own -> 'unreadableFields') u
  join metadata.fields f on f.id = u::uuid
  where (r.own ->> 'canRead')::boolean and not r.rights -> 'unreadableFields' ? u
$$;

-- As what a session sees, for as long as its member may: asked whenever the session is looked up.
create or replace function core.resolve_seeing(session_id uuid)
returns table (seeing_pg_role text, seeing_role_id uuid, seeing_role_name text, seeing_member_id uuid, seeing_member_name text)
language sql stable security definer set search_path = ''
as $$
  select r.pg_role, r.id, r.name, t.id, t.name
  from core.sessions s
  join core.members v on v.user_id = s.user_id and v.workspace_id = s.workspace_id
  join metadata.roles vr on vr.id = v.role_id
  left join core.members t on t.id = s.seeing_member_id and t.is_active
  join metadata.roles r on r.id = coalesce(s.seeing_role_id, t.role_id)
  where s.id = resolve_seeing.session_id and s.impersonator_user_id is null
    and engine.role_may(vr.pg_role, 'ROLES') and not exists (select from engine.sees_beyond(vr.pg_role, r.pg_role))
$$;

create or replace function core.begin_seeing(session_id uuid, role_id uuid, member_id uuid) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_session core.sessions;
  v_viewer metadata.roles;
  v_target metadata.roles;
  v_beyond text[];
begin
  select * into v_session from core.sessions s where s.id = begin_seeing.session_id and s.revoked_at is null for update;
  select r.* into v_viewer from core.members m join metadata.roles r on r.id = m.role_id
  where m.user_id = v_session.user_id and m.workspace_id = v_session.workspace_id and m.is_active;
  if v_session.impersonator_user_id is not null or v_viewer.id is null or not engine.role_may(v_viewer.pg_role, 'ROLES') then
    raise exception 'Only who keeps the roles sees the workspace as others do.' using errcode = 'RV163', hint = 'Ask an administrator of the workspace.';
  end if;
  select r.* into v_target from metadata.roles r
  where r.workspace_id = v_session.workspace_id
    and r.id = coalesce(begin_seeing.role_id, (select m.role_id from core.members m where m.id = begin_seeing.member_id and m.workspace_id = v_session.workspace_id and m.is_active));
  if not found then
    raise exception 'There is no such role or active member.' using errcode = 'RV163', hint = 'Give the id of one or of the other.';
  end if;
  v_beyond := array(select engine.sees_beyond(v_viewer.pg_role, v_target.pg_role) order by 1);
  if v_beyond <> '{}' then
    raise exception 'The role "%" sees what yours does not: %.', v_target.name, array_to_string(v_beyond[:3], ', ') || case when cardinality(v_beyond) > 3 then ' and more' else '' end
      using errcode = 'RV164', detail = array_to_string(v_beyond, E'\n'), hint = 'Nobody sees more as another role than without. Ask somebody whose role sees all of it.';
  end if;
  update core.sessions s set seeing_role_id = case when begin_seeing.member_id is null then v_target.id end, seeing_member_id = begin_seeing.member_id where s.id = v_session.id;
  perform pg_notify('relvar_identity', json_build_object('session', v_session.id)::text);
end
$$;
comment on function core.begin_seeing(uuid, uuid, uuid) is 'Lets a session see its workspace as a role or as a member does, read only, until core.end_seeing.';

create or replace function core.end_seeing(session_id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
begin
  update core.sessions s set seeing_role_id = null, seeing_member_id = null
  where s.id = end_seeing.session_id and coalesce(s.seeing_role_id, s.seeing_member_id) is not null;
  if not found then
    return false;
  end if;
  perform pg_notify('relvar_identity', json_build_object('session', session_id)::text);
  return true;
end
$$;
comment on function core.end_seeing(uuid) is 'Lets a session see its workspace as its own member again. False when it did.';

grant execute on function core.resolve_seeing(uuid), core.begin_seeing(uuid, uuid, uuid), core.end_seeing(uuid) to relvar_server;
