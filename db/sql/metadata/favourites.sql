-- What people want at hand: records, views, objects and addresses, in folders and in an order, each member's own or, for everybody,
-- kept by who has the permission VIEWS. A favourite shows nobody what they may not see.
alter table metadata.favourites enable row level security;
alter table metadata.favourites alter column workspace_id set default engine.current_workspace(), alter column member_id set default engine.current_member();
drop policy if exists select_own on metadata.favourites;
drop policy if exists insert_own on metadata.favourites;
drop policy if exists update_own on metadata.favourites;
drop policy if exists delete_own on metadata.favourites;
create policy select_own on metadata.favourites for select to relvar_crm
  using (workspace_id = (select engine.current_workspace()) and (member_id is null or member_id = (select engine.private_member())));
comment on policy select_own on metadata.favourites is 'Members see their own favourites and those for everybody.';
create policy insert_own on metadata.favourites for insert to relvar_crm with check (workspace_id = (select engine.current_workspace())
  and (member_id = (select engine.current_member()) or member_id is null and (select engine.may('VIEWS'))));
create policy update_own on metadata.favourites for update to relvar_crm using (workspace_id = (select engine.current_workspace())
  and (member_id = (select engine.current_member()) or member_id is null and (select engine.may('VIEWS'))));
create policy delete_own on metadata.favourites for delete to relvar_crm using (workspace_id = (select engine.current_workspace())
  and (member_id = (select engine.current_member()) or member_id is null and (select engine.may('VIEWS'))));
grant select, insert (id, member_id, kind, label, icon, folder_id, object_id, record_id, view_id, url, position), update (label, icon, folder_id, url, position), delete
  on metadata.favourites to relvar_crm;

create or replace function engine.tg_favourites__validate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  new.id := coalesce(new.id, engine.uuidv7());
  new.label := nullif(btrim(new.label), '');
  if new.kind in ('FOLDER', 'LINK') and new.label is null or length(new.label) > 100 then
    raise exception 'A % needs a name.', lower(new.kind) using errcode = 'RV185', column = 'label', hint = 'Give one of at most 100 letters.';
  end if;
  if new.kind = 'LINK' and new.url !~* '^(https?://|mailto:|tel:|/(?!/))' then
    raise exception 'This is no address that a link may have.' using errcode = 'RV185', column = 'url', hint = 'It begins with https://, mailto:, tel: or, within Relvar, with a slash.';
  end if;
  -- Folders hold what is whose they are, and no folders.
  if new.folder_id is not null and (new.kind = 'FOLDER' or not exists (select from metadata.favourites f
      where f.id = new.folder_id and f.kind = 'FOLDER' and f.workspace_id = new.workspace_id and f.member_id is not distinct from new.member_id)) then
    raise exception 'This does not go into that folder.' using errcode = 'RV185', column = 'folder_id', hint = 'Folders hold favourites of the same member, and no other folders.';
  end if;
  if tg_op = 'INSERT' and new.position = 0 then
    new.position := (select coalesce(max(f.position), 0) + 1 from metadata.favourites f where f.workspace_id = new.workspace_id and f.member_id is not distinct from new.member_id);
  end if;
  return new;
end
$$;
create or replace trigger _100_validate before insert or update on metadata.favourites for each row execute function engine.tg_favourites__validate();

comment on column metadata.favourites.workspace_id is 'The workspace that this belongs to; follows from the role of whoever writes.';
comment on column metadata.favourites.id is 'Identifies it.';
comment on column metadata.favourites.member_id is 'Whose it is, the caller''s unless it says null: then it is for everybody.';
comment on column metadata.favourites.kind is 'FOLDER, RECORD, VIEW, OBJECT or LINK.';
comment on column metadata.favourites.label is 'What a folder or a link is called; of others instead of their own name.';
comment on column metadata.favourites.icon is 'Name of a Tabler icon.';
comment on column metadata.favourites.folder_id is 'The folder that it lies in; null for none.';
comment on column metadata.favourites.object_id is 'The object, or that of the record.';
comment on column metadata.favourites.record_id is 'The record.';
comment on column metadata.favourites.view_id is 'The view.';
comment on column metadata.favourites.url is 'Where a link leads.';
comment on column metadata.favourites.position is 'Place in its folder, smallest first.';
comment on column metadata.favourites.created_at is 'When it was made.';
