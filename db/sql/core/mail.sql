-- Mail leaves by the outbox: whoever has something to say writes a row, and a job of the worker writes
-- and sends the letter. So a mail is committed together with what it tells of, or neither is.

create or replace function core.is_email(address text) returns boolean
language sql immutable parallel safe set search_path = ''
  -- Stricter than what mail permits: nothing that a header or a list of addresses could be made of.
  return address ~ '^[^@\s[:cntrl:]<>()\[\],;:"\\]+@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$' and length(address) <= 254;

-- In the language that the address reads: that of its account, also of one that has another address by now, or else that of who has it sent.
create or replace function core.language_of_reader(to_address text, former text) returns text
language sql stable set search_path = ''
as $$
  select coalesce((select u.locale from core.users u where lower(u.email) in (lower(language_of_reader.to_address), lower(language_of_reader.former)) limit 1),
    (select u.locale from core.members m join core.users u on u.id = m.user_id where m.id = engine.current_member()), 'en')
$$;

create or replace function core.queue_mail(to_address text, template text, props jsonb default '{}', workspace_id uuid default null, locale text default null) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_id uuid;
begin
  if core.is_email(to_address) is not true then
    raise exception '"%" is not an e-mail address.', to_address using errcode = 'RV043', column = 'email';
  end if;
  insert into core.mail_outbox (to_address, template, props, workspace_id, locale)
  values (queue_mail.to_address, queue_mail.template, queue_mail.props, queue_mail.workspace_id,
    coalesce(queue_mail.locale, core.language_of_reader(queue_mail.to_address, queue_mail.props ->> 'email')))
  returning id into v_id;
  -- Mails come at the pace of people, so the lock that adding a job takes at commit is no matter.
  perform graphile_worker.add_job('mail__send', json_build_object('id', v_id, 'workspace_id', queue_mail.workspace_id), max_attempts => 10, job_key => 'mail:' || v_id);
  return v_id;
end
$$;
comment on function core.queue_mail(text, text, jsonb, uuid, text) is
  'Has the worker send a mail made of a template (worker/mail/templates.ts) and its props, in the language of its reader unless another is given. It leaves only if the transaction commits.';

-- The time zone of whoever reads a mail: that of their profile in the workspace that it is about, or else in the one that they
-- used last. Null where nobody has said one. `former` finds who has another address by now.
create or replace function core.time_zone_of_reader(to_address text, former text, workspace_id uuid) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_member record;
  v_zone text;
begin
  for v_member in
    select m.id, w.schema_name
    from core.users u join core.members m on m.user_id = u.id and m.is_active join core.workspaces w on w.id = m.workspace_id
    where lower(u.email) in (lower(time_zone_of_reader.to_address), lower(time_zone_of_reader.former))
    order by (m.workspace_id = time_zone_of_reader.workspace_id) is true desc,
      (select max(s.last_used_at) from core.sessions s where s.user_id = u.id and s.workspace_id = m.workspace_id and s.impersonator_user_id is null) desc nulls last
  loop
    execute format('select nullif(t.time_zone, ''system'') from %I.workspace_members t where t.id = $1', v_member.schema_name) into v_zone using v_member.id;
    if v_zone is not null then
      return v_zone;
    end if;
  end loop;
  return null;
exception when undefined_table or undefined_column then
  -- A workspace whose model is being changed at this moment is no reason to keep a mail back.
  return null;
end
$$;

create or replace function core.mail_to_send(id uuid)
returns table (to_address text, template text, props jsonb, locale text, workspace_name text, workspace_slug text, time_zone text)
language sql stable security definer set search_path = ''
as $$
  select m.to_address, m.template, m.props, m.locale, w.name, w.slug, core.time_zone_of_reader(m.to_address, m.props ->> 'email', m.workspace_id)
  from core.mail_outbox m left join core.workspaces w on w.id = m.workspace_id
  where m.id = mail_to_send.id and m.sent_at is null and m.kept_at is null and m.failed_at is null
$$;

-- A letter that was sent or given up is not needed any more, and it may hold a link that signs somebody in.
create or replace function core.note_mail_sent(id uuid, subject text) returns void
language sql volatile security definer set search_path = ''
as $$
  update core.mail_outbox m set sent_at = now(), attempts = m.attempts + 1, subject = note_mail_sent.subject, props = '{}', error = null
  where m.id = note_mail_sent.id
$$;

create or replace function core.note_mail_kept(id uuid, subject text, html text, body_text text) returns void
language sql volatile security definer set search_path = ''
as $$
  update core.mail_outbox m set kept_at = now(), subject = note_mail_kept.subject, html = note_mail_kept.html, body_text = note_mail_kept.body_text, props = '{}'
  where m.id = note_mail_kept.id
$$;

create or replace function core.note_mail_failure(id uuid, error text, is_final boolean) returns void
language sql volatile security definer set search_path = ''
as $$
  update core.mail_outbox m set attempts = m.attempts + 1, error = note_mail_failure.error,
    failed_at = case when is_final then now() end, props = case when is_final then '{}' else m.props end
  where m.id = note_mail_failure.id and m.sent_at is null
$$;

create or replace function core.purge_mail() returns int
language sql volatile security definer set search_path = ''
as $$
  with gone as (delete from core.mail_outbox m where m.queued_at < now() - interval '30 days' returning 1)
  select count(*)::int from gone
$$;

grant execute on function core.mail_to_send(uuid), core.note_mail_sent(uuid, text), core.note_mail_kept(uuid, text, text, text),
  core.note_mail_failure(uuid, text, boolean), core.purge_mail() to relvar_worker;

-- For the page that shows what was kept, which only a server in development has.
create or replace function core.kept_mail(max_mails int default 100) returns table (id uuid, to_address text, template text, subject text, html text, body_text text, queued_at timestamptz, kept_at timestamptz, error text)
language sql stable security definer set search_path = ''
as $$
  select m.id, m.to_address, m.template, m.subject, m.html, m.body_text, m.queued_at, m.kept_at, m.error
  from core.mail_outbox m order by m.queued_at desc, m.id desc limit max_mails
$$;
grant execute on function core.kept_mail(int) to relvar_server;
