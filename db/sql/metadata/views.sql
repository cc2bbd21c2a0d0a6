-- Saved ways of looking at the records of an object. A view is the workspace's, for everybody to see and for who has
-- the permission VIEWS to change; or a member's own, which nobody else sees, administrators included, until it is shared. A view never gives a
-- right: who may not read a field is shown the view without it. Views are no part of the model: changing one raises
-- no version, takes no lock of the model and rebuilds no schema. Who is asking, see engine/identity.sql.

create or replace function engine.tg_views__validate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_member uuid := engine.current_member();
  v_keeps boolean;
begin
  new.id := coalesce(new.id, engine.uuidv7());
  new.workspace_id := coalesce(new.workspace_id, (select o.workspace_id from metadata.objects o where o.id = new.object_id));
  new.name := btrim(new.name);
  if new.name = '' or length(new.name) > 100 then
    raise exception 'A view needs a name.' using errcode = 'RV185', column = 'name', hint = 'Give one of at most 100 letters.';
  end if;
  if tg_op = 'INSERT' or new.filter is distinct from old.filter then
    new.filter := engine.view_filter(new.filter);
  end if;
  if tg_op = 'INSERT' or new.layout is distinct from old.layout then
    new.layout := engine.view_layout(new.layout);
  end if;
  if jsonb_typeof(new.sorts) <> 'array' or exists (select from jsonb_array_elements(new.sorts) s where jsonb_typeof(s) <> 'object' or s ->> 'fieldId' is null) then
    raise exception 'The order of a view lists fields.' using errcode = 'RV186', column = 'sorts', hint = 'Give [{"fieldId", "part", "descending"}].';
  end if;
  if tg_op = 'INSERT' or new.colors is distinct from old.colors then
    new.colors := engine.view_colors(new.colors);
  end if;
  if tg_op = 'INSERT' then
    if new.application_id is null then
      new.owner_id := coalesce(new.owner_id, v_member);
    end if;
    if new.position = 0 and new.application_id is null then
      new.position := (select coalesce(max(v.position), 0) + 1 from metadata.views v where v.object_id = new.object_id);
    end if;
  else
    new.updated_at := now();
    v_keeps := engine.acts_as_administrator() or old.owner_id = v_member or (old.visibility = 'WORKSPACE' or old.owner_id is null) and engine.may('VIEWS');
    if (new.visibility, new.is_locked) is distinct from (old.visibility, old.is_locked) and not coalesce(v_keeps, false) then
      raise exception 'Only who keeps the view "%" locks it, or says who sees it.', old.name using errcode = 'RV187', column = 'is_locked', hint = 'Duplicate it, and change your own.';
    end if;
    if new.visibility = 'WORKSPACE' and old.visibility = 'PERSONAL' and not engine.acts_as_administrator() and not engine.may('VIEWS') then
      raise exception 'Your role may not make views for the whole workspace.' using errcode = '42501', hint = 'Share it with those who need it.';
    end if;
    if new.visibility = 'PERSONAL' and old.visibility = 'WORKSPACE' then
      if new.application_id is not null then
        raise exception 'The view "%" belongs to an application.', old.name using errcode = 'RV187', column = 'visibility', hint = 'Duplicate it, and have your own.';
      end if;
      new.owner_id := coalesce(v_member, new.owner_id);
    end if;
    -- Who locks a view of the workspace keeps it from then on.
    if new.is_locked and not old.is_locked and new.visibility = 'WORKSPACE' then
      new.owner_id := coalesce(v_member, new.owner_id);
    end if;
  end if;
  if new.owner_id is null and (tg_op = 'INSERT' or old.owner_id is not null and new.visibility <> old.visibility) and new.visibility = 'PERSONAL' then
    raise exception 'Only a member has views of their own.' using errcode = 'RV187', column = 'visibility', hint = 'Make it a view of the workspace: visibility WORKSPACE.';
  end if;
  if new.is_locked and new.owner_id is null and (tg_op = 'INSERT' or not old.is_locked) then
    raise exception 'A view that nobody keeps cannot be locked.' using errcode = 'RV187', column = 'is_locked', hint = 'A member locks it, who alone saves over it then.';
  end if;
  return new;
