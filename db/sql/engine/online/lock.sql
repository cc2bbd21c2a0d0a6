-- Whoever changes a model waits for others before the first row is locked, not between two rows:
-- otherwise two transactions could wait for each other. The workspace of a CRM role is known by
-- then; that of an administrator in psql only when a row is.
create or replace function engine.tg_metadata__lock() returns trigger
language plpgsql volatile security definer set search_path = '' set lock_timeout = '5s'
as $$
declare
  v_workspace uuid := engine.workspace_of_role(current_setting('role')::name);
begin
  if v_workspace is not null then
    perform pg_advisory_xact_lock(hashtextextended('relvar.model.' || v_workspace, 0));
  end if;
  return null;
exception when lock_not_available or deadlock_detected then
  raise exception 'Somebody else is changing the data model of this workspace.'
    using errcode = 'RV021', hint = 'Their transaction has been open for a while. Try again in a moment.';
end
$$;

do $$
declare
  v_table text;
begin
  foreach v_table in array array['objects', 'fields', 'relations', 'rules', 'indexes', 'aliases'] loop
    execute format('create or replace trigger _000_lock before insert or update or delete on metadata.%I for each statement execute function engine.tg_metadata__lock()', v_table);
  end loop;
end
$$;
