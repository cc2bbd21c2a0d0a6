-- Health checks ask which migrations the database has run, to tell a server that is newer than it.
create or replace function core.applied_migrations() returns setof text
language sql stable security definer set search_path = ''
as $$ select m.filename from graphile_migrate.migrations m $$;
grant execute on function core.applied_migrations() to relvar_server;