end
$$;
create or replace trigger _100_validate before insert or update on metadata.views for each row execute function engine.tg_views__validate();

-- ── who sees and changes which views ───────────────────────────────────────────────────────────

-- With whom views are shared. Who looks as somebody else is shown no view of a person's.
create or replace function engine.shared_views(access text) returns setof uuid
language plpgsql stable security definer set search_path = ''
as $$
begin
  if engine.seen_by() is null then
    return query
    select s.view_id from metadata.view_shares s
    where s.principal_id = any (array(select engine.my_principals())) and (shared_views.access = 'READ' or s.access = 'WRITE') and (s.expires_at is null or s.expires_at > now());
  end if;
end
$$;

-- The views that the caller keeps: may change whatever else may, share and delete. Of a member who is gone, who keeps the views does.
create or replace function engine.kept_views() returns setof uuid
language sql stable security definer set search_path = ''
as $$
  with me as materialized (
    select engine.workspace_of_role(current_setting('role')::name) as workspace_id, engine.private_member() as id, engine.may('VIEWS') as keeps_views
  )
  select v.id from me join metadata.views v on v.workspace_id = me.workspace_id
  where case when v.visibility = 'PERSONAL' and v.owner_id is not null then v.owner_id = me.id
    else me.keeps_views and (not v.is_locked or v.owner_id is null or v.owner_id = me.id) end
$$;

create or replace function engine.changeable_views() returns setof uuid
language sql stable security definer set search_path = ''
as $$
  select engine.kept_views()
  union
  select v.id from engine.shared_views('WRITE') s join metadata.views v on v.id = s where not v.is_locked
$$;

create or replace function engine.assert_keeps_view(view_id uuid) returns metadata.views
language plpgsql stable set search_path = ''
as $$
declare
  v_view metadata.views;
begin
  select * into v_view from metadata.views v where v.id = view_id and (engine.acts_as_administrator() or v.id in (select engine.kept_views()));
  if not found then
    raise exception 'You do not keep this view, or there is none.' using errcode = '42501', hint = 'Who made a view keeps it; views of the workspace ask for the permission "Views".';
  end if;
  return v_view;
end
$$;

alter table metadata.views enable row level security;
alter table metadata.view_fields enable row level security;
alter table metadata.views alter column workspace_id set default engine.current_workspace();
alter table metadata.view_fields alter column workspace_id set default engine.current_workspace();
drop policy if exists select_own on metadata.views;
drop policy if exists insert_own on metadata.views;
drop policy if exists update_own on metadata.views;
drop policy if exists delete_own on metadata.views;
create policy select_own on metadata.views for select to relvar_crm using (workspace_id = (select engine.current_workspace()) and (
  visibility = 'WORKSPACE' or owner_id = (select engine.private_member()) or id = any (array(select engine.shared_views('READ'))) or owner_id is null and (select engine.may('VIEWS'))));
comment on policy select_own on metadata.views is 'Members see the views of the workspace, their own, and those shared with them; who keeps the views also those of members who are gone.';
create policy insert_own on metadata.views for insert to relvar_crm with check (workspace_id = (select engine.current_workspace()) and (
  visibility = 'PERSONAL' and owner_id = (select engine.current_member()) or visibility = 'WORKSPACE' and (select engine.may('VIEWS'))));
create policy update_own on metadata.views for update to relvar_crm using (id = any (array(select engine.changeable_views())))
  with check (workspace_id = (select engine.current_workspace())
    and (visibility = 'PERSONAL' or (select engine.may('VIEWS')) or id = any (array(select engine.shared_views('WRITE')))));
create policy delete_own on metadata.views for delete to relvar_crm using (id = any (array(select engine.kept_views())));

drop policy if exists select_own on metadata.view_fields;
drop policy if exists insert_own on metadata.view_fields;
drop policy if exists update_own on metadata.view_fields;
drop policy if exists delete_own on metadata.view_fields;
create policy select_own on metadata.view_fields for select to relvar_crm using (view_id = any (array(select v.id from metadata.views v)));
comment on policy select_own on metadata.view_fields is 'Who sees a view sees its columns.';
create policy insert_own on metadata.view_fields for insert to relvar_crm
  with check (workspace_id = (select engine.current_workspace()) and view_id = any (array(select engine.changeable_views())));
