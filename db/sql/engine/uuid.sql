-- Ids are UUIDs that grow with time, so that a primary key is also the order of creation and new
-- rows land on the same index pages. PostgreSQL 18 makes them itself; older servers get this
-- function of the same form (RFC 9562: 48 bits of milliseconds, the version, 12 bits of their fraction, randomness).
do $$
begin
  if current_setting('server_version_num')::int >= 180000 then
    create or replace function engine.uuidv7() returns uuid language sql volatile
      return pg_catalog.uuidv7();
  else
    create or replace function engine.uuidv7() returns uuid language sql volatile set search_path = ''
    as $f$
      select (overlay(lpad(to_hex((extract(epoch from clock_timestamp()) * 1000000)::bigint * 512 / 125), 15, '0') placing '7' from 13 for 0)
        || right(replace(gen_random_uuid()::text, '-', ''), 16))::uuid
    $f$;
  end if;
end
$$;
comment on function engine.uuidv7() is 'A new time-ordered UUID (version 7).';
-- Column defaults of tenant tables call it with the rights of whoever inserts.
grant execute on function engine.uuidv7() to public;

-- The expression that tenant tables use as default of their key: the built-in function where there
-- is one, since it is four times as fast as a wrapper.
create or replace function engine.uuid_default() returns text language sql stable set search_path = ''
  return case when current_setting('server_version_num')::int >= 180000 then 'uuidv7()' else 'engine.uuidv7()' end;
