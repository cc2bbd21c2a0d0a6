-- Members who are mentioned in a text of a record, such as a note, in the form that comments have: <@id>. Any field of type RICH_TEXT is one to look at; its
-- markdown has the form as it stands. Writers do nothing for it: the event log says whose mention came.

create or replace function core.mention_columns(workspace_id uuid, object_ids uuid[]) returns table (object metadata.objects, field_id uuid, name text)
language sql stable set search_path = ''
as $$
  select o, f.id, c.name
  from metadata.objects o
  join metadata.fields f on f.object_id = o.id and f.type = 'RICH_TEXT' and f.is_active and f.deleted_at is null
  join engine.field_columns(mention_columns.workspace_id, object_ids) c on c.field_id = f.id and c.name = engine.snake_case(f.name) || '_markdown'
  where o.id = any (object_ids) and o.is_active and o.deleted_at is null
$$;

-- For the relay: one job for all of a workspace's statements of a round that wrote records with such texts.
create or replace function core.queue_mentioned(taken engine.outbox[]) returns void
language sql volatile set search_path = ''
as $$
  select graphile_worker.add_job('notifications__mentioned', json_build_object('workspace_id', t.workspace_id, 'batches', json_agg(t.batch)))
  from unnest(taken) t
  where t.action in ('created', 'updated') and exists (select from metadata.fields f where f.object_id = t.object_id and f.type = 'RICH_TEXT' and f.is_active and f.deleted_at is null)
  group by t.workspace_id
$$;

-- Each is told once of a text, however often it is edited, and as long as it mentions them; and only who may read the record and that field. More than ten of one
-- statement are one line.
create or replace function core.notify_mentioned(workspace_id uuid, batches bigint[]) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_schema text := (select w.schema_name from core.workspaces w where w.id = workspace_id);
  v_objects uuid[];
  v_count int := 0;
  v_rows int;
  v_text record;
  r record;
begin
  if v_schema is null then
    return 0;
  end if;
  execute format('select array_agg(distinct e.object_id) from %I.record_events e where e.batch = any ($1)', v_schema) into v_objects using batches;
  for v_text in select c.object, c.field_id, c.name, format('%I.%I', v_schema, (c.object).table_name) as table_name from core.mention_columns(workspace_id, v_objects) c loop
    for r in execute format($sql$
        select e.batch, m.id as member_id, i.pg_role, e.actor_type, e.actor_id, e.actor_name, array_agg(distinct e.record_id) as records
        from %1$I.record_events e
        cross join lateral unnest(engine.mentioned_ids(e.after ->> %2$L)) n (id)
        join core.members m on m.id = n.id and m.workspace_id = $3 and m.is_active
        join metadata.roles i on i.id = m.role_id
        where e.batch = any ($1) and e.object_id = $2 and e.action in ('created', 'updated') and strpos(e.after ->> %2$L, '<@') > 0
          and n.id <> all (engine.mentioned_ids(coalesce(e.before ->> %2$L, '')))
          and not (e.actor_type = 'member' and e.actor_id = m.id)
        group by 1, 2, 3, 4, 5, 6
      $sql$, v_schema, v_text.name) using batches, (v_text.object).id, workspace_id
    loop
      continue when not has_column_privilege(r.pg_role, v_text.table_name, v_text.name, 'select');
      execute format($sql$
          with seen as (
            select t.id, count(*) over () as number from %1$s t
            where t.id = any ($1) and $9 = any (engine.mentioned_ids(t.%2$I)) and %3$s
              and not exists (select from core.notifications n where n.member_id = $9 and n.key = 'mention:' || $10 || ':' || t.id)
          ), lines as (
            select s.id, null::bigint as number from seen s where s.number <= $2
            union all
            select null, max(s.number) from seen s having max(s.number) > $2
          )
          insert into core.notifications (workspace_id, member_id, kind, object_id, record_id, detail, key, actor_id, actor_name, is_in_app, mail_at)
          select $3, c.member_id, 'MENTION', $4, l.id, case when l.id is null then jsonb_build_object('count', l.number) else '{}' end,
            'mention:' || $10 || ':' || coalesce(l.id::text, $5::text), case when $6 = 'member' then $7 end, case when $6 not in ('system', 'psql') then $8 end, c.is_in_app, c.mail_at
          from lines l cross join core.notification_choices($3, array[$9], 'MENTION') c
          on conflict do nothing
        $sql$, v_text.table_name, v_text.name, engine.condition_of(r.pg_role, (v_text.object).id, 'READ', 't.', r.member_id))
      using r.records, core.told_one_by_one(), workspace_id, (v_text.object).id, r.batch, r.actor_type, r.actor_id, r.actor_name, r.member_id, v_text.field_id;
      get diagnostics v_rows = row_count;
      if v_rows > 0 then
        perform core.wake_members(workspace_id, array[r.member_id]);
      end if;
      v_count := v_count + v_rows;
    end loop;
  end loop;
  return v_count;
end
$$;
comment on function core.notify_mentioned(uuid, bigint[]) is 'Tells members which texts of records others mentioned them in, in these statements. Doing it again tells nobody again.';
grant execute on function core.notify_mentioned(uuid, bigint[]) to relvar_worker;
