-- What server and worker ask about own domains of workspaces.

create or replace function core.known_domains() returns table (host text, slug text, is_primary boolean, is_removed boolean)
language sql stable security definer set search_path = ''
as $$
  select d.host, w.slug, d.is_primary, d.removed_at is not null
  from core.workspace_domains d join core.workspaces w on w.id = d.workspace_id
  where d.proved_at is not null
  -- What is there now counts more than what was.
  order by d.removed_at is null, d.host
$$;
comment on function core.known_domains() is 'The domains that were proved, also those that were removed since: they are answered no more.';

create or replace function core.primary_domain(slug text) returns text
language sql stable security definer set search_path = ''
as $$
  select d.host from core.workspace_domains d join core.workspaces w on w.id = d.workspace_id
  where w.slug = primary_domain.slug and d.is_primary
$$;
comment on function core.primary_domain(text) is 'The own domain that is the address of a workspace; null where it has none.';

create or replace function core.note_domain_check(id uuid, token text, is_found boolean, member_id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_domain core.workspace_domains;
begin
  select * into v_domain from core.workspace_domains d
  -- The record that was looked for may be of a claim that was taken back meanwhile.
  where d.id = note_domain_check.id and d.token = note_domain_check.token and d.removed_at is null for update;
  if not found then
    raise exception 'There is no such domain.' using errcode = 'RV239', hint = 'It may have been removed meanwhile.';
  end if;
  if v_domain.proved_at is not null or not is_found then
    update core.workspace_domains d set checked_at = now() where d.id = v_domain.id;
    return v_domain.proved_at is not null;
  end if;
  update core.workspace_domains d set checked_at = now(), proved_at = now(),
    is_primary = not exists (select from core.workspace_domains o where o.workspace_id = v_domain.workspace_id and o.is_primary)
  where d.id = v_domain.id;
  perform core.note_auth_event('DOMAIN_PROVED', v_domain.workspace_id, (select m.user_id from core.members m where m.id = note_domain_check.member_id),
    detail => jsonb_build_object('domain', v_domain.host));
  return true;
exception when unique_violation then
  raise exception '% belongs to another workspace.', v_domain.host using errcode = 'RV238', hint = 'It must be removed there first.';
end
$$;
comment on function core.note_domain_check(uuid, text, boolean, uuid) is
  'Notes whether the record that proves a domain was found. Once proved it stays so; the first domain that is proved becomes the address of the workspace.';

-- Servers remember the domains. Changes are rare and made by people, so they are told at once.
create or replace function core.tg_workspace_domains__notify() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform pg_notify('relvar_domains', '{}');
  return null;
end
$$;
create or replace trigger _500_notify after insert or update or delete on core.workspace_domains for each statement execute function core.tg_workspace_domains__notify();

grant execute on function core.known_domains(), core.note_domain_check(uuid, text, boolean, uuid) to relvar_server;
grant execute on function core.primary_domain(text) to relvar_server, relvar_worker;
