-- Where somebody begins who shows records and follows their changes: first the position, then the records, then
-- recordChanges after that position. What happens in between is told.
create or replace function metadata.log_position() returns bigint
language sql stable security definer set search_path = ''
as $$ select engine.last_position(engine.own_workspace()) $$;
comment on function metadata.log_position() is
  'How far the event log of the workspace goes. Read it before records that are to be kept up to date, and subscribe to recordChanges after it: nothing is missed between the two.';
grant execute on function metadata.log_position() to relvar_crm;
