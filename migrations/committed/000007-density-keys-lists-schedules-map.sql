--! Previous: sha1:fbd93ed9491f2d4e1211b9d42385a077f49220f6
--! Hash: sha1:0b724e04bb1ba5365ef5f395d472fe4c51c4dfc0
--! Message: density-keys-lists-schedules-map

-- ── how close lines stand ─────────────────────────────────────────────────────────────────────
alter table core.members add column if not exists density text not null default 'COMFORTABLE';
alter table core.members drop constraint if exists members_density_check;
alter table core.members add constraint members_density_check check (density in ('COMPACT', 'COMFORTABLE', 'SPACIOUS'));
comment on column core.members.density is 'How close lines stand in the screens of the member.';
-- ── keys of one's own ──────────────────────────────────────────────────────────────────────────
alter table core.members add column if not exists shortcuts jsonb not null default '{}';
comment on column core.members.shortcuts is 'The keys that the member presses for shortcuts of the screen, where they are others than the usual ones.';
-- It takes a further argument.
drop function if exists metadata.update_my_profile(text, text, text, text, text, text, text, text);
--! Included metadata/profile.sql
-- What members say of themselves. Their role need not let them change records of members: these
-- functions write to the caller's own record, and only what is theirs to say.

create or replace function engine.own_member() returns core.members
language plpgsql stable set search_path = ''
as $$
declare
  v_member core.members;
begin
  select * into v_member from core.members m where m.id = engine.current_member();
  if not found then
    raise exception 'Only a member has a profile.' using errcode = '42501', hint = 'Sign in as a member.';
  end if;
  return v_member;
end
$$;

create or replace function engine.assert_may_name_oneself() returns void
language plpgsql stable set search_path = ''
as $$
begin
  if not engine.may('PROFILE_INFORMATION') then
    raise exception 'Your role may not change your name and picture.' using errcode = '42501', hint = 'Ask an administrator of the workspace.';
  end if;
end
$$;

create or replace function metadata.my_profile() returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_member core.members;
  v_profile jsonb;
begin
  select * into v_member from core.members m where m.id = engine.person();
  if not found then
    return null;
  end if;
  execute format('select jsonb_build_object(''firstName'', coalesce(t.name_first_name, ''''), ''lastName'', coalesce(t.name_last_name, ''''), ''avatarUrl'', t.avatar_url,
      ''colorScheme'', t.color_scheme, ''dateFormat'', t.date_format, ''timeFormat'', t.time_format, ''numberFormat'', t.number_format,
      ''locale'', coalesce(t.locale, ''en''), ''timeZone'', coalesce(t.time_zone, ''system''))
    from %I.workspace_members t where t.id = $1', (select w.schema_name from core.workspaces w where w.id = v_member.workspace_id))
    into v_profile using v_member.id;
  return v_profile || jsonb_build_object('memberId', v_member.id, 'shortcuts', v_member.shortcuts, 'density', v_member.density, 'keepsMembers', engine.keeps_members(), 'administersInstance', engine.administers_instance(), 'email', (select u.email from core.users u where u.id = v_member.user_id),
    -- The browser of who acts as somebody else says nothing of that one.
    'isSettled', v_member.settled_at is not null or nullif(current_setting('relvar.impersonator_id', true), '') is not null);
end
$$;
comment on function metadata.my_profile() is
  'Name, picture, language, time zone, formats and shortcuts of the member who asks; null for who is no member. isSettled: whether the language and the time zone were taken from a browser once.';

-- "system" is whatever the device says.
create or replace function engine.is_time_zone(name text) returns boolean
language sql stable set search_path = ''
  return name = 'system' or exists (select from pg_catalog.pg_timezone_names z where z.name = is_time_zone.name);

-- BCP 47: a language, perhaps a script, a region and variants.
create or replace function engine.is_locale(name text) returns boolean
language sql immutable parallel safe set search_path = ''
  return name ~ '^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}$';

create or replace function metadata.update_my_profile(first_name text default null, last_name text default null, color_scheme text default null,
  date_format text default null, time_format text default null, number_format text default null, locale text default null, time_zone text default null, density text default null) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_member core.members := engine.own_member();
