-- Records as they were at a moment: those that nothing happened to since as they stand, and of the others
-- what stands with the former values that the log has, the oldest first. So a moment costs what happened
-- after it. What transactions left that began by the moment is what was then.
--
-- Who sees some records only sees those that he sees now and saw then, by the rules of now; who sees some
-- fields only, those. What the record was in fields that he does not see, the rules of then and now ask.

-- The object whose records a row type is of, for who reads them.
create or replace function engine.object_of_rows(caller name, schema_name text, row_type regtype) returns metadata.objects
language plpgsql stable set search_path = ''
as $$
declare
  v_object metadata.objects;
begin
  select o.* into v_object
  from pg_catalog.pg_type y
  join pg_catalog.pg_class c on c.oid = y.typrelid and c.relnamespace = to_regnamespace(quote_ident(schema_name))::oid
  join core.workspaces w on w.schema_name = object_of_rows.schema_name
  join metadata.objects o on o.workspace_id = w.id and o.table_name = c.relname and o.deleted_at is null
  where y.oid = row_type;
  if not found then
    raise exception 'There is no table of records of this type here.' using errcode = 'RV011', hint = 'Name the table, such as: select * from as_of(null::people, ''2026-11-01'').';
  end if;
  if not engine.has_right(caller, v_object.id, 'READ') then
    raise exception 'Your role may not read %.', v_object.label_plural using errcode = '42501';
  end if;
  if not v_object.is_audited then
    raise exception '% keep no history.', v_object.label_plural using errcode = 'RV195', hint = 'The log of changes is turned off for them. Turn it on, and from then on there is a history.';
  end if;
  return v_object;
end
$$;

-- A column of what was put together again: what is computed from the record itself is computed anew.
create or replace function engine.past_column(attribute pg_catalog.pg_attribute, is_rebuilt boolean, is_readable boolean) returns text
language sql stable set search_path = ''
as $$
  select case
    when not is_readable or (attribute).atttypid = 'pg_catalog.tsvector'::regtype then 'null::' || pg_catalog.format_type((attribute).atttypid, (attribute).atttypmod)
    when is_rebuilt and (attribute).attgenerated <> '' then (
      select '(' || pg_catalog.pg_get_expr(d.adbin, d.adrelid) || ')' from pg_catalog.pg_attrdef d where d.adrelid = (attribute).attrelid and d.adnum = (attribute).attnum)
    else quote_ident((attribute).attname) end
$$;

-- A column of a record that was changed since, p as it stands, with the former values that the log has. Column by column, since
-- jsonb_populate_record costs several times as much; it reads what is no scalar.
create or replace function engine.former_column(attribute pg_catalog.pg_attribute) returns text
language sql stable set search_path = ''
as $$
  select format(case when y.typcategory = 'A' or y.typtype = 'c' or y.oid in ('pg_catalog.jsonb'::regtype, 'pg_catalog.json'::regtype)
      then 'case when c.former ? %1$L then (jsonb_populate_record(null::%3$s, jsonb_build_object(%1$L, c.former -> %1$L))).%2$I else p.%2$I end as %2$I'
      else 'case when c.former ? %1$L then (c.former ->> %1$L)::%4$s else p.%2$I end as %2$I' end,
    (attribute).attname, (attribute).attname, (attribute).attrelid::regclass, pg_catalog.format_type((attribute).atttypid, (attribute).atttypmod))
  from pg_catalog.pg_type y where y.oid = (attribute).atttypid
$$;

-- Values of several changes of a record, the latest first: of each the earliest stands in the end.
create or replace aggregate engine.former_values(jsonb) (sfunc = pg_catalog.jsonb_concat, stype = jsonb);

-- The log does not keep when and by whom a record was last changed: it says so itself, which takes a look at each: of
-- many that were changed since it is not told. The archive is asked where it alone can tell.
create or replace function engine.past_touch(object metadata.objects, schema_name text, moment timestamptz) returns text
language sql stable set search_path = ''
as $$
  select 'coalesce(' || string_agg(format(
    $sql$(select case when e.action = 'updated' then jsonb_build_object('updated_at', e.happened_at, 'updated_by_source', e.source,
        'updated_by_member_id', case when e.actor_type = 'member' then e.actor_id end, 'updated_by_name', e.actor_name)
      else jsonb_build_object('updated_at', e.after -> 'updated_at', 'updated_by_source', e.after -> 'updated_by_source',
        'updated_by_member_id', e.after -> 'updated_by_member_id', 'updated_by_name', e.after -> 'updated_by_name') end
      from %s e
      where e.record_id = c.record_id and e.happened_at <= %L::timestamptz
        and (e.action in ('created', 'restored') or e.action = 'updated' and e.before - %L::text[] <> '{}')
      order by e.batch desc, e.seq desc limit 1)$sql$, s.source, past_touch.moment,
    array(select c.name from engine.columns((object).workspace_id, array[(object).id]) c where c.generated_kind = 'kept')), ', ' order by s.n) || ', ''{}'')'
  from (values (1, format('%I.record_events', schema_name)), (2, format('%I.events_of(%L, c.record_id)', schema_name, (object).id))) s (n, source)
