-- What members see of their notifications, and how they want them. A member's alone: who looks as a member or acts as one
-- finds them closed.

create or replace function engine.notified_member() returns uuid
language sql stable set search_path = ''
  return case when engine.seen_by() is null and nullif(current_setting('relvar.impersonator_id', true), '') is null then engine.current_member() end;

create or replace function engine.assert_notified_member() returns uuid
language plpgsql stable set search_path = ''
as $$
declare
  v_member uuid := engine.notified_member();
begin
  if v_member is null then
    raise exception 'Notifications are a member''s own.' using errcode = '42501', hint = 'Sign in as the member.';
  end if;
  return v_member;
end
$$;

-- Of these notifications those that the member may see: what is about a record that the member may not read any more, or about a comment
-- that was removed, is not shown.
create or replace function engine.notification_items(member_id uuid, ids uuid[]) returns table (id uuid, item jsonb)
language plpgsql stable set search_path = ''
as $$
declare
  v_schema text := (select w.schema_name from core.members m join core.workspaces w on w.id = m.workspace_id where m.id = notification_items.member_id);
begin
  if v_schema is null or coalesce(cardinality(ids), 0) = 0 then
    return;
  end if;
  return query execute format($sql$
      with chosen as materialized (
        select n.* from core.notifications n where n.member_id = $1 and n.id = any ($2)
      ), labels as materialized (
        select l.* from (select array_agg(c.object_id) as objects, array_agg(c.record_id) as records from (select distinct object_id, record_id from chosen where record_id is not null) c) a
        cross join lateral engine.labels_for($1, a.objects, a.records) l
      )
      select n.id, jsonb_build_object('id', n.id, 'kind', n.kind, 'objectId', n.object_id, 'objectName', o.name_singular, 'objectNamePlural', o.name_plural, 'objectLabel', o.label_singular,
        'recordId', n.record_id, 'label', l.label, 'commentId', n.comment_id, 'excerpt', engine.comment_excerpt(c.body, c.mentions, n.workspace_id),
        'actorId', n.actor_id, 'actorName', n.actor_name, 'detail', n.detail, 'createdAt', n.created_at, 'readAt', n.read_at, 'archivedAt', n.archived_at)
      from chosen n
      left join metadata.objects o on o.id = n.object_id
      left join labels l on l.object_id = n.object_id and l.record_id = n.record_id
      left join %I.record_comments c on c.id = n.comment_id and c.removed_at is null
      where (n.record_id is null or l.record_id is not null) and (n.comment_id is null or c.id is not null)
    $sql$, v_schema) using member_id, ids;
end
$$;

-- The beginning of a comment in one line, with what mentioned members are called now.
create or replace function engine.comment_excerpt(body text, mentions jsonb, workspace_id uuid) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_text text := left(body, 400);
  r record;
begin
  for r in
    select i as id, coalesce(nullif(m.name, ''), mentions ->> i::text, 'somebody') as name
    from unnest(engine.mentioned_ids(v_text)) i left join core.members m on m.id = i and m.workspace_id = comment_excerpt.workspace_id
  loop
    v_text := replace(v_text, '<@' || r.id || '>', '@' || r.name);
  end loop;
  v_text := btrim(regexp_replace(regexp_replace(v_text, '\*\*([^*\n]+)\*\*|`([^`\n]+)`', '\1\2', 'g'), '\s+', ' ', 'g'));
  return case when length(v_text) > 160 then left(v_text, 159) || '…' else v_text end;
end
$$;

create or replace function metadata.my_notifications(which text default 'ALL', kinds text[] default null, before uuid default null, max_results int default 30) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_member uuid := engine.notified_member();
  v_limit int := least(greatest(coalesce(max_results, 30), 1), 100);
  v_ids uuid[];
begin
  if coalesce(which, '') not in ('ALL', 'UNREAD', 'ARCHIVED') then
    raise exception 'There are no such notifications: "%".', which using errcode = 'RV223', column = 'which', hint = 'ALL, UNREAD or ARCHIVED.';
  end if;
  v_ids := array(
    select n.id from core.notifications n
    where n.member_id = v_member and n.is_in_app and (n.archived_at is not null) = (which = 'ARCHIVED') and (which <> 'UNREAD' or n.read_at is null)
      and (my_notifications.kinds is null or n.kind = any (my_notifications.kinds))
      and (before is null or (n.created_at, n.id) < (select b.created_at, b.id from core.notifications b where b.id = before and b.member_id = v_member))
    order by n.created_at desc, n.id desc limit v_limit);
  return jsonb_build_object(
    'items', coalesce((select jsonb_agg(i.item order by u.n) from unnest(v_ids) with ordinality u (id, n) join engine.notification_items(v_member, v_ids) i on i.id = u.id), '[]'),
    -- Where to go on; what may not be shown leaves gaps.
    'next', case when cardinality(v_ids) = v_limit then v_ids[v_limit] end);
end
$$;
comment on function metadata.my_notifications(text, text[], uuid, int) is
  'Notifications of the member who asks, the latest first: {items, next}. which: ALL (that are not archived), UNREAD or ARCHIVED; before: the value of next. Empty for who is no member.';

create or replace function metadata.my_unread_notifications() returns int
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_member uuid := engine.notified_member();
begin
  -- Beyond a hundred nobody counts.
  return (select count(*) from engine.notification_items(v_member, array(
    select n.id from core.notifications n where n.member_id = v_member and n.is_in_app and n.read_at is null and n.archived_at is null order by n.created_at desc limit 100)));
end
$$;
comment on function metadata.my_unread_notifications() is 'How many notifications the member who asks has not read, up to 100.';

