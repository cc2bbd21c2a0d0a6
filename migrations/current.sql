-- ── how close lines stand ─────────────────────────────────────────────────────────────────────
alter table core.members add column if not exists density text not null default 'COMFORTABLE';
alter table core.members drop constraint if exists members_density_check;
alter table core.members add constraint members_density_check check (density in ('COMPACT', 'COMFORTABLE', 'SPACIOUS'));
comment on column core.members.density is 'How close lines stand in the screens of the member.';
-- It takes a further argument.
drop function if exists metadata.update_my_profile(text, text, text, text, text, text, text, text);
--!include metadata/profile.sql
-- ── mails in the language of who reads them ────────────────────────
drop function if exists core.request_sign_up(text, text, inet, text);
--!include core/mail.sql
--!include core/sign_up.sql
--!include engine/link_records.sql
--!include engine/internals.sql
--!include metadata/lists.sql
--!include core/imports/run.sql
--!include core/imports/start.sql
-- Indexes that lists are sorted by.
drop function if exists engine.desired_model_indexes(uuid, uuid[]);
drop function if exists engine.index_definition(metadata.indexes);
drop function if exists engine.index_name(text, uuid);
--!include engine/rules/indexes.sql
--!include engine/difference.sql
--!include engine/drift/resolve.sql
-- Views show records also as a timeline of bars and on a map.
alter table metadata.views drop constraint if exists views_type_check;
alter table metadata.views add constraint views_type_check check (type in ('TABLE', 'BOARD', 'CALENDAR', 'TIMELINE', 'GALLERY', 'MAP'));
--!include engine/views/layout.sql
--!include metadata/views.sql

-- A workspace without files was said to have one.
--!include metadata/file_storage.sql
