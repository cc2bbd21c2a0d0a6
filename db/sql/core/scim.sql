-- Provisioning by SCIM 2.0 (RFC 7643, 7644): a directory says who is a member and in which groups. What it may say ends with
-- the membership: an account belongs to its owner, and a role is given by what an administrator has mapped a group to.

create or replace function core.resolve_scim_token(token_hash bytea) returns table (id uuid, workspace_id uuid, name text)
language sql volatile security definer set search_path = ''
as $$
  update core.scim_tokens t set last_used_at = now()
  where t.token_hash = resolve_scim_token.token_hash and (t.last_used_at is null or t.last_used_at < now() - interval '1 minute');
  select t.id, t.workspace_id, t.name from core.scim_tokens t
  where t.token_hash = resolve_scim_token.token_hash and t.revoked_at is null and (t.expires_at is null or t.expires_at > now())
$$;

-- Directories send many requests at once, and each change reads before it writes.
create or replace function core.lock_scim(workspace_id uuid) returns void
language sql volatile security definer set search_path = ''
as $$ select pg_advisory_xact_lock(hashtextextended('relvar.scim.' || lock_scim.workspace_id, 0)) $$;

-- The values at a path of a resource: names are found in any case, lists are gone through.
create or replace function core.scim_values(resource jsonb, path text[]) returns setof jsonb
language plpgsql immutable set search_path = ''
as $$
declare
  v_each jsonb;
begin
  if jsonb_typeof(resource) = 'array' then
    for v_each in select e from jsonb_array_elements(resource) e loop
      return query select * from core.scim_values(v_each, path);
    end loop;
  elsif cardinality(path) = 0 then
    -- A list of objects is compared by what each is for.
    if jsonb_typeof(resource) = 'object' then
      return query select resource -> 'value' where resource ? 'value';
    elsif resource is not null and resource <> 'null' then
      return next resource;
    end if;
  elsif jsonb_typeof(resource) = 'object' then
    for v_each in select e.value from jsonb_each(resource) e where lower(e.key) = lower(path[1]) loop
      return query select * from core.scim_values(v_each, path[2:]);
    end loop;
  end if;
end
$$;

create or replace function core.scim_compares(value jsonb, op text, wanted jsonb, is_exact boolean, is_time boolean) returns boolean
language plpgsql immutable set search_path = ''
as $$
declare
  v_value text := case when is_exact then value #>> '{}' else lower(value #>> '{}') end;
  v_wanted text := case when is_exact then wanted #>> '{}' else lower(wanted #>> '{}') end;
begin
  if op in ('gt', 'ge', 'lt', 'le') and is_time then
    return case op when 'gt' then v_value::timestamptz > v_wanted::timestamptz when 'ge' then v_value::timestamptz >= v_wanted::timestamptz
      when 'lt' then v_value::timestamptz < v_wanted::timestamptz else v_value::timestamptz <= v_wanted::timestamptz end;
  end if;
  return case op when 'eq' then v_value = v_wanted when 'co' then strpos(v_value, v_wanted) > 0 when 'sw' then starts_with(v_value, v_wanted)
    when 'ew' then right(v_value, length(v_wanted)) = v_wanted when 'gt' then v_value > v_wanted when 'ge' then v_value >= v_wanted
    when 'lt' then v_value < v_wanted when 'le' then v_value <= v_wanted end;
exception when invalid_datetime_format or datetime_field_overflow then
  return false;
end
$$;

-- A filter is data to this function, never a part of a statement.
create or replace function core.scim_matches(resource jsonb, filter jsonb) returns boolean
language plpgsql immutable set search_path = ''
as $$
declare
  v_op text := filter ->> 'op';
  v_path text[] := string_to_array(filter ->> 'attrPath', '.');
  v_wanted jsonb := filter -> 'compValue';
  v_is_exact boolean := lower(filter ->> 'attrPath') in ('id', 'externalid', 'meta.version');
  v_is_time boolean := lower(filter ->> 'attrPath') in ('meta.created', 'meta.lastmodified');
