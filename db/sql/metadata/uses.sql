-- Who uses an object, a field or an option: formulas, rollups, rules, indexes, views, labels, the
-- ends of relations. Texts that people write are compiled to ids, so a use is found by the id,
-- whatever things are called. What is used is not deleted from under its users.

create or replace function engine.uses(workspace_id uuid, kind text, id uuid, option_value text default null)
returns table (user_kind text, user_id uuid, label text, object_id uuid, object_label text, how text, is_blocking boolean)
language plpgsql stable set search_path = ''
as $$
declare
  v_fields uuid[] := case uses.kind when 'object' then array(select f.id from metadata.fields f where f.object_id = uses.id) else array[uses.id] end;
  -- With a relation to many goes its junction, and with that the field at the other side.
  v_junction uuid := (select j.object_id from metadata.fields m join metadata.fields j on j.id = m.junction_field_id where m.id = uses.id and uses.kind = 'field');
  v_ids uuid[];
  v_pattern text;
  v_member uuid := engine.private_member();
  v_shared uuid[] := array(select engine.shared_views('READ'));
begin
  v_fields := v_fields || array(select f.id from metadata.fields f where f.object_id = v_junction)
    || array(select m.id from metadata.fields j join metadata.fields m on m.junction_field_id = j.id where j.object_id = v_junction and m.id <> uses.id);
  -- Rollups go by the relation rather than the field, and an object is used through those that point to it.
  v_ids := v_fields || array(select r.id from metadata.relations r where r.workspace_id = uses.workspace_id
    and (r.field_id = any (v_fields) or uses.kind = 'object' and r.target_object_id = uses.id))
    || array(select r.field_id from metadata.relations r where r.workspace_id = uses.workspace_id and uses.kind = 'object' and r.target_object_id = uses.id);
  v_pattern := '(' || array_to_string(v_ids, '|') || ')';
  return query
  with live as materialized (
    select o.* from metadata.objects o
    where o.workspace_id = uses.workspace_id and o.deleted_at is null and (uses.kind <> 'object' or o.id <> uses.id)
  ), found (user_kind, user_id, label, object_id, how, is_blocking, uses_value) as (
    select lower(f.type), f.id, f.label, f.object_id, case f.type when 'FORMULA' then 'is computed from it' when 'ROLLUP' then 'sums it up' else 'takes its default from it' end, true,
      concat(f.compiled, f.settings)
    from metadata.fields f
    where f.workspace_id = uses.workspace_id and f.deleted_at is null and f.id <> all (v_fields)
      and (f.compiled is not null or f.type = 'ROLLUP') and concat(f.compiled, f.settings - 'expression') ~ v_pattern
    union all
    select 'rule', r.id, coalesce(nullif(r.message, ''), initcap(r.kind)), r.object_id, 'checks it', true, concat(r.settings, r.compiled)
    from metadata.rules r
    where r.workspace_id = uses.workspace_id and r.is_active and (r.field_id = any (v_ids) or concat(r.settings, r.compiled) ~ v_pattern)
      -- A junction's own rule, that two records are linked once, goes with it.
      and not exists (select from metadata.objects j where j.id = r.object_id and j.is_junction and r.kind = 'UNIQUE')
    union all
    select 'index', i.id, i.name, i.object_id, 'goes by it', true, i.compiled::text
    from metadata.indexes i
    where i.workspace_id = uses.workspace_id and concat(i.parts, i.compiled) ~ v_pattern
    union all
    -- Of a view that the caller does not see no more is told than that it is there. A view does without what goes.
    select 'view', v.id, case when v.visibility = 'WORKSPACE' or v.owner_id = v_member or v.id = any (v_shared) then v.name else 'A member''s own view' end, v.object_id, concat_ws(', ',
        case when v.group_field_id = any (v_ids) then 'groups by it' end, case when v.filter::text ~ v_pattern then 'filters by it' end,
        case when v.sorts::text ~ v_pattern then 'sorts by it' end, case when v.layout::text ~ v_pattern then 'lays out by it' end,
        case when exists (select from metadata.view_fields c where c.view_id = v.id and c.field_id = any (v_ids)) then 'shows it' end),
      false, v.filter::text
    from metadata.views v
    where v.workspace_id = uses.workspace_id and (v.group_field_id = any (v_ids) or concat(v.filter, v.sorts, v.layout) ~ v_pattern
      or exists (select from metadata.view_fields c where c.view_id = v.id and c.field_id = any (v_ids)))
    union all
    select 'object', o.id, o.label_plural, o.id, concat_ws(', ',
        case when o.label_field_id = any (v_ids) then 'names its records by it' end, case when o.image_field_id = any (v_ids) then 'shows it as the picture' end,
        case when o.duplicate_criteria::text ~ v_pattern then 'finds duplicates by it' end), true, null
    from live o
    where o.label_field_id = any (v_ids) or o.image_field_id = any (v_ids) or o.duplicate_criteria::text ~ v_pattern
    union all
    select 'field', f.id, f.label, f.object_id, 'leads through it', uses.kind = 'field', null
    from metadata.fields f
    where f.workspace_id = uses.workspace_id and f.deleted_at is null and f.junction_field_id = any (v_fields) and f.id <> all (v_fields)
    union all
    select 'field', f.id, f.label, f.object_id, 'points to it', false, null
    from metadata.relations r join metadata.fields f on f.id = r.field_id
    where uses.kind = 'object' and r.workspace_id = uses.workspace_id and r.target_object_id = uses.id and r.deleted_at is null and f.deleted_at is null
    union all
    select 'role rule', u.id, ro.name, u.object_id, 'chooses records by it', true, u.compiled::text
    from metadata.record_rules u join metadata.roles ro on ro.id = u.role_id
    where u.workspace_id = uses.workspace_id and u.compiled::text ~ v_pattern
    union all
    select 'webhook', h.id, coalesce(nullif(h.name, ''), h.target_url), c.key::uuid, 'chooses what it tells by it', true, c.value::text
    from metadata.webhooks h cross join lateral jsonb_each(h.compiled) c
    where h.workspace_id = uses.workspace_id and (c.value::text ~ v_pattern or uses.kind = 'object' and c.key::uuid = uses.id)
    union all
    select 'permission', p.id, ro.name, p.object_id, case when p.can_read is false then 'does not read it' when p.can_update is false then 'does not change it' else 'has rights of its own on it' end, false, null
    from metadata.field_permissions p join metadata.roles ro on ro.id = p.role_id
    where uses.kind = 'field' and p.workspace_id = uses.workspace_id and p.field_id = uses.id
    union all
    select 'permission', p.id, ro.name, o.id, 'has rights of its own on it', false, null
    from metadata.object_permissions p join metadata.roles ro on ro.id = p.role_id join metadata.objects o on o.id = p.object_id
    where uses.kind = 'object' and p.workspace_id = uses.workspace_id and p.object_id = uses.id
    union all
    select 'default', f.id, f.label, f.object_id, 'is what new records get', true, f.default_value::text
    from metadata.fields f where uses.kind = 'option' and f.id = uses.id
  )
  select u.user_kind, u.user_id, u.label, u.object_id, coalesce(o.label_plural, ''), u.how, u.is_blocking
  from found u
  left join metadata.objects o on o.id = u.object_id
  where (u.user_kind = 'permission' or o.deleted_at is null and (uses.kind <> 'object' or u.object_id <> uses.id) and u.object_id is distinct from v_junction)
    and (uses.kind <> 'option' or strpos(u.uses_value, to_jsonb(uses.option_value)::text) > 0)
  order by u.is_blocking desc, u.user_kind, u.label, u.user_id;
