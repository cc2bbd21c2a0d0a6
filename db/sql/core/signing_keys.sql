-- The keys that sign access tokens.

create or replace function core.list_signing_keys()
returns table (kid text, public_jwk jsonb, private_jwk text, created_at timestamptz, retired_at timestamptz, not_after timestamptz)
language sql stable security definer set search_path = ''
as $$
  select k.kid, k.public_jwk, k.private_jwk, k.created_at, k.retired_at, k.not_after from core.signing_keys k
  where k.not_after is null or k.not_after > now()
  order by k.created_at desc, k.kid
$$;
comment on function core.list_signing_keys() is 'The keys that are valid: the newest one that is not retired signs, all verify.';

-- A key that is retired goes on verifying the tokens that it has signed, until the last of them has run out.
create or replace function core.add_signing_key(kid text, public_jwk jsonb, private_jwk text, retire_others_after interval default null) returns void
language plpgsql volatile security definer set search_path = ''
as $$
begin
  if retire_others_after is not null then
    update core.signing_keys k set retired_at = coalesce(k.retired_at, now()), not_after = least(k.not_after, now() + add_signing_key.retire_others_after)
    where k.not_after is null or k.not_after > now();
  end if;
  insert into core.signing_keys (kid, public_jwk, private_jwk) values (add_signing_key.kid, add_signing_key.public_jwk, add_signing_key.private_jwk);
  perform pg_notify('relvar_identity', json_build_object('keys', true)::text);
end
$$;
comment on function core.add_signing_key(text, jsonb, text, interval) is
  'Adds a key. With an interval the others are retired: they verify for that long, and sign no more.';

grant execute on function core.list_signing_keys(), core.add_signing_key(text, jsonb, text, interval) to relvar_server;
