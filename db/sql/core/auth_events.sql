-- The audit of sign-ins: who came in, who was refused, which keys and second factors were made and ended.

create or replace function core.note_auth_event(
  kind text, workspace_id uuid default null, user_id uuid default null, email text default null,
  ip inet default null, user_agent text default null, detail jsonb default '{}'
) returns void
language sql volatile security definer set search_path = ''
as $$
  insert into core.auth_events (kind, workspace_id, user_id, email, ip, user_agent, detail)
  values (note_auth_event.kind,
    -- A workspace or user that was dropped meanwhile is no reason to lose the event.
    (select w.id from core.workspaces w where w.id = note_auth_event.workspace_id),
    (select u.id from core.users u where u.id = note_auth_event.user_id),
    coalesce(note_auth_event.email, (select u.email from core.users u where u.id = note_auth_event.user_id)),
    note_auth_event.ip, left(note_auth_event.user_agent, 500), coalesce(note_auth_event.detail, '{}'))
$$;
comment on function core.note_auth_event(text, uuid, uuid, text, inet, text, jsonb) is 'Writes one event to the audit of sign-ins.';

grant execute on function core.note_auth_event(text, uuid, uuid, text, inet, text, jsonb) to relvar_server, relvar_worker;