create policy update_own on metadata.view_fields for update to relvar_crm using (view_id = any (array(select engine.changeable_views())));
create policy delete_own on metadata.view_fields for delete to relvar_crm using (view_id = any (array(select engine.changeable_views())));

grant select on metadata.views, metadata.view_fields to relvar_crm;
-- Who owns a view follows from who makes it.
grant insert (id, object_id, name, icon, type, filter, sorts, group_field_id, group_bucket, colors, layout, position, visibility, is_locked),
  update (name, icon, type, filter, sorts, group_field_id, group_bucket, colors, layout, position, visibility, is_locked), delete
  on metadata.views to relvar_crm;
grant insert (id, view_id, field_id, width, is_visible, is_pinned, aggregate, position), update (width, is_visible, is_pinned, aggregate, position), delete
  on metadata.view_fields to relvar_crm;
grant execute on function engine.shared_views(text), engine.kept_views(), engine.changeable_views() to relvar_crm;

-- ── other screens ──────────────────────────────────────────────────────────────────────────────

-- Says that some view, share, default or favourite of the workspace is another now; which, each screen asks for itself.
create or replace function engine.tg_views__notify() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform pg_notify('relvar_views', json_build_object('workspace', w.workspace_id)::text) from (select distinct c.workspace_id from changed c) w;
  return null;
end
$$;

do $$
declare
  v_table text;
begin
  foreach v_table in array array['views', 'view_fields', 'view_shares', 'view_defaults', 'favourites'] loop
    execute format('create or replace trigger _900_notify_insert after insert on metadata.%I referencing new table as changed for each statement execute function engine.tg_views__notify()', v_table);
    execute format('create or replace trigger _900_notify_update after update on metadata.%I referencing new table as changed for each statement execute function engine.tg_views__notify()', v_table);
    execute format('create or replace trigger _900_notify_delete after delete on metadata.%I referencing old table as changed for each statement execute function engine.tg_views__notify()', v_table);
  end loop;
end
$$;

-- ── doing it in one call ───────────────────────────────────────────────────────────────────────

-- What a view is like, written over what it was: {"type", "icon", "filter", "sorts", "groupFieldId", "groupBucket", "colors", "layout",
-- "fields": [{"fieldId", "width", "isVisible", "isPinned", "aggregate"}]}, of which what is left out stays as it is.
create or replace function metadata.save_view(view_id uuid, state jsonb) returns metadata.views
language plpgsql volatile set search_path = ''
as $$
#variable_conflict use_column
declare
  v_view metadata.views;
  v_unknown text;
begin
  select k into v_unknown from jsonb_object_keys(case jsonb_typeof(state) when 'object' then state else '{}' end) k
  where k not in ('type', 'icon', 'filter', 'sorts', 'groupFieldId', 'groupBucket', 'colors', 'layout', 'fields') limit 1;
  if found or jsonb_typeof(state) is distinct from 'object' then
    raise exception 'A view has no "%".', coalesce(v_unknown, '') using errcode = 'RV186', column = 'state', hint = 'It has type, icon, filter, sorts, groupFieldId, groupBucket, colors, layout and fields.';
  end if;
  update metadata.views v set
    type = coalesce(state ->> 'type', v.type),
    icon = case when state ? 'icon' then state ->> 'icon' else v.icon end,
    filter = case when state ? 'filter' then nullif(state -> 'filter', 'null') else v.filter end,
    sorts = coalesce(nullif(state -> 'sorts', 'null'), v.sorts),
    group_field_id = case when state ? 'groupFieldId' then (state ->> 'groupFieldId')::uuid else v.group_field_id end,
    group_bucket = case when state ? 'groupBucket' then state ->> 'groupBucket' else v.group_bucket end,
    colors = coalesce(nullif(state -> 'colors', 'null'), v.colors),
    layout = coalesce(nullif(state -> 'layout', 'null'), v.layout)
  where v.id = save_view.view_id returning v.* into v_view;
  if not found then
    raise exception 'This view is not yours to change, or there is none.' using errcode = 'RV187', column = 'view_id',
      hint = 'It may be locked or shared to be read. Save what you see as a view of your own.';
  end if;
  if state ? 'fields' then
    delete from metadata.view_fields c where c.view_id = v_view.id
      and not c.field_id = any (array(select (f ->> 'fieldId')::uuid from jsonb_array_elements(state -> 'fields') f));
    insert into metadata.view_fields as c (view_id, field_id, width, is_visible, is_pinned, aggregate, position)
    select v_view.id, (f ->> 'fieldId')::uuid, (f ->> 'width')::int, coalesce((f ->> 'isVisible')::boolean, true), coalesce((f ->> 'isPinned')::boolean, false), f ->> 'aggregate', i
    from jsonb_array_elements(state -> 'fields') with ordinality u (f, i)
    on conflict (view_id, field_id) do update
      set width = excluded.width, is_visible = excluded.is_visible, is_pinned = excluded.is_pinned, aggregate = excluded.aggregate, position = excluded.position;
  end if;
  return v_view;
