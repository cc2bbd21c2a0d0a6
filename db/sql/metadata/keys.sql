-- Keys of programs. Whoever may manage keys makes them with a role of their own; every member makes personal ones, which
-- act as the member. The secret is told once, by the function that makes it; what is kept is its hash.

-- The roles of requests are of one workspace each; an administrator in psql takes one first.
create or replace function engine.own_workspace() returns uuid
language plpgsql stable set search_path = ''
as $$
declare
  v_workspace uuid := engine.workspace_of_role(current_setting('role')::name);
begin
  if v_workspace is null then
    raise exception 'This is asked in a workspace.' using errcode = '42501', hint = 'In psql: select engine.become(''workspace'', ''member@example.com'').';
  end if;
  return v_workspace;
end
$$;
comment on function engine.own_workspace() is 'The workspace of the role that was taken; refuses where none was.';

create or replace function engine.make_key(role_id uuid, member_id uuid, name text, expires_at timestamptz, rate_limit int) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_workspace uuid := engine.own_workspace();
  -- Two random UUIDs are 244 random bits.
  v_secret text := case when member_id is null then 'rv_' else 'rvp_' end
    || rtrim(translate(encode(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()), 'base64'), '+/', '-_'), '=');
  v_id uuid;
begin
  -- A key would outlive the hour in which somebody acts as the member.
  if nullif(current_setting('relvar.impersonator_id', true), '') is not null then
    raise exception 'Keys are made by members themselves.' using errcode = '42501', hint = 'Return to yourself first.';
  end if;
  if btrim(coalesce(name, '')) = '' or length(name) > 100 then
    raise exception 'A key needs a name.' using errcode = 'RV120', column = 'name', hint = 'Say what it is for, in at most 100 letters.';
  end if;
  if expires_at <= now() then
    raise exception 'The key would have expired already.' using errcode = 'RV121', column = 'expiresAt', hint = 'Choose a later day, or none.';
  end if;
  insert into core.api_keys (workspace_id, role_id, member_id, name, prefix, token_hash, expires_at, rate_limit, created_by_name)
  values (v_workspace, make_key.role_id, make_key.member_id, btrim(name), left(v_secret, 8), sha256(v_secret::bytea), make_key.expires_at, make_key.rate_limit,
    (engine.current_actor()).name)
  returning id into v_id;
  perform core.note_auth_event('KEY_CREATED', v_workspace,
    (select m.user_id from core.members m where m.id = engine.current_member()), detail => jsonb_build_object('key', btrim(name), 'isPersonal', member_id is not null));
  return jsonb_build_object('id', v_id, 'secret', v_secret);
end
$$;
comment on function engine.make_key(uuid, uuid, text, timestamptz, int) is 'What makes keys of both kinds.';
revoke execute on function engine.make_key(uuid, uuid, text, timestamptz, int) from public;

create or replace function metadata.create_api_key(name text, role_id uuid, expires_at timestamptz default null, rate_limit int default null) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform engine.assert_manages(engine.own_workspace(), 'API_KEYS_AND_WEBHOOKS');
  if not exists (select from metadata.roles r where r.id = create_api_key.role_id and r.workspace_id = engine.own_workspace()) then
    raise exception 'The workspace has no such role.' using errcode = 'RV044', column = 'role', hint = 'Choose one of the roles of the workspace.';
  end if;
  -- Nobody makes a key that may do more than they may themselves, unless they could give themselves the role as well.
  if not engine.acts_as_administrator() and not engine.may('ROLES') and role_id not in (select engine.roles_of(current_setting('role')::name)) then
    raise exception 'Your role cannot give this role, which may do what yours may not.' using errcode = '42501', column = 'role', hint = 'Ask somebody who keeps the roles.';
  end if;
  if rate_limit not between 1 and 1000000 then
    raise exception 'A key may make 1 to 1,000,000 requests a minute.' using errcode = 'RV122', column = 'rateLimit', hint = 'Leave it empty for 600.';
  end if;
  return engine.make_key(role_id, null, name, expires_at, rate_limit);
end
$$;
comment on function metadata.create_api_key(text, uuid, timestamptz, int) is
  'Makes an API key with a role: {id, secret}. The secret is told only now. rateLimit: requests a minute, 600 unless given.';

create or replace function metadata.create_personal_token(name text, expires_at timestamptz default null) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_member uuid := engine.current_member();
begin
  -- A token would outlive what made it.
  perform engine.assert_in_person();
  if v_member is null or nullif(current_setting('relvar.impersonator_id', true), '') is not null then
    raise exception 'Only members themselves make personal tokens.' using errcode = '42501';
  end if;
  return engine.make_key(null, v_member, name, expires_at, null);
