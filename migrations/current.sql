-- Seeing the workspace as a role or as another member does.
alter table core.sessions
  add column seeing_role_id uuid,
  add column seeing_member_id uuid,
  add check (num_nonnulls(seeing_role_id, seeing_member_id) < 2),
  add foreign key (workspace_id, seeing_role_id) references metadata.roles (workspace_id, id) on delete set null (seeing_role_id),
  add foreign key (workspace_id, seeing_member_id) references core.members (workspace_id, id) on delete set null (seeing_member_id);
comment on column core.sessions.seeing_role_id is 'The role as which the session sees its workspace, read only; null for its own.';
comment on column core.sessions.seeing_member_id is 'The member as whom the session sees its workspace, read only; null for its own.';
create index on core.sessions (workspace_id, seeing_role_id);
create index on core.sessions (workspace_id, seeing_member_id);
--!include engine/permissions/seeing.sql
-- A webhook tells what its role sees.
alter table metadata.webhooks add column if not exists role_id uuid;
update metadata.webhooks h set role_id = r.id from metadata.roles r where r.workspace_id = h.workspace_id and r.is_system and r.has_all_permissions and h.role_id is null;
alter table metadata.webhooks
  add foreign key (workspace_id, role_id) references metadata.roles (workspace_id, id);
create index if not exists webhooks_workspace_id_role_id_idx on metadata.webhooks (workspace_id, role_id);
comment on column metadata.webhooks.role_id is 'It tells what this role sees, and nobody is its member; that of who made it unless another is given.';
grant insert (role_id), update (role_id) on metadata.webhooks to relvar_crm;
drop function engine.record_conditions(uuid, metadata.objects, text, uuid);

--!include engine/uuid.sql
-- ── second factors by role, rules of sessions, devices that were seen, passkeys ─────────────────
alter table metadata.roles add column requires_second_factor boolean not null default false;
comment on column metadata.roles.requires_second_factor is 'Whether its members sign in with a second factor, whatever the workspace asks of others.';
grant insert (requires_second_factor), update (requires_second_factor) on metadata.roles to relvar_crm;

alter table core.workspace_settings
  add column session_hours int not null default 1440 check (session_hours between 1 and 8760),
  add column session_idle_hours int not null default 720 check (session_idle_hours between 1 and 8760),
  add column trusted_device_days int not null default 30 check (trusted_device_days between 0 and 365);
comment on column core.workspace_settings.session_hours is 'After so many hours a session ends, however often it is used.';
comment on column core.workspace_settings.session_idle_hours is 'After so many hours without use it ends sooner.';
comment on column core.workspace_settings.trusted_device_days is 'For so many days a browser that proved the second factor need not again; 0: always.';

create table core.known_devices (
  user_id uuid not null references core.users on delete cascade,
  token_hash bytea not null,
  user_agent text,
  ip inet,
  first_seen_at timestamptz not null default now(),
  last_seen_at timestamptz not null default now(),
  primary key (user_id, token_hash)
);
comment on table core.known_devices is 'Browsers and programs that a user has signed in with. A sign-in with another one is told by mail.';
create index on core.known_devices (last_seen_at);

create table core.passkeys (
  id uuid primary key default engine.uuidv7(),
  user_id uuid not null references core.users on delete cascade,
  credential_id bytea not null unique,
  public_key bytea not null,
  counter bigint not null default 0,
  transports text[] not null default '{}',
  name text not null check (btrim(name) <> '' and length(name) <= 100),
  is_synced boolean not null,
  created_at timestamptz not null default now(),
  last_used_at timestamptz
);
comment on table core.passkeys is 'Public keys of WebAuthn with which users sign in.';
comment on column core.passkeys.counter is 'How often the authenticator says that it has signed. One that goes back belongs to a copy.';
create index on core.passkeys (user_id);

create table core.scim_tokens (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  name text not null check (btrim(name) <> '' and length(name) <= 100),
  prefix text not null,
  token_hash bytea not null unique,
  created_at timestamptz not null default now(),
  created_by_name text,
  expires_at timestamptz,
  last_used_at timestamptz,
  revoked_at timestamptz
);
comment on table core.scim_tokens is 'With which directories provision the members of a workspace. Only hashes are kept.';
create index on core.scim_tokens (workspace_id);

