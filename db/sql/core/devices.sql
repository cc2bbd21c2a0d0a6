-- A sign-in with a browser or program that the account has not been seen with is told to its owner.

-- A browser is known by a random cookie. A program, and a browser that comes back by a form of another site, brings none;
-- it is known by what it calls itself and by its address.
create or replace function core.note_device(
  user_id uuid, token_hash bytea, is_by_address boolean, workspace_id uuid, ip inet default null, user_agent text default null,
  device text default null, place text default null
) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_user core.users;
  v_agent text := left(coalesce(user_agent, ''), 500);
  v_is_first boolean;
begin
  update core.known_devices d set last_seen_at = now(), ip = note_device.ip, user_agent = v_agent
  where d.user_id = note_device.user_id
    and (d.token_hash = note_device.token_hash or note_device.is_by_address and d.ip = note_device.ip and d.user_agent = v_agent);
  if found then
    return false;
  end if;
  select * into strict v_user from core.users u where u.id = note_device.user_id for update;
  v_is_first := not exists (select from core.known_devices d where d.user_id = v_user.id);
  insert into core.known_devices (user_id, token_hash, user_agent, ip) values (v_user.id, note_device.token_hash, v_agent, note_device.ip)
  on conflict do nothing;
  delete from core.known_devices d where d.user_id = v_user.id
    and d.token_hash not in (select k.token_hash from core.known_devices k where k.user_id = v_user.id order by k.last_seen_at desc limit 100);
  -- Who has the password and no shame could fill the mailbox of the owner: five an hour say enough.
  if not v_is_first and core.is_email(v_user.email) and core.count_attempt('new sign-in ' || v_user.id, 5, '1 hour') then
    perform core.queue_mail(v_user.email, 'new_sign_in', jsonb_strip_nulls(jsonb_build_object('device', note_device.device, 'ipAddress', host(note_device.ip),
      'place', note_device.place, 'happenedAt', now())), note_device.workspace_id, v_user.locale);
  end if;
  return true;
end
$$;
comment on function core.note_device(uuid, bytea, boolean, uuid, inet, text, text, text) is
  'Remembers what a user signs in with, by the hash of the cookie that it has or gets, and says whether it is new. A new one that is not the first of all is told by mail. is_by_address: whether the same program at the same address is the same device.';

create or replace function core.forget_devices() returns void
language sql volatile security definer set search_path = ''
as $$ delete from core.known_devices d where d.last_seen_at < now() - interval '400 days' $$;
comment on function core.forget_devices() is 'Forgets devices that were not seen for longer than their cookie lives.';

grant execute on function core.note_device(uuid, bytea, boolean, uuid, inet, text, text, text) to relvar_server;
grant execute on function core.forget_devices(), core.forget_sessions() to relvar_worker;
