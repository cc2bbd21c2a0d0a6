-- What SAML keeps besides its providers: our own keys, assertions that were used, and when metadata was read.

-- The newest key signs; all of them decrypt, and all are in our metadata, so that a provider may learn the next one in time.
create or replace function core.saml_keys_of(provider_id uuid) returns table (certificate text, private_key text, created_at timestamptz)
language sql stable security definer set search_path = ''
as $$
  select k.certificate, k.private_key, k.created_at from core.saml_keys k
  where k.provider_id = saml_keys_of.provider_id order by k.created_at desc, k.id
$$;

-- Of several servers that find none at the same moment one makes the first key.
create or replace function core.add_first_saml_key(provider_id uuid, certificate text, private_key text) returns void
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform from core.identity_providers p where p.id = add_first_saml_key.provider_id for no key update;
  if not exists (select from core.saml_keys k where k.provider_id = add_first_saml_key.provider_id) then
    insert into core.saml_keys (provider_id, certificate, private_key)
    values (add_first_saml_key.provider_id, add_first_saml_key.certificate, add_first_saml_key.private_key);
  end if;
end
$$;

-- An assertion is good once, on whichever server it arrives: the primary key says so.
create or replace function core.keep_saml_assertion(provider_id uuid, assertion_id text, good_until timestamptz, ticket_hash bytea, request_id text, content jsonb) returns boolean
language sql volatile security definer set search_path = ''
as $$
  with kept as (
    insert into core.saml_assertions (provider_id, id_hash, good_until, ticket_hash, request_id, content)
    values (keep_saml_assertion.provider_id, sha256(convert_to(assertion_id, 'UTF8')), keep_saml_assertion.good_until, keep_saml_assertion.ticket_hash, keep_saml_assertion.request_id,
      -- Who has not asked for an answer does not get it.
      case when keep_saml_assertion.request_id is not null then keep_saml_assertion.content end)
    on conflict do nothing returning 1
  )
  select exists (select from kept)
$$;
comment on function core.keep_saml_assertion(uuid, text, timestamptz, bytea, text, jsonb) is
  'Uses up an assertion and keeps what it said for the browser that has made the request and has the ticket. False when it was used before.';

create or replace function core.take_saml_assertion(provider_id uuid, ticket_hash bytea, request_id text) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_assertion core.saml_assertions;
begin
  select * into v_assertion from core.saml_assertions a where a.ticket_hash = take_saml_assertion.ticket_hash for update;
  -- A ticket that somebody else comes with is used up, too: it has gone astray.
  update core.saml_assertions a set content = null where a.ticket_hash = take_saml_assertion.ticket_hash;
  return case when v_assertion.provider_id = take_saml_assertion.provider_id and v_assertion.request_id = take_saml_assertion.request_id
    and v_assertion.received_at > now() - interval '10 minutes' then v_assertion.content end;
end
$$;
comment on function core.take_saml_assertion(uuid, bytea, text) is
  'What an assertion said, for who comes with its ticket and has made the request that it answers: once, and within ten minutes.';

create or replace function core.forget_saml_assertions() returns int
language sql volatile security definer set search_path = ''
as $$
  with gone as (delete from core.saml_assertions a where greatest(a.good_until, a.received_at + interval '10 minutes') < now() returning 1)
  select count(*)::int from gone
$$;

-- Metadata that has an address is read again each day, so that a provider may change its certificates without anybody here.
create or replace function core.saml_providers_to_check() returns table (provider_id uuid, url text, certificates text[])
language sql stable security definer set search_path = ''
as $$
  select p.id, nullif(p.settings ->> 'metadataUrl', ''), array(select jsonb_array_elements_text(p.settings -> 'certificates'))
  from core.identity_providers p where p.kind = 'SAML' and p.is_enabled
  order by p.id
$$;

-- Only what may change with time: with another entityID it would be another provider, and nobody has asked for that.
create or replace function core.note_saml_metadata(provider_id uuid, url text, entity_id text, sign_in_url text, certificates text[]) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_old core.identity_providers;
  v_settings jsonb;
