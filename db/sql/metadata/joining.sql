-- How people get into the workspace: invitations, the invite link, approved e-mail domains.

create or replace function metadata.invitations() returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.assert_keeps_members();
begin
  return coalesce((select jsonb_agg(jsonb_build_object('id', i.id, 'email', i.email, 'roleId', i.role_id, 'invitedByName', i.invited_by_name,
      'sentAt', i.sent_at, 'expiresAt', i.expires_at, 'isExpired', i.expires_at <= now()) order by i.sent_at desc, i.id)
    from core.invitations i where i.workspace_id = v_workspace and i.accepted_at is null and i.revoked_at is null), '[]');
end
$$;
comment on function metadata.invitations() is 'The invitations that were neither accepted nor revoked. For who keeps the members.';

-- Each mail counts, also one that is sent again: 500 for a workspace and 10 for an address within 7 days.
create or replace function engine.send_invitation(invitation core.invitations) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_token text := core.random_token();
begin
  if not core.count_attempt('invite ' || (invitation).workspace_id, 500, '7 days') then
    raise exception 'This workspace has sent 500 invitations within 7 days.' using errcode = 'RV115', hint = 'Wait some days, or turn the invite link on.';
  end if;
  if not core.count_attempt('invite ' || lower((invitation).email), 10, '7 days') then
    raise exception '% has got 10 invitations within 7 days.', (invitation).email using errcode = 'RV115', column = 'email', hint = 'Wait some days.';
  end if;
  -- The former link works no more.
  update core.invitations i set token_hash = core.hash_token(v_token), sent_at = now(), expires_at = now() + interval '30 days' where i.id = (invitation).id;
  perform core.queue_mail((invitation).email, 'invitation', jsonb_build_object('token', v_token, 'invitedBy', (invitation).invited_by_name), (invitation).workspace_id);
end
$$;

create or replace function metadata.invite_members(emails text[], role_id uuid default null) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_workspace uuid := engine.assert_keeps_members();
  v_email text;
  v_invitation core.invitations;
  v_by text := coalesce((select nullif(m.name, '') from core.members m where m.id = engine.current_member()), engine.actor_name());
begin
  if invite_members.role_id is not null then
    perform engine.assert_may_assign(v_workspace, invite_members.role_id);
  end if;
  if coalesce(cardinality(emails), 0) not between 1 and 100 then
    raise exception 'Invite between 1 and 100 people at a time.' using errcode = 'RV115', column = 'emails';
  end if;
  for v_email in select distinct lower(btrim(e)) from unnest(emails) e loop
    if core.is_email(v_email) is not true then
      raise exception '"%" is not an e-mail address.', v_email using errcode = 'RV043', column = 'emails';
    end if;
    if exists (select from core.members m join core.users u on u.id = m.user_id where m.workspace_id = v_workspace and lower(u.email) = v_email) then
      raise exception '% is a member already.', v_email using errcode = 'RV045', column = 'emails', hint = 'A member who was deactivated is reactivated in the list.';
    end if;
    insert into core.invitations as i (workspace_id, email, role_id, token_hash, invited_by_name, expires_at)
    values (v_workspace, v_email, invite_members.role_id, core.hash_token(core.random_token()), v_by, now())
    on conflict (workspace_id, lower(email)) where accepted_at is null and revoked_at is null
    do update set role_id = excluded.role_id, invited_by_name = excluded.invited_by_name
    returning i.* into v_invitation;
    perform engine.send_invitation(v_invitation);
    perform core.note_auth_event('MEMBER_INVITED', v_workspace, null, v_email, null, null, jsonb_build_object('roleId', invite_members.role_id, 'by', v_by));
  end loop;
  return metadata.invitations();
end
$$;
comment on function metadata.invite_members(text[], uuid) is
  'Invites people by mail, with a role, or with the default role of the workspace. An open invitation of the same address is replaced.';

create or replace function engine.open_invitation(id uuid) returns core.invitations
language plpgsql volatile set search_path = ''
as $$
declare
  v_workspace uuid := engine.assert_keeps_members();
  v_invitation core.invitations;
begin
  select * into v_invitation from core.invitations i
  where i.id = open_invitation.id and i.workspace_id = v_workspace and i.accepted_at is null and i.revoked_at is null for update;
  if not found then
    raise exception 'There is no such open invitation.' using errcode = 'RV063', hint = 'It may have been accepted or revoked meanwhile.';
  end if;
  return v_invitation;
end
$$;

create or replace function metadata.resend_invitation(id uuid) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform engine.send_invitation(engine.open_invitation(resend_invitation.id));
  return metadata.invitations();
end
$$;
comment on function metadata.resend_invitation(uuid) is 'Sends an invitation again, with a new link, for another 30 days.';

create or replace function metadata.revoke_invitation(id uuid) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_invitation core.invitations := engine.open_invitation(revoke_invitation.id);
begin
  update core.invitations i set revoked_at = now() where i.id = v_invitation.id;
  perform core.note_auth_event('INVITATION_REVOKED', v_invitation.workspace_id, null, v_invitation.email, null, null, jsonb_build_object('by', engine.actor_name()));
  return metadata.invitations();
end
$$;
comment on function metadata.revoke_invitation(uuid) is 'Takes an invitation back: its link works no more.';

create or replace function metadata.joining() returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.assert_keeps_members();
  v_joining core.joining;
