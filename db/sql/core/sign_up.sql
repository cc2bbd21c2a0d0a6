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
