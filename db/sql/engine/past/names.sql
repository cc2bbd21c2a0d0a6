-- The log names values by the columns of their time. Where a field was renamed, or another had its name
-- before, these say which column of today a name of then stands for; where its type changed, since when
-- values are of the type of today. Names that stood for one field only need no times.

create or replace function engine.past_names(object metadata.objects)
returns setof engine.past_name
language sql stable set search_path = ''
as $$
  with change as materialized (
    select m.row_id as field_id, engine.snake_case(m.before ->> 'name') as former, m.before ->> 'name' is distinct from m.after ->> 'name' as is_renamed,
      m.after is not null and m.before ->> 'type' is distinct from m.after ->> 'type' as is_retyped, v.happened_at, m.version, m.seq
    from metadata.model_changes m
    join metadata.model_versions v on v.workspace_id = m.workspace_id and v.version = m.version
    where m.workspace_id = (object).workspace_id and m.table_name = 'fields' and m.before ->> 'object_id' = (object).id::text
  ), rename as (
    select c.field_id, c.former, c.happened_at as until, lag(c.happened_at) over (partition by c.field_id order by c.version, c.seq) as since
    from change c where c.is_renamed
  ), col as (
    select c.field_id, c.name, engine.snake_case(f.name) as base, c.pg_type,
      (select max(h.happened_at) from change h where h.field_id = c.field_id and h.is_retyped) as typed_since
    from engine.columns((object).workspace_id, array[(object).id]) c
    join metadata.fields f on f.id = c.field_id
    where c.is_active
  ), named as (
    select c.name, c.name as past_name, (select max(r.until) from rename r where r.field_id = c.field_id) as since, null::timestamptz as until, c.pg_type, c.typed_since
    from col c
    union all
    select c.name, r.former || substr(c.name, length(c.base) + 1), r.since, r.until, c.pg_type, c.typed_since
    from col c join rename r on r.field_id = c.field_id
    where r.former <> c.base
  ), taken as (
    -- Names that other fields had, also fields that are gone.
    select n.*, (select max(r.until) from rename r where r.field_id not in (select c.field_id from col c where c.name = n.name)
        and (n.past_name = r.former or starts_with(n.past_name, r.former || '_')) and (n.until is null or r.until < n.until)) as others_until,
      count(*) over (partition by n.past_name) as n
    from named n
  )
  select t.name, t.past_name, case when t.n > 1 then greatest(t.since, t.others_until) else t.others_until end, case when t.n > 1 then t.until end, t.pg_type, t.typed_since
  from taken t
$$;

-- Whether a value, as the log has it, is one of a column of a type.
create or replace function engine.fits(value jsonb, pg_type text) returns boolean
language plpgsql stable set search_path = ''
as $$
begin
  if pg_type like '%[]' or jsonb_typeof(value) = 'array' and pg_type <> 'jsonb' then
    return pg_type = 'text[]' and jsonb_typeof(value) = 'array';
  end if;
  execute format('select ($1 #>> ''{}'')::%s', pg_type) using value;
  return true;
exception
  when data_exception or datetime_field_overflow or invalid_text_representation then
    return false;
end
$$;

-- The values of an event under the names of today. What has no place in the record as it is now is left out; what
-- is no value of the type of today is none.
create or replace function engine.named_today(data jsonb, happened_at timestamptz, names engine.past_name[]) returns jsonb
language sql stable set search_path = ''
as $$
  select case when data is not null then coalesce(jsonb_object_agg(n.name, case when n.typed_since is null or named_today.happened_at > n.typed_since or engine.fits(e.value, n.pg_type) then e.value else 'null' end), '{}') end
  from jsonb_each(data) e
  join unnest(names) n on n.past_name = e.key and (n.since is null or named_today.happened_at > n.since) and (n.until is null or named_today.happened_at <= n.until)
$$;

-- How the before and after of an event, e, are read: as they stand, where no name or type of the object ever changed.
create or replace function engine.reading_of(object metadata.objects, side text) returns text
language sql stable set search_path = ''
as $$
  select case when exists (select from engine.past_names(object) p where p.since is not null or p.until is not null or p.typed_since is not null or p.name <> p.past_name)
    then format('engine.named_today(e.%I, e.happened_at, (select array_agg(n) from engine.past_names((select o from metadata.objects o where o.id = %L::uuid)) n))', side, (object).id)
    else format('e.%I', side) end
$$;
