--! Previous: -
--! Hash: sha1:ee64c83a4850143c262abd1b479618447aa9b64c
--! Message: foundation

-- The foundation: who may sign in (core), what a workspace's model should be (metadata) and the
-- machinery that makes it so (engine). Tables stand here; functions, triggers and policies are
-- included from db/sql, one idea a file.

create schema core;
create schema metadata;
create schema engine;

comment on schema core is 'Users, sessions, workspaces, members and keys. Never exposed by an API.';
comment on schema metadata is 'The data model of every workspace as desired state. Exposed at /metadata, row-level security by workspace.';
comment on schema engine is 'The functions that keep tenant schemas equal to metadata, and the outbox.';

-- Nothing is executable unless a grant says so.
alter default privileges revoke execute on functions from public;

-- The group that every CRM role belongs to: what all members of all workspaces may do (read their
--! own metadata) is granted to it once.
do $$
begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'relvar_crm') then
    create role relvar_crm nologin;
  end if;
end
$$;

--! Included engine/uuid.sql
-- Ids are UUIDs that grow with time, so that a primary key is also the order of creation and new
-- rows land on the same index pages. PostgreSQL 18 makes them itself; older servers get this
-- function of the same form (RFC 9562: 48 bits of milliseconds, version, randomness).
do $$
begin
  if current_setting('server_version_num')::int >= 180000 then
    create function engine.uuidv7() returns uuid language sql volatile
      return pg_catalog.uuidv7();
  else
    create function engine.uuidv7() returns uuid language sql volatile set search_path = ''
    as $f$
      select encode(
        set_bit(set_bit(
          overlay(uuid_send(gen_random_uuid())
            placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
            from 1 for 6),
          52, 1), 53, 1),
        'hex')::uuid
    $f$;
  end if;
end
$$;
comment on function engine.uuidv7() is 'A new time-ordered UUID (version 7).';
-- Column defaults of tenant tables call it with the rights of whoever inserts.
grant execute on function engine.uuidv7() to public;

-- The expression that tenant tables use as default of their key: the built-in function where there
-- is one, since it is four times as fast as a wrapper.
create function engine.uuid_default() returns text language sql stable set search_path = ''
  return case when current_setting('server_version_num')::int >= 180000 then 'uuidv7()' else 'engine.uuidv7()' end;
--! EndIncluded engine/uuid.sql
--! Included engine/names.sql
-- API names are camelCase, database names are snake_case, and the one follows from the other both
-- ways: a capital letter is an underscore and its lower case.
create function engine.snake_case(name text) returns text
language sql immutable strict parallel safe
  return lower(regexp_replace(name, '([A-Z])', '_\1', 'g'));
comment on function engine.snake_case(text) is 'The database name of a camelCase API name: annualRevenue becomes annual_revenue.';

create function engine.camel_case(name text) returns text
language sql immutable strict parallel safe set search_path = ''
as $$
  select string_agg(case when i = 1 then w else upper(left(w, 1)) || substr(w, 2) end, '' order by i)
  from regexp_split_to_table(name, '_') with ordinality as s(w, i)
$$;
comment on function engine.camel_case(text) is 'The API name of a snake_case database name.';

-- 40 bytes leave room below PostgreSQL's 63 for what the engine appends
-- (_primary_phone_country_code is the longest part of a composite field).
create function engine.is_api_name(name text) returns boolean
language sql immutable strict parallel safe
  return name ~ '^[a-z][a-zA-Z0-9]*$' and octet_length(engine.snake_case(name)) <= 36;
comment on function engine.is_api_name(text) is 'Whether a text can be an API name: letters and digits, starting with a small letter, at most 36 bytes in snake_case.';

-- A default API name for a label typed by a person, in any script.
create function engine.name_from_label(label text) returns text
language plpgsql stable strict set search_path = ''
as $$
declare
  v_words text[];
  v_name text;
begin
  v_words := array_remove(regexp_split_to_array(
    lower(regexp_replace(public.unaccent('public.unaccent', label), '[^a-zA-Z0-9]+', ' ', 'g')), ' '), '');
  select string_agg(case when i = 1 then w else upper(left(w, 1)) || substr(w, 2) end, '' order by i)
    into v_name from unnest(v_words) with ordinality as s(w, i);
  if v_name ~ '^[0-9]' then
    v_name := 'n' || v_name;
  end if;
  while octet_length(engine.snake_case(v_name)) > 36 loop
    v_name := left(v_name, -1);
  end loop;
  if v_name is null then
    raise exception 'The label "%" has no letters from which an API name can be made.', label
      using errcode = 'RV001', column = 'name', hint = 'Give an API name of Latin letters and digits, such as "project".';
  end if;
  return v_name;
end
$$;
comment on function engine.name_from_label(text) is 'The API name that a label suggests: "Sales order" gives salesOrder.';

-- Generated columns and checks of metadata call these with the rights of whoever writes.
grant execute on function engine.snake_case(text), engine.is_api_name(text) to public;
--! EndIncluded engine/names.sql

-- ── core ────────────────────────────────────────────────────────────────────────────────────────

create table core.users (
  id uuid primary key default engine.uuidv7(),
  email text not null check (email ~ '^[^@\s]+@[^@\s]+$'),
  name text not null default '',
  password_hash text,
  created_at timestamptz not null default now()
);
create unique index users_email_key on core.users (lower(email));

create table core.workspaces (
  id uuid primary key default engine.uuidv7(),
  slug text not null unique check (slug ~ '^[a-z][a-z0-9-]{1,38}[a-z0-9]$'),
  name text not null check (name <> ''),
  schema_name text not null unique check (schema_name ~ '^ws_[a-z0-9]+$'),
  model_version bigint not null default 0,
  shape text,
  created_at timestamptz not null default now()
);

create table core.sessions (
  id uuid primary key default engine.uuidv7(),
  token_hash bytea not null unique,
  user_id uuid not null references core.users on delete cascade,
  workspace_id uuid not null references core.workspaces on delete cascade,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);
create index on core.sessions (user_id);
create index on core.sessions (workspace_id);

-- ── metadata ────────────────────────────────────────────────────────────────────────────────────
-- Each row bears its workspace, and each reference repeats it, so that the database itself refuses
-- a field of one workspace in an object of another.

create table metadata.applications (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  name text not null,
  version text not null,
  manifest jsonb not null,
  installed_at timestamptz not null default now(),
  unique (workspace_id, id),
  unique (workspace_id, name)
);
comment on table metadata.applications is 'Bundles of objects and fields installed in the workspace. The standard objects are the first.';

create table metadata.objects (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  application_id uuid,
  universal_identifier text,
  name_singular text not null,
  name_plural text not null,
  table_name text not null generated always as (engine.snake_case(name_plural)) stored,
  label_singular text not null check (label_singular <> ''),
  label_plural text not null check (label_plural <> ''),
  description text not null default '',
  icon text not null default 'IconBox',
  color text,
  label_field_id uuid,
  is_active boolean not null default true,
  is_system boolean not null default false,
  is_searchable boolean not null default true,
  is_audited boolean not null default true,
  position double precision not null default 0,
  created_at timestamptz not null default now(),
  unique (workspace_id, id),
  unique (workspace_id, name_singular),
  unique (workspace_id, name_plural),
  unique (workspace_id, table_name),
  unique (workspace_id, universal_identifier),
  foreign key (workspace_id, application_id) references metadata.applications (workspace_id, id),
  constraint objects_name_singular_check check (engine.is_api_name(name_singular)),
  constraint objects_name_plural_check check (engine.is_api_name(name_plural)),
  constraint objects_names_differ check (name_singular <> name_plural)
);
comment on table metadata.objects is E'@behavior -insert -delete\nThe kinds of record of a workspace. Each active or inactive object is a table in the workspace''s schema.';
create index on metadata.objects (workspace_id, application_id);

create table metadata.fields (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  object_id uuid not null,
  application_id uuid,
  universal_identifier text,
  name text not null,
  label text not null check (label <> ''),
  description text not null default '',
  icon text,
  type text not null,
  settings jsonb not null default '{}' check (jsonb_typeof(settings) = 'object'),
  options jsonb not null default '[]' check (jsonb_typeof(options) = 'array'),
  default_value jsonb,
  is_required boolean not null default false,
  is_unique boolean not null default false,
  is_active boolean not null default true,
  is_system boolean not null default false,
  position double precision not null default 0,
  created_at timestamptz not null default now(),
  unique (workspace_id, id),
  unique (object_id, name),
  unique (workspace_id, universal_identifier),
  foreign key (workspace_id, object_id) references metadata.objects (workspace_id, id) on delete cascade,
  foreign key (workspace_id, application_id) references metadata.applications (workspace_id, id),
  constraint fields_name_check check (engine.is_api_name(name))
);
comment on table metadata.fields is E'@behavior -insert -delete\nThe fields of an object. A field is one or more columns of the object''s table.';
create index on metadata.fields (workspace_id, object_id);
create index on metadata.fields (workspace_id, application_id);

alter table metadata.objects
  add foreign key (workspace_id, label_field_id) references metadata.fields (workspace_id, id)
    on delete set null (label_field_id) deferrable initially deferred;
create index on metadata.objects (workspace_id, label_field_id);

create table metadata.relations (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  field_id uuid not null,
  target_object_id uuid not null,
  inverse_name text not null,
  inverse_label text not null check (inverse_label <> ''),
  on_delete text not null default 'SET_NULL' check (on_delete in ('SET_NULL', 'CASCADE', 'RESTRICT')),
  unique (workspace_id, id),
  unique (field_id, target_object_id),
  unique (target_object_id, inverse_name),
  foreign key (workspace_id, field_id) references metadata.fields (workspace_id, id) on delete cascade,
  foreign key (workspace_id, target_object_id) references metadata.objects (workspace_id, id) on delete cascade,
  constraint relations_inverse_name_check check (engine.is_api_name(inverse_name))
);
comment on table metadata.relations is E'@behavior -insert -delete\nOne row per foreign key: a RELATION field has one, a MORPH_RELATION field one for each object it may point to.';
create index on metadata.relations (workspace_id, field_id);
create index on metadata.relations (workspace_id, target_object_id);

create table metadata.roles (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  name text not null check (name <> ''),
  description text not null default '',
  pg_role text not null unique,
  is_system boolean not null default false,
  can_manage_model boolean not null default false,
  can_read_all boolean not null default true,
  can_create_all boolean not null default true,
  can_update_all boolean not null default true,
  can_delete_all boolean not null default true,
  unique (workspace_id, id),
  unique (workspace_id, name)
);
comment on table metadata.roles is E'@behavior -insert -update -delete\nThe CRM roles of a workspace. Each is a role of PostgreSQL: what it may do is what that role is granted.';

create table metadata.object_permissions (
  workspace_id uuid not null references core.workspaces on delete cascade,
  role_id uuid not null,
  object_id uuid not null,
  can_read boolean not null,
  can_create boolean not null,
  can_update boolean not null,
  can_delete boolean not null,
  primary key (role_id, object_id),
  foreign key (workspace_id, role_id) references metadata.roles (workspace_id, id) on delete cascade,
  foreign key (workspace_id, object_id) references metadata.objects (workspace_id, id) on delete cascade
);
comment on table metadata.object_permissions is E'@behavior -insert -update -delete\nWhere a role differs from its own defaults for one object.';
create index on metadata.object_permissions (workspace_id, role_id);
create index on metadata.object_permissions (workspace_id, object_id);

create table metadata.webhooks (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  name text not null default '',
  target_url text not null check (target_url ~ '^https?://[^\s]+$'),
  events text[] not null default '{*.*}' check (events <> '{}'),
  is_active boolean not null default true,
  created_at timestamptz not null default now()
);
comment on table metadata.webhooks is 'URLs that are called when records change.';
comment on column metadata.webhooks.events is 'Patterns object.action, for example person.created, company.* or *.*.';
create index on metadata.webhooks (workspace_id);

-- ── core, continued: what refers to roles ───────────────────────────────────────────────────────

create table core.members (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  user_id uuid not null references core.users on delete cascade,
  role_id uuid not null,
  name text not null default '',
  login_role text,
  is_active boolean not null default true,
  created_at timestamptz not null default now(),
  unique (workspace_id, user_id),
  unique (workspace_id, login_role),
  foreign key (workspace_id, role_id) references metadata.roles (workspace_id, id)
);
comment on column core.members.id is 'Also the id of the member''s record in the tenant''s workspace_members.';
comment on column core.members.login_role is 'The member''s own database login, for psql and BI tools; null when there is none.';
create index on core.members (user_id);
create index on core.members (workspace_id, role_id);

create table core.api_keys (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  role_id uuid not null,
  name text not null,
  prefix text not null,
  token_hash bytea not null unique,
  expires_at timestamptz,
  revoked_at timestamptz,
  created_at timestamptz not null default now(),
  foreign key (workspace_id, role_id) references metadata.roles (workspace_id, id) on delete cascade
);
create index on core.api_keys (workspace_id, role_id);

