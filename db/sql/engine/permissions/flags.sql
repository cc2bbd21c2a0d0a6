-- What a role may do besides reading and writing records. Each flag is asked by a policy of a table of
-- metadata, by a function, or by the server; a role that includes others has theirs, too.
create or replace function engine.permission_flags() returns table (flag text, kind text, label text, description text)
language sql immutable parallel safe set search_path = ''
as $$
  select * from (values
    ('WORKSPACE', 'SETTING', 'Workspace', 'Name, logo and address of the workspace.'),
    ('WORKSPACE_MEMBERS', 'SETTING', 'Members and teams', 'Invites and removes members, gives them roles, and keeps the teams.'),
    ('ROLES', 'SETTING', 'Roles', 'Makes and changes roles. Who may do this may give anybody anything.'),
    ('DATA_MODEL', 'SETTING', 'Data model', 'Objects, fields, relations, rules and indexes.'),
    ('LAYOUTS', 'SETTING', 'Layouts', 'How the pages of records are arranged for everybody.'),
    ('SECURITY', 'SETTING', 'Security', 'How members sign in, and the audit of who did. Who may do this can let a provider of their own name anybody but administrators.'),
    ('API_KEYS_AND_WEBHOOKS', 'SETTING', 'API keys and webhooks', 'Makes and revokes API keys, registers apps and blocks them; keeps webhooks.'),
    ('WORKFLOWS', 'SETTING', 'Workflows', 'Makes, changes and starts workflows.'),
    ('APPLICATIONS', 'SETTING', 'Applications', 'Installs, upgrades and removes applications.'),
    ('MARKETPLACE_APPS', 'SETTING', 'Shared applications', 'Offers applications of this workspace to others.'),
    ('AI_SETTINGS', 'SETTING', 'AI settings', 'Which models are used, and by which agents.'),
    ('IMPERSONATE', 'SETTING', 'Impersonation', 'Works as another member, where the workspace allows it.'),
    ('SSO_BYPASS', 'SETTING', 'Sign-in without SSO', 'Signs in by password although single sign-on is enforced.'),
    ('DATABASE_ACCESS', 'SETTING', 'Database logins', 'Makes logins for psql and BI tools, which see what their member sees.'),
    ('VIEWS', 'TOOL', 'Views', 'Makes and changes the views and favourites that all members see.'),
    ('MODERATE_COMMENTS', 'TOOL', 'Moderate comments', 'Removes comments that others wrote.'),
    ('IMPORT_CSV', 'TOOL', 'Import', 'Imports records from files.'),
    ('EXPORT_CSV', 'TOOL', 'Export', 'Exports records to files.'),
    ('UPLOAD_FILE', 'TOOL', 'Upload files', 'Attaches files to records.'),
    ('DOWNLOAD_FILE', 'TOOL', 'Download files', 'Opens files of records.'),
    ('SEND_EMAIL_TOOL', 'TOOL', 'Send e-mail', 'Sends e-mail from the application.'),
    ('HTTP_REQUEST_TOOL', 'TOOL', 'HTTP requests', 'Calls other systems.'),
    ('CODE_INTERPRETER_TOOL', 'TOOL', 'Run code', 'Runs code in workflows and agents.'),
    ('AI', 'TOOL', 'AI', 'Asks the assistant and runs agents.'),
    ('CONNECTED_ACCOUNTS', 'TOOL', 'Connected accounts', 'Connects a mailbox and a calendar.'),
    ('PROFILE_INFORMATION', 'TOOL', 'Own profile', 'Changes the own name and picture.')
  ) as f (flag, kind, label, description)
$$;

create or replace function metadata.permission_flags() returns table (flag text, kind text, label text, description text)
language sql stable security definer set search_path = ''
as $$ select * from engine.permission_flags() $$;
comment on function metadata.permission_flags() is 'What a role may do besides reading and writing records: settings and tools.';
grant execute on function metadata.permission_flags() to relvar_crm;

-- A role with all that it includes, directly and further on.
create or replace function engine.role_closure(role_id uuid) returns setof uuid
language sql stable set search_path = ''
as $$
  with recursive closure (id) as (
    select role_closure.role_id
    union
    select i.included_role_id from closure c join metadata.role_includes i on i.role_id = c.id
  )
  select c.id from closure c
$$;

create or replace function engine.roles_of(pg_role name) returns setof uuid
language sql stable set search_path = ''
as $$ select c from metadata.roles r cross join lateral engine.role_closure(r.id) c where r.pg_role = engine.crm_role(roles_of.pg_role) $$;

create or replace function engine.role_may(pg_role name, flag text) returns boolean
language sql stable security definer set search_path = ''
as $$
  select exists (
    select from engine.roles_of(role_may.pg_role) c join metadata.roles r on r.id = c
    where r.has_all_permissions or role_may.flag = any (r.permissions))
$$;

-- The role is the one that was taken, also within a definer function.
create or replace function engine.may(flag text) returns boolean
language sql stable set search_path = ''
  return engine.role_may(current_setting('role')::name, flag) and engine.is_in_scope(flag);
comment on function engine.may(text) is 'Whether the session''s CRM role has a permission, such as DATA_MODEL, and an app that acts with it was granted it.';

create or replace function engine.my_roles() returns setof uuid
language sql stable security definer set search_path = ''
as $$ select engine.roles_of(current_setting('role')::name) $$;
grant execute on function engine.role_may(name, text), engine.may(text), engine.my_roles() to relvar_crm;
