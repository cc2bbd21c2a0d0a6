-- Functions of the model run with the owner's rights, so each asks first who calls. A CRM role acts
-- in its own workspace; an administrator in psql, who has taken no role, in any. A person's own login
-- may have inherited the right to call without having taken a role, and is refused.

create or replace function engine.acts_as_administrator() returns boolean
language sql stable set search_path = ''
  return current_setting('role') in ('none', 'relvar_owner') and (pg_catalog.pg_has_role(session_user, 'relvar_owner', 'member')
    -- The server, outside of any request, in one of the few functions that it may call: it makes workspaces for who signs up.
    or session_user = 'relvar_server' and current_user = 'relvar_owner');

create or replace function engine.assert_member_of(workspace_id uuid) returns void
language plpgsql stable set search_path = ''
as $$
begin
  if not engine.acts_as_administrator() and engine.workspace_of_role(current_setting('role')::name) is distinct from workspace_id then
    raise exception 'Your role does not see this part of the model.' using errcode = '42501';
  end if;
end
$$;

create or replace function engine.assert_manages(workspace_id uuid, flag text default 'DATA_MODEL') returns void
language plpgsql stable set search_path = ''
as $$
begin
  if not engine.acts_as_administrator()
    and (engine.workspace_of_role(current_setting('role')::name) is distinct from workspace_id or not engine.may(flag)) then
    raise exception '%', case flag when 'DATA_MODEL' then 'Your role may not change the data model.'
        else format('Your role does not have the permission "%s".', (select f.label from engine.permission_flags() f where f.flag = assert_manages.flag)) end
      using errcode = '42501', hint = 'Ask an administrator of the workspace.';
  end if;
  if not exists (select from core.workspaces w where w.id = workspace_id) then
    raise exception 'There is no workspace %.', workspace_id using errcode = 'RV012', hint = 'select id, slug from core.workspaces lists them.';
  end if;
end
$$;
