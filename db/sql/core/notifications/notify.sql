-- What members are told: what happened, in the application and by mail, as each has chosen. What concerns a record is
-- told only to who may read it, and its name is read when it is shown, with the reader's rights of that moment.

create or replace function core.notification_kinds() returns table (kind text, label text, description text, is_in_app boolean, mail text)
language sql immutable parallel safe set search_path = ''
as $$
  select * from (values
    ('TASK_ASSIGNED', 'Assigned tasks', 'Somebody gives you a task.', true, 'DIGEST'),
    ('TASK_DUE', 'Due tasks', 'A task of yours is due today, or is overdue.', true, 'DIGEST'),
    ('MENTION', 'Mentions', 'Somebody mentions you in a comment or a note.', true, 'NOW'),
    ('REPLY', 'Replies', 'Somebody answers in a thread that you wrote in.', true, 'DIGEST'),
    ('SHARED', 'Shared records', 'Somebody shares a record with you, a team of yours or your role.', true, 'DIGEST'),
    ('IMPORT_FINISHED', 'Finished imports', 'An import that you began has ended.', true, 'OFF'),
    ('EXPORT_FAILED', 'Exports that fail', 'An export of yours that comes again failed, or was stopped.', true, 'NOW'),
    ('WEBHOOK_DISABLED', 'Webhooks that were switched off', 'A webhook failed for too long.', true, 'NOW'),
    ('SYNC_ERROR', 'Synchronisation that fails', 'A connected account cannot be read any more.', true, 'NOW')
  ) as k (kind, label, description, is_in_app, mail)
$$;

-- When the next digest leaves after a moment: at each full hour, or once a day at an hour of the member's time zone.
create or replace function core.next_digest(frequency text, hour int, zone text, after timestamptz) returns timestamptz
language sql stable set search_path = ''
as $$
  select case frequency
    when 'HOURLY' then date_trunc('hour', next_digest.after) + interval '1 hour'
    else (select min(d.at) from (
      select (date_trunc('day', next_digest.after at time zone zone) + make_interval(days => i, hours => hour)) at time zone zone as at
      from generate_series(0, 2) i) d where d.at > next_digest.after) end
$$;

-- "system" and what this server does not know are UTC. Tried, since the list of all zones takes long to read.
create or replace function core.zone_or_utc(name text) returns text
language plpgsql stable set search_path = ''
as $$
begin
  perform now() at time zone name;
  return coalesce(name, 'UTC');
exception when invalid_parameter_value then
  return 'UTC';
end
$$;

-- What each of these members of one workspace has chosen for a kind (of webhooks a letter of its own goes at once). Those who want nothing, and those who are kept out, are left out.
create or replace function core.notification_choices(workspace_id uuid, members uuid[], kind text)
returns table (member_id uuid, is_in_app boolean, mail_at timestamptz)
language plpgsql stable set search_path = ''
as $$
begin
  return query execute format($sql$
      select m.id, c.is_in_app,
        case when c.mail = 'NOW' and $3 <> 'WEBHOOK_DISABLED' then now() + interval '1 minute' when c.mail = 'DIGEST' then core.next_digest(coalesce(s.frequency, 'DAILY'), coalesce(s.hour, 8), core.zone_or_utc(t.time_zone), now()) end
      from core.members m
      join %I.workspace_members t on t.id = m.id
      join core.notification_kinds() k on k.kind = $3
      left join core.notification_preferences p on p.member_id = m.id and p.kind = $3
      left join core.digest_settings s on s.member_id = m.id
      cross join lateral (select coalesce(p.is_in_app, k.is_in_app) as is_in_app, coalesce(p.mail, k.mail) as mail) c
      where m.workspace_id = $1 and m.id = any ($2) and m.is_active and (c.is_in_app or c.mail <> 'OFF')
    $sql$, (select w.schema_name from core.workspaces w where w.id = workspace_id))
  using workspace_id, members, kind;
end
$$;

-- Whether a member may read one record, whoever asks.
create or replace function engine.member_reads(member_id uuid, object_id uuid, record_id uuid) returns boolean
language plpgsql stable set search_path = ''
as $$
begin
  return exists (select from engine.labels_for(member_id, array[object_id], array[record_id]));
end
$$;

-- Of these records those that a member may read now, by the names that the member may read.
create or replace function engine.labels_for(member_id uuid, object_ids uuid[], record_ids uuid[]) returns table (object_id uuid, record_id uuid, label text)
language plpgsql stable set search_path = ''
as $$
declare
  r record;
