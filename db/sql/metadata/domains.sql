-- Own domains of the workspace, for who has the permission WORKSPACE. The server looks for the record that proves one.

create or replace function engine.assert_keeps_domains() returns uuid
language plpgsql stable set search_path = ''
as $$
declare
  v_workspace uuid := engine.own_workspace();
begin
  perform engine.assert_manages(v_workspace, 'WORKSPACE');
  return v_workspace;
end
$$;

create or replace function engine.open_domain(id uuid) returns core.workspace_domains
language plpgsql volatile set search_path = ''
as $$
declare
  v_workspace uuid := engine.assert_keeps_domains();
  v_domain core.workspace_domains;
begin
  select * into v_domain from core.workspace_domains d where d.id = open_domain.id and d.workspace_id = v_workspace and d.removed_at is null for update;
  if not found then
    raise exception 'There is no such domain.' using errcode = 'RV239', hint = 'It may have been removed meanwhile.';
  end if;
  return v_domain;
end
$$;

create or replace function metadata.own_domains() returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.assert_keeps_domains();
begin
  return coalesce((select jsonb_agg(jsonb_build_object('id', d.id, 'host', d.host, 'record', '_relvar.' || d.host, 'token', d.token, 'provedAt', d.proved_at,
      'checkedAt', d.checked_at, 'isPrimary', d.is_primary) order by d.created_at, d.id)
    from core.workspace_domains d where d.workspace_id = v_workspace and d.removed_at is null), '[]');
end
$$;
comment on function metadata.own_domains() is
  'The own domains of the workspace: [{id, host, record: the name of the TXT record that proves it, token: what the record says, provedAt, checkedAt, isPrimary}].';

create or replace function metadata.add_own_domain(host text) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_workspace uuid := engine.assert_keeps_domains();
  v_host text := rtrim(lower(btrim(coalesce(add_own_domain.host, ''))), '.');
begin
  -- A name of at least two labels whose last has a letter, which no address has, and no name that the Internet's DNS does not know.
  if length(v_host) > 240 or v_host !~ '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+([a-z]{2,63}|xn--[a-z0-9-]{1,59})$'
    or v_host ~ '\.(localhost|local|internal|lan|home|invalid|arpa|onion)$' then
    raise exception '"%" cannot be the domain of a workspace.', left(add_own_domain.host, 100) using errcode = 'RV237', column = 'host',
      hint = 'Give a name such as crm.acme.com, without https:// and without a port; one with other letters in its form xn--….';
  end if;
  -- Two who add at once are counted one after the other.
  perform pg_advisory_xact_lock(hashtextextended('domains ' || v_workspace, 0));
  if (select count(*) from core.workspace_domains d where d.workspace_id = v_workspace and d.removed_at is null) >= 10 then
    raise exception 'A workspace has at most ten domains.' using errcode = 'RV239', hint = 'Remove one that is not used any more.';
  end if;
  if exists (select from core.workspace_domains d where d.host = v_host and d.removed_at is null and (d.workspace_id = v_workspace or d.proved_at is not null)) then
    raise exception '% is a domain of a workspace already.', v_host using errcode = 'RV238', column = 'host', hint = 'It must be removed there first.';
  end if;
  insert into core.workspace_domains (workspace_id, host, token) values (v_workspace, v_host, 'relvar-' || core.random_token());
  perform engine.note_security_event('DOMAIN_ADDED', jsonb_build_object('domain', v_host));
  return metadata.own_domains();
end
$$;
comment on function metadata.add_own_domain(text) is
  'Adds an own domain. It is answered once POST /domains/check has found the TXT record that metadata.own_domains() tells of.';

create or replace function metadata.begin_own_domain_check(id uuid) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_domain core.workspace_domains := engine.open_domain(begin_own_domain_check.id);
begin
  if not core.count_attempt('check domains ' || v_domain.workspace_id, 60, '1 hour') then
    raise exception 'The domains of this workspace were checked 60 times within an hour.' using errcode = 'RV239', hint = 'DNS records take a while to be seen. Wait some minutes.';
  end if;
  return jsonb_build_object('host', v_domain.host, 'record', '_relvar.' || v_domain.host, 'token', v_domain.token);
end
$$;
comment on function metadata.begin_own_domain_check(uuid) is 'What to look for to prove a domain: {host, record, token}. POST /domains/check asks it and looks.';

create or replace function metadata.set_primary_domain(id uuid default null) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_workspace uuid := engine.assert_keeps_domains();
  v_domain core.workspace_domains;
begin
  if set_primary_domain.id is not null then
    v_domain := engine.open_domain(set_primary_domain.id);
    if v_domain.proved_at is null then
      raise exception '% is not proved yet.', v_domain.host using errcode = 'RV239', hint = 'Set the TXT record and check it first.';
    end if;
  end if;
  update core.workspace_domains d set is_primary = false where d.workspace_id = v_workspace and d.is_primary;
  update core.workspace_domains d set is_primary = true where d.id = v_domain.id;
  perform engine.note_security_event('DOMAIN_LEADS', jsonb_strip_nulls(jsonb_build_object('domain', v_domain.host)));
  return metadata.own_domains();
end
$$;
comment on function metadata.set_primary_domain(uuid) is
  'Which proved domain is the address of the workspace, that links in mails name; without one it is the address that the server gives it. The others are answered all the same.';

create or replace function metadata.remove_own_domain(id uuid) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_domain core.workspace_domains := engine.open_domain(remove_own_domain.id);
begin
  if v_domain.proved_at is null then
    delete from core.workspace_domains d where d.id = v_domain.id;
  else
    update core.workspace_domains d set removed_at = now(), is_primary = false where d.id = v_domain.id;
  end if;
  perform engine.note_security_event('DOMAIN_REMOVED', jsonb_build_object('domain', v_domain.host));
  return metadata.own_domains();
end
$$;
comment on function metadata.remove_own_domain(uuid) is 'Takes a domain from the workspace: it is answered no more, at once. To have it again it is proved anew.';

grant execute on function metadata.own_domains(), metadata.add_own_domain(text), metadata.begin_own_domain_check(uuid), metadata.set_primary_domain(uuid), metadata.remove_own_domain(uuid) to relvar_crm;
