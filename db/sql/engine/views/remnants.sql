-- Views are no part of the model, so none stands in the way of a change of it. What a view says about a field that is
-- deleted, or about an option that is removed, leaves the view: it is kept aside with the field, and comes back with it where
-- the view was not changed since.

-- A filter without what asks about a field, or about one option of it.
create or replace function engine.filter_without(filter jsonb, field_id uuid, option_value text default null) returns jsonb
language plpgsql immutable set search_path = ''
as $$
declare
  v_key text;
  v_value jsonb;
begin
  if filter is null or strpos(filter::text, field_id::text) = 0 then
    return filter;
  elsif filter ? 'operand' then
    if option_value is null then
      return null;
    elsif filter ->> 'fieldId' is distinct from field_id::text then
      return filter;
    end if;
    v_value := filter -> 'value';
    if jsonb_typeof(v_value) = 'array' then
      v_value := v_value - option_value;
    elsif v_value = to_jsonb(option_value) then
      return null;
    end if;
    return case when v_value <> '[]' then filter || jsonb_build_object('value', v_value) end;
  elsif filter ? 'not' then
    v_value := engine.filter_without(filter -> 'not', field_id, option_value);
    return case when v_value is not null then jsonb_build_object('not', v_value) end;
  end if;
  v_key := case when filter ? 'or' then 'or' else 'and' end;
  select jsonb_agg(n.node order by u.i) into v_value
  from jsonb_array_elements(filter -> v_key) with ordinality u (e, i) cross join lateral (select engine.filter_without(u.e, filter_without.field_id, filter_without.option_value) as node) n
  where n.node is not null;
  return case when v_value is not null then jsonb_build_object(v_key, v_value) end;
end
$$;

-- What of a view speaks of fields, besides its columns.
create or replace function engine.view_content(view metadata.views) returns jsonb
language sql stable set search_path = ''
  return jsonb_build_object('filter', (view).filter, 'sorts', (view).sorts, 'group_field_id', (view).group_field_id, 'colors', (view).colors, 'layout', (view).layout);

create or replace function engine.leave_views(workspace_id uuid, field_id uuid, option_value text default null) returns void
language plpgsql volatile set search_path = ''
as $$
#variable_conflict use_column
declare
  v_field uuid := leave_views.field_id;
  v_option text := leave_views.option_value;
  v_after metadata.views;
  r metadata.views;
begin
  for r in
    select v.* from metadata.views v
    where v.workspace_id = leave_views.workspace_id and (engine.view_content(v)::text ~ v_field::text and (v_option is null or strpos(concat(v.filter, v.colors), to_jsonb(v_option)::text) > 0)
      or v_option is null and exists (select from metadata.view_fields c where c.view_id = v.id and c.field_id = v_field))
  loop
    update metadata.views v set
      filter = engine.filter_without(v.filter, v_field, v_option),
      colors = (select coalesce(jsonb_agg(c || jsonb_build_object('condition', n.node) order by i) filter (where n.node is not null), '[]')
        from jsonb_array_elements(v.colors) with ordinality u (c, i) cross join lateral (select engine.filter_without(c -> 'condition', v_field, v_option) as node) n),
      sorts = case when v_option is null
        then (select coalesce(jsonb_agg(s order by i), '[]') from jsonb_array_elements(v.sorts) with ordinality u (s, i) where s ->> 'fieldId' is distinct from v_field::text) else v.sorts end,
      group_field_id = case when v_option is null then nullif(v.group_field_id, v_field) else v.group_field_id end,
      layout = case when v_option is null then (select coalesce(jsonb_object_agg(e.key, e.value), '{}') from jsonb_each(v.layout) e where strpos(e.value::text, v_field::text) = 0) else v.layout end
    where v.id = r.id and engine.view_content(v)::text ~ v_field::text returning v.* into v_after;
    insert into engine.view_remnants as m (field_id, option_value, view_id, before, after, columns)
    values (v_field, coalesce(v_option, ''), r.id, engine.view_content(r), case when v_after.id is not null then engine.view_content(v_after) end,
      case when v_option is null then (select to_jsonb(c) from metadata.view_fields c where c.view_id = r.id and c.field_id = v_field) end)
    on conflict on constraint view_remnants_pkey do update set before = excluded.before, after = excluded.after, columns = excluded.columns, transaction_id = excluded.transaction_id;
    if v_option is null then
      delete from metadata.view_fields c where c.view_id = r.id and c.field_id = v_field;
    end if;
  end loop;
end
$$;

create or replace function engine.return_to_views(field_id uuid) returns void
language plpgsql volatile set search_path = ''
as $$
#variable_conflict use_column
declare
  r engine.view_remnants;
begin
  for r in select m.* from engine.view_remnants m where m.field_id = return_to_views.field_id and m.option_value = '' loop
    update metadata.views v set filter = nullif(r.before -> 'filter', 'null'), sorts = r.before -> 'sorts', colors = r.before -> 'colors', layout = r.before -> 'layout',
      group_field_id = (select f.id from metadata.fields f where f.id = (r.before ->> 'group_field_id')::uuid)
    where v.id = r.view_id and r.after = engine.view_content(v);
    insert into metadata.view_fields select c.* from jsonb_populate_record(null::metadata.view_fields, r.columns) c where r.columns is not null on conflict do nothing;
  end loop;
  delete from engine.view_remnants m where m.field_id = return_to_views.field_id;
end
$$;

create or replace function engine.tg_fields__leave_views() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_option text;
begin
  if old.deleted_at is not null and new.deleted_at is null then
    perform engine.return_to_views(new.id);
  elsif old.deleted_at is null and new.deleted_at is not null then
    perform engine.leave_views(new.workspace_id, new.id);
  elsif new.options is distinct from old.options and new.type = old.type then
    for v_option in
      select o ->> 'value' from jsonb_array_elements(old.options) o where not new.options @> jsonb_build_array(jsonb_build_object('value', o -> 'value'))
    loop
      perform engine.leave_views(new.workspace_id, new.id, v_option);
    end loop;
  end if;
  return null;
end
$$;
create or replace trigger _400_leave_views after update of deleted_at, options on metadata.fields for each row execute function engine.tg_fields__leave_views();

-- For a plan, what this transaction took out of views; of a member's own no more than that there are such.
create or replace function engine.changed_views(workspace_id uuid) returns table (message text)
language sql stable set search_path = ''
as $$
  select case when v.visibility = 'WORKSPACE' then format('The view "%s" of %s', v.name, o.label_plural) else format('%s of %s', case count(*) when 1 then 'A member''s own view' else count(*) || ' views of members' end, o.label_plural) end
    || format(case when count(*) > 1 and v.visibility <> 'WORKSPACE' then ' go on without %s.' else ' goes on without %s.' end, string_agg(distinct f.label || case when m.option_value <> '' then ': ' || m.option_value else '' end, ', '))
  from engine.view_remnants m
  join metadata.views v on v.id = m.view_id
  join metadata.objects o on o.id = v.object_id and o.deleted_at is null
  join metadata.fields f on f.id = m.field_id
  where v.workspace_id = changed_views.workspace_id and m.transaction_id = pg_current_xact_id()
  group by v.visibility, case when v.visibility = 'WORKSPACE' then v.id end, v.name, o.label_plural, case when v.visibility <> 'WORKSPACE' then o.id end
$$;