$$;

create or replace function engine.as_of_query(caller name, schema_name text, row_type regtype, moment timestamptz, only_where jsonb) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_object metadata.objects := engine.object_of_rows(caller, schema_name, row_type);
  v_table regclass := format('%I.%I', schema_name, v_object.table_name)::regclass;
  v_policy text := engine.read_policy(caller, v_table);
  v_standing text;
  v_rebuilt text;
  v_former text;
  v_only text;
begin
  if moment is null then
    raise exception 'As of which moment?' using errcode = 'RV195', hint = 'Give a date or a time, such as 2026-11-01 or 2026-11-01T09:30:00Z.';
  end if;
  select string_agg(engine.past_column(a, false, has_column_privilege(caller, a.attrelid, a.attnum, 'select')), ', ' order by a.attnum),
    string_agg(engine.past_column(a, true, has_column_privilege(caller, a.attrelid, a.attnum, 'select')), ', ' order by a.attnum),
    string_agg(format('%I = %L::%s', a.attname, only_where ->> a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)), ' and ') filter (where only_where ? a.attname),
    string_agg(engine.former_column(a), ', ' order by a.attnum)
  into v_standing, v_rebuilt, v_only, v_former
  from pg_catalog.pg_attribute a where a.attrelid = v_table and a.attnum > 0 and not a.attisdropped;
  if moment < now() - engine.event_retention(v_object.workspace_id) then
    raise exception 'The history does not reach back to %.', to_char(moment at time zone 'UTC', 'YYYY-MM-DD') using errcode = 'RV195',
      hint = format('It is kept since %s.', to_char((now() - engine.event_retention(v_object.workspace_id)) at time zone 'UTC', 'YYYY-MM-DD'));
  end if;
  v_only := coalesce(v_only, 'true');
  return format($sql$
    with told as materialized (
      select e.record_id, (array_agg(e.action order by e.batch desc, e.seq desc))[count(*)] in ('updated', 'deleted', 'merged') as was_there,
        coalesce(engine.former_values(%6$s order by e.batch desc, e.seq desc), '{}') as former
      from %1$I.events_since(%3$L, %4$L) e
      where e.action in ('created', 'restored', 'updated', 'deleted', 'merged', 'destroyed') and %7$s
      group by e.record_id
    ), changed as materialized (
      select c.record_id, c.former || case when (select count(*) from told) <= 5000 then %12$s else %13$L::jsonb end as former
      from told c where c.was_there
    )
    select %8$s from %2$s t where not exists (select from told c where c.record_id = t.id) and %10$s and %5$s
    union all
    select %9$s from (
      select %14$s from changed c left join %15$s p on p.id = c.record_id
    ) t where %10$s and %5$s %11$s$sql$,
    schema_name, v_table, v_object.id, moment, v_policy, engine.reading_of(v_object, 'before'),
    case when only_where ? 'id' then format('e.record_id = %L', only_where ->> 'id') else 'true' end, v_standing, v_rebuilt, v_only,
    -- What is not seen now is not seen as it was; of what was destroyed nothing is left to ask the rules of.
    case when v_policy = 'true' then '' else format($sql$
      and (exists (select from %2$s n where n.id = t.id and %4$s)
        or exists (select from %1$I.trash d where d.object_id = %3$L and d.record_id = t.id and exists (select from jsonb_populate_record(null::%2$s, d.data) n where %4$s)))$sql$,
      schema_name, v_table, v_object.id, v_policy) end,
    engine.past_touch(v_object, schema_name, moment),
    '{"updated_at": null, "updated_by_source": null, "updated_by_member_id": null, "updated_by_name": null}', v_former,
    -- Nobody can tell how many were changed: as the whole table is read anyway, it is once more, rather than by an index record after record.
    case when only_where is null then format('(select * from %s offset 0)', v_table) else v_table::text end);
end
$$;
comment on function engine.as_of_query(name, text, regtype, timestamptz, jsonb) is
  'The records of a table as they were at a moment, as a query of the owner''s that shows what a caller may read; only those with the values of only_where.';

-- A setting nobody can forge, also within functions of the owner: the role that the session has taken.
create or replace function engine.acting_role() returns name
language sql stable
  return case current_setting('role') when 'none' then session_user else current_setting('role') end::name;