begin
  for r in
    select o as object, w.schema_name, i.pg_role, array_agg(u.record) as records
    from unnest(object_ids, record_ids) u (object, record)
    join metadata.objects o on o.id = u.object and o.is_active and o.deleted_at is null
    join core.members m on m.id = labels_for.member_id and m.workspace_id = o.workspace_id and m.is_active
    join metadata.roles i on i.id = m.role_id
    join core.workspaces w on w.id = o.workspace_id
    group by o, w.schema_name, i.pg_role
  loop
    return query execute format('select $1, t.id, %s from %I.%I t where t.id = any ($2) and %s',
      case when engine.reads_label(r.pg_role, r.schema_name, r.object) then engine.label_expression((r.object).id, 't') else 'null::text' end,
      r.schema_name, (r.object).table_name, engine.condition_of(r.pg_role, (r.object).id, 'READ', 't.', labels_for.member_id))
    using (r.object).id, r.records;
  end loop;
end
$$;

-- Open screens of these members ask again. Once for many, in pieces that a notice can hold.
create or replace function core.wake_members(workspace_id uuid, members uuid[]) returns void
language sql volatile set search_path = ''
as $$
  select pg_notify('relvar_notifications', json_build_object('workspace', workspace_id, 'members', array_agg(m.id))::text)
  from (select id, (row_number() over () - 1) / 100 as piece from (select distinct id from unnest(members) u (id)) d) m
  group by m.piece
$$;

-- Tells members of one workspace something, each at most once where it has a key, and nobody what they did themselves, but that what they
-- began has ended. Returns who was told.
create or replace function core.notify(workspace_id uuid, members uuid[], kind text, object_id uuid default null, record_id uuid default null,
  detail jsonb default '{}', comment_id uuid default null, key text default null, actor engine.actor default engine.current_actor()) returns uuid[]
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_actor_id uuid := case when (actor).type = 'member' then (actor).id end;
  v_told uuid[];
begin
  with told as (
    insert into core.notifications (workspace_id, member_id, kind, object_id, record_id, comment_id, detail, key, actor_id, actor_name, is_in_app, mail_at)
    select notify.workspace_id, c.member_id, notify.kind, notify.object_id, notify.record_id, notify.comment_id, coalesce(notify.detail, '{}'), notify.key,
      v_actor_id, case when (actor).type not in ('system', 'psql') then (actor).name end, c.is_in_app, c.mail_at
    from core.notification_choices(notify.workspace_id, notify.members, notify.kind) c
    where (c.member_id is distinct from v_actor_id or notify.kind = 'IMPORT_FINISHED')
      and (notify.record_id is null or engine.member_reads(c.member_id, notify.object_id, notify.record_id))
    on conflict do nothing
    returning member_id
  )
  select coalesce(array_agg(t.member_id), '{}') into v_told from told t;
  perform core.wake_members(workspace_id, v_told);
  return v_told;
end
$$;
comment on function core.notify(uuid, uuid[], text, uuid, uuid, jsonb, uuid, text, engine.actor) is
  'Tells members of a workspace something: kind is one of core.notification_kinds(), detail what its sentence needs. Of a record only those who may read it are told. With a key each is told once.';

-- Who is mentioned in a comment, and who wrote in its thread. Returns whom a mention does not reach, for the writer.
create or replace function engine.tell_mentioned(schema_name text, object metadata.objects, record_id uuid, comment_id uuid, thread_id uuid, mentioned uuid[]) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_reached uuid[] := array(select i from unnest(mentioned) i where engine.member_reads(i, (object).id, record_id));
  v_others uuid[];
begin
  perform core.notify((object).workspace_id, v_reached, 'MENTION', (object).id, record_id, '{}', comment_id, 'comment:' || comment_id);
  if thread_id is not null then
    execute format('select array_agg(distinct c.author_id) from %I.record_comments c where (c.id = $1 or c.parent_id = $1) and c.author_type = ''member'' and c.removed_at is null and c.author_id <> all ($2)', schema_name)
      into v_others using thread_id, mentioned;
    perform core.notify((object).workspace_id, v_others, 'REPLY', (object).id, record_id, '{}', comment_id, 'comment:' || comment_id);
  end if;
  return coalesce((
    select jsonb_agg(jsonb_build_object('id', m.id, 'name', m.name) order by lower(m.name))
    from core.members m where m.id = any (mentioned) and m.id <> all (v_reached)), '[]');
end
$$;