-- ── engine ──────────────────────────────────────────────────────────────────────────────────────

create table engine.settings (
  only_row boolean primary key default true check (only_row),
  ddl_enabled boolean not null default true
);
comment on table engine.settings is 'Instance-wide switches. ddl_enabled = false refuses every change of a data model, for hot upgrades.';
insert into engine.settings default values;

create table engine.standard_manifest (
  only_row boolean primary key default true check (only_row),
  manifest jsonb not null
);

create table engine.pending (
  workspace_id uuid primary key references core.workspaces on delete cascade
);
comment on table engine.pending is 'Workspaces whose metadata this transaction has changed. Its deferred trigger reconciles each once, at commit.';

create table engine.field_types (
  type text primary key,
  label text not null
);
create table engine.field_type_columns (
  type text not null references engine.field_types,
  part text not null,
  suffix text not null,
  pg_type text not null,
  position int not null,
  primary key (type, part)
);
alter table metadata.fields add constraint fields_type_known foreign key (type) references engine.field_types;
create index on metadata.fields (type);

create sequence engine.event_batch;
create table engine.outbox (
  batch bigint primary key,
  workspace_id uuid not null,
  object_id uuid not null,
  action text not null,
  created_at timestamptz not null default now()
);
comment on table engine.outbox is 'One row per statement that changed records, taken in batches by the relay. No foreign keys: the write path stays short.';

create table engine.heartbeats (
  name text primary key,
  seen_at timestamptz not null default now()
);

--! Included engine/field_types.sql
-- How each type of field lies in a table. Composite types are flat columns, so that they filter,
-- sort, index and export like any other. RELATION and MORPH_RELATION have one column for each row
-- of metadata.relations and stand in no row here.
insert into engine.field_types (type, label) values
  ('TEXT', 'Text'), ('NUMBER', 'Number'), ('NUMERIC', 'Exact number'), ('BOOLEAN', 'True/false'),
  ('DATE', 'Date'), ('DATE_TIME', 'Date and time'), ('UUID', 'Unique id'), ('SELECT', 'Select'),
  ('MULTI_SELECT', 'Multi-select'), ('RATING', 'Rating'), ('ARRAY', 'List of texts'), ('RAW_JSON', 'JSON'),
  ('RICH_TEXT', 'Rich text'), ('POSITION', 'Position'), ('FULL_NAME', 'Full name'), ('EMAILS', 'E-mails'),
  ('PHONES', 'Phones'), ('LINKS', 'Links'), ('CURRENCY', 'Currency'), ('ADDRESS', 'Address'),
  ('ACTOR', 'Actor'), ('FILES', 'Files'), ('RELATION', 'Relation'), ('MORPH_RELATION', 'Relation to several objects'),
  ('TS_VECTOR', 'Search vector');

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
  ('TS_VECTOR', '', '', 'tsvector', 1);
--! EndIncluded engine/field_types.sql
--! Included engine/identity.sql
-- Who is asking. The workspace follows from the PostgreSQL role, which nobody can forge: it is
-- reached only by a SET ROLE that was granted. The member is a setting, which anybody can set, so
-- it is believed only from sessions of the server, the worker and administrators; a person's own
-- database login is mapped to the member it was given to.

create function engine.is_trusted_session() returns boolean
language sql stable
  return session_user in ('relvar_server', 'relvar_worker')
    or pg_catalog.pg_has_role(session_user, 'relvar_owner', 'member');

create function engine.workspace_of_role(pg_role name) returns uuid
language sql stable security definer set search_path = ''
as $$ select r.workspace_id from metadata.roles r where r.pg_role = workspace_of_role.pg_role $$;
grant execute on function engine.workspace_of_role(name) to public;

create function engine.current_workspace() returns uuid
language sql stable set search_path = ''
  return engine.workspace_of_role(current_user);
comment on function engine.current_workspace() is 'The workspace whose CRM role the session has taken; null outside of one.';
grant execute on function engine.current_workspace() to public;

create type engine.actor as (type text, id uuid, name text);

-- Every write asks several times who makes it (four column defaults and the log), so the answer is
-- kept in settings for the rest of the transaction, with the basis that it follows from: when that
-- changes, it is found anew. Anybody can write a setting, so a session that is not trusted with
-- relvar.member_id is not trusted with these either.
--
-- The functions without a search_path of their own become parts of the statements that call them,
-- where each costs a microsecond; they name nothing that a search path could change.
create function engine.actor_basis() returns text
language sql stable
  return pg_catalog.concat_ws('|', session_user, current_setting('role'),
    current_setting('relvar.member_id', true), current_setting('relvar.api_key_id', true));

create function engine.actor_is_known() returns boolean
language sql stable
  return engine.is_trusted_session() and current_setting('relvar.actor_basis', true) = engine.actor_basis();

-- Inside a definer function current_user is the owner, while the setting "role" is still the role
-- that was taken. Checking the member against that role's workspace keeps a member of one
-- workspace from signing records of another.
create function engine.find_actor() returns engine.actor
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_actor engine.actor;
  v_is_trusted boolean := engine.is_trusted_session();
begin
  if v_is_trusted then
    select 'member', m.id, m.name into v_actor from core.members m
    where m.id = nullif(current_setting('relvar.member_id', true), '')::uuid
      and m.is_active
      and m.workspace_id = (select r.workspace_id from metadata.roles r where r.pg_role = current_setting('role'));
  else
    select 'member', m.id, m.name into v_actor from core.members m
    join metadata.roles r on r.id = m.role_id
    where m.login_role = session_user and m.is_active
      and r.pg_role = current_setting('role');
  end if;
  if v_actor.id is null and v_is_trusted then
    select 'api_key', k.id, k.name into v_actor from core.api_keys k
    where k.id = nullif(current_setting('relvar.api_key_id', true), '')::uuid
      and k.workspace_id = (select r.workspace_id from metadata.roles r where r.pg_role = current_setting('role'));
  end if;
  if v_actor.id is null then
    v_actor := case when session_user in ('relvar_server', 'relvar_worker') then ('system', null, 'System')::engine.actor
      else ('psql', null, session_user)::engine.actor end;
  end if;
  if v_is_trusted then
    perform set_config('relvar.actor_basis', engine.actor_basis(), true),
      set_config('relvar.actor_type', v_actor.type, true),
      set_config('relvar.actor_id', coalesce(v_actor.id::text, ''), true),
      set_config('relvar.actor_name', coalesce(v_actor.name, ''), true);
  end if;
  return v_actor;
end
$$;
comment on function engine.find_actor() is 'Finds out who changes a record, and remembers it for the rest of the transaction.';

create function engine.current_actor() returns engine.actor
language sql stable
  return case when engine.actor_is_known()
    then (current_setting('relvar.actor_type'), nullif(current_setting('relvar.actor_id'), '')::uuid, current_setting('relvar.actor_name'))::engine.actor
    else engine.find_actor() end;
comment on function engine.current_actor() is 'Who changes a record: a member, an API key, the system, or a database login.';

create function engine.find_member() returns uuid
language sql stable set search_path = ''
  return (select a.id from engine.find_actor() a where a.type = 'member');

create function engine.current_member() returns uuid
language sql stable
  return case when engine.actor_is_known()
    then case when current_setting('relvar.actor_type') = 'member' then current_setting('relvar.actor_id')::uuid end
    else engine.find_member() end;
comment on function engine.current_member() is 'The member on whose behalf the session acts; null for none.';

create function engine.current_source() returns text
language sql stable
  return coalesce(nullif(current_setting('relvar.source', true), ''),
    case when session_user in ('relvar_server', 'relvar_worker') then 'SYSTEM' else 'MANUAL' end);

-- Defaults of createdBy and updatedBy.
create function engine.actor_name() returns text
language sql stable
  return case when engine.actor_is_known() then current_setting('relvar.actor_name') else (engine.find_actor()).name end;

-- They say who the caller is, to whoever asks.
grant execute on function engine.is_trusted_session(), engine.actor_basis(), engine.actor_is_known(), engine.find_actor(),
  engine.find_member(), engine.current_actor(), engine.current_member(), engine.current_source(), engine.actor_name() to public;

-- For administrators in psql: take a CRM role and act as a member, until "reset role".
create function engine.become(workspace_slug text, who text) returns text
language plpgsql volatile set search_path = ''
as $$
declare
  v_role text;
  v_schema text;
  v_member uuid;
begin
  select r.pg_role, w.schema_name, m.id into v_role, v_schema, v_member
  from core.workspaces w
  join core.members m on m.workspace_id = w.id
  join core.users u on u.id = m.user_id
  join metadata.roles r on r.id = m.role_id
  where w.slug = workspace_slug and lower(u.email) = lower(who);
  if not found then
    select r.pg_role, w.schema_name into v_role, v_schema
    from core.workspaces w join metadata.roles r on r.workspace_id = w.id
    where w.slug = workspace_slug and r.name = who;
  end if;
  if v_role is null then
    raise exception 'Workspace "%" has no member or role "%".', workspace_slug, who
      using errcode = 'RV010', hint = 'Give a member''s e-mail address or a role''s name. select * from core.workspaces shows the workspaces.';
  end if;
  perform set_config('relvar.member_id', coalesce(v_member::text, ''), false),
    set_config('search_path', format('%I, public', v_schema), false),
    set_config('role', v_role, false);
  return v_role;
end
$$;
comment on function engine.become(text, text) is 'Take the role of a member (by e-mail) or a role (by name) of a workspace for the rest of the session. "reset role" ends it.';
--! EndIncluded engine/identity.sql
--! Included engine/fields.sql
-- The columns that a workspace's fields come to.

-- quote_literal would write E'' around backslashes, and PostgreSQL does not print that back.
create function engine.literal(value text) returns text
language sql immutable strict parallel safe set search_path = ''
  return '''' || replace(value, '''', '''''') || '''';

-- The text of a default as PostgreSQL prints it back, so that comparing texts compares meanings.
create function engine.default_expression(field_type text, pg_type text, value jsonb) returns text
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
  key text,            -- identity of the column: field id, and part or relation where a field has several
  name text,
  part text,
  relation_id uuid,
  pg_type text,
  not_null boolean,
  default_expr text,
  generated_expr text,
  generated_basis text, -- what the expression depends on, by identity; a rename does not change it
  is_writable boolean,
  position double precision,
  ordinal int,
  is_active boolean,
  description text
);

-- A search vector reads the label field and the fields whose settings say "searchable".
create function engine.search_columns(workspace_id uuid)
returns table (object_id uuid, key text, name text)
language sql stable set search_path = ''
as $$
  select f.object_id, f.id || ':' || c.part, engine.snake_case(f.name) || c.suffix
  from metadata.fields f
  join metadata.objects o on o.id = f.object_id and o.workspace_id = f.workspace_id
  join engine.field_type_columns c on c.type = f.type
  where f.workspace_id = search_columns.workspace_id
    and (f.id = o.label_field_id or f.settings ->> 'searchable' = 'true')
    and c.pg_type = 'text'
    and c.part not in ('primaryPhoneCountryCode', 'primaryLinkLabel', 'currencyCode')
$$;

