-- How long the trash keeps what was deleted. Whoever may see the trash may see this.

create or replace function metadata.trash_days() returns int
language sql stable security definer set search_path = ''
as $$ select s.trash_days from core.workspace_settings s where s.workspace_id = engine.own_workspace() $$;
comment on function metadata.trash_days() is 'After how many days in the trash records are destroyed.';

create or replace function metadata.set_trash_days(days int) returns int
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_workspace uuid := engine.own_workspace();
begin
  perform engine.assert_manages(v_workspace, 'WORKSPACE');
  if days is null or days not between 1 and 3650 then
    raise exception 'The trash keeps records for 1 to 3650 days.' using errcode = 'RV215', column = 'days';
  end if;
  -- What a deletion took along is found by the history when a record is restored.
  if days > (select s.event_retention_days from core.workspace_settings s where s.workspace_id = v_workspace) then
    raise exception 'The trash keeps records no longer than their history is kept.' using errcode = 'RV215', column = 'days', hint = 'Keep the history longer first.';
  end if;
  update core.workspace_settings s set trash_days = set_trash_days.days where s.workspace_id = v_workspace;
  return days;
end
$$;
comment on function metadata.set_trash_days(int) is 'After how many days in the trash records are destroyed, by the nightly job. Needs the permission WORKSPACE.';

grant execute on function metadata.trash_days(), metadata.set_trash_days(int) to relvar_crm;
