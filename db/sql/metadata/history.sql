-- The history of the model in plain words.

-- Of one that is gone, by what it was called last.
create or replace function engine.object_label(id text) returns text
language sql stable set search_path = ''
  return coalesce((select o.label_plural from metadata.objects o where o.id = object_label.id::uuid),
    (select coalesce(c.after, c.before) ->> 'label_plural' from metadata.model_changes c
      where c.table_name = 'objects' and c.row_id = object_label.id::uuid order by c.version desc, c.seq desc limit 1), 'an object that is gone');

create or replace function engine.role_label(id text) returns text
language sql stable set search_path = ''
  return coalesce((select r.name from metadata.roles r where r.id = role_label.id::uuid),
    (select coalesce(c.after, c.before) ->> 'name' from metadata.model_changes c
      where c.table_name = 'roles' and c.row_id = role_label.id::uuid order by c.version desc, c.seq desc limit 1), 'a role that is gone');

-- What a row of the model is, in words.
create or replace function engine.row_in_words(table_name text, "row" jsonb) returns text
language sql stable set search_path = ''
as $$
  select case table_name
    when 'objects' then format('the object "%s"', "row" ->> 'label_plural')
    when 'fields' then format('the field "%s" of %s', "row" ->> 'label', engine.object_label("row" ->> 'object_id'))
    when 'relations' then format('the relation "%s" from %s', "row" ->> 'inverse_label', engine.object_label("row" ->> 'target_object_id'))
    when 'rules' then format('a rule of %s (%s)', engine.object_label("row" ->> 'object_id'), coalesce(nullif("row" ->> 'message', ''), lower("row" ->> 'kind')))
    when 'indexes' then format('the index "%s" of %s', "row" ->> 'name', engine.object_label("row" ->> 'object_id'))
    when 'views' then format('the view "%s" of %s', "row" ->> 'name', engine.object_label("row" ->> 'object_id'))
    when 'view_fields' then 'the columns of a view'
    when 'layouts' then format('the pages of %s', engine.object_label("row" ->> 'object_id'))
    when 'aliases' then format('the former name "%s"', "row" ->> 'name')
    when 'roles' then format('the role "%s"', "row" ->> 'name')
    when 'role_includes' then format('what the role "%s" includes', engine.role_label("row" ->> 'role_id'))
    when 'object_permissions' then format('the rights of the role "%s" on %s', engine.role_label("row" ->> 'role_id'), engine.object_label("row" ->> 'object_id'))
    when 'field_permissions' then format('the rights of the role "%s" on fields of %s', engine.role_label("row" ->> 'role_id'), engine.object_label("row" ->> 'object_id'))
    when 'record_rules' then format('which records of %s the role "%s" may %s', engine.object_label("row" ->> 'object_id'), engine.role_label("row" ->> 'role_id'), lower("row" ->> 'action'))
  end
$$;

create or replace function engine.change_summary(table_name text, before jsonb, after jsonb) returns text
language sql stable set search_path = ''
as $$
  select case
      when what is null then null
      when before is null then 'Added ' || what
      when after is null then case when before ->> 'deleted_at' is not null then 'Dropped ' else 'Removed ' end || what
      when before ->> 'deleted_at' is null and after ->> 'deleted_at' is not null then 'Deleted ' || what
      when before ->> 'deleted_at' is not null and after ->> 'deleted_at' is null then 'Restored ' || what
      when (before ->> 'is_active')::boolean and not (after ->> 'is_active')::boolean then 'Switched off ' || what
      when not (before ->> 'is_active')::boolean and (after ->> 'is_active')::boolean then 'Switched on ' || what
      when before ->> 'type' <> after ->> 'type' then format('Made %s %s instead of %s', what, after ->> 'type', before ->> 'type')
      when coalesce(before ->> 'label_plural', before ->> 'label') <> coalesce(after ->> 'label_plural', after ->> 'label')
        then format('Renamed %s from "%s"', what, coalesce(before ->> 'label_plural', before ->> 'label'))
      else format('Changed %s of %s', (
        select string_agg(replace(k, '_', ' '), ', ' order by k) from jsonb_object_keys(after) k
        where after -> k is distinct from before -> k and k not in ('compiled', 'revision', 'result_type', 'deleted_by_name')), what)
    end
  from (
    select case when table_name = 'fields' and (before is null or after is null) and (coalesce(after, before) ->> 'is_system')::boolean then null
      else engine.row_in_words(table_name, coalesce(after, before)) end as what
  ) w
$$;

create or replace function engine.history_of(workspace_id uuid, first int, before_version bigint default null) returns jsonb
language sql stable set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('version', v.version, 'actorName', v.actor_name, 'actorType', v.actor_type, 'source', v.source,
    'happenedAt', v.happened_at, 'summary', coalesce(c.summary, case v.version when 1 then 'Created the workspace' else 'Reconciled the tables with the model' end), 'statements', to_jsonb(v.statements), 'changes', coalesce(c.list, '[]')) order by v.version desc), '[]')
  from (
    select * from metadata.model_versions v
    where v.workspace_id = history_of.workspace_id and (before_version is null or v.version < before_version)
    order by v.version desc limit least(greatest(first, 1), 200)
  ) v
  left join lateral (
    select array_to_string((array_agg(s.summary order by s.seq) filter (where s.is_first))[1:3], '; ')
        || case when count(*) filter (where s.is_first) > 3 then format('; and %s more', count(*) filter (where s.is_first) - 3) else '' end as summary,
      jsonb_agg(jsonb_build_object('table', engine.camel_case(s.table_name), 'rowId', s.row_id,
        'label', coalesce(s.after, s.before) ->> case s.table_name when 'objects' then 'label_plural' when 'fields' then 'label' when 'relations' then 'inverse_label' else 'name' end,
        'summary', s.summary, 'before', s.before, 'after', s.after) order by s.seq) as list
    from (
      select c.*, n.summary,
        -- One sentence is said once, and what came with a new thing is not said again.
        n.summary is not null and row_number() over (partition by n.summary order by c.seq) = 1
          and (c.table_name = 'objects' and c.before is null or c.table_name not in ('relations', 'view_fields') and not exists (
            select from metadata.model_changes o where o.workspace_id = c.workspace_id and o.version = c.version and o.table_name = 'objects' and o.before is null
              and o.row_id::text = coalesce(coalesce(c.after, c.before) ->> 'object_id', c.row_id::text))) as is_first
      from metadata.model_changes c
      cross join lateral (select engine.change_summary(c.table_name, c.before, c.after) as summary) n
      where c.workspace_id = v.workspace_id and c.version = v.version
    ) s
  ) c on true
$$;

create or replace function metadata.model_history(first int default 50, before_version bigint default null) returns jsonb
language sql stable security definer set search_path = ''
as $$ select engine.history_of(engine.workspace_of_role(current_setting('role')::name), first, before_version) $$;
comment on function metadata.model_history(int, bigint) is
  'Changes of the model, the latest first: who, when, what in words, the rows before and after, and the statements that were run. before_version continues an earlier page.';
grant execute on function metadata.model_history(int, bigint) to relvar_crm;
