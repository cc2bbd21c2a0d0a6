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