begin
  case v_op
    when 'and' then return not exists (select from jsonb_array_elements(filter -> 'filters') f where core.scim_matches(resource, f) is not true);
    when 'or' then return exists (select from jsonb_array_elements(filter -> 'filters') f where core.scim_matches(resource, f));
    when 'not' then return core.scim_matches(resource, filter -> 'filter') is not true;
    when '[]' then
      return exists (select from jsonb_each(resource) e cross join lateral jsonb_array_elements(case when jsonb_typeof(e.value) = 'array' then e.value else jsonb_build_array(e.value) end) v
        where lower(e.key) = lower(filter ->> 'attrPath') and core.scim_matches(v, filter -> 'valFilter'));
    when 'pr' then return exists (select from core.scim_values(resource, v_path) v where v not in ('""', '[]'));
    else
      if v_wanted = 'null' then
        return (v_op = 'ne') = exists (select from core.scim_values(resource, v_path));
      elsif v_op = 'ne' then
        return not exists (select from core.scim_values(resource, v_path) v where core.scim_compares(v, 'eq', v_wanted, v_is_exact, v_is_time));
      end if;
      return exists (select from core.scim_values(resource, v_path) v where core.scim_compares(v, v_op, v_wanted, v_is_exact, v_is_time));
  end case;
end
$$;
comment on function core.scim_matches(jsonb, jsonb) is 'Whether a resource fulfils a filter of RFC 7644, parsed: {op, attrPath, compValue}, {op: and|or, filters}, {op: not, filter}, {op: [], attrPath, valFilter}.';

create or replace function core.with_scim_version(resource jsonb) returns jsonb
language sql immutable set search_path = ''
  return jsonb_set(resource, '{meta,version}', to_jsonb('W/"' || left(md5(resource::text), 20) || '"'));

