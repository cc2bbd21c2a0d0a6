--! Previous: sha1:adc74992cc8d881fd6a10b9924e9d5b086fa646d
--! Hash: sha1:fbd93ed9491f2d4e1211b9d42385a077f49220f6
--! Message: layouts tasks texts search samples

-- ── layouts of records' pages ─────────────────────────────────────────────────────────────────
create table metadata.layouts (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  object_id uuid not null,
  role_id uuid,
  content jsonb not null,
  version int not null default 1,
  updated_at timestamptz not null default now(),
  unique nulls not distinct (object_id, role_id),
  foreign key (workspace_id, object_id) references metadata.objects (workspace_id, id) on delete cascade,
  foreign key (workspace_id, role_id) references metadata.roles (workspace_id, id) on delete cascade
);
comment on table metadata.layouts is 'How the pages of an object''s records are arranged, for everybody or for a role.';
create index on metadata.layouts (workspace_id, object_id);
create index on metadata.layouts (workspace_id, role_id);

--! Included metadata/layouts.sql
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
      or coalesce(btrim(t ->> 'name'), '') = '' or length(t ->> 'name') > 60 or exists (select from jsonb_object_keys(t) k where k not in ('id', 'name', 'condition', 'widgets'))) then
    raise exception 'A layout has a list of at most 30 tabs, each with a name.' using errcode = 'RV289', column = 'content', hint = 'Give {"id", "name", "condition", "widgets"}.';
  end if;
  v_layout := jsonb_build_object('headerFieldIds', coalesce(content -> 'headerFieldIds', '[]'), 'stageFieldId', content -> 'stageFieldId', 'hidden', coalesce(content -> 'hidden', '[]'),
    'side', engine.layout_widgets(coalesce(content -> 'side', '[]')),
    'tabs', (select coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('id', t -> 'id', 'name', btrim(t ->> 'name'), 'condition', engine.view_filter(t -> 'condition')))
      || jsonb_build_object('widgets', engine.layout_widgets(coalesce(t -> 'widgets', '[]'))) order by i), '[]') from jsonb_array_elements(content -> 'tabs') with ordinality u (t, i)));
  select w ->> 'id' into v_twice from (select jsonb_path_query(v_layout, '$.side[*]') union all select jsonb_path_query(v_layout, '$.tabs[*].widgets[*]')) u (w) group by w ->> 'id' having count(*) > 1 limit 1;
  if found then
    raise exception 'Two widgets of the layout are called "%".', v_twice using errcode = 'RV289', column = 'content', hint = 'Each has an id of its own.';
  end if;
  return v_layout;
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
comment on column metadata.layouts.version is 'How often it was changed, which tells two who arrange at once.';
comment on column metadata.layouts.updated_at is 'When it was last changed.';
--! EndIncluded metadata/layouts.sql
--! Included metadata/access.sql
-- Who reads and writes the model. Every CRM role may read its own workspace's; what a role may write
-- follows from its permissions. The workspace comes from the role, so no row of another is in reach.

-- The permission that a part of metadata asks for.
create or replace function engine.flag_of(table_name text) returns text
language sql immutable parallel safe set search_path = ''
  return case when table_name in ('roles', 'role_includes', 'object_permissions', 'field_permissions', 'record_rules') then 'ROLES'
    when table_name in ('views', 'view_fields') then 'VIEWS' when table_name = 'layouts' then 'LAYOUTS' when table_name = 'webhooks' then 'API_KEYS_AND_WEBHOOKS'
    when table_name in ('teams', 'team_members') then 'WORKSPACE_MEMBERS' else 'DATA_MODEL' end;

grant usage on schema metadata to relvar_crm;

do $$
declare
  v_table text;
begin
  foreach v_table in array array['applications', 'objects', 'fields', 'relations', 'roles', 'object_permissions', 'webhooks',
    'rules', 'indexes', 'aliases', 'model_versions', 'model_changes', 'type_changes', 'online_changes', 'ignored_drift',
    'role_includes', 'field_permissions', 'record_rules', 'teams', 'team_members'] loop
    execute format('alter table metadata.%I alter column workspace_id set default engine.current_workspace()', v_table);
    execute format('alter table metadata.%I enable row level security', v_table);
    execute format('drop policy if exists select_own on metadata.%I', v_table);
    execute format('create policy select_own on metadata.%I for select to relvar_crm using (workspace_id = (select engine.current_workspace()))', v_table);
    execute format('comment on policy select_own on metadata.%I is ''Members read the model of their own workspace.''', v_table);
  end loop;
  foreach v_table in array array['objects', 'fields', 'relations', 'webhooks', 'rules', 'indexes', 'aliases',
    'roles', 'role_includes', 'object_permissions', 'field_permissions', 'record_rules', 'teams', 'team_members'] loop
    execute format('drop policy if exists insert_own on metadata.%I', v_table);
    execute format('drop policy if exists update_own on metadata.%I', v_table);
    execute format('drop policy if exists delete_own on metadata.%I', v_table);
    execute format('create policy insert_own on metadata.%I for insert to relvar_crm with check (workspace_id = (select engine.current_workspace()) and (select engine.may(%L)))', v_table, engine.flag_of(v_table));
    execute format('create policy update_own on metadata.%I for update to relvar_crm using (workspace_id = (select engine.current_workspace()) and (select engine.may(%L))) with check (workspace_id = (select engine.current_workspace()))', v_table, engine.flag_of(v_table));
    execute format('create policy delete_own on metadata.%I for delete to relvar_crm using (workspace_id = (select engine.current_workspace()) and (select engine.may(%L)))', v_table, engine.flag_of(v_table));
  end loop;
end
$$;

-- A rule may say what its role may not know; it is read by those whom it concerns, and by who keeps the roles.
drop policy select_own on metadata.record_rules;
create policy select_own on metadata.record_rules for select to relvar_crm
  using (workspace_id = (select engine.current_workspace()) and ((select engine.may('ROLES')) or role_id = any (array(select engine.my_roles()))));
comment on policy select_own on metadata.record_rules is 'Members read the rules of their own roles; who keeps the roles reads all.';

-- The address of a webhook may hold a key.
drop policy select_own on metadata.webhooks;
create policy select_own on metadata.webhooks for select to relvar_crm
  using (workspace_id = (select engine.current_workspace()) and (select engine.may('API_KEYS_AND_WEBHOOKS')));
comment on policy select_own on metadata.webhooks is 'Who keeps the webhooks reads them.';

grant select on metadata.role_includes, metadata.field_permissions, metadata.record_rules, metadata.teams, metadata.team_members to relvar_crm;
grant insert (id, name, description, icon, permissions, has_all_permissions, can_read_all, can_create_all, can_update_all, can_delete_all, can_destroy_all, assignable_to, requires_second_factor),
  update (name, description, icon, permissions, has_all_permissions, can_read_all, can_create_all, can_update_all, can_delete_all, can_destroy_all, assignable_to, requires_second_factor), delete
  on metadata.roles to relvar_crm;
grant insert (id, role_id, included_role_id), delete on metadata.role_includes to relvar_crm;
grant insert (id, role_id, object_id, can_read, can_create, can_update, can_delete, can_destroy, field_mode),
  update (can_read, can_create, can_update, can_delete, can_destroy, field_mode), delete
  on metadata.object_permissions to relvar_crm;
grant insert (id, role_id, field_id, can_read, can_update), update (can_read, can_update), delete on metadata.field_permissions to relvar_crm;
grant insert (id, role_id, object_id, action, name, condition), update (name, condition), delete on metadata.record_rules to relvar_crm;
grant insert (id, name, description, parent_team_id), update (name, description, parent_team_id), delete on metadata.teams to relvar_crm;
grant insert (id, team_id, member_id, is_lead), update (is_lead), delete on metadata.team_members to relvar_crm;

grant select on metadata.objects, metadata.fields, metadata.relations, metadata.roles, metadata.object_permissions, metadata.webhooks,
  metadata.rules, metadata.indexes, metadata.aliases, metadata.model_versions, metadata.model_changes,
  metadata.type_changes, metadata.online_changes, metadata.ignored_drift to relvar_crm;
-- Not the manifest: it is long, and the installed objects are what matters.
grant select (id, workspace_id, name, version, installed_at, warnings) on metadata.applications to relvar_crm;

-- System flags and the link to an application are not the member's to set.
grant insert (id, workspace_id, name_singular, name_plural, label_singular, label_plural, description, icon, color, label_field_id, image_field_id, duplicate_criteria, is_active, is_searchable, is_audited, is_private, position),
  update (name_singular, name_plural, label_singular, label_plural, description, icon, color, label_field_id, image_field_id, duplicate_criteria, is_active, is_searchable, is_audited, is_private, position), delete
  on metadata.objects to relvar_crm;
grant insert (id, object_id, name, label, description, icon, type, settings, options, default_value, is_required, required_from, is_unique, is_active, position),
  update (name, label, description, icon, type, settings, options, default_value, is_required, required_from, is_unique, is_active, position), delete
  on metadata.fields to relvar_crm;
grant insert (id, field_id, target_object_id, inverse_name, inverse_label, on_delete, is_on_timeline),
  update (inverse_name, inverse_label, on_delete, is_on_timeline), delete
  on metadata.relations to relvar_crm;
grant insert (id, name, description, target_url, events, filters, fields, format, role_id, is_active),
  update (name, description, target_url, events, filters, fields, format, role_id, is_active), delete
  on metadata.webhooks to relvar_crm;
grant insert (id, object_id, field_id, kind, settings, condition, message, applies_from, is_active, position),
  update (field_id, settings, condition, message, applies_from, is_active, position), delete
  on metadata.rules to relvar_crm;
grant insert (id, object_id, name, kind, parts, condition), update (name, kind, parts, condition), delete
  on metadata.indexes to relvar_crm;
grant delete on metadata.aliases to relvar_crm;
--! EndIncluded metadata/access.sql
--! Included metadata/changes.sql
-- Changes of the model as data: [{"op": "createField", "objectId": …}, …], run in their order. What
-- may be written is what the grants of relvar_crm say, so there is no second list of it.

create or replace function engine.nearest(word text, words text[]) returns text
language sql stable set search_path = ''
  return (select w from unnest(words) w where public.similarity(w, word) > 0.2 order by public.similarity(w, word) desc, w limit 1);

-- A table of the model by its API name.
create or replace function engine.changeable_table(name text) returns regclass
language plpgsql stable set search_path = ''
as $$
declare
  v_tables text[] := '{objects,fields,relations,rules,indexes,views,viewFields,layouts,aliases,roles,roleIncludes}'::text[] || array(select engine.camel_case(p.table_name) from engine.role_parts() p);
begin
  if name is null or name <> all (v_tables) then
    raise exception 'There is no part of the model called "%".', coalesce(name, '') using errcode = 'RV062', column = 'table',
      hint = coalesce(format('Did you mean %s? ', engine.nearest(name, v_tables)), '') || 'The parts are ' || array_to_string(v_tables, ', ') || '.';
  end if;
  return ('metadata.' || quote_ident(engine.snake_case(name)))::regclass;
end
$$;

create or replace function engine.assert_row(workspace_id uuid, target regclass, id uuid) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_found boolean;
begin
  execute format('select exists (select from %s t where t.workspace_id = $1 and t.id = $2 %s)', target,
    -- A plan changes views of the workspace that are open to who makes it; a member's own is not there for it.
    case target::text when 'metadata.views' then 'and t.visibility = ''WORKSPACE'' and ($3 or t.id in (select engine.kept_views()))'
      when 'metadata.view_fields' then 'and exists (select from metadata.views v where v.id = t.view_id and v.visibility = ''WORKSPACE'' and ($3 or v.id in (select engine.kept_views())))' else '' end)
  into v_found using workspace_id, id, engine.acts_as_administrator() or engine.makes_workspace(workspace_id);
  if not v_found then
    raise exception 'There is no such %.', case target::text when 'metadata.indexes' then 'index' when 'metadata.aliases' then 'alias'
      else rtrim(replace(replace(target::text, 'metadata.', ''), '_', ' '), 's') end || coalesce(' (' || id || ')', '')
      using errcode = 'RV063', column = 'id', hint = 'It may have been purged, or it belongs to another workspace.';
  end if;
end
$$;

-- The columns that a change may write: what relvar_crm may, and of roles what makes up their rights.
create or replace function engine.writable_columns(target regclass, privilege text) returns text[]
language sql stable set search_path = ''
as $$
  select case when target = 'metadata.roles'::regclass then engine.role_columns(target)
    when exists (select from engine.role_parts() p where target = ('metadata.' || p.table_name)::regclass)
      then engine.role_columns(target) || case when upper(privilege) = 'INSERT' then '{role_id}'::text[] else '{}' end
    else array(
      select a.attname::text from pg_catalog.pg_attribute a
      where a.attrelid = target and a.attnum > 0 and not a.attisdropped and a.attname not in ('id', 'workspace_id')
        and has_column_privilege('relvar_crm', target, a.attnum, privilege)) end
$$;

-- Values in camelCase as a row in snake_case, of columns that may be written.
create or replace function engine.changed_values(target regclass, "values" jsonb, privilege text) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_columns text[] := engine.writable_columns(target, privilege);
  v_unknown text;
begin
  if jsonb_typeof("values") is distinct from 'object' then
    raise exception 'The values of a change are an object.' using errcode = 'RV062', column = 'values';
  end if;
  select k into v_unknown from jsonb_object_keys("values") k where engine.snake_case(k) <> all (v_columns || '{id,workspace_id}'::text[]) limit 1;
  if found then
    raise exception '"%" cannot be written to %.', v_unknown, replace(target::text, 'metadata.', '') using errcode = 'RV062', column = v_unknown,
      hint = coalesce(format('Did you mean %s? ', engine.nearest(v_unknown, array(select engine.camel_case(c) from unnest(v_columns) c))), '')
        || 'It takes ' || (select string_agg(engine.camel_case(c), ', ' order by c) from unnest(v_columns) c) || '.';
  end if;
  return coalesce((select jsonb_object_agg(engine.snake_case(e.key), e.value) from jsonb_each("values") e where e.key not in ('id', 'workspaceId')), '{}');
end
$$;

-- Calls metadata.create_object or create_field with arguments by name.
create or replace function engine.call_by_name(function_name text, arguments jsonb) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_names text[];
  v_types oid[];
  v_list text;
  v_unknown text;
begin
  select p.proargnames, array(select unnest(p.proargtypes)) into strict v_names, v_types from pg_catalog.pg_proc p
  where p.pronamespace = 'metadata'::regnamespace and p.proname = function_name;
  -- Output columns follow the arguments in the list of names.
  v_names := v_names[1:array_length(v_types, 1)];
  select k into v_unknown from jsonb_object_keys(arguments) k where engine.snake_case(k) <> all (v_names) limit 1;
  if found then
    raise exception '"%" is not known to %.', v_unknown, engine.camel_case(function_name) using errcode = 'RV062', column = v_unknown,
      hint = coalesce(format('Did you mean %s? ', engine.nearest(v_unknown, array(select engine.camel_case(c) from unnest(v_names) c))), '')
        || 'It takes ' || (select string_agg(engine.camel_case(c), ', ') from unnest(v_names) c where c <> 'workspace_id') || '.';
  end if;
  select string_agg(format('%I => %s', a.name, case
      when a.type = 'jsonb'::regtype then format('nullif($1 -> %L, ''null'')', a.key)
      when a.type = 'uuid[]'::regtype then format('(select array_agg(e::uuid) from jsonb_array_elements_text(nullif($1 -> %L, ''null'')) e)', a.key)
      else format('($1 ->> %L)::%s', a.key, pg_catalog.format_type(a.type, null)) end), ', ') into v_list
  from (
    select n.name, engine.camel_case(n.name) as key, v_types[n.i] as type
    from unnest(v_names) with ordinality n (name, i)
  ) a
  where arguments ? a.key;
  execute format('select metadata.%I(%s)', function_name, coalesce(v_list, '')) using arguments;
end
$$;

-- Asks for the permission of each part that the changes touch. A misspelt one is refused when its turn comes.
create or replace function engine.assert_may_change(workspace_id uuid, changes jsonb) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_flag text;
begin
  for v_flag in
    select distinct engine.flag_of(engine.snake_case(coalesce(c ->> 'table', 'objects'))) from jsonb_array_elements(case jsonb_typeof(changes) when 'array' then changes else '[]' end) c
    union all
    select 'DATA_MODEL' where coalesce(changes, '[]') = '[]' or jsonb_typeof(changes) <> 'array'
  loop
    perform engine.assert_manages(workspace_id, v_flag);
  end loop;
end
$$;

-- One change, run at once, save that records are not touched while planning.
create or replace function engine.run_change(workspace_id uuid, change jsonb, is_plan boolean) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_ops text[] := '{createObject,createField,insert,update,delete,restore,replaceUses,replaceOption}';
  v_target regclass;
  v_id uuid := (change ->> 'id')::uuid;
  v_row jsonb;
  v_columns text;
begin
  case change ->> 'op'
    when 'createObject' then
      perform engine.call_by_name('create_object', (change - 'op') || jsonb_build_object('workspaceId', workspace_id));
      return;
    when 'createField' then
      perform engine.assert_row(workspace_id, 'metadata.objects', (change ->> 'objectId')::uuid);
      perform engine.call_by_name('create_field', change - 'op');
      return;
    when 'replaceUses' then
      perform engine.assert_row(workspace_id, 'metadata.fields', (change ->> 'fieldId')::uuid), engine.assert_row(workspace_id, 'metadata.fields', (change ->> 'withFieldId')::uuid);
      perform engine.replace_uses(workspace_id, (change ->> 'fieldId')::uuid, (change ->> 'withFieldId')::uuid);
      return;
    when 'replaceOption' then
      perform engine.assert_row(workspace_id, 'metadata.fields', (change ->> 'fieldId')::uuid);
      perform engine.replace_option(workspace_id, (change ->> 'fieldId')::uuid, change ->> 'value', change ->> 'with', is_plan);
      return;
    when 'insert', 'update', 'delete', 'restore' then
      v_target := engine.changeable_table(change ->> 'table');
    else
      raise exception 'There is no change called "%".', coalesce(change ->> 'op', '') using errcode = 'RV062', column = 'op',
        hint = coalesce(format('Did you mean %s? ', engine.nearest(change ->> 'op', v_ops)), '') || 'The changes are ' || array_to_string(v_ops, ', ') || '.';
  end case;
  -- What the engine makes with other things has no id yet when the change is written.
  if v_id is null and change ->> 'op' = 'update' then
    select f.id into v_id from metadata.fields f
    where v_target = 'metadata.fields'::regclass and f.object_id = (change ->> 'objectId')::uuid and f.name = change ->> 'name' and f.deleted_at is null;
    if v_target = 'metadata.relations'::regclass then
      select r.id into v_id from metadata.relations r where r.field_id = (change ->> 'fieldId')::uuid and r.target_object_id = (change ->> 'targetObjectId')::uuid;
    end if;
  end if;
  if change ->> 'op' <> 'insert' then
    perform engine.assert_row(workspace_id, v_target, v_id);
  end if;
  case change ->> 'op'
    when 'delete' then
      execute format('delete from %s t where t.workspace_id = $1 and t.id = $2', v_target) using workspace_id, v_id;
    when 'restore' then
      perform engine.restore(workspace_id, v_target, v_id);
    else
      v_row := engine.changed_values(v_target, change -> 'values', upper(change ->> 'op'));
      select string_agg(quote_ident(k), ', ' order by k) into v_columns from jsonb_object_keys(v_row) k;
      if change ->> 'op' = 'insert' then
        execute format('insert into %1$s (id, workspace_id%2$s) select $2, $1%3$s from jsonb_populate_record(null::%1$s, $3) p', v_target,
          coalesce(', ' || v_columns, ''), coalesce((select string_agg(', p.' || quote_ident(k), '' order by k) from jsonb_object_keys(v_row) k), ''))
        using workspace_id, coalesce(v_id, engine.uuidv7()), v_row;
      elsif v_columns is not null then
        execute format('update %1$s t set (%2$s) = (select %3$s from jsonb_populate_record(null::%1$s, $3) p) where t.workspace_id = $1 and t.id = $2', v_target,
          v_columns, (select string_agg('p.' || quote_ident(k), ', ' order by k) from jsonb_object_keys(v_row) k))
        using workspace_id, v_id, v_row;
      end if;
  end case;
end
$$;

-- All changes, in order. An error says which of them it was.
create or replace function engine.run_changes(workspace_id uuid, changes jsonb, is_plan boolean) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_change jsonb;
  v_at int := 0;
  v_state text;
  v_message text;
  v_detail text;
  v_hint text;
  v_column text;
begin
  if jsonb_typeof(changes) is distinct from 'array' then
    raise exception 'Changes are a list.' using errcode = 'RV062', hint = 'Give [{"op": "createField", …}], for example.';
  end if;
  for v_change in select * from jsonb_array_elements(changes) loop
    v_at := v_at + 1;
    perform engine.run_change(workspace_id, v_change, is_plan);
  end loop;
exception when others then
  get stacked diagnostics v_state = returned_sqlstate, v_message = message_text, v_detail = pg_exception_detail, v_hint = pg_exception_hint, v_column = column_name;
  raise exception '%', v_message using errcode = v_state, column = coalesce(v_column, ''), hint = v_hint,
    detail = concat_ws(E'\n', nullif(v_detail, ''), case when jsonb_array_length(changes) > 1 then format('Change %s of %s: %s', v_at, jsonb_array_length(changes), v_change ->> 'op') end);
end
$$;

-- What is made gets its id here, so that a plan and what is applied speak of the same.
create or replace function engine.with_ids(changes jsonb) returns jsonb
language sql volatile set search_path = ''
as $$
  select coalesce(jsonb_agg(case when c ->> 'op' in ('createObject', 'createField', 'insert') and c ->> 'id' is null
    then c || jsonb_build_object('id', engine.uuidv7()) else c end order by i), '[]')
  from jsonb_array_elements(case jsonb_typeof(changes) when 'array' then changes else '[]' end) with ordinality u (c, i)
$$;
--! EndIncluded metadata/changes.sql
--! Included metadata/manifest.sql
-- The model as a manifest: one JSON value without ids, in an order that does not change by itself, so
-- that two of them can be compared line by line and one can be made in another workspace. Where the
-- model speaks of a field or a relation by its id, the manifest says "field:company.name" or
-- "relation:person.company>company".

create or replace function engine.field_manifest(field metadata.fields) returns jsonb
language plpgsql stable set search_path = ''
as $$
begin
  return case when (field).is_system then jsonb_build_object('name', (field).name, 'label', (field).label, 'description', (field).description, 'icon', (field).icon, 'isSystem', true)
    else jsonb_strip_nulls(jsonb_build_object('universalIdentifier', (field).universal_identifier)) || jsonb_build_object(
      'name', (field).name, 'label', (field).label, 'description', (field).description, 'icon', (field).icon, 'type', (field).type,
      'settings', engine.references_by_name((field).workspace_id, (field).settings), 'options', (field).options, 'defaultValue', (field).default_value,
      'isRequired', (field).is_required, 'requiredFrom', (field).required_from, 'isUnique', (field).is_unique, 'isActive', (field).is_active, 'position', (field).position,
      'relations', (
        select coalesce(jsonb_agg(jsonb_build_object('target', t.name_singular, 'inverseName', r.inverse_name, 'inverseLabel', r.inverse_label, 'onDelete', r.on_delete, 'isOnTimeline', r.is_on_timeline) order by t.name_singular), '[]')
        from metadata.relations r join metadata.objects t on t.id = r.target_object_id where r.field_id = (field).id and r.deleted_at is null))
    || coalesce((
      -- A relation to many is told once, from the end that was made first.
      select jsonb_build_object('manyToMany', jsonb_build_object('target', t.name_singular, 'inverseName', i.name, 'inverseLabel', i.label, 'inverseIcon', i.icon,
        'near', near.name, 'far', far.name, 'junction', engine.object_manifest(j)))
      from metadata.fields near
      join metadata.objects j on j.id = near.object_id
      join metadata.fields far on far.object_id = j.id and (far.position, far.id) > (near.position, near.id)
      join metadata.fields i on i.junction_field_id = far.id
      join metadata.objects t on t.id = i.object_id
      where near.id = (field).junction_field_id), '{}')
  end;
end
$$;

create or replace function engine.object_manifest(object metadata.objects) returns jsonb
language sql stable set search_path = ''
as $$
  select jsonb_strip_nulls(jsonb_build_object('universalIdentifier', (object).universal_identifier)) || jsonb_build_object(
    'nameSingular', (object).name_singular, 'namePlural', (object).name_plural, 'labelSingular', (object).label_singular, 'labelPlural', (object).label_plural,
    'description', (object).description, 'icon', (object).icon, 'color', (object).color,
    'labelField', (select f.name from metadata.fields f where f.id = (object).label_field_id and f.deleted_at is null),
    'imageField', (select f.name from metadata.fields f where f.id = (object).image_field_id and f.deleted_at is null),
    'duplicateCriteria', engine.references_by_name((object).workspace_id, (object).duplicate_criteria),
    'isActive', (object).is_active, 'isSystem', (object).is_system, 'isSearchable', (object).is_searchable, 'isAudited', (object).is_audited, 'isPrivate', (object).is_private, 'position', (object).position,
    'fields', (
      select coalesce(jsonb_agg(engine.field_manifest(f) order by f.position, f.name), '[]')
      from metadata.fields f where f.object_id = (object).id and f.deleted_at is null and f.type <> 'TS_VECTOR'
        -- Of a relation to many, the end that was made second; of a junction, what makes it one.
        and not (f.type = 'MANY_TO_MANY' and exists (select from metadata.fields far join metadata.fields near on near.object_id = far.object_id and (near.position, near.id) < (far.position, far.id)
          join metadata.fields o on o.junction_field_id = near.id where far.id = f.junction_field_id))),
    'rules', (
      select coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('universalIdentifier', r.universal_identifier)) || jsonb_build_object('kind', r.kind, 'field', f.name,
        'settings', engine.references_by_name(r.workspace_id, r.settings), 'condition', r.condition, 'message', r.message, 'appliesFrom', r.applies_from, 'isActive', r.is_active, 'position', r.position)
        order by r.position, r.kind, f.name, r.settings::text, r.condition), '[]')
      from metadata.rules r left join metadata.fields f on f.id = r.field_id
      where r.object_id = (object).id and f.deleted_at is null and not ((object).is_junction and r.kind = 'UNIQUE' and r.position = 0)),
    'indexes', (
      select coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('universalIdentifier', i.universal_identifier)) || jsonb_build_object('name', i.name, 'kind', i.kind,
        'parts', engine.references_by_name(i.workspace_id, i.parts), 'condition', i.condition) order by i.name), '[]')
      from metadata.indexes i where i.object_id = (object).id),
    'views', (
      select coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('universalIdentifier', v.universal_identifier)) || jsonb_build_object('name', v.name, 'icon', v.icon, 'type', v.type,
        'filter', engine.references_by_name(v.workspace_id, v.filter), 'sorts', engine.references_by_name(v.workspace_id, v.sorts),
        'groupField', (select f.name from metadata.fields f where f.id = v.group_field_id), 'groupBucket', v.group_bucket, 'colors', engine.references_by_name(v.workspace_id, v.colors), 'layout', engine.references_by_name(v.workspace_id, v.layout), 'position', v.position,
        'fields', (select coalesce(jsonb_agg(jsonb_build_object('field', f.name, 'width', c.width, 'isVisible', c.is_visible, 'isPinned', c.is_pinned, 'aggregate', c.aggregate, 'position', c.position) order by c.position, f.name), '[]')
          from metadata.view_fields c join metadata.fields f on f.id = c.field_id and f.deleted_at is null where c.view_id = v.id)) order by v.position, v.name), '[]')
      from metadata.views v where v.object_id = (object).id and v.visibility = 'WORKSPACE'),
    'layouts', (
      select coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('role', r.name)) || jsonb_build_object('content', engine.references_by_name(l.workspace_id, l.content)) order by r.name nulls first), '[]')
      from metadata.layouts l left join metadata.roles r on r.id = l.role_id where l.object_id = (object).id))
$$;

create or replace function engine.manifest_of(workspace_id uuid) returns jsonb
language sql stable set search_path = ''
as $$
  select jsonb_build_object('name', w.slug, 'version', w.model_version::text,
    'objects', (
      select coalesce(jsonb_agg(engine.object_manifest(o) order by o.position, o.name_singular), '[]')
      from metadata.objects o where o.workspace_id = w.id and o.deleted_at is null and not o.is_junction),
    'roles', (select coalesce(jsonb_agg(engine.role_manifest(r) order by r.name), '[]') from metadata.roles r where r.workspace_id = w.id))
  from core.workspaces w where w.id = manifest_of.workspace_id
$$;

create or replace function metadata.export_manifest() returns jsonb
language sql stable security definer set search_path = ''
as $$ select engine.manifest_of(engine.workspace_of_role(current_setting('role')::name)) $$;
comment on function metadata.export_manifest() is
  'The whole model as a manifest: objects, fields, relations, rules, indexes, views, layouts and roles, without ids. metadata.plan_manifest makes it in another workspace.';

-- ── a manifest as changes ───────────────────────────────────────────────────────────────────────