create table core.scim_users (
  member_id uuid primary key,
  workspace_id uuid not null references core.workspaces on delete cascade,
  user_name text,
  external_id text,
  emails jsonb,
  has_mapped_role boolean not null default false,
  updated_at timestamptz not null default now(),
  foreign key (workspace_id, member_id) references core.members (workspace_id, id) on delete cascade
);
comment on table core.scim_users is 'What a directory says of members: it is told the same when it asks.';
comment on column core.scim_users.has_mapped_role is 'Whether the role comes from a group of the directory, and goes with it.';
create unique index on core.scim_users (workspace_id, lower(user_name));
create index on core.scim_users (workspace_id, member_id);

create table core.scim_groups (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  display_name text not null,
  external_id text,
  role_id uuid,
  team_id uuid,
  position int not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  foreign key (workspace_id, role_id) references metadata.roles (workspace_id, id) on delete set null (role_id),
  foreign key (workspace_id, team_id) references metadata.teams (workspace_id, id) on delete set null (team_id)
);
comment on table core.scim_groups is 'Groups of a directory, and what each gives its members: a role, a team.';
comment on column core.scim_groups.position is 'Of several groups that give a role the lowest counts.';
create unique index on core.scim_groups (workspace_id, lower(display_name));
create index on core.scim_groups (workspace_id, role_id);
create index on core.scim_groups (workspace_id, team_id);

create table core.scim_group_members (
  group_id uuid not null references core.scim_groups on delete cascade,
  member_id uuid not null references core.members on delete cascade,
  primary key (group_id, member_id)
);
comment on table core.scim_group_members is 'Who is in which group of a directory.';
create index on core.scim_group_members (member_id);

alter table core.sessions add column signed_in_at timestamptz not null default now();
update core.sessions set signed_in_at = created_at;
comment on column core.sessions.signed_in_at is 'When somebody proved who they are: for one that was switched to, when the first of them began.';

-- Acting as a member.
alter table core.workspace_settings add column allows_impersonation boolean not null default false;
alter table core.sessions
  add column impersonation_reason text,
  add column from_session_id uuid references core.sessions on delete cascade,
  add constraint sessions_impersonation_check check (impersonator_user_id is null
    or impersonation_reason is not null and from_session_id is not null and expires_at <= created_at + interval '1 hour');
create index on core.sessions (from_session_id);
comment on column core.sessions.from_session_id is 'The session of who acts as the user, which is gone back to and without which this one ends.';
--!include core/impersonation.sql
-- Single sign-on: identity providers of workspaces, whom they have named, and what members may sign in with.
create table core.identity_providers (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  kind text not null check (kind in ('GOOGLE', 'MICROSOFT', 'OIDC', 'SAML')),
  label text not null check (btrim(label) <> '' and length(label) <= 60),
  slug text not null check (slug ~ '^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$'),
  is_enabled boolean not null default false,
  settings jsonb not null default '{}' check (jsonb_typeof(settings) = 'object'),
  secret text,
  email_domains text[] not null default '{}',
  makes_members boolean not null default false,
  default_role_id uuid,
  role_claim text,
  sets_role_anew boolean not null default false,
  trusts_second_factor boolean not null default false,
  created_at timestamptz not null default now(),
  tested_at timestamptz,
  last_test jsonb,
  last_used_at timestamptz,
  unique (workspace_id, id),
  unique (workspace_id, slug),
  foreign key (workspace_id, default_role_id) references metadata.roles (workspace_id, id) on delete set null (default_role_id)
);
comment on table core.identity_providers is 'Who else a workspace believes when somebody says who they are: Google, Microsoft, any OpenID provider, any SAML identity provider.';
comment on column core.identity_providers.settings is 'What the provider needs and anybody may know, by kind: see core.assert_provider_settings.';
comment on column core.identity_providers.secret is 'The client secret, sealed by the server with a key that the database does not have.';
comment on column core.identity_providers.email_domains is 'For which approved domains of the workspace it makes members; empty for all.';
comment on column core.identity_providers.role_claim is 'The claim or attribute whose values core.provider_roles maps to roles.';
comment on column core.identity_providers.tested_at is 'When it was first seen to work with its present settings.';
create index on core.identity_providers (workspace_id, default_role_id);