end
$$;
comment on function metadata.save_view(uuid, jsonb) is
  'Writes over a view: {type, icon, filter, sorts, groupFieldId, groupBucket, colors, layout, fields: [{fieldId, width, isVisible, isPinned, aggregate}]}. What is left out stays. Columns stand in the order of the list.';

create or replace function metadata.add_view(object_id uuid, name text, state jsonb default '{}', visibility text default 'PERSONAL', id uuid default null) returns metadata.views
language plpgsql volatile set search_path = ''
as $$
#variable_conflict use_column
declare
  v_id uuid;
begin
  insert into metadata.views as v (id, object_id, name, visibility) values (add_view.id, add_view.object_id, add_view.name, add_view.visibility) returning v.id into v_id;
  return metadata.save_view(v_id, coalesce(add_view.state, '{}'));
end
$$;
comment on function metadata.add_view(uuid, text, jsonb, text, uuid) is
  'Makes a view with all that it shows, as save_view takes it: one of one''s own, or with visibility WORKSPACE one for everybody.';

-- Columns that the caller may not read go along: whoever may sees them.
create or replace function metadata.copy_view(view_id uuid, name text default null) returns metadata.views
language plpgsql volatile set search_path = ''
as $$
#variable_conflict use_column
declare
  v_view metadata.views;
begin
  select * into v_view from metadata.views v where v.id = copy_view.view_id;
  if not found then
    raise exception 'There is no such view.' using errcode = 'RV187', column = 'view_id', hint = 'It may have been deleted, or is not shared with you.';
  end if;
  return metadata.add_view(v_view.object_id, coalesce(nullif(btrim(copy_view.name), ''), left(v_view.name, 90) || ' (copy)'), jsonb_build_object(
    'type', v_view.type, 'icon', v_view.icon, 'filter', v_view.filter, 'sorts', v_view.sorts, 'groupFieldId', v_view.group_field_id,
    'groupBucket', v_view.group_bucket, 'colors', v_view.colors, 'layout', v_view.layout,
    'fields', (select coalesce(jsonb_agg(jsonb_build_object('fieldId', c.field_id, 'width', c.width, 'isVisible', c.is_visible, 'isPinned', c.is_pinned, 'aggregate', c.aggregate) order by c.position, c.id), '[]')
      from metadata.view_fields c where c.view_id = v_view.id)));
end
$$;
comment on function metadata.copy_view(uuid, text) is 'Makes a view of one''s own that shows what another does.';

-- Somebody who keeps the views keeps on what a member has left behind, or what is locked by one who is kept out.
create or replace function metadata.take_over_view(view_id uuid) returns metadata.views
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_member uuid := engine.current_member();
  v_view metadata.views;
begin
  select * into v_view from metadata.views v
  where v.id = take_over_view.view_id and v.workspace_id = engine.workspace_of_role(current_setting('role')::name) and engine.may('VIEWS')
    and (v.owner_id is null or v.visibility = 'WORKSPACE' and (not v.is_locked or not exists (select from core.members m where m.id = v.owner_id and m.is_active)));
  if not found or v_member is null then
    raise exception 'There is no such view to take over.' using errcode = 'RV187', column = 'view_id',
      hint = 'Who keeps the views takes over those of members who were removed, and views of the workspace that nobody active has locked.';
  end if;
  update metadata.views v set owner_id = v_member where v.id = v_view.id returning v.* into v_view;
  return v_view;
