-- How the pages of records are arranged: one layout of an object for everybody, and others for roles. Without any, the
-- screen makes one from the model. A layout names fields and relations by their ids and never gives a right: what a role does not
-- read is left out of it. Layouts are no part of the model: changing one raises no version and rebuilds no schema, and
-- a field that is deleted does without them; restored, it stands where it stood.

create or replace function engine.layout_widget(widget jsonb) returns jsonb
language plpgsql immutable set search_path = ''
as $$
declare
  v_kind text := widget ->> 'kind';
  v_asks text[];
  v_unknown text;
begin
  v_asks := case v_kind
    when 'FIELDS' then '{fieldIds,takesNew,isFolded}' when 'FIELD' then '{fieldId}' when 'RELATION' then '{relationId,as,groupFieldId}'
    when 'CHART' then '{relationId,groupFieldId,aggregate,fieldId}' when 'TEXT' then '{text}' when 'FRAME' then '{url}'
    when 'ABOUT' then '{}' when 'NOTES' then '{}' when 'TASKS' then '{}' when 'FILES' then '{}' when 'COMMENTS' then '{}' when 'TIMELINE' then '{}' end;
  if v_asks is null then
    raise exception 'A layout has no widget "%".', coalesce(v_kind, '') using errcode = 'RV289', column = 'content',
      hint = 'There are FIELDS, FIELD, RELATION, CHART, TEXT, FRAME, ABOUT, NOTES, TASKS, FILES, COMMENTS and TIMELINE.';
  end if;
  select k into v_unknown from jsonb_object_keys(widget) k where k <> all ('{id,kind,title,condition}'::text[] || v_asks) limit 1;
  if found then
    raise exception 'A widget % has no "%".', v_kind, v_unknown using errcode = 'RV289', column = 'content',
      hint = 'It takes ' || array_to_string('{id,title,condition}'::text[] || v_asks, ', ') || '.';
  end if;
  if coalesce(widget ->> 'id', '') !~ '^[A-Za-z0-9_-]{1,80}$' or jsonb_typeof(coalesce(widget -> 'title', '""')) not in ('string', 'null') or length(widget ->> 'title') > 100
    or not coalesce(case v_kind
      when 'FIELDS' then jsonb_typeof(widget -> 'fieldIds') = 'array' and not jsonb_path_exists(widget -> 'fieldIds', '$[*] ? (@.type() != "string")')
        and jsonb_typeof(coalesce(widget -> 'takesNew', 'false')) = 'boolean' and jsonb_typeof(coalesce(widget -> 'isFolded', 'false')) = 'boolean'
      when 'FIELD' then jsonb_typeof(widget -> 'fieldId') = 'string'
      when 'RELATION' then jsonb_typeof(widget -> 'relationId') = 'string' and coalesce(widget ->> 'as', 'LIST') in ('LIST', 'TABLE', 'BOARD')
      when 'CHART' then jsonb_typeof(widget -> 'relationId') = 'string' and jsonb_typeof(widget -> 'groupFieldId') = 'string'
        and widget ->> 'aggregate' in ('COUNT', 'SUM', 'AVG', 'MIN', 'MAX') and (widget ->> 'aggregate' = 'COUNT' or jsonb_typeof(widget -> 'fieldId') = 'string')
      when 'TEXT' then jsonb_typeof(widget -> 'text') = 'string' and length(widget ->> 'text') <= 10000
      when 'FRAME' then widget ->> 'url' ~ '^https?://[^\s/?#@]+([/?#][^\s]*)?$' and length(widget ->> 'url') <= 2000
      else true end, false) then
    raise exception 'A widget % of the layout is not complete.', v_kind using errcode = 'RV289', column = 'content',
      hint = 'It needs an id of letters and digits and ' || coalesce(nullif(array_to_string(v_asks, ', '), ''), 'nothing else') || '; a page that is framed has an address that begins with https://.';
  end if;
  return jsonb_strip_nulls(widget || case when widget ? 'condition' then jsonb_build_object('condition', engine.view_filter(widget -> 'condition')) else '{}' end);
end
$$;

create or replace function engine.layout_widgets(widgets jsonb) returns jsonb
language plpgsql immutable set search_path = ''
as $$
begin
  if jsonb_typeof(widgets) is distinct from 'array' or jsonb_array_length(widgets) > 100 or jsonb_path_exists(widgets, '$[*] ? (@.type() != "object")') then
    raise exception 'The widgets of a layout are a list of at most 100.' using errcode = 'RV289', column = 'content', hint = 'Give [] for none.';
  end if;
  return (select coalesce(jsonb_agg(engine.layout_widget(w) order by i), '[]') from jsonb_array_elements(widgets) with ordinality u (w, i));
end
$$;

-- A layout in the form in which it is kept. Refuses what is none.
create or replace function engine.record_layout(content jsonb) returns jsonb
language plpgsql immutable set search_path = ''
as $$
declare
  v_unknown text;
  v_layout jsonb;
  v_twice text;
