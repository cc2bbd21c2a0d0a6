-- What the settings of an identity provider may say, by its kind. Secrets are not among them.

-- The keys of each kind; what is required must be there before the provider is switched on.
create or replace function core.provider_setting_keys(kind text) returns table (key text, type text, is_required boolean)
language sql immutable parallel safe set search_path = ''
as $$
  select k.key, k.type, k.is_required from (values
    ('OIDC', 'issuer', 'url', true),
    ('OIDC', 'clientId', 'string', true),
    ('OIDC', 'scopes', 'string', false),
    ('OIDC', 'trustsEmail', 'boolean', false),
    ('GOOGLE', 'clientId', 'string', true),
    ('GOOGLE', 'hostedDomain', 'string', false),
    ('MICROSOFT', 'clientId', 'string', true),
    ('MICROSOFT', 'tenant', 'string', true),
    ('MICROSOFT', 'trustsEmail', 'boolean', false),
    ('SAML', 'entityId', 'string', true),
    ('SAML', 'signInUrl', 'address', true),
    ('SAML', 'certificates', 'certificates', true),
    ('SAML', 'metadataUrl', 'address', false),
    ('SAML', 'signsRequests', 'boolean', false),
    ('SAML', 'wantsSignedResponse', 'boolean', false),
    ('SAML', 'allowsIdpInitiated', 'boolean', false),
    ('SAML', 'emailAttribute', 'string', false),
    ('SAML', 'nameAttribute', 'string', false)
  ) as k (kind, key, type, is_required)
  where k.kind = provider_setting_keys.kind
$$;

create or replace function core.assert_provider_settings(kind text, settings jsonb) returns void
language plpgsql immutable set search_path = ''
as $$
declare
  v record;
begin
  if jsonb_typeof(settings) is distinct from 'object' then
    raise exception 'The settings of a provider are an object.' using errcode = 'RV133', column = 'settings';
  end if;
  for v in
    select s.key, s.value, k.type from jsonb_each(settings) s left join core.provider_setting_keys(kind) k on k.key = s.key
  loop
    if v.type is null then
      raise exception 'A provider of this kind has no setting "%".', v.key using errcode = 'RV133', column = v.key,
        hint = coalesce('It has ' || (select string_agg(k.key, ', ') from core.provider_setting_keys(kind) k) || '.', 'It has none.');
    end if;
    if v.type = 'certificates' then
      perform core.assert_certificates(v.key, v.value);
      continue;
    end if;
    if v.value <> 'null' and jsonb_typeof(v.value) <> (case v.type when 'boolean' then 'boolean' else 'string' end) or length(v.value #>> '{}') > 2000 then
      raise exception 'The setting "%" cannot be used.', v.key using errcode = 'RV133', column = v.key,
        hint = case v.type when 'boolean' then 'It is true or false.' else 'It is a text of at most 2,000 letters.' end;
    end if;
    if v.type = 'url' and v.value <> 'null' and (v.value #>> '{}') !~ '^(https://[^\s/?#@]+|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?)(/[^\s?#]*)?$' then
      raise exception 'The setting "%" must be an https:// address.', v.key using errcode = 'RV133', column = v.key, hint = 'Such as https://login.acme.com, without ? and #.';
    end if;
    if v.type = 'address' and v.value <> 'null' and (v.value #>> '{}') !~ '^(https://[^\s/?#@]+|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?)([/?][^\s#]*)?$' then
      raise exception 'The setting "%" must be an https:// address.', v.key using errcode = 'RV133', column = v.key, hint = 'Such as https://login.acme.com/saml.';
    end if;
  end loop;
  if kind = 'MICROSOFT' and settings ->> 'tenant' !~ '^[A-Za-z0-9]([A-Za-z0-9.-]{0,100}[A-Za-z0-9])?$' then
    raise exception 'The setting "tenant" cannot be used.' using errcode = 'RV133', column = 'tenant',
      hint = 'The id of the directory, one of its domains, or organizations for the directories of all organizations.';
  end if;
  -- Whoever keeps some directory writes there what addresses he likes.
  if kind = 'MICROSOFT' and settings ->> 'tenant' in ('organizations', 'common', 'consumers') and settings -> 'trustsEmail' = 'true' then
    raise exception 'The addresses of all directories cannot be trusted.' using errcode = 'RV133', column = 'trustsEmail',
      hint = 'Name one directory, or have Microsoft say which addresses are verified (optional claim xms_edov).';
  end if;
end
$$;

-- Whether these are certificates indeed the server tells, which reads them before they get here.
create or replace function core.assert_certificates(key text, value jsonb) returns void
language plpgsql immutable set search_path = ''
as $$
begin
  if jsonb_typeof(value) is distinct from 'array' or jsonb_array_length(value) > 10
    or exists (select from jsonb_array_elements(value) c where jsonb_typeof(c) <> 'string' or length(c #>> '{}') > 10000 or c #>> '{}' !~ '^[A-Za-z0-9+/]{100,}={0,2}$') then
    raise exception 'The setting "%" must be a list of certificates.', key using errcode = 'RV133', column = key,
      hint = 'At most ten, each in base64, without lines and without BEGIN and END.';
  end if;
end
$$;

-- What a provider still lacks before it can be switched on; null when nothing.
create or replace function core.provider_lacks(provider core.identity_providers) returns text
language sql stable set search_path = ''
as $$
  select coalesce(
    (select k.key from core.provider_setting_keys((provider).kind) k where k.is_required and coalesce((provider).settings ->> k.key, '') in ('', '[]') limit 1),
    case when (provider).kind in ('GOOGLE', 'MICROSOFT') and (provider).secret is null then 'secret' end)
$$;