begin
  select * into v_joining from core.joining j where j.workspace_id = v_workspace;
  return jsonb_build_object(
    'isInviteLinkOn', coalesce(v_joining.is_invite_link_on, false),
    'defaultRoleId', core.default_role(v_workspace),
    'domains', coalesce((select jsonb_agg(jsonb_build_object('id', d.id, 'domain', d.domain, 'requestedEmail', d.requested_email, 'approvedAt', d.approved_at) order by d.domain)
      from core.approved_domains d where d.workspace_id = v_workspace), '[]'));
end
$$;
comment on function metadata.joining() is 'How people get into the workspace. For who keeps the members.';

create or replace function metadata.new_invite_link() returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.assert_keeps_members();
  v_token text := core.random_token();
begin
  insert into core.joining (workspace_id, invite_link_hash, is_invite_link_on) values (v_workspace, core.hash_token(v_token), true)
  on conflict (workspace_id) do update set invite_link_hash = excluded.invite_link_hash, is_invite_link_on = true;
  perform core.note_auth_event('INVITE_LINK_MADE', v_workspace, null, null, null, null, jsonb_build_object('by', engine.actor_name()));
  return metadata.joining() || jsonb_build_object('token', v_token);
end
$$;
comment on function metadata.new_invite_link() is 'Makes an invite link, which replaces the former one, and returns its token with all that metadata.joining() says. It is told this once; only its hash is stored.';

create or replace function metadata.end_invite_link() returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.assert_keeps_members();
begin
  update core.joining j set is_invite_link_on = false, invite_link_hash = null where j.workspace_id = v_workspace;
  perform core.note_auth_event('INVITE_LINK_ENDED', v_workspace, null, null, null, null, jsonb_build_object('by', engine.actor_name()));
  return metadata.joining();
end
$$;
comment on function metadata.end_invite_link() is 'Turns the invite link off: the one that people have works no more.';

create or replace function metadata.request_domain(domain text, email text) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_workspace uuid := engine.assert_keeps_members();
  v_domain text := lower(btrim(request_domain.domain));
  v_email text := lower(btrim(request_domain.email));
begin
  if core.is_email(v_email) is not true then
    raise exception '"%" is not an e-mail address.', v_email using errcode = 'RV043', column = 'email';
  end if;
  if core.domain_of(v_email) <> v_domain then
    raise exception '% is not an address at %.', v_email, v_domain using errcode = 'RV116', column = 'email', hint = 'Somebody at the domain must agree, by a link that is sent there.';
  end if;
  if engine.is_public_mail_domain(v_domain) then
    raise exception 'Anybody can have an address at %.', v_domain using errcode = 'RV116', column = 'domain', hint = 'Approve the domain of your own organization.';
  end if;
  if not core.count_attempt('domain ' || v_workspace, 20, '7 days') then
    raise exception 'This workspace has asked 20 times for a domain within 7 days.' using errcode = 'RV115', hint = 'Wait some days.';
  end if;
  insert into core.approved_domains as d (workspace_id, domain, requested_email) values (v_workspace, v_domain, v_email)
  on conflict (workspace_id, domain) do update set requested_email = excluded.requested_email;
  perform core.queue_mail(v_email, 'approve_domain', jsonb_build_object('domain', v_domain, 'requestedBy', engine.actor_name(),
    'token', core.issue_token('APPROVE_DOMAIN', v_email, null, '24 hours', v_workspace, jsonb_build_object('domain', v_domain))), v_workspace);
  perform core.note_auth_event('DOMAIN_REQUESTED', v_workspace, null, v_email, null, null, jsonb_build_object('domain', v_domain, 'by', engine.actor_name()));
  return metadata.joining();
exception when check_violation then
  raise exception '"%" is not an e-mail domain.', v_domain using errcode = 'RV116', column = 'domain', hint = 'Such as acme.com.';
end
$$;
comment on function metadata.request_domain(text, text) is
  'Asks somebody with an address at a domain whether everyone there may join. Once the link in the mail is followed, they may.';

create or replace function engine.is_public_mail_domain(domain text) returns boolean
language sql immutable parallel safe set search_path = ''
  return domain = any ('{gmail.com,googlemail.com,outlook.com,hotmail.com,live.com,msn.com,yahoo.com,ymail.com,icloud.com,me.com,mac.com,aol.com,
gmx.com,gmx.de,gmx.net,web.de,t-online.de,freenet.de,mail.com,mail.ru,yandex.com,yandex.ru,proton.me,protonmail.com,pm.me,tutanota.com,tuta.com,zoho.com,
fastmail.com,hey.com,qq.com,163.com,126.com,sina.com,naver.com,orange.fr,free.fr,laposte.net,libero.it,hotmail.co.uk,yahoo.co.uk,btinternet.com}'::text[]);

create or replace function metadata.remove_domain(id uuid) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.assert_keeps_members();
  v_domain text;
begin
  delete from core.approved_domains d where d.id = remove_domain.id and d.workspace_id = v_workspace returning d.domain into v_domain;
  if found then
    perform core.note_auth_event('DOMAIN_REMOVED', v_workspace, null, null, null, null, jsonb_build_object('domain', v_domain, 'by', engine.actor_name()));
  end if;
  return metadata.joining();
end
$$;
comment on function metadata.remove_domain(uuid) is 'Takes the approval of a domain back. Members who came by it stay.';

grant execute on function metadata.invitations(), metadata.invite_members(text[], uuid), metadata.resend_invitation(uuid), metadata.revoke_invitation(uuid),
  metadata.joining(), metadata.new_invite_link(), metadata.end_invite_link(), metadata.request_domain(text, text),
  metadata.remove_domain(uuid) to relvar_crm;
