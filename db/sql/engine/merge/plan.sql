-- What a merge would be like, before anybody decides: whose value for which field, and what moves. Of fields and relations
-- only those that the caller may read, and of fields only those that he may change, since no others can be chosen.

-- The fields among whose values one is chosen.
create or replace function engine.mergeable_fields(caller name, schema_name text, object metadata.objects)
returns table (name text, type text, max_count int, columns text[])
language sql stable set search_path = ''
as $$
  select f.name, f.type, (f.settings ->> 'maxNumberOfValues')::int, array_agg(c.name order by c.ordinal, c.name)
  from metadata.fields f
  join engine.columns((object).workspace_id, array[(object).id]) c on c.field_id = f.id
  where f.object_id = (object).id and f.is_active and f.deleted_at is null and not f.is_system and c.is_active
  group by f.id
  having bool_and(c.is_writable and has_column_privilege(caller, format('%I.%I', schema_name, (object).table_name), c.name, 'select')
    and has_column_privilege(caller, format('%I.%I', schema_name, (object).table_name), c.name, 'update'))
$$;

create or replace function engine.is_blank(content jsonb) returns boolean
language sql immutable parallel safe set search_path = ''
  return content is null or content in ('null', '""', '[]', '{}');

-- Whether a record has a value of a field: of several columns that say the same in all records the first tells.
create or replace function engine.has_value("row" jsonb, type text, columns text[]) returns boolean
language sql immutable parallel safe set search_path = ''
  return case when type in ('CURRENCY', 'PHONES', 'LINKS', 'EMAILS') then exists (select from unnest(columns) c where c !~ '_(currency_code|country_code|calling_code|link_label)$' and not engine.is_blank("row" -> c))
    else exists (select from unnest(columns) c where not engine.is_blank("row" -> c)) end;

-- All values of a field of several records together, the first record's first; null where the field holds but one.
create or replace function engine.united(type text, max_count int, columns text[], rows jsonb[]) returns jsonb
language plpgsql immutable set search_path = ''
as $$
declare
  v_values jsonb;
  v_first jsonb;
  v_max int := coalesce(nullif(max_count, 0), 1000);