create table core.provider_roles (
  workspace_id uuid not null references core.workspaces on delete cascade,
  provider_id uuid not null,
  value text not null check (value <> '' and length(value) <= 500),
  role_id uuid not null,
  position int not null default 0,
  primary key (provider_id, value),
  foreign key (workspace_id, provider_id) references core.identity_providers (workspace_id, id) on delete cascade,
  foreign key (workspace_id, role_id) references metadata.roles (workspace_id, id) on delete cascade
);
comment on table core.provider_roles is 'Which role a value of the provider''s claim gives; of several the first by position.';
create index on core.provider_roles (workspace_id, provider_id);
create index on core.provider_roles (workspace_id, role_id);

create table core.identities (
  provider_id uuid not null references core.identity_providers on delete cascade,
  subject text not null check (subject <> '' and length(subject) <= 1000),
  user_id uuid not null references core.users on delete cascade,
  email text,
  created_at timestamptz not null default now(),
  last_used_at timestamptz not null default now(),
  primary key (provider_id, subject),
  unique (provider_id, user_id)
);
comment on table core.identities is 'Which person of a provider is which user, for the workspace of the provider.';
comment on column core.identities.email is 'The address that the provider has told last. It decides nothing: people are known by their subject.';
create index on core.identities (user_id);

alter table core.workspace_settings
  add column is_password_on boolean not null default true,
  add column is_sso_enforced boolean not null default false;

alter table core.sessions add column provider_id uuid references core.identity_providers on delete cascade;
comment on column core.sessions.provider_id is 'The identity provider that has named the user. Such a session is for its workspace alone.';
create index on core.sessions (provider_id);

drop function core.create_session(uuid, uuid, text, bytea, timestamptz, timestamptz, inet, text, timestamptz, uuid);
drop function core.list_sessions(uuid);
drop function metadata.allow_magic_links(boolean);
--!include core/identities.sql
--!include core/sign_in_rules.sql
--!include core/sessions.sql
--!include core/provider_settings.sql
--!include metadata/identity_providers.sql
--!include metadata/sign_in.sql
--!include metadata/joining.sql
-- Members say in which language and time zone they read.
alter table core.members add column settled_at timestamptz;
comment on column core.members.settled_at is 'When the language and the time zone of the member were first taken from a browser.';
drop function metadata.update_my_profile(text, text, text, text, text, text);
--!include metadata/profile.sql

-- Teams: names, what goes up when a team goes, and the audit of who is in them.
alter table metadata.teams drop constraint teams_workspace_id_parent_team_id_fkey,
  add constraint teams_workspace_id_parent_team_id_fkey foreign key (workspace_id, parent_team_id) references metadata.teams (workspace_id, id) deferrable initially deferred;
--!include metadata/teams.sql

-- Shares that end, and the log of who shared.
do $$
declare
  v_schema text;
begin
  for v_schema in select w.schema_name from core.workspaces w loop
    execute format('alter table %I.record_shares add column expires_at timestamptz', v_schema);
    execute format('comment on column %I.record_shares.expires_at is ''When the share ends; null for never.''', v_schema);
    -- Made anew with what they tell and take since.
    execute format('drop function %1$I.share_record(text, uuid, text, uuid, text, text), %1$I.shares_of_record(text, uuid)', v_schema);
  end loop;
end
$$;
drop function engine.share_record(name, text, text, uuid, text, uuid, text, text), engine.shares_of_record(name, text, text, uuid);
--!include engine/permissions/sharing.sql
--!include engine/permissions/who.sql
-- Database logins of members, and roles that read and nothing else.
do $$
begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'relvar_reader') then
    create role relvar_reader nologin;
  end if;
