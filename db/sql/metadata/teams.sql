-- Teams, in a hierarchy, and who is in them. Rules of roles ask for the members of the own teams and for those
-- below; records are shared with whole teams. So who changes a team changes what people see, which the audit tells.

create or replace function engine.tg_teams__validate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  new.id := coalesce(new.id, engine.uuidv7());
  new.workspace_id := coalesce(new.workspace_id, engine.workspace_of_role(current_setting('role')::name));
  new.name := btrim(new.name);
  if new.name = '' or length(new.name) > 100 then
    raise exception 'A team needs a name.' using errcode = 'RV162', column = 'name', hint = 'Give one of at most 100 letters.';
  end if;
  if exists (select from metadata.teams t where t.workspace_id = new.workspace_id and t.id <> new.id and lower(t.name) = lower(new.name)) then
    raise exception 'There is a team "%" already.', new.name using errcode = 'RV162', column = 'name', hint = 'Choose another name.';
  end if;
  if new.parent_team_id is not null and exists (
    with recursive above (id) as (
      select new.parent_team_id union select t.parent_team_id from above a join metadata.teams t on t.id = a.id where t.parent_team_id is not null
    ) select from above a where a.id = new.id) then
    raise exception 'The team "%" would be beneath itself.', new.name using errcode = 'RV096', column = 'parent_team_id', hint = 'Choose a team that is not beneath this one.';
  end if;
  return new;
end
$$;
create or replace trigger _100_validate before insert or update on metadata.teams for each row execute function engine.tg_teams__validate();

-- What was beneath a team that goes is beneath the next one above it then, so that who leads that one goes on
-- seeing it. After the statement, which may have deleted several.
create or replace function engine.tg_teams__hand_up() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  with recursive above (id, parent_team_id) as (
    select g.id, g.parent_team_id from gone g
    union
    select a.id, g.parent_team_id from above a join gone g on g.id = a.parent_team_id
  )
  update metadata.teams t set parent_team_id = a.parent_team_id
  from above a
  where a.id = t.parent_team_id and not exists (select from gone g where g.id = a.parent_team_id);
  return null;
end
$$;
create or replace trigger _400_hand_up after delete on metadata.teams referencing old table as gone for each statement execute function engine.tg_teams__hand_up();

create or replace function engine.tg_team_members__validate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  new.id := coalesce(new.id, engine.uuidv7());
  new.workspace_id := coalesce(new.workspace_id, (select t.workspace_id from metadata.teams t where t.id = new.team_id));
  if tg_op = 'INSERT' and exists (select from metadata.team_members m where m.team_id = new.team_id and m.member_id = new.member_id) then
    raise exception '% is in this team already.', (select m.name from core.members m where m.id = new.member_id) using errcode = 'RV162', column = 'member_id';
  end if;
  return new;
end
$$;
create or replace trigger _100_validate before insert or update on metadata.team_members for each row execute function engine.tg_team_members__validate();

create or replace function engine.tg_teams__note() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_team metadata.teams := case when tg_op = 'DELETE' then old else new end;
begin
  if engine.workspace_exists(v_team.workspace_id) then
    perform core.note_auth_event(case tg_op when 'INSERT' then 'TEAM_CREATED' when 'UPDATE' then 'TEAM_CHANGED' else 'TEAM_DELETED' end, v_team.workspace_id,
      detail => jsonb_build_object('team', v_team.name, 'teamId', v_team.id, 'by', engine.actor_name()));
    -- Rules ask who leads whom, and what is shared with a team.
    perform pg_notify('relvar_identity', json_build_object('workspace', v_team.workspace_id, 'teams', true)::text);
  end if;
  return null;
end
$$;
create or replace trigger _500_note after insert or update or delete on metadata.teams for each row execute function engine.tg_teams__note();

create or replace function engine.tg_team_members__note() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_row metadata.team_members := case when tg_op = 'DELETE' then old else new end;
  v_team text := (select t.name from metadata.teams t where t.id = v_row.team_id);
  v_member core.members;
begin
  select * into v_member from core.members m where m.id = v_row.member_id;
  -- What goes with its team or its member is told with that.
  if v_team is not null and v_member.id is not null then
    perform engine.note_member_event(case tg_op when 'INSERT' then 'TEAM_MEMBER_ADDED' when 'UPDATE' then 'TEAM_MEMBER_CHANGED' else 'TEAM_MEMBER_REMOVED' end, v_member,
      jsonb_build_object('team', v_team, 'teamId', v_row.team_id, 'isLead', v_row.is_lead));
    perform pg_notify('relvar_identity', json_build_object('workspace', v_member.workspace_id, 'teams', true)::text);
  end if;
  return null;
end
$$;
create or replace trigger _500_note after insert or update or delete on metadata.team_members for each row execute function engine.tg_team_members__note();

-- What deleting a team would change.
create or replace function metadata.team_dependents(team_id uuid) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_team metadata.teams;
  v_shares bigint;
begin
  select * into v_team from metadata.teams t where t.id = team_dependents.team_id;
  perform engine.assert_manages(v_team.workspace_id, 'WORKSPACE_MEMBERS');
  execute format('select count(*) from %I.record_shares s where s.principal_kind = ''TEAM'' and s.principal_id = $1',
    (select w.schema_name from core.workspaces w where w.id = v_team.workspace_id)) into v_shares using v_team.id;
  return jsonb_build_object('shares', v_shares,
    'teams', (select coalesce(jsonb_agg(t.name order by t.name), '[]') from metadata.teams t where t.parent_team_id = v_team.id),
    'members', (select coalesce(jsonb_agg(m.name order by m.name), '[]') from metadata.team_members u join core.members m on m.id = u.member_id where u.team_id = v_team.id));
end
$$;
comment on function metadata.team_dependents(uuid) is
  'What deleting a team would change: {members, teams beneath it, shares: how many records are shared with it}. For who keeps the teams.';
grant execute on function metadata.team_dependents(uuid) to relvar_crm;
