-- What a workspace says of itself.

create or replace function metadata.rename_workspace(name text) returns void
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_workspace uuid := engine.own_workspace();
  v_name text := btrim(regexp_replace(coalesce(rename_workspace.name, ''), '[[:space:][:cntrl:]]+', ' ', 'g'));
begin
  perform engine.assert_manages(v_workspace, 'WORKSPACE');
  if length(v_name) not between 1 and 100 then
    raise exception 'The name of a workspace has between 1 and 100 characters.' using errcode = 'RV245', column = 'name', hint = 'Most take the name of the company.';
  end if;
  update core.workspaces w set name = v_name where w.id = v_workspace;
  -- Servers know it with each session.
  perform pg_notify('relvar_identity', json_build_object('workspace', v_workspace)::text);
end
$$;
comment on function metadata.rename_workspace(text) is 'Gives the workspace another name, which members, mails and consent pages show; its address stays. Needs the permission WORKSPACE.';
grant execute on function metadata.rename_workspace(text) to relvar_crm;
