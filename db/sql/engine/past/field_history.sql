-- What happened to one field of a record, the latest first, under the names that its columns have today.
create or replace function engine.field_history(caller name, schema_name text, object_name text, record_id uuid, field_name text, max_results int, before_batch bigint)
returns table (batch bigint, seq int, action text, before jsonb, after jsonb, actor_type text, actor_id uuid, actor_name text, source text, happened_at timestamptz)
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.past_object(caller, schema_name, object_name);
  v_table regclass := format('%I.%I', schema_name, v_object.table_name)::regclass;
  v_columns text[];
  v_pasts text[];
  v_is_seen boolean;
  v_knows_who boolean;
begin
  v_columns := engine.columns_of_field(v_object, field_name);
  if exists (select from unnest(v_columns) c where not has_column_privilege(caller, v_table, c, 'select')) then
    raise exception 'Your role may not read this field of %.', v_object.label_plural using errcode = '42501';
  end if;
  v_is_seen := engine.reads_wholly(caller, v_object.id);
  v_knows_who := v_is_seen or has_column_privilege(caller, v_table, 'created_by_name', 'select') and has_column_privilege(caller, v_table, 'updated_by_name', 'select');
  if not v_is_seen then
    execute format('select exists (select from %2$s t where t.id = $2 and %3$s)
        or exists (select from %1$I.trash d where d.object_id = $1 and d.record_id = $2 and exists (select from jsonb_populate_record(null::%2$s, d.data) t where %3$s))',
      schema_name, v_table, engine.read_policy(caller, v_table)) into v_is_seen using v_object.id, record_id;
  end if;
  if not v_is_seen then
    return;
  end if;
  v_pasts := array(select distinct p.past_name from engine.past_names(v_object) p where p.name = any (v_columns));
  return query execute format($sql$
    select h.batch, h.seq, h.action, h.b, h.a, case when $7 then h.actor_type else '' end, case when $7 then h.actor_id end, case when $7 then h.actor_name end,
      case when $7 then h.source else '' end, h.happened_at
    from (
      select e.*, (select jsonb_object_agg(v.key, v.value) from jsonb_each(%2$s) v where v.key = any ($5)) as b,
        (select jsonb_object_agg(v.key, v.value) from jsonb_each(%3$s) v where v.key = any ($5)) as a
      from %1$I.events_of($1, $2) e
      where ($3 is null or e.batch < $3) and (e.before ?| $6 or e.after ?| $6)
    ) h
    where h.b is not null or h.a is not null
    order by h.batch desc, h.seq desc limit $4$sql$, schema_name, engine.reading_of(v_object, 'before'), engine.reading_of(v_object, 'after'))
  using v_object.id, record_id, before_batch, least(greatest(max_results, 1), 1000), v_columns, v_pasts, v_knows_who;
end
$$;

-- The columns that a field comes to, by its API name.
create or replace function engine.columns_of_field(object metadata.objects, field_name text) returns text[]
language plpgsql stable set search_path = ''
as $$
declare
  v_columns text[] := array(
    select c.name from metadata.fields f join engine.columns((object).workspace_id, array[(object).id]) c on c.field_id = f.id
    where f.object_id = (object).id and f.name = field_name and c.is_active order by c.ordinal);
begin
  if v_columns = '{}' then
    raise exception '% have no field "%".', (object).label_plural, field_name using errcode = 'RV196', column = 'field_name',
      hint = coalesce(format('Did you mean %s?', engine.nearest(field_name, array(select f.name from metadata.fields f where f.object_id = (object).id and f.is_active and f.deleted_at is null))), 'Give the API name, such as jobTitle.');
  end if;
  return v_columns;
end
$$;

grant execute on function engine.field_history(name, text, text, uuid, text, int, bigint) to relvar_crm;