end
$$;

-- Refuses in words, with the list.
create or replace function engine.assert_unused(workspace_id uuid, kind text, id uuid, label text, what text, option_value text default null) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_users text[];
begin
  v_users := array(select format('the %s "%s" of %s %s', case u.user_kind when 'default' then 'default of' else u.user_kind end, u.label, u.object_label, u.how)
    from engine.uses(workspace_id, kind, id, option_value) u where u.is_blocking);
  if v_users <> '{}' then
    raise exception '"%" cannot be %: %', label, what,
        array_to_string(v_users[1:3], '; ') || case when cardinality(v_users) > 3 then format('; and %s more', cardinality(v_users) - 3) else '' end || '.'
      using errcode = 'RV061', column = case kind when 'option' then 'options' else 'id' end, detail = array_to_string(v_users, E'\n'),
        hint = case kind when 'object' then 'Change or delete these first.'
          when 'option' then 'Choose another option to take its place: metadata.delete_option(field, value, replacement).'
          else 'Change or delete these first, or choose another field to take its place: metadata.delete_field(field, replacement).' end;
  end if;
end
$$;

create or replace function metadata.dependents(kind text, id uuid, option_value text default null) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace uuid;
  v_records bigint;
begin
  select f.workspace_id into v_workspace from (
    select f.id, f.workspace_id from metadata.fields f union all select o.id, o.workspace_id from metadata.objects o) f where f.id = dependents.id;
  perform engine.assert_member_of(v_workspace);
  if dependents.kind not in ('object', 'field', 'option') then
    raise exception 'Only an object, a field or an option has dependents, not "%".', dependents.kind using errcode = 'RV062', column = 'kind';
  end if;
  -- How many records have an option is for those who may see to them.
  if dependents.kind = 'option' and (engine.acts_as_administrator() or engine.may('DATA_MODEL')) then
    v_records := engine.count_option(dependents.id, dependents.option_value);
  end if;
  return (
    select coalesce(jsonb_agg(jsonb_build_object('kind', u.user_kind, 'id', u.user_id, 'label', u.label, 'objectId', u.object_id,
      'objectLabel', u.object_label, 'how', u.how, 'isBlocking', u.is_blocking)), '[]')
    from engine.uses(v_workspace, dependents.kind, dependents.id, dependents.option_value) u
  ) || case when v_records > 0 then (
    select jsonb_build_array(jsonb_build_object('kind', 'records', 'id', o.id, 'label', v_records::text, 'objectId', o.id, 'objectLabel', o.label_plural,
      'how', case when v_records = 1 then 'has it' else 'have it' end, 'isBlocking', true))
    from metadata.fields f join metadata.objects o on o.id = f.object_id where f.id = dependents.id) else '[]' end;
