-- A member's own view opened to members, teams or roles, to read or to change. Who keeps a view shares it. What it shows
-- them is what they may read themselves.
alter table metadata.view_shares enable row level security;
drop policy if exists select_own on metadata.view_shares;
create policy select_own on metadata.view_shares for select to relvar_crm using (view_id = any (array(select v.id from metadata.views v)));
comment on policy select_own on metadata.view_shares is 'Who sees a view sees with whom it is shared.';
grant select on metadata.view_shares to relvar_crm;

create or replace function metadata.share_view(view_id uuid, principal_kind text, principal_id uuid, access text default 'READ', reason text default '', expires_at timestamptz default null) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_view metadata.views := engine.assert_keeps_view(share_view.view_id);
  v_id uuid;
begin
  if coalesce(share_view.access, '') not in ('READ', 'WRITE') then
    raise exception 'A view is shared to READ or to WRITE, not to "%".', share_view.access using errcode = 'RV189', column = 'access', hint = 'WRITE lets the other save over it, too.';
  end if;
  if engine.principal_name(v_view.workspace_id, share_view.principal_kind, share_view.principal_id) is null then
    raise exception 'There is no such % here.', coalesce(lower(nullif(share_view.principal_kind, '')), 'member') using errcode = 'RV189', column = 'principal_id',
      hint = 'Share with a MEMBER, a TEAM or a ROLE of this workspace, by its id.';
  end if;
  if share_view.expires_at <= now() then
    raise exception 'The share would have ended already.' using errcode = 'RV189', column = 'expires_at', hint = 'Choose a later day, or none.';
  end if;
  insert into metadata.view_shares as s (workspace_id, view_id, principal_kind, principal_id, access, reason, created_by, created_by_name, expires_at)
  values (v_view.workspace_id, v_view.id, share_view.principal_kind, share_view.principal_id, share_view.access, coalesce(left(btrim(share_view.reason), 500), ''),
    engine.current_member(), (engine.current_actor()).name, share_view.expires_at)
  on conflict (view_id, principal_kind, principal_id) do update set access = excluded.access, reason = excluded.reason,
    created_by = excluded.created_by, created_by_name = excluded.created_by_name, created_at = now(), expires_at = excluded.expires_at
  returning s.id into v_id;
  return v_id;
end
$$;
comment on function metadata.share_view(uuid, text, uuid, text, text, timestamptz) is
  'Shares a view that the caller keeps with a MEMBER, a TEAM or a ROLE, to READ or to WRITE, with a reason and if one likes an end. Done again, it changes the share.';

create or replace function metadata.unshare_view(share_id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_share metadata.view_shares;
begin
  select * into v_share from metadata.view_shares s where s.id = share_id;
  if v_share.id is null then
    return false;
  end if;
  -- One may also do without what others have shared with oneself.
  if not (v_share.principal_kind = 'MEMBER' and v_share.principal_id = engine.current_member()) then
    perform engine.assert_keeps_view(v_share.view_id);
  end if;
  delete from metadata.view_shares s where s.id = share_id;
  return true;
end
$$;
comment on function metadata.unshare_view(uuid) is 'Ends a share of a view that the caller keeps, or one with the caller. False when there is none.';

create or replace function metadata.view_shares_principal_name(share metadata.view_shares) returns text
language sql stable security definer set search_path = ''
as $$ select engine.principal_name((share).workspace_id, (share).principal_kind, (share).principal_id)
  where (share).workspace_id = engine.workspace_of_role(current_setting('role')::name) $$;
comment on function metadata.view_shares_principal_name(metadata.view_shares) is 'What the member, the team or the role is called.';

create or replace function metadata.views_owner_name(view metadata.views) returns text
language sql stable security definer set search_path = ''
as $$ select nullif(m.name, '') from core.members m
  where m.id = (view).owner_id and m.workspace_id = engine.workspace_of_role(current_setting('role')::name) $$;
comment on function metadata.views_owner_name(metadata.views) is 'What its owner is called.';

-- Once for all views: asked of each by itself it took a list of 200 half a second.
create or replace function metadata.my_views() returns jsonb
language sql stable security definer set search_path = ''
as $$ select jsonb_build_object('changeable', (select coalesce(jsonb_agg(v), '[]') from engine.changeable_views() v), 'kept', (select coalesce(jsonb_agg(v), '[]') from engine.kept_views() v)) $$;
comment on function metadata.my_views() is 'The ids of the views that the caller may save over (changeable), and of those that the caller keeps: shares, locks and deletes (kept).';

grant execute on function metadata.share_view(uuid, text, uuid, text, text, timestamptz), metadata.unshare_view(uuid), metadata.view_shares_principal_name(metadata.view_shares),
  metadata.views_owner_name(metadata.views), metadata.my_views() to relvar_crm;

-- Shares and defaults go with whom they are for.
create or replace function engine.tg_principals__forget_views() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  delete from metadata.view_shares s where s.principal_id = old.id and s.principal_kind = tg_argv[0];
  delete from metadata.view_defaults d where d.principal_id = old.id and d.principal_kind = tg_argv[0];
  return null;
end
$$;
create or replace trigger _610_forget_views after delete on core.members for each row execute function engine.tg_principals__forget_views('MEMBER');
create or replace trigger _610_forget_views after delete on metadata.teams for each row execute function engine.tg_principals__forget_views('TEAM');
create or replace trigger _610_forget_views after delete on metadata.roles for each row execute function engine.tg_principals__forget_views('ROLE');

comment on column metadata.view_shares.workspace_id is 'The workspace that this belongs to; follows from the view.';
comment on column metadata.view_shares.id is 'Identifies the share.';
comment on column metadata.view_shares.view_id is 'The view that is shared.';
comment on column metadata.view_shares.principal_kind is 'With whom: MEMBER, TEAM or ROLE.';
comment on column metadata.view_shares.principal_id is 'The member, the team or the role.';
comment on column metadata.view_shares.access is 'READ, or WRITE: may save over it, too.';
comment on column metadata.view_shares.reason is 'Why, in the words of who shared it.';
comment on column metadata.view_shares.created_by is 'The member who shared it.';
comment on column metadata.view_shares.created_by_name is 'What the member was called at the time.';
comment on column metadata.view_shares.created_at is 'When it was shared.';
comment on column metadata.view_shares.expires_at is 'When the share ends; null for never.';
