-- What an account needs mails for: a forgotten password, a link to sign in, a proved or another
-- address. None of these says whether an address is known: what is not is passed over in silence.

create or replace function core.user_of(email text) returns core.users
language sql stable set search_path = ''
as $$ select u from core.users u where lower(u.email) = lower(btrim(user_of.email)) and u.disabled_at is null $$;

create or replace function core.request_password_reset(email text, ip inet default null, user_agent text default null) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_user core.users := core.user_of(email);
begin
  perform core.note_auth_event('PASSWORD_RESET_REQUESTED', null, v_user.id, lower(btrim(email)), ip, user_agent);
  if v_user.id is not null then
    perform core.queue_mail(v_user.email, 'reset_password',
      jsonb_build_object('token', core.issue_token('RESET_PASSWORD', v_user.email, v_user.id, '30 minutes')), null, v_user.locale);
  end if;
end
$$;

-- Ends all sessions, and all other links of that kind: whoever had asked for them is not trusted any more.
create or replace function core.reset_password(token text, password_hash text, ip inet default null, user_agent text default null) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_token core.one_time_tokens := core.use_token('RESET_PASSWORD', token);
  v_user core.users;
begin
  if v_token.id is null then
    return null;
  end if;
  -- Who reads the mailbox of an address has proved it; one that was changed meanwhile is not theirs any more.
  update core.users u set email_verified_at = coalesce(u.email_verified_at, now())
  where u.id = v_token.user_id and u.email = v_token.email and u.disabled_at is null returning u.* into v_user;
  if not found then
    return null;
  end if;
  perform core.set_password(v_user.id, reset_password.password_hash);
  update core.one_time_tokens t set used_at = now() where t.user_id = v_user.id and t.kind in ('RESET_PASSWORD', 'MAGIC_LINK') and t.used_at is null;
  perform core.note_auth_event('PASSWORD_RESET', null, v_user.id, v_user.email, ip, user_agent);
  perform core.tell_password_changed(v_user.id, ip, user_agent);
  return v_user.id;
end
$$;

create or replace function core.tell_password_changed(user_id uuid, ip inet default null, user_agent text default null) returns void
language sql volatile security definer set search_path = ''
as $$
  select core.queue_mail(u.email, 'password_changed',
    jsonb_build_object('userAgent', left(tell_password_changed.user_agent, 200), 'ipAddress', host(tell_password_changed.ip), 'happenedAt', now()), null, u.locale)
  from core.users u where u.id = tell_password_changed.user_id
$$;
comment on function core.tell_password_changed(uuid, inet, text) is 'Tells a user by mail that the password was changed.';

create or replace function core.request_magic_link(email text, workspace_slug text, next_path text, ip inet default null, user_agent text default null) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_user core.users := core.user_of(email);
begin
  perform core.note_auth_event('MAGIC_LINK_REQUESTED', null, v_user.id, lower(btrim(email)), ip, user_agent);
  if exists (select from core.magic_workspaces(v_user.id) w where w.slug = workspace_slug or workspace_slug is null) then
    perform core.queue_mail(v_user.email, 'magic_link', jsonb_build_object('token', core.issue_token('MAGIC_LINK', v_user.email, v_user.id, '15 minutes',
      payload => jsonb_strip_nulls(jsonb_build_object('workspace', workspace_slug, 'next', next_path)))),
      (select w.id from core.workspaces w where w.slug = workspace_slug), v_user.locale);
  end if;
end
$$;

-- Where a user may sign in by a link.
create or replace function core.magic_workspaces(user_id uuid) returns table (id uuid, slug text, name text)
language sql stable set search_path = ''
as $$
  select w.id, w.slug, w.name
  from core.members m join core.workspaces w on w.id = m.workspace_id left join core.joining j on j.workspace_id = w.id
  where m.user_id = magic_workspaces.user_id and m.is_active and coalesce(j.is_magic_link_on, true)
$$;

create or replace function core.look_at_magic_link(token text) returns table (user_id uuid, email text, next_path text, workspaces jsonb)
language sql stable security definer set search_path = ''
as $$
  select u.id, u.email, t.payload ->> 'next',
    coalesce((select jsonb_agg(jsonb_build_object('id', w.id, 'slug', w.slug, 'name', w.name) order by w.slug)
      from core.magic_workspaces(u.id) w where t.payload ->> 'workspace' is null or w.slug = t.payload ->> 'workspace'), '[]')
  from core.look_at_token('MAGIC_LINK', look_at_magic_link.token) t
  join core.users u on u.id = t.user_id and u.email = t.email and u.disabled_at is null
