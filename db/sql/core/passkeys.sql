-- Passkeys. The server verifies what authenticators sign; which key belongs to whom, and that a counter goes forward, is
-- held here.

create or replace function core.add_passkey(user_id uuid, credential_id bytea, public_key bytea, counter bigint, transports text[], name text, is_synced boolean) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_id uuid;
begin
  perform from core.users u where u.id = add_passkey.user_id for update;
  if (select count(*) from core.passkeys p where p.user_id = add_passkey.user_id) >= 20 then
    raise exception 'An account has at most 20 passkeys.' using errcode = 'RV166', hint = 'Remove one that you do not use any more.';
  end if;
  insert into core.passkeys (user_id, credential_id, public_key, counter, transports, name, is_synced)
  values (add_passkey.user_id, add_passkey.credential_id, add_passkey.public_key, add_passkey.counter, add_passkey.transports,
    coalesce(nullif(left(btrim(add_passkey.name), 100), ''), 'Passkey'), add_passkey.is_synced)
  returning id into v_id;
  return v_id;
exception when unique_violation then
  raise exception 'This passkey is registered already.' using errcode = 'RV167', hint = 'Use it to sign in, or remove it first.';
end
$$;

create or replace function core.passkeys_of(user_id uuid)
returns table (id uuid, credential_id bytea, transports text[], name text, is_synced boolean, created_at timestamptz, last_used_at timestamptz)
language sql stable security definer set search_path = ''
as $$
  select p.id, p.credential_id, p.transports, p.name, p.is_synced, p.created_at, p.last_used_at
  from core.passkeys p where p.user_id = passkeys_of.user_id order by p.created_at, p.id
$$;

create or replace function core.find_passkey(credential_id bytea) returns table (id uuid, user_id uuid, email text, public_key bytea)
language sql stable security definer set search_path = ''
as $$
  select p.id, p.user_id, u.email, p.public_key from core.passkeys p join core.users u on u.id = p.user_id
  where p.credential_id = find_passkey.credential_id and u.disabled_at is null
$$;

-- Authenticators that count never say the same number twice; those that do not count say 0 for ever.
create or replace function core.use_passkey(id uuid, counter bigint) returns boolean
language sql volatile security definer set search_path = ''
as $$
  with done as (
    update core.passkeys p set counter = use_passkey.counter, last_used_at = now()
    where p.id = use_passkey.id and (use_passkey.counter > p.counter or use_passkey.counter = 0 and p.counter = 0) returning 1
  )
  select exists (select from done)
$$;
comment on function core.use_passkey(uuid, bigint) is 'Notes the use of a passkey. False when its counter did not go forward, as that of a copy does not.';

create or replace function core.rename_passkey(user_id uuid, id uuid, name text) returns boolean
language sql volatile security definer set search_path = ''
as $$
  with done as (
    update core.passkeys p set name = coalesce(nullif(left(btrim(rename_passkey.name), 100), ''), p.name)
    where p.id = rename_passkey.id and p.user_id = rename_passkey.user_id returning 1
  )
  select exists (select from done)
$$;

create or replace function core.remove_passkey(user_id uuid, id uuid) returns text
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_name text;
begin
  delete from core.passkeys p where p.id = remove_passkey.id and p.user_id = remove_passkey.user_id returning p.name into v_name;
  perform core.forget_factors_left(remove_passkey.user_id);
  return v_name;
end
$$;
comment on function core.remove_passkey(uuid, uuid) is 'Removes a passkey of a user and returns its name; null when the user has no such one.';

-- A passkey says who somebody is, and not where they want to go: where they were last, unless they say.
create or replace function core.workspace_to_enter(user_id uuid, slug text default null) returns uuid
language sql stable security definer set search_path = ''
as $$
  select w.id from core.workspaces_of(workspace_to_enter.user_id) w
  where workspace_to_enter.slug is null or w.slug = workspace_to_enter.slug
  order by (select max(s.last_used_at) from core.sessions s
    where s.user_id = workspace_to_enter.user_id and s.workspace_id = w.id and s.impersonator_user_id is null) desc nulls last, w.name
  limit 1
$$;

grant execute on function core.add_passkey(uuid, bytea, bytea, bigint, text[], text, boolean), core.passkeys_of(uuid), core.find_passkey(bytea),
  core.use_passkey(uuid, bigint), core.rename_passkey(uuid, uuid, text), core.remove_passkey(uuid, uuid), core.workspace_to_enter(uuid, text) to relvar_server;