end
$$;
comment on function metadata.take_over_view(uuid) is
  'Makes the caller, who has the permission VIEWS, the keeper of a view whose owner was removed, or of one of the workspace that is not locked by an active member.';
grant execute on function metadata.save_view(uuid, jsonb), metadata.add_view(uuid, text, jsonb, text, uuid), metadata.copy_view(uuid, text), metadata.take_over_view(uuid) to relvar_crm;

-- ── deleting, and back again ───────────────────────────────────────────────────────────────────

-- What is deleted is kept aside for a month with all that belonged to it, so that it can be brought back whole.
create or replace function engine.tg_views__keep() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  if engine.workspace_exists(old.workspace_id) and exists (select from metadata.objects o where o.id = old.object_id) then
    delete from engine.deleted_views d where d.workspace_id = old.workspace_id and d.deleted_at < now() - interval '30 days';
    insert into engine.deleted_views (view_id, workspace_id, deleted_by, data)
    values (old.id, old.workspace_id, engine.current_member(), jsonb_build_object('view', to_jsonb(old),
      'fields', (select coalesce(jsonb_agg(to_jsonb(c)), '[]') from metadata.view_fields c where c.view_id = old.id),
      'shares', (select coalesce(jsonb_agg(to_jsonb(s)), '[]') from metadata.view_shares s where s.view_id = old.id),
      'defaults', (select coalesce(jsonb_agg(to_jsonb(d)), '[]') from metadata.view_defaults d where d.view_id = old.id),
      'favourites', (select coalesce(jsonb_agg(to_jsonb(f)), '[]') from metadata.favourites f where f.view_id = old.id)))
    on conflict on constraint deleted_views_pkey do update set data = excluded.data, deleted_by = excluded.deleted_by, deleted_at = now();
  end if;
  return old;
end
$$;
create or replace trigger _800_keep before delete on metadata.views for each row execute function engine.tg_views__keep();

create or replace function metadata.restore_view(view_id uuid) returns metadata.views
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_kept engine.deleted_views;
  v_view metadata.views;
  v_member uuid := engine.current_member();
