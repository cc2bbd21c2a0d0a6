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
  select * into v_member from core.members m where m.id = engine.current_member();
  if not found then
    return null;
  end if;
  execute format('select jsonb_build_object(''firstName'', coalesce(t.name_first_name, ''''), ''lastName'', coalesce(t.name_last_name, ''''), ''avatarUrl'', t.avatar_url,
      ''colorScheme'', t.color_scheme, ''dateFormat'', t.date_format, ''timeFormat'', t.time_format, ''numberFormat'', t.number_format)
    from %I.workspace_members t where t.id = $1', (select w.schema_name from core.workspaces w where w.id = v_member.workspace_id))
    into v_profile using v_member.id;
  return v_profile || jsonb_build_object('memberId', v_member.id, 'keepsMembers', engine.keeps_members(), 'email', (select u.email from core.users u where u.id = v_member.user_id));
end
$$;
comment on function metadata.my_profile() is 'Name, picture and formats of the member who asks; null for who is no member.';

create or replace function metadata.update_my_profile(first_name text default null, last_name text default null, color_scheme text default null,
  date_format text default null, time_format text default null, number_format text default null) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_member core.members := engine.own_member();
begin
  if first_name is not null or last_name is not null then
    perform engine.assert_may_name_oneself();
  end if;
  execute format('update %I.workspace_members t set
      name_first_name = coalesce($2, t.name_first_name), name_last_name = coalesce($3, t.name_last_name), color_scheme = coalesce($4, t.color_scheme),
      date_format = coalesce($5, t.date_format), time_format = coalesce($6, t.time_format), number_format = coalesce($7, t.number_format)
    where t.id = $1', (select w.schema_name from core.workspaces w where w.id = v_member.workspace_id))
    using v_member.id, left(btrim(first_name), 100), left(btrim(last_name), 100), color_scheme, date_format, time_format, number_format;
  return metadata.my_profile();
end
$$;
comment on function metadata.update_my_profile(text, text, text, text, text, text) is 'Changes what is given of the caller''s own profile, and leaves the rest.';

-- Pictures are small, and kept in the database until there is a store of files.
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

grant execute on function metadata.my_profile(), metadata.update_my_profile(text, text, text, text, text, text), metadata.set_my_photo(text, text) to relvar_crm;

create or replace function core.photo(id uuid, workspace_id uuid) returns table (media_type text, content bytea)
language sql stable security definer set search_path = ''
as $$
  select p.media_type, p.content from core.member_photos p join core.members m on m.id = p.member_id
  where p.id = photo.id and m.workspace_id = photo.workspace_id
$$;
grant execute on function core.photo(uuid, uuid) to relvar_server;
