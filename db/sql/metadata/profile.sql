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
