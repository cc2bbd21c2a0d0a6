-- What a workspace lets its members sign in with, for who has the permission SECURITY.

create or replace function metadata.sign_in_settings() returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.assert_keeps_sign_in();
begin
  return (select jsonb_build_object('isPasswordOn', s.is_password_on, 'isMagicLinkOn', coalesce(j.is_magic_link_on, true), 'isSsoEnforced', s.is_sso_enforced,
      'isMfaEnforced', s.is_mfa_enforced, 'domains', (select coalesce(jsonb_agg(d.domain order by d.domain), '[]') from core.approved_domains d
        where d.workspace_id = v_workspace and d.approved_at is not null),
      -- Who is let in another way whatever is enforced, and should know it.
      'bypassedBy', (select coalesce(jsonb_agg(m.name order by m.name), '[]') from core.members m join metadata.roles r on r.id = m.role_id
        where m.workspace_id = v_workspace and m.is_active and engine.role_may(r.pg_role, 'SSO_BYPASS')))
    from core.workspace_settings s left join core.joining j on j.workspace_id = s.workspace_id where s.workspace_id = v_workspace);
end
$$;
comment on function metadata.sign_in_settings() is
  'What members may sign in with: {isPasswordOn, isMagicLinkOn, isSsoEnforced, isMfaEnforced, domains: the approved e-mail domains, bypassedBy: the names of members with the permission SSO_BYPASS}.';

create or replace function metadata.set_sign_in_methods(is_password_on boolean default null, is_magic_link_on boolean default null, is_sso_enforced boolean default null) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.assert_keeps_sign_in();
begin
  update core.workspace_settings s set is_password_on = coalesce(set_sign_in_methods.is_password_on, s.is_password_on),
    is_sso_enforced = coalesce(set_sign_in_methods.is_sso_enforced, s.is_sso_enforced)
  where s.workspace_id = v_workspace;
  if set_sign_in_methods.is_magic_link_on is not null then
    insert into core.joining (workspace_id, is_magic_link_on) values (v_workspace, set_sign_in_methods.is_magic_link_on)
    on conflict (workspace_id) do update set is_magic_link_on = excluded.is_magic_link_on;
  end if;
  perform core.assert_way_in(v_workspace);
  perform core.end_forbidden_sessions(v_workspace);
  perform engine.note_security_event('SECURITY_CHANGED', jsonb_strip_nulls(jsonb_build_object('isPasswordOn', set_sign_in_methods.is_password_on,
    'isMagicLinkOn', set_sign_in_methods.is_magic_link_on, 'isSsoEnforced', set_sign_in_methods.is_sso_enforced)));
  return metadata.sign_in_settings();
end
$$;
comment on function metadata.set_sign_in_methods(boolean, boolean, boolean) is
  'Whether members may sign in by password and by a link in a mail, and whether they must sign in by a provider of the workspace; what is not given stays. Members with the permission SSO_BYPASS may use passwords nevertheless. Sessions of a way that is not allowed any more end.';

grant execute on function metadata.sign_in_settings(), metadata.set_sign_in_methods(boolean, boolean, boolean) to relvar_crm;
