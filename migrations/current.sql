--!include core/notifications/notify.sql
--!include core/notifications/imports.sql
-- Many records by one call; what tables are grouped by, and what they mark.
alter table metadata.views add column group_bucket text check (group_bucket in ('DAY', 'WEEK', 'MONTH', 'QUARTER', 'YEAR')),
  add column colors jsonb not null default '[]' check (jsonb_typeof(colors) = 'array');
--!include engine/update_records.sql
--!include engine/views/filter.sql
--!include metadata/views.sql
--!include metadata/view_defaults.sql
--!include engine/internals.sql
