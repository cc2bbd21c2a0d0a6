-- Mails about what was not seen in the application: when it is due, one mail for all that is due for a member.

create or replace function core.members_to_mail(max_members int default 200) returns setof uuid
language sql stable security definer set search_path = ''
as $$ select distinct n.member_id from core.notifications n where n.mail_at <= now() limit max_members $$;

-- Nothing is mailed twice: what is in the mail stops being due in the transaction that puts the mail into the outbox.
create or replace function core.mail_notifications(member_id uuid) returns int
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_member record;
  v_items jsonb;
  v_total int;
begin
  select m.id, m.workspace_id, u.email, u.locale, m.is_active into v_member from core.members m join core.users u on u.id = m.user_id where m.id = mail_notifications.member_id;
  with due as (
    select n.id from core.notifications n where n.member_id = mail_notifications.member_id and n.mail_at <= now() for update skip locked
  ), taken as (
    update core.notifications n set mail_at = null, mailed_at = case when n.read_at is null and n.archived_at is null then now() end
    from due where n.id = due.id
    returning n.*
  ), unseen as (
    select array_agg(t.id) as ids from taken t where t.read_at is null and t.archived_at is null
  )
  select jsonb_agg(i.item order by i.item ->> 'createdAt' desc), count(*) into v_items, v_total
  from unseen u cross join lateral engine.notification_items(mail_notifications.member_id, u.ids) i (id, item);
  if v_total = 0 or not v_member.is_active then
    return 0;
  end if;
  perform core.queue_mail(v_member.email, 'notifications', jsonb_build_object('total', v_total,
    'items', (select jsonb_agg(e order by n) from jsonb_array_elements(v_items) with ordinality x (e, n) where n <= 30)), v_member.workspace_id, v_member.locale);
  return v_total;
end
$$;
comment on function core.mail_notifications(uuid) is 'Puts one mail into the outbox with what is due for a member and was not read yet. Returns how much that was.';

-- What was read is kept for 90 days, and everything for a year.
create or replace function core.purge_notifications(max_rows int default 10000) returns int
language sql volatile security definer set search_path = ''
as $$
  with gone as (
    delete from core.notifications n where n.id in (
      select o.id from core.notifications o
      where o.created_at < now() - interval '90 days' and (o.read_at is not null or o.archived_at is not null or not o.is_in_app or o.created_at < now() - interval '1 year')
      limit max_rows)
    returning 1
  )
  select count(*)::int from gone
$$;

grant execute on function core.members_to_mail(int), core.mail_notifications(uuid), core.purge_notifications(int) to relvar_worker;
