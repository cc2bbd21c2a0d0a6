-- Whoever gets at an account changes how one signs in to it. So its owner hears of each such change, through whatever door it
-- came: what the audit is told, the owner is.
create or replace function core.tg_auth_events__tell_owner() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform core.queue_mail(u.email, 'sign_in_changed', jsonb_strip_nulls(jsonb_build_object('change', new.kind, 'name', new.detail ->> 'name',
    'userAgent', nullif(left(new.user_agent, 200), ''), 'ipAddress', host(new.ip), 'happenedAt', now())), new.workspace_id, u.locale)
  from core.users u where u.id = new.user_id and core.is_email(u.email);
  return null;
end
$$;
create or replace trigger _400_tell_owner after insert on core.auth_events for each row
  when (new.kind in ('PASSKEY_ADDED', 'PASSKEY_REMOVED', 'SECOND_FACTOR_ON', 'SECOND_FACTOR_OFF', 'RECOVERY_CODES_MADE')) execute function core.tg_auth_events__tell_owner();