end
$$;
comment on function metadata.dependents(text, uuid, text) is
  'What uses an object, a field or an option of a field: kind, id, label, object and how. What is blocking must be changed before the thing can be deleted or switched off.';

-- Records that have an option.
create or replace function engine.count_option(field_id uuid, value text) returns bigint
language plpgsql stable set search_path = ''
as $$
declare
  v_count bigint;
  v_sql text;
begin
  select format('select count(*) from %I.%I where ', w.schema_name, o.table_name)
      || format(case f.type when 'MULTI_SELECT' then '%I @> array[%L]::text[]' else '%I = %L' end, engine.snake_case(f.name), value) into v_sql
  from metadata.fields f join metadata.objects o on o.id = f.object_id join core.workspaces w on w.id = f.workspace_id
  where f.id = field_id and f.type in ('SELECT', 'MULTI_SELECT') and f.deleted_at is null and o.deleted_at is null
    and to_regclass(format('%I.%I', w.schema_name, o.table_name)) is not null;
  if v_sql is null then
    return 0;
  end if;
  execute v_sql into v_count;
  return v_count;
end
$$;

create or replace function engine.tg_metadata__used() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_option text;
begin
  if tg_op = 'DELETE' then
    -- What is deleted already, or goes with its object or workspace, was judged with that.
    if old.deleted_at is not null or not engine.workspace_exists(old.workspace_id) then
      -- An upgrade of its application does not bring back what was dropped for good.
      if tg_table_name <> 'relations' then
        update metadata.applications a set removed = a.removed || old.universal_identifier where a.id = old.application_id and old.universal_identifier is not null;
      end if;
      return old;
    end if;
    case tg_table_name
      when 'objects' then
        -- Said first: what cannot be deleted at all is not made so by taking its users away.
        perform engine.assert_deletable(old.label_plural, old.is_system, old.application_id);
        perform engine.assert_unused(old.workspace_id, 'object', old.id, old.label_plural, 'deleted');
      when 'fields' then
        -- What names the records has a refusal of its own.
        if exists (select from metadata.objects o where o.id = old.object_id and o.label_field_id is distinct from old.id) then
          perform engine.assert_unused(old.workspace_id, 'field', old.id, old.label, 'deleted');
        end if;
      when 'relations' then
        if exists (select from metadata.objects o where o.id = old.target_object_id) and exists (select from metadata.fields f where f.id = old.field_id and f.deleted_at is null) then
          perform engine.assert_unused(old.workspace_id, 'field', old.id, old.inverse_label, 'deleted');
        end if;
    end case;
    return old;
  end if;
  if old.is_active and not new.is_active then
    case tg_table_name
      when 'objects' then perform engine.assert_unused(old.workspace_id, 'object', old.id, old.label_plural, 'switched off');
      when 'fields' then
        if exists (select from metadata.objects o where o.id = old.object_id and o.label_field_id is distinct from old.id) then
          perform engine.assert_unused(old.workspace_id, 'field', old.id, old.label, 'switched off');
        end if;
    end case;
  end if;
  if tg_table_name = 'fields' then
    if new.options is distinct from old.options and new.type = old.type and new.deleted_at is null then
      for v_option in
        select o ->> 'value' from jsonb_array_elements(old.options) o where not new.options @> jsonb_build_array(jsonb_build_object('value', o -> 'value'))
      loop
        if new.default_value is distinct from old.default_value and strpos(coalesce(new.default_value::text, ''), to_jsonb(v_option)::text) = 0 then
          -- The default is given up with the option.
          continue when not exists (select from engine.uses(old.workspace_id, 'option', old.id, v_option) u where u.user_kind <> 'default');
        end if;
        perform engine.assert_unused(old.workspace_id, 'option', old.id, v_option, 'removed', v_option);
      end loop;
    end if;
  end if;
  return new;
end
$$;
create or replace trigger _050_used before delete or update of is_active on metadata.objects for each row execute function engine.tg_metadata__used();
create or replace trigger _050_used before delete or update of is_active, options on metadata.fields for each row execute function engine.tg_metadata__used();
create or replace trigger _050_used before delete on metadata.relations for each row execute function engine.tg_metadata__used();

grant execute on function metadata.dependents(text, uuid, text) to relvar_crm;