end
$$;
create table if not exists core.database_logins (
  id uuid primary key default engine.uuidv7(),
  workspace_id uuid not null references core.workspaces on delete cascade,
  member_id uuid references core.members on delete set null,
  login_role text not null unique,
  name text not null default '',
  may_write boolean not null default false,
  expires_at timestamptz not null,
  created_at timestamptz not null default now(),
  created_by_name text,
  is_stale boolean not null default false,
  ended_at timestamptz
);
create index if not exists database_logins_workspace_id_idx on core.database_logins (workspace_id);
create index if not exists database_logins_member_id_idx on core.database_logins (member_id);
comment on table core.database_logins is 'Logins of members for psql and BI tools. One that ended stays until its role of PostgreSQL is dropped.';
comment on column core.database_logins.is_stale is 'Sessions may be open that have another role than the member has now.';
do $$
begin
  if exists (select from pg_catalog.pg_attribute where attrelid = 'core.members'::regclass and attname = 'login_role' and not attisdropped) then
    insert into core.database_logins (workspace_id, member_id, login_role, may_write, expires_at, created_by_name)
    select m.workspace_id, m.id, m.login_role, true, now() + interval '90 days', 'psql' from core.members m where m.login_role is not null
    on conflict do nothing;
    alter table core.members drop column login_role;
  end if;
end
$$;
--!include engine/permissions/reading.sql
--!include engine/identity.sql
--!include engine/permissions/scopes.sql
--!include engine/permissions/flags.sql
--!include engine/permissions/principals.sql
--!include engine/permissions/rights.sql
--!include engine/permissions/security.sql
--!include engine/plan.sql
--!include engine/pending.sql
--!include engine/lint.sql
--!include core/database_logins.sql
--!include core/workspaces.sql
--!include metadata/database_access.sql
--!include metadata/keys.sql

-- Second factors by role and what comes with them, after the functions that they are asked by.
drop function core.second_factor_of(uuid, uuid), core.is_trusted_device(uuid, bytea), core.has_session_mfa(uuid), core.password_of(uuid);
--!include core/attempts.sql
--!include metadata/role_rights.sql
--!include core/second_factor.sql
--!include core/session_rules.sql
--!include core/devices.sql
--!include core/passkeys.sql
--!include engine/labels.sql
drop function engine.search_columns(uuid, uuid[]);
--!include engine/fields.sql
--!include engine/online/kept.sql

-- SAML: our own keys, assertions that were used, and the metadata of providers.
create table core.saml_keys (
  id uuid primary key default engine.uuidv7(),
  provider_id uuid not null references core.identity_providers on delete cascade,
  certificate text not null,
  private_key text not null,
  created_at timestamptz not null default now()
);
comment on table core.saml_keys is 'The keys with which we sign requests to a SAML provider, and decrypt what it has encrypted for us.';
comment on column core.saml_keys.private_key is 'Sealed by the server with a key that the database does not have.';
create index on core.saml_keys (provider_id);

create table core.saml_assertions (
  provider_id uuid not null references core.identity_providers on delete cascade,
  id_hash bytea not null,
  good_until timestamptz not null,
  received_at timestamptz not null default now(),
  ticket_hash bytea not null unique,
  request_id text,
  content jsonb,
  primary key (provider_id, id_hash)
);
comment on table core.saml_assertions is 'Assertions that were used, until they would not be accepted anyway; and what they said, until the browser that brought them has fetched it.';
create index on core.saml_assertions (good_until);