begin
  select k into v_unknown from jsonb_object_keys(case jsonb_typeof(content) when 'object' then content else '{}' end) k
  where k not in ('headerFieldIds', 'stageFieldId', 'side', 'tabs', 'hidden') limit 1;
  if found or jsonb_typeof(content) is distinct from 'object' or length(content::text) > 200000 then
    raise exception 'A layout has no "%".', coalesce(v_unknown, '') using errcode = 'RV289', column = 'content', hint = 'It has headerFieldIds, stageFieldId, side, tabs and hidden.';
  end if;
  if jsonb_typeof(coalesce(content -> 'headerFieldIds', '[]')) <> 'array' or jsonb_path_exists(content, '$.headerFieldIds[*] ? (@.type() != "string")')
    or jsonb_typeof(coalesce(content -> 'hidden', '[]')) <> 'array' or jsonb_path_exists(content, '$.hidden[*] ? (@.type() != "string")')
    or jsonb_typeof(coalesce(content -> 'stageFieldId', 'null')) not in ('string', 'null') then
    raise exception 'A layout names fields by their ids.' using errcode = 'RV289', column = 'content', hint = 'headerFieldIds and hidden are lists, stageFieldId is one id or null.';
  end if;
  if jsonb_typeof(content -> 'tabs') is distinct from 'array' or jsonb_array_length(content -> 'tabs') > 30
    or exists (select from jsonb_array_elements(content -> 'tabs') t where jsonb_typeof(t) <> 'object' or coalesce(t ->> 'id', '') !~ '^[A-Za-z0-9_-]{1,80}$'
      or jsonb_typeof(coalesce(t -> 'name', 'null')) not in ('string', 'null') or length(t ->> 'name') > 60 or exists (select from jsonb_object_keys(t) k where k not in ('id', 'name', 'condition', 'widgets'))) then
    raise exception 'A layout has a list of at most 30 tabs, each with an id.' using errcode = 'RV289', column = 'content', hint = 'Give {"id", "name", "condition", "widgets"}.';
  end if;
  v_layout := jsonb_build_object('headerFieldIds', coalesce(content -> 'headerFieldIds', '[]'), 'stageFieldId', content -> 'stageFieldId', 'hidden', coalesce(content -> 'hidden', '[]'),
    'side', engine.layout_widgets(coalesce(content -> 'side', '[]')),
    'tabs', (select coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('id', t -> 'id', 'name', nullif(btrim(t ->> 'name'), ''), 'condition', engine.view_filter(t -> 'condition')))
      || jsonb_build_object('widgets', engine.layout_widgets(coalesce(t -> 'widgets', '[]'))) order by i), '[]') from jsonb_array_elements(content -> 'tabs') with ordinality u (t, i)));
  select w ->> 'id' into v_twice from (select jsonb_path_query(v_layout, '$.side[*]') union all select jsonb_path_query(v_layout, '$.tabs[*].widgets[*]')) u (w) group by w ->> 'id' having count(*) > 1 limit 1;
  if found then
    raise exception 'Two widgets of the layout are called "%".', v_twice using errcode = 'RV289', column = 'content', hint = 'Each has an id of its own.';
  end if;
  return v_layout;
end
$$;

-- Of a manifest, where a layout that is none is left to be refused when it is written.
create or replace function engine.manifest_layout(content jsonb) returns jsonb
language plpgsql immutable set search_path = ''
as $$
begin
  return engine.record_layout(content);
exception when sqlstate 'RV289' or sqlstate 'RV186' then
  return content;
end
$$;

alter table metadata.layouts enable row level security;
alter table metadata.layouts alter column workspace_id set default engine.current_workspace();
drop policy if exists select_own on metadata.layouts;
create policy select_own on metadata.layouts for select to relvar_crm using (workspace_id = (select engine.current_workspace())
  and (role_id is null or role_id = any (array(select engine.my_roles())) or (select engine.may('LAYOUTS'))));
comment on policy select_own on metadata.layouts is 'Members read the layouts for everybody and for their own roles; who keeps the layouts reads all.';
drop policy if exists insert_own on metadata.layouts;
create policy insert_own on metadata.layouts for insert to relvar_crm with check (workspace_id = (select engine.current_workspace()) and (select engine.may('LAYOUTS')));
drop policy if exists update_own on metadata.layouts;
create policy update_own on metadata.layouts for update to relvar_crm using (workspace_id = (select engine.current_workspace()) and (select engine.may('LAYOUTS')))
  with check (workspace_id = (select engine.current_workspace()));
drop policy if exists delete_own on metadata.layouts;
create policy delete_own on metadata.layouts for delete to relvar_crm using (workspace_id = (select engine.current_workspace()) and (select engine.may('LAYOUTS')));
grant select, insert (id, object_id, role_id, content), update (content), delete on metadata.layouts to relvar_crm;