create or replace function core.scim_time(moment timestamptz) returns text
language sql stable set search_path = ''
  return to_char(moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');

-- A member as a directory sees it. Members whom no directory has made are there, too, so that it finds and adopts them.
create or replace function core.scim_user(member core.members) returns jsonb
language sql stable set search_path = ''
as $$
  select core.with_scim_version(jsonb_strip_nulls(jsonb_build_object(
    'schemas', jsonb_build_array('urn:ietf:params:scim:schemas:core:2.0:User'),
    'id', (member).id, 'externalId', s.external_id, 'userName', coalesce(s.user_name, u.email), 'displayName', (member).name,
    'name', jsonb_build_object('formatted', (member).name, 'givenName', core.first_name((member).name), 'familyName', core.last_name((member).name)),
    'emails', coalesce(s.emails, jsonb_build_array(jsonb_build_object('value', u.email, 'type', 'work', 'primary', true))),
    'active', (member).is_active,
    'groups', (select coalesce(jsonb_agg(jsonb_build_object('value', g.id, 'display', g.display_name) order by g.display_name), '[]')
      from core.scim_group_members gm join core.scim_groups g on g.id = gm.group_id where gm.member_id = (member).id),
    'meta', jsonb_build_object('resourceType', 'User', 'created', core.scim_time((member).created_at),
      'lastModified', core.scim_time(greatest((member).created_at, s.updated_at))))))
  from core.users u left join core.scim_users s on s.member_id = (member).id where u.id = (member).user_id
$$;

create or replace function core.scim_member(workspace_id uuid, id uuid) returns core.members
language plpgsql stable set search_path = ''
as $$
declare
  v_member core.members;
begin
  select * into v_member from core.members m where m.id = scim_member.id and m.workspace_id = scim_member.workspace_id;
  if not found then
    raise exception 'There is no such user.' using errcode = 'RV172';
  end if;
  return v_member;
end
$$;

create or replace function core.get_scim_user(workspace_id uuid, id uuid) returns jsonb
language sql stable security definer set search_path = ''
as $$ select core.scim_user(core.scim_member(get_scim_user.workspace_id, get_scim_user.id)) $$;

-- The address by which a resource names its account.
create or replace function core.scim_email(resource jsonb) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_email text;
begin
  select lower(btrim(e ->> 'value')) into v_email
  from jsonb_array_elements(case when jsonb_typeof(resource -> 'emails') = 'array' then resource -> 'emails' else '[]' end) with ordinality as l (e, n)
  where e ->> 'value' <> '' order by coalesce(e ->> 'primary', '') = 'true' desc, n limit 1;
  v_email := coalesce(v_email, lower(btrim(resource ->> 'userName')));
  if core.is_email(v_email) is not true then
    raise exception 'A user needs an e-mail address: in emails, or as userName.' using errcode = 'RV169', column = 'emails';
  end if;
  return v_email;
end
$$;

create or replace function core.scim_name(resource jsonb) returns text
language sql immutable set search_path = ''
as $$
  select left(coalesce(nullif(btrim(concat_ws(' ', nullif(btrim(resource #>> '{name,givenName}'), ''), nullif(btrim(resource #>> '{name,familyName}'), ''))), ''),
    nullif(btrim(resource ->> 'displayName'), ''), nullif(btrim(resource #>> '{name,formatted}'), '')), 200)
$$;

create or replace function core.is_domain_proved(workspace_id uuid, email text) returns boolean
language sql stable set search_path = ''
as $$
  select exists (select from core.approved_domains d
    where d.workspace_id = is_domain_proved.workspace_id and d.domain = core.domain_of(is_domain_proved.email) and d.approved_at is not null)
$$;

create or replace function core.note_scim(kind text, member core.members, token_name text, detail jsonb default '{}') returns void
language sql volatile set search_path = ''
as $$
  select core.note_auth_event(note_scim.kind, (member).workspace_id, (member).user_id,
    detail => note_scim.detail || jsonb_build_object('memberId', (member).id, 'by', 'SCIM: ' || token_name))
$$;

-- Somebody must always be able to let people in again; told here, in words, before the constraint of core.members tells it.
create or replace function core.assert_not_last_administrator(member core.members) returns void
language plpgsql stable set search_path = ''
as $$
begin
  if exists (select from metadata.roles r where r.id = (member).role_id and r.is_system and r.has_all_permissions) and (member).is_active
    and not exists (select from core.members m where m.workspace_id = (member).workspace_id and m.role_id = (member).role_id and m.is_active and m.id <> (member).id) then
    raise exception 'The last administrator of a workspace stays one.' using errcode = 'RV171', hint = 'Make another member an administrator first.';
  end if;
end
$$;

create or replace function core.set_scim_active(member core.members, is_active boolean, token_name text) returns void
language plpgsql volatile set search_path = ''
as $$
begin
  if (member).is_active = is_active then
    return;
  end if;
  if not is_active then
    perform core.assert_not_last_administrator(member);
  end if;
  update core.members m set is_active = set_scim_active.is_active where m.id = (member).id;
  if not is_active then
    perform core.revoke_session(s.id, 'MEMBER_DEACTIVATED') from core.sessions s
    where s.user_id = (member).user_id and s.workspace_id = (member).workspace_id and s.revoked_at is null;
  end if;
  perform core.note_scim(case when is_active then 'MEMBER_REACTIVATED' else 'MEMBER_DEACTIVATED' end, member, token_name);
end
$$;

create or replace function core.create_scim_user(workspace_id uuid, resource jsonb, token_name text) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_email text := core.scim_email(resource);
  v_name text := coalesce(core.scim_name(resource), split_part(v_email, '@', 1));
  v_user core.users;
  v_id uuid;
  v_member core.members;
begin
  perform core.lock_scim(workspace_id);
  if exists (select from core.members m join core.users u on u.id = m.user_id left join core.scim_users s on s.member_id = m.id
      where m.workspace_id = create_scim_user.workspace_id
        and (lower(u.email) = v_email or lower(coalesce(s.user_name, u.email)) = lower(btrim(resource ->> 'userName')))) then
    raise exception 'There is a user with this name or address already.' using errcode = 'RV168', hint = 'Find it by userName, and change that one.';
  end if;
  -- The same for an address that has an account and for one that has none: nobody learns which it is.
  if not core.is_domain_proved(workspace_id, v_email) then
    raise exception 'The workspace has not proved that % is its domain.', core.domain_of(v_email) using errcode = 'RV170',
      hint = 'An administrator asks for the approval of the domain under Members. Or invite the person there.';
  end if;
  select * into v_user from core.users u where lower(u.email) = v_email for update;
  if v_user.disabled_at is not null then
    raise exception 'This account has been disabled.' using errcode = 'RV111', hint = 'Ask the administrator of this server.';
  end if;
  if v_user.id is null then
    insert into core.users (email, name) values (v_email, v_name) returning * into v_user;
  end if;
  v_id := core.join_workspace(workspace_id, v_user.id, core.default_role(workspace_id), v_name);
  v_member := core.scim_member(workspace_id, v_id);
  insert into core.scim_users (member_id, workspace_id) values (v_member.id, v_member.workspace_id);
  update core.invitations i set accepted_at = now()
  where i.workspace_id = v_member.workspace_id and lower(i.email) = v_email and i.accepted_at is null and i.revoked_at is null;
  perform core.note_scim('MEMBER_JOINED', v_member, token_name);
  return core.save_scim_user(workspace_id, v_member.id, resource, token_name);
end
$$;

create or replace function core.save_scim_user(workspace_id uuid, id uuid, resource jsonb, token_name text) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_member core.members;
  v_user core.users;
  v_user_name text := btrim(resource ->> 'userName');
  v_email text := core.scim_email(resource);
  v_name text := core.scim_name(resource);
begin
  perform core.lock_scim(workspace_id);
  v_member := core.scim_member(workspace_id, id);
  select * into strict v_user from core.users u where u.id = v_member.user_id;
  if coalesce(v_user_name, '') = '' or length(v_user_name) > 254 or length(resource ->> 'externalId') > 500 or length(resource ->> 'emails') > 4000 then
    raise exception 'A user needs a userName of at most 254 letters.' using errcode = 'RV169', column = 'userName';
  end if;
  if exists (select from core.members m join core.users u on u.id = m.user_id left join core.scim_users s on s.member_id = m.id
      where m.workspace_id = v_member.workspace_id and m.id <> v_member.id and lower(coalesce(s.user_name, u.email)) = lower(v_user_name)) then
    raise exception 'There is a user with this name or address already.' using errcode = 'RV168', hint = 'Find it by userName, and change that one.';
  end if;
  insert into core.scim_users as s (member_id, workspace_id, user_name, external_id, emails)
  values (v_member.id, v_member.workspace_id, v_user_name, resource ->> 'externalId', resource -> 'emails')
  on conflict (member_id) do update set user_name = excluded.user_name, external_id = excluded.external_id, emails = excluded.emails, updated_at = now();
  -- An address is how accounts are got back, so it is changed for the workspace's own accounts alone, within its own domains.
  -- Of all others the directory may say what it likes; the answer is the same.
  if v_email <> lower(v_user.email) and core.is_account_of(v_user.id, v_member.workspace_id)
    and core.is_domain_proved(v_member.workspace_id, v_user.email) and core.is_domain_proved(v_member.workspace_id, v_email)
    and not exists (select from core.users u where lower(u.email) = v_email) then
    update core.users u set email = v_email where u.id = v_user.id;
    perform core.note_scim('EMAIL_CHANGED', v_member, token_name, jsonb_build_object('formerEmail', v_user.email));
  end if;
  if v_name is not null and v_name <> v_member.name then
    update core.members m set name = v_name where m.id = v_member.id;
  end if;
  if jsonb_typeof(resource -> 'active') = 'boolean' then
    perform core.set_scim_active(v_member, (resource -> 'active')::boolean, token_name);
  end if;
  return core.get_scim_user(workspace_id, v_member.id);
end
$$;

create or replace function core.delete_scim_user(workspace_id uuid, id uuid, token_name text) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_member core.members;
begin
  perform core.lock_scim(workspace_id);
  v_member := core.scim_member(workspace_id, id);
  perform core.assert_not_last_administrator(v_member);
  perform core.revoke_session(s.id, 'MEMBER_REMOVED') from core.sessions s
  where s.user_id = v_member.user_id and s.workspace_id = v_member.workspace_id and s.revoked_at is null;
  delete from core.members m where m.id = v_member.id;
  execute format('delete from %I.workspace_members where id = $1', (select w.schema_name from core.workspaces w where w.id = v_member.workspace_id)) using v_member.id;
  perform core.note_scim('MEMBER_REMOVED', v_member, token_name);
end
$$;

grant execute on function core.resolve_scim_token(bytea), core.lock_scim(uuid), core.get_scim_user(uuid, uuid),
  core.create_scim_user(uuid, jsonb, text), core.save_scim_user(uuid, uuid, jsonb, text), core.delete_scim_user(uuid, uuid, text) to relvar_server;