begin
  select * into v_kept from engine.deleted_views d
  where d.view_id = restore_view.view_id and (engine.acts_as_administrator() or d.workspace_id = engine.workspace_of_role(current_setting('role')::name)
    and (d.deleted_by = v_member or d.data #>> '{view,visibility}' = 'WORKSPACE' and engine.may('VIEWS')));
  v_view := jsonb_populate_record(null::metadata.views, v_kept.data -> 'view');
  if v_kept.view_id is null or not exists (select from metadata.objects o where o.id = v_view.object_id) then
    raise exception 'There is no such view to bring back.' using errcode = 'RV188', column = 'view_id', hint = 'Who deleted a view brings it back, within a month.';
  end if;
  if v_view.visibility = 'WORKSPACE' and not engine.acts_as_administrator() and not engine.may('VIEWS') then
    raise exception 'Your role does not have the permission "Views".' using errcode = '42501', hint = 'Ask an administrator of the workspace.';
  end if;
  v_view.owner_id := case when v_view.application_id is not null then v_view.owner_id
    else coalesce((select m.id from core.members m where m.id = v_view.owner_id), v_member) end;
  v_view.colors := coalesce(v_view.colors, '[]');
  v_view.group_field_id := (select f.id from metadata.fields f where f.id = v_view.group_field_id);
  v_view.application_id := (select a.id from metadata.applications a where a.id = v_view.application_id);
  if v_view.application_id is null or exists (select from metadata.views v where v.workspace_id = v_view.workspace_id and v.universal_identifier = v_view.universal_identifier) then
    v_view.universal_identifier := null;
    v_view.application_id := null;
  end if;
  -- Kept before views had a layout.
  v_view.layout := coalesce(v_view.layout, '{}');
  insert into metadata.views select v_view.*;
  insert into metadata.view_fields select c.* from jsonb_populate_recordset(null::metadata.view_fields, v_kept.data -> 'fields') c where exists (select from metadata.fields f where f.id = c.field_id);
  insert into metadata.view_shares select s.* from jsonb_populate_recordset(null::metadata.view_shares, v_kept.data -> 'shares') s
  where engine.principal_name(s.workspace_id, s.principal_kind, s.principal_id) is not null;
  insert into metadata.view_defaults select d.* from jsonb_populate_recordset(null::metadata.view_defaults, v_kept.data -> 'defaults') d
  where d.principal_kind = 'WORKSPACE' or engine.principal_name(d.workspace_id, d.principal_kind, d.principal_id) is not null
  on conflict do nothing;
  insert into metadata.favourites select f.* from jsonb_populate_recordset(null::metadata.favourites, v_kept.data -> 'favourites') f
  where (f.member_id is null or exists (select from core.members m where m.id = f.member_id)) and (f.folder_id is null or exists (select from metadata.favourites o where o.id = f.folder_id))
  on conflict do nothing;
  delete from engine.deleted_views d where d.view_id = v_kept.view_id;
  return v_view;
end
$$;
comment on function metadata.restore_view(uuid) is 'Brings back a view that the caller deleted within a month, with its columns, shares, defaults and the favourites that it was among.';
grant execute on function metadata.restore_view(uuid) to relvar_crm;

comment on column metadata.views.workspace_id is 'The workspace that this belongs to; follows from the role of whoever writes.';
comment on column metadata.views.id is 'Identifies it for good, through every rename.';
comment on column metadata.views.object_id is 'The object whose records it shows.';
comment on column metadata.views.application_id is 'The application that brought it; null for one made here.';
comment on column metadata.views.universal_identifier is 'By which the application finds it again when it is upgraded.';
comment on column metadata.views.name is 'What people call it.';
comment on column metadata.views.icon is 'Name of a Tabler icon.';
comment on column metadata.views.type is 'TABLE, BOARD, CALENDAR, TIMELINE, GALLERY or MAP.';
comment on column metadata.views.visibility is 'WORKSPACE: everybody sees it. PERSONAL: its owner alone, and those it is shared with.';
comment on column metadata.views.owner_id is 'Whose it is, or who keeps it; null for one of an application or of a member who was removed.';
comment on column metadata.views.is_locked is 'Whether its keeper alone saves over it.';
comment on column metadata.views.filter is 'Which records it shows: {"and": […]}, {"or": […]}, {"not": …} and {"fieldId", "part", "via", "operand", "value"}; null for all.';
comment on column metadata.views.sorts is 'Their order: [{"fieldId", "part", "descending"}].';
comment on column metadata.views.group_field_id is 'The field by whose values it groups.';
comment on column metadata.views.group_bucket is 'Of a date or a time, what it groups by: DAY, WEEK, MONTH, QUARTER or YEAR; null for the usual one.';
comment on column metadata.views.colors is 'What is marked: [{"condition": a comparison as in filter, "color", "target": ROW or CELL}], of which the first that fits counts.';
comment on column metadata.views.layout is 'What its type asks besides: cardSize, bounds, hiddenColumns, collapsedColumns, limits and summary of a board, dateFieldId, endFieldId and scale of a calendar and of a timeline, coverFieldId of a gallery, placeFieldId of a map.';
comment on column metadata.views.position is 'Place among the views of the object, smallest first.';
comment on column metadata.views.created_at is 'When it was made.';
comment on column metadata.views.updated_at is 'When it was last changed.';

comment on column metadata.view_fields.workspace_id is 'The workspace that this belongs to; follows from the role of whoever writes.';
comment on column metadata.view_fields.id is 'Identifies it for good, through every rename.';
comment on column metadata.view_fields.view_id is 'The view.';
comment on column metadata.view_fields.field_id is 'The field that the column shows.';
comment on column metadata.view_fields.width is 'Width in pixels; null for the usual one.';
comment on column metadata.view_fields.is_visible is 'Whether the column is shown.';
comment on column metadata.view_fields.is_pinned is 'Whether the column stays in sight when one scrolls sideways.';
comment on column metadata.view_fields.aggregate is 'What its foot says of the column, such as SUM or COUNT_EMPTY; null for nothing.';
comment on column metadata.view_fields.position is 'Place among the columns, smallest first.';