create or replace function engine.tg_layouts__validate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  new.id := coalesce(new.id, engine.uuidv7());
  if tg_op = 'INSERT' then
    new.workspace_id := coalesce(new.workspace_id, (select o.workspace_id from metadata.objects o where o.id = new.object_id));
  else
    new.version := old.version + 1;
    new.updated_at := now();
  end if;
  new.content := engine.record_layout(new.content);
  return new;
end
$$;
create or replace trigger _100_validate before insert or update on metadata.layouts for each row execute function engine.tg_layouts__validate();

-- Screens hear of layouts as they hear of views.
do $$
declare
  v_event text;
begin
  foreach v_event in array array['insert', 'update', 'delete'] loop
    execute format('create or replace trigger _900_notify_%s after %s on metadata.layouts referencing %s table as changed for each statement execute function engine.tg_views__notify()',
      v_event, v_event, case v_event when 'delete' then 'old' else 'new' end);
  end loop;
end
$$;

create or replace function metadata.my_layouts() returns jsonb
language sql stable
begin atomic
  select coalesce(jsonb_object_agg(l.object_id, l.content), '{}')
  from (
    -- The role's own before that of one that it includes, and that before everybody's.
    select distinct on (l.object_id) l.object_id, l.content
    from metadata.layouts l left join engine.my_roles() with ordinality r (id, i) on r.id = l.role_id
    where l.role_id is null or r.id is not null
    order by l.object_id, r.i nulls last
  ) l;
end;
comment on function metadata.my_layouts() is 'How the pages of records are arranged for the caller, by the ids of objects. Of an object that is not there nobody has arranged anything.';

-- The workspace of an object whose pages the caller arranges.
create or replace function engine.arranged_workspace(object_id uuid) returns uuid
language plpgsql stable set search_path = ''
as $$
declare
  v_workspace uuid;
begin
  select o.workspace_id into v_workspace from metadata.objects o
  where o.id = arranged_workspace.object_id and o.deleted_at is null and (engine.acts_as_administrator() or o.workspace_id = engine.workspace_of_role(current_setting('role')::name));
  if not found then
    raise exception 'There is no such object.' using errcode = 'RV063', column = 'object_id', hint = 'It may have been deleted.';
  end if;
  perform engine.assert_manages(v_workspace, 'LAYOUTS');
  return v_workspace;
end
$$;

create or replace function metadata.save_layout(object_id uuid, content jsonb, role_id uuid default null, seen_version int default null) returns metadata.layouts
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_workspace uuid := engine.arranged_workspace(object_id);
  v_layout metadata.layouts;
begin
  insert into metadata.layouts as l (workspace_id, object_id, role_id, content) values (v_workspace, save_layout.object_id, save_layout.role_id, save_layout.content)
  on conflict on constraint layouts_object_id_role_id_key do update set content = excluded.content
    where save_layout.seen_version is null or l.version = save_layout.seen_version
  returning l.* into v_layout;
  if not found or save_layout.seen_version <> v_layout.version - 1 then
    raise exception 'Somebody else has changed this layout meanwhile.' using errcode = 'RV290', column = 'seen_version', hint = 'Look at theirs first, or save without a version to write over it.';
  end if;
  return v_layout;
end
$$;
comment on function metadata.save_layout(uuid, jsonb, uuid, int) is
  'Arranges the page of an object''s records: {headerFieldIds, stageFieldId, side, tabs, hidden}, for everybody or for a role. With the version that the caller has seen (0 for none) it is refused if somebody else has changed it since.';

create or replace function metadata.reset_layout(object_id uuid, role_id uuid default null) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.arranged_workspace(object_id);
begin
  delete from metadata.layouts l where l.workspace_id = v_workspace and l.object_id = reset_layout.object_id and l.role_id is not distinct from reset_layout.role_id;
  return found;
end
$$;
comment on function metadata.reset_layout(uuid, uuid) is 'Forgets how the page of an object''s records was arranged, for everybody or for a role. False when there was nothing to forget.';
grant execute on function metadata.my_layouts(), metadata.save_layout(uuid, jsonb, uuid, int), metadata.reset_layout(uuid, uuid) to relvar_crm;

comment on column metadata.layouts.workspace_id is 'The workspace that this belongs to; follows from the role of whoever writes.';
comment on column metadata.layouts.id is 'Identifies it.';
comment on column metadata.layouts.object_id is 'The object whose records it shows.';
comment on column metadata.layouts.role_id is 'The role for which it is; null for everybody else.';
comment on column metadata.layouts.content is 'headerFieldIds, stageFieldId, side and tabs with their widgets, and hidden: what was taken out.';
comment on column metadata.layouts.application_id is 'The application that brought it; null for one made here.';
comment on column metadata.layouts.universal_identifier is 'By which a manifest finds it again.';
comment on column metadata.layouts.version is 'How often it was changed, which tells two who arrange at once.';
comment on column metadata.layouts.updated_at is 'When it was last changed.';