$$;

create or replace function core.use_magic_link(token text) returns uuid
language sql volatile security definer set search_path = ''
as $$
  update core.users u set email_verified_at = coalesce(u.email_verified_at, now())
  from core.use_token('MAGIC_LINK', use_magic_link.token) t
  where u.id = t.user_id and u.email = t.email and u.disabled_at is null
  returning u.id
$$;

create or replace function core.is_email_verified(user_id uuid) returns boolean
language sql stable security definer set search_path = ''
as $$ select coalesce((select u.email_verified_at is not null from core.users u where u.id = is_email_verified.user_id), false) $$;

create or replace function core.request_verification(user_id uuid, ip inet default null, user_agent text default null) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_user core.users;
begin
  select * into v_user from core.users u where u.id = request_verification.user_id and u.email_verified_at is null;
  if found then
    perform core.note_auth_event('EMAIL_VERIFICATION_REQUESTED', null, v_user.id, v_user.email, ip, user_agent);
    perform core.queue_mail(v_user.email, 'verify_email',
      jsonb_build_object('token', core.issue_token('VERIFY_EMAIL', v_user.email, v_user.id, '1 hour')), null, v_user.locale);
  end if;
end
$$;

create or replace function core.verify_email(token text, ip inet default null, user_agent text default null) returns text
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_token core.one_time_tokens := core.use_token('VERIFY_EMAIL', token);
  v_email text;
begin
  update core.users u set email_verified_at = coalesce(u.email_verified_at, now())
  where u.id = v_token.user_id and u.email = v_token.email and u.disabled_at is null returning u.email into v_email;
  if found then
    perform core.note_auth_event('EMAIL_VERIFIED', null, v_token.user_id, v_email, ip, user_agent);
  end if;
  return v_email;
end
$$;

-- The new address gets the link. One that belongs to somebody gets nothing, and the asker the same answer.
create or replace function core.request_email_change(user_id uuid, new_email text, ip inet default null, user_agent text default null) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_user core.users;
  v_email text := lower(btrim(new_email));
begin
  select * into strict v_user from core.users u where u.id = request_email_change.user_id;
  perform core.note_auth_event('EMAIL_CHANGE_REQUESTED', null, v_user.id, v_user.email, ip, user_agent, jsonb_build_object('newEmail', v_email));
  if not exists (select from core.users u where lower(u.email) = v_email) then
    perform core.queue_mail(v_email, 'change_email', jsonb_build_object('formerEmail', v_user.email, 'token',
      core.issue_token('CHANGE_EMAIL', v_email, v_user.id, '1 hour', payload => jsonb_build_object('formerEmail', v_user.email))), null, v_user.locale);
  end if;
end
$$;

create or replace function core.change_email(token text, ip inet default null, user_agent text default null) returns text
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_token core.one_time_tokens := core.use_token('CHANGE_EMAIL', token);
  v_former text := v_token.payload ->> 'formerEmail';
begin
  begin
    update core.users u set email = v_token.email, email_verified_at = now()
    where u.id = v_token.user_id and u.email = v_former and u.disabled_at is null;
  exception when unique_violation then
    -- Somebody made an account with the address meanwhile.
    return null;
  end;
  if v_token.id is null or not found then
    return null;
  end if;
  -- Links that went to the former address are for the account no more.
  update core.one_time_tokens t set used_at = now() where t.user_id = v_token.user_id and t.used_at is null;
  perform core.note_auth_event('EMAIL_CHANGED', null, v_token.user_id, v_token.email, ip, user_agent, jsonb_build_object('formerEmail', v_former));
  perform core.queue_mail(v_former, 'email_changed', jsonb_build_object('email', v_token.email, 'userAgent', left(user_agent, 200), 'ipAddress', host(ip), 'happenedAt', now()));
  return v_token.email;
end
$$;

grant execute on function core.request_password_reset(text, inet, text), core.reset_password(text, text, inet, text), core.tell_password_changed(uuid, inet, text),
  core.request_magic_link(text, text, text, inet, text), core.look_at_magic_link(text), core.use_magic_link(text), core.is_email_verified(uuid),
  core.request_verification(uuid, inet, text), core.verify_email(text, inet, text), core.request_email_change(uuid, text, inet, text),
  core.change_email(text, inet, text) to relvar_server;