create or replace function metadata.mark_notifications(ids uuid[] default null, is_read boolean default true) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_member uuid := engine.assert_notified_member();
  v_count int;
begin
  update core.notifications n set read_at = case when coalesce(is_read, true) then now() end
  where n.member_id = v_member and (mark_notifications.ids is null or n.id = any (mark_notifications.ids)) and (n.read_at is not null) <> coalesce(is_read, true);
  get diagnostics v_count = row_count;
  if v_count > 0 then
    perform core.wake_members((select m.workspace_id from core.members m where m.id = v_member), array[v_member]);
  end if;
  return v_count;
end
$$;
comment on function metadata.mark_notifications(uuid[], boolean) is 'Marks own notifications as read or as unread; without ids all of them. What was read is not mailed any more. Returns how many changed.';

create or replace function metadata.archive_notifications(ids uuid[] default null, is_archived boolean default true) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_member uuid := engine.assert_notified_member();
  v_count int;
begin
  -- Without ids what was read is put away.
  update core.notifications n set archived_at = case when coalesce(is_archived, true) then now() end
  where n.member_id = v_member and (n.archived_at is not null) <> coalesce(is_archived, true)
    and case when archive_notifications.ids is null then n.read_at is not null else n.id = any (archive_notifications.ids) end;
  get diagnostics v_count = row_count;
  if v_count > 0 then
    perform core.wake_members((select m.workspace_id from core.members m where m.id = v_member), array[v_member]);
  end if;
  return v_count;
end
$$;
comment on function metadata.archive_notifications(uuid[], boolean) is 'Puts own notifications away, or takes them out again; without ids all that were read. Returns how many changed.';

create or replace function metadata.my_notification_settings() returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_member uuid := engine.notified_member();
begin
  if v_member is null then
    return null;
  end if;
  return jsonb_build_object(
    'frequency', coalesce((select s.frequency from core.digest_settings s where s.member_id = v_member), 'DAILY'),
    'hour', coalesce((select s.hour from core.digest_settings s where s.member_id = v_member), 8),
    'kinds', (select jsonb_agg(jsonb_build_object('kind', k.kind, 'label', k.label, 'description', k.description,
        'isInApp', coalesce(p.is_in_app, k.is_in_app), 'mail', coalesce(p.mail, k.mail)) order by k.n)
      from core.notification_kinds() with ordinality k (kind, label, description, is_in_app, mail, n)
      left join core.notification_preferences p on p.kind = k.kind and p.member_id = v_member));
end
$$;
comment on function metadata.my_notification_settings() is
  'How the member who asks is notified: {frequency, hour, kinds: [{kind, label, description, isInApp, mail}]}. mail: NOW, DIGEST or OFF. Null for who is no member.';

create or replace function metadata.choose_notification(kind text, is_in_app boolean default null, mail text default null) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_member uuid := engine.assert_notified_member();
  v_kind record;
begin
  select * into v_kind from core.notification_kinds() k where k.kind = choose_notification.kind;
  if not found then
    raise exception 'There is no kind of notification "%".', choose_notification.kind using errcode = 'RV224', column = 'kind', hint = 'myNotificationSettings lists them.';
  end if;
  if choose_notification.mail not in ('NOW', 'DIGEST', 'OFF') then
    raise exception 'Mails come NOW, in the DIGEST or not at all (OFF), not "%".', choose_notification.mail using errcode = 'RV224', column = 'mail', hint = 'Choose one of the three.';
  end if;
  insert into core.notification_preferences as p (member_id, kind, is_in_app, mail)
  values (v_member, v_kind.kind, coalesce(choose_notification.is_in_app, v_kind.is_in_app), coalesce(choose_notification.mail, v_kind.mail))
  on conflict (member_id, kind) do update set is_in_app = coalesce(choose_notification.is_in_app, p.is_in_app), mail = coalesce(choose_notification.mail, p.mail);
  if choose_notification.mail = 'OFF' then
    update core.notifications n set mail_at = null where n.member_id = v_member and n.kind = v_kind.kind and n.mail_at is not null;
  end if;
  return metadata.my_notification_settings();
end
$$;
comment on function metadata.choose_notification(text, boolean, text) is 'Says how the member who asks is told of one kind: in the application, and by mail NOW, in the DIGEST, or OFF. What is not given stays.';

create or replace function metadata.choose_digest(frequency text default null, hour int default null) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_member uuid := engine.assert_notified_member();
begin
  if choose_digest.frequency not in ('DAILY', 'HOURLY') or choose_digest.hour not between 0 and 23 then
    raise exception 'A digest comes DAILY at an hour from 0 to 23, or HOURLY.' using errcode = 'RV224', column = case when choose_digest.hour not between 0 and 23 then 'hour' else 'frequency' end,
      hint = 'Its hour is one of the time zone of your profile.';
  end if;
  insert into core.digest_settings as s (member_id, frequency, hour) values (v_member, coalesce(choose_digest.frequency, 'DAILY'), coalesce(choose_digest.hour, 8))
  on conflict (member_id) do update set frequency = coalesce(choose_digest.frequency, s.frequency), hour = coalesce(choose_digest.hour, s.hour);
  return metadata.my_notification_settings();
end
$$;
comment on function metadata.choose_digest(text, int) is 'Says when the digest of the member who asks leaves: DAILY at an hour of the member''s time zone, or HOURLY. Holds for what comes from now on.';

grant execute on function metadata.my_notifications(text, text[], uuid, int), metadata.my_unread_notifications(), metadata.mark_notifications(uuid[], boolean),
  metadata.archive_notifications(uuid[], boolean), metadata.my_notification_settings(), metadata.choose_notification(text, boolean, text), metadata.choose_digest(text, int) to relvar_crm;