begin
  if first_name is not null or last_name is not null then
    perform engine.assert_may_name_oneself();
  end if;
  if not engine.is_time_zone(time_zone) then
    raise exception '"%" is not a time zone.', time_zone using errcode = 'RV160', column = 'time_zone',
      hint = 'Give a name such as Europe/Berlin, or "system" for that of the device. select name from pg_timezone_names lists them.';
  end if;
  if not engine.is_locale(locale) then
    raise exception '"%" is not a language.', locale using errcode = 'RV161', column = 'locale', hint = 'Give a tag such as en, en-GB or de-AT.';
  end if;
  execute format('update %I.workspace_members t set
      name_first_name = coalesce($2, t.name_first_name), name_last_name = coalesce($3, t.name_last_name), color_scheme = coalesce($4, t.color_scheme),
      date_format = coalesce($5, t.date_format), time_format = coalesce($6, t.time_format), number_format = coalesce($7, t.number_format),
      locale = coalesce($8, t.locale), time_zone = coalesce($9, t.time_zone)
    where t.id = $1', (select w.schema_name from core.workspaces w where w.id = v_member.workspace_id))
    using v_member.id, left(btrim(first_name), 100), left(btrim(last_name), 100), color_scheme, date_format, time_format, number_format, locale, time_zone;
  -- How close lines stand concerns nobody who looks at the record of a member.
  update core.members m set density = update_my_profile.density where m.id = v_member.id and update_my_profile.density is not null;
  -- Mails are of the account.
  update core.users u set locale = update_my_profile.locale where u.id = v_member.user_id and update_my_profile.locale is not null;
  return metadata.my_profile();
end
$$;
comment on function metadata.update_my_profile(text, text, text, text, text, text, text, text, text) is
  'Changes what is given of the caller''s own profile, and leaves the rest. locale: such as en-GB; timeZone: such as Europe/Berlin, or "system"; density: COMPACT, COMFORTABLE or SPACIOUS.';

-- At the first sign-in, and once: what the browser says, where the member has said nothing.
create or replace function metadata.settle_my_profile(locale text, time_zone text) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_member core.members := engine.own_member();
  v_profile jsonb := metadata.my_profile();
begin
  if (v_profile ->> 'isSettled')::boolean then
    return v_profile;
  end if;
  update core.members m set settled_at = now() where m.id = v_member.id;
  -- A browser may know zones that this server does not.
  return metadata.update_my_profile(locale => case when v_profile ->> 'locale' = 'en' and engine.is_locale(settle_my_profile.locale) then settle_my_profile.locale end,
    time_zone => case when v_profile ->> 'timeZone' = 'system' and engine.is_time_zone(settle_my_profile.time_zone) then settle_my_profile.time_zone end);
end
$$;
comment on function metadata.settle_my_profile(text, text) is
  'Takes the language and the time zone of the caller''s browser for the profile, once, unless they were chosen already.';

-- Which keys do what is the screen's to say; here no two do the same, and it stays small.
create or replace function metadata.set_my_shortcuts(shortcuts jsonb) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_member core.members := engine.own_member();
  v_keys text;
begin
  if jsonb_typeof(set_my_shortcuts.shortcuts) is distinct from 'object' or length(set_my_shortcuts.shortcuts::text) > 5000
    or exists (select from jsonb_each(set_my_shortcuts.shortcuts) s where jsonb_typeof(s.value) <> 'string' or length(s.value #>> '{}') > 40) then
    raise exception 'Shortcuts are keys by what they do.' using errcode = 'RV325', column = 'shortcuts', hint = 'Give {"create": "Mod+j", "go.tasks": "g m"}; {} for the usual ones, "" for no keys.';
  end if;
  select s.value into v_keys from jsonb_each_text(set_my_shortcuts.shortcuts) s where s.value <> '' group by s.value having count(*) > 1 limit 1;
  if found then
    raise exception 'Two shortcuts have the keys "%".', v_keys using errcode = 'RV326', column = 'shortcuts', hint = 'Give each keys of its own, or "" for none.';
  end if;
  update core.members m set shortcuts = set_my_shortcuts.shortcuts where m.id = v_member.id;
  return metadata.my_profile();
end
$$;
comment on function metadata.set_my_shortcuts(jsonb) is 'Says which keys the caller presses for shortcuts of the screen, where they are others than the usual ones: {"create": "Mod+j"}.';

-- Pictures are small, and kept in the database: they are shown with every name.
create or replace function metadata.set_my_photo(media_type text default null, content_base64 text default null) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_member core.members := engine.own_member();
  v_content bytea;
  v_id uuid;
begin
  perform engine.assert_may_name_oneself();
  delete from core.member_photos p where p.member_id = v_member.id;
  if content_base64 is not null then
    begin
      v_content := decode(content_base64, 'base64');
    exception when others then
      v_content := null;
    end;
    -- What a browser is told to be a picture must be one.
    if v_content is null or octet_length(v_content) > 100 * 1024 or not coalesce(case set_my_photo.media_type
        when 'image/png' then substr(v_content, 1, 4) = '\x89504e47'::bytea
        when 'image/jpeg' then substr(v_content, 1, 3) = '\xffd8ff'::bytea
        when 'image/webp' then substr(v_content, 1, 4) = '\x52494646'::bytea and substr(v_content, 9, 4) = '\x57454250'::bytea end, false) then
      raise exception 'This is not a picture of at most 100 kB.' using errcode = 'RV117', column = 'content_base64', hint = 'PNG, JPEG and WebP are understood.';
    end if;
    insert into core.member_photos (member_id, media_type, content) values (v_member.id, set_my_photo.media_type, v_content) returning id into v_id;
  end if;
  update core.members m set avatar_url = '/auth/photos/' || v_id where m.id = v_member.id;
  return metadata.my_profile();
end
$$;
comment on function metadata.set_my_photo(text, text) is 'Sets the picture of the member who asks (PNG, JPEG or WebP, at most 100 kB, in base64), or takes it away.';

grant execute on function metadata.my_profile(), metadata.update_my_profile(text, text, text, text, text, text, text, text, text),
  metadata.settle_my_profile(text, text), metadata.set_my_shortcuts(jsonb), metadata.set_my_photo(text, text) to relvar_crm;

create or replace function core.photo(id uuid, workspace_id uuid) returns table (media_type text, content bytea)
language sql stable security definer set search_path = ''
as $$
  select p.media_type, p.content from core.member_photos p join core.members m on m.id = p.member_id
  where p.id = photo.id and m.workspace_id = photo.workspace_id
$$;
grant execute on function core.photo(uuid, uuid) to relvar_server;
--! EndIncluded metadata/profile.sql
-- ── mails in the language of who reads them ────────────────────────
drop function if exists core.request_sign_up(text, text, inet, text);
--! Included core/mail.sql
-- Mail leaves by the outbox: whoever has something to say writes a row, and a job of the worker writes
-- and sends the letter. So a mail is committed together with what it tells of, or neither is.

create or replace function core.is_email(address text) returns boolean
language sql immutable parallel safe set search_path = ''
  -- Stricter than what mail permits: nothing that a header or a list of addresses could be made of.
  return address ~ '^[^@\s[:cntrl:]<>()\[\],;:"\\]+@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$' and length(address) <= 254;

-- In the language that the address reads: that of its account, also of one that has another address by now, or else that of who has it sent.
create or replace function core.language_of_reader(to_address text, former text) returns text
language sql stable set search_path = ''
as $$
  select coalesce((select u.locale from core.users u where lower(u.email) in (lower(language_of_reader.to_address), lower(language_of_reader.former)) limit 1),
    (select u.locale from core.members m join core.users u on u.id = m.user_id where m.id = engine.current_member()), 'en')
$$;

create or replace function core.queue_mail(to_address text, template text, props jsonb default '{}', workspace_id uuid default null, locale text default null) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_id uuid;
begin
  if core.is_email(to_address) is not true then
    raise exception '"%" is not an e-mail address.', to_address using errcode = 'RV043', column = 'email';
  end if;
  insert into core.mail_outbox (to_address, template, props, workspace_id, locale)
  values (queue_mail.to_address, queue_mail.template, queue_mail.props, queue_mail.workspace_id,
    coalesce(queue_mail.locale, core.language_of_reader(queue_mail.to_address, queue_mail.props ->> 'email')))
  returning id into v_id;
  -- Mails come at the pace of people, so the lock that adding a job takes at commit is no matter.
  perform graphile_worker.add_job('mail__send', json_build_object('id', v_id, 'workspace_id', queue_mail.workspace_id), max_attempts => 10, job_key => 'mail:' || v_id);
  return v_id;
end
$$;
comment on function core.queue_mail(text, text, jsonb, uuid, text) is
  'Has the worker send a mail made of a template (worker/mail/templates.ts) and its props, in the language of its reader unless another is given. It leaves only if the transaction commits.';

-- The time zone of whoever reads a mail: that of their profile in the workspace that it is about, or else in the one that they
-- used last. Null where nobody has said one. `former` finds who has another address by now.
create or replace function core.time_zone_of_reader(to_address text, former text, workspace_id uuid) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_member record;
  v_zone text;
begin
  for v_member in
    select m.id, w.schema_name
    from core.users u join core.members m on m.user_id = u.id and m.is_active join core.workspaces w on w.id = m.workspace_id
    where lower(u.email) in (lower(time_zone_of_reader.to_address), lower(time_zone_of_reader.former))
    order by (m.workspace_id = time_zone_of_reader.workspace_id) is true desc,
      (select max(s.last_used_at) from core.sessions s where s.user_id = u.id and s.workspace_id = m.workspace_id and s.impersonator_user_id is null) desc nulls last
  loop
    execute format('select nullif(t.time_zone, ''system'') from %I.workspace_members t where t.id = $1', v_member.schema_name) into v_zone using v_member.id;
    if v_zone is not null then
      return v_zone;
    end if;
  end loop;
  return null;
exception when undefined_table or undefined_column then
  -- A workspace whose model is being changed at this moment is no reason to keep a mail back.
  return null;
end
$$;

create or replace function core.mail_to_send(id uuid)
returns table (to_address text, template text, props jsonb, locale text, workspace_name text, workspace_slug text, time_zone text)
language sql stable security definer set search_path = ''
as $$
  select m.to_address, m.template, m.props, m.locale, w.name, w.slug, core.time_zone_of_reader(m.to_address, m.props ->> 'email', m.workspace_id)
  from core.mail_outbox m left join core.workspaces w on w.id = m.workspace_id
  where m.id = mail_to_send.id and m.sent_at is null and m.kept_at is null and m.failed_at is null
$$;

-- A letter that was sent or given up is not needed any more, and it may hold a link that signs somebody in.
create or replace function core.note_mail_sent(id uuid, subject text) returns void
language sql volatile security definer set search_path = ''
as $$
  update core.mail_outbox m set sent_at = now(), attempts = m.attempts + 1, subject = note_mail_sent.subject, props = '{}', error = null
  where m.id = note_mail_sent.id
$$;

create or replace function core.note_mail_kept(id uuid, subject text, html text, body_text text) returns void
language sql volatile security definer set search_path = ''
as $$
  update core.mail_outbox m set kept_at = now(), subject = note_mail_kept.subject, html = note_mail_kept.html, body_text = note_mail_kept.body_text, props = '{}'
  where m.id = note_mail_kept.id
$$;

create or replace function core.note_mail_failure(id uuid, error text, is_final boolean) returns void
language sql volatile security definer set search_path = ''
as $$
  update core.mail_outbox m set attempts = m.attempts + 1, error = note_mail_failure.error,
    failed_at = case when is_final then now() end, props = case when is_final then '{}' else m.props end
  where m.id = note_mail_failure.id and m.sent_at is null
$$;

create or replace function core.purge_mail() returns int
language sql volatile security definer set search_path = ''
as $$
  with gone as (delete from core.mail_outbox m where m.queued_at < now() - interval '30 days' returning 1)
  select count(*)::int from gone
$$;

grant execute on function core.mail_to_send(uuid), core.note_mail_sent(uuid, text), core.note_mail_kept(uuid, text, text, text),
  core.note_mail_failure(uuid, text, boolean), core.purge_mail() to relvar_worker;

-- For the page that shows what was kept, which only a server in development has.
create or replace function core.kept_mail(max_mails int default 100) returns table (id uuid, to_address text, template text, subject text, html text, body_text text, queued_at timestamptz, kept_at timestamptz, error text)
language sql stable security definer set search_path = ''
as $$
  select m.id, m.to_address, m.template, m.subject, m.html, m.body_text, m.queued_at, m.kept_at, m.error
  from core.mail_outbox m order by m.queued_at desc, m.id desc limit max_mails
$$;
grant execute on function core.kept_mail(int) to relvar_server;
--! EndIncluded core/mail.sql
--! Included core/sign_up.sql
-- The ways in: an invitation, a workspace's invite link, an approved e-mail domain, a workspace of
-- one's own. Each function takes what proves the right to enter, once, and makes the member in the same
-- transaction. The role comes from the invitation or the workspace, never from who enters.

create or replace function core.default_role(workspace_id uuid) returns uuid
language sql stable set search_path = ''
as $$ select s.default_role_id from core.workspace_settings s where s.workspace_id = default_role.workspace_id $$;

create or replace function core.domain_of(email text) returns text
language sql immutable parallel safe set search_path = ''
  return lower(split_part(btrim(email), '@', 2));

create or replace function core.assert_proved(account core.users, proved_user_id uuid, is_email_proved boolean) returns void
language plpgsql stable set search_path = ''
as $$
begin
  if account.id is null or account.disabled_at is not null
    or account.id is distinct from proved_user_id and not (account.password_hash is null and is_email_proved) then
    raise exception 'This account cannot be used to join.' using errcode = 'RV110', hint = 'Sign in to the account that has this address.';
  end if;
end
$$;

-- Finds or makes the account, and the membership. An account that has a password is only taken from who has proved it:
-- proved_user_id is whom the server has checked.
create or replace function core.enter(workspace_id uuid, email text, name text, password_hash text, proved_user_id uuid, role_id uuid, is_email_proved boolean) returns uuid
language plpgsql volatile set search_path = ''
as $$
#variable_conflict use_column
declare
  v_user core.users;
begin
  select * into v_user from core.users u where lower(u.email) = lower(btrim(enter.email)) for update;
  if found then
    perform core.assert_proved(v_user, proved_user_id, is_email_proved);
    update core.users u set email_verified_at = case when enter.is_email_proved then coalesce(u.email_verified_at, now()) else u.email_verified_at end,
      password_hash = coalesce(u.password_hash, case when enter.is_email_proved then enter.password_hash end)
    where u.id = v_user.id;
  else
    insert into core.users (email, name, password_hash, email_verified_at)
    values (lower(btrim(enter.email)), enter.name, enter.password_hash, case when enter.is_email_proved then now() end)
    on conflict (lower(email)) do nothing
    returning * into v_user;
    if not found then
      -- Made by another request at this moment, which is asked for its password like any other.
      perform core.assert_proved(null, null, false);
    end if;
  end if;
  if exists (select from core.members m where m.workspace_id = enter.workspace_id and m.user_id = v_user.id and not m.is_active) then
    raise exception 'Your membership of this workspace has been suspended.' using errcode = 'RV111', hint = 'Ask an administrator of the workspace.';
  end if;
  if not exists (select from core.members m where m.workspace_id = enter.workspace_id and m.user_id = v_user.id) then
    perform core.join_workspace(enter.workspace_id, v_user.id, coalesce(enter.role_id, core.default_role(enter.workspace_id)), coalesce(nullif(v_user.name, ''), enter.name));
    update core.invitations i set accepted_at = now()
    where i.workspace_id = enter.workspace_id and lower(i.email) = lower(v_user.email) and i.accepted_at is null and i.revoked_at is null and enter.is_email_proved;
  end if;
  return v_user.id;
end
$$;

create or replace function core.account_state(email text) returns text
language sql stable set search_path = ''
as $$
  select coalesce((select case when u.password_hash is null then 'WITHOUT_PASSWORD' else 'WITH_PASSWORD' end
    from core.users u where lower(u.email) = lower(btrim(account_state.email))), 'NONE')
$$;

-- What an invitation, an invite link or a proved address opens, for the page that asks for the rest. Null when nothing.
create or replace function core.look_at_invitation(token text) returns jsonb
language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('email', i.email, 'account', core.account_state(i.email), 'invitedBy', i.invited_by_name,
    'workspaces', jsonb_build_array(jsonb_build_object('slug', w.slug, 'name', w.name)))
  from core.invitations i join core.workspaces w on w.id = i.workspace_id
  where i.token_hash = core.hash_token(look_at_invitation.token) and i.accepted_at is null and i.revoked_at is null and i.expires_at > now()
$$;

create or replace function core.workspace_of_link(token text) returns core.workspaces
language sql stable set search_path = ''
as $$
  select w from core.joining j join core.workspaces w on w.id = j.workspace_id
  where j.invite_link_hash = core.hash_token(workspace_of_link.token) and j.is_invite_link_on
$$;

create or replace function core.look_at_invite_link(token text) returns jsonb
language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('workspaces', jsonb_build_array(jsonb_build_object('slug', w.slug, 'name', w.name)))
  from core.workspace_of_link(look_at_invite_link.token) w where w.id is not null
$$;

-- Where somebody with a proved address may enter.
create or replace function core.open_workspaces(email text, link_workspace_id uuid) returns table (id uuid, slug text, name text, role_id uuid)
language sql stable set search_path = ''
as $$
  select w.id, w.slug, w.name,
    (select i.role_id from core.invitations i where i.workspace_id = w.id and lower(i.email) = lower(open_workspaces.email)
      and i.accepted_at is null and i.revoked_at is null and i.expires_at > now())
  from core.workspaces w
  where w.id = link_workspace_id
    or exists (select from core.approved_domains d where d.workspace_id = w.id and d.domain = core.domain_of(open_workspaces.email) and d.approved_at is not null)
    or exists (select from core.invitations i where i.workspace_id = w.id and lower(i.email) = lower(open_workspaces.email)
      and i.accepted_at is null and i.revoked_at is null and i.expires_at > now())
$$;

-- Asks an address to prove itself, whether an account has it or not: what it opens is told to who has the link. Nobody knows yet who
-- reads the mail, so it comes in the language of the browser.
create or replace function core.request_sign_up(email text, link_token text, ip inet default null, user_agent text default null, locale text default null) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_email text := lower(btrim(email));
  v_workspace core.workspaces := core.workspace_of_link(link_token);
begin
  perform core.note_auth_event('SIGN_UP_REQUESTED', v_workspace.id, null, v_email, ip, user_agent);
  perform core.queue_mail(v_email, 'sign_up', jsonb_build_object('token', core.issue_token('VERIFY_EMAIL', v_email, null, '1 hour', v_workspace.id)), v_workspace.id,
    case when engine.is_locale(request_sign_up.locale) then request_sign_up.locale end);
end
$$;

create or replace function core.look_at_sign_up(token text) returns jsonb
language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('email', t.email, 'account', core.account_state(t.email),
    'workspaces', coalesce((select jsonb_agg(jsonb_build_object('slug', w.slug, 'name', w.name) order by w.name, w.slug)
      from core.open_workspaces(t.email, case when j.is_invite_link_on then t.workspace_id end) w), '[]'))
  from core.look_at_token('VERIFY_EMAIL', look_at_sign_up.token) t left join core.joining j on j.workspace_id = t.workspace_id
  where t.id is not null and t.user_id is null
$$;

create or replace function core.account_of(email text) returns table (user_id uuid, password_hash text)
language sql stable security definer set search_path = ''
as $$ select u.id, u.password_hash from core.users u where lower(u.email) = lower(btrim(account_of.email)) and u.disabled_at is null $$;

create or replace function core.accept_invitation(token text, name text, password_hash text, proved_user_id uuid, ip inet default null, user_agent text default null)
returns table (user_id uuid, workspace_id uuid)
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_invitation core.invitations;
begin
  update core.invitations i set accepted_at = now()
  where i.token_hash = core.hash_token(token) and i.accepted_at is null and i.revoked_at is null and i.expires_at > now()
  returning i.* into v_invitation;
  if not found then
    return;
  end if;
  user_id := core.enter(v_invitation.workspace_id, v_invitation.email, name, password_hash, proved_user_id, v_invitation.role_id, true);
  workspace_id := v_invitation.workspace_id;
  perform core.note_auth_event('MEMBER_JOINED', workspace_id, user_id, v_invitation.email, ip, user_agent, '{"by": "INVITATION"}');
  return next;
end
$$;

create or replace function core.join_by_link(token text, email text, name text, password_hash text, proved_user_id uuid, ip inet default null, user_agent text default null)
returns table (user_id uuid, workspace_id uuid)
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspace core.workspaces := core.workspace_of_link(token);
begin
  if v_workspace.id is null then
    return;
  end if;
  user_id := core.enter(v_workspace.id, email, name, password_hash, proved_user_id, null, false);
  workspace_id := v_workspace.id;
  perform core.note_auth_event('MEMBER_JOINED', workspace_id, user_id, null, ip, user_agent, '{"by": "INVITE_LINK"}');
  return next;
end
$$;

-- Enters a workspace that the proved address opens, or makes a new one.
create or replace function core.sign_up(token text, name text, password_hash text, proved_user_id uuid, workspace_slug text, new_workspace_name text, ip inet default null, user_agent text default null)
returns table (user_id uuid, workspace_id uuid)
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_token core.one_time_tokens := core.use_token('VERIFY_EMAIL', token);
  v_open record;
begin
  if v_token.id is null or v_token.user_id is not null then
    return;
  end if;
  if new_workspace_name is not null then
    return query select * from core.make_workspace(v_token.email, sign_up.name, sign_up.password_hash, proved_user_id, workspace_slug, new_workspace_name, true, ip, user_agent);
    return;
  end if;
  select w.id, w.role_id into v_open
  from core.open_workspaces(v_token.email, (select j.workspace_id from core.joining j where j.workspace_id = v_token.workspace_id and j.is_invite_link_on)) w
  where w.slug = workspace_slug;
  if not found then
    raise exception 'This address does not open the workspace "%".', workspace_slug using errcode = 'RV112', hint = 'Ask an administrator of the workspace for an invitation.';
  end if;
  user_id := core.enter(v_open.id, v_token.email, sign_up.name, sign_up.password_hash, proved_user_id, v_open.role_id, true);
  workspace_id := v_open.id;
  perform core.note_auth_event('MEMBER_JOINED', workspace_id, user_id, v_token.email, ip, user_agent,
    jsonb_build_object('by', case when v_token.workspace_id = v_open.id then 'INVITE_LINK' else 'EMAIL' end));
  return next;
end
$$;

create or replace function core.make_workspace(email text, name text, password_hash text, proved_user_id uuid, workspace_slug text, workspace_name text, is_email_proved boolean, ip inet default null, user_agent text default null)
returns table (user_id uuid, workspace_id uuid)
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_user core.users;
begin
  select * into v_user from core.users u where lower(u.email) = lower(btrim(make_workspace.email));
  if found then
    perform core.assert_proved(v_user, proved_user_id, is_email_proved);
  end if;
  workspace_id := engine.create_workspace(workspace_slug, workspace_name, lower(btrim(make_workspace.email)), make_workspace.name, make_workspace.password_hash);
  update core.users u set email_verified_at = coalesce(u.email_verified_at, now())
  where lower(u.email) = lower(btrim(make_workspace.email)) and is_email_proved;
  select u.id into strict user_id from core.users u where lower(u.email) = lower(btrim(make_workspace.email));
  perform core.note_auth_event('WORKSPACE_CREATED', workspace_id, user_id, null, ip, user_agent);
  return next;
end
$$;

-- An instance without users belongs to whoever comes first.
create or replace function core.has_users() returns boolean
language sql stable security definer set search_path = ''
as $$ select exists (select from core.users) $$;

create or replace function core.approve_domain(token text, ip inet default null, user_agent text default null) returns text
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_token core.one_time_tokens := core.use_token('APPROVE_DOMAIN', token);
  v_domain text;
begin
  update core.approved_domains d set approved_at = coalesce(d.approved_at, now())
  where d.workspace_id = v_token.workspace_id and d.domain = v_token.payload ->> 'domain' returning d.domain into v_domain;
  if found then
    perform core.note_auth_event('DOMAIN_APPROVED', v_token.workspace_id, null, v_token.email, ip, user_agent, jsonb_build_object('domain', v_domain));
  end if;
  return v_domain;
end
$$;

grant execute on function core.look_at_invitation(text), core.look_at_invite_link(text), core.request_sign_up(text, text, inet, text, text), core.look_at_sign_up(text),
  core.account_of(text), core.accept_invitation(text, text, text, uuid, inet, text), core.join_by_link(text, text, text, text, uuid, inet, text),
  core.sign_up(text, text, text, uuid, text, text, inet, text), core.make_workspace(text, text, text, uuid, text, text, boolean, inet, text),
  core.has_users(), core.approve_domain(text, inet, text) to relvar_server;
--! EndIncluded core/sign_up.sql
--! Included engine/link_records.sql
-- Links many records of one object to one other by a relation to many, or takes the links away, as whoever calls: grants and
-- policies say which. What is linked already stays as it is.
create or replace function engine.link_records(workspace_id uuid, schema_name text, object_name text, record_ids uuid[], field_name text, other_id uuid, are_linked boolean) returns int
language plpgsql volatile set search_path = ''
as $$
declare
  v_object metadata.objects;
  v_junction text;
  v_near text;
  v_far text;
  v_count int;
begin
  select o.* into v_object from metadata.objects o
  where o.workspace_id = link_records.workspace_id and o.name_singular = object_name and o.deleted_at is null;
  if not found then
    raise exception 'There is no object "%".', object_name using errcode = 'RV011', hint = 'Give the singular API name, such as person.';
  elsif cardinality(record_ids) > 10000 then
    raise exception 'At most 10,000 records at once.' using errcode = 'RV229', column = 'record_ids', hint = 'Do it in several calls.';
  end if;
  -- Columns follow from the names of the API.
  select j.table_name, lower(regexp_replace(near.name, '([A-Z])', '_\1', 'g')) || '_id', lower(regexp_replace(far.name, '([A-Z])', '_\1', 'g')) || '_id' into v_junction, v_near, v_far
  from metadata.fields f
  join metadata.fields near on near.id = f.junction_field_id and near.deleted_at is null
  join metadata.objects j on j.id = near.object_id and j.deleted_at is null
  join metadata.fields far on far.object_id = j.id and far.id <> near.id and far.deleted_at is null
    and exists (select from metadata.fields m where m.junction_field_id = far.id and m.deleted_at is null)
  where f.object_id = v_object.id and f.name = field_name and f.type = 'MANY_TO_MANY' and f.deleted_at is null;
  if not found then
    raise exception 'There is no relation to many "%".', field_name using errcode = 'RV264', column = 'field_name', hint = 'Give the API name of a field whose type is "Relation to many".';
  end if;
  if are_linked then
    execute format(
      'insert into %1$I.%2$I (%3$I, %4$I)
       select r.id, $2 from %1$I.%5$I r
       where r.id = any ($1) and not exists (select from %1$I.%2$I l where l.%3$I = r.id and l.%4$I = $2)
       on conflict do nothing', schema_name, v_junction, v_near, v_far, v_object.table_name) using record_ids, other_id;
  else
    execute format('delete from %1$I.%2$I l where l.%3$I = any ($1) and l.%4$I = $2', schema_name, v_junction, v_near, v_far) using record_ids, other_id;
  end if;
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

-- Reached only through the tenant's own functions, bound to their schema.
grant execute on function engine.link_records(uuid, text, text, uuid[], text, uuid, boolean) to relvar_crm;
--! EndIncluded engine/link_records.sql
--! Included engine/internals.sql
-- What every tenant has besides its objects.

create or replace function engine.internal_tables() returns text[]
language sql immutable parallel safe
  return '{record_events,event_batches,event_archive,trash,record_shares,record_comments,record_merges,record_duplicates,record_files,record_file_uses}'::text[];

create or replace function engine.event_columns(prefix text, separator text) returns text
language sql immutable parallel safe set search_path = ''
as $$
  select string_agg(prefix || c, separator order by n)
  from unnest('{batch,seq,object_id,record_id,action,before,after,actor_type,actor_id,actor_name,source,request_id,transaction_id,happened_at}'::text[]) with ordinality u (c, n)
$$;

create or replace function engine.desired_internals(workspace_id uuid, schema_name text) returns setof engine.fact
language sql stable set search_path = ''
as $$
  select v.kind, v.key, null, null, v.key, v.definition, engine.fact_comment(v.key, v.definition, v.tags, v.description),
    null, null::boolean, null, null, null::oid
  from (values
    ('internal', 'record_events', format(
      'create table %1$I.record_events (
        batch bigint not null, seq int not null, object_id uuid not null, record_id uuid not null, action text not null,
        before jsonb, after jsonb, actor_type text not null, actor_id uuid, actor_name text, source text not null, request_id text,
        transaction_id xid8 not null default pg_current_xact_id(), happened_at timestamptz not null default now(),
        primary key (batch, seq));
      create index record_events_record_id_batch_idx on %1$I.record_events (record_id, batch);
      create index record_events_transaction_id_idx on %1$I.record_events (transaction_id);
      create index record_events_happened_at_idx on %1$I.record_events using brin (happened_at) with (pages_per_range = 16, autosummarize = on);
      comment on column %1$I.record_events.batch is ''Number of the statement that made the change. Rises with time.'';
      comment on column %1$I.record_events.seq is ''Number of the change within its statement.'';
      comment on column %1$I.record_events.object_id is ''The object of the record: metadata.objects.id.'';
      comment on column %1$I.record_events.record_id is ''The record.'';
      comment on column %1$I.record_events.action is ''created, updated, deleted, restored, destroyed, merged (into another), absorbed (others), linked, unlinked, shared, unshared or commented.'';
      comment on column %1$I.record_events.before is ''The values that were changed, as they were; of a deleted record all of them.'';
      comment on column %1$I.record_events.after is ''The values that were changed, as they are now; of a created record all of them.'';
      comment on column %1$I.record_events.actor_type is ''Who did it: member, api_key, application, workflow, import, agent, psql (a database login) or system.'';
      comment on column %1$I.record_events.actor_id is ''The member, the API key, the app, or what ran.'';
      comment on column %1$I.record_events.actor_name is ''What they were called at the time.'';
      comment on column %1$I.record_events.source is ''By which way the change came: MANUAL, API, IMPORT, SYSTEM and so on.'';
      comment on column %1$I.record_events.request_id is ''The request that made the change, as in the log of the server.'';
      comment on column %1$I.record_events.transaction_id is ''The transaction of the change: what was changed together has the same.'';
      comment on column %1$I.record_events.happened_at is ''When the transaction of the change began.''', schema_name),
      '@behavior -insert -update -delete', 'Every change of every record: what, who, when. Written by triggers in the transaction of the change.'),
    ('internal', 'event_batches', format(
      'create table %1$I.event_batches (
        position bigint primary key, batch bigint not null unique, object_id uuid not null, action text not null, taken_at timestamptz not null default clock_timestamp());
      comment on column %1$I.event_batches.position is ''1, 2, 3 and so on without gaps, in an order in which readers can go on from where they were.'';
      comment on column %1$I.event_batches.batch is ''The statement: record_events.batch.'';
      comment on column %1$I.event_batches.object_id is ''The object of its records: metadata.objects.id.'';
      comment on column %1$I.event_batches.action is ''What it did with them.'';
      comment on column %1$I.event_batches.taken_at is ''When the relay took it.''', schema_name),
      '@behavior -*', 'The position of each statement of the event log, given by the relay.'),
    ('internal', 'event_archive', format(
      'create table %1$I.event_archive (
        id bigint generated always as identity primary key, object_id uuid not null, first_record_id uuid not null, last_record_id uuid not null,
        from_at timestamptz not null, until_at timestamptz not null, events jsonb not null);
      create index event_archive_records_idx on %1$I.event_archive (object_id, last_record_id, first_record_id);
      create index event_archive_until_at_idx on %1$I.event_archive (until_at);
      comment on column %1$I.event_archive.id is ''Identifies the parcel.'';
      comment on column %1$I.event_archive.object_id is ''The object of the records: metadata.objects.id.'';
      comment on column %1$I.event_archive.first_record_id is ''The first of the records, by their ids.'';
      comment on column %1$I.event_archive.last_record_id is ''The last of them.'';
      comment on column %1$I.event_archive.from_at is ''When the earliest of the events happened.'';
      comment on column %1$I.event_archive.until_at is ''When the latest of them happened.'';
      comment on column %1$I.event_archive.events is ''Rows of record_events, by record.''', schema_name),
      '@behavior -*', 'Old events, some two hundred in a row, compressed. events_of and events_since read them, too.'),
    ('internal', 'trash', format(
      'create table %1$I.trash (
        id uuid primary key default %2$s, object_id uuid not null, record_id uuid not null, label text, data jsonb not null,
        deleted_at timestamptz not null default now(), deleted_by_name text, transaction_id xid8 not null default pg_current_xact_id(),
        unique (object_id, record_id));
      create index trash_transaction_id_idx on %1$I.trash (transaction_id);
      comment on column %1$I.trash.id is ''Identifies the entry.'';
      comment on column %1$I.trash.object_id is ''The object of the record: metadata.objects.id.'';
      comment on column %1$I.trash.record_id is ''The id that the record had and has again when it is restored.'';
      comment on column %1$I.trash.label is ''How the record was named.'';
      comment on column %1$I.trash.data is ''The record as it was, by column.'';
      comment on column %1$I.trash.deleted_at is ''When it was deleted.'';
      comment on column %1$I.trash.deleted_by_name is ''Who deleted it.'';
      comment on column %1$I.trash.transaction_id is ''The transaction that deleted it: what went with it has the same.''', schema_name, engine.uuid_default()),
      E'@behavior -insert -update -delete\n@singular trashedRecord\n@plural trashedRecords', 'Deleted records, as they were. Restorable until they are destroyed.'),
    ('internal', 'record_shares', format(
      'create table %1$I.record_shares (
        id uuid primary key default %2$s, object_id uuid not null, record_id uuid not null,
        principal_kind text not null check (principal_kind in (''MEMBER'', ''TEAM'', ''ROLE'')), principal_id uuid not null,
        access text not null check (access in (''READ'', ''WRITE'')), reason text not null default '''',
        created_by uuid, created_by_name text, created_at timestamptz not null default now(), expires_at timestamptz,
        unique (object_id, record_id, principal_kind, principal_id));
      create index record_shares_principal_id_object_id_idx on %1$I.record_shares (principal_id, object_id);
      comment on column %1$I.record_shares.id is ''Identifies the share.'';
      comment on column %1$I.record_shares.object_id is ''The object of the record: metadata.objects.id.'';
      comment on column %1$I.record_shares.record_id is ''The record that is shared.'';
      comment on column %1$I.record_shares.principal_kind is ''With whom: MEMBER, TEAM or ROLE.'';
      comment on column %1$I.record_shares.principal_id is ''The member, the team or the role.'';
      comment on column %1$I.record_shares.access is ''READ, or WRITE: may change it, too.'';
      comment on column %1$I.record_shares.reason is ''Why, in the words of who shared it.'';
      comment on column %1$I.record_shares.created_by is ''The member who shared it.'';
      comment on column %1$I.record_shares.created_by_name is ''What the member was called at the time.'';
      comment on column %1$I.record_shares.created_at is ''When it was shared.'';
      comment on column %1$I.record_shares.expires_at is ''When the share ends; null for never.''', schema_name, engine.uuid_default()),
      '@behavior -*', 'Single records that are shared with members, teams or roles beside what their rules let them see.'),
    -- As PostgreSQL prints them, so that what stands there can be compared.
    ('function', 'share_record', format(
$function$CREATE OR REPLACE FUNCTION %1$I.share_record(object_name text, record_id uuid, principal_kind text, principal_id uuid, access text DEFAULT 'READ'::text, reason text DEFAULT ''::text, expires_at timestamp with time zone DEFAULT NULL::timestamp with time zone)
 RETURNS uuid
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.share_record(CURRENT_USER, %1$L::text, object_name, record_id, principal_kind, principal_id, access, reason, expires_at) AS share_record;
END$function$, schema_name),
      null, 'Shows one record to a member, a team or a role, or lets them change it (access WRITE), for ever or until expiresAt. For who may change the record. Returns the share.'),
    ('function', 'unshare_record', format(
$function$CREATE OR REPLACE FUNCTION %1$I.unshare_record(share_id uuid)
 RETURNS boolean
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.unshare_record(CURRENT_USER, %1$L::text, share_id) AS unshare_record;
END$function$, schema_name),
      null, 'Takes a share of a record back. False when there is none.'),
    ('function', 'shares_of_record', format(
$function$CREATE OR REPLACE FUNCTION %1$I.shares_of_record(object_name text, record_id uuid)
 RETURNS TABLE(share_id uuid, principal_kind text, principal_id uuid, principal_name text, access text, reason text, created_by_name text, created_at timestamp with time zone, expires_at timestamp with time zone)
 LANGUAGE sql
 STABLE ROWS 10
BEGIN ATOMIC
 SELECT s.share_id,
     s.principal_kind,
     s.principal_id,
     s.principal_name,
     s.access,
     s.reason,
     s.created_by_name,
     s.created_at,
     s.expires_at
    FROM engine.shares_of_record(CURRENT_USER, %1$L::text, shares_of_record.object_name, shares_of_record.record_id) s(share_id, principal_kind, principal_id, principal_name, access, reason, created_by_name, created_at, expires_at);
END$function$, schema_name),
      null, 'With whom a record is shared, for who may read it.'),
    ('function', 'shared_ids', format(
$function$CREATE OR REPLACE FUNCTION %1$I.shared_ids(object_id uuid, access text)
 RETURNS SETOF uuid
 LANGUAGE sql
 STABLE SECURITY DEFINER ROWS 10
 SET search_path TO ''
BEGIN ATOMIC
 SELECT s.record_id
    FROM %1$I.record_shares s
   WHERE ((s.object_id = shared_ids.object_id) AND (s.principal_id = ANY (ARRAY( SELECT engine.my_principals() AS my_principals))) AND ((shared_ids.access = 'READ'::text) OR (s.access = 'WRITE'::text)) AND ((s.expires_at IS NULL) OR (s.expires_at > now())));
END$function$, schema_name),
      '@behavior -*', 'Ids of the records of an object that are shared with the caller, to READ or to WRITE. Policies ask it.'),
    ('function', 'events_of', format(
$function$CREATE OR REPLACE FUNCTION %1$I.events_of(object_id uuid, record_id uuid)
 RETURNS SETOF %1$I.record_events
 LANGUAGE sql
 STABLE
BEGIN ATOMIC
 SELECT %2$s
    FROM %1$I.record_events e
   WHERE ((e.object_id = events_of.object_id) AND (e.record_id = events_of.record_id))
 UNION ALL
  SELECT %3$s
    FROM (%1$I.event_archive a
      CROSS JOIN LATERAL jsonb_populate_recordset(NULL::%1$I.record_events, a.events) r(%4$s))
   WHERE ((a.object_id = events_of.object_id) AND (a.first_record_id <= events_of.record_id) AND (a.last_record_id >= events_of.record_id) AND (r.record_id = events_of.record_id));
END$function$, schema_name, engine.event_columns('e.', E',\n     '), engine.event_columns('r.', E',\n     '), engine.event_columns('', ', ')),
      '@behavior -*', 'All events of a record, archived or not.'),
    ('function', 'events_since', format(
$function$CREATE OR REPLACE FUNCTION %1$I.events_since(object_id uuid, since timestamp with time zone)
 RETURNS SETOF %1$I.record_events
 LANGUAGE sql
 STABLE
BEGIN ATOMIC
 SELECT %2$s
    FROM %1$I.record_events e
   WHERE ((e.object_id = events_since.object_id) AND (e.happened_at > events_since.since))
 UNION ALL
  SELECT %3$s
    FROM (%1$I.event_archive a
      CROSS JOIN LATERAL jsonb_populate_recordset(NULL::%1$I.record_events, a.events) r(%4$s))
   WHERE ((a.object_id = events_since.object_id) AND (a.until_at > events_since.since) AND (r.happened_at > events_since.since));
END$function$, schema_name, engine.event_columns('e.', E',\n     '), engine.event_columns('r.', E',\n     '), engine.event_columns('', ', ')),
      '@behavior -*', 'All events of the records of an object after a moment, archived or not.'),
    ('function', 'search_records', format(
$function$CREATE OR REPLACE FUNCTION %1$I.search_records(query text, max_results integer DEFAULT 20)
 RETURNS TABLE(object_name text, record_id uuid, label text, rank real)
 LANGUAGE sql
 STABLE ROWS 20
BEGIN ATOMIC
 SELECT s.object_name,
     s.record_id,
     s.label,
     s.rank
    FROM engine.search(CURRENT_USER, %1$L::text, search_records.query, search_records.max_results) s(object_name, record_id, label, rank);
END$function$, schema_name),
      null, 'Records whose words begin with the words of the query, or whose label is spelt alike, best first.'),
    ('function', 'matching_ids', format(
$function$CREATE OR REPLACE FUNCTION %1$I.matching_ids(table_name text, filter jsonb, max_results integer DEFAULT 20000, few integer DEFAULT 0, OUT ids uuid[], OUT is_worthwhile boolean)
 RETURNS record
 LANGUAGE sql
 STABLE
BEGIN ATOMIC
 SELECT m.ids,
     m.is_worthwhile
    FROM engine.matching_ids(CURRENT_USER, %1$L::text, matching_ids.table_name, matching_ids.filter, matching_ids.max_results, matching_ids.few) m(ids, is_worthwhile);
END$function$, schema_name),
      '@behavior -*', 'Ids of the records of a table that fulfil a filter, of those that the caller sees, found by indexes which PostgreSQL does not use under a rule. Null for more than max_results. Not worth asking where no rule limits the caller, or where he sees at most a few.'),
    ('function', 'record_history', format(
$function$CREATE OR REPLACE FUNCTION %1$I.record_history(object_name text, record_id uuid, max_results integer DEFAULT 50, before_batch bigint DEFAULT NULL::bigint)
 RETURNS TABLE(batch bigint, seq integer, action text, before jsonb, after jsonb, actor_type text, actor_id uuid, actor_name text, source text, happened_at timestamp with time zone)
 LANGUAGE sql
 STABLE ROWS 50
BEGIN ATOMIC
 SELECT h.batch,
     h.seq,
     h.action,
     h.before,
     h.after,
     h.actor_type,
     h.actor_id,
     h.actor_name,
     h.source,
     h.happened_at
    FROM engine.record_history(CURRENT_USER, %1$L::text, record_history.object_name, record_history.record_id, record_history.max_results, record_history.before_batch) h(batch, seq, action, before, after, actor_type, actor_id, actor_name, source, happened_at);
END$function$, schema_name),
      null, 'What happened to a record, the latest first: of a record that the caller may read, the fields that the caller may read.'),
    ('function', 'record_timeline', format(
$function$CREATE OR REPLACE FUNCTION %1$I.record_timeline(object_name text, record_id uuid, kinds text[] DEFAULT NULL::text[], max_results integer DEFAULT 30, before_entry text DEFAULT NULL::text)
 RETURNS TABLE(entry_key text, kind text, happened_at timestamp with time zone, actor_type text, actor_id uuid, actor_name text, source text, batch bigint, seq integer, action text, before jsonb, after jsonb, comment_id uuid, body text, mentions jsonb, related_object text, related_id uuid)
 LANGUAGE sql
 STABLE ROWS 30
BEGIN ATOMIC
 SELECT t.entry_key,
     t.kind,
     t.happened_at,
     t.actor_type,
     t.actor_id,
     t.actor_name,
     t.source,
     t.batch,
     t.seq,
     t.action,
     t.before,
     t.after,
     t.comment_id,
     t.body,
     t.mentions,
     t.related_object,
     t.related_id
    FROM engine.record_timeline(CURRENT_USER, %1$L::text, record_timeline.object_name, record_timeline.record_id, record_timeline.kinds, record_timeline.max_results, record_timeline.before_entry) t(entry_key, kind, happened_at, actor_type, actor_id, actor_name, source, batch, seq, action, before, after, comment_id, body, mentions, related_object, related_id);
END$function$, schema_name),
      null, 'All that is told of a record, the latest first: changes, comments, and the notes, tasks and files that it has, and what happens to records whose relation to it says so, as far as the caller may read them. kinds: CHANGE, RELATED, COMMENT, NOTE, TASK, FILE. beforeEntry: the entryKey of the last entry leads to the next page.'),
    ('function', 'field_history', format(
$function$CREATE OR REPLACE FUNCTION %1$I.field_history(object_name text, record_id uuid, field_name text, max_results integer DEFAULT 50, before_batch bigint DEFAULT NULL::bigint)
 RETURNS TABLE(batch bigint, seq integer, action text, before jsonb, after jsonb, actor_type text, actor_id uuid, actor_name text, source text, happened_at timestamp with time zone)
 LANGUAGE sql
 STABLE ROWS 50
BEGIN ATOMIC
 SELECT h.batch,
     h.seq,
     h.action,
     h.before,
     h.after,
     h.actor_type,
     h.actor_id,
     h.actor_name,
     h.source,
     h.happened_at
    FROM engine.field_history(CURRENT_USER, %1$L::text, field_history.object_name, field_history.record_id, field_history.field_name, field_history.max_results, field_history.before_batch) h(batch, seq, action, before, after, actor_type, actor_id, actor_name, source, happened_at);
END$function$, schema_name),
      null, 'What happened to one field of a record that the caller may read, the latest first: its columns before and after, by the names that they have now. beforeBatch leads to the next page.'),
    ('function', 'as_of', format(
$as_of$CREATE OR REPLACE FUNCTION %1$I.as_of(record anyelement, moment timestamp with time zone, only_where jsonb DEFAULT NULL::jsonb)
 RETURNS SETOF anyelement
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO ''
 SET work_mem TO '64MB'
AS %2$s
begin
  return query execute engine.as_of_query(engine.acting_role(), %1$L, pg_catalog.pg_typeof(record), moment, only_where);
end
%2$s$as_of$, schema_name, '$function$'),
      '@behavior -*', 'Records as they were at a moment, as far as the caller may read them now: select * from as_of(null::people, ''2026-11-01''). Those with the values of only_where are found sooner.'),
    ('function', 'plan_revert', format(
$function$CREATE OR REPLACE FUNCTION %1$I.plan_revert(batch bigint DEFAULT NULL::bigint, seq integer DEFAULT NULL::integer, together boolean DEFAULT false, transaction_id xid8 DEFAULT NULL::xid8, request_id text DEFAULT NULL::text, INOUT object_name text DEFAULT NULL::text, INOUT record_id uuid DEFAULT NULL::uuid, field_name text DEFAULT NULL::text, moment timestamp with time zone DEFAULT NULL::timestamp with time zone, after_batch bigint DEFAULT NULL::bigint, max_results integer DEFAULT 100, skip integer DEFAULT 0, OUT label text, OUT action text, OUT before jsonb, OUT after jsonb, OUT conflicts jsonb, OUT total integer, OUT conflicting integer)
 RETURNS SETOF record
 LANGUAGE sql
 STABLE ROWS 100
BEGIN ATOMIC
 SELECT r.object_name,
     r.record_id,
     r.label,
     r.action,
     r.before,
     r.after,
     r.conflicts,
     r.total,
     r.conflicting
    FROM engine.plan_revert(CURRENT_USER, %1$L::text, jsonb_build_object('batch', plan_revert.batch, 'seq', plan_revert.seq, 'together', plan_revert.together, 'transaction_id', plan_revert.transaction_id, 'request_id', plan_revert.request_id, 'object_name', plan_revert.object_name, 'record_id', plan_revert.record_id, 'field_name', plan_revert.field_name, 'moment', plan_revert.moment, 'after_batch', plan_revert.after_batch), plan_revert.max_results, plan_revert.skip) r(object_name, record_id, label, action, before, after, conflicts, total, conflicting);
END$function$, schema_name),
      null, 'What would become of each record if changes were taken back, and what is in the way, that first. Which changes: one (batch and seq), a statement (batch), either with all that was done together with it; a transaction; a request; or a record, or one field of it, since a moment or after a batch. skip leads to the next page.'),
    ('function', 'revert', format(
$function$CREATE OR REPLACE FUNCTION %1$I.revert(batch bigint DEFAULT NULL::bigint, seq integer DEFAULT NULL::integer, together boolean DEFAULT false, transaction_id xid8 DEFAULT NULL::xid8, request_id text DEFAULT NULL::text, object_name text DEFAULT NULL::text, record_id uuid DEFAULT NULL::uuid, field_name text DEFAULT NULL::text, moment timestamp with time zone DEFAULT NULL::timestamp with time zone, after_batch bigint DEFAULT NULL::bigint, on_conflict text DEFAULT 'REFUSE'::text, decisions jsonb DEFAULT NULL::jsonb)
 RETURNS jsonb
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.end_revert(engine.run_as_caller(engine.restore_reverted(engine.run_as_caller(engine.begin_revert(CURRENT_USER, %1$L::text, jsonb_build_object('batch', batch, 'seq', seq, 'together', together, 'transaction_id', transaction_id, 'request_id', request_id, 'object_name', object_name, 'record_id', record_id, 'field_name', field_name, 'moment', moment, 'after_batch', after_batch), on_conflict, decisions))))) AS end_revert;
END$function$, schema_name),
      null, 'Takes changes back, named as in planRevert, in one transaction and with the rights of the caller: who may not change a record does not take its changes back. onConflict says what becomes of what is in the way: REFUSE (all stays as it is), SKIP (the rest is taken back) or OVERWRITE (also what was changed since); decisions, {record: {column: OVERWRITE or SKIP}}, go before it. Returns how many records were reverted and skipped, and why. It is a change itself, so it can be taken back, too.'),
    ('function', 'deleted_records', format(
$function$CREATE OR REPLACE FUNCTION %1$I.deleted_records(object_name text, max_results integer DEFAULT 50, skip integer DEFAULT 0)
 RETURNS TABLE(record_id uuid, label text, data jsonb, deleted_at timestamp with time zone, deleted_by_name text)
 LANGUAGE sql
 STABLE ROWS 50
BEGIN ATOMIC
 SELECT d.record_id,
     d.label,
     d.data,
     d.deleted_at,
     d.deleted_by_name
    FROM engine.deleted_records(CURRENT_USER, %1$L::text, deleted_records.object_name, deleted_records.max_results, deleted_records.skip) d(record_id, label, data, deleted_at, deleted_by_name);
END$function$, schema_name),
      null, 'Deleted records of an object that the caller could read while they were there, with the fields that the caller may read, the latest first.'),
    ('function', 'changes_between', format(
$function$CREATE OR REPLACE FUNCTION %1$I.changes_between(after_position bigint, until_position bigint, object_ids uuid[] DEFAULT NULL::uuid[], with_records boolean DEFAULT false)
 RETURNS SETOF jsonb
 LANGUAGE sql
 STABLE
BEGIN ATOMIC
 SELECT c.c
    FROM engine.changes_between(CURRENT_USER, %1$L::text, changes_between.after_position, changes_between.until_position, changes_between.object_ids, changes_between.with_records) c(c);
END$function$, schema_name),
      '@behavior -*', 'What happened to records in statements after a position of the log up to another, as the caller may know it. Live updates tell it.'),
    ('function', 'announce_presence', format(
$function$CREATE OR REPLACE FUNCTION %1$I.announce_presence(object_name text, record_id uuid, page uuid, field text DEFAULT NULL::text, is_leaving boolean DEFAULT false)
 RETURNS boolean
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.announce_presence(CURRENT_USER, %1$L::text, object_name, record_id, page, field, is_leaving) AS announce_presence;
END$function$, schema_name),
      null, 'Says that the member has a record open, and which field is being edited, to all who see the record. It lasts 40 seconds, so repeat it; isLeaving ends it. Give each page a UUID of its own.'),
    ('function', 'present_members', format(
$function$CREATE OR REPLACE FUNCTION %1$I.present_members(object_name text, record_id uuid)
 RETURNS TABLE(member_id uuid, name text, field text, since timestamp with time zone, expires_at timestamp with time zone)
 LANGUAGE sql
 STABLE ROWS 5
BEGIN ATOMIC
 SELECT p.member_id,
     p.name,
     p.field,
     p.since,
     p.expires_at
    FROM engine.present_members(CURRENT_USER, %1$L::text, present_members.object_name, present_members.record_id) p(member_id, name, field, since, expires_at);
END$function$, schema_name),
      '@behavior -*', 'Who has a record open, for who may read it. The subscription presence tells it.'),
    ('function', 'update_records', format(
$function$CREATE OR REPLACE FUNCTION %1$I.update_records(object_name text, record_ids uuid[], patches jsonb, on_problem text DEFAULT 'REFUSE'::text)
 RETURNS jsonb
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.update_records(%2$L::uuid, %1$L::text, object_name, record_ids, patches, on_problem) AS update_records;
END$function$, schema_name, workspace_id),
      null, 'Changes records of an object, 10,000 at most, all in one transaction. patches is {"field": value} for all of them, or a list of such, one for each of recordIds. What cannot be changed refuses all (onProblem REFUSE) or is left as it is (SKIP). Returns updated, and left: the ids of those that were left or are not there.'),
    ('function', 'link_records', format(
$function$CREATE OR REPLACE FUNCTION %1$I.link_records(object_name text, record_ids uuid[], field_name text, other_id uuid, are_linked boolean DEFAULT true)
 RETURNS integer
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.link_records(%2$L::uuid, %1$L::text, object_name, record_ids, field_name, other_id, are_linked) AS link_records;
END$function$, schema_name, workspace_id),
      null, 'Links records of an object, 10,000 at most, to one other by a relation to many, or takes these links away (areLinked false). Returns how many links came or went; those that are linked already, or that the caller does not see, do not count.'),
    ('function', 'save_text', format(
$function$CREATE OR REPLACE FUNCTION %1$I.save_text(object_name text, record_id uuid, field_name text, base text, text text)
 RETURNS jsonb
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.save_text(%2$L::uuid, %1$L::text, object_name, record_id, field_name, base, text) AS save_text;
END$function$, schema_name, workspace_id),
      null, 'Changes a rich text, its Markdown, that still is what base says, and leaves it as it is where somebody else has changed it meanwhile. Returns isSaved and text: what it is now, or null for a record that is gone.'),
    ('function', 'merge_records', format(
$function$CREATE OR REPLACE FUNCTION %1$I.merge_records(object_name text, survivor_id uuid, other_ids uuid[], data jsonb DEFAULT '{}'::jsonb)
 RETURNS uuid
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.end_merge(%1$L::text, engine.run_merge(engine.begin_merge(CURRENT_USER, %1$L::text, object_name, survivor_id, other_ids, data))) AS end_merge;
END$function$, schema_name),
      null, 'Makes several records one: the survivor gets the values in data, named as when a record is created, and all that refers to the others; these go to the trash. Returns the survivor.')
  ) as v (kind, key, definition, tags, description)
  union all
  select * from engine.desired_comment_internals(schema_name)
  union all
  select * from engine.desired_file_internals(schema_name)
  union all
  select * from engine.desired_trash_internals(workspace_id, schema_name)
  union all
  select * from engine.desired_merge_internals(schema_name)
  union all
  select * from engine.desired_duplicate_internals(workspace_id, schema_name)
$$;
--! EndIncluded engine/internals.sql
--! Included metadata/lists.sql
-- Lists are records to which others are added by hand: the guests of a fair, the accounts of a quarter. They are an object as any other, made when somebody first wants
-- them. With the rights of the caller: it is a change of the model.
create or replace function metadata.keep_lists(object_id uuid) returns boolean
language plpgsql volatile set search_path = ''
as $$
declare
  v_object metadata.objects;
  v_list uuid;
  v_label uuid;
begin
  select o.* into v_object from metadata.objects o where o.id = keep_lists.object_id and not o.is_junction and o.deleted_at is null;
  if not found then
    return false;
  end if;
  select o.id into v_list from metadata.objects o where o.workspace_id = v_object.workspace_id and o.name_singular = 'list' and o.deleted_at is null;
  if v_list is null then
    insert into metadata.objects (workspace_id, name_singular, name_plural, label_singular, label_plural, description, icon)
    values (v_object.workspace_id, 'list', 'lists', 'List', 'Lists', 'Records put together by hand, such as the guests of a fair.', 'IconList')
    returning id into v_list;
    insert into metadata.fields (object_id, name, label, type, icon, is_required)
    values (v_list, 'name', 'Name', 'TEXT', 'IconAbc', true) returning id into v_label;
    insert into metadata.fields (object_id, name, label, type, icon) values (v_list, 'description', 'Description', 'TEXT', 'IconAlignLeft');
    update metadata.objects o set label_field_id = v_label where o.id = v_list;
  end if;
  if v_list = v_object.id or exists (
    select from metadata.fields f
    join metadata.fields near on near.id = f.junction_field_id
    join metadata.fields far on far.object_id = near.object_id and far.id <> near.id and far.deleted_at is null
    join metadata.relations r on r.field_id = far.id and r.target_object_id = v_list and r.deleted_at is null
    where f.object_id = v_object.id and f.type = 'MANY_TO_MANY' and f.deleted_at is null) then
    return false;
  end if;
  insert into metadata.fields (object_id, label, type, icon, settings)
  values (v_object.id, 'Lists', 'MANY_TO_MANY', 'IconList', jsonb_build_object('targetObjectId', v_list, 'inverseLabel', v_object.label_plural));
  return true;
end
$$;
comment on function metadata.keep_lists(uuid) is 'Lets the records of an object be put on lists; makes the object "List" when there is none yet. False when they can be already.';

grant execute on function metadata.keep_lists(uuid) to relvar_crm;
--! EndIncluded metadata/lists.sql
--! Included core/imports/run.sql
-- The worker's side. An import is one transaction, and that it is done is written in the same: whoever dies in the middle
-- has done nothing, and whoever comes after begins again, or finds that nothing is left to do.

create or replace function core.claim_import(import_id uuid) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_import core.imports;
begin
  update core.imports i set status = 'RUNNING', started_at = coalesce(i.started_at, now()), phase = 'reading', rows_done = 0, bytes_done = 0
  where i.id = import_id and i.status in ('WAITING', 'RUNNING') returning i.* into v_import;
  if not found then
    return null;
  end if;
  -- What an attempt before left.
  delete from core.import_problems p where p.import_id = claim_import.import_id;
  delete from core.import_parts p where p.import_id = claim_import.import_id and p.kind = 'REJECTS';
  return (
    select jsonb_build_object('fileName', v_import.file_name, 'fileSize', v_import.file_size, 'format', v_import.format, 'settings', v_import.settings, 'isDryRun', v_import.is_dry_run,
      'objectName', o.name_singular, 'schemaName', w.schema_name, 'memberId', m.id, 'impersonatorId', v_import.impersonator_id,
      -- The role that the member has now.
      'pgRole', case when m.is_active and o.is_active and o.deleted_at is null then r.pg_role end,
      'fixes', (select coalesce(jsonb_agg(jsonb_build_array(f.line, f.cell, f.value)), '[]') from core.import_fixes f where f.import_id = v_import.id))
    from core.members m
    join metadata.roles r on r.id = m.role_id
    join core.workspaces w on w.id = m.workspace_id
    join metadata.objects o on o.id = v_import.object_id
    where m.id = v_import.member_id);
end
$$;
comment on function core.claim_import(uuid) is 'What a worker needs to run an import, as whom with which rights; null where it is not to be run.';

-- Returns whether it is to end.
create or replace function core.note_import_progress(import_id uuid, phase text, rows_done bigint, bytes_done bigint) returns boolean
language sql volatile security definer set search_path = ''
as $$
  update core.imports i set phase = note_import_progress.phase, rows_done = note_import_progress.rows_done, bytes_done = note_import_progress.bytes_done
  where i.id = import_id and i.status = 'RUNNING' returning i.wants_cancel
$$;

create or replace function core.add_import_problems(import_id uuid, problems jsonb) returns void
language sql volatile security definer set search_path = ''
as $$
  insert into core.import_problems (import_id, line, kind, reason, cell, cells)
  select add_import_problems.import_id, x.line, x.kind, x.reason, x.cell, array(select e from jsonb_array_elements_text(x.cells) with ordinality u (e, n) order by u.n)
  from jsonb_to_recordset(problems) x (line bigint, kind text, reason text, cell int, cells jsonb)
  on conflict do nothing
$$;

-- What came of it. The file has served when the records are there; as long as it may be tried again it stays.
create or replace function core.end_import(import_id uuid, status text, result jsonb, failure jsonb) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_import core.imports;
begin
  update core.imports i set status = end_import.status, result = end_import.result, failure = end_import.failure, finished_at = clock_timestamp(), wants_cancel = false,
    is_file_kept = end_import.status <> 'DONE'
  where i.id = import_id and i.status = 'RUNNING' returning i.* into v_import;
  if not found then
    raise exception 'This import is not running any more.' using errcode = 'RV273', hint = 'Another worker has taken it over.';
  end if;
  if v_import.status = 'DONE' then
    delete from core.import_parts p where p.import_id = end_import.import_id and p.kind = 'FILE';
    delete from core.import_fixes f where f.import_id = end_import.import_id;
  end if;
  if not v_import.is_dry_run and v_import.status in ('DONE', 'FAILED') then
    perform core.tell_import_finished(v_import.id, v_import.workspace_id, v_import.member_id, v_import.object_id, v_import.file_name, coalesce(result, '{}'), failure ->> 'message');
  end if;
end
$$;

grant execute on function core.claim_import(uuid), core.note_import_progress(uuid, text, bigint, bigint), core.add_import_problems(uuid, jsonb),
  core.end_import(uuid, text, jsonb, jsonb) to relvar_worker;
grant execute on function engine.explain_violation(text, text, text, text, name) to relvar_worker;
--! EndIncluded core/imports/run.sql
--! Included core/imports/start.sql
create or replace function core.start_import(import_id uuid, is_dry_run boolean, format jsonb, settings jsonb, headers_key text) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_import core.imports;
begin
  update core.imports i set status = 'WAITING', is_dry_run = start_import.is_dry_run, format = start_import.format, settings = start_import.settings,
    wants_cancel = false, phase = null, rows_done = 0, bytes_done = 0, result = null, failure = null, started_at = null, finished_at = null
  where i.id = import_id and i.status in ('READY', 'CHECKED', 'FAILED', 'CANCELLED') and i.is_file_kept
  returning i.* into v_import;
  if not found then
    raise exception 'This import cannot be started.' using errcode = 'RV271', hint = 'It runs, has ended, or its file was deleted. Upload the file again.';
  end if;
  delete from core.import_problems p where p.import_id = start_import.import_id;
  insert into core.import_mappings as m (workspace_id, object_id, headers_key, settings)
  values (v_import.workspace_id, v_import.object_id, start_import.headers_key, start_import.settings)
  on conflict on constraint import_mappings_pkey do update set settings = excluded.settings, used_at = now();
  perform graphile_worker.add_job('imports__run', json_build_object('import_id', import_id, 'workspace_id', v_import.workspace_id), max_attempts => 5, job_key => 'import:' || import_id);
end
$$;
comment on function core.start_import(uuid, boolean, jsonb, jsonb, text) is 'Has a worker import a file, or find out what would come of it, and remembers where its columns go.';

-- What runs ends at the next look of its worker; what waits never begins.
create or replace function core.cancel_import(import_id uuid) returns void
language plpgsql volatile security definer set search_path = ''
as $$
begin
  update core.imports i set wants_cancel = true where i.id = import_id and i.status = 'RUNNING';
  if not found then
    update core.imports i set status = case when i.is_dry_run then 'READY' else 'CANCELLED' end, finished_at = clock_timestamp() where i.id = import_id and i.status = 'WAITING';
  end if;
end
$$;

create or replace function core.fix_import(import_id uuid, fixes jsonb) returns void
language plpgsql volatile security definer set search_path = ''
as $$
begin
  insert into core.import_fixes as f (import_id, line, cell, value)
  select fix_import.import_id, x.line, x.cell, x.value from jsonb_to_recordset(fixes) x (line bigint, cell int, value text)
  on conflict on constraint import_fixes_pkey do update set value = excluded.value;
  if (select count(*) from core.import_fixes f where f.import_id = fix_import.import_id) > 10000 then
    raise exception 'Too many cells are mended here.' using errcode = 'RV272', hint = 'Up to 10,000 can be. Mend the file itself, or the file of rejected rows, and upload it again.';
  end if;
end
$$;

create or replace function core.recall_mapping(workspace_id uuid, object_id uuid, headers_key text) returns jsonb
language sql stable security definer set search_path = ''
as $$
  select m.settings from core.import_mappings m
  where m.workspace_id = recall_mapping.workspace_id and m.object_id = recall_mapping.object_id and m.headers_key = recall_mapping.headers_key
$$;

grant execute on function core.start_import(uuid, boolean, jsonb, jsonb, text), core.cancel_import(uuid), core.fix_import(uuid, jsonb),
  core.recall_mapping(uuid, uuid, text) to relvar_server;
--! EndIncluded core/imports/start.sql
-- Indexes that lists are sorted by.
drop function if exists engine.desired_model_indexes(uuid, uuid[]);
drop function if exists engine.index_definition(metadata.indexes);
drop function if exists engine.index_name(text, uuid);
--! Included engine/rules/indexes.sql
-- Indexes that people add. On a formula they are indexes of the expression, since a virtual column
-- has nothing to index; PostgreSQL takes them for the column as well, which it reads as the formula.

create or replace function engine.index_fields(index metadata.indexes) returns uuid[]
language sql stable set search_path = ''
as $$
  select array(
    select (e ->> 'fieldId')::uuid from jsonb_array_elements((index).parts) e
    union
    select engine.formula_fields((index).compiled))
$$;
comment on function engine.index_fields(metadata.indexes) is 'The fields that an index reads.';

create or replace function engine.live_indexes(workspace_id uuid, scope uuid[] default null) returns setof metadata.indexes
language sql stable set search_path = ''
as $$
  select i.* from metadata.indexes i
  where i.workspace_id = live_indexes.workspace_id and (scope is null or i.object_id = any (scope))
    and not exists (
      select from unnest(engine.index_fields(i)) as u (id)
      where not exists (
        select from metadata.fields f
        where f.id = u.id and f.deleted_at is null
          -- What is computed goes with a deleted object, and is there again with it.
          and (f.type not in ('FORMULA', 'ROLLUP') or exists (select from metadata.objects o where o.id = f.object_id and o.deleted_at is null))))
$$;

-- What one index of the model comes to in PostgreSQL. Lists are sorted by whether they are empty first, so that what is empty comes last
-- in either direction, then by the value, then by id; and an index serves an order that it has the whole of. So the last of the fields, the
-- one that sorts what the fields before it have in common, stands in the index as in a list. One end of an index can have the empties,
-- which makes two of an index of one field: rising, and falling; of one that is asked to be descending, falling alone. PostgreSQL finds
-- single values and ranges by the same, passing over whether they are empty; below 18 it does not, and has an index of the value besides.
create or replace function engine.index_definitions(index metadata.indexes, spec engine.column_spec[]) returns table (suffix text, definition text, layout text)
language sql stable set search_path = ''
as $$
  with part as (
    select p.n, p.n = jsonb_array_length((index).parts) as is_last, '(' || engine.value_sql(f, v.part) || ')' as value,
      coalesce(p.part -> 'descending' = 'true', false) as is_descending, exists (select from unnest(spec) s where s.field_id = f.id and s.part = v.part and s.not_null) as is_never_empty, f.is_system and f.name = 'id' as is_id
    from jsonb_array_elements((index).parts) with ordinality as p (part, n)
    join metadata.fields f on f.id = (p.part ->> 'fieldId')::uuid
    cross join lateral (select coalesce(p.part ->> 'part', engine.main_part(f)) as part) v
  ), shape as (
    select count(*) = 1 as is_single, bool_or(is_last and is_never_empty) as is_never_empty, bool_or(is_last and is_descending) as is_descending, bool_or(is_id) as has_id from part
  ), wanted as (
    select v.* from shape s cross join lateral (values
      ('', s.is_descending, true),
      (':falling', true, s.is_single and not s.is_never_empty and not s.is_descending),
      (':values', null, s.is_single and not s.is_never_empty and current_setting('server_version_num')::int < 180000)) v (suffix, is_descending, is_wanted)
    where (index).kind = 'BTREE' and v.is_wanted
  )
  select w.suffix, '(' || string_agg(case when not p.is_last or w.is_descending is null then p.value || case when p.is_descending and not p.is_last then ' desc' else '' end
      else case when p.is_never_empty then '' when w.is_descending then '(' || p.value || ' is not null)' || d.direction || ', ' else '(' || p.value || ' is null), ' end
        || p.value || d.direction || case when s.has_id then '' else ', id' || d.direction end end, ', ' order by p.n) || ')' || c.condition,
    case when s.is_never_empty then 'in order' else 'empties last' end
  from part p cross join wanted w cross join shape s
  cross join lateral (select coalesce(' where (' || engine.formula_sql((index).compiled) || ')', '') as condition) c
  cross join lateral (select case when w.is_descending then ' desc' else '' end as direction) d
  group by w.suffix, c.condition, s.is_never_empty
  union all
  select '', 'using gin (' || string_agg(p.value || case (index).kind when 'TRIGRAM' then ' public.gin_trgm_ops' else '' end, ', ' order by p.n) || ')'
      || coalesce(' where (' || engine.formula_sql((index).compiled) || ')', ''), null
  from part p where (index).kind <> 'BTREE' having count(*) > 0
$$;
comment on function engine.index_definitions(metadata.indexes, engine.column_spec[]) is 'What follows the table in create index, for each index that one of the model comes to.';

create or replace function engine.index_name(table_name text, index_id uuid, suffix text) returns text
language sql immutable parallel safe set search_path = ''
  return engine.fit_name(table_name || '_index_' || right(replace(index_id::text, '-', ''), 12) || replace(suffix, ':', '_'));

create or replace function engine.desired_model_indexes(workspace_id uuid, spec engine.column_spec[], scope uuid[]) returns setof engine.fact
language sql stable set search_path = ''
as $$
  select 'index', i.object_id || ' index:' || i.id || d.suffix, i.object_id::text, o.table_name, engine.index_name(o.table_name, i.id, d.suffix),
    d.definition,
    engine.fact_comment('index:' || i.id || d.suffix, concat_ws('|', i.kind, i.parts, i.compiled, engine.fields_basis(engine.index_fields(i)), d.layout), null, i.name),
    null, null::boolean, null, null, null::oid
  from engine.live_indexes(desired_model_indexes.workspace_id, scope) i
  join metadata.objects o on o.id = i.object_id and o.workspace_id = i.workspace_id
  cross join lateral engine.index_definitions(i, spec) d
$$;

-- Where the engine, or somebody, keeps the same index already: in words. One that keeps values unique does not sort those that can be empty.
create or replace function engine.index_twin(index metadata.indexes) returns text
language sql stable set search_path = ''
as $$
  with first as (
    select f.* from metadata.fields f where f.id = ((index).parts #>> '{0,fieldId}')::uuid
  ), last as (
    select coalesce(bool_or(c.not_null), false) as is_never_empty
    from metadata.fields f
    cross join lateral engine.columns(f.workspace_id, array[f.object_id]) c
    where f.id = ((index).parts #>> '{-1,fieldId}')::uuid and c.field_id = f.id and c.part = coalesce((index).parts #>> '{-1,part}', engine.main_part(f))
  )
  select coalesce(
    (select case
      when f.is_system and f.name = 'id' then 'the key of the records'
      when f.is_unique and l.is_never_empty and coalesce((index).parts #>> '{0,part}', engine.main_part(f)) = engine.main_part(f)
        and f.type not in ('EMAILS', 'LINKS') and f.settings -> 'uniqueIgnoresCase' is distinct from 'true' then format('the index that keeps "%s" unique', f.label)
      when f.type in ('RELATION', 'MEMBER', 'MORPH_RELATION') then format('the index of the relation "%s"', f.label) end
      from first f cross join last l
      where (index).kind = 'BTREE' and jsonb_array_length((index).parts) = 1 and (index).condition is null),
    (select format('the rule "%s"', engine.rule_text(r)) from metadata.rules r
      where (select l.is_never_empty from last l) and r.object_id = (index).object_id and r.kind = 'UNIQUE' and r.is_active and (index).kind = 'BTREE' and (index).condition is null
        and r.condition is null and r.applies_from is null and r.settings -> 'ignoreCase' is distinct from 'true'
        and (select jsonb_agg(e -> 'fieldId' order by n) from jsonb_array_elements((index).parts) with ordinality as u (e, n)) = r.settings -> 'fieldIds'
        and not jsonb_path_exists((index).parts, '$[*] ? (@.descending == true || exists (@.part))') limit 1),
    (select format('the index "%s"', i.name) from metadata.indexes i
      where i.object_id = (index).object_id and i.id <> (index).id and i.kind = (index).kind and i.parts = (index).parts
        and i.condition is not distinct from (index).condition limit 1))
$$;

create or replace function engine.tg_indexes__validate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_part jsonb;
  v_parts jsonb := '[]';
  v_field metadata.fields;
  v_type text;
  v_pg_type text;
  v_name text;
  v_key text;
  v_twin text;
begin
  new.id := coalesce(new.id, engine.uuidv7());
  new.workspace_id := coalesce(new.workspace_id, (select o.workspace_id from metadata.objects o where o.id = new.object_id));
  new.kind := coalesce(new.kind, 'BTREE');
  if not exists (select from metadata.objects o where o.id = new.object_id and o.workspace_id = new.workspace_id) then
    raise exception 'There is no such object.' using errcode = 'RV011', column = 'object_id';
  end if;
  if jsonb_typeof(new.parts) <> 'array' or new.parts = '[]' then
    raise exception '% are no parts of an index.', left(new.parts::text, 100) using errcode = 'RV083', column = 'parts', hint = 'Give parts such as [{"fieldId": "…", "descending": true}].';
  end if;
  if jsonb_array_length(new.parts) > 8 then
    raise exception 'An index goes by at most 8 fields.' using errcode = 'RV083', column = 'parts', hint = 'PostgreSQL seldom uses more than the first three.';
  end if;
  for v_part in select e from jsonb_array_elements(new.parts) e loop
    if jsonb_typeof(v_part) = 'object' then
      select k into v_key from jsonb_object_keys(v_part) k where k not in ('fieldId', 'part', 'descending') limit 1;
    end if;
    if jsonb_typeof(v_part) <> 'object' or v_key is not null or coalesce(jsonb_typeof(v_part -> 'descending'), 'boolean') <> 'boolean' then
      raise exception '% is no part of an index.', v_part using errcode = 'RV083', column = 'parts', hint = 'Give parts such as [{"fieldId": "…", "descending": true}].';
    end if;
    select f.* into v_field from metadata.fields f
    where f.object_id = new.object_id and f.id::text = v_part ->> 'fieldId' and f.deleted_at is null;
    if not found then
      raise exception 'The index needs fields of the object.' using errcode = 'RV083', column = 'parts', hint = 'Give parts such as [{"fieldId": "…", "descending": true}].';
    end if;
    v_name := coalesce(v_part ->> 'part', engine.main_part(v_field));
    v_type := engine.value_type(v_field);
    v_pg_type := engine.value_pg_type(v_field, v_name);
    if v_pg_type is null or engine.value_sql(v_field, v_name) is null then
      raise exception 'The field "%" has no part "%".', v_field.label, v_name using errcode = 'RV083', column = 'parts',
        hint = case when v_type = 'MANY_TO_MANY' then 'The links have indexes of their own.' else coalesce('It has the parts '
          || (select string_agg(c.part, ', ' order by c.position) from engine.field_type_columns c where c.type = v_type and c.part <> '') || '.', 'It has no parts.') end;
    end if;
    if (case new.kind when 'BTREE' then v_pg_type in ('jsonb', 'text[]', 'tsvector') when 'GIN' then v_pg_type not in ('jsonb', 'text[]') else v_pg_type <> 'text' end) then
      raise exception 'An index of kind % does not fit the field "%".', new.kind, v_field.label using errcode = 'RV083', column = 'kind',
        hint = case when v_pg_type = 'tsvector' then 'Search has an index of its own.' when v_pg_type in ('jsonb', 'text[]') then 'Choose GIN, which finds what is in lists and JSON.'
          when v_pg_type = 'text' and new.kind = 'GIN' then 'Choose BTREE for equality and order, TRIGRAM for "contains".' else 'Choose BTREE.' end;
    end if;
    if new.kind <> 'BTREE' and v_part -> 'descending' = 'true' then
      raise exception 'An index of kind % has no order.', new.kind using errcode = 'RV083', column = 'parts', hint = 'Leave "descending" out, or choose BTREE.';
    end if;
    -- Written the same way whoever writes it, so that two that are alike look alike.
    v_parts := v_parts || jsonb_build_array(jsonb_strip_nulls(jsonb_build_object('fieldId', v_field.id,
      'part', case when v_name <> engine.main_part(v_field) then v_name end, 'descending', case when v_part -> 'descending' = 'true' then true end)));
  end loop;
  if (select count(distinct e - 'descending') from jsonb_array_elements(v_parts) e) <> jsonb_array_length(v_parts) then
    raise exception 'The index names a field twice.' using errcode = 'RV083', column = 'parts';
  end if;
  new.parts := v_parts;
  if octet_length(new.name) > 200 then
    raise exception 'The name of the index is longer than 200 bytes.' using errcode = 'RV083', column = 'name';
  end if;
  if exists (select from metadata.indexes i where i.object_id = new.object_id and i.name = new.name and i.id <> new.id) then
    raise exception 'There is an index "%" already.', new.name using errcode = 'RV083', column = 'name', hint = 'Call this one otherwise.';
  end if;
  if nullif(btrim(new.condition), '') is null then
    new.condition := null;
    new.compiled := null;
  elsif tg_op = 'INSERT' or new.condition is distinct from old.condition then
    new.compiled := engine.formula_compile(new.object_id, new.condition, 'CONDITION');
  else
    new.condition := engine.formula_text(new.compiled);
  end if;
  v_twin := engine.index_twin(new);
  if v_twin is not null then
    raise exception 'There is an index like that already: %.', v_twin using errcode = 'RV083', column = 'parts', hint = 'PostgreSQL uses it; a second one only makes writing slower.';
  end if;
  return new;
end
$$;
create or replace trigger _100_validate before insert or update on metadata.indexes for each row execute function engine.tg_indexes__validate();
--! EndIncluded engine/rules/indexes.sql
--! Included engine/difference.sql
-- Desired against actual: every fact that is missing, extra or not as it should be.

-- The columns are what most else follows from: found once, and handed on.
create or replace function engine.desired(workspace_id uuid, schema_name text, scope uuid[] default null) returns setof engine.fact
language plpgsql stable set search_path = ''
as $$
declare
  v_spec engine.column_spec[] := array(select c from engine.columns(workspace_id, scope) c);
begin
  perform engine.assert_columns_differ(workspace_id, v_spec);
  return query select * from engine.desired_tables(workspace_id, scope);
  return query select * from engine.desired_columns(workspace_id, v_spec, scope);
  return query select * from engine.desired_constraints(workspace_id, schema_name, v_spec, scope);
  return query select * from engine.desired_indexes(workspace_id, v_spec, scope);
  return query select * from engine.desired_field_checks(workspace_id, v_spec, scope);
  return query select * from engine.desired_rules(workspace_id, scope);
  return query select * from engine.desired_model_indexes(workspace_id, v_spec, scope);
  return query select * from engine.desired_duplicate_indexes(workspace_id, scope);
  return query select * from engine.desired_policy_indexes(workspace_id, scope);
  return query select * from engine.desired_triggers(workspace_id, scope, v_spec);
  return query select * from engine.desired_computed(workspace_id, schema_name, scope);
  return query select * from engine.desired_conversions(workspace_id, schema_name, scope);
  return query select * from engine.desired_security(workspace_id, scope);
  if scope is null then
    return query select * from engine.desired_internals(workspace_id, schema_name);
    return query select * from engine.desired_roles(workspace_id);
  end if;
end
$$;
comment on function engine.desired(uuid, text, uuid[]) is 'What should stand in a tenant schema, derived from metadata; for the objects in scope, or for all.';

-- As the planner of PostgreSQL estimates: the density when the table was last analysed, times its
-- size now. One that never was is taken for records of 150 bytes.
create or replace function engine.row_estimate(relation oid) returns bigint
language sql stable set search_path = ''
  return coalesce((
    select case when c.relpages > 0 and c.reltuples >= 0 then c.reltuples / c.relpages * (pg_catalog.pg_relation_size(c.oid) / 8192) else pg_catalog.pg_relation_size(c.oid) / 150 end
    from pg_catalog.pg_class c where c.oid = relation), 0)::bigint;

-- What a difference is like. Words for people are no part of it, nor is the oid, which a restored dump changes.
create or replace function engine.drift_basis(want engine.fact, have engine.fact) returns text
language sql immutable set search_path = ''
  return md5(case when coalesce((want).kind, (have).kind) = 'column'
    then concat_ws('|', (want).pg_type, (want).not_null, (want).default_expr, '>', (have).pg_type, (have).not_null, (have).default_expr)
    else concat_ws('|', split_part((want).comment, E'\n', 1), '>', (have).name, split_part((have).comment, E'\n', 1), (have).not_null) end);

-- A column that somebody decided to leave as it is is wanted as it is, and named and described as ever.
create or replace function engine.left_alone(want engine.fact, have engine.fact) returns engine.fact
language plpgsql immutable set search_path = ''
as $$
begin
  want.pg_type := have.pg_type;
  want.not_null := have.not_null;
  want.default_expr := have.default_expr;
  return want;
end
$$;

create or replace function engine.difference(workspace_id uuid, schema_name text, scope uuid[] default null, with_ignored boolean default false) returns setof engine.difference
language sql stable set search_path = ''
as $$
  -- With the objects that computed fields link to those in scope.
  with linked as materialized (
    select engine.linked_scope(workspace_id, scope) as scope
  ), modelled as materialized (
    select * from engine.desired(workspace_id, schema_name, (select l.scope from linked l))
  ), have as materialized (
    -- What somebody made beside the engine (a table, a column, an index, a trigger) is theirs and stays;
    -- a policy or a grant is not, since it opens what the engine keeps shut.
    select * from engine.actual(schema_name, (select l.scope from linked l)) a where a.key is not null and (a.kind = 'policy' or a.key !~ '(^| )unmanaged:')
  ), kept as materialized (
    -- A stored column rewrites its table when it is added or comes to be computed otherwise. On a large
    -- table it is a plain one instead, which a trigger keeps; and what is plain once stays so.
    select m.*
    from modelled m
    join have t on t.kind = 'table' and t.key = m.table_key
    left join have h on h.kind = 'column' and h.key = m.key
    where m.kind = 'column' and m.definition = 'stored'
      and case when h.generated_expr is null and h.key is not null then true
        when split_part(m.comment, E'\n', 1) is distinct from split_part(h.comment, E'\n', 1) then engine.row_estimate(t.oid) > (select s.online_rows from engine.settings s)
        else false end
  ), want as materialized (
    select m.kind, m.key, m.table_key, m.table_name, m.name, case when k.key is null then m.definition else 'kept' end as definition, m.comment, m.pg_type, m.not_null, m.default_expr,
      case when k.key is null then m.generated_expr end as generated_expr, m.oid
    from modelled m left join kept k on m.kind = 'column' and k.key = m.key
    union all
    select * from engine.desired_kept(workspace_id, schema_name, array(select row(k.*)::engine.fact from kept k))
  ), pair as (
    select coalesce(w.kind, h.kind) as kind, coalesce(w.key, h.key) as key,
      case when i.key is null then row(w.*)::engine.fact else engine.left_alone(row(w.*)::engine.fact, row(h.*)::engine.fact) end as want, row(h.*)::engine.fact as have, w.key is null as is_extra, h.key is null as is_missing,
      -- The first line of a comment is the identity and the hash of what the thing depends on.
      split_part(coalesce(w.comment, ''), E'\n', 1) is distinct from split_part(coalesce(h.comment, ''), E'\n', 1) as is_rebased,
      w.name is distinct from h.name or w.comment is distinct from h.comment as is_relabelled
    from want w full join have h on h.kind = w.kind and h.key = w.key
    left join metadata.ignored_drift i on not with_ignored and i.workspace_id = difference.workspace_id
      and i.kind = coalesce(w.kind, h.kind) and i.key = coalesce(w.key, h.key) and i.basis = engine.drift_basis(row(w.*)::engine.fact, row(h.*)::engine.fact)
    where i.key is null or i.kind = 'column'
  ), judged as (
    select p.*, not p.is_missing and not p.is_extra and case p.kind
        when 'constraint' then p.is_rebased
        when 'trigger' then p.is_rebased
        when 'policy' then (p.want).definition is distinct from (p.have).definition
        when 'function' then p.is_rebased
        -- not_null of an actual index says whether it is valid.
        when 'index' then p.is_rebased or not (p.have).not_null
        -- A generated column is compared by what it depends on, which its comment bears.
        when 'column' then ((p.want).generated_expr is not null or (p.have).generated_expr is not null)
          and (p.is_rebased or (p.want).generated_expr is null or (p.have).generated_expr is null)
          -- What is stored becomes plain in place.
          and not coalesce((p.want).definition = 'kept' and (p.have).definition = 'stored', false)
        else false
      end as is_recreated
    from pair p
  ), dragged as materialized (
    -- An index or a rule goes with the column that it is on when that is dropped and made anew.
    select d.objid as oid
    from judged c
    join have t on t.kind = 'table' and t.key = (c.have).table_key
    join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attname = (c.have).name
    join pg_catalog.pg_depend d on d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = t.oid and d.refobjsubid = a.attnum
      and d.classid in ('pg_catalog.pg_class'::regclass, 'pg_catalog.pg_constraint'::regclass)
    where c.kind = 'column' and c.is_recreated
  ), judged_whole as (
    select j.kind, j.key, j.want, j.have, j.is_extra, j.is_missing, j.is_relabelled,
      j.is_recreated or j.kind in ('index', 'constraint') and not j.is_missing and not j.is_extra and (j.have).oid in (select d.oid from dragged d) as is_recreated
    from judged j
  ), shaken as materialized (
    -- Privileges stay with a column through its rename, and go with one that is made anew. Where names change hands they are given anew.
    select distinct (j.have).table_key as table_key, j.is_recreated from judged j
    where j.kind = 'column' and not j.is_missing and not j.is_extra and ((j.want).name <> (j.have).name or j.is_recreated)
  )
  select j.kind, j.key, j.want, j.have, j.is_missing, j.is_extra, j.is_recreated,
    coalesce(ht.name, (j.have).table_name), coalesce((j.want).table_name, wt.name, (j.have).table_name),
    engine.row_estimate(c.oid)
  from judged_whole j
  left join have ht on ht.kind in ('table', 'internal') and ht.key = coalesce((j.want).table_key, (j.have).table_key)
  left join want wt on wt.kind = 'table' and wt.key = (j.have).table_key
  left join pg_catalog.pg_class c on c.oid = ht.oid
  where j.is_missing or j.is_extra or j.is_recreated
    or (j.is_relabelled and j.kind not in ('rls', 'grant', 'role'))
    or ((j.want).definition is distinct from (j.have).definition and j.kind in ('rls', 'grant'))
    -- Added without a look at the records that were there.
    or (j.kind = 'constraint' and not (j.have).not_null)
    or (j.kind = 'grant' and (j.want).table_key in (select s.table_key from shaken s where not s.is_recreated))
    or (j.kind = 'grant' and (j.want).definition like '%select (%' and (j.want).table_key in (select s.table_key from shaken s where s.is_recreated))
    or (j.kind = 'column' and ((j.want).pg_type <> (j.have).pg_type or (j.want).not_null <> (j.have).not_null
      or ((j.want).generated_expr is null and (j.want).default_expr is distinct from (j.have).default_expr)))
$$;
comment on function engine.difference(uuid, text, uuid[], boolean) is 'Facts in which a tenant schema differs from its metadata, but for differences that are ignored.';
--! EndIncluded engine/difference.sql
--! Included engine/drift/resolve.sql
-- Adopting writes metadata and signs what is there with its identity, so that nothing is built anew
-- and all data stays. Repairing runs the statements that were shown, and no others.

create or replace function engine.label_of(database_name text) returns text
language sql immutable strict set search_path = ''
  return upper(left(replace(database_name, '_', ' '), 1)) || substr(replace(database_name, '_', ' '), 2);

-- The comment that the engine would write, once metadata says what is there.
create or replace function engine.sign(workspace_id uuid, schema_name text, object_id uuid, fact_kind text, fact_key text, target text) returns void
language plpgsql volatile set search_path = ''
as $$
begin
  execute format('comment on %s is %L', target, (
    select d.comment from engine.desired(sign.workspace_id, schema_name, array[sign.object_id]) d where d.kind = fact_kind and d.key = fact_key));
end
$$;

create or replace function engine.adopt_column(v_object metadata.objects, schema_name text, relation oid, column_name text) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  a record;
  v_type record;
  v_default jsonb;
  v_field uuid := engine.uuidv7();
  v_relation uuid := engine.uuidv7();
  v_target metadata.objects;
  v_key record;
begin
  select t.*, pg_catalog.format_type(t.atttypid, t.atttypmod) as pg_type, pg_catalog.pg_get_expr(d.adbin, d.adrelid) as expression,
    nullif(pg_catalog.col_description(relation, t.attnum), '') as described into a
  from pg_catalog.pg_attribute t left join pg_catalog.pg_attrdef d on d.adrelid = t.attrelid and d.adnum = t.attnum
  where t.attrelid = relation and t.attname = column_name;
  select k.oid, k.conname, k.confrelid, k.confdeltype into v_key from pg_catalog.pg_constraint k
  where k.conrelid = relation and k.contype = 'f' and k.conkey = array[a.attnum] and k.confdeltype in ('n', 'c', 'r', 'a') limit 1;
  select o.* into v_target from metadata.objects o
  where o.workspace_id = (v_object).workspace_id and o.deleted_at is null and to_regclass(format('%I.%I', schema_name, o.table_name)) = v_key.confrelid;
  v_type := engine.field_type_of(a.pg_type);
  if v_target.id is not null and a.pg_type = 'uuid' and column_name ~ '._id$' then
    insert into metadata.fields (id, workspace_id, object_id, name, label, type, is_required, position)
    values (v_field, (v_object).workspace_id, (v_object).id, engine.name_of(left(column_name, -3)), engine.label_of(left(column_name, -3)), 'RELATION', a.attnotnull, a.attnum);
    insert into metadata.relations (id, workspace_id, field_id, target_object_id, inverse_name, inverse_label, on_delete)
    values (v_relation, (v_object).workspace_id, v_field, v_target.id, engine.free_field_name(v_target.id, (v_object).name_plural), (v_object).label_plural,
      case v_key.confdeltype when 'n' then 'SET_NULL' when 'c' then 'CASCADE' else 'RESTRICT' end);
    execute format('comment on column %s.%I is %L', relation::regclass, column_name, '@relvar ' || engine.column_key(v_field, 1, v_relation::text));
    -- NO ACTION is not what the engine writes for RESTRICT, so that key is made anew.
    if v_key.confdeltype <> 'a' then
      perform engine.sign((v_object).workspace_id, schema_name, (v_object).id, 'constraint', (v_object).id || ' fk:' || v_relation, format('constraint %I on %s', v_key.conname, relation::regclass));
    else
      execute format('alter table %s drop constraint %I', relation::regclass, v_key.conname);
    end if;
    return;
  end if;
  v_default := engine.default_of(a.pg_type, a.expression);
  insert into metadata.fields (id, workspace_id, object_id, name, label, description, type, settings, default_value, is_required, position)
  values (v_field, (v_object).workspace_id, (v_object).id, engine.name_of(column_name), engine.label_of(column_name), coalesce(a.described, ''), v_type.type,
    -- What is there may be blank; NOT NULL does not ask.
    v_type.settings || case when a.attnotnull and v_type.type in ('TEXT', 'ARRAY', 'RAW_JSON') then '{"allowBlank": true}' else '{}' end::jsonb, v_default, a.attnotnull, a.attnum);
  execute format('comment on column %s.%I is %L', relation::regclass, column_name, '@relvar ' || v_field);
end
$$;

create or replace function engine.adopt_table(workspace_id uuid, schema_name text, relation oid) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_table text := (select c.relname from pg_catalog.pg_class c where c.oid = relation);
  v_object metadata.objects;
  v_name text := engine.name_of(v_table);
  v_singular text;
  v_column record;
begin
  if (select c.relowner from pg_catalog.pg_class c where c.oid = relation) <> 'relvar_owner'::regrole then
    raise exception 'The table % belongs to another role, so it cannot be adopted.', v_table using errcode = 'RV085', column = 'key',
      hint = format('As an administrator: alter table %I.%I owner to relvar_owner;', schema_name, v_table);
  end if;
  v_singular := case when v_name ~ '[^aeiou]ies$' then left(v_name, -3) || 'y' when v_name ~ '[^s]s$' then left(v_name, -1) else v_name || 'Record' end;
  insert into metadata.objects (workspace_id, name_singular, name_plural, label_singular, label_plural, is_searchable, position)
  values (adopt_table.workspace_id, v_singular, v_name, engine.label_of(engine.snake_case(v_singular)), engine.label_of(v_table), false,
    (select coalesce(max(o.position), 0) + 1 from metadata.objects o where o.workspace_id = adopt_table.workspace_id))
  returning * into v_object;
  execute format('comment on table %s is %L', relation::regclass, '@relvar ' || v_object.id);
  for v_column in
    select a.attname, f.id from pg_catalog.pg_attribute a
    left join metadata.fields f on f.object_id = v_object.id and f.is_system and f.type <> 'ACTOR' and engine.snake_case(f.name) = a.attname
    where a.attrelid = relation and a.attnum > 0 and not a.attisdropped order by a.attnum
  loop
    if v_column.id is not null then
      execute format('comment on column %s.%I is %L', relation::regclass, v_column.attname, '@relvar ' || v_column.id);
    else
      perform engine.adopt_column(v_object, schema_name, relation, v_column.attname);
    end if;
  end loop;
  for v_column in select k.conname from pg_catalog.pg_constraint k where k.conrelid = relation and k.contype = 'p' loop
    perform engine.sign(adopt_table.workspace_id, schema_name, v_object.id, 'constraint', v_object.id || ' pk', format('constraint %I on %s', v_column.conname, relation::regclass));
  end loop;
  update metadata.objects o set label_field_id = (
    select f.id from metadata.fields f where f.object_id = o.id and f.type = 'TEXT' and not f.is_system
    order by f.name in ('name', 'title', 'label') desc, f.position limit 1)
  where o.id = v_object.id;
end
$$;

-- What the engine made, and somebody altered: metadata follows.
create or replace function engine.adopt_difference(workspace_id uuid, d engine.difference) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_id uuid := substring((d).key from '[0-9a-f]{8}-[0-9a-f-]{27}')::uuid;
  v_thing uuid := substring((d).key from ':([0-9a-f-]{36})')::uuid;
  v_part text := split_part((d).key, '.', 2);
  v_default jsonb;
begin
  case
    when (d).kind = 'table' then
      update metadata.objects o set name_plural = engine.camel_case((d).have.name) where o.id = v_id;
    when (d).kind = 'column' and (d).is_missing then
      -- The values are gone, so nothing is left to restore: the second time drops it.
      delete from metadata.fields f where f.id = v_id;
      delete from metadata.fields f where f.id = v_id;
    when (d).kind = 'column' then
      v_default := engine.default_of((d).have.pg_type, (d).have.default_expr);
      update metadata.fields f set
        name = case when (d).want.name <> (d).have.name then engine.camel_case((d).have.name) else f.name end,
        is_required = case when (d).want.not_null <> (d).have.not_null then (d).have.not_null else f.is_required end,
        settings = case when (d).have.not_null and not (d).want.not_null and (d).have.pg_type in ('text', 'text[]', 'jsonb') and f.type not in ('SELECT', 'COLOR')
          then f.settings || '{"allowBlank": true}' else f.settings end,
        default_value = case when (d).want.default_expr is not distinct from (d).have.default_expr then f.default_value
          when v_part = '' then v_default else jsonb_strip_nulls(coalesce(f.default_value, '{}') || jsonb_build_object(v_part, v_default)) end
      where f.id = v_id;
    when (d).key ~ ' rule:' then
      delete from metadata.rules r where r.id = v_thing;
    when (d).key ~ ' index:' then
      delete from metadata.indexes i where i.id = v_thing;
    else
      update metadata.fields f set is_unique = false where f.id = v_thing;
  end case;
end
$$;

create or replace function engine.adopt(workspace_id uuid, schema_name text, item engine.drift_item) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_object metadata.objects;
  v_table oid;
  v_model jsonb;
  v_id uuid := engine.uuidv7();
  v_key text;
  k record;
begin
  select o.* into v_object from metadata.objects o where o.id = (item).object_id;
  v_table := to_regclass(format('%I.%I', schema_name, case (item).kind when 'table' then (item).name else coalesce(v_object.table_name, '') end));
  if (item).key !~ '(^| )unmanaged:' then
    perform engine.adopt_difference(workspace_id, d) from engine.difference(workspace_id, schema_name, null, true) d where (d.kind, d.key) = ((item).kind, (item).key);
  elsif (item).kind = 'table' then
    perform engine.adopt_table(workspace_id, schema_name, v_table);
  elsif (item).kind = 'column' then
    perform engine.adopt_column(v_object, schema_name, v_table, (item).name);
  else
    select c.oid, c.contype, c.conindid into k from pg_catalog.pg_constraint c where (item).kind = 'constraint' and c.conrelid = v_table and c.conname = (item).name;
    if k.contype = 'c' then
      v_model := engine.check_as_rule(k.oid);
      insert into metadata.rules (id, workspace_id, object_id, field_id, kind, settings)
      values (v_id, adopt.workspace_id, v_object.id, (v_model ->> 'fieldId')::uuid, v_model ->> 'kind', v_model -> 'settings');
      perform engine.sign(workspace_id, schema_name, v_object.id, 'constraint', v_object.id || ' rule:' || v_id, format('constraint %I on %s', (item).name, v_table::regclass));
      return;
    end if;
    v_model := engine.index_as_model(coalesce(k.conindid, to_regclass(format('%I.%I', schema_name, (item).name))));
    if k.contype = 'u' then
      execute format('alter table %s drop constraint %I', v_table::regclass, (item).name);
    end if;
    if v_model ? 'fieldIds' then
      insert into metadata.rules (id, workspace_id, object_id, kind, settings) values (v_id, adopt.workspace_id, v_object.id, 'UNIQUE', v_model);
      v_key := ' rule:';
    else
      insert into metadata.indexes (id, workspace_id, object_id, name, kind, parts) values (v_id, adopt.workspace_id, v_object.id, (item).name, v_model ->> 'kind', v_model -> 'parts');
      v_key := ' index:';
    end if;
    -- The engine's own would sort lists, too, so that one is made anew.
    if v_model ->> 'kind' = 'BTREE' then
      execute format('drop index %I.%I', schema_name, (item).name);
    elsif k.contype is null then
      perform engine.sign(workspace_id, schema_name, v_object.id, 'index', v_object.id || v_key || v_id, format('index %I.%I', schema_name, (item).name));
    end if;
  end if;
end
$$;

-- A repair changes no metadata, but the version rises: what the API is made of may have changed.
create or replace function engine.repair(workspace_id uuid, schema_name text, item engine.drift_item) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_statement text;
  v_version bigint;
  v_shape text;
begin
  foreach v_statement in array (item).statements loop
    execute v_statement;
  end loop;
  v_shape := engine.refresh_shape(workspace_id, schema_name, null);
  update core.workspaces w set shape = v_shape, model_version = w.model_version + 1 where w.id = workspace_id returning w.model_version into v_version;
  perform engine.note_statements(workspace_id, v_version, (item).statements);
  perform pg_notify('relvar_model', json_build_object('workspace', workspace_id, 'version', v_version, 'shape', v_shape)::text);
exception
  when lock_not_available or deadlock_detected then
    raise exception 'The table is busy, so the repair was not made.' using errcode = 'RV021', hint = 'Somebody is working with it in a long transaction. Try again in a moment.';
  when not_null_violation or check_violation or unique_violation or foreign_key_violation or data_exception then
    raise exception 'Records do not fit the repair, so it was not made: %', sqlerrm using errcode = 'RV023', hint = 'Correct those records first.';
  when dependent_objects_still_exist then
    raise exception 'Something else needs it, so it was not dropped: %', sqlerrm using errcode = 'RV085', hint = 'Drop or change that first.';
end
$$;
--! EndIncluded engine/drift/resolve.sql
-- Views show records also as a timeline of bars and on a map.
alter table metadata.views drop constraint if exists views_type_check;
alter table metadata.views add constraint views_type_check check (type in ('TABLE', 'BOARD', 'CALENDAR', 'TIMELINE', 'GALLERY', 'MAP'));
--! Included engine/views/layout.sql
-- How a view lays its records out, besides its columns, filter and order: what a board, a calendar, a gallery, a timeline and a map are each told.
-- What one type does not ask stays, so that switching there and back loses nothing.
create or replace function engine.view_layout(layout jsonb) returns jsonb
language plpgsql immutable set search_path = ''
as $$
declare
  v_key text;
  v_value jsonb;
begin
  if jsonb_typeof(layout) is distinct from 'object' or length(layout::text) > 50000 then
    raise exception 'The layout of a view is an object.' using errcode = 'RV265', column = 'layout', hint = 'Give {} for none.';
  end if;
  for v_key, v_value in select * from jsonb_each(jsonb_strip_nulls(layout)) loop
    if not coalesce(case v_key
      when 'cardSize' then v_value in ('"COMPACT"', '"FULL"')
      when 'bounds' then jsonb_typeof(v_value) = 'array' and jsonb_array_length(v_value) <= 50 and not jsonb_path_exists(v_value, '$[*] ? (@.type() != "number")')
      when 'hiddenColumns' then jsonb_typeof(v_value) = 'array' and not jsonb_path_exists(v_value, '$[*] ? (@.type() != "string")')
      when 'collapsedColumns' then jsonb_typeof(v_value) = 'array' and not jsonb_path_exists(v_value, '$[*] ? (@.type() != "string")')
      when 'limits' then jsonb_typeof(v_value) = 'object' and not jsonb_path_exists(v_value, '$.* ? (@.type() != "number" || @ < 1)')
      when 'summary' then jsonb_typeof(v_value -> 'fieldId') = 'string' and v_value -> 'aggregate' in ('"SUM"', '"AVG"', '"MIN"', '"MAX"')
      when 'dateFieldId' then jsonb_typeof(v_value) = 'string'
      when 'endFieldId' then jsonb_typeof(v_value) = 'string'
      when 'scale' then v_value in ('"QUARTER"', '"MONTH"', '"WEEK"', '"DAY"')
      when 'coverFieldId' then jsonb_typeof(v_value) = 'string'
      when 'placeFieldId' then jsonb_typeof(v_value) = 'string'
      else false end, false) then
      raise exception 'A view is not laid out by "%": %.', v_key, left(v_value::text, 100) using errcode = 'RV265', column = 'layout',
        hint = 'cardSize: COMPACT or FULL. bounds: numbers. hiddenColumns, collapsedColumns: texts. limits: {column: number}. '
          'summary: {fieldId, aggregate: SUM, AVG, MIN or MAX}. dateFieldId, endFieldId, coverFieldId, placeFieldId: fields. scale: QUARTER, MONTH, WEEK or DAY.';
    end if;
  end loop;
  return jsonb_strip_nulls(layout);
end
$$;
--! EndIncluded engine/views/layout.sql
--! Included metadata/views.sql
-- Saved ways of looking at the records of an object. A view is the workspace's, for everybody to see and for who has
-- the permission VIEWS to change; or a member's own, which nobody else sees, administrators included, until it is shared. A view never gives a
-- right: who may not read a field is shown the view without it. Views are no part of the model: changing one raises
-- no version, takes no lock of the model and rebuilds no schema. Who is asking, see engine/identity.sql.

create or replace function engine.tg_views__validate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_member uuid := engine.current_member();
  v_keeps boolean;
begin
  new.id := coalesce(new.id, engine.uuidv7());
  new.workspace_id := coalesce(new.workspace_id, (select o.workspace_id from metadata.objects o where o.id = new.object_id));
  new.name := btrim(new.name);
  if new.name = '' or length(new.name) > 100 then
    raise exception 'A view needs a name.' using errcode = 'RV185', column = 'name', hint = 'Give one of at most 100 letters.';
  end if;
  if tg_op = 'INSERT' or new.filter is distinct from old.filter then
    new.filter := engine.view_filter(new.filter);
  end if;
  if tg_op = 'INSERT' or new.layout is distinct from old.layout then
    new.layout := engine.view_layout(new.layout);
  end if;
  if jsonb_typeof(new.sorts) <> 'array' or exists (select from jsonb_array_elements(new.sorts) s where jsonb_typeof(s) <> 'object' or s ->> 'fieldId' is null) then
    raise exception 'The order of a view lists fields.' using errcode = 'RV186', column = 'sorts', hint = 'Give [{"fieldId", "part", "descending"}].';
  end if;
  if tg_op = 'INSERT' or new.colors is distinct from old.colors then
    new.colors := engine.view_colors(new.colors);
  end if;
  if tg_op = 'INSERT' then
    if new.application_id is null then
      new.owner_id := coalesce(new.owner_id, v_member);
    end if;
    if new.position = 0 and new.application_id is null then
      new.position := (select coalesce(max(v.position), 0) + 1 from metadata.views v where v.object_id = new.object_id);
    end if;
  else
    new.updated_at := now();
    v_keeps := engine.acts_as_administrator() or old.owner_id = v_member or (old.visibility = 'WORKSPACE' or old.owner_id is null) and engine.may('VIEWS');
    if (new.visibility, new.is_locked) is distinct from (old.visibility, old.is_locked) and not coalesce(v_keeps, false) then
      raise exception 'Only who keeps the view "%" locks it, or says who sees it.', old.name using errcode = 'RV187', column = 'is_locked', hint = 'Duplicate it, and change your own.';
    end if;
    if new.visibility = 'WORKSPACE' and old.visibility = 'PERSONAL' and not engine.acts_as_administrator() and not engine.may('VIEWS') then
      raise exception 'Your role may not make views for the whole workspace.' using errcode = '42501', hint = 'Share it with those who need it.';
    end if;
    if new.visibility = 'PERSONAL' and old.visibility = 'WORKSPACE' then
      if new.application_id is not null then
        raise exception 'The view "%" belongs to an application.', old.name using errcode = 'RV187', column = 'visibility', hint = 'Duplicate it, and have your own.';
      end if;
      new.owner_id := coalesce(v_member, new.owner_id);
    end if;
    -- Who locks a view of the workspace keeps it from then on.
    if new.is_locked and not old.is_locked and new.visibility = 'WORKSPACE' then
      new.owner_id := coalesce(v_member, new.owner_id);
    end if;
  end if;
  if new.owner_id is null and (tg_op = 'INSERT' or old.owner_id is not null and new.visibility <> old.visibility) and new.visibility = 'PERSONAL' then
    raise exception 'Only a member has views of their own.' using errcode = 'RV187', column = 'visibility', hint = 'Make it a view of the workspace: visibility WORKSPACE.';
  end if;
  if new.is_locked and new.owner_id is null and (tg_op = 'INSERT' or not old.is_locked) then
    raise exception 'A view that nobody keeps cannot be locked.' using errcode = 'RV187', column = 'is_locked', hint = 'A member locks it, who alone saves over it then.';
  end if;
  return new;
end
$$;
create or replace trigger _100_validate before insert or update on metadata.views for each row execute function engine.tg_views__validate();

-- ── who sees and changes which views ───────────────────────────────────────────────────────────

-- With whom views are shared. Who looks as somebody else is shown no view of a person's.
create or replace function engine.shared_views(access text) returns setof uuid
language plpgsql stable security definer set search_path = ''
as $$
begin
  if engine.seen_by() is null then
    return query
    select s.view_id from metadata.view_shares s
    where s.principal_id = any (array(select engine.my_principals())) and (shared_views.access = 'READ' or s.access = 'WRITE') and (s.expires_at is null or s.expires_at > now());
  end if;
end
$$;

-- The views that the caller keeps: may change whatever else may, share and delete. Of a member who is gone, who keeps the views does.
create or replace function engine.kept_views() returns setof uuid
language sql stable security definer set search_path = ''
as $$
  with me as materialized (
    select engine.workspace_of_role(current_setting('role')::name) as workspace_id, engine.private_member() as id, engine.may('VIEWS') as keeps_views
  )
  select v.id from me join metadata.views v on v.workspace_id = me.workspace_id
  where case when v.visibility = 'PERSONAL' and v.owner_id is not null then v.owner_id = me.id
    else me.keeps_views and (not v.is_locked or v.owner_id is null or v.owner_id = me.id) end
$$;

create or replace function engine.changeable_views() returns setof uuid
language sql stable security definer set search_path = ''
as $$
  select engine.kept_views()
  union
  select v.id from engine.shared_views('WRITE') s join metadata.views v on v.id = s where not v.is_locked
$$;

create or replace function engine.assert_keeps_view(view_id uuid) returns metadata.views
language plpgsql stable set search_path = ''
as $$
declare
  v_view metadata.views;
begin
  select * into v_view from metadata.views v where v.id = view_id and (engine.acts_as_administrator() or v.id in (select engine.kept_views()));
  if not found then
    raise exception 'You do not keep this view, or there is none.' using errcode = '42501', hint = 'Who made a view keeps it; views of the workspace ask for the permission "Views".';
  end if;
  return v_view;
end
$$;

alter table metadata.views enable row level security;
alter table metadata.view_fields enable row level security;
alter table metadata.views alter column workspace_id set default engine.current_workspace();
alter table metadata.view_fields alter column workspace_id set default engine.current_workspace();
drop policy if exists select_own on metadata.views;
drop policy if exists insert_own on metadata.views;
drop policy if exists update_own on metadata.views;
drop policy if exists delete_own on metadata.views;
create policy select_own on metadata.views for select to relvar_crm using (workspace_id = (select engine.current_workspace()) and (
  visibility = 'WORKSPACE' or owner_id = (select engine.private_member()) or id = any (array(select engine.shared_views('READ'))) or owner_id is null and (select engine.may('VIEWS'))));
comment on policy select_own on metadata.views is 'Members see the views of the workspace, their own, and those shared with them; who keeps the views also those of members who are gone.';
create policy insert_own on metadata.views for insert to relvar_crm with check (workspace_id = (select engine.current_workspace()) and (
  visibility = 'PERSONAL' and owner_id = (select engine.current_member()) or visibility = 'WORKSPACE' and (select engine.may('VIEWS'))));
create policy update_own on metadata.views for update to relvar_crm using (id = any (array(select engine.changeable_views())))
  with check (workspace_id = (select engine.current_workspace())
    and (visibility = 'PERSONAL' or (select engine.may('VIEWS')) or id = any (array(select engine.shared_views('WRITE')))));
create policy delete_own on metadata.views for delete to relvar_crm using (id = any (array(select engine.kept_views())));

drop policy if exists select_own on metadata.view_fields;
drop policy if exists insert_own on metadata.view_fields;
drop policy if exists update_own on metadata.view_fields;
drop policy if exists delete_own on metadata.view_fields;
create policy select_own on metadata.view_fields for select to relvar_crm using (view_id = any (array(select v.id from metadata.views v)));
comment on policy select_own on metadata.view_fields is 'Who sees a view sees its columns.';
create policy insert_own on metadata.view_fields for insert to relvar_crm
  with check (workspace_id = (select engine.current_workspace()) and view_id = any (array(select engine.changeable_views())));
create policy update_own on metadata.view_fields for update to relvar_crm using (view_id = any (array(select engine.changeable_views())));
create policy delete_own on metadata.view_fields for delete to relvar_crm using (view_id = any (array(select engine.changeable_views())));

grant select on metadata.views, metadata.view_fields to relvar_crm;
-- Who owns a view follows from who makes it.
grant insert (id, object_id, name, icon, type, filter, sorts, group_field_id, group_bucket, colors, layout, position, visibility, is_locked),
  update (name, icon, type, filter, sorts, group_field_id, group_bucket, colors, layout, position, visibility, is_locked), delete
  on metadata.views to relvar_crm;
grant insert (id, view_id, field_id, width, is_visible, is_pinned, aggregate, position), update (width, is_visible, is_pinned, aggregate, position), delete
  on metadata.view_fields to relvar_crm;
grant execute on function engine.shared_views(text), engine.kept_views(), engine.changeable_views() to relvar_crm;

-- ── other screens ──────────────────────────────────────────────────────────────────────────────

-- Says that some view, share, default or favourite of the workspace is another now; which, each screen asks for itself.
create or replace function engine.tg_views__notify() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform pg_notify('relvar_views', json_build_object('workspace', w.workspace_id)::text) from (select distinct c.workspace_id from changed c) w;
  return null;
end
$$;

do $$
declare
  v_table text;
begin
  foreach v_table in array array['views', 'view_fields', 'view_shares', 'view_defaults', 'favourites'] loop
    execute format('create or replace trigger _900_notify_insert after insert on metadata.%I referencing new table as changed for each statement execute function engine.tg_views__notify()', v_table);
    execute format('create or replace trigger _900_notify_update after update on metadata.%I referencing new table as changed for each statement execute function engine.tg_views__notify()', v_table);
    execute format('create or replace trigger _900_notify_delete after delete on metadata.%I referencing old table as changed for each statement execute function engine.tg_views__notify()', v_table);
  end loop;
end
$$;

-- ── doing it in one call ───────────────────────────────────────────────────────────────────────

-- What a view is like, written over what it was: {"type", "icon", "filter", "sorts", "groupFieldId", "groupBucket", "colors", "layout",
-- "fields": [{"fieldId", "width", "isVisible", "isPinned", "aggregate"}]}, of which what is left out stays as it is.
create or replace function metadata.save_view(view_id uuid, state jsonb) returns metadata.views
language plpgsql volatile set search_path = ''
as $$
#variable_conflict use_column
declare
  v_view metadata.views;
  v_unknown text;
begin
  select k into v_unknown from jsonb_object_keys(case jsonb_typeof(state) when 'object' then state else '{}' end) k
  where k not in ('type', 'icon', 'filter', 'sorts', 'groupFieldId', 'groupBucket', 'colors', 'layout', 'fields') limit 1;
  if found or jsonb_typeof(state) is distinct from 'object' then
    raise exception 'A view has no "%".', coalesce(v_unknown, '') using errcode = 'RV186', column = 'state', hint = 'It has type, icon, filter, sorts, groupFieldId, groupBucket, colors, layout and fields.';
  end if;
  update metadata.views v set
    type = coalesce(state ->> 'type', v.type),
    icon = case when state ? 'icon' then state ->> 'icon' else v.icon end,
    filter = case when state ? 'filter' then nullif(state -> 'filter', 'null') else v.filter end,
    sorts = coalesce(nullif(state -> 'sorts', 'null'), v.sorts),
    group_field_id = case when state ? 'groupFieldId' then (state ->> 'groupFieldId')::uuid else v.group_field_id end,
    group_bucket = case when state ? 'groupBucket' then state ->> 'groupBucket' else v.group_bucket end,
    colors = coalesce(nullif(state -> 'colors', 'null'), v.colors),
    layout = coalesce(nullif(state -> 'layout', 'null'), v.layout)
  where v.id = save_view.view_id returning v.* into v_view;
  if not found then
    raise exception 'This view is not yours to change, or there is none.' using errcode = 'RV187', column = 'view_id',
      hint = 'It may be locked or shared to be read. Save what you see as a view of your own.';
  end if;
  if state ? 'fields' then
    delete from metadata.view_fields c where c.view_id = v_view.id
      and not c.field_id = any (array(select (f ->> 'fieldId')::uuid from jsonb_array_elements(state -> 'fields') f));
    insert into metadata.view_fields as c (view_id, field_id, width, is_visible, is_pinned, aggregate, position)
    select v_view.id, (f ->> 'fieldId')::uuid, (f ->> 'width')::int, coalesce((f ->> 'isVisible')::boolean, true), coalesce((f ->> 'isPinned')::boolean, false), f ->> 'aggregate', i
    from jsonb_array_elements(state -> 'fields') with ordinality u (f, i)
    on conflict (view_id, field_id) do update
      set width = excluded.width, is_visible = excluded.is_visible, is_pinned = excluded.is_pinned, aggregate = excluded.aggregate, position = excluded.position;
  end if;
  return v_view;
end
$$;
comment on function metadata.save_view(uuid, jsonb) is
  'Writes over a view: {type, icon, filter, sorts, groupFieldId, groupBucket, colors, layout, fields: [{fieldId, width, isVisible, isPinned, aggregate}]}. What is left out stays. Columns stand in the order of the list.';

create or replace function metadata.add_view(object_id uuid, name text, state jsonb default '{}', visibility text default 'PERSONAL', id uuid default null) returns metadata.views
language plpgsql volatile set search_path = ''
as $$
#variable_conflict use_column
declare
  v_id uuid;
begin
  insert into metadata.views as v (id, object_id, name, visibility) values (add_view.id, add_view.object_id, add_view.name, add_view.visibility) returning v.id into v_id;
  return metadata.save_view(v_id, coalesce(add_view.state, '{}'));
end
$$;
comment on function metadata.add_view(uuid, text, jsonb, text, uuid) is
  'Makes a view with all that it shows, as save_view takes it: one of one''s own, or with visibility WORKSPACE one for everybody.';

-- Columns that the caller may not read go along: whoever may sees them.
create or replace function metadata.copy_view(view_id uuid, name text default null) returns metadata.views
language plpgsql volatile set search_path = ''
as $$
#variable_conflict use_column
declare
  v_view metadata.views;
begin
  select * into v_view from metadata.views v where v.id = copy_view.view_id;
  if not found then
    raise exception 'There is no such view.' using errcode = 'RV187', column = 'view_id', hint = 'It may have been deleted, or is not shared with you.';
  end if;
  return metadata.add_view(v_view.object_id, coalesce(nullif(btrim(copy_view.name), ''), left(v_view.name, 90) || ' (copy)'), jsonb_build_object(
    'type', v_view.type, 'icon', v_view.icon, 'filter', v_view.filter, 'sorts', v_view.sorts, 'groupFieldId', v_view.group_field_id,
    'groupBucket', v_view.group_bucket, 'colors', v_view.colors, 'layout', v_view.layout,
    'fields', (select coalesce(jsonb_agg(jsonb_build_object('fieldId', c.field_id, 'width', c.width, 'isVisible', c.is_visible, 'isPinned', c.is_pinned, 'aggregate', c.aggregate) order by c.position, c.id), '[]')
      from metadata.view_fields c where c.view_id = v_view.id)));
end
$$;
comment on function metadata.copy_view(uuid, text) is 'Makes a view of one''s own that shows what another does.';

-- Somebody who keeps the views keeps on what a member has left behind, or what is locked by one who is kept out.
create or replace function metadata.take_over_view(view_id uuid) returns metadata.views
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_member uuid := engine.current_member();
  v_view metadata.views;
begin
  select * into v_view from metadata.views v
  where v.id = take_over_view.view_id and v.workspace_id = engine.workspace_of_role(current_setting('role')::name) and engine.may('VIEWS')
    and (v.owner_id is null or v.visibility = 'WORKSPACE' and (not v.is_locked or not exists (select from core.members m where m.id = v.owner_id and m.is_active)));
  if not found or v_member is null then
    raise exception 'There is no such view to take over.' using errcode = 'RV187', column = 'view_id',
      hint = 'Who keeps the views takes over those of members who were removed, and views of the workspace that nobody active has locked.';
  end if;
  update metadata.views v set owner_id = v_member where v.id = v_view.id returning v.* into v_view;
  return v_view;
end
$$;
comment on function metadata.take_over_view(uuid) is
  'Makes the caller, who has the permission VIEWS, the keeper of a view whose owner was removed, or of one of the workspace that is not locked by an active member.';
grant execute on function metadata.save_view(uuid, jsonb), metadata.add_view(uuid, text, jsonb, text, uuid), metadata.copy_view(uuid, text), metadata.take_over_view(uuid) to relvar_crm;

-- ── deleting, and back again ───────────────────────────────────────────────────────────────────

-- What is deleted is kept aside for a month with all that belonged to it, so that it can be brought back whole.
create or replace function engine.tg_views__keep() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  if engine.workspace_exists(old.workspace_id) and exists (select from metadata.objects o where o.id = old.object_id) then
    delete from engine.deleted_views d where d.workspace_id = old.workspace_id and d.deleted_at < now() - interval '30 days';
    insert into engine.deleted_views (view_id, workspace_id, deleted_by, data)
    values (old.id, old.workspace_id, engine.current_member(), jsonb_build_object('view', to_jsonb(old),
      'fields', (select coalesce(jsonb_agg(to_jsonb(c)), '[]') from metadata.view_fields c where c.view_id = old.id),
      'shares', (select coalesce(jsonb_agg(to_jsonb(s)), '[]') from metadata.view_shares s where s.view_id = old.id),
      'defaults', (select coalesce(jsonb_agg(to_jsonb(d)), '[]') from metadata.view_defaults d where d.view_id = old.id),
      'favourites', (select coalesce(jsonb_agg(to_jsonb(f)), '[]') from metadata.favourites f where f.view_id = old.id)))
    on conflict on constraint deleted_views_pkey do update set data = excluded.data, deleted_by = excluded.deleted_by, deleted_at = now();
  end if;
  return old;
end
$$;
create or replace trigger _800_keep before delete on metadata.views for each row execute function engine.tg_views__keep();

create or replace function metadata.restore_view(view_id uuid) returns metadata.views
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_kept engine.deleted_views;
  v_view metadata.views;
  v_member uuid := engine.current_member();
begin
  select * into v_kept from engine.deleted_views d
  where d.view_id = restore_view.view_id and (engine.acts_as_administrator() or d.workspace_id = engine.workspace_of_role(current_setting('role')::name)
    and (d.deleted_by = v_member or d.data #>> '{view,visibility}' = 'WORKSPACE' and engine.may('VIEWS')));
  v_view := jsonb_populate_record(null::metadata.views, v_kept.data -> 'view');
  if v_kept.view_id is null or not exists (select from metadata.objects o where o.id = v_view.object_id) then
    raise exception 'There is no such view to bring back.' using errcode = 'RV188', column = 'view_id', hint = 'Who deleted a view brings it back, within a month.';
  end if;
  if v_view.visibility = 'WORKSPACE' and not engine.acts_as_administrator() and not engine.may('VIEWS') then
    raise exception 'Your role does not have the permission "Views".' using errcode = '42501', hint = 'Ask an administrator of the workspace.';
  end if;
  v_view.owner_id := case when v_view.application_id is not null then v_view.owner_id
    else coalesce((select m.id from core.members m where m.id = v_view.owner_id), v_member) end;
  v_view.colors := coalesce(v_view.colors, '[]');
  v_view.group_field_id := (select f.id from metadata.fields f where f.id = v_view.group_field_id);
  v_view.application_id := (select a.id from metadata.applications a where a.id = v_view.application_id);
  if v_view.application_id is null or exists (select from metadata.views v where v.workspace_id = v_view.workspace_id and v.universal_identifier = v_view.universal_identifier) then
    v_view.universal_identifier := null;
    v_view.application_id := null;
  end if;
  -- Kept before views had a layout.
  v_view.layout := coalesce(v_view.layout, '{}');
  insert into metadata.views select v_view.*;
  insert into metadata.view_fields select c.* from jsonb_populate_recordset(null::metadata.view_fields, v_kept.data -> 'fields') c where exists (select from metadata.fields f where f.id = c.field_id);
  insert into metadata.view_shares select s.* from jsonb_populate_recordset(null::metadata.view_shares, v_kept.data -> 'shares') s
  where engine.principal_name(s.workspace_id, s.principal_kind, s.principal_id) is not null;
  insert into metadata.view_defaults select d.* from jsonb_populate_recordset(null::metadata.view_defaults, v_kept.data -> 'defaults') d
  where d.principal_kind = 'WORKSPACE' or engine.principal_name(d.workspace_id, d.principal_kind, d.principal_id) is not null
  on conflict do nothing;
  insert into metadata.favourites select f.* from jsonb_populate_recordset(null::metadata.favourites, v_kept.data -> 'favourites') f
  where (f.member_id is null or exists (select from core.members m where m.id = f.member_id)) and (f.folder_id is null or exists (select from metadata.favourites o where o.id = f.folder_id))
  on conflict do nothing;
  delete from engine.deleted_views d where d.view_id = v_kept.view_id;
  return v_view;
end
$$;
comment on function metadata.restore_view(uuid) is 'Brings back a view that the caller deleted within a month, with its columns, shares, defaults and the favourites that it was among.';
grant execute on function metadata.restore_view(uuid) to relvar_crm;

comment on column metadata.views.workspace_id is 'The workspace that this belongs to; follows from the role of whoever writes.';
comment on column metadata.views.id is 'Identifies it for good, through every rename.';
comment on column metadata.views.object_id is 'The object whose records it shows.';
comment on column metadata.views.application_id is 'The application that brought it; null for one made here.';
comment on column metadata.views.universal_identifier is 'By which the application finds it again when it is upgraded.';
comment on column metadata.views.name is 'What people call it.';
comment on column metadata.views.icon is 'Name of a Tabler icon.';
comment on column metadata.views.type is 'TABLE, BOARD, CALENDAR, TIMELINE, GALLERY or MAP.';
comment on column metadata.views.visibility is 'WORKSPACE: everybody sees it. PERSONAL: its owner alone, and those it is shared with.';
comment on column metadata.views.owner_id is 'Whose it is, or who keeps it; null for one of an application or of a member who was removed.';
comment on column metadata.views.is_locked is 'Whether its keeper alone saves over it.';
comment on column metadata.views.filter is 'Which records it shows: {"and": […]}, {"or": […]}, {"not": …} and {"fieldId", "part", "via", "operand", "value"}; null for all.';
comment on column metadata.views.sorts is 'Their order: [{"fieldId", "part", "descending"}].';
comment on column metadata.views.group_field_id is 'The field by whose values it groups.';
comment on column metadata.views.group_bucket is 'Of a date or a time, what it groups by: DAY, WEEK, MONTH, QUARTER or YEAR; null for the usual one.';
comment on column metadata.views.colors is 'What is marked: [{"condition": a comparison as in filter, "color", "target": ROW or CELL}], of which the first that fits counts.';
comment on column metadata.views.layout is 'What its type asks besides: cardSize, bounds, hiddenColumns, collapsedColumns, limits and summary of a board, dateFieldId, endFieldId and scale of a calendar and of a timeline, coverFieldId of a gallery, placeFieldId of a map.';
comment on column metadata.views.position is 'Place among the views of the object, smallest first.';
comment on column metadata.views.created_at is 'When it was made.';
comment on column metadata.views.updated_at is 'When it was last changed.';

comment on column metadata.view_fields.workspace_id is 'The workspace that this belongs to; follows from the role of whoever writes.';
comment on column metadata.view_fields.id is 'Identifies it for good, through every rename.';
comment on column metadata.view_fields.view_id is 'The view.';
comment on column metadata.view_fields.field_id is 'The field that the column shows.';
comment on column metadata.view_fields.width is 'Width in pixels; null for the usual one.';
comment on column metadata.view_fields.is_visible is 'Whether the column is shown.';
comment on column metadata.view_fields.is_pinned is 'Whether the column stays in sight when one scrolls sideways.';
comment on column metadata.view_fields.aggregate is 'What its foot says of the column, such as SUM or COUNT_EMPTY; null for nothing.';
comment on column metadata.view_fields.position is 'Place among the columns, smallest first.';
--! EndIncluded metadata/views.sql

-- A workspace without files was said to have one.
--! Included metadata/file_storage.sql
-- How much the files of a workspace take up, and how large one may be.

create or replace function metadata.file_storage() returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.own_workspace();
  v_answer jsonb;
begin
  execute format('select jsonb_build_object(''files'', count(f.id), ''bytes'', coalesce(sum(f.size), 0), ''maxFileMb'', s.max_file_mb, ''quotaMb'', s.file_quota_mb)
    from core.workspace_settings s left join %I.record_files f on f.stored_at is not null where s.workspace_id = $1 group by s.workspace_id',
    (select w.schema_name from core.workspaces w where w.id = v_workspace)) into v_answer using v_workspace;
  return v_answer;
end
$$;
comment on function metadata.file_storage() is
  'The files of the workspace: {files, bytes, maxFileMb: how large one may be, null for as large as the server allows, quotaMb: how much all may take up, null for no limit}. The quota is the server administrator''s: core.workspace_settings.file_quota_mb.';

create or replace function metadata.set_max_file_mb(megabytes int default null) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.own_workspace();
begin
  perform engine.assert_manages(v_workspace, 'WORKSPACE');
  if megabytes < 1 then
    raise exception 'A file may have at least 1 MB.' using errcode = 'RV281', column = 'megabytes', hint = 'To let nobody upload files, take the permission "Upload files" from the roles.';
  end if;
  update core.workspace_settings s set max_file_mb = megabytes where s.workspace_id = v_workspace;
  return megabytes;
end
$$;
comment on function metadata.set_max_file_mb(int) is 'How many megabytes one file may have; null for as many as the server allows. Needs the permission WORKSPACE.';

-- With the rights of the caller: it is a change of the model as any other.
create or replace function metadata.keep_files(object_id uuid) returns boolean
language plpgsql volatile set search_path = ''
as $$
begin
  insert into metadata.relations (field_id, target_object_id, inverse_label, inverse_name, on_delete)
  select f.id, o.id, 'Attachments', 'attachments', 'CASCADE'
  from metadata.objects o
  join metadata.objects a on a.workspace_id = o.workspace_id and a.universal_identifier = 'standard:attachment' and a.deleted_at is null
  join metadata.fields f on f.object_id = a.id and f.type = 'MORPH_RELATION' and f.deleted_at is null
  where o.id = keep_files.object_id and not o.is_junction
    and not exists (select from metadata.relations r where r.field_id = f.id and r.target_object_id = o.id and r.deleted_at is null);
  return found;
end
$$;
comment on function metadata.keep_files(uuid) is 'Lets attachments lead to the records of an object, too, so that these have files. False when they do already.';

grant execute on function metadata.keep_files(uuid) to relvar_crm;
grant execute on function metadata.file_storage(), metadata.set_max_file_mb(int) to relvar_crm;
--! EndIncluded metadata/file_storage.sql
-- ── exports that come again ───────────────────────────────────────────────────────────────────
create table if not exists metadata.scheduled_exports (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  owner_id uuid references core.members on delete set null,
  name text not null,
  object_id uuid not null,
  view_id uuid,
  filter jsonb,
  sorts jsonb not null default '[]',
  field_ids uuid[],
  format text not null default 'csv' check (format in ('csv', 'xlsx', 'ndjson', 'vcard')),
  has_ids boolean not null default false,
  is_human boolean not null default true,
  is_guarded boolean not null default true,
  recurrence text not null,
  time_zone text not null default 'UTC',
  next_at timestamptz,
  destination text not null default 'EMAIL' check (destination in ('EMAIL', 'S3')),
  recipients uuid[] not null default '{}',
  bucket jsonb,
  is_active boolean not null default true,
  stopped_reason text,
  failures int not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  foreign key (workspace_id, object_id) references metadata.objects (workspace_id, id) on delete cascade
);
create index if not exists scheduled_exports_workspace_id_object_id_idx on metadata.scheduled_exports (workspace_id, object_id);
create index if not exists scheduled_exports_owner_id_idx on metadata.scheduled_exports (owner_id);
create index if not exists scheduled_exports_next_at_idx on metadata.scheduled_exports (next_at) where is_active and deleted_at is null;

create table if not exists core.export_secrets (
  export_id uuid primary key references metadata.scheduled_exports on delete cascade,
  workspace_id uuid not null references core.workspaces on delete cascade,
  sealed text not null,
  kept_at timestamptz not null default now()
);
create index if not exists export_secrets_workspace_id_idx on core.export_secrets (workspace_id);
comment on table core.export_secrets is 'Secrets of the buckets that exports go to, sealed with a key that the database does not have.';

create table if not exists core.export_runs (
  id uuid primary key default engine.uuidv7(),
  export_id uuid not null references metadata.scheduled_exports on delete cascade,
  workspace_id uuid not null references core.workspaces on delete cascade,
  state text not null default 'WAITING' check (state in ('WAITING', 'RUNNING', 'DONE', 'FAILED')),
  is_manual boolean not null default false,
  attempts int not null default 0,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz,
  rows bigint,
  bytes bigint,
  file_name text,
  media_type text,
  place text,
  is_file_kept boolean not null default false,
  file_expires_at timestamptz,
  failure jsonb
);
create index if not exists export_runs_export_id_idx on core.export_runs (export_id, id);
create index if not exists export_runs_workspace_id_idx on core.export_runs (workspace_id);
create index if not exists export_runs_file_expires_at_idx on core.export_runs (file_expires_at) where is_file_kept;
comment on table core.export_runs is 'What became of each run of a scheduled export. The file of one that was mailed is kept under the id of the run for as long as its links are good.';

alter table core.notifications drop constraint if exists notifications_kind_check;
alter table core.notifications add constraint notifications_kind_check check (kind in ('TASK_ASSIGNED', 'TASK_DUE', 'MENTION', 'REPLY', 'SHARED', 'IMPORT_FINISHED', 'EXPORT_FAILED', 'WEBHOOK_DISABLED', 'SYNC_ERROR'));

-- ── layouts that applications bring ───────────────────────────────────────────────────────────
alter table metadata.layouts add column if not exists application_id uuid, add column if not exists universal_identifier text;
alter table metadata.layouts drop constraint if exists layouts_workspace_id_application_id_fkey;
alter table metadata.layouts add constraint layouts_workspace_id_application_id_fkey foreign key (workspace_id, application_id) references metadata.applications (workspace_id, id);
create index if not exists layouts_workspace_id_application_id_idx on metadata.layouts (workspace_id, application_id);
create unique index if not exists layouts_workspace_id_universal_identifier_key on metadata.layouts (workspace_id, universal_identifier);

--! Included core/notifications/notify.sql
-- What members are told: what happened, in the application and by mail, as each has chosen. What concerns a record is
-- told only to who may read it, and its name is read when it is shown, with the reader's rights of that moment.

create or replace function core.notification_kinds() returns table (kind text, label text, description text, is_in_app boolean, mail text)
language sql immutable parallel safe set search_path = ''
as $$
  select * from (values
    ('TASK_ASSIGNED', 'Assigned tasks', 'Somebody gives you a task.', true, 'DIGEST'),
    ('TASK_DUE', 'Due tasks', 'A task of yours is due today, or is overdue.', true, 'DIGEST'),
    ('MENTION', 'Mentions', 'Somebody mentions you in a comment or a note.', true, 'NOW'),
    ('REPLY', 'Replies', 'Somebody answers in a thread that you wrote in.', true, 'DIGEST'),
    ('SHARED', 'Shared records', 'Somebody shares a record with you, a team of yours or your role.', true, 'DIGEST'),
    ('IMPORT_FINISHED', 'Finished imports', 'An import that you began has ended.', true, 'OFF'),
    ('EXPORT_FAILED', 'Exports that fail', 'An export of yours that comes again failed, or was stopped.', true, 'NOW'),
    ('WEBHOOK_DISABLED', 'Webhooks that were switched off', 'A webhook failed for too long.', true, 'NOW'),
    ('SYNC_ERROR', 'Synchronisation that fails', 'A connected account cannot be read any more.', true, 'NOW')
  ) as k (kind, label, description, is_in_app, mail)
$$;

-- When the next digest leaves after a moment: at each full hour, or once a day at an hour of the member's time zone.
create or replace function core.next_digest(frequency text, hour int, zone text, after timestamptz) returns timestamptz
language sql stable set search_path = ''
as $$
  select case frequency
    when 'HOURLY' then date_trunc('hour', next_digest.after) + interval '1 hour'
    else (select min(d.at) from (
      select (date_trunc('day', next_digest.after at time zone zone) + make_interval(days => i, hours => hour)) at time zone zone as at
      from generate_series(0, 2) i) d where d.at > next_digest.after) end
$$;

-- "system" and what this server does not know are UTC. Tried, since the list of all zones takes long to read.
create or replace function core.zone_or_utc(name text) returns text
language plpgsql stable set search_path = ''
as $$
begin
  perform now() at time zone name;
  return coalesce(name, 'UTC');
exception when invalid_parameter_value then
  return 'UTC';
end
$$;

-- What each of these members of one workspace has chosen for a kind (of webhooks a letter of its own goes at once). Those who want nothing, and those who are kept out, are left out.
create or replace function core.notification_choices(workspace_id uuid, members uuid[], kind text)
returns table (member_id uuid, is_in_app boolean, mail_at timestamptz)
language plpgsql stable set search_path = ''
as $$
begin
  return query execute format($sql$
      select m.id, c.is_in_app,
        case when c.mail = 'NOW' and $3 <> 'WEBHOOK_DISABLED' then now() + interval '1 minute' when c.mail = 'DIGEST' then core.next_digest(coalesce(s.frequency, 'DAILY'), coalesce(s.hour, 8), core.zone_or_utc(t.time_zone), now()) end
      from core.members m
      join %I.workspace_members t on t.id = m.id
      join core.notification_kinds() k on k.kind = $3
      left join core.notification_preferences p on p.member_id = m.id and p.kind = $3
      left join core.digest_settings s on s.member_id = m.id
      cross join lateral (select coalesce(p.is_in_app, k.is_in_app) as is_in_app, coalesce(p.mail, k.mail) as mail) c
      where m.workspace_id = $1 and m.id = any ($2) and m.is_active and (c.is_in_app or c.mail <> 'OFF')
    $sql$, (select w.schema_name from core.workspaces w where w.id = workspace_id))
  using workspace_id, members, kind;
end
$$;

-- Whether a member may read one record, whoever asks.
create or replace function engine.member_reads(member_id uuid, object_id uuid, record_id uuid) returns boolean
language plpgsql stable set search_path = ''
as $$
begin
  return exists (select from engine.labels_for(member_id, array[object_id], array[record_id]));
end
$$;

-- Of these records those that a member may read now, by the names that the member may read.
create or replace function engine.labels_for(member_id uuid, object_ids uuid[], record_ids uuid[]) returns table (object_id uuid, record_id uuid, label text)
language plpgsql stable set search_path = ''
as $$
declare
  r record;
begin
  for r in
    select o as object, w.schema_name, i.pg_role, array_agg(u.record) as records
    from unnest(object_ids, record_ids) u (object, record)
    join metadata.objects o on o.id = u.object and o.is_active and o.deleted_at is null
    join core.members m on m.id = labels_for.member_id and m.workspace_id = o.workspace_id and m.is_active
    join metadata.roles i on i.id = m.role_id
    join core.workspaces w on w.id = o.workspace_id
    group by o, w.schema_name, i.pg_role
  loop
    return query execute format('select $1, t.id, %s from %I.%I t where t.id = any ($2) and %s',
      case when engine.reads_label(r.pg_role, r.schema_name, r.object) then engine.label_expression((r.object).id, 't') else 'null::text' end,
      r.schema_name, (r.object).table_name, engine.condition_of(r.pg_role, (r.object).id, 'READ', 't.', labels_for.member_id))
    using (r.object).id, r.records;
  end loop;
end
$$;

-- Open screens of these members ask again. Once for many, in pieces that a notice can hold.
create or replace function core.wake_members(workspace_id uuid, members uuid[]) returns void
language sql volatile set search_path = ''
as $$
  select pg_notify('relvar_notifications', json_build_object('workspace', workspace_id, 'members', array_agg(m.id))::text)
  from (select id, (row_number() over () - 1) / 100 as piece from (select distinct id from unnest(members) u (id)) d) m
  group by m.piece
$$;

-- Tells members of one workspace something, each at most once where it has a key, and nobody what they did themselves, but that what they
-- began has ended. Returns who was told.
create or replace function core.notify(workspace_id uuid, members uuid[], kind text, object_id uuid default null, record_id uuid default null,
  detail jsonb default '{}', comment_id uuid default null, key text default null, actor engine.actor default engine.current_actor()) returns uuid[]
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_actor_id uuid := case when (actor).type = 'member' then (actor).id end;
  v_told uuid[];
begin
  with told as (
    insert into core.notifications (workspace_id, member_id, kind, object_id, record_id, comment_id, detail, key, actor_id, actor_name, is_in_app, mail_at)
    select notify.workspace_id, c.member_id, notify.kind, notify.object_id, notify.record_id, notify.comment_id, coalesce(notify.detail, '{}'), notify.key,
      v_actor_id, case when (actor).type not in ('system', 'psql') then (actor).name end, c.is_in_app, c.mail_at
    from core.notification_choices(notify.workspace_id, notify.members, notify.kind) c
    where (c.member_id is distinct from v_actor_id or notify.kind = 'IMPORT_FINISHED')
      and (notify.record_id is null or engine.member_reads(c.member_id, notify.object_id, notify.record_id))
    on conflict do nothing
    returning member_id
  )
  select coalesce(array_agg(t.member_id), '{}') into v_told from told t;
  perform core.wake_members(workspace_id, v_told);
  return v_told;
end
$$;
comment on function core.notify(uuid, uuid[], text, uuid, uuid, jsonb, uuid, text, engine.actor) is
  'Tells members of a workspace something: kind is one of core.notification_kinds(), detail what its sentence needs. Of a record only those who may read it are told. With a key each is told once.';

-- Who is mentioned in a comment, and who wrote in its thread. Returns whom a mention does not reach, for the writer.
create or replace function engine.tell_mentioned(schema_name text, object metadata.objects, record_id uuid, comment_id uuid, thread_id uuid, mentioned uuid[]) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_reached uuid[] := array(select i from unnest(mentioned) i where engine.member_reads(i, (object).id, record_id));
  v_others uuid[];
begin
  perform core.notify((object).workspace_id, v_reached, 'MENTION', (object).id, record_id, '{}', comment_id, 'comment:' || comment_id);
  if thread_id is not null then
    execute format('select array_agg(distinct c.author_id) from %I.record_comments c where (c.id = $1 or c.parent_id = $1) and c.author_type = ''member'' and c.removed_at is null and c.author_id <> all ($2)', schema_name)
      into v_others using thread_id, mentioned;
    perform core.notify((object).workspace_id, v_others, 'REPLY', (object).id, record_id, '{}', comment_id, 'comment:' || comment_id);
  end if;
  return coalesce((
    select jsonb_agg(jsonb_build_object('id', m.id, 'name', m.name) order by lower(m.name))
    from core.members m where m.id = any (mentioned) and m.id <> all (v_reached)), '[]');
end
$$;
--! EndIncluded core/notifications/notify.sql
--! Included metadata/layouts.sql
-- How the pages of records are arranged: one layout of an object for everybody, and others for roles. Without any, the
-- screen makes one from the model. A layout names fields and relations by their ids and never gives a right: what a role does not
-- read is left out of it. Layouts are no part of the model: changing one raises no version and rebuilds no schema, and
-- a field that is deleted does without them; restored, it stands where it stood.

create or replace function engine.layout_widget(widget jsonb) returns jsonb
language plpgsql immutable set search_path = ''
as $$
declare
  v_kind text := widget ->> 'kind';
  v_asks text[];
  v_unknown text;
begin
  v_asks := case v_kind
    when 'FIELDS' then '{fieldIds,takesNew,isFolded}' when 'FIELD' then '{fieldId}' when 'RELATION' then '{relationId,as,groupFieldId}'
    when 'CHART' then '{relationId,groupFieldId,aggregate,fieldId}' when 'TEXT' then '{text}' when 'FRAME' then '{url}'
    when 'ABOUT' then '{}' when 'NOTES' then '{}' when 'TASKS' then '{}' when 'FILES' then '{}' when 'COMMENTS' then '{}' when 'TIMELINE' then '{}' end;
  if v_asks is null then
    raise exception 'A layout has no widget "%".', coalesce(v_kind, '') using errcode = 'RV289', column = 'content',
      hint = 'There are FIELDS, FIELD, RELATION, CHART, TEXT, FRAME, ABOUT, NOTES, TASKS, FILES, COMMENTS and TIMELINE.';
  end if;
  select k into v_unknown from jsonb_object_keys(widget) k where k <> all ('{id,kind,title,condition}'::text[] || v_asks) limit 1;
  if found then
    raise exception 'A widget % has no "%".', v_kind, v_unknown using errcode = 'RV289', column = 'content',
      hint = 'It takes ' || array_to_string('{id,title,condition}'::text[] || v_asks, ', ') || '.';
  end if;
  if coalesce(widget ->> 'id', '') !~ '^[A-Za-z0-9_-]{1,80}$' or jsonb_typeof(coalesce(widget -> 'title', '""')) not in ('string', 'null') or length(widget ->> 'title') > 100
    or not coalesce(case v_kind
      when 'FIELDS' then jsonb_typeof(widget -> 'fieldIds') = 'array' and not jsonb_path_exists(widget -> 'fieldIds', '$[*] ? (@.type() != "string")')
        and jsonb_typeof(coalesce(widget -> 'takesNew', 'false')) = 'boolean' and jsonb_typeof(coalesce(widget -> 'isFolded', 'false')) = 'boolean'
      when 'FIELD' then jsonb_typeof(widget -> 'fieldId') = 'string'
      when 'RELATION' then jsonb_typeof(widget -> 'relationId') = 'string' and coalesce(widget ->> 'as', 'LIST') in ('LIST', 'TABLE', 'BOARD')
      when 'CHART' then jsonb_typeof(widget -> 'relationId') = 'string' and jsonb_typeof(widget -> 'groupFieldId') = 'string'
        and widget ->> 'aggregate' in ('COUNT', 'SUM', 'AVG', 'MIN', 'MAX') and (widget ->> 'aggregate' = 'COUNT' or jsonb_typeof(widget -> 'fieldId') = 'string')
      when 'TEXT' then jsonb_typeof(widget -> 'text') = 'string' and length(widget ->> 'text') <= 10000
      when 'FRAME' then widget ->> 'url' ~ '^https?://[^\s/?#@]+([/?#][^\s]*)?$' and length(widget ->> 'url') <= 2000
      else true end, false) then
    raise exception 'A widget % of the layout is not complete.', v_kind using errcode = 'RV289', column = 'content',
      hint = 'It needs an id of letters and digits and ' || coalesce(nullif(array_to_string(v_asks, ', '), ''), 'nothing else') || '; a page that is framed has an address that begins with https://.';
  end if;
  return jsonb_strip_nulls(widget || case when widget ? 'condition' then jsonb_build_object('condition', engine.view_filter(widget -> 'condition')) else '{}' end);
end
$$;

create or replace function engine.layout_widgets(widgets jsonb) returns jsonb
language plpgsql immutable set search_path = ''
as $$
begin
  if jsonb_typeof(widgets) is distinct from 'array' or jsonb_array_length(widgets) > 100 or jsonb_path_exists(widgets, '$[*] ? (@.type() != "object")') then
    raise exception 'The widgets of a layout are a list of at most 100.' using errcode = 'RV289', column = 'content', hint = 'Give [] for none.';
  end if;
  return (select coalesce(jsonb_agg(engine.layout_widget(w) order by i), '[]') from jsonb_array_elements(widgets) with ordinality u (w, i));
end
$$;

-- A layout in the form in which it is kept. Refuses what is none.
create or replace function engine.record_layout(content jsonb) returns jsonb
language plpgsql immutable set search_path = ''
as $$
declare
  v_unknown text;
  v_layout jsonb;
  v_twice text;
begin
  select k into v_unknown from jsonb_object_keys(case jsonb_typeof(content) when 'object' then content else '{}' end) k
  where k not in ('headerFieldIds', 'stageFieldId', 'side', 'tabs', 'hidden') limit 1;
  if found or jsonb_typeof(content) is distinct from 'object' or length(content::text) > 200000 then
    raise exception 'A layout has no "%".', coalesce(v_unknown, '') using errcode = 'RV289', column = 'content', hint = 'It has headerFieldIds, stageFieldId, side, tabs and hidden.';
  end if;
  if jsonb_typeof(coalesce(content -> 'headerFieldIds', '[]')) <> 'array' or jsonb_path_exists(content, '$.headerFieldIds[*] ? (@.type() != "string")')
    or jsonb_typeof(coalesce(content -> 'hidden', '[]')) <> 'array' or jsonb_path_exists(content, '$.hidden[*] ? (@.type() != "string")')
    or jsonb_typeof(coalesce(content -> 'stageFieldId', 'null')) not in ('string', 'null') then
    raise exception 'A layout names fields by their ids.' using errcode = 'RV289', column = 'content', hint = 'headerFieldIds and hidden are lists, stageFieldId is one id or null.';
  end if;
  if jsonb_typeof(content -> 'tabs') is distinct from 'array' or jsonb_array_length(content -> 'tabs') > 30
    or exists (select from jsonb_array_elements(content -> 'tabs') t where jsonb_typeof(t) <> 'object' or coalesce(t ->> 'id', '') !~ '^[A-Za-z0-9_-]{1,80}$'
      or jsonb_typeof(coalesce(t -> 'name', 'null')) not in ('string', 'null') or length(t ->> 'name') > 60 or exists (select from jsonb_object_keys(t) k where k not in ('id', 'name', 'condition', 'widgets'))) then
    raise exception 'A layout has a list of at most 30 tabs, each with an id.' using errcode = 'RV289', column = 'content', hint = 'Give {"id", "name", "condition", "widgets"}.';
  end if;
  v_layout := jsonb_build_object('headerFieldIds', coalesce(content -> 'headerFieldIds', '[]'), 'stageFieldId', content -> 'stageFieldId', 'hidden', coalesce(content -> 'hidden', '[]'),
    'side', engine.layout_widgets(coalesce(content -> 'side', '[]')),
    'tabs', (select coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('id', t -> 'id', 'name', nullif(btrim(t ->> 'name'), ''), 'condition', engine.view_filter(t -> 'condition')))
      || jsonb_build_object('widgets', engine.layout_widgets(coalesce(t -> 'widgets', '[]'))) order by i), '[]') from jsonb_array_elements(content -> 'tabs') with ordinality u (t, i)));
  select w ->> 'id' into v_twice from (select jsonb_path_query(v_layout, '$.side[*]') union all select jsonb_path_query(v_layout, '$.tabs[*].widgets[*]')) u (w) group by w ->> 'id' having count(*) > 1 limit 1;
  if found then
    raise exception 'Two widgets of the layout are called "%".', v_twice using errcode = 'RV289', column = 'content', hint = 'Each has an id of its own.';
  end if;
  return v_layout;
end
$$;

-- Of a manifest, where a layout that is none is left to be refused when it is written.
create or replace function engine.manifest_layout(content jsonb) returns jsonb
language plpgsql immutable set search_path = ''
as $$
begin
  return engine.record_layout(content);
exception when sqlstate 'RV289' or sqlstate 'RV186' then
  return content;
end
$$;

alter table metadata.layouts enable row level security;
alter table metadata.layouts alter column workspace_id set default engine.current_workspace();
drop policy if exists select_own on metadata.layouts;
create policy select_own on metadata.layouts for select to relvar_crm using (workspace_id = (select engine.current_workspace())
  and (role_id is null or role_id = any (array(select engine.my_roles())) or (select engine.may('LAYOUTS'))));
comment on policy select_own on metadata.layouts is 'Members read the layouts for everybody and for their own roles; who keeps the layouts reads all.';
drop policy if exists insert_own on metadata.layouts;
create policy insert_own on metadata.layouts for insert to relvar_crm with check (workspace_id = (select engine.current_workspace()) and (select engine.may('LAYOUTS')));
drop policy if exists update_own on metadata.layouts;
create policy update_own on metadata.layouts for update to relvar_crm using (workspace_id = (select engine.current_workspace()) and (select engine.may('LAYOUTS')))
  with check (workspace_id = (select engine.current_workspace()));
drop policy if exists delete_own on metadata.layouts;
create policy delete_own on metadata.layouts for delete to relvar_crm using (workspace_id = (select engine.current_workspace()) and (select engine.may('LAYOUTS')));
grant select, insert (id, object_id, role_id, content), update (content), delete on metadata.layouts to relvar_crm;

create or replace function engine.tg_layouts__validate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  new.id := coalesce(new.id, engine.uuidv7());
  if tg_op = 'INSERT' then
    new.workspace_id := coalesce(new.workspace_id, (select o.workspace_id from metadata.objects o where o.id = new.object_id));
  else
    new.version := old.version + 1;
    new.updated_at := now();
  end if;
  new.content := engine.record_layout(new.content);
  return new;
end
$$;
create or replace trigger _100_validate before insert or update on metadata.layouts for each row execute function engine.tg_layouts__validate();

-- Screens hear of layouts as they hear of views.
do $$
declare
  v_event text;
begin
  foreach v_event in array array['insert', 'update', 'delete'] loop
    execute format('create or replace trigger _900_notify_%s after %s on metadata.layouts referencing %s table as changed for each statement execute function engine.tg_views__notify()',
      v_event, v_event, case v_event when 'delete' then 'old' else 'new' end);
  end loop;
end
$$;

create or replace function metadata.my_layouts() returns jsonb
language sql stable
begin atomic
  select coalesce(jsonb_object_agg(l.object_id, l.content), '{}')
  from (
    -- The role's own before that of one that it includes, and that before everybody's.
    select distinct on (l.object_id) l.object_id, l.content
    from metadata.layouts l left join engine.my_roles() with ordinality r (id, i) on r.id = l.role_id
    where l.role_id is null or r.id is not null
    order by l.object_id, r.i nulls last
  ) l;
end;
comment on function metadata.my_layouts() is 'How the pages of records are arranged for the caller, by the ids of objects. Of an object that is not there nobody has arranged anything.';

-- The workspace of an object whose pages the caller arranges.
create or replace function engine.arranged_workspace(object_id uuid) returns uuid
language plpgsql stable set search_path = ''
as $$
declare
  v_workspace uuid;
begin
  select o.workspace_id into v_workspace from metadata.objects o
  where o.id = arranged_workspace.object_id and o.deleted_at is null and (engine.acts_as_administrator() or o.workspace_id = engine.workspace_of_role(current_setting('role')::name));
  if not found then
    raise exception 'There is no such object.' using errcode = 'RV063', column = 'object_id', hint = 'It may have been deleted.';
  end if;
  perform engine.assert_manages(v_workspace, 'LAYOUTS');
  return v_workspace;
end
$$;

create or replace function metadata.save_layout(object_id uuid, content jsonb, role_id uuid default null, seen_version int default null) returns metadata.layouts
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_workspace uuid := engine.arranged_workspace(object_id);
  v_layout metadata.layouts;
begin
  insert into metadata.layouts as l (workspace_id, object_id, role_id, content) values (v_workspace, save_layout.object_id, save_layout.role_id, save_layout.content)
  on conflict on constraint layouts_object_id_role_id_key do update set content = excluded.content
    where save_layout.seen_version is null or l.version = save_layout.seen_version
  returning l.* into v_layout;
  if not found or save_layout.seen_version <> v_layout.version - 1 then
    raise exception 'Somebody else has changed this layout meanwhile.' using errcode = 'RV290', column = 'seen_version', hint = 'Look at theirs first, or save without a version to write over it.';
  end if;
  return v_layout;
end
$$;
comment on function metadata.save_layout(uuid, jsonb, uuid, int) is
  'Arranges the page of an object''s records: {headerFieldIds, stageFieldId, side, tabs, hidden}, for everybody or for a role. With the version that the caller has seen (0 for none) it is refused if somebody else has changed it since.';

create or replace function metadata.reset_layout(object_id uuid, role_id uuid default null) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.arranged_workspace(object_id);
begin
  delete from metadata.layouts l where l.workspace_id = v_workspace and l.object_id = reset_layout.object_id and l.role_id is not distinct from reset_layout.role_id;
  return found;
end
$$;
comment on function metadata.reset_layout(uuid, uuid) is 'Forgets how the page of an object''s records was arranged, for everybody or for a role. False when there was nothing to forget.';
grant execute on function metadata.my_layouts(), metadata.save_layout(uuid, jsonb, uuid, int), metadata.reset_layout(uuid, uuid) to relvar_crm;

comment on column metadata.layouts.workspace_id is 'The workspace that this belongs to; follows from the role of whoever writes.';
comment on column metadata.layouts.id is 'Identifies it.';
comment on column metadata.layouts.object_id is 'The object whose records it shows.';
comment on column metadata.layouts.role_id is 'The role for which it is; null for everybody else.';
comment on column metadata.layouts.content is 'headerFieldIds, stageFieldId, side and tabs with their widgets, and hidden: what was taken out.';
comment on column metadata.layouts.application_id is 'The application that brought it; null for one made here.';
comment on column metadata.layouts.universal_identifier is 'By which a manifest finds it again.';
comment on column metadata.layouts.version is 'How often it was changed, which tells two who arrange at once.';
comment on column metadata.layouts.updated_at is 'When it was last changed.';
--! EndIncluded metadata/layouts.sql

-- What the usual tabs are called is the screen's to say, in the language of who looks.
update metadata.layouts l set content = jsonb_set(l.content, '{tabs}', (
  select jsonb_agg(case when (t ->> 'id', t ->> 'name') in (('overview', 'Overview'), ('tasks', 'Tasks'), ('notes', 'Notes')) then t - 'name' else t end order by i)
  from jsonb_array_elements(l.content -> 'tabs') with ordinality u (t, i)))
where jsonb_path_exists(l.content, '$.tabs[*] ? (@.id == "overview" && @.name == "Overview" || @.id == "tasks" && @.name == "Tasks" || @.id == "notes" && @.name == "Notes")');

--! Included metadata/history.sql
-- The history of the model in plain words.

-- Of one that is gone, by what it was called last.
create or replace function engine.object_label(id text) returns text
language sql stable set search_path = ''
  return coalesce((select o.label_plural from metadata.objects o where o.id = object_label.id::uuid),
    (select coalesce(c.after, c.before) ->> 'label_plural' from metadata.model_changes c
      where c.table_name = 'objects' and c.row_id = object_label.id::uuid order by c.version desc, c.seq desc limit 1), 'an object that is gone');

create or replace function engine.role_label(id text) returns text
language sql stable set search_path = ''
  return coalesce((select r.name from metadata.roles r where r.id = role_label.id::uuid),
    (select coalesce(c.after, c.before) ->> 'name' from metadata.model_changes c
      where c.table_name = 'roles' and c.row_id = role_label.id::uuid order by c.version desc, c.seq desc limit 1), 'a role that is gone');

-- What a row of the model is, in words.
create or replace function engine.row_in_words(table_name text, "row" jsonb) returns text
language sql stable set search_path = ''
as $$
  select case table_name
    when 'objects' then format('the object "%s"', "row" ->> 'label_plural')
    when 'fields' then format('the field "%s" of %s', "row" ->> 'label', engine.object_label("row" ->> 'object_id'))
    when 'relations' then format('the relation "%s" from %s', "row" ->> 'inverse_label', engine.object_label("row" ->> 'target_object_id'))
    when 'rules' then format('a rule of %s (%s)', engine.object_label("row" ->> 'object_id'), coalesce(nullif("row" ->> 'message', ''), lower("row" ->> 'kind')))
    when 'indexes' then format('the index "%s" of %s', "row" ->> 'name', engine.object_label("row" ->> 'object_id'))
    when 'views' then format('the view "%s" of %s', "row" ->> 'name', engine.object_label("row" ->> 'object_id'))
    when 'view_fields' then 'the columns of a view'
    when 'layouts' then format('the pages of %s', engine.object_label("row" ->> 'object_id'))
    when 'aliases' then format('the former name "%s"', "row" ->> 'name')
    when 'roles' then format('the role "%s"', "row" ->> 'name')
    when 'role_includes' then format('what the role "%s" includes', engine.role_label("row" ->> 'role_id'))
    when 'object_permissions' then format('the rights of the role "%s" on %s', engine.role_label("row" ->> 'role_id'), engine.object_label("row" ->> 'object_id'))
    when 'field_permissions' then format('the rights of the role "%s" on fields of %s', engine.role_label("row" ->> 'role_id'), engine.object_label("row" ->> 'object_id'))
    when 'record_rules' then format('which records of %s the role "%s" may %s', engine.object_label("row" ->> 'object_id'), engine.role_label("row" ->> 'role_id'), lower("row" ->> 'action'))
  end
$$;

create or replace function engine.change_summary(table_name text, before jsonb, after jsonb) returns text
language sql stable set search_path = ''
as $$
  select case
      when what is null then null
      when before is null then 'Added ' || what
      when after is null then case when before ->> 'deleted_at' is not null then 'Dropped ' else 'Removed ' end || what
      when before ->> 'deleted_at' is null and after ->> 'deleted_at' is not null then 'Deleted ' || what
      when before ->> 'deleted_at' is not null and after ->> 'deleted_at' is null then 'Restored ' || what
      when (before ->> 'is_active')::boolean and not (after ->> 'is_active')::boolean then 'Switched off ' || what
      when not (before ->> 'is_active')::boolean and (after ->> 'is_active')::boolean then 'Switched on ' || what
      when before ->> 'type' <> after ->> 'type' then format('Made %s %s instead of %s', what, after ->> 'type', before ->> 'type')
      when coalesce(before ->> 'label_plural', before ->> 'label') <> coalesce(after ->> 'label_plural', after ->> 'label')
        then format('Renamed %s from "%s"', what, coalesce(before ->> 'label_plural', before ->> 'label'))
      else format('Changed %s of %s', (
        select string_agg(replace(k, '_', ' '), ', ' order by k) from jsonb_object_keys(after) k
        where after -> k is distinct from before -> k and k not in ('compiled', 'revision', 'result_type', 'deleted_by_name')), what)
    end
  from (
    select case when table_name = 'fields' and (before is null or after is null) and (coalesce(after, before) ->> 'is_system')::boolean then null
      else engine.row_in_words(table_name, coalesce(after, before)) end as what
  ) w
$$;

create or replace function engine.history_of(workspace_id uuid, first int, before_version bigint default null) returns jsonb
language sql stable set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('version', v.version, 'actorName', v.actor_name, 'actorType', v.actor_type, 'source', v.source,
    'happenedAt', v.happened_at, 'summary', coalesce(c.summary, case v.version when 1 then 'Created the workspace' else 'Reconciled the tables with the model' end), 'statements', to_jsonb(v.statements), 'changes', coalesce(c.list, '[]')) order by v.version desc), '[]')
  from (
    select * from metadata.model_versions v
    where v.workspace_id = history_of.workspace_id and (before_version is null or v.version < before_version)
    order by v.version desc limit least(greatest(first, 1), 200)
  ) v
  left join lateral (
    select array_to_string((array_agg(s.summary order by s.seq) filter (where s.is_first))[1:3], '; ')
        || case when count(*) filter (where s.is_first) > 3 then format('; and %s more', count(*) filter (where s.is_first) - 3) else '' end as summary,
      jsonb_agg(jsonb_build_object('table', engine.camel_case(s.table_name), 'rowId', s.row_id,
        'label', coalesce(s.after, s.before) ->> case s.table_name when 'objects' then 'label_plural' when 'fields' then 'label' when 'relations' then 'inverse_label' else 'name' end,
        'summary', s.summary, 'before', s.before, 'after', s.after) order by s.seq) as list
    from (
      select c.*, n.summary,
        -- One sentence is said once, and what came with a new thing is not said again.
        n.summary is not null and row_number() over (partition by n.summary order by c.seq) = 1
          and (c.table_name = 'objects' and c.before is null or c.table_name not in ('relations', 'view_fields') and not exists (
            select from metadata.model_changes o where o.workspace_id = c.workspace_id and o.version = c.version and o.table_name = 'objects' and o.before is null
              and o.row_id::text = coalesce(coalesce(c.after, c.before) ->> 'object_id', c.row_id::text))) as is_first
      from metadata.model_changes c
      cross join lateral (select engine.change_summary(c.table_name, c.before, c.after) as summary) n
      where c.workspace_id = v.workspace_id and c.version = v.version
    ) s
  ) c on true
$$;

create or replace function metadata.model_history(first int default 50, before_version bigint default null) returns jsonb
language sql stable security definer set search_path = ''
as $$ select engine.history_of(engine.workspace_of_role(current_setting('role')::name), first, before_version) $$;
comment on function metadata.model_history(int, bigint) is
  'Changes of the model, the latest first: who, when, what in words, the rows before and after, and the statements that were run. before_version continues an earlier page.';
grant execute on function metadata.model_history(int, bigint) to relvar_crm;
--! EndIncluded metadata/history.sql
--! Included metadata/bundle.sql
-- What a manifest says, as rows of the model: the same columns, with references by the names that the
-- manifest gives. What it names is found again by its universal identifier (application:object.field,
-- unless the manifest gives one), so that it can be called otherwise in the workspace, and in the next
-- version of the manifest.

create or replace function engine.manifest_objects(manifest jsonb)
returns table (universal_identifier text, name_singular text, name_plural text, label_singular text, label_plural text,
  description text, icon text, color text, label_field text, image_field text, duplicate_criteria jsonb, is_active boolean, is_system boolean,
  is_searchable boolean, is_audited boolean, "position" double precision)
language sql immutable set search_path = ''
as $$
  select coalesce(o ->> 'universalIdentifier', (manifest ->> 'name') || ':' || (o ->> 'nameSingular')), o ->> 'nameSingular', o ->> 'namePlural',
    o ->> 'labelSingular', o ->> 'labelPlural', coalesce(o ->> 'description', ''), coalesce(o ->> 'icon', 'IconBox'), o ->> 'color', o ->> 'labelField', o ->> 'imageField',
    coalesce(nullif(o -> 'duplicateCriteria', 'null'), '[]'), coalesce((o ->> 'isActive')::boolean, true), coalesce((o ->> 'isSystem')::boolean, false),
    coalesce((o ->> 'isSearchable')::boolean, true), coalesce((o ->> 'isAudited')::boolean, true), coalesce((o ->> 'position')::double precision, 0)
  from jsonb_array_elements(manifest -> 'objects') o
  -- An object of another application is only extended.
  where not o ? 'extends'
$$;

-- What a manifest calls the objects that it brings or extends.
create or replace function engine.manifest_object_names(manifest jsonb)
returns table (universal_identifier text, name text, value jsonb)
language sql immutable set search_path = ''
as $$
  select coalesce(o ->> 'extends', o ->> 'universalIdentifier', (manifest ->> 'name') || ':' || (o ->> 'nameSingular')),
    coalesce(o ->> 'nameSingular', nullif(split_part(o ->> 'extends', ':', 2), ''), o ->> 'extends'), o
  from jsonb_array_elements(manifest -> 'objects') o
$$;

create or replace function engine.manifest_fields(manifest jsonb)
returns table (object_identifier text, universal_identifier text, name text, label text, description text, icon text, type text, settings jsonb,
  options jsonb, default_value jsonb, is_required boolean, required_from timestamptz, is_unique boolean, is_active boolean, is_system boolean,
  "position" double precision, relations jsonb, many_to_many jsonb)
language sql stable set search_path = ''
as $$
  select o.universal_identifier, coalesce(f ->> 'universalIdentifier', (case when o.value ? 'extends' then (manifest ->> 'name') || ':' || o.name else o.universal_identifier end) || '.' || (f ->> 'name')),
    f ->> 'name', f ->> 'label', coalesce(f ->> 'description', ''),
    f ->> 'icon', f ->> 'type', coalesce(f -> 'settings', '{}'), coalesce(f -> 'options', '[]'), nullif(f -> 'defaultValue', 'null'),
    coalesce((f ->> 'isRequired')::boolean, false), (f ->> 'requiredFrom')::timestamptz, coalesce((f ->> 'isUnique')::boolean, false),
    coalesce((f ->> 'isActive')::boolean, true), coalesce((f ->> 'isSystem')::boolean, false), coalesce((f ->> 'position')::double precision, 0),
    coalesce(f -> 'relations', '[]'), nullif(f -> 'manyToMany', 'null')
  from engine.manifest_object_names(manifest) o
  cross join lateral jsonb_array_elements(coalesce(o.value -> 'fields', '[]')) f
$$;

create or replace function engine.bundle_parts() returns setof engine.bundle_part
language sql immutable set search_path = ''
as $$
  values
    (1, 'objects', 'objects', null, null, null),
    (2, 'fields', 'fields', 'objects', 'object_id', null),
    (3, 'relations', 'relations', 'fields', 'field_id', 'target_object_id'),
    (4, 'computed', 'fields', 'objects', 'object_id', null),
    -- What objects say of their fields.
    (5, 'references', 'objects', null, null, null),
    (6, 'rules', 'rules', 'objects', 'object_id', null),
    (7, 'indexes', 'indexes', 'objects', 'object_id', null),
    (8, 'views', 'views', 'objects', 'object_id', null),
    (9, 'viewFields', 'view_fields', 'views', 'view_id', 'field_id'),
    (10, 'roles', 'roles', null, null, null)
  union all
  select 11, p.part, p.table_name, 'roles', 'role_id', p.key_column from engine.role_parts() p
  union all
  values (12, 'layouts', 'layouts', 'objects', 'object_id', null)
$$;

create or replace function engine.manifest_rows(manifest jsonb)
returns table (part text, identifier text, owner text, "values" jsonb)
language sql stable set search_path = ''
as $$
  with object as (
    select o.*, case when o.value ? 'extends' then (manifest ->> 'name') || ':' || o.name else o.universal_identifier end as prefix,
      'field:' || o.name || '.' as field
    from engine.manifest_object_names(manifest) o
  ), child as (
    select p.part, o.universal_identifier as owner, o.prefix, o.field, e.value, e.i,
      -- Of rules that have no identifier, the first of its kind over its field; then the second.
      concat_ws('.', e.value ->> 'kind', e.value ->> 'field', nullif(row_number() over (partition by p.part, o.universal_identifier, e.value ->> 'kind', e.value ->> 'field',
        e.value ? 'universalIdentifier' order by e.i), 1)) as rule_name
    from object o
    cross join (values ('rules'), ('indexes'), ('views')) p (part)
    cross join lateral jsonb_array_elements(coalesce(o.value -> p.part, '[]')) with ordinality e (value, i)
  ), named as (
    select c.*, coalesce(c.value ->> 'universalIdentifier', c.prefix || '.' || c.part || ':' || coalesce(c.value ->> 'name', c.rule_name)) as identifier from child c
  ), role as (
    select coalesce(e ->> 'universalIdentifier', (manifest ->> 'name') || ':role.' || (e ->> 'name')) as identifier, e as value
    from jsonb_array_elements(coalesce(manifest -> 'roles', '[]')) e where not coalesce((e ->> 'isSystem')::boolean, false)
  )
  select 'objects', o.universal_identifier, null, jsonb_build_object('name_singular', o.name_singular, 'name_plural', o.name_plural, 'label_singular', o.label_singular,
    'label_plural', o.label_plural, 'description', o.description, 'icon', o.icon, 'color', o.color, 'is_active', o.is_active, 'is_searchable', o.is_searchable,
    'is_audited', o.is_audited, 'position', o.position)
  from engine.manifest_objects(manifest) o
  union all
  select 'references', o.universal_identifier, null, jsonb_build_object('label_field_id', 'field:' || o.name_singular || '.' || o.label_field,
    'image_field_id', 'field:' || o.name_singular || '.' || o.image_field, 'duplicate_criteria', o.duplicate_criteria)
  from engine.manifest_objects(manifest) o
  union all
  select case when f.type in ('FORMULA', 'ROLLUP') then 'computed' else 'fields' end, f.universal_identifier, f.object_identifier,
    jsonb_build_object('name', f.name, 'label', f.label, 'description', f.description, 'icon', f.icon) || case when f.is_system then '{"is_system": true}' else
      jsonb_build_object('type', f.type, 'settings', f.settings, 'options', f.options, 'default_value', f.default_value, 'is_required', f.is_required,
        'required_from', f.required_from, 'is_unique', f.is_unique, 'is_active', f.is_active, 'position', f.position) end
  from engine.manifest_fields(manifest) f
  union all
  select 'relations', f.universal_identifier || '>' || (r ->> 'target'), f.universal_identifier, jsonb_build_object('target_object_id', 'object:' || (r ->> 'target'),
    'inverse_name', r -> 'inverseName', 'inverse_label', r -> 'inverseLabel', 'on_delete', coalesce(r ->> 'onDelete', 'SET_NULL'), 'is_on_timeline', coalesce((r ->> 'isOnTimeline')::boolean, false))
  from engine.manifest_fields(manifest) f cross join lateral jsonb_array_elements(f.relations) r
  union all
  select 'rules', n.identifier, n.owner, jsonb_build_object('field_id', n.field || (n.value ->> 'field'), 'kind', n.value -> 'kind', 'settings', coalesce(n.value -> 'settings', '{}'),
    'condition', n.value -> 'condition', 'message', coalesce(n.value ->> 'message', ''), 'applies_from', (n.value ->> 'appliesFrom')::timestamptz,
    'is_active', coalesce((n.value ->> 'isActive')::boolean, true), 'position', coalesce((n.value ->> 'position')::double precision, 0))
  from named n where n.part = 'rules'
  union all
  select 'indexes', n.identifier, n.owner, jsonb_build_object('name', n.value -> 'name', 'kind', coalesce(n.value ->> 'kind', 'BTREE'), 'condition', n.value -> 'condition',
    'parts', (select jsonb_agg(jsonb_strip_nulls(jsonb_build_object('fieldId', p -> 'fieldId', 'part', p -> 'part', 'descending', case when p -> 'descending' = 'true' then true end)) order by i)
      from jsonb_array_elements(n.value -> 'parts') with ordinality u (p, i)))
  from named n where n.part = 'indexes'
  union all
  select 'views', n.identifier, n.owner, jsonb_build_object('name', n.value -> 'name', 'icon', n.value -> 'icon', 'type', coalesce(n.value ->> 'type', 'TABLE'), 'filter', engine.manifest_filter(n.value -> 'filter'),
    'sorts', coalesce(n.value -> 'sorts', '[]'), 'group_field_id', n.field || (n.value ->> 'groupField'), 'group_bucket', n.value -> 'groupBucket', 'colors', coalesce(n.value -> 'colors', '[]'), 'layout', coalesce(n.value -> 'layout', '{}'), 'position', coalesce((n.value ->> 'position')::double precision, 0))
  from named n where n.part = 'views'
  union all
  select 'viewFields', n.identifier || '>' || (c ->> 'field'), n.identifier, jsonb_build_object('field_id', n.field || (c ->> 'field'), 'width', c -> 'width',
    'is_visible', coalesce((c ->> 'isVisible')::boolean, true), 'is_pinned', coalesce((c ->> 'isPinned')::boolean, false), 'aggregate', c -> 'aggregate', 'position', coalesce((c ->> 'position')::double precision, u.i))
  from named n cross join lateral jsonb_array_elements(coalesce(n.value -> 'fields', '[]')) with ordinality u (c, i) where n.part = 'views'
  union all
  -- How pages are arranged for everybody; for roles it is arranged where these are given to people.
  select 'layouts', o.prefix || '.layout', o.universal_identifier, jsonb_build_object('content', engine.manifest_layout(e -> 'content'))
  from object o cross join lateral jsonb_array_elements(coalesce(o.value -> 'layouts', '[]')) e
  where e ->> 'role' is null
  union all
  -- An application brings no role that changes settings.
  select 'roles', r.identifier, null, engine.role_row_values('metadata.roles', r.value) || '{"permissions": [], "has_all_permissions": false}' from role r
  union all
  select p.part, r.identifier || '>' || (v.value ->> p.key_column), r.identifier, v.value
  from role r cross join engine.role_parts() p
  cross join lateral jsonb_array_elements(coalesce(r.value -> p.part, '[]')) e
  cross join lateral (select engine.role_row_values(('metadata.' || p.table_name)::regclass, e) as value) v
$$;
comment on function engine.manifest_rows(jsonb) is 'What a manifest says, one row of the model each, with references by name: part, identifier, identifier of what it belongs to, values by column.';

-- The ids of what a manifest speaks of: {"field:truck.plate": id, …}. A name means what the manifest
-- itself brings first, then what is called so here, then what was.
create or replace function engine.manifest_names(workspace_id uuid, manifest jsonb) returns jsonb
language sql stable set search_path = ''
as $$
  with object as (
    select m.name, o.id from engine.manifest_object_names(manifest) m
    join metadata.objects o on o.workspace_id = manifest_names.workspace_id and o.universal_identifier = m.universal_identifier and o.deleted_at is null
  ), field as (
    select m.name as object_name, f.name, g.id
    from engine.manifest_fields(manifest) f
    join engine.manifest_object_names(manifest) m on m.universal_identifier = f.object_identifier
    join metadata.fields g on g.workspace_id = manifest_names.workspace_id and g.universal_identifier = f.universal_identifier and g.deleted_at is null
  ), target as (
    select 4 as rank, a.name, a.object_id as id from metadata.aliases a where a.workspace_id = manifest_names.workspace_id and a.kind = 'SINGULAR'
    union all
    select 3, split_part(o.universal_identifier, ':', 2), o.id from metadata.objects o where o.workspace_id = manifest_names.workspace_id and o.deleted_at is null
    union all
    select 2, o.name_singular, o.id from metadata.objects o where o.workspace_id = manifest_names.workspace_id and o.deleted_at is null
    union all
    select 1, o.name, o.id from object o
  ), name as (
    select t.rank, 'object:' || t.name as name, t.id from target t
    union all
    select t.rank * 3, 'field:' || t.name || '.' || a.name, a.field_id from target t join metadata.aliases a on a.object_id = t.id and a.field_id is not null
    union all
    select t.rank * 3 - 1, 'field:' || t.name || '.' || f.name, f.id from target t join metadata.fields f on f.object_id = t.id and f.deleted_at is null
    union all
    select t.rank * 3 - 1.5, 'field:' || t.name || '.' || substring(f.universal_identifier from '[^.]+$'), f.id
    from target t join metadata.fields f on f.object_id = t.id and f.deleted_at is null where t.rank > 1
    union all
    select 0, 'field:' || f.object_name || '.' || f.name, f.id from field f
    union all
    select 0, 'relation:' || f.object_name || '.' || f.name || '>' || t.name, r.id
    from field f join metadata.relations r on r.field_id = f.id and r.deleted_at is null join target t on t.id = r.target_object_id
  )
  select coalesce(jsonb_object_agg(n.name, n.id order by n.rank desc) filter (where n.name is not null), '{}') from name n
$$;
--! EndIncluded metadata/bundle.sql
--! Included metadata/sync_row.sql
-- One row of a manifest and the row of the model that it stands for: found, compared and written.

-- Formulas are texts of names, and names may change on both sides: they are compared as what they
-- are compiled to.
create or replace function engine.compiled_formulas(table_name text, object_id uuid, "values" jsonb) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_compiled jsonb := '{}';
  v_object uuid;
  r record;
begin
  for r in
    select f.path, f.text, f.context from (values
      ('{settings,expression}', "values" #>> '{settings,expression}', case when "values" ->> 'type' = 'FORMULA' then 'FORMULA' end),
      ('{settings,filter}', "values" #>> '{settings,filter}', case when "values" ->> 'type' = 'ROLLUP' then 'FILTER' end),
      ('{condition}', "values" ->> 'condition', case when compiled_formulas.table_name in ('rules', 'indexes') then 'CONDITION' end)) f (path, text, context)
    where f.text is not null and f.context is not null
  loop
    v_object := case when r.context <> 'FILTER' then object_id else (
      select f.object_id from metadata.relations l join metadata.fields f on f.id = l.field_id where l.id::text = "values" #>> '{settings,relationId}') end;
    begin
      v_compiled := v_compiled || jsonb_build_object(r.path, engine.formula_compile(v_object, r.text, r.context));
    exception when raise_exception or others then
      -- What cannot be read stays the text that it is.
      if sqlstate not like 'RV%' then
        raise;
      end if;
    end;
  end loop;
  return v_compiled;
end
$$;

create or replace function engine.with_formulas("values" jsonb, compiled jsonb) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_values jsonb := "values";
  r record;
begin
  for r in select e.key, e.value from jsonb_each(compiled) e loop
    v_values := jsonb_set(v_values, r.key::text[], to_jsonb(engine.formula_text(r.value)));
  end loop;
  return v_values;
end
$$;

create or replace function engine.bundle_owner(workspace_id uuid, owner_table text, identifier text) returns uuid
language plpgsql stable set search_path = ''
as $$
declare
  v_id uuid;
begin
  if owner_table is not null then
    execute format('select t.id from metadata.%I t where t.workspace_id = $1 and t.universal_identifier = $2 %s', owner_table, case when owner_table in ('objects', 'fields') then 'and t.deleted_at is null' else '' end)
      into v_id using workspace_id, identifier;
  end if;
  return v_id;
end
$$;

-- The row that is here for one of a manifest, whose references are resolved.
create or replace function engine.bundle_row(workspace_id uuid, table_name text, owner_column text, key_column text, identifier text, owner_id uuid, "values" jsonb) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_row jsonb;
begin
  execute format('select to_jsonb(t) from metadata.%I t where t.workspace_id = $1 and %s limit 1', table_name, case
      when key_column is not null then format('t.%I = $3 and t.%I::text = $4 ->> %L', owner_column, key_column, key_column)
      -- Fields that the engine keeps bear no identifier.
      when ("values" ->> 'is_system')::boolean then 't.object_id = $3 and t.is_system and t.name = $4 ->> ''name'' '
      else 't.universal_identifier = $2' end
    || case when table_name in ('objects', 'fields', 'relations') then ' and t.deleted_at is null' else '' end)
  into v_row using workspace_id, identifier, owner_id, "values";
  return v_row;
end
$$;

create or replace function engine.bundle_warning(code text, message text, hint text default null) returns jsonb
language sql immutable set search_path = ''
  return jsonb_build_array(jsonb_build_object('code', code, 'message', message, 'hint', hint));

create or replace function engine.write_values(table_name text, id uuid, "values" jsonb) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_columns text := (select string_agg(quote_ident(k), ', ' order by k) from jsonb_object_keys("values") k);
begin
  execute format('update metadata.%1$I t set (%2$s) = (select %3$s from jsonb_populate_record(null::metadata.%1$I, $2) p) where t.id = $1', table_name, v_columns,
    (select string_agg('p.' || quote_ident(k), ', ' order by k) from jsonb_object_keys("values") k))
  using id, "values";
end
$$;

-- Of a column that is still to come nothing is known, and nothing is broken.
create or replace function engine.breaks_rule(rule metadata.rules) returns boolean
language plpgsql stable set search_path = ''
as $$
begin
  return (engine.rule_breakers(rule, false) ->> 'count')::bigint > 0;
exception when undefined_column or undefined_table or datatype_mismatch or undefined_function then
  return false;
end
$$;

-- What the records that are here do not allow is eased rather than refused, so that no upgrade stops at it.
create or replace function engine.eased_field("row" jsonb, "values" jsonb, out eased jsonb, out warnings jsonb)
language plpgsql stable set search_path = ''
as $$
declare
  v_rule metadata.rules;
  v_words text := engine.row_in_words('fields', "row");
  v_used jsonb;
begin
  eased := "values";
  warnings := '[]';
  v_rule.workspace_id := ("row" ->> 'workspace_id')::uuid;
  v_rule.object_id := ("row" ->> 'object_id')::uuid;
  v_rule.field_id := ("row" ->> 'id')::uuid;
  v_rule.settings := '{}';
  if (eased ->> 'is_required')::boolean and coalesce(eased ->> 'required_from', "row" ->> 'required_from') is null then
    v_rule.kind := 'REQUIRED';
    if engine.breaks_rule(v_rule) then
      eased := eased || jsonb_build_object('required_from', clock_timestamp());
      warnings := warnings || engine.bundle_warning('REQUIRED_FROM_NOW', format('Records lack a value in %s, which the application requires: it is required of new records only.', v_words), 'Fill them in, and require it of all.');
    end if;
  end if;
  if (eased ->> 'is_unique')::boolean then
    v_rule.kind := 'UNIQUE';
    v_rule.settings := jsonb_build_object('fieldIds', jsonb_build_array(v_rule.field_id));
    if engine.breaks_rule(v_rule) then
      eased := eased - 'is_unique';
      warnings := warnings || engine.bundle_warning('NOT_UNIQUE', format('Records share a value in %s, which the application wants unique: it is not.', v_words), 'Make the values unique, then the field.');
    end if;
  end if;
  if eased ? 'options' and coalesce(eased ->> 'type', "row" ->> 'type') = "row" ->> 'type' then
    select jsonb_agg(o order by i) into v_used
    from jsonb_array_elements("row" -> 'options') with ordinality u (o, i)
    where not eased -> 'options' @> jsonb_build_array(jsonb_build_object('value', o -> 'value'))
      and (engine.count_option(v_rule.field_id, o ->> 'value') > 0
        or exists (select from engine.uses(v_rule.workspace_id, 'option', v_rule.field_id, o ->> 'value') s where s.is_blocking
          and not (s.user_kind = 'default' and eased ? 'default_value')));
    if v_used is not null then
      eased := jsonb_set(eased, '{options}', (eased -> 'options') || v_used);
      warnings := warnings || engine.bundle_warning('OPTION_USED', format('The application gives up options of %s that are used: %s. They stay.', v_words,
        (select string_agg('"' || (o ->> 'label') || '"', ', ') from jsonb_array_elements(v_used) o)), 'Replace them, then delete them.');
    end if;
  end if;
end
$$;

-- Merges one row of the new manifest with the row that is here.
create or replace function engine.merge_row(table_name text, "row" jsonb, base jsonb, wanted jsonb) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_values jsonb := '{}';
  v_conflicts text[] := '{}';
  v_warnings jsonb := '[]';
  v_words text := engine.row_in_words(table_name, "row");
  v_group text[];
  v_part jsonb;
  r record;
begin
  for r in
    select w.key, m.value, m.conflicts
    from jsonb_each(wanted) w
    cross join lateral engine.merged(w.key, base -> w.key, w.value, "row" -> w.key) m
    -- What is said of another type is not said of the one that people chose.
    where not (table_name = 'fields' and w.key in ('settings', 'options', 'default_value') and "row" ->> 'type' not in (wanted ->> 'type', base ->> 'type'))
    order by w.key
  loop
    v_conflicts := v_conflicts || r.conflicts;
    if coalesce(r.value, 'null') is distinct from "row" -> r.key then
      v_values := v_values || jsonb_build_object(r.key, r.value);
    end if;
  end loop;
  if v_conflicts <> '{}' then
    v_warnings := engine.bundle_warning('KEPT', format('%s of %s was changed here and by the application; it stays as it is here.',
      (select string_agg(engine.camel_case(c), ', ') from unnest(v_conflicts) c), v_words));
  end if;
  if table_name = 'fields' and v_values <> '{}' then
    select e.eased, v_warnings || e.warnings into v_values, v_warnings from engine.eased_field("row", v_values) e;
  end if;
  if v_values = '{}' then
    return v_warnings;
  end if;
  begin
    perform engine.write_values(table_name, ("row" ->> 'id')::uuid, v_values);
    return v_warnings;
  exception when raise_exception or others then
    if sqlstate not like 'RV%' and sqlstate not like '23%' then
      raise;
    end if;
  end;
  -- One by one, to see which of them it is; what makes up a type goes together.
  for v_group in
    select array_agg(k) from jsonb_object_keys(v_values) k group by case when k in ('type', 'settings', 'options', 'default_value') and v_values ? 'type' then 'type' else k end order by 1
  loop
    select jsonb_object_agg(k, v_values -> k) into v_part from unnest(v_group) k;
    begin
      perform engine.write_values(table_name, ("row" ->> 'id')::uuid, v_part);
    exception when raise_exception or others then
      if sqlstate not like 'RV%' and sqlstate not like '23%' then
        raise;
      end if;
      v_warnings := v_warnings || engine.bundle_warning('NOT_POSSIBLE', format('%s of %s stays as it is here: %s',
        (select string_agg(engine.camel_case(k), ', ' order by k) from unnest(v_group) k), v_words, sqlerrm));
    end;
  end loop;
  return v_warnings;
end
$$;

create or replace function engine.insert_row(workspace_id uuid, application_id uuid, part engine.bundle_part, identifier text, owner_id uuid, wanted jsonb) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_values jsonb := wanted || jsonb_build_object('workspace_id', workspace_id)
    || case when (part).owner_column is null then '{}' else jsonb_build_object((part).owner_column, owner_id) end
    || case when (part).key_column is null then jsonb_build_object('application_id', application_id, 'universal_identifier', identifier) else '{}' end;
  v_columns text := (select string_agg(quote_ident(k), ', ' order by k) from jsonb_object_keys(v_values) k);
  v_is_taken boolean := false;
begin
  if (part).table_name in ('indexes', 'roles') then
    execute format('select exists (select from metadata.%I t where t.workspace_id = $1 and t.name = $2 %s)', (part).table_name, case when (part).owner_column is not null then 'and t.object_id = $3' else '' end)
      into v_is_taken using workspace_id, wanted ->> 'name', owner_id;
  end if;
  -- What people have arranged is not arranged anew.
  if (part).table_name = 'layouts' and exists (select from metadata.layouts l where l.object_id = insert_row.owner_id and l.role_id is null) then
    return engine.bundle_warning('KEPT', format('%s were arranged here already and stay as they are.', engine.row_in_words('layouts', v_values)), 'Reset the layout, and install the application anew to have its own.');
  end if;
  if v_is_taken then
    return engine.bundle_warning('NAME_TAKEN', format('There is %s already, so that of the application was not made.', engine.row_in_words((part).table_name, v_values)), 'Rename or delete yours, and install the application anew to have it.');
  end if;
  execute format('insert into metadata.%1$I (%2$s) select %3$s from jsonb_populate_record(null::metadata.%1$I, $1) p', (part).table_name, v_columns,
    (select string_agg('p.' || quote_ident(k), ', ' order by k) from jsonb_object_keys(v_values) k)) using v_values;
  return '[]';
end
$$;
--! EndIncluded metadata/sync_row.sql
--! Included metadata/sync.sql
-- Installs, upgrades and uninstalls a bundle of objects, fields, relations, rules, indexes, views and
-- roles. An upgrade compares three: the old manifest, the new one and the workspace, property by
-- property (engine.merged). What the workspace changed itself stays as it is, what it deleted stays
-- deleted, and where both changed the same the upgrade says so.

-- Nobody knows how long the lists of a manifest are, so PostgreSQL takes them for long, and would
-- compile queries for seconds that run for a moment.
create or replace function metadata.sync_application(workspace_id uuid, manifest jsonb) returns uuid
language plpgsql volatile security definer set search_path = '' set jit = off
as $$
declare
  v_application metadata.applications;
  v_id uuid;
  v_warnings jsonb;
begin
  perform engine.assert_manages(workspace_id, 'APPLICATIONS'), engine.lock_model(workspace_id);
  if coalesce(sync_application.manifest ->> 'name', '') = '' or jsonb_typeof(sync_application.manifest -> 'objects') is distinct from 'array' then
    raise exception 'A manifest needs a name and a list of objects.' using errcode = 'RV030',
      hint = 'See db/standard/manifest.json for one that works.';
  end if;
  select a.* into v_application from metadata.applications a
  where a.workspace_id = sync_application.workspace_id and a.name = sync_application.manifest ->> 'name' for update;
  if found and v_application.manifest = sync_application.manifest then
    return v_application.id;
  end if;
  insert into metadata.applications as a (workspace_id, name, version, manifest)
  values (sync_application.workspace_id, sync_application.manifest ->> 'name', coalesce(sync_application.manifest ->> 'version', '0'), sync_application.manifest)
  on conflict on constraint applications_workspace_id_name_key do update set version = excluded.version, manifest = excluded.manifest
  returning a.id into v_id;
  v_warnings := engine.sync_bundle(workspace_id, v_id, v_application.manifest, sync_application.manifest, coalesce(v_application.removed, '{}'));
  update metadata.applications a set warnings = v_warnings where a.id = v_id;
  return v_id;
end
$$;
comment on function metadata.sync_application(uuid, jsonb) is
  'Installs or upgrades an application from its manifest: objects, fields, relations, rules, indexes, views and roles. Returns the application''s id. What the workspace has changed itself is kept; metadata.applications.warnings tells where the application wanted it otherwise.';

create or replace function metadata.plan_application(workspace_id uuid, manifest jsonb) returns jsonb
language plpgsql volatile security definer set search_path = '' set lock_timeout = '2s' set jit = off
as $$
declare
  v_version bigint;
  v_warnings jsonb;
  v_plan jsonb;
begin
  perform engine.assert_manages(workspace_id, 'APPLICATIONS');
  select w.model_version into v_version from core.workspaces w where w.id = workspace_id;
  begin
    perform metadata.sync_application(workspace_id, manifest);
    select a.warnings into v_warnings from metadata.applications a where a.workspace_id = plan_application.workspace_id and a.name = plan_application.manifest ->> 'name';
    v_plan := engine.consequences(workspace_id, v_version, '[]');
    raise exception 'planned' using errcode = 'RVEND';
  exception when sqlstate 'RVEND' then
    return jsonb_set(v_plan, '{warnings}', v_warnings || (v_plan -> 'warnings'));
  end;
end
$$;
comment on function metadata.plan_application(uuid, jsonb) is
  'What installing or upgrading an application would do: statements, warnings, losses, and what stays as the workspace has it. Changes nothing; metadata.sync_application does it.';
grant execute on function metadata.sync_application(uuid, jsonb), metadata.plan_application(uuid, jsonb) to relvar_crm;

create or replace function engine.sync_bundle(workspace_id uuid, application_id uuid, old_manifest jsonb, new_manifest jsonb, removed text[]) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_warnings jsonb := '[]';
begin
  -- What the old manifest meant is read before anything is called otherwise.
  perform engine.read_bundle(workspace_id, old_manifest, new_manifest);
  v_warnings := engine.drop_rows(workspace_id, false);
  v_warnings := v_warnings || engine.sync_rows(workspace_id, application_id, new_manifest, 1, 2);
  perform engine.install_things(workspace_id, application_id, old_manifest, new_manifest, removed);
  v_warnings := v_warnings || engine.sync_rows(workspace_id, application_id, new_manifest, 3, 3);
  perform engine.install_computed(workspace_id, application_id, new_manifest, removed);
  v_warnings := v_warnings || engine.sync_rows(workspace_id, application_id, new_manifest, 4, 99);
  v_warnings := v_warnings || engine.drop_things(workspace_id, application_id, old_manifest, new_manifest, false);
  drop table pg_temp.relvar_bundle;
  return v_warnings;
end
$$;

-- The rows of which the two manifests say different things, in a table of this transaction.
create or replace function engine.read_bundle(workspace_id uuid, old_manifest jsonb, new_manifest jsonb) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_names jsonb := case when old_manifest is null then '{}' else engine.manifest_names(workspace_id, old_manifest) end;
begin
  create temporary table relvar_bundle on commit drop as
  with pair as (
    select coalesce(n.part, p.part) as part, coalesce(n.identifier, p.identifier) as identifier, coalesce(n.owner, p.owner) as owner, n."values" as wanted, p."values" as base
    from engine.manifest_rows(new_manifest) n
    -- A field that becomes a formula is still that field.
    full join engine.manifest_rows(old_manifest) p on p.identifier = n.identifier and replace(p.part, 'computed', 'fields') = replace(n.part, 'computed', 'fields')
    where n."values" is distinct from p."values"
  )
  select b, (b).phase, p.identifier, p.owner, p.wanted, engine.references_by_id(read_bundle.workspace_id, p.base, v_names, false) as base, null::jsonb as formulas
  from pair p join engine.bundle_parts() b on b.part = p.part
  -- On the first install these come all at once.
  where p.base is not null or b.phase >= 6;
  update pg_temp.relvar_bundle r set formulas = engine.compiled_formulas((r.b).table_name, engine.bundle_owner(read_bundle.workspace_id, (r.b).owner_table, r.owner), r.base)
  where r.base is not null and (r.b).owner_table = 'objects';
end
$$;

-- What the new manifest says otherwise, or says for the first time.
create or replace function engine.sync_rows(workspace_id uuid, application_id uuid, manifest jsonb, first_phase int, last_phase int) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_warnings jsonb := '[]';
  v_names jsonb;
  v_owner uuid;
  v_row jsonb;
  v_wanted jsonb;
  v_part engine.bundle_part;
  r record;
begin
  for r in
    select * from pg_temp.relvar_bundle b where b.wanted is not null and b.phase between first_phase and last_phase
    order by b.phase, (b.wanted ->> 'position')::double precision, b.identifier
  loop
    v_part := r.b;
    v_names := coalesce(v_names, engine.manifest_names(workspace_id, manifest));
    v_owner := engine.bundle_owner(workspace_id, v_part.owner_table, r.owner);
    -- Nothing belongs to what is not there.
    continue when v_part.owner_table is not null and v_owner is null;
    v_wanted := engine.references_by_id(workspace_id, r.wanted, v_names);
    v_wanted := engine.with_formulas(v_wanted, engine.compiled_formulas(v_part.table_name, v_owner, v_wanted));
    v_row := engine.bundle_row(workspace_id, v_part.table_name, v_part.owner_column, v_part.key_column, r.identifier, v_owner, v_wanted);
    if v_row is not null then
      v_warnings := v_warnings || engine.merge_row(v_part.table_name, v_row, coalesce(engine.with_formulas(r.base, coalesce(r.formulas, '{}')), '{}'), v_wanted - 'is_system');
    elsif r.base is null then
      v_warnings := v_warnings || engine.insert_row(workspace_id, application_id, v_part, r.identifier, v_owner, v_wanted);
    end if;
  end loop;
  return v_warnings;
end
$$;

-- What is new, all at once.
create or replace function engine.install_things(workspace_id uuid, application_id uuid, old_manifest jsonb, new_manifest jsonb, removed text[]) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_names jsonb;
begin
  insert into metadata.objects (workspace_id, application_id, universal_identifier, name_singular, name_plural, label_singular, label_plural,
    description, icon, color, is_active, is_system, is_searchable, is_audited, position)
  select install_things.workspace_id, install_things.application_id, n.universal_identifier, n.name_singular, n.name_plural, n.label_singular, n.label_plural,
    n.description, n.icon, n.color, n.is_active, n.is_system, n.is_searchable, n.is_audited, n.position
  from engine.manifest_objects(new_manifest) n
  where not exists (select from metadata.objects t where t.workspace_id = install_things.workspace_id and t.universal_identifier = n.universal_identifier)
    and n.universal_identifier <> all (removed)
  order by n.position;
  v_names := engine.manifest_names(workspace_id, new_manifest);

  insert into metadata.fields (workspace_id, object_id, application_id, universal_identifier, name, label, description, icon, type, settings,
    options, default_value, is_required, required_from, is_unique, is_active, position)
  select install_things.workspace_id, o.id, install_things.application_id, n.universal_identifier, engine.free_field_name(o.id, n.name), n.label, n.description, n.icon, n.type,
    engine.references_by_id(install_things.workspace_id, n.settings, v_names) || case when n.many_to_many is null then '{}' else jsonb_build_object('inverseName', n.many_to_many -> 'inverseName',
      'inverseLabel', n.many_to_many -> 'inverseLabel', 'targetObjectId', v_names -> ('object:' || (n.many_to_many ->> 'target'))) end,
    n.options, n.default_value, n.is_required, n.required_from, n.is_unique, n.is_active, n.position
  from engine.manifest_fields(new_manifest) n
  join metadata.objects o on o.workspace_id = install_things.workspace_id and o.universal_identifier = n.object_identifier
  where not exists (select from metadata.fields t where t.workspace_id = install_things.workspace_id and t.universal_identifier = n.universal_identifier)
    and n.universal_identifier <> all (removed) and n.type not in ('FORMULA', 'ROLLUP') and not n.is_system
  order by n.object_identifier, n.position;

  insert into metadata.relations (workspace_id, field_id, target_object_id, inverse_name, inverse_label, on_delete, is_on_timeline)
  select install_things.workspace_id, f.id, o.id, r ->> 'inverseName', r ->> 'inverseLabel', coalesce(r ->> 'onDelete', 'SET_NULL'), coalesce((r ->> 'isOnTimeline')::boolean, false)
  from engine.manifest_fields(new_manifest) n
  join metadata.fields f on f.workspace_id = install_things.workspace_id and f.universal_identifier = n.universal_identifier and f.deleted_at is null
  cross join lateral jsonb_array_elements(n.relations) r
  join metadata.objects o on o.id = (v_names ->> ('object:' || (r ->> 'target')))::uuid
  where not exists (select from metadata.relations t where t.field_id = f.id and (t.target_object_id = o.id or f.type <> 'MORPH_RELATION'))
    -- A target that people took out of a relation stays out.
    and not exists (select from engine.manifest_fields(old_manifest) p cross join lateral jsonb_array_elements(p.relations) q
      where p.universal_identifier = n.universal_identifier and q ->> 'target' = r ->> 'target');

  -- With the fields that are there now.
  v_names := engine.manifest_names(workspace_id, new_manifest);
  update metadata.objects o set
    label_field_id = (v_names ->> ('field:' || n.name_singular || '.' || n.label_field))::uuid,
    image_field_id = (v_names ->> ('field:' || n.name_singular || '.' || n.image_field))::uuid,
    duplicate_criteria = engine.references_by_id(install_things.workspace_id, n.duplicate_criteria, v_names)
  from engine.manifest_objects(new_manifest) n
  where o.workspace_id = install_things.workspace_id and o.universal_identifier = n.universal_identifier
    and not exists (select from engine.manifest_objects(old_manifest) p where p.universal_identifier = n.universal_identifier);
end
$$;

-- What is computed comes when all that it reads is there.
create or replace function engine.install_computed(workspace_id uuid, application_id uuid, manifest jsonb, removed text[]) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  r record;
begin
  for r in
    select n.*, o.id as object_id from engine.manifest_fields(manifest) n
    join metadata.objects o on o.workspace_id = install_computed.workspace_id and o.universal_identifier = n.object_identifier
    where n.type in ('FORMULA', 'ROLLUP') and n.universal_identifier <> all (removed)
      and not exists (select from metadata.fields t where t.workspace_id = install_computed.workspace_id and t.universal_identifier = n.universal_identifier)
    order by n.position
  loop
    insert into metadata.fields (workspace_id, object_id, application_id, universal_identifier, name, label, description, icon, type, settings, is_active, position)
    values (install_computed.workspace_id, r.object_id, install_computed.application_id, r.universal_identifier, engine.free_field_name(r.object_id, r.name), r.label, r.description, r.icon, r.type,
      engine.references_by_id(install_computed.workspace_id, r.settings, engine.manifest_names(install_computed.workspace_id, manifest)), r.is_active, r.position);
  end loop;
end
$$;

-- Called after migrations: every workspace gets the standard objects of this release.
create or replace function engine.sync_standard_application() returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_count int := 0;
  r record;
begin
  for r in
    select w.id, m.manifest from core.workspaces w cross join engine.standard_manifest m
    left join metadata.applications a on a.workspace_id = w.id and a.name = m.manifest ->> 'name'
    where a.manifest is distinct from m.manifest
  loop
    perform metadata.sync_application(r.id, r.manifest);
    v_count := v_count + 1;
  end loop;
  return v_count;
end
$$;
--! EndIncluded metadata/sync.sql
--! Included metadata/uninstall.sql
-- What an application has brought and brings no longer: dropped, unless the workspace has made it its own.

-- Rules, indexes, views, rights and roles that the application no longer brings. What people changed
-- is theirs from then on, unless the whole application goes.
create or replace function engine.drop_rows(workspace_id uuid, is_uninstall boolean) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_warnings jsonb := '[]';
  v_owner uuid;
  v_row jsonb;
  v_base jsonb;
  v_part engine.bundle_part;
  v_is_kept boolean;
  r record;
begin
  for r in
    select * from pg_temp.relvar_bundle d
    where d.wanted is null and (d.phase >= 6 or (d.b).part = 'relations' and exists (
      select from pg_temp.relvar_bundle f where f.identifier = d.owner and (f.b).table_name = 'fields' and f.wanted ->> 'type' = 'MORPH_RELATION'))
    order by d.phase desc, d.identifier
  loop
    v_part := r.b;
    v_owner := engine.bundle_owner(workspace_id, v_part.owner_table, r.owner);
    continue when v_part.owner_table is not null and v_owner is null;
    v_row := engine.bundle_row(workspace_id, v_part.table_name, v_part.owner_column, v_part.key_column, r.identifier, v_owner, r.base);
    continue when v_row is null;
    v_base := engine.with_formulas(r.base, coalesce(r.formulas, '{}'));
    -- How people have arranged the pages of what stays is theirs, also when the whole application goes.
    v_is_kept := (not is_uninstall or v_part.part = 'layouts') and (
      exists (select from jsonb_each(v_base) e where e.value is distinct from v_row -> e.key)
      -- Something of somebody's is in it still.
      or v_part.part = 'views' and exists (select from metadata.view_fields c where c.view_id = (v_row ->> 'id')::uuid)
      or v_part.part = 'roles' and (engine.role_holders((v_row ->> 'id')::uuid) <> '{}' or exists (select from metadata.object_permissions p where p.role_id = (v_row ->> 'id')::uuid)));
    if not v_is_kept then
      execute format('delete from metadata.%I t where t.id = $1', v_part.table_name) using (v_row ->> 'id')::uuid;
      continue;
    end if;
    if v_part.key_column is null then
      execute format('update metadata.%I t set application_id = null, universal_identifier = null where t.id = $1', v_part.table_name) using (v_row ->> 'id')::uuid;
    end if;
    v_warnings := v_warnings || engine.kept_as_own(v_part.table_name, v_row);
  end loop;
  return v_warnings;
end
$$;

create or replace function engine.kept_as_own(table_name text, "row" jsonb) returns jsonb
language sql stable set search_path = ''
  return engine.bundle_warning('KEPT_AS_OWN', format('The application gives up %s, which was changed here or is in use; it stays, as your own.', engine.row_in_words(table_name, "row")));

-- Objects and fields go to where they can be restored from; what the workspace uses or changed becomes its own.
create or replace function engine.drop_things(workspace_id uuid, application_id uuid, old_manifest jsonb, new_manifest jsonb, is_uninstall boolean) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_warnings jsonb := '[]';
  r record;
begin
  for r in
    select to_jsonb(f) as "row", f.id, exists (select from engine.uses(drop_things.workspace_id, 'field', f.id) u
        where u.is_blocking or u.user_kind = 'view' and not is_uninstall)
      or not is_uninstall and exists (select from pg_temp.relvar_bundle b cross join lateral jsonb_each(engine.with_formulas(b.base, coalesce(b.formulas, '{}'))) e
        where b.identifier = p.universal_identifier and (b.b).table_name = 'fields' and e.key <> 'settings' and e.value is distinct from to_jsonb(f) -> e.key) as is_kept
    from engine.manifest_fields(old_manifest) p
    join metadata.fields f on f.workspace_id = drop_things.workspace_id and f.universal_identifier = p.universal_identifier and f.deleted_at is null
    where not exists (select from engine.manifest_fields(new_manifest) n where n.universal_identifier = p.universal_identifier)
      and exists (select from engine.manifest_objects(new_manifest) o where o.universal_identifier = p.object_identifier
        union all select from metadata.objects o where o.id = f.object_id and o.application_id is distinct from drop_things.application_id)
    order by p.type in ('FORMULA', 'ROLLUP') desc
  loop
    update metadata.fields f set application_id = null, universal_identifier = null,
      deleted_at = case when not r.is_kept then clock_timestamp() end, deleted_by_name = case when not r.is_kept then (engine.current_actor()).name end
    where f.id = r.id;
    v_warnings := v_warnings || case when r.is_kept then engine.kept_as_own('fields', r."row") else '[]' end;
  end loop;
  for r in
    select to_jsonb(o) as "row", o.id, exists (select from engine.uses(drop_things.workspace_id, 'object', o.id) u where u.is_blocking)
      or exists (select from metadata.fields f where f.object_id = o.id and not f.is_system and f.deleted_at is null and f.application_id is distinct from drop_things.application_id) as is_kept
    from engine.manifest_objects(old_manifest) p
    join metadata.objects o on o.workspace_id = drop_things.workspace_id and o.universal_identifier = p.universal_identifier and o.deleted_at is null
    where not exists (select from engine.manifest_objects(new_manifest) n where n.universal_identifier = p.universal_identifier)
  loop
    update metadata.fields f set application_id = null, universal_identifier = null where f.object_id = r.id and f.application_id = drop_things.application_id;
    update metadata.objects o set application_id = null, universal_identifier = null,
      deleted_at = case when not r.is_kept then clock_timestamp() end, deleted_by_name = case when not r.is_kept then (engine.current_actor()).name end
    where o.id = r.id;
    v_warnings := v_warnings || case when r.is_kept then engine.kept_as_own('objects', r."row") else '[]' end;
  end loop;
  return v_warnings;
end
$$;

-- What people built on an application is not pulled down with it.
create or replace function metadata.uninstall_application(workspace_id uuid, name text) returns boolean
language plpgsql volatile security definer set search_path = '' set jit = off
as $$
declare
  v_application metadata.applications;
  v_users text[];
  v_nothing jsonb := jsonb_build_object('name', name, 'objects', '[]'::jsonb);
begin
  perform engine.assert_manages(workspace_id, 'APPLICATIONS');
  select a.* into v_application from metadata.applications a where a.workspace_id = uninstall_application.workspace_id and a.name = uninstall_application.name for update;
  if not found then
    raise exception 'The application "%" is not installed.', name using errcode = 'RV063', column = 'name';
  end if;
  if v_application.manifest @> '{"name": "standard"}' then
    raise exception 'The standard objects cannot be uninstalled.' using errcode = 'RV007', column = 'name', hint = 'Deactivate those that you do not need.';
  end if;
  v_users := array(
    select format('the field "%s" of %s', f.label, o.label_plural) from metadata.fields f join metadata.objects o on o.id = f.object_id
    where o.application_id = v_application.id and o.deleted_at is null and f.deleted_at is null and not f.is_system and f.application_id is distinct from v_application.id
      and f.type <> 'MANY_TO_MANY'
    union
    select format('the %s "%s" of %s', u.user_kind, u.label, u.object_label)
    from metadata.fields f cross join lateral engine.uses(uninstall_application.workspace_id, 'field', f.id) u
    where f.application_id = v_application.id and f.deleted_at is null and u.is_blocking and u.user_kind <> 'object'
      and not exists (select from metadata.fields x where x.id = u.user_id and x.application_id = v_application.id)
      and not exists (select from metadata.rules x where x.id = u.user_id and x.application_id = v_application.id)
      and not exists (select from metadata.indexes x where x.id = u.user_id and x.application_id = v_application.id)
      and not exists (select from metadata.views x where x.id = u.user_id and x.application_id = v_application.id));
  if v_users <> '{}' then
    raise exception 'The application "%" cannot be uninstalled: % was built on it.', name, v_users[1] || case when cardinality(v_users) > 1 then format(' (and %s more)', cardinality(v_users) - 1) else '' end
      using errcode = 'RV068', column = 'name', detail = array_to_string(v_users, E'\n'), hint = 'Delete or change these first.';
  end if;
  perform engine.assert_role_unheld(r) from metadata.roles r where r.workspace_id = uninstall_application.workspace_id and r.application_id = v_application.id order by r.name;
  perform engine.read_bundle(workspace_id, v_application.manifest, v_nothing), engine.drop_rows(workspace_id, true),
    engine.drop_things(workspace_id, v_application.id, v_application.manifest, v_nothing, true);
  drop table pg_temp.relvar_bundle;
  -- Nothing belongs to it any more but what was deleted here before.
  update metadata.fields f set application_id = null, universal_identifier = null where f.workspace_id = uninstall_application.workspace_id and f.application_id = v_application.id;
  update metadata.objects o set application_id = null, universal_identifier = null where o.workspace_id = uninstall_application.workspace_id and o.application_id = v_application.id;
  delete from metadata.applications a where a.id = v_application.id;
  return true;
end
$$;
comment on function metadata.uninstall_application(uuid, text) is
  'Takes an application out: its objects and fields are deleted, and can be restored until the grace period ends. Refused while something was built on them, with the list.';
grant execute on function metadata.uninstall_application(uuid, text) to relvar_crm;
--! EndIncluded metadata/uninstall.sql
--! Included metadata/scheduled_exports.sql
-- Exports that come again: which records, as what kind of file, when, and to whom. Each is a member's own, who alone sees and changes it;
-- who has the permission SECURITY sees them all, since data leaves by them, and may stop and delete them. An export gives no right: it is made
-- with those that its owner has when it is made.
comment on table metadata.scheduled_exports is E'@behavior -*\nExports that come again, each a member''s own.';
comment on column metadata.scheduled_exports.id is 'Identifies it.';
comment on column metadata.scheduled_exports.workspace_id is 'The workspace that this belongs to; follows from the role of whoever writes.';
comment on column metadata.scheduled_exports.owner_id is 'Whose it is and with whose rights it is made; null where the member is gone.';
comment on column metadata.scheduled_exports.name is 'What it is called.';
comment on column metadata.scheduled_exports.object_id is 'The object whose records are exported.';
comment on column metadata.scheduled_exports.view_id is 'The view that says which records, in which order, and which columns, as it is at the time; null for what stands here.';
comment on column metadata.scheduled_exports.filter is 'Without a view: which records, as views keep it; null for all.';
comment on column metadata.scheduled_exports.sorts is 'Without a view: their order, as views keep it.';
comment on column metadata.scheduled_exports.field_ids is 'The columns, in their order; null for those of the view, or all that the owner may read.';
comment on column metadata.scheduled_exports.format is 'csv, xlsx, ndjson or vcard.';
comment on column metadata.scheduled_exports.has_ids is 'Whether ids of records, and of those they are related to, are told, too.';
comment on column metadata.scheduled_exports.is_human is 'Whether labels and amounts are written as people read them.';
comment on column metadata.scheduled_exports.is_guarded is 'Whether texts that look like formulas are kept from being any.';
comment on column metadata.scheduled_exports.recurrence is 'When it comes again, as calendars write it: FREQ=WEEKLY;BYDAY=MO.';
comment on column metadata.scheduled_exports.time_zone is 'Whose days and hours are meant.';
comment on column metadata.scheduled_exports.next_at is 'When it comes next; null when its recurrence has ended.';
comment on column metadata.scheduled_exports.destination is 'EMAIL or S3.';
comment on column metadata.scheduled_exports.recipients is 'The members who get it by e-mail.';
comment on column metadata.scheduled_exports.bucket is 'Of S3: {endpoint, region, bucket, prefix, keyId, isPathStyle}. Its secret is kept apart.';
comment on column metadata.scheduled_exports.is_active is 'Whether it comes; false where it is paused or was stopped.';
comment on column metadata.scheduled_exports.stopped_reason is 'Why it was stopped, in a sentence; null where somebody paused it.';
comment on column metadata.scheduled_exports.failures is 'How often it has failed since it last went well.';
comment on column metadata.scheduled_exports.created_at is 'When it was made.';
comment on column metadata.scheduled_exports.updated_at is 'When it was last changed.';
comment on column metadata.scheduled_exports.deleted_at is 'When it was deleted; it is kept for 30 days to be brought back.';

-- Where a bucket is: an address of the public network is asked for when it is used, whatever its name leads to by then.
create or replace function engine.export_bucket(bucket jsonb) returns jsonb
language plpgsql immutable set search_path = ''
as $$
declare
  v_unknown text;
begin
  select k into v_unknown from jsonb_object_keys(case jsonb_typeof(bucket) when 'object' then bucket else '{}' end) k
  where k not in ('endpoint', 'region', 'bucket', 'prefix', 'keyId', 'isPathStyle') limit 1;
  if found or jsonb_typeof(bucket) is distinct from 'object' then
    raise exception 'A bucket has no "%".', coalesce(v_unknown, '') using errcode = 'RV332', column = 'bucket', hint = 'It has endpoint, region, bucket, prefix, keyId and isPathStyle.';
  elsif coalesce(bucket ->> 'endpoint', '') !~ '^(https://[^\s/?#@]+|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?)/?$' then
    raise exception 'The address of a bucket begins with https://.' using errcode = 'RV332', column = 'endpoint', hint = 'Such as https://s3.eu-central-1.amazonaws.com, without the bucket.';
  elsif coalesce(bucket ->> 'bucket', '') !~ '^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$' then
    raise exception 'This is no name of a bucket.' using errcode = 'RV332', column = 'bucket', hint = '3 to 63 small letters, figures, dots and dashes.';
  elsif coalesce(bucket ->> 'region', '') !~ '^[a-z0-9-]{1,40}$' then
    raise exception 'This is no region of a bucket.' using errcode = 'RV332', column = 'region', hint = 'Such as eu-central-1; us-east-1 for servers that have none.';
  elsif coalesce(bucket ->> 'keyId', '') !~ '^[\x21-\x7e]{3,128}$' then
    raise exception 'A bucket is opened by a key.' using errcode = 'RV332', column = 'keyId', hint = 'Give the id of an access key that may write there.';
  elsif coalesce(bucket ->> 'prefix', '') !~ '^([^/[:cntrl:]?#\\]{1,100}/?){0,10}$' or bucket ->> 'prefix' ~ '(^|/)\.\.?(/|$)' then
    raise exception 'This cannot stand before the names of files.' using errcode = 'RV332', column = 'prefix', hint = 'Such as crm/exports, without a slash before it.';
  elsif jsonb_typeof(coalesce(bucket -> 'isPathStyle', 'false')) <> 'boolean' then
    raise exception 'Whether the bucket stands in the path is true or false.' using errcode = 'RV332', column = 'isPathStyle', hint = 'true for MinIO and the like.';
  end if;
  return jsonb_strip_nulls(bucket || jsonb_build_object('endpoint', rtrim(bucket ->> 'endpoint', '/'), 'prefix', nullif(rtrim(bucket ->> 'prefix', '/'), '')));
end
$$;

create or replace function engine.tg_scheduled_exports__validate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_parts jsonb;
begin
  new.name := btrim(new.name);
  if new.name = '' or length(new.name) > 100 then
    raise exception 'An export needs a name.' using errcode = 'RV330', column = 'name', hint = 'Give one of at most 100 letters.';
  end if;
  if tg_op = 'INSERT' then
    new.id := coalesce(new.id, engine.uuidv7());
    if (select count(*) from metadata.scheduled_exports e where e.workspace_id = new.workspace_id and e.deleted_at is null) >= 200 then
      raise exception 'A workspace has at most 200 exports that come again.' using errcode = 'RV330', hint = 'Delete those that nobody needs.';
    end if;
    -- Later the member may be gone, and the object: then it is stopped when it comes.
    if new.owner_id is null then
      raise exception 'An export that comes again is a member''s own.' using errcode = 'RV330', column = 'owner_id', hint = 'Sign in as a member, or give one as its owner.';
    end if;
    if not exists (select from metadata.objects o where o.id = new.object_id and o.workspace_id = new.workspace_id and o.is_active and o.deleted_at is null) then
      raise exception 'The workspace has no such object.' using errcode = 'RV330', column = 'object_id', hint = 'Give the id of one that is switched on.';
    end if;
    if new.next_at is null then
      raise exception 'An export that comes again begins at some time.' using errcode = 'RV330', column = 'next_at', hint = 'Give the moment of the first one.';
    end if;
  end if;
  if tg_op = 'INSERT' or new.filter is distinct from old.filter then
    new.filter := engine.view_filter(new.filter);
  end if;
  if jsonb_typeof(new.sorts) <> 'array' or exists (select from jsonb_array_elements(new.sorts) s where jsonb_typeof(s) <> 'object' or s ->> 'fieldId' is null) then
    raise exception 'The order of an export lists fields.' using errcode = 'RV330', column = 'sorts', hint = 'Give [{"fieldId", "descending"}].';
  end if;
  if new.field_ids = '{}' then
    raise exception 'An export has at least one column.' using errcode = 'RV330', column = 'field_ids', hint = 'Choose some, or give null for those of the view.';
  end if;
  v_parts := engine.read_recurrence(new.recurrence);
  if v_parts is null then
    raise exception 'This is no recurrence that can be read: %', left(new.recurrence, 100) using errcode = 'RV330', column = 'recurrence',
      hint = 'Write it as calendars do, such as FREQ=WEEKLY;BYDAY=MO or FREQ=MONTHLY;BYMONTHDAY=1.';
  end if;
  new.recurrence := engine.write_recurrence(v_parts);
  if core.zone_or_utc(new.time_zone) is distinct from new.time_zone then
    raise exception 'There is no time zone "%".', new.time_zone using errcode = 'RV330', column = 'time_zone', hint = 'Such as Europe/Berlin or UTC.';
  end if;
  if new.destination = 'EMAIL' then
    new.bucket := null;
    new.recipients := array(select distinct r from unnest(new.recipients) r where r is not null);
    if cardinality(new.recipients) not between 1 and 50 then
      raise exception 'An export goes to at least one member, and to at most 50.' using errcode = 'RV331', column = 'recipients', hint = 'Choose members of this workspace.';
    end if;
    -- Who leaves later just gets no more.
    if (tg_op = 'INSERT' or not new.recipients <@ old.recipients)
      and exists (select from unnest(new.recipients) r where not exists (select from core.members m where m.id = r and m.workspace_id = new.workspace_id)) then
      raise exception 'Exports go to members of the workspace only.' using errcode = 'RV331', column = 'recipients', hint = 'Invite whoever is to get it, or have it put into a bucket.';
    end if;
  else
    new.recipients := '{}';
    new.bucket := engine.export_bucket(new.bucket);
  end if;
  if tg_op = 'UPDATE' then
    new.updated_at := now();
    -- Switched on again it begins anew, at its next time.
    if new.is_active and not old.is_active then
      new.stopped_reason := null;
      new.failures := 0;
      if new.next_at <= now() then
        select o.next_due, coalesce(o.next_recurrence, new.recurrence) into new.next_at, new.recurrence
        from engine.next_occurrence(new.recurrence, new.next_at, new.time_zone, now()) o;
      end if;
    end if;
  end if;
  return new;
end
$$;
create or replace trigger _100_validate before insert or update on metadata.scheduled_exports for each row execute function engine.tg_scheduled_exports__validate();

alter table metadata.scheduled_exports enable row level security;
alter table metadata.scheduled_exports alter column workspace_id set default engine.current_workspace(), alter column owner_id set default engine.private_member();
drop policy if exists select_own on metadata.scheduled_exports;
drop policy if exists insert_own on metadata.scheduled_exports;
drop policy if exists update_own on metadata.scheduled_exports;
create policy select_own on metadata.scheduled_exports for select to relvar_crm
  using (workspace_id = (select engine.current_workspace()) and deleted_at is null and (owner_id = (select engine.private_member()) or (select engine.may('SECURITY'))));
comment on policy select_own on metadata.scheduled_exports is 'Members see their own; who keeps the security of the workspace sees them all.';
create policy insert_own on metadata.scheduled_exports for insert to relvar_crm
  with check (workspace_id = (select engine.current_workspace()) and owner_id = (select engine.private_member()) and (select engine.may('EXPORT_CSV')));
create policy update_own on metadata.scheduled_exports for update to relvar_crm
  using (workspace_id = (select engine.current_workspace()) and deleted_at is null and owner_id = (select engine.private_member()))
  with check (workspace_id = (select engine.current_workspace()) and owner_id = (select engine.private_member()) and (select engine.may('EXPORT_CSV')));
grant select,
  insert (id, name, object_id, view_id, filter, sorts, field_ids, format, has_ids, is_human, is_guarded, recurrence, time_zone, next_at, destination, recipients, bucket),
  update (name, view_id, filter, sorts, field_ids, format, has_ids, is_human, is_guarded, recurrence, time_zone, next_at, destination, recipients, bucket, is_active)
  on metadata.scheduled_exports to relvar_crm;

-- One of the caller's own, or, for who keeps the security of the workspace and where it is enough, of anybody.
create or replace function engine.own_export(export_id uuid, of_others boolean default false) returns metadata.scheduled_exports
language plpgsql stable set search_path = ''
as $$
declare
  v_export metadata.scheduled_exports;
begin
  select * into v_export from metadata.scheduled_exports e
  where e.id = own_export.export_id and (engine.acts_as_administrator()
    or e.workspace_id = engine.workspace_of_role(current_setting('role')::name) and (e.owner_id = engine.private_member() or own_export.of_others and engine.may('SECURITY')));
  if not found then
    raise exception 'You have no such export.' using errcode = 'RV333', column = 'export_id', hint = 'It is somebody else''s, or was deleted.';
  end if;
  return v_export;
end
$$;

create or replace function metadata.save_export(settings jsonb, export_id uuid default null) returns uuid
language plpgsql volatile set search_path = ''
as $$
declare
  v_new metadata.scheduled_exports;
  v_id uuid;
  v_unknown text;
begin
  select k into v_unknown from jsonb_object_keys(case jsonb_typeof(settings) when 'object' then settings else '{}' end) k
  where k not in ('name', 'objectId', 'viewId', 'filter', 'sorts', 'fieldIds', 'format', 'hasIds', 'isHuman', 'isGuarded', 'recurrence', 'timeZone', 'nextAt', 'destination', 'recipients', 'bucket') limit 1;
  if found or jsonb_typeof(settings) is distinct from 'object' then
    raise exception 'An export has no "%".', coalesce(v_unknown, '') using errcode = 'RV330', column = 'settings',
      hint = 'It has name, objectId, viewId, filter, sorts, fieldIds, format, hasIds, isHuman, isGuarded, recurrence, timeZone, nextAt, destination, recipients and bucket.';
  end if;
  -- What is left out stays as it was, or is as usual.
  v_new := jsonb_populate_record(
    coalesce((select e from metadata.scheduled_exports e where e.id = save_export.export_id),
      jsonb_populate_record(null::metadata.scheduled_exports, '{"name": "", "sorts": [], "format": "csv", "has_ids": false, "is_human": true, "is_guarded": true, "recurrence": "", "time_zone": "UTC", "destination": "EMAIL", "recipients": []}')),
    (select coalesce(jsonb_object_agg(lower(regexp_replace(e.key, '([A-Z])', '_\1', 'g')), e.value), '{}') from jsonb_each(settings) e));
  v_new.filter := nullif(v_new.filter, 'null');
  v_new.bucket := nullif(v_new.bucket, 'null');
  if export_id is null then
    insert into metadata.scheduled_exports as e (name, object_id, view_id, filter, sorts, field_ids, format, has_ids, is_human, is_guarded, recurrence, time_zone, next_at, destination, recipients, bucket)
    select v_new.name, v_new.object_id, v_new.view_id, v_new.filter, v_new.sorts, v_new.field_ids, v_new.format, v_new.has_ids, v_new.is_human, v_new.is_guarded,
      v_new.recurrence, v_new.time_zone, v_new.next_at, v_new.destination, v_new.recipients, v_new.bucket
    returning e.id into v_id;
    return v_id;
  end if;
  update metadata.scheduled_exports e set name = v_new.name, view_id = v_new.view_id, filter = v_new.filter, sorts = v_new.sorts, field_ids = v_new.field_ids, format = v_new.format,
    has_ids = v_new.has_ids, is_human = v_new.is_human, is_guarded = v_new.is_guarded, recurrence = v_new.recurrence, time_zone = v_new.time_zone, next_at = v_new.next_at,
    destination = v_new.destination, recipients = v_new.recipients, bucket = v_new.bucket
  where e.id = save_export.export_id returning e.id into v_id;
  if not found then
    raise exception 'You have no such export.' using errcode = 'RV333', column = 'export_id', hint = 'It is somebody else''s, or was deleted.';
  end if;
  return v_id;
end
$$;
comment on function metadata.save_export(jsonb, uuid) is
  'Makes an export that comes again, or with its id changes one: {name, objectId, viewId, filter, sorts, fieldIds, format, hasIds, isHuman, isGuarded, recurrence, timeZone, nextAt, destination, recipients, bucket}. What is left out stays. Returns its id.';

create or replace function metadata.pause_export(export_id uuid, is_paused boolean default true) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  -- Data leaves again only by who may have it leave.
  v_export metadata.scheduled_exports := engine.own_export(pause_export.export_id, is_paused);
begin
  if not is_paused and not engine.acts_as_administrator() and not engine.may('EXPORT_CSV') then
    raise exception 'Your role may not export records.' using errcode = '42501', hint = 'Ask an administrator for the permission EXPORT_CSV.';
  end if;
  update metadata.scheduled_exports e set is_active = not is_paused where e.id = v_export.id and e.deleted_at is null;
end
$$;
comment on function metadata.pause_export(uuid, boolean) is 'Has an export come no more, or, with is_paused false, come again from its next time on.';

create or replace function metadata.delete_export(export_id uuid) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_export metadata.scheduled_exports := engine.own_export(delete_export.export_id, true);
begin
  update metadata.scheduled_exports e set deleted_at = now() where e.id = v_export.id and e.deleted_at is null;
end
$$;
comment on function metadata.delete_export(uuid) is 'Deletes an export that comes again; its links lead nowhere from then on. restore_export brings it back, for 30 days.';

create or replace function metadata.restore_export(export_id uuid) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_export metadata.scheduled_exports := engine.own_export(restore_export.export_id, true);
begin
  -- Where it was on, it comes at its next time, and does not make up for what it missed.
  update metadata.scheduled_exports e set deleted_at = null,
    next_at = case when e.next_at <= now() then (select o.next_due from engine.next_occurrence(e.recurrence, e.next_at, e.time_zone, now()) o) else e.next_at end
  where e.id = v_export.id;
end
$$;
comment on function metadata.restore_export(uuid) is 'Brings a deleted export back, with its runs and its secret.';

create or replace function metadata.keep_export_secret(export_id uuid, sealed_secret text) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_export metadata.scheduled_exports := engine.own_export(keep_export_secret.export_id);
begin
  insert into core.export_secrets as s (export_id, workspace_id, sealed) values (v_export.id, v_export.workspace_id, sealed_secret)
  on conflict on constraint export_secrets_pkey do update set sealed = excluded.sealed, kept_at = now();
end
$$;
comment on function metadata.keep_export_secret(uuid, text) is
  E'@behavior -*\nKeeps the secret of the bucket that an export goes to, which the server has sealed. POST /exports/secret calls it.';

grant execute on function metadata.save_export(jsonb, uuid), metadata.pause_export(uuid, boolean), metadata.delete_export(uuid), metadata.restore_export(uuid),
  metadata.keep_export_secret(uuid, text) to relvar_crm;
--! EndIncluded metadata/scheduled_exports.sql
--! Included metadata/export_runs.sql
-- Runs of exports that come again, as those see them whose exports they are.

create or replace function engine.export_run(run core.export_runs) returns jsonb
language sql stable set search_path = ''
  return jsonb_build_object('id', (run).id, 'state', (run).state, 'isManual', (run).is_manual, 'attempts', (run).attempts, 'createdAt', (run).created_at, 'startedAt', (run).started_at,
    'finishedAt', (run).finished_at, 'rows', (run).rows, 'bytes', (run).bytes, 'fileName', (run).file_name, 'place', (run).place, 'failure', (run).failure,
    'fileExpiresAt', case when (run).is_file_kept and (run).file_expires_at > now() then (run).file_expires_at end);

create or replace function metadata.my_exports() returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.own_workspace();
  v_member uuid := engine.private_member();
  v_all boolean := engine.may('SECURITY');
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object('id', e.id, 'name', e.name, 'objectId', e.object_id, 'viewId', e.view_id,
      'viewName', case when e.owner_id = v_member then (select v.name from metadata.views v where v.id = e.view_id) end,
      -- What is filtered by may be more than somebody else may know.
      'filter', case when e.owner_id = v_member then e.filter end, 'sorts', e.sorts, 'fieldIds', e.field_ids, 'format', e.format,
      'hasIds', e.has_ids, 'isHuman', e.is_human, 'isGuarded', e.is_guarded, 'recurrence', e.recurrence, 'timeZone', e.time_zone, 'nextAt', e.next_at,
      'destination', e.destination, 'recipients', e.recipients,
      'recipientNames', (select coalesce(jsonb_object_agg(k.id, k.name), '{}') from core.members k where k.id = any (e.recipients)), 'bucket', e.bucket, 'hasSecret', exists (select from core.export_secrets s where s.export_id = e.id),
      'isActive', e.is_active, 'stoppedReason', e.stopped_reason, 'isMine', e.owner_id = v_member, 'ownerName', m.name,
      'lastRun', (select engine.export_run(r) from core.export_runs r where r.export_id = e.id order by r.id desc limit 1)) order by lower(e.name), e.id), '[]')
    from metadata.scheduled_exports e left join core.members m on m.id = e.owner_id
    where e.workspace_id = v_workspace and e.deleted_at is null and (e.owner_id = v_member or v_all));
end
$$;
comment on function metadata.my_exports() is 'Exports of the caller that come again, each with its last run; for who has the permission SECURITY those of everybody.';

create or replace function metadata.export_runs(export_id uuid, before uuid default null, max_results int default 20) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_export metadata.scheduled_exports := engine.own_export(export_runs.export_id, true);
begin
  return (
    select coalesce(jsonb_agg(engine.export_run(r) order by r.id desc), '[]')
    from (
      select x.* from core.export_runs x where x.export_id = v_export.id and (export_runs.before is null or x.id < export_runs.before)
      order by x.id desc limit least(greatest(coalesce(max_results, 20), 1), 200)
    ) r);
end
$$;
comment on function metadata.export_runs(uuid, uuid, int) is 'Runs of an export, the latest first: when, how it ended, how many rows and bytes, where its file is, or why it failed.';

create or replace function metadata.run_export(export_id uuid) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_export metadata.scheduled_exports := engine.own_export(run_export.export_id);
begin
  if not engine.acts_as_administrator() and not engine.may('EXPORT_CSV') then
    raise exception 'Your role may not export records.' using errcode = '42501', hint = 'Ask an administrator for the permission EXPORT_CSV.';
  end if;
  perform from metadata.scheduled_exports e where e.id = v_export.id for update;
  if exists (select from core.export_runs r where r.export_id = v_export.id and r.state in ('WAITING', 'RUNNING')) then
    raise exception 'This export is being made already.' using errcode = 'RV334', column = 'export_id', hint = 'Wait until it has ended.';
  end if;
  return core.start_export(v_export.id, true);
end
$$;
comment on function metadata.run_export(uuid) is 'Has an export made now, besides the times at which it comes. Returns the id of the run.';

-- The file of a run, for who gets the export or owns it: as long as its links are good.
create or replace function metadata.export_file(run_id uuid) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_file jsonb := core.export_file(run_id, engine.private_member());
begin
  if v_file is null or v_file ->> 'workspaceId' <> engine.own_workspace()::text then
    raise exception 'This file is not there any more.' using errcode = 'RV334', column = 'run_id', hint = 'Files of exports are kept for seven days. Run the export again.';
  end if;
  return v_file;
end
$$;
comment on function metadata.export_file(uuid) is E'@behavior -*\nThe file of a run, for the server to send.';

grant execute on function metadata.my_exports(), metadata.export_runs(uuid, uuid, int), metadata.run_export(uuid), metadata.export_file(uuid) to relvar_crm;
--! EndIncluded metadata/export_runs.sql
--! Included core/exports/run.sql
-- The worker's side of exports that come again. Each is a job of its own; that it is done is written together with the mails that tell of it, so an attempt that
-- died is made again, and nobody gets a mail twice.

create or replace function core.start_export(export_id uuid, is_manual boolean) returns uuid
language plpgsql volatile set search_path = ''
as $$
declare
  v_run core.export_runs;
begin
  insert into core.export_runs (export_id, workspace_id, is_manual)
  select e.id, e.workspace_id, start_export.is_manual from metadata.scheduled_exports e where e.id = start_export.export_id
  returning * into v_run;
  perform graphile_worker.add_job('exports__run', json_build_object('run_id', v_run.id, 'workspace_id', v_run.workspace_id), max_attempts => 5, job_key => 'export:' || v_run.id);
  return v_run.id;
end
$$;

-- Begins what is due. What was missed while no worker ran is made once, not as often as it was missed; what still runs is not begun beside itself.
create or replace function core.start_due_exports() returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_count int := 0;
  v_next record;
  e metadata.scheduled_exports;
begin
  for e in
    select x.* from metadata.scheduled_exports x
    where x.is_active and x.deleted_at is null and x.next_at <= now() order by x.next_at limit 500 for update skip locked
  loop
    select * into v_next from engine.next_occurrence(e.recurrence, e.next_at, e.time_zone, now());
    update metadata.scheduled_exports x set next_at = v_next.next_due, recurrence = coalesce(v_next.next_recurrence, x.recurrence) where x.id = e.id;
    continue when exists (select from core.export_runs r where r.export_id = e.id and r.state in ('WAITING', 'RUNNING'));
    perform core.start_export(e.id, false);
    v_count := v_count + 1;
  end loop;
  return v_count;
end
$$;
comment on function core.start_due_exports() is 'Begins the exports that are due and says when they come next. Returns how many it began.';

create or replace function core.claim_export(run_id uuid) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_run core.export_runs;
begin
  update core.export_runs r set state = 'RUNNING', started_at = coalesce(r.started_at, now()), attempts = r.attempts + 1
  where r.id = run_id and r.state in ('WAITING', 'RUNNING') returning r.* into v_run;
  if not found then
    return null;
  end if;
  return (
    select jsonb_build_object('workspaceId', e.workspace_id, 'name', e.name, 'objectName', o.name_singular, 'objectLabel', o.label_plural, 'viewId', e.view_id, 'filter', e.filter, 'sorts', e.sorts, 'fieldIds', e.field_ids,
      'format', e.format, 'hasIds', e.has_ids, 'isHuman', e.is_human, 'isGuarded', e.is_guarded, 'timeZone', e.time_zone, 'destination', e.destination,
      'bucket', e.bucket, 'sealedSecret', (select s.sealed from core.export_secrets s where s.export_id = e.id), 'exportId', e.id,
      'recipients', (select coalesce(jsonb_agg(m.id), '[]') from core.members m where m.id = any (e.recipients) and m.workspace_id = e.workspace_id and m.is_active),
      'schemaName', w.schema_name, 'memberId', m.id, 'startedAt', v_run.created_at,
      -- The role that the owner has now.
      'pgRole', case when m.is_active then r.pg_role end, 'isThere', e.deleted_at is null and o.is_active and o.deleted_at is null)
    from metadata.scheduled_exports e
    join core.workspaces w on w.id = e.workspace_id
    join metadata.objects o on o.id = e.object_id
    left join core.members m on m.id = e.owner_id
    left join metadata.roles r on r.id = m.role_id
    where e.id = v_run.export_id);
end
$$;
comment on function core.claim_export(uuid) is 'What a worker needs to run an export, as whom with which rights; null where it is not to be run.';

-- links: by recipient, what opens the file; of what is attached, {}. A file whose export was deleted meanwhile goes to nobody.
create or replace function core.end_export(run_id uuid, outcome jsonb, links jsonb default null) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_run core.export_runs;
  v_export metadata.scheduled_exports;
begin
  update core.export_runs r set state = 'DONE', finished_at = now(), rows = (outcome ->> 'rows')::bigint, bytes = (outcome ->> 'bytes')::bigint, file_name = outcome ->> 'fileName',
    media_type = outcome ->> 'mediaType', place = outcome ->> 'place', is_file_kept = links is not null, file_expires_at = case when links is not null then now() + interval '7 days' end
  where r.id = run_id and r.state = 'RUNNING' returning r.* into v_run;
  if not found then
    return;
  end if;
  update metadata.scheduled_exports e set failures = 0 where e.id = v_run.export_id returning e.* into v_export;
  if links is null or v_export.deleted_at is not null then
    return;
  end if;
  perform core.queue_mail(u.email, 'export', jsonb_strip_nulls(jsonb_build_object('name', v_export.name, 'objectLabel', outcome ->> 'objectLabel', 'rows', v_run.rows, 'bytes', v_run.bytes,
      'fileName', v_run.file_name, 'token', l.value ->> 'token', 'expiresAt', v_run.file_expires_at, 'ownerName', o.name,
      'attachment', case when l.value ->> 'token' is null then jsonb_build_object('workspaceId', v_run.workspace_id, 'fileId', v_run.id, 'name', v_run.file_name, 'type', v_run.media_type) end)),
    v_run.workspace_id, u.locale)
  from jsonb_each(links) l
  join core.members m on m.id = l.key::uuid and m.is_active
  join core.users u on u.id = m.user_id
  left join core.members o on o.id = v_export.owner_id
  where core.is_email(u.email);
end
$$;
comment on function core.end_export(uuid, jsonb, jsonb) is 'Writes down that an export was made, {rows, bytes, fileName, mediaType, place, objectLabel}, and has those who get it by mail told.';

-- Its owner is told, or, where that member is gone, everybody who keeps the security of the workspace. What no later time would mend is stopped at once, the rest
-- when it has failed five times in a row.
create or replace function core.fail_export(run_id uuid, failure jsonb, is_hopeless boolean) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_run core.export_runs;
  v_export metadata.scheduled_exports;
  v_is_stopped boolean;
begin
  update core.export_runs r set state = 'FAILED', finished_at = now(), failure = fail_export.failure
  where r.id = run_id and r.state in ('WAITING', 'RUNNING') returning r.* into v_run;
  if not found then
    return;
  end if;
  update metadata.scheduled_exports e set failures = e.failures + 1 where e.id = v_run.export_id returning e.* into v_export;
  v_is_stopped := v_export.is_active and (is_hopeless or v_export.failures >= 5);
  if v_is_stopped then
    update metadata.scheduled_exports e set is_active = false, stopped_reason = failure ->> 'message' where e.id = v_export.id;
  end if;
  if v_export.deleted_at is not null then
    return;
  end if;
  perform core.notify(v_run.workspace_id, array(
      select m.id from core.members m join metadata.roles r on r.id = m.role_id
      where m.workspace_id = v_run.workspace_id and m.is_active
        and case when exists (select from core.members o where o.id = v_export.owner_id and o.is_active) then m.id = v_export.owner_id else engine.role_may(r.pg_role, 'SECURITY') end),
    'EXPORT_FAILED', null, null, jsonb_build_object('exportId', v_export.id, 'name', v_export.name, 'failure', left(failure ->> 'message', 500), 'isStopped', v_is_stopped),
    null, 'export:' || v_run.id);
end
$$;
comment on function core.fail_export(uuid, jsonb, boolean) is 'Writes down why an export failed, {code, message, hint}, stops it where no other time would be better, and tells its owner.';

grant execute on function core.start_due_exports(), core.claim_export(uuid), core.end_export(uuid, jsonb, jsonb), core.fail_export(uuid, jsonb, boolean) to relvar_worker;
--! EndIncluded core/exports/run.sql
--! Included core/exports/files.sql
-- Files of exports that were mailed. A link opens one for the member that it was sent to, while that is a member and still gets the export.

create or replace function core.export_file(run_id uuid, member_id uuid) returns jsonb
language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('id', r.id, 'workspaceId', r.workspace_id, 'name', r.file_name, 'type', r.media_type, 'size', r.bytes, 'expiresAt', r.file_expires_at)
  from core.export_runs r
  join metadata.scheduled_exports e on e.id = r.export_id and e.deleted_at is null
  join core.members m on m.id = export_file.member_id and m.workspace_id = r.workspace_id and m.is_active
  where r.id = run_id and r.is_file_kept and r.file_expires_at > now() and (m.id = any (e.recipients) or m.id = e.owner_id)
$$;
comment on function core.export_file(uuid, uuid) is 'The file of a run for a member who gets the export or owns it; null where there is none any more.';

-- Files go when their links do, runs after 90 days, exports 30 days after they were deleted.
create or replace function core.purge_exports() returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_count int;
begin
  with gone as (
    update core.export_runs r set is_file_kept = false
    from metadata.scheduled_exports e
    where e.id = r.export_id and r.is_file_kept and (r.file_expires_at < now() or e.deleted_at < now() - interval '7 days')
    returning r.workspace_id, r.id
  )
  insert into core.unwanted_files (workspace_id, file_id) select g.workspace_id, g.id from gone g;
  get diagnostics v_count = row_count;
  delete from core.export_runs r where r.created_at < now() - interval '90 days' and r.state in ('DONE', 'FAILED') and not r.is_file_kept;
  delete from metadata.scheduled_exports e where e.deleted_at < now() - interval '30 days' and not exists (select from core.export_runs r where r.export_id = e.id and r.is_file_kept);
  return v_count;
end
$$;
comment on function core.purge_exports() is 'Notes files of exports whose links have run out as unwanted, and forgets old runs. Returns how many files.';

-- What goes with its object or its workspace leaves no file behind.
create or replace function engine.tg_export_runs__release() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  insert into core.unwanted_files (workspace_id, file_id) values (old.workspace_id, old.id) on conflict do nothing;
  return null;
end
$$;
create or replace trigger _500_release after delete on core.export_runs for each row when (old.is_file_kept) execute function engine.tg_export_runs__release();

grant execute on function core.export_file(uuid, uuid) to relvar_server;
grant execute on function core.purge_exports() to relvar_worker;
--! EndIncluded core/exports/files.sql

-- Imports that are taken back, wherever that is asked.
alter table core.imports add column if not exists turned_by text;
comment on column core.imports.turned_by is 'The request that last took the import back, or took that back; null before the first.';
drop function if exists core.note_import_reverted(uuid, boolean);
--! Included engine/past/revert.sql
-- Takes changes back. What they were is found and put together as the owner; what is written is written as
-- the caller, so that grants, policies and rules say no as they always do. Between these it is handed on as
-- a value, from one function to the next, since a function of the owner's cannot become another role:
--
--   end_revert(run_as_caller(restore_reverted(run_as_caller(begin_revert(…)))))
--
-- First links go back, so that what is deleted takes nothing along; then what was created goes to the trash;
-- what was deleted comes out of it; and then the other values, for which all they point to is there.
-- The log tells of it as of any change, with the source REVERT, so it is taken back in the same way.

create or replace function engine.begin_revert(caller name, schema_name text, what jsonb, on_conflict text, decisions jsonb) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_items engine.revert_item[];
  v_workspace uuid := (select w.id from core.workspaces w where w.schema_name = begin_revert.schema_name);
  v_what jsonb := engine.revert_located(schema_name, v_workspace, what);
  v_refused int;
  v_state jsonb;
begin
  if coalesce(on_conflict, '') not in ('REFUSE', 'SKIP', 'OVERWRITE') then
    raise exception 'What is in the way is not dealt with by "%".', on_conflict using errcode = 'RV197', column = 'on_conflict',
      hint = 'REFUSE takes nothing back, SKIP leaves out what is in the way, OVERWRITE takes back also what was changed since.';
  end if;
  perform engine.check_decisions(decisions);
  -- Until the end nobody else changes what is looked at now.
  perform engine.lock_reverted(schema_name, v_workspace, v_what ->> 'source', v_what ->> 'condition');
  v_items := array(select engine.decided(i, on_conflict, decisions) from engine.revert_items(caller, schema_name, v_what) i);
  v_refused := (select count(*) from unnest(v_items) i where i.conflicts @> '[{"decision": "REFUSE"}]');
  if cardinality(v_items) = 0 then
    raise exception 'There is nothing to take back.' using errcode = 'RV198', hint = 'It was taken back already, was no change of records that you may change, or lies before what the log keeps.';
  elsif v_refused > 0 then
    raise exception '%', case when cardinality(v_items) = 1 then 'It cannot be taken back as it is.' else format('%s of %s records cannot be taken back as they are.', v_refused, cardinality(v_items)) end
      using errcode = 'RV199', detail = (select jsonb_agg(jsonb_build_object('objectName', i.object_name, 'recordId', i.record_id, 'label', i.label, 'conflicts', i.conflicts))::text
        from (select * from unnest(v_items) i where i.conflicts @> '[{"decision": "REFUSE"}]' limit 20) i),
      hint = 'Look at plan_revert, then choose on_conflict: SKIP leaves these out, OVERWRITE takes back also what was changed since; or decide each in decisions.';
  end if;
  perform set_config('relvar.reverting', current_setting('relvar.source', true), true), set_config('relvar.source', 'REVERT', true);
  v_state := engine.revert_statements(schema_name, v_workspace, v_items);
  return v_state || jsonb_build_object('schema', schema_name, 'caller', caller, 'done', '{}'::jsonb, 'request_id', v_what ->> 'located_request',
    'conflicts', (select coalesce(jsonb_agg(jsonb_build_object('objectName', i.object_name, 'recordId', i.record_id, 'conflicts', i.conflicts)), '[]') from (select * from unnest(v_items) i where i.conflicts <> '[]' limit 100) i),
    'total', cardinality(v_items));
end
$$;

-- What becomes of single conflicts: {record: {column: OVERWRITE or SKIP}}, "" for the record as a whole.
create or replace function engine.check_decisions(decisions jsonb) returns void
language plpgsql immutable set search_path = ''
as $$
begin
  if decisions is not null and (jsonb_typeof(decisions) <> 'object' or exists (
      select from jsonb_each(decisions) r
      cross join lateral jsonb_each(case jsonb_typeof(r.value) when 'object' then r.value else '{"": null}' end) c where c.value not in ('"OVERWRITE"', '"SKIP"'))) then
    raise exception 'The decisions cannot be understood.' using errcode = 'RV257', column = 'decisions',
      hint = 'Write {"<id of the record>": {"<column, or nothing for the record>": "OVERWRITE" or "SKIP"}}, with the columns that plan_revert names.';
  end if;
end
$$;

create or replace function engine.decided(item engine.revert_item, on_conflict text, decisions jsonb) returns engine.revert_item
language plpgsql immutable set search_path = ''
as $$
begin
  if item.conflicts <> '[]' then
    item.conflicts := (select jsonb_agg(c || jsonb_build_object('decision', coalesce(decisions -> item.record_id::text ->> coalesce(c ->> 'column', ''), on_conflict)))
      from jsonb_array_elements(item.conflicts) c);
  end if;
  return item;
end
$$;

create or replace function engine.lock_reverted(schema_name text, workspace_id uuid, source text, condition text) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  o record;
begin
  for o in execute format('select distinct e.object_id as id from %s e where %s order by 1', source, condition) loop
    execute (select format('select from %1$I.%2$I t where t.id in (select e.record_id from %5$s e where e.object_id = %3$L and (%4$s)) order by t.id for update', schema_name, b.table_name, b.id, condition, source)
      from metadata.objects b where b.id = o.id and b.workspace_id = lock_reverted.workspace_id);
  end loop;
end
$$;

-- Objects as one. Unlike jsonb_object_agg it takes no longer for values that are large.
create or replace aggregate engine.joined(jsonb) (sfunc = pg_catalog.jsonb_concat, stype = jsonb);

-- What remains to be done of the items once what is in the way is left out or overwritten.
create or replace function engine.revert_statements(schema_name text, workspace_id uuid, items engine.revert_item[]) returns jsonb
language sql stable set search_path = ''
as $$
  with item as materialized (
    select i.*, o.table_name, b.columns as left_out,
      (select bool_or(c ->> 'column' is null and (c ->> 'kind' <> 'CHANGED_SINCE' or c ->> 'decision' <> 'OVERWRITE') or i.action = 'RESTORE') from jsonb_array_elements(i.conflicts) c) is true as is_left_out
    from unnest(items) i
    join metadata.objects o on o.id = i.object_id
    cross join lateral (select array(select c ->> 'column' from jsonb_array_elements(i.conflicts) c
      where c ->> 'column' is not null and (c ->> 'kind' <> 'CHANGED_SINCE' or c ->> 'decision' <> 'OVERWRITE')) as columns) b
  ), link as materialized (
    select c.object_id, array_agg(c.name) as names from engine.columns(revert_statements.workspace_id) c where c.relation_id is not null group by c.object_id
  ), value as (
    select i.object_id, i.table_name, i.record_id, e.key, e.value,
      -- Links to what comes back with it wait for that.
      case when i.action = 'UPDATE' and e.key = any (l.names) and not exists (select from item r where r.action = 'RESTORE' and r.record_id = (case when e.key = any (l.names) then e.value #>> '{}' end)::uuid) then 1 else 3 end as stage
    from item i
    left join link l on l.object_id = i.object_id
    cross join lateral jsonb_each(i.after - i.left_out) e
    where not i.is_left_out and i.action in ('UPDATE', 'RESTORE')
  ), record as (
    select v.object_id, v.table_name, v.stage, v.record_id, array_agg(v.key order by v.key) as keys, jsonb_object_agg(v.key, v.value) || jsonb_build_object('id', v.record_id) as data
    from value v group by 1, 2, 3, 4
  ), statement as (
    select r.stage, jsonb_build_object('sql', format('update %1$I.%2$I t set %3$s from jsonb_populate_recordset(null::%1$I.%2$I, $1) d where t.id = d.id', schema_name, r.table_name,
        (select string_agg(format('%I = d.%1$I', k), ', ') from unnest(r.keys) k)), 'data', jsonb_agg(r.data)) as value
    from record r group by r.stage, r.table_name, r.keys
    union all
    select 2, jsonb_build_object('sql', format('delete from %I.%I t where t.id in (select (e #>> ''{}'')::uuid from jsonb_array_elements($1) e)', schema_name, i.table_name), 'data', jsonb_agg(i.record_id))
    from item i where i.action = 'DELETE' and not i.is_left_out group by i.table_name
  )
  select jsonb_build_object(
    -- Not jsonb_agg, which takes minutes for a value that holds 100,000 others.
    'now', (select coalesce(to_jsonb(array_agg(s.value order by s.stage)), '[]') from statement s where s.stage < 3),
    'then', (select coalesce(to_jsonb(array_agg(s.value)), '[]') from statement s where s.stage = 3),
    'restore', (select coalesce(engine.joined(jsonb_build_object(r.object_id, r.ids)), '{}') from (select i.object_id, jsonb_agg(i.record_id) as ids from item i where i.action = 'RESTORE' and not i.is_left_out group by 1) r),
    'wanted', (select count(distinct x.record_id) from (select record_id from value union all select i.record_id from item i where i.action in ('DELETE', 'RESTORE') and not i.is_left_out) x))
$$;

-- Runs what it is handed, as whoever calls.
create or replace function engine.run_as_caller(state jsonb) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_statement jsonb;
begin
  for v_statement in select s from jsonb_array_elements(state -> 'now') s loop
    execute v_statement ->> 'sql' using v_statement -> 'data';
  end loop;
  return state;
end
$$;

create or replace function engine.restore_reverted(state jsonb) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_wanted int := (select count(*) from jsonb_each(state -> 'restore') r cross join lateral jsonb_array_elements(r.value));
  v_object metadata.objects;
  v_id uuid;
begin
  if v_wanted = 1 then
    select o.* into v_object from metadata.objects o join jsonb_object_keys(state -> 'restore') k on o.id = k::uuid;
    v_id := (state -> 'restore' -> v_object.id::text ->> 0)::uuid;
    perform engine.put_back(state ->> 'schema', v_object, v_id, (state ->> 'caller')::name);
  elsif v_wanted > 1 then
    perform engine.put_back_many(state ->> 'schema', state -> 'restore', (state ->> 'caller')::name);
  end if;
  perform engine.move_back(state ->> 'schema', r.key::uuid, array(select i::uuid from jsonb_array_elements_text(r.value) i)) from jsonb_each(state -> 'restore') r;
  return state || jsonb_build_object('now', state -> 'then');
end
$$;

-- Many records out of the trash at once: those whose required links are there first; links to what is not yet
-- there are tied when it is, links to what is gone stay empty.
create or replace function engine.put_back_many(schema_name text, records jsonb, caller name) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_left uuid[] := array(select k::uuid from jsonb_object_keys(records) k);
  v_id uuid;
  v_ids uuid[];
  v_is_stuck boolean;
  v_object metadata.objects;
  v_table regclass;
  v_columns text;
  v_empty text;
  v_ties text[] := '{}';
  v_detail text;
begin
  while v_left <> '{}' loop
    v_is_stuck := true;
    foreach v_id in array v_left loop
      select o.* into v_object from metadata.objects o where o.id = v_id;
      -- Required links to what comes back later, in this very call.
      continue when exists (
        select from engine.columns(v_object.workspace_id, array[v_object.id]) c join metadata.relations r on r.id = c.relation_id
        where c.not_null and r.target_object_id <> v_object.id and r.target_object_id = any (v_left));
      v_is_stuck := false;
      v_ids := array(select e::uuid from jsonb_array_elements_text(records -> v_object.id::text) e);
      v_table := format('%I.%I', schema_name, v_object.table_name)::regclass;
      select string_agg(quote_ident(a.attname), ', ' order by a.attnum) into v_columns
      from pg_catalog.pg_attribute a where a.attrelid = v_table and a.attnum > 0 and not a.attisdropped and a.attgenerated = '';
      -- Defaults are for what the trash does not have, such as fields that are new.
      select coalesce(' || ' || string_agg(format('case when d.data ->> %1$L is not null and not exists (select from %2$I.%3$I o where o.id = (d.data ->> %1$L)::uuid)%4$s then %5$L::jsonb else ''{}'' end',
          c.name, schema_name, t.table_name, case when t.id = v_object.id then ' and not (d.data ->> ' || quote_literal(c.name) || ')::uuid = any ($2)' else '' end, jsonb_build_object(c.name, null)), ' || '), ''),
        v_ties || coalesce(array_agg(format('update %1$s t set %2$I = (v.value ->> 1)::uuid from jsonb_array_elements($1 -> %3$L) v where t.id = (v.value ->> 0)::uuid and t.%2$I is null and exists (select from %4$I.%5$I o where o.id = (v.value ->> 1)::uuid)',
          v_table, c.name, v_object.id || ' ' || c.name, schema_name, t.table_name)) filter (where t.id <> v_object.id and t.id = any (v_left)), '{}')
      into v_empty, v_ties
      from engine.columns(v_object.workspace_id, array[v_object.id]) c
      join metadata.relations r on r.id = c.relation_id join metadata.objects t on t.id = r.target_object_id;
      records := records || coalesce((
        select engine.joined(jsonb_build_object(v_object.id || ' ' || c.name, engine.trashed_links(schema_name, v_object.id, v_ids, c.name)))
        from engine.columns(v_object.workspace_id, array[v_object.id]) c where c.relation_id is not null), '{}');
      begin
        perform set_config('relvar.action', 'restored', true);
        execute format('insert into %1$s (%2$s) select %5$s from %3$I.trash d cross join lateral jsonb_populate_record(null::%1$s, d.data%4$s) r where d.object_id = $1 and d.record_id = any ($2)',
          v_table, v_columns, schema_name, v_empty, engine.restored_columns(v_table)) using v_object.id, v_ids;
        perform set_config('relvar.action', '', true);
      exception
        when unique_violation then
          get stacked diagnostics v_detail = pg_exception_detail;
          raise exception 'Some % cannot be restored: others have taken their place.', v_object.label_plural using errcode = 'RV014',
            detail = case when engine.reads_wholly(caller, v_object.id) then v_detail else '' end, hint = 'Change or delete the others first, or leave these out.';
        when not_null_violation or check_violation or data_exception then
          raise exception 'Some % cannot be restored, since they do not fit their object any more.', v_object.label_plural using errcode = 'RV013',
            hint = 'The object was changed after they were deleted. Change it back, restore, and change it again.';
      end;
      execute format('delete from %I.trash where object_id = $1 and record_id = any ($2)', schema_name) using v_object.id, v_ids;
      v_left := array_remove(v_left, v_object.id);
    end loop;
    if v_is_stuck then
      raise exception 'The records need one another.' using errcode = 'RV013', hint = 'Restore them one by one.';
    end if;
  end loop;
  foreach v_empty in array v_ties loop
    execute v_empty using records;
  end loop;
end
$$;

-- Links of records in the trash by one column: [[record, target], …].
create or replace function engine.trashed_links(schema_name text, object_id uuid, ids uuid[], column_name text) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_links jsonb;
begin
  execute format('select coalesce(jsonb_agg(jsonb_build_array(d.record_id, d.data ->> $3)), ''[]'') from %I.trash d where d.object_id = $1 and d.record_id = any ($2) and d.data ->> $3 is not null', schema_name)
    into v_links using object_id, ids, column_name;
  return v_links;
end
$$;

-- What the trash does not have is what a new record has: fields came after the record had gone.
create or replace function engine.restored_columns(relation regclass) returns text
language sql stable set search_path = ''
as $$
  select string_agg(case when e.expression is null or a.attidentity <> '' then 'r.' || quote_ident(a.attname) else format('case when d.data ? %L then r.%I else %s end', a.attname, a.attname, e.expression) end, ', ' order by a.attnum)
  from pg_catalog.pg_attribute a
  left join lateral (select pg_catalog.pg_get_expr(f.adbin, f.adrelid) as expression from pg_catalog.pg_attrdef f where f.adrelid = a.attrelid and f.adnum = a.attnum) e on true
  where a.attrelid = relation and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
$$;

-- What an import did bears its id as that of the request. Taking it back is a request as well, and so is taking that back.
create or replace function engine.end_revert(state jsonb) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform set_config('relvar.source', coalesce(current_setting('relvar.reverting', true), ''), true);
  update core.imports i set reverted_at = case when i.reverted_at is null then now() end, turned_by = nullif(current_setting('relvar.request_id', true), '')
  where i.workspace_id = (select w.id from core.workspaces w where w.schema_name = state ->> 'schema') and i.status = 'DONE'
    and (state ->> 'request_id' = i.turned_by or state ->> 'request_id' = i.id::text and i.reverted_at is null);
  return jsonb_build_object('reverted', state -> 'wanted', 'skipped', (state ->> 'total')::int - (state ->> 'wanted')::int, 'conflicts', state -> 'conflicts');
end
$$;

grant execute on function engine.begin_revert(name, text, jsonb, text, jsonb), engine.run_as_caller(jsonb), engine.restore_reverted(jsonb), engine.end_revert(jsonb) to relvar_crm;
--! EndIncluded engine/past/revert.sql
--! Included core/imports/start.sql
create or replace function core.start_import(import_id uuid, is_dry_run boolean, format jsonb, settings jsonb, headers_key text) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_import core.imports;
begin
  update core.imports i set status = 'WAITING', is_dry_run = start_import.is_dry_run, format = start_import.format, settings = start_import.settings,
    wants_cancel = false, phase = null, rows_done = 0, bytes_done = 0, result = null, failure = null, started_at = null, finished_at = null
  where i.id = import_id and i.status in ('READY', 'CHECKED', 'FAILED', 'CANCELLED') and i.is_file_kept
  returning i.* into v_import;
  if not found then
    raise exception 'This import cannot be started.' using errcode = 'RV271', hint = 'It runs, has ended, or its file was deleted. Upload the file again.';
  end if;
  delete from core.import_problems p where p.import_id = start_import.import_id;
  insert into core.import_mappings as m (workspace_id, object_id, headers_key, settings)
  values (v_import.workspace_id, v_import.object_id, start_import.headers_key, start_import.settings)
  on conflict on constraint import_mappings_pkey do update set settings = excluded.settings, used_at = now();
  perform graphile_worker.add_job('imports__run', json_build_object('import_id', import_id, 'workspace_id', v_import.workspace_id), max_attempts => 5, job_key => 'import:' || import_id);
end
$$;
comment on function core.start_import(uuid, boolean, jsonb, jsonb, text) is 'Has a worker import a file, or find out what would come of it, and remembers where its columns go.';

-- What runs ends at the next look of its worker; what waits never begins.
create or replace function core.cancel_import(import_id uuid) returns void
language plpgsql volatile security definer set search_path = ''
as $$
begin
  update core.imports i set wants_cancel = true where i.id = import_id and i.status = 'RUNNING';
  if not found then
    update core.imports i set status = case when i.is_dry_run then 'READY' else 'CANCELLED' end, finished_at = clock_timestamp() where i.id = import_id and i.status = 'WAITING';
  end if;
end
$$;

create or replace function core.fix_import(import_id uuid, fixes jsonb) returns void
language plpgsql volatile security definer set search_path = ''
as $$
begin
  insert into core.import_fixes as f (import_id, line, cell, value)
  select fix_import.import_id, x.line, x.cell, x.value from jsonb_to_recordset(fixes) x (line bigint, cell int, value text)
  on conflict on constraint import_fixes_pkey do update set value = excluded.value;
  if (select count(*) from core.import_fixes f where f.import_id = fix_import.import_id) > 10000 then
    raise exception 'Too many cells are mended here.' using errcode = 'RV272', hint = 'Up to 10,000 can be. Mend the file itself, or the file of rejected rows, and upload it again.';
  end if;
end
$$;

create or replace function core.recall_mapping(workspace_id uuid, object_id uuid, headers_key text) returns jsonb
language sql stable security definer set search_path = ''
as $$
  select m.settings from core.import_mappings m
  where m.workspace_id = recall_mapping.workspace_id and m.object_id = recall_mapping.object_id and m.headers_key = recall_mapping.headers_key
$$;

grant execute on function core.start_import(uuid, boolean, jsonb, jsonb, text), core.cancel_import(uuid), core.fix_import(uuid, jsonb),
  core.recall_mapping(uuid, uuid, text) to relvar_server;
--! EndIncluded core/imports/start.sql
--! Included core/imports/list.sql
-- One's own imports; with "everybody", those of all members of the workspace. Whose rows they are, the caller has asked.
create or replace function core.list_imports(workspace_id uuid, member_id uuid, everybody boolean, import_id uuid default null, before_id uuid default null, max_results int default 50) returns jsonb
language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(x.item order by x.id desc), '[]')
  from (
    select i.id, jsonb_build_object('id', i.id, 'objectId', i.object_id, 'memberId', i.member_id, 'memberName', m.name, 'fileName', i.file_name, 'fileSize', i.file_size, 'format', i.format,
      'settings', case when import_id is not null then i.settings end, 'status', i.status, 'isDryRun', i.is_dry_run, 'phase', i.phase, 'rowsDone', i.rows_done, 'bytesDone', i.bytes_done,
      'result', i.result, 'failure', i.failure, 'createdAt', i.created_at, 'startedAt', i.started_at, 'finishedAt', i.finished_at, 'revertedAt', i.reverted_at, 'lastRequest', coalesce(i.turned_by, i.id::text),
      'isFileKept', i.is_file_kept, 'wantsCancel', i.wants_cancel,
      'hasRejectsFile', exists (select from core.import_parts p where p.import_id = i.id and p.kind = 'REJECTS'),
      'fixes', case when import_id is not null then (select count(*) from core.import_fixes f where f.import_id = i.id) end) as item
    from core.imports i join core.members m on m.id = i.member_id
    where i.workspace_id = list_imports.workspace_id and (everybody or i.member_id = list_imports.member_id)
      and (list_imports.import_id is null or i.id = list_imports.import_id)
      and (list_imports.import_id is not null or i.status <> 'UPLOADING')
      and (before_id is null or i.id < before_id)
    order by i.id desc limit least(max_results, 200)
  ) x
$$;

create or replace function core.import_problems(import_id uuid, kind text, after_line bigint, max_results int) returns jsonb
language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('line', x.line, 'reason', x.reason, 'cell', x.cell, 'cells', x.cells,
    'fixes', (select jsonb_object_agg(f.cell, f.value) from core.import_fixes f where f.import_id = x.import_id and f.line = x.line)) order by x.line), '[]')
  from (
    select p.* from core.import_problems p
    where p.import_id = import_problems.import_id and (import_problems.kind is null or p.kind = import_problems.kind) and p.line > after_line
    order by p.line limit least(max_results, 200)
  ) x
$$;

grant execute on function core.list_imports(uuid, uuid, boolean, uuid, uuid, int), core.import_problems(uuid, text, bigint, int) to relvar_server;
--! EndIncluded core/imports/list.sql
--! Included engine/past/revert_plan.sql
-- Taking changes of records back: what each record would become, and what is in the way. Which changes is
-- said by one of: a change (batch, seq) or a statement (batch), either with all that was done together with it
-- (its request or, without one, its transaction); a transaction; a request; or a record, or one field of it,
-- since a moment or a statement. Of several changes of one record the first says what it was before.

-- Which events are meant, found once: a condition over e, and the source that e stands for, a table or a query.
-- What is looked for by batch, transaction or request may lie in the archive, of which only the parcels are read that have some of it.
create or replace function engine.revert_located(schema_name text, workspace_id uuid, what jsonb) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_event record;
  v_condition text;
  v_sought jsonb;
  v_since timestamptz;
  v_until timestamptz;
  v_parcels bigint[];
begin
  if what ->> 'batch' is not null then
    v_event := engine.revert_event(schema_name, (what ->> 'batch')::bigint, (what ->> 'seq')::int);
    if v_event.batch is null then
      return what || jsonb_build_object('source', format('%I.record_events', schema_name), 'condition', 'false');
    elsif coalesce((what ->> 'together')::boolean, false) and v_event.request_id is not null then
      v_since := v_event.happened_at - interval '1 day';
      v_until := v_event.happened_at + interval '1 day';
      v_condition := format('e.request_id = %L and e.happened_at between %L::timestamptz and %L::timestamptz', v_event.request_id, v_since, v_until);
      v_sought := jsonb_build_object('request_id', v_event.request_id);
    else
      v_since := v_event.happened_at;
      v_until := v_event.happened_at;
      v_sought := jsonb_build_object('transaction_id', v_event.transaction_id);
      v_condition := case when coalesce((what ->> 'together')::boolean, false) then format('e.transaction_id = %L', v_event.transaction_id)
        -- A link is a record of its own, which came or went in the same transaction.
        when v_event.action in ('linked', 'unlinked') then format('e.transaction_id = %L and e.action in (%L, %L, ''updated'') and e.record_id = any (%L::uuid[])', v_event.transaction_id,
          case v_event.action when 'linked' then 'created' else 'deleted' end, case v_event.action when 'linked' then 'restored' else 'merged' end, engine.revert_links(schema_name, v_event.batch, (what ->> 'seq')::int, v_event.link_id))
        else format('e.batch = %L', v_event.batch) || case when what ->> 'seq' is not null then format(' and e.seq = %L', what ->> 'seq') else '' end end;
    end if;
  elsif what ->> 'transaction_id' is not null then
    v_condition := format('e.transaction_id = %L', what ->> 'transaction_id');
    v_sought := jsonb_build_object('transaction_id', what ->> 'transaction_id');
    execute format('select min(e.happened_at), max(e.happened_at) from %I.record_events e where e.transaction_id = $1', schema_name) into v_since, v_until using (what ->> 'transaction_id')::xid8;
  elsif what ->> 'request_id' is not null then
    v_sought := jsonb_build_object('request_id', what ->> 'request_id');
    v_since := engine.revert_request_since(schema_name, what ->> 'request_id');
    v_condition := format('e.request_id = %L', what ->> 'request_id') || case when v_since is not null then format(' and e.happened_at > %L::timestamptz', v_since) else '' end;
  elsif what ->> 'record_id' is not null and (what ->> 'moment' is not null or what ->> 'after_batch' is not null) then
    return what || jsonb_build_object('source', format('%I.events_of(%L, %L)', schema_name, engine.past_object_id(workspace_id, what ->> 'object_name'), what ->> 'record_id'), 'condition',
      format('e.record_id = %L and e.object_id = %L', what ->> 'record_id', engine.past_object_id(workspace_id, what ->> 'object_name'))
      || case when what ->> 'moment' is not null then format(' and e.happened_at > %L::timestamptz', what ->> 'moment') else '' end
      || case when what ->> 'after_batch' is not null then format(' and e.batch > %L', what ->> 'after_batch') else '' end);
  else
    raise exception 'Which changes?' using errcode = 'RV197',
      hint = 'Give batch (and seq), transaction_id, request_id, or object_name and record_id with moment or after_batch.';
  end if;
  -- What is younger than anything in the archive is not in it.
  execute format('select array_agg(a.id) from %I.event_archive a where ($1 is null or a.until_at >= $1) and ($2 is null or a.from_at <= $2) and a.events @> jsonb_build_array($3)', schema_name)
    into v_parcels using v_since, v_until, v_sought;
  return what || jsonb_build_object('located_request', v_sought ->> 'request_id', 'condition', v_condition, 'source', case when v_parcels is null then format('%I.record_events', schema_name)
    else format('(select %2$s from %1$I.record_events r union all select %2$s from %1$I.event_archive a cross join lateral jsonb_populate_recordset(null::%1$I.record_events, a.events) r where a.id = any (%3$L::bigint[]))',
      schema_name, engine.event_columns('r.', ', '), v_parcels) end);
end
$$;

-- One change, or the first of a statement, in the log or the archive.
create or replace function engine.revert_event(schema_name text, of_batch bigint, of_seq int,
  out batch bigint, out action text, out link_id uuid, out request_id text, out transaction_id xid8, out happened_at timestamptz)
language plpgsql stable set search_path = ''
as $$
begin
  execute format('select e.batch, e.action, (coalesce(e.after, e.before) #>> ''{link,id}'')::uuid, e.request_id, e.transaction_id, e.happened_at
    from %I.record_events e where e.batch = $1 and ($2 is null or e.seq = $2) order by e.seq limit 1', schema_name)
    into batch, action, link_id, request_id, transaction_id, happened_at using of_batch, of_seq;
  if batch is null then
    execute format('select e.batch, e.action, (coalesce(e.after, e.before) #>> ''{link,id}'')::uuid, e.request_id, e.transaction_id, e.happened_at
      from %1$I.event_archive a cross join lateral jsonb_populate_recordset(null::%1$I.record_events, a.events) e
      where a.events @> jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(''batch'', $1, ''seq'', $2))) and e.batch = $1 and ($2 is null or e.seq = $2) order by e.seq limit 1', schema_name)
      into batch, action, link_id, request_id, transaction_id, happened_at using of_batch, of_seq;
  end if;
end
$$;

-- The links that a statement made or cut, by what it told of the records at their ends.
create or replace function engine.revert_links(schema_name text, of_batch bigint, of_seq int, one uuid) returns uuid[]
language plpgsql stable set search_path = ''
as $$
declare
  v_links uuid[];
begin
  execute format('select array_agg((coalesce(e.after, e.before) #>> ''{link,id}'')::uuid) from %I.record_events e where e.batch = $1 and ($2 is null or e.seq = $2)', schema_name)
    into v_links using of_batch, of_seq;
  return coalesce(v_links, array[one]);
end
$$;

-- The log is found by time sooner than by request, and most requests are of today. What began yesterday, such as a long import, has
-- something in each day until then. Null where it is not of today.
create or replace function engine.revert_request_since(schema_name text, request_id text) returns timestamptz
language plpgsql stable set search_path = ''
as $$
declare
  v_since timestamptz := now() - interval '1 day';
  v_is_there boolean;
begin
  execute format('select exists (select from %I.record_events e where e.request_id = $1 and e.happened_at > $2)', schema_name) into v_is_there using request_id, v_since;
  if not v_is_there then
    return null;
  end if;
  while v_is_there loop
    execute format('select exists (select from %I.record_events e where e.request_id = $1 and e.happened_at > $2 - interval ''1 day'' and e.happened_at <= $2)', schema_name)
      into v_is_there using request_id, v_since;
    v_since := v_since - interval '1 day';
  end loop;
  return v_since;
end
$$;

create or replace function engine.past_object_id(workspace_id uuid, object_name text) returns uuid
language plpgsql stable set search_path = ''
as $$
declare
  v_id uuid := (select o.id from metadata.objects o where o.workspace_id = past_object_id.workspace_id and o.name_singular = object_name and o.deleted_at is null);
begin
  if v_id is null then
    raise exception 'There is no object "%".', object_name using errcode = 'RV011', hint = 'Give the singular API name, such as person.';
  end if;
  return v_id;
end
$$;

-- Columns of one object that a revert writes, with what the caller may do with them and what may be in the way
-- of a former value, v.former: another record that has it where it is unique, a linked record that is gone.
create or replace function engine.revert_columns(caller name, schema_name text, object metadata.objects, field_name text, condition text)
returns table (name text, is_readable boolean, is_updatable boolean, is_link boolean, not_null boolean, taken text, gone text)
language plpgsql stable set search_path = ''
as $$
declare
  v_table regclass := format('%I.%I', schema_name, (object).table_name)::regclass;
  v_wanted text[] := case when field_name is not null then engine.columns_of_field(object, field_name) end;
begin
  return query
  select c.name, has_column_privilege(caller, v_table, c.name, 'select'), has_column_privilege(caller, v_table, c.name, 'update'), c.relation_id is not null, c.not_null,
    (
      select format('exists (select from %1$s o where %2$s and o.id <> v.record_id and not exists (select from rec r where r.record_id = o.id))', v_table,
        case when i.indkey[0] = 0 then format('lower(o.%1$I) = lower(v.former #>> ''{}'')', c.name) else format('o.%I = (v.former #>> ''{}'')::%s', c.name, c.pg_type) end)
      from pg_catalog.pg_index i
      where i.indrelid = v_table and i.indisunique and not i.indisprimary and i.indnatts = 1
        and (i.indkey[0] = a.attnum or i.indkey[0] = 0 and pg_catalog.pg_get_expr(i.indexprs, i.indrelid) = format('lower(%I)', c.name)) limit 1
    ),
    (
      select format('not exists (select from %1$I.%2$I o where o.id = (v.former #>> ''{}'')::uuid) and not exists (select from %1$I.record_events e where e.record_id = (v.former #>> ''{}'')::uuid
        and e.action in (''deleted'', ''merged'') and (%3$s) and exists (select from %1$I.trash x where x.record_id = e.record_id))', schema_name, t.table_name, condition)
      from metadata.relations l join metadata.objects t on t.id = l.target_object_id where l.id = c.relation_id
    )
  from engine.columns((object).workspace_id, array[(object).id]) c
  join pg_catalog.pg_attribute a on a.attrelid = v_table and a.attname = c.name and not a.attisdropped
  where c.is_active and c.is_writable and c.name <> 'id' and (v_wanted is null or c.name = any (v_wanted));
end
$$;

-- A case of v.key: for each column that has one, its condition, where there is a former value.
create or replace function engine.revert_case(conditions jsonb) returns text
language sql immutable set search_path = ''
as $$
  select coalesce('v.former <> ''null'' and case v.key ' || string_agg(format('when %L then %s', e.key, e.value), ' ' order by e.key) || ' else false end', 'false')
  from jsonb_each_text(conditions) e where e.value is not null
$$;

create or replace function engine.revert_items_of(caller name, schema_name text, object metadata.objects, what jsonb, condition text) returns setof engine.revert_item
language plpgsql stable set search_path = '' set enable_nestloop = on
as $$
declare
  v_events int;
  v_table regclass := format('%I.%I', schema_name, (object).table_name)::regclass;
  v_is_whole boolean := engine.reads_wholly(caller, (object).id);
  v_knows_who boolean := v_is_whole or has_column_privilege(caller, v_table, 'created_by_name', 'select') and has_column_privilege(caller, v_table, 'updated_by_name', 'select');
  v_columns text[];
  v_fixed text[];
  v_links text[];
  v_taken text;
  v_gone text;
  v_needs text;
begin
  select array_agg(c.name) filter (where c.is_readable), array_agg(c.name) filter (where not c.is_updatable), array_agg(c.name) filter (where c.is_link and c.is_readable),
    engine.revert_case(jsonb_object_agg(c.name, c.taken)), engine.revert_case(jsonb_object_agg(c.name, c.gone)),
    engine.revert_case(coalesce(jsonb_object_agg(c.name, c.gone) filter (where c.not_null), '{}'))
  into v_columns, v_fixed, v_links, v_taken, v_gone, v_needs
  from engine.revert_columns(caller, schema_name, object, what ->> 'field_name', condition) c;
  -- The planner takes the steps below for a few rows each, and would compare every row of many with every other.
  execute format('select count(*) from (select from %s e where e.object_id = %L and (%s) limit 1000) x', what ->> 'source', (object).id, condition) into v_events;
  perform set_config('enable_nestloop', case when v_events < 1000 then 'on' else 'off' end, true);
  return query execute format($sql$
    with sel as materialized (
      select e.record_id, e.batch, e.seq, e.action, case when e.action = 'updated' then %4$s
          -- A record that comes back finds its links again that were cut since, because what they lead to was gone for a while.
          when e.action in ('deleted', 'merged') then (select jsonb_object_agg(k, d -> k) from (select %4$s as d) x cross join unnest(%21$L::text[]) k where d ->> k is not null) end as b, case when e.action in ('updated', 'created', 'restored') then %5$s end as a
      from %20$s e
      where e.object_id = %3$L and e.action in ('created', 'restored', 'updated', 'deleted', 'merged') and (%6$s)
    ), rec as materialized (
      select s.record_id, (array_agg(s.action order by s.batch, s.seq))[1] in ('created', 'restored') as was_absent,
        (array_agg(s.action order by s.batch desc, s.seq desc))[1] in ('deleted', 'merged') as was_removed, max(s.batch) as last_batch,
        (array_agg(s.a order by s.batch desc, s.seq desc) filter (where s.action <> 'updated'))[1] as made
      from sel s group by s.record_id
    ), val as materialized (
      select s.record_id, v.key, (array_agg(v.value order by s.batch, s.seq))[1] as former,
        (array_agg(s.a -> v.key order by s.batch desc, s.seq desc))[1] as expected, max(s.batch) as last_batch, bool_and(s.action <> 'updated') as is_cut
      from sel s cross join lateral jsonb_each(s.b) v
      where v.key = any (%7$L::text[])
      group by s.record_id, v.key
    ), cur as materialized (
      select rec.*, p.id is not null as is_there, d.id is not null as is_trashed, to_jsonb(t.*) as row, t.id is not null and (%8$s) as is_seen,
        case when %9$L::boolean and t.id is not null then %10$s end as label, coalesce(%11$s, false) as may_update, coalesce(%12$s, false) as may_delete,
        case when rec.was_absent then case when rec.was_removed then 'NOTHING' else 'DELETE' end when rec.was_removed and p.id is null then 'RESTORE' else 'UPDATE' end as act
      from rec
      left join %2$s p on p.id = rec.record_id
      left join %1$I.trash d on d.object_id = %3$L and d.record_id = rec.record_id and p.id is null
      left join lateral (select p.* where p.id is not null union all select r.* from jsonb_populate_record(null::%2$s, d.data) r where d.id is not null) t on true
    ), seen as materialized (
      select * from cur where (is_seen or %13$L::boolean and not is_there and not is_trashed) and act <> 'NOTHING' and not (act = 'DELETE' and not is_there)
    ), changes as (
      select v.*, s.row -> v.key as present, s.act,
        case when s.act = 'UPDATE' and not s.is_there then null
          when v.key = any (%14$L::text[]) or not s.may_update and s.act = 'UPDATE' then 'NOT_ALLOWED'
          when s.act = 'UPDATE' and s.row -> v.key is distinct from v.expected and s.row ->> v.key is distinct from v.expected #>> '{}' then 'CHANGED_SINCE'
          when %15$s then 'TAKEN'
          when %16$s then 'LINK_GONE' end as conflict
      from val v join seen s on s.record_id = v.record_id
      where s.act <> 'DELETE' and s.row -> v.key is distinct from v.former and not (v.is_cut and (s.act <> 'RESTORE' or (%16$s)))
    ), coming as (
      -- What lies in the trash has no events of its own: all of its values come back.
      select s.record_id, v.key, s.row -> v.key as present, case when %15$s then 'TAKEN' else 'LINK_GONE' end as conflict
      from seen s cross join lateral (select s.record_id, e.key, e.value as former from jsonb_each(s.row) e) v
      where s.act = 'RESTORE' and (%15$s or %17$s)
    ), grown as (
      -- What was created is not any more what it was then.
      select s.record_id from seen s
      left join lateral (select jsonb_object_agg(v.key, v.expected) as values from val v where v.record_id = s.record_id) u on true
      where s.act = 'DELETE' and exists (
        select from unnest(%7$L::text[]) k cross join lateral (select s.made || coalesce(u.values, '{}') as values) e
        where e.values ? k and s.row -> k is distinct from e.values -> k and s.row ->> k is distinct from e.values ->> k)
    ), later as (
      -- Who changed it since.
      select c.record_id, c.key, n.actor_name, n.happened_at
      from (
        select c.record_id, c.key, c.last_batch from changes c where c.conflict = 'CHANGED_SINCE'
        union all
        select s.record_id, null, s.last_batch from seen s where s.record_id in (select g.record_id from grown g) or s.act = 'UPDATE' and not s.is_there
      ) c
      cross join lateral (
        select e.actor_name, e.happened_at from %1$I.events_of(%3$L, c.record_id) e
        where e.batch > c.last_batch and not coalesce(%6$s, false)
          and (c.key is not null and e.before ? c.key or c.key is null and (e.action = 'updated' and (e.before ?| %7$L::text[]) or e.action in ('deleted', 'merged')))
        order by e.batch desc limit 1
      ) n
    ), conflict as (
      select c.record_id, jsonb_build_object('column', c.key, 'kind', c.conflict, 'by', case when %18$L::boolean then l.actor_name end, 'at', l.happened_at) as value
      from changes c left join later l on l.record_id = c.record_id and l.key = c.key
      where c.conflict is not null
      union all
      select r.record_id, jsonb_build_object('column', r.key, 'kind', r.conflict) from coming r
      union all
      select s.record_id, jsonb_build_object('kind', k.kind, 'by', case when %18$L::boolean then l.actor_name end, 'at', l.happened_at)
      from seen s
      left join later l on l.record_id = s.record_id and l.key is null
      cross join lateral (select case
        when not s.is_there and not s.is_trashed then 'GONE'
        when s.act in ('DELETE', 'RESTORE') and not s.may_delete then 'NOT_ALLOWED'
        when s.act = 'UPDATE' and not s.is_there then 'DELETED_SINCE'
        when s.record_id in (select g.record_id from grown g) then 'CHANGED_SINCE' end as kind) k
      where k.kind is not null
    ), summed as (
      select c.record_id, jsonb_object_agg(c.key, c.present) as before, jsonb_object_agg(c.key, c.former) as after from changes c group by c.record_id
    ), conflicts as (
      select c.record_id, jsonb_agg(c.value order by c.value ->> 'column') as list from conflict c group by c.record_id
    )
    select %3$L::uuid, %19$L::text, s.record_id, s.label, s.act, m.before, m.after, coalesce(c.list, '[]')
    from seen s
    left join summed m on m.record_id = s.record_id
    left join conflicts c on c.record_id = s.record_id
    where s.act <> 'UPDATE' or m.record_id is not null or c.record_id is not null
    order by c.record_id is null, s.label, s.record_id$sql$,
    schema_name, v_table, (object).id, engine.reading_of(object, 'before'), engine.reading_of(object, 'after'), condition, coalesce(v_columns, '{}'),
    engine.condition_of(caller, (object).id, 'READ', 't.'), v_is_whole or engine.reads_label(caller, schema_name, object), engine.label_expression((object).id, 't'),
    engine.condition_of(caller, (object).id, 'UPDATE', 't.'), engine.condition_of(caller, (object).id, 'DELETE', 't.'), v_is_whole, coalesce(v_fixed, '{}'), v_taken, v_gone, v_needs, v_knows_who,
    (object).name_singular, what ->> 'source', coalesce(v_links, '{}'));
end
$$;

-- Record after record, of every object that the caller reads and that the changes touch; these were located.
create or replace function engine.revert_items(caller name, schema_name text, what jsonb) returns setof engine.revert_item
language plpgsql stable set search_path = ''
as $$
declare
  v_workspace uuid := (select w.id from core.workspaces w where w.schema_name = revert_items.schema_name);
  v_condition text := what ->> 'condition';
  v_object uuid;
begin
  for v_object in execute format('select distinct e.object_id from %s e where %s', what ->> 'source', v_condition) loop
    return query
    select i.* from metadata.objects o cross join lateral engine.revert_items_of(caller, schema_name, o, what, v_condition) i
    where o.id = v_object and o.workspace_id = v_workspace and o.deleted_at is null and o.is_active and engine.has_right(caller, o.id, 'READ');
  end loop;
end
$$;

-- The first of them for people to look at, those with something in the way first; with how many there are.
create or replace function engine.plan_revert(caller name, schema_name text, what jsonb, max_results int, skip int)
returns table (object_name text, record_id uuid, label text, action text, before jsonb, after jsonb, conflicts jsonb, total int, conflicting int)
language sql stable security definer set search_path = ''
as $$
  select i.object_name, i.record_id, i.label, i.action, i.before, i.after, i.conflicts, (count(*) over ())::int, (count(*) filter (where i.conflicts <> '[]') over ())::int
  from engine.revert_items(caller, schema_name, engine.revert_located(schema_name, (select w.id from core.workspaces w where w.schema_name = plan_revert.schema_name), what)) i
  order by i.conflicts = '[]', i.object_name, i.label, i.record_id
  limit least(greatest(max_results, 1), 1000) offset greatest(skip, 0)
$$;
grant execute on function engine.plan_revert(name, text, jsonb, int, int) to relvar_crm;
--! EndIncluded engine/past/revert_plan.sql