end
$$;
comment on function metadata.create_personal_token(text, timestamptz) is
  'Makes a personal access token, which acts as the calling member: {id, secret}. The secret is told only now.';

create or replace function engine.describe_key(k core.api_keys) returns jsonb
language sql stable set search_path = ''
as $$
  select jsonb_build_object('id', k.id, 'name', k.name, 'prefix', k.prefix, 'role', (select r.name from metadata.roles r where r.id = k.role_id),
    'memberName', (select m.name from core.members m where m.id = k.member_id), 'createdAt', k.created_at, 'createdByName', k.created_by_name,
    'expiresAt', k.expires_at, 'lastUsedAt', k.last_used_at, 'rateLimit', coalesce(k.rate_limit, 600))
$$;
comment on function engine.describe_key(core.api_keys) is 'A key as the screen shows it.';
revoke execute on function engine.describe_key(core.api_keys) from public;

create or replace function metadata.api_keys() returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
begin
  perform engine.assert_manages(engine.own_workspace(), 'API_KEYS_AND_WEBHOOKS');
  return (select coalesce(jsonb_agg(engine.describe_key(k) order by k.created_at desc), '[]') from core.api_keys k
    where k.workspace_id = engine.own_workspace() and k.revoked_at is null);
end
$$;
comment on function metadata.api_keys() is
  'The keys of the workspace that were not revoked, personal ones of members too: [{id, name, prefix, role, memberName, createdAt, createdByName, expiresAt, lastUsedAt, rateLimit}].';

create or replace function metadata.personal_tokens() returns jsonb
language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(engine.describe_key(k) order by k.created_at desc), '[]') from core.api_keys k
  where k.member_id = engine.person() and k.revoked_at is null
$$;
comment on function metadata.personal_tokens() is 'The personal access tokens of the calling member that were not revoked.';

create or replace function metadata.revoke_key(id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_key core.api_keys;
begin
  perform engine.assert_in_person();
  select * into v_key from core.api_keys k
  where k.id = revoke_key.id and k.workspace_id = engine.own_workspace() and k.revoked_at is null for update;
  -- A member's own; all others are for those who may manage keys.
  if v_key.member_id is null or v_key.member_id is distinct from engine.current_member() then
    perform engine.assert_manages(engine.own_workspace(), 'API_KEYS_AND_WEBHOOKS');
  end if;
  if v_key.id is null then
    return false;
  end if;
  update core.api_keys k set revoked_at = now() where k.id = v_key.id;
  perform core.note_auth_event('KEY_REVOKED', v_key.workspace_id,
    (select m.user_id from core.members m where m.id = engine.current_member()), detail => jsonb_build_object('key', v_key.name));
  perform pg_notify('relvar_identity', json_build_object('workspace', v_key.workspace_id)::text);
  return true;
end
$$;
comment on function metadata.revoke_key(uuid) is 'Ends an API key or a personal access token, on all servers within a moment. False when there is none such.';

create or replace function metadata.sign_in_events(max_results int default 100, before_id uuid default null) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
begin
  perform engine.assert_manages(engine.own_workspace(), 'SECURITY');
  return (select coalesce(jsonb_agg(to_jsonb(e) order by e.id desc), '[]') from (
    select e.id, e.kind, e.email, host(e.ip) as ip, e.user_agent as "userAgent", e.happened_at as "happenedAt", e.detail,
      (select m.name from core.members m where m.workspace_id = engine.own_workspace() and m.user_id = e.user_id) as "memberName"
    from core.auth_events e
    -- What failed before it was known for which workspace concerns those of which the account is a member.
    where (e.workspace_id = engine.own_workspace()
        or e.workspace_id is null and e.user_id in (select m.user_id from core.members m where m.workspace_id = engine.own_workspace()))
      and (before_id is null or e.id < before_id)
    order by e.id desc limit least(greatest(max_results, 1), 500)) e);
end
$$;
comment on function metadata.sign_in_events(int, uuid) is
  'The audit of sign-ins of the workspace, newest first: [{id, kind, email, memberName, ip, userAgent, happenedAt, detail}]. beforeId: the last id of the page before.';

revoke execute on function engine.own_workspace(), metadata.create_api_key(text, uuid, timestamptz, int), metadata.create_personal_token(text, timestamptz), metadata.api_keys(),
  metadata.personal_tokens(), metadata.revoke_key(uuid), metadata.sign_in_events(int, uuid) from public;
grant execute on function metadata.create_api_key(text, uuid, timestamptz, int), metadata.create_personal_token(text, timestamptz), metadata.api_keys(),
  metadata.personal_tokens(), metadata.revoke_key(uuid), metadata.sign_in_events(int, uuid) to relvar_crm;
