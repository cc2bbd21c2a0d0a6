-- Who may provision members, and what groups of the directory give.

-- A token makes members and puts them into groups, so it is for who may do both by hand.
create or replace function engine.assert_provisions() returns uuid
language plpgsql stable set search_path = ''
as $$
begin
  perform engine.assert_manages(engine.own_workspace(), 'SECURITY');
  return engine.assert_keeps_members();
end
$$;

create or replace function metadata.provisioning() returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.assert_provisions();
begin
  return jsonb_build_object(
    'tokens', (select coalesce(jsonb_agg(jsonb_build_object('id', t.id, 'name', t.name, 'prefix', t.prefix, 'createdAt', t.created_at, 'createdByName', t.created_by_name,
        'expiresAt', t.expires_at, 'lastUsedAt', t.last_used_at) order by t.created_at desc), '[]')
      from core.scim_tokens t where t.workspace_id = v_workspace and t.revoked_at is null),
    'groups', (select coalesce(jsonb_agg(jsonb_build_object('id', g.id, 'displayName', g.display_name, 'roleId', g.role_id, 'teamId', g.team_id, 'position', g.position,
        'members', (select count(*) from core.scim_group_members gm where gm.group_id = g.id)) order by g.position, g.created_at, g.id), '[]')
      from core.scim_groups g where g.workspace_id = v_workspace),
    'users', (select count(*) from core.scim_users s where s.workspace_id = v_workspace and s.user_name is not null),
    'domains', (select coalesce(jsonb_agg(d.domain order by d.domain), '[]') from core.approved_domains d where d.workspace_id = v_workspace and d.approved_at is not null));
end
$$;
comment on function metadata.provisioning() is
  'Provisioning by SCIM: {tokens: [{id, name, prefix, createdAt, createdByName, expiresAt, lastUsedAt}], groups: [{id, displayName, roleId, teamId, position, members}], users: how many a directory keeps, domains: for which it may make members}.';

create or replace function metadata.create_scim_token(name text, expires_at timestamptz default null) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_workspace uuid := engine.assert_provisions();
  v_secret text := 'rvs_' || rtrim(translate(encode(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()), 'base64'), '+/', '-_'), '=');
  v_id uuid;
begin
  if btrim(coalesce(create_scim_token.name, '')) = '' or length(create_scim_token.name) > 100 then
    raise exception 'A key needs a name.' using errcode = 'RV120', column = 'name', hint = 'Say what it is for, in at most 100 letters.';
  end if;
  if create_scim_token.expires_at <= now() then
    raise exception 'The key would have expired already.' using errcode = 'RV121', column = 'expiresAt', hint = 'Choose a later day, or none.';
  end if;
  if (select count(*) from core.scim_tokens t where t.workspace_id = v_workspace and t.revoked_at is null and (t.expires_at is null or t.expires_at > now())) >= 5 then
    raise exception 'A workspace has at most five tokens for provisioning.' using errcode = 'RV173', hint = 'Revoke one that is not used any more.';
  end if;
  -- Whoever has the token gives the roles of the groups.
  perform engine.assert_may_assign(v_workspace, g.role_id) from core.scim_groups g where g.workspace_id = v_workspace and g.role_id is not null;
  insert into core.scim_tokens (workspace_id, name, prefix, token_hash, expires_at, created_by_name)
  values (v_workspace, btrim(create_scim_token.name), left(v_secret, 9), sha256(v_secret::bytea), create_scim_token.expires_at, engine.actor_name())
  returning id into v_id;
  perform engine.note_security_change(jsonb_build_object('scimToken', btrim(create_scim_token.name)));
  return jsonb_build_object('id', v_id, 'secret', v_secret);
end
$$;
comment on function metadata.create_scim_token(text, timestamptz) is
  'Makes a token with which a directory provisions members at /scim/v2: {id, secret}. The secret is told only now. For who keeps security and members and could give the roles that groups are mapped to.';

create or replace function metadata.revoke_scim_token(id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.assert_provisions();
  v_name text;
begin
  update core.scim_tokens t set revoked_at = now() where t.id = revoke_scim_token.id and t.workspace_id = v_workspace and t.revoked_at is null returning t.name into v_name;
  if not found then
    return false;
  end if;
  perform engine.note_security_change(jsonb_build_object('scimTokenRevoked', v_name));
  return true;
end
$$;
comment on function metadata.revoke_scim_token(uuid) is 'Ends a token for provisioning at once. False when there is none such. Members that came by it stay.';

create or replace function metadata.map_scim_group(id uuid, role_id uuid default null, team_id uuid default null, "position" int default 0) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_workspace uuid := engine.assert_provisions();
  v_group core.scim_groups;
  v_members uuid[];
begin
  perform core.lock_scim(v_workspace);
  v_group := core.scim_group_row(v_workspace, map_scim_group.id);
  if map_scim_group.role_id is distinct from v_group.role_id then
    perform engine.assert_may_assign(v_workspace, r) from unnest(array_remove(array[map_scim_group.role_id, v_group.role_id], null)) r;
  end if;
  if map_scim_group.team_id is not null and not exists (select from metadata.teams t where t.id = map_scim_group.team_id and t.workspace_id = v_workspace) then
    raise exception 'There is no such team.' using errcode = 'RV169', column = 'teamId', hint = 'metadata.teams lists them.';
  end if;
  update core.scim_groups g set role_id = map_scim_group.role_id, team_id = map_scim_group.team_id, position = coalesce(map_scim_group."position", 0), updated_at = now()
  where g.id = v_group.id;
  v_members := array(select gm.member_id from core.scim_group_members gm where gm.group_id = v_group.id);
  if map_scim_group.team_id is distinct from v_group.team_id then
    perform core.apply_scim_team(v_group.team_id, '{}', v_members), core.apply_scim_team(map_scim_group.team_id, v_members, '{}');
  end if;
  perform core.apply_scim_roles(v_workspace, v_members, engine.actor_name());
  perform engine.note_security_change(jsonb_build_object('scimGroup', v_group.display_name, 'roleId', map_scim_group.role_id, 'teamId', map_scim_group.team_id));
  return metadata.provisioning();
end
$$;
comment on function metadata.map_scim_group(uuid, uuid, uuid, int) is
  'What a group of the directory gives its members: a role, a team, both or nothing. Of several groups with a role the one with the lowest position counts. Holds for those who are in it at once.';

create or replace function metadata.remove_scim_group(id uuid) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.assert_provisions();
  v_role uuid := (core.scim_group_row(v_workspace, remove_scim_group.id)).role_id;
begin
  if v_role is not null then
    perform engine.assert_may_assign(v_workspace, v_role);
  end if;
  perform core.delete_scim_group(v_workspace, remove_scim_group.id, engine.actor_name());
  return metadata.provisioning();
end
$$;
comment on function metadata.remove_scim_group(uuid) is 'Forgets a group of the directory, with what it gives. The directory may make it again.';

revoke execute on function metadata.provisioning(), metadata.create_scim_token(text, timestamptz), metadata.revoke_scim_token(uuid),
  metadata.map_scim_group(uuid, uuid, uuid, int), metadata.remove_scim_group(uuid) from public;
grant execute on function metadata.provisioning(), metadata.create_scim_token(text, timestamptz), metadata.revoke_scim_token(uuid),
  metadata.map_scim_group(uuid, uuid, uuid, int), metadata.remove_scim_group(uuid) to relvar_crm;