-- Here and wherever a workspace's model is read, joins repeat the workspace: without it the planner
-- reads the objects and fields of all workspaces to join with these few.
create function engine.columns(workspace_id uuid) returns setof engine.column_spec
language sql stable set search_path = ''
as $$
  with field as (
    select f.*, o.table_name, engine.snake_case(f.name) as base
    from metadata.fields f
    join metadata.objects o on o.id = f.object_id and o.workspace_id = f.workspace_id
    where f.workspace_id = columns.workspace_id
  ), search as (
    select s.object_id,
      string_agg(s.key, ',' order by s.key) as basis,
      'to_tsvector(''simple''::regconfig, engine.search_text('
        || string_agg(format('COALESCE(%I, ''''::text)', s.name), ' || '' ''::text || ' order by s.key) || '))' as expr
    from engine.search_columns(columns.workspace_id) s
    group by s.object_id
  ), expanded as (
    select f.object_id, f.table_name, f.id as field_id,
      f.id || case when c.part = '' then '' else '.' || c.part end as key,
      f.base || c.suffix as name, c.part, null::uuid as relation_id,
      case when f.type = 'NUMBER' and f.settings ->> 'dataType' in ('int', 'bigint') then 'bigint' else c.pg_type end as pg_type,
      c.position as ordinal, f.type, f.name as field_name, f.default_value, f.is_required, f.is_system, f.is_active,
      f.position, f.label, f.description
    from field f
    join engine.field_type_columns c on c.type = f.type
    union all
    select f.object_id, f.table_name, f.id, f.id || '.' || r.id,
      case f.type when 'RELATION' then f.base else f.base || '_' || engine.snake_case(t.name_singular) end || '_id',
      '', r.id, 'uuid', 1, f.type, f.name, null, f.is_required, f.is_system, f.is_active, f.position, f.label, f.description
    from field f
    join metadata.relations r on r.field_id = f.id
    join metadata.objects t on t.id = r.target_object_id and t.workspace_id = columns.workspace_id
    where f.type in ('RELATION', 'MORPH_RELATION')
  )
  select e.object_id, e.table_name, e.field_id, e.key, e.name, e.part, e.relation_id, e.pg_type,
    e.type <> 'TS_VECTOR' and (
      (e.is_system and (e.field_name in ('id', 'createdAt', 'updatedAt', 'position') or e.part = 'source'))
      -- A composite field is present when its first part is.
      or (e.is_required and e.ordinal = 1 and e.type <> 'MORPH_RELATION')
    ),
    case
      when e.type = 'TS_VECTOR' then null
      when e.type = 'ACTOR' and e.part = 'source' then 'engine.current_source()'
      when e.type = 'ACTOR' and e.part = 'memberId' then 'engine.current_member()'
      when e.type = 'ACTOR' and e.part = 'name' then 'engine.actor_name()'
      else engine.default_expression(e.type, e.pg_type,
        case when e.part = '' then e.default_value else e.default_value -> e.part end)
    end,
    case when e.type = 'TS_VECTOR' then coalesce(s.expr, 'to_tsvector(''simple''::regconfig, ''''::text)') end,
    case when e.type = 'TS_VECTOR' then coalesce(s.basis, '') end,
    not e.is_system or e.field_name in ('id', 'position'),
    e.position, e.ordinal, e.is_active,
    case when e.description = '' then e.label else e.description end
  from expanded e
  left join search s on s.object_id = e.object_id
$$;
comment on function engine.columns(uuid) is 'Every column that the fields of a workspace come to, as it should be.';

-- How a record of an object is named, as SQL over one of its rows.
create function engine.label_expression(object_id uuid, alias text default null) returns text
language sql stable set search_path = ''
as $$
  select coalesce((
    select 'btrim(' || string_agg('coalesce(' || coalesce(quote_ident(alias) || '.', '')
        || quote_ident(engine.snake_case(f.name) || c.suffix) || ', '''')', ' || '' '' || ' order by c.position) || ')'
    from metadata.objects o
    join metadata.fields f on f.id = o.label_field_id
    join engine.field_type_columns c on c.type = f.type
    where o.id = label_expression.object_id and c.pg_type = 'text'
      and (f.type = 'FULL_NAME' or c.position = 1)
  ), coalesce(quote_ident(alias) || '.', '') || 'id::text')
$$;
--! EndIncluded engine/fields.sql
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
create function engine.fit_name(name text) returns text
language sql immutable strict parallel safe set search_path = ''
  return case when octet_length(name) <= 63 then name else left(name, 54) || '_' || left(md5(name), 8) end;

create function engine.fact_comment(key text, basis text, tags text default null, description text default null) returns text
language sql immutable parallel safe set search_path = ''
  return '@relvar ' || key || coalesce(' ' || left(md5(basis), 12), '')
    || coalesce(E'\n' || nullif(tags, ''), '')
    -- Lines at the top that begin with @ steer the API; a space keeps what people write from being one.
    || coalesce(E'\n' || case when description like '@%' then ' ' else '' end || nullif(description, ''), '');

create function engine.desired_tables(workspace_id uuid) returns setof engine.fact
language sql stable set search_path = ''
as $$
  select 'table', o.id::text, o.id::text, o.table_name, o.table_name, null,
    engine.fact_comment(o.id::text, null,
      '@singular ' || o.name_singular || E'\n@plural ' || o.name_plural || case when o.is_active then '' else E'\n@behavior -*' end,
      case when o.description = '' then o.label_plural else o.description end),
    null, null::boolean, null, null, null::oid
  from metadata.objects o
  where o.workspace_id = desired_tables.workspace_id
$$;

create function engine.desired_columns(workspace_id uuid) returns setof engine.fact
language sql stable set search_path = ''
as $$
  select 'column', c.key, c.object_id::text, c.table_name, c.name, null,
    engine.fact_comment(c.key, c.generated_basis,
      case when not c.is_active or c.generated_expr is not null then '@behavior -*'
        -- What roles may not write, the API does not offer to write.
        when not c.is_writable then '@behavior -attribute:insert -attribute:update'
        when c.name = 'id' then '@behavior -attribute:update' end, c.description),
    c.pg_type, c.not_null, c.default_expr, c.generated_expr, null::oid
  from engine.columns(desired_columns.workspace_id) c
$$;

create function engine.desired_constraints(workspace_id uuid, schema_name text) returns setof engine.fact
language sql stable set search_path = ''
as $$
  with spec as materialized (
    select * from engine.columns(desired_constraints.workspace_id)
  ), constraints as (
    select o.id as object_id, o.table_name, 'pk' as key, o.table_name || '_pkey' as name, 'primary key (id)' as definition,
      'pk' as basis, null as tags
    from metadata.objects o where o.workspace_id = desired_constraints.workspace_id
    union all
    select s.object_id, s.table_name, 'fk:' || r.id, s.table_name || '_' || s.name || '_fkey',
      format('foreign key (%I) references %I.%I (id) on delete %s', s.name, schema_name, t.table_name,
        lower(replace(r.on_delete, '_', ' '))),
      r.target_object_id || r.on_delete,
      case when s.is_active and t.is_active and o.is_active
        then '@fieldName ' || engine.camel_case(left(s.name, -3)) || E'\n@foreignFieldName ' || r.inverse_name
        else '@behavior -*' end
    from metadata.relations r
    join spec s on s.relation_id = r.id
    join metadata.objects t on t.id = r.target_object_id and t.workspace_id = r.workspace_id
    join metadata.objects o on o.id = s.object_id and o.workspace_id = r.workspace_id
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
      v.list::text, null
    from metadata.fields f
    join spec s on s.field_id = f.id
    cross join lateral (select array_agg(e ->> 'value' order by e ->> 'value') as list from jsonb_array_elements(f.options) e) v
    where f.workspace_id = desired_constraints.workspace_id and f.type in ('SELECT', 'MULTI_SELECT') and v.list is not null
    union all
    select s.object_id, s.table_name, 'rating:' || s.field_id, s.table_name || '_' || s.name || '_check',
      format('check (%I between 1 and 5)', s.name), 'rating', null
    from spec s join metadata.fields f on f.id = s.field_id and f.workspace_id = desired_constraints.workspace_id
    where f.type = 'RATING'
  )
  select 'constraint', c.object_id || ' ' || c.key, c.object_id::text, c.table_name, engine.fit_name(c.name), c.definition,
    engine.fact_comment(c.key, c.basis, c.tags), null, null::boolean, null, null, null::oid
  from constraints c
$$;

create function engine.desired_indexes(workspace_id uuid) returns setof engine.fact
language sql stable set search_path = ''
as $$
  with spec as materialized (
    select s.*, f.type, f.is_unique from engine.columns(desired_indexes.workspace_id) s
    join metadata.fields f on f.id = s.field_id and f.workspace_id = desired_indexes.workspace_id
  ), indexes as (
    select s.object_id, s.table_name, 'unique:' || s.key as key, s.table_name || '_' || s.name || '_key' as name,
      format(case when s.type in ('EMAILS', 'LINKS') then 'unique (lower(%I))' else 'unique (%I)' end, s.name) as definition,
      s.key || s.type as basis
    from spec s
    where s.is_unique and s.ordinal = 1 and s.type not in ('MORPH_RELATION', 'FULL_NAME', 'RAW_JSON', 'TS_VECTOR')
      and not (s.type = 'UUID' and s.name = 'id')
    union all
    select s.object_id, s.table_name, 'fk:' || s.relation_id, s.table_name || '_' || s.name || '_idx', format('(%I)', s.name), s.key
    from spec s
    where s.relation_id is not null and not (s.is_unique and s.type = 'RELATION')
    union all
    select s.object_id, s.table_name, 'search', s.table_name || '_' || s.name || '_idx', format('using gin (%I)', s.name), s.key
    from spec s where s.type = 'TS_VECTOR'
    union all
    select o.id, o.table_name, 'label', o.table_name || '_label_idx',
      format('using gin (engine.search_text(%s) public.gin_trgm_ops)', engine.label_expression(o.id)), f.id::text
    from metadata.objects o
    join metadata.fields f on f.id = o.label_field_id and f.workspace_id = o.workspace_id and f.type in ('TEXT', 'FULL_NAME', 'EMAILS', 'PHONES', 'LINKS')
    where o.workspace_id = desired_indexes.workspace_id and o.is_searchable
  )
  select 'index', i.object_id || ' ' || i.key, i.object_id::text, i.table_name, engine.fit_name(i.name), i.definition,
    engine.fact_comment(i.key, i.basis), null, null::boolean, null, null, null::oid
  from indexes i
$$;

create function engine.desired_triggers(workspace_id uuid) returns setof engine.fact
language sql stable set search_path = ''
as $$
  select 'trigger', o.id || ' ' || t.name, o.id::text, o.table_name, t.name, t.definition,
    engine.fact_comment(t.name, t.definition), null, null::boolean, null, null, null::oid
  from metadata.objects o
  cross join lateral (values
    ('_100_touch', 'before update on %s for each row execute function engine.tg_records__touch()', true),
    ('_200_log_insert', format('after insert on %%s referencing new table as new_rows for each statement execute function engine.tg_records__log(%L, %L)', o.id, o.workspace_id), o.is_audited),
    ('_200_log_update', format('after update on %%s referencing old table as old_rows new table as new_rows for each statement execute function engine.tg_records__log(%L, %L)', o.id, o.workspace_id), o.is_audited),
    ('_200_log_delete', format('after delete on %%s referencing old table as old_rows for each statement execute function engine.tg_records__log(%L, %L)', o.id, o.workspace_id), o.is_audited),
    ('_300_trash', format('after delete on %%s referencing old table as old_rows for each statement execute function engine.tg_records__trash(%L)', o.id), true)
  ) as t (name, definition, wanted)
  where o.workspace_id = desired_triggers.workspace_id and t.wanted
$$;

-- What each role may do with each object: its own defaults, unless object_permissions says else.
create function engine.effective_permissions(workspace_id uuid)
returns table (role_id uuid, pg_role text, object_id uuid, can_read boolean, can_create boolean, can_update boolean, can_delete boolean)
language sql stable set search_path = ''
as $$
  select r.id, r.pg_role, o.id,
    o.is_active and coalesce(p.can_read, r.can_read_all), o.is_active and coalesce(p.can_create, r.can_create_all),
    o.is_active and coalesce(p.can_update, r.can_update_all), o.is_active and coalesce(p.can_delete, r.can_delete_all)
  from metadata.roles r
  join metadata.objects o on o.workspace_id = r.workspace_id
  left join metadata.object_permissions p on p.role_id = r.id and p.object_id = o.id
  where r.workspace_id = effective_permissions.workspace_id
$$;

-- Objects whose events and trash a role may see; used by policies.
create function engine.readable_objects(caller name) returns setof uuid
language sql stable security definer set search_path = ''
as $$
  select o.id
  from metadata.roles r
  join metadata.objects o on o.workspace_id = r.workspace_id
  left join metadata.object_permissions p on p.role_id = r.id and p.object_id = o.id
  where r.pg_role = caller and o.is_active and coalesce(p.can_read, r.can_read_all)
$$;
grant execute on function engine.readable_objects(name) to public;

create function engine.desired_security(workspace_id uuid) returns setof engine.fact
language sql stable set search_path = ''
as $$
  with permission as materialized (
    select * from engine.effective_permissions(desired_security.workspace_id)
  ), tables as (
    select o.id::text as table_key, o.table_name, o.id as object_id
    from metadata.objects o where o.workspace_id = desired_security.workspace_id
    union all
    values ('record_events', 'record_events', null::uuid), ('trash', 'trash', null)
  ), writable as (
    select c.object_id,
      string_agg(quote_ident(c.name), ', ' order by c.name collate "C") as insertable,
      string_agg(quote_ident(c.name), ', ' order by c.name collate "C") filter (where not c.key = c.field_id::text or c.name <> 'id') as updatable
    from engine.columns(desired_security.workspace_id) c
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
create function engine.desired_internals(workspace_id uuid, schema_name text) returns setof engine.fact
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
--! Included engine/actual.sql
-- What stands in a tenant's schema, read from the catalogue, as facts with the identities that
-- their comments bear. Everything is found through pg_depend by the schema's oid and then by
-- indexed joins, so that a thousand other workspaces cost nothing.

create function engine.identity_of(comment text) returns text
language sql immutable strict parallel safe
  return (regexp_match(comment, '^@relvar (\S+)'))[1];

create function engine.actual(schema_name text) returns setof engine.fact
language plpgsql stable set search_path = ''
as $$
declare
  v_schema oid := to_regnamespace(quote_ident(schema_name))::oid;
  v_tables oid[];
begin
  if v_schema is null then
    return;
  end if;
  v_tables := array(
    select d.objid from pg_catalog.pg_depend d
    join pg_catalog.pg_class c on c.oid = d.objid
    where d.refclassid = 'pg_catalog.pg_namespace'::regclass and d.refobjid = v_schema
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
    case when a.attgenerated = '' then pg_catalog.pg_get_expr(ad.adbin, ad.adrelid) end,
    case when a.attgenerated <> '' then pg_catalog.pg_get_expr(ad.adbin, ad.adrelid) end, null
  from t
  join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
  left join pg_catalog.pg_attrdef ad on ad.adrelid = a.attrelid and ad.adnum = a.attnum
  left join pg_catalog.pg_description d on d.objoid = t.oid and d.classoid = 'pg_catalog.pg_class'::regclass and d.objsubid = a.attnum
  where t.key not in ('record_events', 'trash')
  union all
  -- PostgreSQL 18 lists NOT NULL as constraints too; they are a property of the column here.
  select 'constraint', t.key || ' ' || coalesce(engine.identity_of(d.description), 'unmanaged:' || c.conname), t.key, t.name, c.conname::text,
    null, d.description, null, null, null, null, c.oid
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
  select 'function', coalesce(engine.identity_of(d.description), 'unmanaged:' || p.proname), null, null, p.proname::text, null, d.description, null, null, null, null, p.oid
  from pg_catalog.pg_depend dep
  join pg_catalog.pg_proc p on p.oid = dep.objid
  left join pg_catalog.pg_description d on d.objoid = p.oid and d.classoid = 'pg_catalog.pg_proc'::regclass and d.objsubid = 0
  where dep.refclassid = 'pg_catalog.pg_namespace'::regclass and dep.refobjid = v_schema and dep.classid = 'pg_catalog.pg_proc'::regclass
  union all
  select 'role', r.rolname::text, null, null, r.rolname::text, null, null, null, null, null, null, r.oid
  from pg_catalog.pg_roles r
  where r.rolname >= schema_name || '_r_' and r.rolname < schema_name || '_r`';
end
$$;
comment on function engine.actual(text) is 'What stands in a tenant schema, read from the catalogue.';
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

create function engine.desired(workspace_id uuid, schema_name text) returns setof engine.fact
language sql stable set search_path = ''
as $$
  select * from engine.desired_tables(workspace_id)
  union all select * from engine.desired_columns(workspace_id)
  union all select * from engine.desired_constraints(workspace_id, schema_name)
  union all select * from engine.desired_indexes(workspace_id)
  union all select * from engine.desired_triggers(workspace_id)
  union all select * from engine.desired_security(workspace_id)
  union all select * from engine.desired_internals(workspace_id, schema_name)
$$;
comment on function engine.desired(uuid, text) is 'What should stand in a tenant schema, derived from metadata.';

create function engine.difference(workspace_id uuid, schema_name text) returns setof engine.difference
language sql stable set search_path = ''
as $$
  with want as materialized (
    select * from engine.desired(workspace_id, schema_name)
  ), have as materialized (
    -- What somebody made beside the engine (a table, a column, an index, a trigger) is theirs and stays;
    -- a policy or a grant is not, since it opens what the engine keeps shut.
    select * from engine.actual(schema_name) a where a.key is not null and (a.kind = 'policy' or a.key !~ '(^| )unmanaged:')
  ), pair as (
    select coalesce(w.kind, h.kind) as kind, coalesce(w.key, h.key) as key,
      w as want, h as have, w.key is null as is_extra, h.key is null as is_missing,
      -- The first line of a comment is the identity and the hash of what the thing depends on.
      split_part(coalesce(w.comment, ''), E'\n', 1) is distinct from split_part(coalesce(h.comment, ''), E'\n', 1) as is_rebased,
      w.name is distinct from h.name or w.comment is distinct from h.comment as is_relabelled
    from want w full join have h on h.kind = w.kind and h.key = w.key
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
  )
  select j.kind, j.key, row((j.want).*)::engine.fact, row((j.have).*)::engine.fact, j.is_missing, j.is_extra, j.is_recreated,
    coalesce(ht.name, (j.have).table_name), coalesce((j.want).table_name, wt.name, (j.have).table_name),
    greatest(coalesce(c.reltuples, 0), 0)::bigint
  from judged j
  left join have ht on ht.kind in ('table', 'internal') and ht.key = coalesce((j.want).table_key, (j.have).table_key)
  left join want wt on wt.kind = 'table' and wt.key = (j.have).table_key
  left join pg_catalog.pg_class c on c.oid = ht.oid
  where j.is_missing or j.is_extra or j.is_recreated
    or (j.is_relabelled and j.kind not in ('rls', 'grant', 'role'))
    or ((j.want).definition is distinct from (j.have).definition and j.kind in ('rls', 'grant'))
    or (j.kind = 'column' and ((j.want).pg_type <> (j.have).pg_type or (j.want).not_null <> (j.have).not_null
      or ((j.want).generated_expr is null and (j.want).default_expr is distinct from (j.have).default_expr)))
$$;
comment on function engine.difference(uuid, text) is 'Facts in which a tenant schema differs from its metadata.';
--! EndIncluded engine/difference.sql
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

create function engine.column_clause(f engine.fact) returns text
language sql immutable set search_path = ''
  return format('%I %s', (f).name, (f).pg_type)
    || case when (f).generated_expr is not null then ' generated always as (' || (f).generated_expr || ') stored' else '' end
    || coalesce(' default ' || (f).default_expr, '')
    || case when (f).not_null then ' not null' else '' end;

create function engine.plan(workspace_id uuid) returns setof engine.step
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

  return query
  with d as materialized (
    select * from engine.difference(workspace_id, v_schema)
  ), dropped_tables as (
    select (d.have).table_key from d where d.kind = 'table' and d.is_extra
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
    select case d.kind when 'policy' then 10 when 'trigger' then 11 when 'constraint' then case when (d.have).comment like '@relvar pk%' then 13 else 12 end else 14 end,
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
      and not (d.is_extra and (d.have).table_key in (select table_key from dropped_tables) and d.kind <> 'constraint')
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
    select case when (d.want).generated_expr is null then 42 else 44 end, 'column', d.new_table, format('alter table %I.%I add column %s', v_schema, d.new_table, engine.column_clause(d.want)), 'AccessExclusive',
      (d.want).generated_expr is not null or coalesce((d.want).default_expr ~ '\(', false) and (d.want).default_expr <> 'now()', d.row_estimate, null
    from d where d.kind = 'column' and (d.is_missing or d.is_recreated)
      and not exists (select from d t where t.kind = 'table' and t.is_missing and t.key = (d.want).table_key)
    union all
    select 43, 'column', d.new_table, format('alter table %I.%I alter column %I %s', v_schema, d.new_table, (d.want).name, a.action), 'AccessExclusive', a.rewrites, d.row_estimate, a.note
    from d cross join lateral (values
      (1, case when (d.want).pg_type <> (d.have).pg_type and (d.have).default_expr is not null then 'drop default' end, false, null),
      (2, case when (d.want).pg_type <> (d.have).pg_type then format('type %s using %I::%1$s', (d.want).pg_type, (d.want).name) end, true, 'Each value is converted.'),
      (3, case when (d.want).default_expr is not null and ((d.want).default_expr is distinct from (d.have).default_expr or (d.want).pg_type <> (d.have).pg_type)
          then 'set default ' || (d.want).default_expr
        when (d.want).default_expr is null and (d.have).default_expr is not null and (d.want).pg_type = (d.have).pg_type then 'drop default' end, false, null),
      (4, case when (d.want).not_null and not (d.have).not_null then 'set not null' when (d.have).not_null and not (d.want).not_null then 'drop not null' end, false, null)
    ) as a (n, action, rewrites, note)
    where d.kind = 'column' and not d.is_missing and not d.is_extra and not d.is_recreated and (d.want).generated_expr is null and a.action is not null
    -- 4. Keys, rules, indexes.
    union all
    select case when (d.want).definition like 'primary key%' then 50 when (d.want).definition like 'check%' then 51 else 53 end, d.kind, d.new_table,
      format('alter table %I.%I add constraint %I %s', v_schema, d.new_table, (d.want).name, (d.want).definition), 'ShareRowExclusive', false, d.row_estimate, null
    from d where d.kind = 'constraint' and (d.is_missing or d.is_recreated)
    union all
    select 52, d.kind, d.new_table,
      case when (d.want).definition like 'unique %'
        then format('create unique index %I on %I.%I %s', (d.want).name, v_schema, d.new_table, substr((d.want).definition, 8))
        else format('create index %I on %I.%I %s', (d.want).name, v_schema, d.new_table, (d.want).definition) end,
      'Share', false, d.row_estimate, null
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
    select 70, d.kind, d.key, s.statement, null, false, 0, null
    from d cross join lateral (values
      ((d.want).definition), (format('grant execute on function %I.%I to %I', v_schema, d.key, v_schema))) as s (statement)
    where d.kind = 'function' and (d.is_missing or d.is_recreated)
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
    -- What would hold a large table for long. This version applies it at once and says so.
    s.row_estimate > 50000 and (s.rewrites or s.kind in ('index', 'constraint')), s.note
  from (select steps.*, row_number() over () as ord from steps) s
  where s.statement is not null;
end
$$;
comment on function engine.plan(uuid) is 'The statements that make a workspace''s schema equal to its metadata, in order, each with its lock, whether it rewrites the table, and about how many rows that touches. Empty when nothing differs. Changes nothing.';
--! EndIncluded engine/plan.sql
--! Included engine/shape.sql
-- Workspaces with equal shapes can be served by one GraphQL schema. The fingerprint covers all
-- that such a schema is made of: tables, columns, types, keys, names and descriptions, without
-- identities and without the schema's own name.
create function engine.shape(schema_name text) returns text
language sql stable set search_path = ''
as $$
  with fact as (
    select * from engine.actual(schema_name)
  )
  select md5(string_agg(line, E'\n' order by line collate "C"))
  from (
    select concat_ws('|', f.kind, f.table_name, f.name, f.pg_type, f.not_null, (f.default_expr is not null), (f.generated_expr is not null),
      case when f.kind = 'constraint' then replace(pg_catalog.pg_get_constraintdef(f.oid), schema_name, 'ws') end,
      regexp_replace(coalesce(f.comment, ''), '@relvar[^\n]*\n?', '')) as line
    from fact f
    where f.kind in ('table', 'internal', 'column', 'constraint', 'function')
    union all
    -- The API shows what some role may do, so privileges are part of the shape, roles by number.
    select concat_ws('|', 'grant', f.table_name, replace(f.name, schema_name, 'ws'), f.definition)
    from fact f where f.kind = 'grant'
  ) s
$$;
comment on function engine.shape(text) is 'Fingerprint of what an API over a tenant schema is made of. Equal shapes share one GraphQL schema.';
--! EndIncluded engine/shape.sql
--! Included engine/apply.sql
-- Makes a workspace's schema equal to its metadata, in the caller's transaction.
create function engine.apply(workspace_id uuid) returns int
language plpgsql volatile security definer set search_path = '' set lock_timeout = '2s'
as $$
declare
  v_schema text;
  v_step engine.step;
  v_count int := 0;
  v_version bigint;
  v_shape text;
begin
  if not (select s.ddl_enabled from engine.settings s) then
    raise exception 'Changes of the data model are switched off on this server.'
      using errcode = 'RV020', hint = 'An upgrade may be running. Try again when it is done.';
  end if;
  perform pg_advisory_xact_lock(hashtextextended('relvar.model.' || workspace_id, 0));
  select w.schema_name into v_schema from core.workspaces w where w.id = workspace_id;
  perform engine.assert_columns_differ(workspace_id), engine.assert_relations(workspace_id);
  -- One block around all statements, not one around each: a block is a subtransaction, and more
  -- than 64 of these in a transaction slow every other session down.
  begin
    for v_step in select * from engine.plan(workspace_id) loop
      execute v_step.statement;
      v_count := v_count + 1;
    end loop;
  exception
    when lock_not_available then
      raise exception 'The table % is busy, so the change was not made.', v_step.object_name
        using errcode = 'RV021', hint = 'Somebody is working with it in a long transaction. Try again in a moment.';
    when duplicate_object or duplicate_table or duplicate_column then
      raise exception 'Something named like that stands in the database already: %', sqlerrm
        using errcode = 'RV022', hint = v_step.statement;
    when not_null_violation or check_violation or unique_violation or foreign_key_violation or data_exception then
      raise exception 'Records of % do not fit the change, so it was not made: %', v_step.object_name, sqlerrm
        using errcode = 'RV023', hint = 'Correct those records first: fill in what is empty, replace options that go, make values unique.';
  end;
  v_shape := engine.shape(v_schema);
  update core.workspaces w set shape = v_shape where w.id = workspace_id and w.shape is distinct from v_shape;
  select w.model_version into v_version from core.workspaces w where w.id = workspace_id;
  -- A change of the model is rare and human-paced; NOTIFY is delivered at commit, if it commits.
  perform pg_notify('relvar_model', json_build_object('workspace', workspace_id, 'version', v_version, 'shape', v_shape)::text);
  return v_count;
end
$$;
comment on function engine.apply(uuid) is 'Runs engine.plan for a workspace. Returns the number of statements run.';

create function engine.assert_columns_differ(workspace_id uuid) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_clash record;
begin
  select c.table_name, c.name, array_agg(distinct f.label) as labels into v_clash
  from engine.columns(workspace_id) c
  join metadata.fields f on f.id = c.field_id and f.workspace_id = assert_columns_differ.workspace_id
  group by c.table_name, c.name having count(*) > 1 limit 1;
  if found then
    raise exception 'The fields % of % would both need the column %.', array_to_string(v_clash.labels, ' and '), v_clash.table_name, v_clash.name
      using errcode = 'RV003', column = 'name', hint = 'Give one of them another API name.';
  end if;
  select o.label_plural, count(*) into v_clash
  from engine.columns(workspace_id) c
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

-- Changes of one workspace's model follow one another; other workspaces are not held up. The
-- version rises once a transaction, so that a mutation can return it before the commit.
create function engine.note_change(workspace_id uuid) returns void
language plpgsql volatile security definer set search_path = '' set lock_timeout = '5s'
as $$
begin
  begin
    perform pg_advisory_xact_lock(hashtextextended('relvar.model.' || workspace_id, 0));
  exception when lock_not_available then
    raise exception 'Somebody else is changing the data model of this workspace.'
      using errcode = 'RV021', hint = 'Their transaction has been open for a while. Try again in a moment.';
  end;
  insert into engine.pending (workspace_id) values (note_change.workspace_id) on conflict do nothing;
  if found then
    update core.workspaces w set model_version = w.model_version + 1 where w.id = note_change.workspace_id;
  end if;
end
$$;

create function engine.tg_metadata__changed() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspace uuid;
begin
  for v_workspace in select distinct c.workspace_id from changed c join core.workspaces w on w.id = c.workspace_id loop
    perform engine.note_change(v_workspace);
  end loop;
  return null;
end
$$;

do $$
declare
  v_table text;
begin
  foreach v_table in array array['objects', 'fields', 'relations', 'roles', 'object_permissions'] loop
    execute format('create trigger _900_changed_insert after insert on metadata.%I referencing new table as changed for each statement execute function engine.tg_metadata__changed()', v_table);
    execute format('create trigger _900_changed_update after update on metadata.%I referencing new table as changed for each statement execute function engine.tg_metadata__changed()', v_table);
    execute format('create trigger _900_changed_delete after delete on metadata.%I referencing old table as changed for each statement execute function engine.tg_metadata__changed()', v_table);
  end loop;
end
$$;

create function engine.tg_pending__apply() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  -- Reconciled earlier in this transaction, as creating a workspace does.
  delete from engine.pending p where p.workspace_id = new.workspace_id;
  if found then
    perform engine.apply(new.workspace_id);
  end if;
  return null;
end
$$;
create constraint trigger apply after insert on engine.pending
  deferrable initially deferred for each row execute function engine.tg_pending__apply();
--! EndIncluded engine/pending.sql
--! Included engine/events.sql
-- The event log: one row per record change, written by statement triggers in the transaction of
-- the change, and one outbox row per statement for the relay. No NOTIFY and no job is added here:
-- both take a lock for the whole database at commit.

-- The statements are written out, not put together: PL/pgSQL compiles a function once for each
-- trigger, so each table's trigger has its own plans and keeps them. Which record_events they mean
-- follows from the search path, set to the schema that the trigger fires in. Nobody but the owner
-- creates things there, and temporary tables, which anybody creates, come last.
create function engine.tg_records__log() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object uuid := tg_argv[0];
  v_batch bigint := nextval('engine.event_batch');
  v_actor engine.actor := engine.current_actor();
  v_source text := engine.current_source();
  v_request text := nullif(current_setting('relvar.request_id', true), '');
  v_action text;
begin
  perform set_config('search_path', quote_ident(tg_table_schema) || ', pg_temp', true);
  case tg_op
    when 'INSERT' then
      -- Anybody can write a setting; only what lies in the trash can be restored.
      v_action := case when current_setting('relvar.action', true) = 'restored' and not exists (
          select from new_rows n where not exists (select from trash t where t.object_id = v_object and t.record_id = n.id))
        then 'restored' else 'created' end;
      insert into record_events (batch, seq, object_id, record_id, action, after, actor_type, actor_id, actor_name, source, request_id)
      select v_batch, row_number() over (), v_object, n.id, v_action, to_jsonb(n) - 'search_vector',
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
        cross join lateral (select to_jsonb(o) as old, to_jsonb(n) as new) j
        cross join lateral jsonb_each(j.old) e
        where e.value is distinct from j.new -> e.key
          and e.key not in ('search_vector', 'updated_at', 'updated_by_source', 'updated_by_member_id', 'updated_by_name')
        group by n.id
      ) c;
    when 'DELETE' then
      v_action := 'deleted';
      insert into record_events (batch, seq, object_id, record_id, action, before, actor_type, actor_id, actor_name, source, request_id)
      select v_batch, row_number() over (), v_object, o.id, v_action, to_jsonb(o) - 'search_vector',
        v_actor.type, v_actor.id, v_actor.name, v_source, v_request
      from old_rows o;
  end case;
  if found then
    insert into engine.outbox (batch, workspace_id, object_id, action) values (v_batch, tg_argv[1]::uuid, v_object, v_action);
  end if;
  return null;
end
$$;

-- updatedAt and updatedBy, kept by the database so that no client can forge or forget them.
create function engine.tg_records__touch() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  if new is distinct from old then
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

create function engine.tg_records__trash() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  -- An id may have been used again since a record of that id was deleted: the later one is kept.
  execute format(
    'insert into %I.trash (object_id, record_id, label, data, deleted_by_name)
     select $1, o.id, %s, to_jsonb(o) - ''search_vector'', $2 from old_rows o
     on conflict (object_id, record_id) do update set label = excluded.label, data = excluded.data, deleted_at = excluded.deleted_at,
       deleted_by_name = excluded.deleted_by_name, transaction_id = excluded.transaction_id',
    tg_table_schema, engine.label_expression(tg_argv[0]::uuid, 'o'))
  using tg_argv[0]::uuid, (engine.current_actor()).name;
  return null;
end
$$;

-- The object that a caller names. Who may delete its records may also restore and destroy them.
create function engine.trashed_object(caller name, schema_name text, object_name text) returns metadata.objects
language plpgsql stable set search_path = ''
as $$
declare
  v_object metadata.objects;
begin
  select o.* into v_object
  from core.workspaces w join metadata.objects o on o.workspace_id = w.id
  where w.schema_name = trashed_object.schema_name and o.name_singular = object_name;
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
create function engine.restore_record(caller name, schema_name text, object_name text, record_id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
begin
  return engine.put_back(schema_name, engine.trashed_object(caller, schema_name, object_name), record_id);
end
$$;

-- Asks for no rights, so that a deletion that reached further than the caller's own rights is
-- undone as far as it reached.
create function engine.put_back(schema_name text, object metadata.objects, record_id uuid) returns boolean
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
create function engine.without_dead_links(schema_name text, object metadata.objects, record_id uuid, data jsonb) returns jsonb
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
create function engine.put_back_links(schema_name text, object metadata.objects, record_id uuid, deleted_in xid8) returns void
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
create function engine.destroy_record(caller name, schema_name text, object_name text, record_id uuid) returns boolean
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
create function engine.search_text(content text) returns text
language sql immutable strict parallel safe set search_path = ''
as $$ select lower(public.unaccent('public.unaccent'::regdictionary, translate(content, '@._-/+:', '       '))) $$;
comment on function engine.search_text(text) is 'A text as search compares it: lower case, no accents, addresses split into words.';
-- Called by generated columns with the rights of whoever writes.
grant execute on function engine.search_text(text) to public;

-- Each word must match the beginning of a word in the record.
create function engine.search_query(query text) returns tsquery
language sql immutable strict parallel safe set search_path = ''
as $$
  select string_agg(quote_literal(w) || ':*', ' & ')::tsquery
  from regexp_split_to_table(engine.search_text(query), '[^[:alnum:]]+') w
  where w <> ''
$$;

-- Search over every searchable object of a tenant that the role may read. It runs as the owner,
-- because under a policy PostgreSQL uses no index for full text (the operators are not
-- leakproof); the caller's rights on each table are asked first.
create function engine.search(caller name, schema_name text, query text, max_results int)
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
    where w.schema_name = search.schema_name and ob.is_active and ob.is_searchable and not ob.is_system
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
      where w.schema_name = search.schema_name and ob.is_active and ob.is_searchable and not ob.is_system
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
--! Included engine/outbox.sql
-- The relay: takes what writers left in the outbox, turns it into jobs in one call, and tells the
-- servers with one NOTIFY. Only the worker runs it, so that writers never pay for either.

create function engine.event_matches(patterns text[], object_name text, action text) returns boolean
language sql immutable parallel safe set search_path = ''
  return patterns && array[object_name || '.' || action, object_name || '.*', '*.' || action, '*.*'];

create function engine.relay_outbox(max_rows int default 500) returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_count int;
  v_notice text;
  v_jobs jsonb;
begin
  with taken as (
    delete from engine.outbox o
    where o.batch in (select b.batch from engine.outbox b order by b.batch limit max_rows for update skip locked)
    returning o.*
  ), named as (
    select t.*, ob.name_singular, ob.table_name, w.schema_name
    from taken t
    join core.workspaces w on w.id = t.workspace_id
    join metadata.objects ob on ob.id = t.object_id
  ), jobs as (
    select jsonb_agg(jsonb_build_object(
      'identifier', 'webhook__deliver',
      'payload', jsonb_build_object('workspace_id', n.workspace_id, 'webhook_id', h.id, 'batch', n.batch),
      'job_key', 'webhook:' || h.id || ':' || n.batch)) as specs
    from named n
    join metadata.webhooks h on h.workspace_id = n.workspace_id and h.is_active and engine.event_matches(h.events, n.name_singular, n.action)
  ), notices as (
    select json_agg(json_build_object('workspace', n.workspace_id, 'object', n.object_id, 'table', n.table_name, 'batch', n.last)) as notice
    from (
      select workspace_id, object_id, table_name, max(batch) as last
      from named group by 1, 2, 3 order by 4 desc limit 40
    ) n
  )
  select (select count(*) from taken), jobs.specs, notices.notice into v_count, v_jobs, v_notice from jobs, notices;
  if v_jobs is not null then
    perform graphile_worker.add_jobs(array(
      select jsonb_populate_record(null::graphile_worker.job_spec, j) from jsonb_array_elements(v_jobs) j));
  end if;
  if v_notice is not null then
    perform pg_notify('relvar_records', v_notice);
  end if;
  return v_count;
end
$$;
comment on function engine.relay_outbox(int) is 'Moves up to max_rows outbox rows to jobs and one notification. Returns how many; 0 when the outbox is empty.';

-- What one statement's changes look like to one webhook, or null when the hook is gone or off.
create function engine.webhook_delivery(workspace_id uuid, webhook_id uuid, batch bigint) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_hook record;
  v_payloads jsonb;
begin
  select h.target_url, h.events, w.schema_name into v_hook
  from metadata.webhooks h join core.workspaces w on w.id = h.workspace_id
  where h.id = webhook_id and h.workspace_id = webhook_delivery.workspace_id and h.is_active;
  if not found then
    return null;
  end if;
  execute format(
    'select jsonb_agg(jsonb_build_object(
        ''id'', e.batch || ''-'' || e.seq, ''type'', o.name_singular || ''.'' || e.action, ''timestamp'', e.happened_at,
        ''workspaceId'', $2, ''object'', o.name_singular, ''recordId'', e.record_id, ''actor'', jsonb_build_object(''type'', e.actor_type, ''id'', e.actor_id, ''name'', e.actor_name),
        ''before'', e.before, ''after'', e.after) order by e.seq)
     from %I.record_events e join metadata.objects o on o.id = e.object_id where e.batch = $1', v_hook.schema_name)
  into v_payloads using batch, workspace_id;
  return jsonb_build_object('url', v_hook.target_url, 'payloads', coalesce(v_payloads, '[]'));
end
$$;

create function engine.heartbeat(name text) returns void
language sql volatile security definer set search_path = ''
as $$
  insert into engine.heartbeats (name, seen_at) values (heartbeat.name, clock_timestamp())
  on conflict (name) do update set seen_at = excluded.seen_at
$$;
comment on function engine.heartbeat(text) is 'Says that a part of the worker is alive; health checks read engine.heartbeats.';

create function engine.seconds_since_heartbeat(name text) returns double precision
language sql stable security definer set search_path = ''
as $$ select extract(epoch from clock_timestamp() - h.seen_at) from engine.heartbeats h where h.name = seconds_since_heartbeat.name $$;

grant usage on schema engine to relvar_worker, relvar_server;
grant execute on function engine.relay_outbox(int), engine.webhook_delivery(uuid, uuid, bigint), engine.heartbeat(text) to relvar_worker;
grant execute on function engine.seconds_since_heartbeat(text) to relvar_server, relvar_worker;
--! EndIncluded engine/outbox.sql
--! Included engine/lint.sql
-- Rules of the catalogue, checked in the catalogue. Each row is a finding.
create function engine.lint() returns table (lint text, title text, detail text, remedy text)
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
  select 'bypass_rls', 'A role of Relvar that bypasses row-level security', r.rolname, format('alter role %I nosuperuser nobypassrls;', r.rolname)
  from pg_catalog.pg_roles r where r.rolname like 'relvar\_%' and (r.rolbypassrls or r.rolsuper)
$$;
comment on function engine.lint() is 'Findings about the catalogue: what breaks a rule of the design, and the cure. No rows when all is well.';
--! EndIncluded engine/lint.sql
--! Included metadata/comments.sql
-- What each column of the model means. These sentences are the documentation of the metadata API,
-- and what \d+ shows in psql.
do $$
declare
  v_table text;
begin
  foreach v_table in array array['applications', 'objects', 'fields', 'relations', 'roles', 'object_permissions', 'webhooks'] loop
    execute format('comment on column metadata.%I.workspace_id is ''The workspace that this belongs to; follows from the role of whoever writes.''', v_table);
    if v_table <> 'object_permissions' then
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
comment on column metadata.fields.type is 'What it holds: TEXT, NUMBER, SELECT, CURRENCY, RELATION and so on. Cannot be changed yet.';
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
--! EndIncluded metadata/comments.sql
--! Included metadata/access.sql
-- Who reads and writes the model. Every CRM role may read its own workspace's; roles that may
-- manage the model write it. The workspace comes from the role, so no row of another is in reach.

create function engine.role_manages_model(pg_role name) returns boolean
language sql stable security definer set search_path = ''
as $$ select coalesce((select r.can_manage_model from metadata.roles r where r.pg_role = role_manages_model.pg_role), false) $$;

create function engine.may_manage_model() returns boolean
language sql stable set search_path = ''
  return engine.role_manages_model(current_user);
comment on function engine.may_manage_model() is 'Whether the session''s CRM role may change the data model.';
grant execute on function engine.role_manages_model(name), engine.may_manage_model() to public;

grant usage on schema metadata to relvar_crm;

do $$
declare
  v_table text;
begin
  foreach v_table in array array['applications', 'objects', 'fields', 'relations', 'roles', 'object_permissions', 'webhooks'] loop
    execute format('alter table metadata.%I alter column workspace_id set default engine.current_workspace()', v_table);
    execute format('alter table metadata.%I enable row level security', v_table);
    execute format('create policy select_own on metadata.%I for select to relvar_crm using (workspace_id = (select engine.current_workspace()))', v_table);
    execute format('comment on policy select_own on metadata.%I is ''Members read the model of their own workspace.''', v_table);
  end loop;
  foreach v_table in array array['objects', 'fields', 'relations', 'webhooks'] loop
    execute format('create policy insert_own on metadata.%I for insert to relvar_crm with check (workspace_id = (select engine.current_workspace()) and (select engine.may_manage_model()))', v_table);
    execute format('create policy update_own on metadata.%I for update to relvar_crm using (workspace_id = (select engine.current_workspace()) and (select engine.may_manage_model())) with check (workspace_id = (select engine.current_workspace()))', v_table);
    execute format('create policy delete_own on metadata.%I for delete to relvar_crm using (workspace_id = (select engine.current_workspace()) and (select engine.may_manage_model()))', v_table);
  end loop;
end
$$;

grant select on metadata.objects, metadata.fields, metadata.relations, metadata.roles, metadata.object_permissions, metadata.webhooks to relvar_crm;
-- Not the manifest: it is long, and the installed objects are what matters.
grant select (id, workspace_id, name, version, installed_at) on metadata.applications to relvar_crm;

-- Ids, workspaces, system flags and the link to an application are not the member's to set.
grant insert (id, name_singular, name_plural, label_singular, label_plural, description, icon, color, label_field_id, is_active, is_searchable, is_audited, position),
  update (name_singular, name_plural, label_singular, label_plural, description, icon, color, label_field_id, is_active, is_searchable, is_audited, position), delete
  on metadata.objects to relvar_crm;
grant insert (id, object_id, name, label, description, icon, type, settings, options, default_value, is_required, is_unique, is_active, position),
  update (name, label, description, icon, settings, options, default_value, is_required, is_unique, is_active, position), delete
  on metadata.fields to relvar_crm;
grant insert (id, field_id, target_object_id, inverse_name, inverse_label, on_delete),
  update (inverse_name, inverse_label, on_delete), delete
  on metadata.relations to relvar_crm;
grant insert (id, name, target_url, events, is_active), update (name, target_url, events, is_active), delete
  on metadata.webhooks to relvar_crm;
--! EndIncluded metadata/access.sql
--! Included metadata/validate.sql
-- Rules of the model that a check constraint cannot say well: each refuses with a sentence, a code
-- and a way out, whoever writes.

-- Names that the API itself uses, and PostgreSQL's own columns.
create function engine.is_reserved_name(name text) returns boolean
language sql immutable strict parallel safe
  return name = any ('{query,mutation,subscription,node,nodeId,nodes,edges,cursor,pageInfo,totalCount,filter,orderBy,first,last,after,before,offset,
    recordEvent,recordEvents,trash,trashedRecord,trashedRecords,searchRecords,restoreRecord,destroyRecord,clientMutationId,input,patch,
    ctid,tableoid,xmin,xmax,cmin,cmax}'::text[]);

create function engine.assert_name(name text, what text) returns void
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

create function engine.tg_objects__validate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_taken text;
begin
  new.name_singular := coalesce(new.name_singular, engine.name_from_label(new.label_singular));
  new.name_plural := coalesce(new.name_plural, engine.name_from_label(new.label_plural));
  perform engine.assert_name(new.name_singular, 'an object'), engine.assert_name(new.name_plural, 'an object');
  if new.name_singular = new.name_plural then
    raise exception 'The singular and the plural API name are both "%".', new.name_singular using errcode = 'RV001', column = 'name_plural',
      hint = format('Name the plural "%sRecords", for example.', new.name_singular);
  end if;
  select o.label_plural into v_taken from metadata.objects o
  where o.workspace_id = new.workspace_id and o.id <> new.id
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
create trigger _100_validate before insert or update on metadata.objects for each row execute function engine.tg_objects__validate();

-- Every object has these; they come with the object, in the same transaction.
create function engine.tg_objects__add_system_fields() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  insert into metadata.fields (workspace_id, object_id, application_id, name, label, description, icon, type, default_value, is_system, position)
  select new.workspace_id, new.id, new.application_id, f.name, f.label, f.description, f.icon, f.type, f.default_value, true, f.position
  from (values
    ('id', 'Id', 'Identifies the record for good.', 'IconKey', 'UUID', '"uuid"'::jsonb, 1000),
    ('createdAt', 'Created', 'When the record was created.', 'IconCalendarPlus', 'DATE_TIME', '"now"', 1001),
    ('updatedAt', 'Last changed', 'When the record was last changed.', 'IconCalendarClock', 'DATE_TIME', '"now"', 1002),
    ('createdBy', 'Created by', 'Who created the record.', 'IconUserPlus', 'ACTOR', null, 1003),
    ('updatedBy', 'Changed by', 'Who last changed the record.', 'IconUserEdit', 'ACTOR', null, 1004),
    ('position', 'Position', 'Place of the record where people order by hand.', 'IconArrowsSort', 'POSITION', '0', 1005),
    ('searchVector', 'Search', 'What search reads.', 'IconSearch', 'TS_VECTOR', null, 1006)
  ) as f (name, label, description, icon, type, default_value, position)
  where f.type <> 'TS_VECTOR' or new.is_searchable;
  return null;
end
$$;
-- The vector comes and goes with is_searchable.
create function engine.tg_objects__switch_search() returns trigger
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
create trigger _200_switch_search after update of is_searchable on metadata.objects for each row
  when (new.is_searchable <> old.is_searchable) execute function engine.tg_objects__switch_search();

create trigger _200_add_system_fields after insert on metadata.objects for each row execute function engine.tg_objects__add_system_fields();

-- A default is refused when it is written, not when the first record meets it.
create function engine.assert_default(field_type text, value jsonb) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_is_composite boolean := not exists (select from engine.field_type_columns c where c.type = field_type and c.part = '');
begin
  if value is null or value = 'null' or field_type in ('RELATION', 'MORPH_RELATION') then
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

create function engine.tg_fields__validate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_value text;
begin
  -- Somebody at a psql prompt need not repeat the workspace of the object.
  new.workspace_id := coalesce(new.workspace_id, (select o.workspace_id from metadata.objects o where o.id = new.object_id));
  new.name := coalesce(new.name, engine.name_from_label(new.label));
  perform engine.assert_name(new.name, 'a field');
  if exists (select from metadata.fields f where f.object_id = new.object_id and f.name = new.name and f.id <> new.id) then
    raise exception 'The object already has a field with the API name "%".', new.name using errcode = 'RV005', column = 'name',
      hint = format('Try "%s2", or use the field that exists.', new.name);
  end if;
  if exists (select from metadata.relations r where r.target_object_id = new.object_id and r.inverse_name = new.name) then
    raise exception 'The object already shows related records under the API name "%".', new.name using errcode = 'RV005', column = 'name',
      hint = format('Try "%s2".', new.name);
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
      where new.default_value <> 'null' and not new.options @> jsonb_build_array(jsonb_build_object('value', d))
    ) then
      raise exception 'The default % is not one of the options.', new.default_value using errcode = 'RV009', column = 'default_value';
    end if;
  end if;
  perform engine.assert_default(new.type, new.default_value);
  if tg_op = 'UPDATE' then
    if new.type <> old.type then
      raise exception 'The type of a field cannot be changed yet.' using errcode = 'RV008', column = 'type',
        hint = 'Add a field of the other type and copy the values with an update.';
    end if;
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
create trigger _100_validate before insert or update on metadata.fields for each row execute function engine.tg_fields__validate();

create function engine.tg_relations__validate() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  new.workspace_id := coalesce(new.workspace_id, (select f.workspace_id from metadata.fields f where f.id = new.field_id));
  new.inverse_name := coalesce(new.inverse_name, engine.name_from_label(new.inverse_label));
  perform engine.assert_name(new.inverse_name, 'a relation');
  if exists (select from metadata.fields f where f.object_id = new.target_object_id and f.name = new.inverse_name)
    or exists (select from metadata.relations r where r.target_object_id = new.target_object_id and r.inverse_name = new.inverse_name and r.id <> new.id) then
    raise exception 'The other object already uses the API name "%".', new.inverse_name using errcode = 'RV005', column = 'inverse_name',
      hint = format('Try "%s2".', new.inverse_name);
  end if;
  if not exists (select from metadata.fields f where f.id = new.field_id and f.type in ('RELATION', 'MORPH_RELATION')) then
    raise exception 'Only fields of type RELATION or MORPH_RELATION have relations.' using errcode = 'RV008', column = 'field_id';
  end if;
  if exists (select from metadata.fields f join metadata.relations r on r.field_id = f.id and r.id <> new.id where f.id = new.field_id and f.type = 'RELATION') then
    raise exception 'A RELATION points to one object.' using errcode = 'RV008', column = 'field_id', hint = 'Use MORPH_RELATION to point to several.';
  end if;
  return new;
end
$$;
create trigger _100_validate before insert or update on metadata.relations for each row execute function engine.tg_relations__validate();

-- A relation field that points to nothing any more has no column: it goes with its last relation.
create function engine.tg_relations__drop_empty_fields() returns trigger
language plpgsql volatile security definer set search_path = ''
as $$
begin
  delete from metadata.fields f
  using gone g
  where f.id = g.field_id and not exists (select from metadata.relations r where r.field_id = f.id);
  return null;
end
$$;
create trigger _200_drop_empty_fields after delete on metadata.relations
  referencing old table as gone for each statement execute function engine.tg_relations__drop_empty_fields();

-- What spans a field and its relations can be judged only when both are written.
create function engine.assert_relations(workspace_id uuid) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_label text;
begin
  select f.label into v_label from metadata.fields f
  where f.workspace_id = assert_relations.workspace_id and f.type in ('RELATION', 'MORPH_RELATION')
    and not exists (select from metadata.relations r where r.field_id = f.id and r.workspace_id = f.workspace_id) limit 1;
  if found then
    raise exception 'The relation "%" points to no object.', v_label using errcode = 'RV008', column = 'target_object_id',
      hint = 'Insert a row of metadata.relations in the same transaction, or use metadata.create_field.';
  end if;
  select f.label into v_label from metadata.fields f join metadata.relations r on r.field_id = f.id and r.workspace_id = f.workspace_id
  where f.workspace_id = assert_relations.workspace_id and f.type = 'RELATION' and f.is_required and r.on_delete = 'SET_NULL' limit 1;
  if found then
    raise exception 'The relation "%" is required, so deleting its other side cannot empty it.', v_label using errcode = 'RV008', column = 'on_delete',
      hint = 'Choose CASCADE (these records go too) or RESTRICT (the deletion is refused).';
  end if;
end
$$;
--! EndIncluded metadata/validate.sql
--! Included metadata/model.sql
-- The whole model of a workspace in one value: what the screen reads once and again when the
-- version rises.
create function engine.model_of(workspace_id uuid) returns jsonb
language sql stable set search_path = ''
as $$
  with columns as materialized (
    select c.field_id, jsonb_agg(jsonb_build_object('part', c.part, 'column', c.name, 'name', engine.camel_case(c.name)) order by c.ordinal, c.name) as list
    from engine.columns(model_of.workspace_id) c group by c.field_id
  ), relations as materialized (
    select r.field_id, jsonb_agg(jsonb_build_object(
      'id', r.id, 'targetObjectId', r.target_object_id, 'name', engine.camel_case(left(c.name, -3)), 'column', c.name,
      'columnName', engine.camel_case(c.name), 'inverseName', r.inverse_name, 'inverseLabel', r.inverse_label, 'onDelete', r.on_delete) order by c.name) as list
    from metadata.relations r join engine.columns(model_of.workspace_id) c on c.relation_id = r.id
    where r.workspace_id = model_of.workspace_id group by r.field_id
  ), fields as materialized (
    select f.object_id, jsonb_agg(jsonb_build_object(
      'id', f.id, 'name', f.name, 'label', f.label, 'description', f.description, 'icon', f.icon, 'type', f.type, 'settings', f.settings,
      'options', f.options, 'defaultValue', f.default_value, 'isRequired', f.is_required, 'isUnique', f.is_unique, 'isActive', f.is_active,
      'isSystem', f.is_system, 'isCustom', f.application_id is null and not f.is_system, 'position', f.position,
      'columns', coalesce(c.list, '[]'), 'relations', coalesce(r.list, '[]')) order by f.position, f.id) as list
    from metadata.fields f
    left join columns c on c.field_id = f.id
    left join relations r on r.field_id = f.id
    where f.workspace_id = model_of.workspace_id group by f.object_id
  )
  select jsonb_build_object('version', w.model_version, 'workspace', jsonb_build_object('id', w.id, 'slug', w.slug, 'name', w.name),
    'objects', (
      select coalesce(jsonb_agg(jsonb_build_object(
        'id', o.id, 'nameSingular', o.name_singular, 'namePlural', o.name_plural, 'labelSingular', o.label_singular, 'labelPlural', o.label_plural,
        'description', o.description, 'icon', o.icon, 'color', o.color, 'isActive', o.is_active, 'isSystem', o.is_system, 'isSearchable', o.is_searchable,
        'isCustom', o.application_id is null, 'labelFieldId', o.label_field_id, 'tableName', o.table_name, 'position', o.position,
        'fields', coalesce(f.list, '[]')) order by o.position, o.id), '[]')
      from metadata.objects o left join fields f on f.object_id = o.id where o.workspace_id = w.id))
  from core.workspaces w where w.id = model_of.workspace_id
$$;

create function metadata.model() returns jsonb
language sql stable security definer set search_path = ''
as $$
  select engine.model_of(engine.workspace_of_role(current_setting('role')::name))
$$;
comment on function metadata.model() is 'The data model of the workspace: version, objects, fields, columns and relations, as one JSON value.';


create function metadata.model_version() returns bigint
language sql stable security definer set search_path = ''
as $$
  select w.model_version from core.workspaces w where w.id = engine.workspace_of_role(current_setting('role')::name)
$$;
comment on function metadata.model_version() is 'Number of the model; it rises by one with each transaction that changes it. Send it as X-Metadata-Version to be served by a schema that knows the change.';
grant execute on function metadata.model(), metadata.model_version() to relvar_crm;
--! EndIncluded metadata/model.sql
--! Included metadata/create.sql
-- The two changes that need more than a row: an object comes with its name field, a relation with
-- its other side.

create function metadata.create_object(
  label_singular text, label_plural text, name_singular text default null, name_plural text default null,
  description text default '', icon text default 'IconBox', color text default null
) returns metadata.objects
language plpgsql volatile set search_path = ''
as $$
declare
  v_object metadata.objects;
  v_field uuid;
begin
  insert into metadata.objects (name_singular, name_plural, label_singular, label_plural, description, icon, color, position)
  values (create_object.name_singular, create_object.name_plural,
    btrim(create_object.label_singular), btrim(create_object.label_plural), coalesce(create_object.description, ''),
    coalesce(create_object.icon, 'IconBox'), create_object.color,
    (select coalesce(max(o.position), 0) + 1 from metadata.objects o))
  returning * into v_object;
  insert into metadata.fields (object_id, name, label, type, icon, position)
  values (v_object.id, 'name', 'Name', 'TEXT', 'IconAbc', 0) returning id into v_field;
  update metadata.objects o set label_field_id = v_field where o.id = v_object.id returning * into v_object;
  return v_object;
end
$$;
comment on function metadata.create_object(text, text, text, text, text, text, text) is
  'Creates an object with a text field "name". API names follow from the labels unless they are given. The table exists when the transaction commits.';

create function metadata.create_field(
  object_id uuid, label text, type text, name text default null, description text default '', icon text default null,
  settings jsonb default '{}', options jsonb default '[]', default_value jsonb default null,
  is_required boolean default false, is_unique boolean default false,
  target_object_id uuid default null, inverse_label text default null, inverse_name text default null, on_delete text default 'SET_NULL'
) returns metadata.fields
language plpgsql volatile set search_path = ''
as $$
declare
  v_field metadata.fields;
  v_object metadata.objects;
begin
  select * into v_object from metadata.objects o where o.id = create_field.object_id;
  if not found then
    raise exception 'There is no such object.' using errcode = 'RV011', column = 'object_id';
  end if;
  if create_field.type in ('RELATION', 'MORPH_RELATION') and create_field.target_object_id is null then
    raise exception 'A relation needs the object that it points to.' using errcode = 'RV008', column = 'target_object_id';
  end if;
  insert into metadata.fields (object_id, name, label, description, icon, type, settings, options, default_value, is_required, is_unique, position)
  values (create_field.object_id, create_field.name, btrim(create_field.label),
    coalesce(create_field.description, ''), create_field.icon, create_field.type, coalesce(create_field.settings, '{}'),
    coalesce(create_field.options, '[]'), create_field.default_value, coalesce(create_field.is_required, false), coalesce(create_field.is_unique, false),
    (select coalesce(max(f.position), 0) + 1 from metadata.fields f where f.object_id = create_field.object_id and not f.is_system))
  returning * into v_field;
  if create_field.type in ('RELATION', 'MORPH_RELATION') then
    insert into metadata.relations (field_id, target_object_id, inverse_label, inverse_name, on_delete)
    values (v_field.id, create_field.target_object_id, coalesce(create_field.inverse_label, v_object.label_plural),
      coalesce(create_field.inverse_name, case when create_field.inverse_label is null then v_object.name_plural end),
      coalesce(create_field.on_delete, 'SET_NULL'));
  end if;
  return v_field;
end
$$;
comment on function metadata.create_field(uuid, text, text, text, text, text, jsonb, jsonb, jsonb, boolean, boolean, uuid, text, text, text) is
  'Creates a field. For a RELATION give the target object, and how the other side names these records.';
grant execute on function metadata.create_object(text, text, text, text, text, text, text),
  metadata.create_field(uuid, text, text, text, text, text, jsonb, jsonb, jsonb, boolean, boolean, uuid, text, text, text) to relvar_crm;
-- Schema engine stays closed to CRM roles: what it offers them is reached through policies, column
-- defaults and functions that were bound when they were created, never by name.
--! EndIncluded metadata/create.sql
--! Included metadata/sync.sql
-- Installs or upgrades a bundle of objects, fields and relations. What a manifest names is found
-- again by its universal identifier (application:object.field, unless the manifest gives one), so
-- that renaming a label here does not make a second field on the next upgrade. On an upgrade only
-- what differs between the old and the new manifest is written: what the workspace changed stays.

create function metadata.sync_application(workspace_id uuid, manifest jsonb) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_application metadata.applications;
  v_id uuid;
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
      label_singular = case when n.label_singular is distinct from p.label_singular then n.label_singular else t.label_singular end,
      label_plural = case when n.label_plural is distinct from p.label_plural then n.label_plural else t.label_plural end,
      description = case when n.description is distinct from p.description then n.description else t.description end,
      icon = case when n.icon is distinct from p.icon then n.icon else t.icon end
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
  order by n.position;

  with new_fields as (
    select f.*, o.id as object_id from engine.manifest_fields(sync_application.manifest) f
    join metadata.objects o on o.workspace_id = sync_application.workspace_id and o.universal_identifier = f.object_identifier
  ), old_fields as (
    select f.* from engine.manifest_fields(v_application.manifest) f
  ), updated as (
    update metadata.fields t set
      label = case when n.label is distinct from p.label then n.label else t.label end,
      description = case when n.description is distinct from p.description then n.description else t.description end,
      icon = case when n.icon is distinct from p.icon then n.icon else t.icon end,
      settings = case when n.settings is distinct from p.settings then n.settings else t.settings end,
      options = case when n.options is distinct from p.options then n.options else t.options end,
      default_value = case when n.default_value is distinct from p.default_value then n.default_value else t.default_value end
    from new_fields n join old_fields p using (universal_identifier)
    where t.workspace_id = sync_application.workspace_id and t.universal_identifier = n.universal_identifier
      and (n.label, n.description, n.icon, n.settings, n.options, n.default_value)
        is distinct from (p.label, p.description, p.icon, p.settings, p.options, p.default_value)
  )
  insert into metadata.fields (workspace_id, object_id, application_id, universal_identifier, name, label, description, icon, type, settings,
    options, default_value, is_required, is_unique, position)
  select sync_application.workspace_id, n.object_id, v_id, n.universal_identifier, n.name, n.label, n.description, n.icon, n.type, n.settings,
    n.options, n.default_value, n.is_required, n.is_unique, n.position
  from new_fields n
  where not exists (select from metadata.fields t where t.workspace_id = sync_application.workspace_id and t.universal_identifier = n.universal_identifier)
  order by n.object_identifier, n.position;

  insert into metadata.relations (workspace_id, field_id, target_object_id, inverse_name, inverse_label, on_delete)
  select sync_application.workspace_id, f.id, o.id, r ->> 'inverseName', r ->> 'inverseLabel', coalesce(r ->> 'onDelete', 'SET_NULL')
  from engine.manifest_fields(sync_application.manifest) n
  join metadata.fields f on f.workspace_id = sync_application.workspace_id and f.universal_identifier = n.universal_identifier
  cross join lateral jsonb_array_elements(n.relations) r
  join metadata.objects o on o.workspace_id = sync_application.workspace_id and o.name_singular = r ->> 'target'
  where not exists (select from metadata.relations t where t.field_id = f.id and t.target_object_id = o.id);

  update metadata.objects o set label_field_id = f.id
  from engine.manifest_objects(sync_application.manifest) n
  join metadata.fields f on f.workspace_id = sync_application.workspace_id and f.universal_identifier = n.universal_identifier || '.' || n.label_field
  where o.workspace_id = sync_application.workspace_id and o.universal_identifier = n.universal_identifier and o.label_field_id is null;
  return v_id;
end
$$;
comment on function metadata.sync_application(uuid, jsonb) is
  'Installs or upgrades an application from its manifest: objects, fields and relations. Returns the application''s id. What the workspace has changed itself is kept.';
grant execute on function metadata.sync_application(uuid, jsonb) to relvar_crm;

create function engine.manifest_objects(manifest jsonb)
returns table (universal_identifier text, name_singular text, name_plural text, label_singular text, label_plural text,
  description text, icon text, color text, label_field text, is_system boolean, is_searchable boolean, "position" double precision)
language sql immutable set search_path = ''
as $$
  select coalesce(o ->> 'universalIdentifier', (manifest ->> 'name') || ':' || (o ->> 'nameSingular')), o ->> 'nameSingular', o ->> 'namePlural',
    o ->> 'labelSingular', o ->> 'labelPlural', coalesce(o ->> 'description', ''), coalesce(o ->> 'icon', 'IconBox'), o ->> 'color', o ->> 'labelField',
    coalesce((o ->> 'isSystem')::boolean, false), coalesce((o ->> 'isSearchable')::boolean, true), coalesce((o ->> 'position')::double precision, 0)
  from jsonb_array_elements(manifest -> 'objects') o
$$;

create function engine.manifest_fields(manifest jsonb)
returns table (object_identifier text, universal_identifier text, name text, label text, description text, icon text, type text, settings jsonb,
  options jsonb, default_value jsonb, is_required boolean, is_unique boolean, "position" double precision, relations jsonb)
language sql immutable set search_path = ''
as $$
  select i.id, coalesce(f ->> 'universalIdentifier', i.id || '.' || (f ->> 'name')), f ->> 'name', f ->> 'label', coalesce(f ->> 'description', ''),
    f ->> 'icon', f ->> 'type', coalesce(f -> 'settings', '{}'), coalesce(f -> 'options', '[]'), nullif(f -> 'defaultValue', 'null'),
    coalesce((f ->> 'isRequired')::boolean, false), coalesce((f ->> 'isUnique')::boolean, false), coalesce((f ->> 'position')::double precision, 0),
    coalesce(f -> 'relations', '[]')
  from jsonb_array_elements(manifest -> 'objects') o
  cross join lateral (select coalesce(o ->> 'universalIdentifier', (manifest ->> 'name') || ':' || (o ->> 'nameSingular')) as id) i
  cross join lateral jsonb_array_elements(coalesce(o -> 'fields', '[]')) f
$$;

-- Called after migrations: every workspace gets the standard objects of this release.
create function engine.sync_standard_application() returns int
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
--! Included core/workspaces.sql
-- Creating a workspace is a difference from nothing: rows of metadata, one reconciliation.

create function engine.create_workspace(slug text, name text, owner_email text, owner_name text default null, owner_password_hash text default null) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_id uuid;
  v_schema text;
begin
  if slug !~ '^[a-z][a-z0-9-]{1,38}[a-z0-9]$' then
    raise exception '"%" cannot be the slug of a workspace.', slug using errcode = 'RV040', column = 'slug',
      hint = 'Use 3 to 40 small letters, digits and hyphens, beginning with a letter.';
  end if;
  if exists (select from core.workspaces w where w.slug = create_workspace.slug) then
    raise exception 'There is a workspace "%" already.', slug using errcode = 'RV041', column = 'slug', hint = 'Choose another slug.';
  end if;
  -- Roles belong to the whole cluster, so the name must not meet one of another database.
  v_schema := 'ws_' || engine.base36(('x' || substr(replace(gen_random_uuid()::text, '-', ''), 18, 15))::bit(60)::bigint);
  insert into core.workspaces (slug, name, schema_name) values (create_workspace.slug, create_workspace.name, v_schema) returning id into v_id;
  insert into metadata.roles (workspace_id, name, description, pg_role, is_system, can_manage_model) values
    (v_id, 'Admin', 'May do everything, including changing the data model.', v_schema || '_r_1', true, true),
    (v_id, 'Member', 'May read and change all records.', v_schema || '_r_2', true, false);
  if not exists (select from engine.standard_manifest) then
    raise exception 'The standard objects are not loaded.' using errcode = 'RV042', hint = 'Run the migrations again; they load them.';
  end if;
  perform metadata.sync_application(v_id, m.manifest) from engine.standard_manifest m;
  -- Members come and go by invitation, not by creating or deleting a record.
  insert into metadata.object_permissions (workspace_id, role_id, object_id, can_read, can_create, can_update, can_delete)
  select v_id, r.id, o.id, true, false, r.can_manage_model, false
  from metadata.roles r join metadata.objects o on o.workspace_id = r.workspace_id
  where r.workspace_id = v_id and o.universal_identifier = 'standard:workspaceMember';
  perform engine.apply(v_id);
  delete from engine.pending p where p.workspace_id = v_id;
  perform core.add_member(create_workspace.slug, owner_email, coalesce(owner_name, split_part(owner_email, '@', 1)), 'Admin', owner_password_hash);
  return v_id;
end
$$;
comment on function engine.create_workspace(text, text, text, text, text) is
  'Creates a workspace with the standard objects, the roles Admin and Member, and its owner. password hash: argon2id, or null for a user who has one or gets one later.';

create function engine.base36(n bigint) returns text
language plpgsql immutable strict parallel safe set search_path = ''
as $$
declare
  v_digits text := '';
  v_n bigint := n;
begin
  loop
    v_digits := substr('0123456789abcdefghijklmnopqrstuvwxyz', (v_n % 36)::int + 1, 1) || v_digits;
    v_n := v_n / 36;
    exit when v_n = 0;
  end loop;
  return v_digits;
end
$$;

create function engine.drop_workspace(slug text) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_workspace core.workspaces;
  v_role text;
begin
  select * into v_workspace from core.workspaces w where w.slug = drop_workspace.slug for update;
  if not found then
    raise exception 'There is no workspace "%".', slug using errcode = 'RV012', hint = 'relvar workspace list shows them.';
  end if;
  perform pg_advisory_xact_lock(hashtextextended('relvar.model.' || v_workspace.id, 0));
  execute format('drop schema %I cascade', v_workspace.schema_name);
  for v_role in
    select r.rolname from pg_catalog.pg_roles r
    where (r.rolname >= v_workspace.schema_name || '_r_' and r.rolname < v_workspace.schema_name || '_r`') or r.rolname = v_workspace.schema_name
    order by length(r.rolname) desc
  loop
    execute format('drop role %I', v_role);
  end loop;
  delete from core.members m where m.workspace_id = v_workspace.id;
  delete from core.workspaces w where w.id = v_workspace.id;
  delete from engine.outbox o where o.workspace_id = v_workspace.id;
  delete from core.users u where not exists (select from core.members m where m.user_id = u.id);
  perform pg_notify('relvar_model', json_build_object('workspace', v_workspace.id, 'version', null, 'shape', null)::text);
end
$$;
comment on function engine.drop_workspace(text) is 'Drops a workspace with all its records, roles and metadata, and the users who belong to no other.';
--! EndIncluded core/workspaces.sql
--! Included core/members.sql
-- A member is a user in a workspace, and a record of the tenant: the same id in core.members and
-- in the tenant's workspace_members, so that records can refer to members by foreign key without
-- a reference that leaves the tenant's schema.

create function core.add_member(workspace_slug text, email text, name text, role_name text, password_hash text default null) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_workspace core.workspaces;
  v_user uuid;
  v_role uuid;
  v_member uuid;
begin
  select * into v_workspace from core.workspaces w where w.slug = add_member.workspace_slug;
  if not found then
    raise exception 'There is no workspace "%".', workspace_slug using errcode = 'RV012', hint = 'relvar workspace list shows them.';
  end if;
  if add_member.email !~ '^[^@\s]+@[^@\s]+$' then
    raise exception '"%" is not an e-mail address.', add_member.email using errcode = 'RV043', column = 'email';
  end if;
  select r.id into v_role from metadata.roles r where r.workspace_id = v_workspace.id and r.name = add_member.role_name;
  if not found then
    raise exception 'The workspace has no role "%".', role_name using errcode = 'RV044', column = 'role',
      hint = 'It has ' || (select string_agg(r.name, ', ' order by r.name) from metadata.roles r where r.workspace_id = v_workspace.id) || '.';
  end if;
  insert into core.users as u (email, name, password_hash) values (lower(add_member.email), add_member.name, add_member.password_hash)
  on conflict (lower(email)) do update set password_hash = coalesce(u.password_hash, excluded.password_hash)
  returning u.id into v_user;
  if exists (select from core.members m where m.workspace_id = v_workspace.id and m.user_id = v_user) then
    raise exception '% is a member already.', add_member.email using errcode = 'RV045', column = 'email';
  end if;
  insert into core.members (workspace_id, user_id, role_id, name) values (v_workspace.id, v_user, v_role, add_member.name) returning id into v_member;
  execute format('insert into %I.workspace_members (id, name_first_name, name_last_name, user_email) values ($1, $2, $3, $4)', v_workspace.schema_name)
    using v_member, split_part(add_member.name, ' ', 1), nullif(btrim(substr(add_member.name, length(split_part(add_member.name, ' ', 1)) + 1)), ''), lower(add_member.email);
  return v_member;
end
$$;
comment on function core.add_member(text, text, text, text, text) is
  'Adds a user, made if need be, to a workspace with a role. Returns the member''s id, which is also the id of the record in workspace_members.';
--! EndIncluded core/members.sql
--! Included core/sign_in.sql
-- What the server may ask and say about who signs in. It reaches core by these functions alone.

grant usage on schema core to relvar_server, relvar_worker;

create type core.identity as (
  workspace_id uuid, workspace_slug text, workspace_name text, schema_name text, pg_role text, role_name text,
  member_id uuid, user_id uuid, api_key_id uuid, email text, display_name text, model_version bigint, shape text
);

create function core.find_login(email text)
returns table (user_id uuid, password_hash text, workspaces jsonb)
language sql stable security definer set search_path = ''
as $$
  select u.id, u.password_hash, (
    select coalesce(jsonb_agg(jsonb_build_object('id', w.id, 'slug', w.slug, 'name', w.name) order by m.created_at, w.id), '[]')
    from core.members m join core.workspaces w on w.id = m.workspace_id
    where m.user_id = u.id and m.is_active)
  from core.users u where lower(u.email) = lower(btrim(find_login.email))
$$;

create function core.create_session(user_id uuid, workspace_id uuid, token_hash bytea, expires_at timestamptz) returns uuid
language sql volatile security definer set search_path = ''
as $$
  -- No membership, no session.
  insert into core.sessions (user_id, workspace_id, token_hash, expires_at)
  select m.user_id, m.workspace_id, create_session.token_hash, create_session.expires_at
  from core.members m
  where m.user_id = create_session.user_id and m.workspace_id = create_session.workspace_id and m.is_active
  returning id
$$;

create function core.resolve_session(token_hash bytea) returns setof core.identity
language sql stable security definer set search_path = ''
as $$
  select w.id, w.slug, w.name, w.schema_name, r.pg_role, r.name, m.id, u.id, null::uuid, u.email, m.name, w.model_version, w.shape
  from core.sessions s
  join core.users u on u.id = s.user_id
  join core.members m on m.user_id = s.user_id and m.workspace_id = s.workspace_id and m.is_active
  join metadata.roles r on r.id = m.role_id
  join core.workspaces w on w.id = s.workspace_id
  where s.token_hash = resolve_session.token_hash and s.expires_at > now()
$$;

create function core.end_session(token_hash bytea) returns void
language sql volatile security definer set search_path = ''
as $$ delete from core.sessions s where s.token_hash = end_session.token_hash $$;

create function core.create_api_key(workspace_slug text, role_name text, name text, prefix text, token_hash bytea, expires_at timestamptz default null) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_id uuid;
begin
  if not exists (select from core.workspaces w where w.slug = workspace_slug) then
    raise exception 'There is no workspace "%".', workspace_slug using errcode = 'RV012', hint = 'relvar workspace list shows them.';
  end if;
  insert into core.api_keys (workspace_id, role_id, name, prefix, token_hash, expires_at)
  select w.id, r.id, create_api_key.name, create_api_key.prefix, create_api_key.token_hash, create_api_key.expires_at
  from core.workspaces w join metadata.roles r on r.workspace_id = w.id and r.name = role_name
  where w.slug = workspace_slug
  returning id into v_id;
  if v_id is null then
    raise exception 'The workspace has no role "%".', role_name using errcode = 'RV044', column = 'role', hint = 'The standard roles are Admin and Member.';
  end if;
  return v_id;
end
$$;
comment on function core.create_api_key(text, text, text, text, bytea, timestamptz) is 'Registers an API key for a role. Only its SHA-256 is stored.';

create function core.resolve_api_key(token_hash bytea) returns setof core.identity
language sql stable security definer set search_path = ''
as $$
  select w.id, w.slug, w.name, w.schema_name, r.pg_role, r.name, null::uuid, null::uuid, k.id, null::text, k.name, w.model_version, w.shape
  from core.api_keys k
  join metadata.roles r on r.id = k.role_id
  join core.workspaces w on w.id = k.workspace_id
  where k.token_hash = resolve_api_key.token_hash and k.revoked_at is null and (k.expires_at is null or k.expires_at > now())
$$;

create function core.gateway_workspace(workspace_id uuid) returns table (schema_name text, shape text, model_version bigint)
language sql stable security definer set search_path = ''
as $$ select w.schema_name, w.shape, w.model_version from core.workspaces w where w.id = gateway_workspace.workspace_id $$;

create function core.list_versions() returns table (workspace_id uuid, model_version bigint, shape text)
language sql stable security definer set search_path = ''
as $$ select w.id, w.model_version, w.shape from core.workspaces w $$;

grant execute on function core.find_login(text), core.create_session(uuid, uuid, bytea, timestamptz), core.resolve_session(bytea), core.end_session(bytea),
  core.resolve_api_key(bytea), core.gateway_workspace(uuid), core.list_versions() to relvar_server;
--! EndIncluded core/sign_in.sql
--! Included core/migrations.sql
-- Health checks ask which migrations the database has run, to tell a server that is newer than it.
create function core.applied_migrations() returns setof text
language sql stable security definer set search_path = ''
as $$ select m.filename from graphile_migrate.migrations m $$;
grant execute on function core.applied_migrations() to relvar_server;
--! EndIncluded core/migrations.sql
