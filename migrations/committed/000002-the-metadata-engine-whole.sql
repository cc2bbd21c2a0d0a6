--! Previous: sha1:ee64c83a4850143c262abd1b479618447aa9b64c
--! Hash: sha1:a488ea767ca8b74e6683656826a2a9bfc6e86ce3
--! Message: the metadata engine whole

-- The metadata engine, whole: formulas, rollups, rules, many-to-many, indexes, type changes, plans,
-- history, applications, drift.

-- ── engine: what is derived is dropped first and made anew from db/sql ───────────────────────────
drop type engine.column_spec, engine.fact, engine.difference, engine.step cascade;
drop function engine.manifest_fields(jsonb), engine.search_columns(uuid), engine.effective_permissions(uuid), engine.apply(uuid), engine.assert_columns_differ(uuid),
  engine.note_change(uuid), metadata.create_object(text, text, text, text, text, text, text),
  metadata.create_field(uuid, text, text, text, text, text, jsonb, jsonb, jsonb, boolean, boolean, uuid, text, text, text);

-- ── metadata ────────────────────────────────────────────────────────────────────────────────────

-- Deleting an object or a field hides it under a name of the engine's and keeps the data until the
-- grace period ends, so names are unique among those that are not deleted.
alter table metadata.objects
  drop column table_name cascade,
  add column deleted_at timestamptz,
  add column deleted_by_name text,
  add column is_junction boolean not null default false,
  add column image_field_id uuid,
  add column duplicate_criteria jsonb not null default '[]' check (jsonb_typeof(duplicate_criteria) = 'array'),
  drop constraint objects_workspace_id_name_singular_key,
  drop constraint objects_workspace_id_name_plural_key;
alter table metadata.objects
  add column table_name text not null generated always as (
    case when deleted_at is null then engine.snake_case(name_plural) else 'deleted_' || right(replace(id::text, '-', ''), 12) end) stored,
  add constraint objects_workspace_id_table_name_key unique (workspace_id, table_name),
  add foreign key (workspace_id, image_field_id) references metadata.fields (workspace_id, id)
    on delete set null (image_field_id) deferrable initially deferred;
create unique index objects_name_singular_key on metadata.objects (workspace_id, name_singular) where deleted_at is null;
create unique index objects_name_plural_key on metadata.objects (workspace_id, name_plural) where deleted_at is null;
create index on metadata.objects (workspace_id, image_field_id);

alter table metadata.fields
  add column deleted_at timestamptz,
  add column deleted_by_name text,
  add column required_from timestamptz,
  add column junction_field_id uuid,
  add column result_type text,
  add column compiled jsonb,
  add column revision int not null default 1,
  drop constraint fields_object_id_name_key,
  add foreign key (workspace_id, junction_field_id) references metadata.fields (workspace_id, id) on delete cascade;
create unique index fields_name_key on metadata.fields (object_id, name) where deleted_at is null;
create index on metadata.fields (workspace_id, junction_field_id);

alter table metadata.relations
  add column deleted_at timestamptz,
  drop constraint relations_field_id_target_object_id_key,
  drop constraint relations_target_object_id_inverse_name_key;
create unique index relations_field_id_target_key on metadata.relations (field_id, target_object_id) where deleted_at is null;
create unique index relations_inverse_name_key on metadata.relations (target_object_id, inverse_name) where deleted_at is null;

alter table metadata.applications
  add column removed text[] not null default '{}';

create table metadata.rules (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  object_id uuid not null,
  field_id uuid,
  application_id uuid,
  universal_identifier text,
  kind text not null check (kind in ('REQUIRED', 'RANGE', 'LENGTH', 'PATTERN', 'CONDITION', 'UNIQUE')),
  settings jsonb not null default '{}' check (jsonb_typeof(settings) = 'object'),
  condition text,
  compiled jsonb,
  message text not null default '',
  applies_from timestamptz,
  is_active boolean not null default true,
  position double precision not null default 0,
  created_at timestamptz not null default now(),
  unique (workspace_id, id),
  unique (workspace_id, universal_identifier),
  foreign key (workspace_id, object_id) references metadata.objects (workspace_id, id) on delete cascade,
  foreign key (workspace_id, field_id) references metadata.fields (workspace_id, id) on delete cascade,
  foreign key (workspace_id, application_id) references metadata.applications (workspace_id, id)
);
comment on table metadata.rules is 'What records of an object must fulfil. Each rule is a constraint of the object''s table, so it holds whoever writes.';
create index on metadata.rules (workspace_id, object_id);
create index on metadata.rules (workspace_id, field_id);
create index on metadata.rules (workspace_id, application_id);

create table metadata.indexes (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  object_id uuid not null,
  application_id uuid,
  universal_identifier text,
  name text not null check (name <> ''),
  kind text not null default 'BTREE' check (kind in ('BTREE', 'GIN', 'TRIGRAM')),
  parts jsonb not null check (jsonb_typeof(parts) = 'array' and parts <> '[]'),
  condition text,
  compiled jsonb,
  created_at timestamptz not null default now(),
  unique (workspace_id, id),
  unique (object_id, name),
  unique (workspace_id, universal_identifier),
  foreign key (workspace_id, object_id) references metadata.objects (workspace_id, id) on delete cascade,
  foreign key (workspace_id, application_id) references metadata.applications (workspace_id, id)
);
comment on table metadata.indexes is 'Indexes that people add to an object, besides those that the engine keeps for relations, unique fields, search and labels.';
create index on metadata.indexes (workspace_id, object_id);
create index on metadata.indexes (workspace_id, application_id);

create table metadata.views (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  object_id uuid not null,
  application_id uuid,
  universal_identifier text,
  name text not null check (name <> ''),
  icon text,
  type text not null default 'TABLE' check (type in ('TABLE', 'BOARD', 'CALENDAR', 'GALLERY')),
  filter jsonb,
  sorts jsonb not null default '[]' check (jsonb_typeof(sorts) = 'array'),
  group_field_id uuid,
  position double precision not null default 0,
  created_at timestamptz not null default now(),
  unique (workspace_id, id),
  unique (workspace_id, universal_identifier),
  foreign key (workspace_id, object_id) references metadata.objects (workspace_id, id) on delete cascade,
  foreign key (workspace_id, group_field_id) references metadata.fields (workspace_id, id) on delete set null (group_field_id),
  foreign key (workspace_id, application_id) references metadata.applications (workspace_id, id)
);
comment on table metadata.views is 'Saved ways of looking at the records of an object.';
create index on metadata.views (workspace_id, object_id);
create index on metadata.views (workspace_id, group_field_id);
create index on metadata.views (workspace_id, application_id);

create table metadata.view_fields (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  view_id uuid not null,
  field_id uuid not null,
  width int check (width between 40 and 2000),
  is_visible boolean not null default true,
  position double precision not null default 0,
  unique (workspace_id, id),
  unique (view_id, field_id),
  foreign key (workspace_id, view_id) references metadata.views (workspace_id, id) on delete cascade,
  foreign key (workspace_id, field_id) references metadata.fields (workspace_id, id) on delete cascade
);
comment on table metadata.view_fields is 'The columns of a view.';
create index on metadata.view_fields (workspace_id, view_id);
create index on metadata.view_fields (workspace_id, field_id);

create table metadata.aliases (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  object_id uuid not null,
  field_id uuid,
  kind text not null check (kind in ('SINGULAR', 'PLURAL', 'FIELD')),
  name text not null,
  created_at timestamptz not null default now(),
  unique (workspace_id, id),
  foreign key (workspace_id, object_id) references metadata.objects (workspace_id, id) on delete cascade,
  foreign key (workspace_id, field_id) references metadata.fields (workspace_id, id) on delete cascade,
  check ((kind = 'FIELD') = (field_id is not null))
);
comment on table metadata.aliases is 'API names that objects and fields had before. They go on working until they are deleted here.';
create unique index aliases_object_name_key on metadata.aliases (workspace_id, name) where field_id is null;
create unique index aliases_field_name_key on metadata.aliases (object_id, name) where field_id is not null;
create index on metadata.aliases (workspace_id, object_id);
create index on metadata.aliases (workspace_id, field_id);

create table metadata.model_versions (
  workspace_id uuid not null references core.workspaces on delete cascade,
  version bigint not null,
  actor_type text not null,
  actor_id uuid,
  actor_name text,
  source text not null,
  statements text[] not null default '{}',
  happened_at timestamptz not null default now(),
  primary key (workspace_id, version)
);
comment on table metadata.model_versions is E'@behavior -insert -update -delete\nThe history of the model: who changed it, when, and by which statements.';

create table metadata.model_changes (
  workspace_id uuid not null,
  version bigint not null,
  seq bigint not null generated always as identity,
  table_name text not null,
  row_id uuid not null,
  before jsonb,
  after jsonb,
  primary key (workspace_id, version, seq),
  foreign key (workspace_id, version) references metadata.model_versions (workspace_id, version) on delete cascade deferrable initially deferred
);
comment on table metadata.model_changes is E'@behavior -insert -update -delete\nThe rows of metadata that a version of the model changed, before and after.';
create index on metadata.model_changes (workspace_id, row_id);

create table metadata.type_changes (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  field_id uuid not null,
  from_type text not null,
  from_settings jsonb not null,
  from_options jsonb not null,
  from_default_value jsonb,
  from_revision int not null,
  to_type text not null,
  to_settings jsonb not null default '{}',
  to_options jsonb not null default '[]',
  to_default_value jsonb,
  to_revision int not null,
  failed_values bigint not null default 0,
  status text not null default 'DONE' check (status in ('RUNNING', 'DONE', 'UNDONE')),
  changed_at timestamptz not null default now(),
  unique (workspace_id, id),
  foreign key (workspace_id, field_id) references metadata.fields (workspace_id, id) on delete cascade
);
comment on table metadata.type_changes is E'@behavior -insert -update -delete\nChanges of the types of fields. Until the grace period ends the former column is kept, and the change can be undone.';
create index on metadata.type_changes (workspace_id, field_id);

create table metadata.online_changes (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  object_id uuid,
  key text not null,
  kind text not null check (kind in ('INDEX', 'VALIDATE', 'NOT_NULL', 'BACKFILL', 'TYPE')),
  statement text not null,
  status text not null default 'QUEUED' check (status in ('QUEUED', 'RUNNING', 'FAILED', 'DONE')),
  rows_done bigint not null default 0,
  last_id uuid,
  rows_total bigint,
  attempts int not null default 0,
  error text,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz,
  unique (workspace_id, id)
);
comment on table metadata.online_changes is E'@behavior -insert -update -delete\nWhat a job does to large tables after the model was changed, without blocking who works with them: builds of indexes, checks of old records, fills of columns.';
create unique index online_changes_open_key on metadata.online_changes (workspace_id, key) where status <> 'DONE';
create index on metadata.online_changes (workspace_id, object_id);

create table metadata.ignored_drift (
  workspace_id uuid not null references core.workspaces on delete cascade,
  kind text not null,
  key text not null,
  basis text not null,
  reason text not null default '',
  ignored_by_name text,
  ignored_at timestamptz not null default now(),
  primary key (workspace_id, kind, key)
);
comment on table metadata.ignored_drift is 'Differences between the database and the model that somebody decided to leave, until they change again.';

-- Columns of former types, kept for undo until the grace period ends.
create table engine.retired_columns (
  workspace_id uuid not null references core.workspaces on delete cascade,
  object_id uuid not null,
  field_id uuid not null,
  revision int not null,
  key text not null,
  name text not null,
  pg_type text not null,
  retired_at timestamptz not null default now(),
  primary key (workspace_id, key)
);

-- The shape of each object; that of the workspace is the hash of these.
create table engine.object_shapes (
  workspace_id uuid not null references core.workspaces on delete cascade,
  object_key text not null,
  shape text not null,
  primary key (workspace_id, object_key)
);

-- Which settings the fields of a type may have.
create table engine.field_type_settings (
  type text not null references engine.field_types,
  key text not null,
  json_type text not null check (json_type in ('boolean', 'number', 'string', 'array')),
  allowed text[],
  low numeric,
  high numeric,
  description text not null,
  primary key (type, key)
);

-- Which engine each workspace was last reconciled by.
create table engine.reconciled (
  workspace_id uuid primary key references core.workspaces on delete cascade,
  version text not null,
  reconciled_at timestamptz not null default now()
);

-- The history of the model speaks of rows by their id.
alter table metadata.object_permissions add column id uuid not null default engine.uuidv7(), add unique (workspace_id, id);

-- Which objects a transaction touched; null means all.
alter table engine.pending add column objects uuid[];

alter table engine.settings
  add column grace_days int not null default 30 check (grace_days between 0 and 3650),
  add column online_rows bigint not null default 50000 check (online_rows >= 0);

-- ── functions, in the order of their types ──────────────────────────────────────────────────────
--! Included engine/field_types.sql
-- How each type of field lies in a table. Composite types are flat columns, so that they filter,
-- sort, index and export like any other. RELATION, MEMBER and MORPH_RELATION have one column for each
-- row of metadata.relations, FORMULA and ROLLUP those of their result's type, MANY_TO_MANY none: they
-- stand in no row here.
insert into engine.field_types (type, label) values
  ('TEXT', 'Text'), ('NUMBER', 'Number'), ('NUMERIC', 'Exact number'), ('BOOLEAN', 'True/false'),
  ('DATE', 'Date'), ('DATE_TIME', 'Date and time'), ('UUID', 'Unique id'), ('SELECT', 'Select'),
  ('MULTI_SELECT', 'Multi-select'), ('RATING', 'Rating'), ('ARRAY', 'List of texts'), ('RAW_JSON', 'JSON'),
  ('RICH_TEXT', 'Rich text'), ('POSITION', 'Position'), ('FULL_NAME', 'Full name'), ('EMAILS', 'E-mails'),
  ('PHONES', 'Phones'), ('LINKS', 'Links'), ('CURRENCY', 'Currency'), ('ADDRESS', 'Address'),
  ('ACTOR', 'Actor'), ('FILES', 'Files'), ('RELATION', 'Relation'), ('MORPH_RELATION', 'Relation to several objects'),
  ('TS_VECTOR', 'Search vector'), ('FORMULA', 'Formula'), ('ROLLUP', 'Rollup'), ('AUTO_NUMBER', 'Auto-number'), ('PERCENT', 'Percent'),
  ('DURATION', 'Duration'), ('MEMBER', 'Member'), ('MANY_TO_MANY', 'Relation to many'), ('COLOR', 'Colour'), ('LOCATION', 'Location')
on conflict (type) do update set label = excluded.label;

insert into engine.field_type_columns (type, part, suffix, pg_type, position) values
  ('TEXT', '', '', 'text', 1),
  ('NUMBER', '', '', 'double precision', 1),
  ('NUMERIC', '', '', 'numeric', 1),
  ('BOOLEAN', '', '', 'boolean', 1),
  ('DATE', '', '', 'date', 1),
  ('DATE_TIME', '', '', 'timestamp with time zone', 1),
  ('UUID', '', '', 'uuid', 1),
  ('SELECT', '', '', 'text', 1),
  ('MULTI_SELECT', '', '', 'text[]', 1),
  ('RATING', '', '', 'smallint', 1),
  ('ARRAY', '', '', 'text[]', 1),
  ('RAW_JSON', '', '', 'jsonb', 1),
  ('RICH_TEXT', 'markdown', '_markdown', 'text', 1),
  ('RICH_TEXT', 'document', '_document', 'jsonb', 2),
  ('POSITION', '', '', 'double precision', 1),
  ('FULL_NAME', 'firstName', '_first_name', 'text', 1),
  ('FULL_NAME', 'lastName', '_last_name', 'text', 2),
  ('EMAILS', 'primaryEmail', '_primary_email', 'text', 1),
  ('EMAILS', 'additionalEmails', '_additional_emails', 'text[]', 2),
  ('PHONES', 'primaryPhoneNumber', '_primary_phone_number', 'text', 1),
  ('PHONES', 'primaryPhoneCountryCode', '_primary_phone_country_code', 'text', 2),
  ('PHONES', 'primaryPhoneCallingCode', '_primary_phone_calling_code', 'text', 3),
  ('PHONES', 'additionalPhones', '_additional_phones', 'text[]', 4),
  ('LINKS', 'primaryLinkUrl', '_primary_link_url', 'text', 1),
  ('LINKS', 'primaryLinkLabel', '_primary_link_label', 'text', 2),
  ('LINKS', 'secondaryLinks', '_secondary_links', 'jsonb', 3),
  ('CURRENCY', 'amountMicros', '_amount_micros', 'bigint', 1),
  ('CURRENCY', 'currencyCode', '_currency_code', 'text', 2),
  ('ADDRESS', 'street1', '_street1', 'text', 1),
  ('ADDRESS', 'street2', '_street2', 'text', 2),
  ('ADDRESS', 'city', '_city', 'text', 3),
  ('ADDRESS', 'postcode', '_postcode', 'text', 4),
  ('ADDRESS', 'state', '_state', 'text', 5),
  ('ADDRESS', 'country', '_country', 'text', 6),
  ('ADDRESS', 'lat', '_lat', 'double precision', 7),
  ('ADDRESS', 'lng', '_lng', 'double precision', 8),
  ('ACTOR', 'source', '_source', 'text', 1),
  ('ACTOR', 'memberId', '_member_id', 'uuid', 2),
  ('ACTOR', 'name', '_name', 'text', 3),
  ('FILES', '', '', 'jsonb', 1),
  ('TS_VECTOR', '', '', 'tsvector', 1),
  ('AUTO_NUMBER', '', '', 'bigint', 1),
  ('AUTO_NUMBER', 'text', '_text', 'text', 2),
  ('PERCENT', '', '', 'double precision', 1),
  ('DURATION', '', '', 'bigint', 1),
  ('COLOR', '', '', 'text', 1),
  ('LOCATION', 'lat', '_lat', 'double precision', 1),
  ('LOCATION', 'lng', '_lng', 'double precision', 2)
on conflict (type, part) do update set suffix = excluded.suffix, pg_type = excluded.pg_type, position = excluded.position;
--! EndIncluded engine/field_types.sql
--! Included engine/fields.sql
-- The columns that a workspace's fields come to.

-- quote_literal would write E'' around backslashes, and PostgreSQL does not print that back.
create or replace function engine.literal(value text) returns text
language sql immutable strict parallel safe set search_path = ''
  return '''' || replace(value, '''', '''''') || '''';

-- The text of a default as PostgreSQL prints it back, so that comparing texts compares meanings.
create or replace function engine.default_expression(field_type text, pg_type text, value jsonb) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_text text := value #>> '{}';
begin
  if value is null or value = 'null' then
    return null;
  end if;
  case pg_type
    when 'timestamp with time zone' then
      if v_text = 'now' then return 'now()'; end if;
      return engine.literal((v_text::timestamptz)::text) || '::timestamp with time zone';
    when 'date' then
      if v_text = 'now' then return 'CURRENT_DATE'; end if;
      return engine.literal((v_text::date)::text) || '::date';
    when 'uuid' then
      if v_text = 'uuid' then return engine.uuid_default(); end if;
      return engine.literal((v_text::uuid)::text) || '::uuid';
    when 'boolean' then
      return (v_text::boolean)::text;
    when 'double precision' then
      return engine.literal((v_text::double precision)::text) || '::double precision';
    when 'bigint' then
      return engine.literal((v_text::bigint)::text) || '::bigint';
    when 'smallint' then
      return engine.literal((v_text::smallint)::text) || '::smallint';
    when 'numeric' then
      v_text := (v_text::numeric)::text;
      -- A fraction is printed bare, a whole or negative number in quotes.
      return case when v_text ~ '^[0-9]+\.[0-9]+$' then v_text else engine.literal(v_text) || '::numeric' end;
    when 'text[]' then
      return engine.literal((select coalesce(array_agg(e), '{}') from jsonb_array_elements_text(value) e)::text) || '::text[]';
    when 'jsonb' then
      return engine.literal(value::text) || '::jsonb';
    else
      return engine.literal(v_text) || '::text';
  end case;
end
$$;

create type engine.column_spec as (
  object_id uuid,
  table_name text,
  field_id uuid,
  key text,            -- identity of the column: field, revision of its type, part or relation
  name text,
  part text,
  relation_id uuid,
  type text,           -- of the field
  pg_type text,
  not_null boolean,
  default_expr text,   -- 'identity 1' for a column that counts by itself from 1
  generated_expr text,
  generated_kind text, -- stored, virtual, or kept by triggers
  generated_basis text, -- what the expression depends on, by identity; a rename does not change it
  is_writable boolean,
  position double precision,
  ordinal int,
  is_active boolean,
  description text
);

-- What a deleted object or field is called until it is purged, so that its name is free again.
create or replace function engine.deleted_name(id uuid) returns text
language sql immutable strict parallel safe
  return 'deleted_' || right(replace(id::text, '-', ''), 12);

-- How a field's columns are identified: a change of type makes new columns beside the old.
create or replace function engine.column_key(field_id uuid, revision int, part text) returns text
language sql immutable parallel safe
  return field_id || case when revision > 1 then '~' || revision else '' end || case when part = '' then '' else '.' || part end;

-- A search vector reads the label field and the fields whose settings say "searchable".
create or replace function engine.search_columns(workspace_id uuid, scope uuid[] default null)
returns table (object_id uuid, key text, name text)
language sql stable set search_path = ''
as $$
  select f.object_id, engine.column_key(f.id, f.revision, c.part), engine.snake_case(f.name) || c.suffix
  from metadata.fields f
  join metadata.objects o on o.id = f.object_id and o.workspace_id = f.workspace_id
  join engine.field_type_columns c on c.type = f.type
  where f.workspace_id = search_columns.workspace_id and (scope is null or f.object_id = any (scope)) and f.deleted_at is null
    and (f.id = o.label_field_id or f.settings ->> 'searchable' = 'true')
    and c.pg_type = 'text' and f.type <> 'AUTO_NUMBER'
    and c.part not in ('primaryPhoneCountryCode', 'primaryLinkLabel', 'currencyCode')
$$;

-- The text of an auto-number: "INV-" and 42 padded to 5 digits is INV-00042. As PostgreSQL prints it.
create or replace function engine.auto_number_text(column_name text, settings jsonb) returns text
language sql immutable set search_path = ''
  return format('(%s || lpad((%I)::text, GREATEST(%s, length((%2$I)::text)), ''0''::text))',
    engine.literal(coalesce(settings ->> 'prefix', '')) || '::text', column_name, coalesce((settings ->> 'padding')::int, 0));

-- Here and wherever a workspace's model is read, joins repeat the workspace: without it the planner
-- reads the objects and fields of all workspaces to join with these few.
create or replace function engine.columns(workspace_id uuid, scope uuid[] default null) returns setof engine.column_spec
-- Planning it takes longer than running it.
language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan
as $$
declare
  v_generates boolean := current_setting('server_version_num')::int >= 180000;
begin
  return query
  with field as (
    select f.*, o.table_name, o.deleted_at is null as object_is_there, case when f.deleted_at is null then engine.snake_case(f.name) else engine.deleted_name(f.id) end as base
    from metadata.fields f
    join metadata.objects o on o.id = f.object_id and o.workspace_id = f.workspace_id
    where f.workspace_id = columns.workspace_id and (scope is null or f.object_id = any (scope))
  ), search as (
    select s.object_id,
      string_agg(s.key, ',' order by s.key) as basis,
      'to_tsvector(''simple''::regconfig, engine.search_text('
        || string_agg(format('COALESCE(%I, ''''::text)', s.name), ' || '' ''::text || ' order by s.key) || '))' as expr
    from engine.search_columns(columns.workspace_id, scope) s
    group by s.object_id
  ), expanded as (
    select f.object_id, f.table_name, f.id as field_id, engine.column_key(f.id, f.revision, c.part) as key,
      f.base || c.suffix as name, f.base as base, c.part, null::uuid as relation_id,
      case when f.type = 'NUMBER' and f.settings ->> 'dataType' in ('int', 'bigint') then 'bigint' else c.pg_type end as pg_type,
      c.position as ordinal, f.type, f.compiled, f.name as field_name, f.settings, f.default_value, f.is_required and f.required_from is null as is_required, f.is_system,
      f.is_active and f.deleted_at is null as is_active, f.position, f.label, f.description
    from field f
    join engine.field_type_columns c on c.type = case when f.type in ('FORMULA', 'ROLLUP') then f.result_type else f.type end
    -- What is computed can be computed again: it is not kept beyond its deletion.
    where f.type not in ('FORMULA', 'ROLLUP') or f.deleted_at is null and f.object_is_there
    union all
    select f.object_id, f.table_name, f.id, engine.column_key(f.id, f.revision, r.id::text),
      case when f.deleted_at is not null or r.deleted_at is not null then engine.deleted_name(r.id)
        when f.type = 'MORPH_RELATION' then f.base || '_' || engine.snake_case(t.name_singular) else f.base end || '_id',
      f.base, '', r.id, 'uuid', 1, f.type, f.compiled, f.name, f.settings, f.default_value, f.is_required and f.required_from is null, f.is_system,
      f.is_active and f.deleted_at is null and r.deleted_at is null, f.position, f.label, f.description
    from field f
    join metadata.relations r on r.field_id = f.id
    join metadata.objects t on t.id = r.target_object_id and t.workspace_id = columns.workspace_id
    where f.type in ('RELATION', 'MEMBER', 'MORPH_RELATION')
  )
  select e.object_id, e.table_name, e.field_id, e.key, e.name, e.part, e.relation_id, e.type, e.pg_type,
    e.type not in ('TS_VECTOR') and (
      (e.is_system and (e.field_name in ('id', 'createdAt', 'updatedAt', 'position') or e.part = 'source'))
      or (e.type = 'AUTO_NUMBER' and e.part = '')
      -- A composite field is present when its first part is. What is hidden is nobody's to fill in.
      or (e.is_required and e.is_active and e.ordinal = 1 and e.type <> 'MORPH_RELATION')
    ),
    case
      when e.type = 'TS_VECTOR' or e.type = 'AUTO_NUMBER' and e.part = 'text' then null
      when e.type = 'AUTO_NUMBER' then 'identity ' || coalesce((e.settings ->> 'start')::bigint, 1)
      when e.type = 'ACTOR' and e.part = 'source' then 'engine.current_source()'
      when e.type = 'ACTOR' and e.part = 'memberId' then 'engine.current_member()'
      when e.type = 'ACTOR' and e.part = 'name' then 'engine.actor_name()'
      when jsonb_typeof(e.default_value) = 'object' and e.default_value ? 'expression' then e.compiled ->> 'printed'
      when e.relation_id is not null and e.default_value = '"currentMember"' then 'engine.current_member()'
      else engine.default_expression(e.type, e.pg_type,
        case when e.part = '' then e.default_value else e.default_value -> e.part end)
    end,
    case when e.type = 'TS_VECTOR' then coalesce(s.expr, 'to_tsvector(''simple''::regconfig, ''''::text)')
      when e.type = 'AUTO_NUMBER' and e.part = 'text' then engine.auto_number_text(e.base, e.settings)
      when p.is_generated then engine.formula_sql(e.compiled, e.part) end,
    case when e.type = 'TS_VECTOR' or e.type = 'AUTO_NUMBER' and e.part = 'text' then 'stored'
      when p.is_generated then 'virtual' when p.is_computed then 'kept' end,
    case when e.type = 'TS_VECTOR' then coalesce(s.basis, '')
      when e.type = 'AUTO_NUMBER' and e.part = 'text' then engine.auto_number_text('', e.settings)
      when p.is_computed then (select engine.computed_basis(f) from metadata.fields f where f.id = e.field_id) end,
    (not e.is_system or e.field_name in ('id', 'position')) and e.type <> 'AUTO_NUMBER' and not p.is_computed,
    e.position, e.ordinal, e.is_active,
    case when e.description = '' then e.label else e.description end
  from expanded e
  left join search s on s.object_id = e.object_id
  cross join lateral (select e.type in ('FORMULA', 'ROLLUP') as is_computed,
    e.type = 'FORMULA' and v_generates and not engine.formula_reads_relations(e.compiled) as is_generated) p;
end
$$;
comment on function engine.columns(uuid, uuid[]) is 'Every column that the fields of a workspace come to, as it should be; of the objects in scope, or of all.';

-- How a record of an object is named, as SQL over one of its rows.
create or replace function engine.label_expression(object_id uuid, alias text default null) returns text
language sql stable set search_path = ''
as $$
  select coalesce((
    select 'btrim(' || string_agg('coalesce(' || coalesce(quote_ident(alias) || '.', '')
        || quote_ident(engine.snake_case(f.name) || c.suffix) || ', '''')', ' || '' '' || ' order by c.position) || ')'
    from metadata.objects o
    join metadata.fields f on f.id = o.label_field_id
    join engine.field_type_columns c on c.type = f.type
    where o.id = label_expression.object_id and c.pg_type = 'text'
      and (f.type in ('FULL_NAME', 'AUTO_NUMBER') or c.position = 1)
  ), coalesce(quote_ident(alias) || '.', '') || 'id::text')
$$;
--! EndIncluded engine/fields.sql
--! Included engine/formula/refusals.sql
-- How a formula is refused: one code for each kind of mistake. The detail says where, in a form
-- that metadata.check_formula reads back for the screen.

create or replace function engine.formula_detail(token text, position_in_text int) returns text
language sql immutable parallel safe set search_path = ''
  return format('At character %s: %s', position_in_text, left(token, 60));

create or replace function engine.formula_syntax_error(message text, token text, position_in_text int, hint text default null) returns void
language plpgsql immutable set search_path = ''
as $$
begin
  raise exception '%', message using errcode = 'RV050', column = 'settings',
    detail = engine.formula_detail(token, position_in_text), hint = coalesce(hint, 'Names, numbers and "texts" are joined by + - * / & = and the like, such as: amount * probability');
end
$$;

create or replace function engine.formula_name_error(message text, token text, position_in_text int, hint text default null) returns void
language plpgsql immutable set search_path = ''
as $$
begin
  raise exception '%', message using errcode = 'RV051', column = 'settings', detail = engine.formula_detail(token, position_in_text), hint = coalesce(hint, '');
end
$$;

create or replace function engine.formula_call_error(message text, token text, position_in_text int, hint text default null) returns void
language plpgsql immutable set search_path = ''
as $$
begin
  raise exception '%', message using errcode = 'RV052', column = 'settings', detail = engine.formula_detail(token, position_in_text), hint = coalesce(hint, '');
end
$$;

create or replace function engine.formula_type_error(message text, token text, position_in_text int, hint text default null) returns void
language plpgsql immutable set search_path = ''
as $$
begin
  raise exception '%', message using errcode = 'RV053', column = 'settings', detail = engine.formula_detail(token, position_in_text), hint = coalesce(hint, '');
end
$$;

create or replace function engine.formula_limit_error(message text, token text, position_in_text int) returns void
language plpgsql immutable set search_path = ''
as $$
begin
  raise exception '%', message using errcode = 'RV054', column = 'settings', detail = engine.formula_detail(token, position_in_text),
    hint = 'Split it: a formula may use other formula fields.';
end
$$;

create or replace function engine.formula_context_error(message text, token text, position_in_text int, hint text default null) returns void
language plpgsql immutable set search_path = ''
as $$
begin
  raise exception '%', message using errcode = 'RV055', column = 'settings', detail = engine.formula_detail(token, position_in_text), hint = coalesce(hint, '');
end
$$;

-- The name that a misspelt one most likely meant; null when none is near.
create or replace function engine.nearest_name(name text, known text[]) returns text
language sql stable set search_path = ''
as $$
  select k from unnest(known) as u (k)
  where public.similarity(lower(k), lower(name)) >= 0.2
  order by public.similarity(lower(k), lower(name)) desc, abs(length(k) - length(name)), k limit 1
$$;

create or replace function engine.did_you_mean(name text, known text[]) returns text
language sql stable set search_path = ''
as $$
  select coalesce('Did you mean "' || engine.nearest_name(name, known) || '"?',
    'There are: ' || left((select string_agg(k, ', ' order by k) from unnest(known) as u (k)), 300))
$$;
--! EndIncluded engine/formula/refusals.sql
--! Included engine/formula/functions.sql
-- Powers overflow, and those of a negative base or of zero are not all defined; the order of the
-- conditions is the order in which PostgreSQL looks at them.
create or replace function engine.formula_power(base text, exponent text) returns text
language sql immutable parallel safe set search_path = ''
  return replace(replace('case when abs(<e>) > 100000 then null
    when <b> > 0 then case when abs(<e> * ln(<b>)) < 140 then power(<b>, <e>) end
    when <b> < 0 then case when <e> = trunc(<e>) and abs(<e> * ln(abs(<b>))) < 140 then power(<b>, <e>) end
    when <b> = 0 then case when <e> > 0 then 0 when <e> = 0 then 1 end end', '<b>', base), '<e>', exponent);

-- The functions of the formula language: the allow-list, and for most of them the whole of what
-- they do. Each template calls only immutable functions of PostgreSQL's own, since generated
-- columns allow nothing else, and yields a value (or null) whatever its arguments: an error here
-- would keep the record from being read. Functions without a template have rules of their own
-- (engine.formula_call).
--
-- Parameters: T text, N number, I whole number, B true/false, M date or date and time (as a
-- timestamp of UTC), H date and time, ? optional, + one or more, * any, U a unit, L a literal text.
create or replace function engine.formula_functions()
returns table (name text, params text, result text, template text, defaults text[], usage text)
language sql immutable parallel safe set search_path = ''
as $$
  select * from (values
    ('if', '*', null, null, null::text[], 'if(condition, value, otherwise)'),
    ('switch', '*', null, null, null, 'switch(value, "A", result, "B", result, otherwise)'),
    ('and', '*', null, null, null, 'and(condition, condition, …)'),
    ('or', '*', null, null, null, 'or(condition, condition, …)'),
    ('not', '*', null, null, null, 'not(condition)'),
    ('isEmpty', '*', null, null, null, 'isEmpty(value)'),
    ('coalesce', '*', null, null, null, 'coalesce(value, value, …)'),
    ('concat', '*', null, null, null, 'concat(value, value, …)'),
    ('min', '*', null, null, null, 'min(value, value, …)'),
    ('max', '*', null, null, null, 'max(value, value, …)'),
    ('upper', 'T', 'TEXT', 'upper(%1$s)', null, 'upper(text)'),
    ('lower', 'T', 'TEXT', 'lower(%1$s)', null, 'lower(text)'),
    ('trim', 'T', 'TEXT', 'btrim(%1$s)', null, 'trim(text)'),
    ('left', 'TI', 'TEXT', 'left(%1$s, greatest(%2$s, 0))', null, 'left(text, count)'),
    ('right', 'TI', 'TEXT', 'right(%1$s, greatest(%2$s, 0))', null, 'right(text, count)'),
    ('mid', 'TII?', 'TEXT', 'substr(%1$s, greatest(%2$s, 1), greatest(%3$s, 0))', '{1000000}', 'mid(text, start, count)'),
    ('length', '*', null, null, null, 'length(text)'),
    -- Bounded, for replacing each letter by a long text, and so again, would never end.
    ('replace', 'TTT', 'TEXT', 'left(replace(left(%1$s, 10000), left(%2$s, 1000), left(%3$s, 1000)), 10000)', null, 'replace(text, old, new)'),
    ('contains', '*', null, null, null, 'contains(text, part)'),
    ('startsWith', 'TT', 'BOOLEAN', 'coalesce(starts_with(%1$s, %2$s), false)', null, 'startsWith(text, beginning)'),
    ('endsWith', 'TT', 'BOOLEAN', 'coalesce(right(%1$s, length(%2$s)) = %2$s, false)', null, 'endsWith(text, end)'),
    ('text', '*', null, null, null, 'text(value)'),
    ('number', '*', null, null, null, 'number(value)'),
    ('percent', 'N', 'PERCENT', '%1$s', null, 'percent(fraction)'),
    ('round', '*', null, null, null, 'round(number, decimals)'),
    ('floor', '*', null, null, null, 'floor(number)'),
    ('ceil', '*', null, null, null, 'ceil(number)'),
    ('abs', '*', null, null, null, 'abs(number)'),
    ('mod', 'NN', 'NUMBER', 'mod(%1$s, nullif(%2$s, 0))', null, 'mod(number, divisor)'),
    ('power', 'NN', 'NUMBER', engine.formula_power('%1$s', '%2$s'), null, 'power(base, exponent)'),
    ('sqrt', 'N', 'NUMBER', 'case when %1$s >= 0 then sqrt(%1$s) end', null, 'sqrt(number)'),
    ('date', '*', null, null, null, 'date(year, month, day)'),
    ('dateTime', '*', null, null, null, 'dateTime(year, month, day, hour, minute, second)'),
    ('dateAdd', '*', null, null, null, 'dateAdd(date, count, "day")'),
    ('dateDiff', '*', null, null, null, 'dateDiff(from, to, "day")'),
    ('startOf', '*', null, null, null, 'startOf(date, "month")'),
    ('year', 'M', 'NUMBER', 'extract(year from %1$s)', null, 'year(date)'),
    ('quarter', 'M', 'NUMBER', 'extract(quarter from %1$s)', null, 'quarter(date)'),
    ('month', 'M', 'NUMBER', 'extract(month from %1$s)', null, 'month(date)'),
    ('week', 'M', 'NUMBER', 'extract(week from %1$s)', null, 'week(date)'),
    ('day', 'M', 'NUMBER', 'extract(day from %1$s)', null, 'day(date)'),
    ('weekday', 'M', 'NUMBER', 'extract(isodow from %1$s)', null, 'weekday(date)'),
    ('hour', 'H', 'NUMBER', 'extract(hour from %1$s)', null, 'hour(dateTime)'),
    ('minute', 'H', 'NUMBER', 'extract(minute from %1$s)', null, 'minute(dateTime)'),
    ('second', 'H', 'NUMBER', 'trunc(extract(second from %1$s))', null, 'second(dateTime)'),
    ('money', '*', null, null, null, 'money(number, "EUR")'),
    ('amount', '*', null, null, null, 'amount(money)'),
    ('currency', '*', null, null, null, 'currency(money)'),
    ('duration', '*', null, null, null, 'duration(count, "hour")'),
    ('now', '*', null, null, null, 'now()'),
    ('today', '*', null, null, null, 'today()'),
    ('currentMember', '*', null, null, null, 'currentMember()')
  ) as f (name, params, result, template, defaults, usage)
$$;
--! EndIncluded engine/formula/functions.sql
--! Included engine/formula/tokens.sql
-- The words of a formula, each with the place where it stands.

create type engine.formula_token as (kind text, value text, at int);

create or replace function engine.formula_tokens(source text) returns engine.formula_token[]
language plpgsql immutable set search_path = ''
as $$
declare
  v_tokens engine.formula_token[] := '{}';
  v_at int := 1;
  m text[];
begin
  if length(source) > 5000 then
    perform engine.formula_limit_error(format('The formula has %s characters; 5,000 are possible.', length(source)), left(source, 20), 1);
  end if;
  -- Every character is matched by something, the last alternative if by no other, so the lengths
  -- of the matches add up to places. Of several alternatives PostgreSQL takes the longest match.
  for m in
    select regexp_matches(source,
      '([[:space:]]+)|([0-9]+(?:[.][0-9]+)?(?:[eE][+-]?[0-9]+)?|[.][0-9]+)|([[:alpha:]_][[:alnum:]_]*)|("(?:[^"]|"")*")|(''(?:[^'']|'''')*'')|(<>|!=|<=|>=|[-+*/%^&=<>(),.])|(.)', 'g')
  loop
    case
      when m[1] is not null then null;
      when m[2] is not null then
        if length(m[2]) > 40 or m[2] ~ '[eE][+-]?[0-9]{3}' or abs(m[2]::double precision) > 1e30 or (m[2]::double precision > 0 and m[2]::double precision < 1e-30) then
          perform engine.formula_limit_error(format('The number %s is too long.', left(m[2], 30)), m[2], v_at);
        end if;
        v_tokens := v_tokens || row('number', m[2], v_at)::engine.formula_token;
      when m[3] is not null then
        v_tokens := v_tokens || row('name', m[3], v_at)::engine.formula_token;
      when m[4] is not null then
        v_tokens := v_tokens || row('text', replace(substr(m[4], 2, length(m[4]) - 2), '""', '"'), v_at)::engine.formula_token;
      when m[5] is not null then
        v_tokens := v_tokens || row('text', replace(substr(m[5], 2, length(m[5]) - 2), '''''', ''''), v_at)::engine.formula_token;
      when m[6] is not null then
        v_tokens := v_tokens || row('sign', m[6], v_at)::engine.formula_token;
      when m[7] in ('"', '''') then
        perform engine.formula_syntax_error(format('The text that begins at character %s has no closing %s.', v_at, m[7]), m[7], v_at,
          'Inside a text, write the quotation mark twice: "a ""quoted"" word".');
      when m[7] in ('“', '”', '„', '‘', '’', '«', '»') then
        perform engine.formula_syntax_error(format('The quotation mark %s at character %s is a printed one.', m[7], v_at), m[7], v_at, 'Use straight quotation marks: "text".');
      else
        perform engine.formula_syntax_error(format('The character "%s" at %s means nothing in a formula.', m[7], v_at), m[7], v_at,
          case m[7] when '!' then 'Write not, or != for "is not equal".' when '|' then 'Write or; texts are joined by &.' when ';' then 'Separate the arguments of a function by commas.'
            when '{' then 'Write the API name of a field as it is, without brackets.' when '[' then 'Write the API name of a field as it is, without brackets.' end);
    end case;
    v_at := v_at + length(concat(m[1], m[2], m[3], m[4], m[5], m[6], m[7]));
  end loop;
  return v_tokens || row('end', '', v_at)::engine.formula_token;
end
$$;
--! EndIncluded engine/formula/tokens.sql
--! Included engine/formula/parse.sql
-- From words to a tree, by precedence, with stacks of its own instead of recursion, so that no
-- depth of brackets reaches PostgreSQL's. A node is {"k": kind, "at": place, …}: num, str, bool,
-- null, ref (path), op (op, args), call (fn, args), list (args).

create or replace function engine.formula_precedence(op text) returns int
language sql immutable parallel safe set search_path = ''
  return case
    when op = 'or' then 1 when op = 'and' then 2 when op = 'not' then 3
    when op in ('=', '!=', '<', '<=', '>', '>=', 'in') then 4 when op = '&' then 5
    when op in ('+', '-') then 6 when op in ('*', '/', '%') then 7 when op = 'neg' then 8 when op = '^' then 9 end;

create or replace function engine.formula_parse(source text) returns jsonb
language plpgsql immutable set search_path = ''
as $$
declare
  v_tokens engine.formula_token[] := engine.formula_tokens(source);
  v_token engine.formula_token;
  v_next engine.formula_token;
  v_word text;
  v_op text;
  v_path text[];
  v_at int;
  -- Finished nodes, and how deep each is.
  v_nodes jsonb[] := '{}';
  v_depths int[] := '{}';
  -- Operators and opening brackets that wait: kind op, group, call or list; how many nodes lay below.
  v_kinds text[] := '{}';
  v_words text[] := '{}';
  v_places int[] := '{}';
  v_bases int[] := '{}';
  v_count int := 0;
  v_wants_value boolean := true;
  v_arity int;
  v_depth int;
  v_top int;
  i int := 1;
begin
  if v_tokens[1].kind = 'end' then
    perform engine.formula_syntax_error('The formula is empty.', '', 1, 'Write an expression such as: amount * probability');
  end if;
  loop
    v_token := v_tokens[i];
    v_next := v_tokens[i + 1];
    v_word := case when v_token.kind = 'name' then lower(v_token.value) end;
    if v_wants_value then
      v_at := v_token.at;
      case
        when v_token.kind = 'number' then
          v_nodes := v_nodes || jsonb_build_object('k', 'num', 'at', v_at, 'v', trim_scale(v_token.value::numeric)::text);
          v_wants_value := false;
        when v_token.kind = 'text' then
          v_nodes := v_nodes || jsonb_build_object('k', 'str', 'at', v_at, 'v', v_token.value);
          v_wants_value := false;
        when v_token.kind = 'name' and v_next.value = '(' and v_next.kind = 'sign' and v_word not in ('in', 'true', 'false', 'null')
          -- "not (a or b)" is the operator, and so is "a and (b or c)", which stands where no value is wanted.
          and v_word <> 'not' then
          v_kinds := v_kinds || 'call'::text; v_words := v_words || v_token.value; v_places := v_places || v_at; v_bases := v_bases || cardinality(v_nodes);
          i := i + 1;
          if v_tokens[i + 1].value = ')' and v_tokens[i + 1].kind = 'sign' then
            v_wants_value := false;
          end if;
        when v_word in ('true', 'false') then
          v_nodes := v_nodes || jsonb_build_object('k', 'bool', 'at', v_at, 'v', v_word);
          v_wants_value := false;
        when v_word = 'null' then
          v_nodes := v_nodes || jsonb_build_object('k', 'null', 'at', v_at);
          v_wants_value := false;
        when v_word = 'not' then
          v_kinds := v_kinds || 'op'::text; v_words := v_words || 'not'::text; v_places := v_places || v_at; v_bases := v_bases || cardinality(v_nodes);
        when v_word in ('and', 'or', 'in') then
          perform engine.formula_syntax_error(format('A value is missing before "%s" at character %s.', v_token.value, v_at), v_token.value, v_at);
        when v_token.kind = 'name' then
          v_path := array[v_token.value];
          while v_tokens[i + 1].kind = 'sign' and v_tokens[i + 1].value = '.' loop
            if v_tokens[i + 2].kind <> 'name' then
              perform engine.formula_syntax_error(format('A name is missing after the point at character %s.', v_tokens[i + 1].at), '.', v_tokens[i + 1].at,
                'Write the field of the related record, such as company.name.');
            end if;
            v_path := v_path || v_tokens[i + 2].value;
            i := i + 2;
          end loop;
          v_nodes := v_nodes || jsonb_build_object('k', 'ref', 'at', v_at, 'path', to_jsonb(v_path));
          v_wants_value := false;
        when v_token.value = '-' then
          v_kinds := v_kinds || 'op'::text; v_words := v_words || 'neg'::text; v_places := v_places || v_at; v_bases := v_bases || cardinality(v_nodes);
        when v_token.value = '(' then
          v_top := cardinality(v_kinds);
          v_kinds := v_kinds || case when v_top > 0 and v_kinds[v_top] = 'op' and v_words[v_top] = 'in' then 'list' else 'group' end;
          v_words := v_words || '('::text; v_places := v_places || v_at; v_bases := v_bases || cardinality(v_nodes);
        when v_token.kind = 'end' then
          perform engine.formula_syntax_error('The formula ends where a value is expected.', '', v_at);
        else
          perform engine.formula_syntax_error(format('A value is expected at character %s, not "%s".', v_at, v_token.value), v_token.value, v_at);
      end case;
      if cardinality(v_nodes) > cardinality(v_depths) then
        v_depths := v_depths || 1;
        v_count := v_count + 1;
      end if;
    else
      v_op := case
        when v_token.kind = 'end' then 'end'
        when v_token.kind = 'sign' and v_token.value = '<>' then '!='
        when v_token.kind = 'sign' then v_token.value
        when v_word in ('and', 'or', 'in') then v_word
      end;
      if v_op is null or v_op in ('(', '.') then
        perform engine.formula_syntax_error(format('An operator is expected at character %s, not "%s".', v_token.at, v_token.value), v_token.value, v_token.at,
          case when v_token.kind = 'text' then 'Join texts by &.' when v_op = '(' then 'Write * to multiply.' end);
      end if;
      -- What binds at least as tightly as this operator is finished; all, up to the bracket, at a comma or an end.
      loop
        v_top := cardinality(v_kinds);
        exit when v_top = 0 or v_kinds[v_top] <> 'op';
        -- A power binds from the right, and more than a sign on its left: -2 ^ 2 is -(2 ^ 2).
        exit when v_op not in (',', ')', 'end')
          and (engine.formula_precedence(v_words[v_top]) < engine.formula_precedence(v_op)
            or (v_op = '^' and v_words[v_top] = '^'));
        v_arity := case when v_words[v_top] in ('neg', 'not') then 1 else 2 end;
        v_depth := 1 + (select max(d) from unnest(v_depths[cardinality(v_depths) - v_arity + 1:]) d);
        v_nodes := v_nodes[:cardinality(v_nodes) - v_arity]
          || jsonb_build_object('k', 'op', 'op', v_words[v_top], 'at', v_places[v_top], 'args', to_jsonb(v_nodes[cardinality(v_nodes) - v_arity + 1:]));
        v_depths := v_depths[:cardinality(v_depths) - v_arity] || v_depth;
        v_count := v_count + 1;
        v_kinds := v_kinds[:v_top - 1]; v_words := v_words[:v_top - 1]; v_places := v_places[:v_top - 1]; v_bases := v_bases[:v_top - 1];
        if v_depth > 50 then
          perform engine.formula_limit_error('The formula is nested more than 50 deep.', source, 1);
        end if;
      end loop;
      case v_op
        when 'end' then
          if v_top > 0 then
            perform engine.formula_syntax_error(format('The bracket opened at character %s is not closed.', v_places[v_top]), v_words[v_top], v_places[v_top], 'Add a closing bracket ")".');
          end if;
          return v_nodes[1];
        when ',' then
          if v_top = 0 or v_kinds[v_top] = 'group' then
            perform engine.formula_syntax_error(format('The comma at character %s separates nothing.', v_token.at), ',', v_token.at,
              'Commas stand between the arguments of a function; the decimal point is a point.');
          end if;
          v_wants_value := true;
        when ')' then
          if v_top = 0 then
            perform engine.formula_syntax_error(format('The closing bracket at character %s was never opened.', v_token.at), ')', v_token.at, 'Remove it, or add an opening one.');
          end if;
          if v_kinds[v_top] <> 'group' then
            v_arity := cardinality(v_nodes) - v_bases[v_top];
            v_depth := 1 + coalesce((select max(d) from unnest(v_depths[v_bases[v_top] + 1:]) d), 0);
            v_nodes := v_nodes[:v_bases[v_top]] || (
              case v_kinds[v_top] when 'call' then jsonb_build_object('k', 'call', 'fn', v_words[v_top]) else '{"k": "list"}' end
              || jsonb_build_object('at', v_places[v_top], 'args', to_jsonb(v_nodes[v_bases[v_top] + 1:])));
            v_depths := v_depths[:v_bases[v_top]] || v_depth;
            v_count := v_count + 1;
            if v_depth > 50 then
              perform engine.formula_limit_error('The formula is nested more than 50 deep.', source, 1);
            end if;
          end if;
          v_kinds := v_kinds[:v_top - 1]; v_words := v_words[:v_top - 1]; v_places := v_places[:v_top - 1]; v_bases := v_bases[:v_top - 1];
        else
          v_kinds := v_kinds || 'op'::text; v_words := v_words || v_op; v_places := v_places || v_token.at; v_bases := v_bases || cardinality(v_nodes);
          v_wants_value := true;
      end case;
    end if;
    if v_count > 300 or cardinality(v_kinds) > 300 then
      perform engine.formula_limit_error('The formula has more than 300 parts.', v_token.value, v_token.at);
    end if;
    i := i + 1;
  end loop;
end
$$;
comment on function engine.formula_parse(text) is 'The tree of a formula: what it says, without knowing what the names mean.';
--! EndIncluded engine/formula/parse.sql
--! Included engine/formula/types.sql
-- What the names in a formula mean, and the type of each part of it. A typed node bears "t": NUMBER,
-- PERCENT, CURRENCY, TEXT, BOOLEAN, DATE, DATE_TIME, DURATION, ARRAY, UUID, JSON (asked only
-- whether it is empty) or NULL. Fields are named by id from here on, so that renames change nothing.

create or replace function engine.formula_type_name(t text) returns text
language sql immutable parallel safe set search_path = ''
  return case t when 'NUMBER' then 'a number' when 'PERCENT' then 'a percentage' when 'CURRENCY' then 'an amount of money' when 'TEXT' then 'a text'
    when 'BOOLEAN' then 'true or false' when 'DATE' then 'a date' when 'DATE_TIME' then 'a date and time' when 'DURATION' then 'a duration'
    when 'ARRAY' then 'a list' when 'UUID' then 'a record' when 'NULL' then 'nothing' else 'data without a simple value' end;

-- How a value of a column looks to a formula.
create or replace function engine.formula_column_type(pg_type text) returns text
language sql immutable parallel safe set search_path = ''
  return case pg_type when 'text' then 'TEXT' when 'double precision' then 'NUMBER' when 'bigint' then 'NUMBER' when 'numeric' then 'NUMBER'
    when 'smallint' then 'NUMBER' when 'boolean' then 'BOOLEAN' when 'date' then 'DATE' when 'timestamp with time zone' then 'DATE_TIME'
    when 'uuid' then 'UUID' when 'text[]' then 'ARRAY' when 'jsonb' then 'JSON' end;

-- The part that stands for a composite field where none is named; null where one must be.
create or replace function engine.formula_main_part(field_type text) returns text
language sql immutable parallel safe set search_path = ''
  return case field_type when 'EMAILS' then 'primaryEmail' when 'PHONES' then 'primaryPhoneNumber' when 'LINKS' then 'primaryLinkUrl'
    when 'RICH_TEXT' then 'markdown' when 'ACTOR' then 'name' when 'AUTO_NUMBER' then 'text' end;

-- Resolves a path of names from an object: its own fields, parts of them, and fields of the records
-- that its relations point to, two relations far.
create or replace function engine.formula_reference(node jsonb, object_id uuid, context text) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_path text[] := array(select jsonb_array_elements_text(node -> 'path'));
  v_at int := (node ->> 'at')::int;
  v_said text := array_to_string(v_path, '.');
  v_object uuid := object_id;
  v_via jsonb := '[]';
  v_field metadata.fields;
  v_part text := '';
  v_type text;
  v_target uuid;
  i int := 1;
begin
  if context = 'DEFAULT' then
    perform engine.formula_context_error(format('A default value cannot read the field "%s": there is no record yet.', v_said), v_said, v_at,
      'Use now(), today(), currentMember() and constants, or make the field a formula.');
  end if;
  loop
    -- Names of functions without brackets are a common slip.
    select f.* into v_field from metadata.fields f
    where f.object_id = v_object and lower(f.name) = lower(v_path[i]) and f.deleted_at is null and f.type <> 'TS_VECTOR'
    order by f.name = v_path[i] desc limit 1;
    if not found then
      perform engine.formula_name_error(
        format('There is no field "%s" in %s.', v_path[i], (select o.label_plural from metadata.objects o where o.id = v_object)), v_path[i], v_at,
        case
          when exists (select from engine.formula_functions() f where lower(f.name) = lower(v_path[i])) then format('The function is written with brackets: %s.', (select f.usage from engine.formula_functions() f where lower(f.name) = lower(v_path[i])))
          when exists (select from metadata.relations r where r.target_object_id = v_object and lower(r.inverse_name) = lower(v_path[i]) and r.deleted_at is null)
            then format('"%s" are many records. A rollup field counts, adds or lists them.', v_path[i])
          else engine.did_you_mean(v_path[i], array(select f.name from metadata.fields f where f.object_id = v_object and f.deleted_at is null and f.type not in ('TS_VECTOR', 'MANY_TO_MANY')))
            || case when v_path[i] ~ '^[A-Z]' then ' A text stands in quotation marks.' else '' end
        end);
    end if;
    exit when v_field.type not in ('RELATION', 'MEMBER') or i = cardinality(v_path);
    if jsonb_array_length(v_via) = 2 then
      perform engine.formula_context_error(format('"%s" goes over more than two relations.', v_said), v_said, v_at, 'Add a formula field to the object between, and read that.');
    end if;
    select r.target_object_id into v_target from metadata.relations r where r.field_id = v_field.id and r.deleted_at is null;
    v_via := v_via || to_jsonb(v_field.id);
    v_object := v_target;
    i := i + 1;
  end loop;
  if v_via <> '[]' and context in ('CONDITION', 'FILTER') then
    perform engine.formula_context_error(format('A condition reads fields of the record itself, not "%s".', v_said), v_said, v_at,
      format('Add a formula field with the expression %s, and use that field here.', v_said));
  end if;

  case
    when v_field.type in ('RELATION', 'MEMBER') then v_type := 'UUID';
    when v_field.type = 'MANY_TO_MANY' then
      perform engine.formula_type_error(format('"%s" are many records; a formula reads one.', v_said), v_said, v_at, 'A rollup field counts, adds or lists them.');
    when v_field.type = 'MORPH_RELATION' then
      if i < cardinality(v_path) then
        perform engine.formula_type_error(format('"%s" points to records of several objects, so their fields cannot be read here.', v_field.name), v_said, v_at);
      end if;
      v_type := 'UUID';
    when v_field.type in ('FORMULA', 'ROLLUP') then
      if v_field.result_type is null then
        perform engine.formula_name_error(format('The field "%s" is not computed yet.', v_field.name), v_said, v_at, 'Correct its own settings first.');
      end if;
      v_type := v_field.result_type;
    when v_field.type = 'CURRENCY' then v_type := 'CURRENCY';
    when v_field.type = 'FULL_NAME' then v_type := 'TEXT';
    when v_field.type in ('PERCENT', 'DURATION') then v_type := v_field.type;
    else
      v_part := coalesce(engine.formula_main_part(v_field.type), '');
      select engine.formula_column_type(c.pg_type) into v_type from engine.field_type_columns c where c.type = v_field.type and c.part = v_part;
      v_type := coalesce(v_type, 'JSON');
  end case;
  if i < cardinality(v_path) then
    i := i + 1;
    select c.part, engine.formula_column_type(c.pg_type) into v_part, v_type from engine.field_type_columns c
    where c.type = case when v_field.type in ('FORMULA', 'ROLLUP') then v_field.result_type else v_field.type end and c.part <> '' and lower(c.part) = lower(v_path[i]);
    if not found or i < cardinality(v_path) then
      perform engine.formula_name_error(format('The field "%s" has no part "%s".', v_field.name, array_to_string(v_path[i:], '.')), v_path[i], v_at,
        coalesce((select engine.did_you_mean(v_path[i], array_agg(c.part)) from engine.field_type_columns c where c.type = v_field.type and c.part <> '' having count(*) > 0),
          format('Write %s alone.', v_field.name)));
    end if;
  end if;
  return jsonb_build_object('k', 'field', 'at', v_at, 't', v_type, 'field', v_field.id, 'part', v_part)
    || case when v_via = '[]' then '{}' else jsonb_build_object('via', v_via) end
    || case when v_field.type in ('SELECT', 'MULTI_SELECT', 'MORPH_RELATION', 'ADDRESS', 'LOCATION') and v_part = '' then jsonb_build_object('ft', v_field.type) else '{}' end;
end
$$;

-- What a node says, in the words of the formula: for messages.
create or replace function engine.formula_said(node jsonb) returns text
language sql stable set search_path = ''
  return case node ->> 'k'
    when 'field' then (select f.name from metadata.fields f where f.id = (node ->> 'field')::uuid)
    when 'null' then 'null'
    else coalesce(node ->> 'v', node ->> 'op', node ->> 'fn', '(…)') end;

-- A node as another type, where that says the same: a whole day as a moment, a number as an amount
-- of the currency around it, anything simple as text. Null where it does not.
create or replace function engine.formula_as(node jsonb, t text) returns jsonb
language sql immutable parallel safe set search_path = ''
  return case
    when node ->> 't' = t then node
    when node ->> 't' = 'NULL' then node || jsonb_build_object('t', t)
    when (node ->> 't', t) in (('NUMBER', 'PERCENT'), ('PERCENT', 'NUMBER')) then node || jsonb_build_object('t', 'NUMBER')
    when (node ->> 't', t) in (('DATE', 'DATE_TIME'), ('NUMBER', 'CURRENCY'))
      or (t = 'TEXT' and node ->> 't' in ('NUMBER', 'PERCENT', 'CURRENCY', 'BOOLEAN', 'DATE', 'DATE_TIME', 'DURATION', 'UUID'))
      then jsonb_build_object('k', 'cast', 'at', node -> 'at', 't', t, 'args', jsonb_build_array(node))
  end;

-- The type that several values have in common; null when they have none.
create or replace function engine.formula_common_type(types text[]) returns text
language sql immutable parallel safe set search_path = ''
as $$
  select case
    when count(distinct t) = 0 then 'NULL'
    when count(distinct t) = 1 then min(t)
    when bool_and(t in ('NUMBER', 'PERCENT')) then 'NUMBER'
    when bool_and(t in ('NUMBER', 'CURRENCY')) then 'CURRENCY'
    when bool_and(t in ('DATE', 'DATE_TIME')) then 'DATE_TIME'
  end
  from unnest(types) as u (t) where t <> 'NULL'
$$;

-- A literal compared with a select must be one of its options: a misspelt one would be false for ever.
create or replace function engine.formula_option(field jsonb, literal jsonb) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_field metadata.fields;
  v_value text;
begin
  if field ->> 'ft' not in ('SELECT', 'MULTI_SELECT') or not field ? 'ft' or literal ->> 'k' <> 'str' then
    return literal;
  end if;
  select f.* into v_field from metadata.fields f where f.id = (field ->> 'field')::uuid;
  select o ->> 'value' into v_value from jsonb_array_elements(v_field.options) o
  where literal ->> 'v' in (o ->> 'value', o ->> 'label') order by o ->> 'value' = literal ->> 'v' desc limit 1;
  if not found then
    perform engine.formula_type_error(format('"%s" is no option of the field "%s".', literal ->> 'v', v_field.name), literal ->> 'v', (literal ->> 'at')::int,
      engine.did_you_mean(literal ->> 'v', array(select o ->> 'value' from jsonb_array_elements(v_field.options) o)));
  end if;
  return literal || jsonb_build_object('v', v_value, 'of', v_field.id);
end
$$;

create or replace function engine.formula_expect(node jsonb, t text, what text) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_node jsonb := engine.formula_as(node, t);
begin
  -- To write a number where a text is wanted is more often a slip than meant.
  if v_node is null or (t = 'TEXT' and node ->> 't' not in ('TEXT', 'NULL')) or (t = 'CURRENCY' and node ->> 't' = 'NUMBER') then
    perform engine.formula_type_error(format('%s must be %s, but "%s" is %s.', what, engine.formula_type_name(t), engine.formula_said(node), engine.formula_type_name(node ->> 't')),
      engine.formula_said(node), (node ->> 'at')::int,
      case when t = 'TEXT' then 'text(…) makes a text of a value.' when t = 'NUMBER' and node ->> 't' = 'TEXT' then 'number(…) reads a number from a text.'
        when t = 'NUMBER' and node ->> 't' = 'CURRENCY' then 'amount(…) gives the number of an amount of money.'
        when t = 'NUMBER' and node ->> 't' = 'DURATION' then 'number(…) gives the seconds of a duration.'
        when t = 'BOOLEAN' then 'Write a comparison, such as amount > 0 or not isEmpty(name).' end);
  end if;
  return v_node;
end
$$;

create or replace function engine.formula_operation(node jsonb, args jsonb) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_op text := node ->> 'op';
  v_at int := (node ->> 'at')::int;
  a jsonb := args -> 0;
  b jsonb := args -> 1;
  ta text := a ->> 't';
  tb text := b ->> 't';
  v_type text;
  v_result text;
begin
  case
    when v_op in ('and', 'or') then
      a := engine.formula_expect(a, 'BOOLEAN', format('What stands before "%s"', v_op));
      b := engine.formula_expect(b, 'BOOLEAN', format('What stands after "%s"', v_op));
      v_result := 'BOOLEAN';
    when v_op = 'not' then
      a := engine.formula_expect(a, 'BOOLEAN', 'What stands after "not"');
      v_result := 'BOOLEAN';
    when v_op = 'neg' then
      v_result := case when ta in ('NUMBER', 'PERCENT', 'CURRENCY', 'DURATION') then ta when ta = 'NULL' then 'NUMBER' end;
      if ta = 'NULL' then a := engine.formula_as(a, 'NUMBER'); end if;
    when v_op = '&' then
      v_result := case when engine.formula_as(a, 'TEXT') is not null and engine.formula_as(b, 'TEXT') is not null then 'TEXT' end;
      a := coalesce(engine.formula_as(a, 'TEXT'), a);
      b := coalesce(engine.formula_as(b, 'TEXT'), b);
    when v_op = 'in' then
      if b ->> 'k' = 'list' then
        v_type := engine.formula_common_type(array[ta] || array(select e ->> 't' from jsonb_array_elements(b -> 'args') e));
        if v_type is not null and v_type not in ('ARRAY', 'JSON', 'NULL') then
          a := engine.formula_as(a, v_type);
          b := b || jsonb_build_object('args', (select coalesce(jsonb_agg(engine.formula_as(engine.formula_option(a, e), v_type)), '[]') from jsonb_array_elements(b -> 'args') e));
          v_result := 'BOOLEAN';
        end if;
      elsif tb = 'ARRAY' and ta in ('TEXT', 'NULL') then
        a := engine.formula_as(engine.formula_option(b, a), 'TEXT');
        v_result := 'BOOLEAN';
      end if;
    when v_op in ('=', '!=', '<', '<=', '>', '>=') then
      v_type := engine.formula_common_type(array[ta, tb]);
      if v_type is not null and v_type <> 'JSON' and (v_op in ('=', '!=') or v_type not in ('ARRAY', 'UUID', 'BOOLEAN', 'NULL')) then
        a := engine.formula_option(b, a);
        b := engine.formula_option(a, b);
        a := engine.formula_as(a, case v_type when 'NULL' then 'TEXT' else v_type end);
        b := engine.formula_as(b, case v_type when 'NULL' then 'TEXT' else v_type end);
        v_result := 'BOOLEAN';
      end if;
    else
      -- A percentage is a number, and nothing is a number, too, unless what it stands with is a date.
      if ta = 'NULL' then ta := case when tb = 'NULL' or v_op in ('*', '/', '^', '%') then 'NUMBER' else tb end; a := engine.formula_as(a, ta); end if;
      if tb = 'NULL' then tb := case when v_op in ('*', '/', '^', '%') or ta in ('DATE', 'DATE_TIME') then 'NUMBER' else ta end; b := engine.formula_as(b, tb); end if;
      v_result := case
        when v_op in ('+', '-') and ta = 'PERCENT' and tb = 'PERCENT' then 'PERCENT'
        when ta in ('NUMBER', 'PERCENT') and tb in ('NUMBER', 'PERCENT') then 'NUMBER'
        when v_op in ('+', '-') and (ta, tb) in (('CURRENCY', 'CURRENCY'), ('CURRENCY', 'NUMBER'), ('NUMBER', 'CURRENCY')) then 'CURRENCY'
        when v_op in ('+', '-') and ta = 'DURATION' and tb = 'DURATION' then 'DURATION'
        when v_op in ('+', '-') and ta in ('DATE', 'DATE_TIME') and tb = 'NUMBER' then ta
        when v_op = '+' and ta = 'NUMBER' and tb in ('DATE', 'DATE_TIME') then tb
        when v_op in ('+', '-') and ta in ('DATE', 'DATE_TIME') and tb = 'DURATION' then 'DATE_TIME'
        when v_op = '+' and ta = 'DURATION' and tb in ('DATE', 'DATE_TIME') then 'DATE_TIME'
        when v_op = '-' and ta = 'DATE' and tb = 'DATE' then 'NUMBER'
        when v_op = '-' and ta in ('DATE', 'DATE_TIME') and tb in ('DATE', 'DATE_TIME') then 'DURATION'
        when v_op = '*' and ta in ('CURRENCY', 'DURATION') and tb in ('NUMBER', 'PERCENT') then ta
        when v_op = '*' and ta in ('NUMBER', 'PERCENT') and tb in ('CURRENCY', 'DURATION') then tb
        when v_op = '/' and ta in ('CURRENCY', 'DURATION') and tb in ('NUMBER', 'PERCENT') then ta
        when v_op = '/' and ta in ('CURRENCY', 'DURATION') and tb = ta then 'NUMBER'
      end;
      if v_result = 'CURRENCY' and v_op in ('+', '-') then
        a := engine.formula_as(a, 'CURRENCY');
        b := engine.formula_as(b, 'CURRENCY');
      elsif v_result in ('DATE_TIME', 'DURATION') and v_op in ('+', '-') then
        a := case when ta = 'DATE' then engine.formula_as(a, 'DATE_TIME') else a end;
        b := case when tb = 'DATE' then engine.formula_as(b, 'DATE_TIME') else b end;
      end if;
  end case;
  if v_result is null then
    perform engine.formula_type_error(
      case when v_op = 'neg' then format('"-" cannot stand before "%s", which is %s.', engine.formula_said(a), engine.formula_type_name(ta))
        when v_op = 'in' and b ->> 'k' <> 'list' then format('"in" is followed by a list, such as ("A", "B"), or by a field that holds several values; "%s" is %s.', engine.formula_said(b), engine.formula_type_name(tb))
        else format('"%s" cannot join "%s", which is %s, and "%s", which is %s.', v_op, engine.formula_said(a), engine.formula_type_name(ta), engine.formula_said(b),
          case when b ->> 'k' = 'list' then 'a list of something else' else engine.formula_type_name(tb) end) end,
      v_op, v_at,
      case
        when v_op = '+' and 'TEXT' in (ta, tb) then 'Texts are joined by &.'
        when (ta, tb) in (('DURATION', 'NUMBER'), ('NUMBER', 'DURATION')) then 'duration(2, "hour") makes a duration of a number.'
        when ta = 'CURRENCY' and tb = 'CURRENCY' then 'Money is multiplied by a number; amount(…) gives the number of an amount of money.'
        when 'UUID' in (ta, tb) then 'Compare a field of the record, such as company.name.'
        when 'TEXT' in (ta, tb) and v_op <> '&' then 'number(…) reads a number from a text, text(…) makes a text of a value.'
      end);
  end if;
  return jsonb_build_object('k', 'op', 'op', v_op, 'at', v_at, 't', v_result, 'args', case when b is null then jsonb_build_array(a) else jsonb_build_array(a, b) end);
end
$$;
--! EndIncluded engine/formula/types.sql
--! Included engine/formula/check.sql
-- The types of functions, and the walk over the tree.

create or replace function engine.formula_unit(node jsonb, units text[], name text) returns void
language plpgsql stable set search_path = ''
as $$
begin
  if node ->> 'k' is distinct from 'str' or lower(node ->> 'v') <> all (units) then
    perform engine.formula_call_error(format('"%s" is no unit of %s.', engine.formula_said(node), name), engine.formula_said(node), (node ->> 'at')::int,
      'Write one of these, in quotation marks: ' || array_to_string(units, ', '));
  end if;
end
$$;

create or replace function engine.formula_call(node jsonb, args jsonb, context text) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_at int := (node ->> 'at')::int;
  v_said text := node ->> 'fn';
  v_count int := jsonb_array_length(args);
  v_types text[] := array(select e ->> 't' from jsonb_array_elements(args) e);
  v_args jsonb := '[]';
  v_type text;
  v_result text;
  v_params text;
  v_min int;
  v_max int;
  f record;
begin
  select * into f from engine.formula_functions() g where lower(g.name) = lower(v_said);
  if not found then
    perform engine.formula_call_error(format('There is no function "%s".', v_said), v_said, v_at,
      engine.did_you_mean(v_said, array(select g.name from engine.formula_functions() g where context = 'DEFAULT' or g.name not in ('now', 'today', 'currentMember'))));
  end if;
  v_params := regexp_replace(f.params, '[?+]', '', 'g');
  v_max := case f.name when 'if' then 3 when 'isEmpty' then 1 when 'length' then 1 when 'contains' then 2 when 'text' then 1 when 'number' then 1
    when 'round' then 2 when 'floor' then 1 when 'ceil' then 1 when 'abs' then 1 when 'date' then 3 when 'dateTime' then 6 when 'dateAdd' then 3 when 'dateDiff' then 3
    when 'startOf' then 2 when 'money' then 2 when 'amount' then 1 when 'currency' then 1 when 'duration' then 2 when 'now' then 0 when 'today' then 0
    when 'currentMember' then 0 else case f.params when '*' then 100 else length(v_params) end end;
  v_min := case f.name when 'if' then 2 when 'switch' then 3 when 'round' then 1 when 'date' then 1 when 'dateTime' then 3 when 'coalesce' then 1
    when 'and' then 1 when 'or' then 1 when 'concat' then 1 when 'min' then 1 when 'max' then 1
    else case f.params when '*' then v_max else length(v_params) - (length(f.params) - length(replace(f.params, '?', ''))) end end;
  if v_count not between v_min and v_max then
    perform engine.formula_call_error(format('"%s" takes %s, not %s.', f.name,
        case when v_max = 0 then 'no arguments' when v_min = v_max then v_min || case v_min when 1 then ' argument' else ' arguments' end
          when v_max = 100 then 'at least ' || v_min || case v_min when 1 then ' argument' else ' arguments' end else v_min || ' to ' || v_max || ' arguments' end, v_count),
      v_said, v_at, 'Write it as ' || f.usage || '.');
  end if;

  case
    when f.template is not null then
      for i in 1 .. v_count loop
        v_args := v_args || jsonb_build_array(case substr(v_params, i, 1)
          when 'T' then engine.formula_expect(args -> (i - 1), 'TEXT', format('Argument %s of "%s"', i, f.name))
          when 'M' then case when v_types[i] = 'DATE' then args -> (i - 1) else engine.formula_expect(args -> (i - 1), 'DATE_TIME', format('Argument %s of "%s"', i, f.name)) end
          when 'H' then engine.formula_expect(args -> (i - 1), 'DATE_TIME', format('Argument %s of "%s"', i, f.name))
          else engine.formula_expect(args -> (i - 1), 'NUMBER', format('Argument %s of "%s"', i, f.name)) end);
      end loop;
      v_result := f.result;
    when f.name = 'if' then
      v_result := engine.formula_common_type(v_types[2:]);
      if v_result is not null then
        v_args := jsonb_build_array(engine.formula_expect(args -> 0, 'BOOLEAN', 'The condition of "if"'), engine.formula_as(args -> 1, v_result))
          || case when v_count = 3 then jsonb_build_array(engine.formula_as(args -> 2, v_result)) else '[]' end;
      end if;
    when f.name = 'switch' then
      declare
        -- Value, pairs of case and result, perhaps a last value.
        v_pairs int := (v_count - 1) / 2;
        v_key text := engine.formula_common_type(v_types[1:1] || array(select v_types[2 * i] from generate_series(1, v_pairs) i));
      begin
        if v_key is null or v_key in ('JSON', 'ARRAY', 'NULL') then
          perform engine.formula_type_error('The values that "switch" compares are of different kinds.', v_said, v_at, 'Write it as ' || f.usage || '.');
        end if;
        v_result := engine.formula_common_type(array(select v_types[2 * i + 1] from generate_series(1, v_pairs) i) || case when v_count % 2 = 0 then v_types[v_count:v_count] else '{}' end);
        if v_result is not null then
          for i in 1 .. v_count loop
            v_args := v_args || jsonb_build_array(case
              when i = 1 then engine.formula_as(args -> 0, v_key)
              when i % 2 = 0 and i < v_count then engine.formula_as(engine.formula_option(args -> 0, args -> (i - 1)), v_key)
              else engine.formula_as(args -> (i - 1), v_result) end);
          end loop;
        end if;
      end;
    when f.name in ('and', 'or') then
      select jsonb_agg(engine.formula_expect(e, 'BOOLEAN', format('Each argument of "%s"', f.name)) order by n) into v_args from jsonb_array_elements(args) with ordinality as u (e, n);
      v_result := 'BOOLEAN';
    when f.name = 'isEmpty' then
      v_args := args;
      v_result := 'BOOLEAN';
    when f.name in ('coalesce', 'min', 'max') then
      v_result := engine.formula_common_type(v_types);
      if v_result is not null and (f.name = 'coalesce' or v_result not in ('BOOLEAN', 'ARRAY', 'UUID', 'JSON')) then
        select jsonb_agg(engine.formula_as(e, v_result) order by n) into v_args from jsonb_array_elements(args) with ordinality as u (e, n);
      else
        v_result := null;
      end if;
    when f.name in ('concat', 'text') then
      select jsonb_agg(engine.formula_as(e, 'TEXT') order by n), case when bool_and(engine.formula_as(e, 'TEXT') is not null) then 'TEXT' end
        into v_args, v_result from jsonb_array_elements(args) with ordinality as u (e, n);
    when f.name = 'length' then
      v_args := case when v_types[1] = 'ARRAY' then args else jsonb_build_array(engine.formula_expect(args -> 0, 'TEXT', 'The argument of "length"')) end;
      v_result := 'NUMBER';
    when f.name = 'contains' then
      v_args := case when v_types[1] = 'ARRAY' then jsonb_build_array(args -> 0) else jsonb_build_array(engine.formula_expect(args -> 0, 'TEXT', 'The first argument of "contains"')) end
        || jsonb_build_array(engine.formula_expect(engine.formula_option(args -> 0, args -> 1), 'TEXT', 'The second argument of "contains"'));
      v_result := 'BOOLEAN';
    when f.name = 'number' then
      v_args := args;
      v_result := case when v_types[1] in ('TEXT', 'NUMBER', 'PERCENT', 'DURATION', 'NULL') then 'NUMBER' end;
      if v_types[1] = 'NULL' then v_args := jsonb_build_array(engine.formula_as(args -> 0, 'TEXT')); end if;
    when f.name in ('round', 'floor', 'ceil', 'abs') then
      v_result := case when v_types[1] in ('NUMBER', 'PERCENT', 'CURRENCY', 'DURATION') then v_types[1] when v_types[1] = 'NULL' then 'NUMBER' end;
      if v_result is not null then
        v_args := jsonb_build_array(engine.formula_as(args -> 0, v_result))
          || case when v_count = 2 then jsonb_build_array(engine.formula_expect(args -> 1, 'NUMBER', 'The number of decimals')) else '[]' end;
      end if;
    when f.name in ('date', 'dateTime') then
      v_args := args;
      v_result := case f.name when 'date' then 'DATE' else 'DATE_TIME' end;
      if v_count = 1 and v_types[1] in ('DATE', 'DATE_TIME') then
        v_args := jsonb_build_array(engine.formula_as(args -> 0, 'DATE_TIME'));
      elsif v_count = 1 then
        if args #>> '{0,k}' <> 'str' or not engine.is_calendar_day(args #>> '{0,v}') then
          perform engine.formula_type_error(format('"%s" is no date.', engine.formula_said(args -> 0)), engine.formula_said(args -> 0), v_at,
            'Write date(2026, 12, 31) or date("2026-12-31"); a date and time gives its day.');
        end if;
      elsif v_count < 3 then
        perform engine.formula_call_error('"date" takes 1 or 3 arguments, not 2.', v_said, v_at, 'Write it as ' || f.usage || '.');
      else
        select jsonb_agg(engine.formula_expect(e, 'NUMBER', format('Argument %s of "%s"', n, f.name)) order by n) into v_args from jsonb_array_elements(args) with ordinality as u (e, n);
      end if;
    when f.name = 'dateAdd' then
      perform engine.formula_unit(args -> 2, '{day,week,month,quarter,year,hour,minute,second}', 'dateAdd');
      v_result := case when v_types[1] = 'DATE' and lower(args #>> '{2,v}') not in ('hour', 'minute', 'second') then 'DATE' else 'DATE_TIME' end;
      v_args := jsonb_build_array(engine.formula_expect(args -> 0, v_result, 'The first argument of "dateAdd"'), engine.formula_expect(args -> 1, 'NUMBER', 'The second argument of "dateAdd"'), args -> 2);
    when f.name = 'dateDiff' then
      perform engine.formula_unit(args -> 2, '{day,week,month,quarter,year,hour,minute,second}', 'dateDiff');
      v_args := jsonb_build_array(engine.formula_expect(args -> 0, 'DATE_TIME', 'The first argument of "dateDiff"'), engine.formula_expect(args -> 1, 'DATE_TIME', 'The second argument of "dateDiff"'), args -> 2);
      v_result := 'NUMBER';
    when f.name = 'startOf' then
      perform engine.formula_unit(args -> 1, '{day,week,month,quarter,year,hour}', 'startOf');
      v_result := case when v_types[1] = 'DATE' then 'DATE' else 'DATE_TIME' end;
      v_args := jsonb_build_array(engine.formula_expect(args -> 0, v_result, 'The first argument of "startOf"'), args -> 1);
    when f.name = 'money' then
      if args #>> '{1,k}' = 'str' and args #>> '{1,v}' !~ '^[A-Z]{3}$' then
        perform engine.formula_type_error(format('"%s" is no currency.', args #>> '{1,v}'), args #>> '{1,v}', (args #>> '{1,at}')::int, 'Write the code of three letters, such as "EUR".');
      end if;
      v_args := jsonb_build_array(engine.formula_expect(args -> 0, 'NUMBER', 'The first argument of "money"'), engine.formula_expect(args -> 1, 'TEXT', 'The second argument of "money"'));
      v_result := 'CURRENCY';
    when f.name in ('amount', 'currency') then
      v_args := jsonb_build_array(engine.formula_expect(args -> 0, 'CURRENCY', format('The argument of "%s"', f.name)));
      v_result := case f.name when 'amount' then 'NUMBER' else 'TEXT' end;
    when f.name = 'duration' then
      perform engine.formula_unit(args -> 1, '{second,minute,hour,day,week}', 'duration');
      v_args := jsonb_build_array(engine.formula_expect(args -> 0, 'NUMBER', 'The first argument of "duration"'), args -> 1);
      v_result := 'DURATION';
    when f.name in ('now', 'today', 'currentMember') then
      if context <> 'DEFAULT' then
        perform engine.formula_context_error(format('"%s()" changes by itself, so it cannot be used here.', f.name), v_said, v_at,
          case f.name when 'currentMember' then 'It is possible in default values. Who created or changed a record is in createdBy and updatedBy.'
            else 'What is computed is stored and indexed, and would be wrong a moment later. Use updatedAt or a date field, or filter the list by "today" instead. In default values it is possible.' end);
      end if;
      v_result := case f.name when 'now' then 'DATE_TIME' when 'today' then 'DATE' else 'UUID' end;
    else
      perform engine.formula_call_error(format('"%s" is written without a function''s brackets.', f.name), v_said, v_at, 'Write it as ' || f.usage || '.');
  end case;
  if v_result is null then
    perform engine.formula_type_error(
      case when v_count = 1 then format('"%s" cannot be given "%s", which is %s.', f.name, engine.formula_said(args -> 0), engine.formula_type_name(v_types[1]))
        else format('"%s" is given values of different kinds: %s.', f.name, (select string_agg(distinct engine.formula_type_name(t), ' and ') from unnest(case f.name when 'if' then v_types[2:] else v_types end) as u (t) where t <> 'NULL')) end,
      v_said, v_at, 'text(…) makes a text of a value, number(…) a number of a text.');
  end if;
  return jsonb_build_object('k', 'call', 'fn', f.name, 'at', v_at, 't', v_result, 'args', v_args);
end
$$;

create or replace function engine.is_calendar_day(value text) returns boolean
language plpgsql immutable set search_path = ''
as $$
begin
  return value ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$'
    and make_date(left(value, 4)::int, substr(value, 6, 2)::int, right(value, 2)::int) is not null;
exception when data_exception then
  return false;
end
$$;

create or replace function engine.formula_typed(node jsonb, object_id uuid, context text) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_args jsonb;
begin
  case node ->> 'k'
    when 'num' then return node || '{"t": "NUMBER"}';
    when 'str' then return node || '{"t": "TEXT"}';
    when 'bool' then return node || '{"t": "BOOLEAN"}';
    when 'null' then return node || '{"t": "NULL"}';
    when 'ref' then return engine.formula_reference(node, object_id, context);
    else
      select coalesce(jsonb_agg(engine.formula_typed(e, object_id, context) order by n), '[]') into v_args
      from jsonb_array_elements(node -> 'args') with ordinality as u (e, n);
      case node ->> 'k'
        when 'op' then return engine.formula_operation(node, v_args);
        when 'call' then return engine.formula_call(node, v_args, context);
        else return node || jsonb_build_object('args', v_args);
      end case;
  end case;
end
$$;
--! EndIncluded engine/formula/check.sql
--! Included engine/formula/render.sql
-- A typed formula as SQL. Only what is written here and in engine.formula_functions can come out:
-- built-in immutable operators and functions, columns of the model, and literals.
--
-- No value of a record may make the expression fail, since that record could not be read or
-- written any more. So numbers are numeric (which holds all of a float8), what is outside of a
-- function's domain becomes null before the function sees it, and comparisons are true or false.

-- The name under which a formula reads the record at the end of some relations.
create or replace function engine.formula_alias(via jsonb) returns text
language sql immutable parallel safe set search_path = ''
  return 'r_' || left(md5(via::text), 10);

create or replace function engine.formula_pg_type(t text) returns text
language sql immutable parallel safe set search_path = ''
  return case t when 'TEXT' then 'text' when 'BOOLEAN' then 'boolean' when 'DATE' then 'date' when 'DATE_TIME' then 'timestamptz'
    when 'ARRAY' then 'text[]' when 'UUID' then 'uuid' else 'numeric' end;

-- Null outside of the bounds; written with functions that evaluate their argument once.
create or replace function engine.formula_bounded(sql text, low text, high text) returns text
language sql immutable parallel safe set search_path = ''
  return format('nullif(nullif(least(greatest(%s, %s), %s), %3$s), %2$s)', sql, low, high);

-- Does a formula read other records? What reads only its own is a generated column.
create or replace function engine.formula_reads_relations(compiled jsonb) returns boolean
language sql immutable parallel safe set search_path = ''
  return jsonb_path_exists(compiled, 'strict $.**.via');

-- The columns that hold a field, or one part of it.
create or replace function engine.formula_columns(field metadata.fields, part text, prefix text) returns text[]
language sql stable set search_path = ''
as $$
  select case
    when (field).type in ('RELATION', 'MEMBER') then array[prefix || quote_ident(engine.snake_case((field).name) || '_id')]
    when (field).type = 'MORPH_RELATION' then array(
      select prefix || quote_ident(engine.snake_case((field).name) || '_' || engine.snake_case(o.name_singular) || '_id')
      from metadata.relations r join metadata.objects o on o.id = r.target_object_id
      where r.field_id = (field).id and r.deleted_at is null order by r.id)
    else array(
      select prefix || quote_ident(engine.snake_case((field).name) || c.suffix)
      from engine.field_type_columns c
      where c.type = case when (field).type in ('FORMULA', 'ROLLUP') then (field).result_type else (field).type end
        and (formula_columns.part = '' or c.part = formula_columns.part)
      order by c.position)
  end
$$;

create or replace function engine.formula_field(node jsonb, alias text) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_field metadata.fields;
  v_via jsonb := node -> 'via';
  v_columns text[];
begin
  select f.* into v_field from metadata.fields f where f.id = (node ->> 'field')::uuid;
  -- A generated column cannot read another, nor a trigger one of the row that is being written.
  if v_via is null and v_field.type = 'FORMULA' and not engine.formula_reads_relations(v_field.compiled) then
    return case when node ->> 'part' = 'currencyCode' then engine.formula_currency(v_field.compiled -> 'node', alias)
      else engine.formula_render(v_field.compiled -> 'node', alias) end;
  end if;
  v_columns := engine.formula_columns(v_field, node ->> 'part',
    case when v_via is not null then engine.formula_alias(v_via) || '.' when alias is not null then quote_ident(alias) || '.' else '' end);
  return case
    -- Generated as well.
    when v_field.type = 'AUTO_NUMBER' and node ->> 'part' = 'text' and v_via is null then
      format('(%1$L::text || lpad(%2$s::text, greatest(%3$s, length(%2$s::text)), ''0''))', coalesce(v_field.settings ->> 'prefix', ''),
        case when alias is not null then quote_ident(alias) || '.' else '' end || quote_ident(engine.snake_case(v_field.name)), coalesce((v_field.settings ->> 'padding')::int, 0))
    when v_columns = '{}' then 'null::' || engine.formula_pg_type(node ->> 't')
    when v_field.type = 'FULL_NAME' and node ->> 'part' = '' then
      format('nullif(btrim(coalesce(%s, '''') || '' '' || coalesce(%s, '''')), '''')', v_columns[1], v_columns[2])
    when v_field.type = 'MORPH_RELATION' then format('coalesce(%s)', array_to_string(v_columns, ', '))
    when node ->> 't' in ('NUMBER', 'PERCENT', 'CURRENCY', 'DURATION') then format('%s::numeric', v_columns[1])
    else v_columns[1] end;
end
$$;

-- The currency of an amount of money. Null where only a number says how much: it takes that of
-- what it stands with.
create or replace function engine.formula_currency(node jsonb, alias text) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_codes text[];
  v_known text;
  v_args jsonb := node -> 'args';
begin
  case
    when node ->> 'k' = 'field' then
      return engine.formula_field(node || '{"part": "currencyCode", "t": "TEXT"}', alias);
    when node ->> 'k' in ('cast', 'null') then
      return 'null::text';
    when node ->> 'fn' = 'money' then
      return engine.formula_render(v_args -> 1, alias);
    when node ->> 'op' in ('*', '/', 'neg') then
      return engine.formula_currency(case when v_args #>> '{0,t}' = 'CURRENCY' then v_args -> 0 else v_args -> 1 end, alias);
    when node ->> 'fn' in ('round', 'floor', 'ceil', 'abs') then
      return engine.formula_currency(v_args -> 0, alias);
    else
  end case;
  v_codes := array(select engine.formula_currency(e, alias) from jsonb_array_elements(v_args) with ordinality as u (e, n) where e ->> 't' = 'CURRENCY' order by n);
  v_known := (select c from unnest(v_codes) with ordinality as u (c, n) where c <> 'null::text' order by n limit 1);
  if v_known is null then
    return 'null::text';
  end if;
  return case
    when node ->> 'fn' = 'if' then
      format('case when %s then %s else %s end', engine.formula_condition(v_args -> 0, alias), coalesce(nullif(v_codes[1], 'null::text'), v_known),
        coalesce(nullif(v_codes[2], 'null::text'), v_known))
    when node ->> 'fn' = 'switch' then
      engine.formula_switch(v_args, alias, array(select coalesce(nullif(c, 'null::text'), v_known) from unnest(v_codes) with ordinality as u (c, n) order by n))
    -- Sums, minima and maxima exist in one currency only; of alternatives the first that has one.
    else (select case when count(*) = 1 then min(c) else format('coalesce(%s)', string_agg(c, ', ' order by n)) end
      from (select c, min(n) as n from unnest(v_codes) with ordinality as u (c, n) where c <> 'null::text' group by c) d)
  end;
end
$$;

-- Whether amounts of money are in one currency: null, or a condition that must not be true.
create or replace function engine.formula_currencies_differ(args jsonb, alias text) returns text
language sql stable set search_path = ''
as $$
  select string_agg(format('%s <> %s', d.first, d.c), ' or ')
  from (
    select c, first_value(c) over (order by min(n)) as first
    from (select engine.formula_currency(e, alias) as c, n from jsonb_array_elements(args) with ordinality as u (e, n) where e ->> 't' = 'CURRENCY') a
    where c <> 'null::text' group by c
  ) d where d.c <> d.first
$$;

-- A condition is true or false: what is empty does not fulfil it.
create or replace function engine.formula_condition(node jsonb, alias text) returns text
language plpgsql stable set search_path = ''
as $$
begin
  return case when node ->> 'k' = 'op' or node ->> 'k' = 'bool' or node ->> 'fn' in ('and', 'or', 'isEmpty', 'contains', 'startsWith', 'endsWith')
    then engine.formula_render(node, alias) else format('coalesce(%s, false)', engine.formula_render(node, alias)) end;
end
$$;

create or replace function engine.formula_whole(node jsonb, alias text, low int, high int) returns text
language plpgsql stable set search_path = ''
as $$
begin
  return case when node ->> 'k' = 'num' and trunc((node ->> 'v')::numeric) > low and trunc((node ->> 'v')::numeric) < high
    then trunc((node ->> 'v')::numeric)::int::text
    else engine.formula_bounded(format('trunc(%s)', engine.formula_render(node, alias)), low || '::numeric', high || '::numeric') || '::int' end;
end
$$;

-- A moment as a timestamp of UTC, whose functions are immutable; those of timestamptz depend on
-- the time zone of the session. Adding to one takes it between the years 1 and 9999 only, so that
-- no sum is out of PostgreSQL's range.
create or replace function engine.formula_moment(node jsonb, alias text) returns text
language plpgsql stable set search_path = ''
as $$
begin
  return format(case node ->> 't' when 'DATE' then '%s' else '(%s at time zone ''UTC'')' end, engine.formula_render(node, alias));
end
$$;

create or replace function engine.formula_near_moment(node jsonb, alias text) returns text
language sql stable set search_path = ''
  return case node ->> 't'
    when 'DATE' then engine.formula_bounded(engine.formula_moment(node, alias), '''0001-12-31 BC''::date', '''10000-01-01''::date')
    else engine.formula_bounded(engine.formula_moment(node, alias), '''0001-12-31 BC''::timestamp', '''10000-01-01''::timestamp') end;

create or replace function engine.formula_near(node jsonb, alias text, bound numeric) returns text
language plpgsql stable set search_path = ''
as $$
begin
  return case when node ->> 'k' = 'num' and (node ->> 'v')::numeric < bound then engine.formula_render(node, alias)
    else engine.formula_bounded(engine.formula_render(node, alias), -bound || '::numeric', bound || '::numeric') end;
end
$$;

create or replace function engine.formula_switch(args jsonb, alias text, results text[]) returns text
language plpgsql stable set search_path = ''
as $$
begin
  return (
  select 'case ' || string_agg(format('when %s is not distinct from %s then %s', engine.formula_render(args -> 0, alias), engine.formula_render(args -> (2 * i - 1), alias), results[i]), ' ' order by i)
    || coalesce(' else ' || results[(jsonb_array_length(args) - 1) / 2 + 1], '') || ' end'
  from generate_series(1, (jsonb_array_length(args) - 1) / 2) i);
end
$$;

create or replace function engine.formula_as_text(node jsonb, sql text, alias text) returns text
language sql stable set search_path = ''
  return case node ->> 't'
    when 'NUMBER' then format('trim_scale(%s)::text', sql)
    when 'PERCENT' then format('trim_scale(%s * 100)::text || '' %%''', sql)
    when 'CURRENCY' then format('round(%s / 1000000, 2)::text || coalesce('' '' || %s, '''')', sql, engine.formula_currency(node, alias))
    when 'BOOLEAN' then format('case %s when true then ''true'' when false then ''false'' end', sql)
    when 'DATE' then format('lpad(extract(year from %1$s)::text, 4, ''0'') || ''-'' || lpad(extract(month from %1$s)::text, 2, ''0'') || ''-'' || lpad(extract(day from %1$s)::text, 2, ''0'')', engine.formula_moment(node, alias))
    when 'DATE_TIME' then format('lpad(extract(year from %1$s)::text, 4, ''0'') || ''-'' || lpad(extract(month from %1$s)::text, 2, ''0'') || ''-'' || lpad(extract(day from %1$s)::text, 2, ''0'') || '' '' || lpad(extract(hour from %1$s)::text, 2, ''0'') || '':'' || lpad(extract(minute from %1$s)::text, 2, ''0'')', engine.formula_moment(node, alias))
    when 'DURATION' then format('trunc(%1$s / 3600)::text || '':'' || lpad(trunc(mod(abs(%1$s), 3600) / 60)::text, 2, ''0'')', sql)
    else format('%s::text', sql) end;

create or replace function engine.formula_render_operation(node jsonb, alias text) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_op text := node ->> 'op';
  v_args jsonb := node -> 'args';
  ta text := v_args #>> '{0,t}';
  tb text := v_args #>> '{1,t}';
  a text;
  b text;
  v_sql text;
  v_differ text;
begin
  if v_op in ('and', 'or') then
    return format('(%s %s %s)', engine.formula_condition(v_args -> 0, alias), v_op, engine.formula_condition(v_args -> 1, alias));
  elsif v_op = 'not' then
    return format('(not %s)', engine.formula_condition(v_args -> 0, alias));
  end if;
  a := engine.formula_render(v_args -> 0, alias);
  if v_op = 'neg' then
    return format('(- %s)', a);
  elsif v_op = 'in' and v_args #>> '{1,k}' = 'list' then
    return '(' || coalesce((
      select string_agg(format('%s is not distinct from %s', a, engine.formula_render(e, alias)), ' or ' order by n)
      from jsonb_array_elements(v_args #> '{1,args}') with ordinality as u (e, n)), 'false') || ')';
  end if;
  b := engine.formula_render(v_args -> 1, alias);
  if v_op = 'in' then
    return format('coalesce(%s = any (%s), false)', a, b);
  elsif v_op = '&' then
    return format('(coalesce(%s, '''') || coalesce(%s, ''''))', a, b);
  elsif ta in ('DATE', 'DATE_TIME') and tb in ('NUMBER', 'PERCENT') or ta in ('NUMBER', 'PERCENT') and tb in ('DATE', 'DATE_TIME') then
    -- Days.
    if ta in ('NUMBER', 'PERCENT') then
      return engine.formula_render_operation(node || jsonb_build_object('args', jsonb_build_array(v_args -> 1, v_args -> 0)), alias);
    end if;
    return case ta when 'DATE' then format('(%s %s %s)', engine.formula_near_moment(v_args -> 0, alias), v_op, engine.formula_whole(v_args -> 1, alias, -1640000, 1640000))
      else format('((%s %s make_interval(secs => round(%s * 86400, 6)::double precision)) at time zone ''UTC'')', engine.formula_near_moment(v_args -> 0, alias), v_op, engine.formula_near(v_args -> 1, alias, 1640000)) end;
  elsif v_op in ('+', '-') and (ta = 'DATE_TIME' and tb = 'DURATION' or ta = 'DURATION' and tb = 'DATE_TIME') then
    if ta = 'DURATION' then
      return engine.formula_render_operation(node || jsonb_build_object('args', jsonb_build_array(v_args -> 1, v_args -> 0)), alias);
    end if;
    return format('((%s %s make_interval(secs => round(%s, 6)::double precision)) at time zone ''UTC'')', engine.formula_near_moment(v_args -> 0, alias), v_op, engine.formula_near(v_args -> 1, alias, 142000000000));
  elsif v_op = '-' and ta = 'DATE' and tb = 'DATE' then
    return format('(%s - %s)::numeric', engine.formula_near_moment(v_args -> 0, alias), engine.formula_near_moment(v_args -> 1, alias));
  elsif v_op = '-' and ta = 'DATE_TIME' and tb = 'DATE_TIME' then
    return format('extract(epoch from %s - %s)', engine.formula_near_moment(v_args -> 0, alias), engine.formula_near_moment(v_args -> 1, alias));
  elsif v_op in ('=', '!=') and (v_args #>> '{0,k}' = 'null' or v_args #>> '{1,k}' = 'null') then
    return format('(%s is %s)', case when v_args #>> '{1,k}' = 'null' then a else b end, case v_op when '=' then 'null' else 'not null' end);
  end if;
  v_differ := case when ta = 'CURRENCY' and tb = 'CURRENCY' then engine.formula_currencies_differ(v_args, alias) end;
  v_sql := case
    when v_op = '=' then format('(%s is not distinct from %s)', a, b)
    when v_op = '!=' then format('(%s is distinct from %s)', a, b)
    when v_op in ('<', '<=', '>', '>=') then format('coalesce(%s %s %s, false)', a, v_op, b)
    when v_op = '/' then format('(%s / nullif(%s, 0))', a, b)
    when v_op = '%' then format('mod(%s, nullif(%s, 0))', a, b)
    when v_op = '^' then format('(' || engine.formula_power('%1$s', '%2$s') || ')', a, b)
    else format('(%s %s %s)', a, v_op, b) end;
  -- Amounts in two currencies have no sum; they differ, and neither is the greater.
  if v_differ is null then
    return v_sql;
  end if;
  return case v_op
    when '=' then format('(%s and not coalesce(%s, false))', v_sql, v_differ)
    when '!=' then format('(%s or coalesce(%s, false))', v_sql, v_differ)
    when '<' then format('(%s and not coalesce(%s, false))', v_sql, v_differ)
    when '<=' then format('(%s and not coalesce(%s, false))', v_sql, v_differ)
    when '>' then format('(%s and not coalesce(%s, false))', v_sql, v_differ)
    when '>=' then format('(%s and not coalesce(%s, false))', v_sql, v_differ)
    else format('case when %s then null else %s end', v_differ, v_sql) end;
end
$$;

create or replace function engine.formula_render_call(node jsonb, alias text) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_args jsonb := node -> 'args';
  v_unit text;
  v_count text;
  v_sql text[];
  v_differ text;
  t text := v_args #>> '{0,t}';
  f record;
begin
  select * into f from engine.formula_functions() g where g.name = node ->> 'fn';
  if f.template is not null then
    v_sql := array(
      select case substr(regexp_replace(f.params, '[?+]', '', 'g'), n::int, 1)
        when 'I' then engine.formula_whole(e, alias, -1000000000, 1000000000)
        when 'M' then engine.formula_moment(e, alias)
        when 'H' then engine.formula_moment(e, alias)
        else engine.formula_render(e, alias) end
      from jsonb_array_elements(v_args) with ordinality as u (e, n) order by n) || coalesce(f.defaults, '{}');
    return '(' || format(f.template, variadic v_sql) || ')';
  end if;
  case
    when f.name in ('and', 'or') then
      return '(' || (select string_agg(engine.formula_condition(e, alias), ' ' || f.name || ' ' order by n) from jsonb_array_elements(v_args) with ordinality as u (e, n)) || ')';
    when f.name = 'if' then
      return format('case when %s then %s else %s end', engine.formula_condition(v_args -> 0, alias), engine.formula_render(v_args -> 1, alias),
        case when jsonb_array_length(v_args) = 3 then engine.formula_render(v_args -> 2, alias) else 'null::' || engine.formula_pg_type(node ->> 't') end);
    when f.name = 'now' then return 'now()';
    when f.name = 'today' then return '(now() at time zone ''UTC'')::date';
    when f.name = 'currentMember' then return 'engine.current_member()';
    when f.name = 'isEmpty' and v_args #>> '{0,ft}' in ('ADDRESS', 'LOCATION') then
      return format('(num_nonnulls(%s) = 0)', array_to_string(engine.formula_columns((select x from metadata.fields x where x.id = (v_args #>> '{0,field}')::uuid), '',
        case when v_args #> '{0,via}' is not null then engine.formula_alias(v_args #> '{0,via}') || '.' when alias is not null then quote_ident(alias) || '.' else '' end), ', '));
    when f.name = 'switch' then
      return engine.formula_switch(v_args, alias, array(
        select engine.formula_render(e, alias) from jsonb_array_elements(v_args) with ordinality as u (e, n)
        where n > 1 and (n % 2 = 1 or n = jsonb_array_length(v_args)) order by n));
    when f.name in ('dateAdd', 'dateDiff', 'startOf', 'duration') then
      v_unit := lower(v_args #>> array[case f.name when 'dateAdd' then '2' when 'dateDiff' then '2' else '1' end, 'v']);
    else
  end case;
  if f.name = 'dateAdd' then
    -- From any moment near our own, 4,500 years lead to one that PostgreSQL knows: it begins in 4713 BC.
    v_count := case v_unit when 'quarter' then '(' || engine.formula_whole(v_args -> 1, alias, -18000, 18000) || ' * 3)' when 'year' then engine.formula_whole(v_args -> 1, alias, -4500, 4500)
      when 'month' then engine.formula_whole(v_args -> 1, alias, -54000, 54000) when 'day' then engine.formula_whole(v_args -> 1, alias, -1640000, 1640000)
      when 'week' then engine.formula_whole(v_args -> 1, alias, -234000, 234000)
      when 'hour' then engine.formula_whole(v_args -> 1, alias, -39000000, 39000000) else engine.formula_whole(v_args -> 1, alias, -2000000000, 2000000000) end;
    return case
      when t = 'DATE' and v_unit = 'day' then format('(%s + %s)', engine.formula_near_moment(v_args -> 0, alias), v_count)
      when t = 'DATE' and v_unit = 'week' then format('(%s + %s * 7)', engine.formula_near_moment(v_args -> 0, alias), v_count)
      when t = 'DATE' then format('(%s + make_interval(%ss => %s))::date', engine.formula_near_moment(v_args -> 0, alias), case v_unit when 'quarter' then 'month' else v_unit end, v_count)
      else format('((%s + make_interval(%s => %s)) at time zone ''UTC'')', engine.formula_near_moment(v_args -> 0, alias),
        case v_unit when 'quarter' then 'months' when 'minute' then 'mins' when 'second' then 'secs' else v_unit || 's' end, v_count) end;
  elsif f.name = 'dateDiff' then
    v_sql := array[engine.formula_near_moment(v_args -> 0, alias), engine.formula_near_moment(v_args -> 1, alias)];
    return case when v_unit in ('month', 'quarter', 'year')
      then format('trunc((extract(year from age(%2$s, %1$s)) * 12 + extract(month from age(%2$s, %1$s))) / %3$s)', v_sql[1], v_sql[2], case v_unit when 'month' then 1 when 'quarter' then 3 else 12 end)
      else format('trunc(extract(epoch from %2$s - %1$s) / %3$s)', v_sql[1], v_sql[2],
        case v_unit when 'second' then 1 when 'minute' then 60 when 'hour' then 3600 when 'day' then 86400 else 604800 end) end;
  elsif f.name = 'startOf' then
    return case t when 'DATE' then format('date_trunc(%L, %s::timestamp)::date', v_unit, engine.formula_near_moment(v_args -> 0, alias))
      else format('(date_trunc(%L, %s) at time zone ''UTC'')', v_unit, engine.formula_near_moment(v_args -> 0, alias)) end;
  elsif f.name = 'duration' then
    return format('(%s * %s)', engine.formula_render(v_args -> 0, alias), case v_unit when 'second' then 1 when 'minute' then 60 when 'hour' then 3600 when 'day' then 86400 else 604800 end);
  elsif f.name in ('date', 'dateTime') and jsonb_array_length(v_args) = 1 then
    return case
      when f.name = 'date' and v_args #>> '{0,k}' = 'str' then format('%L::date', v_args #>> '{0,v}')
      when f.name = 'date' then format('%s::date', engine.formula_near_moment(v_args -> 0, alias))
      when v_args #>> '{0,k}' = 'str' then format('(%L::timestamp at time zone ''UTC'')', v_args #>> '{0,v}')
      else engine.formula_render(v_args -> 0, alias) end;
  elsif f.name in ('date', 'dateTime') then
    -- As in spreadsheets, month 13 is January of the next year and day 0 the last of the month before.
    v_sql := array[format('(make_date(%s, 1, 1) + make_interval(months => %s - 1) + make_interval(days => %s - 1))',
      engine.formula_whole(v_args -> 0, alias, 0, 10000), engine.formula_whole(v_args -> 1, alias, -12000, 12000), engine.formula_whole(v_args -> 2, alias, -400000, 400000))];
    return case f.name when 'date' then v_sql[1] || '::date' else format('((%s%s) at time zone ''UTC'')', v_sql[1], (
      select string_agg(format(' + make_interval(%s => %s)', case n when 4 then 'hours' when 5 then 'mins' else 'secs' end, engine.formula_whole(e, alias, -100000000, 100000000)), '' order by n)
      from jsonb_array_elements(v_args) with ordinality as u (e, n) where n > 3)) end;
  end if;

  v_count := case when f.name = 'round' and jsonb_array_length(v_args) = 2 then engine.formula_whole(v_args -> 1, alias, -30, 30) else '0' end;
  v_sql := array(select engine.formula_render(e, alias) from jsonb_array_elements(v_args) with ordinality as u (e, n) order by n);
  v_differ := case when f.name in ('min', 'max') and node ->> 't' = 'CURRENCY' then engine.formula_currencies_differ(v_args, alias) end;
  return case f.name
    when 'isEmpty' then case t
      when 'TEXT' then format('(coalesce(%s, '''') = '''')', v_sql[1])
      when 'ARRAY' then format('(coalesce(cardinality(%s), 0) = 0)', v_sql[1])
      when 'JSON' then format('(coalesce(%s, ''null''::jsonb) in (''null''::jsonb, ''[]''::jsonb, ''{}''::jsonb))', v_sql[1])
      else format('(%s is null)', v_sql[1]) end
    when 'coalesce' then format('coalesce(%s)', array_to_string(v_sql, ', '))
    when 'min' then format(case when v_differ is null then 'least(%2$s)' else 'case when %1$s then null else least(%2$s) end' end, v_differ, array_to_string(v_sql, ', '))
    when 'max' then format(case when v_differ is null then 'greatest(%2$s)' else 'case when %1$s then null else greatest(%2$s) end' end, v_differ, array_to_string(v_sql, ', '))
    when 'concat' then '(' || (select string_agg(format('coalesce(%s, '''')', s), ' || ' order by n) from unnest(v_sql) with ordinality as u (s, n)) || ')'
    when 'length' then case t when 'ARRAY' then format('coalesce(cardinality(%s), 0)::numeric', v_sql[1]) else format('coalesce(length(%s), 0)::numeric', v_sql[1]) end
    when 'contains' then case t when 'ARRAY' then format('coalesce(%s = any (%s), false)', v_sql[2], v_sql[1]) else format('coalesce(strpos(%s, %s) > 0, false)', v_sql[1], v_sql[2]) end
    when 'text' then v_sql[1]
    -- What is no number gives null.
    when 'number' then case t when 'TEXT' then format('substring(%s from ''^[[:space:]]*([+-]?[0-9]{1,30}(?:[.][0-9]{1,30})?)[[:space:]]*$'')::numeric', v_sql[1]) else v_sql[1] end
    when 'round' then case
      when t = 'CURRENCY' then format('round(%s, %s - 6)', v_sql[1], v_count)
      else format('round(%s, %s)', v_sql[1], v_count) end
    when 'floor' then case t when 'CURRENCY' then format('(floor(%s / 1000000) * 1000000)', v_sql[1]) else format('floor(%s)', v_sql[1]) end
    when 'ceil' then case t when 'CURRENCY' then format('(ceil(%s / 1000000) * 1000000)', v_sql[1]) else format('ceil(%s)', v_sql[1]) end
    when 'abs' then format('abs(%s)', v_sql[1])
    when 'money' then format('(%s * 1000000)', v_sql[1])
    when 'amount' then format('(%s / 1000000)', v_sql[1])
    when 'currency' then engine.formula_currency(v_args -> 0, alias)
  end;
end
$$;

create or replace function engine.formula_render(node jsonb, alias text) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_sql text;
  v_inner text;
begin
  v_sql := case node ->> 'k'
    when 'num' then case when (node ->> 'v') ~ '[.]' then node ->> 'v' else (node ->> 'v') || '::numeric' end
    when 'str' then format('%L::text', node ->> 'v')
    when 'bool' then node ->> 'v'
    when 'null' then 'null::' || engine.formula_pg_type(node ->> 't')
    when 'field' then engine.formula_field(node, alias)
    when 'op' then engine.formula_render_operation(node, alias)
    when 'call' then engine.formula_render_call(node, alias)
    when 'cast' then case
      when node ->> 't' = 'DATE_TIME' then format('(%s::timestamp at time zone ''UTC'')', engine.formula_near_moment(node #> '{args,0}', alias))
      when node ->> 't' = 'CURRENCY' then format('(%s * 1000000)', engine.formula_render(node #> '{args,0}', alias))
      else format('(%s)', engine.formula_as_text(node #> '{args,0}', engine.formula_render(node #> '{args,0}', alias), alias)) end
  end;
  -- Some functions repeat their arguments, and formulas within formulas multiply.
  if length(v_sql) > 100000 then
    perform engine.formula_limit_error('The formula is too complicated.', engine.formula_said(node), coalesce((node ->> 'at')::int, 1));
  end if;
  return v_sql;
end
$$;
--! EndIncluded engine/formula/render.sql
--! Included engine/formula/print.sql
-- A typed formula as its canonical text, with the names that fields have now.
create or replace function engine.formula_print(node jsonb, outer_precedence int default 0) returns text
language plpgsql stable strict set search_path = ''
as $$
declare
  v_precedence int;
  v_op text := node ->> 'op';
  v_args jsonb := node -> 'args';
  v_text text;
begin
  case node ->> 'k'
    when 'num' then return node ->> 'v';
    when 'str' then return '"' || replace(node ->> 'v', '"', '""') || '"';
    when 'bool' then return node ->> 'v';
    when 'null' then return 'null';
    when 'cast' then return engine.formula_print(v_args -> 0, outer_precedence);
    when 'field' then
      return array_to_string(array(
          select f.name from jsonb_array_elements_text(coalesce(node -> 'via', '[]')) with ordinality as u (id, n) join metadata.fields f on f.id = u.id::uuid order by n)
        || (select f.name || case when node ->> 'part' in ('', coalesce(engine.formula_main_part(f.type), '')) then '' else '.' || (node ->> 'part') end
            from metadata.fields f where f.id = (node ->> 'field')::uuid), '.');
    when 'call' then
      return (node ->> 'fn') || '(' || coalesce((select string_agg(engine.formula_print(e), ', ' order by n) from jsonb_array_elements(v_args) with ordinality as u (e, n)), '') || ')';
    when 'list' then
      return '(' || coalesce((select string_agg(engine.formula_print(e), ', ' order by n) from jsonb_array_elements(v_args) with ordinality as u (e, n)), '') || ')';
    else
  end case;
  v_precedence := engine.formula_precedence(v_op);
  v_text := case v_op
    when 'not' then 'not ' || engine.formula_print(v_args -> 0, v_precedence)
    when 'neg' then '-' || engine.formula_print(v_args -> 0, v_precedence)
    -- Operators bind from the left, a power from the right: the other side needs brackets at the same precedence.
    when '^' then engine.formula_print(v_args -> 0, v_precedence + 1) || ' ^ ' || engine.formula_print(v_args -> 1, v_precedence)
    else engine.formula_print(v_args -> 0, v_precedence) || ' ' || v_op || ' ' || engine.formula_print(v_args -> 1, v_precedence + 1) end;
  return case when v_precedence < outer_precedence then '(' || v_text || ')' else v_text end;
end
$$;
--! EndIncluded engine/formula/print.sql
--! Included engine/formula/compile.sql
-- The formula language, as the rest of the engine calls it.

create or replace function engine.formula_compile(object_id uuid, expression text, context text) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_node jsonb := engine.formula_typed(engine.formula_parse(coalesce(expression, '')), object_id, context);
  v_compiled jsonb;
begin
  if context in ('CONDITION', 'FILTER') then
    v_node := engine.formula_expect(v_node, 'BOOLEAN', 'A condition');
  elsif v_node ->> 't' = 'NULL' then
    v_node := engine.formula_as(v_node, 'TEXT');
  elsif v_node ->> 't' = 'JSON' then
    perform engine.formula_type_error(format('"%s" has no simple value.', engine.formula_said(v_node)), engine.formula_said(v_node), 1, 'Name a part of it, such as address.city, or ask isEmpty(…).');
  end if;
  v_compiled := jsonb_build_object('type', v_node ->> 't', 'node', v_node);
  -- Refuses here what is too complicated to be rendered later.
  perform engine.formula_sql(v_compiled);
  -- Places served the messages. Within texts of the formula, quotation marks bear a backslash here.
  return regexp_replace(v_compiled::text, ', "at": [0-9]+', '', 'g')::jsonb;
end
$$;
comment on function engine.formula_compile(uuid, text, text) is
  'Reads a formula over an object and returns its typed tree, with fields by id. context: FORMULA, CONDITION or FILTER (true or false, own fields only), DEFAULT (no fields; now(), today(), currentMember()).';

create or replace function engine.formula_sql(compiled jsonb, part text default '', alias text default null) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_node jsonb := compiled -> 'node';
  v_sql text;
begin
  if part = 'currencyCode' then
    return engine.formula_currency(v_node, alias);
  end if;
  v_sql := case when compiled ->> 'type' = 'BOOLEAN' then engine.formula_condition(v_node, alias) else engine.formula_render(v_node, alias) end;
  return case
    -- Beyond these bounds a float8 or bigint cannot hold the value (or only as zero).
    when compiled ->> 'type' in ('NUMBER', 'PERCENT') then engine.formula_bounded(format('trim_scale(round(%s, 60))', v_sql), '-1e60', '1e60') || '::double precision'
    when compiled ->> 'type' in ('CURRENCY', 'DURATION') then engine.formula_bounded(format('round(%s)', v_sql), '-9e18', '9e18') || '::bigint'
    else v_sql end;
end
$$;
comment on function engine.formula_sql(jsonb, text, text) is
  'A compiled formula as SQL of the type of its column. Columns bear the alias if one is given; those of related records the names of engine.formula_joins.';

-- The joins that a formula over relations needs, as SQL behind "from <own table> <alias>".
create or replace function engine.formula_joins(compiled jsonb, schema_name text, alias text) returns text
language sql stable set search_path = ''
as $$
  with recursive path as (
    select distinct v as via from jsonb_path_query(compiled, 'strict $.**.via') v
    union
    select p.via - (jsonb_array_length(p.via) - 1) from path p where jsonb_array_length(p.via) > 1
  )
  select coalesce(string_agg(format(' left join %1$I.%2$I %3$s on %3$s.id = %4$s.%5$I',
      schema_name, o.table_name, engine.formula_alias(p.via),
      case when jsonb_array_length(p.via) = 1 then quote_ident(alias) else engine.formula_alias(p.via - (jsonb_array_length(p.via) - 1)) end,
      engine.snake_case(f.name) || '_id'), '' order by jsonb_array_length(p.via), p.via), '')
  from path p
  join metadata.fields f on f.id = (p.via ->> -1)::uuid
  join metadata.relations r on r.field_id = f.id and r.deleted_at is null
  join metadata.objects o on o.id = r.target_object_id
$$;

create or replace function engine.formula_text(compiled jsonb) returns text
language sql stable set search_path = ''
  return engine.formula_print(compiled -> 'node');
comment on function engine.formula_text(jsonb) is 'The text of a compiled formula, with the API names that fields have now.';

create or replace function engine.formula_fields(compiled jsonb) returns setof uuid
language sql immutable set search_path = ''
as $$
  select distinct (v #>> '{}')::uuid from jsonb_path_query(compiled, 'strict $.**.field') v
  union
  select distinct (v #>> '{}')::uuid from jsonb_path_query(compiled, 'strict $.**.via[*]') v
$$;
comment on function engine.formula_fields(jsonb) is 'Every field that a compiled formula reads, relations on the way included.';

create or replace function engine.formula_options(compiled jsonb) returns table (field_id uuid, value text)
language sql immutable set search_path = ''
as $$ select distinct (n ->> 'of')::uuid, n ->> 'v' from jsonb_path_query(compiled, 'strict $.** ? (exists (@.of))') n $$;
comment on function engine.formula_options(jsonb) is 'The options of selects that a compiled formula names.';
--! EndIncluded engine/formula/compile.sql
--! Included engine/formula/screen.sql
-- What a person who writes a formula is told: its type, or where it is wrong, and what it gives for
-- some records.
create or replace function engine.formula_samples(object_id uuid, compiled jsonb, caller name) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_object metadata.objects;
  v_schema text;
  v_samples jsonb;
begin
  select o.* into v_object from metadata.objects o where o.id = formula_samples.object_id;
  select w.schema_name into v_schema from core.workspaces w where w.id = v_object.workspace_id;
  -- Nobody sees by a formula what the role may not read.
  if exists (
    select from engine.formula_fields(compiled) r join metadata.fields f on f.id = r join metadata.objects o on o.id = f.object_id
    where not coalesce(has_table_privilege(caller, to_regclass(format('%I.%I', v_schema, o.table_name)), 'select'), false))
    or not coalesce(has_table_privilege(caller, to_regclass(format('%I.%I', v_schema, v_object.table_name)), 'select'), false) then
    return '[]';
  end if;
  execute format('select coalesce(jsonb_agg(jsonb_build_object(''id'', s.id, ''label'', s.label, ''value'', %s)), ''[]'')
      from (select o.id, %s as label, %s as value, %s as currency from %I.%I o%s order by o.created_at desc limit 5) s',
    case compiled ->> 'type' when 'CURRENCY' then 'case when s.value is not null then jsonb_build_object(''amountMicros'', s.value, ''currencyCode'', s.currency) end' else 'to_jsonb(s.value)' end,
    engine.label_expression(v_object.id, 'o'), engine.formula_sql(compiled, '', 'o'),
    case compiled ->> 'type' when 'CURRENCY' then engine.formula_sql(compiled, 'currencyCode', 'o') else 'null::text' end,
    v_schema, v_object.table_name, engine.formula_joins(compiled, v_schema, 'o')) into v_samples;
  return v_samples;
end
$$;

create or replace function metadata.check_formula(object_id uuid, expression text, context text default 'FORMULA') returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_role name := current_setting('role')::name;
  v_compiled jsonb;
  v_message text;
  v_hint text;
  v_detail text;
  v_state text;
begin
  if not engine.role_manages_model(v_role) or not exists (
    select from metadata.objects o where o.id = check_formula.object_id and o.workspace_id = engine.workspace_of_role(v_role) and o.deleted_at is null) then
    raise exception 'There is no such object.' using errcode = 'RV011', column = 'object_id';
  end if;
  if context not in ('FORMULA', 'CONDITION', 'FILTER', 'DEFAULT') then
    raise exception '"%" is no kind of formula.', context using errcode = 'RV055', column = 'context', hint = 'It is FORMULA, CONDITION, FILTER or DEFAULT.';
  end if;
  begin
    v_compiled := engine.formula_compile(object_id, expression, context);
  exception when others then
    get stacked diagnostics v_message = message_text, v_hint = pg_exception_hint, v_detail = pg_exception_detail, v_state = returned_sqlstate;
    if v_state not like 'RV05%' then
      raise;
    end if;
    return jsonb_build_object('ok', false, 'error', jsonb_build_object('message', v_message, 'code', v_state, 'hint', nullif(v_hint, ''),
      'position', (regexp_match(v_detail, '^At character ([0-9]+): '))[1]::int, 'token', substring(v_detail from '^At character [0-9]+: (.*)$')));
  end;
  return jsonb_build_object('ok', true, 'resultType', v_compiled ->> 'type', 'text', engine.formula_text(v_compiled),
    'samples', case when context = 'DEFAULT' then '[]' else engine.formula_samples(object_id, v_compiled, v_role) end);
end
$$;
comment on function metadata.check_formula(uuid, text, text) is
  'Reads a formula without saving it: {ok, resultType, text, samples} with its values for some records, or {ok: false, error: {message, code, hint, position, token}}.';
grant execute on function metadata.check_formula(uuid, text, text) to relvar_crm;
--! EndIncluded engine/formula/screen.sql
--! Included engine/computed/fields.sql
-- Computed fields: formulas and rollups. A formula that reads its own record alone is a generated
-- column where the server has virtual ones; every other is a plain column that triggers keep.

create or replace function engine.is_generated(field metadata.fields) returns boolean
language sql stable set search_path = ''
  return (field).type = 'FORMULA' and not engine.formula_reads_relations((field).compiled) and current_setting('server_version_num')::int >= 180000;

-- Those that have columns: what is deleted has no values that could be lost.
create or replace function engine.computed_fields(workspace_id uuid, scope uuid[] default null) returns setof metadata.fields
language sql stable set search_path = ''
as $$
  select f.*
  from metadata.fields f
  join metadata.objects o on o.id = f.object_id and o.workspace_id = f.workspace_id
  where f.workspace_id = computed_fields.workspace_id and f.type in ('FORMULA', 'ROLLUP') and f.compiled is not null
    and f.deleted_at is null and o.deleted_at is null and (scope is null or f.object_id = any (scope))
$$;

-- What the values of a computed field depend on, by identity: when it changes, they are computed
-- anew. Other formulas count with what they depend on themselves.
create or replace function engine.computed_basis(field metadata.fields) returns text
language plpgsql stable set search_path = ''
as $$
begin
  return concat_ws('|', (field).compiled::text, (
    select string_agg(concat_ws('~', g.id, g.revision,
      case g.type when 'NUMBER' then g.settings ->> 'dataType' when 'AUTO_NUMBER' then g.settings::text when 'FORMULA' then md5(engine.computed_basis(g)) end), ',' order by g.id)
    from engine.formula_fields((field).compiled) r join metadata.fields g on g.id = r));
end
$$;

-- Formulas that read others of the same record are computed after them.
create or replace function engine.computed_rank(field metadata.fields) returns int
language plpgsql stable set search_path = ''
as $$
begin
  return case when (field).type = 'ROLLUP' then 0 else (
    select coalesce(max(engine.computed_rank(g)), 0) + 1
    from engine.formula_fields((field).compiled) r join metadata.fields g on g.id = r
    where g.type in ('FORMULA', 'ROLLUP') and g.object_id = (field).object_id and g.id <> (field).id) end;
end
$$;

-- The columns in which a field's value lies: for a generated one those that it is generated from,
-- since transition tables do not show it.
create or replace function engine.stored_columns(field metadata.fields) returns text[]
language plpgsql stable set search_path = ''
as $$
begin
  if not engine.is_generated(field) then
    return engine.formula_columns(field, '', '');
  end if;
  return engine.stored_columns(array(select engine.formula_fields((field).compiled)));
end
$$;

create or replace function engine.stored_columns(field_ids uuid[]) returns text[]
language plpgsql stable set search_path = ''
as $$
begin
  return array(select distinct c from metadata.fields f cross join unnest(engine.stored_columns(f)) c where f.id = any (field_ids) order by c);
end
$$;

-- Objects whose triggers and functions follow from a change of those in scope.
create or replace function engine.linked_scope(workspace_id uuid, scope uuid[]) returns uuid[]
language sql stable set search_path = ''
as $$
  select case when scope is not null then array(
    select unnest(scope)
    union
    select o.id
    from metadata.fields f
    cross join lateral (select array_agg(distinct g.object_id) as ids from engine.formula_fields(f.compiled) r join metadata.fields g on g.id = r) read
    cross join lateral unnest(read.ids || f.object_id) as o (id)
    where f.workspace_id = linked_scope.workspace_id and f.type in ('FORMULA', 'ROLLUP') and f.compiled is not null
      and (read.ids || f.object_id) && scope) end
$$;
--! EndIncluded engine/computed/fields.sql
--! Included engine/convert/parse.sql
-- Reading values out of texts that people typed. Each function gives null for what it does not
-- understand and never raises, so that a million rows are converted in one statement, without a
-- subtransaction a row. None guesses: what can be read in two ways is not read.

-- Blanks of all kinds count as blank, digits of other scripts as digits.
create or replace function engine.plain_text(content text) returns text
language sql immutable strict parallel safe set search_path = ''
as $$
  select nullif(btrim(translate(content,
    U&'\00A0\1680\2000\2001\2002\2003\2004\2005\2006\2007\2008\2009\200A\202F\205F\3000\FEFF\0009\000A\000D'
      || U&'\FF10\FF11\FF12\FF13\FF14\FF15\FF16\FF17\FF18\FF19\0660\0661\0662\0663\0664\0665\0666\0667\0668\0669\06F0\06F1\06F2\06F3\06F4\06F5\06F6\06F7\06F8\06F9'
      || U&'\0966\0967\0968\0969\096A\096B\096C\096D\096E\096F\2212',
    '                    012345678901234567890123456789' || '0123456789-')), '')
$$;

-- "1 234,5", "1,234.5", "1.234,5", "1'234.50" and "1e3" are numbers. One comma followed by exactly
-- three digits separates thousands, any other is the decimal sign.
create or replace function engine.read_number(content text) returns numeric
language plpgsql immutable strict parallel safe set search_path = ''
as $$
declare
  v_text text := engine.plain_text(content);
begin
  if v_text is null or length(v_text) > 400 then
    return null;
  end if;
  v_text := regexp_replace(v_text, '(?<=\d)[ ''’_](?=\d{3}(\D|$))', '', 'g');
  if v_text ~ '^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$' then
    v_text := replace(v_text, ',', '');
  elsif v_text ~ '^[+-]?\d{1,3}(\.\d{3})+,\d*$' or v_text ~ '^[+-]?\d{1,3}(\.\d{3}){2,}$' then
    v_text := replace(replace(v_text, '.', ''), ',', '.');
  elsif v_text ~ '^[+-]?\d*,\d+$' then
    v_text := replace(v_text, ',', '.');
  end if;
  if v_text ~ '^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$' then
    return v_text::numeric;
  end if;
  return null;
end
$$;

-- Beyond what the column's type holds is not a value of it.
create or replace function engine.as_float(value numeric) returns double precision
language sql immutable strict parallel safe set search_path = ''
as $$ select case when value = 0 then 0 when abs(value) between 1e-300 and 1e308 then value::double precision end $$;

create or replace function engine.as_bigint(value numeric) returns bigint
language sql immutable strict parallel safe set search_path = ''
as $$ select case when value = trunc(value) and abs(value) <= 9223372036854775807 then value::bigint end $$;

create or replace function engine.as_numeric(value double precision) returns numeric
language sql immutable strict parallel safe set search_path = ''
as $$ select case when value not in ('NaN', 'Infinity', '-Infinity') then value::numeric end $$;

create or replace function engine.read_percent(content text) returns numeric
language sql immutable strict parallel safe set search_path = ''
as $$
  select case when engine.plain_text(content) like '%\%' then engine.read_number(rtrim(engine.plain_text(content), '%')) / 100
    else engine.read_number(content) end
$$;

create or replace function engine.read_boolean(content text) returns boolean
language sql immutable strict parallel safe set search_path = ''
as $$
  select case
    when lower(engine.plain_text(content)) in ('true', 't', 'yes', 'y', 'on', '1', 'x', '✓', '✔') then true
    when lower(engine.plain_text(content)) in ('false', 'f', 'no', 'n', 'off', '0') then false end
$$;

create or replace function engine.days_in_month(year int, month int) returns int
language sql immutable strict parallel safe set search_path = ''
as $$ select extract(day from make_date(year, month, 1) + interval '1 month' - interval '1 day')::int $$;

create or replace function engine.date_of(year text, month text, day text) returns date
language plpgsql immutable strict parallel safe set search_path = ''
as $$
declare
  v_year int := year;
  v_month int := month;
begin
  if v_year not between 1 and 9999 or v_month not between 1 and 12 then
    return null;
  end if;
  return case when day::int between 1 and engine.days_in_month(v_year, v_month) then make_date(v_year, v_month, day::int) end;
end
$$;

-- 2026-02-28, 2026/2/28, 20260228, 28.2.2026, 28 Feb 2026, February 28, 2026. With slashes only what
-- can be read in one way, unless the order of day and month is said: DMY or MDY.
create or replace function engine.read_date(content text, day_order text default null) returns date
language plpgsql immutable parallel safe set search_path = ''
as $$
declare
  v_text text := lower(engine.plain_text(content));
  v text[];
begin
  v := regexp_match(v_text, '^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})$');
  v := coalesce(v, regexp_match(v_text, '^(\d{4})(\d\d)(\d\d)$'));
  if v is not null then
    return engine.date_of(v[1], v[2], v[3]);
  end if;
  v := regexp_match(v_text, '^(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})$');
  if v is not null then
    return engine.date_of(v[3], v[2], v[1]);
  end if;
  v := regexp_match(v_text, '^(\d{1,2})[/-](\d{1,2})[/-](\d{4})$');
  if v is not null then
    if day_order = 'DMY' or day_order is null and v[1]::int > 12 then
      return engine.date_of(v[3], v[2], v[1]);
    elsif day_order = 'MDY' or day_order is null and (v[2]::int > 12 or v[1] = v[2]) then
      return engine.date_of(v[3], v[1], v[2]);
    end if;
    return null;
  end if;
  v := regexp_match(v_text, '^(\d{1,2})(?:st|nd|rd|th|\.)?[ -]([a-z]{3,9})\.?,?[ -](\d{4})$');
  if v is null then
    v := regexp_match(v_text, '^([a-z]{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})$');
    v := array[v[2], v[1], v[3]];
  end if;
  return engine.date_of(v[3], m.i::text, v[1])
  from unnest('{january,february,march,april,may,june,july,august,september,october,november,december}'::text[]) with ordinality m (name, i)
  where starts_with(m.name, v[2]);
end
$$;

-- A date, and perhaps a time and an offset. A time without an offset is taken as UTC.
create or replace function engine.read_moment(content text, day_order text default null) returns timestamptz
language plpgsql immutable parallel safe set search_path = ''
as $$
declare
  v_text text := lower(engine.plain_text(content));
  v text[];
  v_date date;
begin
  v := regexp_match(v_text, '^(.*\d)(?:t|,? )\s*(\d{1,2}):(\d\d)(?::(\d\d)(\.\d{1,9})?)? ?(am|pm)? ?(?:(z|utc|gmt)|([+-])(\d\d):?(\d\d)?)?$');
  v_date := engine.read_date(coalesce(v[1], v_text), day_order);
  if v_date is null then
    return null;
  elsif v is null then
    return make_timestamptz(extract(year from v_date)::int, extract(month from v_date)::int, extract(day from v_date)::int, 0, 0, 0, 'UTC');
  end if;
  if v[6] is not null then
    if v[2]::int not between 1 and 12 then
      return null;
    end if;
    v[2] := (v[2]::int % 12 + case v[6] when 'pm' then 12 else 0 end)::text;
  end if;
  if v[2]::int > 23 or v[3]::int > 59 or v[4]::int > 59 or v[9]::int > 15 or v[10]::int > 59 then
    return null;
  end if;
  return make_timestamptz(extract(year from v_date)::int, extract(month from v_date)::int, extract(day from v_date)::int,
      v[2]::int, v[3]::int, (coalesce(v[4], '0') || coalesce(v[5], ''))::double precision, 'UTC')
    - case v[8] when '-' then -1 else 1 end * make_interval(hours => coalesce(v[9], '0')::int, mins => coalesce(v[10], '0')::int);
end
$$;

-- Seconds: 90, 1:30 (hours and minutes), 1:30:15, 2h 30m, 90 min, 1.5 hours, PT1H30M.
create or replace function engine.read_duration(content text) returns numeric
language plpgsql immutable strict parallel safe set search_path = ''
as $$
declare
  v_text text := lower(engine.plain_text(content));
  v text[];
begin
  v := regexp_match(v_text, '^(-?)(\d{1,9}):([0-5]\d)(?::([0-5]\d))?$');
  if v is not null then
    return (v[2]::numeric * 3600 + v[3]::numeric * 60 + coalesce(v[4], '0')::numeric) * case v[1] when '-' then -1 else 1 end;
  end if;
  v_text := regexp_replace(v_text, '^p(?:(\d+d))?t?(?=\d|$)', '\1 ');
  if v_text ~ '^(\s*\d{1,12}([.,]\d{1,6})?\s*(w|d|h|m|s|weeks?|days?|hours?|hrs?|minutes?|mins?|seconds?|secs?)\.?,?)+\s*$' then
    return (
      select sum(replace(m[1], ',', '.')::numeric * case left(m[2], 1) when 'w' then 604800 when 'd' then 86400 when 'h' then 3600 when 'm' then 60 else 1 end)
      from regexp_matches(v_text, '(\d+(?:[.,]\d+)?)\s*([wdhms])[a-z]*', 'g') m);
  end if;
  return engine.read_number(v_text);
end
$$;

create or replace function engine.duration_text(seconds bigint) returns text
language sql immutable strict parallel safe set search_path = ''
as $$
  select case when seconds < 0 then '-' else '' end || trunc(abs(seconds::numeric) / 3600)::text || ':'
    || lpad((trunc(abs(seconds::numeric) / 60) % 60)::text, 2, '0') || ':' || lpad((abs(seconds::numeric) % 60)::text, 2, '0')
$$;

create or replace function engine.read_uuid(content text) returns uuid
language sql immutable strict parallel safe set search_path = ''
as $$ select case when engine.plain_text(content) ~* '^\{?[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}\}?$' then btrim(engine.plain_text(content), '{}')::uuid end $$;

create or replace function engine.read_colour(content text) returns text
language sql immutable strict parallel safe set search_path = ''
as $$
  select case when t ~ '^#?[0-9a-f]{6}$' then '#' || ltrim(t, '#')
    when t ~ '^#[0-9a-f]{3}$' then '#' || repeat(substr(t, 2, 1), 2) || repeat(substr(t, 3, 1), 2) || repeat(substr(t, 4, 1), 2) end
  from lower(engine.plain_text(content)) t
$$;

-- What opens like an object or a list must be one; any other text is a JSON string.
do $$
begin
  if current_setting('server_version_num')::int >= 160000 then
    create or replace function engine.read_json(content text) returns jsonb
    language plpgsql immutable strict parallel safe set search_path = ''
    as $f$
    begin
      if pg_input_is_valid(content, 'jsonb') then
        return content::jsonb;
      end if;
      return case when content !~ '^\s*[\[{]' then to_jsonb(content) end;
    end
    $f$;
  else
    -- PostgreSQL 15 can only try. The block writes nothing, so it takes no transaction id of its own.
    create or replace function engine.read_json(content text) returns jsonb
    language plpgsql immutable strict parallel safe set search_path = ''
    as $f$
    begin
      return content::jsonb;
    exception when others then
      return case when content !~ '^\s*[\[{]' then to_jsonb(content) end;
    end
    $f$;
  end if;
end
$$;

-- The parts of a list, without blanks and repetitions, in order.
create or replace function engine.read_list(content text) returns text[]
language sql immutable strict parallel safe set search_path = ''
as $$
  select nullif(array_agg(s.item order by s.i), '{}')
  from (
    select btrim(u.item) as item, min(u.i) as i
    from regexp_split_to_table(content, '[,;\r\n]+') with ordinality u (item, i)
    where engine.plain_text(u.item) is not null
    group by 1
  ) s
$$;

-- All items as addresses, or nothing: an item that is none must not get lost.
create or replace function engine.read_emails(items text[]) returns text[]
language sql immutable strict parallel safe set search_path = ''
as $$
  select case when bool_and(a.address is not null) then array_agg(a.address order by u.i) end
  from unnest(items) with ordinality u (item, i)
  cross join lateral (select (regexp_match(engine.plain_text(u.item), '^(?:mailto:|[^<>]*<)?([^@\s<>"(),:;]+@[^@\s<>"(),:;.]+(?:\.[^@\s<>"(),:;.]+)+)>?$', 'i'))[1] as address) a
$$;

create or replace function engine.read_phones(items text[]) returns text[]
language sql immutable strict parallel safe set search_path = ''
as $$
  select case when bool_and(p.number ~ '^(tel:)?\+?[0-9 ()./-]+( ?(x|ext\.?) ?\d+)?$' and length(regexp_replace(p.number, '\D', '', 'g')) between 3 and 20)
    then array_agg(regexp_replace(p.number, '^tel:', '') order by u.i) end
  from unnest(items) with ordinality u (item, i)
  cross join lateral (select engine.plain_text(u.item) as number) p
$$;

create or replace function engine.read_links(items text[]) returns text[]
language sql immutable strict parallel safe set search_path = ''
as $$
  select case when bool_and(l.url is not null) then array_agg(l.url order by u.i) end
  from unnest(items) with ordinality u (item, i)
  cross join lateral (select engine.plain_text(u.item) as plain) p
  cross join lateral (select case
    when p.plain ~* '^https?://[^\s/]+\S*$' then p.plain
    when p.plain ~* '^([[:alnum:]]([[:alnum:]-]*[[:alnum:]])?\.)+[[:alpha:]]{2,}(:\d+)?(/\S*)?$' then 'https://' || p.plain end as url) l
$$;

-- A list of links as the column keeps them.
create or replace function engine.links_json(urls text[]) returns jsonb
language sql immutable strict parallel safe set search_path = ''
as $$ select jsonb_agg(jsonb_build_object('url', u.url, 'label', '') order by u.i) from unnest(urls) with ordinality u (url, i) $$;

create or replace function engine.links_list(links jsonb) returns text[]
language sql immutable strict parallel safe set search_path = ''
as $$
  select coalesce(array_agg(e.value ->> 'url' order by e.i), '{}')
  from jsonb_array_elements(case jsonb_typeof(links) when 'array' then links else '[]' end) with ordinality e (value, i)
  where jsonb_typeof(e.value) = 'object' and e.value ->> 'url' <> ''
$$;

create or replace function engine.json_list(value jsonb) returns text[]
language sql immutable strict parallel safe set search_path = ''
as $$
  select array_agg(e.item order by e.i)
  from jsonb_array_elements_text(case jsonb_typeof(value) when 'array' then value else jsonb_build_array(value) end) with ordinality e (item, i)
  where e.item is not null
$$;

-- "Ada Lovelace" and "Lovelace, Ada". Of one word, a first name.
create or replace function engine.read_name(content text) returns text[]
language sql immutable strict parallel safe set search_path = ''
as $$
  select case
    when t ~ '^[^,]+,[^,]+$' then array[btrim(split_part(t, ',', 2)), btrim(split_part(t, ',', 1))]
    when t ~ '\s' then array[regexp_replace(t, '\s+\S+$', ''), regexp_replace(t, '^.*\s', '')]
    else array[t, null] end
  from engine.plain_text(content) t where t is not null
$$;

create or replace function engine.read_place(content text) returns double precision[]
language sql immutable strict parallel safe set search_path = ''
as $$
  select case when m[1]::numeric between -90 and 90 and m[2]::numeric between -180 and 180 then m::double precision[] end
  from regexp_match(engine.plain_text(content), '^([+-]?\d{1,3}(?:\.\d{1,15})?)\s*[,;]\s*([+-]?\d{1,3}(?:\.\d{1,15})?)$') m
$$;

-- An amount with the code or the sign of its currency before or after it.
create or replace function engine.read_money(content text) returns text[]
language sql immutable strict parallel safe set search_path = ''
as $$
  select case when engine.read_number(m.amount) is not null then array[engine.read_number(m.amount)::text, m.code] end
  from engine.plain_text(content) t
  cross join lateral (select regexp_replace(t, '^(-?)\s*(?:[A-Za-z]{3}|[€$£¥₹₽])\s*|\s*(?:[A-Za-z]{3}|[€$£¥₹₽])$', '\1', 'g') as amount,
    coalesce(upper((regexp_match(t, '^-?\s*([A-Za-z]{3})(?![A-Za-z])|(?<![A-Za-z])([A-Za-z]{3})$'))[1]),
      upper((regexp_match(t, '(?<![A-Za-z])([A-Za-z]{3})$'))[1]),
      case substring(t from '[€$£¥₹₽]') when '€' then 'EUR' when '$' then 'USD' when '£' then 'GBP' when '¥' then 'JPY' when '₹' then 'INR' when '₽' then 'RUB' end) as code) m
$$;

-- The options that a list of labels or values stands for; nothing when one is no option.
create or replace function engine.chosen_options(items text[], choices jsonb) returns text[]
language sql immutable strict parallel safe set search_path = ''
as $$
  select case when bool_and(choices ? lower(btrim(u.item))) then array_agg(choices ->> lower(btrim(u.item)) order by u.i) end
  from unnest(items) with ordinality u (item, i)
$$;

create or replace function engine.option_labels(items text[], labels jsonb) returns text[]
language sql immutable strict parallel safe set search_path = ''
as $$ select array_agg(coalesce(labels ->> u.item, u.item) order by u.i) from unnest(items) with ordinality u (item, i) $$;
--! EndIncluded engine/convert/parse.sql
--! Included engine/convert/routes.sql
-- From which type a field can become which other, and the SQL that converts its values. A value
-- travels as a number, a list, a date or a text, whichever loses least; what does not arrive is null.

create table if not exists engine.conversions (
  from_type text not null references engine.field_types,
  to_type text not null references engine.field_types,
  route text not null check (route in ('NUMBER', 'LIST', 'MOMENT', 'TEXT', 'LINK')),
  primary key (from_type, to_type)
);
create index if not exists conversions_to_type_idx on engine.conversions (to_type);

delete from engine.conversions;
insert into engine.conversions (from_type, to_type, route)
select f, t, 'NUMBER'
from unnest('{NUMBER,NUMERIC,PERCENT,DURATION,RATING,CURRENCY,BOOLEAN,AUTO_NUMBER}'::text[]) f,
  unnest('{NUMBER,NUMERIC,PERCENT,DURATION,RATING,CURRENCY,BOOLEAN}'::text[]) t
where f <> t and (f, t) not in (('BOOLEAN', 'DURATION'), ('DURATION', 'BOOLEAN'), ('BOOLEAN', 'CURRENCY'), ('CURRENCY', 'BOOLEAN'), ('CURRENCY', 'RATING'),
  ('RATING', 'CURRENCY'), ('BOOLEAN', 'PERCENT'), ('PERCENT', 'BOOLEAN'), ('DURATION', 'RATING'), ('RATING', 'DURATION'), ('DURATION', 'CURRENCY'),
  ('CURRENCY', 'DURATION'), ('DURATION', 'PERCENT'), ('PERCENT', 'DURATION'), ('AUTO_NUMBER', 'BOOLEAN'), ('AUTO_NUMBER', 'CURRENCY'), ('AUTO_NUMBER', 'DURATION'),
  ('AUTO_NUMBER', 'PERCENT'), ('AUTO_NUMBER', 'RATING'))
union all
select f, t, 'LIST'
from unnest('{ARRAY,MULTI_SELECT,EMAILS,PHONES,LINKS,RAW_JSON,SELECT}'::text[]) f, unnest('{ARRAY,MULTI_SELECT,EMAILS,PHONES,LINKS,SELECT}'::text[]) t
where f <> t and (f = 'ARRAY' or t = 'ARRAY' or (f, t) in (('SELECT', 'MULTI_SELECT'), ('MULTI_SELECT', 'SELECT'), ('RAW_JSON', 'MULTI_SELECT')))
union all
values ('DATE', 'DATE_TIME', 'MOMENT'), ('DATE_TIME', 'DATE', 'MOMENT')
union all
select 'TEXT', t, case when t in ('ARRAY', 'MULTI_SELECT', 'EMAILS', 'PHONES', 'LINKS') then 'LIST' else 'TEXT' end
from unnest('{NUMBER,NUMERIC,PERCENT,DURATION,RATING,CURRENCY,BOOLEAN,DATE,DATE_TIME,UUID,SELECT,MULTI_SELECT,ARRAY,RAW_JSON,RICH_TEXT,FULL_NAME,EMAILS,PHONES,LINKS,ADDRESS,COLOR,LOCATION}'::text[]) t
union all
select f, 'TEXT', 'TEXT'
from unnest('{NUMBER,NUMERIC,PERCENT,DURATION,RATING,CURRENCY,BOOLEAN,DATE,DATE_TIME,UUID,SELECT,MULTI_SELECT,ARRAY,RAW_JSON,RICH_TEXT,FULL_NAME,EMAILS,PHONES,LINKS,ADDRESS,COLOR,LOCATION,AUTO_NUMBER}'::text[]) f
union all
values ('SELECT', 'BOOLEAN', 'TEXT'), ('SELECT', 'RATING', 'TEXT'), ('SELECT', 'NUMBER', 'TEXT'), ('SELECT', 'COLOR', 'TEXT'), ('BOOLEAN', 'SELECT', 'TEXT'), ('RATING', 'SELECT', 'TEXT'),
  ('NUMBER', 'SELECT', 'TEXT'), ('COLOR', 'SELECT', 'TEXT'), ('RICH_TEXT', 'ADDRESS', 'TEXT'), ('ADDRESS', 'RICH_TEXT', 'TEXT'), ('RICH_TEXT', 'SELECT', 'TEXT'), ('DATE', 'SELECT', 'TEXT'), ('FULL_NAME', 'SELECT', 'TEXT'),
  ('NUMBER', 'RAW_JSON', 'TEXT'), ('RAW_JSON', 'NUMBER', 'TEXT'), ('BOOLEAN', 'RAW_JSON', 'TEXT'), ('RAW_JSON', 'BOOLEAN', 'TEXT'), ('RAW_JSON', 'DATE', 'TEXT'), ('ARRAY', 'RAW_JSON', 'TEXT'),
  ('RELATION', 'MORPH_RELATION', 'LINK'), ('MORPH_RELATION', 'RELATION', 'LINK'), ('RELATION', 'MEMBER', 'LINK'), ('MEMBER', 'RELATION', 'LINK'), ('MEMBER', 'MORPH_RELATION', 'LINK'),
  ('RELATION', 'MANY_TO_MANY', 'LINK'), ('MEMBER', 'MANY_TO_MANY', 'LINK');

-- Options by what people may have written for them, and labels by option.
create or replace function engine.choices(options jsonb) returns jsonb
language sql immutable strict parallel safe set search_path = ''
as $$
  select coalesce(jsonb_object_agg(c.word, c.value order by c.rank), '{}')
  from (
    select lower(btrim(o ->> 'label')) as word, o ->> 'value' as value, 1 as rank from jsonb_array_elements(options) o where o ->> 'label' is not null
    union all
    select lower(o ->> 'value'), o ->> 'value', 2 from jsonb_array_elements(options) o
  ) c
$$;

create or replace function engine.labels(options jsonb) returns jsonb
language sql immutable strict parallel safe set search_path = ''
as $$ select coalesce(jsonb_object_agg(o ->> 'value', coalesce(nullif(o ->> 'label', ''), o ->> 'value')), '{}') from jsonb_array_elements(options) o $$;

-- A type's columns, for those types whose columns are always the same. A formula is what it comes to.
create or replace function engine.plain_type(f metadata.fields) returns text
language sql immutable set search_path = ''
as $$ select case when (f).type in ('FORMULA', 'ROLLUP') then (f).result_type else (f).type end $$;

create or replace function engine.source_number(f metadata.fields, c jsonb) returns text
language sql stable set search_path = ''
as $$
  select case engine.plain_type(f)
    when 'NUMBER' then case when (f).settings ->> 'dataType' in ('int', 'bigint') then format('(%s)::numeric', c ->> '') else format('engine.as_numeric(%s)', c ->> '') end
    when 'PERCENT' then format('engine.as_numeric(%s)', c ->> '')
    when 'NUMERIC' then format('case when %1$s not in (''NaN'', ''Infinity'', ''-Infinity'') then %1$s end', c ->> '')
    when 'BOOLEAN' then format('case %s when true then 1 when false then 0 end::numeric', c ->> '')
    when 'CURRENCY' then format('(%s)::numeric / 1000000', c ->> 'amountMicros')
    else format('(%s)::numeric', c ->> '') end
$$;

create or replace function engine.source_list(f metadata.fields, c jsonb) returns text
language sql stable set search_path = ''
as $$
  select case engine.plain_type(f)
    when 'TEXT' then format('engine.read_list(%s)', c ->> '')
    when 'SELECT' then format('case when %1$s is not null then array[coalesce(%2$L::jsonb ->> %1$s, %1$s)] end', c ->> '', engine.labels((f).options))
    when 'MULTI_SELECT' then format('engine.option_labels(%s, %L)', c ->> '', engine.labels((f).options))
    when 'EMAILS' then format('nullif(array_remove(%s || %s, null), ''{}'')', c ->> 'primaryEmail', c ->> 'additionalEmails')
    when 'PHONES' then format('nullif(array_remove(concat(%s, nullif(%s, '''')) || %s, ''''), ''{}'')',
      format('case when %s !~ ''^\+'' then %s end', c ->> 'primaryPhoneNumber', c ->> 'primaryPhoneCallingCode'), c ->> 'primaryPhoneNumber', c ->> 'additionalPhones')
    when 'LINKS' then format('nullif(array_remove(%s || engine.links_list(%s), null), ''{}'')', c ->> 'primaryLinkUrl', c ->> 'secondaryLinks')
    when 'RAW_JSON' then format('engine.json_list(%s)', c ->> '')
    when 'ARRAY' then format('nullif(array_remove(%s, null), ''{}'')', c ->> '') end
$$;

create or replace function engine.source_text(f metadata.fields, c jsonb) returns text
language sql stable set search_path = ''
as $$
  select case engine.plain_type(f)
    when 'TEXT' then c ->> ''
    when 'COLOR' then c ->> ''
    when 'SELECT' then format('coalesce(%L::jsonb ->> %2$s, %2$s)', engine.labels((f).options), c ->> '')
    when 'BOOLEAN' then format('(%s)::text', c ->> '')
    when 'NUMERIC' then format('(%s)::text', c ->> '')
    when 'PERCENT' then format('trim_scale(engine.as_numeric(%s) * 100)::text || ''%%''', c ->> '')
    when 'DURATION' then format('engine.duration_text(%s)', c ->> '')
    when 'CURRENCY' then format('trim_scale(%s) || coalesce('' '' || nullif(%s, ''''), '''')', engine.source_number(f, c), c ->> 'currencyCode')
    when 'DATE' then format('case when isfinite(%1$s) then to_char(%1$s, case when %1$s < ''0001-01-01'' then ''YYYY-MM-DD BC'' else ''YYYY-MM-DD'' end) end', c ->> '')
    when 'DATE_TIME' then format('case when isfinite(%1$s) then regexp_replace(to_char(%1$s at time zone ''UTC'', ''YYYY-MM-DD"T"HH24:MI:SS.US''), ''\.?0+$'', '''') || ''Z'' end', c ->> '')
    when 'RAW_JSON' then format('%s #>> ''{}''', c ->> '')
    when 'RICH_TEXT' then c ->> 'markdown'
    when 'FULL_NAME' then format('nullif(btrim(concat_ws('' '', %s, %s)), '''')', c ->> 'firstName', c ->> 'lastName')
    when 'ADDRESS' then format('nullif(concat_ws('', '', nullif(%s, ''''), nullif(%s, ''''), nullif(btrim(concat_ws('' '', %s, %s)), ''''), nullif(%s, ''''), nullif(%s, '''')), '''')',
      c ->> 'street1', c ->> 'street2', c ->> 'postcode', c ->> 'city', c ->> 'state', c ->> 'country')
    when 'LOCATION' then format('%s || '', '' || %s', c ->> 'lat', c ->> 'lng')
    when 'AUTO_NUMBER' then format('%L || lpad((%2$s)::text, greatest(%3$s, length((%2$s)::text)), ''0'')',
      coalesce((f).settings ->> 'prefix', ''), c ->> '', coalesce((f).settings ->> 'padding', '0')::int)
    when 'ARRAY' then format('array_to_string(%s, '', '')', engine.source_list(f, c))
    when 'MULTI_SELECT' then format('array_to_string(%s, '', '')', engine.source_list(f, c))
    when 'EMAILS' then format('array_to_string(%s, '', '')', engine.source_list(f, c))
    when 'PHONES' then format('array_to_string(%s, '', '')', engine.source_list(f, c))
    when 'LINKS' then format('array_to_string(%s, '', '')', engine.source_list(f, c))
    else format('(%s)::text', c ->> '') end
$$;

create or replace function engine.target_of_number(t metadata.fields, x text, code text default null) returns jsonb
language sql stable set search_path = ''
as $$
  select case (t).type
    when 'NUMBER' then jsonb_build_object('', format(case when (t).settings ->> 'dataType' in ('int', 'bigint') then 'engine.as_bigint(%s)' else 'engine.as_float(%s)' end, x))
    when 'NUMERIC' then jsonb_build_object('', x)
    when 'PERCENT' then jsonb_build_object('', format('engine.as_float(%s)', x))
    when 'DURATION' then jsonb_build_object('', format('engine.as_bigint(round(%s))', x))
    when 'RATING' then jsonb_build_object('', format('case when %1$s in (1, 2, 3, 4, 5) then (%1$s)::smallint end', x))
    when 'BOOLEAN' then jsonb_build_object('', format('case %s when 1 then true when 0 then false end', x))
    when 'CURRENCY' then jsonb_build_object('amountMicros', format('engine.as_bigint(round((%s) * 1000000))', x),
      'currencyCode', format('case when engine.as_bigint(round((%s) * 1000000)) is not null then %s end', x,
        coalesce('coalesce(' || code || ', ', '') || quote_literal(coalesce((t).settings ->> 'currencyCode', (t).default_value ->> 'currencyCode', 'USD')) || case when code is null then '' else ')' end)) end
$$;

create or replace function engine.target_of_list(t metadata.fields, x text) returns jsonb
language sql stable set search_path = ''
as $$
  select case (t).type
    when 'ARRAY' then jsonb_build_object('', x)
    when 'MULTI_SELECT' then jsonb_build_object('', format('engine.chosen_options(%s, %L)', x, engine.choices((t).options)))
    -- Of several, none is the one.
    when 'SELECT' then jsonb_build_object('', format('case when cardinality(%1$s) = 1 then (engine.chosen_options(%1$s, %2$L))[1] end', x, engine.choices((t).options)))
    when 'EMAILS' then jsonb_build_object('primaryEmail', format('(engine.read_emails(%s))[1]', x), 'additionalEmails', format('nullif((engine.read_emails(%s))[2:], ''{}'')', x))
    when 'PHONES' then jsonb_build_object('primaryPhoneNumber', format('(engine.read_phones(%s))[1]', x), 'additionalPhones', format('nullif((engine.read_phones(%s))[2:], ''{}'')', x))
    when 'LINKS' then jsonb_build_object('primaryLinkUrl', format('(engine.read_links(%s))[1]', x), 'secondaryLinks', format('engine.links_json(nullif((engine.read_links(%s))[2:], ''{}''))', x)) end
$$;

create or replace function engine.target_of_text(t metadata.fields, x text) returns jsonb
language sql stable set search_path = ''
as $$
  select case
    when (t).type = 'TEXT' then jsonb_build_object('', x)
    when (t).type = 'CURRENCY' then engine.target_of_number(t, format('((engine.read_money(%s))[1])::numeric', x), format('(engine.read_money(%s))[2]', x))
    when (t).type = 'PERCENT' then engine.target_of_number(t, format('engine.read_percent(%s)', x))
    when (t).type = 'DURATION' then engine.target_of_number(t, format('engine.read_duration(%s)', x))
    when (t).type = 'BOOLEAN' then jsonb_build_object('', format('engine.read_boolean(%s)', x))
    when (t).type in ('NUMBER', 'NUMERIC', 'RATING') then engine.target_of_number(t, format('engine.read_number(%s)', x))
    when (t).type = 'DATE' then jsonb_build_object('', format('(engine.read_moment(%s, %L) at time zone ''UTC'')::date', x, (t).settings ->> 'dayOrder'))
    when (t).type = 'DATE_TIME' then jsonb_build_object('', format('engine.read_moment(%s, %L)', x, (t).settings ->> 'dayOrder'))
    when (t).type = 'UUID' then jsonb_build_object('', format('engine.read_uuid(%s)', x))
    when (t).type = 'SELECT' then jsonb_build_object('', format('%L::jsonb ->> lower(btrim(%s))', engine.choices((t).options), x))
    when (t).type = 'RAW_JSON' then jsonb_build_object('', format('engine.read_json(%s)', x))
    when (t).type = 'RICH_TEXT' then jsonb_build_object('markdown', x)
    when (t).type = 'FULL_NAME' then jsonb_build_object('firstName', format('(engine.read_name(%s))[1]', x), 'lastName', format('(engine.read_name(%s))[2]', x))
    when (t).type = 'ADDRESS' then jsonb_build_object('street1', format('nullif(btrim(%s), '''')', x))
    when (t).type = 'COLOR' then jsonb_build_object('', format('engine.read_colour(%s)', x))
    when (t).type = 'LOCATION' then jsonb_build_object('lat', format('(engine.read_place(%s))[1]', x), 'lng', format('(engine.read_place(%s))[2]', x))
    else engine.target_of_list(t, format('engine.read_list(%s)', x)) end
$$;

-- SQL for each part of a field of type and settings `t` over the columns `c` (SQL by part) of a
-- field `f`; null when the one cannot become the other.
create or replace function engine.conversion_sql(f metadata.fields, t metadata.fields, c jsonb) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_from text := engine.plain_type(f);
  v_route text;
begin
  if v_from = (t).type then
    return c;
  end if;
  select k.route into v_route from engine.conversions k where k.from_type = v_from and k.to_type = (t).type;
  return case
    when v_route = 'NUMBER' then engine.target_of_number(t, engine.source_number(f, c))
    when v_route = 'LIST' then engine.target_of_list(t, engine.source_list(f, c))
    when v_from = 'BOOLEAN' and (t).type = 'SELECT' then jsonb_build_object('', format(
      'case %1$s when true then coalesce(%2$L::jsonb ->> ''true'', %2$L::jsonb ->> ''yes'', %2$L::jsonb ->> ''on'') when false then coalesce(%2$L::jsonb ->> ''false'', %2$L::jsonb ->> ''no'', %2$L::jsonb ->> ''off'') end',
      c ->> '', engine.choices((t).options)))
    when v_from = 'ARRAY' and (t).type = 'RAW_JSON' then jsonb_build_object('', format('to_jsonb(%s)', c ->> ''))
    when v_route = 'TEXT' then engine.target_of_text(t, engine.source_text(f, c))
    when v_route = 'MOMENT' and v_from = 'DATE' then jsonb_build_object('', format('(%s)::timestamp at time zone ''UTC''', c ->> ''))
    when v_route = 'MOMENT' then jsonb_build_object('', format('(%s at time zone ''UTC'')::date', c ->> ''))
  end;
end
$$;
comment on function engine.conversion_sql(metadata.fields, metadata.fields, jsonb) is 'How the values of one field become those of another type, as SQL by part; null when they cannot.';

-- Whether a record has a value: of several parts any, and blanks are none.
create or replace function engine.presence_sql(type text, c jsonb) returns text
language sql stable set search_path = ''
as $$
  select 'coalesce(' || coalesce(string_agg(case k.pg_type
      when 'text' then format('nullif(btrim(%s), '''') is not null', c ->> k.part)
      when 'text[]' then format('cardinality(%s) > 0', c ->> k.part)
      when 'jsonb' then format('%s not in (''null'', ''""'')', c ->> k.part)
      else format('%s is not null', c ->> k.part) end, ' or '), 'false') || ', false)'
  from engine.field_type_columns k
  where k.type = presence_sql.type and c ? k.part
    -- A currency, a country or a label alone is no value.
    and k.part not in ('currencyCode', 'primaryPhoneCountryCode', 'primaryPhoneCallingCode', 'primaryLinkLabel')
$$;
--! EndIncluded engine/convert/routes.sql
--! Included engine/rules/values.sql
-- How the rules and indexes of the model read a field: as SQL over its columns, or, where the field
-- is a formula over its own record, as the formula itself. A check and an index may then read it
-- whether the column is stored, virtual or kept by a trigger.

-- A moment as SQL, the same in every session's time zone.
create or replace function engine.moment_literal(moment timestamptz) returns text
language sql immutable strict parallel safe set search_path = ''
  return quote_literal(to_char(moment at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00') || '::timestamptz';

-- What a field's values are: for a computed field, its result.
create or replace function engine.value_type(field metadata.fields) returns text
language sql immutable set search_path = ''
  return case when (field).type in ('FORMULA', 'ROLLUP') then (field).result_type else (field).type end;

-- The part that stands for the whole field: its first, the name as one text.
create or replace function engine.main_part(field metadata.fields) returns text
language sql stable set search_path = ''
as $$
  select coalesce((
    select c.part from engine.field_type_columns c
    where c.type = engine.value_type(field) and c.type <> 'FULL_NAME' order by c.position limit 1), '')
$$;

create or replace function engine.value_pg_type(field metadata.fields, part text) returns text
language sql stable set search_path = ''
as $$
  select case
    when v.type in ('RELATION', 'MEMBER', 'MORPH_RELATION') then 'uuid'
    when v.type = 'FULL_NAME' and part = '' then 'text'
    when v.type = 'NUMBER' and (field).type = 'NUMBER' and (field).settings ->> 'dataType' in ('int', 'bigint') then 'bigint'
    else (select c.pg_type from engine.field_type_columns c where c.type = v.type and c.part = value_pg_type.part) end
  from engine.value_type(field) as v (type)
$$;

-- Null where the field has no such value.
create or replace function engine.value_sql(field metadata.fields, part text) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_base text := engine.snake_case((field).name);
begin
  if (field).type in ('RELATION', 'MEMBER') then
    return quote_ident(v_base || '_id');
  elsif (field).type = 'MORPH_RELATION' then
    return (
      select case when count(*) = 1 then min(c.name) else format('coalesce(%s)', string_agg(c.name, ', ' order by c.name)) end
      from metadata.relations r
      join metadata.objects o on o.id = r.target_object_id
      cross join lateral (select quote_ident(v_base || '_' || engine.snake_case(o.name_singular) || '_id') as name) c
      where r.field_id = (field).id and r.deleted_at is null and part in ('', r.id::text));
  elsif engine.is_generated(field) then
    return '(' || engine.formula_sql((field).compiled, part) || ')';
  elsif engine.value_type(field) = 'FULL_NAME' and part = '' then
    return format('nullif(btrim(coalesce(%I, '''') || '' '' || coalesce(%I, '''')), '''')', v_base || '_first_name', v_base || '_last_name');
  end if;
  return (select quote_ident(v_base || c.suffix) from engine.field_type_columns c where c.type = engine.value_type(field) and c.part = value_sql.part);
end
$$;
comment on function engine.value_sql(metadata.fields, text) is 'A field, or one part of it, as SQL over a row of its table.';

-- What rules and indexes over some fields depend on, by identity: renames leave it as it is, while
-- another type, another target of a relation or another formula changes it.
create or replace function engine.fields_basis(field_ids uuid[]) returns text
language sql stable set search_path = ''
as $$
  select coalesce(string_agg(engine.column_key(f.id, f.revision, '') || f.type || coalesce(f.result_type, '')
      || case f.type
        when 'FORMULA' then coalesce(f.compiled::text, '') || engine.fields_basis(array(select engine.formula_fields(f.compiled)))
        when 'MORPH_RELATION' then coalesce((select string_agg(r.id::text, ',' order by r.id) from metadata.relations r where r.field_id = f.id and r.deleted_at is null), '')
        else '' end, ' ' order by f.id), '')
  from metadata.fields f where f.id = any (field_ids)
$$;
--! EndIncluded engine/rules/values.sql
--! Included engine/online/pending.sql
-- The columns in which a job collects the values of coming types.
create or replace function engine.pending_columns(workspace_id uuid, scope uuid[] default null)
returns table (field_id uuid, change_id uuid, object_id uuid, key text, part text, name text, pg_type text)
language sql stable set search_path = ''
as $$
  select f.id, c.id, f.object_id, engine.column_key(f.id, c.to_revision, t.part), t.part, 'pending_' || left(md5(engine.column_key(f.id, c.to_revision, t.part)), 12),
    case when c.to_type = 'NUMBER' and c.to_settings ->> 'dataType' in ('int', 'bigint') then 'bigint' else t.pg_type end
  from metadata.type_changes c
  join metadata.fields f on f.id = c.field_id and f.revision = c.from_revision and f.type = c.from_type and f.deleted_at is null
  join engine.field_type_columns t on t.type = c.to_type
  where c.workspace_id = pending_columns.workspace_id and c.status = 'RUNNING' and c.from_revision <> c.to_revision and (scope is null or f.object_id = any (scope))
$$;
--! EndIncluded engine/online/pending.sql
--! Included engine/desired.sql
-- What should stand in a tenant's schema, as facts. A fact has an identity (kind and key) that
-- survives renames: the engine writes it, with a hash of what the thing depends on, into the
-- comment of what it creates, as "@relvar <key> <hash>". Comparing desired with actual facts by
-- identity is the whole of planning.

create type engine.fact as (
  kind text,          -- table, column, constraint, index, rls, policy, trigger, grant, function, internal, role
  key text,
  table_key text,     -- the object's id, or the name of an internal table
  table_name text,
  name text,
  definition text,    -- the clause that creates it
  comment text,
  pg_type text,
  not_null boolean,
  default_expr text,
  generated_expr text,
  oid oid             -- actual facts only
);

-- PostgreSQL cuts names at 63 bytes; cutting them ourselves keeps them unique.
create or replace function engine.fit_name(name text) returns text
language sql immutable strict parallel safe set search_path = ''
  return case when octet_length(name) <= 63 then name else left(name, 54) || '_' || left(md5(name), 8) end;

create or replace function engine.fact_comment(key text, basis text, tags text default null, description text default null) returns text
language sql immutable parallel safe set search_path = ''
  return '@relvar ' || key || coalesce(' ' || left(md5(basis), 12), '')
    || coalesce(E'\n' || nullif(tags, ''), '')
    -- Lines at the top that begin with @, indented or not, steer the API; an empty line ends them, so
    -- that what people write is none.
    || coalesce(E'\n' || case when description ~ '^\s*@' then E'\n' else '' end || nullif(description, ''), '');

create or replace function engine.desired_tables(workspace_id uuid, scope uuid[]) returns setof engine.fact
language sql stable set search_path = ''
as $$
  select 'table', o.id::text, o.id::text, o.table_name, o.table_name, null,
    engine.fact_comment(o.id::text, null,
      '@singular ' || o.name_singular || E'\n@plural ' || o.name_plural || case when o.is_active and o.deleted_at is null then '' else E'\n@behavior -*' end
        || coalesce(E'\n@labelColumn ' || l.columns, ''),
      case when o.description = '' then o.label_plural else o.description end),
    null, null::boolean, null, null, null::oid
  from metadata.objects o
  -- The API sorts records by what their relations' targets are called.
  cross join lateral (
    select string_agg(engine.snake_case(f.name) || c.suffix, ' ' order by c.position) as columns
    from metadata.fields f join engine.field_type_columns c on c.type = f.type
    where f.id = o.label_field_id and f.workspace_id = o.workspace_id and f.deleted_at is null and (f.type = 'FULL_NAME' or c.position = 1)
  ) l
  where o.workspace_id = desired_tables.workspace_id and (scope is null or o.id = any (scope))
$$;

create or replace function engine.desired_columns(workspace_id uuid, spec engine.column_spec[], scope uuid[]) returns setof engine.fact
language sql stable set search_path = ''
as $$
  select 'column', c.key, c.object_id::text, c.table_name, c.name, c.generated_kind,
    engine.fact_comment(c.key, c.generated_basis,
      case when not c.is_active or c.type = 'TS_VECTOR' then '@behavior -*'
        -- What roles may not write, the API does not offer to write.
        when not c.is_writable then '@behavior -attribute:insert -attribute:update'
        when c.name = 'id' then '@behavior -attribute:update' end, c.description),
    c.pg_type, c.not_null, c.default_expr, c.generated_expr, null::oid
  from unnest(spec) c
  union all
  -- Columns of former types keep their values for as long as the change can be undone.
  select 'column', r.key, r.object_id::text, o.table_name, r.name, null, engine.fact_comment(r.key, null, '@behavior -*', 'Values of a former type.'),
    r.pg_type, false, null, null, null
  from engine.retired_columns r
  join metadata.objects o on o.id = r.object_id and o.workspace_id = r.workspace_id
  where r.workspace_id = desired_columns.workspace_id and (scope is null or r.object_id = any (scope))
  union all
  -- Columns of coming types, while a job fills them.
  select 'column', p.key, p.object_id::text, o.table_name, p.name, null, engine.fact_comment(p.key, null, '@behavior -*', 'Values of a coming type.'),
    p.pg_type, false, null, null, null
  from engine.pending_columns(desired_columns.workspace_id, scope) p
  join metadata.objects o on o.id = p.object_id and o.workspace_id = desired_columns.workspace_id
$$;

create or replace function engine.desired_constraints(workspace_id uuid, schema_name text, spec engine.column_spec[], scope uuid[]) returns setof engine.fact
language sql stable set search_path = ''
as $$
  with spec as materialized (
    select * from unnest(spec)
  ), constraints as (
    select o.id as object_id, o.table_name, 'pk' as key, o.table_name || '_pkey' as name, 'primary key (id)' as definition,
      'pk' as basis, null as tags
    from metadata.objects o where o.workspace_id = desired_constraints.workspace_id and (scope is null or o.id = any (scope))
    union all
    select s.object_id, s.table_name, 'fk:' || r.id, s.table_name || '_' || s.name || '_fkey',
      format('foreign key (%I) references %I.%I (id) on delete %s', s.name, schema_name, t.table_name,
        lower(replace(e.on_delete, '_', ' '))),
      r.target_object_id || e.on_delete,
      case when s.is_active and t.is_active and o.is_active and o.deleted_at is null
        then '@fieldName ' || engine.camel_case(left(s.name, -3)) || E'\n@foreignFieldName ' || r.inverse_name
          -- By the two keys of a junction the API leads from each side to the other.
          || coalesce((select E'\n@manyToMany' || case when m.deleted_at is null and m.is_active then ' ' || m.name else '' end
            from metadata.fields m where m.workspace_id = r.workspace_id and m.junction_field_id = r.field_id), '')
        else '@behavior -*' end
    from metadata.relations r
    join spec s on s.relation_id = r.id
    join metadata.objects t on t.id = r.target_object_id and t.workspace_id = r.workspace_id
    join metadata.objects o on o.id = s.object_id and o.workspace_id = r.workspace_id
    -- A link that nobody sees any more neither holds a record back nor takes one along.
    cross join lateral (select case when r.deleted_at is null and s.name !~ '^deleted_' and o.deleted_at is null then r.on_delete else 'SET_NULL' end as on_delete) e
    where r.workspace_id = desired_constraints.workspace_id
    union all
    select s.object_id, s.table_name, 'one_target:' || s.field_id, s.table_name || '_' || engine.snake_case(f.name) || '_check',
      format('check (num_nonnulls(%s) <= 1)', string_agg(quote_ident(s.name), ', ' order by s.name)),
      string_agg(s.key, ',' order by s.key), null
    from spec s join metadata.fields f on f.id = s.field_id and f.workspace_id = desired_constraints.workspace_id
    where f.type = 'MORPH_RELATION'
    group by s.object_id, s.table_name, s.field_id, f.name
    having count(*) > 1
    union all
    select s.object_id, s.table_name, 'options:' || f.id, s.table_name || '_' || s.name || '_check',
      case f.type when 'SELECT' then format('check (%I = any (%L::text[]))', s.name, v.list)
        else format('check (%I <@ %L::text[])', s.name, v.list) end,
      -- Another type may have the same options in another column.
      v.list::text || coalesce(substring(s.key from '~.*'), ''), null
    from metadata.fields f
    join spec s on s.field_id = f.id
    cross join lateral (select array_agg(e ->> 'value' order by e ->> 'value') as list from jsonb_array_elements(f.options) e) v
    where f.workspace_id = desired_constraints.workspace_id and f.type in ('SELECT', 'MULTI_SELECT') and v.list is not null and f.deleted_at is null
      and (scope is null or f.object_id = any (scope))
    union all
    select s.object_id, s.table_name, 'rating:' || s.field_id, s.table_name || '_' || s.name || '_check',
      format('check (%I between 1 and 5)', s.name), 'rating', null
    from spec s where s.type = 'RATING'
    union all
    select s.object_id, s.table_name, 'colour:' || s.field_id, s.table_name || '_' || s.name || '_check',
      format('check (%I ~ ''^#[0-9a-f]{6}$'')', s.name), 'colour', null
    from spec s where s.type = 'COLOR'
    union all
    select s.object_id, s.table_name, s.part || ':' || s.field_id, s.table_name || '_' || s.name || '_check',
      format('check (%I between %s and %2$s * -1)', s.name, case s.part when 'lat' then -90 else -180 end), s.part, null
    from spec s where s.type = 'LOCATION'
    union all
    -- Required of records that are created from some moment on, while older ones may stay as they are.
    select s.object_id, s.table_name, 'required:' || s.field_id, s.table_name || '_' || s.name || '_required',
      format('check (created_at < %s or %I is not null)', engine.moment_literal(f.required_from), s.name), engine.moment_literal(f.required_from) || coalesce(substring(s.key from '~.*'), ''), null
    from spec s join metadata.fields f on f.id = s.field_id and f.workspace_id = desired_constraints.workspace_id
    where f.is_required and f.required_from is not null and s.is_active and s.ordinal = 1 and f.type <> 'MORPH_RELATION'
  )
  select 'constraint', c.object_id || ' ' || c.key, c.object_id::text, c.table_name, engine.fit_name(c.name), c.definition,
    engine.fact_comment(c.key, c.basis, c.tags), null, null::boolean, null, null, null::oid
  from constraints c
$$;

create or replace function engine.desired_indexes(workspace_id uuid, spec engine.column_spec[], scope uuid[]) returns setof engine.fact
language sql stable set search_path = ''
as $$
  with spec as materialized (
    select s.*, f.is_unique and f.deleted_at is null as is_unique, f.settings
    from unnest(spec) s
    join metadata.fields f on f.id = s.field_id and f.workspace_id = desired_indexes.workspace_id
  ), indexes as (
    select s.object_id, s.table_name, 'unique:' || s.key as key, s.table_name || '_' || s.name || '_key' as name,
      format(case when u.ignores_case then 'unique (lower(%I))' else 'unique (%I)' end, s.name) as definition,
      s.key || s.type || case when u.ignores_case and s.type not in ('EMAILS', 'LINKS') then ' ignores case' else '' end as basis
    from spec s
    cross join lateral (select s.pg_type = 'text' and (s.type in ('EMAILS', 'LINKS') or s.settings ->> 'uniqueIgnoresCase' = 'true') as ignores_case) u
    where s.is_unique and s.ordinal = 1 and s.type not in ('MORPH_RELATION', 'FULL_NAME', 'RAW_JSON', 'TS_VECTOR')
      and not (s.type = 'UUID' and s.name = 'id')
    union all
    select s.object_id, s.table_name, 'fk:' || s.relation_id, s.table_name || '_' || s.name || '_idx', format('(%I)', s.name), s.key
    from spec s
    where s.relation_id is not null and not (s.is_unique and s.type in ('RELATION', 'MEMBER'))
    union all
    select s.object_id, s.table_name, 'search', s.table_name || '_' || s.name || '_idx', format('using gin (%I)', s.name), s.key || s.generated_basis
    from spec s where s.type = 'TS_VECTOR'
    union all
    select o.id, o.table_name, 'label', o.table_name || '_label_idx',
      format('using gin (engine.search_text(%s) public.gin_trgm_ops)', engine.label_expression(o.id)), engine.column_key(f.id, f.revision, '')
    from metadata.objects o
    join metadata.fields f on f.id = o.label_field_id and f.workspace_id = o.workspace_id and f.type in ('TEXT', 'FULL_NAME', 'EMAILS', 'PHONES', 'LINKS', 'AUTO_NUMBER')
    where o.workspace_id = desired_indexes.workspace_id and o.is_searchable and (scope is null or o.id = any (scope))
  )
  select 'index', i.object_id || ' ' || i.key, i.object_id::text, i.table_name, engine.fit_name(i.name), i.definition,
    engine.fact_comment(i.key, i.basis), null, null::boolean, null, null, null::oid
  from indexes i
$$;

create or replace function engine.desired_triggers(workspace_id uuid, scope uuid[], spec engine.column_spec[]) returns setof engine.fact
language sql stable set search_path = ''
as $$
  select 'trigger', o.id || ' ' || t.name, o.id::text, o.table_name, t.name, t.definition,
    engine.fact_comment(t.name, t.definition), null, null::boolean, null, null, null::oid
  from metadata.objects o
  -- The log and the trash leave out what is not in transition tables; to write what is computed changes nothing.
  left join (
    select s.object_id, string_agg(quote_literal(s.name), ', ' order by s.name) filter (where s.generated_kind = 'kept') as kept,
      string_agg(', ' || quote_literal(s.name), '' order by s.name) filter (where s.generated_kind = 'virtual') as hidden
    from unnest(spec) s where s.generated_kind in ('kept', 'virtual') group by s.object_id
  ) c on c.object_id = o.id
  cross join lateral (values
    ('_100_touch', format('before update on %%s for each row execute function engine.tg_records__touch(%s)', c.kept), true),
    ('_200_log_insert', format('after insert on %%s referencing new table as new_rows for each statement execute function engine.tg_records__log(%L, %L%s)', o.id, o.workspace_id, c.hidden), o.is_audited),
    ('_200_log_update', format('after update on %%s referencing old table as old_rows new table as new_rows for each statement execute function engine.tg_records__log(%L, %L%s)', o.id, o.workspace_id, c.hidden), o.is_audited),
    ('_200_log_delete', format('after delete on %%s referencing old table as old_rows for each statement execute function engine.tg_records__log(%L, %L%s)', o.id, o.workspace_id, c.hidden), o.is_audited),
    ('_300_trash', format('after delete on %%s referencing old table as old_rows for each statement execute function engine.tg_records__trash(%L%s)', o.id, c.hidden), true)
  ) as t (name, definition, wanted)
  where o.workspace_id = desired_triggers.workspace_id and t.wanted and (scope is null or o.id = any (scope))
$$;

-- What each role may do with each object: its own defaults, unless object_permissions says else.
create or replace function engine.effective_permissions(workspace_id uuid, scope uuid[] default null)
returns table (role_id uuid, pg_role text, object_id uuid, can_read boolean, can_create boolean, can_update boolean, can_delete boolean)
language sql stable set search_path = ''
as $$
  select r.id, r.pg_role, o.id,
    a.is_visible and coalesce(p.can_read, r.can_read_all), a.is_visible and coalesce(p.can_create, r.can_create_all),
    a.is_visible and coalesce(p.can_update, r.can_update_all), a.is_visible and coalesce(p.can_delete, r.can_delete_all)
  from metadata.roles r
  join metadata.objects o on o.workspace_id = r.workspace_id
  cross join lateral (select o.is_active and o.deleted_at is null as is_visible) a
  left join metadata.object_permissions p on p.role_id = r.id and p.object_id = o.id
  where r.workspace_id = effective_permissions.workspace_id and (scope is null or o.id = any (scope))
$$;

-- Objects whose events and trash a role may see; used by policies.
create or replace function engine.readable_objects(caller name) returns setof uuid
language sql stable security definer set search_path = ''
as $$
  select o.id
  from metadata.roles r
  join metadata.objects o on o.workspace_id = r.workspace_id
  left join metadata.object_permissions p on p.role_id = r.id and p.object_id = o.id
  where r.pg_role = caller and o.is_active and o.deleted_at is null and coalesce(p.can_read, r.can_read_all)
$$;
grant execute on function engine.readable_objects(name) to public;

create or replace function engine.desired_security(workspace_id uuid, spec engine.column_spec[], scope uuid[]) returns setof engine.fact
language sql stable set search_path = ''
as $$
  with permission as materialized (
    select * from engine.effective_permissions(desired_security.workspace_id, scope)
  ), tables as (
    select o.id::text as table_key, o.table_name, o.id as object_id
    from metadata.objects o where o.workspace_id = desired_security.workspace_id and (scope is null or o.id = any (scope))
    union all
    select v.key, v.key, null from (values ('record_events'), ('trash')) v (key) where scope is null
  ), writable as (
    select c.object_id,
      string_agg(quote_ident(c.name), ', ' order by c.name collate "C") as insertable,
      string_agg(quote_ident(c.name), ', ' order by c.name collate "C") filter (where not c.key = c.field_id::text or c.name <> 'id') as updatable
    from unnest(spec) c
    where c.is_writable and c.is_active and c.generated_expr is null
    group by c.object_id
  ), policies as (
    select t.table_key, t.table_name, 'relvar_owner' as pg_role, 'owner' as name, 'for all to relvar_owner using (true) with check (true)' as definition
    from tables t
    union all
    select t.table_key, t.table_name, p.pg_role, regexp_replace(p.pg_role, '^.*_r_', 'r_'),
      format('for all to %I using (true) with check (true)', p.pg_role)
    from tables t join permission p on p.object_id = t.object_id
    where p.can_read or p.can_create or p.can_update or p.can_delete
    union all
    select t.table_key, t.table_name, r.pg_role, regexp_replace(r.pg_role, '^.*_r_', 'r_'),
      format('for select to %I using (object_id = any (array(select engine.readable_objects(current_user))))', r.pg_role)
    from tables t cross join metadata.roles r
    where t.object_id is null and r.workspace_id = desired_security.workspace_id
  ), grants as (
    select t.table_key, t.table_name, p.pg_role, concat_ws(', ',
        case when p.can_delete then 'delete' end,
        case when p.can_create then 'insert (' || w.insertable || ')' end,
        case when p.can_read then 'select' end,
        case when p.can_update then 'update (' || w.updatable || ')' end) as definition
    from tables t
    join permission p on p.object_id = t.object_id
    join writable w on w.object_id = t.object_id
    union all
    select t.table_key, t.table_name, r.pg_role, 'select'
    from tables t cross join metadata.roles r
    where t.object_id is null and r.workspace_id = desired_security.workspace_id
  )
  select 'rls', t.table_key, t.table_key, t.table_name, null, 'forced', null, null, null::boolean, null, null, null::oid from tables t
  union all
  select 'policy', p.table_key || ' ' || p.pg_role, p.table_key, p.table_name, p.name, p.definition,
    engine.fact_comment('policy:' || p.pg_role, p.definition), null, null, null, null, null
  from policies p
  union all
  select 'grant', g.table_key || ' ' || g.pg_role, g.table_key, g.table_name, g.pg_role, g.definition, null, null, null, null, null, null
  from grants g where g.definition <> ''
$$;

-- What every tenant has besides its objects.
create or replace function engine.desired_internals(workspace_id uuid, schema_name text) returns setof engine.fact
language sql stable set search_path = ''
as $$
  select v.kind, v.key, null, null, v.key, v.definition, engine.fact_comment(v.key, v.definition, v.tags, v.description),
    null, null::boolean, null, null, null::oid
  from (values
    ('internal', 'record_events', format(
      'create table %1$I.record_events (
        batch bigint not null, seq int not null, object_id uuid not null, record_id uuid not null, action text not null,
        before jsonb, after jsonb, actor_type text not null, actor_id uuid, actor_name text, source text not null, request_id text,
        transaction_id xid8 not null default pg_current_xact_id(), happened_at timestamptz not null default now(),
        primary key (batch, seq));
      create index record_events_record_id_batch_idx on %1$I.record_events (record_id, batch);
      create index record_events_transaction_id_idx on %1$I.record_events (transaction_id);
      comment on column %1$I.record_events.batch is ''Number of the statement that made the change. Rises with time.'';
      comment on column %1$I.record_events.seq is ''Number of the change within its statement.'';
      comment on column %1$I.record_events.object_id is ''The object of the record: metadata.objects.id.'';
      comment on column %1$I.record_events.record_id is ''The record.'';
      comment on column %1$I.record_events.action is ''created, updated, deleted, restored or destroyed.'';
      comment on column %1$I.record_events.before is ''The values that were changed, as they were; of a deleted record all of them.'';
      comment on column %1$I.record_events.after is ''The values that were changed, as they are now; of a created record all of them.'';
      comment on column %1$I.record_events.actor_type is ''Who did it: member, api_key, psql (a database login) or system.'';
      comment on column %1$I.record_events.actor_id is ''The member or the API key.'';
      comment on column %1$I.record_events.actor_name is ''What they were called at the time.'';
      comment on column %1$I.record_events.source is ''By which way the change came: MANUAL, API, IMPORT, SYSTEM and so on.'';
      comment on column %1$I.record_events.request_id is ''The request that made the change, as in the log of the server.'';
      comment on column %1$I.record_events.transaction_id is ''The transaction of the change: what was changed together has the same.'';
      comment on column %1$I.record_events.happened_at is ''When the transaction of the change began.''', schema_name),
      '@behavior -insert -update -delete', 'Every change of every record: what, who, when. Written by triggers in the transaction of the change.'),
    ('internal', 'trash', format(
      'create table %1$I.trash (
        id uuid primary key default %2$s, object_id uuid not null, record_id uuid not null, label text, data jsonb not null,
        deleted_at timestamptz not null default now(), deleted_by_name text, transaction_id xid8 not null default pg_current_xact_id(),
        unique (object_id, record_id));
      create index trash_transaction_id_idx on %1$I.trash (transaction_id);
      comment on column %1$I.trash.id is ''Identifies the entry.'';
      comment on column %1$I.trash.object_id is ''The object of the record: metadata.objects.id.'';
      comment on column %1$I.trash.record_id is ''The id that the record had and has again when it is restored.'';
      comment on column %1$I.trash.label is ''How the record was named.'';
      comment on column %1$I.trash.data is ''The record as it was, by column.'';
      comment on column %1$I.trash.deleted_at is ''When it was deleted.'';
      comment on column %1$I.trash.deleted_by_name is ''Who deleted it.'';
      comment on column %1$I.trash.transaction_id is ''The transaction that deleted it: what went with it has the same.''', schema_name, engine.uuid_default()),
      E'@behavior -insert -update -delete\n@singular trashedRecord\n@plural trashedRecords', 'Deleted records, as they were. Restorable until they are destroyed.'),
    ('function', 'search_records', format(
      'create or replace function %1$I.search_records(query text, max_results int default 20)
       returns table (object_name text, record_id uuid, label text, rank real) language sql stable rows 20
       begin atomic select s.object_name, s.record_id, s.label, s.rank from engine.search(current_user, %1$L, query, max_results) s; end', schema_name),
      null, 'Records whose words begin with the words of the query, or whose label is spelt alike, best first.'),
    ('function', 'restore_record', format(
      'create or replace function %1$I.restore_record(object_name text, record_id uuid) returns boolean language sql volatile
       begin atomic select engine.restore_record(current_user, %1$L, object_name, record_id); end', schema_name),
      null, 'Puts a deleted record back, with what its deletion took along and the links that it cut. False when it is not in the trash.'),
    ('function', 'destroy_record', format(
      'create or replace function %1$I.destroy_record(object_name text, record_id uuid) returns boolean language sql volatile
       begin atomic select engine.destroy_record(current_user, %1$L, object_name, record_id); end', schema_name),
      null, 'Takes a deleted record out of the trash for good. False when it is not there.')
  ) as v (kind, key, definition, tags, description)
  union all
  select 'role', r.pg_role, null, null, r.pg_role, null, null, null, null, null, null, null
  from metadata.roles r where r.workspace_id = desired_internals.workspace_id
$$;
--! EndIncluded engine/desired.sql
--! Included engine/computed/triggers.sql
-- What keeps the plain columns of computed fields: one trigger function for each object that has
-- such columns, which computes them before a record is written, and statement triggers on the
-- objects that they read.

-- The column of a relation: the link itself.
create or replace function engine.relation_column(relation metadata.relations) returns text
language sql stable set search_path = ''
as $$
  select engine.snake_case(f.name) || case when f.type = 'MORPH_RELATION' then '_' || engine.snake_case(o.name_singular) else '' end || '_id'
  from metadata.fields f, metadata.objects o
  where f.id = (relation).field_id and o.id = (relation).target_object_id
$$;

-- The fields that formulas of an object read over relations, each with its way.
create or replace function engine.looked_up(object_id uuid)
returns table (via jsonb, field_id uuid, reader metadata.fields)
language sql stable set search_path = ''
as $$
  select distinct n -> 'via', (n ->> 'field')::uuid, f
  from metadata.fields f
  cross join lateral jsonb_path_query(f.compiled, 'strict $.**?(exists (@.via))') n
  where f.object_id = looked_up.object_id and f.type = 'FORMULA' and f.deleted_at is null and f.compiled is not null
$$;

create or replace function engine.compute_function_name(object_id uuid) returns text
language sql immutable set search_path = ''
  return 'compute_' || right(replace(object_id::text, '-', ''), 12);

create or replace function engine.compute_function(object metadata.objects, schema_name text) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_declarations text := '';
  v_body text := '';
  v_source text;
  v_link text;
  r record;
  c record;
begin
  -- Nobody points to a record that is being made, so what is counted over others begins at nothing.
  for r in select f from engine.computed_fields((object).workspace_id, array[(object).id]) f where f.type = 'ROLLUP' order by f.id loop
    for c in select * from engine.rollup_aggregates(r.f, (object).workspace_id) loop
      v_body := v_body || format(E'\n    new.%I := %s;', c.name, c.empty_value);
    end loop;
  end loop;
  if v_body <> '' then
    v_body := E'\n  if tg_op = ''INSERT'' then' || v_body || E'\n  end if;';
  end if;
  -- A record that is linked anew waits until nobody is changing what it reads; later changes over
  -- there come by themselves.
  for r in
    with recursive way as (
      select distinct l.via from engine.looked_up((object).id) l
      union select w.via - (jsonb_array_length(w.via) - 1) from way w where jsonb_array_length(w.via) > 1
    )
    select w.via, t.table_name, engine.snake_case(f.name) || '_id' as link,
      case when jsonb_array_length(w.via) > 1 then engine.formula_alias(w.via - (jsonb_array_length(w.via) - 1)) else 'new' end as origin,
      (select string_agg(distinct quote_ident(x.c), ', ') from (
        select unnest(engine.formula_columns(g, '', '')) as c from engine.looked_up((object).id) l join metadata.fields g on g.id = l.field_id where l.via = w.via
        union select engine.snake_case(g.name) || '_id' from way n join metadata.fields g on g.id = (n.via ->> -1)::uuid
          where jsonb_array_length(n.via) = jsonb_array_length(w.via) + 1 and n.via - (jsonb_array_length(n.via) - 1) = w.via) x) as columns,
      (select engine.snake_case(g.name) || '_id' from metadata.fields g where g.id = (w.via ->> 0)::uuid) as first_link
    from way w
    join metadata.fields f on f.id = (w.via ->> -1)::uuid
    join metadata.relations rel on rel.field_id = f.id and rel.deleted_at is null
    join metadata.objects t on t.id = rel.target_object_id
    order by jsonb_array_length(w.via), w.via
  loop
    v_declarations := v_declarations || format(E'  %s record;\n', engine.formula_alias(r.via));
    v_source := format('select %s into %s from %I.%I where id = %s.%I', r.columns, engine.formula_alias(r.via), schema_name, r.table_name, r.origin, r.link);
    v_body := v_body || format(E'\n  if tg_op = ''INSERT'' or new.%1$I is distinct from old.%1$I then\n    %2$s for share;\n  else\n    %2$s;\n  end if;', r.first_link, v_source);
  end loop;
  for r in
    select f, x.part, x.suffix
    from engine.computed_fields((object).workspace_id, array[(object).id]) f
    join engine.field_type_columns x on x.type = f.result_type
    where f.type = 'FORMULA' and not engine.is_generated(f)
    order by engine.computed_rank(f), f.id, x.position
  loop
    v_body := v_body || format(E'\n  new.%I := %s;', engine.snake_case((r.f).name) || r.suffix, engine.formula_sql((r.f).compiled, r.part, 'new'));
  end loop;
  if v_body = '' then
    return null;
  end if;
  return format('create or replace function %I.%I() returns trigger language plpgsql volatile security definer set search_path = '''' as %L',
    schema_name, engine.compute_function_name((object).id), E'\n' || case when v_declarations <> '' then E'declare\n' || v_declarations else '' end || 'begin' || v_body || E'\n  return new;\nend\n');
end
$$;

-- Recomputes, when a record changed, what others compute from it: writing them, with nothing
-- changed, makes their own trigger do it.
create or replace function engine.tg_records__push() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  -- A statement trigger runs for no rows as well: where records read others of their own kind, that would never end.
  if not exists (select from new_rows) then
    return null;
  end if;
  if tg_nargs > 1 then
    execute tg_argv[1];
  end if;
  execute tg_argv[0];
  return null;
end
$$;

-- Aggregates anew for the parents of the records that were written. They are locked first, in one
-- order; the statement after that sees what was committed while it waited. The parents are written
-- even where the aggregates stayed equal: to a transaction whose snapshot is older (REPEATABLE READ)
-- this is a conflict, where it would otherwise count without the records that it cannot see.
create or replace function engine.tg_records__roll_up() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_parents uuid[];
begin
  execute tg_argv[0] into v_parents;
  if v_parents is not null then
    execute tg_argv[1] using v_parents;
    execute tg_argv[2] using v_parents;
  end if;
  return null;
end
$$;

create or replace function engine.rollup_condition(compiled jsonb) returns text
language sql stable set search_path = ''
  return ' filter (where c.id is not null' || coalesce(' and ' || engine.formula_sql(nullif(compiled -> 'filter', 'null'), '', 'c'), '');

-- The columns of a rollup: what each aggregates over the records c, and what it is of none.
create or replace function engine.rollup_aggregates(field metadata.fields, workspace_id uuid)
returns table (name text, expr text, empty_value text)
language plpgsql stable set search_path = ''
as $$
declare
  v jsonb := (field).compiled;
  v_value jsonb := nullif(v -> 'value', 'null');
  v_sql text := case when v_value is not null then engine.formula_render(v_value, 'c') end;
  v_code text := case when v_value ->> 't' = 'CURRENCY' then engine.formula_currency(v_value, 'c') end;
  v_filter text := engine.rollup_condition(v);
  v_order text := format(' order by %s c.id', (select string_agg('c.' || quote_ident(x), ', ') || ',' from unnest(engine.formula_columns((select g from metadata.fields g where g.id = (v #>> '{order,field}')::uuid), '', '')) x limit 1));
  v_type text := v ->> 'type';
  v_cast text;
  v_one_currency text;
  v_aggregate text;
begin
  v_order := coalesce(v_order, ' order by c.id');
  if v ->> 'aggregate' = 'LAST' then
    v_order := replace(replace(v_order, ',', ' desc nulls last,'), 'c.id', 'c.id desc');
  end if;
  v_aggregate := case v ->> 'aggregate'
    when 'COUNT' then 'count(c.id)' || v_filter || ')'
    when 'SUM' then format('sum(%s)', v_sql) || v_filter || ')'
    when 'AVG' then format('avg(%s)', v_sql) || v_filter || ')'
    when 'MIN' then format('min(%s)', v_sql) || v_filter || ')'
    when 'MAX' then format('max(%s)', v_sql) || v_filter || ')'
    when 'LIST' then format('(array_agg(%s%s)', v_sql, v_order) || v_filter || format(' and %s is not null))[1:100]', v_sql)
    else format('(array_agg(%s%s)', v_sql, v_order) || v_filter || format(' and %s is not null))[1]', v_sql) end;
  if v ->> 'aggregate' = 'SUM' and v_type <> 'CURRENCY' or v ->> 'aggregate' = 'COUNT' then
    v_aggregate := format('coalesce(%s, 0)', v_aggregate);
  end if;
  if v_type = 'CURRENCY' then
    -- Amounts in several currencies have neither a sum nor an order.
    v_one_currency := format('min(%1$s)%2$s and %3$s is not null) is not distinct from max(%1$s)%2$s and %3$s is not null)', v_code, v_filter, v_sql);
    return query values
      (engine.snake_case((field).name) || '_amount_micros', case when v ->> 'aggregate' in ('FIRST', 'LAST') then v_aggregate || '::bigint'
        else format('case when %s then %s end', v_one_currency, engine.formula_bounded('round(' || v_aggregate || ')', '-9e18', '9e18') || '::bigint') end, 'null::bigint'),
      (engine.snake_case((field).name) || '_currency_code', case when v ->> 'aggregate' in ('FIRST', 'LAST')
          then format('(array_agg(%s%s)', v_code, v_order) || v_filter || format(' and %s is not null))[1]', v_sql)
        else format('case when %s then min(%s)%s and %s is not null) end', v_one_currency, v_code, v_filter, v_sql) end, 'null::text');
    return;
  end if;
  v_aggregate := case
    when v_type in ('NUMBER', 'PERCENT') then engine.formula_bounded(format('trim_scale(round((%s)::numeric, 60))', v_aggregate), '-1e60', '1e60') || '::double precision'
    when v_type = 'DURATION' then engine.formula_bounded(format('round(%s)', v_aggregate), '-9e18', '9e18') || '::bigint'
    else v_aggregate end;
  return query select engine.snake_case((field).name) || x.suffix, v_aggregate,
    case when v ->> 'aggregate' in ('COUNT', 'SUM') then '0' else 'null' end
  from engine.field_type_columns x where x.type = v_type;
end
$$;

-- One statement for all rollups over a relation; `parents` is a source of ids.
create or replace function engine.rollup_update(relation metadata.relations, schema_name text, parents text) returns text
language sql stable set search_path = ''
as $$
  select format('update %1$I.%2$I p set %3$s from (select i.id, %4$s from %5$s left join %1$I.%6$I c on c.%7$I = i.id group by i.id) a where p.id = a.id',
    schema_name, po.table_name, string_agg(format('%1$I = a.%1$I', x.name), ', ' order by x.name), string_agg(format('%s as %I', x.expr, x.name), ', ' order by x.name),
    parents, co.table_name, engine.relation_column(relation))
  from engine.computed_fields((relation).workspace_id, array[(relation).target_object_id]) f
  cross join lateral engine.rollup_aggregates(f, (relation).workspace_id) x
  join metadata.objects po on po.id = (relation).target_object_id
  join metadata.fields cf on cf.id = (relation).field_id
  join metadata.objects co on co.id = cf.object_id
  where f.type = 'ROLLUP' and (f.compiled ->> 'relation')::uuid = (relation).id
  group by po.table_name, co.table_name
$$;

-- All of the above, as facts.
create or replace function engine.desired_computed(workspace_id uuid, schema_name text, scope uuid[]) returns setof engine.fact
language plpgsql stable set search_path = ''
as $$
declare
  v_ids text;
  -- Objects with computed fields, those of them that read others, and the relations that are counted: few, if any.
  v_objects uuid[];
  v_readers uuid[];
  v_relations uuid[];
  r record;
begin
  select array_agg(distinct f.object_id), array_agg(distinct f.object_id) filter (where f.type = 'FORMULA' and engine.formula_reads_relations(f.compiled)),
      array_agg(distinct (f.compiled ->> 'relation')::uuid) filter (where f.type = 'ROLLUP')
    into v_objects, v_readers, v_relations
  from engine.computed_fields(desired_computed.workspace_id) f;
  if v_objects is null then
    return;
  end if;
  for r in
    -- With the revisions of what it may read: sessions keep plans for the types that they knew, until the function is replaced.
    select o, engine.compute_function(o, schema_name) || coalesce(E'\n-- ' || (
      select md5(string_agg(f.id::text || f.revision, ',' order by f.id)) from metadata.fields f where f.object_id = o.id and f.revision > 1), '') as definition from metadata.objects o
    where o.workspace_id = desired_computed.workspace_id and o.deleted_at is null and (scope is null or o.id = any (scope))
      and o.id = any (v_objects)
  loop
    if r.definition is not null then
      return query select 'function', 'compute:' || (r.o).id, (r.o).id::text, (r.o).table_name, engine.compute_function_name((r.o).id), r.definition,
        engine.fact_comment('compute:' || (r.o).id, r.definition, null, 'Computes fields before a record is written.'), null, null::boolean, null, null, null::oid;
      return query select * from engine.computed_trigger(r.o, '_150_compute',
        format('before insert or update on %%s for each row execute function %I.%I()', schema_name, engine.compute_function_name((r.o).id))
          -- And is not there while values are converted.
          || coalesce(substring(r.definition from E'\n(-- [0-9a-f]{32})$'), ''));
    end if;
  end loop;
  -- Records that others read.
  for r in
    select t as target, reader.id as reader_id, reader.table_name, w.via, w.kept,
      engine.stored_columns(w.field_ids) as columns,
      w.next_links
    from metadata.objects reader
    cross join lateral (
      select p.via, (select min(engine.snake_case(k.name) || x.suffix) from engine.computed_fields(desired_computed.workspace_id, array[reader.id]) k
          join engine.field_type_columns x on x.type = k.result_type where not engine.is_generated(k) and k.type = 'FORMULA') as kept,
        array_agg(distinct p.field_id) as field_ids, array_agg(distinct p.field_id) filter (where p.is_link) as next_links
      from (
        select l.via, l.field_id, false as is_link from engine.looked_up(reader.id) l
        union all
        -- The link that leads on is read, too.
        select l.via - 1, (l.via ->> 1)::uuid, true from engine.looked_up(reader.id) l where jsonb_array_length(l.via) = 2
      ) p group by p.via
    ) w
    join metadata.relations rel on rel.field_id = (w.via ->> -1)::uuid and rel.deleted_at is null
    join metadata.objects t on t.id = rel.target_object_id and t.deleted_at is null
    where reader.workspace_id = desired_computed.workspace_id and reader.id = any (v_readers) and w.kept is not null and (scope is null or t.id = any (scope))
  loop
    v_ids := format('select n.id from new_rows n join old_rows o on o.id = n.id where row(%s) is distinct from row(%s)',
      (select string_agg('n.' || quote_ident(c), ', ') from unnest(r.columns) c), (select string_agg('o.' || quote_ident(c), ', ') from unnest(r.columns) c));
    return query select * from engine.computed_trigger(r.target, '_400_push_' || left(md5(r.reader_id || r.via::text), 10),
      'after update on %s referencing old table as old_rows new table as new_rows for each statement execute function engine.tg_records__push('
      || replace(quote_literal(
        case jsonb_array_length(r.via)
          when 1 then format('update %I.%I set %I = %3$I where %4$I in (%5$s)', schema_name, r.table_name, r.kept,
            (select engine.snake_case(g.name) || '_id' from metadata.fields g where g.id = (r.via ->> 0)::uuid), v_ids)
          else (
            select format('update %I.%I c set %I = c.%3$I from %1$I.%4$I p where c.%5$I = p.id and p.%6$I in (%7$s)', schema_name, r.table_name, r.kept, m.table_name,
              engine.snake_case(f1.name) || '_id', engine.snake_case(f2.name) || '_id', v_ids)
            from metadata.fields f1 join metadata.relations r1 on r1.field_id = f1.id and r1.deleted_at is null join metadata.objects m on m.id = r1.target_object_id, metadata.fields f2
            where f1.id = (r.via ->> 0)::uuid and f2.id = (r.via ->> 1)::uuid) end)
        -- Where the record leads on to another now, that one must not be changing.
        || coalesce(', ' || quote_literal((
          select string_agg(format('select from %I.%I t where t.id in (select n.%3$I from new_rows n join old_rows o on o.id = n.id where n.%3$I is distinct from o.%3$I) order by t.id for share',
            schema_name, t2.table_name, engine.snake_case(g.name) || '_id'), '; ')
          from unnest(r.next_links) i (id) join metadata.fields g on g.id = i.id join metadata.relations r2 on r2.field_id = g.id and r2.deleted_at is null
          join metadata.objects t2 on t2.id = r2.target_object_id)), ''), '%', '%%') || ')');
  end loop;
  -- Records that others count.
  for r in
    select rel, co as child, po.table_name as parent_table, engine.relation_column(rel) as link,
      engine.stored_columns(array(
        select i from engine.computed_fields(desired_computed.workspace_id, array[po.id]) f cross join engine.formula_fields(f.compiled) i
        where f.type = 'ROLLUP' and (f.compiled ->> 'relation')::uuid = rel.id)) as columns
    from metadata.relations rel
    join metadata.fields cf on cf.id = rel.field_id
    join metadata.objects co on co.id = cf.object_id and co.deleted_at is null
    join metadata.objects po on po.id = rel.target_object_id and po.deleted_at is null
    where rel.workspace_id = desired_computed.workspace_id and rel.deleted_at is null and (scope is null or co.id = any (scope))
      and rel.id = any (v_relations)
  loop
    return query
    select t.*
    from (values
      ('insert', 'after insert on %s referencing new table as new_rows', format('select array_agg(distinct n.%1$I) from new_rows n where n.%1$I is not null', r.link)),
      ('delete', 'after delete on %s referencing old table as old_rows', format('select array_agg(distinct o.%1$I) from old_rows o where o.%1$I is not null', r.link)),
      ('update', 'after update on %s referencing old table as old_rows new table as new_rows',
        format('select array_agg(distinct x.id) from new_rows n join old_rows o on o.id = n.id cross join lateral (values (o.%1$I), (n.%1$I)) x (id) where x.id is not null and row(%2$s) is distinct from row(%3$s)',
          r.link, (select string_agg('n.' || quote_ident(c), ', ') from unnest(array(select r.link union select unnest(r.columns) order by 1)) c),
          (select string_agg('o.' || quote_ident(c), ', ') from unnest(array(select r.link union select unnest(r.columns) order by 1)) c)))
    ) as v (op, head, parents)
    cross join lateral engine.computed_trigger(r.child, '_400_roll_up_' || right(replace((r.rel).id::text, '-', ''), 12) || '_' || v.op,
      v.head || ' for each statement execute function engine.tg_records__roll_up(' || replace(concat_ws(', ', quote_literal(v.parents),
        quote_literal(format('select from %I.%I p where p.id = any ($1) order by p.id for no key update', schema_name, r.parent_table)),
        quote_literal(engine.rollup_update(r.rel, schema_name, 'unnest($1) as i (id)'))), '%', '%%') || ')') t;
  end loop;
end
$$;

create or replace function engine.computed_trigger(object metadata.objects, name text, definition text) returns setof engine.fact
language sql stable set search_path = ''
as $$
  select 'trigger', (object).id || ' ' || computed_trigger.name, (object).id::text, (object).table_name, computed_trigger.name, definition,
    engine.fact_comment(computed_trigger.name, definition), null, null::boolean, null, null, null::oid
$$;
--! EndIncluded engine/computed/triggers.sql
--! Included engine/computed/fill.sql
-- Values of computed columns for records that were there before.

-- For all records of an object, in one statement; `keys` are those of the columns.
create or replace function engine.fill_statement(object_id uuid, schema_name text, keys text[]) returns text
language sql stable set search_path = ''
as $$
  select string_agg(s.statement, '; ' order by s.place)
  from (
    -- Rollups first: formulas may read them.
    select distinct 1 as place, engine.rollup_update(r, schema_name, format('(select id from %I.%I) i', schema_name, o.table_name)) as statement
    from metadata.fields f
    join metadata.objects o on o.id = f.object_id
    join metadata.relations r on r.id = (f.compiled ->> 'relation')::uuid
    where f.object_id = fill_statement.object_id and f.type = 'ROLLUP' and f.deleted_at is null
      and exists (select from unnest(keys) k where left(k, 36) = f.id::text)
    union all
    -- Written with nothing changed, a record computes itself.
    select 2, format('update %I.%I set %I = %3$I', schema_name, o.table_name, min(engine.snake_case(f.name) || c.suffix))
    from metadata.fields f
    join metadata.objects o on o.id = f.object_id
    join engine.field_type_columns c on c.type = f.result_type
    where f.object_id = fill_statement.object_id and f.type = 'FORMULA' and f.deleted_at is null
      and exists (select from unnest(keys) k where left(k, 36) = f.id::text)
    group by o.table_name
  ) s
$$;

-- The same for the next records by id after a given one, for jobs that fill a large table in
-- batches. Returns the last id that it filled, null when none is left. What is written meanwhile
-- is computed by its own triggers, so no record is missed.
create or replace function engine.backfill_batch(field_id uuid, after_id uuid, batch_size int) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_field metadata.fields;
  v_table text;
  v_schema text;
  v_ids uuid[];
begin
  select f.* into v_field from metadata.fields f where f.id = backfill_batch.field_id and f.deleted_at is null and f.compiled is not null;
  if not found then
    return null;
  end if;
  select o.table_name, w.schema_name into v_table, v_schema from metadata.objects o join core.workspaces w on w.id = o.workspace_id where o.id = v_field.object_id;
  execute format('select array_agg(b.id) from (select t.id from %I.%I t where $1 is null or t.id > $1 order by t.id limit $2) b', v_schema, v_table)
    into v_ids using after_id, batch_size;
  if v_ids is null then
    return null;
  end if;
  perform engine.set_quiet(true);
  execute format('select from %I.%I t where t.id = any ($1) order by t.id for no key update', v_schema, v_table) using v_ids;
  if v_field.type = 'ROLLUP' then
    execute engine.rollup_update((select r from metadata.relations r where r.id = (v_field.compiled ->> 'relation')::uuid), v_schema, 'unnest($1) as i (id)') using v_ids;
  else
    execute format('update %I.%I t set %I = t.%3$I where t.id = any ($1)', v_schema, v_table, (engine.formula_columns(v_field, '', ''))[1]) using v_ids;
  end if;
  perform engine.set_quiet(false);
  return v_ids[cardinality(v_ids)];
end
$$;
comment on function engine.backfill_batch(uuid, uuid, int) is 'Computes a formula or rollup for the next batch of records by id, quietly. Returns the last id, null when there are no more.';
--! EndIncluded engine/computed/fill.sql
--! Included engine/rules/rules.sql
-- Each rule of the model is a check constraint of the object's table, or a unique index: it holds
-- whoever writes. What is empty fulfils every rule but REQUIRED (and CONDITION, which may ask).

create or replace function engine.rule_fields(rule metadata.rules) returns uuid[]
language sql stable set search_path = ''
as $$
  select array(
    select (rule).field_id where (rule).field_id is not null
    union
    select v::uuid from jsonb_array_elements_text(coalesce((rule).settings -> 'fieldIds', '[]')) v
    union
    select engine.formula_fields((rule).compiled))
$$;
comment on function engine.rule_fields(metadata.rules) is 'The fields that a rule reads.';

-- A rule sleeps while it is switched off, or while a field is deleted that it reads. What is hidden is nobody's to fill in.
create or replace function engine.live_rules(workspace_id uuid, scope uuid[] default null) returns setof metadata.rules
language sql stable set search_path = ''
as $$
  select r.* from metadata.rules r
  where r.workspace_id = live_rules.workspace_id and r.is_active and (scope is null or r.object_id = any (scope))
    and not exists (
      select from unnest(engine.rule_fields(r)) as u (id)
      left join metadata.fields f on f.id = u.id and f.deleted_at is null
      where f.id is null or (not f.is_active and r.kind = 'REQUIRED' and f.id = r.field_id))
$$;

-- Text of spaces alone, an empty list: what a required field may not be, besides null.
create or replace function engine.present_sql(value text, pg_type text) returns text
language sql immutable set search_path = ''
  return case pg_type
    when 'text' then format('coalesce(btrim(%s, E'' \t\r\n'') <> '''', false)', value)
    when 'text[]' then format('coalesce(cardinality(%s) > 0, false)', value)
    when 'jsonb' then format('coalesce(%s not in (''null'', ''[]'', ''{}''), false)', value)
    else value || ' is not null' end;

create or replace function engine.bound_sql(value_type text, pg_type text, bound jsonb) returns text
language sql stable set search_path = ''
  return case
    when value_type = 'CURRENCY' then '(' || round((bound #>> '{}')::numeric * 1000000) || ')'
    when pg_type = 'date' then quote_literal(to_char((bound #>> '{}')::date, 'YYYY-MM-DD')) || '::date'
    when pg_type = 'timestamp with time zone' then engine.moment_literal((bound #>> '{}')::timestamptz)
    else '(' || (bound #>> '{}')::numeric || ')' end;

-- How long a value is: the letters of a text, the values of a list.
create or replace function engine.length_sql(value text, pg_type text) returns text
language sql immutable set search_path = ''
  return format(case pg_type when 'text' then 'length(%s)' when 'text[]' then 'cardinality(%s)'
    else 'jsonb_array_length(case jsonb_typeof(%1$s) when ''array'' then %1$s end)' end, value);

-- What must be true of a record for a rule, but for uniqueness.
create or replace function engine.rule_sql(rule metadata.rules) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_settings jsonb := (rule).settings;
  v_field metadata.fields;
  v_part text;
  v_type text;
  v_pg_type text;
  v_value text;
  v_length text;
  v_sql text;
begin
  if (rule).kind = 'CONDITION' then
    v_sql := engine.formula_sql((rule).compiled);
  elsif (rule).kind <> 'UNIQUE' then
    select f.* into v_field from metadata.fields f where f.id = (rule).field_id;
    v_part := coalesce(v_settings ->> 'part', engine.main_part(v_field));
    v_type := engine.value_type(v_field);
    v_pg_type := engine.value_pg_type(v_field, v_part);
    v_value := engine.value_sql(v_field, v_part);
    case (rule).kind
      when 'REQUIRED' then
        v_sql := engine.present_sql(v_value, v_pg_type);
      when 'RANGE' then
        v_sql := array_to_string(array[
          v_value || ' >= ' || engine.bound_sql(v_type, v_pg_type, nullif(v_settings -> 'min', 'null')),
          v_value || ' <= ' || engine.bound_sql(v_type, v_pg_type, nullif(v_settings -> 'max', 'null'))], ' and ');
      when 'LENGTH' then
        v_length := engine.length_sql(v_value, v_pg_type);
        v_sql := format('%s = 0 or (%s)', v_length, array_to_string(array[
          v_length || ' >= ' || (v_settings ->> 'min'), v_length || ' <= ' || (v_settings ->> 'max')], ' and '));
      when 'PATTERN' then
        v_sql := format('%s = '''' or %1$s %s %s', v_value, case when v_settings -> 'ignoreCase' = 'true' then '~*' else '~' end,
          engine.literal('^(?:' || (v_settings ->> 'pattern') || ')$'));
    end case;
    if (rule).compiled is not null then
      v_sql := format('not (%s) or (%s)', engine.formula_sql((rule).compiled), v_sql);
    end if;
  end if;
  if (rule).applies_from is not null and v_sql is not null then
    v_sql := format('created_at < %s or (%s)', engine.moment_literal((rule).applies_from), v_sql);
  end if;
  return v_sql;
end
$$;
comment on function engine.rule_sql(metadata.rules) is 'What must be true of a record for a rule, as SQL; null for UNIQUE.';

-- By what a field tells records apart. An amount is one with its currency, a place with both numbers.
create or replace function engine.unique_keys(field metadata.fields, ignores_case boolean) returns text[]
language sql stable set search_path = ''
as $$
  select array(
    select case when engine.value_pg_type(field, p.part) = 'text' and v.type <> 'SELECT' and (ignores_case or v.type in ('EMAILS', 'LINKS'))
      then format('lower(%s)', engine.value_sql(field, p.part)) else engine.value_sql(field, p.part) end
    from (
      select engine.main_part(field) as part, 1 as n
      union all select 'currencyCode', 2 where v.type = 'CURRENCY'
      union all select 'lng', 2 where v.type = 'LOCATION'
    ) p order by p.n)
  from engine.value_type(field) as v (type)
$$;

create or replace function engine.rule_keys(rule metadata.rules) returns text[]
language sql stable set search_path = ''
as $$
  select array(
    select k.key
    from jsonb_array_elements_text((rule).settings -> 'fieldIds') with ordinality as u (id, n)
    join metadata.fields f on f.id = u.id::uuid
    cross join lateral unnest(engine.unique_keys(f, (rule).settings -> 'ignoreCase' = 'true')) with ordinality as k (key, i)
    order by u.n, k.i)
$$;

-- For which records a rule of uniqueness holds; null for all.
create or replace function engine.rule_scope(rule metadata.rules) returns text
language sql stable set search_path = ''
  return nullif(array_to_string(array[
    'created_at >= ' || engine.moment_literal((rule).applies_from),
    case when (rule).compiled is not null then '(' || engine.formula_sql((rule).compiled) || ')' end], ' and '), '');

create or replace function engine.rule_index(rule metadata.rules) returns text
language sql stable set search_path = ''
as $$
  select 'unique (' || string_agg('(' || k || ')', ', ' order by n) || ')' || coalesce(' where (' || engine.rule_scope(rule) || ')', '')
  from unnest(engine.rule_keys(rule)) with ordinality as u (k, n)
$$;

create or replace function engine.rule_name(table_name text, rule_id uuid) returns text
language sql immutable parallel safe set search_path = ''
  return engine.fit_name(table_name || '_rule_' || right(replace(rule_id::text, '-', ''), 12));
comment on function engine.rule_name(text, uuid) is 'The name of a rule''s constraint or index.';

-- What a rule depends on. Its words, its place and its message are not part of the constraint.
create or replace function engine.rule_basis(rule metadata.rules) returns text
language sql stable set search_path = ''
  return concat_ws('|', (rule).kind, (rule).settings, (rule).compiled, engine.moment_literal((rule).applies_from),
    engine.fields_basis(engine.rule_fields(rule)));

create or replace function engine.desired_rules(workspace_id uuid, scope uuid[]) returns setof engine.fact
language sql stable set search_path = ''
as $$
  select case r.kind when 'UNIQUE' then 'index' else 'constraint' end, r.object_id || ' rule:' || r.id, r.object_id::text, o.table_name,
    engine.rule_name(o.table_name, r.id),
    case r.kind when 'UNIQUE' then engine.rule_index(r) else 'check (' || engine.rule_sql(r) || ')' end,
    engine.fact_comment('rule:' || r.id, engine.rule_basis(r)),
    null, null::boolean, null, null, null::oid
  from engine.live_rules(desired_rules.workspace_id, scope) r
  join metadata.objects o on o.id = r.object_id and o.workspace_id = r.workspace_id
$$;
--! EndIncluded engine/rules/rules.sql
--! Included engine/rules/fields.sql
-- What fields demand by themselves: their settings that are rules of the data, and that a required
-- text is no row of spaces. NOT NULL stays NOT NULL, which costs nothing to check and lets
-- PostgreSQL skip scans; the check beside it looks at the text alone.
create or replace function engine.desired_field_checks(workspace_id uuid, spec engine.column_spec[], scope uuid[]) returns setof engine.fact
language sql stable set search_path = ''
as $$
  with field as materialized (
    select s.*, f.settings, f.required_from, f.is_required and f.is_active and not f.is_system and f.deleted_at is null as is_demanded,
      (f.settings ->> 'maxNumberOfValues')::int as max_values
    from unnest(spec) s
    join metadata.fields f on f.id = s.field_id and f.workspace_id = desired_field_checks.workspace_id
  ), checks as (
    select s.object_id, s.table_name, 'blank:' || s.field_id as key, s.table_name || '_' || s.name || '_filled' as name,
      case when s.required_from is null then '%s' else format('created_at < %s or %%s', engine.moment_literal(s.required_from)) end as template,
      engine.present_sql(quote_ident(s.name), s.pg_type) as sql, s.key || coalesce(engine.moment_literal(s.required_from), '') as basis
    from field s
    where s.is_demanded and s.ordinal = 1 and s.pg_type in ('text', 'text[]', 'jsonb') and s.type not in ('SELECT', 'COLOR')
      and s.generated_expr is null and s.settings -> 'allowBlank' is distinct from 'true'
    union all
    select s.object_id, s.table_name, 'count:' || s.field_id, s.table_name || '_' || s.name || '_count', '%s',
      engine.length_sql(quote_ident(s.name), s.pg_type) || ' <= '
        -- The first of several stands in a column of its own.
        || case when s.part = '' then s.max_values else s.max_values - 1 end, s.key || s.max_values
    from field s
    where s.max_values is not null and (s.type, s.part) in (('ARRAY', ''), ('FILES', ''), ('EMAILS', 'additionalEmails'), ('PHONES', 'additionalPhones'), ('LINKS', 'secondaryLinks'))
    union all
    select s.object_id, s.table_name, 'currency:' || s.field_id, s.table_name || '_' || s.name || '_check', '%s',
      format('%I ~ ''^[A-Z]{3}$''', s.name), s.key
    from field s where (s.type, s.part) = ('CURRENCY', 'currencyCode')
  )
  select 'constraint', c.object_id || ' ' || c.key, c.object_id::text, c.table_name, engine.fit_name(c.name), 'check (' || format(c.template, c.sql) || ')',
    engine.fact_comment(c.key, c.basis), null, null::boolean, null, null, null::oid
  from checks c
$$;
--! EndIncluded engine/rules/fields.sql
--! Included engine/rules/text.sql
-- A rule in plain words, for people: in the editor of rules, and when a record breaks it.

create or replace function engine.part_label(field metadata.fields, part text) returns text
language sql immutable set search_path = ''
  return (field).label || case when coalesce(part, '') in ('', 'primaryEmail', 'primaryPhoneNumber', 'primaryLinkUrl', 'amountMicros', 'markdown', 'text') then ''
    else ' (' || lower(regexp_replace(part, '([A-Z0-9]+)', ' \1', 'g')) || ')' end;

create or replace function engine.bound_text(value_type text, bound jsonb) returns text
language sql immutable set search_path = ''
  return case
    when value_type = 'PERCENT' then trim_scale((bound #>> '{}')::numeric * 100) || ' %'
    when value_type = 'DURATION' then trunc((bound #>> '{}')::numeric / 3600) || ':' || lpad(trunc(mod(abs((bound #>> '{}')::numeric), 3600) / 60)::text, 2, '0') || ' h'
    else bound #>> '{}' end;

create or replace function engine.between_text(low text, high text) returns text
language sql immutable set search_path = ''
  return case when high is null then 'at least ' || low when low is null then 'at most ' || high
    when low = high then 'exactly ' || low else 'between ' || low || ' and ' || high end;

create or replace function engine.rule_text(rule metadata.rules) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_settings jsonb := (rule).settings;
  v_field metadata.fields;
  v_name text;
  v_type text;
  v_text text;
begin
  if (rule).field_id is not null then
    select f.* into v_field from metadata.fields f where f.id = (rule).field_id;
    v_name := engine.part_label(v_field, v_settings ->> 'part');
    v_type := engine.value_type(v_field);
  end if;
  v_text := case (rule).kind
    when 'REQUIRED' then v_name || ' is required'
    when 'RANGE' then v_name || ' must be ' || engine.between_text(
      engine.bound_text(v_type, nullif(v_settings -> 'min', 'null')), engine.bound_text(v_type, nullif(v_settings -> 'max', 'null')))
    when 'LENGTH' then v_name || ' must have ' || engine.between_text(v_settings ->> 'min', v_settings ->> 'max')
      || case when v_type in ('ARRAY', 'MULTI_SELECT', 'FILES') then ' value' else ' character' end
      || case when coalesce(v_settings ->> 'max', v_settings ->> 'min') = '1' then '' else 's' end
    when 'PATTERN' then v_name || ' must match the pattern ' || (v_settings ->> 'pattern')
    when 'UNIQUE' then (
      select case when count(*) = 1 then min(f.label) || ' must be unique' else string_agg(f.label, ' and ' order by u.n) || ' together must be unique' end
      from jsonb_array_elements_text(v_settings -> 'fieldIds') with ordinality as u (id, n) join metadata.fields f on f.id = u.id::uuid)
    else 'It must be true that ' || engine.formula_text((rule).compiled) end;
  return v_text
    || case when (rule).kind <> 'CONDITION' and (rule).compiled is not null then ' when ' || engine.formula_text((rule).compiled) else '' end
    || case when (rule).applies_from is not null
      then ', of records created since ' || to_char((rule).applies_from at time zone 'UTC', 'YYYY-MM-DD') else '' end || '.';
end
$$;
comment on function engine.rule_text(metadata.rules) is 'A rule in plain words.';
--! EndIncluded engine/rules/text.sql
--! Included engine/rules/indexes.sql
-- Indexes that people add. On a formula they are indexes of the expression, since a virtual column
-- has nothing to index; PostgreSQL takes them for the column as well, which it reads as the formula.

create or replace function engine.index_fields(index metadata.indexes) returns uuid[]
language sql stable set search_path = ''
as $$
  select array(
    select (e ->> 'fieldId')::uuid from jsonb_array_elements((index).parts) e
    union
    select engine.formula_fields((index).compiled))
$$;
comment on function engine.index_fields(metadata.indexes) is 'The fields that an index reads.';

create or replace function engine.live_indexes(workspace_id uuid, scope uuid[] default null) returns setof metadata.indexes
language sql stable set search_path = ''
as $$
  select i.* from metadata.indexes i
  where i.workspace_id = live_indexes.workspace_id and (scope is null or i.object_id = any (scope))
    and not exists (
      select from unnest(engine.index_fields(i)) as u (id)
      where not exists (select from metadata.fields f where f.id = u.id and f.deleted_at is null))
$$;

create or replace function engine.index_definition(index metadata.indexes) returns text
language sql stable set search_path = ''
as $$
  select case (index).kind when 'BTREE' then '' else 'using gin ' end
    || '(' || string_agg('(' || engine.value_sql(f, coalesce(p.part ->> 'part', engine.main_part(f))) || ')'
      || case (index).kind when 'TRIGRAM' then ' public.gin_trgm_ops' else '' end
      || case when p.part -> 'descending' = 'true' then ' desc' else '' end, ', ' order by p.n) || ')'
    || coalesce(' where (' || engine.formula_sql((index).compiled) || ')', '')
  from jsonb_array_elements((index).parts) with ordinality as p (part, n)
  join metadata.fields f on f.id = (p.part ->> 'fieldId')::uuid
$$;
comment on function engine.index_definition(metadata.indexes) is 'What follows the table in create index.';

create or replace function engine.index_name(table_name text, index_id uuid) returns text
language sql immutable parallel safe set search_path = ''
  return engine.fit_name(table_name || '_index_' || right(replace(index_id::text, '-', ''), 12));

create or replace function engine.desired_model_indexes(workspace_id uuid, scope uuid[]) returns setof engine.fact
language sql stable set search_path = ''
as $$
  select 'index', i.object_id || ' index:' || i.id, i.object_id::text, o.table_name, engine.index_name(o.table_name, i.id),
    engine.index_definition(i),
    engine.fact_comment('index:' || i.id, concat_ws('|', i.kind, i.parts, i.compiled, engine.fields_basis(engine.index_fields(i))), null, i.name),
    null, null::boolean, null, null, null::oid
  from engine.live_indexes(desired_model_indexes.workspace_id, scope) i
  join metadata.objects o on o.id = i.object_id and o.workspace_id = i.workspace_id
$$;

-- Where the engine, or somebody, keeps the same index already: in words.
create or replace function engine.index_twin(index metadata.indexes) returns text
language sql stable set search_path = ''
as $$
  with first as (
    select f.* from metadata.fields f where f.id = ((index).parts #>> '{0,fieldId}')::uuid
  )
  select coalesce(
    (select case
      when f.is_system and f.name = 'id' then 'the key of the records'
      when f.is_unique and coalesce((index).parts #>> '{0,part}', engine.main_part(f)) = engine.main_part(f)
        and f.type not in ('EMAILS', 'LINKS') and f.settings -> 'uniqueIgnoresCase' is distinct from 'true' then format('the index that keeps "%s" unique', f.label)
      when f.type in ('RELATION', 'MEMBER', 'MORPH_RELATION') then format('the index of the relation "%s"', f.label) end
      from first f
      where (index).kind = 'BTREE' and jsonb_array_length((index).parts) = 1 and (index).condition is null),
    (select format('the rule "%s"', engine.rule_text(r)) from metadata.rules r
      where r.object_id = (index).object_id and r.kind = 'UNIQUE' and r.is_active and (index).kind = 'BTREE' and (index).condition is null
        and r.condition is null and r.applies_from is null and r.settings -> 'ignoreCase' is distinct from 'true'
        and (select jsonb_agg(e -> 'fieldId' order by n) from jsonb_array_elements((index).parts) with ordinality as u (e, n)) = r.settings -> 'fieldIds'
        and not jsonb_path_exists((index).parts, '$[*] ? (@.descending == true || exists (@.part))') limit 1),
    (select format('the index "%s"', i.name) from metadata.indexes i
      where i.object_id = (index).object_id and i.id <> (index).id and i.kind = (index).kind and i.parts = (index).parts
        and i.condition is not distinct from (index).condition limit 1))
$$;

create or replace function engine.tg_indexes__validate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_part jsonb;
  v_parts jsonb := '[]';
  v_field metadata.fields;
  v_type text;
  v_pg_type text;
  v_name text;
  v_key text;
  v_twin text;
begin
  new.id := coalesce(new.id, engine.uuidv7());
  new.workspace_id := coalesce(new.workspace_id, (select o.workspace_id from metadata.objects o where o.id = new.object_id));
  new.kind := coalesce(new.kind, 'BTREE');
  if not exists (select from metadata.objects o where o.id = new.object_id and o.workspace_id = new.workspace_id) then
    raise exception 'There is no such object.' using errcode = 'RV011', column = 'object_id';
  end if;
  if jsonb_typeof(new.parts) <> 'array' or new.parts = '[]' then
    raise exception '% are no parts of an index.', left(new.parts::text, 100) using errcode = 'RV083', column = 'parts', hint = 'Give parts such as [{"fieldId": "…", "descending": true}].';
  end if;
  if jsonb_array_length(new.parts) > 8 then
    raise exception 'An index goes by at most 8 fields.' using errcode = 'RV083', column = 'parts', hint = 'PostgreSQL seldom uses more than the first three.';
  end if;
  for v_part in select e from jsonb_array_elements(new.parts) e loop
    if jsonb_typeof(v_part) = 'object' then
      select k into v_key from jsonb_object_keys(v_part) k where k not in ('fieldId', 'part', 'descending') limit 1;
    end if;
    if jsonb_typeof(v_part) <> 'object' or v_key is not null or coalesce(jsonb_typeof(v_part -> 'descending'), 'boolean') <> 'boolean' then
      raise exception '% is no part of an index.', v_part using errcode = 'RV083', column = 'parts', hint = 'Give parts such as [{"fieldId": "…", "descending": true}].';
    end if;
    select f.* into v_field from metadata.fields f
    where f.object_id = new.object_id and f.id::text = v_part ->> 'fieldId' and f.deleted_at is null;
    if not found then
      raise exception 'The index needs fields of the object.' using errcode = 'RV083', column = 'parts', hint = 'Give parts such as [{"fieldId": "…", "descending": true}].';
    end if;
    v_name := coalesce(v_part ->> 'part', engine.main_part(v_field));
    v_type := engine.value_type(v_field);
    v_pg_type := engine.value_pg_type(v_field, v_name);
    if v_pg_type is null or engine.value_sql(v_field, v_name) is null then
      raise exception 'The field "%" has no part "%".', v_field.label, v_name using errcode = 'RV083', column = 'parts',
        hint = case when v_type = 'MANY_TO_MANY' then 'The links have indexes of their own.' else coalesce('It has the parts '
          || (select string_agg(c.part, ', ' order by c.position) from engine.field_type_columns c where c.type = v_type and c.part <> '') || '.', 'It has no parts.') end;
    end if;
    if (case new.kind when 'BTREE' then v_pg_type in ('jsonb', 'text[]', 'tsvector') when 'GIN' then v_pg_type not in ('jsonb', 'text[]') else v_pg_type <> 'text' end) then
      raise exception 'An index of kind % does not fit the field "%".', new.kind, v_field.label using errcode = 'RV083', column = 'kind',
        hint = case when v_pg_type = 'tsvector' then 'Search has an index of its own.' when v_pg_type in ('jsonb', 'text[]') then 'Choose GIN, which finds what is in lists and JSON.'
          when v_pg_type = 'text' and new.kind = 'GIN' then 'Choose BTREE for equality and order, TRIGRAM for "contains".' else 'Choose BTREE.' end;
    end if;
    if new.kind <> 'BTREE' and v_part -> 'descending' = 'true' then
      raise exception 'An index of kind % has no order.', new.kind using errcode = 'RV083', column = 'parts', hint = 'Leave "descending" out, or choose BTREE.';
    end if;
    -- Written the same way whoever writes it, so that two that are alike look alike.
    v_parts := v_parts || jsonb_build_array(jsonb_strip_nulls(jsonb_build_object('fieldId', v_field.id,
      'part', case when v_name <> engine.main_part(v_field) then v_name end, 'descending', case when v_part -> 'descending' = 'true' then true end)));
  end loop;
  if (select count(distinct e - 'descending') from jsonb_array_elements(v_parts) e) <> jsonb_array_length(v_parts) then
    raise exception 'The index names a field twice.' using errcode = 'RV083', column = 'parts';
  end if;
  new.parts := v_parts;
  if octet_length(new.name) > 200 then
    raise exception 'The name of the index is longer than 200 bytes.' using errcode = 'RV083', column = 'name';
  end if;
  if nullif(btrim(new.condition), '') is null then
    new.condition := null;
    new.compiled := null;
  elsif tg_op = 'INSERT' or new.condition is distinct from old.condition then
    new.compiled := engine.formula_compile(new.object_id, new.condition, 'CONDITION');
  else
    new.condition := engine.formula_text(new.compiled);
  end if;
  v_twin := engine.index_twin(new);
  if v_twin is not null then
    raise exception 'There is an index like that already: %.', v_twin using errcode = 'RV083', column = 'parts', hint = 'PostgreSQL uses it; a second one only makes writing slower.';
  end if;
  return new;
end
$$;
create or replace trigger _100_validate before insert or update on metadata.indexes for each row execute function engine.tg_indexes__validate();
--! EndIncluded engine/rules/indexes.sql
--! Included engine/rules/explain.sql
-- Why PostgreSQL refused a record, in words, from the name of the constraint: each bears in its
-- comment what it stands for.

create or replace function engine.refusal(key text, workspace_id uuid, schema_name text)
returns table (message text, hint text, field_id uuid, field_name text, rule_id uuid)
language plpgsql stable set search_path = ''
as $$
declare
  v_kind text := split_part(key, ':', 1);
  v_id uuid := substring(key from ':([0-9a-f-]{36})')::uuid;
  v_rule metadata.rules;
  v_field metadata.fields;
  v_target text;
  v_max int;
begin
  if v_kind = 'rule' then
    select r.* into v_rule from metadata.rules r where r.id = v_id and r.workspace_id = refusal.workspace_id;
    if not found then
      return;
    end if;
    -- A condition speaks of several fields; one alone is the one at fault.
    select f.* into v_field from metadata.fields f
    where f.id = coalesce(v_rule.field_id, case when cardinality(engine.rule_fields(v_rule)) = 1 then (engine.rule_fields(v_rule))[1]
      else (v_rule.settings #>> '{fieldIds,0}')::uuid end);
    return query select coalesce(nullif(btrim(v_rule.message), ''), case v_rule.kind when 'UNIQUE' then (
          select 'Another record has the same ' || string_agg(f.label, ' and ' order by u.n)
          from jsonb_array_elements_text(v_rule.settings -> 'fieldIds') with ordinality as u (id, n) join metadata.fields f on f.id = u.id::uuid) || '.'
        else engine.rule_text(v_rule) end),
      case v_rule.kind when 'UNIQUE' then 'Change one of the two, or open the record that there is.'
        else case when btrim(v_rule.message) <> '' then engine.rule_text(v_rule) end end, v_field.id, v_field.name, v_rule.id;
    return;
  end if;
  if v_kind = 'fk' then
    select f.* into v_field from metadata.relations r join metadata.fields f on f.id = r.field_id where r.id = v_id and r.workspace_id = refusal.workspace_id;
    select o.label_singular into v_target from metadata.relations r join metadata.objects o on o.id = r.target_object_id where r.id = v_id;
  else
    select f.* into v_field from metadata.fields f where f.id = coalesce(v_id, substring(key from '^([0-9a-f-]{36})')::uuid) and f.workspace_id = refusal.workspace_id;
  end if;
  if v_field.id is null then
    return;
  end if;
  v_max := (v_field.settings ->> 'maxNumberOfValues')::int;
  return query select
    case v_kind
      when 'fk' then format('There is no such %s for "%s".', v_target, v_field.label)
      when 'unique' then format('Another record has this value of "%s", and it must be unique.', v_field.label)
      when 'options' then format('"%s" is one of: %s.', v_field.label, (
        select string_agg(e ->> 'label', ', ' order by n) || case when count(*) < jsonb_array_length(v_field.options) then ', …' else '' end
        from jsonb_array_elements(v_field.options) with ordinality as u (e, n) where n <= 10))
      when 'rating' then format('"%s" is a number from 1 to 5.', v_field.label)
      when 'colour' then format('"%s" is a colour such as #1c7ed6.', v_field.label)
      when 'lat' then format('The latitude of "%s" is between -90 and 90.', v_field.label)
      when 'lng' then format('The longitude of "%s" is between -180 and 180.', v_field.label)
      when 'one_target' then format('"%s" points to one record at a time.', v_field.label)
      when 'count' then format('"%s" holds at most %s.', v_field.label, case v_max when 1 then '1 value' else v_max || ' values' end)
      when 'currency' then format('The currency of "%s" is a code of three capital letters, such as EUR.', v_field.label)
      -- What remains are NOT NULL and its like.
      else format('"%s" is required.', v_field.label) end,
    case v_kind
      when 'fk' then 'It may have been deleted. Choose another one.'
      when 'unique' then 'Choose another value, or open the record that has it.'
      when 'options' then 'The API takes their values: ' || (select string_agg(e ->> 'value', ', ' order by n) from jsonb_array_elements(v_field.options) with ordinality as u (e, n) where n <= 10)
      when 'colour' then 'Write # and six digits or small letters from a to f.'
      when 'one_target' then 'Empty the other side of the relation first.'
      when 'blank' then 'Spaces alone do not count.' end,
    v_field.id, v_field.name, null::uuid;
end
$$;

create or replace function engine.explain_violation(schema_name text, table_name text, constraint_name text, column_name text)
returns table (message text, hint text, field_id uuid, field_name text, rule_id uuid)
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace uuid := (select w.id from core.workspaces w where w.schema_name = explain_violation.schema_name);
  v_table oid := to_regclass(format('%I.%I', schema_name, table_name));
  v_key text;
begin
  if constraint_name <> '' then
    v_key := engine.identity_of(coalesce(
      (select pg_catalog.obj_description(k.oid, 'pg_constraint') from pg_catalog.pg_constraint k where k.conrelid = v_table and k.conname = constraint_name),
      (select pg_catalog.obj_description(c.oid, 'pg_class') from pg_catalog.pg_class c join pg_catalog.pg_index i on i.indexrelid = c.oid
        where i.indrelid = v_table and c.relname = constraint_name)));
  end if;
  if v_key is null and column_name <> '' then
    v_key := (select engine.identity_of(pg_catalog.col_description(v_table, a.attnum)) from pg_catalog.pg_attribute a
      where a.attrelid = v_table and a.attname = column_name);
  end if;
  if v_workspace is not null and v_key is not null then
    return query select * from engine.refusal(v_key, v_workspace, schema_name);
  end if;
end
$$;
comment on function engine.explain_violation(text, text, text, text) is
  'Why PostgreSQL refused a record: a sentence, a way out, and the field or rule, from what its error names. No row where it says nothing.';
grant execute on function engine.explain_violation(text, text, text, text) to relvar_server;
--! EndIncluded engine/rules/explain.sql
--! Included engine/actual.sql
-- What stands in a tenant's schema, read from the catalogue, as facts with the identities that
-- their comments bear. Everything is found through pg_depend by the schema's oid and then by
-- indexed joins, so that a thousand other workspaces cost nothing.

create or replace function engine.identity_of(comment text) returns text
language sql immutable strict parallel safe
  return (regexp_match(comment, '^@relvar (\S+)'))[1];

create or replace function engine.actual(schema_name text, scope uuid[] default null) returns setof engine.fact
-- Planning it takes longer than running it, and for any schema the plan is the same.
language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan
as $$
declare
  v_schema oid := to_regnamespace(quote_ident(schema_name))::oid;
  v_scope text[] := scope::text[];
  v_tables oid[];
begin
  if v_schema is null then
    return;
  end if;
  v_tables := array(
    select d.objid from pg_catalog.pg_depend d
    join pg_catalog.pg_class c on c.oid = d.objid
    left join pg_catalog.pg_description e on e.objoid = c.oid and e.classoid = 'pg_catalog.pg_class'::regclass and e.objsubid = 0
    where (v_scope is null or engine.identity_of(e.description) = any (v_scope)) and d.refclassid = 'pg_catalog.pg_namespace'::regclass and d.refobjid = v_schema
      and d.classid = 'pg_catalog.pg_class'::regclass and c.relkind in ('r', 'p'));

  return query
  with t as materialized (
    select c.oid, c.relname::text as name, c.relowner, c.relacl, c.relrowsecurity, c.relforcerowsecurity, d.description as comment,
      engine.identity_of(d.description) as key
    from unnest(v_tables) as u (oid)
    join pg_catalog.pg_class c on c.oid = u.oid
    left join pg_catalog.pg_description d on d.objoid = c.oid and d.classoid = 'pg_catalog.pg_class'::regclass and d.objsubid = 0
  )
  select case when t.key in ('record_events', 'trash') then 'internal' else 'table' end,
    coalesce(t.key, 'unmanaged:' || t.name), t.key, t.name, t.name, null::text, t.comment, null::text, null::boolean, null::text, null::text, t.oid
  from t
  union all
  select 'column', coalesce(engine.identity_of(d.description), t.key || ' unmanaged:' || a.attname), t.key, t.name, a.attname::text, null, d.description,
    pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull,
    case when a.attidentity <> '' then 'identity ' || (
        select s.seqstart from pg_catalog.pg_depend e join pg_catalog.pg_sequence s on s.seqrelid = e.objid
        where e.refclassid = 'pg_catalog.pg_class'::regclass and e.refobjid = t.oid and e.refobjsubid = a.attnum and e.classid = 'pg_catalog.pg_class'::regclass and e.deptype = 'i')
      when a.attgenerated = '' then pg_catalog.pg_get_expr(ad.adbin, ad.adrelid) end,
    case when a.attgenerated <> '' then pg_catalog.pg_get_expr(ad.adbin, ad.adrelid) end, null
  from t
  join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
  left join pg_catalog.pg_attrdef ad on ad.adrelid = a.attrelid and ad.adnum = a.attnum
  left join pg_catalog.pg_description d on d.objoid = t.oid and d.classoid = 'pg_catalog.pg_class'::regclass and d.objsubid = a.attnum
  where t.key not in ('record_events', 'trash')
  union all
  -- PostgreSQL 18 lists NOT NULL as constraints too; they are a property of the column here.
  select 'constraint', t.key || ' ' || coalesce(engine.identity_of(d.description), 'unmanaged:' || c.conname), t.key, t.name, c.conname::text,
    null, d.description, null, c.convalidated, null, null, c.oid
  from t
  join pg_catalog.pg_constraint c on c.conrelid = t.oid and c.contype in ('p', 'u', 'f', 'c', 'x')
  left join pg_catalog.pg_description d on d.objoid = c.oid and d.classoid = 'pg_catalog.pg_constraint'::regclass and d.objsubid = 0
  where t.key not in ('record_events', 'trash')
  union all
  select 'index', t.key || ' ' || coalesce(engine.identity_of(d.description), 'unmanaged:' || c.relname), t.key, t.name, c.relname::text,
    null, d.description, null, i.indisvalid, null, null, c.oid
  from t
  join pg_catalog.pg_index i on i.indrelid = t.oid and not i.indisprimary
  join pg_catalog.pg_class c on c.oid = i.indexrelid
  left join pg_catalog.pg_description d on d.objoid = c.oid and d.classoid = 'pg_catalog.pg_class'::regclass and d.objsubid = 0
  where t.key not in ('record_events', 'trash')
    and not exists (select from pg_catalog.pg_constraint k where k.conindid = i.indexrelid and k.conrelid = t.oid)
  union all
  select 'trigger', t.key || ' ' || coalesce(engine.identity_of(d.description), 'unmanaged:' || g.tgname), t.key, t.name, g.tgname::text,
    null, case when g.tgenabled = 'O' then d.description else 'disabled' end, null, null, null, null, g.oid
  from t
  join pg_catalog.pg_trigger g on g.tgrelid = t.oid and not g.tgisinternal
  left join pg_catalog.pg_description d on d.objoid = g.oid and d.classoid = 'pg_catalog.pg_trigger'::regclass and d.objsubid = 0
  union all
  select 'rls', t.key, t.key, t.name, null,
    case when t.relrowsecurity and t.relforcerowsecurity then 'forced' when t.relrowsecurity then 'enabled' else 'off' end,
    null, null, null, null, null, t.oid
  from t
  where t.key is not null
  union all
  -- A policy's comment survives ALTER POLICY, so what it says is checked as well.
  select 'policy', t.key || ' ' || coalesce(replace(engine.identity_of(d.description), 'policy:', ''), 'unmanaged:' || p.polname), t.key, t.name, p.polname::text,
    null,
    case
      when not p.polpermissive or array_length(p.polroles, 1) <> 1
        or coalesce(pg_catalog.pg_get_userbyid(p.polroles[1]) <> replace(engine.identity_of(d.description), 'policy:', ''), true) then 'altered'
      when p.polcmd = '*' and pg_catalog.pg_get_expr(p.polqual, p.polrelid) = 'true' and pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) = 'true' then d.description
      when p.polcmd = 'r' and t.key in ('record_events', 'trash')
        and pg_catalog.pg_get_expr(p.polqual, p.polrelid) ~ '^\(object_id = ANY \(ARRAY\( SELECT engine\.readable_objects\(CURRENT_USER\) AS readable_objects\)\)\)$' then d.description
      else 'altered'
    end,
    null, null, null, null, p.oid
  from t
  join pg_catalog.pg_policy p on p.polrelid = t.oid
  left join pg_catalog.pg_description d on d.objoid = p.oid and d.classoid = 'pg_catalog.pg_policy'::regclass and d.objsubid = 0
  union all
  select 'grant', g.key || ' ' || g.grantee, g.key, g.name, g.grantee, string_agg(g.privilege, ', ' order by g.privilege collate "C"), null, null, null, null, null, null
  from (
    select t.key, t.name, coalesce(r.rolname, 'public')::text as grantee, lower(e.privilege_type) as privilege
    from t cross join lateral pg_catalog.aclexplode(t.relacl) e
    left join pg_catalog.pg_roles r on r.oid = e.grantee
    where t.key is not null and e.grantee <> t.relowner
    union all
    select t.key, t.name, coalesce(r.rolname, 'public')::text,
      lower(e.privilege_type) || ' (' || string_agg(quote_ident(a.attname), ', ' order by a.attname collate "C") || ')'
    from t
    join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attacl is not null and not a.attisdropped
    cross join lateral pg_catalog.aclexplode(a.attacl) e
    left join pg_catalog.pg_roles r on r.oid = e.grantee
    where t.key is not null and e.grantee <> t.relowner
    group by 1, 2, 3, e.privilege_type
  ) g
  group by g.key, g.name, g.grantee
  union all
  -- Functions of one object's triggers have its id in their identity.
  select 'function', coalesce(engine.identity_of(d.description), 'unmanaged:' || p.proname), substring(engine.identity_of(d.description) from '^[a-z_]+:([0-9a-f-]{36})'),
    null, p.proname::text, null, d.description, null, null, null, null, p.oid
  from pg_catalog.pg_depend dep
  join pg_catalog.pg_proc p on p.oid = dep.objid
  left join pg_catalog.pg_description d on d.objoid = p.oid and d.classoid = 'pg_catalog.pg_proc'::regclass and d.objsubid = 0
  where dep.refclassid = 'pg_catalog.pg_namespace'::regclass and dep.refobjid = v_schema and dep.classid = 'pg_catalog.pg_proc'::regclass
    and (v_scope is null or substring(engine.identity_of(d.description) from '^[a-z_]+:([0-9a-f-]{36})') = any (v_scope))
  union all
  select 'role', r.rolname::text, null, null, r.rolname::text, null, null, null, null, null, null, r.oid
  from pg_catalog.pg_roles r
  where scope is null and r.rolname >= schema_name || '_r_' and r.rolname < schema_name || '_r`';
end
$$;
comment on function engine.actual(text, uuid[]) is 'What stands in a tenant schema, read from the catalogue; of the objects in scope, or everything.';
--! EndIncluded engine/actual.sql
--! Included engine/difference.sql
-- Desired against actual: every fact that is missing, extra or not as it should be.

create type engine.difference as (
  kind text,
  key text,
  want engine.fact,
  have engine.fact,
  is_missing boolean,
  is_extra boolean,
  is_recreated boolean,  -- dropped and made anew, since what it depends on has changed
  old_table text,        -- the table's name before renames, and after them
  new_table text,
  row_estimate bigint
);

-- The columns are what most else follows from: found once, and handed on.
create or replace function engine.desired(workspace_id uuid, schema_name text, scope uuid[] default null) returns setof engine.fact
language plpgsql stable set search_path = ''
as $$
declare
  v_spec engine.column_spec[] := array(select c from engine.columns(workspace_id, scope) c);
begin
  perform engine.assert_columns_differ(workspace_id, v_spec);
  return query select * from engine.desired_tables(workspace_id, scope);
  return query select * from engine.desired_columns(workspace_id, v_spec, scope);
  return query select * from engine.desired_constraints(workspace_id, schema_name, v_spec, scope);
  return query select * from engine.desired_indexes(workspace_id, v_spec, scope);
  return query select * from engine.desired_field_checks(workspace_id, v_spec, scope);
  return query select * from engine.desired_rules(workspace_id, scope);
  return query select * from engine.desired_model_indexes(workspace_id, scope);
  return query select * from engine.desired_triggers(workspace_id, scope, v_spec);
  return query select * from engine.desired_computed(workspace_id, schema_name, scope);
  return query select * from engine.desired_conversions(workspace_id, schema_name, scope);
  return query select * from engine.desired_security(workspace_id, v_spec, scope);
  if scope is null then
    return query select * from engine.desired_internals(workspace_id, schema_name);
  end if;
end
$$;
comment on function engine.desired(uuid, text, uuid[]) is 'What should stand in a tenant schema, derived from metadata; for the objects in scope, or for all.';

-- As the planner of PostgreSQL estimates: the density when the table was last analysed, times its
-- size now. One that never was is taken for records of 150 bytes.
create or replace function engine.row_estimate(relation oid) returns bigint
language sql stable set search_path = ''
  return coalesce((
    select case when c.relpages > 0 and c.reltuples >= 0 then c.reltuples / c.relpages * (pg_catalog.pg_relation_size(c.oid) / 8192) else pg_catalog.pg_relation_size(c.oid) / 150 end
    from pg_catalog.pg_class c where c.oid = relation), 0)::bigint;

-- What a difference is like. Words for people are no part of it, nor is the oid, which a restored dump changes.
create or replace function engine.drift_basis(want engine.fact, have engine.fact) returns text
language sql immutable set search_path = ''
  return md5(case when coalesce((want).kind, (have).kind) = 'column'
    then concat_ws('|', (want).pg_type, (want).not_null, (want).default_expr, '>', (have).pg_type, (have).not_null, (have).default_expr)
    else concat_ws('|', split_part((want).comment, E'\n', 1), '>', (have).name, split_part((have).comment, E'\n', 1), (have).not_null) end);

-- A column that somebody decided to leave as it is is wanted as it is, and named and described as ever.
create or replace function engine.left_alone(want engine.fact, have engine.fact) returns engine.fact
language plpgsql immutable set search_path = ''
as $$
begin
  want.pg_type := have.pg_type;
  want.not_null := have.not_null;
  want.default_expr := have.default_expr;
  return want;
end
$$;

create or replace function engine.difference(workspace_id uuid, schema_name text, scope uuid[] default null, with_ignored boolean default false) returns setof engine.difference
language sql stable set search_path = ''
as $$
  -- With the objects that computed fields link to those in scope.
  with linked as materialized (
    select engine.linked_scope(workspace_id, scope) as scope
  ), want as materialized (
    select * from engine.desired(workspace_id, schema_name, (select l.scope from linked l))
  ), have as materialized (
    -- What somebody made beside the engine (a table, a column, an index, a trigger) is theirs and stays;
    -- a policy or a grant is not, since it opens what the engine keeps shut.
    select * from engine.actual(schema_name, (select l.scope from linked l)) a where a.key is not null and (a.kind = 'policy' or a.key !~ '(^| )unmanaged:')
  ), pair as (
    select coalesce(w.kind, h.kind) as kind, coalesce(w.key, h.key) as key,
      case when i.key is null then row(w.*)::engine.fact else engine.left_alone(row(w.*)::engine.fact, row(h.*)::engine.fact) end as want, row(h.*)::engine.fact as have, w.key is null as is_extra, h.key is null as is_missing,
      -- The first line of a comment is the identity and the hash of what the thing depends on.
      split_part(coalesce(w.comment, ''), E'\n', 1) is distinct from split_part(coalesce(h.comment, ''), E'\n', 1) as is_rebased,
      w.name is distinct from h.name or w.comment is distinct from h.comment as is_relabelled
    from want w full join have h on h.kind = w.kind and h.key = w.key
    left join metadata.ignored_drift i on not with_ignored and i.workspace_id = difference.workspace_id
      and i.kind = coalesce(w.kind, h.kind) and i.key = coalesce(w.key, h.key) and i.basis = engine.drift_basis(row(w.*)::engine.fact, row(h.*)::engine.fact)
    where i.key is null or i.kind = 'column'
  ), judged as (
    select p.*, not p.is_missing and not p.is_extra and case p.kind
        when 'constraint' then p.is_rebased
        when 'trigger' then p.is_rebased
        when 'policy' then p.is_rebased
        when 'function' then p.is_rebased
        -- not_null of an actual index says whether it is valid.
        when 'index' then p.is_rebased or not (p.have).not_null
        -- A generated column is compared by what it depends on, which its comment bears.
        when 'column' then ((p.want).generated_expr is not null or (p.have).generated_expr is not null)
          and (p.is_rebased or (p.want).generated_expr is null or (p.have).generated_expr is null)
        else false
      end as is_recreated
    from pair p
  ), dragged as materialized (
    -- An index or a rule goes with the column that it is on when that is dropped and made anew.
    select d.objid as oid
    from judged c
    join have t on t.kind = 'table' and t.key = (c.have).table_key
    join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attname = (c.have).name
    join pg_catalog.pg_depend d on d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = t.oid and d.refobjsubid = a.attnum
      and d.classid in ('pg_catalog.pg_class'::regclass, 'pg_catalog.pg_constraint'::regclass)
    where c.kind = 'column' and c.is_recreated
  ), judged_whole as (
    select j.kind, j.key, j.want, j.have, j.is_extra, j.is_missing, j.is_relabelled,
      j.is_recreated or j.kind in ('index', 'constraint') and not j.is_missing and not j.is_extra and (j.have).oid in (select d.oid from dragged d) as is_recreated
    from judged j
  ), renamed as (
    -- Privileges stay with a column through its rename. Where names change hands they are given anew.
    select distinct (p.have).table_key as table_key from pair p
    where p.kind = 'column' and not p.is_missing and not p.is_extra and (p.want).name <> (p.have).name
  )
  select j.kind, j.key, j.want, j.have, j.is_missing, j.is_extra, j.is_recreated,
    coalesce(ht.name, (j.have).table_name), coalesce((j.want).table_name, wt.name, (j.have).table_name),
    engine.row_estimate(c.oid)
  from judged_whole j
  left join have ht on ht.kind in ('table', 'internal') and ht.key = coalesce((j.want).table_key, (j.have).table_key)
  left join want wt on wt.kind = 'table' and wt.key = (j.have).table_key
  left join pg_catalog.pg_class c on c.oid = ht.oid
  where j.is_missing or j.is_extra or j.is_recreated
    or (j.is_relabelled and j.kind not in ('rls', 'grant', 'role'))
    or ((j.want).definition is distinct from (j.have).definition and j.kind in ('rls', 'grant'))
    -- Added without a look at the records that were there.
    or (j.kind = 'constraint' and not (j.have).not_null)
    or (j.kind = 'grant' and (j.want).table_key in (select r.table_key from renamed r))
    or (j.kind = 'column' and ((j.want).pg_type <> (j.have).pg_type or (j.want).not_null <> (j.have).not_null
      or ((j.want).generated_expr is null and (j.want).default_expr is distinct from (j.have).default_expr)))
$$;
comment on function engine.difference(uuid, text, uuid[], boolean) is 'Facts in which a tenant schema differs from its metadata, but for differences that are ignored.';
--! EndIncluded engine/difference.sql
--! Included engine/convert/check.sql
-- What a change of a field's type would come to, counted on the records as they are.

create or replace function engine.part_types(f metadata.fields) returns jsonb
language sql stable set search_path = ''
as $$
  select coalesce(jsonb_object_agg(c.part, case when (f).type = 'NUMBER' and (f).settings ->> 'dataType' in ('int', 'bigint') then 'bigint' else c.pg_type end), '{}')
  from engine.field_type_columns c where c.type = engine.plain_type(f)
$$;

create type engine.standing_field as (
  schema_name text,
  table_name text,
  row_estimate bigint,
  names jsonb,        -- name of each column, by part; of relations by relation
  keys jsonb,         -- its identity
  types jsonb,
  generated text[]    -- parts that the database computes
);

-- The columns that a field has at this moment, which in the middle of a transaction may not be those
-- that the model says. Null when it has none yet.
create or replace function engine.standing_field(f metadata.fields) returns engine.standing_field
language sql stable set search_path = ''
as $$
  select (w.schema_name, t.name, t.row_estimate, c.names, c.keys, c.types, c.generated)::engine.standing_field
  from core.workspaces w
  cross join lateral (
    select a.name, engine.row_estimate(a.oid) as row_estimate
    from engine.actual(w.schema_name, array[(f).object_id]) a where a.kind = 'table') t
  cross join lateral (
    select jsonb_object_agg(p.part, a.name) as names, jsonb_object_agg(p.part, a.key) as keys, jsonb_object_agg(p.part, a.pg_type) as types,
      coalesce(array_agg(p.part) filter (where a.generated_expr is not null), '{}') as generated, count(*) as columns
    from engine.actual(w.schema_name, array[(f).object_id]) a
    cross join lateral (select regexp_replace(a.key, '^[^.]*\.?', '') as part) p
    where a.kind = 'column' and (a.key = engine.column_key((f).id, (f).revision, '') or starts_with(a.key, engine.column_key((f).id, (f).revision, '') || '.'))) c
  where w.id = (f).workspace_id and c.columns > 0
$$;

-- Columns as SQL, by part.
create or replace function engine.qualified(names jsonb, alias text) returns jsonb
language sql immutable set search_path = ''
as $$ select jsonb_object_agg(n.key, format('%I.%I', alias, n.value)) from jsonb_each_text(names) n $$;

create type engine.conversion_count as (
  total bigint,
  empty bigint,
  converts bigint,
  fails bigint,
  is_identical boolean,  -- no value would look other than it does
  failures jsonb,
  samples jsonb
);

-- The SQL of a check: how a value looks before and after, whether there is one, and whether they are alike.
create or replace function engine.count_conversion(f metadata.fields, t metadata.fields, standing engine.standing_field) returns engine.conversion_count
language plpgsql stable set search_path = ''
as $$
declare
  v_columns jsonb := engine.qualified((standing).names, 't');
  v_target jsonb := engine.conversion_sql(f, t, v_columns);
  v_after jsonb;
  v_from text;
  v_has text := engine.presence_sql(engine.plain_type(f), v_columns);
  v_gets text;
  v_before_text text := format('left((%s)::text, 200)', engine.source_text(f, v_columns));
  v_after_text text;
  v_label text := format('left(%s, 200)', engine.label_expression((f).object_id, 't'));
  v_same text := 'false';
  v_count engine.conversion_count;
begin
  select jsonb_object_agg(e.key, format('v.%I', 'part_' || e.key)) into v_after from jsonb_each_text(v_target) e;
  v_from := format('%I.%I t cross join lateral (select %s offset 0) v', (standing).schema_name, (standing).table_name,
    (select string_agg(format('%s as %I', e.value, 'part_' || e.key), ', ') from jsonb_each_text(v_target) e));
  -- Parts that the conversion leaves out are there for what prints them.
  v_after := (select jsonb_object_agg(p.key, coalesce(v_after ->> p.key, format('null::%s', p.value))) from jsonb_each_text(engine.part_types(t)) p);
  v_gets := engine.presence_sql(engine.plain_type(t), v_after);
  v_after_text := format('left((%s)::text, 200)', engine.source_text(t, v_after));
  if (standing).types = engine.part_types(t) then
    v_same := (select string_agg(format('%s is not distinct from %s', v_columns ->> e.key, v_after ->> e.key), ' and ') from jsonb_each_text(v_columns) e);
  end if;
  execute format('select count(*), count(*) filter (where not %1$s), count(*) filter (where %1$s and %2$s), count(*) filter (where %1$s and not %2$s), coalesce(bool_and(%3$s), %4$L) from %5$s',
    v_has, v_gets, v_same, (standing).types = engine.part_types(t), v_from)
  into v_count.total, v_count.empty, v_count.converts, v_count.fails, v_count.is_identical;
  if v_count.fails > 0 then
    execute format('select jsonb_agg(jsonb_build_object(''id'', s.id, ''label'', s.label, ''value'', s.value)) from (select t.id, %s as label, %s as value from %s where %s and not %s limit 20) s',
      v_label, v_before_text, v_from, v_has, v_gets) into v_count.failures;
  end if;
  if v_count.converts > 0 then
    execute format('select jsonb_agg(jsonb_build_object(''before'', s.before, ''after'', s.after)) from (select %s as before, %s as after from %s where %s and %s limit 10) s',
      v_before_text, v_after_text, v_from, v_has, v_gets) into v_count.samples;
  end if;
  v_count.failures := coalesce(v_count.failures, '[]');
  v_count.samples := coalesce(v_count.samples, '[]');
  return v_count;
end
$$;

-- Options for the values that there are. A value of the API is made from each label.
create or replace function engine.options_of(labels text[]) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_options jsonb := '[]';
  v_taken text[] := '{}';
  v_value text;
  v_base text;
  v_label text;
  n int;
begin
  foreach v_label in array labels loop
    v_base := trim(both '_' from upper(regexp_replace(public.unaccent('public.unaccent', v_label), '[^a-zA-Z0-9]+', '_', 'g')));
    -- What is an option's value already stays as it is.
    v_base := case when v_label ~ '^[A-Za-z][A-Za-z0-9_]{0,62}$' then v_label when v_base = '' then 'OPTION' when v_base ~ '^[0-9_]' then 'N' || v_base else v_base end;
    v_base := left(v_base, 56);
    v_value := v_base;
    n := 1;
    while lower(v_value) = any (v_taken) loop
      n := n + 1;
      v_value := v_base || '_' || n;
    end loop;
    v_taken := v_taken || lower(v_value);
    v_options := v_options || jsonb_build_object('value', v_value, 'label', v_label, 'position', jsonb_array_length(v_options),
      'color', ('{blue,green,orange,purple,sky,pink,yellow,turquoise,red,gray}'::text[])[jsonb_array_length(v_options) % 10 + 1]);
  end loop;
  return v_options;
end
$$;

create or replace function engine.distinct_options(f metadata.fields, standing engine.standing_field, is_list boolean) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_columns jsonb := engine.qualified((standing).names, 't');
  v_labels text[];
begin
  execute format('select array_agg(s.label order by s.label) from (select min(btrim(u.label)) as label from %I.%I t cross join lateral unnest(%s) u (label) where engine.plain_text(u.label) is not null group by lower(btrim(u.label)) limit 201) s',
    (standing).schema_name, (standing).table_name,
    case when is_list then coalesce(engine.source_list(f, v_columns), format('engine.read_list(%s)', engine.source_text(f, v_columns)))
      else format('array[%s]', engine.source_text(f, v_columns)) end) into v_labels;
  if cardinality(v_labels) > 200 then
    raise exception '"%" holds more than 200 different values, too many for options.', (f).label using errcode = 'RV073', column = 'options',
      hint = 'Give the options yourself; values that are none of them are listed.';
  end if;
  return engine.options_of(coalesce(v_labels, '{}'));
end
$$;

-- The field as it would be: settings and options that are not given follow from what there is.
create or replace function engine.retyped(f metadata.fields, type text, settings jsonb, options jsonb, standing engine.standing_field) returns metadata.fields
language plpgsql stable set search_path = ''
as $$
declare
  t metadata.fields := f;
begin
  t.type := retyped.type;
  -- What only the former type knows goes; what nobody knows is refused later.
  t.settings := coalesce(retyped.settings, (f).settings) - 'onFailure' - array(
    select k.key from engine.field_type_settings k where k.type = (f).type
    except select k.key from engine.field_type_settings k where k.type = retyped.type);
  t.options := case when retyped.type not in ('SELECT', 'MULTI_SELECT') then '[]' else coalesce(nullif(retyped.options, '[]'), nullif((f).options, '[]')) end;
  if t.options is null then
    t.options := case when standing is null then '[]' else engine.distinct_options(f, standing, retyped.type = 'MULTI_SELECT') end;
    if t.options = '[]' then
      t.options := '[{"value": "OPTION_1", "label": "Option 1", "color": "blue", "position": 0}]';
    end if;
  end if;
  t.result_type := null;
  t.compiled := null;
  return t;
end
$$;

create or replace function engine.type_label(type text) returns text
language sql stable set search_path = ''
as $$ select coalesce((select lower(t.label) from engine.field_types t where t.type = type_label.type), type) $$;

-- Refuses, in words, what cannot be done whatever the values are.
create or replace function engine.assert_convertible(f metadata.fields, type text) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_types text;
begin
  if (f).is_system or (f).deleted_at is not null then
    raise exception 'The type of "%" cannot be changed.', (f).label using errcode = 'RV070', column = 'type',
      hint = case when (f).is_system then 'The engine keeps this field.' else 'Restore the field first.' end;
  end if;
  if not exists (select from engine.conversions c where c.from_type = engine.plain_type(f) and c.to_type = assert_convertible.type)
    and engine.plain_type(f) <> assert_convertible.type then
    select string_agg(t.label, ', ' order by t.label) into v_types
    from engine.conversions c join engine.field_types t on t.type = c.to_type where c.from_type = engine.plain_type(f);
    raise exception '"%" (%) cannot become %.', (f).label, engine.type_label((f).type), engine.type_label(assert_convertible.type) using errcode = 'RV070', column = 'type',
      hint = coalesce('It can become: ' || v_types || '.', 'Add a field of that type and fill it with an update.');
  end if;
  if exists (select from metadata.objects o where o.label_field_id = (f).id and o.deleted_at is null)
    and assert_convertible.type not in ('TEXT', 'FULL_NAME', 'SELECT', 'EMAILS', 'PHONES', 'LINKS', 'RICH_TEXT', 'ADDRESS', 'COLOR', 'AUTO_NUMBER') then
    raise exception 'The field "%" names the records of its object, which needs a text.', (f).label using errcode = 'RV072', column = 'type',
      hint = 'Choose another label field for the object first.';
  end if;
  if (f).is_unique and assert_convertible.type in ('BOOLEAN', 'MORPH_RELATION', 'MANY_TO_MANY', 'FULL_NAME', 'RAW_JSON', 'RICH_TEXT', 'ADDRESS', 'LOCATION', 'MULTI_SELECT', 'ARRAY') then
    raise exception 'The values of "%" are unique, which those of the type % cannot be.', (f).label, engine.type_label(assert_convertible.type) using errcode = 'RV072', column = 'type',
      hint = 'Take the demand for unique values off the field first.';
  end if;
end
$$;
--! EndIncluded engine/convert/check.sql
--! Included engine/online/queue.sql
-- What would keep people from a large table is not done in the transaction that changes the model:
-- it is written down here, and a job does it while everybody goes on working.

create or replace function engine.online_kind(d engine.difference) returns text
language sql stable set search_path = ''
as $$
  select case
    when (d).row_estimate <= (select s.online_rows from engine.settings s) or (d).is_extra then null
    when (d).kind = 'index' and ((d).is_missing or (d).is_recreated) then 'INDEX'
    when (d).kind = 'constraint' and ((d).want).definition !~ '^(primary key|unique)' and ((d).is_missing or (d).is_recreated or not ((d).have).not_null) then 'VALIDATE'
    when (d).kind = 'column' and ((d).want).definition = 'kept'
      and ((d).is_missing or split_part(((d).want).comment, E'\n', 1) is distinct from split_part(((d).have).comment, E'\n', 1)) then 'BACKFILL'
    when (d).kind = 'column' and not (d).is_missing and not (d).is_recreated and ((d).want).not_null and not ((d).have).not_null then 'NOT_NULL'
  end
$$;

-- One job works on a workspace at a time, one change after the other.
create or replace function engine.add_online_job(workspace_id uuid) returns void
language sql volatile set search_path = ''
as $$
  select graphile_worker.add_job('model__online', json_build_object('workspace_id', workspace_id), max_attempts => 100, job_key => 'model__online:' || workspace_id)
$$;

create or replace function engine.queue_online(workspace_id uuid, differences engine.difference[]) returns void
language plpgsql volatile set search_path = ''
as $$
#variable_conflict use_column
begin
  insert into metadata.online_changes as c (workspace_id, object_id, key, kind, statement, rows_total)
  select queue_online.workspace_id, (d.want).table_key::uuid, d.kind || ' ' || d.key, engine.online_kind(d), coalesce((d.want).definition, (d.want).name), d.row_estimate
  from unnest(differences) d where engine.online_kind(d) is not null
  on conflict (workspace_id, key) where status <> 'DONE' do update
    set kind = excluded.kind, statement = excluded.statement, status = 'QUEUED', rows_done = 0, last_id = null, rows_total = excluded.rows_total, attempts = 0, error = null
    where c.status = 'FAILED' or c.statement <> excluded.statement;
  if found then
    perform engine.add_online_job(queue_online.workspace_id);
  end if;
end
$$;

-- Meanwhile a trigger converts what is written.
create or replace function engine.desired_conversions(workspace_id uuid, schema_name text, scope uuid[]) returns setof engine.fact
language plpgsql stable set search_path = ''
as $$
declare
  v_change metadata.type_changes;
  v_field metadata.fields;
  v_table text;
  v_name text;
  v_definition text;
begin
  for v_change in
    select c.* from metadata.type_changes c join metadata.fields f on f.id = c.field_id
    where c.workspace_id = desired_conversions.workspace_id and c.status = 'RUNNING' and f.revision = c.from_revision and f.deleted_at is null and (scope is null or f.object_id = any (scope))
  loop
    select f.* into v_field from metadata.fields f where f.id = v_change.field_id;
    select o.table_name into v_table from metadata.objects o where o.id = v_field.object_id;
    v_name := 'convert_' || left(md5(v_change.id::text), 12);
    v_definition := format('create or replace function %I.%I() returns trigger language plpgsql volatile security definer set search_path = '''' as %L',
      schema_name, v_name, 'begin ' || engine.conversion_assignments(v_change) || ' return new; end');
    return query select 'function', 'convert:' || v_field.object_id || ':' || v_change.id, v_field.object_id::text, v_table, v_name, v_definition,
      engine.fact_comment('convert:' || v_field.object_id || ':' || v_change.id, v_definition, null, 'Converts values to a coming type.'), null, null::boolean, null, null, null::oid;
    return query select 'trigger', v_field.object_id || ' _050_' || v_name, v_field.object_id::text, v_table, '_050_' || v_name,
      format('before insert or update on %%s for each row execute function %I.%I()', schema_name, v_name),
      engine.fact_comment('_050_' || v_name, v_definition), null, null::boolean, null, null, null::oid;
  end loop;
end
$$;
--! EndIncluded engine/online/queue.sql
--! Included engine/plan.sql
-- The difference between desired and actual, as ordered statements. engine.plan and engine.apply
-- are the only code that issues DDL for tenants.

create type engine.step as (
  step int,
  kind text,
  object_name text,
  statement text,
  lock_level text,
  rewrites boolean,
  row_estimate bigint,
  is_online boolean,
  note text
);

-- The lowest number allowed follows from the first.
create or replace function engine.identity_clause(default_expr text) returns text
language sql immutable strict set search_path = ''
  return format('identity (minvalue %s start with %s)', least(substr(default_expr, 10)::bigint, 1), substr(default_expr, 10));

create or replace function engine.column_clause(f engine.fact) returns text
language sql immutable set search_path = ''
  return format('%I %s', (f).name, (f).pg_type)
    || case when (f).generated_expr is not null then ' generated always as (' || (f).generated_expr || ') ' || (f).definition else '' end
    || case when (f).default_expr ~ '^identity ' then ' generated by default as ' || engine.identity_clause((f).default_expr) else coalesce(' default ' || (f).default_expr, '') end
    || case when (f).not_null then ' not null' else '' end;

-- Differences come as a list, so that who has them already need not find them again.
create or replace function engine.steps(v_schema text, differences engine.difference[]) returns setof engine.step
language plpgsql stable set search_path = ''
as $$
begin
  return query
  with queued as materialized (
    select q.key, q.kind from core.workspaces w join metadata.online_changes q on q.workspace_id = w.id and q.status <> 'DONE' where w.schema_name = v_schema
  ), d as materialized (
    -- What a job will do, or is doing, is no difference any more.
    select u.*, engine.online_kind(u) as online_kind, q.kind is not null as is_queued
    from unnest(differences) u left join queued q on q.key = u.kind || ' ' || u.key
    where not coalesce(q.kind = 'INDEX' and not u.is_extra, false)
  ), dropped_tables as (
    select (d.have).table_key from d where d.kind = 'table' and d.is_extra
  ), converted as materialized (
    select * from engine.conversion_steps(v_schema)
  ), added as (
    -- A column for the values of a changed type is filled before it must have a value.
    select d.*, c.column_key is not null as is_converted
    from d left join (select distinct k.column_key from converted k) c on c.column_key = (regexp_match((d.want).key, '^[^.]*'))[1]
    where d.kind = 'column' and (d.is_missing or d.is_recreated)
  ), renamed as (
    select * from d
    where d.kind in ('table', 'column', 'constraint', 'index', 'policy') and not d.is_missing and not d.is_extra and not d.is_recreated
      and (d.want).name <> (d.have).name
  ), steps as (
    -- 0. The schema, its group and its roles.
    select 0 as phase, 'schema' as kind, v_schema as object_name, s.statement, null::text as lock_level, false as rewrites, 0::bigint as row_estimate, null::text as note
    from (values
      (1, format('create role %I nologin', v_schema)),
      (2, format('create schema %I', v_schema)),
      (3, format('grant usage on schema %I to %I', v_schema, v_schema))
    ) as s (n, statement)
    where to_regnamespace(quote_ident(v_schema)) is null
    union all
    select 1, 'role', d.key, s.statement, null, false, 0, null
    from d cross join lateral (values
      (1, format('create role %I nologin', d.key)),
      (2, format('grant %I to %I', v_schema, d.key)),
      -- The server and the worker do not inherit: they can only become the role. The owner, too,
      -- so that administrators can.
      (3, format('grant %I to relvar_server, relvar_worker', d.key)),
      (4, format(case when current_setting('server_version_num')::int >= 160000
        then 'grant %I to relvar_owner with inherit false, set true' else 'grant %I to relvar_owner' end, d.key))
    ) as s (n, statement)
    where d.kind = 'role' and d.is_missing
    -- 1. What must go before tables and columns can change.
    union all
    select case d.kind when 'policy' then 10 when 'trigger' then 11 when 'constraint' then case when (d.have).comment like '@relvar pk%' then 13 else 12 end
        -- A trigger's function goes after its table.
        when 'function' then 23 else 14 end,
      d.kind, d.old_table,
      case d.kind
        when 'policy' then format('drop policy %I on %I.%I', (d.have).name, v_schema, d.old_table)
        when 'trigger' then format('drop trigger %I on %I.%I', (d.have).name, v_schema, d.old_table)
        when 'constraint' then format('alter table %I.%I drop constraint %I', v_schema, d.old_table, (d.have).name)
        when 'index' then format('drop index %I.%I', v_schema, (d.have).name)
        when 'function' then format('drop function %s', (d.have).oid::regprocedure)
      end,
      'AccessExclusive', false, 0, null
    from d
    where d.kind in ('policy', 'trigger', 'constraint', 'index', 'function') and (d.is_extra or d.is_recreated)
      and not (d.is_extra and (d.have).table_key in (select table_key from dropped_tables) and d.kind not in ('constraint', 'function'))
      and not (d.kind = 'function' and d.is_recreated)
    union all
    select case when (d.have).generated_expr is not null then 20 else 21 end, 'column', d.old_table,
      format('alter table %I.%I drop column %I', v_schema, d.old_table, (d.have).name), 'AccessExclusive', false, d.row_estimate,
      case when d.is_extra then 'The column and its data are dropped.' end
    from d
    where d.kind = 'column' and (d.is_extra or d.is_recreated) and (d.have).table_key not in (select table_key from dropped_tables)
    union all
    select 22, 'table', (d.have).name, format('drop table %I.%I', v_schema, (d.have).name), 'AccessExclusive', false, d.row_estimate,
      'The table and its records are dropped.'
    from d where d.kind = 'table' and d.is_extra
    union all
    -- 2. Renames keep the data. Where the new name is still that of another thing which is renamed
    -- too, the way leads over a name that nobody has.
    select case r.kind when 'table' then 30 when 'column' then 32 else 34 end + s.n, r.kind, r.object_name, s.statement, 'AccessExclusive', false, 0, null
    from (
      select d.kind, case d.kind when 'table' then d.old_table else d.new_table end as object_name, (d.have).name as old, (d.want).name as new,
        case d.kind
          when 'table' then format('alter table %I.%%I rename to %%I', v_schema)
          when 'column' then format('alter table %I.%I rename column %%I to %%I', v_schema, d.new_table)
          when 'constraint' then format('alter table %I.%I rename constraint %%I to %%I', v_schema, d.new_table)
          when 'index' then format('alter index %I.%%I rename to %%I', v_schema)
          when 'policy' then format('alter policy %%I on %I.%I rename to %%I', v_schema, d.new_table)
        end as template,
        case when exists (
          select from renamed o
          where o.key <> d.key and (o.have).name = (d.want).name and (o.kind = d.kind or o.kind in ('constraint', 'index') and d.kind in ('constraint', 'index'))
            and (d.kind <> 'column' or (o.have).table_key = (d.have).table_key)
        ) then 'relvar_' || md5(d.kind || d.key) end as detour
      from renamed d
    ) r
    cross join lateral (values
      (0, format(r.template, r.old, coalesce(r.detour, r.new))),
      (1, case when r.detour is not null then format(r.template, r.detour, r.new) end)
    ) as s (n, statement)
    union all
    -- What lies in the trash goes by the names of columns, too.
    select 36, 'trash', r.new_table, format(
        'update %1$I.trash set data = data - %2$L::text[] || (select coalesce(jsonb_object_agg(n.new, data -> n.old), ''{}'') from unnest(%2$L::text[], %3$L::text[]) n (old, new) where data ? n.old) where object_id = %4$L and data ?| %2$L::text[]',
        v_schema, array_agg((r.have).name order by r.key), array_agg((r.want).name order by r.key), (r.want).table_key), 'RowExclusive', false, 0::bigint, null
    from renamed r where r.kind = 'column' group by r.new_table, (r.want).table_key
    union all
    select 37, 'trash', (d.have).name, format('delete from %I.trash where object_id = %L', v_schema, d.key), 'RowExclusive', false, 0, null
    from d where d.kind = 'table' and d.is_extra
    union all
    -- 3. New tables, whole.
    select 40, 'table', (d.want).name, (
        select format('create table %I.%I (%s)', v_schema, (d.want).name, string_agg(engine.column_clause(c.want), ', ' order by (c.want).name = 'id' desc, (c.want).generated_expr is not null, (c.want).name))
        from d c where c.kind = 'column' and (c.want).table_key = d.key), null, false, 0, null
    from d where d.kind = 'table' and d.is_missing
    union all
    select 41, 'internal', d.key, (d.want).definition, null, false, 0, null
    from d where d.kind = 'internal' and d.is_missing
    union all
    select case when (d.want).generated_expr is null then 42 else 44 end, 'column', d.new_table, format('alter table %I.%I add column %s', v_schema, d.new_table, engine.column_clause(case when d.is_converted then jsonb_populate_record(d.want, '{"not_null": false, "default_expr": null}') else d.want end)), 'AccessExclusive',
      not d.is_converted and (coalesce((d.want).definition = 'stored', false) or coalesce((d.want).default_expr ~ '\(|^identity ', false) and (d.want).default_expr <> 'now()'), d.row_estimate, null
    from added d
    where not exists (select from d t where t.kind = 'table' and t.is_missing and t.key = (d.want).table_key)
    union all
    select 43, 'column', d.new_table, format('alter table %I.%I alter column %I %s', v_schema, d.new_table, (d.want).name, a.action), 'AccessExclusive', a.rewrites, d.row_estimate, a.note
    from d cross join lateral (values
      (1, case when (d.want).pg_type <> (d.have).pg_type and (d.have).default_expr is not null then 'drop default' end, false, null),
      (2, case when (d.want).pg_type <> (d.have).pg_type then format('type %s using %I::%1$s', (d.want).pg_type, (d.want).name) end, true, 'Each value is converted.'),
      (3, case when (d.want).default_expr ~ '^identity ' or (d.have).default_expr ~ '^identity ' then
          case when (d.want).default_expr is not distinct from (d.have).default_expr then null
            -- What has been counted is not counted again.
            when (d.want).default_expr ~ '^identity ' and (d.have).default_expr ~ '^identity ' then format('set minvalue %s set start with %s', least(substr((d.want).default_expr, 10)::bigint, 1), substr((d.want).default_expr, 10))
              || case when substr((d.want).default_expr, 10)::bigint > coalesce(pg_catalog.pg_sequence_last_value(pg_catalog.pg_get_serial_sequence(format('%I.%I', v_schema, d.old_table), (d.have).name)::regclass), 0)
                then ' restart with ' || substr((d.want).default_expr, 10) else '' end
            when (d.want).default_expr ~ '^identity ' then 'add generated by default as ' || engine.identity_clause((d.want).default_expr) else 'drop identity' end
        when (d.want).default_expr is not null and ((d.want).default_expr is distinct from (d.have).default_expr or (d.want).pg_type <> (d.have).pg_type)
          then 'set default ' || (d.want).default_expr
        when (d.want).default_expr is null and (d.have).default_expr is not null and (d.want).pg_type = (d.have).pg_type then 'drop default' end, false, null),
      (4, case when (d.want).not_null and not (d.have).not_null then case when not d.is_queued then 'set not null' end when (d.have).not_null and not (d.want).not_null then 'drop not null' end, false, null)
    ) as a (n, action, rewrites, note)
    where d.kind = 'column' and not d.is_missing and not d.is_extra and not d.is_recreated and (d.want).generated_expr is null and a.action is not null
    union all
    select 45, 'conversion', c.table_name, c.statement, 'AccessExclusive', true, coalesce((select max(d.row_estimate) from d where d.new_table = c.table_name), 0),
      'Values are converted to the new type; the former ones are kept until the grace period ends.'
    from converted c where c.statement is not null
    union all
    select 46, 'column', d.new_table, format('alter table %I.%I alter column %I %s', v_schema, d.new_table, (d.want).name, a.action), 'AccessExclusive', false, d.row_estimate, null
    from added d cross join lateral (values
      (case when (d.want).default_expr is not null then 'set default ' || (d.want).default_expr end), (case when (d.want).not_null then 'set not null' end)) a (action)
    where d.is_converted and a.action is not null
    -- 4. Keys, rules, indexes.
    union all
    select case when (d.want).definition like 'primary key%' then 50 when (d.want).definition like 'check%' then 51 else 53 end, d.kind, d.new_table,
      format('alter table %I.%I add constraint %I %s', v_schema, d.new_table, (d.want).name, (d.want).definition || case when d.is_queued or d.online_kind is not null then ' not valid' else '' end), 'ShareRowExclusive', false, d.row_estimate, null
    from d where d.kind = 'constraint' and (d.is_missing or d.is_recreated)
    union all
    select 54, d.kind, d.new_table, format('alter table %I.%I validate constraint %I', v_schema, d.new_table, (d.want).name), 'ShareUpdateExclusive', false, d.row_estimate, 'The records that there are already are checked.'
    from d where d.kind = 'constraint' and not d.is_extra and not d.is_queued and (d.online_kind is not null or not d.is_missing and not d.is_recreated and not (d.have).not_null)
    union all
    select 52, d.kind, d.new_table,
      case when (d.want).definition like 'unique %'
        then format('create unique index ' || case when d.online_kind is not null then 'concurrently ' else '' end || '%I on %I.%I %s', (d.want).name, v_schema, d.new_table, substr((d.want).definition, 8))
        else format('create index ' || case when d.online_kind is not null then 'concurrently ' else '' end || '%I on %I.%I %s', (d.want).name, v_schema, d.new_table, (d.want).definition) end,
      case when d.online_kind is not null then 'ShareUpdateExclusive' else 'Share' end, false, d.row_estimate, null
    from d where d.kind = 'index' and (d.is_missing or d.is_recreated)
    -- 5. Who may see and do what. A table without row-level security does not exist for longer than this transaction.
    union all
    select 60, d.kind, d.new_table, s.statement, 'AccessExclusive', false, 0, null
    from d cross join lateral (values
      (format('alter table %I.%I enable row level security', v_schema, d.new_table)),
      (format('alter table %I.%I force row level security', v_schema, d.new_table))
    ) as s (statement)
    where d.kind = 'rls' and not d.is_extra
    union all
    select 61, d.kind, d.new_table, format('create policy %I on %I.%I %s', (d.want).name, v_schema, d.new_table, (d.want).definition), 'AccessExclusive', false, 0, null
    from d where d.kind = 'policy' and (d.is_missing or d.is_recreated)
    union all
    select 62, d.kind, d.new_table, format('create trigger %I ', (d.want).name) || format((d.want).definition, format('%I.%I', v_schema, d.new_table)), 'ShareRowExclusive', false, 0, null
    from d where d.kind = 'trigger' and (d.is_missing or d.is_recreated)
    union all
    select 63, d.kind, coalesce(d.new_table, (d.have).table_name), format('revoke all on %I.%I from %s', v_schema, coalesce(d.new_table, (d.have).table_name),
      case when (d.have).name = 'public' then 'public' else quote_ident((d.have).name) end), null, false, 0, null
    from d where d.kind = 'grant' and not d.is_missing
      and (d.have).table_key not in (select table_key from dropped_tables)
    union all
    select 64, d.kind, d.new_table, format('grant %s on %I.%I to %I', (d.want).definition, v_schema, d.new_table, (d.want).name), null, false, 0, null
    from d where d.kind = 'grant' and not d.is_extra
    union all
    -- Functions of an object run in its triggers, which come after them.
    select case when (d.want).table_key is null then 70 else 57 end, d.kind, d.key, s.statement, null, false, 0, null
    from d cross join lateral (values
      ((d.want).definition), (case when (d.want).table_key is null then format('grant execute on function %I.%I to %I', v_schema, d.key, v_schema) end)) as s (statement)
    where d.kind = 'function' and (d.is_missing or d.is_recreated)
    union all
    -- Computed columns that are new, or computed otherwise than before.
    select 75, 'fill', d.new_table, engine.fill_statement((d.want).table_key::uuid, v_schema, array_agg(d.key)), 'RowExclusive', false, max(d.row_estimate), 'Computed for every record.'
    from d
    where d.kind = 'column' and (d.want).definition = 'kept' and not d.is_queued
      and (d.is_missing or split_part((d.want).comment, E'\n', 1) is distinct from split_part((d.have).comment, E'\n', 1))
      and not exists (select from d t where t.kind = 'table' and t.is_missing and t.key = (d.want).table_key)
    group by d.new_table, (d.want).table_key
    -- 6. Identities and descriptions.
    union all
    select 80, 'comment', coalesce(d.new_table, d.key), format('comment on %s is %L', c.target, (d.want).comment), 'ShareUpdateExclusive', false, 0, null
    from d cross join lateral (select case d.kind
        when 'table' then format('table %I.%I', v_schema, (d.want).name)
        when 'internal' then format('table %I.%I', v_schema, (d.want).name)
        when 'column' then format('column %I.%I.%I', v_schema, d.new_table, (d.want).name)
        when 'index' then format('index %I.%I', v_schema, (d.want).name)
        when 'function' then format('function %I.%I', v_schema, (d.want).name)
        else format('%s %I on %I.%I', d.kind, (d.want).name, v_schema, d.new_table) end as target) c
    where (d.want).comment is not null and (d.is_missing or d.is_recreated or (d.want).comment is distinct from (d.have).comment)
    -- 7. Until the commit this locks relvar_crm, which all workspaces share: last, so that several
    -- can be made at a time.
    union all
    select 85, 'schema', v_schema, format('grant relvar_crm to %I', v_schema), null, false, 0, null
    where to_regnamespace(quote_ident(v_schema)) is null
    -- 8. Roles that no longer are.
    union all
    select 90, 'role', d.key, format('drop role %I', d.key), null, false, 0, null
    from d where d.kind = 'role' and d.is_extra
  )
  select row_number() over (order by s.phase, s.ord)::int, s.kind, s.object_name, s.statement, s.lock_level, s.rewrites, s.row_estimate,
    -- What would hold a large table for long is left to a job.
    s.row_estimate > (select e.online_rows from engine.settings e) and (s.statement ~ '^(create( unique)? index concurrently |alter table .* validate constraint )' or s.kind = 'fill'
      or s.kind = 'column' and s.statement like '%% set not null' and s.phase = 43), s.note
  from (select steps.*, row_number() over () as ord from steps) s
  where s.statement is not null;
end
$$;

create or replace function engine.plan(workspace_id uuid, scope uuid[] default null) returns setof engine.step
language plpgsql stable set search_path = ''
as $$
declare
  v_schema text;
begin
  select w.schema_name into v_schema from core.workspaces w where w.id = workspace_id;
  if v_schema is null then
    raise exception 'There is no workspace %.', workspace_id using errcode = 'RV012',
      hint = 'select id, slug from core.workspaces lists them.';
  end if;
  return query select * from engine.steps(v_schema, array(select d from engine.difference(workspace_id, v_schema, scope) d));
end
$$;
comment on function engine.plan(uuid, uuid[]) is 'The statements that make a workspace''s schema equal to its metadata, in order, each with its lock, whether it rewrites the table, and about how many rows that touches. Empty when nothing differs. Changes nothing. With a scope, for those objects only.';
--! EndIncluded engine/plan.sql
--! Included engine/shape.sql
-- Workspaces with equal shapes can be served by one GraphQL schema. The fingerprint covers all
-- that such a schema is made of: tables, columns, types, keys, names and descriptions, without
-- identities and without the schema's own name. Each object has its own, so that a change of one
-- object reads one object.
create or replace function engine.shapes(schema_name text, scope uuid[] default null) returns table (object_key text, shape text)
language plpgsql stable set search_path = ''
as $$
begin
  return query
  with fact as materialized (
    select * from engine.actual(schema_name, scope)
  )
  select s.object_key, md5(string_agg(s.line, E'\n' order by s.line collate "C"))
  from (
    select coalesce(f.table_key, '') as object_key,
      concat_ws('|', f.kind, f.table_name, regexp_replace(f.name, '_rule_[0-9a-f]{12}$', '_rule'), f.pg_type, case when f.kind = 'column' then f.not_null end, (f.default_expr is not null), (f.generated_expr is not null),
        case when f.kind = 'constraint' then replace(replace(pg_catalog.pg_get_constraintdef(f.oid), schema_name, 'ws'), ' NOT VALID', '') end,
        regexp_replace(coalesce(f.comment, ''), '@relvar[^\n]*\n?', '')) as line
    from fact f
    -- The API does not show what was made beside the engine. Functions that belong to an object run in triggers.
    where (f.kind in ('table', 'internal', 'column', 'constraint') or f.kind = 'function' and f.table_key is null)
      and f.key !~ '(^| )unmanaged:'
      -- Nor columns of former and of coming types.
      and not (f.kind = 'column' and f.name ~ '^(former|pending)_[0-9a-f]{12}$')
    union all
    -- The API shows what some role may do, so privileges are part of the shape, roles by number.
    select f.table_key, concat_ws('|', 'grant', f.table_name, replace(f.name, schema_name, 'ws'), f.definition)
    from fact f where f.kind = 'grant'
  ) s
  group by s.object_key;
end
$$;

create or replace function engine.shape(schema_name text) returns text
language sql stable set search_path = ''
as $$ select md5(string_agg(s.shape, '' order by s.shape)) from engine.shapes(schema_name) s $$;
comment on function engine.shape(text) is 'Fingerprint of what an API over a tenant schema is made of. Equal shapes share one GraphQL schema.';

-- Reads the objects in scope anew and returns the shape of the whole.
create or replace function engine.refresh_shape(workspace_id uuid, schema_name text, scope uuid[]) returns text
language plpgsql volatile set search_path = ''
as $$
begin
  delete from engine.object_shapes s where s.workspace_id = refresh_shape.workspace_id and (scope is null or s.object_key = any (scope::text[]));
  insert into engine.object_shapes (workspace_id, object_key, shape)
  select refresh_shape.workspace_id, s.object_key, s.shape from engine.shapes(schema_name, scope) s;
  return (select md5(string_agg(s.shape, '' order by s.shape)) from engine.object_shapes s where s.workspace_id = refresh_shape.workspace_id);
end
$$;
--! EndIncluded engine/shape.sql
--! Included engine/apply.sql
-- Makes a workspace's schema equal to its metadata, in the caller's transaction: the objects in
-- scope, or all.
create or replace function engine.apply(workspace_id uuid, scope uuid[] default null) returns int
language plpgsql volatile security definer set search_path = '' set lock_timeout = '2s'
as $$
declare
  v_schema text;
  v_differences engine.difference[];
  v_step engine.step;
  v_statements text[] := '{}';
  v_shape_scope uuid[] := scope;
  v_version bigint;
  v_shape text;
begin
  if not (select s.ddl_enabled from engine.settings s) then
    raise exception 'Changes of the data model are switched off on this server.'
      using errcode = 'RV020', hint = 'An upgrade may be running. Try again when it is done.';
  end if;
  perform pg_advisory_xact_lock(hashtextextended('relvar.model.' || workspace_id, 0));
  select w.schema_name into v_schema from core.workspaces w where w.id = workspace_id;
  perform engine.assert_relations(workspace_id);
  perform engine.assert_rules_hold(workspace_id, v_schema, scope);
  -- One block around all statements, not one around each: a block is a subtransaction, and more
  -- than 64 of these in a transaction slow every other session down.
  begin
    v_differences := array(select d from engine.difference(workspace_id, v_schema, scope) d);
    perform engine.queue_online(workspace_id, v_differences);
    for v_step in select * from engine.steps(v_schema, v_differences) loop
      -- To compute a field for the first time, or to convert it, changes nothing that anybody did.
      if v_step.kind in ('fill', 'conversion') then
        perform engine.set_quiet(true);
        execute v_step.statement;
        perform engine.set_quiet(false);
      elsif v_step.kind = 'schema' and v_step.statement ~ '^grant relvar_crm ' then
        -- Until its commit, another new workspace has this lock, even one of another database. No reader waits behind.
        perform set_config('lock_timeout', '60s', true);
        execute v_step.statement;
        perform set_config('lock_timeout', '2s', true);
      else
        execute v_step.statement;
      end if;
      v_statements := v_statements || v_step.statement;
      -- The keys of other objects name the table that they point to.
      if v_step.kind = 'table' then
        v_shape_scope := null;
      end if;
    end loop;
  exception
    when lock_not_available or deadlock_detected then
      raise exception 'The table % is busy, so the change was not made.', v_step.object_name
        using errcode = 'RV021', hint = 'Somebody is working with it in a long transaction. Try again in a moment.';
    when duplicate_object or duplicate_table or duplicate_column then
      raise exception 'Something named like that stands in the database already: %', sqlerrm
        using errcode = 'RV022', hint = v_step.statement;
    when not_null_violation or check_violation or unique_violation or foreign_key_violation or data_exception then
      raise exception 'Records of % do not fit the change, so it was not made: %', v_step.object_name, sqlerrm
        using errcode = 'RV023', hint = 'Correct those records first: fill in what is empty, replace options that go, make values unique.';
  end;
  update metadata.type_changes c set status = 'DONE'
  from metadata.fields f
  where c.workspace_id = apply.workspace_id and c.status = 'RUNNING' and f.id = c.field_id and f.revision = c.to_revision;
  v_shape := engine.refresh_shape(workspace_id, v_schema, v_shape_scope);
  update core.workspaces w set shape = v_shape where w.id = workspace_id and w.shape is distinct from v_shape;
  select w.model_version into v_version from core.workspaces w where w.id = workspace_id;
  -- What a new workspace is made by is known from the standard objects.
  if v_version > 1 and v_statements <> '{}' then
    perform engine.note_statements(workspace_id, v_version, v_statements);
  end if;
  -- A change of the model is rare and human-paced; NOTIFY is delivered at commit, if it commits.
  perform pg_notify('relvar_model', json_build_object('workspace', workspace_id, 'version', v_version, 'shape', v_shape)::text);
  return cardinality(v_statements);
end
$$;
comment on function engine.apply(uuid, uuid[]) is 'Runs engine.plan for a workspace, or for some of its objects. Returns the number of statements run.';

create or replace function engine.assert_columns_differ(workspace_id uuid, spec engine.column_spec[]) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_clash record;
begin
  select c.table_name, c.name, array_agg(distinct f.label) as labels into v_clash
  from unnest(spec) c
  join metadata.fields f on f.id = c.field_id and f.workspace_id = assert_columns_differ.workspace_id
  group by c.table_name, c.name having count(*) > 1 limit 1;
  if found then
    raise exception 'The fields % of % would both need the column %.', array_to_string(v_clash.labels, ' and '), v_clash.table_name, v_clash.name
      using errcode = 'RV003', column = 'name', hint = 'Give one of them another API name.';
  end if;
  select o.label_plural, count(*) into v_clash
  from unnest(spec) c
  join metadata.objects o on o.id = c.object_id and o.workspace_id = assert_columns_differ.workspace_id
  group by o.id, o.label_plural having count(*) > 1500 limit 1;
  if found then
    raise exception '% would have more than 1,500 columns.', v_clash.label_plural
      using errcode = 'RV004', hint = 'PostgreSQL holds 1,600 columns a table. Move some fields to a related object.';
  end if;
end
$$;
--! EndIncluded engine/apply.sql
--! Included engine/pending.sql
-- Metadata that changed is reconciled once, at the end of the transaction: ten inserts are one
-- reconciliation, and metadata and tables commit together or not at all.

-- Changes of one workspace's model follow one another; other workspaces are not held up.
create or replace function engine.lock_model(workspace_id uuid) returns void
language plpgsql volatile set search_path = '' set lock_timeout = '5s'
as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('relvar.model.' || workspace_id, 0));
exception when lock_not_available then
  raise exception 'Somebody else is changing the data model of this workspace.'
    using errcode = 'RV021', hint = 'Their transaction has been open for a while. Try again in a moment.';
end
$$;

-- The version rises once a transaction, so that a mutation can return it before the commit.
-- `objects` are those that were touched, null for all.
create or replace function engine.note_change(workspace_id uuid, objects uuid[]) returns bigint
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_version bigint;
  v_actor engine.actor;
begin
  perform engine.lock_model(workspace_id);
  update engine.pending p set objects = case when p.objects is null or note_change.objects is null then null
    else array(select distinct u from unnest(p.objects || note_change.objects) u) end
  where p.workspace_id = note_change.workspace_id;
  if found then
    select w.model_version into v_version from core.workspaces w where w.id = note_change.workspace_id;
    return v_version;
  end if;
  insert into engine.pending (workspace_id, objects) values (note_change.workspace_id, note_change.objects);
  update core.workspaces w set model_version = w.model_version + 1 where w.id = note_change.workspace_id
  returning w.model_version into v_version;
  v_actor := engine.current_actor();
  insert into metadata.model_versions (workspace_id, version, actor_type, actor_id, actor_name, source)
  values (note_change.workspace_id, v_version, v_actor.type, v_actor.id, v_actor.name, engine.current_source());
  return v_version;
end
$$;

-- What a change of the model came to, in the history. A repair changes no metadata and still belongs there.
create or replace function engine.note_statements(workspace_id uuid, version bigint, statements text[]) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_actor engine.actor := engine.current_actor();
begin
  insert into metadata.model_versions as v (workspace_id, version, actor_type, actor_id, actor_name, source, statements)
  values (note_statements.workspace_id, note_statements.version, v_actor.type, v_actor.id, v_actor.name, engine.current_source(), note_statements.statements)
  on conflict on constraint model_versions_pkey do update set statements = v.statements || excluded.statements;
end
$$;

create or replace function engine.tg_metadata__changed() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_rows jsonb[];
  v_version bigint;
  r record;
begin
  case tg_op
    when 'INSERT' then
      v_rows := array(select jsonb_build_object('after', to_jsonb(n)) from new_rows n);
    when 'UPDATE' then
      v_rows := array(select jsonb_build_object('before', to_jsonb(o), 'after', to_jsonb(n))
        from new_rows n join old_rows o on o.id = n.id where o is distinct from n);
    when 'DELETE' then
      v_rows := array(select jsonb_build_object('before', to_jsonb(o)) from old_rows o);
  end case;
  for r in
    select c.workspace_id, array_agg(c.row) filter (where c.row is not null) as rows,
      -- Rights of a role concern all objects.
      case when tg_table_name <> 'roles' then coalesce(array_agg(distinct c.object_id) filter (where c.object_id is not null), '{}') end as objects
    from (
      -- Others that point to an object know its name, and whether it is there.
      select (v.value ->> 'workspace_id')::uuid as workspace_id, null::jsonb as row, f.object_id
      from unnest(v_rows) u (row)
      cross join lateral (select u.row -> 'after' as value) v
      join metadata.relations rel on rel.target_object_id = (v.value ->> 'id')::uuid
      join metadata.fields f on f.id = rel.field_id
      where tg_table_name = 'objects' and tg_op = 'UPDATE'
      union all
      -- And a junction the names of the fields that lead over it.
      select f.workspace_id, null, f.object_id
      from unnest(v_rows) u (row)
      join metadata.fields f on f.id = (u.row -> 'after' ->> 'junction_field_id')::uuid
      where tg_table_name = 'fields' and tg_op = 'UPDATE'
      union all
      select (v.value ->> 'workspace_id')::uuid, u.row,
        case tg_table_name
          when 'objects' then (v.value ->> 'id')::uuid
          when 'relations' then (select f.object_id from metadata.fields f where f.id = (v.value ->> 'field_id')::uuid)
          when 'views' then null
          else (v.value ->> 'object_id')::uuid end as object_id
      from unnest(v_rows) u (row)
      cross join lateral (select coalesce(u.row -> 'after', u.row -> 'before') as value) v
    ) c
    join core.workspaces w on w.id = c.workspace_id
    group by c.workspace_id
  loop
    v_version := engine.note_change(r.workspace_id, r.objects);
    -- The rows of a new workspace are those of the standard objects.
    if v_version > 1 then
      insert into metadata.model_changes (workspace_id, version, table_name, row_id, before, after)
      select r.workspace_id, v_version, tg_table_name, (coalesce(u -> 'after', u -> 'before') ->> 'id')::uuid, u -> 'before', u -> 'after'
      from unnest(r.rows) u;
    end if;
  end loop;
  return null;
end
$$;

do $$
declare
  v_table text;
begin
  foreach v_table in array array['objects', 'fields', 'relations', 'rules', 'indexes', 'views', 'view_fields', 'aliases', 'roles', 'object_permissions'] loop
    execute format('create or replace trigger _900_changed_insert after insert on metadata.%I referencing new table as new_rows for each statement execute function engine.tg_metadata__changed()', v_table);
    execute format('create or replace trigger _900_changed_update after update on metadata.%I referencing old table as old_rows new table as new_rows for each statement execute function engine.tg_metadata__changed()', v_table);
    execute format('create or replace trigger _900_changed_delete after delete on metadata.%I referencing old table as old_rows for each statement execute function engine.tg_metadata__changed()', v_table);
  end loop;
end
$$;

create or replace function engine.tg_pending__apply() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_objects uuid[];
begin
  -- Reconciled earlier in this transaction, as creating a workspace does.
  delete from engine.pending p where p.workspace_id = new.workspace_id returning p.objects into v_objects;
  if found then
    perform engine.apply(new.workspace_id, v_objects);
  end if;
  return null;
end
$$;
drop trigger if exists apply on engine.pending;
create constraint trigger apply after insert on engine.pending
  deferrable initially deferred for each row execute function engine.tg_pending__apply();
--! EndIncluded engine/pending.sql
--! Included engine/reconcile.sql
-- A new version of the engine may want other triggers, names or policies for the same model. After
-- the migrations each workspace is brought in line once, in a transaction of its own, so that one
-- that cannot be (its tables are busy, its records do not fit) holds no other up and is tried again.

-- What the engine derives tables from, besides the model.
create or replace function engine.version() returns text
language sql stable set search_path = ''
as $$
  select md5(
    (select string_agg(md5(pg_catalog.pg_get_functiondef(p.oid)), '' order by p.oid::regprocedure::text collate "C")
      from pg_catalog.pg_proc p where p.pronamespace = 'engine'::regnamespace and p.prokind = 'f')
    || (select string_agg(c::text, ';' order by c.type, c.part) from engine.field_type_columns c))
$$;
comment on function engine.version() is 'Fingerprint of the engine. Workspaces that were reconciled by another one are looked at again.';

create or replace function engine.reconcile(workspace_id uuid) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_count int := engine.apply(workspace_id);
begin
  insert into engine.reconciled as r (workspace_id, version) values (reconcile.workspace_id, engine.version())
  on conflict on constraint reconciled_pkey do update set version = excluded.version, reconciled_at = now();
  return v_count;
end
$$;
comment on function engine.reconcile(uuid) is 'engine.apply for a whole workspace, remembering by which engine. The migrations call it for each.';
--! EndIncluded engine/reconcile.sql
--! Included engine/events.sql
-- The event log: one row per record change, written by statement triggers in the transaction of
-- the change, and one outbox row per statement for the relay. No NOTIFY and no job is added here:
-- both take a lock for the whole database at commit.

-- The statements are written out, not put together: PL/pgSQL compiles a function once for each
-- trigger, so each table's trigger has its own plans and keeps them. Which record_events they mean
-- follows from the search path, set to the schema that the trigger fires in. Nobody but the owner
-- creates things there, and temporary tables, which anybody creates, come last.
create or replace function engine.tg_records__log() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object uuid := tg_argv[0];
  v_batch bigint := nextval('engine.event_batch');
  v_actor engine.actor := engine.current_actor();
  v_source text := engine.current_source();
  v_request text := nullif(current_setting('relvar.request_id', true), '');
  v_action text;
  v_hidden text[] := array['search_vector'] || tg_argv[2:];
begin
  -- What the engine itself computes or converts, after a change of the model, nobody did.
  if engine.is_quiet() then
    return null;
  end if;
  perform set_config('search_path', quote_ident(tg_table_schema) || ', pg_temp', true);
  case tg_op
    when 'INSERT' then
      -- Anybody can write a setting; only what lies in the trash can be restored.
      v_action := case when current_setting('relvar.action', true) = 'restored' and not exists (
          select from new_rows n where not exists (select from trash t where t.object_id = v_object and t.record_id = n.id))
        then 'restored' else 'created' end;
      insert into record_events (batch, seq, object_id, record_id, action, after, actor_type, actor_id, actor_name, source, request_id)
      select v_batch, row_number() over (), v_object, n.id, v_action, to_jsonb(n.*) - v_hidden,
        v_actor.type, v_actor.id, v_actor.name, v_source, v_request
      from new_rows n;
    when 'UPDATE' then
      v_action := 'updated';
      -- Only what changed, and nothing for a row that did not.
      insert into record_events (batch, seq, object_id, record_id, action, before, after, actor_type, actor_id, actor_name, source, request_id)
      select v_batch, row_number() over (), v_object, c.id, v_action, c.before, c.after,
        v_actor.type, v_actor.id, v_actor.name, v_source, v_request
      from (
        select n.id, jsonb_object_agg(e.key, e.value) as before, jsonb_object_agg(e.key, j.new -> e.key) as after
        from new_rows n
        join old_rows o on o.id = n.id
        cross join lateral (select to_jsonb(o.*) as old, to_jsonb(n.*) as new) j
        cross join lateral jsonb_each(j.old) e
        where e.value is distinct from j.new -> e.key
          and e.key not in ('search_vector', 'updated_at', 'updated_by_source', 'updated_by_member_id', 'updated_by_name')
        group by n.id
      ) c;
    when 'DELETE' then
      v_action := 'deleted';
      insert into record_events (batch, seq, object_id, record_id, action, before, actor_type, actor_id, actor_name, source, request_id)
      select v_batch, row_number() over (), v_object, o.id, v_action, to_jsonb(o.*) - v_hidden,
        v_actor.type, v_actor.id, v_actor.name, v_source, v_request
      from old_rows o;
  end case;
  if found then
    insert into engine.outbox (batch, workspace_id, object_id, action) values (v_batch, tg_argv[1]::uuid, v_object, v_action);
  end if;
  return null;
end
$$;

-- updatedAt and updatedBy, kept by the database so that no client can forge or forget them. What is
-- computed from elsewhere (the columns that are its arguments) is nobody's change of this record.
create or replace function engine.tg_records__touch() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  if new is distinct from old and (tg_nargs = 0 or to_jsonb(new) - tg_argv is distinct from to_jsonb(old) - tg_argv) and not engine.is_quiet() then
    new.updated_at := now();
    new.updated_by_source := engine.current_source();
    new.updated_by_member_id := engine.current_member();
    new.updated_by_name := engine.actor_name();
  end if;
  return new;
end
$$;
--! EndIncluded engine/events.sql
--! Included engine/trash.sql
-- Deleting moves: a deleted row goes to the tenant's trash as JSON, in the same transaction,
-- whoever deletes it and however. No query of the product needs a "not deleted" filter, and unique
-- constraints and foreign keys mean what they say.

create or replace function engine.tg_records__trash() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  -- An id may have been used again since a record of that id was deleted: the later one is kept.
  execute format(
    'insert into %I.trash (object_id, record_id, label, data, deleted_by_name)
     select $1, o.id, %s, to_jsonb(o.*) - $3, $2 from old_rows o
     on conflict (object_id, record_id) do update set label = excluded.label, data = excluded.data, deleted_at = excluded.deleted_at,
       deleted_by_name = excluded.deleted_by_name, transaction_id = excluded.transaction_id',
    tg_table_schema, engine.label_expression(tg_argv[0]::uuid, 'o'))
  using tg_argv[0]::uuid, (engine.current_actor()).name, array['search_vector'] || tg_argv[1:];
  return null;
end
$$;

-- The object that a caller names. Who may delete its records may also restore and destroy them.
create or replace function engine.trashed_object(caller name, schema_name text, object_name text) returns metadata.objects
language plpgsql stable set search_path = ''
as $$
declare
  v_object metadata.objects;
begin
  select o.* into v_object
  from core.workspaces w join metadata.objects o on o.workspace_id = w.id
  where w.schema_name = trashed_object.schema_name and o.name_singular = object_name and o.deleted_at is null;
  if not found then
    raise exception 'There is no object "%".', object_name using errcode = 'RV011', hint = 'Give the singular API name, such as person.';
  end if;
  if not has_table_privilege(caller, format('%I.%I', schema_name, v_object.table_name), 'delete') then
    raise exception 'Your role may not delete %, nor restore or destroy what was deleted.', v_object.label_plural using errcode = '42501';
  end if;
  return v_object;
end
$$;

-- Puts a deleted record back, with the records that its deletion took along (cascade) and the
-- links that it cut (set null).
create or replace function engine.restore_record(caller name, schema_name text, object_name text, record_id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
begin
  return engine.put_back(schema_name, engine.trashed_object(caller, schema_name, object_name), record_id);
end
$$;

-- Asks for no rights, so that a deletion that reached further than the caller's own rights is
-- undone as far as it reached.
create or replace function engine.put_back(schema_name text, object metadata.objects, record_id uuid) returns boolean
language plpgsql volatile set search_path = ''
as $$
declare
  v_trash record;
  v_data jsonb;
  v_columns text;
  v_detail text;
begin
  execute format('select * from %I.trash where object_id = $1 and record_id = $2 for update', schema_name)
    into v_trash using (object).id, record_id;
  if v_trash.id is null then
    return false;
  end if;
  v_data := engine.without_dead_links(schema_name, object, record_id, v_trash.data);
  select string_agg(quote_ident(a.attname), ', ') into v_columns
  from pg_catalog.pg_attribute a
  where a.attrelid = format('%I.%I', schema_name, (object).table_name)::regclass
    and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
    and v_data ? a.attname;
  begin
    -- The log believes this setting only of records that are in the trash, so they leave it last.
    perform set_config('relvar.action', 'restored', true);
    execute format('insert into %1$I.%2$I (%3$s) select %3$s from jsonb_populate_record(null::%1$I.%2$I, $1)',
      schema_name, (object).table_name, v_columns) using v_data;
    perform set_config('relvar.action', '', true);
  exception
    when unique_violation then
      get stacked diagnostics v_detail = pg_exception_detail;
      raise exception '"%" cannot be restored: another record has taken its place.', v_trash.label
        using errcode = 'RV014', detail = v_detail, hint = 'Change or delete the other record first.';
    when not_null_violation or check_violation or data_exception then
      raise exception '"%" cannot be restored, since it does not fit its object any more: %', v_trash.label, sqlerrm
        using errcode = 'RV013', hint = 'The object was changed after the record was deleted. Change it back, restore, and change it again.';
  end;
  execute format('delete from %I.trash where id = $1', schema_name) using v_trash.id;
  perform engine.put_back_links(schema_name, object, record_id, v_trash.transaction_id);
  return true;
end
$$;

-- A link to a record that is gone itself stays empty, as it would be had this record been there.
create or replace function engine.without_dead_links(schema_name text, object metadata.objects, record_id uuid, data jsonb) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_data jsonb := data;
  v_lives boolean;
  r record;
begin
  for r in
    select c.name, c.not_null, t.table_name, t.label_singular
    from engine.columns((object).workspace_id) c
    join metadata.relations rel on rel.id = c.relation_id
    join metadata.objects t on t.id = rel.target_object_id
    where c.object_id = (object).id and jsonb_typeof(data -> c.name) = 'string'
      and not (t.id = (object).id and data ->> c.name = record_id::text)
  loop
    execute format('select exists (select from %I.%I where id = $1)', schema_name, r.table_name) into v_lives using (data ->> r.name)::uuid;
    if not v_lives and r.not_null then
      raise exception 'The record needs its %, which is deleted too.', r.label_singular
        using errcode = 'RV013', hint = format('Restore the %s first.', r.label_singular);
    elsif not v_lives then
      v_data := v_data || jsonb_build_object(r.name, null);
    end if;
  end loop;
  return v_data;
end
$$;

-- The event log and the trash know what the transaction that deleted the record did to others.
create or replace function engine.put_back_links(schema_name text, object metadata.objects, record_id uuid, deleted_in xid8) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_child uuid;
  r record;
begin
  for r in
    select c.name as column_name, ob as object, rel.on_delete
    from metadata.relations rel
    join engine.columns((object).workspace_id) c on c.relation_id = rel.id
    join metadata.objects ob on ob.id = c.object_id
    where rel.target_object_id = (object).id
  loop
    if r.on_delete = 'SET_NULL' then
      execute format(
        'update %1$I.%2$I t set %3$I = $1 from %1$I.record_events e
         where e.transaction_id = $2 and e.object_id = $3 and e.action = ''updated''
           and e.before ->> %3$L = $1::text and t.id = e.record_id and t.%3$I is null',
        schema_name, (r.object).table_name, r.column_name)
      using record_id, deleted_in, (r.object).id;
    elsif r.on_delete = 'CASCADE' then
      for v_child in execute format(
        'select record_id from %I.trash where transaction_id = $1 and object_id = $2 and data ->> $3 = $4', schema_name)
        using deleted_in, (r.object).id, r.column_name, record_id::text
      loop
        perform engine.put_back(schema_name, r.object, v_child);
      end loop;
    end if;
  end loop;
end
$$;

-- Takes a record out of the trash for good. What it was stays in the event log.
create or replace function engine.destroy_record(caller name, schema_name text, object_name text, record_id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.trashed_object(caller, schema_name, object_name);
  v_actor engine.actor := engine.current_actor();
  v_batch bigint;
  v_id uuid;
begin
  execute format('delete from %I.trash where object_id = $1 and record_id = $2 returning id', schema_name)
    into v_id using v_object.id, record_id;
  if v_id is null then
    return false;
  end if;
  v_batch := nextval('engine.event_batch');
  execute format(
    'insert into %I.record_events (batch, seq, object_id, record_id, action, actor_type, actor_id, actor_name, source)
     values ($1, 1, $2, $3, ''destroyed'', $4, $5, $6, $7)', schema_name)
  using v_batch, v_object.id, record_id, v_actor.type, v_actor.id, v_actor.name, engine.current_source();
  insert into engine.outbox (batch, workspace_id, object_id, action)
  values (v_batch, v_object.workspace_id, v_object.id, 'destroyed');
  return true;
end
$$;

-- Reached only through the tenant's own functions, which name the caller.
grant execute on function engine.restore_record(name, text, text, uuid), engine.destroy_record(name, text, text, uuid) to relvar_crm;
--! EndIncluded engine/trash.sql
--! Included engine/search.sql
-- Search reads text without accents, case or the punctuation of addresses, so that "jose" finds
-- José and "example" finds ann@example.com.
create or replace function engine.search_text(content text) returns text
language sql immutable strict parallel safe set search_path = ''
as $$ select lower(public.unaccent('public.unaccent'::regdictionary, translate(content, '@._-/+:', '       '))) $$;
comment on function engine.search_text(text) is 'A text as search compares it: lower case, no accents, addresses split into words.';
-- Called by generated columns with the rights of whoever writes.
grant execute on function engine.search_text(text) to public;

-- Each word must match the beginning of a word in the record.
create or replace function engine.search_query(query text) returns tsquery
language sql immutable strict parallel safe set search_path = ''
as $$
  select string_agg(quote_literal(w) || ':*', ' & ')::tsquery
  from regexp_split_to_table(engine.search_text(query), '[^[:alnum:]]+') w
  where w <> ''
$$;

-- Search over every searchable object of a tenant that the role may read. It runs as the owner,
-- because under a policy PostgreSQL uses no index for full text (the operators are not
-- leakproof); the caller's rights on each table are asked first.
create or replace function engine.search(caller name, schema_name text, query text, max_results int)
returns table (object_name text, record_id uuid, label text, rank real)
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_parts text := '';
  v_query tsquery := engine.search_query(query);
  v_limit int := least(greatest(max_results, 1), 100);
  o record;
begin
  if v_query is null then
    return;
  end if;
  for o in
    select ob.name_singular, ob.table_name, engine.label_expression(ob.id, 't') as label
    from core.workspaces w
    join metadata.objects ob on ob.workspace_id = w.id
    where w.schema_name = search.schema_name and ob.is_active and ob.deleted_at is null and ob.is_searchable and not ob.is_system
      and has_table_privilege(caller, format('%I.%I', w.schema_name, ob.table_name), 'select')
    order by ob.position
  loop
    v_parts := v_parts || case when v_parts = '' then '' else ' union all ' end || format(
      '(select %L::text as object_name, t.id, %s as label, ts_rank(t.search_vector, $1) as rank
        from %I.%I t where t.search_vector @@ $1 limit 1000)', o.name_singular, o.label, schema_name, o.table_name);
  end loop;
  if v_parts = '' then
    return;
  end if;
  return query execute 'select s.object_name, s.id, s.label, s.rank from (' || v_parts || ') s
    order by starts_with(engine.search_text(s.label), $3) desc, s.rank desc, length(s.label), s.id limit $2'
    using v_query, v_limit, engine.search_text(query);
  -- Nothing begins with these letters: offer labels that are spelt alike.
  if not found then
    v_parts := '';
    for o in
      select ob.name_singular, ob.table_name, engine.label_expression(ob.id, 't') as label
      from core.workspaces w
      join metadata.objects ob on ob.workspace_id = w.id
      where w.schema_name = search.schema_name and ob.is_active and ob.deleted_at is null and ob.is_searchable and not ob.is_system
        and ob.label_field_id is not null
        and has_table_privilege(caller, format('%I.%I', w.schema_name, ob.table_name), 'select')
    loop
      v_parts := v_parts || case when v_parts = '' then '' else ' union all ' end || format(
        '(select %L::text as object_name, t.id, %s as label, public.word_similarity($1, engine.search_text(%3$s)) as rank
          from %I.%I t where engine.search_text(%3$s) operator(public.%%>) $1 limit 1000)',
        o.name_singular, o.label, o.label, schema_name, o.table_name);
    end loop;
    return query execute 'select s.object_name, s.id, s.label, s.rank from (' || v_parts || ') s
      order by s.rank desc, length(s.label), s.id limit $2' using engine.search_text(query), v_limit;
  end if;
end
$$;

-- Reached only through the tenant's own search_records, which names the caller.
grant execute on function engine.search(name, text, text, int) to relvar_crm;
--! EndIncluded engine/search.sql
--! Included metadata/access.sql
-- Who reads and writes the model. Every CRM role may read its own workspace's; roles that may
-- manage the model write it. The workspace comes from the role, so no row of another is in reach.

create or replace function engine.role_manages_model(pg_role name) returns boolean
language sql stable security definer set search_path = ''
as $$ select coalesce((select r.can_manage_model from metadata.roles r where r.pg_role = role_manages_model.pg_role), false) $$;

create or replace function engine.may_manage_model() returns boolean
language sql stable set search_path = ''
  return engine.role_manages_model(current_user);
comment on function engine.may_manage_model() is 'Whether the session''s CRM role may change the data model.';
grant execute on function engine.role_manages_model(name), engine.may_manage_model() to public;

grant usage on schema metadata to relvar_crm;

do $$
declare
  v_table text;
begin
  foreach v_table in array array['applications', 'objects', 'fields', 'relations', 'roles', 'object_permissions', 'webhooks',
    'rules', 'indexes', 'views', 'view_fields', 'aliases', 'model_versions', 'model_changes', 'type_changes', 'online_changes', 'ignored_drift'] loop
    execute format('alter table metadata.%I alter column workspace_id set default engine.current_workspace()', v_table);
    execute format('alter table metadata.%I enable row level security', v_table);
    execute format('drop policy if exists select_own on metadata.%I', v_table);
    execute format('create policy select_own on metadata.%I for select to relvar_crm using (workspace_id = (select engine.current_workspace()))', v_table);
    execute format('comment on policy select_own on metadata.%I is ''Members read the model of their own workspace.''', v_table);
  end loop;
  foreach v_table in array array['objects', 'fields', 'relations', 'webhooks', 'rules', 'indexes', 'views', 'view_fields', 'aliases'] loop
    execute format('drop policy if exists insert_own on metadata.%I', v_table);
    execute format('drop policy if exists update_own on metadata.%I', v_table);
    execute format('drop policy if exists delete_own on metadata.%I', v_table);
    execute format('create policy insert_own on metadata.%I for insert to relvar_crm with check (workspace_id = (select engine.current_workspace()) and (select engine.may_manage_model()))', v_table);
    execute format('create policy update_own on metadata.%I for update to relvar_crm using (workspace_id = (select engine.current_workspace()) and (select engine.may_manage_model())) with check (workspace_id = (select engine.current_workspace()))', v_table);
    execute format('create policy delete_own on metadata.%I for delete to relvar_crm using (workspace_id = (select engine.current_workspace()) and (select engine.may_manage_model()))', v_table);
  end loop;
end
$$;

grant select on metadata.objects, metadata.fields, metadata.relations, metadata.roles, metadata.object_permissions, metadata.webhooks,
  metadata.rules, metadata.indexes, metadata.views, metadata.view_fields, metadata.aliases, metadata.model_versions, metadata.model_changes,
  metadata.type_changes, metadata.online_changes, metadata.ignored_drift to relvar_crm;
-- Not the manifest: it is long, and the installed objects are what matters.
grant select (id, workspace_id, name, version, installed_at) on metadata.applications to relvar_crm;

-- System flags and the link to an application are not the member's to set.
grant insert (id, workspace_id, name_singular, name_plural, label_singular, label_plural, description, icon, color, label_field_id, image_field_id, duplicate_criteria, is_active, is_searchable, is_audited, position),
  update (name_singular, name_plural, label_singular, label_plural, description, icon, color, label_field_id, image_field_id, duplicate_criteria, is_active, is_searchable, is_audited, position), delete
  on metadata.objects to relvar_crm;
grant insert (id, object_id, name, label, description, icon, type, settings, options, default_value, is_required, required_from, is_unique, is_active, position),
  update (name, label, description, icon, type, settings, options, default_value, is_required, required_from, is_unique, is_active, position), delete
  on metadata.fields to relvar_crm;
grant insert (id, field_id, target_object_id, inverse_name, inverse_label, on_delete),
  update (inverse_name, inverse_label, on_delete), delete
  on metadata.relations to relvar_crm;
grant insert (id, name, target_url, events, is_active), update (name, target_url, events, is_active), delete
  on metadata.webhooks to relvar_crm;
grant insert (id, object_id, field_id, kind, settings, condition, message, applies_from, is_active, position),
  update (field_id, settings, condition, message, applies_from, is_active, position), delete
  on metadata.rules to relvar_crm;
grant insert (id, object_id, name, kind, parts, condition), update (name, kind, parts, condition), delete
  on metadata.indexes to relvar_crm;
grant insert (id, object_id, name, icon, type, filter, sorts, group_field_id, position), update (name, icon, type, filter, sorts, group_field_id, position), delete
  on metadata.views to relvar_crm;
grant insert (id, view_id, field_id, width, is_visible, position), update (width, is_visible, position), delete
  on metadata.view_fields to relvar_crm;
grant delete on metadata.aliases to relvar_crm;
--! EndIncluded metadata/access.sql
--! Included metadata/rights.sql
-- Functions of the model run with the owner's rights, so each asks first who calls. A CRM role acts
-- in its own workspace; an administrator in psql, who has taken no role, in any. A person's own login
-- may have inherited the right to call without having taken a role, and is refused.

create or replace function engine.acts_as_administrator() returns boolean
language sql stable set search_path = ''
  return current_setting('role') in ('none', 'relvar_owner') and pg_catalog.pg_has_role(session_user, 'relvar_owner', 'member');

create or replace function engine.assert_member_of(workspace_id uuid) returns void
language plpgsql stable set search_path = ''
as $$
begin
  if not engine.acts_as_administrator() and engine.workspace_of_role(current_setting('role')::name) is distinct from workspace_id then
    raise exception 'Your role does not see this part of the model.' using errcode = '42501';
  end if;
end
$$;

create or replace function engine.assert_manages(workspace_id uuid) returns void
language plpgsql stable set search_path = ''
as $$
begin
  if not engine.acts_as_administrator()
    and (engine.workspace_of_role(current_setting('role')::name) is distinct from workspace_id
      or not engine.role_manages_model(current_setting('role')::name)) then
    raise exception 'Your role may not change the data model.' using errcode = '42501', hint = 'Ask an administrator of the workspace.';
  end if;
  if not exists (select from core.workspaces w where w.id = workspace_id) then
    raise exception 'There is no workspace %.', workspace_id using errcode = 'RV012', hint = 'select id, slug from core.workspaces lists them.';
  end if;
end
$$;
--! EndIncluded metadata/rights.sql
--! Included metadata/validate.sql
-- Rules of the model that a check constraint cannot say well: each refuses with a sentence, a code
-- and a way out, whoever writes.

-- Names that the API itself uses, and PostgreSQL's own columns.
create or replace function engine.is_reserved_name(name text) returns boolean
language sql immutable strict parallel safe
  return name = any ('{query,mutation,subscription,node,nodeId,nodes,edges,cursor,pageInfo,totalCount,filter,orderBy,first,last,after,before,offset,
    recordEvent,recordEvents,trash,trashedRecord,trashedRecords,searchRecords,restoreRecord,destroyRecord,clientMutationId,input,patch,
    ctid,tableoid,xmin,xmax,cmin,cmax}'::text[]);

create or replace function engine.assert_name(name text, what text) returns void
language plpgsql immutable set search_path = ''
as $$
begin
  if name is null or not engine.is_api_name(name) then
    raise exception '"%" cannot be the API name of %.', name, what using errcode = 'RV001', column = 'name',
      hint = 'Use Latin letters and digits, beginning with a small letter, at most 36 characters (each capital counts twice), such as projectPhase.';
  end if;
  if engine.is_reserved_name(name) then
    raise exception 'The name "%" is used by the API or the database itself.', name using errcode = 'RV002', column = 'name',
      hint = format('Try "%sItem" or "custom%s%s".', name, upper(left(name, 1)), substr(name, 2));
  end if;
end
$$;

create or replace function engine.tg_objects__validate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_taken text;
begin
  -- Null as "not given", from functions that take them as optional arguments.
  new.id := coalesce(new.id, engine.uuidv7());
  new.workspace_id := coalesce(new.workspace_id, engine.workspace_of_role(current_setting('role')::name));
  -- At a psql prompt nobody counts: what is new comes last.
  if tg_op = 'INSERT' and new.position = 0 and new.application_id is null then
    new.position := (select coalesce(max(o.position), 0) + 1 from metadata.objects o where o.workspace_id = new.workspace_id);
  end if;
  -- What is deleted gave its names up; they are judged again when it is restored.
  if new.deleted_at is not null then
    return new;
  end if;
  new.name_singular := coalesce(new.name_singular, engine.name_from_label(new.label_singular));
  new.name_plural := coalesce(new.name_plural, engine.name_from_label(new.label_plural));
  perform engine.assert_name(new.name_singular, 'an object'), engine.assert_name(new.name_plural, 'an object');
  if new.name_singular = new.name_plural then
    raise exception 'The singular and the plural API name are both "%".', new.name_singular using errcode = 'RV001', column = 'name_plural',
      hint = format('Name the plural "%sRecords", for example.', new.name_singular);
  end if;
  select o.label_plural into v_taken from metadata.objects o
  where o.workspace_id = new.workspace_id and o.id <> new.id and o.deleted_at is null
    and (o.name_singular in (new.name_singular, new.name_plural) or o.name_plural in (new.name_singular, new.name_plural)) limit 1;
  if found then
    raise exception 'The object "%" already has this API name.', v_taken using errcode = 'RV005', column = 'name_singular',
      hint = format('Try "%s2", or rename the other object first.', new.name_singular);
  end if;
  if new.label_field_id is not null and not exists (select from metadata.fields f where f.id = new.label_field_id and f.object_id = new.id) then
    raise exception 'The label field must be a field of the object itself.' using errcode = 'RV006', column = 'label_field_id';
  end if;
  if tg_op = 'UPDATE' and old.is_system and (new.name_singular, new.name_plural) is distinct from (old.name_singular, old.name_plural) then
    raise exception 'The API names of % are fixed.', old.label_plural using errcode = 'RV007', column = 'name_singular',
      hint = 'Change its labels instead; they are what people see.';
  end if;
  return new;
end
$$;
create or replace trigger _100_validate before insert or update on metadata.objects for each row execute function engine.tg_objects__validate();

-- Every object has these; they come with the object, in the same transaction.
create or replace function engine.system_fields()
returns table (name text, label text, description text, icon text, type text, default_value jsonb, "position" double precision)
language sql immutable set search_path = ''
as $$
  select *
  from (values
    ('id', 'Id', 'Identifies the record for good.', 'IconKey', 'UUID', '"uuid"'::jsonb, 1000),
    ('createdAt', 'Created', 'When the record was created.', 'IconCalendarPlus', 'DATE_TIME', '"now"', 1001),
    ('updatedAt', 'Last changed', 'When the record was last changed.', 'IconCalendarClock', 'DATE_TIME', '"now"', 1002),
    ('createdBy', 'Created by', 'Who created the record.', 'IconUserPlus', 'ACTOR', null, 1003),
    ('updatedBy', 'Changed by', 'Who last changed the record.', 'IconUserEdit', 'ACTOR', null, 1004),
    ('position', 'Position', 'Place of the record where people order by hand.', 'IconArrowsSort', 'POSITION', '0', 1005),
    ('searchVector', 'Search', 'What search reads.', 'IconSearch', 'TS_VECTOR', null, 1006)
  ) as f (name, label, description, icon, type, default_value, position)
$$;

create or replace function engine.tg_objects__add_system_fields() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  insert into metadata.fields (workspace_id, object_id, application_id, name, label, description, icon, type, default_value, is_system, position)
  select new.workspace_id, new.id, new.application_id, f.name, f.label, f.description, f.icon, f.type, f.default_value, true, f.position
  from engine.system_fields() f
  where f.type <> 'TS_VECTOR' or new.is_searchable;
  return null;
end
$$;
-- The vector comes and goes with is_searchable.
create or replace function engine.tg_objects__switch_search() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  delete from metadata.fields f where f.object_id = new.id and f.type = 'TS_VECTOR';
  if new.is_searchable then
    insert into metadata.fields (workspace_id, object_id, application_id, name, label, description, icon, type, is_system, position)
    values (new.workspace_id, new.id, new.application_id, 'searchVector', 'Search', 'What search reads.', 'IconSearch', 'TS_VECTOR', true, 1006);
  end if;
  return null;
end
$$;
create or replace trigger _200_switch_search after update of is_searchable on metadata.objects for each row
  when (new.is_searchable <> old.is_searchable) execute function engine.tg_objects__switch_search();

create or replace trigger _200_add_system_fields after insert on metadata.objects for each row execute function engine.tg_objects__add_system_fields();

-- A default is refused when it is written, not when the first record meets it.
create or replace function engine.assert_default(field_type text, value jsonb) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_is_composite boolean := not exists (select from engine.field_type_columns c where c.type = field_type and c.part = '');
begin
  if value is null or value = 'null' or field_type in ('RELATION', 'MEMBER', 'MORPH_RELATION', 'MANY_TO_MANY', 'FORMULA', 'ROLLUP')
    -- A formula, which is judged where it is compiled.
    or jsonb_typeof(value) = 'object' and value ? 'expression' then
    return;
  end if;
  if v_is_composite and (jsonb_typeof(value) <> 'object'
    or exists (select from jsonb_object_keys(value) k where k not in (select c.part from engine.field_type_columns c where c.type = field_type))) then
    raise exception 'The default % does not fit the type %.', value, field_type using errcode = 'RV009', column = 'default_value',
      hint = 'Give an object with some of the parts '
        || (select string_agg(c.part, ', ' order by c.position) from engine.field_type_columns c where c.type = field_type) || '.';
  end if;
  begin
    perform engine.default_expression(field_type, c.pg_type, case when v_is_composite then value -> c.part else value end)
    from engine.field_type_columns c where c.type = field_type;
    if field_type = 'RATING' and (value #>> '{}')::smallint not between 1 and 5 then
      raise numeric_value_out_of_range;
    end if;
  exception when data_exception then
    raise exception 'The default % does not fit the type %.', value, field_type using errcode = 'RV009', column = 'default_value';
  end;
end
$$;

create or replace function engine.tg_fields__validate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_value text;
begin
  -- Somebody at a psql prompt need not repeat the workspace of the object.
  new.id := coalesce(new.id, engine.uuidv7());
  new.workspace_id := coalesce(new.workspace_id, (select o.workspace_id from metadata.objects o where o.id = new.object_id));
  if new.deleted_at is not null then
    return new;
  end if;
  new.name := coalesce(new.name, engine.name_from_label(new.label));
  perform engine.assert_name(new.name, 'a field');
  if exists (select from metadata.fields f where f.object_id = new.object_id and f.name = new.name and f.id <> new.id and f.deleted_at is null) then
    raise exception 'The object already has a field with the API name "%".', new.name using errcode = 'RV005', column = 'name',
      hint = format('Try "%s2", or use the field that exists.', new.name);
  end if;
  if exists (select from metadata.relations r where r.target_object_id = new.object_id and r.inverse_name = new.name and r.deleted_at is null) then
    raise exception 'The object already shows related records under the API name "%".', new.name using errcode = 'RV005', column = 'name',
      hint = format('Try "%s2".', new.name);
  end if;
  if new.type = 'MANY_TO_MANY' and (new.is_required or new.is_unique) then
    raise exception 'A relation to many can be neither required nor unique.' using errcode = 'RV008', column = 'is_required';
  end if;
  if not new.is_system and new.type in ('TS_VECTOR', 'ACTOR', 'POSITION') then
    raise exception 'Fields of type % are made by the engine.', new.type using errcode = 'RV008', column = 'type';
  end if;
  if new.type in ('SELECT', 'MULTI_SELECT') then
    if jsonb_array_length(new.options) = 0 then
      raise exception 'A select needs at least one option.' using errcode = 'RV009', column = 'options',
        hint = 'Give options such as [{"value": "NEW", "label": "New", "color": "blue"}].';
    end if;
    for v_value in select e ->> 'value' from jsonb_array_elements(new.options) e loop
      if v_value is null or v_value !~ '^[A-Za-z][A-Za-z0-9_]{0,62}$' then
        raise exception '"%" cannot be the value of an option.', v_value using errcode = 'RV009', column = 'options',
          hint = 'Use Latin letters, digits and underscores, such as IN_PROGRESS. The label may be any text.';
      end if;
    end loop;
    if (select count(distinct e ->> 'value') <> count(*) from jsonb_array_elements(new.options) e) then
      raise exception 'Two options have the same value.' using errcode = 'RV009', column = 'options';
    end if;
    if exists (
      select from jsonb_array_elements(case jsonb_typeof(new.default_value) when 'array' then new.default_value else jsonb_build_array(new.default_value) end) d
      where new.default_value <> 'null' and not new.default_value ? 'expression' and not new.options @> jsonb_build_array(jsonb_build_object('value', d))
    ) then
      raise exception 'The default % is not one of the options.', new.default_value using errcode = 'RV009', column = 'default_value';
    end if;
  end if;
  perform engine.assert_default(new.type, new.default_value);
  if tg_op = 'UPDATE' then
    if old.is_system and (new.name, new.is_active, new.is_required, new.is_unique) is distinct from (old.name, old.is_active, old.is_required, old.is_unique) then
      raise exception 'The field "%" is kept by the engine.', old.label using errcode = 'RV007', column = 'name', hint = 'Its label, icon and description can be changed.';
    end if;
    if not new.is_active and old.is_active and exists (select from metadata.objects o where o.workspace_id = new.workspace_id and o.label_field_id = new.id) then
      raise exception 'The field "%" names the records of its object.', old.label using errcode = 'RV007', column = 'is_active',
        hint = 'Choose another label field for the object first.';
    end if;
  end if;
  return new;
end
$$;
create or replace trigger _100_validate before insert or update on metadata.fields for each row execute function engine.tg_fields__validate();

create or replace function engine.tg_relations__validate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  new.id := coalesce(new.id, engine.uuidv7());
  new.workspace_id := coalesce(new.workspace_id, (select f.workspace_id from metadata.fields f where f.id = new.field_id));
  if new.deleted_at is not null then
    return new;
  end if;
  new.inverse_name := coalesce(new.inverse_name, engine.name_from_label(new.inverse_label));
  perform engine.assert_name(new.inverse_name, 'a relation');
  if exists (select from metadata.fields f where f.object_id = new.target_object_id and f.name = new.inverse_name and f.deleted_at is null)
    or exists (select from metadata.relations r where r.target_object_id = new.target_object_id and r.inverse_name = new.inverse_name and r.id <> new.id and r.deleted_at is null) then
    raise exception 'The other object already uses the API name "%".', new.inverse_name using errcode = 'RV005', column = 'inverse_name',
      hint = format('Try "%s2".', new.inverse_name);
  end if;
  if not exists (select from metadata.fields f where f.id = new.field_id and f.type in ('RELATION', 'MEMBER', 'MORPH_RELATION')) then
    raise exception 'Only fields of type RELATION, MEMBER or MORPH_RELATION have relations.' using errcode = 'RV008', column = 'field_id';
  end if;
  if exists (select from metadata.fields f join metadata.relations r on r.field_id = f.id and r.id <> new.id and r.deleted_at is null
      where f.id = new.field_id and f.type in ('RELATION', 'MEMBER')) then
    raise exception 'A RELATION points to one object.' using errcode = 'RV008', column = 'field_id', hint = 'Use MORPH_RELATION to point to several.';
  end if;
  return new;
end
$$;
create or replace trigger _100_validate before insert or update on metadata.relations for each row execute function engine.tg_relations__validate();

-- A relation field that points to nothing any more has no column: it goes with its last relation.
create or replace function engine.tg_relations__drop_empty_fields() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  delete from metadata.fields f
  using gone g
  where f.id = g.field_id and not exists (select from metadata.relations r where r.field_id = f.id);
  return null;
end
$$;
create or replace trigger _200_drop_empty_fields after delete on metadata.relations
  referencing old table as gone for each statement execute function engine.tg_relations__drop_empty_fields();

-- What spans a field and its relations can be judged only when both are written.
create or replace function engine.assert_relations(workspace_id uuid) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_label text;
begin
  select f.label into v_label from metadata.fields f
  where f.workspace_id = assert_relations.workspace_id and f.type in ('RELATION', 'MEMBER', 'MORPH_RELATION') and f.deleted_at is null
    and not exists (select from metadata.relations r where r.field_id = f.id and r.workspace_id = f.workspace_id) limit 1;
  if found then
    raise exception 'The relation "%" points to no object.', v_label using errcode = 'RV008', column = 'target_object_id',
      hint = 'Insert a row of metadata.relations in the same transaction, or use metadata.create_field.';
  end if;
  select f.label into v_label from metadata.fields f join metadata.relations r on r.field_id = f.id and r.workspace_id = f.workspace_id
  where f.workspace_id = assert_relations.workspace_id and f.type in ('RELATION', 'MEMBER') and f.is_required and f.required_from is null and f.deleted_at is null and r.deleted_at is null and r.on_delete = 'SET_NULL' limit 1;
  if found then
    raise exception 'The relation "%" is required, so deleting its other side cannot empty it.', v_label using errcode = 'RV008', column = 'on_delete',
      hint = 'Choose CASCADE (these records go too) or RESTRICT (the deletion is refused).';
  end if;
end
$$;
--! EndIncluded metadata/validate.sql
--! Included engine/field_settings.sql
-- Which settings the fields of each type may have. What is a rule of the data among them holds in
-- the database (engine.desired_field_checks, the column's own type); the others are for the screen.
delete from engine.field_type_settings;
insert into engine.field_type_settings (type, key, json_type, allowed, low, high, description)
select t.type, s.key, s.json_type, s.allowed::text[], s.low, s.high, s.description
from (values
  ('{TEXT,SELECT,RICH_TEXT,FULL_NAME,EMAILS,PHONES,LINKS,ADDRESS}', 'searchable', 'boolean', null, null, null, 'Whether search reads it.'),
  ('{TEXT,RICH_TEXT,FULL_NAME,EMAILS,PHONES,LINKS,ADDRESS,ARRAY,MULTI_SELECT,RAW_JSON,FILES}', 'allowBlank', 'boolean', null, null, null, 'Whether a required field may hold a blank text or an empty list.'),
  ('{TEXT,PHONES,FULL_NAME,SELECT,AUTO_NUMBER}', 'uniqueIgnoresCase', 'boolean', null, null, null, 'Whether a unique field takes capitals and small letters for the same.'),
  ('{TEXT,ARRAY,RICH_TEXT}', 'displayedMaxRows', 'number', null, 0, 99, 'How many lines a cell shows.'),
  ('{NUMBER}', 'dataType', 'string', '{float,int,bigint}', null, null, 'Whether only whole numbers are held.'),
  ('{NUMBER}', 'type', 'string', '{number,percentage}', null, null, 'How it is shown.'),
  ('{NUMBER,NUMERIC,PERCENT,CURRENCY,FORMULA,ROLLUP}', 'decimals', 'number', null, 0, 15, 'How many decimals are shown.'),
  ('{CURRENCY,DURATION}', 'format', 'string', '{short,full}', null, null, 'How it is shown.'),
  ('{DATE,DATE_TIME,FORMULA,ROLLUP}', 'displayFormat', 'string', '{RELATIVE,USER_SETTINGS,CUSTOM}', null, null, 'How it is shown.'),
  ('{DATE,DATE_TIME,FORMULA,ROLLUP}', 'customUnicodeDateFormat', 'string', null, 1, 100, 'How it is shown when displayFormat is CUSTOM.'),
  ('{ARRAY,EMAILS,PHONES,LINKS,FILES}', 'maxNumberOfValues', 'number', null, 1, 1000, 'How many values it holds at most.'),
  ('{ADDRESS}', 'subFields', 'array', '{street1,street2,city,postcode,state,country,lat,lng}', null, null, 'Which parts are shown.'),
  ('{MEMBER}', 'onDelete', 'string', '{SET_NULL,CASCADE,RESTRICT}', null, null, 'What becomes of the record when the member is removed.'),
  ('{MANY_TO_MANY}', 'targetObjectId', 'string', null, 1, 100, 'The object on the other side, while the relation is being made.'),
  ('{MANY_TO_MANY}', 'inverseLabel', 'string', null, 0, 200, 'How the other side calls these records, while the relation is being made.'),
  ('{MANY_TO_MANY}', 'inverseName', 'string', null, 0, 100, 'The API name on the other side, while the relation is being made.'),
  ('{MANY_TO_MANY}', 'junctionId', 'string', null, 36, 36, 'The id for the junction, while the relation is being made.'),
  ('{MANY_TO_MANY}', 'inverseId', 'string', null, 36, 36, 'The id for the field on the other side, while the relation is being made.'),
  ('{MANY_TO_MANY}', 'nearId', 'string', null, 36, 36, 'The id for the junction''s relation to this object, while the relation is being made.'),
  ('{MANY_TO_MANY}', 'farId', 'string', null, 36, 36, 'The id for its relation to the other object, while the relation is being made.'),
  ('{MANY_TO_MANY}', 'nearRelationId', 'string', null, 36, 36, 'The id for the key of the first, while the relation is being made.'),
  ('{MANY_TO_MANY}', 'farRelationId', 'string', null, 36, 36, 'The id for the key of the second, while the relation is being made.'),
  ('{FORMULA}', 'expression', 'string', null, 0, 10000, 'The formula.'),
  ('{ROLLUP}', 'relationId', 'string', null, 1, 100, 'The relation over whose records it counts.'),
  ('{ROLLUP}', 'aggregate', 'string', '{COUNT,SUM,AVG,MIN,MAX,FIRST,LAST,LIST}', null, null, 'What it makes of them.'),
  ('{ROLLUP}', 'fieldId', 'string', null, 0, 100, 'The field of theirs that it reads.'),
  ('{ROLLUP}', 'filter', 'string', null, 0, 10000, 'A condition: which of them count.'),
  ('{ROLLUP}', 'orderFieldId', 'string', null, 0, 100, 'What FIRST, LAST and LIST go by.'),
  ('{AUTO_NUMBER}', 'prefix', 'string', null, 0, 20, 'What stands before the number.'),
  ('{AUTO_NUMBER}', 'padding', 'number', null, 0, 18, 'To how many digits it is filled up with zeros.'),
  ('{AUTO_NUMBER}', 'start', 'number', null, 0, 1000000000000, 'The first number.')
) as s (types, key, json_type, allowed, low, high, description)
cross join lateral unnest(s.types::text[]) as t (type)
union all
-- What becomes of values that a change of the type cannot convert.
select t.type, 'onFailure', 'string', '{REFUSE,EMPTY}', null, null, 'What becomes of values that a change of the type cannot convert.' from engine.field_types t;

create or replace function engine.assert_settings(field metadata.fields) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_known text[] := array(select s.key from engine.field_type_settings s where s.type = (field).type and s.key <> 'onFailure' order by s.key);
  v_key text;
  v_value jsonb;
  v_good boolean;
  s engine.field_type_settings;
begin
  if jsonb_typeof((field).settings) <> 'object' then
    raise exception 'The settings of a field are an object.' using errcode = 'RV084', column = 'settings', hint = 'Give settings such as {"decimals": 2}.';
  end if;
  for v_key, v_value in select k, v from jsonb_each((field).settings) e (k, v) loop
    select t.* into s from engine.field_type_settings t where t.type = (field).type and t.key = v_key;
    if not found then
      raise exception 'A field of type % has no setting "%".', (field).type, v_key using errcode = 'RV084', column = 'settings',
        hint = case when v_known = '{}' then 'It has none.' else engine.did_you_mean(v_key, v_known) end;
    end if;
    -- Null is as good as absent.
    continue when v_value = 'null';
    v_good := jsonb_typeof(v_value) = s.json_type;
    if v_good then
      v_good := case s.json_type
        when 'number' then (v_value #>> '{}')::numeric between s.low and s.high and (v_value #>> '{}')::numeric % 1 = 0
        when 'string' then case when s.allowed is not null then (v_value #>> '{}') = any (s.allowed)
          else octet_length(v_value #>> '{}') between s.low and s.high end
        when 'array' then not exists (select from jsonb_array_elements(v_value) e where jsonb_typeof(e) <> 'string' or (e #>> '{}') <> all (s.allowed))
        else true end;
    end if;
    if not v_good then
      raise exception '% is no value of the setting "%".', left(v_value::text, 100), v_key using errcode = 'RV084', column = 'settings',
        hint = case when s.allowed is not null then 'It is one of: ' || array_to_string(s.allowed, ', ') || '.'
          when s.json_type = 'number' then format('It is a whole number from %s to %s.', s.low, s.high)
          when s.json_type = 'string' then format('It is a text of %s to %s bytes.', s.low, s.high) else 'It is true or false.' end;
    end if;
  end loop;
end
$$;

-- Options beyond their values, which engine.tg_fields__validate judges.
create or replace function engine.assert_options(options jsonb) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_option jsonb;
  v_key text;
  v_colours text[] := '{gray,red,orange,yellow,green,turquoise,sky,blue,purple,pink}';
begin
  if jsonb_array_length(options) > 1000 then
    raise exception 'A select has at most 1,000 options.' using errcode = 'RV009', column = 'options', hint = 'What grows without end is better an object of its own, with a relation.';
  end if;
  for v_option in select e from jsonb_array_elements(options) e loop
    if jsonb_typeof(v_option) <> 'object' then
      raise exception '% is no option.', left(v_option::text, 100) using errcode = 'RV009', column = 'options', hint = 'Give options such as {"value": "NEW", "label": "New", "color": "blue"}.';
    end if;
    select k into v_key from jsonb_object_keys(v_option) k where k <> all ('{id,value,label,color,position}') limit 1;
    if found then
      raise exception 'An option has no "%".', v_key using errcode = 'RV009', column = 'options', hint = engine.did_you_mean(v_key, '{value,label,color,position}');
    end if;
    if coalesce(jsonb_typeof(v_option -> 'label') <> 'string' or btrim(v_option ->> 'label') = '' or octet_length(v_option ->> 'label') > 200, true) then
      raise exception 'The option "%" needs a label of 1 to 200 bytes.', v_option ->> 'value' using errcode = 'RV009', column = 'options';
    end if;
    if coalesce(nullif(v_option -> 'color', 'null') #>> '{}', 'gray') <> all (v_colours) then
      raise exception 'There is no colour "%".', v_option ->> 'color' using errcode = 'RV009', column = 'options', hint = 'There are: ' || array_to_string(v_colours, ', ') || '.';
    end if;
    if coalesce(jsonb_typeof(v_option -> 'position'), 'number') not in ('number', 'null') then
      raise exception 'The position of the option "%" is no number.', v_option ->> 'value' using errcode = 'RV009', column = 'options';
    end if;
  end loop;
  select btrim(min(e ->> 'label')) into v_key from jsonb_array_elements(options) e group by lower(btrim(e ->> 'label')) having count(*) > 1 limit 1;
  if found then
    raise exception 'Two options have the label "%".', v_key using errcode = 'RV009', column = 'options', hint = 'Nobody could tell them apart.';
  end if;
end
$$;

-- What a default must be, beyond fitting the column (engine.assert_default).
create or replace function engine.assert_default_holds(field metadata.fields) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_value jsonb := (field).default_value;
  v_is_good boolean;
begin
  if v_value is null or v_value = 'null' or jsonb_typeof(v_value) = 'object' and v_value ? 'expression' then
    return;
  end if;
  if (field).type in ('FORMULA', 'ROLLUP', 'AUTO_NUMBER', 'MANY_TO_MANY', 'MORPH_RELATION', 'TS_VECTOR') then
    raise exception 'A field of type % has no default value.', (field).type using errcode = 'RV009', column = 'default_value';
  end if;
  v_is_good := case (field).type
    when 'COLOR' then v_value #>> '{}' ~ '^#[0-9a-f]{6}$'
    when 'RELATION' then coalesce(v_value #>> '{}' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$', false)
    when 'MEMBER' then v_value = '"currentMember"' or coalesce(v_value #>> '{}' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$', false)
    when 'LOCATION' then abs(coalesce((v_value ->> 'lat')::float8, 0)) <= 90 and abs(coalesce((v_value ->> 'lng')::float8, 0)) <= 180
    when 'CURRENCY' then coalesce(v_value ->> 'currencyCode' ~ '^[A-Z]{3}$', true)
    when 'DURATION' then jsonb_typeof(v_value) = 'number'
    when 'PERCENT' then jsonb_typeof(v_value) = 'number'
    when 'ARRAY' then coalesce(jsonb_array_length(v_value) <= ((field).settings ->> 'maxNumberOfValues')::int, true)
    when 'FILES' then jsonb_typeof(v_value) = 'array' and coalesce(jsonb_array_length(v_value) <= ((field).settings ->> 'maxNumberOfValues')::int, true)
    else true end;
  if not v_is_good then
    raise exception 'The default % does not fit the type %.', left(v_value::text, 100), (field).type using errcode = 'RV009', column = 'default_value',
      hint = case (field).type when 'COLOR' then 'Give a colour such as "#1c7ed6".' when 'MEMBER' then 'Give "currentMember", or the id of a member.'
        when 'RELATION' then 'Give the id of a record.' when 'LOCATION' then 'Give {"lat": …, "lng": …} in degrees.' when 'CURRENCY' then 'The currency is a code such as "EUR".'
        when 'DURATION' then 'Give a number of seconds.' when 'PERCENT' then 'Give a fraction: 0.25 is 25 %.' else 'It has too many values.' end;
  end if;
end
$$;

create or replace function engine.tg_fields__judge_details() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  -- What was written before there was this check is judged when it changes.
  if new.deleted_at is null and not new.is_system then
    if tg_op = 'INSERT' or (new.settings, new.type) is distinct from (old.settings, old.type) then
      perform engine.assert_settings(new);
    end if;
    if new.type in ('SELECT', 'MULTI_SELECT') and (tg_op = 'INSERT' or (new.options, new.type) is distinct from (old.options, old.type)) then
      perform engine.assert_options(new.options);
    end if;
    if tg_op = 'INSERT' or (new.default_value, new.settings, new.type) is distinct from (old.default_value, old.settings, old.type) then
      perform engine.assert_default_holds(new);
    end if;
  end if;
  return new;
end
$$;
create or replace trigger _110_judge_details before insert or update on metadata.fields for each row execute function engine.tg_fields__judge_details();
--! EndIncluded engine/field_settings.sql
--! Included metadata/rules.sql
-- A rule is judged when it is written: that it fits its field, that its details make sense, and,
-- when the transaction ends, that the records fulfil it.

create or replace function engine.rule_settings(kind text) returns text[]
language sql immutable parallel safe
  return case kind when 'REQUIRED' then '{part}' when 'RANGE' then '{min,max,part}' when 'LENGTH' then '{min,max,part}'
    when 'PATTERN' then '{pattern,ignoreCase,part}' when 'UNIQUE' then '{fieldIds,ignoreCase}' else '{}' end::text[];

-- Which values a kind of rule can judge.
create or replace function engine.rule_judges(kind text, value_type text, pg_type text) returns boolean
language sql immutable parallel safe
  return case kind
    when 'REQUIRED' then value_type not in ('MANY_TO_MANY', 'TS_VECTOR', 'POSITION', 'ACTOR', 'AUTO_NUMBER')
    when 'RANGE' then pg_type in ('double precision', 'bigint', 'numeric', 'smallint', 'date', 'timestamp with time zone') and value_type <> 'AUTO_NUMBER'
    when 'LENGTH' then pg_type in ('text', 'text[]') and value_type not in ('SELECT', 'COLOR', 'ACTOR') or value_type = 'FILES'
    when 'PATTERN' then pg_type = 'text' and value_type not in ('SELECT', 'COLOR', 'ACTOR', 'RICH_TEXT')
    when 'UNIQUE' then value_type not in ('MANY_TO_MANY', 'TS_VECTOR', 'POSITION', 'ACTOR', 'RAW_JSON', 'FILES', 'RICH_TEXT', 'ADDRESS', 'ARRAY', 'MULTI_SELECT')
    else false end;

create or replace function engine.assert_bounds(rule metadata.rules, value_type text, pg_type text) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_min jsonb := nullif((rule).settings -> 'min', 'null');
  v_max jsonb := nullif((rule).settings -> 'max', 'null');
  v_is_text boolean := pg_type in ('date', 'timestamp with time zone');
  v_bound jsonb;
  v_holds boolean;
begin
  if v_min is null and v_max is null then
    raise exception 'The rule says neither "min" nor "max".' using errcode = 'RV081', column = 'settings',
      hint = case when v_is_text then 'Give settings such as {"min": "2026-01-01"}.' else 'Give settings such as {"min": 1, "max": 100}.' end;
  end if;
  foreach v_bound in array array_remove(array[v_min, v_max], null) loop
    begin
      v_holds := jsonb_typeof(v_bound) = (case when v_is_text then 'string' else 'number' end)
        -- A date is written as people in every country read it.
        and (not v_is_text or (v_bound #>> '{}') ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}');
      if v_holds and v_is_text then
        perform (v_bound #>> '{}')::date, engine.bound_sql(value_type, pg_type, v_bound);
      elsif v_holds then
        v_holds := case (rule).kind when 'LENGTH' then (v_bound #>> '{}')::numeric between 0 and 1000000 and (v_bound #>> '{}')::numeric % 1 = 0
          else abs((v_bound #>> '{}')::numeric) < case when value_type = 'CURRENCY' then 1e12 else 1e18 end end;
      end if;
    exception when data_exception then
      v_holds := false;
    end;
    if not v_holds then
      raise exception '% cannot be a bound of this rule.', v_bound using errcode = 'RV081', column = 'settings',
        hint = case when (rule).kind = 'LENGTH' then 'Give a whole number, 0 or more.' when v_is_text then 'Give a date such as "2026-12-31".'
          when value_type = 'CURRENCY' then 'Give an amount such as 99.5.' when value_type = 'PERCENT' then 'Give a fraction: 0.25 is 25 %.'
          when value_type = 'DURATION' then 'Give a number of seconds.' else 'Give a number.' end;
    end if;
  end loop;
  if v_min is not null and v_max is not null and (case when v_is_text then (v_min #>> '{}')::timestamptz > (v_max #>> '{}')::timestamptz
      else (v_min #>> '{}')::numeric > (v_max #>> '{}')::numeric end) then
    raise exception 'Nothing is at least % and at most %.', v_min #>> '{}', v_max #>> '{}' using errcode = 'RV081', column = 'settings', hint = 'Exchange "min" and "max".';
  end if;
end
$$;

-- Of regular expressions what is read in time proportional to the text: neither references back nor looks around.
create or replace function engine.assert_pattern(pattern text) returns void
language plpgsql stable set search_path = ''
as $$
begin
  if pattern is null or pattern = '' or length(pattern) > 500 then
    raise exception 'A pattern has 1 to 500 characters.' using errcode = 'RV081', column = 'settings', hint = 'Give settings such as {"pattern": "[A-Z]{2}[0-9]+"}.';
  end if;
  if pattern ~ '^\*\*\*' or pattern ~ '\(\?(?!:)' or pattern ~ '(^|[^\\])(\\\\)*\\[1-9]' then
    raise exception 'The pattern "%" looks around or refers back, which could take for ever.', pattern using errcode = 'RV081', column = 'settings',
      hint = 'Use character classes, repetition, alternatives and (?:groups).';
  end if;
  begin
    -- In brackets of its own, so that a bracket more or less is seen.
    perform '' ~ pattern, '' ~ ('^(?:' || pattern || ')$');
  exception when invalid_regular_expression then
    raise exception 'The pattern "%" is not a regular expression: %.', pattern, regexp_replace(sqlerrm, '^invalid regular expression: ', '')
      using errcode = 'RV081', column = 'settings', hint = 'The whole text must match. Write \. for a point and \( for a bracket.';
  end;
end
$$;

-- Refuses what cannot be, and returns the rule complete.
create or replace function engine.judged_rule(rule metadata.rules) returns metadata.rules
language plpgsql stable set search_path = ''
as $$
declare
  v_field metadata.fields;
  v_part text;
  v_key text;
  v_type text;
  v_ids uuid[];
begin
  if jsonb_typeof(rule.settings) <> 'object' then
    raise exception 'The settings of a rule are an object.' using errcode = 'RV081', column = 'settings', hint = 'Give settings such as {"min": 1, "max": 100}.';
  end if;
  if rule.kind is null or rule.kind <> all ('{REQUIRED,RANGE,LENGTH,PATTERN,CONDITION,UNIQUE}') then
    raise exception 'There is no kind of rule "%".', rule.kind using errcode = 'RV081', column = 'kind', hint = 'There are: REQUIRED, RANGE, LENGTH, PATTERN, CONDITION, UNIQUE.';
  end if;
  foreach v_key in array array(select jsonb_object_keys(rule.settings)) loop
    if v_key <> all (engine.rule_settings(rule.kind)) then
      raise exception 'A rule of kind % has no setting "%".', rule.kind, v_key using errcode = 'RV081', column = 'settings',
        hint = case when engine.rule_settings(rule.kind) = '{}' then 'It has none.' else engine.did_you_mean(v_key, engine.rule_settings(rule.kind)) end;
    end if;
  end loop;
  if coalesce(jsonb_typeof(rule.settings -> 'ignoreCase'), 'boolean') <> 'boolean' then
    raise exception '"ignoreCase" is true or false.' using errcode = 'RV081', column = 'settings';
  end if;
  if rule.kind in ('CONDITION', 'UNIQUE') then
    rule.field_id := null;
  else
    select f.* into v_field from metadata.fields f where f.id = rule.field_id and f.object_id = rule.object_id;
    if not found then
      raise exception 'The rule needs a field of the object.' using errcode = 'RV080', column = 'field_id';
    end if;
    v_type := engine.value_type(v_field);
    v_part := coalesce(rule.settings ->> 'part', engine.main_part(v_field));
    if rule.settings ? 'part' and engine.value_pg_type(v_field, v_part) is null then
      raise exception 'The field "%" has no part "%".', v_field.label, v_part using errcode = 'RV081', column = 'settings',
        hint = coalesce('It has the parts ' || (select string_agg(c.part, ', ' order by c.position) from engine.field_type_columns c where c.type = v_type and c.part <> '') || '.', 'It has no parts.');
    end if;
    if coalesce(not engine.rule_judges(rule.kind, v_type, engine.value_pg_type(v_field, v_part)), true) then
      raise exception 'The field "%" is of type %, which no rule of kind % can judge.', v_field.label, v_field.type, rule.kind using errcode = 'RV080', column = 'kind',
        hint = case rule.kind when 'RANGE' then 'RANGE is for numbers, money, percentages, durations and dates.' when 'LENGTH' then 'LENGTH is for texts and lists.'
          when 'PATTERN' then 'PATTERN is for texts.' else 'A condition over a rollup can ask how many there are.' end;
    end if;
    if rule.kind = 'REQUIRED' and v_field.is_system then
      raise exception 'The field "%" is filled in by the engine.', v_field.label using errcode = 'RV080', column = 'field_id';
    end if;
    if rule.kind in ('RANGE', 'LENGTH') then
      perform engine.assert_bounds(rule, v_type, engine.value_pg_type(v_field, v_part));
    elsif rule.kind = 'PATTERN' then
      perform engine.assert_pattern(rule.settings ->> 'pattern');
    end if;
  end if;
  if rule.kind = 'UNIQUE' then
    begin
      v_ids := array(select v::uuid from jsonb_array_elements_text(case jsonb_typeof(rule.settings -> 'fieldIds') when 'array' then rule.settings -> 'fieldIds' else '[]' end) v);
    exception when data_exception then
      v_ids := '{}';
    end;
    if cardinality(v_ids) not between 1 and 8 or cardinality(v_ids) <> (select count(distinct f.id) from metadata.fields f where f.id = any (v_ids) and f.object_id = rule.object_id) then
      raise exception 'A rule of uniqueness names 1 to 8 fields of the object, each once.' using errcode = 'RV081', column = 'settings',
        hint = 'Give settings such as {"fieldIds": ["…", "…"], "ignoreCase": true}.';
    end if;
    select f.* into v_field from metadata.fields f where f.id = any (v_ids) and not engine.rule_judges('UNIQUE', engine.value_type(f), null) limit 1;
    if found then
      raise exception 'The field "%" is of type %, which cannot be unique.', v_field.label, v_field.type using errcode = 'RV080', column = 'settings';
    end if;
  end if;
  if nullif(btrim(rule.condition), '') is null then
    rule.condition := null;
    rule.compiled := null;
    if rule.kind = 'CONDITION' then
      raise exception 'The rule does not say what must be true.' using errcode = 'RV081', column = 'condition', hint = 'Give a condition such as: closeDate >= createdAt';
    end if;
  elsif rule.compiled is null then
    rule.compiled := engine.formula_compile(rule.object_id, rule.condition, 'CONDITION');
  else
    -- Its names may be others by now.
    rule.condition := engine.formula_text(rule.compiled);
  end if;
  return rule;
end
$$;

create or replace function engine.tg_rules__validate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  new.id := coalesce(new.id, engine.uuidv7());
  new.workspace_id := coalesce(new.workspace_id, (select o.workspace_id from metadata.objects o where o.id = new.object_id));
  new.settings := coalesce(new.settings, '{}');
  new.message := coalesce(new.message, '');
  if not exists (select from metadata.objects o where o.id = new.object_id and o.workspace_id = new.workspace_id) then
    raise exception 'There is no such object.' using errcode = 'RV011', column = 'object_id';
  end if;
  if tg_op = 'INSERT' or new.condition is distinct from old.condition then
    new.compiled := null;
  end if;
  -- A rule that sleeps is judged when it wakes up: meanwhile its fields may have been deleted.
  if not new.is_active and tg_op = 'UPDATE' and (new.field_id, new.settings, new.condition) is not distinct from (old.field_id, old.settings, old.condition) then
    return new;
  end if;
  return engine.judged_rule(new);
end
$$;
create or replace trigger _100_validate before insert or update on metadata.rules for each row execute function engine.tg_rules__validate();

-- The records that break a rule, as SQL over its table.
create or replace function engine.breaking_sql(rule metadata.rules, schema_name text, table_name text) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_keys text[];
begin
  if (rule).kind <> 'UNIQUE' then
    return format('select r.* from %I.%I r where not coalesce((%s), true)', schema_name, table_name, engine.rule_sql(rule));
  end if;
  v_keys := engine.rule_keys(rule);
  return format('select (k.r).* from (select r, count(*) over (partition by %s) as n from %I.%I r where %s%s) k where k.n > 1',
    array_to_string(v_keys, ', '), schema_name, table_name,
    array_to_string(array(select '(' || k || ') is not null' from unnest(v_keys) k), ' and '), coalesce(' and (' || engine.rule_scope(rule) || ')', ''));
end
$$;

-- Count and names of the records that break a rule. To whom the object is not shown, only the count.
create or replace function engine.rule_breakers(rule metadata.rules, shows_records boolean default true) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_schema text;
  v_object metadata.objects;
  v_field metadata.fields;
  v_count bigint;
  v_records jsonb := '[]';
  v_value text;
begin
  select w.schema_name into v_schema from core.workspaces w where w.id = (rule).workspace_id;
  select o.* into v_object from metadata.objects o where o.id = (rule).object_id;
  if to_regclass(format('%I.%I', v_schema, v_object.table_name)) is null then
    return '{"count": 0, "records": []}';
  end if;
  execute format('select count(*) from (%s) v', engine.breaking_sql(rule, v_schema, v_object.table_name)) into v_count;
  if v_count > 0 and shows_records then
    select f.* into v_field from metadata.fields f
    where f.id = coalesce((rule).field_id, ((rule).settings #>> '{fieldIds,0}')::uuid);
    v_value := case when v_field.id is not null then engine.value_sql(v_field, coalesce((rule).settings ->> 'part', engine.main_part(v_field))) end;
    execute format($sql$
        select coalesce(jsonb_agg(jsonb_build_object('id', v.id, 'label', %1$s, 'value', left((%2$s)::text, 200)) order by %1$s, v.id), '[]')
        from (select v.* from (%3$s) v order by %1$s, v.id limit 20) v
      $sql$, engine.label_expression((rule).object_id, 'v'), coalesce(v_value, 'null'), engine.breaking_sql(rule, v_schema, v_object.table_name)) into v_records;
  end if;
  return jsonb_build_object('count', v_count, 'records', v_records);
end
$$;

create or replace function metadata.rule_violations(rule jsonb) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.workspace_of_role(current_setting('role')::name);
  v_object uuid := (rule ->> 'objectId')::uuid;
  v_rule metadata.rules;
begin
  v_object := coalesce(v_object, (select f.object_id from metadata.fields f where f.id = coalesce((rule ->> 'fieldId')::uuid, (rule #>> '{settings,fieldIds,0}')::uuid)));
  select o.workspace_id into v_workspace from metadata.objects o where o.id = v_object and (v_workspace is null or o.workspace_id = v_workspace);
  if not found then
    raise exception 'There is no such object.' using errcode = 'RV011', column = 'object_id';
  end if;
  perform engine.assert_manages(v_workspace);
  v_rule.workspace_id := v_workspace;
  v_rule.object_id := v_object;
  v_rule.field_id := (rule ->> 'fieldId')::uuid;
  v_rule.kind := rule ->> 'kind';
  v_rule.settings := coalesce(nullif(rule -> 'settings', 'null'), '{}');
  v_rule.condition := rule ->> 'condition';
  v_rule.applies_from := (rule ->> 'appliesFrom')::timestamptz;
  v_rule := engine.judged_rule(v_rule);
  return engine.rule_breakers(v_rule, engine.may_list(v_object))
    || jsonb_build_object('text', engine.rule_text(v_rule));
end
$$;
comment on function metadata.rule_violations(jsonb) is
  'The records that a rule would refuse, before it is applied: {"count", "records": [{"id", "label", "value"}], "text"}. The rule as JSON: {"objectId", "fieldId", "kind", "settings", "condition", "appliesFrom"}.';
grant execute on function metadata.rule_violations(jsonb) to relvar_crm;

-- Rules that are not yet constraints, judged over the records that there are, before any table is
-- locked. What cannot be read yet, since its column is still to come, is judged by its constraint.
create or replace function engine.assert_rules_hold(workspace_id uuid, schema_name text, scope uuid[]) returns void
language plpgsql stable set search_path = ''
as $$
declare
  r record;
  v_found jsonb;
begin
  for r in
    select u as rule, d.table_name
    from engine.desired_rules(assert_rules_hold.workspace_id, scope) d
    join metadata.rules u on d.key = u.object_id || ' rule:' || u.id
    left join pg_catalog.pg_constraint k on k.conrelid = to_regclass(format('%I.%I', schema_name, d.table_name)) and k.conname = d.name
    left join pg_catalog.pg_class i on i.oid = to_regclass(format('%I.%I', schema_name, d.name))
    where split_part(coalesce(pg_catalog.obj_description(k.oid, 'pg_constraint'), pg_catalog.obj_description(i.oid, 'pg_class'), ''), E'\n', 1) <> split_part(d.comment, E'\n', 1)
  loop
    begin
      v_found := engine.rule_breakers(r.rule, engine.may_list((r.rule).object_id));
    exception when undefined_column or undefined_table or datatype_mismatch or undefined_function then
      continue;
    end;
    if (v_found ->> 'count')::bigint > 0 then
      perform engine.refuse_rule(r.rule, v_found);
    end if;
  end loop;
end
$$;

create or replace function engine.refuse_rule(rule metadata.rules, violations jsonb) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_count bigint := (violations ->> 'count')::bigint;
begin
  raise exception 'The rule "%" is broken by % that there % already: %.', engine.rule_text(rule),
    v_count || case v_count when 1 then ' record' else ' records' end, case v_count when 1 then 'is' else 'are' end,
    (select string_agg(coalesce(nullif(e ->> 'label', ''), e ->> 'id'), ', ') from jsonb_path_query(violations, '$.records[0 to 4]') e)
      || case when v_count > 5 then ', …' else '' end
    using errcode = 'RV082', column = 'applies_from', detail = violations::text,
      hint = 'Correct these records first, or let the rule apply to new records only.';
end
$$;
--! EndIncluded metadata/rules.sql
--! Included metadata/computed.sql
-- Formulas and rollups are compiled when their field is written, so that a mistake is refused there
-- and then, and again when what they read changes.

-- Whether a computed field comes back to itself, by which fields.
create or replace function engine.assert_no_circle(field metadata.fields, compiled jsonb) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_way text;
begin
  with recursive reads as (
    select g.id, array[g.id] as way from engine.formula_fields(assert_no_circle.compiled) r join metadata.fields g on g.id = r where g.type in ('FORMULA', 'ROLLUP')
    union
    select g.id, s.way || g.id from reads s join metadata.fields f on f.id = s.id
    cross join lateral engine.formula_fields(f.compiled) r join metadata.fields g on g.id = r and g.type in ('FORMULA', 'ROLLUP')
    where s.id <> (field).id and g.id <> all (s.way)
  )
  select string_agg(g.label, ' → ' order by u.n) into v_way
  from (select s.way from reads s where s.id = (field).id order by cardinality(s.way) limit 1) c
  cross join unnest(c.way) with ordinality as u (id, n) join metadata.fields g on g.id = u.id;
  if v_way is not null or (field).id in (select r from engine.formula_fields(assert_no_circle.compiled) r) then
    raise exception 'The field "%" would be computed from itself: % → %.', (field).label, (field).label, coalesce(v_way, (field).label)
      using errcode = 'RV056', column = 'settings', hint = 'Take one of these fields out of the formula of another.';
  end if;
end
$$;

create or replace function engine.compile_rollup(field metadata.fields) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_settings jsonb := (field).settings;
  v_aggregate text := v_settings ->> 'aggregate';
  v_relation metadata.relations;
  v_child uuid;
  v_field metadata.fields;
  v_value jsonb;
  v_order uuid;
  v_filter jsonb;
  v_type text;
begin
  if v_aggregate is null or v_aggregate not in ('COUNT', 'SUM', 'AVG', 'MIN', 'MAX', 'FIRST', 'LAST', 'LIST') then
    raise exception 'A rollup cannot "%".', v_aggregate using errcode = 'RV057', column = 'settings',
      hint = 'Its aggregate is one of COUNT, SUM, AVG, MIN, MAX, FIRST, LAST, LIST.';
  end if;
  select r.* into v_relation from metadata.relations r
  join metadata.fields f on f.id = r.field_id and f.deleted_at is null
  join metadata.objects o on o.id = f.object_id and o.deleted_at is null
  where r.id::text = v_settings ->> 'relationId' and r.target_object_id = (field).object_id and r.deleted_at is null;
  if not found then
    raise exception 'The rollup "%" names no relation that points to its object.', (field).label using errcode = 'RV057', column = 'settings',
      hint = coalesce('Give settings.relationId: ' || (select string_agg(format('%s (%s)', r.id, r.inverse_label), ', ') from metadata.relations r join metadata.fields f on f.id = r.field_id and f.deleted_at is null where r.target_object_id = (field).object_id and r.deleted_at is null), 'Nothing points to this object yet.');
  end if;
  select f.object_id into v_child from metadata.fields f where f.id = v_relation.field_id;
  if v_aggregate <> 'COUNT' then
    select f.* into v_field from metadata.fields f where f.id::text = v_settings ->> 'fieldId' and f.object_id = v_child and f.deleted_at is null;
    if not found then
      raise exception 'The rollup "%" does not say which field of the records it reads.', (field).label using errcode = 'RV057', column = 'settings',
        hint = 'Give settings.fieldId, a field of ' || (select o.label_plural from metadata.objects o where o.id = v_child) || '.';
    end if;
    v_value := engine.formula_reference(jsonb_build_object('path', jsonb_build_array(v_field.name), 'at', 1), v_child, 'FILTER') - 'at' - 'ft';
    v_type := v_value ->> 't';
    if v_type in ('JSON', 'ARRAY')
      or v_aggregate in ('SUM', 'AVG') and v_type not in ('NUMBER', 'PERCENT', 'CURRENCY', 'DURATION')
      or v_aggregate in ('MIN', 'MAX') and v_type in ('BOOLEAN', 'UUID') then
      raise exception 'The field "%" is %, of which there is no %.', v_field.label, engine.formula_type_name(v_type), lower(v_aggregate) using errcode = 'RV057', column = 'settings',
        hint = 'Sums and averages are of numbers, money and durations; FIRST, LAST and LIST take most fields.';
    end if;
    if v_aggregate = 'LIST' then
      v_value := engine.formula_as(v_value, 'TEXT');
      v_type := 'ARRAY';
    end if;
  else
    v_type := 'NUMBER';
  end if;
  if v_settings ->> 'orderFieldId' is not null then
    select f.id into v_order from metadata.fields f where f.id::text = v_settings ->> 'orderFieldId' and f.object_id = v_child and f.deleted_at is null;
    if not found or engine.formula_columns((select f from metadata.fields f where f.id = v_order), '', '') = '{}' then
      raise exception 'The records of the rollup "%" cannot be ordered by that.', (field).label using errcode = 'RV057', column = 'settings', hint = 'settings.orderFieldId is a field of the records that are read.';
    end if;
  elsif v_aggregate in ('FIRST', 'LAST', 'LIST') then
    select f.id into v_order from metadata.fields f where f.object_id = v_child and f.name = 'createdAt';
  end if;
  if coalesce(v_settings ->> 'filter', '') <> '' then
    v_filter := engine.formula_compile(v_child, v_settings ->> 'filter', 'FILTER');
  end if;
  return jsonb_strip_nulls(jsonb_build_object('type', v_type, 'aggregate', v_aggregate, 'relation', v_relation.id, 'via', jsonb_build_array(v_relation.field_id),
    'value', v_value, 'order', case when v_order is not null then jsonb_build_object('field', v_order) end, 'filter', v_filter));
end
$$;

-- A default that is computed, as PostgreSQL prints it back: what stands in the catalogue can then be compared with it.
create or replace function engine.compile_default(field metadata.fields) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_compiled jsonb := engine.formula_compile((field).object_id, (field).default_value ->> 'expression', 'DEFAULT');
  v_type text := case when (field).type in ('RELATION', 'MEMBER') then 'uuid' else (
    select case when (field).type = 'NUMBER' and (field).settings ->> 'dataType' in ('int', 'bigint') then 'bigint' else c.pg_type end
    from engine.field_type_columns c where c.type = (field).type and c.part = '') end;
  v_wanted text := engine.formula_column_type(v_type);
begin
  if v_wanted is null or v_wanted in ('ARRAY', 'JSON') or not (v_compiled ->> 'type' = v_wanted or engine.formula_as(v_compiled -> 'node', v_wanted) is not null and v_wanted <> 'TEXT'
      or v_wanted = 'NUMBER' and v_compiled ->> 'type' in ('DURATION', 'PERCENT')) then
    perform engine.formula_type_error(format('The default of "%s" is %s, which does not fit the field.', (field).label, engine.formula_type_name(v_compiled ->> 'type')), (field).default_value ->> 'expression', 1);
  end if;
  if (field).type in ('RELATION', 'MEMBER') and v_compiled #>> '{node,fn}' <> 'currentMember' then
    perform engine.formula_type_error(format('The default of "%s" must be currentMember().', (field).label), (field).default_value ->> 'expression', 1);
  end if;
  if v_wanted = 'DATE_TIME' then
    v_compiled := v_compiled || jsonb_build_object('type', 'DATE_TIME', 'node', engine.formula_as(v_compiled -> 'node', 'DATE_TIME'));
  end if;
  execute format('create temporary table relvar_default (value %s default %s::%1$s)', v_type, engine.formula_sql(v_compiled));
  v_compiled := v_compiled || jsonb_build_object('printed', (
    select pg_catalog.pg_get_expr(d.adbin, d.adrelid) from pg_catalog.pg_attrdef d where d.adrelid = 'pg_temp.relvar_default'::regclass));
  drop table pg_temp.relvar_default;
  return v_compiled;
end
$$;

create or replace function engine.tg_fields__compile() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_type text;
begin
  if new.deleted_at is not null then
    return new;
  end if;
  if new.type not in ('FORMULA', 'ROLLUP') then
    new.result_type := null;
    if jsonb_typeof(new.default_value) = 'object' and new.default_value ? 'expression' then
      if tg_op = 'INSERT' or new.compiled is null or (new.default_value, new.type, new.settings) is distinct from (old.default_value, old.type, old.settings) then
        new.compiled := engine.compile_default(new);
      end if;
    else
      new.compiled := null;
    end if;
    return new;
  end if;
  if new.is_required or new.is_unique or coalesce(new.default_value, 'null') <> 'null' then
    raise exception 'The field "%" is computed, so it can be neither required nor unique, nor have a default.', new.label using errcode = 'RV057', column = 'is_required';
  end if;
  -- Unchanged: a relabelled field is not compiled anew, nor is one whose text follows a rename.
  if tg_op = 'UPDATE' and new.compiled is not null and old.deleted_at is null and new.type = old.type and new.settings = old.settings then
    return new;
  end if;
  if new.type = 'FORMULA' then
    new.compiled := engine.formula_compile(new.object_id, new.settings ->> 'expression', 'FORMULA');
    new.settings := new.settings || jsonb_build_object('expression', coalesce(nullif(engine.formula_text(new.compiled), ''), new.settings ->> 'expression'));
  else
    new.compiled := engine.compile_rollup(new);
    if new.compiled ? 'filter' then
      new.settings := new.settings || jsonb_build_object('filter', engine.formula_text(new.compiled -> 'filter'));
    end if;
  end if;
  perform engine.assert_no_circle(new, new.compiled);
  v_type := new.compiled ->> 'type';
  -- Values of another type lie in other columns.
  if tg_op = 'UPDATE' and old.result_type <> v_type and old.revision = new.revision then
    new.revision := old.revision + 1;
  end if;
  new.result_type := v_type;
  return new;
end
$$;
create or replace trigger _150_compile before insert or update on metadata.fields for each row execute function engine.tg_fields__compile();

-- Formulas follow the names of what they read, and are judged again when it becomes something else.
create or replace function engine.tg_fields__recompile_readers() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_message text;
  v_detail text;
  r record;
begin
  for r in
    select f.* from metadata.fields f
    where f.workspace_id = new.workspace_id and f.type in ('FORMULA', 'ROLLUP') and f.compiled is not null and f.id <> new.id and f.deleted_at is null
      and new.id in (select engine.formula_fields(f.compiled))
      and exists (select from metadata.objects o where o.id = f.object_id and o.deleted_at is null)
  loop
    if new.deleted_at is not null then
      -- What vanishes with its object vanishes for both.
      continue when exists (select from metadata.objects o where o.id = r.object_id and o.deleted_at is not null);
      raise exception 'The field "%" is read by the computed field "%" of %.', new.label, r.label, (select o.label_plural from metadata.objects o where o.id = r.object_id)
        using errcode = 'RV058', column = 'id', hint = 'Change or delete that field first, or let it read another.';
    elsif (new.type, new.result_type, new.options, new.settings) is distinct from (old.type, old.result_type, old.options, old.settings) and new.type <> 'RELATION' then
      begin
        -- The text as it is now, for the names may have changed in the same statement.
        update metadata.fields f set compiled = null,
          settings = case f.type when 'FORMULA' then f.settings || jsonb_build_object('expression', engine.formula_text(f.compiled)) else f.settings end
        where f.id = r.id;
      exception when raise_exception or others then
        get stacked diagnostics v_message = message_text, v_detail = returned_sqlstate;
        if v_detail not like 'RV%' then
          raise;
        end if;
        raise exception 'The computed field "%" does not allow this change of "%": %', r.label, new.label, v_message
          using errcode = 'RV058', column = 'type', hint = 'Change the formula of that field first.';
      end;
    else
      update metadata.fields f set settings = case f.type
        when 'FORMULA' then f.settings || jsonb_build_object('expression', engine.formula_text(f.compiled))
        when 'ROLLUP' then f.settings || case when f.compiled ? 'filter' then jsonb_build_object('filter', engine.formula_text(f.compiled -> 'filter')) else '{}' end end
      where f.id = r.id;
    end if;
  end loop;
  return null;
end
$$;
create or replace trigger _400_recompile_readers after update on metadata.fields for each row
  when (new.name is distinct from old.name or new.type is distinct from old.type or new.result_type is distinct from old.result_type
    or new.options is distinct from old.options or new.settings is distinct from old.settings or (old.deleted_at is null and new.deleted_at is not null))
  execute function engine.tg_fields__recompile_readers();

-- Other objects have triggers by what a computed field reads there, and had them by what it read.
create or replace function engine.tg_fields__note_readings() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_objects uuid[] := array(
    select distinct g.object_id
    from (select old.compiled as compiled where tg_op <> 'INSERT' union all select new.compiled where tg_op <> 'DELETE') c
    cross join lateral engine.formula_fields(c.compiled) r join metadata.fields g on g.id = r);
  v_workspace uuid := case when tg_op = 'DELETE' then old.workspace_id else new.workspace_id end;
begin
  if v_objects <> '{}' and engine.workspace_exists(v_workspace) then
    perform engine.note_change(v_workspace, v_objects);
  end if;
  return null;
end
$$;
create or replace trigger _800_note_readings after insert or update or delete on metadata.fields for each row
  execute function engine.tg_fields__note_readings();
--! EndIncluded metadata/computed.sql
--! Included metadata/deletion.sql
-- Deleting an object or a field takes two steps. The first hides it, with all that makes no sense
-- without it, under a name of the engine's, and keeps the data: it can be restored. Deleting what is
-- deleted already, as a job does after the grace period, drops the data.

create or replace function engine.workspace_exists(id uuid) returns boolean
language sql stable set search_path = ''
  return exists (select from core.workspaces w where w.id = workspace_exists.id);

create or replace function engine.assert_deletable(label text, is_system boolean, application_id uuid) returns void
language plpgsql stable set search_path = ''
as $$
begin
  if is_system then
    raise exception '"%" is part of the product and cannot be deleted.', label using errcode = 'RV007', hint = 'It can be relabelled.';
  end if;
  if application_id is not null then
    raise exception '"%" belongs to the application %.', label, (select a.name from metadata.applications a where a.id = application_id)
      using errcode = 'RV007', hint = 'Deactivate it, which hides it and keeps its data, or uninstall the application.';
  end if;
end
$$;

create or replace function engine.tg_objects__hide() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  if old.deleted_at is not null or not engine.workspace_exists(old.workspace_id) then
    return old;
  end if;
  perform engine.assert_deletable(old.label_plural, old.is_system, old.application_id);
  update metadata.objects o set deleted_at = clock_timestamp(), deleted_by_name = (engine.current_actor()).name where o.id = old.id;
  return null;
end
$$;
create or replace trigger _100_hide before delete on metadata.objects for each row execute function engine.tg_objects__hide();

create or replace function engine.tg_fields__hide() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  if old.deleted_at is not null or not engine.workspace_exists(old.workspace_id)
    or not exists (select from metadata.objects o where o.id = old.object_id)
    -- The search vector goes and comes with its switch; nothing is kept in it.
    or old.type = 'TS_VECTOR' then
    return old;
  end if;
  perform engine.assert_deletable(old.label, old.is_system, old.application_id);
  if exists (select from metadata.objects o where o.label_field_id = old.id and o.deleted_at is null) then
    raise exception 'The field "%" names the records of its object.', old.label using errcode = 'RV007', column = 'id',
      hint = 'Choose another label field for the object first.';
  end if;
  update metadata.fields f set deleted_at = clock_timestamp(), deleted_by_name = (engine.current_actor()).name where f.id = old.id;
  return null;
end
$$;
create or replace trigger _100_hide before delete on metadata.fields for each row execute function engine.tg_fields__hide();

-- One target of several is hidden by itself; a field that points nowhere any more goes with its last target.
create or replace function engine.tg_relations__hide() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  if old.deleted_at is not null or not engine.workspace_exists(old.workspace_id)
    or not exists (select from metadata.objects o where o.id = old.target_object_id)
    or not exists (select from metadata.fields f where f.id = old.field_id and f.deleted_at is null) then
    return old;
  end if;
  if exists (select from metadata.relations r where r.field_id = old.field_id and r.id <> old.id and r.deleted_at is null) then
    update metadata.relations r set deleted_at = clock_timestamp() where r.id = old.id;
  else
    delete from metadata.fields f where f.id = old.field_id;
  end if;
  return null;
end
$$;
create or replace trigger _100_hide before delete on metadata.relations for each row execute function engine.tg_relations__hide();

-- What is deleted with something else bears the same moment, and by it comes back with it.
create or replace function engine.tg_objects__deletion_spreads() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  -- A moment that somebody writes is only a wish to delete or to restore.
  update metadata.relations r set deleted_at = new.deleted_at
  where r.target_object_id = new.id and r.deleted_at is not distinct from old.deleted_at;
  update metadata.fields f set deleted_at = new.deleted_at, deleted_by_name = new.deleted_by_name
  where f.workspace_id = new.workspace_id and f.type in ('RELATION', 'MEMBER', 'MORPH_RELATION') and f.deleted_at is not distinct from old.deleted_at
    and exists (select from metadata.relations r where r.field_id = f.id and r.target_object_id = new.id)
    and (new.deleted_at is null or not exists (select from metadata.relations r where r.field_id = f.id and r.deleted_at is null));
  -- A junction makes no sense without one of its ends, nor the fields that lead through it.
  update metadata.objects j set deleted_at = new.deleted_at, deleted_by_name = new.deleted_by_name
  where j.workspace_id = new.workspace_id and j.is_junction and j.id <> new.id and j.deleted_at is not distinct from old.deleted_at
    and exists (select from metadata.fields f join metadata.relations r on r.field_id = f.id
      where f.object_id = j.id and r.target_object_id = new.id
        and exists (select from metadata.fields m where m.junction_field_id = f.id));
  if new.is_junction then
    update metadata.fields m set deleted_at = new.deleted_at, deleted_by_name = new.deleted_by_name
    from metadata.fields f
    where f.object_id = new.id and m.junction_field_id = f.id and m.deleted_at is not distinct from old.deleted_at;
  end if;
  return null;
end
$$;
create or replace trigger _300_deletion_spreads after update of deleted_at on metadata.objects for each row
  when (new.deleted_at is distinct from old.deleted_at) execute function engine.tg_objects__deletion_spreads();

create or replace function engine.tg_fields__deletion_spreads() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  update metadata.objects j set deleted_at = new.deleted_at, deleted_by_name = new.deleted_by_name
  from metadata.fields f
  where f.id = new.junction_field_id and j.id = f.object_id and j.deleted_at is not distinct from old.deleted_at;
  return null;
end
$$;
create or replace trigger _300_deletion_spreads after update of deleted_at on metadata.fields for each row
  when (new.deleted_at is distinct from old.deleted_at and new.junction_field_id is not null) execute function engine.tg_fields__deletion_spreads();

-- A junction that has lost one of its ends for good leads nowhere, and so does the field at the other.
create or replace function engine.tg_objects__drop_junctions() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  -- Such a trigger runs when nothing was deleted, too.
  if not exists (select from gone) then
    return null;
  end if;
  delete from metadata.objects j
  where j.is_junction and j.deleted_at is not null and j.workspace_id in (select g.workspace_id from gone g)
    and (select count(distinct m.junction_field_id) from metadata.fields f join metadata.fields m on m.junction_field_id = f.id where f.object_id = j.id) < 2;
  return null;
end
$$;
create or replace trigger _200_drop_junctions after delete on metadata.objects
  referencing old table as gone for each statement execute function engine.tg_objects__drop_junctions();

-- Purges what was deleted longer ago than the grace period. Returns how many things it dropped.
create or replace function engine.purge_deleted(max_age interval default null) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_age interval := coalesce(max_age, (select make_interval(days => s.grace_days) from engine.settings s));
  v_count int;
begin
  with objects as (
    delete from metadata.objects o where o.deleted_at < now() - v_age returning 1
  ), fields as (
    delete from metadata.fields f where f.deleted_at < now() - v_age returning 1
  ), columns as (
    delete from engine.retired_columns r where r.retired_at < now() - v_age returning r.workspace_id, r.object_id
  )
  select (select count(*) from objects) + (select count(*) from fields) + (select count(engine.note_change(c.workspace_id, array[c.object_id])) from columns c) into v_count;
  return v_count;
end
$$;
comment on function engine.purge_deleted(interval) is 'Drops objects, fields and former columns that were deleted longer ago than max_age (default: the grace period of engine.settings). A job runs it every night.';
grant execute on function engine.purge_deleted(interval) to relvar_worker;
--! EndIncluded metadata/deletion.sql
--! Included metadata/many_to_many.sql
-- A many-to-many relation is an object of its own between the two, the junction, whose records are
-- the links. It has a relation to either side, and may have more fields: those of the link. A field
-- of type MANY_TO_MANY on each side leads through it.

-- The first of the names that is neither taken on the object nor too long.
create or replace function engine.free_field_name(object_id uuid, wish text) returns text
language sql stable set search_path = ''
as $$
  select c.name
  from generate_series(1, 100) i
  cross join lateral (select wish || case when i = 1 then '' else i::text end as name) c
  where engine.is_api_name(c.name) and not engine.is_reserved_name(c.name)
    and not exists (select from metadata.fields f where f.object_id = free_field_name.object_id and f.name = c.name and f.deleted_at is null)
    and not exists (select from metadata.relations r where r.target_object_id = free_field_name.object_id and r.inverse_name = c.name and r.deleted_at is null)
  order by i limit 1
$$;

create or replace function engine.create_junction(source metadata.objects, target metadata.objects, id uuid) returns uuid
language plpgsql volatile set search_path = ''
as $$
declare
  v_id uuid;
  v_name text := (source).name_singular || upper(left((target).name_singular, 1)) || substr((target).name_singular, 2) || 'Link';
begin
  -- Two names together may be too long for one.
  if not engine.is_api_name(v_name || 's')
    or exists (select from metadata.objects o where o.workspace_id = (source).workspace_id and o.deleted_at is null
      and (v_name in (o.name_singular, o.name_plural) or v_name || 's' in (o.name_singular, o.name_plural))) then
    v_name := 'link' || left(md5(gen_random_uuid()::text), 8);
  end if;
  insert into metadata.objects as j (id, workspace_id, name_singular, name_plural, label_singular, label_plural, description, icon, is_searchable, position)
  values (create_junction.id, (source).workspace_id, v_name, v_name || 's', (source).label_singular || ' – ' || (target).label_singular, (source).label_plural || ' – ' || (target).label_plural,
    'Links between ' || (source).label_plural || ' and ' || (target).label_plural || '.', 'IconLink', false,
    (select coalesce(max(o.position), 0) + 1 from metadata.objects o where o.workspace_id = (source).workspace_id))
  returning j.id into v_id;
  return v_id;
end
$$;

-- Inserting the field is enough: settings say {"targetObjectId", "inverseLabel", "inverseName"} and,
-- where ids are known beforehand, {"junctionId", "inverseId"}, and
-- the junction and the other side follow.
create or replace function engine.tg_fields__join() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_source metadata.objects;
  v_target metadata.objects;
  v_junction uuid;
  v_near uuid;
  v_far uuid;
begin
  select o.* into v_source from metadata.objects o where o.id = new.object_id;
  select o.* into v_target from metadata.objects o
  where o.workspace_id = new.workspace_id and o.id = (new.settings ->> 'targetObjectId')::uuid and o.deleted_at is null;
  if not found then
    raise exception 'The relation "%" needs the object that it leads to.', new.label using errcode = 'RV008', column = 'target_object_id';
  end if;
  v_junction := engine.create_junction(v_source, v_target, (new.settings ->> 'junctionId')::uuid);
  insert into metadata.fields (id, workspace_id, object_id, name, label, type, icon, is_required, position)
  values ((new.settings ->> 'nearId')::uuid, new.workspace_id, v_junction, engine.free_field_name(v_junction, v_source.name_singular), v_source.label_singular, 'RELATION', v_source.icon, true, 0)
  returning id into v_near;
  insert into metadata.fields (id, workspace_id, object_id, name, label, type, icon, is_required, position)
  values ((new.settings ->> 'farId')::uuid, new.workspace_id, v_junction, engine.free_field_name(v_junction, case v_target.id when v_source.id then 'related' else '' end
      || case v_target.id when v_source.id then upper(left(v_target.name_singular, 1)) || substr(v_target.name_singular, 2) else v_target.name_singular end),
    v_target.label_singular, 'RELATION', v_target.icon, true, 1)
  returning id into v_far;
  insert into metadata.relations (id, workspace_id, field_id, target_object_id, inverse_name, inverse_label, on_delete)
  values ((new.settings ->> 'nearRelationId')::uuid, new.workspace_id, v_near, v_source.id, engine.free_field_name(v_source.id, new.name || 'Links'), new.label, 'CASCADE');
  insert into metadata.fields (id, workspace_id, object_id, name, label, type, icon, junction_field_id, position)
  values ((new.settings ->> 'inverseId')::uuid, new.workspace_id, v_target.id,
    coalesce(new.settings ->> 'inverseName', engine.free_field_name(v_target.id, case when coalesce(new.settings ->> 'inverseLabel', '') = ''
      then v_source.name_plural else engine.name_from_label(new.settings ->> 'inverseLabel') end)),
    coalesce(nullif(new.settings ->> 'inverseLabel', ''), v_source.label_plural), 'MANY_TO_MANY', v_source.icon, v_far,
    (select coalesce(max(f.position), 0) + 1 from metadata.fields f where f.object_id = v_target.id and not f.is_system));
  insert into metadata.relations (id, workspace_id, field_id, target_object_id, inverse_name, inverse_label, on_delete)
  select (new.settings ->> 'farRelationId')::uuid, new.workspace_id, v_far, v_target.id, engine.free_field_name(v_target.id, f.name || 'Links'), f.label, 'CASCADE'
  from metadata.fields f where f.junction_field_id = v_far;
  -- Two records are linked once.
  insert into metadata.rules (workspace_id, object_id, kind, settings)
  values (new.workspace_id, v_junction, 'UNIQUE', jsonb_build_object('fieldIds', jsonb_build_array(v_near, v_far)));
  update metadata.fields f set junction_field_id = v_near, settings = f.settings - '{targetObjectId,inverseName,inverseLabel,junctionId,inverseId,nearId,farId,nearRelationId,farRelationId}'::text[] where f.id = new.id;
  update metadata.objects o set is_junction = true where o.id = v_junction;
  return null;
end
$$;
create or replace trigger _200_join after insert on metadata.fields for each row
  when (new.type = 'MANY_TO_MANY' and new.junction_field_id is null) execute function engine.tg_fields__join();

-- A member field is a relation to the members of the workspace.
create or replace function engine.tg_fields__relate_member() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object metadata.objects;
begin
  select o.* into v_object from metadata.objects o where o.id = new.object_id;
  insert into metadata.relations (workspace_id, field_id, target_object_id, inverse_name, inverse_label, on_delete)
  select new.workspace_id, new.id, m.id,
    engine.free_field_name(m.id, new.name || upper(left(v_object.name_plural, 1)) || substr(v_object.name_plural, 2)), v_object.label_plural || ' (' || new.label || ')',
    coalesce(new.settings ->> 'onDelete', 'SET_NULL')
  from metadata.objects m where m.workspace_id = new.workspace_id and m.universal_identifier = 'standard:workspaceMember';
  return null;
end
$$;
create or replace trigger _200_relate_member after insert on metadata.fields for each row
  when (new.type = 'MEMBER') execute function engine.tg_fields__relate_member();
--! EndIncluded metadata/many_to_many.sql
--! Included engine/convert/change.sql
-- Changing a field's type. The old columns stay beside the new ones, hidden, until the grace period
-- ends, so that the change can be undone; where no value would look other than it does, the column
-- itself stays and only its meaning changes.

-- Conversions are no changes that anybody made to records: neither the log nor updatedAt tell of
-- them. Anybody can write a setting, so the row of this table is what is believed.
create table if not exists engine.quiet (transaction_id xid8 primary key);

create or replace function engine.is_quiet() returns boolean
language sql stable set search_path = ''
  return current_setting('relvar.quiet', true) = 'on' and exists (select from engine.quiet q where q.transaction_id = pg_current_xact_id_if_assigned());

create or replace function engine.set_quiet(quiet boolean) returns void
language plpgsql volatile set search_path = ''
as $$
begin
  perform set_config('relvar.quiet', case when quiet then 'on' else '' end, true);
  if quiet then
    insert into engine.quiet values (pg_current_xact_id()) on conflict do nothing;
  else
    delete from engine.quiet q where q.transaction_id = pg_current_xact_id();
  end if;
end
$$;

create or replace function engine.retired_name(key text) returns text
language sql immutable strict parallel safe
  return 'former_' || left(md5(key), 12);

create or replace function engine.retire_columns(f metadata.fields, standing engine.standing_field, part text default null) returns void
language sql volatile set search_path = ''
as $$
  insert into engine.retired_columns (workspace_id, object_id, field_id, revision, key, name, pg_type)
  select (f).workspace_id, (f).object_id, (f).id, (f).revision, k.value, engine.retired_name(k.value), (standing).types ->> k.key
  from jsonb_each_text((standing).keys) k
  where (part is null or k.key = part) and k.key <> all ((standing).generated)
$$;

-- The number of the next columns: neither a live one nor one that is kept.
create or replace function engine.next_revision(f metadata.fields) returns int
language sql stable set search_path = ''
as $$
  select 1 + greatest((f).revision, (select max(greatest(c.from_revision, c.to_revision)) from metadata.type_changes c where c.field_id = (f).id))
$$;

create or replace function engine.refuse_losses(f metadata.fields, type text, count engine.conversion_count) returns void
language plpgsql stable set search_path = ''
as $$
begin
  raise exception '% of % values of "%" do not fit the type %, such as %.', (count).fails, (count).fails + (count).converts, (f).label, engine.type_label(type),
      (select string_agg('"' || left(e ->> 'value', 40) || '"', ', ') from (select e from jsonb_array_elements((count).failures) e limit 3) s)
    using errcode = 'RV071', column = 'type',
      hint = 'metadata.preview_conversion lists them. Correct them first, or set {"onFailure": "EMPTY"} in the settings to leave them empty.';
end
$$;

-- The relation that a single relation keeps when it was one to several objects.
create or replace function engine.kept_relation(f metadata.fields, settings jsonb) returns metadata.relations
language sql stable set search_path = ''
as $$
  select r from metadata.relations r
  where r.field_id = (f).id and r.deleted_at is null and (settings ->> 'targetObjectId' is null or r.target_object_id = (settings ->> 'targetObjectId')::uuid)
    and (settings ->> 'targetObjectId' is not null or (select count(*) from metadata.relations o where o.field_id = (f).id and o.deleted_at is null) = 1)
$$;

create or replace function engine.assert_link_convertible(f metadata.fields, type text, settings jsonb) returns void
language plpgsql stable set search_path = ''
as $$
begin
  if type = 'MEMBER' and not exists (select from metadata.relations r join metadata.objects o on o.id = r.target_object_id
      where r.field_id = (f).id and o.universal_identifier = 'standard:workspaceMember') then
    raise exception '"%" does not point to members.', (f).label using errcode = 'RV070', column = 'type', hint = 'Only a relation to the members of the workspace can become a member field.';
  elsif type = 'RELATION' and (f).type = 'MORPH_RELATION' and (engine.kept_relation(f, settings)).id is null then
    raise exception '"%" points to several objects.', (f).label using errcode = 'RV070', column = 'settings', hint = 'Say in the settings which it is to keep: {"targetObjectId": "…"}.';
  elsif type = 'MANY_TO_MANY' and ((f).is_required or (f).is_unique) then
    raise exception 'A relation to many can be neither required nor unique.' using errcode = 'RV072', column = 'type', hint = 'Take that off the field first.';
  end if;
end
$$;

-- How many records point elsewhere than the one object that is kept.
create or replace function engine.count_links(f metadata.fields, t metadata.fields, standing engine.standing_field) returns engine.conversion_count
language plpgsql stable set search_path = ''
as $$
declare
  v_all text := (select string_agg(format('t.%I', n.value), ', ') from jsonb_each_text((standing).names) n);
  v_kept text := case when (t).type = 'RELATION' and (f).type = 'MORPH_RELATION' then format('t.%I', (standing).names ->> (engine.kept_relation(f, (t).settings)).id::text) else format('coalesce(%s)', v_all) end;
  v_label text := format('left(%s, 200)', engine.label_expression((f).object_id, 't'));
  v_count engine.conversion_count;
begin
  execute format('select count(*), count(*) filter (where coalesce(%1$s) is null), count(%2$s), count(*) filter (where coalesce(%1$s) is not null and %2$s is null) from %3$I.%4$I t',
    v_all, v_kept, (standing).schema_name, (standing).table_name)
  into v_count.total, v_count.empty, v_count.converts, v_count.fails;
  v_count.is_identical := (t).type <> 'MANY_TO_MANY';
  execute format('select coalesce(jsonb_agg(jsonb_build_object(''id'', s.id, ''label'', s.label, ''value'', s.value)), ''[]'') from (select t.id, %s as label, coalesce(%s)::text as value from %I.%I t where coalesce(%2$s) is not null and %5$s is null limit 20) s',
    v_label, v_all, (standing).schema_name, (standing).table_name, v_kept) into v_count.failures;
  v_count.samples := '[]';
  return v_count;
end
$$;

create or replace function engine.converted_default(f metadata.fields, t metadata.fields) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_type text := engine.part_types(f) ->> '';
  v_sql text;
  v_value jsonb := (f).default_value;
begin
  if v_value is null or v_value in ('null', '"now"') or jsonb_typeof(v_value) = 'object' or v_type is null or not engine.part_types(t) ? '' then
    return case when v_value = '"now"' and (t).type in ('DATE', 'DATE_TIME') then v_value end;
  end if;
  v_sql := engine.default_expression((f).type, v_type, v_value);
  v_sql := engine.conversion_sql(f, t, jsonb_build_object('', '(' || v_sql || ')')) ->> '';
  execute format('select to_jsonb(%s)', v_sql) into v_value;
  return v_value;
end
$$;

create or replace function engine.tg_fields__convert() returns trigger
language plpgsql volatile security definer set search_path = '' set lock_timeout = '2s'
as $$
declare
  v_may_empty boolean := coalesce(new.settings ->> 'onFailure' = 'EMPTY', false);
  v_is_link boolean := exists (select from engine.conversions c where c.from_type = old.type and c.to_type = new.type and c.route = 'LINK');
  v_is_plain boolean;
  v_is_large boolean;
  v_standing engine.standing_field;
  v_count engine.conversion_count;
  v_target metadata.fields;
  v_moment timestamptz := clock_timestamp();
begin
  perform engine.assert_convertible(old, new.type);
  if v_is_link then
    perform engine.assert_link_convertible(old, new.type, new.settings);
  end if;
  if exists (select from metadata.type_changes c where c.field_id = old.id and c.status = 'RUNNING') then
    raise exception 'The type of "%" is being changed already.', old.label using errcode = 'RV072', column = 'type', hint = 'Wait until that change is done; metadata.online_changes shows how far it is.';
  end if;
  -- First the model, then its tables: in one order, whoever changes it.
  perform engine.note_change(old.workspace_id, array[old.object_id]);
  v_standing := engine.standing_field(old);
  v_target := engine.retyped(old, new.type, new.settings, new.options, v_standing);
  -- A default that was not given anew is converted like a value.
  if new.default_value is not distinct from old.default_value then
    new.default_value := engine.converted_default(old, v_target);
  end if;
  v_target.default_value := new.default_value;
  v_is_large := not v_is_link and v_standing.row_estimate > (select e.online_rows from engine.settings e);
  if v_is_large then
    v_count := engine.count_conversion(old, v_target, v_standing);
    if not (v_count.is_identical and v_standing.generated = '{}') then
      if v_count.fails > 0 and (not v_may_empty or new.is_required and new.required_from is null) then
        perform engine.refuse_losses(old, new.type, v_count);
      end if;
      perform engine.queue_type_change(old, v_target, v_standing, v_may_empty, v_count.fails);
      -- Until the job is done, the field is what it was.
      new.type := old.type;
      new.settings := old.settings;
      new.options := old.options;
      new.default_value := old.default_value;
      return new;
    end if;
  end if;
  if v_standing is not null then
    begin
      -- Nobody adds a value that does not fit between the count and the conversion.
      execute format('lock table %I.%I in share row exclusive mode', v_standing.schema_name, v_standing.table_name);
    exception when lock_not_available or deadlock_detected then
      raise exception 'The table % is busy, so the change was not made.', v_standing.table_name
        using errcode = 'RV021', hint = 'Somebody is working with it in a long transaction. Try again in a moment.';
    end;
    v_count := case when v_is_link then engine.count_links(old, v_target, v_standing) else engine.count_conversion(old, v_target, v_standing) end;
    if v_count.fails > 0 and (not v_may_empty or new.is_required and new.required_from is null) then
      perform engine.refuse_losses(old, new.type, v_count);
    end if;
    v_is_plain := v_count.is_identical and v_standing.generated = '{}';
    if not v_is_plain then
      new.revision := engine.next_revision(old);
      perform engine.retire_columns(old, v_standing);
    end if;
    insert into metadata.type_changes (workspace_id, field_id, from_type, from_settings, from_options, from_default_value, from_revision, to_type, to_settings, to_options, to_default_value, to_revision, failed_values, status, changed_at)
    values (old.workspace_id, old.id, old.type,
      old.settings || case when old.type in ('FORMULA', 'ROLLUP') then jsonb_build_object('resultType', old.result_type, 'compiled', old.compiled) else '{}' end,
      old.options, old.default_value, old.revision, new.type, v_target.settings, v_target.options, new.default_value, new.revision, v_count.fails, case when v_is_plain then 'DONE' else 'RUNNING' end, v_moment);
  end if;
  if v_is_link and new.type = 'MANY_TO_MANY' then
    new.junction_field_id := null;
    v_target.settings := v_target.settings - 'onDelete' || (
      select jsonb_build_object('targetObjectId', r.target_object_id, 'inverseLabel', r.inverse_label, 'inverseName', r.inverse_name)
      from metadata.relations r where r.field_id = old.id and r.deleted_at is null);
    update metadata.relations r set deleted_at = v_moment where r.field_id = old.id and r.deleted_at is null;
  elsif v_is_link and new.type = 'RELATION' and old.type = 'MORPH_RELATION' then
    update metadata.relations r set deleted_at = v_moment where r.field_id = old.id and r.deleted_at is null and r.id <> (engine.kept_relation(old, new.settings)).id;
    v_target.settings := v_target.settings - 'targetObjectId';
  end if;
  -- How values were to be read is of no use to the field afterwards.
  new.settings := v_target.settings - '{dayOrder,currencyCode}'::text[];
  new.options := v_target.options;
  new.result_type := null;
  new.compiled := null;
  return new;
end
$$;
create or replace trigger _050_convert before update of type on metadata.fields for each row
  when (new.type <> old.type and new.revision = old.revision and new.deleted_at is null and old.deleted_at is null) execute function engine.tg_fields__convert();

-- A relation to one that becomes one to many is joined as a new one is.
create or replace trigger _200_join_changed after update of type on metadata.fields for each row
  when (new.type = 'MANY_TO_MANY' and old.type <> 'MANY_TO_MANY' and new.junction_field_id is null) execute function engine.tg_fields__join();

-- The field as it was before a change of its type.
create or replace function engine.field_before(f metadata.fields, c metadata.type_changes) returns metadata.fields
language plpgsql stable set search_path = ''
as $$
begin
  f.type := (c).from_type;
  f.settings := (c).from_settings - '{resultType,compiled}'::text[];
  f.options := (c).from_options;
  f.default_value := (c).from_default_value;
  f.revision := (c).from_revision;
  f.result_type := (c).from_settings ->> 'resultType';
  f.compiled := nullif((c).from_settings -> 'compiled', 'null');
  return f;
end
$$;

-- The columns that held the values before, as SQL by part: those that were kept, or what a formula
-- that was computed on reading comes to.
create or replace function engine.former_columns(f metadata.fields, alias text) returns jsonb
language sql stable set search_path = ''
as $$
  select case when (f).type in ('FORMULA', 'ROLLUP') then (
      select jsonb_object_agg(c.part, engine.formula_sql((f).compiled, c.part, alias)) from engine.field_type_columns c where c.type = (f).result_type)
    else (
      select engine.qualified(jsonb_object_agg(regexp_replace(r.key, '^[^.]*\.?', ''), r.name), alias)
      from engine.retired_columns r where r.field_id = (f).id and r.revision = (f).revision) end
$$;

create or replace function engine.live_columns(f metadata.fields, alias text) returns jsonb
language sql stable set search_path = ''
as $$
  select engine.qualified(jsonb_object_agg(c.part, engine.snake_case((f).name) || c.suffix), alias)
  from engine.field_type_columns c where c.type = engine.plain_type(f)
$$;

create or replace function engine.same_sql(a jsonb, b jsonb) returns text
language sql immutable set search_path = ''
as $$ select coalesce(string_agg(format('%s is not distinct from %s', e.value, b ->> e.key), ' and '), 'true') from jsonb_each_text(a) e $$;

-- The statement that fills the new columns of a change from the old, for all records or those of a condition.
create or replace function engine.conversion_update(f metadata.fields, before metadata.fields, schema_name text, table_name text, columns jsonb, condition text default null) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_old jsonb := engine.former_columns(before, 't');
  v_new jsonb := engine.conversion_sql(before, f, v_old);
begin
  return format('update %I.%I t set %s where %s', schema_name, table_name,
    (select string_agg(format('%I = %s', split_part(columns ->> e.key, '.', 2), e.value), ', ' order by e.key) from jsonb_each_text(v_new) e),
    coalesce(condition, engine.presence_sql(engine.plain_type(before), v_old)));
end
$$;

-- Deleted records are converted as well, so that they can be restored as what their object is now.
create or replace function engine.conversion_of_trash(f metadata.fields, before metadata.fields, schema_name text, table_name text) returns text
language sql stable set search_path = ''
as $$
  select format('update %1$I.trash x set data = x.data || (select jsonb_build_object(%2$s) from jsonb_populate_record(null::%1$I.%3$I, x.data) t) where x.object_id = %4$L and x.data ?| %5$L::text[]',
    schema_name, (select string_agg(format('%L, %s', engine.snake_case((f).name) || c.suffix, e.value), ', ' order by e.key)
      from jsonb_each_text(engine.conversion_sql(before, f, engine.former_columns(before, 't'))) e join engine.field_type_columns c on c.type = (f).type and c.part = e.key),
    table_name, (f).object_id, (select array_agg(r.name) from engine.retired_columns r where r.field_id = (f).id and r.revision = (before).revision))
  where (f).type <> 'MANY_TO_MANY' and (before).type not in ('FORMULA', 'ROLLUP')
$$;

-- Fills of the columns that this transaction makes for changed types; one a field.
create or replace function engine.conversion_steps(schema_name text)
returns table (field_id uuid, object_id uuid, column_key text, table_name text, statement text)
language plpgsql stable set search_path = ''
as $$
declare
  v_change metadata.type_changes;
  f metadata.fields;
  b metadata.fields;
begin
  for v_change in
    select c.* from core.workspaces w join metadata.type_changes c on c.workspace_id = w.id and c.status = 'RUNNING'
    join metadata.fields x on x.id = c.field_id and x.revision = c.to_revision
    where w.schema_name = conversion_steps.schema_name
  loop
    select x.* into f from metadata.fields x where x.id = v_change.field_id;
    b := engine.field_before(f, v_change);
    f.settings := v_change.to_settings || f.settings;
    field_id := f.id;
    object_id := f.object_id;
    column_key := engine.column_key(f.id, f.revision, '');
    select o.table_name into table_name from metadata.objects o where o.id = f.object_id;
    statement := case when f.type = 'MANY_TO_MANY' then engine.links_insert(f, b, schema_name, table_name)
      else engine.conversion_update(f, b, schema_name, table_name,
        (select jsonb_object_agg(c.part, format('t.%s', engine.snake_case(f.name) || c.suffix)) from engine.field_type_columns c where c.type = f.type)) end;
    return next;
    statement := engine.conversion_of_trash(f, b, schema_name, table_name);
    return next;
  end loop;
end
$$;

-- The links that a relation to one becomes.
create or replace function engine.links_insert(f metadata.fields, before metadata.fields, schema_name text, table_name text) returns text
language sql stable set search_path = ''
as $$
  select format('insert into %1$I.%2$I (%3$I, %4$I) select t.id, t.%5$I from %1$I.%6$I t where t.%5$I is not null',
    schema_name, j.table_name, engine.snake_case(near.name) || '_id', engine.snake_case(far.name) || '_id', r.name, links_insert.table_name)
  from metadata.fields near
  join metadata.objects j on j.id = near.object_id
  join metadata.fields far on far.object_id = j.id and far.id <> near.id and exists (select from metadata.fields m where m.junction_field_id = far.id)
  join engine.retired_columns r on r.field_id = (f).id and r.revision = (before).revision
  where near.id = (f).junction_field_id
$$;

-- Rules and indexes of the field are judged again, as if they were made now.
create or replace function engine.tg_fields__judge_rules() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_what text;
  r record;
begin
  for r in
    select 'rules' as of, u.id, engine.rule_text(u) as label from metadata.rules u
    where u.object_id = new.object_id and (u.field_id = new.id or u.settings -> 'fieldIds' ? new.id::text or new.id in (select engine.formula_fields(u.compiled)))
    union all
    select 'indexes', x.id, x.name from metadata.indexes x
    where x.object_id = new.object_id and (x.parts @> jsonb_build_array(jsonb_build_object('fieldId', new.id)) or new.id in (select engine.formula_fields(x.compiled)))
  loop
    v_what := case r.of when 'rules' then 'rule' else 'index' end;
    execute format('update metadata.%I set compiled = null where id = $1', r.of) using r.id;
  end loop;
  return null;
exception when others then
  if sqlstate not like 'RV%' then
    raise;
  end if;
  raise exception 'The % "%" does not allow this change of "%": %', v_what, r.label, new.label, sqlerrm
    using errcode = 'RV072', column = 'type', hint = format('Change or delete the %s first.', v_what);
end
$$;
create or replace trigger _500_judge_rules after update of type on metadata.fields for each row
  when (new.type <> old.type) execute function engine.tg_fields__judge_rules();
--! EndIncluded engine/convert/change.sql
--! Included engine/convert/undo.sql
-- Undoing a change of type: the former columns are the field's again. Records that were written
-- since are converted back where the types allow it; the others keep what they had before.

create or replace function engine.assert_undoable(c metadata.type_changes, f metadata.fields) returns void
language plpgsql stable set search_path = ''
as $$
begin
  if (c).status <> 'DONE' or (f).type <> (c).to_type or (f).revision <> (c).to_revision
    or exists (select from metadata.type_changes o where o.field_id = (c).field_id and o.changed_at > (c).changed_at and o.status = 'DONE') then
    raise exception 'The type of "%" has been changed again since, or back.', (f).label using errcode = 'RV074', column = 'id', hint = 'Undo the latest change first.';
  end if;
  if (c).from_revision <> (c).to_revision and (c).from_type not in ('FORMULA', 'ROLLUP')
    and not exists (select from engine.retired_columns r where r.field_id = (c).field_id and r.revision = (c).from_revision) then
    raise exception 'The former values of "%" are not kept any more.', (f).label using errcode = 'RV074', column = 'id', hint = 'Change the type again instead: update metadata.fields set type = ….';
  end if;
  if (c).from_type = 'AUTO_NUMBER' then
    raise exception 'Numbers that were given out cannot be taken up again.' using errcode = 'RV074', column = 'id', hint = 'Add a field of type AUTO_NUMBER instead.';
  end if;
end
$$;

-- Brings the former columns up to what was written since. Returns the number of records converted back.
create or replace function engine.convert_back(f metadata.fields, before metadata.fields, standing engine.standing_field) returns bigint
language plpgsql volatile set search_path = ''
as $$
declare
  v_old jsonb := engine.former_columns(before, 't');
  v_live jsonb := engine.qualified((standing).names, 't');
  v_back jsonb;
  v_count bigint;
  v_junction record;
begin
  perform engine.set_quiet(true);
  if (f).type = 'MANY_TO_MANY' then
    select j.table_name, engine.snake_case(near.name) || '_id' as near, engine.snake_case(far.name) || '_id' as far, r.name as former into v_junction
    from metadata.fields near
    join metadata.objects j on j.id = near.object_id
    join metadata.fields far on far.object_id = j.id and far.id <> near.id and exists (select from metadata.fields m where m.junction_field_id = far.id)
    join engine.retired_columns r on r.field_id = (f).id and r.revision = (before).revision
    where near.id = (f).junction_field_id;
    -- Of several links the one that was there before, else the oldest.
    execute format('update %1$I.%2$I t set %3$I = (select j.%4$I from %1$I.%5$I j where j.%6$I = t.id order by j.%4$I is not distinct from t.%3$I desc, j.created_at, j.id limit 1)
      where not exists (select from %1$I.%5$I j where j.%6$I = t.id and j.%4$I = t.%3$I) and (t.%3$I is not null or exists (select from %1$I.%5$I j where j.%6$I = t.id))',
      (standing).schema_name, (standing).table_name, v_junction.former, v_junction.far, v_junction.table_name, v_junction.near);
  else
    v_back := engine.conversion_sql(f, before, v_live);
    if v_back is not null then
      execute format('update %I.%I t set %s where not (%s) and (%s or %s)', (standing).schema_name, (standing).table_name,
        (select string_agg(format('%s = %s', split_part(o.value, '.', 2), coalesce(v_back ->> o.key, 'null')), ', ') from jsonb_each_text(v_old) o),
        engine.same_sql(engine.conversion_sql(before, f, v_old), v_live),
        -- A blank and nothing are alike.
        engine.presence_sql(engine.plain_type(before), v_old), engine.presence_sql(engine.plain_type(f), v_live));
    end if;
  end if;
  get diagnostics v_count = row_count;
  perform engine.set_quiet(false);
  return case when (f).type <> 'MANY_TO_MANY' and v_back is null then -1 else v_count end;
end
$$;

create or replace function metadata.undo_type_change(id uuid) returns jsonb
language plpgsql volatile security definer set search_path = '' set lock_timeout = '2s'
as $$
declare
  v_change metadata.type_changes;
  f metadata.fields;
  b metadata.fields;
  v_standing engine.standing_field;
  v_table text;
  v_schema text;
  v_junction uuid;
  v_count bigint := 0;
begin
  select c.* into v_change from metadata.type_changes c where c.id = undo_type_change.id;
  if not found then
    raise exception 'There is no such change of a type.' using errcode = 'RV074', column = 'id', hint = 'metadata.type_changes lists them.';
  end if;
  perform engine.assert_manages(v_change.workspace_id);
  select x.* into f from metadata.fields x where x.id = v_change.field_id;
  perform engine.note_change(f.workspace_id, array[f.object_id]);
  -- Somebody may have been faster.
  select c.* into v_change from metadata.type_changes c where c.id = undo_type_change.id;
  select x.* into f from metadata.fields x where x.id = v_change.field_id;
  perform engine.assert_undoable(v_change, f);
  b := engine.field_before(f, v_change);
  if v_change.from_revision = v_change.to_revision and b.type not in ('FORMULA', 'ROLLUP') then
    update metadata.fields x set type = b.type, settings = b.settings, options = b.options, default_value = b.default_value where x.id = f.id;
    delete from metadata.type_changes c where c.field_id = f.id and c.changed_at > v_change.changed_at and c.from_revision = c.to_revision;
  else
    select w.schema_name, o.table_name into v_schema, v_table from core.workspaces w join metadata.objects o on o.workspace_id = w.id where o.id = f.object_id;
    v_standing := coalesce(engine.standing_field(f), (v_schema, v_table, 0, '{}', '{}', '{}', '{}')::engine.standing_field);
    begin
      execute format('lock table %I.%I in share row exclusive mode', v_schema, v_standing.table_name);
    exception when lock_not_available or deadlock_detected then
      raise exception 'The table % is busy, so the change was not made.', v_standing.table_name
        using errcode = 'RV021', hint = 'Somebody is working with it in a long transaction. Try again in a moment.';
    end;
    if b.type in ('FORMULA', 'ROLLUP') then
      -- Computed anew.
      b.revision := engine.next_revision(f);
    else
      v_count := engine.convert_back(f, b, v_standing);
      delete from engine.retired_columns r where r.field_id = f.id and r.revision = b.revision;
    end if;
    if f.type <> 'MANY_TO_MANY' then
      perform engine.retire_columns(f, v_standing);
    end if;
    select near.object_id into v_junction from metadata.fields near where near.id = f.junction_field_id;
    update metadata.fields x set type = b.type, settings = b.settings, options = b.options, default_value = b.default_value, revision = b.revision, junction_field_id = null, compiled = null
    where x.id = f.id;
    update metadata.objects o set deleted_at = clock_timestamp(), deleted_by_name = (engine.current_actor()).name where o.id = v_junction;
  end if;
  update metadata.relations r set deleted_at = null where r.field_id = f.id and r.deleted_at = v_change.changed_at;
  update metadata.type_changes c set status = 'UNDONE' where c.id = v_change.id;
  return jsonb_build_object('fieldId', f.id, 'type', b.type, 'convertedBack', greatest(v_count, 0), 'note', case
    when v_count < 0 then 'The values are those from before the change. What was written since does not convert back.'
    when v_count > 0 then format('%s records were written since, and were converted back.', v_count)
    else 'The values are those from before the change.' end);
end
$$;
comment on function metadata.undo_type_change(uuid) is 'Gives a field the type and the values that it had before a change of its type. Possible until the grace period ends.';
grant execute on function metadata.undo_type_change(uuid) to relvar_crm;

-- With a field go the columns that were kept for it.
create or replace function engine.tg_fields__forget_columns() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  delete from engine.retired_columns r where r.field_id = old.id;
  return null;
end
$$;
create or replace trigger _300_forget_columns after delete on metadata.fields for each row execute function engine.tg_fields__forget_columns();
--! EndIncluded engine/convert/undo.sql
--! Included engine/online/conversion.sql
-- Changing a type while everybody goes on working: new columns beside the old, a trigger that fills
-- them as records are written, a job that fills them for the records that are there, and at the end
-- one short lock in which the names change.

-- A field's present columns as SQL by part. What is computed on reading is not there for a trigger.
create or replace function engine.source_columns(f metadata.fields, alias text) returns jsonb
language sql stable set search_path = ''
as $$
  select case when (f).type in ('FORMULA', 'ROLLUP') and engine.is_generated(f)
    then (select jsonb_object_agg(c.part, engine.formula_sql((f).compiled, c.part, alias)) from engine.field_type_columns c where c.type = (f).result_type)
    else engine.live_columns(f, alias) end
$$;

create or replace function engine.field_after(f metadata.fields, c metadata.type_changes) returns metadata.fields
language plpgsql stable set search_path = ''
as $$
begin
  f.type := (c).to_type;
  f.settings := (c).to_settings;
  f.options := (c).to_options;
  f.default_value := (c).to_default_value;
  f.revision := (c).to_revision;
  f.result_type := null;
  f.compiled := null;
  return f;
end
$$;

create or replace function engine.conversion_assignments(c metadata.type_changes, alias text default 'new', separator text default '; ', target text default 'new.') returns text
language sql stable set search_path = ''
as $$
  select string_agg(format('%s%I = %s', target, p.name, e.value), separator order by p.part) || case separator when '; ' then ';' else '' end
  from metadata.fields f
  cross join lateral jsonb_each_text(engine.conversion_sql(f, engine.field_after(f, c), engine.source_columns(f, alias))) e
  join engine.pending_columns((c).workspace_id, array[f.object_id]) p on p.change_id = (c).id and p.part = e.key
  where f.id = (c).field_id
$$;

-- Fills the next records by id. Returns the last of them, null when there are no more.
create or replace function engine.conversion_batch(change_id uuid, after_id uuid, batch_size int) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_change metadata.type_changes;
  v_table text;
  v_schema text;
  v_last uuid;
begin
  select c.* into v_change from metadata.type_changes c where c.id = change_id and c.status = 'RUNNING';
  select o.table_name, w.schema_name into v_table, v_schema
  from metadata.fields f join metadata.objects o on o.id = f.object_id join core.workspaces w on w.id = f.workspace_id where f.id = v_change.field_id and f.deleted_at is null;
  if v_table is null then
    return null;
  end if;
  perform engine.set_quiet(true);
  execute format('with b as (select t.id from %1$I.%2$I t where $1 is null or t.id > $1 order by t.id limit $2),
      u as (update %1$I.%2$I t set %3$s from b where t.id = b.id)
    select max(b.id::text)::uuid from b', v_schema, v_table, engine.conversion_assignments(v_change, 't', ', ', '')) into v_last using after_id, batch_size;
  perform engine.set_quiet(false);
  return v_last;
end
$$;

-- Puts a change of type off to a job: the field stays what it is until then.
create or replace function engine.queue_type_change(f metadata.fields, t metadata.fields, standing engine.standing_field, may_empty boolean, failed bigint) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_revision int := engine.next_revision(f);
begin
  insert into metadata.type_changes (workspace_id, field_id, from_type, from_settings, from_options, from_default_value, from_revision, to_type, to_settings, to_options, to_default_value, to_revision, failed_values, status)
  values ((f).workspace_id, (f).id, (f).type,
    (f).settings || case when (f).type in ('FORMULA', 'ROLLUP') then jsonb_build_object('resultType', (f).result_type, 'compiled', (f).compiled) else '{}' end,
    (f).options, (f).default_value, (f).revision, (t).type, (t).settings || case when may_empty then '{"onFailure": "EMPTY"}' else '{}'::jsonb end, (t).options, (t).default_value, v_revision, failed, 'RUNNING');
  insert into metadata.online_changes (workspace_id, object_id, key, kind, statement, rows_total)
  values ((f).workspace_id, (f).object_id, 'field ' || engine.column_key((f).id, v_revision, ''), 'TYPE', format('%s: %s to %s', (f).label, engine.type_label((f).type), engine.type_label((t).type)), (standing).row_estimate);
  perform engine.add_online_job((f).workspace_id);
end
$$;

-- The end of it: the new columns become the field's. Refuses when values do not fit that were
-- written meanwhile.
create or replace function engine.finish_type_change(change_id uuid) returns boolean
language plpgsql volatile security definer set search_path = '' set lock_timeout = '2s'
as $$
declare
  v_change metadata.type_changes;
  f metadata.fields;
  t metadata.fields;
  v_schema text;
  v_table text;
  v_has text;
  v_gets text;
  v_fails bigint;
  v_sample text;
begin
  select c.* into v_change from metadata.type_changes c where c.id = change_id and c.status = 'RUNNING';
  select x.* into f from metadata.fields x where x.id = v_change.field_id and x.deleted_at is null and x.revision = v_change.from_revision;
  if f.id is null then
    return false;
  end if;
  perform engine.note_change(f.workspace_id, array[f.object_id]);
  select w.schema_name, o.table_name into v_schema, v_table from core.workspaces w join metadata.objects o on o.workspace_id = w.id where o.id = f.object_id;
  execute format('lock table %I.%I in share row exclusive mode', v_schema, v_table);
  t := engine.field_after(f, v_change);
  v_has := engine.presence_sql(engine.plain_type(f), engine.source_columns(f, 't'));
  v_gets := engine.presence_sql(t.type, (select jsonb_object_agg(p.part, format('t.%I', p.name)) from engine.pending_columns(f.workspace_id, array[f.object_id]) p where p.change_id = v_change.id));
  execute format('select count(*), min(left((%s)::text, 40)) from %I.%I t where %s and not %s', engine.source_text(f, engine.source_columns(f, 't')), v_schema, v_table, v_has, v_gets) into v_fails, v_sample;
  if v_fails > 0 and (v_change.to_settings ->> 'onFailure' is distinct from 'EMPTY' or f.is_required) then
    raise exception '% values of "%" do not fit the type %, such as "%".', v_fails, f.label, engine.type_label(t.type), v_sample using errcode = 'RV071',
      hint = 'They were written while the others were converted. Correct them and change the type again.';
  end if;
  if f.type not in ('FORMULA', 'ROLLUP') then
    perform engine.retire_columns(f, engine.standing_field(f));
  end if;
  update metadata.type_changes c set failed_values = v_fails, status = 'DONE', changed_at = clock_timestamp() where c.id = v_change.id;
  update metadata.fields x set type = t.type, settings = t.settings - '{dayOrder,currencyCode,onFailure}'::text[], options = t.options, default_value = t.default_value, revision = t.revision, compiled = null, result_type = null
  where x.id = f.id;
  delete from engine.pending p where p.workspace_id = f.workspace_id;
  perform engine.apply(f.workspace_id, array[f.object_id]);
  if f.type not in ('FORMULA', 'ROLLUP') then
    t.settings := v_change.to_settings;
    execute engine.conversion_of_trash(t, f, v_schema, v_table);
  end if;
  return true;
end
$$;

-- Gives a change up: what was made for it goes.
create or replace function engine.cancel_type_change(change_id uuid) returns void
language plpgsql volatile security definer set search_path = '' set lock_timeout = '2s'
as $$
declare
  v_field metadata.fields;
begin
  delete from metadata.type_changes c using metadata.fields f where c.id = change_id and c.status = 'RUNNING' and f.id = c.field_id returning f.* into v_field;
  if found then
    perform engine.note_change(v_field.workspace_id, array[v_field.object_id]);
  end if;
end
$$;
--! EndIncluded engine/online/conversion.sql
--! Included engine/online/work.sql
-- What the job asks before each change: the statements to run, as the model and the catalogue are at
-- this moment. Whatever was done before it died is there to be seen, so it goes on from there.

create or replace function engine.online_work(change_id uuid) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  c metadata.online_changes;
  d engine.difference;
  v_schema text;
  v_table text;
  v_index record;
  v_check text;
  v_drop text[] := '{}';
begin
  select x.* into c from metadata.online_changes x where x.id = change_id and x.status <> 'DONE';
  select w.schema_name, o.table_name into v_schema, v_table from core.workspaces w join metadata.objects o on o.workspace_id = w.id where o.id = c.object_id;
  if v_table is null then
    return '{"kind": "NOTHING"}';
  end if;
  if c.kind = 'TYPE' then
    return jsonb_build_object('kind', 'TYPE', 'changeId', (
      select t.id from metadata.type_changes t join metadata.fields f on f.id = t.field_id
      where t.status = 'RUNNING' and c.key = 'field ' || engine.column_key(t.field_id, t.to_revision, '') and f.deleted_at is null));
  elsif c.kind = 'BACKFILL' then
    return jsonb_build_object('kind', 'BACKFILL', 'fieldId', substring(c.key from '^column ([0-9a-f-]{36})'));
  end if;
  select x.* into d from engine.difference(c.workspace_id, v_schema, array[c.object_id]) x where x.kind || ' ' || x.key = c.key and not x.is_extra;
  case c.kind
    when 'INDEX' then
      if d.key is null then
        return '{"kind": "NOTHING"}';
      end if;
      -- A build that was interrupted leaves an index that is not valid; one that ended just before
      -- the end of the job lacks only its comment.
      select i.indisvalid as is_valid, pg_catalog.obj_description(i.indexrelid, 'pg_class') is null as is_bare into v_index
      from pg_catalog.pg_index i where i.indexrelid = to_regclass(format('%I.%I', v_schema, (d.want).name))::oid and i.indrelid = to_regclass(format('%I.%I', v_schema, v_table))::oid;
      if not d.is_missing then
        v_drop := array[(d.have).name];
      elsif not v_index.is_valid then
        v_drop := array[(d.want).name];
      end if;
      return jsonb_build_object('kind', 'INDEX', 'name', format('%I.%I', v_schema, (d.want).name),
        'drop', (select coalesce(jsonb_agg(format('drop index concurrently if exists %I.%I', v_schema, n)), '[]') from unnest(v_drop) n),
        'create', case when not (d.is_missing and coalesce(v_index.is_valid and v_index.is_bare, false) and c.attempts > 1) then
          case when (d.want).definition like 'unique %' then format('create unique index concurrently %I on %I.%I %s', (d.want).name, v_schema, v_table, substr((d.want).definition, 8))
            else format('create index concurrently %I on %I.%I %s', (d.want).name, v_schema, v_table, (d.want).definition) end end,
        'comment', format('comment on index %I.%I is %L', v_schema, (d.want).name, (d.want).comment));
    when 'VALIDATE' then
      return case when d.key is null then '{"kind": "NOTHING"}' else
        jsonb_build_object('kind', 'VALIDATE', 'statement', format('alter table %I.%I validate constraint %I', v_schema, v_table, (d.have).name)) end;
    when 'NOT_NULL' then
      -- A check that was found true lets SET NOT NULL believe it, without a look at the table.
      v_check := 'relvar_filled_' || left(md5(c.key), 12);
      if d.key is null or not (d.want).not_null or (d.have).not_null then
        return jsonb_build_object('kind', 'VALIDATE', 'statement', format('alter table %I.%I drop constraint if exists %I', v_schema, v_table, v_check));
      end if;
      return jsonb_build_object('kind', 'NOT_NULL',
        'add', case when not exists (select from pg_catalog.pg_constraint k where k.conname = v_check and k.conrelid = to_regclass(format('%I.%I', v_schema, v_table))::oid)
          then format('alter table %I.%I add constraint %I check (%I is not null) not valid', v_schema, v_table, v_check, (d.have).name) end,
        'validate', format('alter table %I.%I validate constraint %I', v_schema, v_table, v_check),
        'finish', format('alter table %I.%I alter column %I set not null, drop constraint %I', v_schema, v_table, (d.have).name, v_check),
        'cleanUp', format('alter table %I.%I drop constraint if exists %I', v_schema, v_table, v_check));
  end case;
end
$$;

-- The next change of a workspace: those that others wait for come first.
create or replace function engine.next_online_change(workspace_id uuid) returns metadata.online_changes
language sql stable security definer set search_path = ''
as $$
  select c from metadata.online_changes c where c.workspace_id = next_online_change.workspace_id and c.status in ('QUEUED', 'RUNNING')
  order by c.attempts, array_position('{TYPE,BACKFILL,NOT_NULL,VALIDATE,INDEX}', c.kind), c.created_at limit 1
$$;

-- Tells everybody that the model is what it should be, and the screens how far the job is.
create or replace function engine.note_online(change_id uuid, status text, error text default null) returns void
language plpgsql volatile security definer set search_path = '' set lock_timeout = '2s'
as $$
declare
  c metadata.online_changes;
begin
  update metadata.online_changes x set status = note_online.status, error = note_online.error,
    attempts = x.attempts + case note_online.status when 'RUNNING' then 1 else 0 end,
    started_at = case note_online.status when 'RUNNING' then clock_timestamp() else x.started_at end,
    finished_at = case when note_online.status in ('DONE', 'FAILED') then clock_timestamp() end,
    rows_done = case note_online.status when 'DONE' then coalesce(x.rows_total, x.rows_done) else x.rows_done end
  where x.id = change_id returning * into c;
  if note_online.status = 'DONE' and c.kind in ('NOT_NULL', 'BACKFILL', 'VALIDATE') then
    perform engine.apply(c.workspace_id, array[c.object_id]);
  else
    perform pg_notify('relvar_model', json_build_object('workspace', w.id, 'version', w.model_version, 'shape', w.shape)::text) from core.workspaces w where w.id = c.workspace_id;
  end if;
end
$$;

-- Jobs that nobody does: an hour in the queue, or given up.
create or replace function engine.stuck_online_changes() returns table (workspace text, kind text, statement text, status text, error text, created_at timestamptz)
language sql stable security definer set search_path = ''
as $$
  select w.slug, c.kind, c.statement, c.status, c.error, c.created_at
  from metadata.online_changes c join core.workspaces w on w.id = c.workspace_id
  where c.status = 'FAILED' or c.status <> 'DONE' and coalesce(c.started_at, c.created_at) < now() - interval '1 hour'
$$;
comment on function engine.stuck_online_changes() is 'Online changes that failed or that no worker has taken for an hour.';
--! EndIncluded engine/online/work.sql
--! Included engine/online/lock.sql
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
  foreach v_table in array array['objects', 'fields', 'relations', 'rules', 'indexes', 'views', 'view_fields', 'aliases'] loop
    execute format('create or replace trigger _000_lock before insert or update or delete on metadata.%I for each statement execute function engine.tg_metadata__lock()', v_table);
  end loop;
end
$$;
--! EndIncluded engine/online/lock.sql
--! Included engine/convert/preview.sql
-- What a change of type would come to, for who decides on it. Changes nothing.
create or replace function metadata.preview_conversion(field_id uuid, type text, settings jsonb default null, options jsonb default null) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  f metadata.fields;
  t metadata.fields;
  v_standing engine.standing_field;
  v_count engine.conversion_count;
  v_is_link boolean;
  v_in_place boolean;
  v_is_online boolean;
  v_problem text;
  v_hint text;
begin
  select x.* into f from metadata.fields x where x.id = field_id;
  if not found then
    raise exception 'There is no such field.' using errcode = 'RV011', column = 'field_id';
  end if;
  perform engine.assert_manages(f.workspace_id);
  v_standing := engine.standing_field(f);
  v_is_link := exists (select from engine.conversions c where c.from_type = f.type and c.to_type = preview_conversion.type and c.route = 'LINK');
  begin
    perform engine.assert_convertible(f, type);
    if v_is_link then
      perform engine.assert_link_convertible(f, type, coalesce(settings, f.settings));
    end if;
    t := engine.retyped(f, type, settings, options, v_standing);
  exception when sqlstate 'RV070' or sqlstate 'RV072' or sqlstate 'RV073' then
    get stacked diagnostics v_problem = message_text, v_hint = pg_exception_hint;
    return jsonb_build_object('total', 0, 'empty', 0, 'converts', 0, 'fails', 0, 'failures', '[]'::jsonb, 'samples', '[]'::jsonb, 'isPossible', false,
      'inPlace', false, 'lockLevel', null, 'rewrites', false, 'estimatedMs', 0, 'isOnline', false, 'note', concat_ws(' ', v_problem, v_hint));
  end;
  if v_standing is null then
    raise exception 'The field "%" has no column yet.', f.label using errcode = 'RV072', column = 'field_id', hint = 'Commit its creation first.';
  end if;
  v_count := case when v_is_link then engine.count_links(f, t, v_standing) else engine.count_conversion(f, t, v_standing) end;
  v_in_place := v_count.is_identical and v_standing.generated = '{}';
  v_is_online := not v_in_place and not v_is_link and v_count.total > (select s.online_rows from engine.settings s);
  return jsonb_build_object('total', v_count.total, 'empty', v_count.empty, 'converts', v_count.converts, 'fails', v_count.fails,
    'failures', v_count.failures, 'samples', v_count.samples, 'isPossible', v_count.fails = 0, 'inPlace', v_in_place,
    'lockLevel', 'AccessExclusive', 'rewrites', not v_in_place and not v_is_online,
    'estimatedMs', case when v_in_place or v_is_online then 5 else 5 + v_count.total / 40 end, 'isOnline', v_is_online,
    'options', t.options,
    'note', concat_ws(' ', case
      when v_in_place then 'The values stay as they are.'
      when v_is_online then 'A job converts the records in batches while everybody goes on working; then the field changes at once.'
      else 'The values are converted in one step, which keeps others from the table for that long.' end,
      case when v_count.fails > 0 then format('%s values do not fit. They are left empty if the settings say {"onFailure": "EMPTY"}.', v_count.fails) end,
      case when not v_in_place then 'The former values are kept, so that the change can be undone.' end));
end
$$;
comment on function metadata.preview_conversion(uuid, text, jsonb, jsonb) is 'What changing a field''s type would come to: how many values convert, which do not, whether it locks or rewrites. Changes nothing.';
grant execute on function metadata.preview_conversion(uuid, text, jsonb, jsonb) to relvar_crm;
--! EndIncluded engine/convert/preview.sql
--! Included metadata/aliases.sql
-- Who wrote a program against the API used the names of that day. A name that is given up stays known
-- as an alias, which the server understands in requests, until somebody releases it: deletes its row.
-- So nobody else takes it meanwhile. What is deleted keeps no name from anybody.

create or replace function engine.tg_objects__alias() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_owner text;
  v_name text;
begin
  if new.deleted_at is not null then
    return new;
  end if;
  select a.name, o.label_plural into v_name, v_owner
  from metadata.aliases a join metadata.objects o on o.id = a.object_id
  where a.workspace_id = new.workspace_id and a.field_id is null and a.object_id <> new.id and o.deleted_at is null
    and a.name in (new.name_singular, new.name_plural) limit 1;
  if found then
    raise exception '"%" is a former API name of "%", which programs may still use.', v_name, v_owner
      using errcode = 'RV015', column = case v_name when new.name_singular then 'name_singular' else 'name_plural' end,
        hint = 'Choose another name, or release that one first: delete it from the former names of "' || v_owner || '".';
  end if;
  -- A name that is taken up again is no alias any more.
  delete from metadata.aliases a
  where a.workspace_id = new.workspace_id and a.field_id is null and a.name in (new.name_singular, new.name_plural);
  -- Within the transaction that created it, nobody has seen the name.
  if tg_op = 'UPDATE' and old.deleted_at is null and old.created_at < now() then
    insert into metadata.aliases (workspace_id, object_id, kind, name)
    select new.workspace_id, new.id, v.kind, v.name
    from (values ('SINGULAR', old.name_singular, new.name_singular), ('PLURAL', old.name_plural, new.name_plural)) v (kind, name, present)
    where v.name <> v.present and v.name not in (new.name_singular, new.name_plural)
    on conflict (workspace_id, name) where field_id is null
      do update set object_id = excluded.object_id, kind = excluded.kind, created_at = excluded.created_at;
  end if;
  return new;
end
$$;
-- After the names have been made out of labels and found valid.
create or replace trigger _200_alias before insert or update of name_singular, name_plural, deleted_at on metadata.objects
  for each row execute function engine.tg_objects__alias();

create or replace function engine.tg_fields__alias() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_owner text;
begin
  if new.deleted_at is not null then
    return new;
  end if;
  select f.label into v_owner
  from metadata.aliases a join metadata.fields f on f.id = a.field_id
  where a.object_id = new.object_id and a.field_id <> new.id and f.deleted_at is null and a.name = new.name;
  if found then
    raise exception '"%" is a former API name of the field "%", which programs may still use.', new.name, v_owner
      using errcode = 'RV015', column = 'name',
        hint = 'Choose another name, or release that one first: delete it from the former names of "' || v_owner || '".';
  end if;
  delete from metadata.aliases a where a.object_id = new.object_id and a.field_id is not null and a.name = new.name;
  if tg_op = 'UPDATE' and old.name <> new.name and old.deleted_at is null and old.created_at < now() then
    insert into metadata.aliases (workspace_id, object_id, field_id, kind, name)
    values (new.workspace_id, new.object_id, new.id, 'FIELD', old.name)
    on conflict (object_id, name) where field_id is not null
      do update set field_id = excluded.field_id, created_at = excluded.created_at;
  end if;
  return new;
end
$$;
create or replace trigger _200_alias before insert or update of name, deleted_at on metadata.fields
  for each row execute function engine.tg_fields__alias();
--! EndIncluded metadata/aliases.sql
--! Included metadata/uses.sql
-- Who uses an object, a field or an option: formulas, rollups, rules, indexes, views, labels, the
-- ends of relations. Texts that people write are compiled to ids, so a use is found by the id,
-- whatever things are called. What is used is not deleted from under its users.

create or replace function engine.uses(workspace_id uuid, kind text, id uuid, option_value text default null)
returns table (user_kind text, user_id uuid, label text, object_id uuid, object_label text, how text, is_blocking boolean)
language plpgsql stable set search_path = ''
as $$
declare
  v_fields uuid[] := case uses.kind when 'object' then array(select f.id from metadata.fields f where f.object_id = uses.id) else array[uses.id] end;
  v_ids uuid[];
  v_pattern text;
begin
  -- Rollups go by the relation rather than the field, and an object is used through those that point to it.
  v_ids := v_fields || array(select r.id from metadata.relations r where r.workspace_id = uses.workspace_id
    and (r.field_id = any (v_fields) or uses.kind = 'object' and r.target_object_id = uses.id))
    || array(select r.field_id from metadata.relations r where r.workspace_id = uses.workspace_id and uses.kind = 'object' and r.target_object_id = uses.id);
  v_pattern := '(' || array_to_string(v_ids, '|') || ')';
  return query
  with live as materialized (
    select o.* from metadata.objects o
    where o.workspace_id = uses.workspace_id and o.deleted_at is null and (uses.kind <> 'object' or o.id <> uses.id)
  ), found (user_kind, user_id, label, object_id, how, is_blocking, uses_value) as (
    select lower(f.type), f.id, f.label, f.object_id, case f.type when 'FORMULA' then 'is computed from it' when 'ROLLUP' then 'sums it up' else 'takes its default from it' end, true,
      concat(f.compiled, f.settings)
    from metadata.fields f
    where f.workspace_id = uses.workspace_id and f.deleted_at is null and f.id <> all (v_fields)
      and (f.compiled is not null or f.type = 'ROLLUP') and concat(f.compiled, f.settings - 'expression') ~ v_pattern
    union all
    select 'rule', r.id, coalesce(nullif(r.message, ''), initcap(r.kind)), r.object_id, 'checks it', true, concat(r.settings, r.compiled)
    from metadata.rules r
    where r.workspace_id = uses.workspace_id and r.is_active and (r.field_id = any (v_ids) or concat(r.settings, r.compiled) ~ v_pattern)
      -- A junction's own rule, that two records are linked once, goes with it.
      and not exists (select from metadata.objects j where j.id = r.object_id and j.is_junction and r.kind = 'UNIQUE')
    union all
    select 'index', i.id, i.name, i.object_id, 'goes by it', true, i.compiled::text
    from metadata.indexes i
    where i.workspace_id = uses.workspace_id and concat(i.parts, i.compiled) ~ v_pattern
    union all
    select 'view', v.id, v.name, v.object_id, concat_ws(', ',
        case when v.group_field_id = any (v_ids) then 'groups by it' end, case when v.filter::text ~ v_pattern then 'filters by it' end,
        case when v.sorts::text ~ v_pattern then 'sorts by it' end,
        case when exists (select from metadata.view_fields c where c.view_id = v.id and c.field_id = any (v_ids)) then 'shows it' end), true, v.filter::text
    from metadata.views v
    where v.workspace_id = uses.workspace_id and (v.group_field_id = any (v_ids) or concat(v.filter, v.sorts) ~ v_pattern
      or exists (select from metadata.view_fields c where c.view_id = v.id and c.field_id = any (v_ids)))
    union all
    select 'object', o.id, o.label_plural, o.id, concat_ws(', ',
        case when o.label_field_id = any (v_ids) then 'names its records by it' end, case when o.image_field_id = any (v_ids) then 'shows it as the picture' end,
        case when o.duplicate_criteria::text ~ v_pattern then 'finds duplicates by it' end), true, null
    from live o
    where o.label_field_id = any (v_ids) or o.image_field_id = any (v_ids) or o.duplicate_criteria::text ~ v_pattern
    union all
    select 'field', f.id, f.label, f.object_id, 'leads through it', uses.kind = 'field', null
    from metadata.fields f
    where f.workspace_id = uses.workspace_id and f.deleted_at is null and f.junction_field_id = any (v_fields) and f.id <> all (v_fields)
    union all
    select 'field', f.id, f.label, f.object_id, 'points to it', false, null
    from metadata.relations r join metadata.fields f on f.id = r.field_id
    where uses.kind = 'object' and r.workspace_id = uses.workspace_id and r.target_object_id = uses.id and r.deleted_at is null and f.deleted_at is null
    union all
    select 'permission', p.id, ro.name, o.id, 'has rights of its own on it', false, null
    from metadata.object_permissions p join metadata.roles ro on ro.id = p.role_id join metadata.objects o on o.id = p.object_id
    where uses.kind = 'object' and p.workspace_id = uses.workspace_id and p.object_id = uses.id
    union all
    select 'default', f.id, f.label, f.object_id, 'is what new records get', true, f.default_value::text
    from metadata.fields f where uses.kind = 'option' and f.id = uses.id
  )
  select u.user_kind, u.user_id, u.label, u.object_id, coalesce(o.label_plural, ''), u.how, u.is_blocking
  from found u
  left join metadata.objects o on o.id = u.object_id
  where (u.user_kind = 'permission' or o.deleted_at is null and (uses.kind <> 'object' or u.object_id <> uses.id))
    and (uses.kind <> 'option' or strpos(u.uses_value, to_jsonb(uses.option_value)::text) > 0)
  order by u.is_blocking desc, u.user_kind, u.label, u.user_id;
end
$$;

-- Refuses in words, with the list.
create or replace function engine.assert_unused(workspace_id uuid, kind text, id uuid, label text, what text, option_value text default null) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_users text[];
begin
  v_users := array(select format('the %s "%s" of %s %s', case u.user_kind when 'default' then 'default of' else u.user_kind end, u.label, u.object_label, u.how)
    from engine.uses(workspace_id, kind, id, option_value) u where u.is_blocking);
  if v_users <> '{}' then
    raise exception '"%" cannot be %: %', label, what,
        array_to_string(v_users[1:3], '; ') || case when cardinality(v_users) > 3 then format('; and %s more', cardinality(v_users) - 3) else '' end || '.'
      using errcode = 'RV061', column = case kind when 'option' then 'options' else 'id' end, detail = array_to_string(v_users, E'\n'),
        hint = case kind when 'object' then 'Change or delete these first.'
          when 'option' then 'Choose another option to take its place: metadata.delete_option(field, value, replacement).'
          else 'Change or delete these first, or choose another field to take its place: metadata.delete_field(field, replacement).' end;
  end if;
end
$$;

create or replace function metadata.dependents(kind text, id uuid, option_value text default null) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace uuid;
  v_records bigint;
begin
  select f.workspace_id into v_workspace from (
    select f.id, f.workspace_id from metadata.fields f union all select o.id, o.workspace_id from metadata.objects o) f where f.id = dependents.id;
  perform engine.assert_member_of(v_workspace);
  if dependents.kind not in ('object', 'field', 'option') then
    raise exception 'Only an object, a field or an option has dependents, not "%".', dependents.kind using errcode = 'RV062', column = 'kind';
  end if;
  -- How many records have an option is for those who may see to them.
  if dependents.kind = 'option' and (engine.acts_as_administrator() or engine.role_manages_model(current_setting('role')::name)) then
    v_records := engine.count_option(dependents.id, dependents.option_value);
  end if;
  return (
    select coalesce(jsonb_agg(jsonb_build_object('kind', u.user_kind, 'id', u.user_id, 'label', u.label, 'objectId', u.object_id,
      'objectLabel', u.object_label, 'how', u.how, 'isBlocking', u.is_blocking)), '[]')
    from engine.uses(v_workspace, dependents.kind, dependents.id, dependents.option_value) u
  ) || case when v_records > 0 then (
    select jsonb_build_array(jsonb_build_object('kind', 'records', 'id', o.id, 'label', v_records::text, 'objectId', o.id, 'objectLabel', o.label_plural,
      'how', case when v_records = 1 then 'has it' else 'have it' end, 'isBlocking', true))
    from metadata.fields f join metadata.objects o on o.id = f.object_id where f.id = dependents.id) else '[]' end;
end
$$;
comment on function metadata.dependents(text, uuid, text) is
  'What uses an object, a field or an option of a field: kind, id, label, object and how. What is blocking must be changed before the thing can be deleted or switched off.';

-- Records that have an option.
create or replace function engine.count_option(field_id uuid, value text) returns bigint
language plpgsql stable set search_path = ''
as $$
declare
  v_count bigint;
  v_sql text;
begin
  select format('select count(*) from %I.%I where ', w.schema_name, o.table_name)
      || format(case f.type when 'MULTI_SELECT' then '%I @> array[%L]::text[]' else '%I = %L' end, engine.snake_case(f.name), value) into v_sql
  from metadata.fields f join metadata.objects o on o.id = f.object_id join core.workspaces w on w.id = f.workspace_id
  where f.id = field_id and f.type in ('SELECT', 'MULTI_SELECT') and f.deleted_at is null and o.deleted_at is null
    and to_regclass(format('%I.%I', w.schema_name, o.table_name)) is not null;
  if v_sql is null then
    return 0;
  end if;
  execute v_sql into v_count;
  return v_count;
end
$$;

create or replace function engine.tg_metadata__used() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_option text;
begin
  if tg_op = 'DELETE' then
    -- What is deleted already, or goes with its object or workspace, was judged with that.
    if old.deleted_at is not null or not engine.workspace_exists(old.workspace_id) then
      -- An upgrade of its application does not bring back what was dropped for good.
      if tg_table_name <> 'relations' then
        update metadata.applications a set removed = a.removed || old.universal_identifier where a.id = old.application_id and old.universal_identifier is not null;
      end if;
      return old;
    end if;
    case tg_table_name
      when 'objects' then
        perform engine.assert_unused(old.workspace_id, 'object', old.id, old.label_plural, 'deleted');
      when 'fields' then
        -- What names the records has a refusal of its own.
        if exists (select from metadata.objects o where o.id = old.object_id and o.label_field_id is distinct from old.id) then
          perform engine.assert_unused(old.workspace_id, 'field', old.id, old.label, 'deleted');
        end if;
      when 'relations' then
        if exists (select from metadata.objects o where o.id = old.target_object_id) and exists (select from metadata.fields f where f.id = old.field_id and f.deleted_at is null) then
          perform engine.assert_unused(old.workspace_id, 'field', old.id, old.inverse_label, 'deleted');
        end if;
    end case;
    return old;
  end if;
  if old.is_active and not new.is_active then
    case tg_table_name
      when 'objects' then perform engine.assert_unused(old.workspace_id, 'object', old.id, old.label_plural, 'switched off');
      when 'fields' then
        if exists (select from metadata.objects o where o.id = old.object_id and o.label_field_id is distinct from old.id) then
          perform engine.assert_unused(old.workspace_id, 'field', old.id, old.label, 'switched off');
        end if;
    end case;
  end if;
  if tg_table_name = 'fields' then
    if new.options is distinct from old.options and new.type = old.type and new.deleted_at is null then
      for v_option in
        select o ->> 'value' from jsonb_array_elements(old.options) o where not new.options @> jsonb_build_array(jsonb_build_object('value', o -> 'value'))
      loop
        if new.default_value is distinct from old.default_value and strpos(coalesce(new.default_value::text, ''), to_jsonb(v_option)::text) = 0 then
          -- The default is given up with the option.
          continue when not exists (select from engine.uses(old.workspace_id, 'option', old.id, v_option) u where u.user_kind <> 'default');
        end if;
        perform engine.assert_unused(old.workspace_id, 'option', old.id, v_option, 'removed', v_option);
      end loop;
    end if;
  end if;
  return new;
end
$$;
create or replace trigger _050_used before delete or update of is_active on metadata.objects for each row execute function engine.tg_metadata__used();
create or replace trigger _050_used before delete or update of is_active, options on metadata.fields for each row execute function engine.tg_metadata__used();
create or replace trigger _050_used before delete on metadata.relations for each row execute function engine.tg_metadata__used();

grant execute on function metadata.dependents(text, uuid, text) to relvar_crm;
--! EndIncluded metadata/uses.sql
--! Included metadata/replace.sql
-- Lets one field or option take the place of another wherever it is used, so that the other can go.

create or replace function engine.columns_alike(one metadata.fields, other metadata.fields) returns boolean
language sql stable set search_path = ''
  return coalesce((one).result_type, (one).type) = coalesce((other).result_type, (other).type)
    or (select array_agg((c.part, c.pg_type) order by c.part) from engine.field_type_columns c where c.type = coalesce((one).result_type, (one).type))
      = (select array_agg((c.part, c.pg_type) order by c.part) from engine.field_type_columns c where c.type = coalesce((other).result_type, (other).type));

create or replace function engine.replace_uses(workspace_id uuid, field_id uuid, with_field_id uuid) returns void
language plpgsql volatile set search_path = ''
as $$
#variable_conflict use_variable
declare
  v_old metadata.fields;
  v_new metadata.fields;
  r record;
begin
  select f.* into strict v_old from metadata.fields f where f.id = field_id;
  select f.* into strict v_new from metadata.fields f where f.id = with_field_id;
  if v_old.object_id <> v_new.object_id or v_old.id = v_new.id or v_new.deleted_at is not null or not v_new.is_active or not engine.columns_alike(v_old, v_new) then
    raise exception '"%" cannot take the place of "%".', v_new.label, v_old.label using errcode = 'RV064', column = 'with_field_id',
      hint = 'Choose another field of the same object whose values are of the same type.';
  end if;
  update metadata.objects o set
    label_field_id = case o.label_field_id when field_id then with_field_id else o.label_field_id end,
    image_field_id = case o.image_field_id when field_id then with_field_id else o.image_field_id end,
    duplicate_criteria = replace(o.duplicate_criteria::text, field_id::text, with_field_id::text)::jsonb
  where o.id = v_old.object_id and (field_id in (o.label_field_id, o.image_field_id) or o.duplicate_criteria::text ~ field_id::text);
  -- A formula is a text of names, which follow from what it compiled to.
  for r in
    select f.id, replace(f.compiled::text, field_id::text, with_field_id::text)::jsonb as compiled from metadata.fields f
    where f.workspace_id = replace_uses.workspace_id and f.deleted_at is null and f.type = 'FORMULA' and f.compiled::text ~ field_id::text
  loop
    update metadata.fields f set settings = f.settings || jsonb_build_object('expression', engine.formula_text(r.compiled)) where f.id = r.id;
  end loop;
  update metadata.fields f set settings = replace(f.settings::text, field_id::text, with_field_id::text)::jsonb
  where f.workspace_id = replace_uses.workspace_id and f.deleted_at is null and f.id <> field_id and f.settings::text ~ field_id::text;
  for r in
    select u.id, replace(u.compiled::text, field_id::text, with_field_id::text)::jsonb as compiled from metadata.rules u
    where u.workspace_id = replace_uses.workspace_id and u.compiled::text ~ field_id::text
  loop
    update metadata.rules u set condition = engine.formula_text(r.compiled) where u.id = r.id;
  end loop;
  update metadata.rules u set field_id = case u.field_id when replace_uses.field_id then with_field_id else u.field_id end,
    settings = replace(u.settings::text, replace_uses.field_id::text, with_field_id::text)::jsonb
  where u.workspace_id = replace_uses.workspace_id and (u.field_id = replace_uses.field_id or u.settings::text ~ replace_uses.field_id::text);
  for r in
    select i.id, replace(i.compiled::text, field_id::text, with_field_id::text)::jsonb as compiled from metadata.indexes i
    where i.workspace_id = replace_uses.workspace_id and i.compiled::text ~ field_id::text
  loop
    update metadata.indexes i set condition = engine.formula_text(r.compiled) where i.id = r.id;
  end loop;
  update metadata.indexes i set parts = replace(i.parts::text, field_id::text, with_field_id::text)::jsonb
  where i.workspace_id = replace_uses.workspace_id and i.parts::text ~ field_id::text;
  update metadata.views v set group_field_id = case v.group_field_id when field_id then with_field_id else v.group_field_id end,
    filter = replace(v.filter::text, field_id::text, with_field_id::text)::jsonb, sorts = replace(v.sorts::text, field_id::text, with_field_id::text)::jsonb
  where v.workspace_id = replace_uses.workspace_id and (v.group_field_id = field_id or concat(v.filter, v.sorts) ~ field_id::text);
  delete from metadata.view_fields c
  where c.workspace_id = replace_uses.workspace_id and c.field_id = replace_uses.field_id
    and exists (select from metadata.view_fields n where n.view_id = c.view_id and n.field_id = with_field_id);
  update metadata.view_fields c set field_id = with_field_id where c.workspace_id = replace_uses.workspace_id and c.field_id = replace_uses.field_id;
end
$$;

-- What the records say is changed after the model is reconciled, when both options are possible.
create or replace function engine.replace_option(workspace_id uuid, field_id uuid, value text, "with" text, is_plan boolean) returns void
language plpgsql volatile set search_path = ''
as $$
#variable_conflict use_variable
declare
  v_field metadata.fields;
  v_object metadata.objects;
  v_schema text;
  v_objects uuid[];
  r record;
begin
  select f.* into strict v_field from metadata.fields f where f.id = field_id;
  select o.* into strict v_object from metadata.objects o where o.id = v_field.object_id;
  if v_field.type not in ('SELECT', 'MULTI_SELECT') or value = "with"
    or not v_field.options @> jsonb_build_array(jsonb_build_object('value', value))
    or not v_field.options @> jsonb_build_array(jsonb_build_object('value', "with")) then
    raise exception '"%" cannot take the place of "%" in "%".', "with", value, v_field.label using errcode = 'RV064', column = 'with',
      hint = 'Both are options of the field: '
        || coalesce((select string_agg(o ->> 'value', ', ') from jsonb_array_elements(v_field.options) o), 'it has none') || '.';
  end if;
  update metadata.fields f set default_value = case f.type when 'SELECT' then to_jsonb("with")
    else (select jsonb_agg(distinct case e when value then "with" else e end) from jsonb_array_elements_text(f.default_value) e) end
  where f.id = field_id and strpos(f.default_value::text, to_jsonb(value)::text) > 0;
  update metadata.views v set filter = replace(v.filter::text, to_jsonb(value)::text, to_jsonb("with")::text)::jsonb
  where v.workspace_id = replace_option.workspace_id and v.filter::text ~ field_id::text and strpos(v.filter::text, to_jsonb(value)::text) > 0;
  for r in
    select 'fields' as what, f.id from metadata.fields f
    where f.workspace_id = replace_option.workspace_id and f.deleted_at is null and f.type = 'FORMULA' and f.compiled::text ~ field_id::text
    union all
    select 'rules', u.id from metadata.rules u where u.workspace_id = replace_option.workspace_id and u.compiled::text ~ field_id::text
    union all
    select 'indexes', i.id from metadata.indexes i where i.workspace_id = replace_option.workspace_id and i.compiled::text ~ field_id::text
  loop
    if r.what = 'fields' then
      update metadata.fields f set settings = f.settings || jsonb_build_object('expression', replace(f.settings ->> 'expression', to_jsonb(value)::text, to_jsonb("with")::text)) where f.id = r.id;
    else
      execute format('update metadata.%I t set condition = replace(t.condition, $1, $2) where t.id = $3', r.what) using to_jsonb(value)::text, to_jsonb("with")::text, r.id;
    end if;
  end loop;
  if is_plan then
    return;
  end if;
  delete from engine.pending p where p.workspace_id = replace_option.workspace_id returning p.objects into v_objects;
  if found then
    perform engine.apply(replace_option.workspace_id, v_objects);
  end if;
  select w.schema_name into v_schema from core.workspaces w where w.id = replace_option.workspace_id;
  execute engine.option_statement(v_schema, v_object.table_name, v_field, value, "with");
end
$$;

create or replace function engine.option_statement(schema_name text, table_name text, field metadata.fields, value text, "with" text) returns text
language sql immutable set search_path = ''
  return format(case (field).type
      when 'SELECT' then 'update %1$I.%2$I set %3$I = %4$L where %3$I = %5$L'
      -- A record that has both keeps one.
      else 'update %1$I.%2$I set %3$I = case when %3$I @> array[%4$L]::text[] then array_remove(%3$I, %5$L) else array_replace(%3$I, %5$L, %4$L) end where %3$I @> array[%5$L]::text[]' end,
    schema_name, table_name, engine.snake_case((field).name), "with", value);
--! EndIncluded metadata/replace.sql
--! Included metadata/create.sql
-- The two changes that need more than a row: an object comes with its name field, a relation with
-- its other side. Ids may be chosen by the caller, who can then refer to what is not there yet.

create or replace function metadata.create_object(
  label_singular text, label_plural text, name_singular text default null, name_plural text default null,
  description text default '', icon text default 'IconBox', color text default null, id uuid default null, workspace_id uuid default null
) returns metadata.objects
language plpgsql volatile set search_path = ''
as $$
declare
  v_object metadata.objects;
  v_field uuid;
begin
  insert into metadata.objects (id, workspace_id, name_singular, name_plural, label_singular, label_plural, description, icon, color, position)
  values (create_object.id, create_object.workspace_id, create_object.name_singular, create_object.name_plural,
    btrim(create_object.label_singular), btrim(create_object.label_plural), coalesce(create_object.description, ''),
    coalesce(create_object.icon, 'IconBox'), create_object.color,
    (select coalesce(max(o.position), 0) + 1 from metadata.objects o where create_object.workspace_id is null or o.workspace_id = create_object.workspace_id))
  returning * into v_object;
  insert into metadata.fields as f (object_id, name, label, type, icon, position)
  values (v_object.id, 'name', 'Name', 'TEXT', 'IconAbc', 0) returning f.id into v_field;
  update metadata.objects o set label_field_id = v_field where o.id = v_object.id returning * into v_object;
  return v_object;
end
$$;
comment on function metadata.create_object(text, text, text, text, text, text, text, uuid, uuid) is
  'Creates an object with a text field "name". API names follow from the labels unless they are given. The table exists when the transaction commits.';

create or replace function metadata.create_field(
  object_id uuid, label text, type text, name text default null, description text default '', icon text default null,
  settings jsonb default '{}', options jsonb default '[]', default_value jsonb default null,
  is_required boolean default false, is_unique boolean default false,
  target_object_id uuid default null, inverse_label text default null, inverse_name text default null, on_delete text default 'SET_NULL',
  target_object_ids uuid[] default null, required_from timestamptz default null, id uuid default null
) returns metadata.fields
language plpgsql volatile set search_path = ''
as $$
declare
  v_field metadata.fields;
  v_object metadata.objects;
  v_targets uuid[] := coalesce(create_field.target_object_ids, array_remove(array[create_field.target_object_id], null));
begin
  select * into v_object from metadata.objects o where o.id = create_field.object_id;
  if not found then
    raise exception 'There is no such object.' using errcode = 'RV011', column = 'object_id';
  end if;
  if create_field.type in ('RELATION', 'MORPH_RELATION', 'MANY_TO_MANY') and v_targets = '{}' then
    raise exception 'A relation needs the object that it points to.' using errcode = 'RV008', column = 'target_object_id';
  end if;
  insert into metadata.fields (id, object_id, name, label, description, icon, type, settings, options, default_value, is_required, required_from, is_unique, position)
  values (create_field.id, create_field.object_id, create_field.name, btrim(create_field.label),
    coalesce(create_field.description, ''), create_field.icon, create_field.type,
    coalesce(create_field.settings, '{}') || case when create_field.type = 'MANY_TO_MANY' then jsonb_strip_nulls(jsonb_build_object(
      'targetObjectId', v_targets[1], 'inverseLabel', create_field.inverse_label, 'inverseName', create_field.inverse_name)) else '{}' end,
    coalesce(create_field.options, '[]'), create_field.default_value, coalesce(create_field.is_required, false), create_field.required_from, coalesce(create_field.is_unique, false),
    (select coalesce(max(f.position), 0) + 1 from metadata.fields f where f.object_id = create_field.object_id and not f.is_system))
  returning * into v_field;
  if create_field.type in ('RELATION', 'MORPH_RELATION') then
    insert into metadata.relations (field_id, target_object_id, inverse_label, inverse_name, on_delete)
    select v_field.id, t.id, coalesce(create_field.inverse_label, v_object.label_plural),
      coalesce(create_field.inverse_name, case when create_field.inverse_label is null then v_object.name_plural end),
      coalesce(create_field.on_delete, 'SET_NULL')
    from unnest(v_targets) t (id);
  end if;
  return v_field;
end
$$;
comment on function metadata.create_field(uuid, text, text, text, text, text, jsonb, jsonb, jsonb, boolean, boolean, uuid, text, text, text, uuid[], timestamptz, uuid) is
  'Creates a field. For a RELATION or MANY_TO_MANY give the target object, for a MORPH_RELATION one or several, and how the other side names these records.';
grant execute on function metadata.create_object(text, text, text, text, text, text, text, uuid, uuid),
  metadata.create_field(uuid, text, text, text, text, text, jsonb, jsonb, jsonb, boolean, boolean, uuid, text, text, text, uuid[], timestamptz, uuid) to relvar_crm;
-- Schema engine stays closed to CRM roles: what it offers them is reached through policies, column
-- defaults and functions that were bound when they were created, never by name.
--! EndIncluded metadata/create.sql
--! Included metadata/restore.sql
-- What was deleted, restoring it, and dropping it for good before the grace period ends.

create or replace function engine.restore(workspace_id uuid, target regclass, id uuid) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_missing text;
begin
  case target
    when 'metadata.objects'::regclass then
      update metadata.objects o set deleted_at = null, deleted_by_name = null where o.workspace_id = restore.workspace_id and o.id = restore.id and o.deleted_at is not null;
    when 'metadata.fields'::regclass then
      select o.label_plural into v_missing from metadata.fields f
      left join metadata.relations r on r.field_id = f.id
      join metadata.objects o on o.deleted_at is not null and not o.is_junction
        and (o.id = f.object_id or o.id = r.target_object_id and f.type <> 'MORPH_RELATION')
      where f.id = restore.id limit 1;
      if found then
        raise exception 'The field cannot be restored: "%" is deleted too.', v_missing using errcode = 'RV065', column = 'id', hint = 'Restore the object first.';
      end if;
      update metadata.fields f set deleted_at = null, deleted_by_name = null where f.workspace_id = restore.workspace_id and f.id = restore.id and f.deleted_at is not null;
    when 'metadata.relations'::regclass then
      update metadata.relations r set deleted_at = null where r.workspace_id = restore.workspace_id and r.id = restore.id and r.deleted_at is not null;
    else
      raise exception 'Only objects, fields and relations are kept when they are deleted.' using errcode = 'RV062', column = 'table',
        hint = 'metadata.plan_revert makes other things again.';
  end case;
end
$$;

create or replace function metadata.restore_object(id uuid) returns metadata.objects
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_object metadata.objects;
begin
  v_object := engine.object_to_manage(restore_object.id);
  perform engine.restore(v_object.workspace_id, 'metadata.objects', v_object.id);
  return engine.object_to_manage(restore_object.id);
end
$$;
comment on function metadata.restore_object(uuid) is 'Brings a deleted object back with its records, and the relations that were deleted with it.';

create or replace function metadata.restore_field(id uuid) returns metadata.fields
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_field metadata.fields := engine.field_to_manage(restore_field.id);
begin
  perform engine.restore(v_field.workspace_id, 'metadata.fields', v_field.id);
  return engine.field_to_manage(restore_field.id);
end
$$;
comment on function metadata.restore_field(uuid) is 'Brings a deleted field back with its values.';

create or replace function engine.object_to_manage(id uuid) returns metadata.objects
language plpgsql stable set search_path = ''
as $$
declare
  v_object metadata.objects;
begin
  select o.* into v_object from metadata.objects o where o.id = object_to_manage.id;
  if not found then
    raise exception 'There is no such object.' using errcode = 'RV063', column = 'id';
  end if;
  perform engine.assert_manages(v_object.workspace_id);
  return v_object;
end
$$;

create or replace function engine.field_to_manage(id uuid) returns metadata.fields
language plpgsql stable set search_path = ''
as $$
declare
  v_field metadata.fields;
begin
  select f.* into v_field from metadata.fields f where f.id = field_to_manage.id;
  if not found then
    raise exception 'There is no such field.' using errcode = 'RV063', column = 'id';
  end if;
  perform engine.assert_manages(v_field.workspace_id);
  return v_field;
end
$$;

create or replace function metadata.delete_object(id uuid) returns metadata.objects
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.object_to_manage(delete_object.id);
begin
  if v_object.deleted_at is null then
    delete from metadata.objects o where o.id = v_object.id;
  end if;
  return engine.object_to_manage(delete_object.id);
end
$$;
comment on function metadata.delete_object(uuid) is
  'Deletes an object. Until the grace period ends its records are kept and metadata.restore_object brings it back.';

create or replace function metadata.delete_field(id uuid, replacement_id uuid default null) returns metadata.fields
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_field metadata.fields := engine.field_to_manage(delete_field.id);
begin
  if v_field.deleted_at is null then
    if replacement_id is not null then
      perform engine.assert_row(v_field.workspace_id, 'metadata.fields', replacement_id);
      perform engine.replace_uses(v_field.workspace_id, v_field.id, replacement_id);
    end if;
    delete from metadata.fields f where f.id = v_field.id;
  end if;
  return engine.field_to_manage(delete_field.id);
end
$$;
comment on function metadata.delete_field(uuid, uuid) is
  'Deletes a field; the replacement takes its place in formulas, rules, indexes and views. Until the grace period ends its values are kept and metadata.restore_field brings it back.';

create or replace function metadata.delete_option(field_id uuid, value text, replacement text default null) returns metadata.fields
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_field metadata.fields := engine.field_to_manage(delete_option.field_id);
begin
  if not v_field.options @> jsonb_build_array(jsonb_build_object('value', value)) then
    raise exception '"%" has no option "%".', v_field.label, value using errcode = 'RV063', column = 'value';
  end if;
  if replacement is not null then
    perform engine.replace_option(v_field.workspace_id, v_field.id, value, replacement, false);
  end if;
  update metadata.fields f set options = (
      select coalesce(jsonb_agg(o order by i), '[]') from jsonb_array_elements(f.options) with ordinality u (o, i) where o ->> 'value' <> delete_option.value)
  where f.id = v_field.id;
  return engine.field_to_manage(delete_option.field_id);
end
$$;
comment on function metadata.delete_option(uuid, text, text) is
  'Removes an option of a field; records, formulas, rules, views and the default get the replacement.';

create or replace function metadata.purge_object(id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.object_to_manage(purge_object.id);
begin
  if v_object.deleted_at is null then
    raise exception '"%" is not deleted.', v_object.label_plural using errcode = 'RV065', column = 'id', hint = 'Delete it first. It can then be restored until it is purged.';
  end if;
  delete from metadata.objects o where o.id = v_object.id;
  return true;
end
$$;
comment on function metadata.purge_object(uuid) is 'Drops a deleted object and its records for good, without waiting for the grace period to end.';

create or replace function metadata.purge_field(id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_field metadata.fields := engine.field_to_manage(purge_field.id);
  v_junction uuid;
begin
  if v_field.deleted_at is null then
    raise exception '"%" is not deleted.', v_field.label using errcode = 'RV065', column = 'id', hint = 'Delete it first. It can then be restored until it is purged.';
  end if;
  -- A relation to many goes with its junction, and both its ends with that.
  select f.object_id into v_junction from metadata.fields f where f.id = v_field.junction_field_id;
  delete from metadata.objects o where o.id = v_junction and o.deleted_at is not null;
  delete from metadata.fields f where f.id = v_field.id;
  return true;
end
$$;
comment on function metadata.purge_field(uuid) is 'Drops a deleted field and its values for good, without waiting for the grace period to end.';

create or replace function metadata.deleted_items() returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.workspace_of_role(current_setting('role')::name);
  v_grace interval := (select make_interval(days => s.grace_days) from engine.settings s);
begin
  -- What was deleted together bears one moment and comes back together: one line for each.
  return (
    select coalesce(jsonb_agg(jsonb_build_object('kind', d.kind, 'id', d.id, 'label', d.label, 'objectLabel', d.object_label, 'deletedAt', d.deleted_at,
      'deletedByName', d.deleted_by_name, 'purgedAt', d.deleted_at + v_grace) order by d.deleted_at desc, d.id), '[]')
    from (
      select distinct on (i.deleted_at) i.*
      from (
        select 'object' as kind, o.id, o.label_plural as label, null as object_label, o.deleted_at, o.deleted_by_name, case when o.is_junction then 3 else 0 end as rank
        from metadata.objects o where o.workspace_id = v_workspace and o.deleted_at is not null
        union all
        select 'field', f.id, f.label, o.label_plural, f.deleted_at, f.deleted_by_name, case f.type when 'MANY_TO_MANY' then 1 else 2 end
        from metadata.fields f join metadata.objects o on o.id = f.object_id where f.workspace_id = v_workspace and f.deleted_at is not null and not f.is_system
      ) i
      order by i.deleted_at, i.rank, i.id
    ) d);
end
$$;
comment on function metadata.deleted_items() is 'Deleted objects and fields that can still be restored, and when each is dropped for good.';

grant execute on function metadata.restore_object(uuid), metadata.restore_field(uuid), metadata.delete_object(uuid), metadata.delete_field(uuid, uuid),
  metadata.delete_option(uuid, text, text), metadata.purge_object(uuid), metadata.purge_field(uuid), metadata.deleted_items() to relvar_crm;
--! EndIncluded metadata/restore.sql
--! Included metadata/changes.sql
-- Changes of the model as data: [{"op": "createField", "objectId": …}, …], run in their order. What
-- may be written is what the grants of relvar_crm say, so there is no second list of it.

create or replace function engine.nearest(word text, words text[]) returns text
language sql stable set search_path = ''
  return (select w from unnest(words) w where public.similarity(w, word) > 0.2 order by public.similarity(w, word) desc, w limit 1);

-- A table of the model by its API name.
create or replace function engine.changeable_table(name text) returns regclass
language plpgsql stable set search_path = ''
as $$
declare
  v_tables text[] := '{objects,fields,relations,rules,indexes,views,viewFields,aliases}';
begin
  if name is null or name <> all (v_tables) then
    raise exception 'There is no part of the model called "%".', coalesce(name, '') using errcode = 'RV062', column = 'table',
      hint = coalesce(format('Did you mean %s? ', engine.nearest(name, v_tables)), '') || 'The parts are ' || array_to_string(v_tables, ', ') || '.';
  end if;
  return ('metadata.' || quote_ident(engine.snake_case(name)))::regclass;
end
$$;

create or replace function engine.assert_row(workspace_id uuid, target regclass, id uuid) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_found boolean;
begin
  execute format('select exists (select from %s t where t.workspace_id = $1 and t.id = $2)', target) into v_found using workspace_id, id;
  if not v_found then
    raise exception 'There is no such %.', case target::text when 'metadata.indexes' then 'index' when 'metadata.aliases' then 'alias'
      else rtrim(replace(replace(target::text, 'metadata.', ''), '_', ' '), 's') end || coalesce(' (' || id || ')', '')
      using errcode = 'RV063', column = 'id', hint = 'It may have been purged, or it belongs to another workspace.';
  end if;
end
$$;

-- Values in camelCase as a row in snake_case, of columns that may be written.
create or replace function engine.changed_values(target regclass, "values" jsonb, privilege text) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_columns text[] := array(
    select a.attname::text from pg_catalog.pg_attribute a
    where a.attrelid = target and a.attnum > 0 and not a.attisdropped and a.attname not in ('id', 'workspace_id')
      and has_column_privilege('relvar_crm', target, a.attnum, privilege));
  v_unknown text;
begin
  if jsonb_typeof("values") is distinct from 'object' then
    raise exception 'The values of a change are an object.' using errcode = 'RV062', column = 'values';
  end if;
  select k into v_unknown from jsonb_object_keys("values") k where engine.snake_case(k) <> all (v_columns || '{id,workspace_id}'::text[]) limit 1;
  if found then
    raise exception '"%" cannot be written to %.', v_unknown, replace(target::text, 'metadata.', '') using errcode = 'RV062', column = v_unknown,
      hint = coalesce(format('Did you mean %s? ', engine.nearest(v_unknown, array(select engine.camel_case(c) from unnest(v_columns) c))), '')
        || 'It takes ' || (select string_agg(engine.camel_case(c), ', ' order by c) from unnest(v_columns) c) || '.';
  end if;
  return coalesce((select jsonb_object_agg(engine.snake_case(e.key), e.value) from jsonb_each("values") e where e.key not in ('id', 'workspaceId')), '{}');
end
$$;

-- Calls metadata.create_object or create_field with arguments by name.
create or replace function engine.call_by_name(function_name text, arguments jsonb) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_names text[];
  v_types oid[];
  v_list text;
  v_unknown text;
begin
  select p.proargnames, array(select unnest(p.proargtypes)) into strict v_names, v_types from pg_catalog.pg_proc p
  where p.pronamespace = 'metadata'::regnamespace and p.proname = function_name;
  -- Output columns follow the arguments in the list of names.
  v_names := v_names[1:array_length(v_types, 1)];
  select k into v_unknown from jsonb_object_keys(arguments) k where engine.snake_case(k) <> all (v_names) limit 1;
  if found then
    raise exception '"%" is not known to %.', v_unknown, engine.camel_case(function_name) using errcode = 'RV062', column = v_unknown,
      hint = coalesce(format('Did you mean %s? ', engine.nearest(v_unknown, array(select engine.camel_case(c) from unnest(v_names) c))), '')
        || 'It takes ' || (select string_agg(engine.camel_case(c), ', ') from unnest(v_names) c where c <> 'workspace_id') || '.';
  end if;
  select string_agg(format('%I => %s', a.name, case
      when a.type = 'jsonb'::regtype then format('nullif($1 -> %L, ''null'')', a.key)
      when a.type = 'uuid[]'::regtype then format('(select array_agg(e::uuid) from jsonb_array_elements_text(nullif($1 -> %L, ''null'')) e)', a.key)
      else format('($1 ->> %L)::%s', a.key, pg_catalog.format_type(a.type, null)) end), ', ') into v_list
  from (
    select n.name, engine.camel_case(n.name) as key, v_types[n.i] as type
    from unnest(v_names) with ordinality n (name, i)
  ) a
  where arguments ? a.key;
  execute format('select metadata.%I(%s)', function_name, coalesce(v_list, '')) using arguments;
end
$$;

-- One change, run at once, save that records are not touched while planning.
create or replace function engine.run_change(workspace_id uuid, change jsonb, is_plan boolean) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_ops text[] := '{createObject,createField,insert,update,delete,restore,replaceUses,replaceOption}';
  v_target regclass;
  v_id uuid := (change ->> 'id')::uuid;
  v_row jsonb;
  v_columns text;
begin
  case change ->> 'op'
    when 'createObject' then
      perform engine.call_by_name('create_object', (change - 'op') || jsonb_build_object('workspaceId', workspace_id));
      return;
    when 'createField' then
      perform engine.assert_row(workspace_id, 'metadata.objects', (change ->> 'objectId')::uuid);
      perform engine.call_by_name('create_field', change - 'op');
      return;
    when 'replaceUses' then
      perform engine.assert_row(workspace_id, 'metadata.fields', (change ->> 'fieldId')::uuid), engine.assert_row(workspace_id, 'metadata.fields', (change ->> 'withFieldId')::uuid);
      perform engine.replace_uses(workspace_id, (change ->> 'fieldId')::uuid, (change ->> 'withFieldId')::uuid);
      return;
    when 'replaceOption' then
      perform engine.assert_row(workspace_id, 'metadata.fields', (change ->> 'fieldId')::uuid);
      perform engine.replace_option(workspace_id, (change ->> 'fieldId')::uuid, change ->> 'value', change ->> 'with', is_plan);
      return;
    when 'insert', 'update', 'delete', 'restore' then
      v_target := engine.changeable_table(change ->> 'table');
    else
      raise exception 'There is no change called "%".', coalesce(change ->> 'op', '') using errcode = 'RV062', column = 'op',
        hint = coalesce(format('Did you mean %s? ', engine.nearest(change ->> 'op', v_ops)), '') || 'The changes are ' || array_to_string(v_ops, ', ') || '.';
  end case;
  -- What the engine makes with other things has no id yet when the change is written.
  if v_id is null and change ->> 'op' = 'update' then
    select f.id into v_id from metadata.fields f
    where v_target = 'metadata.fields'::regclass and f.object_id = (change ->> 'objectId')::uuid and f.name = change ->> 'name' and f.deleted_at is null;
    if v_target = 'metadata.relations'::regclass then
      select r.id into v_id from metadata.relations r where r.field_id = (change ->> 'fieldId')::uuid and r.target_object_id = (change ->> 'targetObjectId')::uuid;
    end if;
  end if;
  if change ->> 'op' <> 'insert' then
    perform engine.assert_row(workspace_id, v_target, v_id);
  end if;
  case change ->> 'op'
    when 'delete' then
      execute format('delete from %s t where t.workspace_id = $1 and t.id = $2', v_target) using workspace_id, v_id;
    when 'restore' then
      perform engine.restore(workspace_id, v_target, v_id);
    else
      v_row := engine.changed_values(v_target, change -> 'values', upper(change ->> 'op'));
      select string_agg(quote_ident(k), ', ' order by k) into v_columns from jsonb_object_keys(v_row) k;
      if change ->> 'op' = 'insert' then
        execute format('insert into %1$s (id, workspace_id%2$s) select $2, $1%3$s from jsonb_populate_record(null::%1$s, $3) p', v_target,
          coalesce(', ' || v_columns, ''), coalesce((select string_agg(', p.' || quote_ident(k), '' order by k) from jsonb_object_keys(v_row) k), ''))
        using workspace_id, coalesce(v_id, engine.uuidv7()), v_row;
      elsif v_columns is not null then
        execute format('update %1$s t set (%2$s) = (select %3$s from jsonb_populate_record(null::%1$s, $3) p) where t.workspace_id = $1 and t.id = $2', v_target,
          v_columns, (select string_agg('p.' || quote_ident(k), ', ' order by k) from jsonb_object_keys(v_row) k))
        using workspace_id, v_id, v_row;
      end if;
  end case;
end
$$;

-- All changes, in order. An error says which of them it was.
create or replace function engine.run_changes(workspace_id uuid, changes jsonb, is_plan boolean) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_change jsonb;
  v_at int := 0;
  v_state text;
  v_message text;
  v_detail text;
  v_hint text;
  v_column text;
begin
  if jsonb_typeof(changes) is distinct from 'array' then
    raise exception 'Changes are a list.' using errcode = 'RV062', hint = 'Give [{"op": "createField", …}], for example.';
  end if;
  for v_change in select * from jsonb_array_elements(changes) loop
    v_at := v_at + 1;
    perform engine.run_change(workspace_id, v_change, is_plan);
  end loop;
exception when others then
  get stacked diagnostics v_state = returned_sqlstate, v_message = message_text, v_detail = pg_exception_detail, v_hint = pg_exception_hint, v_column = column_name;
  raise exception '%', v_message using errcode = v_state, column = coalesce(v_column, ''), hint = v_hint,
    detail = concat_ws(E'\n', nullif(v_detail, ''), case when jsonb_array_length(changes) > 1 then format('Change %s of %s: %s', v_at, jsonb_array_length(changes), v_change ->> 'op') end);
end
$$;

-- What is made gets its id here, so that a plan and what is applied speak of the same.
create or replace function engine.with_ids(changes jsonb) returns jsonb
language sql volatile set search_path = ''
as $$
  select coalesce(jsonb_agg(case when c ->> 'op' in ('createObject', 'createField', 'insert') and c ->> 'id' is null
    then c || jsonb_build_object('id', engine.uuidv7()) else c end order by i), '[]')
  from jsonb_array_elements(case jsonb_typeof(changes) when 'array' then changes else '[]' end) with ordinality u (c, i)
$$;
--! EndIncluded metadata/changes.sql
--! Included metadata/violations.sql
-- Records that a change would not fit: found before anything is changed, by asking the table as it
-- is under the names that it will have.

-- The table as a query, its columns by their new names: with the constants that new columns begin
-- with, and with options replaced as the changes say.
create or replace function engine.table_after(schema_name text, old_table text, new_table text, differences engine.difference[], replaced jsonb) returns text
language sql stable set search_path = ''
as $$
  with changed as materialized (
    select d.* from unnest(differences) d where d.kind = 'column' and d.new_table = table_after.new_table
  ), columns as (
    select coalesce((c.want).name, a.attname::text) as name,
      case
        when r.value is null then quote_ident(a.attname)
        when a.atttypid = 'text[]'::regtype then format('array_replace(%I, %L, %L)', a.attname, r.value, r.other)
        else format('case %I when %L then %L else %1$I end', a.attname, r.value, r.other)
      end as expression
    from pg_catalog.pg_attribute a
    left join changed c on (c.have).name = a.attname and not c.is_extra
    left join lateral (
      select e ->> 'value' as value, e ->> 'with' as other from jsonb_array_elements(replaced) e
      where engine.identity_of(pg_catalog.col_description(a.attrelid, a.attnum)) ~ ('^' || (e ->> 'fieldId')) limit 1
    ) r on true
    where a.attrelid = to_regclass(format('%I.%I', schema_name, table_after.old_table)) and a.attnum > 0 and not a.attisdropped
      and not exists (select from changed x where x.is_extra and (x.have).name = a.attname)
    union all
    select (c.want).name, case when (c.want).default_expr is null or (c.want).default_expr ~ '^identity ' or (c.want).generated_expr is not null
        then format('null::%s', (c.want).pg_type) else format('(%s)::%s', (c.want).default_expr, (c.want).pg_type) end
    from changed c where c.is_missing
  )
  select format('(select %s from %I.%I)', string_agg(c.expression || ' as ' || quote_ident(c.name), ', '), schema_name, old_table) from columns c
$$;

-- Where a record breaks what a difference wants, as a condition over table_after; null where nothing can.
create or replace function engine.violation_condition(d engine.difference) returns text
language sql immutable set search_path = ''
  return case
    when (d).is_extra then null
    when (d).kind = 'column' and (d).want.not_null and (d).want.generated_expr is null and coalesce((d).want.default_expr !~ '^identity ', true)
      and ((d).is_missing or not (d).have.not_null) then format('%I is null', (d).want.name)
    when not ((d).is_missing or (d).is_recreated) then null
    when (d).kind = 'constraint' and (d).want.definition like 'check (%' then format('(%s) is false', substring((d).want.definition from '^check \((.*)\)(?: not valid)?$'))
    when (d).kind = 'index' and (d).want.definition like 'unique (%' then format('num_nulls(%1$s) = 0%2$s and count(*) over (partition by %1$s%3$s) > 1',
      substring((d).want.definition from '^unique \((.*?)\)(?: where .*)?$'), coalesce(' and ' || substring((d).want.definition from ' where (.*)$'), ''),
      coalesce(', ' || substring((d).want.definition from ' where (.*)$'), ''))
  end;

create or replace function engine.violations(workspace_id uuid, schema_name text, differences engine.difference[], replaced jsonb) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  d engine.difference;
  v_condition text;
  v_query text;
  v_count bigint;
  v_records jsonb;
  v_thing uuid;
  v_found jsonb := '[]';
begin
  foreach d in array differences loop
    v_condition := engine.violation_condition(d);
    continue when v_condition is null or d.old_table is null or to_regclass(format('%I.%I', schema_name, d.old_table)) is null;
    v_thing := (regexp_match(regexp_replace(d.key, '^\S+ ', ''), '[0-9a-f]{8}-[0-9a-f-]{27}'))[1]::uuid;
    v_query := format('select t.id, %s as label from %s t', engine.label_expression((d.want).table_key::uuid, 't'),
      engine.table_after(schema_name, d.old_table, d.new_table, differences, replaced));
    begin
      -- A window is counted after WHERE, so what is counted comes from within.
      if v_condition like '%over (partition%' then
        v_query := format('select id, label from (select t.id, %s as label, %s as breaks from %s t) s where breaks', engine.label_expression((d.want).table_key::uuid, 't'),
          v_condition, engine.table_after(schema_name, d.old_table, d.new_table, differences, replaced));
      else
        v_query := v_query || ' where ' || v_condition;
      end if;
      execute format('select count(*), jsonb_agg(jsonb_build_object(''id'', id, ''label'', label)) filter (where n <= 20) from (select v.*, row_number() over (order by v.id) as n from (%s) v) n', v_query)
        into v_count, v_records;
    exception
      -- A condition over what is only being made cannot be asked of the table as it is.
      when syntax_error_or_access_rule_violation then
        continue;
    end;
    if v_count > 0 then
      v_found := v_found || jsonb_build_object(
        'ruleId', (select r.id from metadata.rules r where r.id = v_thing),
        'fieldId', coalesce((select r.field_id from metadata.rules r where r.id = v_thing), (select f.id from metadata.fields f where f.id = v_thing)),
        'message', engine.violation_message(d, v_thing, v_count), 'count', v_count,
        'records', case when engine.may_list((d.want).table_key::uuid) then v_records else '[]' end);
    end if;
  end loop;
  return v_found;
end
$$;

-- Who changes the model need not be allowed to read the records.
create or replace function engine.may_list(object_id uuid) returns boolean
language sql stable set search_path = ''
  return engine.acts_as_administrator() or object_id in (select r from engine.readable_objects(current_setting('role')::name) r);

create or replace function engine.violation_message(d engine.difference, thing uuid, count bigint) returns text
language sql stable set search_path = ''
as $$
  select case when count = 1 then '1 record of ' else count || ' records of ' end || quote_ident(d.new_table) || case
      when d.kind = 'column' then case when count = 1 then ' has' else ' have' end || format(' no value in "%s", which is to be required.', coalesce(f.label, (d.want).name))
      when d.kind = 'index' then ' share a value' || coalesce(format(' of "%s"', f.label), '') || ' that is to be unique.'
      when (d.want).comment like '@relvar options:%' then case when count = 1 then ' has' else ' have' end || format(' an option of "%s" that it no longer has.', f.label)
      else case when count = 1 then ' does' else ' do' end || ' not fulfil ' || coalesce(case when r.id is not null then format('the rule "%s"', coalesce(nullif(r.message, ''), rtrim(engine.rule_text(r), '.'))) end, format('what "%s" asks', f.label), 'the rule ' || quote_ident((d.want).name)) || '.'
    end
  from (select) one
  left join metadata.rules r on r.id = thing
  left join metadata.fields f on f.id = coalesce(r.field_id, thing)
$$;
--! EndIncluded metadata/violations.sql
--! Included metadata/plan.sql
-- A plan: what changes of the model would do, found by making them and taking them back. Nothing is
-- locked that anybody waits for: the tables themselves are only read.

-- About how long a statement holds its table. Measured on a million records: a change of the
-- catalogue 1 ms, a rewrite 20 s, checking a rule 0.2 s, a b-tree 1 s, a GIN index 10 s, an update 10 s.
create or replace function engine.estimated_ms(kind text, statement text, rewrites boolean, row_estimate bigint) returns double precision
language sql immutable set search_path = ''
  return round(1 + row_estimate * case
      when rewrites then 0.02
      when statement ~ ' not valid$' then 0
      when kind = 'constraint' and statement ~ 'add constraint|validate constraint' then 0.0002
      when statement ~ 'set not null$' then 0.0002
      when kind = 'index' and statement ~ ' using gin ' then 0.01
      when kind = 'index' and statement ~ '^create' then 0.001
      when kind in ('records', 'backfill') then 0.01
      else 0 end);

-- Whether PostgreSQL rewrites the table is measured where it can be: the statement is run on an
-- empty copy, where the event trigger relvar_table_rewrite raises before a rewrite begins.
create or replace function engine.tg_table_rewrite__refuse() returns event_trigger
language plpgsql volatile set search_path = ''
as $$
begin
  if current_setting('relvar.measures_rewrite', true) = 'on' then
    raise exception 'This statement rewrites the table.' using errcode = 'RVRWR';
  end if;
end
$$;

create or replace function engine.measure_rewrites(schema_name text, differences engine.difference[], steps engine.step[]) returns engine.step[]
language plpgsql volatile set search_path = ''
as $$
declare
  v_table record;
  v_statement text;
  v_prefix text;
  i int;
begin
  if not exists (select from pg_catalog.pg_event_trigger e where e.evtname = 'relvar_table_rewrite' and e.evtenabled <> 'D') then
    return steps;
  end if;
  for v_table in
    select distinct d.old_table, d.new_table from unnest(differences) d
    where exists (select from unnest(steps) s where s.object_name = d.new_table and s.kind = 'column' and s.statement ~ ' (type .* using |add column .* (default|generated) )')
      and to_regclass(format('%I.%I', schema_name, coalesce(d.old_table, '-'))) is not null
  loop
    execute format('create temporary table relvar_measure (like %I.%I including all) on commit drop', schema_name, v_table.old_table);
    for i in 1 .. cardinality(steps) loop
      continue when (steps[i]).object_name not in (v_table.old_table, v_table.new_table) or (steps[i]).kind <> 'column';
      v_prefix := format('alter table %I.%I ', schema_name, (steps[i]).object_name);
      continue when not starts_with((steps[i]).statement, v_prefix);
      v_statement := 'alter table pg_temp.relvar_measure ' || substr((steps[i]).statement, length(v_prefix) + 1);
      begin
        perform set_config('relvar.measures_rewrite', 'on', true);
        execute v_statement;
        steps[i].rewrites := false;
      exception
        when sqlstate 'RVRWR' then
          steps[i].rewrites := true;
          -- Those that follow build on it.
          perform set_config('relvar.measures_rewrite', 'off', true);
          execute v_statement;
        when others then
          -- It may need what an empty copy lacks; what is known of such statements holds.
          null;
      end;
    end loop;
    drop table pg_temp.relvar_measure;
  end loop;
  perform set_config('relvar.measures_rewrite', 'off', true);
  return steps;
end
$$;

-- What people lose sight of, or lose.
create or replace function engine.losses(workspace_id uuid, schema_name text, version bigint) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_count bigint;
  v_losses jsonb := '[]';
  v_table regclass;
  r record;
begin
  for r in
    select distinct on (c.row_id) case c.table_name when 'objects' then 'object' else 'field' end as kind, c.row_id, c.before, c.after is null as is_dropped,
      case c.table_name when 'objects' then c.before ->> 'label_plural' else c.before ->> 'label' end as label,
      coalesce(c.before ->> 'object_id', c.before ->> 'id')::uuid as object_id
    from metadata.model_changes c
    where c.workspace_id = losses.workspace_id and c.version = losses.version and c.table_name in ('objects', 'fields') and c.before is not null
      and (c.after is null or c.before ->> 'deleted_at' is null and c.after ->> 'deleted_at' is not null)
      and coalesce((c.before ->> 'is_system')::boolean, false) = false and coalesce(c.before ->> 'type', '') not in ('MANY_TO_MANY', 'FORMULA', 'ROLLUP', 'TS_VECTOR')
    order by c.row_id, c.seq desc
  loop
    -- The tables are still called as before.
    select c.oid::regclass into v_table from pg_catalog.pg_class c
    where c.relnamespace = to_regnamespace(quote_ident(schema_name)) and c.relkind = 'r'
      and engine.identity_of(pg_catalog.obj_description(c.oid, 'pg_class')) = r.object_id::text;
    continue when v_table is null;
    begin
      execute format('select count(*) from %s%s', v_table, case r.kind when 'field' then (
        select format(' where num_nonnulls(%s) > 0', string_agg(quote_ident(a.attname), ', '))
        from pg_catalog.pg_attribute a where a.attrelid = v_table and a.attnum > 0
          and engine.identity_of(pg_catalog.col_description(v_table, a.attnum)) ~ ('^' || r.row_id)) else '' end) into v_count;
    exception when undefined_column then
      continue;
    end;
    v_losses := v_losses || jsonb_build_object('kind', r.kind, 'id', r.row_id, 'label', r.label, 'records', v_count, 'isRestorable', not r.is_dropped);
  end loop;
  return v_losses;
end
$$;

create or replace function engine.warnings(workspace_id uuid, version bigint, steps engine.step[], losses jsonb) returns jsonb
language sql stable set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('code', w.code, 'message', w.message, 'hint', w.hint) order by w.rank, w.message), '[]')
  from (
    select 1 as rank, case when (l ->> 'isRestorable')::boolean then 'DATA_HIDDEN' else 'DATA_LOST' end as code,
      format(case when (l ->> 'isRestorable')::boolean then '"%s" goes, with the values of %s records.' else '"%s" is dropped for good, with the values of %s records.' end, l ->> 'label', l ->> 'records') as message,
      case when (l ->> 'isRestorable')::boolean then format('It can be restored for %s days.', (select s.grace_days from engine.settings s)) else 'This cannot be taken back. Export the records first.' end as hint
    from jsonb_array_elements(losses) l
    union all
    select 2, 'REQUIRED_WITHOUT_DEFAULT', format('"%s" is required and has no default.', f.label), 'Whatever creates records must give a value: imports, integrations, forms.'
    from metadata.model_changes c
    join metadata.fields f on f.id = c.row_id
    where c.workspace_id = warnings.workspace_id and c.version = warnings.version and c.table_name = 'fields'
      and f.is_required and f.default_value is null and not f.is_system and f.deleted_at is null and not coalesce((c.before ->> 'is_required')::boolean, false)
      and not exists (select from metadata.objects o where o.id = f.object_id and o.is_junction)
    union
    select 3, 'API_NAME_CHANGES', format('"%s" becomes "%s" in the API and in psql.', coalesce(c.before ->> 'name_plural', c.before ->> 'name'), coalesce(c.after ->> 'name_plural', c.after ->> 'name')),
      'Integrations that use the old name should be told.'
    from metadata.model_changes c
    where c.workspace_id = warnings.workspace_id and c.version = warnings.version and c.table_name in ('objects', 'fields') and c.before ->> 'deleted_at' is null and c.after ->> 'deleted_at' is null
      and (c.before ->> 'name', c.before ->> 'name_singular', c.before ->> 'name_plural') is distinct from (c.after ->> 'name', c.after ->> 'name_singular', c.after ->> 'name_plural')
      and c.before is not null and c.after is not null
    union all
    select 4, 'REWRITES', format('The table %s is rewritten: about %s records, which nobody can read or write meanwhile.', s.object_name, s.row_estimate), 'Choose a quiet hour.'
    from unnest(steps) s where s.rewrites and s.row_estimate > 1000 and not s.is_online
    union all
    select 5, 'ONLINE', format('The table %s is large, so a job does a part of this without blocking it.', s.object_name), 'Settings shows how far it has got.'
    from (select distinct s.object_name from unnest(steps) s where s.is_online) s
  ) w
$$;

-- Makes the changes in the metadata, and says what would follow. The caller takes it back.
create or replace function engine.try_changes(workspace_id uuid, changes jsonb) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
  v_schema text;
  v_version bigint;
  v_scope uuid[];
  v_is_changed boolean;
  v_differences engine.difference[] := '{}';
  v_steps engine.step[];
  v_replaced jsonb := (select coalesce(jsonb_agg(c), '[]') from jsonb_array_elements(changes) c where c ->> 'op' = 'replaceOption');
  v_losses jsonb;
begin
  select w.schema_name, w.model_version into v_schema, v_version from core.workspaces w where w.id = workspace_id;
  perform engine.run_changes(workspace_id, changes, true);
  select p.objects, true into v_scope, v_is_changed from engine.pending p where p.workspace_id = try_changes.workspace_id;
  if v_is_changed then
    perform engine.assert_relations(workspace_id);
    v_differences := array(select d from engine.difference(workspace_id, v_schema, v_scope) d);
  end if;
  v_steps := engine.measure_rewrites(v_schema, v_differences, array(select s from engine.steps(v_schema, v_differences) s order by s.step));
  v_steps := engine.option_steps(workspace_id, v_schema, v_replaced) || v_steps;
  v_losses := engine.losses(workspace_id, v_schema, v_version + 1);
  return jsonb_build_object('version', v_version, 'changes', changes,
    'fingerprint', engine.fingerprint(v_version, changes, v_steps),
    'steps', (
      select coalesce(jsonb_agg(jsonb_build_object('step', s.n, 'kind', s.kind, 'objectName', s.object_name, 'statement', s.statement, 'lockLevel', s.lock_level,
        'rewrites', s.rewrites, 'rowEstimate', s.row_estimate, 'isOnline', s.is_online,
        'estimatedMs', engine.estimated_ms(s.kind, s.statement, s.rewrites, s.row_estimate), 'note', s.note) order by s.n), '[]')
      from unnest(v_steps) with ordinality s (step, kind, object_name, statement, lock_level, rewrites, row_estimate, is_online, note, n)),
    'warnings', engine.warnings(workspace_id, v_version + 1, v_steps, v_losses),
    'violations', engine.violations(workspace_id, v_schema, v_differences, v_replaced),
    'losses', v_losses);
end
$$;

-- Records that get another option, before the first leaves the list.
create or replace function engine.option_steps(workspace_id uuid, schema_name text, replaced jsonb) returns engine.step[]
language plpgsql stable set search_path = ''
as $$
begin
  return array(
    select row(0, 'records', o.table_name, engine.option_statement(schema_name, o.table_name, f, e ->> 'value', e ->> 'with'), 'RowExclusive', false,
      engine.count_option(f.id, e ->> 'value'), false, 'Records get the other option.')::engine.step
    from jsonb_array_elements(replaced) with ordinality u (e, i)
    join metadata.fields f on f.id = (e ->> 'fieldId')::uuid
    join metadata.objects o on o.id = f.object_id
    order by i);
end
$$;

-- Ids are given anew each time that something is planned, and so is what follows from them.
create or replace function engine.fingerprint(version bigint, changes jsonb, steps engine.step[]) returns text
language sql stable set search_path = ''
as $$
  select md5(concat_ws('|', version,
    (select jsonb_agg(case when c ->> 'op' in ('createObject', 'createField', 'insert') then c - 'id' else c end order by i) from jsonb_array_elements(changes) with ordinality u (c, i)),
    (select string_agg(t.line, E'\n' order by t.line collate "C") from (
      select regexp_replace(regexp_replace(s.statement, '@relvar \S+( [0-9a-f]{12})?', '', 'g'), '([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-|_rule_)[0-9a-f]{12}', '', 'g') as line
      from unnest(steps) s) t)))
$$;

create or replace function metadata.plan_changes(workspace_id uuid, changes jsonb) returns jsonb
language plpgsql volatile security definer set search_path = '' set lock_timeout = '2s'
as $$
declare
  v_plan jsonb;
begin
  perform engine.assert_manages(workspace_id);
  begin
    v_plan := engine.try_changes(workspace_id, engine.changes_to_run(changes));
    raise exception 'planned' using errcode = 'RVEND';
  exception when sqlstate 'RVEND' then
    return v_plan;
  end;
end
$$;
comment on function metadata.plan_changes(uuid, jsonb) is
  'What changes of the model would do: the exact statements, locks, rewrites, times, warnings, what is lost, and records that do not fit. Changes nothing. Give the fingerprint to apply_changes.';

create or replace function engine.changes_to_run(changes jsonb) returns jsonb
language plpgsql volatile set search_path = ''
as $$
begin
  if jsonb_typeof(changes) is distinct from 'array' or exists (select from jsonb_array_elements(changes) c where jsonb_typeof(c) <> 'object') then
    raise exception 'Changes are a list of objects.' using errcode = 'RV062', column = 'changes', hint = 'Give [{"op": "createField", …}], for example.';
  end if;
  return engine.with_ids(changes);
end
$$;

create or replace function metadata.apply_changes(workspace_id uuid, changes jsonb, fingerprint text) returns jsonb
language plpgsql volatile security definer set search_path = '' set lock_timeout = '2s'
as $$
declare
  v_changes jsonb;
  v_plan jsonb;
  v_objects uuid[];
begin
  perform engine.assert_manages(workspace_id), engine.lock_model(workspace_id);
  v_changes := engine.changes_to_run(changes);
  v_plan := metadata.plan_changes(workspace_id, v_changes);
  if v_plan ->> 'fingerprint' is distinct from apply_changes.fingerprint then
    raise exception 'The model has changed since this plan was made.' using errcode = 'RV060', column = 'fingerprint',
      hint = 'Look at a new plan, and apply that.';
  end if;
  perform engine.run_changes(workspace_id, v_changes, false);
  -- At once, so that what does not fit is said in answer to this call.
  delete from engine.pending p where p.workspace_id = apply_changes.workspace_id returning p.objects into v_objects;
  if found then
    perform engine.apply(workspace_id, v_objects);
  end if;
  return jsonb_build_object('version', (select w.model_version from core.workspaces w where w.id = workspace_id));
end
$$;
comment on function metadata.apply_changes(uuid, jsonb, text) is
  'Makes the changes of a plan. Refuses when the model has moved since the plan was made. Returns the new version.';
grant execute on function metadata.plan_changes(uuid, jsonb), metadata.apply_changes(uuid, jsonb, text) to relvar_crm;
--! EndIncluded metadata/plan.sql
--! Included metadata/history.sql
-- The history of the model in plain words.

-- Of one that is gone, by what it was called last.
create or replace function engine.object_label(id text) returns text
language sql stable set search_path = ''
  return coalesce((select o.label_plural from metadata.objects o where o.id = object_label.id::uuid),
    (select coalesce(c.after, c.before) ->> 'label_plural' from metadata.model_changes c
      where c.table_name = 'objects' and c.row_id = object_label.id::uuid order by c.version desc, c.seq desc limit 1), 'an object that is gone');

create or replace function engine.change_summary(table_name text, before jsonb, after jsonb) returns text
language sql stable set search_path = ''
as $$
  select case
      when what is null then null
      when before is null then 'Added ' || what
      when after is null then case when before ->> 'deleted_at' is not null then 'Dropped ' else 'Removed ' end || what
      when before ->> 'deleted_at' is null and after ->> 'deleted_at' is not null then 'Deleted ' || what
      when before ->> 'deleted_at' is not null and after ->> 'deleted_at' is null then 'Restored ' || what
      when (before ->> 'is_active')::boolean and not (after ->> 'is_active')::boolean then 'Switched off ' || what
      when not (before ->> 'is_active')::boolean and (after ->> 'is_active')::boolean then 'Switched on ' || what
      when before ->> 'type' <> after ->> 'type' then format('Made %s %s instead of %s', what, after ->> 'type', before ->> 'type')
      when coalesce(before ->> 'label_plural', before ->> 'label') <> coalesce(after ->> 'label_plural', after ->> 'label')
        then format('Renamed %s from "%s"', what, coalesce(before ->> 'label_plural', before ->> 'label'))
      else format('Changed %s of %s', (
        select string_agg(replace(k, '_', ' '), ', ' order by k) from jsonb_object_keys(after) k
        where after -> k is distinct from before -> k and k not in ('compiled', 'revision', 'result_type', 'deleted_by_name')), what)
    end
  from (
    select case table_name
        when 'objects' then format('the object "%s"', r ->> 'label_plural')
        when 'fields' then case when (r ->> 'is_system')::boolean and (before is null or after is null) then null else format('the field "%s" of %s', r ->> 'label', engine.object_label(r ->> 'object_id')) end
        when 'relations' then format('the relation "%s" from %s', r ->> 'inverse_label', engine.object_label(r ->> 'target_object_id'))
        when 'rules' then format('a rule of %s (%s)', engine.object_label(r ->> 'object_id'), coalesce(nullif(r ->> 'message', ''), lower(r ->> 'kind')))
        when 'indexes' then format('the index "%s" of %s', r ->> 'name', engine.object_label(r ->> 'object_id'))
        when 'views' then format('the view "%s" of %s', r ->> 'name', engine.object_label(r ->> 'object_id'))
        when 'view_fields' then 'the columns of a view'
        when 'aliases' then format('the former name "%s"', r ->> 'name')
        when 'roles' then format('the role "%s"', r ->> 'name')
        when 'object_permissions' then format('the rights of a role on %s', engine.object_label(r ->> 'object_id'))
      end as what
    from (select coalesce(after, before) as r) one
  ) w
$$;

create or replace function engine.history_of(workspace_id uuid, first int, before_version bigint default null) returns jsonb
language sql stable set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('version', v.version, 'actorName', v.actor_name, 'actorType', v.actor_type, 'source', v.source,
    'happenedAt', v.happened_at, 'summary', coalesce(c.summary, case v.version when 1 then 'Created the workspace' else 'Reconciled the tables with the model' end), 'statements', to_jsonb(v.statements), 'changes', coalesce(c.list, '[]')) order by v.version desc), '[]')
  from (
    select * from metadata.model_versions v
    where v.workspace_id = history_of.workspace_id and (before_version is null or v.version < before_version)
    order by v.version desc limit least(greatest(first, 1), 200)
  ) v
  left join lateral (
    select array_to_string((array_agg(s.summary order by s.seq) filter (where s.is_first))[1:3], '; ')
        || case when count(*) filter (where s.is_first) > 3 then format('; and %s more', count(*) filter (where s.is_first) - 3) else '' end as summary,
      jsonb_agg(jsonb_build_object('table', engine.camel_case(s.table_name), 'rowId', s.row_id,
        'label', coalesce(s.after, s.before) ->> case s.table_name when 'objects' then 'label_plural' when 'fields' then 'label' when 'relations' then 'inverse_label' else 'name' end,
        'summary', s.summary, 'before', s.before, 'after', s.after) order by s.seq) as list
    from (
      select c.*, n.summary,
        -- One sentence is said once, and what came with a new thing is not said again.
        n.summary is not null and row_number() over (partition by n.summary order by c.seq) = 1
          and (c.table_name = 'objects' and c.before is null or c.table_name not in ('relations', 'view_fields') and not exists (
            select from metadata.model_changes o where o.workspace_id = c.workspace_id and o.version = c.version and o.table_name = 'objects' and o.before is null
              and o.row_id::text = coalesce(coalesce(c.after, c.before) ->> 'object_id', c.row_id::text))) as is_first
      from metadata.model_changes c
      cross join lateral (select engine.change_summary(c.table_name, c.before, c.after) as summary) n
      where c.workspace_id = v.workspace_id and c.version = v.version
    ) s
  ) c on true
$$;

create or replace function metadata.model_history(first int default 50, before_version bigint default null) returns jsonb
language sql stable security definer set search_path = ''
as $$ select engine.history_of(engine.workspace_of_role(current_setting('role')::name), first, before_version) $$;
comment on function metadata.model_history(int, bigint) is
  'Changes of the model, the latest first: who, when, what in words, the rows before and after, and the statements that were run. before_version continues an earlier page.';
grant execute on function metadata.model_history(int, bigint) to relvar_crm;
--! EndIncluded metadata/history.sql
--! Included metadata/revert.sql
-- Going back to an earlier version is a plan like any other: for each row that was touched since,
-- the change from what it is to what it was, in an order that works.

-- Rows that were touched since a version: as they were then, and as they are.
create or replace function engine.rows_since(workspace_id uuid, version bigint)
returns table (table_name text, id uuid, was jsonb, "is" jsonb, was_live boolean, is_live boolean)
language plpgsql stable set search_path = ''
as $$
begin
  return query
  with touched as (
    select distinct on (c.table_name, c.row_id) c.table_name, c.row_id, c.before as was
    from metadata.model_changes c
    where c.workspace_id = rows_since.workspace_id and c.version > rows_since.version
      and c.table_name in ('objects', 'fields', 'relations', 'rules', 'indexes', 'views', 'view_fields')
    -- What a trigger does to a new row is noted before the row itself.
    order by c.table_name, c.row_id, c.version, c.before is not null, c.seq
  )
  select t.table_name, t.row_id, t.was, n.value,
    t.was is not null and t.was ->> 'deleted_at' is null, n.value is not null and n.value ->> 'deleted_at' is null
  from touched t
  left join lateral (
    select to_jsonb(r) from metadata.objects r where t.table_name = 'objects' and r.id = t.row_id union all
    select to_jsonb(r) from metadata.fields r where t.table_name = 'fields' and r.id = t.row_id union all
    select to_jsonb(r) from metadata.relations r where t.table_name = 'relations' and r.id = t.row_id union all
    select to_jsonb(r) from metadata.rules r where t.table_name = 'rules' and r.id = t.row_id union all
    select to_jsonb(r) from metadata.indexes r where t.table_name = 'indexes' and r.id = t.row_id union all
    select to_jsonb(r) from metadata.views r where t.table_name = 'views' and r.id = t.row_id union all
    select to_jsonb(r) from metadata.view_fields r where t.table_name = 'view_fields' and r.id = t.row_id
  ) n (value) on true
  where t.was is distinct from n.value;
end
$$;

-- The values of a row that a change may write, by their names in the API.
create or replace function engine.writable_values(table_name text, "row" jsonb, privilege text, other jsonb default null) returns jsonb
language sql stable set search_path = ''
as $$
  select coalesce(jsonb_object_agg(engine.camel_case(a.attname), "row" -> a.attname::text), '{}')
  from pg_catalog.pg_attribute a
  where a.attrelid = ('metadata.' || quote_ident(table_name))::regclass and a.attnum > 0 and not a.attisdropped and a.attname not in ('id', 'workspace_id')
    and has_column_privilege('relvar_crm', a.attrelid, a.attnum, privilege)
    and (other is null or "row" -> a.attname::text is distinct from other -> a.attname::text)
$$;

create or replace function engine.revert_changes(workspace_id uuid, version bigint) returns jsonb
language sql stable set search_path = ''
as $$
  with since as materialized (
    select * from engine.rows_since(workspace_id, version)
  ), row as materialized (
    -- What was made since and deleted with something that comes back would come back with it.
    select s.table_name, s.id, s.was, s."is", s.was_live, s.is_live or not s.was_live and exists (
        select from since o where o.was_live and not o.is_live and o."is" ->> 'deleted_at' = s."is" ->> 'deleted_at') as is_live
    from since s
  ), junction as materialized (
    select o.id from metadata.objects o where o.workspace_id = revert_changes.workspace_id and o.is_junction
    union
    select r.id from row r where r.table_name = 'objects' and (r.was ->> 'is_junction')::boolean
  ), junction_field as materialized (
    select f.id from metadata.fields f where f.object_id in (select j.id from junction j)
    union
    select r.id from row r where r.table_name = 'fields' and (r.was ->> 'object_id')::uuid in (select j.id from junction j)
  ), touched as materialized (
    select r.*, engine.camel_case(r.table_name) as part,
      coalesce(r.was, r."is") ->> 'type' as type,
      -- Names are unique within an object, those of objects within the workspace.
      case r.table_name when 'objects' then 'objects' when 'fields' then coalesce(r.was, r."is") ->> 'object_id' when 'relations' then coalesce(r.was, r."is") ->> 'target_object_id' end as namespace,
      array_remove(array[r.was ->> 'name', r.was ->> 'inverse_name', r.was ->> 'name_singular', r.was ->> 'name_plural'], null) as old_names,
      array_remove(array[r."is" ->> 'name', r."is" ->> 'inverse_name', r."is" ->> 'name_singular', r."is" ->> 'name_plural'], null) as new_names,
      row_number() over (order by r.id) as n
    from row r
    -- A junction and what makes it one come and go with the relation to many; fields that were added to it do not.
    where r.was_live = r.is_live or not (
      r.table_name = 'objects' and r.id in (select j.id from junction j)
      or r.table_name = 'fields' and r.id in (select f.id from junction_field f)
        and ((coalesce(r.was, r."is") ->> 'is_system')::boolean or coalesce(r.was, r."is") ->> 'type' = 'RELATION' and (coalesce(r.was, r."is") ->> 'is_required')::boolean or r."is" is null)
      or r.table_name = 'relations' and (coalesce(r.was, r."is") ->> 'field_id')::uuid in (select f.id from junction_field f)
      or r.table_name = 'rules' and (coalesce(r.was, r."is") ->> 'object_id')::uuid in (select j.id from junction j) and coalesce(r.was, r."is") ->> 'kind' = 'UNIQUE')
  ), objects as materialized (
    select t.id, t.was_live, t.is_live from touched t where t.table_name = 'objects'
  ), steps (phase, part, id, change) as (
    -- What stands where something comes back steps aside first.
    select 10, t.part, t.id, jsonb_build_object('op', 'update', 'table', t.part, 'id', t.id, 'values', case t.table_name
        when 'objects' then jsonb_build_object('nameSingular', 'reverted' || t.n, 'namePlural', 'reverted' || t.n || 's')
        when 'relations' then jsonb_build_object('inverseName', 'reverted' || t.n) else jsonb_build_object('name', 'reverted' || t.n) end)
    from touched t
    where t.is_live and t.table_name in ('objects', 'fields', 'relations') and (not t.was_live or t.old_names <> t.new_names) and not coalesce((t."is" ->> 'is_system')::boolean, false)
      and exists (select from touched o where o.namespace = t.namespace and (o.table_name, o.id) <> (t.table_name, t.id) and o.was_live
        and (o.old_names && t.new_names or not o.is_live and o.new_names && t.new_names))
    union all
    select case when t.table_name = 'objects' then 20 when t.type = 'MANY_TO_MANY' then 21 when t.table_name = 'fields' then 22 else 23 end, t.part, t.id,
      jsonb_build_object('op', 'restore', 'table', t.part, 'id', t.id)
    from touched t where t.was_live and not t.is_live and t."is" is not null
    union all
    -- What was dropped for good is made anew, empty.
    select 31, t.part, t.id, jsonb_build_object('op', 'createField', 'id', t.id, 'objectId', t.was -> 'object_id', 'label', t.was -> 'label', 'name', t.was -> 'name', 'icon', t.was -> 'icon',
        'type', 'MANY_TO_MANY', 'targetObjectId', p.was -> 'object_id', 'inverseLabel', p.was -> 'label', 'inverseName', p.was -> 'name')
    from touched t
    cross join lateral (
      select f.was from touched f where f.type = 'MANY_TO_MANY' and f.id > t.id and f."is" is null
        and exists (select from metadata.model_changes a join metadata.model_changes b on b.workspace_id = a.workspace_id and b.table_name = 'fields'
          where a.workspace_id = revert_changes.workspace_id and a.table_name = 'fields' and a.row_id = (t.was ->> 'junction_field_id')::uuid and b.row_id = (f.was ->> 'junction_field_id')::uuid
            and coalesce(a.after, a.before) ->> 'object_id' = coalesce(b.after, b.before) ->> 'object_id')
      limit 1
    ) p
    where t.was_live and t."is" is null and t.type = 'MANY_TO_MANY'
    union all
    select case when t.table_name = 'objects' then 30 when t.type in ('FORMULA', 'ROLLUP') then 33 when t.table_name = 'fields' then 31 when t.table_name = 'relations' then 32
        when t.table_name = 'view_fields' then 36 when t.table_name = 'views' then 35 else 34 end, t.part, t.id,
      jsonb_build_object('op', 'insert', 'table', t.part, 'id', t.id, 'values',
        engine.writable_values(t.table_name, t.was, 'insert') - '{labelFieldId,imageFieldId,duplicateCriteria}'::text[])
    from touched t
    where t.was_live and t."is" is null and t.type is distinct from 'MANY_TO_MANY' and not coalesce((t.was ->> 'is_system')::boolean and t.table_name = 'fields', false)
      -- A member field makes its relation itself.
      and not (t.table_name = 'relations' and exists (select from touched f where f.id = (t.was ->> 'field_id')::uuid and f.type = 'MEMBER' and f."is" is null))
    union all
    -- Names before what speaks of them.
    select case t.table_name when 'objects' then 40 when 'fields' then 41 else 42 end, t.part, t.id, jsonb_build_object('op', 'update', 'table', t.part, 'id', t.id, 'values', v.value)
    from touched t
    cross join lateral (
      select jsonb_object_agg(e.key, e.value) as value from jsonb_each(engine.writable_values(t.table_name, t.was, 'update')) e
      where e.key in ('name', 'nameSingular', 'namePlural', 'inverseName')) v
    where t.was_live and t."is" is not null and t.old_names <> t.new_names and t.table_name in ('objects', 'fields', 'relations')
    union all
    select case t.table_name when 'fields' then case when t.type in ('FORMULA', 'ROLLUP') then 44 else 43 end when 'objects' then 45 when 'relations' then 42
        when 'rules' then 46 when 'indexes' then 47 when 'views' then 48 else 49 end, t.part, t.id, jsonb_build_object('op', 'update', 'table', t.part, 'id', t.id, 'values', v.value)
    from touched t
    cross join lateral (
      select case when t."is" is null
          then (select coalesce(jsonb_object_agg(e.key, e.value), '{}') from jsonb_each(engine.writable_values(t.table_name, t.was, 'update')) e
            where t.table_name = 'objects' and e.key in ('labelFieldId', 'imageFieldId', 'duplicateCriteria') and e.value <> 'null')
          else engine.writable_values(t.table_name, t.was, 'update', t."is") - '{name,nameSingular,namePlural,inverseName}'::text[]
            -- The settings of a type belong to it.
            || case when t.table_name = 'fields' and t.was -> 'type' <> t."is" -> 'type'
              then jsonb_build_object('type', t.was -> 'type', 'settings', t.was -> 'settings', 'options', t.was -> 'options', 'defaultValue', t.was -> 'default_value') else '{}' end
        end as value) v
    where t.was_live and v.value <> '{}'
    union all
    select case t.table_name when 'view_fields' then 60 when 'views' then 61 when 'indexes' then 62 when 'rules' then 63
        when 'fields' then case when t.type in ('FORMULA', 'ROLLUP') then 64 when t.type = 'MANY_TO_MANY' then 65 else 66 end when 'relations' then 67 else 68 end,
      t.part, t.id, jsonb_build_object('op', 'delete', 'table', t.part, 'id', t.id)
    from touched t
    where t.is_live and not t.was_live
      and not (t.table_name = 'fields' and (
        (t."is" ->> 'is_system')::boolean or exists (select from objects o where o.id = (t."is" ->> 'object_id')::uuid and not o.was_live and t.type not in ('FORMULA', 'ROLLUP', 'MANY_TO_MANY'))
        -- Both ends of a relation to many go with one.
        or t.type = 'MANY_TO_MANY' and exists (select from touched m join metadata.fields a on a.id = (m."is" ->> 'junction_field_id')::uuid
          join metadata.fields b on b.id = (t."is" ->> 'junction_field_id')::uuid and b.object_id = a.object_id where m.id < t.id and m.type = 'MANY_TO_MANY' and m.is_live and not m.was_live)))
      and not (t.table_name = 'relations' and not exists (select from metadata.fields f left join touched g on g.id = f.id where f.id = (t."is" ->> 'field_id')::uuid and coalesce(g.was_live, true)))
      and not (t.table_name = 'view_fields' and exists (select from touched v where v.id = (t."is" ->> 'view_id')::uuid and not v.was_live))
  )
  select coalesce(jsonb_agg(s.change order by s.phase, s.part, (s.change #>> '{values,position}')::double precision, s.id), '[]') from steps s
$$;

create or replace function metadata.plan_revert(workspace_id uuid, version bigint) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform engine.assert_manages(workspace_id);
  if not exists (select from metadata.model_versions v where v.workspace_id = plan_revert.workspace_id and v.version = plan_revert.version) then
    raise exception 'The history knows no version %.', version using errcode = 'RV066', column = 'version',
      hint = 'metadata.model_history() lists them.';
  end if;
  return metadata.plan_changes(workspace_id, engine.revert_changes(workspace_id, version));
end
$$;
comment on function metadata.plan_revert(uuid, bigint) is
  'What it takes to bring the model back to a version: a plan whose changes apply_changes makes. What was deleted since is restored; what was dropped for good comes back empty.';
grant execute on function metadata.plan_revert(uuid, bigint) to relvar_crm;
--! EndIncluded metadata/revert.sql
--! Included metadata/manifest.sql
-- The model as a manifest: one JSON value without ids, in an order that does not change by itself, so
-- that two of them can be compared line by line and one can be made in another workspace. Where the
-- model speaks of a field or a relation by its id, the manifest says "field:company.name" or
-- "relation:person.company>company".

-- What ids are called, in JSON or in text.
create or replace function engine.references_by_name(workspace_id uuid, value jsonb) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_text text := value::text;
  r record;
begin
  if v_text !~ '[0-9a-f]{8}-[0-9a-f]{4}-' then
    return value;
  end if;
  for r in
    select m.id, coalesce(
      (select 'field:' || o.name_singular || '.' || f.name from metadata.fields f join metadata.objects o on o.id = f.object_id
        where f.workspace_id = references_by_name.workspace_id and f.id = m.id::uuid),
      (select 'relation:' || o.name_singular || '.' || f.name || '>' || t.name_singular from metadata.relations l join metadata.fields f on f.id = l.field_id
        join metadata.objects o on o.id = f.object_id join metadata.objects t on t.id = l.target_object_id
        where l.workspace_id = references_by_name.workspace_id and l.id = m.id::uuid),
      (select 'object:' || o.name_singular from metadata.objects o where o.workspace_id = references_by_name.workspace_id and o.id = m.id::uuid)) as name
    from (select distinct x[1] as id from regexp_matches(v_text, '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}', 'g') x) m
  loop
    v_text := replace(v_text, r.id, coalesce(r.name, r.id));
  end loop;
  return v_text::jsonb;
end
$$;

-- The ids of what is called so here; `planned` has those of what is only to be made.
create or replace function engine.references_by_id(workspace_id uuid, value jsonb, planned jsonb default '{}') returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_text text := value::text;
  r record;
begin
  if v_text !~ '"(field|relation|object):' then
    return value;
  end if;
  for r in
    select m.name, coalesce(planned ->> m.name,
      (select f.id::text from metadata.fields f join metadata.objects o on o.id = f.object_id
        where f.workspace_id = references_by_id.workspace_id and f.deleted_at is null and o.deleted_at is null and 'field:' || o.name_singular || '.' || f.name = m.name),
      (select l.id::text from metadata.relations l join metadata.fields f on f.id = l.field_id join metadata.objects o on o.id = f.object_id join metadata.objects t on t.id = l.target_object_id
        where l.workspace_id = references_by_id.workspace_id and l.deleted_at is null and 'relation:' || o.name_singular || '.' || f.name || '>' || t.name_singular = m.name),
      (select o.id::text from metadata.objects o where o.workspace_id = references_by_id.workspace_id and o.deleted_at is null and 'object:' || o.name_singular = m.name)) as id
    from (select distinct x[1] as name from regexp_matches(v_text, '"((?:field|relation|object):[A-Za-z0-9.>]+)"', 'g') x) m
  loop
    if r.id is null then
      raise exception 'The manifest speaks of %, which is neither in it nor here.', r.name using errcode = 'RV067', column = 'manifest',
        hint = 'Add it to the manifest, or take out what speaks of it.';
    end if;
    v_text := replace(v_text, '"' || r.name || '"', '"' || r.id || '"');
  end loop;
  return v_text::jsonb;
end
$$;

create or replace function engine.field_manifest(field metadata.fields) returns jsonb
language plpgsql stable set search_path = ''
as $$
begin
  return case when (field).is_system then jsonb_build_object('name', (field).name, 'label', (field).label, 'description', (field).description, 'icon', (field).icon, 'isSystem', true)
    else jsonb_strip_nulls(jsonb_build_object('universalIdentifier', (field).universal_identifier)) || jsonb_build_object(
      'name', (field).name, 'label', (field).label, 'description', (field).description, 'icon', (field).icon, 'type', (field).type,
      'settings', engine.references_by_name((field).workspace_id, (field).settings), 'options', (field).options, 'defaultValue', (field).default_value,
      'isRequired', (field).is_required, 'requiredFrom', (field).required_from, 'isUnique', (field).is_unique, 'isActive', (field).is_active, 'position', (field).position,
      'relations', (
        select coalesce(jsonb_agg(jsonb_build_object('target', t.name_singular, 'inverseName', r.inverse_name, 'inverseLabel', r.inverse_label, 'onDelete', r.on_delete) order by t.name_singular), '[]')
        from metadata.relations r join metadata.objects t on t.id = r.target_object_id where r.field_id = (field).id and r.deleted_at is null))
    || coalesce((
      -- A relation to many is told once, from the end that was made first.
      select jsonb_build_object('manyToMany', jsonb_build_object('target', t.name_singular, 'inverseName', i.name, 'inverseLabel', i.label, 'inverseIcon', i.icon,
        'near', near.name, 'far', far.name, 'junction', engine.object_manifest(j)))
      from metadata.fields near
      join metadata.objects j on j.id = near.object_id
      join metadata.fields far on far.object_id = j.id and (far.position, far.id) > (near.position, near.id)
      join metadata.fields i on i.junction_field_id = far.id
      join metadata.objects t on t.id = i.object_id
      where near.id = (field).junction_field_id), '{}')
  end;
end
$$;

create or replace function engine.object_manifest(object metadata.objects) returns jsonb
language sql stable set search_path = ''
as $$
  select jsonb_strip_nulls(jsonb_build_object('universalIdentifier', (object).universal_identifier)) || jsonb_build_object(
    'nameSingular', (object).name_singular, 'namePlural', (object).name_plural, 'labelSingular', (object).label_singular, 'labelPlural', (object).label_plural,
    'description', (object).description, 'icon', (object).icon, 'color', (object).color,
    'labelField', (select f.name from metadata.fields f where f.id = (object).label_field_id and f.deleted_at is null),
    'imageField', (select f.name from metadata.fields f where f.id = (object).image_field_id and f.deleted_at is null),
    'duplicateCriteria', engine.references_by_name((object).workspace_id, (object).duplicate_criteria),
    'isActive', (object).is_active, 'isSystem', (object).is_system, 'isSearchable', (object).is_searchable, 'isAudited', (object).is_audited, 'position', (object).position,
    'fields', (
      select coalesce(jsonb_agg(engine.field_manifest(f) order by f.position, f.name), '[]')
      from metadata.fields f where f.object_id = (object).id and f.deleted_at is null and f.type <> 'TS_VECTOR'
        -- Of a relation to many, the end that was made second; of a junction, what makes it one.
        and not (f.type = 'MANY_TO_MANY' and exists (select from metadata.fields far join metadata.fields near on near.object_id = far.object_id and (near.position, near.id) < (far.position, far.id)
          join metadata.fields o on o.junction_field_id = near.id where far.id = f.junction_field_id))),
    'rules', (
      select coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('universalIdentifier', r.universal_identifier)) || jsonb_build_object('kind', r.kind, 'field', f.name,
        'settings', engine.references_by_name(r.workspace_id, r.settings), 'condition', r.condition, 'message', r.message, 'appliesFrom', r.applies_from, 'isActive', r.is_active, 'position', r.position)
        order by r.position, r.kind, f.name, r.settings::text, r.condition), '[]')
      from metadata.rules r left join metadata.fields f on f.id = r.field_id
      where r.object_id = (object).id and f.deleted_at is null and not ((object).is_junction and r.kind = 'UNIQUE' and r.position = 0)),
    'indexes', (
      select coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('universalIdentifier', i.universal_identifier)) || jsonb_build_object('name', i.name, 'kind', i.kind,
        'parts', engine.references_by_name(i.workspace_id, i.parts), 'condition', i.condition) order by i.name), '[]')
      from metadata.indexes i where i.object_id = (object).id),
    'views', (
      select coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('universalIdentifier', v.universal_identifier)) || jsonb_build_object('name', v.name, 'icon', v.icon, 'type', v.type,
        'filter', engine.references_by_name(v.workspace_id, v.filter), 'sorts', engine.references_by_name(v.workspace_id, v.sorts),
        'groupField', (select f.name from metadata.fields f where f.id = v.group_field_id), 'position', v.position,
        'fields', (select coalesce(jsonb_agg(jsonb_build_object('field', f.name, 'width', c.width, 'isVisible', c.is_visible, 'position', c.position) order by c.position, f.name), '[]')
          from metadata.view_fields c join metadata.fields f on f.id = c.field_id and f.deleted_at is null where c.view_id = v.id)) order by v.position, v.name), '[]')
      from metadata.views v where v.object_id = (object).id))
$$;

create or replace function engine.manifest_of(workspace_id uuid) returns jsonb
language sql stable set search_path = ''
as $$
  select jsonb_build_object('name', w.slug, 'version', w.model_version::text,
    'objects', (
      select coalesce(jsonb_agg(engine.object_manifest(o) order by o.position, o.name_singular), '[]')
      from metadata.objects o where o.workspace_id = w.id and o.deleted_at is null and not o.is_junction),
    'roles', (
      select coalesce(jsonb_agg(jsonb_build_object('name', r.name, 'description', r.description, 'canManageModel', r.can_manage_model, 'canReadAll', r.can_read_all,
        'canCreateAll', r.can_create_all, 'canUpdateAll', r.can_update_all, 'canDeleteAll', r.can_delete_all,
        'permissions', (
          select coalesce(jsonb_agg(jsonb_build_object('object', o.name_singular, 'canRead', p.can_read, 'canCreate', p.can_create, 'canUpdate', p.can_update, 'canDelete', p.can_delete) order by o.name_singular), '[]')
          from metadata.object_permissions p join metadata.objects o on o.id = p.object_id and o.deleted_at is null where p.role_id = r.id)) order by r.name), '[]')
      from metadata.roles r where r.workspace_id = w.id))
  from core.workspaces w where w.id = manifest_of.workspace_id
$$;

create or replace function metadata.export_manifest() returns jsonb
language sql stable security definer set search_path = ''
as $$ select engine.manifest_of(engine.workspace_of_role(current_setting('role')::name)) $$;
comment on function metadata.export_manifest() is
  'The whole model as a manifest: objects, fields, relations, rules, indexes, views and roles, without ids. metadata.plan_manifest makes it in another workspace.';

-- ── a manifest as changes ───────────────────────────────────────────────────────────────────────

-- Objects and fields of a manifest, one a row, those of junctions with the rest; with the ids that
-- they have here, or will have.
create or replace function engine.manifest_things(workspace_id uuid, manifest jsonb)
returns table (kind text, object_name text, name text, value jsonb, object_id uuid, id uuid, is_new boolean, is_junction boolean, via jsonb)
language plpgsql volatile set search_path = ''
as $$
begin
  return query
  with tree as materialized (
    select o.value as value, false as is_junction, null::jsonb as via, o.i from jsonb_array_elements(manifest -> 'objects') with ordinality o (value, i)
    union all
    select f.value #> '{manyToMany,junction}', true, f.value || jsonb_build_object('source', o.value -> 'nameSingular'), 1000 + o.i
    from jsonb_array_elements(manifest -> 'objects') with ordinality o (value, i) cross join lateral jsonb_array_elements(o.value -> 'fields') f (value)
    where f.value ? 'manyToMany'
  ), object as materialized (
    select t.value, t.is_junction, t.via, t.i, h.id as here, coalesce(h.id, engine.uuidv7()) as id
    from tree t
    left join lateral (
      select o.id from metadata.objects o
      where o.workspace_id = manifest_things.workspace_id and o.deleted_at is null
        and (o.universal_identifier = t.value ->> 'universalIdentifier' or o.name_singular = t.value ->> 'nameSingular')
      order by o.universal_identifier = t.value ->> 'universalIdentifier' desc nulls last limit 1
    ) h on true
  ), field as materialized (
    select o.id as object_id, o.value ->> 'nameSingular' as object_name, o.is_junction, f.value, o.i, f.j, h.id as here, coalesce(h.id, engine.uuidv7()) as id
    from object o
    cross join lateral (
      select e.value, e.j from jsonb_array_elements(o.value -> 'fields') with ordinality e (value, j)
      union all
      -- The other end of a relation to many.
      select jsonb_build_object('name', e.value #>> '{manyToMany,inverseName}', 'label', e.value #>> '{manyToMany,inverseLabel}', 'icon', e.value #> '{manyToMany,inverseIcon}', 'type', 'INVERSE'), 1000
      from object s cross join lateral jsonb_array_elements(s.value -> 'fields') e where e.value #>> '{manyToMany,target}' = o.value ->> 'nameSingular' and not o.is_junction
    ) f
    left join lateral (
      select g.id from metadata.fields g
      where g.object_id = o.here and g.deleted_at is null and (g.universal_identifier = f.value ->> 'universalIdentifier' or g.name = f.value ->> 'name')
      order by g.universal_identifier = f.value ->> 'universalIdentifier' desc nulls last limit 1
    ) h on true
  )
  select 'object', o.value ->> 'nameSingular', o.value ->> 'nameSingular', o.value, o.id, o.id, o.here is null, o.is_junction, o.via from object o
  union all
  select 'field', f.object_name, f.value ->> 'name', f.value, f.object_id, f.id, f.here is null, f.is_junction, null from field f;
end
$$;

create or replace function engine.manifest_changes(workspace_id uuid, manifest jsonb, prune boolean) returns jsonb
language plpgsql volatile set search_path = ''
as $$
#variable_conflict use_column
declare
  v_things jsonb;
  v_planned jsonb;
  v_changes jsonb;
begin
  if jsonb_typeof(manifest) is distinct from 'object' or coalesce(manifest ->> 'name', '') = '' or jsonb_typeof(manifest -> 'objects') is distinct from 'array' then
    raise exception 'A manifest needs a name and a list of objects.' using errcode = 'RV030',
      hint = 'metadata.export_manifest() gives one that works; docs/manifest.md says what may be in it.';
  end if;
  -- Ids are given once.
  v_things := (select coalesce(jsonb_agg(to_jsonb(t)), '[]') from engine.manifest_things(workspace_id, manifest) t);
  create temporary table relvar_things on commit drop as
    select * from jsonb_to_recordset(v_things) t (kind text, object_name text, name text, value jsonb, object_id uuid, id uuid, is_new boolean, is_junction boolean, via jsonb);
  v_planned := (select coalesce(jsonb_object_agg(case t.kind when 'object' then 'object:' || t.name else 'field:' || t.object_name || '.' || t.name end, t.id), '{}') from pg_temp.relvar_things t);
  create temporary table relvar_relations on commit drop as
    select t.id as field_id, t.object_name, t.name, t.is_new, t.is_junction, t.value ->> 'type' as type, r.value, o.id as target_id, h.id as here, coalesce(h.id, engine.uuidv7()) as id
    from pg_temp.relvar_things t
    cross join lateral jsonb_array_elements(coalesce(t.value -> 'relations', '[]')) r
    left join lateral (select (v_planned ->> ('object:' || (r.value ->> 'target')))::uuid as id) p on true
    left join metadata.objects e on e.workspace_id = manifest_changes.workspace_id and e.deleted_at is null and e.name_singular = r.value ->> 'target'
    cross join lateral (select coalesce(p.id, e.id) as id) o
    left join metadata.relations h on h.field_id = t.id and h.target_object_id = o.id and h.deleted_at is null
    where t.kind = 'field';
  if exists (select from pg_temp.relvar_relations r where r.target_id is null) then
    raise exception 'The manifest points to the object "%", which is neither in it nor here.', (select r.value ->> 'target' from pg_temp.relvar_relations r where r.target_id is null limit 1)
      using errcode = 'RV067', column = 'manifest', hint = 'Add it to the manifest, or take out what speaks of it.';
  end if;
  v_planned := v_planned || (select coalesce(jsonb_object_agg('relation:' || r.object_name || '.' || r.name || '>' || (r.value ->> 'target'), r.id), '{}') from pg_temp.relvar_relations r);

  with thing as materialized (
    select t.*, case t.kind
        when 'object' then jsonb_strip_nulls(jsonb_build_object('nameSingular', t.value -> 'nameSingular', 'namePlural', t.value -> 'namePlural', 'labelSingular', t.value -> 'labelSingular',
          'labelPlural', t.value -> 'labelPlural', 'description', t.value -> 'description', 'icon', t.value -> 'icon', 'isActive', t.value -> 'isActive',
          'isSearchable', t.value -> 'isSearchable', 'isAudited', t.value -> 'isAudited', 'position', t.value -> 'position')) || jsonb_build_object('color', t.value -> 'color')
        when 'field' then case
          when t.value ->> 'type' = 'INVERSE' then jsonb_strip_nulls(jsonb_build_object('label', t.value -> 'label', 'icon', t.value -> 'icon'))
          when (t.value ->> 'isSystem')::boolean then jsonb_strip_nulls(jsonb_build_object('label', t.value -> 'label', 'description', t.value -> 'description', 'icon', t.value -> 'icon'))
          else jsonb_strip_nulls(jsonb_build_object('name', t.value -> 'name', 'label', t.value -> 'label', 'description', coalesce(t.value -> 'description', '""'), 'icon', t.value -> 'icon',
            'type', t.value -> 'type', 'settings', engine.references_by_id(manifest_changes.workspace_id, coalesce(t.value -> 'settings', '{}'), v_planned), 'options', coalesce(t.value -> 'options', '[]'),
            'isRequired', coalesce(t.value -> 'isRequired', 'false'), 'isUnique', coalesce(t.value -> 'isUnique', 'false'), 'isActive', coalesce(t.value -> 'isActive', 'true'), 'position', t.value -> 'position'))
            || jsonb_build_object('defaultValue', t.value -> 'defaultValue', 'requiredFrom', t.value -> 'requiredFrom') end
      end as wanted
    from pg_temp.relvar_things t
  ), object as materialized (
    select t.* from thing t where t.kind = 'object'
  ), label as (
    select o.*, jsonb_build_object(
      'labelFieldId', (select f.id from thing f where f.kind = 'field' and f.object_id = o.id and f.name = o.value ->> 'labelField'),
      'imageFieldId', (select f.id from thing f where f.kind = 'field' and f.object_id = o.id and f.name = o.value ->> 'imageField'),
      'duplicateCriteria', engine.references_by_id(manifest_changes.workspace_id, coalesce(o.value -> 'duplicateCriteria', '[]'), v_planned)) as references_wanted
    from object o
  ), child as materialized (
    select 'rules' as part, o.object_id, jsonb_build_object('kind', e.value -> 'kind', 'fieldId', v_planned -> ('field:' || o.name || '.' || (e.value ->> 'field')),
        'settings', engine.references_by_id(manifest_changes.workspace_id, coalesce(e.value -> 'settings', '{}'), v_planned), 'condition', nullif(e.value -> 'condition', 'null'), 'message', coalesce(e.value -> 'message', '""'),
        'appliesFrom', e.value -> 'appliesFrom', 'isActive', coalesce(e.value -> 'isActive', 'true'), 'position', coalesce(e.value -> 'position', '0')) as wanted, null::jsonb as columns
    from object o cross join lateral jsonb_array_elements(coalesce(o.value -> 'rules', '[]')) e
    union all
    select 'indexes', o.object_id, jsonb_build_object('name', e.value -> 'name', 'kind', coalesce(e.value -> 'kind', '"BTREE"'), 'parts', engine.references_by_id(manifest_changes.workspace_id, e.value -> 'parts', v_planned), 'condition', nullif(e.value -> 'condition', 'null')), null
    from object o cross join lateral jsonb_array_elements(coalesce(o.value -> 'indexes', '[]')) e
    union all
    select 'views', o.object_id, jsonb_build_object('name', e.value -> 'name', 'icon', e.value -> 'icon', 'type', coalesce(e.value -> 'type', '"TABLE"'), 'filter', engine.references_by_id(manifest_changes.workspace_id, e.value -> 'filter', v_planned),
        'sorts', engine.references_by_id(manifest_changes.workspace_id, coalesce(e.value -> 'sorts', '[]'), v_planned), 'groupFieldId', v_planned -> ('field:' || o.name || '.' || (e.value ->> 'groupField')), 'position', coalesce(e.value -> 'position', '0')),
      (select jsonb_agg(jsonb_build_object('fieldId', v_planned -> ('field:' || o.name || '.' || (c.value ->> 'field')), 'width', c.value -> 'width', 'isVisible', coalesce(c.value -> 'isVisible', 'true'), 'position', coalesce(c.value -> 'position', '0')))
        from jsonb_array_elements(coalesce(e.value -> 'fields', '[]')) c)
    from object o cross join lateral jsonb_array_elements(coalesce(o.value -> 'views', '[]')) e
  ), existing as materialized (
    -- Rules have no name: one is the same that says the same of the same.
    select 'rules' as part, r.id, r.object_id, to_jsonb(r) as "row", r.application_id, jsonb_build_array(r.kind, r.field_id, r.settings, r.condition) as key from metadata.rules r where r.workspace_id = manifest_changes.workspace_id
    union all
    select 'indexes', i.id, i.object_id, to_jsonb(i), i.application_id, jsonb_build_array(i.name) from metadata.indexes i where i.workspace_id = manifest_changes.workspace_id
    union all
    select 'views', v.id, v.object_id, to_jsonb(v), v.application_id, jsonb_build_array(v.name) from metadata.views v where v.workspace_id = manifest_changes.workspace_id
  ), matched as materialized (
    select c.*, e.id as here, e."row", coalesce(e.id, engine.uuidv7()) as id
    from child c
    left join existing e on e.part = c.part and e.object_id = c.object_id and e.key = case c.part
      when 'rules' then jsonb_build_array(c.wanted -> 'kind', coalesce(c.wanted -> 'fieldId', 'null'), c.wanted -> 'settings', coalesce(c.wanted -> 'condition', 'null')) else jsonb_build_array(c.wanted -> 'name') end
  ), steps (phase, place, id, change) as (
    select 10, (t.value ->> 'position')::double precision, t.id, jsonb_build_object('op', 'insert', 'table', 'objects', 'id', t.id, 'values', t.wanted)
    from object t where t.is_new and not t.is_junction
    union all
    select 15, 0, t.id, jsonb_build_object('op', 'update', 'table', 'objects', 'id', t.id, 'values', v.value)
    from object t cross join lateral (select engine.what_differs('objects', t.id, t.wanted) as value) v where not t.is_new and v.value <> '{}'
    union all
    select case when t.value ->> 'type' in ('FORMULA', 'ROLLUP') then 40 when t.is_junction then 25 else 20 end, (t.value ->> 'position')::double precision, t.id,
      jsonb_build_object('op', 'insert', 'table', 'fields', 'id', t.id, 'values', t.wanted || jsonb_build_object('objectId', t.object_id))
    from thing t where t.kind = 'field' and t.is_new and t.value ->> 'type' not in ('INVERSE', 'MANY_TO_MANY') and not coalesce((t.value ->> 'isSystem')::boolean, false) and not (t.is_junction and t.value ->> 'type' = 'RELATION' and (t.value ->> 'isRequired')::boolean)
    union all
    select case when r.is_junction then 26 else 21 end, 0, r.id, jsonb_build_object('op', 'insert', 'table', 'relations', 'id', r.id, 'values', jsonb_build_object('fieldId', r.field_id, 'targetObjectId', r.target_id,
      'inverseName', r.value -> 'inverseName', 'inverseLabel', r.value -> 'inverseLabel', 'onDelete', coalesce(r.value -> 'onDelete', '"SET_NULL"')))
    from pg_temp.relvar_relations r where r.here is null and r.type <> 'MEMBER' and not (r.is_junction and r.value ->> 'onDelete' = 'CASCADE')
    union all
    select 22, (t.value ->> 'position')::double precision, t.id, jsonb_build_object('op', 'createField', 'id', t.id, 'objectId', t.object_id, 'label', t.value -> 'label', 'name', t.value -> 'name',
      'description', t.value -> 'description', 'icon', t.value -> 'icon', 'type', 'MANY_TO_MANY', 'targetObjectId', coalesce(v_planned ->> ('object:' || (t.value #>> '{manyToMany,target}')), (
        select o.id::text from metadata.objects o where o.workspace_id = manifest_changes.workspace_id and o.deleted_at is null and o.name_singular = t.value #>> '{manyToMany,target}')),
      'inverseLabel', t.value #> '{manyToMany,inverseLabel}', 'inverseName', t.value #> '{manyToMany,inverseName}',
      'settings', jsonb_build_object('junctionId', v_planned -> ('object:' || (t.value #>> '{manyToMany,junction,nameSingular}')),
        'inverseId', v_planned -> ('field:' || (t.value #>> '{manyToMany,target}') || '.' || (t.value #>> '{manyToMany,inverseName}')),
        -- What sums up or finds links speaks of the junction's own relations.
        'nearId', v_planned -> ('field:' || j.name || '.' || j.near), 'farId', v_planned -> ('field:' || j.name || '.' || j.far),
        'nearRelationId', v_planned -> ('relation:' || j.name || '.' || j.near || '>' || t.object_name),
        'farRelationId', v_planned -> ('relation:' || j.name || '.' || j.far || '>' || (t.value #>> '{manyToMany,target}'))))
    from thing t
    cross join lateral (select t.value #>> '{manyToMany,junction,nameSingular}' as name, t.value #>> '{manyToMany,near}' as near, t.value #>> '{manyToMany,far}' as far) j
    where t.kind = 'field' and t.is_new and t.value ->> 'type' = 'MANY_TO_MANY' and t.value ? 'manyToMany'
    union all
    select 24, 0, t.id, jsonb_build_object('op', 'update', 'table', 'fields', 'id', t.id, 'values', t.wanted - '{type,settings,options,isRequired,isUnique,requiredFrom,defaultValue}'::text[])
    from thing t where t.kind = 'field' and t.is_new and t.is_junction and t.value ->> 'type' = 'RELATION' and (t.value ->> 'isRequired')::boolean
    union all
    select 25, 0, r.id, jsonb_build_object('op', 'update', 'table', 'relations', 'id', r.id, 'values', jsonb_build_object('inverseName', r.value -> 'inverseName', 'inverseLabel', r.value -> 'inverseLabel'))
    from pg_temp.relvar_relations r where r.is_new and r.is_junction and r.value ->> 'onDelete' = 'CASCADE'
    union all
    select 24, 0, t.id, jsonb_build_object('op', 'update', 'table', 'fields', 'objectId', t.object_id, 'name', t.name, 'values', t.wanted)
    from thing t where t.kind = 'field' and t.is_new and (t.value ->> 'isSystem')::boolean
      and not exists (select from engine.system_fields() s where (s.name, s.label, s.description, s.icon) = (t.name, t.value ->> 'label', t.value ->> 'description', t.value ->> 'icon'))
    union all
    select 24, 0, r.id, jsonb_build_object('op', 'update', 'table', 'relations', 'fieldId', r.field_id, 'targetObjectId', r.target_id, 'values', jsonb_strip_nulls(jsonb_build_object(
      'inverseName', r.value -> 'inverseName', 'inverseLabel', r.value -> 'inverseLabel', 'onDelete', r.value -> 'onDelete')))
    from pg_temp.relvar_relations r where r.is_new and r.type = 'MEMBER'
    union all
    -- What the engine named is given the names of the manifest.
    select 23, 0, t.id, jsonb_build_object('op', 'update', 'table', 'objects', 'id', t.id, 'values', t.wanted) from object t where t.is_new and t.is_junction
    union all
    select 24, 0, t.id, jsonb_build_object('op', 'update', 'table', 'fields', 'id', t.id, 'values', jsonb_strip_nulls(jsonb_build_object('icon', t.value -> 'icon', 'position', t.value -> 'position')))
    from thing t where t.kind = 'field' and t.is_new and t.value ->> 'type' in ('MANY_TO_MANY', 'INVERSE')
    union all
    select case when t.value ->> 'type' in ('FORMULA', 'ROLLUP') then 41 else 30 end, (t.value ->> 'position')::double precision, t.id, jsonb_build_object('op', 'update', 'table', 'fields', 'id', t.id, 'values', v.value)
    from thing t cross join lateral (select engine.what_differs('fields', t.id, t.wanted) as value) v where t.kind = 'field' and not t.is_new and v.value <> '{}'
    union all
    select 31, 0, r.id, jsonb_build_object('op', 'update', 'table', 'relations', 'id', r.id, 'values', v.value)
    from pg_temp.relvar_relations r cross join lateral (
      select engine.what_differs('relations', r.id, jsonb_strip_nulls(jsonb_build_object('inverseName', r.value -> 'inverseName', 'inverseLabel', r.value -> 'inverseLabel', 'onDelete', r.value -> 'onDelete'))) as value) v
    where r.here is not null and v.value <> '{}'
    union all
    select 50, 0, l.id, jsonb_build_object('op', 'update', 'table', 'objects', 'id', l.id, 'values', v.value)
    from label l cross join lateral (
      select case when l.is_new then jsonb_strip_nulls(l.references_wanted) - case when l.references_wanted -> 'duplicateCriteria' = '[]' then 'duplicateCriteria' else '' end
        else engine.what_differs('objects', l.id, l.references_wanted) end as value) v where v.value <> '{}'
    union all
    select case c.part when 'rules' then 60 when 'indexes' then 61 else 62 end, 0, c.id, jsonb_build_object('op', 'insert', 'table', c.part, 'id', c.id, 'values', jsonb_strip_nulls(c.wanted) || jsonb_build_object('objectId', c.object_id))
    from matched c where c.here is null
    union all
    select 63, 0, c.id, jsonb_build_object('op', 'update', 'table', c.part, 'id', c.id, 'values', v.value)
    from matched c cross join lateral (select engine.what_differs(c.part, c.id, c.wanted) as value) v where c.here is not null and v.value <> '{}'
    union all
    select 64, (f.value ->> 'position')::double precision, null, case when e.id is null
      then jsonb_build_object('op', 'insert', 'table', 'viewFields', 'id', engine.uuidv7(), 'values', f.value || jsonb_build_object('viewId', c.id))
      else jsonb_build_object('op', 'update', 'table', 'viewFields', 'id', e.id, 'values', engine.what_differs('view_fields', e.id, f.value)) end
    from matched c cross join lateral jsonb_array_elements(coalesce(c.columns, '[]')) f
    left join metadata.view_fields e on e.view_id = c.here and e.field_id = (f.value ->> 'fieldId')::uuid
    where c.part = 'views' and f.value ->> 'fieldId' is not null and (e.id is null or engine.what_differs('view_fields', e.id, f.value) <> '{}')
    union all
    -- What the manifest does not have goes, if that is asked for; what belongs to an application stays.
    select 70, 0, e.id, jsonb_build_object('op', 'delete', 'table', e.part, 'id', e.id)
    from existing e where prune and e.application_id is null and exists (select from metadata.objects o where o.id = e.object_id and o.deleted_at is null and not o.is_junction)
      and not exists (select from matched m where m.here = e.id)
    union all
    select case when f.type in ('FORMULA', 'ROLLUP') then 71 else 72 end, 0, f.id, jsonb_build_object('op', 'delete', 'table', 'fields', 'id', f.id)
    from metadata.fields f join metadata.objects o on o.id = f.object_id
    where prune and f.workspace_id = manifest_changes.workspace_id and f.deleted_at is null and o.deleted_at is null and not f.is_system and f.application_id is null and not o.is_junction
      and exists (select from object t where t.id = o.id) and not exists (select from thing t where t.id = f.id)
      and not (f.type = 'MANY_TO_MANY' and exists (select from metadata.fields far join metadata.fields near on near.object_id = far.object_id and (near.position, near.id) < (far.position, far.id)
        join metadata.fields other on other.junction_field_id = near.id where far.id = f.junction_field_id))
    union all
    select 73, 0, o.id, jsonb_build_object('op', 'delete', 'table', 'objects', 'id', o.id)
    from metadata.objects o where prune and o.workspace_id = manifest_changes.workspace_id and o.deleted_at is null and not o.is_junction and o.application_id is null and not exists (select from object t where t.id = o.id)
  )
  select coalesce(jsonb_agg(s.change order by s.phase, s.place, s.id), '[]') into v_changes from steps s;
  drop table pg_temp.relvar_things, pg_temp.relvar_relations;
  return v_changes;
end
$$;

-- Which of the wanted values a row does not have.
create or replace function engine.what_differs(table_name text, id uuid, wanted jsonb) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_row jsonb;
begin
  execute format('select to_jsonb(t) from metadata.%I t where t.id = $1', table_name) into v_row using id;
  return (
    select coalesce(jsonb_object_agg(w.key, w.value), '{}') from jsonb_each(wanted) w
    where w.value is distinct from v_row -> engine.snake_case(w.key)
      and not (w.key in ('appliesFrom', 'requiredFrom') and (w.value #>> '{}')::timestamptz is not distinct from (v_row ->> engine.snake_case(w.key))::timestamptz));
end
$$;

create or replace function metadata.plan_manifest(workspace_id uuid, manifest jsonb, prune boolean default false) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_plan jsonb;
begin
  perform engine.assert_manages(workspace_id);
  v_plan := metadata.plan_changes(workspace_id, engine.manifest_changes(workspace_id, manifest, prune));
  -- Who may do what is not moved with the model: roles have members, which a manifest knows nothing of.
  return jsonb_set(v_plan, '{warnings}', (v_plan -> 'warnings') || (
    select coalesce(jsonb_agg(jsonb_build_object('code', 'ROLE_MISSING', 'message', format('There is no role "%s" here.', r ->> 'name'), 'hint', 'Make it by hand; roles are not imported.')), '[]')
    from jsonb_array_elements(coalesce(manifest -> 'roles', '[]')) r
    where not exists (select from metadata.roles x where x.workspace_id = plan_manifest.workspace_id and x.name = r ->> 'name')));
end
$$;
comment on function metadata.plan_manifest(uuid, jsonb, boolean) is
  'What it takes to make the model of a manifest here: a plan whose changes apply_changes makes. With prune, what the manifest does not have is deleted.';
grant execute on function metadata.export_manifest(), metadata.plan_manifest(uuid, jsonb, boolean) to relvar_crm;
--! EndIncluded metadata/manifest.sql
--! Included metadata/sync.sql
-- Installs, upgrades and uninstalls a bundle of objects, fields, relations, rules, indexes, views and
-- roles. What a manifest names is found again by its universal identifier (application:object.field,
-- unless the manifest gives one), so that renaming a label here does not make a second field on the
-- next upgrade. An upgrade compares three: the old manifest, the new one and the workspace. What the
-- workspace changed itself stays as it is, and what it deleted stays deleted.

create or replace function metadata.sync_application(workspace_id uuid, manifest jsonb) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_application metadata.applications;
  v_id uuid;
  v_computed record;
begin
  -- Members call it with their own workspace only, administrators with any. A person's own login
  -- may have inherited the right to call it without having taken a role.
  if not (current_setting('role') in ('none', 'relvar_owner') and pg_catalog.pg_has_role(session_user, 'relvar_owner', 'member'))
    and (engine.workspace_of_role(current_setting('role')::name) is distinct from sync_application.workspace_id
      or not engine.role_manages_model(current_setting('role')::name)) then
    raise exception 'Your role may not install applications here.' using errcode = '42501';
  end if;
  if coalesce(sync_application.manifest ->> 'name', '') = '' or jsonb_typeof(sync_application.manifest -> 'objects') is distinct from 'array' then
    raise exception 'A manifest needs a name and a list of objects.' using errcode = 'RV030',
      hint = 'See db/standard/manifest.json for one that works.';
  end if;

  select a.* into v_application from metadata.applications a
  where a.workspace_id = sync_application.workspace_id and a.name = sync_application.manifest ->> 'name' for update;
  if found and v_application.manifest = sync_application.manifest then
    return v_application.id;
  end if;
  insert into metadata.applications as a (workspace_id, name, version, manifest)
  values (sync_application.workspace_id, sync_application.manifest ->> 'name', coalesce(sync_application.manifest ->> 'version', '0'), sync_application.manifest)
  on conflict on constraint applications_workspace_id_name_key do update set version = excluded.version, manifest = excluded.manifest
  returning a.id into v_id;

  with new_objects as (
    select o.* from engine.manifest_objects(sync_application.manifest) o
  ), old_objects as (
    select o.* from engine.manifest_objects(v_application.manifest) o
  ), updated as (
    update metadata.objects t set
      label_singular = case when t.label_singular is not distinct from p.label_singular then n.label_singular else t.label_singular end,
      label_plural = case when t.label_plural is not distinct from p.label_plural then n.label_plural else t.label_plural end,
      description = case when t.description is not distinct from p.description then n.description else t.description end,
      icon = case when t.icon is not distinct from p.icon then n.icon else t.icon end
    from new_objects n join old_objects p using (universal_identifier)
    where t.workspace_id = sync_application.workspace_id and t.universal_identifier = n.universal_identifier
      and (n.label_singular, n.label_plural, n.description, n.icon) is distinct from (p.label_singular, p.label_plural, p.description, p.icon)
  )
  insert into metadata.objects (workspace_id, application_id, universal_identifier, name_singular, name_plural, label_singular, label_plural,
    description, icon, color, is_system, is_searchable, position)
  select sync_application.workspace_id, v_id, n.universal_identifier, n.name_singular, n.name_plural, n.label_singular, n.label_plural,
    n.description, n.icon, n.color, n.is_system, n.is_searchable, n.position
  from new_objects n
  where not exists (select from metadata.objects t where t.workspace_id = sync_application.workspace_id and t.universal_identifier = n.universal_identifier)
    and n.universal_identifier <> all (coalesce(v_application.removed, '{}'))
  order by n.position;

  with new_fields as (
    select f.*, o.id as object_id from engine.manifest_fields(sync_application.manifest) f
    join metadata.objects o on o.workspace_id = sync_application.workspace_id and o.universal_identifier = f.object_identifier
  ), old_fields as (
    select f.* from engine.manifest_fields(v_application.manifest) f
  ), updated as (
    update metadata.fields t set
      label = case when t.label is not distinct from p.label then n.label else t.label end,
      description = case when t.description is not distinct from p.description then n.description else t.description end,
      icon = case when t.icon is not distinct from p.icon then n.icon else t.icon end,
      settings = case when t.settings is not distinct from p.settings then n.settings else t.settings end,
      options = case when t.options is not distinct from p.options then n.options
        -- Options that people added stay, and those that are new come after them.
        else t.options || (select coalesce(jsonb_agg(e order by i), '[]') from jsonb_array_elements(n.options) with ordinality u (e, i)
          where not p.options @> jsonb_build_array(jsonb_build_object('value', e -> 'value')) and not t.options @> jsonb_build_array(jsonb_build_object('value', e -> 'value'))) end,
      default_value = case when t.default_value is not distinct from p.default_value then n.default_value else t.default_value end
    from new_fields n join old_fields p using (universal_identifier)
    where t.workspace_id = sync_application.workspace_id and t.universal_identifier = n.universal_identifier
      and (n.label, n.description, n.icon, n.settings, n.options, n.default_value)
        is distinct from (p.label, p.description, p.icon, p.settings, p.options, p.default_value)
  )
  insert into metadata.fields (workspace_id, object_id, application_id, universal_identifier, name, label, description, icon, type, settings,
    options, default_value, is_required, is_unique, position)
  select sync_application.workspace_id, n.object_id, v_id, n.universal_identifier, engine.free_field_name(n.object_id, n.name), n.label, n.description, n.icon, n.type,
    engine.references_by_id(sync_application.workspace_id, n.settings) || case when n.many_to_many is null then '{}' else jsonb_build_object('inverseName', n.many_to_many -> 'inverseName', 'inverseLabel', n.many_to_many -> 'inverseLabel',
      'targetObjectId', (select o.id from metadata.objects o where o.workspace_id = sync_application.workspace_id and o.deleted_at is null and o.name_singular = n.many_to_many ->> 'target')) end,
    n.options, n.default_value, n.is_required, n.is_unique, n.position
  from new_fields n
  where not exists (select from metadata.fields t where t.workspace_id = sync_application.workspace_id and t.universal_identifier = n.universal_identifier)
    and n.universal_identifier <> all (coalesce(v_application.removed, '{}')) and n.type not in ('FORMULA', 'ROLLUP')
  order by n.object_identifier, n.position;

  insert into metadata.relations (workspace_id, field_id, target_object_id, inverse_name, inverse_label, on_delete)
  select sync_application.workspace_id, f.id, o.id, r ->> 'inverseName', r ->> 'inverseLabel', coalesce(r ->> 'onDelete', 'SET_NULL')
  from engine.manifest_fields(sync_application.manifest) n
  join metadata.fields f on f.workspace_id = sync_application.workspace_id and f.universal_identifier = n.universal_identifier
  cross join lateral jsonb_array_elements(n.relations) r
  join metadata.objects o on o.workspace_id = sync_application.workspace_id and o.name_singular = r ->> 'target' and o.deleted_at is null
  where not exists (select from metadata.relations t where t.field_id = f.id and t.target_object_id = o.id);

  -- What is computed comes when all that it reads is there.
  for v_computed in
    select n.*, o.id as object_id from engine.manifest_fields(sync_application.manifest) n
    join metadata.objects o on o.workspace_id = sync_application.workspace_id and o.universal_identifier = n.object_identifier
    where n.type in ('FORMULA', 'ROLLUP') and n.universal_identifier <> all (coalesce(v_application.removed, '{}'))
      and not exists (select from metadata.fields t where t.workspace_id = sync_application.workspace_id and t.universal_identifier = n.universal_identifier)
    order by n.position
  loop
    insert into metadata.fields (workspace_id, object_id, application_id, universal_identifier, name, label, description, icon, type, settings, position)
    values (sync_application.workspace_id, v_computed.object_id, v_id, v_computed.universal_identifier, engine.free_field_name(v_computed.object_id, v_computed.name), v_computed.label, v_computed.description, v_computed.icon, v_computed.type,
      engine.references_by_id(sync_application.workspace_id, v_computed.settings), v_computed.position);
  end loop;

  update metadata.objects o set label_field_id = f.id
  from engine.manifest_objects(sync_application.manifest) n
  join metadata.fields f on f.workspace_id = sync_application.workspace_id and f.universal_identifier = n.universal_identifier || '.' || n.label_field
  where o.workspace_id = sync_application.workspace_id and o.universal_identifier = n.universal_identifier and o.label_field_id is null;

  perform engine.sync_children(sync_application.workspace_id, v_id, v_application.manifest, sync_application.manifest),
    engine.sync_roles(sync_application.workspace_id, sync_application.manifest),
    engine.drop_removed(sync_application.workspace_id, v_id, v_application.manifest, sync_application.manifest);
  return v_id;
end
$$;
comment on function metadata.sync_application(uuid, jsonb) is
  'Installs or upgrades an application from its manifest: objects, fields, relations, rules, indexes, views and roles. Returns the application''s id. What the workspace has changed itself is kept.';
grant execute on function metadata.sync_application(uuid, jsonb) to relvar_crm;

create or replace function engine.manifest_objects(manifest jsonb)
returns table (universal_identifier text, name_singular text, name_plural text, label_singular text, label_plural text,
  description text, icon text, color text, label_field text, is_system boolean, is_searchable boolean, "position" double precision)
language sql immutable set search_path = ''
as $$
  select coalesce(o ->> 'universalIdentifier', (manifest ->> 'name') || ':' || (o ->> 'nameSingular')), o ->> 'nameSingular', o ->> 'namePlural',
    o ->> 'labelSingular', o ->> 'labelPlural', coalesce(o ->> 'description', ''), coalesce(o ->> 'icon', 'IconBox'), o ->> 'color', o ->> 'labelField',
    coalesce((o ->> 'isSystem')::boolean, false), coalesce((o ->> 'isSearchable')::boolean, true), coalesce((o ->> 'position')::double precision, 0)
  from jsonb_array_elements(manifest -> 'objects') o
  -- An object of another application is only extended.
  where not o ? 'extends'
$$;

create or replace function engine.manifest_fields(manifest jsonb)
returns table (object_identifier text, universal_identifier text, name text, label text, description text, icon text, type text, settings jsonb,
  options jsonb, default_value jsonb, is_required boolean, is_unique boolean, "position" double precision, relations jsonb, many_to_many jsonb)
language sql immutable set search_path = ''
as $$
  select i.id, coalesce(f ->> 'universalIdentifier', (case when o ? 'extends' then (manifest ->> 'name') || ':' || split_part(i.id, ':', 2) else i.id end) || '.' || (f ->> 'name')), f ->> 'name', f ->> 'label', coalesce(f ->> 'description', ''),
    f ->> 'icon', f ->> 'type', coalesce(f -> 'settings', '{}'), coalesce(f -> 'options', '[]'), nullif(f -> 'defaultValue', 'null'),
    coalesce((f ->> 'isRequired')::boolean, false), coalesce((f ->> 'isUnique')::boolean, false), coalesce((f ->> 'position')::double precision, 0),
    coalesce(f -> 'relations', '[]'), f -> 'manyToMany'
  from jsonb_array_elements(manifest -> 'objects') o
  cross join lateral (select coalesce(o ->> 'extends', o ->> 'universalIdentifier', (manifest ->> 'name') || ':' || (o ->> 'nameSingular')) as id) i
  cross join lateral jsonb_array_elements(coalesce(o -> 'fields', '[]')) f
$$;

-- Rules, indexes and views of a manifest, one a row.
create or replace function engine.manifest_children(manifest jsonb)
returns table (part text, object_identifier text, universal_identifier text, value jsonb)
language sql immutable set search_path = ''
as $$
  select p.part, i.id, coalesce(e.value ->> 'universalIdentifier', (manifest ->> 'name') || ':' || split_part(i.id, ':', 2) || '.' || p.part || ':'
      || coalesce(e.value ->> 'name', concat_ws('.', e.value ->> 'kind', e.value ->> 'field', left(md5(concat(e.value -> 'settings', e.value -> 'condition')), 8)))), e.value
  from jsonb_array_elements(manifest -> 'objects') o
  cross join lateral (select coalesce(o ->> 'extends', o ->> 'universalIdentifier', (manifest ->> 'name') || ':' || (o ->> 'nameSingular')) as id) i
  cross join (values ('rules'), ('indexes'), ('views')) p (part)
  cross join lateral jsonb_array_elements(coalesce(o -> p.part, '[]')) e (value)
$$;

-- What the manifest says otherwise than before is written anew; what was deleted here stays away.
create or replace function engine.sync_children(workspace_id uuid, application_id uuid, old_manifest jsonb, new_manifest jsonb) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  r record;
  v_value jsonb;
  v_field uuid;
  v_view uuid;
begin
  for r in
    select n.*, o.id as object_id, p.value as old_value from engine.manifest_children(new_manifest) n
    join metadata.objects o on o.workspace_id = sync_children.workspace_id and o.universal_identifier = n.object_identifier and o.deleted_at is null
    left join engine.manifest_children(old_manifest) p on p.part = n.part and p.universal_identifier = n.universal_identifier
    where n.value is distinct from p.value
  loop
    -- Known before and gone here: somebody deleted it.
    if r.old_value is not null then
      execute format('delete from metadata.%I t where t.workspace_id = $1 and t.universal_identifier = $2 returning t.id', r.part) into v_view using sync_children.workspace_id, r.universal_identifier;
      continue when v_view is null;
    end if;
    v_value := engine.references_by_id(sync_children.workspace_id, r.value);
    select f.id into v_field from metadata.fields f where f.object_id = r.object_id and f.name = coalesce(v_value ->> 'field', v_value ->> 'groupField') and f.deleted_at is null;
    case r.part
      when 'rules' then
        insert into metadata.rules (workspace_id, object_id, application_id, universal_identifier, field_id, kind, settings, condition, message, applies_from, position)
        values (sync_children.workspace_id, r.object_id, sync_children.application_id, r.universal_identifier, v_field, v_value ->> 'kind', coalesce(v_value -> 'settings', '{}'), v_value ->> 'condition',
          coalesce(v_value ->> 'message', ''), (v_value ->> 'appliesFrom')::timestamptz, coalesce((v_value ->> 'position')::double precision, 0));
      when 'indexes' then
        insert into metadata.indexes (workspace_id, object_id, application_id, universal_identifier, name, kind, parts, condition)
        values (sync_children.workspace_id, r.object_id, sync_children.application_id, r.universal_identifier, v_value ->> 'name', coalesce(v_value ->> 'kind', 'BTREE'), v_value -> 'parts', v_value ->> 'condition');
      when 'views' then
        insert into metadata.views (workspace_id, object_id, application_id, universal_identifier, name, icon, type, filter, sorts, group_field_id, position)
        values (sync_children.workspace_id, r.object_id, sync_children.application_id, r.universal_identifier, v_value ->> 'name', v_value ->> 'icon', coalesce(v_value ->> 'type', 'TABLE'),
          nullif(v_value -> 'filter', 'null'), coalesce(v_value -> 'sorts', '[]'), v_field, coalesce((v_value ->> 'position')::double precision, 0)) returning id into v_view;
        insert into metadata.view_fields (workspace_id, view_id, field_id, width, is_visible, position)
        select sync_children.workspace_id, v_view, f.id, (c ->> 'width')::int, coalesce((c ->> 'isVisible')::boolean, true), coalesce((c ->> 'position')::double precision, i)
        from jsonb_array_elements(coalesce(v_value -> 'fields', '[]')) with ordinality u (c, i)
        join metadata.fields f on f.object_id = r.object_id and f.name = c ->> 'field' and f.deleted_at is null;
    end case;
  end loop;
end
$$;

-- Roles of a bundle are made once; who has them, and what they may do from then on, is up to the workspace.
create or replace function engine.sync_roles(workspace_id uuid, manifest jsonb) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  r jsonb;
  v_role uuid;
  v_schema text := (select w.schema_name from core.workspaces w where w.id = workspace_id);
begin
  for r in
    select e from jsonb_array_elements(coalesce(manifest -> 'roles', '[]')) e
    where not exists (select from metadata.roles x where x.workspace_id = sync_roles.workspace_id and x.name = e ->> 'name')
  loop
    insert into metadata.roles as n (workspace_id, name, description, pg_role, can_manage_model, can_read_all, can_create_all, can_update_all, can_delete_all)
    select sync_roles.workspace_id, r ->> 'name', coalesce(r ->> 'description', ''), v_schema || '_r_' || (max(substring(x.pg_role from '_r_([0-9]+)$')::int) + 1),
      -- An application brings no role that changes the model.
      false, coalesce((r ->> 'canReadAll')::boolean, false), coalesce((r ->> 'canCreateAll')::boolean, false), coalesce((r ->> 'canUpdateAll')::boolean, false), coalesce((r ->> 'canDeleteAll')::boolean, false)
    from metadata.roles x where x.workspace_id = sync_roles.workspace_id
    returning n.id into v_role;
    insert into metadata.object_permissions (workspace_id, role_id, object_id, can_read, can_create, can_update, can_delete)
    select sync_roles.workspace_id, v_role, o.id, coalesce((p ->> 'canRead')::boolean, false), coalesce((p ->> 'canCreate')::boolean, false), coalesce((p ->> 'canUpdate')::boolean, false), coalesce((p ->> 'canDelete')::boolean, false)
    from jsonb_array_elements(coalesce(r -> 'permissions', '[]')) p
    join metadata.objects o on o.workspace_id = sync_roles.workspace_id and o.deleted_at is null and o.name_singular = p ->> 'object';
  end loop;
end
$$;

-- What an application no longer brings goes, to where it can be restored from; what the workspace uses becomes its own.
create or replace function engine.drop_removed(workspace_id uuid, application_id uuid, old_manifest jsonb, new_manifest jsonb) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  r record;
begin
  for r in
    select p.part, p.universal_identifier from engine.manifest_children(old_manifest) p
    where not exists (select from engine.manifest_children(new_manifest) n where n.part = p.part and n.universal_identifier = p.universal_identifier)
  loop
    execute format('delete from metadata.%I t where t.workspace_id = $1 and t.universal_identifier = $2', r.part) using drop_removed.workspace_id, r.universal_identifier;
  end loop;
  for r in
    select f.id, exists (select from engine.uses(drop_removed.workspace_id, 'field', f.id) u where u.is_blocking) as is_used
    from engine.manifest_fields(old_manifest) p
    join metadata.fields f on f.workspace_id = drop_removed.workspace_id and f.universal_identifier = p.universal_identifier and f.deleted_at is null
    where not exists (select from engine.manifest_fields(new_manifest) n where n.universal_identifier = p.universal_identifier)
      and exists (select from engine.manifest_objects(new_manifest) o where o.universal_identifier = p.object_identifier
        union all select from metadata.objects o where o.id = f.object_id and o.application_id is distinct from drop_removed.application_id)
    order by p.type in ('FORMULA', 'ROLLUP') desc
  loop
    update metadata.fields f set application_id = null, universal_identifier = null,
      deleted_at = case when not r.is_used then clock_timestamp() end, deleted_by_name = case when not r.is_used then (engine.current_actor()).name end
    where f.id = r.id;
  end loop;
  for r in
    select o.id, exists (select from engine.uses(drop_removed.workspace_id, 'object', o.id) u where u.is_blocking)
      or exists (select from metadata.fields f where f.object_id = o.id and not f.is_system and f.deleted_at is null and f.application_id is distinct from drop_removed.application_id) as is_used
    from engine.manifest_objects(old_manifest) p
    join metadata.objects o on o.workspace_id = drop_removed.workspace_id and o.universal_identifier = p.universal_identifier and o.deleted_at is null
    where not exists (select from engine.manifest_objects(new_manifest) n where n.universal_identifier = p.universal_identifier)
  loop
    update metadata.fields f set application_id = null, universal_identifier = null where f.object_id = r.id and f.application_id = drop_removed.application_id;
    update metadata.objects o set application_id = null, universal_identifier = null,
      deleted_at = case when not r.is_used then clock_timestamp() end, deleted_by_name = case when not r.is_used then (engine.current_actor()).name end
    where o.id = r.id;
  end loop;
end
$$;

-- What people built on an application is not pulled down with it.
create or replace function metadata.uninstall_application(workspace_id uuid, name text) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_application metadata.applications;
  v_users text[];
begin
  perform engine.assert_manages(workspace_id);
  select a.* into v_application from metadata.applications a where a.workspace_id = uninstall_application.workspace_id and a.name = uninstall_application.name for update;
  if not found then
    raise exception 'The application "%" is not installed.', name using errcode = 'RV063', column = 'name';
  end if;
  if v_application.manifest @> '{"name": "standard"}' then
    raise exception 'The standard objects cannot be uninstalled.' using errcode = 'RV007', column = 'name', hint = 'Deactivate those that you do not need.';
  end if;
  v_users := array(
    select format('the field "%s" of %s', f.label, o.label_plural) from metadata.fields f join metadata.objects o on o.id = f.object_id
    where o.application_id = v_application.id and o.deleted_at is null and f.deleted_at is null and not f.is_system and f.application_id is distinct from v_application.id
      and f.type <> 'MANY_TO_MANY'
    union
    select format('the %s "%s" of %s', u.user_kind, u.label, u.object_label)
    from metadata.fields f cross join lateral engine.uses(uninstall_application.workspace_id, 'field', f.id) u
    where f.application_id = v_application.id and f.deleted_at is null and u.is_blocking and u.user_kind <> 'object'
      and not exists (select from metadata.fields x where x.id = u.user_id and x.application_id = v_application.id)
      and not exists (select from metadata.rules x where x.id = u.user_id and x.application_id = v_application.id)
      and not exists (select from metadata.indexes x where x.id = u.user_id and x.application_id = v_application.id)
      and not exists (select from metadata.views x where x.id = u.user_id and x.application_id = v_application.id));
  if v_users <> '{}' then
    raise exception 'The application "%" cannot be uninstalled: % was built on it.', name, v_users[1] || case when cardinality(v_users) > 1 then format(' (and %s more)', cardinality(v_users) - 1) else '' end
      using errcode = 'RV068', column = 'name', detail = array_to_string(v_users, E'\n'), hint = 'Delete or change these first.';
  end if;
  perform engine.drop_removed(workspace_id, v_application.id, v_application.manifest, jsonb_build_object('name', name, 'objects', '[]'::jsonb));
  -- Nothing belongs to it any more but what was deleted here before.
  update metadata.fields f set application_id = null, universal_identifier = null where f.workspace_id = uninstall_application.workspace_id and f.application_id = v_application.id;
  update metadata.objects o set application_id = null, universal_identifier = null where o.workspace_id = uninstall_application.workspace_id and o.application_id = v_application.id;
  delete from metadata.applications a where a.id = v_application.id;
  return true;
end
$$;
comment on function metadata.uninstall_application(uuid, text) is
  'Takes an application out: its objects and fields are deleted, and can be restored until the grace period ends. Refused while something was built on them, with the list.';
grant execute on function metadata.uninstall_application(uuid, text) to relvar_crm;

-- Called after migrations: every workspace gets the standard objects of this release.
create or replace function engine.sync_standard_application() returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_count int := 0;
  r record;
begin
  for r in
    select w.id, m.manifest from core.workspaces w cross join engine.standard_manifest m
    left join metadata.applications a on a.workspace_id = w.id and a.name = m.manifest ->> 'name'
    where a.manifest is distinct from m.manifest
  loop
    perform metadata.sync_application(r.id, r.manifest);
    v_count := v_count + 1;
  end loop;
  return v_count;
end
$$;
--! EndIncluded metadata/sync.sql
--! Included metadata/reset.sql
-- Back to how an application brought it: labels, icon, description, settings, options, whether it is
-- shown. What was added beside it stays.
create or replace function metadata.plan_reset(workspace_id uuid, kind text, id uuid) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_changes jsonb;
begin
  perform engine.assert_manages(workspace_id);
  with thing as (
    select 'objects' as part, o.id, jsonb_build_object('labelSingular', m.label_singular, 'labelPlural', m.label_plural, 'description', m.description, 'icon', m.icon, 'color', m.color,
      'isSearchable', m.is_searchable, 'isActive', true) as wanted
    from metadata.objects o join metadata.applications a on a.id = o.application_id
    join engine.manifest_objects(a.manifest) m on m.universal_identifier = o.universal_identifier
    where plan_reset.kind = 'object' and o.workspace_id = plan_reset.workspace_id and o.id = plan_reset.id and o.deleted_at is null
    union all
    select 'fields', f.id, jsonb_build_object('label', m.label, 'description', m.description, 'icon', m.icon, 'settings', engine.references_by_id(plan_reset.workspace_id, m.settings),
      'options', m.options, 'defaultValue', m.default_value, 'isRequired', m.is_required, 'isUnique', m.is_unique, 'isActive', true) - case when m.type = 'MANY_TO_MANY' then 'settings' else '' end
    from metadata.fields f join metadata.applications a on a.id = f.application_id
    join engine.manifest_fields(a.manifest) m on m.universal_identifier = f.universal_identifier
    where f.workspace_id = plan_reset.workspace_id and f.deleted_at is null
      and (plan_reset.kind = 'field' and f.id = plan_reset.id or plan_reset.kind = 'object' and f.object_id = plan_reset.id)
  )
  select jsonb_agg(jsonb_build_object('op', 'update', 'table', t.part, 'id', t.id, 'values', v.value) order by t.part, t.id) filter (where v.value <> '{}') into v_changes
  from thing t cross join lateral (select engine.what_differs(t.part, t.id, t.wanted) as value) v
  having count(*) > 0;
  if not found then
    raise exception 'Only what an application brought can be reset to how it was brought.' using errcode = 'RV069', column = 'id',
      hint = 'Things made here have no other state to go back to, but metadata.plan_revert leads back to an earlier version.';
  end if;
  return metadata.plan_changes(workspace_id, coalesce(v_changes, '[]'));
end
$$;
comment on function metadata.plan_reset(uuid, text, uuid) is
  'What it takes to reset an object (with its fields) or a field to how its application brought it: a plan whose changes apply_changes makes.';
grant execute on function metadata.plan_reset(uuid, text, uuid) to relvar_crm;
--! EndIncluded metadata/reset.sql
--! Included metadata/statistics.sql
-- How much an object holds, for the list of objects. Counting is exact where it is quick.

create or replace function metadata.object_statistics() returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace uuid := engine.workspace_of_role(current_setting('role')::name);
  v_list jsonb := '[]';
  v_records bigint;
  v_exact boolean;
  r record;
begin
  perform engine.assert_manages(v_workspace);
  for r in
    select o.id, c.oid, c.reltuples, c.relpages, pg_catalog.pg_relation_size(c.oid) as heap
    from metadata.objects o join core.workspaces w on w.id = o.workspace_id
    join pg_catalog.pg_class c on c.oid = to_regclass(format('%I.%I', w.schema_name, o.table_name))
    where o.workspace_id = v_workspace and o.deleted_at is null
    order by o.position, o.id
  loop
    -- Below some megabytes a count takes less time than a person notices.
    v_exact := r.heap < 8 * 1024 * 1024;
    if v_exact then
      execute format('select count(*) from %s', r.oid::regclass) into v_records;
    else
      v_records := case when r.relpages > 0 and r.reltuples >= 0 then r.reltuples / r.relpages * (r.heap / 8192) else r.heap / 150 end;
    end if;
    v_list := v_list || jsonb_build_object('objectId', r.id, 'records', v_records, 'exact', v_exact,
      'bytes', pg_catalog.pg_total_relation_size(r.oid), 'indexBytes', pg_catalog.pg_indexes_size(r.oid));
  end loop;
  return v_list;
end
$$;
comment on function metadata.object_statistics() is
  'For each object: how many records it has (counted, or estimated where that would take long), and how many bytes its table and its indexes take.';
grant execute on function metadata.object_statistics() to relvar_crm;
--! EndIncluded metadata/statistics.sql
--! Included engine/drift/drift.sql
-- Drift: where somebody changed the database by hand, so that it is not what metadata says. What the
-- engine made and is altered or missing is found by comparing facts, as planning does; what was made
-- beside it bears no identity, and planning leaves it alone.

create type engine.drift_item as (
  kind text,
  key text,
  object_id uuid,
  object_name text,
  name text,
  detail text,
  proposals text[],
  statements text[],   -- of REPAIR
  is_ignored boolean,
  basis text           -- what it is like now: ignored is only what stays like that
);

-- Only what neither security nor the API depends on may stay different.
create or replace function engine.may_ignore(d engine.difference) returns boolean
language sql immutable set search_path = ''
  return (d).kind = 'index' or (d).kind = 'constraint' and (d).key not like '% pk'
    or (d).kind = 'column' and not (d).is_missing and not (d).is_extra and not (d).is_recreated and (d).want.name = (d).have.name;

create or replace function engine.difference_text(d engine.difference) returns text
language sql immutable set search_path = ''
as $$
  select case
    when (d).is_missing then case (d).kind
      when 'rls' then 'Row-level security is not kept.'
      when 'grant' then 'The role lacks its rights: ' || (d).want.definition || '.'
      else 'It is missing.' end
    when (d).is_extra then case (d).kind
      when 'policy' then 'Somebody made this policy, which opens what the engine keeps shut.'
      when 'grant' then 'The role has rights that the model does not give: ' || (d).have.definition || '.'
      else 'The model does not have it.' end
    when (d).kind = 'rls' then 'Row-level security is ' || case (d).have.definition when 'enabled' then 'not forced.' else 'switched off.' end
    when (d).kind = 'grant' then format('The rights of the role are "%s" instead of "%s".', (d).have.definition, (d).want.definition)
    when (d).kind = 'policy' and (d).is_recreated then 'The policy was altered.'
    when (d).kind = 'trigger' and (d).is_recreated then case when (d).have.comment = 'disabled' then 'The trigger is disabled.' else 'The trigger was altered.' end
    when (d).kind = 'index' and not (d).have.not_null then 'The index is invalid: its building was interrupted.'
    when (d).is_recreated then 'It is not as the model says.'
    else coalesce(nullif(concat_ws(' ',
      case when (d).want.name <> (d).have.name then format('It is called %s instead of %s.', (d).have.name, (d).want.name) end,
      case when (d).kind = 'column' and (d).want.pg_type <> (d).have.pg_type then format('Its type is %s instead of %s.', (d).have.pg_type, (d).want.pg_type) end,
      case when (d).kind = 'column' and (d).want.not_null <> (d).have.not_null then case when (d).have.not_null then 'It must not be empty.' else 'It may be empty.' end end,
      case when (d).kind = 'column' and (d).want.default_expr is distinct from (d).have.default_expr
        then format('Its default is %s instead of %s.', coalesce((d).have.default_expr, 'nothing'), coalesce((d).want.default_expr, 'nothing')) end), ''),
      'Its comment was rewritten.') end
$$;

-- What was made beside the engine.
create or replace function engine.drift_beside(v_schema text) returns setof engine.drift_item
language sql stable set search_path = ''
as $$
  with fact as (
    select a.*, case a.kind
        when 'table' then (select string_agg(c.attname || ' ' || pg_catalog.format_type(c.atttypid, c.atttypmod), ', ' order by c.attname)
          from pg_catalog.pg_attribute c where c.attrelid = a.oid and c.attnum > 0 and not c.attisdropped)
        when 'column' then a.pg_type || case when a.not_null then ' not null' else '' end || coalesce(' default ' || a.default_expr, '') || coalesce(' generated always as ' || a.generated_expr, '')
        when 'constraint' then pg_catalog.pg_get_constraintdef(a.oid)
        when 'index' then pg_catalog.pg_get_indexdef(a.oid)
        when 'trigger' then pg_catalog.pg_get_triggerdef(a.oid)
        when 'function' then pg_catalog.pg_get_functiondef(a.oid) end as described
    from engine.actual(v_schema) a
    where a.key ~ '(^| )unmanaged:' and a.kind in ('table', 'column', 'constraint', 'index', 'trigger', 'function')
  )
  select f.kind, f.key, o.id, coalesce(o.label_plural, f.table_name), f.name,
    case f.kind
      when 'table' then format('The model does not know this table. It has the columns %s.', f.described)
      when 'function' then 'The model does not know this function.'
      else format('The model does not know this %s: %s.', f.kind, f.described) end,
    array['REPAIR', 'IGNORE'],
    array[case f.kind
      when 'table' then format('drop table %I.%I', v_schema, f.name)
      when 'column' then format('alter table %I.%I drop column %I', v_schema, f.table_name, f.name)
      when 'constraint' then format('alter table %I.%I drop constraint %I', v_schema, f.table_name, f.name)
      when 'index' then format('drop index %I.%I', v_schema, f.name)
      when 'trigger' then format('drop trigger %I on %I.%I', f.name, v_schema, f.table_name)
      when 'function' then format('drop function %s', f.oid::regprocedure) end],
    false, md5(concat_ws('|', f.name, f.described))
  from fact f
  left join metadata.objects o on o.id::text = f.table_key
  -- A table says it all about what stands on it.
  where f.kind = 'table' or f.kind = 'function' or f.table_key is not null
$$;

create or replace function engine.drift(workspace_id uuid) returns setof engine.drift_item
language plpgsql stable set search_path = ''
as $$
declare
  v_schema text;
  v_differences engine.difference[];
begin
  select w.schema_name into v_schema from core.workspaces w where w.id = drift.workspace_id;
  if v_schema is null then
    raise exception 'There is no workspace %.', workspace_id using errcode = 'RV012', hint = 'select id, slug from core.workspaces lists them.';
  end if;
  -- What a job is still at is no drift.
  v_differences := array(select d from engine.difference(workspace_id, v_schema, null, true) d
    where not exists (select from metadata.online_changes c where c.workspace_id = drift.workspace_id and c.key = d.key and c.status <> 'DONE'));
  return query
  with difference as (
    select d, row_number() over () as n from unnest(v_differences) d
  ), gone as (
    select (d).key from difference where (d).kind in ('table', 'internal') and ((d).is_missing or (d).is_extra)
  ), item as (
    select (i.d).kind, (i.d).key, o.id as object_id, coalesce(o.label_plural, (i.d).new_table, '') as object_name,
      coalesce((i.d).have.name, (i.d).want.name, (i.d).new_table, (i.d).key) as name, engine.difference_text(i.d) as detail,
      engine.drift_proposals(drift.workspace_id, i.d) as proposals,
      array(select s.statement from engine.steps(v_schema,
        -- A table comes with all that stands on it.
        case when (i.d).kind in ('table', 'internal') and (i.d).key in (select g.key from gone g)
          then array(select x.d from difference x where coalesce((x.d).want.table_key, (x.d).have.table_key, (x.d).key) = (i.d).key) else array[i.d] end) s order by s.step) as statements,
      engine.drift_basis((i.d).want, (i.d).have) as basis
    from difference i
    left join metadata.objects o on o.id::text = coalesce((i.d).want.table_key, (i.d).have.table_key)
    where (i.d).kind in ('table', 'internal')
      or coalesce((i.d).want.table_key, (i.d).have.table_key, '') not in (select g.key from gone g)
    union all
    select b.kind, b.key, b.object_id, b.object_name, b.name, b.detail,
      engine.beside_proposals(drift.workspace_id, v_schema, b), b.statements, b.basis
    from engine.drift_beside(v_schema) b
  )
  select i.kind, i.key, i.object_id, i.object_name, i.name, i.detail, i.proposals, i.statements, g.key is not null, i.basis
  from item i
  left join metadata.ignored_drift g on g.workspace_id = drift.workspace_id and (g.kind, g.key, g.basis) = (i.kind, i.key, i.basis)
  order by i.object_name, i.kind, i.name;
end
$$;
comment on function engine.drift(uuid) is 'Where a workspace''s schema was changed by hand: each difference with what can be done about it.';
--! EndIncluded engine/drift/drift.sql
--! Included engine/drift/express.sql
-- What of the things made by hand metadata can say, and how.

create or replace function engine.field_type_of(pg_type text, out type text, out settings jsonb)
language sql immutable set search_path = ''
as $$
  select t.type, coalesce(t.settings, '{}')::jsonb
  from (values
    ('^text$|^character varying', 'TEXT', null), ('^bigint$', 'NUMBER', '{"dataType": "bigint"}'), ('^(integer|smallint)$', 'NUMBER', '{"dataType": "int"}'),
    ('^(double precision|real)$', 'NUMBER', null), ('^numeric', 'NUMERIC', null), ('^boolean$', 'BOOLEAN', null), ('^date$', 'DATE', null),
    ('^timestamp with time zone$', 'DATE_TIME', null), ('^uuid$', 'UUID', null), ('^text\[\]$', 'ARRAY', null), ('^jsonb?$', 'RAW_JSON', null)
  ) as t (pattern, type, settings)
  where pg_type ~ t.pattern limit 1
$$;

-- A default as metadata says it; null where it cannot.
create or replace function engine.default_of(pg_type text, expression text) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_text text := replace(substring(expression from '^''((?:[^'']|'''')*)''::[a-z ]+(?:\[\])?$'), '''''', '''');
begin
  return case
    when pg_type in ('timestamp with time zone', 'date') and expression ~* '^(now\(\)|current_timestamp|current_date)$' then '"now"'
    when pg_type = 'uuid' and expression = engine.uuid_default() then '"uuid"'
    when pg_type = 'boolean' and expression in ('true', 'false') then expression::jsonb
    when expression ~ '^-?[0-9]+(\.[0-9]+)?$' then to_jsonb(expression::numeric)
    when v_text is null then null
    when pg_type = 'jsonb' then v_text::jsonb
    when pg_type = 'text[]' then to_jsonb(v_text::text[])
    when pg_type in ('text', 'date', 'timestamp with time zone', 'uuid') then to_jsonb(v_text)
    when v_text ~ '^-?[0-9]+(\.[0-9]+)?$' then to_jsonb(v_text::numeric) end;
exception when data_exception then
  return null;
end
$$;

-- The field whose only or main column stands at a place of a table.
create or replace function engine.field_at(relation oid, attnum int) returns metadata.fields
language sql stable set search_path = ''
as $$
  select f.* from metadata.fields f
  where f.id = substring(engine.identity_of(pg_catalog.col_description(relation, attnum)) from '^[0-9a-f-]{36}')::uuid and f.deleted_at is null
$$;

-- An index as a row of metadata.indexes, or null: {"kind", "parts"} or, of a unique one, {"fieldIds"}.
create or replace function engine.index_as_model(index oid) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  i record;
  v_parts jsonb := '[]';
  v_classes text[];
  v_field metadata.fields;
  v_part text;
begin
  select x.*, m.amname, c.relname into i from pg_catalog.pg_index x join pg_catalog.pg_class c on c.oid = x.indexrelid join pg_catalog.pg_am m on m.oid = c.relam where x.indexrelid = index;
  if i.indpred is not null or i.indexprs is not null or i.indnatts <> i.indnkeyatts or not i.indisvalid or i.amname not in ('btree', 'gin') then
    return null;
  end if;
  v_classes := array(select o.opcname::text from unnest(i.indclass::oid[]) u (oid) join pg_catalog.pg_opclass o on o.oid = u.oid);
  for n in 0 .. i.indnatts - 1 loop
    v_field := engine.field_at(i.indrelid, i.indkey[n]);
    v_part := split_part(engine.identity_of(pg_catalog.col_description(i.indrelid, i.indkey[n])), '.', 2);
    if v_field.id is null or i.indoption[n] not in (0, 3) then
      return null;
    end if;
    v_parts := v_parts || jsonb_build_array(jsonb_strip_nulls(jsonb_build_object('fieldId', v_field.id,
      'part', case when v_part <> engine.main_part(v_field) and v_field.type not in ('RELATION', 'MEMBER') then v_part end,
      'descending', case when i.indoption[n] = 3 then true end)));
    if i.indisunique and (v_part <> '' and v_field.type not in ('RELATION', 'MEMBER') or v_field.type in ('FULL_NAME', 'EMAILS', 'LINKS', 'CURRENCY', 'LOCATION', 'MORPH_RELATION')
        or not engine.rule_judges('UNIQUE', v_field.type, null)) then
      return null;
    end if;
  end loop;
  return case
    when i.indisunique then jsonb_build_object('fieldIds', (select jsonb_agg(e -> 'fieldId' order by n) from jsonb_array_elements(v_parts) with ordinality as u (e, n)))
    when i.amname = 'btree' then jsonb_build_object('kind', 'BTREE', 'parts', v_parts)
    when v_classes <@ '{gin_trgm_ops}' then jsonb_build_object('kind', 'TRIGRAM', 'parts', v_parts)
    when v_classes <@ '{array_ops,jsonb_ops}' then jsonb_build_object('kind', 'GIN', 'parts', v_parts) end;
end
$$;

-- A check as a rule, or null: {"fieldId", "kind", "settings"}. Only where it means exactly the same.
create or replace function engine.check_as_rule(check_oid oid) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  k record;
  v_field metadata.fields;
  v_column text;
  v_part text;
  v_found text[];
begin
  select c.conrelid, c.conkey, pg_catalog.pg_get_constraintdef(c.oid) as definition, a.attname into k
  from pg_catalog.pg_constraint c join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
  where c.oid = check_oid and c.contype = 'c' and cardinality(c.conkey) = 1 and c.convalidated;
  v_field := engine.field_at(k.conrelid, k.conkey[1]);
  if v_field.id is null or v_field.type in ('CURRENCY', 'RATING', 'FORMULA', 'ROLLUP') then
    return null;
  end if;
  v_part := split_part(engine.identity_of(pg_catalog.col_description(k.conrelid, k.conkey[1])), '.', 2);
  v_column := regexp_replace(quote_ident(k.attname), '([.$*+?()\[\]{}|\\^])', '\\\1', 'g');
  v_found := regexp_match(k.definition, '^CHECK \(\(' || v_column || ' (>=|<=) \(?''?(-?[0-9]+(?:\.[0-9]+)?|[0-9]{4}-[0-9]{2}-[0-9]{2})''?\)?(?:::(?:numeric|double precision|bigint|integer|date))?\)\)$');
  if v_found is not null and v_part = '' and v_field.type in ('NUMBER', 'NUMERIC', 'PERCENT', 'DURATION', 'DATE') then
    return jsonb_build_object('fieldId', v_field.id, 'kind', 'RANGE', 'settings', jsonb_build_object(case v_found[1] when '>=' then 'min' else 'max' end,
      case v_field.type when 'DATE' then to_jsonb(v_found[2]) else to_jsonb(v_found[2]::numeric) end));
  end if;
  v_found := regexp_match(k.definition, '^CHECK \(\((?:char_)?length\(' || v_column || '\) <= ([0-9]+)\)\)$');
  if v_found is not null then
    return jsonb_build_object('fieldId', v_field.id, 'kind', 'LENGTH', 'settings', jsonb_strip_nulls(jsonb_build_object('max', v_found[1]::int,
      'part', case when v_part <> engine.main_part(v_field) then v_part end)));
  end if;
  if k.definition = 'CHECK ((' || quote_ident(k.attname) || ' IS NOT NULL))' and v_part = '' and v_field.type in ('NUMBER', 'NUMERIC', 'BOOLEAN', 'DATE', 'DATE_TIME', 'UUID', 'SELECT', 'PERCENT', 'DURATION') then
    return jsonb_build_object('fieldId', v_field.id, 'kind', 'REQUIRED', 'settings', '{}'::jsonb);
  end if;
  return null;
end
$$;

-- An API name for a thing of the database; the database name follows from it where that goes both ways.
create or replace function engine.name_of(database_name text) returns text
language sql stable set search_path = ''
  return case when engine.snake_case(engine.camel_case(database_name)) = database_name and engine.is_api_name(engine.camel_case(database_name)) then engine.camel_case(database_name)
    else engine.name_from_label(replace(database_name, '_', ' ')) end;

create or replace function engine.column_is_adoptable(relation oid, column_name text) returns boolean
language sql stable set search_path = ''
as $$
  select coalesce((
    select a.attgenerated = '' and a.attidentity = '' and (engine.field_type_of(t.pg_type)).type is not null
      and (d.oid is null or engine.default_of(t.pg_type, pg_catalog.pg_get_expr(d.adbin, d.adrelid)) is not null)
      and column_name ~ '[a-zA-Z]'
    from pg_catalog.pg_attribute a
    cross join lateral (select pg_catalog.format_type(a.atttypid, a.atttypmod) as pg_type) t
    left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attrelid = relation and a.attname = column_name), false)
$$;

-- A table becomes an object if its key is no other than an id, and each column a field.
create or replace function engine.table_is_adoptable(relation oid) returns boolean
language sql stable set search_path = ''
as $$
  select not exists (
      select from pg_catalog.pg_constraint k where k.conrelid = relation and k.contype = 'p'
        and not (cardinality(k.conkey) = 1 and exists (
          select from pg_catalog.pg_attribute a where a.attrelid = relation and a.attnum = k.conkey[1] and a.attname = 'id' and a.atttypid = 'uuid'::regtype)))
    and not exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = relation and a.attnum > 0 and not a.attisdropped
        and case when a.attname in ('id', 'created_at', 'updated_at', 'position') then a.atttypid <> case a.attname when 'id' then 'uuid' when 'position' then 'double precision' else 'timestamptz' end::regtype
          else not engine.column_is_adoptable(relation, a.attname) end)
    and (select c.relkind = 'r' and not c.relispartition from pg_catalog.pg_class c where c.oid = relation)
$$;

create or replace function engine.beside_proposals(workspace_id uuid, schema_name text, item engine.drift_item) returns text[]
language plpgsql stable set search_path = ''
as $$
declare
  v_table oid := to_regclass(format('%I.%I', schema_name, coalesce((select o.table_name from metadata.objects o where o.id = (item).object_id), (item).name)));
  v_is_adoptable boolean;
begin
  v_is_adoptable := case (item).kind
    when 'table' then engine.table_is_adoptable(v_table)
    when 'column' then engine.column_is_adoptable(v_table, (item).name)
    when 'index' then engine.index_as_model(to_regclass(format('%I.%I', schema_name, (item).name))) is not null
    when 'constraint' then coalesce((
      select case k.contype when 'c' then engine.check_as_rule(k.oid) is not null when 'u' then engine.index_as_model(k.conindid) is not null else false end
      from pg_catalog.pg_constraint k where k.conrelid = v_table and k.conname = (item).name), false)
    else false end;
  return case when v_is_adoptable then array['ADOPT'] else '{}' end || array['REPAIR', 'IGNORE'];
end
$$;

create or replace function engine.drift_proposals(workspace_id uuid, d engine.difference) returns text[]
language plpgsql stable set search_path = ''
as $$
declare
  v_field metadata.fields;
  v_is_adoptable boolean := false;
begin
  if (d).kind = 'column' then
    select f.* into v_field from metadata.fields f
    where f.id = substring((d).key from '^[0-9a-f-]{36}')::uuid and not f.is_system and f.deleted_at is null;
    if v_field.id is not null and not (d).is_extra and not (d).is_recreated then
      v_is_adoptable := case
        when (d).is_missing then v_field.application_id is null and (select count(*) = 1 from engine.field_type_columns c where c.type = v_field.type)
          and not exists (select from metadata.objects o where o.label_field_id = v_field.id)
        when (d).want.pg_type <> (d).have.pg_type then false
        when (d).want.name <> (d).have.name then (d).key !~ '\.' and engine.is_api_name(engine.camel_case((d).have.name)) and engine.snake_case(engine.camel_case((d).have.name)) = (d).have.name
        when (d).want.default_expr is distinct from (d).have.default_expr then (d).have.default_expr is null or engine.default_of((d).have.pg_type, (d).have.default_expr) is not null
        else (d).want.not_null <> (d).have.not_null end;
    end if;
  elsif (d).kind = 'table' then
    v_is_adoptable := not (d).is_missing and not (d).is_extra and (d).want.name <> (d).have.name
      and exists (select from metadata.objects o where o.id::text = (d).key and not o.is_system)
      and engine.is_api_name(engine.camel_case((d).have.name)) and engine.snake_case(engine.camel_case((d).have.name)) = (d).have.name;
  elsif (d).kind in ('index', 'constraint') then
    v_is_adoptable := (d).is_missing and (d).key ~ ' (rule|index|unique):';
  end if;
  return case when v_is_adoptable then array['ADOPT'] else '{}' end || array['REPAIR'] || case when engine.may_ignore(d) then array['IGNORE'] else '{}' end;
end
$$;
--! EndIncluded engine/drift/express.sql
--! Included engine/drift/resolve.sql
-- Adopting writes metadata and signs what is there with its identity, so that nothing is built anew
-- and all data stays. Repairing runs the statements that were shown, and no others.

create or replace function engine.label_of(database_name text) returns text
language sql immutable strict set search_path = ''
  return upper(left(replace(database_name, '_', ' '), 1)) || substr(replace(database_name, '_', ' '), 2);

-- The comment that the engine would write, once metadata says what is there.
create or replace function engine.sign(workspace_id uuid, schema_name text, object_id uuid, fact_kind text, fact_key text, target text) returns void
language plpgsql volatile set search_path = ''
as $$
begin
  execute format('comment on %s is %L', target, (
    select d.comment from engine.desired(sign.workspace_id, schema_name, array[sign.object_id]) d where d.kind = fact_kind and d.key = fact_key));
end
$$;

create or replace function engine.adopt_column(v_object metadata.objects, schema_name text, relation oid, column_name text) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  a record;
  v_type record;
  v_default jsonb;
  v_field uuid := engine.uuidv7();
  v_relation uuid := engine.uuidv7();
  v_target metadata.objects;
  v_key record;
begin
  select t.*, pg_catalog.format_type(t.atttypid, t.atttypmod) as pg_type, pg_catalog.pg_get_expr(d.adbin, d.adrelid) as expression,
    nullif(pg_catalog.col_description(relation, t.attnum), '') as described into a
  from pg_catalog.pg_attribute t left join pg_catalog.pg_attrdef d on d.adrelid = t.attrelid and d.adnum = t.attnum
  where t.attrelid = relation and t.attname = column_name;
  select k.oid, k.conname, k.confrelid, k.confdeltype into v_key from pg_catalog.pg_constraint k
  where k.conrelid = relation and k.contype = 'f' and k.conkey = array[a.attnum] and k.confdeltype in ('n', 'c', 'r', 'a') limit 1;
  select o.* into v_target from metadata.objects o
  where o.workspace_id = (v_object).workspace_id and o.deleted_at is null and to_regclass(format('%I.%I', schema_name, o.table_name)) = v_key.confrelid;
  v_type := engine.field_type_of(a.pg_type);
  if v_target.id is not null and a.pg_type = 'uuid' and column_name ~ '._id$' then
    insert into metadata.fields (id, workspace_id, object_id, name, label, type, is_required, position)
    values (v_field, (v_object).workspace_id, (v_object).id, engine.name_of(left(column_name, -3)), engine.label_of(left(column_name, -3)), 'RELATION', a.attnotnull, a.attnum);
    insert into metadata.relations (id, workspace_id, field_id, target_object_id, inverse_name, inverse_label, on_delete)
    values (v_relation, (v_object).workspace_id, v_field, v_target.id, engine.free_field_name(v_target.id, (v_object).name_plural), (v_object).label_plural,
      case v_key.confdeltype when 'n' then 'SET_NULL' when 'c' then 'CASCADE' else 'RESTRICT' end);
    execute format('comment on column %s.%I is %L', relation::regclass, column_name, '@relvar ' || engine.column_key(v_field, 1, v_relation::text));
    -- NO ACTION is not what the engine writes for RESTRICT, so that key is made anew.
    if v_key.confdeltype <> 'a' then
      perform engine.sign((v_object).workspace_id, schema_name, (v_object).id, 'constraint', (v_object).id || ' fk:' || v_relation, format('constraint %I on %s', v_key.conname, relation::regclass));
    else
      execute format('alter table %s drop constraint %I', relation::regclass, v_key.conname);
    end if;
    return;
  end if;
  v_default := engine.default_of(a.pg_type, a.expression);
  insert into metadata.fields (id, workspace_id, object_id, name, label, description, type, settings, default_value, is_required, position)
  values (v_field, (v_object).workspace_id, (v_object).id, engine.name_of(column_name), engine.label_of(column_name), coalesce(a.described, ''), v_type.type,
    -- What is there may be blank; NOT NULL does not ask.
    v_type.settings || case when a.attnotnull and v_type.type in ('TEXT', 'ARRAY', 'RAW_JSON') then '{"allowBlank": true}' else '{}' end::jsonb, v_default, a.attnotnull, a.attnum);
  execute format('comment on column %s.%I is %L', relation::regclass, column_name, '@relvar ' || v_field);
end
$$;

create or replace function engine.adopt_table(workspace_id uuid, schema_name text, relation oid) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_table text := (select c.relname from pg_catalog.pg_class c where c.oid = relation);
  v_object metadata.objects;
  v_name text := engine.name_of(v_table);
  v_singular text;
  v_column record;
begin
  if (select c.relowner from pg_catalog.pg_class c where c.oid = relation) <> 'relvar_owner'::regrole then
    raise exception 'The table % belongs to another role, so it cannot be adopted.', v_table using errcode = 'RV085', column = 'key',
      hint = format('As an administrator: alter table %I.%I owner to relvar_owner;', schema_name, v_table);
  end if;
  v_singular := case when v_name ~ '[^aeiou]ies$' then left(v_name, -3) || 'y' when v_name ~ '[^s]s$' then left(v_name, -1) else v_name || 'Record' end;
  insert into metadata.objects (workspace_id, name_singular, name_plural, label_singular, label_plural, is_searchable, position)
  values (adopt_table.workspace_id, v_singular, v_name, engine.label_of(engine.snake_case(v_singular)), engine.label_of(v_table), false,
    (select coalesce(max(o.position), 0) + 1 from metadata.objects o where o.workspace_id = adopt_table.workspace_id))
  returning * into v_object;
  execute format('comment on table %s is %L', relation::regclass, '@relvar ' || v_object.id);
  for v_column in
    select a.attname, f.id from pg_catalog.pg_attribute a
    left join metadata.fields f on f.object_id = v_object.id and f.is_system and f.type <> 'ACTOR' and engine.snake_case(f.name) = a.attname
    where a.attrelid = relation and a.attnum > 0 and not a.attisdropped order by a.attnum
  loop
    if v_column.id is not null then
      execute format('comment on column %s.%I is %L', relation::regclass, v_column.attname, '@relvar ' || v_column.id);
    else
      perform engine.adopt_column(v_object, schema_name, relation, v_column.attname);
    end if;
  end loop;
  for v_column in select k.conname from pg_catalog.pg_constraint k where k.conrelid = relation and k.contype = 'p' loop
    perform engine.sign(adopt_table.workspace_id, schema_name, v_object.id, 'constraint', v_object.id || ' pk', format('constraint %I on %s', v_column.conname, relation::regclass));
  end loop;
  update metadata.objects o set label_field_id = (
    select f.id from metadata.fields f where f.object_id = o.id and f.type = 'TEXT' and not f.is_system
    order by f.name in ('name', 'title', 'label') desc, f.position limit 1)
  where o.id = v_object.id;
end
$$;

-- What the engine made, and somebody altered: metadata follows.
create or replace function engine.adopt_difference(workspace_id uuid, d engine.difference) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_id uuid := substring((d).key from '[0-9a-f]{8}-[0-9a-f-]{27}')::uuid;
  v_thing uuid := substring((d).key from ':([0-9a-f-]{36})')::uuid;
  v_part text := split_part((d).key, '.', 2);
  v_default jsonb;
begin
  case
    when (d).kind = 'table' then
      update metadata.objects o set name_plural = engine.camel_case((d).have.name) where o.id = v_id;
    when (d).kind = 'column' and (d).is_missing then
      -- The values are gone, so nothing is left to restore: the second time drops it.
      delete from metadata.fields f where f.id = v_id;
      delete from metadata.fields f where f.id = v_id;
    when (d).kind = 'column' then
      v_default := engine.default_of((d).have.pg_type, (d).have.default_expr);
      update metadata.fields f set
        name = case when (d).want.name <> (d).have.name then engine.camel_case((d).have.name) else f.name end,
        is_required = case when (d).want.not_null <> (d).have.not_null then (d).have.not_null else f.is_required end,
        settings = case when (d).have.not_null and not (d).want.not_null and (d).have.pg_type in ('text', 'text[]', 'jsonb') and f.type not in ('SELECT', 'COLOR')
          then f.settings || '{"allowBlank": true}' else f.settings end,
        default_value = case when (d).want.default_expr is not distinct from (d).have.default_expr then f.default_value
          when v_part = '' then v_default else jsonb_strip_nulls(coalesce(f.default_value, '{}') || jsonb_build_object(v_part, v_default)) end
      where f.id = v_id;
    when (d).key ~ ' rule:' then
      delete from metadata.rules r where r.id = v_thing;
    when (d).key ~ ' index:' then
      delete from metadata.indexes i where i.id = v_thing;
    else
      update metadata.fields f set is_unique = false where f.id = v_thing;
  end case;
end
$$;

create or replace function engine.adopt(workspace_id uuid, schema_name text, item engine.drift_item) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_object metadata.objects;
  v_table oid;
  v_model jsonb;
  v_id uuid := engine.uuidv7();
  v_key text;
  k record;
begin
  select o.* into v_object from metadata.objects o where o.id = (item).object_id;
  v_table := to_regclass(format('%I.%I', schema_name, case (item).kind when 'table' then (item).name else coalesce(v_object.table_name, '') end));
  if (item).key !~ '(^| )unmanaged:' then
    perform engine.adopt_difference(workspace_id, d) from engine.difference(workspace_id, schema_name, null, true) d where (d.kind, d.key) = ((item).kind, (item).key);
  elsif (item).kind = 'table' then
    perform engine.adopt_table(workspace_id, schema_name, v_table);
  elsif (item).kind = 'column' then
    perform engine.adopt_column(v_object, schema_name, v_table, (item).name);
  else
    select c.oid, c.contype, c.conindid into k from pg_catalog.pg_constraint c where (item).kind = 'constraint' and c.conrelid = v_table and c.conname = (item).name;
    if k.contype = 'c' then
      v_model := engine.check_as_rule(k.oid);
      insert into metadata.rules (id, workspace_id, object_id, field_id, kind, settings)
      values (v_id, adopt.workspace_id, v_object.id, (v_model ->> 'fieldId')::uuid, v_model ->> 'kind', v_model -> 'settings');
      perform engine.sign(workspace_id, schema_name, v_object.id, 'constraint', v_object.id || ' rule:' || v_id, format('constraint %I on %s', (item).name, v_table::regclass));
      return;
    end if;
    v_model := engine.index_as_model(coalesce(k.conindid, to_regclass(format('%I.%I', schema_name, (item).name))));
    if k.contype = 'u' then
      execute format('alter table %s drop constraint %I', v_table::regclass, (item).name);
    end if;
    if v_model ? 'fieldIds' then
      insert into metadata.rules (id, workspace_id, object_id, kind, settings) values (v_id, adopt.workspace_id, v_object.id, 'UNIQUE', v_model);
      v_key := ' rule:';
    else
      insert into metadata.indexes (id, workspace_id, object_id, name, kind, parts) values (v_id, adopt.workspace_id, v_object.id, (item).name, v_model ->> 'kind', v_model -> 'parts');
      v_key := ' index:';
    end if;
    if k.contype is null then
      perform engine.sign(workspace_id, schema_name, v_object.id, 'index', v_object.id || v_key || v_id, format('index %I.%I', schema_name, (item).name));
    end if;
  end if;
end
$$;

-- A repair changes no metadata, but the version rises: what the API is made of may have changed.
create or replace function engine.repair(workspace_id uuid, schema_name text, item engine.drift_item) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_statement text;
  v_version bigint;
  v_shape text;
begin
  foreach v_statement in array (item).statements loop
    execute v_statement;
  end loop;
  v_shape := engine.refresh_shape(workspace_id, schema_name, null);
  update core.workspaces w set shape = v_shape, model_version = w.model_version + 1 where w.id = workspace_id returning w.model_version into v_version;
  perform engine.note_statements(workspace_id, v_version, (item).statements);
  perform pg_notify('relvar_model', json_build_object('workspace', workspace_id, 'version', v_version, 'shape', v_shape)::text);
exception
  when lock_not_available then
    raise exception 'The table is busy, so the repair was not made.' using errcode = 'RV021', hint = 'Somebody is working with it in a long transaction. Try again in a moment.';
  when not_null_violation or check_violation or unique_violation or foreign_key_violation or data_exception then
    raise exception 'Records do not fit the repair, so it was not made: %', sqlerrm using errcode = 'RV023', hint = 'Correct those records first.';
  when dependent_objects_still_exist then
    raise exception 'Something else needs it, so it was not dropped: %', sqlerrm using errcode = 'RV085', hint = 'Drop or change that first.';
end
$$;
--! EndIncluded engine/drift/resolve.sql
--! Included metadata/drift.sql
-- Drift, for the screen and for psql: a CRM role sees its own workspace; an administrator names one.

create or replace function engine.drift_workspace(workspace_id uuid) returns core.workspaces
language plpgsql stable set search_path = ''
as $$
declare
  v_workspace core.workspaces;
begin
  select w.* into v_workspace from core.workspaces w
  where w.id = coalesce(drift_workspace.workspace_id, engine.workspace_of_role(current_setting('role')::name));
  perform engine.assert_manages(v_workspace.id);
  return v_workspace;
end
$$;

create or replace function metadata.drift(workspace_id uuid default null) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_workspace core.workspaces := engine.drift_workspace(workspace_id);
begin
  return (select coalesce(jsonb_agg(jsonb_build_object('kind', d.kind, 'key', d.key, 'objectName', d.object_name, 'name', d.name, 'detail', d.detail,
      'proposals', d.proposals, 'statements', d.statements, 'isIgnored', d.is_ignored)), '[]')
    from engine.drift(v_workspace.id) d);
end
$$;
comment on function metadata.drift(uuid) is
  'Where the tables were changed by hand: [{"kind", "key", "objectName", "name", "detail", "proposals", "statements", "isIgnored"}]. Adopt, repair or ignore each by kind and key.';

create or replace function engine.drift_item_at(workspace_id uuid, kind text, key text, proposal text) returns engine.drift_item
language plpgsql volatile set search_path = '' set lock_timeout = '5s'
as $$
declare
  v_item engine.drift_item;
begin
  begin
    perform pg_advisory_xact_lock(hashtextextended('relvar.model.' || workspace_id, 0));
  exception when lock_not_available then
    raise exception 'Somebody else is changing the data model of this workspace.' using errcode = 'RV021', hint = 'Try again in a moment.';
  end;
  select d.* into v_item from engine.drift(workspace_id) d where (d.kind, d.key) = (drift_item_at.kind, drift_item_at.key);
  if not found then
    raise exception 'There is no such difference any more.' using errcode = 'RV086', column = 'key', hint = 'Look at the drift again.';
  end if;
  if proposal <> all (v_item.proposals) then
    raise exception 'This difference cannot be %.', case proposal when 'ADOPT' then 'adopted: the model has no words for it' else 'ignored: security and the API depend on it' end
      using errcode = 'RV085', column = 'key', hint = 'It can be repaired.';
  end if;
  return v_item;
end
$$;

create or replace function metadata.adopt_drift(kind text, key text, workspace_id uuid default null) returns boolean
language plpgsql volatile security definer set search_path = '' set lock_timeout = '2s'
as $$
declare
  v_workspace core.workspaces := engine.drift_workspace(workspace_id);
begin
  perform engine.adopt(v_workspace.id, v_workspace.schema_name, engine.drift_item_at(v_workspace.id, kind, key, 'ADOPT'));
  return true;
end
$$;
comment on function metadata.adopt_drift(text, text, uuid) is 'Makes the model say what somebody changed by hand. Nothing is built anew, and the data stays.';

create or replace function metadata.repair_drift(kind text, key text, workspace_id uuid default null) returns boolean
language plpgsql volatile security definer set search_path = '' set lock_timeout = '2s'
as $$
declare
  v_workspace core.workspaces := engine.drift_workspace(workspace_id);
begin
  perform engine.repair(v_workspace.id, v_workspace.schema_name, engine.drift_item_at(v_workspace.id, kind, key, 'REPAIR'));
  delete from metadata.ignored_drift i where (i.workspace_id, i.kind, i.key) = (v_workspace.id, repair_drift.kind, repair_drift.key);
  return true;
end
$$;
comment on function metadata.repair_drift(text, text, uuid) is 'Runs the statements that metadata.drift shows for a difference, so that the table is again as the model says.';

create or replace function metadata.ignore_drift(kind text, key text, reason text default '', workspace_id uuid default null) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspace core.workspaces := engine.drift_workspace(workspace_id);
  v_item engine.drift_item := engine.drift_item_at(v_workspace.id, kind, key, 'IGNORE');
begin
  insert into metadata.ignored_drift as i (workspace_id, kind, key, basis, reason, ignored_by_name)
  values (v_workspace.id, v_item.kind, v_item.key, v_item.basis, coalesce(ignore_drift.reason, ''), (engine.current_actor()).name)
  on conflict on constraint ignored_drift_pkey do update set basis = excluded.basis, reason = excluded.reason, ignored_by_name = excluded.ignored_by_name, ignored_at = now();
  return true;
end
$$;
comment on function metadata.ignore_drift(text, text, text, uuid) is 'Leaves a difference as it is. It is shown again when it changes.';
grant execute on function metadata.drift(uuid), metadata.adopt_drift(text, text, uuid), metadata.repair_drift(text, text, uuid),
  metadata.ignore_drift(text, text, text, uuid) to relvar_crm;
--! EndIncluded metadata/drift.sql
--! Included engine/lint.sql
-- Rules of the catalogue, checked in the catalogue. Each row is a finding.
create or replace function engine.lint() returns table (lint text, title text, detail text, remedy text)
language sql stable set search_path = ''
as $$
  with ours as (
    select n.oid, n.nspname from pg_catalog.pg_namespace n
    where n.nspname in ('core', 'metadata', 'engine') or n.oid in (select to_regnamespace(quote_ident(w.schema_name)) from core.workspaces w)
  ), tenants as (
    select * from ours where nspname not in ('core', 'metadata', 'engine')
  )
  select 'rls_not_forced', 'A tenant table without forced row-level security', format('%I.%I', t.nspname, c.relname),
    format('alter table %I.%I enable row level security, force row level security;', t.nspname, c.relname)
  from tenants t join pg_catalog.pg_class c on c.relnamespace = t.oid
  where c.relkind in ('r', 'p') and not (c.relrowsecurity and c.relforcerowsecurity)
  union all
  select 'metadata_without_rls', 'A metadata table without row-level security', format('%I.%I', n.nspname, c.relname),
    format('alter table %I.%I enable row level security;', n.nspname, c.relname)
  from ours n join pg_catalog.pg_class c on c.relnamespace = n.oid
  where n.nspname = 'metadata' and c.relkind in ('r', 'p') and not c.relrowsecurity
  union all
  select 'foreign_key_without_index', 'A foreign key without an index', format('%s on %s', k.conname, k.conrelid::regclass),
    format('create index on %s (%s);', k.conrelid::regclass, (select string_agg(quote_ident(a.attname), ', ' order by u.i)
      from unnest(k.conkey) with ordinality u (attnum, i) join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.attnum))
  from ours n join pg_catalog.pg_constraint k on k.connamespace = n.oid
  where k.contype = 'f' and not exists (
    select from pg_catalog.pg_index i
    where i.indrelid = k.conrelid and i.indpred is null
      -- One leading column is enough where the first is the workspace: few rows share the second.
      and (k.conkey <@ (string_to_array(i.indkey::text, ' ')::int2[])[1:array_length(k.conkey, 1)]
        or (string_to_array(i.indkey::text, ' ')::int2[])[1] = k.conkey[array_length(k.conkey, 1)]))
  union all
  select 'definer_without_search_path', 'A definer function without a pinned search_path', p.oid::regprocedure::text,
    format('alter function %s set search_path = '''';', p.oid::regprocedure)
  from ours n join pg_catalog.pg_proc p on p.pronamespace = n.oid
  where p.prosecdef and not exists (select from unnest(p.proconfig) s where s like 'search_path=%')
  union all
  select 'definer_open_to_public', 'A definer function that anybody may execute, beyond those that policies and defaults call', p.oid::regprocedure::text,
    format('revoke execute on function %s from public;', p.oid::regprocedure)
  from ours n join pg_catalog.pg_proc p on p.pronamespace = n.oid
  where p.prosecdef and (p.proacl is null or exists (select from pg_catalog.aclexplode(p.proacl) a where a.grantee = 0))
    and not (n.nspname = 'engine' and p.proname in ('workspace_of_role', 'find_actor', 'readable_objects', 'role_manages_model'))
  union all
  select 'policy_shape', 'A tenant policy in a shape that is slow or unknown', format('%s on %s', p.polname, p.polrelid::regclass),
    'Let the engine write policies: true, column = (select f()), or column = any (array(select f())).'
  from tenants t
  join pg_catalog.pg_class c on c.relnamespace = t.oid
  join pg_catalog.pg_policy p on p.polrelid = c.oid
  cross join lateral (values (pg_catalog.pg_get_expr(p.polqual, p.polrelid)), (pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid))) as e (expr)
  where e.expr is not null and e.expr <> 'true'
    and e.expr !~ '^\(\w+ = \( SELECT [\w.]+\([^()]*\) AS \w+\)\)$'
    and e.expr !~ '^\(\w+ = ANY \(ARRAY\( SELECT [\w.]+\([^()]*\) AS \w+\)\)\)$'
  union all
  select 'policy_for_everyone', 'A tenant policy that applies to every role', format('%s on %s', p.polname, p.polrelid::regclass), 'Name the role: create policy … to role.'
  from tenants t join pg_catalog.pg_class c on c.relnamespace = t.oid join pg_catalog.pg_policy p on p.polrelid = c.oid
  where 0 = any (p.polroles)
  union all
  select 'no_comment', 'An exposed thing without a comment', d.what, 'comment on … is ''One sentence that says what it is for'';'
  from (
    select 'table ' || c.oid::regclass as what
    from ours n join pg_catalog.pg_class c on c.relnamespace = n.oid
    where n.nspname not in ('core', 'engine') and c.relkind in ('r', 'p', 'v') and pg_catalog.obj_description(c.oid, 'pg_class') is null
    union all
    select 'function ' || p.oid::regprocedure
    from ours n join pg_catalog.pg_proc p on p.pronamespace = n.oid
    where n.nspname not in ('core', 'engine') and pg_catalog.obj_description(p.oid, 'pg_proc') is null
    union all
    select format('column %s.%I', c.oid::regclass, a.attname)
    from ours n join pg_catalog.pg_class c on c.relnamespace = n.oid
    join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where n.nspname not in ('core', 'engine') and c.relkind in ('r', 'p', 'v') and pg_catalog.col_description(c.oid, a.attnum) is null
  ) d
  union all
  select 'tenant_reaches_outside', 'A tenant foreign key that leaves its schema', format('%s on %s', k.conname, k.conrelid::regclass), 'Keep a tenant whole: refer inside its schema, or not at all.'
  from tenants t join pg_catalog.pg_constraint k on k.connamespace = t.oid join pg_catalog.pg_class f on f.oid = k.confrelid
  where k.contype = 'f' and f.relnamespace <> t.oid
  union all
  -- Not valid is what a job still checks, and nothing else.
  select 'constraint_not_valid', 'A tenant constraint that old records need not fulfil', format('%s on %s', k.conname, k.conrelid::regclass),
    format('alter table %s validate constraint %I;', k.conrelid::regclass, k.conname)
  from tenants t
  join core.workspaces w on w.schema_name = t.nspname
  join pg_catalog.pg_constraint k on k.connamespace = t.oid
  where not k.convalidated and engine.identity_of(pg_catalog.obj_description(k.oid, 'pg_constraint')) is not null
    and not exists (select from metadata.online_changes c where c.workspace_id = w.id and c.status <> 'DONE'
      and c.key like '%' || engine.identity_of(pg_catalog.obj_description(k.oid, 'pg_constraint')) || '%')
  union all
  select 'computed_column_writable', 'A computed column that a role may write', format('%s.%I by %s', c.oid::regclass, a.attname, x.grantee::regrole),
    format('revoke insert (%I), update (%1$I) on %s from %s;', a.attname, c.oid::regclass, x.grantee::regrole)
  from tenants t
  join pg_catalog.pg_class c on c.relnamespace = t.oid and c.relkind in ('r', 'p')
  join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and a.attacl is not null
  join metadata.fields f on f.id = substring(engine.identity_of(pg_catalog.col_description(c.oid, a.attnum)) from '^[0-9a-f-]{36}')::uuid
    and f.type in ('FORMULA', 'ROLLUP', 'AUTO_NUMBER')
  cross join lateral (select distinct e.grantee from pg_catalog.aclexplode(a.attacl) e where e.privilege_type in ('INSERT', 'UPDATE') and e.grantee <> c.relowner) x
  union all
  select 'table_writable_whole', 'A tenant table that a role may write whole, computed columns and all', format('%s by %s', c.oid::regclass, x.grantee::regrole),
    format('revoke insert, update on %s from %s;', c.oid::regclass, x.grantee::regrole)
  from tenants t
  join pg_catalog.pg_class c on c.relnamespace = t.oid and c.relkind in ('r', 'p')
  cross join lateral (select distinct e.grantee from pg_catalog.aclexplode(c.relacl) e where e.privilege_type in ('INSERT', 'UPDATE') and e.grantee <> c.relowner) x
  union all
  select 'bypass_rls', 'A role of Relvar that bypasses row-level security', r.rolname, format('alter role %I nosuperuser nobypassrls;', r.rolname)
  from pg_catalog.pg_roles r where r.rolname like 'relvar\_%' and (r.rolbypassrls or r.rolsuper)
$$;
comment on function engine.lint() is 'Findings about the catalogue: what breaks a rule of the design, and the cure. No rows when all is well.';
--! EndIncluded engine/lint.sql
--! Included metadata/model.sql
-- The whole model of a workspace in one value: what the screen reads once and again when the
-- version rises.
create or replace function engine.model_of(workspace_id uuid) returns jsonb
language sql stable set search_path = ''
as $$
  with spec as materialized (
    select * from engine.columns(model_of.workspace_id)
  ), columns as materialized (
    select c.field_id, jsonb_agg(jsonb_build_object('part', c.part, 'column', c.name, 'name', engine.camel_case(c.name)) order by c.ordinal, c.name) as list
    from spec c group by c.field_id
  ), relations as materialized (
    select r.field_id, jsonb_agg(jsonb_build_object(
      'id', r.id, 'targetObjectId', r.target_object_id, 'name', engine.camel_case(left(c.name, -3)), 'column', c.name,
      'columnName', engine.camel_case(c.name), 'inverseName', r.inverse_name, 'inverseLabel', r.inverse_label, 'onDelete', r.on_delete) order by c.name) as list
    from metadata.relations r join spec c on c.relation_id = r.id
    where r.workspace_id = model_of.workspace_id and r.deleted_at is null group by r.field_id
  ), junctions as materialized (
    -- Where a relation to many leads: through the links of this record, then along the link's other relation.
    select m.id as field_id, jsonb_build_object(
      'objectId', near.object_id, 'fieldId', near.id, 'otherFieldId', far.id, 'targetObjectId', far_relation.target_object_id,
      'inverseFieldId', (select i.id from metadata.fields i where i.junction_field_id = far.id),
      'linkConnection', near_relation.inverse_name, 'otherName', far.name) as value
    from metadata.fields m
    join metadata.fields near on near.id = m.junction_field_id
    join metadata.relations near_relation on near_relation.field_id = near.id
    join metadata.fields far on far.object_id = near.object_id and far.id <> near.id
      and exists (select from metadata.fields i where i.junction_field_id = far.id)
    join metadata.relations far_relation on far_relation.field_id = far.id
    where m.workspace_id = model_of.workspace_id and m.deleted_at is null
  ), aliases as materialized (
    select coalesce(a.field_id, a.object_id) as owner_id,
      jsonb_agg(jsonb_build_object('id', a.id, 'kind', a.kind, 'name', a.name) order by a.created_at, a.name) as list
    from metadata.aliases a where a.workspace_id = model_of.workspace_id group by 1
  ), fields as materialized (
    select f.object_id, jsonb_agg(jsonb_build_object(
      'id', f.id, 'name', f.name, 'label', f.label, 'description', f.description, 'icon', f.icon, 'type', f.type, 'settings', f.settings,
      'options', f.options, 'defaultValue', f.default_value, 'isRequired', f.is_required, 'requiredFrom', f.required_from, 'resultType', f.result_type, 'isComputed', f.type in ('FORMULA', 'ROLLUP'), 'isUnique', f.is_unique, 'isActive', f.is_active,
      'isSystem', f.is_system, 'isCustom', f.application_id is null and not f.is_system, 'position', f.position,
      'junction', j.value, 'aliases', coalesce(a.list, '[]'),
      'columns', coalesce(c.list, '[]'), 'relations', coalesce(r.list, '[]')) order by f.position, f.id) as list
    from metadata.fields f
    left join columns c on c.field_id = f.id
    left join relations r on r.field_id = f.id
    left join junctions j on j.field_id = f.id
    left join aliases a on a.owner_id = f.id
    where f.workspace_id = model_of.workspace_id and f.deleted_at is null group by f.object_id
  ), rules as materialized (
    -- Those that sleep for want of a field are not shown, those that were switched off are.
    select r.object_id, jsonb_agg(jsonb_build_object(
      'id', r.id, 'fieldId', r.field_id, 'kind', r.kind, 'settings', r.settings, 'condition', engine.formula_text(r.compiled),
      'message', r.message, 'text', engine.rule_text(r), 'appliesFrom', r.applies_from, 'isActive', r.is_active, 'position', r.position) order by r.position, r.id) as list
    from metadata.rules r
    where r.workspace_id = model_of.workspace_id
      and not exists (select from unnest(engine.rule_fields(r)) u (id) where not exists (select from metadata.fields f where f.id = u.id and f.deleted_at is null))
    group by r.object_id
  ), indexes as materialized (
    select i.object_id, jsonb_agg(jsonb_build_object(
      'id', i.id, 'name', i.name, 'kind', i.kind, 'parts', i.parts, 'condition', engine.formula_text(i.compiled)) order by i.name, i.id) as list
    from engine.live_indexes(model_of.workspace_id) i group by i.object_id
  )
  select jsonb_build_object('version', w.model_version, 'workspace', jsonb_build_object('id', w.id, 'slug', w.slug, 'name', w.name),
    'objects', (
      select coalesce(jsonb_agg(jsonb_build_object(
        'id', o.id, 'nameSingular', o.name_singular, 'namePlural', o.name_plural, 'labelSingular', o.label_singular, 'labelPlural', o.label_plural,
        'description', o.description, 'icon', o.icon, 'color', o.color, 'isActive', o.is_active, 'isSystem', o.is_system, 'isSearchable', o.is_searchable,
        'isJunction', o.is_junction, 'isAudited', o.is_audited, 'imageFieldId', o.image_field_id, 'duplicateCriteria', o.duplicate_criteria,
        'isCustom', o.application_id is null, 'labelFieldId', o.label_field_id, 'tableName', o.table_name, 'position', o.position,
        'aliases', coalesce(a.list, '[]'), 'fields', coalesce(f.list, '[]'), 'rules', coalesce(u.list, '[]'), 'indexes', coalesce(i.list, '[]')) order by o.position, o.id), '[]')
      from metadata.objects o left join fields f on f.object_id = o.id left join aliases a on a.owner_id = o.id
      left join rules u on u.object_id = o.id left join indexes i on i.object_id = o.id where o.workspace_id = w.id and o.deleted_at is null))
  from core.workspaces w where w.id = model_of.workspace_id
$$;

create or replace function metadata.model() returns jsonb
language sql stable security definer set search_path = ''
as $$
  select engine.model_of(engine.workspace_of_role(current_setting('role')::name))
$$;
comment on function metadata.model() is 'The data model of the workspace: version, objects, fields, columns and relations, as one JSON value.';


create or replace function metadata.model_version() returns bigint
language sql stable security definer set search_path = ''
as $$
  select w.model_version from core.workspaces w where w.id = engine.workspace_of_role(current_setting('role')::name)
$$;
comment on function metadata.model_version() is 'Number of the model; it rises by one with each transaction that changes it. Send it as X-Metadata-Version to be served by a schema that knows the change.';
grant execute on function metadata.model(), metadata.model_version() to relvar_crm;
--! EndIncluded metadata/model.sql
--! Included metadata/comments.sql
-- What each column of the model means. These sentences are the documentation of the metadata API,
-- and what \d+ shows in psql.
do $$
declare
  v_table text;
begin
  foreach v_table in array array['applications', 'objects', 'fields', 'relations', 'roles', 'object_permissions', 'webhooks',
    'rules', 'indexes', 'views', 'view_fields', 'aliases', 'model_versions', 'model_changes', 'type_changes', 'online_changes', 'ignored_drift'] loop
    execute format('comment on column metadata.%I.workspace_id is ''The workspace that this belongs to; follows from the role of whoever writes.''', v_table);
    if v_table not in ('model_versions', 'model_changes', 'ignored_drift') then
      execute format('comment on column metadata.%I.id is ''Identifies it for good, through every rename.''', v_table);
    end if;
  end loop;
end
$$;

comment on column metadata.applications.name is 'Names the bundle; one of each name in a workspace.';
comment on column metadata.applications.version is 'The version that is installed.';
comment on column metadata.applications.manifest is 'The manifest as it was installed, which the next upgrade is compared with.';
comment on column metadata.applications.installed_at is 'When it was first installed.';

comment on column metadata.objects.application_id is 'The application that brought the object; null for one made here.';
comment on column metadata.objects.universal_identifier is 'By which the application finds the object again when it is upgraded.';
comment on column metadata.objects.name_singular is 'API name of one record, camelCase, such as salesOrder. Follows from the label unless it is given.';
comment on column metadata.objects.name_plural is 'API name of several records, such as salesOrders. The table is named after it.';
comment on column metadata.objects.table_name is 'The table in the workspace''s schema: name_plural in snake_case.';
comment on column metadata.objects.label_singular is 'What people read for one record. Any text.';
comment on column metadata.objects.label_plural is 'What people read for several records. Any text.';
comment on column metadata.objects.description is 'What the object is for, in a sentence. Shown in the API''s documentation.';
comment on column metadata.objects.icon is 'Name of a Tabler icon, such as IconBuilding.';
comment on column metadata.objects.color is 'Name of a colour of the palette, or null.';
comment on column metadata.objects.label_field_id is 'The field that names a record wherever it is mentioned.';
comment on column metadata.objects.is_active is 'Whether anybody may see it. Switching it off keeps the records.';
comment on column metadata.objects.is_system is 'Whether the product itself relies on the object; its API names are then fixed.';
comment on column metadata.objects.is_searchable is 'Whether search finds its records.';
comment on column metadata.objects.is_audited is 'Whether changes of its records are written to the event log, which webhooks and live updates read.';
comment on column metadata.objects.position is 'Place in the navigation, smallest first.';
comment on column metadata.objects.created_at is 'When the object was created.';

comment on column metadata.fields.object_id is 'The object that has the field.';
comment on column metadata.fields.application_id is 'The application that brought the field; null for one made here.';
comment on column metadata.fields.universal_identifier is 'By which the application finds the field again when it is upgraded.';
comment on column metadata.fields.name is 'API name, camelCase, such as annualRevenue. Its columns are named after it, in snake_case.';
comment on column metadata.fields.label is 'What people read. Any text.';
comment on column metadata.fields.description is 'What the field is for, in a sentence. Shown in the API''s documentation.';
comment on column metadata.fields.icon is 'Name of a Tabler icon, such as IconMail.';
comment on column metadata.fields.type is 'What it holds: TEXT, NUMBER, SELECT, CURRENCY, RELATION and so on. A change converts the values.';
comment on column metadata.fields.settings is 'Details of the type, such as {"dataType": "int"} for whole numbers or {"searchable": true}.';
comment on column metadata.fields.options is 'The choices of a SELECT or MULTI_SELECT: [{"value": "NEW", "label": "New", "color": "blue"}].';
comment on column metadata.fields.default_value is 'The value of new records as JSON; for a type of several parts an object of them, for dates also "now".';
comment on column metadata.fields.is_required is 'Whether a record must have a value; of several parts, the first.';
comment on column metadata.fields.is_unique is 'Whether no two records may have the same value; of several parts, the first.';
comment on column metadata.fields.is_active is 'Whether anybody may see it. Switching it off keeps the values.';
comment on column metadata.fields.is_system is 'Whether the engine keeps the field, as it does createdAt.';
comment on column metadata.fields.position is 'Place among the fields of the object, smallest first.';
comment on column metadata.fields.created_at is 'When the field was created.';

comment on column metadata.relations.field_id is 'The field of type RELATION or MORPH_RELATION.';
comment on column metadata.relations.target_object_id is 'The object that it points to.';
comment on column metadata.relations.inverse_name is 'API name, on the target, of the records that point to it.';
comment on column metadata.relations.inverse_label is 'What people read there. Any text.';
comment on column metadata.relations.on_delete is 'When the target is deleted: SET_NULL cuts the link, CASCADE deletes these records too, RESTRICT refuses.';

comment on column metadata.roles.name is 'What people call the role.';
comment on column metadata.roles.description is 'What the role is for.';
comment on column metadata.roles.pg_role is 'The role of PostgreSQL that holds its rights: set role to it in psql to see what its members see.';
comment on column metadata.roles.is_system is 'Whether every workspace has it.';
comment on column metadata.roles.can_manage_model is 'Whether it may change objects, fields, relations and webhooks.';
comment on column metadata.roles.can_read_all is 'Whether it reads the records of every object that object_permissions does not say else of.';
comment on column metadata.roles.can_create_all is 'The same for creating records.';
comment on column metadata.roles.can_update_all is 'The same for changing records.';
comment on column metadata.roles.can_delete_all is 'The same for deleting records, restoring and destroying them.';

comment on column metadata.object_permissions.role_id is 'The role.';
comment on column metadata.object_permissions.object_id is 'The object that the role has other rights on.';
comment on column metadata.object_permissions.can_read is 'Whether the role reads its records.';
comment on column metadata.object_permissions.can_create is 'Whether it creates them.';
comment on column metadata.object_permissions.can_update is 'Whether it changes them.';
comment on column metadata.object_permissions.can_delete is 'Whether it deletes, restores and destroys them.';

comment on column metadata.webhooks.name is 'What people call it.';
comment on column metadata.webhooks.target_url is 'The address that is called with a POST, http or https.';
comment on column metadata.webhooks.is_active is 'Whether it is called at present.';
comment on column metadata.webhooks.created_at is 'When it was added.';

comment on column metadata.applications.removed is 'What of the application was purged here and does not come back with an upgrade.';

comment on column metadata.objects.deleted_at is 'When it was deleted. Until the grace period ends it can be restored.';
comment on column metadata.objects.deleted_by_name is 'Who deleted it.';
comment on column metadata.objects.is_junction is 'Whether its records are the links of a many-to-many relation.';
comment on column metadata.objects.image_field_id is 'The field whose picture stands beside a record wherever it is mentioned.';
comment on column metadata.objects.duplicate_criteria is 'Lists of field ids: records with equal values in all fields of one list are taken for duplicates.';

comment on column metadata.fields.deleted_at is 'When it was deleted. Until the grace period ends it can be restored.';
comment on column metadata.fields.deleted_by_name is 'Who deleted it.';
comment on column metadata.fields.required_from is 'Required only of records created since; null when it is required of all.';
comment on column metadata.fields.junction_field_id is 'Of a MANY_TO_MANY: the relation of the junction that points to this object.';
comment on column metadata.fields.result_type is 'Of a FORMULA or ROLLUP: the type of what it comes to.';
comment on column metadata.fields.compiled is E'@behavior -*\nOf a FORMULA or ROLLUP: what its text means, by the ids of fields.';
comment on column metadata.fields.revision is E'@behavior -*\nRises with each change of type that makes new columns.';

comment on column metadata.relations.deleted_at is 'When it was deleted.';

comment on column metadata.rules.object_id is 'The object whose records it holds for.';
comment on column metadata.rules.field_id is 'The field that it is about, where it is about one.';
comment on column metadata.rules.application_id is 'The application that brought it; null for one made here.';
comment on column metadata.rules.universal_identifier is 'By which the application finds it again when it is upgraded.';
comment on column metadata.rules.kind is 'REQUIRED, RANGE, LENGTH, PATTERN, CONDITION or UNIQUE.';
comment on column metadata.rules.settings is 'Its details: {"min", "max"} of RANGE and LENGTH, {"pattern", "ignoreCase"} of PATTERN, {"fieldIds", "ignoreCase"} of UNIQUE; {"part"} names a part of a composite field.';
comment on column metadata.rules.condition is 'A formula. Of CONDITION what must be true; of the others when the rule applies.';
comment on column metadata.rules.compiled is E'@behavior -*\nWhat the condition means, by the ids of fields.';
comment on column metadata.rules.message is 'What people read who break it. Empty for a sentence made from the rule.';
comment on column metadata.rules.applies_from is 'Holds only for records created since; null when it holds for all.';
comment on column metadata.rules.is_active is 'Whether it holds at present.';
comment on column metadata.rules.position is 'Place among the rules of the object, smallest first.';
comment on column metadata.rules.created_at is 'When it was made.';

comment on column metadata.indexes.object_id is 'The object whose records it finds.';
comment on column metadata.indexes.application_id is 'The application that brought it; null for one made here.';
comment on column metadata.indexes.universal_identifier is 'By which the application finds it again when it is upgraded.';
comment on column metadata.indexes.name is 'What people call it.';
comment on column metadata.indexes.kind is 'BTREE for equality, ranges and order, GIN for lists and JSON, TRIGRAM for "contains".';
comment on column metadata.indexes.parts is 'What it goes by, in order: [{"fieldId", "part", "descending"}].';
comment on column metadata.indexes.condition is 'A formula: only records for which it is true are in the index.';
comment on column metadata.indexes.compiled is E'@behavior -*\nWhat the condition means, by the ids of fields.';
comment on column metadata.indexes.created_at is 'When it was made.';

comment on column metadata.views.object_id is 'The object whose records it shows.';
comment on column metadata.views.application_id is 'The application that brought it; null for one made here.';
comment on column metadata.views.universal_identifier is 'By which the application finds it again when it is upgraded.';
comment on column metadata.views.name is 'What people call it.';
comment on column metadata.views.icon is 'Name of a Tabler icon.';
comment on column metadata.views.type is 'TABLE, BOARD, CALENDAR or GALLERY.';
comment on column metadata.views.filter is 'Which records it shows, as a filter of the API whose keys are ids of fields; null for all.';
comment on column metadata.views.sorts is 'Their order: [{"fieldId", "part", "descending"}].';
comment on column metadata.views.group_field_id is 'The field by whose values it groups.';
comment on column metadata.views.position is 'Place among the views of the object, smallest first.';
comment on column metadata.views.created_at is 'When it was made.';

comment on column metadata.view_fields.view_id is 'The view.';
comment on column metadata.view_fields.field_id is 'The field that the column shows.';
comment on column metadata.view_fields.width is 'Width in pixels; null for the usual one.';
comment on column metadata.view_fields.is_visible is 'Whether the column is shown.';
comment on column metadata.view_fields.position is 'Place among the columns, smallest first.';

comment on column metadata.aliases.object_id is 'The object that had the name, or whose field had it.';
comment on column metadata.aliases.field_id is 'The field that had the name.';
comment on column metadata.aliases.kind is 'SINGULAR or PLURAL for a name of the object, FIELD for one of a field.';
comment on column metadata.aliases.name is 'The former API name.';
comment on column metadata.aliases.created_at is 'When it was given up.';

comment on column metadata.model_versions.version is 'Number of the model that the change made.';
comment on column metadata.model_versions.actor_type is 'Who made it: member, api_key, psql (a database login) or system.';
comment on column metadata.model_versions.actor_id is 'The member or the API key.';
comment on column metadata.model_versions.actor_name is 'What they were called at the time.';
comment on column metadata.model_versions.source is 'By which way the change came: MANUAL, API, SYSTEM and so on.';
comment on column metadata.model_versions.statements is 'What was run in the database for it.';
comment on column metadata.model_versions.happened_at is 'When its transaction began.';

comment on column metadata.model_changes.version is 'The version that changed the row.';
comment on column metadata.model_changes.seq is 'Order within the version.';
comment on column metadata.model_changes.table_name is 'The table of metadata that was changed.';
comment on column metadata.model_changes.row_id is 'The row.';
comment on column metadata.model_changes.before is 'The row as it was; null for a new one.';
comment on column metadata.model_changes.after is 'The row as it is; null for one that was dropped.';

comment on column metadata.type_changes.field_id is 'The field.';
comment on column metadata.type_changes.from_type is 'Its type before.';
comment on column metadata.type_changes.from_settings is 'Its settings before.';
comment on column metadata.type_changes.from_options is 'Its options before.';
comment on column metadata.type_changes.from_default_value is 'Its default before.';
comment on column metadata.type_changes.from_revision is 'Which of its columns held the values before.';
comment on column metadata.type_changes.to_type is 'Its type since.';
comment on column metadata.type_changes.to_settings is 'What was asked for with it: settings of the field, and such as say how to read values.';
comment on column metadata.type_changes.to_options is 'Its options since.';
comment on column metadata.type_changes.to_default_value is 'Its default since.';
comment on column metadata.type_changes.to_revision is 'Which of its columns hold the values since.';
comment on column metadata.type_changes.failed_values is 'How many values did not fit the new type and were left empty.';
comment on column metadata.type_changes.status is 'RUNNING while a job converts, then DONE; UNDONE when it was undone.';
comment on column metadata.type_changes.changed_at is 'When it was made.';

comment on column metadata.online_changes.object_id is 'The object whose table is worked on.';
comment on column metadata.online_changes.key is 'What it makes: the identity of an index, constraint or column.';
comment on column metadata.online_changes.kind is 'INDEX builds, VALIDATE checks old records, NOT_NULL checks that none is empty, BACKFILL fills a column, TYPE converts one.';
comment on column metadata.online_changes.statement is 'What is run.';
comment on column metadata.online_changes.status is 'QUEUED, RUNNING, DONE, or FAILED after the last attempt.';
comment on column metadata.online_changes.rows_done is 'Records done so far.';
comment on column metadata.online_changes.last_id is E'@behavior -*\nThe last record that was done, in order of their ids.';
comment on column metadata.online_changes.rows_total is 'Records to do, about; null when it cannot be counted.';
comment on column metadata.online_changes.attempts is 'How often it was tried.';
comment on column metadata.online_changes.error is 'Why the last attempt failed.';
comment on column metadata.online_changes.created_at is 'When it was asked for.';
comment on column metadata.online_changes.started_at is 'When the last attempt began.';
comment on column metadata.online_changes.finished_at is 'When it was done.';

comment on column metadata.ignored_drift.kind is 'What differs: table, column, constraint, index, trigger, policy, grant.';
comment on column metadata.ignored_drift.key is 'Identity of what differs.';
comment on column metadata.ignored_drift.basis is 'What it was like: when it changes again, it is shown again.';
comment on column metadata.ignored_drift.reason is 'Why it is left.';
comment on column metadata.ignored_drift.ignored_by_name is 'Who decided so.';
comment on column metadata.ignored_drift.ignored_at is 'When it was decided.';
--! EndIncluded metadata/comments.sql

-- Required texts and lists could be blank so far; those that are there may stay so.
update metadata.fields f set settings = f.settings || '{"allowBlank": true}'
where f.is_required and not f.is_system and f.type in ('TEXT', 'RICH_TEXT', 'FULL_NAME', 'EMAILS', 'PHONES', 'LINKS', 'ADDRESS', 'ARRAY', 'MULTI_SELECT', 'RAW_JSON', 'FILES');
