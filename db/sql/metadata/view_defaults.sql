-- Which view of an object shows first: a member's own choice before that for the role, and that before the workspace's.
alter table metadata.view_defaults enable row level security;
alter table metadata.view_defaults alter column workspace_id set default engine.current_workspace();
drop policy if exists select_own on metadata.view_defaults;
drop policy if exists insert_own on metadata.view_defaults;
drop policy if exists update_own on metadata.view_defaults;
drop policy if exists delete_own on metadata.view_defaults;
create policy select_own on metadata.view_defaults for select to relvar_crm
  using (workspace_id = (select engine.current_workspace()) and (principal_kind <> 'MEMBER' or principal_id = (select engine.private_member())));
comment on policy select_own on metadata.view_defaults is 'What one has chosen for oneself nobody else is told.';
create policy insert_own on metadata.view_defaults for insert to relvar_crm with check (workspace_id = (select engine.current_workspace())
  and (principal_kind = 'MEMBER' and principal_id = (select engine.current_member()) or principal_kind <> 'MEMBER' and (select engine.may('VIEWS'))));
create policy update_own on metadata.view_defaults for update to relvar_crm using (workspace_id = (select engine.current_workspace())
  and (principal_kind = 'MEMBER' and principal_id = (select engine.current_member()) or principal_kind <> 'MEMBER' and (select engine.may('VIEWS'))));
create policy delete_own on metadata.view_defaults for delete to relvar_crm using (workspace_id = (select engine.current_workspace())
  and (principal_kind = 'MEMBER' and principal_id = (select engine.current_member()) or principal_kind <> 'MEMBER' and (select engine.may('VIEWS'))));
grant select, insert (id, object_id, view_id, principal_kind, principal_id), update (view_id), delete on metadata.view_defaults to relvar_crm;

create or replace function engine.tg_view_defaults__validate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_view metadata.views;
begin
  new.id := coalesce(new.id, engine.uuidv7());
  select * into v_view from metadata.views v where v.id = new.view_id;
  new.workspace_id := coalesce(new.workspace_id, v_view.workspace_id);
  if v_view.object_id is distinct from new.object_id or v_view.workspace_id is distinct from new.workspace_id then
    raise exception 'There is no such view of this object.' using errcode = 'RV188', column = 'view_id', hint = 'It may have been deleted.';
  end if;
  if new.principal_kind <> 'MEMBER' and v_view.visibility <> 'WORKSPACE' then
    raise exception 'The view is a member''s own, so it is no default of others.' using errcode = 'RV188', column = 'view_id', hint = 'Make it a view of the workspace first: visibility WORKSPACE.';
  end if;
  if new.principal_kind <> 'WORKSPACE' and engine.principal_name(new.workspace_id, new.principal_kind, new.principal_id) is null then
    raise exception 'There is no such % here.', lower(new.principal_kind) using errcode = 'RV188', column = 'principal_id';
  end if;
  return new;
end
$$;
create or replace trigger _100_validate before insert or update on metadata.view_defaults for each row execute function engine.tg_view_defaults__validate();

-- What is one's own is no default of others any more.
create or replace function engine.tg_views__forget_defaults() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  delete from metadata.view_defaults d where d.view_id = new.id and d.principal_kind <> 'MEMBER';
  return null;
end
$$;
create or replace trigger _500_forget_defaults after update of visibility on metadata.views for each row
  when (new.visibility = 'PERSONAL' and old.visibility = 'WORKSPACE') execute function engine.tg_views__forget_defaults();

create or replace function metadata.default_view(object_id uuid) returns metadata.views
language sql stable
begin atomic
  select v.*
  from metadata.view_defaults d
  join metadata.views v on v.id = d.view_id
  where d.object_id = default_view.object_id
    and (d.principal_kind <> 'MEMBER' or d.principal_id = engine.private_member())
    and (d.principal_kind <> 'ROLE' or d.principal_id = any (array(select engine.my_roles())))
  -- The role's own before that of one that it includes.
  order by array_position('{MEMBER,ROLE,WORKSPACE}'::text[], d.principal_kind),
    (select min(m.i) from engine.my_roles() with ordinality m (id, i) where m.id = d.principal_id), v.position
  limit 1;
end;
comment on function metadata.default_view(uuid) is 'The view of an object that shows first: one''s own choice, else that for one''s role, else that of the workspace; null for none.';

create or replace function metadata.set_default_view(object_id uuid, view_id uuid, principal_kind text default 'MEMBER', principal_id uuid default null) returns boolean
language sql volatile
begin atomic
  delete from metadata.view_defaults d
  where set_default_view.view_id is null and d.object_id = set_default_view.object_id and d.principal_kind = set_default_view.principal_kind
    and d.principal_id is not distinct from case when set_default_view.principal_kind = 'MEMBER' then engine.current_member() else set_default_view.principal_id end;
  insert into metadata.view_defaults as d (object_id, view_id, principal_kind, principal_id)
  select set_default_view.object_id, set_default_view.view_id, set_default_view.principal_kind,
    case when set_default_view.principal_kind = 'MEMBER' then engine.current_member() else set_default_view.principal_id end
  where set_default_view.view_id is not null
  on conflict (workspace_id, object_id, principal_kind, principal_id) do update set view_id = excluded.view_id;
  select true;
end;
comment on function metadata.set_default_view(uuid, uuid, text, uuid) is
  'Which view of an object shows first: for oneself (MEMBER), for a ROLE or for the whole WORKSPACE, which ask for the permission VIEWS. Null takes the choice back.';
grant execute on function metadata.default_view(uuid), metadata.set_default_view(uuid, uuid, text, uuid) to relvar_crm;

comment on column metadata.view_defaults.workspace_id is 'The workspace that this belongs to; follows from the role of whoever writes.';
comment on column metadata.view_defaults.id is 'Identifies the choice.';
comment on column metadata.view_defaults.object_id is 'The object.';
comment on column metadata.view_defaults.view_id is 'The view that shows first.';
comment on column metadata.view_defaults.principal_kind is 'For whom: MEMBER, ROLE or WORKSPACE.';
comment on column metadata.view_defaults.principal_id is 'The member or the role; null for the workspace.';
