-- Three versions of one value: how an application brought it before (base), how it brings it now
-- (wanted), and how it is here. Who alone changed it has it; where both did, it stays as it is here,
-- and its name is noted. Null is as good as absent.

create or replace function engine.merged(name text, base jsonb, wanted jsonb, here jsonb, out value jsonb, out conflicts text[])
language plpgsql immutable set search_path = ''
as $$
declare
  v_key text;
  v_kind text := case
    when name = 'settings' then 'object'
    when name = 'options' then 'value'
    when name = 'sorts' then 'fieldId'
    when name = 'duplicate_criteria' then 'element' end;
  r record;
begin
  base := nullif(base, 'null');
  wanted := nullif(wanted, 'null');
  here := nullif(here, 'null');
  conflicts := '{}';
  if here is not distinct from base then
    value := wanted;
  elsif wanted is not distinct from base or wanted is not distinct from here then
    value := here;
  elsif v_kind = 'object' then
    value := '{}';
    for v_key in select k from jsonb_object_keys(coalesce(wanted, '{}') || coalesce(here, '{}')) k order by k loop
      r := engine.merged(name || '.' || v_key, base -> v_key, wanted -> v_key, here -> v_key);
      conflicts := conflicts || r.conflicts;
      value := value || jsonb_strip_nulls(jsonb_build_object(v_key, r.value));
    end loop;
  elsif v_kind is not null and jsonb_typeof(coalesce(base, '[]')) = 'array' and jsonb_typeof(wanted) = 'array' and jsonb_typeof(here) = 'array' then
    select l.value, l.conflicts into value, conflicts from engine.merged_list(name, v_kind, coalesce(base, '[]'), wanted, here) l;
  else
    value := here;
    conflicts := array[name];
  end if;
end
$$;
comment on function engine.merged(text, jsonb, jsonb, jsonb) is 'Merges what an application changed and what people changed: settings by key, options and sorts by what they are of, all else whole. People win.';

-- A list by what its elements are known by: each comes, goes and changes by itself. Its order is that
-- of the application, unless people changed the order; then what is new comes last.
create or replace function engine.merged_list(name text, key text, base jsonb, wanted jsonb, here jsonb, out value jsonb, out conflicts text[])
language sql immutable set search_path = ''
as $$
  with element as (
    select l.side, u.i, coalesce(case when key <> 'element' then u.e -> key end, u.e) as id, u.e
    from (values ('base', merged_list.base), ('wanted', merged_list.wanted), ('here', merged_list.here)) l (side, list)
    cross join lateral jsonb_array_elements(l.list) with ordinality u (e, i)
  ), side as (
    select e.id, min(e.i) filter (where e.side = 'wanted') as wanted_at, min(e.i) filter (where e.side = 'here') as here_at,
      (array_agg(e.e) filter (where e.side = 'base'))[1] as base, (array_agg(e.e) filter (where e.side = 'wanted'))[1] as wanted, (array_agg(e.e) filter (where e.side = 'here'))[1] as here
    from element e group by e.id
  ), place as (
    select array_agg(e.id order by e.i) filter (where e.side = 'base') is not distinct from array_agg(e.id order by e.i) filter (where e.side = 'here') as is_free from element e
  ), result as (
    select s.id, s.wanted_at, s.here_at, m.value, m.conflicts
    from side s
    cross join lateral (
      -- Elements that are objects go by their keys, once they are there on all sides.
      select case when jsonb_typeof(s.base) = 'object' and s.wanted is not null and s.here is not null then 'settings' else 'whole' end as kind
    ) k
    cross join lateral engine.merged(k.kind, s.base, s.wanted, s.here) m
  )
  select coalesce(jsonb_agg(r.value order by case when p.is_free then r.wanted_at else r.here_at end nulls last, coalesce(r.wanted_at, r.here_at), r.id) filter (where r.value is not null), '[]'),
    coalesce(array_agg(merged_list.name || '.' || (r.id #>> '{}') order by r.id) filter (where r.conflicts <> '{}'), '{}')
  from result r cross join place p
$$;
