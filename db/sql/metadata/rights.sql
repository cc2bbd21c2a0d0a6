-- Functions of the model run with the owner's rights, so each asks first who calls. A CRM role acts
-- in its own workspace; an administrator in psql, who has taken no role, in any. A person's own login
-- may have inherited the right to call without having taken a role, and is refused.

-- The worker may become the owner and acts as it only then: its jobs are the functions that are granted to it.
create or replace function engine.acts_as_administrator() returns boolean
language sql stable set search_path = ''
  return case current_setting('role')
    when 'none' then session_user <> 'relvar_worker' and pg_catalog.pg_has_role(session_user, 'relvar_owner', 'member')
    when 'relvar_owner' then pg_catalog.pg_has_role(session_user, 'relvar_owner', 'member')
    else false end;

-- The server makes workspaces for who signs up, outside of any request and in functions of the owner. What it may do of an
-- administrator it may do to the workspace that its transaction makes, and to no other: a row with this transaction's
-- time was not there before.
create or replace function engine.makes_workspace(workspace_id uuid) returns boolean
language sql stable set search_path = ''
  return current_setting('role') = 'none' and session_user = 'relvar_server' and current_user = 'relvar_owner'
    and exists (select from core.workspaces w where w.id = workspace_id and w.created_at = now());

create or replace function engine.assert_member_of(workspace_id uuid) returns void
language plpgsql stable set search_path = ''
as $$
begin
  if not engine.acts_as_administrator() and not engine.makes_workspace(workspace_id) and engine.workspace_of_role(current_setting('role')::name) is distinct from workspace_id then
    raise exception 'Your role does not see this part of the model.' using errcode = '42501';
  end if;
end
$$;

create or replace function engine.assert_manages(workspace_id uuid, flag text default 'DATA_MODEL') returns void
language plpgsql stable set search_path = ''
as $$
begin
  if not engine.acts_as_administrator() and not engine.makes_workspace(workspace_id)
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
