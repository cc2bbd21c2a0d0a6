-- The second factor: one-time passwords by time (RFC 6238). The server computes them, since the secret is sealed with a
-- key that the database does not have; what may be used once is decided here, by one statement each.

-- Asked of all members of the workspace, or of the member's role, which asks what the roles that it includes ask.
create or replace function core.is_second_factor_wanted(user_id uuid, workspace_id uuid) returns boolean
language sql stable set search_path = ''
as $$
  select coalesce((select w.is_mfa_enforced from core.workspace_settings w where w.workspace_id = is_second_factor_wanted.workspace_id), false)
    or exists (
      select from core.members m cross join lateral engine.role_closure(m.role_id) c join metadata.roles r on r.id = c
      where m.user_id = is_second_factor_wanted.user_id and m.workspace_id = is_second_factor_wanted.workspace_id and r.requires_second_factor)
$$;

create or replace function core.second_factor_of(user_id uuid, workspace_id uuid default null)
returns table (secret text, is_confirmed boolean, passkeys int, codes_left int, is_enforced boolean, trusted_device_days int)
language sql stable security definer set search_path = ''
as $$
  select t.secret, t.confirmed_at is not null,
    (select count(*)::int from core.passkeys p where p.user_id = u.id),
    (select count(*)::int from core.recovery_codes c where c.user_id = u.id and c.used_at is null),
    core.is_second_factor_wanted(u.id, second_factor_of.workspace_id),
    coalesce((select w.trusted_device_days from core.workspace_settings w where w.workspace_id = second_factor_of.workspace_id), 0)
  from core.users u left join core.totp t on t.user_id = u.id where u.id = second_factor_of.user_id
$$;
comment on function core.second_factor_of(uuid, uuid) is
  'The second factors of a user, and what the workspace asks: whether it wants one of this member, and for how many days a browser may be remembered.';

-- Setting it up again before it was confirmed replaces the secret; afterwards it must be turned off first.
create or replace function core.begin_second_factor(user_id uuid, secret text) returns boolean
language sql volatile security definer set search_path = ''
as $$
  with done as (
    insert into core.totp as t (user_id, secret) values (begin_second_factor.user_id, begin_second_factor.secret)
    on conflict (user_id) do update set secret = excluded.secret, last_step = 0 where t.confirmed_at is null
    returning 1
  )
  select exists (select from done)
$$;

-- A code that was used is not used again, nor is one that is older: a look over the shoulder is worth nothing.
create or replace function core.use_totp_step(user_id uuid, step bigint) returns boolean
language sql volatile security definer set search_path = ''
as $$
  with done as (
    update core.totp t set last_step = use_totp_step.step, confirmed_at = coalesce(t.confirmed_at, now())
    where t.user_id = use_totp_step.user_id and t.last_step < use_totp_step.step returning 1
  )
  select exists (select from done)
$$;
comment on function core.use_totp_step(uuid, bigint) is 'Uses up the code of a step of thirty seconds. False when it, or a later one, was used already. The first use confirms the setup.';

create or replace function core.replace_recovery_codes(user_id uuid, hashes bytea[]) returns void
language sql volatile security definer set search_path = ''
as $$
  delete from core.recovery_codes c where c.user_id = replace_recovery_codes.user_id;
  insert into core.recovery_codes (user_id, code_hash) select replace_recovery_codes.user_id, h from unnest(hashes) h;
$$;

create or replace function core.use_recovery_code(user_id uuid, code_hash bytea) returns boolean
language sql volatile security definer set search_path = ''
as $$
  with done as (
    update core.recovery_codes c set used_at = now()
    where c.user_id = use_recovery_code.user_id and c.code_hash = use_recovery_code.code_hash and c.used_at is null returning 1
  )
  select exists (select from done)
$$;

-- Codes and remembered browsers stand in for a second factor, and go with the last one.
create or replace function core.forget_factors_left(user_id uuid) returns void
language plpgsql volatile set search_path = ''
as $$
begin
  if exists (select from core.totp t where t.user_id = forget_factors_left.user_id and t.confirmed_at is not null)
    or exists (select from core.passkeys p where p.user_id = forget_factors_left.user_id) then
    return;
  end if;
  delete from core.recovery_codes c where c.user_id = forget_factors_left.user_id;
  delete from core.trusted_devices d where d.user_id = forget_factors_left.user_id;
end
$$;

create or replace function core.end_second_factor(user_id uuid) returns void
language sql volatile security definer set search_path = ''
as $$
  delete from core.totp t where t.user_id = end_second_factor.user_id;
  select core.forget_factors_left(end_second_factor.user_id);
$$;

create or replace function core.trust_device(user_id uuid, token_hash bytea, expires_at timestamptz) returns void
language sql volatile security definer set search_path = ''
as $$
  delete from core.trusted_devices d where d.user_id = trust_device.user_id and d.expires_at < now();
  insert into core.trusted_devices (token_hash, user_id, expires_at) values (trust_device.token_hash, trust_device.user_id, trust_device.expires_at);
$$;

create or replace function core.is_trusted_device(user_id uuid, token_hash bytea, workspace_id uuid) returns boolean
language sql stable security definer set search_path = ''
as $$
  select exists (select from core.trusted_devices d join core.workspace_settings w on w.workspace_id = is_trusted_device.workspace_id
    where d.user_id = is_trusted_device.user_id and d.token_hash = is_trusted_device.token_hash and d.expires_at > now()
      and d.created_at > now() - make_interval(days => w.trusted_device_days))
$$;
comment on function core.is_trusted_device(uuid, bytea, uuid) is 'Whether a browser need not prove the second factor in a workspace, which says for how long that may be.';

create or replace function core.note_session_mfa(session_id uuid) returns void
language sql volatile security definer set search_path = ''
as $$ update core.sessions s set mfa_at = now() where s.id = note_session_mfa.session_id $$;

create or replace function core.email_of(user_id uuid) returns text
language sql stable security definer set search_path = ''
as $$ select u.email from core.users u where u.id = email_of.user_id $$;

-- A password that others may have known was perhaps used to trust a device, too.
create or replace function core.tg_users__forget_devices() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  delete from core.trusted_devices d where d.user_id = new.id;
  return null;
end
$$;
drop trigger if exists _400_forget_devices on core.users;
create trigger _400_forget_devices after update of password_hash on core.users for each row execute function core.tg_users__forget_devices();

grant execute on function core.second_factor_of(uuid, uuid), core.begin_second_factor(uuid, text), core.use_totp_step(uuid, bigint), core.replace_recovery_codes(uuid, bytea[]),
  core.use_recovery_code(uuid, bytea), core.end_second_factor(uuid), core.trust_device(uuid, bytea, timestamptz), core.is_trusted_device(uuid, bytea, uuid),
  core.note_session_mfa(uuid), core.email_of(uuid) to relvar_server;
