--!include core/notifications/notify.sql
--!include core/notifications/imports.sql
-- Many records by one call; what tables are grouped by, and what they mark; how boards, calendars and galleries lay records out.
alter table metadata.views add column group_bucket text check (group_bucket in ('DAY', 'WEEK', 'MONTH', 'QUARTER', 'YEAR')),
  add column colors jsonb not null default '[]' check (jsonb_typeof(colors) = 'array'),
  add column layout jsonb not null default '{}';
--!include engine/update_records.sql
--!include engine/views/filter.sql
--!include engine/views/layout.sql
--!include metadata/views.sql
--!include metadata/view_defaults.sql
--!include metadata/uses.sql
--!include metadata/replace.sql
--!include metadata/manifest.sql
--!include metadata/bundle.sql
--!include engine/internals.sql
--!include engine/past/revert_plan.sql
--!include engine/past/revert.sql