create table core.saml_metadata (
  provider_id uuid primary key references core.identity_providers on delete cascade,
  tried_at timestamptz,
  read_at timestamptz,
  failure text,
  warned_of timestamptz
);
comment on table core.saml_metadata is 'When the metadata of a SAML provider was read from its address, and what went wrong last.';
comment on column core.saml_metadata.warned_of is 'The end of its certificates that was told last.';
--!include core/saml.sql
-- Fast rules: what policies ask once a statement, and filters of limited roles.
create index if not exists team_members_member_id_team_id_idx on metadata.team_members (member_id, team_id);
--!include engine/permissions/policy.sql
--!include engine/permissions/narrowing.sql
--!include engine/search.sql
--!include engine/internals.sql
--!include engine/permissions/grants.sql
--!include engine/online/queue.sql
--!include engine/difference.sql
-- Apps: what registers, what a member lets it do, and the codes and tokens that follow.
create table core.oauth_clients (
  id uuid primary key default gen_random_uuid(),
  workspace_id uuid references core.workspaces on delete cascade,
  name text not null check (btrim(name) <> '' and length(name) <= 100),
  redirect_uris text[] not null default '{}',
  grant_types text[] not null check (grant_types <@ '{authorization_code,refresh_token,client_credentials,urn:ietf:params:oauth:grant-type:device_code}'),
  auth_method text not null check (auth_method in ('none', 'client_secret_basic', 'client_secret_post')),
  secret_hash bytea,
  role_id uuid,
  rate_limit int check (rate_limit between 1 and 1000000),
  created_at timestamptz not null default now(),
  created_by_name text,
  created_by_ip inet,
  last_used_at timestamptz,
  foreign key (workspace_id, role_id) references metadata.roles (workspace_id, id) on delete set null (role_id),
  check ((secret_hash is null) = (auth_method = 'none')),
  check (role_id is null or workspace_id is not null and secret_hash is not null)
);
comment on table core.oauth_clients is 'Apps that may ask for access. Those without a workspace registered themselves.';
create index on core.oauth_clients (workspace_id, role_id);

create table core.oauth_decisions (
  workspace_id uuid not null references core.workspaces on delete cascade,
  client_id uuid not null references core.oauth_clients on delete cascade,
  is_allowed boolean not null,
  decided_by_name text,
  decided_at timestamptz not null default now(),
  primary key (workspace_id, client_id)
);
comment on table core.oauth_decisions is 'Apps that a workspace has let in or blocked, one by one.';
create index on core.oauth_decisions (client_id);

create table core.oauth_grants (
  id uuid primary key default gen_random_uuid(),
  client_id uuid not null references core.oauth_clients on delete cascade,
  workspace_id uuid not null references core.workspaces on delete cascade,
  member_id uuid not null,
  scopes text[] not null,
  resource text,
  created_at timestamptz not null default now(),
  last_used_at timestamptz,
  ended_at timestamptz,
  ended_reason text,
  foreign key (workspace_id, member_id) references core.members (workspace_id, id) on delete cascade
);
comment on table core.oauth_grants is 'What a member has let an app do.';
create index on core.oauth_grants (client_id);
create index on core.oauth_grants (workspace_id, member_id);

create table core.oauth_tokens (
  model text not null,
  id_hash bytea not null,
  payload jsonb not null,
  client_id uuid references core.oauth_clients on delete cascade,
  grant_id uuid references core.oauth_grants on delete cascade,
  scopes text[] not null default '{}',
  resource text,
  user_code_hash bytea unique,
  consumed_at timestamptz,
  expires_at timestamptz not null,
  primary key (model, id_hash)
);
comment on table core.oauth_tokens is 'Codes and tokens of apps, by hash, and what the authorization server remembers between two requests.';
create index on core.oauth_tokens (client_id);
create index on core.oauth_tokens (grant_id);
create index on core.oauth_tokens (expires_at);

alter table core.workspace_settings add column allows_other_apps boolean not null default true;
comment on column core.workspace_settings.allows_other_apps is 'Whether members may let in apps that registered themselves.';

--!include core/oauth_clients.sql
--!include core/oauth_grants.sql
--!include core/oauth_tokens.sql
--!include metadata/roles.sql
--!include metadata/my_permissions.sql
--!include metadata/apps.sql
--!include metadata/rights.sql
-- Rules behind every door.
drop function engine.explain_role(metadata.roles, metadata.objects, text, uuid, metadata.fields, uuid);
--!include engine/permissions/explain.sql
--!include engine/permissions/past.sql
--!include engine/trash.sql
--!include engine/permissions/strays.sql
--!include metadata/webhooks.sql
--!include core/scim.sql
--!include core/scim_groups.sql
--!include metadata/provisioning.sql
-- Mails lead to the address of their workspace.
drop function core.mail_to_send(uuid);
--!include core/mail.sql
--!include core/accounts.sql