begin
  select * into v_old from core.identity_providers p
  where p.id = note_saml_metadata.provider_id and p.settings ->> 'metadataUrl' = note_saml_metadata.url for update;
  if not found then
    return false;
  end if;
  if v_old.settings ->> 'entityId' is distinct from note_saml_metadata.entity_id then
    perform core.note_saml_metadata_failure(v_old.id, format('The metadata is of another provider now: "%s".', left(note_saml_metadata.entity_id, 200)));
    return false;
  end if;
  v_settings := v_old.settings || jsonb_build_object('signInUrl', note_saml_metadata.sign_in_url, 'certificates', to_jsonb(note_saml_metadata.certificates));
  perform core.assert_provider_settings(v_old.kind, v_settings);
  insert into core.saml_metadata as m (provider_id, tried_at, read_at) values (v_old.id, now(), now())
  on conflict on constraint saml_metadata_pkey do update set tried_at = now(), read_at = now(), failure = null;
  if v_settings = v_old.settings then
    return false;
  end if;
  update core.identity_providers p set settings = v_settings where p.id = v_old.id;
  perform core.note_auth_event('PROVIDER_CHANGED', v_old.workspace_id, detail => jsonb_build_object('provider', v_old.label, 'by', 'METADATA',
    'changed', (select jsonb_agg(k) from jsonb_object_keys(v_settings) k where v_settings -> k <> v_old.settings -> k)));
  return true;
end
$$;
comment on function core.note_saml_metadata(uuid, text, text, text, text[]) is
  'Takes the address and the certificates over from metadata that was read anew. True when something has changed.';

create or replace function core.note_saml_metadata_failure(provider_id uuid, failure text) returns void
language sql volatile security definer set search_path = ''
as $$
  insert into core.saml_metadata as m (provider_id, tried_at, failure)
  select p.id, now(), left(note_saml_metadata_failure.failure, 500) from core.identity_providers p where p.id = note_saml_metadata_failure.provider_id
  on conflict on constraint saml_metadata_pkey do update set tried_at = now(), failure = excluded.failure
$$;

-- Told once for each day on which it ends: to the audit, and by mail to those who keep the sign-in of the workspace.
create or replace function core.warn_of_saml_certificates(provider_id uuid, not_after timestamptz) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_provider core.identity_providers;
begin
  insert into core.saml_metadata as m (provider_id, warned_of) values (warn_of_saml_certificates.provider_id, warn_of_saml_certificates.not_after)
  on conflict on constraint saml_metadata_pkey do update set warned_of = excluded.warned_of where m.warned_of is distinct from excluded.warned_of;
  if not found then
    return false;
  end if;
  select * into strict v_provider from core.identity_providers p where p.id = warn_of_saml_certificates.provider_id;
  perform core.note_auth_event('PROVIDER_CERTIFICATE_EXPIRES', v_provider.workspace_id, detail => jsonb_build_object('provider', v_provider.label, 'notAfter', warn_of_saml_certificates.not_after));
  perform core.queue_mail(u.email, 'certificate_expires', jsonb_build_object('provider', v_provider.label, 'notAfter', warn_of_saml_certificates.not_after), v_provider.workspace_id, u.locale)
  from core.members m join core.users u on u.id = m.user_id join metadata.roles r on r.id = m.role_id
  where m.workspace_id = v_provider.workspace_id and m.is_active and u.disabled_at is null and core.is_email(u.email) and engine.role_may(r.pg_role, 'SECURITY')
  order by m.created_at limit 20;
  return true;
end
$$;
comment on function core.warn_of_saml_certificates(uuid, timestamptz) is
  'Tells that the last certificate of a provider ends then. False when that was told before.';

create or replace function core.saml_metadata_state(provider_id uuid) returns table (tried_at timestamptz, read_at timestamptz, failure text)
language sql stable security definer set search_path = ''
as $$ select m.tried_at, m.read_at, m.failure from core.saml_metadata m where m.provider_id = saml_metadata_state.provider_id $$;

grant execute on function core.saml_keys_of(uuid), core.add_first_saml_key(uuid, text, text), core.keep_saml_assertion(uuid, text, timestamptz, bytea, text, jsonb),
  core.take_saml_assertion(uuid, bytea, text), core.saml_metadata_state(uuid) to relvar_server;
grant execute on function core.forget_saml_assertions(), core.saml_providers_to_check(), core.note_saml_metadata(uuid, text, text, text, text[]),
  core.note_saml_metadata_failure(uuid, text), core.warn_of_saml_certificates(uuid, timestamptz) to relvar_worker;
