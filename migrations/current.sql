-- Positions of the event log.
create table engine.event_positions (
  workspace_id uuid primary key references core.workspaces on delete cascade,
  position bigint not null default 0
);
comment on table engine.event_positions is 'The last position of each workspace that the relay gave. Who holds the row gives the next ones.';
--!include engine/internals.sql
--!include engine/actual.sql
--!include engine/permissions/security.sql
--!include engine/positions.sql
--!include engine/outbox.sql
--!include engine/reconcile.sql
--!include core/workspaces.sql