-- Objects and fields of a manifest, one a row, those of junctions with the rest; with the ids that
-- they have here, or will have.
create or replace function engine.manifest_things(workspace_id uuid, manifest jsonb)
returns table (kind text, object_name text, name text, value jsonb, object_id uuid, id uuid, is_new boolean, is_junction boolean, via jsonb)
language plpgsql volatile set search_path = ''
as $$
begin
  return query
  with tree as materialized (
    select o.value as value, false as is_junction, null::jsonb as via, o.i from jsonb_array_elements(manifest -> 'objects') with ordinality o (value, i)
    union all
    select f.value #> '{manyToMany,junction}', true, f.value || jsonb_build_object('source', o.value -> 'nameSingular'), 1000 + o.i
    from jsonb_array_elements(manifest -> 'objects') with ordinality o (value, i) cross join lateral jsonb_array_elements(o.value -> 'fields') f (value)
    where f.value ? 'manyToMany'
  ), object as materialized (
    select t.value, t.is_junction, t.via, t.i, h.id as here, coalesce(h.id, engine.uuidv7()) as id
    from tree t
    left join lateral (
      select o.id from metadata.objects o
      where o.workspace_id = manifest_things.workspace_id and o.deleted_at is null
        and (o.universal_identifier = t.value ->> 'universalIdentifier' or o.name_singular = t.value ->> 'nameSingular')
      order by o.universal_identifier = t.value ->> 'universalIdentifier' desc nulls last limit 1
    ) h on true
  ), field as materialized (
    select o.id as object_id, o.value ->> 'nameSingular' as object_name, o.is_junction, f.value, o.i, f.j, h.id as here, coalesce(h.id, engine.uuidv7()) as id
    from object o
    cross join lateral (
      select e.value, e.j from jsonb_array_elements(o.value -> 'fields') with ordinality e (value, j)
      union all
      -- The other end of a relation to many.
      select jsonb_build_object('name', e.value #>> '{manyToMany,inverseName}', 'label', e.value #>> '{manyToMany,inverseLabel}', 'icon', e.value #> '{manyToMany,inverseIcon}', 'type', 'INVERSE'), 1000
      from object s cross join lateral jsonb_array_elements(s.value -> 'fields') e where e.value #>> '{manyToMany,target}' = o.value ->> 'nameSingular' and not o.is_junction
    ) f
    left join lateral (
      select g.id from metadata.fields g
      where g.object_id = o.here and g.deleted_at is null and (g.universal_identifier = f.value ->> 'universalIdentifier' or g.name = f.value ->> 'name')
      order by g.universal_identifier = f.value ->> 'universalIdentifier' desc nulls last limit 1
    ) h on true
  )
  select 'object', o.value ->> 'nameSingular', o.value ->> 'nameSingular', o.value, o.id, o.id, o.here is null, o.is_junction, o.via from object o
  union all
  select 'field', f.object_name, f.value ->> 'name', f.value, f.object_id, f.id, f.here is null, f.is_junction, null from field f;
end
$$;

create or replace function engine.manifest_changes(workspace_id uuid, manifest jsonb, prune boolean) returns jsonb
language plpgsql volatile set search_path = ''
as $$
#variable_conflict use_column
declare
  v_things jsonb;
  v_planned jsonb;
  v_changes jsonb;
begin
  if jsonb_typeof(manifest) is distinct from 'object' or coalesce(manifest ->> 'name', '') = '' or jsonb_typeof(manifest -> 'objects') is distinct from 'array' then
    raise exception 'A manifest needs a name and a list of objects.' using errcode = 'RV030',
      hint = 'metadata.export_manifest() gives one that works; docs/manifest.md says what may be in it.';
  end if;
  -- Ids are given once.
  v_things := (select coalesce(jsonb_agg(to_jsonb(t)), '[]') from engine.manifest_things(workspace_id, manifest) t);
  create temporary table relvar_things on commit drop as
    select * from jsonb_to_recordset(v_things) t (kind text, object_name text, name text, value jsonb, object_id uuid, id uuid, is_new boolean, is_junction boolean, via jsonb);
  v_planned := (select coalesce(jsonb_object_agg(case t.kind when 'object' then 'object:' || t.name else 'field:' || t.object_name || '.' || t.name end, t.id), '{}') from pg_temp.relvar_things t);
  create temporary table relvar_relations on commit drop as
    select t.id as field_id, t.object_name, t.name, t.is_new, t.is_junction, t.value ->> 'type' as type, r.value, o.id as target_id, h.id as here, coalesce(h.id, engine.uuidv7()) as id
    from pg_temp.relvar_things t
    cross join lateral jsonb_array_elements(coalesce(t.value -> 'relations', '[]')) r
    left join lateral (select (v_planned ->> ('object:' || (r.value ->> 'target')))::uuid as id) p on true
    left join metadata.objects e on e.workspace_id = manifest_changes.workspace_id and e.deleted_at is null and e.name_singular = r.value ->> 'target'
    cross join lateral (select coalesce(p.id, e.id) as id) o
    left join metadata.relations h on h.field_id = t.id and h.target_object_id = o.id and h.deleted_at is null
    where t.kind = 'field';
  if exists (select from pg_temp.relvar_relations r where r.target_id is null) then
    raise exception 'The manifest points to the object "%", which is neither in it nor here.', (select r.value ->> 'target' from pg_temp.relvar_relations r where r.target_id is null limit 1)
      using errcode = 'RV067', column = 'manifest', hint = 'Add it to the manifest, or take out what speaks of it.';
  end if;
  v_planned := v_planned || (select coalesce(jsonb_object_agg('relation:' || r.object_name || '.' || r.name || '>' || (r.value ->> 'target'), r.id), '{}') from pg_temp.relvar_relations r);

  with thing as materialized (
    select t.*, case t.kind
        when 'object' then jsonb_strip_nulls(jsonb_build_object('nameSingular', t.value -> 'nameSingular', 'namePlural', t.value -> 'namePlural', 'labelSingular', t.value -> 'labelSingular',
          'labelPlural', t.value -> 'labelPlural', 'description', t.value -> 'description', 'icon', t.value -> 'icon', 'isActive', t.value -> 'isActive',
          'isSearchable', t.value -> 'isSearchable', 'isAudited', t.value -> 'isAudited', 'isPrivate', t.value -> 'isPrivate', 'position', t.value -> 'position')) || jsonb_build_object('color', t.value -> 'color')
        when 'field' then case
          when t.value ->> 'type' = 'INVERSE' then jsonb_strip_nulls(jsonb_build_object('label', t.value -> 'label', 'icon', t.value -> 'icon'))
          when (t.value ->> 'isSystem')::boolean then jsonb_strip_nulls(jsonb_build_object('label', t.value -> 'label', 'description', t.value -> 'description', 'icon', t.value -> 'icon'))
          else jsonb_strip_nulls(jsonb_build_object('name', t.value -> 'name', 'label', t.value -> 'label', 'description', coalesce(t.value -> 'description', '""'), 'icon', t.value -> 'icon',
            'type', t.value -> 'type', 'settings', engine.references_by_id(manifest_changes.workspace_id, coalesce(t.value -> 'settings', '{}'), v_planned), 'options', coalesce(t.value -> 'options', '[]'),
            'isRequired', coalesce(t.value -> 'isRequired', 'false'), 'isUnique', coalesce(t.value -> 'isUnique', 'false'), 'isActive', coalesce(t.value -> 'isActive', 'true'), 'position', t.value -> 'position'))
            || jsonb_build_object('defaultValue', t.value -> 'defaultValue', 'requiredFrom', t.value -> 'requiredFrom') end
      end as wanted
    from pg_temp.relvar_things t
  ), object as materialized (
    select t.* from thing t where t.kind = 'object'
  ), label as (
    select o.*, jsonb_build_object(
      'labelFieldId', (select f.id from thing f where f.kind = 'field' and f.object_id = o.id and f.name = o.value ->> 'labelField'),
      'imageFieldId', (select f.id from thing f where f.kind = 'field' and f.object_id = o.id and f.name = o.value ->> 'imageField'),
      'duplicateCriteria', engine.references_by_id(manifest_changes.workspace_id, coalesce(o.value -> 'duplicateCriteria', '[]'), v_planned)) as references_wanted
    from object o
  ), child as materialized (
    select 'rules' as part, o.object_id, jsonb_build_object('kind', e.value -> 'kind', 'fieldId', v_planned -> ('field:' || o.name || '.' || (e.value ->> 'field')),
        'settings', engine.references_by_id(manifest_changes.workspace_id, coalesce(e.value -> 'settings', '{}'), v_planned), 'condition', nullif(e.value -> 'condition', 'null'), 'message', coalesce(e.value -> 'message', '""'),
        'appliesFrom', e.value -> 'appliesFrom', 'isActive', coalesce(e.value -> 'isActive', 'true'), 'position', coalesce(e.value -> 'position', '0')) as wanted, null::jsonb as columns
    from object o cross join lateral jsonb_array_elements(coalesce(o.value -> 'rules', '[]')) e
    union all
    select 'indexes', o.object_id, jsonb_build_object('name', e.value -> 'name', 'kind', coalesce(e.value -> 'kind', '"BTREE"'), 'parts', engine.references_by_id(manifest_changes.workspace_id, e.value -> 'parts', v_planned), 'condition', nullif(e.value -> 'condition', 'null')), null
    from object o cross join lateral jsonb_array_elements(coalesce(o.value -> 'indexes', '[]')) e
    union all
    select 'views', o.object_id, jsonb_build_object('name', e.value -> 'name', 'icon', e.value -> 'icon', 'type', coalesce(e.value -> 'type', '"TABLE"'), 'filter', nullif(engine.references_by_id(manifest_changes.workspace_id, engine.manifest_filter(e.value -> 'filter'), v_planned), 'null'),
        'sorts', engine.references_by_id(manifest_changes.workspace_id, coalesce(e.value -> 'sorts', '[]'), v_planned), 'groupFieldId', v_planned -> ('field:' || o.name || '.' || (e.value ->> 'groupField')),
        'groupBucket', e.value -> 'groupBucket', 'colors', engine.references_by_id(manifest_changes.workspace_id, coalesce(e.value -> 'colors', '[]'), v_planned),
        'layout', engine.references_by_id(manifest_changes.workspace_id, coalesce(e.value -> 'layout', '{}'), v_planned), 'position', coalesce(e.value -> 'position', '0')),
      (select jsonb_agg(jsonb_build_object('fieldId', v_planned -> ('field:' || o.name || '.' || (c.value ->> 'field')), 'width', c.value -> 'width', 'isVisible', coalesce(c.value -> 'isVisible', 'true'), 'isPinned', coalesce(c.value -> 'isPinned', 'false'), 'aggregate', coalesce(c.value -> 'aggregate', 'null'), 'position', coalesce(c.value -> 'position', '0')))
        from jsonb_array_elements(coalesce(e.value -> 'fields', '[]')) c)
    from object o cross join lateral jsonb_array_elements(coalesce(o.value -> 'views', '[]')) e
  ), existing as materialized (
    -- Rules have no name: one is the same that says the same of the same.
    select 'rules' as part, r.id, r.object_id, to_jsonb(r) as "row", r.application_id, jsonb_build_array(r.kind, r.field_id, r.settings, r.condition) as key from metadata.rules r where r.workspace_id = manifest_changes.workspace_id
    union all
    select 'indexes', i.id, i.object_id, to_jsonb(i), i.application_id, jsonb_build_array(i.name) from metadata.indexes i where i.workspace_id = manifest_changes.workspace_id
    union all
    select 'views', v.id, v.object_id, to_jsonb(v), v.application_id, jsonb_build_array(v.name) from metadata.views v where v.workspace_id = manifest_changes.workspace_id and v.visibility = 'WORKSPACE'
  ), matched as materialized (
    select c.*, e.id as here, e."row", coalesce(e.id, engine.uuidv7()) as id
    from child c
    left join existing e on e.part = c.part and e.object_id = c.object_id and e.key = case c.part
      when 'rules' then jsonb_build_array(c.wanted -> 'kind', coalesce(c.wanted -> 'fieldId', 'null'), c.wanted -> 'settings', coalesce(c.wanted -> 'condition', 'null')) else jsonb_build_array(c.wanted -> 'name') end
  ), role as materialized (
    -- Of roles that every workspace has, only what they may do is moved.
    select e.value, h.id as here, coalesce(h.id, engine.uuidv7()) as id,
      (select jsonb_object_agg(engine.camel_case(v.key), v.value) from jsonb_each(engine.role_row_values('metadata.roles', e.value)) v
        where not coalesce(h.is_system, false) or v.key not in ('name', 'description', 'icon', 'has_all_permissions')) as wanted
    from jsonb_array_elements(coalesce(manifest -> 'roles', '[]')) e
    left join metadata.roles h on h.workspace_id = manifest_changes.workspace_id and h.name = e.value ->> 'name'
    where h.id is not null or not coalesce((e.value ->> 'isSystem')::boolean, false)
  ), layout as materialized (
    -- Of a role that is neither in the manifest nor here there is nothing to arrange.
    select o.object_id, r.id as role_id, engine.references_by_id(manifest_changes.workspace_id, e.value -> 'content', v_planned) as content, h.id as here
    from object o cross join lateral jsonb_array_elements(coalesce(o.value -> 'layouts', '[]')) e
    left join lateral (
      select coalesce((select x.id from role x where x.value ->> 'name' = e.value ->> 'role'),
        (select x.id from metadata.roles x where x.workspace_id = manifest_changes.workspace_id and x.name = e.value ->> 'role')) as id
    ) r on true
    left join metadata.layouts h on h.object_id = o.object_id and h.role_id is not distinct from r.id
    where not o.is_junction and (r.id is not null or e.value ->> 'role' is null)
  ), right_here as materialized (
    select x.* from engine.role_part_rows(manifest_changes.workspace_id) x
  ), role_right as materialized (
    select r.id as role_id, p.table_name, w.wanted, x.id as here
    from role r cross join engine.role_parts() p
    cross join lateral jsonb_array_elements(coalesce(r.value -> p.part, '[]')) e
    cross join lateral (select engine.references_by_id(manifest_changes.workspace_id, engine.role_row_values(('metadata.' || p.table_name)::regclass, e.value), v_planned) as "values") v
    cross join lateral (select (select jsonb_object_agg(engine.camel_case(c.key), c.value) from jsonb_each(v."values") c) as wanted) w
    left join right_here x on x.table_name = p.table_name and x.role_id = r.here and x.key = v."values" ->> p.key_column
  ), steps (phase, place, id, change) as (
    select 80, 0::double precision, r.id, case when r.here is null then jsonb_build_object('op', 'insert', 'table', 'roles', 'id', r.id, 'values', r.wanted)
      else jsonb_build_object('op', 'update', 'table', 'roles', 'id', r.id, 'values', engine.what_differs('roles', r.id, r.wanted)) end
    from role r where r.here is null or engine.what_differs('roles', r.id, r.wanted) <> '{}'
    union all
    select 81, 0, t.here, case when t.here is null then jsonb_build_object('op', 'insert', 'table', engine.camel_case(t.table_name), 'id', engine.uuidv7(), 'values', t.wanted || jsonb_build_object('roleId', t.role_id))
      else jsonb_build_object('op', 'update', 'table', engine.camel_case(t.table_name), 'id', t.here, 'values', engine.what_differs(t.table_name, t.here, t.wanted)) end
    from role_right t where t.here is null or engine.what_differs(t.table_name, t.here, t.wanted) <> '{}'
    union all
    select 69, 0, x.id, jsonb_build_object('op', 'delete', 'table', engine.camel_case(x.table_name), 'id', x.id)
    from right_here x where prune and exists (select from role r where r.here = x.role_id) and not exists (select from role_right t where t.here = x.id)
    union all
    select 69, 1, o.id, jsonb_build_object('op', 'delete', 'table', 'roles', 'id', o.id)
    from metadata.roles o where prune and o.workspace_id = manifest_changes.workspace_id and not o.is_system and o.application_id is null
      and engine.role_holders(o.id) = '{}' and not exists (select from role r where r.here = o.id)
    union all
    select 10, (t.value ->> 'position')::double precision, t.id, jsonb_build_object('op', 'insert', 'table', 'objects', 'id', t.id, 'values', t.wanted)
    from object t where t.is_new and not t.is_junction
    union all
    select 15, 0, t.id, jsonb_build_object('op', 'update', 'table', 'objects', 'id', t.id, 'values', v.value)
    from object t cross join lateral (select engine.what_differs('objects', t.id, t.wanted) as value) v where not t.is_new and v.value <> '{}'
    union all
    select case when t.value ->> 'type' in ('FORMULA', 'ROLLUP') then 40 when t.is_junction then 25 else 20 end, (t.value ->> 'position')::double precision, t.id,
      jsonb_build_object('op', 'insert', 'table', 'fields', 'id', t.id, 'values', t.wanted || jsonb_build_object('objectId', t.object_id))
    from thing t where t.kind = 'field' and t.is_new and t.value ->> 'type' not in ('INVERSE', 'MANY_TO_MANY') and not coalesce((t.value ->> 'isSystem')::boolean, false) and not (t.is_junction and t.value ->> 'type' = 'RELATION' and (t.value ->> 'isRequired')::boolean)
    union all
    select case when r.is_junction then 26 else 21 end, 0, r.id, jsonb_build_object('op', 'insert', 'table', 'relations', 'id', r.id, 'values', jsonb_build_object('fieldId', r.field_id, 'targetObjectId', r.target_id,
      'inverseName', r.value -> 'inverseName', 'inverseLabel', r.value -> 'inverseLabel', 'onDelete', coalesce(r.value -> 'onDelete', '"SET_NULL"'), 'isOnTimeline', coalesce(r.value -> 'isOnTimeline', 'false')))
    from pg_temp.relvar_relations r where r.here is null and r.type <> 'MEMBER' and not (r.is_junction and r.value ->> 'onDelete' = 'CASCADE')
    union all
    select 22, (t.value ->> 'position')::double precision, t.id, jsonb_build_object('op', 'createField', 'id', t.id, 'objectId', t.object_id, 'label', t.value -> 'label', 'name', t.value -> 'name',
      'description', t.value -> 'description', 'icon', t.value -> 'icon', 'type', 'MANY_TO_MANY', 'targetObjectId', coalesce(v_planned ->> ('object:' || (t.value #>> '{manyToMany,target}')), (
        select o.id::text from metadata.objects o where o.workspace_id = manifest_changes.workspace_id and o.deleted_at is null and o.name_singular = t.value #>> '{manyToMany,target}')),
      'inverseLabel', t.value #> '{manyToMany,inverseLabel}', 'inverseName', t.value #> '{manyToMany,inverseName}',
      'settings', jsonb_build_object('junctionId', v_planned -> ('object:' || (t.value #>> '{manyToMany,junction,nameSingular}')),
        'inverseId', v_planned -> ('field:' || (t.value #>> '{manyToMany,target}') || '.' || (t.value #>> '{manyToMany,inverseName}')),
        -- What sums up or finds links speaks of the junction's own relations.
        'nearId', v_planned -> ('field:' || j.name || '.' || j.near), 'farId', v_planned -> ('field:' || j.name || '.' || j.far),
        'nearRelationId', v_planned -> ('relation:' || j.name || '.' || j.near || '>' || t.object_name),
        'farRelationId', v_planned -> ('relation:' || j.name || '.' || j.far || '>' || (t.value #>> '{manyToMany,target}'))))
    from thing t
    cross join lateral (select t.value #>> '{manyToMany,junction,nameSingular}' as name, t.value #>> '{manyToMany,near}' as near, t.value #>> '{manyToMany,far}' as far) j
    where t.kind = 'field' and t.is_new and t.value ->> 'type' = 'MANY_TO_MANY' and t.value ? 'manyToMany'
    union all
    select 24, 0, t.id, jsonb_build_object('op', 'update', 'table', 'fields', 'id', t.id, 'values', t.wanted - '{type,settings,options,isRequired,isUnique,requiredFrom,defaultValue}'::text[])
    from thing t where t.kind = 'field' and t.is_new and t.is_junction and t.value ->> 'type' = 'RELATION' and (t.value ->> 'isRequired')::boolean
    union all
    select 25, 0, r.id, jsonb_build_object('op', 'update', 'table', 'relations', 'id', r.id, 'values', jsonb_build_object('inverseName', r.value -> 'inverseName', 'inverseLabel', r.value -> 'inverseLabel',
      'isOnTimeline', coalesce(r.value -> 'isOnTimeline', 'false')))
    from pg_temp.relvar_relations r where r.is_new and r.is_junction and r.value ->> 'onDelete' = 'CASCADE'
    union all
    select 24, 0, t.id, jsonb_build_object('op', 'update', 'table', 'fields', 'objectId', t.object_id, 'name', t.name, 'values', t.wanted)
    from thing t where t.kind = 'field' and t.is_new and (t.value ->> 'isSystem')::boolean
      and not exists (select from engine.system_fields() s where (s.name, s.label, s.description, s.icon) = (t.name, t.value ->> 'label', t.value ->> 'description', t.value ->> 'icon'))
    union all
    select 24, 0, r.id, jsonb_build_object('op', 'update', 'table', 'relations', 'fieldId', r.field_id, 'targetObjectId', r.target_id, 'values', jsonb_strip_nulls(jsonb_build_object(
      'inverseName', r.value -> 'inverseName', 'inverseLabel', r.value -> 'inverseLabel', 'onDelete', r.value -> 'onDelete', 'isOnTimeline', r.value -> 'isOnTimeline')))
    from pg_temp.relvar_relations r where r.is_new and r.type = 'MEMBER'
    union all
    -- What the engine named is given the names of the manifest.
    select 23, 0, t.id, jsonb_build_object('op', 'update', 'table', 'objects', 'id', t.id, 'values', t.wanted) from object t where t.is_new and t.is_junction
    union all
    select 24, 0, t.id, jsonb_build_object('op', 'update', 'table', 'fields', 'id', t.id, 'values', jsonb_strip_nulls(jsonb_build_object('icon', t.value -> 'icon', 'position', t.value -> 'position')))
    from thing t where t.kind = 'field' and t.is_new and t.value ->> 'type' in ('MANY_TO_MANY', 'INVERSE')
    union all
    select case when t.value ->> 'type' in ('FORMULA', 'ROLLUP') then 41 else 30 end, (t.value ->> 'position')::double precision, t.id, jsonb_build_object('op', 'update', 'table', 'fields', 'id', t.id, 'values', v.value)
    from thing t cross join lateral (select engine.what_differs('fields', t.id, t.wanted) as value) v where t.kind = 'field' and not t.is_new and v.value <> '{}'
    union all
    select 31, 0, r.id, jsonb_build_object('op', 'update', 'table', 'relations', 'id', r.id, 'values', v.value)
    from pg_temp.relvar_relations r cross join lateral (
      select engine.what_differs('relations', r.id, jsonb_strip_nulls(jsonb_build_object('inverseName', r.value -> 'inverseName', 'inverseLabel', r.value -> 'inverseLabel', 'onDelete', r.value -> 'onDelete', 'isOnTimeline', r.value -> 'isOnTimeline'))) as value) v
    where r.here is not null and v.value <> '{}'
    union all
    select 50, 0, l.id, jsonb_build_object('op', 'update', 'table', 'objects', 'id', l.id, 'values', v.value)
    from label l cross join lateral (
      select case when l.is_new then jsonb_strip_nulls(l.references_wanted) - case when l.references_wanted -> 'duplicateCriteria' = '[]' then 'duplicateCriteria' else '' end
        else engine.what_differs('objects', l.id, l.references_wanted) end as value) v where v.value <> '{}'
    union all
    select case c.part when 'rules' then 60 when 'indexes' then 61 else 62 end, 0, c.id, jsonb_build_object('op', 'insert', 'table', c.part, 'id', c.id, 'values', jsonb_strip_nulls(c.wanted) || jsonb_build_object('objectId', c.object_id))
    from matched c where c.here is null
    union all
    select 63, 0, c.id, jsonb_build_object('op', 'update', 'table', c.part, 'id', c.id, 'values', v.value)
    from matched c cross join lateral (select engine.what_differs(c.part, c.id, c.wanted) as value) v where c.here is not null and v.value <> '{}'
    union all
    select 64, (f.value ->> 'position')::double precision, null, case when e.id is null
      then jsonb_build_object('op', 'insert', 'table', 'viewFields', 'id', engine.uuidv7(), 'values', f.value || jsonb_build_object('viewId', c.id))
      else jsonb_build_object('op', 'update', 'table', 'viewFields', 'id', e.id, 'values', engine.what_differs('view_fields', e.id, f.value)) end
    from matched c cross join lateral jsonb_array_elements(coalesce(c.columns, '[]')) f
    left join metadata.view_fields e on e.view_id = c.here and e.field_id = (f.value ->> 'fieldId')::uuid
    where c.part = 'views' and f.value ->> 'fieldId' is not null and (e.id is null or engine.what_differs('view_fields', e.id, f.value) <> '{}')
    union all
    select 90, 0, l.here, case when l.here is null
      then jsonb_build_object('op', 'insert', 'table', 'layouts', 'id', engine.uuidv7(), 'values', jsonb_strip_nulls(jsonb_build_object('objectId', l.object_id, 'roleId', l.role_id)) || jsonb_build_object('content', l.content))
      else jsonb_build_object('op', 'update', 'table', 'layouts', 'id', l.here, 'values', engine.what_differs('layouts', l.here, jsonb_build_object('content', l.content))) end
    from layout l where l.here is null or engine.what_differs('layouts', l.here, jsonb_build_object('content', l.content)) <> '{}'
    union all
    select 70, 1, y.id, jsonb_build_object('op', 'delete', 'table', 'layouts', 'id', y.id)
    from metadata.layouts y where prune and exists (select from object o where o.object_id = y.object_id) and not exists (select from layout l where l.here = y.id)
    union all
    -- What the manifest does not have goes, if that is asked for; what belongs to an application stays.
    select 70, 0, e.id, jsonb_build_object('op', 'delete', 'table', e.part, 'id', e.id)
    from existing e where prune and e.application_id is null and exists (select from metadata.objects o where o.id = e.object_id and o.deleted_at is null and not o.is_junction)
      and not exists (select from matched m where m.here = e.id)
    union all
    select case when f.type in ('FORMULA', 'ROLLUP') then 71 else 72 end, 0, f.id, jsonb_build_object('op', 'delete', 'table', 'fields', 'id', f.id)
    from metadata.fields f join metadata.objects o on o.id = f.object_id
    where prune and f.workspace_id = manifest_changes.workspace_id and f.deleted_at is null and o.deleted_at is null and not f.is_system and f.application_id is null and not o.is_junction
      and exists (select from object t where t.id = o.id) and not exists (select from thing t where t.id = f.id)
      and not (f.type = 'MANY_TO_MANY' and exists (select from metadata.fields far join metadata.fields near on near.object_id = far.object_id and (near.position, near.id) < (far.position, far.id)
        join metadata.fields other on other.junction_field_id = near.id where far.id = f.junction_field_id))
    union all
    select 73, 0, o.id, jsonb_build_object('op', 'delete', 'table', 'objects', 'id', o.id)
    from metadata.objects o where prune and o.workspace_id = manifest_changes.workspace_id and o.deleted_at is null and not o.is_junction and o.application_id is null and not exists (select from object t where t.id = o.id)
  )
  select coalesce(jsonb_agg(s.change order by s.phase, s.place, s.id), '[]') into v_changes from steps s;
  drop table pg_temp.relvar_things, pg_temp.relvar_relations;
  return v_changes;
end
$$;

-- Which of the wanted values a row does not have.
create or replace function engine.what_differs(table_name text, id uuid, wanted jsonb) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_row jsonb;
begin
  execute format('select to_jsonb(t) from metadata.%I t where t.id = $1', table_name) into v_row using id;
  return (
    select coalesce(jsonb_object_agg(w.key, w.value), '{}') from jsonb_each(wanted) w
    where w.value is distinct from v_row -> engine.snake_case(w.key)
      and not (w.key in ('appliesFrom', 'requiredFrom') and (w.value #>> '{}')::timestamptz is not distinct from (v_row ->> engine.snake_case(w.key))::timestamptz));
end
$$;

create or replace function metadata.plan_manifest(workspace_id uuid, manifest jsonb, prune boolean default false) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_plan jsonb;
begin
  perform engine.assert_manages(workspace_id);
  v_plan := metadata.plan_changes(workspace_id, engine.manifest_changes(workspace_id, manifest, prune));
  -- A role that every workspace has is not made a second time under another name.
  return jsonb_set(v_plan, '{warnings}', (v_plan -> 'warnings') || (
    select coalesce(jsonb_agg(jsonb_build_object('code', 'ROLE_MISSING', 'message', format('There is no role "%s" here.', r ->> 'name'), 'hint', 'It is one of the product, which has another name here.')), '[]')
    from jsonb_array_elements(coalesce(manifest -> 'roles', '[]')) r
    where (r ->> 'isSystem')::boolean and not exists (select from metadata.roles x where x.workspace_id = plan_manifest.workspace_id and x.name = r ->> 'name')) || (
    select coalesce(jsonb_agg(jsonb_build_object('code', 'ROLE_HELD', 'message', format('The role "%s" is not in the manifest and stays: %s has it.', x.name, (engine.role_holders(x.id))[1]), 'hint', 'Give its holders another role first.')), '[]')
    from metadata.roles x
    where prune and x.workspace_id = plan_manifest.workspace_id and not x.is_system and x.application_id is null and engine.role_holders(x.id) <> '{}'
      and not exists (select from jsonb_array_elements(coalesce(manifest -> 'roles', '[]')) r where r ->> 'name' = x.name)));
end
$$;
comment on function metadata.plan_manifest(uuid, jsonb, boolean) is
  'What it takes to make the model of a manifest here: a plan whose changes apply_changes makes. With prune, what the manifest does not have is deleted.';
grant execute on function metadata.export_manifest(), metadata.plan_manifest(uuid, jsonb, boolean) to relvar_crm;
--! EndIncluded metadata/manifest.sql

-- Notes and tasks: rich texts that several write, recurrences and reminders.
drop function core.task_columns(uuid);

--! Included core/notifications/tasks.sql
-- Tasks: who was given one, from the event log, and whose is due, by a job. Both for many at a time.

-- The columns of the standard tasks as they are called now; null where an administrator has removed what is asked for.
create or replace function core.task_columns(workspace_id uuid, out object metadata.objects, out assignee text, out due_at text, out status text, out reminder text)
language plpgsql stable set search_path = ''
as $$
begin
  select o.* into object from metadata.objects o
  where o.workspace_id = task_columns.workspace_id and o.universal_identifier = 'standard:task' and o.is_active and o.deleted_at is null;
  select max(c.name) filter (where f.universal_identifier = 'standard:task.assignee'), max(c.name) filter (where f.universal_identifier = 'standard:task.dueAt'),
    max(c.name) filter (where f.universal_identifier = 'standard:task.status'), max(c.name) filter (where f.universal_identifier = 'standard:task.reminder')
  into assignee, due_at, status, reminder
  from engine.field_columns(task_columns.workspace_id, array[(object).id]) c join metadata.fields f on f.id = c.field_id
  where (object).id is not null;
end
$$;

-- One statement may give a member many tasks; beyond so many it is told in one line.
create or replace function core.told_one_by_one() returns int
language sql immutable parallel safe set search_path = ''
  return 10;

-- For the relay: one job for all of a workspace's statements of a round that may have given tasks to members.
create or replace function core.queue_assigned(taken engine.outbox[]) returns void
language sql volatile set search_path = ''
as $$
  select graphile_worker.add_job('notifications__assigned', json_build_object('workspace_id', t.workspace_id, 'batches', json_agg(t.batch)))
  from unnest(taken) t join metadata.objects o on o.id = t.object_id
  where o.universal_identifier = 'standard:task' and t.action in ('created', 'updated')
  group by t.workspace_id
$$;

-- In that job the event log says whom they were given to, and who did it.
create or replace function core.notify_assigned(workspace_id uuid, batches bigint[]) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_task record;
  v_schema text := (select w.schema_name from core.workspaces w where w.id = workspace_id);
  v_count int := 0;
  v_rows int;
  r record;
begin
  select * into v_task from core.task_columns(workspace_id);
  if v_schema is null or v_task.assignee is null then
    return 0;
  end if;
  -- By who was given what by whom in one statement: still theirs, and not done meanwhile.
  for r in execute format($sql$
      select e.batch, m.id as member_id, i.pg_role, e.actor_type, e.actor_id, e.actor_name, array_agg(e.record_id) as records
      from %1$I.record_events e
      join %1$I.%2$I t on t.id = e.record_id and t.%3$I = (e.after ->> %3$L)::uuid
      join core.members m on m.id = t.%3$I and m.workspace_id = $3 and m.is_active
      join metadata.roles i on i.id = m.role_id
      where e.batch = any ($1) and e.object_id = $2 and e.action in ('created', 'updated') and e.after ->> %3$L is not null
        and not (e.actor_type = 'member' and e.actor_id = m.id) %4$s
      group by 1, 2, 3, 4, 5, 6
    $sql$, v_schema, (v_task.object).table_name, v_task.assignee, case when v_task.status is not null then format('and t.%I is distinct from ''DONE''', v_task.status) end) using batches, (v_task.object).id, workspace_id
  loop
    execute format($sql$
        with seen as (
          select t.id, count(*) over () as number from %1$I.%2$I t where t.id = any ($1) and %3$s
        ), lines as (
          select s.id, null::bigint as number from seen s where s.number <= $2
          union all
          select null, max(s.number) from seen s having max(s.number) > $2
        )
        insert into core.notifications (workspace_id, member_id, kind, object_id, record_id, detail, key, actor_id, actor_name, is_in_app, mail_at)
        select $3, c.member_id, 'TASK_ASSIGNED', $4, l.id, case when l.id is null then jsonb_build_object('count', l.number) else '{}' end,
          'assigned:' || $5 || coalesce(':' || l.id, ''), case when $6 = 'member' then $7 end, case when $6 not in ('system', 'psql') then $8 end, c.is_in_app, c.mail_at
        from lines l cross join core.notification_choices($3, array[$9], 'TASK_ASSIGNED') c
        on conflict do nothing
      $sql$, v_schema, (v_task.object).table_name, engine.condition_of(r.pg_role, (v_task.object).id, 'READ', 't.', r.member_id))
    using r.records, core.told_one_by_one(), workspace_id, (v_task.object).id, r.batch, r.actor_type, r.actor_id, r.actor_name, r.member_id;
    get diagnostics v_rows = row_count;
    if v_rows > 0 then
      perform core.wake_members(workspace_id, array[r.member_id]);
    end if;
    v_count := v_count + v_rows;
  end loop;
  return v_count;
end
$$;
comment on function core.notify_assigned(uuid, bigint[]) is 'Tells members which tasks others gave them in these statements. Doing it again tells nobody again.';

-- Due today from eight in the member's morning on, and overdue from the next day on; each once for a date, and nothing that is older than a week.
create or replace function core.notify_due(workspace_id uuid, at timestamptz default now()) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_task record;
  v_schema text := (select w.schema_name from core.workspaces w where w.id = workspace_id);
  v_count int := 0;
  v_rows int;
  r record;
begin
  select * into v_task from core.task_columns(workspace_id);
  if v_schema is null or v_task.assignee is null or v_task.due_at is null then
    return 0;
  end if;
  for r in execute format($sql$
      with zones as materialized (
        select w.id, core.zone_or_utc(w.time_zone) as zone from %1$I.workspace_members w
      )
      select d.member_id, d.state, i.pg_role, array_agg(d.id) as records, array_agg(d.key) as keys
      from (
        select t.id, t.%3$I as member_id, s.state, 'due:' || t.id || ':' || s.state || ':' || extract(epoch from t.%4$I) as key
        from %1$I.%2$I t
        join zones z on z.id = t.%3$I
        cross join lateral (select $2 at time zone z.zone as now, t.%4$I at time zone z.zone as due) l
        cross join lateral (select case when l.due::date < l.now::date then 'OVERDUE' when l.due::date = l.now::date and extract(hour from l.now) >= 8 then 'TODAY' end as state) s
        where t.%4$I > $2 - interval '7 days' and t.%4$I < $2 + interval '2 days' and s.state is not null %5$s
      ) d
      join core.members m on m.id = d.member_id and m.workspace_id = $1 and m.is_active
      join metadata.roles i on i.id = m.role_id
      where not exists (select from core.notifications n where n.member_id = d.member_id and n.key = d.key)
      group by 1, 2, 3
    $sql$, v_schema, (v_task.object).table_name, v_task.assignee, v_task.due_at, case when v_task.status is not null then format('and t.%I is distinct from ''DONE''', v_task.status) end)
  using workspace_id, notify_due.at
  loop
    execute format($sql$
        insert into core.notifications (workspace_id, member_id, kind, object_id, record_id, detail, key, is_in_app, mail_at)
        select $3, c.member_id, 'TASK_DUE', $4, t.id, jsonb_build_object('state', $5), d.key, c.is_in_app, c.mail_at
        from unnest($1, $2) d (id, key)
        join %I.%I t on t.id = d.id
        cross join core.notification_choices($3, array[$6], 'TASK_DUE') c
        where %s
        on conflict do nothing
      $sql$, v_schema, (v_task.object).table_name, engine.condition_of(r.pg_role, (v_task.object).id, 'READ', 't.', r.member_id))
    using r.records, r.keys, workspace_id, (v_task.object).id, r.state, r.member_id;
    get diagnostics v_rows = row_count;
    if v_rows > 0 then
      perform core.wake_members(workspace_id, array[r.member_id]);
    end if;
    v_count := v_count + v_rows;
  end loop;
  return v_count;
end
$$;
comment on function core.notify_due(uuid, timestamptz) is 'Tells members which of their tasks are due today or overdue, each once for a date.';

grant execute on function core.notify_assigned(uuid, bigint[]), core.notify_due(uuid, timestamptz) to relvar_worker;

-- For the job: each workspace is a transaction of its own.
create or replace function core.workspaces_to_remind() returns setof uuid
language sql stable security definer set search_path = ''
as $$ select w.id from core.workspaces w $$;
grant execute on function core.workspaces_to_remind() to relvar_worker;
--! EndIncluded core/notifications/tasks.sql
--! Included core/notifications/reminders.sql
-- Reminders of tasks, at the moment that a task says. Writers do nothing for it: the job that reads in the event log which tasks were given to whom finds those with a reminder, too, and
-- sets the clock, a job of its own for each. What a task says by then decides.

create or replace function core.plan_reminders(workspace_id uuid, batches bigint[]) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_task record;
  v_schema text := (select w.schema_name from core.workspaces w where w.id = workspace_id);
  v_count int;
begin
  select * into v_task from core.task_columns(workspace_id);
  if v_schema is null or v_task.assignee is null or v_task.due_at is null or v_task.reminder is null then
    return 0;
  end if;
  execute format($sql$
      select count(graphile_worker.add_job('notifications__remind', json_build_object('workspace_id', $1, 'task_id', t.id), run_at => t.%5$I - make_interval(secs => t.%6$I), job_key => 'remind:' || t.id))
      from %1$I.%2$I t
      where t.id in (select e.record_id from %1$I.record_events e where e.batch = any ($2) and e.object_id = $3 and e.action in ('created', 'updated')
          and e.after ?| array[%4$L, %5$L, %6$L, %7$L])
        and t.%5$I > now() and t.%6$I is not null and t.%4$I is not null
    $sql$, v_schema, (v_task.object).table_name, null, v_task.assignee, v_task.due_at, v_task.reminder, coalesce(v_task.status, v_task.due_at))
  into v_count using workspace_id, batches, (v_task.object).id;
  return v_count;
end
$$;
comment on function core.plan_reminders(uuid, bigint[]) is 'Sets the clock for the reminders of tasks that these statements wrote.';

-- Once for a time, to whom the task is assigned, and as long as it is to be done. The mail goes at once where tasks that are due are mailed at all.
create or replace function core.notify_reminder(workspace_id uuid, task_id uuid) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_task record;
  v_schema text := (select w.schema_name from core.workspaces w where w.id = workspace_id);
  v_count int;
  r record;
begin
  select * into v_task from core.task_columns(workspace_id);
  if v_schema is null or v_task.assignee is null or v_task.due_at is null or v_task.reminder is null then
    return 0;
  end if;
  execute format($sql$
      select m.id as member_id, i.pg_role, t.%3$I as due_at, t.%3$I - make_interval(secs => t.%4$I) as at from %1$I.%2$I t
      join core.members m on m.id = t.%5$I and m.workspace_id = $1 and m.is_active
      join metadata.roles i on i.id = m.role_id
      where t.id = $2 and t.%4$I is not null %6$s
    $sql$, v_schema, (v_task.object).table_name, v_task.due_at, v_task.reminder, v_task.assignee, case when v_task.status is not null then format('and t.%I is distinct from ''DONE''', v_task.status) end)
  into r using workspace_id, task_id;
  -- Put off meanwhile, it has another job; what is long past is told as overdue.
  if r.member_id is null or r.at > now() or r.due_at < now() - interval '1 day' then
    return 0;
  end if;
  execute format($sql$
      insert into core.notifications (workspace_id, member_id, kind, object_id, record_id, detail, key, is_in_app, mail_at)
      select $1, c.member_id, 'TASK_DUE', $2, t.id, jsonb_build_object('state', 'REMINDER', 'dueAt', $5), 'remind:' || t.id || ':' || extract(epoch from $6), c.is_in_app,
        case when c.mail_at is not null then now() + interval '1 minute' end
      from %I.%I t cross join core.notification_choices($1, array[$3], 'TASK_DUE') c
      where t.id = $4 and %s
      on conflict do nothing
    $sql$, v_schema, (v_task.object).table_name, engine.condition_of(r.pg_role, (v_task.object).id, 'READ', 't.', r.member_id))
  using workspace_id, (v_task.object).id, r.member_id, task_id, r.due_at, r.at;
  get diagnostics v_count = row_count;
  if v_count > 0 then
    perform core.wake_members(workspace_id, array[r.member_id]);
  end if;
  return v_count;
end
$$;
comment on function core.notify_reminder(uuid, uuid) is 'Reminds the member who has a task of it, if its time has come. Doing it again tells nobody again.';

grant execute on function core.plan_reminders(uuid, bigint[]), core.notify_reminder(uuid, uuid) to relvar_worker;
--! EndIncluded core/notifications/reminders.sql
--! Included engine/field_settings.sql
-- Which settings the fields of each type may have. What is a rule of the data among them holds in
-- the database (engine.desired_field_checks, the column's own type); the others are for the screen.
delete from engine.field_type_settings;
insert into engine.field_type_settings (type, key, json_type, allowed, low, high, description)
select t.type, s.key, s.json_type, s.allowed::text[], s.low, s.high, s.description
from (values
  ('{TEXT,SELECT,RICH_TEXT,FULL_NAME,EMAILS,PHONES,LINKS,ADDRESS}', 'searchable', 'boolean', null, null, null, 'Whether search reads it.'),
  ('{TEXT,RICH_TEXT,FULL_NAME,EMAILS,PHONES,LINKS,ADDRESS,ARRAY,MULTI_SELECT,RAW_JSON,FILES}', 'allowBlank', 'boolean', null, null, null, 'Whether a required field may hold a blank text or an empty list.'),
  ('{TEXT,PHONES,FULL_NAME,SELECT,AUTO_NUMBER}', 'uniqueIgnoresCase', 'boolean', null, null, null, 'Whether a unique field takes capitals and small letters for the same.'),
  ('{TEXT,ARRAY,RICH_TEXT}', 'displayedMaxRows', 'number', null, 0, 99, 'How many lines a cell shows.'),
  ('{NUMBER}', 'dataType', 'string', '{float,int,bigint}', null, null, 'Whether only whole numbers are held.'),
  ('{NUMBER}', 'type', 'string', '{number,percentage}', null, null, 'How it is shown.'),
  ('{NUMBER,NUMERIC,PERCENT,CURRENCY,FORMULA,ROLLUP}', 'decimals', 'number', null, 0, 15, 'How many decimals are shown.'),
  ('{TEXT}', 'format', 'string', '{recurrence}', null, null, 'Whether it is shown and edited as when something comes again.'),
  ('{CURRENCY,DURATION}', 'format', 'string', '{short,full}', null, null, 'How it is shown.'),
  ('{DATE,DATE_TIME,FORMULA,ROLLUP}', 'displayFormat', 'string', '{RELATIVE,USER_SETTINGS,CUSTOM}', null, null, 'How it is shown.'),
  ('{DATE,DATE_TIME,FORMULA,ROLLUP}', 'customUnicodeDateFormat', 'string', null, 1, 100, 'How it is shown when displayFormat is CUSTOM.'),
  ('{ARRAY,EMAILS,PHONES,LINKS,FILES}', 'maxNumberOfValues', 'number', null, 1, 1000, 'How many values it holds at most.'),
  ('{ADDRESS}', 'subFields', 'array', '{street1,street2,city,postcode,state,country,lat,lng}', null, null, 'Which parts are shown.'),
  ('{MEMBER}', 'onDelete', 'string', '{SET_NULL,CASCADE,RESTRICT}', null, null, 'What becomes of the record when the member is removed.'),
  ('{MANY_TO_MANY}', 'targetObjectId', 'string', null, 1, 100, 'The object on the other side, while the relation is being made.'),
  ('{MANY_TO_MANY}', 'inverseLabel', 'string', null, 0, 200, 'How the other side calls these records, while the relation is being made.'),
  ('{MANY_TO_MANY}', 'inverseName', 'string', null, 0, 100, 'The API name on the other side, while the relation is being made.'),
  ('{MANY_TO_MANY}', 'junctionId', 'string', null, 36, 36, 'The id for the junction, while the relation is being made.'),
  ('{MANY_TO_MANY}', 'inverseId', 'string', null, 36, 36, 'The id for the field on the other side, while the relation is being made.'),
  ('{MANY_TO_MANY}', 'nearId', 'string', null, 36, 36, 'The id for the junction''s relation to this object, while the relation is being made.'),
  ('{MANY_TO_MANY}', 'farId', 'string', null, 36, 36, 'The id for its relation to the other object, while the relation is being made.'),
  ('{MANY_TO_MANY}', 'nearRelationId', 'string', null, 36, 36, 'The id for the key of the first, while the relation is being made.'),
  ('{MANY_TO_MANY}', 'farRelationId', 'string', null, 36, 36, 'The id for the key of the second, while the relation is being made.'),
  ('{FORMULA}', 'expression', 'string', null, 0, 10000, 'The formula.'),
  ('{ROLLUP}', 'relationId', 'string', null, 1, 100, 'The relation over whose records it counts.'),
  ('{ROLLUP}', 'aggregate', 'string', '{COUNT,SUM,AVG,MIN,MAX,FIRST,LAST,LIST}', null, null, 'What it makes of them.'),
  ('{ROLLUP}', 'fieldId', 'string', null, 0, 100, 'The field of theirs that it reads.'),
  ('{ROLLUP}', 'filter', 'string', null, 0, 10000, 'A condition: which of them count.'),
  ('{ROLLUP}', 'orderFieldId', 'string', null, 0, 100, 'What FIRST, LAST and LIST go by.'),
  ('{AUTO_NUMBER}', 'prefix', 'string', null, 0, 20, 'What stands before the number.'),
  ('{AUTO_NUMBER}', 'padding', 'number', null, 0, 18, 'To how many digits it is filled up with zeros.'),
  ('{AUTO_NUMBER}', 'start', 'number', null, 0, 1000000000000, 'The first number.')
) as s (types, key, json_type, allowed, low, high, description)
cross join lateral unnest(s.types::text[]) as t (type)
union all
-- What becomes of values that a change of the type cannot convert.
select t.type, 'onFailure', 'string', '{REFUSE,EMPTY}', null, null, 'What becomes of values that a change of the type cannot convert.' from engine.field_types t;

create or replace function engine.assert_settings(field metadata.fields) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_known text[] := array(select s.key from engine.field_type_settings s where s.type = (field).type and s.key <> 'onFailure' order by s.key);
  v_key text;
  v_value jsonb;
  v_good boolean;
  s engine.field_type_settings;
begin
  if jsonb_typeof((field).settings) <> 'object' then
    raise exception 'The settings of a field are an object.' using errcode = 'RV084', column = 'settings', hint = 'Give settings such as {"decimals": 2}.';
  end if;
  for v_key, v_value in select k, v from jsonb_each((field).settings) e (k, v) loop
    select t.* into s from engine.field_type_settings t where t.type = (field).type and t.key = v_key;
    if not found then
      raise exception 'A field of type % has no setting "%".', (field).type, v_key using errcode = 'RV084', column = 'settings',
        hint = case when v_known = '{}' then 'It has none.' else engine.did_you_mean(v_key, v_known) end;
    end if;
    -- Null is as good as absent.
    continue when v_value = 'null';
    v_good := jsonb_typeof(v_value) = s.json_type;
    if v_good then
      v_good := case s.json_type
        when 'number' then (v_value #>> '{}')::numeric between s.low and s.high and (v_value #>> '{}')::numeric % 1 = 0
        when 'string' then case when s.allowed is not null then (v_value #>> '{}') = any (s.allowed)
          else octet_length(v_value #>> '{}') between s.low and s.high end
        when 'array' then not exists (select from jsonb_array_elements(v_value) e where jsonb_typeof(e) <> 'string' or (e #>> '{}') <> all (s.allowed))
        else true end;
    end if;
    if not v_good then
      raise exception '% is no value of the setting "%".', left(v_value::text, 100), v_key using errcode = 'RV084', column = 'settings',
        hint = case when s.allowed is not null then 'It is one of: ' || array_to_string(s.allowed, ', ') || '.'
          when s.json_type = 'number' then format('It is a whole number from %s to %s.', s.low, s.high)
          when s.json_type = 'string' then format('It is a text of %s to %s bytes.', s.low, s.high) else 'It is true or false.' end;
    end if;
  end loop;
end
$$;

-- Options beyond their values, which engine.tg_fields__validate judges.
create or replace function engine.assert_options(options jsonb) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_option jsonb;
  v_key text;
  v_colours text[] := '{gray,red,orange,yellow,green,turquoise,sky,blue,purple,pink}';
begin
  if jsonb_array_length(options) > 1000 then
    raise exception 'A select has at most 1,000 options.' using errcode = 'RV009', column = 'options', hint = 'What grows without end is better an object of its own, with a relation.';
  end if;
  for v_option in select e from jsonb_array_elements(options) e loop
    if jsonb_typeof(v_option) <> 'object' then
      raise exception '% is no option.', left(v_option::text, 100) using errcode = 'RV009', column = 'options', hint = 'Give options such as {"value": "NEW", "label": "New", "color": "blue"}.';
    end if;
    select k into v_key from jsonb_object_keys(v_option) k where k <> all ('{id,value,label,color,position}') limit 1;
    if found then
      raise exception 'An option has no "%".', v_key using errcode = 'RV009', column = 'options', hint = engine.did_you_mean(v_key, '{value,label,color,position}');
    end if;
    if coalesce(jsonb_typeof(v_option -> 'label') <> 'string' or btrim(v_option ->> 'label') = '' or octet_length(v_option ->> 'label') > 200, true) then
      raise exception 'The option "%" needs a label of 1 to 200 bytes.', v_option ->> 'value' using errcode = 'RV009', column = 'options';
    end if;
    if coalesce(nullif(v_option -> 'color', 'null') #>> '{}', 'gray') <> all (v_colours) then
      raise exception 'There is no colour "%".', v_option ->> 'color' using errcode = 'RV009', column = 'options', hint = 'There are: ' || array_to_string(v_colours, ', ') || '.';
    end if;
    if coalesce(jsonb_typeof(v_option -> 'position'), 'number') not in ('number', 'null') then
      raise exception 'The position of the option "%" is no number.', v_option ->> 'value' using errcode = 'RV009', column = 'options';
    end if;
  end loop;
  select btrim(min(e ->> 'label')) into v_key from jsonb_array_elements(options) e group by lower(btrim(e ->> 'label')) having count(*) > 1 limit 1;
  if found then
    raise exception 'Two options have the label "%".', v_key using errcode = 'RV009', column = 'options', hint = 'Nobody could tell them apart.';
  end if;
end
$$;

-- What a default must be, beyond fitting the column (engine.assert_default).
create or replace function engine.assert_default_holds(field metadata.fields) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_value jsonb := (field).default_value;
  v_is_good boolean;
begin
  if v_value is null or v_value = 'null' or jsonb_typeof(v_value) = 'object' and v_value ? 'expression' then
    return;
  end if;
  if (field).type in ('FORMULA', 'ROLLUP', 'AUTO_NUMBER', 'MANY_TO_MANY', 'MORPH_RELATION', 'TS_VECTOR') then
    raise exception 'A field of type % has no default value.', (field).type using errcode = 'RV009', column = 'default_value';
  end if;
  v_is_good := case (field).type
    when 'COLOR' then v_value #>> '{}' ~ '^#[0-9a-f]{6}$'
    when 'RELATION' then coalesce(v_value #>> '{}' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$', false)
    when 'MEMBER' then v_value = '"currentMember"' or coalesce(v_value #>> '{}' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$', false)
    when 'LOCATION' then abs(coalesce((v_value ->> 'lat')::float8, 0)) <= 90 and abs(coalesce((v_value ->> 'lng')::float8, 0)) <= 180
    when 'CURRENCY' then coalesce(v_value ->> 'currencyCode' ~ '^[A-Z]{3}$', true)
    when 'DURATION' then jsonb_typeof(v_value) = 'number'
    when 'PERCENT' then jsonb_typeof(v_value) = 'number'
    when 'ARRAY' then coalesce(jsonb_array_length(v_value) <= ((field).settings ->> 'maxNumberOfValues')::int, true)
    when 'FILES' then jsonb_typeof(v_value) = 'array' and coalesce(jsonb_array_length(v_value) <= ((field).settings ->> 'maxNumberOfValues')::int, true)
    else true end;
  if not v_is_good then
    raise exception 'The default % does not fit the type %.', left(v_value::text, 100), (field).type using errcode = 'RV009', column = 'default_value',
      hint = case (field).type when 'COLOR' then 'Give a colour such as "#1c7ed6".' when 'MEMBER' then 'Give "currentMember", or the id of a member.'
        when 'RELATION' then 'Give the id of a record.' when 'LOCATION' then 'Give {"lat": …, "lng": …} in degrees.' when 'CURRENCY' then 'The currency is a code such as "EUR".'
        when 'DURATION' then 'Give a number of seconds.' when 'PERCENT' then 'Give a fraction: 0.25 is 25 %.' else 'It has too many values.' end;
  end if;
end
$$;

create or replace function engine.tg_fields__judge_details() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  -- What was written before there was this check is judged when it changes.
  if new.deleted_at is null and not new.is_system then
    if tg_op = 'INSERT' or (new.settings, new.type) is distinct from (old.settings, old.type) then
      perform engine.assert_settings(new);
    end if;
    if new.type in ('SELECT', 'MULTI_SELECT') and (tg_op = 'INSERT' or (new.options, new.type) is distinct from (old.options, old.type)) then
      perform engine.assert_options(new.options);
    end if;
    if tg_op = 'INSERT' or (new.default_value, new.settings, new.type) is distinct from (old.default_value, old.settings, old.type) then
      perform engine.assert_default_holds(new);
    end if;
  end if;
  return new;
end
$$;
create or replace trigger _110_judge_details before insert or update on metadata.fields for each row execute function engine.tg_fields__judge_details();
--! EndIncluded engine/field_settings.sql
--! Included engine/tasks/recurrence.sql
-- When a task comes again, written as calendars write it (RFC 5545): FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH. Days are those of the assignee's
-- time zone. A month that lacks the day takes its last one, since what is to be done on the 31st is not skipped in April.

-- The parts of a recurrence; null for what cannot be read.
create or replace function engine.read_recurrence(recurrence text) returns jsonb
language plpgsql immutable parallel safe set search_path = ''
as $$
declare
  v_text text := upper(regexp_replace(recurrence, '^\s*(RRULE:)?|\s+|;\s*$', '', 'gi'));
  v_parts jsonb;
  v_freq text;
begin
  if v_text !~ '^[A-Z]+=[^=;]+(;[A-Z]+=[^=;]+)*$' or length(v_text) > 200 then
    return null;
  end if;
  select jsonb_object_agg(split_part(p, '=', 1), split_part(p, '=', 2)) into v_parts from regexp_split_to_table(v_text, ';') p;
  v_freq := v_parts ->> 'FREQ';
  if (select count(*) from regexp_split_to_table(v_text, ';')) <> (select count(*) from jsonb_object_keys(v_parts))
    or v_parts - '{FREQ,INTERVAL,BYDAY,BYMONTHDAY,UNTIL,COUNT,WKST}'::text[] <> '{}'
    or v_freq is null or v_freq not in ('DAILY', 'WEEKLY', 'MONTHLY', 'YEARLY')
    or coalesce(v_parts ->> 'INTERVAL', '1') !~ '^[1-9][0-9]{0,2}$'
    or coalesce(v_parts ->> 'COUNT', '1') !~ '^[1-9][0-9]{0,3}$'
    or v_parts ?& '{COUNT,UNTIL}'::text[] or v_parts ?& '{BYDAY,BYMONTHDAY}'::text[]
    or v_parts ? 'BYDAY' and not coalesce(case v_freq when 'WEEKLY' then v_parts ->> 'BYDAY' ~ '^(MO|TU|WE|TH|FR|SA|SU)(,(MO|TU|WE|TH|FR|SA|SU))*$'
      when 'MONTHLY' then v_parts ->> 'BYDAY' ~ '^([1-5]|-1)(MO|TU|WE|TH|FR|SA|SU)$' end, false)
    or v_parts ? 'BYMONTHDAY' and not (v_freq in ('MONTHLY', 'YEARLY') and v_parts ->> 'BYMONTHDAY' ~ '^([1-9]|[12][0-9]|3[01]|-1)$')
    or v_parts ? 'UNTIL' and v_parts ->> 'UNTIL' !~ '^[0-9]{8}(T[0-9]{6}Z?)?$' then
    return null;
  end if;
  if v_parts ? 'UNTIL' then
    -- There is no 30 February.
    perform make_date(left(v_parts ->> 'UNTIL', 4)::int, substr(v_parts ->> 'UNTIL', 5, 2)::int, substr(v_parts ->> 'UNTIL', 7, 2)::int);
  end if;
  return v_parts - 'WKST';
exception when datetime_field_overflow then
  return null;
end
$$;

create or replace function engine.write_recurrence(parts jsonb) returns text
language sql immutable parallel safe set search_path = ''
  return (select string_agg(k || '=' || (parts ->> k), ';' order by n) from unnest('{FREQ,INTERVAL,BYDAY,BYMONTHDAY,UNTIL,COUNT}'::text[]) with ordinality u (k, n) where parts ? k);

-- The day of the month that a recurrence means: the third, the last, the second Tuesday.
create or replace function engine.recurrence_day(parts jsonb, month date, usual int) returns date
language plpgsql immutable parallel safe set search_path = ''
as $$
declare
  v_first date := date_trunc('month', month)::date;
  v_last date := (date_trunc('month', month) + interval '1 month' - interval '1 day')::date;
  v_weekday int;
  v_nth int;
begin
  if parts ? 'BYDAY' then
    v_weekday := array_position('{MO,TU,WE,TH,FR,SA,SU}'::text[], right(parts ->> 'BYDAY', 2));
    v_nth := left(parts ->> 'BYDAY', -2)::int;
    if v_nth = -1 then
      return v_last - ((extract(isodow from v_last)::int - v_weekday + 7) % 7);
    end if;
    v_first := v_first + ((v_weekday - extract(isodow from v_first)::int + 7) % 7) + 7 * (v_nth - 1);
    return case when v_first <= v_last then v_first end;
  elsif parts ->> 'BYMONTHDAY' = '-1' then
    return v_last;
  end if;
  return least(v_last, v_first + coalesce((parts ->> 'BYMONTHDAY')::int, usual) - 1);
end
$$;

-- The first day after a day of the recurrence.
create or replace function engine.next_recurrence_day(parts jsonb, day date) returns date
language plpgsql immutable parallel safe set search_path = ''
as $$
declare
  v_interval int := coalesce((parts ->> 'INTERVAL')::int, 1);
  v_days int[];
  v_weekday int := extract(isodow from day);
  v_next date;
begin
  case parts ->> 'FREQ'
    when 'DAILY' then
      return day + v_interval;
    when 'WEEKLY' then
      v_days := coalesce((select array_agg(array_position('{MO,TU,WE,TH,FR,SA,SU}'::text[], d)) from regexp_split_to_table(parts ->> 'BYDAY', ',') d), array[v_weekday]);
      return coalesce((select min(d) - v_weekday + day from unnest(v_days) d where d > v_weekday),
        day - v_weekday + 7 * v_interval + (select min(d) from unnest(v_days) d));
    else
      -- A fifth Monday is not in every month.
      for i in 0 .. 60 loop
        v_next := engine.recurrence_day(parts, (date_trunc('month', day) + make_interval(months => i * v_interval * case parts ->> 'FREQ' when 'YEARLY' then 12 else 1 end))::date,
          extract(day from day)::int);
        if v_next > day then
          return v_next;
        end if;
      end loop;
      return null;
  end case;
end
$$;

-- When a task that was due at a moment comes next, later than `after`, and how it goes on repeating from there. What was missed meanwhile is not made up
-- for, but counts. Nothing when the recurrence has ended.
create or replace function engine.next_occurrence(recurrence text, due timestamptz, zone text, after timestamptz, out next_due timestamptz, out next_recurrence text)
language plpgsql stable set search_path = ''
as $$
declare
  v_parts jsonb := engine.read_recurrence(recurrence);
  v_due timestamp := due at time zone zone;
  v_day date := v_due::date;
  v_count int := (v_parts ->> 'COUNT')::int;
begin
  -- From the 31st it goes to the 30th and back.
  if v_parts ->> 'FREQ' in ('MONTHLY', 'YEARLY') and not v_parts ?| '{BYDAY,BYMONTHDAY}'::text[] and extract(day from v_day) > 28 then
    v_parts := v_parts || jsonb_build_object('BYMONTHDAY', extract(day from v_day)::text);
  end if;
  loop
    v_day := engine.next_recurrence_day(v_parts, v_day);
    v_count := v_count - 1;
    if v_day is null or v_count < 1 or v_day > to_date(left(v_parts ->> 'UNTIL', 8), 'YYYYMMDD') then
      next_due := null;
      return;
    end if;
    next_due := (v_day + v_due::time) at time zone zone;
    exit when next_due > after;
  end loop;
  next_recurrence := engine.write_recurrence(v_parts || case when v_count is null then '{}' else jsonb_build_object('COUNT', v_count::text) end);
end
$$;
--! EndIncluded engine/tasks/recurrence.sql
--! Included engine/tasks/repeat.sql
-- A task that repeats makes the next one when it is done, whoever does it: the screen, the API, a workflow or psql. It is made in the same transaction, so
-- that undoing takes back both.

-- What is written for a recurrence is one, and has one form. The arguments: the column and the field.
create or replace function engine.tg_tasks__read_recurrence() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_text text := to_jsonb(new) ->> tg_argv[0];
  v_parts jsonb;
begin
  if v_text is null then
    return new;
  end if;
  v_parts := engine.read_recurrence(v_text);
  if v_text <> '' and v_parts is null then
    raise exception 'This is no recurrence that can be read: %', left(v_text, 100) using errcode = 'RV284', column = tg_argv[1],
      hint = 'Write it as calendars do, such as FREQ=WEEKLY;BYDAY=MO,TH or FREQ=MONTHLY;INTERVAL=3;UNTIL=20301231.';
  end if;
  return jsonb_populate_record(new, jsonb_build_object(tg_argv[0], engine.write_recurrence(v_parts)));
end
$$;

-- Its id follows from the one before and its time: doing a task, opening it and doing it again makes one next task. The arguments: the object, the columns of due date, recurrence,
-- assignee and status, and those that the next one takes over.
create or replace function engine.tg_tasks__repeat() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_new jsonb := to_jsonb(new);
  v_due timestamptz;
  v_zone text;
  v_next record;
  v_id uuid;
  v_made int;
  v_join record;
begin
  if v_new ->> tg_argv[2] is null or v_new ->> tg_argv[4] is distinct from 'DONE' or to_jsonb(old) ->> tg_argv[4] = 'DONE' or engine.is_quiet() then
    return null;
  end if;
  v_due := coalesce((v_new ->> tg_argv[1])::timestamptz, now());
  execute format('select w.time_zone from %I.workspace_members w where w.id = $1', tg_table_schema) into v_zone using coalesce((v_new ->> tg_argv[3])::uuid, engine.current_member());
  select * into v_next from engine.next_occurrence(v_new ->> tg_argv[2], v_due, core.zone_or_utc(v_zone), greatest(v_due, now()));
  if v_next.next_due is null then
    return null;
  end if;
  v_id := md5(new.id || ' ' || extract(epoch from v_next.next_due))::uuid;
  execute format('insert into %1$I.%2$I (id, %3$I, %4$I%5$s) select $1, $2, $3%6$s from jsonb_populate_record(null::%1$I.%2$I, $4) r on conflict (id) do nothing',
    tg_table_schema, tg_table_name, tg_argv[1], tg_argv[2], (select string_agg(format(', %I', c), '') from unnest(tg_argv[5:]) c), (select string_agg(format(', r.%I', c), '') from unnest(tg_argv[5:]) c))
  using v_id, v_next.next_due, v_next.next_recurrence, v_new;
  get diagnostics v_made = row_count;
  if v_made = 0 then
    return null;
  end if;
  -- It was made before and deleted, by undoing: it is there again.
  execute format('delete from %I.trash t where t.object_id = $1 and t.record_id = $2', tg_table_schema) using tg_argv[0]::uuid, v_id;
  -- It concerns what the one before concerns.
  select o.table_name, max(c.name) filter (where f.universal_identifier = 'standard:taskTarget.task') as own,
    string_agg(format('%I', c.name), ', ') filter (where f.universal_identifier <> 'standard:taskTarget.task') as others
  into v_join
  from metadata.objects t
  join metadata.objects o on o.workspace_id = t.workspace_id and o.universal_identifier = 'standard:taskTarget' and o.is_active and o.deleted_at is null
  cross join lateral engine.field_columns(o.workspace_id, array[o.id]) c
  join metadata.fields f on f.id = c.field_id and f.type in ('RELATION', 'MORPH_RELATION')
  where t.id = tg_argv[0]::uuid
  group by 1;
  if v_join.own is not null and v_join.others is not null then
    execute format('insert into %1$I.%2$I (%3$I, %4$s) select $1, %4$s from %1$I.%2$I where %3$I = $2', tg_table_schema, v_join.table_name, v_join.own, v_join.others) using v_id, new.id;
  end if;
  return null;
end
$$;

-- The ends of both triggers on the table of the standard tasks, as its columns are called now; null where an administrator has removed what they need. Taken over is what people write, save what is
-- each task's own: how far it is, its number, its files, and what tells it from others.
create or replace function engine.repeat_trigger(object metadata.objects, spec engine.column_spec[], out reads text, out repeats text)
language plpgsql stable set search_path = ''
as $$
declare
  v_due text;
  v_recurrence text;
  v_recurrence_field text;
  v_status text;
  v_assignee text;
  v_others text;
begin
  if (object).universal_identifier is distinct from 'standard:task' then
    return;
  end if;
  select max(s.name) filter (where f.universal_identifier = 'standard:task.dueAt'), max(s.name) filter (where f.universal_identifier = 'standard:task.recurrence'),
    max(f.name) filter (where f.universal_identifier = 'standard:task.recurrence'),
    max(s.name) filter (where f.universal_identifier = 'standard:task.status'), max(s.name) filter (where f.universal_identifier = 'standard:task.assignee'),
    string_agg(quote_literal(s.name), ', ' order by s.name) filter (where s.generated_kind is null and not f.is_system and not f.is_unique and f.type not in ('AUTO_NUMBER', 'FILES')
      and coalesce(f.universal_identifier, '') not in ('standard:task.dueAt', 'standard:task.recurrence', 'standard:task.status'))
  into v_due, v_recurrence, v_recurrence_field, v_status, v_assignee, v_others
  from metadata.fields f join unnest(spec) s on s.field_id = f.id
  where f.object_id = (object).id and f.is_active and f.deleted_at is null;
  if v_recurrence is not null then
    reads := format('before insert or update on %%s for each row execute function engine.tg_tasks__read_recurrence(%L, %L)', v_recurrence, v_recurrence_field);
  end if;
  if v_recurrence is not null and v_due is not null and v_status is not null and v_others is not null then
    repeats := format('after update on %%s for each row execute function engine.tg_tasks__repeat(%L, %L, %L, %L, %L, %s)', (object).id, v_due, v_recurrence, coalesce(v_assignee, ''), v_status, v_others);
  end if;
end
$$;
--! EndIncluded engine/tasks/repeat.sql
--! Included engine/texts/save_text.sql
-- Saving a rich text that several may be writing: it is changed only where it still is as the writer read it. Otherwise the writer is given what it is now, and puts the two together.
-- As whoever calls: grants and policies say which records and fields.
create or replace function engine.save_text(workspace_id uuid, schema_name text, object_name text, record_id uuid, field_name text, base text, text text) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_table regclass;
  v_column text;
  v_document text;
  v_found boolean;
  v_present text;
begin
  select format('%I.%I', schema_name, o.table_name)::regclass,
    lower(regexp_replace(f.name, '([A-Z])', '_\1', 'g')) || '_markdown', lower(regexp_replace(f.name, '([A-Z])', '_\1', 'g')) || '_document'
  into v_table, v_column, v_document
  from metadata.objects o join metadata.fields f on f.object_id = o.id
  where o.workspace_id = save_text.workspace_id and o.name_singular = object_name and o.is_active and o.deleted_at is null
    and f.name = field_name and f.type = 'RICH_TEXT' and f.is_active and f.deleted_at is null;
  if v_table is null then
    raise exception 'There is no rich text "%" of "%".', field_name, object_name using errcode = 'RV285', column = 'field_name', hint = 'Give the API names of an object and of a field of it, such as note and bodyV2.';
  elsif length(text) > 500000 then
    raise exception 'A text may have 500,000 characters.' using errcode = 'RV286', column = 'text', hint = 'Put a part of it into another note.';
  end if;
  execute format('update %1$s t set %2$I = nullif($1, ''''), %3$I = null where t.id = $2 and coalesce(t.%2$I, '''') = coalesce($3, '''')', v_table, v_column, v_document) using text, record_id, base;
  get diagnostics v_found = row_count;
  if v_found then
    return jsonb_build_object('isSaved', true, 'text', coalesce(text, ''));
  end if;
  execute format('select true, coalesce(t.%I, '''') from %s t where t.id = $1', v_column, v_table) into v_found, v_present using record_id;
  if v_found and v_present = coalesce(base, '') then
    raise exception 'Your role may not change this record.' using errcode = '42501', hint = 'Ask who may to share it with you.';
  end if;
  -- A record that is gone has no text.
  return jsonb_build_object('isSaved', false, 'text', v_present);
end
$$;

-- Reached only through the tenant's own functions, bound to their schema.
grant execute on function engine.save_text(uuid, text, text, uuid, text, text, text) to relvar_crm;
--! EndIncluded engine/texts/save_text.sql
--! Included engine/desired.sql
-- What should stand in a tenant's schema, as facts. A fact has an identity (kind and key) that
-- survives renames: the engine writes it, with a hash of what the thing depends on, into the
-- comment of what it creates, as "@relvar <key> <hash>". Comparing desired with actual facts by
-- identity is the whole of planning.

-- PostgreSQL cuts names at 63 bytes; cutting them ourselves keeps them unique.
create or replace function engine.fit_name(name text) returns text
language sql immutable strict parallel safe set search_path = ''
  return case when octet_length(name) <= 63 then name else left(name, 54) || '_' || left(md5(name), 8) end;

create or replace function engine.fact_comment(key text, basis text, tags text default null, description text default null) returns text
language sql immutable parallel safe set search_path = ''
  return '@relvar ' || key || coalesce(' ' || left(md5(basis), 12), '')
    || coalesce(E'\n' || nullif(tags, ''), '')
    -- Lines at the top that begin with @, indented or not, steer the API; an empty line ends them, so
    -- that what people write is none.
    || coalesce(E'\n' || case when description ~ '^\s*@' then E'\n' else '' end || nullif(description, ''), '');

create or replace function engine.desired_tables(workspace_id uuid, scope uuid[]) returns setof engine.fact
language sql stable set search_path = ''
as $$
  select 'table', o.id::text, o.id::text, o.table_name, o.table_name, null,
    engine.fact_comment(o.id::text, null,
      '@singular ' || o.name_singular || E'\n@plural ' || o.name_plural || case when o.is_active and o.deleted_at is null then '' else E'\n@behavior -*' end
        || coalesce(E'\n@labelColumn ' || l.columns, ''),
      case when o.description = '' then o.label_plural else o.description end),
    null, null::boolean, null, null, null::oid
  from metadata.objects o
  -- The API sorts records by what their relations' targets are called.
  cross join lateral (
    select string_agg(engine.snake_case(f.name) || c.suffix, ' ' order by c.position) as columns
    from metadata.fields f join engine.field_type_columns c on c.type = coalesce(f.result_type, f.type)
    where f.id = o.label_field_id and f.workspace_id = o.workspace_id and f.deleted_at is null and (f.type = 'FULL_NAME' or c.position = 1)
  ) l
  where o.workspace_id = desired_tables.workspace_id and (scope is null or o.id = any (scope))
$$;

create or replace function engine.desired_columns(workspace_id uuid, spec engine.column_spec[], scope uuid[]) returns setof engine.fact
language sql stable set search_path = ''
as $$
  select 'column', c.key, c.object_id::text, c.table_name, c.name, c.generated_kind,
    engine.fact_comment(c.key, c.generated_basis,
      case when not c.is_active or c.type = 'TS_VECTOR' then '@behavior -*'
        -- What roles may not write, the API does not offer to write.
        when not c.is_writable then '@behavior -attribute:insert -attribute:update'
        when c.name = 'id' then '@behavior -attribute:update' end, c.description),
    c.pg_type, c.not_null, c.default_expr, c.generated_expr, null::oid
  from unnest(spec) c
  union all
  -- Columns of former types keep their values for as long as the change can be undone.
  select 'column', r.key, r.object_id::text, o.table_name, r.name, null, engine.fact_comment(r.key, null, '@behavior -*', 'Values of a former type.'),
    r.pg_type, false, null, null, null
  from engine.retired_columns r
  join metadata.objects o on o.id = r.object_id and o.workspace_id = r.workspace_id
  where r.workspace_id = desired_columns.workspace_id and (scope is null or r.object_id = any (scope))
  union all
  -- Columns of coming types, while a job fills them.
  select 'column', p.key, p.object_id::text, o.table_name, p.name, null, engine.fact_comment(p.key, null, '@behavior -*', 'Values of a coming type.'),
    p.pg_type, false, null, null, null
  from engine.pending_columns(desired_columns.workspace_id, scope) p
  join metadata.objects o on o.id = p.object_id and o.workspace_id = desired_columns.workspace_id
$$;

create or replace function engine.desired_constraints(workspace_id uuid, schema_name text, spec engine.column_spec[], scope uuid[]) returns setof engine.fact
language sql stable set search_path = ''
as $$
  with spec as materialized (
    select * from unnest(spec)
  ), constraints as (
    select o.id as object_id, o.table_name, 'pk' as key, o.table_name || '_pkey' as name, 'primary key (id)' as definition,
      'pk' as basis, null as tags
    from metadata.objects o where o.workspace_id = desired_constraints.workspace_id and (scope is null or o.id = any (scope))
    union all
    select s.object_id, s.table_name, 'fk:' || r.id, s.table_name || '_' || s.name || '_fkey',
      format('foreign key (%I) references %I.%I (id) on delete %s', s.name, schema_name, t.table_name,
        lower(replace(e.on_delete, '_', ' '))),
      r.target_object_id || e.on_delete,
      case when s.is_active and t.is_active and o.is_active and o.deleted_at is null
        then '@fieldName ' || engine.camel_case(left(s.name, -3)) || E'\n@foreignFieldName ' || r.inverse_name
          -- By the two keys of a junction the API leads from each side to the other.
          || coalesce((select E'\n@manyToMany' || case when m.deleted_at is null and m.is_active then ' ' || m.name else '' end
            from metadata.fields m where m.workspace_id = r.workspace_id and m.junction_field_id = r.field_id), '')
        else '@behavior -*' end
    from metadata.relations r
    join spec s on s.relation_id = r.id
    join metadata.objects t on t.id = r.target_object_id and t.workspace_id = r.workspace_id
    join metadata.objects o on o.id = s.object_id and o.workspace_id = r.workspace_id
    -- A link that nobody sees any more neither holds a record back nor takes one along.
    cross join lateral (select case when r.deleted_at is null and s.name !~ '^deleted_' and o.deleted_at is null then r.on_delete else 'SET_NULL' end as on_delete) e
    where r.workspace_id = desired_constraints.workspace_id
    union all
    select s.object_id, s.table_name, 'one_target:' || s.field_id, s.table_name || '_' || engine.snake_case(f.name) || '_check',
      format('check (num_nonnulls(%s) <= 1)', string_agg(quote_ident(s.name), ', ' order by s.name)),
      string_agg(s.key, ',' order by s.key), null
    from spec s join metadata.fields f on f.id = s.field_id and f.workspace_id = desired_constraints.workspace_id
    where f.type = 'MORPH_RELATION'
    group by s.object_id, s.table_name, s.field_id, f.name
    having count(*) > 1
    union all
    select s.object_id, s.table_name, 'options:' || f.id, s.table_name || '_' || s.name || '_check',
      case f.type when 'SELECT' then format('check (%I = any (%L::text[]))', s.name, v.list)
        else format('check (%I <@ %L::text[])', s.name, v.list) end,
      -- Another type may have the same options in another column.
      v.list::text || coalesce(substring(s.key from '~.*'), ''), null
    from metadata.fields f
    join spec s on s.field_id = f.id
    cross join lateral (select array_agg(e ->> 'value' order by e ->> 'value') as list from jsonb_array_elements(f.options) e) v
    where f.workspace_id = desired_constraints.workspace_id and f.type in ('SELECT', 'MULTI_SELECT') and v.list is not null and f.deleted_at is null
      and (scope is null or f.object_id = any (scope))
    union all
    select s.object_id, s.table_name, 'rating:' || s.field_id, s.table_name || '_' || s.name || '_check',
      format('check (%I between 1 and 5)', s.name), 'rating', null
    from spec s where s.type = 'RATING'
    union all
    select s.object_id, s.table_name, 'colour:' || s.field_id, s.table_name || '_' || s.name || '_check',
      format('check (%I ~ ''^#[0-9a-f]{6}$'')', s.name), 'colour', null
    from spec s where s.type = 'COLOR'
    union all
    select s.object_id, s.table_name, s.part || ':' || s.field_id, s.table_name || '_' || s.name || '_check',
      format('check (%I between %s and %2$s * -1)', s.name, case s.part when 'lat' then -90 else -180 end), s.part, null
    from spec s where s.type = 'LOCATION'
    union all
    -- Required of records that are created from some moment on, while older ones may stay as they are.
    select s.object_id, s.table_name, 'required:' || s.field_id, s.table_name || '_' || s.name || '_required',
      format('check (created_at < %s or %I is not null)', engine.moment_literal(f.required_from), s.name), engine.moment_literal(f.required_from) || coalesce(substring(s.key from '~.*'), ''), null
    from spec s join metadata.fields f on f.id = s.field_id and f.workspace_id = desired_constraints.workspace_id
    where f.is_required and f.required_from is not null and s.is_active and s.ordinal = 1 and f.type <> 'MORPH_RELATION'
  )
  select 'constraint', c.object_id || ' ' || c.key, c.object_id::text, c.table_name, engine.fit_name(c.name), c.definition,
    engine.fact_comment(c.key, c.basis, c.tags), null, null::boolean, null, null, null::oid
  from constraints c
$$;

create or replace function engine.desired_indexes(workspace_id uuid, spec engine.column_spec[], scope uuid[]) returns setof engine.fact
language sql stable set search_path = ''
as $$
  with spec as materialized (
    select s.*, f.is_unique and f.deleted_at is null as is_unique, f.settings
    from unnest(spec) s
    join metadata.fields f on f.id = s.field_id and f.workspace_id = desired_indexes.workspace_id
  ), indexes as (
    select s.object_id, s.table_name, 'unique:' || s.key as key, s.table_name || '_' || s.name || '_key' as name,
      format(case when u.ignores_case then 'unique (lower(%I))' else 'unique (%I)' end, s.name) as definition,
      s.key || s.type || case when u.ignores_case and s.type not in ('EMAILS', 'LINKS') then ' ignores case' else '' end as basis
    from spec s
    cross join lateral (select s.pg_type = 'text' and (s.type in ('EMAILS', 'LINKS') or s.settings ->> 'uniqueIgnoresCase' = 'true') as ignores_case) u
    where s.is_unique and s.ordinal = 1 and s.type not in ('MORPH_RELATION', 'FULL_NAME', 'RAW_JSON', 'TS_VECTOR')
      and not (s.type = 'UUID' and s.name = 'id')
    union all
    select s.object_id, s.table_name, 'fk:' || s.relation_id, s.table_name || '_' || s.name || '_idx', format('(%I)', s.name), s.key
    from spec s
    where s.relation_id is not null and not (s.is_unique and s.type in ('RELATION', 'MEMBER'))
    union all
    select s.object_id, s.table_name, 'search', s.table_name || '_' || s.name || '_idx', format('using gin (%I)', s.name), s.key
    from spec s where s.type = 'TS_VECTOR'
    union all
    select o.id, o.table_name, 'label', o.table_name || '_label_idx',
      format('using gin (engine.search_text(%s) public.gin_trgm_ops)', engine.label_expression(o.id)), engine.column_key(f.id, f.revision, '')
    from metadata.objects o
    join metadata.fields f on f.id = o.label_field_id and f.workspace_id = o.workspace_id and f.type in ('TEXT', 'FULL_NAME', 'EMAILS', 'PHONES', 'LINKS', 'AUTO_NUMBER')
    where o.workspace_id = desired_indexes.workspace_id and o.is_searchable and (scope is null or o.id = any (scope))
  )
  select 'index', i.object_id || ' ' || i.key, i.object_id::text, i.table_name, engine.fit_name(i.name), i.definition,
    engine.fact_comment(i.key, i.basis), null, null::boolean, null, null, null::oid
  from indexes i
$$;

create or replace function engine.desired_triggers(workspace_id uuid, scope uuid[], spec engine.column_spec[]) returns setof engine.fact
language sql stable set search_path = ''
as $$
  select 'trigger', o.id || ' ' || w.name, o.id::text, o.table_name, w.name, w.definition,
    engine.fact_comment(w.name, w.definition), null, null::boolean, null, null, null::oid
  from metadata.objects o
  -- The log and the trash leave out what is not in transition tables; that what is computed differs is no change.
  left join (
    select s.object_id, string_agg(quote_literal(s.name), ', ' order by s.name) as computed,
      string_agg(', ' || quote_literal(s.name), '' order by s.name) filter (where s.generated_kind = 'virtual') as hidden
    from unnest(spec) s where s.generated_kind is not null group by s.object_id
  ) c on c.object_id = o.id
  cross join lateral (select engine.link_arguments(o, spec) as arguments) l
  cross join lateral (select engine.file_arguments(o.id, spec) as arguments) f
  cross join lateral engine.repeat_trigger(o, spec) t
  cross join lateral (values
    ('_100_touch', format('before update on %%s for each row execute function engine.tg_records__touch(%s)', c.computed), true),
    ('_120_keep_files', format('before insert or update on %%s for each row execute function engine.tg_records__keep_files(%s)', f.arguments), f.arguments is not null),
    ('_130_read_recurrence', t.reads, t.reads is not null),
    ('_200_log_insert', format('after insert on %%s referencing new table as new_rows for each statement execute function engine.tg_records__log(%L, %L%s)', o.id, o.workspace_id, c.hidden), o.is_audited),
    ('_200_log_update', format('after update on %%s referencing old table as old_rows new table as new_rows for each statement execute function engine.tg_records__log(%L, %L%s)', o.id, o.workspace_id, c.hidden), o.is_audited),
    ('_200_log_delete', format('after delete on %%s referencing old table as old_rows for each statement execute function engine.tg_records__log(%L, %L%s)', o.id, o.workspace_id, c.hidden), o.is_audited),
    ('_210_log_links_insert', format('after insert on %%s referencing new table as new_rows for each statement execute function engine.tg_records__log_links(%s)', l.arguments), l.arguments is not null),
    ('_210_log_links_update', format('after update on %%s referencing old table as old_rows new table as new_rows for each statement execute function engine.tg_records__log_links(%s)', l.arguments), l.arguments is not null),
    ('_210_log_links_delete', format('after delete on %%s referencing old table as old_rows for each statement execute function engine.tg_records__log_links(%s)', l.arguments), l.arguments is not null),
    ('_300_trash', format('after delete on %%s referencing old table as old_rows for each statement execute function engine.tg_records__trash(%L%s)', o.id, c.hidden), true),
    ('_310_hold_files', format('after insert or update on %%s for each row execute function engine.tg_records__hold_files(%L, %s)', o.id, f.arguments), f.arguments is not null),
    ('_330_repeat', t.repeats, t.repeats is not null),
    ('_500_tell_core', format('after update on %%s for each row execute function engine.tg_records__tell_core(%L)', o.workspace_id), o.universal_identifier = 'standard:workspaceMember')
  ) as w (name, definition, wanted)
  where o.workspace_id = desired_triggers.workspace_id and w.wanted and (scope is null or o.id = any (scope))
$$;
--! EndIncluded engine/desired.sql
--! Included engine/internals.sql
-- What every tenant has besides its objects.

create or replace function engine.internal_tables() returns text[]
language sql immutable parallel safe
  return '{record_events,event_batches,event_archive,trash,record_shares,record_comments,record_merges,record_duplicates,record_files,record_file_uses}'::text[];

create or replace function engine.event_columns(prefix text, separator text) returns text
language sql immutable parallel safe set search_path = ''
as $$
  select string_agg(prefix || c, separator order by n)
  from unnest('{batch,seq,object_id,record_id,action,before,after,actor_type,actor_id,actor_name,source,request_id,transaction_id,happened_at}'::text[]) with ordinality u (c, n)
$$;

create or replace function engine.desired_internals(workspace_id uuid, schema_name text) returns setof engine.fact
language sql stable set search_path = ''
as $$
  select v.kind, v.key, null, null, v.key, v.definition, engine.fact_comment(v.key, v.definition, v.tags, v.description),
    null, null::boolean, null, null, null::oid
  from (values
    ('internal', 'record_events', format(
      'create table %1$I.record_events (
        batch bigint not null, seq int not null, object_id uuid not null, record_id uuid not null, action text not null,
        before jsonb, after jsonb, actor_type text not null, actor_id uuid, actor_name text, source text not null, request_id text,
        transaction_id xid8 not null default pg_current_xact_id(), happened_at timestamptz not null default now(),
        primary key (batch, seq));
      create index record_events_record_id_batch_idx on %1$I.record_events (record_id, batch);
      create index record_events_transaction_id_idx on %1$I.record_events (transaction_id);
      create index record_events_happened_at_idx on %1$I.record_events using brin (happened_at) with (pages_per_range = 16, autosummarize = on);
      comment on column %1$I.record_events.batch is ''Number of the statement that made the change. Rises with time.'';
      comment on column %1$I.record_events.seq is ''Number of the change within its statement.'';
      comment on column %1$I.record_events.object_id is ''The object of the record: metadata.objects.id.'';
      comment on column %1$I.record_events.record_id is ''The record.'';
      comment on column %1$I.record_events.action is ''created, updated, deleted, restored, destroyed, merged (into another), absorbed (others), linked, unlinked, shared, unshared or commented.'';
      comment on column %1$I.record_events.before is ''The values that were changed, as they were; of a deleted record all of them.'';
      comment on column %1$I.record_events.after is ''The values that were changed, as they are now; of a created record all of them.'';
      comment on column %1$I.record_events.actor_type is ''Who did it: member, api_key, application, workflow, import, agent, psql (a database login) or system.'';
      comment on column %1$I.record_events.actor_id is ''The member, the API key, the app, or what ran.'';
      comment on column %1$I.record_events.actor_name is ''What they were called at the time.'';
      comment on column %1$I.record_events.source is ''By which way the change came: MANUAL, API, IMPORT, SYSTEM and so on.'';
      comment on column %1$I.record_events.request_id is ''The request that made the change, as in the log of the server.'';
      comment on column %1$I.record_events.transaction_id is ''The transaction of the change: what was changed together has the same.'';
      comment on column %1$I.record_events.happened_at is ''When the transaction of the change began.''', schema_name),
      '@behavior -insert -update -delete', 'Every change of every record: what, who, when. Written by triggers in the transaction of the change.'),
    ('internal', 'event_batches', format(
      'create table %1$I.event_batches (
        position bigint primary key, batch bigint not null unique, object_id uuid not null, action text not null, taken_at timestamptz not null default clock_timestamp());
      comment on column %1$I.event_batches.position is ''1, 2, 3 and so on without gaps, in an order in which readers can go on from where they were.'';
      comment on column %1$I.event_batches.batch is ''The statement: record_events.batch.'';
      comment on column %1$I.event_batches.object_id is ''The object of its records: metadata.objects.id.'';
      comment on column %1$I.event_batches.action is ''What it did with them.'';
      comment on column %1$I.event_batches.taken_at is ''When the relay took it.''', schema_name),
      '@behavior -*', 'The position of each statement of the event log, given by the relay.'),
    ('internal', 'event_archive', format(
      'create table %1$I.event_archive (
        id bigint generated always as identity primary key, object_id uuid not null, first_record_id uuid not null, last_record_id uuid not null,
        from_at timestamptz not null, until_at timestamptz not null, events jsonb not null);
      create index event_archive_records_idx on %1$I.event_archive (object_id, last_record_id, first_record_id);
      create index event_archive_until_at_idx on %1$I.event_archive (until_at);
      comment on column %1$I.event_archive.id is ''Identifies the parcel.'';
      comment on column %1$I.event_archive.object_id is ''The object of the records: metadata.objects.id.'';
      comment on column %1$I.event_archive.first_record_id is ''The first of the records, by their ids.'';
      comment on column %1$I.event_archive.last_record_id is ''The last of them.'';
      comment on column %1$I.event_archive.from_at is ''When the earliest of the events happened.'';
      comment on column %1$I.event_archive.until_at is ''When the latest of them happened.'';
      comment on column %1$I.event_archive.events is ''Rows of record_events, by record.''', schema_name),
      '@behavior -*', 'Old events, some two hundred in a row, compressed. events_of and events_since read them, too.'),
    ('internal', 'trash', format(
      'create table %1$I.trash (
        id uuid primary key default %2$s, object_id uuid not null, record_id uuid not null, label text, data jsonb not null,
        deleted_at timestamptz not null default now(), deleted_by_name text, transaction_id xid8 not null default pg_current_xact_id(),
        unique (object_id, record_id));
      create index trash_transaction_id_idx on %1$I.trash (transaction_id);
      comment on column %1$I.trash.id is ''Identifies the entry.'';
      comment on column %1$I.trash.object_id is ''The object of the record: metadata.objects.id.'';
      comment on column %1$I.trash.record_id is ''The id that the record had and has again when it is restored.'';
      comment on column %1$I.trash.label is ''How the record was named.'';
      comment on column %1$I.trash.data is ''The record as it was, by column.'';
      comment on column %1$I.trash.deleted_at is ''When it was deleted.'';
      comment on column %1$I.trash.deleted_by_name is ''Who deleted it.'';
      comment on column %1$I.trash.transaction_id is ''The transaction that deleted it: what went with it has the same.''', schema_name, engine.uuid_default()),
      E'@behavior -insert -update -delete\n@singular trashedRecord\n@plural trashedRecords', 'Deleted records, as they were. Restorable until they are destroyed.'),
    ('internal', 'record_shares', format(
      'create table %1$I.record_shares (
        id uuid primary key default %2$s, object_id uuid not null, record_id uuid not null,
        principal_kind text not null check (principal_kind in (''MEMBER'', ''TEAM'', ''ROLE'')), principal_id uuid not null,
        access text not null check (access in (''READ'', ''WRITE'')), reason text not null default '''',
        created_by uuid, created_by_name text, created_at timestamptz not null default now(), expires_at timestamptz,
        unique (object_id, record_id, principal_kind, principal_id));
      create index record_shares_principal_id_object_id_idx on %1$I.record_shares (principal_id, object_id);
      comment on column %1$I.record_shares.id is ''Identifies the share.'';
      comment on column %1$I.record_shares.object_id is ''The object of the record: metadata.objects.id.'';
      comment on column %1$I.record_shares.record_id is ''The record that is shared.'';
      comment on column %1$I.record_shares.principal_kind is ''With whom: MEMBER, TEAM or ROLE.'';
      comment on column %1$I.record_shares.principal_id is ''The member, the team or the role.'';
      comment on column %1$I.record_shares.access is ''READ, or WRITE: may change it, too.'';
      comment on column %1$I.record_shares.reason is ''Why, in the words of who shared it.'';
      comment on column %1$I.record_shares.created_by is ''The member who shared it.'';
      comment on column %1$I.record_shares.created_by_name is ''What the member was called at the time.'';
      comment on column %1$I.record_shares.created_at is ''When it was shared.'';
      comment on column %1$I.record_shares.expires_at is ''When the share ends; null for never.''', schema_name, engine.uuid_default()),
      '@behavior -*', 'Single records that are shared with members, teams or roles beside what their rules let them see.'),
    -- As PostgreSQL prints them, so that what stands there can be compared.
    ('function', 'share_record', format(
$function$CREATE OR REPLACE FUNCTION %1$I.share_record(object_name text, record_id uuid, principal_kind text, principal_id uuid, access text DEFAULT 'READ'::text, reason text DEFAULT ''::text, expires_at timestamp with time zone DEFAULT NULL::timestamp with time zone)
 RETURNS uuid
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.share_record(CURRENT_USER, %1$L::text, object_name, record_id, principal_kind, principal_id, access, reason, expires_at) AS share_record;
END$function$, schema_name),
      null, 'Shows one record to a member, a team or a role, or lets them change it (access WRITE), for ever or until expiresAt. For who may change the record. Returns the share.'),
    ('function', 'unshare_record', format(
$function$CREATE OR REPLACE FUNCTION %1$I.unshare_record(share_id uuid)
 RETURNS boolean
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.unshare_record(CURRENT_USER, %1$L::text, share_id) AS unshare_record;
END$function$, schema_name),
      null, 'Takes a share of a record back. False when there is none.'),
    ('function', 'shares_of_record', format(
$function$CREATE OR REPLACE FUNCTION %1$I.shares_of_record(object_name text, record_id uuid)
 RETURNS TABLE(share_id uuid, principal_kind text, principal_id uuid, principal_name text, access text, reason text, created_by_name text, created_at timestamp with time zone, expires_at timestamp with time zone)
 LANGUAGE sql
 STABLE ROWS 10
BEGIN ATOMIC
 SELECT s.share_id,
     s.principal_kind,
     s.principal_id,
     s.principal_name,
     s.access,
     s.reason,
     s.created_by_name,
     s.created_at,
     s.expires_at
    FROM engine.shares_of_record(CURRENT_USER, %1$L::text, shares_of_record.object_name, shares_of_record.record_id) s(share_id, principal_kind, principal_id, principal_name, access, reason, created_by_name, created_at, expires_at);
END$function$, schema_name),
      null, 'With whom a record is shared, for who may read it.'),
    ('function', 'shared_ids', format(
$function$CREATE OR REPLACE FUNCTION %1$I.shared_ids(object_id uuid, access text)
 RETURNS SETOF uuid
 LANGUAGE sql
 STABLE SECURITY DEFINER ROWS 10
 SET search_path TO ''
BEGIN ATOMIC
 SELECT s.record_id
    FROM %1$I.record_shares s
   WHERE ((s.object_id = shared_ids.object_id) AND (s.principal_id = ANY (ARRAY( SELECT engine.my_principals() AS my_principals))) AND ((shared_ids.access = 'READ'::text) OR (s.access = 'WRITE'::text)) AND ((s.expires_at IS NULL) OR (s.expires_at > now())));
END$function$, schema_name),
      '@behavior -*', 'Ids of the records of an object that are shared with the caller, to READ or to WRITE. Policies ask it.'),
    ('function', 'events_of', format(
$function$CREATE OR REPLACE FUNCTION %1$I.events_of(object_id uuid, record_id uuid)
 RETURNS SETOF %1$I.record_events
 LANGUAGE sql
 STABLE
BEGIN ATOMIC
 SELECT %2$s
    FROM %1$I.record_events e
   WHERE ((e.object_id = events_of.object_id) AND (e.record_id = events_of.record_id))
 UNION ALL
  SELECT %3$s
    FROM (%1$I.event_archive a
      CROSS JOIN LATERAL jsonb_populate_recordset(NULL::%1$I.record_events, a.events) r(%4$s))
   WHERE ((a.object_id = events_of.object_id) AND (a.first_record_id <= events_of.record_id) AND (a.last_record_id >= events_of.record_id) AND (r.record_id = events_of.record_id));
END$function$, schema_name, engine.event_columns('e.', E',\n     '), engine.event_columns('r.', E',\n     '), engine.event_columns('', ', ')),
      '@behavior -*', 'All events of a record, archived or not.'),
    ('function', 'events_since', format(
$function$CREATE OR REPLACE FUNCTION %1$I.events_since(object_id uuid, since timestamp with time zone)
 RETURNS SETOF %1$I.record_events
 LANGUAGE sql
 STABLE
BEGIN ATOMIC
 SELECT %2$s
    FROM %1$I.record_events e
   WHERE ((e.object_id = events_since.object_id) AND (e.happened_at > events_since.since))
 UNION ALL
  SELECT %3$s
    FROM (%1$I.event_archive a
      CROSS JOIN LATERAL jsonb_populate_recordset(NULL::%1$I.record_events, a.events) r(%4$s))
   WHERE ((a.object_id = events_since.object_id) AND (a.until_at > events_since.since) AND (r.happened_at > events_since.since));
END$function$, schema_name, engine.event_columns('e.', E',\n     '), engine.event_columns('r.', E',\n     '), engine.event_columns('', ', ')),
      '@behavior -*', 'All events of the records of an object after a moment, archived or not.'),
    ('function', 'search_records', format(
$function$CREATE OR REPLACE FUNCTION %1$I.search_records(query text, max_results integer DEFAULT 20)
 RETURNS TABLE(object_name text, record_id uuid, label text, rank real)
 LANGUAGE sql
 STABLE ROWS 20
BEGIN ATOMIC
 SELECT s.object_name,
     s.record_id,
     s.label,
     s.rank
    FROM engine.search(CURRENT_USER, %1$L::text, search_records.query, search_records.max_results) s(object_name, record_id, label, rank);
END$function$, schema_name),
      null, 'Records whose words begin with the words of the query, or whose label is spelt alike, best first.'),
    ('function', 'matching_ids', format(
$function$CREATE OR REPLACE FUNCTION %1$I.matching_ids(table_name text, filter jsonb, max_results integer DEFAULT 20000, few integer DEFAULT 0, OUT ids uuid[], OUT is_worthwhile boolean)
 RETURNS record
 LANGUAGE sql
 STABLE
BEGIN ATOMIC
 SELECT m.ids,
     m.is_worthwhile
    FROM engine.matching_ids(CURRENT_USER, %1$L::text, matching_ids.table_name, matching_ids.filter, matching_ids.max_results, matching_ids.few) m(ids, is_worthwhile);
END$function$, schema_name),
      '@behavior -*', 'Ids of the records of a table that fulfil a filter, of those that the caller sees, found by indexes which PostgreSQL does not use under a rule. Null for more than max_results. Not worth asking where no rule limits the caller, or where he sees at most a few.'),
    ('function', 'record_history', format(
$function$CREATE OR REPLACE FUNCTION %1$I.record_history(object_name text, record_id uuid, max_results integer DEFAULT 50, before_batch bigint DEFAULT NULL::bigint)
 RETURNS TABLE(batch bigint, seq integer, action text, before jsonb, after jsonb, actor_type text, actor_id uuid, actor_name text, source text, happened_at timestamp with time zone)
 LANGUAGE sql
 STABLE ROWS 50
BEGIN ATOMIC
 SELECT h.batch,
     h.seq,
     h.action,
     h.before,
     h.after,
     h.actor_type,
     h.actor_id,
     h.actor_name,
     h.source,
     h.happened_at
    FROM engine.record_history(CURRENT_USER, %1$L::text, record_history.object_name, record_history.record_id, record_history.max_results, record_history.before_batch) h(batch, seq, action, before, after, actor_type, actor_id, actor_name, source, happened_at);
END$function$, schema_name),
      null, 'What happened to a record, the latest first: of a record that the caller may read, the fields that the caller may read.'),
    ('function', 'record_timeline', format(
$function$CREATE OR REPLACE FUNCTION %1$I.record_timeline(object_name text, record_id uuid, kinds text[] DEFAULT NULL::text[], max_results integer DEFAULT 30, before_entry text DEFAULT NULL::text)
 RETURNS TABLE(entry_key text, kind text, happened_at timestamp with time zone, actor_type text, actor_id uuid, actor_name text, source text, batch bigint, seq integer, action text, before jsonb, after jsonb, comment_id uuid, body text, mentions jsonb, related_object text, related_id uuid)
 LANGUAGE sql
 STABLE ROWS 30
BEGIN ATOMIC
 SELECT t.entry_key,
     t.kind,
     t.happened_at,
     t.actor_type,
     t.actor_id,
     t.actor_name,
     t.source,
     t.batch,
     t.seq,
     t.action,
     t.before,
     t.after,
     t.comment_id,
     t.body,
     t.mentions,
     t.related_object,
     t.related_id
    FROM engine.record_timeline(CURRENT_USER, %1$L::text, record_timeline.object_name, record_timeline.record_id, record_timeline.kinds, record_timeline.max_results, record_timeline.before_entry) t(entry_key, kind, happened_at, actor_type, actor_id, actor_name, source, batch, seq, action, before, after, comment_id, body, mentions, related_object, related_id);
END$function$, schema_name),
      null, 'All that is told of a record, the latest first: changes, comments, and the notes, tasks and files that it has, and what happens to records whose relation to it says so, as far as the caller may read them. kinds: CHANGE, RELATED, COMMENT, NOTE, TASK, FILE. beforeEntry: the entryKey of the last entry leads to the next page.'),
    ('function', 'field_history', format(
$function$CREATE OR REPLACE FUNCTION %1$I.field_history(object_name text, record_id uuid, field_name text, max_results integer DEFAULT 50, before_batch bigint DEFAULT NULL::bigint)
 RETURNS TABLE(batch bigint, seq integer, action text, before jsonb, after jsonb, actor_type text, actor_id uuid, actor_name text, source text, happened_at timestamp with time zone)
 LANGUAGE sql
 STABLE ROWS 50
BEGIN ATOMIC
 SELECT h.batch,
     h.seq,
     h.action,
     h.before,
     h.after,
     h.actor_type,
     h.actor_id,
     h.actor_name,
     h.source,
     h.happened_at
    FROM engine.field_history(CURRENT_USER, %1$L::text, field_history.object_name, field_history.record_id, field_history.field_name, field_history.max_results, field_history.before_batch) h(batch, seq, action, before, after, actor_type, actor_id, actor_name, source, happened_at);
END$function$, schema_name),
      null, 'What happened to one field of a record that the caller may read, the latest first: its columns before and after, by the names that they have now. beforeBatch leads to the next page.'),
    ('function', 'as_of', format(
$as_of$CREATE OR REPLACE FUNCTION %1$I.as_of(record anyelement, moment timestamp with time zone, only_where jsonb DEFAULT NULL::jsonb)
 RETURNS SETOF anyelement
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO ''
 SET work_mem TO '64MB'
AS %2$s
begin
  return query execute engine.as_of_query(engine.acting_role(), %1$L, pg_catalog.pg_typeof(record), moment, only_where);
end
%2$s$as_of$, schema_name, '$function$'),
      '@behavior -*', 'Records as they were at a moment, as far as the caller may read them now: select * from as_of(null::people, ''2026-11-01''). Those with the values of only_where are found sooner.'),
    ('function', 'plan_revert', format(
$function$CREATE OR REPLACE FUNCTION %1$I.plan_revert(batch bigint DEFAULT NULL::bigint, seq integer DEFAULT NULL::integer, together boolean DEFAULT false, transaction_id xid8 DEFAULT NULL::xid8, request_id text DEFAULT NULL::text, INOUT object_name text DEFAULT NULL::text, INOUT record_id uuid DEFAULT NULL::uuid, field_name text DEFAULT NULL::text, moment timestamp with time zone DEFAULT NULL::timestamp with time zone, after_batch bigint DEFAULT NULL::bigint, max_results integer DEFAULT 100, skip integer DEFAULT 0, OUT label text, OUT action text, OUT before jsonb, OUT after jsonb, OUT conflicts jsonb, OUT total integer, OUT conflicting integer)
 RETURNS SETOF record
 LANGUAGE sql
 STABLE ROWS 100
BEGIN ATOMIC
 SELECT r.object_name,
     r.record_id,
     r.label,
     r.action,
     r.before,
     r.after,
     r.conflicts,
     r.total,
     r.conflicting
    FROM engine.plan_revert(CURRENT_USER, %1$L::text, jsonb_build_object('batch', plan_revert.batch, 'seq', plan_revert.seq, 'together', plan_revert.together, 'transaction_id', plan_revert.transaction_id, 'request_id', plan_revert.request_id, 'object_name', plan_revert.object_name, 'record_id', plan_revert.record_id, 'field_name', plan_revert.field_name, 'moment', plan_revert.moment, 'after_batch', plan_revert.after_batch), plan_revert.max_results, plan_revert.skip) r(object_name, record_id, label, action, before, after, conflicts, total, conflicting);
END$function$, schema_name),
      null, 'What would become of each record if changes were taken back, and what is in the way, that first. Which changes: one (batch and seq), a statement (batch), either with all that was done together with it; a transaction; a request; or a record, or one field of it, since a moment or after a batch. skip leads to the next page.'),
    ('function', 'revert', format(
$function$CREATE OR REPLACE FUNCTION %1$I.revert(batch bigint DEFAULT NULL::bigint, seq integer DEFAULT NULL::integer, together boolean DEFAULT false, transaction_id xid8 DEFAULT NULL::xid8, request_id text DEFAULT NULL::text, object_name text DEFAULT NULL::text, record_id uuid DEFAULT NULL::uuid, field_name text DEFAULT NULL::text, moment timestamp with time zone DEFAULT NULL::timestamp with time zone, after_batch bigint DEFAULT NULL::bigint, on_conflict text DEFAULT 'REFUSE'::text, decisions jsonb DEFAULT NULL::jsonb)
 RETURNS jsonb
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.end_revert(engine.run_as_caller(engine.restore_reverted(engine.run_as_caller(engine.begin_revert(CURRENT_USER, %1$L::text, jsonb_build_object('batch', batch, 'seq', seq, 'together', together, 'transaction_id', transaction_id, 'request_id', request_id, 'object_name', object_name, 'record_id', record_id, 'field_name', field_name, 'moment', moment, 'after_batch', after_batch), on_conflict, decisions))))) AS end_revert;
END$function$, schema_name),
      null, 'Takes changes back, named as in planRevert, in one transaction and with the rights of the caller: who may not change a record does not take its changes back. onConflict says what becomes of what is in the way: REFUSE (all stays as it is), SKIP (the rest is taken back) or OVERWRITE (also what was changed since); decisions, {record: {column: OVERWRITE or SKIP}}, go before it. Returns how many records were reverted and skipped, and why. It is a change itself, so it can be taken back, too.'),
    ('function', 'deleted_records', format(
$function$CREATE OR REPLACE FUNCTION %1$I.deleted_records(object_name text, max_results integer DEFAULT 50, skip integer DEFAULT 0)
 RETURNS TABLE(record_id uuid, label text, data jsonb, deleted_at timestamp with time zone, deleted_by_name text)
 LANGUAGE sql
 STABLE ROWS 50
BEGIN ATOMIC
 SELECT d.record_id,
     d.label,
     d.data,
     d.deleted_at,
     d.deleted_by_name
    FROM engine.deleted_records(CURRENT_USER, %1$L::text, deleted_records.object_name, deleted_records.max_results, deleted_records.skip) d(record_id, label, data, deleted_at, deleted_by_name);
END$function$, schema_name),
      null, 'Deleted records of an object that the caller could read while they were there, with the fields that the caller may read, the latest first.'),
    ('function', 'changes_between', format(
$function$CREATE OR REPLACE FUNCTION %1$I.changes_between(after_position bigint, until_position bigint, object_ids uuid[] DEFAULT NULL::uuid[], with_records boolean DEFAULT false)
 RETURNS SETOF jsonb
 LANGUAGE sql
 STABLE
BEGIN ATOMIC
 SELECT c.c
    FROM engine.changes_between(CURRENT_USER, %1$L::text, changes_between.after_position, changes_between.until_position, changes_between.object_ids, changes_between.with_records) c(c);
END$function$, schema_name),
      '@behavior -*', 'What happened to records in statements after a position of the log up to another, as the caller may know it. Live updates tell it.'),
    ('function', 'announce_presence', format(
$function$CREATE OR REPLACE FUNCTION %1$I.announce_presence(object_name text, record_id uuid, page uuid, field text DEFAULT NULL::text, is_leaving boolean DEFAULT false)
 RETURNS boolean
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.announce_presence(CURRENT_USER, %1$L::text, object_name, record_id, page, field, is_leaving) AS announce_presence;
END$function$, schema_name),
      null, 'Says that the member has a record open, and which field is being edited, to all who see the record. It lasts 40 seconds, so repeat it; isLeaving ends it. Give each page a UUID of its own.'),
    ('function', 'present_members', format(
$function$CREATE OR REPLACE FUNCTION %1$I.present_members(object_name text, record_id uuid)
 RETURNS TABLE(member_id uuid, name text, field text, since timestamp with time zone, expires_at timestamp with time zone)
 LANGUAGE sql
 STABLE ROWS 5
BEGIN ATOMIC
 SELECT p.member_id,
     p.name,
     p.field,
     p.since,
     p.expires_at
    FROM engine.present_members(CURRENT_USER, %1$L::text, present_members.object_name, present_members.record_id) p(member_id, name, field, since, expires_at);
END$function$, schema_name),
      '@behavior -*', 'Who has a record open, for who may read it. The subscription presence tells it.'),
    ('function', 'update_records', format(
$function$CREATE OR REPLACE FUNCTION %1$I.update_records(object_name text, record_ids uuid[], patches jsonb, on_problem text DEFAULT 'REFUSE'::text)
 RETURNS jsonb
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.update_records(%2$L::uuid, %1$L::text, object_name, record_ids, patches, on_problem) AS update_records;
END$function$, schema_name, workspace_id),
      null, 'Changes records of an object, 10,000 at most, all in one transaction. patches is {"field": value} for all of them, or a list of such, one for each of recordIds. What cannot be changed refuses all (onProblem REFUSE) or is left as it is (SKIP). Returns updated, and left: the ids of those that were left or are not there.'),
    ('function', 'save_text', format(
$function$CREATE OR REPLACE FUNCTION %1$I.save_text(object_name text, record_id uuid, field_name text, base text, text text)
 RETURNS jsonb
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.save_text(%2$L::uuid, %1$L::text, object_name, record_id, field_name, base, text) AS save_text;
END$function$, schema_name, workspace_id),
      null, 'Changes a rich text, its Markdown, that still is what base says, and leaves it as it is where somebody else has changed it meanwhile. Returns isSaved and text: what it is now, or null for a record that is gone.'),
    ('function', 'merge_records', format(
$function$CREATE OR REPLACE FUNCTION %1$I.merge_records(object_name text, survivor_id uuid, other_ids uuid[], data jsonb DEFAULT '{}'::jsonb)
 RETURNS uuid
 LANGUAGE sql
BEGIN ATOMIC
 SELECT engine.end_merge(%1$L::text, engine.run_merge(engine.begin_merge(CURRENT_USER, %1$L::text, object_name, survivor_id, other_ids, data))) AS end_merge;
END$function$, schema_name),
      null, 'Makes several records one: the survivor gets the values in data, named as when a record is created, and all that refers to the others; these go to the trash. Returns the survivor.')
  ) as v (kind, key, definition, tags, description)
  union all
  select * from engine.desired_comment_internals(schema_name)
  union all
  select * from engine.desired_file_internals(schema_name)
  union all
  select * from engine.desired_trash_internals(workspace_id, schema_name)
  union all
  select * from engine.desired_merge_internals(schema_name)
  union all
  select * from engine.desired_duplicate_internals(workspace_id, schema_name)
$$;
--! EndIncluded engine/internals.sql
--! Included metadata/notes.sql
-- Objects of one's own have notes and tasks once whoever keeps the data model says so. With the rights of the caller: it is a change of the model as any other.
create or replace function metadata.keep_notes(object_id uuid) returns boolean
language plpgsql volatile set search_path = ''
as $$
begin
  insert into metadata.relations (field_id, target_object_id, inverse_label, inverse_name, on_delete)
  select f.id, o.id, j.label, j.name, 'CASCADE'
  from metadata.objects o
  cross join (values ('standard:noteTarget', 'Notes', 'noteTargets'), ('standard:taskTarget', 'Tasks', 'taskTargets')) j (identifier, label, name)
  join metadata.objects t on t.workspace_id = o.workspace_id and t.universal_identifier = j.identifier and t.deleted_at is null
  join metadata.fields f on f.object_id = t.id and f.type = 'MORPH_RELATION' and f.deleted_at is null
  where o.id = keep_notes.object_id and not o.is_junction
    and not exists (select from metadata.relations r where r.field_id = f.id and r.target_object_id = o.id and r.deleted_at is null);
  return found;
end
$$;
comment on function metadata.keep_notes(uuid) is 'Lets notes and tasks be about the records of an object, too. False when they can be already.';

grant execute on function metadata.keep_notes(uuid) to relvar_crm;
--! EndIncluded metadata/notes.sql
--! Included metadata/bundle.sql
-- What a manifest says, as rows of the model: the same columns, with references by the names that the
-- manifest gives. What it names is found again by its universal identifier (application:object.field,
-- unless the manifest gives one), so that it can be called otherwise in the workspace, and in the next
-- version of the manifest.

create or replace function engine.manifest_objects(manifest jsonb)
returns table (universal_identifier text, name_singular text, name_plural text, label_singular text, label_plural text,
  description text, icon text, color text, label_field text, image_field text, duplicate_criteria jsonb, is_active boolean, is_system boolean,
  is_searchable boolean, is_audited boolean, "position" double precision)
language sql immutable set search_path = ''
as $$
  select coalesce(o ->> 'universalIdentifier', (manifest ->> 'name') || ':' || (o ->> 'nameSingular')), o ->> 'nameSingular', o ->> 'namePlural',
    o ->> 'labelSingular', o ->> 'labelPlural', coalesce(o ->> 'description', ''), coalesce(o ->> 'icon', 'IconBox'), o ->> 'color', o ->> 'labelField', o ->> 'imageField',
    coalesce(nullif(o -> 'duplicateCriteria', 'null'), '[]'), coalesce((o ->> 'isActive')::boolean, true), coalesce((o ->> 'isSystem')::boolean, false),
    coalesce((o ->> 'isSearchable')::boolean, true), coalesce((o ->> 'isAudited')::boolean, true), coalesce((o ->> 'position')::double precision, 0)
  from jsonb_array_elements(manifest -> 'objects') o
  -- An object of another application is only extended.
  where not o ? 'extends'
$$;

-- What a manifest calls the objects that it brings or extends.
create or replace function engine.manifest_object_names(manifest jsonb)
returns table (universal_identifier text, name text, value jsonb)
language sql immutable set search_path = ''
as $$
  select coalesce(o ->> 'extends', o ->> 'universalIdentifier', (manifest ->> 'name') || ':' || (o ->> 'nameSingular')),
    coalesce(o ->> 'nameSingular', nullif(split_part(o ->> 'extends', ':', 2), ''), o ->> 'extends'), o
  from jsonb_array_elements(manifest -> 'objects') o
$$;

create or replace function engine.manifest_fields(manifest jsonb)
returns table (object_identifier text, universal_identifier text, name text, label text, description text, icon text, type text, settings jsonb,
  options jsonb, default_value jsonb, is_required boolean, required_from timestamptz, is_unique boolean, is_active boolean, is_system boolean,
  "position" double precision, relations jsonb, many_to_many jsonb)
language sql stable set search_path = ''
as $$
  select o.universal_identifier, coalesce(f ->> 'universalIdentifier', (case when o.value ? 'extends' then (manifest ->> 'name') || ':' || o.name else o.universal_identifier end) || '.' || (f ->> 'name')),
    f ->> 'name', f ->> 'label', coalesce(f ->> 'description', ''),
    f ->> 'icon', f ->> 'type', coalesce(f -> 'settings', '{}'), coalesce(f -> 'options', '[]'), nullif(f -> 'defaultValue', 'null'),
    coalesce((f ->> 'isRequired')::boolean, false), (f ->> 'requiredFrom')::timestamptz, coalesce((f ->> 'isUnique')::boolean, false),
    coalesce((f ->> 'isActive')::boolean, true), coalesce((f ->> 'isSystem')::boolean, false), coalesce((f ->> 'position')::double precision, 0),
    coalesce(f -> 'relations', '[]'), nullif(f -> 'manyToMany', 'null')
  from engine.manifest_object_names(manifest) o
  cross join lateral jsonb_array_elements(coalesce(o.value -> 'fields', '[]')) f
$$;

create or replace function engine.bundle_parts() returns setof engine.bundle_part
language sql immutable set search_path = ''
as $$
  values
    (1, 'objects', 'objects', null, null, null),
    (2, 'fields', 'fields', 'objects', 'object_id', null),
    (3, 'relations', 'relations', 'fields', 'field_id', 'target_object_id'),
    (4, 'computed', 'fields', 'objects', 'object_id', null),
    -- What objects say of their fields.
    (5, 'references', 'objects', null, null, null),
    (6, 'rules', 'rules', 'objects', 'object_id', null),
    (7, 'indexes', 'indexes', 'objects', 'object_id', null),
    (8, 'views', 'views', 'objects', 'object_id', null),
    (9, 'viewFields', 'view_fields', 'views', 'view_id', 'field_id'),
    (10, 'roles', 'roles', null, null, null)
  union all
  select 11, p.part, p.table_name, 'roles', 'role_id', p.key_column from engine.role_parts() p
$$;

create or replace function engine.manifest_rows(manifest jsonb)
returns table (part text, identifier text, owner text, "values" jsonb)
language sql stable set search_path = ''
as $$
  with object as (
    select o.*, case when o.value ? 'extends' then (manifest ->> 'name') || ':' || o.name else o.universal_identifier end as prefix,
      'field:' || o.name || '.' as field
    from engine.manifest_object_names(manifest) o
  ), child as (
    select p.part, o.universal_identifier as owner, o.prefix, o.field, e.value, e.i,
      -- Of rules that have no identifier, the first of its kind over its field; then the second.
      concat_ws('.', e.value ->> 'kind', e.value ->> 'field', nullif(row_number() over (partition by p.part, o.universal_identifier, e.value ->> 'kind', e.value ->> 'field',
        e.value ? 'universalIdentifier' order by e.i), 1)) as rule_name
    from object o
    cross join (values ('rules'), ('indexes'), ('views')) p (part)
    cross join lateral jsonb_array_elements(coalesce(o.value -> p.part, '[]')) with ordinality e (value, i)
  ), named as (
    select c.*, coalesce(c.value ->> 'universalIdentifier', c.prefix || '.' || c.part || ':' || coalesce(c.value ->> 'name', c.rule_name)) as identifier from child c
  ), role as (
    select coalesce(e ->> 'universalIdentifier', (manifest ->> 'name') || ':role.' || (e ->> 'name')) as identifier, e as value
    from jsonb_array_elements(coalesce(manifest -> 'roles', '[]')) e where not coalesce((e ->> 'isSystem')::boolean, false)
  )
  select 'objects', o.universal_identifier, null, jsonb_build_object('name_singular', o.name_singular, 'name_plural', o.name_plural, 'label_singular', o.label_singular,
    'label_plural', o.label_plural, 'description', o.description, 'icon', o.icon, 'color', o.color, 'is_active', o.is_active, 'is_searchable', o.is_searchable,
    'is_audited', o.is_audited, 'position', o.position)
  from engine.manifest_objects(manifest) o
  union all
  select 'references', o.universal_identifier, null, jsonb_build_object('label_field_id', 'field:' || o.name_singular || '.' || o.label_field,
    'image_field_id', 'field:' || o.name_singular || '.' || o.image_field, 'duplicate_criteria', o.duplicate_criteria)
  from engine.manifest_objects(manifest) o
  union all
  select case when f.type in ('FORMULA', 'ROLLUP') then 'computed' else 'fields' end, f.universal_identifier, f.object_identifier,
    jsonb_build_object('name', f.name, 'label', f.label, 'description', f.description, 'icon', f.icon) || case when f.is_system then '{"is_system": true}' else
      jsonb_build_object('type', f.type, 'settings', f.settings, 'options', f.options, 'default_value', f.default_value, 'is_required', f.is_required,
        'required_from', f.required_from, 'is_unique', f.is_unique, 'is_active', f.is_active, 'position', f.position) end
  from engine.manifest_fields(manifest) f
  union all
  select 'relations', f.universal_identifier || '>' || (r ->> 'target'), f.universal_identifier, jsonb_build_object('target_object_id', 'object:' || (r ->> 'target'),
    'inverse_name', r -> 'inverseName', 'inverse_label', r -> 'inverseLabel', 'on_delete', coalesce(r ->> 'onDelete', 'SET_NULL'), 'is_on_timeline', coalesce((r ->> 'isOnTimeline')::boolean, false))
  from engine.manifest_fields(manifest) f cross join lateral jsonb_array_elements(f.relations) r
  union all
  select 'rules', n.identifier, n.owner, jsonb_build_object('field_id', n.field || (n.value ->> 'field'), 'kind', n.value -> 'kind', 'settings', coalesce(n.value -> 'settings', '{}'),
    'condition', n.value -> 'condition', 'message', coalesce(n.value ->> 'message', ''), 'applies_from', (n.value ->> 'appliesFrom')::timestamptz,
    'is_active', coalesce((n.value ->> 'isActive')::boolean, true), 'position', coalesce((n.value ->> 'position')::double precision, 0))
  from named n where n.part = 'rules'
  union all
  select 'indexes', n.identifier, n.owner, jsonb_build_object('name', n.value -> 'name', 'kind', coalesce(n.value ->> 'kind', 'BTREE'), 'condition', n.value -> 'condition',
    'parts', (select jsonb_agg(jsonb_strip_nulls(jsonb_build_object('fieldId', p -> 'fieldId', 'part', p -> 'part', 'descending', case when p -> 'descending' = 'true' then true end)) order by i)
      from jsonb_array_elements(n.value -> 'parts') with ordinality u (p, i)))
  from named n where n.part = 'indexes'
  union all
  select 'views', n.identifier, n.owner, jsonb_build_object('name', n.value -> 'name', 'icon', n.value -> 'icon', 'type', coalesce(n.value ->> 'type', 'TABLE'), 'filter', engine.manifest_filter(n.value -> 'filter'),
    'sorts', coalesce(n.value -> 'sorts', '[]'), 'group_field_id', n.field || (n.value ->> 'groupField'), 'group_bucket', n.value -> 'groupBucket', 'colors', coalesce(n.value -> 'colors', '[]'), 'layout', coalesce(n.value -> 'layout', '{}'), 'position', coalesce((n.value ->> 'position')::double precision, 0))
  from named n where n.part = 'views'
  union all
  select 'viewFields', n.identifier || '>' || (c ->> 'field'), n.identifier, jsonb_build_object('field_id', n.field || (c ->> 'field'), 'width', c -> 'width',
    'is_visible', coalesce((c ->> 'isVisible')::boolean, true), 'is_pinned', coalesce((c ->> 'isPinned')::boolean, false), 'aggregate', c -> 'aggregate', 'position', coalesce((c ->> 'position')::double precision, u.i))
  from named n cross join lateral jsonb_array_elements(coalesce(n.value -> 'fields', '[]')) with ordinality u (c, i) where n.part = 'views'
  union all
  -- An application brings no role that changes settings.
  select 'roles', r.identifier, null, engine.role_row_values('metadata.roles', r.value) || '{"permissions": [], "has_all_permissions": false}' from role r
  union all
  select p.part, r.identifier || '>' || (v.value ->> p.key_column), r.identifier, v.value
  from role r cross join engine.role_parts() p
  cross join lateral jsonb_array_elements(coalesce(r.value -> p.part, '[]')) e
  cross join lateral (select engine.role_row_values(('metadata.' || p.table_name)::regclass, e) as value) v
$$;
comment on function engine.manifest_rows(jsonb) is 'What a manifest says, one row of the model each, with references by name: part, identifier, identifier of what it belongs to, values by column.';

-- The ids of what a manifest speaks of: {"field:truck.plate": id, …}. A name means what the manifest
-- itself brings first, then what is called so here, then what was.
create or replace function engine.manifest_names(workspace_id uuid, manifest jsonb) returns jsonb
language sql stable set search_path = ''
as $$
  with object as (
    select m.name, o.id from engine.manifest_object_names(manifest) m
    join metadata.objects o on o.workspace_id = manifest_names.workspace_id and o.universal_identifier = m.universal_identifier and o.deleted_at is null
  ), field as (
    select m.name as object_name, f.name, g.id
    from engine.manifest_fields(manifest) f
    join engine.manifest_object_names(manifest) m on m.universal_identifier = f.object_identifier
    join metadata.fields g on g.workspace_id = manifest_names.workspace_id and g.universal_identifier = f.universal_identifier and g.deleted_at is null
  ), target as (
    select 4 as rank, a.name, a.object_id as id from metadata.aliases a where a.workspace_id = manifest_names.workspace_id and a.kind = 'SINGULAR'
    union all
    select 3, split_part(o.universal_identifier, ':', 2), o.id from metadata.objects o where o.workspace_id = manifest_names.workspace_id and o.deleted_at is null
    union all
    select 2, o.name_singular, o.id from metadata.objects o where o.workspace_id = manifest_names.workspace_id and o.deleted_at is null
    union all
    select 1, o.name, o.id from object o
  ), name as (
    select t.rank, 'object:' || t.name as name, t.id from target t
    union all
    select t.rank * 3, 'field:' || t.name || '.' || a.name, a.field_id from target t join metadata.aliases a on a.object_id = t.id and a.field_id is not null
    union all
    select t.rank * 3 - 1, 'field:' || t.name || '.' || f.name, f.id from target t join metadata.fields f on f.object_id = t.id and f.deleted_at is null
    union all
    select t.rank * 3 - 1.5, 'field:' || t.name || '.' || substring(f.universal_identifier from '[^.]+$'), f.id
    from target t join metadata.fields f on f.object_id = t.id and f.deleted_at is null where t.rank > 1
    union all
    select 0, 'field:' || f.object_name || '.' || f.name, f.id from field f
    union all
    select 0, 'relation:' || f.object_name || '.' || f.name || '>' || t.name, r.id
    from field f join metadata.relations r on r.field_id = f.id and r.deleted_at is null join target t on t.id = r.target_object_id
  )
  select coalesce(jsonb_object_agg(n.name, n.id order by n.rank desc) filter (where n.name is not null), '{}') from name n
$$;
--! EndIncluded metadata/bundle.sql
--! Included metadata/deletion.sql
-- Deleting an object or a field takes two steps. The first hides it, with all that makes no sense
-- without it, under a name of the engine's, and keeps the data: it can be restored. Deleting what is
-- deleted already, as a job does after the grace period, drops the data.

create or replace function engine.workspace_exists(id uuid) returns boolean
language sql stable set search_path = ''
  return exists (select from core.workspaces w where w.id = workspace_exists.id);

create or replace function engine.assert_deletable(label text, is_system boolean, application_id uuid) returns void
language plpgsql stable set search_path = ''
as $$
begin
  if is_system then
    raise exception '"%" is part of the product and cannot be deleted.', label using errcode = 'RV007', hint = 'It can be relabelled.';
  end if;
  if application_id is not null then
    raise exception '"%" belongs to the application %.', label, (select a.name from metadata.applications a where a.id = application_id)
      using errcode = 'RV007', hint = 'Deactivate it, which hides it and keeps its data, or uninstall the application.';
  end if;
end
$$;

create or replace function engine.tg_objects__hide() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  if old.deleted_at is not null or not engine.workspace_exists(old.workspace_id) then
    return old;
  end if;
  -- Whether it can be deleted at all, _050_used has asked.
  update metadata.objects o set deleted_at = clock_timestamp(), deleted_by_name = (engine.current_actor()).name where o.id = old.id;
  return null;
end
$$;
create or replace trigger _100_hide before delete on metadata.objects for each row execute function engine.tg_objects__hide();

create or replace function engine.tg_fields__hide() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  if old.deleted_at is not null or not engine.workspace_exists(old.workspace_id)
    or not exists (select from metadata.objects o where o.id = old.object_id)
    -- The search vector goes and comes with its switch; nothing is kept in it.
    or old.type = 'TS_VECTOR' then
    return old;
  end if;
  perform engine.assert_deletable(old.label, old.is_system, old.application_id);
  if exists (select from metadata.objects o where o.label_field_id = old.id and o.deleted_at is null) then
    raise exception 'The field "%" names the records of its object.', old.label using errcode = 'RV007', column = 'id',
      hint = 'Choose another label field for the object first.';
  end if;
  update metadata.fields f set deleted_at = clock_timestamp(), deleted_by_name = (engine.current_actor()).name where f.id = old.id;
  return null;
end
$$;
create or replace trigger _100_hide before delete on metadata.fields for each row execute function engine.tg_fields__hide();

-- One target of several is hidden by itself; a field that points nowhere any more goes with its last target.
create or replace function engine.tg_relations__hide() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  if old.deleted_at is not null or not engine.workspace_exists(old.workspace_id)
    or not exists (select from metadata.objects o where o.id = old.target_object_id)
    or not exists (select from metadata.fields f where f.id = old.field_id and f.deleted_at is null) then
    return old;
  end if;
  if exists (select from metadata.relations r where r.field_id = old.field_id and r.id <> old.id and r.deleted_at is null) then
    update metadata.relations r set deleted_at = clock_timestamp() where r.id = old.id;
  else
    delete from metadata.fields f where f.id = old.field_id;
  end if;
  return null;
end
$$;
create or replace trigger _100_hide before delete on metadata.relations for each row execute function engine.tg_relations__hide();

-- A junction comes back with the last of its ends: while one is deleted, it is deleted with that one.
create or replace function engine.tg_objects__await_ends() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  new.deleted_at := (
    select max(o.deleted_at)
    from metadata.fields f join metadata.relations r on r.field_id = f.id join metadata.objects o on o.id = r.target_object_id
    where f.object_id = new.id and exists (select from metadata.fields m where m.junction_field_id = f.id));
  if new.deleted_at is not null then
    new.deleted_by_name := old.deleted_by_name;
  end if;
  return new;
end
$$;
create or replace trigger _050_await_ends before update of deleted_at on metadata.objects for each row
  when (new.is_junction and old.deleted_at is not null and new.deleted_at is null) execute function engine.tg_objects__await_ends();

-- What is deleted with something else bears the same moment, and by it comes back with it.
create or replace function engine.tg_objects__deletion_spreads() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  -- A moment that somebody writes is only a wish to delete or to restore.
  update metadata.relations r set deleted_at = new.deleted_at
  where r.target_object_id = new.id and r.deleted_at is not distinct from old.deleted_at;
  update metadata.fields f set deleted_at = new.deleted_at, deleted_by_name = new.deleted_by_name
  where f.workspace_id = new.workspace_id and f.type in ('RELATION', 'MEMBER', 'MORPH_RELATION') and f.deleted_at is not distinct from old.deleted_at
    and exists (select from metadata.relations r where r.field_id = f.id and r.target_object_id = new.id)
    and (new.deleted_at is null or not exists (select from metadata.relations r where r.field_id = f.id and r.deleted_at is null));
  -- A junction makes no sense without one of its ends, nor the fields that lead through it.
  update metadata.objects j set deleted_at = new.deleted_at, deleted_by_name = new.deleted_by_name
  where j.workspace_id = new.workspace_id and j.is_junction and j.id <> new.id and j.deleted_at is not distinct from old.deleted_at
    and exists (select from metadata.fields f join metadata.relations r on r.field_id = f.id
      where f.object_id = j.id and r.target_object_id = new.id
        and exists (select from metadata.fields m where m.junction_field_id = f.id));
  if new.is_junction then
    update metadata.fields m set deleted_at = new.deleted_at, deleted_by_name = new.deleted_by_name
    from metadata.fields f
    where f.object_id = new.id and m.junction_field_id = f.id and m.deleted_at is not distinct from old.deleted_at;
  end if;
  return null;
end
$$;
create or replace trigger _300_deletion_spreads after update of deleted_at on metadata.objects for each row
  when (new.deleted_at is distinct from old.deleted_at) execute function engine.tg_objects__deletion_spreads();

create or replace function engine.tg_fields__deletion_spreads() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  update metadata.objects j set deleted_at = new.deleted_at, deleted_by_name = new.deleted_by_name
  from metadata.fields f
  where f.id = new.junction_field_id and j.id = f.object_id and j.deleted_at is not distinct from old.deleted_at;
  return null;
end
$$;
create or replace trigger _300_deletion_spreads after update of deleted_at on metadata.fields for each row
  when (new.deleted_at is distinct from old.deleted_at and new.junction_field_id is not null) execute function engine.tg_fields__deletion_spreads();

-- A junction that has lost one of its ends for good leads nowhere, and so does the field at the other.
create or replace function engine.tg_objects__drop_junctions() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  -- Such a trigger runs when nothing was deleted, too.
  if not exists (select from gone) then
    return null;
  end if;
  delete from metadata.objects j
  where j.is_junction and j.deleted_at is not null and j.workspace_id in (select g.workspace_id from gone g)
    and (select count(distinct m.junction_field_id) from metadata.fields f join metadata.fields m on m.junction_field_id = f.id where f.object_id = j.id) < 2;
  return null;
end
$$;
create or replace trigger _200_drop_junctions after delete on metadata.objects
  referencing old table as gone for each statement execute function engine.tg_objects__drop_junctions();

-- Purges what was deleted longer ago than the grace period. Returns how many things it dropped.
create or replace function engine.purge_deleted(max_age interval default null) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_age interval := coalesce(max_age, (select make_interval(days => s.grace_days) from engine.settings s));
  v_count int;
begin
  with objects as (
    delete from metadata.objects o where o.deleted_at < now() - v_age returning 1
  ), fields as (
    delete from metadata.fields f where f.deleted_at < now() - v_age returning 1
  ), relations as (
    delete from metadata.relations r where r.deleted_at < now() - v_age returning 1
  ), columns as (
    delete from engine.retired_columns r where r.retired_at < now() - v_age returning r.workspace_id, r.object_id
  )
  select (select count(*) from objects) + (select count(*) from fields) + (select count(*) from relations) + (select count(engine.note_change(c.workspace_id, array[c.object_id])) from columns c) into v_count;
  return v_count;
end
$$;
comment on function engine.purge_deleted(interval) is 'Drops objects, fields and former columns that were deleted longer ago than max_age (default: the grace period of engine.settings). A job runs it every night.';
grant execute on function engine.purge_deleted(interval) to relvar_worker;
--! EndIncluded metadata/deletion.sql
--! Included engine/duplicates/inbox.sql
-- Duplicates that were found, for who may see both records and what they have in common: by which criteria a pair matches is told
-- only of those whose fields the caller reads, and by these it is looked at anew, so that no pair is shown that is none any more.

-- The criteria that the caller may know, with what compares two rows a and b by them.
create or replace function engine.known_criteria(caller name, schema_name text, object metadata.objects) returns table (key text, fields jsonb, is_sure boolean, matches text)
language sql stable set search_path = ''
as $$
  select c.key, c.fields, c.is_sure, concat_ws(' and ', case when c.expression is not null then format('(select %1$s from (select a.*) r) = (select %1$s from (select b.*) r)', c.expression) end,
    case when c.spelling is not null then format('public.similarity((select %1$s from (select a.*) r), (select %1$s from (select b.*) r)) >= %2$s', c.spelling, c.threshold) end)
  from engine.duplicate_criteria(object) c
  where not exists (select from unnest(c.columns) k where not has_column_privilege(caller, format('%I.%I', schema_name, (object).table_name), k, 'select'))
$$;

-- Pairs of one object, the surest first of so many, each looked at anew: a query over record_duplicates d and its two rows a and b.
create or replace function engine.query_of_duplicates(caller name, schema_name text, object metadata.objects, is_dismissed boolean, only_sure boolean, max_pairs int) returns text
language sql stable set search_path = '' set jit = off
as $$
  select format(
    'select d.first_id, d.second_id, d.score, d.total, d.dismissed_at, d.dismissed_by_name, a.a, b.b, r.reasons, r.is_sure
     from (
       select d.*, s.score as visible_score, count(*) over () as total
       from %1$I.record_duplicates d join %2$s a on a.id = d.first_id join %2$s b on b.id = d.second_id
       cross join lateral (select engine.duplicate_score(array(select (e.value #>> ''{}'')::real from jsonb_each(d.scores) e where e.key = any (%3$L))) as score) s
       where d.object_id = %4$L and d.dismissed_at is %5$s null and (s.score > 0 or %6$L) and %7$s and %8$s %9$s
       order by s.score desc, d.first_id, d.second_id limit %11$s
     ) x
     cross join lateral (select x.first_id, x.second_id, x.visible_score as score, x.total, x.dismissed_at, x.dismissed_by_name, x.scores) d
     cross join lateral (select t as a from %2$s t where t.id = d.first_id) a cross join lateral (select t as b from %2$s t where t.id = d.second_id) b
     cross join lateral (select coalesce(jsonb_agg(m.reason), ''[]'') as reasons, coalesce(bool_or(m.is_sure), false) as is_sure from (select (a.a).*) a cross join (select (b.b).*) b cross join lateral (%10$s) m (reason, is_sure, is_so) where m.is_so) r
     where r.reasons <> ''[]'' or %6$L
     order by d.score desc, d.first_id, d.second_id',
    schema_name, format('%I.%I', schema_name, (object).table_name), (select coalesce(array_agg(k.key) filter (where not only_sure or k.is_sure), '{}') from engine.known_criteria(caller, schema_name, object) k), (object).id,
    case when is_dismissed then 'not' else '' end, is_dismissed, engine.condition_of(caller, (object).id, 'READ', 'a.'), engine.condition_of(caller, (object).id, 'READ', 'b.'),
    case when only_sure then 'and d.is_sure' else '' end,
    coalesce((select string_agg(format('select %L::jsonb || jsonb_build_object(''score'', d.scores -> %L), %L::boolean, %s', jsonb_build_object('fields', k.fields, 'isSure', k.is_sure), k.key, k.is_sure, k.matches), ' union all ')
      from engine.known_criteria(caller, schema_name, object) k where not only_sure or k.is_sure), 'select null::jsonb, false, false'), max_pairs)
$$;

create or replace function engine.list_duplicates(caller name, schema_name text, wanted_object text, is_dismissed boolean, max_results int, skip int)
returns table (object_name text, first_id uuid, second_id uuid, first_label text, second_label text, score real, is_sure boolean, reasons jsonb, may_merge boolean, dismissed_at timestamptz, dismissed_by_name text, total int)
language plpgsql stable security definer set search_path = '' set jit = off
as $$
declare
  v_workspace uuid := (select w.id from core.workspaces w where w.schema_name = list_duplicates.schema_name);
  v_queries text[] := '{}';
  v_label boolean;
  o metadata.objects;
begin
  if wanted_object is not null then
    perform engine.past_object(caller, schema_name, wanted_object);
  end if;
  for o in
    select b.* from metadata.objects b
    where b.workspace_id = v_workspace and b.is_active and b.deleted_at is null and b.duplicate_criteria <> '[]' and (wanted_object is null or b.name_singular = wanted_object) and engine.has_right(caller, b.id, 'READ')
  loop
    v_label := engine.reads_label(caller, schema_name, o);
    v_queries := v_queries || format('(select %L, q.first_id, q.second_id, %s, %s, q.score, q.is_sure, q.reasons,
        (select coalesce((%s) and (%s) or (%s) and (%s), false) from (select (q.a).*) a cross join (select (q.b).*) b), q.dismissed_at, q.dismissed_by_name, q.total::int from (%s) q limit $1 + $2)',
      o.name_singular, case when v_label then engine.row_label(o, 'q.a') else 'null::text' end, case when v_label then engine.row_label(o, 'q.b') else 'null::text' end,
      engine.condition_of(caller, o.id, 'UPDATE', 'a.'), engine.condition_of(caller, o.id, 'DELETE', 'b.'), engine.condition_of(caller, o.id, 'UPDATE', 'b.'), engine.condition_of(caller, o.id, 'DELETE', 'a.'),
      -- Some of them may be none any more.
      engine.query_of_duplicates(caller, schema_name, o, is_dismissed, false, least(greatest(max_results, 1), 200) + greatest(skip, 0) + 200));
  end loop;
  if v_queries <> '{}' then
    return query execute format('select q.* from (%s) q (object_name, first_id, second_id, first_label, second_label, score, is_sure, reasons, may_merge, dismissed_at, dismissed_by_name, total)
      order by q.score desc, q.object_name, q.first_id, q.second_id limit $1 offset $2', array_to_string(v_queries, ' union all '))
    using least(greatest(max_results, 1), 200), greatest(skip, 0);
  end if;
end
$$;

-- The label of a row that stands in one column.
create or replace function engine.row_label(object metadata.objects, "row" text) returns text
language sql stable set search_path = ''
as $$ select format('(select %s from (select (%s).*) l)', engine.label_expression((object).id, 'l'), "row") $$;

-- Pairs that are no duplicates, whatever they have in common: remembered for everybody, by who may change one of the two.
create or replace function engine.dismiss_duplicates(caller name, schema_name text, object_name text, record_ids uuid[], is_dismissed boolean) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.past_object(caller, schema_name, object_name);
  v_ids uuid[] := array(select distinct i from unnest(record_ids) i where i is not null);
  v_count int;
begin
  if cardinality(v_ids) not between 2 and 20 then
    raise exception 'Two to 20 records are told apart at once.' using errcode = 'RV252', column = 'record_ids', hint = 'Name the records that are not the same.';
  end if;
  execute format('insert into %1$I.record_duplicates as d (object_id, first_id, second_id, scores, score, is_sure, dismissed_at, dismissed_by_name)
    select $1, a.id, b.id, ''{}'', 0, false, case when $3 then now() end, case when $3 then $4 end from %2$s a join %2$s b on b.id > a.id
    where a.id = any ($2) and b.id = any ($2) and %3$s and %4$s and (%5$s or %6$s)
    on conflict (object_id, first_id, second_id) do update set dismissed_at = excluded.dismissed_at, dismissed_by_name = excluded.dismissed_by_name',
    schema_name, format('%I.%I', schema_name, v_object.table_name), engine.condition_of(caller, v_object.id, 'READ', 'a.'), engine.condition_of(caller, v_object.id, 'READ', 'b.'),
    engine.condition_of(caller, v_object.id, 'UPDATE', 'a.'), engine.condition_of(caller, v_object.id, 'UPDATE', 'b.'))
  using v_object.id, v_ids, is_dismissed, (engine.current_actor()).name;
  get diagnostics v_count = row_count;
  if v_count = 0 then
    raise exception 'Your role may not change one of these records, or there is none.' using errcode = '42501', hint = 'What are no duplicates says who may change one of them.';
  end if;
  return v_count;
end
$$;

-- Groups of records that are surely the same and that the caller may merge, with what merging each would take: for merging many at once.
create or replace function engine.sure_duplicates(caller name, schema_name text, object_name text, max_groups int)
returns table (survivor_id uuid, other_ids uuid[], label text, data jsonb, total_groups int, total_records int)
language plpgsql stable security definer set search_path = '' set jit = off
as $$
declare
  v_object metadata.objects := engine.past_object(caller, schema_name, object_name);
  v_table text := format('%I.%I', schema_name, v_object.table_name);
  v_fields jsonb := engine.merge_fields(caller, schema_name, v_object);
  v_label text := case when engine.reads_label(caller, schema_name, v_object) then engine.label_expression(v_object.id, 't') else 'null::text' end;
  v_rows jsonb[];
  r record;
begin
  if not engine.has_right(caller, v_object.id, 'UPDATE') or not engine.has_right(caller, v_object.id, 'DELETE') then
    return;
  end if;
  for r in execute format('
      with recursive edge as materialized (
        select q.first_id as a, q.second_id as b from (%1$s) q
        where (select (%2$s) and (%3$s) from (select (q.a).*) a) and (select (%4$s) and (%5$s) from (select (q.b).*) b) limit 20000
      ), ends as materialized (
        select a, b from edge union all select b, a from edge
      ), reached (id, root) as (
        select distinct a, a from ends
        union
        select e.b, r.root from reached r join ends e on e.a = r.id where e.b > r.root
      ), rooted as (
        select r.id, min(r.root::text)::uuid as root from reached r group by r.id
      ), grouped as (
        select (array_agg(g.id order by g.id))[1:20] as ids from rooted g group by g.root having count(*) > 1
      )
      select g.ids, count(*) over ()::int as groups, sum(cardinality(g.ids)) over ()::int as records from grouped g order by g.ids limit $1',
    engine.query_of_duplicates(caller, schema_name, v_object, false, true, 20000), engine.condition_of(caller, v_object.id, 'UPDATE', 'a.'), engine.condition_of(caller, v_object.id, 'DELETE', 'a.'),
    engine.condition_of(caller, v_object.id, 'UPDATE', 'b.'), engine.condition_of(caller, v_object.id, 'DELETE', 'b.'))
  using least(greatest(max_groups, 1), 500)
  loop
    execute format('select array_agg(to_jsonb(t) - ''search_vector'' || jsonb_build_object(''__label'', %s)) from %s t where t.id = any ($1)', v_label, v_table) into v_rows using r.ids;
    v_rows := engine.merge_order(v_fields, v_rows, r.ids, null);
    survivor_id := v_rows[1] ->> 'id';
    other_ids := array(select i from unnest(r.ids) i where i <> survivor_id);
    label := v_rows[1] ->> '__label';
    data := engine.merge_data((select coalesce(jsonb_agg(to_jsonb(c)), '[]') from engine.merge_choices(v_fields, v_rows) c), v_rows[1]);
    total_groups := r.groups;
    total_records := r.records;
    return next;
  end loop;
end
$$;

-- Reached only through the tenant's own functions, which name the caller.
grant execute on function engine.list_duplicates(name, text, text, boolean, int, int), engine.dismiss_duplicates(name, text, text, uuid[], boolean), engine.sure_duplicates(name, text, text, int) to relvar_crm;
--! EndIncluded engine/duplicates/inbox.sql
--! Included engine/search.sql
-- Search reads text without accents, case or the punctuation of addresses, so that "jose" finds
-- José and "example" finds ann@example.com.
create or replace function engine.search_text(content text) returns text
language sql immutable strict parallel safe set search_path = ''
as $$ select lower(public.unaccent('public.unaccent'::regdictionary, translate(content, '@._-/+:', '       '))) $$;
comment on function engine.search_text(text) is 'A text as search compares it: lower case, no accents, addresses split into words.';
-- Called by generated columns with the rights of whoever writes.
grant execute on function engine.search_text(text) to public;

-- The words of a query, as search compares them. What is a letter is the database's own matter, also where the caller is
-- handed on as a "name", whose collation knows ASCII only and would become that of all texts of the call.
create or replace function engine.search_words(query text) returns text[]
language sql immutable strict parallel safe set search_path = ''
as $$
  select coalesce(array_agg(w order by n), '{}') from regexp_split_to_table(engine.search_text(query collate "default"), '[^[:alnum:]]+') with ordinality x (w, n) where w <> ''
$$;

-- Each word must match the beginning of a word in the record.
create or replace function engine.search_query(words text[]) returns tsquery
language sql immutable strict parallel safe set search_path = ''
as $$ select string_agg(quote_literal(w) || ':*', ' & ')::tsquery from unnest(words) w $$;

-- The words of a table's records, with the share of the records that have each, from a sample of some twelve pages: those that very many
-- have are among them. Of a table that is not large, none. The statistics of PostgreSQL know it, too, but are closed to an owner whose own
-- table has policies.
create or replace function engine.sampled_words(schema_name text, table_name text) returns table (word text, share float8)
language plpgsql stable set search_path = ''
as $$
declare
  v_table regclass := format('%I.%I', schema_name, table_name);
  v_pages bigint := pg_relation_size(v_table) / current_setting('block_size')::int;
begin
  if v_pages > 120 then
    return query execute format(
      'with sample as materialized (select t.search_vector from %s t tablesample system (%s) repeatable (1))
       select l, count(*)::float8 / (select count(*) from sample) from sample, unnest(tsvector_to_array(sample.search_vector)) l group by l', v_table, 1200.0 / v_pages);
  end if;
end
$$;

-- Those of some words, or beginnings of words, that very many records have: "com" in addresses. To look each of these up in the
-- index takes longer than to look at the records that have the other words.
create or replace function engine.common_words(schema_name text, table_name text, words text[], is_whole boolean) returns text[]
language sql stable strict set search_path = ''
as $$
  with sampled as materialized (select s.word, s.share from engine.sampled_words(schema_name, table_name) s)
  select coalesce(array_agg(w), '{}') from unnest(words) w
  where (select sum(s.share) from sampled s where case when is_whole then s.word = w else starts_with(s.word, w) end) > 0.02
$$;

-- What a word is one slip of the pen away from: a letter too many, too few or wrong, or two that changed places. Numbers are
-- meant as they are. Scripts whose letters are not listed here lose and swap letters only.
create or replace function engine.spellings(word text) returns setof text
language sql immutable strict parallel safe set search_path = ''
as $$
  with alphabet as materialized (
    select string_to_array(case
      when word ~ '[a-z]' then 'abcdefghijklmnopqrstuvwxyz'
      when word ~ '[а-я]' then 'абвгдежзийклмнопрстуфхцчшщъыьэюяіїєґ'
      when word ~ '[α-ω]' then 'αβγδεζηθικλμνξοπρςστυφχψω'
      else '' end, null) as letters
    where word ~ '[^0-9]'
  )
  select left(word, i) || substr(word, i + 2) from alphabet, generate_series(0, length(word) - 1) i
  union select left(word, i) || substr(word, i + 2, 1) || substr(word, i + 1, 1) || substr(word, i + 3) from alphabet, generate_series(0, length(word) - 2) i
  union select left(word, i) || c || substr(word, i + 2) from alphabet, unnest(letters) c, generate_series(0, length(word) - 1) i
  union select left(word, i) || c || substr(word, i + 1) from alphabet, unnest(letters) c, generate_series(0, length(word)) i
$$;

-- Those of some spellings that words of a table's records have. Of a small table all words are read; in a large one the index
-- answers for each in a few microseconds, however many records there are, once what was written lately is not in a list before it any more;
-- those that many records have are in a sample.
create or replace function engine.known_spellings(schema_name text, table_name text, spellings text[]) returns text[]
language plpgsql stable set search_path = '' set enable_seqscan = off set jit = off
as $$
declare
  v_table regclass := format('%I.%I', schema_name, table_name);
  v_usual text[];
  v_known text[];
begin
  if pg_relation_size(v_table) <= 120 * current_setting('block_size')::int then
    execute format('select array_agg(distinct l) from %s t, unnest(tsvector_to_array(t.search_vector)) l where l = any ($1)', v_table) into v_known using spellings;
    return v_known;
  end if;
  if not pg_is_in_recovery() then
    perform gin_clean_pending_list(i.indexrelid)
    from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am m on m.oid = c.relam and m.amname = 'gin'
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0] and a.attname = 'search_vector'
    where i.indrelid = v_table and i.indisvalid;
  end if;
  v_usual := array(select s.word from engine.sampled_words(schema_name, table_name) s where s.word = any (spellings));
  execute format('select array_agg(s) from unnest($1) s where s <> all ($2) and exists (select from %s t where t.search_vector @@ quote_literal(s)::tsquery)', v_table)
    into v_known using spellings, v_usual;
  return v_usual || v_known;
end
$$;

-- The words of a query with those that each may have been meant to be, as known to a table: what is sought by the index, and what is then
-- looked for in the records found, because very many have it. It tells nothing of records that the caller does not see, since it only
-- widens what is then asked under the caller's rights.
create or replace function engine.spelling_query(schema_name text, table_name text, words text[], spellings jsonb, all_spellings text[], out sought tsquery, out checked tsquery)
language sql stable set search_path = ''
as $$
  with known as materialized (
    select engine.known_spellings(schema_name, table_name, all_spellings) as words
  ), common as materialized (
    select engine.common_words(schema_name, table_name, known.words, true) as words from known
  ), groups as (
    select n, coalesce(bool_or(k = any (common.words)), false) as is_common, '(' || quote_literal(w) || ':*' || coalesce(string_agg(' | ' || quote_literal(k), ''), '') || ')' as content,
      '(' || quote_literal(w) || ':*' || coalesce(string_agg(' | ' || quote_literal(k), '') filter (where k <> all (common.words)), '') || ')' as seldom
    from common, unnest(spelling_query.words) with ordinality x (w, n)
    left join lateral (select k from known, unnest(known.words) k where spellings -> w ? k) s on true
    group by n, w
  )
  -- Where each word may be one that very many have, it is not: they would be read all.
  select coalesce(string_agg(content, ' & ' order by n) filter (where not is_common), string_agg(seldom, ' & ' order by n))::tsquery,
    case when not bool_and(is_common) then string_agg(content, ' & ' order by n) filter (where is_common) end::tsquery
  from groups
$$;

-- Search over every searchable object of a tenant that the role may read. It runs as the owner,
-- because under a policy PostgreSQL uses no index for full text (the operators are not
-- leakproof). So the caller's rights are asked first: a role that may not read all that an object's
-- vector is made of does not search it, and where it sees some records only, the same condition as
-- that of its policies is part of the query. Of a few records each is looked at: how many have a
-- word is not known well enough for PostgreSQL to see that itself.
--
-- The rank says how a record was found: 5 it is called so, 4 its name begins so, 3 words of its name do, 2 words of something else of it,
-- between 0 and 1 it is spelt alike. Among equals those changed last come first, where the role may know when. Of very
-- many that match, some hundred of each object are compared: those that are called so, or begin so, are looked up on their own.
create or replace function engine.search(caller name, schema_name text, query text, max_results int)
returns table (object_name text, record_id uuid, label text, rank real)
language plpgsql stable security definer set search_path = '' set jit = off set enable_seqscan = on
as $$
declare
  c_enough constant int := 5;
  v_words text[] := engine.search_words(query);
  v_text text := btrim(regexp_replace(engine.search_text(query collate "default"), '\s+', ' ', 'g'));
  v_pattern text := replace(replace(replace(v_text, '\', '\\'), '%', '\%'), '_', '\_') || '%';
  v_query tsquery := engine.search_query(v_words);
  v_limit int := least(greatest(max_results, 1), 100);
  v_columns text;
  v_common text[];
  v_seldom text[];
  v_exact text[] := '{}';
  v_tables text[] := '{}';
  v_sought jsonb := '[]';
  v_selects text[] := '{}';
  v_alike text[] := '{}';
  v_loose text[] := '{}';
  v_spellings jsonb;
  v_all text[];
  v_meant record;
  v_found uuid[] := '{}';
  o record;
begin
  if v_query is null then
    return;
  end if;
  for o in
    select x.*, case when x.policy = 'true' then format('from %I.%I t where true', search.schema_name, x.table_name)
        when x.is_few then format('from (select * from %I.%I where %s limit 5000) t where true', search.schema_name, x.table_name, x.policy)
        else format('from %I.%I t where %s', search.schema_name, x.table_name, x.policy) end as source
    from (
      select ob.name_singular, ob.table_name, ob.position, ob.label_field_id is not null as has_label, engine.label_expression(ob.id, 't') as label, p.policy,
        p.policy not in ('true', 'false') and engine.sees_few(search.schema_name, ob.table_name, p.policy, 5000) as is_few,
        case when exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'updated_at' and not a.attisdropped)
          and has_column_privilege(caller, c.oid, 'updated_at', 'select') then 't.updated_at' else 'null::timestamptz' end as changed
      from core.workspaces w
      join metadata.objects ob on ob.workspace_id = w.id
      cross join lateral (select to_regclass(format('%I.%I', w.schema_name, ob.table_name))::oid as oid offset 0) c
      cross join lateral (select engine.read_policy(caller, c.oid) as policy offset 0) p
      where w.schema_name = search.schema_name and ob.is_active and ob.deleted_at is null and ob.is_searchable and not ob.is_system
        and has_column_privilege(caller, c.oid, 'search_vector', 'select')
    ) x
    where x.policy <> 'false'
    order by x.position
  loop
    v_columns := format('select %L::text as object_name, t.id, %s as label, engine.search_text(%2$s) as content, %s as changed %s', o.name_singular, o.label, o.changed, o.source);
    if o.has_label then
      v_loose := v_loose || format('(%s and engine.search_text(%s) operator(public.%%>) $3 limit 300)', v_columns, o.label);
    end if;
    v_common := case when cardinality(v_words) > 1 and not o.is_few then engine.common_words(schema_name, o.table_name, v_words, false) else '{}' end;
    v_seldom := array(select w from unnest(v_words) w where w <> all (v_common));
    if v_common <> '{}' and v_seldom <> '{}' then
      v_columns := v_columns || format(' and (t.search_vector || '''') @@ %L::tsquery', engine.search_query(v_common));
    else
      v_seldom := v_words;
    end if;
    v_exact := v_exact || format('(%s and t.search_vector @@ %L::tsquery limit 300)', v_columns, engine.search_query(v_seldom));
    -- Three letters are the least that the index on labels tells from others.
    if o.has_label and not o.is_few and length(v_text) > 2 then
      v_exact := v_exact || format('(%s and engine.search_text(%s) like $2 limit 300)', v_columns, o.label);
    end if;
    v_tables := v_tables || o.table_name;
    v_sought := v_sought || jsonb_build_array(v_seldom);
    v_selects := v_selects || v_columns;
  end loop;
  if v_exact = '{}' then
    return;
  end if;
  for object_name, record_id, label, rank in execute format(
    'select f.object_name, f.id, f.label, f.rank from (
       select distinct on (s.id) s.*, (case when s.content = $3 then 5 when starts_with(s.content, $3) then 4
         when (select bool_and(strpos('' '' || s.content, '' '' || w) > 0) from unnest($4) w) then 3 else 2 end)::real as rank
       from (%s) s
     ) f order by f.rank desc, f.changed desc nulls last, length(f.label), f.id desc limit $5', array_to_string(v_exact, ' union all '))
    using v_query, v_pattern, v_text, v_words, v_limit
  loop
    v_found := v_found || record_id;
    return next;
  end loop;
  -- Few begin with these letters: offer what is spelt alike, too.
  if cardinality(v_found) < least(c_enough, v_limit) then
    with spelt as materialized (
      select w, array(select s from engine.spellings(w) s where s <> '') as s from (select distinct w from unnest(v_words[:6]) w where length(w) between 3 and 40) x
    )
    select coalesce(jsonb_object_agg(w, to_jsonb(s)), '{}'), coalesce((select array_agg(distinct each) from spelt, unnest(spelt.s) each), '{}') into v_spellings, v_all from spelt;
    for i in 1 .. cardinality(v_tables) loop
      select m.* into v_meant from engine.spelling_query(schema_name, v_tables[i], array(select jsonb_array_elements_text(v_sought -> (i - 1))), v_spellings, v_all) m;
      v_alike := v_alike || format('(%s and t.search_vector @@ %L::tsquery%s limit 300)', v_selects[i], v_meant.sought,
        case when v_meant.checked is not null then format(' and (t.search_vector || '''') @@ %L::tsquery', v_meant.checked) end);
    end loop;
    -- How many records have a word that is seldom is not known: where that is guessed wrong, a whole table is read.
    perform set_config('enable_seqscan', 'off', true);
    for object_name, record_id, label, rank in execute format(
      'select s.object_name, s.id, s.label, least(public.similarity($3, s.content), 0.99)::real as rank from (%s) s
       where s.id <> all ($6) order by 4 desc, s.changed desc nulls last, length(s.label), s.id desc limit $5', array_to_string(v_alike, ' union all '))
      using v_query, v_pattern, v_text, v_words, v_limit - cardinality(v_found), v_found
    loop
      v_found := v_found || record_id;
      return next;
    end loop;
  end if;
  -- More than one slip in a word, or words run together.
  if v_found = '{}' and v_loose <> '{}' and v_text !~ '[0-9]' then
    return query execute format(
      'select s.object_name, s.id, s.label, least(public.word_similarity($3, s.content), 0.99)::real as rank from (%s) s
       order by 4 desc, s.changed desc nulls last, length(s.label), s.id desc limit $5', array_to_string(v_loose, ' union all '))
      using v_query, v_pattern, v_text, v_words, v_limit;
  end if;
end
$$;

-- Reached only through the tenant's own search_records, which names the caller.
grant execute on function engine.search(name, text, text, int) to relvar_crm;
--! EndIncluded engine/search.sql
drop function engine.search_query(text);

-- Records to try a workspace with, by their ids, so that they can be taken out again; and who has put the list of first steps away.
create table core.sample_records (
  workspace_id uuid not null references core.workspaces on delete cascade,
  object_id uuid not null,
  record_id uuid not null,
  loaded_at timestamptz not null default now(),
  primary key (workspace_id, record_id),
  foreign key (workspace_id, object_id) references metadata.objects (workspace_id, id) on delete cascade
);
comment on table core.sample_records is 'Which records were loaded to try the workspace with.';
create index on core.sample_records (workspace_id, object_id);
alter table core.workspace_settings add column start_dismissed_at timestamptz;
comment on column core.workspace_settings.start_dismissed_at is 'When somebody put the list of first steps away.';
alter table core.members add column start_dismissed_at timestamptz;
comment on column core.members.start_dismissed_at is 'When the member put the own list of first steps away.';
--! Included engine/samples/data.sql
-- Written by db/demo/sampleData.ts: node db/demo/sampleData.ts writes it again. Columns bear the names that the standard objects
-- begin with, days count from 2000-01-01, and "member" is whoever loads it.

create or replace function engine.sample_data() returns jsonb
language sql immutable parallel safe set search_path = ''
as $$ select $json$
{"company": [
  {"id":"e0eeef2b-52ef-42bb-9a85-0d8b3534713b","name":"Corvid Energy LLC","domain_name_primary_link_url":"https://corvidenergy.sample.example","address_street1":"44 Lincoln Boulevard","address_city":"Austin","address_state":"Texas","address_postcode":"78701","address_country":"United States","employees":533,"annual_revenue_amount_micros":85100000000000,"annual_revenue_currency_code":"USD","ideal_customer_profile":true,"account_owner_id":"member"},
  {"id":"b10d7adb-c63b-46c9-b93a-93cd9d8dcb0a","name":"Meridale Tools","domain_name_primary_link_url":"https://meridale-tools.sample.example","address_street1":"45 Harbor Avenue","address_city":"New York","address_state":"New York","address_postcode":"10018","address_country":"United States","employees":32,"annual_revenue_amount_micros":4110000000000,"annual_revenue_currency_code":"USD","ideal_customer_profile":false,"account_owner_id":"member"},
  {"id":"1a866812-294c-4846-9bdb-e59d229a5bb5","name":"Norrvik Textiles","domain_name_primary_link_url":"https://norrvik-textiles.sample.example","address_street1":"84 quai Voltaire","address_city":"Nantes","address_state":"Pays de la Loire","address_postcode":"44000","address_country":"France","employees":501,"annual_revenue_currency_code":"EUR","ideal_customer_profile":false,"account_owner_id":"member"},
  {"id":"6d4395d5-f8a2-4c7e-9522-2486eea15cb2","name":"Hawkridge Ceramics","domain_name_primary_link_url":"https://hawkridge-ceramics.sample.example","address_street1":"82 Shibakoen","address_city":"Tokyo","address_postcode":"100-0005","address_country":"Japan","employees":8458,"annual_revenue_amount_micros":1871830000000000,"annual_revenue_currency_code":"JPY","ideal_customer_profile":false,"account_owner_id":"member"},
  {"id":"9656d72a-3078-4155-b483-7d9dae7e3da0","name":"Bellweather Marine","domain_name_primary_link_url":"https://bellweather-marine.sample.example","address_street1":"116 Am Speicher","address_city":"Köln","address_state":"Nordrhein-Westfalen","address_postcode":"50667","address_country":"Germany","employees":1541,"annual_revenue_amount_micros":97220000000000,"annual_revenue_currency_code":"EUR","ideal_customer_profile":false,"account_owner_id":"member"},
  {"id":"041baf28-c5cd-4c63-9762-56f44cc55456","name":"Greyfriars Instruments","domain_name_primary_link_url":"https://greyfriars-instruments.sample.example","address_street1":"18 Mill Road","address_city":"Minneapolis","address_state":"Minnesota","address_postcode":"55401","address_country":"United States","employees":323,"annual_revenue_amount_micros":23690000000000,"annual_revenue_currency_code":"USD","ideal_customer_profile":false,"account_owner_id":"member"},
  {"id":"4afb61fa-6550-4b81-928d-e5a55b27d482","name":"Tideway Travel","domain_name_primary_link_url":"https://tidewaytravel.sample.example","address_street1":"48 Calle de la Luna","address_city":"Barcelona","address_state":"Cataluña","address_postcode":"08003","address_country":"Spain","employees":10,"annual_revenue_amount_micros":2140000000000,"annual_revenue_currency_code":"EUR","ideal_customer_profile":false,"account_owner_id":"member"},
  {"id":"3f4e833b-e725-4201-8fba-cef4c74c774d","name":"Tamarind Packaging","domain_name_primary_link_url":"https://tamarindpackaging.sample.example","address_street1":"207 Union Square","address_city":"Seattle","address_state":"Washington","address_postcode":"98101","address_country":"United States","employees":20,"annual_revenue_amount_micros":1790000000000,"annual_revenue_currency_code":"USD","ideal_customer_profile":false,"account_owner_id":"member"},
  {"id":"a7c9e633-adce-4844-b04e-393e88ed1431","name":"Bramwell Instruments AG","domain_name_primary_link_url":"https://bramwellinstruments.sample.example","address_street1":"131 Am Speicher","address_city":"Berlin","address_postcode":"10117","address_country":"Germany","employees":15,"annual_revenue_amount_micros":1590000000000,"annual_revenue_currency_code":"EUR","ideal_customer_profile":false,"account_owner_id":"member"},
  {"id":"fb92e159-75bb-47c7-aec7-6df914cbfe18","name":"Borealis Publishing","domain_name_primary_link_url":"https://borealispublishing.sample.example","address_street1":"62 Union Square","address_city":"Minneapolis","address_state":"Minnesota","address_postcode":"55401","address_country":"United States","employees":30,"annual_revenue_amount_micros":2850000000000,"annual_revenue_currency_code":"USD","ideal_customer_profile":false,"account_owner_id":"member"},
  {"id":"f0361554-d83e-45d6-8317-c655f73e8fe6","name":"Quillon Publishing","domain_name_primary_link_url":"https://quillon-publishing.sample.example","address_street1":"29 MG Road","address_city":"Pune","address_state":"Maharashtra","address_postcode":"411001","address_country":"India","employees":7,"annual_revenue_amount_micros":1480000000000,"annual_revenue_currency_code":"INR","ideal_customer_profile":false,"account_owner_id":"member"},
  {"id":"a4ada08d-bac9-4c08-9f45-80411b54e0c2","name":"Fairhaven Instruments","domain_name_primary_link_url":"https://fairhaven-instruments.sample.example","address_street1":"38 quai Voltaire","address_city":"Lyon","address_state":"Auvergne-Rhône-Alpes","address_postcode":"69002","address_country":"France","employees":15,"annual_revenue_amount_micros":3870000000000,"annual_revenue_currency_code":"EUR","ideal_customer_profile":false}
],
"person": [
  {"id":"0a6b18ca-bb1f-4625-ab8d-a6d701a2edd2","name_first_name":"Caleb","name_last_name":"Yates","emails_primary_email":"caleb.yates@corvidenergy.sample.example","job_title":"Research Scientist","city":"Austin","company_id":"e0eeef2b-52ef-42bb-9a85-0d8b3534713b"},
  {"id":"cc04205b-587c-41fd-9002-730d61fc9df7","name_first_name":"Olivia","name_last_name":"Greene","emails_primary_email":"olivia.greene@meridale-tools.sample.example","phones_primary_phone_number":"2125550169","job_title":"Operations Manager","city":"New York","company_id":"b10d7adb-c63b-46c9-b93a-93cd9d8dcb0a","phones_primary_phone_calling_code":"+1","phones_primary_phone_country_code":"US"},
  {"id":"53101161-f89b-4ec3-86be-d9639578ca20","name_first_name":"Pooja","name_last_name":"Bose","emails_primary_email":"pooja.bose@norrvik-textiles.sample.example","job_title":"Chief Financial Officer","city":"Nantes","company_id":"1a866812-294c-4846-9bdb-e59d229a5bb5"},
  {"id":"a3459b20-0efb-46b8-bfc6-399b1fae4426","name_first_name":"Makoto","name_last_name":"Kato","emails_primary_email":"makoto.kato@hawkridge-ceramics.sample.example","phones_primary_phone_number":"355506582","job_title":"Data Analyst","city":"Tokyo","company_id":"6d4395d5-f8a2-4c7e-9522-2486eea15cb2","phones_primary_phone_calling_code":"+81","phones_primary_phone_country_code":"JP"},
  {"id":"27a1c838-0166-4ad3-9837-1e347fc321a1","name_first_name":"Yusuf","name_last_name":"Neumann","emails_primary_email":"yusuf.neumann@bellweather-marine.sample.example","phones_primary_phone_number":"30231252992","job_title":"Head of People","city":"Köln","company_id":"9656d72a-3078-4155-b483-7d9dae7e3da0","phones_primary_phone_calling_code":"+49","phones_primary_phone_country_code":"DE"},
  {"id":"bfe7e1c8-b7af-4f1b-b63d-1df690205f66","name_first_name":"Maya","name_last_name":"Delgado","emails_primary_email":"maya.delgado@greyfriars-instruments.sample.example","phones_primary_phone_number":"3125550102","job_title":"Chief Executive Officer","city":"Minneapolis","company_id":"041baf28-c5cd-4c63-9762-56f44cc55456","phones_primary_phone_calling_code":"+1","phones_primary_phone_country_code":"US"},
  {"id":"ae052577-c101-4798-9c72-c982044fad11","name_first_name":"Varun","name_last_name":"Thakur","emails_primary_email":"varun.thakur@tidewaytravel.sample.example","phones_primary_phone_number":"915556514","job_title":"Chief Executive Officer","city":"Bilbao","company_id":"4afb61fa-6550-4b81-928d-e5a55b27d482","phones_primary_phone_calling_code":"+34","phones_primary_phone_country_code":"ES"},
  {"id":"ea549c54-80cb-4bf8-ba2f-8bd41f590fe2","name_first_name":"Leah","name_last_name":"Greene","emails_primary_email":"leah.greene@tamarindpackaging.sample.example","phones_primary_phone_number":"5125550103","job_title":"Legal Counsel","city":"Seattle","company_id":"3f4e833b-e725-4201-8fba-cef4c74c774d","phones_primary_phone_calling_code":"+1","phones_primary_phone_country_code":"US"},
  {"id":"253070c4-9876-4951-b7ce-9abb636c8509","name_first_name":"Anil","name_last_name":"Rao","emails_primary_email":"anil.rao@bramwellinstruments.sample.example","phones_primary_phone_number":"30231255048","job_title":"Sales Director","city":"Berlin","company_id":"a7c9e633-adce-4844-b04e-393e88ed1431","phones_primary_phone_calling_code":"+49","phones_primary_phone_country_code":"DE"},
  {"id":"a55157ad-8c75-4c6a-994f-37c1b00e4da0","name_first_name":"Caleb","name_last_name":"Jefferson","emails_primary_email":"caleb.jefferson@borealispublishing.sample.example","phones_primary_phone_number":"4155550118","job_title":"Customer Success Lead","city":"Minneapolis","company_id":"fb92e159-75bb-47c7-aec7-6df914cbfe18","phones_primary_phone_calling_code":"+1","phones_primary_phone_country_code":"US"},
  {"id":"5e7c9c36-0c69-4435-bb3a-2c2ba97d6ef8","name_first_name":"Farhan","name_last_name":"Fernandes","emails_primary_email":"farhan.fernandes@quillon-publishing.sample.example","phones_primary_phone_number":"2255556160","job_title":"Head of Procurement","city":"Pune","company_id":"f0361554-d83e-45d6-8317-c655f73e8fe6","phones_primary_phone_calling_code":"+91","phones_primary_phone_country_code":"IN"},
  {"id":"4e1b909f-5ae6-44c0-b191-8d3e4e7017c4","name_first_name":"Théo","name_last_name":"Aubert","emails_primary_email":"theo.aubert@fairhaven-instruments.sample.example","job_title":"Purchasing Manager","city":"Lille","company_id":"a4ada08d-bac9-4c08-9f45-80411b54e0c2"},
  {"id":"db6fb8f8-faa1-4a61-be1c-3b50018a66dc","name_first_name":"Anil","name_last_name":"Rao","emails_primary_email":"anil.rao@quillon-publishing.sample.example","job_title":"Executive Assistant","city":"Pune","company_id":"f0361554-d83e-45d6-8317-c655f73e8fe6"},
  {"id":"dd47b672-136b-4c51-8a32-08c7e50f9114","name_first_name":"Inès","name_last_name":"Garnier","emails_primary_email":"ines.garnier@fairhaven-instruments.sample.example","phones_primary_phone_number":"199006725","job_title":"Finance Manager","city":"Lyon","company_id":"a4ada08d-bac9-4c08-9f45-80411b54e0c2","phones_primary_phone_calling_code":"+33","phones_primary_phone_country_code":"FR"},
  {"id":"469290e9-dd82-4392-b3a7-476c2e265b9f","name_first_name":"Ethan","name_last_name":"Osborne","emails_primary_email":"ethan.osborne@meridale-tools.sample.example","phones_primary_phone_number":"3125550167","job_title":"Sales Director","city":"New York","company_id":"b10d7adb-c63b-46c9-b93a-93cd9d8dcb0a","phones_primary_phone_calling_code":"+1","phones_primary_phone_country_code":"US"},
  {"id":"27aef340-b05d-4d91-87f5-28321c91127c","name_first_name":"Tara","name_last_name":"Rao","emails_primary_email":"tara.rao@bramwellinstruments.sample.example","phones_primary_phone_number":"30231250613","job_title":"Head of Marketing","city":"Berlin","company_id":"a7c9e633-adce-4844-b04e-393e88ed1431","phones_primary_phone_calling_code":"+49","phones_primary_phone_country_code":"DE"},
  {"id":"8c9b19a8-5395-4ab4-83e3-784c977ead73","name_first_name":"Bastian","name_last_name":"Fuchs","emails_primary_email":"bastian.fuchs@bellweather-marine.sample.example","phones_primary_phone_number":"30231258487","job_title":"Product Manager","city":"Köln","company_id":"9656d72a-3078-4155-b483-7d9dae7e3da0","phones_primary_phone_calling_code":"+49","phones_primary_phone_country_code":"DE"},
  {"id":"513f6ac7-c073-4a62-a489-586a18775ebd","name_first_name":"Olivia","name_last_name":"Ingram","emails_primary_email":"olivia.ingram@meridale-tools.sample.example","job_title":"Account Executive","city":"New York","company_id":"b10d7adb-c63b-46c9-b93a-93cd9d8dcb0a"},
  {"id":"95a4a3fa-d260-4be5-8f3b-95279bb713e8","name_first_name":"Naomi","name_last_name":"Jefferson","emails_primary_email":"naomi.jefferson@meridale-tools.sample.example","phones_primary_phone_number":"2125550180","job_title":"Legal Counsel","city":"New York","company_id":"b10d7adb-c63b-46c9-b93a-93cd9d8dcb0a","phones_primary_phone_calling_code":"+1","phones_primary_phone_country_code":"US"},
  {"id":"ad8c3309-f775-43f6-8dd9-b805b13cbe1c","name_first_name":"Olivier","name_last_name":"Dumont","emails_primary_email":"olivier.dumont@norrvik-textiles.sample.example","phones_primary_phone_number":"199005968","job_title":"Project Lead","city":"Nantes","company_id":"1a866812-294c-4846-9bdb-e59d229a5bb5","phones_primary_phone_calling_code":"+33","phones_primary_phone_country_code":"FR"},
  {"id":"71847c52-5f44-4397-b21b-61b4a3c16e8a","name_first_name":"Björn","name_last_name":"Lindgren","emails_primary_email":"bjorn.lindgren@meridale-tools.sample.example","phones_primary_phone_number":"2125550174","job_title":"Chief Executive Officer","city":"Chicago","company_id":"b10d7adb-c63b-46c9-b93a-93cd9d8dcb0a","phones_primary_phone_calling_code":"+1","phones_primary_phone_country_code":"US"},
  {"id":"9398f46d-7e39-43eb-88f7-c7f6ae1e4192","name_first_name":"Karim","name_last_name":"Garnier","emails_primary_email":"karim.garnier@norrvik-textiles.sample.example","phones_primary_phone_number":"199001120","job_title":"Purchasing Manager","city":"Nantes","company_id":"1a866812-294c-4846-9bdb-e59d229a5bb5","phones_primary_phone_calling_code":"+33","phones_primary_phone_country_code":"FR"},
  {"id":"488b31b4-81e3-40fa-864f-9f8d77f3d985","name_first_name":"Rohan","name_last_name":"Bose","emails_primary_email":"rohan.bose@quillon-publishing.sample.example","phones_primary_phone_number":"2255585460","job_title":"Head of Operations","city":"Pune","company_id":"f0361554-d83e-45d6-8317-c655f73e8fe6","phones_primary_phone_calling_code":"+91","phones_primary_phone_country_code":"IN"},
  {"id":"cb69526a-1450-45f1-a045-3190d353bb12","name_first_name":"Noelia","name_last_name":"Navarro","emails_primary_email":"noelia.navarro@tidewaytravel.sample.example","phones_primary_phone_number":"915559419","job_title":"Quality Manager","city":"Barcelona","company_id":"4afb61fa-6550-4b81-928d-e5a55b27d482","phones_primary_phone_calling_code":"+34","phones_primary_phone_country_code":"ES"},
  {"id":"4032a2b0-7613-40c9-bce3-9d7462b851d4","name_first_name":"Claire","name_last_name":"Ramirez","emails_primary_email":"claire.ramirez@corvidenergy.sample.example","phones_primary_phone_number":"2125550138","job_title":"Product Manager","city":"Austin","company_id":"e0eeef2b-52ef-42bb-9a85-0d8b3534713b","phones_primary_phone_calling_code":"+1","phones_primary_phone_country_code":"US"},
  {"id":"1f1ccd68-aafd-426d-8ab7-8adedb070655","name_first_name":"Marta","name_last_name":"Peña","emails_primary_email":"marta.pena@tidewaytravel.sample.example","job_title":"Legal Counsel","city":"Madrid","company_id":"4afb61fa-6550-4b81-928d-e5a55b27d482"},
  {"id":"c0779db3-5f8a-4093-a658-3e7346ee0fbc","name_first_name":"Aiko","name_last_name":"Watanabe","emails_primary_email":"aiko.watanabe@hawkridge-ceramics.sample.example","phones_primary_phone_number":"355503231","job_title":"Purchasing Manager","city":"Tokyo","company_id":"6d4395d5-f8a2-4c7e-9522-2486eea15cb2","phones_primary_phone_calling_code":"+81","phones_primary_phone_country_code":"JP"},
  {"id":"0d81c132-671f-45f6-91be-387d14790a75","name_first_name":"Tobias","name_last_name":"Mackenzie","emails_primary_email":"tobias.mackenzie@corvidenergy.sample.example","phones_primary_phone_number":"6175550175","job_title":"Chief Technology Officer","city":"Austin","company_id":"e0eeef2b-52ef-42bb-9a85-0d8b3534713b","phones_primary_phone_calling_code":"+1","phones_primary_phone_country_code":"US"},
  {"id":"cc9a1275-98ab-4da3-914e-db6ac7f1c309","name_first_name":"Inés","name_last_name":"Navarro","emails_primary_email":"ines.navarro@tidewaytravel.sample.example","phones_primary_phone_number":"915551361","job_title":"Chief Technology Officer","city":"Barcelona","company_id":"4afb61fa-6550-4b81-928d-e5a55b27d482","phones_primary_phone_calling_code":"+34","phones_primary_phone_country_code":"ES"},
  {"id":"8ce22c8b-c427-4f2b-9ad2-d194be7cb3a7","name_first_name":"Rosa","name_last_name":"Gerlach","emails_primary_email":"rosa.gerlach@bramwellinstruments.sample.example","phones_primary_phone_number":"30231255948","job_title":"Buyer","city":"Berlin","company_id":"a7c9e633-adce-4844-b04e-393e88ed1431","phones_primary_phone_calling_code":"+49","phones_primary_phone_country_code":"DE"},
  {"id":"b601d034-0073-4ea2-92b6-3545b51dbaf0","name_first_name":"Vera","name_last_name":"Weiß","emails_primary_email":"vera.weiss@bramwellinstruments.sample.example","phones_primary_phone_number":"30231255227","job_title":"Customer Success Lead","city":"Berlin","company_id":"a7c9e633-adce-4844-b04e-393e88ed1431","phones_primary_phone_calling_code":"+49","phones_primary_phone_country_code":"DE"},
  {"id":"60ac59a9-6fe2-4f72-8a1a-9fd297c7e809","name_first_name":"Pilar","name_last_name":"Herrera","emails_primary_email":"pilar.herrera@tidewaytravel.sample.example","job_title":"Chief Financial Officer","city":"Barcelona","company_id":"4afb61fa-6550-4b81-928d-e5a55b27d482"},
  {"id":"e9d5e1a7-29a0-4235-908b-95a52aabd9af","name_first_name":"Walter","name_last_name":"Osborne","emails_primary_email":"walter.osborne@corvidenergy.sample.example","phones_primary_phone_number":"4155550127","job_title":"Product Manager","city":"Austin","company_id":"e0eeef2b-52ef-42bb-9a85-0d8b3534713b","phones_primary_phone_calling_code":"+1","phones_primary_phone_country_code":"US"},
  {"id":"14c633a9-0e12-4dd2-8f45-144cdc3d4906","name_first_name":"Rina","name_last_name":"Kato","emails_primary_email":"rina.kato@hawkridge-ceramics.sample.example","job_title":"Data Analyst","city":"Tokyo","company_id":"6d4395d5-f8a2-4c7e-9522-2486eea15cb2"},
  {"id":"92735e69-fb04-45f1-b96d-82ee26e71c28","name_first_name":"Yusuf","name_last_name":"Thiele","emails_primary_email":"yusuf.thiele@bellweather-marine.sample.example","phones_primary_phone_number":"30231250783","job_title":"Chief Technology Officer","city":"Köln","company_id":"9656d72a-3078-4155-b483-7d9dae7e3da0","phones_primary_phone_calling_code":"+49","phones_primary_phone_country_code":"DE"},
  {"id":"289894db-1e1b-4340-b66d-5ef720f9ae97","name_first_name":"Erin","name_last_name":"Quinn","emails_primary_email":"erin.quinn@greyfriars-instruments.sample.example","job_title":"Purchasing Manager","city":"Minneapolis","company_id":"041baf28-c5cd-4c63-9762-56f44cc55456"},
  {"id":"699dd5df-a387-42ba-9aec-91ae09e4618d","name_first_name":"Caleb","name_last_name":"Hayes","emails_primary_email":"caleb.hayes@corvidenergy.sample.example","phones_primary_phone_number":"3125550116","job_title":"Chief Technology Officer","city":"Austin","company_id":"e0eeef2b-52ef-42bb-9a85-0d8b3534713b","phones_primary_phone_calling_code":"+1","phones_primary_phone_country_code":"US"},
  {"id":"d1041549-4cc2-4c02-9a27-78c6b021bf5d","name_first_name":"Dirk","name_last_name":"Vogel","emails_primary_email":"dirk.vogel@bellweather-marine.sample.example","phones_primary_phone_number":"30231256818","job_title":"Buyer","city":"Köln","company_id":"9656d72a-3078-4155-b483-7d9dae7e3da0","phones_primary_phone_calling_code":"+49","phones_primary_phone_country_code":"DE"},
  {"id":"200cec17-8569-426c-9a67-2b68691c7c49","name_first_name":"Maya","name_last_name":"Hayes","emails_primary_email":"maya.hayes@corvidenergy.sample.example","phones_primary_phone_number":"5125550112","job_title":"Research Scientist","city":"Austin","company_id":"e0eeef2b-52ef-42bb-9a85-0d8b3534713b","phones_primary_phone_calling_code":"+1","phones_primary_phone_country_code":"US"},
  {"id":"05f54b12-cc42-4cce-b4b9-cab10224c2e9","name_first_name":"Daniel","name_last_name":"Underwood","emails_primary_email":"daniel.underwood@corvidenergy.sample.example","phones_primary_phone_number":"5125550114","job_title":"Head of Marketing","city":"Austin","company_id":"e0eeef2b-52ef-42bb-9a85-0d8b3534713b","phones_primary_phone_calling_code":"+1","phones_primary_phone_country_code":"US"}
],
"opportunity": [
  {"id":"2558651c-b0f3-4cb4-9801-c6da76c3d91c","name":"Corvid Energy, training programme","amount_amount_micros":4000000000,"amount_currency_code":"USD","close_date":"2000-02-10T14:00:00.000Z","stage":"NEW","point_of_contact_id":"4032a2b0-7613-40c9-bce3-9d7462b851d4","company_id":"e0eeef2b-52ef-42bb-9a85-0d8b3534713b","owner_id":"member"},
  {"id":"9b990c04-68f4-4d70-909b-f39f886d11d5","name":"Tideway Travel, expansion to all sites","amount_amount_micros":4500000000,"amount_currency_code":"EUR","close_date":"2000-04-26T15:00:00.000Z","stage":"NEW","point_of_contact_id":"cb69526a-1450-45f1-a045-3190d353bb12","company_id":"4afb61fa-6550-4b81-928d-e5a55b27d482","owner_id":"member"},
  {"id":"ef5f2f34-1c64-4a11-a3ec-39be8786455c","name":"Meridale Tools, renewal","amount_amount_micros":23000000000,"amount_currency_code":"USD","close_date":"1999-04-09T08:00:00.000Z","stage":"CUSTOMER","point_of_contact_id":"71847c52-5f44-4397-b21b-61b4a3c16e8a","company_id":"b10d7adb-c63b-46c9-b93a-93cd9d8dcb0a","owner_id":"member"},
  {"id":"21cdbd33-f86f-4ecf-ba6e-d3798991ba1c","name":"Corvid Energy, support contract","amount_amount_micros":6500000000,"amount_currency_code":"USD","close_date":"2000-03-01T16:00:00.000Z","stage":"SCREENING","point_of_contact_id":"200cec17-8569-426c-9a67-2b68691c7c49","company_id":"e0eeef2b-52ef-42bb-9a85-0d8b3534713b","owner_id":"member"},
  {"id":"b2de8e96-8053-4e4f-bc00-bf76bf75356d","name":"Bramwell Instruments, expansion to all sites","amount_amount_micros":27000000000,"amount_currency_code":"EUR","close_date":"2000-02-25T08:00:00.000Z","stage":"NEW","point_of_contact_id":"b601d034-0073-4ea2-92b6-3545b51dbaf0","company_id":"a7c9e633-adce-4844-b04e-393e88ed1431","owner_id":"member"},
  {"id":"8cd00a08-966c-414b-adc8-dd3c30a71c8b","name":"Norrvik Textiles, integration work","amount_amount_micros":40000000000,"amount_currency_code":"EUR","close_date":"2000-02-02T11:00:00.000Z","stage":"MEETING","point_of_contact_id":"9398f46d-7e39-43eb-88f7-c7f6ae1e4192","company_id":"1a866812-294c-4846-9bdb-e59d229a5bb5","owner_id":"member"},
  {"id":"6eb8afab-e5fe-4e66-891e-d376dd9727d7","name":"Corvid Energy, pilot project","amount_amount_micros":380000000000,"amount_currency_code":"USD","close_date":"1999-08-31T12:00:00.000Z","stage":"CUSTOMER","point_of_contact_id":"05f54b12-cc42-4cce-b4b9-cab10224c2e9","company_id":"e0eeef2b-52ef-42bb-9a85-0d8b3534713b","owner_id":"member"},
  {"id":"7385fca8-1c37-446d-9d6d-c096ce53536c","name":"Corvid Energy, support contract","amount_amount_micros":2500000000,"amount_currency_code":"USD","close_date":"2000-03-24T12:00:00.000Z","stage":"SCREENING","point_of_contact_id":"699dd5df-a387-42ba-9aec-91ae09e4618d","company_id":"e0eeef2b-52ef-42bb-9a85-0d8b3534713b","owner_id":"member"},
  {"id":"9680a391-382d-443a-84cc-3f506cb18743","name":"Meridale Tools, support contract","amount_amount_micros":22000000000,"amount_currency_code":"USD","close_date":"2000-02-07T09:00:00.000Z","stage":"NEW","point_of_contact_id":"95a4a3fa-d260-4be5-8f3b-95279bb713e8","company_id":"b10d7adb-c63b-46c9-b93a-93cd9d8dcb0a","owner_id":"member"},
  {"id":"c2b22e66-8697-4f79-8dc6-62c8d88a30e2","name":"Corvid Energy, expansion to all sites","amount_amount_micros":8000000000,"amount_currency_code":"USD","close_date":"2000-03-28T10:00:00.000Z","stage":"SCREENING","point_of_contact_id":"0d81c132-671f-45f6-91be-387d14790a75","company_id":"e0eeef2b-52ef-42bb-9a85-0d8b3534713b","owner_id":"member"},
  {"id":"b3504a35-926f-4ac6-97a5-50f81e4c9deb","name":"Bellweather Marine, trial for one team","amount_amount_micros":170000000000,"amount_currency_code":"EUR","close_date":"2000-03-06T12:00:00.000Z","stage":"NEW","point_of_contact_id":"8c9b19a8-5395-4ab4-83e3-784c977ead73","company_id":"9656d72a-3078-4155-b483-7d9dae7e3da0","owner_id":"member"},
  {"id":"4505061e-9596-498c-9674-50458559a57c","name":"Bramwell Instruments, support contract","amount_amount_micros":2500000000,"amount_currency_code":"EUR","close_date":"2000-03-30T16:00:00.000Z","stage":"SCREENING","point_of_contact_id":"27aef340-b05d-4d91-87f5-28321c91127c","company_id":"a7c9e633-adce-4844-b04e-393e88ed1431","owner_id":"member"},
  {"id":"d3c3fa03-3fdd-40b7-ab62-7fac6c934f00","name":"Fairhaven Instruments, integration work","amount_amount_micros":100000000000,"amount_currency_code":"EUR","close_date":"2000-01-15T10:00:00.000Z","stage":"PROPOSAL","point_of_contact_id":"4e1b909f-5ae6-44c0-b191-8d3e4e7017c4","company_id":"a4ada08d-bac9-4c08-9f45-80411b54e0c2","owner_id":"member"},
  {"id":"d4fd8c00-0430-49d9-b3ec-2973a2a4664f","name":"Greyfriars Instruments, integration work","amount_amount_micros":170000000000,"amount_currency_code":"USD","close_date":"1999-04-02T12:00:00.000Z","stage":"CUSTOMER","point_of_contact_id":"bfe7e1c8-b7af-4f1b-b63d-1df690205f66","company_id":"041baf28-c5cd-4c63-9762-56f44cc55456","owner_id":"member"},
  {"id":"6ddcd800-e3a2-49a2-8790-56d1fba9b20c","name":"Meridale Tools, renewal","amount_amount_micros":100000000000,"amount_currency_code":"USD","close_date":"2000-01-29T09:00:00.000Z","stage":"MEETING","point_of_contact_id":"469290e9-dd82-4392-b3a7-476c2e265b9f","company_id":"b10d7adb-c63b-46c9-b93a-93cd9d8dcb0a","owner_id":"member"},
  {"id":"b74a195b-94a8-4f30-9089-54c458efd6e4","name":"Corvid Energy, support contract","amount_amount_micros":2500000000,"amount_currency_code":"USD","close_date":"1999-05-23T10:00:00.000Z","stage":"CUSTOMER","point_of_contact_id":"0a6b18ca-bb1f-4625-ab8d-a6d701a2edd2","company_id":"e0eeef2b-52ef-42bb-9a85-0d8b3534713b","owner_id":"member"},
  {"id":"d6097e3f-98d1-42ac-9c22-ba263f1e9ae7","name":"Tideway Travel, expansion to all sites","amount_amount_micros":8500000000,"amount_currency_code":"EUR","close_date":"2000-01-18T09:00:00.000Z","stage":"PROPOSAL","point_of_contact_id":"1f1ccd68-aafd-426d-8ab7-8adedb070655","company_id":"4afb61fa-6550-4b81-928d-e5a55b27d482","owner_id":"member"},
  {"id":"be73313e-e802-4024-9690-e655ddff2879","name":"Borealis Publishing, framework agreement","amount_amount_micros":90000000000,"amount_currency_code":"USD","close_date":"2000-02-11T09:00:00.000Z","stage":"SCREENING","point_of_contact_id":"a55157ad-8c75-4c6a-994f-37c1b00e4da0","company_id":"fb92e159-75bb-47c7-aec7-6df914cbfe18","owner_id":"member"},
  {"id":"438f87f6-f58f-4dc5-8aa9-20b236ed4134","name":"Quillon Publishing, pilot project","amount_amount_micros":26000000000000,"amount_currency_code":"INR","close_date":"2000-02-22T16:00:00.000Z","stage":"NEW","point_of_contact_id":"db6fb8f8-faa1-4a61-be1c-3b50018a66dc","company_id":"f0361554-d83e-45d6-8317-c655f73e8fe6","owner_id":"member"},
  {"id":"4adc2f41-6d3e-4a67-8c7e-7490d13b47fd","name":"Bramwell Instruments, renewal","amount_amount_micros":8500000000,"amount_currency_code":"EUR","close_date":"2000-01-26T15:00:00.000Z","stage":"MEETING","point_of_contact_id":"253070c4-9876-4951-b7ce-9abb636c8509","company_id":"a7c9e633-adce-4844-b04e-393e88ed1431","owner_id":"member"},
  {"id":"986c5f35-4c30-4abb-bca5-577cc37a92cf","name":"Greyfriars Instruments, three-year plan","amount_amount_micros":55000000000,"amount_currency_code":"USD","close_date":"1999-07-13T14:00:00.000Z","stage":"CUSTOMER","point_of_contact_id":"289894db-1e1b-4340-b66d-5ef720f9ae97","company_id":"041baf28-c5cd-4c63-9762-56f44cc55456","owner_id":"member"},
  {"id":"46d5c665-4107-42ad-877e-db236b6d4966","name":"Hawkridge Ceramics, trial for one team","amount_amount_micros":3350000000000,"amount_currency_code":"JPY","close_date":"2000-01-24T14:00:00.000Z","stage":"NEW","point_of_contact_id":"c0779db3-5f8a-4093-a658-3e7346ee0fbc","company_id":"6d4395d5-f8a2-4c7e-9522-2486eea15cb2","owner_id":"member"},
  {"id":"ee81ffcf-39d8-4320-8a7d-f23ac41811a3","name":"Quillon Publishing, pilot project","amount_amount_micros":650000000000,"amount_currency_code":"INR","close_date":"2000-01-26T10:00:00.000Z","stage":"PROPOSAL","point_of_contact_id":"488b31b4-81e3-40fa-864f-9f8d77f3d985","company_id":"f0361554-d83e-45d6-8317-c655f73e8fe6","owner_id":"member"},
  {"id":"abc5b725-c371-4996-b034-e4badc4ab974","name":"Bellweather Marine, migration","amount_amount_micros":13500000000,"amount_currency_code":"EUR","close_date":"2000-02-11T12:00:00.000Z","stage":"SCREENING","point_of_contact_id":"92735e69-fb04-45f1-b96d-82ee26e71c28","company_id":"9656d72a-3078-4155-b483-7d9dae7e3da0","owner_id":"member"},
  {"id":"38ae74c0-256c-4dea-b698-9e9109bd7f4e","name":"Meridale Tools, pilot project","amount_amount_micros":14500000000,"amount_currency_code":"USD","close_date":"2000-03-14T16:00:00.000Z","stage":"SCREENING","point_of_contact_id":"513f6ac7-c073-4a62-a489-586a18775ebd","company_id":"b10d7adb-c63b-46c9-b93a-93cd9d8dcb0a","owner_id":"member"}
],
"task": [
  {"id":"36cb05c7-17dd-40cc-81ca-4f871228ef2a","title":"Update the forecast for Bramwell Instruments","body_v2_markdown":"Best reached in the morning.","due_at":"1999-12-01T13:00:00.000Z","status":"DONE","assignee_id":"member"},
  {"id":"9fb127ee-0479-493c-b123-690abf913960","title":"Update the forecast for Meridale Tools","body_v2_markdown":"- price\n- delivery\n- support hours","due_at":"2000-01-22T13:00:00.000Z","status":"TODO","assignee_id":"member"},
  {"id":"816acc48-de4c-4b12-886c-8d821f51cd58","title":"Check the contract terms with Norrvik Textiles","body_v2_markdown":"Best reached in the morning.","due_at":"1999-12-29T09:00:00.000Z","status":"DONE","assignee_id":"member"},
  {"id":"b18a9434-8022-49ed-ba21-c23fca5c5091","title":"Update the forecast for Bellweather Marine","body_v2_markdown":"Best reached in the morning.","due_at":"1999-12-11T15:00:00.000Z","status":"DONE","assignee_id":"member"},
  {"id":"101b1040-fff4-40c7-8b6c-01a222090e96","title":"Plan the kick-off with Bellweather Marine","body_v2_markdown":"They need it before their board meets.","due_at":"1999-11-18T13:00:00.000Z","status":"DONE","assignee_id":"member"},
  {"id":"d2f02b08-37b3-44a7-91f7-d2fd516a50ca","title":"Call Dirk about the proposal","body_v2_markdown":"- price\n- delivery\n- support hours","due_at":"1999-12-10T17:00:00.000Z","status":"DONE","assignee_id":"member"},
  {"id":"3f9ffbab-6373-4dd0-b522-f02baae70871","title":"Check the contract terms with Meridale Tools","due_at":"2000-01-04T11:00:00.000Z","status":"TODO"},
  {"id":"c1660c7f-32ae-4f0c-bd44-2fbc24781710","title":"Send Tobias the case study","body_v2_markdown":"Best reached in the morning.","due_at":"2000-01-03T17:00:00.000Z","status":"TODO"},
  {"id":"5e682a5c-0a65-4628-9157-aa33377c3f13","title":"Clarify the security questions of Tideway Travel","body_v2_markdown":"Keep it to one page.","due_at":"1999-11-11T08:00:00.000Z","status":"DONE","assignee_id":"member"},
  {"id":"d0ce7e0b-24ae-491c-9a79-4804cd0ba6e6","title":"Send Marta the case study","body_v2_markdown":"They need it before their board meets.","due_at":"2000-01-09T14:00:00.000Z","status":"TODO","assignee_id":"member"},
  {"id":"98be61ef-ccc2-4308-ad80-3dbda15be127","title":"Send Tobias the case study","body_v2_markdown":"See the note of the last meeting first.","due_at":"1999-11-16T13:00:00.000Z","status":"DONE","assignee_id":"member"},
  {"id":"9863a03e-c22f-4c97-bdc3-6b86d25c59e9","title":"Follow up with Inés after the meeting","body_v2_markdown":"See the note of the last meeting first.","due_at":"1999-12-24T17:00:00.000Z","status":"DONE","assignee_id":"member"},
  {"id":"8b57d01e-9503-4b8d-955c-cca211e6b851","title":"Plan the kick-off with Corvid Energy","body_v2_markdown":"Keep it to one page.","due_at":"1999-11-14T08:00:00.000Z","status":"DONE","assignee_id":"member"},
  {"id":"a1746172-48a3-4794-8ba8-03342812e5ec","title":"Book a site visit at Quillon Publishing","due_at":"2000-02-03T13:00:00.000Z","status":"TODO","assignee_id":"member"},
  {"id":"e09abddd-20c4-422f-a249-d2ebc554649a","title":"Check the contract terms with Bramwell Instruments","body_v2_markdown":"Keep it to one page.","due_at":"1999-12-23T13:00:00.000Z","status":"DONE","assignee_id":"member"},
  {"id":"d00a491f-df1a-4b7c-b817-03bd9777cb44","title":"Prepare the demo for Greyfriars Instruments","body_v2_markdown":"Keep it to one page.","due_at":"2000-02-07T15:00:00.000Z","status":"TODO"},
  {"id":"77be6553-b6fc-4b6c-a2f9-21571781c3ad","title":"Update the forecast for Corvid Energy","due_at":"1999-11-14T10:00:00.000Z","status":"DONE","assignee_id":"member"},
  {"id":"1094bf55-fbb8-4535-811e-34ae6ec20ed1","title":"Check the contract terms with Hawkridge Ceramics","body_v2_markdown":"See the note of the last meeting first.","due_at":"2000-01-12T13:00:00.000Z","status":"IN_PROGRESS","assignee_id":"member"}
],
"taskTarget": [
  {"id":"fd3626b3-bec6-490e-a875-2ad42fc4907a","task_id":"36cb05c7-17dd-40cc-81ca-4f871228ef2a","target_person_id":"b601d034-0073-4ea2-92b6-3545b51dbaf0"},
  {"id":"d1cb6de6-8a93-4cb3-a5f0-b58e12ef1b2b","task_id":"36cb05c7-17dd-40cc-81ca-4f871228ef2a","target_opportunity_id":"b2de8e96-8053-4e4f-bc00-bf76bf75356d"},
  {"id":"0f5f3dce-5015-4fca-81cf-d3e7251118f1","task_id":"9fb127ee-0479-493c-b123-690abf913960","target_person_id":"469290e9-dd82-4392-b3a7-476c2e265b9f"},
  {"id":"2cef7b86-a469-4222-8598-d20e49237774","task_id":"9fb127ee-0479-493c-b123-690abf913960","target_opportunity_id":"6ddcd800-e3a2-49a2-8790-56d1fba9b20c"},
  {"id":"d349c453-cc49-4203-851e-d2d903babe51","task_id":"816acc48-de4c-4b12-886c-8d821f51cd58","target_person_id":"53101161-f89b-4ec3-86be-d9639578ca20"},
  {"id":"44cfc16e-cbf7-4eec-b7a3-c95336b1b5a4","task_id":"816acc48-de4c-4b12-886c-8d821f51cd58","target_company_id":"1a866812-294c-4846-9bdb-e59d229a5bb5"},
  {"id":"ea1fb51d-a958-4332-ab64-6103da8a8bcb","task_id":"b18a9434-8022-49ed-ba21-c23fca5c5091","target_person_id":"8c9b19a8-5395-4ab4-83e3-784c977ead73"},
  {"id":"ef8e51dd-2656-41ae-8c34-3bc48710dac4","task_id":"b18a9434-8022-49ed-ba21-c23fca5c5091","target_opportunity_id":"b3504a35-926f-4ac6-97a5-50f81e4c9deb"},
  {"id":"64ec3dbb-33f3-45c7-8bfa-2c9143829699","task_id":"101b1040-fff4-40c7-8b6c-01a222090e96","target_person_id":"8c9b19a8-5395-4ab4-83e3-784c977ead73"},
  {"id":"ad617785-aa40-4595-bc90-e1a0fbf4f12f","task_id":"101b1040-fff4-40c7-8b6c-01a222090e96","target_company_id":"9656d72a-3078-4155-b483-7d9dae7e3da0"},
  {"id":"7295e767-8ca4-4abb-8b30-b02bf11e3021","task_id":"d2f02b08-37b3-44a7-91f7-d2fd516a50ca","target_person_id":"d1041549-4cc2-4c02-9a27-78c6b021bf5d"},
  {"id":"4713c679-e5d7-4238-ab4a-06430daa27b2","task_id":"3f9ffbab-6373-4dd0-b522-f02baae70871","target_person_id":"71847c52-5f44-4397-b21b-61b4a3c16e8a"},
  {"id":"aa63a659-59f4-4149-aeb6-5d04d88d4f77","task_id":"3f9ffbab-6373-4dd0-b522-f02baae70871","target_company_id":"b10d7adb-c63b-46c9-b93a-93cd9d8dcb0a"},
  {"id":"c0ee6e6b-34ac-4233-be81-5a08ab48a2c3","task_id":"c1660c7f-32ae-4f0c-bd44-2fbc24781710","target_person_id":"0d81c132-671f-45f6-91be-387d14790a75"},
  {"id":"9d1513db-3dd7-4c7e-9243-1e9f3bb4534f","task_id":"c1660c7f-32ae-4f0c-bd44-2fbc24781710","target_opportunity_id":"c2b22e66-8697-4f79-8dc6-62c8d88a30e2"},
  {"id":"701dd438-e283-42ef-acb0-11444335b641","task_id":"5e682a5c-0a65-4628-9157-aa33377c3f13","target_person_id":"cb69526a-1450-45f1-a045-3190d353bb12"},
  {"id":"9b9d14d9-31cd-4e63-bc6f-48c0619188b4","task_id":"d0ce7e0b-24ae-491c-9a79-4804cd0ba6e6","target_person_id":"1f1ccd68-aafd-426d-8ab7-8adedb070655"},
  {"id":"3a6a043e-8139-42b1-ba7b-c3d83539b527","task_id":"d0ce7e0b-24ae-491c-9a79-4804cd0ba6e6","target_opportunity_id":"d6097e3f-98d1-42ac-9c22-ba263f1e9ae7"},
  {"id":"5cfcae9d-7305-4e8f-8494-6c9f445c7562","task_id":"98be61ef-ccc2-4308-ad80-3dbda15be127","target_person_id":"0d81c132-671f-45f6-91be-387d14790a75"},
  {"id":"42d98103-99f0-427d-b87f-c34670221a0e","task_id":"9863a03e-c22f-4c97-bdc3-6b86d25c59e9","target_person_id":"cc9a1275-98ab-4da3-914e-db6ac7f1c309"},
  {"id":"eb7c7418-8b1c-43f4-a387-957805e33265","task_id":"8b57d01e-9503-4b8d-955c-cca211e6b851","target_person_id":"0a6b18ca-bb1f-4625-ab8d-a6d701a2edd2"},
  {"id":"eea7e54c-363f-41d6-b5d1-110d9a666c14","task_id":"8b57d01e-9503-4b8d-955c-cca211e6b851","target_opportunity_id":"b74a195b-94a8-4f30-9089-54c458efd6e4"},
  {"id":"164bb928-85fe-488e-baef-cde2c213ff7c","task_id":"a1746172-48a3-4794-8ba8-03342812e5ec","target_person_id":"db6fb8f8-faa1-4a61-be1c-3b50018a66dc"},
  {"id":"315758ef-3ec2-470d-a1b0-f14afb219a6a","task_id":"e09abddd-20c4-422f-a249-d2ebc554649a","target_person_id":"253070c4-9876-4951-b7ce-9abb636c8509"},
  {"id":"836acc8f-fc26-43f9-90fd-b466b95ca283","task_id":"e09abddd-20c4-422f-a249-d2ebc554649a","target_opportunity_id":"4adc2f41-6d3e-4a67-8c7e-7490d13b47fd"},
  {"id":"c069f5f7-b133-442f-9f17-358d3fac7907","task_id":"d00a491f-df1a-4b7c-b817-03bd9777cb44","target_person_id":"bfe7e1c8-b7af-4f1b-b63d-1df690205f66"},
  {"id":"e860d3ac-2bb0-4d5b-9cb9-f3e69b514eca","task_id":"d00a491f-df1a-4b7c-b817-03bd9777cb44","target_opportunity_id":"d4fd8c00-0430-49d9-b3ec-2973a2a4664f"},
  {"id":"e9f5d033-e58b-4448-a7eb-a720f91dcf1c","task_id":"77be6553-b6fc-4b6c-a2f9-21571781c3ad","target_person_id":"0d81c132-671f-45f6-91be-387d14790a75"},
  {"id":"56ef8940-8b67-4a84-ad98-ec89c88f0698","task_id":"77be6553-b6fc-4b6c-a2f9-21571781c3ad","target_company_id":"e0eeef2b-52ef-42bb-9a85-0d8b3534713b"},
  {"id":"32ecd1ea-344d-4ba1-aa0e-5edc38d43683","task_id":"1094bf55-fbb8-4535-811e-34ae6ec20ed1","target_person_id":"a3459b20-0efb-46b8-bfc6-399b1fae4426"}
],
"note": [
  {"id":"67e14ae0-478e-4ba8-a7e0-24a420728a2c","title":"Who decides at Norrvik Textiles","body_v2_markdown":"Open questions:\n\n1. Where is the data kept?\n2. How do we get it out again?\n3. Who helps with the first import?"},
  {"id":"0bbb651a-3505-49cc-8202-4d459c35cd94","title":"Lunch with Aiko","body_v2_markdown":"Good conversation. They came to us through a customer in Tokyo.\n\n> \"We just want it to be fast.\""},
  {"id":"5dae230d-095a-4ee3-8ea2-2d27bb0b474e","title":"Lunch with Yusuf","body_v2_markdown":"Open questions:\n\n1. Where is the data kept?\n2. How do we get it out again?\n3. Who helps with the first import?"},
  {"id":"e4e12bc8-61b4-40ec-9198-012001bc3e9e","title":"Budget and timing","body_v2_markdown":"Budget is set for this year, about 50 seats. Marta decides together with finance."},
  {"id":"7c363775-be87-4f13-8b84-61abc69fa0e4","title":"Meeting at Tideway Travel","body_v2_markdown":"Current supplier until the end of the quarter; the contract renews by itself unless they cancel in time."},
  {"id":"bf87f7ef-97bc-413c-8beb-dedbc7c527d8","title":"Feedback on the demo","body_v2_markdown":"Vera asked for references from the same trade. Promised two by Friday."},
  {"id":"2d878c8b-ad27-4d8a-8b76-79eeb3ad2979","title":"Questions after the trial","body_v2_markdown":"They liked the search and the speed. Missing for them:\n\n- export to their data warehouse\n- a login with their own identity provider"},
  {"id":"6dcfdb52-d336-4476-b87f-d80e4dfec506","title":"Budget and timing","body_v2_markdown":"Talked about the roll-out in New York. They would start with one site and grow from there."},
  {"id":"837d2329-e9b7-4818-bc45-def8007d0776","title":"What Corvid Energy needs","body_v2_markdown":"Current supplier until the end of the quarter; the contract renews by itself unless they cancel in time."},
  {"id":"e136c906-b443-4fc3-b723-ca82cfd55d52","title":"Budget and timing","body_v2_markdown":"Good conversation. They came to us through a customer in Berlin.\n\n> \"We just want it to be fast.\""},
  {"id":"cfa66d0c-6835-4542-a948-5c096b65ce39","title":"Who decides at Borealis Publishing","body_v2_markdown":"Budget is set for this year, about 60 seats. Caleb decides together with finance."},
  {"id":"8fe9bc4f-0706-4791-97df-277c69ea19d7","title":"Questions after the trial","body_v2_markdown":"Budget is set for this year, about 40 seats. Caleb decides together with finance."}
],
"noteTarget": [
  {"id":"624db841-6d11-4305-8e26-0004790d6ea6","note_id":"67e14ae0-478e-4ba8-a7e0-24a420728a2c","target_person_id":"ad8c3309-f775-43f6-8dd9-b805b13cbe1c"},
  {"id":"b794b53a-b999-4746-b5cb-a37a76936cf4","note_id":"67e14ae0-478e-4ba8-a7e0-24a420728a2c","target_company_id":"1a866812-294c-4846-9bdb-e59d229a5bb5"},
  {"id":"26a61a73-faab-4e02-a50e-4adee2463729","note_id":"0bbb651a-3505-49cc-8202-4d459c35cd94","target_person_id":"c0779db3-5f8a-4093-a658-3e7346ee0fbc"},
  {"id":"acb8d286-2052-4e81-99e6-1d858af95b2b","note_id":"0bbb651a-3505-49cc-8202-4d459c35cd94","target_opportunity_id":"46d5c665-4107-42ad-877e-db236b6d4966"},
  {"id":"619d2286-7239-4d62-b773-d6a09997f22d","note_id":"5dae230d-095a-4ee3-8ea2-2d27bb0b474e","target_person_id":"27a1c838-0166-4ad3-9837-1e347fc321a1"},
  {"id":"ff29e18b-1c3b-4b6d-ada8-1009aa067611","note_id":"5dae230d-095a-4ee3-8ea2-2d27bb0b474e","target_company_id":"9656d72a-3078-4155-b483-7d9dae7e3da0"},
  {"id":"634e45eb-239e-47d4-8ffd-717b95e6aef9","note_id":"e4e12bc8-61b4-40ec-9198-012001bc3e9e","target_person_id":"1f1ccd68-aafd-426d-8ab7-8adedb070655"},
  {"id":"b26a1e44-583a-4517-8a00-41fb75a3d0c1","note_id":"e4e12bc8-61b4-40ec-9198-012001bc3e9e","target_opportunity_id":"d6097e3f-98d1-42ac-9c22-ba263f1e9ae7"},
  {"id":"1d11c6a0-6ee0-472f-929e-251eb86eaf8d","note_id":"7c363775-be87-4f13-8b84-61abc69fa0e4","target_person_id":"1f1ccd68-aafd-426d-8ab7-8adedb070655"},
  {"id":"19c9b290-b264-4767-bdb0-43b7fb9f43ef","note_id":"7c363775-be87-4f13-8b84-61abc69fa0e4","target_opportunity_id":"d6097e3f-98d1-42ac-9c22-ba263f1e9ae7"},
  {"id":"0397e212-93cf-47b0-b093-3036b12a79be","note_id":"bf87f7ef-97bc-413c-8beb-dedbc7c527d8","target_person_id":"b601d034-0073-4ea2-92b6-3545b51dbaf0"},
  {"id":"7b7fe1b2-3d9e-45eb-8474-42bcc5189450","note_id":"2d878c8b-ad27-4d8a-8b76-79eeb3ad2979","target_person_id":"0a6b18ca-bb1f-4625-ab8d-a6d701a2edd2"},
  {"id":"9d236915-7cbf-4601-a2ab-e6543c3ca6d5","note_id":"6dcfdb52-d336-4476-b87f-d80e4dfec506","target_person_id":"513f6ac7-c073-4a62-a489-586a18775ebd"},
  {"id":"4bdd4503-8dd2-49b9-8fd0-f83e874f6281","note_id":"6dcfdb52-d336-4476-b87f-d80e4dfec506","target_company_id":"b10d7adb-c63b-46c9-b93a-93cd9d8dcb0a"},
  {"id":"007fd957-e57a-47e3-a1e4-cd696b9fd13d","note_id":"837d2329-e9b7-4818-bc45-def8007d0776","target_person_id":"0a6b18ca-bb1f-4625-ab8d-a6d701a2edd2"},
  {"id":"fc97ff19-5130-4466-9da6-041d3b4efe7c","note_id":"837d2329-e9b7-4818-bc45-def8007d0776","target_opportunity_id":"b74a195b-94a8-4f30-9089-54c458efd6e4"},
  {"id":"ce058bc9-1c31-4f5d-a4f1-c130e0bf0a2f","note_id":"e136c906-b443-4fc3-b723-ca82cfd55d52","target_person_id":"b601d034-0073-4ea2-92b6-3545b51dbaf0"},
  {"id":"14d7793b-5641-437e-bd56-5749d3334bbc","note_id":"e136c906-b443-4fc3-b723-ca82cfd55d52","target_opportunity_id":"b2de8e96-8053-4e4f-bc00-bf76bf75356d"},
  {"id":"e5a227e5-4193-4451-b925-07f4bdf1ef0d","note_id":"cfa66d0c-6835-4542-a948-5c096b65ce39","target_person_id":"a55157ad-8c75-4c6a-994f-37c1b00e4da0"},
  {"id":"073ce260-1a92-4ab0-bf5b-982837f82156","note_id":"cfa66d0c-6835-4542-a948-5c096b65ce39","target_opportunity_id":"be73313e-e802-4024-9690-e655ddff2879"},
  {"id":"0f935283-5d69-4ad3-8544-0534353af59f","note_id":"8fe9bc4f-0706-4791-97df-277c69ea19d7","target_person_id":"0a6b18ca-bb1f-4625-ab8d-a6d701a2edd2"},
  {"id":"6d1495e4-5dc4-49a2-9e7a-0605faab4a07","note_id":"8fe9bc4f-0706-4791-97df-277c69ea19d7","target_opportunity_id":"b74a195b-94a8-4f30-9089-54c458efd6e4"}
]}
$json$::jsonb $$;
comment on function engine.sample_data() is 'The records of a small sales team, by object, in the order in which they refer to one another.';
--! EndIncluded engine/samples/data.sql
--! Included engine/samples/samples.sql
-- Records to try a new workspace with, and how they leave it again without a trace in its lists and its trash. They are ordinary
-- records: only the list of their ids says that they are samples.

-- What the columns of a standard object are called now, by the names that they began with. What was removed or switched off is not among them.
create or replace function engine.sample_columns(object_id uuid) returns table (began_as text, name text, field_id uuid)
language sql stable set search_path = ''
as $$
  with field as (
    select f.id, f.type, engine.snake_case(split_part(f.universal_identifier, '.', 2)) as began_as, engine.snake_case(f.name) as base
    from metadata.fields f
    where f.object_id = sample_columns.object_id and f.is_active and f.deleted_at is null and f.universal_identifier like 'standard:%.%'
  )
  select f.began_as || c.suffix, f.base || c.suffix, f.id from field f join engine.field_type_columns c on c.type = f.type
  union all
  select f.began_as || case when f.type = 'MORPH_RELATION' then '_' || engine.snake_case(split_part(t.universal_identifier, ':', 2)) else '' end || '_id',
    f.base || case when f.type = 'MORPH_RELATION' then '_' || engine.snake_case(t.name_singular) else '' end || '_id', f.id
  from field f
  join metadata.relations r on r.field_id = f.id and r.deleted_at is null
  join metadata.objects t on t.id = r.target_object_id
  union all
  select 'id', 'id', null
$$;

-- The values of a sample by the columns as they are now: days counted from today, records by their new ids, options that are still there.
create or replace function engine.sample_row(object_id uuid, sample jsonb, ids jsonb, place int) returns jsonb
language sql stable set search_path = ''
as $$
  select coalesce(jsonb_object_agg(c.name, case
      when v.key = 'id' or v.key like '%\_id' then ids -> (v.value #>> '{}')
      when f.type = 'DATE' then to_jsonb(((v.value #>> '{}')::timestamptz at time zone 'UTC')::date + (current_date - date '2000-01-01'))
      when f.type = 'DATE_TIME' then to_jsonb((v.value #>> '{}')::timestamptz + make_interval(days => current_date - date '2000-01-01'))
      when f.type = 'SELECT' and not f.options @> jsonb_build_array(jsonb_build_object('value', v.value)) then f.options -> (place % greatest(jsonb_array_length(f.options), 1)) -> 'value'
      else v.value end), '{}')
  from jsonb_each(sample) v
  join engine.sample_columns(object_id) c on c.began_as = v.key
  left join metadata.fields f on f.id = c.field_id
$$;

-- Whoever loads them owns them; from psql the member who has been there longest, if there is one.
create or replace function engine.sample_member(workspace_id uuid) returns uuid
language sql stable set search_path = ''
as $$
  select coalesce(engine.current_member(), (
    select m.id from core.members m where m.workspace_id = sample_member.workspace_id and m.is_active order by m.created_at, m.id limit 1))
$$;

create or replace function engine.put_samples(workspace_id uuid) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_schema text := (select w.schema_name from core.workspaces w where w.id = workspace_id);
  v_member uuid := engine.sample_member(workspace_id);
  v_ids jsonb := jsonb_build_object('member', v_member);
  v_new jsonb;
  v_object metadata.objects;
  v_rows jsonb;
  v_columns text;
  v_count int;
  v_loaded jsonb := '[]';
  v_skipped jsonb := '[]';
  r record;
begin
  -- One at a time, so that nobody gets them twice.
  perform from core.workspace_settings s where s.workspace_id = put_samples.workspace_id for update;
  if exists (select from core.sample_records s where s.workspace_id = put_samples.workspace_id) then
    raise exception 'The sample data is there already.' using errcode = 'RV297', hint = 'Remove it first to load it anew.';
  end if;
  for r in select e.key as name, e.value as samples from jsonb_each(engine.sample_data()) e
    order by array_position('{company,person,opportunity,task,taskTarget,note,noteTarget}', e.key)
  loop
    select o.* into v_object from metadata.objects o
    where o.workspace_id = put_samples.workspace_id and o.universal_identifier = 'standard:' || r.name and o.is_active and o.deleted_at is null;
    if not found then
      v_skipped := v_skipped || jsonb_build_object('object', r.name, 'reason', 'This object is switched off, or was deleted.');
      continue;
    end if;
    -- Links to what was left out link nothing.
    if r.name in ('taskTarget', 'noteTarget') and not v_ids ? coalesce(r.samples -> 0 ->> 'task_id', r.samples -> 0 ->> 'note_id') then
      v_skipped := v_skipped || jsonb_build_object('object', r.name, 'reason', 'What it links was left out.');
      continue;
    end if;
    select jsonb_object_agg(s.value ->> 'id', engine.uuidv7()) into v_new from jsonb_array_elements(r.samples) s;
    select jsonb_agg(p.row) into v_rows
    from (select engine.sample_row(v_object.id, s.value, v_ids || v_new, s.ordinality::int - 1) as row from jsonb_array_elements(r.samples) with ordinality s) p
    where (select count(*) from jsonb_each(jsonb_strip_nulls(p.row))) > case when r.name in ('taskTarget', 'noteTarget') then 2 else 0 end;
    continue when v_rows is null;
    select string_agg(distinct format('%I', k), ', ') into v_columns from jsonb_array_elements(v_rows) e cross join jsonb_object_keys(e) k;
    -- Rules and fields of the workspace's own may want what the samples do not have: then these are left out, and it is said why.
    begin
      execute format('insert into %1$I.%2$I (%3$s) select %3$s from jsonb_populate_recordset(null::%1$I.%2$I, $1)', v_schema, v_object.table_name, v_columns) using v_rows;
      get diagnostics v_count = row_count;
      -- Rules that wait for the end of a transaction speak now.
      set constraints all immediate;
      set constraints all deferred;
      insert into core.sample_records (workspace_id, object_id, record_id)
      select put_samples.workspace_id, v_object.id, (e ->> 'id')::uuid from jsonb_array_elements(v_rows) e;
      v_ids := v_ids || v_new;
      v_loaded := v_loaded || jsonb_build_object('object', v_object.name_singular, 'label', case when v_count = 1 then v_object.label_singular else v_object.label_plural end, 'count', v_count);
    exception when integrity_constraint_violation or data_exception or raise_exception or sqlstate 'RV000' then
      v_skipped := v_skipped || jsonb_build_object('object', v_object.name_singular, 'reason', sqlerrm);
    end;
  end loop;
  return jsonb_build_object('loaded', v_loaded, 'skipped', v_skipped);
end
$$;

-- Samples that somebody has changed, spoken of, or tied own records to since they were loaded: no longer only samples.
create or replace function engine.used_samples(workspace_id uuid) returns table (object_id uuid, record_id uuid)
language plpgsql stable set search_path = ''
as $$
declare
  v_schema text := (select w.schema_name from core.workspaces w where w.id = workspace_id);
  v_ids uuid[] := array(select s.record_id from core.sample_records s where s.workspace_id = used_samples.workspace_id);
  r record;
begin
  for r in
    select o.id, o.table_name from metadata.objects o
    where o.id in (select s.object_id from core.sample_records s where s.workspace_id = used_samples.workspace_id) and o.deleted_at is null
  loop
    return query execute format(
      'select s.object_id, s.record_id from core.sample_records s join %1$I.%2$I t on t.id = s.record_id
       where s.workspace_id = $1 and s.object_id = $2 and (t.updated_at > s.loaded_at
         or exists (select from %1$I.record_comments c where c.object_id = s.object_id and c.record_id = s.record_id and c.removed_at is null))', v_schema, r.table_name)
      using used_samples.workspace_id, r.id;
  end loop;
  for r in
    select f.conrelid::regclass as referring, f.confrelid::regclass as referred, a.attname as link
    from pg_catalog.pg_constraint f
    join pg_catalog.pg_class c on c.oid = f.conrelid
    join pg_catalog.pg_attribute a on a.attrelid = f.conrelid and a.attnum = f.conkey[1]
    join pg_catalog.pg_attribute i on i.attrelid = f.conrelid and i.attname = 'id'
    where f.contype = 'f' and c.relnamespace = v_schema::regnamespace and cardinality(f.conkey) = 1
      and f.confrelid in (select format('%I.%I', v_schema, o.table_name)::regclass from metadata.objects o
        where o.id in (select s.object_id from core.sample_records s where s.workspace_id = used_samples.workspace_id) and o.deleted_at is null)
  loop
    return query execute format(
      'select s.object_id, s.record_id from core.sample_records s
       where s.workspace_id = $1 and s.record_id in (select t.%2$I from %1$s t where t.%2$I = any ($2) and t.id <> all ($2))', r.referring, r.link)
      using used_samples.workspace_id, v_ids;
  end loop;
end
$$;

create or replace function engine.take_samples(workspace_id uuid, used text) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_schema text := (select w.schema_name from core.workspaces w where w.id = workspace_id);
  v_used uuid[];
  v_ids uuid[];
  v_entries uuid[];
  v_count int := 0;
  v_part int;
  r record;
begin
  if coalesce(used, '') not in ('ASK', 'KEEP', 'REMOVE') then
    raise exception 'What is in use is not dealt with by "%".', used using errcode = 'RV299', column = 'used', hint = 'ASK removes nothing then, KEEP leaves those records, REMOVE takes them, too.';
  end if;
  perform from core.workspace_settings s where s.workspace_id = take_samples.workspace_id for update;
  v_used := array(select distinct u.record_id from engine.used_samples(workspace_id) u);
  if used = 'ASK' and cardinality(v_used) > 0 then
    raise exception '% of the sample records are in use.', cardinality(v_used) using errcode = 'RV298', hint = 'Keep them, or remove them with the others.';
  end if;
  v_ids := array(select s.record_id from core.sample_records s where s.workspace_id = take_samples.workspace_id and (used = 'REMOVE' or s.record_id <> all (v_used)));
  for r in
    select o.table_name from metadata.objects o
    where o.id in (select s.object_id from core.sample_records s where s.workspace_id = take_samples.workspace_id) and o.deleted_at is null
    order by array_position('{standard:noteTarget,standard:taskTarget,standard:note,standard:task,standard:opportunity,standard:person,standard:company}', o.universal_identifier)
  loop
    execute format('delete from %I.%I t where t.id = any ($1)', v_schema, r.table_name) using v_ids;
    get diagnostics v_part = row_count;
    v_count := v_count + v_part;
  end loop;
  -- Nobody restores samples: they do not stay in the trash, also those that were put there before.
  execute format('select array(select t.id from %I.trash t where t.record_id = any ($1))', v_schema) into v_entries using v_ids;
  perform engine.empty_trash(v_schema, v_entries);
  -- What was kept is the workspace's own from now on.
  delete from core.sample_records s where s.workspace_id = take_samples.workspace_id;
  return jsonb_build_object('removed', v_count, 'kept', (select count(*) from unnest(v_used) where used = 'KEEP'));
end
$$;

-- For psql, by the workspace's short name.
create or replace function engine.workspace_called(slug text) returns uuid
language plpgsql stable set search_path = ''
as $$
declare
  v_id uuid := (select w.id from core.workspaces w where w.slug = workspace_called.slug);
begin
  if v_id is null then
    raise exception 'There is no workspace "%".', slug using errcode = 'RV012', hint = 'select slug from core.workspaces lists them.';
  end if;
  return v_id;
end
$$;

create or replace function engine.load_sample_data(workspace text) returns jsonb
language sql volatile set search_path = ''
as $$ select engine.put_samples(engine.workspace_called(workspace)) $$;
comment on function engine.load_sample_data(text) is 'Puts the records of a small sales team into a workspace, and says how many of what, and what was left out and why. engine.remove_sample_data takes them out again.';

create or replace function engine.remove_sample_data(workspace text, used text default 'ASK') returns jsonb
language sql volatile set search_path = ''
as $$ select engine.take_samples(engine.workspace_called(workspace), used) $$;
comment on function engine.remove_sample_data(text, text) is 'Takes the sample data out of a workspace, past the trash. used: what becomes of those that somebody has changed or tied own records to; ASK removes nothing then, KEEP leaves them as the workspace''s own, REMOVE takes them, too.';
--! EndIncluded engine/samples/samples.sql
--! Included metadata/onboarding.sql
-- The first steps in a workspace: which of them are done is read from what is there. Only who has put the list away is kept.

create or replace function metadata.load_sample_data() returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.own_workspace();
begin
  perform engine.assert_manages(v_workspace, 'WORKSPACE');
  return engine.put_samples(v_workspace);
end
$$;
comment on function metadata.load_sample_data() is
  'Puts the records of a small sales team into the workspace, to try it with. Says how many of what, and what was left out and why. Needs the permission WORKSPACE.';

create or replace function metadata.remove_sample_data(used text default 'ASK') returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.own_workspace();
begin
  perform engine.assert_manages(v_workspace, 'WORKSPACE');
  return engine.take_samples(v_workspace, used);
end
$$;
comment on function metadata.remove_sample_data(text) is
  'Takes the sample data out of the workspace, past the trash. used: what becomes of those that somebody has changed or tied own records to; ASK removes nothing then, KEEP leaves them as the workspace''s own, REMOVE takes them, too. Needs the permission WORKSPACE.';

create or replace function metadata.sample_data() returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.own_workspace();
begin
  perform engine.assert_manages(v_workspace, 'WORKSPACE');
  return jsonb_build_object(
    'count', (select count(*) from core.sample_records s where s.workspace_id = v_workspace),
    'used', (select count(distinct u.record_id) from engine.used_samples(v_workspace) u));
end
$$;
comment on function metadata.sample_data() is 'How many sample records the workspace has, and how many of them are in use: changed, commented, or tied to by own records. Needs the permission WORKSPACE.';

-- Whether members have put any record of their own into an object: samples are none.
create or replace function engine.has_own_records(workspace_id uuid) returns boolean
language plpgsql stable set search_path = ''
as $$
declare
  v_found boolean;
  r record;
begin
  for r in
    select w.schema_name, o.table_name from metadata.objects o join core.workspaces w on w.id = o.workspace_id
    where o.workspace_id = has_own_records.workspace_id and o.is_active and o.deleted_at is null and not o.is_system and o.table_name <> 'workspace_members'
    order by o.position
  loop
    execute format('select exists (select from %I.%I t where not exists (select from core.sample_records s where s.workspace_id = $1 and s.record_id = t.id))', r.schema_name, r.table_name)
      into v_found using has_own_records.workspace_id;
    if v_found then
      return true;
    end if;
  end loop;
  return false;
end
$$;

create or replace function metadata.onboarding() returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_member core.members;
  v_id uuid;
  v_keeps boolean := engine.may('WORKSPACE');
  v_profile jsonb := metadata.my_profile();
  v_samples boolean;
begin
  select * into v_member from core.members m where m.id = engine.person();
  if not found then
    return null;
  end if;
  v_id := v_member.workspace_id;
  if v_keeps and (select s.start_dismissed_at is not null from core.workspace_settings s where s.workspace_id = v_id) or not v_keeps and v_member.start_dismissed_at is not null then
    return jsonb_build_object('isDismissed', true, 'forWorkspace', v_keeps, 'steps', '[]'::jsonb);
  end if;
  v_samples := exists (select from core.sample_records s where s.workspace_id = v_id);
  return jsonb_build_object('isDismissed', false, 'forWorkspace', v_keeps, 'hasSamples', v_samples, 'steps', case when v_keeps then jsonb_build_array(
    jsonb_build_object('step', 'DATA', 'isDone', v_samples or engine.has_own_records(v_id)),
    jsonb_build_object('step', 'INVITE', 'isDone', (select count(*) > 1 from core.members m where m.workspace_id = v_id)
      or exists (select from core.invitations i where i.workspace_id = v_id)),
    jsonb_build_object('step', 'FIELD', 'isDone', exists (select from metadata.fields f
      where f.workspace_id = v_id and f.universal_identifier is null and not f.is_system and f.deleted_at is null)),
    jsonb_build_object('step', 'VIEW', 'isDone', exists (select from metadata.views v where v.workspace_id = v_id and v.universal_identifier is null)),
    jsonb_build_object('step', 'CONNECT', 'isDone', exists (select from core.api_keys k where k.workspace_id = v_id)
      or exists (select from core.database_logins l where l.workspace_id = v_id)))
  else jsonb_build_array(
    jsonb_build_object('step', 'PROFILE', 'isDone', v_profile ->> 'avatarUrl' is not null),
    jsonb_build_object('step', 'VIEW', 'isDone', exists (select from metadata.views v where v.workspace_id = v_id and v.owner_id = v_member.id)),
    jsonb_build_object('step', 'FAVOURITE', 'isDone', exists (select from metadata.favourites f where f.workspace_id = v_id and f.member_id = v_member.id)))
  end);
end
$$;
comment on function metadata.onboarding() is
  'The first steps of whoever asks, and which of them are done: those of the workspace for who keeps it, otherwise the member''s own. Null for who is no member.';

create or replace function metadata.dismiss_onboarding() returns void
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_member core.members := engine.own_member();
begin
  if engine.may('WORKSPACE') then
    update core.workspace_settings s set start_dismissed_at = now() where s.workspace_id = v_member.workspace_id;
  else
    update core.members m set start_dismissed_at = now() where m.id = v_member.id;
  end if;
end
$$;
comment on function metadata.dismiss_onboarding() is 'Puts the list of first steps away: that of the workspace for all who keep it, otherwise the member''s own.';

grant execute on function metadata.load_sample_data(), metadata.remove_sample_data(text), metadata.sample_data(), metadata.onboarding(), metadata.dismiss_onboarding() to relvar_crm;
--! EndIncluded metadata/onboarding.sql