begin
  case type
    when 'MULTI_SELECT', 'ARRAY', 'FILES' then
      select coalesce(jsonb_agg(u.v order by u.n), '[]') into v_values
      from (select v, min(i * 10000 + j) as n from unnest(rows) with ordinality r ("row", i) cross join lateral jsonb_array_elements(coalesce(nullif(r."row" -> columns[1], 'null'), '[]')) with ordinality e (v, j)
        group by v order by n limit v_max) u;
      return jsonb_build_object(columns[1], v_values);
    when 'EMAILS' then
      select coalesce(jsonb_agg(u.v order by u.n), '[]') into v_values
      from (select (array_agg(v order by i, j))[1] as v, min(i * 10000 + j) as n
        from unnest(rows) with ordinality r ("row", i) cross join lateral (
          select r."row" ->> columns[1], 0 union all select e, j from jsonb_array_elements_text(coalesce(nullif(r."row" -> columns[2], 'null'), '[]')) with ordinality x (e, j)) m (v, j)
        where btrim(v) <> '' group by lower(btrim(v)) order by n limit v_max) u;
      return jsonb_build_object(columns[1], v_values -> 0, columns[2], v_values - 0);
    when 'PHONES' then
      -- The others are numbers with what is called before them, as they are shown.
      select coalesce(jsonb_agg(u.v order by u.n), '[]') into v_values
      from (select (array_agg(v order by i, j))[1] as v, min(i * 10000 + j) as n
        from unnest(rows) with ordinality r ("row", i) cross join lateral (
          select concat_ws(' ', nullif(r."row" ->> columns[3], ''), r."row" ->> columns[1]), 0 where r."row" ->> columns[1] <> ''
          union all select e, j from jsonb_array_elements_text(coalesce(nullif(r."row" -> columns[4], 'null'), '[]')) with ordinality x (e, j)) m (v, j)
        where btrim(v) <> '' group by engine.duplicate_phone(v) order by n limit v_max) u;
      v_first := (select r from unnest(rows) with ordinality u (r, i) where r ->> columns[1] <> '' order by i limit 1);
      if v_first is null then
        return jsonb_build_object(columns[1], null, columns[2], null, columns[3], null, columns[4], v_values);
      end if;
      return jsonb_build_object(columns[1], v_first -> columns[1], columns[2], v_first -> columns[2], columns[3], v_first -> columns[3],
        columns[4], v_values - concat_ws(' ', nullif(v_first ->> columns[3], ''), v_first ->> columns[1]));
    when 'LINKS' then
      select coalesce(jsonb_agg(u.v order by u.n), '[]') into v_values
      from (select (array_agg(v order by i, j))[1] as v, min(i * 10000 + j) as n
        from unnest(rows) with ordinality r ("row", i) cross join lateral (
          select jsonb_build_object('url', r."row" -> columns[1], 'label', r."row" -> columns[2]), 0
          union all select e, j from jsonb_array_elements(coalesce(nullif(r."row" -> columns[3], 'null'), '[]')) with ordinality x (e, j)) m (v, j)
        where v ->> 'url' <> '' group by engine.duplicate_link(v ->> 'url') order by n limit v_max) u;
      return jsonb_build_object(columns[1], v_values #> '{0,url}', columns[2], v_values #> '{0,label}', columns[3], v_values - 0);
    else
      return null;
  end case;
end
$$;

-- Whose value for which field: the survivor's, or the newest of the others' where it has none; all of them where a field holds several.
create or replace function engine.merge_choices(fields jsonb, rows jsonb[]) returns table (name text, columns text[], choice text, value jsonb, united jsonb)
language sql stable set search_path = ''
as $$
  select f.name, f.columns, case when u.value is not null and c.count > 1 and exists (select from unnest(f.columns) k where u.value -> k is distinct from s.value -> k and not (engine.is_blank(u.value -> k) and engine.is_blank(s.value -> k))) then 'ALL' else coalesce(w.id, rows[1] ->> 'id') end,
    case when u.value is not null and c.count > 1 then u.value else w.value end, case when c.count > 1 then u.value end
  from jsonb_to_recordset(fields) f (name text, type text, max_count int, columns text[])
  cross join lateral (select jsonb_object_agg(k, rows[1] -> k) as value from unnest(f.columns) k) s
  cross join lateral (select engine.united(f.type, f.max_count, f.columns, rows) as value) u
  cross join lateral (select count(*) as count from unnest(rows) r where engine.has_value(r, f.type, f.columns)) c
  left join lateral (
    select r ->> 'id' as id, (select jsonb_object_agg(k, r -> k) from unnest(f.columns) k) as value
    from unnest(rows) with ordinality x (r, i) where engine.has_value(r, f.type, f.columns) order by i limit 1
  ) w on true
$$;

create or replace function engine.merge_fields(caller name, schema_name text, object metadata.objects) returns jsonb
language sql stable set search_path = ''
as $$ select coalesce(jsonb_agg(to_jsonb(f)), '[]') from (select m.name, m.type, m.max_count, m.columns from engine.mergeable_fields(caller, schema_name, object) m) f $$;

-- The survivor first, then the newest. Who may stay goes before who may not; of these the fullest.
create or replace function engine.merge_order(fields jsonb, rows jsonb[], survivors uuid[], survivor_id uuid) returns jsonb[]
language sql stable set search_path = ''
as $$
  with ranked as materialized (
    select r, (r ->> 'updated_at')::timestamptz as updated_at, row_number() over (order by (r ->> 'id')::uuid is not distinct from merge_order.survivor_id desc, (r ->> 'id')::uuid = any (survivors) desc,
      (select count(*) from jsonb_to_recordset(fields) f (type text, columns text[]) where engine.has_value(r, f.type, f.columns)) desc, (r ->> 'updated_at')::timestamptz desc, r ->> 'id') as n
    from unnest(rows) r
  )
  select array_agg(r.r order by case when r.n = 1 then 1 else 2 end, r.updated_at desc, r.r ->> 'id') from ranked r
$$;

-- What the survivor is written with: only what it does not have already.
create or replace function engine.merge_data(choices jsonb, survivor jsonb) returns jsonb
language sql immutable set search_path = ''
as $$
  select coalesce(jsonb_object_agg(engine.camel_case(e.key), e.value), '{}')
  from jsonb_array_elements(choices) c cross join lateral jsonb_each(nullif(c -> 'value', 'null')) e
  where e.value is distinct from survivor -> e.key and not (engine.is_blank(e.value) and engine.is_blank(survivor -> e.key))
$$;

-- How much of the caller's own sight refers to the records.
create or replace function engine.merge_moves(caller name, schema_name text, object metadata.objects, record_ids uuid[]) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_moves jsonb := '[]';
  v_counts jsonb;
  r record;
begin
  for r in
    select o.id, o.name_singular, o.table_name, c.name as column_name,
      -- A record of links stands for what is at its other end.
      coalesce(m.label, t.label_plural, case when o.label_plural = l.inverse_label then o.label_plural else concat(o.label_plural, ': ', l.inverse_label) end) as label
    from engine.columns((object).workspace_id) c
    join metadata.relations l on l.id = c.relation_id and l.target_object_id = (object).id and l.deleted_at is null
    join metadata.objects o on o.id = c.object_id and o.is_active and o.deleted_at is null
    left join metadata.fields m on m.object_id = (object).id and m.junction_field_id = c.field_id and m.deleted_at is null
    left join lateral (
      select min(x.label_plural) as label_plural from metadata.fields f join metadata.relations y on y.field_id = f.id join metadata.objects x on x.id = y.target_object_id
      where f.object_id = o.id and f.id <> c.field_id and f.deleted_at is null and y.deleted_at is null and f.type = 'RELATION' and engine.is_only_links(o)
    ) t on true
    where c.is_active
    order by label, o.name_singular, c.name
  loop
    continue when not engine.has_right(caller, r.id, 'READ') or not has_column_privilege(caller, format('%I.%I', schema_name, r.table_name), r.column_name, 'select');
    execute format('select jsonb_object_agg(x.id, x.n) from (select t.%2$I as id, count(*) as n from %1$I.%3$I t where t.%2$I = any ($1) and %4$s group by 1) x', schema_name, r.column_name, r.table_name,
      engine.condition_of(caller, r.id, 'READ', 't.')) into v_counts using record_ids;
    if v_counts is not null then
      v_moves := v_moves || jsonb_build_object('kind', 'RECORD', 'objectName', r.name_singular, 'label', r.label, 'counts', v_counts);
    end if;
  end loop;
  execute format('select jsonb_object_agg(x.id, x.n) from (select c.record_id as id, count(*) as n from %I.record_comments c where c.object_id = $1 and c.record_id = any ($2) and c.removed_at is null group by 1) x', schema_name)
    into v_counts using (object).id, record_ids;
  if v_counts is not null then
    v_moves := v_moves || jsonb_build_object('kind', 'COMMENT', 'objectName', null, 'label', 'Comments', 'counts', v_counts);
  end if;
  execute format('select jsonb_object_agg(x.id, x.n) from (select e.record_id as id, count(*) as n from %I.record_events e where e.object_id = $1 and e.record_id = any ($2) and e.action <> ''commented'' group by 1) x', schema_name)
    into v_counts using (object).id, record_ids;
  if v_counts is not null then
    v_moves := v_moves || jsonb_build_object('kind', 'EVENT', 'objectName', null, 'label', 'Changes in the history', 'counts', v_counts);
  end if;
  return v_moves;
end
$$;

create or replace function engine.propose_merge(caller name, schema_name text, object metadata.objects, record_ids uuid[], wanted_survivor uuid, trashed jsonb) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_table text := format('%I.%I', schema_name, (object).table_name);
  v_fields jsonb := engine.merge_fields(caller, schema_name, object);
  v_rows jsonb[];
  v_survivors uuid[];
  v_removable uuid[];
  v_choices jsonb;
begin
  execute format('select array_agg(to_jsonb(t) - ''search_vector'' || coalesce($2 -> t.id::text, ''{}'')), array_agg(t.id) filter (where %2$s), array_agg(t.id) filter (where %3$s) from %1$s t where t.id = any ($1) and %4$s', v_table,
    engine.condition_of(caller, (object).id, 'UPDATE', 't.'), engine.condition_of(caller, (object).id, 'DELETE', 't.'), engine.condition_of(caller, (object).id, 'READ', 't.'))
  into v_rows, v_survivors, v_removable using record_ids, trashed;
  if coalesce(cardinality(v_rows), 0) < cardinality(record_ids) then
    raise exception 'One of these records is not there, or your role may not read it.' using errcode = '42501', hint = 'Look at the list again: it may have been deleted or merged.';
  end if;
  -- What comes out of the trash only to be merged does not stay.
  v_survivors := array(select i from unnest(v_survivors) i where not trashed ? i::text);
  v_rows := engine.merge_order(v_fields, v_rows, v_survivors, wanted_survivor);
  v_choices := (select coalesce(jsonb_agg(to_jsonb(c)), '[]') from engine.merge_choices(v_fields, v_rows) c);
  return jsonb_build_object('survivorId', v_rows[1] ->> 'id', 'survivors', to_jsonb(v_survivors), 'removable', coalesce(to_jsonb(v_removable), '[]'),
    'choices', (select coalesce(jsonb_object_agg(c ->> 'name', c -> 'choice'), '{}') from jsonb_array_elements(v_choices) c),
    'united', (select coalesce(jsonb_object_agg(engine.camel_case(e.key), e.value), '{}') from jsonb_array_elements(v_choices) c cross join lateral jsonb_each(nullif(c -> 'united', 'null')) e),
    'data', engine.merge_data(v_choices, v_rows[1]),
    'records', (select jsonb_agg(jsonb_build_object('recordId', r -> 'id', 'isTrashed', trashed ? (r ->> 'id'), 'updatedAt', r -> 'updated_at',
        'values', (select coalesce(jsonb_object_agg(engine.camel_case(k), r -> k), '{}') from jsonb_to_recordset(v_fields) f (columns text[]) cross join unnest(f.columns) k)) order by i)
      from unnest(v_rows) with ordinality u (r, i)));
end
$$;

create or replace function engine.plan_merge(caller name, schema_name text, object_name text, record_ids uuid[], survivor_id uuid) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.past_object(caller, schema_name, object_name);
  v_ids uuid[] := array(select distinct i from unnest(record_ids) i where i is not null);
  v_trashed jsonb;
  v_plan jsonb;
begin
  if v_object.is_junction or v_object.universal_identifier = 'standard:workspaceMember' then
    raise exception '% are not merged.', v_object.label_plural using errcode = 'RV192', hint = 'Merge the records that they belong to.';
  elsif cardinality(v_ids) not between 2 and 20 then
    raise exception 'A merge is planned for 2 to 20 records.' using errcode = 'RV250', column = 'record_ids', hint = 'Merge more of them in several steps.';
  elsif survivor_id is not null and survivor_id <> all (v_ids) then
    raise exception 'The record that stays is one of those that are merged.' using errcode = 'RV250', column = 'survivor_id', hint = 'Name its id among the others.';
  end if;
  -- Made and taken back: what lies in the trash is there for the moment.
  begin
    v_trashed := engine.bring_back_to_merge(caller, schema_name, v_object, v_ids);
    v_plan := engine.propose_merge(caller, schema_name, v_object, v_ids, survivor_id, v_trashed)
      || jsonb_build_object('moves', engine.merge_moves(caller, schema_name, v_object, v_ids));
    raise exception 'planned' using errcode = 'RVEND';
  exception when sqlstate 'RVEND' then
    return v_plan;
  end;
end
$$;

-- Reached only through the tenant's own functions, which name the caller.
grant execute on function engine.plan_merge(name, text, text, uuid[], uuid) to relvar_crm;
